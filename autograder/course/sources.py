"""Where submissions come from: an LMS's zip file, a folder of loose files, nbgrader's exchange or its own folders.

A source is a class with one method, `deliveries`; `open_source` says which one lies at a path. Another LMS, whose files
have names of their own, is a function like `_canvas` and a line in `LAYOUTS`; what does not come as files is a class
like `Exchange` and a condition in `open_source`. What a source delivers is put in its place,
``submitted/STUDENT/EXERCISE/``, by `collect`.
"""

from __future__ import annotations

import functools
import itertools
import os
import pwd
import re
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path, PurePosixPath
from typing import Protocol

from autograder.course.accounts import Accounts
from autograder.course.lms_names import CANVAS, MOODLE
from autograder.course.reading import MAX_NOTEBOOK_BYTES
from autograder.course.submissions import Submitted, Unused, contents, handed_in, hidden, may_be_one
from autograder.course.times import time_of, written
from autograder.errors import BadSource
from autograder.exercise.wire import one_line
from autograder.language import _, say

REQUEST = "another-look.txt"  # what a learner hands in beside the notebook to ask for another look
MAX_ENTRIES = 50_000  # files of a class
MAX_DEPTH = 8
MAX_NOTEBOOKS = 10  # and zip files, in one hand-in of nbgrader's exchange
MAX_LISTED = 200  # files in one hand-in of nbgrader's exchange, and entries of any one folder in it
MAX_FILE_BYTES = 3 * MAX_NOTEBOOK_BYTES  # one file may be a zip file with several others in it


@dataclass(frozen=True)
class Delivery:
    """One file that somebody handed in, and what the source knows about it."""

    name: str  # what the source calls the person: a name, a login, an id
    number: str  # what tells people of one name apart there, '' if nothing does
    path: Path  # of the file, for messages; behind a zip file's own
    when: float  # seconds since the epoch, by the source's clock
    late: bool  # as the source says
    read: Callable[[], bytes]
    delivered: str = ""  # how the source called it, folder included
    also: tuple[str, ...] = ()  # what else may say whose it is, where a source has no rule for that
    secret: str | None = None  # nbgrader's: feedback goes back under a name made of it; None where none is needed

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.path.name


class SubmissionSource(Protocol):
    """Where submissions come from."""

    title: str  # as it is shown

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        """All that was handed in there for an exercise, and what cannot be used, with the reason."""
        ...


@dataclass(frozen=True)
class Entry:
    """One file in a zip file or a folder."""

    path: PurePosixPath  # within it
    when: float
    read: Callable[[], bytes]
    why_not: str = ""  # why it may not be read


@dataclass(frozen=True)
class Whose:
    """What a layout makes of a file's path."""

    name: str
    number: str = ""
    file: str = ""
    late: bool = False
    why_not: str = ""
    also: tuple[str, ...] = ()  # see `Delivery`


# Of a path, the exercise, and how many folders all files have in common; None: the path is not one of this layout.
Layout = Callable[[PurePosixPath, str, int], Whose | None]


def open_source(path: Path, accounts: Accounts | None = None) -> SubmissionSource:
    """The source that lies at a path, recognised by how files are called in it.

    Args:
        accounts: which student each Unix user is who has handed in through nbgrader's exchange.

    Raises:
        BadSource: there is nothing, or nothing that can be read.
    """
    if path.is_dir():
        if is_drop_box(path) or any(_EXCHANGE.match(entry.name) for entry in _scan(path)):
            return Exchange(path, accounts=accounts)
        if (path / "submitted").is_dir():
            return NbgraderFolders(path / "submitted")
        entries = list(_files_of_folder(path))
    elif path.is_file():
        entries = list(_files_of_zip(path))
    else:
        raise BadSource(say("There is no file or folder {path}.", path=path))
    if not entries:
        raise BadSource(say("{path} is empty.", path=path))
    return Files(path, entries, *_layout_of(entries))


def is_drop_box(path: Path) -> bool:
    """Whether everybody may put something into a folder but not list it, as in nbgrader's ``inbound``.

    Learners decide what lies there and what it is called, but they cannot change who may do what with the folder.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & (stat.S_IROTH | stat.S_IWOTH) == stat.S_IWOTH


def _layout_of(entries: Sequence[Entry]) -> tuple[str, Layout]:
    """What such a source is called, and the layout of most notebooks in it: one name is the word of one student."""
    shown = [entry.path for entry in entries if not any(map(hidden, entry.path.parts))]
    judged = [path for path in shown if may_be_one(path.name)] or shown
    *known, loose = LAYOUTS

    def fitting(one: tuple[str, Layout]) -> int:
        return sum(one[1](path, "", 0) is not None for path in judged)

    best = max(known, key=fitting)
    return best if judged and 2 * fitting(best) >= len(judged) else loose


class Files:
    """Files whose paths say whose they are."""

    def __init__(self, path: Path, entries: Iterable[Entry], title: str, layout: Layout) -> None:
        self.title = title
        self._path, self._layout = path, layout
        self._entries = [entry for entry in entries if not any(map(hidden, entry.path.parts))]
        tops = {entry.path.parts[0] if len(entry.path.parts) > 1 else "" for entry in self._entries}
        self._top = 1 if len(tops) == 1 and "" not in tops else 0  # all of it lies in one folder, which says nothing

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        """See `SubmissionSource`."""
        for entry in self._entries:
            shown = self._path / entry.path
            whose = self._layout(entry.path, exercise, self._top)
            not_used = entry.why_not or _why_no_date(entry.when)
            if not_used or whose is None or whose.why_not:
                why = (
                    not_used
                    or (whose.why_not if whose else "")
                    or _("{title} does not name files like this", title=self.title)
                )
                yield Unused(shown, why)
                continue
            file = shown.with_name(whose.file) if whose.file else shown
            called = str(entry.path)
            yield Delivery(whose.name, whose.number, file, entry.when, whose.late, entry.read, called, whose.also)


# -- what files are called -------------------------------------------------------------------------------------------

# A learner's name may hold a plus sign, an exercise's may not.
_EXCHANGE = re.compile(r"(?P<name>.+)\+(?P<exercise>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d [^+]+)(?:\+(?P<random>[^+]*))?$")
_DRIVE = re.compile(r"(?P<name>.+?) - (?P<rest>.+)")


def _moodle(path: PurePosixPath, _exercise: str, _top: int) -> Whose | None:
    for part in path.parts:
        if found := MOODLE.fullmatch(part):
            why = _("it is text that was typed into Moodle, not a file") if found["kind"] == "onlinetext" else ""
            return Whose(found["name"], found["number"], found["rest"] if part == path.name else path.name, False, why)
    return None


def _canvas(path: PurePosixPath, _exercise: str, _top: int) -> Whose | None:
    if (found := CANVAS.fullmatch(path.name)) is None:
        return None
    return Whose(found["name"], found["number"], found["rest"], bool(found["late"] or found["late2"]))


def _loose(path: PurePosixPath, exercise: str, top: int) -> Whose | None:
    """Anything; `_loose_names` makes something of it."""
    name, *also = _loose_names(path, exercise, top)
    return Whose(name, also=tuple(also))


def _loose_names(path: PurePosixPath, exercise: str, top: int) -> list[str]:
    """What may say whose a file is, the likeliest first: a folder for each student, ``Ada Lovelace - NAME.ipynb`` as
    Google's Drive has it, or a file called after its maker. `top` folders are common to all files.
    """
    folders = list(path.parts[:-1])
    stem = [found["name"]] if (found := _DRIVE.fullmatch(path.name)) else [_without(path.name, exercise)]
    likely = folders[top : top + 1] + stem
    names = [*likely, *(name for name in folders if name not in likely)]
    return [name for name in names if name and name.casefold() != exercise.casefold()] or [""]


LAYOUTS: tuple[tuple[str, Layout], ...] = (
    ("Moodle", _moodle),
    ("Canvas", _canvas),
    (_("a folder of files"), _loose),  # takes anything, so it comes last
)


def exercise_in_exchange(name: str) -> str:
    """Which exercise a folder of nbgrader's exchange says that it is of; '' if its name is not one of those."""
    found = _EXCHANGE.match(name)
    return found["exercise"] if found else ""


def _without(name: str, exercise: str) -> str:
    """A loose file's name without the exercise's, its endings, and a browser's "(1)"."""
    name = re.sub(r"(\.ipynb|\.json|\.txt|\.zip)+$", "", name, flags=re.IGNORECASE)
    name = re.sub(r"\s*\(\d+\)$|-Copy\d+$", "", name)
    return re.sub(re.escape(exercise), "", name, flags=re.IGNORECASE).strip(" _-.+")


# -- zip files and folders -------------------------------------------------------------------------------------------


def _files_of_zip(path: Path) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(path)  # stays open as long as somebody reads from it
        members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadSource(say("{path} is not a zip file that can be read: {error}.", path=path, error=error)) from error
    if len(members) > MAX_ENTRIES:
        raise BadSource(
            say(
                "{path} has more files in it ({count}) than the limit, {most}.",
                path=path,
                count=len(members),
                most=MAX_ENTRIES,
            )
        )
    names: set[str] = set()
    downloaded = os.stat(path).st_mtime
    for member in members:
        if member.is_dir():
            continue
        inside = PurePosixPath(_called(member).replace("\\", "/"))
        why = ""
        if inside.is_absolute() or ".." in inside.parts or re.match(r"[A-Za-z]:", member.filename):
            why = _("its path leads out of the zip file")
        elif stat.S_ISLNK(member.external_attr >> 16):
            why = _("is a symbolic link; links are not followed")
        elif member.flag_bits & 1:
            why = _("it is encrypted")
        elif member.filename in names:
            why = _("the zip file has another file of that name")
        names.add(member.filename)
        yield Entry(_plain(inside), _time_of(member) or downloaded, functools.partial(_inflated, archive, member), why)


def _inflated(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A file's bytes; one byte more than is allowed if there are more, whatever its header promises."""
    try:
        with archive.open(member) as file:
            return file.read(MAX_FILE_BYTES + 1)
    except Exception as error:  # a damaged zip file fails in many ways
        raise OSError(0, _("it cannot be unpacked: {error}", error=one_line(str(error), 100))) from error


def _called(member: zipfile.ZipInfo) -> str:
    """A file's name in a zip file. Some programs write UTF-8 and do not say so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _plain(path: PurePosixPath) -> PurePosixPath:
    parts = [part for part in path.parts if part not in ("/", "..")]
    return PurePosixPath(*parts) if parts else PurePosixPath("?")


def _time_of(member: zipfile.ZipInfo) -> float:
    """When a file in a zip file was saved: in UTC if it says so, else in this machine's time; 0 if it does not say."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == 0x5455 and size >= 5 and extra[4] & 1:
            return float(struct.unpack("<I", extra[5:9])[0])
        extra = extra[4 + size :]
    if member.date_time[0] <= 1980:  # what a zip file says that has no time
        return 0.0
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


def _files_of_folder(
    folder: Path, inside: PurePosixPath | None = None, depth: int = MAX_DEPTH, most: int | None = None
) -> Iterator[Entry]:
    """All files below a folder. What cannot be read is an entry, too, unless it is the folder itself.

    Args:
        most: how many entries of one folder are listed. If there are more, it may be any of them.
    """
    inside = inside or PurePosixPath()
    for entry in _scan(folder, most):
        path, file = inside / entry.name, folder / entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth > 1:
                    yield from list(_files_of_folder(file, path, depth - 1, most))
                continue
        except (OSError, BadSource) as error:
            yield Entry(path, 0.0, bytes, one_line(str(error), 200))
            continue
        yield _entry(path, file)


def _entry(path: PurePosixPath, file: Path) -> Entry:
    """A file of a folder; `path` is its path there."""
    try:
        about = os.lstat(file)
    except OSError as error:
        return Entry(path, 0.0, bytes, one_line(str(error), 200))
    why = _("is a symbolic link; links are not followed") if stat.S_ISLNK(about.st_mode) else ""
    return Entry(path, about.st_mtime, functools.partial(contents, file, MAX_FILE_BYTES + 1), why)


def _why_no_date(seconds: float) -> str:
    """Why a time cannot be when something was handed in; '' if it can: file systems know times beyond the calendar."""
    try:
        written(seconds)
    except (ValueError, OverflowError, OSError):
        return _("the time it was saved is not a valid date")
    return ""


def _scan(folder: Path, most: int | None = None) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(itertools.islice(entries, most), key=lambda entry: entry.name)
    except OSError as error:
        raise BadSource(say("{folder} cannot be read: {why}.", folder=folder, why=error.strerror)) from error


# -- nbgrader's ------------------------------------------------------------------------------------------------------


class NbgraderFolders:
    """Another course's ``submitted/``, laid out as nbgrader does."""

    title: str = _("nbgrader's folders")

    def __init__(self, submitted: Path) -> None:
        self._submitted = submitted

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        """See `SubmissionSource`."""
        found = handed_in(self._submitted, exercise)
        yield from found.unused
        for one in found.submissions:
            if one.path is None:
                yield Unused(one.folder, one.unread or one.problem or _("there is no notebook in it"))
                continue
            handed_in_at = time_of(one.timestamp)
            when = handed_in_at.replace(tzinfo=UTC).timestamp() if handed_in_at else os.lstat(one.path).st_mtime
            if why := _why_no_date(when):
                yield Unused(one.folder, why)
                continue
            yield Delivery(one.student, "", one.path / one.member, when, False, functools.partial(_raw, one))


def _raw(one: Submitted) -> bytes:
    return one.raw or b""


class Exchange:
    """nbgrader's ``inbound`` folder: one folder for each hand-in, called LEARNER+EXERCISE+TIME+RANDOM.

    Learners write it themselves, so the folder's owner says whose it is, and the last change of any kind of it or of
    the file, whose time nobody can set, when it was handed in. The name is the learner's word.

    Args:
        learner: where every learner has an inbound folder of their own, whose it is. Then owners say nothing.
        names: which folders to look at; None means all of them.
        accounts: which student each Unix user is, if students are not named after their Unix users.
    """

    title: str = _("nbgrader's exchange")

    def __init__(
        self,
        inbound: Path,
        learner: str = "",
        names: Collection[str] | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        self._inbound, self._learner, self._names, self._accounts = inbound, learner, names, accounts

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        """See `SubmissionSource`."""
        # Of an exchange of tens of thousands of folders, those that are named are found without listing it.
        names = [folder.name for folder in _scan(self._inbound)] if self._names is None else sorted(self._names)
        for name in names:
            found = _EXCHANGE.match(name)
            path = self._inbound / name
            if found is None:
                if not hidden(name):
                    yield Unused(path, _("nbgrader's exchange does not name folders like this"))
                continue
            if found["exercise"] != exercise:
                continue
            try:
                about = os.lstat(path)
            except OSError as error:  # learners may take it away at any moment; a network file system may fail for one
                yield Unused(path, one_line(str(error), 200), for_now=True, failed=True)
                continue
            if not stat.S_ISDIR(about.st_mode):
                yield Unused(path, _("it is not a folder"))
            elif why := self._not_theirs(about, found["name"]):
                yield Unused(path, why)
            elif (student := self._student(found["name"])) is None:
                why = _("it belongs to {owner}, who is not on the class's list", owner=found["name"])
                yield Unused(path, why, for_now=True)
            else:
                try:
                    theirs = _TheirFolder(path, about)
                    listed = _files_of_folder(path, depth=2, most=MAX_LISTED)
                    entries = list(itertools.islice(listed, MAX_LISTED))
                except (OSError, BadSource) as error:
                    yield Unused(path, one_line(str(error), 200), for_now=True)
                    continue
                if len(entries) == MAX_LISTED:
                    yield Unused(path, _("only {most} of the files in it are looked at", most=MAX_LISTED))
                    for right in map(PurePosixPath, (f"{exercise}.ipynb", REQUEST)):
                        if all(entry.path != right for entry in entries) and os.path.lexists(path / right):
                            entries.append(_entry(right, path / right))
                # All of them are read before one is chosen, and a learner may put any number there.
                notebooks = [entry for entry in entries if may_be_one(entry.path.name)]
                notebooks.sort(key=lambda entry: entry.path.name != f"{exercise}.ipynb")
                if too_many := {entry.path for entry in notebooks[MAX_NOTEBOOKS:]}:
                    most = _(
                        "it holds {n} notebooks; {most} of them are looked at", n=len(notebooks), most=MAX_NOTEBOOKS
                    )
                    yield Unused(path, most)
                for entry in entries:
                    if entry.path in too_many:
                        continue
                    if entry.why_not:
                        yield Unused(path / entry.path, entry.why_not)
                    elif entry.path.suffix.casefold() != ".txt" or entry.path.name == REQUEST:
                        read = functools.partial(theirs.read, entry.path)
                        when, secret = theirs.changed(entry.path), theirs.secret()
                        yield Delivery(student, "", path / entry.path, when, False, read, secret=secret)

    def _student(self, owner: str) -> str | None:
        return owner if self._accounts is None else self._accounts.of_unix_user(owner)

    def _not_theirs(self, about: os.stat_result, name: str) -> str:
        if not self._learner:
            return _not_theirs(about, name)
        return (
            ""
            if name == self._learner
            else _("it lies in the folder of {learner}, not of {name}", learner=self._learner, name=name)
        )


class ExchangeByLearner:
    """An exchange in which every learner has an ``inbound`` folder of their own, as on Kubernetes."""

    title: str = Exchange.title

    def __init__(self, inbound: Path) -> None:
        self._inbound = inbound

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        """See `SubmissionSource`."""
        for folder in _scan(self._inbound):
            path = self._inbound / folder.name
            if folder.is_dir(follow_symlinks=False) and not hidden(folder.name):
                try:
                    yield from Exchange(path, folder.name).deliveries(exercise)
                except BadSource as error:
                    yield Unused(path, one_line(str(error), 200))


@dataclass(frozen=True)
class _TheirFolder:
    """A folder that a learner may change while we read it: nothing is followed out of it, and nothing else read."""

    path: Path
    about: os.stat_result  # of the folder itself, when it was found to be the learner's

    def read(self, inside: PurePosixPath, most: int = MAX_FILE_BYTES) -> bytes:
        """A file's bytes; one byte more than `most` if there are more.

        Raises:
            OSError: it is a link, no file, or somebody else's, or another folder has taken this one's place.
        """
        here = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if not os.path.samestat(os.fstat(here), self.about):
                raise OSError(0, _("its folder was replaced while it was read"))
            for part in inside.parts[:-1]:
                above, here = here, os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(above)
            descriptor = os.open(inside.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
        finally:
            os.close(here)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise OSError(0, _("it is not a file"))
            if about.st_uid != self.about.st_uid and self.about.st_uid != os.geteuid():
                raise OSError(0, _("it belongs to somebody else"))
            return file.read(most + 1)

    def changed(self, inside: PurePosixPath) -> float:
        """When the folder or a file in it changed last in any way, by the system's clock.

        A file that was there in time may be written over later, which the folder does not show.
        """
        try:
            return max(self.about.st_ctime, os.lstat(self.path / inside).st_ctime)
        except OSError:
            return self.about.st_ctime

    def secret(self) -> str:
        """What the learner's own nbgrader will look for feedback by; '' if it does not say."""
        try:
            return self.read(PurePosixPath("submission_secret.txt"), 1_000)[:1_000].decode("utf-8", "replace").strip()
        except OSError:
            return ""


def _not_theirs(about: os.stat_result, name: str) -> str:
    """Why a folder of the exchange is not the work of the person that it is called after; '' if it is.

    One that belongs to whoever collects was copied from elsewhere, and says nothing.
    """
    uid = about.st_uid
    if uid == os.geteuid():
        return ""
    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = f"uid {uid}"
    return "" if owner == name else _("it belongs to {owner}, not to {name}", owner=owner, name=name)
