"""Back up a course (`python backup.py save COURSE EXCHANGE FILE`), restore it (`python backup.py restore FILE TARGET`).

`python backup.py save COURSE EXCHANGE FILE`, `python backup.py restore FILE TARGET`.

The gradebook is copied with SQLite's own back-up, which is sound while the formgrader or the grader is writing; a plain
copy of the file is not. Everything else is files that are written whole or not at all. Run it with the course account's
rights. It needs Python alone, so that a server that lost everything else can restore.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import shutil
import sqlite3
import stat
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

GRADEBOOK = "gradebook.db"
NOT_AS_IT_IS = {GRADEBOOK + ending for ending in ("", "-journal", "-wal", "-shm")}  # SQLite copies it
SCRATCH, DAY = ".backup-", 86_400.0
MAX_OF_LEARNERS = 60 * 10**6  # bytes of a file that a learner put into the exchange; as `collect` takes no larger one
MAX_DEPTH = 100  # folders in each other


def save(course: Path, exchange: Path, target: Path) -> list[str]:
    """Write a course's folder, its gradebook and its part of the exchange into one `.tar.gz`, whole or not at all.

    Returns:
        A line for each thing that is left out: a link that leads out of the course, which `restore` would refuse, and a
        pipe or a socket. Learners write into the exchange, and none of them can keep the rest from being saved or
        restored: of theirs no link at all is taken, as `collect` takes none, and no folder that lies too deep.

    Raises:
        sqlite3.DatabaseError: the gradebook is damaged; no back-up is made of it, and an older one is kept.
        OSError: something of the course cannot be read, or the back-up cannot be written.
    """
    left_out: list[str] = []
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob(f"{SCRATCH}*"):  # of a run that was killed, with a whole gradebook in it
        if time.time() - old.stat().st_mtime > DAY:
            shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=SCRATCH) as scratch:
        gradebook = Path(scratch) / GRADEBOOK
        if (course / GRADEBOOK).exists():
            _copy_gradebook(course / GRADEBOOK, gradebook)
        archive = Path(scratch) / "archive"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(course, "course", recursive=False)  # whose it is, and who may enter
            if gradebook.exists():
                member = tar.gettarinfo(course / GRADEBOOK, f"course/{GRADEBOOK}")
                member.size = gradebook.stat().st_size
                with gradebook.open("rb") as file:
                    tar.addfile(member, file)
            for name in sorted({*os.listdir(course)} - NOT_AS_IT_IS):
                _add(tar, course / name, f"course/{name}", left_out)
            if (exchange / course.name).is_dir():
                _add(tar, exchange / course.name, "exchange", left_out, of_learners=True)
        archive.chmod(0o600)
        with archive.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(archive, target)
    return left_out


def _add(tar: tarfile.TarFile, path: Path, name: str, left_out: list[str], of_learners: bool = False) -> None:
    """Add a file, or a folder with all in it. What has gone meanwhile is not there."""
    tar.inodes.clear()  # type: ignore[attr-defined] # else the second of two hard links leads to one that may be left out
    file: BinaryIO | None = None
    children: list[str] = []
    try:
        member = tar.gettarinfo(path, name)
        if member is not None and member.isreg():
            # Nobody can put something else in its place meanwhile that is read for ever, or is another's.
            file = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")  # noqa: SIM115 - see below
            member = tar.gettarinfo(arcname=name, fileobj=file)
        elif member is not None and member.isdir():
            children = sorted(os.listdir(path))
    except FileNotFoundError:
        return
    except OSError as error:
        if not of_learners:
            raise
        left_out.append(f"{path} cannot be read, so it is not in the back-up: {error.strerror}.")
        return
    with file or contextlib.nullcontext():
        if member is None or not (member.isreg() or member.isdir() or member.issym()):
            left_out.append(f"{path} is neither a file, nor a folder or a link, so it is not in the back-up.")
        elif member.issym() and of_learners:
            left_out.append(f"{path} is a link, so it is not in the back-up.")
        elif member.issym() and not _stays_inside(path, name):
            left_out.append(
                f"{path} is a link to {os.readlink(path)}, so it is not in the back-up. Back that up as well."
            )
        elif name.count("/") > MAX_DEPTH:
            left_out.append(f"{name.partition('/')[0]}: a folder lies too deep, so it is not in the back-up.")
            return
        elif file is not None and of_learners and member.size > MAX_OF_LEARNERS:
            left_out.append(f"{path} is larger than {MAX_OF_LEARNERS // 10**6} MB, so it is not in the back-up.")
        elif file is not None:
            whole = _AsLongAsItWas(file)
            tar.addfile(member, whole)  # type: ignore[arg-type] # it is read, and nothing else
            if whole.shortened:
                left_out.append(f"{path} became shorter while it was read; the rest of it is zeros in the back-up.")
        else:
            tar.addfile(member)
    for child in children:
        _add(tar, path / child, f"{name}/{child}", left_out, of_learners)


class _AsLongAsItWas:
    """A file that is read to the length it had: an archive with less in it would be damaged from there on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.shortened = False

    def read(self, size: int) -> bytes:
        try:
            found = self._file.read(size)
        except OSError:
            found = b""
        self.shortened |= len(found) < size
        return found.ljust(size, b"\0")


def _stays_inside(link: Path, name: str) -> bool:
    """Whether a link leads to a place below `course`, wherever that is restored."""
    text, top = os.readlink(link), link
    for _ in range(name.count("/")):
        top = top.parent
    try:
        target = os.path.realpath(link, strict=True)
    except OSError:  # it leads nowhere, or to itself
        return False
    return not os.path.isabs(text) and os.path.commonpath([os.path.realpath(top), target]) == os.path.realpath(top)


def restore(backup: Path, target: Path) -> list[str]:
    """Unpack a back-up into a folder that is not there yet: `target`/course and `target`/exchange, or nothing.

    Returns:
        A line for each account that is not here, and whose files belong to a number, which may be another's.

    Raises:
        FileExistsError: `target` is there; nothing is overwritten.
        sqlite3.DatabaseError: the gradebook in it is damaged.
        tarfile.TarError, OSError: it cannot be unpacked.
    """
    if target.exists() or target.is_symlink():
        raise FileExistsError(errno.EEXIST, "it is there already, and nothing is overwritten", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".restoring-") as scratch:
        place = Path(scratch) / "restored"
        place.mkdir(mode=0o700)
        with tarfile.open(backup) as tar:
            unknown = _unpack(tar, place)
        if (place / "course" / GRADEBOOK).exists():
            _examine(place / "course" / GRADEBOOK)
        place.rename(target)
    return [
        f"There is no account {name!r} here, so its files belong to a number. Make it, and restore again."
        for name in unknown
    ]


def _unpack(tar: tarfile.TarFile, target: Path) -> list[str]:
    """Unpack, and let nothing in the archive reach out of the target; root restores owners and modes.

    Returns:
        The owners who have no account here, if root would have given them something.

    Raises:
        tarfile.TarError: something in it would.
    """
    # Python 3.11 before 3.11.4, Debian's for one, has no filters; and root's, which keeps owners, lets hard links pass.
    options = {"filter": "data" if os.getuid() else "tar"} if hasattr(tarfile, "data_filter") else {}
    whole = os.path.realpath(target)
    folders: list[tuple[str, tarfile.TarInfo, int]] = []
    for member in tar.getmembers():
        mode = member.mode
        member.name = member.name.lstrip("/")
        place = os.path.join(whole, member.name)
        link = os.path.join(os.path.dirname(place) if member.issym() else whole, member.linkname)
        for path in [place, link] if member.issym() or member.islnk() else [place]:
            if os.path.commonpath([whole, os.path.realpath(path)]) != whole:
                raise tarfile.ExtractError(f"{member.name!r} in the back-up would lie, or point, outside of {target}.")
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise tarfile.ExtractError(f"{member.name!r} in the back-up is neither a file, nor a folder or a link.")
        if not member.issym():
            member.mode &= 0o7755 if member.isdir() else 0o755
        tar.extract(member, target, **options)
        if member.isdir():
            folders.append((place, member, mode))
    # Folders last, the innermost first: the filters take from everybody what the sticky folder of what is handed in
    # gives to everybody, and a folder that may not be written is filled before it says so.
    for place, member, mode in reversed(folders):
        if os.getuid() == 0:  # by name, as files are: on another machine numbers are other people's
            user, group = _number(pwd.getpwnam, member.uname), _number(grp.getgrnam, member.gname)
            os.chown(place, member.uid if user is None else user, member.gid if group is None else group)
        os.chmod(place, mode & (0o7777 if mode & stat.S_ISVTX else 0o7755))
    owners = {member.uname for member in tar.getmembers() if member.uname} if os.getuid() == 0 else set()
    return sorted(name for name in owners if _number(pwd.getpwnam, name) is None)


def _number(look_up: Callable[[str], Any], name: str) -> int | None:
    try:
        return int(look_up(name)[2])  # of a user or a group: its number is the third
    except KeyError:
        return None


def _copy_gradebook(original: Path, copy: Path) -> None:
    # Who may write opens it so: only then can SQLite take back what was killed in the middle of a write.
    mode = "rw" if os.access(original, os.W_OK) else "ro"
    with (
        closing(sqlite3.connect(f"{original.absolute().as_uri()}?mode={mode}", uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    _examine(copy)


def _examine(gradebook: Path) -> None:
    with closing(sqlite3.connect(gradebook)) as database:
        verdict = database.execute("pragma integrity_check").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"{gradebook} is damaged: {verdict}")


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["save", course, exchange, file]:
                lines = save(Path(course), Path(exchange), Path(file))
            case ["restore", file, target]:
                lines = restore(Path(file), Path(target))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (OSError, EOFError, zlib.error, sqlite3.Error, tarfile.TarError) as error:
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        print(f"Nothing was {arguments[0]}d. {str(why).splitlines()[0].rstrip(':')}", file=sys.stderr)
        return 1
    for line in lines:
        print(line, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
