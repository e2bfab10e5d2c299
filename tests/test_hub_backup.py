"""Back-up and restore, tried: while somebody writes, after a loss, and of what is damaged."""

from __future__ import annotations

import errno
import importlib.util
import io
import os
import pwd
import socket
import sqlite3
import stat
import tarfile
import threading
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kit import ROOT, kill_a_writer


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("backup", ROOT / "deploy" / "hub" / "backup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


backup = _tool()


@pytest.fixture
def class_of_one(tmp_path: Path) -> tuple[Path, Path]:
    """A course and an exchange, with something in each."""
    course, exchange = tmp_path / "keras", tmp_path / "exchange"
    for path in ("source/x/x.ipynb", "submitted/ada/x/x.ipynb", "feedback/ada/x/x.html", ".autograder/x/done/ada.json"):
        (course / path).parent.mkdir(parents=True)
        (course / path).write_text(path)
    inbound = exchange / "keras" / "inbound" / "ada+x"
    inbound.mkdir(parents=True)
    (inbound / "x.ipynb").write_text("handed in, not collected")
    inbound.parent.chmod(0o1733)
    with closing(sqlite3.connect(course / "gradebook.db")) as gradebook:
        gradebook.execute("create table grade (student text, points real)")
        gradebook.execute("insert into grade values ('ada', 25)")
        gradebook.commit()
    return course, exchange


@pytest.fixture(params=[True, False], ids=["with filters", "without filters"])
def filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's filters for archives, and a Python that has none of them yet, as Debian's 3.11.2."""
    if not request.param:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    elif not hasattr(tarfile, "data_filter"):
        pytest.xfail("this Python has no filters for archives")


def test_a_gradebook_whose_writer_was_killed_is_saved(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    course, exchange = class_of_one
    kill_a_writer(course / "gradebook.db", "update grade set points = 0")
    backup.save(course, exchange, tmp_path / "safe.tar.gz")
    backup.restore(tmp_path / "safe.tar.gz", tmp_path / "back")
    with closing(sqlite3.connect(tmp_path / "back" / "course" / "gradebook.db")) as gradebook:
        assert gradebook.execute("select * from grade").fetchall() == [("ada", 25)]


def test_all_of_the_course_is_saved_but_what_restore_would_refuse(
    class_of_one: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of the teacher's own, as well. And no learner can keep the others' work from being saved or restored."""
    course, exchange = class_of_one
    (course / "comments.json").write_text("{}")
    (course / "report").mkdir()
    (course / "report" / "x.csv").write_text("ada,25")
    (course / "again").symlink_to("report")
    (course / "elsewhere").symlink_to(tmp_path)
    (course / "up").symlink_to("../exchange")
    (course / "gradebook.db-journal").touch()
    inbound = exchange / "keras" / "inbound"
    (inbound / "ada+x" / "passwords").symlink_to("/etc/passwd")
    os.mkfifo(inbound / "ada+x" / "for-ever")
    (inbound / "ada+x" / "1").symlink_to("..")  # together they lead out, and neither does by what it says
    (inbound / "ada+x" / "2").symlink_to("1/../../..")
    (inbound / "ada+x" / "loop").symlink_to(inbound / "ada+x" / "loop")
    (course / "1").symlink_to("report")
    (course / "2").symlink_to("1/../../exchange")
    (course / "loop").symlink_to("loop")
    (inbound / "bo+x" / "/".join("d" * 150)).mkdir(parents=True)
    monkeypatch.chdir(inbound / "ada+x")  # a socket's path is short
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("s")
        assert backup.main(["save", str(course), str(exchange), str(tmp_path / "safe.tar.gz")]) == 0
    said = capsys.readouterr().err.splitlines()
    named = ["2", "elsewhere", "loop", "up", "1", "2", "for-ever", "loop", "passwords", "s"]
    assert [Path(line.split(" is ")[0]).name for line in said[:-1]] == named
    assert said[-1] == "exchange: a folder lies too deep, so it is not in the back-up."
    backup.restore(tmp_path / "safe.tar.gz", tmp_path / "back")
    back = tmp_path / "back"
    assert {path.name for path in (back / "course").iterdir()} == {
        *("source", "submitted", "feedback", ".autograder", "gradebook.db", "comments.json", "report", "again", "1")
    }
    assert (back / "course" / "again" / "x.csv").read_text() == "ada,25"
    assert [path.name for path in (back / "exchange" / "inbound" / "ada+x").iterdir()] == ["x.ipynb"]


@pytest.mark.skipif(os.getuid() == 0, reason="an ordinary user's: root may read all")
def test_what_a_learner_shuts_is_left_out_alone(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    course, exchange = class_of_one
    shut = exchange / "keras" / "inbound" / "bo+x"
    shut.mkdir()
    shut.chmod(0)
    (exchange / "keras" / "inbound").chmod(0o1777)
    (line,) = backup.save(course, exchange, tmp_path / "safe.tar.gz")
    assert line.startswith(f"{shut} cannot be read")
    (course / "feedback").chmod(0)
    with pytest.raises(PermissionError):
        backup.save(course, exchange, tmp_path / "another.tar.gz")
    for path in (shut, course / "feedback"):
        path.chmod(0o700)


def test_a_file_that_becomes_shorter_harms_no_other(
    class_of_one: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner may shorten it while it is read."""
    course, exchange = class_of_one
    shrinks = exchange / "keras" / "inbound" / "ada+x" / "a"
    shrinks.write_bytes(b"1" * 40_000)
    look = tarfile.TarFile.gettarinfo

    def and_shorten(*arguments: Any, **others: Any) -> tarfile.TarInfo:
        member = look(*arguments, **others)
        if others.get("fileobj") is not None and others["arcname"].endswith("/a"):
            os.truncate(shrinks, 10)
        return member

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", and_shorten)
    (line,) = backup.save(course, exchange, tmp_path / "safe.tar.gz")
    assert line.startswith(f"{shrinks} became shorter")
    backup.restore(tmp_path / "safe.tar.gz", tmp_path / "back")
    handed_in = tmp_path / "back" / "exchange" / "inbound" / "ada+x"
    assert (handed_in / "a").read_bytes() == b"1" * 10 + bytes(39_990)
    assert (handed_in / "x.ipynb").read_text() == "handed in, not collected"


def test_a_full_disk_replaces_no_good_backup(
    class_of_one: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also not if it is full only while something of a learner's is written."""
    course, exchange = class_of_one
    target = tmp_path / "safe.tar.gz"
    target.write_text("yesterday's")
    add = tarfile.TarFile.addfile

    def full(archive: tarfile.TarFile, member: tarfile.TarInfo, file: Any = None) -> None:
        if member.name.endswith("inbound/ada+x/x.ipynb"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(archive, member, file)

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    assert backup.main(["save", str(course), str(exchange), str(target)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Nothing was saved. [Errno 28] No space left on device"
    assert target.read_text() == "yesterday's"
    assert [path.name for path in tmp_path.glob(".backup-*")] == []


def test_a_hard_link_to_what_is_left_out_is_a_file(
    class_of_one: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course, exchange = class_of_one
    shut = exchange / "keras" / "inbound" / "ada+x" / "a"
    shut.write_text("one file of two names")
    os.link(shut, shut.with_name("b"))
    really = os.open

    def closed(path: Any, *others: Any, **named: Any) -> int:
        if path == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(shut))
        return really(path, *others, **named)

    monkeypatch.setattr(os, "open", closed)
    (line,) = backup.save(course, exchange, tmp_path / "safe.tar.gz")
    assert line == f"{shut} cannot be read, so it is not in the back-up: Permission denied."
    backup.restore(tmp_path / "safe.tar.gz", tmp_path / "back")
    assert (tmp_path / "back/exchange/inbound/ada+x/b").read_text() == "one file of two names"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: it gives files away")
def test_on_another_machine_everything_belongs_to_the_same_names(
    class_of_one: tuple[Path, Path], tmp_path: Path
) -> None:
    """Where the accounts have other numbers."""
    course, exchange = class_of_one
    backup.save(course, exchange, tmp_path / "safe.tar.gz")
    elsewhere = tmp_path / "elsewhere.tar.gz"
    with tarfile.open(tmp_path / "safe.tar.gz") as saved, tarfile.open(elsewhere, "w:gz") as made:
        for member in saved.getmembers():
            assert member.uname == "root", member.name
            member.uname, member.uid = ("gone" if "feedback" in member.name else "nobody"), 12_345
            made.addfile(member, saved.extractfile(member) if member.isreg() else None)
    (line,) = backup.restore(elsewhere, tmp_path / "back")
    assert line.startswith("There is no account 'gone' here")
    nobody = pwd.getpwnam("nobody").pw_uid
    for path in (tmp_path / "back").rglob("*"):
        assert path.lstat().st_uid == (12_345 if "feedback" in path.parts else nobody), path


def test_what_cannot_be_restored_leaves_nothing_and_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.tar.gz").write_bytes(b"no archive")
    for file, target in (("no.tar.gz", "back"), ("gone.tar.gz", "back"), ("no.tar.gz", "no.tar.gz")):
        assert backup.main(["restore", str(tmp_path / file), str(tmp_path / target)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("Nothing was restored. ")
    assert [path.name for path in tmp_path.iterdir()] == ["no.tar.gz"]


def test_what_a_killed_run_left_goes_with_the_next(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    course, exchange = class_of_one
    for name, age in (("old", 2 * 86_400), ("new", 10)):
        (tmp_path / f".backup-{name}").mkdir()
        os.utime(tmp_path / f".backup-{name}", (time.time() - age,) * 2)
    backup.save(course, exchange, tmp_path / "safe.tar.gz")
    assert [path.name for path in tmp_path.glob(".backup-*")] == [".backup-new"]


@pytest.mark.usefixtures("filters")
def test_what_was_lost_comes_back(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    import shutil

    course, exchange = class_of_one
    backup.save(course, exchange, tmp_path / "safe" / "monday.tar.gz")
    before = {p.relative_to(course): p.read_bytes() for p in course.rglob("*") if p.is_file()}
    shutil.rmtree(course)
    shutil.rmtree(exchange)
    backup.restore(tmp_path / "safe" / "monday.tar.gz", tmp_path / "back")
    after = {p.relative_to(tmp_path / "back/course"): p for p in (tmp_path / "back/course").rglob("*") if p.is_file()}
    assert set(after) == set(before)
    gradebook = Path("gradebook.db")
    assert all(after[name].read_bytes() == before[name] for name in before if name != gradebook)
    with closing(sqlite3.connect(after[gradebook])) as database:
        assert database.execute("select * from grade").fetchall() == [("ada", 25.0)]
    inbound = tmp_path / "back/exchange/inbound"
    assert (inbound / "ada+x/x.ipynb").read_text() == "handed in, not collected"
    assert stat.S_IMODE(inbound.stat().st_mode) & 0o044 == 0, "learners could list what was handed in"


def test_owners_and_modes_come_back(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    """What learners may not read they may not read afterwards; what they hand in to they may hand in to."""
    course, exchange = class_of_one
    course.chmod(0o700)
    (course / "gradebook.db").chmod(0o600)
    inbound = exchange / course.name / "inbound"
    inbound.chmod(0o1733)
    account = 12_345 if os.getuid() == 0 else os.getuid()
    for path in (course, course / "gradebook.db", inbound):
        os.chown(path, account, -1)
    backup.save(course, exchange, tmp_path / "safe.tar.gz")
    backup.restore(tmp_path / "safe.tar.gz", tmp_path / "back")
    found = {
        name: (stat.S_IMODE((tmp_path / "back" / name).stat().st_mode), (tmp_path / "back" / name).stat().st_uid)
        for name in ("course", "course/gradebook.db", "exchange/inbound")
    }
    assert found == {
        "course": (0o700, account),
        "course/gradebook.db": (0o600, account),
        "exchange/inbound": (0o1733, account),
    }


def _file(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = 4
    return member


def _link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


@pytest.mark.usefixtures("filters")
@pytest.mark.parametrize(
    "members",
    [
        [_file("../out")],
        [_link("course", ".."), _file("course/out")],
        [_link("course", "/"), _file("course/tmp/out")],
        [_link("hard", "../before", tarfile.LNKTYPE)],
    ],
    ids=["a name", "a link to the folder above", "an absolute link", "a hard link"],
)
def test_nothing_in_a_backup_reaches_outside(members: list[tarfile.TarInfo], tmp_path: Path) -> None:
    (tmp_path / "before").write_text("kept")
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises((tarfile.TarError, OSError)):
        backup.restore(tmp_path / "evil.tar.gz", tmp_path / "back")
    assert not list(tmp_path.rglob("out"))
    assert (tmp_path / "before").stat().st_nlink == 1


def test_is_whole_while_somebody_writes(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    """Two rows of one transaction are in the copy both or neither, again and again."""
    course, exchange = class_of_one
    with closing(sqlite3.connect(course / "gradebook.db")) as gradebook:
        gradebook.execute("delete from grade")
        gradebook.commit()
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(course / "gradebook.db", timeout=60)) as gradebook:
            while not stop.is_set():
                gradebook.execute("insert into grade values ('ada', 1)")
                gradebook.execute("insert into grade values ('bo', 1)")
                gradebook.commit()
                stop.wait(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    try:
        for number in range(5):
            backup.save(course, exchange, tmp_path / f"{number}.tar.gz")
            backup.restore(tmp_path / f"{number}.tar.gz", tmp_path / str(number))
            with closing(sqlite3.connect(tmp_path / str(number) / "course" / "gradebook.db")) as copy:
                counts.append(
                    [
                        copy.execute("select count(*) from grade where student = ?", (s,)).fetchone()[0]
                        for s in ("ada", "bo")
                    ]
                )
    finally:
        stop.set()
        writer.join()
    assert all(ada == bo for ada, bo in counts), counts
    assert counts[-1][0] > 0


def test_a_damaged_gradebook_does_not_replace_a_good_backup(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    course, exchange = class_of_one
    target = tmp_path / "safe.tar.gz"
    backup.save(course, exchange, target)
    good = target.read_bytes()
    (course / "gradebook.db").write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        backup.save(course, exchange, target)
    assert target.read_bytes() == good
    assert [p.name for p in tmp_path.glob(".backup-*")] == []


def test_restoring_overwrites_nothing(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    course, exchange = class_of_one
    backup.save(course, exchange, tmp_path / "safe.tar.gz")
    with pytest.raises(FileExistsError):
        backup.restore(tmp_path / "safe.tar.gz", course)


def test_others_cannot_read_it(class_of_one: tuple[Path, Path], tmp_path: Path) -> None:
    backup.save(*class_of_one, tmp_path / "safe.tar.gz")
    assert stat.S_IMODE((tmp_path / "safe.tar.gz").stat().st_mode) == 0o600
