"""`doctor` proves what it says: each try has a control, and no try ends the others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import autograder
from autograder import doctor, parts
from autograder.backend import backends
from autograder.backend.backends import BACKENDS
from autograder.errors import BrokenPlace
from autograder.grading import canary, protections
from autograder.sandbox import bubblewrap
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer

BY_BUBBLEWRAP = {"nothing written outside", "checks out of sight", "homes out of sight", "disk", "processes"}


@pytest.fixture(scope="module")
def open_air() -> Iterator[ForkServer]:
    """A fork server with limits only."""
    with ForkServer(Sandbox.LIMITS_ONLY) as process:
        yield process


@pytest.mark.parametrize(
    ("wanted", "advice"),
    [("tensorflow", parts.install("cpu")), ("torch", "pip install torch"), ("jax", "pip install jax")],
)
def test_a_backend_that_is_missing_is_what_is_installed(
    wanted: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for JAX is not sent to install TensorFlow."""
    monkeypatch.setenv("KERAS_BACKEND", wanted)
    monkeypatch.setattr(backends, "BACKENDS", {name: replace(one, distributions=()) for name, one in BACKENDS.items()})
    found = doctor._backend()
    assert (found.good, found.remedy) == (False, advice)


@pytest.mark.parametrize(
    ("installed", "restriction", "profile", "advice"),
    [
        (False, "0", False, "apt-get install bubblewrap"),
        (False, "1", False, "apt-get install bubblewrap"),
        (True, "1", False, "sudo make system-apparmor"),
        (True, "1", True, "see SECURITY.md"),
        (True, "0", False, "see SECURITY.md"),
        (True, None, False, "see SECURITY.md"),
    ],
)
def test_what_helps_a_sandbox_that_does_not_work(
    installed: bool,
    restriction: str | None,
    profile: bool,
    advice: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever has bubblewrap is not sent to install it, nor its profile, which leaves the restriction as it is."""
    if profile:
        (tmp_path / "keras-class-bwrap").touch()
    monkeypatch.setattr(doctor, "_PROFILE", tmp_path / "keras-class-bwrap", raising=False)
    if restriction is not None:
        (tmp_path / "restriction").write_text(f"{restriction}\n")
    monkeypatch.setattr(doctor, "_RESTRICTION", tmp_path / "restriction")
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/bwrap" if installed else None)
    monkeypatch.setattr(bubblewrap, "try_bubblewrap", lambda: bubblewrap.Verdict(False, "it does not work"))
    found = doctor._bubblewrap()
    assert (found.good, found.found) == (False, "LIMITS ONLY: it does not work")
    assert advice in found.remedy
    assert ("apt-get" in found.remedy, "apparmor" in found.remedy) == (
        not installed,
        restriction == "1" and not profile,
    )


@pytest.mark.sandbox
def test_in_the_sandbox_everything_holds(fork_server: ForkServer) -> None:
    found = protections.try_protections(fork_server)
    assert found.names(False) == [], found
    assert {*protections._ACTS, *protections._LIMITED} == {one.name for one in found.tried}
    assert {"no network", "accounts of the system out of sight", "fork server out of reach"} <= {*found.names(True)}
    assert BY_BUBBLEWRAP - {"homes out of sight"} <= {*found.names(True)}
    assert all(one.why for one in found.tried if one.held is None)


def test_without_a_sandbox_it_says_what_does_not_hold_and_leaves_nothing_behind(open_air: ForkServer) -> None:
    found = protections.try_protections(open_air)
    assert BY_BUBBLEWRAP - {"homes out of sight"} <= {*found.names(False)}
    assert {"no network", "memory", "processor time"} <= {*found.names(True)}
    assert not list(Path(autograder.__path__[0]).glob(".autograder-trial"))


def test_what_is_impossible_outside_too_proves_nothing(open_air: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = protections._outside

    def outside(code: str, given: dict[str, object]) -> str:
        return real(code.replace("given['port']", "9").replace("/etc/passwd", "/etc/nothing-there"), given)

    monkeypatch.setattr(protections, "_outside", outside)
    monkeypatch.setattr(protections, "_LIMITED", {"disk": lambda _: 1 / 0})
    tried = {one.name: one for one in protections.try_protections(open_air).tried}
    for name, why in (
        ("no network", "ConnectionRefusedError"),
        ("accounts of the system out of sight", "FileNotFoundError"),
        ("disk", "ZeroDivisionError"),
    ):
        assert tried[name].held is None
        assert why in tried[name].why
    assert tried["checks out of sight"].held is False


def test_a_limit_that_stops_a_wide_one_too_proves_nothing(
    open_air: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protections, "_run", lambda *_: ("OSError: [Errno 28] No space left on device", None))
    assert protections._try_disk(open_air) == (None, "it was stopped even with a generous limit")


def test_no_look_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> doctor.Finding:
        raise RuntimeError("something\nunforeseen")

    for name in ("_data", "_bubblewrap", "_compat", "_memory"):
        monkeypatch.setattr(doctor, name, fail)
    monkeypatch.setattr(bubblewrap, "choose", lambda _: (_ for _ in ()).throw(BrokenPlace("no Python in here")))
    found = {finding.name: finding for finding in doctor.examine()}
    for name in ("data", "sandbox", "other packages' internals", "machine"):
        assert found[name].found == "this could not be checked: RuntimeError: something unforeseen"
    assert found["canary"].found == found["protections"].found == "not tried: no Python in here"
    assert found["exercises"].good
    assert not found["canary"].good
    json.dumps([finding.to_json() for finding in found.values()])


def test_a_canary_that_fails_is_said_and_the_protections_are_tried_all_the_same(
    open_air: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "prove", lambda _: (_ for _ in ()).throw(BrokenPlace("no comm")))
    assert doctor._canary(open_air) == doctor.Finding("canary", False, "nobody can be graded here: no comm")


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(True, id="with bubblewrap", marks=pytest.mark.sandbox),
        pytest.param(False, id="without", marks=pytest.mark.slow),
    ],
)
def test_the_command(there: bool, tmp_path: Path) -> None:
    """Without it everything is still said, in JSON too, and the command ends with 0."""
    for name in ("bwrap",) * (there and shutil.which("bwrap") is not None):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, "-m", "autograder", "doctor", "--json", "-"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["data"]["good"]
    assert found["exercises"]["good"]
    assert found["canary"]["good"], found["canary"]
    assert found["sandbox"]["good"] == (there and bubblewrap.try_bubblewrap().works)
    assert found["protections"]["good"] == found["sandbox"]["good"], found["protections"]
    if not found["sandbox"]["good"]:
        assert "LIMITS ONLY" in found["sandbox"]["found"]
        assert "nothing written outside" in found["protections"]["found"].split("DO NOT HOLD")[1]
