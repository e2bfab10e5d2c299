"""What a person sees while a class is graded: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column, Table
from rich.text import Text

from autograder.exercise.outcome import Status, shown
from autograder.grading.batch import Batch, Progress
from autograder.grading.timing import slowest, strangest
from autograder.sandbox.bubblewrap import Sandbox

MAX_ROWS = 60  # of the closing table
PACE_SECONDS = 20.0  # how often plain lines say how fast it goes

_NO_SANDBOX = (
    "NO SANDBOX: student code runs with your rights on this computer; only time and memory are limited."
    " See `autograder doctor`."
)


class ProgressView:
    """Tells about a batch. Use as a context manager around it."""

    def __init__(self, stream: TextIO, sandbox: Sandbox) -> None:
        self._live = stream.isatty()
        self._console = Console(file=stream, highlight=False, width=None if self._live else 120)
        self._sandbox = sandbox
        self._began = self._said = time.monotonic()
        self._bar = Bar(
            BarColumn(bar_width=20, table_column=Column(min_width=20)),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> ProgressView:
        if self._sandbox is Sandbox.LIMITS_ONLY:
            self._console.print(Text(_NO_SANDBOX, style="bold red"))
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()

    def on_progress(self, progress: Progress, result: dict[str, Any] | None) -> None:
        """Called after each result."""
        now = time.monotonic()
        finished, pace = progress.done + progress.skipped, pace_of(progress, now - self._began)
        running = _printable("running: " + ", ".join(progress.running)) if progress.running else ""
        if self._live:
            line = "; ".join(part for part in (f"{finished} of {progress.total}", pace, running) if part)
            self._bar.update(self._task, total=progress.total, completed=finished, description=line)
            return
        if result is not None:
            score = f"{shown(result['score'])}/{shown(result['max_score'])}"
            line = f"[{finished}/{progress.total}] {result['student']}: {result['status']}, {score}"
            self._console.print(Text(_printable(line)))
        if now - self._said > PACE_SECONDS and finished < progress.total:
            self._said = now
            self._console.print(Text("; ".join(part for part in (pace, running) if part)))

    def summary(self, batches: Sequence[Batch], gradebook: Path, feedback: Path) -> None:
        """Who got what (of a large class only those who were not graded to the end), and where things are."""
        for batch in batches:
            if len(batches) > 1:
                self._console.print(Text(f"{_printable(batch.exercise)}", style="bold"))
            self._results(batch)
        seconds = time.monotonic() - self._began
        skipped = sum(batch.skipped for batch in batches)
        new = sum(len(batch.submissions) for batch in batches) - skipped
        kept = f", {skipped} unchanged since last time" if skipped else ""
        if replayed := sum(batch.replayed for batch in batches):
            kept += f", {replayed} of them by what was observed last time, for only the checks had changed"
        rate = f", {_rate(new / seconds)}" if new and seconds else ""
        self._console.print(f"{new} graded in {_duration(seconds)}{kept}{rate}. Sandbox: {self._sandbox}.")
        for batch in batches:
            of = f"{batch.exercise}: " if len(batches) > 1 else ""
            for line in _times(batch.submissions):
                self._console.print(Text(_printable(of + line)))
        self._console.print(f"Gradebook: {gradebook}")
        self._console.print(f"Feedback:  {feedback}")

    def _results(self, batch: Batch) -> None:
        shown, left_out = batch.submissions, 0
        if len(shown) > MAX_ROWS:
            shown = [r for r in shown if r["status"] != Status.GRADED][:MAX_ROWS]
            left_out = len(batch.submissions) - len(shown)
        if shown:
            self._console.print(_table(shown))
        if left_out:
            self._console.print(f"{left_out} more are not shown. `autograder report` shows the whole class.")


def pace_of(progress: Progress, seconds: float) -> str:
    """How many failed, how fast it goes and how long it will take; '' before there is anything to say.

    Args:
        seconds: since the first submission was begun.
    """
    parts = [f"{progress.failed} not graded to the end"] if progress.failed else []
    if progress.done and seconds > 0:
        rate = progress.done / seconds
        left = progress.total - progress.skipped - progress.done
        parts += [_rate(rate)] + ([f"about {_duration(left / rate)} left"] if left else [])
    return ", ".join(parts)


def _rate(per_second: float) -> str:
    return f"{per_second:.1f} a second" if per_second >= 1 else f"{60 * per_second:.1f} a minute"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, title=None)
    for heading in ("student", "score", "status", "first hint"):
        table.add_column(heading, justify="right" if heading == "score" else "left", overflow="fold")
    for result in results:
        score = f"{shown(result['score'])}/{shown(result['max_score'])}"
        hint = _printable(first_hint(result))
        table.add_row(Text(_printable(result["student"])), score, result["status"], Text(hint))
    return table


def _times(results: Sequence[dict[str, Any]]) -> list[str]:
    """The slowest, and others that took a strange time, one line each."""
    times = {r["student"]: r["seconds"] for r in results if r.get("seconds")}
    slow = slowest(times, 3)
    odd = strangest(times, besides=[student for student, _ in slow], count=3)
    lines = ["Slowest:   " + ", ".join(f"{student} {seconds:.1f} s" for student, seconds in slow)] if slow else []
    return lines + (["Strangest: " + "; ".join(map(str, odd))] if odd else [])


def first_hint(result: dict[str, Any]) -> str:
    """The one line that says most about a submission."""
    if result["message"]:
        return str(result["message"])
    for check in result["checks"]:
        if check["outcome"] != "passed":
            return str(f"{check['name']}: {check['hint'] or check['message']}")
    return ""


def _printable(text: str) -> str:
    """Without control characters, which could move the cursor or clear the screen."""
    encoding = sys.stdout.encoding or "utf-8"
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text.encode(encoding, "replace").decode(encoding)
