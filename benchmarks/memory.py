"""Peak memory of a fork server's forks: what they hold alone, sampled while they run."""

from __future__ import annotations

import threading
import time
from pathlib import Path


class PeakMemory:
    """Samples the private memory of all descendants of a process but the first generations that do not fork.

    Args:
        root: pid of the fork server's outermost process (bubblewrap).
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._before = set(_descendants(root))  # bubblewrap and the fork server itself
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.megabytes = 0.0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            now = sum(_private_kb(pid) for pid in _descendants(self._root) if pid not in self._before) / 1000
            self.megabytes = max(self.megabytes, now)
            time.sleep(0.05)


def _descendants(root: int) -> list[int]:
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                queue += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def _private_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))
