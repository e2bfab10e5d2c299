"""The lessons' sources: complete front matter, sound questions, and notebooks that lose what they must."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kit import missing

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.accessibility import mend  # noqa: E402
from kitbook.execution import execution_digest  # noqa: E402
from kitbook.figures import adapt_svg  # noqa: E402
from kitbook.front_matter import FrontMatterError, Lesson, read_lesson, read_lessons  # noqa: E402
from kitbook.generated_pages import clock, tasks_by_objective, timetable  # noqa: E402
from kitbook.notebooks import launch_links, notebook_to_take_away, plain_markdown  # noqa: E402

from book.build import ensure_packages  # noqa: E402

NAMES = ["01-image-classification", "02-one-hot-encoding", "03-dense-networks", "04-softmax", "05-overfitting"]
LESSONS = [ROOT / "lessons" / f"{name}.md" for name in NAMES]
NO_LESSON = Lesson(Path("x.md"), "", 0, 0, (), {}, ())


def test_the_five_lessons_are_there_in_order() -> None:
    assert [lesson.name for lesson in read_lessons(ROOT / "lessons")] == NAMES


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


def test_the_digest_changes_with_data_and_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data", "autograder", "book/_ext"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "mnist.npz").write_bytes(b"1")
    (tmp_path / "autograder" / "data.py").write_text("a = 1")
    seen = {execution_digest(tmp_path)}
    (tmp_path / "data" / "mnist.npz").write_bytes(b"2")
    seen.add(execution_digest(tmp_path))
    (tmp_path / "autograder" / "data.py").write_text("a = 2")
    seen.add(execution_digest(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    seen.add(execution_digest(tmp_path))
    assert len(seen) == 4
    assert execution_digest(tmp_path) in seen


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
        '<button aria-label="Close">x</button>'
    )
    mended = mend(page)
    assert mended == (
        '<summary><p>Show the code</p></summary><div class="citation-list"></div><span>784</span>'
        '<button aria-label="Close">x</button>'
    )
    assert mend(mended) == mended


def test_markdown_for_notebooks_loses_roles_and_fills_in_numbers() -> None:
    text = "{term}`Scores <score>` reach {glue:text}`a:.1%` {cite}`x2020`, see [](keras-at-a-glance.md)."
    assert plain_markdown(text, NO_LESSON, {"a": 0.9321}) == (
        "Scores reach 93.2% [x2020], see the page *keras-at-a-glance*."
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


def test_sessions_are_as_alike_as_whole_lessons_allow() -> None:
    rows = timetable(read_lessons(ROOT / "lessons"), 9 * 60, 15, 2)
    starts = [row for row in rows if row.startswith("| 09:00")]
    assert len(starts) == 2, "each session begins at nine"
    assert "01-image-classification" in starts[0]
    assert "04-softmax" in starts[1]
    assert sum("*Break*" in row for row in rows) == 3
    assert rows[-1].startswith("| 12:00"), "80 + 15 + 85 minutes after nine"


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


def test_spelling() -> None:
    pages = [*(ROOT / "lessons").glob("*.md"), *(ROOT / "book").glob("*.md")]
    answer = subprocess.run([sys.executable, "-m", "codespell_lib", *map(str, pages)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
