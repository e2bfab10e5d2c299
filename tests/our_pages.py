"""Every kind of page that is not the book's, made without grading anybody, and what axe-core says of a page.

Used by tests and by ``tools/accessibility.py``, which prints the table.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import class_of_300
import nbformat
from kit import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Page

from autograder.course.directory import Course
from autograder.course.grades import StudentGrades, TaskGrade
from autograder.exercise.display import CheckView
from autograder.exercise.outcome import CheckResult, Outcome, Status, SubmissionResult, TestResult
from autograder.exercise.submission import MEND_FIRST
from autograder.grading.feedback import feedback_page, page_without_notebook, page_without_work
from autograder.grading.outputs import make_safe, show_result
from autograder.jupyter.live import Common, ExerciseLive, TaskLine
from autograder.jupyter.standing import ClassStanding, Standing, Version
from autograder.jupyter.work import Pages
from autograder.language import _, said, say
from autograder.marking.recheck import Rechecked
from autograder.marking.site import _Pages as MarkingPages
from autograder.probe import report as probe_report
from autograder.probe.findings import Findings, Lost, TaskFindings, Tried, Verdict
from autograder.probe.hints import Written
from autograder.probe.plan import MORE_CELLS, Case
from autograder.report import write_report
from autograder.similar.page import page as similar_page

AXE = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
NAME = "04-softmax"
WIDTHS = {"wide": 1300, "at 200 %": 640, "a phone": 320}  # a window of 1280 pixels shows 640 at 200 %
SPACED = (  # as a reader may set it (WCAG 1.4.12)
    "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }"
    " p { margin-bottom: 2em !important; }"
)
THEMES = ("light", "dark")
RIGHT = CheckResult("softmax", 3.0, (TestResult("The probabilities add up to 1", Outcome.PASSED, share=1.0),) * 2)
WRONG = CheckResult(
    "softmax_rows",
    3.0,
    (
        TestResult("It returns one row for each image", Outcome.PASSED, share=1.0),
        TestResult(
            "Each row adds up to 1",
            Outcome.FAILED,
            "The columns of `softmax_rows(z)` add up to 1, not the rows.",
            ("Which axis of `z` counts the classes?",),
        ),
    ),
)
OTHERS = (
    CheckResult("hot_limit", 1.0, (TestResult("The limit", Outcome.NOT_ATTEMPTED, "There is no `hot_limit` yet."),)),
    CheckResult("cross_entropy", 3.0, (TestResult("The mean", Outcome.ERROR, "This check broke. That is our fault."),)),
)


def make(folder: Path) -> dict[str, Path]:
    """Write all of them into a folder; the course's grading page needs a server (`tests/web.py`)."""
    made = {"feedback": feedback(), "feedback of nothing": feedback(Status.CRASHED, "It crashed Python (signal 11).")}
    bare = SubmissionResult("ada", NAME, Status.CRASHED, (RIGHT, WRONG), "It crashed. " + "x" * 200, ("It came late.",))
    made |= {"feedback, bare": page_without_notebook(bare), "feedback, no work": page_without_work(bare)}
    for theme, colours in (("light", "#000;background:#fff"), ("dark", "#e0e0e0;background:#111111")):  # JupyterLab's
        answers = "".join(CheckView(check)._repr_html_() for check in (RIGHT, WRONG, *OTHERS))
        body = f"<body style='color:{colours}'><main><h1>Notebook</h1>{answers}</main>"
        made[f"answers, {theme}"] = (
            f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Notebook</title>{body}</html>"
        )
    made |= work_pages() | marking_pages() | {"probe": probe_page()}
    files = {}
    for name, text in made.items():
        files[name] = folder / f"{name}.html"
        files[name].write_text(text, "utf-8")
    class_of_300.write_class(folder / "school")
    files["report"] = write_report(Course(folder / "school"), class_of_300.NAME).page
    files["similar work"] = _similar(folder)
    return files


def grading_page(folder: Path) -> str:
    """Write the page on which a Hub's instructors grade, with what its server would say; its path in the folder."""
    here = ROOT / "autograder" / "jupyter" / "page"
    static, api = folder / "static" / "autograder", folder / "autograder" / "api"
    shutil.copytree(here, static)
    api.mkdir(parents=True)
    page = (here / "page.html").read_text("utf-8").replace("{{static}}", "/static/autograder")
    (folder / "grading.html").write_text(page, "utf-8")
    row = {"student": "ada", "status": "timed out", "hint": "Each unit has one weight per input, and one bias."}
    shown = {"shown_status": "timed out", "shown_score": "20.5", "shown_max": "25"}
    state = {
        "course": "keras",
        "exercises": [
            {
                "name": NAME,
                "due": ["Due Fri."],
                "collected": 2,
                "result": [row | shown, {**row, **shown, "student": "x" * 120}],
            }
        ],
        "run": {"exercise": NAME, "done": 2, "total": 2, "status": 0, "summary": "2 graded in 5 s.", "lines": []},
        "sandbox": "bubblewrap is not installed",
    }
    (api / "state").write_text(json.dumps(state), "utf-8")
    (api / "texts").write_text("{}", "utf-8")
    return "grading.html"


def marking_pages() -> dict[str, str]:
    """Marking by hand, as a person has it with several who mark."""
    tasks = (
        TaskGrade("softmax", 3.0, 3.0, None, 0.0, False),
        TaskGrade("cross_entropy", 3.0, 1.5, 2.0, 0.5, True),
        TaskGrade("explained", 2.0, None, None, 0.0, True),
    )
    grades = StudentGrades("ada", tasks, {"softmax": "Well done."}, 0.5)
    rows = [
        {
            "key": f"k{n}",
            "name": name,
            "score": 20.5,
            "most": 25.0,
            "why": [say("asks for another look")] if n else [],
            "by_hand": bool(n),
            "marker": "Bo",
        }
        for n, name in enumerate(("ada", "Work " + "x" * 90))
    ]
    change = {
        "when": "2026-11-20T14:03:20+01:00",
        "marker": "Bo",
        "task": "cross_entropy",
        "from": [None],
        "to": [2, 0.5],
    }
    about: dict[str, Any] = {"exercise": NAME}
    work: dict[str, Any] = {
        "name": "ada",
        "key": "k1",
        "grades": grades,
        "versions": {task.name: "v" for task in tasks},
        "comments": {"softmax": "Well done.", "cross_entropy": "", "explained": ""},
        "bank": ["Flatten before the first dense layer."],
        "history": [change | {"reason": "the check missed it"}],
        "request": "softmax: I think that the rows are right.",
        "form_token": "t",
        "hidden": "",
        "before": "k0",
        "after": "",
        "saved": "softmax",
        "trouble": "",
        "mine": None,
        "checked": Rechecked((("softmax", 3.0, ""), ("cross_entropy", 1.5, "The mean is 0.3."))),
    }
    pages = MarkingPages()
    return {
        "marking, list": pages.made("list", marker="Ann", several=True, look=rows[1:], rest=rows[:1], **about),
        "marking, one work": pages.made("work", **work, **about),
        "marking, refused": pages.made("refused", why=say("There is no such page.")),
    }


def probe_findings() -> Findings:
    """What `probe` may find: something of each kind."""
    case = Case("w1", "wrong", "softmax", "axis", MORE_CELLS[1], {}, "", "return z", "...")
    difference = "-    return z / z.sum(axis=1)\n+    return z / z.sum(axis=0)  # " + "long " * 30 + "\n"
    kinds = (Verdict.PASSES, Verdict.GENERIC, Verdict.UNCHECKED, Verdict.EQUIVALENT)
    message, hint = _("`{name}` still has no value.", name="x"), MEND_FIRST
    tried = [Tried(case, kind, 3.0, 3.0, said(message), said(hint), "axis", difference) for kind in kinds]
    counts = dict.fromkeys(kinds, 1) | {Verdict.NAMED: 1234, Verdict.ERROR: 2}
    return Findings(
        exercise=NAME,
        seed=7,
        limit=3,
        made=2000,
        tasks=(TaskFindings("softmax", 3.0, counts, 1.5, False),),
        tried=tuple(tried),
        right=2,
        lost=(Lost(case, "softmax", 2.0, 3.0, said(message), said(hint), difference),),
        never_earned=(Written("axis-of-images", said(hint), "", False),),
        unmatched=(),
        earned={},
    )


def probe_page() -> str:
    """The page of `autograder probe`."""
    return probe_report.page(probe_findings())


def _similar(folder: Path) -> Path:
    from autograder.similar.compare import Pair, Shared
    from autograder.similar.work import Work

    line = "rows = scores / scores.sum(axis=1, keepdims=True)  # " + "long " * 20
    works = {name: Work({"softmax": line}, {"softmax": {7: {0}}}) for name in ("ada", "bo")}
    pair = Pair(("ada", "bo"), 21.25, (Shared("softmax", 21.25, 0, frozenset({7})),))
    content = {
        "exercise": NAME,
        "compared": 40,
        "threshold": 17.5,
        "chance": 0.1,
        "groups": [["ada", "bo"]],
        "pairs": [{}],
        "blind": False,
        "left_out": {"cy": "there is no notebook of this exercise"},
    }
    path = folder / "similar work.html"
    path.write_text(similar_page(content, [pair], works), "utf-8")
    return path


def work_pages() -> dict[str, str]:
    """The course's page on a Hub, as a learner and as an instructor have it."""
    due = ("Due Fri 20 Nov 2026, 23:59 (Europe/Vienna), in 2 days 3 hours.", "Late work earns no points.")
    versions = (
        Version("Wed 18 Nov 2026, 14:03:20", "14:03:22", "K7QF-2ABC", "this one counts; on time", True),
        Version("Tue 17 Nov 2026, 09:12:40", "", "", "replaced by a later one", False),
    )
    standings = [Standing(NAME, due, versions, "21 of 25 points.", True), Standing("05", due, (), "", False)]
    about: dict[str, Any] = {"course": "keras", "base": "/services/keras-work/"}
    learner = {"told": "Received.", "trouble": "Nothing was handed in: choose a file first.", "xsrf": "", "who": "ada"}
    those = [ClassStanding(NAME, due, 2, ("ada, 2 hours late",), ("bo, until Mon",), ("cy",))]
    teacher = {"title": "the class", "standings": those, "grading": "/services/keras/", "results_at_once": False}
    tasks, common = (TaskLine("counted", 3, 1),), (Common("counted", "Those are only the weights.", 2),)
    seen = [ExerciseLive(NAME, 4, 1, ("ada",), tasks, common, ("ada, at counted: 5 checks in 9 minutes",))]
    watched: dict[str, Any] = {"on": True, "names": True, "at": "14:03:22", "nonce": "n", "xsrf": "x"}
    pages = Pages()
    return {
        "work, live": pages.made("live", title="live", seen=seen, **watched, **about),
        "work, learner": pages.made("learner", title="your work", standings=standings, **learner, **about),
        "work, class": pages.made("class", **teacher, **about),
        "work, refused": pages.made("refused", title="Not possible", why="This page is for learners.", **about),
    }


def feedback(status: Status = Status.GRADED, message: str = "") -> str:
    """The page of a notebook with a table, a picture, an error and much text in one line."""
    notebook = new_notebook()
    checks = (RIGHT, WRONG, *OTHERS)
    head = "".join(f"<th>column {n} of a wide table</th>" for n in range(8))
    table = f"<table><tr>{head}</tr><tr>{'<td>1</td>' * 8}</tr></table>"
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    outputs = [
        new_output("display_data", {"text/html": table}),
        new_output("display_data", {"image/png": pixel}),
        new_output("stream", name="stdout", text="x" * 400 + "\n\x1b[31mred\x1b[0m \x1b[32mgreen\x1b[0m\n"),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[0;31mValueError\x1b[0m: no"]),
    ]
    notebook.cells = [
        locked(new_markdown_cell("# Softmax\n\nScores $z$ become\n\n$$p_k = \\frac{e^{z_k}}{\\sum_j e^{z_j}}$$")),
        locked(new_markdown_cell("## Task 1\n\nWrite `softmax`.")),
        new_code_cell("def softmax(z):  # mine\n    return 'x' + 1.5", metadata={"nbgrader": {"solution": True}}),
        new_markdown_cell("I cost $5.", metadata={"nbgrader": {"solution": True, "grade": True, "grade_id": "why"}}),
        *(new_code_cell(f'check("{check.name}")') for check in checks),
    ]
    notebook.cells[2].outputs = outputs
    make_safe(notebook)
    for cell, check in zip(notebook.cells[4:], checks, strict=True):
        show_result(locked(cell), check, 1)
    return feedback_page(notebook, SubmissionResult("ada", NAME, status, checks, message, ("It came late.",)))


def locked(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cell.metadata["nbgrader"] = {"locked": True}
    return cell


def violations(page: Page, where: Any = None) -> list[str]:
    """What axe-core finds that is more than minor, on the page or in a part of it (axe-core's context)."""
    page.evaluate(AXE.read_text("utf-8"))  # not as a script of the page's, which allows itself none
    options = "{resultTypes: ['violations'], preload: false}"
    found: dict[str, Any] = page.evaluate(f"where => axe.run(where || document, {options})", where)
    return [
        f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:160]}"
        for v in found["violations"]
        if v["impact"] != "minor"
    ]


def look(page: Page, width: int, where: Any = None) -> list[str]:
    """All that keeps somebody out of an open page: what axe-core finds, and whether it is wider than its window."""
    return violations(page, where) + too_wide(page, width)


def too_wide(page: Page, width: int) -> list[str]:
    """Whether an open page is wider than its window, as it is and with its text spaced out."""
    found: list[str] = []
    wide = "document.documentElement.scrollWidth"
    if page.evaluate(wide) > width:
        found.append("wider than its window")
    page.evaluate(
        f"() => {{ const own = new CSSStyleSheet(); own.replaceSync(`{SPACED}`);"
        " document.adoptedStyleSheets = [own]; }"
    )
    if page.evaluate(wide) > width:
        found.append("wider than its window when its text is spaced out")
    page.evaluate("() => { document.adoptedStyleSheets = []; }")
    return found


def small_targets(page: Page) -> list[str]:
    """What one presses that is smaller than 24 by 24 pixels and stands in no line of text (WCAG 2.2, 2.5.8)."""
    found: list[str] = page.evaluate("""() => [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary")]
      .filter((one) => {
        const box = one.getBoundingClientRect();
        const pressed = one.closest("label")?.getBoundingClientRect() ?? box;
        const inline = one.matches("a") && getComputedStyle(one).display === "inline"
          && [...one.parentElement.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        return box.width && !inline && Math.min(pressed.width, pressed.height) < 24;
      }).map((one) => `${one.outerHTML.slice(0, 100)} ${JSON.stringify(one.getBoundingClientRect())}`)""")
    return found


def called_otherwise(page: Page) -> list[str]:
    """Links and buttons whose name for a screen reader lacks what they show: nobody could press them by saying that."""
    named = [
        (one.inner_text(), one.get_attribute("aria-label") or "")
        for one in page.locator("a[aria-label], button[aria-label]").all()
    ]
    return [f"{shown!r} is called {name!r}" for shown, name in named if shown not in name]
