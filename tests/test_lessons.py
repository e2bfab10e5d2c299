"""The lessons' sources: complete front matter, sound questions, and notebooks that lose what they must."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from jupyter_cache.executors.utils import single_nb_execution
from kit import missing
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.about import about  # noqa: E402
from kitbook.accessibility import mend  # noqa: E402
from kitbook.execution import (  # noqa: E402
    CELL,
    FIRST_LINES,
    execution_digest,
    files_that_matter,
    prepare_kernels,
    what_ended,
)
from kitbook.figures import adapt_svg  # noqa: E402
from kitbook.front_matter import (  # noqa: E402
    FrontMatterError,
    Lesson,
    read_lesson,
    read_lessons,
    split_front_matter,
)
from kitbook.generated_pages import Size, clock, size_of, tasks_by_objective, timetable  # noqa: E402
from kitbook.notebooks import launch_links, notebook_to_take_away, plain_markdown  # noqa: E402
from kitbook.pictures import ANSWER, PICTURES  # noqa: E402

from autograder.exercise.definition import exercise_names  # noqa: E402
from book.build import ensure_packages  # noqa: E402

NAMES = re.findall(r"^ +- file: lessons/(\d\d-[\w-]+)$", (ROOT / "_toc.yml").read_text("utf-8"), re.M)
LESSONS = [ROOT / "lessons" / f"{name}.md" for name in NAMES]
NO_LESSON = Lesson(Path("x.md"), "", 0, 0, (), {}, ())


def test_the_lessons_are_there_in_the_order_of_the_table_of_contents() -> None:
    assert [lesson.name for lesson in read_lessons(ROOT / "lessons")] == NAMES
    assert sorted(NAMES) == exercise_names(), "each exercise has a lesson of its name in lessons/ and in _toc.yml"


def test_lessons_without_a_table_of_contents_come_by_name(tmp_path: Path) -> None:
    for name in ("02-b", "01-a"):
        (tmp_path / f"{name}.md").write_text((ROOT / "lessons" / "02-one-hot-encoding.md").read_text("utf-8"))
    assert [lesson.name for lesson in read_lessons(tmp_path)] == ["01-a", "02-b"]


@pytest.mark.parametrize("path", LESSONS, ids=NAMES)
def test_a_lesson_has_all_its_parts(path: Path) -> None:
    source = path.read_text("utf-8")
    for part in (":::{overview}", ":::{keypoints}"):
        assert source.count(part) == 1
    assert source.count(":::{predict}") >= 1
    assert source.count(":::{quiz}") >= 1
    assert source.count(":::{exercise}") >= 2
    assert source.count(":::{exercise}") == source.count(":::{solution-start}") == source.count(":::{solution-end}")
    assert source.count(":::{instructor-note}") >= 1
    assert source.count(":kind: way-on") == 1


@pytest.mark.parametrize("path", LESSONS, ids=NAMES)
def test_every_wrong_answer_explains_itself(path: Path) -> None:
    for question in re.findall(r"^:::\{(?:quiz|predict)\}(.*?)^:::$", path.read_text("utf-8"), re.M | re.S):
        answers = re.split(r"^- (?=right:|wrong:)", question, flags=re.M)[1:]
        assert sum(answer.startswith("right:") for answer in answers) == 1
        for answer in answers:
            explanation = answer.partition("\n\n")[2].strip()
            assert len(explanation.split()) >= 5, answer


@pytest.mark.parametrize("path", LESSONS, ids=NAMES)
def test_lessons_use_no_private_names_and_one_backend_api(path: Path) -> None:
    code = "\n".join(re.findall(r"```\{code-cell\}.*?```", path.read_text("utf-8"), re.S))
    assert not re.search(r"\b\w+\._[a-z]", code)
    assert not re.search(r"\bimport (tensorflow|torch|jax)\b", code)


def test_faulty_front_matter_is_named_in_one_line(tmp_path: Path) -> None:
    page = tmp_path / "01-x.md"
    page.write_text("---\nlesson: {teaching: 5}\n---\n\n# X\n")
    with pytest.raises(FrontMatterError, match=r"01-x\.md: `lesson` needs exactly"):
        read_lesson(page)
    page.write_text("# Only a page\n")
    assert read_lesson(page) is None


def test_the_digest_changes_with_data_and_what_cells_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data", "autograder/grading", "book/_ext", "lessons"):
        (tmp_path / folder).mkdir(parents=True)
    cell = "# T\n\n```{code-cell} python\n:tags: [hide-input]\n%time 1\nfrom autograder.data import a\n```\n"
    files = {
        "lessons/01-x.md": cell,
        "data/mnist.npz": "1",
        "autograder/__init__.py": "def __getattr__(name):\n    from autograder.grading import batch\n",
        "autograder/data.py": "def a():\n    from autograder import errors\n",
        "autograder/errors.py": "",
        "autograder/grading/batch.py": "",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    seen = [execution_digest(tmp_path)]
    changes_outputs = set(files) - {"lessons/01-x.md", "autograder/grading/batch.py"}
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n# changed\n")
        seen.append(execution_digest(tmp_path))
        assert (seen[-1] != seen[-2]) == (name in changes_outputs), name
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert execution_digest(tmp_path) not in seen


def test_no_module_that_a_cell_loads_is_missing_in_the_digest() -> None:
    lines = [line for line in FIRST_LINES if line.startswith("from autograder")]
    for page in [*(ROOT / "lessons").glob("*.md"), *(ROOT / "book").glob("*.md")]:
        code = "\n".join(CELL.findall(page.read_text("utf-8")))
        lines += re.findall(r"^(?:from|import) autograder\b.*", code, re.M)
    assert len(lines) > 5
    ours = "(m.__file__ for n, m in list(sys.modules.items()) if n.split('.')[0] == 'autograder')"
    look = f"import sys; print(*{ours}, sep=chr(10))"
    code = "\n".join([*lines, look])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {Path(file).relative_to(ROOT) for file in done.stdout.splitlines()}
    assert Path("autograder/data.py") in loaded
    assert loaded <= {path.relative_to(ROOT) for path in files_that_matter(ROOT)}


@pytest.mark.slow
def test_lessons_train_in_the_faster_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should this fail, no number is wrong: the book takes twice as long to build."""
    for name in (
        "IPYTHONDIR",
        "MATPLOTLIBRC",
        "NO_COLOR",
        "TF_CPP_MIN_LOG_LEVEL",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "")  # to be put back
        monkeypatch.delenv(name)
    prepare_kernels(ROOT, tmp_path)
    cells = [
        "import keras\nimport numpy as np",
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "model.compile(loss='mse', optimizer='adam')\nmodel.fit(np.ones((9, 2)), np.ones((9, 1)), verbose=0)",
        "assert hasattr(model.train_function, '_autograder_loop'), 'Keras trained it alone'",
        "import os\nassert os.environ['TF_NUM_INTRAOP_THREADS'] == '1', 'its numbers depend on the number of cores'",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=600, startup_timeout=600).execute()


def test_a_task_stands_under_its_objective(tmp_path: Path) -> None:
    notebook = tmp_path / "x.ipynb"
    assert tasks_by_objective(notebook) == {}
    notebook.write_text(
        '{"cells": [{"metadata": {"nbgrader": {"grade": true, "grade_id": "output"},'
        '"autograder": {"objective": "o"}}},'
        '{"metadata": {}}]}'
    )
    assert tasks_by_objective(notebook) == {"o": ["output"]}


def test_a_timetable_counts_on_past_the_hour() -> None:
    assert [clock(9 * 60), clock(9 * 60 + 70)] == ["09:00", "10:10"]


def test_svg_takes_the_pages_colour_and_its_own_ids() -> None:
    drawn = adapt_svg(
        '<?xml version="1.0"?><svg width="72pt" height="72pt" viewBox="0 0 72 72"><g id="a" style="fill: #0a0b0c" '
        'clip-path="url(#b)"><use xlink:href="#c"/></g></svg>',
        "fig1",
        'a "small" drawing',
    )
    assert "#0a0b0c" not in drawn
    for part in ("currentColor", 'id="fig1-a"', "url(#fig1-b)", 'href="#fig1-c"'):
        assert part in drawn
    assert 'role="img" aria-label="a &quot;small&quot; drawing"' in drawn
    assert "max-width: 96px" in drawn


def test_repairs_take_away_what_axe_objects_to_and_nothing_else() -> None:
    page = (
        '<summary aria-label="Toggle hidden content"><p>Show the code</p></summary><div role="list" '
        'class="citation-list"></div><span style="color: #00af00; text-decoration-color: #00af00">784</span>'
        '<button aria-label="Close">x</button><div id="pst-primary-sidebar" class="bd-sidebar">'
    )
    mended = mend(page)
    assert mended == (
        '<summary><p>Show the code</p></summary><div class="citation-list"></div><span>784</span>'
        '<button aria-label="Close">x</button>'
        '<div role="region" aria-label="The book" id="pst-primary-sidebar" class="bd-sidebar">'
    )
    assert mend(mended) == mended


def test_the_arrow_of_a_chapter_that_unfolds_has_a_name() -> None:
    arrow = '<span class="toctree-toggle" role="presentation"></span></summary>'
    for kind, href, fold in (
        ("reference internal", "a.html", "<details>"),
        ("current reference", "#", '<details open="">'),
    ):
        mended = mend(f'<li><a class="{kind}" href="{href}">A guide</a>{fold}<summary>{arrow}')
        assert f'<summary aria-label="Pages below: A guide">{arrow}' in mended
        assert mend(mended) == mended


def test_markdown_for_notebooks_loses_roles_and_fills_in_numbers() -> None:
    text = (
        "{term}`Scores <score>` reach {glue:text}`a:.1%` {cite}`x2020`, see [](keras-at-a-glance.md) on [layers](a.md)."
    )
    assert plain_markdown(text, NO_LESSON, {"a": 0.9321}) == (
        "Scores reach 93.2% [x2020], see the page *keras-at-a-glance* on layers."
    )


def test_a_notebook_to_take_away_has_no_solution() -> None:
    source = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---

# T

:::{exercise} Do it
:label: do
Well.
:::

:::{solution-start} do
:class: dropdown
:::
SECRET prose
```{code-cell} python
SECRET = 1
```
:::{solution-end}
:::

:::{quiz} Which?
- right: `a`

  SECRET because
- wrong: b

  SECRET no
:::

```{code-cell} python
:tags: [hide-input]
x = 1
```

```{code-cell} python
:tags: [remove-cell]
glue("SECRET", 1)
```
"""
    notebook = notebook_to_take_away(source, NO_LESSON, {})
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "SECRET" not in text
    for part in ("Challenge: Do it", "* `a`", "x = 1"):
        assert part in text


def test_a_notebook_installs_the_package_only_where_that_is_asked_for() -> None:
    source = "---\nfile_format: mystnb\nkernelspec: {name: python3, display_name: Python 3}\n---\n\n# T\n"
    assert len(notebook_to_take_away(source, NO_LESSON, {}).cells) == 1
    first = notebook_to_take_away(source, NO_LESSON, {}, install="https://example.org/kit.whl").cells[0]
    assert first.cell_type == "code"
    assert '%pip install --quiet "https://example.org/kit.whl"' in first.source


def test_a_notebook_takes_the_images_from_keras_where_the_package_is_missing() -> None:
    source = "---\nfile_format: mystnb\nkernelspec: {name: python3, display_name: Python 3}\n---\n\n# T\n\n"
    source += "```{code-cell} python\nfrom autograder.data import load_mnist\n```\n"
    first, *rest = notebook_to_take_away(source, NO_LESSON, {}).cells
    assert "keras.datasets.mnist.load_data" in first.source
    assert len(rest) == 2


def test_the_first_page_names_the_repository_where_there_is_one() -> None:
    address = "https://git.example.org/owner/kit"
    named = "\n".join(about("A. Uthor", f"{address}/"))
    for part in ("A. Uthor", f"]({address}/issues)", f"]({address})"):
        assert part in named
    assert "](" not in "\n".join(about("A. Uthor", "")), "no link that leads nowhere"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_says_what_it_shows_and_fits_a_phone(name: str) -> None:
    drawing = PICTURES[name]()
    assert drawing.width <= 440, "on a phone of 360 there are 334 for it, so that words of 14 pixels still have 10"
    svg = drawing.svg('A "unit".')
    assert 'aria-label="A &quot;unit&quot;."' in svg
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)]
    assert min(sizes) >= 14
    for x in map(float, re.findall(r'<text x="([\d.]+)"', svg)):
        assert 0 < x < drawing.width


def test_the_drawn_probabilities_are_probabilities() -> None:
    assert min(ANSWER) >= 0
    assert round(sum(ANSWER), 9) == 1
    assert max(range(10), key=ANSWER.__getitem__) == 7, "the image is a 7"


def test_sessions_are_as_alike_as_whole_lessons_allow() -> None:
    rows = timetable(read_lessons(ROOT / "lessons"), 9 * 60, 15, 2)
    starts = [row for row in rows if row.startswith("| 09:00")]
    assert len(starts) == 2, "each session begins at nine"
    assert "01-image-classification" in starts[0]
    assert "06-how-a-network-learns" in starts[1]
    assert sum("*Break*" in row for row in rows) == 5
    assert rows[-1].startswith("| 13:55"), "90 + 15 + 85 + 15 + 90 minutes after nine"


def test_a_lesson_is_counted_without_what_is_folded_away(tmp_path: Path) -> None:
    lesson, exercise = tmp_path / "a.md", tmp_path / "a.ipynb"
    hidden = "```{code-cell} python\n:tags: [hide-input]\nhidden = 1\n```\n"
    note = ":::{instructor-note} Ask\nNot for readers.\n:::\n"
    solution = ":::{solution-start} x\n:::\nSECRET\n```{code-cell} python\ny = 2\n```\n:::{solution-end}\n:::\n"
    lesson.write_text(
        f"# A title\n\nTwo words.\n\n```{{code-cell}} python\nx = 1\n\nx + 1\n```\n{hidden}{note}{solution}"
    )
    assert size_of(lesson, exercise) == Size(words=3, lines=2, allowed=None)
    exercise.write_text("Allow 40 minutes.")
    assert size_of(lesson, exercise).allowed == 40


def test_markdown_is_tidy() -> None:
    if shutil.which("npm") is None:
        missing("npm is not installed")
    ensure_packages()
    answer = subprocess.run(
        [str(ROOT / "book" / "node_modules" / ".bin" / "markdownlint-cli2")], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr


def test_code_fits_the_page() -> None:
    # 78 characters are what a wide page shows without scrolling.
    long = []
    for path in (ROOT / "lessons").glob("*.md"):
        for cell in re.findall(r"```\{code-cell\} python\n(.*?)```", path.read_text("utf-8"), re.S):
            if "remove-cell" in cell or "remove-input" in cell:
                continue
            lines = [line for line in cell.splitlines() if not line.startswith((":tags:", ":mystnb:"))]
            long += [f"{path.name}: {line}" for line in lines if len(line) > 78]
    assert not long


def test_launch_links_are_off_until_a_repository_is_set() -> None:
    services = {"jupyterhub": "https://hub.example.org", "colab": "https://colab.example.org", "binder": ""}
    assert launch_links(services, "04-softmax") == {}
    links = launch_links({**services, "repository": "https://github.com/owner/kit"}, "04-softmax")
    assert links["Colab"] == "https://colab.example.org/github/owner/kit/blob/gh-pages/notebooks/04-softmax.ipynb"
    assert links["JupyterHub"].startswith("https://hub.example.org/hub/user-redirect/git-pull?repo=https%3A%2F%2F")
    assert "Binder" not in links
    exercise = launch_links({**services, "repository": "https://github.com/owner/kit"}, "exercises/04-softmax")
    assert exercise["Colab"].endswith("/gh-pages/notebooks/exercises/04-softmax.ipynb")


def test_spelling() -> None:
    pages = [*(ROOT / "lessons").glob("*.md"), *(ROOT / "book").glob("*.md")]
    answer = subprocess.run([sys.executable, "-m", "codespell_lib", *map(str, pages)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


#: Words that call one thing better than another.
COMPARING = re.compile(
    r"\b(best|better|helps?|helped|improve[sd]?|beats?|wins?|winner|ahead|worse|outperform\w*|superior|strongest)\b",
    re.I,
)
#: Passages with such a word that claim nothing about a result, each with the reason.
NO_CLAIM = {
    "what every network in the later lessons has to beat": "an aim",
    "that is the number a network has to beat": "an aim, beside the number itself",
    "`np.bincount` helps": "a function",
    "Judge from several runs, with an interval, whether a deeper network is better": "a question to be measured",
    "The formula looks worse than it is": "about a formula",
    "A network that does not beat it is not worth its trouble": "what a baseline is for",
    "Training results get better while validation results get worse": "what overfitting is",
}


def pages_for_learners() -> list[Path]:
    """The lessons, and the book's pages around them: all but the last part, which is for those who teach and run it."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]
    names = ["book/intro", *(chapter["file"] for part in parts[:-1] for chapter in part["chapters"])]
    return [ROOT / f"{name}.md" for name in names]


def claims_without_a_number(source: str) -> list[str]:
    """The paragraphs of a page that call something better, or worse, without a number from the run in them.

    What is asked, and what a wrong answer says, is no claim of ours: wrong answers quote a misunderstanding, and
    explain it below. Key points cannot hold a number of the run, so no such word may stand there at all.
    """
    header, body = split_front_matter(source)
    found = [point for point in header.get("lesson", {}).get("keypoints", []) if COMPARING.search(point)]
    body = re.sub(r"^```.*?^```$", "", body, flags=re.M | re.S)
    for paragraph in re.split(r"\n\s*\n", body):
        lines = [line for line in paragraph.splitlines() if not re.match(r"\s*(:::|:\w|- wrong:)", line)]
        text = " ".join(lines)
        if "{glue:text}" in text:
            continue
        text = re.sub(r"`[^`]*`|\([\w-]+\.md\)", "", text) if not any(part in text for part in NO_CLAIM) else ""
        sentences = re.split(r"(?<=[.?!:])\s+", text)
        found += [
            sentence.strip() for sentence in sentences if COMPARING.search(sentence) and not sentence.endswith("?")
        ]
    return found


@pytest.mark.parametrize("path", pages_for_learners(), ids=lambda path: path.stem)
def test_nothing_is_called_better_without_a_number_from_the_run(path: Path) -> None:
    assert not claims_without_a_number(path.read_text("utf-8"))


def test_a_claim_without_a_number_is_found() -> None:
    source = "---\nlesson: {keypoints: [More images help most., Look first.]}\n---\n\n# T\n\n"
    source += "Dropout works best.\n\nDropout reaches {glue:text}`a:.1%`, which is better.\n\nIs it better?\n\n"
    source += "```{code-cell} python\n# the best\n```\n\n- wrong: It is better.\n\n  Networks of two layers win.\n"
    assert claims_without_a_number(source) == [
        "More images help most.",
        "Dropout works best.",
        "Networks of two layers win.",
    ]


def test_no_lesson_is_left_out_of_the_pages_for_learners() -> None:
    assert set((ROOT / "lessons").glob("*.md")) < set(pages_for_learners())
    assert "glossary" in {path.stem for path in pages_for_learners()}


def test_each_passage_excused_from_a_number_is_still_there() -> None:
    text = "".join(path.read_text("utf-8") for path in pages_for_learners())
    assert not [passage for passage in NO_CLAIM if passage not in text]


def traceback_of(cells: list[str], tmp_path: Path, timeout: float) -> str:
    """What nbclient raises when it runs these cells, as jupyter-cache keeps it for the book."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    result = single_nb_execution(notebook, cwd=str(tmp_path), timeout=timeout, allow_errors=False)  # type: ignore[arg-type]
    assert result.exc_string is not None
    return result.exc_string


@pytest.mark.parametrize("rest", [0, 20], ids=["a short cell", "a long cell"])
def test_a_cell_past_its_time_limit_is_reported_as_that(tmp_path: Path, rest: int) -> None:
    slow = "import time; time.sleep(600)" + "\n'and more'" * rest
    said = what_ended(traceback_of([slow, "print(named_in_no_cell_that_ran)"], tmp_path, timeout=2))
    assert said.startswith(
        'the cell that begins with "import time; time.sleep(600)" ran past its time limit of 2 seconds'
    )
    assert "timeout" in said
    assert "\n" not in said


def test_a_cell_with_an_error_is_reported_as_that(tmp_path: Path) -> None:
    said = what_ended(traceback_of(["1 / 0"], tmp_path, timeout=120))
    assert said == 'the cell that begins with "1 / 0" raised an error: ZeroDivisionError: division by zero'


def test_numbers_above_and_below_zero_have_the_same_two_colours_everywhere() -> None:
    """Blue and orange, in the lessons' figures, in the exercises' and in the widgets."""
    style = (ROOT / "book" / "_static" / "widgets" / "widgets.css").read_text("utf-8")
    colours = re.search(r"--widget-for: (#\w+); --widget-against: (#\w+)", style)
    assert colours
    above, below = colours.groups()
    uses = 0
    for path in [*(ROOT / "lessons").glob("*.md"), *(ROOT / "solutions").glob("*/*.ipynb")]:
        text = path.read_text("utf-8").replace('\\"', '"')
        other = re.search(r"\b(RdBu|RdYlBu|RdYlGn|RdGy|bwr|seismic|coolwarm|PuOr|BrBG|PiYG|PRGn)(_r)?\b", text)
        assert not other, f"{path.name} uses {other[0]}"
        for first, last in re.findall(r'"orange-blue", \["(#\w+)", "white", "(#\w+)"\]', text):
            uses += 1
            assert (first, last) == (below, above), path.name
    assert uses >= 4
