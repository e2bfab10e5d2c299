"""Right answers made from a right one: the same said in another way, in all answer cells at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autograder.probe import equivalent_code, equivalent_networks
from autograder.probe.edits import NotPython, plain
from autograder.probe.rewriting import REWRITES

__all__ = ["Equivalent", "equivalent_code", "equivalent_networks", "equivalents_of"]  # the two modules register


@dataclass(frozen=True)
class Equivalent:
    """All answers, said in another way."""

    name: str
    words: str
    answers: Mapping[str, str]  # source by grade_id of the answer cell; those that are not here stay as they are


def equivalents_of(answers: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[Equivalent]:
    """The right answers that can be made of these.

    Args:
        answers: sources of the answer cells, by grade_id.
        texts: what the task of each answer cell asks for; what it asks for is not said in another way.
    """
    for name, words, make in REWRITES:
        if name == "activations-of-tensorflow" and any("load_model(" in source for source in answers.values()):
            continue  # Keras does not load a model whose functions are not its own
        changed = {}
        for grade_id, source in answers.items():
            try:
                new = make(source, texts.get(grade_id, ""))
                compile(plain(new), "equivalent", "exec")
            except (NotPython, SyntaxError, ValueError, RecursionError):
                continue
            if new != source:
                changed[grade_id] = new
        if changed:
            yield Equivalent(name, words, changed)
