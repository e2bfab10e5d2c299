"""A grade is of this version: what it rests on, and why something is graded again."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT
from test_batch import NAME, another_course, prepared  # noqa: F401 - a fixture

from autograder import data
from autograder.course.directory import Course
from autograder.errors import SchedulerRefused
from autograder.grading import basis, batch, cluster
from autograder.grading.basis import Basis
from autograder.grading.progress import ProgressView
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in


@pytest.fixture
def course(prepared: Path, tmp_path: Path) -> Path:  # noqa: F811
    root = another_course(prepared, tmp_path / "course")
    stand_in.write_class(root / "submitted", NAME, 3)
    return root


def grade(root: Path, limits: Limits | None = None, sandbox: Sandbox = Sandbox.BUBBLEWRAP, **more: Any) -> batch.Batch:
    course = Course(root)
    exercise = course.make_ready(NAME)
    setup = replace(batch.prepare(exercise, limits or Limits(), sandbox), **more)
    pools = stand_in.pools(exercise)
    return batch.grade_class(course, exercise, setup, course.submissions(NAME), 1, pools=pools)


def _package(monkeypatch: pytest.MonkeyPatch, _: Path) -> dict[str, Any]:
    monkeypatch.setattr(basis, "package_digest", lambda: "other")
    return {}


def _keras(monkeypatch: pytest.MonkeyPatch, _: Path) -> dict[str, Any]:
    now = basis.versions() | {"Keras": "4.0"}
    monkeypatch.setattr(basis, "versions", lambda: now)
    return {}


def _notebook(_: pytest.MonkeyPatch, course: Path) -> dict[str, Any]:
    for path in course.glob(f"submitted/*/{NAME}/*.ipynb"):
        path.write_bytes(path.read_bytes() + b"\n")
    return {}


def _held_out(_: pytest.MonkeyPatch, __: Path) -> dict[str, Any]:
    images, labels = data.load_fashion()[1]
    return {"held_out": data.HeldOut(images, labels, "fashion", "private")}


CHANGES: dict[str, Callable[[pytest.MonkeyPatch, Path], dict[str, Any]]] = {
    "the package changed since": _package,
    f"Keras ({basis.versions()['Keras']}, now 4.0) changed since": _keras,
    "the notebook changed since": _notebook,
    "the held-out images changed since": _held_out,
    "the limits changed since": lambda *_: {"limits": Limits(cell_seconds=61)},
    "the exercise changed since": lambda *_: {"template": "{}"},
    "the checks changed since": lambda *_: {"checks": "# other"},
    "the book's address changed since": lambda *_: {"book": "https://book.example.org/"},
    "the language changed since": lambda *_: {"language": "de"},
    "the sandbox changed since": lambda *_: {"sandbox": Sandbox.LIMITS_ONLY},
}


@pytest.mark.parametrize("why", CHANGES)
def test_what_changed_is_graded_again_and_said(why: str, course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grade(course)
    assert (first.skipped, first.again) == (0, {})
    unchanged = grade(course)
    assert (unchanged.skipped, unchanged.again) == (3, {})
    options = CHANGES[why](monkeypatch, course)
    again = grade(course, **options)
    assert (again.skipped, again.again) == (0, {why: 3})
    stream = io.StringIO()
    with ProgressView(stream, Sandbox.BUBBLEWRAP) as view:
        view.summary([again], course / "gradebook.db", course / "feedback")
    assert f"3 graded again: {why}." in " ".join(stream.getvalue().split())
    assert grade(course, **options).skipped == 3


def test_two_changes_are_one_sentence(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grade(course)
    _package(monkeypatch, course)
    _notebook(monkeypatch, course)
    (why,) = grade(course, limits=Limits(cell_seconds=61)).again
    assert sorted(why.removesuffix(" changed since").replace(" and ", ", ").split(", ")) == [
        "the limits",
        "the notebook",
        "the package",
    ]


@pytest.mark.parametrize(
    "parts", [None, {}, [], "x", 5, {"package": None, "odd": [1], "Keras": {"a": 1}}, {"Keras": 3}]
)
def test_notes_of_other_versions_are_graded_again(course: Path, parts: Any) -> None:
    grade(course)
    for path in (course / ".autograder" / NAME / "done").glob("*.json"):
        note = json.loads(path.read_text("utf-8")) | {"key": "old", "basis": parts}
        if parts is None:
            del note["basis"]
        path.write_text(json.dumps(note), "utf-8")
    again = grade(course)
    assert again.skipped == 0
    assert sum(again.again.values()) == 3
    assert parts or set(again.again) == {"nothing says what it was graded with"}
    assert grade(course).skipped == 3


def test_what_a_run_left_is_not_asked_after_the_package_changed(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = batch.prepare(Course(course).make_ready(NAME), Limits(), Sandbox.BUBBLEWRAP)
    before = Basis.of(setup).of_submission("a")
    assert Basis.of(replace(setup, checks="other")).of_submission("a").but_checks.key == before.but_checks.key
    assert before.key.startswith("a-")
    _package(monkeypatch, course)
    assert Basis.of(setup).of_submission("a").but_checks.key != before.but_checks.key


def test_the_packages_digest_is_of_all_its_code_but_checks(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "autograder", tmp_path / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from autograder.grading import basis; print(basis.package_digest())"

    def digest() -> str:
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    first = digest()
    assert first == basis.package_digest()
    with (tmp_path / "autograder/checks/test_02_one_hot_encoding.py").open("a") as file:
        file.write("# other\n")
    assert digest() == first
    with (tmp_path / "autograder/exercise/expect.py").open("a") as file:
        file.write("# other\n")
    assert digest() != first


def test_a_worker_of_another_version_is_refused() -> None:
    same = basis.of_this_machine()
    cluster._check_same("w", same, same)
    with pytest.raises(SchedulerRefused, match="another version of the package"):
        cluster._check_same("w", same | {"package": "other"}, same)
    with pytest.raises(SchedulerRefused, match=r"has NumPy 1\.0, and this machine 2"):
        cluster._check_same("w", same | {"NumPy": "1.0"}, same)
    with pytest.raises(SchedulerRefused, match="another version"):
        cluster._check_same("w", "0.1.0", same)  # type: ignore[arg-type] # as earlier workers answer


def test_who_only_coordinates_needs_no_keras() -> None:
    same = basis.of_this_machine()
    cluster._check_same("w", same, same | {"Keras": basis.NOT_THERE, "tensorflow": basis.NOT_THERE})
