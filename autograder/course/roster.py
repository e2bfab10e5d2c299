"""Who is in the class: a table from an LMS, in whatever order its columns come, and who is meant by a name in it."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import BadRoster
from autograder.exercise.wire import one_line
from autograder.language import say

MAX_BYTES = 20_000_000
MAX_NAME = 128  # characters; as much as nbgrader's tables are made for
# What columns are called by Canvas, Moodle, Google Classroom and nbgrader, in lower case. The first one that a table
# has says what a student is called in the gradebook.
ID_COLUMNS = (
    "student_id", "student id", "username", "user name", "sis login id", "login id", "sis user id", "id number",
    "student number", "matriculation number", "email address", "email", "e-mail", "mail", "id",
)  # fmt: skip
_LMS_NUMBERS = ("id", "identifier", "lms_user_id", "participant", "sis user id", "id number", "user id")
_NAMES = ("full name", "student", "name", "student name", "display name")
_FIRST, _LAST = ("first name", "first_name", "given name"), ("last name", "last_name", "surname", "family name")
_MAILS = ("email address", "email", "e-mail", "mail")
_NO_PERSON = ("points possible", "student, test", "test student")


@dataclass(frozen=True)
class Person:
    """One of the class: the name in the gradebook, all that a source may call them, and what to call them there."""

    id: str
    numbers: frozenset[str]
    names: frozenset[str]  # folded, see `folded`
    first: str = ""
    last: str = ""
    email: str = ""

    @property
    def can_have_a_folder(self) -> bool:
        """Whether a student's folder can have the id as its name."""
        return fits_a_folder(self.id)


class Roster:
    """The class."""

    def __init__(self, people: Iterable[Person], id_column: str) -> None:
        self.people = tuple(people)
        self.id_column = id_column
        self._by_number: dict[str, set[str]] = defaultdict(set)
        self._by_name: dict[str, set[str]] = defaultdict(set)
        for person in self.people:
            for number in person.numbers:
                self._by_number[number].add(person.id)
            for name in person.names:
                self._by_name[name].add(person.id)

    @classmethod
    def read(cls, path: Path, id_column: str | None = None) -> Roster:
        """Read a CSV file.

        Args:
            id_column: heading of the column that says what students are called in the gradebook.

        Raises:
            BadRoster: it cannot be read, has no column that says who is who, or has somebody twice.
        """
        rows = _rows(path)
        headings = [heading.strip() for heading in rows[0]] if rows else []
        column = _id_column(headings, id_column, path)
        people: dict[str, Person] = {}
        for number, row in enumerate(rows[1:], 2):
            cells = {h.lower(): cell.strip() for h, cell in zip(headings, row, strict=False)}
            student = cells.get(column.lower(), "")
            if not student or any(cells.get(name, "").lower() in _NO_PERSON for name in _NAMES):
                continue
            if student in people:
                raise BadRoster(
                    say(
                        "{path}, line {number}: '{student}' appears twice in the column '{column}'.",
                        path=path,
                        number=number,
                        student=student,
                        column=column,
                    )
                )
            first, last = _first_and_last(cells, student)
            mail = next((m for name in _MAILS if "@" in (m := one_line(cells.get(name, ""), MAX_NAME))), "")
            numbers, names = frozenset(_numbers(cells)), frozenset(_names(cells, student))
            people[student] = Person(student, numbers, names, first, last, mail)
        if not people:
            raise BadRoster(say("{path} lists nobody in its column '{column}'.", path=path, column=column))
        return cls(people.values(), column)

    def who(self, name: str, number: str = "") -> set[str]:
        """The ids of all whom this name and LMS number may mean; only one if it is clear."""
        by_number = self._by_number.get(number, set()) if number else set()
        by_name = self._by_name.get(folded(name), set()) if folded(name) else set()
        if len(by_number) == 1 and len(by_name) == 1 and by_number != by_name:
            return by_number | by_name  # the two contradict each other
        return (by_number & by_name) or by_number or by_name


def folded(name: str) -> str:
    """A name without what programs that make file names of it leave out: case, accents, blanks, signs."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in letters if c.isalnum())


def fits_a_folder(name: str) -> bool:
    """Whether a student's folder can have this name."""
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        return False
    return 0 < size <= 255 and not name.startswith(".") and not set(name) & {"/", "\0"} and name == name.strip()


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES)
    except OSError as error:
        raise BadRoster(say("{path} cannot be read: {why}.", path=path, why=error.strerror)) from error
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")  # as Excel writes it
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise BadRoster(say("{path} is not a CSV file: {error}.", path=path, error=error)) from error


def _id_column(headings: list[str], wanted: str | None, path: Path) -> str:
    lower = {heading.lower(): heading for heading in headings}
    if wanted is not None and wanted.strip().lower() not in lower:
        raise BadRoster(
            say(
                "{path} has no column '{wanted}'. Its columns: {headings}.",
                path=path,
                wanted=wanted,
                headings=", ".join(headings),
            )
        )
    columns = [wanted.strip().lower()] if wanted is not None else [name for name in ID_COLUMNS if name in lower]
    if not columns:
        raise BadRoster(
            say(
                "{path} has no column that says who the students are. Name one with --id. Its columns: {headings}.",
                path=path,
                headings=", ".join(headings)[:300],
            )
        )
    return lower[columns[0]]


def _numbers(cells: dict[str, str]) -> set[str]:
    values = (cells.get(name, "") for name in _LMS_NUMBERS)
    return {value.lower().removeprefix("participant").strip() for value in values if value}


def _names(cells: dict[str, str], student: str) -> set[str]:
    mails = [cells.get(name, "") for name in _MAILS]
    logins = [cells.get(name, "") for name in ID_COLUMNS if name != "id"]
    full = [cells.get(name, "") for name in _NAMES]
    first = next((cells[name] for name in _FIRST if cells.get(name)), "")
    last = next((cells[name] for name in _LAST if cells.get(name)), "")
    full += [f"{first} {last}", f"{last} {first}"] if first and last else []
    # "Lovelace, Ada" is what lists are sorted by, "Ada Lovelace" what others call her; programs make either of both.
    words = [name.replace(",", " ").split() for name in full]
    full += [" ".join(w[i:] + w[:i]) for w in words for i in range(1, min(len(w), 5))]
    everything = [student, *logins, *mails, *(mail.partition("@")[0] for mail in mails), *full]
    return {folded(name) for name in everything} - {""}


def _first_and_last(cells: dict[str, str], student: str) -> tuple[str, str]:
    """First and last name, as columns of their own say; else of a full name: "Lovelace, Ada" or "Ada Lovelace".

    Without a comma the last word is taken for the last name. Shown together, the two read as in the roster again.
    """
    first, last = (next((cells[name] for name in names if cells.get(name)), "") for names in (_FIRST, _LAST))
    if not first and not last:
        full = next((cells[name] for name in _NAMES if cells.get(name) and cells[name] != student), "")
        before, comma, after = full.partition(",")
        if comma:
            first, last = after, before
        else:
            first, last = " ".join(full.split()[:-1]), " ".join(full.split()[-1:])
    return one_line(first, MAX_NAME), one_line(last, MAX_NAME)
