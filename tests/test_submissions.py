"""What was handed in is seen: whatever a student's folder holds is used, or said to be not used and why."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hostile import RELEASED, code_cell, filled_in
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import ROOT

from autograder.cli import main
from autograder.course import submissions
from autograder.course.names import MAX_BYTES, entered_as
from autograder.course.submissions import MAX_LOOKED_AT, HandedIn, Unread, handed_in
from autograder.errors import CourseError

NAME = "03-dense-networks"
USUAL = f"{NAME}/{NAME}.ipynb"
BLANK = RELEASED.read_bytes()
OTHER = (ROOT / "exercises/04-softmax/04-softmax.ipynb").read_bytes()
Layout = dict[str, bytes]


def worked(answer: str = "mine") -> bytes:
    return json.dumps(filled_in({"by_hand-answer": f"{answer} = 1"})).encode()


def without_marks(raw: bytes) -> bytes:
    """As programs save it that keep no metadata."""
    notebook = json.loads(raw)
    cells = [cell | {"metadata": {}} for cell in notebook["cells"]]
    return json.dumps(notebook | {"metadata": {}, "cells": cells}).encode()


def zipped(files: Layout) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return file.getvalue()


SCRATCH = json.dumps({"cells": [code_cell("print(1)")], "nbformat": 4}).encode()


def put(student: Path, files: Layout, times: dict[str, float] | None = None) -> None:
    for name, content in files.items():
        path = student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        when = 1_790_000_000 + (times or {}).get(name, 0)
        os.utime(path, (when, when))


def look(submitted: Path) -> HandedIn:
    return handed_in(submitted, NAME, released=RELEASED)


@dataclass(frozen=True)
class Case:
    """What lies in a student's folder, and what is to become of it."""

    what: str
    files: Layout
    counts: bytes | None  # None: nothing does
    says: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()  # ends of the paths
    times: dict[str, float] = field(default_factory=dict)


MANY = {f"{i}.ipynb": b"" for i in range(MAX_LOOKED_AT + 1)}
COPY = f"{NAME}/{NAME}-Copy1.ipynb"
CASES = (
    Case("as it should be", {USUAL: worked()}, worked()),
    Case("untouched, as it should be", {USUAL: BLANK}, BLANK),
    Case("with files of its own", {USUAL: worked(), f"{NAME}/helper.py": b"x = 1", f"{NAME}/a.csv": b"1"}, worked()),
    Case("a copy worked in", {USUAL: BLANK, COPY: worked()}, worked(), (f"{NAME}-Copy1.ipynb",), (f"{NAME}.ipynb",)),
    Case("an untouched copy", {USUAL: worked(), COPY: BLANK}, worked(), ("Not graded",), (COPY,)),
    Case("the same twice", {USUAL: worked(), COPY: worked()}, worked()),
    Case(
        "two, the copy later",
        {USUAL: worked(), COPY: worked("later")},
        worked("later"),
        ("saved last", "Copy1"),
        (USUAL,),
        {COPY: 60},
    ),
    Case(
        "two, the copy earlier",
        {USUAL: worked(), COPY: worked("earlier")},
        worked(),
        ("saved last",),
        (COPY,),
        {COPY: -60},
    ),
    Case("two at once", {USUAL: worked(), COPY: worked("other")}, worked(), ("because of its name",), (COPY,)),
    Case(
        "two of which neither has the name",
        {f"{NAME}/a.ipynb": worked("a"), f"{NAME}/b.ipynb": worked("b")},
        None,
        ("2 notebooks", "a.ipynb", "b.ipynb"),
        ("a.ipynb", "b.ipynb"),
    ),
    Case("one damaged, one good", {USUAL: worked()[:999], COPY: worked()}, worked(), ("Copy1",), (USUAL,)),
    Case("another case", {f"03-Dense-Networks/{NAME}.ipynb": worked()}, worked(), ("recognised",)),
    Case("no exercise folder", {f"{NAME}.ipynb": worked()}, worked(), ("student's folder itself",)),
    Case("a folder in the folder", {f"{NAME}/hand in/{NAME}.ipynb": worked()}, worked(), ("hand in",)),
    Case("a folder of any name", {f"homework/week 3/{NAME}.ipynb": worked()}, worked(), ("week 3",)),
    Case("another exercise's folder", {"04-softmax/homework.ipynb": worked()}, worked(), ("04-softmax",)),
    Case("capitals", {f"{NAME}/{NAME}.IPYNB": worked()}, worked(), ("IPYNB",)),
    Case("as text", {f"{NAME}/{NAME}.ipynb.txt": worked()}, worked(), ("ipynb.txt",)),
    Case("as JSON", {f"{NAME}/{NAME}.json": worked()}, worked(), (".json",)),
    Case("a browser's second download", {f"{NAME}/{NAME} (1).ipynb": worked()}, worked(), ("(1)",)),
    Case("Colab's", {f"{NAME}/Copy of {NAME}.ipynb": worked()}, worked(), ("Copy of",)),
    Case("without marks", {f"{NAME}/Untitled.ipynb": without_marks(worked())}, without_marks(worked()), ("Untitled",)),
    Case("without marks elsewhere", {"Untitled.ipynb": without_marks(worked())}, without_marks(worked()), ()),
    Case("macOS's shadow", {USUAL: worked(), f"{NAME}/._{NAME}.ipynb": b"\0\5\26\7"}, worked()),
    Case("mine and its shadow", {f"{NAME}/mine.ipynb": worked(), f"{NAME}/._mine.ipynb": b"\0\5"}, worked(), ("mine",)),
    Case(
        "checkpoints",
        {USUAL: worked(), f"{NAME}/.ipynb_checkpoints/{NAME}-checkpoint.ipynb": worked("old")},
        worked(),
        times={f"{NAME}/.ipynb_checkpoints/{NAME}-checkpoint.ipynb": 99},
    ),
    Case("only a checkpoint", {f"{NAME}/.ipynb_checkpoints/{NAME}-checkpoint.ipynb": worked()}, None),
    Case("a zip file", {f"{NAME}/{NAME}.zip": zipped({USUAL: worked()})}, worked(), (f"{NAME}.zip/{USUAL}",)),
    Case(
        "a Mac's zip file",
        {"homework.zip": zipped({USUAL: worked(), f"__MACOSX/{NAME}/._{NAME}.ipynb": b"\0\5"})},
        worked(),
        ("homework.zip",),
    ),
    Case(
        "a zip beside it", {USUAL: worked(), f"{NAME}/all.zip": zipped({"x.ipynb": BLANK})}, worked(), (), ("x.ipynb",)
    ),
    Case("a damaged zip file", {f"{NAME}/a.zip": zipped({USUAL: worked()})[:300]}, None, ("zip",), ("a.zip",)),
    Case("a zip in a zip", {f"{NAME}/a.zip": zipped({"b.zip": b"PK"})}, None, ("zip file in a zip",), ("b.zip",)),
    Case("a zip file of thousands", {f"{NAME}/a.zip": zipped(MANY)}, None, ("limit",), ("a.zip",)),
    Case("another exercise's notebook", {USUAL: OTHER}, OTHER),
    Case(
        "beside another exercise's",
        {USUAL: worked(), f"{NAME}/04-softmax.ipynb": OTHER},
        worked(),
        (),
        ("softmax.ipynb",),
    ),
    Case("swapped", {USUAL: OTHER, "04-softmax/04-softmax.ipynb": worked()}, worked(), ("04-softmax",), (USUAL,)),
    Case(
        "scratch paper, saved later",
        {USUAL: worked(), f"{NAME}/scratch.ipynb": SCRATCH},
        worked(),
        (),
        ("scratch.ipynb",),
        {f"{NAME}/scratch.ipynb": 99},
    ),
    Case(
        "data called .json, saved later",
        {USUAL: BLANK, f"{NAME}/data.json": b"[1, 2]"},
        BLANK,
        times={f"{NAME}/data.json": 99},
    ),
    Case("untouched, and the work outside", {USUAL: BLANK, f"{NAME}.ipynb": worked()}, worked(), ("itself",), (USUAL,)),
    Case("untouched, and the work in a folder", {USUAL: BLANK, "hw/x.ipynb": worked()}, worked(), ("hw/",), (USUAL,)),
    Case(
        "beside thousands of files",
        {USUAL: worked(), **{f"{NAME}/aaa/{i}.txt": b"" for i in range(MAX_LOOKED_AT)}, "bbb/x.ipynb": worked("x")},
        worked(),
        (),
        ("eve",),
    ),
    Case("no notebook", {f"{NAME}/answers.pdf": b"%PDF"}, None),
    Case("a notebook of nothing", {f"{NAME}/x.ipynb": b"{}"}, b"{}", ("x.ipynb",)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_counts_and_what_is_said(case: Case, tmp_path: Path) -> None:
    put(tmp_path / "eve", case.files, case.times)
    found = look(tmp_path)
    (submission,) = found.submissions
    assert submission.student == "eve"
    assert submission.raw == case.counts
    for words in case.says:
        assert words in submission.problem
    assert len(submission.problem) < 600
    assert "\n" not in submission.problem
    assert len(found.unused) == len(case.unused), found.unused
    for end in case.unused:
        assert any(str(one.path).endswith(end) for one in found.unused)
    assert all(one.why for one in found.unused)
    if case.what.startswith("as it should"):
        assert submission.problem == ""


def test_what_lies_in_nobodys_folder_is_said(tmp_path: Path) -> None:
    put(
        tmp_path,
        {f"{NAME}.ipynb": worked(), f"{NAME}/eve/{NAME}.ipynb": worked(), "Moodle.zip": b"PK", ".DS_Store": b""},
    )
    found = look(tmp_path)
    assert found.submissions == []
    assert {one.path.name: one.why for one in found.unused}.keys() == {f"{NAME}.ipynb", NAME, "Moodle.zip"}
    assert "collect" in str(found.unused[-1])


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "ada", {USUAL: worked()})
    bob = tmp_path / "bob" / NAME
    bob.mkdir(parents=True)
    (bob / f"{NAME}.ipynb").symlink_to(tmp_path / "ada" / USUAL)
    (tmp_path / "bob" / "more").symlink_to(tmp_path / "ada")
    found = {one.student: one for one in look(tmp_path).submissions}
    assert found["bob"].path is None
    assert "link" in found["bob"].problem


def test_a_bomb_is_read_no_further_than_a_notebook_may_be_large(tmp_path: Path) -> None:
    put(tmp_path / "eve", {f"{NAME}/a.zip": zipped({"x.ipynb": b" " * 200_000_000})})
    (submission,) = look(tmp_path).submissions
    assert len(submission.raw or b"") < 30_000_000


_PLACES = (USUAL, COPY, f"{NAME}/a.zip", f"{NAME}/b/c.ipynb", "x.ipynb", "y/z.IPYNB", f"{NAME}/timestamp.txt")
_FILES = (worked(), BLANK, OTHER, b"", b"{}", b"PK\3\4", zipped({"x.ipynb": worked("z")}))
_LAYOUTS = st.dictionaries(st.sampled_from(_PLACES), st.sampled_from(_FILES) | st.binary(max_size=60), max_size=5)


@settings(max_examples=60, deadline=None)
@given(_LAYOUTS, st.lists(st.floats(0, 100), min_size=7, max_size=7))
def test_whatever_lies_there_somebody_hears_of_it(files: Layout, times: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder) / "eve", files | {f"{NAME}/keep": b""}, dict(zip(files, times, strict=False)))
        (submission,) = look(Path(folder)).submissions
        mine = [n for n, c in files.items() if worked() == c and not n.endswith((".zip", ".txt"))]
        if mine:
            assert submission.path is not None or submission.problem
        if submission.path is not None:
            assert isinstance(submission.raw, bytes)
        submission.timestamp.encode()


# -- names ------------------------------------------------------------------------------------------------------------

_BYTES = st.binary(min_size=1, max_size=255).map(lambda b: b.replace(b"/", b"_").replace(b"\0", b"_"))
_ODD = st.text(st.sampled_from('<"\\\uff1c\uff02\uff3c\uff3e#xu0aA1 .\n\udc80\udcff\u2028é'), min_size=1, max_size=9)
_FOLDERS = (_BYTES.map(os.fsdecode) | _ODD).filter(
    lambda name: not name.startswith(".") and len(os.fsencode(name)) < 256
)


@settings(max_examples=500, deadline=None)
@given(st.lists(_FOLDERS, min_size=2, max_size=8, unique=True))
def test_no_two_folders_meet_under_one_name(folders: list[str]) -> None:
    names = [entered_as(folder) for folder in folders]
    assert len(set(names)) == len(names)
    for name in names:
        assert len(name.encode("utf-8")) <= MAX_BYTES
        assert not set(name) & set('<"\\\n\r\t\x7f/\0')
    assert entered_as("Zoë O'Neil-3") == "Zoë O'Neil-3"


@pytest.mark.parametrize(
    "folders",
    [
        ("a<b", "a\uff1cb"),
        ('"' * 100, "\uff02" * 80),
        (os.fsdecode(b"\xff" * 70), os.fsdecode(b"\xfe" * 70)),
        ("x" * 255,),
    ],
)
def test_strange_names_are_listed_each_by_its_own(folders: tuple[str, ...], tmp_path: Path) -> None:
    for folder in folders:
        put(tmp_path / folder, {USUAL: worked(folder.encode("utf-8", "replace").hex()[:8] + "_")})
    found = look(tmp_path).submissions
    assert len({one.student for one in found}) == len(folders)
    assert all(one.raw for one in found)
    for one, folder in zip(sorted(found, key=lambda s: s.folder), sorted(folders), strict=True):
        assert ("entered as" in one.problem) == (one.student != folder)


# -- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], Any]], Any]:
    """Root reads everything; so what is tried is tried as somebody who does not."""

    def call(what: Callable[[], Any]) -> Any:
        if os.geteuid() != 0:
            return what()
        os.seteuid(65534)
        try:
            return what()
        finally:
            os.seteuid(0)

    return call


@pytest.mark.parametrize("locked", ["eve", f"eve/{NAME}", f"eve/{USUAL}"])
def test_a_folder_that_may_not_be_entered_costs_nobody_else(locked: str, as_nobody: Callable[..., Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        submitted = Path(folder)
        submitted.chmod(0o755)
        for student in ("ada", "eve", "zoe"):
            put(submitted / student, {USUAL: worked()})
        (submitted / locked).chmod(0)
        found = as_nobody(lambda: look(submitted)).submissions
        (submitted / locked).chmod(0o755)
    assert [one.student for one in found] == ["ada", "eve", "zoe"]
    assert [bool(one.unread) for one in found] == [False, True, False]
    assert found[1].unread == "Permission denied"
    assert found[1].timestamp == ""


def test_what_has_vanished_is_not_empty(tmp_path: Path) -> None:
    put(tmp_path / "eve", {USUAL: worked()})
    (submission,) = look(tmp_path).submissions
    (tmp_path / "eve" / USUAL).unlink()
    with pytest.raises(Unread, match="No such file"):
        submission.raw  # noqa: B018


@pytest.mark.parametrize(
    "text", ["100000000000000000000000000000m", "garbage", "9" * 60 + "-99-99", "\udcff", "nan", "-1"]
)
def test_a_timestamp_without_a_time_is_when_it_was_saved_here(text: str, tmp_path: Path) -> None:
    put(tmp_path / "eve", {USUAL: worked(), f"{NAME}/timestamp.txt": text.encode("utf-8", "surrogateescape")})
    (submission,) = look(tmp_path).submissions
    assert submission.timestamp.startswith("2026-09-21 14:13:20")


def test_a_folder_in_place_of_the_timestamp(tmp_path: Path) -> None:
    put(tmp_path / "eve", {USUAL: worked(), f"{NAME}/timestamp.txt/x": b""})
    (submission,) = look(tmp_path).submissions
    assert submission.timestamp == ""
    assert submission.secret == ""


def test_no_student_of_that_name(tmp_path: Path) -> None:
    put(tmp_path / "e<e", {USUAL: worked()})
    for name in ("e<e", "e\uff1ce"):
        assert len(handed_in(tmp_path, NAME, [name]).submissions) == 1
    with pytest.raises(CourseError, match="No student 'ada'"):
        handed_in(tmp_path, NAME, ["ada"])


def test_what_lies_in_single_folders_is_what_the_whole_class_shows_of_them(tmp_path: Path) -> None:
    for name in ("ada", "e<e", "zoe", NAME, "__MACOSX"):
        put(tmp_path / name, {USUAL: worked()})
    (tmp_path / "link").symlink_to(tmp_path / "ada")
    (tmp_path / "file").touch()
    everyone = {one.students_folder: one for one in look(tmp_path).submissions}
    found = submissions.in_folders(tmp_path, NAME, ["zoe", "gone", "file", "link", "e<e", NAME, "__MACOSX"])
    assert found == [everyone[folder] for folder in ("e<e", "link", "zoe")]
    with pytest.raises(CourseError, match="cannot be read"):
        submissions.in_folders(tmp_path / "away", NAME, ["zoe"])


def test_naming_a_whole_class_looks_at_each_folder_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"student-{number}" for number in range(100)]
    for name in names:
        (tmp_path / name / NAME).mkdir(parents=True)
    asked: list[str] = []
    monkeypatch.setattr(submissions, "entered_as", lambda folder: asked.append(folder) or entered_as(folder))
    assert len(handed_in(tmp_path, NAME, names).submissions) == len(names)
    assert len(asked) <= 3 * len(names)


def test_an_empty_result_says_what_lies_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "submitted", {"Moodle.zip": zipped({"x.ipynb": worked()}), f"{NAME}.ipynb": worked()})
    assert main(["grade", NAME, "--course", str(tmp_path), "--sandbox", "off"]) == 0
    out = capsys.readouterr().out
    assert "Nothing to grade" in out
    for name in ("Moodle.zip", f"{NAME}.ipynb"):
        assert f"submitted/{name}: it is not in any student's folder" in out.replace("\n", "")
