"""What is gathered from all lessons and exercises, and therefore never typed."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from .front_matter import FrontMatterError, Lesson, read_lessons, split_front_matter
from .lesson_boxes import bullets, parse_markdown


def clock(minutes: int) -> str:
    """Minutes after midnight as ``09:05``."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def tasks_by_objective(notebook: Path) -> dict[str, list[str]]:
    """The graded cells of an exercise under the objective that each one names in its metadata."""
    found: dict[str, list[str]] = defaultdict(list)
    if not notebook.is_file():
        return found
    for cell in json.loads(notebook.read_text("utf-8")).get("cells", []):
        metadata = cell.get("metadata", {})
        objective = metadata.get("autograder", {}).get("objective")
        grader = metadata.get("nbgrader", {})
        if objective and grader.get("grade") and grader.get("grade_id"):
            found[objective].append(grader["grade_id"])
    return found


class AllLessons(SphinxDirective):
    """A directive that reads every lesson's front matter."""

    def lessons(self) -> list[Lesson]:
        """All lessons; the page is read again when one of them changes."""
        try:
            lessons = read_lessons(Path(self.env.srcdir) / "lessons")
        except FrontMatterError as error:
            raise self.error(str(error)) from error
        for lesson in lessons:
            self.env.note_dependency(str(lesson.path))
        return lessons


def timetable(lessons: list[Lesson], start: int, pause: int, sessions: int) -> list[str]:
    """Markdown rows of a timetable in which every session begins at ``start`` (minutes after midnight).

    The sessions are as alike in length as whole lessons allow: each lesson belongs to the session in which its
    middle falls when all lessons are laid end to end.
    """
    total = sum(lesson.minutes for lesson in lessons)
    rows = ["| Time | Lesson | Teaching | Exercises |", "|---|---|---|---|"]
    before, session, now = 0, -1, start
    for lesson in lessons:
        belongs = int((before + lesson.minutes / 2) * sessions / total)
        if belongs != session:
            if session >= 0:
                rows.append(f"| {clock(now)} | *End* | | |")
            session, now = belongs, start
            if sessions > 1:
                rows.append(f"| | **Session {session + 1}** | | |")
        elif pause:
            rows.append(f"| {clock(now)} | *Break* | | |")
            now += pause
        rows.append(
            f"| {clock(now)} | [](/lessons/{lesson.path.name}) | {lesson.teaching} min | {lesson.exercises} min |"
        )
        before += lesson.minutes
        now += lesson.minutes
    teaching, exercises = sum(lesson.teaching for lesson in lessons), sum(lesson.exercises for lesson in lessons)
    return [*rows, f"| {clock(now)} | *End* | {teaching} min in all | {exercises} min in all |"]


class LessonList(AllLessons):
    """``{lesson-list}``: every lesson with the questions it answers, and its exercise."""

    def run(self) -> list[nodes.Node]:
        """Build the list."""
        rows: list[str] = []
        lessons = self.lessons()
        for number, lesson in enumerate(lessons, 1):
            questions = " ".join(lesson.questions)
            rows.append(f"{number}. **[](/lessons/{lesson.path.name})** ({lesson.minutes} min). {questions}")
        built = parse_markdown(self, rows)
        entries = [entry for listed in built for entry in listed.findall(nodes.list_item)]
        root = "../" * self.env.docname.count("/")
        for lesson, entry in zip(lessons, entries, strict=True):
            exercise = Path(self.env.srcdir) / "exercises" / lesson.name / f"{lesson.name}.ipynb"
            if exercise.is_file():
                # `notebooks` puts it there.
                address = f"{root}notebooks/exercises/{lesson.name}.ipynb"
                link = nodes.reference("", "Download the exercise", refuri=address, internal=True)
                paragraph = entry.children[0]
                assert isinstance(paragraph, nodes.paragraph)
                paragraph += [nodes.Text(" "), link]
        return built


class Schedule(AllLessons):
    """``{schedule}``: a timetable from the lessons' minutes.

    Options: ``:start:`` of each session, ``:break:`` between lessons (minutes), ``:sessions:`` to spread them over.
    """

    option_spec: ClassVar = {
        "start": directives.unchanged,
        "break": directives.nonnegative_int,
        "sessions": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        hours, _, minutes = self.options.get("start", "09:00").partition(":")
        start = int(hours) * 60 + int(minutes)
        sessions = self.options.get("sessions", 1)
        return parse_markdown(self, timetable(self.lessons(), start, self.options.get("break", 15), sessions))


@dataclass(frozen=True)
class Size:
    """How much there is in a lesson, counted."""

    words: int
    """Of its text, without code, notes for instructors and solutions."""
    lines: int
    """Of code that a reader sees at once: neither folded away nor part of a solution."""
    allowed: int | None
    """The minutes that the exercise's notebook names; None where it names none, or there is no exercise."""


CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?P<body>.*?)^```$\n?", re.M | re.S)
NOT_TAUGHT = re.compile(r"^:::\{(?:solution-start\}.*?^:::\{solution-end|instructor-note)\}.*?^:::$\n?", re.M | re.S)


def size_of(lesson: Path, exercise: Path) -> Size:
    """Count a lesson and read what its exercise allows."""
    _, body = split_front_matter(lesson.read_text("utf-8"))
    body = NOT_TAUGHT.sub("", body)
    cells = [match["body"] for match in CELL.finditer(body)]
    shown = [cell for cell in cells if not re.search(r"remove-cell|remove-input|hide-input|hide-cell", cell)]
    lines = [line for cell in shown for line in cell.splitlines() if line.strip() and not line.startswith(":")]
    prose = re.sub(r"^:.*$", "", CELL.sub("", body), flags=re.M)
    allowed = None
    if exercise.is_file():
        named = re.search(r"Allow (\d+) minutes", exercise.read_text("utf-8"))
        allowed = int(named[1]) if named else None
    return Size(len(re.findall(r"[A-Za-z]{2,}", prose)), len(lines), allowed)


class LessonSizes(AllLessons):
    """``{lesson-sizes}``: words, lines of code and the exercise's minutes of each lesson, beside what is planned."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = ["| Lesson | Words | Lines of code | Planned | Exercise, alone |", "|---|---|---|---|---|"]
        words = lines = minutes = allowed = 0
        for lesson in self.lessons():
            exercise = Path(self.env.srcdir) / "exercises" / lesson.name / f"{lesson.name}.ipynb"
            if exercise.is_file():
                self.env.note_dependency(str(exercise))
            size = size_of(lesson.path, exercise)
            alone = f"{size.allowed} min" if size.allowed else ""
            planned = f"{lesson.teaching} + {lesson.exercises} min"
            rows.append(f"| [](/lessons/{lesson.path.name}) | {size.words:,} | {size.lines} | {planned} | {alone} |")
            words, lines, minutes = words + size.words, lines + size.lines, minutes + lesson.minutes
            allowed += size.allowed or 0
        return parse_markdown(self, [*rows, f"| *In all* | {words:,} | {lines} | {minutes} min | {allowed} min |"])


class AllKeypoints(AllLessons):
    """``{all-keypoints}``: every lesson's key points under its title."""

    def run(self) -> list[nodes.Node]:
        """Build one titled list a lesson."""
        built: list[nodes.Node] = []
        for lesson in self.lessons():
            title = f"**[](/lessons/{lesson.path.name})**"
            built += parse_markdown(self, [title, "", *bullets(lesson.keypoints)])
        return built


class ObjectivesAndTasks(AllLessons):
    """``{objectives-and-tasks}``: which graded task tests which objective."""

    def run(self) -> list[nodes.Node]:
        """Build one table a lesson; an objective with no graded task says so."""
        built: list[nodes.Node] = []
        for lesson in self.lessons():
            notebook = Path(self.env.srcdir) / "exercises" / lesson.name / f"{lesson.name}.ipynb"
            if notebook.is_file():  # what is not there counts as changed at each build
                self.env.note_dependency(str(notebook))
            tasks = tasks_by_objective(notebook)
            rows = [f"**[](/lessons/{lesson.path.name})**", "", "| Objective | Id | Graded tasks |", "|---|---|---|"]
            for key, sentence in lesson.objectives.items():
                named = ", ".join(f"`{task}`" for task in tasks.get(key, [])) or "in the lesson only"
                rows.append(f"| {' '.join(sentence.split())} | `{key}` | {named} |")
            built += parse_markdown(self, rows)
        return built


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("lesson-list", LessonList)
    app.add_directive("schedule", Schedule)
    app.add_directive("lesson-sizes", LessonSizes)
    app.add_directive("all-keypoints", AllKeypoints)
    app.add_directive("objectives-and-tasks", ObjectivesAndTasks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
