"""What goes wrong around a command: each ends with the right exit status and one line, and never with a traceback.

To add a case, add a line to the table it belongs to.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forks import Forks, Program, start_forks
from kit import ROOT, missing

sys.path.insert(0, str(ROOT))
from autograder import cli
from autograder.course.directory import Course
from autograder.grading import batch
from autograder.sandbox import bubblewrap
from benchmarks import stand_in

NAME = "03-dense-networks"
GRADE = ["grade", NAME, "--course", "course"]
STUDENTS = ("Müller", "漢字", "b\u0144 x")


def write(path: str, content: str | bytes = "") -> Callable[[], Any]:
    def make() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def course_with(*made: Callable[[], Any]) -> Callable[[], Any]:
    def make() -> None:
        write(f"course/submitted/ada/{NAME}/{NAME}.ipynb", "{}")()
        for one in made:
            one()

    return make


def nothing() -> None:
    """Nothing to make."""


def database(table: str) -> None:
    """A gradebook that is none of nbgrader's."""
    with sqlite3.connect("course/gradebook.db") as connection:
        connection.execute(f"create table {table} (name text)")


EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
CONFIG = "course/nbgrader_config.py"
# What there is, the command, its exit status, and what its one line says.
CASES: list[tuple[str, Callable[[], Any], list[str], int, str]] = [
    ("check: no file", nothing, ["check", "x.ipynb"], 2, "x.ipynb cannot be read: there is no such file"),
    ("check: a folder", write("d/a.ipynb"), ["check", "d"], 2, "d is a folder. Name the notebook in it: a.ipynb"),
    ("check: an empty folder", lambda: Path("d").mkdir(), ["check", "d"], 2, "d is a folder"),
    ("check: Python", write("x.py", "print()"), ["check", "x.py"], 2, "x.py is not a notebook but a Python file"),
    ("check: text", write("x.txt", "hello"), ["check", "x.txt"], 2, "x.txt is not a notebook"),
    ("check: nothing in it", write("x"), ["check", "x"], 2, "x is not a notebook"),
    ("check: a picture", write("x.png", b"\x89PNG\r\n"), ["check", "x.png"], 2, "x.png is not a notebook"),
    ("check: a zip", write("x.zip", b"PK\x03\x04.."), ["check", "x.zip"], 2, "a ZIP archive. Unpack it"),
    ("check: a zip in disguise", write("x.ipynb", b"PK\x03\x04"), ["check", "x.ipynb"], 2, "a ZIP archive"),
    ("check: a compressed file", write("x.gz", b"\x1f\x8b.."), ["check", "x.gz"], 2, "archive"),
    ("check: a PDF", write("x.pdf", "%PDF-1.7"), ["check", "x.pdf"], 2, "a PDF"),
    ("check: a web page", write("x.ipynb", "\n<!DOCTYPE html>"), ["check", "x.ipynb"], 2, "a web page"),
    ("check: an address", nothing, ["check", "https://host/x.ipynb"], 2, "is a web address"),
    ("check: a device", nothing, ["check", "/dev/null"], 2, "/dev/null is not a file"),
    ("check: a pipe", lambda: os.mkfifo("x.ipynb"), ["check", "x.ipynb"], 2, "x.ipynb is not a file"),
    ("check: no exercise's", write("x.ipynb", EMPTY), ["check", "x.ipynb"], 2, "--exercise"),
    ("check: unknown exercise", write("x.ipynb", EMPTY), ["check", "x.ipynb", "--exercise", "9"], 2, "03-dense-net"),
    ("check: name too long", nothing, ["check", "x" * 300], 2, "File name too long"),
    ("json: a folder", nothing, ["check", "x.ipynb", "--json", "."], 2, "--json . is a folder"),
    ("json: no folder", nothing, ["check", "x.ipynb", "--json", "no/x"], 2, "there is no folder"),
    ("json: full", nothing, ["check", "x.ipynb", "--json", "/dev/full"], 2, "No space left"),
    ("json: nowhere", nothing, ["check", "x.ipynb", "--json", "/proc/x.json"], 2, "--json /proc/x.json cannot be"),
    ("json: of a class", course_with(), [*GRADE, "--json", "no/x"], 2, "there is no folder"),
    ("json: of doctor", nothing, ["doctor", "--json", "no/x"], 2, "there is no folder"),
    ("events: no folder", course_with(), [*GRADE, "--events", "no/x"], 2, "--events no/x cannot be written"),
    ("events: both", course_with(), [*GRADE, "--events", "-", "--json", "-"], 2, "cannot both go to standard output"),
    ("course: none", nothing, GRADE, 2, "no course directory course"),
    ("course: a file", write("course"), GRADE, 2, "no course directory course"),
    ("course: mistyped", lambda: Path("course").mkdir(), GRADE, 2, "is not a course: it has no folder submitted/"),
    ("course: of a file submitted", write("course/submitted"), GRADE, 2, "no folder submitted/"),
    ("exercise: unknown", course_with(), ["grade", "99", "--course", "course"], 2, "no exercise '99'"),
    ("exercise: nearly", course_with(), ["grade", NAME[:-1], "--course", "course"], 2, f"Did you mean '{NAME}'"),
    ("exercise: one of two", course_with(), ["grade", NAME, "x", "--course", "course"], 2, "no exercise 'x'"),
    ("exercise: a path", course_with(), ["grade", f"../{NAME}", "--course", "course"], 2, "no exercise"),
    ("student: unknown", course_with(), [*GRADE, "--student", "bo"], 2, "bo"),
    ("student: of nobody", lambda: os.makedirs("course/submitted"), [*GRADE, "--student", "bo"], 2, "bo"),
    ("settings: null", course_with(write("course/autograder.json", "null")), GRADE, 2, "autograder.json: the whole"),
    (
        "settings: misspelt",
        course_with(write("course/autograder.json", '{"limit": {}}')),
        GRADE,
        2,
        "Did you mean 'limits'",
    ),
    (
        "settings: 1e400",
        course_with(write("course/autograder.json", '{"limits": {"cell_seconds": 1e400}}')),
        GRADE,
        2,
        "1 to 86,400 s",
    ),
    ("nbgrader: broken", course_with(write(CONFIG, "c = (")), GRADE, 2, "nbgrader_config.py cannot be used, in line 1"),
    (
        "nbgrader: refused",
        course_with(write(CONFIG, "c = get_config()\nc.Autograde.create_student = False")),
        GRADE,
        2,
        "nbgrader_config.py: Autograde.create_student cannot be followed",
    ),
    ("gradebook: no database", course_with(write("course/gradebook.db", "x" * 5000)), GRADE, 2, "is damaged"),
    (
        "gradebook: of another tool",
        course_with(lambda: database("course")),
        GRADE,
        2,
        "does not fit this version of nbgrader",
    ),
    ("gradebook: a folder", course_with(lambda: Path("course/gradebook.db").mkdir()), GRADE, 2, "cannot be opened"),
    ("report: nothing graded", course_with(), ["report", NAME, "--course", "course"], 2, "has been graded"),
    ("report: unknown", course_with(), ["report", "99", "--course", "course"], 2, "no exercise '99'"),
    ("report: a path", course_with(), ["report", "../x", "--course", "course"], 2, "no exercise '../x'"),
    ("release: no sources", nothing, ["release", "no", "out"], 2, "no EXERCISE/EXERCISE.ipynb in no"),
    ("release: a file", write("src"), ["release", "src", "out"], 2, "no EXERCISE/EXERCISE.ipynb in src"),
    (
        "release: broken source",
        write("src/a/a.ipynb", "{"),
        ["release", "src", "out"],
        1,
        "nbgrader cannot make a release of src/a/a.ipynb",
    ),
    (
        "release: into a file",
        lambda: [write("src/a/a.ipynb", EMPTY)(), write("out")()],
        ["release", "src", "out"],
        1,
        "File exists",
    ),
    (
        "held-out: no folder",
        course_with(lambda: os.environ.update(AUTOGRADER_HELD_OUT="no")),
        GRADE,
        2,
        "AUTOGRADER_HELD_OUT names no",
    ),
    (
        "held-out: not of this exercise",
        course_with(lambda: os.environ.update(AUTOGRADER_HELD_OUT=".")),
        GRADE,
        2,
        f"which holds no {NAME}.npz",
    ),
    (
        "temporary: no folder",
        course_with(lambda: os.environ.update(TMPDIR="no")),
        GRADE,
        2,
        "TMPDIR names no, which is not a folder",
    ),
]


@pytest.mark.parametrize(("made", "command", "status", "says"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_line_and_the_right_status(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made: Callable[[], Any],
    command: list[str],
    status: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AUTOGRADER_HELD_OUT", "TMPDIR"):
        monkeypatch.setenv(name, str(ROOT / "data/held_out") if name.startswith("A") else "/tmp")
    made()
    there = files()
    assert cli.main(command) == status
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("autograder: ")
    assert not printed.out
    assert files() - there <= {"out", "course/.autograder"}, "nothing is made where nothing is done"


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if ".making" not in str(path)}


@pytest.mark.parametrize("submitted", ["course/submitted", "course/submitted/ada/04-softmax"])
def test_nothing_to_grade_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], submitted: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(submitted).mkdir(parents=True)
    there = files()
    assert cli.main([*GRADE, "--json", "out.json", "--sandbox", "off"]) == 0
    output = capsys.readouterr().out
    assert f"Nothing to grade: there is no STUDENT/{NAME}/{NAME}.ipynb in {tmp_path / 'course/submitted'}" in output
    assert ("04-softmax in them" in output) == ("ada" in submitted)
    assert files() - there == {"out.json"}
    assert json.loads(Path("out.json").read_text())["submissions"] == []


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose class was graded, so that the command has only to say so."""
    root = tmp_path_factory.mktemp("graded") / "course"
    stand_in.write_class(root / "submitted", NAME, len(STUDENTS))
    for number, name in enumerate(STUDENTS):
        (root / f"submitted/student-{number:05}").rename(root / "submitted" / name)
    course = Course(root)
    exercise = course.make_ready(NAME)
    setup = batch.prepare(exercise, course.settings.of(NAME).limits, bubblewrap.choose("auto"))
    batch.grade_class(course, exercise, setup, course.submissions(NAME), 1, pools=stand_in.pools(exercise))
    return root


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    command = [*options.pop("before", []), sys.executable, "-m", "autograder", *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 300} | options
    return subprocess.run(command, env=environment, check=False, **options)


PLAIN_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENCODINGS: list[tuple[dict[str, str], str]] = [
    (PLAIN_C, "ascii"),
    ({"PYTHONIOENCODING": "ascii:strict"}, "ascii"),
    ({"PYTHONIOENCODING": "latin-1"}, "latin-1"),
]


@pytest.mark.parametrize(("environment", "encoding"), ENCODINGS)
def test_names_are_shown_in_any_encoding_and_the_same_in_the_results(
    graded: Path, environment: dict[str, str], encoding: str
) -> None:
    done = run("grade", NAME, "--course", str(graded), "--json", "-", env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    output = done.stderr.decode(encoding)
    for name in STUDENTS:
        assert name.encode(encoding, "backslashreplace").decode(encoding) in output
    assert f"{len(STUDENTS)} unchanged" in output
    results = json.loads(done.stdout.decode("utf-8"))
    assert {result["student"] for result in results["submissions"]} == set(STUDENTS)
    report = run("report", NAME, "--course", str(graded), env=environment)
    assert (report.returncode, report.stderr) == (0, b"")
    assert b"Report: " in report.stdout


def test_a_full_output_is_found_out_before_anything_is_graded(tmp_path: Path) -> None:
    stand_in.write_class(tmp_path / "submitted", NAME, 1)
    with Path("/dev/full").open("wb") as full:
        done = run("grade", NAME, "--course", str(tmp_path), stdout=full)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "autograder: The output cannot be written: No space left on device. What has been graded is kept; run the"
        " same command again to continue."
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["submitted"]


@pytest.mark.parametrize("command", [["doctor", "--help"], ["report", NAME]])
def test_a_full_or_closed_output_ends_without_a_traceback(graded: Path, command: list[str]) -> None:
    course = [] if "--help" in command else ["--course", str(graded)]
    with Path("/dev/full").open("wb") as full:
        done = run(*command, *course, stdout=full)
    assert done.returncode in (0, 1) if "--help" in command else done.returncode == 1
    assert len(done.stderr.decode().splitlines()) <= 1
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh"]
    assert run(*command, *course, before=shell).returncode == 0


def in_place(*options: str) -> list[str]:
    """A command's beginning that changes the file system around it."""
    if not shutil.which("bwrap"):
        missing("bubblewrap is not installed")
    return ["bwrap", "--dev-bind", "/", "/", *options]


PLACES: list[tuple[str, list[str], dict[str, str], str]] = [
    ("read-only course", ["--ro-bind", "{course}", "{course}"], {}, "Nothing can be written in {course}: Read-only"),
    (
        "small temporary folder",
        ["--size", "1000000", "--tmpfs", "{course}/report"],
        {"TMPDIR": "{course}/report"},
        "The folder for temporary files, {course}/report, is full: 1 MB are free",
    ),
    (
        "full temporary folder",
        ["--size", "4096", "--tmpfs", "{course}/report"],
        {"TMPDIR": "{course}/report"},
        "{course}/report",
    ),
    ("read-only temporary folder", ["--ro-bind", "/etc", "/etc"], {"TMPDIR": "/etc"}, "TMPDIR names /etc"),
    (
        "full disk",
        ["--size", "1000000", "--tmpfs", "{course}/autograded"],
        {},
        "The disk that {course}/autograded is on is full",
    ),
]


@pytest.mark.sandbox
@pytest.mark.parametrize(("options", "environment", "says"), [p[1:] for p in PLACES], ids=[p[0] for p in PLACES])
def test_a_place_that_cannot_be_used_is_named_before_anything_is_graded(
    graded: Path, options: list[str], environment: dict[str, str], says: str
) -> None:
    for name in ("report", "autograded", "feedback"):
        (graded / name).mkdir(exist_ok=True)
    place = [option.format(course=graded) for option in options]
    env = {name: value.format(course=graded) for name, value in environment.items()}
    done = run("grade", NAME, "--course", str(graded), "--force", before=in_place(*place), env=env)
    assert done.returncode == 2, done.stderr.decode()
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert says.format(course=graded) in lines[0]
    assert not done.stdout


# What may not be opened or written, its mode, the command, its status, and what its one line says. Root may do all of
# this, so that the command runs without that right.
NOT_ALLOWED: list[tuple[str, int, list[str], int, str]] = [
    ("", 0o000, ["grade", NAME], 2, "{course} cannot be read"),
    ("submitted", 0o000, ["grade", NAME], 2, "{course}/submitted cannot be read: Permission denied"),
    ("nbgrader_config.py", 0o000, ["grade", NAME], 2, "{course}/nbgrader_config.py cannot be used"),
    ("gradebook.db", 0o444, ["grade", NAME, "--force"], 2, "{course}/gradebook.db cannot be written"),
    (f".autograder/{NAME}", 0o500, ["grade", NAME, "--force"], 2, f"{{course}}/.autograder/{NAME}: Permission denied"),
    (f".autograder/{NAME}", 0o000, ["report", NAME], 1, "Permission denied"),
    ("report", 0o500, ["report", NAME], 2, "The report cannot be written to {course}/report: Permission denied"),
]


def without_roots_rights() -> list[str]:
    """The beginning of a command that may open no more than its user may."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        missing("setpriv is not installed")
    return ["setpriv", *(f"--{kind}=-dac_override,-dac_read_search" for kind in ("bounding-set", "inh-caps"))]


COMMAND = "import sys; from autograder.cli import main; sys.exit(main(sys.argv[1:]))"
IMPORTED = ["autograder.cli", "autograder.course.gradebook", "autograder.grading.batch", "autograder.report"]


@pytest.fixture(scope="module")
def commands() -> Iterator[Forks]:
    """Runs the kit's commands without importing it for each."""
    with start_forks(IMPORTED, {"PYTHONPATH": str(ROOT)}, without_roots_rights()) as started:
        yield started


@pytest.mark.parametrize(("path", "mode", "command", "status", "says"), NOT_ALLOWED)
def test_what_may_not_be_read_or_written_is_one_line(
    graded: Path, commands: Forks, path: str, mode: int, command: list[str], status: int, says: str
) -> None:
    place = graded / path
    if path == "report":
        place.mkdir(exist_ok=True)
    before = place.stat().st_mode
    place.chmod(mode)
    ours = [*command, "--course", str(graded)]
    try:
        if path == "":  # one is a program of its own
            done = run(*ours, before=without_roots_rights())
            ended, told = done.returncode, done.stderr.decode()
        else:
            (forked,) = commands.run(Program(COMMAND, tuple(ours)))
            ended, told = forked.returncode, forked.stderr
    finally:
        place.chmod(before)
    lines = told.splitlines()
    assert (ended, len(lines)) == (status, 1), lines
    assert says.format(course=graded) in lines[0]


@pytest.mark.sandbox
def test_a_report_that_cannot_be_written_is_one_line(graded: Path) -> None:
    done = run("report", NAME, "--course", str(graded), before=in_place("--ro-bind", str(graded), str(graded)))
    assert done.returncode == 2
    assert len(done.stderr.decode().splitlines()) == 1
    assert "The report cannot be written" in done.stderr.decode()


@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
def test_a_terminal_of_60_columns_gets_60(graded: Path, terminal: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    environment = {"TERM": terminal, "COLUMNS": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder", "grade", NAME, "--course", str(graded)],
        stdout=theirs,
        stderr=theirs,
        env={k: v for k, v in (os.environ | {"PYTHONPATH": str(ROOT)} | environment).items() if v},
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            more = os.read(ours, 10_000)
        except OSError:  # how a terminal ends
            break
        if not more:
            break
        printed += more
    os.close(ours)
    assert process.wait(60) == 0
    text = printed.decode()
    if terminal == "dumb":
        assert "\x1b" not in text
    lines = [line for line in text.replace("\r", "\n").split("\n") if "\x1b" not in line]
    assert max(map(len, lines)) <= 60
    assert any(line.startswith("漢字") for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "nbgrader.converters.base import BaseConverter as at; at.convert_single_notebook",
        "autograder.course import release as at; at._exchange",
    ],
    ids=["by nbgrader", "at the end"],
)
def test_ctrl_c_while_a_release_is_made_leaves_the_earlier_one(tmp_path: Path, place: str) -> None:
    earlier = tmp_path / "out" / "01-image-classification"
    earlier.mkdir(parents=True)
    (earlier / "01-image-classification.ipynb").write_text("as it was")
    program = (
        "import time\ndef held(*_, **__): print('here', flush=True); time.sleep(100)\n"
        f"from {place} = held\nfrom autograder.cli import main\nraise SystemExit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "release", "solutions", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert b"here\n" in process.stdout
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=100)
    assert stderr.decode().splitlines() == ["autograder: Stopped."]
    assert process.returncode == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["01-image-classification"]
    assert (earlier / "01-image-classification.ipynb").read_text() == "as it was"
