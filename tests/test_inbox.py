"""What is handed in while a course runs is stamped, taken in once, and has a receipt."""

from __future__ import annotations

import errno
import io
import json
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT

from autograder.cli import main
from autograder.course.accounts import unix_user
from autograder.course.directory import Course
from autograder.course.inbox import MAX_HAND_INS, MAX_KEPT_BYTES, Inbox, receive
from autograder.course.receipts import Receipts
from autograder.course.settling import SETTLED_FOR_GOOD_SECONDS
from autograder.course.sources import Exchange, NbgraderFolders
from autograder.course.submissions import Unused
from autograder.course.times import written
from autograder.errors import CourseError
from autograder.language import said

NAME = "03-dense-networks"
NOW = 1_790_000_000.0


def worked(text: str, exercise: str = NAME) -> bytes:
    """A notebook of an exercise in which somebody wrote something."""
    notebook = json.loads((ROOT / "exercises" / exercise / f"{exercise}.ipynb").read_text("utf-8"))
    cell = {"cell_type": "code", "id": "own", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
    notebook["cells"].append(cell)
    return json.dumps(notebook).encode()


def made(root: Path, exercise: str = NAME, **settings: object) -> Course:
    """A course with one exercise released, and an exchange."""
    (root / "submitted").mkdir(parents=True)
    released = root / "release" / exercise
    shutil.copytree(ROOT / "exercises" / exercise, released)
    (root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'trial'\n"
        f"c.CourseDirectory.source_directory = {str(ROOT / 'solutions')!r}\n"
        f"c.Exchange.root = {str(root.parent / 'exchange')!r}\n"
    )
    (root / "autograder.json").write_text(json.dumps(settings))
    (root.parent / "exchange" / "trial" / "inbound").mkdir(parents=True)
    return Course(root)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return made(tmp_path / "course")


def submit(course: Course, who: str, content: bytes, when: str = "2020-01-01 00:00:00 UTC") -> Path:
    """What nbgrader's Submit does; the time in the folder's name is the learner's word."""
    folder = course.root.parent / "exchange" / "trial" / "inbound" / f"{who}+{NAME}+{when}+{os.urandom(4).hex()}"
    folder.mkdir()
    (folder / f"{NAME}.ipynb").write_bytes(content)
    (folder / "timestamp.txt").write_text(when)
    (folder / "submission_secret.txt").write_text(f"secret of {who}")
    return folder


# -- taking in --------------------------------------------------------------------------------------------------------


def test_a_file_is_stamped_by_the_servers_clock_and_has_a_receipt(course: Course) -> None:
    content = worked("x = 1")
    received = receive(course, NAME, "ada", "whatever (1).ipynb", content, NOW)
    assert received.receipt is not None
    folder = course.submitted / "ada" / NAME
    assert (folder / f"{NAME}.ipynb").read_bytes() == content
    assert (folder / "timestamp.txt").read_text().strip() == written(NOW) == received.receipt.handed_in
    assert Receipts(course.state, "trial").is_genuine(received.receipt)
    assert (folder / "submission_secret.txt").read_text(), "without one nbgrader would release nobody's feedback"


def test_the_same_file_again_changes_nothing_and_an_earlier_one_again_is_handed_in_anew(course: Course) -> None:
    first, second = worked("x = 1"), worked("x = 2")
    receipts = [
        receive(course, NAME, "ada", "a.ipynb", content, NOW + n)
        for n, content in enumerate((first, first, second, first))
    ]
    assert [one.known for one in receipts] == [False, True, False, False]
    given = [one.receipt for one in receipts if one.receipt is not None]
    assert given[0] == given[1]
    assert len({one.number for one in given}) == 3
    assert given[3].digest == given[0].digest
    assert given[3].handed_in == written(NOW + 3) == course.submission(NAME, "ada").timestamp
    assert Receipts(course.state, "trial").given(NAME, "ada") == [given[0], given[2], given[3]]


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"no notebook", "x.ipynb", "it is damaged or was cut short"),
        (b"text", "essay.docx", "it is not a notebook"),
        (worked("x = 1", "04-softmax"), "x.ipynb", f"not of '{NAME}'"),
        (b"x" * 20_000_001, "x.ipynb", "20 MB is the limit"),
        (b"", f"{NAME}.ipynb", "The file is empty"),
    ],
)
def test_what_is_not_taken_says_why_and_leaves_nothing(course: Course, content: bytes, name: str, why: str) -> None:
    received = receive(course, NAME, "ada", name, content, NOW)
    assert received.receipt is None
    assert why in received.why_not
    assert not list(course.submitted.iterdir())


@pytest.mark.parametrize("student", ["..", ".hidden", "a/b", "", " ada", "x" * 300])
def test_nobody_writes_outside_of_the_course(course: Course, student: str) -> None:
    received = receive(course, NAME, student, "../../../x.ipynb", worked("x = 1"), NOW)
    assert received.receipt is None
    assert not list(course.submitted.iterdir())


def test_nobody_fills_the_courses_disk(course: Course) -> None:
    assert receive(course, NAME, "ada", "a.ipynb", worked("x = 1"), NOW).receipt
    kept = course.state / NAME / "replaced" / "ada"
    kept.mkdir(parents=True)
    with (kept / "earlier.ipynb").open("wb") as file:
        file.truncate(MAX_KEPT_BYTES)
    assert "200 MB" in receive(course, NAME, "ada", "a.ipynb", worked("x = 2"), NOW + 1).why_not
    assert receive(course, NAME, "bo", "a.ipynb", worked("x = 2"), NOW + 1).receipt


def test_nobody_hands_in_for_ever(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files, one after the other: each view of the course's page reads the receipts of all."""
    assert MAX_HAND_INS == 200
    monkeypatch.setattr("autograder.course.inbox.MAX_HAND_INS", 12)
    two = worked("x = 1"), worked("x = 2")
    for n in range(12):
        assert receive(course, NAME, "eve", "a.ipynb", two[n % 2], NOW + n).receipt
    last = course.submission(NAME, "eve")
    assert "12 times" in receive(course, NAME, "eve", "a.ipynb", worked("x = 3"), NOW + 1_000).why_not
    looking = Looking(course)
    submit(course, "eve", worked("x = 4"))
    submit(course, "ada", worked("x = 4"))
    receipts, unused = looking.look()
    assert receipts == ["ada"]
    assert "eve has handed in 12 times" in "".join(unused)
    now = course.submission(NAME, "eve")
    assert (now.raw, now.timestamp) == (last.raw, last.timestamp), "what counts stays"
    assert len(Receipts(course.state, "trial").given(NAME, "eve")) == 12
    assert len(list((course.state / NAME / "replaced" / "eve").glob("[!.]*.ipynb"))) == 11


@pytest.mark.parametrize("fails", ["writing", "putting it in its place"])
def test_where_a_later_notebook_cannot_be_written_the_earlier_one_keeps_its_time(
    course: Course, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """It would be late otherwise, and lose points."""
    first, second = worked("x = 1"), worked("x = 2")
    receive(course, NAME, "ada", "a.ipynb", first, NOW)
    replace = os.replace

    class Full(io.FileIO):
        def write(self, content: object) -> int:
            if content == second:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)  # type: ignore[arg-type]

    def refused(source: str, target: Path) -> None:
        if target.parent == course.submitted / "ada" / NAME and target.suffix == ".ipynb":
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    with monkeypatch.context() as patch:
        if fails == "writing":
            patch.setattr(os, "fdopen", Full)
        else:
            patch.setattr(os, "replace", refused)
        with pytest.raises(CourseError, match="cannot be written to"):
            receive(course, NAME, "ada", "a.ipynb", second, NOW + 5_000)
    there = course.submission(NAME, "ada")
    assert (there.raw, there.timestamp) == (first, written(NOW))
    assert not list(course.submitted.rglob(".writing-*"))
    assert receive(course, NAME, "ada", "a.ipynb", second, NOW + 6_000).receipt
    there = course.submission(NAME, "ada")
    assert (there.raw, there.timestamp) == (second, written(NOW + 6_000))


def test_a_receipt_is_given_for_what_a_power_cut_leaves_there(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """File first, then its name in the folder; and the receipt after both."""
    done: list[tuple[str, object]] = []
    replace, fsync = os.replace, os.fsync

    def synced(descriptor: int) -> None:
        done.append(("synced", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def renamed(source: str, target: Path) -> None:
        done.append(("renamed", target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    receive(course, NAME, "ada", "a.ipynb", worked("x = 1"), NOW)
    folder = course.submitted / "ada" / NAME
    (receipt,) = (course.state / NAME / "receipts").rglob("*.json")
    last = 0
    for path in (folder / f"{NAME}.ipynb", folder / "timestamp.txt", receipt):
        place = done.index(("renamed", path))
        assert ("synced", path.stat().st_ino) in done[:place], path
        assert ("synced", path.parent.stat().st_ino) in done[place:], path
        if path == receipt:
            assert place > last
        last = max(last, place + done[place:].index(("synced", path.parent.stat().st_ino)))


@dataclass
class Looking:
    """Somebody who looks into the exchange, with a clock that can be set."""

    course: Course
    now: float = 0.0

    def __post_init__(self) -> None:
        self.now = time.time() + 10
        inbound = self.course.root.parent / "exchange" / "trial" / "inbound"
        self.inbox = Inbox(inbound, lambda: self.now, exchange=True)

    def look(self) -> tuple[list[str], list[str]]:
        """Twice: what has not changed in between, for long enough, has arrived."""
        receipts, unused = [], []
        for _ in range(2):
            given, told = self.inbox.look(self.course, [NAME])
            receipts += [one.student for one in given]
            unused += told
            self.now += SETTLED_FOR_GOOD_SECONDS
        return receipts, unused


def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that are listed from now on."""
    listed: list[str] = []
    really = os.scandir

    def counted(path: Any) -> Any:
        listed.append(Path(path).name)
        return really(path)

    monkeypatch.setattr(os, "scandir", counted)
    return listed


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder on a file system that knows times beyond the calendar, where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def test_what_is_submitted_to_the_exchange_is_taken_in_once(course: Course) -> None:
    looking = Looking(course)
    assert looking.look() == ([], [])
    submit(course, "ada", worked("x = 1"))
    submit(course, "bo", worked("x = 1"))
    assert looking.look() == (["ada", "bo"], [])
    assert looking.look() == ([], [])
    looking.now += 1_000
    assert looking.look() == ([], [])
    submit(course, "ada", worked("x = 2"))
    assert looking.look() == (["ada"], [])
    assert course.submission(NAME, "ada").raw == worked("x = 2")
    assert (course.submitted / "ada" / NAME / "submission_secret.txt").read_text() == "secret of ada"
    assert Looking(course).look() == ([], []), "nor after a restart"


def test_an_exchange_that_was_restored_with_new_times_brings_nothing_back(course: Course) -> None:
    looking = Looking(course)
    first = submit(course, "ada", worked("x = 1"))
    assert looking.look()[0] == ["ada"]
    submit(course, "ada", worked("x = 2"))
    assert looking.look()[0] == ["ada"]
    shutil.copytree(first, first.with_name("copy"))
    shutil.rmtree(first)
    first.with_name("copy").rename(first)  # now the earlier version has the later time
    assert Looking(course).look() == ([], [])
    assert course.submission(NAME, "ada").raw == worked("x = 2")


def test_what_is_of_an_exercise_that_is_not_released_yet_waits(course: Course) -> None:
    looking = Looking(course)
    submit(course, "ada", worked("x = 1"))
    for _ in range(3):
        assert looking.inbox.look(course, ["04-softmax"]) == ([], [])
    assert looking.look() == (["ada"], [])


def test_what_cannot_be_used_is_said_once_and_stops_nobody(course: Course) -> None:
    looking = Looking(course)
    inbound = looking.inbox.path
    (inbound / "garbage").mkdir()
    (inbound / "garbage" / "x.ipynb").write_text("")
    (inbound / f"eve+{NAME}+2020-01-01 00:00:00 UTC+x").symlink_to(course.root)
    submit(course, "cy", b"broken")
    submit(course, "ada", worked("x = 1"))
    receipts, unused = looking.look()
    assert receipts == ["ada", "cy"], "what is broken is somebody's hand-in, too: grading says what is wrong with it"
    assert len(unused) == 2, unused
    assert looking.look() == ([], [])


def test_the_servers_clock_counts_also_for_a_file_that_is_written_over_later(course: Course) -> None:
    """A folder that was there before the deadline does not show that its file was changed after it."""
    folder = submit(course, "ada", worked("empty"))
    before = folder.stat().st_ctime
    while time.time() < before + 0.05:
        time.sleep(0.01)
    (folder / f"{NAME}.ipynb").write_bytes(worked("much later"))
    assert folder.stat().st_ctime == before
    (one,) = [d for d in Exchange(folder.parent).deliveries(NAME) if not isinstance(d, Unused)]
    assert one.when > before


def test_a_folder_that_is_replaced_by_a_link_while_it_is_read_gives_nothing(course: Course, tmp_path: Path) -> None:
    """Whoever collects may read the solutions; a learner must not have them read."""
    folder = submit(course, "ada", worked("x = 1"))
    secret = tmp_path / "solutions"
    secret.mkdir()
    (secret / f"{NAME}.ipynb").write_bytes(worked("the solution"))
    (one,) = [d for d in Exchange(folder.parent).deliveries(NAME) if not isinstance(d, Unused)]
    folder.rename(folder.with_name("gone"))
    folder.symlink_to(secret)
    with pytest.raises(OSError, match=r"symbolic|directory"):
        one.read()
    folder.unlink()
    secret.rename(folder)
    with pytest.raises(OSError, match="replaced"):
        one.read()


def test_each_learner_has_an_inbound_folder_where_owners_say_nothing(course: Course) -> None:
    looking = Looking(course)
    looking.inbox.by_learner = True
    for who, claims in (("ada", "ada"), ("bo", "ada")):
        (looking.inbox.path / who).mkdir()
        submit(course, claims, worked(who)).rename(
            looking.inbox.path / who / f"{claims}+{NAME}+2020-01-01 00:00:00 UTC+x"
        )
    receipts, unused = looking.look()
    assert receipts == ["ada"]
    assert course.submission(NAME, "ada").raw == worked("ada")
    assert "not of ada" in "".join(unused)


def test_a_copy_that_stalls_for_a_second_is_taken_in_whole(course: Course) -> None:
    """A folder of the exchange is taken in once and never looked at again."""
    looking = Looking(course)
    submit(course, "ada", worked("x = 1"))
    (there,) = looking.inbox.path.iterdir()
    notebook = there / f"{NAME}.ipynb"
    whole = notebook.read_bytes()
    notebook.write_bytes(whole[: len(whole) // 2])
    for _ in range(5):
        assert looking.inbox.look(course, [NAME]) == ([], [])
        looking.now += 0.25
    notebook.write_bytes(whole)
    assert looking.look() == (["ada"], [])
    assert course.submission(NAME, "ada").raw == whole


def test_of_any_number_of_notebooks_in_one_hand_in_ten_are_read(course: Course) -> None:
    """They may be links to one file that costs its owner next to nothing; all that are read are held at once."""
    folder = submit(course, "ada", worked("x = 1"))
    for number in range(40):
        os.link(folder / f"{NAME}.ipynb", folder / f"a-{number}.ipynb")
    found = list(Exchange(folder.parent).deliveries(NAME))
    files = [one.file for one in found if not isinstance(one, Unused)]
    assert len(files) == 10
    assert f"{NAME}.ipynb" in files
    assert [said(one.why) for one in found if isinstance(one, Unused)] == [
        "it holds 41 notebooks; 10 of them are looked at"
    ]


def test_a_huge_hand_in_stalls_nobodys_look(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look would go through all of it, and the page waits for the look."""
    looking = Looking(course)
    huge = submit(course, "eve", worked("x = 1"))
    for n in range(3):
        (huge / f"folder-{n}").mkdir()
        for m in range(1_000):
            (huge / f"folder-{n}" / f"file-{m}").touch()
    submit(course, "ada", worked("x = 1"))
    seen, really = 0, os.lstat

    def counted(path: str) -> os.stat_result:
        nonlocal seen
        seen += str(huge) in str(path)
        return really(path)

    monkeypatch.setattr(os, "lstat", counted)
    looking.inbox.look(course, [NAME])
    assert 0 < seen <= 1_001
    monkeypatch.undo()
    assert "ada" in looking.look()[0]


def test_what_cannot_be_looked_at_for_a_moment_is_taken_in_at_a_later_look(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submit(course, "ada", worked("x = 1"))
    submit(course, "bo", worked("x = 2"))
    really = os.lstat

    def failing(path: Any) -> os.stat_result:
        if Path(path) == folder:
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return really(path)

    looking = Looking(course)
    monkeypatch.setattr(os, "lstat", failing)
    receipts, unused = looking.look()
    assert receipts == ["bo"]
    assert "Stale file handle" in "".join(unused)
    monkeypatch.undo()
    assert looking.look()[0] == ["ada"]


@pytest.mark.skipif(os.getuid() != 0, reason="giving files to others needs root")
def test_one_learners_any_number_of_folders_delays_nobody_else(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look would go through all of them; those with a name that says no exercise, at every look for ever."""
    looking = Looking(course)
    eve, ada = (pwd.getpwnam(name) for name in ("games", "daemon"))
    for n in range(30):
        for folder in (submit(course, eve.pw_name, worked(f"x = {n}")), looking.inbox.path / f"no-name-{n}"):
            folder.mkdir(exist_ok=True)
            for m in range(20):
                (folder / f"file-{m}").touch()
            for path in (folder, *folder.iterdir()):
                os.chown(path, eve.pw_uid, eve.pw_gid)
    theirs = submit(course, ada.pw_name, worked("x = 1"))
    for path in (theirs, *theirs.iterdir()):
        os.chown(path, ada.pw_uid, ada.pw_gid)
    listed = listings(monkeypatch)
    looking.inbox.look(course, [NAME])
    assert not [name for name in listed if name.startswith("no-name")]
    assert len({name for name in listed if name.startswith("games+")}) == 10
    monkeypatch.undo()
    receipts, unused = looking.look()
    assert "daemon" in receipts
    assert sum("no-name" in line for line in unused) == 30, "each is said once"
    assert not any("no-name" in line for line in looking.look()[1])
    for _ in range(3):
        looking.look()
    (known,) = (course.state).glob("taken-in.jsonl")
    assert len(known.read_text().splitlines()) == 31, "all of them have their turn"
    assert course.submission(NAME, "games").raw in {worked(f"x = {n}") for n in range(20, 30)}, "the latest are first"


def test_what_was_taken_in_is_not_listed_again_for_the_next_hand_in(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Looking(course)
    old = submit(course, "ada", worked("x = 1"))
    assert looking.look()[0] == ["ada"]
    submit(course, "bo", worked("x = 1"))
    listed = listings(monkeypatch)
    assert looking.look()[0] == ["bo"]
    assert old.name not in listed
    assert listed.count(old.parent.name) == 2, "once at each look, however many exercises there are"


def test_of_any_number_of_files_in_one_hand_in_two_hundred_are_looked_at(course: Course) -> None:
    folder = submit(course, "ada", worked("x = 1"))
    (folder / "in").mkdir()
    for number in range(300):
        (folder / f"{number}.dat").touch()
        (folder / "in" / f"{number}.dat").touch()
    found = list(Exchange(folder.parent).deliveries(NAME))
    assert len(found) <= 202
    assert f"{NAME}.ipynb" in [one.file for one in found if not isinstance(one, Unused)]
    assert "only 200 of the files in it are looked at" in [said(one.why) for one in found if isinstance(one, Unused)]


@pytest.mark.parametrize("name", [f"{NAME}.ipynb", "another-look.txt"])
def test_what_counts_is_found_among_any_number_of_files(
    course: Course, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("autograder.course.sources.MAX_LISTED", 5)
    folder = submit(course, "ada", worked("x = 1"))
    for number in range(300):
        (folder / f"{number}.dat").touch()
    (folder / name).write_text("please")
    found = [one.file for one in Exchange(folder.parent).deliveries(NAME) if not isinstance(one, Unused)]
    assert found.count(name) == 1


def test_who_is_put_on_the_list_later_has_handed_in(course: Course) -> None:
    """On The Littlest JupyterHub a long name's Unix user says nothing to a course that does not know the name."""
    long = "maximilian.mustermann"

    def on_the_list(*learners: str) -> None:
        course.state.mkdir(exist_ok=True)
        (course.state / "accounts.json").write_text(json.dumps({"student": "{name}", "learners": learners}))
        looking.course = Course(course.root)

    looking = Looking(course)
    on_the_list("ada")
    submit(course, unix_user(long), worked("x = 1"))
    receipts, unused = looking.look()
    assert receipts == []
    assert "who is not on the class's list" in "".join(unused)
    assert looking.look() == ([], []), "that is said once"
    on_the_list("ada", long)
    assert looking.look()[0] == [long]
    assert looking.look() == ([], [])


def test_what_is_not_used_is_said_in_a_course_with_many_exercises_as_well(course: Course) -> None:
    """A folder of the exchange is looked at for its exercise, a file of any name for all of them."""
    looking = Looking(course)
    folder = submit(course, "ada", worked("x = 1"))
    (folder / f"{NAME}.ipynb").unlink()
    (folder / f"{NAME}.ipynb").symlink_to("/etc/passwd")
    (folder.parent / "essay.docx").write_text("an essay")
    lines = []
    for _ in range(3):
        lines += looking.inbox.look(course, ["01-image-classification", NAME, "04-softmax"])[1]
        looking.now += SETTLED_FOR_GOOD_SECONDS
    assert ["essay.docx" in line for line in sorted(lines)] == [False, True]
    assert "is a symbolic link" in "".join(lines)


ALL = ["01-image-classification", NAME, "04-softmax"]


@pytest.fixture
def folder(course: Course) -> Path:
    folder = course.root.parent / "folder"
    folder.mkdir()
    return folder


def looked(course: Course, folder: Path, exercises: list[str], inbox: Inbox | None = None) -> tuple[list[str], str]:
    """Whose receipts somebody gets who looks into a folder until all has arrived, and what is not used."""
    now = [time.time()]
    inbox = inbox or Inbox.at(folder, course, lambda: now[0])
    inbox.clock = lambda: now[0]
    receipts, lines = [], []
    for _ in range(3):
        now[0] += SETTLED_FOR_GOOD_SECONDS
        given, unused = inbox.look(course, exercises)
        receipts += [f"{one.student} {one.exercise}" for one in given]
        lines += unused
    return receipts, "\n".join(lines)


def untagged(text: str) -> bytes:
    """A notebook that nothing in it makes one of an exercise's."""
    cell = {"cell_type": "code", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def test_what_does_not_say_of_which_exercise_it_is_is_not_every_exercises(course: Course, folder: Path) -> None:
    """It took the place of good work, and was graded with nothing everywhere."""
    (folder / "ada.ipynb").write_bytes(worked("x = 1"))
    assert looked(course, folder, ALL)[0] == [f"ada {NAME}"]
    (folder / "ada.ipynb").unlink()
    later = time.time() + 100
    for name, content in {
        "ada.ipynb": b"",
        "bo.ipynb": untagged("x = 1"),
        f"cy_{NAME}.ipynb": untagged("x = 1"),
    }.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (later, later))
    receipts, unused = looked(course, folder, ALL)
    assert receipts == [f"cy {NAME}"]
    assert course.submission(NAME, "ada").raw == worked("x = 1")
    assert sorted(one.name for one in course.submitted.iterdir()) == ["ada", "cy"]
    assert unused.count("nothing in it or in its name says which exercise it is of") == 2
    assert looked(course, folder, [NAME])[0] == [f"ada {NAME}", f"bo {NAME}"], "where one is collected, it is of that"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"ada/a.ipynb": worked("x = 1"), "ada/b.ipynb": worked("x = 2")}, "nothing says which of a.ipynb, b.ipynb"),
        ({f"{NAME}.ipynb": worked("x = 1")}, "its name does not say whose it is"),
        ({"ada.ipynb": worked("x = 1", "05-overfitting")}, "it is a notebook of another exercise"),
        ({"ada.docx": b"text"}, "it is not a notebook"),
    ],
)
@pytest.mark.parametrize("exercises", [[NAME], ALL])
def test_why_a_file_is_not_used_is_said_however_many_exercises_there_are(
    course: Course, folder: Path, files: dict[str, bytes], why: str, exercises: list[str]
) -> None:
    (folder / "zoe").mkdir()
    (folder / "zoe" / "z.ipynb").write_bytes(worked("x = 1"))  # so that folders say whose it is
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        os.utime(folder / name, (NOW, NOW))
    receipts, unused = looked(course, folder, exercises)
    assert receipts == [f"zoe {NAME}"]
    assert why in unused
    assert len(unused.splitlines()) == len(files)


def test_what_waits_for_its_exercise_is_taken_in_when_it_is_there(course: Course, folder: Path) -> None:
    (folder / "ada.ipynb").write_bytes(worked("x = 1"))
    inbox = Inbox.at(folder, course, time.time)
    assert looked(course, folder, ["04-softmax"], inbox)[0] == []
    assert looked(course, folder, ["04-softmax", NAME], inbox)[0] == [f"ada {NAME}"]
    assert looked(course, folder, ["04-softmax", NAME], inbox)[0] == []


def test_a_request_goes_to_the_exercises_of_the_notebooks_beside_it(course: Course, folder: Path) -> None:
    for exercise in ALL:
        (course.submitted / "ada" / exercise).mkdir(parents=True)
    (folder / "ada").mkdir()
    (folder / "ada" / "a.ipynb").write_bytes(worked("x = 1"))
    (folder / "ada" / "another-look.txt").write_text("please")
    (folder / "bo").mkdir()
    (folder / "bo" / "b.ipynb").write_bytes(worked("x = 2"))
    looked(course, folder, ALL)
    assert [one.parent.name for one in course.submitted.glob("ada/*/another-look.txt")] == [NAME]


def test_who_had_no_room_is_taken_in_when_there_is_some_after_a_restart(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.course.inbox.MAX_HAND_INS", 1)
    assert receive(course, NAME, "ada", "a.ipynb", worked("x = 1"), NOW).receipt
    looking = Looking(course)
    submit(course, "ada", worked("x = 2"))
    assert looking.look()[0] == []
    monkeypatch.setattr("autograder.course.inbox.MAX_HAND_INS", 2)
    assert looking.look() == ([], []), "nobody waits while it is looked at again and again"
    assert Looking(course).look()[0] == ["ada"]
    assert Looking(course).look() == ([], [])


FORGED = (f"bo/{NAME}.ipynb", f"submitted/bo/{NAME}/{NAME}.ipynb", f"{NAME}-bo.ipynb")


@pytest.mark.parametrize("place", FORGED)
@pytest.mark.parametrize("known_by", ["the course's settings", "who may write there"])
def test_who_writes_first_into_an_exchange_does_not_decide_what_it_is(
    course: Course, tmp_path: Path, place: str, known_by: str
) -> None:
    """`watch --from` and `collect` took it for a folder of files, whose names and times anybody can make."""
    inbound = course.inbound
    if known_by == "who may write there":
        inbound = tmp_path / "elsewhere" / "inbound"
        inbound.mkdir(parents=True)
        inbound.chmod(0o2733)  # as nbgrader makes it
    forged = inbound / place
    forged.parent.mkdir(parents=True, exist_ok=True)
    forged.write_bytes(worked("by ada"))
    os.utime(forged, (4_000_000_000,) * 2)
    looking = Looking(course)
    looking.inbox = Inbox.at(inbound, course, lambda: looking.now)
    assert looking.look()[0] == []
    assert main(["collect", str(inbound), NAME, "--course", str(course.root)]) == 1, "there is nothing to collect"
    assert not list(course.submitted.iterdir())
    submit(course, "bo", worked("by bo")).rename(inbound / f"bo+{NAME}+2020-01-01 00:00:00 UTC+x")
    assert looking.look()[0] == ["bo"], "an honest one is taken in beside it"
    assert course.submission(NAME, "bo").raw == worked("by bo")


def test_a_folder_of_ones_own_and_a_shared_drive_need_no_option(course: Course, tmp_path: Path) -> None:
    """Where Windows' drives are mounted, every folder may be read and written by everybody."""
    for mode in (0o755, 0o700, 0o777, 0o770):
        folder = tmp_path / f"files-{mode:o}"
        folder.mkdir()
        (folder / "bo.ipynb").write_bytes(worked(f"x = {mode}"))
        folder.chmod(mode)
        looking = Looking(course)
        looking.inbox = Inbox.at(folder, course, lambda at=looking: at.now)
        assert looking.look()[0] == ["bo"]
        assert main(["collect", str(folder), NAME, "--course", str(course.root)]) == 0
        shutil.rmtree(course.submitted / "bo")


def test_a_file_saved_beyond_the_calendar_stops_nobody(course: Course, in_memory: Path) -> None:
    """Whoever may write into a folder of files may set their times; a disk's file system may know no such times."""
    for who in ("bo", "eve"):
        (in_memory / f"{who}.ipynb").write_bytes(worked(f"{who} = 1"))
    os.utime(in_memory / "eve.ipynb", (300_000_000_000,) * 2)
    if (in_memory / "eve.ipynb").stat().st_mtime < 300_000_000_000:
        pytest.skip("this file system has no such times")
    looking = Looking(course)
    looking.inbox = Inbox.at(in_memory, course, lambda: looking.now)
    receipts, unused = looking.look()
    assert receipts == ["bo"]
    assert "the time it was saved is not a valid date" in "".join(unused)


def test_folders_of_nbgraders_with_a_time_beyond_the_calendar_stop_nobody(course: Course, in_memory: Path) -> None:
    for who in ("bo", "eve"):
        (in_memory / who / NAME).mkdir(parents=True)
        (in_memory / who / NAME / f"{NAME}.ipynb").write_bytes(worked(f"{who} = 1"))
    late = in_memory / "eve" / NAME / f"{NAME}.ipynb"
    os.utime(late, (300_000_000_000,) * 2)
    if late.stat().st_mtime < 300_000_000_000:
        pytest.skip("this file system has no such times")
    found = list(NbgraderFolders(in_memory).deliveries(NAME))
    assert [one.name for one in found if not isinstance(one, Unused)] == ["bo"]
    assert [said(one.why) for one in found if isinstance(one, Unused)] == ["the time it was saved is not a valid date"]


def test_in_the_exchange_nobody_asks_when_a_learner_says_that_a_file_was_saved(course: Course, in_memory: Path) -> None:
    file = submit(course, "ada", worked("x = 1")) / f"{NAME}.ipynb"
    file = Path(shutil.move(file.parent, in_memory)) / file.name
    os.utime(file, (300_000_000_000,) * 2)
    found = [one.file for one in Exchange(in_memory).deliveries(NAME) if not isinstance(one, Unused)]
    assert found == [file.name]


def test_collect_knows_a_folder_of_each_learners_own(course: Course) -> None:
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text() + "c.CollectOwnWork.inbound_by_learner = True\n")
    again = Course(course.root)
    for who, claims in (("ada", "ada"), ("bo", "ada")):
        (again.inbound / who).mkdir()
        submit(course, claims, worked(who)).rename(again.inbound / who / f"{claims}+{NAME}+2020-01-01 00:00:00 UTC+x")
    (again.inbound / "bo" / f"{NAME}.ipynb").write_bytes(worked("forged"))
    assert main(["collect", str(again.inbound), NAME, "--course", str(course.root)]) == 0
    assert [one.name for one in course.submitted.iterdir()] == ["ada"]
    assert course.submission(NAME, "ada").raw == worked("ada")


def test_a_learners_name_may_hold_a_plus_sign(course: Course) -> None:
    looking = Looking(course)
    submit(course, "ada+x", worked("x = 1"))
    assert looking.look() == (["ada+x"], [])
