"""What Canvas and Moodle are asked, by their published interfaces.

Canvas: "Canvas LMS REST API Documentation", Submissions, Assignments, Users, Pagination, Throttling
(``doc/api`` of instructure/canvas-lms). Moodle: the parameters of ``mod_assign_save_grade``, ``mod_assign_get_grades``,
``mod_assign_get_assignments`` and ``core_enrol_get_enrolled_users`` (``mod/assign/externallib.php`` and
``enrol/externallib.php`` of moodle/moodle). Tried against stand-ins that hold requests against these; never against
a system that is in use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from autograder.errors import LmsFailed
from autograder.language import _, say
from autograder.lms.http import Answer, Server

PAGES = 1_000  # of a list
NOBODY = _("no user there has that name")
# Moodle writes typographic quotes, whose bytes arrive as other signs.
_NEXT = re.compile(r"<([^>]+)>\s*;\s*rel=[^a-zA-Z]*next(?![a-zA-Z])")


@dataclass(frozen=True)
class There:
    """One student in the system."""

    number: str  # which the system is asked by
    known_as: frozenset[str]  # whatever a gradebook may call them; lower case
    grade: float | None


class System(Protocol):
    """A learning management system, for one assignment."""

    nobody: str  # why someone who is not among `students` gets nothing

    def max_points(self) -> float | None:
        """What the assignment is worth there; None if it does not say, or is not there yet."""
        ...

    def students(self) -> list[There]:
        """The class, with the grades it has."""
        ...

    def begin(self, worth: float) -> None:
        """Make the place for the grades, if there is none yet. Raises `LmsFailed`."""
        ...

    def send(self, student: There, points: float) -> None:
        """Give one grade. Raises `LmsFailed`."""
        ...


class Canvas:
    """Canvas: a token in a header, lists in pages."""

    nobody: str = NOBODY

    def __init__(
        self, url: str, token: str, course: int, assignment: int, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._server = Server(
            url,
            {"Authorization": f"Bearer {token}"},
            token,
            lambda status, answer: status == 429 or (status == 403 and "rate limit exceeded" in answer.lower()),
        )
        if sleep is not None:
            self._server.sleep = sleep
        self._course = f"/api/v1/courses/{course}"
        self._assignment = f"{self._course}/assignments/{assignment}"

    def max_points(self) -> float | None:
        found = json_object(self._server.ask("GET", self._assignment).content)
        return json_number(found.get("points_possible"))

    def students(self) -> list[There]:
        scores = {
            str(one.get("user_id")): json_number(one.get("score"))
            for one in self._list(f"{self._assignment}/submissions?per_page=100")
        }
        found = []
        for user in self._list(f"{self._course}/users?enrollment_type[]=student&per_page=100"):
            number = str(user.get("id"))
            names = {number, *(str(user.get(k) or "") for k in ("login_id", "sis_user_id", "email"))}
            found.append(There(number, _lower(names), scores.get(number)))
        return found

    def begin(self, worth: float) -> None:
        return None

    def send(self, student: There, points: float) -> None:
        form = {"submission[posted_grade]": f"{points:g}"}
        answer = self._server.ask("PUT", f"{self._assignment}/submissions/{student.number}", form).content
        if json_number(json_object(answer).get("score")) != points:
            raise LmsFailed(
                say(
                    "Canvas answered that the score is {there}, not {points:g}.",
                    there=json_object(answer).get("score"),
                    points=points,
                )
            )

    def _list(self, path: str) -> Iterator[dict[str, Any]]:
        return in_pages("Canvas", path, lambda page: self._server.ask("GET", page))


class Moodle:
    """Moodle: every call to one address, with the token in the body; errors come with status 200."""

    nobody: str = NOBODY

    def __init__(
        self, url: str, token: str, course: int, assignment: int, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._server = Server(url, secret=token)
        if sleep is not None:
            self._server.sleep = sleep
        self._token, self._course, self._assignment = token, course, assignment

    def max_points(self) -> float | None:
        answer = json_object(self._call("mod_assign_get_assignments", {"courseids[0]": str(self._course)}))
        for course in _objects(answer.get("courses")):
            for one in _objects(course.get("assignments")):
                if one.get("id") == self._assignment:
                    return json_number(one.get("grade"))
        raise LmsFailed(
            say(
                "Course {course} in Moodle has no assignment {assignment}. Give the assignment's own number, not the"
                " one in its page's address.",
                course=self._course,
                assignment=self._assignment,
            )
        )

    def students(self) -> list[There]:
        answer = json_object(self._call("mod_assign_get_grades", {"assignmentids[0]": str(self._assignment)}))
        grades: dict[str, float | None] = {}
        latest: dict[str, int] = {}
        for assignment in _objects(answer.get("assignments")):
            for one in _objects(assignment.get("grades")):
                number, attempt = str(one.get("userid")), int(json_number(one.get("attemptnumber")) or 0)
                if attempt >= latest.get(number, 0):
                    value = json_number(one.get("grade"))
                    grades[number] = None if value is None or value < 0 else value  # -1 is "no grade"
                    latest[number] = attempt
        found = []
        users = self._call("core_enrol_get_enrolled_users", {"courseid": str(self._course)})
        for user in _objects(users):
            number = str(user.get("id"))
            names = {str(user.get(k) or "") for k in ("username", "idnumber", "email")}
            found.append(There(number, _lower(names), grades.get(number)))
        return found

    def begin(self, worth: float) -> None:
        return None

    def send(self, student: There, points: float) -> None:
        self._call(
            "mod_assign_save_grade",
            {
                "assignmentid": str(self._assignment),
                "userid": student.number,
                "grade": f"{points:g}",
                "attemptnumber": "-1",  # the latest
                "addattempt": "0",
                "workflowstate": "",
                "applytoall": "0",
            },
        )

    def _call(self, function: str, parameters: dict[str, str]) -> Any:
        about = {"wstoken": self._token, "wsfunction": function, "moodlewsrestformat": "json"}
        content = self._server.ask("POST", "/webservice/rest/server.php", about | parameters).content
        if isinstance(content, dict) and content.get("exception"):
            reason = " ".join(str(content.get("message") or content.get("errorcode")).split())[:200]
            raise LmsFailed(
                say("Moodle refused {function}: {says}", function=function, says=reason.replace(self._token, "..."))
            )
        return content


def in_pages(who: str, path: str, ask: Callable[[str], Answer]) -> Iterator[dict[str, Any]]:
    """Everything in a list that comes in pages, each of which names the next in its header `Link`.

    Raises:
        LmsFailed: what came is no list, or never ends.
    """
    for _number in range(PAGES):
        answer = ask(path)
        if not isinstance(answer.content, list):
            raise LmsFailed(say("{who} did not answer with a list. Is the address right?", who=who))
        yield from map(json_object, answer.content)
        following = _NEXT.search(answer.headers.get("link", ""))
        if following is None:
            return
        path = following[1]
    raise LmsFailed(say("The list that {who} gave does not end; {pages} of its pages were read.", who=who, pages=PAGES))


def json_object(value: Any) -> dict[str, Any]:
    """What should be an object, as the interface promises. Raises `LmsFailed`."""
    if not isinstance(value, dict):
        raise LmsFailed(say("The server's answer is not in the expected form. Is the address right?"))
    return value


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def json_number(value: Any) -> float | None:
    """A number, also one that came as text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _lower(names: set[str]) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in names if name.strip())
