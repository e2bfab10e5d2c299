"""An exercise's notebook with its solution in it, and notebooks made from it."""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.exercise.definition import task_of
from autograder.language import say
from autograder.probe.edits import plain
from autograder.probe.mutants import Around

# Methods that change what they belong to, and return something besides.
_CHANGING = ("fit", "pop", "train_on_batch", "setdefault", "popitem")
_BUILDERS = ("Sequential", "Model")


@dataclass(frozen=True)
class Solution:
    """The notebook with the solution, as JSON."""

    path: Path
    notebook: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Solution:
        """Raises `UsageError` if the file is not a notebook with answers and graded cells."""
        try:
            notebook = json.loads(path.read_text("utf-8"))
            solution = cls(path, notebook)
            answers = solution.answers
        except OSError as error:
            raise UsageError(
                say("The solution {path} cannot be read: {why}.", path=path, why=error.strerror)
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                say("The solution {path} is not a notebook that can be read: {error}.", path=path, error=error)
            ) from error
        if not answers or not solution.tasks:
            raise UsageError(
                say("{path} has no graded cells. Is it the source of an exercise, made with nbgrader?", path=path)
                if answers
                else say("{path} has no answer cells. Is it the source of an exercise, made with nbgrader?", path=path)
            )
        return solution

    @cached_property
    def answers(self) -> dict[str, str]:
        """Sources of the answer cells with code, by grade_id."""
        return {_grade_id(cell): _source(cell) for cell in self.notebook["cells"] if _is_answer(cell)}

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """grade_ids of the graded cells, in their order."""
        return tuple(task.grade_id for cell in self.notebook["cells"] if (task := task_of(cell)) is not None)

    @cached_property
    def task_of_answer(self) -> dict[str, str]:
        """The task that each answer cell belongs to: the next graded cell's."""
        found: dict[str, str] = {}
        waiting: list[str] = []
        for cell in self.notebook["cells"]:
            if _is_answer(cell):
                waiting.append(_grade_id(cell))
            elif (task := task_of(cell)) is not None:
                found |= dict.fromkeys(waiting, task.grade_id)
                waiting = []
        return found

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text that stands before each answer cell, since the answer before it."""
        found: dict[str, str] = {}
        text = ""
        for cell in self.notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text += _source(cell) + "\n"
            elif _is_answer(cell):
                found[_grade_id(cell)] = text
                text = ""
        return found

    def around(self, answer: str) -> Around:
        """What operators may know about the notebook around an answer cell."""
        known: set[str] = set()
        models: list[str] = []
        calls: dict[str, str] = {}
        reached = False
        for cell in self.notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            reached = reached or _grade_id(cell) == answer
            names = _Names.of(_source(cell))
            known |= names.binds
            if _is_answer(cell) and not reached:
                calls |= names.calls
                models += [name for name, function in names.calls.items() if function in _BUILDERS]
        return Around(frozenset(known), tuple(dict.fromkeys(models)), calls)

    def with_answers(self, answers: Mapping[str, str]) -> str:
        """The notebook with these answers in it, as text."""
        notebook = copy.deepcopy(self.notebook)
        for cell in notebook["cells"]:
            if _is_answer(cell) and _grade_id(cell) in answers:
                cell["source"] = answers[_grade_id(cell)]
        return json.dumps(notebook)

    def with_more_cells(self) -> str:
        """The notebook with a cell of scratch paper before and after each answer."""
        notebook = copy.deepcopy(self.notebook)
        cells: list[dict[str, Any]] = []
        for cell in notebook["cells"]:
            if _is_answer(cell):
                number = len(cells)
                before, after = (
                    f"scratch = {number}\nprint(scratch)",
                    "# It works.\nscratch + 1",
                )
                cells += [_scratch(before, f"before-{number}"), cell, _scratch(after, f"after-{number}")]
            else:
                cells.append(cell)
        notebook["cells"] = cells
        return json.dumps(notebook)

    def only_for(self, task: str, answers: Mapping[str, str], asked: frozenset[str] = frozenset()) -> str:
        """The notebook with these answers, without those that `task` does not need: it runs in a fraction of the time.

        What it needs is found by the names in the cells. Where that is too little, its check says so: a notebook with
        the right answers must earn full marks.

        Args:
            asked: names that the checks may ask for.
        """
        notebook = json.loads(self.with_answers(answers))
        cells = notebook["cells"]
        end = next(i for i, cell in enumerate(cells) if (found := task_of(cell)) and found.grade_id == task)
        needed = set(asked)
        for cell in reversed(cells[:end]):
            if cell["cell_type"] != "code":
                continue
            names = _Names.of(_source(cell))
            mine = self.task_of_answer.get(_grade_id(cell)) == task
            if mine or not _is_answer(cell) or needed & (names.binds | names.changes):
                needed |= names.uses
            else:
                cell["source"] = ""
        for cell in cells[end:]:
            if _is_answer(cell):
                cell["source"] = ""
        notebook["cells"] = [c for i, c in enumerate(cells) if i < end or _grade_id(c)]  # pictures at the end
        return json.dumps(notebook)


@dataclass(frozen=True)
class _Names:
    """What a cell does with names: a coarse view, that rather sees too much."""

    binds: set[str]
    changes: set[str]  # by a method, an index or an attribute
    uses: set[str]
    calls: dict[str, str]  # variables that are given what a function returns, and its name

    @classmethod
    @lru_cache(maxsize=1000)  # the same cells, in hundreds of notebooks
    def of(cls, source: str) -> _Names:
        names = cls(set(), set(), set(), {})
        try:
            tree = ast.parse(plain(source))
        except (SyntaxError, ValueError, RecursionError):
            words = set(re.findall(r"[A-Za-z_]\w*", source))
            return cls(words, words, words, {})
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                (names.uses if isinstance(node.ctx, ast.Load) else names.binds).add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.binds.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names.binds.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                names.uses.add(node.target.id)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                names._changed(node.value.func)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    names._changed(target)
                if isinstance(node.value, ast.Call) and getattr(node.value.func, "attr", "") in _CHANGING:
                    names._changed(node.value.func)
        for node in tree.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and isinstance(node.targets[0], ast.Name)
            ):
                function = node.value.func
                names.calls[node.targets[0].id] = getattr(function, "attr", getattr(function, "id", ""))
        return names

    def _changed(self, target: ast.AST) -> None:
        while isinstance(target, (ast.Attribute, ast.Subscript)):
            target = target.value
            if isinstance(target, ast.Name):
                self.changes.add(target.id)


def _scratch(source: str, name: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": source}


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _grade_id(cell: dict[str, Any]) -> str:
    return str((cell["metadata"].get("nbgrader") or {}).get("grade_id", ""))


def _is_answer(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code" and bool((cell["metadata"].get("nbgrader") or {}).get("solution"))
