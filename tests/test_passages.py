"""Hints lead to the lesson's section that dissolves what they name: in the notebook, in feedback, in the terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT
from test_mistakes import _plain, solution_lines

from autograder.course import settings
from autograder.errors import BadSetting
from autograder.exercise.definition import exercise_names, find_exercise
from autograder.exercise.display import CheckView, submission_lines
from autograder.exercise.outcome import CheckResult, Hint, Outcome, Status, SubmissionResult, TestResult
from autograder.exercise.passages import VARIABLE, Passage, Reading, book_at
from autograder.grading.feedback import page_without_notebook
from autograder.learner import notebook

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.misconceptions import NOTES, SHARED, Notes, groups_of, headings_of, passages_json

NOTED = Notes.read(ROOT / NOTES)
FILE = ROOT / "autograder" / "exercise" / "passages.json"
BOOK = "https://book.example.org/keras/"
NAME = "03-dense-networks"


def every_passage() -> Iterator[tuple[str, str, Passage]]:
    """For each hint with an id in the source: the task that may give it, its id, and where that leads."""
    shared = groups_of(ROOT, SHARED, frozenset(NOTED.left_out))
    for exercise in exercise_names():
        for group in groups_of(ROOT, exercise, frozenset(NOTED.left_out)):
            task = group.key.partition("/")[2]
            for id in (*group.words, *(id for other in shared for id in other.words)):
                passage = Reading(exercise).passage(task, Hint("Look.", id=id))
                assert passage is not None, f"{group.key}: {id}"
                yield group.key, id, passage


def test_the_file_is_what_the_notes_and_the_source_say() -> None:
    made = passages_json(ROOT, exercise_names())
    assert FILE.read_text("utf-8") == made, "run `python tools/passages.py`"


def test_every_id_leads_to_a_section_that_a_lesson_has() -> None:
    headings = {lesson.stem: headings_of(lesson) for lesson in (ROOT / "lessons").glob("*.md")}
    found = list(every_passage())
    assert len(found) > 700
    for task, id, passage in found:
        assert passage.section in headings[passage.file], f"{task}: {id}"
        assert passage.lesson == headings[passage.file][0]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", passage.anchor)


def test_it_leads_where_the_page_of_misconceptions_does() -> None:
    groups = {g.key: g for name in exercise_names() for g in groups_of(ROOT, name, frozenset(NOTED.left_out))}
    compared = 0
    for task, id, passage in every_passage():
        if id in groups[task].words:
            assert f"{passage.file}.md#{passage.section}" == NOTED.passage(task, id), f"{task}: {id}"
            compared += 1
    assert compared > 500
    for group in groups_of(ROOT, SHARED, frozenset(NOTED.left_out)):
        for id in group.words:
            taken = [t for t, g in groups.items() if id in g.words or id in NOTED.of_ids[t]]
            for key in set(groups) - set(taken):
                exercise, _, task = key.partition("/")
                shared = Reading(exercise).passage(task, Hint("Look.", id=id))
                assert shared is not None
                assert f"{shared.file}.md#{shared.section}" == NOTED.passage(group.key, id), f"{key}: {id}"


def test_the_file_holds_no_hint_and_no_line_of_a_solution() -> None:
    text = FILE.read_text("utf-8")
    assert len(text) < 40_000
    for exercise in exercise_names():
        assert [line for line in solution_lines(exercise) if line in _plain(text)] == []
        for group in groups_of(ROOT, exercise, frozenset()):
            assert [w for words in group.words.values() for w in words if len(w) > 20 and w in text] == []


def result(hint: str, task: str = "counted") -> CheckResult:
    return CheckResult(task, 3.0, (TestResult("Counted", Outcome.FAILED, "Too small.", (hint,)),))


def test_a_check_says_what_to_read_and_links_there_where_the_book_is_known() -> None:
    failed = result(Hint("What does each unit add?", id="bias-forgotten"))
    said = repr(CheckView(failed, Reading(NAME)))
    assert said.endswith("Hint: What does each unit add?\n  Read: Dense networks, 'Counting parameters'")
    assert "<a " not in CheckView(failed, Reading(NAME)).html()
    address = f"{BOOK}lessons/03-dense-networks.html#counting-parameters"
    assert address in repr(CheckView(failed, Reading(NAME, BOOK)))
    page = CheckView(failed, Reading(NAME, BOOK)).html()
    assert f'<a href="{address}" target="_blank" rel="noopener">Dense networks, \'Counting parameters\'</a>' in page


@pytest.mark.parametrize(
    ("exercise", "task", "hint"),
    [
        (NAME, "counted", "A text without a name."),
        (NAME, "counted", Hint("The machine.", id="surroundings")),  # names no misunderstanding
        ("07-own", "counted", Hint("Look.", id="bias-forgotten")),  # an exercise of a course's own
        (NAME, "another", Hint("Look.", id="bias-forgotten")),
    ],
)
def test_where_there_is_nothing_to_read_nothing_is_said(exercise: str, task: str, hint: str) -> None:
    for book in ("", BOOK):
        view = CheckView(result(hint, task), Reading(exercise, book))
        assert "Read:" not in repr(view) + view.html()


def test_a_right_answer_is_sent_nowhere() -> None:
    passed = CheckResult("counted", 3.0, (TestResult("Counted", Outcome.PASSED, share=1.0),))
    assert "Read:" not in CheckView(passed, Reading(NAME, BOOK)).html() + repr(CheckView(passed, Reading(NAME, BOOK)))


def test_the_terminal_and_a_page_without_a_notebook_say_it_in_words() -> None:
    failed = result(Hint("What does each unit add?", id="bias-forgotten"))
    whole = SubmissionResult("ada", NAME, Status.GRADED, (failed,))
    assert "  Read: Dense networks, 'Counting parameters'" in submission_lines(whole)
    assert "<p>Read: Dense networks, 'Counting parameters'</p>" in page_without_notebook(whole)


@pytest.mark.parametrize("book", ["", BOOK, "ftp://book.example.org/", "javascript:alert(1)"])
def test_in_a_notebook_check_and_hint_lead_to_the_lesson(
    book: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, book)
    monkeypatch.setattr(notebook, "_shell", lambda: None)
    known: dict[str, Any] = {"hidden_parameters": 7840, "output_parameters": 33, "all_parameters": 7883}
    session = notebook.Session(find_exercise(NAME), known)
    session.check("counted")
    said = capsys.readouterr().out
    assert "Read: Dense networks, 'Counting parameters'" in said
    assert ("(https://book.example.org/keras/lessons/03-dense-networks.html#counting-parameters)" in said) == (
        book == BOOK
    )
    assert "javascript" not in said
    session.hint("counted")
    assert "Read:" not in capsys.readouterr().out  # the same section once more teaches nothing


def test_a_further_hint_names_its_section_where_that_is_another_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notebook, "_shell", lambda: None)
    session = notebook.Session(find_exercise(NAME), {})
    hints = (Hint("One.", id="bias-forgotten"), Hint("Two.", id="no-loss"), Hint("Three."))
    session._last["counted"] = CheckResult("counted", 3.0, (TestResult("T", Outcome.FAILED, "No.", hints),))
    session._hints_shown["counted"] = 1
    session.hint("counted")
    assert capsys.readouterr().out == "Hint 2 of 3: Two.\nRead: Dense networks, 'Compile, fit, evaluate'\n"
    session.hint("counted")
    assert capsys.readouterr().out == "Hint 3 of 3: Three.\n"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", ""),
        ("https://book.example.org", "https://book.example.org/"),
        (" https://book.example.org/keras ", BOOK),
        ("https://book.example.org/keras/index.html", BOOK),
        ("http://localhost:8000/?a=1#b", "http://localhost:8000/"),
    ],
)
def test_an_address_may_be_the_books_or_its_first_pages(given: str, taken: str) -> None:
    assert book_at(given) == taken


@pytest.mark.parametrize(
    "given", ["book", "javascript:alert(1)", "https://", "https://a/b'><c", "file:///etc/", "//a/b"]
)
def test_what_is_no_address_is_refused_with_the_file_and_the_key(given: str, tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text(json.dumps({"book": given}), "utf-8")
    with pytest.raises(BadSetting, match=r"autograder.json: book: .* is not an http:// or https:// address\. Write"):
        settings.read(tmp_path, list)


def test_a_course_says_where_its_book_is(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text('{"book": "https://book.example.org/keras"}', "utf-8")
    assert settings.read(tmp_path, list).book == BOOK
