"""What CONTRIBUTING.md tells a newcomer is so: files are where it says, and hold what it says."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"[\w./-]+/[\w.-]*\w\.(?:py|md|json|yml)\b|\b\w+\.py\b", TEXT)))


def test_it_names_files() -> None:
    assert len(PATHS) > 15


@pytest.mark.parametrize("path", [p for p in PATHS if "NAME" not in p])
def test_a_file_is_where_it_says(path: str) -> None:
    assert (ROOT / path).is_file() or (ROOT / "autograder" / path).is_file(), path


@pytest.mark.parametrize(
    ("what", "file"), re.findall(r"`(\w+)`(?:\.\w+)? in `(autograder/[\w/]+\.py)`", TEXT), ids=lambda value: str(value)
)
def test_a_class_is_in_the_file_it_says(what: str, file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^((class|def|    def) {what}\b|{what}(: [^\n]+)? = )", text, re.M), f"{what} in {file}"


def test_every_room_is_described() -> None:
    rooms = {p.name for p in (ROOT / "autograder").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms == {room for room in re.findall(r"^\| `(\w+)/` \|", TEXT, re.M) if room in rooms}
    modules = {p.name for p in (ROOT / "autograder").glob("*.py")}
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", TEXT, re.M))
    assert modules == set(re.findall(r"`(\w+\.py)`", first_cells))


CODE = ("autograder", "tests", "tools", "deploy", "browser", "benchmarks")
ROOMS = [path.name for path in (ROOT / "autograder").iterdir() if path.is_dir()]
NAMED = re.compile(
    rf"(?<![\w./<>{{}}*-])(?:{'|'.join([*CODE, 'book', 'lessons', 'data', 'solutions', 'exercises', 'demo', *ROOMS])})"
    r"/[\w./-]*\w\.(?:py|md|mjs|js|json|toml|ya?ml|sh|html|css|npz|txt)\b(?![/*{<])"
)


def _files_with_code() -> Iterator[Path]:
    for top in CODE:
        for folder, folders, names in os.walk(ROOT / top):
            folders[:] = [name for name in folders if name not in ("node_modules", "_build", "__pycache__")]
            yield from (Path(folder, name) for name in names if name.endswith((".py", ".mjs", ".js", ".sh", ".yaml")))


def _remarks(path: Path, text: str) -> str:
    """Its comments and docstrings."""
    if path.suffix != ".py":
        return "\n".join(re.findall(r"^\s*(?://|#|/?\*)(.*)$", text, re.M))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documented = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    return "\n".join([*documented, *re.findall(r"(?:^|\s)#(.*)$", text, re.M)])


def test_the_files_that_comments_name_are_there() -> None:
    wrong, count = [], 0
    for path in _files_with_code():
        text = path.read_text("utf-8")
        named = set(NAMED.findall(text))
        count += len(named)
        missing = [one for one in named if not any((at / one).exists() for at in (ROOT, ROOT / "autograder"))]
        remarks = _remarks(path, text) if missing else ""
        wrong += [f"{path.relative_to(ROOT)}: {one}" for one in missing if one in remarks]
    assert count > 60
    assert wrong == []
