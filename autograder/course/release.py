"""From source to release: nbgrader's own generate_assignment, with or without a gradebook."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.errors import ReleaseFailed


def release(source_root: Path, release_root: Path, exercise: str, db_url: str | None = None) -> Path:
    """Make the release of one exercise from its source; the same source gives the same bytes.

    Args:
        source_root: folder with EXERCISE/EXERCISE.ipynb, solutions included.
        release_root: where EXERCISE/EXERCISE.ipynb goes, solutions cleared.
        db_url: gradebook to enter the exercise into, as an SQLAlchemy URL; none by default.

    Returns:
        The released notebook.
    """
    source = source_root / exercise / f"{exercise}.ipynb"
    if not source.is_file():
        raise ReleaseFailed(f"There is no source notebook {source}.")
    config = Config()
    config.CourseDirectory.root = str(release_root.resolve().parent)
    config.CourseDirectory.source_directory = str(source_root.resolve())
    config.CourseDirectory.release_directory = str(release_root.resolve())
    config.CourseDirectory.assignment_id = exercise
    config.GenerateAssignment.force = True
    messages = _LastMessage()
    before = os.getcwd()
    try:
        with programs_of_this_python(), tempfile.TemporaryDirectory() as scratch:
            config.CourseDirectory.db_url = db_url or f"sqlite:///{scratch}/gradebook.db"
            converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
            converter.log = messages.log
            converter.start()
    except BaseException as error:  # nbgrader ends with SystemExit
        raise ReleaseFailed(f"nbgrader cannot make a release of {source}: {messages.last or error}") from error
    finally:
        os.chdir(before)
    return release_root / exercise / f"{exercise}.ipynb"


@contextmanager
def programs_of_this_python() -> Iterator[None]:
    """Put this Python's scripts on the path: nbgrader calls `alembic` when it makes a gradebook."""
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
