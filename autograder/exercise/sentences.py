"""Text that others wrote, error messages above all, made fit for use in our own sentences.

Every function takes time in proportion to what it keeps, whatever the text is.
"""

from __future__ import annotations

import re
import string
from typing import Any

from autograder.language import Sentence

MAX_MESSAGE = 1_000  # characters of one message or hint
MAX_CLAUSE = 300  # of an error's text in a message
_MAX_VALUES = 8  # of one sentence that came across
_FORM = re.compile(r"\+?,?(?:\.[0-9])?[dfg%]?")  # how a number is written; no width, which could be a billion
_COLOURS = re.compile(r"\x1b\[[0-9;?]{0,30}[A-Za-z]|\x1b")
_NOISE = re.compile(  # of TensorFlow's: names of its own inside, which say nothing to a learner
    r"\{\{[^{}]{0,200}\}\} ?|/job:localhost/replica:\d/task:\d/device:| \[Op:\w{1,60}\](?: name:)?"
)
_WHERE = re.compile(r" ?\(/[^()\s]{0,500}\)")  # where a module lies, behind an ImportError
# A file of Python's or of a library's: whose machine it is on is nobody's business.
_PATH = re.compile(r"(?<![\w/])/(?:[^\s/'\"]{1,100}/){1,20}?(?:site-packages|dist-packages|python3\.\d{1,2})/")
_TWICE = re.compile(r"(?<![.?!])([.?!])\.(?![.\d])")  # not of 0..1


def printable(text: str, instead: str = " ") -> str:
    """`text` on one line: white space becomes a blank, and `instead` stands for other characters that move a cursor,
    turn text round or are no text at all."""
    return "".join(c if c.isprintable() else " " if c.isspace() else instead for c in text)


def tidy(text: str, limit: int = MAX_MESSAGE) -> str:
    """One line without colours, machine paths and doubled full stops, cut between words."""
    text = _COLOURS.sub("", text[: 4 * limit])
    text = _PATH.sub("", _WHERE.sub("", _NOISE.sub("", text)))
    text = " ".join(printable(text).split())
    text = _TWICE.sub(r"\1", text)
    if len(text) <= limit:
        return text
    return text[: limit - 4].rpartition(" ")[0].rstrip(",;:. ") + " ..." if " " in text[:limit] else text[:limit]


def clause(text: object, limit: int = MAX_CLAUSE) -> str:
    """The same without a full stop, since we add our own; '' for anything that is not text."""
    if not isinstance(text, str):
        return ""
    said = tidy(text, limit)
    return said if said.endswith("...") else said.rstrip(".:;, ")


def across(text: str) -> Any:
    """A text of ours as plain data for the other side of the sandbox, so that it can still be said in any language."""
    if isinstance(text, Sentence) and text.template and not text.many:
        return [text.template, {name: _plain(value) for name, value in text.values.items()}]
    return str(text)


def arrived(data: Any, limit: int = MAX_CLAUSE) -> str:
    """A clause out of what `across` made of it. It comes from a side that may say anything, in any form.

    Nothing but text and numbers fills in its names, and no number gets longer than it is.
    """
    if not (isinstance(data, list) and len(data) == 2 and isinstance(data[0], str) and isinstance(data[1], dict)):
        return clause(data, limit)
    values = {
        str(name): clause(value, limit) if isinstance(value, str) else value
        for name, value in list(data[1].items())[:_MAX_VALUES]
        if isinstance(value, str) or (type(value) in (int, float) and abs(value) < 1e15)
    }
    template = clause(data[0], limit)
    try:
        asked = [(name, form or "") for _, name, form, _ in string.Formatter().parse(template) if name is not None]
        if not all(name in values and _FORM.fullmatch(form) for name, form in asked):
            return ""
        sentence = Sentence(template, values)
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return sentence if len(sentence) <= 2 * limit else clause(str(sentence), limit)


def _plain(value: Any) -> Any:
    return value if type(value) in (int, float) else str(value)
