"""What the checks know about misunderstandings: each by its id, with what is said about it and where to read again.

The ids and the words come from the source of the checks. What no source says (the lesson's passage, what learners do
where the words leave it open, where research has reported it) stands in ``book/instructors/misconceptions.toml``.

``{misconceptions} EXERCISE`` puts one exercise's tables on a page, ``{misconceptions} shared`` those of the rest, and
``{reported-misconceptions}`` the table of what research has reported. ``{passage}`FILE#Heading``` links to a lesson.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.typing import ExtensionMetadata

from autograder.exercise.definition import check_module_name

from .lesson_boxes import parse_markdown
from .messages import as_cell

NOTES = Path("book/instructors/misconceptions.toml")
SHARED = "shared"
_UNKNOWN = "…"  # for what is filled in when the hint is shown


@dataclass(frozen=True)
class Given:
    """One place in the source that gives a hint with an id."""

    id: str
    words: str
    line: int


@dataclass(frozen=True)
class Group:
    """The misconceptions of one task, or of one file that several exercises share."""

    key: str  # exercise/grade_id, or the file below autograder/
    title: str
    words: dict[str, tuple[str, ...]]  # by id, in the order of the source


@dataclass(frozen=True)
class Reported:
    """A theme of research, with those of our ids that belong to it."""

    theme: str
    by: tuple[str, ...]  # keys of book/references.bib
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Notes:
    """The data file: everything that the source does not say."""

    passages: dict[str, str]  # of a group, by its key: "FILE#Heading"
    of_ids: dict[str, dict[str, str]] = field(default_factory=dict)  # other passages, by group and id
    learners: dict[str, dict[str, str]] = field(default_factory=dict)  # what learners do, by group and id
    reported: tuple[Reported, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)  # ids that name no misconception, with the reason

    @classmethod
    def read(cls, path: Path) -> Notes:
        """The notes in this file."""
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        groups: dict[str, Any] = content["groups"]
        return cls(
            {key: group["passage"] for key, group in groups.items()},
            {key: group.get("passages", {}) for key, group in groups.items()},
            {key: group.get("learners", {}) for key, group in groups.items()},
            tuple(Reported(r["theme"], tuple(r["by"]), tuple(r["ids"])) for r in content["reported"]),
            content["left_out"],
        )

    def passage(self, group: str, id: str) -> str:
        """Where a lesson dissolves it.

        Raises:
            KeyError: the group has no passage.
        """
        return self.of_ids.get(group, {}).get(id) or self.passages[group]


# -- the source --------------------------------------------------------------------------------------------------------


def given_in(top: ast.AST, tree: ast.Module) -> list[Given]:
    """The hints with an id in one part of a module, in the order of its lines.

    Raises:
        ValueError: an id stands neither as a text in the source nor in a table of it, so that no page can name it.
    """
    found = []
    for call in ast.walk(top):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Hint"):
            continue
        id = next((keyword.value for keyword in call.keywords if keyword.arg == "id"), None)
        if id is None:  # a plain text, which is counted by its words
            continue
        if isinstance(id, ast.Constant):
            found.append(Given(str(id.value), _words(call.args[0], tree), call.lineno))
        else:
            found += _from_a_table(call, id, top, tree)
    return sorted(found, key=lambda given: given.line)


def _words(node: ast.expr, tree: ast.Module) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_" and node.args:
        return re.sub(r"\{\w+[^{}]*\}", _UNKNOWN, _words(node.args[0], tree))  # `autograder.language`
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else _UNKNOWN for part in node.values)
    if isinstance(node, ast.Name):
        texts = [value for name, value in _assigned(tree) if name == node.id]
        if len(texts) == 1 and isinstance(texts[0], ast.Constant | ast.JoinedStr | ast.Call):
            return _words(texts[0], tree)
    return _UNKNOWN


def _from_a_table(call: ast.Call, id: ast.expr, top: ast.AST, tree: ast.Module) -> Iterator[Given]:
    """Hints that are made of the rows of a constant: ``[Hint(text, id=name) for text, name in _TABLE]``."""
    words = call.args[0]
    for made in ast.walk(top):
        if not (isinstance(made, ast.GeneratorExp | ast.ListComp) and any(node is call for node in ast.walk(made))):
            continue
        loop = made.generators[0]
        if isinstance(loop.target, ast.Tuple) and isinstance(loop.iter, ast.Name):
            columns = [ast.unparse(name) for name in loop.target.elts]
            (table,) = [value for name, value in _assigned(tree) if name == loop.iter.id]
            for row in ast.literal_eval(table):
                by_name = dict(zip(columns, row, strict=True))
                yield Given(by_name[ast.unparse(id)], by_name[ast.unparse(words)], call.lineno)
            return
    raise ValueError(f"line {call.lineno}: the id of this hint cannot be read from the source; write it as a text")


def _assigned(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _reached(start: ast.stmt, tree: ast.Module) -> list[ast.stmt]:
    """A class of checks with everything in its module that it uses, directly or not; other classes are left out."""
    named: dict[str, ast.stmt] = {}
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            named[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            named |= {name: statement for name, _ in _assigned(statement)}
    found, waiting = [start], [start]
    while waiting:
        for node in ast.walk(waiting.pop()):
            used = named.get(node.id) if isinstance(node, ast.Name) else None
            if used is not None and used not in found:
                found.append(used)
                waiting.append(used)
    return found


def _titles(notebook: Path) -> dict[str, tuple[str, str]]:
    """The name and the heading of each graded cell, by the name of the class that checks it."""
    found, heading = {}, ""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and (begins := re.match(r"## (.+)", text)):
            heading = begins[1].strip()
        grader = cell.get("metadata", {}).get("nbgrader", {})
        if grader.get("grade") and grader.get("grade_id"):
            name = grader["grade_id"]
            found["test" + re.sub(r"[_-]", "", name).lower()] = (name, heading)
    return found


def groups_of(root: Path, exercise: str, left_out: frozenset[str] = frozenset()) -> list[Group]:
    """The misconceptions of one exercise by its tasks, or (``shared``) of all other files of the package by file."""
    if exercise != SHARED:
        checks = _checks(root, exercise)
        titles = _titles(root / "exercises" / exercise / f"{exercise}.ipynb")
        tree = ast.parse(checks.read_text("utf-8"))
        groups = []
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef) and statement.name.lower() in titles:
                name, heading = titles[statement.name.lower()]
                given = [hint for part in _reached(statement, tree) for hint in given_in(part, tree)]
                groups.append(Group(f"{exercise}/{name}", heading, _by_id(given, left_out)))
        return _not_empty(groups)
    groups = []
    for file in files_with_hints(root):
        if file.parent.name != "checks":
            tree = ast.parse(file.read_text("utf-8"))
            key = file.relative_to(root / "autograder").as_posix()
            groups.append(Group(key, f"`{key}`", _by_id(given_in(tree, tree), left_out)))
    return _not_empty(groups)


def _not_empty(groups: list[Group]) -> list[Group]:
    return [group for group in groups if group.words]


def _by_id(given: list[Given], left_out: frozenset[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for hint in sorted(given, key=lambda hint: hint.line):
        if hint.id not in left_out and hint.words not in found.get(hint.id, ()):
            found[hint.id] = (*found.get(hint.id, ()), hint.words)
    return found


def _checks(root: Path, exercise: str) -> Path:
    return root / "autograder" / "checks" / check_module_name(exercise)


def files_with_hints(root: Path) -> list[Path]:
    """The modules of the package that make hints."""
    return [f for f in sorted((root / "autograder").rglob("*.py")) if "Hint(" in f.read_text("utf-8")]


def passages_json(root: Path, exercises: list[str]) -> str:
    """What `autograder/exercise/passages.py` reads: each hint's section, and no word of a hint."""
    notes = Notes.read(root / NOTES)
    left_out = frozenset(notes.left_out)
    shared: dict[str, str] = {}
    for group in groups_of(root, SHARED, left_out):
        shared |= {id: notes.passage(group.key, id) for id in group.words}
    used = set(shared.values())
    tasks = {}
    for group in (group for name in exercises for group in groups_of(root, name, left_out)):
        usual = notes.passages[group.key]
        own = {id: notes.passage(group.key, id) for id in sorted(group.words)}
        others = {id: where for id, where in own.items() if where != shared.get(id, usual)}
        used |= {usual, *others.values()}
        tasks[group.key] = {
            "section": _stemmed(usual),
            "others": {id: _stemmed(where) for id, where in others.items()},
        }
    files = sorted({where.partition("#")[0] for where in used})
    content = {
        "lessons": {Path(file).stem: headings_of(root / "lessons" / file)[0] for file in files},
        "anchors": {_stemmed(where): nodes.make_id(where.partition("#")[2]) for where in sorted(used)},
        "tasks": tasks,
        "shared": {id: _stemmed(where) for id, where in sorted(shared.items())},
        "none": sorted(notes.left_out),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _stemmed(where: str) -> str:
    return where.replace(".md#", "#", 1)


# -- the page ----------------------------------------------------------------------------------------------------------


def headings_of(lesson: Path) -> list[str]:
    """The headings of a lesson as they stand in its source, its code left out."""
    text = re.sub(r"(?ms)^(```+|~~~+).*?^\1", "", lesson.read_text("utf-8"))
    return [heading.strip() for heading in re.findall(r"(?m)^#{1,3} (.+)$", text)]


def tables_of(groups: list[Group], notes: Notes) -> list[str]:
    """Markdown: a table for each group, a row for each id."""
    lines: list[str] = []
    for group in groups:
        lines += ["", f"**{group.title}**", ""]
        lines += ["| Id | What the check says | What learners did | Read again |", "|---|---|---|---|"]
        for id, words in group.words.items():
            said = " / ".join(map(_hint_as_cell, words))
            done = _hint_as_cell(notes.learners.get(group.key, {}).get(id, ""))
            passage = notes.passage(group.key, id).replace("`", "")  # which would end the role's text
            lines.append(f"| `{id}` | {said} | {done} | {{passage}}`{passage}` |")
    return lines


def reported_table(notes: Notes) -> list[str]:
    """Markdown: what research has reported, who did, and which of our ids belong to it."""
    lines = ["| What is reported | By | Our ids |", "|---|---|---|"]
    for entry in notes.reported:
        by = ", ".join(f"{{cite:t}}`{key}`" for key in entry.by)
        lines.append(f"| {entry.theme} | {by} | {', '.join(f'`{id}`' for id in entry.ids)} |")
    return lines


def _hint_as_cell(words: str) -> str:
    """A hint in one cell of a table: its `code` stays code, and everything else is shown as it is."""
    parts = re.split(r"(`[^`]*`)", " ".join(words.split()))
    return "".join(part.replace("|", "\\|") if part.startswith("`") else as_cell(part) for part in parts)


class Misconceptions(SphinxDirective):
    """``{misconceptions} EXERCISE``: a table for each task; ``shared`` for what several exercises have in common."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the tables."""
        root = Path(self.env.srcdir)
        exercise = self.arguments[0]
        read = [root / NOTES, *files_with_hints(root)]
        for file in read:
            self.env.note_dependency(str(file))
        notes = Notes.read(root / NOTES)
        try:
            lines = tables_of(groups_of(root, exercise, frozenset(notes.left_out)), notes)
        except (KeyError, ValueError) as error:
            raise self.error(f"{NOTES} and the checks do not fit: {error}") from error
        return [nodes.container("", *parse_markdown(self, lines), classes=["misconceptions"])]


class ReportedMisconceptions(SphinxDirective):
    """``{reported-misconceptions}``: what research has reported, with our ids."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        path = Path(self.env.srcdir) / NOTES
        self.env.note_dependency(str(path))
        return parse_markdown(self, reported_table(Notes.read(path)))


class Passage(SphinxRole):
    """``{passage}`03-dense-networks.md#Counting parameters```: a link to a lesson's section, with its heading.

    The heading is written without backquotes, which would end the role.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Build the link; a heading that is not there is an error of the page."""
        name, _, heading = self.text.partition("#")
        lesson = Path(self.env.srcdir) / "lessons" / name
        self.env.note_dependency(str(lesson))
        if not lesson.is_file() or heading not in [known.replace("`", "") for known in headings_of(lesson)]:
            message = self.inliner.reporter.error(f"no lesson has this section: {self.text}", line=self.lineno)
            return [nodes.inline(text=heading)], [message]
        page = self.env.app.builder.get_relative_uri(self.env.docname, f"lessons/{lesson.stem}")
        link = nodes.reference(heading, heading, refuri=f"{page}#{nodes.make_id(heading)}", internal=True)
        return [link], []


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives and the role."""
    app.add_directive("misconceptions", Misconceptions)
    app.add_directive("reported-misconceptions", ReportedMisconceptions)
    app.add_role("passage", Passage())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
