"""On a Hub, a kernel imports what its notebook will import while the learner still reads; and Keras leaves
scikit-learn until somebody uses it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager
from kit import EXERCISES, ROOT

from autograder.learner import ahead


def test_every_exercise_that_imports_keras_is_known_to() -> None:
    for name in EXERCISES:
        notebook = ROOT / "exercises" / name / f"{name}.ipynb"
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        lines = [line for cell in cells if cell["cell_type"] == "code" for line in "".join(cell["source"]).splitlines()]
        expected = [name for name in ahead.MODULES if any(line.startswith(f"import {name}") for line in lines)]
        assert ahead.imported_by(notebook) == expected  # in their order
        assert "matplotlib.pyplot" in expected


@pytest.mark.parametrize(
    "raw", ["", "no JSON", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', '{"cells": [{"source": 3}]}']
)
def test_a_broken_notebook_imports_nothing(tmp_path: Path, raw: str) -> None:
    (tmp_path / "broken.ipynb").write_text(raw)
    assert ahead.imported_by(tmp_path / "broken.ipynb") == []
    assert ahead.imported_by(tmp_path / "missing.ipynb") == []


def test_what_only_looks_like_an_import_is_none(tmp_path: Path) -> None:
    source = "# import keras\nimport keras_tuner\nname = 'import keras'\nfrom matplotlib import cm"
    cells = [{"cell_type": "code", "source": source}, {"cell_type": "markdown", "source": "import keras"}]
    (tmp_path / "one.ipynb").write_text(json.dumps({"cells": cells}))
    assert ahead.imported_by(tmp_path / "one.ipynb") == []


def _machine(tmp_path: Path, available: int, limit: str, held: int, cache: int) -> dict[str, Path]:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {available // 1024} kB\n")
    (proc / "self" / "cgroup").write_text("0::/user/one\n")
    (groups / "user" / "one").mkdir(parents=True)
    (groups / "user" / "memory.max").write_text(f"{limit}\n")
    (groups / "user" / "memory.current").write_text(f"{held}\n")
    (groups / "user" / "memory.stat").write_text(f"anon 1\nfile {cache}\nfile_mapped 7\n")
    return {"proc": proc, "groups": groups}


def test_free_memory_is_that_of_the_machine_or_of_the_container(tmp_path: Path) -> None:
    gib = 2**30
    assert ahead.free_memory(**_machine(tmp_path / "a", 8 * gib, "max", 5 * gib, gib)) == 8 * gib
    assert ahead.free_memory(**_machine(tmp_path / "b", 8 * gib, str(6 * gib), 5 * gib, gib)) == 2 * gib
    assert ahead.free_memory(**_machine(tmp_path / "c", gib, str(6 * gib), gib, 0)) == gib
    assert ahead.free_memory(tmp_path / "missing", tmp_path) == 0


def test_one_kernel_at_a_time_and_only_with_memory_to_spare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("one_ahead", "two_ahead", "three_ahead"):
        (tmp_path / f"{name}.py").write_text("")
    monkeypatch.setattr(ahead, "free_memory", lambda: 10**9)
    ahead.import_ahead(["one_ahead"])
    assert "one_ahead" not in sys.modules
    monkeypatch.setattr(ahead, "free_memory", lambda: 10**10)
    other = os.open(tmp_path / f"autograder-ahead-{os.getuid()}", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    ahead.import_ahead(["two_ahead"])
    assert "two_ahead" not in sys.modules
    os.close(other)
    ahead.import_ahead(["no_such_module", "three_ahead"])  # what goes wrong is nobody's business here
    ahead.import_ahead(["three_ahead"])
    assert "three_ahead" in sys.modules


def test_a_kernel_has_imported_before_its_first_cell_runs(tmp_path: Path) -> None:
    """A kernel as a Hub starts it, with a stand-in for Keras that writes down when it was imported."""
    (tmp_path / "keras.py").write_text("import pathlib; pathlib.Path('imported').touch()")
    cells = [{"cell_type": "code", "source": ["import keras\n", "print('ran')"]}]
    notebook = tmp_path / "one.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    environment = os.environ | {ahead.NOTEBOOK: str(notebook), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    environment["TMPDIR"] = str(tmp_path)
    manager = KernelManager()
    extension = '--IPKernelApp.extensions=["autograder.learner.ahead"]'
    manager.start_kernel(env=environment, cwd=str(tmp_path), extra_arguments=[extension])
    try:
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        deadline = time.monotonic() + 120
        while not (tmp_path / "imported").exists():  # no cell has been run
            assert time.monotonic() < deadline
            time.sleep(0.05)
        said: list[str] = []
        reply = client.execute_interactive(
            "import sys; print('keras' in sys.modules, sys.modules['keras'].__file__)",
            timeout=120,
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
        client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok"
    assert f"True {tmp_path / 'keras.py'}" in "".join(said)


def test_scikit_learn_comes_with_the_wrappers_and_not_with_keras() -> None:
    program = (
        "from autograder import start; start('03-dense-networks')\n"
        "import sys, keras\n"
        "assert 'sklearn' not in sys.modules\n"
        "from sklearn.base import BaseEstimator\n"
        "assert issubclass(keras.wrappers.SKLearnClassifier, BaseEstimator)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
