"""What was handed in for an exercise: which students there are, and the one notebook of each that counts."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.errors import CourseError
from autograder.exercise.wire import one_line

MAX_NOTEBOOK_BYTES = 20_000_000  # of one notebook handed in


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one student handed in. `path` is None when there is no notebook; `problem` says what is odd."""

    student: str
    folder: Path
    path: Path | None
    digest: str  # of the file as it was when it was found
    problem: str = ""

    @property
    def raw(self) -> bytes | None:
        """The file's bytes, read anew each time: a class of thousands must not be held in memory."""
        if self.path is None:
            return None
        try:
            return _contents(self.path)
        except OSError:
            return b""

    @property
    def timestamp(self) -> str:
        """Content of nbgrader's timestamp.txt, or ''."""
        return self._beside("timestamp.txt").strip()[:100]

    @property
    def secret(self) -> str:
        """Content of nbgrader's submission_secret.txt, or ''; the name of the released feedback is made from it."""
        return self._beside("submission_secret.txt")

    def _beside(self, name: str) -> str:
        """A short text file that lies with the notebook; '' if it is not there, or behind a link."""
        if self.folder.is_symlink() or self.folder.parent.is_symlink():
            return ""
        try:
            descriptor = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ""
        with os.fdopen(descriptor, "rb") as file:
            return file.read(1000).decode("utf-8", errors="replace") if _is_file(descriptor) else ""


def listed(submitted: Path, name: str, students: list[str] | None = None) -> list[Submitted]:
    """What lies in the folder ``submitted/`` for an exercise, sorted by student.

    Args:
        students: only these.

    Raises:
        CourseError: there is no such folder, or a student named does not exist.
    """
    if not submitted.is_dir():
        raise CourseError(f"{submitted.parent} has no folder submitted/. Collect the students' work into it first.")
    found = sorted(
        entry.name
        for entry in os.scandir(submitted)
        if not entry.name.startswith(".") and (entry.is_dir(follow_symlinks=False) or entry.is_symlink())
    )
    if students:
        unknown = [s for s in students if s not in found]
        if unknown:
            raise CourseError(f"No student '{unknown[0]}' in {submitted}.")
        found = [s for s in found if s in students]
    everyone = [read(submitted, name, s) for s in found]
    return [s for s in everyone if s.path is not None or s.problem or s.folder.is_dir() or students]


def read(submitted: Path, name: str, student: str) -> Submitted:
    """What one student handed in of an exercise."""
    return _read(student, submitted / student / name, name)


def _read(student: str, folder: Path, name: str) -> Submitted:
    """Find the one notebook that counts, following no links."""
    nothing = hashlib.sha256(b"").hexdigest()
    if not _is_text(student):  # neither the gradebook nor a page could hold it
        student = os.fsencode(student).decode("utf-8", "backslashreplace")
        return Submitted(student, folder, None, nothing, "The student's folder has a name that is no text. Rename it.")
    if set(student) & set(_MARKUP):
        found = _read(student.translate(_FULL_WIDTH), folder, name)
        says = f"The folder's name has <, \" or \\ in it, code for nbgrader's pages; entered as {found.student}."
        return replace(found, problem=f"{says} {found.problem}".strip())
    if folder.parent.is_symlink():
        problem = "The student's folder is a symbolic link; links are not followed."
        return Submitted(student, folder, None, nothing, problem)
    if folder.is_symlink():
        return Submitted(student, folder, None, nothing, "The folder is a symbolic link; links are not followed.")
    path, problem = folder / f"{name}.ipynb", ""
    if not os.path.lexists(path):
        others = (
            sorted(p for p in folder.glob("*.ipynb") if p.is_file() and not p.is_symlink()) if folder.is_dir() else []
        )
        if len(others) != 1:
            several = f"There are {len(others)} notebooks, none called {name}.ipynb." if others else ""
            return Submitted(student, folder, None, nothing, several)
        called = one_line(others[0].name, 100)
        path, problem = others[0], f"The notebook was called {called}; it was graded anyway."
    try:
        return Submitted(student, folder, path, hashlib.sha256(_contents(path)).hexdigest(), problem)
    except OSError as error:
        why = (
            "is a symbolic link; links are not followed" if path.is_symlink() else f"cannot be read ({error.strerror})"
        )
        return Submitted(student, folder, None, nothing, f"{one_line(path.name, 100)} {why}.")


# nbgrader 0.9.6 writes names into its pages and their scripts as they are (tried in tests/test_formgrader.py).
_MARKUP = '<"\\'
_FULL_WIDTH = {ord(c): ord(c) + 0xFEE0 for c in _MARKUP}  # they look the same and mean nothing


def _contents(path: Path) -> bytes:
    """A file's bytes, no more than is graded. Raises `OSError` for a link, a folder, a pipe, or what cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not _is_file(descriptor):
            raise OSError(0, "it is not a file")
        return file.read(MAX_NOTEBOOK_BYTES + 1)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
