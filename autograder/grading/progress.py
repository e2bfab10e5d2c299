"""What a person sees while a class is graded: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column, Table
from rich.text import Text

from autograder import data, terminal
from autograder.exercise.outcome import STATUS_WORDS, Status, shown
from autograder.grading.batch import Batch, Progress
from autograder.grading.timing import slowest, strangest
from autograder.language import _, said, say, say_plural
from autograder.sandbox.bubblewrap import Sandbox

MAX_ROWS = 60  # of the closing table
PACE_SECONDS = 20.0  # how often plain lines say how fast it goes

_NO_SANDBOX = _(
    "NO SANDBOX: student code runs with your rights on this computer; only time and memory are"
    " limited. See `autograder doctor`."
)


class ProgressView:
    """Tells about a batch. Use as a context manager around it."""

    def __init__(self, stream: TextIO, sandbox: Sandbox) -> None:
        self._live = terminal.is_live(stream)
        self._stream = stream
        self._console = Console(file=stream, highlight=False, width=terminal.width(stream), height=25)
        self._sandbox = sandbox
        self._began = self._said = time.monotonic()
        self._bar = Bar(
            BarColumn(bar_width=20, table_column=Column(min_width=20)),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task(say("starting"), total=None)

    def begin(self, submissions: dict[str, int], workers: int, not_used: Sequence[str]) -> None:
        """Say what there is to do. What cannot be written to is found out here, before anything is graded.

        Args:
            submissions: how many there are of each exercise.
            not_used: settings that do nothing here.
        """
        for setting in not_used:
            self._line(say("Not used: {setting}", setting=setting))
        counts = ", ".join(say("{count} of {name}", count=count, name=name) for name, count in submissions.items())
        self._line(
            say(
                "Submissions: {counts}. At a time: {workers}. Sandbox: {sandbox}.",
                counts=counts,
                workers=workers,
                sandbox=self._sandbox,
            )
        )
        self._stream.flush()

    def _line(self, text: str) -> None:
        self._console.print(Text(terminal.shown(text, self._stream)), soft_wrap=not self._stream.isatty())

    def __enter__(self) -> ProgressView:
        if self._sandbox is Sandbox.LIMITS_ONLY:
            self._console.print(Text(said(_NO_SANDBOX), style="bold red"))
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
        running = say("running: {names}", names=", ".join(progress.running)) if progress.running else ""
        running = terminal.shown(running, self._stream)
        if self._live:
            line = "; ".join(
                part
                for part in (say("{finished} of {total}", finished=finished, total=progress.total), pace, running)
                if part
            )
            self._bar.update(self._task, total=progress.total, completed=finished, description=line)
            return
        if result is not None:
            score = f"{shown(result['score'])}/{shown(result['max_score'])}"
            line = f"[{finished}/{progress.total}] {result['student']}: {_status(result)}, {score}"
            self._line(line)
        if now - self._said > PACE_SECONDS and finished < progress.total:
            self._said = now
            self._line("; ".join(part for part in (pace, running) if part))

    def summary(self, batches: Sequence[Batch], gradebook: Path, feedback: Path) -> str:
        """Who got what (of a large class only those who were not fully graded), and where things are.

        Returns:
            the sentence that says how much was graded, and how fast.
        """
        for batch in batches:
            if len(batches) > 1:
                self._console.print(Text(terminal.shown(batch.exercise, self._stream), style="bold"))
            self._results(batch)
        seconds = time.monotonic() - self._began
        skipped = sum(batch.skipped for batch in batches)
        new = sum(len(batch.submissions) for batch in batches) - skipped
        kept = say(", {skipped} unchanged since last time", skipped=skipped) if skipped else ""
        if replayed := sum(batch.replayed for batch in batches):
            kept += say(
                ", {replayed} of them checked again without running their code, because only the checks had changed",
                replayed=replayed,
            )
        rate = f", {_rate(new / seconds)}" if new and seconds else ""
        graded = say(
            "{new} graded in {seconds}{kept}{rate}. Sandbox: {sandbox}.",
            new=new,
            seconds=_duration(seconds),
            kept=kept,
            rate=rate,
            sandbox=self._sandbox,
        )
        self._console.print(graded)
        for line in _measured_on(batches):
            self._line(line)
        again = sum((Counter(batch.again) for batch in batches), Counter())
        for why, number in again.most_common():
            self._line(say("{number} graded again: {why}.", number=number, why=why))
        for batch in batches:
            of = f"{batch.exercise}: " if len(batches) > 1 else ""
            for line in _times(batch.submissions):
                self._line(of + line)
        self._line(say("Gradebook: {path}", path=gradebook))
        self._line(say("Feedback:  {path}", path=feedback))
        return graded

    def _results(self, batch: Batch) -> None:
        shown, left_out = batch.submissions, 0
        if len(shown) > MAX_ROWS:
            shown = [r for r in shown if r["status"] != Status.GRADED][:MAX_ROWS]
            left_out = len(batch.submissions) - len(shown)
        if shown:
            self._console.print(_table(shown, self._stream))
        if left_out:
            self._console.print(
                say("{left_out} more are not shown. `autograder report` shows the whole class.", left_out=left_out)
            )


def pace_of(progress: Progress, seconds: float) -> str:
    """How many failed, how fast it goes and how long it will take; '' before there is anything to say.

    Args:
        seconds: since the first submission was begun.
    """
    parts = [say("{failed} not fully graded", failed=progress.failed)] if progress.failed else []
    if progress.done and seconds > 0:
        rate = progress.done / seconds
        left = progress.total - progress.skipped - progress.done
        parts += [_rate(rate)] + ([say("about {left} left", left=_duration(left / rate))] if left else [])
    return ", ".join(parts)


def _rate(per_second: float) -> str:
    return (
        say("{rate:.1f} a second", rate=per_second)
        if per_second >= 1
        else say("{rate:.1f} a minute", rate=60 * per_second)
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return say("{time:.0f} s", time=seconds)
    return say("{time:.0f} min", time=seconds / 60) if seconds < 7200 else say("{time:.1f} h", time=seconds / 3600)


def _table(results: Sequence[dict[str, Any]], stream: TextIO) -> Table:
    table = Table(box=None, pad_edge=False, title=None)
    for heading in (_("student"), _("score"), _("status"), _("first hint")):
        table.add_column(said(heading), justify="right" if heading == "score" else "left", overflow="fold")
    for result in results:
        score = f"{shown(result['score'])}/{shown(result['max_score'])}"
        hint = terminal.shown(first_hint(result), stream)
        table.add_row(Text(terminal.shown(result["student"], stream)), score, _status(result), Text(hint))
    return table


def _status(result: dict[str, Any]) -> str:
    return said(STATUS_WORDS[Status(result["status"])])


def _measured_on(batches: Sequence[Batch]) -> list[str]:
    """What accuracy was measured on, if any was."""
    found: dict[str, list[str]] = {}
    for batch in batches:
        if any(result.get("measures") for result in batch.submissions):
            found.setdefault(data.MEASURED_ON[batch.held_out], []).append(batch.exercise)
    lines = []
    for what, names in found.items():
        of = f" ({', '.join(names)})" if len(batches) > 1 else ""
        lines.append(say("Accuracy:  measured on {what}{of}", what=what, of=of))
    return lines


def _times(results: Sequence[dict[str, Any]]) -> list[str]:
    """The slowest, and others that took a strange time, one line each."""
    times = {r["student"]: r["seconds"] for r in results if r.get("seconds")}
    slow = slowest(times, 3)
    odd = strangest(times, besides=[student for student, _ in slow], count=3)
    lines = []
    if slow:
        seconds = [say("{student} {seconds:.1f} s", student=student, seconds=seconds) for student, seconds in slow]
        lines.append(say("Slowest:   {students}", students=", ".join(seconds)))
    if odd:
        lines.append(say("Strangest: {students}", students="; ".join(map(str, odd))))
    return lines


def first_hint(result: dict[str, Any]) -> str:
    """The one line that says most about a submission."""
    if result.get("late_penalty"):
        return say_plural(
            "It came late and loses {n:g} point.",
            "It came late and loses {n:g} points.",
            round(result["late_penalty"], 2),
        )
    if result["message"]:
        return str(result["message"])
    for check in result["checks"]:
        if check["outcome"] != "passed":
            return f"{check['name']}: {check['hint'] or check['message']}"
    return ""
