"""Deadlines: what a course's file may say about them, and what a hand-in loses by them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.course import settings
from autograder.course.deadlines import Deadline, LatePolicy, duration, read_time, shown
from autograder.errors import BadSetting

NAME = "03-dense-networks"
VIENNA = ZoneInfo("Europe/Vienna")
ZONES = st.sampled_from(["Europe/Vienna", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
POLICIES = st.builds(
    LatePolicy,
    grace_minutes=st.floats(0, 10_000),
    percent_per_day=st.floats(0, 100),
    at_most_percent=st.floats(0, 100),
    no_credit_after_days=st.none() | st.integers(0, 20),
)


def read(tmp_path: Path, exercise: dict[str, object], **course: object) -> settings.ExerciseSettings:
    """The exercise's settings in a course in Vienna."""
    content = {"time_zone": "Europe/Vienna", "exercises": {NAME: exercise}} | course
    (tmp_path / settings.FILE).write_text(json.dumps(content))
    return settings.read(tmp_path, lambda: [NAME]).of(NAME)


def vienna(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIENNA)


def test_a_course_sets_rules_and_an_exercise_its_own(tmp_path: Path) -> None:
    exercise = {"due": "2026-11-20 23:59", "late": {"percent_per_day": 20}, "extensions": {"ada": "2026-11-27T23:59Z"}}
    found = read(tmp_path, exercise, late={"grace_minutes": 15, "percent_per_day": 10})
    assert found.late == LatePolicy(grace_minutes=15, percent_per_day=20)
    deadline = found.deadline
    assert deadline is not None
    assert deadline.due_for("bob") == datetime(2026, 11, 20, 22, 59, tzinfo=UTC)
    assert deadline.due_for("ada") == datetime(2026, 11, 27, 23, 59, tzinfo=UTC)
    assert deadline.extension("ada") == timedelta(days=7, hours=1)
    assert deadline.extension("bob") is None
    assert shown(deadline.due_for("bob")) == "Fri 20 Nov 2026, 23:59 (Europe/Vienna)"


def test_an_exercise_without_settings_has_the_courses(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text('{"late": {"no_credit_after_days": 0}}')
    found = settings.read(tmp_path, lambda: [NAME]).of(NAME)
    assert found.deadline is None
    assert found.late.percent(1) == 100


@pytest.mark.parametrize(
    ("exercise", "course", "says"),
    [
        ({"due": 3}, {}, "due should be a time in quotes"),
        ({"due": "soon"}, {}, "due is 'soon'"),
        ({"due": "20.11.2026 23:59"}, {}, "due is '20.11.2026 23:59'"),
        ({"due": "2026-11-20"}, {}, "lacks the time of day"),
        ({"due": "2026-11-20 24:00"}, {}, '"00:00" of the day after'),
        ({"due": "2026-02-29 12:00"}, {}, "not a valid date and time"),
        ({"due": "2026-11-20 23:59:60"}, {}, "not a valid date and time"),
        ({"due": "0206-11-20 23:59"}, {}, "the year 206"),
        ({"due": "2026-11-20 23:59+25:00"}, {}, "no time zone is +25:00 from UTC"),
        ({"due": "2026-11-20 23:59"}, {"time_zone": ""}, "nothing says in which time zone"),
        ({"due": "2026-03-29 02:30"}, {}, "which no clock shows"),
        ({"due": "2026-10-25 02:30"}, {}, "2026-10-25 02:30+02:00 or 2026-10-25 02:30+01:00"),
        ({"due": "2026-11-20 23:59"}, {"time_zone": "Europe/Wien"}, "time_zone: there is no time zone"),
        ({"due": "2026-11-20 23:59"}, {"time_zone": "Europe/Viena"}, "Did you mean 'Europe/Vienna'"),
        ({"due": "2026-11-20 23:59"}, {"time_zone": "../../etc/passwd"}, "there is no time zone"),
        ({"extensions": {"ada": "2026-11-20 23:59"}}, {}, "no due date here"),
        ({"due": "2026-11-20 23:59", "extensions": {"ada": "2026-11-20 23:58"}}, {}, "extensions.ada is Fri 20 Nov"),
        ({"due": "2026-11-20 23:59", "extensions": {"ada": "2026-11-20 23:59+02:00"}}, {}, "more time, not less"),
        ({"due": "2026-11-20 23:59", "extensions": ["ada"]}, {}, "extensions should be an object"),
        ({"due": "2026-11-20 23:59", "extensions": {"ada": 7}}, {}, "extensions.ada should be a time"),
        ({"late": {"percent": 3}}, {}, "Did you mean 'percent_per_day'"),
        ({"late": {"percent_per_day": 110}}, {}, "late.percent_per_day is 110, which is out of range"),
        ({"late": {"percent_per_day": "10"}}, {}, "late.percent_per_day should be a number"),
        ({"late": {"percent_per_day": True}}, {}, "late.percent_per_day should be a number"),
        ({"late": {"no_credit_after_days": 1.5}}, {}, "should be a whole number"),
        ({"late": {"no_credit_after_days": 1e300}}, {}, "should be a whole number"),
        ({"late": {"at_most_percent": 50}}, {}, "does nothing without percent_per_day"),
        ({"late": None}, {}, "late should be an object"),
        ({}, {"late": {"grace_minutes": -1}}, "late.grace_minutes is -1"),
        ({}, {"due": "2026-11-20 23:59"}, "there is no setting called 'due'"),
    ],
)
def test_what_cannot_be_used_is_one_line_with_the_file_and_the_key(
    tmp_path: Path, exercise: dict[str, object], course: dict[str, object], says: str
) -> None:
    with pytest.raises(BadSetting) as error:
        read(tmp_path, exercise, **course)
    message = str(error.value)
    assert says in message
    assert message.startswith(str(tmp_path / settings.FILE))
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("due", "handed_in", "days"),
    [
        ("2026-03-28 23:59", "2026-03-28 23:59:01", 1),
        ("2026-03-28 23:59", "2026-03-29 23:59", 1),  # 23 hours later: the clocks went forward
        ("2026-03-28 23:59", "2026-03-29 23:59:01", 2),
        ("2026-10-24 23:59", "2026-10-25 23:59", 1),  # 25 hours later
        ("2026-10-24 23:59", "2026-10-25 23:59:01", 2),
        ("2026-03-28 02:30", "2026-03-29 03:30", 1),  # 02:30 is left out on the 29th
        ("2026-10-24 02:30", "2026-10-25 02:30", 1),  # and there twice on the 25th of October
        ("2028-02-28 12:00", "2028-02-29 12:00", 1),
        ("2028-02-28 12:00", "2028-03-01 12:00", 2),
        ("2026-12-31 23:59", "2027-01-07 23:59", 7),
    ],
)
def test_days_are_those_on_the_wall(due: str, handed_in: str, days: int) -> None:
    for fold in (0, 1):
        when = vienna(handed_in).replace(fold=fold)
        assert Deadline(vienna(due), VIENNA).lateness("ada", when).days == days


def test_a_time_that_the_clocks_show_twice_can_be_written_with_its_offset() -> None:
    first, second = (read_time(f"2026-10-25 02:30+0{hours}:00", VIENNA, "here") for hours in (2, 1))
    assert second - first == timedelta(hours=1)


def test_what_is_lost(tmp_path: Path) -> None:
    rules = {"grace_minutes": 15, "percent_per_day": 10, "at_most_percent": 25, "no_credit_after_days": 4}
    deadline = read(tmp_path, {"due": "2026-11-20 12:00", "late": rules}).deadline
    assert deadline is not None
    due = vienna("2026-11-20 12:00")
    lost = {
        timedelta(0): 0.0,
        timedelta(minutes=15): 0.0,
        timedelta(minutes=15, seconds=1): 2.0,  # all of it counts once the grace is over
        timedelta(days=1): 2.0,
        timedelta(days=1, seconds=1): 4.0,
        timedelta(days=3): 5.0,
        timedelta(days=4): 5.0,
        timedelta(days=4, seconds=1): 20.0,
    }
    assert {late: deadline.penalty("ada", due + late, 20.0) for late in lost} == lost
    assert deadline.penalty("ada", None, 20.0) == 0
    says = deadline.lateness("ada", due + timedelta(days=1, hours=3)).says
    assert "Fri 20 Nov 2026, 12:00 (Europe/Vienna)" in says
    assert "1 day 3 hours late" in says
    assert "20 % of its points" in says


@given(POLICIES, MOMENTS, ZONES, st.floats(-100_000, 10_000_000), st.floats(0, 10_000_000), st.floats(-5, 100))
def test_nobody_gains_by_being_later(
    policy: LatePolicy, due: datetime, zone: str, late: float, later: float, score: float
) -> None:
    deadline = Deadline(due, ZoneInfo(zone), policy)
    first, second = (
        deadline.penalty("ada", due + timedelta(seconds=seconds), score) for seconds in (late, late + later)
    )
    assert 0 <= first <= second <= max(score, 0)
    if late <= policy.grace_minutes * 60:
        assert first == 0


@given(MOMENTS, st.integers(1, 30 * 86_400), POLICIES)
def test_where_no_clock_changes_a_day_has_24_hours(due: datetime, seconds: int, policy: LatePolicy) -> None:
    found = Deadline(due, UTC, policy).lateness("ada", due + timedelta(seconds=seconds))
    assert found.days == (math.ceil(seconds / 86_400) if found.late else 0)


@given(MOMENTS, ZONES, st.floats(-1e6, 1e6), POLICIES)
def test_the_zone_of_the_hand_in_and_of_the_due_date_are_no_matter(
    due: datetime, zone: str, seconds: float, policy: LatePolicy
) -> None:
    when = due + timedelta(seconds=seconds)
    there = ZoneInfo(zone)
    found = {
        Deadline(one, there, policy).penalty("ada", other, 10.0)
        for one in (due, due.astimezone(VIENNA), due.astimezone(there))
        for other in (when, when.replace(tzinfo=None), when.astimezone(VIENNA), when.astimezone(there))
    }
    assert len(found) == 1


@given(MOMENTS, st.floats(0, 1e6), st.floats(0, 1e6), POLICIES)
def test_an_extension_costs_nobody_anything(due: datetime, longer: float, late: float, policy: LatePolicy) -> None:
    until, when = due + timedelta(seconds=longer), due + timedelta(seconds=late)
    deadline = Deadline(due, VIENNA, policy, {"ada": until})
    assert deadline.penalty("ada", when, 10.0) <= deadline.penalty("bob", when, 10.0)
    assert due + (deadline.extension("ada") or timedelta()) == until


_LOOK_LIKE_TIMES = st.from_regex(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}", fullmatch=True)
_TIMES = MOMENTS.map(lambda moment: moment.strftime("%Y-%m-%d %H:%M"))


@given(st.text(max_size=30) | _LOOK_LIKE_TIMES | _TIMES, ZONES)
@example("2026-11-20 23:59", "Europe/Vienna")
def test_any_text_is_a_time_or_refused_in_one_line(text: str, zone: str) -> None:
    refused = ""
    try:
        found = read_time(text, ZoneInfo(zone), "here")
    except BadSetting as error:
        refused = str(error)
    else:
        assert found.utcoffset() is not None
        assert found.strftime("%Y-%m-%d %H:%M") in text.replace("T", " ")
    assert refused == "" or refused.startswith("here")
    assert "\n" not in refused


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 second"), (61, "1 minute 1 second"), (3_600, "1 hour"), (3_601, "1 hour"), (90_000, "1 day 1 hour")],
)
def test_lengths_of_time_are_said_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_timestamp_out_of_all_calendars_breaks_nothing() -> None:
    deadline = Deadline(vienna("2026-11-20 12:00"), VIENNA, LatePolicy(percent_per_day=1))
    for when in (datetime.min, datetime.max):
        assert 0 <= deadline.penalty("ada", when, 10.0) <= 10
        assert deadline.lateness("ada", when).says
