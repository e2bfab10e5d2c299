"""The class of wrong and right answers, graded as any class is: in a course of its own, in the sandbox, in parallel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import autograder
from autograder.course.directory import Course
from autograder.errors import UnknownExercise, UsageError
from autograder.exercise.definition import Exercise, check_folders, check_module_name
from autograder.grading import batch
from autograder.grading.pool import Pools, open_pool
from autograder.language import say
from autograder.probe import declared, plan
from autograder.probe.findings import Findings, find
from autograder.probe.parrot import Earned, Parrot
from autograder.probe.plan import Plan
from autograder.probe.source import Solution
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits

_OURS = ".probe"  # lies in each folder that this has made
OnProgress = Callable[[batch.Progress], None]


class Place:
    """Where an exercise is probed: a folder of its own, laid out as a course, and kept for the next time."""

    def __init__(self, folder: Path, name: str, source: Path | None = None) -> None:
        """Find the solution and the checks, and make the folder ready.

        Args:
            folder: where the course is made.
            source: the folder with EXERCISE/EXERCISE.ipynb in it, the notebook with the solution.

        Raises:
            UnknownExercise, UsageError, BadSetting.
        """
        if Path(name).name != name or name.startswith("."):
            raise UnknownExercise(say("'{name}' cannot be the name of an exercise.", name=name))
        path = _source_of(name, source)
        checks = _checks_of(name, path)
        self.solution = Solution.read(path)
        self.equivalent = declared.file_of(checks)
        self.declared = declared.read(self.equivalent, self.solution.tasks)
        self.root = folder
        self.name = name
        if folder.is_dir() and any(folder.iterdir()) and not (folder / _OURS).is_file():
            raise UsageError(
                say(
                    "{folder} is not empty, and was not made by `autograder probe`. Name another with --into.",
                    folder=folder,
                )
            )
        for part in ("checks", f"source/{name}", "submitted"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / _OURS).write_text(say("Made by `autograder probe`, which may delete it at any time.") + "\n", "utf-8")
        _copy(path, folder / "source" / name / f"{name}.ipynb")
        _copy(checks, folder / "checks" / checks.name)
        self.course = Course(folder)
        self.exercise: Exercise = self.course.make_ready(name)

    def hand_in(self, planned: Plan) -> None:
        """Write the class's notebooks, and remove what an earlier class has handed in."""
        wanted = {case.student: case.notebook for case in planned.cases}
        for folder in list(self.course.submitted.iterdir()):
            if folder.name not in wanted:
                shutil.rmtree(folder)
        for student, notebook in wanted.items():
            self.hand_in_one(student, notebook)

    def hand_in_one(self, student: str, notebook: str) -> None:
        """Write one notebook; nothing if it is there already."""
        path = self.course.submitted / student / self.name / f"{self.name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != notebook:
            path.write_text(notebook, "utf-8")


def probe(
    place: Place,
    sandbox: Sandbox,
    workers: int,
    limit: int | None = None,
    seed: int = 0,
    pools: Pools = open_pool,
    on_progress: OnProgress = lambda progress: None,
    on_task: Callable[[str], AbstractContextManager[Any]] = lambda task: nullcontext(),
) -> Findings:
    """Try an exercise's checks with answers made from its solution.

    Args:
        limit, seed: see `plan.plan`.
        on_progress: called after each notebook.
        on_task: called before the parrot tries a task.

    Raises:
        CourseError, GradingImpossible, ChecksBroken and what else ends grading.
    """
    exercise = place.exercise
    planned = plan.plan(exercise, place.solution, place.declared, limit, seed)
    place.hand_in(planned)
    results = _graded(place, sandbox, workers, pools, on_progress)
    # Where the solution cut down earns less than it does as a whole, too much was cut off: those run once more, whole.
    short = {case.task for case in planned.of("solution") if case.task and not _full(results[case.student], case.task)}
    short = {task for task in short if _full(results["solution"], task)}
    if short:
        for case in planned.cases:
            if case.task in short:
                place.hand_in_one(case.student, plan.whole(place.solution, case))
        results = _graded(place, sandbox, workers, pools, on_progress)
        cases = [replace(c, notebook="") if c.task in short and c.kind == "solution" else c for c in planned.cases]
        planned = replace(planned, cases=tuple(cases))
    heard: list[Earned] = []
    for task in exercise.tasks:
        with on_task(task.grade_id):
            heard.append(Parrot(exercise, task).earn())
    return find(exercise, place.solution, planned, results, heard, seed, limit)


def _graded(
    place: Place, sandbox: Sandbox, workers: int, pools: Pools, on_progress: OnProgress
) -> Mapping[str, dict[str, Any]]:
    setup = batch.prepare(place.exercise, Limits(), sandbox)
    submissions = place.course.submissions(place.name)
    done = batch.grade_class(
        place.course,
        place.exercise,
        setup,
        submissions,
        workers,
        pools=pools,
        on_progress=lambda progress, result: on_progress(progress),
    )
    return {result["student"]: result for result in done.submissions}


def _full(result: Mapping[str, Any], task: str) -> bool:
    return any(c["name"] == task and c["points"] >= c["max_points"] for c in result["checks"])


def _source_of(name: str, named: Path | None) -> Path:
    kit = Path(autograder.__file__).resolve().parent.parent / "solutions"
    folders = [named] if named is not None else [Path("source"), Path("solutions"), kit]
    for folder in folders:
        if (path := folder / name / f"{name}.ipynb").is_file():
            return path
    known = sorted(f.parent.name for folder in folders for f in folder.glob("*/*.ipynb") if f.stem == f.parent.name)
    where = ", ".join(str(folder) for folder in folders[:2])
    raise UnknownExercise(
        say(
            "There is no {name}/{name}.ipynb in {where}. Name the folder of your sources, with the"
            " solutions in them, with --source. Exercises here: {known}.",
            name=name,
            where=where,
            known=", ".join(dict.fromkeys(known)) or say("none"),
        )
    )


def _checks_of(name: str, source: Path) -> Path:
    module = check_module_name(name)
    folders = [source.resolve().parent.parent.parent / "checks", *check_folders()]
    for folder in folders:
        if (path := folder / module).is_file():
            return path
    raise UnknownExercise(
        say(
            "There is no check module {module} in {folders}.", module=module, folders=", ".join(map(os.fspath, folders))
        )
    )


def _copy(source: Path, target: Path) -> None:
    """Copy a file, unless the same is there."""
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        target.write_bytes(content)
