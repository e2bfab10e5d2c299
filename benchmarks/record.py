"""What was measured when, and on which machine.

``results.json`` holds the last run of each part of the bench, and all their plain numbers once more by name, for
programs; ``history.jsonl`` has a line for every run, of its plain numbers. Each run names the date, the kit's version
and commit, the machine and its load, and holds what that run measured and nothing else: no figure stands beside a
machine that did not give it. Only the bench writes them.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import autograder
from autograder.course.files import write_atomically
from autograder.sandbox import bubblewrap
from autograder.sandbox.machine import examine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
HISTORY = HERE / "history.jsonl"
PACKAGES = (
    *("keras", "numpy", "nbgrader", "nbclient", "jupyter_client", "ipykernel", "distributed"),
    *("tensorflow-cpu", "tensorflow"),  # whichever is installed
)


def now() -> dict[str, Any]:
    """Date, version, commit, load and machine: what a run is known by. Taken before it begins, for its load's sake."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": autograder.__version__,
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 1),
        "additions_seconds": additions_seconds(),
        "machine": machine(),
    }


def additions_seconds() -> float:
    """The clock's seconds for ten million additions in Python, the best of three times: how fast a core is just now.

    A machine that is shared may be twice as fast on one day as on another, and its load does not say so.
    """
    taken = []
    for _ in range(3):
        began, total = time.perf_counter(), 0
        for number in range(10_000_000):
            total += number
        taken.append(time.perf_counter() - began)
    return round(min(taken), 2)


@cache  # trying the sandbox takes a moment
def machine() -> dict[str, str]:
    """What the numbers are measured on, and in which sandbox; its cores are those that `autograder grade` uses."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return {
        "cpu": model,
        "cores": str(examine().workers),
        "python": f"{platform.python_version()}, built {platform.python_build()[1]}",  # some builds are slow
        "sandbox": str(bubblewrap.choose("auto")),
        **_versions(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache  # for the bench writes into the checkout
def _commit() -> str:
    """The checkout's; with a '+' where it was changed since, and empty where there is no git."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty=+", "--abbrev=7", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def require_room(folder: Path = HERE) -> None:
    """Make sure, before anything takes an hour, that what is measured can be kept.

    Raises:
        SystemExit: nothing can be written there, or what is there is not what the bench wrote.
    """
    try:
        read_results(folder / RESULTS.name)
        (folder / HISTORY.name).open("a").close()
        tempfile.TemporaryFile(dir=folder).close()  # results are written beside their file first
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"Nothing can be kept in {folder}: {error!r}") from error


def keep(part: str, run: Mapping[str, Any], found: Mapping[str, Any], folder: Path = HERE) -> None:
    """Put what a part has measured in place of its last run, and add a line to the history."""
    parts = read_results(folder / RESULTS.name)
    parts[part] = {**run, "found": dict(found)}
    plain = {name: value for one in parts.values() for name, value in _plain(one["found"]).items()}
    results = {**plain, "machine": run["machine"], "parts": parts}
    write_atomically(folder / RESULTS.name, json.dumps(results, indent=1, sort_keys=True) + "\n")
    with (folder / HISTORY.name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line(part, run, found)) + "\n")


def line(part: str, run: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What the history keeps of a run: its plain numbers, without tables of many."""
    plain = sorted(_plain(found).items())
    figures = {name: round(value, 4) if isinstance(value, float) else value for name, value in plain}
    about = {name: value for name, value in run.items() if name != "machine"}
    return {"part": part, **about, **figures, "machine": dict(run["machine"])}


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def read_results(path: Path = RESULTS) -> dict[str, Any]:
    """By part: `now()` of its last run, and under ``found`` what it measured."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["parts"] if path.is_file() else {}
    return found


def read_history(path: Path = HISTORY) -> list[dict[str, Any]]:
    """All lines, as they were written."""
    return [json.loads(each) for each in path.read_text("utf-8").splitlines()]
