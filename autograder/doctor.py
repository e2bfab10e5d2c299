"""What is installed, what is missing, how to get it; protections are shown by trying them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autograder import __version__, compat, data, errors, parts
from autograder.backend import backends
from autograder.exercise.definition import exercise_names
from autograder.language import _, said, say, say_plural
from autograder.learner import device

_GOOD, _BAD = _("ok"), _("MISSING")
_LINUX = sys.platform.startswith("linux")
_RESTRICTION = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")  # Ubuntu 24.04 has it
_PROFILE = Path("/etc/apparmor.d/keras-class-bwrap")  # the exception for bubblewrap; the restriction stays at 1


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
        (_("learner's packages"), lambda: _packages(_("learner's packages"), "")),
        (_("Keras backend"), _backend),
        (_("GPU"), _gpu),
        (_("grading"), lambda: _packages(_("grading"), "grade")),
        (_("cluster"), lambda: _packages(_("cluster"), "cluster")),
        (_("data"), _data),
        (_("exercises"), _exercises),
        (_("held-out images"), _held_out),
        (_("sandbox"), _bubblewrap),
        (_("canary and protections"), _tries),
        (_("other packages' internals"), _compat),
        (_("machine"), _memory),
    ]
    findings: list[Finding] = []
    for name, look in looks:
        try:
            found = look()
        except Exception as error:
            text = say(
                "this could not be checked: {name}: {why}",
                name=type(error).__name__,
                why=" ".join(str(error).split()),
            )
            found = Finding(name, False, text, say("If the other lines do not explain it, please report it."))
        findings += found if isinstance(found, list) else [found]
    return findings


def lines(findings: list[Finding]) -> list[str]:
    """The findings as text."""
    out = []
    for finding in findings:
        out.append(f"{said(_GOOD if finding.good else _BAD):7} {said(finding.name)}: {finding.found}")
        if finding.remedy:
            out.append(f"        -> {finding.remedy}")
    return out


def _kit() -> Finding:
    """This package, unless another project's package of the same name hides it or is installed beside it."""
    text = f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    other = parts.other_autograder() or parts.autograder_elsewhere()
    return Finding("autograder", not other, text, other)


def _packages(title: str, part: str) -> Finding:
    """What a part of the kit needs, with the versions that are there."""
    missing = parts.missing(part)
    found = [f"{name} {version}" for name in parts.MODULES[part] if name not in missing and (version := _version(name))]
    remedy = (
        say("{install}   (missing: {names})", install=parts.install(part), names=", ".join(missing)) if missing else ""
    )
    return Finding(title, not missing, ", ".join(found) or say("nothing"), remedy)


def _version(module: str) -> str:
    package = {"yaml": "pyyaml"}.get(module, module)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _backend() -> Finding:
    wanted = backends.chosen()
    known = wanted.name in backends.BACKENDS
    for name in wanted.distributions if known else ():
        try:
            return Finding(_("Keras backend"), True, f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    part = (wanted if known else backends.TENSORFLOW).part  # of one that Keras does not know, the usual one
    remedy = parts.install(part) if part else parts.install_other(wanted.name)
    return Finding(_("Keras backend"), False, say("{wanted} is not installed", wanted=wanted.name), remedy)


def _gpu() -> Finding:
    """What the driver says, and whether the installed packages can use the GPU and leave memory for others."""
    there = device.gpus()
    if not there:
        return Finding(_("GPU"), True, say("none; the lessons need none"))
    gpus = "; ".join(map(str, there))
    try:
        importlib.metadata.version("nvidia-cudnn-cu12")
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            _("GPU"),
            True,
            say("{gpus}; not in use", gpus=gpus),
            say("To use it: {install}", install=parts.install("gpu")),
        )
    if limit := os.environ.get(device.LIMIT):
        gpus += say("; each kernel takes {limit} MiB at most", limit=limit)
    if os.environ.get(device.GROWTH) == "true":
        return Finding(_("GPU"), True, gpus)
    return Finding(
        _("GPU"),
        True,
        gpus,
        say(
            "If several people share this GPU, set {growth}=true; otherwise the first kernel takes all its memory.",
            growth=device.GROWTH,
        ),
    )


def _data() -> Finding:
    try:
        data.load_fashion()
        data.load_mnist()
    except errors.DataError as error:
        return Finding(_("data"), False, str(error))
    return Finding(_("data"), True, say("fashion.npz and mnist.npz are whole"))


def _exercises() -> Finding:
    names = exercise_names()
    return Finding(
        _("exercises"), bool(names), ", ".join(names) or say("none found"), "" if names else say("run `make exercises`")
    )


def _held_out() -> Finding:
    try:
        there = {name: data.load_held_out(name) for name in exercise_names()}
    except errors.DataError as error:
        return Finding(_("held-out images"), False, str(error))
    names = [f"{name} ({held.origin})" for name, held in there.items() if held is not None]
    text = ", ".join(names) or say("none: accuracy is measured on the published test set")
    return Finding(_("held-out images"), True, text)


def _bubblewrap() -> Finding:
    if not _LINUX:
        return Finding(_("sandbox"), False, say("grading needs Linux; learners do not"))
    from autograder.sandbox.bubblewrap import try_bubblewrap

    verdict = try_bubblewrap()
    if verdict.works:
        return Finding(
            _("sandbox"), True, say("bubblewrap works here (tried), with namespaces of its own for each submission")
        )
    if verdict.broken_place:
        return Finding(_("sandbox"), False, verdict.reason, say("Until then, nothing is graded in a sandbox here."))
    return Finding(_("sandbox"), False, say("LIMITS ONLY: {reason}", reason=verdict.reason), _sandbox_remedy())


def _sandbox_remedy() -> str:
    """What would make bubblewrap work here, by what is installed and what the system says that it forbids."""
    steps = []
    if shutil.which("bwrap") is None:
        steps.append(say("Debian, Ubuntu: apt-get install bubblewrap."))
    try:
        forbidden = _RESTRICTION.read_text("ascii").strip() == "1"
    except (OSError, ValueError):  # a system without AppArmor, or an older one
        forbidden = False
    if forbidden and not _PROFILE.exists():
        steps.append(
            say(
                "AppArmor allows user namespaces to few programs here. To allow them to bubblewrap, run"
                " `sudo make system-apparmor` in a clone of the kit."
            )
        )
    return " ".join(steps) or say(
        "User namespaces may be switched off, as in most containers: see SECURITY.md, What each setting needs."
    )


def _tries() -> list[Finding]:
    """What is tried in the sandbox that grading would use here: a submission of our own, and attacks."""
    try:
        parts.require("grade", say("This try"))
        from autograder.sandbox import bubblewrap
        from autograder.sandbox.client import ForkServer

        with ForkServer(bubblewrap.choose("auto")) as server:
            server.wait_until_ready()
            return [_canary(server), _protections(server)]
    except (ImportError, errors.KitError) as error:
        text = say("not tried: {error}", error=error)
        return [Finding(_("canary"), False, text), Finding(_("protections"), False, text)]


def _canary(server: Any) -> Finding:
    """A small submission of our own through all stations, as before every class."""
    from autograder.grading import canary

    try:
        canary.prove(server)
    except errors.KitError as error:
        return Finding(_("canary"), False, say("nobody can be graded here: {error}", error=error))
    return Finding(
        _("canary"), True, say("our own trial submission passed all stations ({sandbox})", sandbox=server.sandbox)
    )


def _protections(server: Any) -> Finding:
    """The sandbox and the limits, attacked."""
    from autograder.grading.protections import try_protections
    from autograder.sandbox.control_group import HOW_TO_GET_ONE

    found = try_protections(server)
    text = say(
        "tried and held: {names} (memory measured: {memory})",
        names=", ".join(map(said, found.names(True))) or say("none"),
        memory=say("control group") if found.memory == "control group" else say("by process"),
    )
    if untried := [f"{said(one.name)} ({one.why})" for one in found.tried if one.held is None]:
        text += say("; could not be tried: {untried}", untried=", ".join(untried))
    if not found.names(False):
        better = (
            ""
            if found.memory == "control group"
            else say("A control group measures memory more exactly: {how} COMMAND", how=HOW_TO_GET_ONE)
        )
        return Finding(_("protections"), True, text, better)
    remedy = say("Any code that is graded here can get past these. SECURITY.md says what each needs.")
    return Finding(
        _("protections"),
        False,
        say("{text}; DO NOT HOLD: {names}", text=text, names=", ".join(map(said, found.names(False)))),
        remedy,
    )


def _compat() -> list[Finding]:
    """What is off because other packages changed inside: grading is slower then, and grades are the same; or what can
    no longer be done at all."""
    found = compat.findings()
    if not found:
        return [Finding(_("other packages' internals"), True, say("are as the kit expects them"))]
    return [Finding(_("other packages' internals"), not needed, line) for line, needed in found]


def _memory() -> list[Finding]:
    if not _LINUX:
        return []
    from autograder.sandbox import machine

    here = machine.examine()
    text = say_plural(
        "{n} core, {free:.1f} GB of memory free",
        "{n} cores, {free:.1f} GB of memory free",
        here.cores,
        free=here.free_bytes / 1e9,
    )
    if here.limit_bytes is not None:
        text += say(" of the {limit:.1f} GB that a control group allows", limit=here.limit_bytes / 1e9)
    text += say_plural("; `autograder grade` takes {n} worker", "; `autograder grade` takes {n} workers", here.workers)
    return [Finding(_("machine"), here.free_bytes > 1_500_000_000, text)]
