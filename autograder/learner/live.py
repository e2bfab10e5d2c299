"""What `check` finds, sent to the course's page on a Hub, where the course counts it for its teacher.

Only where the Hub has set AUTOGRADER_LIVE, and only if the page says that this course counts; the learner is told
before anything is sent, and only to a page that root or the learner runs, because a token opens its owner's server.
It happens in a thread of its own, and whatever goes wrong there, nobody is kept waiting.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autograder.exercise.outcome import CheckResult, hint_id
from autograder.language import say

ADDRESS = "AUTOGRADER_LIVE"  # the address of the course's page, with a slash at its end
_TOKEN = "JUPYTERHUB_API_TOKEN"
_SECONDS = 5.0  # to wait for an answer
_WAITING = 20  # checks that wait to be sent; more are not counted
_GIVE_UP_AFTER = 3  # failures in a row


class Counting:
    """Sends what checks of one exercise found."""

    def __init__(self, exercise: str) -> None:
        self._exercise = exercise
        self._noticed = self._forged = False
        self._counts: dict[str, Any] | None = None  # the course's page on how it counts; None: it does not, or not yet
        self._queue: queue.Queue[dict[str, str]] = queue.Queue(_WAITING)
        self._address, self._token = os.environ.get(ADDRESS, ""), os.environ.get(_TOKEN, "")
        if self._address.startswith("http") and self._token:
            threading.Thread(target=self._run, name="counting", daemon=True).start()

    def notice(self) -> str:
        """What the learner is told, once, before anything is sent; '' if nothing is counted or it was told."""
        if self._forged:
            self._forged, self._counts = False, None
            return say(
                "Another user of this machine is answering in place of your course's page. Nothing was sent to them."
                " Tell your teacher."
            )
        if self._noticed or self._counts is None:
            return ""
        self._noticed = True
        if self._counts.get("names"):
            return say(
                "Your course counts what `check` finds here: the task, whether it is right, and which hint you get."
                " Your teacher sees it with your name. It does not count for your grade."
            )
        return say(
            "Your course counts what `check` finds here: the task, whether it is right, and which hint you get."
            " Your teacher sees how many people are where, without names. It does not count for your grade."
        )

    def send(self, result: CheckResult) -> None:
        """Send what a check found, if the learner was told that it is."""
        if not self._noticed:
            return
        hint = next((hint_id(hint) for hint in result.hints if hint_id(hint)), "")
        sent = {"exercise": self._exercise, "task": result.name, "outcome": str(result.outcome), "hint": hint}
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(sent)

    def _run(self) -> None:
        failed = 0
        try:
            answer = self._ask(None)
        except Exception:
            return
        if answer.get("on") is not True:
            return
        self._counts = answer
        while failed < _GIVE_UP_AFTER:
            sent = self._queue.get()
            try:
                self._ask(sent)
                failed = 0
            except PermissionError:
                return
            except Exception:
                failed += 1

    def _ask(self, sent: dict[str, str] | None) -> dict[str, Any]:
        """Send what a check found; None asks how the course counts, which needs no token. Raises `OSError`."""
        import urllib.request  # here, since a notebook elsewhere has no use for it

        if (owners := _listeners(self._address)) is not None and not owners <= {0, os.getuid()}:
            self._forged = True
            raise PermissionError
        body = None if sent is None else json.dumps(sent).encode()
        headers = {"Content-Type": "application/json"}
        if sent is not None:
            headers["Authorization"] = f"token {self._token}"
        request = urllib.request.Request(f"{self._address}api/live", body, headers)
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            content = json.loads(answer.read(1_000) or b"{}")
        return content if isinstance(content, dict) else {}


def _listeners(address: str) -> set[int] | None:
    """The users who opened the port of an address on this machine; None if it is elsewhere, or the system does not say.

    Raises:
        OSError: nobody listens there.
    """
    place = urlsplit(address)
    host = "127.0.0.1" if place.hostname == "localhost" else place.hostname or ""
    if not host.startswith("127."):
        return None
    import socket

    own = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}"
    within = f"{0:016X}{int.from_bytes(bytes((0, 0, 255, 255)), sys.byteorder):08X}"  # IPv4 addresses as IPv6's
    answering = {f"{one}:{place.port or 80:04X}" for one in (own, within + own, "0" * 8, "0" * 32)}
    owners, known = set(), False
    for table in ("tcp", "tcp6"):  # proc_pid_net(5): four bytes each in the machine's own order
        with contextlib.suppress(FileNotFoundError):
            for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]:
                _, local, _, state, _, _, _, owner, *_ = line.split()
                if state == "0A" and local in answering:
                    owners.add(int(owner))
            known = True
    if known and not owners:
        raise ConnectionRefusedError  # anybody who starts to listen now would not have been checked
    return owners if known else None
