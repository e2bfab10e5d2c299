"""The pages for marking, wherever they are served: on somebody's own machine, or on a course's server on a Hub.

No script runs in them and none may: forms do all there is to do. Whatever a learner made is shown in a frame that is a
world of its own (sandboxed, without scripts, forms or addresses).
"""

from __future__ import annotations

import hmac
import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from autograder import templates
from autograder.course.blind import name_of
from autograder.course.deadlines import shown as shown_time
from autograder.course.grades import StudentGrades
from autograder.errors import UsageError
from autograder.exercise.outcome import shown
from autograder.language import language, language_attributes, say, speaking
from autograder.marking.recheck import recheck
from autograder.marking.store import ChangedMeanwhile, Marks, NewMark

MAX_FORM = 40_000  # bytes
OURS = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_THEIRS = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"


@dataclass(frozen=True)
class Visitor:
    """Somebody who marks."""

    marker: str
    home: str  # the address of their list of works; ends in a slash
    form_token: str  # the secret that stands in each form of their pages
    hidden: str = ""  # HTML of more fields for each form, as the server that shows the pages wants them


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    content: str  # HTML; for 303, an address
    policy: str = OURS  # for the page's content


class Refused(Exception):
    """There is nothing to show. `status` is HTTP's."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Pages:
    """The pages' one template, filled in."""

    def __init__(self) -> None:
        environment = templates.environment("autograder.marking", lines=True)
        environment.filters["points"] = shown
        environment.filters["moment"] = _moment
        self._template = environment.from_string(files("autograder.marking").joinpath("page.html").read_text("utf-8"))

    def made(self, kind: str, **about: Any) -> str:
        return self._template.render(kind=kind, **about)


def _moment(text: str) -> str:
    """A time of the history as the reader's language writes it."""
    try:
        return shown_time(datetime.fromisoformat(text).replace(second=0), with_zone=False)
    except ValueError:
        return text


def _no_page() -> str:
    told = html.escape(say("There is no page."))
    return f"<!DOCTYPE html><html {language_attributes()}><title>{told}</title><p>{told}</p></html>"


@cache
def _pages() -> _Pages:
    return _Pages()


def refusal(status: int, why: str) -> Answer:
    """A page that says why there is nothing to show."""
    return Answer(status, _pages().made("refused", why=why))


class MarkingSite:
    """The pages of one exercise."""

    def __init__(self, marks: Marks, markers: list[str], blind: bool = False) -> None:
        """Open it.

        Args:
            markers: between whom the works are divided.
            blind: hide whose work it is.
        """
        self.marks, self.markers, self.blind = marks, markers, blind
        self.language = marks.course.settings.language or language()
        self._pages = _pages()

    def get(self, visitor: Visitor, path: list[str]) -> Answer:
        """A page.

        Args:
            path: the parts of its address below the visitor's home.

        Raises:
            Refused: there is no such page.
            KitError: the course cannot be read.
        """
        with speaking(self.language):
            return self._get(visitor, path)

    def _get(self, visitor: Visitor, path: list[str]) -> Answer:
        marks = self.marks
        if not path:
            return Answer(200, self._list(visitor))
        if path[0] == "work" and len(path) == 2:
            return Answer(200, self._work(visitor, path[1]))
        if path[0] == "feedback" and len(path) == 2:
            student = self._student(path[1])
            page = marks.course.feedback / student / marks.exercise / f"{marks.exercise}.html"
            try:
                return Answer(200, page.read_text("utf-8", "replace"), _THEIRS)
            except OSError:
                return Answer(200, _no_page(), _THEIRS)
        raise Refused(404, say("There is no such page."))

    def _student(self, key: str) -> str:
        student = self.marks.works().get(key)
        if student is None:
            raise Refused(404, say("There is no such work any more."))
        return student

    def _order(self, works: Mapping[str, str]) -> list[str]:
        """The keys of all works as they are listed; where names are hidden, by chance, and the same for everybody."""
        return sorted(works) if self.blind else sorted(works, key=works.__getitem__)

    def _rows(self) -> list[dict[str, Any]]:
        marks = self.marks
        everybody = marks.everybody()
        works = {key: grades.student for key, grades in everybody.items()}
        turn = {key: n for n, key in enumerate(sorted(works))}
        requests = marks.open_requests(works.values())
        rows = []
        for key in self._order(works):
            grades = everybody[key]
            why = [
                *([say("asks for another look")] if grades.student in requests else []),
                *(say("{task}: waits for points", task=t.name) for t in grades.tasks if t.waits),
                *(say("{task}: graded again since", task=t.name) for t in grades.tasks if t.needs_look and not t.waits),
            ]
            rows.append(
                {
                    "key": key,
                    "name": self._name(grades, turn[key]),
                    "score": grades.score,
                    "most": grades.max_score,
                    "why": why,
                    "by_hand": grades.by_hand,
                    "marker": self.markers[turn[key] % len(self.markers)],
                }
            )
        return rows

    def _name(self, grades: StudentGrades, turn: int) -> str:
        if self.blind:
            return name_of(turn)
        return f"{grades.student} ({grades.name})" if grades.name else grades.student

    def _list(self, visitor: Visitor) -> str:
        rows = self._rows()
        return self._pages.made(
            "list",
            exercise=self.marks.exercise,
            marker=visitor.marker,
            several=len(self.markers) > 1,
            look=[row for row in rows if row["why"]],
            rest=[row for row in rows if not row["why"]],
        )

    def _work(self, visitor: Visitor, key: str, **about: Any) -> str:
        marks = self.marks
        works = marks.works()
        grades = marks.grades(works[key]) if key in works else None
        if grades is None:
            raise Refused(404, say("There is no such work any more."))
        order = self._order(works)
        at = order.index(key)
        history = [one for one in marks.history(grades.student) if "task" in one]
        return self._pages.made(
            "work",
            exercise=marks.exercise,
            name=self._name(grades, sorted(works).index(key)),
            key=key,
            grades=grades,
            versions={task.name: marks.version(grades, task) for task in grades.tasks},
            comments={task.name: marks.comment(grades, task.name) for task in grades.tasks},
            bank=marks.bank(),
            history=history,
            request=marks.open_requests([grades.student]).get(grades.student, ""),
            form_token=visitor.form_token,
            hidden=Markup(visitor.hidden),
            before=order[at - 1] if at else "",
            after=order[at + 1] if at + 1 < len(order) else "",
            **({"saved": "", "trouble": "", "mine": None, "checked": None} | about),
        )

    # -- writing ------------------------------------------------------------------------------------------------------

    def post(self, visitor: Visitor, path: list[str], form: Mapping[str, str], sent_from: str) -> Answer:
        """Do what a form asks for, and show the page.

        Args:
            sent_from: what the browser says of the form's page (`Sec-Fetch-Site`); '' if it says nothing.

        Raises:
            Refused: the form is none of this visitor's.
            KitError: the course cannot be read or written.
        """
        with speaking(self.language):
            return self._post(visitor, path, form, sent_from)

    def _post(self, visitor: Visitor, path: list[str], form: Mapping[str, str], sent_from: str) -> Answer:
        if not hmac.compare_digest(form.get("form_token", ""), visitor.form_token):
            raise Refused(403, say("This form is not from this page. Open the work again."))
        if sent_from not in ("", "same-origin", "none"):
            raise Refused(403, say("This form is not from this page. Open the work again."))
        if len(path) != 2 or path[0] not in ("work", "request", "recheck"):
            raise Refused(404, say("There is no such page."))
        marks, key, marker = self.marks, path[1], visitor.marker
        student = self._student(key)
        if path[0] == "request":
            marks.answer_request(student, marks.request(student), marker)
            return Answer(303, visitor.home)
        if path[0] == "recheck":
            return Answer(200, self._work(visitor, key, checked=recheck(marks.course, marks.exercise, student)))
        new = None
        try:
            new = _new_mark(form)
            marks.give(student, new, form.get("seen", ""), marker)
            if form.get("keep") and new.comment.strip():
                marks.keep(new.comment)
        except ChangedMeanwhile as error:
            trouble = say(
                "Not saved, because somebody else changed this first. {what} What you entered is below; save it again"
                " if you still want it.",
                what=error.by,
            )
            return Answer(409, self._work(visitor, key, trouble=trouble, mine=new))
        except UsageError as error:
            return Answer(400, self._work(visitor, key, trouble=say("Not saved. {why}", why=str(error)), mine=new))
        return Answer(200, self._work(visitor, key, saved=new.task))


def _new_mark(form: Mapping[str, str]) -> NewMark:
    comment = form.get("comment", "").replace("\r\n", "\n")
    if chosen := form.get("banked", ""):
        comment = f"{comment.rstrip()}\n{chosen}".strip() if chosen not in comment else comment
    points, extra = _number(form.get("points", "")), _number(form.get("extra", ""))
    return NewMark(form.get("task", ""), points, extra or 0.0, comment, form.get("reason", ""))


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(say("Enter the points as a number."))
    return number
