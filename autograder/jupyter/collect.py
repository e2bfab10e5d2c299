"""Collecting through nbgrader's exchange without doing a learner's bidding.

The exchange is a folder that every learner may write to. nbgrader's own collect follows what it finds there: a
learner who puts a symbolic link to the solutions, or to a neighbour's file, into a folder of the right name has it
copied with the course account's rights, graded, and sent back as feedback; a folder that claims to be another
learner's is taken with no more than a warning. This one takes plain files that the learner owns, and nothing else.

In ``nbgrader_config.py``: ``c.ExchangeFactory.collect = "autograder.jupyter.collect.CollectOwnWork"``.
"""

from __future__ import annotations

import os
import pwd
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect
from nbgrader.utils import temp_attrs
from traitlets import Bool, Integer

from autograder.compat.assumptions import COLLECTED_SAFELY, FORGED_SUBMISSIONS, fallen
from autograder.course import accounts
from autograder.course.directory import STATE
from autograder.course.kept import REPLACED, keep_current
from autograder.course.times import time_of, written
from autograder.errors import CourseError
from autograder.language import say

TIMES_AGREE = 600.0  # seconds between what a learner's folder says and what the server's clock says
KEPT = (".ipynb", ".txt")  # what an exercise is made of: notebooks, nbgrader's timestamp and secret

_FORGED = "*forged by "  # no Unix user can be called that


class CollectOwnWork(ExchangeCollect):  # type: ignore[misc]
    """nbgrader's collect, of plain files that belong to the learner whose work they claim to be."""

    src_records: list[dict[str, Any]]
    _accounts: accounts.Accounts | None = None  # which student each Unix user is
    max_bytes = Integer(60_000_000, help="Bytes of one hand-in; what does not fit is left out.").tag(config=True)
    max_files = Integer(50, help="Files of one hand-in; any more are left out.").tag(config=True)

    inbound_by_learner = Bool(
        False,
        help="""On Kubernetes every learner is the same Unix user. There each learner's pod mounts a folder of its own
        as the inbound folder, so the name of that folder says whose work it is: inbound/LEARNER/SUBMISSION.""",
    ).tag(config=True)

    def start(self) -> None:
        if gone := fallen(COLLECTED_SAFELY):  # then nbgrader may copy without asking the methods below
            self.fail(say("Nothing is collected: this nbgrader may follow a learner's links ({gone}).", gone=gone))
        super().start()

    def init_src(self) -> None:
        if self.inbound_by_learner and (gone := fallen(FORGED_SUBMISSIONS)):
            self.fail(f"This version of nbgrader cannot collect from a separate folder for each learner: {gone}.")
        try:
            self._accounts = accounts.read(Path(self.coursedir.root) / STATE)
        except CourseError as error:
            self.fail(str(error))
        student = self.coursedir.student_id or "*"
        if self.inbound_by_learner:
            student = f"{student}/{student}"
        elif self._accounts is not None and student != "*":
            student = self._accounts.unix_user_of(student)
        with temp_attrs(self.coursedir, student_id=student):
            super().init_src()

    def _path_to_record(self, path: str) -> dict[str, Any]:
        """Called before the newest folder of each learner is chosen: a forged one must not stand in its way."""
        place = Path(path)
        owner = self._whose(place)
        try:
            record: dict[str, Any] = super()._path_to_record(path)
        except Exception:  # a name that is no submission's; nbgrader would stop here, for everybody
            record = {"username": "", "filename": place.name, "timestamp": datetime.min}
        if self.inbound_by_learner:
            record["filename"] = f"{place.parent.name}/{place.name}"
        if owner != record["username"]:
            self.log.warning("%s belongs to %s, not to '%s'; it is not collected.", path, owner, record["username"])
            record["username"] = _FORGED + owner
        elif self._accounts is not None:
            student = self._accounts.of_unix_user(owner)
            if student is None:
                self.log.warning("%s belongs to %s, who is not on the class's list; it is not collected.", path, owner)
            record["username"] = student or _FORGED + owner
        return record

    def copy_files(self) -> None:
        self.src_records = [r for r in self.src_records if self._is_own(r) and self._opens(r) and self._keeps(r)]
        with temp_attrs(self, check_owner=False):  # we did, and nbgrader's stops where a folder has vanished
            super().copy_files()

    def _opens(self, record: dict[str, Any]) -> bool:
        """Whether a learner's folder can be read. One that cannot stops nobody else's, and replaces nothing."""
        place = Path(self.inbound_path) / record["filename"]
        try:
            os.close(os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        except OSError as error:
            self.log.warning("%s cannot be opened (%s); it is not collected.", place, error.strerror)
            return False
        return True

    def _keeps(self, record: dict[str, Any]) -> bool:
        """Keep what nbgrader is about to remove, as an uploaded version lies nowhere else; whether that worked."""
        exercise, student = self.coursedir.assignment_id, record["username"]
        folder = Path(self.coursedir.format_path(self.coursedir.submitted_directory, student, exercise))
        replaces = (self.update or self.before_duedate) and folder.is_dir()
        if replaces and self.coursedir.get_existing_timestamp(str(folder)) != record["timestamp"]:
            try:
                keep_current(folder, exercise, Path(self.coursedir.root) / STATE / exercise / REPLACED / student)
            except OSError as error:
                self.log.warning("%s cannot be kept (%s); nothing replaces it.", folder, error.strerror)
                return False
        return True

    def _is_own(self, record: dict[str, Any]) -> bool:
        """Whether a folder is its namesake's; checked again in case nbgrader did not call the method above."""
        if record["username"].startswith(_FORGED):
            return False
        place = Path(self.inbound_path) / record["filename"]
        owner = self._whose(place)
        student = owner if self._accounts is None else self._accounts.of_unix_user(owner)
        if student != record["username"]:
            self.log.warning("%s belongs to %s; it is not collected.", place, owner)
        return bool(student == record["username"])

    def _whose(self, place: Path) -> str:
        return _owner_by_folder(place) if self.inbound_by_learner else _owner(str(place))

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy the files of one submission; `src` is the exchange's folder, `dest` is ours and not there yet."""
        os.makedirs(dest, mode=0o700)
        try:
            folder = os.open(src, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:  # theirs to close or to remove, and no reason to stop for everybody after them
            os.rmdir(dest)
            self.log.warning("%s cannot be opened (%s); it is not collected.", src, error.strerror)
            return
        try:
            about = os.fstat(folder)
            owner = about.st_uid
            # Everybody shares the disk, and any number of names may be links to one file that costs its owner nothing.
            left = self.max_bytes
            names = [n for n in os.listdir(folder) if n.endswith(KEPT) and not n.startswith(".")]
            names.sort(key=lambda name: (name not in self._needed(), name))
            for name in names[: self.max_files]:
                copied, why = self._copy(folder, owner, name, Path(dest), left)
                left -= copied
                if why:
                    self.log.warning("%s/%s is left out: it %s.", src, name, why)
            if len(names) > self.max_files:
                most, student = self.max_files, Path(dest).parent.name
                said = "%s handed in %d notebooks and text files in %s; only %d of them are collected."
                self.log.warning(said, student, len(names), src, most)
        finally:
            os.close(folder)
        if word := _complete(Path(dest), Path(src).name, about.st_ctime):
            self.log.warning("%s: %s", src, word)

    def _needed(self) -> tuple[str, ...]:
        """Names of the files that come before all others."""
        return f"{self.coursedir.assignment_id}.ipynb", "timestamp.txt", "submission_secret.txt"

    def _copy(self, folder: int, owner: int, name: str, dest: Path, left: int) -> tuple[int, str]:
        """Copy one file of at most `left` bytes; return how many were copied, and why none were, or ''."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError as error:
            return 0, f"cannot be opened ({error.strerror})"
        with os.fdopen(descriptor, "rb") as source:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                return 0, "is not a file"
            if about.st_uid != owner:
                return 0, "belongs to somebody else"
            if about.st_size > left:
                return 0, f"would make the hand-in larger than {self.max_bytes} bytes"
            # No more than that, even if the file grows while it is copied.
            return (dest / name).write_bytes(source.read(about.st_size)), ""


def _owner(path: str) -> str:
    """Name of the owner of a folder; a link's own, not of what it points to."""
    try:
        uid = os.lstat(path).st_uid
    except OSError:
        return "nobody any more"
    if os.path.islink(path):
        return "a link"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _owner_by_folder(place: Path) -> str:
    return "a link" if place.is_symlink() or place.parent.is_symlink() else place.parent.name


def _complete(submission: Path, folder_name: str, changed: float) -> str:
    """Put in what nbgrader's other commands cannot do without: one folder that lacks it would stop everybody's.

    Args:
        changed: when the learner's folder changed last, by the server's clock; nobody can set that.

    Returns:
        What the instructor should know about the time that the learner gave, or ''.
    """
    timestamp, secret = submission / "timestamp.txt", submission / "submission_secret.txt"
    if not secret.is_file():
        secret.write_text(secrets.token_hex(64))  # the learner, not having it, cannot fetch that page
    if not timestamp.is_file():
        timestamp.write_text(folder_name.rsplit("+", 2)[1] + "\n")
    handed_in = time_of(timestamp.read_text("utf-8", "replace")[:100].strip())
    if handed_in is None:
        timestamp.write_text(written(changed) + "\n")
        return "its timestamp.txt holds no time, so the server's is used."
    if abs(handed_in.replace(tzinfo=UTC).timestamp() - changed) > TIMES_AGREE:
        return f"it says that it was handed in at {handed_in}; on the server it was last changed at {written(changed)}."
    return ""
