"""A lesson's front matter: the one place where its questions, objectives, key points and minutes are written.

.. code-block:: yaml

    lesson:
      teaching: 40            # minutes
      exercises: 30           # minutes
      questions: ["What is a dense layer?"]
      objectives:
        count-parameters: Count the parameters of a dense layer by hand.
      keypoints: ["A dense layer is $Wx + b$ and an activation."]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class FrontMatterError(ValueError):
    """What is wrong with a lesson's front matter, in one line."""


@dataclass(frozen=True)
class Lesson:
    """A lesson as its front matter describes it. Texts are Markdown."""

    path: Path
    title: str
    teaching: int
    exercises: int
    questions: tuple[str, ...]
    objectives: dict[str, str]
    keypoints: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name shared by a lesson and its exercise, such as ``03-dense-networks``."""
        return self.path.stem

    @property
    def minutes(self) -> int:
        """Teaching and exercises together."""
        return self.teaching + self.exercises


def split_front_matter(source: str) -> tuple[dict[str, Any], str]:
    """Part a MyST file into its YAML front matter and the Markdown below it."""
    if not source.startswith("---\n"):
        return {}, source
    header, mark, body = source[4:].partition("\n---\n")
    if not mark:
        return {}, source
    return yaml.safe_load(header) or {}, body


def title_of(body: str) -> str:
    """The text of the first heading of level one."""
    for line in body.splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return ""


def read_lesson(path: Path) -> Lesson | None:
    """Read one lesson. None for a page without a ``lesson`` entry; FrontMatterError for a faulty one."""
    header, body = split_front_matter(path.read_text("utf-8"))
    entry = header.get("lesson")
    if entry is None:
        return None
    expected = {"teaching", "exercises", "questions", "objectives", "keypoints"}
    if set(entry) != expected:
        raise FrontMatterError(f"{path.name}: `lesson` needs exactly {sorted(expected)}, has {sorted(entry)}")
    if not all(isinstance(entry[key], int) and entry[key] > 0 for key in ("teaching", "exercises")):
        raise FrontMatterError(f"{path.name}: minutes are whole numbers above 0")
    if not isinstance(entry["objectives"], dict):
        raise FrontMatterError(f"{path.name}: objectives are written `id: text`")
    return Lesson(
        path=path,
        title=title_of(body),
        teaching=entry["teaching"],
        exercises=entry["exercises"],
        questions=tuple(entry["questions"]),
        objectives=dict(entry["objectives"]),
        keypoints=tuple(entry["keypoints"]),
    )


def reading_order(folder: Path) -> list[str]:
    """The names of a folder's pages in the order of the book's table of contents, where there is one beside it."""
    contents = folder.parent / "_toc.yml"
    if not contents.is_file():
        return []
    return re.findall(rf"^\s*- file: {folder.name}/(\S+)$", contents.read_text("utf-8"), re.M)


def read_lessons(folder: Path) -> list[Lesson]:
    """All lessons of a folder as they are read: by the table of contents, and those that it lacks by their names."""
    order = reading_order(folder)
    paths = sorted(
        folder.glob("[0-9][0-9]-*.md"),
        key=lambda path: (order.index(path.stem) if path.stem in order else len(order), path.name),
    )
    found = (read_lesson(path) for path in paths)
    return [lesson for lesson in found if lesson is not None]
