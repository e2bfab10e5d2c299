"""A stand-in for a notebook: the base of what tests ask instead of one."""

from __future__ import annotations

from typing import Any

from autograder import data
from autograder.exercise.submission import Missing


class NoAnswers:
    """The `Answers` of a notebook without a single variable, in which nothing went wrong."""

    def value(self, name: str) -> Any:
        raise Missing(name)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise Missing(name)

    def model(self, name: str) -> Any:
        raise Missing(name)

    def cause_of(self, name: str) -> str:
        return ""

    def file_size(self, name: str) -> int | None:
        return None

    def seed(self) -> int:
        return 7

    def stopped_with(self) -> str:
        return ""

    def held_out(self) -> data.HeldOut | None:
        return None
