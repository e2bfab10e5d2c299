"""Station 3: models rebuilt and asked in a second, clean fork, which never ran a line of the student's."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from autograder.errors import ForkServerFailed
from autograder.exercise import wire
from autograder.exercise.sentences import arrived
from autograder.exercise.submission import NoModel
from autograder.exercise.wire import Message, NotPlain
from autograder.language import _, as_sentence
from autograder.sandbox.channel import Channel, ChannelClosed, ChannelTimeout
from autograder.sandbox.client import Fork, ForkServer
from autograder.sandbox.limits import Limits
from autograder.sandbox.watch import Excess, Resource


class Observing:
    """An observer, started when it is first needed, and what it has said of models.

    What a model is follows from its config and weights alone: it is rebuilt once, however many tasks ask.
    """

    def __init__(self, server: ForkServer, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._observer: tuple[Fork, Channel] | None = None
        # All by what models are, not by what they are called.
        self._described: dict[str, dict[str, Any]] = {}
        self._requests: dict[str, Message] = {}  # to rebuild them in another observer
        self._here: set[str] = set()  # those that the present observer has
        self._refused: dict[str, NoModel] = {}  # those that an observer was lost to
        self._predictions: dict[str, list[tuple[np.ndarray, float, np.ndarray]]] = {}

    def close(self) -> None:
        """End the observer. Safe to call twice; the next query starts another."""
        self._here.clear()
        if self._observer is not None:
            (fork, channel), self._observer = self._observer, None
            channel.close()
            try:
                self._server.end(fork)
            except ForkServerFailed:  # slow to go; what it said is not lost for that
                self._server.close()

    def describe(self, facts: dict[str, Any], weights: Any, arrays: list[bytes], seconds: float) -> tuple[str, Any]:
        """What the model of these facts and weights really is: its key for `predict`, and its description.

        Raises:
            NoModel, NotPlain.
        """
        key = _model_key(facts, arrays)
        if key not in self._described:
            config = facts.get("config")
            text = config.encode("utf-8", "replace") if isinstance(config, str) else b""
            request = {
                "do": "rebuild",
                "key": key,
                "facts": {name: facts.get(name) for name in ("class_name", "module", "compile", "iterations")},
                "config": np.frombuffer(text, np.uint8),  # longer than a text may be
                "weights": wire.decode(Message(weights, arrays)),
            }
            self._requests[key] = wire.encode(request)
            self._described[key] = self._rebuild(key, seconds)
        return key, self._described[key]

    def predict(self, key: str, inputs: np.ndarray, scale: float, seconds: float) -> np.ndarray:
        """What the model answers. Raises `NoModel`."""
        known = self._predictions.setdefault(key, [])
        for seen, times, output in known:
            if times == scale and seen.dtype == inputs.dtype and np.array_equal(seen, inputs):
                return output
        request = {"do": "predict", "key": key, "inputs": inputs, "scale": scale}
        try:
            if key not in self._here:
                self._rebuild(key, seconds)
            answer = self._ask(key, wire.encode(request), seconds)
            output = wire.decode(Message(answer.tree.get("value"), answer.arrays))
        except NotPlain as error:
            raise NoModel(error.why) from error
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
            raise NoModel(_("what it outputs is too large, or is not numbers"))
        known.append((inputs.copy(), scale, output))  # whoever asked may go on reckoning in it
        return output

    def _rebuild(self, key: str, seconds: float) -> dict[str, Any]:
        described = self._ask(key, self._requests[key], seconds).tree.get("facts")
        if not isinstance(described, dict):
            raise NoModel(_("it cannot be inspected"))
        self._here.add(key)
        return described

    def _ask(self, key: str, request: Message, seconds: float) -> Message:
        if key in self._refused:
            raise self._refused[key]
        if seconds <= 0:
            raise NoModel(_("looking at it took too long"))
        if self._observer is None:
            fork, sock = self._server.fork_observer(self._limits)
            self._observer = fork, Channel(sock)
        fork, channel = self._observer
        try:
            channel.send(request, seconds)
            answer = channel.receive(seconds)
            if not isinstance(answer.tree, dict):
                raise NotPlain("It cannot be inspected.")
        except (ChannelClosed, ChannelTimeout, NotPlain) as error:
            self.close()  # a hostile model may have taken it over, so it is not used again
            self._refused[key] = NoModel(_why_not(error, seconds, fork.excess))
            raise self._refused[key] from error
        if "refused" in answer.tree:
            raise NoModel(arrived(answer.tree["refused"]))
        return answer


def _why_not(error: Exception, seconds: float, excess: Excess | None) -> str:
    if isinstance(error, ChannelTimeout):
        return _("it took longer than {seconds:.0f} s", seconds=seconds)
    if isinstance(error, NotPlain):
        return _("its parts are too large to look at")
    resource = excess.resource if excess is not None else Resource.MEMORY
    return _("it needs too much {resource}", resource=as_sentence(str(resource)))


def _model_key(facts: dict[str, Any], arrays: list[bytes]) -> str:
    """The same for two models that are built alike and have the same weights."""
    digest = hashlib.sha256()
    for part in ("class_name", "module", "config"):
        digest.update(hashlib.sha256(str(facts.get(part)).encode("utf-8", "replace")).digest())
    for array in arrays:
        digest.update(hashlib.sha256(array).digest())
    return digest.hexdigest()
