"""Asking a learning management system over HTTP, with patience, and without telling anybody the token.

Tokens come from an environment variable or a file. They travel in a header or in a request's body, never in an
address, which servers and proxies write into their logs.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from autograder.errors import LmsFailed, UsageError
from autograder.language import say

TIMEOUT_SECONDS = 30.0  # for one request
TRIES = 5
LONGEST_WAIT_SECONDS = 60.0  # between two of them
MAX_BYTES = 50_000_000  # of an answer
_AT_HOME = ("localhost", "127.0.0.1", "::1")


def read_token(variable: str, file: Path | None) -> str:
    """The token, from a file if one is named, else from the environment.

    Raises:
        UsageError: there is none.
    """
    if file is None:
        token = os.environ.get(variable, "")
    else:
        try:
            token = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                say(
                    "The token cannot be read from {file}: {why}.",
                    file=file,
                    why=getattr(error, "strerror", error),
                )
            ) from error
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            say(
                "There is no token. Put it in the environment as {variable}, or name a file that holds it:"
                " --token-file.",
                variable=variable,
            )
        )
    return token


@dataclass(frozen=True)
class Answer:
    """What came back."""

    content: Any
    headers: Mapping[str, str]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token goes to the server that was named, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Server:
    """One system, by its address."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""  # never shown, whatever a server says
    is_throttled: Callable[[int, str], bool] = lambda status, _: status == 429
    sleep: Callable[[float], None] = time.sleep
    in_cluster: bool = False  # a Hub, whose servers all ask it without encryption, inside its own network

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        plain = self.in_cluster or parts.hostname in _AT_HOME
        if parts.scheme != "https" and not (parts.scheme == "http" and plain):
            raise UsageError(
                say("{url} does not begin with https://, so others could read the token on its way.", url=self.url)
            )
        if not parts.hostname or parts.username or parts.query or parts.fragment:
            raise UsageError(say("{url} is not the address of a server.", url=self.url))
        self.url = self.url.rstrip("/")

    def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        content: Any = None,
        kind: str = "application/json",
        accept: str = "application/json",
        once: bool = False,
    ) -> Answer:
        """Send one request, again if the server is busy.

        Args:
            path: behind the server's address, or a whole address on the same server.
            form: what is sent, as a browser sends a form.
            content: what is sent instead, as JSON.
            kind: the media type of `content`.
            accept: the media type of the answer.
            once: send it again only if the server said that it did nothing, since doing it twice would be wrong.

        Raises:
            LmsFailed: it was refused, or did not get through.
        """
        address = path if path.startswith(("http://", "https://")) else self.url + path
        if not address.startswith(self.url + "/"):
            raise LmsFailed(say("The server pointed to a page on another server, which was not followed."))
        headers = {**self.headers, "Accept": accept}
        body = None if form is None else urllib.parse.urlencode(form).encode()
        if content is not None:
            body, headers["Content-Type"] = json.dumps(content).encode(), kind
        for number in range(1, TRIES + 1):
            try:
                return self._once(method, address, body, headers)
            except _AgainError as error:
                if once and not error.refused:
                    raise LmsFailed(str(error)) from None
                if number == TRIES:
                    raise LmsFailed(say("{error} It was tried {tries} times.", error=error, tries=TRIES)) from None
                self.sleep(min(error.wait or 2.0 ** (number - 1), LONGEST_WAIT_SECONDS))
        raise AssertionError

    def _once(self, method: str, address: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(address, body, headers, method=method)
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as reply:
                return Answer(_content(reply), {k.lower(): v for k, v in reply.headers.items()})
        except urllib.error.HTTPError as error:
            reason = self._reason(error)
            what = say("The server answered {code}{reason}.", code=error.code, reason=f" ({reason})" if reason else "")
            refused = self.is_throttled(error.code, reason)
            if refused or error.code in (502, 503, 504):
                raise _AgainError(what, _seconds(error.headers.get("Retry-After")), refused) from None
            if error.code in (401, 403):
                what += say(" Is the token still valid, and may it change grades in this course?")
            raise LmsFailed(what, error.code) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            why = getattr(error, "reason", None) or error
            raise _AgainError(
                say("The server cannot be reached ({hidden}).", hidden=self._hidden(str(why))[:200])
            ) from None

    def _reason(self, error: urllib.error.HTTPError) -> str:
        try:
            text = error.read(10_000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return ""
        return "" if text.lstrip().startswith("<") else self._hidden(" ".join(text.split()))[:200]

    def _hidden(self, text: str) -> str:
        return text.replace(self.secret, "...") if self.secret else text


class _AgainError(Exception):
    """It may work in a while."""

    def __init__(self, message: str, wait: float | None = None, refused: bool = False) -> None:
        super().__init__(message)
        self.wait, self.refused = wait, refused


def _content(reply: IO[bytes]) -> Any:
    raw = reply.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise LmsFailed(say("The server's answer is larger than {max_bytes} MB.", max_bytes=MAX_BYTES // 10**6))
    try:
        return json.loads(raw) if raw.strip() else None
    except (ValueError, RecursionError):
        raise LmsFailed(say("The server's answer is not in the expected form. Is the address right?")) from None


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
