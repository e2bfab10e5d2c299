"""The learner's side: `start`, and the `check` and `hint` that it hands out.

Here the checks look at the notebook's own variables, so an answer takes milliseconds. Whoever wants to fool
themselves here can; the grade is made elsewhere, in a sandbox (see CONTRIBUTING.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

from autograder import data
from autograder.backend import observe
from autograder.exercise import wire
from autograder.exercise.causes import Failures, described, remember, type_and_text
from autograder.exercise.checking import run_checks
from autograder.exercise.definition import Exercise, find_exercise
from autograder.exercise.display import CheckView, Points
from autograder.exercise.models import ModelReport, report_from
from autograder.exercise.outcome import CheckResult, Outcome, of_points
from autograder.exercise.passages import Reading, book_here
from autograder.exercise.sentences import clause
from autograder.exercise.submission import Missing, NoModel, Raised, Submission
from autograder.language import say
from autograder.learner.first_import import keep_tensorflow_quiet, leave_scikit_learn_until_used
from autograder.learner.live import Counting

Check = Callable[[str], float]
Hint = Callable[[str], None]


def start(exercise: str) -> tuple[Check, Hint]:
    """Begin an exercise; stands in the locked first cell of its notebook.

    Returns:
        ``check(task)``, which shows what passed and what did not and returns the points as a float, and
        ``hint(task)``, which shows the next hint for what the last check found.

    Raises:
        UnknownExercise: there is no exercise of that name; the message lists those there are.
    """
    if os.environ.get("AUTOGRADER_SANDBOX"):
        return _later, lambda task: None
    keep_tensorflow_quiet()
    leave_scikit_learn_until_used()
    session = Session(find_exercise(exercise), _namespace())
    return session.check, session.hint


def _later(task: str) -> float:
    print(say("This task is checked by the grader, outside this notebook."))
    return 0.0


def _namespace() -> MutableMapping[str, Any]:
    shell = _shell()
    if shell is not None:
        return shell.user_ns  # type: ignore[no-any-return]
    return sys._getframe(2).f_globals


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


class Session:
    """One learner at one exercise: remembers what the last check of each task said."""

    def __init__(self, exercise: Exercise, namespace: MutableMapping[str, Any]) -> None:
        self._exercise = exercise
        self._reading = Reading(exercise.name, book_here())
        self._answers = NamespaceAnswers(namespace, exercise.name)
        self._last: dict[str, CheckResult] = {}
        self._hints_shown: dict[str, int] = {}
        self._counting = Counting(exercise.name)
        if (shell := _shell()) is not None:
            shell.events.register("post_run_cell", self._answers.remember_error)

    def check(self, task: str) -> float:
        """Check one task, show the result, return its points: for nbgrader, which reads them from the output."""
        try:
            self._exercise.task(task)
        except LookupError as error:
            print(error)
            return 0.0
        (result,) = run_checks(self._exercise, Submission(self._answers), only=task)
        if notice := self._counting.notice():
            print(notice)
        self._counting.send(result)
        before = self._last.get(task)
        if before is None or before.hints != result.hints:
            self._hints_shown[task] = 1 if result.hints else 0  # the first is shown with the message
        self._last[task] = result
        if before == result and result.outcome is Outcome.FAILED:
            # The same sentence once more teaches nothing, and whoever tries blindly should notice that it is the same.
            print(
                say(
                    'The same as in the last check: {points}. Read what it said, or ask hint("{task}").',
                    points=of_points(result.points, result.max_points),
                    task=task,
                )
            )
        else:
            _show(CheckView(result, self._reading))
        return Points(result.points)

    def hint(self, task: str) -> None:
        """Show the next hint for what the last check of this task found."""
        try:
            self._exercise.task(task)
        except LookupError as error:
            print(error)
            return
        result = self._last.get(task)
        if result is None:
            print(say('Run check("{task}") first: a hint needs something to work with.', task=task))
            return
        if not result.hints:
            done = result.points >= result.max_points
            print(say("No hint is needed: this task passes.") if done else say("There is no further hint for this."))
            return
        seen = self._hints_shown[task]
        if seen >= len(result.hints):
            print(say("That was the last hint. Here it is again: {hint}", hint=result.hints[-1]))
            return
        self._hints_shown[task] = seen + 1
        print(
            say("Hint {number} of {count}: {hint}", number=seen + 1, count=len(result.hints), hint=result.hints[seen])
        )
        before, read = (self._reading.line(task, hint) for hint in result.hints[seen - 1 : seen + 1])
        if read and read != before:
            print(read)


class NamespaceAnswers:
    """Answers from a notebook's own namespace, turned into plain data as in the sandbox."""

    def __init__(self, namespace: MutableMapping[str, Any], exercise: str) -> None:
        self._namespace = namespace
        self._exercise = exercise
        self._error = ""
        self._failures = Failures()

    def value(self, name: str) -> Any:
        return _plain(self._get(name))

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = self._get(name)
        # What it changes of its arguments is not the check's, as in the sandbox.
        args, kwargs = wire.decode(wire.encode((args, kwargs), keep_read_only=True))
        try:
            return _plain(function(*args, **kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever the learner's function raises is an answer, SystemExit too
            kind, text = type_and_text(error)
            raise Raised(kind, clause(text)) from error

    def model(self, name: str) -> ModelReport:
        model = self._get(name)
        try:
            facts, _ = observe.take_apart(model)
            observe.refuse(facts["class_name"], facts["module"], facts["config"])
            described = observe.describe(model, facts)
        except observe.NotRebuildable as reason:
            raise NoModel(reason.why) from reason
        return report_from(name, described, lambda inputs, scale: observe.predict(model, inputs, scale))

    def file_size(self, name: str) -> int | None:
        return wire.file_size(name)

    def stopped_with(self) -> str:
        return self._error

    def cause_of(self, name: str) -> str:
        return self._failures.cause_of(name)

    def seed(self) -> int:
        return 1  # whoever asks again after a change should be asked the same again

    def held_out(self) -> data.HeldOut | None:
        return data.load_held_out(self._exercise)

    def remember_error(self, result: Any) -> None:
        """After each cell: what it stopped with, so that a check can say why a name is missing."""
        code = str(getattr(getattr(result, "info", None), "raw_cell", "") or "").lstrip()
        if code.startswith(("check(", "hint(")):  # asking again must not make it forget
            return
        error = getattr(result, "error_in_exec", None) or getattr(result, "error_before_exec", None)
        self._error = described(error) if error is not None else ""
        remember(self._failures, result)

    def _get(self, name: str) -> Any:
        try:
            return self._namespace[name]
        except KeyError:
            raise Missing(name) from None


def _plain(value: Any) -> Any:
    try:
        return wire.decode(wire.encode(value))
    except wire.NotPlain:
        return wire.Opaque(type(value).__name__)


def _show(view: CheckView) -> None:
    if _shell() is not None:
        from IPython.display import display

        display(view)
    else:
        print(view)
