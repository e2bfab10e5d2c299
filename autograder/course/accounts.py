"""Who is who on The Littlest JupyterHub, where the Hub's user `ada` works as the Unix user `jupyter-ada`.

A student has the name that the Hub uses. What they hand in through nbgrader's exchange belongs to their Unix user.
The Unix user of a long name ends in a digest, so nobody can tell from it which student it is without a list of the
class. That list is ``.autograder/accounts.json``, which `autograder.jupyter.prepare` writes. A course without it is on
a Hub whose users have the same names as the system's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.course.files import write_atomically
from autograder.errors import CourseError
from autograder.language import say

_FILE = "accounts.json"
_PREFIX = "jupyter-"
_WHOLE = 26  # characters; a Unix user's name of this length or more is cut to it, and gets a digest
NAME = "{name}"


def unix_user(name: str) -> str:
    """The Unix user of a user of the Hub, as The Littlest JupyterHub names it (its `tljh/normalize.py`)."""
    whole = _PREFIX + name
    return whole if len(whole) < _WHOLE else f"{whole[:_WHOLE]}-{hashlib.sha256(whole.encode()).hexdigest()[:5]}"


@dataclass(frozen=True)
class Accounts:
    """The people of a class, and what their course calls them."""

    learners: tuple[str, ...]  # as the Hub calls them; instructors as well, who may try what learners do
    student: str = NAME  # what the course calls the Hub's user `name`

    def of_user(self, user: str) -> str:
        """What the course calls a user of the Hub."""
        return self.student.replace(NAME, user)

    def of_unix_user(self, owner: str) -> str | None:
        """What the course calls whoever works as a Unix user; None if nobody can tell who that is."""
        user = self._users.get(owner, owner.removeprefix(_PREFIX))
        return self.of_user(user) if unix_user(user) == owner else None

    def unix_user_of(self, student: str) -> str:
        """The Unix user of a student."""
        return unix_user(student.removeprefix(self.student.partition(NAME)[0]))

    @cached_property
    def _users(self) -> dict[str, str]:
        return {unix_user(learner): learner for learner in self.learners}


def read(state: Path) -> Accounts | None:
    """What is known of a course's accounts; None if the Hub and the system use the same names.

    Args:
        state: the course's folder ``.autograder``.

    Raises:
        CourseError: it cannot be read.
    """
    path = state / _FILE
    try:
        content = json.loads(path.read_text("utf-8"))
        return Accounts(tuple(map(str, content["learners"])), str(content["student"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(
            say("{path} cannot be read. Set the Hub up again; that writes a new one.", path=path)
        ) from error


def keep(state: Path, learners: Iterable[str], entered: Collection[str]) -> Accounts:
    """Note the people of a class on The Littlest JupyterHub.

    Args:
        learners: and instructors, as the Hub calls them.
        entered: who is in the gradebook. A course of an earlier kit named its students after their Unix users, and
            goes on doing so, because a student who got another name would become two.

    Raises:
        CourseError: two of them would work as the same Unix user, or the list cannot be read or written.
    """
    before = read(state)
    if before is not None:
        student = before.student
    else:
        student = _PREFIX + NAME if any(one.startswith(_PREFIX) for one in entered) else NAME
    accounts = Accounts(tuple(dict.fromkeys(learners)), student)
    for learner in accounts.learners:
        if (other := accounts._users[unix_user(learner)]) != learner:
            raise CourseError(
                say(
                    "On this server '{learner}' and '{other}' would be the same Unix user, and could read and hand in"
                    " each other's work. Give one of them a different login name.",
                    learner=learner,
                    other=other,
                )
            )
    content = {"student": student, "learners": accounts.learners}
    try:
        write_atomically(state / _FILE, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise CourseError(say("{state} cannot be written: {why}.", state=state / _FILE, why=error.strerror)) from error
    return accounts
