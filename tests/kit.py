"""What tests need to know of the kit: where it lies, and which exercises there are."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 180_000  # milliseconds that a browser may take for what it does at once on an idle machine
ROOT = Path(__file__).resolve().parent.parent
HEAVY = pytest.StashKey[set[str]]()  # in pytest's config: what takes seconds, and was imported while it collected tests
EXERCISES = sorted(f.parent.name for f in (ROOT / "solutions").glob("*/*.ipynb"))


def missing(what: str) -> None:
    """Skip for want of a system package; fail instead where everything should be there (the gate)."""
    if os.environ.get("AUTOGRADER_NOTHING_SKIPPED"):
        pytest.fail(f"nothing may be skipped here, but {what}")
    pytest.skip(what)


def kill_a_writer(gradebook: Path, statement: str) -> None:
    """Kill a program in the middle of a write to a gradebook: its journal and some new pages stay on the disk."""
    done = subprocess.run([sys.executable, "-c", _KILLED_WRITER, gradebook, statement], check=False)
    assert done.returncode == -signal.SIGKILL
    assert gradebook.with_name(f"{gradebook.name}-journal").stat().st_size, "nothing was on the disk yet"


_KILLED_WRITER = """
import os, signal, sqlite3, sys
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute("pragma cache_size = 1")  # so that pages reach the disk before the transaction ends
writer.execute("begin immediate")
writer.execute(sys.argv[2])
writer.execute("create table filler (bytes)")
for _ in range(50):
    writer.execute("insert into filler values (randomblob(10000))")
os.kill(os.getpid(), signal.SIGKILL)
"""
