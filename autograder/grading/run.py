"""Station 2: a submission's cells, run in a sandboxed kernel by nbclient, one stretch at a time.

The checks drive the run: before the checks of a task, the cells up to that task's graded cell are executed.
The graded cells themselves are never executed; what they would say is computed on the trusted side.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import time
from collections.abc import Coroutine
from queue import Empty
from typing import Any, TypeVar

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from autograder import data
from autograder.backend.observe import compile_settings
from autograder.exercise import wire
from autograder.exercise.definition import task_of
from autograder.exercise.models import ModelReport, report_from
from autograder.exercise.outcome import Mismatch, Status
from autograder.exercise.submission import Missing, NoModel, Raised
from autograder.exercise.wire import Message, NotPlain
from autograder.grading.kernel import ForkProvisioner, KernelDidNotStart, kernel_manager
from autograder.sandbox.channel import Channel, ChannelClosed, ChannelTimeout
from autograder.sandbox.client import Fork, ForkServer, wait_for
from autograder.sandbox.kernel_agent import SERVE
from autograder.sandbox.limits import Limits, busyness
from autograder.sandbox.watch import Excess, Resource

DYING_SECONDS = 5.0  # for the news of a process's end to arrive
INTERRUPT_SECONDS = 3.0  # what a cell has to stop after it was interrupted, before everything is ended
PROCESSOR_INTERVAL = 0.2  # seconds between two looks at a cell's processor time


T = TypeVar("T")


class Stopped(Mismatch):
    """The answer to every question once the student's process is gone."""


class NotebookRun:
    """One notebook in one kernel. Implements `autograder.exercise.submission.Answers`.

    Use as a context manager: leaving it ends the kernel and the observer.
    """

    def __init__(
        self,
        notebook: nbformat.NotebookNode,
        server: ForkServer,
        limits: Limits,
        held_out: data.HeldOut | None,
    ) -> None:
        self.notebook = notebook
        self.status = Status.GRADED
        self.message = ""
        self.passed: list[str] = []  # graded cells that the run has come to
        self.seconds = {"kernel": 0.0, "cells": 0.0, "answers": 0.0, "models": 0.0}
        self._server = server
        self._limits = limits.stretched(busyness())
        self._held_out = held_out
        self._next_cell = 0
        self._error = ""
        self._overspent = False  # whether the present cell was interrupted for its processor time
        self._loop = asyncio.new_event_loop()
        # When a kernel ends, nbclient leaves tasks behind that failed for it. Nobody needs to read of that.
        self._loop.set_exception_handler(lambda *_: None)
        self._client: _Client | None = None
        self._queries: Channel | None = None
        self._serving = False
        self._observer: tuple[Fork, Channel] | None = None
        # What was answered since the last cell ran. A thread of the student's may change variables between two
        # questions; so that all tests of a task see the same, nothing is asked twice.
        self._values: dict[str, Any] = {}
        self._models: dict[str, ModelReport | NoModel] = {}
        # By what models are, not by what they are called, so these outlast the cells.
        self._described: dict[str, dict[str, Any]] = {}
        self._predictions: dict[str, list[tuple[np.ndarray, float, np.ndarray]]] = {}

    def __enter__(self) -> NotebookRun:
        began = time.perf_counter()
        try:
            self._start_kernel()
        except BaseException:
            self.close()
            raise
        self.seconds["kernel"] = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the kernel and the observer. Safe to call twice."""
        if self._observer is not None:
            fork, channel = self._observer
            channel.close()
            self._server.end(fork)
            self._observer = None
        if self._client is not None:
            self._end_kernel()
            self._client = None
        if not self._loop.is_closed():
            self._loop.close()

    # -- running --------------------------------------------------------------------------------------------

    def run_until(self, grade_id: str) -> None:
        """Execute the cells up to the graded cell `grade_id`; that one is passed over."""
        self._stop_serving()
        self._error = ""
        while self._next_cell < len(self.notebook.cells):
            cell = self.notebook.cells[self._next_cell]
            self._next_cell += 1
            task = task_of(cell)
            if task is None:
                self._execute(cell)
                continue
            self.passed.append(task.grade_id)
            if task.grade_id == grade_id:
                return

    def run_rest(self) -> None:
        """Execute what follows the last graded cell."""
        self.run_until("")
        self._stop_serving()

    def _execute(self, cell: nbformat.NotebookNode) -> None:
        if self._client is None or cell.cell_type != "code" or self.status is Status.CRASHED:
            return
        left = self._seconds_left()
        if left <= 0:
            self._stop(Status.TIMED_OUT, self._too_long())
            return
        index = self._next_cell - 1
        began = time.perf_counter()
        self._client.timeout = math.ceil(min(self._limits.cell_seconds, left))  # nbclient takes whole seconds
        self._client.begin_cell(self._limits.cell_output_kb * 1000)
        self._overspent = False
        try:
            self._wait(self._execute_and_watch(cell, index))
            if self._overspent:
                self._say_stopped(cell, f"used {self._too_much_in_a_cell()}")
        except CellTimeoutError:
            self._interrupt(cell, self._client.timeout)
        except (DeadKernelError, KernelDidNotStart):
            self._died(index)
        except Exception:  # whoever controls the kernel's process can send anything, and break nbclient in any way
            self._stop(Status.CRASHED, _NO_MESSAGE)
        finally:
            self.seconds["cells"] += time.perf_counter() - began
        self._remember_error(cell)

    async def _execute_and_watch(self, cell: nbformat.NotebookNode, index: int) -> None:
        assert self._client is not None
        watching = asyncio.ensure_future(self._watch_processor())
        try:
            await self._client.async_execute_cell(cell, index)
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _watch_processor(self) -> None:
        """Interrupt the present cell when it has used its processor time, and end the kernel if it does not stop."""
        before = self._server.cpu_seconds
        while self._server.cpu_seconds - before <= self._limits.cell_cpu_seconds:
            await asyncio.sleep(PROCESSOR_INTERVAL)
        provisioner = self._manager.provisioner
        assert isinstance(provisioner, ForkProvisioner)
        self._overspent = True
        await provisioner.send_signal(2)
        await asyncio.sleep(INTERRUPT_SECONDS)
        if provisioner.fork is not None:
            provisioner.fork.excess = Excess(Resource.PROCESSOR, self._too_much_in_a_cell())
            await provisioner.kill()

    def _interrupt(self, cell: nbformat.NotebookNode, seconds: float) -> None:
        """A cell ran too long: ask it to stop, and end the kernel if it does not."""
        assert self._client is not None
        try:
            stopped = self._server.alive and self._wait(self._client.stopped_after_interrupt(INTERRUPT_SECONDS))
        except Exception:  # see _execute
            stopped = False
        text = self._say_stopped(cell, f"ran longer than {seconds:g} s")
        if not stopped:
            self._stop(Status.TIMED_OUT, text)

    def _say_stopped(self, cell: nbformat.NotebookNode, says: str) -> str:
        """Say it in the cell, to the checks that follow, and, unless there was trouble before, of the notebook."""
        text = f"A cell of yours was stopped: it {says}. Does a loop never end?"
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text + "\n"))
        self._error = f"a time limit: it {says}"
        if self.status is Status.GRADED:
            self.status, self.message = Status.TIMED_OUT, text
        return text

    def _too_much_in_a_cell(self) -> str:
        return f"more than {self._limits.cell_cpu_seconds:g} s of processor time in one cell"

    def _died(self, index: int) -> None:
        wait_for(lambda: self._exit_status() is not None, DYING_SECONDS)  # on a busy machine the news comes late
        code = self._exit_status()
        number = sum(c.cell_type == "code" for c in self.notebook.cells[: index + 1])
        cell = f"in code cell {number}"
        excess = self._excess()
        if excess is not None and excess.resource is Resource.PROCESSOR:
            self._stop(
                Status.TIMED_OUT, f"Your notebook was ended {cell}: it used {excess.says}. Does a loop never end?"
            )
        elif excess is not None:
            self._stop(Status.OUT_OF_MEMORY, f"Your notebook was ended {cell}: it used {excess.says}.")
        elif code == 128 + 9 and self._server.alive:
            self._stop(
                Status.OUT_OF_MEMORY,
                f"Your notebook was ended {cell}: it was killed, most likely for memory.",
            )
        elif code == 128 + 24:
            self._stop(Status.TIMED_OUT, f"Your notebook was ended {cell}: it used too much processor time.")
        elif code is not None and code > 128:
            self._stop(Status.CRASHED, f"Your notebook's Python crashed {cell} (signal {code - 128}).")
        else:
            self._stop(Status.CRASHED, f"Your notebook's Python ended {cell}: does it call exit()?")

    def _stop(self, status: Status, message: str) -> None:
        """No more cells, no more answers."""
        self.status, self.message = status, message
        if self._client is not None:
            self._end_kernel()
            self._client = None

    def _remember_error(self, cell: nbformat.NotebookNode) -> None:
        for output in cell.outputs:
            if output.get("output_type") == "error" and not self._error:
                self._error = wire.one_line(f"{output.get('ename')}: {output.get('evalue')}", 300)

    def _seconds_left(self) -> float:
        """Of the notebook's time. Waiting for the student's functions and models counts as well as cells."""
        return self._limits.notebook_seconds - sum(self.seconds[key] for key in ("cells", "answers", "models"))

    def _too_long(self) -> str:
        return f"Your notebook ran longer than {self._limits.notebook_seconds:g} s in all."

    # -- answering ------------------------------------------------------------------------------------------

    def value(self, name: str) -> Any:
        if name not in self._values:
            tree, message = self._ask({"ask": "value", "name": name})
            self._values[name] = self._decoded(tree, message)
        return self._values[name]

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tree, message = self._ask({"ask": "call", "name": name, "args": args, "kwargs": kwargs})
        if "error" in tree:
            raise Raised(wire.one_line(tree["error"], 100) or "an error", wire.one_line(tree.get("says"), 500))
        return self._decoded(tree, message)

    def model(self, name: str) -> ModelReport:
        if name not in self._models:
            try:
                self._models[name] = self._observe(name)
            except NoModel as reason:  # asking again would cost its time again
                self._models[name] = reason
        found = self._models[name]
        if isinstance(found, NoModel):
            raise found
        return found

    def stopped_with(self) -> str:
        return self._error

    def held_out(self) -> data.HeldOut | None:
        return self._held_out

    def _observe(self, name: str) -> ModelReport:
        tree, message = self._ask({"ask": "model", "name": name})
        if "no_model" in tree:
            raise NoModel(wire.one_line(tree["no_model"], 300) or "it is not a Keras model")
        facts = tree.get("facts")
        if not isinstance(facts, dict):
            raise NoModel("it cannot be looked at")
        try:
            # What a model is follows from its config and weights alone: it is rebuilt once, however many tasks ask.
            key = _model_key(facts, message.arrays)
            if key not in self._described:
                self._described[key] = self._rebuild(key, facts, tree.get("weights"), message.arrays)
            described = self._described[key] | compile_settings(facts)
            return report_from(name, described, lambda inputs, scale: self._predict(name, key, inputs, scale))
        except NotPlain as error:
            raise NoModel(str(error)) from error
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise NoModel("it cannot be looked at") from error

    def _rebuild(self, key: str, facts: dict[str, Any], weights: Any, arrays: list[bytes]) -> dict[str, Any]:
        plain_weights = wire.decode(Message(weights, arrays))
        request = {"do": "rebuild", "key": key, "facts": facts, "weights": plain_weights}
        described = self._ask_observer(wire.encode(request)).tree.get("facts")
        if not isinstance(described, dict):
            raise NoModel("it cannot be looked at")
        return described

    def _predict(self, name: str, key: str, inputs: np.ndarray, scale: float) -> np.ndarray:
        known = self._predictions.setdefault(key, [])
        for seen, times, output in known:
            if times == scale and seen.dtype == inputs.dtype and np.array_equal(seen, inputs):
                return output
        try:
            request = {"do": "predict", "key": key, "inputs": inputs, "scale": scale}
            answer = self._ask_observer(wire.encode(request))
            output = wire.decode(Message(answer.tree.get("value"), answer.arrays))
        except (NoModel, NotPlain) as reason:
            raise Mismatch(f"`{name}` cannot be checked: {reason}.") from reason
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
            raise Mismatch(f"`{name}` cannot be checked: what it answers is too large, or no numbers.")
        known.append((inputs.copy(), scale, output))  # whoever asked may go on reckoning in it
        return output

    def _ask_observer(self, request: Message) -> Message:
        """Have the observer do something, in its own limit of time and the notebook's."""
        seconds = min(self._limits.model_seconds, self._seconds_left())
        if seconds <= 0:
            raise NoModel("looking at it took too long")
        if self._observer is None:
            fork, sock = self._server.fork_observer(self._limits)
            self._observer = fork, Channel(sock)
        fork, channel = self._observer
        began = time.perf_counter()
        try:
            channel.send(request, seconds)
            answer = channel.receive(seconds)
            if not isinstance(answer.tree, dict):
                raise NotPlain("It cannot be looked at.")
        except (ChannelClosed, ChannelTimeout, NotPlain) as error:
            # A hostile model may have taken the observer over, so it is not used again.
            self._observer = None
            channel.close()
            self._server.end(fork)
            self._described.clear()  # the models are gone with it
            raise NoModel(_why_not_observed(error, seconds, fork.excess)) from error
        finally:
            self.seconds["models"] += time.perf_counter() - began
        if "refused" in answer.tree:
            raise NoModel(wire.one_line(answer.tree["refused"], 300))
        return answer

    def _ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], Message]:
        if self._client is None or self._queries is None:
            raise Stopped(self.message or "Your notebook was stopped before this could be looked at.")
        seconds = min(self._limits.answer_seconds, self._seconds_left())
        if seconds <= 0:
            self._stop(Status.TIMED_OUT, self._too_long())
            raise Stopped(self.message)
        channel = self._queries
        began = time.perf_counter()
        try:
            self._start_serving()
            channel.send(wire.encode(question), seconds)
            answer = self._answer_in_time(channel, seconds)
        except ChannelClosed:  # the process has ended, or is about to: the news may come later than the end itself
            self._died(self._next_cell - 1)
            raise Stopped(self.message) from None
        except ChannelTimeout:
            name = question["name"]
            if self._exit_status() is not None:
                self._died(self._next_cell - 1)
            else:
                self._stop(Status.TIMED_OUT, f"`{name}` did not answer within {seconds:g} s. Does a loop never end?")
            raise Stopped(self.message) from None
        except NotPlain as error:
            # What follows on the socket can no longer be told apart, so nothing more is read from it.
            self._stop(Status.CRASHED, f"`{question['name']}` cannot be looked at: {error}")
            raise Stopped(self.message) from None
        finally:
            self.seconds["answers"] += time.perf_counter() - began
        if not isinstance(answer.tree, dict):
            raise Mismatch(f"`{question['name']}` cannot be looked at.")
        if answer.tree.get("missing") is True:
            raise Missing(question["name"])
        return answer.tree, answer

    def _answer_in_time(self, channel: Channel, seconds: float) -> Message:
        """The answer; a student's function that takes too long is interrupted once."""
        try:
            return channel.receive(seconds)
        except ChannelTimeout:
            assert isinstance(self._manager.provisioner, ForkProvisioner)
            self._wait(self._manager.provisioner.send_signal(2))
            return channel.receive(INTERRUPT_SECONDS)

    def _decoded(self, tree: dict[str, Any], message: Message) -> Any:
        try:
            return wire.decode(Message(tree.get("value"), message.arrays))
        except NotPlain as error:
            raise Mismatch(str(error)) from error

    def _start_serving(self) -> None:
        if not self._serving:
            assert self._client is not None
            self._client.kc.execute(SERVE, silent=True, store_history=False, allow_stdin=False)
            self._serving = True

    def _stop_serving(self) -> None:
        self._models.clear()  # cells that run now may change them
        self._values.clear()
        if self._serving and self._queries is not None and self._client is not None:
            self._serving = False
            with contextlib.suppress(ChannelClosed, ChannelTimeout):
                self._queries.send(wire.encode({"ask": "done"}), 1.0)

    # -- the kernel -----------------------------------------------------------------------------------------

    def _start_kernel(self) -> None:
        self._manager = kernel_manager(self._server, self._limits)
        self._client = _Client(
            self.notebook,
            km=self._manager,
            allow_errors=True,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            iopub_timeout=10,
        )
        self._client.begin_notebook(self._limits.notebook_output_kb * 1000)
        self._wait(self._client.async_start_new_kernel())
        self._wait(self._client.async_start_new_kernel_client())
        assert isinstance(self._manager.provisioner, ForkProvisioner)
        assert self._manager.provisioner.queries is not None
        self._queries = Channel(self._manager.provisioner.queries)

    def _end_kernel(self) -> None:
        assert self._client is not None
        if self._client.kc is not None:
            self._client.kc.stop_channels()
        provisioner = self._manager.provisioner
        if isinstance(provisioner, ForkProvisioner):
            self._wait(provisioner.kill())
            self._wait(provisioner.cleanup())
        self._manager.context.destroy(linger=0)

    def _excess(self) -> Excess | None:
        """What the kernel's fork used too much of, if it was ended for that."""
        provisioner = self._manager.provisioner
        fork = provisioner.fork if isinstance(provisioner, ForkProvisioner) else None
        return fork.excess if fork is not None else None

    def _exit_status(self) -> int | None:
        status: int | None = self._wait(self._manager.provisioner.poll())
        return status

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


_NO_MESSAGE = "Your notebook's Python sent something that is no message of Jupyter's. It was ended."
_SHOWN = ("stream", "error", "display_data", "execute_result", "update_display_data")
_TAKEN = ("status", "execute_input", "clear_output", *_SHOWN)


def _why_not_observed(error: Exception, seconds: float, excess: Excess | None) -> str:
    if isinstance(error, ChannelTimeout):
        return f"it took longer than {seconds:.0f} s"
    if isinstance(error, NotPlain):
        return "what it is made of is too large to look at"
    return f"it needs too much {excess.resource if excess is not None else Resource.MEMORY}"


def _model_key(facts: dict[str, Any], arrays: list[bytes]) -> str:
    """The same for two models that are built alike and have the same weights."""
    digest = hashlib.sha256()
    for part in ("class_name", "module", "config"):
        digest.update(hashlib.sha256(str(facts.get(part)).encode("utf-8", "replace")).digest())
    for array in arrays:
        digest.update(hashlib.sha256(array).digest())
    return digest.hexdigest()


class _Client(NotebookClient):  # type: ignore[misc]
    """nbclient's client, with a cap on what a cell and a notebook may print or show."""

    def begin_notebook(self, max_bytes: int) -> None:
        """Allow the whole notebook this much output."""
        self._left_in_all = max_bytes

    def begin_cell(self, max_bytes: int) -> None:
        """Allow the next cell this much output."""
        self._left = max_bytes
        self._cut = False

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        # Widgets' messages are left out: nbclient would keep all their state, and nothing here shows it.
        if msg["msg_type"] not in _TAKEN:
            return None
        if msg["msg_type"] in _SHOWN:
            size = len(str(msg["content"]))
            self._left -= size
            self._left_in_all -= size
            if min(self._left, self._left_in_all) < 0:
                self._leave_out(cell)
                return None
        return super().process_message(msg, cell, cell_index)

    def _leave_out(self, cell: Any) -> None:
        if not self._cut:
            self._cut = True
            what = (
                "cell's output was left out: it is"
                if self._left < 0
                else "notebook's output was left out: all in all it is"
            )
            text = f"(The rest of this {what} too long.)\n"
            cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text))

    async def stopped_after_interrupt(self, seconds: float) -> bool:
        """Interrupt the kernel; whether it is idle again within `seconds`."""
        await self.km.interrupt_kernel()
        deadline = time.monotonic() + seconds
        request = self.kc.kernel_info()
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = await self.kc.shell_channel.get_msg(timeout=left)
            except Empty:
                return False
            if message["parent_header"].get("msg_id") == request:
                return True
        return False
