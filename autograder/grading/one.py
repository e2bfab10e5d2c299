"""Grading one notebook file, with no course around it."""

from __future__ import annotations

import json
from pathlib import Path

from autograder import data
from autograder.course.reading import MAX_NOTEBOOK_BYTES
from autograder.errors import NoNotebook, UnknownExercise
from autograder.exercise.definition import Exercise, exercise_names, find_exercise
from autograder.exercise.outcome import SubmissionResult
from autograder.grading.grade import grade
from autograder.sandbox import bubblewrap
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits


def check_file(path: Path, exercise: str | None = None, sandbox: str = "auto") -> SubmissionResult:
    """Grade one notebook file.

    Args:
        exercise: its name; by default what the notebook or its file name says.

    Raises:
        NoNotebook, UnknownExercise, NoSandbox, ForkServerFailed, ChecksBroken.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_NOTEBOOK_BYTES + 1)
    except OSError as error:
        raise NoNotebook(f"{path} cannot be read: {error.strerror}.") from error
    found = find_exercise(exercise) if exercise else which_exercise(path, raw)
    with ForkServer(bubblewrap.choose(sandbox)) as server:
        graded = grade(raw, found, server, Limits(), path.stem, data.load_held_out(found.name))
    return graded.result


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
        f"{path} does not say which exercise it is. Name it with --exercise; exercises here: {', '.join(names)}."
    )
