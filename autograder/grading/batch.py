"""Grading a class: jobs go out to an executor, results come back to one writer."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import autograder
from autograder import data
from autograder.checking import ChecksBroken
from autograder.exercise import Exercise
from autograder.grading import worker
from autograder.grading.course import Course, Submitted
from autograder.grading.grade import missing
from autograder.grading.record import Recorder
from autograder.grading.worker import Done, Job, Setup
from autograder.outcome import Outcome, Status, SubmissionResult, without_tests
from autograder.sandbox.client import WarmProcessFailed
from autograder.sandbox.limits import Limits
from autograder.sandbox.wall import Sandbox

GIVE_UP_AFTER = 8  # failures of ours in a row, with no success between
FLUSH_SECONDS = 0.25  # for so long may results that come thick and fast share a transaction
TRIES = 3  # how often a job is tried whose worker died under it; the last time it runs alone


# Opens an executor of so many workers, all of which have called `worker.begin(setup)`.
Pools = Callable[[int, Setup], AbstractContextManager[Executor]]


class GradingImpossible(RuntimeError):
    """Nothing can be graded here; the message says why. Ours."""


@dataclass
class Progress:
    """What there is to tell while a batch runs."""

    total: int
    done: int = 0
    failed: int = 0  # of `done`: those that could not be graded to the end
    skipped: int = 0  # of `total`: graded earlier, unchanged since
    running: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """A finished batch: one JSON result per submission, in order of student."""

    exercise: str
    submissions: list[dict[str, Any]]
    skipped: int

    def to_json(self) -> dict[str, Any]:
        return {"exercise": self.exercise, "submissions": self.submissions}


def prepare(exercise: Exercise, limits: Limits, sandbox: Sandbox) -> Setup:
    """Gather what every worker needs, as plain data."""
    return Setup(
        exercise.name,
        exercise.notebook.read_text("utf-8"),
        exercise.checks.read_text("utf-8"),
        limits,
        sandbox,
        data.load_held_out(exercise.name),
    )


def grade_class(
    course: Course,
    exercise: Exercise,
    setup: Setup,
    submissions: list[Submitted],
    workers: int,
    force: bool = False,
    pools: Pools | None = None,
    tell: Callable[[Progress, dict[str, Any] | None], None] = lambda progress, result: None,
) -> Batch:
    """Grade what is new or changed, record each result when it is ready.

    Args:
        pools: where the work is done; processes of this machine by default.
        tell: called after every result with the progress and that result's JSON.
    """
    common = _digest(setup)
    results: dict[str, dict[str, Any]] = {}
    progress = Progress(total=len(submissions))
    with Recorder(course, exercise) as recorder:
        todo: list[tuple[Submitted, str]] = []
        for submitted in submissions:
            key = f"{submitted.digest}-{common}"
            earlier = None if force else recorder.earlier(submitted, key)
            if earlier is not None:
                results[submitted.student] = earlier
                progress.skipped += 1
            elif submitted.path is None:
                result = missing(submitted.student, exercise, setup.sandbox).with_notes(*_notes(submitted))
                recorder.record(submitted, result, None, None, key)
                results[submitted.student] = result.to_json()
                progress.done += 1
                tell(progress, results[submitted.student])
            else:
                todo.append((submitted, key))
        tell(progress, None)
        # Longest first, as far as earlier runs tell: a long one that starts last keeps everybody waiting.
        todo.sort(key=lambda item: recorder.seconds_last_time(item[0]), reverse=True)
        keys = {submitted.student: key for submitted, key in todo}
        pending = 0.0
        graded = _graded([s for s, _ in todo], exercise, setup, workers, pools or local_pool, progress)
        for submitted, done, more in graded:
            recorder.record(submitted, done.result, done.notebook, done.page, keys[submitted.student])
            pending = pending or time.monotonic()
            if not more or time.monotonic() - pending > FLUSH_SECONDS:
                recorder.flush()
                pending = 0.0
            results[submitted.student] = done.result.to_json()
            progress.done += 1
            progress.failed += done.result.status is not Status.GRADED
            tell(progress, results[submitted.student])
    return Batch(exercise.name, [results[s] for s in sorted(results)], progress.skipped)


def _graded(
    todo: list[Submitted], exercise: Exercise, setup: Setup, workers: int, pools: Pools, progress: Progress
) -> Iterator[tuple[Submitted, Done, bool]]:
    """Yield each submission with what came of it, in whatever order they finish, and whether more is ready already.

    A worker that dies takes the pool with it, and nobody can say which job was to blame. All that were
    running are tried again, at last one at a time, so that only the guilty one is given up.
    """
    waiting = [(one, 1) for one in reversed(todo)]
    suspects: list[tuple[Submitted, int]] = []
    failures = 0  # of ours, one after another
    while waiting or suspects:
        alone = not waiting
        pool_size = 1 if alone else min(workers, len(waiting))
        with pools(pool_size, setup) as pool:
            running: dict[Future[Done], tuple[Submitted, int]] = {}
            source = suspects if alone else waiting
            _refill(pool, running, source, pool_size)
            while running:
                progress.running = sorted(one.student for one, _ in running.values())
                ready = wait(running, return_when=FIRST_COMPLETED).done
                finished = [(future, *running.pop(future)) for future in ready]
                _refill(pool, running, source, pool_size)  # before anything is written, so that no worker waits
                broken = False
                for number, (future, one, attempt) in enumerate(finished, 1):
                    try:
                        done = future.result()
                        failures = 0
                        yield one, done, number < len(finished) or any(f.done() for f in running)
                        continue
                    except ChecksBroken:
                        raise  # nobody's submission can be checked
                    except BrokenProcessPool:
                        broken = True
                        why = "the grading process died"
                    except Exception as error:  # a bug of ours must not cost the others their grades
                        why = str(error) if isinstance(error, WarmProcessFailed) else f"{type(error).__name__}: {error}"
                    failures += 1
                    if failures >= GIVE_UP_AFTER:
                        raise GradingImpossible(
                            f"{failures} submissions in a row could not be graded, so something is wrong here and not"
                            f" with them: {why[:300]}. What was graded is kept. `autograder doctor` may say more."
                        )
                    if attempt < TRIES:
                        suspects.append((one, attempt + 1))
                    else:
                        yield one, _given_up(one, exercise, setup, why[:300]), False
                if broken:
                    for one, attempt in running.values():
                        suspects.append((one, attempt + 1))
                    break


def _refill(
    pool: Executor, running: dict[Future[Done], tuple[Submitted, int]], source: list[tuple[Submitted, int]], size: int
) -> None:
    while source and len(running) < size:
        one, attempt = source.pop()
        job = Job(one.student, one.raw or b"", _notes(one))
        try:
            running[pool.submit(worker.work, job)] = one, attempt
        except BrokenProcessPool:  # the futures in `running` say so, too
            source.append((one, attempt))
            return


@contextmanager
def local_pool(workers: int, setup: Setup) -> Iterator[Executor]:
    """Processes of this machine, each with a warm process of its own. They end with the context."""
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=worker.begin_process, initargs=(setup,)
    )
    try:
        yield pool
    finally:
        # Workers hold a warm process each, which ends with them; there is nothing to wait for.
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def _given_up(one: Submitted, exercise: Exercise, setup: Setup, why: str) -> Done:
    message = f"This could not be graded, which is our fault and not yours: {why}. Your teacher is told."
    checks = tuple(without_tests(t.grade_id, t.points, message, Outcome.ERROR) for t in exercise.tasks)
    result = SubmissionResult(
        one.student, exercise.name, Status.ERROR, checks, message, _notes(one), str(setup.sandbox)
    )
    return Done(result, None, None)


def _notes(submitted: Submitted) -> tuple[str, ...]:
    return (submitted.problem,) if submitted.problem else ()


def _digest(setup: Setup) -> str:
    """What a result depends on besides the submission itself."""
    held_out = setup.held_out
    parts: list[bytes] = [
        autograder.__version__.encode(),
        setup.template.encode(),
        setup.checks.encode(),
        json.dumps(setup.limits.to_json(), sort_keys=True).encode(),
        str(setup.sandbox).encode(),
        held_out.images.tobytes() + held_out.labels.tobytes() if held_out is not None else b"",
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def default_workers() -> int:
    """One per core, or as many as memory allows: a warm process and a submission take about 1.2 GB."""
    cores = len(os.sched_getaffinity(0))
    with open("/proc/meminfo") as meminfo:
        available = next(int(line.split()[1]) for line in meminfo if line.startswith("MemAvailable"))
    return max(1, min(cores, available // 1_200_000))


def limits_for(course: Course | None, exercise: str) -> Limits:
    """The limits of a course: ``autograder.json`` in it, {"limits": {...}, "exercises": {NAME: {...}}}.

    Raises:
        BadLimit: the file cannot be used; the message says why.
    """
    from autograder.sandbox.limits import BadLimit

    limits = Limits()
    path = Path() if course is None else course.root / "autograder.json"
    if course is None or not path.is_file():
        return limits
    try:
        settings = json.loads(path.read_text("utf-8"))
        everywhere, here = settings.get("limits", {}), settings.get("exercises", {}).get(exercise, {})
    except (ValueError, AttributeError) as error:
        raise BadLimit(f"{path} is not what it should be: {error}") from error
    return limits.with_settings(dict(everywhere), str(path)).with_settings(dict(here), str(path))
