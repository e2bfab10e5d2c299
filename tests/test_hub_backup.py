"""Back-up and restore, tried: while somebody writes, after a loss, and of what is damaged."""

from __future__ import annotations

import importlib.util
import io
import os
import socket
import sqlite3
import stat
import tarfile
import threading
from contextlib import closing
from pathlib import Path
from types import ModuleType

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
    monkeypatch.chdir(inbound / "ada+x")  # a socket's path is short
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("s")
        assert backup.main(["save", str(course), str(exchange), str(tmp_path / "safe.tar.gz")]) == 0
    said = capsys.readouterr().err.splitlines()
    named = ["elsewhere", "up", "for-ever", "passwords", "s"]
    assert [Path(line.split(" is ")[0]).name for line in said] == named
    backup.restore(tmp_path / "safe.tar.gz", tmp_path / "back")
    back = tmp_path / "back"
    assert {path.name for path in (back / "course").iterdir()} == {
        *("source", "submitted", "feedback", ".autograder", "gradebook.db", "comments.json", "report", "again")
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
