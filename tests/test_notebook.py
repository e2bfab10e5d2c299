"""The learner's side: `check` and `hint` in a notebook, tried in a real IPython shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from kit import ROOT

from autograder.errors import UnknownExercise
from autograder.exercise import display
from autograder.exercise.definition import find_exercise
from autograder.learner import notebook

NAME = "03-dense-networks"


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    main = sys.modules["__main__"]  # the shell puts its own in its place, and processes started later need this one
    shell = InteractiveShell.instance()
    shell.user_ns.clear()
    yield shell
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = main


@pytest.fixture
def session(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> notebook.Session:
    monkeypatch.setattr(notebook, "_shell", lambda: None)  # plain text instead of a display
    return notebook.Session(find_exercise(NAME), shell.user_ns)


def test_a_right_answer_gets_its_points(
    session: notebook.Session, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns |= {"hidden_parameters": 7850, "output_parameters": 33, "all_parameters": 7883}
    points = session.check("counted")
    shell.init_display_formatter()
    data, _ = shell.display_formatter.format(points)
    # nbgrader takes what is no number for full marks; a notebook prefers the HTML, and shows no number twice.
    assert data == {"text/plain": "3.0", "text/html": ""}
    assert points == find_exercise(NAME).task("counted").points
    assert "✔" in capsys.readouterr().out


def test_a_wrong_answer_names_the_misunderstanding(
    session: notebook.Session, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns |= {"hidden_parameters": 7840, "output_parameters": 33, "all_parameters": 7883}
    points = session.check("counted")
    said = capsys.readouterr().out
    assert 0 < points < find_exercise(NAME).task("counted").points
    assert "7840" in said
    assert "only the weights" in said
    assert "7850" not in said


def test_hints_come_one_at_a_time_and_end(
    session: notebook.Session, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    session.hint("counted")
    assert 'check("counted") first' in capsys.readouterr().out
    shell.user_ns |= {"hidden_parameters": 7840, "output_parameters": 33, "all_parameters": 7883}
    session.check("counted")
    capsys.readouterr()
    session.hint("counted")
    assert "Hint 2 of" in capsys.readouterr().out
    for _ in range(5):
        session.hint("counted")
    assert "last hint" in capsys.readouterr().out
    shell.user_ns["hidden_parameters"] = 7850
    session.check("counted")
    capsys.readouterr()
    session.hint("counted")
    assert "passes" in capsys.readouterr().out


def test_nothing_there_is_not_attempted_but_an_error_is_named(
    session: notebook.Session, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session.check("flattened") == 0.0
    assert "not begun yet" in capsys.readouterr().out
    shell.events.register("post_run_cell", session._answers.remember_error)
    shell.run_cell("x_train = nonsense / 255")
    shell.user_ns["check"] = session.check
    shell.run_cell('check("flattened")')
    shell.run_cell('check("flattened")')  # asked again, it still knows
    said = capsys.readouterr().out
    assert said.count("NameError") >= 2
    assert "not begun" not in said


def test_an_unknown_task_lists_the_tasks(session: notebook.Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.check("nonsense") == 0.0
    assert "architecture" in capsys.readouterr().out


def test_an_unknown_exercise_lists_the_exercises() -> None:
    with pytest.raises(UnknownExercise, match=NAME):
        notebook.start("99-nothing")


def test_hostile_looking_values_do_not_break_a_check(session: notebook.Session, shell: Any) -> None:
    class Everything:
        def __eq__(self, other: object) -> bool:
            return True

        def __gt__(self, other: object) -> bool:
            return True

        def __array__(self, *_: object) -> np.ndarray:
            raise RuntimeError

    for value in (Everything(), float("nan"), np.zeros((2, 2, 2)), "7850", [1, [2]], {}, object(), lambda: 1):
        shell.user_ns |= {"hidden_parameters": value, "output_parameters": value, "all_parameters": value}
        assert session.check("counted") == 0.0


@pytest.mark.slow
def test_display_in_a_kernel_is_words_and_a_number(tmp_path: Path) -> None:
    """From another folder, in a fresh kernel, as a learner would."""
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "from autograder import start\ncheck, hint = start('03-dense-networks')",
        "hidden_parameters, output_parameters, all_parameters = 7840, 33, 7883",
        "check('counted')",
    ]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(made, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    words, points = made.cells[2].outputs
    assert "2 of 3 right" in words.data["text/html"]
    assert "only the weights" in words.data["text/html"]
    assert points.output_type == "execute_result"
    assert 0 < float(points.data["text/plain"]) < 3


def test_without_the_grading_packages_a_learner_can_check() -> None:
    """A learner installs the plain wheel: nothing of the grading side may be needed."""
    code = (
        "import sys\n"
        "for name in ('nbgrader', 'nbclient', 'nbconvert', 'nbformat', 'nh3', 'rich', 'hypothesis'):\n"
        "    sys.modules[name] = None\n"
        "from autograder import start\n"
        "check, hint = start('03-dense-networks')\n"
        "hidden_parameters, output_parameters, all_parameters = 7850, 33, 7883\n"
        "assert check('counted') > 0\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd="/", capture_output=True)


def test_the_same_wrong_answer_gets_its_sentence_once(
    session: notebook.Session, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns |= {"hidden_parameters": 7840, "output_parameters": 33, "all_parameters": 7883}
    session.check("counted")
    first = capsys.readouterr().out
    assert session.check("counted") == 2
    again = capsys.readouterr().out
    assert "only the weights" in first
    assert again == 'The same as in the last check: 2 of 3 points. Read what it said, or ask hint("counted").\n'
    shell.user_ns["hidden_parameters"] = 784
    session.check("counted")
    assert "Those are the inputs" in capsys.readouterr().out


def test_the_result_is_said_in_words_first_and_what_is_not_right_before_what_is(
    session: notebook.Session, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns |= {"hidden_parameters": 7850, "output_parameters": 30, "all_parameters": 7880}
    session.check("counted")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "counted: 1 of 3 right, 1 of 3 points."
    words = [line.split(":")[0].strip() for line in said[1:] if line.startswith("  ") and line[2] in "✔✘"]
    assert words == ["✘ Not yet", "✘ Not yet", "✔ Right"]
    session.check("architecture")
    assert capsys.readouterr().out.startswith("architecture: not begun yet, 0 of 4 points.")


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])  # JupyterLab's, light and dark
def test_the_marks_can_be_seen(background: str) -> None:
    """WCAG 2.1, 1.4.11: signs have at least 3 to 1 against what is around them."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for colour in display._COLOURS.values():
        light, dark = sorted((luminance(colour), luminance(background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3
