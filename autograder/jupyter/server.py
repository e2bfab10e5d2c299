"""An extension of Jupyter's server that grades a class at the press of a button.

It is for the course's own server, which a JupyterHub opens to its instructors alone. The work is done by
`autograder grade` in a process of its own, so that the command, the page and JupyterLab do the same thing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_escape, url_path_join
from tornado import web
from traitlets import Enum, Unicode

from autograder.course.directory import Course
from autograder.errors import AlreadyRunning, KitError, NoReport, NotReleased
from autograder.jupyter.run import Grading
from autograder.language import say
from autograder.marking.site import MAX_FORM, Answer, MarkingSite, Refused, Visitor, refusal
from autograder.marking.store import Marks
from autograder.sandbox.bubblewrap import try_bubblewrap

_PAGE = Path(__file__).parent / "page"


class GradingApp(ExtensionApp):
    """Configured as ``c.GradingApp.…`` in ``jupyter_server_config.py``."""

    name = "autograder"
    extension_url = "/autograder/"
    static_paths = [str(_PAGE)]  # noqa: RUF012  (as the base class has it)

    course = Unicode("", help="The course directory; the server's root folder by default.").tag(config=True)
    sandbox = Enum(
        ["auto", "require"], "require", help="As for `autograder grade`. This server always uses a sandbox."
    ).tag(config=True)

    def initialize_settings(self) -> None:
        assert self.serverapp is not None
        course = Path(self.course or self.serverapp.root_dir)
        self.settings["autograder_grading"] = Grading(course, self.sandbox)
        self.settings["autograder_form_key"] = secrets.token_bytes(32)

    def initialize_handlers(self) -> None:
        assert self.serverapp is not None
        address = self.serverapp.base_url.rstrip("/")
        self.handlers.extend(
            [
                (r"/autograder/?", PageHandler),
                (r"/autograder/api/state", StateHandler),
                (r"/autograder/api/texts", TextsHandler),
                (r"/autograder/api/grade", GradeHandler),
                (r"/autograder/api/stop", StopHandler),
                (r"/autograder/api/feedback", GiveBackHandler),
                (r"/autograder/report/([^/]+)", ReportHandler),
                (r"/autograder/similar/([^/]+)", SimilarHandler),
                (r"/autograder/mark/([^/]+)/(.*)", MarkHandler),
            ]
        )
        # The formgrader's own buttons would run students' code with the course account's rights. This extension is
        # loaded before nbgrader's (in order of name), and the first to name an address has it.
        self.serverapp.web_app.add_handlers(  # type: ignore[no-untyped-call]
            ".*$", [(address + r"/formgrader/api/submission/([^/]+)/([^/]+)/autograde", FormgraderHandler)]
        )

    async def stop_extension(self) -> None:
        await self.settings["autograder_grading"].stop()


class _WithGrading:
    settings: dict[str, Any]

    @property
    def grading(self) -> Grading:
        grading: Grading = self.settings["autograder_grading"]
        return grading


class PageHandler(JupyterHandler):
    """The page."""

    @web.authenticated
    def get(self) -> None:
        self.xsrf_token  # noqa: B018  (reading it sets the cookie that the page sends back)
        text = (_PAGE / "page.html").read_text("utf-8")
        self.finish(text.replace("{{static}}", self.settings["base_url"].rstrip("/") + "/static/autograder"))


class StateHandler(_WithGrading, APIHandler):
    """What there is to grade, what is being graded, what came of it."""

    @web.authenticated
    async def get(self) -> None:
        self.xsrf_token  # noqa: B018
        state = await asyncio.to_thread(self.grading.state)
        verdict = await asyncio.to_thread(try_bubblewrap)
        self.finish(state | {"sandbox": "" if verdict.works else verdict.reason})


class TextsHandler(_WithGrading, APIHandler):
    """The page's sentences in the course's language."""

    @web.authenticated
    async def get(self) -> None:
        self.finish(await asyncio.to_thread(self.grading.texts))


class GradeHandler(_WithGrading, APIHandler):
    """POST {"exercise": NAME, "force": false}: begin."""

    @web.authenticated
    async def post(self) -> None:
        asked = self.get_json_body() or {}
        await _begin(self.grading, str(asked.get("exercise", "")), force=asked.get("force") is True)
        self.set_status(HTTPStatus.ACCEPTED)
        self.finish({})


class StopHandler(_WithGrading, APIHandler):
    """POST: stop. What was graded is kept."""

    @web.authenticated
    async def post(self) -> None:
        await self.grading.stop()
        self.finish({})


class ReportHandler(_WithGrading, JupyterHandler):
    """The report of the class, written anew; its links to feedback and notebooks lead to the course's files."""

    @web.authenticated
    async def get(self, exercise: str) -> None:
        await _require_exercise(self.grading, exercise)
        try:
            page = await self.made(exercise)
        except NoReport as error:
            raise web.HTTPError(HTTPStatus.CONFLICT, str(error)) from error
        root = Path(self.settings["server_root_dir"]).expanduser().resolve()
        self.redirect(url_path_join(self.base_url, "files", url_escape(page.relative_to(root).as_posix())))

    async def made(self, exercise: str) -> Path:
        """The page. Raises `NoReport`."""
        return await self.grading.report(exercise)


class SimilarHandler(ReportHandler):
    """Pairs who share more of their own code than chance allows, compared anew."""

    async def made(self, exercise: str) -> Path:
        """The page. Raises `NoReport`."""
        return await self.grading.similar(exercise)


class GiveBackHandler(_WithGrading, APIHandler):
    """POST {"exercise": NAME}: release the feedback to learners; answers {"told": lines}."""

    @web.authenticated
    async def post(self) -> None:
        exercise = str((self.get_json_body() or {}).get("exercise", ""))
        await _require_exercise(self.grading, exercise)
        try:
            self.finish({"told": await self.grading.give_back(exercise)})
        except NotReleased as error:
            raise web.HTTPError(HTTPStatus.CONFLICT, str(error)) from error


class MarkHandler(_WithGrading, JupyterHandler):
    """Marking by hand: the pages of `autograder mark`, for whoever is logged in here."""

    @web.authenticated
    async def get(self, exercise: str, rest: str) -> None:
        await self._answer(exercise, lambda site, visitor: site.get(visitor, _parts(rest)))

    @web.authenticated
    async def post(self, exercise: str, rest: str) -> None:
        if len(self.request.body) > MAX_FORM:
            raise web.HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, say("That is too long."))
        form = {name: self.get_body_argument(name, "", strip=False) for name in self.request.body_arguments}
        sent_from = self.request.headers.get("Sec-Fetch-Site", "")
        await self._answer(exercise, lambda site, visitor: site.post(visitor, _parts(rest), form, sent_from))

    async def _answer(self, exercise: str, asked: Callable[[MarkingSite, Visitor], Answer]) -> None:
        await _require_exercise(self.grading, exercise)
        marker = str(self.current_user.username)
        home = url_path_join(self.base_url, "autograder", "mark", url_escape(exercise)) + "/"
        secret = hmac.new(self.settings["autograder_form_key"], marker.encode(), hashlib.sha256).hexdigest()
        visitor = Visitor(marker, home, secret, self.xsrf_form_html())
        answer = await asyncio.to_thread(_marking, self.grading.course, exercise, visitor, asked)
        if answer.status == HTTPStatus.SEE_OTHER:
            self.redirect(answer.content, status=HTTPStatus.SEE_OTHER)
            return
        self.set_status(answer.status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", answer.policy)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        self.finish(answer.content.encode("utf-8", "replace"))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _marking(root: Path, exercise: str, visitor: Visitor, asked: Callable[[MarkingSite, Visitor], Answer]) -> Answer:
    """Show or do what was asked for, with the course as it is now."""
    try:
        course = Course(root)
        site = MarkingSite(Marks(course, exercise), [visitor.marker], course.settings.blind)
    except KitError as error:
        return refusal(HTTPStatus.CONFLICT, str(error))
    try:
        return asked(site, visitor)
    except Refused as error:
        return refusal(error.status, str(error))
    except KitError as error:
        return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))


class FormgraderHandler(_WithGrading, JupyterHandler):
    """The formgrader's button beside one submission: the same grader, that one student, always anew."""

    @web.authenticated
    async def post(self, exercise: str, student: str) -> None:
        self.check_xsrf_cookie()
        run = await _begin(self.grading, exercise, force=True, student=student)
        await run.finished()
        log = "\n".join(run.lines)
        self.finish(json.dumps({"success": run.status == 0, "log": log, "error": "" if run.status == 0 else log}))


async def _require_exercise(grading: Grading, exercise: str) -> None:
    if exercise not in await asyncio.to_thread(grading.exercises):
        raise web.HTTPError(
            HTTPStatus.BAD_REQUEST, say("There is no exercise '{exercise}' in this course.", exercise=exercise)
        )


async def _begin(grading: Grading, exercise: str, force: bool, student: str | None = None) -> Any:
    """Start a run.

    Raises:
        web.HTTPError: there is no such exercise or student (400), or another run is under way (409).
    """
    await _require_exercise(grading, exercise)
    if student is not None and not os.path.isdir(grading.submitted() / student / exercise):
        raise web.HTTPError(
            HTTPStatus.BAD_REQUEST,
            say("Nothing of '{student}' was collected for '{exercise}'.", student=student, exercise=exercise),
        )
    try:
        return await grading.start(exercise, force, student)
    except AlreadyRunning as error:
        raise web.HTTPError(HTTPStatus.CONFLICT, str(error)) from error
