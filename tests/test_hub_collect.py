"""Collecting from an exchange in which somebody has been at work. Needs root, to give files to others."""

from __future__ import annotations

import errno
import json
import logging
import os
import pwd
import shutil
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

if os.getuid() != 0:
    pytest.skip("giving files to other users needs root", allow_module_level=True)

from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course.release import programs_of_this_python
from autograder.course.times import time_of
from autograder.jupyter.collect import CollectOwnWork

pytestmark = pytest.mark.slow  # nbgrader makes a gradebook for each

EXERCISE = "03-dense-networks"
# Two users that every Debian has; nothing is run as them.
HONEST, ROGUE = "daemon", "games"
WHEN = "2026-01-15 12:00:0{second}.000000 UTC"


class Exchange:
    """An exchange and a course directory."""

    def __init__(self, root: Path, by_learner: bool = False) -> None:
        self.inbound = root / "exchange" / "keras" / "inbound"
        self.course = root / "keras"
        self.inbound.mkdir(parents=True)
        self.course.mkdir()
        self._by_learner = by_learner

    def hand_in(self, claims: str, owner: str, text: str, second: int = 1, folder: Path | None = None) -> Path:
        """What nbgrader's submit leaves, with `owner` as the owner of it all."""
        name = f"{claims}+{EXERCISE}+{WHEN.format(second=second)}+random"
        place = (folder or self.inbound) / name
        place.mkdir()
        (place / f"{EXERCISE}.ipynb").write_text(text)
        (place / "timestamp.txt").write_text(WHEN.format(second=second))
        (place / "submission_secret.txt").write_text("secret")
        for path in (place, *place.iterdir()):
            _give(path, owner)
        return place

    def collect(self, update: bool = False) -> dict[str, dict[str, str]]:
        """Collect; return the text of each collected file by student and name."""
        config = Config()
        config.CourseDirectory.root = str(self.course)
        config.CourseDirectory.course_id = "keras"
        config.CourseDirectory.assignment_id = EXERCISE
        config.Exchange.root = str(self.inbound.parent.parent)
        config.CollectOwnWork.inbound_by_learner = self._by_learner
        config.CollectOwnWork.update = update
        os.chmod(self.inbound.parent.parent, 0o777)
        with programs_of_this_python():
            CollectOwnWork(coursedir=CourseDirectory(config=config), config=config).start()
        submitted = self.course / "submitted"
        found: dict[str, dict[str, str]] = {}
        for folder in submitted.glob(f"*/{EXERCISE}"):
            found[folder.parent.name] = {p.name: p.read_text() for p in folder.iterdir()}
        return found


def _give(path: Path, owner: str) -> None:
    entry = pwd.getpwnam(owner)
    os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path)


def test_honest_work_is_collected_whole(exchange: Exchange) -> None:
    exchange.hand_in(HONEST, HONEST, "old", 1)
    exchange.hand_in(HONEST, HONEST, "new", 2)
    files = exchange.collect()[HONEST]
    assert files[f"{EXERCISE}.ipynb"] == "new"
    assert files["submission_secret.txt"] == "secret"
    assert files["timestamp.txt"].startswith("2026-01-15 12:00:02")


def test_work_in_anothers_name_is_not_and_does_not_hide_theirs(exchange: Exchange) -> None:
    exchange.hand_in(HONEST, HONEST, "mine", 1)
    exchange.hand_in(HONEST, ROGUE, "forged", 9)
    collected = exchange.collect()
    assert list(collected) == [HONEST]
    assert collected[HONEST][f"{EXERCISE}.ipynb"] == "mine"


@pytest.mark.parametrize("kind", ["link", "hard link", "folder link", "pipe", "huge"])
def test_what_is_no_plain_file_of_theirs_is_left_out(exchange: Exchange, tmp_path: Path, kind: str) -> None:
    """A link to the solution, collected with the course's rights, would come back as feedback."""
    solution = tmp_path / "solution.ipynb"
    solution.write_text("the solution")
    place = exchange.hand_in(ROGUE, ROGUE, "x")
    notebook = place / f"{EXERCISE}.ipynb"
    notebook.unlink()
    if kind == "link":
        notebook.symlink_to(solution)
        _give(notebook, ROGUE)
    elif kind == "hard link":
        os.link(solution, notebook)
    elif kind == "pipe":
        os.mkfifo(notebook)
        _give(notebook, ROGUE)
    elif kind == "huge":
        with notebook.open("wb") as file:
            file.truncate(100_000_000)
        _give(notebook, ROGUE)
    else:
        real = tmp_path / "elsewhere"
        shutil.move(place, real)
        (real / f"{EXERCISE}.ipynb").write_text("the solution")
        place.symlink_to(real)
        _give(place, ROGUE)
    exchange.hand_in(HONEST, HONEST, "mine")
    collected = exchange.collect()
    assert collected[HONEST][f"{EXERCISE}.ipynb"] == "mine"
    assert f"{EXERCISE}.ipynb" not in collected.get(ROGUE, {})


def test_a_hand_in_of_many_links_to_a_huge_file_does_not_fill_the_disk(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    """A sparse file costs its owner nothing, and links to it even less; each of them would be copied whole."""
    place = exchange.hand_in(ROGUE, ROGUE, "theirs")
    huge = place / "0.ipynb"
    with huge.open("wb") as file:
        file.truncate(10_000_000)
    _give(huge, ROGUE)
    for number in range(1, 60):
        os.link(huge, place / f"{number}.ipynb")
    exchange.hand_in(HONEST, HONEST, "mine")
    log = logging.getLogger("collecting")
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        patch.setattr(CollectOwnWork, "log", log)
        collected = exchange.collect()
    assert collected[HONEST][f"{EXERCISE}.ipynb"] == "mine"
    assert collected[ROGUE][f"{EXERCISE}.ipynb"] == "theirs", "what is the exercise's comes first"
    assert collected[ROGUE]["submission_secret.txt"] == "secret"
    there = (exchange.course / "submitted" / ROGUE / EXERCISE).iterdir()
    assert sum(path.stat().st_size for path in there) < 60_000_000
    (line,) = (one for one in caplog.messages if one.startswith(ROGUE))
    assert "handed in 63 notebooks and text files" in line
    assert line.endswith("only 50 of them are collected.")


@pytest.mark.parametrize("name", [f"{HONEST}+{EXERCISE}+yesterday+x", f"a+{EXERCISE}+", f"+{EXERCISE}+++"])
def test_a_name_that_is_none_stops_nobody_elses(exchange: Exchange, name: str) -> None:
    (exchange.inbound / name).mkdir()
    _give(exchange.inbound / name, ROGUE)
    exchange.hand_in(HONEST, HONEST, "mine")
    assert list(exchange.collect()) == [HONEST]


def test_a_submission_without_nbgraders_notes_gets_them(exchange: Exchange) -> None:
    """nbgrader's release_feedback stops, for everybody, at the first that lacks them."""
    place = exchange.hand_in(HONEST, HONEST, "mine")
    (place / "timestamp.txt").unlink()
    (place / "submission_secret.txt").unlink()
    files = exchange.collect()[HONEST]
    assert files["timestamp.txt"].startswith("2026-01-15 12:00:01")
    assert len(files["submission_secret.txt"]) >= 64


@pytest.mark.parametrize("garbage", ["garbage", "100000000000000000000000000000m", "9" * 60 + "-99-99"])
def test_a_timestamp_without_a_time_is_the_servers(exchange: Exchange, garbage: str) -> None:
    """nbgrader's page of submissions loads for ever, and its next collect ends, at one that it cannot read."""
    place = exchange.hand_in(HONEST, HONEST, "mine")
    (place / "timestamp.txt").write_text(garbage)
    files = exchange.collect()[HONEST]
    said = time_of(files["timestamp.txt"].strip())
    assert said is not None
    assert abs(said.replace(tzinfo=UTC).timestamp() - place.stat().st_ctime) < 1


def test_a_time_that_the_servers_clock_contradicts_is_noted(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.hand_in(HONEST, HONEST, "mine")  # in January, it says
    with caplog.at_level("WARNING"):
        logging.getLogger("traitlets").addHandler(caplog.handler)
        exchange.collect()
        logging.getLogger("traitlets").removeHandler(caplog.handler)
    assert "it says that it was handed in at 2026-01-15 12:00:01" in caplog.text


@pytest.mark.parametrize("when", ["at first", "while it is copied"])
def test_a_folder_that_cannot_be_opened_stops_nobody_and_replaces_nothing(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """One learner's folder with mode 700 ended nbgrader's collect, for everybody after it, each time."""
    closed = exchange.hand_in(HONEST, HONEST, "closed", 3)
    exchange.hand_in(ROGUE, ROGUE, "open")
    really, times = os.open, 0

    def refused(path: Any, flags: int, *more: Any, **options: Any) -> int:  # root itself may open anything
        nonlocal times
        if str(path) == str(closed):
            times += 1
            if when == "at first" or times > 1:
                raise PermissionError(errno.EACCES, "Permission denied")
        return really(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refused)
    logging.getLogger("traitlets").addHandler(caplog.handler)
    collected = exchange.collect()
    logging.getLogger("traitlets").removeHandler(caplog.handler)
    assert list(collected) == [ROGUE]
    assert "cannot be opened (Permission denied)" in caplog.text
    assert not (exchange.course / "submitted" / HONEST / EXERCISE).exists()


def test_a_folder_that_vanishes_stops_nobody(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = exchange.hand_in(HONEST, HONEST, "gone")
    exchange.hand_in(ROGUE, ROGUE, "there")
    chosen = CollectOwnWork.copy_files

    def copy_files(self: CollectOwnWork) -> None:
        shutil.rmtree(gone)
        chosen(self)

    monkeypatch.setattr(CollectOwnWork, "copy_files", copy_files)
    assert list(exchange.collect()) == [ROGUE]


def test_what_is_replaced_is_kept(exchange: Exchange) -> None:
    """A version that was sent from the page lies nowhere else."""
    there = exchange.course / "submitted" / HONEST / EXERCISE
    there.mkdir(parents=True)
    (there / f"{EXERCISE}.ipynb").write_text("from the page")
    (there / "timestamp.txt").write_text("2026-01-14 10:00:00 UTC")
    (there / "submission_secret.txt").write_text("its secret")
    exchange.hand_in(HONEST, HONEST, "by Submit")
    assert exchange.collect(update=True)[HONEST][f"{EXERCISE}.ipynb"] == "by Submit"
    (kept,) = (exchange.course / ".autograder" / EXERCISE / "replaced" / HONEST).glob("*.ipynb")
    assert kept.read_text() == "from the page"
    about = json.loads(kept.with_name(f".{kept.name}.json").read_text())
    assert about == {"timestamp": "2026-01-14 10:00:00 UTC", "secret": "its secret"}
    exchange.collect(update=True)
    assert len(list(kept.parent.glob("*.ipynb"))) == 1, "what stays is not kept again"


def test_plain_nbgrader_follows_the_link(exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why this is needed at all; when it fails, nbgrader was mended."""
    from nbgrader.exchange.default import ExchangeCollect

    solution = tmp_path / "solution.ipynb"
    solution.write_text("the solution")
    notebook = exchange.hand_in(ROGUE, ROGUE, "x") / f"{EXERCISE}.ipynb"
    notebook.unlink()
    notebook.symlink_to(solution)
    monkeypatch.setitem(globals(), "CollectOwnWork", ExchangeCollect)
    assert exchange.collect()[ROGUE][f"{EXERCISE}.ipynb"] == "the solution"


def test_nothing_is_collected_where_nbgrader_copies_in_another_way(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Then what is written over here is never called, and the link would bring the solution in."""
    from nbgrader.exchange.default import ExchangeCollect, ExchangeError

    def copy_files(self: ExchangeCollect) -> None:
        for record in self.src_records:
            submitted = Path(self.coursedir.format_path("submitted", record["username"], EXERCISE))
            shutil.copytree(Path(self.inbound_path) / record["filename"], submitted)

    monkeypatch.setattr(ExchangeCollect, "copy_files", copy_files)
    (tmp_path / "solution.ipynb").write_text("the solution")
    notebook = exchange.hand_in(ROGUE, ROGUE, "x") / f"{EXERCISE}.ipynb"
    notebook.unlink()
    notebook.symlink_to(tmp_path / "solution.ipynb")
    monkeypatch.setattr(CollectOwnWork, "log", logging.getLogger("collecting"))
    with pytest.raises(ExchangeError):
        exchange.collect()
    assert not (exchange.course / "submitted").exists()
    (line,) = caplog.messages
    assert line.startswith("Nothing is collected: this nbgrader may follow a learner's links (")
    assert "copy_files has changed" in line


def test_where_all_are_one_user_the_mounted_folder_says_whose_work_it_is(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path, by_learner=True)
    for learner in ("ada", "bo@example.org"):
        (exchange.inbound / learner).mkdir()
    exchange.hand_in("ada", HONEST, "ada's", folder=exchange.inbound / "ada")
    exchange.hand_in("bo@example.org", HONEST, "bo's", folder=exchange.inbound / "bo@example.org")
    exchange.hand_in("ada", HONEST, "forged by bo", 9, folder=exchange.inbound / "bo@example.org")
    collected: dict[str, Any] = exchange.collect()
    assert {student: files[f"{EXERCISE}.ipynb"] for student, files in collected.items()} == {
        "ada": "ada's",
        "bo@example.org": "bo's",
    }
