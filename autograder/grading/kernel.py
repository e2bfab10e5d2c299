"""A Jupyter kernel that is a fork of a fork server: Jupyter's own extension point, a kernel provisioner."""

from __future__ import annotations

import secrets
import socket
import time
from queue import Empty
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerBase

from autograder.sandbox.client import Fork, ForkServer, wait_for
from autograder.sandbox.limits import Limits

MAX_MESSAGE_BYTES = 10_000_000  # a larger message closes the connection before it is held in memory
SOCKET_SECONDS = 20.0


class KernelDidNotStart(RuntimeError):
    """The fork ended before its kernel could be reached."""


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
            raise KernelDidNotStart(f"The kernel did not start.{self._server.last_words()}")
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

    def _ended(self) -> bool:
        return self.fork is not None and self._server.poll(self.fork) is not None


class PromptClient(AsyncKernelClient):  # type: ignore[misc]
    """A kernel client that is ready when the kernel is, not 0.2 s later."""

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (timeout or SOCKET_SECONDS)
        while time.monotonic() < deadline:
            request = self.kernel_info()
            if await self._idle_after(request):
                # The status of this request has come over iopub too, so no output can be missed from here on.
                return
            if not await self._async_is_alive():
                break
        raise KernelDidNotStart("The kernel did not answer.")

    wait_for_ready = _async_wait_for_ready

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


def kernel_manager(server: ForkServer, limits: Limits) -> AsyncKernelManager:
    """A kernel manager whose kernel will be a fork of `server`."""
    manager = AsyncKernelManager(transport="ipc", client_factory=PromptClient)
    manager.context.setsockopt(zmq.constants.SocketOption.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    spec = KernelSpec(argv=["python"], display_name="Python 3", language="python", interrupt_mode="signal")
    manager._kernel_spec = spec
    manager.provisioner = ForkProvisioner(server, limits, parent=manager, kernel_id="fork", kernel_spec=spec)
    return manager
