"""What a program is told while a class is graded: the events, and the Hub's reading of them."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder import cli
from autograder.course.directory import Course
from autograder.errors import AlreadyRunning, CourseError
from autograder.grading import batch
from autograder.grading.events import Events
from autograder.jupyter.run import Grading, Run
from autograder.sandbox import bubblewrap
from benchmarks import stand_in

NAME = "03-dense-networks"


def events_of(text: str) -> list[dict[str, Any]]:
    assert text.isascii()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def grade(root: Path, stream: io.StringIO, students: int = 3) -> batch.Batch:
    stand_in.write_class(root / "submitted", NAME, students)
    course = Course(root)
    exercise = course.make_ready(NAME)
    setup = batch.prepare(exercise, course.settings.of(NAME).limits, bubblewrap.choose("auto"))
    found = course.submissions(NAME)
    with Events(stream) as events:
        events.begin({NAME: len(found)}, 1, setup.sandbox)
        pools = stand_in.pools(exercise)
        return batch.grade_class(course, exercise, setup, found, 1, pools=pools, on_progress=events.on_progress)


def test_events_of_a_class(tmp_path: Path) -> None:
    stream = io.StringIO()
    done = grade(tmp_path, stream)
    events = events_of(stream.getvalue())
    assert [event["event"] for event in events] == ["begin", "progress", "result", "result", "result", "end"]
    assert events[0]["exercises"] == {NAME: 3}
    assert events[0]["version"] == 1
    results = {event["student"]: event for event in events[2:5]}
    assert {s: e["score"] for s, e in results.items()} == {r["student"]: r["score"] for r in done.submissions}
    assert {event["exercise"] for event in results.values()} == {NAME}
    assert [event["finished"] for event in events[1:5]] == [0, 1, 2, 3]
    assert {event["total"] for event in events[:5]} == {3}
    assert (events[-1]["status"], events[-1]["message"]) == (0, "")
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [(CourseError("no\nplace"), 2, "no\nplace"), (KeyboardInterrupt(), 1, "Stopped."), (ValueError("x"), 1, "x")],
)
def test_the_end_is_told_however_it_comes(error: BaseException, status: int, message: str) -> None:
    stream = io.StringIO()

    def fail() -> None:
        with Events(stream):
            raise error

    with pytest.raises(type(error)):
        fail()
    (end,) = events_of(stream.getvalue())
    assert (end["event"], end["status"], end["message"]) == ("end", status, message)


def test_the_command_writes_them_and_people_read_the_other_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grade(tmp_path, io.StringIO())
    assert cli.main(["grade", NAME, "--course", str(tmp_path), "--events", "-", "--workers", "1"]) == 0
    printed = capsys.readouterr()
    assert [event["event"] for event in events_of(printed.out)] == ["begin", "progress", "end"]
    assert "3 unchanged since last time" in printed.err
    assert cli.main(["grade", NAME, "--course", "nowhere", "--events", str(tmp_path / "e")]) == 2
    (tmp_path / "submitted" / "student-00000" / NAME / f"{NAME}.ipynb").unlink()
    assert cli.main(["grade", "nothing", "--course", str(tmp_path), "--events", str(tmp_path / "e")]) == 2
    (end,) = events_of((tmp_path / "e").read_text())
    assert (end["status"], end["event"]) == (2, "end")
    assert "no exercise 'nothing'" in end["message"]


def test_the_hub_reads_events_and_keeps_what_is_for_people(tmp_path: Path) -> None:
    grade(tmp_path, io.StringIO())

    async def run() -> Run:
        grading = Grading(tmp_path, "auto")
        run = await grading.start(NAME, force=False)
        await run.finished()
        return run

    done = asyncio.run(run())
    assert (done.status, done.done, done.total) == (0, 3, 3)
    assert any("3 unchanged since last time" in line for line in done.lines)
    assert not any('"event"' in line for line in done.lines)


def test_two_who_press_the_button_at_the_same_moment_start_one_run(tmp_path: Path) -> None:
    grade(tmp_path, io.StringIO())

    async def press() -> tuple[list[Run], list[AlreadyRunning], Run | None]:
        grading = Grading(tmp_path, "auto")
        answers = await asyncio.gather(*(grading.start(NAME, force=False) for _ in "12"), return_exceptions=True)
        runs = [answer for answer in answers if isinstance(answer, Run)]
        await asyncio.gather(*(run.finished() for run in runs))
        return runs, [answer for answer in answers if isinstance(answer, AlreadyRunning)], grading._run

    runs, refused, shown = asyncio.run(press())
    assert (len(runs), len(refused)) == (1, 1)
    assert f"{NAME} is being graded" in str(refused[0])
    assert shown is runs[0]
    assert (runs[0].status, runs[0].done) == (0, 3)


def test_the_hub_takes_no_notice_of_what_it_does_not_know() -> None:
    run = Run(NAME, None)  # type: ignore[arg-type]
    for event in (
        {"event": "begin", "total": 9},
        {"event": "moon", "phase": 3},
        [],
        None,
        {"event": "x", "finished": 4},
    ):
        run.take(event)
    assert (run.done, run.total) == (4, 9)
