"""The page "A term with 300 students", its commands run in its order for a class of five."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from catalogue import filled_in
from kit import ROOT

PAGE = ROOT / "book" / "instructors" / "a-term.md"
NAME = "02-one-hot-encoding"
CLASS = {  # when they handed in, by Vienna's clock, and whether they did anything
    "ada": ((2026, 10, 15, 12, 0, 0), True),  # in time
    "bo": ((2026, 10, 18, 12, 0, 0), True),  # two days late; gets an extension
    "cy": ((2026, 10, 18, 12, 0, 0), True),  # two days late
    "dee": ((2026, 10, 15, 12, 0, 0), False),  # handed in what she was given
}


def _hand_ins(folder: Path) -> None:
    work = nbformat.writes(nbformat.from_dict(filled_in(NAME, {})))
    given = (ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    with zipfile.ZipFile(folder / "submissions.zip", "w") as archive:
        for number, (student, (when, worked)) in enumerate(CLASS.items(), 101):
            name = f"{student.title()} Example_{number}_assignsubmission_file_/my work.ipynb"
            archive.writestr(zipfile.ZipInfo(name, when), work if worked else given)
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [("First name", "Last name", "Username"), *((s.title(), "Example", s) for s in (*CLASS, "eve"))]
        csv.writer(file).writerows(rows)


def _grades(folder: Path) -> dict[str, float]:
    with (folder / "keras-2026" / "moodle.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {f"{row['First name']} {row['Last name']}" for row in rows} == {
        f"{s.title()} Example" for s in (*CLASS, "eve")
    }
    return {row["Username"]: float(row[NAME]) for row in rows if row[NAME] != "-"}


@pytest.mark.slow
@pytest.mark.sandbox
def test_the_pages_commands_take_a_class_through_the_term(tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(blocks) == 6
    _hand_ins(tmp_path)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUTOGRADER_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "TZ": "Europe/Vienna"}
    said = []
    for block in blocks:
        done = subprocess.run(
            ["bash", "-c", f"set -eu\n{block}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, (block, done.stdout[-1500:], done.stderr[-1500:])
        said.append(done.stdout)
        assert "No column" not in done.stderr, "Moodle's list had neither numbers nor addresses, and needs neither"
    assert "4 would be collected" in said[1]
    assert "Nothing was found for these students: eve." in said[1]
    assert "no pair shares more than chance allows." in said[2]
    grades = _grades(tmp_path)
    assert grades.keys() == CLASS.keys()
    full = grades["ada"]
    assert full > 0
    assert grades["bo"] == full, "two days late, within the extension"
    assert grades["cy"] == pytest.approx(0.8 * full, abs=0.01), "two days late, 10 % each"
    assert grades["dee"] < 0.2 * full
    with zipfile.ZipFile(tmp_path / "keras-2026" / "report" / f"{NAME}-feedback-moodle.zip") as archive:
        pages = {name.split("_")[1]: archive.read(name).decode() for name in archive.namelist()}
    assert sorted(pages) == ["101", "102", "103", "104"]
    for student, number in (("ada", "101"), ("bo", "102"), ("cy", "103"), ("dee", "104")):
        (shown,) = re.findall(r"<h1>[^<]*\(Score: ([\d.]+) / ", pages[number])
        assert float(shown) == pytest.approx(grades[student], abs=0.01)
    assert (tmp_path / "keras-2026.tar.gz").stat().st_size > 10_000
