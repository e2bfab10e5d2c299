"""What the fork server has in memory lies in pages of 2 MB where the system has them."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

from autograder.sandbox import huge_pages

# Half of it is touched; what glibc takes of huge pages itself is left out by the tunable.
PROGRAM = """
import mmap, re
from pathlib import Path
from autograder.sandbox import huge_pages
memory = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
memory[:32 << 20] = b"x" * (32 << 20)
memory.madvise(mmap.MADV_HUGEPAGE)
huge_pages.collapse()
assert memory[:32 << 20] == b"x" * (32 << 20)
print(re.search(r"AnonHugePages: +(\\d+) kB", Path("/proc/self/smaps_rollup").read_text())[1])
"""


def test_memory_is_moved_into_huge_pages_where_linux_can() -> None:
    environment = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0", "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    if release >= (6, 1) and Path("/sys/kernel/mm/transparent_hugepage").is_dir():
        assert int(done.stdout) >= 16 << 10


def test_a_system_that_cannot_is_left_as_it_is(tmp_path: Path) -> None:
    huge_pages.collapse(tmp_path / "nothing")
    maps = tmp_path / "maps"
    for text in ("10000000-20000000 rw-p 00000000 00:00 0 \n7f0000000000-7f0000001000 r--p 0 fe:00 5 /a b/c\n", "?\n"):
        maps.write_text(text)
        huge_pages.collapse(maps)  # of which nothing is there
