"""What a person sees: streams that take any text, whatever the terminal can show and however wide it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TextIO

from autograder.exercise.sentences import printable

PLAIN_WIDTH = 120  # of lines that go into a file or a pipe
_STARTED = "_AUTOGRADER_IN_UTF8"
_MARKS = {"✔": "+", "✘": "x", "○": "-", "…": "...", "’": "'"}  # where they cannot be shown


def start_in_utf8() -> None:
    """Start this command anew in Python's UTF-8 mode, where Python would read names of files as something else.

    With ``LC_ALL=C`` and that mode off, or in a Latin-1 locale, a student's folder `Müller` has another name than
    yesterday. Files are named in UTF-8 everywhere that matters; only what is shown is in the terminal's encoding.
    """
    encoding = sys.getfilesystemencoding().lower()
    if os.name != "posix" or encoding in ("utf-8", "utf8") or os.environ.get(_STARTED):
        if os.environ.pop(_STARTED, None):
            os.environ.pop("PYTHONIOENCODING", None)  # it was for this process only
        return
    shown = sys.stdout.encoding if sys.stdout is not None else "ascii"
    more = {_STARTED: "1", "PYTHONUTF8": "1", "PYTHONIOENCODING": f"{shown}:backslashreplace"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | more)


def prepare() -> None:
    """Let standard output and error take any text: what they have no character for is spelled out."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Write out what is still in standard output's buffer. Raises `OSError` if there is no room for it."""
    sys.stdout.flush()


def forget_output() -> None:
    """Let nothing more be written to standard output, which is full or closed: Python would try again at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_bytes(content: bytes) -> None:
    """Write bytes to standard output as they are, whatever encoding it has."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # a test's, or a notebook's
        sys.stdout.write(content.decode("utf-8", "replace"))
        return
    sys.stdout.flush()
    buffer.write(content)
    buffer.flush()


def complain(message: str) -> None:
    """One line on standard error."""
    line = " ".join(printable(message, "?").split())
    with contextlib.suppress(OSError, ValueError):
        print(f"autograder: {line}", file=sys.stderr, flush=True)


def shown(text: str, stream: TextIO | None = None) -> str:
    """Text as that stream can show it on one line: without control characters, which could move the cursor.

    What it has no character for is spelled out, so that no two students look the same.
    """
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    text = "".join(c if c.isprintable() or 0xDC80 <= ord(c) <= 0xDCFF else "?" for c in text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(_MARKS.get(c, c) for c in text).encode(encoding, "backslashreplace").decode(encoding)
    return text


def is_live(stream: TextIO) -> bool:
    """Whether a line on that stream can be written over."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def width(stream: TextIO) -> int:
    """Columns of that stream: what COLUMNS says, else what the terminal is wide, else enough for a file."""
    if not stream.isatty() and not os.environ.get("COLUMNS"):
        return PLAIN_WIDTH
    return max(shutil.get_terminal_size((80, 24)).columns, 20)
