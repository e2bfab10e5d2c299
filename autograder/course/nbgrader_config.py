"""What a course's ``nbgrader_config.py`` says about grading: honoured, or refused with its file and trait.

The files are read by traitlets, those that nbgrader's own commands read and in their order: Jupyter's configuration
folders, then the course directory. What only nbgrader's other commands use (the exchange, the exporters, the
formgrader) is theirs. Of the rest every trait is in one of these tables; see the page *Settings of a course*.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, JSONFileConfigLoader, PyFileConfigLoader

from autograder.errors import BadSetting
from autograder.language import _, say
from autograder.sandbox.limits import DAY

NAME = "nbgrader_config"
ENDINGS = ("py", "json")

# Refused unless it has this value: another one would give other grades than ours.
_REFUSED: dict[tuple[str, str], tuple[Any, str]] = {
    ("CourseDirectory", "directory_structure"): (
        os.path.join("{nbgrader_step}", "{student_id}", "{assignment_id}"),
        _("The folders must have nbgrader's default layout."),
    ),
    ("CourseDirectory", "student_id"): ("*", _("Name students with --student instead.")),
    ("CourseDirectory", "notebook_id"): ("*", _("Here, an exercise is one notebook, and it is always graded.")),
    ("Autograde", "create_student"): (True, _("Every student who handed something in is entered into the gradebook.")),
    ("Autograde", "exclude_overwriting"): ({}, _("Only the notebook is taken from what a student handed in.")),
    ("Autograde", "sanitize_preprocessors"): (None, _("Preprocessors of your own do not run here.")),
    ("Autograde", "autograde_preprocessors"): (None, _("Preprocessors of your own do not run here.")),
    ("Autograde", "pre_convert_hook"): (None, _("Hooks do not run here.")),
    ("Autograde", "post_convert_hook"): (None, _("Hooks do not run here.")),
    ("BaseConverter", "pre_convert_hook"): (None, _("Hooks do not run here.")),
    ("BaseConverter", "post_convert_hook"): (None, _("Hooks do not run here.")),
    ("OverwriteCells", "add_missing_cells"): (True, _("Missing tests are always put back. Remove the line.")),
    ("OverwriteCells", "enabled"): (True, _("Changed tests are always put back.")),
    ("SaveAutoGrades", "enabled"): (True, _("Grades are always saved.")),
    ("Execute", "enabled"): (True, _("Notebooks are always run.")),
    ("Execute", "kernel_name"): ("python3", _("Notebooks run in Python, in the sandbox's own kernel.")),
    ("Execute", "extra_arguments"): ([], _("Notebooks run in the sandbox's own kernel.")),
    ("Execute", "allow_errors"): (True, _("The cells after an error always run.")),
    ("NbGraderPreprocessor", "enabled"): (True, _("Switch off each preprocessor by its own name.")),
}
# Not used here, and no grade depends on it; said in one line.
_NOT_USED = (
    "Autograde",
    "BaseConverter",
    "CSSHTMLHeaderPreprocessor",
    "CheckCellMetadata",
    "ClearOutput",
    "DeduplicateIds",
    "Execute",
    "GenerateFeedback",
    "GetGrades",
    "HTMLExporter",
    "IgnorePattern",
    "LimitOutput",
    "OverwriteCells",
    "OverwriteKernelspec",
    "SaveAutoGrades",
)
FEEDBACK_PAGES = "autograder.grading.nbgrader_feedback.FeedbackPages"  # nbgrader's command makes our page by it
_NOT_USED_OF_COURSE = ("groupshared",)
_FOLDERS = ("submitted_directory", "autograded_directory", "feedback_directory", "release_directory")
# Names of earlier versions, which nbgrader still takes: that section's trait is CourseDirectory's of this name.
_OLD_SECTIONS = ("NbGraderConfig", "BasicConfig", "BaseNbGraderApp", "BaseApp", "NbGrader")
_OLD_TRAITS = {name: name for name in ("course_id", "student_id", "notebook_id", "directory_structure", "db_url")} | {
    "course_directory": "root",
    "source_directory": "source_directory",
    **{name: name for name in _FOLDERS},
}


@dataclass(frozen=True)
class NbgraderConfig:
    """What holds for a course, by nbgrader's configuration and its defaults."""

    config: Config = field(repr=False)
    course_id: str
    source: Path | None  # None: not set
    release: Path
    submitted: Path
    autograded: Path
    feedback: Path
    gradebook: Path
    excluded: frozenset[str]  # students who are left out
    timeout: int | None  # seconds for a cell; None: not set
    not_used: tuple[str, ...]  # what is set and does nothing here, as "file: Section.trait"
    where: Callable[[str, str], str] = field(repr=False)  # "file: Section.trait", for a message


def read(root: Path) -> NbgraderConfig:
    """The configuration of the course in a folder.

    Raises:
        BadSetting: a file cannot be read, or says something that cannot be followed here.
    """
    config = Config()
    origin: dict[tuple[str, str], str] = {}  # by section and trait: the file, and what it is called there
    for file in files(root):
        loaded = _load(file)
        for section, trait in _set(loaded):
            origin[section, trait] = f"{file}: {section}.{trait}"
        config.merge(loaded)
    _rename_old(config, origin)

    def where(section: str, trait: str) -> str:
        return origin.get((section, trait), f"{root / NAME}.py: {section}.{trait}")

    _merge_execute(config, origin)
    _refuse(config, where)
    course = config.get("CourseDirectory", {})
    texts = {name: _text(course, name, where) for name in ("course_id", "root", "source_directory", *_FOLDERS)}
    _require_this_root(texts["root"], root, where)
    source = texts["source_directory"]
    if source is not None and not (root / source).is_dir():
        raise BadSetting(
            say(
                "{where} is {source}, which is not a folder.",
                where=where("CourseDirectory", "source_directory"),
                source=source,
            )
        )
    excluded = _text(course, "student_id_exclude", where) or ""
    unused = [f"{section}.{trait}" for section in _NOT_USED for trait in config.get(section, {})]
    unused = [name for name in unused if name != "Execute.timeout" and tuple(name.split(".")) not in _REFUSED]
    if config.get("GenerateFeedback", {}).get("exporter_class") == FEEDBACK_PAGES:
        unused.remove("GenerateFeedback.exporter_class")
    unused += [f"CourseDirectory.{trait}" for trait in _NOT_USED_OF_COURSE if course.get(trait)]
    return NbgraderConfig(
        config=config,
        course_id=(texts["course_id"] or spelled_out(root.name)).strip() or "course",
        source=root / source if source else None,
        release=root / (texts["release_directory"] or "release"),
        submitted=root / (texts["submitted_directory"] or "submitted"),
        autograded=root / (texts["autograded_directory"] or "autograded"),
        feedback=root / (texts["feedback_directory"] or "feedback"),
        gradebook=_gradebook(root, course, where),
        excluded=frozenset(excluded.split(",")) - {""},
        timeout=_timeout(config, where),
        not_used=tuple(where(*name.split(".")) for name in unused),
        where=where,
    )


def files(root: Path) -> Iterator[Path]:
    """Those there are, in the order in which they are read: a later one overrules."""
    from jupyter_core.paths import jupyter_config_path

    for folder in [*map(Path, reversed(jupyter_config_path())), root]:
        for ending in ENDINGS:
            path = folder / f"{NAME}.{ending}"
            if os.path.lexists(path):
                yield path


def _load(file: Path) -> Config:
    loader = PyFileConfigLoader if file.suffix == ".py" else JSONFileConfigLoader
    try:
        config = loader(str(file)).load_config()  # by a whole path: in the name of a folder it would expand ~ and $
    except ConfigFileNotFound as error:
        raise BadSetting(
            say("{file} cannot be read: it is not a file, or you do not have permission to read it.", file=file)
        ) from error
    except (Exception, SystemExit) as error:  # a Python file may raise anything
        why = str(error).strip().splitlines()
        line = _line_of(error, file)
        raise BadSetting(
            say(
                "{file} cannot be used{line}: {name}{reason}. nbgrader reads it as well: correct it, or remove it.",
                file=file,
                line=line,
                name=type(error).__name__,
                reason=": " + why[0][:200] if why else "",
            )
        ) from error
    if not isinstance(config, Config):
        raise BadSetting(say("{file} should hold an object, {{...}}, with a section for each class.", file=file))
    return config


def _line_of(error: BaseException, file: Path) -> str:
    if isinstance(error, SyntaxError):
        return say(", in line {lineno}", lineno=error.lineno) if error.lineno else ""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return say(", in line {line}", line=line) if line else ""


def _set(config: Config) -> Iterator[tuple[str, str]]:
    for section, traits in config.items():
        if isinstance(traits, Config):
            for trait in traits:
                yield section, trait


def _rename_old(config: Config, origin: dict[tuple[str, str], str]) -> None:
    """Do what nbgrader does with names of earlier versions."""
    moves = [(section, old, new) for section in _OLD_SECTIONS for old, new in _OLD_TRAITS.items()]
    for section, old, new in [*moves, ("Exchange", "course_id", "course_id")]:
        traits = config.get(section)
        if isinstance(traits, Config) and old in traits:
            config.CourseDirectory[new] = traits.pop(old)
            origin["CourseDirectory", new] = origin.pop((section, old), "")


def _merge_execute(config: Config, origin: dict[tuple[str, str], str]) -> None:
    """What is set for nbconvert's class holds for nbgrader's, which is made from it, unless that has its own."""
    theirs = config.get("ExecutePreprocessor")
    for trait in list(theirs) if isinstance(theirs, Config) else []:
        if trait not in config.Execute:
            config.Execute[trait] = theirs[trait]
            origin["Execute", trait] = origin["ExecutePreprocessor", trait]


def _refuse(config: Config, where: Callable[[str, str], str]) -> None:
    for (section, trait), (allowed, advice) in _REFUSED.items():
        traits = config.get(section, {})
        if trait in traits and traits[trait] != allowed:
            raise BadSetting(
                say("{where} cannot be followed here. {advice}", where=where(section, trait), advice=advice)
            )


def _text(course: Any, trait: str, where: Callable[[str, str], str]) -> str | None:
    value = course.get(trait)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadSetting(
            say("{where} should be text, not {value!r:.60}.", where=where("CourseDirectory", trait), value=value)
        )
    return value


def _require_this_root(value: str | None, root: Path, where: Callable[[str, str], str]) -> None:
    if value is None:
        return
    try:
        same = os.path.samefile(root / value, root)
    except OSError:
        same = False
    # In a folder whose name is a pattern our own configuration says "where you are", see `directory`.
    if not same and value != "/proc/self/cwd":
        raise BadSetting(
            say(
                "{where} is {value}, so nbgrader's commands would work in another folder than this course."
                " Correct the line, or remove it.",
                where=where("CourseDirectory", "root"),
                value=value,
            )
        )


def _timeout(config: Config, where: Callable[[str, str], str]) -> int | None:
    if "timeout" not in config.Execute:
        return None
    value = config.Execute["timeout"]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= DAY:
        raise BadSetting(
            say(
                "{where} should be a whole number of seconds, 1 to {day:,}, not {value!r:.60}: a cell's time"
                " is always limited here.",
                where=where("Execute", "timeout"),
                day=DAY,
                value=value,
            )
        )
    return value


# -- the gradebook's address --------------------------------------------------------------------------------------


def address(path: Path) -> str:
    """The gradebook's address as SQLAlchemy takes it, whatever the folder is called.

    Where a character of the path means something in an address, it is spelled out as SQLite's own kind of address,
    which SQLAlchemy passes on as it is, in all of its versions.
    """
    from sqlalchemy.engine import URL

    if is_plain(path):
        url = URL.create("sqlite", database=str(path))
    else:
        url = URL.create("sqlite", database="file:" + quote(os.fsencode(path)), query={"uri": "true"})
    return str(url.render_as_string(hide_password=False))


def is_plain(path: Path) -> bool:
    """Whether a path holds only text, and nothing that has a meaning in the address of a database."""
    return not set(str(path)) & set("%?#") and spelled_out(str(path)) == str(path)


def file_of(url: str) -> str | None:
    """The file that an address of a gradebook names; None if it names none.

    Raises:
        ValueError: it is not an address, or not one of SQLite's.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parts = make_url(url)
    except ArgumentError as error:
        raise ValueError(say("it is not the address of a database")) from error
    if parts.get_backend_name() != "sqlite":
        raise ValueError(say("only SQLite gradebooks are written here"))
    if parts.host:
        raise ValueError(say("an SQLite address has three slashes, or four before an absolute path"))
    found = parts.database or ""
    if str(parts.query.get("uri", "")).lower() in ("true", "1", "yes", "on") and found.startswith("file:"):
        return os.fsdecode(unquote(found.removeprefix("file:").removeprefix("//"), errors="surrogateescape"))
    return found if found and found != ":memory:" else None


def _gradebook(root: Path, course: Any, where: Callable[[str, str], str]) -> Path:
    own = root / "gradebook.db"
    url = _text(course, "db_url", where)
    key = where("CourseDirectory", "db_url")
    if url is None:
        if not is_plain(own) and any(os.path.lexists(root / f"{NAME}.{ending}") for ending in ENDINGS):
            raise BadSetting(
                say(
                    "{key} is not set, and with a folder of this name nbgrader would put its gradebook somewhere"
                    " else. Remove the file, and a correct one is written in its place; or rename the folder.",
                    key=key,
                )
            )
        return own
    try:
        file = file_of(url)
    except ValueError as error:
        raise BadSetting(say("{key} is {url!r:.100}: {error}.", key=key, url=url, error=error)) from error
    if file is None:
        raise BadSetting(say("{key} names no file, so nothing would be kept.", key=key))
    path = root / file
    if not path.parent.is_dir():
        raise BadSetting(
            say("{key} names {path}, and there is no folder {parent}.", key=key, path=path, parent=path.parent)
        )
    return path


def spelled_out(text: str) -> str:
    """`text`, with whatever is not text (bytes of a file's name) spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
