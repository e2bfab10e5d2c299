"""nbgrader's own formgrader shows what we graded: nothing of a hostile student's runs or reaches out there."""

from __future__ import annotations

import base64
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from test_outputs import MARKUP, SCRIPT, _png, hostile_notebook

from autograder.course.directory import Course
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import CheckResult, Outcome, Status, SubmissionResult, TestResult
from autograder.grading import batch, worker
from autograder.grading.feedback import feedback_page
from autograder.grading.grade import show_results
from autograder.grading.outputs import make_safe
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAME = "03-dense-networks"
FOLDERS = ("ada", f"<img src=x onerror='{SCRIPT}'>", f'bo";{SCRIPT};"', f"cy'{SCRIPT}'", "dee\\")
SAYS = " ".join(MARKUP)


class Hostile(Executor):
    """Instead of running: outputs of every kind, in cells of every kind, among the exercise's own."""

    def __init__(self, exercise: Exercise) -> None:
        self._exercise = exercise

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        notebook = nbformat.read(self._exercise.notebook, as_version=4)
        *hostile, _ = hostile_notebook().cells
        notebook.cells[1:1] = [*hostile, plots_and_tables()]
        answer = next(c for c in notebook.cells if (c.metadata.get("nbgrader") or {}).get("solution"))
        answer.outputs = hostile[0].outputs
        make_safe(notebook)
        tests = (TestResult(SAYS, Outcome.FAILED, SAYS, (SAYS,)),)
        checks = tuple(CheckResult(task.grade_id, task.points, tests) for task in self._exercise.tasks)
        show_results(notebook, {check.name: check for check in checks})
        result = SubmissionResult(args[0].student, NAME, Status.CRASHED, checks, SAYS, (SAYS,))
        future: Future[Any] = Future()
        page = feedback_page(notebook, result)
        future.set_result(worker.Done(result, nbformat.writes(notebook), page))
        return future


def plots_and_tables() -> nbformat.NotebookNode:
    picture = base64.b64encode(_png()).decode()
    data: Sequence[dict[str, str]] = (
        {"image/png": picture},
        {"text/html": "<table><tr><td>a table of theirs</td></tr></table>"},
    )
    cell = new_code_cell("plot()")
    cell.outputs = [nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": one}) for one in data]
    return cell


@pytest.fixture
def graded(course: Path) -> Path:
    """A course with hostile submissions in folders with hostile names, graded."""
    for name in FOLDERS:
        folder = course / "submitted" / name / NAME
        folder.mkdir(parents=True)
        (folder / f"{NAME}.ipynb").write_text("{}")
    root = Course(course)
    exercise = root.make_ready(NAME)

    @contextmanager
    def pools(_workers: int, _setups: Any) -> Iterator[Executor]:
        yield Hostile(exercise)

    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    batch.grade_class(root, exercise, setup, root.submissions(NAME), 1, pools=pools)
    return course


@contextmanager
def formgrader(course: Path, home: Path) -> Iterator[str]:
    """Jupyter's server with nbgrader's extension, on this machine alone and without a token. Yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    extensions = "{'nbgrader.server_extensions.formgrader': True}"
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.jpserver_extensions={extensions}"]
    command += ["--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={course}"]
    folders = {name: str(home) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = os.environ | folders | {"JUPYTER_NO_CONFIG": "1"}
    log = home / "server.log"
    with log.open("w") as out, subprocess.Popen(command, cwd=course, env=environment, stdout=out, stderr=out) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/formgrader/api/status", server, log)
            yield address
        finally:
            server.terminate()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=10).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise AssertionError(f"the server did not answer: {log.read_text()[-3000:]}")


def test_a_hostile_submission_does_nothing_there(graded: Path, tmp_path: Path, browser: Browser) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(graded / "gradebook.db") as gradebook:
        students = [quote(name) for (name,) in gradebook.execute("select id from student")]
        submissions = [name for (name,) in gradebook.execute("select id from submitted_notebook")]
    with formgrader(graded, home) as address:
        page = browser.new_page()
        asked: list[str] = []
        shown = pictures = 0
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.route(lambda url: not url.startswith(address), lambda route: route.abort())
        for path in (
            "manage_students",
            *(f"manage_students/{student}" for student in students),
            *(f"manage_students/{student}/{NAME}" for student in students),
            f"manage_submissions/{NAME}",
            f"gradebook/{NAME}/{NAME}",
            *(f"submissions/{submission}/" for submission in submissions),
        ):
            page.goto(f"{address}/formgrader/{path}")
            page.wait_for_load_state("networkidle")
            assert page.evaluate("window.forged") is None, path
            shown += "a table of theirs" in (page.text_content("body") or "")
            pictures += page.locator("img[src^='data:image/png']").count()
        page.close()
    assert len(students) == len(FOLDERS)
    assert shown == len(submissions) == len(FOLDERS)
    assert pictures >= len(FOLDERS)
    outside = {urlsplit(url).hostname for url in asked if not url.startswith((address, "data:"))}
    assert outside <= {"cdnjs.cloudflare.com"}, outside  # where nbgrader's page itself asks for MathJax
