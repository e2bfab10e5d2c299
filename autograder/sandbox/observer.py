"""The observer: a clean fork that rebuilds a student's model from plain data and shows it images.

It never ran a line of the student's, and it never sees a label.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.backend import observe as looking
from autograder.exercise import wire
from autograder.exercise.sentences import across
from autograder.exercise.wire import Message
from autograder.language import _
from autograder.sandbox import failure
from autograder.sandbox.channel import Channel, ChannelClosed


def observe(sock: socket.socket, seal: Callable[[], None]) -> None:
    """Answer ``rebuild`` and ``predict`` requests until the other side closes the socket."""
    seal()
    failure.close()  # a student's model can take an observer over
    channel = Channel(sock)
    models: dict[str, Any] = {}
    while True:
        try:
            request = channel.receive()
        except ChannelClosed:
            return
        try:
            channel.send(_answer(wire.decode(request), models))
        except (looking.NotRebuildable, wire.NotPlain) as reason:
            channel.send(Message({"refused": across(reason.why)}))
        except BaseException as error:  # Keras may fail in any way on a hostile config
            why = _("it cannot be computed ({error})", error=type(error).__name__)
            channel.send(Message({"refused": across(why)}))


def _answer(request: dict[str, Any], models: dict[str, Any]) -> Message:
    key = request["key"]
    if request["do"] == "rebuild":
        weights = [w for w in request["weights"] if isinstance(w, np.ndarray)]
        if len(weights) != len(request["weights"]):
            raise looking.NotRebuildable(_("its weights are not numbers"))
        facts = request["facts"] | {"config": request["config"].tobytes().decode("utf-8", "replace")}
        models[key] = looking.put_together(facts, weights)
        return Message({"facts": looking.describe(models[key], facts)})
    message = wire.encode(looking.predict(models[key], request["inputs"], request["scale"]))
    message.tree = {"value": message.tree}
    return message
