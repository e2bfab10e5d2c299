"""A graded notebook as an HTML page for the learner.

Filled from the result instead of the gradebook, so that pages can be made in parallel and without the database.
The template is our own (`feedback_page/`): nbgrader's names eight tasks "Test cell", links into itself, which
JupyterLab follows out of the page, leaves formulas to a script from elsewhere, and cannot be read by everybody.
"""

from __future__ import annotations

import copy
import html
import re
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import pass_context
from latex2mathml.converter import convert as latex_to_mathml
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML, ansi2html
from traitlets.config import Config

from autograder.course.grades import StudentGrades
from autograder.course.marks import Mark, in_order
from autograder.course.sources import REQUEST
from autograder.exercise.display import CheckView, as_typed, with_code
from autograder.exercise.outcome import SubmissionResult, of_points, shown
from autograder.exercise.passages import Reading
from autograder.language import _, language_attributes, number, said, say, say_plural

# Colouring code and reading Markdown take time that grows with the square of some texts, and no limit of the
# sandbox holds here. All exercises together hold less than a page may show.
MAX_CELL = 20_000  # characters of one cell that a page shows
MAX_LINE = 500  # of one line of code: the colouring goes back and forth within a line
MAX_PAGE = 100_000  # of all cells that are not the exercise's own
_ALT = _("A picture that this cell has drawn")
_CUT = _("(The rest of this cell is too long to show here; the notebook itself has it.)")


def feedback_page(notebook: nbformat.NotebookNode, result: SubmissionResult, clock: Clock | None = None) -> str:
    """The page for one student. `notebook` holds the results in its graded cells (`outputs.show_result`).

    What a student wrote can make it shorter, but never stop it. How long it takes is limited by a `clock`, which
    needs a process of its own: see `pages.page_of`.
    """
    global _clock
    page = copy.deepcopy(notebook)
    _shorten(page)
    _clock = clock
    if clock is not None:
        clock.unlimited = {cell.source for cell in page.cells if _is_locked(cell)}
    try:
        return _page(page, result)
    except Exception:  # a text that nbconvert's parsers choke on, such as quotes nested without end
        page.cells = [cell for cell in page.cells if _is_locked(cell)]
        return _page(page, result)
    finally:
        _clock = None


def page_without_notebook(result: SubmissionResult) -> str:
    """What there is to say if no page can be made of the notebook."""
    checks = "".join(CheckView(check, Reading(result.exercise)).html() for check in result.checks)
    asking = _how_to_ask() if result.score < result.max_score else ""
    title = _title(result.exercise, shown(result.score), shown(result.max_score))
    return _bare_page(title, f"{asking}{_told(result)}{checks}")


def page_without_work(result: SubmissionResult) -> str:
    """The same where there was no notebook, or none that could be read."""
    title = f"{result.exercise}: {of_points(result.score, result.max_score)}"
    return _bare_page(title, deadline_line(result) + _told(result))


def _told(result: SubmissionResult) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in (result.message, *result.notes) if line)


def _bare_page(title: str, content: str) -> str:
    """A page without the template, which everybody can read all the same.

    Args:
        title: text; the page's heading, too.
        content: markup.
    """
    title = html.escape(title)
    style = "body { font: 1rem/1.5 system-ui, sans-serif; margin: 1rem; overflow-wrap: anywhere }"
    return (
        f'<!DOCTYPE html><html {language_attributes()}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{style}</style></head>"
        f"<body><main><h1>{title}</h1>{content}</main></body></html>\n"
    )


def _how_to_ask() -> str:
    text = say(
        "If you think that something here is wrong, hand in a text file called `{file}` beside your notebook and say"
        " which task and why.",
        file=REQUEST,
    )
    return f'\n<p class="another-look">{with_code(text)}</p>'


class _OutOfTimeError(BaseException):
    """A part of a page took too long. Not for a library's ``except Exception`` to swallow."""


class Clock:
    """Counts the processor time that parts of a page take, and ends those that take too much.

    For the main thread of a process of its own: Python's patterns look for signals while they search.

    Args:
        part: seconds for one part.
        parts: seconds for all of them together.
    """

    def __init__(self, part: float, parts: float) -> None:
        self._part = part
        self._left = parts
        self.unlimited: set[str] = set()  # texts that are the exercise's own
        signal.signal(signal.SIGVTALRM, self._ring)

    def run(self, text: str, work: Callable[[], str], otherwise: Callable[[], str]) -> str:
        """What `work` makes of a text; if that takes too long, what `otherwise` does."""
        if text in self.unlimited:
            return work()
        allowed = min(self._part, self._left)
        if allowed <= 0:
            return otherwise()
        began = time.process_time()
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, allowed)
            return work()
        except _OutOfTimeError:
            return otherwise()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._left -= time.process_time() - began

    @staticmethod
    def _ring(*_signal: object) -> None:
        raise _OutOfTimeError


_clock: Clock | None = None


def _in_time(text: str, work: Callable[[], str], otherwise: Callable[[], str]) -> str:
    return work() if _clock is None else _clock.run(text, work, otherwise)


# The beginning of our own pages: numbers as they are, whatever the language is that the heading says them in.
_OURS = re.compile(
    r'<main data-exercise="([^"<>]*)" data-score="(-?[\d.]+)" data-max-score="([\d.]+)">\s*<h1>[^<]*</h1>'
)
# That of nbgrader's, and of ours from before there were other languages.
_HEADING = re.compile(r"(<h[14]>[^<]*\(Score: )(-?[\d.]+)( / ([\d.]+)\)</h[14]>)")
_LATE = re.compile(r'\s*<li class="late-penalty"(?: data-points="([\d.]+)")?>(?:[^<]*\(Score: -([\d.]+)\)|[^<]*)</li>')
_DEADLINE = re.compile(r'\s*<p class="deadline">[^<]*</p>')


@dataclass(frozen=True)
class _Heading:
    """Where a finished page says the score, and what it says."""

    start: int
    end: int
    score: float
    most: float
    ours: bool
    exercise: str = ""  # escaped; '' in a page that does not name it apart
    before: str = ""  # then, what stands before the number in the heading, and after it
    after: str = ""

    def saying(self, score: float) -> str:
        """The heading with another score."""
        if self.exercise:
            return opening(html.unescape(self.exercise), score, self.most)
        return f"{self.before}{round(score, 2)}{self.after}"


def _heading_of(page: str) -> _Heading | None:
    if found := _OURS.search(page):
        return _Heading(found.start(), found.end(), float(found[2]), float(found[3]), True, found[1])
    if found := _HEADING.search(page):
        ours, score, most = found[1].startswith("<h1>"), float(found[2]), float(found[4])
        return _Heading(found.start(), found.end(), score, most, ours, before=found[1], after=found[3])
    return None


def opening(exercise: str, score: float, most: float) -> str:
    """Where a page of ours begins: its heading, and the same numbers for programs."""
    points, of = round(float(score), 2), round(float(most), 2)
    title = html.escape(_title(exercise, number(points, ""), number(of, "")))
    numbers = f'data-score="{points}" data-max-score="{of}"'
    return f'<main data-exercise="{html.escape(exercise)}" {numbers}>\n<h1>{title}</h1>'


def _title(exercise: str, score: str, most: str) -> str:
    return say("{exercise} (Score: {score} / {most})", exercise=exercise, score=score, most=most)


def late_item(penalty: float) -> str:
    """The entry of a page's list that says what being late costs."""
    points = round(float(penalty), 2)
    text = html.escape(say("Late submission penalty (Score: -{points})", points=number(points, "")))
    return f'\n<li class="late-penalty" data-points="{points}">{text}</li>\n'


def with_deadline(page: str, result: SubmissionResult) -> str:
    """A finished page with what the result says about its due date, and what is lost for being late."""
    page = with_late_penalty(page, result.late_penalty)
    heading = _heading_of(page)
    if heading is None:
        return _DEADLINE.sub(lambda found: deadline_line(result), page, count=1)  # it has a place for it, or none
    rest = page[heading.end :]
    before = _DEADLINE.match(rest)
    return page[: heading.end] + deadline_line(result) + rest[before.end() if before else 0 :]


def deadline_line(result: SubmissionResult) -> str:
    """A paragraph that says when it was due and when it came; '' if it was never due."""
    says = "" if result.deadline is None else str(result.deadline.get("says", ""))
    return f'\n<p class="deadline">{html.escape(says)}</p>' if says else ""


def with_late_penalty(page: str, penalty: float) -> str:
    """A finished page, made by us or by nbgrader, with these points taken off instead of those that it names.

    Everything that is looked for comes before anything that a student wrote. A page of another form stays as it is.
    """
    heading = _heading_of(page)
    end = page.find("</ol>", heading.end) if heading else -1
    if heading is None or end < 0:
        return page
    items = page[heading.end : end]
    before = _LATE.search(items)
    score = heading.score + (float(before[1] or before[2] or 0.0) if before else 0.0) - penalty
    items = _LATE.sub("", items).rstrip()
    if penalty:
        items += late_item(penalty)
    return _saying_how_to_ask(f"{page[: heading.start]}{heading.saying(max(score, 0.0))}{items}{page[end:]}")


def as_in_gradebook(page: str, grades: StudentGrades) -> str:
    """A finished page with the points, the penalty and the comments that the gradebook has now."""
    marks = [Mark(task.name, task.manual, task.extra) for task in grades.tasks if task.by_hand]
    marks += [Mark(cell, comment=text) for cell, text in grades.comments.items()]
    return with_marks(with_late_penalty(page, grades.penalty), grades.score, in_order(marks))


_BY_HAND = re.compile(r'\s*<li class="by-hand">.*?</li>', re.DOTALL)


def with_marks(page: str, score: float, marks: Iterable[Mark]) -> str:
    """A finished page with what people changed and said, and the score that comes of it.

    As in `with_late_penalty`, all of it stands before anything that a student wrote.
    """
    heading = _heading_of(page)
    end = page.find("</ol>", heading.end) if heading else -1
    if heading is None or end < 0:
        return page
    items = _BY_HAND.sub("", page[heading.end : end]).rstrip()
    for mark in marks:
        items += f'\n<li class="by-hand"><code>{html.escape(mark.cell)}</code>: {_said_by_hand(mark)}</li>'
    return _saying_how_to_ask(f"{page[: heading.start]}{heading.saying(score)}{items}\n{page[end:]}")


_ASKING = re.compile(r'\s*<p class="another-look">.*?</p>')


def _saying_how_to_ask(page: str) -> str:
    """A page of ours with a line on how to ask for another look, if points are missing; without it, if none are."""
    heading = _heading_of(page)
    end = page.find("</ol>", heading.end) + len("</ol>") if heading else 0
    if heading is None or end < len("</ol>") or not heading.ours:
        return page
    before = _ASKING.match(page, end)
    line = _how_to_ask() if heading.score < heading.most else ""
    return page[:end] + line + page[before.end() if before else end :]


_ANSWERS = re.compile(r'\s*<section class="model-answers">.*?</section>', re.DOTALL)


def with_answers(page: str, answers: Mapping[str, Sequence[str]] | None) -> str:
    """A finished page of ours with the teacher's answers, by task; without them, if there are None.

    They stand behind the list of tasks, before anything that a student wrote. A page of another form stays as it is.
    """
    heading = _heading_of(page)
    end = page.find("</ol>", heading.end) + len("</ol>") if heading else 0
    if heading is None or end < len("</ol>") or not heading.ours:
        return page
    asking = _ASKING.match(page, end)
    end = asking.end() if asking else end
    before = _ANSWERS.match(page, end)
    shown = "" if answers is None else f"\n{_answers_section(answers)}"
    return page[:end] + shown + page[before.end() if before else end :]


def _answers_section(answers: Mapping[str, Sequence[str]]) -> str:
    tasks = "".join(
        f"\n<details><summary><code>{html.escape(task)}</code></summary>"
        + "".join(f'\n<div class="input_area"><pre>{html.escape(text)}</pre></div>' for text in texts)
        + "</details>"
        for task, texts in answers.items()
    )
    title = html.escape(say("Answers"))
    text = html.escape(
        say(
            "One answer to each task, from your teacher. Yours may differ and be right, too. Open one after you have"
            " thought about it once more."
        )
    )
    return f'<section class="model-answers"><h2>{title}</h2>\n<p>{text}</p>{tasks}\n</section>'


def _said_by_hand(mark: Mark) -> str:
    parts = []
    if mark.points is not None:
        parts.append(say_plural("{n:g} point given by hand.", "{n:g} points given by hand.", round(mark.points, 2)))
    if mark.extra:
        parts.append(say_plural("{n:+g} point by hand.", "{n:+g} points by hand.", round(mark.extra, 2)))
    if mark.comment:
        parts.append(f"{html.escape(say('Comment:'))} {html.escape(mark.comment)}")
    return " ".join(parts)


def _shorten(page: nbformat.NotebookNode) -> None:
    """Leave out what is too long of the cells that a student may have written."""
    left = MAX_PAGE
    for cell in page.cells:
        if _is_locked(cell):
            continue
        if cell.cell_type == "code":
            cell.source = "\n".join(
                line if len(line) <= MAX_LINE else line[:MAX_LINE] + " ..." for line in cell.source.split("\n")
            )
        allowed = min(MAX_CELL, left)
        if len(cell.source) > allowed:
            mark = f"# {said(_CUT)}" if cell.cell_type == "code" else said(_CUT)
            cell.source = f"{cell.source[:allowed]}\n\n{mark}" if allowed else mark
        left -= min(len(cell.source), allowed)


def _is_locked(cell: nbformat.NotebookNode) -> bool:
    return bool((cell.metadata.get("nbgrader") or {}).get("locked"))


def _page(page: nbformat.NotebookNode, result: SubmissionResult) -> str:
    tasks = [(check.name, CheckView(check).summary()) for check in result.checks]
    notes = [line for line in (result.message, *result.notes) if line]
    score = (result.score, result.max_score)
    about = _about(page, result.exercise, score, result.late_penalty, tasks, notes)
    made, _resources = _exporter().from_notebook_node(
        page, resources={"nbgrader": about, "metadata": {"name": result.exercise}}
    )
    return _saying_how_to_ask(str(made))


def page_of_points(
    page: nbformat.NotebookNode, exercise: str, score: tuple[float, float], late: float, tasks: list[tuple[str, str]]
) -> dict[str, Any]:
    """What the template needs for a notebook of which only the points are known; the notebook is made fit for it.

    Args:
        score: what was earned, less what was lost for being late, and what could be.
        late: the points lost for being late.
        tasks: name of each task, and what there is to say about it.
    """
    _shorten(page)
    return _about(page, exercise, score, late, tasks, [])


def _about(
    page: nbformat.NotebookNode,
    exercise: str,
    score: tuple[float, float],
    late: float,
    tasks: list[tuple[str, str]],
    notes: list[str],
) -> dict[str, Any]:
    for cell in page.cells:
        cell.metadata["alt"] = said(_ALT)
    return {
        "notebook": exercise,
        "attributes": language_attributes(),
        "opening": opening(exercise, *score),
        "late": late_item(late) if late > 0 else "",
        "tasks": tasks,
        "notes": [with_code(line) for line in notes],
    }


class Pages(HTMLExporter):  # type: ignore[misc]
    """nbconvert's exporter without its second half, which parses the finished page once more, for longer than it
    took to make it: to give pictures an alternative text (here `_ALT` does) and marks to cells that this template
    does not have. What this assumes of nbconvert is `compat.assumptions.PLAIN_PAGES`."""

    def from_notebook_node(self, nb: nbformat.NotebookNode, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        self.register_filter("highlight_code", _coloured)
        self.register_filter("ansi2html", _with_ansi)

        @pass_context
        def markdown(context: Any, source: str) -> str:
            return _in_time(source, lambda: str(self.markdown2html(context, source)), lambda: _plain(source))

        self.register_filter("markdown2html", markdown)
        page: tuple[str, Any] = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
        return page

    def get_prefix_root_dirs(self) -> list[str]:
        return [*super().get_prefix_root_dirs(), *_shared_files()]


def _coloured(source: str, language: str | None = None, metadata: Any = None) -> str:
    """A cell's code in colours. Most cells are the exercise's own, the same in every submission."""
    return _in_time(source, lambda: _coloured_python(source), lambda: f'<div class="highlight">{_plain(source)}</div>')


def _with_ansi(text: str) -> str:
    return _in_time(text, lambda: str(ansi2html(text)), lambda: html.escape(text.replace("\x1b", "")))


def _plain(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"


@lru_cache(300)  # cells; all exercises together have half as many of their own, and a student's may be long
def _coloured_python(source: str) -> str:
    return str(Highlight2HTML(pygments_lexer="ipython3")(source))


_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)  # of Markdown, which has none in another
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def _with_formulas(page: str, cell: nbformat.NotebookNode) -> str:
    """The exercise's own formulas as MathML, which browsers show and screen readers read without a script. A student's
    text is shown as it was typed: no script looks for formulas in it."""
    page = _TABLE.sub(_scrolling, page)
    if not _is_locked(cell):
        # Should a page around this one have MathJax, that passes over it.
        return f'<div class="tex2jax_ignore mathjax_ignore">{as_typed(page)}</div>'

    def made(found: re.Match[str]) -> str:
        display = "block" if found[1] else "inline"
        return str(latex_to_mathml(html.unescape(found[1] or found[2]), display=display))

    return _FORMULA.sub(made, page)


def _scrolling(table: re.Match[str]) -> str:
    """A table that scrolls by itself where the window is narrow, by keyboard too."""
    name = html.escape(say("Table"))
    return f'<div class="output_html" tabindex="0" role="group" aria-label="{name}">{table[0]}</div>'


@pass_context
def _said_now(_context: Any, text: str, **values: Any) -> str:
    """`say` for the template. With the context, since Jinja works out anything else once, in the first language."""
    return say(text, **values)


def _shared_files() -> list[str]:
    """Where nbconvert's own templates were installed: not below `sys.prefix` if that builds on another environment."""
    try:
        files = distribution("nbconvert").files or []
    except PackageNotFoundError:
        return []
    found = (Path(str(f.locate())).resolve() for f in files if f.parts[-3:] == ("templates", "classic", "conf.json"))
    return [str(file.parents[3]) for file in found]


def template_config() -> Config:
    """nbconvert's configuration for our template."""
    config = Config()
    config.HTMLExporter.template_name = "feedback_page"
    config.HTMLExporter.extra_template_basedirs = [str(Path(__file__).parent)]
    config.HTMLExporter.exclude_anchor_links = True
    config.HTMLExporter.filters = {"say": _said_now, "with_formulas": _with_formulas}
    config.HTMLExporter.preprocessors = []
    config.HTMLExporter.default_preprocessors = []  # none of them is enabled, and after each the page is validated
    return config


@cache
def _exporter() -> Pages:
    return Pages(config=template_config())
