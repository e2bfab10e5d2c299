"""The fork server: imports Keras once, then forks a kernel or an observer whenever it is told to.

Run as ``python -m autograder.sandbox.fork_server FD``, inside bubblewrap, FD being a socket to the trusted side.
It never runs a line of a student's. Before its first fork no Keras operation may have run: TensorFlow's
threads do not survive a fork, but before the first operation there are none.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from autograder.learner import first_import
from autograder.sandbox import failure, huge_pages, namespaces, proc_stat

MAX_REQUEST = 64_000


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    sandboxed = os.environ.get("AUTOGRADER_SANDBOX") == "bubblewrap"
    try:
        if sandboxed:
            _become_nobody()
        else:
            namespaces.gather_orphans()  # a submission's daemons would outlive it otherwise
        _import_everything()
        if sandboxed:  # elsewhere it protects nothing, and an ordinary user could not measure the forks
            namespaces.set_dumpable(False)
        server = Server(control, sweeps=not sandboxed)
    except BaseException as error:
        control.send(json.dumps({"event": "broken", "why": failure.describe(error)[: failure.MAX_BYTES]}).encode())
        raise
    server.serve()


def _become_nobody() -> None:
    """Bubblewrap started by root runs us as root without a user namespace; leave that at once."""
    if os.getuid() == 0:
        nobody = 65534
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)


def _import_everything() -> None:
    # What almost every exercise imports. A fork shares these pages, so they cost no memory twice.
    gc.disable()  # imports make hardly any garbage, and the collector looks through all of it again and again
    from autograder.compat import ipython_kernel, keras_training, matplotlib_figures

    ipython_kernel.leave_out_debugger()
    first_import.leave_scikit_learn_until_used()
    import ipykernel.kernelapp  # noqa: F401
    import keras  # noqa: F401
    import matplotlib
    import tornado.platform.asyncio  # noqa: F401

    matplotlib.use("module://matplotlib_inline.backend_inline")
    import autograder.data
    import autograder.learner.notebook
    import autograder.sandbox.kernel_agent
    import autograder.sandbox.observer

    ipython_kernel.import_ahead()
    autograder.data.keep_in_memory()
    keras_training.install()
    matplotlib_figures.install()
    ipython_kernel.look()
    _draw_a_figure()
    gc.freeze()  # else the first collection of a fork would write to, and so copy, all these pages
    huge_pages.collapse()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)  # tracing makes many objects that stay; looking through them again is for nothing


def _draw_a_figure() -> None:
    """Fonts are found, texts are measured and modules imported when the first figure is drawn; do it here, once."""
    from matplotlib import pyplot

    figure, (picture, curve) = pyplot.subplots(1, 2, layout="constrained")
    picture.imshow([[0, 1], [2, 3]], cmap="gray")
    curve.plot([0.1, 0.2], label="loss")
    curve.set(title="loss", xlabel="epoch", ylabel="loss")
    curve.legend()
    figure.savefig(io.BytesIO(), bbox_inches="tight")  # as the kernel's backend does
    pyplot.close(figure)


class Server:
    """Serves fork requests until the trusted side closes the socket."""

    def __init__(self, control: socket.socket, sweeps: bool) -> None:
        self._control = control
        self._sweeps = sweeps  # whether processes that a fork left behind have to be looked for
        self._guards: dict[int, int] = {}  # pid of the guard -> id of the request
        self._failures: dict[int, int] = {}  # id of the request -> pipe over which its fork says what went wrong
        self._wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)

    def serve(self) -> None:
        self._send({"event": "ready", "pid": os.getpid()})
        while True:
            ready = select.select([self._control.fileno(), self._wake_read, *self._failures.values()], [], [])[0]
            for request in [one for one, pipe in self._failures.items() if pipe in ready]:
                self._pass_on(request)
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._answer():
                return

    def _answer(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, MAX_REQUEST, 4)
        if not data:
            return False
        request = json.loads(data)
        sockets = [socket.socket(fileno=fd) for fd in fds]
        try:
            getattr(self, "_do_" + request["do"])(request, sockets)
        finally:
            for sock in sockets:
                sock.close()
        return True

    def _do_kernel(self, request: dict[str, Any], sockets: list[socket.socket]) -> None:
        from autograder.sandbox.kernel_agent import run_kernel

        pid, self._failures[request["id"]] = namespaces.guarded(
            lambda seal: run_kernel(request["connection"], sockets[0], seal),
            sockets,
            request["folder"],
            request["limits"],
        )
        self._guards[pid] = request["id"]

    def _do_observer(self, request: dict[str, Any], sockets: list[socket.socket]) -> None:
        from autograder.sandbox.observer import observe

        pid, self._failures[request["id"]] = namespaces.guarded(
            lambda seal: observe(sockets[0], seal), sockets, "", request["limits"]
        )
        self._guards[pid] = request["id"]

    def _do_interrupt(self, request: dict[str, Any], sockets: list[socket.socket]) -> None:
        self._signal(request["id"], signal.SIGUSR1)

    def _do_kill(self, request: dict[str, Any], sockets: list[socket.socket]) -> None:
        self._signal(request["id"], signal.SIGKILL)

    def _signal(self, wanted: int, number: int) -> None:
        for pid, request_id in self._guards.items():
            if request_id == wanted:
                os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid in self._guards:
                code = code if code >= 0 else 128 - code
                request = self._guards.pop(pid)
                self._pass_on(request)
                if self._sweeps:
                    self._end_orphans()
                self._send({"event": "ended", "id": request, "status": code})

    def _pass_on(self, request: int) -> None:
        """Pass on what a fork reports of its failure; forget the pipe once nobody can report anything in there."""
        report = b""
        if request in self._failures:
            with contextlib.suppress(BlockingIOError):
                report = os.read(self._failures[request], failure.MAX_BYTES)
                if not report:
                    os.close(self._failures.pop(request))
        if report:
            self._send({"event": "failed", "id": request, "why": report.decode("utf-8", "replace").splitlines()[0]})

    def _end_orphans(self, seconds: float = 5.0) -> None:
        """End what reparented to us: everything that is our child and no guard, until nothing comes any more."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            left = [pid for pid in _children_of(os.getpid()) if pid not in self._guards]
            if not left:
                return
            for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped ones cannot fork while others are ended
                for pid in left:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
            for pid in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _send(self, event: dict[str, Any]) -> None:
        self._control.send(json.dumps(event).encode())


def _children_of(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                if proc_stat.parent(f"/proc/{name}") == parent:
                    found.append(int(name))
    return found


if __name__ == "__main__":
    main()
