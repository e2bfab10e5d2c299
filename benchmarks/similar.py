"""How often `autograder similar` names honest students, and how many copies it finds.

    python -m benchmarks.similar [--students 10000] [--seed 1]

Students are simulated (`tests/similar_class.py`): classes of 300 are drawn from the catalogue of answers of each
exercise, with and without habits of their own. In a class of 300 there are then ten copyists: each takes over one
student's work, all of it or that of half the tasks, under other names, in another order, with another layout.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from catalogue import catalogues, source, source_notebook  # noqa: E402
from similar_class import Answers, copied, honest, variants  # noqa: E402

from autograder.similar import compare, tokens  # noqa: E402
from autograder.similar.work import work_of  # noqa: E402

CLASS = 300
COPIES = 10


@dataclass
class Row:
    """One line of the table."""

    exercise: str
    honest: int = 0
    false: int = 0
    false_plain: int = 0  # without habits
    highest: float = 0.0  # bits of the honest pair that came closest, over the threshold
    whole: int = 0
    whole_found: int = 0
    half: int = 0
    half_found: int = 0
    seconds: float = 0.0


class Exercise:
    """What of an exercise is nobody's own."""

    def __init__(self, name: str) -> None:
        self.name = name
        given = [source(cell) for cell in source_notebook(name)["cells"]]
        solutions = [source(c) for c in source_notebook(name)["cells"] if _is_answer(c)]
        texts = [text for text in given if text not in solutions]
        asked = {word for text in solutions for word in tokens.words_of([text])}
        named = tokens.words_of(texts)
        # Names that a task asks for stand in its text; those that only the solution uses do not.
        self.words = named | (asked & named)
        self.released = set().union(*(tokens.all_fingerprints(text) for text in texts))

    def prints(self, answers: Answers) -> dict[str, frozenset[int]]:
        """Fingerprints of one student's answers."""
        return work_of(answers, self.words, self.released).fingerprints


def _is_answer(cell: dict[str, dict[str, dict[str, bool]]]) -> bool:
    return bool((cell["metadata"].get("nbgrader") or {}).get("solution"))


def measure(name: str, students: int, rng: random.Random, copies: int = COPIES) -> Row:
    """One exercise's row."""
    exercise, row, began = Exercise(name), Row(name, highest=float("-inf")), time.perf_counter()
    for size in _classes(students):
        plain = {f"s{n}": exercise.prints(honest(name, rng, own_style=False)) for n in range(size)}
        row.false_plain += len(compare.pairs(plain))
        works = {f"s{n}": honest(name, rng) for n in range(size)}
        prints = {student: exercise.prints(work) for student, work in works.items()}
        row.honest += size
        row.false += len(compare.pairs(prints))
        row.highest = max(row.highest, float(compare.totals(prints).max()) - compare.threshold(size))
        for half in (False, True):
            found = _found(exercise, works, prints, half, copies, rng)
            if half:
                row.half, row.half_found = row.half + copies, row.half_found + found
            else:
                row.whole, row.whole_found = row.whole + copies, row.whole_found + found
    row.seconds = time.perf_counter() - began
    return row


def _classes(students: int) -> Iterator[int]:
    while students > 0:
        yield min(students, CLASS)
        students -= CLASS


def _found(
    exercise: Exercise,
    works: dict[str, Answers],
    prints: dict[str, dict[str, frozenset[int]]],
    half: bool,
    copies: int,
    rng: random.Random,
) -> int:
    """How many of so many copies are found among honest students."""
    prints = dict(prints)
    chosen = rng.sample(sorted(works), 2 * copies)
    pairs = list(zip(chosen[:copies], chosen[copies:], strict=True))
    for original, copyist in pairs:
        theirs = works[original]
        taken = rng.sample(sorted(theirs), (len(theirs) + 1) // 2) if half else list(theirs)
        mixed = works[copyist] | copied({task: theirs[task] for task in taken}, exercise.words, rng)
        prints[copyist] = exercise.prints(mixed)
    named = {frozenset(pair.students) for pair in compare.pairs(prints)}
    return sum(frozenset(pair) in named for pair in pairs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--exercise")
    options = parser.parse_args()
    print(
        "| exercise | answer cells, variants | honest students | false pairs, catalogue alone |"
        " false pairs, with habits | closest, bits from the threshold | copies of all found |"
        " copies of half found | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for catalogue in catalogues():
        if options.exercise in (None, catalogue.exercise):
            cells = variants(catalogue.exercise)
            row = measure(catalogue.exercise, options.students, random.Random(options.seed))
            print(
                f"| {row.exercise} | {len(cells)}, {sum(len(r) + len(w) for r, w in cells.values())} | {row.honest} |"
                f" {row.false_plain} | {row.false} | {row.highest:+.1f} | {row.whole_found} of {row.whole} |"
                f" {row.half_found} of {row.half} | {row.seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
