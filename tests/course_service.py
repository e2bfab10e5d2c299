"""The course's page on a Hub, run for tests beside a stand-in for the Hub that knows people by their tokens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from kit import PATIENCE

PREFIX = "/services/trial-work/"
PEOPLE = {"ada": ["nbgrader-trial"], "bo": ["nbgrader-trial"], "tutor": ["formgrade-trial"], "other": ["formgrade-x"]}


class _Hub(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        name = self.headers.get("Authorization", "").rpartition(" ")[2]
        if self.path.endswith("/hub/api/user") and name in PEOPLE:
            scopes = ["access:services!service=trial-work"]
            status, said = 200, {"name": name, "kind": "user", "groups": PEOPLE[name], "scopes": scopes}
        elif self.path.endswith("/hub/api/user") and name == "stranger":
            status, said = 200, {"name": name, "kind": "user", "groups": [], "scopes": []}
        else:
            status, said = 403, {}
        self._answer(status, said)

    def do_POST(self) -> None:
        """Give the token for a login's code; here both are the user's name."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer(200, {"access_token": form["code"][0]})

    def _answer(self, status: int, said: Any) -> None:
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@dataclass
class Page:
    """The service as somebody reaches it."""

    url: str
    log: Path
    process: int = 0

    def ask(self, who: str, path: str = "", method: str = "GET", **more: Any) -> requests.Response:
        """Ask as somebody whose token the Hub knows; nobody if `who` is ''."""
        headers = {"Authorization": f"token {who}"} if who else {}
        options = {"headers": headers, "timeout": 60, "allow_redirects": False} | more
        return requests.request(method, self.url + path, **options)

    def logged_in(self, who: str) -> requests.Session:
        """Somebody's browser after the Hub's login: it has a cookie."""
        session = requests.Session()
        login = session.get(self.url, allow_redirects=False, timeout=60)
        state = parse_qs(urlsplit(login.headers["Location"]).query)["state"][0]
        session.get(self.url + "oauth_callback", params={"code": who, "state": state}, timeout=60)
        return session

    def hand_in(self, who: str, exercise: str, content: bytes, name: str = "mine.ipynb") -> requests.Response:
        """Send the form."""
        return self.ask(who, f"hand-in/{exercise}", "POST", files={"notebook": (name, content)})


@contextmanager
def running(course: Path) -> Iterator[Page]:
    """The service of a course, on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as hub, socket.socket() as free:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = os.environ | {
            "JUPYTERHUB_SERVICE_NAME": "trial-work",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
            "JUPYTERHUB_CLIENT_ID": "service-trial-work",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:services!service=trial-work"]',
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.server_port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "of-the-service",
        }
        page = Page(f"http://127.0.0.1:{port}{PREFIX}", course.parent / "service.log")
        command = [sys.executable, "-m", "autograder.jupyter.work", str(course)]
        with page.log.open("wb") as log:
            service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        page.process = service.pid
        try:
            end = time.monotonic() + PATIENCE / 1000
            while True:
                assert service.poll() is None, page.log.read_text("utf-8")
                try:
                    page.ask("")
                    break
                except requests.ConnectionError:
                    assert time.monotonic() < end, page.log.read_text("utf-8")
                    time.sleep(0.1)
            yield page
        finally:
            service.terminate()
            service.wait()
            hub.shutdown()
