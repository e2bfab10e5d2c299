"""What was measured when, and on which machine: a line in `history.jsonl` for each run of a part of the bench.

A line holds what that run measured and nothing else, so that no figure stands beside a machine that did not give it.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HISTORY = Path(__file__).resolve().parent / "history.jsonl"


def line(part: str, found: Mapping[str, Any], machine: Mapping[str, str], version: str) -> dict[str, Any]:
    """What is kept of a run: its plain numbers, without tables of many."""
    figures = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in sorted(found.items())
        if isinstance(value, int | float)
    }
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "part": part,
        "version": version,
        "load": round(os.getloadavg()[0], 1),
        **figures,
        "machine": dict(machine),
    }


def add(one: Mapping[str, Any], history: Path = HISTORY) -> None:
    """Write one line at the end."""
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps(one) + "\n")


def read(history: Path = HISTORY) -> list[dict[str, Any]]:
    """All lines, as they were written."""
    return [json.loads(each) for each in history.read_text("utf-8").splitlines()]
