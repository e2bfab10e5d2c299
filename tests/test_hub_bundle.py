"""What learners get: everything they need, and nothing else."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from kit import ROOT


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("learner_bundle", ROOT / "tools" / "learner_bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


learner_bundle = _tool()
ANSWER = "model = keras.Sequential([keras.Input((784,)), layers.Dense(10)])\nmodel.summary()"


def _zip(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def _notebook(source: str) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": source.splitlines(True), "outputs": []}]}).encode()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(learner_bundle.make(tmp_path_factory.mktemp("dist")))


@pytest.fixture(scope="module")
def wheel(bundle: zipfile.ZipFile) -> zipfile.ZipFile:
    (name,) = [n for n in bundle.namelist() if n.endswith(".whl")]
    return zipfile.ZipFile(io.BytesIO(bundle.read(name)))


@pytest.mark.slow
def test_holds_the_exercises_the_data_the_wheel_and_nothing_else(bundle: zipfile.ZipFile) -> None:
    names = {n.removeprefix("learner-bundle/") for n in bundle.namelist()}
    exercises = {f"exercises/{f.parent.name}/{f.name}" for f in (ROOT / "exercises").glob("*/*.ipynb")}
    rest = names - exercises
    (package,) = [n for n in rest if n.startswith("keras_lesson_kit-")]
    assert exercises
    assert exercises <= names
    assert rest == {"README.md", "data/README.md", "data/fashion.npz", "data/mnist.npz", package}
    for name in exercises:
        assert bundle.read(f"learner-bundle/{name}") == (ROOT / name).read_bytes()


@pytest.mark.slow
def test_the_wheel_holds_the_package_the_exercises_and_two_data_files(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert name.startswith(("autograder/", "keras_lesson_kit-")), name
        assert "held_out" not in name
        assert "solution" not in name
        assert name.rsplit(".")[-1] not in ("db", "pyc", "log"), name
    arrays = [n for n in wheel.namelist() if n.endswith((".npz", ".npy"))]
    assert sorted(arrays) == ["autograder/_data/fashion.npz", "autograder/_data/mnist.npz"]


@pytest.mark.slow
def test_held_out_labels_are_nowhere_in_it(bundle: zipfile.ZipFile, wheel: zipfile.ZipFile) -> None:
    """Not under another name either: no file of ours and no array in one is a held-out one."""
    import numpy as np

    held_out = set()
    for path in (ROOT / "data" / "held_out").glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            held_out |= {arrays[key].tobytes() for key in arrays.files}
    assert held_out
    for archive in (bundle, wheel):
        for name in archive.namelist():
            if name.endswith(".npz"):
                with np.load(io.BytesIO(archive.read(name)), allow_pickle=False) as arrays:
                    assert not held_out & {arrays[key].tobytes() for key in arrays.files}, name


@pytest.mark.slow
def test_a_learner_can_use_it(bundle: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked, with the wheel in a folder of its own and no clone in sight, the exercise opens and checks."""
    bundle.extractall(tmp_path)
    folder = tmp_path / "learner-bundle"
    (package,) = folder.glob("*.whl")
    with zipfile.ZipFile(package) as files:
        files.extractall(tmp_path / "installed")
    program = (
        f"import sys; sys.path[0:0] = [{str(tmp_path / 'installed')!r}]\n"
        "import autograder; print(autograder.__file__)\n"
        "from autograder import start\n"
        "check, hint = start('03-dense-networks')\n"
        "from autograder.data import load_fashion, load_held_out\n"
        "print(load_fashion()[0][0].shape, load_held_out('03-dense-networks'))\n"
        "check('flattened')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "installed") in done.stdout
    assert "(600, 28, 28, 1) None" in done.stdout
    assert "x_train" in done.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("learner-bundle/solutions/x.ipynb", b"{}"),
        ("learner-bundle/data/held_out/03-dense-networks.npz", b""),
        ("learner-bundle/gradebook.db", b""),
        ("learner-bundle/exercises/x.py", b"### BEGIN SOLUTION\n"),
        ("learner-bundle/exercises/x.ipynb", _notebook(ANSWER)),
        ("learner-bundle/notes.txt", b"# mine\n" + ANSWER.replace(" = ", "   =  ").replace("\n", "\n\n").encode()),
        ("learner-bundle/x.whl", _zip({"autograder/held_out/a.npz": b""})),
        ("learner-bundle/x.whl", _zip({"autograder/answers.py": ANSWER.replace("'", '"').encode()})),
    ],
)
def test_what_gives_something_away_is_refused(name: str, content: bytes) -> None:
    answers = {"x, y": learner_bundle._plain(ANSWER)}
    with pytest.raises(learner_bundle.NotForLearners):
        learner_bundle.refuse_private(_zip({name: content}), answers)


def test_every_source_notebook_has_reference_answers_to_look_for() -> None:
    exercises = {name.split(",")[0] for name in learner_bundle.reference_answers()}
    assert exercises == {f.parent.name for f in (ROOT / "solutions").glob("*/*.ipynb")}
