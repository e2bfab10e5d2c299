"""What a student handed in before: kept aside with when it came, so that nothing is lost and the best can count."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from autograder.course.files import write_atomically
from autograder.course.submissions import Submitted, contents
from autograder.course.times import time_of

REPLACED = "replaced"  # the folder of it, in that of an exercise in `.autograder`
MAX_VERSIONS = 500  # of one student's kept files, the latest; more of them are no homework


def keep(folder: Path, when: str, content: bytes, secret: str = "") -> None:
    """Keep a hand-in under the time at which it came; two of one time are both kept.

    Args:
        folder: the student's.
        when: what its timestamp.txt said.
        secret: what the name of its released feedback is made of.

    Raises:
        OSError: it cannot be written.
    """
    name = when.replace("/", "-").replace(":", "-")[:40].strip().lstrip(".") or "earlier"
    number = 1
    while True:
        place = folder / f"{name}{f' ({number})' if number > 1 else ''}.ipynb"
        try:
            if contents(place) == content:
                return
        except FileNotFoundError:
            about = {"timestamp": when, "secret": secret}
            write_atomically(_about(place), json.dumps(about) + "\n")
            write_atomically(place, content)
            return
        number += 1


def keep_current(submission: Path, exercise: str, folder: Path) -> None:
    """Keep the notebook that lies in a folder of ``submitted/`` in a student's `folder`, if there is one.

    Raises:
        OSError: it cannot be read or kept.
    """
    with contextlib.suppress(FileNotFoundError):
        content = contents(submission / f"{exercise}.ipynb")
        when, secret = _beside(submission, "timestamp.txt").strip(), _beside(submission, "submission_secret.txt")
        keep(folder, when, content, secret)


def _beside(submission: Path, name: str) -> str:
    try:
        return contents(submission / name, 1_000).decode("utf-8", "replace")
    except OSError:
        return ""


def versions(folder: Path, current: Submitted) -> list[Submitted]:
    """All that a student handed in for an exercise, the earliest first; the same file twice counts once.

    Args:
        folder: where `keep` put what was handed in before.
        current: what lies in ``submitted/``.
    """
    found = {current.digest: current} if current.path is not None else {}
    for path in _files(folder):
        try:
            content = contents(path)
        except OSError:
            continue  # what cannot be read cannot count
        timestamp, secret = _said(path)
        digest = hashlib.sha256(content).hexdigest()
        one = replace(
            current, path=path, digest=digest, problem="", member="", unused=(), came=timestamp, named_by=secret
        )
        if digest not in found or _moment(one) < _moment(found[digest]):
            found[digest] = one
    return sorted(found.values(), key=lambda one: (_moment(one), one.digest))


def _files(folder: Path) -> list[Path]:
    try:
        entries = [e for e in os.scandir(folder) if e.name.endswith(".ipynb") and not e.name.startswith(".")]
    except OSError:
        return []  # nothing was kept
    return [folder / name for name in sorted(entry.name for entry in entries)[-MAX_VERSIONS:]]


def _moment(one: Submitted) -> float:
    when = time_of(one.timestamp)
    return float("inf") if when is None else when.timestamp()  # all of them are in UTC without a zone


def _about(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _said(path: Path) -> tuple[str, str]:
    """When a kept file came, and the secret of its feedback."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads(contents(_about(path), 2_000))
        return str(about["timestamp"]), str(about["secret"])
    day, _, clock = path.stem.partition(" ")  # kept by an earlier version of the kit, which wrote nothing beside it
    return f"{day} {clock.partition(' (')[0].replace('-', ':')}".strip(), ""
