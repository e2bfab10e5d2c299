"""The course's page on a Hub: what is handed in there has a receipt, and everybody sees what is theirs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import course_service
import pytest
import requests
from course_service import Page
from markupsafe import escape
from test_inbox import NAME, made, submit, worked

from autograder.course.deadlines import Deadline, LatePolicy
from autograder.course.directory import Course
from autograder.course.inbox import receive
from autograder.course.receipts import Receipts
from autograder.course.times import time_of
from autograder.exercise.definition import find_exercise
from autograder.exercise.outcome import CheckResult
from autograder.jupyter import standing
from autograder.jupyter.live import known_to
from autograder.jupyter.work import Service
from autograder.learner import live
from autograder.learner.live import Counting
from autograder.learner.notebook import Session

# -- what is said -----------------------------------------------------------------------------------------------------


def test_what_is_due_and_what_lateness_costs_in_sentences() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    policy = LatePolicy(grace_minutes=15, percent_per_day=10, at_most_percent=50, no_credit_after_days=7)
    deadline = Deadline(now + timedelta(days=2, hours=3), UTC, policy, {"bo": now + timedelta(days=9)})
    assert standing.due_sentences(deadline, "ada", now) == (
        "Due Sun 22 Nov 2026, 15:00 (UTC), in 2 days 3 hours.",
        "Work handed in up to 15 minutes later still counts as on time.",
        "Late work loses 10 % of the points it earns for each day or part of a day, up to 50 %.",
        "After 7 days it earns no points.",
    )
    assert standing.due_sentences(deadline, "bo", now)[0].startswith("With your extension: due Sun 29 Nov")
    over = replace(deadline, due=now - timedelta(hours=1), policy=LatePolicy(no_credit_after_days=0))
    assert standing.due_sentences(over, "ada", now) == (
        "It was due Fri 20 Nov 2026, 11:00 (UTC), 1 hour ago.",
        "Late work earns no points.",
    )
    assert standing.due_sentences(None, "ada", now) == ("No due date is set.",)


def test_which_version_counts_and_how_late_it_is(tmp_path: Path) -> None:
    due = {"due": "2026-11-20 23:59", "extensions": {"bo": "2026-11-30 23:59"}}
    course = made(tmp_path / "course", time_zone="Europe/Vienna", late={"percent_per_day": 10}, exercises={NAME: due})
    at = datetime(2026, 11, 20, 22, tzinfo=UTC).timestamp()
    for seconds, text in ((0, "x = 1"), (7_200, "x = 2")):
        for who in ("ada", "bo"):
            receive(course, NAME, who, "x.ipynb", worked(text), at + seconds)
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    (ada,) = standing.of_learner(course, "ada", now)
    assert [version.says for version in ada.versions] == [
        "this one counts; 1 hour 1 minute late, which takes off 10 % of its points",
        "replaced by a later one",
    ]
    assert ada.versions[0].handed_in == "Sat 21 Nov 2026, 01:00"
    assert ada.versions[0].received == "01:00:00"
    (bo,) = standing.of_learner(course, "bo", now)
    assert bo.versions[0].says == "this one counts; on time"
    (everybody,) = standing.of_class(course, now)
    assert everybody.handed_in == 2
    assert everybody.late == ("ada, 1 hour 1 minute late",)
    assert everybody.extended == ("bo, until Mon 30 Nov 2026, 23:59 (Europe/Vienna)",)
    assert ada.result == "", "the course shows no results here"


# -- the service ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Course, Page]]:
    course = made(tmp_path_factory.mktemp("hub") / "course", live=True)
    with course_service.running(course.root) as page:
        yield course, page


def test_a_learner_hands_in_a_file_and_reads_what_became_of_it(served: tuple[Course, Page]) -> None:
    course, page = served
    answer = page.hand_in("ada", NAME, worked("x = 1"))
    assert answer.status_code == 200
    (receipt,) = Receipts(course.state, "trial").given(NAME, "ada")
    assert f"received, receipt {receipt.number}." in answer.text
    assert abs(time_of(receipt.received).replace(tzinfo=UTC).timestamp() - time.time()) < 60  # type: ignore[union-attr]
    shown = page.ask("ada").text
    assert "this one counts" in shown
    saved = page.ask("ada", f"receipt/{NAME}/{receipt.number}")
    assert saved.text == receipt.to_text()
    assert "attachment" in saved.headers["Content-Disposition"]
    assert page.ask("bo", f"receipt/{NAME}/{receipt.number}").status_code == 404
    assert receipt.number not in page.ask("bo").text


def test_what_is_submitted_while_it_runs_is_taken_in(served: tuple[Course, Page]) -> None:
    course, page = served
    submit(course, "bo", worked("by Submit"))
    end = time.monotonic() + 60
    logged = re.compile(r"\d\d:\d\d:\d\d  bo  03-dense-networks: received, receipt")  # after the page shows it
    while "this one counts" not in page.ask("bo").text or not logged.search(page.log.read_text("utf-8")):
        assert time.monotonic() < end, page.log.read_text("utf-8")
        time.sleep(0.3)


@pytest.mark.parametrize("place", [f"bo/{NAME}.ipynb", f"submitted/bo/{NAME}/{NAME}.ipynb", f"{NAME}-bo.ipynb"])
def test_nobody_hands_in_for_another_while_nobody_has_pressed_submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Every learner may write to the exchange. Nothing there was one of its folders yet, and so it was taken for a
    folder of files, whose names say whose they are.
    """
    course = made(tmp_path / "course")
    forged = tmp_path / "exchange" / "trial" / "inbound" / place
    forged.parent.mkdir(parents=True, exist_ok=True)
    forged.write_bytes(worked("by ada"))
    clock = itertools.count(time.time() + 10, 5)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    service = Service(course.root)
    for _ in range(3):
        service.look()
    assert not Receipts(course.state, "trial").given(NAME, "bo")
    assert not list(course.submitted.iterdir())
    submit(course, "bo", worked("by bo"))
    for _ in range(3):
        service.look()
    assert course.submission(NAME, "bo").raw == worked("by bo"), "an honest one is taken in beside it"


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("", "", 302),
        ("nobody-known", "", 302),
        ("stranger", "", 403),
        ("tutor", "", 302),
        ("tutor", "class/", 200),
        ("ada", "class/", 403),
        ("ada", "live/", 403),
        ("tutor", "live/", 200),
        ("", "api/live", 200),
        ("other", "class/", 403),
        ("ada", "receipt/..%2f..%2fx/AAAA-AAAA", 404),
        ("ada", f"receipt/{NAME}/AAAA-AAAA", 404),
        ("ada", f"feedback/{NAME}", 404),
        ("ada", "feedback/..%2F..%2Fgradebook.db", 404),
        ("ada", "nothing", 404),
        ("ada", f"hand-in/{NAME}", 302),
    ],
)
def test_who_may_see_what(served: tuple[Course, Page], who: str, path: str, status: int) -> None:
    answer = served[1].ask(who, path)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text


def test_who_cannot_be_identified_hands_in_nothing(served: tuple[Course, Page]) -> None:
    course, page = served
    for who in ("", "nobody-known", "stranger"):
        assert page.hand_in(who, NAME, worked("x")).status_code == 403
    assert {f.name for f in course.submitted.iterdir()} <= {"ada", "bo"}


def _begun(page: Page, path: str, who: str, size: int, sent: int) -> socket.socket:
    """A request of which a part has been sent, and the rest never is."""
    at = urlsplit(page.url)
    connection = socket.create_connection((str(at.hostname), int(at.port or 0)), timeout=60)
    token = f"Authorization: token {who}\r\n" if who else ""
    form = "Content-Type: multipart/form-data; boundary=x\r\n"
    head = f"POST {at.path}{path} HTTP/1.1\r\nHost: x\r\n{token}{form}Content-Length: {size}\r\n\r\n"
    with contextlib.suppress(ConnectionError):  # it may be refused meanwhile
        connection.sendall(head.encode() + bytes(sent))
    return connection


def _memory(page: Page) -> int:
    """Bytes that the service has in memory."""
    return int(Path(f"/proc/{page.process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(("who", "path"), [("", f"hand-in/{NAME}"), ("stranger", f"hand-in/{NAME}"), ("", "nothing")])
def test_nobody_in_particular_fills_the_memory(served: tuple[Course, Page], who: str, path: str) -> None:
    """Bodies were read whole before anybody asked whose they are."""
    _, page = served
    before = _memory(page)
    begun = [_begun(page, path, who, 20_000_000, 19_000_000) for _ in range(12)]
    assert page.ask("ada").status_code == 200, "others are served"
    assert _memory(page) - before < 60_000_000
    for one in begun:
        one.close()


def test_one_person_has_few_hand_ins_in_memory_and_what_is_broken_off_makes_room(served: tuple[Course, Page]) -> None:
    course, page = served
    begun = [_begun(page, f"hand-in/{NAME}", "bo", 1_000_000, 500_000)]
    end = time.monotonic() + 60
    while (answer := page.hand_in("bo", NAME, worked("x = 7"))).status_code != 429:
        assert time.monotonic() < end
        # Another each time: one that comes while a whole hand-in is still being dealt with has no room.
        begun.append(_begun(page, f"hand-in/{NAME}", "bo", 1_000_000, 500_000))
    assert "Other files of yours are still being sent" in answer.text
    assert page.hand_in("ada", NAME, worked("x = 7")).status_code == 200, "others hand in"
    for one in begun:
        one.close()
    end = time.monotonic() + 60
    while (answer := page.hand_in("bo", NAME, worked("x = 8"))).status_code == 429:
        assert time.monotonic() < end
    assert answer.status_code == 200
    assert course.submission(NAME, "bo").raw == worked("x = 8")
    refused = [page.hand_in("bo", NAME, b"{").status_code for _ in range(4)]
    assert refused == [400] * 4, "one that is refused makes room, too"


def test_with_a_cookie_the_pages_own_form_hands_in_and_one_of_another_site_does_not(
    served: tuple[Course, Page],
) -> None:
    """The page's XSRF token is in the form's address, because it is checked before any of the form is read."""
    course, page = served
    browser = page.logged_in("bo")
    shown = browser.get(page.url, timeout=60).text
    (action,) = re.findall(r'action="([^"]*/hand-in/[^"]*)"', shown)
    at = urljoin(page.url, unescape(action))
    files = {"notebook": ("mine.ipynb", worked("by the form"))}
    for forged in (at.partition("?")[0], at[:-1]):
        assert browser.post(forged, files=files, timeout=60).status_code == 403
    assert course.submission(NAME, "bo").raw != worked("by the form")
    assert browser.post(at, files=files, timeout=60).status_code == 200
    assert course.submission(NAME, "bo").raw == worked("by the form")


def test_a_large_file_is_answered_whoever_sends_it(served: tuple[Course, Page]) -> None:
    """Somebody whose session has ended is told so; else the browser would say that the connection was reset."""
    _, page = served
    large = worked("x" * 3_000_000)
    assert page.hand_in("", NAME, large).status_code == 403
    assert page.hand_in("ada", NAME, large).status_code == 200


def test_an_address_that_is_no_text_leaves_no_traceback(served: tuple[Course, Page]) -> None:
    _, page = served
    with requests.Session() as browser:
        assert browser.post(page.url + "hand-in/%ff", data=b"x", timeout=60).status_code == 400
    assert page.ask("", "").status_code == 302  # it has noticed the end of that connection
    assert "AttributeError" not in page.log.read_text("utf-8")


def test_what_is_no_hand_in_is_refused_in_a_sentence(served: tuple[Course, Page]) -> None:
    _, page = served
    assert "choose a file first" in page.ask("ada", f"hand-in/{NAME}", "POST").text
    assert page.hand_in("ada", "99-none", worked("x")).status_code == 404
    other = page.hand_in("ada", NAME, worked("x", "04-softmax"))
    assert other.status_code == 400
    assert f"not of &#39;{NAME}&#39;" in other.text
    odd = page.hand_in("ada", NAME, b"{", "<script>alert(1)</script>.ipynb")
    assert "<script" not in odd.text
    assert "default-src 'none'" in odd.headers["Content-Security-Policy"]


def test_a_slip_in_the_settings_is_the_teachers_and_not_a_traceback(served: tuple[Course, Page]) -> None:
    course, page = served
    before = (course.root / "autograder.json").read_text()
    (course.root / "autograder.json").write_text("{")
    try:
        end = time.monotonic() + 60
        while (answer := page.ask("ada")).status_code == 200:
            assert time.monotonic() < end
            time.sleep(0.3)
        assert answer.status_code == 503
        assert str(course.root) not in answer.text
        assert "autograder.json is not valid JSON" in page.log.read_text("utf-8")
    finally:
        (course.root / "autograder.json").write_text(before)
        end = time.monotonic() + 60
        while page.ask("ada").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.3)


# -- live -------------------------------------------------------------------------------------------------------------


def test_what_check_finds_is_counted_after_the_learner_was_told(
    served: tuple[Course, Page], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The learner's own `check`, and the teacher's page."""
    _, page = served
    monkeypatch.setenv("AUTOGRADER_LIVE", page.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "ada")
    session = Session(find_exercise(NAME), {"hidden_parameters": 7840, "output_parameters": 33, "all_parameters": 7873})
    end = time.monotonic() + 60
    while "Your course counts what `check` finds here" not in capsys.readouterr().out:
        session.check("counted")
        assert time.monotonic() < end
        time.sleep(0.2)
    while "<td>1</td>" not in (seen := page.ask("tutor", "live/").text):
        assert time.monotonic() < end, seen
        time.sleep(0.2)
    session.check("counted")
    assert "Your course" not in capsys.readouterr().out, "once is enough"
    wordings = known_to(Course(served[0].root), NAME)
    assert wordings is not None
    assert any(str(escape(text)) in seen for text in wordings.wordings.values())
    assert "ada" not in seen


@pytest.mark.parametrize("who", ["", "stranger"])
def test_only_those_of_the_hub_are_counted(served: tuple[Course, Page], who: str) -> None:
    assert served[1].ask(who, "api/live", "POST", json={}).status_code == 403


@contextmanager
def _answering(opened: socket.socket, answer: dict[str, bool]) -> Iterator[tuple[str, list[str | None]]]:
    """Something that answers at an open socket; its address, and the token of each request that came."""
    came: list[str | None] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET

    with HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = opened
        server.server_bind()
        server.server_activate()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", came
        server.shutdown()


def test_a_learner_who_listens_in_the_pages_place_is_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.getuid() == 0:
        os.seteuid(65_534)
        opened = socket.socket()
        os.seteuid(0)
    else:
        opened = socket.socket()
        mine = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with _answering(opened, {"on": True}) as (address, came):
        monkeypatch.setenv("AUTOGRADER_LIVE", address)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "ada")
        session = Session(find_exercise(NAME), {})
        end, said = time.monotonic() + 60, ""
        while not came and "Another user of this machine is answering in place of your course's page" not in said:
            session.check("counted")
            said = capsys.readouterr().out
            assert time.monotonic() < end
            time.sleep(0.1)
        session.check("counted")
        assert "Another user" not in capsys.readouterr().out, "once is enough"
    assert came == []


@pytest.mark.parametrize(("listens", "counts"), [("127.0.0.1", True), ("0.0.0.0", True), ("127.0.0.2", False)])
def test_only_who_would_answer_at_the_pages_address_is_asked_for(listens: str, counts: bool) -> None:
    """A learner elsewhere on the same port, where no port is reserved, keeps nobody from being counted."""
    with socket.create_server((listens, 0)) as opened:
        address = f"http://127.0.0.1:{opened.getsockname()[1]}/"
        with contextlib.nullcontext() if counts else pytest.raises(ConnectionRefusedError):
            assert live._listeners(address) == {os.getuid()}


def test_of_a_port_opened_for_ipv6_as_well_the_owner_is_known() -> None:
    try:
        opened = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    except (OSError, ValueError):
        pytest.skip("this system has no IPv6")
    with opened:
        assert live._listeners(f"http://127.0.0.1:{opened.getsockname()[1]}/") == {os.getuid()}
    with socket.create_server(("::ffff:127.0.0.1", 0), family=socket.AF_INET6, dualstack_ipv6=True) as opened:
        assert live._listeners(f"http://127.0.0.1:{opened.getsockname()[1]}/") == {os.getuid()}


def test_a_course_that_counts_nothing_is_sent_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(socket.socket(), {"on": False}) as (address, came):
        monkeypatch.setenv("AUTOGRADER_LIVE", address)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "ada")
        Counting(NAME)
        end = time.monotonic() + 60
        while not came:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert came == [None]


def test_where_nothing_is_counted_nothing_is_said_or_sent(capsys: pytest.CaptureFixture[str]) -> None:
    counting = Counting(NAME)
    counting.send(CheckResult("counted", 1.0, ()))
    assert counting.notice() == ""
    assert counting._queue.empty()
