"""A course's settings: ``autograder.json`` in the course directory, typed and checked.

    {"limits": {"cell_seconds": 30},
     "packages": ["seaborn"],
     "exercises": {"05-overfitting": {"notebook_seconds": 300, "cpu_seconds": 600, "files": ["data/numbers.csv"]}}}

Deadlines stand there, too: see `deadlines`.

A new setting for the whole course is a field of `Settings`, one for a single exercise a field of `ExerciseSettings`:
its name is the key, its annotation the type that is asked for, its default what holds when nobody says anything.
`settings_file` reads the file, and nobody else does.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from autograder.course import deadlines
from autograder.course.deadlines import Deadline, LatePolicy
from autograder.course.settings_file import FILE, content
from autograder.errors import BadSetting
from autograder.exercise.passages import book_at
from autograder.language import _, did_you_mean, languages, say
from autograder.sandbox.limits import Limits

MAX_FILES_BYTES = 50_000_000  # of all files that lie beside one exercise's notebooks, together


# When feedback pages may show an exercise's answers. The first is the default.
AFTER_DEADLINE, ALWAYS, NEVER = ANSWERS = ("after-deadline", "always", "never")
LAST, BEST = COUNTS = ("last", "best")  # which of a student's hand-ins counts. The first is the default.
_READ_HERE = ("limits", "exercises", "late", "due", "extensions")  # each in a way of its own; the rest by its type


@dataclass(frozen=True, kw_only=True)
class ExerciseSettings:
    """What is set for one exercise alone. Beside these keys its object holds limits."""

    limits: Limits = field(default_factory=Limits)
    files: tuple[str, ...] = ()  # paths in the course directory; their copies lie beside each notebook that runs
    due: datetime | None = None  # aware; None: what the gradebook says
    extensions: Mapping[str, datetime] = field(default_factory=dict)  # until when, by student
    late: LatePolicy = field(default_factory=LatePolicy)
    time_zone: str = ""  # the course's
    answers: str = AFTER_DEADLINE  # when feedback pages show them, one of `ANSWERS`; the course's, if it is not set
    counts: str = LAST  # which hand-in does, one of `COUNTS`; the course's, if it is not set

    @property
    def zone(self) -> tzinfo:
        """In which days are counted and times are shown: the course's time zone, else the due date's own."""
        return deadlines.read_zone(self.time_zone, FILE) or (self.due and self.due.tzinfo) or UTC

    @property
    def deadline(self) -> Deadline | None:
        """When it is due; None if these settings do not say so."""
        return None if self.due is None else Deadline(self.due, self.zone, self.late, self.extensions)

    def deadline_beside(self, due: datetime | None, extensions: Mapping[str, timedelta]) -> Deadline | None:
        """When it is due: as these settings say; if they say nothing, as the gradebook does; None if neither does.

        Args:
            due: the gradebook's due date, in UTC, and by how much it extends that, by student.
        """
        if self.due is not None or due is None:
            return self.deadline
        until = {student: deadlines.as_utc(due) + longer for student, longer in extensions.items()}
        return Deadline(deadlines.as_utc(due), self.zone, self.late, until)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is set for a course."""

    limits: Limits = field(default_factory=Limits)
    packages: tuple[str, ...] = ()  # names that notebooks import and that have to be installed where they are graded
    book: str = ""  # the address of the book that the course reads, to which hints on feedback pages link
    language: str = ""  # in which learners read what is said about their work, as in "de"; '' is English
    time_zone: str = ""  # of the times in this file, as in "Europe/Vienna"
    late: LatePolicy = field(default_factory=LatePolicy)
    answers: str = AFTER_DEADLINE  # when feedback pages show them, one of `ANSWERS`
    counts: str = LAST  # which of a student's hand-ins does, one of `COUNTS`
    blind: bool = False  # the report and marking by hand do not say whose work it is
    results_at_once: bool = False  # on the course's page on a Hub, learners see their result as soon as there is one
    live: bool = False  # what `check` finds on a Hub is counted, for the teacher's page while the class works
    live_names: bool = False  # with names
    exercises: Mapping[str, ExerciseSettings] = field(default_factory=dict)

    def of(self, exercise: str) -> ExerciseSettings:
        """What holds for an exercise."""
        return self.exercises.get(exercise) or ExerciseSettings(
            limits=self.limits, late=self.late, time_zone=self.time_zone, answers=self.answers, counts=self.counts
        )


def read(root: Path, exercises: Callable[[], Collection[str]], usual: Limits | None = None) -> Settings:
    """The settings of the course in a folder; the defaults where there is no such file.

    Args:
        exercises: names those that the course has; asked only if the file names some.
        usual: the limits where the file sets none.

    Raises:
        BadSetting, BadLimit: the file cannot be used. The message names it and the key.
    """
    path = root / FILE
    given = _object(content(path), str(path), say("the whole file"))
    _known(given, _names(Settings), f"{path}: ", say("setting"))
    everywhere = (usual or Limits()).with_settings(
        _object(given.get("limits", {}), str(path), "limits"), f"{path}: limits"
    )
    named = _object(given.get("exercises", {}), str(path), "exercises")
    if named:
        _known(named, sorted(exercises()), f"{path}: exercises: ", "exercise")
    late = deadlines.read_policy(_object(given.get("late", {}), str(path), "late"), LatePolicy(), f"{path}: late")
    others = {name: given[name] for name in given if name not in _READ_HERE}
    course = Settings(limits=everywhere, late=late, **_typed(Settings, others, path, ""))
    deadlines.read_zone(course.time_zone, f"{path}: time_zone")
    _one_of(course.answers, ANSWERS, path, "answers")
    _one_of(course.counts, COUNTS, path, "counts")
    if course.language:
        _one_of(course.language, languages(), path, "language")
    try:
        course = replace(course, book=book_at(course.book))
    except ValueError as error:
        raise BadSetting(
            say("{path}: book: {error}. Write the address of the book's first page.", path=path, error=error)
        ) from error
    each = {name: _of_exercise(value, course, path, f"exercises.{name}") for name, value in named.items()}
    return replace(course, exercises=each)


def require_packages(settings: Settings, root: Path) -> None:
    """Make sure that what the course's notebooks import is installed in this environment.

    Raises:
        BadSetting: something is not.
    """
    for name in settings.packages:
        if not name.isidentifier():
            raise BadSetting(
                say(
                    "{root}: packages: {name!r} is not a name that Python can import.", root=root / FILE, name=name[:60]
                )
            )
        if importlib.util.find_spec(name) is None:
            raise BadSetting(
                say(
                    "{root}: packages: `{name}` is not installed in this environment ({prefix}). Install it"
                    " here, or take it off the list; then lines that need it are skipped.",
                    root=root / FILE,
                    name=name,
                    prefix=sys.prefix,
                )
            )


def read_files(root: Path, names: Collection[str], exercise: str) -> tuple[tuple[str, bytes], ...]:
    """Name and content of each file that lies beside an exercise's notebooks.

    Raises:
        BadSetting: one cannot be read, lies outside the course directory, or they are too large.
    """
    found: dict[str, bytes] = {}
    where, total = f"{root / FILE}: exercises.{exercise}.files: ", 0
    for name in names:
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()) or not path.is_file():
            raise BadSetting(
                say("{where}there is no file {name!r} in the course directory.", where=where, name=name[:100])
            )
        if path.name in found:
            raise BadSetting(
                say(
                    "{where}two files are called {name!r}; only one of them can be placed beside a notebook.",
                    where=where,
                    name=path.name,
                )
            )
        total += path.stat().st_size
        if total > MAX_FILES_BYTES:
            raise BadSetting(
                say(
                    "{where}together they are larger than {megabytes} MB.",
                    where=where,
                    megabytes=MAX_FILES_BYTES // 10**6,
                )
            )
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            raise BadSetting(
                say("{where}{name!r} cannot be read: {why}.", where=where, name=name[:100], why=error.strerror)
            ) from error
    return tuple(found.items())


def _of_exercise(value: Any, course: Settings, path: Path, key: str) -> ExerciseSettings:
    given = _object(value, str(path), key)
    own = [name for name in _names(ExerciseSettings) if name not in ("limits", "time_zone")]
    limits = {name: value for name, value in given.items() if name not in own}
    _known(limits, [*own, *_names(Limits)], f"{path}: {key}: ", say("setting or limit"))
    plain = {"answers": course.answers, "counts": course.counts}
    plain |= {name: given[name] for name in own if name in given and name not in _READ_HERE}
    where, zone = f"{path}: {key}", deadlines.read_zone(course.time_zone, f"{path}: time_zone")
    due = deadlines.read_time(given["due"], zone, f"{where}.due") if "due" in given else None
    extensions = _object(given.get("extensions", {}), str(path), f"{key}.extensions")
    late = _object(given.get("late", {}), str(path), f"{key}.late")
    typed = _typed(ExerciseSettings, plain, path, f"{key}.")
    _one_of(typed["answers"], ANSWERS, path, f"{key}.answers")
    _one_of(typed["counts"], COUNTS, path, f"{key}.counts")
    return ExerciseSettings(
        limits=course.limits.with_settings(limits, where),
        due=due,
        extensions=deadlines.read_extensions(extensions, due, zone, f"{where}.extensions"),
        late=deadlines.read_policy(late, course.late, f"{where}.late"),
        time_zone=course.time_zone,
        **typed,
    )


def _names(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]


def _object(value: Any, path: str, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSetting(
            say("{path}: {key} should be an object, {{...}}, not {value}.", path=path, key=key, value=_shown(value))
        )
    return value


def _known(given: Mapping[str, Any], known: Collection[str], where: str, what: str) -> None:
    for key in given:
        if key not in known:
            advice = did_you_mean(key, known, say("Possible here: {known}.", known=", ".join(known) or say("none")))
            raise BadSetting(
                say(
                    "{where}there is no {what} called {key!r}. {advice}",
                    where=where,
                    what=what,
                    key=key[:60],
                    advice=advice,
                )
            )


def _typed(kind: type, given: Mapping[str, Any], path: Path, prefix: str) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: _as(hints[name], value, path, prefix + name) for name, value in given.items()}


def _one_of(value: str, known: Collection[str], path: Path, key: str) -> None:
    if value not in known:
        advice = did_you_mean(value, known, say("It can be {known}.", known=", ".join(known)))
        raise BadSetting(
            say(
                "{path}: {key} is {value}, which is not a value it can have. {advice}",
                path=path,
                key=key,
                value=_shown(value),
                advice=advice,
            )
        )


_WORDS = {bool: _("true or false"), int: _("a whole number"), float: _("a number"), str: _("text in quotes")}


def _as(kind: Any, value: Any, path: Path, key: str) -> Any:
    """A value of JSON's as the type of a field: bool, int, float, str, tuple[T, ...] or Mapping[str, T]."""
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise BadSetting(
                say("{path}: {key} should be a list, [...], not {value}.", path=path, key=key, value=_shown(value))
            )
        return tuple(_as(get_args(kind)[0], each, path, f"{key}[{n}]") for n, each in enumerate(value))
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        content = _object(value, str(path), key)
        return {name: _as(get_args(kind)[1], each, path, f"{key}.{name}") for name, each in content.items()}
    right = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not right or (kind is float and not math.isfinite(value)):
        raise BadSetting(
            say(
                "{path}: {key} should be {words}, not {value}.",
                path=path,
                key=key,
                words=_WORDS[kind],
                value=_shown(value),
            )
        )
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
