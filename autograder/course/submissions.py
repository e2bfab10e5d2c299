"""What was handed in for an exercise: which students there are, and the one notebook of each that counts.

The place for it is ``submitted/STUDENT/EXERCISE/EXERCISE.ipynb``, and nearly all lie there. The others are found by
what is in them: whatever a student's folder holds, under whatever name, says which exercise it belongs to.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from autograder.course.deadlines import moment
from autograder.course.names import entered_as
from autograder.course.reading import MAX_NOTEBOOK_BYTES, belongs_to, worked_in
from autograder.course.times import time_of, written
from autograder.errors import CourseError
from autograder.exercise.wire import one_line
from autograder.language import _, joined, plural, said, say

MAX_LOOKED_AT = 300  # files and folders of one student; more are no homework
MAX_DEPTH = 5
MAX_BYTES_LOOKED_AT = 3 * MAX_NOTEBOOK_BYTES
SAME_MOMENT = 2.0  # seconds: files that are copied or unpacked together are not newer than one another
_NOTHING = hashlib.sha256(b"").hexdigest()
_NOT_OF_A_STUDENT = ("__MACOSX",)


class _NoFile(OSError):
    """A folder, a pipe or a device stands where a file should."""


class Unread(OSError):
    """What was handed in cannot be read just now. Nobody knows what is in it, so nobody may grade it."""


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that lies with what was handed in and is graded for nobody, and why, as half a sentence."""

    path: Path
    why: str
    for_now: bool = False  # it can be used once the class's list, or what else was taken in, is another
    failed: bool = False  # the system failed to look at it, which may pass without any change here
    elsewhere: bool = False  # it is another exercise's, so of no use for this one alone

    def __str__(self) -> str:
        return f"{one_line(str(self.path), 200)}: {said(self.why)}"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one student handed in.

    `path` is None when there is no notebook; `problem` says what is odd, and `unread` why it cannot even be looked at.
    """

    student: str
    folder: Path
    path: Path | None
    digest: str  # of the file as it was when it was found
    problem: str = ""
    member: str = ""  # of the zip file at `path`, if the notebook is in one
    unread: str = ""
    unused: tuple[Unused, ...] = ()
    came: str | None = None  # of a version that was kept aside: what its timestamp.txt said,
    named_by: str | None = None  # and its submission_secret.txt
    # The name of the student's folder in ``submitted/``: `student`, unless nbgrader's pages cannot show that.
    students_folder: str = field(kw_only=True)

    @property
    def raw(self) -> bytes | None:
        """The notebook's bytes, read anew each time: a class of thousands must not be held in memory.

        Raises:
            Unread: it cannot be read any more, or not now.
        """
        if self.path is None:
            return None
        try:
            content = contents(self.path)
            return _member(content, self.member) if self.member else content
        except Exception as error:  # a damaged zip file fails in many ways
            raise Unread(_why(error)) from error

    @property
    def timestamp(self) -> str:
        """When it was handed in, as nbgrader's timestamp.txt says; '' if there is none.

        Where that file says no time at all, it is when the notebook was saved here. nbgrader's own commands end for
        the whole class at a timestamp that they cannot read.
        """
        text = (self._beside("timestamp.txt") if self.came is None else self.came).strip()[:100]
        if not text or time_of(text) is not None:
            return text
        try:
            return written(os.lstat(self.path or self.folder).st_mtime)
        except (OSError, ValueError, OverflowError):
            return ""

    @property
    def secret(self) -> str:
        """Content of nbgrader's submission_secret.txt, or ''; the name of the released feedback is made from it."""
        return self._beside("submission_secret.txt") if self.named_by is None else self.named_by

    def _beside(self, name: str) -> str:
        """A short text file that lies with the notebook; '' if it is not there, or behind a link."""
        try:
            if self.folder.is_symlink() or self.folder.parent.is_symlink():
                return ""
            return contents(self.folder / name, 1000).decode("utf-8", errors="replace")
        except OSError:
            return ""


@dataclass(frozen=True)
class HandedIn:
    """What lies in ``submitted/`` for one exercise: what counts, and what else was seen."""

    submissions: list[Submitted]
    unused: list[Unused] = field(default_factory=list)


def handed_in(submitted: Path, name: str, students: list[str] | None = None, released: Path | None = None) -> HandedIn:
    """What lies in the folder ``submitted/`` for an exercise, sorted by student.

    Args:
        students: only these; names of folders, or as they are entered in the gradebook.
        released: the exercise's notebook as it was released. Without it, a copy in which nobody worked counts like one
            in which somebody did.

    Raises:
        CourseError: there is no such folder, or a student named does not exist.
    """
    if not submitted.is_dir():
        raise CourseError(
            say("{parent} has no folder submitted/. Collect the students' work into it first.", parent=submitted.parent)
        )
    try:
        entries = sorted(os.scandir(submitted), key=lambda entry: entry.name)
    except OSError as error:
        raise CourseError(say("{submitted} cannot be read: {why}.", submitted=submitted, why=error.strerror)) from error
    found, unused = [], []
    for entry in entries:
        why = _not_a_student(entry, name)
        if not why:
            found.append(entry.name)
        elif why != "hidden":
            unused.append(Unused(submitted / entry.name, why))
    if students:
        found = _those(found, students, submitted)
    everyone = [_read(folder, submitted / folder / name, name, released) for folder in found]
    there = [s for s in everyone if s.path is not None or s.problem or s.unread or s.folder.is_dir() or students]
    return HandedIn(there, unused + [one for submission in everyone for one in submission.unused])


def in_folders(submitted: Path, name: str, folders: Collection[str], released: Path | None = None) -> list[Submitted]:
    """What lies in these folders of ``submitted/`` for an exercise, sorted, without a look at anybody else's.

    A folder that is no student's, or is gone, has nothing in it.

    Raises:
        CourseError: there is no folder ``submitted/``, or it cannot be read.
    """
    try:
        os.lstat(submitted)
        theirs = [folder for folder in sorted(folders) if _is_a_students(submitted / folder, name)]
    except OSError as error:
        raise CourseError(say("{submitted} cannot be read: {why}.", submitted=submitted, why=error.strerror)) from error
    return [_read(folder, submitted / folder / name, name, released) for folder in theirs]


def listed(
    submitted: Path, name: str, students: list[str] | None = None, released: Path | None = None
) -> list[Submitted]:
    """The submissions in `handed_in`; see there."""
    return handed_in(submitted, name, students, released).submissions


def read(submitted: Path, name: str, student: str, released: Path | None = None) -> Submitted:
    """What one student handed in of an exercise; `student` as entered in the gradebook."""
    folder = _folder_name(submitted, student)
    return _read(folder, submitted / folder / name, name, released)


def folder_of(submitted: Path, name: str, student: str, released: Path | None = None) -> Path:
    """The `folder` of what one student handed in. Where it is the usual one, no notebook is read to find it."""
    usual = submitted / _folder_name(submitted, student) / name
    # Unlike `Path.is_dir`, this fails for no folder that cannot be looked at: one student's must not end the class.
    return usual if os.path.isdir(usual) else read(submitted, name, student, released).folder


def _folder_name(submitted: Path, student: str) -> str:
    """What the folder of a student is called; `student` as entered in the gradebook."""
    if entered_as(student) != student or not os.path.lexists(submitted / student):
        with suppress(OSError):
            return next((f for f in os.listdir(submitted) if entered_as(f) == student), student)
    return student


def _those(folders: list[str], students: list[str], submitted: Path) -> list[str]:
    """The folders of these students, who are named as their folders are or as they are entered in the gradebook.

    Both may be a whole class, so each folder's name is looked at once.

    Raises:
        CourseError: a student has no folder.
    """
    names = {folder: (folder, entered_as(folder)) for folder in folders}
    known = {name for both in names.values() for name in both}
    for student in students:
        if student not in known:
            raise CourseError(say("No student '{student}' in {submitted}.", student=student, submitted=submitted))
    wanted = set(students)
    return [folder for folder, both in names.items() if not wanted.isdisjoint(both)]


def _not_a_student(entry: os.DirEntry[str], name: str) -> str:
    """Why an entry of ``submitted/`` is not a student's folder; '' if it is."""
    if entry.name.startswith(".") or entry.name in _NOT_OF_A_STUDENT:
        return "hidden"
    if not (entry.is_dir(follow_symlinks=False) or entry.is_symlink()):
        return _("it is not in any student's folder; `autograder collect` sorts files into folders")
    if entry.name.casefold() == name.casefold():
        return _("the folder is named after the exercise, not after a student; it should be STUDENT/EXERCISE")
    return ""


def _is_a_students(folder: Path, name: str) -> bool:
    """Whether something in ``submitted/`` is a student's folder, and not one that is called as the exercise is."""
    if hidden(folder.name) or folder.name.casefold() == name.casefold():
        return False
    try:
        mode = os.lstat(folder).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _read(student: str, folder: Path, name: str, released: Path | None) -> Submitted:
    """What one student handed in. Whatever goes wrong with their files, this returns."""
    entered = entered_as(student)
    try:
        found = _find(entered, folder, name, released)
    except Exception as error:  # one student's files must not end the class
        return Submitted(entered, folder, None, _NOTHING, unread=_why(error), students_folder=student)
    if entered != student:
        says = _(
            "The folder's name has characters that nbgrader's pages cannot show; it is entered as {entered}.",
            entered=entered,
        )
        return replace(found, problem=f"{says} {found.problem}".strip())
    return found


def _find(student: str, folder: Path, name: str, released: Path | None) -> Submitted:
    """The one notebook that counts, following no links."""
    nothing = Submitted(student, folder, None, _NOTHING, students_folder=folder.parent.name)
    if folder.parent.is_symlink():
        return replace(nothing, problem=_("The student's folder is a symbolic link; links are not followed."))
    if folder.is_symlink():
        return replace(nothing, problem=_("The folder is a symbolic link; links are not followed."))
    path = folder / f"{name}.ipynb"
    if _alone(folder, path.name):
        content = contents(path)
        if belongs_to(content, name) is not False:
            return replace(nothing, path=path, digest=hashlib.sha256(content).hexdigest())
    return _chosen(nothing, list(_look(folder, name)), path, name, released)


def _alone(folder: Path, notebook: str) -> bool:
    """Whether the notebook is there, and nothing else that might be one, there or beside the folder."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return False
    others = [e for e in entries if e.name != notebook and (e.is_dir(follow_symlinks=False) or may_be_one(e.name))]
    here = [e for e in entries if e.name == notebook and e.is_file(follow_symlinks=False)]
    if not here or not all(hidden(e.name) for e in others):
        return False
    return all(e.name == folder.name or hidden(e.name) or _is_tidy(e) for e in os.scandir(folder.parent))


def _is_tidy(entry: os.DirEntry[str]) -> bool:
    """Whether something beside an exercise's folder is another exercise's, or no notebook at all."""
    if not entry.is_dir(follow_symlinks=False):
        return not may_be_one(entry.name)
    return os.path.lexists(os.path.join(entry.path, f"{entry.name}.ipynb"))


@dataclass(frozen=True)
class Candidate:
    """A file that may be the notebook of this exercise."""

    path: Path
    member: str
    content: bytes
    saved: float  # when, by the clock of the file system that it was handed in to
    belongs: bool | None
    why_not: str = ""

    @property
    def called(self) -> str:
        """The name as it is shown."""
        return one_line(f"{self.path.name}/{self.member}" if self.member else self.path.name, 100)


def _chosen(nothing: Submitted, seen: list[Candidate], path: Path, name: str, released: Path | None) -> Submitted:
    """Of all the files that a student's folder holds, the one that counts, and what is to be said about the others."""
    folder = nothing.folder
    # What does not say where it belongs counts where it was expected. One of another exercise counts nowhere, except
    # that the student hears so if nothing else is there.
    able = [c for c in seen if not c.why_not and (c.belongs or (c.belongs is None and _in(c, folder)))]
    choice = choose(able, lambda candidate: candidate.path == path, released)
    chosen, because, candidates = choice.counts, choice.because, choice.several
    if chosen is None and not candidates:
        chosen = next((c for c in seen if c.path == path and not c.why_not), None)
    left = tuple(
        Unused(c.path / c.member if c.member else c.path, c.why_not or _left_out(c, chosen, name))
        for c in seen
        if c is not chosen
        and (c.belongs is not False or _in(c, folder))
        and not (chosen and c.content == chosen.content)
    )
    if chosen is None:
        return replace(nothing, problem=_nothing_counts(candidates, left, path, name), unused=left)
    notes: list[str] = []
    if chosen.path != path:
        where, called = _shown(chosen.path.parent, folder.parent), chosen.called
        if called == path.name:
            note = _("The notebook was in {where}; it was recognised and graded.", where=where)
        elif chosen.path.parent == folder:
            note = _("The notebook was called {called}; it was recognised and graded.", called=called)
        else:
            note = _(
                "The notebook was called {called} and was in {where}; it was recognised and graded.",
                called=called,
                where=where,
            )
        notes.append(note)
    if because:
        notes.append(because)
    if others := [one_line(u.path.name, 100) for u in left if may_be_one(u.path.name)]:
        notes.append(_("Not graded: {others}.", others=", ".join(others[:5] + ["..."] * (len(others) > 5))))
    place = folder if folder.is_dir() else chosen.path.parent
    digest = hashlib.sha256(chosen.content).hexdigest()
    found = replace(nothing, folder=place, path=chosen.path, digest=digest, member=chosen.member)
    return replace(found, problem=joined(notes), unused=left)


@dataclass(frozen=True)
class Choice:
    """Which of several notebooks counts, and how that is known. `several`: those among which it had to be chosen."""

    counts: Candidate | None
    because: str = ""
    several: tuple[Candidate, ...] = ()


def choose(able: list[Candidate], usual: Callable[[Candidate], bool], released: Path | None) -> Choice:
    """The notebook that counts, of those of a student that may: one somebody worked in, and of these the last.

    Args:
        usual: whether a candidate has the name that it should have. It decides between those saved together.
        released: the exercise's notebook as it was released.
    """
    candidates = list({c.content: c for c in sorted(able, key=usual)}.values())
    if len(candidates) > 1:
        blank = contents(released) if released is not None else b""
        # One that says where it belongs, or has the right name, comes before a notebook of any kind; work before none.
        ranks = [(worked_in(c.content, blank), bool(c.belongs) or usual(c)) for c in candidates]
        order = ((True, True), (True, False), (False, True), (False, False))
        best = next(rank for rank in order if rank in ranks)
        candidates = [c for c, rank in zip(candidates, ranks, strict=True) if rank == best]
    candidates.sort(key=lambda c: c.saved)
    several = tuple(candidates)
    if len(several) < 2:
        return Choice(several[0] if several else None, "", several)
    last, before = several[-1], several[-2]
    if last.saved - before.saved >= SAME_MOMENT:
        because = plural(
            "There is {n} notebook; {called} counts, because it was saved last ({last}).",
            "There are {n} notebooks; {called} counts, because it was saved last ({last}).",
            len(several),
            called=last.called,
            last=_clock(last),
        )
        return Choice(last, because, several)
    together = [c for c in several if last.saved - c.saved < SAME_MOMENT]
    named = next((c for c in together if usual(c)), None)
    if named is None:
        return Choice(None, "", several)
    because = plural(
        "{n} notebook was saved at the same time; {called} counts, because of its name.",
        "{n} notebooks were saved at the same time; {called} counts, because of its name.",
        len(several),
        called=named.called,
    )
    return Choice(named, because, several)


def _nothing_counts(candidates: Sequence[Candidate], left: tuple[Unused, ...], path: Path, name: str) -> str:
    if len(candidates) > 1:
        several = ", ".join(c.called for c in candidates[:5])
        return plural(
            "There is {n} notebook, not called {name}, and nothing says that it counts: {several}.",
            "There are {n} notebooks, none called {name}, and nothing says which one counts: {several}. Keep one of"
            " them.",
            len(candidates),
            name=path.name,
            several=several,
        )
    if left:
        others = joined([_("{file}: {why}", file=u.path.name, why=u.why) for u in left[:3]], "; ")
        return _("No notebook of '{name}' was found, but: {others}.", name=name, others=others)
    return ""


def _left_out(candidate: Candidate, chosen: Candidate | None, name: str) -> str:
    if candidate.belongs is False:
        return _("it is a notebook of another exercise, not of '{name}'", name=name)
    if candidate.belongs is None and chosen is None:
        return _("nothing in it says that it is a notebook of '{name}'", name=name)
    return _("another notebook counts") if chosen else _("nothing says which notebook counts")


def _look(folder: Path, name: str) -> Iterator[Candidate]:
    """All that may be a notebook in a student's folder; nothing that is hidden or behind a link."""
    limit = _Limit()
    # The exercise's own folder first: what else a student keeps may be more than is looked at.
    for path in (*_walk(folder, limit, MAX_DEPTH - 1), *_walk(folder.parent, limit, MAX_DEPTH, besides=folder)):
        if not may_be_one(path.name):
            continue
        try:
            about = os.lstat(path)
            if stat.S_ISLNK(about.st_mode):
                if _inside(path, folder):
                    yield Candidate(path, "", b"", 0, None, _("is a symbolic link; links are not followed"))
                continue
            content = contents(path)
            limit.count(len(content))
        except OSError as error:
            if path == folder / f"{name}.ipynb" and not isinstance(error, _NoFile):
                raise
            yield Candidate(path, "", b"", 0, None, _("cannot be read ({error})", error=_why(error)))
            continue
        if path.name.casefold().endswith(".zip"):
            yield from in_zip(path, content, about.st_mtime, name, limit)
        elif _is_one(path.name, content, name):
            yield Candidate(path, "", content, about.st_mtime, belongs_to(content, name))
    if limit.reached:
        yield Candidate(folder.parent, "", b"", 0, None, _("it holds too much to look through"))


class _Limit:
    """How much of one student's folder is looked at."""

    def __init__(self) -> None:
        self._files, self._bytes = MAX_LOOKED_AT, MAX_BYTES_LOOKED_AT

    @property
    def reached(self) -> bool:
        return self._files <= 0 or self._bytes <= 0

    def count(self, size: int = 0) -> None:
        self._files -= 1
        self._bytes -= size


def _walk(folder: Path, limit: _Limit, depth: int, besides: Path | None = None) -> Iterator[Path]:
    """The files in a folder, then those in the folders in it. What is deep down and may not be read is left out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_dir(follow_symlinks=False), entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        if depth >= MAX_DEPTH - 1:
            raise
        return
    for entry in entries:
        if hidden(entry.name) or folder / entry.name == besides:
            continue
        limit.count()
        if limit.reached:
            return
        if not entry.is_dir(follow_symlinks=False):
            yield folder / entry.name
        elif depth > 1:
            yield from _walk(folder / entry.name, limit, depth - 1)


def in_zip(path: Path, content: bytes, saved: float, name: str, limit: _Limit | None = None) -> Iterator[Candidate]:
    """The notebooks in a zip file. Its own times are the student's word, so the file's own counts for all of them."""
    limit = limit or _Limit()
    try:
        with _opened(content) as archive:
            members = archive.infolist()
            if len(members) > MAX_LOOKED_AT:
                yield Candidate(
                    path,
                    "",
                    b"",
                    0,
                    None,
                    _(
                        "has more files in it ({count}) than the limit, {most}",
                        count=len(members),
                        most=MAX_LOOKED_AT,
                    ),
                )
                return
            for member in members:
                parts = member.filename.split("/")
                if member.is_dir() or any(map(hidden, parts)) or not may_be_one(parts[-1]):
                    continue
                if parts[-1].casefold().endswith(".zip"):
                    yield Candidate(path, member.filename, b"", 0, None, _("is a zip file in a zip file"))
                    continue
                inner = _member(content, member.filename)
                limit.count(len(inner))
                if limit.reached:
                    return
                if len(inner) > MAX_NOTEBOOK_BYTES:
                    too_large = _("is larger than {megabytes} MB", megabytes=MAX_NOTEBOOK_BYTES // 10**6)
                    yield Candidate(path, member.filename, b"", 0, None, too_large)
                    continue
                if _is_one(member.filename, inner, name):
                    yield Candidate(path, member.filename, inner, saved, belongs_to(inner, name))
    except Exception as error:  # a damaged zip file fails in many ways
        yield Candidate(path, "", b"", 0, None, _("the zip file cannot be read ({error})", error=_why(error)))


@contextmanager
def _opened(content: bytes) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield archive


def _member(content: bytes, name: str) -> bytes:
    """A file in a zip file: no more bytes than are graded, whatever its header promises."""
    with _opened(content) as archive, archive.open(name) as file:
        return file.read(MAX_NOTEBOOK_BYTES + 1)


def may_be_one(name: str) -> bool:
    """Whether a file of this name may be, or hold, a notebook."""
    name = name.casefold()
    return ".ipynb" in name or name.endswith((".zip", ".json"))


def _is_one(path: str, content: bytes, exercise: str) -> bool:
    """Whether a file may be a notebook, now that its content is known. Any data may be called .json."""
    return ".ipynb" in path.casefold() or belongs_to(content, exercise) is not None


def hidden(name: str) -> bool:
    """Of an operating system's or an editor's: .ipynb_checkpoints, macOS's ._mine.ipynb, __MACOSX."""
    return name.startswith(".") or name in _NOT_OF_A_STUDENT


def _in(candidate: Candidate, folder: Path) -> bool:
    return _inside(candidate.path, folder)


def _inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in the exercise's folder, or in one of nearly its name."""
    parts = path.relative_to(folder.parent).parts
    return len(parts) > 1 and parts[0].casefold() == folder.name.casefold()


def _shown(path: Path, of: Path) -> str:
    shown = str(path.relative_to(of))
    return _("the student's folder itself") if shown == "." else one_line(shown, 100) + "/"


def _clock(candidate: Candidate) -> str:
    return moment(datetime.fromtimestamp(candidate.saved).replace(microsecond=0))


def _why(error: BaseException) -> str:
    """What went wrong with a file, without its path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(str(error), 100) or type(error).__name__


def contents(path: Path, limit: int = MAX_NOTEBOOK_BYTES + 1) -> bytes:
    """A file's bytes, no more than is graded. Raises `OSError` for a link, a folder, a pipe, or what cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _NoFile(0, _("it is not a file"))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)
