"""Links from the book to its exercises and lessons that run in the reader's browser.

`make site` puts them in: the book alone has no such notebooks beside it. A lesson gets them under its title, the first
page in its list of lessons.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

WELCOME = "book/intro.html"
ACTIONS = '<p class="lesson-actions">'
DO_EXERCISE = "Do the exercise in the browser"
RUN_LESSON = "Run this lesson in the browser"


def link(site: Path, exercises: dict[str, str], lessons: dict[str, str]) -> None:
    """Link from every lesson, and from the first page, to what opens in the browser.

    Args:
        site: the folder with the book.
        exercises: addresses of the exercises' pages, relative to a lesson, by the lesson's name.
        lessons: the same of lessons that can be run.

    Raises:
        LookupError: the book has no place for a link: the theme, or the lessons' own boxes, have changed.
    """
    for name in sorted(exercises.keys() | lessons.keys()):
        page = site / "lessons" / f"{name}.html"
        if not page.is_file() and name in exercises:
            continue  # an exercise without a lesson has its link on the list of all exercises
        links = {DO_EXERCISE: exercises.get(name), RUN_LESSON: lessons.get(name)}
        page.write_text(
            under_title(page.read_text("utf-8"), {label: url for label, url in links.items() if url}), "utf-8"
        )
    welcome = site / WELCOME
    welcome.write_text(in_list(welcome.read_text("utf-8"), exercises), "utf-8")


def under_title(html: str, links: dict[str, str]) -> str:
    """The page of a lesson with these links, by their labels, first in the line under its title."""
    if ACTIONS not in html:
        raise LookupError(f"A lesson has no {ACTIONS}, into which its links belong.")
    made = "".join(f'<a class="reference in-the-page" href="{escape(url)}">{label}</a>' for label, url in links.items())
    return html.replace(ACTIONS, ACTIONS + made, 1)


def in_list(html: str, exercises: dict[str, str]) -> str:
    """The book's first page with a link to each lesson's exercise behind the lesson's entry in its list."""
    for name, url in exercises.items():
        entry = re.compile(
            rf'(<li>(?:(?!</?li>).)*?href="\.\./lessons/{re.escape(name)}\.html".*?)(</p>\s*</li>|</li>)', re.S
        )
        made = f' <a class="reference in-the-page" href="{escape(url)}">{DO_EXERCISE}</a>'
        html, times = entry.subn(lambda found, made=made: found[1] + made + found[2], html, count=1)  # type: ignore[misc]
        if not times and f"lessons/{name}.html" in html:
            raise LookupError(f"The book's first page has no entry for the lesson {name} in its list.")
    return html
