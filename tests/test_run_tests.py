"""How the tests are run: a second try is never silent, and in the gate nothing is skipped."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from kit import ROOT

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
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return module


def test_second_try_is_named(run_tests: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_flaky.py").write_text(FLAKY)
    assert run_tests.main(["test_flaky.py"]) == 0
    said = capfd.readouterr().out
    assert "1 failed, 1 passed" in said
    assert "Passed only at the second try, alone:\n  test_flaky.py::test_passes_at_the_second_try[here@there]" in said


def test_a_real_failure_fails_twice(run_tests: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_wrong.py").write_text("def test_wrong(): assert False\ndef test_right(): pass\n")
    assert run_tests.main(["test_wrong.py"]) == 1
    said = capfd.readouterr().out
    assert said.count("1 failed") == 2
    assert "second try" not in said


@pytest.mark.parametrize(("strict", "status"), [("", 0), ("1", 1)])
def test_nothing_is_skipped_in_the_gate(tmp_path: Path, strict: str, status: int) -> None:
    for name in ("conftest.py", "kit.py"):
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
