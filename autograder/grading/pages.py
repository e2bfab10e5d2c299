"""Feedback pages, made in a process of their own that can be ended.

A page is made of a student's text by parsers that are not ours, and some texts keep them busy for minutes. So they work
in a process beside the worker, which counts its processor time: a part that takes too long is shown as plain text, and
a process that cannot even be interrupted is ended and the page made without any of the student's colours. Whatever
happens, no time of it is the student's, and none of it stops the class.

`page_of` is for the trusted side; run as ``python -m autograder.grading.pages`` it is that process.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import nbformat

import autograder
from autograder.exercise.outcome import SubmissionResult
from autograder.language import language, speaking

PART_SECONDS = 1.0  # of processor time for the colours of one cell, one text, one piece of Markdown
PARTS_SECONDS = 4.0  # for all those of one page
PAGE_SECONDS = 15.0  # for a page as a whole, whatever it does; an honest one takes 0.05
WAIT_SECONDS = 180.0  # of wall time, on however busy a machine
_LENGTH = struct.Struct(">Q")


class _NoPageError(Exception):
    """The process ended, or was ended, before the page was there."""


class _Maker:
    """The process that makes pages, started when it is first needed, or before. Any thread may ask; one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    def begin(self) -> None:
        """Start the process, unless there is one; it takes a second until it can make a page."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._process = _start()

    def page(self, notebook: str, result: SubmissionResult) -> str:
        """The page; without a student's colours or Markdown if those take too long."""
        for plain in (False, True):
            request = {"notebook": notebook, "exercise": result.exercise, "result": result.to_json(), "plain": plain}
            request["language"] = language()
            with contextlib.suppress(_NoPageError, OSError), self._lock:
                return self._ask(json.dumps(request).encode())
        from autograder.grading.feedback import page_without_notebook

        return page_without_notebook(result)

    def close(self) -> None:
        """End the process. Safe to call twice; the next page starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):
                    pipe.close()

    def _ask(self, request: bytes) -> str:
        self.begin()
        try:
            assert self._process is not None
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(_LENGTH.pack(len(request)) + request)
            self._process.stdin.flush()
            deadline = time.monotonic() + WAIT_SECONDS
            (length,) = _LENGTH.unpack(_read(self._process.stdout, _LENGTH.size, deadline))
            return _read(self._process.stdout, length, deadline).decode("utf-8", "replace")
        except BaseException:
            self.close()
            raise


_maker = _Maker()
atexit.register(_maker.close)


def begin() -> None:
    """Start what makes pages, so that the first one is not waited for."""
    with contextlib.suppress(OSError):  # `page_of` tries again
        _maker.begin()


def page_of(notebook: str, result: SubmissionResult) -> str:
    """The feedback page of a graded notebook (as text). Whatever is in it, there is a page."""
    return _maker.page(notebook, result)


def _start() -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(autograder.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
        start_new_session=True,  # Ctrl-C is the coordinator's to handle
    )


def _read(pipe: IO[bytes], count: int, deadline: float) -> bytes:
    """Read so many bytes. Raises `_NoPageError` at the end of the file and at the end of the time."""
    content = bytearray()
    while len(content) < count:
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise _NoPageError
        piece = os.read(pipe.fileno(), min(count - len(content), 1 << 20))
        if not piece:
            raise _NoPageError
        content += piece
    return bytes(content)


def main() -> None:
    """Make pages until there is nothing more on standard input."""
    from autograder.grading import feedback

    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while len(head := requests.read(_LENGTH.size)) == _LENGTH.size:
        request: dict[str, Any] = json.loads(requests.read(*_LENGTH.unpack(head)))
        # Its default action ends the process, even in code that is not Python's.
        signal.setitimer(signal.ITIMER_PROF, PAGE_SECONDS)
        notebook = nbformat.v4.reads(request["notebook"])
        result = SubmissionResult.from_json(request["exercise"], request["result"])
        clock = feedback.Clock(PART_SECONDS, 0.0 if request["plain"] else PARTS_SECONDS)
        with speaking(request["language"]):
            page = feedback.feedback_page(notebook, result, clock).encode("utf-8", "replace")
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(_LENGTH.pack(len(page)) + page)
        answers.flush()


if __name__ == "__main__":
    main()
