"""The file of a course's settings, ``autograder.json``, read and not yet understood: see `settings`.

It imports next to nothing, since a command asks for the course's language before it knows whether it can run here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from autograder.errors import BadSetting
from autograder.language import languages, say

FILE = "autograder.json"
MAX_BYTES = 1_000_000  # of the file


def content(path: Path) -> Any:
    """What the file holds; an empty object if there is none.

    Raises:
        BadSetting: it cannot be read, or is no JSON.
    """
    if not os.path.lexists(path):
        return {}
    if not path.is_file():
        raise BadSetting(say("{path} is not a file, or is a link to one that does not exist.", path=path))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadSetting(say("{path} cannot be read: {why}.", path=path, why=error.strerror)) from error
    if len(raw) > MAX_BYTES:
        raise BadSetting(
            say(
                "{path} is larger than {max_bytes:,} bytes, which is too large for settings.",
                path=path,
                max_bytes=MAX_BYTES,
            )
        )
    try:
        text = raw.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadSetting(
            say("{path} is not UTF-8 text (byte {start}). Save it as UTF-8.", path=path, start=error.start + 1)
        ) from error
    except _RepeatedError as error:
        raise BadSetting(
            say("{path}: the key {error!r} appears twice. Keep one of them.", path=path, error=str(error)[:60])
        ) from error
    except json.JSONDecodeError as error:
        raise BadSetting(
            say("{path} is not valid JSON: {msg}, in line {lineno}.", path=path, msg=error.msg, lineno=error.lineno)
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets without end
        raise BadSetting(
            say("{path} is not valid JSON: {error}.", path=path, error=str(error).splitlines()[0])
        ) from error


def language_of(root: Path) -> str:
    """The language that a course's settings name, or '': for what is said before the settings are read and checked."""
    try:
        given = content(root / FILE)
    except BadSetting:  # whoever reads the settings says what is wrong with them
        return ""
    found = given.get("language") if isinstance(given, dict) else None
    return found if found in languages() else ""


class _RepeatedError(Exception):
    """A key that stands in an object twice."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedError(key)
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(say("{name} is not a number in JSON", name=name))
