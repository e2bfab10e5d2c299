"""What CONTRIBUTING.md tells a newcomer is so: files are where it says, and hold what it says."""

from __future__ import annotations

import re

import pytest
from kit import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"[\w./-]+/[\w.-]*\w\.(?:py|md|json|yml)\b|\b\w+\.py\b", TEXT)))


def test_it_names_files() -> None:
    assert len(PATHS) > 15


@pytest.mark.parametrize("path", [p for p in PATHS if "NAME" not in p])
def test_a_file_is_where_it_says(path: str) -> None:
    assert (ROOT / path).is_file() or (ROOT / "autograder" / path).is_file(), path


@pytest.mark.parametrize(
    ("what", "file"), re.findall(r"`(\w+)`(?:\.\w+)? in `(autograder/[\w/]+\.py)`", TEXT), ids=lambda value: str(value)
)
def test_a_class_is_in_the_file_it_says(what: str, file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^((class|def|    def) {what}\b|{what}(: [^\n]+)? = )", text, re.M), f"{what} in {file}"


def test_every_room_is_described() -> None:
    rooms = {p.name for p in (ROOT / "autograder").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms == {room for room in re.findall(r"^\| `(\w+)/` \|", TEXT, re.M) if room in rooms}
    modules = {p.name for p in (ROOT / "autograder").glob("*.py")}
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", TEXT, re.M))
    assert modules == set(re.findall(r"`(\w+\.py)`", first_cells))
