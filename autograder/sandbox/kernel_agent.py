"""The student's side of the sandbox: starts the kernel, and answers what a check asks about its variables.

Everything here runs in the student's own process, so nothing it says is trusted; it is only convenient.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from typing import Any

from autograder.backend import observe
from autograder.exercise import wire
from autograder.exercise.wire import Message
from autograder.sandbox.channel import Channel, ChannelClosed
from autograder.sandbox.namespaces import OWN_SOCKETS

SERVE = "__import__('autograder.sandbox.kernel_agent').sandbox.kernel_agent.serve()"
_channel: Channel | None = None


def run_kernel(connection: dict[str, Any], sock: socket.socket, seal: Callable[[], None]) -> None:
    """Become an IPython kernel. `seal` is called when its sockets are bound. Returns when it shuts down."""
    global _channel
    import json

    from ipykernel.iostream import IOPubThread
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    _channel = Channel(sock)
    file = "/tmp/.connection.json" if connection["ip"].startswith(OWN_SOCKETS) else connection["ip"] + ".json"
    with open(file, "w") as out:
        json.dump(connection, out)
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.log_level = "CRITICAL"
    config.InteractiveShell.colors = "nocolor"  # tracebacks are read as text, in feedback
    if os.environ.get("AUTOGRADER_SANDBOX") != "bubblewrap":
        # What child processes print would come over TCP, which has no place where nothing shuts it in.
        IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)
    app = IPKernelApp.instance(config=config, connection_file=file)
    app.parse_command_line = lambda argv: None  # there is none, and making its parser takes a fifth of a kernel's start
    app.initialize([])
    # The backend does this itself when it is imported in a kernel; the fork server imported it without one.
    app.shell.enable_matplotlib("inline")
    app.shell.set_custom_exc((RecursionError,), _show_first_frames)
    # For its history, which is off here, IPython formats each error a second time: seconds for an endless recursion.
    app.shell._format_exception_for_storage = lambda *_, **__: {}
    seal()
    app.start()


def _show_first_frames(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: int | None = None) -> list[str]:
    """Show an endless recursion by its first frames; IPython would look up the source of a thousand, for seconds."""
    lines = traceback.format_exception(kind, error, trace, limit=4)
    shell._showtraceback(kind, error, lines)
    return lines


def serve() -> None:
    """Answer questions until told that there are no more. Called between two cells."""
    if _channel is None:
        return
    from IPython.core.getipython import get_ipython

    namespace = get_ipython().user_ns
    while True:
        try:
            asked = wire.decode(_channel.receive())
        except (ChannelClosed, wire.NotPlain):
            return
        if asked.get("ask") == "done":
            return
        try:
            message = _answer(asked, namespace)
        except KeyboardInterrupt:  # the check lost patience
            message = Message({"error": "KeyboardInterrupt", "says": "it took too long"})
        except Exception as error:  # a hostile value; saying nothing would cost the check its patience
            message = Message({"error": type(error).__name__, "says": "it cannot be looked at"})
        try:
            _channel.send(message)
        except ChannelClosed:
            return


def _answer(asked: dict[str, Any], namespace: dict[str, Any]) -> Message:
    name = asked.get("name")
    if name not in namespace:
        return Message({"missing": True})
    value = namespace[name]
    if asked["ask"] == "model":
        try:
            facts, weights = observe.take_apart(value)
        except observe.NotRebuildable as reason:
            return Message({"no_model": str(reason)})
        message = wire.encode(weights)
        message.tree = {"facts": facts, "weights": message.tree}
        return message
    if asked["ask"] == "call":
        try:
            value = value(*asked["args"], **asked["kwargs"])
        except Exception as error:  # whatever the student's function raises is an answer
            return Message({"error": type(error).__name__, "says": str(error)[:500]})
    message = wire.encode(value)
    message.tree = {"value": message.tree}
    return message
