"""An invented class of 300 in exercise 3, written as `autograder grade` records it, to look at the report with."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

from kit import ROOT

from autograder.exercise.definition import Task, find_exercise
from autograder.exercise.outcome import CheckResult, Hint, Outcome, Status, SubmissionResult, TestResult
from autograder.exercise.submission import STOPPED

NAME = "03-dense-networks"
HOSTILE = (  # names of folders, so with another character for the slash
    "<script>document.title='ran'<∕script>",
    "=cmd|' ∕C calc'!A0",
    "+1+1",
    "-2",
    "@SUM(1)",
    '"><img src=x onerror=document.title=1>',
    "javascript:alert(1)",
    "Zoë Ångström-Ødegård",
    "李小龍",
    "a;=1+1,b",
    "x" * 180,
    "rtl\u202egnp.exe",
)
BAD_TEXT = "<svg onload=document.title='ran'> & {{ 7 * 7 }} `<b>` </title><script>document.title='ran'</script>"
LEARNED_FROM_TEST = Hint("`validation_data` are the test images.", id="validated-on-test-images")
# By task: how many of ten fail it; then ways to fail it: how often, what was found, what they were told.
WRONG: dict[str, tuple[int, list[tuple[int, str, str]]]] = {
    "flattened": (
        2,
        [
            (5, "The largest value in `x_train` is 255.0.", "Divide by 255, the same number for both sets."),
            (2, "`x_train` has dtype float64; it should be float32.", "`.astype('float32')`"),
        ],
    ),
    "by_hand": (2, [(4, "`dense_relu` gives -0.3.", "`np.maximum(values, 0)` compares every value with 0.")]),
    "counted": (
        4,
        [
            (9, "`hidden_parameters` is 7840.", "Each unit has one weight per input, and one bias."),
            (3, "`all_parameters` is 7000.", "Add up the layers. Flattening and activations have no parameters."),
        ],
    ),
    "architecture": (
        3,
        [
            (6, "The hidden layer has no activation.", "Without an activation two dense layers are no more than one."),
            (4, "`model` takes one value for each image.", "`keras.Input((784,))`: the shape of one image as a row."),
            (1, f"There is no model `model`: {STOPPED} NameError: name 'kers'.", "Mend the error first."),
        ],
    ),
    "compiled": (
        3,
        [
            (9, "The output has no activation.", "The loss takes the logarithm of numbers that are no probabilities."),
            (3, "The loss is `sparse_categorical_crossentropy`.", "Which cross-entropy expects a one-hot row?"),
        ],
    ),
    "trained": (1, [(4, "`history` has 3 epochs.", "`epochs=10` in `fit`; a unit is part of a layer.")]),
    "accuracy": (
        3,
        [
            (5, "`test_accuracy` is 0.981.", "That is the accuracy on the training images. Take the test images."),
            (2, "`val_loss` ends with the loss on the test images.", LEARNED_FROM_TEST),
        ],
    ),
    "deeper": (5, [(5, "`deeper_model` gets 0.62 of 300 held-out images right.", "Train it like the first one.")]),
}


def write_class(root: Path, students: int = 300, seed: int = 3) -> None:
    """Fill a course directory with recorded results; the same seed gives the same class."""
    rng = random.Random(seed)
    release = root / "release" / NAME / f"{NAME}.ipynb"
    release.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "exercises" / NAME / f"{NAME}.ipynb", release)
    tasks = find_exercise(NAME).tasks
    for number in range(students):
        hostile = number < len(HOSTILE)
        student = HOSTILE[number] if hostile else f"student-{number:03}"
        answers = {task.grade_id: f"# answer {number} {rng.random()} " + "x = 1\n" * 20 for task in tasks}
        if number in (41, 42, 43):
            answers = {task.grade_id: "# one answer, many names\n" + "x = 1\n" * 20 for task in tasks}
        result = _result(student, tasks, rng, number, hostile)
        write_result(root, result, answers)
    (root / "submitted" / "waiting-for-it" / NAME).mkdir(parents=True)


def write_result(root: Path, result: SubmissionResult, answers: dict[str, str]) -> None:
    """One student's files as they are after grading: submitted, autograded, and the note."""
    notebook = json.loads((ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        grade_id = (cell["metadata"].get("nbgrader") or {}).get("grade_id", "")
        if grade_id.endswith("-answer"):
            cell["source"] = answers.get(grade_id.removesuffix("-answer"), cell["source"])
    text = json.dumps(notebook)
    for folder in ("submitted", "autograded"):
        path = root / folder / result.student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    note = root / ".autograder" / NAME / "done" / f"{result.student}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    content = {"key": f"{digest}-{'0' * 64}", "result": result.to_json()}
    note.write_text(json.dumps(content, allow_nan=False), "utf-8")


def _result(student: str, tasks: tuple[Task, ...], rng: random.Random, number: int, hostile: bool) -> SubmissionResult:
    skill = rng.betavariate(4, 2)
    status, message, notes = Status.GRADED, "", ()
    checks = [_check(task, rng, skill, BAD_TEXT if hostile and rng.random() < 0.4 else "") for task in tasks]
    if rng.random() < 0.03:
        status, message = (
            Status.TIMED_OUT,
            "A cell of yours was stopped: it ran longer than 60 s. Is there a loop that never ends?",
        )
        stopped = TestResult("stopped", Outcome.FAILED, message)
        checks[5:] = [CheckResult(t.grade_id, t.points, (stopped,)) for t in tasks[5:]]
    elif rng.random() < 0.01:
        status, message = Status.UNREADABLE, "The file is empty. Save the notebook, and hand it in again."
        checks = [CheckResult(t.grade_id, t.points, (TestResult(t.grade_id, Outcome.FAILED, message),)) for t in tasks]
    if number in (100, 200):
        broken = TestResult("it is fair", Outcome.ERROR, "This check broke.", detail="Traceback:\nKeyError: 'units'")
        checks[3] = CheckResult("architecture", tasks[3].points, (broken,))
    if hostile or rng.random() < 0.05:
        notes = (
            (BAD_TEXT,)
            if hostile
            else (f"The locked cell '{rng.choice(tasks).grade_id}' had been changed; it was restored.",)
        )
    cells = rng.lognormvariate(0.8, 0.25) * (20 if status is Status.TIMED_OUT else 1) * (15 if number == 77 else 1)
    seconds = {
        "repair": 0.01,
        "kernel": rng.lognormvariate(-1, 0.1),
        "cells": cells,
        "models": rng.lognormvariate(-1.5, 0.2),
    }
    seconds |= {"checks": 0.05, "notebook": 0.02}
    seconds["total"] = sum(seconds.values())
    accuracy = min(0.99, rng.gauss(0.90, 0.03)) if rng.random() > 0.08 else rng.uniform(0.3, 0.5)
    measures = (
        {}
        if status is not Status.GRADED
        else {"accuracy of model": accuracy, "accuracy of deeper_model": accuracy - 0.02}
    )
    curves = {} if status is not Status.GRADED else {"history": _curve(rng, accuracy)}
    return SubmissionResult(
        student, NAME, status, tuple(checks), message, notes, "bubblewrap", seconds, measures, curves
    )  # fmt: skip


def _check(task: Task, rng: random.Random, skill: float, bad: str) -> CheckResult:
    tenths, ways = WRONG[task.grade_id]
    if bad:
        return CheckResult(task.grade_id, task.points, (TestResult(bad, Outcome.FAILED, bad, (bad,)),))
    if rng.random() < 0.06 * (1.4 - skill):
        nothing = TestResult("it is there", Outcome.NOT_ATTEMPTED, f"There is no variable `{task.grade_id}` yet.")
        return CheckResult(task.grade_id, task.points, (nothing,))
    if rng.random() > tenths / 10 * 2 * (1.1 - skill):
        return CheckResult(task.grade_id, task.points, (TestResult("it is right", Outcome.PASSED, share=1.0),) * 2)
    _, message, hint = rng.choices(ways, [w for w, _, _ in ways])[0]
    first = TestResult("it is there", Outcome.PASSED, share=1.0)
    tests = (first,) if rng.random() < 0.5 else ()
    return CheckResult(
        task.grade_id, task.points, (*tests, TestResult("it is right", Outcome.FAILED, message, (hint,)))
    )


def _curve(rng: random.Random, accuracy: float) -> dict[str, list[float]]:
    epochs = rng.choice((10, 10, 10, 10, 15, 20, 5))
    speed = rng.uniform(0.2, 0.6)
    loss = [1.1 * (1 - speed) ** e + 0.1 + rng.gauss(0, 0.02) for e in range(epochs)]
    right = [accuracy + 0.04 - 0.5 * (1 - speed) ** e + rng.gauss(0, 0.01) for e in range(epochs)]
    curve = {"loss": loss, "accuracy": [min(1.0, max(0.0, v)) for v in right]}
    if rng.random() < 0.8:
        curve["val_loss"] = [v + 0.05 + 0.008 * e for e, v in enumerate(loss)]
        curve["val_accuracy"] = [max(0.0, v - 0.05) for v in curve["accuracy"]]
    return {metric: [round(v, 4) for v in values] for metric, values in curve.items()}
