"""The same hostile and unlucky notebooks, graded by us and by plain `nbgrader autograde`: who is fooled, who stops.

    nice -n 10 python benchmarks/against_nbgrader.py [--only N]

nbgrader runs student code with the rights of whoever started it, so each of its runs is put behind a bubblewrap
sandbox of its own here, with a copy of the course; entries that fill a machine without limits are not tried on it.
What was measured is kept in ``benchmarks/against_nbgrader.json`` after each entry, and a later run goes on from
there. The page for instructors is written from it.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from attacks.corpus import ATTACKS  # noqa: E402
from faults.corpus import FAULTS  # noqa: E402
from hostile import EARNED, EXERCISE, LIMITS, Entry, exercise_in, private_images  # noqa: E402

RESULTS = ROOT / "benchmarks" / "against_nbgrader.json"
PAGE = ROOT / "book" / "instructors" / "forged-stopped-lost.md"
CELL_SECONDS = 30  # its default
PROCESS_GB = 6  # of memory, for each of its processes
RUN_SECONDS = 240  # for one notebook; the entries have ten cells, and most do nothing
HEAVY = {  # they would fill this machine, since nothing limits them there
    "memory shared between processes",
    "many processes with some memory each",
    "a fork bomb",
    "threads without end",
    "a million files",
    "a full disk",
    "a list that grows and grows",
    "a model of a billion parameters",
    "a slow drip over many cells",
    "a config of a billion units",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", type=int, help="try at most this many entries that are not measured yet")
    parser.add_argument("--page", action="store_true", help="only write the page from what is measured")
    parser.add_argument("--one", nargs=2, metavar=("STUDENT", "COURSE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        autograde(*options.one)
        return
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if not options.page:
        measure(results, options.only)
    PAGE.write_text(page(results), "utf-8")


def measure(results: dict[str, Any], only: int | None) -> None:
    """Grade every entry that is not in `results` yet with both, and keep what came."""
    from autograder.grading.grade import grade
    from autograder.sandbox import bubblewrap
    from autograder.sandbox.client import ForkServer

    left = [e for e in (Entry("honest"), *ATTACKS, *FAULTS) if e.name not in results][:only]
    with tempfile.TemporaryDirectory() as scratch, ForkServer(bubblewrap.choose("require")) as fork_server:
        exercise = exercise_in(Path(scratch))
        template = new_course(Path(scratch))
        images = private_images()
        for entry in left:
            raw = entry.raw()
            ours = grade(raw, exercise, fork_server, LIMITS, "m", images).result
            theirs = {"tried": False} if entry.name in HEAVY else with_nbgrader(raw, template, Path(scratch))
            results[entry.name] = {
                "ours": {"score": ours.score, "status": str(ours.status), "says": ours.message},
                "nbgrader": theirs,
            }
            if entry.name == "honest" and theirs.get("score") is None:
                raise SystemExit("nbgrader did not grade the honest notebook in time: measure on an idle machine.")
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            print(f"{entry.name}: ours {ours.score:g} ({ours.status}), nbgrader {theirs}", flush=True)


def new_course(scratch: Path) -> Path:
    """A course as nbgrader has it, with the exercise released and in the gradebook."""
    from autograder.course.release import release

    course = scratch / "course"
    course.mkdir()
    shutil.copytree(ROOT / "solutions" / EXERCISE, course / "source" / EXERCISE)
    release(course / "source", course / "release", EXERCISE, f"sqlite:///{course / 'gradebook.db'}")
    return course


def with_nbgrader(raw: bytes, template: Path, scratch: Path) -> dict[str, Any]:
    """What plain nbgrader makes of a notebook, and of the next student's if that one could not be graded."""
    alone = _in_a_course({"m": raw}, template, scratch)
    found: dict[str, Any] = {"tried": True, "score": alone.get("m")}
    if alone.get("m") is None:
        both = _in_a_course({"m": raw, "z": Entry("honest").raw()}, template, scratch)
        found["stopped"] = both.get("z") is None
    return found


def _in_a_course(students: dict[str, bytes], template: Path, scratch: Path) -> dict[str, float | None]:
    course = scratch / "run"
    shutil.rmtree(course, ignore_errors=True)
    shutil.copytree(template, course)
    for student, raw in students.items():
        folder = course / "submitted" / student / EXERCISE
        folder.mkdir(parents=True)
        (folder / f"{EXERCISE}.ipynb").write_bytes(raw)
    command = [
        "bwrap",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/dev/shm",
    ]
    command += [
        "--bind",
        str(course),
        str(course),
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--die-with-parent",
    ]
    command += ["--setenv", "HOME", "/tmp", "--", sys.executable, __file__, "--one", "*", str(course)]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_limit_machine,
    ) as run:
        try:
            run.wait(RUN_SECONDS * len(students))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
    return {student: _score(course, student) for student in students}


def _limit_machine() -> None:
    """Spare the machine. nbgrader has no such limits; what needs more than this is in `HEAVY`, and not tried."""
    resource.setrlimit(resource.RLIMIT_DATA, (PROCESS_GB * 10**9,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**9,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def autograde(students: str, course: str) -> None:
    """Runs inside: `nbgrader autograde`, as its own command does it."""
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = course
    config.CourseDirectory.db_url = f"sqlite:///{course}/gradebook.db"
    config.Execute.timeout = config.ExecutePreprocessor.timeout = CELL_SECONDS
    from nbgrader.converters import Autograde

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    config.CourseDirectory.assignment_id = EXERCISE
    config.CourseDirectory.student_id = students
    Autograde(coursedir=CourseDirectory(config=config), create_student=True, config=config).start()


def _score(course: Path, student: str) -> float | None:
    """The points in the gradebook; None if that submission was not graded."""
    from nbgrader.api import Gradebook, MissingEntry

    try:
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
            submission = gradebook.find_submission(EXERCISE, student)
            if not (course / "autograded" / student / EXERCISE / f"{EXERCISE}.ipynb").is_file():
                return None
            return float(submission.score)
    except MissingEntry:
        return None
    except Exception:  # the gradebook itself was damaged by what ran there
        return None


def page(results: dict[str, Any]) -> str:
    """The table for instructors."""
    honest = sum(EARNED.values())
    theirs_honest = (results.get("honest") or {}).get("nbgrader", {}).get("score")
    theirs_honest = honest if theirs_honest is None else theirs_honest
    packages = ("autograder", "nbgrader", "keras", "nbclient")
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    left = sum(entry.name not in results for entry in (*ATTACKS, *FAULTS))
    attacks, attack_counts = _rows(ATTACKS, results, honest, theirs_honest, _attack_words)
    faults, fault_counts = _rows(FAULTS, results, honest, theirs_honest, _fault_words)
    return _PAGE.format(
        date=datetime.date.today().isoformat(),
        versions=versions,
        honest=honest,
        attacks="\n".join(attacks),
        faults="\n".join(faults),
        attack_counts=attack_counts,
        left=f" {left} entries of the two lists were not measured yet and are missing below." if left else "",
        fault_counts=fault_counts,
        minutes=RUN_SECONDS // 60,
        gigabytes=PROCESS_GB,
        heavy=len(HEAVY),
        heavy_names=", ".join(entry.name for entry in (*ATTACKS, *FAULTS) if entry.name in HEAVY),
    )


def _rows(
    entries: Any, results: dict[str, Any], ours_honest: float, theirs_honest: float, words: Any
) -> tuple[list[str], str]:
    rows, counts = [], {"tried": 0, "ours": 0, "nbgrader tried": 0, "forged": 0, "stopped": 0, "lost": 0}
    for entry in entries:
        if (found := results.get(entry.name)) is None:
            continue
        worth = sum(getattr(entry, "worth", {}).values())
        ours, theirs = words(found, ours_honest + worth, theirs_honest + worth)
        rows.append(f"| {entry.name} | {ours} | {theirs} |")
        counts["tried"] += 1
        counts["ours"] += ours.startswith("**")
        counts["nbgrader tried"] += theirs != "not tried"
        for kind in ("forged", "stopped", "lost"):
            counts[kind] += kind in theirs
    text = (
        f"Tried on us: {counts['tried']}, of which {counts['ours']} got through. Tried on nbgrader:"
        f" {counts['nbgrader tried']}, of which {counts['forged']} forged points, {counts['stopped']} stopped the"
        f" batch, and {counts['lost']} lost the student's grade."
    )
    return rows, text


def _attack_words(found: dict[str, Any], ours_honest: float, theirs_honest: float) -> tuple[str, str]:
    gained = found["ours"]["score"] - ours_honest
    ours = f"**forged {gained:g}**" if gained > 0 else "nothing gained"
    return ours, _theirs(found["nbgrader"], theirs_honest)


def _fault_words(found: dict[str, Any], ours_honest: float, theirs_honest: float) -> tuple[str, str]:
    ours = (
        "**lost**" if found["ours"]["status"] == "error" else f"{found['ours']['status']}, {found['ours']['score']:g}"
    )
    return ours, _theirs(found["nbgrader"], theirs_honest)


def _theirs(found: dict[str, Any], honest: float) -> str:
    if not found["tried"]:
        return "not tried"
    if found["score"] is None:
        return "stopped the batch" if found.get("stopped") else "lost: no grade"
    if found["score"] > honest:
        return f"forged {found['score'] - honest:g}"
    return f"graded, {found['score']:g}"


_PAGE = """\
# Forged, stopped, lost

What happens to the same hostile and unlucky notebooks in this kit and in plain `nbgrader autograde`.
Measured on {date} with {versions}; nbgrader's time limit was {seconds} s a cell. Each notebook holds the same modest
honest work, worth {honest:g} of 25 points, and something else. `python benchmarks/against_nbgrader.py` measures
it again.{left}

Both sides ran **the same checks**. Under nbgrader they stand in the test cells and run in the student's own process, as
nbgrader does it; they look at models and values as carefully there, which is why many naive forgeries gain nothing on
either side. A notebook that reaches the grader, the checks or their results does not need to forge a value.

Points are *forged* when a notebook earns more than its honest work. A batch is *stopped* when the student
sorted next is not graded. A grade is *lost* when the student gets none, though the notebook held work worth one.
An instructor can put nbgrader into a container; that helps against some of the faults, and against none of the
forgeries.

nbgrader itself limits only the time of a cell. To spare the machine on which this was measured, each of its runs was
given {minutes} minutes a notebook, {gigabytes} GB of memory a process and 1 GB a file; what needed more was ended, and
stands in the tables as lost or stopped. {heavy} notebooks would fill a machine even so, with memory, processes, threads
or files, or hold it for long. They were graded by this kit and *not tried* on nbgrader, because nothing there would
stop them: {heavy_names}.

## Attacks

{attack_counts}

| attack | this kit | nbgrader |
|---|---|---|
{attacks}

## Faults

{fault_counts} A file that nobody can read has no grade to lose: both give none, and what counts is whether
the student is told why.

| fault | this kit: status, points | nbgrader |
|---|---|---|
{faults}
""".replace("{seconds}", str(CELL_SECONDS))


if __name__ == "__main__":
    main()
