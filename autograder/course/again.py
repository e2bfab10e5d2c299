"""What `autograder watch` is asked to grade again: notes that `autograder grade --force` leaves beside it, since two
runs at a time would undo each other's work.

A note is deleted after its work is done, so that nothing is forgotten if the one who does it is killed.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course.files import write_atomically
from autograder.errors import CourseError
from autograder.language import say

_BEGIN, _END = "again-", ".json"


@dataclass(frozen=True)
class Asked:
    """One request to grade again."""

    path: Path
    exercise: str
    students: tuple[str, ...]  # nobody: the whole class

    def done(self) -> None:
        """Delete the note: it has been done, or cannot be."""
        self.path.unlink(missing_ok=True)


def ask(state: Path, exercise: str, students: Sequence[str]) -> None:
    """Leave a note.

    Args:
        state: the folder in which the course's state is kept.

    Raises:
        CourseError: it cannot be written.
    """
    path = state / f"{_BEGIN}{secrets.token_hex(8)}{_END}"
    try:
        write_atomically(path, json.dumps({"exercise": exercise, "students": list(students)}) + "\n")
    except OSError as error:
        raise CourseError(say("{state} cannot be written to: {why}.", state=state, why=error.strerror)) from error


def asked(state: Path) -> list[Asked]:
    """All notes that can be read."""
    try:
        names = sorted(name for name in os.listdir(state) if name.startswith(_BEGIN) and name.endswith(_END))
    except OSError:
        return []
    found = []
    for name in names:
        try:
            content = json.loads((state / name).read_text("utf-8"))
            found.append(Asked(state / name, str(content["exercise"]), tuple(map(str, content["students"]))))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
