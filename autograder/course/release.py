"""From source to release: nbgrader's own generate_assignment, with or without a gradebook."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.compat import nbgrader_database
from autograder.compat.assumptions import BRACKETS_IN_NAMES, fallen
from autograder.course.nbgrader_config import address
from autograder.errors import ReleaseFailed
from autograder.language import say


def release(
    source_root: Path,
    release_root: Path,
    exercise: str,
    db_url: str | None = None,
    course_id: str = "",
    making: dict[str, Any] | None = None,
) -> Path:
    """Make the release of one exercise from its source; the same source gives the same bytes.

    Stopped anywhere it leaves the earlier release as it was.

    Args:
        source_root: folder with EXERCISE/EXERCISE.ipynb, solutions included.
        release_root: where EXERCISE/EXERCISE.ipynb goes, solutions cleared.
        db_url: gradebook to enter the exercise into, as an SQLAlchemy URL; none by default.
        course_id: what the gradebook knows the course by.
        making: more of nbgrader's configuration, by section.

    Returns:
        The released notebook.

    Raises:
        ReleaseFailed: nbgrader refused, or a folder cannot be written.
    """
    source = source_root / exercise / f"{exercise}.ipynb"
    if not source.is_file():
        raise ReleaseFailed(say("There is no source notebook {source}.", source=source))
    messages = _LastMessage()
    try:
        release_root.mkdir(parents=True, exist_ok=True)
        with (
            programs_of_this_python(),
            tempfile.TemporaryDirectory() as scratch,
            # nbgrader takes a relative path from its own root.
            tempfile.TemporaryDirectory(dir=release_root.resolve(), prefix=".making-") as made,
        ):
            (Path(scratch) / "source").mkdir()
            (Path(scratch) / "source" / exercise).symlink_to(source.parent.resolve())
            config = Config(making or {})
            config.CourseDirectory.root = scratch
            config.CourseDirectory.course_id = course_id
            config.CourseDirectory.release_directory = made
            config.CourseDirectory.assignment_id = exercise
            config.CourseDirectory.db_url = db_url or address(Path(scratch) / "gradebook.db")
            config.GenerateAssignment.force = True
            generate = GenerateAssignment if fallen(BRACKETS_IN_NAMES) else _GenerateOne
            converter = generate(coursedir=CourseDirectory(config=config), config=config)
            converter.log = messages.log
            converter.start()
            _exchange(Path(made) / exercise, release_root / exercise)
    except (Exception, SystemExit) as error:  # nbgrader ends with SystemExit
        if _was_interrupted(error):
            raise KeyboardInterrupt from error
        raise ReleaseFailed(
            say("nbgrader cannot make a release of {source}: {last}", source=source, last=_why(messages.last, error))
        ) from error
    return release_root / exercise / f"{exercise}.ipynb"


class _GenerateOne(GenerateAssignment):  # type: ignore[misc]
    """nbgrader's generate_assignment for a folder that is known: it would look for it by a pattern, and in a pattern
    `[` and `?` are no characters of a name."""

    def init_notebooks(self) -> None:
        course = self.coursedir
        folder = course.format_path(
            course.source_directory, course.student_id, course.assignment_id
        )  # source/./EXERCISE
        notebooks = sorted(name for name in os.listdir(folder) if name.endswith(".ipynb") and not name.startswith("."))
        self.assignments = {folder: [os.path.join(folder, name) for name in notebooks]}


def _exchange(new: Path, old: Path) -> None:
    """Put a folder in the place of another one, which goes where it was made; put that back if it cannot be done."""
    earlier = new.with_name("earlier")
    if old.is_dir() and not old.is_symlink():
        old.rename(earlier)
    try:
        new.rename(old)
    except OSError:
        if earlier.is_dir():
            earlier.rename(old)
        raise


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether it was Ctrl-C that nbgrader turned into another exception."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _why(said: str, error: BaseException) -> str:
    if "submissions associated with it" in said:
        return say(
            "its graded cells differ from those in the gradebook, with which students' work was graded."
            " Undo the change, or give the new version another name, or move the gradebook away (with"
            " the points given by hand); then everybody is graded with the new cells."
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return said or str(error) or type(error).__name__


@contextmanager
def programs_of_this_python() -> Iterator[None]:
    """Let nbgrader make a gradebook wherever this Python's programs lie: it would call `alembic` by its name."""
    nbgrader_database.ask_the_library()
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


class _LastMessage(logging.Handler):
    """A log for nbgrader that shows nothing and keeps the last line of its last error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""
        self.log = logging.Logger("nbgrader")  # not registered: nobody else's log
        self.log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        lines = record.getMessage().strip().splitlines()
        if len(lines) > 1 or not self.last:  # a traceback says more than the summaries around it
            self.last = lines[-1]
