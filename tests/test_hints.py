"""Hints can be read by whoever needs them: short, plain, and ending in something to do or to look at."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from autograder.exercise import networks
from autograder.exercise.definition import exercise_names, find_exercise

MOST_WORDS = 40
HIGHEST_GRADE = 9.0  # of a US school, by Flesch and Kincaid
# How a sentence begins that asks to do something or to look at something.
VERBS = frozenset(
    [
        *(
            "add",
            "allow",
            "apply",
            "ask",
            "begin",
            "build",
            "call",
            "carry",
            "change",
            "check",
            "choose",
            "compare",
            "compile",
            "compute",
            "convert",
        ),
        *(
            "copy",
            "count",
            "cut",
            "decode",
            "divide",
            "do",
            "draw",
            "encode",
            "evaluate",
            "fill",
            "find",
            "flatten",
            "give",
        ),
        *(
            "go",
            "keep",
            "leave",
            "load",
            "look",
            "make",
            "mark",
            "measure",
            "mend",
            "move",
            "multiply",
            "pass",
            "print",
            "put",
            "raise",
            "remove",
            "report",
            "return",
        ),
        *(
            "run",
            "save",
            "scale",
            "show",
            "square",
            "start",
            "subtract",
            "swap",
            "take",
            "train",
            "try",
            "turn",
            "use",
            "work",
            "write",
        ),
    ]
)
# Words of a later lesson. A hint of an exercise may not use those of a later one.
JARGON = {
    "one-hot": 2,
    "softmax": 2,
    "relu": 3,
    "epoch": 3,
    "optimizer": 3,
    "logits": 3,
    "cross-entropy": 2,
    "dense layer": 3,
    "overfitting": 5,
    "dropout": 5,
}


def hints_of(checks: Path) -> list[str]:
    """All hints that stand in a module of checks, with ... for what is worked out."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(checks.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Hint":
            found.append(node.args[0])
        elif isinstance(node, ast.keyword) and node.arg in ("hint", "hints"):
            found += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
        elif isinstance(node, ast.keyword) and node.arg == "mistakes":
            found += _mistakes(node.value)
    return sorted({text for text in map(_text, found) if text})


def hints_for(exercise: str) -> list[str]:
    """All hints of an exercise: from exercise 3 on with those that several exercises share."""
    shared = hints_of(Path(networks.__file__)) if int(exercise[:2]) >= 3 else []
    return hints_of(find_exercise(exercise).checks) + shared


def _mistakes(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return node.values
    pairs = node.elts if isinstance(node, ast.List) else []
    return [pair.elts[1] for pair in pairs if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
        return re.sub(r"\{\w+[^{}]*\}", "...", _text(node.args[0]))
    return ""


def sentences(hint: str) -> list[str]:
    """Its sentences, with `code` as one short word: a formula reads names and brackets as syllables."""
    plain = re.sub(r"`[^`]*`", "it", hint)
    return [s for s in re.split(r"(?<=[.?!:;])\s+", plain) if re.search(r"\w", s)]


def trouble_with(hint: str) -> list[str]:
    """What makes a hint hard to read, or leaves its reader with nothing to do."""
    import textstat

    found = []
    parts = sentences(hint)
    if len(hint.split()) > MOST_WORDS:
        found.append(f"{len(hint.split())} words")
    if (grade := textstat.flesch_kincaid_grade(" ".join(p.rstrip(":;") + "." for p in parts))) > HIGHEST_GRADE:
        found.append(f"grade {grade:.1f}")
    last = re.split(r"(?<=[.?!])\s+", re.sub(r"`[^`]*`", "it", hint).strip())[-1]
    clauses = re.split(r"[:;,]\s+|\b(?:and|but|then|so)\b\s*", last)
    asks = any((clause.split() or [""])[0].strip("*.").lower() in VERBS for clause in clauses)
    if not asks and not hint.rstrip().endswith("?"):
        found.append("ends in nothing to do or to look at")
    return found


@pytest.mark.parametrize("exercise", exercise_names())
def test_hints_read_well(exercise: str) -> None:
    pytest.importorskip("textstat", reason="textstat is not installed")
    hard = {hint: found for hint in hints_for(exercise) if (found := trouble_with(hint))}
    listed = "\n".join(f"{', '.join(found)}: {hint}" for hint, found in hard.items())
    assert not hard, f"{len(hard)} hints of {exercise}:\n{listed}"


@pytest.mark.parametrize("exercise", exercise_names())
def test_no_word_before_its_lesson(exercise: str) -> None:
    lesson = int(exercise[:2])
    too_early = [word for word, since in JARGON.items() if since > lesson]
    hints = hints_for(exercise)
    assert [h for h in hints if any(re.search(rf"\b{word}", h, re.IGNORECASE) for word in too_early)] == []


@pytest.mark.parametrize("exercise", exercise_names())
def test_names_are_small_letters_and_hyphens(exercise: str) -> None:
    named = re.findall(r'id="([^"]*)"', find_exercise(exercise).checks.read_text("utf-8"))
    assert [name for name in named if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_the_measure_tells_hard_from_easy() -> None:
    pytest.importorskip("textstat", reason="textstat is not installed")
    assert trouble_with("Add the bias first, then apply relu.") == []
    assert trouble_with("Which axis counts the images?") == []
    assert trouble_with("The columns are in reverse order.") == ["ends in nothing to do or to look at"]
    (found,) = trouble_with(
        "Characteristically, unstandardised multidimensional representations necessitate considerable computational"
        " differentiation. Look."
    )
    assert found.startswith("grade")
