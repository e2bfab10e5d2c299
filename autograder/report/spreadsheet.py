"""CSV files that a spreadsheet shows and does not run.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` is a formula to a spreadsheet, and formulas can fetch and send.
Names, file names and messages come from students, so such a cell gets an apostrophe in front, which every
spreadsheet reads as "this is text". Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from autograder.exercise.sentences import printable

Cell = str | float | int | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_text(value: str) -> str:
    """`value` on one line, without control characters, and as no formula. A lone "-" is none, and stays."""
    formula = value != "-" and (value.startswith(("\t", "\r", "\n")) or value.lstrip().startswith(_FORMULA))
    line = printable(value)
    return "'" + line if formula else line


def table(rows: Iterable[Sequence[Cell]]) -> str:
    """Rows as CSV (RFC 4180). Text stands in quotes, numbers do not; None is an empty cell."""
    text = io.StringIO()
    # All text in quotes: a comma or a semicolon in a name stays in its cell, whichever of them splits the columns.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for row in rows:
        writer.writerow(["" if c is None else as_text(c) if isinstance(c, str) else c for c in row])
    return text.getvalue()
