"""Pyodide's distribution: a folder that holds it unpacked, or the address where it lies."""

from __future__ import annotations

import hashlib
import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from wheels import CannotBuild, closure

VERSION = "0.27.7"
CORE = ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"


class Distribution:
    """What the page takes of Pyodide, in a folder here, each package as its lock file says.

    Raises:
        CannotBuild: it is no distribution of this version, or a file is missing or damaged.
    """

    def __init__(self, place: str, work: Path) -> None:
        self.address = place.rstrip("/") + "/" if place.startswith(("https://", "http://")) else ""
        self.folder = work / "pyodide"
        self.folder.mkdir()
        self._place = Path(place).expanduser()
        lock = self._take(LOCK)
        try:
            self.lock: dict[str, Any] = json.loads(lock.read_text("utf-8"))
            found = self.lock["info"]["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise CannotBuild(f"{place} holds no lock file of Pyodide: {LOCK} is something else.") from error
        if found != VERSION:
            raise CannotBuild(f"{place} is Pyodide {found}; this page is made for {VERSION}.")
        self.core = [self._take(name) for name in CORE]
        packages = self.lock["packages"]
        self.packages = {
            name: self._take(packages[name]["file_name"], packages[name]["sha256"]) for name in closure(packages)
        }

    def _take(self, name: str, digest: str = "") -> Path:
        target = self.folder / Path(name).name
        if self.address:
            try:
                with urllib.request.urlopen(self.address + name, timeout=120) as answer:
                    target.write_bytes(answer.read())
            except (OSError, urllib.error.URLError) as error:
                raise CannotBuild(f"{self.address}{name} cannot be fetched: {error}.") from error
        elif (self._place / name).is_file():
            shutil.copy(self._place / name, target)
        elif name == LOCK:
            raise CannotBuild(f"{self._place} holds no {LOCK}. Unpack Pyodide's distribution there, and name it.")
        else:
            raise CannotBuild(f"{name} is missing in {self._place}.")
        if digest and hashlib.sha256(target.read_bytes()).hexdigest() != digest:
            raise CannotBuild(
                f"{self.address or self._place}: {name} is damaged: its SHA-256 is not the one in {LOCK}."
            )
        return target
