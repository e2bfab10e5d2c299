"""Text that others wrote, error messages above all, made fit for use in our own sentences.

Every function takes time in proportion to what it keeps, whatever the text is.
"""

from __future__ import annotations

import re

MAX_MESSAGE = 1_000  # characters of one message or hint
MAX_CLAUSE = 300  # of an error's text in a message
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
