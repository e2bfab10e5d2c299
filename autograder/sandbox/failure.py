"""Why a fork failed before a student's first line: said over a pipe, since its log is closed by then.

The pipe is a fork's own and is closed before anything of a student's runs, so what comes out of it is ours.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
from typing import Any

MAX_BYTES = 3000  # of what is said; a pipe takes that many at once

_pipe: int | None = None
_listening: list[tuple[logging.Logger, logging.Handler]] = []


def use(pipe: int) -> None:
    """Say it into this pipe from now on, in this process and its children."""
    global _pipe
    _pipe = pipe


def say(error: BaseException) -> None:
    """Say what went wrong, if nothing of a student's has run yet."""
    if _pipe is not None:
        with contextlib.suppress(OSError):
            os.write(_pipe, describe(error).encode("utf-8", "replace")[:MAX_BYTES] + b"\n")


def listen(*loggers: logging.Logger) -> None:
    """Say also what a kernel would only write into its log, and what ends one of its threads."""
    for logger in (*loggers, logging.getLogger()):
        handler = _Errors(logging.ERROR)
        logger.addHandler(handler)
        _listening.append((logger, handler))
    threading.excepthook = lambda args: say(args.exc_value or args.exc_type())


def close() -> None:
    """From here on a student's code runs: say nothing any more, and leave nothing to say it with."""
    global _pipe
    if _pipe is None:
        return
    os.close(_pipe)
    _pipe = None
    for logger, handler in _listening:
        logger.removeHandler(handler)
    _listening.clear()
    threading.excepthook = threading.__excepthook__


def describe(error: BaseException) -> str:
    """Type, message and place of an exception, on one line; of a module that is missing, where it was looked for."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    if frames:
        text += f" (in {frames[-1].filename}, line {frames[-1].lineno})"
    if isinstance(error, ModuleNotFoundError):
        text += f", looked for in {', '.join(entry for entry in sys.path if entry)}"
    return text


class _Errors(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error: Any = record.exc_info[1] if record.exc_info else None
        if error is not None:
            say(error)
