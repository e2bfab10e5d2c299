"""The learners' notebooks are what the sources make, and hold nothing they should not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from kit import EXERCISES, ROOT

from autograder.course.directory import Course
from autograder.course.release import release
from autograder.errors import ReleaseFailed
from autograder.exercise.definition import Exercise, check_folders, check_module_name, find_exercise


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_exercise_is_what_its_source_makes(name: str, tmp_path: Path) -> None:
    fresh = release(ROOT / "solutions", tmp_path / "exercises", name)
    committed = ROOT / "exercises" / name / f"{name}.ipynb"
    assert fresh.read_bytes() == committed.read_bytes(), "run `make exercises`"


def _solutions(name: str) -> list[str]:
    """Every line between BEGIN and END SOLUTION that says something."""
    cells = json.loads((ROOT / "solutions" / name / f"{name}.ipynb").read_text("utf-8"))["cells"]
    regions = [r for c in cells for r in re.findall(r"BEGIN SOLUTION(.*?)### END SOLUTION", "".join(c["source"]), re.S)]
    return [line.strip() for region in regions for line in region.splitlines() if len(line.strip()) > 25]


@pytest.mark.parametrize("name", EXERCISES)
def test_exercise_holds_no_solution(name: str) -> None:
    released = (ROOT / "exercises" / name / f"{name}.ipynb").read_text("utf-8")
    lines = _solutions(name)
    assert lines, "the source has no solutions to look for"
    assert "BEGIN SOLUTION" not in released
    assert "HIDDEN TESTS" not in released
    for line in lines:
        assert json.dumps(line)[1:-1] not in released


@pytest.mark.parametrize("name", EXERCISES)
def test_source_has_no_outputs_and_stable_ids(name: str) -> None:
    cells = json.loads((ROOT / "solutions" / name / f"{name}.ipynb").read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)
    for cell in cells:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        assert grade_id is None or cell["id"] == grade_id


@pytest.mark.parametrize("name", EXERCISES)
def test_every_graded_cell_asks_for_its_own_check(name: str) -> None:
    exercise = find_exercise(name)
    cells = json.loads(exercise.notebook.read_text("utf-8"))["cells"]
    source = {c["metadata"]["nbgrader"]["grade_id"]: "".join(c["source"]) for c in cells if "nbgrader" in c["metadata"]}
    assert 6 <= len(exercise.tasks) <= 10
    for task in exercise.tasks:
        assert source[task.grade_id].splitlines()[-1] == f'check("{task.grade_id}")'
        assert f"class {task.test_class}:" in exercise.checks.read_text("utf-8")
        assert task.objective, f"{task.grade_id} is tied to no objective"


def test_source_that_is_no_assignment_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReleaseFailed, match="no source notebook"):
        release(tmp_path, tmp_path / "out", "01-nothing")
    broken = tmp_path / "01-broken" / "01-broken.ipynb"
    broken.parent.mkdir()
    broken.write_text("{")
    with pytest.raises(ReleaseFailed, match="01-broken") as error:
        release(tmp_path, tmp_path / "out", "01-broken")
    assert "\n" not in str(error.value)


def test_points_come_from_the_notebook() -> None:
    exercise = find_exercise("03-dense-networks")
    assert isinstance(exercise, Exercise)
    assert exercise.max_score == sum(task.points for task in exercise.tasks) > 0
    with pytest.raises(LookupError, match="architecture"):
        exercise.task("nonsense")


def test_folders_named_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `make exercises` names them."""
    shutil.copytree(ROOT / "solutions" / "02-one-hot-encoding", tmp_path / "solutions" / "02-one-hot-encoding")
    monkeypatch.chdir(tmp_path)
    made = release(Path("solutions"), Path("exercises"), "02-one-hot-encoding")
    assert made == Path("exercises/02-one-hot-encoding/02-one-hot-encoding.ipynb")
    known = ROOT / "exercises" / "02-one-hot-encoding" / "02-one-hot-encoding.ipynb"
    assert made.read_bytes() == known.read_bytes()


def test_an_exchange_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    from autograder.course.release import _exchange

    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "x.ipynb").touch()
    with pytest.raises(OSError, match="not-made"):
        _exchange(tmp_path / "not-made", tmp_path / "old")
    assert (tmp_path / "old" / "x.ipynb").exists()


def test_a_course_with_a_copy_of_an_older_exercise_is_told_so(tmp_path: Path) -> None:
    name = EXERCISES[0]
    source = tmp_path / "source" / name
    shutil.copytree(ROOT / "solutions" / name, source)
    released = tmp_path / "release" / name / f"{name}.ipynb"
    released.parent.mkdir(parents=True)
    shutil.copy(ROOT / "exercises" / name / f"{name}.ipynb", released)
    assert Course(tmp_path).not_the_kits(name) == ""
    content = json.loads(released.read_text("utf-8"))
    about = [cell["metadata"]["nbgrader"] for cell in content["cells"] if "nbgrader" in cell["metadata"]]
    next(one for one in about if one["grade"])["points"] += 1
    released.write_text(json.dumps(content))
    assert str(source) in Course(tmp_path).not_the_kits(name)
    (tmp_path / "checks").mkdir()
    shutil.copy(check_folders()[0] / check_module_name(name), tmp_path / "checks")
    assert Course(tmp_path).not_the_kits(name) == "", "it has checks of its own"
