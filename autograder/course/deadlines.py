"""When an exercise is due, for whom, and what it costs to be late.

    {"time_zone": "Europe/Vienna",
     "late": {"grace_minutes": 15, "percent_per_day": 10, "at_most_percent": 50, "no_credit_after_days": 7},
     "exercises": {"03-dense-networks": {"due": "2026-11-20 23:59", "extensions": {"ada": "2026-11-27 23:59"}}}}

A time is what a clock on the wall shows, in the course's time zone, or has its own distance from UTC at its end. Days
late are counted by that clock, too: work due at 23:59 and handed in at 23:00 the next day is one day late, even if the
clocks changed in between. All comparisons are made in UTC.

Nothing here changes a score. What is lost is worked out anew whenever a grade is shown.
"""

from __future__ import annotations

import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from autograder.errors import BadSetting
from autograder.language import Sentence, _, did_you_mean, plural, said, say

_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?))?\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_YEARS = range(2000, 2100)  # any other year is taken for a typing mistake
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MOST_DAYS = 20_000  # that are looked at; later than that, nobody hands in
DAY = 86_400  # seconds


@dataclass(frozen=True, kw_only=True)
class LatePolicy:
    """What late work loses, of the points that it would have had. By default nothing."""

    grace_minutes: float = 0.0  # who is no later than that is in time; who is later is late by all of it
    percent_per_day: float = 0.0  # of the points earned, for each day or part of one
    at_most_percent: float = 100.0
    no_credit_after_days: int | None = None  # 0: nothing that is late counts

    @property
    def takes_something(self) -> bool:
        """Whether anything can be lost by it."""
        return self.percent_per_day > 0 or self.no_credit_after_days is not None

    @property
    def last_day(self) -> int | None:
        """The most days that work may be late and still earn something; None if it does however late it is."""
        ends = [] if self.no_credit_after_days is None else [self.no_credit_after_days]
        if self.at_most_percent >= 100 and self.percent_per_day * _MOST_DAYS >= 100:
            ends.append(next(d for d in range(int(100 / self.percent_per_day) + 2) if self.percent(d + 1) >= 100))
        return min(ends, default=None)

    def percent(self, days: int) -> float:
        """The share of the points that is lost by work so many days late, the last one begun; 0 to 100."""
        if days <= 0:
            return 0.0
        if self.no_credit_after_days is not None and days > self.no_credit_after_days:
            return 100.0
        return min(self.percent_per_day * days, self.at_most_percent)


# The range of each number of a policy, its type and its unit. A policy's keys are these.
_RANGES: dict[str, tuple[type, int, int, str]] = {
    "grace_minutes": (float, 0, 7 * 24 * 60, _("minutes")),
    "percent_per_day": (float, 0, 100, _("% of the points earned")),
    "at_most_percent": (float, 0, 100, _("% of the points earned")),
    "no_credit_after_days": (int, 0, 1_000, _("days")),
}


@dataclass(frozen=True)
class Lateness:
    """One hand-in beside its deadline."""

    due: datetime  # for this student; in the course's time zone
    handed_in: datetime | None  # None: nobody knows when
    extended: bool
    seconds: float  # after the deadline, 0 for work in time; within the grace it is in time
    days: int  # as they are counted for what is lost: each day or part of one
    percent: float  # of the points earned that are lost

    @property
    def late(self) -> bool:
        """Whether it counts as late."""
        return self.seconds > 0

    def to_json(self) -> dict[str, Any]:
        """What a result says of it."""
        return {
            "due": self.due.isoformat(),
            "handed_in": None if self.handed_in is None else self.handed_in.isoformat(),
            "extended": self.extended,
            "seconds_late": self.seconds,
            "says": self.says,
        }

    @property
    def says(self) -> str:
        """A sentence or two for the learner."""
        when = say("With your extension it was due on {date}", date=shown(self.due))
        due = when if self.extended else say("It was due on {date}", date=shown(self.due))
        if self.handed_in is None:
            return say("{due}. There is no record of when it was handed in, so it counts as on time.", due=due)
        came = shown(self.handed_in, False)
        if not self.late:
            return say("{due}; it was handed in on {date}, on time.", due=due, date=came)
        late = say("{due}; it was handed in on {date}, {time} late.", due=due, date=came, time=duration(self.seconds))
        if self.percent >= 100:
            late += " " + say("Work as late as that earns no points.")
        elif self.percent > 0:
            late += " " + say("That takes off {percent:g} % of its points.", percent=self.percent)
        return late


@dataclass(frozen=True)
class Deadline:
    """When one exercise is due."""

    due: datetime  # aware
    zone: tzinfo = UTC  # in which days are counted and times are shown
    policy: LatePolicy = field(default_factory=LatePolicy)
    extensions: Mapping[str, datetime] = field(default_factory=dict)  # aware, by student; none before `due`

    def due_for(self, student: str) -> datetime:
        """Until when this student has time, in the course's time zone."""
        return self.extensions.get(student, self.due).astimezone(self.zone)

    def extension(self, student: str) -> timedelta | None:
        """How much longer this student has, as nbgrader's gradebook keeps it; None without an extension."""
        if student not in self.extensions:
            return None
        return self.extensions[student].astimezone(UTC) - self.due.astimezone(UTC)

    @property
    def over(self) -> datetime:
        """The last moment at which a hand-in of anybody can earn points, extensions and late work included.

        Where late work earns points for ever, it is the last moment at which somebody can be in time.
        """
        # In UTC: within a zone, times are added and compared as clocks on the wall show them.
        last = max(moment.astimezone(UTC) for moment in (self.due, *self.extensions.values()))
        in_time = last + timedelta(minutes=self.policy.grace_minutes)
        days = self.policy.last_day
        return max(in_time, _later(last.astimezone(self.zone), days)) if days else in_time

    def lateness(self, student: str, handed_in: datetime | None) -> Lateness:
        """How a hand-in stands.

        Args:
            handed_in: aware, or in UTC without saying so, as nbgrader has times. None: nobody knows.
        """
        due = self.due_for(student)
        extended = self.extensions.get(student, self.due) > self.due
        if handed_in is None:
            return Lateness(due, None, extended, 0.0, 0, 0.0)
        when = min(max(as_utc(handed_in), _FIRST), _LAST)  # a timestamp may say anything
        seconds = (when - due.astimezone(UTC)).total_seconds()
        if seconds <= self.policy.grace_minutes * 60:
            return Lateness(due, when.astimezone(self.zone), extended, 0.0, 0, 0.0)
        days = _days_begun(due, when)
        return Lateness(due, when.astimezone(self.zone), extended, seconds, days, self.policy.percent(days))

    def penalty(self, student: str, handed_in: datetime | None, score: float) -> float:
        """The points that a hand-in loses, of `score`: 0 to all of them."""
        percent = self.lateness(student, handed_in).percent
        return min(max(score * percent / 100, 0.0), max(score, 0.0))


def _days_begun(due: datetime, when: datetime) -> int:
    """How many days, by the clock on the wall, have begun between a deadline and a later moment."""
    days = max(1, math.floor((when - due.astimezone(UTC)).total_seconds() / DAY) - 1)
    while _later(due, days) < when:
        days += 1
    return days


def _later(due: datetime, days: int) -> datetime:
    """The same time of day so many days later, in UTC. If the clocks show it twice, the second; if they skip it, the"
    " next."""
    wall = due.replace(tzinfo=None, fold=0) + timedelta(days=days)
    return max(wall.replace(tzinfo=due.tzinfo, fold=fold).astimezone(UTC) for fold in (0, 1))


def as_utc(when: datetime) -> datetime:
    """An aware time in UTC; one without a zone is UTC already, as nbgrader has it."""
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


_WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
_MONTHS = (
    _("Jan"),
    _("Feb"),
    _("Mar"),
    _("Apr"),
    _("May"),
    _("Jun"),
    _("Jul"),
    _("Aug"),
    _("Sep"),
    _("Oct"),
    _("Nov"),
    _("Dec"),
)
_UNITS: dict[int, Callable[[int], Sentence]] = {  # by seconds, the largest first
    DAY: lambda count: plural("{n} day", "{n} days", count),
    3600: lambda count: plural("{n} hour", "{n} hours", count),
    60: lambda count: plural("{n} minute", "{n} minutes", count),
    1: lambda count: plural("{n} second", "{n} seconds", count),
}


def shown(when: datetime, with_zone: bool = True) -> str:
    """``Fri 20 Nov 2026, 23:59 (Europe/Vienna)``, as the language in use writes it, whatever this computer speaks."""
    text = said(moment(when))
    return f"{text} ({getattr(when.tzinfo, 'key', None) or when.tzname()})" if with_zone else text


def moment(when: datetime) -> Sentence:
    """The same without the zone, to be said later."""
    return _(
        "{weekday} {day} {month} {year}, {clock}",
        weekday=_WEEKDAYS[when.weekday()],
        day=when.day,
        month=_MONTHS[when.month - 1],
        year=when.year,
        clock=f"{when:%H:%M:%S}" if when.second else f"{when:%H:%M}",
    )


def duration(seconds: float) -> str:
    """A length of time in the two largest units that say something: ``1 day 3 hours``."""
    left, parts = max(1, math.ceil(seconds)), []
    for size, made in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(said(made(count)))
        elif parts:
            break
    return " ".join(parts[:2])


# -- reading ------------------------------------------------------------------------------------------------------


def read_zone(name: str, where: str) -> tzinfo | None:
    """The time zone of that name; None if no name is given.

    Raises:
        BadSetting: there is none. The message begins with `where`.
    """
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = zoneinfo.available_timezones()
        if not known:
            raise BadSetting(
                say("{where}: this computer has no list of time zones. Install tzdata.", where=where)
            ) from error
        advice = did_you_mean(name, known, say("Write it as in 'Europe/Vienna'."))
        raise BadSetting(
            say("{where}: there is no time zone called {name!r}. {advice}", where=where, name=name[:60], advice=advice)
        ) from error


def read_time(value: Any, zone: tzinfo | None, where: str) -> datetime:
    """A time as it stands in the settings: aware, in its own zone.

    Args:
        zone: that of a time which says none.
        where: the file and the key, with which a message begins.

    Raises:
        BadSetting: it is no time, or more than one could be meant.
    """
    if not isinstance(value, str):
        raise BadSetting(say('{where} should be a time in quotes, as in "2026-11-20 23:59".', where=where))
    found = _TIME.fullmatch(value.strip())
    text = repr(value[:40])
    if found is None:
        raise BadSetting(say('{where} is {text}. A time is written as in "2026-11-20 23:59".', where=where, text=text))
    if found["clock"] is None:
        raise BadSetting(
            say(
                '{where} is {text}, which lacks the time of day. To include the whole day, add "23:59".',
                where=where,
                text=text,
            )
        )
    try:
        wall = datetime.fromisoformat(f"{found['day']}T{found['clock']}")
    except ValueError as error:
        advice = say(' Midnight is "00:00" of the day after.') if found["clock"].startswith("24") else ""
        raise BadSetting(
            say("{where} is {text}, which is not a valid date and time.{advice}", where=where, text=text, advice=advice)
        ) from error
    if wall.year not in _YEARS:
        raise BadSetting(
            say(
                "{where} is {text}: the year {year} looks like a typing mistake.",
                where=where,
                text=text,
                year=wall.year,
            )
        )
    if found["zone"]:
        return wall.replace(tzinfo=_offset(found["zone"], text, where))
    if zone is None:
        raise BadSetting(
            say(
                '{where} is {text}, and nothing says in which time zone. Set time_zone, as in "time_zone":'
                ' "Europe/Vienna", for the whole course.',
                where=where,
                text=text,
            )
        )
    return _on_the_wall(wall, zone, text, where)


def _offset(text: str, value: str, where: str) -> tzinfo:
    if text in ("Z", "UTC"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise BadSetting(
            say("{where} is {value}, but no time zone is {text} from UTC.", where=where, value=value, text=text)
        )
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _on_the_wall(wall: datetime, zone: tzinfo, value: str, where: str) -> datetime:
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise BadSetting(
            say(
                "{where} is {value}, which no clock shows: on that day the clocks are put forward ({zone})."
                " Write a time before or after that.",
                where=where,
                value=value,
                zone=zone,
            )
        )
    if first.utcoffset() != second.utcoffset():
        raise BadSetting(
            say(
                "{where} is {value}, which the clocks show twice on that day, because they are put back"
                " ({zone}). Write which one you mean: {first} or {second}.",
                where=where,
                value=value,
                zone=zone,
                first=first.isoformat(" ", "minutes"),
                second=second.isoformat(" ", "minutes"),
            )
        )
    return first


def read_policy(given: Mapping[str, Any], usual: LatePolicy, where: str) -> LatePolicy:
    """A policy: `usual`, with what is given on top.

    Raises:
        BadSetting: a key or a number cannot be used. The message begins with `where`.
    """
    values: dict[str, Any] = {name: getattr(usual, name) for name in _RANGES}
    for name, value in given.items():
        if name not in _RANGES:
            advice = did_you_mean(name, _RANGES, say("There is {ranges}.", ranges=", ".join(_RANGES)))
            raise BadSetting(
                say("{where}: there is no rule called {name!r}. {advice}", where=where, name=name[:60], advice=advice)
            )
        kind, least, most, unit = _RANGES[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or (kind is int and value != int(value if abs(value) < 1e9 else 0)):
            what = say("a whole number") if kind is int else say("a number")
            raise BadSetting(
                say(
                    "{where}.{name} should be {what}, {least} to {most:,} {unit}.",
                    where=where,
                    name=name,
                    what=what,
                    least=least,
                    most=most,
                    unit=unit,
                )
            )
        if not least <= value <= most:
            raise BadSetting(
                say(
                    "{where}.{name} is {value:g}, which is out of range ({least} to {most:,} {unit}).",
                    where=where,
                    name=name,
                    value=value,
                    least=least,
                    most=most,
                    unit=unit,
                )
            )
        values[name] = kind(value)
    policy = LatePolicy(**values)
    if "at_most_percent" in given and not policy.percent_per_day:
        raise BadSetting(
            say("{where}.at_most_percent does nothing without percent_per_day. Set that, too.", where=where)
        )
    return policy


def read_extensions(
    given: Mapping[str, Any], due: datetime | None, zone: tzinfo | None, where: str
) -> Mapping[str, datetime]:
    """Until when single students have time.

    Raises:
        BadSetting: one is no time, or before the exercise is due. The message begins with `where`.
    """
    if given and due is None:
        raise BadSetting(
            say("{where}: there is nothing to extend, because the exercise has no due date here. Set due.", where=where)
        )
    found: dict[str, datetime] = {}
    for student, value in given.items():
        key = f"{where}.{student[:60]}"
        found[student] = until = read_time(value, zone, key)
        assert due is not None
        if until < due:
            raise BadSetting(
                say(
                    "{key} is {astimezone}, which is before the exercise is due ({due}). An extension gives more"
                    " time, not less.",
                    key=key,
                    astimezone=shown(until.astimezone(zone or until.tzinfo)),
                    due=shown(due),
                )
            )
    return found
