"""What is installed, what is missing, how to get it; protections are shown by trying them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from autograder import __version__, compat, data, errors, parts
from autograder.exercise.definition import exercise_names
from autograder.learner import device

_LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    good: bool
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> list[Finding]:
    """Look at everything; nothing is changed. Whatever one look meets, the others are taken all the same."""
    looks: list[tuple[str, Callable[[], Finding | list[Finding]]]] = [
        ("autograder", _kit),
        ("learner's packages", lambda: _packages("learner's packages", "")),
        ("Keras backend", _backend),
        ("GPU", _gpu),
        ("grading", lambda: _packages("grading", "grade")),
        ("cluster", lambda: _packages("cluster", "cluster")),
        ("data", _data),
        ("exercises", _exercises),
        ("held-out images", _held_out),
        ("sandbox", _bubblewrap),
        ("canary and protections", _tries),
        ("other packages' internals", _compat),
        ("machine", _memory),
    ]
    findings: list[Finding] = []
    for name, look in looks:
        try:
            found = look()
        except Exception as error:
            text = f"this could not be checked: {type(error).__name__}: {' '.join(str(error).split())}"
            found = Finding(name, False, text, "If the other lines do not explain it, please report it.")
        findings += found if isinstance(found, list) else [found]
    return findings


def lines(findings: list[Finding]) -> list[str]:
    """The findings as text."""
    out = []
    for finding in findings:
        out.append(f"{'ok     ' if finding.good else 'MISSING'} {finding.name}: {finding.found}")
        if finding.remedy:
            out.append(f"        -> {finding.remedy}")
    return out


def _kit() -> Finding:
    """Ourselves, unless a package of another project lies over us or beside us under the same name."""
    text = f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    other = parts.other_autograder() or parts.autograder_elsewhere()
    return Finding("autograder", not other, text, other)


def _packages(title: str, part: str) -> Finding:
    """What a part of the kit needs, with the versions that are there."""
    missing = parts.missing(part)
    found = [f"{name} {version}" for name in parts.MODULES[part] if name not in missing and (version := _version(name))]
    remedy = f"{parts.install(part)}   (missing: {', '.join(missing)})" if missing else ""
    return Finding(title, not missing, ", ".join(found) or "nothing", remedy)


def _version(module: str) -> str:
    package = {"yaml": "pyyaml"}.get(module, module)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _backend() -> Finding:
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    packages = {"tensorflow": ["tensorflow", "tensorflow-cpu"], "torch": ["torch"], "jax": ["jax"]}.get(wanted, [])
    for name in packages:
        try:
            return Finding("Keras backend", True, f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding("Keras backend", False, f"{wanted} is not installed", parts.install("cpu"))


def _gpu() -> Finding:
    """The driver's word, and whether what is installed can use it and leaves room for others."""
    there = device.gpus()
    if not there:
        return Finding("GPU", True, "none; the lessons need none")
    told = "; ".join(map(str, there))
    try:
        importlib.metadata.version("nvidia-cudnn-cu12")
    except importlib.metadata.PackageNotFoundError:
        return Finding("GPU", True, f"{told}; not in use", f"To use it: {parts.install('gpu')}")
    if limit := os.environ.get(device.LIMIT):
        told += f"; each kernel takes {limit} MiB at most"
    if os.environ.get(device.GROWTH) == "true":
        return Finding("GPU", True, told)
    return Finding("GPU", True, told, f"Shared? Set {device.GROWTH}=true, or the first kernel takes all its memory.")


def _data() -> Finding:
    try:
        data.load_fashion()
        data.load_mnist()
    except errors.DataError as error:
        return Finding("data", False, str(error))
    return Finding("data", True, "fashion.npz and mnist.npz are whole")


def _exercises() -> Finding:
    names = exercise_names()
    return Finding("exercises", bool(names), ", ".join(names) or "none found", "" if names else "run `make exercises`")


def _held_out() -> Finding:
    try:
        there = {name: data.load_held_out(name) for name in exercise_names()}
    except errors.DataError as error:
        return Finding("held-out images", False, str(error))
    names = [f"{name} ({held.origin})" for name, held in there.items() if held is not None]
    text = ", ".join(names) or "none: accuracy is measured on the published test set"
    return Finding("held-out images", True, text)


def _bubblewrap() -> Finding:
    if not _LINUX:
        return Finding("sandbox", False, "grading needs Linux; learners do not")
    from autograder.sandbox.bubblewrap import try_bubblewrap

    verdict = try_bubblewrap()
    if verdict.works:
        return Finding("sandbox", True, "bubblewrap works here (tried), with namespaces of its own for each submission")
    if verdict.broken_place:
        return Finding("sandbox", False, verdict.reason, "Until then, nothing is graded in a sandbox here.")
    remedy = "Debian, Ubuntu: apt-get install bubblewrap. In a container see SECURITY.md; the pod is the sandbox there."
    return Finding("sandbox", False, f"LIMITS ONLY: {verdict.reason}", remedy)


def _tries() -> list[Finding]:
    """What is tried in the sandbox that grading would use here: a submission of our own, and attacks."""
    try:
        parts.require("grade", "This try")
        from autograder.sandbox import bubblewrap
        from autograder.sandbox.client import ForkServer

        with ForkServer(bubblewrap.choose("auto")) as server:
            server.wait_until_ready()
            return [_canary(server), _protections(server)]
    except (ImportError, errors.KitError) as error:
        text = f"not tried: {error}"
        return [Finding("canary", False, text), Finding("protections", False, text)]


def _canary(server: Any) -> Finding:
    """A small submission of our own through all stations, as before every class."""
    from autograder.grading import canary

    try:
        canary.prove(server)
    except errors.KitError as error:
        return Finding("canary", False, f"nobody can be graded here: {error}")
    return Finding("canary", True, f"our own trial submission passed all stations ({server.sandbox})")


def _protections(server: Any) -> Finding:
    """The sandbox and the limits, attacked."""
    from autograder.grading.protections import try_protections
    from autograder.sandbox.control_group import HOW_TO_GET_ONE

    found = try_protections(server)
    text = f"tried and held: {', '.join(found.names(True)) or 'none'} (memory measured: {found.memory})"
    if untried := [f"{one.name} ({one.why})" for one in found.tried if one.held is None]:
        text += f"; could not be tried: {', '.join(untried)}"
    if not found.names(False):
        better = (
            ""
            if found.memory == "control group"
            else f"A control group measures memory more exactly: {HOW_TO_GET_ONE} COMMAND"
        )
        return Finding("protections", True, text, better)
    remedy = "Any code that is graded here can get past these. SECURITY.md says what each needs."
    return Finding("protections", False, f"{text}; DO NOT HOLD: {', '.join(found.names(False))}", remedy)


def _compat() -> list[Finding]:
    """What is off because other packages changed inside: grading is slower then, and grades are the same."""
    lines = compat.findings()
    if not lines:
        return [Finding("other packages' internals", True, "are as the kit expects them")]
    return [Finding("other packages' internals", True, line) for line in lines]


def _memory() -> list[Finding]:
    if not _LINUX:
        return []
    from autograder.sandbox import machine

    here = machine.examine()
    text = f"{here.cores} core{'s' * (here.cores > 1)}, {here.free_bytes / 1e9:.1f} GB of memory free"
    if here.limit_bytes is not None:
        text += f" of the {here.limit_bytes / 1e9:.1f} GB that a control group allows"
    text += f"; `autograder grade` takes {here.workers} worker{'s' * (here.workers > 1)}"
    return [Finding("machine", here.free_bytes > 1_500_000_000, text)]
