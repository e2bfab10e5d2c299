"""Grading a class: jobs go out to an executor, results come back to one writer."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from autograder import data
from autograder.course import gradebook
from autograder.course.directory import Course
from autograder.course.lock import only_run
from autograder.course.submissions import Submitted, Unread
from autograder.errors import BrokenPlace, ChecksBroken, ForkServerFailed, GradingImpossible, WorkerDied
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import Status
from autograder.grading import worker
from autograder.grading.basis import Basis
from autograder.grading.grade import missing, not_graded
from autograder.grading.pool import Pools, open_pool
from autograder.grading.record import Observations, Recorder
from autograder.grading.regrade import regrade_all
from autograder.grading.results import Results
from autograder.grading.versions import MAX_AT_ONCE, Several
from autograder.grading.worker import Done, Files, Job, Setup
from autograder.language import _, said, say, speaking
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits

GIVE_UP_AFTER = 8  # students in a row whose work fails by our fault: one alone, however much it is, may be to blame
FLUSH_SECONDS = 0.25  # for so long may results that come thick and fast share a transaction
ASK_SECONDS = 0.25  # between two times that a run asks what has come meanwhile
TRIES = 3  # how often a job is tried whose worker died under it; the last time it runs alone


# Is told whose work is in hand, and hands over what else there is to grade: works of exercises that the run began with
# or knows to come. Raises what taking them up does: `CourseError`, if the gradebook cannot be read or written.
Arriving = Callable[[Set[str], Callable[["Sequence[Work]"], None]], None]


@dataclass
class Progress:
    """What there is to tell while a batch runs."""

    total: int
    done: int = 0
    failed: int = 0  # of `done`: those that could not be fully graded
    skipped: int = 0  # of `total`: graded earlier, unchanged since
    replayed: int = 0  # of `done`: changed checks, put to what was observed earlier
    running: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """A finished batch: one JSON result per submission, in order of student."""

    exercise: str
    submissions: Sequence[dict[str, Any]]
    skipped: int
    held_out: data.Origin = "none"  # what accuracy was measured on
    replayed: int = 0  # of those that were not skipped: no code was run
    again: Mapping[str, int] = field(default_factory=dict)  # how many had a result that no longer held, by the reason

    def to_json(self) -> dict[str, Any]:
        return {"exercise": self.exercise, "held_out": self.held_out, "submissions": list(self.submissions)}


def prepare(
    exercise: Exercise, limits: Limits, sandbox: Sandbox, files: Files = (), book: str = "", language: str = ""
) -> Setup:
    """Gather what every worker needs, as plain data."""
    return Setup(
        exercise.name,
        exercise.notebook.read_text("utf-8"),
        exercise.checks.read_text("utf-8"),
        limits,
        sandbox,
        data.load_held_out(exercise.name),
        files,
        book,
        language,
    )


@dataclass(frozen=True)
class Work:
    """What there is to grade of one exercise."""

    exercise: Exercise
    setup: Setup
    submissions: list[Submitted]

    @cached_property
    def basis(self) -> Basis:
        """What all its results rest on."""
        return Basis.of(self.setup)


def grade_class(
    course: Course,
    exercise: Exercise,
    setup: Setup,
    submissions: list[Submitted],
    workers: int,
    force: bool = False,
    pools: Pools | None = None,
    on_progress: Callable[[Progress, dict[str, Any] | None], None] = lambda progress, result: None,
) -> Batch:
    """`grade_exercises` for a single exercise."""
    return grade_exercises(course, [Work(exercise, setup, submissions)], workers, force, pools, on_progress)[0]


def grade_exercises(
    course: Course,
    works: Sequence[Work],
    workers: int,
    force: bool = False,
    pools: Pools | None = None,
    on_progress: Callable[[Progress, dict[str, Any] | None], None] = lambda progress, result: None,
) -> list[Batch]:
    """Grade what is new or changed, record each result when it is ready.

    Several exercises share the workers, so that Keras is imported once and no core waits for an exercise's last
    submission.

    Args:
        pools: where the work is done; processes of this machine by default.
        on_progress: called after every result with the progress and that result's JSON.

    Returns:
        A batch for each of `works`, in that order.

    Raises:
        AlreadyRunning: another process grades in this course.
        CourseError: the disk is full, or the gradebook cannot be written.
        GradebookFailed: SQLite failed in another way.
    """
    with only_run(course.state):
        return grade_as_the_only_run(course, works, workers, force, pools, on_progress)


def grade_as_the_only_run(
    course: Course,
    works: Sequence[Work],
    workers: int,
    force: bool = False,
    pools: Pools | None = None,
    on_progress: Callable[[Progress, dict[str, Any] | None], None] = lambda progress, result: None,
    arriving: Arriving | None = None,
    to_come: Sequence[Work] = (),
    observations: Observations | None = None,
) -> list[Batch]:
    """`grade_exercises` for a process that holds the course's lock (`lock.only_run`) already.

    Args:
        arriving: asked now and then, as long as something runs, for what else there is to grade meanwhile.
        to_come: exercises of which nothing is there yet, and something may arrive.
        observations: those of the course, from whoever has counted them; they are counted by default.
    """
    kept = observations or Observations(course)
    with gradebook.failures_named(), _Run(course, [*works, *to_come], workers, force, on_progress, kept) as run:
        todo = run.begin(works)
        on_progress(run.progress, None)
        todo = run.replay(todo)

        def more(busy: Set[str]) -> list[_Task]:
            assert arriving is not None
            found: list[_Task] = []
            run.flush()  # so that what follows may write
            arriving(busy, lambda works: found.extend(run.replay(run.begin(works))))
            return found

        setups = [work.setup for work in (*works, *to_come)]
        asked = None if arriving is None else more
        for task, done, soon in _graded(todo, setups, workers, pools or open_pool, run.progress, asked):
            run.progress.failed += done.result.status is not Status.GRADED
            run.record(task, done, soon)
        return run.batches()[: len(works)]


class _Run:
    """Where submissions are begun and their results recorded, from the first to the last of a run over a course."""

    def __init__(
        self,
        course: Course,
        works: Sequence[Work],
        workers: int,
        force: bool,
        on_progress: Callable[[Progress, dict[str, Any] | None], None],
        observations: Observations,
    ) -> None:
        self.progress = Progress(total=0)
        self._course, self._workers, self._force, self._on_progress = course, workers, force, on_progress
        self._observations = observations
        self._runs = {work.exercise.name: _ExerciseRun(work) for work in works}
        self._pending = 0.0  # since when there is something to flush
        self._writing: _ExerciseRun | None = None  # the gradebook has one open transaction at most

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *error: Any) -> None:
        with contextlib.ExitStack() as closing:
            for run in self._runs.values():
                if run.held is not None:
                    closing.callback(run.held.__exit__, *error)

    def begin(self, works: Sequence[Work]) -> list[_Task]:
        """Take these up; record those that need no run, and return the tasks of the others.

        Args:
            works: of exercises that the run knows.

        Raises:
            CourseError, BadSetting: see `Recorder`.
        """
        runs = [self._runs[work.exercise.name] for work in works]
        self.progress.total += sum(len(work.submissions) for work in works)
        self.flush()  # opening writes due dates
        for run, work in zip(runs, works, strict=True):
            self._open(run, [one.student for one in work.submissions])
        todo: list[_Task] = []
        for run, work in zip(runs, works, strict=True):
            with speaking(run.work.setup.language):
                for submitted in work.submissions:
                    todo += self._begin(run, submitted)
            self.flush()  # the next one may write, and others want to while these run
        return todo

    def _open(self, run: _ExerciseRun, students: list[str]) -> None:
        recorder = Recorder(self._course, run.work.exercise, self._observations, students)
        if run.held is not None:  # people may have changed the gradebook since
            run.held.__exit__(None, None, None)
        run.held = recorder

    def _begin(self, run: _ExerciseRun, last: Submitted) -> list[_Task]:
        versions = run.recorder.all_of(last)
        if len(versions) > 1:
            tasks = run.begin_several(versions, self._force)
            self.progress.total += max(len(tasks) - 1, 0)
            self.progress.skipped += not tasks
            return tasks
        (submitted,) = versions
        basis = run.basis_of(submitted)
        earlier = None if self._force else run.recorder.earlier(submitted, basis)
        if not self._force and earlier is None and (why := run.recorder.why_again(submitted, basis)):
            run.again[why] += 1
        if earlier is None and submitted.unread:
            earlier = run.recorder.of_last_time(submitted)
        task = _Task(submitted, run)
        if earlier is not None:
            run.results.add(earlier)
            run.skipped += 1
            self.progress.skipped += 1
        elif submitted.unread:
            self.record(task, _unread(task, submitted.unread), True)
        elif submitted.path is None:
            where = run.work.exercise, run.work.setup.sandbox
            self.record(task, Done(missing(submitted.student, *where, submitted.problem), None, None), True)
        else:
            return [task]
        return []

    def replay(self, todo: list[_Task]) -> list[_Task]:
        """Record those of which an earlier run answers all that the changed checks ask; return the others."""
        replayed = set()
        for task, again in () if self._force else _replayed(todo, self._workers):
            replayed.add(task)
            task.run.replayed += 1
            self.progress.replayed += 1
            self.progress.failed += again.result.status is not Status.GRADED
            self.record(task, again, False)
        return [task for task in todo if task not in replayed]

    def record(self, task: _Task, done: Done, more: bool) -> None:
        """Write a result. It is permanent at once, or, where there are `more` to come at once, with one of those."""
        run, submitted = task.run, task.submitted
        if run is not self._writing:
            self.flush()
            self._writing = run
        with speaking(run.work.setup.language):
            if task.several is None:
                result_json = run.recorder.record(submitted, done, run.basis_of(submitted))
                run.results.add(result_json)
            else:
                result_json, best = run.recorder.record_best(task.several, submitted, done, run.basis_of)
                if best is not None:
                    run.results.add(best)
                    result_json |= {"best": best["score"]}
        self._pending = self._pending or time.monotonic()
        if not more or time.monotonic() - self._pending > FLUSH_SECONDS:
            self.flush()
        self.progress.done += 1
        self._on_progress(self.progress, {"exercise": run.work.exercise.name} | result_json)

    def flush(self) -> None:
        """Make everything recorded so far permanent."""
        if self._writing is not None:
            self._writing.recorder.flush()
        self._pending = 0.0

    def batches(self) -> list[Batch]:
        """What came of each exercise."""
        return [
            Batch(name, run.results, run.skipped, data.origin_of(run.work.setup.held_out), run.replayed, run.again)
            for name, run in self._runs.items()
        ]


@dataclass(eq=False)
class _ExerciseRun:
    """Where the results of one exercise go."""

    work: Work
    held: Recorder | None = None  # opened when submissions are begun
    results: Results = field(default_factory=Results)
    skipped: int = 0
    replayed: int = 0
    again: Counter[str] = field(default_factory=Counter)
    ran: int = 0  # submissions run just now
    seconds: float = 0.0  # which those took together

    @property
    def recorder(self) -> Recorder:
        """Where its results are written."""
        assert self.held is not None
        return self.held

    def basis_of(self, submitted: Submitted) -> Basis:
        """What a result of this submission rests on."""
        return self.work.basis.of_submission(submitted.digest)

    def begin_several(self, versions: list[Submitted], force: bool) -> list[_Task]:
        """What there is to grade of a student of whose versions the best counts; its result is added if it holds."""
        unknown = versions if force else self.recorder.unknown(versions, self.basis_of)
        for one in [] if force else unknown:
            if why := self.recorder.why_again(one, self.basis_of(one)):
                self.again[why] += self.recorder.is_recorded(one)
        those = unknown[-MAX_AT_ONCE:]
        best = None if force else self.recorder.best_known(versions, self.basis_of)
        if best is not None:
            earlier = self.recorder.earlier(best, self.basis_of(best))
            if earlier is None:  # another one counted until now
                those.append(best)
            else:
                self.results.add(earlier)
                self.skipped += not those
        several = Several(versions, len(those))
        return [_Task(one, self, several) for one in those]

    def has_run(self, done: Done) -> None:
        """Count a submission that was run, and what it took."""
        self.ran += 1
        self.seconds += done.result.seconds.get("total", 0.0)


@dataclass(frozen=True, eq=False)
class _Task:
    """A submission to grade, and where its result goes."""

    submitted: Submitted
    run: _ExerciseRun
    several: Several | None = None  # the student's versions, where the best counts and there is more than one


class _LongestFirst:
    """What is still to be run. A long one that starts last keeps everybody waiting, so that the longest goes first.

    How long one takes is known from an earlier run, or from what others of its exercise took just now; an exercise of
    which neither is known goes first, to know it.
    """

    def __init__(self, todo: Iterable[_Task]) -> None:
        self._by_run: dict[_ExerciseRun, list[tuple[float, _Task, int]]] = {}  # the longest last
        for task in todo:
            seconds = task.run.recorder.seconds_last_time(task.submitted)
            self._by_run.setdefault(task.run, []).append((seconds, task, 1))
        for tasks in self._by_run.values():
            tasks.reverse()
            tasks.sort(key=lambda one: one[0])
        self._begun: Counter[_ExerciseRun] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._by_run.values()))

    def students(self) -> Iterator[str]:
        """Whose work is among it."""
        return (task.submitted.student for tasks in self._by_run.values() for _, task, _ in tasks)

    def pop(self) -> tuple[_Task, int]:
        """The next one to run, and which try it is."""
        run = max(filter(self._by_run.get, self._by_run), key=lambda run: (self._expected(run), -self._begun[run]))
        self._begun[run] += 1
        return self._by_run[run].pop()[1:]

    def append(self, task: tuple[_Task, int]) -> None:
        """Put one back; it is the next of its exercise."""
        self._by_run.setdefault(task[0].run, []).append((math.inf, *task))

    def _expected(self, run: _ExerciseRun) -> float:
        seconds = self._by_run[run][-1][0]
        return run.seconds / run.ran if seconds == math.inf and run.ran else seconds


class _Waiting:
    """All that is still to be run: what came later after what came before, so that nobody is overtaken for ever."""

    def __init__(self, todo: Iterable[_Task]) -> None:
        self._arrived = deque([_LongestFirst(todo)])

    def __len__(self) -> int:
        return sum(map(len, self._arrived))

    def add(self, todo: list[_Task]) -> None:
        """These came together, just now."""
        if todo:
            self._arrived.append(_LongestFirst(todo))

    def students(self) -> set[str]:
        """Whose work waits."""
        return {student for those in self._arrived for student in those.students()}

    def pop(self) -> tuple[_Task, int]:
        """The next one to run, and which try it is."""
        while len(self._arrived) > 1 and not self._arrived[0]:
            self._arrived.popleft()
        return self._arrived[0].pop()

    def append(self, task: tuple[_Task, int]) -> None:
        """Put one back, to be the next."""
        self._arrived[0].append(task)


def _replayed(todo: list[_Task], workers: int) -> Iterator[tuple[_Task, Done]]:
    """Yield those whose earlier run answers all that the changed checks ask, with the new result."""
    for run in dict.fromkeys(task.run for task in todo):
        mine: dict[str, _Task] = {}
        recorded, setup = [], run.work.setup
        for task in todo:
            if task.run is not run:
                continue
            known = run.recorder.recorded(task.submitted, run.basis_of(task.submitted))
            if known is not None:  # of one version of each student at most
                mine[task.submitted.student] = task
                recorded.append(known)
        for student, again in regrade_all(
            recorded, run.work.exercise, setup.held_out, workers, setup.book, setup.language
        ):
            if again is not None:
                yield mine[student], again


def _graded(
    todo: list[_Task],
    setups: list[Setup],
    workers: int,
    pools: Pools,
    progress: Progress,
    more: Callable[[Set[str]], list[_Task]] | None = None,
) -> Iterator[tuple[_Task, Done, bool]]:
    """Yield each submission with what came of it, in whatever order they finish, and whether more is ready already.

    As long as some run and no worker has died, `more` is asked, with whose work is in hand, for what else there is.

    A worker that dies takes a local pool with it, and nobody can say which job was to blame; on a cluster it takes
    what it was given itself. All those are tried again, at last one at a time, so that only the guilty one is given up.
    """
    waiting, asked = _Waiting(todo), time.monotonic()
    suspects: list[tuple[_Task, int]] = []
    failed: set[str] = set()  # students whose work did by our fault, with no success in between
    while waiting or suspects:
        alone = not waiting
        pool_size = 1 if alone else workers if more else min(workers, len(waiting))
        with pools(pool_size, setups) as pool:
            running: dict[Future[Done], tuple[_Task, int]] = {}
            source: _Waiting | list[tuple[_Task, int]] = suspects if alone else waiting
            refill = partial(_refill, pool, running, source, pool_size, alone)
            refill()
            while running:
                progress.running = sorted(_title(task, len(setups)) for task, _ in running.values())
                ask = None if alone or suspects else more
                ready = wait(running, ASK_SECONDS if ask else None, FIRST_COMPLETED).done
                finished = [(future, *running.pop(future)) for future in ready]
                refill()  # before anything is written, so that no worker waits
                broken = False
                for number, (future, task, attempt) in enumerate(finished, 1):
                    try:
                        done = future.result()
                        failed.clear()
                        task.run.has_run(done)
                        yield task, done, number < len(finished) or any(f.done() for f in running)
                        continue
                    except (ChecksBroken, BrokenPlace):
                        raise  # nobody's submission can be checked, or graded here
                    except BrokenExecutor:  # all at once, and for one reason, which is one failure
                        counts, broken = not broken, True
                        why = say("the grading process died")
                    except Exception as error:  # one of our bugs must not cost the others their grades
                        counts = True
                        known = isinstance(error, (ForkServerFailed, WorkerDied))
                        why = str(error) if known else f"{type(error).__name__}: {error}"
                    if counts:
                        failed.add(task.submitted.student)
                    if len(failed) >= GIVE_UP_AFTER:
                        raise GradingImpossible(
                            say(
                                "{failures} submissions in a row could not be graded, so something is wrong here and"
                                " not with them: {why}. What was graded is kept. `autograder doctor` may say more.",
                                failures=len(failed),
                                why=why[:300],
                            )
                        )
                    if attempt < TRIES:
                        suspects.append((task, attempt + 1))
                    else:
                        yield task, _given_up(task, why[:300]), False
                if broken:
                    for task, attempt in running.values():
                        suspects.append((task, attempt + 1))
                    break
                if ask and not suspects and time.monotonic() - asked >= ASK_SECONDS:
                    asked = time.monotonic()
                    waiting.add(ask(waiting.students() | {task.submitted.student for task, _ in running.values()}))
                    refill()


def _title(task: _Task, exercises: int) -> str:
    student = task.submitted.student
    return student if exercises == 1 else f"{student} ({task.run.work.exercise.name})"


def _refill(
    pool: Executor,
    running: dict[Future[Done], tuple[_Task, int]],
    source: _Waiting | list[tuple[_Task, int]],
    size: int,
    alone: bool,
) -> None:
    if not alone:  # workers of a cluster join and leave while a run goes on
        size = max(size, getattr(pool, "size", 0))
    while source and len(running) < size:
        task, attempt = source.pop()
        one = task.submitted
        try:
            raw = one.raw or b""
        except Unread as error:  # it was there when it was listed
            future: Future[Done] = Future()
            future.set_result(_unread(task, str(error)))
            running[future] = task, attempt
            continue
        digest = hashlib.sha256(raw).hexdigest()
        if digest != one.digest:  # it was saved anew since; the result is one of what is graded now
            task = replace(task, submitted=replace(one, digest=digest))
        job = Job(task.run.work.exercise.name, one.student, raw, _notes(one))
        try:
            running[pool.submit(worker.work, job)] = task, attempt
        except BrokenExecutor:  # the futures in `running` say so, too
            source.append((task, attempt))
            return


def _given_up(task: _Task, why: str) -> Done:
    return _ours(
        task,
        _("This could not be graded, which is our fault and not yours: {why}. Your teacher has been told.", why=why),
    )


def _unread(task: _Task, why: str) -> Done:
    message = _(
        "What was handed in could not be read here ({why}), so it was not graded. It does not count as missing: your"
        " teacher is told, and the next run will try again.",
        why=why,
    )
    return _ours(task, message)


def _ours(task: _Task, message: str) -> Done:
    one, work = task.submitted, task.run.work
    with speaking(work.setup.language):
        return Done(
            not_graded(one.student, work.exercise, message, tuple(map(said, _notes(one))), str(work.setup.sandbox)),
            None,
            None,
        )


def _notes(submitted: Submitted) -> tuple[str, ...]:
    return (submitted.problem,) if submitted.problem else ()
