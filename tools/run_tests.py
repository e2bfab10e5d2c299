"""Run every test, on all cores and two workers more; what failed, once more and alone. `make test` calls this.

Why there is a second try: hundreds of these tests wait for limits, browsers and servers, on a busy machine. One that
waited too long says nothing of the change at hand, and to refuse the change for it would cost everybody the whole run
again. The second try, alone, tells such a failure from a real one. It hides nothing. What passed only then is a bug
with a cause, so it is named at the end with what its first try ended in, it is a warning on GitHub's page of the run,
and it is kept in the file that AUTOGRADER_FLAKY names (the gate prints it last). Where more than a few tests are flaky,
it was no accident, and the run has failed.
"""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FEW = 3  # so many failures at the second try end it: they are real; more flaky tests than this are no accident
TESTS_FAILED = 1  # pytest's exit status


def main(arguments: list[str]) -> int:
    """Arguments are pytest's. Returns the exit status: 0 if every test passed, at the latest at the second try."""
    # Many tests wait: for limits, browsers, a Hub, nodes. Two workers more than cores keep the cores busy.
    workers = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or len(os.sched_getaffinity(0)) + 2
    # What runs in the sandbox cannot keep what it compiles, and hundreds of processes start there.
    compileall.compile_dir(ROOT / "autograder", quiet=2)
    with tempfile.TemporaryDirectory() as cache:
        at_once = ["-n", str(workers), "--dist", "loadscope", "--no-loadscope-reorder", "--durations=40", *arguments]
        status = _pytest(cache, at_once)
        failed, reasons = _failed(Path(cache)), _reasons(Path(cache))
        if status != TESTS_FAILED or not failed:
            return status
        print(f"\nOnce more, one at a time: {len(failed)} that failed.", flush=True)
        status = _pytest(cache, [f"--maxfail={FEW}", *failed])
        still = set(_failed(Path(cache)))
    passed = [test for test in failed if test not in still]
    if passed:
        flaky = "".join(f"  {test}\n      {reasons.get(test, '(no reason was kept)')}\n" for test in passed)
        print(f"\nFLAKY: {len(passed)}. Passed only at the second try, alone:\n{flaky}", end="", flush=True)
        if kept := os.environ.get("AUTOGRADER_FLAKY"):
            with Path(kept).open("a", encoding="utf-8") as file:
                file.write(flaky)
        if os.environ.get("GITHUB_ACTIONS"):
            for test in passed:
                print(f"::warning title=Flaky test::{test}: {reasons.get(test, '')}", flush=True)
    if not status and len(passed) > FEW:
        print(f"\nMore than {FEW} flaky tests: this run has failed.", flush=True)
        return TESTS_FAILED
    return status


def _pytest(cache: str, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}", *arguments]
    # With more workers than cores NumPy's threads wait for each other by spinning, which took 30 times the processor
    # time for a matrix of 3,000 x 785.
    settings = {"OPENBLAS_NUM_THREADS": "1"} | os.environ
    # Images of containers set this. Each worker, and each of a thousand processes, would compile our modules anew.
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, cwd=ROOT, env=settings, check=False).returncode


def _reasons(cache: Path) -> dict[str, str]:
    """The first line of each failure in the last run, by test; `tests/conftest.py` keeps them."""
    file = cache / "v" / "failures" / "reasons"
    found: dict[str, str] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found


def _failed(cache: Path) -> list[str]:
    """What failed in the last run."""
    file = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text("utf-8"))) if file.is_file() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
