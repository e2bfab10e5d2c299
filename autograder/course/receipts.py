"""Receipts: that this very file came from this student at this time, sealed with a key that only the course has.

The seal is an HMAC with SHA-256, from Python's own library: without the key nobody can make a receipt or change one. It
settles disputes between a learner and a course, and the course verifies it. It proves nothing against the course
itself, which could forge one; for that somebody else would have to sign."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from autograder.course.files import write_atomically, write_once
from autograder.course.submissions import contents
from autograder.errors import BadReceipt, CourseError
from autograder.language import say

KEY_FILE, KEY_BYTES = "receipt.key", 32
MAX_BYTES = 10_000  # of a receipt
_FORM = "autograder receipt 1"


@dataclass(frozen=True)
class Receipt:
    """What was received. Times are nbgrader's, in UTC."""

    course: str
    exercise: str
    student: str
    digest: str  # SHA-256 of the notebook
    handed_in: str  # the time that counts; '' if nothing says it
    received: str  # when it came here, by this computer's clock
    seal: str = ""

    @property
    def number(self) -> str:
        """Short enough to be read out: the beginning of the seal."""
        return "-".join((self.seal[:4], self.seal[4:8]))

    def to_text(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def said(self) -> bytes:
        """What is sealed; no two receipts say the same in the same bytes."""
        content = [_FORM, *(getattr(self, f.name) for f in fields(self) if f.name != "seal")]
        return json.dumps(content, ensure_ascii=True).encode()


class Receipts:
    """Makes and verifies a course's receipts."""

    def __init__(self, state: Path, course: str) -> None:
        """Find the course's key.

        Args:
            state: the folder ``.autograder`` of the course.
        """
        self._state, self._course = state, course

    def _key(self, make: bool) -> bytes:
        path = self._state / KEY_FILE
        if make:
            write_once(path, lambda: secrets.token_bytes(KEY_BYTES))  # another one would end all earlier receipts
        try:
            key = contents(path, KEY_BYTES + 1)
        except FileNotFoundError as error:
            raise CourseError(
                say(
                    "This course has given no receipts: there is no {path}. Is --course the course that gave this one?",
                    path=path,
                )
            ) from error
        except OSError as error:
            raise CourseError(say("{path} cannot be read: {why}.", path=path, why=error.strerror)) from error
        if len(key) != KEY_BYTES:
            raise CourseError(
                say(
                    "{path} is damaged, so receipts can be neither made nor verified. Restore it from a backup.",
                    path=path,
                )
            )
        return key

    def _seal(self, receipt: Receipt, make: bool) -> str:
        code = hmac.new(self._key(make), receipt.said(), hashlib.sha256).digest()
        return base64.b32encode(code).decode().rstrip("=")

    def give(self, exercise: str, student: str, digest: str, handed_in: str, received: str) -> Receipt:
        """The receipt for a hand-in; the one that was given, if this very file was received before, at that time.

        Raises:
            CourseError: the key or the receipt cannot be written.
        """
        folder, number = self._state / exercise / "receipts" / _folder(student), 1
        while (path := folder / f"{digest}{f' ({number})' if number > 1 else ''}.json").exists():
            if (earlier := self._genuine(path, exercise, student)) is None:
                break  # damaged: it is made anew
            if earlier.handed_in == handed_in:
                return earlier
            number += 1  # the same file, handed in again after another one
        unsealed = Receipt(_text(self._course), exercise, _text(student), digest, handed_in, received)
        try:
            receipt = Receipt(**asdict(unsealed) | {"seal": self._seal(unsealed, make=True)})
            write_atomically(path, receipt.to_text(), durable=True)
        except OSError as error:
            raise CourseError(say("{path} cannot be written: {why}.", path=path, why=error.strerror)) from error
        return receipt

    def given(self, exercise: str, student: str) -> list[Receipt]:
        """All receipts that a student has for an exercise, the earliest first; what is damaged is no receipt."""
        paths = (self._state / exercise / "receipts" / _folder(student)).glob("*.json")
        found = [receipt for path in paths if (receipt := self._genuine(path, exercise, student)) is not None]
        return sorted(found, key=lambda receipt: (receipt.received, receipt.handed_in))

    def _genuine(self, path: Path, exercise: str, student: str) -> Receipt | None:
        with contextlib.suppress(OSError, BadReceipt):
            receipt = read(path)
            if receipt.student == _text(student) and receipt.exercise == exercise and self.is_genuine(receipt):
                return receipt
        return None

    def is_genuine(self, receipt: Receipt) -> bool:
        """Whether this course made it and nobody changed it. Raises `CourseError` without the course's key."""
        return hmac.compare_digest(self._seal(receipt, make=False).encode(), receipt.seal.encode())


def read(path: Path) -> Receipt:
    """A receipt from its file.

    Raises:
        BadReceipt: it is none.
        OSError: it cannot be read.
    """
    raw = contents(path, MAX_BYTES + 1)
    names = [f.name for f in fields(Receipt)]
    try:
        found: Any = json.loads(raw.decode("utf-8")) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or set(found) != set(names) or not all(isinstance(found[n], str) for n in names):
        raise BadReceipt(say("{path} is not a receipt, or it is damaged.", path=path))
    return Receipt(**found)


def _folder(student: str) -> str:
    """A student's name began as a folder's, but as entered in the gradebook it may be too long for one."""
    raw = os.fsencode(student)
    return student if len(raw) < 200 else "." + hashlib.sha256(raw).hexdigest()


def _text(name: str) -> str:
    """A name that JSON in UTF-8 can hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
