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

from kit import ROOT

sys.path[:0] = [str(ROOT / "deploy" / "hub"), str(ROOT / "tools")]

from classroom import Class, as_user, set_up, take_down  # noqa: E402
from installation import install, proxy  # noqa: E402
from local import PREFIX, free_ports, running  # noqa: E402
from visitor import Visitor  # noqa: E402

__all__ = ["EXERCISE", "TrialHub", "Visitor", "as_user", "trial_hub"]

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
        return Visitor(self.url, user, self.passwords[user])


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
