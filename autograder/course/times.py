"""When something was handed in: the forms in which nbgrader writes and reads a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_YEAR = re.compile(r"(?<!\d)(19|20)\d\d")  # without one, today's would be filled in
_OURS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} UTC", re.ASCII)  # what `written` gives


def written(seconds: float) -> str:
    """A time since the epoch as nbgrader's timestamp.txt holds it.

    Raises:
        ValueError, OverflowError, OSError: that is no valid date and time.
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def time_of(timestamp: str) -> datetime | None:
    """The time that a timestamp.txt says, as nbgrader understands it: UTC, without a zone. None if it says none.

    The file lies in a student's folder and may hold anything, and what reads dates for nbgrader fails in many ways.
    """
    from nbgrader.utils import parse_utc

    if not _YEAR.search(timestamp):
        return None
    try:
        # The same result, many times faster, because a page shows hundreds of times.
        when = datetime.fromisoformat(timestamp[:-4]) if _OURS.fullmatch(timestamp) else parse_utc(timestamp)
    except Exception:
        return None
    return when if isinstance(when, datetime) else None
