"""What a class's course copied from the kit: a newer version reaches it, and nothing that somebody changed is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT / "deploy" / "hub"))

import classroom


def test_a_newer_exercise_reaches_a_course_that_nobody_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(classroom, "_give", lambda path, owner: None)  # only root may
    kit, course = tmp_path / "kit" / "03-x", tmp_path / "source" / "03-x"
    kit.mkdir(parents=True)
    course.parent.mkdir()
    note = course.parent / ".copied.json"

    def start(version: str) -> tuple[str, str]:
        (kit / "03-x.ipynb").write_text(version)
        classroom._bring_up_to_date([(kit, course)], note, "root")
        return (course / "03-x.ipynb").read_text(), capsys.readouterr().out

    assert start("one") == ("one", "")
    assert start("one") == ("one", "")
    text, told = start("two")
    assert text == "two"
    assert "newer version, which takes the place" in told
    (course / "03-x.ipynb").write_text("the teacher's")
    text, told = start("three")
    assert text == "the teacher's"
    assert f"move {course} away and start again" in told
    assert start("three")[1] == told, "as long as it is so"
    note.unlink()  # as a course that an earlier version of the kit made
    assert start("three")[0] == "the teacher's"
    (course / "03-x.ipynb").write_text("three")
    assert start("three") == ("three", "")
    assert start("four")[0] == "four"
