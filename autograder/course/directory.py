"""A class's course directory, laid out as nbgrader lays it out.

    DIR/nbgrader_config.py   so that nbgrader's own commands work in there
    DIR/gradebook.db
    DIR/release/EXERCISE/    the exercise as learners got it
    DIR/submitted/STUDENT/EXERCISE/EXERCISE.ipynb
    DIR/autograded/, DIR/feedback/
    DIR/.autograder/         what has been graded, and with what

Everything but ``submitted/`` is made when there is something to grade. The names are nbgrader's defaults; a course's
``nbgrader_config.py`` may say otherwise, see `nbgrader_config`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.course import accounts, nbgrader_config, settings, submissions
from autograder.course.accounts import Accounts
from autograder.course.deadlines import LatePolicy
from autograder.course.files import files_in
from autograder.course.late import OURS, LatePenalties
from autograder.course.nbgrader_config import NbgraderConfig
from autograder.course.settings import Settings
from autograder.course.settings_file import FILE
from autograder.course.submissions import HandedIn, Submitted
from autograder.errors import CourseError, UnknownExercise
from autograder.exercise.definition import (
    Exercise,
    check_folders,
    check_module_name,
    exercise_folders,
    exercise_names,
    task_of,
)
from autograder.language import did_you_mean, say, say_plural
from autograder.sandbox.limits import Limits

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
# How an assignment's release is made from its source, besides the source.
_MAKING = (
    "GenerateAssignment",
    "ClearSolutions",
    "ClearHiddenTests",
    "ClearMarkScheme",
    "IncludeHeaderFooter",
    "LockCells",
)
STATE = ".autograder"  # the kit's own folder in a course
_EXCHANGE = "/usr/local/share/nbgrader/exchange"  # nbgrader's own default
LOCK_SECONDS = 10.0  # how long another program may hold the gradebook before we give up


class Course:
    """One course directory."""

    def __init__(self, root: Path) -> None:
        if not os.path.isdir(root):
            raise CourseError(
                say("There is no course directory {root}. Create it, with submitted/STUDENT/EXERCISE in it.", root=root)
            )
        if not os.access(root, os.R_OK | os.X_OK):
            raise CourseError(
                say("The course directory {root} cannot be read: you have no permission to open it.", root=root)
            )
        self.root = root.resolve()
        self.state = self.root / STATE

    @cached_property
    def accounts(self) -> Accounts | None:
        """Who is who, if the system and the Hub use different names; else None. Raises `CourseError`."""
        return accounts.read(self.state)

    @cached_property
    def settings(self) -> Settings:
        """What ``autograder.json`` says, on top of what nbgrader's configuration says. Raises `BadSetting`."""
        return settings.read(self.root, self.exercise_names, _limits_of(self.nbgrader))

    def files_of(self, exercise: str) -> tuple[tuple[str, bytes], ...]:
        """Name and content of the files that lie beside each notebook of an exercise. Raises `BadSetting`."""
        return settings.read_files(self.root, self.settings.of(exercise).files, exercise)

    @cached_property
    def nbgrader(self) -> NbgraderConfig:
        """What ``nbgrader_config.py`` says. Raises `BadSetting`."""
        return nbgrader_config.read(self.root)

    @property
    def db_url(self) -> str:
        """The gradebook as an SQLAlchemy URL."""
        return nbgrader_config.address(self.gradebook)

    @property
    def gradebook(self) -> Path:
        return self.nbgrader.gradebook

    @property
    def course_id(self) -> str:
        """What nbgrader knows the course by."""
        return self.nbgrader.course_id

    @property
    def submitted(self) -> Path:
        """Where the students' folders are."""
        return self.nbgrader.submitted

    @property
    def autograded(self) -> Path:
        return self.nbgrader.autograded

    @property
    def feedback(self) -> Path:
        return self.nbgrader.feedback

    @property
    def inbound(self) -> Path:
        """Where learners put what they submit: the course's folder in nbgrader's exchange."""
        root = str(self.nbgrader.config.Exchange.get("root") or _EXCHANGE)
        return Path(root) / self.course_id / "inbound"

    @property
    def inbound_by_learner(self) -> bool:
        """Whether each learner has a folder of their own there, as on Kubernetes."""
        return bool(self.nbgrader.config.get("CollectOwnWork", {}).get("inbound_by_learner"))

    @cached_property
    def late(self) -> LatePenalties:
        """What a late submission loses by nbgrader's plugin. Raises `BadSetting`, also if our settings say it, too."""
        late = LatePenalties(self.nbgrader, self.root)
        named = {"late": self.settings.late}
        named |= {f"exercises.{name}.late": each.late for name, each in self.settings.exercises.items()}
        for key, policy in named.items():
            if policy != LatePolicy():
                late.require_no_other(f"{self.root / FILE}: {key}")
        return late

    def source_root(self) -> Path:
        """Folder of the sources with solutions: as configured, else the course's own, else the kit's `solutions`."""
        if self.nbgrader.source is not None:
            return self.nbgrader.source
        for folder in (self.root / "source", self.root / "solutions", _PACKAGE_ROOT / "solutions"):
            if folder.is_dir():
                return folder
        raise CourseError(
            say(
                "There are no exercise sources: neither {root} nor the kit's solutions/ exists. Copy the"
                " kit's solutions/ folder to the course directory as source/.",
                root=self.root / "source",
            )
        )

    def source(self, name: str) -> Path:
        """The exercise's notebook with its answers, which stays with the teacher."""
        return self.source_root() / name / f"{name}.ipynb"

    def checks(self, name: str) -> Path:
        """The module that checks an exercise. Raises `UnknownExercise` if there is none."""
        module = check_module_name(name)
        folders = [self.root / "checks", *check_folders()]
        checks = next((f / module for f in folders if (f / module).is_file()), None)
        if checks is None:
            raise UnknownExercise(
                say(
                    "There is no check module {module} for '{name}' (looked in {root} and the package).",
                    module=module,
                    name=name,
                    root=self.root / "checks",
                )
            )
        return checks

    def exercise_names(self) -> list[str]:
        """Names of the exercises that have a source here, or come with the kit; sorted."""
        return sorted(set(self._sources()) | set(exercise_names()))

    def _sources(self) -> list[str]:
        return sorted(f.stem for f in self.source_root().glob("*/*.ipynb") if f.stem == f.parent.name)

    def require_exercise(self, name: str) -> None:
        """Make sure that an exercise can be graded, changing nothing.

        Raises:
            UnknownExercise: it has no source or no check module here.
            CourseError: it is none of those that can be graded here.
        """
        if Path(name).name != name or not os.path.isfile(self.source(name)):
            here = self._sources()
            advice = did_you_mean(name, here, say("Exercises here: {here}.", here=", ".join(here) or say("none")))
            raise UnknownExercise(
                say(
                    "There is no exercise '{name}' in {source_root}. {advice}",
                    name=name,
                    source_root=self.source_root(),
                    advice=advice,
                )
            )
        if "+" in name or name != name.strip():
            raise CourseError(
                say(
                    "The exercise '{name}' needs another name: nbgrader allows no + and no space at either end."
                    " Rename its folder and its notebook.",
                    name=name,
                )
            )
        self.checks(name)
        graded = [f.name for f in sorted(self.source(name).parent.glob("*.ipynb")) if _is_graded(f)]
        others = [notebook for notebook in graded if notebook != f"{name}.ipynb"]
        if others:
            raise CourseError(
                say(
                    "{parent} has more than one graded notebook: {graded}. An exercise is one notebook here."
                    " Make {others} an exercise of its own, or grade with nbgrader autograde.",
                    parent=self.source(name).parent,
                    graded=", ".join(graded),
                    others=others[0],
                )
            )

    def make_ready(self, name: str) -> Exercise:
        """Enter the exercise into the gradebook and make its release, unless that was done from this source.

        Raises:
            BadSetting, CourseError, UnknownExercise, ReleaseFailed.
        """
        from autograder.course.release import release

        self.require_exercise(name)
        self.gradebook_is_nbgraders()
        self.write_config()
        if not self.is_ready(name):
            digest, mark = self._digest(name), self._mark(name)
            self.gradebook_is_sound()
            release(self.source_root(), self.nbgrader.release, name, self.db_url, self.course_id, self._making())
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(digest + "\n")
        return Exercise.read(name, self.nbgrader.release / name / f"{name}.ipynb", self.checks(name))

    def is_ready(self, name: str) -> bool:
        """Whether the exercise was released from its source as it is now, and is in the gradebook."""
        mark, released = self._mark(name), self.nbgrader.release / name / f"{name}.ipynb"
        current = mark.is_file() and mark.read_text().strip() == self._digest(name)
        return current and released.is_file() and self._has_entered(name)

    def _mark(self, name: str) -> Path:
        """The file that says what an exercise was released from."""
        return self.state / name / "source.sha256"

    def places(self, names: list[str]) -> list[Path]:
        """The folders that results of these exercises are written to, whether they are there yet or not."""
        own = [self.state / name for name in names]
        return [self.state, *own, self.nbgrader.release, self.autograded, self.feedback, self.gradebook.parent]

    def has_students(self) -> bool:
        """Whether there is anybody's folder among what was handed in.

        Raises:
            CourseError: there is no folder of what was handed in, or it may not be read.
        """
        try:
            return any(
                not entry.name.startswith(".") and (entry.is_dir(follow_symlinks=False) or entry.is_symlink())
                for entry in os.scandir(self.submitted)
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CourseError(
                say(
                    "{root} is not a course: it has no folder {relative}/. Collect the students' work into it first.",
                    root=self.root,
                    relative=self._relative(self.submitted),
                )
            ) from error
        except OSError as error:
            raise CourseError(
                say("{submitted} cannot be read: {why}.", submitted=self.submitted, why=error.strerror)
            ) from error

    def why_nothing(self, names: list[str]) -> str:
        """What was looked for when there is nothing to grade, and what is there instead."""
        entries = os.scandir(self.submitted)
        students = [
            entry for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        ]
        looked = say(" or ").join(f"STUDENT/{name}/{name}.ipynb" for name in names)
        others: set[str] = set()
        for student in students:
            with contextlib.suppress(OSError):
                others |= {work.name for work in os.scandir(student.path) if not work.name.startswith(".")}
        there = (
            say_plural("{n} student's folder is there", "{n} students' folders are there", len(students))
            if students
            else say("no student's folder is there")
        )
        works = say(", with {others} in them", others=", ".join(sorted(others)[:8])) if others else ""
        return say(
            "Nothing to grade: there is no {looked} in {submitted}; {there}{works}.",
            looked=looked,
            submitted=self.submitted,
            there=there,
            works=works,
        )

    def _relative(self, folder: Path) -> Path:
        return folder.relative_to(self.root) if folder.is_relative_to(self.root) else folder

    def submissions(self, name: str, students: list[str] | None = None) -> list[Submitted]:
        """What was handed in for this exercise; see `submissions.handed_in`."""
        return self.handed_in(name, students).submissions

    def handed_in(self, name: str, students: list[str] | None = None) -> HandedIn:
        """What was handed in for this exercise, and what else lies there; see `submissions.handed_in`."""
        found = submissions.handed_in(self.submitted, name, students, self.released(name))
        return HandedIn([s for s in found.submissions if s.student not in self.nbgrader.excluded], found.unused)

    def in_folders(self, name: str, folders: Collection[str]) -> list[Submitted]:
        """What was handed in for this exercise in these folders; see `submissions.in_folders`."""
        found = submissions.in_folders(self.submitted, name, folders, self.released(name))
        return [one for one in found if one.student not in self.nbgrader.excluded]

    def submission(self, name: str, student: str) -> Submitted:
        """What one student handed in."""
        return submissions.read(self.submitted, name, student, self.released(name))

    def submission_folder(self, name: str, student: str) -> Path:
        """Where it lies; see `submissions.folder_of`."""
        return submissions.folder_of(self.submitted, name, student, self.released(name))

    def unknown_extensions(self, name: str, handed_in: Collection[str]) -> list[str]:
        """One line for each student who has an extension and of whom nobody here has heard.

        That is no fault before they have handed in anything, and a slip of the pen that costs somebody points after.
        """
        extensions = self.settings.of(name).extensions
        known = set(handed_in) | self._students_entered() if set(extensions) - set(handed_in) else set(handed_in)
        where = f"{self.root / FILE}: exercises.{name}.extensions"
        lines = []
        for student in sorted(set(extensions) - known):
            line = say(
                "{where}: nobody called {student!r} has handed in anything here so far.",
                where=where,
                student=student[:60],
            )
            lines.append(f"{line} {did_you_mean(student, known, '')}".strip())
        return lines

    def not_the_kits(self, name: str) -> str:
        """A line if the course's own source has other tasks than the kit's exercise, whose checks grade it; or ''.

        That is how a copy of an older version of the kit looks, once the kit has a newer one.
        """
        source, released = self.source(name), self.nbgrader.release / name / f"{name}.ipynb"
        theirs = next((f for folder in exercise_folders() if (f := folder / name / f"{name}.ipynb").is_file()), None)
        own = source.is_relative_to(self.root) and not self.checks(name).is_relative_to(self.root)
        if not own or theirs is None or _graded_cells(released) == _graded_cells(theirs):
            return ""
        return say(
            "The tasks in {parent} differ from those of the kit's '{name}', whose checks grade it. Unless somebody"
            " here changed them, it is an older copy: replace it with the kit's solutions/{name}.",
            parent=source.parent,
            name=name,
        )

    def _students_entered(self) -> set[str]:
        try:
            with self.reading_gradebook() as connection:
                return {str(row[0]) for row in connection.execute("select id from student")}
        except sqlite3.Error:
            return set()

    def released(self, name: str) -> Path | None:
        """The exercise's notebook as learners got it, if there is one."""
        path = self.nbgrader.release / name / f"{name}.ipynb"
        if not path.is_file():
            path = next((f for folder in exercise_folders() if (f := folder / name / f"{name}.ipynb").is_file()), path)
        return path if path.is_file() else None

    @contextlib.contextmanager
    def reading_gradebook(self, timeout: float = 5.0) -> Iterator[sqlite3.Connection]:
        """A connection to the gradebook for reading, which waits `timeout` seconds for who is writing.

        Where this process may write the gradebook, it is opened so, though nothing here writes. What was killed in the
        middle of a write leaves a journal, and only a connection that may write can put the old pages back; any other
        fails then ("attempt to write a readonly database").
        """
        mode = "rw" if os.access(self.gradebook, os.W_OK) else "ro"
        address = f"{self.gradebook.as_uri()}?mode={mode}"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=timeout)) as connection:
            yield connection

    def _has_entered(self, name: str) -> bool:
        """Whether the gradebook knows the exercise. `nbgrader db assignment remove` makes it forget."""
        query = "select 1 from notebook n join assignment a on a.id = n.assignment_id where a.name = ? and n.name = ?"
        try:
            with self.reading_gradebook() as connection:
                return connection.execute(query, (name, name)).fetchone() is not None
        except sqlite3.Error:
            return False  # `gradebook_is_sound` says what is wrong

    def gradebook_is_sound(self) -> None:
        """Raises `CourseError` if there is a gradebook that SQLite cannot read or write, or that is locked."""
        if not self.gradebook.exists():
            return
        if not os.access(self.gradebook, os.W_OK):
            raise CourseError(
                say(
                    "The gradebook {gradebook} cannot be written: you only have permission to read it.",
                    gradebook=self.gradebook,
                )
            )
        try:
            with sqlite3.connect(f"{self.gradebook.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS) as connection:
                verdict = connection.execute("pragma quick_check").fetchone()[0]
                connection.execute("begin immediate")
                connection.rollback()
        except sqlite3.OperationalError as error:
            raise CourseError(
                say(
                    "The gradebook {gradebook} cannot be opened: {error}. Is another program writing to it (the"
                    " formgrader, nbgrader)? Close it, and run this again; nothing was lost.",
                    gradebook=self.gradebook,
                    error=error,
                )
            ) from error
        except sqlite3.DatabaseError as error:
            verdict = str(error)
        if verdict != "ok":
            raise CourseError(
                say(
                    "The gradebook {gradebook} is damaged ({verdict}). Restore it from a backup, or move it"
                    " away; then a new one is made from what has been graded so far.",
                    gradebook=self.gradebook,
                    verdict=verdict,
                )
            )

    def gradebook_is_nbgraders(self) -> None:
        """Raises `CourseError` if there is a gradebook that cannot be read or lacks columns of this nbgrader."""
        from nbgrader.api import Base

        if not self.gradebook.exists():
            return
        try:
            with self.reading_gradebook() as connection:
                columns = {
                    table.name: {row[1] for row in connection.execute(f'pragma table_info("{table.name}")')}
                    for table in Base.metadata.tables.values()
                }
        except sqlite3.Error as error:
            self.gradebook_is_sound()  # it knows more of what is wrong
            raise CourseError(
                say("The gradebook {gradebook} cannot be read: {error}.", gradebook=self.gradebook, error=error)
            ) from error
        for table in Base.metadata.tables.values():
            there = columns[table.name]
            lacking = sorted({column.name for column in table.columns} - there) if there else []
            if lacking:
                # In a folder whose name would mean something in an address, ours has a form that this cannot read.
                plain = nbgrader_config.is_plain(self.gradebook)
                where = "" if plain else f" --db sqlite:///{self.gradebook.name}"
                raise CourseError(
                    say(
                        "{gradebook} does not fit this version of nbgrader: its table {name} has no {lacking}. If an"
                        " earlier nbgrader made it, run `nbgrader db upgrade{where}` in the course; if another tool"
                        " did, move it away.",
                        gradebook=self.gradebook,
                        name=table.name,
                        lacking=lacking[0],
                        where=where,
                    )
                )

    def answer_marks(self) -> tuple[str, str]:
        """What stands in the lines before and after the part of an answer that a release clears."""
        from nbgrader.preprocessors import ClearSolutions

        clears = ClearSolutions(config=self.nbgrader.config)
        return str(clears.begin_solution_delimeter), str(clears.end_solution_delimeter)

    def _making(self) -> Any:
        """What is configured about the making of releases."""
        config = self.nbgrader.config
        return {section: config[section] for section in _MAKING if config.get(section)}

    def _digest(self, name: str) -> str:
        """Of all that a release is made from: the notebook, how it is made, and the files beside the notebook."""
        making = json.dumps(self._making(), sort_keys=True, default=repr).encode() if self._making() else b""
        source = self.source(name)
        digest = hashlib.sha256(source.read_bytes() + making)
        for called, file in files_in(source.parent).items():
            if file != source:
                digest.update(hashlib.sha256(called.encode("utf-8", "surrogateescape")).digest())
                with contextlib.suppress(OSError), file.open("rb") as content:  # `release` says what cannot be read
                    digest.update(hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def write_config(self) -> None:
        """Write an nbgrader_config.py, where there is none: nbgrader's own commands look for one."""
        path = self.root / f"{nbgrader_config.NAME}.py"
        if not path.exists() and not path.with_suffix(".json").exists():
            path.write_text(_config(self.root, _PACKAGE_ROOT / "solutions", self.course_id), "utf-8")


def _limits_of(config: NbgraderConfig) -> Limits:
    """The limits where nothing but nbgrader's time for a cell is set."""
    if config.timeout is None:
        return Limits()
    return Limits().with_cell_seconds(config.timeout, config.where("Execute", "timeout"))


def _graded_cells(notebook: Path) -> list[tuple[Any, ...]]:
    """What a notebook's graded cells are: name, points, and what stands in those that nobody may change."""
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        about = [(cell, (cell.get("metadata") or {}).get("nbgrader") or {}) for cell in cells]
        return [
            (a.get("grade_id"), a.get("points"), "" if a.get("solution") else "".join(cell.get("source", "")))
            for cell, a in about
            if a.get("grade")
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _is_graded(notebook: Path) -> bool:
    """Whether a notebook has a cell that points are given for, by a test or by hand."""
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        return any(task_of(c) or ((c.get("metadata") or {}).get("nbgrader") or {}).get("grade") for c in cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _config(root: Path, sources: Path, course_id: str) -> str:
    """The configuration of a course: where it is, wherever it is moved to, and where its sources are."""
    lines = [
        "# Written by autograder; nbgrader's own commands, run in this folder, read it. Change what you like.",
        "import os",
        "",
        "c = get_config()  # noqa: F821",
        "here = os.path.dirname(os.path.abspath(__file__))",
        f"c.CourseDirectory.course_id = {course_id!a}",
        "c.CourseDirectory.root = here",
    ]
    pattern = bool(set(str(root)) & set("*?["))
    if pattern:
        lines += [
            "# nbgrader would take this folder's name for a pattern. So its commands, run in here, are told no name.",
            'if os.path.exists("/proc/self/cwd") and os.path.samefile("/proc/self/cwd", here):',
            '    c.CourseDirectory.root = "/proc/self/cwd"',
        ]
    if pattern or not nbgrader_config.is_plain(root):
        lines += [
            "# In the address of a database this folder's name would mean something else, so it is spelled out.",
            "# `nbgrader db upgrade` cannot read that; there, say --db sqlite:///gradebook.db.",
            "from urllib.parse import quote",
            "",
            "from sqlalchemy.engine import URL",
            "",
            'database = "file:" + quote(os.fsencode(os.path.join(here, "gradebook.db")))',
            'url = URL.create("sqlite", database=database, query={"uri": "true"})',
            "c.CourseDirectory.db_url = url.render_as_string(hide_password=False)",
        ]
    return "\n".join(
        [
            *lines,
            'if not os.path.isdir(os.path.join(here, "source")):  # no exercises of its own',
            '    if os.path.isdir(os.path.join(here, "solutions")):',
            '        c.CourseDirectory.source_directory = "solutions"',
            f"    elif os.path.isdir({str(sources)!a}):",
            f"        c.CourseDirectory.source_directory = {str(sources)!a}",
            "# What late work loses stands in autograder.json; nbgrader's own Autograde asks there, too.",
            f"c.AssignLatePenalties.plugin_class = {OURS!a}",
            "# `nbgrader generate_feedback` makes the page that `autograder grade` makes.",
            f"c.GenerateFeedback.exporter_class = {nbgrader_config.FEEDBACK_PAGES!a}",
            "# Seconds for a cell. It holds for `autograder grade`, too, unless autograder.json sets cell_seconds.",
            "c.Execute.timeout = 60",
            "",
        ]
    )
