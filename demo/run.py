"""Write the class's submissions, grade them with the real command, look at the verdicts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from class_of_twelve import CLASS, EXERCISE, Student

from autograder.grading.answered import answered

HERE = Path(__file__).resolve().parent
COURSE = HERE / "course"


def main() -> int:
    shutil.rmtree(COURSE, ignore_errors=True)
    for student in CLASS:
        hand_in(student)
    # A course may set limits of its own; a demonstration need not wait a minute for an endless loop.
    (COURSE / "autograder.json").write_text(json.dumps({"limits": {"cell_seconds": 15}}) + "\n")
    command = [sys.executable, "-m", "autograder", "grade", EXERCISE, "--course", str(COURSE)]
    print("$ autograder " + " ".join(["grade", EXERCISE, "--course", "demo/course"]), flush=True)
    began = time.monotonic()
    results = COURSE / "results.json"
    done = subprocess.run([*command, "--json", str(results)], check=False)
    if done.returncode:
        return done.returncode
    wrong = verdicts(json.loads(results.read_text("utf-8")))
    print(f"\nThe whole command took {time.monotonic() - began:.0f} s.")
    failed = {line.split()[0].rstrip(":") for line in wrong}
    print(f"{len(CLASS) - len(failed)} of {len(CLASS)} verdicts are right.")
    print("\n".join(wrong))
    return 1 if wrong else 0


def hand_in(student: Student) -> None:
    """Put a student's file where nbgrader's collect would."""
    folder = COURSE / "submitted" / student.name / EXERCISE
    folder.mkdir(parents=True)
    path = folder / f"{EXERCISE}.ipynb"
    (folder / "timestamp.txt").write_text("2026-01-15 12:00:00 UTC\n")
    if student.raw is not None:
        path.write_bytes(student.raw)
    else:
        nbformat.write(answered(EXERCISE, None if student.untouched else student.answers), path)


def verdicts(results: dict[str, Any]) -> list[str]:
    """What is not as it must be, one line each."""
    from autograder.grading.progress import first_hint

    by_name = {r["student"]: r for r in results["submissions"]}
    wrong = []
    for student in CLASS:
        result = by_name.get(student.name)
        if result is None:
            wrong.append(f"{student.name}: no result")
            continue
        low, high = student.score
        score = float(result["score"])
        if result["status"] != student.status or not low <= score <= high:
            wrong.append(f"{student.name} ({student.about}): {result['status']}, {score:g} points")
        earned = {check["name"]: check["points"] for check in result["checks"]}
        forged = [task for task in student.nothing_for if earned[task]]
        if forged:
            wrong.append(f"{student.name} ({student.about}): points for {', '.join(forged)}")
        if student.says not in first_hint(result):
            wrong.append(f"{student.name} ({student.about}): the first hint is {first_hint(result)!r}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
