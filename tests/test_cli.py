"""The command line from outside: exit statuses, one clear line, JSON, and what is not imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kit import ROOT


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autograder", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)


def test_help_needs_nothing_heavy() -> None:
    code = "import sys; from autograder import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in ('numpy', 'pytest', 'nbformat', 'keras', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("room", ["course.directory", "grading.repair", "report", "similar"])
def test_no_command_compiles_the_grammar_of_addresses(room: str) -> None:
    """Which jsonschema does in 1.5 s, when nbformat is imported, unless it cannot see the package."""
    code = f"import autograder.{room}, nbformat, sys; print(sys.modules['rfc3987_syntax'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "None\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "no-such.ipynb"], "no-such.ipynb cannot be read"),
        (["grade", "03-dense-networks", "--course", "no-such-course"], "no course directory"),
        (["grade", "03-dense-networks"], "--course"),
        (["grade", "03-dense-networks", "--course", "X", "--workers", "0"], "not a positive number"),
        (["grade", "03-dense-networks", "--course", "X", "--sandbox", "maybe"], "invalid choice"),
        (["nonsense"], "invalid choice"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_is_wrong(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_exercise_lists_those_there_are(course: Path) -> None:
    done = run("grade", "99-nothing", "--course", str(course))
    assert done.returncode == 2
    assert "03-dense-networks" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_unknown_student_is_named(course: Path) -> None:
    done = run("grade", "03-dense-networks", "--course", str(course), "--student", "nobody")
    assert done.returncode == 2
    assert "nobody" in done.stderr


@pytest.mark.parametrize("text", ['{"limits": {"cell_second": 3}}', '{"limits": {"cell_seconds": -1}}', "{", "[]"])
def test_bad_limits_are_refused_before_anything_is_graded(course: Path, text: str) -> None:
    (course / "autograder.json").write_text(text)
    done = run("grade", "03-dense-networks", "--course", str(course))
    assert done.returncode == 2
    assert "autograder.json" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_notebook_of_no_known_exercise(tmp_path: Path) -> None:
    path = tmp_path / "homework.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = run("check", str(path))
    assert done.returncode == 2
    assert "--exercise" in done.stderr


def test_required_sandbox_refuses_where_there_is_none(course: Path) -> None:
    command = [sys.executable, "-m", "autograder", "grade", "03-dense-networks", "--course", str(course)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": "/nowhere"}
    done = subprocess.run(
        [*command, "--sandbox", "require"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2
    assert "bubblewrap is not installed" in done.stderr
