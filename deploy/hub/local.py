"""`make hub`: a JupyterHub for two learners and an instructor, on this machine alone. Ctrl-C ends it.

The class's work stays in the state folder and is there next time; `--remove` deletes it and the class's users.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

from classroom import CannotSetUp, Class, reason, set_up, take_down  # noqa: E402
from demo_passwords import NotLocal, refuse_unless_local  # noqa: E402
from installation import HUBS, CannotInstall, install, proxy  # noqa: E402

PREFIX = Path("/srv/autograder-hub")
_START_SECONDS = 180
_STOP_SECONDS = 30


class HubFailed(RuntimeError):
    """The Hub did not start; the message ends with what it said last."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make hub", description=__doc__)
    parser.add_argument("--hub", choices=sorted(HUBS), default="6", help="JupyterHub 6 (default) or 5.5")
    parser.add_argument("--prefix", type=Path, default=PREFIX, help=f"where all goes (default: {PREFIX})")
    parser.add_argument("--address", default="127.0.0.1", help="a loopback address; no other is accepted")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--remove", action="store_true", help="delete the class, its users and their work")
    options = parser.parse_args()
    group = Class(options.prefix / "class", options.prefix / f"venv-{options.hub}", watch=True)
    try:
        refuse_unless_local(f"http://{options.address}:{options.port}")
        if os.getuid() != 0:
            raise CannotSetUp("Separate Unix users need root: run `sudo make hub`. Nothing was changed.")
        with alone(options.prefix):
            if options.remove:
                take_down(group)
                return 0
            through = proxy()  # first: it says so where Node is too old, before 2 GB are fetched
            install(options.prefix, options.hub)
            described = set_up(group, free_ports(options.port), through, options.address)
            # Also when told by `kill`, and where the shell made us ignore Ctrl-C (started with &).
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("Starting JupyterHub ...", flush=True)
            with running(group, described) as url:
                _welcome(group, url)
                with contextlib.suppress(KeyboardInterrupt):
                    while True:
                        time.sleep(3600)
    except FAILURES as error:
        return fail("make hub", error)
    print("\nStopped. The class's work is kept in", group.state)
    return 0


@contextlib.contextmanager
def alone(prefix: Path) -> Iterator[None]:
    """Inside, nobody else installs into this folder or has a class from here: they share the environment.

    Raises:
        CannotSetUp: somebody does.
    """
    prefix.mkdir(parents=True, exist_ok=True)
    with (prefix / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotSetUp(
                f"A Hub of {prefix} is running or being installed. End that one first. Nothing was changed."
            ) from None
        yield


FAILURES = (NotLocal, CannotInstall, CannotSetUp, HubFailed, subprocess.CalledProcessError, OSError)


def fail(command: str, error: BaseException) -> int:
    """Say in one line why the Hub of a command cannot run; the exit status. What a program said stands above."""
    why = reason(error) if isinstance(error, OSError) else str(error)
    if isinstance(error, FileNotFoundError):
        why = f"There is no '{error.filename}' on this machine. Install it and start again."
    elif isinstance(error, subprocess.CalledProcessError):
        why = f"'{' '.join(map(str, error.cmd[:4]))} ...' failed. What it said stands above; is there a network?"
    print(f"{command}: {why}", file=sys.stderr)
    return 2 if isinstance(error, (NotLocal, CannotInstall, CannotSetUp)) else 1


@contextlib.contextmanager
def running(group: Class, described: Path) -> Iterator[str]:
    """Inside, the Hub runs; afterwards nothing of it does.

    It gets a session of its own, so that Ctrl-C reaches only us, and we end the whole group in order.

    Raises:
        HubFailed: it does not answer in time, or ends.
    """
    settings = json.loads(described.read_text("utf-8"))
    url = f"http://{settings['address']}:{settings['ports']['public']}"
    environment = {name: os.environ[name] for name in ("PATH", "TERM", "TZ") if name in os.environ}
    environment |= {"AUTOGRADER_HUB_CLASS": str(described), "HOME": str(group.state / "hub"), "LANG": "C.UTF-8"}
    environment["PATH"] = f"{group.venv / 'bin'}:{environment.get('PATH', '/usr/bin:/bin')}"
    command = [str(group.venv / "bin" / "python"), "-m", "jupyterhub", "-f", str(HERE / "jupyterhub_config.py")]
    with (group.state / "hub" / "log").open("ab") as log:
        os.fchmod(log.fileno(), 0o600)
        process = _start(command, group.state / "hub", environment, log)
        try:
            _wait_until_up(process, url, group.state / "hub" / "log")
            yield url
        finally:
            _end(process)
            _end_proxy(group.state / "hub" / "proxy.pid")


def free_ports(public: int | None = None) -> dict[str, int]:
    """A port for each part, free at this moment; `public` as asked.

    Only root may open the others, so nobody else can listen there while a part is down and get cookies and passwords.
    """
    start = 1024  # where the system does not say, as in some containers
    with contextlib.suppress(OSError):
        start = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text("utf-8"))
    reserved = random.sample(candidates := range(600, min(start, 1024)), len(candidates))
    if not reserved:
        print(
            f"Any user of this machine may open ports from {start} up, so a learner could answer in place of a part of"
            " the Hub that is down. `sysctl net.ipv4.ip_unprivileged_port_start=1024` prevents that.",
            flush=True,
        )
    with contextlib.ExitStack() as held:

        def free(numbers: list[int]) -> int:
            for number in [*numbers, 0]:
                with contextlib.suppress(OSError):
                    one = held.enter_context(socket.socket())
                    one.bind(("127.0.0.1", number))
                    break
            return int(one.getsockname()[1])

        ports = {name: free(reserved) for name in ("hub", "proxy", "course", "work")}
        return ports | {"public": public or free([])}


def _start(command: list[str], folder: Path, environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(f"{url}/hub/health", timeout=5),
        ):
            return
        time.sleep(0.3)
    tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
    raise HubFailed(f"JupyterHub did not start. The end of {log}:\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the Hub end its servers, its service and its proxy; then whatever is left of its session."""
    for sign, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign) if sign == signal.SIGKILL else process.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end_proxy(pid_file: Path) -> None:
    """A Hub that ended in trouble leaves its proxy, which would answer in the next one's place."""
    with contextlib.suppress(OSError, ValueError):
        number = int(pid_file.read_text("utf-8").split()[0])
        if b"configurable-http-proxy" in Path(f"/proc/{number}/cmdline").read_bytes():
            os.kill(number, signal.SIGTERM)
            pid_file.unlink()


def _welcome(group: Class, url: str) -> None:
    passwords = json.loads((group.state / "passwords.json").read_text("utf-8"))
    launch = f"{url}/hub/user-redirect/git-pull?repo=file://{group.state}/material&branch=main"
    launch += "&urlpath=lab/tree/material/notebooks/03-dense-networks.ipynb"
    print(f"\nJupyterHub is at {url}\n")
    for user in group.users:
        print(f"  {user:<12} {passwords[user]}")
    print(f"\nA launch link, as the book has them:\n  {launch}")
    print(f"The course, for the instructor:\n  {url}/services/{group.course}/autograder/")
    print(f"What is due and what was handed in, for everybody:\n  {url}/services/{group.course}-work/")
    print("What is handed in is graded as it comes, and learners see their results there.")
    print(f"\nState and log: {group.state}. Ctrl-C ends it.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
