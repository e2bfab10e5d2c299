"""Each lesson as a notebook to take away.

The notebook is made from the lesson's source and this build's run: prose without the book's directives, code without
outputs. What belongs to the book alone stays behind: solutions of challenges, notes for instructors, answers to
quizzes, cells that only hand numbers to the prose (those numbers are filled in).

It lies in `notebooks/` of the built book, and its exercise, as learners get it, in `notebooks/exercises/`. A publisher
who pushes the book to a branch can point the launch buttons at it: set ``kitbook_launch`` in `_config.yml`.

What this assumes of MyST-NB is `LESSONS` in `autograder/compat/assumptions.py`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import nbformat
from docutils import nodes
from myst_nb.core.read import read_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from .execution import failed_pages
from .first_cell import FROM_KERAS, INSTALL
from .front_matter import Lesson, read_lesson, split_front_matter
from .lesson_boxes import CALLOUTS

#: Cells with one of these tags serve the book alone.
BOOK_ONLY = {"remove-cell", "book-only"}
FENCE = re.compile(
    r"^(?P<mark>`{3,}|:{3,})\{(?P<name>[\w-]+)\}[ ]?(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=mark)[ ]*$\n?", re.M | re.S
)
OPTION = re.compile(r"\A(?:^:[\w-]+:.*\n)+\n?", re.M)
GLUE = re.compile(r"\{glue:text\}`(?P<name>[\w-]+)(?::(?P<format>[^`]+))?`")
ROLE = re.compile(r"\{(?P<role>[\w:-]+)\}`(?P<content>[^`]+)`")
LINK = re.compile(r"\[(?P<words>[^\]\[]*)\]\((?P<page>[^)\s]+?)\.md\)")
SOLUTION = re.compile(r"^(`{3}|:{3})\{solution-start\}.*?^\1\{solution-end\}\s*^\1$\n?", re.M | re.S)


def as_box(title: str, body: str) -> str:
    """Markdown for a titled block."""
    lines = [f"**{title}**", "", *body.strip().splitlines()] if title else body.strip().splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines) + "\n"


def as_question(label: str) -> Callable[[str, str, Lesson], str]:
    """Markdown for a quiz or a prediction: the question and its choices, not the answers."""

    def write(title: str, body: str, lesson: Lesson) -> str:
        choices = re.findall(r"^- (?:right|wrong): (.*)$", body, re.M)
        listed = "\n".join(f"* {choice}" for choice in choices) if choices else ""
        return as_box(f"{label}: {title}", listed)

    return write


def write_overview(title: str, body: str, lesson: Lesson) -> str:
    """Markdown for the overview."""
    lines = [f"Teaching: {lesson.teaching} min. Exercises: {lesson.exercises} min.", "", "Questions", ""]
    lines += [f"* {question}" for question in lesson.questions]
    lines += ["", "Objectives", ""] + [f"* {objective}" for objective in lesson.objectives.values()]
    return as_box("Overview", "\n".join(lines))


def write_keypoints(title: str, body: str, lesson: Lesson) -> str:
    """Markdown for the key points."""
    return as_box("Key points", "\n".join(f"* {point}" for point in lesson.keypoints))


def nothing(title: str, body: str, lesson: Lesson) -> str:
    """Leave the directive out."""
    return ""


def write_callout(title: str, body: str, lesson: Lesson) -> str:
    """Markdown for a callout."""
    kind = re.search(r"^:kind: *([\w-]+)", body, re.M)
    label = CALLOUTS[kind.group(1) if kind else "pitfall"]
    return as_box(f"{label}: {title}", OPTION.sub("", body))


DIRECTIVES: dict[str, Callable[[str, str, Lesson], str]] = {
    "overview": write_overview,
    "keypoints": write_keypoints,
    "instructor-note": nothing,
    "quiz": as_question("Check yourself"),
    "predict": as_question("Predict, then run the next cell"),
    "exercise": lambda title, body, lesson: as_box(f"Challenge: {title}", OPTION.sub("", body)),
    "callout": write_callout,
    "picture": nothing,
    "widget": nothing,
    "bibliography": nothing,
    "math": lambda title, body, lesson: f"$$\n{body.strip()}\n$$\n",
}


def plain_role(match: re.Match[str]) -> str:
    """A role as plain words: ``{term}`scores <score>` `` is *scores*, a citation its key."""
    content = match["content"]
    if match["role"].startswith("cite"):
        return f"[{content}]"
    return content.partition(" <")[0]


def plain_markdown(text: str, lesson: Lesson, numbers: dict[str, Any]) -> str:
    """Turn the book's Markdown into what any notebook shows."""

    def directive(match: re.Match[str]) -> str:
        write = DIRECTIVES.get(match["name"])
        if write is None:
            return as_box(match["title"], OPTION.sub("", match["body"]))
        return write(match["title"], match["body"], lesson)

    def number(match: re.Match[str]) -> str:
        value = numbers[match["name"]]
        return format(value, match["format"]) if match["format"] else str(value)

    text = FENCE.sub(directive, text)
    text = GLUE.sub(number, text)
    text = ROLE.sub(plain_role, text)
    return LINK.sub(lambda match: match["words"] or f"the page *{match['page'].rsplit('/', 1)[-1]}*", text).strip()


def glued_numbers(glued: Path) -> dict[str, Any]:
    """The numbers that a lesson's run handed to its prose, by name, from the file that MyST-NB keeps them in."""
    if not glued.is_file():
        return {}
    outputs = json.loads(glued.read_text("utf-8"))
    return {name: json_value(output["data"]["text/plain"]) for name, output in outputs.items()}


def json_value(text: str) -> Any:
    """A number or string from its ``repr``."""
    try:
        return json.loads(text.replace("'", '"'))
    except ValueError:
        return text


def first_cell(source: str, install: str) -> str:
    """What has to run first where the lessons' package is missing; empty for a lesson that can do without it."""
    if install:
        return INSTALL.format(package=install).strip()
    return FROM_KERAS.strip() if "from autograder" in source else ""


def notebook_to_take_away(
    source: str, lesson: Lesson, numbers: dict[str, Any], install: str = ""
) -> nbformat.NotebookNode:
    """Make the notebook of a lesson. ``numbers`` are what the prose quotes from the run.

    ``install`` is what pip needs to install the lessons' package; empty where it cannot be installed from anywhere.
    """
    header, _ = split_front_matter(source)
    without_solutions = SOLUTION.sub("", source)
    read = read_myst_markdown_notebook(without_solutions)
    cells = []
    for cell in read.cells:
        if cell.cell_type == "markdown":
            text = plain_markdown(cell.source, lesson, numbers)
            if text:
                cells.append(nbformat.v4.new_markdown_cell(text))  # type: ignore[no-untyped-call]
        elif not BOOK_ONLY & set(cell.metadata.get("tags", [])):
            cells.append(nbformat.v4.new_code_cell(cell.source))  # type: ignore[no-untyped-call]
    first = first_cell(without_solutions, install)
    if first:
        cells.insert(0, nbformat.v4.new_code_cell(first))  # type: ignore[no-untyped-call]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    # The language, or a page that has another Python than the one named asks the reader which to take.
    notebook.metadata["kernelspec"] = {**header["kernelspec"], "language": "python"}
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return notebook


def is_notebook(source: str) -> bool:
    """Whether a page is run when the book is built."""
    return split_front_matter(source)[0].get("file_format") == "mystnb"


def write_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Write a notebook for each lesson into the built book."""
    if error is not None or app.builder.name != "html":
        return
    target = Path(app.outdir) / "notebooks"
    target.mkdir(exist_ok=True)
    install = app.config.kitbook_launch.get("install", "")
    if install:
        (Path(app.outdir) / "requirements.txt").write_text(f"{install}\n", "utf-8")
    incomplete = failed_pages(app.env)
    for page in offered_pages(app):
        if page in incomplete:
            continue  # the numbers that its prose quotes are missing; `execution` says why
        path = Path(app.env.doc2path(page))
        lesson = read_lesson(path) or Lesson(path, "", 0, 0, (), {}, ())
        glued = Path(app.outdir).parent / "jupyter_execute" / f"{page}.glue.json"
        notebook = notebook_to_take_away(path.read_text("utf-8"), lesson, glued_numbers(glued), install)
        nbformat.write(notebook, target / f"{lesson.name}.ipynb")  # type: ignore[no-untyped-call]
        exercise = exercise_of(app, lesson.name)
        if exercise is not None:
            (target / "exercises").mkdir(exist_ok=True)
            shutil.copyfile(exercise, target / "exercises" / exercise.name)


def exercise_of(app: Sphinx, name: str) -> Path | None:
    """The notebook that learners get with a lesson; None where there is no exercise to it."""
    path = Path(app.srcdir) / "exercises" / name / f"{name}.ipynb"
    return path if path.is_file() else None


def offered_pages(app: Sphinx) -> list[str]:
    """The pages that come as notebooks: those below `lessons/` that are run."""
    pages = [page for page in sorted(app.env.found_docs) if page.startswith("lessons/")]
    return [page for page in pages if is_notebook(Path(app.env.doc2path(page)).read_text("utf-8"))]


def launch_links(launch: dict[str, str], name: str) -> dict[str, str]:
    """Where each configured service opens a notebook, by the service's name.

    ``name`` is that of a lesson, or ``exercises/`` and that of an exercise.
    """
    repository = launch.get("repository", "").rstrip("/")
    if not repository:
        return {}
    branch = launch.get("branch", "gh-pages")
    folder = repository.rsplit("/", 1)[-1]
    owner_and_name = "/".join(repository.rsplit("/", 2)[-2:])
    path = f"notebooks/{name}.ipynb"
    links = {}
    if hub := launch.get("jupyterhub", "").rstrip("/"):
        query = urlencode({"repo": repository, "branch": branch, "urlpath": f"lab/tree/{folder}/{path}"})
        links["JupyterHub"] = f"{hub}/hub/user-redirect/git-pull?{query}"
    if colab := launch.get("colab", "").rstrip("/"):
        links["Colab"] = f"{colab}/github/{owner_and_name}/blob/{quote(branch)}/{path}"
    if binder := launch.get("binder", "").rstrip("/"):
        query = urlencode({"urlpath": f"lab/tree/{path}"})
        links["Binder"] = f"{binder}/v2/gh/{owner_and_name}/{quote(branch)}?{query}"
    return links


def add_links(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the download and the launch links under a lesson's title."""
    if app.builder.name != "html" or page not in offered_pages(app):
        return
    name = page.rsplit("/", 1)[-1]
    links = {"Download this lesson as a notebook": f"../notebooks/{name}.ipynb"}
    for service, address in launch_links(app.config.kitbook_launch, name).items():
        links[f"Open in {service}"] = address
    if exercise_of(app, name) is not None:
        links["Download the exercise"] = f"../notebooks/exercises/{name}.ipynb"
        for service, address in launch_links(app.config.kitbook_launch, f"exercises/{name}").items():
            links[f"Exercise in {service}"] = address
    paragraph = nodes.paragraph(classes=["lesson-actions"])
    for label, address in links.items():
        paragraph += nodes.reference("", label, refuri=address, internal=True)
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and title.parent is not None:
        title.parent.insert(title.parent.index(title) + 1, paragraph)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the configuration and the two steps."""
    app.add_config_value("kitbook_launch", {}, "html", types=[dict])
    app.connect("doctree-resolved", add_links)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
