"""Receipts: what the course sealed is genuine, and nothing else is."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.cli import main
from autograder.course import blind
from autograder.course.receipts import KEY_FILE, Receipt, Receipts, read
from autograder.errors import BadReceipt, CourseError
from autograder.lms import lti_keys

DIGEST = hashlib.sha256(b"{}").hexdigest()
WHEN, NOW = "2026-11-28 14:03:20.000000 UTC", "2026-11-28 14:03:22.000000 UTC"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    (root / "submitted").mkdir()
    return root


def given_by(root: Path, student: str = "ada") -> Receipt:
    return Receipts(root / ".autograder", root.name).give("03-dense-networks", student, DIGEST, WHEN, NOW)


def saved(receipt: Receipt, path: Path) -> str:
    path.write_text(receipt.to_text(), "utf-8")
    return str(path)


@given(st.sampled_from([f.name for f in fields(Receipt)]), st.text(max_size=30))
def test_whoever_changes_anything_has_no_receipt(course: Path, name: str, value: str) -> None:
    receipt = given_by(course)
    receipts = Receipts(course / ".autograder", course.name)
    assert receipts.is_genuine(receipt)
    changed = replace(receipt, **{name: value})
    assert receipts.is_genuine(changed) == (changed == receipt)


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=8), st.integers(0, 8))
def test_words_cannot_be_moved_from_one_field_to_another(course: Path, text: str, at: int) -> None:
    one = replace(given_by(course), student=text[:at], digest=text[at:])
    other = replace(one, student=text[: at + 1], digest=text[at + 1 :])
    assert (one.said() == other.said()) == (one == other)


def test_the_same_file_has_one_receipt_and_keeps_its_time(course: Path) -> None:
    first = given_by(course, "bob")
    again = Receipts(course / ".autograder", course.name).give("03-dense-networks", "bob", DIGEST, WHEN, "later")
    assert again == first
    assert given_by(course, "zoe").seal != first.seal


def test_the_key_is_the_courses_alone(course: Path, tmp_path: Path) -> None:
    receipt = given_by(course)
    key = course / ".autograder" / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    other = tmp_path / "other"
    given_by(other)
    assert not Receipts(other / ".autograder", course.name).is_genuine(receipt)
    (other / ".autograder" / KEY_FILE).write_bytes(b"short")
    with pytest.raises(CourseError, match="damaged"):
        given_by(other, "zoe")
    with pytest.raises(CourseError, match="given no receipts"):
        Receipts(tmp_path / "none", "x").is_genuine(receipt)
    assert not (tmp_path / "none").exists()


def test_a_name_that_is_long_or_no_text_gets_one(course: Path, tmp_path: Path) -> None:
    for student in ("x" * 255, os.fsdecode(b"m\xfcller"), "漢字"):
        receipt = given_by(course, student)
        assert read(Path(saved(receipt, tmp_path / "receipt.json"))) == receipt
        assert Receipts(course / ".autograder", course.name).is_genuine(receipt)


def test_the_command_says_what_is_so(course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receipt = given_by(course)
    path = saved(receipt, tmp_path / "receipt.json")
    (tmp_path / "work.ipynb").write_text("{}")
    (tmp_path / "other.ipynb").write_text("{ }")
    arguments = ["receipt", path, "--course", str(course)]
    assert main([*arguments, "--notebook", str(tmp_path / "work.ipynb")]) == 0
    output = capsys.readouterr().out
    assert f"Genuine: receipt {receipt.number}" in output
    assert f"ada handed in 03-dense-networks {WHEN}" in output
    assert main([*arguments, "--notebook", str(tmp_path / "other.ipynb")]) == 2
    assert "a different file" in capsys.readouterr().err
    saved(replace(receipt, handed_in=WHEN.replace("14", "10")), tmp_path / "receipt.json")
    assert main(arguments) == 2
    assert "not genuine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b"[" * 9_000, b" " * 20_000, b'{"student": 3}', None, "link"]
)
def test_what_is_no_receipt_is_one_line(
    course: Path, tmp_path: Path, content: bytes | str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    given_by(course)
    path = tmp_path / "receipt.json"
    if content == "link":
        path.symlink_to("/etc/hostname")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    assert main(["receipt", str(path), "--course", str(course)]) in (1, 2)
    stderr = capsys.readouterr().err
    assert str(path) in stderr
    assert stderr.count("\n") == 1


def test_more_or_other_kinds_of_fields_are_none(course: Path, tmp_path: Path) -> None:
    whole = asdict(given_by(course))
    for content in (whole | {"more": "x"}, whole | {"seal": 3}, {k: v for k, v in whole.items() if k != "seal"}):
        (tmp_path / "receipt.json").write_text(json.dumps(content))
        with pytest.raises(BadReceipt):
            read(tmp_path / "receipt.json")


@pytest.mark.parametrize("secret", ["receipts", "names", "LMS"])
def test_a_secret_is_there_whole_or_not_at_all(secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = {
        "receipts": lambda: Receipts(tmp_path, "x")._key(make=True),
        "names": lambda: blind.key_of(tmp_path),
        "LMS": lambda: lti_keys._keep_key(tmp_path / lti_keys.KEY, None).encode(),
    }[secret]

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as on_a_full_disk:
        on_a_full_disk.setattr(os, "fdopen", full)
        with pytest.raises((OSError, CourseError), match="No space"):
            make()
    assert list(tmp_path.iterdir()) == []
    made = make()
    (path,) = tmp_path.iterdir()
    assert made == path.read_bytes() == make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if secret != "receipts":  # earlier versions could leave it empty
        path.write_bytes(b"")
        assert len(make()) >= 32
    path.unlink()
    monkeypatch.setattr(os, "link", lambda *_: without_hard_links(errno.EPERM))
    assert len(make()) >= 32
    assert list(tmp_path.iterdir()) == [path]
    assert make() == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def without_hard_links(number: int) -> None:
    raise OSError(number, os.strerror(number))


def test_a_secret_is_whole_or_not_at_all_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def and_full(*_: object) -> None:
        monkeypatch.setattr(os, "fdopen", lambda *_, **__: without_hard_links(errno.ENOSPC))
        without_hard_links(errno.EOPNOTSUPP)

    monkeypatch.setattr(os, "link", and_full)
    with pytest.raises(CourseError, match="No space"):
        blind.key_of(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("of", "step"), [(Path, "read_bytes"), (os, "open")])
def test_of_two_who_find_an_empty_secret_one_replaces_it(
    of: object, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it replaced twice, the first one's addresses would lead nowhere."""
    (tmp_path / "marking.key").touch()
    really, first = getattr(of, step), []

    def and_another_is_faster(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        found = really(*args, **options)
        first.append(blind.key_of(tmp_path))
        return found

    monkeypatch.setattr(of, step, and_another_is_faster)
    assert [blind.key_of(tmp_path)] == first
    assert [file.name for file in tmp_path.iterdir()] == ["marking.key"]
