"""A broken place grades nobody, and says why; a whole one proves itself, and no submission can talk it down."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from hostile import LIMITS, Entry, exercise_in
from kit import ROOT

from autograder.errors import BrokenPlace, ForkServerFailed
from autograder.exercise.outcome import Status
from autograder.grading import canary, grade, worker
from autograder.grading.answered import answered
from autograder.grading.grade import Graded
from autograder.grading.run import NotebookRun
from autograder.sandbox import bubblewrap, namespaces
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits


def folder_of(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return os.path.dirname(os.path.realpath(spec.origin))


# -- broken places ----------------------------------------------------------------------------------------------------
# Each is a list of bubblewrap's options that break what is seen inside, and what the message must hold.


def no_module(tmp_path: Path) -> list[str]:
    return ["--tmpfs", folder_of("comm")]


def no_part_of_keras(tmp_path: Path) -> list[str]:
    return ["--tmpfs", folder_of("h5py")]


def unreadable(tmp_path: Path) -> list[str]:
    """As after an installation by somebody whose files nobody else may read."""
    copy = tmp_path / "fonts"
    shutil.copytree(Path(folder_of("matplotlib")) / "mpl-data" / "fonts", copy)
    for file in copy.rglob("*.ttf"):
        file.chmod(0)
    return ["--ro-bind", str(copy), f"{folder_of('matplotlib')}/mpl-data/fonts"]


def no_images(tmp_path: Path) -> list[str]:
    (tmp_path / "mnist.npz").write_bytes((ROOT / "data" / "mnist.npz").read_bytes()[:100_000])
    return ["--ro-bind", str(tmp_path / "mnist.npz"), f"{namespaces.KIT}/data/mnist.npz"]


def wrong_result(tmp_path: Path) -> list[str]:
    path = Path(folder_of("keras")) / "src" / "optimizers" / "sgd.py"
    text = path.read_text("utf-8")
    assert "assign_sub" in text
    (tmp_path / "sgd.py").write_text(text.replace("assign_sub", "assign_add"), "utf-8")
    return ["--ro-bind", str(tmp_path / "sgd.py"), str(path)]


def no_mount(tmp_path: Path) -> list[str]:
    return ["--setenv", namespaces.SHOWN, json.dumps([[None, "/tmp/nothing-there"]])]


def no_python(tmp_path: Path) -> list[str]:
    return ["--tmpfs", os.path.dirname(os.path.realpath(sys.executable))]


BROKEN: dict[Callable[[Path], list[str]], tuple[str, ...]] = {
    no_module: ("No module named 'comm", "looked for in", "make its environment again"),
    no_part_of_keras: ("failed at saving and reading files", "h5py", "make its environment again"),
    unreadable: ("Permission denied", ".ttf", "chmod -R a+rX"),
    no_images: ("failed at loading the kit's images", "mnist.npz is cut short", "fetch the file again"),
    wrong_result: ("failed at predicting", "1.2 was expected", "but it was -1.2"),
    no_mount: ("failed at starting its kernel", "FileNotFoundError", "nothing-there", "namespaces.py, line"),
    no_python: ("execvp", "No such file", sys.executable),
}


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_place_grades_nobody_and_says_why(
    broken: Callable[[Path], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bubblewrap._kit
    monkeypatch.setattr(bubblewrap, "_kit", lambda *given: [*real(*given), *broken(tmp_path)])
    tmp_path.chmod(0o755)
    with ForkServer(Sandbox.BUBBLEWRAP) as server, pytest.raises(BrokenPlace) as raised:
        grade.grade(Entry("honest").raw(), exercise_in(tmp_path), server, LIMITS, "ada")
    message = str(raised.value)
    print(f"\n{broken.__name__}: {message}")
    assert [word for word in BROKEN[broken] if word not in message] == []
    assert "no student is at fault" in message
    assert "\n" not in message
    assert raised.value.exit_status == 1
    assert str(pickle.loads(pickle.dumps(raised.value))) == message  # as it comes from another node


@pytest.mark.slow
@pytest.mark.sandbox
def test_the_commands_end_with_one_line_and_no_grade(tmp_path: Path) -> None:
    damaged = tmp_path / "data"
    damaged.mkdir()
    for name in ("fashion.npz", "mnist.npz"):
        (damaged / name).write_bytes((ROOT / "data" / name).read_bytes()[:50_000])
    exercise = "02-one-hot-encoding"
    notebook = nbformat.writes(answered(exercise, {}))
    course = tmp_path / "course"
    for student in ("ada", "bob"):
        (course / "submitted" / student / exercise).mkdir(parents=True)
        (course / "submitted" / student / exercise / f"{exercise}.ipynb").write_text(notebook, "utf-8")
    (tmp_path / f"{exercise}.ipynb").write_text(notebook, "utf-8")
    for command in (
        ["check", str(tmp_path / f"{exercise}.ipynb")],
        ["grade", exercise, "--course", str(course), "--workers", "2"],
    ):
        environment = {**os.environ, "AUTOGRADER_DATA": str(damaged)}
        done = subprocess.run(
            [sys.executable, "-m", "autograder", *command], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 1, done
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("autograder: ")]
        assert f"{damaged}/fashion.npz is" in line
        assert "Traceback" not in done.stderr
    assert not list(course.glob("feedback/*/*/*.html"))


# -- a whole place ------------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_the_canary_is_cheap_and_finds_what_a_submission_needs(fork_server: ForkServer) -> None:
    fork_server.proven = frozenset()
    canary.prove(fork_server)
    assert {"json.tool", "keras.layers", "autograder.data", "ipykernel.kernelapp", "sqlite3"} <= fork_server.proven
    assert any(name.endswith("DejaVuSans.ttf") for name in fork_server.proven)
    assert fork_server.cpu_seconds < 3  # 0.6 s on an idle machine
    assert canary.found_again(["json.tool", *sorted(n for n in fork_server.proven if n[0] == "/")[:3]], fork_server)
    assert canary.found_again(["this", "unittest.__main__"], fork_server)  # one prints, the other exits
    assert not canary.found_again(["json.nothing"], fork_server)


FORGED = {
    "said": "raise ModuleNotFoundError(\"No module named 'wave'\", name='wave')",
    "prints": "raise ModuleNotFoundError(\"No module named 'this'\")",
    "hidden": "import sys; sys.modules['wave'] = None; import wave",
    "path": "import sys; sys.path.clear(); sys.path_importer_cache.clear(); import wave",
    "finder": "import sys; sys.meta_path.clear(); import wave",
    "file": "import keras; raise FileNotFoundError(2, 'No such file or directory', keras.__file__)",
    "never there": "import json.nothing",
}


@pytest.mark.sandbox
@pytest.mark.parametrize("way", FORGED)
def test_no_submission_can_claim_that_python_is_broken(
    way: str, fork_server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a clean fork finds was there: the error is the submission's own, and costs what it costs."""
    canary.prove(fork_server)
    asked: list[bool] = []
    real = canary.found_again
    monkeypatch.setattr(canary, "found_again", lambda *given: asked.append(real(*given)) or asked[-1])
    raw = Entry("forged", answers={"flattened-answer": FORGED[way]}).raw()
    graded = grade.grade(raw, exercise_in(tmp_path), fork_server, LIMITS, "mallory")
    assert graded.result.status is Status.GRADED
    assert {check.name: check.points for check in graded.result.checks}["flattened"] == 0
    assert asked == ([] if way == "never there" else [True])


@pytest.mark.sandbox
@pytest.mark.parametrize("back", [True, False], ids=["back again", "gone"])
def test_what_went_missing_in_between_is_ours(
    back: bool, fork_server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.prove(fork_server)
    monkeypatch.setattr(fork_server, "proven", fork_server.proven | {"gone_meanwhile"})
    monkeypatch.setattr(canary, "found_again", lambda wanted, _: back and wanted == ["gone_meanwhile"])
    away = "raise ModuleNotFoundError(\"No module named 'gone_meanwhile'\")"
    once = iter([Entry("unlucky", answers={"flattened-answer": away}).raw(), Entry("honest").raw()])
    real = grade.repair
    monkeypatch.setattr(grade, "repair", lambda raw, template: real(next(once), template))
    if not back:
        with pytest.raises(ForkServerFailed, match="gone_meanwhile was there when grading began"):
            grade.grade(b"", exercise_in(tmp_path), fork_server, LIMITS, "ada")
        return
    graded = grade.grade(b"", exercise_in(tmp_path), fork_server, LIMITS, "ada")
    assert {check.name: check.points for check in graded.result.checks}["flattened"] == 2


# -- why a fork failed -----------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_what_a_fork_says_of_its_failure_ends_with_the_first_line_of_a_student(fork_server: ForkServer) -> None:
    """Nobody in there can reach the pipe then, and a log is as a student expects it."""
    code = (
        "import os, logging\n"
        "from autograder.sandbox import failure\n"
        "print(failure._pipe, logging.getLogger().handlers, failure._listening)\n"
        "failure.say(OSError('forged'))\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with NotebookRun(notebook, fork_server, Limits()) as run:
        run.run_rest()
        assert run.kernel is not None
        assert run.kernel._manager is not None
        fork = run.kernel._manager.provisioner.fork
        fork_server.poll(fork)
        assert notebook.cells[0].outputs[0].text.startswith("None [] []")
        assert fork.why == ""


@pytest.mark.sandbox
def test_a_kernel_that_cannot_begin_says_where_and_why(
    fork_server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but a reason of its own, whichever step fails: its namespaces, its mounts, the kernel itself."""
    real = ForkServer._request

    def spoil(server: ForkServer, fork: object, request: dict[str, object], limits: Limits) -> object:
        if request["do"] == "kernel":
            request |= spoilt
        return real(server, fork, request, limits)  # type: ignore[arg-type]

    monkeypatch.setattr(ForkServer, "_request", spoil)
    spoilt: dict[str, object]
    for spoilt, words in (  # noqa: B007
        ({"folder": "nowhere"}, "did not start: FileNotFoundError: [Errno 2] mount /.autograder/own"),
        ({"connection": {}}, "did not start: KeyError: 'ip' (in "),
    ):
        with pytest.raises(ForkServerFailed) as raised:
            grade.grade(Entry("honest").raw(), exercise_in(tmp_path), fork_server, LIMITS, "ada")
        assert words in str(raised.value)
        assert ".py, line " in str(raised.value)


def test_a_worker_that_cannot_start_says_why_to_whom_it_is_given_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Sandbox) -> ForkServer:
        raise BrokenPlace("there is no Python here")

    monkeypatch.setattr(worker, "ForkServer", fail)
    setup = worker.Setup("any", "", "", Limits(), Sandbox.BUBBLEWRAP, None)
    worker.begin([setup])
    try:
        with pytest.raises(BrokenPlace, match="no Python here"):
            worker.work(worker.Job("any", "ada", b""))
    finally:
        worker.end()


def test_graded_is_what_it_was(fork_server: ForkServer, tmp_path: Path) -> None:
    """The canary leaves nothing behind for a submission to see."""
    canary.prove(fork_server)
    entry = Entry("looks", last="import os; print('SEES', os.listdir('.'), 'found' in dir(), 'images' in dir())")
    graded: Graded = grade.grade(entry.raw(), exercise_in(tmp_path), fork_server, LIMITS, "ada")
    assert graded.notebook is not None
    said = "".join(o.get("text", "") for c in graded.notebook.cells for o in c.get("outputs", []))
    assert "canary" not in said
    assert "False False" in said
