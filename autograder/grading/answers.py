"""What checks ask of a notebook's kernel, and what it answers: plain data, models as reports, or a true reason.

One query's trouble is one answer. A function that never returns, ends the process or fills the memory is named with
what it did and is not asked again; whatever else a task needs is asked for in the kernel that takes the lost one's
place (`run.NotebookRun`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograder import data
from autograder.backend.observe import compile_settings
from autograder.exercise import wire
from autograder.exercise.models import ModelReport, report_from
from autograder.exercise.outcome import Hint, Mismatch, Status
from autograder.exercise.sentences import arrived, clause
from autograder.exercise.submission import Missing, NoModel, Raised
from autograder.exercise.wire import Message, NotPlain
from autograder.grading.observing import Observing
from autograder.grading.run import NEVER_ENDS, NotebookRun
from autograder.language import Sentence, _, as_sentence
from autograder.sandbox.channel import ChannelClosed, ChannelTimeout
from autograder.sandbox.surroundings import KINDS, MAX_KEPT, described

_NOT_YOURS = Hint(
    "This is not a mistake of yours. Do without it here, or ask your teacher to provide it.", id="surroundings"
)


class Stopped(Mismatch):
    """The answer to every query once there is no process left to ask."""


class KernelAnswers:
    """Answers from a run's kernel. Implements `autograder.exercise.submission.Answers`.

    Use as a context manager inside the run's: leaving it ends the observer.
    """

    def __init__(self, run: NotebookRun, held_out: data.HeldOut | None = None) -> None:
        self._run = run
        self._held_out = held_out
        self._observing = Observing(run.server, run.limits)
        # What was answered since the last cell ran. A thread of the student's may change variables between two
        # queries; so that all tests of a task see the same, nothing is asked twice.
        self._values: dict[str, Any] = {}
        self._models: dict[str, ModelReport | NoModel] = {}
        self._unanswerable: dict[str, str] = {}  # names that cost too much to ask for once more, and why
        run.before_cell, run.on_loss = self._forget, self._lost

    def __enter__(self) -> KernelAnswers:
        return self

    def __exit__(self, *_: object) -> None:
        self._observing.close()

    def value(self, name: str) -> Any:
        if name not in self._values:
            answer = self._ask({"ask": "value", "name": name})
            self._values[name] = _decoded(answer)
        return self._values[name]

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = self._ask({"ask": "call", "name": name, "args": args, "kwargs": kwargs})
        if "error" in answer.tree:
            raise Raised(clause(answer.tree["error"], 100) or _("an error"), clause(answer.tree.get("says")))
        return _decoded(answer)

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

    def file_size(self, name: str) -> int | None:
        size = self._ask({"ask": "size", "name": name}).tree.get("size")
        return size if type(size) is int and size >= 0 else None

    def stopped_with(self) -> str:
        return self._run.error

    def cause_of(self, name: str) -> str:
        if self._run.kernel is None or not self._run.failed:
            return ""
        try:
            cause = self._ask({"ask": "cause", "name": name}).tree.get("cause")
        except Mismatch:
            return ""
        # The agent knows an interrupted cell by its exception, the run by its limit.
        text = clause(cause)
        return _("a time limit") if text == "KeyboardInterrupt" else text

    def surroundings(self) -> tuple[str, ...]:
        """What the notebook expected around it and has not found: "the package `seaborn`". As its process says."""
        if self._run.kernel is None:
            return ()
        try:
            things = self._ask({"ask": "surroundings", "name": "surroundings"}).tree.get("missing")
        except (Mismatch, Missing):
            return ()
        return _things(things[:MAX_KEPT]) if isinstance(things, list) else ()

    def seed(self) -> int:
        """From what the student wrote: the code of all cells."""
        code = "\n\n".join(cell.source for cell in self._run.notebook.cells if cell.cell_type == "code")
        return int.from_bytes(hashlib.sha256(code.encode("utf-8", "replace")).digest()[:6], "big")

    def held_out(self) -> data.HeldOut | None:
        return self._held_out

    def _forget(self, source: str) -> None:
        """A cell is about to run: it may change what was answered."""
        self._models.clear()
        self._values.clear()
        # Whether it makes something new of the name would take parsing, which a student's text can make last or crash.
        self._unanswerable = {name: why for name, why in self._unanswerable.items() if name not in source}

    def _lost(self) -> None:
        self._models.clear()
        self._values.clear()
        self._observing.close()  # so that the limits count anew from what is there

    def _observe(self, name: str) -> ModelReport:
        answer = self._ask({"ask": "model", "name": name})
        if "no_model" in answer.tree:
            raise NoModel(arrived(answer.tree["no_model"]) or _("it is not a Keras model"))
        facts = answer.tree.get("facts")
        if not isinstance(facts, dict):
            raise NoModel(_("it cannot be inspected"))
        try:
            with self._spending("models"):
                key, described = self._observing.describe(
                    facts, answer.tree.get("weights"), answer.arrays, self._seconds_for_a_model()
                )
            described = described | compile_settings(facts)
            return report_from(name, described, lambda inputs, scale: self._predict(name, key, inputs, scale))
        except NotPlain as error:
            raise NoModel(error.why) from error
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise NoModel(_("it cannot be inspected")) from error

    def _predict(self, name: str, key: str, inputs: np.ndarray, scale: float) -> np.ndarray:
        try:
            with self._spending("models"):
                return self._observing.predict(key, inputs, scale, self._seconds_for_a_model())
        except NoModel as reason:
            raise Mismatch(
                _("`{name}` cannot be checked: {reason}.", name=name, reason=as_sentence(reason.why))
            ) from reason

    def _seconds_for_a_model(self) -> float:
        return min(self._run.limits.model_seconds, self._run.seconds_to_answer())

    def _ask(self, query: dict[str, Any]) -> Message:
        name = query["name"]
        if name in self._unanswerable:
            raise Stopped(self._unanswerable[name])
        if self._run.kernel is not None and self._run.kernel.ended:
            self._run.lose_last_cell()
        kernel = self._run.kernel_to_ask()
        seconds = min(self._run.limits.answer_seconds, self._run.seconds_to_answer())
        if kernel is None or seconds <= 0:
            raise Stopped(self._run.message or _("Your notebook was stopped before this could be checked."))
        too_long = _(
            "`{name}` did not answer within {seconds:g} s. {question}", name=name, seconds=seconds, question=NEVER_ENDS
        )
        try:
            with self._spending("answers"):
                answer = kernel.ask(query, seconds)
        except ChannelClosed:
            raise self._no_more(name, lambda: self._run.lose_ended(_("`{name}` was stopped", name=name))) from None
        except ChannelTimeout:
            if kernel.ended:
                raise self._no_more(name, lambda: self._run.lose_ended(_("`{name}` was stopped", name=name))) from None
            raise self._no_more(name, lambda: self._lose(Status.TIMED_OUT, too_long)) from None
        except NotPlain as error:
            why = _("`{name}` cannot be inspected: {error}", name=name, error=error.why)
            raise self._no_more(name, lambda: self._lose(Status.CRASHED, why)) from None
        if answer.overdue:
            raise self._no_more(name, lambda: too_long)
        if not isinstance(answer.message.tree, dict):
            raise Mismatch(_("`{name}` cannot be inspected.", name=name))
        if answer.message.tree.get("missing") is True:
            raise Missing(name)
        if "absent" in answer.message.tree:
            (what,) = _things([answer.message.tree["absent"]]) or (_("something"),)
            raise Mismatch(
                _(
                    "`{name}` depends on something that is not available where exercises are graded: {what}.",
                    name=name,
                    what=what,
                ),
                (_NOT_YOURS,),
            )
        return answer.message

    def _lose(self, status: Status, message: str) -> str:
        self._run.lose(status, message)
        return message

    def _no_more(self, name: str, why: Callable[[], str]) -> Stopped:
        reason = why()
        self._unanswerable[name] = reason
        return Stopped(reason)

    @contextmanager
    def _spending(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._run.seconds[what] += time.perf_counter() - began


def _decoded(answer: Message) -> Any:
    try:
        return wire.decode(Message(answer.tree.get("value"), answer.arrays))
    except NotPlain as error:
        raise Mismatch(error.why) from error


def _things(said: list[Any]) -> tuple[Sentence, ...]:
    """What the student's process says is not there, as nouns; whatever it says otherwise is left out."""
    pairs = [t for t in said if isinstance(t, list) and len(t) == 2]
    return tuple(described(kind, clause(name, 100)) for kind, name in pairs if isinstance(kind, str) and kind in KINDS)
