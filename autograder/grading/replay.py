"""Grading again from what was observed: when only the checks changed, no student's code needs to run again.

While a submission is graded, every answer that a check gets is kept: values, what functions returned, models as
reports, predictions. New checks then ask the record. This is sound because everything else an answer depends on is
the same (the file, the released notebook, the limits, the sandbox, this package: `Observed.ran`), because students'
cells cannot know what the checks will ask, and because a query that was never asked has no answer here: then the
code runs again. Only runs that went to their end are kept; whatever was stopped may have been bad luck.

A record is plain data, as is everything that crossed the sandbox boundary; nothing in it is evaluated or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from autograder import data
from autograder.exercise import wire
from autograder.exercise.models import CompileReport, LayerReport, ModelReport, Predict
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Answers, Missing, NoModel, Raised
from autograder.exercise.wire import Message

MAX_BYTES = 64_000_000  # of one submission's answers; with more it is not kept, and a changed check runs it again.
# What a class may take is limited in `record.Observations`.
_Exceptions = (Missing, Raised, NoModel, Mismatch)


class NotRecorded(BaseException):
    """A check asks what no check asked before. No `Exception`: a check must not take it for the student's error."""


class Recording:
    """Passes queries on to `answers`, and keeps what they answer. Implements `Answers`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._task = ""
        self._entries: dict[str, list[dict[str, Any]]] = {}
        self._arrays: dict[bytes, tuple[int, bytes]] = {}  # by digest, for many queries have one answer
        self._size = 0

    def begin(self, task: str) -> None:
        """From here on the queries are those of this task; the cells before it have run."""
        self._task = task

    def value(self, name: str) -> Any:
        self.cause_of(name)  # a changed check that fails will want to know
        return self._keep(("value", name), lambda: self._answers.value(name))

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # A function may answer differently each time, so all answers are kept, in their order.
        query = "call", name, _digest_of(args, kwargs)
        self.cause_of(name)
        return self._keep(query, lambda: self._answers.call(name, args, kwargs), every_time=True)

    def model(self, name: str) -> ModelReport:
        self.cause_of(name)
        report: ModelReport = self._keep(("model", name), lambda: self._answers.model(name), _report_to_plain)
        ask = report.predict
        return replace(
            report,
            _predict=lambda inputs, scale: self._keep(
                ("predict", name, _digest_of(inputs, scale)), lambda: ask(inputs, scale)
            ),
        )

    def file_size(self, name: str) -> int | None:
        size: int | None = self._keep(("size", name), lambda: self._answers.file_size(name))
        return size

    def stopped_with(self) -> str:
        return str(self._keep(("stopped",), self._answers.stopped_with))

    def cause_of(self, name: str) -> str:
        return str(self._keep(("cause", name), lambda: self._answers.cause_of(name)))

    def seed(self) -> int:
        return int(self._keep(("seed",), self._answers.seed))

    def held_out(self) -> data.HeldOut | None:
        return self._answers.held_out()  # the teacher's, not the student's

    def to_bytes(self) -> bytes | None:
        """The record, or None if it is too large to keep."""
        if self._size > MAX_BYTES:
            return None
        arrays = [array for _, array in sorted(self._arrays.values())]
        frame = Message(self._entries, arrays).to_bytes()
        return zlib.compress(frame, 1) if len(frame) <= MAX_BYTES else None

    def _keep(
        self,
        query: tuple[str, ...],
        ask: Callable[[], Any],
        to_plain: Callable[[Any], Any] = lambda answer: answer,
        every_time: bool = False,
    ) -> Any:
        kept = self._entries.setdefault(_key(self._task, *query), [])
        try:
            answer = ask()
        except _Exceptions as error:
            if every_time or not kept:
                kept.append(self._entry(_error_to_plain(error)) | {"raised": True})
            raise
        if every_time or not kept:
            kept.append(self._entry(to_plain(answer)))
        return answer

    def _entry(self, value: Any) -> dict[str, Any]:
        message = wire.encode(value) if self._size <= MAX_BYTES else Message(None)
        places = []
        for array in message.arrays:
            digest = hashlib.sha256(array).digest()
            if digest not in self._arrays:
                self._arrays[digest] = len(self._arrays), array
                self._size += len(array)
            places.append(self._arrays[digest][0])
        return {"value": message.tree, "arrays": places}


class Replay:
    """Answers from a record. Implements `Answers`; every method raises `NotRecorded` for a new query."""

    def __init__(self, record: bytes, held_out: data.HeldOut | None) -> None:
        message = Message.from_bytes(zlib.decompress(record))
        self._entries: dict[str, list[dict[str, Any]]] = message.tree
        self._arrays = message.arrays
        self._held_out = held_out
        self._task = ""
        self._asked: dict[str, int] = {}  # how often

    def begin(self, task: str) -> None:
        """See `Recording.begin`."""
        self._task = task

    def value(self, name: str) -> Any:
        return self._answer("value", name)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._answer("call", name, _digest_of(args, kwargs), every_time=True)

    def model(self, name: str) -> ModelReport:
        task = self._task
        known = self._answer("model", name)
        return _report_from_plain(known, lambda inputs, scale: self._predict(task, name, inputs, scale))

    def file_size(self, name: str) -> int | None:
        size: int | None = self._answer("size", name)
        return size

    def stopped_with(self) -> str:
        return str(self._answer("stopped"))

    def cause_of(self, name: str) -> str:
        return str(self._answer("cause", name))

    def seed(self) -> int:
        return int(self._answer("seed"))

    def held_out(self) -> data.HeldOut | None:
        return self._held_out

    def _predict(self, task: str, name: str, inputs: np.ndarray, scale: float) -> np.ndarray:
        output: np.ndarray = self._look_up(_key(task, "predict", name, _digest_of(inputs, scale)), 0)
        return output

    def _answer(self, *query: str, every_time: bool = False) -> Any:
        key = _key(self._task, *query)
        turn = self._asked.get(key, 0) if every_time else 0
        self._asked[key] = turn + 1
        return self._look_up(key, turn)

    def _look_up(self, key: str, turn: int) -> Any:
        kept = self._entries.get(key, [])
        if turn >= len(kept):
            raise NotRecorded(key)
        entry = kept[turn]
        value = wire.decode(Message(entry["value"], [self._arrays[i] for i in entry["arrays"]]))
        if entry.get("raised"):
            raise _error_from_plain(value)
        return value


@dataclass(frozen=True)
class Observed:
    """A submission's record as it lies in the course directory.

    `ran` names all that the run depended on but the checks; `notebook` is the digest of the graded notebook that
    the run left; `result` its result as JSON.
    """

    ran: str
    notebook: str
    result: dict[str, Any]
    record: bytes

    def to_bytes(self) -> bytes:
        head = json.dumps({"ran": self.ran, "notebook": self.notebook, "result": self.result}).encode()
        return head + b"\n" + self.record

    @classmethod
    def from_bytes(cls, content: bytes) -> Observed:
        """The inverse of `to_bytes`. Raises KeyError, TypeError or ValueError if it is something else."""
        head, _, record = content.partition(b"\n")
        known = json.loads(head)
        return cls(known["ran"], known["notebook"], known["result"], record)


def _key(*parts: str) -> str:
    return json.dumps(parts)


def _digest_of(*values: Any) -> str:
    """The same for equal values, and for no others."""
    digest = hashlib.sha256()
    for part in wire.encode(values).parts():
        digest.update(part)
    return digest.hexdigest()


def _error_to_plain(error: Exception) -> list[Any]:
    if isinstance(error, Mismatch):  # its subclasses say the same
        return ["Mismatch", error.message, error.hints, error.share]
    if isinstance(error, Raised):
        message = str(error).removeprefix(error.error_type).removeprefix(": ")
        return ["Raised", error.error_type, message]
    return [type(error).__name__, str(error.args[0]) if error.args else ""]


def _error_from_plain(known: list[Any]) -> Exception:
    makers: dict[str, Callable[..., Exception]] = {
        "Mismatch": Mismatch,
        "Raised": Raised,
        "Missing": Missing,
        "NoModel": NoModel,
    }
    return makers[known[0]](*known[1:])


def _report_to_plain(report: ModelReport) -> dict[str, Any]:
    known = {f.name: getattr(report, f.name) for f in fields(report) if f.name != "_predict"}
    known["layers"] = [vars(layer) for layer in report.layers]
    known["compiled"] = vars(report.compiled) if report.compiled is not None else None
    return known


def _report_from_plain(known: dict[str, Any], predict: Predict) -> ModelReport:
    layers = tuple(LayerReport(**layer) for layer in known["layers"])
    compiled = CompileReport(**known["compiled"]) if known["compiled"] is not None else None
    return ModelReport(**known | {"layers": layers, "compiled": compiled}, _predict=predict)
