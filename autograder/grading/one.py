"""Grading one notebook file, with no course around it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from autograder import data
from autograder.course.reading import MAX_NOTEBOOK_BYTES
from autograder.errors import NoNotebook, UnknownExercise
from autograder.exercise.definition import Exercise, exercise_names, find_exercise
from autograder.exercise.outcome import SubmissionResult
from autograder.language import _, say
from autograder.sandbox import bubblewrap
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

# How files begin that people name by mistake, and what those are.
_BEGINNINGS = (
    (b"PK\x03\x04", _("a ZIP archive. Unpack it, and name the notebook in it.")),
    (b"PK\x05\x06", _("an empty ZIP archive.")),
    (b"\x1f\x8b", _("a compressed archive. Unpack it, and name the notebook in it.")),
    (b"7z\xbc\xaf", _("a compressed archive. Unpack it, and name the notebook in it.")),
    (b"Rar!", _("a compressed archive. Unpack it, and name the notebook in it.")),
    (b"%PDF", _("a PDF. Name the notebook it was made from.")),
    (b"<", _("a web page. Fetch the notebook itself: a file that ends in .ipynb.")),
)


def check_file(name: str, exercise: str | None = None, sandbox: str = "auto") -> SubmissionResult:
    """Grade one notebook file.

    Args:
        name: of the file.
        exercise: its name; by default what the notebook or its file name says.

    Raises:
        NoNotebook, UnknownExercise, NoSandbox, ForkServerFailed, ChecksBroken.
    """
    path = Path(name)
    raw = read_notebook_file(name)
    found = find_exercise(exercise) if exercise else which_exercise(path, raw)
    with ForkServer(bubblewrap.choose(sandbox)) as server:
        from autograder.grading.grade import grade  # half a second, while the fork server imports Keras

        graded = grade(raw, found, server, Limits(), path.stem, data.load_held_out(found.name))
    return graded.result


def read_notebook_file(name: str) -> bytes:
    """The bytes of a file that may be a notebook, be it a damaged one.

    Raises:
        NoNotebook: it is something else, is not there, or cannot be read.
    """
    path = Path(name)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name) and not path.exists():
        raise NoNotebook(say("{name} is a web address. Download the notebook, and name the file.", name=name))
    try:
        if path.is_dir():
            inside = sorted(f.name for f in path.iterdir() if f.suffix.lower() == ".ipynb")[:3]
            names = f": {', '.join(inside)}" if inside else ""
            raise NoNotebook(say("{name} is a folder. Name the notebook in it{names}.", name=name, names=names))
        if path.exists() and not path.is_file():
            raise NoNotebook(say("{name} is not a file. Name a notebook, a file that ends in .ipynb.", name=name))
        with path.open("rb") as file:
            raw = file.read(MAX_NOTEBOOK_BYTES + 1)
    except FileNotFoundError as error:
        raise NoNotebook(say("{name} cannot be read: there is no such file.", name=name)) from error
    except OSError as error:
        raise NoNotebook(say("{name} cannot be read: {why}.", name=name, why=error.strerror)) from error
    begins = raw.lstrip()[:8]
    for beginning, what in _BEGINNINGS:
        if begins.startswith(beginning):
            raise NoNotebook(say("{name} is not a notebook but {what}", name=name, what=what))
    if path.suffix.lower() != ".ipynb" and not _is_notebook(raw):
        other = say("a Python file") if path.suffix == ".py" else say("something else")
        raise NoNotebook(
            say(
                "{name} is not a notebook but {what}. Name a notebook, a file that ends in .ipynb.",
                name=name,
                what=other,
            )
        )
    return raw


def _is_notebook(raw: bytes) -> bool:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and bool({"cells", "worksheets", "nbformat"} & content.keys())


def which_exercise(path: Path, raw: bytes) -> Exercise:
    """The exercise that a notebook belongs to: what its metadata says, else what its name contains.

    Raises:
        UnknownExercise: neither says.
    """
    names = exercise_names()
    try:
        named = json.loads(raw)["metadata"]["autograder"]["exercise"]
    except (ValueError, KeyError, TypeError, RecursionError):
        named = None
    if named in names:
        return find_exercise(named)
    for name in names:
        if name in path.stem or name in path.parent.name:
            return find_exercise(name)
    raise UnknownExercise(
        say(
            "{path} does not say which exercise it is. Name it with --exercise; exercises here: {names}.",
            path=path,
            names=", ".join(names),
        )
    )
