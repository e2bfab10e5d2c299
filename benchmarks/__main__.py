"""`make bench`: everything as a ratio within one run. Writes benchmarks/results.json and prints a table.

Each part that has run adds a line to benchmarks/history.jsonl.

Other work on the machine disturbs both sides of a ratio alike only if it is steady; run it on an idle one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import autograder
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
from benchmarks import history, honest_class, stand_in, waits
from benchmarks.cluster import two_workers_over_one
from benchmarks.latency import latencies
from benchmarks.memory import PeakMemory

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
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
    print(", ".join(f"{name} {value}" for name, value in machine().items()), f"load {os.getloadavg()[0]:.1f}", sep=", ")
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in chosen:
        print(f"-- {name}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            found = parts[name](Path(scratch))
        results |= found
        results["machine"] = machine()
        history.add(history.line(name, found, machine(), autograder.__version__))
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    print()
    for key, value in sorted(results.items()):
        print(f"{key:34} {value if not isinstance(value, float) else round(value, 3)}")
    print(f"\nWritten to {RESULTS.relative_to(HERE.parent)}")
    return 0


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    packages = ("keras", "numpy", "nbgrader", "nbclient", "jupyter_client", "ipykernel", "distributed")
    found = {name: version(name) for name in packages}
    tensorflow = {n: version(n) for n in ("tensorflow-cpu", "tensorflow") if _installed(n)}
    cores = str(len(os.sched_getaffinity(0)))
    return {"cpu": model, "cores": cores, "python": platform.python_version(), **found, **tensorflow}


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except ModuleNotFoundError:
        return False


def honest(scratch: Path, each: int) -> dict[str, Any]:
    """The honest class by plain nbgrader and by us, and the floor: the students' own cells, fork_server.

    We grade it before and after, and the mean is taken: nbgrader needs many minutes, in which a machine that others
    use as well becomes slower or faster.
    """
    course = scratch / "course"
    students = honest_class.write(course / "submitted", each=each)
    for exercise in students:
        Course(course).make_ready(exercise)  # both sides need that once; it is no part of grading
    before, _ = _ours(course, list(students))
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
    after, stages = _ours(course, list(students))
    ours = statistics.mean((before, after))
    return {
        "nbgrader_ratio": theirs / ours,
        "floor_ratio": ours / floor,
        "class_seconds_ours": ours,
        "class_seconds_ours_before_and_after": [before, after],
        "class_seconds_nbgrader": theirs,
        "class_seconds_floor": floor,
        "class_submissions": sum(len(s) for s in students.values()),
        "class_grades_equal": equal and _scores(course) == scores,
        "class_stage_seconds": stages,
    }


def _ours(course: Path, exercises: list[str]) -> tuple[float, dict[str, float]]:
    """Grade the class; return the seconds it took, and those of each stage, all submissions together."""
    out = course.parent / "out.json"
    command = ["autograder", "grade", *exercises, "--course", str(course), "--json", str(out), "--force"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    print(f"   ours {seconds:.1f} s", flush=True)
    stages = dict.fromkeys(("kernel", "cells", "models", "checks", "notebook", "total"), 0.0)
    for one in json.loads(out.read_text())["exercises"]:
        for result in one["submissions"]:
            for stage in stages:
                stages[stage] += result["seconds"].get(stage, 0.0)
    return seconds, {stage: round(taken, 1) for stage, taken in stages.items()}


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
    return {
        "coordinator_ms_per_submission": seconds[10_000] / 10,
        "total_10k_over_1k": seconds[10_000] / seconds[1_000],
        "coordinator_mb": {students: max(m["megabytes"] for m in runs) for students, runs in found.items()},
    }


def coordinate(root: str) -> None:
    """Grade a class of stand-ins in this process; print seconds and peak memory as JSON."""
    import resource

    course = Course(Path(root))
    exercise = course.make_ready("03-dense-networks")
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    began = time.perf_counter()
    submissions = course.submissions(exercise.name)
    batch.grade_class(course, exercise, setup, submissions, 2, pools=stand_in.pools(exercise))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": seconds, "megabytes": peak}))


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
