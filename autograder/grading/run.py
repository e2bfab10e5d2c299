"""Station 2: a submission's cells, run in a sandboxed kernel by nbclient, one stretch at a time.

The checks drive the run: before the checks of a task, the cells up to that task's graded cell are executed.
The graded cells themselves are never executed; what they would say is computed on the trusted side. What the checks
ask of the kernel is the business of `grading.answers`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from autograder.errors import ForkServerFailed
from autograder.exercise.definition import task_of
from autograder.exercise.outcome import Status
from autograder.exercise.sentences import clause
from autograder.grading.cells import join_streams
from autograder.grading.kernel import Kernel, KernelDidNotStart, too_much_in_a_cell
from autograder.language import _, said
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits, busyness
from autograder.sandbox.watch import Resource

NEVER_ENDS = _("Is there a loop that never ends?")
MAX_KERNELS = 3  # of one notebook: one, and two more where one is lost

_STATUS = {
    Resource.PROCESSOR: Status.TIMED_OUT,
    Resource.MEMORY: Status.OUT_OF_MEMORY,
    Resource.OUTPUT: Status.OUT_OF_MEMORY,
    None: Status.CRASHED,
}
# How errors begin that leave a process without room for anything else.
_EXHAUSTED = ("MemoryError", "RuntimeError: can't start new thread", "OSError: [Errno 24]", "OSError: [Errno 12]")
_NO_MESSAGE = _("Your notebook's Python sent something that is not a Jupyter message, so it was stopped.")


class NotebookRun:
    """Runs one notebook's cells. Use as a context manager: leaving it ends the kernel.

    A kernel can be lost: to a crash, `exit()`, a limit of memory, a loop that cannot be interrupted. What later tasks
    need and can still be had is then made in a new one: the cells so far run again, without the one that it was lost
    in, within what is left of the notebook's limits and at most twice. Nothing can be gained by it: what was checked
    before is not checked again, and students' code is told neither what checks ask nor that it runs a second time.
    """

    def __init__(
        self,
        notebook: nbformat.NotebookNode,
        server: ForkServer,
        limits: Limits,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        self.notebook = notebook
        self._files = files  # name and content of what lies beside the notebook
        self.status = Status.GRADED  # what went wrong first, and its message
        self.message = ""
        self.passed: list[str] = []  # graded cells that the run has come to
        self.seconds = {"kernel": 0.0, "cells": 0.0, "answers": 0.0, "models": 0.0}
        self.limits = limits.stretched(busyness())
        self.server = server
        self.kernel: Kernel | None = None
        self.error = ""  # what the first failing cell since the last graded one stopped with
        self.failed = False  # whether any cell has
        self.before_cell: Callable[[str], None] = lambda source: None
        self.on_loss: Callable[[], None] = lambda: None  # of the kernel
        self._next_cell = 0
        self._left_out: set[int] = set()  # cells that a kernel was lost to
        self._exhausting: set[int] = set()  # cells that ended because memory, threads or files ran out
        self._kernels = 0
        self._processor_used = 0.0  # by kernels that are gone

    def __enter__(self) -> NotebookRun:
        try:
            self._start_kernel()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the kernel. Safe to call twice."""
        self._end_kernel()

    def run_until(self, grade_id: str) -> None:
        """Execute the cells up to the graded cell `grade_id`; that one is passed over."""
        self.error = ""
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
        """Execute what follows the last graded cell. Nothing asks for it, so no lost kernel is replaced for it."""
        self._kernels = MAX_KERNELS
        self.run_until("")

    def seconds_left(self) -> float:
        """Seconds left of the notebook's time limit. Waiting for the student's functions and models counts, too."""
        return self.limits.notebook_seconds - sum(self.seconds[key] for key in ("cells", "answers", "models"))

    def seconds_to_answer(self) -> float:
        """Seconds left for answers: more than for cells, so that what overlong cells left can still be inspected."""
        return self.seconds_left() + self.limits.answer_seconds + self.limits.model_seconds

    def kernel_to_ask(self) -> Kernel | None:
        """The kernel, in the state that the cells so far have made; None if there is none any more."""
        if self.kernel is None:
            self._replace_kernel()
        return self.kernel

    def lose(self, status: Status, message: str) -> None:
        """End the kernel, which cannot be used any more. The first reason is the notebook's."""
        self._remember(status, message)
        if self.kernel is not None:
            self._processor_used += self.server.cpu_seconds
            self.on_loss()
            self._end_kernel()

    def lose_ended(self, what: str) -> str:
        """`lose` a kernel whose process has ended by itself or for its limits; `what` was ended by it.

        Returns:
            What happened, as a sentence.
        """
        assert self.kernel is not None
        resource, how = self.kernel.how_it_ended()
        message = _("{what}: it {did}.", what=what, did=how)
        if resource is Resource.PROCESSOR:
            message = _("{what}: it {did}. {question}", what=what, did=how, question=NEVER_ENDS)
        self.lose(_STATUS[resource], message)
        return message

    def lose_last_cell(self) -> None:
        """`lose` a kernel that has ended after the last cell, which nobody had asked anything yet."""
        ran = [
            i for i, c in enumerate(self.notebook.cells[: self._next_cell]) if c.cell_type == "code" and not task_of(c)
        ]
        self._left_out |= self._exhausting or set(ran[-1:])
        self.lose_ended(
            _("Your notebook was stopped after code cell {number}", number=self._number(ran[-1] if ran else 0))
        )

    def _execute(self, cell: nbformat.NotebookNode) -> None:
        if cell.cell_type != "code" or (self.kernel is None and not self._replace_kernel(but_last=True)):
            return
        assert self.kernel is not None
        left = self.seconds_left()
        if left <= 0:
            self._remember(
                Status.TIMED_OUT,
                _("Your notebook ran longer than {seconds:g} s in all.", seconds=self.limits.notebook_seconds),
            )
            return
        index = self._next_cell - 1
        seconds = math.ceil(min(self.limits.cell_seconds, left))  # nbclient takes whole seconds
        self.before_cell(cell.source)
        again = False
        began = time.perf_counter()
        try:
            self.kernel.execute(cell, seconds)
            if self.kernel.overspent:
                self._say_stopped(cell, too_much_in_a_cell(self.limits))
        except CellTimeoutError:
            own = left >= self.limits.cell_seconds  # else it had what others have left of the notebook's time
            whole = _("made the notebook run longer than {seconds:g} s in all", seconds=self.limits.notebook_seconds)
            text = self._say_stopped(cell, _("ran longer than {seconds:g} s", seconds=seconds) if own else whole)
            if not self.kernel.stopped_after_interrupt():
                again = self._lose_in(index, lambda: self.lose(Status.TIMED_OUT, text))
        except (DeadKernelError, KernelDidNotStart):
            where = _("Your notebook was stopped in code cell {number}", number=self._number(index))
            again = self._lose_in(index, lambda: self.lose_ended(where))
        except Exception:  # whoever controls the kernel's process can send anything, and break nbclient in any way
            again = self._lose_in(index, lambda: self.lose(Status.CRASHED, _NO_MESSAGE))
        finally:
            self.seconds["cells"] += time.perf_counter() - began
        join_streams(cell)
        if again:
            self._execute(cell)
            return
        for output in cell.outputs:
            if output.get("output_type") == "error":
                error = clause(f"{output.get('ename')}: {str(output.get('evalue'))[:2_000]}")
                self.error, self.failed = self.error or error, True
                if error.startswith(_EXHAUSTED):
                    self._exhausting.add(index)

    def _lose_in(self, index: int, lose: Callable[[], object]) -> bool:
        """Lose the kernel in this cell; whether to run it again.

        What an earlier cell has filled to the brim breaks in the next: there the earlier one is left out.
        """
        guilty = self._exhausting - self._left_out
        self._left_out |= guilty or {index}
        lose()
        self.failed = True
        self.error = self.error or _(
            "the end of the notebook's Python process: {message}", message=clause(said(self.message))
        )
        return bool(guilty)

    def _number(self, index: int) -> int:
        return sum(c.cell_type == "code" for c in self.notebook.cells[: index + 1])

    def _say_stopped(self, cell: nbformat.NotebookNode, says: str) -> str:
        """Say it in the cell, to the checks that follow, and, unless there was trouble before, of the notebook."""
        text = _("A cell of yours was stopped: it {did}. {question}", did=says, question=NEVER_ENDS)
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=said(text) + "\n"))
        self.error, self.failed = _("a time limit: it {did}", did=says), True
        self._remember(Status.TIMED_OUT, text)
        return text

    def _remember(self, status: Status, message: str) -> None:
        if self.status is Status.GRADED:
            self.status, self.message = status, message

    # -- kernels --------------------------------------------------------------------------------------------

    def _start_kernel(self) -> None:
        began = time.perf_counter()
        self._kernels += 1
        left = math.ceil(self.limits.cpu_seconds - self._processor_used)
        self.kernel = Kernel(self.server, replace(self.limits, cpu_seconds=max(left, 1)))
        self.kernel.start()
        self.kernel.put(self._files)
        self.seconds["kernel"] += time.perf_counter() - began

    def _replace_kernel(self, but_last: bool = False) -> bool:
        """Start a new kernel, and run the cells so far in it; whether that could be done.

        Args:
            but_last: leave the last of them to the caller.
        """
        cells = self.notebook.cells[: self._next_cell - but_last]
        while self._kernels < MAX_KERNELS and self.server.alive and self.seconds_left() > 0:
            if self._processor_used >= self.limits.cpu_seconds:
                return False
            self._start_kernel()
            began = time.perf_counter()
            try:
                if all(self._run_again(index, cell) for index, cell in enumerate(cells)):
                    return True
            finally:
                self.seconds["cells"] += time.perf_counter() - began
        return False

    def _run_again(self, index: int, cell: nbformat.NotebookNode) -> bool:
        """Run a cell whose outputs are there already; whether the kernel is still there."""
        left = self.seconds_left()
        if cell.cell_type != "code" or task_of(cell) is not None or left <= 0:
            return True
        assert self.kernel is not None
        try:
            if index in self._left_out:  # the agent keeps what failed, to tell what rests on it
                query = {"ask": "failed", "source": cell.source, "error": str(self.message)}
                self.kernel.ask(query, self.limits.answer_seconds)
                return True
            again = nbformat.v4.new_code_cell(cell.source)
            self.kernel.execute(again, math.ceil(min(self.limits.cell_seconds, left)))
            return True
        except CellTimeoutError:
            if self.kernel.stopped_after_interrupt():
                return True
            self._left_out.add(index)
            self.lose(Status.TIMED_OUT, _NO_MESSAGE)
        except Exception:  # see `_execute`
            self._left_out.add(index)
            self.lose(Status.CRASHED, _NO_MESSAGE)
        return False

    def _end_kernel(self) -> None:
        kernel, self.kernel = self.kernel, None
        if kernel is None:
            return
        try:
            kernel.end()
        except ForkServerFailed:
            # One that is slow to go must not cost a result that is there. Nobody else is graded beside it.
            self.server.close()
