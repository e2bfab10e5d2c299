"""When a file that somebody else writes is all there: nobody says so, but it has not changed for a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

SETTLED_SECONDS = 0.5  # unchanged for so long is all there; what changes later has arrived anew
SETTLED_FOR_GOOD_SECONDS = 1.5  # where nobody looks again at what has arrived

State = TypeVar("State")


class Settling(Generic[State]):
    """Remembers since when each of what is looked at again and again has been in its state."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[State, float]] = {}

    def look(self, states: Mapping[str, State], now: float) -> dict[str, float]:
        """For how many seconds each has been as it is.

        Args:
            states: of all there is now, by name.
            now: seconds, by a clock that may be set.
        """
        before, self._seen = self._seen, {}
        for name, state in states.items():
            was, since = before.get(name, (None, now))
            self._seen[name] = state, min(since, now) if state == was else now  # a clock may be set back
        return {name: now - since for name, (_, since) in self._seen.items()}
