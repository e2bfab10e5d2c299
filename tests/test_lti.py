"""LTI 1.3: a Hub that is entered from an LMS, and grades that go back there.

A real JupyterHub with our authenticator, and a stand-in for the LMS (`lti_platform.py`) that holds each request
against the specifications.
"""

from __future__ import annotations

import errno
import html
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import lti_platform
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kit import ROOT
from lti_platform import AGS, CLAIM, CLIENT, COURSE, DEPLOYMENT
from nbgrader.api import Gradebook

sys.path.insert(0, str(ROOT))
from autograder import cli
from autograder.course.directory import Course
from autograder.course.release import programs_of_this_python
from autograder.errors import CourseError, LmsFailed, UsageError
from autograder.lms.lti import Launch, Lti, Platform, launches, read_key, read_platform
from autograder.lms.lti_keys import set_up

NAME = "03-dense-networks"
TOKEN = "0123456789abcdef" * 2
LEARNERS = ["ada", "bo", "cy", "dee", "eve", "12"]


@dataclass
class _Hub:
    """A running Hub and its LMS."""

    url: str
    folder: Path
    lms: lti_platform.Platform
    log: Path

    def begin(self, browser: requests.Session, sub: str) -> dict[str, str]:
        """From a click in the LMS to the form that the LMS has a browser post."""
        hint = {"iss": self.lms.url, "login_hint": sub, "target_link_uri": f"{self.url}/hub/home", "client_id": CLIENT}
        begun = browser.post(f"{self.url}/hub/lti13/oauth_login", {**hint, "lti_message_hint": "link-1"}, timeout=30)
        assert begun.status_code == 200, begun.text
        return dict(begun.json())

    def end(self, browser: requests.Session, form: dict[str, str]) -> requests.Response:
        where = f"{self.url}/hub/lti13/oauth_callback"
        return browser.post(where, form, allow_redirects=False, timeout=30)

    def enter(self, sub: str) -> requests.Session:
        browser = requests.Session()
        done = self.end(browser, self.begin(browser, sub))
        assert done.status_code == 302, done.text
        assert done.headers["Location"] == "/hub/home"
        return browser


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lti")
    set_up(folder, "moodle", "https://moodle.example.edu", "https://hub.example.edu")
    return folder


@pytest.fixture(scope="module")
def entered(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Hub]:
    """A Hub whose LMS is the stand-in."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "lti").mkdir()
    published = json.loads((keys / "jwks.json").read_text("utf-8"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    # Whoever publishes a file with private members by mistake publishes the public ones.
    careless = {"keys": [{**one, "d": "private", "p": "private"} for one in published["keys"]]}
    (folder / "lti" / "jwks.json").write_text(json.dumps(careless), "utf-8")
    with lti_platform.running(published) as lms:
        lms.redirect = f"{url}/hub/lti13/oauth_callback"
        _write_platform(folder / "lti", lms)
        given = {"url": url, "folder": str(folder), "deploy": str(ROOT / "deploy" / "hub"), "learners": LEARNERS}
        environment = {**os.environ, "TRIED_HUB": json.dumps({**given, "token": TOKEN}), "HOME": str(folder)}
        command = [sys.executable, "-m", "jupyterhub", "-f", str(ROOT / "tests" / "lti_hub_config.py")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(url, process, folder / "log")
            yield _Hub(url, folder, lms, folder / "log")
        finally:
            process.terminate()
            process.wait(30)


def _write_platform(folder: Path, lms: lti_platform.Platform, **other: Any) -> None:
    content = {
        "issuer": lms.url,
        "client_id": CLIENT,
        "authorize_url": f"{lms.url}/auth",
        "jwks_url": f"{lms.url}/keys",
        "token_url": f"{lms.url}/token",
        "deployments": [DEPLOYMENT],
        "contexts": [COURSE],
        "username": "ext_user_username",
    }
    (folder / "platform.json").write_text(json.dumps(content | other), "utf-8")


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/hub/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8")[-3000:])


@pytest.fixture
def lms(entered: _Hub) -> lti_platform.Platform:
    """The LMS as it is before anything was sent."""
    lms = entered.lms
    lms.columns, lms.scores, lms.seen, lms.trouble, lms.lost = [], {}, [], [], []
    lms.never, lms.allowed, lms.quotes, lms.with_query = set(), set(lti_platform.SCOPES), '""', ""
    return lms


# -- who comes in --------------------------------------------------------------------------------------------------


def _other(claims: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**claims, **{(CLAIM + k if k in ("deployment_id", "context", "ext") else k): v for k, v in changes.items()}}


def _unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "platform-1"})


# What is forged, and a word of why it is refused: else a launch that is broken in another way would pass for it.
FORGED: dict[str, Any] = {
    "another key": ("Signature verification failed", lambda lms, c: lms.sign(c, rsa.generate_private_key(65537, 2048))),
    "no signature": ("alg value is not allowed", lambda _, c: _unsigned(c)),
    "a shared secret": ("alg value is not allowed", lambda lms, c: lms.sign(c, "x" * 32, "HS256")),
    "too late": ("expired", lambda lms, c: lms.sign(_other(c, exp=int(time.time()) - 5))),
    "for another tool": ("Audience", lambda lms, c: lms.sign(_other(c, aud="client-2"))),
    "of another LMS": ("issuer", lambda lms, c: lms.sign(_other(c, iss="https://evil.example"))),
    "another nonce": ("nonce mismatch", lambda lms, c: lms.sign(_other(c, nonce="0" * 64))),
    "another deployment": ("deployment 2", lambda lms, c: lms.sign(_other(c, deployment_id="2"))),
    "another course": ("course 6", lambda lms, c: lms.sign(_other(c, context={"id": "6"}))),
    "no course": ("course none", lambda lms, c: lms.sign({k: v for k, v in c.items() if k != CLAIM + "context"})),
    "no name, and a number that is a name here": (
        "does not say who this is",
        lambda lms, c: lms.sign(_other(c, sub="12", ext={})),
    ),
    "a variable that the LMS does not know": (
        "does not say who this is",
        lambda lms, c: lms.sign(_other(c, ext={"user_username": "$User.username"})),
    ),
    "nobody of the class": (
        "not on the list of this class",
        lambda lms, c: lms.sign(_other(c, ext={"user_username": "mallory"})),
    ),
    "somebody else's name": (
        "belongs to somebody else here",
        lambda lms, c: lms.sign(_other(c, ext={"user_username": "bo"})),
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_launch_lets_nobody_in(entered: _Hub, lms: lti_platform.Platform, how: str) -> None:
    entered.enter("12")  # bo was here before
    browser = requests.Session()
    form = entered.begin(browser, "11")
    claims = jwt.decode(form["id_token"], options={"verify_signature": False})
    why, forge = FORGED[how]
    done = entered.end(browser, {**form, "id_token": forge(lms, claims)})
    assert 400 <= done.status_code < 500
    assert why in " ".join(html.unescape(done.text).split()), entered.log.read_text("utf-8")[-2000:]
    assert "jupyterhub-hub-login" not in browser.cookies
    assert browser.get(f"{entered.url}/hub/home", allow_redirects=False, timeout=30).status_code == 302
    assert _state(entered, "bo")["sub"] == "12"


def test_a_launch_that_was_overheard_is_of_no_use(entered: _Hub) -> None:
    browser, thief = requests.Session(), requests.Session()
    form = entered.begin(browser, "11")
    assert entered.end(thief, form).status_code == 400
    entered.begin(thief, "12")  # with cookies of their own
    assert entered.end(thief, form).status_code == 400
    assert entered.end(browser, form).status_code == 302
    assert entered.end(browser, form).status_code == 400, "not even twice in the same browser"


def _state(hub: _Hub, user: str) -> dict[str, Any]:
    answer = requests.get(f"{hub.url}/hub/api/users/{user}", headers={"Authorization": f"token {TOKEN}"}, timeout=30)
    assert answer.status_code == 200
    return dict(answer.json()["auth_state"])


def test_what_is_kept_is_little_and_the_courses_service_alone_sees_it(
    entered: _Hub, lms: lti_platform.Platform
) -> None:
    ada = entered.enter("11")
    expected = {"issuer": lms.url, "client_id": CLIENT, "sub": "11", "lineitems": lms.lineitems()}
    assert _state(entered, "ada") == expected
    raw = (entered.folder / "hub.sqlite").read_bytes()
    assert b"lineitems" not in raw, "it is kept encrypted"
    assert stat.S_IMODE((entered.folder / "crypt_key").stat().st_mode) == 0o600
    ada.get(f"{entered.url}/hub/home", timeout=30)
    headers = {"X-XSRFToken": ada.cookies.get("_xsrf", path="/hub/"), "Referer": f"{entered.url}/hub/home"}
    itself = ada.get(f"{entered.url}/hub/api/users/ada", headers=headers, timeout=30)
    assert itself.status_code == 200
    assert "auth_state" not in itself.json()
    assert ada.get(f"{entered.url}/hub/api/users/bo", headers=headers, timeout=30).status_code in (403, 404)
    change = {"auth_state": {"sub": "12"}}
    told = ada.patch(f"{entered.url}/hub/api/users/ada", json=change, headers=headers, timeout=30)
    assert told.status_code in (403, 404)
    assert _state(entered, "ada") == expected
    entered.enter("16")
    service = {"Authorization": f"token {TOKEN}"}
    tutor = requests.get(f"{entered.url}/hub/api/users/tutor", headers=service, timeout=30)
    assert tutor.status_code == 404, "its role is about the learners"


def test_the_hub_publishes_the_public_part_of_the_key_and_nothing_else(entered: _Hub, keys: Path) -> None:
    answer = requests.get(f"{entered.url}/hub/lti13/jwks", timeout=30)
    assert answer.status_code == 200
    assert answer.json() == json.loads((keys / "jwks.json").read_text("utf-8"))
    assert set(answer.json()["keys"][0]) == {"kty", "n", "e", "alg", "use", "kid"}


@pytest.mark.parametrize("name", ["issuer", "client_id", "jwks_url", "deployments", "contexts", "username"])
def test_a_hub_does_not_start_with_a_check_left_open(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "deploy" / "hub"))
    import course_lti
    from traitlets.config import Config

    _write_platform(tmp_path, lti_platform.Platform({}, url="https://lms.example"), **{name: ""})
    with pytest.raises(ValueError, match=f"'{name}' has to be filled in"):
        course_lti.configure(Config(), tmp_path, "keras")


def test_the_hub_does_not_start_where_nobody_asks_who_may_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What keeps strangers out would lie there unused."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy" / "hub"))
    import course_lti
    from ltiauthenticator.lti13.handlers import LTI13CallbackHandler
    from traitlets.config import Config

    async def post(self: LTI13CallbackHandler) -> None:
        await self.log_in(self.decode_and_validate_launch_request())

    _write_platform(tmp_path, lti_platform.Platform({}, url="https://lms.example"))
    course_lti.configure(Config(JupyterHub={"load_roles": []}), tmp_path, "keras")
    monkeypatch.setattr(LTI13CallbackHandler, "post", post)
    with pytest.raises(ValueError, match="post does not call 'login_user'"):
        course_lti.configure(Config(JupyterHub={"load_roles": []}), tmp_path, "keras")


# -- the key -------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_one_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "lti",
        str(tmp_path / "lti"),
        "--to",
        "canvas",
        "--url",
        "https://c.example",
        "--hub",
        "https://h.example/",
    ]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    for address in ("/hub/lti13/jwks", "/hub/lti13/oauth_login", "/hub/lti13/oauth_callback"):
        assert f" https://h.example{address}\n" in said
    assert "set the Hub up again" in said, "a restart alone would not install the authenticator"
    key = tmp_path / "lti" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    first, published = key.read_bytes(), (tmp_path / "lti" / "jwks.json").read_bytes()
    assert cli.main(command) == 0
    assert (key.read_bytes(), (tmp_path / "lti" / "jwks.json").read_bytes()) == (first, published)
    assert b"PRIVATE" in first
    private = serialization.load_pem_private_key(first, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert str(private.private_numbers().d) not in published.decode()
    assert read_key(tmp_path / "lti") == first.decode()
    key.chmod(0o640)
    with pytest.raises(UsageError, match="Others may read the key"):
        read_key(tmp_path / "lti")


def test_addresses_that_are_kept_are_named(tmp_path: Path) -> None:
    first = set_up(tmp_path, "moodle", "https://wrong.example", "https://h.example")
    file = tmp_path / "platform.json"
    filled_in = json.dumps(json.loads(file.read_text("utf-8")) | {"client_id": "client-1", "contexts": ["2"]})
    file.write_text(filled_in, "utf-8")
    assert set_up(tmp_path, "moodle", "https://wrong.example/", "https://h.example") == first
    for system, url, named in (
        ("moodle", "https://m.example", "issuer, authorize_url, jwks_url, token_url."),
        ("canvas", "https://wrong.example", "issuer, authorize_url, jwks_url, token_url, username."),
    ):
        said = set_up(tmp_path, system, url, "https://h.example")
        (line,) = (line for line in said if "has not been changed" in line)
        assert line.startswith(str(file))
        assert f": {named} " in line
        assert file.read_text("utf-8") == filled_in
    file.write_text("[]", "utf-8")
    assert any("issuer, " in line for line in set_up(tmp_path, "moodle", "https://m.example", "https://h.example"))
    file.unlink()  # as the line says
    assert not any("changed" in line for line in set_up(tmp_path, "moodle", "https://m.example", "https://h.example"))
    assert json.loads(file.read_text("utf-8"))["issuer"] == "https://m.example"


@pytest.mark.skipif(os.getuid() != 0, reason="giving a file away needs root")
@pytest.mark.parametrize("before", [None, "daemon"])
def test_the_key_belongs_to_the_account_that_sends(before: str | None, tmp_path: Path) -> None:
    if before:
        set_up(tmp_path, "moodle", "https://m.example", "https://h.example", before)
        assert (tmp_path / "key.pem").owner() == before
    set_up(tmp_path, "moodle", "https://m.example", "https://h.example", "nobody")
    assert (tmp_path / "key.pem").owner() == "nobody"
    set_up(tmp_path, "moodle", "https://m.example", "https://h.example")  # nobody else is named
    assert (tmp_path / "key.pem").owner() == "nobody"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_bad_usage_is_one_line(
    tmp_path: Path, gradebook: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTOGRADER_LTI", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    send = ["send", NAME, "--course", str(gradebook), "--to"]
    assert cli.main([*send, "lti"]) == 2
    assert "Name the folder" in capsys.readouterr().err
    assert cli.main([*send, "lti", "--url", "https://c.example"]) == 2
    assert "Leave them out" in capsys.readouterr().err
    assert cli.main([*send, "canvas", "--url", "https://c.example"]) == 2
    assert "needs --url, --lms-course and --assignment" in capsys.readouterr().err
    set_up(tmp_path, "moodle", "https://m.example", "https://h.example")
    assert cli.main([*send, "lti", "--lti", str(tmp_path)]) == 2
    assert "'client_id' has to be filled in" in capsys.readouterr().err
    _write_platform(tmp_path, lti_platform.Platform({}, url="https://m.example"))
    assert cli.main([*send, "lti", "--lti", str(tmp_path)]) == 2
    assert "terminal of the course's own server" in capsys.readouterr().err
    for wrong in (["--url", "http://m.example"], ["--hub", "h.example"], ["--account", "no-such-account"]):
        known = {"--url": "https://m.example", "--hub": "https://h.example"} | {wrong[0]: wrong[1]}
        assert cli.main(["lti", str(tmp_path / "n"), "--to", "moodle", *(x for kv in known.items() for x in kv)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "n").exists()


# -- grades --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course as grading leaves it: ada 20.5, bo 18 less 2 for being late, cy 25, dee waits, eve did nothing."""
    root = tmp_path_factory.mktemp("school")
    course = Course(root)
    with programs_of_this_python(), Gradebook(course.db_url, course.course_id) as book:
        book.update_or_create_assignment(NAME)
        book.update_or_create_notebook(NAME, NAME)
        book.update_or_create_grade_cell("cell", NAME, NAME, max_score=25, cell_type="code")
        for student in ("ada", "bo", "cy", "dee", "eve"):
            book.update_or_create_student(student)
        for student, points in {"ada": 20.5, "bo": 18.0, "cy": 25.0, "dee": 10.0}.items():
            book.update_or_create_submission(NAME, student)
            grade = book.find_grade("cell", NAME, NAME, student)
            grade.auto_score, grade.needs_manual_grade = points, student == "dee"
        book.find_submission_notebook(NAME, NAME, "bo").late_submission_penalty = 2.0
        book.db.commit()
    return root


@pytest.fixture
def school(entered: _Hub, keys: Path, gradebook: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same course, in the terminal of its server on the Hub."""
    monkeypatch.setenv("JUPYTERHUB_API_URL", f"{entered.url}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    monkeypatch.setenv("AUTOGRADER_LTI", str(keys))
    _write_platform(keys, entered.lms)
    for sub in ("11", "12", "14"):  # cy has not come yet
        entered.enter(sub)
    return gradebook


def _command(school: Path, *more: str) -> list[str]:
    return ["send", NAME, "--course", str(school), "--to", "lti", *more]


def test_first_what_would_change_then_the_change_then_nothing(
    entered: _Hub, lms: lti_platform.Platform, school: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("01", "02", "04"):
        lti_platform.add_column(lms, {"label": name, "resourceId": name, "scoreMaximum": 1})
    assert cli.main(_command(school)) == 0
    said = capsys.readouterr().out
    for line in (
        "ada: no grade -> 20.5",
        "bo: no grade -> 16",
        "cy: has not entered the Hub from the LMS yet",
        "dee: somebody has to look at their work first",
        "eve: handed in nothing",
        "Nothing was sent.",
    ):
        assert line in said
    assert len(lms.columns) == 3, "a dry run makes no column"
    assert not any(line.startswith("POST /courses") for line in lms.seen)
    assert cli.main(_command(school, "--send")) == 0
    assert "2/2 bo: no grade -> 16: sent" in capsys.readouterr().out
    column = lms.columns[-1]
    assert (column["resourceId"], column["scoreMaximum"]) == (NAME, 25)
    sent = lms.scores[column["id"]]
    assert {user: one["scoreGiven"] for user, one in sent.items()} == {"11": 20.5, "12": 16}
    assert {one["scoreMaximum"] for one in sent.values()} == {25}
    assert cli.main(_command(school, "--send")) == 0
    assert "To change: 0. There already: 2. Not sent: 3." in capsys.readouterr().out
    entered.enter("13")
    lms.never.add("13")
    assert cli.main(_command(school, "--send")) == 1
    assert "cy: no grade -> 25: The server answered 403" in capsys.readouterr().out
    lms.never.clear()
    assert cli.main(_command(school, "--send")) == 0
    assert "1/1 cy: no grade -> 25: sent" in capsys.readouterr().out
    assert len(lms.columns) == 4


_THERE = {"ada": "11", "bo": "12", "cy": "13", "dee": "14", "eve": "15"}


def _lti(lms: lti_platform.Platform, keys: Path, waits: list[float] | None = None, **other: str) -> Lti:
    known = {"issuer": lms.url, "client_id": CLIENT, "token_url": f"{lms.url}/token", "audience": f"{lms.url}/token"}
    came = {name: Launch(sub, lms.lineitems()) for name, sub in _THERE.items()}
    lti = Lti(Platform(**(known | other)), read_key(keys), NAME, came)
    lti._server.sleep = (waits if waits is not None else []).append
    return lti


@pytest.mark.parametrize(("quotes", "query"), [('""', ""), ("“”", "?type_id=3")], ids=["standard", "as Moodle writes"])
def test_columns_and_results_come_in_pages(lms: lti_platform.Platform, keys: Path, quotes: str, query: str) -> None:
    lms.quotes, lms.with_query = quotes, query
    lti = _lti(lms, keys)
    assert lti.max_points() is None
    lti.begin(25)
    for student in lti.students():
        lti.send(student, float(student.number))
    again = _lti(lms, keys)
    assert again.max_points() == 25
    assert {one.number: one.grade for one in again.students()} == {sub: float(sub) for sub in _THERE.values()}


def test_a_column_whose_answer_was_lost_is_not_made_twice(lms: lti_platform.Platform, keys: Path) -> None:
    lms.lost.append(f"/courses/{COURSE}/lineitems")
    lti = _lti(lms, keys)
    assert lti.max_points() is None
    lti.begin(25)
    assert len(lms.columns) == 1
    lti.send(lti.students()[0], 3.0)


def test_a_busy_lms_is_waited_for(lms: lti_platform.Platform, keys: Path) -> None:
    waits: list[float] = []
    lti = _lti(lms, keys, waits)
    lms.trouble += [(429, {"Retry-After": "7"}), (503, {})]
    assert lti.max_points() is None
    assert waits == [7.0, 2.0]
    lms.trouble.append((429, {}))
    lti.begin(25)
    lms.trouble += [(502, {})] * 5
    with pytest.raises(LmsFailed, match="It was tried 5 times"):
        lti.send(lti_there(lti), 1.0)


def lti_there(lti: Lti) -> Any:
    from autograder.lms.systems import There

    return There("11", frozenset(), None)


def test_what_the_lms_refuses_is_one_clear_line(lms: lti_platform.Platform, keys: Path, tmp_path: Path) -> None:
    with pytest.raises(LmsFailed, match=r"no access to its grades.*invalid_client"):
        _lti(lms, keys, client_id="client-2").max_points()
    with pytest.raises(LmsFailed, match="invalid_client"):
        _lti(lms, keys, audience="https://elsewhere.example/token").max_points()
    set_up(tmp_path, "moodle", "https://m.example", "https://h.example")
    with pytest.raises(LmsFailed, match="invalid_client"):
        _lti(lms, tmp_path).max_points()
    lms.allowed.discard(f"{AGS}scope/score")
    with pytest.raises(LmsFailed, match="does not let the Hub's tool do this: score"):
        _lti(lms, keys).max_points()
    lms.allowed.add(f"{AGS}scope/score")
    for _ in range(2):
        lti_platform.add_column(lms, {"label": NAME, "resourceId": NAME, "scoreMaximum": 25})
    with pytest.raises(LmsFailed, match="several columns"):
        _lti(lms, keys).max_points()


def test_who_came_from_where(lms: lti_platform.Platform, entered: _Hub, keys: Path, school: Path) -> None:
    from autograder.lms.http import Server

    platform = read_platform(keys)
    hub = Server(f"{entered.url}/hub/api", {"Authorization": f"token {TOKEN}"}, TOKEN)
    assert set(launches(["ada", "bo", "nobody", "tutor", "../bo"], platform, hub)) == {"ada", "bo"}
    _write_platform(keys, lms, learner="jupyter-{name}")
    assert set(launches(["ada", "jupyter-bo", "jupyter-"], read_platform(keys), hub)) == {"jupyter-bo"}
    _write_platform(keys, lms, issuer="https://the.one.before.example")
    assert launches(["ada"], read_platform(keys), hub) == {}, "a number means something in its own LMS alone"
    with pytest.raises(LmsFailed, match="The Hub did not say who entered it"):
        launches(["ada"], platform, Server(f"{entered.url}/hub/api", {"Authorization": "token " + "0" * 32}))
    with pytest.raises(CourseError, match="has entered the Hub"):
        Lti(platform, "", NAME, {})
    with pytest.raises(CourseError, match="gave no address for grades"):
        Lti(platform, "", NAME, {"ada": Launch("11", "")})
    with pytest.raises(LmsFailed, match="several courses of the LMS"):
        Lti(platform, "", NAME, {"ada": Launch("11", "https://a/5"), "bo": Launch("12", "https://a/6")})


def test_the_hubs_log_names_no_token_and_no_key(entered: _Hub, school: Path) -> None:
    log = entered.log.read_text("utf-8")
    assert "Refused" in log or "refused" in log
    assert not re.search(r"eyJ[\w-]{20,}\.", log), "an id_token in the log could be used again"


def test_the_hubs_key_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "deploy" / "hub"))
    import course_lti

    path = tmp_path / "auth_state_key"

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as on_a_full_disk:
        on_a_full_disk.setattr(course_lti.os, "fdopen", full)
        with pytest.raises(OSError, match="No space"):
            course_lti._kept(path)
    assert list(tmp_path.iterdir()) == []
    path.touch()  # as earlier versions left it
    key = course_lti._kept(path)
    assert len(bytes.fromhex(key)) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert course_lti._kept(path) == key
    assert list(tmp_path.iterdir()) == [path]
