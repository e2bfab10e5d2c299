"""Station 2: a submission's cells, run in a sandboxed kernel by nbclient, one stretch at a time.

The checks drive the run: before the checks of a task, the cells up to that task's graded cell are executed.
The graded cells themselves are never executed; what they would say is computed on the trusted side.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from queue import Empty
from typing import Any, TypeVar

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from autograder import data, plain
from autograder.exercise import task_of
from autograder.grading.kernel import KernelDidNotStart, WarmProvisioner, kernel_manager
from autograder.models import ModelReport, report_from
from autograder.outcome import Mismatch, Status
from autograder.plain import Message, NotPlain
from autograder.sandbox.channel import Channel, ChannelClosed, ChannelTimeout
from autograder.sandbox.client import Fork, WarmProcess
from autograder.sandbox.limits import Limits
from autograder.sandbox.probe import SERVE
from autograder.submission import Missing, NoModel, Raised

INTERRUPT_SECONDS = 3.0  # what a cell has to stop after it was interrupted, before everything is ended


T = TypeVar("T")


class Stopped(Mismatch):
    """The answer to every question once the student's process is gone."""


class NotebookRun:
    """One notebook in one kernel. Implements `autograder.submission.Answers`.

    Use as a context manager: leaving it ends the kernel and the observer.
    """

    def __init__(
        self,
        notebook: nbformat.NotebookNode,
        warm: WarmProcess,
        limits: Limits,
        held_out: data.HeldOut | None,
    ) -> None:
        self.notebook = notebook
        self.status = Status.GRADED
        self.message = ""
        self.passed: list[str] = []  # graded cells that the run has come to
        self.seconds = {"kernel": 0.0, "cells": 0.0, "models": 0.0}
        self._warm = warm
        self._limits = limits
        self._held_out = held_out
        self._next_cell = 0
        self._error = ""
        self._output_bytes = 0
        self._loop = asyncio.new_event_loop()
        self._client: _Client | None = None
        self._questions: Channel | None = None
        self._serving = False
        self._observer: tuple[Fork, Channel] | None = None
        self._models: dict[str, ModelReport] = {}

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
            self._warm.end(fork)
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
        left = self._limits.notebook_seconds - self.seconds["cells"]
        if left <= 0:
            self._stop(Status.TIMED_OUT, f"Your notebook ran longer than {self._limits.notebook_seconds:g} s in all.")
            return
        index = self._next_cell - 1
        began = time.perf_counter()
        self._client.timeout = min(self._limits.cell_seconds, left)
        self._client.begin_cell(self._limits.cell_output_kb * 1000)
        try:
            self._wait(self._client.async_execute_cell(cell, index))
        except CellTimeoutError:
            self._interrupt(cell, self._client.timeout)
        except (DeadKernelError, KernelDidNotStart):
            self._died(index)
        except CellExecutionError:  # pragma: no cover - allow_errors keeps it from happening
            pass
        finally:
            self.seconds["cells"] += time.perf_counter() - began
        self._remember_error(cell)

    def _interrupt(self, cell: nbformat.NotebookNode, seconds: float) -> None:
        """A cell ran too long: ask it to stop, and end the kernel if it does not."""
        text = f"A cell of yours was stopped: it ran longer than {seconds:g} s. Does a loop never end?"
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text + "\n"))
        self._error = f"a time limit: it ran longer than {seconds:g} s"
        assert self._client is not None
        if self._warm.alive and self._wait(self._client.stopped_after_interrupt(INTERRUPT_SECONDS)):
            if self.status is Status.GRADED:
                self.status, self.message = Status.TIMED_OUT, text
        else:
            self._stop(Status.TIMED_OUT, text)

    def _died(self, index: int) -> None:
        code = self._exit_status()
        number = sum(c.cell_type == "code" for c in self.notebook.cells[: index + 1])
        cell = f"in code cell {number}"
        excess = self._excess()
        if excess:
            self._stop(Status.OUT_OF_MEMORY, f"Your notebook was ended {cell}: it used {excess}.")
        elif code == 128 + 9 and self._warm.alive:
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
            if output.output_type == "error" and not self._error:
                self._error = f"{output.ename}: {output.evalue}"[:300]

    # -- answering ------------------------------------------------------------------------------------------

    def value(self, name: str) -> Any:
        tree, message = self._ask({"ask": "value", "name": name})
        return self._decoded(tree, message)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tree, message = self._ask({"ask": "call", "name": name, "args": args, "kwargs": kwargs})
        if "error" in tree:
            raise Raised(str(tree["error"])[:100], str(tree.get("says", ""))[:500])
        return self._decoded(tree, message)

    def model(self, name: str) -> ModelReport:
        if name not in self._models:
            began = time.perf_counter()
            self._models[name] = self._observe(name)
            self.seconds["models"] += time.perf_counter() - began
        return self._models[name]

    def stopped_with(self) -> str:
        return self._error

    def held_out(self) -> data.HeldOut | None:
        return self._held_out

    def _observe(self, name: str) -> ModelReport:
        tree, message = self._ask({"ask": "model", "name": name})
        if "no_model" in tree:
            raise NoModel(str(tree["no_model"])[:300])
        try:
            weights = plain.decode(Message(tree.get("weights"), message.arrays))
            request = {"do": "rebuild", "key": name, "facts": tree.get("facts"), "weights": weights}
            answer = self._ask_observer(plain.encode(request))
        except NotPlain as error:
            raise NoModel(str(error)) from error
        facts = answer.tree.get("facts") if isinstance(answer.tree, dict) else None
        if not isinstance(facts, dict):
            raise NoModel("it cannot be looked at")
        return report_from(name, facts, lambda inputs: self._predict(name, inputs))

    def _predict(self, name: str, inputs: Any) -> Any:
        began = time.perf_counter()
        answer = self._ask_observer(plain.encode({"do": "predict", "key": name, "inputs": inputs}))
        output = plain.decode(Message(answer.tree.get("value"), answer.arrays))
        self.seconds["models"] += time.perf_counter() - began
        return output

    def _ask_observer(self, request: Message) -> Message:
        if self._observer is None:
            fork, sock = self._warm.fork_observer(self._limits)
            self._observer = fork, Channel(sock)
        _, channel = self._observer
        try:
            channel.send(request, self._limits.model_seconds)
            answer = channel.receive(self._limits.model_seconds)
        except (ChannelClosed, ChannelTimeout) as error:
            fork, channel = self._observer
            self._observer = None
            channel.close()
            self._warm.end(fork)
            slow = isinstance(error, ChannelTimeout)
            why = f"it took longer than {self._limits.model_seconds:g} s" if slow else "it needs too much memory"
            raise NoModel(why) from error
        if isinstance(answer.tree, dict) and "refused" in answer.tree:
            raise NoModel(str(answer.tree["refused"])[:300])
        return answer

    def _ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], Message]:
        if self._client is None or self._questions is None:
            raise Stopped(self.message or "Your notebook was stopped before this could be looked at.")
        self._start_serving()
        channel = self._questions
        try:
            channel.send(plain.encode(question), self._limits.answer_seconds)
            answer = self._answer_in_time(channel)
        except (ChannelClosed, ChannelTimeout):
            name = question["name"]
            if self._exit_status() is not None:
                self._died(self._next_cell - 1)
            else:
                seconds = self._limits.answer_seconds
                self._stop(Status.TIMED_OUT, f"`{name}` did not answer within {seconds:g} s. Does a loop never end?")
            raise Stopped(self.message) from None
        except NotPlain as error:
            # What follows on the socket can no longer be told apart, so nothing more is read from it.
            self._stop(Status.CRASHED, f"`{question['name']}` cannot be looked at: {error}")
            raise Stopped(self.message) from None
        if not isinstance(answer.tree, dict):
            raise Mismatch(f"`{question['name']}` cannot be looked at.")
        if answer.tree.get("missing") is True:
            raise Missing(question["name"])
        return answer.tree, answer

    def _answer_in_time(self, channel: Channel) -> Message:
        """The answer; a student's function that takes too long is interrupted once."""
        try:
            return channel.receive(self._limits.answer_seconds)
        except ChannelTimeout:
            assert isinstance(self._manager.provisioner, WarmProvisioner)
            self._wait(self._manager.provisioner.send_signal(2))
            return channel.receive(INTERRUPT_SECONDS)

    def _decoded(self, tree: dict[str, Any], message: Message) -> Any:
        try:
            return plain.decode(Message(tree.get("value"), message.arrays))
        except NotPlain as error:
            raise Mismatch(str(error)) from error

    def _start_serving(self) -> None:
        if not self._serving:
            assert self._client is not None
            self._client.kc.execute(SERVE, silent=True, store_history=False, allow_stdin=False)
            self._serving = True

    def _stop_serving(self) -> None:
        self._models.clear()  # cells that run now may change them
        if self._serving and self._questions is not None and self._client is not None:
            self._serving = False
            try:
                self._questions.send(plain.encode({"ask": "done"}), 1.0)
            except (ChannelClosed, ChannelTimeout):
                pass

    # -- the kernel -----------------------------------------------------------------------------------------

    def _start_kernel(self) -> None:
        self._manager = kernel_manager(self._warm, self._limits)
        self._client = _Client(
            self.notebook,
            km=self._manager,
            allow_errors=True,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            iopub_timeout=10,
        )
        self._wait(self._client.async_start_new_kernel())
        self._wait(self._client.async_start_new_kernel_client())
        assert isinstance(self._manager.provisioner, WarmProvisioner)
        assert self._manager.provisioner.questions is not None
        self._questions = Channel(self._manager.provisioner.questions)

    def _end_kernel(self) -> None:
        assert self._client is not None
        if self._client.kc is not None:
            self._client.kc.stop_channels()
        provisioner = self._manager.provisioner
        if isinstance(provisioner, WarmProvisioner):
            self._wait(provisioner.kill())
            self._wait(provisioner.cleanup())
        self._manager.context.destroy(linger=0)

    def _excess(self) -> str:
        """What the kernel's fork used too much of, if it was ended for that."""
        provisioner = self._manager.provisioner
        fork = provisioner.fork if isinstance(provisioner, WarmProvisioner) else None
        return fork.excess if fork is not None else ""

    def _exit_status(self) -> int | None:
        status: int | None = self._wait(self._manager.provisioner.poll())
        return status

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


class _Client(NotebookClient):  # type: ignore[misc]
    """nbclient's client, with a cap on what a cell may print or show."""

    def begin_cell(self, max_bytes: int) -> None:
        """Allow the next cell this much output."""
        self._left = max_bytes
        self._cut = False

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        self._left -= len(str(msg["content"]))
        if self._left >= 0:
            return super().output(outs, msg, display_id, cell_index)
        if not self._cut:
            self._cut = True
            text = "(The rest of this cell's output was left out: it is too long.)\n"
            outs.append(nbformat.v4.new_output("stream", name="stderr", text=text))
        return None

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
