"""Similar work: who is named, who is not, and that no file can hurt."""

from __future__ import annotations

import json
import random
import re
import sys
import time
from pathlib import Path

import nbformat
import pytest
from catalogue import filled_in
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import ROOT
from similar_class import Answers, copied, honest

sys.path.insert(0, str(ROOT))
from autograder import cli
from autograder.similar import compare, tokens
from autograder.similar.work import LOOKS, work_of
from benchmarks import similar as measuring

NAME = "03-dense-networks"


@pytest.mark.slow
def test_no_honest_pair_is_named_and_nearly_every_hidden_copy_is() -> None:
    """The small kind of `python -m benchmarks.similar`: one class of 300, and copies among it."""
    row = measuring.measure(NAME, 300, random.Random(7), copies=40)
    assert (row.false, row.false_plain) == (0, 0)
    assert row.whole_found >= 0.9 * row.whole
    assert row.half_found > 0


def _prints(text: str) -> frozenset[int]:
    return frozenset(tokens.fingerprints(text, tokens.own_names([text], frozenset({"keras", "x_train"}))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("width = 784 * 10\nheight = 3", "a=784*10 # mine\nb = 3"),
        ("width = 784 * 10\nheight = 3 + 4", "b = 3 + 4\na = 784 * 10"),
        ("m = f(1, 2, 'x')", 'k = f(\n    1,\n    2,\n    "x",\n)'),
        ("x_train = x_train / 255", "x_train = (x_train / 255)"),
        ("def area(a, b):\n    '''What it is.'''\n    return a * b + 1", "def q(k, l):\n  return k*l+1"),
        ("for item in range(30): print(f'{item} done')", "for j in range(30):\n    print(f'{j} done')"),
        ("total = 1; mean = 22 / 7", "total = 1\nmean = 22 / 7"),
    ],
)
def test_names_order_and_layout_make_no_difference(one: str, other: str) -> None:
    assert _prints(one) == _prints(other)
    assert _prints(one)


@pytest.mark.parametrize("line", ["print(x.shape)", "print(f'{x}')", "x", "x[:3]", "x.dtype", "display(x)", "x[0, -1]"])
def test_looking_at_something_is_a_habit_and_counts_once(line: str) -> None:
    code = {"one": f"x = 1 + 1\n{line}", "two": f"y = 2\n{line}\n"}
    done = work_of(code, frozenset({"x", "y"}), frozenset())
    assert done.fingerprints["one"] == set(tokens.fingerprints("x = 1 + 1", frozenset()))
    assert done.code[LOOKS] == f"{line}\n{line}"
    assert all(lines == {0, 1} for lines in done.prints[LOOKS].values())


@pytest.mark.parametrize("line", ["model.fit(x, y)", "return x", "x += 1", "x = print", "assert x", "import x", "pass"])
def test_what_does_something_is_compared(line: str) -> None:
    assert len(tokens.fingerprints(f"y = 1 + 1\n{line}", frozenset())) == 2


def test_what_was_given_and_what_a_task_asks_for_is_nobodys_own() -> None:
    assert tokens.own_names(["x_train = 1\nmine = 2"], frozenset({"x_train"})) == {"mine"}
    assert _prints("# only a comment") == frozenset() == _prints("'a text'") == _prints("")


@given(st.text(alphabet=st.sampled_from("ab1 =.,:;#'\"\\\n()[]{}fr@+-"), max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_compared(text: str) -> None:
    own = tokens.own_names([text], frozenset())
    for lines in tokens.fingerprints(text, own).values():
        assert all(0 <= line <= text.count("\n") for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        *(text * 10**6 for text in ("(", "'''", "a", "x=1;", "\\\n", "f'{", "def ", "[")),
        "x = '" + "\\" * 10**6,
        '"' + "a" * 10**6,
    ],
)
def test_endless_and_nested_code_costs_next_to_nothing(text: str) -> None:
    began = time.process_time()
    tokens.fingerprints(text, tokens.own_names([text], frozenset()))
    assert time.process_time() - began < 5  # a tenth of a second where nothing else runs


def test_the_help_states_the_proof_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["similar", "--help"])
    assert f"(default: {compare.CHANCE})" in " ".join(capsys.readouterr().out.split())


def test_a_pair_is_named_for_what_is_rare_alone() -> None:
    common = {f"task{n}": frozenset({n, 100 + n}) for n in range(8)}
    prints = {f"s{n}": dict(common) for n in range(30)}
    assert compare.pairs(prints) == []
    for student in ("s1", "s2"):
        prints[student] = {task: frozenset({1000 + n, 2000 + n}) for n, task in enumerate(common)}
    (pair,) = compare.pairs(prints)
    assert pair.students == ("s1", "s2")
    assert [shared.others for shared in pair.shared] == [0] * 8
    assert compare.groups([pair]) == [("s1", "s2")]


def _hand_in(root: Path, student: str, answers: Answers) -> Path:
    folder = root / "submitted" / student / NAME
    folder.mkdir(parents=True)
    notebook = nbformat.reads(json.dumps(filled_in(NAME, answers)), 4)
    path = folder / f"{NAME}.ipynb"
    path.write_text(nbformat.writes(notebook), "utf-8")
    return path


def test_the_command_names_a_hidden_copy_and_survives_what_is_no_notebook(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, works = random.Random(3), {}
    for number in range(30):
        works[f"s{number:02}"] = honest(NAME, rng)
    works["copy<b>"] = copied(works["s04"], measuring.Exercise(NAME).words, rng)
    for student, answers in works.items():
        _hand_in(course, student, answers)
    (course / "submitted" / "broken" / NAME).mkdir(parents=True)
    (course / "submitted" / "broken" / NAME / f"{NAME}.ipynb").write_bytes(b"[" * 10**6)
    assert cli.main(["similar", NAME, "--course", str(course)]) == 0
    said = capsys.readouterr().out
    found = json.loads((course / "report" / f"{NAME}-similar.json").read_text("utf-8"))
    assert [pair["students"] for pair in found["pairs"]] == [["copy＜b>", "s04"]]
    assert found["compared"] == 31
    assert list(found["left_out"]) == ["broken"]
    assert "copy＜b>, s04" in said
    page = (course / "report" / f"{NAME}-similar.html").read_text("utf-8")
    assert "<b>" not in page
    assert "default-src 'none'" in page
    assert "<mark>" in page
    assert not re.search(r"<script|https?://", page)
    (course / "autograder.json").write_text('{"blind": true}')
    assert cli.main(["similar", NAME, "--course", str(course)]) == 0
    files = [(course / "report" / f"{NAME}-similar{end}").read_text("utf-8") for end in (".json", ".html")]
    for text in (*files, capsys.readouterr().out):
        assert not re.search(r"copy＜b|\bs04\b|\bbroken\b", text)
    (pair,) = json.loads(files[0])["pairs"]
    assert all(re.fullmatch(r"Work without a grade \d+", student) for student in pair["students"])
    assert all(student in files[1] for student in pair["students"])


def test_a_class_too_small_to_compare_and_a_wrong_number_are_told(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _hand_in(course, "alone", {})
    assert cli.main(["similar", NAME, "--course", str(course), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == []
    with pytest.raises(SystemExit):
        cli.main(["similar", NAME, "--course", str(course), "--chance", "0"])
    assert "is not a number above 0" in capsys.readouterr().err


def test_a_line_of_many_statements_is_kept_once() -> None:
    """Two thousand of them, each with the whole line, would be megabytes for each cell of each student."""
    together, found = tokens.looks(["x;" * 2_000 + "print(x)\nprint(y, 1)"], frozenset())
    assert together == "x;" * 2_000 + "print(x)\nprint(y, 1)"
    assert found
