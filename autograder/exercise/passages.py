"""Where the book clears up the misunderstanding that a hint names.

``passages.json`` knows a lesson's section for every hint that has an id, and nothing else. It is made from
``book/instructors/misconceptions.toml`` by `python tools/passages.py`. Exercises of a course's own are not in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autograder.exercise.outcome import hint_id
from autograder.language import say

VARIABLE = "AUTOGRADER_BOOK"  # the book's address, for notebooks


@dataclass(frozen=True)
class Passage:
    """A section of a lesson."""

    file: str  # of the lesson, without its ending: "04-softmax"
    lesson: str  # its title
    section: str  # its heading, with `code` in backquotes
    anchor: str  # of the heading on the lesson's page

    def words(self) -> str:
        """What to look for in the book, whatever form one has it in: "Softmax, 'From scores to probabilities'"."""
        return self.lesson if self.section == self.lesson else f"{self.lesson}, '{self.section}'"

    def address(self, book: str) -> str:
        """Where it is, in the book that lies at this address (see `book_at`)."""
        return f"{book}lessons/{self.file}.html#{self.anchor}"


@dataclass(frozen=True)
class Reading:
    """What to read again, for the hints of one exercise.

    Args:
        exercise: its name.
        book: where the book lies, as `book_at` gives it; '' if nobody knows.
    """

    exercise: str
    book: str = ""

    def passage(self, task: str, hint: str) -> Passage | None:
        """The section that a hint of this task leads to; None if there is none."""
        known, name = _known(), hint_id(hint)
        of_task = known["tasks"].get(f"{self.exercise}/{task}")
        if of_task is None or not name or name in known["none"]:
            return None
        where = of_task["others"].get(name) or known["shared"].get(name) or of_task["section"]
        file, _, section = where.partition("#")
        return Passage(file, known["lessons"][file], section, known["anchors"][where])

    def line(self, task: str, hint: str) -> str:
        """A line of text: what to read, and where that is, if it is known; '' if there is nothing."""
        passage = self.passage(task, hint)
        if passage is None:
            return ""
        return f"{say('Read:')} {passage.words()}" + (f" ({passage.address(self.book)})" if self.book else "")


def book_at(address: str) -> str:
    """The address of a built book, such that a page's path can follow it; '' for ''.

    Args:
        address: of the book, or of its first page.

    Raises:
        ValueError: it is no http or https address.
    """
    address = address.strip()
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c in address for c in "\"'<>\\ \t\r\n"):
        raise ValueError(say("{address!r} is not an http:// or https:// address", address=address[:100]))
    path = parts.path.removesuffix("index.html")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/') else path + '/'}"


def book_here() -> str:
    """The book's address as this computer, this Hub or this page gives it to notebooks; '' if it gives none."""
    try:
        return book_at(os.environ.get(VARIABLE, ""))
    except ValueError:  # a slip of whoever set it; the section's name helps, too
        return ""


@cache
def _known() -> Any:
    return json.loads(Path(__file__).with_name("passages.json").read_text("utf-8"))
