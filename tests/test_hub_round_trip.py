"""The whole round trip on a real Hub, in a real browser.

By hand in the browser: logging in, the launch link, fetching, typing an answer, running, the hint, mending it, running
all, validating, submitting; collecting, grading, commenting, generating and releasing feedback; fetching and reading
it.
Through the contents API of the same user's server: the answers of the other seven tasks. Through nbgrader's own API:
what the second learner does.

With AUTOGRADER_PICTURES=DIR a picture of every step is written there; AUTOGRADER_TEST_HUB=5 takes JupyterHub 5.5.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_class import EXERCISE, TrialHub, as_user
from kit import PATIENCE, ROOT
from nbgrader.api import Gradebook
from our_pages import violations
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from autograder.grading.answered import answered

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.sandbox,
    pytest.mark.skipif(os.getuid() != 0, reason="separate Unix users need root"),
]

LONG = 240_000  # milliseconds; TensorFlow's import and training on a busy machine
UNSCALED = (
    "x_train = train_data.reshape(600, 784).astype('float32')\nx_test = test_data.reshape(100, 784).astype('float32')"
)
SCALED = "x_train = train_data.reshape(600, 784).astype('float32') / 255\n" + (
    "x_test = test_data.reshape(100, 784).astype('float32') / 255"
)
COMMENT = "Well argued. Next time look at the validation curve, too."


@pytest.fixture(scope="module")
def browser(browser: Browser) -> Iterator[Browser]:
    """Everybody's, with more patience."""
    expect.set_options(timeout=LONG)
    yield browser
    expect.set_options(timeout=PATIENCE)


class Person:
    """One person at one browser."""

    def __init__(self, hub: TrialHub, browser: Any, user: str) -> None:
        self.hub, self.user = hub, user
        self.context: BrowserContext = browser.new_context(viewport={"width": 1400, "height": 900})
        self.context.set_default_timeout(LONG)
        self.page: Page = self.context.new_page()
        self._pictures = 0

    def log_in(self, address: str) -> None:
        self.page.goto(self.hub.url + address)
        self.page.fill("#username_input", self.user)
        self.page.fill("#password_input", self.hub.passwords[self.user])
        self.page.click("#login_submit")

    def picture(self, name: str, page: Page | None = None) -> None:
        if folder := os.environ.get("AUTOGRADER_PICTURES"):
            self._pictures += 1
            shown = page or self.page
            shown.wait_for_timeout(500)  # for the picture's sake alone
            shown.screenshot(path=Path(folder, f"{self.user}-{self._pictures:02}-{name}.png"))

    def ask(self, method: str, path: str, body: Any = None, form: dict[str, str] | None = None) -> Any:
        """Call an API of this user's server from this user's page, with its cookies."""
        result = self.page.evaluate(
            """async ([method, url, body, form]) => {
                const token = (document.cookie.match(/_xsrf=([^;]*)/) || ["", ""])[1];
                const headers = { "X-XSRFToken": token };
                const options = { method, headers };
                if (body !== null) {
                    options.body = JSON.stringify(body);
                    headers["Content-Type"] = "application/json";
                }
                if (form !== null) { options.body = new URLSearchParams(form); }
                const answer = await fetch(url, options);
                return [answer.status, await answer.text()];
            }""",
            [method, f"/user/{self.user}/{path}", body, form],
        )
        assert result[0] < 300, result
        return json.loads(result[1])

    def open_assignments(self) -> None:
        self.page.click(".lm-MenuBar-itemLabel:text('Nbgrader')")
        self.page.click(".lm-Menu-itemLabel:text('Assignment List')")
        expect(self.page.get_by_text("Released assignments").first).to_be_visible()


def _launch_link(hub: TrialHub) -> str:
    """What the book's own extension makes of its settings."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from kitbook.notebooks import launch_links

    launch = {"repository": f"file://{hub.group.state}/material", "branch": "main", "jupyterhub": hub.url}
    return launch_links(launch, EXERCISE)["JupyterHub"].removeprefix(hub.url)


def _filled_in(first: str) -> Any:
    """The exercise with this answer to its first task and the right ones to all others, as a learner writes them."""
    text = json.dumps(answered(EXERCISE, {"flattened-answer": first}))
    return json.loads(re.sub(r"[ ]*### (BEGIN|END) SOLUTION(\\n)?", "", text))


def _work_as_far_as_task_two(person: Person) -> None:
    """Put the answers to all tasks but the first into the fetched notebook."""
    notebook = _filled_in("# YOUR CODE HERE\nraise NotImplementedError()")
    path = f"api/contents/{EXERCISE}/{EXERCISE}.ipynb"
    person.ask("PUT", path, {"type": "notebook", "content": notebook})


def test_from_the_launch_link_to_the_feedback(hub: TrialHub, browser: Any) -> None:
    as_user(hub.group, hub.group.account, ["sh", "-c", """echo '{"live": true}' > autograder.json"""])
    ada = Person(hub, browser, "hub-ada")
    _learner_opens_the_lesson(ada)
    _learner_fetches(ada)
    _learner_errs_reads_the_hint_and_mends_it(ada)
    _learner_validates_and_submits(ada)
    _learner_reads_the_receipt(ada)
    bo = Person(hub, browser, "hub-bo")
    _second_learner_submits_what_is_wrong(bo)
    tutor = Person(hub, browser, "hub-tutor")
    _instructor_sees_who_has_handed_in(tutor)
    _instructor_sees_the_class_live(tutor)
    _instructor_collects(tutor)
    _instructor_grades(tutor)
    _instructor_opens_the_report(tutor)
    _instructor_comments(tutor)
    _instructor_gives_it_back(tutor)
    _learner_reads_it(ada)
    _formgraders_own_button_runs_our_grader(tutor)
    _course_comes_back_after_a_loss(hub)


def _learner_opens_the_lesson(ada: Person) -> None:
    ada.log_in(_launch_link(ada.hub))
    ada.page.wait_for_url("**/lab/tree/material/notebooks/**")
    expect(ada.page.locator(".jp-Notebook h1").first).to_contain_text("Dense networks")
    ada.picture("lesson")


def _learner_fetches(ada: Person) -> None:
    ada.open_assignments()
    ada.page.get_by_role("button", name="Fetch", exact=True).click()
    expect(ada.page.get_by_role("button", name="Submit", exact=True)).to_be_visible()
    ada.picture("fetched")
    _work_as_far_as_task_two(ada)


def _learner_errs_reads_the_hint_and_mends_it(ada: Person) -> None:
    page = ada.page
    page.goto(f"{ada.hub.url}/user/{ada.user}/lab/tree/{EXERCISE}/{EXERCISE}.ipynb?reset")
    cells = page.locator(".jp-NotebookPanel:visible .jp-CodeCell")
    _run(page, cells.filter(has_text="from autograder import start").first)
    expect(page.get_by_text("training images (600, 28, 28, 1)")).to_be_visible()

    answer = cells.filter(has_text="YOUR CODE HERE").first
    position = cells.evaluate_all("(all) => all.findIndex((cell) => cell.textContent.includes('YOUR CODE HERE'))")
    check = cells.nth(position + 1)

    def type_and_run(source: str) -> None:
        cells.nth(position).locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(source)
        page.keyboard.press("Shift+Enter")
        _run(page, check)

    answer.scroll_into_view_if_needed()
    type_and_run(UNSCALED)
    expect(check.locator(".jp-OutputArea")).to_contain_text("Divide by 255")
    check.scroll_into_view_if_needed()
    ada.picture("hint")
    type_and_run(SCALED)
    expect(check.locator(".jp-OutputArea")).not_to_contain_text("Divide by 255")
    expect(check.locator(".jp-OutputArea")).to_contain_text("2 of 2")
    ada.picture("mended")
    with page.expect_response(lambda answer: _saves(answer, EXERCISE)):
        page.keyboard.press("Control+S")


def _run(page: Page, cell: Locator) -> None:
    """Run a cell. What JupyterLab is asked before it knows its kernel it drops without a word; learners press again."""
    for _ in range(5):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(AssertionError):
            expect(cell.locator(".jp-InputPrompt")).not_to_have_text("[ ]:", timeout=15_000)
            return
    raise AssertionError("the cell did not start to run; the Hub's log may say why")


def _saves(answer: Response, name: str) -> bool:
    return answer.request.method == "PUT" and answer.url.split("?")[0].endswith(f"{name}.ipynb") and answer.ok


def _learner_validates_and_submits(ada: Person) -> None:
    page = ada.page
    page.get_by_text("Validate", exact=True).first.click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Success")
    ada.picture("validated")
    dialog.get_by_role("button").last.click()
    ada.open_assignments()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("There are no submitted assignments.")).to_be_hidden()
    ada.picture("submitted")


def _learner_reads_the_receipt(ada: Person) -> None:
    """What *Submit* sent is taken in by the course's page; a file chosen there, too."""
    page = ada.page
    page.goto(f"{ada.hub.url}/services/trial-work/")
    _reload_until(page, "this one counts")
    expect(page.locator("tr.counts")).to_contain_text(re.compile(r"received \d\d:\d\d:\d\d, receipt \w{4}-\w{4}"))
    ada.picture("received")
    assert violations(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name=re.compile(".*, a file to keep")).click()
    assert json.loads(saved.value.path().read_text())["student"] == ada.user
    content = json.dumps(_filled_in(SCALED)).encode()
    file: Any = {"name": "from home (1).ipynb", "mimeType": "application/json", "buffer": content}
    page.get_by_label("Your notebook for").set_input_files(file)
    page.get_by_role("button", name=f"Hand in {EXERCISE}").click()
    expect(page.get_by_role("status")).to_contain_text("received, receipt")
    expect(page.locator("tbody tr")).to_have_count(2)


def _reload_until(page: Page, text: str) -> None:
    for _ in range(60):
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(1_000)
        page.reload()
    raise AssertionError(page.content())


def _instructor_sees_who_has_handed_in(tutor: Person) -> None:
    tutor.log_in("/services/trial-work/")
    tutor.page.wait_for_url("**/class/")
    _reload_until(tutor.page, "2 handed in, 0 of them late. Nothing yet from 0.")
    tutor.picture("class")
    assert violations(tutor.page) == []


def _instructor_sees_the_class_live(tutor: Person) -> None:
    """What ada's `check` found, counted under no name."""
    page = tutor.page
    page.get_by_role("link", name="Live").click()
    section = page.get_by_role("region", name=EXERCISE)
    expect(section).to_contain_text("Begun: 1.")
    expect(section.get_by_role("row", name="flattened")).to_contain_text("1")
    expect(page.locator("main")).not_to_contain_text("ada")
    tutor.picture("live")
    assert violations(page) == []
    first = page.get_by_text("As of").inner_text()
    expect(page.get_by_text("As of")).not_to_have_text(first)  # it brings itself up to date
    page.get_by_label("Stop updating").check()


def _second_learner_submits_what_is_wrong(bo: Person) -> None:
    bo.log_in("/hub/spawn")
    bo.page.wait_for_url("**/lab**")
    form = {"course_id": "trial", "assignment_id": EXERCISE}
    assert bo.ask("POST", "assignments/fetch", form=form)["success"]
    notebook = _filled_in(UNSCALED)
    path = f"api/contents/{EXERCISE}/{EXERCISE}.ipynb"
    bo.ask("PUT", path, {"type": "notebook", "content": notebook})
    assert bo.ask("POST", "assignments/submit", form=form)["success"]


def _instructor_collects(tutor: Person) -> None:
    tutor.page.goto(f"{tutor.hub.url}/services/trial/formgrader")
    row = tutor.page.locator("tr", has_text=EXERCISE)
    row.locator(".collect a").click()
    expect(tutor.page.locator(".modal-dialog:visible")).to_contain_text("Successfully collected")
    tutor.picture("collected")
    tutor.page.locator(".modal-dialog:visible button").first.click()
    expect(row.locator(".num-submissions")).to_have_text("2")


def _instructor_grades(tutor: Person) -> None:
    page = tutor.page
    page.goto(f"{tutor.hub.url}/services/trial/lab")
    page.locator(".jp-LauncherCard", has_text="Grade a class").click()
    expect(page.locator("#ag-exercise option")).to_have_text(f"{EXERCISE} (2 collected)")
    page.locator("#ag-grade").click()
    expect(page.locator(".ag-grading progress")).to_be_visible()
    expect(page.locator("#ag-status")).to_have_text(re.compile("making ready|of 2 graded"))
    tutor.picture("grading")
    expect(page.locator("#ag-status")).to_contain_text("2 graded in")
    results = page.locator("#ag-results tbody tr")
    expect(results).to_have_count(2)
    expect(results.filter(has_text="hub-ada")).to_contain_text("25 of 25")
    expect(results.filter(has_text="hub-bo")).to_contain_text("Divide by 255")
    tutor.picture("graded")


def _instructor_opens_the_report(tutor: Person) -> None:
    with tutor.page.expect_popup() as opened:
        tutor.page.locator("#ag-report").click()
    report = opened.value
    expect(report.locator("h1")).to_have_text(f"{EXERCISE}: the class at a glance")
    expect(report.locator("body")).to_contain_text("Divide by 255")
    tutor.picture("report", report)
    report.get_by_role("link", name="hub-bo", exact=True).first.click()
    expect(report.locator("body")).to_contain_text("20.0 / 25.0")
    report.close()


def _instructor_comments(tutor: Person) -> None:
    page = tutor.page
    page.goto(f"{tutor.hub.url}/services/trial/formgrader/gradebook/{EXERCISE}/{EXERCISE}")
    page.locator("tbody a", has_text="Submission #").first.wait_for()
    database = tutor.hub.group.course_folder / "gradebook.db"
    with sqlite3.connect(database) as gradebook:
        query = (
            "select submitted_notebook.id from submitted_notebook join submitted_assignment on"
            " submitted_assignment.id = submitted_notebook.assignment_id where submitted_assignment.student_id = ?"
        )
        (submission,) = gradebook.execute(query, ("hub-ada",)).fetchone()
    with page.expect_response(lambda answer: "/api/comments" in answer.url):
        page.goto(f"{tutor.hub.url}/services/trial/formgrader/submissions/{submission}/")
    page.wait_for_load_state("networkidle")  # the page fills its fields only then
    box = page.locator("textarea.comment").first
    with page.expect_response(lambda answer: "/api/comment/" in answer.url and answer.request.method != "GET") as saved:
        box.fill(COMMENT)
        box.press("Tab")
    assert saved.value.ok
    tutor.picture("commented")
    with sqlite3.connect(database) as gradebook:
        assert gradebook.execute("select count(*) from comment where manual_comment = ?", (COMMENT,)).fetchone() == (1,)


def _instructor_gives_it_back(tutor: Person) -> None:
    page = tutor.page
    page.goto(f"{tutor.hub.url}/services/trial/formgrader/manage_assignments")
    row = page.locator("tr", has_text=EXERCISE)
    for step, says in ((".generate-feedback a", "generated"), (".release-feedback a", "released")):
        row.locator(step).click()
        expect(page.locator(".modal-dialog:visible")).to_contain_text(f"Successfully {says}")
        tutor.picture(f"feedback-{says}")
        page.locator(".modal-dialog:visible button").first.click()
        expect(page.locator(".modal-dialog:visible")).to_have_count(0)


def _learner_reads_it(ada: Person) -> None:
    page = ada.page
    page.goto(f"{ada.hub.url}/user/{ada.user}/lab?reset")
    ada.open_assignments()
    page.get_by_role("button", name="Fetch Feedback").first.click()
    expect(page.get_by_text("(view feedback)").first).to_be_visible()
    ada.picture("feedback-fetched")
    folder = f"{EXERCISE}/feedback"
    (when,) = ada.ask("GET", f"api/contents/{folder}")["content"]
    page.goto(f"{ada.hub.url}/user/{ada.user}/files/{folder}/{when['name']}/{EXERCISE}.html")
    expect(page.locator("body")).to_contain_text(COMMENT)
    expect(page.locator("body")).to_contain_text("25.0 / 25.0")
    ada.picture("feedback")


def _formgraders_own_button_runs_our_grader(tutor: Person) -> None:
    """nbgrader's own would run the student's code with the course account's rights."""
    page = tutor.page
    page.goto(f"{tutor.hub.url}/services/trial/formgrader/manage_submissions/{EXERCISE}")
    page.locator("tr", has_text="hub-bo").locator(".autograde a").click()
    dialog = page.locator(".modal-dialog:visible")
    expect(dialog).to_contain_text("Successfully autograded")
    expect(dialog).to_contain_text("Sandbox: bubblewrap")
    tutor.picture("formgraders-button")


def _course_comes_back_after_a_loss(hub: TrialHub) -> None:
    """As the operators' page says: save, lose, restore, move into place, grade again."""
    group, safe, restored = hub.group, hub.group.state / "safe.tar.gz", hub.group.state / "restored"
    exchange = group.exchange / group.course
    graded = _grades(group.course_folder)
    backup = [sys.executable, str(ROOT / "deploy" / "hub" / "backup.py")]
    subprocess.run([*backup, "save", str(group.course_folder), str(group.exchange), str(safe)], check=True)
    shutil.rmtree(group.course_folder)
    shutil.rmtree(exchange)
    subprocess.run([*backup, "restore", str(safe), str(restored)], check=True)
    (restored / "course").rename(group.course_folder)
    (restored / "exchange").rename(exchange)
    grade = [str(group.venv / "bin" / "autograder"), "grade", EXERCISE, "--course", str(group.course_folder)]
    again = as_user(group, group.account, [*grade, "--sandbox", "require"])
    assert again.returncode == 0, again.stderr
    assert "2 unchanged since last time" in again.stdout
    assert _grades(group.course_folder) == graded
    assert dict(graded) == {"hub-ada": 25, "hub-bo": 20}
    seen = as_user(group, "hub-ada", ["sh", "-c", f"ls {group.exchange}/{group.course}/inbound"])
    assert seen.returncode != 0, "a learner can list what was handed in"


def _grades(course: Path) -> list[tuple[str, float]]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return sorted((s.student.id, s.score) for s in gradebook.assignment_submissions(EXERCISE))
