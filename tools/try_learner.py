"""Be a learner on this computer: install the kit as one does, run every exercise with its reference answers.

    python tools/try_learner.py                    makes an environment, installs the kit with a backend into it
    python tools/try_learner.py --python PYTHON    takes an environment where that is done

On Linux, Windows and macOS alike; needs nothing but Python and an index of packages. Ends with 1 if an exercise does
not get full marks, stops, or shows anything red.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600  # for one cell, on a slow machine


def main() -> int:
    parser = argparse.ArgumentParser(description="Run every exercise as a learner does.")
    parser.add_argument("--python", type=Path, help="an environment's Python in which the kit is installed")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return run_all()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        python = options.python or install(Path(folder) / "environment")
        # From a folder of its own, so that it is the installed package that answers and not the clone's.
        command = [str(python), "-I", str(Path(__file__).resolve()), "--inside"]
        return subprocess.run(command, cwd=folder, check=False).returncode


def install(folder: Path) -> Path:
    """Make an environment with the kit in it; return its Python."""
    print(f"Installing into {folder} ...", flush=True)
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", f"{ROOT}[cpu]"], check=True)
    return python


def run_all() -> int:
    """Run each solution in a kernel of its own; print a line for each."""
    wrong = 0
    for path in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        began = time.monotonic()
        points, most, complaints = run(json.loads(path.read_text("utf-8")))
        good = points == most and not complaints
        wrong += not good
        print(f"{path.stem:26} {points:g} of {most:g} points, {time.monotonic() - began:.0f} s", flush=True)
        for line in complaints:
            print(f"    {line}", flush=True)
    return 1 if wrong else 0


def run(notebook: dict[str, Any]) -> tuple[float, float, list[str]]:
    """Points, points that can be had, and whatever a learner would see in red."""
    from jupyter_client.manager import start_new_kernel

    points, most, complaints = 0.0, 0.0, []
    manager, client = start_new_kernel()
    try:
        for cell in notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            seen: list[dict[str, Any]] = []
            client.execute_interactive("".join(cell["source"]), timeout=SECONDS, output_hook=seen.append)
            for message in seen:
                content = message["content"]
                if message["msg_type"] == "error":
                    complaints.append(f"{content['ename']}: {content['evalue']}")
                elif message["msg_type"] == "stream" and content["name"] == "stderr":
                    complaints.append(content["text"].strip())
            grading = cell["metadata"].get("nbgrader", {})
            if grading.get("grade"):
                most += grading["points"]
                results = [m["content"]["data"]["text/plain"] for m in seen if m["msg_type"] == "execute_result"]
                points += float(results[-1]) if results else 0.0
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return points, most, complaints


if __name__ == "__main__":
    sys.exit(main())
