"""What a late submission loses: the gradebook, the feedback, the report, the results and the export say the same."""

from __future__ import annotations

import csv
import json
import logging
import re
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kit import ROOT
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin
from nbgrader.preprocessors import AssignLatePenalties

sys.path.insert(0, str(ROOT))
from autograder.course.directory import Course
from autograder.course.release import programs_of_this_python
from autograder.errors import BadSetting
from autograder.grading import batch
from autograder.grading.feedback import feedback_page, with_late_penalty
from autograder.report import write_report
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"
DUE = datetime(2026, 5, 1, 12)
ZERO = 'c.LateSubmissionPlugin.penalty_method = "zero"'
OWN = "c.AssignLatePenalties.plugin_class = 'own_rule.Hourly'"
RULE = """
from nbgrader.plugins import BasePlugin
class Hourly(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return {answer}
"""


class WithPages(stand_in.StandIn):
    """A stand-in whose feedback is what a student gets."""

    def _done(self, job: Any) -> Any:
        done = super()._done(job)
        return replace(done, page=feedback_page(nbformat.reads(done.notebook, as_version=4), done.result))


class Class:
    """Three students: `early`, `late` by an hour, and `never`, whose work says no time."""

    def __init__(self, root: Path, lines: str) -> None:
        self.root = root
        stand_in.write_class(root / "submitted", NAME, 3)
        for number, (name, hours) in enumerate({"early": -1, "late": 1, "never": None}.items()):
            (root / f"submitted/student-{number:05}").rename(root / "submitted" / name)
            if hours is not None:
                self.hand_in(name, DUE + timedelta(hours=hours))
        self.configure(lines)
        self.due(DUE)

    def configure(self, lines: str) -> None:
        (self.root / "nbgrader_config.py").write_text(f"c = get_config()\n{lines}\n")

    def hand_in(self, name: str, when: datetime) -> None:
        (self.root / "submitted" / name / NAME / "timestamp.txt").write_text(f"{when} UTC\n")

    def due(self, when: datetime | None) -> None:
        course = Course(self.root)
        course.make_ready(NAME)
        with self.book() as book:
            book.update_or_create_assignment(NAME, duedate=when)

    @contextmanager
    def book(self) -> Any:
        course = Course(self.root)
        with programs_of_this_python(), Gradebook(course.db_url, course.course_id) as book:
            yield book

    def grade(self, force: bool = False) -> batch.Batch:
        course = Course(self.root)
        exercise = course.make_ready(NAME)
        setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)

        @contextmanager
        def pools(_workers: int, setups: Any) -> Any:
            yield WithPages(setups[0], exercise)

        return batch.grade_class(course, exercise, setup, course.submissions(NAME), 1, pools=pools, force=force)

    def agreed(self, done: batch.Batch) -> dict[str, tuple[float, float]]:
        """Score and penalty of each student, which must be the same wherever one looks."""
        results = {r["student"]: r for r in done.submissions}
        report = write_report(Course(self.root), NAME)
        table = {row["student"]: row for row in csv.DictReader(report.table.open(encoding="utf-8"))}
        target = self.root / "export.csv"
        found = {}
        with self.book() as book:
            export = CsvExportPlugin()
            export.to = str(target)
            export.export(book)
            exported = {row["student_id"]: row for row in csv.DictReader(target.open())}
            for student, result in results.items():
                submission = book.find_submission(NAME, student)
                penalty = submission.late_submission_penalty or 0.0
                raw = sum(check["points"] for check in result["checks"])
                assert submission.score == pytest.approx(raw)
                assert result["late_penalty"] == pytest.approx(penalty)
                assert result["score"] == pytest.approx(raw - penalty)
                assert float(table[student]["score"]) == pytest.approx(raw - penalty)
                assert float(exported[student]["score"]) == pytest.approx(raw - penalty)
                page = (self.root / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")
                shown = re.findall(r"<h1>[^<]*\(Score: ([\d.]+) / ", page)
                assert [float(score) for score in shown] == [pytest.approx(raw - penalty, abs=0.005)]
                told = re.findall(r'<p class="deadline">([^<]*)</p>', page)
                assert told == ([result["deadline"]["says"]] if result["deadline"] else [])
                late = submission.assignment.duedate is not None and submission.total_seconds_late > 0
                assert late or not float(table[student]["seconds_late"] or 0)
                assert float(table[student]["late_penalty"] or 0) == pytest.approx(penalty)
                lost = re.findall(
                    r'<li class="late-penalty" data-points="[\d.]+">Late submission penalty \(Score: -([\d.]+)\)</li>',
                    page,
                )
                assert [float(points) for points in lost] == ([pytest.approx(penalty, abs=0.005)] if penalty else [])
                note = self.root / ".autograder" / NAME / "done" / f"{student}.json"
                assert json.loads(note.read_text("utf-8"))["result"]["score"] == result["score"]
                found[student] = raw, penalty
        return found


def test_zero_takes_everything_and_none_nothing(tmp_path: Path) -> None:
    group = Class(tmp_path, ZERO)
    found = group.agreed(group.grade())
    assert found["late"][0] == found["late"][1] > 0
    assert found["early"][1] == found["never"][1] == 0
    group.configure("")  # nobody loses anything any more
    again = group.grade()
    assert again.skipped == 3
    assert group.agreed(again)["late"] == (found["late"][0], 0)


def test_a_due_date_that_moved_an_extension_and_a_new_hand_in_count_from_the_next_run(tmp_path: Path) -> None:
    group = Class(tmp_path, ZERO)
    assert group.agreed(group.grade())["late"][1] > 0
    group.due(DUE + timedelta(hours=2))
    again = group.grade()
    assert again.skipped == 3
    assert [lost for _, lost in group.agreed(again).values()] == [0, 0, 0]
    group.due(DUE - timedelta(hours=2))
    found = group.agreed(group.grade())
    assert found["early"][1] > 0
    assert found["late"][1] > 0
    with group.book() as book:
        book.grant_extension(NAME, "early", hours=3)
    assert group.agreed(group.grade())["early"][1] == 0
    group.hand_in("late", DUE - timedelta(hours=3))  # the same file, with an earlier time
    again = group.grade()
    assert again.skipped == 3
    assert group.agreed(again)["late"][1] == 0
    with group.book() as book:
        assert book.find_submission(NAME, "late").timestamp == DUE - timedelta(hours=3)
    group.due(None)
    assert [lost for _, lost in group.agreed(group.grade()).values()] == [0, 0, 0]


def test_what_nbgrader_left_in_the_gradebook_is_put_right(tmp_path: Path) -> None:
    group = Class(tmp_path, ZERO)
    group.grade()
    with group.book() as book:  # as `nbgrader autograde` leaves it after another due date
        book.find_submission_notebook(NAME, NAME, "early").late_submission_penalty = 24.0
        book.db.commit()
    assert group.agreed(group.grade())["early"][1] == 0
    with group.book() as book:
        book.find_submission_notebook(NAME, NAME, "early").late_submission_penalty = 24.0
        book.db.commit()
    assert group.agreed(group.grade(force=True))["early"][1] == 0


def test_points_given_by_hand_are_lost_with_the_others(tmp_path: Path) -> None:
    group = Class(tmp_path, ZERO)
    group.grade()
    with group.book() as book:
        submission = book.find_submission_notebook(NAME, NAME, "late")
        submission.grades[0].extra_credit = 2.0
        book.db.commit()
        score = book.find_submission(NAME, "late").score
    group.grade(force=True)
    with group.book() as book:
        assert book.find_submission(NAME, "late").late_submission_penalty == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "lost"),
    [("score / 4", 0.25), ("total_seconds_late / 3600 * 2", 2.0), ("1e9", 1.0), ("-5", 0.0), ("None", 0.0)],
)
def test_a_plugin_of_the_course_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, lost: float
) -> None:
    monkeypatch.delitem(sys.modules, "own_rule", raising=False)
    (tmp_path / "own_rule.py").write_text(RULE.format(answer=answer))
    group = Class(tmp_path, OWN)
    raw, penalty = group.agreed(group.grade())["late"]
    assert penalty == pytest.approx(lost if "3600" in answer else lost * raw)


@pytest.mark.parametrize(
    ("lines", "rule", "says"),
    [
        ('c.LateSubmissionPlugin.penalty_method = "half"', "", "LateSubmissionPlugin.penalty_method"),
        ("c.AssignLatePenalties.plugin_class = 'no_such.Rule'", "", "AssignLatePenalties.plugin_class"),
        ("c.AssignLatePenalties.plugin_class = 'own_rule.Missing'", "", "AssignLatePenalties.plugin_class"),
        ("c.AssignLatePenalties.plugin_class = 3", "", "AssignLatePenalties.plugin_class"),
        (OWN, "1 / 0", "Hourly failed on late"),
        (OWN, "float('nan')", "Hourly failed on late"),
        (OWN, "'much'", "Hourly failed on late"),
    ],
)
def test_a_rule_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, rule: str, says: str
) -> None:
    monkeypatch.delitem(sys.modules, "own_rule", raising=False)
    (tmp_path / "own_rule.py").write_text(RULE.format(answer=rule or "0"))
    group = Class(tmp_path, lines)
    with pytest.raises(BadSetting) as error:
        group.grade()
    assert says in str(error.value)
    assert str(tmp_path / "nbgrader_config.py") in str(error.value)
    assert "\n" not in str(error.value)


RULES = {"grace_minutes": 15, "percent_per_day": 10, "at_most_percent": 25}


class InFile(Class):
    """The same three, in a course whose own file says when it is due and what is lost."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "")
        (root / "nbgrader_config.py").unlink()  # a course gets one that asks our file
        self.says({})

    def says(self, exercise: dict[str, Any], **course: Any) -> None:
        exercise = {"due": DUE.strftime("%Y-%m-%d %H:%M"), **exercise}
        content = {"time_zone": "UTC", "late": RULES, "exercises": {NAME: exercise}} | course
        (self.root / "autograder.json").write_text(json.dumps(content))

    def agreed(self, done: batch.Batch) -> dict[str, tuple[float, float]]:
        found = super().agreed(done)
        self.autograded_by_nbgrader()
        with self.book() as book:
            for student, (_, penalty) in found.items():
                notebook = book.find_submission_notebook(NAME, NAME, student)
                assert (notebook.late_submission_penalty or 0.0) == pytest.approx(penalty)
        return found

    def autograded_by_nbgrader(self) -> None:
        """The step of `nbgrader autograde` that writes penalties, on all of them."""
        course = Course(self.root)
        for student in ("early", "late", "never"):
            step = AssignLatePenalties(config=course.nbgrader.config)
            step.log = logging.Logger("nbgrader")
            about = {"notebook": NAME, "assignment": NAME, "student": student, "db_url": course.db_url}
            with programs_of_this_python():
                step.preprocess(nbformat.v4.new_notebook(), {"nbgrader": about})


def test_what_the_courses_file_says_holds_everywhere_and_for_nbgrader_too(tmp_path: Path) -> None:
    group = InFile(tmp_path)
    found = group.agreed(group.grade())
    raw, lost = found["late"]
    assert lost == pytest.approx(raw / 10)
    assert found["early"][1] == found["never"][1] == 0
    page = (tmp_path / "feedback/late" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "It was due on Fri 1 May 2026, 12:00 (UTC); it was handed in on Fri 1 May 2026, 13:00, 1 hour late." in page
    assert "10 % of its points" in page
    group.says({"extensions": {"late": "2026-05-01 12:30"}})
    again = group.grade()
    assert again.skipped == 3
    assert group.agreed(again)["late"][1] == pytest.approx(raw / 10)
    assert "With your extension" in (tmp_path / "feedback/late" / NAME / f"{NAME}.html").read_text("utf-8")
    group.says({"extensions": {"late": "2026-05-01 12:45+00:00"}})  # the grace counts from there
    assert group.agreed(group.grade())["late"][1] == 0
    group.hand_in("late", DUE + timedelta(days=30))
    group.says({"late": {"no_credit_after_days": 7}})  # the extension is taken back, too
    found = group.agreed(group.grade())
    assert found["late"] == (raw, raw)
    with group.book() as book:
        assert book.find_submission(NAME, "late").extension is None
    group.says({"late": {}})
    assert group.agreed(group.grade())["late"][1] == pytest.approx(raw / 4)
    group.says({}, late={})  # nothing is lost, and that it was late is still said
    done = group.grade()
    assert group.agreed(done)["late"][1] == 0
    assert {r["student"]: bool(r["deadline"]["seconds_late"]) for r in done.submissions}["late"]


def test_the_rules_of_the_file_hold_for_the_gradebooks_due_date(tmp_path: Path) -> None:
    group = InFile(tmp_path)
    (tmp_path / "autograder.json").write_text(json.dumps({"late": RULES}))
    group.due(DUE - timedelta(hours=2))
    found = group.agreed(group.grade())
    assert {student for student, (_, lost) in found.items() if lost} == {"early", "late"}
    with group.book() as book:
        book.grant_extension(NAME, "early", hours=3)
    assert group.agreed(group.grade())["early"][1] == 0


def test_two_rules_are_refused_and_the_message_names_both(tmp_path: Path) -> None:
    group = InFile(tmp_path)
    group.configure(ZERO)
    with pytest.raises(BadSetting) as error:
        group.grade()
    assert "autograder.json: late " in str(error.value)
    assert "nbgrader_config.py" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_extension_for_nobody_is_one_line(tmp_path: Path) -> None:
    group = InFile(tmp_path)
    group.says({"extensions": {"lat": "2026-06-01 12:00", "early": "2026-06-01 12:00", "zoe": "2026-06-01 12:00"}})
    first, second = Course(tmp_path).unknown_extensions(NAME, ["early", "late"])
    assert "extensions: nobody called 'lat' has handed in" in first
    assert "Did you mean 'late'?" in first
    assert "'zoe'" in second
    with group.book() as book:
        book.add_student("zoe")
    assert len(Course(tmp_path).unknown_extensions(NAME, ["early", "late"])) == 1


def test_switched_off_it_takes_nothing(tmp_path: Path) -> None:
    group = Class(tmp_path, f"{ZERO}\nc.AssignLatePenalties.enabled = False")
    assert group.agreed(group.grade())["late"][1] == 0


def test_a_page_of_another_form_stays_as_it_is() -> None:
    for page in ("", "<h4>x (Score: 1.0 / 2.0)</h4>", "<p>(Score: 1.0 / 2.0)</p><ol></ol>"):
        assert with_late_penalty(page, 1.0) == page
