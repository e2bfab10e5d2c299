"""The instructors' page of a course on a Hub, on a plain Jupyter server: what follows grading, from a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from kit import PATIENCE
from test_accessibility import violations
from test_late import NAME, Class

from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.jupyter.give_back import give_back
from autograder.jupyter.run import Grading
from autograder.jupyter.standing import of_class
from autograder.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOKEN = "trial"
DUE = {"due": "2026-05-01 12:00Z", "extensions": {"late": "2026-05-08 12:00Z"}}


@pytest.fixture(scope="module")
def _graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    group = Class(tmp_path_factory.mktemp("graded"), "")
    for student in ("early", "late"):
        (group.root / "submitted" / student / NAME / "submission_secret.txt").write_text(f"secret of {student}")
    done = group.grade()
    content = {"submissions": list(done.submissions)}
    (group.root / ".autograder" / NAME / "last-run.json").write_text(json.dumps(content))
    return group.root


@pytest.fixture
def group(_graded: Path, tmp_path: Path) -> Class:
    """Three graded works: early, late and never; the last did not come through the exchange."""
    copy = Class.__new__(Class)
    copy.root = tmp_path / "course"
    shutil.copytree(_graded, copy.root)
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    copy.configure(f"c.Exchange.root = {str(exchange)!r}\nc.CourseDirectory.course_id = 'trial'")
    source = copy.root / "source" / NAME
    source.mkdir(parents=True)
    shutil.copy(Course(copy.root).released(NAME) or "", source)  # the page lists what has a source here
    return copy


def set_up(group: Class, **settings: object) -> None:
    (group.root / "autograder.json").write_text(json.dumps({"exercises": {NAME: DUE}, **settings}))


@pytest.fixture
def url(group: Class, tmp_path: Path) -> Iterator[str]:
    """Where the page is."""
    set_up(group)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--ServerApp.jpserver_extensions={'autograder.jupyter': True}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={group.root}",
        "--ServerApp.open_browser=False",
        "--allow-root",
    ]
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options],
            stdout=log,
            stderr=log,
            env=os.environ | places,
            cwd=group.root,
        )
    address = f"http://127.0.0.1:{port}/autograder/"
    try:
        end = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < end and server.poll() is None:
            try:
                if requests.get(f"{address}?token={TOKEN}", timeout=60).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.2)
        else:
            raise AssertionError((tmp_path / "log").read_text())
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.mark.slow
@pytest.mark.browser
def test_marking_similar_work_and_feedback_are_on_the_page(
    url: str, group: Class, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(f"{url}?token={TOKEN}")
    page.wait_for_selector("#ag-due")
    assert page.inner_text("#ag-due").startswith("It was due Fri 1 May 2026, 12:00 (UTC), ")
    assert page.inner_text("#ag-due").endswith(" ago. 1 student has an extension.")
    assert violations(page) == []
    page.screenshot(path=str(tmp_path / "grading.png"))

    with page.context.expect_page() as opened:
        page.click("#ag-mark")
    marking = opened.value
    marking.get_by_role("link", name="early").click()
    form = marking.locator("form.task").first
    form.get_by_label("Points instead").fill("0.5")
    form.get_by_label("Why, for those who mark").fill("the check missed it")
    form.get_by_label("Comment for the learner").fill("Well argued.")
    form.get_by_role("button").click()
    marking.wait_for_selector(".told")
    frame = marking.frame_locator("iframe")
    assert "Well argued." in frame.locator("body").inner_text()
    marking.screenshot(path=str(tmp_path / "marking.png"))
    grades = read_grades(Course(group.root), NAME)["early"]
    assert (grades.tasks[0].manual, set(grades.comments.values())) == (0.5, {"Well argued."})

    page.click("#ag-release")
    page.wait_for_function("document.getElementById('ag-status').textContent.includes('released.')")
    assert page.inner_text("#ag-status").startswith(f"{NAME}: feedback of 2 released. 1 not released: ")
    released = list((tmp_path / "exchange" / "trial" / "feedback").glob("*.html"))
    assert len(released) == 2
    assert sum("Well argued." in path.read_text("utf-8") for path in released) == 1

    with page.context.expect_page() as opened:
        page.click("#ag-similar")
    opened.value.wait_for_load_state()
    assert NAME in opened.value.content()
    assert opened.value.url.endswith(f"report/{NAME}-similar.html")

    answer = requests.post(f"{url}mark/{NAME}/work/x?token={TOKEN}", data={"task": "x"}, timeout=60)
    assert answer.status_code == 403, "a form of another page"
    assert requests.get(f"{url}mark/{NAME}/", timeout=60, allow_redirects=False).status_code == 302, "nobody's"
    assert requests.get(f"{url}mark/nothing/?token={TOKEN}", timeout=60).status_code == 400


def test_while_a_course_is_watched_the_page_says_so_and_shows_what_is_graded(group: Class) -> None:
    set_up(group)
    grading = Grading(group.root, "require")
    assert not grading.state()["watched"]
    holding = "import sys, pathlib, autograder.course.lock as lock\n"
    holding += "with lock.only_run(pathlib.Path(sys.argv[1]), lock.WATCHING): print('held', flush=True); input()"
    command = [sys.executable, "-c", holding, str(group.root / ".autograder"), "watch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline() == "held\n"
        assert grading.state()["watched"]
        watch.communicate("\n")
    assert not grading.state()["watched"], "the process has ended, and its line is still in the file"
    note = group.root / ".autograder" / NAME / "done" / "early.json"
    content = json.loads(note.read_text("utf-8"))
    note.write_text(json.dumps(content | {"result": content["result"] | {"score": 12.5}}))
    scores = {row["student"]: row["score"] for row in grading.state()["exercises"][0]["result"]}
    assert scores["early"] == 12.5, "graded by the command line since"
    assert set(scores) == {"early", "late", "never"}


def test_feedback_that_a_person_has_to_look_at_stays_back(group: Class, tmp_path: Path) -> None:
    with group.book() as book:
        grade = book.find_submission_notebook(NAME, NAME, "late").grades[0]
        grade.needs_manual_grade = True
        book.db.commit()
    done = give_back(group.root, NAME)
    assert (done.released, done.waiting, done.without) == (["early"], ["late"], ["never"])
    assert len(list((tmp_path / "exchange" / "trial" / "feedback").glob("*.html"))) == 1


def test_a_blind_course_says_nowhere_whose_work_it_is(group: Class) -> None:
    set_up(group, blind=True)
    course = Course(group.root)
    report = write_report(course, NAME)
    state = json.dumps(Grading(group.root, "require").state()["exercises"])
    for text in (report.page.read_text("utf-8"), report.table.read_text("utf-8"), "\n".join(report.summary), state):
        assert not re.search(r"\b(early|never)\b|>late<|^late,|\"late\"", text, re.MULTILINE)
    for text in (report.page.read_text("utf-8"), report.table.read_text("utf-8"), state):
        assert {"Work 1", "Work 2", "Work 3"} <= set(re.findall(r"Work \d", text))
    with group.book() as book:
        book.update_or_create_student("absent")
    (course.submitted / "ungraded").mkdir()
    shutil.copytree(course.submitted / "never" / NAME, course.submitted / "ungraded" / NAME)
    report = write_report(course, NAME)
    texts = [report.page.read_text("utf-8"), report.table.read_text("utf-8")]
    (standing,) = [one for one in of_class(course, datetime.now(UTC)) if one.exercise == NAME]
    texts.append(repr(standing))
    for text in texts:
        assert not re.search(r"\b(early|never|absent|ungraded)\b", text.replace("absent=", "")), text
        assert re.search(r"Work \d|Student without work 1", text)
    assert (standing.handed_in, len(standing.absent)) == (4, 1), "they are still counted"
    (course.submitted / "ungraded").rename(group.root / "not-here")
    set_up(group)
    scores = {row["student"]: row["score"] for row in Grading(group.root, "require").state()["exercises"][0]["result"]}
    assert set(scores) == {"early", "late", "never"}
