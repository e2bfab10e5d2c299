"""Print what CHANGELOG.md says about this version, for the release's page. `make dist` calls it.

    python tools/release_notes.py [TAG]    TAG is what the release is tagged with, v and the version

Ends with 2 and one line if the tag, the package, CITATION.cff and the changelog do not say the same.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class NotReady(Exception):
    """A release cannot be made of this; the message says why."""


def main(arguments: list[str]) -> int:
    try:
        print(notes(arguments[0] if arguments else None))
    except NotReady as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def version() -> str:
    """The package's version, from its one source."""
    text = (ROOT / "autograder" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.M)
    if not found:
        raise NotReady("autograder/__init__.py has no __version__.")
    return found[1]


def notes(tag: str | None) -> str:
    """The changelog's section about this version.

    Raises:
        NotReady: the places that name the version do not agree, or the changelog says nothing about it.
    """
    name = version()
    if tag is not None and tag != f"v{name}":
        raise NotReady(f"The tag is {tag}, but the package is {name}: tag it v{name}, or change __version__.")
    sections = released(ROOT / "CHANGELOG.md")
    if name not in sections:
        raise NotReady(f"CHANGELOG.md has no section '## {name} (date)'.")
    date, text = sections[name]
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    for line in (f"version: {name}", f"date-released: {date}"):
        if f"\n{line}\n" not in citation:
            raise NotReady(f"CITATION.cff does not say '{line}', as CHANGELOG.md does.")
    return text


def released(changelog: Path) -> dict[str, tuple[str, str]]:
    """Date and text of each released version, newest first."""
    parts = re.split(r"^## (\S+)(?: \((\d{4}-\d\d-\d\d)\))?$", changelog.read_text("utf-8"), flags=re.M)
    return {name: (date, text.strip()) for name, date, text in zip(parts[1::3], parts[2::3], parts[3::3]) if date}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
