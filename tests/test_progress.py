"""What a person sees while a class is graded."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from autograder.grading import progress as module
from autograder.grading.batch import Batch, Progress
from autograder.grading.progress import ProgressView, pace_of
from autograder.sandbox.bubblewrap import Sandbox

BOOK, PAGES = Path("course/gradebook.db"), Path("course/feedback")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def result(student: str, status: str = "graded", **seconds: float) -> dict[str, Any]:
    shared = {"score": 2.5, "max_score": 4.0, "message": "", "checks": []}
    return {"student": student, "status": status, "seconds": seconds} | shared


def test_pace_counts_only_what_was_done_now() -> None:
    assert pace_of(Progress(total=10), 5) == ""
    assert pace_of(Progress(total=110, done=20, skipped=50), 10) == "2.0 a second, about 20 s left"
    assert pace_of(Progress(total=100, done=10, failed=3), 60) == (
        "3 not fully graded, 10.0 a minute, about 9 min left"
    )
    assert pace_of(Progress(total=10, done=10), 5) == "2.0 a second"


def test_plain_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    with ProgressView(stream, Sandbox.BUBBLEWRAP) as view:
        for done in (1, 2, 3):
            view.on_progress(Progress(total=3, done=done, running=["bo\x1b[2J", "chi"]), result(f"ada\x1b[{done}m"))
    lines = stream.getvalue().splitlines()
    assert lines == [
        "[1/3] ada?[1m: graded, 2.5/4",
        "[2/3] ada?[2m: graded, 2.5/4",
        "4.0 a minute, about 15 s left; running: bo?[2J, chi",
        "[3/3] ada?[3m: graded, 2.5/4",
    ]


def test_one_live_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with ProgressView(stream, Sandbox.BUBBLEWRAP) as view:
        view.on_progress(Progress(total=3, done=1, skipped=1, failed=1, running=["[bold]chi"] * 30), result("ada"))
        view._bar.refresh()
    shown = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", stream.getvalue())
    assert "2 of 3; 1 not fully graded, " in shown
    assert "a second, about" in shown
    assert max(map(len, re.split(r"[\r\n]", shown))) <= 120
    assert "running: [bold]chi, [bold]chi" in shown
    assert "ada" not in shown


def test_no_sandbox_is_said_first() -> None:
    stream = io.StringIO()
    with ProgressView(stream, Sandbox.LIMITS_ONLY):
        pass
    assert stream.getvalue().startswith("NO SANDBOX")


def test_summary_names_the_slowest_and_the_strangest() -> None:
    usual = [result(f"s{n:02}", cells=5.0 + n / 10, total=6.0 + n / 10) for n in range(9)]
    odd = [result("loop", "timed out", cells=60.0, total=61.0), result("empty", cells=0.1, total=1.0)]
    stream = io.StringIO()
    ProgressView(stream, Sandbox.BUBBLEWRAP).summary(
        [Batch("x", usual + odd, skipped=4)], Path("course/gradebook.db"), Path("course/feedback")
    )
    shown = stream.getvalue()
    assert "7 graded in" in shown
    assert "4 unchanged since last time" in shown
    assert "Slowest:   loop 61.0 s, s08 6.8 s, s07 6.7 s" in shown
    assert "Strangest: empty: cells 0.1 s, most take 5.4 s" in shown
    assert str(BOOK) in shown


def test_of_a_large_class_the_summary_shows_those_who_need_it() -> None:
    results = [result(f"s{n:03}") for n in range(300)] + [result("lost", "crashed")]
    stream = io.StringIO()
    ProgressView(stream, Sandbox.BUBBLEWRAP).summary(
        [Batch("x", results, skipped=0)], Path("course/gradebook.db"), Path("course/feedback")
    )
    shown = stream.getvalue()
    assert "lost" in shown
    assert "s001" not in shown
    assert "300 more are not shown" in shown
