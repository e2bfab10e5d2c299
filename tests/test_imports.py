"""Who may import whom: the whole table. CONTRIBUTING.md says what each room holds.

A room is a folder of the package, or a module beside them. Every import of the package's own modules counts, those
inside functions too; there is no other exception than the table itself.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import autograder.errors

PACKAGE = Path(__file__).resolve().parent.parent / "autograder"
# Room: the rooms that its lines may import. Whoever adds to a line has found a new dependency, and says why here.
TABLE: dict[str, set[str]] = {
    "errors": set(),
    "language": set(),
    "parts": {"errors", "language"},
    "data": {"errors", "language"},
    "templates": {"exercise", "language"},
    "terminal": {"exercise"},
    "preflight": {"errors", "language", "terminal"},
    "exercise": {"data", "errors", "language"},
    "checks": {"data", "exercise", "language"},
    "backend": {"exercise", "language"},
    "compat": {"language"},
    "learner": {"backend", "data", "exercise", "errors", "language"},
    # The fork server imports what an exercise's first cell imports (learner), and speeds up what others wrote (compat).
    "sandbox": {"backend", "compat", "data", "errors", "exercise", "language", "learner"},
    "course": {"compat", "data", "errors", "exercise", "language", "sandbox"},
    "grading": {"backend", "compat", "course", "data", "errors", "exercise", "language", "sandbox", "terminal"},
    "report": {"course", "data", "errors", "exercise", "grading", "language", "sandbox", "templates"},
    "similar": {"course", "errors", "language", "templates"},
    # Feedback goes back as the gradebook has it, which the pages' own module writes into them.
    "marking": {"course", "data", "errors", "exercise", "grading", "language", "templates"},
    "lms": {"course", "errors", "grading", "language"},
    "probe": {"course", "errors", "exercise", "grading", "language", "sandbox", "templates", "terminal"},
    # The course's page says points as everything else does; the live page has hints by their ids, as probe reads them.
    "jupyter": {
        "compat",
        "course",
        "errors",
        "exercise",
        "grading",
        "language",
        "marking",
        "probe",
        "report",
        "sandbox",
        "templates",
    },
    # The ways in: each imports what a command needs, when it is needed.
    "doctor": {"backend", "compat", "course", "data", "errors", "exercise", "grading", "language", "learner", "parts"}
    | {"sandbox"},
    "pytest_plugin": {"data", "errors", "exercise", "grading", "language", "parts", "sandbox"},
    "arguments": {"language"},
    "cli": {
        "arguments",
        "course",
        "data",
        "doctor",
        "errors",
        "exercise",
        "grading",
        "language",
        "parts",
        "preflight",
        "probe",
    }
    | {"lms", "marking", "report", "sandbox", "similar", "terminal"},
    "__main__": {"cli"},
    "__init__": {"learner", "parts"},
}
# Where these may not even be imported by name: whoever reads a check, or coordinates a class, waits for no Keras.
WITHOUT_KERAS = (
    "exercise",
    "checks",
    "course",
    "grading",
    "probe",
    "report",
    "similar",
    "lms",
    "marking",
    "jupyter",
    "data",
    "errors",
    "arguments",
    "cli",
    "doctor",
)


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imported(path: Path, at_once: bool = False) -> set[str]:
    """Dotted names of all modules, or names in modules, that a file imports; `at_once`: when it is imported itself."""
    found: set[str] = set()
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports in this package are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_is_in_the_table() -> None:
    assert {_room(path) for path in FILES} == set(TABLE)


@pytest.mark.parametrize("room", TABLE)
def test_a_room_imports_only_what_the_table_allows(room: str) -> None:
    wrong = []
    for path in FILES:
        if _room(path) != room:
            continue
        for name in _imported(path):
            package, _, rest = name.partition(".")
            target = rest.split(".")[0]
            if package == "autograder" and target in TABLE and target != room and target not in TABLE[room]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong, wrong


def test_the_table_has_no_circle() -> None:
    left = dict(TABLE)
    while left:
        ends = [room for room, targets in left.items() if not targets & left.keys()]
        assert ends, f"these rooms import each other in a circle: {sorted(left)}"
        for room in ends:
            del left[room]


def test_keras_is_imported_by_those_who_work_with_it_alone() -> None:
    heavy = {"keras", "tensorflow", "torch", "jax"}
    assert set(WITHOUT_KERAS) <= set(TABLE)
    found = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in FILES
        if _room(path) in WITHOUT_KERAS
        for name in _imported(path)
        if name.split(".")[0] in heavy
    }
    assert not found


def test_a_feedback_page_is_made_without_nbgrader() -> None:
    """Each worker has a process that makes pages, and nbgrader and its database would take it a second to import."""
    reached, left = set(), ["autograder.grading.pages", "autograder.grading.feedback"]
    while left:
        name = left.pop()
        path = PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")
        if name not in reached and path.is_file():
            left += [each for one in _imported(path, at_once=True) for each in (one, one.rpartition(".")[0])]
        reached.add(name)
    assert "autograder.course.marks" in reached
    assert {name for name in reached if name.split(".")[0] in ("nbgrader", "sqlalchemy")} == set()


def test_every_error_that_can_end_a_command_is_in_one_module() -> None:
    errors = {name for name, kind in vars(autograder.errors).items() if isinstance(kind, type)}
    elsewhere = {
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in FILES
        if _room(path) != "errors"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).rpartition(".")[2] in errors for base in node.bases)
    }
    assert not elsewhere
