"""Collecting: an LMS's zip file in, nbgrader's folders out; nothing guessed, nothing lost."""

from __future__ import annotations

import csv
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hostile import RELEASED
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import ROOT
from nbgrader.api import Gradebook
from test_submissions import BLANK, NAME, OTHER, USUAL, worked, zipped

from autograder.cli import main
from autograder.course.class_list import enter_names
from autograder.course.collect import Collected, collect
from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.course.release import programs_of_this_python
from autograder.course.roster import Roster, folded
from autograder.course.sources import open_source
from autograder.errors import AlreadyRunning, BadRoster, BadSource, CourseError, UsageError
from autograder.language import said
from autograder.report.exporters import MoodleExporter

SHADOW = {".ipynb_checkpoints/x.ipynb": b"", "__MACOSX/._x.ipynb": b""}
MOODLE_CSV = (
    "Email address;Identifier;Full name;Status;Username\n"
    "ada@uni.example;Participant 101;Ada Lovelace;Submitted;al1\n"
    "bob@uni.example;Participant 102;Bob O'Neil-Roy;Submitted;br2\n"
    "zoe@uni.example;Participant 103;Zoë Ångström;Submitted;za3\n"
    "cy@uni.example;Participant 104;Cy Lee;No submission;cl4\n"
)
CANVAS_CSV = (
    "Student,ID,SIS User ID,SIS Login ID,Section\n"
    "    Points Possible,,,,\n"
    '"Lovelace, Ada",901,S1,al1,A\n'
    '"O\'Neil-Roy, Bob",902,S2,br2,A\n'
    '"Ångström, Zoë",903,S3,za3,B\n'
    '"Student, Test",999,,,A\n'
)


def zip_file(path: Path, files: dict[str, bytes], when: tuple[int, ...] = (2026, 10, 5, 12, 0, 0)) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, when), content)  # type: ignore[arg-type]
    return path


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
        os.utime(path / name, (1_790_000_000, 1_790_000_000))
    return path


class Term:
    """A course, as far as collecting needs one."""

    def __init__(self, root: Path) -> None:
        self.submitted, self.kept, self._root = root / "submitted", root / "kept", root

    def roster(self, text: str, **options: Any) -> Roster:
        path = self._root / "roster.csv"
        path.write_text(text, "utf-8")
        return Roster.read(path, **options)

    def collect(self, source: Path, roster: Roster | None = None, **options: Any) -> Collected:
        return collect(open_source(source), NAME, self.submitted, self.kept, roster, RELEASED, **options)

    def there(self) -> dict[str, bytes]:
        return {p.parts[-3]: p.read_bytes() for p in sorted(self.submitted.glob(f"*/{NAME}/{NAME}.ipynb"))}

    def stamp(self, student: str) -> str:
        return (self.submitted / student / NAME / "timestamp.txt").read_text().strip()


@pytest.fixture
def term(tmp_path: Path) -> Term:
    (tmp_path / "course").mkdir()
    return Term(tmp_path / "course")


def why(done: Collected) -> dict[str, str]:
    return {one.path.name: one.why for one in done.unused}


def test_moodles_zip_with_folders(term: Term, tmp_path: Path) -> None:
    source = zip_file(
        tmp_path / "moodle.zip",
        {
            f"Ada Lovelace_101_assignsubmission_file_/{NAME}.ipynb": worked("ada"),
            "Bob O'Neil-Roy_102_assignsubmission_file/homework (1).ipynb": worked("bob"),
            f"Group A-Zoë Ångström_103_assignsubmission_file_/{NAME}.zip": zipped({USUAL: worked("zoe")}),
            "Ada Lovelace_101_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
            f"Dee Dee_105_assignsubmission_file_/{NAME}.ipynb": worked("dee"),
        },
    )
    done = term.collect(source, term.roster(MOODLE_CSV, id_column="username"))
    assert term.there() == {"al1": worked("ada"), "br2": worked("bob"), "za3": worked("zoe")}
    assert done.source == "Moodle"
    assert why(done).keys() == {"onlinetext.html", f"{NAME}.ipynb"}
    assert "nobody in the roster is called 'Dee Dee 105'" in why(done)[f"{NAME}.ipynb"]
    assert done.absent == ["cl4"]
    local = datetime(2026, 10, 5, 12, 0, 0).astimezone()
    assert term.stamp("al1") == f"{local.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"


def test_moodles_zip_without_folders(term: Term, tmp_path: Path) -> None:
    files = {
        f"Ada Lovelace_101_assignsubmission_file_{NAME}.ipynb": worked("ada"),
        "Participant_102_assignsubmission_file_my_work_2.ipynb": worked("bob"),
    }
    done = term.collect(zip_file(tmp_path / "flat.zip", files), term.roster(MOODLE_CSV, id_column="Username"))
    assert term.there() == {"al1": worked("ada"), "br2": worked("bob")}
    assert done.unused == []


def test_canvas_zip(term: Term, tmp_path: Path) -> None:
    files = {
        f"lovelaceada_901_5001_{NAME}-1.ipynb": worked("ada"),
        f"oneilroybob_LATE_902_5002_{NAME}.ipynb": worked("bob"),
        f"angstromzoe_903_5003_{NAME}.ipynb.txt": worked("zoe"),
        "lovelaceada_901_5009_notes.pdf": b"%PDF",
    }
    done = term.collect(zip_file(tmp_path / "submissions.zip", files), term.roster(CANVAS_CSV))
    assert term.there() == {"al1": worked("ada"), "br2": worked("bob"), "za3": worked("zoe")}
    assert done.source == "Canvas"
    assert [taken.student for taken in done.taken if taken.late] == ["br2"]
    assert why(done) == {"notes.pdf": "it is not a notebook"}
    assert done.absent == []


def test_without_a_roster_people_are_called_what_the_source_calls_them(term: Term, tmp_path: Path) -> None:
    files = {
        "Ada_101_assignsubmission_file_/x.ipynb": worked("one"),
        "Ada_102_assignsubmission_file_/x.ipynb": worked("two"),
        "Bob_103_assignsubmission_file_/x.ipynb": worked("bob"),
    }
    done = term.collect(zip_file(tmp_path / "m.zip", files))
    assert term.there() == {"Bob": worked("bob")}
    assert len(done.unused) == 2
    assert "Ada 101 and Ada 102 would both be 'Ada'" in done.unused[0].why


LOOSE = {
    "a folder each": {f"ada/{NAME}.ipynb": worked("ada"), "Bob O'Neil-Roy/sub/x.IPYNB": worked("bob")},
    "all in one folder": {
        f"week 3/Ada Lovelace - {NAME}.ipynb": worked("ada"),
        "week 3/bob_oneil_roy.ipynb": worked("bob"),
    },
    "Google's Drive": {
        f"Ada Lovelace - {NAME}.ipynb": worked("ada"),
        "Bob O'Neil-Roy - Copy of x.ipynb": worked("bob"),
    },
    "called after their makers": {f"al1-{NAME}.ipynb": worked("ada"), f"{NAME}_br2 (1).ipynb": worked("bob")},
    "by e-mail": {"ada@uni.example.ipynb": worked("ada"), "bob@uni.example/x.ipynb": worked("bob")},
}


@pytest.mark.parametrize("files", LOOSE.values(), ids=LOOSE)
@pytest.mark.parametrize("packed", [False, True])
def test_loose_files(files: dict[str, bytes], packed: bool, term: Term, tmp_path: Path) -> None:
    files = files | SHADOW
    source = zip_file(tmp_path / "x.zip", files) if packed else folder(tmp_path / "x", files)
    done = term.collect(source, term.roster(MOODLE_CSV, id_column="Username"))
    assert term.there() == {"al1": worked("ada"), "br2": worked("bob")}, done.unused
    assert done.unused == []


def test_one_file_of_two_students_and_one_of_nobody(term: Term, tmp_path: Path) -> None:
    files = {
        f"al1/Bob O'Neil-Roy - {NAME}.ipynb": worked("whose"),
        "br2/x.ipynb": worked("bob"),
        "unknown/x.ipynb": worked("nobody"),
        f"{NAME}.ipynb": worked("nameless"),
    }
    done = term.collect(folder(tmp_path / "x", files), term.roster(MOODLE_CSV, id_column="Username"))
    assert term.there() == {"br2": worked("bob")}
    reasons = {str(one.path.relative_to(tmp_path / "x")): one.why for one in done.unused}
    assert reasons[f"al1/Bob O'Neil-Roy - {NAME}.ipynb"] == "'al1' could be any of al1, br2"
    assert reasons["unknown/x.ipynb"] == "nobody in the roster is called 'unknown'"
    assert reasons[f"{NAME}.ipynb"] == "nobody in the roster is called 'nobody'"
    assert len(done.unused) == 3


def test_nbgraders_exchange(term: Term, tmp_path: Path) -> None:
    files = {
        f"ada+{NAME}+2026-10-05 12:00:00.000000 UTC+abc/{NAME}.ipynb": worked("old"),
        f"ada+{NAME}+2026-10-05 12:00:00.000000 UTC+abc/timestamp.txt": b"1999-01-01 00:00:00 UTC",
        f"bob+{NAME}+2026-10-05 13:00:00 UTC/{NAME}.ipynb": worked("bob"),
        f"cy+04-softmax+2026-10-05 13:00:00 UTC+x/{NAME}.ipynb": worked("cy"),
        "garbage/x.ipynb": b"",
    }
    source = folder(tmp_path / "inbound", files)
    (source / f"dee+{NAME}+2026-10-05 13:00:00 UTC+y").symlink_to(source / "garbage")
    if os.geteuid() == 0:
        os.chown(source / f"bob+{NAME}+2026-10-05 13:00:00 UTC", 65534, 65534)
    done = term.collect(source)
    there = {"ada": worked("old")} | ({} if os.geteuid() == 0 else {"bob": worked("bob")})
    assert term.there() == there
    assert term.stamp("ada").startswith(f"{datetime.now().astimezone(UTC):%Y-%m-%d}")
    reasons = " ".join(one.why for one in done.unused)
    assert "it is not a folder" in reasons
    if os.geteuid() == 0:
        assert "not to bob" in reasons


def test_another_courses_folders(term: Term, tmp_path: Path) -> None:
    source = folder(
        tmp_path / "other", {f"submitted/ada/{USUAL}": worked("ada"), "submitted/bob/x.ipynb": worked("bob")}
    )
    term.collect(source)
    assert term.there() == {"ada": worked("ada"), "bob": worked("bob")}


def test_of_several_the_last_counts_and_the_earlier_is_kept(term: Term, tmp_path: Path) -> None:
    name = f"Ada_101_assignsubmission_file_/{NAME}.ipynb"
    first = zip_file(tmp_path / "1.zip", {name: worked("first")}, (2026, 10, 5, 12, 0, 0))
    second = zip_file(tmp_path / "2.zip", {name: worked("second")}, (2026, 10, 6, 12, 0, 0))
    assert term.collect(first, dry_run=True).count("new") == 1
    assert term.there() == {}
    assert term.collect(first).count("new") == 1
    assert term.collect(first).count("the same") == 1
    assert term.collect(second).count("changed") == 1
    assert term.there() == {"Ada": worked("second")}
    assert [p.read_bytes() for p in term.kept.rglob("*.ipynb")] == [worked("first")]
    assert term.collect(first).count("older") == 1
    assert term.there() == {"Ada": worked("second")}


def test_whatever_does_not_count_is_kept_also_of_one_time_and_what_comes_too_late(term: Term, tmp_path: Path) -> None:
    name = f"Ada_101_assignsubmission_file_/{NAME}.ipynb"
    noon, later = (2026, 10, 5, 12, 0, 0), (2026, 10, 6, 12, 0, 0)
    for number, (text, when) in enumerate([("b", noon), ("c", noon), ("d", noon), ("e", later)]):
        term.collect(zip_file(tmp_path / f"{number}.zip", {name: worked(text)}, when))
    before = zip_file(tmp_path / "before.zip", {name: worked("a")}, (2026, 10, 4, 12, 0, 0))
    assert term.collect(before, dry_run=True).count("older") == 1
    assert len(list(term.kept.rglob("*.ipynb"))) == 3
    for _ in range(2):  # the same zip file once more adds nothing
        assert term.collect(before).count("older") == 1
    assert term.there() == {"Ada": worked("e")}
    assert {p.read_bytes() for p in term.kept.rglob("*.ipynb")} == {worked(text) for text in "abcd"}
    assert len(list(term.kept.rglob("*.ipynb"))) == 4


def test_what_is_dangerous_is_refused_with_one_line_each(term: Term, tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Ada_1_assignsubmission_file_/../../../evil.ipynb", worked())
        archive.writestr("/etc/Bob_2_assignsubmission_file_x.ipynb", worked())
        link = zipfile.ZipInfo("Cy_3_assignsubmission_file_/link.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("Dee_4_assignsubmission_file_/bomb.ipynb", b" " * 200_000_000)
        archive.writestr("Eve_5_assignsubmission_file_/bomb.zip", zipped({"x.ipynb": b" " * 200_000_000}))
        archive.writestr("Fay_6_assignsubmission_file_/other.ipynb", OTHER)
        archive.writestr("Gus_7_assignsubmission_file_/good.ipynb", worked())
    done = term.collect(path)
    assert set(term.there()) == {"Gus"}
    reasons = why(done)
    assert "leads out of" in reasons["evil.ipynb"]
    assert "leads out of" in reasons["Bob_2_assignsubmission_file_x.ipynb"]
    assert "link" in reasons["link.ipynb"]
    assert "larger than" in reasons["bomb.ipynb"]
    assert "larger than" in reasons["bomb.zip"]
    assert "another exercise" in reasons["other.ipynb"]
    assert not (tmp_path / "evil.ipynb").exists()
    assert all("\n" not in str(one) for one in done.unused)


def test_a_link_in_the_course_is_not_written_through(term: Term, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    term.submitted.mkdir()
    (term.submitted / "Ada").symlink_to(tmp_path / "elsewhere")
    source = zip_file(tmp_path / "m.zip", {"Ada_1_assignsubmission_file_/x.ipynb": worked()})
    with pytest.raises(UsageError, match="link"):
        term.collect(source)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_untouched_copy_beside_the_work(term: Term, tmp_path: Path) -> None:
    files = {
        f"Ada_1_assignsubmission_file_/{NAME}.ipynb": BLANK,
        f"Ada_1_assignsubmission_file_/{NAME}-Copy1.ipynb": worked(),
    }
    done = term.collect(zip_file(tmp_path / "m.zip", files))
    assert term.there() == {"Ada": worked()}
    assert "another file of Ada counts" in done.unused[0].why


@pytest.mark.parametrize("content", [b"", b"PK\3\4garbage", zipped({})])
def test_no_source(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(BadSource):
        open_source(tmp_path / "x.zip")
    with pytest.raises(BadSource, match="no file or folder"):
        open_source(tmp_path / "nothing")


# -- the roster ------------------------------------------------------------------------------------------------------


ZOE = {
    "Username": "za3",
    "Identifier": "Participant 7",
    "Full name": "Zoë Ång",
    "Email address": "z@x.example",
    "Group": "A",
}


@settings(max_examples=50, deadline=None)
@given(st.permutations(list(ZOE)), st.sampled_from(",;\t"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_columns_may_come_in_any_order(columns: list[str], delimiter: str, encoding: str) -> None:
    text = delimiter.join(columns) + "\n" + delimiter.join(ZOE[c] for c in columns) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.csv"
        path.write_bytes(text.encode(encoding))
        roster = Roster.read(path)
    assert roster.id_column == "Username"
    for name, number in (("zoeang", ""), ("Zoë Ång", ""), ("ångzoë", ""), ("z@x.example", ""), ("za3", ""), ("?", "7")):
        assert roster.who(name, number) == {"za3"}
    assert roster.who("zo") == set()


def test_people_of_one_name_are_told_apart_by_number_or_not_at_all(term: Term) -> None:
    roster = term.roster("ID,Student,SIS Login ID\n1,Ada Lee,al1\n2,Ada Lee,al2\n")
    assert roster.who("leeada") == {"al1", "al2"}
    assert roster.who("leeada", "2") == {"al2"}
    assert roster.who("someone else", "2") == {"al2"}


def test_a_name_and_a_number_that_contradict_each_other(term: Term) -> None:
    roster = term.roster("ID,Student,SIS Login ID\n1,Ada Lee,al1\n2,Bob Roy,br2\n")
    assert roster.who("royb ob", "1") == {"al1", "br2"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column"),
        ("Colour,Size\nred,1\n", "no column"),
        ("Username,Name\nal1,Ada\nal1,Eve\n", "twice"),
        ("Username\n\n", "nobody"),
    ],
)
def test_a_roster_that_cannot_be_used(text: str, says: str, term: Term) -> None:
    with pytest.raises(BadRoster, match=says):
        term.roster(text)
    with pytest.raises(BadRoster, match="no column 'Login'"):
        term.roster("Username\nal1\n", id_column="Login")


@given(st.text(max_size=30))
def test_any_name_can_be_folded(name: str) -> None:
    assert folded(name) == folded(folded(name)) or not folded(name).isascii()


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_from_a_moodle_zip_to_a_grade_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    course = tmp_path / "course"
    (course / "submitted").mkdir(parents=True)
    (tmp_path / "roster.csv").write_text(MOODLE_CSV, "utf-8")
    source = zip_file(tmp_path / "m.zip", {f"Ada Lovelace_101_assignsubmission_file_/{NAME}.ipynb": worked("ada")})
    arguments = ["collect", str(source), "--course", str(course), NAME, "--roster", str(tmp_path / "roster.csv")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert f"{NAME}: 1 collected from Moodle (1 new)." in out
    assert "Nothing was found for these students: br2, cl4, za3." in out
    assert (course / "submitted/al1" / USUAL).is_file()
    source = zip_file(tmp_path / "n.zip", {f"Nobody_9_assignsubmission_file_/{NAME}.ipynb": worked("ada")})
    assert main([*arguments[:1], str(source), *arguments[2:]]) == 1
    assert "nobody in the roster is called 'Nobody 9'" in capsys.readouterr().out
    assert main(["collect", str(tmp_path / "none"), "--course", str(course), NAME]) == 2


# -- names in the gradebook --------------------------------------------------------------------------------------------


def entered(root: Path) -> dict[str, tuple[str | None, ...]]:
    with sqlite3.connect(root / "gradebook.db") as connection:
        rows = connection.execute("select id, first_name, last_name, email from student order by id").fetchall()
    return {row[0]: row[1:] for row in rows}


def of_moodle(root: Path) -> list[list[str]]:
    """What `nbgrader export` writes for Moodle."""
    exporter = MoodleExporter()
    exporter.to, exporter.assignment, exporter.student = str(root / "moodle.csv"), [], []
    with Gradebook(Course(root).db_url) as book:
        exporter.export(book)
    with (root / "moodle.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_roster_brings_names_and_changes_none_that_a_person_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "course"
    (root / "submitted").mkdir(parents=True)
    (tmp_path / "roster.csv").write_text(MOODLE_CSV, "utf-8")
    source = zip_file(tmp_path / "m.zip", {f"Ada Lovelace_101_assignsubmission_file_/{NAME}.ipynb": worked("ada")})
    command = ["collect", str(source), "--course", str(root), NAME, "--roster", str(tmp_path / "roster.csv")]
    command += ["--id", "Username"]
    assert main([*command, "--dry-run"]) == 0
    assert "Gradebook: 4 names would be entered from the roster." in capsys.readouterr().out
    assert not (root / "gradebook.db").exists()
    assert main(command) == 0
    assert "Gradebook: 4 names entered from the roster." in capsys.readouterr().out
    assert entered(root) == {
        "al1": ("Ada", "Lovelace", "ada@uni.example"),
        "br2": ("Bob", "O'Neil-Roy", "bob@uni.example"),
        "cl4": ("Cy", "Lee", "cy@uni.example"),
        "za3": ("Zoë", "Ångström", "zoe@uni.example"),
    }
    assert of_moodle(root) == [
        ["First name", "Last name", "Username", "Email address"],
        ["Cy", "Lee", "cl4", "cy@uni.example"],
        ["Ada", "Lovelace", "al1", "ada@uni.example"],
        ["Bob", "O'Neil-Roy", "br2", "bob@uni.example"],
        ["Zoë", "Ångström", "za3", "zoe@uni.example"],
    ]
    assert read_grades(Course(root), NAME)["al1"].name == "Ada Lovelace"
    with sqlite3.connect(root / "gradebook.db") as connection:  # a person writes
        connection.execute("update student set first_name = 'Augusta', email = ' ' where id = 'al1'")
        connection.execute("update student set last_name = null, first_name = null where id = 'cl4'")
        connection.execute("delete from student where id = 'za3'")
        connection.execute("insert into student (id, first_name) values ('guest', 'Gus')")
    assert main([*command, "--dry-run"]) == 0
    assert "Gradebook: 3 names would be entered" in capsys.readouterr().out
    assert main(command) == 0
    assert "Gradebook: 3 names entered" in capsys.readouterr().out
    after = entered(root)
    assert after["al1"] == ("Augusta", "Lovelace", "ada@uni.example")
    assert after["cl4"] == ("Cy", "Lee", "cy@uni.example")
    assert after["za3"][1] == "Ångström"
    assert after["guest"] == ("Gus", None, None)
    assert main(command) == 0
    assert "Gradebook" not in capsys.readouterr().out
    assert entered(root) == after


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('Student,SIS Login ID\n"Lovelace, Ada",al1\n', {"al1": ("Ada", "Lovelace", "")}),
        ('Student,SIS Login ID\n"King, Martin, Jr.",mk\n', {"mk": ("Martin, Jr.", "King", "")}),
        ("Username,First name,Surname,Mail\nal1, Ada  M. ,King,a@x.org\n", {"al1": ("Ada M.", "King", "a@x.org")}),
        ("username,name,email\nal1,Ada King Lovelace,none\n", {"al1": ("Ada King", "Lovelace", "")}),
        ("username,name\nal1,Plato\nno,\n", {"al1": ("", "Plato", ""), "no": ("", "", "")}),
        ("student,mark\nal1,1\n", {"al1": ("", "", "")}),
        ("email,last name\nal1@x.org,Love\x1blace\n", {"al1@x.org": ("", "Love lace", "al1@x.org")}),
    ],
)  # fmt: skip
def test_names_are_read_from_whatever_columns_there_are(
    text: str, names: dict[str, tuple[str, str, str]], term: Term
) -> None:
    roster = term.roster(text, id_column="student" if text.startswith("student,") else None)
    people = {person.id: (person.first, person.last, person.email) for person in roster.people}
    assert {student: people[student] for student in names} == names


def test_an_id_that_no_folder_can_have_gets_into_no_gradebook(tmp_path: Path, term: Term) -> None:
    assert enter_names(Course(tmp_path), term.roster("id,name\n../x,A B\n.y,C D\nok,E F\n")) == 1
    assert entered(tmp_path) == {"ok": ("E", "F", None)}


def test_a_gradebook_that_cannot_be_written_is_said_in_a_line(tmp_path: Path, term: Term) -> None:
    roster = term.roster("username,name\nal1,Ada Lovelace\n")
    (tmp_path / "gradebook.db").write_bytes(b"no database" * 100)
    with pytest.raises(CourseError, match=r"gradebook.*\.db"):
        enter_names(Course(tmp_path), roster)
    assert (tmp_path / "gradebook.db").read_bytes() == b"no database" * 100


def test_a_run_that_may_be_making_the_gradebook_is_waited_for_by_the_person(tmp_path: Path, term: Term) -> None:
    """And one that is at work in a gradebook is not: `watch` holds the course for a whole term."""
    roster, course = term.roster("username,name\nal1,Ada Lovelace\n"), Course(tmp_path)
    hold = "import sys\nfrom pathlib import Path\nfrom autograder.course.lock import only_run\n"
    hold += "with only_run(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", hold, str(course.state)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=f"process {process.pid}"):
            enter_names(course, roster)
        assert not course.gradebook.exists()
        with programs_of_this_python(), Gradebook(course.db_url, course.course_id):
            pass
        assert enter_names(course, roster) == 1
    finally:
        process.kill()
        process.communicate()
    assert entered(tmp_path) == {"al1": ("Ada", "Lovelace", None)}


def test_what_one_student_calls_a_file_does_not_decide_how_all_are_read(tmp_path: Path) -> None:
    """In a class of Canvas a name as Moodle gives them; in a folder of files one as Canvas gives them."""
    own = f"x_77_assignsubmission_file_{NAME}.ipynb"
    canvas = {f"{who}_{number}_456_{file}": worked(who) for who, number, file in (("lovelaceada", 901, f"{NAME}.ipynb"),
              ("oneilroybob", 902, f"{NAME}.ipynb"), ("evee", 903, own))}  # fmt: skip
    source = open_source(zip_file(tmp_path / "class.zip", canvas))
    assert source.title == "Canvas"
    assert [one.number for one in source.deliveries(NAME)] == ["901", "902", "903"]  # type: ignore[union-attr]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("ada.ipynb", "bob.ipynb", "a_1_2_x.ipynb", "notes.txt"):
        (folder / name).write_bytes(worked(name))
    assert said(open_source(folder).title) == "a folder of files"
