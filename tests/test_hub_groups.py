"""Anybody taken off the course's list has lost every right once the Hub has started again: tried on a real Hub."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from kit import PATIENCE, ROOT

DEPLOY = ROOT / "deploy" / "hub"
BEFORE = {"instructors": ["tutor", "former"], "learners": ["ada", "left"]}
AFTER = {"instructors": ["tutor"], "learners": ["ada"]}
# People ask the Hub about themselves, with a token that has all their rights. No service runs, and no proxy.
ALONE = """
import os
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = c.JupyterHub.hub_bind_url = os.environ["TRIED_URL"]
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cookie_secret_file = "cookie_secret"
for service in c.JupyterHub.services:
    for name in {"command", "url", "cwd", "environment", "user"} & {*service}:
        service.pop(name)
    service["oauth_redirect_uri"] = "http://127.0.0.1/none"
c.JupyterHub.services.append({"name": "asks", "api_token": "a-long-enough-token"})
c.JupyterHub.load_roles.append(
    {"name": "asks", "services": ["asks"], "scopes": ["read:users", "tokens", "groups", "read:roles"]}
)
"""


def _local(folder: Path, people: dict[str, list[str]]) -> str:
    group = {"state": str(folder), "venv": "/v", "course": "keras", "account": "course-keras", "address": "127.0.0.1"}
    group |= {"proxy": ["p"], "course_folder": "/c", "watch": False} | people
    group["ports"] = {"public": 1, "hub": 2, "proxy": 3, "course": 4, "work": 5}
    (folder / "class.json").write_text(json.dumps(group))
    (folder / "passwords.json").write_text("{}")
    (folder / "passwords.json").chmod(0o600)
    return f"load_subconfig({str(DEPLOY / 'jupyterhub_config.py')!r})"


def _littlest(folder: Path, people: dict[str, list[str]]) -> str:
    """As set-up.sh writes it."""
    lists = [f"{name} = {listed!r}" for name, listed in people.items()]
    script = (DEPLOY / "tljh" / "set-up.sh").read_text("utf-8")
    (parts,) = [line.split()[1:] for line in script.splitlines() if line.endswith('tljh/class_config.py"')]
    texts = [(ROOT / part.strip('"').removeprefix("$clone/")).read_text("utf-8") for part in parts]
    (folder / "class.py").write_text("\n".join([*lists, *texts]))
    allowed = "c.Authenticator.allowed_users = {'tutor', 'ada', 'former', 'left'}\n"
    return f"c.JupyterHub.load_roles = []\nc.JupyterHub.services = []\n{allowed}load_subconfig('class.py')"


def _chart(folder: Path, people: dict[str, list[str]]) -> str:
    """As the chart hands on what values.yaml says."""
    hub = yaml.safe_load((DEPLOY / "z2jh" / "values.yaml").read_text("utf-8"))["hub"]
    hub["config"]["JupyterHub"]["load_groups"] = {
        "nbgrader-keras": {"users": people["learners"]},
        "formgrade-keras": {"users": people["instructors"]},
    }
    lines = [f"c.{where}.{what} = {value!r}" for where, all_ in hub["config"].items() for what, value in all_.items()]
    roles = [{"name": name} | role for name, role in hub["loadRoles"].items()]
    services = [{"name": name} | service for name, service in hub["services"].items()]
    lines += [f"c.JupyterHub.load_roles = {roles!r}", f"c.JupyterHub.services = {services!r}"]
    lines.append("c.Authenticator.allowed_users = {'tutor', 'ada', 'former', 'left'}")
    return "\n".join([*lines, *hub.get("extraConfig", {}).values()])


@contextmanager
def _running(folder: Path, config: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    (folder / "config.py").write_text(f"c = get_config()\n{config}\n{ALONE}")
    environment = os.environ | {"TRIED_URL": url, "AUTOGRADER_HUB_CLASS": str(folder / "class.json")}
    python = os.environ.get("AUTOGRADER_TEST_HUB_PYTHON", sys.executable)
    with (folder / "log").open("wb") as log:
        hub = subprocess.Popen(
            [python, "-m", "jupyterhub", "-f", "config.py"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + PATIENCE / 1000
        while True:
            assert hub.poll() is None, (folder / "log").read_text()[-3000:]
            try:
                if requests.get(f"{url}/hub/health", timeout=5).ok:
                    break
            except requests.ConnectionError:
                assert time.monotonic() < end, (folder / "log").read_text()[-3000:]
                time.sleep(0.1)
        yield url
    finally:
        hub.terminate()
        hub.wait()


def _asked(url: str, path: str, token: str = "a-long-enough-token", method: str = "GET") -> Any:
    answer = requests.request(method, f"{url}/hub/api/{path}", headers={"Authorization": f"token {token}"}, timeout=60)
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.slow
@pytest.mark.parametrize("deployed", [_local, _littlest, _chart])
def test_whoever_left_the_list_has_no_right_after_a_restart(deployed: Any, tmp_path: Path) -> None:
    with _running(tmp_path, deployed(tmp_path, BEFORE)) as url:
        tokens = {name: _asked(url, f"users/{name}/tokens", method="POST")["token"] for name in ("tutor", "former")}
        for name, token in tokens.items():
            me = _asked(url, "user", token)
            assert me["groups"] == ["formgrade-keras"], name
            assert "access:services!service=keras" in me["scopes"], name
        assert _asked(url, "users/left")["groups"] == ["nbgrader-keras"]
    with _running(tmp_path, deployed(tmp_path, AFTER)) as url:
        assert _asked(url, "groups/formgrade-keras")["users"] == ["tutor"]
        assert _asked(url, "groups/nbgrader-keras")["users"] == ["ada"]
        me = _asked(url, "user", tokens["former"])
        assert me["groups"] == [], "the course's page takes members of formgrade-keras for teachers"
        assert not [scope for scope in me["scopes"] if "keras" in scope]
        assert _asked(url, "users/former")["roles"] == ["user"]
        assert _asked(url, "users/left")["groups"] == []
        tutor = _asked(url, "user", tokens["tutor"])
        assert tutor["groups"] == ["formgrade-keras"], "who is still listed keeps all"
        assert "access:services!service=keras" in tutor["scopes"]


def test_kubernetes_has_the_same_lines() -> None:
    hub = yaml.safe_load((DEPLOY / "z2jh" / "values.yaml").read_text("utf-8"))["hub"]
    assert hub["extraConfig"]["exact-groups"] == (DEPLOY / "exact_groups.py").read_text("utf-8")
