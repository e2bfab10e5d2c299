"""Simulated students: honest ones, made from the catalogue of answers, and copyists who hide it.

An honest student picks an answer for each task, independently of all others, and writes it in a way of their own:
looks at shapes, gives names to things, splits a line, comments. Habits hold for the whole notebook, as with people, so
what two students share in one task does say something about the next. Nothing made here is run.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import random
import re
from collections import defaultdict
from functools import cache

from catalogue import catalogues, grade_id, source, source_notebook

Answers = dict[str, str]  # code by grade_id of the answer cell

_NAMES = [
    "tmp",
    "a",
    "b",
    "res",
    "result",
    "value",
    "n",
    "k",
    "val",
    "item",
    "out",
    "data2",
    "arr",
    "my_x",
    "help1",
    "foo",
    "test1",
    "count",
    "total",
    "first",
    "second",
    "z",
    "q",
]
_NOTES = (
    "# my answer", "# TODO check this", "# see lesson", "# is this right?", "# works!", "# step 1", "# scale first",
    "# not sure", "# like in the lecture", "# asked my tutor", "# ok", "# finally",
)  # fmt: skip
_LOOKS = (
    "print({0}.shape)", "print({0})", "{0}[:3]", "{0}.dtype", "print(type({0}))", "print('{0}', {0})",
    "print({0}.min(), {0}.max())",
    "print(len({0}))", "assert {0} is not None", "{0}", "print(f'{{{0}}}')", "print({0}[0])", "np.unique({0})",
)  # fmt: skip


@cache
def variants(exercise: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """For each answer cell: right answers, the reference first, and wrong ones."""
    right: dict[str, list[str]] = defaultdict(list)
    wrong: dict[str, list[str]] = defaultdict(list)
    for cell in source_notebook(exercise)["cells"]:
        grading = cell["metadata"].get("nbgrader") or {}
        if grading.get("solution") and cell["cell_type"] == "code":
            right[grade_id(cell)].append(re.sub(r"[ ]*### (BEGIN|END) SOLUTION\n?", "", source(cell)))
    (catalogue,) = [one for one in catalogues() if one.exercise == exercise]
    for entries, where in ((catalogue.right, right), (catalogue.wrong, wrong)):
        for entry in entries:
            for name, text in entry.answers.items():
                if name in right and text not in right[name] + wrong[name]:
                    where[name].append(text)
    return {name: (tuple(right[name]), tuple(wrong[name])) for name in right}


def honest(exercise: str, rng: random.Random, own_style: bool = True) -> Answers:
    """One student's answers; two in three tasks are right."""
    habits = _Habits(rng) if own_style else None
    answers = {}
    for name, (right, wrong) in variants(exercise).items():
        if rng.random() < 2 / 3 or not wrong:
            text = right[0] if rng.random() < 0.6 else rng.choice(right)
        else:
            text = rng.choice(wrong)
        answers[name] = habits.written(text) if habits else text
    return answers


class _Habits:
    """How one student writes."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._looks = rng.sample(_LOOKS, 3)
        self._notes = rng.sample(_NOTES, 3)
        self._names = rng.sample(_NAMES, 6)
        self._looking, self._noting, self._naming = (rng.random() for _ in range(3))

    def written(self, text: str) -> str:
        rng = self._rng
        lines = text.rstrip("\n").split("\n")
        if rng.random() < self._naming:
            lines = self._with_name(lines)
        names = sorted(set(re.findall(r"^(\w+) *=", text, re.MULTILINE)))
        if names and rng.random() < self._looking:
            lines.append(rng.choice(self._looks).format(rng.choice(names)))
        if rng.random() < self._noting:
            lines.insert(0, rng.choice(self._notes))
        return "\n".join(lines)

    def _with_name(self, lines: list[str]) -> list[str]:
        """A number or a word of one line gets a name first."""
        for number in self._rng.sample(range(len(lines)), len(lines)):
            found = re.search(r"(?<![\w.\"'])(\d+(?:\.\d+)?|\"[a-z_]+\")(?![\w\"'])", lines[number])
            if found and not lines[number].startswith((" ", "#")) and "=" in lines[number]:
                name = self._rng.choice(self._names)
                changed = lines[number][: found.start()] + name + lines[number][found.end() :]
                return [*lines[:number], f"{name} = {found[1]}", changed, *lines[number + 1 :]]
        return lines


def copied(answers: Answers, given: frozenset[str], rng: random.Random) -> Answers:
    """The same work with other names, another order and another layout.

    Args:
        given: words of the exercise itself, which have to stay.
    """
    own = {
        name
        for text in answers.values()
        for name in re.findall(r"(?<![.\w])([A-Za-z_]\w*) *=(?!=)", text) + re.findall(r"def (\w+)", text)
        if name not in given and name not in dir(builtins) and not keyword.iskeyword(name)
    }
    new = {name: f"{rng.choice('uvwxyz')}_{rng.randrange(10**6)}" for name in own}
    return {grade: _hidden(text, new, rng) for grade, text in answers.items()}


def _hidden(text: str, new: dict[str, str], rng: random.Random) -> str:
    try:
        tree = ast.parse(text)
    except SyntaxError:  # some wrong answers are
        return "\n\n".join(re.sub(r"#.*", "", line) for line in text.split("\n"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in new:
            node.id = new[node.id]
        elif isinstance(node, ast.FunctionDef) and node.name in new:
            node.name = new[node.name]
    body = tree.body
    for n in range(len(body) - 1):  # neighbours that do not know each other change places
        if rng.random() < 0.7 and not _words(body[n]) & _words(body[n + 1]):
            body[n], body[n + 1] = body[n + 1], body[n]
    lines = []
    for statement in body:
        written = ast.unparse(statement)  # other quotes, other breaks, no comments
        if rng.random() < 0.5 and "\n" not in written:
            written = re.sub(r", ", ",\n        ", re.sub(r"\(", "(\n        ", written, count=1), count=2)
        lines += [rng.choice(("", "# " + str(rng.random()))), written]
    return "\n".join(lines)


def _words(node: ast.stmt) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
