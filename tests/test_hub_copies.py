"""What a class's course copied from the kit: a newer version reaches it, and nothing that somebody changed is lost."""

from __future__ import annotations

import errno
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kit import ROOT
from nbgrader.api import Gradebook

sys.path.insert(0, str(ROOT / "deploy" / "hub"))

import classroom
import load
import local

from autograder.course.directory import Course
from autograder.jupyter import prepare

EXERCISES = ("03-dense-networks", "04-softmax")


def test_a_newer_exercise_reaches_a_course_that_nobody_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    kit, course = tmp_path / "kit" / "03-x", tmp_path / "source" / "03-x"
    kit.mkdir(parents=True)
    course.parent.mkdir()
    note = course.parent / ".copied.json"

    def start(version: str) -> tuple[str, str]:
        (kit / "03-x.ipynb").write_text(version)
        classroom._bring_up_to_date([(kit, course)], note, me)
        return (course / "03-x.ipynb").read_text(), capsys.readouterr().out

    assert start("one") == ("one", "")
    assert start("one") == ("one", "")
    text, told = start("two")
    assert text == "two"
    assert "newer version, which takes the place" in told
    earlier = tmp_path / "earlier-03-x"
    assert (earlier / "03-x.ipynb").read_text() == "one", "what students were graded with is not lost"
    assert f"That is now {earlier}." in told
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
    assert (tmp_path / "earlier-03-x-2" / "03-x.ipynb").read_text() == "three"
    assert (earlier / "03-x.ipynb").read_text() == "one"


@pytest.mark.parametrize("left", ["nothing", "a file fewer", "a file cut short"])
def test_a_copy_that_was_ended_heals(left: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    kit, course = tmp_path / "kit" / "03-x", tmp_path / "source" / "03-x"
    for folder in (kit, course):
        folder.mkdir(parents=True)
        for name in ("03-x.ipynb", "beside.csv"):
            (folder / name).write_text(f"all of {name}")
    if left != "a file cut short":
        (course / "beside.csv").unlink()
    if left == "nothing":
        (course / "03-x.ipynb").unlink()
    if left == "a file cut short":
        (course / "beside.csv").write_text("all")
    classroom._bring_up_to_date([(kit, course)], course.parent / ".copied.json", me)
    assert {path.name: path.read_text() for path in course.iterdir()} == {
        name: f"all of {name}" for name in ("03-x.ipynb", "beside.csv")
    }
    assert "had been copied" in capsys.readouterr().out
    (course / "beside.csv").unlink()  # the teacher's doing, since this copy was whole
    classroom._bring_up_to_date([(kit, course)], course.parent / ".copied.json", me)
    assert not (course / "beside.csv").exists()


def test_a_copy_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    kit, course = tmp_path / "kit" / "03-x", tmp_path / "source" / "03-x"
    kit.mkdir(parents=True)
    course.parent.mkdir()
    (kit / "03-x.ipynb").write_text("whole")

    def ended(original: Path, copy: Path, **_: object) -> None:
        copy.mkdir()
        (copy / "03-x.ipynb").write_text("who")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copytree", ended)
        with pytest.raises(KeyboardInterrupt):
            classroom._bring_up_to_date([(kit, course)], course.parent / ".copied.json", me)
    assert not course.exists()
    classroom._bring_up_to_date([(kit, course)], course.parent / ".copied.json", me)
    assert (course / "03-x.ipynb").read_text() == "whole"
    assert sorted(path.name for path in course.parent.iterdir()) == [".copied.json", "03-x"]


def test_held_out_images_are_brought_up_to_date_one_by_one(tmp_path: Path) -> None:
    """An earlier kit noted them all together."""
    me = pwd.getpwuid(os.getuid()).pw_name
    kit, held_out, note = tmp_path / "kit", tmp_path / "held_out", tmp_path / "source" / ".copied.json"
    for folder in (kit, held_out, note.parent):
        folder.mkdir()
    for name in ("1.npz", "2.npz"):
        (held_out / name).write_text("older")
        (kit / name).write_text("newer")
    note.write_text(json.dumps({"held_out": classroom._digest(held_out)}))
    copies = [(kit / name, held_out / name) for name in ("1.npz", "2.npz")]
    classroom._bring_up_to_date(copies, note, me)
    assert [copy.read_text() for _, copy in copies] == ["newer", "newer"]
    copies[0][1].write_text("private")
    for original, _ in copies:
        original.write_text("newest")
    classroom._bring_up_to_date(copies, note, me)
    assert [copy.read_text() for _, copy in copies] == ["private", "newest"]


def test_settings_of_an_earlier_kit_that_nobody_changed_are_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It overwrote them at each start, and so kept no note of them."""
    me = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(classroom.Class, "account", me)
    group = classroom.Class(tmp_path / "class", tmp_path / "venv", exercises=EXERCISES[:1])
    group.course_folder.mkdir(parents=True)
    config, note = group.course_folder / "nbgrader_config.py", group.course_folder / "source" / ".copied.json"
    classroom._lay_out_course(group)
    newest = config.read_text()
    earlier = newest[: newest.index("# What late work loses")].replace("'", '"')  # of version 0.2.0
    assert "CollectOwnWork" in earlier
    for settings, brought in ((earlier, True), (earlier + "c.Execute.timeout = 90\n", False)):
        note.unlink()
        config.write_text(settings)
        capsys.readouterr()
        classroom._lay_out_course(group)
        assert (config.read_text() == newest) is brought
        assert (config.read_text() == settings) is not brought
        assert ("start again" in capsys.readouterr().out) is not brought


def test_lines_that_a_teacher_deletes_from_the_settings_stay_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(classroom.Class, "account", pwd.getpwuid(os.getuid()).pw_name)
    group = classroom.Class(tmp_path / "class", tmp_path / "venv", exercises=EXERCISES[:1])
    group.course_folder.mkdir(parents=True)
    config = group.course_folder / "nbgrader_config.py"
    classroom._lay_out_course(group)
    for left in (config.read_text().rsplit("\n", 2)[0] + "\n", ""):
        config.write_text(left)
        capsys.readouterr()
        classroom._lay_out_course(group)
        assert config.read_text() == left
        assert "may have been changed here, so it stays" in capsys.readouterr().out


def test_of_the_courses_folder_only_what_came_from_the_kit_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is the class's work: gigabytes, which change while they are graded and may hold links to anything."""
    monkeypatch.setattr(classroom.Class, "account", pwd.getpwuid(os.getuid()).pw_name)
    group = classroom.Class(tmp_path / "class", tmp_path / "venv", exercises=EXERCISES[:1])
    group.course_folder.mkdir(parents=True)
    classroom._lay_out_course(group)
    theirs = group.course_folder / "submitted" / "ada" / EXERCISES[0] / "link.csv"
    theirs.parent.mkdir(parents=True)
    theirs.symlink_to("/proc/self/mem")  # not even root can read its beginning
    with pytest.raises(OSError, match="Errno"):
        theirs.read_bytes()
    classroom._lay_out_course(group)


@pytest.mark.parametrize("found", ["a full disk", "a link"])
def test_the_littlest_is_told_what_stopped_the_course(
    found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(classroom.Class, "account", pwd.getpwuid(os.getuid()).pw_name)
    (tmp_path / "exchange").mkdir()
    folder = tmp_path / "courses" / "keras"
    folder.mkdir(parents=True)

    def full(_: object, target: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    if found == "a full disk":
        monkeypatch.setattr(shutil, "copyfile", full)
    else:
        (folder / "source").symlink_to(tmp_path)
    assert classroom.main(tmp_path, "keras") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(folder / "source") in line
    assert ("No space left on device" in line) is (found == "a full disk")
    assert ("There must be no link there" in line) is (found == "a link")


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """A course with two exercises, released, of which the first was graded for somebody."""
    root = tmp_path / "course"
    for name in EXERCISES:
        shutil.copytree(ROOT / "solutions" / name, root / "source" / name)
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    (root / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.root = {str(root)!r}\nc.CourseDirectory.course_id = 'keras'\n"
        f"c.Exchange.root = {str(tmp_path / 'exchange')!r}\n"
    )
    assert prepare.main(root, ["ada"]) == 0
    with Gradebook(Course(root).db_url, "keras") as gradebook:
        gradebook.add_submission(EXERCISES[0], "ada")
    return root


def test_one_exercise_that_cannot_be_released_keeps_no_other_from_the_learners(
    graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (graded / "source" / name / f"{name}.ipynb" for name in EXERCISES)
    notebook = json.loads(first.read_text("utf-8"))
    cell = next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade"))
    cell["metadata"]["nbgrader"]["points"] += 1
    cell["metadata"]["nbgrader"]["grade_id"] += "-new"
    first.write_text(json.dumps(notebook), "utf-8")
    notebook = json.loads(second.read_text("utf-8"))
    notebook["cells"][0]["source"] = "# A mended sentence"
    second.write_text(json.dumps(notebook), "utf-8")
    capsys.readouterr()
    assert prepare.main(graded, ["ada", "bo"]) == 2
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert line.startswith(f"{EXERCISES[0]}: ")
    assert "its graded cells differ from those in the gradebook" in line
    assert told.out.split() == [EXERCISES[1]]
    outbound = graded.parent / "exchange" / "keras" / "outbound" / EXERCISES[1] / f"{EXERCISES[1]}.ipynb"
    assert "A mended sentence" in outbound.read_text("utf-8")
    with Gradebook(Course(graded).db_url, "keras") as gradebook:
        assert {student.id for student in gradebook.students} == {"ada", "bo"}


def test_mended_files_beside_a_notebook_reach_the_learners(graded: Path) -> None:
    source, release = graded / "source" / EXERCISES[0], graded / "release" / EXERCISES[0]
    outbound = graded.parent / "exchange" / "keras" / "outbound" / EXERCISES[0]
    (source / "data" / "__pycache__").mkdir(parents=True)
    for beside in ("data.csv", "data/more.csv"):
        for text in ("new", "mended"):
            (source / beside).write_text(text)
            assert prepare.main(graded, ["ada"]) == 0
            assert [(folder / beside).read_text() for folder in (release, outbound)] == [text, text]
    made = [(folder / "data.csv").stat().st_ino for folder in (release, outbound)]
    (source / "data" / "__pycache__" / "more.pyc").write_text("no part of a release")
    (source / ".hidden").write_text("nor is this")
    assert prepare.main(graded, ["ada"]) == 0
    assert made == [(folder / "data.csv").stat().st_ino for folder in (release, outbound)]
    (source / "data" / "more.csv").unlink()
    assert prepare.main(graded, ["ada"]) == 0
    assert not any((folder / "data" / "more.csv").exists() for folder in (release, outbound))


def test_a_course_without_an_exchange_of_its_own_uses_nbgraders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\nc.CollectOwnWork.inbound_by_learner = True\n")
    made: list[Path] = []

    def make(exchange: Path, _: list[str]) -> list[str]:
        made.append(exchange)
        return ["a folder cannot be used"]

    monkeypatch.setattr(prepare, "_make_exchange", make)
    assert prepare.main(tmp_path, ["ada"]) == 2
    assert capsys.readouterr().err == "a folder cannot be used\n"
    assert [str(exchange) for exchange in made] == [f"/usr/local/share/nbgrader/exchange/{Course(tmp_path).course_id}"]


@pytest.mark.parametrize("status", [1, 2])
def test_the_hub_starts_with_an_exercise_that_cannot_be_released(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.CompletedProcess([], status, stdout="02-y\n", stderr="01-x: its cells differ.\n")
    monkeypatch.setattr(classroom, "as_user", lambda *_: done)
    group = classroom.Class(tmp_path / "class", tmp_path / "venv")
    if status == 2:
        classroom.prepare_course(group)
        assert "01-x: its cells differ." in capsys.readouterr().out.splitlines()
    else:
        with pytest.raises(classroom.CannotSetUp, match="01-x: its cells differ"):
            classroom.prepare_course(group)


def test_root_writes_through_no_link_of_the_courses_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(classroom.Class, "account", me)
    group = classroom.Class(tmp_path / "class", tmp_path / "venv", exercises=EXERCISES[:1], watch=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("root:x:0:0\n")
    (group.course_folder / "source").mkdir(parents=True)
    links = {
        "source/.copied.json": "passwd",
        "autograder.json": "new-1",  # dangling: as if there was nothing yet
        "nbgrader_config.py": "new-2",
    }
    for link, target in links.items():
        (group.course_folder / link).symlink_to(outside / target)
    classroom._lay_out_course(group)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"passwd": "root:x:0:0\n"}
    for link in links:
        path = group.course_folder / link
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_size > 0
    assert not list(group.course_folder.rglob(".*.*.*")), "nothing is left beside them"


@pytest.fixture
def changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `make hub` and the measurement would have changed, as root."""
    done: list[str] = []
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(load, "PREFIX", tmp_path)
    for module in (local, load):
        for name in ("install", "take_down", "set_up"):
            monkeypatch.setattr(module, name, lambda *_, name=name: done.append(name))
    return done


@pytest.mark.parametrize(
    ("main", "arguments"),
    [(local.main, ["--prefix", "PREFIX"]), (local.main, ["--prefix", "PREFIX", "--remove"]), (load.main, [])],
)
def test_a_second_hub_does_not_end_the_class_of_the_first(
    main: Callable[[], int],
    arguments: list[str],
    changes: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["hub", *(a.replace("PREFIX", str(tmp_path)) for a in arguments)])
    with local.alone(tmp_path):
        assert main() == 2
    assert changes == []
    (line,) = capsys.readouterr().err.splitlines()
    assert f"A Hub of {tmp_path} is running" in line


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file", "npm"), "There is no 'npm' on this machine."),
        (subprocess.CalledProcessError(1, ["npm", "ci", "--silent"]), "'npm ci --silent ...' failed."),
    ],
)
@pytest.mark.parametrize("main", [local.main, load.main])
def test_what_cannot_be_installed_is_said_in_one_line(
    main: Callable[[], int],
    error: Exception,
    told: str,
    changes: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> None:
        raise error

    for module in (local, load):
        monkeypatch.setattr(module, "install", fails)
    monkeypatch.setattr(sys, "argv", ["hub", *(["--prefix", str(tmp_path)] if main is local.main else [])])
    assert main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert changes == []


def test_only_root_removes_a_class(
    changes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["hub", "--prefix", str(tmp_path), "--remove"])
    assert local.main() == 2
    assert "need root" in capsys.readouterr().err
    assert changes == []


def test_the_material_heals_after_a_start_that_was_ended(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").touch()
    classroom._commit(tmp_path)
    lock = tmp_path / ".git" / "index.lock"
    lock.touch()
    classroom._commit(tmp_path)
    assert not lock.exists()
    log = ["git", "-c", f"safe.directory={tmp_path}", "log", "--oneline"]
    assert len(subprocess.check_output(log, cwd=tmp_path).splitlines()) == 2


def test_passwords_are_made_once_and_after_a_start_on_a_full_disk(tmp_path: Path) -> None:
    group = classroom.Class(tmp_path, tmp_path / "venv")
    (tmp_path / "passwords.json").touch()
    classroom._make_passwords(group)
    made = (tmp_path / "passwords.json").read_text()
    assert sorted(json.loads(made)) == sorted(group.users)
    assert (tmp_path / "passwords.json").stat().st_mode & 0o777 == 0o600
    classroom._make_passwords(group)
    assert (tmp_path / "passwords.json").read_text() == made


FULL = OSError(errno.ENOSPC, "No space left on device", "/somewhere")


@pytest.mark.parametrize("error", [FULL, shutil.Error([("/from", "/somewhere", str(FULL))])])
def test_make_hub_says_in_one_line_that_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, error: OSError
) -> None:
    said = "[Errno 28] No space left on device: '/somewhere'"

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(local, "install", full)
    monkeypatch.setattr(sys, "argv", ["local.py", "--prefix", str(tmp_path)])
    assert local.main() == 1
    assert capsys.readouterr().err == f"make hub: {said}\n"
