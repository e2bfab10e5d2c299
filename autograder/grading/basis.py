"""What a result rests on: the code of this package, what computes, the exercise, the settings, and what was handed in.

A result is kept as long as none of these changes. Each part has a name, so that one can say what did.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import pickle
import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import autograder
from autograder.backend import backends
from autograder.exercise.wire import one_line
from autograder.grading.worker import Setup
from autograder.language import _, said, say

_PACKAGE = Path(autograder.__file__).resolve().parent
NOT_THERE = "none"  # the version of what is not installed

# What is said of a part that is another one now. Of versions it is said which.
_SUBMISSION, _PACKAGE_PART, _CHECKS, _BOOK, _LANGUAGE = "submission", "package", "checks", "book", "language"
_WORDS = {
    _SUBMISSION: _("the notebook"),
    _PACKAGE_PART: _("the package"),
    "template": _("the exercise"),
    _CHECKS: _("the checks"),
    "limits": _("the limits"),
    "sandbox": _("the sandbox"),
    "held_out": _("the held-out images"),
    "files": _("the files beside the notebook"),
    _BOOK: _("the book's address"),
    _LANGUAGE: _("the language"),
}
_OTHERS = _("the settings")


@dataclass(frozen=True)
class Basis:
    """The parts, by name; each is a digest, or a version as it is."""

    parts: Mapping[str, str]

    @classmethod
    def of(cls, setup: Setup) -> Basis:
        """What all results of an exercise rest on."""
        given = {f.name: _digest(getattr(setup, f.name)) for f in fields(setup) if f.name != "exercise"}
        return cls(of_this_machine() | given)

    def of_submission(self, digest: str) -> Basis:
        """What the result of one submission rests on."""
        return Basis(dict(self.parts) | {_SUBMISSION: digest})

    @property
    def but_checks(self) -> Basis:
        """What a run rests on, whatever is asked about it later, in whatever language, and whatever pages link to."""
        return Basis({name: part for name, part in self.parts.items() if name not in (_CHECKS, _BOOK, _LANGUAGE)})

    @property
    def key(self) -> str:
        """The same for the same parts, and for no others. It begins with the submission's digest."""
        text = json.dumps(dict(self.parts), sort_keys=True)
        return f"{self.parts.get(_SUBMISSION, '')}-{hashlib.sha256(text.encode()).hexdigest()}"

    def changed_since(self, before: Any) -> str:
        """What is not as it was, as the subject of a sentence; '' if that cannot be said.

        Args:
            before: the `parts` of an earlier result, as they come from a file: anything at all.
        """
        if not isinstance(before, dict) or not before:
            return ""
        words = []
        for name in {**self.parts, **before}:
            here, there = self.parts.get(name), before.get(name)
            if here == there:
                continue
            if name in _versions_known():
                words.append(
                    say("{name} ({there}, now {here})", name=name, there=one_line(there, 20) or NOT_THERE, here=here)
                )
            else:
                words.append(said(_WORDS.get(name, _OTHERS)))
        words = list(dict.fromkeys(words))
        if len(words) < 2:
            return "".join(words)
        return say("{names} and {last}", names=", ".join(words[:-1]), last=words[-1])


@cache
def package_digest() -> str:
    """Digest of the package's code without the checks, which count with their exercise.

    (A package that changes while this process runs is not loaded anew either.)
    """
    digest = hashlib.sha256()
    for path in sorted([*_PACKAGE.rglob("*.py"), *_PACKAGE.glob("exercise/*.json")]):
        name = path.relative_to(_PACKAGE).as_posix()
        if not name.startswith("checks/"):
            digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Of what computes: Python's minor version, NumPy, Keras and its backend."""
    backend = backends.chosen()
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name, distributions in {
        "NumPy": ("numpy",),
        "Keras": ("keras",),
        backend.name: backend.distributions,
    }.items():
        found[name] = next((v for one in distributions if (v := _version(one))), NOT_THERE)
    return found


def of_this_machine() -> dict[str, str]:
    """What every result of this machine rests on, whatever the exercise: the package and what computes."""
    return {_PACKAGE_PART: package_digest()} | versions()


def _versions_known() -> set[str]:
    return {*versions(), *backends.BACKENDS}


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _digest(value: Any) -> str:
    if isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass")
    elif hasattr(value, "to_json"):
        content = json.dumps(value.to_json(), sort_keys=True).encode()
    elif hasattr(value, "images"):  # data.HeldOut
        content = value.images.tobytes() + value.labels.tobytes()
    else:
        content = pickle.dumps(value, protocol=4)
    return hashlib.sha256(content).hexdigest()
