"""Somebody at a browser of their own, without the browser: for tests and for measuring load."""

from __future__ import annotations

import time
from typing import Any

import requests


class Visitor:
    """Somebody who logged in, with their cookies."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.user = url, user
        self.session = requests.Session()
        self.session.get(f"{url}/hub/login", timeout=60)
        form = {"username": user, "password": password, "_xsrf": self._token("/hub/")}
        self.session.post(f"{url}/hub/login", data=form, timeout=120, allow_redirects=False)

    def start_server(self, seconds: float = 180) -> None:
        """Start this user's server and wait until it answers.

        Raises:
            TimeoutError: it did not.
        """
        self.get("/hub/spawn")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # A page, not an API: it leads through OAuth to this server's own cookie. A slow server has no page yet.
            self.get(f"/user/{self.user}/lab")
            answer = self.get(f"/user/{self.user}/api/status")
            if answer.ok and "started" in answer.text:
                return
            time.sleep(0.5)
        raise TimeoutError(f"{self.user}'s server did not start in {seconds:g} s")

    def stop_server(self, seconds: float = 180) -> None:
        """Stop it and wait until it is gone.

        Raises:
            TimeoutError: it is still there.
        """
        self.call("DELETE", f"/hub/api/users/{self.user}/server")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.call("GET", f"/hub/api/users/{self.user}")
            if answer.ok and not answer.json()["servers"]:
                return
            time.sleep(0.5)
        raise TimeoutError(f"{self.user}'s server did not stop in {seconds:g} s")

    def get(self, path: str) -> requests.Response:
        """Follow redirects, through OAuth too."""
        return self.session.get(self.url + path, timeout=120)

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask an API as the page's own scripts would, with the token of the cookie."""
        headers = {"X-XSRFToken": self._token(path), "Referer": self.url + path}
        return self.session.request(method, self.url + path, json=body, headers=headers, timeout=120)

    def _token(self, path: str) -> str:
        fitting = [c for c in self.session.cookies if c.name == "_xsrf" and path.startswith(c.path)]
        return str(max(fitting, key=lambda c: len(c.path)).value) if fitting else ""
