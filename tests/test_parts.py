"""What is installed and what is missing: declared dependencies, one line for each gap, other packages of our name."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from kit import ROOT

import autograder
from autograder import cli, errors, parts
from autograder.arguments import make_parser

PACKAGE = ROOT / "autograder"
# Which parts a room may count on, besides what every learner has. Whatever a command needs is asked for by its name.
ROOM_PARTS: dict[str, tuple[str, ...]] = {
    "checks": (),
    "exercise": (),
    "learner": (),
    "backend": (),
    "data": (),
    "errors": (),
    "parts": (),
    "doctor": (),
    "cli": (),
    "__init__": (),
    "__main__": (),
    "compat": ("cpu", "grade"),
    "course": ("grade",),
    "grading": ("cpu", "grade", "cluster"),
    "sandbox": ("cpu", "grade"),
    "report": ("grade",),
    "similar": ("grade",),
    "probe": ("grade",),
    "lms": ("grade", "hub"),
    "marking": ("grade",),
    "templates": ("grade",),
    "pytest_plugin": ("grade",),
    "jupyter": ("grade", "hub"),
}
# Where they are not called alike.
PACKAGE_OF = {"jwt": "pyjwt", "yaml": "pyyaml", "zmq": "pyzmq", "tensorflow": "tensorflow-cpu"}
OURS = {"autograder", "keras_in_page"}  # the second comes with a page, from browser/
SAID = "No lesson kit here. Run `pip uninstall autograder keras-lesson-kit`, install it anew, restart the kernel.\n"
FOREIGN = 'import importlib.metadata\n\n__version__ = importlib.metadata.version("autograder")\n'


def _declared() -> dict[str, set[str]]:
    """The packages of each part, as `pyproject.toml` has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {"": project["dependencies"], **project["optional-dependencies"]}
    return {part: {re.split(r"[\[<>=!; ]", line)[0].lower() for line in lines} for part, lines in named.items()}


def _imports() -> list[tuple[str, str, str]]:
    """Room, file and top-level module of each import of somebody else's, those inside functions too."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for top in {name.partition(".")[0] for name in names} - OURS - sys.stdlib_module_names:
                found.append((file.with_suffix("").parts[0], str(file), top))
    return found


def test_whatever_is_imported_is_declared_for_the_room_that_imports_it() -> None:
    declared = _declared()
    imports = _imports()
    assert len({top for _, _, top in imports}) > 15, "the scan has found next to nothing"
    wrong = []
    for room, file, top in imports:
        package = PACKAGE_OF.get(top, top.lower().replace("_", "-"))
        if not any(package in declared[part] for part in ("", *ROOM_PARTS[room])):
            wrong.append(f"{file} imports {top}")
    assert not wrong, wrong


def test_the_table_of_modules_is_what_is_imported() -> None:
    """`require` looks for these modules, so one that is not in the table would be missed."""
    table = {name for modules in parts.MODULES.values() for name in modules}
    assert table == {top for _, _, top in _imports()}
    declared = _declared()
    for part, modules in parts.MODULES.items():
        for name in modules:
            assert PACKAGE_OF.get(name, name.lower().replace("_", "-")) in declared[part], f"{name} in [{part}]"


def test_the_kit_is_called_what_the_advice_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == parts.DISTRIBUTION
    assert set(parts.MODULES) - {""} <= set(project["optional-dependencies"])


def test_nobody_is_told_to_install_the_other_package() -> None:
    """Neither by the name alone, nor with extras; nor the kit by its name, which is on no index; and a pattern with
    brackets survives no shell."""
    texts = [*ROOT.glob("*.md"), *ROOT.glob("book/**/*.md"), *PACKAGE.rglob("*.py"), *ROOT.glob("deploy/**/*")]
    texts += [*ROOT.glob("tools/*"), *ROOT.glob("exercises/*/*.ipynb"), *ROOT.glob("lessons/*.md")]
    wrong = []
    for path in texts:
        if not path.is_file() or "node_modules" in path.parts or "_build" in path.parts:
            continue
        for line in path.read_text("utf-8", errors="replace").splitlines():
            by_name = path.name != "CHANGELOG.md" and re.search(r"pip3? install ['\"]?keras-lesson-kit", line)
            if by_name or re.search(r"pip3? install [^`]*\bautograder\b", line) or re.search(r"\*\.whl\[", line):
                wrong.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert not wrong, wrong


WHEEL = "keras_lesson_kit-9.9-py3-none-any.whl"
INSTALLED_FROM = {
    "{url_of_file}": 'pip install "{file}[grade]"',
    f"file:///gone/{WHEEL}": f'pip install "./{WHEEL}[grade]"',
    "https://example.org/kit.whl": 'pip install "keras-lesson-kit[grade] @ https://example.org/kit.whl"',
    "": 'pip install "./keras_lesson_kit-9.9-py3-none-any.whl[grade]"',  # by `pip install --no-index --find-links dist`
}


@pytest.mark.parametrize("url", INSTALLED_FROM)
def test_a_part_comes_from_where_the_kit_came_from(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On no index is a package of the kit's name; whoever took that name would run code of theirs in its place."""
    site, file = tmp_path / "site", tmp_path / "from here" / WHEEL
    known = site / "keras_lesson_kit-9.9.dist-info"
    known.mkdir(parents=True)
    file.parent.mkdir()
    file.touch()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: keras-lesson-kit\nVersion: 9.9\n")
    if url:
        record = {"url": url.format(url_of_file=file.as_uri()), "archive_info": {}}
        (known / "direct_url.json").write_text(json.dumps(record))
    monkeypatch.syspath_prepend(str(site))
    assert parts.install("grade") == f'pip install --editable "{ROOT}[grade]"'
    monkeypatch.setattr(parts, "__file__", str(site / "autograder" / "parts.py"))
    (site / "pyproject.toml").write_text('[project]\nname = "of somebody else"\n')
    assert parts.install("grade") == INSTALLED_FROM[url].format(file=file)
    (known / "METADATA").unlink()  # as where nothing is known of it
    (known / "direct_url.json").write_text("not JSON")
    assert parts.install() == f'pip install "./keras_lesson_kit-{autograder.__version__}-py3-none-any.whl"'


# -- a wheel with little in it ---------------------------------------------------------------------------------------

BLOCKER = """
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Blocked())
"""
BEYOND_A_LEARNER = sorted({name for part in ("grade", "cluster", "hub") for name in parts.MODULES[part]})


def _commands() -> dict[str, list[str]]:
    """Every command, with something for whatever it insists on."""
    (group,) = [a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    found = {}
    for name, parser in group.choices.items():
        given = [name]
        for action in parser._actions:
            value = "1" if action.type is not None and action.type is not Path else "something"
            value = str(next(iter(action.choices))) if action.choices else value
            if not action.option_strings and action.nargs not in ("*", "?"):
                given.append(value)
            elif action.option_strings and action.required:
                given += [action.option_strings[0], value]
        found[name] = given
    return found


def test_every_command_says_in_one_line_what_to_install(tmp_path: Path) -> None:
    """One process for all of them: each of these answers before it imports anything."""
    program = (
        f"BLOCKED = {BEYOND_A_LEARNER!r}\n{BLOCKER}\n"
        "import contextlib, io, json\n"
        "from autograder import cli\n"
        "answers = {}\n"
        f"for name, arguments in {_commands()!r}.items():\n"
        "    out, err = io.StringIO(), io.StringIO()\n"
        "    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):\n"
        "        status = cli.main(arguments)\n"
        "    answers[name] = [status, out.getvalue(), err.getvalue()]\n"
        "print(json.dumps(answers))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert {"check", "grade", "report", "release", "doctor"} <= answers.keys()
    for name, (status, out, err) in answers.items():
        if name == "doctor":  # it says what is missing, and that is its job
            assert status == 0
            assert f"MISSING grading: nothing\n        -> {parts.install('grade')}" in out
            assert not err
        else:
            assert status == 2, (name, out, err)
            assert err.count("\n") == 1, err
            assert f"`autograder {name}` needs" in err
            assert parts.install("grade") in err


@pytest.mark.parametrize("module", parts.MODULES["grade"])
def test_one_module_that_is_missing_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(errors.MissingPart, match=rf"`autograder grade` needs {module}, which is not installed here"):
        parts.require("grade", "`autograder grade`")


def test_an_import_that_fails_later_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a package of ours needs in turn, such as nbgrader's alembic; a module of our own is a fault of ours."""

    def without(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setitem(cli._COMMANDS, "doctor", lambda options: without("alembic.config"))
    assert cli.main(["doctor"]) == 2
    stderr = capsys.readouterr().err
    assert stderr == (
        "autograder: `autograder doctor` needs alembic, which is not installed here."
        f" To install: {parts.install('grade')}\n"
    )
    monkeypatch.setitem(cli._COMMANDS, "doctor", lambda options: without("autograder.gone"))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["doctor"])


def test_in_an_environment_with_nothing_at_all(tmp_path: Path) -> None:
    """A real one, in which not even NumPy is."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    command = [str(tmp_path / "venv" / "bin" / "python"), "-m", "autograder", "grade", "x", "--course", "."]
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    more = len(parts.MODULES["grade"]) - 3
    assert f"needs alembic, jinja2, jupyter_client and {more} more, which are not installed here" in done.stderr
    assert not (tmp_path / "gradebook.db").exists()


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_grading_elsewhere_than_on_linux_is_refused_in_one_line(
    system: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert cli.main(["grade", "03-dense-networks", "--course", "."]) == 2
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert f"needs Linux, and this is {system}" in stderr


# -- another package of our name -------------------------------------------------------------------------------------


def _environment(*folders: Path) -> dict[str, str]:
    path = os.pathsep.join(map(str, [*folders, ROOT]))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}
    return kept | {"PYTHONPATH": path}


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with the other project's package: its `__init__`, and what pip knows of it."""
    (tmp_path / "site" / "autograder").mkdir(parents=True)
    (tmp_path / "site" / "autograder" / "__init__.py").write_text(FOREIGN)
    info = tmp_path / "site" / "autograder-3.7.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: autograder\nVersion: 3.7.7\n")
    return tmp_path / "site"


def _first_cells() -> list[str]:
    sources = []
    for path in sorted((ROOT / "exercises").glob("*/*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        sources.append("".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"]))
    return sources


def test_the_first_cell_says_in_one_line_that_another_package_is_installed(foreign: Path) -> None:
    for source in _first_cells():
        done = subprocess.run(
            [sys.executable, "-c", source], cwd=foreign, env=_environment(foreign), capture_output=True, text=True
        )
        assert done.returncode == 1
        assert done.stderr == SAID
        assert not done.stdout


@pytest.mark.slow
def test_so_it_does_in_a_notebook(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(foreign))
    cells = [nbformat.v4.new_code_cell(source) for source in (_first_cells()[0], "1 / 0")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    error, usual = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert error.evalue.startswith("No lesson kit here.")
    has_traceback = ["Traceback" in "".join(one.traceback) for one in (error, usual)]
    assert has_traceback == [False, True]


def test_installed_over_each_other_the_import_says_so(foreign: Path) -> None:
    """Ours came last, so ours is what runs; files of the other one lie between ours."""
    shutil.rmtree(foreign / "autograder")
    shutil.copytree(PACKAGE, foreign / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    line = 'Another package called "autograder" (3.7.7) is installed over the lesson kit.'
    for program in ("import autograder", "from autograder import start"):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=foreign, env=_environment(foreign), capture_output=True, text=True
        )
        assert done.returncode == 0
        assert done.stderr.count(line) == 1
        assert "pip uninstall autograder keras-lesson-kit" in done.stderr
    assert parts.other_autograder(foreign).startswith(line)


def test_a_plain_installation_says_nothing(tmp_path: Path) -> None:
    for name in ("keras_lesson_kit-0.2.0.dist-info", "autograder_client-1.0.dist-info", "autograder-data"):
        (tmp_path / name).mkdir()
    assert parts.other_autograder(tmp_path) == ""
    assert parts.other_autograder(tmp_path / "nowhere") == ""


def test_doctor_names_another_autograder_that_lies_elsewhere(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autograder import doctor

    assert doctor._kit().good
    monkeypatch.syspath_prepend(str(foreign))
    finding = doctor._kit()
    assert not finding.good
    assert str(foreign) in finding.remedy
    assert "pip uninstall autograder" in finding.remedy
