"""`make bench`: everything as a ratio within one run. Prints a table, and keeps it in benchmarks/README.md.

All that a part has measured is in benchmarks/results.json, and in a line of benchmarks/history.jsonl. A part that
cannot run here says why, the others go on, and the exit status is 1.

Other work on the machine disturbs both sides of a ratio alike only if it is steady; run it on an idle one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course.directory import Course
from autograder.exercise.definition import exercise_names, find_exercise
from autograder.exercise.outcome import Status
from autograder.grading import batch, canary, grade
from autograder.grading.repair import repair
from autograder.grading.run import NotebookRun
from autograder.sandbox import bubblewrap
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits
from autograder.sandbox.machine import examine
from benchmarks import costs, honest_class, record, stand_in, table, tricks, waits
from benchmarks.cluster import two_workers_over_one
from benchmarks.latency import latencies
from benchmarks.memory import PeakMemory

HERE = Path(__file__).resolve().parent
PROGRAMS = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def main() -> int:
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "class": lambda scratch: honest(scratch, options.each),
        "small": lambda scratch: waits.small(scratch, _seconds_and_work),
        "one": waits.one,
        "memory": memory,
        "cluster": cluster,
        "coordinator": coordinator,
        "latency": latency,
        "first": first,
        "costs": costs.measured,
        "scheduler": scheduler,
        "page": page,
        "book": book,
        "tricks": tricks.measured,
    }
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="only these (default: all)")
    parser.add_argument(
        "--each", type=int, default=12, metavar="N", help="submissions of each exercise in the class (default: 12)"
    )
    options = parser.parse_args()
    chosen = options.parts or list(parts)
    if unknown := [name for name in chosen if name not in parts]:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(parts)}")
    if sys.platform != "linux":
        parser.error("grading is measured on Linux alone")
    record.require_room()
    print(", ".join(f"{name} {value}" for name, value in record.machine().items()))
    failed = 0
    for name in chosen:
        run = record.now()
        print(f"-- {name}, load {run['load']:g}, ten million additions {run['additions_seconds']:g} s", flush=True)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                found = parts[name](Path(scratch))
        except KeyboardInterrupt:
            print(
                f"\n{table.as_text(record.read_results())}\n\n{name} was stopped; what was measured before it is kept."
            )
            return 130
        except Exception as error:  # a part that this machine cannot run takes nothing from the others
            failed += 1
            print(f"   not measured: {_in_one_line(error)}", flush=True)
            continue
        record.keep(name, run, found)
        table.write(record.read_results())
    print(f"\n{table.as_text(record.read_results())}")
    print(f"\nAll of it: {record.RESULTS.relative_to(HERE.parent)}")
    return 1 if failed else 0


def _in_one_line(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    lines = [line for line in text.splitlines() if any(c.isalnum() for c in line)]  # none of a frame of lines
    return f"{type(error).__name__}: {lines[-1].strip(' ║') if lines else ''}"


def honest(scratch: Path, each: int) -> dict[str, Any]:
    """A whole class of honest submissions: `autograder grade` beside `nbgrader autograde`, beside the cells alone.

    We grade it before and after, and the mean is taken: nbgrader needs many minutes, in which a machine that others
    use as well becomes slower or faster. The cells alone are timed one after another, as the students wrote them and
    as plain Keras trains them, and divided by the cores.

    Raises:
        RuntimeError: the two do not give the same grades, we do not give the same results twice, or not all points.
    """
    course = scratch / "course"
    students = honest_class.write(course / "submitted", each=each)
    for exercise in students:
        Course(course).make_ready(exercise)  # both sides need that once; it is no part of grading
    before, _, answers = _ours(course, list(students))
    scores = _scores(course)
    cores = examine().workers
    floor = sum(_floor(exercise, course) for exercise in students) / cores
    _forget_scores(course)
    theirs = 0.0
    for exercise in students:
        began = time.perf_counter()
        command = ["nbgrader", "autograde", exercise, "--force"]
        subprocess.run(command, cwd=course, env=PROGRAMS, check=True, capture_output=True)
        theirs += time.perf_counter() - began
        print(f"   {exercise}: nbgrader {theirs:.1f} s so far", flush=True)
    if different := _different(scores, _scores(course)):
        raise RuntimeError(f"nbgrader's grades are others: {different}")
    after, stages, answers_again = _ours(course, list(students))
    if answers != answers_again or _scores(course) != scores:
        raise RuntimeError("The class was graded twice, and not with the same results.")
    ours = statistics.mean((before, after))
    submissions = sum(len(s) for s in students.values())
    return {
        "nbgrader_ratio": theirs / ours,
        "floor_ratio": ours / floor,
        "class_seconds_ours": ours,
        "class_seconds_ours_before_and_after": [before, after],
        "class_seconds_nbgrader": theirs,
        "class_seconds_floor": floor,
        "class_submissions": submissions,
        "submissions_a_minute_a_core": 60 * submissions / ours / cores,
        "class_results_equal": True,  # or there would be no figures
        "class_grades_equal": True,
        "class_stage_seconds": stages,
    }


def _ours(course: Path, exercises: list[str]) -> tuple[float, dict[str, float], list[Any]]:
    """Grade the class.

    Returns the seconds it took, those of each stage, all submissions together, and all that was found out about each
    submission, to the last bit: points, messages, hints. What an earlier run found out about how long each submission
    takes is forgotten: a class that is graded for the first time has no such order.
    """
    for note in course.glob(".autograder/*/done"):
        shutil.rmtree(note)
    out = course.parent / "out.json"
    command = ["autograder", "grade", *exercises, "--course", str(course), "--json", str(out), "--force"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    print(f"   ours {seconds:.1f} s", flush=True)
    return seconds, *graded(json.loads(out.read_text())["exercises"])


def _seconds_and_work(course: Path, exercises: list[str]) -> tuple[float, float]:
    seconds, stages, _ = _ours(course, exercises)
    return seconds, stages["total"]


def graded(classes: list[dict[str, Any]]) -> tuple[dict[str, float], list[Any]]:
    """The seconds of each stage, and all that was found out, of what `autograder grade --json` says of exercises.

    Raises:
        RuntimeError: an answer of the class, all of which are right, did not get all points.
    """
    stages = dict.fromkeys(("kernel", "cells", "models", "checks", "notebook", "total"), 0.0)
    found = []
    for one in classes:
        for result in sorted(one["submissions"], key=lambda result: result["student"]):
            for stage in stages:
                stages[stage] += result["seconds"].get(stage, 0.0)
            if result["score"] < result["max_score"]:
                raise RuntimeError(
                    f"{result['student']} has {result['score']} points in {one['exercise']}: {result['message']}"
                )
            about = [result[name] for name in ("student", "status", "score", "message", "checks")]
            found.append([one["exercise"], *about])
    return {stage: round(taken, 1) for stage, taken in stages.items()}, found


def _floor(exercise: str, course: Path) -> float:
    """Seconds the students' own cells take, one after another, in a fork server, as the students wrote them."""
    found = find_exercise(exercise)
    template = grade._read_template(found.notebook)
    os.environ["AUTOGRADER_PLAIN_STEPS"] = "1"
    try:
        with ForkServer(bubblewrap.choose("auto")) as fork_server:
            fork_server.wait_until_ready()
            seconds = 0.0
            for path in sorted((course / "submitted").glob(f"*/{exercise}/{exercise}.ipynb")):
                notebook = repair(path.read_bytes(), template).notebook
                with NotebookRun(notebook, fork_server, Limits()) as run:
                    run.run_rest()
                    if run.status is not Status.GRADED:
                        raise RuntimeError(f"The cells of {path} did not run to their end: {run.status}")
                    seconds += run.seconds["cells"]
            return seconds
    finally:
        del os.environ["AUTOGRADER_PLAIN_STEPS"]


def _scores(course: Path) -> dict[str, float | None]:
    query = (
        "select s.id || c.name || n.notebook_id, g.auto_score from grade g join base_cell c on c.id = g.cell_id"
        " join submitted_notebook n on n.id = g.notebook_id"
        " join submitted_assignment a on a.id = n.assignment_id join student s on s.id = a.student_id"
    )
    with sqlite3.connect(course / "gradebook.db") as connection:
        return {key: None if score is None else round(score, 4) for key, score in connection.execute(query)}


def _forget_scores(course: Path) -> None:
    """Or what nbgrader did not write would count as the same."""
    with sqlite3.connect(course / "gradebook.db") as connection:
        connection.execute("update grade set auto_score = null")


def _different(ours: dict[str, float | None], theirs: dict[str, float | None]) -> str:
    other = (key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key))
    return ", ".join(f"{key} {ours.get(key)} and {theirs.get(key)}" for key in other)[:300]


def memory(scratch: Path) -> dict[str, Any]:
    """A submission's memory beside what it shares with the fork server, in MB at its peak; the most of any exercise."""
    peaks = {}
    with ForkServer(bubblewrap.choose("auto")) as fork_server:
        fork_server.wait_until_ready()
        canary.prove(fork_server)  # once for each worker, and no submission's
        for name in exercise_names():
            with PeakMemory(fork_server.pid) as peak:
                costs.graded_in_full(fork_server, name)
            if not peak.megabytes:
                raise RuntimeError("The memory of a fork cannot be read here.")
            peaks[name] = round(peak.megabytes)
    return {"memory_mb_per_submission": max(peaks.values()), "memory_mb_by_exercise": peaks}


def cluster(scratch: Path) -> dict[str, Any]:
    """Speed of two dask workers over one, same class."""
    return two_workers_over_one(scratch)


def coordinator(scratch: Path) -> dict[str, Any]:
    """Coordinator's time and memory with a stand-in for running: 1,000 and 10,000 submissions that come at once.

    The thousand is graded before and after, and the mean taken: a machine that slows down meanwhile would else
    look like a coordinator that does. Results that come at once share a transaction; those that come one by one have
    one each, which a last thousand measures.
    """
    before, many, after = (_coordinated(scratch / "at-once", students) for students in (1_000, 10_000, 1_000))
    alone = _coordinated(scratch / "one-by-one", 1_000, one_by_one=True)
    few_seconds = statistics.mean((before["seconds"], after["seconds"]))
    return {
        "coordinator_ms_per_submission": many["seconds"] / 10,
        "coordinator_ms_one_by_one": alone["seconds"],
        "total_10k_over_1k": many["seconds"] / few_seconds,
        "coordinator_mb": {"1000": before["megabytes"], "10000": many["megabytes"]},
        "coordinator_mb_10k_over_1k": many["megabytes"] / max(before["megabytes"], after["megabytes"]),
    }


def _coordinated(root: Path, students: int, one_by_one: bool = False) -> dict[str, float]:
    """Seconds, and peak megabytes, of `coordinate` in a process of its own, for a class of so many."""
    (root / "submitted").mkdir(parents=True)
    stand_in.write_class(root / "submitted", "03-dense-networks", students)
    os.sync()  # writing the class is no part of it
    code = f"from benchmarks.__main__ import coordinate; import sys; coordinate(sys.argv[1], {one_by_one})"
    command = [sys.executable, "-c", code, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    shutil.rmtree(root)
    how = ", one by one" if one_by_one else ""
    print(f"   {students}{how}: {found['seconds']:.1f} s, {found['megabytes']:.0f} MB", flush=True)
    return found


def coordinate(root: str, one_by_one: bool) -> None:
    """Grade a class of stand-ins in this process; print seconds and peak memory as JSON."""
    course = Course(Path(root))
    exercise = course.make_ready("03-dense-networks")
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    if one_by_one:
        batch.FLUSH_SECONDS = -1.0  # as if nothing more were ready
    began = time.perf_counter()
    submissions = course.submissions(exercise.name)
    batch.grade_class(course, exercise, setup, submissions, 2, pools=stand_in.pools(exercise))
    seconds = time.perf_counter() - began
    # Not getrusage's, which keeps what the process that started this one had.
    (peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    print(json.dumps({"seconds": seconds, "megabytes": int(peak) * 1024 / 1e6}))


def latency(scratch: Path) -> dict[str, Any]:
    """How long a learner waits for `check`, median after the first, in seconds."""
    found = latencies()
    return {"check_seconds": found, "check_seconds_median": statistics.median(found.values())}


def first(scratch: Path) -> dict[str, Any]:
    """How long a learner waits for the first cell and the first check, and for what."""
    from benchmarks.first_cell import measured

    return measured(scratch)


def scheduler(scratch: Path) -> dict[str, Any]:
    """What dask's scheduler takes of a core for each submission, with a hundred stand-in workers, of which some die."""
    from benchmarks.scheduler import in_the_bench

    return in_the_bench(scratch)


def page(scratch: Path) -> dict[str, Any]:
    """The exercise in a browser: seconds until the first check's answer, megabytes, training beside TensorFlow's."""
    from benchmarks.page import measured  # needs what drives a browser

    return measured(scratch)


def book(scratch: Path) -> dict[str, Any]:
    """A clean build beside what the lessons compute, and a build without a change."""
    from benchmarks.book import measured

    return measured(scratch)


if __name__ == "__main__":
    sys.exit(main())
