"""One run of `autograder grade` at a time, with what it says while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from autograder.course import blind
from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.course.lock import is_watched
from autograder.course.settings import BEST
from autograder.errors import AlreadyRunning, KitError, NoReport, NotReleased
from autograder.exercise.outcome import STATUS_WORDS, Status, shown
from autograder.jupyter import standing
from autograder.language import language, said, say, say_plural, speaking, tag, texts_in_script, translated

_LINES = 400  # kept of what the command prints
_STOP_SECONDS = 10.0


@dataclass
class Run:
    """A run, under way or over."""

    exercise: str
    process: asyncio.subprocess.Process
    done: int = 0
    total: int = 0
    status: int | None = None  # exit status of the command
    summary: str = ""  # what the command says it has done
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    reader: asyncio.Task[None] | None = None

    async def finished(self) -> None:
        """Wait for its end."""
        if self.reader is not None:
            await self.reader

    async def read(self) -> None:
        """Follow the command to its end: events for us on its standard output, lines for people on the other one."""
        await asyncio.gather(self._read_events(), self._read_lines())
        self.status = await self.process.wait()

    async def _read_events(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            try:
                self.take(json.loads(raw))
            except ValueError:
                self.lines.append(raw.decode("utf-8", errors="replace").rstrip())

    async def _read_lines(self) -> None:
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            self.lines.append(raw.decode("utf-8", errors="replace").rstrip())

    def take(self, event: Any) -> None:
        """What an event says (`autograder.grading.events`); those that we do not know say nothing."""
        if isinstance(event, dict):
            self.total = int(event.get("total", self.total))
            self.done = int(event.get("finished", self.done))
            self.summary = str(event.get("summary", self.summary))

    def to_json(self) -> dict[str, Any]:
        return {
            "exercise": self.exercise,
            "done": self.done,
            "total": self.total,
            "status": self.status,
            "summary": self.summary,
            "lines": list(self.lines),
        }


# The page's, and that of its entries in JupyterLab.
SCRIPTS = ("page/grading.js", "labextensions/autograder-grading/static/remoteEntry.js")


class Grading:
    """Grades the exercises of one course."""

    def __init__(self, course: Path, sandbox: str) -> None:
        self.course = course.resolve()
        self._sandbox = sandbox
        self._run: Run | None = None
        self._starting = asyncio.Lock()  # two people press the button at the same moment

    def exercises(self) -> list[str]:
        """Names of the exercises of the course, sorted."""
        folders = [f for f in (self.course / "source", self.course / "solutions") if f.is_dir()]
        return sorted(f.parent.name for f in (folders[0] if folders else self.course).glob("*/*.ipynb"))

    def language(self) -> str:
        """The one that the course's people read."""
        try:
            return Course(self.course).settings.language or language()
        except KitError:  # as above
            return language()

    def texts(self) -> dict[str, Any]:
        """What the page says, by its English, and in which language."""
        scripts = (files("autograder.jupyter").joinpath(*path.split("/")).read_text("utf-8") for path in SCRIPTS)
        english = [text for script in scripts for text in texts_in_script(script)]
        with speaking(self.language()):
            return {"language": tag(), "texts": {text: translated(text) for text in english}}

    def state(self) -> dict[str, Any]:
        """All that there is to show, as JSON."""
        with speaking(self.language()):
            return self._state()

    def _state(self) -> dict[str, Any]:
        collected = _collected(self.submitted())
        course = self._readable()
        hides = course is not None and course.settings.blind
        exercises = [
            {
                "name": name,
                "collected": collected.get(name, 0),
                "result": self._result(name, course if hides else None),
                "due": self._due(course, name),
            }
            for name in self.exercises()
        ]
        run = self._run.to_json() if self._run else None
        if run is not None and hides:  # its lines name people
            run["lines"] = [] if run["status"] in (None, 0) else run["lines"][-1:]
        watched = course is not None and is_watched(course.state)
        return {"course": self.course.name, "exercises": exercises, "run": run, "watched": watched}

    def _readable(self) -> Course | None:
        """The course, if its settings can be read; `grade` says what is wrong with them otherwise."""
        try:
            course = Course(self.course)
            _ = course.settings
        except KitError:
            return None
        return course

    @staticmethod
    def _due(course: Course | None, exercise: str) -> list[str]:
        """When an exercise is due for the class, what being late costs, and how many have more time; sentences."""
        if course is None:
            return []
        deadline = standing.deadline_of(course, exercise)
        sentences = list(standing.due_sentences(deadline, "", standing.now()))
        if deadline is not None and (more := len(deadline.extensions)):
            sentences.append(say_plural("{n} student has an extension.", "{n} students have an extension.", more))
        if course.settings.of(exercise).counts == BEST:
            sentences.append(say("The best of a student's hand-ins counts."))
        return sentences

    def submitted(self) -> Path:
        """Where the students' folders are."""
        try:
            return Course(self.course).submitted
        except KitError:  # a slip in the course's configuration, of which `grade` says more
            return self.course / "submitted"

    async def start(self, exercise: str, force: bool, student: str | None = None) -> Run:
        """Begin to grade.

        Raises:
            AlreadyRunning: another run is not over yet.
        """
        async with self._starting:
            return await self._start(exercise, force, student)

    async def _start(self, exercise: str, force: bool, student: str | None) -> Run:
        if self._run is not None and self._run.status is None:
            raise AlreadyRunning(
                say("{exercise} is being graded. Wait until it has finished, or stop it.", exercise=self._run.exercise)
            )
        arguments = ["grade", exercise, "--events", "-", "--sandbox", self._sandbox, *(["--force"] if force else [])]
        if student is None:
            self._results(exercise).parent.mkdir(parents=True, exist_ok=True)
            arguments += ["--json", str(self._results(exercise))]
        else:
            arguments += ["--student", student]
        process = await self._autograder(*arguments, stderr=asyncio.subprocess.PIPE)
        self._run = Run(exercise, process)
        self._run.reader = asyncio.create_task(self._run.read())
        return self._run

    async def stop(self) -> None:
        """Stop what is under way, as Ctrl-C would; what was graded is kept."""
        run = self._run
        if run is None or run.status is not None:
            return
        for sign in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.process.pid, sign)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(run.finished()), _STOP_SECONDS)
                return

    async def report(self, exercise: str) -> Path:
        """Write the report of the class on an exercise, as `autograder report` does; return the page.

        Raises:
            NoReport: nothing of it was graded yet, most often.
        """
        return await self._page("report", exercise, f"{exercise}.html")

    async def similar(self, exercise: str) -> Path:
        """Compare the class's work on an exercise, as `autograder similar` does; return the page.

        Raises:
            NoReport: nothing of it was handed in, most often.
        """
        return await self._page("similar", exercise, f"{exercise}-similar.html")

    async def _page(self, command: str, exercise: str, name: str) -> Path:
        """Run a command that writes a page into the course's folder for reports; return the page of this name."""
        process = await self._autograder(command, exercise)
        output, _ = await process.communicate()
        if process.returncode:
            raise NoReport(output.decode("utf-8", errors="replace").strip())
        return self.course / "report" / name

    async def give_back(self, exercise: str) -> str:
        """Release the feedback of an exercise to those who handed it in; return what there is to say.

        Raises:
            NotReleased: it did not work; the message is what was printed.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "autograder.jupyter.give_back", str(self.course), exercise),
            cwd=self.course,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        output, trouble = await process.communicate()
        if process.returncode:
            lines = trouble.decode("utf-8", errors="replace").strip().splitlines()
            raise NotReleased(lines[-1] if lines else say("The feedback was not released."))
        return output.decode("utf-8", errors="replace").strip()

    async def _autograder(self, *arguments: str, stderr: int = asyncio.subprocess.STDOUT) -> asyncio.subprocess.Process:
        """Start one of our commands on this course, in a session of its own, its output in one pipe or in two."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "autograder", *arguments, "--course", str(self.course)),
            cwd=self.course,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            limit=1_000_000,  # bytes of a line; the commands print none so long
        )

    def _results(self, exercise: str) -> Path:
        return self.course / ".autograder" / exercise / "last-run.json"

    def _result(self, exercise: str, hides: Course | None) -> list[dict[str, Any]] | None:
        """A row for each student who has a result; None before anybody has.

        Args:
            hides: the course, if its pages do not say whose work it is.
        """
        from autograder.grading.progress import first_hint

        submissions = self._last_results(exercise)
        if submissions is None:
            return None
        keys = ("student", "status", "score", "max_score")
        rows = [{key: s[key] for key in keys} | {"hint": first_hint(s)} | _shown(s) for s in submissions]
        if hides is None:
            return rows
        marked = {s for s, grades in read_grades(hides, exercise).items() if grades.handed_in and grades.tasks}
        called = blind.names(hides.state / exercise, marked)
        by_student = {row["student"]: row for row in rows}
        # In the order of their numbers, which is that of `called`.
        return [{**by_student[one], "student": name} for one, name in called.items() if one in by_student]

    def _last_results(self, exercise: str) -> list[dict[str, Any]] | None:
        """The results of the last run over the whole class from here, and what was graded since in any other way."""
        path, found = self._results(exercise), {}
        try:
            found = {one["student"]: one for one in json.loads(path.read_text("utf-8"))["submissions"]}
            since = path.stat().st_mtime_ns
        except (OSError, ValueError, KeyError, TypeError):
            since = 0
        with contextlib.suppress(OSError):
            for note in os.scandir(path.parent / "done"):
                if note.name.endswith(".json") and note.stat().st_mtime_ns > since:
                    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                        result = json.loads(Path(note.path).read_text("utf-8"))["result"]
                        found[result["student"]] = result
        return [found[student] for student in sorted(found)] if found or since else None


def _shown(submission: dict[str, Any]) -> dict[str, str]:
    """What the page shows of a row, as its language writes it."""
    status = submission["status"]
    return {
        "shown_status": said(STATUS_WORDS[Status(status)]) if status in list(Status) else str(status),
        "shown_score": shown(submission["score"]),
        "shown_max": shown(submission["max_score"]),
    }


def _collected(submitted: Path) -> dict[str, int]:
    """How many students' work there is of each exercise; nothing is read."""
    counts: dict[str, int] = {}
    if submitted.is_dir():
        for student in os.scandir(submitted):
            if student.is_dir(follow_symlinks=False) and not student.name.startswith("."):
                for exercise in os.scandir(student.path):
                    counts[exercise.name] = counts.get(exercise.name, 0) + 1
    return counts


def _environment() -> dict[str, str]:
    """This server's, without what would let a process speak for it."""
    hidden = ("JUPYTERHUB_", "JPY_", "JUPYTER_TOKEN", "CONFIGPROXY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"PYTHONUNBUFFERED": "1", "COLUMNS": "120"}
