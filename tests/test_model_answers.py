"""Answers on feedback pages: once nobody can earn points with them, from the teacher's notebook, and never before."""

from __future__ import annotations

import copy
import html
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from kit import ROOT
from test_deadlines import MOMENTS, POLICIES, VIENNA, ZONES, vienna
from test_late import NAME, Class

from autograder.course import model_answers, settings
from autograder.course.deadlines import Deadline, LatePolicy
from autograder.course.directory import Course
from autograder.course.gradebook import Gradebook
from autograder.course.grades import read_deadline
from autograder.course.model_answers import to_show
from autograder.errors import BadSetting
from autograder.grading.feedback import with_answers, with_late_penalty
from autograder.grading.record import AFTER_ANSWERS
from autograder.lms.handback import hand_back

NOW = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(days=30), NOW + timedelta(days=30)
ANSWER = "hidden_parameters = 784 * 10 + 10"  # a line of the teacher's notebook, and of no page before


def configured(group: Class, exercise: dict[str, Any] | None = None, **course: Any) -> Class:
    """The course's settings, with times as they stand in a file."""
    written = json.dumps(
        {"exercises": {NAME: exercise or {}}} | course, default=lambda when: when.isoformat(" ", "minutes")
    )
    (group.root / settings.FILE).write_text(written.replace("+00:00", "Z"), "utf-8")
    return group


def page_of(group: Class, student: str) -> str:
    return (group.root / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")


def shows(group: Class) -> bool:
    """Whether the pages have the answers; all of them, or none."""
    pages = [page_of(group, student) for student in ("early", "late", "never")]
    assert len({ANSWER in page for page in pages}) == 1
    assert len({'model-answers"' in page for page in pages}) == 1
    for page in pages:  # beside the list of tasks, not in what the learner wrote
        assert (ANSWER in page) == ('<section class="model-answers">' in page)
    return ANSWER in pages[0]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return Class(tmp_path_factory.mktemp("class"), "")


@pytest.fixture
def group(made_once: Class, tmp_path: Path) -> Class:
    found = copy.copy(made_once)
    found.root = tmp_path / "course"
    shutil.copytree(made_once.root, found.root)
    return found


def test_the_line_is_the_teachers_and_nobody_elses(group: Class) -> None:
    """Else the tests below would find nothing whatever pages show."""
    source = (ROOT / "solutions" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    assert ANSWER in source
    handed_in = [path.read_text("utf-8") for path in group.root.glob(f"submitted/*/{NAME}/*.ipynb")]
    assert len(handed_in) == 3
    assert not [text for text in handed_in if ANSWER in text]


def test_after_the_deadline_pages_get_the_answers_and_nothing_runs_for_it(group: Class) -> None:
    configured(group, {"due": FUTURE}).grade()
    assert not shows(group)
    before = page_of(group, "early")
    configured(group, {"due": PAST})
    assert group.grade().skipped == 3
    assert shows(group)
    assert group.grade().skipped == 3  # and again, with nothing to do
    assert page_of(group, "early").count('<section class="model-answers">') == 1
    configured(group, {"due": FUTURE}).grade()  # the deadline moved after all
    assert not shows(group)
    assert page_of(group, "early") == before


def test_nobody_sees_them_while_somebody_has_more_time(group: Class) -> None:
    for extension in ({"late": FUTURE}, {"somebody-who-has-handed-in-nothing": FUTURE}):
        configured(group, {"due": PAST, "extensions": extension}).grade()
        assert not shows(group)
    configured(group, {"due": PAST, "extensions": {"late": PAST + timedelta(days=1)}}).grade()
    assert shows(group)
    configured(group, {"due": PAST, "extensions": {"never": FUTURE}}).grade()  # granted when the pages had them already
    assert not shows(group)


def test_without_a_due_date_they_stay_away(group: Class) -> None:
    group.due(None)
    configured(group).grade()
    assert not shows(group)
    configured(group, {"answers": "always"}).grade()
    assert shows(group)
    configured(group, {"due": PAST, "answers": "never"}).grade()
    assert not shows(group)


def test_a_due_date_of_the_formgrader_counts_with_its_extensions(group: Class) -> None:
    group.due(PAST.replace(tzinfo=None))
    group.grade()
    assert shows(group)
    with group.book() as book:
        book.find_submission(NAME, "late").extension = timedelta(days=60)
        book.db.commit()
    group.grade()
    assert not shows(group)
    deadline = read_deadline(Course(group.root), NAME)
    course = Course(group.root)
    opened = Gradebook(course.db_url, course.course_id, NAME, course.late, course.settings.of(NAME))
    try:
        assert deadline == opened.deadline
    finally:
        opened.close()


def test_while_late_work_earns_something_they_wait(group: Class) -> None:
    a_while_ago = NOW - timedelta(days=3)
    for late, shown in (
        ({"no_credit_after_days": 7}, False),
        ({"percent_per_day": 10}, False),  # nothing is left after ten days
        ({"grace_minutes": 7 * 24 * 60}, False),
        ({"no_credit_after_days": 1}, True),
        ({"percent_per_day": 60}, True),
        ({"percent_per_day": 10, "at_most_percent": 50}, True),  # late work counts for ever: nothing to wait for
    ):
        configured(group, {"due": a_while_ago, "late": late}).grade()
        assert shows(group) == shown, late


def test_work_that_comes_after_them_is_marked(group: Class) -> None:
    configured(group, {"due": PAST})
    group.hand_in("late", (PAST + timedelta(days=2)).replace(tzinfo=None))
    results = {r["student"]: r for r in group.grade().submissions}
    assert AFTER_ANSWERS in results["late"]["notes"]
    assert AFTER_ANSWERS not in results["early"]["notes"] + results["never"]["notes"]


def test_new_work_and_points_by_hand_keep_them(group: Class) -> None:
    configured(group, {"due": PAST}).grade()
    notebook = group.root / "submitted" / "early" / NAME / f"{NAME}.ipynb"
    notebook.write_text(notebook.read_text("utf-8").replace("x = ", "y = 1 + "), "utf-8")
    group.grade()
    assert "another-look" in page_of(group, "late")
    with group.book() as book:
        for grade in book.find_submission_notebook(NAME, NAME, "late").grades:
            grade.manual_score = grade.max_score
        book.db.commit()
    group.grade()
    assert shows(group)
    assert "another-look" not in page_of(group, "late")  # full marks, so nobody is told how to ask
    assert "given by hand" in page_of(group, "late")


def test_what_goes_back_shows_what_may_be_seen_then(group: Class, tmp_path: Path) -> None:
    """The pages were made before; a day has passed, or somebody was given more time."""
    configured(group, {"due": FUTURE}).grade()
    for due, extensions, shown in ((PAST, {}, True), (PAST, {"late": FUTURE}, False), (FUTURE, {}, False)):
        configured(group, {"due": due, "extensions": extensions})
        out = tmp_path / "out"
        hand_back(Course(group.root), NAME, "pages", out)
        assert len(list(out.glob("*.html"))) == 3
        assert {ANSWER in page.read_text("utf-8") for page in out.glob("*.html")} == {shown}
    configured(group, {"due": PAST}).grade()
    assert shows(group)
    configured(group, {"due": PAST, "extensions": {"late": FUTURE}})
    hand_back(Course(group.root), NAME, "pages", tmp_path / "out")
    assert ANSWER not in (tmp_path / "out" / "early.html").read_text("utf-8")


def test_before_the_deadline_no_line_of_the_answers_is_anywhere_but_in_the_source(group: Class) -> None:
    found = to_show(Course(group.root), NAME, Deadline(PAST))
    assert found is not None
    released = (ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    texts = (text for texts in found.of_tasks.values() for text in texts)
    lines = [
        line for text in texts for line in text.split("\n") if len(line) > 20 and json.dumps(line)[1:-1] not in released
    ]
    assert len(lines) > 10
    configured(group, {"due": FUTURE}).grade()
    looked = 0
    for path in group.root.rglob("*"):
        if path.is_file() and path.suffix in (".html", ".json", ".ipynb", ".db", ".record"):
            text = path.read_bytes()
            looked += 1
            for form in (str, html.escape, lambda line: json.dumps(line)[1:-1]):
                assert [line for line in lines if form(line).encode() in text] == [], path
    assert looked > 10
    configured(group, {"due": PAST}).grade()
    assert [line for line in lines if html.escape(line) not in page_of(group, "early")] == []


def test_each_task_has_its_cells_without_the_marks_of_what_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "submitted").mkdir()
    (tmp_path / settings.FILE).write_text('{"answers": "always"}', "utf-8")
    found = to_show(Course(tmp_path), NAME, None)
    assert found is not None
    assert found.since is None
    tasks = [task.grade_id for task in Course(tmp_path).make_ready(NAME).tasks]
    assert list(found.of_tasks) == tasks
    assert ANSWER in found.of_tasks["counted"][0]
    whole = "\n".join(text for texts in found.of_tasks.values() for text in texts)
    assert "SOLUTION" not in whole
    assert "def " in whole  # with what a learner was given
    assert len(found.digest) == 64


def test_answers_of_text_and_marks_of_a_courses_own(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "code", "source": ["# GIVE\n", "x = 1\n", "# END"], "metadata": {"nbgrader": {"solution": True}}},
        {"cell_type": "code", "source": "y = 2", "metadata": {"nbgrader": {"solution": True}}},
        {"cell_type": "code", "source": "z = 3", "metadata": {}},
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade": True, "grade_id": "one"}}},
        {
            "cell_type": "markdown",
            "source": "Because.",
            "metadata": {"nbgrader": {"solution": True, "grade": True, "grade_id": "why"}},
        },
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade": True, "grade_id": "none"}}},
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}), "utf-8")
    assert model_answers._answers(path, ("# GIVE", "# END")) == {"one": ("x = 1", "y = 2"), "why": ("Because.",)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            {"answers": "after-deadlines"},
            'answers is "after-deadlines", which is not a value it can have. Did you mean',
        ),
        ({"answers": True}, "answers should be text in quotes"),
        ({"exercises": {NAME: {"answers": "soon"}}}, f'exercises.{NAME}.answers is "soon"'),
    ],
)
def test_what_is_no_value_is_refused(content: dict[str, Any], says: str, tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text(json.dumps(content), "utf-8")
    with pytest.raises(BadSetting, match=re.escape(says)):
        settings.read(tmp_path, lambda: [NAME])


def test_an_exercise_has_the_courses_setting_or_its_own(tmp_path: Path) -> None:
    other = "04-softmax"
    (tmp_path / settings.FILE).write_text(
        json.dumps({"answers": "never", "exercises": {NAME: {"answers": "always"}, other: {}}}), "utf-8"
    )
    found = settings.read(tmp_path, lambda: [NAME, other])
    assert [found.of(name).answers for name in (NAME, other, "05-overfitting")] == ["always", "never", "never"]
    assert settings.Settings().of(NAME).answers == "after-deadline"


# -- pages and times, without a course ---------------------------------------------------------------------------------

PAGE = "<body>\n<h1>x (Score: 1.0 / 3.0)</h1>\n<ol>\n<li>a</li>\n</ol>\n<p>What a learner wrote.</p></body>"


@trying(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=30), max_size=2), max_size=3), st.booleans())
def test_a_page_gets_them_once_and_loses_them_whole(answers: dict[str, list[str]], asking: bool) -> None:
    page = with_late_penalty(PAGE, 0.0) if asking else PAGE
    shown = with_answers(page, answers)
    assert with_answers(shown, answers) == shown
    assert with_answers(shown, None) == page
    assert shown.endswith("<p>What a learner wrote.</p></body>")
    assert shown.index("model-answers") < shown.index("What a learner wrote")


def test_a_section_that_a_learner_wrote_is_left_alone() -> None:
    theirs = PAGE.replace("What a learner wrote.", '</p><section class="model-answers">mine</section><p>')
    assert with_answers(theirs, None) == theirs
    assert with_answers(with_answers(theirs, {"a": ["x"]}), None) == theirs


def test_the_page_of_another_program_stays_as_it_is() -> None:
    for page in ("<p>nothing</p>", PAGE.replace("h1", "h4"), ""):
        assert with_answers(page, {"a": ["x"]}) == page


@pytest.mark.parametrize(
    ("policy", "days"),
    [
        (LatePolicy(), None),
        (LatePolicy(no_credit_after_days=0), 0),
        (LatePolicy(no_credit_after_days=7), 7),
        (LatePolicy(percent_per_day=10), 9),
        (LatePolicy(percent_per_day=100), 0),
        (LatePolicy(percent_per_day=30, at_most_percent=90), None),
        (LatePolicy(percent_per_day=10, at_most_percent=50, no_credit_after_days=3), 3),
        (LatePolicy(percent_per_day=0.01), 9_999),
    ],
)
def test_the_last_day_on_which_late_work_earns_something(policy: LatePolicy, days: int | None) -> None:
    assert policy.last_day == days


def test_days_end_on_the_wall() -> None:
    """The clocks are put back on the night of 25 October."""
    deadline = Deadline(vienna("2026-10-24 23:59"), VIENNA, LatePolicy(no_credit_after_days=1))
    assert deadline.over == vienna("2026-10-25 23:59").astimezone(UTC)
    later = Deadline(deadline.due, VIENNA, deadline.policy, {"ada": vienna("2026-11-01 12:00")})
    assert later.over == vienna("2026-11-02 12:00").astimezone(UTC)
    grace = Deadline(vienna("2026-10-24 23:59"), VIENNA, LatePolicy(grace_minutes=180))  # by a watch, not by the wall
    assert grace.over == vienna("2026-10-24 23:59").astimezone(UTC) + timedelta(hours=3)


@trying(deadline=None)
@given(MOMENTS, ZONES, POLICIES, st.lists(st.integers(0, 60), max_size=3), st.integers(1, 100_000))
def test_after_it_is_over_nobody_earns_anything_or_late_work_always_does(
    due: datetime, zone: str, policy: LatePolicy, longer: list[int], seconds: int
) -> None:
    extensions = {f"s{n}": due + timedelta(days=days) for n, days in enumerate(longer)}
    deadline = Deadline(due, ZoneInfo(zone), policy, extensions)
    after = deadline.over + timedelta(seconds=seconds)
    for student in (*extensions, "bob"):
        late = deadline.lateness(student, after)
        assert late.late
        if policy.last_day is not None:
            assert late.percent >= 100
    last = max((*extensions, "bob"), key=lambda student: deadline.due_for(student).astimezone(UTC))
    assert deadline.lateness(last, deadline.over - timedelta(milliseconds=1)).percent < 100
