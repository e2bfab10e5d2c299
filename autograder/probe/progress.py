"""What a person sees while an exercise is probed: a line that changes on a terminal, a few lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from autograder import terminal
from autograder.grading.batch import Progress
from autograder.grading.progress import pace_of
from autograder.language import say

PACE_SECONDS = 20.0  # how often plain lines say how far it is


class ProbeView:
    """Shows how far it is. Use as a context manager."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._live = stream, terminal.is_live(stream)
        self._began = self._shown = time.monotonic()
        self._width = 0

    def __enter__(self) -> ProbeView:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._write("")

    def on_progress(self, progress: Progress) -> None:
        """Called after each answer that was graded."""
        now, finished = time.monotonic(), progress.done + progress.skipped
        first = finished == progress.skipped
        if self._live or first or now - self._shown >= PACE_SECONDS or finished == progress.total:
            self._shown = now
            known = say(" ({skipped} known from last time)", skipped=progress.skipped) if progress.skipped else ""
            pace = pace_of(progress, now - self._began)
            self._write(
                say(
                    "{finished} of {total} answers graded{known}{pace}",
                    finished=finished,
                    total=progress.total,
                    known=known,
                    pace="; " + pace if pace else "",
                )
            )

    @contextmanager
    def on_task(self, task: str) -> Iterator[None]:
        """Around the parrot's tries at a task."""
        if self._live:
            self._write(say("copying what the check of {task} says", task=task))
        yield

    def _write(self, text: str) -> None:
        text = terminal.shown(text, self._stream)
        if not self._live:
            print(text, file=self._stream, flush=True)
            return
        text = text[: terminal.width(self._stream) - 1]
        print(f"\r{text:{self._width}}", end="" if text else "\r", file=self._stream, flush=True)
        self._width = len(text)
