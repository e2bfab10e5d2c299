"""What building the book costs beside what its pages compute, and what building it again costs.

    python -m benchmarks book

Processor time, except for the second build, for which somebody waits. The pages' own compute is that of their kernels
alone, each page's in one that is set up as in the build, with as many threads. The book's last build is thrown away.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from nbclient import NotebookClient

from benchmarks.costs import processor_seconds

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from kitbook.execution import prepare_kernels  # noqa: E402

EXECUTED = ROOT / "book" / "_build" / "jupyter_execute"


def measured(scratch: Path) -> dict[str, Any]:
    """Build the book from nothing and once more, and run its pages' code in kernels such as the build's."""
    clean = _build("--clean")
    print(f"   clean: {clean:.0f} s of processor time", flush=True)
    began = time.perf_counter()
    _build()
    again = time.perf_counter() - began
    own = {}
    with mock.patch.dict(os.environ):
        prepare_kernels(ROOT, scratch)
        for path in sorted(EXECUTED.rglob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            if any(cell.cell_type == "code" and cell.execution_count for cell in notebook.cells):
                own[path.stem] = _run(notebook, scratch)
                print(f"   {path.stem}: {own[path.stem]:.0f} s", flush=True)
    return {
        "book_clean_over_own": clean / sum(own.values()),
        "book_clean_cpu_seconds": clean,
        "book_unchanged_seconds": again,
        "book_own_cpu_seconds_by_page": own,
    }


def _build(*options: str) -> float:
    command = [sys.executable, str(ROOT / "book" / "build.py"), *options]
    return processor_seconds(lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT))


def _run(notebook: Any, folder: Path) -> float:
    client = NotebookClient(
        notebook, timeout=1_200, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    return processor_seconds(client.execute)
