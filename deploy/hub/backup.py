"""Back up a course (`python backup.py save COURSE EXCHANGE FILE`), restore it (`python backup.py restore FILE TARGET`).

`python backup.py save COURSE EXCHANGE FILE`, `python backup.py restore FILE TARGET`.

The gradebook is copied with SQLite's own back-up, which is sound while the formgrader or the grader is writing; a plain
copy of the file is not. Everything else is files that are written whole or not at all. Run it with the course account's
rights. It needs Python alone, so that a server that lost everything else can restore.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

GRADEBOOK = "gradebook.db"
NOT_AS_IT_IS = {GRADEBOOK + ending for ending in ("", "-journal", "-wal", "-shm")}  # SQLite copies it


def save(course: Path, exchange: Path, target: Path) -> list[str]:
    """Write a course's folder, its gradebook and its part of the exchange into one `.tar.gz`, whole or not at all.

    Returns:
        A line for each thing that is left out: a link that leads out of the course, which `restore` would refuse, and a
        pipe or a socket. Learners write into the exchange, and none of them can keep the rest from being saved.

    Raises:
        sqlite3.DatabaseError: the gradebook is damaged; no back-up is made of it, and an older one is kept.
        OSError: something of the course cannot be read.
    """
    left_out: list[str] = []
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as scratch:
        gradebook = Path(scratch) / GRADEBOOK
        if (course / GRADEBOOK).exists():
            _copy_gradebook(course / GRADEBOOK, gradebook)
        archive = Path(scratch) / "archive"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(course, "course", recursive=False)  # whose it is, and who may enter
            if gradebook.exists():
                shutil.copymode(course / GRADEBOOK, gradebook)
                owner = (course / GRADEBOOK).stat()
                tar.add(gradebook, f"course/{GRADEBOOK}", filter=lambda member: _owned_by(member, owner))
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
    try:
        member = tar.gettarinfo(path, name)
        if member is not None and member.isreg():
            # Nobody can put something else in its place meanwhile that is read for ever, or is another's.
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                member = tar.gettarinfo(arcname=name, fileobj=file)
                if member.isreg():
                    tar.addfile(member, file)
                    return
        if member is None or not (member.isdir() or member.issym() or member.islnk()):
            left_out.append(f"{path} is neither a file, nor a folder or a link, so it is not in the back-up.")
        elif member.issym() and not _stays_inside(name, member.linkname):
            left_out.append(
                f"{path} is a link that leads elsewhere, so it is not in the back-up. Back up {path.resolve()}."
            )
        else:
            children = sorted(os.listdir(path)) if member.isdir() else []
            tar.addfile(member)
            for child in children:
                _add(tar, path / child, f"{name}/{child}", left_out, of_learners)
    except FileNotFoundError:
        return
    except OSError as error:
        if not of_learners:
            raise
        left_out.append(f"{path} cannot be read, so it is not in the back-up: {error.strerror}.")


def _stays_inside(name: str, link: str) -> bool:
    """Whether a link leads to a place below `course` or `exchange`, wherever they are restored."""
    top = name.partition("/")[0]
    return os.path.normpath(os.path.join(os.path.dirname(name), link)).split("/")[0] == top


def _owned_by(member: tarfile.TarInfo, owner: os.stat_result) -> tarfile.TarInfo:
    member.uid, member.gid, member.uname, member.gname = owner.st_uid, owner.st_gid, "", ""
    return member


def restore(backup: Path, target: Path) -> None:
    """Unpack a back-up into a folder that is not there yet: `target`/course and `target`/exchange.

    Raises:
        FileExistsError: `target` is there; nothing is overwritten.
        sqlite3.DatabaseError: the gradebook in it is damaged.
    """
    target.mkdir(parents=True, mode=0o700)
    with tarfile.open(backup) as tar:
        _unpack(tar, target)
    if (target / "course" / GRADEBOOK).exists():
        _examine(target / "course" / GRADEBOOK)


def _unpack(tar: tarfile.TarFile, target: Path) -> None:
    """Unpack, and let nothing in the archive reach out of the target; root restores owners and modes.

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
        if os.getuid() == 0:
            os.chown(place, member.uid, member.gid)
        os.chmod(place, mode & (0o7777 if mode & stat.S_ISVTX else 0o7755))


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
    match arguments:
        case ["save", course, exchange, file]:
            for line in save(Path(course), Path(exchange), Path(file)):
                print(line, file=sys.stderr)
        case ["restore", file, target]:
            restore(Path(file), Path(target))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
