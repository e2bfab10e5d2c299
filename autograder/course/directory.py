"""A class's course directory, laid out as nbgrader lays it out.

    DIR/nbgrader_config.py   so that nbgrader's own commands work in there
    DIR/gradebook.db
    DIR/release/EXERCISE/    the exercise as learners got it
    DIR/submitted/STUDENT/EXERCISE/EXERCISE.ipynb
    DIR/autograded/, DIR/feedback/
    DIR/.autograder/         what has been graded, and with what

Everything but ``submitted/`` is made when it is first needed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.errors import CourseError, UnknownExercise
from autograder.exercise.definition import Exercise, check_folders, find_exercise
from autograder.exercise.wire import one_line

MAX_NOTEBOOK_BYTES = 20_000_000  # of one notebook handed in
_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = """\
# Written by autograder; nbgrader's own commands, run in this folder, read it. Change what you like.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "{course_id}"
c.CourseDirectory.root = "{root}"
c.CourseDirectory.source_directory = "{source}"
c.CourseDirectory.release_directory = "release"
c.Execute.timeout = 120  # seconds a cell; nbgrader's 30 are tight for training on a busy machine
c.ExecutePreprocessor.timeout = 120
"""


LOCK_SECONDS = 10.0  # how long another program may hold the gradebook before we give up


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


class Course:
    """One course directory."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise CourseError(f"There is no course directory {root}. Create it, with submitted/STUDENT/EXERCISE in it.")
        self.root = root.resolve()
        self.state = self.root / ".autograder"

    @property
    def db_url(self) -> str:
        return f"sqlite:///{self.root / 'gradebook.db'}"

    @property
    def gradebook(self) -> Path:
        return self.root / "gradebook.db"

    def source_root(self) -> Path:
        """Folder of the sources with solutions: the course's own `source`, else the kit's `solutions`."""
        for folder in (self.root / "source", self.root / "solutions", _PACKAGE_ROOT / "solutions"):
            if folder.is_dir():
                return folder
        raise CourseError(
            f"No exercise sources: neither {self.root / 'source'} nor the kit's solutions/ is there. Copy the kit's"
            " solutions/ folder to the course directory as source/."
        )

    def make_ready(self, name: str) -> Exercise:
        """Enter the exercise into the gradebook and make its release, unless that was done from this source.

        Raises:
            CourseError, UnknownExercise, ReleaseFailed.
        """
        from autograder.course.release import release

        source_root = self.source_root()
        source = source_root / name / f"{name}.ipynb"
        if not source.is_file():
            find_exercise(name)  # says which exercises there are
            raise UnknownExercise(f"There is no source notebook for '{name}' in {source_root}.")
        self._write_config(source_root)
        released = self.root / "release" / name / f"{name}.ipynb"
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        mark = self.state / name / "source.sha256"
        current = mark.is_file() and mark.read_text().strip() == digest
        if not (current and released.is_file() and self.gradebook.is_file()):
            self.gradebook_is_sound()
            release(source_root, self.root / "release", name, self.db_url)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(digest + "\n")
        return self._exercise(name, released)

    def submissions(self, name: str, students: list[str] | None = None) -> list[Submitted]:
        """What is in ``submitted/`` for this exercise, sorted by student.

        Raises:
            CourseError: there is no such folder, or a student named does not exist.
        """
        submitted = self.root / "submitted"
        if not submitted.is_dir():
            raise CourseError(f"{self.root} has no folder submitted/. Collect the students' work into it first.")
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
        everyone = [_read(s, submitted / s / name, name) for s in found]
        return [s for s in everyone if s.path is not None or s.problem or s.folder.is_dir() or students]

    def submission(self, name: str, student: str) -> Submitted:
        """What one student handed in."""
        return _read(student, self.root / "submitted" / student / name, name)

    def gradebook_is_sound(self) -> None:
        """Raises `CourseError` if there is a gradebook that SQLite cannot read or that is locked."""
        import sqlite3

        if not self.gradebook.exists():
            return
        try:
            with sqlite3.connect(f"file:{self.gradebook}?mode=rw", uri=True, timeout=LOCK_SECONDS) as connection:
                verdict = connection.execute("pragma quick_check").fetchone()[0]
                connection.execute("begin immediate")
                connection.rollback()
        except sqlite3.OperationalError as error:
            raise CourseError(
                f"The gradebook {self.gradebook} cannot be opened: {error}. Is another program writing to it (the"
                " formgrader, nbgrader)? Close it, and run this again; nothing was lost."
            ) from error
        except sqlite3.DatabaseError as error:
            verdict = str(error)
        if verdict != "ok":
            raise CourseError(
                f"The gradebook {self.gradebook} is damaged ({verdict}). Restore it from a back-up, or move it away:"
                " a new one is made and filled from what was graded so far."
            )

    def _write_config(self, source_root: Path) -> None:
        path = self.root / "nbgrader_config.py"
        if not path.exists():
            source = "source" if source_root == self.root / "source" else str(source_root)
            path.write_text(CONFIG.format(course_id=self.root.name, root=self.root, source=source), "utf-8")

    def _exercise(self, name: str, released: Path) -> Exercise:
        module = "test_" + name.replace("-", "_") + ".py"
        folders = [self.root / "checks", *check_folders()]
        checks = next((f / module for f in folders if (f / module).is_file()), None)
        if checks is None:
            raise UnknownExercise(
                f"There is no check module {module} for '{name}' (looked in checks/ and the package)."
            )
        return Exercise.read(name, released, checks)


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
        path, problem = others[0], f"The notebook was called {called}; it was graded all the same."
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
