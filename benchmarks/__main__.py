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

from autograder import data
from autograder.course.directory import Course
from autograder.exercise.definition import find_exercise
from autograder.grading import batch, grade
from autograder.grading.repair import repair
from autograder.grading.run import NotebookRun
from autograder.sandbox import bubblewrap
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits
from benchmarks import honest_class, record, stand_in, table, waits
from benchmarks.cluster import two_workers_over_one
from benchmarks.latency import latencies
from benchmarks.memory import PeakMemory

HERE = Path(__file__).resolve().parent
PROGRAMS = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def main() -> int:
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "class": lambda scratch: honest(scratch, options.each),
        "small": lambda scratch: waits.small(scratch, lambda course, names: _ours(course, names)[0]),
        "one": waits.one,
        "memory": memory,
        "cluster": cluster,
        "coordinator": coordinator,
        "latency": latency,
        "first": first,
        "costs": costs,
        "scheduler": scheduler,
        "page": page,
        "book": book,
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
    print(", ".join(f"{name} {value}" for name, value in record.machine().items()))
    failed = 0
    for name in chosen:
        run = record.now()
        print(f"-- {name}, load {run['load']:g}, ten million additions {run['additions_seconds']:g} s", flush=True)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                found = parts[name](Path(scratch))
        except KeyboardInterrupt:
            print(f"   {name} was stopped; what was measured before it is kept", flush=True)
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
    lines = (said.decode(errors="replace") if isinstance(said, bytes) else said).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"


def honest(scratch: Path, each: int) -> dict[str, Any]:
    """The honest class by plain nbgrader and by us, and the floor: the students' own cells, fork_server.

    We grade it before and after, and the mean is taken: nbgrader needs many minutes, in which a machine that others
    use as well becomes slower or faster.
    """
    course = scratch / "course"
    students = honest_class.write(course / "submitted", each=each)
    for exercise in students:
        Course(course).make_ready(exercise)  # both sides need that once; it is no part of grading
    before, _, answers = _ours(course, list(students))
    scores = _scores(course)
    floor = sum(_floor(exercise, course) for exercise in students) / len(os.sched_getaffinity(0))
    theirs = 0.0
    for exercise in students:
        began = time.perf_counter()
        command = ["nbgrader", "autograde", exercise, "--force"]
        subprocess.run(command, cwd=course, env=PROGRAMS, check=True, capture_output=True)
        theirs += time.perf_counter() - began
        print(f"   {exercise}: nbgrader {theirs:.1f} s so far", flush=True)
    equal = _scores(course) == scores
    after, stages, answers_again = _ours(course, list(students))
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
        "submissions_a_minute_a_core": 60 * submissions / ours / len(os.sched_getaffinity(0)),
        "class_results_equal": answers == answers_again,
        "class_grades_equal": equal and _scores(course) == scores,
        "class_stage_seconds": stages,
    }


def _ours(course: Path, exercises: list[str]) -> tuple[float, dict[str, float], list[Any]]:
    """Grade the class.

    Returns the seconds it took, those of each stage, all submissions together, and all that was found out about each
    submission, to the last bit: points, messages, hints.
    """
    out = course.parent / "out.json"
    command = ["autograder", "grade", *exercises, "--course", str(course), "--json", str(out), "--force"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    print(f"   ours {seconds:.1f} s", flush=True)
    return seconds, *graded(json.loads(out.read_text())["exercises"])


def graded(classes: list[dict[str, Any]]) -> tuple[dict[str, float], list[Any]]:
    """The seconds of each stage, and all that was found out, of what `autograder grade --json` says of exercises."""
    stages = dict.fromkeys(("kernel", "cells", "models", "checks", "notebook", "total"), 0.0)
    found = []
    for one in classes:
        for result in sorted(one["submissions"], key=lambda result: result["student"]):
            for stage in stages:
                stages[stage] += result["seconds"].get(stage, 0.0)
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
                    seconds += run.seconds["cells"]
            return seconds
    finally:
        del os.environ["AUTOGRADER_PLAIN_STEPS"]


def _scores(course: Path) -> dict[str, float]:
    query = (
        "select s.id || c.name || n.notebook_id, g.auto_score from grade g join base_cell c on c.id = g.cell_id"
        " join submitted_notebook n on n.id = g.notebook_id"
        " join submitted_assignment a on a.id = n.assignment_id join student s on s.id = a.student_id"
    )
    with sqlite3.connect(course / "gradebook.db") as connection:
        return {key: round(score, 4) for key, score in connection.execute(query)}


def memory(scratch: Path) -> dict[str, Any]:
    """Memory of one submission beyond what it shares with the fork server, at its peak, MB."""
    peaks = {}
    for name in ("01-image-classification", "03-dense-networks", "05-overfitting"):
        exercise = find_exercise(name)
        raw = (HERE.parent / "solutions" / name / f"{name}.ipynb").read_bytes()
        with ForkServer(bubblewrap.choose("auto")) as fork_server:
            fork_server.wait_until_ready()
            with PeakMemory(fork_server.pid) as peak:
                grade.grade(raw, exercise, fork_server, Limits(), held_out=data.load_held_out(name))
            peaks[name] = round(peak.megabytes)
    return {"memory_mb_per_submission": max(peaks.values()), "memory_mb_by_exercise": peaks}


def cluster(scratch: Path) -> dict[str, Any]:
    """Speed of two dask workers over one, same class."""
    return two_workers_over_one(scratch)


def coordinator(scratch: Path) -> dict[str, Any]:
    """Coordinator's time and memory with a stand-in for running: 1,000 and 10,000 submissions.

    The thousand is graded before and after, and the mean taken: a machine that slows down meanwhile would else
    look like a coordinator that does.
    """
    found: dict[int, list[dict[str, float]]] = {1_000: [], 10_000: []}
    for students in (1_000, 10_000, 1_000):
        course = scratch / str(students)
        (course / "submitted").mkdir(parents=True)
        stand_in.write_class(course / "submitted", "03-dense-networks", students)
        os.sync()  # writing the class is no part of it
        code = "from benchmarks.__main__ import coordinate; import sys; coordinate(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", code, str(course)], check=True, capture_output=True, text=True, cwd=HERE.parent
        )
        measured = json.loads(done.stdout.splitlines()[-1])
        found[students].append(measured)
        shutil.rmtree(course)
        print(f"   {students}: {measured['seconds']:.1f} s, {measured['megabytes']:.0f} MB", flush=True)
    seconds = {students: statistics.mean(m["seconds"] for m in runs) for students, runs in found.items()}
    megabytes = {students: max(m["megabytes"] for m in runs) for students, runs in found.items()}
    return {
        "coordinator_ms_per_submission": seconds[10_000] / 10,
        "total_10k_over_1k": seconds[10_000] / seconds[1_000],
        "coordinator_mb": megabytes,
        "coordinator_mb_10k_over_1k": megabytes[10_000] / megabytes[1_000],
    }


def coordinate(root: str) -> None:
    """Grade a class of stand-ins in this process; print seconds and peak memory as JSON."""
    course = Course(Path(root))
    exercise = course.make_ready("03-dense-networks")
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
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


def costs(scratch: Path) -> dict[str, Any]:
    """Processor time of a submission of each exercise, and what of it is the sandbox's."""
    from benchmarks.costs import measured

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
