"""Every limit on a submission, in one place: name, unit, default, range, and where it is enforced.

To add one, add a field to `Limits`; the settings of a course and their messages follow. `wall` and `cells` say whether
it is longer on a busy machine, and where nbgrader's settings give a cell more time. The table in the book is what
``python -m autograder.sandbox.limits`` prints.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from autograder.errors import BadLimit
from autograder.language import _, did_you_mean, say

MB = 1_000_000
DAY = 86_400  # seconds


@dataclass(frozen=True)
class About:
    """What there is to know of a limit besides its value."""

    what: str
    unit: str
    least: int  # a smaller one would stop every submission, or do nothing
    most: int  # a larger one is a slip, or more than the system can be told
    where: str  # the module that holds submissions to it
    wall: bool  # whether it is wall time, which grows with the load of the machine
    cells: bool  # whether it grows with the time that nbgrader's settings give a cell


def _limit(
    value: float, unit: str, least: int, most: int, where: str, what: str, wall: bool = False, cells: bool = False
) -> Any:
    return field(default=value, metadata={"about": About(what, unit, least, most, where, wall, cells)})


@dataclass(frozen=True)
class Limits:
    """What one submission may use. An exercise's own training takes a few seconds and about 500 MB.

    Processor time does not grow with the load of a machine as wall time does (`stretched`). What stops a busy loop on a
    loaded machine is this: what two cores do in the wall time of an idle one.
    """

    cell_seconds: float = _limit(60.0, "s", 1, DAY, "grading/run.py", _("wall time of one cell"), wall=True, cells=True)
    notebook_seconds: float = _limit(
        240.0, "s", 1, DAY, "grading/run.py", _("wall time of all cells together"), wall=True, cells=True
    )
    cell_cpu_seconds: int = _limit(
        120,
        "s",
        1,
        100 * DAY,
        "grading/kernel.py",
        _("processor time of one cell, with all its processes and threads"),
        cells=True,
    )
    cpu_seconds: int = _limit(
        480,
        "s",
        1,
        100 * DAY,
        "sandbox/watch.py",
        _("processor time of all cells, functions and models together"),
        cells=True,
    )
    answer_seconds: float = _limit(
        15.0, "s", 1, 3_600, "grading/answers.py", _("wall time to answer one query of a check"), wall=True
    )
    memory_mb: int = _limit(
        2_000, "MB", 100, 1_000_000, "sandbox/watch.py", _("memory of all processes, beyond what the fork server holds")
    )
    processes: int = _limit(512, "", 32, 32_768, "sandbox/namespaces.py", _("processes and threads"))
    open_files: int = _limit(256, "", 64, 65_536, "sandbox/namespaces.py", _("open files of one process"))
    file_mb: int = _limit(200, "MB", 1, 100_000, "sandbox/namespaces.py", _("size of one file"))
    disk_mb: int = _limit(400, "MB", 1, 100_000, "sandbox/namespaces.py", _("everything written to the scratch folder"))
    cell_output_kb: int = _limit(1_000, "KB", 1, 100_000, "grading/cells.py", _("what one cell may print or show"))
    notebook_output_kb: int = _limit(
        8_000, "KB", 1, 1_000_000, "grading/cells.py", _("what all cells may print or show")
    )
    model_seconds: float = _limit(
        30.0, "s", 1, 3_600, "grading/answers.py", _("rebuilding a model and predicting with it"), wall=True
    )

    def with_settings(self, settings: dict[str, Any], source: str) -> Limits:
        """These limits with some of them changed.

        Args:
            source: where the settings come from, for the message: a file, and the key in it.

        Raises:
            BadLimit: an unknown name, or something other than a number in the range of that limit.
        """
        abouts = {f.name: f.metadata["about"] for f in fields(self)}
        for name, value in settings.items():
            if name not in abouts:
                raise BadLimit(
                    say(
                        "{source}: there is no limit called {name!r}.{nearest}",
                        source=source,
                        name=name[:60],
                        nearest=_nearest(name, list(abouts)),
                    )
                )
            self._check(f"{source}.{name}", value, isinstance(getattr(self, name), int), abouts[name])
        return replace(self, **{n: type(getattr(self, n))(v) for n, v in settings.items()})

    @staticmethod
    def _check(key: str, value: Any, whole: bool, about: About) -> None:
        usual = say(
            "{what}; {least:,} to {most:,} {unit}",
            what=about.what,
            least=about.least,
            most=about.most,
            unit=about.unit,
        ).rstrip()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadLimit(
                say("{key} should be a number ({usual}), not {value}.", key=key, usual=usual, value=_short(value))
            )
        if not about.least <= value <= about.most:  # nor is NaN between them
            raise BadLimit(
                say("{key} is {value}, which is out of range ({usual}).", key=key, value=_short(value), usual=usual)
            )
        if whole and value != int(value):
            raise BadLimit(
                say("{key} should be a whole number ({usual}), not {value:g}.", key=key, usual=usual, value=value)
            )

    def stretched(self, factor: float) -> Limits:
        """These limits with every wall time multiplied: on a busy machine honest work takes longer, too."""
        times = [f.name for f in fields(self) if f.metadata["about"].wall]
        return replace(self, **{name: round(getattr(self, name) * factor, 1) for name in times})

    def with_cell_seconds(self, seconds: float, source: str) -> Limits:
        """These limits with another time for a cell; with more of it, everything that cells use up grows as well.

        Args:
            source: where the time comes from, for the message of `BadLimit`.
        """
        factor = max(seconds / self.cell_seconds, 1.0)
        grow = [f.name for f in fields(self) if f.metadata["about"].cells]
        longer = {name: int(getattr(self, name) * factor) for name in grow}
        return self.with_settings(longer | {"cell_seconds": seconds}, source)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def table() -> str:
    """All limits as a Markdown table. The book shows it (instructors/settings.md), and a test compares."""
    rows = ["| limit | default | from | to | what it is | enforced in |", "|---|---|---|---|---|---|"]
    for each in fields(Limits):
        about: About = each.metadata["about"]
        unit = f" {about.unit}" if about.unit else ""
        values = " | ".join(f"{value:,.0f}{unit}" for value in (each.default, about.least, about.most))
        rows.append(f"| `{each.name}` | {values} | {about.what} | `{about.where}` |")
    return "\n".join(rows) + "\n"


def _nearest(name: str, known: list[str]) -> str:
    return " " + did_you_mean(name, known, say("Limits: {limits}.", limits=", ".join(sorted(known))))


def _short(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def busyness() -> float:
    """How much longer things take here than on an idle machine, 1 to 6, by the load of the last minute.

    A load of two per core is what grading itself makes, with TensorFlow's threads.
    """
    cores = len(os.sched_getaffinity(0))
    return min(max(os.getloadavg()[0] / (2 * cores), 1.0), 6.0)


if __name__ == "__main__":
    print(table(), end="")
