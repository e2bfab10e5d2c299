"""Marking by hand: nbgrader's tables hold what was given, nothing is lost, and the page opens to nobody else."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from kit import ROOT  # noqa: F401
from our_pages import look, violations
from test_late import NAME, Class

from autograder.course import submissions
from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.course.nbgrader_config import FEEDBACK_PAGES
from autograder.course.sources import REQUEST
from autograder.errors import CourseError, UsageError
from autograder.marking import store
from autograder.marking.server import MarkingServer
from autograder.marking.site import MarkingSite, Visitor
from autograder.marking.store import ChangedMeanwhile, Marks, NewMark

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "<script>top.location='http://127.0.0.1:9'</script>"


@pytest.fixture(scope="module")
def _graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    group = Class(tmp_path_factory.mktemp("graded"), "")
    group.grade()
    return group.root


@pytest.fixture
def group(_graded: Path, tmp_path: Path) -> Class:
    """Three graded works: early, late and never."""
    copy = Class.__new__(Class)
    copy.root = tmp_path / "course"
    shutil.copytree(_graded, copy.root)
    return copy


@pytest.fixture
def marks(group: Class) -> Marks:
    return Marks(Course(group.root), NAME)


def _first(marks: Marks, student: str = "early") -> tuple[Any, str]:
    """A student's first task, and what somebody sees of it now."""
    grades = read_grades(marks.course, NAME)[student]
    return grades.tasks[0], marks.version(grades, grades.tasks[0])


def test_a_mark_stands_in_nbgraders_tables_and_on_the_page(marks: Marks, group: Class) -> None:
    task, seen = _first(marks)
    marks.give("early", NewMark(task.name, 0.5, 0.25, "Well argued", "the check missed it"), seen, "Ann")
    with group.book() as book:
        grade = next(g for g in book.find_submission_notebook(NAME, NAME, "early").grades if g.name == task.name)
        assert (grade.manual_score, grade.extra_credit, grade.needs_manual_grade) == (0.5, 0.25, False)
        comment = book.find_comment(marks.answers[task.name], NAME, NAME, "early")
        assert comment.manual_comment == "Well argued"
        score = book.find_submission(NAME, "early").score
    page = (group.root / "feedback" / "early" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "Well argued" in page
    assert float(re.findall(r"<h1>[^<]*\(Score: ([\d.]+) / ", page)[0]) == pytest.approx(score, abs=0.006)
    (one,) = marks.history("early")
    assert (one["marker"], one["from"], one["reason"]) == ("Ann", [None, 0.0, ""], "the check missed it")
    task, seen = _first(marks)  # and taken back
    marks.give("early", NewMark(task.name, None, 0.0, "", "my mistake"), seen, "Ann")
    assert not read_grades(marks.course, NAME)["early"].by_hand


def test_the_second_of_two_markers_is_told(marks: Marks) -> None:
    task, seen = _first(marks)
    marks.give("early", NewMark(task.name, 1.0, 0.0, "", "half right"), seen, "Ann")
    with pytest.raises(ChangedMeanwhile, match="Ann gave 1 point at "):
        marks.give("early", NewMark(task.name, 0.0, 0.0, "", "wrong"), seen, "Bob")
    assert _first(marks)[0].manual == 1.0


def test_of_many_at_once_one_is_written_and_all_others_are_told(marks: Marks) -> None:
    task, seen = _first(marks)

    def give(number: int) -> bool:
        try:
            marks.give("early", NewMark(task.name, number / 100, 0.0, "", "x"), seen, f"m{number}")
        except ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(give, range(1, 17))) == 1
    assert len(marks.history("early")) == 1


@pytest.mark.parametrize(
    ("points", "extra", "reason", "says"),
    [
        (99.0, 0.0, "x", "between 0 and"),
        (-1.0, 0.0, "x", "between 0 and"),
        (1.0, 0.0, " ", "why"),
        (None, float("nan"), "x", "a number"),
        (None, 1e9, "x", "a number"),
    ],
)
def test_what_cannot_be_given(marks: Marks, points: float | None, extra: float, reason: str, says: str) -> None:
    task, seen = _first(marks)
    with pytest.raises(UsageError, match=says):
        marks.give("early", NewMark(task.name, points, extra, "", reason), seen, "Ann")
    assert _first(marks)[1] == seen
    assert marks.history() == []


def test_comments_are_kept_and_requests_are_read(marks: Marks, group: Class) -> None:
    marks.keep("Flatten first.")
    marks.keep("Flatten first.")
    assert Marks(Course(group.root), NAME).bank() == ["Flatten first."]
    folder = group.root / "submitted" / "late" / NAME
    (folder / REQUEST).write_text("by_hand: I think " + HOSTILE)
    assert HOSTILE in marks.request("late")
    refused = "x" * 300  # as where a folder may not be entered, which root always may
    assert list(marks.open_requests([refused, "late"])) == ["late"]
    marks.answer_request("late", marks.request("late"), "Ann")
    assert not marks.open_requests(["late"])
    (folder / REQUEST).unlink()
    (folder / REQUEST).symlink_to("/etc/passwd")
    assert marks.request("late") == ""


def test_the_same_request_about_another_notebook_is_a_new_one(marks: Marks, group: Class) -> None:
    folder = group.root / "submitted" / "late" / NAME
    notebook = folder / f"{NAME}.ipynb"
    (folder / REQUEST).write_text("")  # all that learners write nothing into are read as the same text
    marks.answer_request("late", marks.request("late"), "Ann")
    assert not marks.open_requests(["late"])
    notebook.write_text(notebook.read_text("utf-8") + "\n", "utf-8")
    assert list(marks.open_requests(["late"])) == ["late"]
    marks.answer_request("late", marks.request("late"), "Ann")
    assert not marks.open_requests(["late"])


def test_a_request_that_was_answered_in_an_earlier_version_stays_answered(marks: Marks, group: Class) -> None:
    folder = group.root / "submitted" / "late" / NAME
    (folder / REQUEST).write_text("Please look again.")
    marks.answer_request("late", marks.request("late"), "Ann")
    note = json.loads(marks._history.read_text("utf-8"))
    del note["notebook"]
    marks._history.write_text(json.dumps(note | {"when": "2026-05-04T10:00:00+02:00"}) + "\n", "utf-8")
    for handed_in, answered in (("07:59:00 UTC", True), ("08:01:00 UTC", False)):
        (folder / "timestamp.txt").write_text(f"2026-05-04 {handed_in}")
        assert (not marks.open_requests(["late"])) is answered
    (folder / "timestamp.txt").unlink()
    assert not marks.open_requests(["late"])


def test_nothing_graded_is_told(course: Path) -> None:
    with pytest.raises(CourseError, match="Grade it first"):
        Marks(Course(course), NAME)


@pytest.fixture
def server(marks: Marks) -> Iterator[MarkingServer]:
    started = MarkingServer(marks, ["Ann", "Bob"])
    thread = threading.Thread(target=started.serve_forever, daemon=True)
    thread.start()
    yield started
    started.shutdown()
    started.server_close()
    thread.join()


def _ask(
    server: MarkingServer, path: str, form: dict[str, str] | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    body = None if form is None else urlencode(form)
    about = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    connection.request("GET" if form is None else "POST", path, body, about | headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), dict(answer.getheaders())
    connection.close()
    return found


def test_the_page_opens_to_nobody_else(server: MarkingServer, marks: Marks) -> None:
    base = urlsplit(server.addresses["Ann"]).path
    assert _ask(server, base)[0] == 200
    for path in ("/", "/x/", base[:-2] + "/", "/%00/", "//"):
        assert _ask(server, path)[0] == 403
    assert _ask(server, base, Host="evil.example")[0] == 403, "a name that leads here from elsewhere"
    key = marks.key_of("early")
    task, seen = _first(marks)
    form = {"task": task.name, "seen": seen, "points": "1", "reason": "x"}
    assert _ask(server, f"{base}work/{key}", form)[0] == 403, "a form of another page"
    form["form_token"] = server.form_token(urlsplit(server.addresses["Bob"]).path.strip("/"))
    assert _ask(server, f"{base}work/{key}", form)[0] == 403, "the form of another marker"
    form["form_token"] = server.form_token(base.strip("/"))
    assert _ask(server, f"{base}work/{key}", form, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert _ask(server, f"{base}work/nobody", form)[0] == 404
    assert _ask(server, f"{base}../../etc/passwd")[0] in (403, 404)
    assert _first(marks)[1] == seen
    status, content, headers = _ask(server, f"{base}work/{key}", form)
    assert status == 200
    assert f"Saved: {task.name}." in content
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert _ask(server, f"{base}feedback/{key}")[2]["Content-Security-Policy"].startswith("sandbox;")
    status, content, _ = _ask(server, f"{base}work/{key}", form | {"points": "0"})
    assert status == 409
    assert "Ann gave 1 point at " in content
    assert _ask(server, f"{base}work/{key}", form | {"points": "many"})[0] == 400
    assert _ask(server, f"{base}work/{key}", form | {"comment": "x" * 50_000})[0] == 413


@pytest.mark.parametrize("others_ask", [False, True])
def test_opening_one_work_reads_that_one(
    marks: Marks, group: Class, monkeypatch: pytest.MonkeyPatch, others_ask: bool
) -> None:
    """However many there are: a class is marked one work after another."""
    for student in ("early", "never") if others_ask else ():
        (group.root / "submitted" / student / NAME / REQUEST).write_text("Please look again.")
        marks.answer_request(student, marks.request(student), "Ann")
    looked_at: list[str] = []
    read, find = store.read_grades, submissions._read
    monkeypatch.setattr(store, "read_grades", lambda *a: looked_at.append(a[2] if len(a) > 2 else "all") or read(*a))
    monkeypatch.setattr(submissions, "_read", lambda *a: looked_at.append(a[0]) or find(*a))
    site, visitor = MarkingSite(marks, ["Ann"]), Visitor("Ann", "/", "secret")
    page = site.get(visitor, ["work", marks.key_of("late")]).content
    assert [marks.key_of(name) in page for name in ("early", "never")] == [True, True], "the one before, the one after"
    assert looked_at == ["late"]
    looked_at.clear()
    assert "asks for another look" not in site.get(visitor, []).content
    assert sorted(looked_at) == ["all", *(["early", "never"] if others_ask else [])]


def test_names_are_hidden_from_those_who_mark_blind(marks: Marks) -> None:
    server = MarkingServer(marks, ["Ann"], blind=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        base = urlsplit(server.addresses["Ann"]).path
        pages = [_ask(server, base)[1], *(_ask(server, f"{base}work/{key}")[1] for key in marks.everybody())]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    for page in pages:
        assert not re.search(r"\b(early|never)\b", page)
    assert "Work 1" in pages[0]


@pytest.mark.slow
@pytest.mark.browser
def test_nbgraders_own_command_makes_our_page(marks: Marks, group: Class, browser: Browser) -> None:
    """From the gradebook alone, with what people gave; and axe-core finds nothing on it."""
    task, seen = _first(marks)
    answer = marks.answers.get(task.name, task.name)
    marks.give("early", NewMark(task.name, 0.5, 0.0, "I see <b>why</b>.", "r"), seen, "Ann")
    shutil.rmtree(group.root / "feedback")
    config = group.root / "nbgrader_config.py"
    text = config.read_text("utf-8") if config.exists() else "c = get_config()\n"
    if FEEDBACK_PAGES not in text:
        config.write_text(f"{text}c.GenerateFeedback.exporter_class = {FEEDBACK_PAGES!r}\n", "utf-8")
    programs = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "generate_feedback", NAME]
    done = subprocess.run(command, cwd=group.root, env=programs, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    file = group.root / "feedback" / "early" / NAME / f"{NAME}.html"
    grades = read_grades(marks.course, NAME)["early"]
    text = file.read_text("utf-8")
    assert f'data-score="{grades.score}"' in text
    assert f'<li class="by-hand"><code>{answer}</code>: Comment: I see &lt;b&gt;why&lt;/b&gt;.</li>' in text
    assert all(f"<li><code>{one.name}</code>: " in text for one in grades.tasks)
    page = browser.new_page(viewport={"width": 320, "height": 900}, color_scheme="dark")
    page.goto(file.as_uri())
    assert look(page, 320) == []
    assert Course(group.root).nbgrader.not_used == ()
    page.close()


@pytest.mark.slow
@pytest.mark.browser
def test_marking_by_keyboard_and_without_any_script_of_theirs(
    server: MarkingServer, marks: Marks, group: Class, browser: Browser, tmp_path: Path
) -> None:
    folder = group.root / "submitted" / "late" / NAME
    (folder / REQUEST).write_text(f"by_hand: the bias is there, in line 3. {HOSTILE}")
    page_file = group.root / "feedback" / "late" / NAME / f"{NAME}.html"
    page_file.write_text(page_file.read_text("utf-8").replace("</main>", f"<p>{HOSTILE}</p></main>"), "utf-8")
    marks.keep("Flatten before the first dense layer.")
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.addresses["Ann"])
    assert "asks for another look" in page.inner_text("main")
    assert violations(page) == []
    page.screenshot(path=str(tmp_path / "list.png"))
    page.get_by_role("link", name="late").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/work/*")
    assert "the bias is there" in page.inner_text("main")
    assert violations(page) == []
    task, _ = _first(marks, "late")
    form = page.locator("form.task").first
    form.get_by_label("Points instead").focus()
    page.keyboard.type("0.5")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("the check missed it")
    page.keyboard.press("Tab")
    page.keyboard.type("I see what you mean.")
    form.get_by_label("Add one that you kept").select_option("Flatten before the first dense layer.")
    form.get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert page.get_by_role("status").inner_text() == f"Saved: {task.name}."
    assert violations(page) == []
    page.screenshot(path=str(tmp_path / "work.png"))
    frame = page.frame_locator("iframe").locator("body")
    assert "I see what you mean." in frame.inner_text()
    assert all(url.startswith(f"http://127.0.0.1:{server.server_port}/") for url in asked), "nothing of theirs ran"
    grades = read_grades(marks.course, NAME)["late"]
    assert grades.tasks[0].manual == 0.5
    assert marks.comment(grades, task.name) == "I see what you mean.\nFlatten before the first dense layer."
    page.get_by_role("button", name="Re-check without running").click()
    page.get_by_role("heading", name="What the checks say today").wait_for()
    page.get_by_role("button", name="This is dealt with").click()
    page.get_by_role("heading", name="Still to be looked at").wait_for()
    assert "asks for another look" not in page.inner_text("main")
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.close()
