"""Run every test on all cores; what failed, once more and alone. `make test` calls this.

Tests that drive a browser can fail on a machine that is busy with the other tests. A second try, alone, tells such
a failure from a real one. It is never silent: what passed only then is named at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FEW = 3  # so many failures at the second try end it: they are real
TESTS_FAILED = 1  # pytest's exit status


def main(arguments: list[str]) -> int:
    """Arguments are pytest's. Returns the exit status: 0 if every test passed, at the latest at the second try."""
    with tempfile.TemporaryDirectory() as cache:
        at_once = ["-n", "auto", "--dist", "loadscope", "--no-loadscope-reorder", "--durations=40", *arguments]
        status = _pytest(cache, at_once)
        failed = _failed(Path(cache))
        if status != TESTS_FAILED or not failed:
            return status
        print(f"\nOnce more, one at a time: {len(failed)} that failed.", flush=True)
        status = _pytest(cache, [f"--maxfail={FEW}", *failed])
        still = set(_failed(Path(cache)))
    passed = [test for test in failed if test not in still]
    if passed:
        print("\nPassed only at the second try, alone:", *passed, sep="\n  ", flush=True)
    return status


def _pytest(cache: str, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _failed(cache: Path) -> list[str]:
    """What failed in the last run."""
    file = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text("utf-8"))) if file.is_file() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
