"""One student for each learner of The Littlest JupyterHub, whose Unix users have other names than the Hub's users."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kit import ROOT
from nbgrader.api import Gradebook

from autograder.course import accounts
from autograder.course.accounts import Accounts, unix_user
from autograder.course.directory import Course
from autograder.course.sources import Delivery, Exchange
from autograder.errors import CourseError
from autograder.jupyter import prepare
from autograder.jupyter.work import Service

NAME = "03-dense-networks"
LONG = "maximilian.mustermann@school.example"
LONG_UNIX = "jupyter-maximilian.musterm-5f18b"


# Those of TLJH's own tests of its rule, with the prefix taken off what goes in.
@pytest.mark.parametrize(
    ("name", "unix"),
    [
        ("test", "jupyter-test"),
        ("aelie9sohjeequ9iemeipuimuoshahz4aitugiuteeg4ohioh5yuiha6aei7te5z", "jupyter-aelie9sohjeequ9iem-4b726"),
        ("abcdefghijklmnopq", "jupyter-abcdefghijklmnopq"),
        ("abcdefghijklmnopqr", "jupyter-abcdefghijklmnopqr-e375e"),
    ],
)
def test_unix_users_are_named_as_the_littlest_jupyterhub_names_them(name: str, unix: str) -> None:
    assert unix_user(name) == unix
    assert Accounts((name,)).of_unix_user(unix) == name


@pytest.mark.parametrize("owner", [LONG_UNIX, "daemon", "ada", "jupyter-" + LONG, f"jupyter-{LONG_UNIX}"])
def test_of_whom_nobody_can_tell_who_it_is_nobody_is_made(owner: str) -> None:
    assert Accounts(("ada",)).of_unix_user(owner) is None


def test_two_who_would_be_one_unix_user_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "unix_user", lambda name: f"jupyter-{name[:3]}")
    with pytest.raises(CourseError, match=r"'anna' and 'anne'|'anne' and 'anna'"):
        accounts.keep(tmp_path, ["anna", "anne"], set())
    assert not list(tmp_path.iterdir())


def test_a_list_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    """Whoever hands in meanwhile would become another student."""
    (tmp_path / "accounts.json").write_text("{")
    with pytest.raises(CourseError, match=r"accounts\.json cannot be read"):
        accounts.read(tmp_path)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course with one exercise, ready to be prepared."""
    root = tmp_path / "course"
    shutil.copytree(ROOT / "solutions" / NAME, root / "source" / NAME)
    (tmp_path / "exchange").mkdir()
    (tmp_path / "exchange").chmod(0o777)
    (root / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.root = {str(root)!r}\nc.CourseDirectory.course_id = 'keras'\n"
        f"c.Exchange.root = {str(tmp_path / 'exchange')!r}\n"
    )
    return root


def _students(root: Path) -> set[str]:
    with Gradebook(Course(root).db_url, "keras") as gradebook:
        return {student.id for student in gradebook.students}


def _submitted_by(root: Path, unix: str) -> list[str]:
    """As whom the course takes in what a Unix user puts into the exchange."""
    inbound = root.parent / f"inbound-{unix}"
    folder = inbound / f"{unix}+{NAME}+2026-01-15 12:00:00 UTC+x"
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text("{}")
    found = Exchange(inbound, accounts=Course(root).accounts).deliveries(NAME)
    return [one.name for one in found if isinstance(one, Delivery)]


def test_a_learner_is_one_student_wherever_they_hand_in(course: Path) -> None:
    assert prepare.main(course, ["ada", LONG], littlest=True) == 0
    assert _students(course) == {"ada", LONG}
    service = Service(course)
    for name, unix in (("ada", "jupyter-ada"), (LONG, LONG_UNIX), ("joined", "jupyter-joined")):
        assert service.student(name) == name
        assert _submitted_by(course, unix) == [name]
    assert _submitted_by(course, "jupyter-somebody.with.a-12345") == []
    assert prepare.main(course, ["ada", LONG, "jupyter-ada"], littlest=True) == 0
    assert Service(course).student("ada") == "ada", "whoever joins changes nobody else's name"


def test_an_instructor_who_hands_in_to_try_it_is_known_and_no_student_before(course: Path) -> None:
    assert prepare.main(course, ["ada"], littlest=True) == 0
    assert _submitted_by(course, LONG_UNIX) == []
    command = [sys.executable, "-m", "autograder.jupyter.prepare", "--littlest", str(course), "ada"]
    subprocess.run([*command, "--instructors", "tutor", LONG], check=True)  # as set-up.sh does
    assert _students(course) == {"ada"}
    shutil.rmtree(course.parent / f"inbound-{LONG_UNIX}")
    assert _submitted_by(course, LONG_UNIX) == [LONG]


def test_a_course_of_an_earlier_kit_goes_on_with_the_names_it_has(course: Path) -> None:
    """Its students were called after their Unix users, as the script of version 0.2.0 entered them."""
    assert prepare.main(course, ["jupyter-ada", f"jupyter-{LONG}"]) == 0
    assert prepare.main(course, ["ada", LONG, "new"], littlest=True) == 0
    students = {"jupyter-ada", f"jupyter-{LONG}", "jupyter-new"}
    assert _students(course) == students
    service = Service(course)
    assert {service.student(name) for name in ("ada", LONG, "new")} == students
    assert _submitted_by(course, LONG_UNIX) == [f"jupyter-{LONG}"]
    assert _submitted_by(course, "jupyter-ada") == ["jupyter-ada"]


def test_grades_go_to_the_lms_by_the_names_that_the_course_has(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever `platform.json` said to an earlier version."""
    from autograder.lms import opened
    from autograder.lms.lti import Platform

    asked: list[str | None] = []

    def launches(_: object, platform: Platform, __: object) -> dict[str, object]:
        asked.append(platform.user_of("ada"))
        return {}

    monkeypatch.setattr(opened, "read_platform", lambda _: Platform("i", "c", "t", "a", "jupyter-{name}"))
    for name, value in {"read_key": "", "hub_of": None, "read_grades": {}, "Lti": None}.items():
        monkeypatch.setattr(opened, name, lambda *_, value=value: value)
    monkeypatch.setattr(opened, "launches", launches)
    opened.over_lti(Course(course), NAME, tmp_path)
    assert prepare.main(course, ["ada"], littlest=True) == 0
    opened.over_lti(Course(course), NAME, tmp_path)
    assert asked == [None, "ada"]


@pytest.mark.skipif(os.getuid() != 0, reason="giving files to other users needs root")
def test_nbgraders_collect_calls_them_so_as_well(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from autograder.course.release import programs_of_this_python
    from autograder.jupyter.collect import CollectOwnWork

    assert prepare.main(course, ["ada", LONG], littlest=True) == 0
    inbound = course.parent / "exchange/keras/inbound"
    users = {40_001: "jupyter-ada", 40_002: LONG_UNIX, 40_003: "jupyter-somebody.with.a-12345"}
    for uid, unix in users.items():
        folder = inbound / f"{unix}+{NAME}+2026-01-15 12:00:00.000000 UTC+x"
        folder.mkdir()
        (folder / f"{NAME}.ipynb").write_text(unix)
        for path in (folder, *folder.iterdir()):
            os.chown(path, uid, uid)
    forged = inbound / f"jupyter-ada+{NAME}+2026-01-15 12:00:09.000000 UTC+x"
    forged.mkdir()
    os.chown(forged, 40_002, 40_002)
    known = pwd.getpwuid
    named = {uid: pwd.struct_passwd((unix, "x", uid, uid, "", "/", "/bin/sh")) for uid, unix in users.items()}
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: named[uid] if uid in named else known(uid))

    def collect(student: str) -> dict[str, str]:
        config = Config()
        config.CourseDirectory.root = str(course)
        config.CourseDirectory.course_id = "keras"
        config.CourseDirectory.assignment_id = NAME
        config.CourseDirectory.student_id = student
        config.Exchange.root = str(course.parent / "exchange")
        with programs_of_this_python():
            CollectOwnWork(coursedir=CourseDirectory(config=config), config=config).start()
        return {path.parent.parent.name: path.read_text() for path in (course / "submitted").glob("*/*/*.ipynb")}

    assert collect(LONG) == {LONG: LONG_UNIX}
    assert collect("*") == {LONG: LONG_UNIX, "ada": "jupyter-ada"}
    assert json.loads((course / ".autograder/accounts.json").read_text()) == {
        "student": "{name}",
        "learners": ["ada", LONG],
    }
