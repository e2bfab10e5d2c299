"""The page for marking, on this machine alone.

No script runs in it and none may: forms do all there is to do. Whatever a learner made is shown in a frame that is a
world of its own (sandboxed, without scripts, forms or addresses). Everybody who marks has an address with a secret in
it, so that other people on this machine, and other pages in the browser, have none; what changes something carries a
second secret besides.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jinja2
from markupsafe import Markup

from autograder.course.grades import StudentGrades
from autograder.errors import KitError, UsageError
from autograder.marking.recheck import recheck
from autograder.marking.store import ChangedMeanwhile, Marks, NewMark

MAX_FORM = 40_000  # bytes
_OURS = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_THEIRS = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"


class MarkingServer(ThreadingHTTPServer):
    """Serves one exercise to those who mark it."""

    daemon_threads = True

    def __init__(self, marks: Marks, markers: list[str], blind: bool = False, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.marks, self.blind = marks, blind
        self.tokens = {secrets.token_urlsafe(24): marker for marker in markers}
        self.form_key = secrets.token_bytes(32)
        self.pages = _Pages()

    @property
    def addresses(self) -> dict[str, str]:
        """Where each marker begins."""
        return {marker: f"http://127.0.0.1:{self.server_port}/{token}/" for token, marker in self.tokens.items()}

    def form_token(self, token: str) -> str:
        """The second secret, which stands in each form of one marker's pages."""
        return hmac.new(self.form_key, token.encode(), hashlib.sha256).hexdigest()


class _Pages:
    def __init__(self) -> None:
        here = files(__package__)
        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
        )
        environment.globals["style"] = Markup(here.joinpath("page.css").read_text("utf-8"))
        environment.filters["points"] = lambda number: f"{round(number, 2):g}"
        self._template = environment.from_string(here.joinpath("page.html").read_text("utf-8"))

    def made(self, kind: str, **about: Any) -> str:
        return self._template.render(kind=kind, **about)


def _harmless(value: Any) -> Any:
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "\ufffd" for c in value)


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: MarkingServer
    server_version, sys_version = "autograder", ""
    timeout = 30

    def log_message(self, *_: Any) -> None:
        """Addresses hold a secret."""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, what: Any) -> None:
        try:
            status, content, policy = what(*self._who())
        except _Refused as error:
            status, content, policy = error.status, self.server.pages.made("refused", why=str(error)), _OURS
        except KitError as error:
            status, content, policy = 500, self.server.pages.made("refused", why=str(error)), _OURS
        raw = content.encode("utf-8", "replace")
        self.send_response(status)
        if status == 303:
            self.send_header("Location", content)
            raw = b""
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(raw)),
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def _who(self) -> tuple[str, list[str]]:
        """The token of whoever asks, and the rest of the path."""
        port = self.server.server_port
        if self.headers.get("Host", "") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            raise _Refused(403, "This page is for this computer alone.")
        token, _, rest = urlsplit(self.path).path.lstrip("/").partition("/")
        known = [one for one in self.server.tokens if hmac.compare_digest(one.encode(), token.encode())]
        if not known:
            raise _Refused(403, "This address has no key, or an old one. Use the one that the command printed.")
        return known[0], [part for part in rest.split("/") if part]

    # -- reading ------------------------------------------------------------------------------------------------------

    def _get(self, token: str, path: list[str]) -> tuple[int, str, str]:
        marks = self.server.marks
        if not path:
            return 200, self._list(token), _OURS
        if path[0] == "work" and len(path) == 2:
            return 200, self._work(token, path[1]), _OURS
        if path[0] == "feedback" and len(path) == 2:
            student = self._student(path[1]).student
            page = marks.course.feedback / student / marks.exercise / f"{marks.exercise}.html"
            try:
                return 200, page.read_text("utf-8", "replace"), _THEIRS
            except OSError:
                return 200, "<!DOCTYPE html><html lang='en'><title>No page</title><p>There is no page.</p>", _THEIRS
        raise _Refused(404, "There is no such page.")

    def _student(self, key: str) -> StudentGrades:
        everybody = self.server.marks.everybody()
        if key not in everybody:
            raise _Refused(404, "There is no such work any more.")
        return everybody[key]

    def _rows(self, token: str) -> list[dict[str, Any]]:
        marks, server = self.server.marks, self.server
        markers = list(server.tokens.values())
        everybody = marks.everybody()
        turn = {key: n for n, key in enumerate(sorted(everybody))}  # by chance, and the same for everybody
        order = sorted(everybody, key=lambda key: turn[key] if server.blind else everybody[key].student)
        rows = []
        for key in order:
            grades = everybody[key]
            request = marks.request(grades.student)
            open_request = bool(request) and not marks.answered(grades.student, request)
            why = [
                *(["asks for another look"] if open_request else []),
                *(f"{t.name}: waits for points" for t in grades.tasks if t.waits),
                *(f"{t.name}: graded again since" for t in grades.tasks if t.needs_look and not t.waits),
            ]
            rows.append(
                {
                    "key": key,
                    "name": self._name(grades, turn[key]),
                    "score": grades.score,
                    "most": grades.max_score,
                    "why": why,
                    "by_hand": grades.by_hand,
                    "marker": markers[turn[key] % len(markers)],
                }
            )
        return rows

    def _name(self, grades: StudentGrades, turn: int) -> str:
        if self.server.blind:
            return f"Work {turn + 1}"
        return f"{grades.student} ({grades.name})" if grades.name else grades.student

    def _list(self, token: str) -> str:
        rows = self._rows(token)
        return self.server.pages.made(
            "list",
            exercise=self.server.marks.exercise,
            marker=self.server.tokens[token],
            several=len(self.server.tokens) > 1,
            look=[row for row in rows if row["why"]],
            rest=[row for row in rows if not row["why"]],
        )

    def _work(self, token: str, key: str, **about: Any) -> str:
        marks, server = self.server.marks, self.server
        grades = self._student(key)
        turns = {k: n for n, k in enumerate(sorted(marks.everybody()))}
        rows = [row["key"] for row in self._rows(token)]
        at = rows.index(key)
        request = marks.request(grades.student)
        history = [one for one in marks.history(grades.student) if "task" in one]
        return server.pages.made(
            "work",
            exercise=marks.exercise,
            name=self._name(grades, turns[key]),
            key=key,
            grades=grades,
            versions={task.name: marks.version(grades, task) for task in grades.tasks},
            comments={task.name: marks.comment(grades, task.name) for task in grades.tasks},
            bank=marks.bank(),
            history=history,
            request="" if request and marks.answered(grades.student, request) else request,
            form_token=server.form_token(token),
            before=rows[at - 1] if at else "",
            after=rows[at + 1] if at + 1 < len(rows) else "",
            **({"told": "", "trouble": "", "mine": None, "checked": None} | about),
        )

    # -- writing ------------------------------------------------------------------------------------------------------

    def _post(self, token: str, path: list[str]) -> tuple[int, str, str]:
        form = self._form()
        if not hmac.compare_digest(form.get("form_token", ""), self.server.form_token(token)):
            raise _Refused(403, "This form is not from this page. Open the work again.")
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise _Refused(403, "This form is not from this page. Open the work again.")
        if len(path) != 2 or path[0] not in ("work", "request", "recheck"):
            raise _Refused(404, "There is no such page.")
        marks, key, marker = self.server.marks, path[1], self.server.tokens[token]
        student = self._student(key).student
        if path[0] == "request":
            marks.answer_request(student, marks.request(student), marker)
            return 303, f"/{token}/", _OURS
        if path[0] == "recheck":
            return 200, self._work(token, key, checked=recheck(marks.course, marks.exercise, student)), _OURS
        new = None
        try:
            new = _new_mark(form)
            marks.give(student, new, form.get("seen", ""), marker)
            if form.get("keep") and new.comment.strip():
                marks.keep(new.comment)
        except ChangedMeanwhile as error:
            trouble = (
                f"Not saved, because somebody was faster. {error.by} Yours stands below; save it again if it holds."
            )
            return 409, self._work(token, key, trouble=trouble, mine=new), _OURS
        except UsageError as error:
            return 400, self._work(token, key, trouble=f"Not saved. {error}", mine=new), _OURS
        return 200, self._work(token, key, told=f"Saved: {new.task}."), _OURS

    def _form(self) -> Mapping[str, str]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_FORM:
            raise _Refused(413, "That is too long.")
        text = self.rfile.read(int(length)).decode("utf-8", "replace")
        try:
            return {name: values[0] for name, values in parse_qs(text, max_num_fields=20).items()}
        except ValueError:
            raise _Refused(400, "That is no form of this page.") from None


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
        raise UsageError("Points are a number.")
    return number
