"""Back up a course (`python backup.py save COURSE EXCHANGE FILE`), restore it (`python backup.py restore FILE TARGET`).

`python backup.py save COURSE EXCHANGE FILE`, `python backup.py restore FILE TARGET`.

The gradebook is copied with SQLite's own back-up, which is sound while the formgrader or the grader is writing; a plain
copy of the file is not. Everything else is files that are written whole or not at all. Run it with the course account's
rights. It needs Python alone, so that a server that lost everything else can restore.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

PARTS = ("source", "held_out", "checks", "submitted", "autograded", "feedback", "release", ".autograder")
FILES = ("nbgrader_config.py", "autograder.json")


def save(course: Path, exchange: Path, target: Path) -> None:
    """Write a course's folder, its gradebook and its part of the exchange into one `.tar.gz`, whole or not at all.

    Raises:
        sqlite3.DatabaseError: the gradebook is damaged; no back-up is made of it, and an older one is kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as scratch:
        gradebook = Path(scratch) / "gradebook.db"
        if (course / "gradebook.db").exists():
            _copy_gradebook(course / "gradebook.db", gradebook)
        archive = Path(scratch) / "archive"
        with tarfile.open(archive, "w:gz") as tar:
            if gradebook.exists():
                tar.add(gradebook, "course/gradebook.db")
            for name in (*PARTS, *FILES):
                if (course / name).exists():
                    tar.add(course / name, f"course/{name}")
            if (exchange / course.name).is_dir():
                tar.add(exchange / course.name, "exchange")
        archive.chmod(0o600)
        with archive.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(archive, target)


def restore(backup: Path, target: Path) -> None:
    """Unpack a back-up into a folder that is not there yet: `target`/course and `target`/exchange.

    Raises:
        FileExistsError: `target` is there; nothing is overwritten.
        sqlite3.DatabaseError: the gradebook in it is damaged.
    """
    target.mkdir(parents=True)
    with tarfile.open(backup) as tar:
        tar.extractall(target, filter="data" if os.getuid() else "tar")  # root restores owners and modes
    if (target / "course" / "gradebook.db").exists():
        _examine(target / "course" / "gradebook.db")


def _copy_gradebook(original: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{original}?mode=ro", uri=True, timeout=60)) as source,
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
            save(Path(course), Path(exchange), Path(file))
        case ["restore", file, target]:
            restore(Path(file), Path(target))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
