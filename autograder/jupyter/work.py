"""The course's page on a Hub: a service that takes in what learners hand in, and says how everybody stands.

    python -m autograder.jupyter.work COURSE

It runs as the course's account, beside the instructors' server. Who somebody is, the Hub says (`HubOAuth`), and
nothing else is believed: not a name in an address, not a time in a file. A learner sees what is theirs; members of the
group formgrade-COURSE see the class. It takes in files sent from the page, and what *Submit* puts into nbgrader's
exchange.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from http.client import responses
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado import httpserver, httputil, web
from tornado.ioloop import PeriodicCallback

from autograder import templates
from autograder.course import inbox
from autograder.course.directory import Course
from autograder.course.names import entered_as
from autograder.course.reading import MAX_NOTEBOOK_BYTES
from autograder.course.receipts import Receipts
from autograder.course.roster import fits_a_folder
from autograder.errors import KitError, UnknownExercise
from autograder.exercise.sentences import printable
from autograder.exercise.wire import one_line
from autograder.jupyter import standing
from autograder.jupyter.live import FILE as LIVE_FILE
from autograder.jupyter.live import MAX_BODY, ExerciseLive, Live
from autograder.language import Sentence, _, language, said, say, speaking

_T = TypeVar("_T")

LOOK_SECONDS = 2.0  # between two looks into the exchange
COURSE_SECONDS = 5.0  # until the course's settings are read anew
FORM_BYTES = MAX_NOTEBOOK_BYTES + 100_000  # of a hand-in: a notebook and what a form puts around it
OTHER_BYTES = 100_000  # of any other request
SEND_SECONDS = 600.0  # that a request may take to arrive
MOST_AT_ONCE = 2  # hand-ins of one person that are read at the same time

_OURS = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_THEIRS = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Service:
    """One course, as its page needs it. One thread writes; others read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writing = ThreadPoolExecutor(1, "taking-in")
        self.reading = ThreadPoolExecutor(4, "reading")
        self.sending: Counter[str] = Counter()  # hand-ins in memory, by user; only the thread of requests uses it
        self._course: tuple[float, Course] | None = None
        self._inbox: inbox.Inbox | None = None
        self._live = Live(root / ".autograder" / LIVE_FILE)
        self._trouble = ""

    def course(self) -> Course:
        """The course directory, with settings that are a few seconds old at most. Raises `KitError`."""
        if self._course is None or time.monotonic() - self._course[0] > COURSE_SECONDS:
            self._course = time.monotonic(), Course(self.root)
        return self._course[1]

    def in_its_language(self, what: Callable[..., _T], *arguments: Any, **more: Any) -> _T:
        """Do something that makes words; they are in the course's language, in whatever thread."""
        try:
            chosen = self.course().settings.language
        except KitError:
            chosen = ""
        with speaking(chosen or language()):
            return what(*arguments, **more)

    def student(self, user: str) -> str:
        """What the course calls a user of the Hub. Raises `KitError`."""
        accounts = self.course().accounts
        return user if accounts is None else accounts.of_user(user)

    def teaches(self, groups: list[str]) -> bool:
        """Whether a member of these groups may see the class."""
        return f"formgrade-{self.course().course_id}" in groups

    def receive(self, exercise: str, student: str, file: str, content: bytes) -> inbox.Received:
        """Take in a file; in the thread that writes. Raises `KitError`."""
        course = self.course()
        if exercise not in standing.exercises(course):
            raise UnknownExercise(say("There is no exercise '{exercise}' in this course.", exercise=exercise))
        received = inbox.receive(course, exercise, student, file, content, time.time())
        if received.receipt is not None and not received.known:
            log(f"{student}  {exercise}: received, receipt {received.receipt.number}.")
        return received

    def count(self, student: str, body: bytes) -> None:
        """Count what a check found; in the thread that writes. Raises `KitError`."""
        course = self.course()
        if course.settings.live and len(body) <= MAX_BODY:
            with contextlib.suppress(ValueError, RecursionError):
                self._live.note(course, student, json.loads(body))

    def seen(self) -> list[ExerciseLive]:
        """What the class finds; in the thread that writes. Raises `KitError`."""
        course = self.course()
        return self._live.seen(course, course.settings.live_names) if course.settings.live else []

    def _keep_live(self, course: Course) -> None:
        if course.settings.live:
            self._live.keep()
        else:
            self._live.forget()

    def look(self) -> None:
        """Take in what has come into the exchange; in the thread that writes. What is wrong is said once."""
        try:
            course = self.course()
            if self._inbox is None:
                self._inbox = inbox.Inbox(course.inbound, time.time, course.inbound_by_learner, exchange=True)
            self._keep_live(course)
            receipts, unused = self._inbox.look(course, standing.exercises(course))
        except (KitError, OSError) as error:
            if (line := one_line(str(error), 1_000)) != self._trouble:
                self._trouble = line
                log(f"{line} Nothing is lost: what was handed in is taken in once this is fixed.")
            return
        self._trouble = ""
        for receipt in receipts:
            log(f"{receipt.student}  {receipt.exercise}: received, receipt {receipt.number}.")
        for line in unused:
            log(f"Not used: {line}")


def log(line: str) -> None:
    """A line for the Hub's log."""
    print(f"{datetime.now():%H:%M:%S}  {printable(line[:1_200], '?')}", flush=True)


_NO_PAGE = _("There is no such page.")


class Pages:
    """The page's one template, filled in."""

    def __init__(self) -> None:
        environment = templates.environment("autograder.jupyter", "work_page/page.css", lines=True)
        page = files("autograder.jupyter").joinpath("work_page", "page.html")
        self._template = environment.from_string(page.read_text("utf-8"))

    def made(self, kind: str, **about: Any) -> str:
        """A page of some kind: learner, class or refused."""
        return self._template.render(kind=kind, **about).lstrip()


class _Handler(HubOAuthenticated, web.RequestHandler):  # type: ignore[misc]
    """What all parts of the page share."""

    service: Service
    pages: Pages

    def initialize(self, service: Service, pages: Pages) -> None:
        self.service, self.pages = service, pages

    async def prepare(self) -> None:
        await self.hub_auth.get_user(self, sync=False)  # asks the Hub without keeping others waiting; then it is known

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _OURS)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    @property
    def base(self) -> str:
        """The page's address, with a slash at its end."""
        return f"{str(self.hub_auth.base_url).rstrip('/')}/"

    @property
    def student(self) -> str:
        """Whoever asks, as the course calls them.

        Raises:
            web.HTTPError: it is no learner (403).
        """
        user = self.current_user
        student = self.service.student(str(user["name"]))
        if user.get("kind", "user") != "user" or not fits_a_folder(student):
            raise web.HTTPError(
                HTTPStatus.FORBIDDEN,
                reason=_("This page is for learners: it needs a user of the Hub whose name can be a folder's."),
            )
        return student

    @property
    def entered(self) -> str:
        """Whoever asks, as the gradebook calls them."""
        return entered_as(self.student)

    @property
    def is_teacher(self) -> bool:
        return self.service.teaches(list(self.current_user.get("groups", ())))

    def require_teacher(self) -> None:
        """Raises `web.HTTPError` (403) for everybody else."""
        if not self.is_teacher:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, reason=_("This page is for the course's instructors."))

    async def read(self, what: Any, *arguments: Any) -> Any:
        """Do something that only reads, beside other requests."""
        loop, service = asyncio.get_running_loop(), self.service
        return await loop.run_in_executor(service.reading, service.in_its_language, what, *arguments)

    def made(self, kind: str, title: Sentence, **about: Any) -> str:
        """A page in the course's language."""
        return self.service.in_its_language(self.pages.made, kind, title=self.said(title), base=self.base, **about)

    def said(self, text: str) -> str:
        """A sentence in the course's language."""
        return self.service.in_its_language(said, text)

    async def in_turn(self, what: Any, *arguments: Any) -> Any:
        """Do something in the thread that writes."""
        loop, service = asyncio.get_running_loop(), self.service
        return await loop.run_in_executor(service.writing, service.in_its_language, what, *arguments)

    def write_error(self, status_code: int, **about: Any) -> None:
        error = about.get("exc_info", (None, None, None))[1]
        why: str = _("This did not work. That is our fault.")
        if isinstance(error, web.HTTPError):
            why = error.reason or (_NO_PAGE if status_code == HTTPStatus.NOT_FOUND else responses.get(status_code, "?"))
        if isinstance(error, UnknownExercise):
            self.set_status(HTTPStatus.NOT_FOUND)
            why = str(error)
        elif isinstance(error, KitError):
            log(str(error))
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            why = _("The course cannot be read at the moment. Tell your teacher; what you handed in is not lost.")
        self.finish(self.made("refused", _("Not possible"), course="", why=self.said(why)))


class LearnerHandler(_Handler):
    """What somebody handed in, when all is due, and what came of it."""

    @web.authenticated
    async def get(self) -> None:
        if self.is_teacher:
            self.redirect(f"{self.base}class/")
            return
        await self.show()

    async def show(self, told: str = "", trouble: str = "") -> None:
        """Write the page, with what has just happened on it."""
        course, student = self.service.course(), self.entered
        found = await self.read(standing.of_learner, course, student, standing.now())
        about: dict[str, Any] = {"course": course.course_id, "who": student}
        about |= {"standings": found, "told": told, "trouble": trouble, "xsrf": self.xsrf_token.decode()}
        self.finish(self.made("learner", _("your work"), **about))


@web.stream_request_body
class HandInHandler(LearnerHandler):
    """POST a form with a file: hand it in. Nothing of it is kept in memory until we know who is sending it."""

    def initialize(self, service: Service, pages: Pages) -> None:
        super().initialize(service, pages)
        self._form, self._sender, self._is_whole = bytearray(), "", False

    async def prepare(self) -> None:
        if self.request.method != "POST":
            await super().prepare()
            return
        connection: Any = self.request.connection
        connection.set_max_body_size(FORM_BYTES)
        await super().prepare()
        name = str(self.current_user["name"]) if self.current_user else ""
        if name and self.service.sending[name] < MOST_AT_ONCE:
            self._sender = name
            self.service.sending[name] += 1

    def data_received(self, chunk: bytes) -> None:
        if self._sender:  # else it is only read to the end, so that the browser reads our answer
            self._form += chunk

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if not self._is_whole:  # else `post` is still working on it
            self._let_go()

    def _let_go(self) -> None:
        self._form.clear()
        self.service.sending -= Counter([self._sender])
        self._sender = ""

    async def get(self, exercise: str = "") -> None:
        self.redirect(self.base)

    @web.authenticated
    async def post(self, exercise: str) -> None:
        self._is_whole = True
        try:
            await self._hand_in(exercise)
        finally:
            self._let_go()

    def _files(self) -> list[httputil.HTTPFile]:
        """The files in the form. Raises `web.HTTPError`."""
        files: dict[str, list[httputil.HTTPFile]] = {}
        headers = self.request.headers
        try:
            httputil.parse_body_arguments(headers.get("Content-Type", ""), bytes(self._form), {}, files, headers)
        except httputil.HTTPInputError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST) from error
        self._form.clear()
        return files.get("notebook", [])

    async def _hand_in(self, exercise: str) -> None:
        student = self.student
        if not self._sender:
            raise web.HTTPError(
                HTTPStatus.TOO_MANY_REQUESTS,
                reason=_("Other files of yours are still being sent. Wait until they have arrived, then try again."),
            )
        sent = self._files()
        if len(sent) != 1 or not sent[0]["filename"]:
            self.set_status(HTTPStatus.BAD_REQUEST)
            await self.show(trouble=self.said(_("Nothing was handed in: choose a file first.")))
            return
        name, content = str(sent[0]["filename"]), bytes(sent[0]["body"])
        received = await self.in_turn(self.service.receive, exercise, student, name, content)
        if received.receipt is None:
            self.set_status(HTTPStatus.BAD_REQUEST)
            await self.show(trouble=f"{exercise}: {received.why_not}")
            return
        number = received.receipt.number
        if received.known:
            told = _(
                "{exercise}: this very file is what you handed in last, receipt {number}.",
                exercise=exercise,
                number=number,
            )
        else:
            told = _("{exercise}: received, receipt {number}.", exercise=exercise, number=number)
        await self.show(told=self.said(told))


class ReceiptHandler(_Handler):
    """One of one's own receipts, as a file."""

    @web.authenticated
    async def get(self, exercise: str, number: str) -> None:
        course, student = self.service.course(), self.entered
        given = await self.read(Receipts(course.state, course.course_id).given, _plain(exercise), student)
        found = next((one for one in given if one.number == number), None)
        if found is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, reason=_("You have no such receipt."))
        name = re.sub(r"[^A-Za-z0-9-]+", "-", f"receipt-{exercise}-{number}")
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{name}.json"')
        self.finish(found.to_text())


class FeedbackHandler(_Handler):
    """One's own feedback page, where the course shows results at once."""

    @web.authenticated
    async def get(self, exercise: str) -> None:
        course, student = self.service.course(), self.entered
        page = course.feedback / student / _plain(exercise) / f"{exercise}.html"
        if not course.settings.results_at_once or page.is_symlink() or not page.is_file():
            raise web.HTTPError(HTTPStatus.NOT_FOUND, reason=_("There is no feedback to show here."))
        self.set_header("Content-Security-Policy", _THEIRS)
        self.finish(await self.read(page.read_bytes))


class ClassHandler(_Handler):
    """How the class stands, for its instructors."""

    @web.authenticated
    async def get(self) -> None:
        self.require_teacher()
        course = self.service.course()
        found = await self.read(standing.of_class, course, standing.now())
        grading = f"{self.base.rstrip('/').rpartition('/')[0]}/{course.course_id}/"
        about = {"course": course.course_id, "grading": grading, "results_at_once": course.settings.results_at_once}
        self.finish(self.made("class", _("the class"), standings=found, **about))


class CountHandler(_Handler):
    """GET: whether the course counts what `check` finds. POST {"exercise", "task", "outcome", "hint"}: count it.

    Anybody may ask, even without a token, so that a learner's kernel sends its token only to a course that counts.
    """

    async def get(self) -> None:
        settings = self.service.course().settings
        self.finish({"on": settings.live, "names": settings.live_names})

    @web.authenticated
    async def post(self) -> None:
        await self.in_turn(self.service.count, self.entered, bytes(self.request.body))
        self.set_status(HTTPStatus.NO_CONTENT)  # whatever came of it: who sends is told nothing


class LiveHandler(_Handler):
    """What the class finds while it works, for its instructors."""

    @web.authenticated
    async def get(self) -> None:
        self.require_teacher()
        course = self.service.course()
        found = await self.in_turn(self.service.seen)
        nonce = secrets.token_urlsafe(16)
        self.set_header("Content-Security-Policy", f"{_OURS}; script-src 'nonce-{nonce}'; connect-src 'self'")
        settings, at = course.settings, datetime.now().strftime("%H:%M:%S")
        about = {"course": course.course_id, "nonce": nonce, "at": at}
        xsrf = str(self.xsrf_token.decode())
        page = self.made("live", _("live"), seen=found, on=settings.live, names=settings.live_names, xsrf=xsrf, **about)
        self.finish(page)


def _plain(exercise: str) -> str:
    """A name that is one folder's.

    Raises:
        web.HTTPError: it is not (404).
    """
    if not fits_a_folder(exercise):
        raise web.HTTPError(HTTPStatus.NOT_FOUND, reason=_("There is no such exercise."))
    return exercise


def application(service: Service, prefix: str) -> web.Application:
    """The page, below an address that ends in a slash."""
    parts = {"service": service, "pages": Pages()}
    at = re.escape(prefix)
    return web.Application(
        [
            (f"{at}oauth_callback", HubOAuthCallbackHandler),
            (at, LearnerHandler, parts),
            (f"{at}hand-in/([^/]+)", HandInHandler, parts),
            (f"{at}receipt/([^/]+)/([A-Z2-7-]+)", ReceiptHandler, parts),
            (f"{at}feedback/([^/]+)", FeedbackHandler, parts),
            (f"{at}class/?", ClassHandler, parts),
            (f"{at}live/?", LiveHandler, parts),
            (f"{at}api/live", CountHandler, parts),
        ],
        cookie_secret=os.urandom(32),
        default_handler_class=web.ErrorHandler,
        default_handler_args={"status_code": HTTPStatus.NOT_FOUND},
    )


async def serve(service: Service, prefix: str, address: str, port: int) -> None:
    """Serve the page, and look into the exchange, for ever."""
    # This much is read before we ask who is sending. Only the handler of hand-ins asks first, and then takes more.
    limits = {"max_body_size": OTHER_BYTES, "max_buffer_size": OTHER_BYTES, "body_timeout": SEND_SECONDS}
    server = httpserver.HTTPServer(application(service, prefix), **limits)
    server.listen(port, address)

    async def look() -> None:
        await asyncio.get_running_loop().run_in_executor(service.writing, service.look)

    PeriodicCallback(look, LOOK_SECONDS * 1000).start()
    log(f"The course's page is at {prefix}.")
    await asyncio.Event().wait()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m autograder.jupyter.work", description="The course's page on a Hub."
    )
    parser.add_argument("course", type=Path, metavar="COURSE", help="the course directory")
    options = parser.parse_args(arguments)
    try:
        Course(options.course)
    except KitError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    place = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    service = Service(options.course.resolve())
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    asyncio.run(serve(service, prefix, place.hostname or "127.0.0.1", place.port or 80))
    return 0


if __name__ == "__main__":
    sys.exit(main())
