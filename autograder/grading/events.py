"""What happens while a class is graded, as JSON lines for a program: one object a line, in ASCII, written at once.

Every event has `event`, its kind, and `time`, in seconds since the epoch. A kind gets new keys, but loses none; whoever
reads this takes no notice of keys and kinds that it does not know.

    begin     version of this form (1), workers, sandbox, exercises ({name: submissions}), total
    progress  total, finished (skipped and failed ones included), failed, skipped, replayed, running (students)
    result    as progress; besides exercise, student, status, score, max_score, late_penalty, message
    end       status that the command ends with, seconds, message ('' if all went well), summary ('' if not)

`message` and `summary` are sentences for people, in the language of whatever else the command prints.

The first is `begin`, unless nothing can be graded or there is nothing to grade; the last is `end`, unless the process
was killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

from autograder.errors import KitError
from autograder.grading.batch import Progress
from autograder.language import say

VERSION = 1
_OF_RESULT = ("exercise", "student", "status", "score", "max_score", "late_penalty", "message")


class Events:
    """Writes what happens. Use as a context manager around all of it; without a stream it writes nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._began = time.monotonic()
        self.summary = ""  # one sentence for a person, set by whoever made it

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = 0 if error is None else error.exit_status if isinstance(error, KitError) else 1
        message = "" if error is None else say("Stopped.") if kind is KeyboardInterrupt else str(error) or str(kind)
        seconds = round(time.monotonic() - self._began, 3)
        self._write("end", status=status, seconds=seconds, message=message, summary=self.summary)

    def begin(self, submissions: Mapping[str, int], workers: int, sandbox: object) -> None:
        """There is something to grade."""
        self._write(
            "begin",
            version=VERSION,
            workers=workers,
            sandbox=str(sandbox),
            exercises=dict(submissions),
            total=sum(submissions.values()),
        )

    def on_progress(self, progress: Progress, result: Mapping[str, Any] | None) -> None:
        """Called after each result."""
        counts = {
            "total": progress.total,
            "finished": progress.done + progress.skipped,
            "failed": progress.failed,
            "skipped": progress.skipped,
            "replayed": progress.replayed,
            "running": list(progress.running),
        }
        if result is None:
            self._write("progress", **counts)
        else:
            self._write("result", **counts, **{key: result.get(key) for key in _OF_RESULT})

    def _write(self, event: str, **content: Any) -> None:
        if self._stream is not None:
            line = json.dumps({"event": event, "time": round(time.time(), 3), **content}, allow_nan=False)
            self._stream.write(line + "\n")
            self._stream.flush()
