"""The page *Misconceptions*: every id that a check may give, with a lesson's section, and no answer."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from kit import ROOT
from test_mistakes import _plain, solution_lines

from autograder.exercise import habits
from autograder.exercise.definition import exercise_names
from autograder.exercise.outcome import hint_id

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.misconceptions import (
    NOTES,
    SHARED,
    Group,
    Notes,
    files_with_hints,
    given_in,
    groups_of,
    headings_of,
    reported_table,
    tables_of,
)

PAGE = ROOT / "book" / "instructors" / "misconceptions.md"
NOTED = Notes.read(ROOT / NOTES)
PARTS = [*exercise_names(), SHARED]


@cache
def groups() -> dict[str, Group]:
    """By their keys. (Not read when the tests are collected, which each worker does: it takes half a second.)"""
    return {group.key: group for part in PARTS for group in groups_of(ROOT, part, frozenset(NOTED.left_out))}


def on_the_page() -> set[str]:
    return {id for group in groups().values() for id in group.words}


def ids_in_source() -> set[str]:
    """Found in another way than the page's: by what stands in the text, and by what the table of habits holds."""
    text = "\n".join(file.read_text("utf-8") for file in files_with_hints(ROOT))
    made = {hint_id(hint) for _, hint in habits._COMPILED}
    return set(re.findall(r'\bid="([^"]+)"', text)) | made


def test_every_id_of_a_check_is_on_the_page_or_left_out_with_a_reason() -> None:
    source = ids_in_source()
    assert len(source) > 500
    assert source == on_the_page() | set(NOTED.left_out)
    assert not on_the_page() & set(NOTED.left_out)
    assert all(NOTED.left_out.values())


def test_every_task_is_on_the_page_that_has_ids_of_its_own() -> None:
    """Checks that another module makes, as those of `compiled`, have theirs among the shared ones."""
    page = PAGE.read_text("utf-8")
    assert re.findall(r"(?m)^```\{misconceptions\} (\S+)$", page) == PARTS
    assert {"03-dense-networks/counted", "04-softmax/softmax", "exercise/networks.py"} <= set(groups())
    assert "bias-forgotten" in groups()["03-dense-networks/counted"].words
    assert "bias-forgotten" not in groups()["03-dense-networks/flattened"].words


def test_each_id_has_a_section_that_is_in_a_lesson() -> None:
    headings = {lesson.name: headings_of(lesson) for lesson in (ROOT / "lessons").glob("*.md")}
    for group in groups().values():
        for id in group.words:
            name, _, heading = NOTED.passage(group.key, id).partition("#")
            assert heading in headings[name], f"{group.key}, {id}: {name}#{heading}"
            assert headings[name].count(heading) == 1, f"{name}: two sections are called {heading}"


def test_the_notes_speak_of_nothing_that_is_gone() -> None:
    assert set(NOTED.passages) == set(groups())
    for key, group in groups().items():
        noted = {*NOTED.of_ids[key], *NOTED.learners[key]}
        assert noted <= set(group.words), f"{key}: {sorted(noted - set(group.words))}"
        assert [id for id, other in NOTED.of_ids[key].items() if other == NOTED.passages[key]] == [], key
    assert set(NOTED.left_out) <= ids_in_source()


def test_ids_are_spelled_in_one_way() -> None:
    ids = sorted(on_the_page() | set(NOTED.left_out))
    assert [id for id in ids if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id)] == []
    spelled: dict[str, str] = {}
    for id in ids:
        other = spelled.setdefault(id.replace("-", ""), id)
        assert other == id, "one misunderstanding would be counted twice"


def test_what_research_reported_has_ids_and_sources_that_exist() -> None:
    sources = set(re.findall(r"(?m)^@\w+\{(\w+),", (ROOT / "book" / "references.bib").read_text("utf-8")))
    assert NOTED.reported
    for entry in NOTED.reported:
        assert set(entry.by) <= sources, entry.theme
        assert set(entry.ids) <= on_the_page(), f"{entry.theme}: {sorted(set(entry.ids) - on_the_page())}"
        assert entry.ids
        assert entry.by


@pytest.mark.parametrize("exercise", exercise_names())
def test_no_line_of_a_solution_is_on_the_page(exercise: str) -> None:
    """Whatever stands in the tables, with the signs of Markdown as they are read; the page's own text, too."""
    lines = solution_lines(exercise)
    assert len(lines) > 10
    for text in (*_page_as_read(), *PAGE.read_text("utf-8").splitlines()):
        assert [line for line in lines if line in _plain(text)] == [], text


def test_a_line_of_a_solution_would_be_found() -> None:
    line = solution_lines("04-softmax")[0]
    group = Group("exercise/networks.py", "A title", {"some-id": (f"Write `{line}`.",)})
    assert any(line in _plain(_as_read(row)) for row in tables_of([group], NOTED))


def _page_as_read() -> list[str]:
    return [_as_read(row) for row in (*tables_of(list(groups().values()), NOTED), *reported_table(NOTED))]


def _as_read(row: str) -> str:
    return re.sub(r"\\(.)", r"\1", row)


def test_each_row_has_the_cells_of_its_table() -> None:
    rows = [row for row in tables_of(list(groups().values()), NOTED) if row.startswith("|")]
    assert len(rows) > 600
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5, row


# -- the reading of the source -----------------------------------------------------------------------------------------


def read(source: str) -> list[tuple[str, str]]:
    tree = ast.parse(source)
    return [(given.id, given.words) for given in given_in(tree, tree)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('Hint("Look." " Twice.", id="a-b")', [("a-b", "Look. Twice.")]),
        ('Hint(f"Look at {where}.", id="a-b")', [("a-b", "Look at ….")]),
        ('Hint(_("Look at {where}.", where=where), id="a-b")', [("a-b", "Look at ….")]),
        ('text = "Look."\nHint(text, id="a-b")', [("a-b", "Look.")]),
        ('Hint(worked_out(), id="a-b")', [("a-b", "…")]),
        ('_T = (("x", "Look.", "a-b"),)\n_H = [Hint(t, id=n) for _, t, n in _T]', [("a-b", "Look.")]),
        ('Hint("Without a name.")', []),
        ('"""Hint("In a docstring.", id="a-b")"""', []),
    ],
)
def test_hints_are_read_from_the_source(source: str, found: list[tuple[str, str]]) -> None:
    assert read(source) == found


def test_an_id_that_cannot_be_read_is_no_silent_gap() -> None:
    with pytest.raises(ValueError, match="line 2: the id of this hint cannot be read"):
        read('name = "a"\nHint("Look.", id=name + "-b")')


def test_headings_are_not_taken_from_code(tmp_path: Path) -> None:
    lesson = tmp_path / "a.md"
    lesson.write_text("# One\n\n```python\n# a comment\n```\n\n## Two `code`\n", "utf-8")
    assert headings_of(lesson) == ["One", "Two `code`"]
