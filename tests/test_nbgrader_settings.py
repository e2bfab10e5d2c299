"""What a course's nbgrader_config.py says is honoured, or refused in one line that names the file and the trait."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder.course.directory import Course
from autograder.course.nbgrader_config import NbgraderConfig, read
from autograder.errors import BadSetting, CourseError, UnknownExercise
from autograder.exercise.definition import check_module_name
from autograder.sandbox.limits import Limits

NAME = "03-dense-networks"


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))


def config(course: Path, lines: str) -> NbgraderConfig:
    (course / "nbgrader_config.py").write_text(f"c = get_config()\n{lines}\n")
    return read(course)


def test_without_a_file_nbgraders_defaults_hold(course: Path) -> None:
    found = read(course)
    assert (found.submitted, found.autograded, found.feedback) == tuple(
        course / name for name in ("submitted", "autograded", "feedback")
    )
    assert found.gradebook == course / "gradebook.db"
    assert found.course_id == "course"
    assert found.timeout is None
    assert not found.not_used


def test_places_are_honoured(course: Path, tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    found = config(
        course,
        'c.CourseDirectory.submitted_directory = "handed in"\n'
        'c.CourseDirectory.autograded_directory = "graded"\n'
        f'c.CourseDirectory.feedback_directory = "{tmp_path}/feedback"\n'
        'c.CourseDirectory.db_url = "sqlite:///../books/all.db"\n'
        'c.CourseDirectory.course_id = "ml"\nc.CourseDirectory.root = "."\n'
        'c.CourseDirectory.student_id_exclude = "bo,chi"\nc.CourseDirectory.submitted = 3',
    )
    assert found.submitted == course / "handed in"
    assert found.autograded == course / "graded"
    assert found.feedback == tmp_path / "feedback"
    assert found.gradebook.resolve() == tmp_path / "books/all.db"
    assert found.course_id == "ml"
    assert found.excluded == {"bo", "chi"}


def test_json_and_names_of_earlier_versions_are_read_as_nbgrader_reads_them(course: Path) -> None:
    (course / "nbgrader_config.json").write_text(
        json.dumps({"NbGrader": {"submitted_directory": "old", "course_id": "x"}, "Execute": {"timeout": 90}})
    )
    found = config(course, 'c.CourseDirectory.submitted_directory = "new"\nc.Execute.timeout = 10')
    assert (found.submitted, found.course_id, found.timeout) == (course / "old", "x", 90)


def test_a_cells_time_holds_here_too_and_autograder_json_overrules_it(course: Path) -> None:
    config(course, "c.ExecutePreprocessor.timeout = 120")
    found = Course(course).settings.of(NAME).limits
    assert found == Limits(cell_seconds=120.0, notebook_seconds=480.0, cell_cpu_seconds=240, cpu_seconds=960)
    config(course, "c.Execute.timeout = 30\nc.ExecutePreprocessor.timeout = 120")
    assert Course(course).settings.of(NAME).limits == Limits(cell_seconds=30.0)
    (course / "autograder.json").write_text('{"limits": {"cell_seconds": 7}}')
    assert Course(course).settings.of(NAME).limits == Limits(cell_seconds=7.0)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            'c.CourseDirectory.directory_structure = "{nbgrader_step}/{assignment_id}/{student_id}"',
            "directory_structure",
        ),
        ("c.CourseDirectory.submitted_directory = 3", "CourseDirectory.submitted_directory should be text"),
        ("c.CourseDirectory.course_id = ['x']", "CourseDirectory.course_id should be text"),
        ('c.CourseDirectory.source_directory = "nowhere"', "CourseDirectory.source_directory is nowhere"),
        ('c.CourseDirectory.root = "/"', "CourseDirectory.root is /"),
        ('c.CourseDirectory.root = "/no/such/place"', "CourseDirectory.root is"),
        ('c.CourseDirectory.student_id = "a*"', "--student"),
        ('c.CourseDirectory.db_url = "postgresql://host/grades"', "CourseDirectory.db_url"),
        ('c.CourseDirectory.db_url = "sqlite://"', "names no file"),
        ('c.CourseDirectory.db_url = "sqlite:///:memory:"', "names no file"),
        ('c.CourseDirectory.db_url = "gradebook.db"', "not the address"),
        ('c.CourseDirectory.db_url = "sqlite:///nowhere/x.db"', "there is no folder"),
        ("c.Autograde.create_student = False", "Autograde.create_student"),
        ('c.Autograde.exclude_overwriting = {"x": ["y.py"]}', "Autograde.exclude_overwriting"),
        ('c.Autograde.autograde_preprocessors = ["mine.Own"]', "Autograde.autograde_preprocessors"),
        ('c.Autograde.autograde_preprocessors.append("mine.Own")', "Autograde.autograde_preprocessors"),
        ('c.Autograde.pre_convert_hook = "mine.hook"', "Autograde.pre_convert_hook"),
        ("c.Execute.timeout = None", "Execute.timeout"),
        ("c.Execute.timeout = -1", "Execute.timeout"),
        ("c.Execute.timeout = 1.5", "Execute.timeout"),
        ("c.ExecutePreprocessor.timeout = 10**9", "ExecutePreprocessor.timeout"),
        ('c.ExecutePreprocessor.kernel_name = "ir"', "ExecutePreprocessor.kernel_name"),
        ("c.SaveAutoGrades.enabled = False", "SaveAutoGrades.enabled"),
        ("c.CourseDirectory.submitted_directory = (", "in line 2"),
        ("raise RuntimeError('down')", "in line 2: RuntimeError: down"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_file_and_trait(course: Path, lines: str, says: str) -> None:
    (course / "nbgrader_config.py").write_text(f"c = get_config()\n{lines}\n")
    with pytest.raises(BadSetting) as error:
        _ = Course(course).settings
    assert says in str(error.value)
    assert str(course / "nbgrader_config.py") in str(error.value)
    assert "\n" not in str(error.value)


def test_what_only_shapes_nbgraders_own_pages_is_named_and_no_more(course: Path) -> None:
    found = config(
        course,
        'c.HTMLExporter.template_name = "mine"\nc.Execute.iopub_timeout = 9\nc.Exchange.root = "/srv"\n'
        "c.CanvasExporter.titles = {}\nc.Application.log_level = 10\nc.Execute.timeout = 60",
    )
    assert found.not_used == tuple(
        f"{course / 'nbgrader_config.py'}: {name}" for name in ("Execute.iopub_timeout", "HTMLExporter.template_name")
    )


def test_a_setting_of_jupyters_own_folder_is_named_by_its_file(course: Path, tmp_path: Path) -> None:
    (tmp_path / "jupyter").mkdir()
    (tmp_path / "jupyter/nbgrader_config.py").write_text("c = get_config()\nc.Autograde.create_student = False\n")
    with pytest.raises(BadSetting, match=str(tmp_path / "jupyter/nbgrader_config.py")):
        read(course)
    assert config(course, "c.Autograde.create_student = True").course_id == "course"


def test_a_configuration_without_the_address_that_an_odd_name_needs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "what?").mkdir()
    with pytest.raises(BadSetting, match="db_url is not set"):
        config(tmp_path / "what?", "")


def source(course: Path, name: str, *others: str, graded: bool = True) -> None:
    """An exercise of this course's own, with as many notebooks."""
    folder = course / "source" / name
    folder.mkdir(parents=True)
    for each in (name, *others):
        nbgrader = {"schema_version": 3, "grade": graded, "solution": False, "locked": True, "task": False}
        metadata = {"nbgrader": nbgrader | {"grade_id": f"t-{each}", "points": 2, "cell_type": "code"}}
        cell = {"cell_type": "code", "id": "a", "source": "", "outputs": [], "execution_count": None}
        cells = [cell | {"metadata": metadata if graded or each == name else {}}]
        if not graded and each == name:
            nbgrader["grade"] = True
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{each}.ipynb").write_text(json.dumps(content))
    (course / "checks").mkdir(exist_ok=True)
    (course / "checks" / check_module_name(name)).write_text("")


def test_an_exercise_of_several_graded_notebooks_is_refused_before_anything_is_made(course: Path) -> None:
    source(course, "07-two", "part2")
    with pytest.raises(CourseError, match=r"more than one graded notebook: 07-two\.ipynb, part2\.ipynb"):
        Course(course).make_ready("07-two")
    assert sorted(path.name for path in course.iterdir()) == ["checks", "source", "submitted"]


def test_a_notebook_beside_it_that_is_not_graded_is_no_trouble(course: Path) -> None:
    source(course, "07-two", "reading", graded=False)
    Course(course).require_exercise("07-two")


def test_an_exercise_that_is_not_there_gets_the_nearest_name(course: Path) -> None:
    for name in ("03-dense-network", "3-dense-networks"):
        with pytest.raises(UnknownExercise, match="Did you mean '03-dense-networks'"):
            Course(course).make_ready(name)
    for name in ("", ".", "..", "../solutions/03-dense-networks", "/etc", "x" * 300):
        with pytest.raises(UnknownExercise, match="no exercise"):
            Course(course).require_exercise(name)
    assert [path.name for path in course.iterdir()] == ["submitted"]
