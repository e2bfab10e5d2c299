"""What a person sees while a class is graded: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from autograder.grading.batch import Batch, Progress
from autograder.sandbox.wall import Sandbox

_NO_WALL = (
    "NO SANDBOX: student code runs with your rights on this computer; only time and memory are limited."
    " See `autograder doctor`."
)


class ProgressView:
    """Tells about a batch. Use as a context manager around it."""

    def __init__(self, stream: TextIO, sandbox: Sandbox) -> None:
        self._live = stream.isatty()
        self._console = Console(file=stream, highlight=False, width=None if self._live else 120)
        self._sandbox = sandbox
        self._began = time.monotonic()
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[running]}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("grading", total=None, running="")

    def __enter__(self) -> ProgressView:
        if self._sandbox is Sandbox.LIMITS_ONLY:
            self._console.print(Text(_NO_WALL, style="bold red"))
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, progress: Progress, result: dict[str, Any] | None) -> None:
        """Called after each result."""
        finished = progress.done + progress.skipped
        running = ", ".join(progress.running)
        self._bar.update(self._task, total=progress.total, completed=finished, running=running[:60])
        if result is not None and not self._live:
            score = f"{result['score']:g}/{result['max_score']:g}"
            line = f"[{finished}/{progress.total}] {result['student']}: {result['status']}, {score}"
            self._console.print(Text(_printable(line)))

    def summary(self, batch: Batch, course: Path) -> None:
        """The table of everybody, and where things are."""
        table = Table(box=None, pad_edge=False, title=None)
        for heading in ("student", "score", "status", "first hint"):
            table.add_column(heading, justify="right" if heading == "score" else "left", overflow="fold")
        for result in batch.submissions:
            score = f"{result['score']:g}/{result['max_score']:g}"
            hint = _printable(first_hint(result))
            table.add_row(Text(_printable(result["student"])), score, result["status"], Text(hint))
        self._console.print(table)
        seconds = time.monotonic() - self._began
        new = len(batch.submissions) - batch.skipped
        kept = f", {batch.skipped} unchanged since last time" if batch.skipped else ""
        self._console.print(f"{new} graded in {seconds:.0f} s{kept}. Sandbox: {self._sandbox}.")
        self._console.print(f"Gradebook: {course / 'gradebook.db'}")
        self._console.print(f"Feedback:  {course / 'feedback'}")


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
