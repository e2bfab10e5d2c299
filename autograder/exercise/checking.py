"""Running an exercise's checks with pytest and gathering what they say.

The check module is an ordinary pytest module; this is the only place that knows how it is run. It is the
same in a learner's notebook, on a notebook file and in grading: only the `Submission` differs.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from autograder.errors import CheckingFailed, ChecksBroken
from autograder.exercise.definition import Exercise, Task
from autograder.exercise.outcome import CheckResult, Mismatch, NotAttempted, Outcome, TestResult
from autograder.exercise.sentences import tidy
from autograder.exercise.submission import Submission, rests_on_an_error
from autograder.language import _, said

# Nothing of the surroundings takes part: no configuration file, conftest, plugin or environment variable.
_WITHOUT = """cacheprovider terminal terminalprogress logging warnings faulthandler threadexception unraisableexception
doctest junitxml pastebin stepwise legacypath setuponly setupplan debugging"""
_EMPTY = Path(__file__).resolve().with_name("no-settings.ini")
_ISOLATED = ["--noconftest", f"--config-file={_EMPTY}", "--import-mode=importlib", "--assert=plain", "--capture=no"]
_ISOLATED += [f"-pno:{plugin}" for plugin in _WITHOUT.split()]


def run_checks(
    exercise: Exercise,
    submission: Submission,
    only: str | None = None,
    before: Callable[[Task], None] | None = None,
    after: Callable[[CheckResult], None] | None = None,
) -> tuple[CheckResult, ...]:
    """Run the checks of an exercise in the order of its tasks.

    Args:
        only: the grade_id of one task; all of them by default.
        before: called before the first test of each task; grading runs the student's cells up to it there.
        after: called with the result of each task as soon as it is known.

    Raises:
        ChecksBroken: the module cannot be imported, or a task has no class in it.
        CheckingFailed: pytest failed in the middle of it.
    """
    _forget_another(exercise.checks)
    tasks = [exercise.task(only)] if only else list(exercise.tasks)
    folder = exercise.checks.parent
    # In an argument, these mean something else. Then the module's name is given, and `_Run` says where it lies.
    odd = any(sign in str(exercise.checks) for sign in ("[", "::"))
    checks = exercise.checks.name if odd else str(exercise.checks)
    run = _Run(folder if odd else None, tasks, submission, before, after)
    with _no_pytest_settings():
        code = pytest.main([*_ISOLATED, *_nowhere_else(folder), checks], [run])
    if run.interrupted is not None:
        raise run.interrupted
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise CheckingFailed("pytest failed while checking this")
    if run.broken or code not in (0, 1):
        raise ChecksBroken(f"The checks in {exercise.checks.name} cannot be run: {run.broken or f'pytest: {code!r}'}")
    return tuple(run.finished)


def _nowhere_else(folder: Path) -> tuple[str, str]:
    """Keep pytest to this folder: it would list those above as well, /tmp or all of site-packages among them."""
    return f"--rootdir={folder}", f"--confcutdir={folder}"


def _forget_another(checks: Path) -> None:
    """Forget a module of this name that lay elsewhere, such as an earlier run's: pytest would check by that one."""
    known = sys.modules.get(checks.stem)
    if known is not None and getattr(known, "__file__", None) != str(checks):
        del sys.modules[checks.stem]


class _Run:
    """A pytest plugin: provides `submission`, picks and orders the tests, keeps what they said."""

    def __init__(
        self,
        folder: Path | None,
        tasks: list[Task],
        submission: Submission,
        before: Callable[[Task], None] | None,
        after: Callable[[CheckResult], None] | None,
    ) -> None:
        self._folder = folder
        self._tasks = {task.test_class: task for task in tasks}
        self._submission = submission
        self._before = before
        self._after = after
        self._left: dict[str, int] = {}
        self._results: dict[str, list[TestResult]] = {}
        self.finished: list[CheckResult] = []
        self.broken = ""
        self.interrupted: BaseException | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Look for the module in this folder, if there is one. (`BRACKETS_IN_PATHS` in `compat/assumptions.py`.)"""
        if self._folder is None:
            return
        given = config.invocation_params
        config.invocation_params = pytest.Config.InvocationParams(
            args=given.args, plugins=given.plugins, dir=self._folder
        )

    @pytest.fixture(name="submission")
    def provide_submission(self) -> Submission:
        return self._submission

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.broken:
            self.broken = str(report.longrepr).strip().splitlines()[-1]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = list(self._tasks)
        chosen = [item for item in items if _class_name(item) in self._tasks]
        chosen.sort(key=lambda item: order.index(_class_name(item)))
        for item in chosen:
            self._left[_class_name(item)] = self._left.get(_class_name(item), 0) + 1
        missing = [name for name in order if name not in self._left]
        if missing and not self.broken:
            self.broken = f"it has no class {missing[0]} with tests in it"
        items[:] = [] if self.broken else chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        name = _class_name(item)
        task = self._tasks[name]
        if self._before and name not in self._results:
            try:
                self._before(task)
            except BaseException as error:  # not pytest's to report: `run_checks` raises it again
                self.interrupted = error
                pytest.exit("interrupted")
        results = self._results.setdefault(name, [])
        self._submission.begin_test()
        try:
            return (yield)
        finally:
            self._left[name] -= 1
            if not self._left[name]:
                result = CheckResult(task.grade_id, task.points, tuple(results))
                self.finished.append(result)
                if self._after:
                    self._after(result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Keep what the test said. That pytest describes failures too, with their source, nobody needs."""
        self._keep(item, call)
        skipped = call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception)
        outcome: Literal["passed", "failed", "skipped"] = "skipped" if skipped else "failed"
        outcome = "passed" if call.excinfo is None else outcome
        assert call.when != "collect"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)

    def _keep(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        results = self._results[_class_name(item)]
        if call.excinfo is not None:
            error = call.excinfo.value
            if not isinstance(error, Exception | pytest.fail.Exception | pytest.skip.Exception):
                self.interrupted = error
            elif isinstance(error, Mismatch) and not rests_on_an_error(error):
                error = _with_first_cause(error, self._submission)
            results.append(result_of(_title(item), error))
        elif call.when == "call":
            results.append(TestResult(said(_title(item)), Outcome.PASSED, share=1.0))


def _class_name(item: pytest.Item) -> str:
    cls = getattr(item, "cls", None)
    return cls.__name__ if cls is not None else ""


def _title(item: pytest.Item) -> str:
    """The first line of the test's docstring; failing that, its name as words."""
    document = inspect.getdoc(getattr(item, "function", None)) or ""
    return document.split("\n")[0] or item.name.removeprefix("test_").replace("_", " ")


def _with_first_cause(error: Mismatch, submission: Submission) -> Mismatch:
    """The same, but for its words, where an earlier error is the reason for it. The points stay what they are."""
    try:
        first = submission.first_cause()
    except Exception:  # nothing can be asked any more; the test has said why
        return error
    return error if first is None else Mismatch(first.message, first.hints, error.share)


def result_of(title: str, error: BaseException) -> TestResult:
    """What a test says that ended in this error, in the reader's language."""
    title = said(title)
    if isinstance(error, Mismatch):
        share = min(max(float(error.share), 0.0), 1.0)
        stopped = rests_on_an_error(error)
        return TestResult(title, Outcome.FAILED, tidy(said(error.message)), _hints_of(error), share, stopped=stopped)
    if isinstance(error, NotAttempted):
        return TestResult(title, Outcome.NOT_ATTEMPTED, tidy(said(error.message)), _hints_of(error))
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return TestResult(title, Outcome.FAILED, tidy(str(error).split("\n")[0]) or title)
    detail = "".join(traceback.format_exception(error))
    message = _(
        "This check broke. That is our fault, not yours: your teacher has been told, and it will not cost you anything."
    )
    return TestResult(title, Outcome.ERROR, said(message), detail=detail)


def _hints_of(error: Mismatch | NotAttempted) -> tuple[str, ...]:
    return tuple(said(hint) for hint in error.hints)


@contextmanager
def _no_pytest_settings() -> Iterator[None]:
    saved = {k: os.environ.pop(k) for k in list(os.environ) if k.startswith("PYTEST_")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(saved)
