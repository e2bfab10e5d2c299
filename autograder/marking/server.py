"""The page for marking, on this machine alone.

Everybody who marks has an address with a secret in it, so that other people on this machine, and other pages in the
browser, have none; what changes something carries a second secret besides.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from autograder.errors import KitError
from autograder.language import say, speaking
from autograder.marking.site import MAX_FORM, Answer, MarkingSite, Refused, Visitor, refusal
from autograder.marking.store import Marks


class MarkingServer(ThreadingHTTPServer):
    """Serves one exercise to those who mark it."""

    daemon_threads = True

    def __init__(self, marks: Marks, markers: list[str], blind: bool = False, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.site = MarkingSite(marks, markers, blind)
        self.tokens = {secrets.token_urlsafe(24): marker for marker in markers}
        self.form_key = secrets.token_bytes(32)

    @property
    def addresses(self) -> dict[str, str]:
        """Where each marker begins."""
        return {marker: f"http://127.0.0.1:{self.server_port}/{token}/" for token, marker in self.tokens.items()}

    def form_token(self, token: str) -> str:
        """The second secret, which stands in each form of one marker's pages."""
        return hmac.new(self.form_key, token.encode(), hashlib.sha256).hexdigest()


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
        with speaking(self.server.site.language):
            self._answer_in_its_language(what)

    def _answer_in_its_language(self, what: Any) -> None:
        try:
            answer: Answer = what(*self._who())
        except Refused as error:
            answer = refusal(error.status, str(error))
        except KitError as error:
            answer = refusal(500, str(error))
        raw = answer.content.encode("utf-8", "replace")
        self.send_response(answer.status)
        if answer.status == 303:
            self.send_header("Location", answer.content)
            raw = b""
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(raw)),
            "Content-Security-Policy": answer.policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def _who(self) -> tuple[Visitor, list[str]]:
        """Whoever asks, and the rest of the path."""
        port = self.server.server_port
        if self.headers.get("Host", "") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            raise Refused(403, say("This page is for this computer alone."))
        token, _, rest = urlsplit(self.path).path.lstrip("/").partition("/")
        known = [one for one in self.server.tokens if hmac.compare_digest(one.encode(), token.encode())]
        if not known:
            raise Refused(403, say("This address has no key, or an old one. Use the one that the command printed."))
        (token,) = known
        visitor = Visitor(self.server.tokens[token], f"/{token}/", self.server.form_token(token))
        return visitor, [part for part in rest.split("/") if part]

    def _get(self, visitor: Visitor, path: list[str]) -> Answer:
        return self.server.site.get(visitor, path)

    def _post(self, visitor: Visitor, path: list[str]) -> Answer:
        return self.server.site.post(visitor, path, self._form(), self.headers.get("Sec-Fetch-Site", ""))

    def _form(self) -> Mapping[str, str]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_FORM:
            raise Refused(413, say("That is too long."))
        text = self.rfile.read(int(length)).decode("utf-8", "replace")
        try:
            return {name: values[0] for name, values in parse_qs(text, max_num_fields=20).items()}
        except ValueError:
            raise Refused(400, say("That form does not belong to this page.")) from None
