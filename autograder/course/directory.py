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
from functools import cached_property
from pathlib import Path

from autograder.course import settings, submissions
from autograder.course.settings import Settings
from autograder.course.submissions import Submitted
from autograder.errors import CourseError, UnknownExercise
from autograder.exercise.definition import Exercise, check_folders, exercise_names, find_exercise

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

    @cached_property
    def settings(self) -> Settings:
        """What ``autograder.json`` says. Raises `BadSetting`."""
        return settings.read(self.root, self.exercise_names)

    def exercise_names(self) -> list[str]:
        """Names of the exercises that have a source here, or come with the kit; sorted."""
        sources = {f.parent.name for f in self.source_root().glob("*/*.ipynb") if f.stem == f.parent.name}
        return sorted(sources | set(exercise_names()))

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

    @property
    def submitted(self) -> Path:
        """Where the students' folders are."""
        return self.root / "submitted"

    def submissions(self, name: str, students: list[str] | None = None) -> list[Submitted]:
        """What was handed in for this exercise; see `submissions.listed`."""
        return submissions.listed(self.submitted, name, students)

    def submission(self, name: str, student: str) -> Submitted:
        """What one student handed in."""
        return submissions.read(self.submitted, name, student)

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
                f"The gradebook {self.gradebook} is damaged ({verdict}). Restore it from a backup, or move it away:"
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
