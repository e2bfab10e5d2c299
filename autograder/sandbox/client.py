"""The trusted side's handle on a fork server: start it, have it fork, end it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder import data
from autograder.errors import BrokenPlace, ForkServerFailed
from autograder.language import say
from autograder.sandbox import bubblewrap, namespaces
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from autograder.sandbox.watch import Excess, Watch

START_SECONDS = 120.0  # importing Keras takes 4 s, on a cold and busy disk much longer


@dataclass
class Fork:
    """One fork of the fork server."""

    id: int
    folder: Path | None  # where its sockets are, on the host
    status: int | None = None  # exit status once it has ended: 128 + n for signal n
    why: str = ""  # what went wrong in it before a student's first line, in its own words
    excess: Excess | None = None  # what it used too much of, if that is why it was ended


@dataclass
class ForkServer:
    """A fork server and its forks. Owned by one worker; not thread-safe."""

    sandbox: Sandbox
    proven: frozenset[str] = field(init=False, default=frozenset(), repr=False)  # see `grading.canary`
    _process: subprocess.Popen[bytes] = field(init=False, repr=False)
    _control: socket.socket = field(init=False, repr=False)
    _folder: Path = field(init=False, repr=False)
    _log: Any = field(init=False, repr=False)
    _forks: dict[int, Fork] = field(init=False, default_factory=dict, repr=False)
    _watch: Watch | None = field(init=False, default=None, repr=False)
    _ready: bool = field(init=False, default=False)
    _next: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        self._folder = new_folder()
        try:
            (self._folder / "sockets").mkdir()
            (self._folder / "sockets").chmod(0o711)  # whatever the umask is: as root, forks pass through it as nobody
            self._start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._log = tempfile.TemporaryFile(dir=self._folder.parent)  # noqa: SIM115 - it lives as long as this object
        command, environment = bubblewrap.command(self.sandbox, self._folder / "sockets", theirs.fileno())
        with theirs:
            try:
                self._process = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._log,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    umask=0o022,
                )
            except OSError as error:
                raise BrokenPlace(
                    _does_not_start(say("{command} cannot be run ({why})", command=command[0], why=error.strerror))
                ) from error

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait for the imports.

        Raises:
            BrokenPlace: they failed; the message says why.
            ForkServerFailed: it ended in another way, with the last line it wrote, or takes too long.
        """
        deadline = time.monotonic() + seconds
        while not self._ready:
            if not self._listen(max(0.0, deadline - time.monotonic())):
                raise ForkServerFailed(
                    say(
                        "The fork server did not start within {seconds:g} s.{last_words}",
                        seconds=seconds,
                        last_words=self.last_words(),
                    )
                )
        if self._watch is None:
            sandboxed = self.sandbox is Sandbox.BUBBLEWRAP
            self._watch = Watch(self._process.pid, sandboxed, self._end_for_excess)

    def fork_kernel(self, connection: dict[str, Any], limits: Limits) -> tuple[Fork, socket.socket]:
        """Fork a kernel. `connection` is Jupyter's connection info; its ``ip`` is filled in here.

        Returns:
            The fork, and our end of the socket over which it answers queries.
        """
        fork = self._new_fork(with_folder=True)
        assert fork.folder is not None
        sandboxed = self.sandbox is Sandbox.BUBBLEWRAP
        connection = connection | {"ip": f"{namespaces.OWN_SOCKETS}/k" if sandboxed else f"{fork.folder}/k"}
        request = {"do": "kernel", "connection": connection, "folder": fork.folder.name}
        return fork, self._request(fork, request, limits)

    def fork_observer(self, limits: Limits) -> tuple[Fork, socket.socket]:
        """Fork an observer; returns it and our end of its channel."""
        fork = self._new_fork(with_folder=False)
        return fork, self._request(fork, {"do": "observer"}, limits)

    def interrupt(self, fork: Fork) -> None:
        """Send the fork's worker a SIGINT."""
        self._send({"do": "interrupt", "id": fork.id})

    def end(self, fork: Fork, seconds: float = 10.0) -> None:
        """End the fork and everything in it, now, and remove its sockets."""
        if self.poll(fork) is None:
            self._send({"do": "kill", "id": fork.id})
            deadline = time.monotonic() + seconds
            while fork.status is None and self._listen(max(0.0, deadline - time.monotonic())):
                pass
        if fork.folder is not None:
            shutil.rmtree(fork.folder, ignore_errors=True)
        self._forks.pop(fork.id, None)
        if self._watch is not None and not self._forks:
            self._watch.rest()
        if fork.status is None:
            raise ForkServerFailed(say("A fork of the fork server could not be stopped."))

    def poll(self, fork: Fork) -> int | None:
        """The fork's exit status if it has ended, else None."""
        while fork.status is None and self._listen(0.0):
            pass
        return fork.status

    @property
    def measures_memory(self) -> str:
        """How memory is measured: "control group" or "by process"."""
        self.wait_until_ready()
        assert self._watch is not None
        return self._watch.how

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the present submission, all its processes together, as of a tenth of a second ago."""
        return self._watch.cpu_seconds if self._watch is not None else 0.0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def scratch(self) -> Path:
        """A folder for the owner's use, out of reach of every fork; it goes when the fork server does.

        Without a sandbox it is out of reach only of other users (`mkdtemp` makes its parent for its owner alone).
        """
        return self._folder / "trusted"

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End the fork server, all forks, and remove what they left."""
        self._control.close()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()
        if self._watch is not None:
            self._watch.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_fork(self, with_folder: bool) -> Fork:
        number = self._next
        self._next += 1
        folder = None
        if with_folder:
            folder = self._folder / "sockets" / str(number)
            folder.mkdir(mode=0o700)
            if os.getuid() == 0 and self.sandbox is Sandbox.BUBBLEWRAP:
                os.chown(folder, 65534, 65534)  # whom the fork server has become
        fork = Fork(number, folder)
        self._forks[number] = fork
        return fork

    def _request(self, fork: Fork, request: dict[str, Any], limits: Limits) -> socket.socket:
        self.wait_until_ready()
        assert self._watch is not None
        if len(self._forks) == 1:  # a submission's first; its observer shares the limits
            self._watch.begin(limits)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                data = json.dumps(request | {"id": fork.id, "limits": limits.to_json()}).encode()
                socket.send_fds(self._control, [data], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise ForkServerFailed(
                    say("The fork server is gone.{last_words}", last_words=self.last_words())
                ) from error
        return ours

    def _end_for_excess(self, what: Excess) -> None:
        """Called from the watching thread; one packet on the control socket is all it sends."""
        for fork in list(self._forks.values()):
            fork.excess = what
            with contextlib.suppress(ForkServerFailed):
                self._send({"do": "kill", "id": fork.id})

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(request).encode())
        except OSError as error:
            raise ForkServerFailed(say("The fork server is gone.{last_words}", last_words=self.last_words())) from error

    def _listen(self, seconds: float) -> bool:
        """Take in one event, if one comes within `seconds`."""
        if not select.select([self._control], [], [], seconds)[0]:
            return False
        try:
            data = self._control.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise self._why_it_ended()
        event = json.loads(data)
        if event["event"] == "ready":
            self._ready = True
        elif event["event"] == "broken":
            raise BrokenPlace(_does_not_start(str(event["why"])))
        elif event["event"] == "failed":
            if event["id"] in self._forks:
                self._forks[event["id"]].why = self._forks[event["id"]].why or as_here(str(event["why"]))
        elif event["id"] in self._forks:
            fork = self._forks[event["id"]]
            fork.status = int(event["status"])
            if fork.excess is None and self._watch is not None:
                if fork.status == 128 + signal.SIGKILL:
                    fork.excess = self._watch.killed_by_the_kernel()
                elif fork.status == 128 + signal.SIGSYS:  # the filter ends nobody for anything else
                    fork.excess = self._watch.memory_excess()
        return True

    def _why_it_ended(self) -> ForkServerFailed | BrokenPlace:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        code, line = self._process.returncode, self._last_line()
        if not self._ready and code == 1 and _CANNOT_START.search(line):
            return BrokenPlace(_does_not_start(line))
        how = (
            ""
            if code is None
            else say(" with status {code}", code=code)
            if code >= 0
            else say(" by signal {number}", number=-code)
        )
        return ForkServerFailed(say("The fork server ended{how}.{words}", how=how, words=self.last_words()))

    def why(self, fork: Fork) -> str:
        """Why a fork does not answer, as far as it is known; never nothing."""
        if fork.why:
            return fork.why
        if fork.excess is not None:
            return say("it {excess}", excess=fork.excess.says)
        if fork.status is not None:
            how = (
                say("by signal {status}", status=fork.status - 128)
                if fork.status > 128
                else say("with status {status}", status=fork.status)
            )
            return say("its process ended {how} and said nothing", how=how)
        return say("its process is running but says nothing; the machine may be overloaded, or short of memory")

    def last_words(self) -> str:
        """The last line that the fork server wrote, as a sentence of its own, or nothing."""
        line = self._last_line()
        return say(" Its last words: ") + line if line else ""

    def _last_line(self) -> str:
        self._log.seek(0)
        lines: list[str] = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


# What bubblewrap, or Python before it runs a line of ours, writes of what will be the same on every try.
_CANNOT_START = re.compile(r"\b(ImportError|ModuleNotFoundError|PermissionError|execvp)\b")


def as_here(text: str) -> str:
    """A message from inside the sandbox with the paths that the kit's files have here."""
    for name in data.SHIPPED:
        text = text.replace(f"{namespaces.KIT}/data/{name}", str(data.find_file(name) or name))
    return text.replace(f"{namespaces.KIT}/autograder", str(Path(__file__).resolve().parents[1]))


def _does_not_start(why: str) -> str:
    why = as_here(why)
    return say(
        "Nothing can be graded here, and no student is at fault: {why}. This happened while Python and Keras"
        " ({executable}) were being started in the sandbox. {whose}",
        why=why,
        executable=sys.executable,
        whose=whose(why),
    )


def whose(why: str) -> str:
    """Whose a failure of this installation is and what to do, as two sentences."""
    if "Permission denied" in why:
        return say(
            "Not every user may read the installation's files, and the sandbox runs as a user without"
            " any rights: whoever installed them should run `chmod -R a+rX` on their folder."
        )
    if "DataError" in why:  # which says it itself
        return say("`autograder doctor` looks at the data as well.")
    return say(
        "The installation is at fault: make its environment again and install the kit there. `autograder doctor` helps."
    )


_PREFIX = "autograder-"
_MAX_SOCKET = 107  # bytes in the name of a socket
_BELOW = len("/autograder-4194304-12345678/sockets/1000000/k-5")  # the longest name in such a folder


def new_folder() -> Path:
    """A folder for this process's owner alone; should it be killed, the next process to make one removes it.

    Raises:
        BrokenPlace: no folder can be made, or only where the names of sockets would be too long.
    """
    tried = []
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")):
        if len(os.fsencode(parent)) + _BELOW > _MAX_SOCKET:
            tried.append(say("{parent}: its name is too long for a socket's", parent=parent))
            continue
        remove_leftovers(Path(parent))
        try:
            return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
        except OSError as error:
            tried.append(f"{parent}: {error.strerror}")
    raise BrokenPlace(
        say(
            "There is no folder for temporary files ({tried}). Set TMPDIR to one with free space.",
            tried="; ".join(tried),
        )
    )


def remove_leftovers(parent: Path) -> bool:
    """Remove folders whose owners were killed. Returns whether none of this user's is left."""
    none_left = True
    for folder in parent.glob(f"{_PREFIX}[0-9]*-*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                none_left = none_left and folder.stat().st_uid != os.getuid()
    return none_left


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll `condition` until it holds or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
