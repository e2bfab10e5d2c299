"""What a class finds while it works is counted: by people, by tasks, by hints the course knows; and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_inbox import NAME, made

from autograder.course.directory import Course
from autograder.exercise.definition import exercise_names
from autograder.jupyter import live
from autograder.jupyter.live import Live, known_to

HINT, TASK = "bias-forgotten", "counted"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return made(tmp_path_factory.mktemp("live") / "course", live=True)


class Class:
    """People who check, at times that one sets."""

    def __init__(self, course: Course, path: Path) -> None:
        self.course, self.path, self.now = course, path, 1_790_000_000.0
        self.live = Live(path, lambda: self.now)

    def check(self, who: str, task: str = TASK, outcome: str = "failed", hint: str = HINT) -> bool:
        sent = {"exercise": NAME, "task": task, "outcome": outcome, "hint": hint}
        return self.live.note(self.course, who, sent)

    def seen(self, names: bool = False) -> live.ExerciseLive:
        (one,) = self.live.seen(self.course, names)
        return one


@pytest.fixture
def group(course: Course, tmp_path: Path) -> Class:
    return Class(course, tmp_path / "live.json")


def test_who_has_begun_what_is_done_and_what_is_commonest(group: Class) -> None:
    for who in ("ada", "bo", "cy"):
        group.check(who)
    group.check("ada", outcome="passed", hint="")
    seen = group.seen()
    assert (seen.begun, seen.finished, seen.people) == (3, 0, ())
    task = next(one for one in seen.tasks if one.name == TASK)
    assert (task.passed, task.trying) == (1, 2)
    (common,) = seen.common
    known = known_to(group.course, NAME)
    assert known is not None
    assert (common.people, common.wording) == (2, known.wordings[HINT])
    group.now += live.WINDOW + 1
    assert group.seen().common == ()
    assert group.seen(names=True).people == ("ada", "bo", "cy")
    group.now += 86_400
    assert group.live.seen(group.course, False) == []


def test_whoever_passes_all_tasks_has_finished(group: Class) -> None:
    known = known_to(group.course, NAME)
    assert known is not None
    for task in known.tasks:
        assert group.check("ada", task, "passed", "")
    assert group.seen().finished == 1


def test_who_is_stuck_is_counted_and_named_only_where_the_course_shows_names(group: Class) -> None:
    for _ in range(live.STUCK_CHECKS):
        group.check("ada")
        group.check("bo", outcome="not attempted", hint="")
        group.now += live.STUCK_SECONDS / (live.STUCK_CHECKS - 1)
    assert group.seen().stuck == (f"1 person at {TASK}",)
    assert group.seen(names=True).stuck == (f"ada, at {TASK}: 4 checks in 6 minutes",)
    assert "ada" not in repr(group.seen())
    group.check("ada", outcome="passed", hint="")
    assert group.seen().stuck == ()


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        "x",
        {},
        {"exercise": NAME, "task": TASK, "outcome": "failed"},
        {"exercise": NAME, "task": "<script>", "outcome": "failed", "hint": ""},
        {"exercise": "../../x", "task": TASK, "outcome": "failed", "hint": ""},
        {"exercise": NAME, "task": TASK, "outcome": "splendid", "hint": ""},
        {"exercise": NAME, "task": [TASK], "outcome": "failed", "hint": ""},
    ],
)
def test_what_the_course_does_not_know_is_not_counted(group: Class, sent: Any) -> None:
    assert not group.live.note(group.course, "ada", sent)
    assert group.live.seen(group.course, False) == []


def test_every_hint_of_an_exercise_has_words(tmp_path: Path) -> None:
    for exercise in exercise_names():
        known = known_to(made(tmp_path / exercise / "course", exercise), exercise)
        assert known is not None
        assert {"never-trained", "linear-hidden-layer"} <= set(known.wordings), "those that all exercises share"
        assert all(any(c.isalpha() for c in words) for words in known.wordings.values())


@given(st.text(min_size=1))
def test_nothing_that_was_sent_is_shown(course: Course, text: str) -> None:
    group = Class(course, Path("nowhere"))
    group.check("ada", hint=text)
    known = known_to(course, NAME)
    assert known is not None
    assert all(common.wording in known.wordings.values() for common in group.seen().common)


def test_nobody_counts_more_than_once_and_floods_are_cut(group: Class) -> None:
    assert sum(group.check("ada") for _ in range(100)) == live.AT_MOST_EACH
    assert group.check("bo")
    assert group.seen().common[0].people == 2
    group.now += 61
    assert group.check("ada")


def test_it_lies_on_the_courses_disk_and_can_be_deleted(group: Class) -> None:
    group.check("ada")
    group.live.keep()
    assert "ada" in json.loads(group.path.read_text())[NAME]
    again = Live(group.path, lambda: group.now)
    assert again.seen(group.course, True) == group.live.seen(group.course, True)
    again.forget()
    assert not group.path.exists()
    assert again.seen(group.course, True) == []
    group.path.write_text('{"broken": 1}')
    assert Live(group.path).seen(group.course, True) == []
