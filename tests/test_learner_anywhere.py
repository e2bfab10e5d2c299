"""A learner's side on Windows and macOS: without what only Linux has, and in folders with any name.

Nobody here has such a machine, so a process is made to look like one: its platform's name, the modules and functions
of `os` and `signal` that are not there. What the other packages do there is their own affair: they are imported first.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from forks import Forks, Program, start_forks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit import ROOT
from no_answers import NoAnswers

from autograder.exercise.checking import run_checks
from autograder.exercise.definition import Exercise, find_exercise
from autograder.exercise.outcome import Outcome
from autograder.exercise.submission import Submission

POSIX_MODULES = ["fcntl", "grp", "posix_ipc", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty", "crypt"]
LINUX_OS = ["memfd_create", "pidfd_open", "sched_getaffinity", "sched_setaffinity", "splice", "eventfd", "getxattr"]
LINUX_OS += ["listxattr", "setns", "unshare", "getresuid", "setresuid", "posix_fadvise", "copy_file_range"]
POSIX_OS = ["O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG", "chown", "chroot", "fchmod", "fchown", "fork"]
POSIX_OS += ["forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid", "getpgrp"]
POSIX_OS += ["getpriority", "getuid", "killpg", "lchown", "mkfifo", "mknod", "nice", "openpty", "pread"]
POSIX_OS += ["pwrite", "register_at_fork", "setgid", "setgroups", "setpgid", "setsid", "setuid", "statvfs"]
POSIX_OS += ["sync", "sysconf", "uname", "wait3", "wait4"]
POSIX_SIGNALS = ["SIGKILL", "SIGALRM", "SIGCHLD", "SIGHUP", "SIGUSR1", "SIGPIPE", "setitimer", "alarm", "pthread_kill"]

OTHERS = ["IPython", "ipykernel", "keras", "matplotlib.pyplot", "numpy", "pytest", "tensorflow"]
PRETEND = """
import importlib.abc, json, os, platform, signal, sys, warnings

sys.path[0] = ""
for name in [name for name in os.environ if name.startswith("PYTEST")]:
    del os.environ[name]
os.chdir(FOLDER)
platform.platform()

class NotThere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in GONE:
            raise ModuleNotFoundError(f"No module named {name!r} on this system", name=name)

sys.meta_path.insert(0, NotThere())
for name in GONE:
    sys.modules.pop(name, None)
for name in OS_GONE:
    if hasattr(os, name): delattr(os, name)
for name in SIGNALS_GONE:
    if hasattr(signal, name): delattr(signal, name)
sys.platform = SYSTEM  # os.name stays: pathlib takes it for what the interpreter was made for
# A file without an encoding is read as Windows sees fit.
warnings.filterwarnings("error", category=EncodingWarning, module=r"autograder\\b")
"""
ANSWER = """
from autograder import data, start
from autograder.learner import device

said = {}
for cell in CELLS:
    exec(compile(cell, "cell", "exec"), globals())
said["points"] = sum(check(task) for task in TASKS)
check("counted"); hint("counted")
hidden_parameters = 7840
said["wrong"] = check("counted")
hint("counted")
said["mnist"] = data.load_mnist()[0][0].shape
device.show_device()
from autograder import cli
said["doctor"] = cli.main(["doctor"])
said["grade"] = cli.main(["grade", "03-dense-networks", "--course", "."])
said["modules"] = [name for name in sys.modules if name.startswith(("autograder.sandbox", "autograder.grading"))]
print("SAID" + json.dumps(said))
"""


@pytest.fixture(scope="module")
def imported() -> Iterator[Forks]:
    """A process that has imported the other packages, for each system to be a fork of."""
    settings = {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "PYTHONWARNDEFAULTENCODING": "1"}
    with start_forks(OTHERS, settings) as forks:
        yield forks


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "os_gone", "modules", "signals"),
    [
        ("win32", POSIX_OS + LINUX_OS, POSIX_MODULES, POSIX_SIGNALS),
        ("darwin", LINUX_OS, ["spwd", "posix_ipc"], []),
    ],
)
def test_a_learner_works_on_another_system(
    system: str, os_gone: list[str], modules: list[str], signals: list[str], imported: Forks, tmp_path: Path
) -> None:
    """The reference answers of a whole exercise get full marks, a wrong one its hint, doctor answers."""
    solution = json.loads((ROOT / "solutions/03-dense-networks/03-dense-networks.ipynb").read_text("utf-8"))
    code = ["".join(cell["source"]) for cell in solution["cells"] if cell["cell_type"] == "code"]
    tasks = [task.grade_id for task in find_exercise("03-dense-networks").tasks]
    program = (
        f"SYSTEM, GONE, OS_GONE, SIGNALS_GONE = {system!r}, {modules!r}, {os_gone!r}, {signals!r}\n"
        f"FOLDER = {str(tmp_path)!r}\n{PRETEND}\n"
        f"CELLS, TASKS = {[c for c in code if not c.startswith('check(')]!r}, {tasks!r}\n{ANSWER}"
    )
    (done,) = imported.run(Program(program))
    assert "SAID" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    said = json.loads(done.stdout.rpartition("SAID")[2])
    assert said["points"] == find_exercise("03-dense-networks").max_score
    assert 0 < said["wrong"] < 3
    assert "That is the number of weights" in done.stdout or "bias" in done.stdout
    assert said["mnist"] == [60000, 28, 28]
    assert "Keras is using tensorflow" in done.stdout
    assert said["doctor"] == 0
    assert "grading needs Linux; learners do not" in done.stdout
    assert said["grade"] == 2
    assert f"needs Linux, and this is {system}" in done.stderr
    assert said["modules"] == []


# -- folders with any name -------------------------------------------------------------------------------------------

KNOWN = find_exercise("02-one-hot-encoding")


_NAMES = st.text(
    st.characters(blacklist_characters="/\0$", blacklist_categories=["Cs"])
    | st.sampled_from("[]:% #?'\"\\*!~&;|()=,@"),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in (".", "..") and len(os.fsencode(name)) < 200)


@given(name=_NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_checks_run_wherever_the_kit_lies(name: str, tmp_path: Path) -> None:
    """As pytest reads its arguments, `[` begins a parameter and `::` the name of a class."""
    folder = tmp_path / f"x{name}"
    if not folder.is_dir():
        folder.mkdir()
        for file in (
            "exercises/02-one-hot-encoding/02-one-hot-encoding.ipynb",
            "autograder/checks/test_02_one_hot_encoding.py",
        ):
            shutil.copy(ROOT / file, folder / Path(file).name)

    notebook, checks = folder / "02-one-hot-encoding.ipynb", folder / "test_02_one_hot_encoding.py"
    exercise = Exercise.read("02-one-hot-encoding", notebook, checks)
    (result,) = run_checks(exercise, Submission(NoAnswers()), only=exercise.tasks[0].grade_id)
    assert {test.outcome for test in result.tests} == {Outcome.NOT_ATTEMPTED}
