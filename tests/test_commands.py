"""Every command in README and book: run as it is written, or looked over word for word where it cannot be run here.

Commands are found by what they are, in blocks and between backticks, so a new one takes part by itself. Those of the
README and of the setup page are run; of the others every target, option, extra, script and path that they name has to
exist, and what is neither is refused.
"""

from __future__ import annotations

import argparse
import csv
import functools
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from kit import ROOT, missing

from autograder.arguments import make_parser

README, SETUP = ROOT / "README.md", ROOT / "book" / "setup.md"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(ROOT.glob("book/**/*.md")) if not {"node_modules", "_build"} & set(page.parts)),
    *(ROOT / "deploy" / "hub" / "README.md", ROOT / "demo" / "README.md", ROOT / "benchmarks" / "README.md"),
    *(ROOT / "data" / "README.md", *sorted(ROOT.glob("lessons/*.md"))),
]
NOT_COMMANDS = {"CHANGELOG.md", "all-messages.md"}  # what was, and what programs say
OURS = {"autograder", "make", "pip", "pip3", "python", "python3", "pytest", "sh", "py", "uv"}
# What cannot be run here, and why. What they name of ours is looked at all the same.
ELSEWHERE = {
    "kubectl": "needs a Kubernetes cluster",
    "helm": "needs a Kubernetes cluster",
    "docker": "needs Docker",
    "srun": "needs SLURM",
    "dask": "needs several machines; tests/test_cluster.py runs a scheduler and workers",
    "openssl": "tests/test_cluster.py makes its certificates with it",
    "tljh-config": "needs The Littlest JupyterHub",
    "set-up.sh": "needs The Littlest JupyterHub; tests/test_hub_production.py runs it",
    "apt-get": "changes the system",
    "sudo": "is followed by the command that counts",
    "export": "only sets a variable",
    "source": "only sets variables",
    "jupyter": "opens a browser",
    "nbgrader": "another project's; tests/test_gradebook.py and others run it",
    "git": "needs a repository to fetch from",
    "systemd-run": "needs systemd",
    "npm": "fetches packages; `make test` does",
    "nvidia-smi": "needs a graphics card",
    "apparmor_parser": "needs AppArmor",
    "install": "changes the system",
    "cp": "is a matter of the reader's own folders",
    "cd": "is a matter of the reader's own folders",
    "ip": "shows the reader's own network",
    "unzip": "unpacks what the line before made",
    "grep": "stands in a recipe for the lock",
}
_PROGRAM = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:sudo )?(?:\S*/)?([\w.-]+)(?= )")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*(\S*)")


def _commands(page: Path) -> Iterator[str]:
    """The commands of a page: lines of blocks in a shell's language or in none, and what stands between backticks."""
    fence, language, block = "", "", ""
    for line in page.read_text("utf-8").splitlines():
        found = _FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2]:
                fence = ""
            elif language in ("", "bash", "sh", "console", "powershell"):
                block += line.strip().removesuffix("\\")
                if not line.rstrip().endswith("\\"):
                    if _known(block):
                        yield re.sub(r"\s+#\s.*$", "", block).strip()
                    block = ""
        elif found and not line.strip().endswith("```" * 2):
            if not found[2].startswith("{"):
                fence, language = found[1], found[2]
        else:
            if line.startswith("    ") and (block or _known(line.strip())):
                block += line.strip().removesuffix("\\")
                if not line.endswith("\\"):
                    yield block
                    block = ""
                continue
            for inline in re.findall(r"(?<!`)`([^`]+)`(?!`)", line):
                if _known(inline) and not inline.endswith(":"):
                    yield inline


def _known(text: str) -> bool:
    found = _PROGRAM.match(text)
    return bool(found) and found[1] in OURS | set(ELSEWHERE)


ALL = sorted({(page, command) for page in PAGES if page.name not in NOT_COMMANDS for command in _commands(page)})


def _id(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)[:50]


def test_the_commands_are_found() -> None:
    found = {(page.name, command) for page, command in ALL}
    assert len(found) > 60
    assert ("README.md", "make demo") in found
    assert ("README.md", ".venv/bin/autograder doctor") in found, "between backticks"
    assert ("setup.md", 'pip install ".[cpu]" jupyterlab') in found, "in a block in a tab"
    assert any("--values deploy/hub/z2jh/values.yaml --values yours.yaml" in command for _, command in found), "joined"


@pytest.mark.parametrize(("page", "command"), ALL, ids=_id)
def test_what_a_command_names_exists(page: Path, command: str) -> None:
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", command)
    assert not re.search(r"\S\[[\w,]+\]", bare), "to a shell, brackets are a pattern: quote them"
    words = shlex.split(command.replace("\\", "/") if page == SETUP else command)
    while words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words = words[1:]
    program = words[0].rpartition("/")[2]
    for word in words:
        path = word.partition("=")[2] if word.startswith("--") else word
        if re.match(r"(deploy|tools|data|autograder|book|demo|benchmarks|lessons|solutions|exercises|tests)/\w", path):
            assert (ROOT / path).exists() or path.startswith("book/_build") or "NAME" in path, f"there is no {path}"
    if program in ("python", "python3", "py"):
        _check_python(words[1:], page)
    elif program == "make":
        _check_make(words[1:])
    elif program in ("pip", "pip3"):
        _check_pip(words[1:])
    elif program == "autograder":
        _check_ours(words[1:])
    elif program == "sh":
        assert (ROOT / words[1]).exists()
    elif program not in ("pytest", "uv"):
        assert ELSEWHERE[program], "why it cannot be run"
        if program == "srun" and "autograder" in words:
            _check_ours(words[words.index("autograder") + 1 :])


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for word in words:
        name, is_variable, _ = word.partition("=")
        pattern = rf"^{name} \??:?= ?" if is_variable else rf"^{re.escape(name)}:"
        assert re.search(pattern, makefile, re.M), f"the Makefile has no {word}"


@functools.cache
def _extras() -> set[str]:
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])


def _check_pip(words: list[str]) -> None:
    for word in words:
        name, _, extras = word.partition("[")
        assert name != "autograder" or words[0] == "uninstall", "that is another project"
        if (name in (".", "keras-lesson-kit") or name.endswith(".whl")) and extras:
            assert set(extras.rstrip("]").split(",")) <= _extras(), word


def _check_ours(words: list[str]) -> None:
    """Every option of ours is one that the command has; a command may stand alone, as a name."""
    if not words:
        return
    (group,) = [a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    if words[0].startswith("-"):
        assert words[0] in ("--help", "--version")
        return
    assert words[0] in group.choices, f"there is no command {words[0]}"
    parser = group.choices[words[0]]
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    unknown = [option for option in options if option not in parser._option_string_actions]
    assert not unknown, f"autograder {words[0]} has no {unknown}"
    if len(words) > 1 and "..." not in words and not any(word == "…" for word in words):
        said = io.StringIO()
        try:
            with redirect_stderr(said), redirect_stdout(said):
                parser.parse_args(words[1:])
        except SystemExit:
            assert words[1].startswith("-"), said.getvalue()
            assert "required" in said.getvalue(), said.getvalue()


def _check_python(words: list[str], page: Path) -> None:
    """A module or script of the kit with the options that its source knows."""
    if words[:1] in (["--version"], ["--list"]) or words[0].startswith("-3"):
        return
    if words[0] == "-m":
        if words[1] in ("venv", "pip", "pytest"):
            return
        if words[1] == "autograder":
            _check_ours(words[2:])
            return
        spec = importlib.util.find_spec(words[1])
        assert spec is not None, f"there is no module {words[1]}"
        file = Path(spec.origin or "")
        file = file.with_name("__main__.py") if file.name == "__init__.py" else file
        rest = words[2:]
    else:
        if "/" not in words[0]:  # the reader's own, which the page makes
            assert page.read_text("utf-8").count(words[0]) > 1
            return
        file, rest = ROOT / words[0], words[1:]
    assert file.is_file(), f"there is no {file}"
    text = file.read_text("utf-8")
    for option in [word for word in rest if word.startswith("--") and word != "--"]:
        if rest.index(option) < (rest.index("--") if "--" in rest else len(rest)):
            assert f'"{option.partition("=")[0]}"' in text, f"{file.name} has no {option}"


# -- run as written --------------------------------------------------------------------------------------------------

# Too long for a test of their own, or not to be run on any machine, each with what runs it.
RUN_BY = {
    "make demo": ".ci/run runs it in a fresh clone",
    "make test": ".ci/run runs it in a fresh clone",
    "make book": "tests/test_book.py builds it with the same script",
    "sudo make system-apparmor": "changes the system; .github/workflows/gate.yml runs it",
}
README_COMMANDS = list(dict.fromkeys(_commands(README)))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone as the README has it: its own folder, its environment in `.venv`, somebody's hand-ins beside it."""
    if not (Path(sys.prefix) / "bin" / "autograder").exists():
        missing("this Python's environment has no command `autograder`")
    folder = tmp_path_factory.mktemp("clone")
    for entry in ROOT.iterdir():
        if entry.name not in (".venv", ".git", "demo"):
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "demo").mkdir()
    notebook = (ROOT / "exercises" / "03-dense-networks" / "03-dense-networks.ipynb").read_bytes()
    (folder / "NOTEBOOK").write_bytes(notebook)
    with zipfile.ZipFile(folder / "submissions.zip", "w") as archive:
        archive.writestr("Ada Lovelace_101_assignsubmission_file_/03-dense-networks.ipynb", notebook)
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("Full name", "Username"), ("Ada Lovelace", "ada")])
    return folder


def _bash(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=kept | environment, capture_output=True, text=True, timeout=400
    )


def test_those_that_are_too_long_are_run_elsewhere() -> None:
    gate = (ROOT / ".ci" / "run").read_text("utf-8")
    for command, who in RUN_BY.items():
        assert command in README_COMMANDS
        assert ".ci/run" not in who or re.search(rf"^{command}( |$)", gate, re.M)
    assert "book/build.py" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("command", [c for c in README_COMMANDS if c not in RUN_BY], ids=_id)
def test_the_readmes_commands_run_as_written(command: str, clone: Path) -> None:
    """In the order of the page: what is collected is graded."""
    (clone / "COURSE").mkdir(exist_ok=True)
    done = _bash(command, clone)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    if "pytest" in command:  # the notebook is not done, so tests fail: pytest's own status
        assert done.returncode == 1, said
        assert "NotAttempted" in said or "not attempted" in said.lower() or "failed" in said
    else:
        assert done.returncode == 0, said
    if " grade " in command:
        assert "ada" in said


@pytest.mark.slow
def test_the_setup_pages_commands_run_as_written(tmp_path: Path) -> None:
    """In one shell, from a copy of the kit. pip resolves and fetches metadata, and installs nothing: 1.7 GB of it."""
    block = re.search(r"```bash\n(python3 -m venv.*?)```", SETUP.read_text("utf-8"), re.S)
    assert block is not None
    folder = tmp_path / "kit"
    folder.mkdir()
    for name in ("autograder", "exercises", "data", "pyproject.toml", "README.md", "LICENSE", "LICENSE-CC-BY-4.0"):
        (folder / name).symlink_to(ROOT / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    (programs / "jupyter").write_text('#!/bin/sh\necho "jupyter $*"; test -d "$2"\n')
    (programs / "jupyter").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    dry = 'pip() { command pip "$1" --dry-run "${@:2}"; }'
    done = _bash(f"set -e\n{dry}\n{block[1]}", folder, PATH=path, PIP_NO_INPUT="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jupyter lab exercises" in done.stdout
    would = next(line for line in done.stdout.splitlines() if line.startswith("Would install"))
    for package in ("keras-lesson-kit-", "tensorflow", "keras-", "jupyterlab-"):
        assert package in would


def test_the_setup_page_says_the_same_for_windows() -> None:
    text = SETUP.read_text("utf-8")
    (linux,) = re.findall(r"```bash\n(python3 -m venv.*?)```", text, re.S)
    (windows,) = re.findall(r"```powershell\n(py -m venv.*?)```", text, re.S)
    assert linux.splitlines()[2:] == windows.splitlines()[2:]


def test_the_pythons_that_the_pages_name_are_those_of_the_package() -> None:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert requires == ">=3.11,<3.14"
    for page in (README, SETUP, ROOT / "tools" / "learner_bundle.py"):
        assert re.search(r"Python 3\.11, 3\.12 or 3\.13", page.read_text("utf-8")), page
