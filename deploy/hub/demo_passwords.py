"""Passwords for a demonstration: made anew for each class, and good for this machine alone."""

from __future__ import annotations

import hmac
import ipaddress
import json
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.auth import Authenticator  # type: ignore[import-untyped]
from traitlets import Unicode


class NotLocal(ValueError):
    """Demonstration passwords were asked for on an address that others can reach."""


def refuse_unless_local(address: str) -> None:
    """Raise `NotLocal` unless the Hub's `bind_url` is a loopback address, given as a number."""
    host = urlsplit(address).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, even localhost: what it stands for is not ours to say; or nothing, which is everywhere
        local = False
    if not local:
        raise NotLocal(
            f"Demonstration passwords are for 127.0.0.1 alone, and this Hub would listen on '{address}'."
            " For a Hub that others reach see book/operators/ and choose a real authenticator."
        )


class DemoPasswords(Authenticator):  # type: ignore[misc]
    """One password for each user, from a file that only the Hub's account can read."""

    passwords_file = Unicode(help="JSON, {user: password}, mode 0600.").tag(config=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        refuse_unless_local(getattr(self.parent, "bind_url", "") or "")
        path = Path(self.passwords_file)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(f"{path} can be read by others; chmod 600 it.")
        self._passwords: dict[str, str] = json.loads(path.read_text("utf-8"))

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Name of the user, or None."""
        expected = self._passwords.get(data["username"])
        given = data.get("password") or ""
        if expected is not None and hmac.compare_digest(expected.encode(), given.encode()):
            return data["username"]
        return None
