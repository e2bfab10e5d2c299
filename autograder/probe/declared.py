"""Wrong answers that are not wrong: what an author has declared, beside the checks.

    {"equivalent": [
        {"task": "deeper", "operator": "off-by-one", "line": "layers.Dense(33, activation=\\"relu\\"),",
         "reason": "the text leaves the number of units to the learner"}
    ]}

``line`` is the changed line as the report shows it; without it, all of that operator in that task are meant.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import BadSetting
from autograder.language import did_you_mean, say
from autograder.probe.mutants import Mutant, operators

_KEYS = ("task", "operator", "line", "reason")


@dataclass(frozen=True)
class Declared:
    """One entry of the file."""

    task: str
    operator: str
    line: str  # '' for all
    reason: str

    def means(self, task: str, mutant: Mutant) -> bool:
        """Whether it is about this mutant of this task."""
        return (task, mutant.operator) == (self.task, self.operator) and self.line in ("", mutant.line)

    def __str__(self) -> str:
        return f"{self.task}, {self.operator}" + (f", `{self.line}`" if self.line else "")


def file_of(checks: Path) -> Path:
    """Where the file of a check module lies: ``test_06_averaging.equivalent.json``."""
    return checks.with_name(f"{checks.stem}.equivalent.json")


def read(path: Path, tasks: Iterable[str]) -> tuple[Declared, ...]:
    """What is declared; nothing if there is no such file.

    Raises:
        BadSetting: it cannot be used. The message is one line, and names the file and the key.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadSetting(say("{path} cannot be read: {why}.", path=path, why=error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise BadSetting(say("{path} is not JSON: {error}.", path=path, error=error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("equivalent"), list):
        raise BadSetting(say('{path}: there should be one object with a list called "equivalent".', path=path))
    for key in content:
        if key != "equivalent":
            raise BadSetting(
                say('{path}: "{key}" is not known here; the only key is "equivalent".', path=path, key=key)
            )
    tasks = list(tasks)
    return tuple(_entry(one, f"{path}: equivalent[{i}]", tasks) for i, one in enumerate(content["equivalent"]))


def _entry(entry: Any, where: str, tasks: list[str]) -> Declared:
    if not isinstance(entry, dict):
        raise BadSetting(say("{where} should be an object with {keys}.", where=where, keys=", ".join(_KEYS)))
    for key in entry:
        if key not in _KEYS:
            raise BadSetting(
                say('{where}: "{key}" is not known here. {advice}', where=where, key=key, advice=_advice(key, _KEYS))
            )
    for key in _KEYS:
        value = entry.get(key, "" if key == "line" else None)
        if not isinstance(value, str) or (key != "line" and not value.strip()):
            raise BadSetting(say('{where}: "{key}" should be text.', where=where, key=key))
    for key, known in (("task", tasks), ("operator", list(operators()))):
        if entry[key] not in known:
            raise BadSetting(
                say(
                    '{where}: there is no {key} "{entry}". {advice}',
                    where=where,
                    key=key,
                    entry=entry[key],
                    advice=_advice(entry[key], known),
                )
            )
    return Declared(entry["task"], entry["operator"], " ".join(entry.get("line", "").split()), entry["reason"])


def _advice(word: str, known: Collection[str]) -> str:
    return did_you_mean(word, known, say("Possible here: {known}.", known=", ".join(known)))
