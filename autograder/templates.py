"""What all pages of the kit share: they escape what they are given, and say their words in the reader's language.

In a template, `say("{n} of {all} students", n=3, all=12)` says a text, `"Scores" | say` one without values, and
`say_plural` one that depends on ``n``. `text in backticks` is set as code. A value that is text is escaped, one that is
markup stays what it is.
"""

from __future__ import annotations

import html
import re
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape

from autograder.exercise.sentences import printable
from autograder.language import filled, language_attributes, number, translated


def environment(package: str, style: str = "page.css", lines: bool = False) -> jinja2.Environment:
    """An environment for the templates of a package.

    Args:
        package: its name; the style sheet lies in it. The template can ask for it as ``style``, with what all pages
            share before it.
        lines: whether texts keep their line ends.
    """

    def harmless(value: Any) -> Any:
        """Text without control characters, marks of direction and lone surrogates; the rest stays as it is."""
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return "\n".join(map(_printable, value.split("\n"))) if lines else _printable(value)

    made = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=harmless, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["say"] = made.globals["say"] = say
    made.filters["prose"] = prose
    made.filters["number"] = number
    made.globals["say_plural"] = say_plural
    made.globals["language_attributes"] = lambda: Markup(language_attributes())
    sheets = files("autograder").joinpath("page.css"), files(package).joinpath(*style.split("/"))
    made.globals["style"] = Markup("".join(sheet.read_text("utf-8") for sheet in sheets))
    return made


def say(text: str, **values: Any) -> Markup:
    """A text of a template in the reader's language, escaped."""
    return _made(text, translated(text), values)


def say_plural(one: str, many: str, n: float, **values: Any) -> Markup:
    """The same for a text that depends on a number, which stands in it as ``{n}``."""
    return _made(one if n == 1 else many, translated(one, many, n), {**values, "n": n})


def prose(value: str) -> Markup:
    """A message or a hint: `text in backticks` is set as code."""
    return _code(str(escape(_printable(value))))


def _made(english: str, text: str, values: dict[str, Any]) -> Markup:
    safe = {name: escape(_shown(value)) if isinstance(value, str) else value for name, value in values.items()}
    templates = [_code(html.escape(one, quote=False)) for one in (text, english)]
    return Markup(filled(templates[0], safe, instead=templates[1]))


def _shown(value: str) -> str:
    return value if isinstance(value, Markup) else _printable(value)


def _printable(value: str) -> str:
    return printable(value, "\ufffd")


def _code(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", text))
