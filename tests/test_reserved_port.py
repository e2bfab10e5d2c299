"""A service of a Hub is given the port that root has opened."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from kit import PATIENCE, ROOT

sys.path.insert(0, str(ROOT / "deploy" / "hub"))
import local

FIRST = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@pytest.mark.parametrize("module", ["http.server", "jupyter_server"])
def test_it_is_given_the_open_port_and_could_not_open_it_itself(module: str, tmp_path: Path) -> None:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        options = {"http.server": [str(port), "--bind", "127.0.0.1"]}
        options["jupyter_server"] = ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
        environment = os.environ | {"JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}", "HOME": str(tmp_path)}
        environment["AUTOGRADER_OPEN_PORT"] = str(opened.fileno())
        command = [sys.executable, "-P", "-m", "autograder.jupyter.reserved_port", "nobody", module, *options[module]]
        with (tmp_path / "log").open("wb") as log:
            service = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=tmp_path, pass_fds=[opened.fileno()]
            )
        end, answer = time.monotonic() + PATIENCE / 1000, None
        try:
            while answer is None:
                assert service.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                try:
                    answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status
                except urllib.error.HTTPError as refused:
                    answer = refused.code
                except OSError:
                    time.sleep(0.1)
        finally:
            service.terminate()
            service.wait()
    assert answer in (200, 403)


def test_a_port_is_reserved_where_the_system_reserves_any(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = local.free_ports()
    others = [number for part, number in ports.items() if part != "public"]
    assert len({*ports.values()}) == 5
    if os.getuid() == 0 and int(FIRST.read_text()) == 1024:
        assert all(600 <= number < 1024 for number in others)
    assert ports["public"] >= 1024
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "0\n")
    capsys.readouterr()
    assert len({*local.free_ports(8000).values()}) == 5
    assert "a learner could answer in place of" in capsys.readouterr().out


def test_a_system_that_does_not_say_which_ports_are_roots_has_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in some containers, and with an older Linux."""
    read = Path.read_text

    def without(path: Path, *arguments: str) -> str:
        if path == FIRST:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return read(path, *arguments)

    monkeypatch.setattr(Path, "read_text", without)
    ports = local.free_ports(8000)
    assert len({*ports.values()}) == 5
    assert capsys.readouterr().out == ""
    if os.getuid() == 0:
        assert all(600 <= number < 1024 for part, number in ports.items() if part != "public")
