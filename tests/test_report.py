"""The class report: its figures, whom it names, and that nothing a student wrote can run in it."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import class_of_300
import pytest
from class_of_300 import HOSTILE, NAME
from kit import ROOT
from no_answers import NoAnswers
from playwright.sync_api import Browser

from autograder.course.directory import Course
from autograder.errors import UsageError
from autograder.exercise.definition import find_exercise
from autograder.exercise.outcome import CheckResult, Hint, Outcome, Status, SubmissionResult, TestResult, hint_id
from autograder.exercise.submission import MAX_CURVES, MAX_EPOCHS, STOPPED, Submission
from autograder.exercise.wire import History
from autograder.grading.timing import slowest, strangest
from autograder.report import write_report
from autograder.report.by_hand import TEST_SET
from autograder.report.class_results import read_class_results
from autograder.report.findings import Findings, find, mark_of

TASKS = find_exercise(NAME).tasks


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of 300 students, a dozen of them hostile, with its report."""
    root = tmp_path_factory.mktemp("school")
    class_of_300.write_class(root)
    write_report(Course(root), NAME)
    return root


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An empty course with the exercise's release."""
    release = tmp_path / "release" / NAME / f"{NAME}.ipynb"
    release.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "exercises" / NAME / f"{NAME}.ipynb", release)
    (tmp_path / "submitted").mkdir()
    return tmp_path


def record(
    root: Path,
    student: str,
    wrong: dict[str, TestResult] | None = None,
    answers: dict[str, str] | None = None,
    **more: Any,
) -> None:
    """Record a student who passed all tasks but those in `wrong`."""
    right = TestResult("it is right", Outcome.PASSED, share=1.0)
    checks = tuple(CheckResult(t.grade_id, t.points, ((wrong or {}).get(t.grade_id, right),)) for t in TASKS)
    settings: dict[str, Any] = {"status": Status.GRADED, "sandbox": "bubblewrap"}
    result = SubmissionResult(student, NAME, checks=checks, **(settings | more))
    class_of_300.write_result(
        root, result, answers or {t.grade_id: f"# by {student}\n" + "x = 1\n" * 30 for t in TASKS}
    )


def failed(message: str, hint: str = "") -> TestResult:
    return TestResult("it is right", Outcome.FAILED, message, (hint,) if hint else ())


def found_in(root: Path) -> Findings:
    return find(read_class_results(Course(root), NAME))


def by_hand(root: Path) -> dict[str, set[str]]:
    """Students by the title of the reason to look at them."""
    return {r.title: {s for case in r.cases for s in case.students} for r in found_in(root).by_hand}


# -- what is recorded ---------------------------------------------------------------------------------------


def test_a_result_comes_back_from_its_json() -> None:
    tests = (
        TestResult("a", Outcome.PASSED, share=1.0),
        TestResult("b", Outcome.FAILED, "found `1`", (Hint("look again", id="some-name"),), 0.25),
        TestResult("c", Outcome.ERROR, "ours", detail="Traceback\nKeyError"),
    )
    result = SubmissionResult(
        "ada", NAME, Status.TIMED_OUT, (CheckResult("x", 3.0, tests),), "why", ("note",), "bubblewrap", {"total": 1.5},
        {"accuracy of model": 0.9}, {"history": {"loss": [0.5, 0.25]}},
    )  # fmt: skip
    back = SubmissionResult.from_json(NAME, json.loads(json.dumps(result.to_json())))
    assert back == result
    assert [hint_id(hint) for hint in back.checks[0].tests[1].hints] == ["some-name"]


class Told(NoAnswers):
    """Answers with one value, whatever is asked."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def value(self, name: str) -> Any:
        return self._value


def test_curves_are_kept_finite_and_capped() -> None:
    told = {"loss": [0.5, math.nan, 0.1], "val_acc": [0.25] * 1000, "<script>": [1.0], "accuracy": [True, "x"]}
    for value in (History(told), told):
        submission = Submission(Told(value))
        for number in range(MAX_CURVES + 3):
            submission.history(f"history_{number}")
        assert len(submission.curves) == MAX_CURVES
        assert submission.curves["history_0"] == {"loss": [0.5], "val_accuracy": [0.25] * MAX_EPOCHS}
        json.dumps(submission.curves, allow_nan=False)


@pytest.mark.slow
def test_what_the_checks_measure_reaches_the_record(fork_server: Any) -> None:
    """A real run: the accuracy of the models and the history of the reference solution."""
    import nbformat

    from autograder import data
    from autograder.grading.answered import answered
    from autograder.grading.grade import grade
    from autograder.sandbox.limits import Limits

    raw = nbformat.writes(answered(NAME, {})).encode()
    result = grade(raw, find_exercise(NAME), fork_server, Limits(), "ada", data.load_held_out(NAME)).result
    assert set(result.measures) == {"accuracy of model", "accuracy of deeper_model"}
    assert 0.8 < result.measures["accuracy of model"] <= 1
    curve = result.curves["history"]
    assert set(curve) >= {"loss", "accuracy"}
    assert len(curve["loss"]) >= 2
    assert curve["loss"][-1] < curve["loss"][0]
    json.dumps(result.to_json(), allow_nan=False)


# -- what is found ------------------------------------------------------------------------------------------


def test_what_to_explain_again_is_what_most_share_and_about_two_things(small: Path) -> None:
    bias, add_up = "Each unit has one bias.", "Add up the layers."
    for number in range(9):
        wrong = {"counted": failed(f"It should be 7850, but it is {number}.", bias if number < 5 else add_up)}
        if number < 3:
            wrong["deeper"] = failed("0.62 of 300", "Train it.")
        if number >= 2:
            wrong["compiled"] = failed(f"There is no model `model`: {STOPPED} NameError.", "Mend the error first.")
        record(small, f"s{number}", wrong)
    found = found_in(small)
    assert [(m.task.name, m.hint, m.count) for m in found.misunderstandings[:3]] == [
        ("compiled", "Mend the error first.", 7),
        ("counted", bias, 5),
        ("counted", add_up, 4),
    ]
    # Not the error that stopped a cell, and not two things about counting.
    assert [(m.task.name, m.count) for m in found.explain_again] == [("counted", 5), ("deeper", 3)]
    # The example is the one with the best score: s0 and s1 miss two tasks, s2 misses three, s3 and s4 two.
    assert found.misunderstandings[1].example in ("s3", "s4")


def test_failures_without_a_hint_count_as_one_whatever_their_numbers_are(small: Path) -> None:
    for number in range(4):
        record(small, f"s{number}", {"counted": failed(f"It is {number}.5, not 7,850.")})
    (found,) = found_in(small).misunderstandings
    assert found.count == 4


def test_what_was_never_run_is_no_misunderstanding(small: Path) -> None:
    why = "A cell of yours was stopped."
    record(
        small, "slow", {"deeper": failed(why), "counted": failed("7840", "bias")}, status=Status.TIMED_OUT, message=why
    )
    record(small, "gone", {t.grade_id: failed(why) for t in TASKS}, status=Status.UNREADABLE, message=why)
    record(small, "none", {t.grade_id: failed(why) for t in TASKS}, status=Status.MISSING, message=why)
    found = found_in(small)
    assert [(m.hint, m.count) for m in found.misunderstandings] == [("bias", 1)]
    assert {e.student for e in found.scored} == {"slow", "gone"}


def test_tasks_count_every_student_once_and_ours_against_nobody(small: Path) -> None:
    record(small, "a")
    record(small, "b", {"counted": failed("no")})
    record(small, "c", {"counted": TestResult("t", Outcome.NOT_ATTEMPTED, "nothing yet")})
    record(small, "d", {"counted": TestResult("t", Outcome.ERROR, "broke")})
    record(small, "e", {"counted": TestResult("t", Outcome.FAILED, "nearly", share=0.5)})
    rates = {t.task.name: t for t in found_in(small).tasks}["counted"]
    assert rates.students == {"passed": 1, "partly": 1, "failed": 1, "not attempted": 1, "ours": 1}
    assert rates.pass_rate == 1 / 4
    assert rates.task.title == "Task 3: count before you build"
    assert "parameters" in rates.task.objective
    assert mark_of(None) == "ours"


def test_who_to_look_at_and_why(small: Path) -> None:
    for number in range(5):
        record(small, f"s{number}")
    same = {t.grade_id: "the_same = 'answer'\n" * 9 for t in TASKS}
    spaced = {name: source.replace(" ", "   ") for name, source in same.items()}
    record(small, "pair-1", answers=same)
    record(small, "pair-2", answers=spaced)
    released = {
        "".join(c["metadata"]["nbgrader"]["grade_id"]).removesuffix("-answer"): c["source"]
        for c in json.loads((small / "release" / NAME / f"{NAME}.ipynb").read_text("utf-8"))["cells"]
        if (c["metadata"].get("nbgrader") or {}).get("solution")
    }
    record(small, "untouched-1", answers=released)
    record(small, "untouched-2", answers=released)
    record(
        small, "broken", {"counted": TestResult("fair", Outcome.ERROR, "ours", detail="Traceback\nKeyError: 'units'")}
    )
    record(small, "slow", status=Status.TIMED_OUT, message="It ran too long.")
    record(
        small,
        "cheat",
        {"accuracy": failed("70 %", Hint("Give `fit` the training images.", id="trained-on-test-images"))},
    )
    record(small, "mended", notes=("Missing cells were put back: setup.",))
    record(small, "open", sandbox="limits only")
    record(small, "again")
    (small / "submitted" / "again" / NAME / f"{NAME}.ipynb").write_text("{}")
    (small / "submitted" / "new" / NAME).mkdir(parents=True)
    record(small, "damaged")
    (small / ".autograder" / NAME / "done" / "damaged.json").write_text('{"key": "x", "result": [')
    assert by_hand(small) == {
        "Not graded": {"new", "damaged"},
        "One of our checks broke": {"broken"},
        "Handed in again": {"again"},
        "Status: timed out": {"slow"},
        "The same work": {"pair-1", "pair-2"},
        "May have learned from the test images": {"cheat"},
        "Graded without a sandbox": {"open"},
        "Repaired, or odd in some other way": {"mended"},
    }
    (case,) = next(r for r in found_in(small).by_hand if r.title == "One of our checks broke").cases
    assert case.detail == "counted: fair. KeyError: 'units'"


def test_the_hints_about_learning_from_the_test_set_are_still_the_checks() -> None:
    said = " ".join(p.read_text("utf-8") for p in (ROOT / "autograder" / "checks").glob("test_*.py"))
    assert all(f'id="{name}"' in said for name in TEST_SET)


def test_a_hint_is_counted_by_its_name(small: Path) -> None:
    """Its words may have been improved between two hand-ins; a plain text is counted by its words."""
    record(small, "a", {"counted": failed("7840", Hint("The old words.", id="bias-forgotten"))})
    record(small, "b", {"counted": failed("30", Hint("Better words.", id="bias-forgotten"))})
    record(small, "c", {"counted": failed("1", "The old words.")})
    record(small, "d", {"deeper": failed("1", Hint("The old words.", id="bias-forgotten"))})
    counted = {(m.task.name, m.hint_id): set(m.students) for m in found_in(small).misunderstandings}
    assert counted == {
        ("counted", "bias-forgotten"): {"a", "b"},
        ("counted", ""): {"c"},
        ("deeper", "bias-forgotten"): {"d"},
    }


def test_what_concerns_everybody_is_said_once(small: Path) -> None:
    for number in range(5):
        record(small, f"s{number}", sandbox="limits only")
    (reason,) = found_in(small).by_hand
    assert reason.everyone
    page = write_report(Course(small), NAME).page.read_text("utf-8")
    assert "Graded without a sandbox: everybody" in page


def test_times_name_the_slowest_and_others_that_are_strange() -> None:
    times = {f"s{n}": {"cells": 5 + 0.1 * n, "total": 6 + 0.1 * n} for n in range(20)}
    times["loop"] = {"cells": 60.0, "total": 61.0}
    times["empty"] = {"cells": 0.01, "total": 1.0}
    times["briefly"] = {"cells": 5.0, "kernel": 0.9, "total": 6.0}
    assert slowest(times, 2) == [("loop", 61.0), ("s19", pytest.approx(7.9))]
    assert [odd.student for odd in strangest(times)] == ["empty", "loop"]
    assert [odd.student for odd in strangest(times, besides=["loop"])] == ["empty"]
    assert strangest({"a": {"cells": 1.0}, "b": {"cells": 99.0}}) == []


def test_nothing_graded_is_said_in_one_line(small: Path) -> None:
    for name in (NAME, "99-nothing", "../../etc"):
        with pytest.raises(UsageError, match=r"has been graded|There is no exercise") as error:
            write_report(Course(small), name)
        assert "\n" not in str(error.value)


def test_a_class_of_one_has_a_report(small: Path) -> None:
    record(small, "only", seconds={"cells": 1.0, "total": 2.0}, measures={"accuracy of model": 1.0})
    report = write_report(Course(small), NAME)
    assert len(report.summary) == 5
    assert "Nothing went wrong that two students share." in report.page.read_text("utf-8")


# -- the page and the table ---------------------------------------------------------------------------------


class Outline(HTMLParser):
    """The tags of a page with their attributes, and whether they are closed in order."""

    EMPTY = frozenset({"meta", "rect", "line", "circle", "polyline", "path", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


def test_the_page_is_well_formed_whole_and_inert(school: Path) -> None:
    outline = Outline((school / "report" / f"{NAME}.html").read_text("utf-8"))
    names = {tag for tag, _ in outline.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    attributes = {name for _, of_one in outline.tags for name in of_one}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "srcset", "xlink:href")}
    assert "default-src 'none'" in str([a for a in outline.all("meta") if a.get("http-equiv")])
    for link in outline.all("a"):
        target = urlsplit(link["href"] or "")
        assert not target.scheme
        assert not target.netloc
    pictures = [a for a in outline.all("svg") if a.get("aria-hidden") != "true"]
    assert len(pictures) >= 10
    assert all(a.get("role") == "img" and a.get("aria-label") for a in pictures)
    tables = [tag for tag, _ in outline.tags if tag in ("table", "caption")]
    assert tables == ["table", "caption"] * (len(tables) // 2)


def test_links_lead_to_the_students_files_whatever_they_are_called(school: Path, tmp_path: Path) -> None:
    for report in (write_report(Course(school), NAME), write_report(Course(school), NAME, tmp_path / "elsewhere")):
        outline = Outline(report.page.read_text("utf-8"))
        links = {str(link["href"]) for link in outline.all("a") if str(link["href"]).endswith(".ipynb")}
        assert len(links) == sum(
            e.result.status is not Status.UNREADABLE for e in read_class_results(Course(school), NAME).entries
        )
        assert all((report.page.parent / unquote(link)).is_file() for link in links)


def test_the_table_holds_everybody_and_no_formula(school: Path) -> None:
    with (school / "report" / f"{NAME}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 301
    assert rows[-1]["student"] == "waiting-for-it"
    assert rows[-1]["status"] == "not graded"
    assert not [c for row in rows for c in row.values() if c[:1] in tuple("=+-@\t\r")]
    hostile = [row for row in rows if row["student"].lstrip("'") in HOSTILE]
    assert len(hostile) == len(HOSTILE) - 1  # but for the one with a mark of direction, which is taken out
    by_name = {row["student"]: row for row in rows}
    assert by_name["student-100"]["architecture"] == ""  # our check broke: no points known
    assert "One of our checks broke" in by_name["student-100"]["look_at"]
    graded = by_name["student-014"]
    assert float(graded["score"]) == pytest.approx(sum(float(graded[t.grade_id]) for t in TASKS))
    assert 0 < float(graded["accuracy of model"]) <= 1


def test_the_command_says_where_and_what(school: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "autograder", "report", NAME, "--course", str(school)]
    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith(f"{NAME}: 300 submissions")
    assert lines[2].startswith("Explain again: ")
    assert lines[5] == f"Report: {tmp_path / NAME}.html"
    assert (tmp_path / f"{NAME}.csv").is_file()


def test_an_exercise_without_results_is_bad_usage(small: Path) -> None:
    command = [sys.executable, "-m", "autograder", "report", NAME, "--course", str(small)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.browser
@pytest.mark.slow
def test_in_a_browser_nothing_runs_and_it_fits_a_phone(school: Path, browser: Browser) -> None:
    address = (school / "report" / f"{NAME}.html").as_uri()
    for width, scheme in ((1280, "light"), (320, "light"), (1280, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("dialog", lambda dialog, said=said: said.append(dialog.message))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(address)
        page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        shown = page.text_content("main") or ""
        assert [text for text in (*HOSTILE[:8], "</title><script>document.title='ran'") if text not in shown] == []
        assert page.title() == f"{NAME}: the class at a glance"
        assert asked == [address]
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert contrast(*colours) > 7
        context.close()


def contrast(one: str, other: str) -> float:
    """Contrast of two colours "rgb(r, g, b)" as WCAG 2.2 defines it, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(p) / 255 for p in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
