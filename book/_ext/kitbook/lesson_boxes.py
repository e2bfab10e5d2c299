"""The boxes of a lesson: overview, key points, notes for instructors, callouts."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from .front_matter import FrontMatterError, Lesson, read_lesson
from .html_element import HtmlElement, element, text

CALLOUTS = {
    "prerequisite": "Before you start",
    "pitfall": "Pitfall",
    "jargon": "In other words",
    "deeper": "If you want to know more",
    "way-on": "A way on",
}


def parse_markdown(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    """Parse Markdown that does not stand in the page itself, such as front matter."""
    holder = nodes.container()
    source = directive.get_source_info()[0]
    directive.state.nested_parse(StringList(lines, source), directive.content_offset, holder)
    return list(holder.children)


def bullets(items: list[str] | tuple[str, ...]) -> list[str]:
    """Markdown lines of a list."""
    return [f"- {' '.join(item.split())}" for item in items]


def box(title: str, *children: nodes.Node, classes: tuple[str, ...]) -> HtmlElement:
    """A titled section. Its title is no heading, so that a page's headings stay in order."""
    section = element("section", text("p", title, classes=("box-title",)), classes=("box", *classes), aria_label=title)
    section.extend(children)
    return section


class LessonDirective(SphinxDirective):
    """A directive whose content comes from the front matter of the page it stands on."""

    def lesson(self) -> Lesson:
        """The page's own front matter."""
        try:
            lesson = read_lesson(Path(self.env.doc2path(self.env.docname)))
        except FrontMatterError as error:
            raise self.error(str(error)) from error
        if lesson is None:
            raise self.error(f"`{self.name}` stands on a page without a `lesson` entry in its front matter")
        return lesson


class Overview(LessonDirective):
    """``{overview}``: minutes, questions and objectives."""

    def run(self) -> list[nodes.Node]:
        """Build the box."""
        lesson = self.lesson()
        minutes = text(
            "p", f"Teaching: {lesson.teaching} min · Exercises: {lesson.exercises} min", classes=("box-minutes",)
        )
        questions = parse_markdown(self, ["**Questions**", "", *bullets(lesson.questions)])
        objectives = parse_markdown(self, ["**Objectives**", "", *bullets(tuple(lesson.objectives.values()))])
        return [box("Overview", minutes, *questions, *objectives, classes=("overview",))]


class Keypoints(LessonDirective):
    """``{keypoints}``: what to remember."""

    def run(self) -> list[nodes.Node]:
        """Build the box."""
        points = parse_markdown(self, bullets(self.lesson().keypoints))
        return [box("Key points", *points, classes=("keypoints",))]


class InstructorNote(SphinxDirective):
    """``{instructor-note} Title``: hidden until the reader switches the notes on (see book.js)."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Build the note."""
        title = f"For instructors: {self.arguments[0]}" if self.arguments else "For instructors"
        note = box(title, *parse_markdown(self, list(self.content)), classes=("instructor-note",))
        note["attrs"]["hidden"] = "hidden"
        return [note]


class Callout(SphinxDirective):
    """``{callout} Title`` with ``:kind:`` one of CALLOUTS."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"kind": lambda value: directives.choice(value, tuple(CALLOUTS))}

    def run(self) -> list[nodes.Node]:
        """Build the callout."""
        kind = self.options.get("kind", "pitfall")
        title = f"{CALLOUTS[kind]}: {self.arguments[0]}" if self.arguments else CALLOUTS[kind]
        return [box(title, *parse_markdown(self, list(self.content)), classes=("callout", kind))]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("overview", Overview)
    app.add_directive("keypoints", Keypoints)
    app.add_directive("instructor-note", InstructorNote)
    app.add_directive("callout", Callout)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
