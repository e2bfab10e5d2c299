"""How the tests are run: a second try is never silent, and in the gate nothing is skipped."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kit import HEAVY, ROOT

CONFTEST = ("conftest.py", "chromium.py", "kit.py")  # with what it imports

FLAKY = """
from pathlib import Path
import pytest
tried = Path(__file__).with_name("tried")

@pytest.mark.xdist_group("a")
@pytest.mark.parametrize("way", ["here@there"])
def test_passes_at_the_second_try(way):
    before = tried.exists()
    tried.touch()
    assert before

def test_passes(): pass
"""


@pytest.fixture
def run_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`tools/run_tests.py`, for a project of its own."""
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "tools" / "run_tests.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    monkeypatch.setenv("AUTOGRADER_FLAKY", str(tmp_path / "kept"))  # not where the gate keeps its own
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return module


def test_second_try_is_named_with_what_the_first_died_of(
    run_tests: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CONFTEST:
        shutil.copy(ROOT / "tests" / name, tmp_path / name)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['slow', 'sandbox', 'browser']\n")
    (tmp_path / "test_flaky.py").write_text(FLAKY)
    assert run_tests.main(["test_flaky.py"]) == 0
    said = capfd.readouterr().out
    assert "1 failed, 1 passed" in said
    test = "test_flaky.py::test_passes_at_the_second_try[here@there]"
    assert f"FLAKY: 1. Passed only at the second try, alone:\n  {test}\n      E       assert False" in said
    assert (tmp_path / "kept").read_text() == f"  {test}\n      E       assert False\n"


def test_many_flaky_tests_are_no_accident(
    run_tests: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = [["test_a.py::a[1]", "b", "c", "d"], []]
    monkeypatch.setattr(run_tests, "_pytest", lambda cache, arguments: int(bool(tries[0])))
    monkeypatch.setattr(run_tests, "_failed", lambda cache: tries.pop(0))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run_tests.main([]) == 1
    said = capfd.readouterr().out
    assert "FLAKY: 4." in said
    assert "More than 3 flaky tests" in said
    assert "::warning title=Flaky test::test_a.py::a[1]: " in said


def test_a_real_failure_fails_twice(run_tests: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_wrong.py").write_text("def test_wrong(): assert False\ndef test_right(): pass\n")
    assert run_tests.main(["test_wrong.py"]) == 1
    said = capfd.readouterr().out
    assert said.count("1 failed") == 2
    assert "second try" not in said


@pytest.mark.parametrize(("strict", "status"), [("", 0), ("1", 1)])
def test_nothing_is_skipped_in_the_gate(tmp_path: Path, strict: str, status: int) -> None:
    for name in CONFTEST:
        shutil.copy(ROOT / "tests" / name, tmp_path / name)
    (tmp_path / "test_tool.py").write_text("import pytest\ndef test_it(): pytest.skip('there is no Chromium')\n")
    (tmp_path / "test_file.py").write_text("import pytest\npytest.skip('no root', allow_module_level=True)\n")
    (tmp_path / "test_data.py").write_text("import pytest\ndef test_it(): pytest.skip('the Fashion-MNIST originals')\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOGRADER_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment | ({"AUTOGRADER_NOTHING_SKIPPED": strict} if strict else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode not in (0, 5)) == bool(status), done.stdout
    assert ("1 failed" in done.stdout and "1 error" in done.stdout) == bool(status), done.stdout
    assert "1 skipped" in done.stdout if strict else "3 skipped" in done.stdout


USERS = """
import os, pytest
def test_same_for_everybody(): pass
def test_fails(): assert False
@pytest.mark.parametrize("n", [1, 2])
def test_skipped(n):
    if n == 1: pytest.skip('needs root')
@pytest.mark.sandbox
def test_of_the_sandbox(fork_server): pass
"""


def test_what_passed_as_one_user_is_not_tried_as_another_unless_it_may_differ(tmp_path: Path) -> None:
    for name in CONFTEST:
        shutil.copy(ROOT / "tests" / name, tmp_path / name)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  sandbox: x\n  slow: x\n  browser: x\n")
    (tmp_path / "test_a.py").write_text(
        USERS + "@pytest.fixture(scope='session')\ndef fork_server(): return None\n"
        "@pytest.fixture(autouse=True)\ndef _needs(): return None\n"
    )
    (tmp_path / "test_b.py").write_text(
        "import os\ndef test_asks(): assert os.getuid() >= 0\ndef test_does_not(): pass\n"
    )
    noted = tmp_path / "passed.json"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOGRADER_", "PYTEST_"))}
    options: dict[str, Any] = {
        "cwd": tmp_path,
        "env": environment,
        "capture_output": True,
        "text": True,
    }
    first = subprocess.run([*command, f"--note-passed={noted}"], **options, check=False)
    assert "1 failed, 5 passed, 1 skipped" in first.stdout, first.stdout
    assert json.loads(noted.read_text()) == {
        "test_a.py::test_fails": False,
        "test_a.py::test_of_the_sandbox": True,
        "test_a.py::test_same_for_everybody": True,
        "test_a.py::test_skipped[1]": False,
        "test_a.py::test_skipped[2]": True,
        "test_b.py::test_asks": True,
        "test_b.py::test_does_not": True,
    }
    second = subprocess.run([*command[:4], f"--passed-already={noted}"], **options, check=False)
    assert "1 failed, 2 passed, 1 skipped" in second.stdout, second.stdout


ASKS = {
    "test itself": ["def test_1(tmp_path): tmp_path.chmod(0o700)"],
    "helper": ["def ours(): return os.geteuid() == 0", "def helper(): return ours()", "def test_1(): assert helper()"],
    "fixture": ["@pytest.fixture", "def mine(tmp_path): os.chown(tmp_path, 0, -1)", "def test_1(mine): pass"],
    "value": ["ROOT = os.getuid() == 0", "@pytest.mark.skipif(ROOT, reason='x')", "def test_1(): pass"],
    "longer value": ["NAMES = ['a']", "NAMES += ['chmod']", "class test_1: names = NAMES"],
    "every test gets it": ["@pytest.fixture(autouse=True)", "def closed(tmp_path): tmp_path.chmod(0)"],
    "whole file": ["pytestmark = pytest.mark.skipif(os.getuid() != 0, reason='x')"],
    "when imported": ["if os.getuid(): pytest.skip('root', allow_module_level=True)"],
}


@pytest.mark.parametrize("lines", ASKS.values(), ids=list(ASKS))
def test_who_runs_it_matters_to_a_test_that_asks_itself_or_through_what_it_uses(
    lines: list[str], pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("\n".join(["import os, pytest", "def other(): pass", *lines, "def test_2(): other()"]))
    conftest = _conftest(pytestconfig)
    names = conftest._look_at_the_user(file)
    if any("test_1" in line for line in lines):
        assert "test_1" in names
        assert not {"other", "test_2", conftest.ALL_OF_IT} & names
    else:
        assert conftest.ALL_OF_IT in names


OF_A_KIND = """
import pytest
def test_fast(): pass
@pytest.mark.slow
def test_slow(): pass
@pytest.mark.browser
def test_in_a_browser(): pass
"""


def test_each_python_tries_what_it_may_change_and_an_ordinary_user_all_of_the_sandbox(tmp_path: Path) -> None:
    for name in CONFTEST:
        shutil.copy(ROOT / "tests" / name, tmp_path / name)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  sandbox: x\n  slow: x\n  browser: x\n")
    for name in ("test_a", "test_wire", "test_attacks"):
        (tmp_path / f"{name}.py").write_text(OF_A_KIND)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOGRADER_", "PYTEST_"))}

    def chosen(*options: str) -> set[str]:
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", *options]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return {line.replace(".py::test", "") for line in done.stdout.splitlines() if "::" in line}

    user = chosen("--ordinary-user")
    assert user == {"test_a_fast", "test_wire_fast", "test_attacks_fast", "test_attacks_slow"}
    passed = {f"{test.rpartition('_')[0]}.py::test_{test.rpartition('_')[2]}": True for test in user}
    (tmp_path / "passed.json").write_text(json.dumps(passed))
    assert chosen() - chosen("--passed-already=passed.json") == {"test_a_fast"}


@pytest.fixture
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`.ci/ordinary_user.py`."""
    spec = importlib.util.spec_from_file_location("ordinary_user", ROOT / ".ci" / "ordinary_user.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ordinary_user", module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("go", ["go\n", ""])
def test_an_ordinary_users_tests_wait_for_lint_and_demo(
    go: str, ordinary_user: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []

    def ready(python: Any, kit: Path) -> Path:
        did.append(f"made {kit.name}")
        kit.mkdir()
        return kit

    class Stdin:
        def readline(self) -> str:
            while not did:  # beside it the environment is made
                time.sleep(0.01)
            did.append("asked")
            return go

    def run(home: Path, kit: Path, *command: str, output: Any = None) -> list[str]:
        did.append(f"{command[0]} in {kit.name}")
        return []

    found = {minor: ordinary_user.Python(f"{minor}.1", tmp_path, tmp_path) for minor in ("3.11", "3.13")}
    monkeypatch.setattr(ordinary_user, "pythons", lambda: found)
    monkeypatch.setattr(ordinary_user, "user", lambda: nullcontext(tmp_path))
    monkeypatch.setattr(ordinary_user, "ready", ready)
    monkeypatch.setattr(ordinary_user, "run", run)
    monkeypatch.setattr(ordinary_user.os, "getuid", lambda: 0)
    monkeypatch.setattr(ordinary_user.sys, "stdin", Stdin())
    handler = signal.getsignal(signal.SIGINT)
    try:
        assert ordinary_user.main([]) == int(not go)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert did[:2] == ["made kit-3.13", "asked"]
    assert sorted(did[2:]) == ([".venv/bin/python in kit-3.13", "make in kit-3.13"] if go else [])


def test_collecting_the_tests_imports_nothing_that_takes_seconds(pytestconfig: pytest.Config) -> None:
    """Each worker of pytest collects all tests: in the gate that is a dozen times."""
    assert not pytestconfig.stash[HEAVY], "import it in a fixture or in the test, not at the top of a file of tests"


KEEPS = """
import sys
from importlib.util import cache_from_source
from pathlib import Path
def test_is_compiled():
    assert not sys.dont_write_bytecode
    assert Path(cache_from_source(Path(__file__).with_name("autograder") / "part.py")).is_file()
"""


def test_a_module_is_compiled_once_for_all_processes(
    run_tests: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "autograder").mkdir()
    (tmp_path / "autograder" / "part.py").write_text("")
    (tmp_path / "test_keeps.py").write_text(KEEPS)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert run_tests.main(["test_keeps.py"]) == 0


def _conftest(config: pytest.Config) -> Any:
    """The module, of which there are several of that name."""
    (found,) = (
        plugin
        for plugin in config.pluginmanager.get_plugins()
        if getattr(plugin, "__file__", None) == str(ROOT / "tests" / "conftest.py")
    )
    return found


def test_the_files_that_the_order_names_are_there(pytestconfig: pytest.Config) -> None:
    conftest = _conftest(pytestconfig)
    lists = ("LONGEST_FIRST", "ON_A_HUB", "ON_THE_BOOK", "ON_THE_SITE", "SPREAD", "OF_THE_SANDBOX", "OF_THE_PYTHON")
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert {name for one in (*lists, "CORPORA") for name in getattr(conftest, one)} <= there
