"""What a learner waits for at the beginning: the first cell, and the first check, by part.

    python -m benchmarks first

Processor seconds of the kernel beside what the clock says: on a machine that does other things, only the former mean
anything. Three learners run the same first cell: one alone, in a plain kernel; one on a Hub who runs it at once; and
one on a Hub who reads for a while, when the kernel has imported everything (`autograder.learner.ahead`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.manager import KernelManager

from autograder.exercise.definition import task_of
from autograder.grading.answered import answered
from autograder.learner.ahead import NOTEBOOK

EXERCISE = "03-dense-networks"
ROOT = Path(__file__).resolve().parent.parent
ON_A_HUB = '--IPKernelApp.extensions=["autograder.learner.device","autograder.learner.ahead"]'
_QUIET_SECONDS = 1.0  # a kernel that did nothing for so long has imported what it wants

# Each import in the order that charges it for what it alone needs; scikit-learn last, as Keras does without.
PARTS = """
import time, json, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import IPython, ipykernel.kernelapp
found, before = {}, time.process_time()
def part(name):
    global before
    now = time.process_time()
    found[name] = now - before
    before = now
import numpy; part("NumPy")
import matplotlib.pyplot; part("Matplotlib")
from autograder import start; part("pytest and the checks")
from autograder.learner import first_import
first_import.leave_scikit_learn_until_used()
import tensorflow; part("TensorFlow, with Keras")
import keras; part("Keras's own rest")
try:
    import sklearn.base
except ImportError:
    pass
part("scikit-learn, left until it is used")
print(json.dumps(found))
"""


def measured(scratch: Path) -> dict[str, Any]:
    """Seconds by part, and of the first cell and check for the three learners."""
    by_part = _parts()
    for name, seconds in by_part.items():
        print(f"   {name:36} {seconds:5.2f} s of processor time", flush=True)
    notebook = ROOT / "exercises" / EXERCISE / f"{EXERCISE}.ipynb"
    waits = {
        "alone": _learner(notebook, scratch, [], reads=False),
        "hub_at_once": _learner(notebook, scratch, [ON_A_HUB], reads=False),
        "hub_after_reading": _learner(notebook, scratch, [ON_A_HUB], reads=True),
    }
    for who, seconds in waits.items():
        print(
            f"   {who:20} first cell {seconds['cell_processor']:5.2f} s of processor time ({seconds['cell']:.1f} s), "
            f"first check {seconds['check_processor']:.2f} s ({seconds['check']:.1f} s)",
            flush=True,
        )
    return {
        "first_cell_parts": by_part,
        "first_cell": waits,
        "first_cell_hub_over_alone": waits["hub_after_reading"]["cell_processor"] / waits["alone"]["cell_processor"],
    }


def _parts() -> dict[str, float]:
    for _ in range(2):  # the first run reads files from the disk
        done = subprocess.run([sys.executable, "-c", PARTS], check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _learner(notebook: Path, folder: Path, options: list[str], *, reads: bool) -> dict[str, float]:
    """A kernel, the notebook's cells up to the first check, with the solution of that task."""
    cells = [cell for cell in answered(EXERCISE, {}).cells if cell.cell_type == "code"]
    checks = next(number for number, cell in enumerate(cells) if task_of(cell) is not None)
    environment = os.environ | {NOTEBOOK: str(notebook), "PYTHONPATH": str(ROOT)}
    manager = KernelManager()
    manager.start_kernel(env=environment, cwd=str(folder), extra_arguments=options, stderr=subprocess.DEVNULL)
    try:
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=300)
        process = psutil.Process(manager.provisioner.process.pid)  # type: ignore[union-attr]
        if reads:
            _wait_until_quiet(process)
        seconds = [_run(client, process, cell.source) for cell in cells[: checks + 1]]
        client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)
    return {
        "cell": seconds[0][0],
        "cell_processor": seconds[0][1],
        "check": seconds[checks][0],
        "check_processor": seconds[checks][1],
    }


def _wait_until_quiet(process: psutil.Process) -> None:
    time.sleep(2 * _QUIET_SECONDS)  # it waits a moment before it begins
    before = -1.0
    while (now := _processor(process)) - before > 0.02:
        before = now
        time.sleep(_QUIET_SECONDS)


def _run(client: Any, process: psutil.Process, code: str) -> tuple[float, float]:
    """Wall and processor time of a cell."""
    began, worked = time.perf_counter(), _processor(process)
    reply = client.execute_interactive(code, timeout=600, output_hook=lambda message: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"The cell stopped: {reply['content'].get('ename')}: {reply['content'].get('evalue')}")
    return time.perf_counter() - began, _processor(process) - worked


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
