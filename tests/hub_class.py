"""A small class on a real Hub, for the tests that need one."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from conftest import ROOT

sys.path[:0] = [str(ROOT / "hub"), str(ROOT / "tools")]

from classroom import Class, set_up, take_down  # noqa: E402
from installation import install, proxy  # noqa: E402
from local import PREFIX, free_ports, running  # noqa: E402

EXERCISE = "03-dense-networks"
HUB = os.environ.get("AUTOGRADER_TEST_HUB", "6")  # "5" tries JupyterHub 5.5


@dataclass(frozen=True)
class TrialHub:
    """A Hub that runs, and the class on it."""

    group: Class
    url: str
    passwords: dict[str, str]

    @property
    def log(self) -> str:
        return (self.group.state / "hub" / "log").read_text("utf-8", errors="replace")

    def session(self, user: str) -> Visitor:
        """Log in as a browser would."""
        return Visitor(self, user)


class Visitor:
    """Somebody who logged in, with their cookies."""

    def __init__(self, hub: TrialHub, user: str) -> None:
        self.hub, self.user = hub, user
        self.session = requests.Session()
        self.session.get(f"{hub.url}/hub/login", timeout=60)
        form = {"username": user, "password": hub.passwords[user], "_xsrf": self._token("/hub/")}
        self.session.post(f"{hub.url}/hub/login", data=form, timeout=120, allow_redirects=False)

    def get(self, path: str) -> requests.Response:
        """Follow redirects, through OAuth too."""
        return self.session.get(self.hub.url + path, timeout=120)

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask an API as the page's own scripts would, with the token of the cookie."""
        headers = {"X-XSRFToken": self._token(path), "Referer": self.hub.url + path}
        return self.session.request(method, self.hub.url + path, json=body, headers=headers, timeout=120)

    def _token(self, path: str) -> str:
        fitting = [c for c in self.session.cookies if c.name == "_xsrf" and path.startswith(c.path)]
        return str(max(fitting, key=lambda c: len(c.path)).value) if fitting else ""


@contextlib.contextmanager
def trial_hub(hub: str = HUB, learners: tuple[str, ...] = ("hub-ada", "hub-bo")) -> Iterator[TrialHub]:
    """A Hub for these learners and `hub-tutor`, with one exercise. Nothing is left of it afterwards."""
    mode = stat.S_IMODE(ROOT.stat().st_mode)
    group = Class(PREFIX / "trial", install(PREFIX, hub), "trial", learners, ("hub-tutor",), (EXERCISE,))
    take_down(group)  # what a killed run may have left
    try:
        described = set_up(group, free_ports(), proxy())
        with running(group, described) as url:
            passwords = json.loads((group.state / "passwords.json").read_text("utf-8"))
            yield TrialHub(group, url, passwords)
    finally:
        if pictures := os.environ.get("AUTOGRADER_PICTURES"):
            with contextlib.suppress(OSError):
                Path(pictures, "hub.log").write_text((group.state / "hub" / "log").read_text("utf-8"))
        take_down(group)
        ROOT.chmod(mode)
