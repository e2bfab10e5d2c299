"""A Jupyter kernel that is a fork of a fork server: Jupyter's own extension point, a kernel provisioner.

`Kernel` is that fork from its start to its end: it executes cells, and asks the kernel agent in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from queue import Empty
from typing import Any, TypeVar

import nbformat
import numpy as np
import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerBase

from autograder.compat.assumptions import PROVISIONER, fallen, line
from autograder.exercise import wire
from autograder.exercise.wire import Message, NotPlain
from autograder.grading.cells import CellClient
from autograder.language import _, say
from autograder.sandbox.channel import Channel, ChannelClosed, ChannelTimeout
from autograder.sandbox.client import Fork, ForkServer, wait_for
from autograder.sandbox.kernel_agent import ANSWER
from autograder.sandbox.limits import Limits
from autograder.sandbox.watch import Excess, Resource

MAX_MESSAGE_BYTES = 10_000_000  # a larger message closes the connection before it is held in memory
SOCKET_SECONDS = 20.0
FAILED_SECONDS = 4.0  # for which a kernel that told of an error is still waited for
DYING_SECONDS = 5.0  # for the news of a process's end to arrive
INTERRUPT_SECONDS = 3.0  # what a cell or a function has to stop after it was interrupted, before everything is ended
PROCESSOR_INTERVAL = 0.2  # seconds between two looks at a cell's processor time

T = TypeVar("T")

_fallen = cache(fallen)  # there is a kernel for each submission


class KernelDidNotStart(RuntimeError):
    """The fork ended before its kernel could be reached, or does not answer; `known` if it said why itself."""

    def __init__(self, message: str, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class ForkProvisioner(KernelProvisionerBase):  # type: ignore[misc]
    """Starts, interrupts and ends the kernel by asking the fork server."""

    def __init__(self, server: ForkServer, limits: Limits, **traits: Any) -> None:
        super().__init__(**traits)
        self._server = server
        self._limits = limits
        self.fork: Fork | None = None
        self.queries: socket.socket | None = None  # our end of the socket that checks ask over

    @property
    def has_process(self) -> bool:
        return self.fork is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        return dict(await super().pre_launch(cmd=[], **kwargs))  # there is no command: nothing is executed, only forked

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        connection: dict[str, Any] = {
            f"{name}_port": i for i, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)
        }
        connection |= {"transport": "ipc", "signature_scheme": "hmac-sha256", "key": secrets.token_hex(32)}
        self.fork, self.queries = self._server.fork_kernel(connection, self._limits)
        folder = self.fork.folder
        assert folder is not None
        sockets = [folder / f"k-{number}" for number in range(1, 6)]
        bound = wait_for(lambda: all(s.exists() for s in sockets) or self._ended(), SOCKET_SECONDS)
        if not bound or self._ended():
            raise KernelDidNotStart(say("The kernel did not start: {why}.", why=self.why()), known=bool(self.fork.why))
        return connection | {"ip": str(folder / "k"), "key": connection["key"].encode()}

    async def poll(self) -> int | None:
        return self._server.poll(self.fork) if self.fork else 0

    async def wait(self) -> int | None:
        return await self.poll()

    async def send_signal(self, signum: int) -> None:
        if self.fork is not None:
            self._server.interrupt(self.fork)

    async def kill(self, restart: bool = False) -> None:
        if self.fork is not None:
            self._server.end(self.fork)

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        if self.queries is not None:
            self.queries.close()

    def why(self) -> str:
        """Why the kernel does not answer."""
        return say("it was never started") if self.fork is None else self._server.why(self.fork)

    def _ended(self) -> bool:
        return self.fork is not None and self._server.poll(self.fork) is not None


class PromptClient(AsyncKernelClient):  # type: ignore[misc]
    """A kernel client that is ready when the kernel is, not 0.2 s later."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + SOCKET_SECONDS
        provisioner = self.parent.provisioner
        while time.monotonic() < deadline:
            request = self.kernel_info()
            if await self._idle_after(request):
                # The status of this request has come over iopub too, so no output can be missed from here on.
                return
            given_up = provisioner.fork.why and time.monotonic() > deadline - SOCKET_SECONDS + FAILED_SECONDS
            if given_up or not await self.is_alive():
                break
        why, known = provisioner.why(), bool(provisioner.fork.why)
        raise KernelDidNotStart(say("The kernel did not answer: {why}.", why=why), known)

    async def _idle_after(self, request: str) -> bool:
        try:
            while True:
                message = await self.iopub_channel.get_msg(timeout=1)
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == request:
                    await self.shell_channel.get_msg(timeout=1)
                    return True
        except Empty:
            return False


class _OneSpec(KernelSpecManager):  # type: ignore[misc]
    """Knows one kernel, which is started by no command."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(argv=["python"], display_name="Python 3", language="python", interrupt_mode="signal")


def kernel_manager(server: ForkServer, limits: Limits) -> AsyncKernelManager:
    """A kernel manager whose kernel will be a fork of `server`.

    Raises:
        KernelDidNotStart: this version of jupyter_client would start another.
    """
    if gone := _fallen(PROVISIONER):
        raise KernelDidNotStart(line(PROVISIONER, gone), known=True)
    # The manager keeps the key of the kernel in a file. It lies where it goes with the fork server, whatever happens.
    server.scratch.mkdir(mode=0o700, exist_ok=True)
    manager = AsyncKernelManager(
        transport="ipc",
        connection_file=str(server.scratch / f"kernel-{secrets.token_hex(8)}.json"),
        client_factory=PromptClient,
        kernel_spec_manager=_OneSpec(),
    )
    manager.context.setsockopt(zmq.constants.SocketOption.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    # That it may be set like this is not documented, so it was asked above.
    manager.provisioner = ForkProvisioner(
        server, limits, parent=manager, kernel_id="fork", kernel_spec=manager.kernel_spec
    )
    return manager


@dataclass(frozen=True)
class Answer:
    """What the kernel agent sent; `overdue` if the student's code had to be interrupted for it."""

    message: Message
    overdue: bool


class Kernel:
    """One kernel in a fork of its own, and our end of what asks it.

    Raises (`start`):
        KernelDidNotStart.
    """

    def __init__(self, server: ForkServer, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._loop = asyncio.new_event_loop()
        # When a kernel ends, nbclient leaves tasks behind that failed for it. Nobody needs to read of that.
        self._loop.set_exception_handler(lambda *_: None)
        self._manager: AsyncKernelManager | None = None
        # nbclient puts the cell that it has executed into its notebook. What runs here is our caller's business.
        self._client = CellClient(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]),
            allow_errors=True,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=False,  # see `cells.join_streams`
            iopub_timeout=10,
        )
        self._client.begin_notebook(limits)
        self._queries: Channel | None = None
        self._serving = False
        self.overspent = False  # whether the last cell was interrupted for its processor time

    def start(self) -> None:
        self._manager = self._client.km = kernel_manager(self._server, self._limits)
        self._wait(self._client.async_start_new_kernel())
        self._wait(self._client.async_start_new_kernel_client())
        queries = self._provisioner.queries
        assert queries is not None
        self._queries = Channel(queries)

    def execute(self, cell: nbformat.NotebookNode, seconds: int) -> None:
        """Execute one cell. `overspent` says whether it was interrupted for its processor time.

        Raises:
            CellTimeoutError, DeadKernelError, KernelDidNotStart; and whatever nbclient raises when somebody controls
            the kernel's process and sends it anything.
        """
        self.stop_asking()
        self._client.timeout = seconds
        self._client.begin_cell()
        self.overspent = False
        self._wait(self._execute_and_watch(cell))

    def stopped_after_interrupt(self) -> bool:
        """Interrupt the cell; whether it stopped."""
        try:
            return self._server.alive and self._wait(self._client.stopped_after_interrupt(INTERRUPT_SECONDS))
        except Exception:  # see `execute`
            return False

    def ask(self, query: dict[str, Any], seconds: float) -> Answer:
        """Have the kernel agent answer. What takes longer than `seconds` is interrupted once.

        Raises:
            ChannelClosed: the process has ended, or is about to: the news may come later than the end itself.
            ChannelTimeout: it could not be interrupted.
            NotPlain: what came is no answer; what follows on the socket can no longer be told apart.
        """
        channel = self._queries
        assert channel is not None
        if not self._serving:
            shell = self._client.kc.shell_channel
            content = {"comm_id": secrets.token_hex(16), "target_name": ANSWER, "data": {}}
            shell.send(self._client.kc.session.msg("comm_open", content))
            self._serving = True
        channel.send(wire.encode(query, keep_read_only=True), seconds)
        try:
            return Answer(channel.receive(seconds), overdue=False)
        except ChannelTimeout:
            self._wait(self._provisioner.send_signal(2))
            return Answer(channel.receive(INTERRUPT_SECONDS), overdue=True)

    def put(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Have the kernel agent write these files, by name and content, into the folder that the kernel works in.

        Raises:
            KernelDidNotStart: it could not.
        """
        if not files:
            return
        content = {name: np.frombuffer(data, np.uint8) for name, data in files}
        try:
            self.ask({"ask": "files", "files": content}, SOCKET_SECONDS)
        except (ChannelClosed, ChannelTimeout, NotPlain) as error:
            raise KernelDidNotStart(say("The files beside the notebook could not be written.")) from error

    def stop_asking(self) -> None:
        """Let the kernel go on to its next cell."""
        if self._serving and self._queries is not None:
            self._serving = False
            with contextlib.suppress(ChannelClosed, ChannelTimeout):
                self._queries.send(wire.encode({"ask": "done"}), 1.0)

    @property
    def ended(self) -> bool:
        return self._exit_status() is not None

    def how_it_ended(self) -> tuple[Resource | None, str]:
        """What it used too much of, if that is why it ended; and how it ended, to stand after "it"."""
        wait_for(lambda: self.ended, DYING_SECONDS)  # on a busy machine the news comes late
        code, fork = self._exit_status(), self._provisioner.fork
        excess = fork.excess if fork is not None else None
        if excess is not None:
            return excess.resource, excess.says
        if code == 128 + 9 and self._server.alive:
            return Resource.MEMORY, _("was killed, most likely for memory")
        if code == 128 + 24:
            return Resource.PROCESSOR, _("used too much processor time")
        if code is not None and code > 128:
            return None, _("crashed Python (signal {signal})", signal=code - 128)
        return None, _("ended Python itself, as `os._exit` does")

    def end(self) -> None:
        """End the process. Safe to call twice."""
        if self._loop.is_closed():
            return
        try:
            if self._client.kc is not None:
                self._client.kc.stop_channels()
            if self._manager is not None:
                self._wait(self._provisioner.kill())
                self._wait(self._provisioner.cleanup())
                self._manager.cleanup_connection_file()
                self._manager.context.destroy(linger=0)
        finally:
            self._loop.close()

    @property
    def _provisioner(self) -> ForkProvisioner:
        assert self._manager is not None
        assert isinstance(self._manager.provisioner, ForkProvisioner)
        return self._manager.provisioner

    async def _execute_and_watch(self, cell: nbformat.NotebookNode) -> None:
        watching = asyncio.ensure_future(self._watch_processor())
        try:
            await self._client.async_execute_cell(cell, 0)
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _watch_processor(self) -> None:
        """Interrupt the present cell when it has used its processor time, and end the kernel if it does not stop."""
        before = self._server.cpu_seconds
        while self._server.cpu_seconds - before <= self._limits.cell_cpu_seconds:
            await asyncio.sleep(PROCESSOR_INTERVAL)
        self.overspent = True
        await self._provisioner.send_signal(2)
        await asyncio.sleep(INTERRUPT_SECONDS)
        if self._provisioner.fork is not None:
            self._provisioner.fork.excess = Excess(Resource.PROCESSOR, too_much_in_a_cell(self._limits))
            await self._provisioner.kill()

    def _exit_status(self) -> int | None:
        status: int | None = self._wait(self._provisioner.poll())
        return status

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


def too_much_in_a_cell(limits: Limits) -> str:
    """Follows the word "it"."""
    return _("used more than {seconds:g} s of processor time in one cell", seconds=limits.cell_cpu_seconds)
