"""The student's side of the sandbox: starts the kernel, and answers what a check asks about its variables.

Everything here runs in the student's own process, so nothing it says is trusted; it is only convenient.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.backend import observe
from autograder.exercise import wire
from autograder.exercise.causes import Failures, remember, type_and_text, type_of
from autograder.exercise.sentences import across
from autograder.exercise.wire import Message
from autograder.sandbox import failure
from autograder.sandbox.channel import Channel, ChannelClosed
from autograder.sandbox.namespaces import OWN_SOCKETS
from autograder.sandbox.surroundings import EXIT_IGNORED, Absent, Surroundings, why_absent

ANSWER = "autograder_answer"  # the name of the comm whose opening has the agent answer queries


def run_kernel(connection: dict[str, Any], sock: socket.socket, seal: Callable[[], None]) -> None:
    """Become an IPython kernel. `seal` is called when its sockets are bound. Returns when it shuts down."""
    import json

    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    from autograder.compat import ipython_kernel, keras_callbacks, keras_training

    channel = Channel(sock)
    file = "/tmp/.connection.json" if connection["ip"].startswith(OWN_SOCKETS) else connection["ip"] + ".json"
    with open(file, "w") as out:
        json.dump(connection, out)
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.log_level = "CRITICAL"
    config.InteractiveShell.colors = "nocolor"  # tracebacks are read as text, in feedback
    # Jupyter sends what is larger than 64 KB without a copy, for which pyzmq starts a thread. While there is a thread
    # that it does not know, `keras_training` leaves training to plain Keras: one figure would slow all that follows.
    config.Session.copy_threshold = sys.maxsize
    if os.environ.get("AUTOGRADER_SANDBOX") != "bubblewrap":
        ipython_kernel.open_no_pipe()
    app = IPKernelApp.instance(config=config, connection_file=file)
    app.initialize([])
    failure.listen(app.log)
    app.log.setLevel("ERROR")
    app.shell.events.register("pre_execute", failure.close)  # before the first line of a cell
    # The backend does this itself when it is imported in a kernel; the fork server imported it without one.
    app.shell.enable_matplotlib("inline")
    ipython_kernel.show_recursions_shortly(app.shell)
    ipython_kernel.keep_no_exceptions(app.shell)
    ipython_kernel.go_on_after_exit(app.shell, EXIT_IGNORED)
    app.shell.events.register("pre_execute", keras_training.take_note_of_threads)
    sys.path.insert(0, "")  # as in Jupyter: files beside the notebook can be imported
    _keep_going(app.shell)
    surroundings = Surroundings(app.shell.user_ns)
    surroundings.install(app.shell)
    keras_callbacks.without_tensorboard()
    failures = Failures()
    app.shell.events.register("post_run_cell", lambda result: remember(failures, result))

    def opened(comm: Any, _: object) -> None:
        app.kernel.comm_manager.unregister_comm(comm)  # it has done its work, and nothing else is sent over it
        _serve(channel, app.shell, failures, surroundings)

    # A message of Jupyter's rather than a line of code: whatever a notebook does to its names, to the modules or to
    # how the shell runs cells, it is answered.
    app.kernel.comm_manager.register_target(ANSWER, opened)
    seal()
    app.start()


def _keep_going(shell: Any) -> None:
    """Undo what would end the kernel, or leave it without an answer, after a cell that has run to its end."""
    from autograder.compat import ipython_kernel

    streams = ipython_kernel.keep_streams_open()

    def print_again(*_: Any) -> None:
        for name, stream in streams.items():
            try:
                getattr(sys, name).flush()
            except Exception:  # closed, or no file at all; the kernel would fail to say that the cell is done
                setattr(sys, name, stream)

    shell.events.register("post_run_cell", print_again)


class _Nowhere(io.TextIOBase):
    """Takes any text and keeps none."""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()


def _serve(channel: Channel, shell: Any, failures: Failures, surroundings: Surroundings) -> None:
    """Answer queries until told that there are no more. Called between two cells."""
    while True:
        try:
            asked = wire.decode(channel.receive())
        except (ChannelClosed, wire.NotPlain):
            return
        if asked.get("ask") == "done":
            return
        try:
            if asked["ask"] == "surroundings":
                message = Message({"missing": [list(thing) for thing in surroundings.missing]})
            else:
                # What a learner's function prints now belongs to no cell, and nobody reads it.
                with contextlib.redirect_stdout(_NOWHERE), contextlib.redirect_stderr(_NOWHERE):
                    message = _answer(asked, shell.user_ns, failures)
        except BaseException as error:  # a hostile value; saying nothing would cost the check its patience
            message = Message({"error": type_of(error), "says": "it cannot be inspected"})
        try:
            channel.send(message)
        except ChannelClosed:
            return


def _answer(asked: dict[str, Any], namespace: dict[str, Any], failures: Failures) -> Message:
    if asked["ask"] == "files":
        for file, content in asked["files"].items():
            path = Path(file)
            path.write_bytes(content.tobytes())
            path.chmod(0o444)
        return Message({})
    if asked["ask"] == "failed":
        failures.ran(asked["source"], asked["error"])
        return Message({})
    if asked["ask"] == "cause":
        return Message({"cause": failures.cause_of(asked["name"])})
    name: str = asked["name"]
    if asked["ask"] == "size":
        return Message({"size": wire.file_size(name)})
    if not dict[str, Any].__contains__(
        namespace, name
    ):  # a namespace of a student's own class may say that it has everything
        return Message({"missing": True})
    value = dict[str, Any].__getitem__(namespace, name)
    if isinstance(value, Absent):
        return Message({"absent": list(why_absent(value))})
    if asked["ask"] == "model":
        try:
            facts, weights = observe.take_apart(value)
        except observe.NotRebuildable as reason:
            return Message({"no_model": across(reason.why)})
        message = wire.encode(weights)
        message.tree = {"facts": facts, "weights": message.tree}
        return message
    if asked["ask"] == "call":
        try:
            value = value(*asked["args"], **asked["kwargs"])
        except BaseException as error:  # whatever the student's function raises is an answer, SystemExit too
            kind, text = type_and_text(error)
            return Message({"error": kind, "says": text})
    message = wire.encode(value)
    message.tree = {"value": message.tree}
    return message
