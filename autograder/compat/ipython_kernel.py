"""A kernel that starts and fails faster, and opens no port: what is private to IPython and ipykernel."""

from __future__ import annotations

import inspect
import sys
import traceback
from contextlib import suppress
from functools import cache
from typing import Any

from autograder.compat.assumptions import (
    EXIT_STAYS,
    IMPORTED_AHEAD,
    KEPT_EXCEPTIONS,
    NO_DEBUGGER,
    NO_PIPE,
    SHORT_RECURSIONS,
    fallen,
    found,
)

_fallen = cache(fallen)  # a kernel should not have to look again


def look() -> None:
    """Find out what holds. Called once, in the fork server."""
    for use in (NO_PIPE, SHORT_RECURSIONS, KEPT_EXCEPTIONS, EXIT_STAYS):
        _fallen(use)


def leave_out_debugger() -> None:
    """Have no debugger in kernels: it listens on TCP, which no fork may. Called before anything imports ipykernel."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    if _fallen(NO_DEBUGGER):  # that is, ipykernel cannot be imported without it
        del sys.modules["debugpy"]


def import_ahead() -> None:
    """Import what each kernel imports when it starts, or before its first cell. Called once, in the fork server."""
    for module in IMPORTED_AHEAD.assumptions:
        with suppress(Exception):  # whatever is wrong with it: a kernel that needs it will say so
            found(module.name)


def keep_streams_open() -> dict[str, Any]:
    """Have `close` only flush what cells print to, which the kernel cannot do without; return these streams by name."""
    streams = {}
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            stream.close = stream.flush
        except AttributeError:  # the assumption `OPEN_STREAMS` has fallen
            stream = _KeptOpen(stream)
            setattr(sys, name, stream)
        streams[name] = stream
    return streams


class _KeptOpen:
    """Another stream in everything but `close`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        self._stream.flush()


def open_no_pipe() -> None:
    """Have no pipe for what child processes print. It would come over TCP, which has no place outside a sandbox.

    The kernel asks for the pipe by a parameter of `IOPubThread`, and gets a thread without one.
    """
    if _fallen(NO_PIPE):
        return
    from ipykernel.iostream import IOPubThread

    made = IOPubThread.__init__
    parameters = inspect.signature(made)

    def without_pipe(*args: Any, **kwargs: Any) -> None:
        given = parameters.bind(*args, **kwargs)
        given.arguments["pipe"] = False
        made(*given.args, **given.kwargs)

    IOPubThread.__init__ = without_pipe


def show_recursions_shortly(shell: Any) -> None:
    """Show an endless recursion by its first frames; IPython would look up the source of a thousand, for seconds."""
    if not _fallen(SHORT_RECURSIONS):
        shell.set_custom_exc((RecursionError,), _show_first_frames)


def keep_no_exceptions(shell: Any) -> None:
    """Format an error once. For its history, which is off here, IPython does so again: seconds for a recursion."""
    if not _fallen(KEPT_EXCEPTIONS):
        shell._format_exception_for_storage = lambda *_, **__: {}


def go_on_after_exit(shell: Any, says: str) -> None:
    """Have `exit` and `quit` only print `says`. In Jupyter they end the kernel behind the cell."""

    def ask_exit(*_: Any, **__: Any) -> None:
        print(says)

    if not _fallen(EXIT_STAYS):
        shell.ask_exit = ask_exit
    else:
        shell.user_ns["exit"] = shell.user_ns["quit"] = ask_exit


def _show_first_frames(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: int | None = None) -> list[str]:
    lines = traceback.format_exception(kind, error, trace, limit=4)
    shell._showtraceback(kind, error, lines)
    return lines
