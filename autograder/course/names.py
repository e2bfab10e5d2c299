"""A student's name in the gradebook, made from the name of the folder that holds what they handed in.

Most are the same. But a folder may be called anything that a file system takes, and nbgrader writes names into its
pages and their scripts as they are (tried in tests/test_formgrader.py), while a gradebook holds text. So some
characters are written in another way. No two folders get the same name: a grade must never go to a namesake.
"""

from __future__ import annotations

import hashlib
import os

MAX_BYTES = 255  # of a name, in the file systems there are; `autograded/` and `feedback/` have folders of that name
_MARKUP = '<"\\'  # begin something in a page or a script
_WIDE = {c: chr(ord(c) + 0xFEE0) for c in _MARKUP}  # look the same and mean nothing
_ESCAPE = "\N{FULLWIDTH CIRCUMFLEX ACCENT}"  # what follows it is not what it seems
_ESCAPED = {wide: _ESCAPE + wide for wide in (*_WIDE.values(), _ESCAPE)}
_KEPT = 120  # bytes of a name that is too long


def entered_as(folder: str) -> str:
    """The name under which a student's work is entered, from the folder's name as `os.listdir` gives it."""
    name = "".join(_WIDE.get(c) or _ESCAPED.get(c) or _printable(c) for c in folder)
    if len(name.encode()) <= MAX_BYTES:
        return name
    begin = name.encode()[:_KEPT].decode("utf-8", "ignore").rstrip(_ESCAPE)
    return f"{begin}{_ESCAPE}#{hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]}"


def _printable(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # Python's way to keep a byte that is no UTF-8
        return f"{_ESCAPE}x{code - 0xDC00:02X}"
    if code < 0x20 or 0x7F <= code < 0xA0 or character in "\u2028\u2029":
        return f"{_ESCAPE}u{code:04X}"
    return character
