"""A course's settings: what is taken, and what is refused with the file, the key and what was meant."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import ROOT

from autograder.course import settings
from autograder.course.directory import Course
from autograder.errors import BadSetting
from autograder.sandbox import limits
from autograder.sandbox.limits import Limits

NAMES = ["03-dense-networks", "07-own"]


def read(tmp_path: Path, content: str | bytes) -> settings.Settings:
    path = tmp_path / settings.FILE
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return settings.read(tmp_path, lambda: NAMES)


def test_defaults_where_there_is_no_file(tmp_path: Path) -> None:
    found = settings.read(tmp_path, lambda: pytest.fail("nobody needs the exercises"))
    assert found == settings.Settings()
    assert found.of("anything").limits == Limits()


def test_an_exercise_has_the_courses_limits_and_its_own(tmp_path: Path) -> None:
    text = '{"limits": {"cell_seconds": 30}, "exercises": {"07-own": {"cpu_seconds": 600}}}'
    for content in (text, b"\xef\xbb\xbf" + text.encode()):  # as Windows' Notepad saves it, too
        found = read(tmp_path, content)
        assert found.of("07-own").limits == Limits(cell_seconds=30.0, cpu_seconds=600)
        assert found.of("03-dense-networks").limits == Limits(cell_seconds=30.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("null", "the whole file should be an object"),
        ("[]", "should be an object"),
        ("3", "should be an object"),
        ('""', "should be an object"),
        ("", "not valid JSON"),
        ("{", "line 1"),
        ("[" * 100_000, "not valid JSON"),
        ('{"limits": {"cell_seconds": ' + "9" * 5000 + "}}", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        ('{"limit": {}}', "Did you mean 'limits'"),
        ('{"LIMITS": {}}', "no setting called 'LIMITS'"),
        ('{"limits": null}', "limits should be an object"),
        ('{"limits": []}', "limits should be an object"),
        ('{"limits": {}, "limits": {"cell_seconds": 3}}', "'limits' appears twice"),
        ('{"limits": {"cell_second": 3}}', "Did you mean 'cell_seconds'"),
        ('{"limits": {"seconds of a cell": null}}', "no limit called"),
        ('{"limits": {"cell_seconds": "30"}}', "should be a number"),
        ('{"limits": {"cell_seconds": true}}', "should be a number"),
        ('{"limits": {"cell_seconds": null}}', "limits.cell_seconds should be a number"),
        ('{"limits": {"cell_seconds": [30]}}', "should be a number"),
        ('{"limits": {"cell_seconds": 1e30}}', "1 to 86,400 s"),
        ('{"limits": {"cell_seconds": 1e400}}', "out of range"),
        ('{"limits": {"cell_seconds": -1e400}}', "out of range"),
        ('{"limits": {"cell_seconds": 1e-9}}', "out of range"),
        ('{"limits": {"cell_seconds": 0}}', "out of range"),
        ('{"limits": {"cell_seconds": -5}}', "out of range"),
        ('{"limits": {"cell_seconds": NaN}}', "NaN"),
        ('{"limits": {"cell_seconds": Infinity}}', "Infinity"),
        ('{"limits": {"memory_mb": 1' + "0" * 400 + "}}", "out of range"),
        ('{"limits": {"memory_mb": 500.5}}', "a whole number"),
        ('{"exercises": null}', "exercises should be an object"),
        ('{"exercises": {"03-dense-network": {}}}', "Did you mean '03-dense-networks'"),
        ('{"exercises": {"99-none": {}}}', "Possible here: 03-dense-networks, 07-own"),
        ('{"exercises": {"07-own": null}}', "exercises.07-own should be an object"),
        ('{"exercises": {"07-own": {"cell_second": 3}}}', "exercises.07-own: there is no setting or limit"),
        ('{"exercises": {"07-own": {"cell_seconds": 1e30}}}', "exercises.07-own.cell_seconds"),
        (b" " * 2_000_000, "too large for settings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(BadSetting) as error:
        read(tmp_path, content)
    message = str(error.value)
    assert says in message
    assert message.startswith(str(tmp_path / settings.FILE))
    assert "\n" not in message
    assert len(message) < 600
    assert error.value.exit_status == 2


@pytest.mark.parametrize("kind", ["folder", "dangling", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / settings.FILE
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    else:
        import os

        os.mkfifo(path)
    with pytest.raises(BadSetting, match=settings.FILE):
        settings.read(tmp_path, lambda: NAMES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["limits", "exercises", "07-own", *(f.name for f in fields(Limits))]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_settings_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        found = read(folder, json.dumps(content))
    except BadSetting as error:
        message = str(error)
    else:
        message = ""
        for each in (found.limits, found.of("07-own").limits):
            for limit in fields(Limits):
                about = limit.metadata["about"]
                assert about.least <= getattr(each, limit.name) <= about.most
    assert "\n" not in message


def test_a_new_setting_is_a_field_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wider(settings.Settings):
        packages: tuple[str, ...] = ()
        show_answers: bool = False
        share: float = 0.5
        names: Mapping[str, str] = field(default_factory=dict)

    @dataclass(frozen=True, kw_only=True)
    class WiderExercise(settings.ExerciseSettings):
        files: tuple[str, ...] = ()

    monkeypatch.setattr(settings, "Settings", Wider)
    monkeypatch.setattr(settings, "ExerciseSettings", WiderExercise)
    found: Any = read(
        tmp_path,
        '{"packages": ["pandas"], "show_answers": true, "share": 1, "names": {"a": "b"},'
        ' "exercises": {"07-own": {"files": ["x.csv"], "cell_seconds": 9}}}',
    )
    assert (found.packages, found.show_answers, found.share, found.names) == (("pandas",), True, 1, {"a": "b"})
    assert found.of("07-own") == WiderExercise(limits=Limits(cell_seconds=9.0), files=("x.csv",))
    assert found.of("03-dense-networks").files == ()
    for content, says in (
        ('{"packages": "pandas"}', "packages should be a list"),
        ('{"packages": ["a", 3]}', "packages[1] should be text"),
        ('{"show_answers": 1}', "show_answers should be true or false"),
        ('{"share": 1e999}', "share should be a number"),
        ('{"names": {"a": 3}}', "names.a should be text"),
        ('{"exercises": {"07-own": {"files": null}}}', "exercises.07-own.files should be a list"),
        ('{"exercises": {"07-own": {"file": []}}}', "Did you mean 'files'"),
    ):
        with pytest.raises(BadSetting) as error:
            read(tmp_path, content)
        assert says in str(error.value)


def test_exercises_are_those_of_the_course_and_of_the_kit(tmp_path: Path) -> None:
    (tmp_path / "source/09-mine").mkdir(parents=True)
    (tmp_path / "source/09-mine/09-mine.ipynb").write_text("{}")
    (tmp_path / settings.FILE).write_text('{"exercises": {"09-mine": {}, "03-dense-networks": {}}}')
    assert set(Course(tmp_path).settings.exercises) == {"09-mine", "03-dense-networks"}


def test_the_book_shows_every_limit_as_it_is() -> None:
    page = (ROOT / "book" / "instructors" / "settings.md").read_text("utf-8")
    assert limits.table() in page, "paste what `python -m autograder.sandbox.limits` prints"


def test_every_limit_is_enforced_where_the_table_says() -> None:
    for limit in fields(Limits):
        about = limit.metadata["about"]
        assert limit.name in _limits_read_in(ROOT / "autograder" / about.where), limit.name
        assert about.least <= limit.default <= about.most


def _limits_read_in(module: Path) -> set[str]:
    """The names in `limits.memory_mb`, `self._limits.memory_mb` and `limits["memory_mb"]`."""
    nodes = list(ast.walk(ast.parse(module.read_text("utf-8"))))
    attributes = {(ast.unparse(n.value), n.attr) for n in nodes if isinstance(n, ast.Attribute)}
    keys = {
        (ast.unparse(n.value), n.slice.value)
        for n in nodes
        if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
    }
    return {str(name) for owner, name in attributes | keys if re.fullmatch(r"(\w+\.)*_?limits", owner)}


def test_on_a_busy_machine_wall_times_are_longer_and_nothing_else() -> None:
    usual, longer = Limits(), Limits().stretched(2.0)
    changed = {f.name: getattr(longer, f.name) for f in fields(Limits) if getattr(longer, f.name) != f.default}
    names = [f.name for f in fields(Limits) if f.metadata["about"].unit == "s" and "cpu" not in f.name]
    assert "cell_seconds" in names
    assert changed == {name: 2 * getattr(usual, name) for name in names}, "a limit of wall time says `wall=True`"


def test_with_more_time_for_a_cell_all_time_of_cells_is_longer_and_nothing_else() -> None:
    usual, longer = Limits(), Limits().with_cell_seconds(120, "a test")
    changed = {f.name: getattr(longer, f.name) for f in fields(Limits) if getattr(longer, f.name) != f.default}
    names = [f.name for f in fields(Limits) if "cell" in f.metadata["about"].what and f.metadata["about"].unit == "s"]
    assert changed == {name: 2 * getattr(usual, name) for name in names}, "a limit of cells' time says `cells=True`"
    assert Limits().with_cell_seconds(30, "a test") == replace(usual, cell_seconds=30), "with less, only the cell's"
