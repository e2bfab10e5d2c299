"""What each command can be asked for. What it does is in `cli`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import __version__
from autograder.language import say

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def make_parser() -> argparse.ArgumentParser:
    """The whole command line. What it reads has `command`, and as `needs` the part of the kit that this takes."""
    parser = argparse.ArgumentParser(prog="autograder", description=say("Grade Keras exercises in a sandbox."))
    parser.add_argument("--version", action="version", version=f"autograder {__version__}")
    parser.set_defaults(needs="grade")  # see `parts.MODULES`
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for add in _COMMANDS:
        add(commands)
    return parser


def _check(commands: _Commands) -> None:
    parser = commands.add_parser("check", help=say("grade one notebook file, no course needed"))
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument("--exercise", metavar="NAME", help=say("which exercise it is, if the notebook does not say"))
    _common(parser)


def _where(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=_positive, metavar="N", help=say("submissions at a time (default: one per core)")
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help=say("use the workers of this dask scheduler"))


def _grade(commands: _Commands) -> None:
    parser = commands.add_parser("grade", help=say("grade a class"))
    parser.add_argument("exercises", metavar="EXERCISE", nargs="+", help=say("one exercise, or several in one go"))
    _course(parser)
    _where(parser)
    parser.add_argument("--student", action="append", metavar="ID", help=say("only this student; may be repeated"))
    parser.add_argument("--force", action="store_true", help=say("also grade again what has not changed"))
    parser.add_argument(
        "--events", metavar="FILE", help=say("report progress as JSON lines, for a program ('-' is stdout)")
    )
    _common(parser)


def _collect(commands: _Commands) -> None:
    parser = commands.add_parser("collect", help=say("sort handed-in files into the course"))
    parser.add_argument(
        "source", type=Path, metavar="FROM", help=say("an LMS's zip file, a folder, nbgrader's exchange")
    )
    parser.add_argument("exercise", metavar="EXERCISE")
    _course(parser)
    parser.add_argument("--roster", type=Path, metavar="CSV", help=say("the class list, as the LMS exports it"))
    parser.add_argument(
        "--id", metavar="COLUMN", help=say("the roster's column that holds the students' names in this course")
    )
    parser.add_argument("--dry-run", action="store_true", help=say("only say what would be done"))


def _watch(commands: _Commands) -> None:
    parser = commands.add_parser("watch", help=say("grade what arrives, seconds after it does"))
    parser.add_argument("exercises", metavar="EXERCISE", nargs="*", help=say("only these (default: all of the course)"))
    _course(parser)
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help=say("take in what comes into this folder, too")
    )
    parser.add_argument("--roster", type=Path, metavar="CSV", help=say("with --from: the class list, as for collect"))
    _where(parser)
    _sandbox_option(parser)


def _receipt(commands: _Commands) -> None:
    parser = commands.add_parser("receipt", help=say("verify a receipt that a course gave for a hand-in"))
    parser.add_argument("file", type=Path, metavar="FILE", help=say("the receipt"))
    _course(parser)
    parser.add_argument(
        "--notebook", type=Path, metavar="FILE", help=say("check, too, that the receipt is for this file")
    )


def _report(commands: _Commands) -> None:
    parser = commands.add_parser("report", help=say("the class at a glance: a page and a table"))
    parser.add_argument("exercise", metavar="EXERCISE")
    _course(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=say("where to write it (default: DIR/report)"))


def _mark(commands: _Commands) -> None:
    parser = commands.add_parser("mark", help=say("mark by hand, in a browser on this machine"))
    parser.add_argument("exercise", metavar="EXERCISE")
    _course(parser)
    parser.add_argument(
        "--marker", action="append", metavar="NAME", help=say("who marks; may be repeated (default: you)")
    )
    parser.add_argument("--blind", action="store_true", help=say("hide the students' names"))
    parser.add_argument(
        "--port", type=_positive, metavar="N", help=say("where the page is served (default: any free one)")
    )


def _feedback(commands: _Commands) -> None:
    parser = commands.add_parser("feedback", help=say("feedback for learners, as an LMS takes it back or as pages"))
    parser.add_argument("exercise", metavar="EXERCISE")
    _course(parser)
    parser.add_argument(
        "--as",
        dest="form",
        choices=("moodle", "canvas", "pages"),
        required=True,
        help=say("which form; pages: a folder"),
    )
    parser.add_argument("--out", type=Path, metavar="PATH", help=say("where to write it (default: in DIR/report)"))


def _send(commands: _Commands) -> None:
    parser = commands.add_parser(
        "send", help=say("grades into an LMS: shows what would change; --send makes the changes")
    )
    parser.add_argument("exercise", metavar="EXERCISE")
    _course(parser)
    parser.add_argument(
        "--to",
        choices=("canvas", "moodle", "lti"),
        required=True,
        help=say("which system; lti: the LMS that learners open the Hub from"),
    )
    parser.add_argument("--url", metavar="ADDRESS", help=say("canvas, moodle: its address: https://..."))
    parser.add_argument(
        "--lms-course", type=_positive, metavar="N", help=say("canvas, moodle: the course's number there")
    )
    parser.add_argument(
        "--assignment", type=_positive, metavar="N", help=say("canvas, moodle: the assignment's number there")
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=say("holds the token (default: AUTOGRADER_LMS_TOKEN)")
    )
    parser.add_argument(
        "--lti",
        type=Path,
        metavar="FOLDER",
        help=say("lti: the folder that `autograder lti` made (default: AUTOGRADER_LTI)"),
    )
    parser.add_argument(
        "--scale", action="store_true", help=say("convert the points if the LMS has a different maximum")
    )
    parser.add_argument(
        "--send", action="store_true", help=say("change the grades there; else only say what would change")
    )


def _lti(commands: _Commands) -> None:
    parser = commands.add_parser(
        "lti", help=say("make the key for a Hub that learners open from an LMS, and say what the LMS needs")
    )
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help=say("where the key and what the LMS is called are kept")
    )
    parser.add_argument("--to", choices=("canvas", "moodle"), required=True, help=say("which system"))
    parser.add_argument("--url", required=True, metavar="ADDRESS", help=say("its address: https://..."))
    parser.add_argument("--hub", required=True, metavar="ADDRESS", help=say("the Hub's address: https://..."))
    parser.add_argument("--account", metavar="NAME", help=say("the Unix account that sends grades; it gets the key"))


def _similar(commands: _Commands) -> None:
    parser = commands.add_parser("similar", help=say("pairs who share more of their own code than chance allows"))
    parser.add_argument("exercise", metavar="EXERCISE")
    _course(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=say("where to write it (default: DIR/report)"))
    parser.add_argument(
        "--chance",
        type=_share,
        metavar="PAIRS",
        help=say("average number of honest pairs that may be listed by chance in a class (default: 0.004)"),
    )
    parser.add_argument("--json", metavar="FILE", help=say("write the findings as JSON, too ('-' is stdout)"))


def _probe(commands: _Commands) -> None:
    parser = commands.add_parser(
        "probe", help=say("what do an exercise's checks miss? tried with answers made from its solution")
    )
    parser.add_argument("exercise", metavar="EXERCISE")
    parser.add_argument(
        "--source", type=Path, metavar="SOURCES", help=say("folder with EXERCISE/EXERCISE.ipynb, with solutions")
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FOLDER",
        help=say("folder to work in and to write the page to (default: probe/EXERCISE)"),
    )
    parser.add_argument(
        "--limit", type=_positive, metavar="N", help=say("try N wrong answers and N right ones at most")
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help=say("which ones, if there is a limit (default: 0)")
    )
    parser.add_argument("--workers", type=_positive, metavar="N", help=say("answers at a time (default: one per core)"))
    _common(parser)


def _doctor(commands: _Commands) -> None:
    parser = commands.add_parser("doctor", help=say("what is installed, what is missing, how to get it"))
    parser.add_argument("--json", metavar="FILE", help=say("write the findings as JSON ('-' is stdout)"))
    parser.set_defaults(needs=None)


def _release(commands: _Commands) -> None:
    parser = commands.add_parser("release", help=say("make the learners' notebooks from the sources with solutions"))
    parser.add_argument("sources", type=Path, metavar="SOURCES", help=say("folder with EXERCISE/EXERCISE.ipynb"))
    parser.add_argument("releases", type=Path, metavar="RELEASES", help=say("where the released notebooks go"))


def _course(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--course", type=Path, required=True, metavar="DIR", help=say("the course directory"))


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help=say("write the results as JSON ('-' is stdout)"))
    _sandbox_option(parser)


def _sandbox_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sandbox",
        choices=("auto", "require", "off"),
        default="auto",
        help=say("auto: bubblewrap where it works, else limits only; require: bubblewrap or nothing (default: auto)"),
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(say("{text} is not a positive number", text=text))
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1e-12 <= value <= 1000:
        raise argparse.ArgumentTypeError(say("{text} is not a number above 0 and up to 1000", text=text))
    return value


_COMMANDS = (
    _check,
    _grade,
    _collect,
    _watch,
    _receipt,
    _report,
    _mark,
    _feedback,
    _send,
    _lti,
    _similar,
    _probe,
    _doctor,
    _release,
)  # in the order of their help
