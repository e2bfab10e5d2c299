"""What people read: gathered from the source as the book's page *All messages* shows it."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from functools import cache
from pathlib import Path

from kit import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.messages import Message, messages_of

# Words of earlier versions, and turns that nobody says: the field's word, or plain English, instead.
NOT_OURS = re.compile(
    r"\bthe wall\b|\bwarm process|\busual are\b|not to be had|none of theirs|\bare said\b|\bis said by\b|\bback-up\b|"
    r"\bover there\b|\bas ever\b|\bLook if\b|\bput out\b|\bof an hour's\b",
    re.I,
)
# What reads as translated word for word.
TRANSLATED = re.compile(
    # "Is no file" is not what anybody says; "there is no file" is.
    r"(?<!\bthere )\bis no (?:CSV|address|course|file|folder|gradebook|layer|mistake|notebook|number|proof|text|zip)\b|"
    r"\bcame of it\b|\bbehind its name\b|\bto the letter\b|\bit cannot be told\b|\bAsked for (?:is|are)\b|"
    r"\btake (?:the line|it) out\b|\bnone of (?:the|its) (?:two|three|four)\b|\bhow many are that\b|\bWrite it so\b",
    re.I,
)
# In comments and docstrings.
DESCRIBED = re.compile(
    r"\btill\b|\bcomes to nothing\b|\bnone of theirs\b|\bnobody meant\b|\bnot to be had\b|"
    r"\bfor want of\b|\bhas not got\b|"
    r"\b(?:bug|check|command|error|failure|fault|something)s? of ours\b|\bto the letter\b|"
    r"(?<!\bthere )\bis no (?:CSV|address|archive|course|file|folder|frame|gradebook|notebook|number|proof|text|zip)\b",
    re.I,
)
# Checks whose sentences have not been gone through yet. It may only get shorter.
STILL_TRANSLATED: set[str] = set()


@cache
def messages() -> list[Message]:
    """All messages of the package. Not gathered while pytest collects, which each of its workers does."""
    return [message for file in sorted((ROOT / "autograder").rglob("*.py")) for message in messages_of(file)]


def test_there_is_something_to_read() -> None:
    assert len(messages()) > 500
    assert any("cannot be checked" in message.text for message in messages())


def test_messages_use_words_that_people_use() -> None:
    found = [f"{m.file.name}:{m.line}: {m.text}" for m in messages() if NOT_OURS.search(m.text)]
    assert not found, "\n".join(found)


def test_messages_do_not_read_as_translated() -> None:
    found = [
        f"{m.file.name}:{m.line}: {m.text}"
        for m in messages()
        if m.file.name not in STILL_TRANSLATED and TRANSLATED.search(m.text)
    ]
    assert not found, "\n".join(found)


def _described(file: Path) -> list[tuple[int, str]]:
    """The comments and docstrings of a source file: line and text, each on one line."""
    source = file.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            found.append((getattr(node, "lineno", 1), " ".join(text.split())))
    return found


def test_comments_and_docstrings_do_not_read_as_translated() -> None:
    rooms = ("autograder", "book/_ext", "browser", "deploy", "tools")
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for room in rooms
        for file in sorted((ROOT / room).rglob("*.py"))
        if "node_modules" not in file.parts and file.name not in STILL_TRANSLATED
        for line, text in _described(file)
        if DESCRIBED.search(text)
    ]
    assert not found, "\n".join(found)


def test_no_message_ends_twice() -> None:
    found = [f"{m.file.name}:{m.line}: {m.text}" for m in messages() if re.search(r"(?<!\.)\.\.(?![.\d])", m.text)]
    assert not found, "\n".join(found)


def test_docstrings_and_comments_are_no_messages(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""The first line of a module."""\n'
        "# A comment that is a sentence.\n"
        "def f(n):\n"
        '    """The first line of a function."""\n'
        '    raise ValueError(f"There are {n} of them, " "and that is too many.")\n'
        "LIMIT = 3\n"
        '"""What a text below a constant says of it."""\n'
        "def g(out):\n"
        '    out.add(help="This one is in a statement that is a call.")\n'
        "    if out:\n"
        '        print("This one is deeper.")\n'
        "def test_it():\n"
        '    """What a check is called is read by learners."""\n'
    )
    assert [(m.line, m.text) for m in messages_of(file)] == [
        (5, "There are {n} of them, and that is too many."),
        (9, "This one is in a statement that is a call."),
        (11, "This one is deeper."),
        (13, "What a check is called is read by learners."),
    ]
