"""Part of the gate, run as root: the demo and the tests as an ordinary user, who is what a teacher is.

Makes a user with a clone of their own, and for the highest Python that there is an environment which they cannot
write: all attacks, faults, limits and places, the demo, and every fast test. (Root runs its part with the Python that
make takes, the lowest: so each user and each Python is tried, if not each pair of them.) What is not there is said. A
user that cannot be made, a failed or a skipped test gives it another status than 0.

An argument names a file for the names of the tests that were run: true for those that passed. The environment is made
at once; the tests begin when a line is read from the standard input, and where that ends without one, nothing is run.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
USER = "autograder-gate"
PYTHONS = Path("/opt") / USER  # copies of those that only root may read
MINORS = ("3.11", "3.12", "3.13")
LOOK = """
import bz2, ctypes, json, lzma, sqlite3, ssl, sys
print(json.dumps([sys.version.split()[0], sys.base_prefix, sys.base_exec_prefix, sys.executable]))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter that works, with what TensorFlow's and Jupyter's packages need of the standard library."""

    version: str
    prefix: Path
    program: Path

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def public(self) -> bool:
        """Whether everybody may run it."""
        real = self.program.resolve()
        return all(path.stat().st_mode & 0o1 for path in (real, *real.parents, *self.prefix.resolve().parents))


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts beside others ignore Ctrl-C
    if os.getuid() != 0:
        print("The gate makes a user, so it runs as root.", file=sys.stderr)
        return 1
    found = pythons()
    if not found:
        print(f"None of Python {', '.join(MINORS)} is here.", file=sys.stderr)
        return 1
    for minor in MINORS:
        there = found.get(minor)
        print(f"Python {minor}: " + (f"{there.version}, {there.program}" if there else "not here, so not tried"))
    python = found[max(found)]
    with (
        user() as home,
        ThreadPoolExecutor(1) as making,  # beside lint and root's demo
        ThreadPoolExecutor(1) as beside,  # the demo waits for a loop that never ends
        tempfile.TemporaryFile("w+") as said_by_demo,
    ):
        made = making.submit(ready, python, home / f"kit-{python.minor}")
        if not sys.stdin.readline():
            print("Nothing was run as an ordinary user.", file=sys.stderr)
            return 1
        kit = made.result()
        began = time.monotonic()
        demo = beside.submit(run, home, kit, "make", "demo", output=said_by_demo)
        note = home / "passed.json"
        tests = ["--ordinary-user", f"--note-passed={note}"]
        failed = run(home, kit, ".venv/bin/python", "tools/run_tests.py", "tests", *tests)
        failed += demo.result()
        if arguments and note.is_file():
            shutil.copyfile(note, arguments[0])
        keep_flaky(home, python)
        say(f"Python {python.version} as an ordinary user: done", began)
        said_by_demo.seek(0)
        print(said_by_demo.read(), flush=True)
    for what in failed:
        print(what, file=sys.stderr)
    return 1 if failed else 0


def ready(python: Python, kit: Path) -> Path:
    """A clone with an environment, the user's own but for the environment."""
    began = time.monotonic()
    clone(kit)
    environment(python if python.public else copied(python), kit)
    subprocess.run(["chown", "-R", "--no-dereference", USER, *_but_environment(kit)], check=True)
    say(f"Python {python.version} as an ordinary user: environment ready", began)
    return kit


def pythons() -> dict[str, Python]:
    """The interpreters to be found here, one for each minor version; those that everybody may run come first."""
    folders = [Path(folder) for folder in os.get_exec_path()] + [Path("/usr/bin"), Path("/usr/local/bin")]
    folders.append(Path(sys.base_prefix) / "bin")  # what make was told to take, wherever it lies
    homes = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"]
    homes += [Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python"), Path("/opt")]
    folders += [bin_ for home in homes if home != PYTHONS for bin_ in sorted(home.glob("*/bin"))]
    found: list[Python] = []
    for folder in dict.fromkeys(folders):
        for minor in MINORS:
            if (folder / f"python{minor}").is_file() and (python := looked_at(folder / f"python{minor}")):
                found.append(python)
    found.sort(key=lambda python: not python.public)
    return {minor: next(p for p in found if p.minor == minor) for minor in MINORS if minor in {p.minor for p in found}}


def looked_at(program: Path) -> Python | None:
    """The interpreter, if it is one and complete. A shim of pyenv's says where the real one is."""
    done = subprocess.run([program, "-I", "-c", LOOK], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    version, prefix, _, executable = json.loads(done.stdout)
    return Python(version, Path(prefix), Path(executable))


def copied(python: Python) -> Python:
    """A copy where everybody may run it, for instance of one in root's home."""
    place = PYTHONS / f"python{python.minor}"
    if not place.exists():
        shutil.copytree(python.prefix, place, symlinks=True, ignore=shutil.ignore_patterns("site-packages", "test"))
        for file in (place / "bin" / f"python{python.minor}", *place.glob("lib/libpython*.so*")):
            if not file.is_symlink():
                _finds_its_library_beside_it(file, python.prefix)
        subprocess.run(["chmod", "-R", "a+rX", PYTHONS], check=True)
    program = place / "bin" / f"python{python.minor}"
    there = looked_at(program)
    if there is None or there.prefix != place:
        raise SystemExit(f"{python.program} is for root alone, and a copy of it in {place} does not work.")
    return there


def _finds_its_library_beside_it(file: Path, prefix: Path) -> None:
    """Let a program look for its shared library relative to itself, where it looked in the folder it was built for."""
    before, after = f"{prefix}/lib".encode() + b"\0", b"$ORIGIN/../lib"
    content = file.read_bytes()
    if before in content and len(after) < len(before):
        file.write_bytes(content.replace(before, after.ljust(len(before), b"\0")))


@contextmanager
def user() -> Iterator[Path]:
    """A user of the gate's own, with a home; both are gone afterwards."""
    _remove_user()
    made = subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", USER], check=False)
    if made.returncode != 0:
        raise SystemExit(f"No ordinary user could be made (useradd ended with {made.returncode}).")
    try:
        yield Path(pwd.getpwnam(USER).pw_dir)
    finally:
        _remove_user()
        shutil.rmtree(PYTHONS, ignore_errors=True)


def _remove_user() -> None:
    # What pytest left of an earlier user of this name belongs to a number that nobody has now.
    shutil.rmtree(Path(tempfile.gettempdir()) / f"pytest-of-{USER}", ignore_errors=True)
    try:
        home = pwd.getpwnam(USER).pw_dir
    except KeyError:
        return
    # (`userdel` is no child of theirs: what is left of their processes ends here, by number.)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == pwd.getpwnam(USER).pw_uid:
                os.kill(int(folder.name), 9)
        except (FileNotFoundError, ProcessLookupError):
            continue
    subprocess.run(["userdel", USER], check=False)
    shutil.rmtree(home, ignore_errors=True)


def clone(kit: Path) -> Path:
    """A clone of what is committed here."""
    subprocess.run(["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", ROOT, kit], check=True)
    return kit


def environment(python: Python, kit: Path) -> None:
    """An environment in the clone that root owns; packages are linked to those that are installed already, if they fit.

    pip and uv would do the same, in minutes: what they installed for a minor version of Python fits nearly all of it.
    """
    ours, theirs = ROOT / ".venv", kit / ".venv"
    if (ours / "lib" / f"python{python.minor}").is_dir():
        linked = os.stat(ours).st_dev == os.stat(kit).st_dev
        copy = ["cp", "-al" if linked else "-a", ours, theirs]
        if subprocess.run(copy, check=False).returncode:  # lint and demo run: a module's file was being written
            shutil.rmtree(theirs, ignore_errors=True)
            subprocess.run(copy, check=True)
        _repoint(python, ours, theirs, kit)
        if (ours / "bin/uv").is_file():  # a line of the lock may be for some releases of a minor version alone
            install = [ours / "bin/uv", "--quiet", "pip", "install", "--python", theirs / "bin/python"]
            subprocess.run([*install, "-r", kit / "requirements.lock"], check=True)
    elif (ours / "bin/uv").is_file():
        uv = [str(ours / "bin/uv"), "--quiet"]
        subprocess.run([*uv, "venv", "--python", python.program, theirs], check=True)
        install = [*uv, "pip", "install", "--python", theirs / "bin/python"]
        subprocess.run([*install, "--compile-bytecode", "-r", kit / "requirements.lock"], check=True)
        subprocess.run([*install, "--no-deps", "--editable", kit], check=True)
    else:
        settings = os.environ | {"PYTHON": str(python.program), "VENV": str(theirs)}
        subprocess.run(["sh", "tools/install.sh"], cwd=kit, env=settings, check=True)
    (theirs / ".ready").unlink(missing_ok=True)  # ours says nothing about theirs
    (theirs / ".ready").write_text(f"{kit.resolve()}\n", "utf-8")


def _repoint(python: Python, ours: Path, theirs: Path, kit: Path) -> None:
    """Make a linked copy of an environment one of another interpreter and another clone; ours stays as it is."""
    settings = (ours / "pyvenv.cfg").read_text("utf-8").splitlines()
    there = {"home": str(python.program.parent), "version": python.version, "executable": str(python.program)}
    lines = [f"{key} = {there.get(key, value)}" for key, _, value in (line.partition(" = ") for line in settings)]
    _replace(theirs / "pyvenv.cfg", "\n".join(line for line in lines if not line.startswith("command")) + "\n")
    for file in (theirs / "bin").iterdir():
        if file.is_symlink():
            if os.path.isabs(os.readlink(file)):
                file.unlink()
                file.symlink_to(python.program)
        elif file.read_bytes()[:2] == b"#!" and str(ours) in (text := file.read_text("utf-8", "replace")):
            _replace(file, text.replace(str(ours), str(theirs)))
    for file in theirs.glob("lib/python*/site-packages/*.pth"):
        if file.read_text("utf-8").strip() == str(ROOT):
            _replace(file, str(kit))


def _replace(file: Path, text: str) -> None:
    mode = file.stat().st_mode
    file.unlink()
    file.write_text(text, "utf-8")
    file.chmod(mode)


def _but_environment(kit: Path) -> list[Path]:
    os.chown(kit, pwd.getpwnam(USER).pw_uid, -1)
    return [path for path in kit.iterdir() if path.name != ".venv"]


def run(home: Path, kit: Path, *command: str, output: IO[str] | None = None) -> list[str]:
    """Run a command in the clone as the user, with nothing of root's around it. Returns what failed, if it did.

    What it writes goes to `output`, if that is given, and otherwise where our own output goes.
    """
    settings = {
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "AUTOGRADER_NOTHING_SKIPPED": "1",
        "AUTOGRADER_FLAKY": str(home / "flaky"),
        "USER": USER,
    }
    account = pwd.getpwnam(USER)
    done = subprocess.run(
        command,
        cwd=kit,
        env=settings,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        umask=0o022,
        stdout=output,
        stderr=output and subprocess.STDOUT,
        check=False,
    )
    if done.returncode == 0:
        return []
    return [f"As an ordinary user, in {kit.name}, `{' '.join(command)}` ended with {done.returncode}."]


def keep_flaky(home: Path, python: Python) -> None:
    """Add what passed only at its second try to the gate's own list."""
    if (theirs := home / "flaky").is_file() and (ours := os.environ.get("AUTOGRADER_FLAKY")):
        with Path(ours).open("a", encoding="utf-8") as file:
            file.write(f"With Python {python.version}, as an ordinary user:\n{theirs.read_text('utf-8')}")
        theirs.unlink()


def say(what: str, began: float) -> None:
    """Say what was done, and how long it took."""
    print(f"--- {what} ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
