"""`make newest` asks for the newest releases: no upper bound is left, and nothing brings one back."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from types import ModuleType

import pytest
from kit import ROOT
from packaging.requirements import Requirement

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SMALL = {
    "name": "A_Kit",
    "dependencies": ["one>=1,<2"],
    "optional-dependencies": {"few": ["two==2", "three"], "all": ["a-kit[few]", "four<5; sys_platform == 'linux'"]},
}


@pytest.fixture
def newest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("newest", ROOT / "tools" / "newest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_where_the_project_names_itself_stands_what_it_means(newest: ModuleType) -> None:
    """Nobody has published it under this name; if somebody did, its bounds would come back."""
    assert newest.requirements(SMALL, ["all"]) == ["one>=1", 'four; sys_platform == "linux"', "two", "three"]
    assert newest.requirements(SMALL, ["few", "all"]).count("two") == 1
    wanted = [Requirement(line) for line in newest.requirements(PROJECT, newest.EXTRAS)]
    assert PROJECT["name"] not in {one.name for one in wanted}
    assert {"tensorflow-cpu", "nbgrader", "jupyterlite-core", "ruff"} <= {one.name for one in wanted}


def test_no_upper_bound_is_left_but_those_that_stay(newest: ModuleType) -> None:
    for one in map(Requirement, newest.requirements(PROJECT, newest.EXTRAS)):
        bounded = any(bound.operator not in (">=", ">", "!=") for bound in one.specifier)
        assert bounded == (one.name in newest.KEPT), one


@pytest.mark.parametrize(
    ("line", "loose"),
    [
        ("nbgrader>=0.9.6,<0.10", "nbgrader>=0.9.6"),
        ("tensorflow[and-cuda]<2.22,>=2.21", "tensorflow[and-cuda]>=2.21"),
        ("keras~=3.12", "keras"),
        ("jupyter-book>=1.0.4,<2", "jupyter-book<2,>=1.0.4"),
    ],
)
def test_a_requirement_without_its_upper_bounds(newest: ModuleType, line: str, loose: str) -> None:
    assert newest.loosened(line) == loose


def test_it_takes_the_extras_of_the_lock(newest: ModuleType) -> None:
    """Else a package would be named that nobody asked for, or its newest release never tried."""
    lock = (ROOT / "Makefile").read_text("utf-8").partition("\nlock:")[2].partition("requirements.lock")[0]
    assert set(re.findall(r"--extra (\w+)", lock)) == {*newest.EXTRAS}
