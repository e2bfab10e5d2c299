"""The virtual environment that the Hub, its users and the course's account share.

It is no part of the clone: learners must be able to read it, and must not be able to read the clone, where the
solutions are. The package is installed from its wheel, the one that learners get; everything else is pinned by the
lock.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_NOBODY = 65534
OLDEST_NODE = 20  # that the proxy takes; a package of its asks for 22.12, and runs with 20 all the same
HUBS = {"6": "jupyterhub>=6.1,<7", "5": "jupyterhub>=5.5,<6"}


class CannotInstall(RuntimeError):
    """There is nothing to install with; one line says what is missing."""


def install(prefix: Path, hub: str) -> Path:
    """Make `prefix`/venv-HUB, unless it is there and made of the same things; return it.

    Args:
        hub: "6" or "5".

    Raises:
        CannotInstall: there is no Python here that every user may run.
    """
    sys.path.insert(0, str(ROOT / "tools"))
    from learner_bundle import build_wheel

    venv = prefix / f"venv-{hub}"
    os.umask(0o022)  # whatever root's is: every user reads these files
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(Path(scratch))
        pins = constraints(hub)
        packages = _digest(hub, sys.version, pins, (HERE / "requirements.txt").read_text("utf-8"))
        if not _made_of(venv, "packages", packages):
            print(f"Installing JupyterHub {hub} and the kit into {venv} (about 2 GB, once) ...", flush=True)
            shutil.rmtree(venv, ignore_errors=True)
            constraint_file = Path(scratch) / "constraints.txt"
            constraint_file.write_text(pins)
            prefix.mkdir(parents=True, exist_ok=True)
            python = python_for_everybody()
            subprocess.run([python, "-m", "venv", *([] if _uv() is None else ["--without-pip"]), str(venv)], check=True)
            command = [*_installer(venv), "--constraint", str(constraint_file)]
            command += [f"{wheel}[cpu,grade,hub]", HUBS[hub], "--requirement", str(HERE / "requirements.txt")]
            subprocess.run(command, check=True)
            _mark(venv, "packages", packages)
            _mark(venv, "kit", _digest(wheel.read_bytes()))
        elif not _made_of(venv, "kit", _digest(wheel.read_bytes())):
            command = [*_installer(venv), "--no-deps", "--force-reinstall", str(wheel)]
            subprocess.run(command, check=True)
            _mark(venv, "kit", _digest(wheel.read_bytes()))
    for_kernels = venv / "etc" / "ipython"
    for_kernels.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "roles" / "ipython_kernel_config.py", for_kernels)
    return venv


def constraints(hub: str) -> str:
    """The lock; for JupyterHub 5 without JupyterHub's own line."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if hub == "6" or not line.startswith("jupyterhub==")) + "\n"


def proxy() -> list[str]:
    """Install the proxy from npm, unless it is there; return the command that starts it.

    Raises:
        CannotInstall: there is no Node here, or one that is too old.
    """
    node = _node()
    program = HERE / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    return [node, str(program)]


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise CannotInstall(f"The Hub's proxy needs Node {OLDEST_NODE} or later, with npm. It is not installed here.")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    found = re.match(r"v(\d+)\.", version)
    if found and int(found[1]) < OLDEST_NODE:
        raise CannotInstall(
            f"The Hub's proxy needs Node {OLDEST_NODE} or later, and this is {version}. nodejs.org has newer ones."
        )
    return node


def _installer(venv: Path) -> list[str]:
    """uv where the clone has it, since it links what is in its cache; else pip."""
    uv = _uv()
    if uv is not None:
        return [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv / "bin" / "python")]
    return [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]


def _uv() -> Path | None:
    uv = Path(sys.executable).parent / "uv"
    return uv if uv.is_file() else None


def python_for_everybody() -> str:
    """A Python 3.11 to 3.13 that users other than root may run: a virtual environment is no better than its base.

    Raises:
        CannotInstall: there is none; one below root's home is of no use.
    """
    names = [f"{folder}/python3.{minor}" for folder in ("/usr/local/bin", "/usr/bin") for minor in (11, 12, 13)]
    for python in (str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"), *names):
        try:
            options = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
            done = subprocess.run([python, "-I", "-c", "import venv"], cwd="/", capture_output=True, **options)  # type: ignore[call-overload]
        except OSError:
            continue
        if done.returncode == 0:
            return python
    raise CannotInstall(
        f"Learners cannot run this Python, which lies in {sys.base_prefix}. Install one for everybody:"
        " apt-get install python3-venv (3.11 to 3.13)."
    )


def _made_of(venv: Path, what: str, digest: str) -> bool:
    mark = venv / f"{what}.sha256"
    return mark.is_file() and mark.read_text() == digest


def _mark(venv: Path, what: str, digest: str) -> None:
    (venv / f"{what}.sha256").write_text(digest)


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()
