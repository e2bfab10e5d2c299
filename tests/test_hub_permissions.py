"""Who can reach what on a running Hub: tried by page, by API, and in the file system, as each of the three people.

The operators' page of permissions is made of what happened here: AUTOGRADER_WRITE_PAGE=1 writes it anew.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hub_class import EXERCISE, HUB, TrialHub, Visitor, as_user
from kit import PATIENCE, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.getuid() != 0, reason="separate Unix users need root")]

TABLE: list[tuple[str, str, str, str]] = []
PAGE = ROOT / "book" / "operators" / "permissions.md"
ALLOWED, REFUSED = "allowed", "refused"


@pytest.fixture(scope="module")
def people(hub: TrialHub) -> Iterator[dict[str, Visitor]]:
    """Everybody logged in, with their servers running."""
    everybody = {}
    for user in hub.group.users:
        visitor = hub.session(user)
        visitor.start_server()
        everybody[user] = visitor
    yield everybody
    for visitor in everybody.values():
        visitor.stop_server()  # a learner may stop their own; whoever has the Hub next starts with none


def _note(who: str, by: str, what: str, expected: str, happened: bool, detail: str) -> None:
    verdict = ALLOWED if happened else REFUSED
    TABLE.append((who, by, f"`{what}`", f"{verdict} ({detail})"))
    assert verdict == expected, f"{who}, by {by}: {what} was {verdict}: {detail}"


ADA, TUTOR = "hub-ada", "hub-tutor"
PAGES = [
    (ADA, "/user/hub-ada/lab", ALLOWED),
    (ADA, "/user/hub-bo/lab", REFUSED),
    (ADA, "/user/hub-tutor/lab", REFUSED),
    (ADA, "/user/hub-bo/api/contents", REFUSED),
    (ADA, "/services/trial/autograder/", REFUSED),
    (ADA, "/services/trial/autograder/api/state", REFUSED),
    (ADA, "/services/trial/formgrader", REFUSED),
    (ADA, "/services/trial/lab", REFUSED),
    (ADA, "/services/trial/api/contents/gradebook.db", REFUSED),
    (ADA, "/user/hub-ada/autograder/", REFUSED),
    (ADA, "/user/hub-ada/formgrader", REFUSED),
    (ADA, "/hub/admin", REFUSED),
    (ADA, "/services/trial-work/", ALLOWED),
    (ADA, "/services/trial-work/class/", REFUSED),
    (ADA, "/services/trial-work/live/", REFUSED),
    (TUTOR, "/services/trial-work/class/", ALLOWED),
    (TUTOR, "/services/trial-work/live/", ALLOWED),
    (TUTOR, "/services/trial/autograder/", ALLOWED),
    (TUTOR, "/services/trial/autograder/api/state", ALLOWED),
    (TUTOR, "/services/trial/formgrader/manage_assignments", ALLOWED),
    (TUTOR, "/services/trial/lab", ALLOWED),
    (TUTOR, "/user/hub-ada/lab", REFUSED),
    (TUTOR, "/hub/admin", REFUSED),
]


def _asked(visitor: Visitor, path: str) -> requests.Response:
    return visitor.call("GET", path) if "/api/" in path else visitor.get(path)


@pytest.mark.parametrize(("who", "path", "expected"), PAGES)
def test_pages(people: dict[str, Visitor], who: str, path: str, expected: str) -> None:
    answer = _asked(people[who], path)
    _note(who, "page", path, expected, answer.ok, str(answer.status_code))
    owner = TUTOR if path.startswith("/services/") else path.split("/")[2]
    if expected == REFUSED and owner in people and owner != who:
        assert _asked(people[owner], path).ok, "what nobody reaches is refused to everybody"


def test_nobody_reaches_anything_without_logging_in(hub: TrialHub, people: dict[str, Visitor]) -> None:
    ports = json.loads((hub.group.state / "class.json").read_text())["ports"]
    tried = {"/services/trial/formgrader": "course", "/services/trial/autograder/api/state": "course"}
    tried |= {"/services/trial-work/": "work", "/services/trial-work/class/": "work"}
    for how in ("through the proxy", "straight to its port"):
        for path, port in tried.items():
            url = hub.url if how == "through the proxy" else f"http://127.0.0.1:{ports[port]}"
            answer = requests.get(url + path, allow_redirects=False, timeout=60)
            _note("nobody", how, path, REFUSED, answer.ok and answer.status_code < 300, str(answer.status_code))


CALLS = [
    ("GET", "/hub/api/users", None),
    ("GET", "/hub/api/users/hub-bo", None),
    ("GET", "/hub/api/groups", None),
    ("GET", "/hub/api/proxy", None),
    ("GET", "/hub/api/services/trial", None),
    ("POST", "/hub/api/groups/formgrade-trial/users", {"users": [ADA]}),
    ("POST", "/hub/api/users/hub-bo/server", {}),
    ("DELETE", "/hub/api/users/hub-bo/server", None),
    ("POST", "/hub/api/users/hub-bo/tokens", {}),
    ("PATCH", "/hub/api/users/hub-ada", {"admin": True}),
    ("POST", "/hub/api/shutdown", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_hub_api(people: dict[str, Visitor], method: str, path: str, body: object) -> None:
    answer = people[ADA].call(method, path, body)
    listed = answer.ok and any(other in answer.text for other in ("hub-bo", TUTOR, "formgrade-trial", '"pid"'))
    done = answer.ok and (method != "GET" or listed)
    _note(ADA, "API, logged in", f"{method} {path}", REFUSED, done, str(answer.status_code))


def _token_of_server(user: str) -> str:
    """What a learner finds in a terminal of their own server."""
    script = (
        "import glob,os\n"
        "for p in glob.glob('/proc/[0-9]*/environ'):\n"
        "    try: e = open(p).read()\n"
        "    except OSError: continue\n"
        "    for v in e.split(chr(0)):\n"
        f"        if v.startswith('JUPYTERHUB_API_TOKEN=') and 'JUPYTERHUB_USER={user}' in e: print(v.split('=')[1])\n"
    )
    done = subprocess.run(["runuser", "-u", user, "--", "python3", "-c", script], capture_output=True, text=True)
    return done.stdout.split()[0]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_hub_api_with_the_servers_token(
    hub: TrialHub, people: dict[str, Visitor], method: str, path: str, body: object
) -> None:
    headers = {"Authorization": f"token {_token_of_server(ADA)}"}
    answer = requests.request(method, hub.url + path, json=body, headers=headers, timeout=60)
    listed = answer.ok and any(other in answer.text for other in ("hub-bo", TUTOR, '"pid"'))
    done = answer.ok and (method != "GET" or listed)
    _note(ADA, "API, own server's token", f"{method} {path}", REFUSED, done, str(answer.status_code))


def test_learner_cannot_start_grading_and_nor_can_a_page_of_another_site(people: dict[str, Visitor]) -> None:
    path = "/services/trial/autograder/api/grade"
    answer = people[ADA].call("POST", path, {"exercise": EXERCISE})
    _note(ADA, "API, logged in", f"POST {path}", REFUSED, answer.ok, str(answer.status_code))
    people[TUTOR].get("/services/trial/autograder/")
    forged = people[TUTOR].session.post(
        people[TUTOR].url + path, json={"exercise": EXERCISE}, headers={"Origin": "http://evil.example"}, timeout=60
    )
    _note(TUTOR, "page of another site", f"POST {path}", REFUSED, forged.ok, str(forged.status_code))
    wrong = people[TUTOR].call("POST", path, {"exercise": "../../etc"})
    _note(TUTOR, "API", f"POST {path} of what is no exercise", REFUSED, wrong.ok, str(wrong.status_code))
    assert wrong.status_code == 400, "the address is the right one"


def test_nobody_hands_in_for_somebody_else_and_nor_does_a_page_of_another_site(people: dict[str, Visitor]) -> None:
    path, said = f"/services/trial-work/hand-in/{EXERCISE}", "POST /services/trial-work/hand-in/03"
    notebook = {"notebook": ("x.ipynb", (ROOT / "exercises" / EXERCISE / f"{EXERCISE}.ipynb").read_bytes())}
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    people[ADA].get("/services/trial-work/")
    forged = people[ADA].session.post(people[ADA].url + path, files=notebook, headers=headers, timeout=60)
    _note(ADA, "page of another site", said, REFUSED, forged.ok, str(forged.status_code))
    anonymous = requests.post(people[ADA].url + path, files=notebook, timeout=60)
    _note("nobody", "through the proxy", said, REFUSED, anonymous.ok, str(anonymous.status_code))
    assert forged.status_code == anonymous.status_code == 403


def test_own_groups_may_be_asked_for(hub: TrialHub, people: dict[str, Visitor]) -> None:
    headers = {"Authorization": f"token {_token_of_server(ADA)}"}
    answer = requests.get(f"{hub.url}/hub/api/users/{ADA}", headers=headers, timeout=60)
    _note(ADA, "API, own server's token", f"GET /hub/api/users/{ADA}", ALLOWED, answer.ok, str(answer.status_code))
    assert answer.json()["groups"] == ["nbgrader-trial"]
    listed = requests.get(
        f"{hub.url}/hub/api/services", headers={"Authorization": f"token {_token_of_server(TUTOR)}"}, timeout=60
    )
    assert "trial" in listed.json(), "nbgrader's list of courses would be empty"


FILES = [
    (ADA, "ls {state}/home/hub-ada", ALLOWED),
    (ADA, "ls {state}/home/hub-bo", REFUSED),
    (ADA, "ls {state}/courses/trial", REFUSED),
    (ADA, "cat {state}/courses/trial/gradebook.db", REFUSED),
    (ADA, "cat {state}/courses/trial/source/{exercise}/{exercise}.ipynb", REFUSED),
    (ADA, "ls {state}/courses/trial/held_out", REFUSED),
    (ADA, "ls {root}/solutions", REFUSED),
    (ADA, "cat {state}/passwords.json", REFUSED),
    (ADA, "cat {state}/hub/jupyterhub-{hub}.sqlite", REFUSED),
    (ADA, "cat {state}/hub/log", REFUSED),
    (ADA, "ls {state}/run/hub-bo", REFUSED),
    (ADA, "cat {state}/exchange/trial/outbound/{exercise}/{exercise}.ipynb", ALLOWED),
    (ADA, "touch {state}/exchange/trial/outbound/{exercise}/x", REFUSED),
    (ADA, "mkdir {state}/exchange/trial/inbound/hub-ada+x", ALLOWED),
    (ADA, "ls {state}/exchange/trial/inbound", REFUSED),
    (ADA, "ls {state}/exchange/trial/feedback", REFUSED),
    (ADA, "touch {state}/exchange/trial/feedback/x", REFUSED),
    (ADA, "mv {state}/exchange/trial {state}/exchange/gone", REFUSED),
    (ADA, "touch {state}/material/x", REFUSED),
    (ADA, "touch {venv}/lib/x", REFUSED),
    (ADA, "touch {state}/roles/learner/x", REFUSED),
    ("hub-bo", "rmdir {state}/exchange/trial/inbound/hub-ada+x", REFUSED),
    (ADA, "rmdir {state}/exchange/trial/inbound/hub-ada+x", ALLOWED),
    (TUTOR, "ls {state}/home/hub-ada", REFUSED),
    (TUTOR, "ls {state}/courses/trial", REFUSED),
    ("course-trial", "ls {state}/courses/trial", ALLOWED),
    ("course-trial", "ls {state}/home/hub-ada", REFUSED),
    ("course-trial", "ls {state}/exchange/trial/inbound", ALLOWED),
]


@pytest.mark.parametrize(("who", "command", "expected"), FILES)
def test_files(hub: TrialHub, people: dict[str, Visitor], who: str, command: str, expected: str) -> None:
    told = command.format(state=hub.group.state, root=ROOT, venv=hub.group.venv, exercise=EXERCISE, hub=HUB)
    path = Path(told.split()[1])
    assert (path.parent if told.startswith(("touch", "mkdir")) else path).exists(), "else nobody could do it"
    done = as_user(hub.group, who, ["sh", "-c", told])
    what = command.format(state="CLASS", root="CLONE", venv="VENV", exercise="03", hub="N")
    detail = "done" if done.returncode == 0 else done.stderr.strip().rsplit(": ", 1)[-1]
    _note(who, "file system", what, expected, done.returncode == 0, detail)


def test_environment_and_kernels_of_others_are_closed(hub: TrialHub, people: dict[str, Visitor]) -> None:
    assert people["hub-bo"].call("POST", "/user/hub-bo/api/kernels", {"name": "python3"}).ok
    end = time.monotonic() + PATIENCE / 1000
    while len([*hub.group.state.glob("run/hub-bo/kernel-*-ipc-*")]) < 5:  # as many as a kernel has
        assert time.monotonic() < end, "no kernel with private sockets"
        time.sleep(0.2)
    script = "for p in $(pgrep -u hub-bo); do cat /proc/$p/environ && exit 0; done; exit 1"
    done = as_user(hub.group, ADA, ["sh", "-c", script])
    said = done.stderr.strip().rsplit(": ", 1)[-1]
    assert said, "there are processes of hub-bo's"
    _note(ADA, "file system", "environment of hub-bo's server", REFUSED, done.returncode == 0, said)
    kernels = subprocess.run(["pgrep", "-u", "hub-bo", "-f", "ipykernel"], capture_output=True, text=True).stdout
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    assert kernels
    assert "pid=" in listening, "it says whose they are"
    theirs = [line for line in listening.splitlines() if {*re.findall(r"pid=(\d+)", line)} & {*kernels.split()}]
    kinds = [_kind_of_socket(int(line.split()[3].rpartition(":")[2])) for line in theirs]
    # A kernel gathers by such a port what its child processes print; it takes nothing but theirs, and gives nothing.
    others = [kind for kind in kinds if kind != "PULL"]
    detail = "private sockets; its one port, for what child processes print, gives nothing"
    _note(ADA, "network", "what a kernel of others says", REFUSED, bool(others), ", ".join(others) or detail)


def _kind_of_socket(port: int) -> str:
    """What kind of ZeroMQ socket listens there, as it says to everybody who greets it (ZMTP 3.0)."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link, link.makefile("rb") as said:
        link.sendall((b"\xff" + bytes(8) + b"\x7f\x03\x00NULL").ljust(64, b"\0"))
        said.read(64)
        _, size = said.read(2)
        found = re.search(rb"Socket-Type\0\0\0.([A-Z]+)", said.read(size))
    assert found is not None
    return found[1].decode()


def test_nobody_listens_in_the_place_of_a_part_that_is_down(hub: TrialHub, people: dict[str, Visitor]) -> None:
    """Nor while the Hub restarts: what matters is not that the port is taken."""
    ports = json.loads((hub.group.state / "class.json").read_text())["ports"]
    listening = subprocess.run(["ss", "-ltnpeH"], capture_output=True, text=True, check=True).stdout.splitlines()
    parts = {"the course's server": "course", "the course's page": "work", "the Hub": "hub"}
    for what, part in parts.items():
        script = f"import socket; socket.create_server(('127.0.0.1', {ports[part]}))"
        done = as_user(hub.group, ADA, ["python3", "-c", script])
        said = done.stderr.strip().rpartition("] ")[2].partition(" (")[0]
        assert said != "Address already in use"
        _note(ADA, "network", f"listen on the port of {what}", REFUSED, done.returncode == 0, said)
        (line,) = [line for line in listening if line.split()[3].endswith(f":{ports[part]}")]
        assert "uid:" not in line, "root opened it: a learner's kernel sends its token to nobody else"
        runs_as = {Path(f"/proc/{process}").owner() for process in re.findall(r"pid=(\d+)", line)}
        assert runs_as == {"root" if part == "hub" else hub.group.account}


INTRODUCTION = """\
# Who can reach what

Each line was tried on a running Hub, by the test `tests/test_hub_permissions.py`, which fails when an answer changes.
`hub-ada` and `hub-bo` are learners, `hub-tutor` is the instructor, `trial` is the course, `course-trial` its account.
`CLASS` is the folder of the class, `CLONE` the kit's clone, `VENV` the packages that all share.

"""


def test_the_operators_page_says_what_happened(request: pytest.FixtureRequest) -> None:
    """Details, such as the status 403 or 404, may differ between versions of JupyterHub; who may do what does not."""
    lines = ["| who | by | what | what happened |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in TABLE]
    if os.environ.get("AUTOGRADER_WRITE_PAGE"):
        PAGE.write_text(INTRODUCTION + "\n".join(lines) + f"\n\nTried on JupyterHub {HUB}.\n", "utf-8")
    written, tried = _verdicts(PAGE.read_text("utf-8").splitlines()), _verdicts(lines)
    assert tried <= written, tried - written
    collected = [item for item in request.session.items if item.path == request.path]
    if len(collected) == _number_of_tests():
        assert written <= tried, written - tried


def _verdicts(lines: list[str]) -> set[str]:
    return {line.split(" (")[0] for line in lines if line.startswith("| ") and not line.startswith("| who")}


def _number_of_tests() -> int:
    several = len(PAGES) + 2 * len(CALLS) + len(FILES)
    alone = [name for name in globals() if name.startswith("test_")]
    return several + len(alone) - 4  # four of them are run once for each line of a list
