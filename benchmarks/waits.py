"""How long whoever is in a hurry waits: for one file, beside a running `autograder watch` and without; a small class.

    python -m benchmarks one small

What a submission's own cells, models and checks take is no part of what we can make shorter, so it stands apart.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from autograder.course.directory import Course
from benchmarks import honest_class

ROOT = Path(__file__).resolve().parent.parent
EXERCISES = ("01-image-classification", "03-dense-networks")
TIMES = 3
AUTOGRADER = (sys.executable, "-m", "autograder")
SMALL, LARGE = 2, 12  # submissions of each exercise in a class
_OWN = ("cells", "models", "checks")
_GIVE_UP_SECONDS = 300.0


def one(scratch: Path) -> dict[str, Any]:
    """Seconds beside a submission's own: `autograder check`, and from handing in to the result while `watch` runs."""
    checked = {name: [_checked(name, scratch / "result.json") for _ in range(TIMES)] for name in EXERCISES}
    watched = _watched(scratch / "course")
    for name in EXERCISES:
        shown = ", ".join(f"{seconds:.1f}" for seconds in (*checked[name], *watched[name]))
        print(f"   {name}: beside its own {shown} s", flush=True)
    return {
        "one_check_seconds_beside": statistics.median(chain.from_iterable(checked.values())),
        "one_watch_seconds_beside": statistics.median(chain.from_iterable(watched.values())),
        "one_check_seconds_beside_each": checked,
        "one_watch_seconds_beside_each": watched,
    }


def small(scratch: Path, grade: Callable[[Path, list[str]], tuple[float, float]]) -> dict[str, Any]:
    """The class, and before and after it a small one; what the small one takes beside its share.

    Its share is by work: what its submissions take on their workers is compared with what those of the class take.

    Args:
        grade: grades a course's exercises; the seconds that took, and the sum of what each submission took.
    """
    names: list[str] = []
    counts = {}
    for folder, each in (("large", LARGE), ("small", SMALL)):
        students = honest_class.write(scratch / folder / "submitted", each=each)
        names, counts[folder] = list(students), sum(map(len, students.values()))
        for name in names:
            Course(scratch / folder).make_ready(name)
    took, work = zip(*(grade(scratch / folder, names) for folder in ("small", "large", "small")), strict=True)
    share = took[1] * (work[0] + work[2]) / 2 / work[1]
    return {
        "small_class_over_share": (took[0] + took[2]) / 2 / share,
        "small_class_over_share_by_number": (took[0] + took[2]) / 2 / (took[1] * counts["small"] / counts["large"]),
        "small_class_seconds": took,
        "small_class_submissions": counts["small"],
    }


def _checked(name: str, file: Path) -> float:
    began = time.perf_counter()
    command = [*AUTOGRADER, "check", str(_solution(name)), "--json", str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    took = time.perf_counter() - began
    return took - _own(json.loads(file.read_text("utf-8")))


def _watched(root: Path) -> dict[str, list[float]]:
    (root / "submitted").mkdir(parents=True)
    for name in EXERCISES:
        Course(root).make_ready(name)
    log = root / "log"
    with log.open("w") as stream:
        command = [*AUTOGRADER, "watch", *EXERCISES, "--course", str(root)]
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        _wait_for(log, re.compile("Watching"), process)
        time.sleep(15)  # its workers prove themselves meanwhile, before anybody waits
        return {name: [_handed_in(root, name, number, log, process) for number in range(TIMES)] for name in EXERCISES}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _handed_in(root: Path, name: str, number: int, log: Path, process: subprocess.Popen[bytes]) -> float:
    student = f"student-{number}"
    path = root / "submitted" / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    began = time.perf_counter()
    shutil.copy(_solution(name), path)
    _wait_for(log, re.compile(f"{student}  {name}: .* points"), process)
    took = time.perf_counter() - began
    note = root / ".autograder" / name / "done" / f"{student}.json"
    return took - _own(json.loads(note.read_text("utf-8"))["result"])


def _own(result: dict[str, Any]) -> float:
    if result["score"] < result["max_score"]:
        raise RuntimeError(f"A reference solution has {result['score']} points: {result['message']}")
    return sum(float(result["seconds"][stage]) for stage in _OWN)


def _wait_for(log: Path, said: re.Pattern[str], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not said.search(log.read_text("utf-8")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"`autograder watch` did not say {said.pattern!r}:\n{log.read_text('utf-8')}")
        time.sleep(0.02)


def _solution(name: str) -> Path:
    return ROOT / "solutions" / name / f"{name}.ipynb"
