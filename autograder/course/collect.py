"""Collecting: puts what a source delivers where it is graded, under its author's name in the roster.

Nothing is guessed: where it is not clear whose a file is, or which of several counts, we say so. What was collected
earlier is never lost: a later hand-in takes its place, and the earlier one is kept aside.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.files import write_atomically, written_beside
from autograder.course.kept import keep
from autograder.course.reading import MAX_NOTEBOOK_BYTES, belongs_to
from autograder.course.roster import Roster, fits_a_folder
from autograder.course.sources import MAX_FILE_BYTES, REQUEST, Delivery, SubmissionSource
from autograder.course.submissions import Candidate, Unused, choose, contents, in_zip, may_be_one
from autograder.course.times import time_of, written
from autograder.errors import CourseError
from autograder.exercise.wire import one_line
from autograder.language import _, joined, said, say, say_plural

MAX_REQUEST = 4_000  # bytes of a request that are kept
_REQUEST = re.compile(re.escape(REQUEST.removesuffix(".txt")) + r"(-\d+| \(\d+\))?\.txt", re.IGNORECASE)
ANOTHER = "another file of"
DELIVERED = "delivered.json"  # in the folder of what was kept of an exercise


@dataclass(frozen=True)
class Taken:
    """What one student's hand-in became. `what` is new, changed, the same, or older."""

    student: str
    what: str
    when: str
    late: bool = False
    note: str = ""
    delivered: str = ""  # how the source called it


@dataclass
class Collected:
    """What came of collecting."""

    source: str
    taken: list[Taken] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    asking: list[str] = field(default_factory=list)  # who asks for another look
    absent: list[str] = field(default_factory=list)  # in the roster, and nothing of theirs is there

    def count(self, what: str) -> int:
        """How many of these there are."""
        return sum(taken.what == what for taken in self.taken)


def collect(
    source: SubmissionSource,
    exercise: str,
    submitted: Path,
    kept: Path,
    roster: Roster | None = None,
    released: Path | None = None,
    dry_run: bool = False,
    among: bool = False,
) -> Collected:
    """Put what a source delivers into ``submitted/STUDENT/EXERCISE/``.

    Args:
        submitted: that folder; `kept`: where what is replaced goes.
        roster: without one, people are called what the source calls them.
        released: the exercise's notebook as it was released; a copy in which nobody worked counts for less.
        dry_run: only say what would be done.
        among: other exercises are collected from the same source. Then a notebook that does not say which exercise it
            is of counts only if its path says so, and a request only if its path says so or beside a notebook.

    Raises:
        CourseError: the course cannot be written to.
    """
    collected = Collected(source.title)
    theirs: dict[str, list[Delivery]] = defaultdict(list)
    called: dict[str, set[tuple[str, str]]] = defaultdict(set)
    requests: dict[str, Delivery] = {}
    for one in source.deliveries(exercise):
        if isinstance(one, Unused):
            collected.unused.append(one)
            continue
        student, why = _student(one, roster)
        if why:
            collected.unused.append(Unused(one.path, why))
        elif _REQUEST.fullmatch(one.file):
            if student not in requests or one.when >= requests[student].when:
                requests[student] = one
        else:
            theirs[student].append(one)
            called[student].add((one.name, one.number))
    for student, deliveries in sorted(theirs.items()):
        if len({number for _, number in called[student] if number}) > 1:
            who = joined(sorted(f"{name} {number}".strip() for name, number in called[student]), _(" and "))
            why = _(
                "{who} would both be '{student}', and nothing shows that they are the same person",
                who=who,
                student=student,
            )
            collected.unused += [Unused(d.path, why) for d in deliveries]
            continue
        try:
            taken = _take(student, deliveries, exercise, submitted, kept, released, dry_run, among, collected.unused)
        except OSError as error:
            raise CourseError(
                say(
                    "{submitted} cannot be written to: {why}.",
                    submitted=submitted / student,
                    why=error.strerror or error,
                )
            ) from error
        if taken is not None:
            collected.taken.append(taken)
    there = {taken.student for taken in collected.taken}
    for student, one in sorted(requests.items()):
        if among and student not in there and not _says(exercise, one.path):
            collected.unused.append(Unused(one.path, _("nothing says which exercise it is about")))
        else:
            _ask_again(student, one, submitted / student / exercise, collected, dry_run)
    if not dry_run:
        _remember(collected, kept.parent / DELIVERED)
    if roster is not None:
        collected.absent = sorted(p.id for p in roster.people if p.id not in there)
    return collected


def _student(one: Delivery, roster: Roster | None) -> tuple[str, str]:
    """Whose a file is, or why that cannot be said."""
    if roster is None:
        return (one.name, "") if fits_a_folder(one.name) else ("", _("its name does not say whose it is"))
    found = roster.who(one.name, one.number).union(*map(roster.who, one.also))
    if not found and "-" in one.name:  # Moodle puts a group's name in front: "Group A-Ada Lovelace"
        found = set().union(*(roster.who(one.name.split("-", n + 1)[-1]) for n in range(one.name.count("-"))))
    shown = one_line(f"{one.name} {one.number}".strip(), 80) or "nobody"
    if len(found) > 1:
        return "", _("'{shown}' could be any of {found}", shown=shown, found=", ".join(sorted(found)[:4]))
    if not found:
        return "", _("nobody in the roster is called '{shown}'", shown=shown)
    (student,) = found
    return (
        (student, "")
        if fits_a_folder(student)
        else ("", _("a folder cannot be called '{student}'", student=one_line(student, 80)))
    )


def _take(
    student: str,
    deliveries: list[Delivery],
    exercise: str,
    submitted: Path,
    kept: Path,
    released: Path | None,
    dry_run: bool,
    among: bool,
    unused: list[Unused],
) -> Taken | None:
    by_candidate: dict[int, Delivery] = {}
    candidates: list[Candidate] = []
    for one in deliveries:
        for candidate in _candidates(one, exercise, unused):
            candidates.append(candidate)
            by_candidate[id(candidate)] = one
    readable = [c for c in candidates if not c.why_not]
    silent = [c for c in readable if c.belongs is None]
    if among:
        silent = [c for c in silent if _says(exercise, c.path / c.member)]
    able = [c for c in readable if c.belongs] or silent
    choice = choose(able, lambda candidate: Path(candidate.called).name == f"{exercise}.ipynb", released)
    if choice.counts is None:
        if choice.several:
            names = ", ".join(c.called for c in choice.several[:5])
            unused += [Unused(c.path, _("nothing says which of {names} counts", names=names)) for c in choice.several]
        else:
            unused += [
                Unused(
                    c.path,
                    c.why_not
                    or (
                        _("it is a notebook of another exercise, not of '{exercise}'", exercise=exercise)
                        if c.belongs is False
                        else _("nothing in it or in its name says which exercise it is of")
                    ),
                    elsewhere=not c.why_not and c.belongs is False,
                )
                for c in candidates
            ]
        return None
    for left in candidates:
        if left is not choice.counts and left.content != choice.counts.content:
            unused.append(
                Unused(
                    left.path / left.member,
                    left.why_not or _("another file of {student} counts", student=student),
                )
            )
    one = by_candidate[id(choice.counts)]
    what = _put(choice.counts.content, one.when, student, exercise, submitted, kept, dry_run, one.secret or "")
    if one.secret is not None and not dry_run:
        _keep_secret(submitted / student / exercise / "submission_secret.txt", one.secret, what in ("new", "changed"))
    return Taken(student, what, written(one.when), one.late, choice.because, one.delivered)


def _says(exercise: str, path: Path) -> bool:
    """Whether a path says which exercise something is of."""
    return exercise.casefold() in str(path).casefold()


def _keep_secret(path: Path, secret: str, newer: bool) -> None:
    """Keep what the name of the released feedback is made of: where one has none, nbgrader releases nobody's."""
    if not path.is_file() or (newer and secret):
        write_atomically(path, secret or secrets.token_hex(64))


def _ask_again(student: str, one: Delivery, folder: Path, collected: Collected, dry_run: bool) -> None:
    """Put a request for another look beside the notebook that it is about."""
    is_there = folder.is_dir() and not folder.is_symlink() and not folder.parent.is_symlink()
    will_be = dry_run and any(taken.student == student for taken in collected.taken)
    if not is_there and not will_be:
        collected.unused.append(Unused(one.path, _("it asks for another look, but there is no work from this student")))
        return
    try:
        text = one.read()[:MAX_REQUEST]
        if not dry_run:
            write_atomically(folder / REQUEST, text)
    except OSError as error:
        collected.unused.append(Unused(one.path, _("it cannot be read or kept ({why})", why=error.strerror or error)))
        return
    collected.asking.append(student)


def _remember(collected: Collected, path: Path) -> None:
    """Keep what the source called each hand-in: feedback goes back under that name."""
    known = delivered_as(path)
    known |= {
        taken.student: {"source": collected.source, "path": taken.delivered}
        for taken in collected.taken
        if taken.delivered and taken.what != "older"
    }
    if known:
        try:
            write_atomically(path, json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        except OSError as error:
            raise CourseError(
                say("{path} cannot be written: {why}.", path=path, why=error.strerror or error)
            ) from error


def delivered_as(path: Path) -> dict[str, dict[str, str]]:
    """By student: which source a hand-in came from, and its path there; what an earlier `collect` kept."""
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        str(student): {"source": str(one.get("source", "")), "path": str(one.get("path", ""))}
        for student, one in (known.items() if isinstance(known, dict) else ())
        if isinstance(one, dict)
    }


def _candidates(one: Delivery, exercise: str, unused: list[Unused]) -> list[Candidate]:
    """What a file that was delivered may be, or holds."""
    if not may_be_one(one.file):
        unused.append(Unused(one.path, _("it is not a notebook")))
        return []
    try:
        content = one.read()
    except OSError as error:
        why = _("it cannot be read ({why})", why=error.strerror or error)
        unused.append(Unused(one.path, why, for_now=True))
        return []
    if one.file.casefold().endswith(".zip"):
        if len(content) > MAX_FILE_BYTES:
            unused.append(Unused(one.path, _("it is larger than {megabytes} MB", megabytes=MAX_FILE_BYTES // 10**6)))
            return []
        return list(in_zip(one.path, content, one.when, exercise))
    if len(content) > MAX_NOTEBOOK_BYTES:
        unused.append(Unused(one.path, _("it is larger than {megabytes} MB", megabytes=MAX_NOTEBOOK_BYTES // 10**6)))
        return []
    return [Candidate(one.path, "", content, one.when, belongs_to(content, exercise))]


def _put(
    content: bytes,
    when: float,
    student: str,
    exercise: str,
    submitted: Path,
    kept: Path,
    dry_run: bool,
    secret: str,
) -> str:
    """Write one student's hand-in, and say what it is beside what was there: new, changed, the same, or older."""
    folder = submitted / student / exercise
    notebook, stamp = folder / f"{exercise}.ipynb", folder / "timestamp.txt"
    if (submitted / student).is_symlink() or folder.is_symlink():
        raise OSError(0, _("it is a symbolic link; links are not followed"))
    try:
        before: bytes | None = contents(notebook)
    except FileNotFoundError:
        before = None
    if before is not None:
        handed_in_at = time_of(_text(stamp))
        earlier = time_of(written(when))
        if handed_in_at is not None and earlier is not None and earlier < handed_in_at and before != content:
            if not dry_run:
                keep(kept / student, written(when), content, secret)
            return "older"
        if before == content:
            return "the same"
    if dry_run:
        return "new" if before is None else "changed"
    if before is not None:
        keep(kept / student, _text(stamp), before, _raw(folder / "submission_secret.txt"))
    stamped = _raw(stamp)
    with (  # both are on the disk before either is in its place: the earlier notebook must not carry the later time
        written_beside(notebook, content, durable=True) as put_notebook,
        written_beside(stamp, written(when) + "\n", durable=True) as put_stamp,
    ):
        put_stamp()  # first: if we are killed here, the next look finds another notebook and puts it right
        try:
            put_notebook()
        except BaseException:
            if stamped:
                write_atomically(stamp, stamped)
            else:
                stamp.unlink()
            raise
    return "new" if before is None else "changed"


def _text(path: Path) -> str:
    return _raw(path)[:200].strip()


def _raw(path: Path) -> str:
    try:
        return contents(path, 1_000).decode("utf-8", "replace")
    except OSError:
        return ""


def lines(collected: Collected, exercise: str, dry_run: bool = False) -> list[str]:
    """What there is to tell, one line each."""
    words = {"new": say("new"), "changed": say("changed"), "the same": say("the same"), "older": say("older")}
    counts = [f"{n} {word}" for what, word in words.items() if (n := collected.count(what))]
    late = sum(taken.late for taken in collected.taken)
    counted = ", ".join(counts) or say("nothing")
    if late:
        counted = say_plural("{counts}; {n} of them late", "{counts}; {n} of them late", late, counts=counted)
    count, source = len(collected.taken), collected.source
    if dry_run:
        first = _(
            "{exercise}: {count} would be collected from {source} ({counts}).",
            exercise=exercise,
            count=count,
            source=source,
            counts=counted,
        )
    else:
        first = _(
            "{exercise}: {count} collected from {source} ({counts}).",
            exercise=exercise,
            count=count,
            source=source,
            counts=counted,
        )
    report = [said(first)]
    report += [f"  {t.student}: {said(t.note)}" for t in collected.taken if t.note]
    report += [
        say("  {student}: a later one is already there; this one was left out.", student=t.student)
        for t in collected.taken
        if t.what == "older"
    ]
    if collected.asking:
        report.append(
            say(
                "These students ask for another look: {asking}{more}.",
                asking=", ".join(collected.asking[:20]),
                more=_more(collected.asking),
            )
        )
    if collected.unused:
        report.append(say("Not used: {count}", count=len(collected.unused)))
        report += [f"  {one}" for one in collected.unused]
    if collected.absent:
        absent, more = ", ".join(collected.absent[:20]), _more(collected.absent)
        report.append(say("Nothing was found for these students: {absent}{more}.", absent=absent, more=more))
    return report


def _more(names: list[str], most: int = 20) -> str:
    return say(" and {count} more", count=len(names) - most) if len(names) > most else ""
