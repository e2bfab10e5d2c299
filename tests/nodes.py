"""Nodes of a small network, each with an address of its own: network namespaces on one bridge. Needs root."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from kit import missing

PREFIX = "autograder-test-"  # of the namespaces' names; the pid of the tests' process follows
NETWORK = "10.77.0"


@dataclass(frozen=True)
class Node:
    """A namespace with one address."""

    namespace: str
    address: str

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command on this node, both its outputs going to `log`."""
        inside = ["ip", "netns", "exec", self.namespace, *command]
        with log.open("wb") as file:
            return subprocess.Popen(inside, env=environment, stdout=file, stderr=file)

    def unplug(self) -> None:
        """End all that runs on it, at once, and what it may be starting just now."""
        while pids := _ip("netns", "pids", self.namespace).split():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.01)


@contextlib.contextmanager
def nodes(count: int) -> Iterator[list[Node]]:
    """Nodes that reach each other and nothing else; the first one holds the bridge."""
    if not shutil.which("ip"):
        missing("iproute2 is not installed")
    if os.getuid() != 0:
        pytest.skip("network namespaces need root")
    _remove_leftovers()
    made = [Node(f"{PREFIX}{os.getpid()}-{number}", f"{NETWORK}.{number}") for number in range(1, count + 1)]
    try:
        try:
            _connect(made)
        except subprocess.CalledProcessError as error:
            missing(f"no network namespaces can be made here: {error.stderr.strip()}")
        yield made
    finally:
        for node in made:
            _remove(node.namespace)


def _connect(made: Sequence[Node]) -> None:
    for node in made:
        _ip("netns", "add", node.namespace)
        _ip("-n", node.namespace, "link", "set", "lo", "up")
    first, *others = made
    _ip("-n", first.namespace, "link", "add", "bridge", "type", "bridge")
    _ip("-n", first.namespace, "addr", "add", f"{first.address}/24", "dev", "bridge")
    _ip("-n", first.namespace, "link", "set", "bridge", "up")
    for number, node in enumerate(others):
        ends = "type", "veth", "peer", "name", "eth0", "netns", node.namespace
        _ip("-n", first.namespace, "link", "add", f"port{number}", *ends)
        _ip("-n", first.namespace, "link", "set", f"port{number}", "master", "bridge", "up")
        _ip("-n", node.namespace, "addr", "add", f"{node.address}/24", "dev", "eth0")
        _ip("-n", node.namespace, "link", "set", "eth0", "up")


def _remove_leftovers() -> None:
    """Those of earlier tests that were killed before they could clean up."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        owner = name.removeprefix(PREFIX).split("-")[0]
        if name.startswith(PREFIX) and not Path(f"/proc/{owner}").exists():
            _remove(name)


def _remove(namespace: str) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):  # it was never made
        Node(namespace, "").unplug()
        _ip("netns", "del", namespace)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
