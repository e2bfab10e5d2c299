"""What people read: gathered from the source as the book's page *All messages* shows it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from kit import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.messages import messages_of

MESSAGES = [message for file in sorted((ROOT / "autograder").rglob("*.py")) for message in messages_of(file)]
# Words of earlier versions, and turns that nobody says: the field's word, or plain English, instead.
NOT_OURS = re.compile(
    r"\bthe wall\b|\bwarm process|\busual are\b|not to be had|none of theirs|\bare said\b|\bis said by\b|\bback-up\b|"
    r"\ball the same\b|\bover there\b|\bas ever\b|\bLook if\b|\bput out\b|\bof an hour's\b",
    re.I,
)


def test_there_is_something_to_read() -> None:
    assert len(MESSAGES) > 500
    assert any("cannot be checked" in message.text for message in MESSAGES)


def test_messages_use_words_that_people_use() -> None:
    found = [f"{m.file.name}:{m.line}: {m.text}" for m in MESSAGES if NOT_OURS.search(m.text)]
    assert not found, "\n".join(found)


def test_no_message_ends_twice() -> None:
    found = [f"{m.file.name}:{m.line}: {m.text}" for m in MESSAGES if re.search(r"(?<!\.)\.\.(?![.\d])", m.text)]
    assert not found, "\n".join(found)


def test_docstrings_and_comments_are_no_messages(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""The first line of a module."""\n'
        "# A comment that is a sentence.\n"
        "def f(n):\n"
        '    """The first line of a function."""\n'
        '    raise ValueError(f"There are {n} of them, " "and that is too many.")\n'
    )
    assert [(m.line, m.text) for m in messages_of(file)] == [(5, "There are {n} of them, and that is too many.")]
