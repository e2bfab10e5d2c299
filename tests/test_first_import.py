"""The first import of TensorFlow shows a learner nothing when all is well, and everything when it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kit import EXERCISES, ROOT

from autograder.learner.first_import import held_back

CHATTER = "I0000 00:00:1 cpu_feature_guard.cc:227] This binary is optimized.\n"


def _a_tensorflow(folder: Path, ending: str) -> None:
    """A stand-in that writes as C++ does, past Python's sys.stderr."""
    (folder / "tensorflow.py").write_text(f"import os\nos.write(2, {CHATTER!r}.encode())\n{ending}\n")


def _run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment = kept | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


START = "from autograder import start\ncheck, hint = start('02-one-hot-encoding')\n"


def test_what_it_writes_is_held_back_when_all_is_well(tmp_path: Path) -> None:
    _a_tensorflow(tmp_path, "loaded = True")
    program = (
        START
        + START
        + (
            "import os, sys, tensorflow\n"
            "assert tensorflow.loaded\n"
            "assert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '3'\n"
            "assert not any(type(f).__name__ == '_Quiet' for f in sys.meta_path), 'nothing is left behind'\n"
            "os.write(2, b'later\\n'); print('last', file=sys.stderr)\n"
        )
    )
    done = _run(tmp_path, program)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "later\nlast\n"


@pytest.mark.parametrize("ending", ["raise ImportError('libcuda.so.1')", "raise SystemExit(3)", "1 / 0"])
def test_what_it_writes_is_shown_when_it_cannot_be_imported(ending: str, tmp_path: Path) -> None:
    _a_tensorflow(tmp_path, ending)
    done = _run(tmp_path, START + "import tensorflow\n")
    assert done.returncode != 0
    assert done.stderr.startswith(CHATTER)
    if "raise" not in ending:
        assert "ZeroDivisionError" in done.stderr


def test_a_setting_of_the_learner_is_kept(tmp_path: Path) -> None:
    program = "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '0'\n" + START
    done = _run(tmp_path, program + "print(os.environ['TF_CPP_MIN_LOG_LEVEL'])")
    assert done.stdout == "0\n"


def test_without_a_standard_error_the_import_goes_on(tmp_path: Path) -> None:
    """As under Windows' pythonw."""
    _a_tensorflow(tmp_path, "")
    (tmp_path / "tensorflow.py").write_text("loaded = True")
    done = _run(tmp_path, "import os, sys\nos.close(2); sys.stderr = None\n" + START + "import tensorflow; print('ok')")
    assert done.stdout == "ok\n"


def test_other_threads_and_processes_get_their_standard_error_back(capfd: pytest.CaptureFixture[str]) -> None:
    with held_back():
        os.write(2, b"held back\n")
    os.write(2, b"shown\n")
    assert capfd.readouterr().err == "shown\n"


@pytest.mark.slow
@pytest.mark.parametrize("exercise", [EXERCISES[0], EXERCISES[4], EXERCISES[-1]])
def test_the_first_cell_shows_nothing_red(exercise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real kernel, with the real TensorFlow, as on a learner's computer where nothing is set."""
    import nbformat
    from nbclient import NotebookClient

    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = json.loads((ROOT / "exercises" / exercise / f"{exercise}.ipynb").read_text("utf-8"))["cells"]
    first = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
    training = (
        "import keras\n"
        "m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "m.compile(loss='mse'); m.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)\n"
        "m.predict(np.ones((2, 2)), verbose=0)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (first, training)])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    red = [output for cell in notebook.cells for output in cell.outputs if output.get("name") == "stderr"]
    assert not red
    if "print(" in first:
        assert any(output.get("name") == "stdout" for output in notebook.cells[0].outputs)
