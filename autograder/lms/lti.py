"""Grades into the LMS that the Hub was entered from, by LTI 1.3: no token of a person, no number to look up.

"1EdTech Security Framework" 1.0, section 4 (client credentials with a signed assertion), and "Learning Tools
Interoperability Assignment and Grade Services" 2.0. What Moodle and Canvas ask beyond these is read from their source:
``mod/lti/service/gradebookservices`` of moodle/moodle, ``app/controllers/lti/ims/scores_controller.rb`` of
instructure/canvas-lms. Tried against a stand-in that holds each request against the specification; never against a
system that is in use.

Signatures are PyJWT's, which the Hub's authenticator uses, too. PyLTI1p3 would do more, but has had no release since
2022, asks without a time limit, and takes an address from the LMS to lower case.
"""

from __future__ import annotations

import json
import os
import stat
import time
import urllib.parse
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.errors import CourseError, LmsFailed, UsageError
from autograder.language import _, say
from autograder.lms.http import Answer, Server
from autograder.lms.lti_keys import KEY, PLATFORM, key_id
from autograder.lms.systems import There, in_pages, json_number, json_object

FOLDER = "AUTOGRADER_LTI"  # the environment variable that names the folder of key and platform
_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCOPES = (f"{_SCOPE}lineitem", f"{_SCOPE}result.readonly", f"{_SCOPE}score")
_ASSERTION_SECONDS = 60
_SOON_SECONDS = 60  # before a token ends, another is asked for
_ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
_RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
_SCORE = "application/vnd.ims.lis.v1.score+json"
# Else Canvas makes a new submission of now for each score, which may be late there.
_CANVAS = {"https://canvas.instructure.com/lti/submission": {"new_submission": False}}


@dataclass(frozen=True)
class Platform:
    """An LMS as `platform.json` has it: what both sides agreed on when the Hub was entered there."""

    issuer: str
    client_id: str
    token_url: str
    audience: str  # of what we sign for `token_url`
    learner: str = "{name}"  # what the gradebook calls the Hub's user `name`

    def user_of(self, student: str) -> str | None:
        """What the Hub calls a student; None if no user of the Hub can have this id."""
        before, _, after = self.learner.partition("{name}")
        fits = student.startswith(before) and student.endswith(after) and len(student) > len(before) + len(after)
        return student[len(before) : len(student) - len(after)] if fits else None


def read_platform(folder: Path) -> Platform:
    """Read ``platform.json``.

    Raises:
        UsageError: it is not there, or not filled in.
    """
    path = folder / PLATFORM
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(say("{path} cannot be read: {why}.", path=path, why=why)) from error
    texts = {name: content.get(name) for name in ("issuer", "client_id", "token_url")} if content else {}
    for name, text in (texts or {"issuer": None}).items():
        if not isinstance(text, str) or not text:
            raise UsageError(say("{path}: '{name}' has to be filled in.", path=path, name=name))
    learner = content.get("learner", "{name}")
    if not isinstance(learner, str) or learner.count("{name}") != 1:
        raise UsageError(say("{path}: 'learner' has to hold {place} once.", path=path, place="{name}"))
    audience = content.get("audience") or texts["token_url"]
    return Platform(texts["issuer"], texts["client_id"], texts["token_url"], audience, learner)


def read_key(folder: Path) -> str:
    """The private key, as PEM.

    Raises:
        UsageError: it cannot be read, or others can read it.
    """
    path = folder / KEY
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            say("The key {path} cannot be read: {why}. `autograder lti` makes it.", path=path, why=why)
        ) from error
    if mode & 0o077:
        raise UsageError(
            say("Others may read the key {path}. Delete it, and make a new one: `autograder lti`.", path=path)
        )
    return text


@dataclass(frozen=True)
class Launch:
    """What the LMS itself said about a learner when they entered the Hub; the Hub checked its signature."""

    number: str  # their `sub`
    lineitems: str  # where the course's columns are; "" if the LMS did not say


def launches(students: Iterable[str], platform: Platform, hub: Server) -> dict[str, Launch]:
    """Who of these entered the Hub from this LMS, by their id in the gradebook.

    Only the Hub can say that: it keeps it encrypted, and no learner can write there.

    Raises:
        LmsFailed: the Hub did not answer, or may not tell.
    """
    found = {}
    for student in students:
        user = platform.user_of(student)
        if user is None:
            continue
        try:
            kept = json_object(hub.ask("GET", f"/users/{urllib.parse.quote(user, safe='')}").content)
        except LmsFailed as error:
            if error.status == 404:  # no such user, or none of the course's learners
                continue
            raise LmsFailed(say("The Hub did not say who entered it from the LMS. {error}", error=error)) from error
        if "auth_state" not in kept:
            raise LmsFailed(
                say("The Hub does not let this service see who entered it from the LMS: its role is missing.")
            )
        state = kept["auth_state"]
        if not isinstance(state, dict) or (state.get("issuer"), state.get("client_id")) != (
            platform.issuer,
            platform.client_id,
        ):
            continue
        if isinstance(state.get("sub"), str) and state["sub"]:
            found[student] = Launch(state["sub"], str(state.get("lineitems") or ""))
    return found


def hub_of(environment: Mapping[str, str]) -> Server:
    """The Hub that the course's server belongs to.

    Raises:
        UsageError: this is no server of a Hub.
    """
    url, token = environment.get("JUPYTERHUB_API_URL", ""), environment.get("JUPYTERHUB_API_TOKEN", "")
    if not url or not token:
        raise UsageError(
            say(
                "Only the Hub knows who entered it from the LMS. Run this in the terminal of the course's own server"
                " there."
            )
        )
    return Server(url, {"Authorization": f"token {token}"}, token, in_cluster=True)


class Lti:
    """One exercise's column in the LMS: found by the exercise's name, made if there is none."""

    nobody: str = _("has not entered the Hub from the LMS yet")

    def __init__(self, platform: Platform, key: str, exercise: str, came: Mapping[str, Launch]) -> None:
        """
        Raises:
            CourseError: nobody came from the LMS yet, or it gives no access to grades.
            LmsFailed: learners came from different courses there.
        """
        self._platform, self._key, self._exercise, self._came = platform, key, exercise, came
        if not came:
            raise CourseError(say("No graded student has entered the Hub from the LMS yet, so nobody is known there."))
        places = sorted({launch.lineitems for launch in came.values() if launch.lineitems})
        if not places:
            raise CourseError(
                say(
                    "The LMS gave no address for grades. Switch on its Assignment and Grade Services for the Hub's"
                    " tool, then open the Hub from there once."
                )
            )
        if len(places) > 1:
            raise LmsFailed(
                say(
                    "Learners opened the Hub from several courses of the LMS, and grades can be sent to one only:"
                    " {places}.",
                    places=", ".join(places),
                )
            )
        self._items = places[0]
        self._server = Server(_origin(self._items))
        self._tokens = Server(_origin(platform.token_url))
        self._until = 0.0  # time.monotonic(), when the token ends
        self._column: dict[str, Any] | None = None

    def max_points(self) -> float | None:
        """What the column is worth; None if there is none yet. Raises `LmsFailed`."""
        self._column = self._find()
        if self._column is None:
            return None
        worth = json_number(self._column.get("scoreMaximum"))
        if worth is None or worth <= 0:
            raise LmsFailed(
                say("The LMS does not say what its column for '{exercise}' is worth.", exercise=self._exercise)
            )
        return worth

    def students(self) -> list[There]:
        """Who came from the LMS, with the grades that they have there."""
        grades: dict[str, float | None] = {}
        if self._column is not None:
            most = json_number(self._column.get("scoreMaximum")) or 1.0
            path = _below(str(self._column["id"]), "results")
            for one in in_pages("The LMS", path, lambda page: self._ask("GET", page, accept=_RESULTS)):
                score, of = json_number(one.get("resultScore")), json_number(one.get("resultMaximum")) or 1.0
                grades[str(one.get("userId"))] = None if score is None else round(score / of * most, 4)
        return [
            There(launch.number, frozenset((student.lower(),)), grades.get(launch.number))
            for student, launch in self._came.items()
        ]

    def begin(self, worth: float) -> None:
        """Make the column, if there is none."""
        if self._column is not None:
            return
        wanted = {"scoreMaximum": worth, "label": self._exercise, "resourceId": self._exercise}
        try:
            made = self._ask("POST", self._items, content=wanted, kind=_ITEM, accept=_ITEM, once=True).content
            self._column = json_object(made)
        except LmsFailed as error:
            self._column = self._find()  # it may have been made, and the answer was lost
            if self._column is None:
                raise LmsFailed(
                    say("The column for '{exercise}' was not made. {error}", exercise=self._exercise, error=error)
                ) from error
        if not isinstance(self._column.get("id"), str):
            raise LmsFailed(say("The LMS made a column and did not say where. Run the same command again."))

    def send(self, student: There, points: float) -> None:
        """Give one grade. Raises `LmsFailed`."""
        assert self._column is not None  # begin() comes first
        score = {
            "userId": student.number,
            "scoreGiven": points,
            "scoreMaximum": json_number(self._column.get("scoreMaximum")),
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
            **_CANVAS,
        }
        self._ask("POST", _below(str(self._column["id"]), "scores"), content=score, kind=_SCORE)

    def _find(self) -> dict[str, Any] | None:
        path = _with(self._items, resource_id=self._exercise)
        pages = in_pages("The LMS", path, lambda page: self._ask("GET", page, accept=_ITEMS))
        found = [one for one in pages if one.get("resourceId") == self._exercise and isinstance(one.get("id"), str)]
        if len(found) > 1:
            raise LmsFailed(
                say("The LMS has several columns for '{exercise}'. Delete all but one there.", exercise=self._exercise)
            )
        return found[0] if found else None

    def _ask(self, method: str, path: str, **more: Any) -> Answer:
        if time.monotonic() > self._until - _SOON_SECONDS:
            self._log_in()
        return self._server.ask(method, path, **more)

    def _log_in(self) -> None:
        """Get a token for the three things that are done, with a signed statement of who asks."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": _assertion(self._platform, self._key),
            "scope": " ".join(SCOPES),
        }
        try:
            answer = json_object(self._tokens.ask("POST", self._platform.token_url, form).content)
        except LmsFailed as error:
            raise LmsFailed(
                say(
                    "The LMS gave no access to its grades. {error} Check that the LMS has the Hub's keys, and that the"
                    " client ID in {file} is the one that the LMS shows.",
                    error=error,
                    file=PLATFORM,
                )
            ) from error
        token, granted = answer.get("access_token"), answer.get("scope")
        if not isinstance(token, str) or not token:
            raise LmsFailed(say("The LMS gave no access to its grades: its answer holds no token."))
        if isinstance(granted, str) and (refused := set(SCOPES) - set(granted.split())):
            names = ", ".join(sorted(scope.removeprefix(_SCOPE) for scope in refused))
            raise LmsFailed(
                say(
                    "The LMS does not let the Hub's tool do this: {names}. Its administrator can allow it.", names=names
                )
            )
        self._until = time.monotonic() + (json_number(answer.get("expires_in")) or 300.0)
        self._server.headers, self._server.secret = {"Authorization": f"Bearer {token}"}, token


def _assertion(platform: Platform, key: str) -> str:
    import jwt

    now = int(time.time())
    claims = {
        "iss": platform.client_id,
        "sub": platform.client_id,
        "aud": platform.audience,
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    try:
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id(key)})
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise UsageError(say("{file} holds no private RSA key: {error}.", file=KEY, error=error)) from error


def _origin(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _below(url: str, name: str) -> str:
    """An address one step further down; Moodle's have a query behind them."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{name}", parts.query, ""))


def _with(url: str, **more: str) -> str:
    parts = urllib.parse.urlsplit(url)
    query = "&".join(filter(None, (parts.query, urllib.parse.urlencode(more))))
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
