"""Feedback and grades back into an LMS: names as they came, and requests as the published interfaces ask for them.

The servers are stand-ins. They hold each request against the parameters that Canvas's and Moodle's documentation and
source name, and refuse what these would refuse. None of the two was at hand.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from kit import ROOT
from nbgrader.api import Gradebook

sys.path.insert(0, str(ROOT))
from autograder import cli
from autograder.course.collect import DELIVERED
from autograder.course.directory import Course
from autograder.course.release import programs_of_this_python
from autograder.errors import LmsFailed, UsageError
from autograder.grading import batch
from autograder.lms import send
from autograder.lms.handback import hand_back
from autograder.lms.http import Server, read_token
from autograder.lms.systems import Canvas, Moodle
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"
TOKEN = "7~secretsecretsecret"
STUDENTS = ("ada", "bo", "cy", "dee")


@pytest.fixture(scope="module")
def _graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("graded")
    course = Course(root)
    exercise = course.make_ready(NAME)
    stand_in.write_class(root / "submitted", NAME, len(STUDENTS))
    for number, name in enumerate(STUDENTS):
        (root / "submitted" / f"student-{number:05}").rename(root / "submitted" / name)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    batch.grade_class(course, exercise, setup, course.submissions(NAME), 2, pools=stand_in.pools(exercise))
    with programs_of_this_python(), Gradebook(course.db_url, course.course_id) as book:
        book.update_or_create_student("absent")
        book.update_or_create_student("bo", lms_user_id="102")
        grade = book.find_submission_notebook(NAME, NAME, "dee").grades[0]
        grade.needs_manual_grade = True
        book.db.commit()
    return root


@pytest.fixture
def school(_graded: Path, tmp_path: Path) -> Path:
    """A graded course: ada, bo, cy; dee's work waits for a person, and `absent` handed in nothing."""
    import shutil

    shutil.copytree(_graded, tmp_path / "school")
    return tmp_path / "school"


def _delivered(root: Path, **paths: str) -> None:
    source = "Canvas" if any(re.match(r"[^_]+_\d+_\d+_", path) for path in paths.values()) else "Moodle"
    content = {student: {"source": source, "path": path} for student, path in paths.items()}
    (root / ".autograder" / NAME / DELIVERED).write_text(json.dumps(content), "utf-8")


def _moodle_takes(name: str) -> str:
    """The participant's number that Moodle finds in a path of a feedback zip; its rule, in our words."""
    for part in name.split("/"):
        info = part.split("_", 4)
        if len(info) >= 4 and info[1].isdigit() and info[2:4] == ["assignsubmission", "file"]:
            return info[1]
    return ""


def test_moodle_gets_its_own_folder_names_back_and_who_has_none_is_listed(school: Path) -> None:
    _delivered(
        school,
        ada="Ada Lovelace_11_assignsubmission_file_/x.ipynb",
        bo="top/Bo_von_B_12_assignsubmission_file/deep/x.ipynb",
        dee="Dee_14_assignsubmission_file_/x.ipynb",
    )
    done = hand_back(Course(school), NAME, "moodle")
    with zipfile.ZipFile(done.path) as archive:
        names = archive.namelist()
        assert {_moodle_takes(name) for name in names} == {"11", "12"}
        assert f"Ada Lovelace_11_assignsubmission_file_/{NAME}-feedback.html" in names
        assert all(not part.startswith((".", "~")) for name in names for part in name.split("/"))
        assert b"stand-in" in archive.read(names[0])
    assert (done.students, done.unnamed, done.waiting) == (["ada", "bo"], ["cy"], ["dee"])
    first = done.path.read_bytes()
    assert hand_back(Course(school), NAME, "moodle").path.read_bytes() == first


def test_without_folders_the_name_is_the_files(school: Path) -> None:
    _delivered(school, ada="Ada Lovelace_11_assignsubmission_file_x.ipynb")
    with zipfile.ZipFile(hand_back(Course(school), NAME, "moodle").path) as archive:
        assert archive.namelist() == [f"Ada Lovelace_11_assignsubmission_file_{NAME}-feedback.html"]


def test_canvas_and_pages(school: Path) -> None:
    _delivered(school, ada="lovelaceada_101_9001_x.ipynb", bo="bo_LATE_102_9002_x-1.ipynb")
    done = hand_back(Course(school), NAME, "canvas")
    with zipfile.ZipFile(done.path) as archive:
        assert sorted(archive.namelist()) == [
            f"bo_LATE_102_9002_{NAME}-feedback.html",
            f"lovelaceada_101_9001_{NAME}-feedback.html",
        ]
    pages = hand_back(Course(school), NAME, "pages")
    assert sorted(file.name for file in pages.path.iterdir()) == ["ada.html", "bo.html", "cy.html"]


def test_collect_keeps_what_moodle_calls_each_hand_in(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = (ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_bytes()
    with zipfile.ZipFile(course / "in.zip", "w") as archive:
        archive.writestr("Ada Lovelace_11_assignsubmission_file_/mine.ipynb", notebook)
        archive.writestr("Bo B_12_assignsubmission_file_/mine.ipynb", notebook)
    assert cli.main(["collect", str(course / "in.zip"), NAME, "--course", str(course)]) == 0
    kept = json.loads((course / ".autograder" / NAME / DELIVERED).read_text("utf-8"))
    assert kept["Ada Lovelace"] == {"source": "Moodle", "path": "Ada Lovelace_11_assignsubmission_file_/mine.ipynb"}
    assert len(kept) == 2
    assert cli.main(["feedback", NAME, "--course", str(course), "--as", "moodle"]) == 2
    assert "Grade it first" in capsys.readouterr().err


def test_a_request_for_another_look_is_collected_beside_the_notebook(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = (ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_bytes()
    with zipfile.ZipFile(course / "in.zip", "w") as archive:
        archive.writestr("ada_101_9001_mine.ipynb", notebook)
        archive.writestr("ada_101_9002_another-look-1.txt", "by_hand: the bias is there. " + "x" * 9_000)
        archive.writestr("bo_102_9003_another-look.txt", "mine")
    assert cli.main(["collect", str(course / "in.zip"), NAME, "--course", str(course)]) == 0
    kept = (course / "submitted" / "ada" / NAME / "another-look.txt").read_text("utf-8")
    assert kept.startswith("by_hand: the bias is there.")
    assert len(kept) == 4_000
    said = capsys.readouterr().out
    assert "These students ask for another look: ada." in said
    assert "it asks for another look, but there is no work from this student" in said
    assert not (course / "submitted" / "bo").exists()


class _Handler(BaseHTTPRequestHandler):
    """What both stand-ins have in common."""

    seen: ClassVar[list[str]]
    grades: ClassVar[dict[str, float | None]]
    trouble: ClassVar[list[tuple[int, str, dict[str, str]]]]  # answers to give before the right one
    never: ClassVar[set[str]]  # whose grade is refused
    worth: ClassVar[float]

    def log_message(self, *_: Any) -> None:
        return

    def answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(content).encode() if not isinstance(content, str) else content.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def form(self) -> dict[str, str]:
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        return dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True))

    def troubled(self) -> bool:
        type(self).seen.append(f"{self.command} {self.path}")
        assert TOKEN not in self.path, "a token in an address ends in logs"
        if type(self).trouble:
            self.answer(*type(self).trouble.pop(0))
            return True
        return False


class _CanvasServer(_Handler):
    """Canvas, two to a page."""

    users: ClassVar[list[dict[str, Any]]] = [
        {"id": 101, "login_id": "Ada", "sis_user_id": None},
        {"id": 102, "login_id": "else", "sis_user_id": "x"},
        {"id": 103, "login_id": "c@x", "sis_user_id": "cy"},
        {"id": 104, "login_id": "dee"},
        {"id": 105, "login_id": "absent"},
    ]

    def do_GET(self) -> None:
        if self.troubled():
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"errors": [{"message": f"Invalid: {self.headers.get('Authorization')}"}]})
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/api/v1/courses/5/assignments/7":
            return self.answer(200, {"id": 7, "points_possible": type(self).worth})
        if parts.path == "/api/v1/courses/5/users":
            assert query["enrollment_type[]"] == "student"
            return self.pages(self.users, parts.path, query)
        if parts.path == "/api/v1/courses/5/assignments/7/submissions":
            rows = [{"user_id": u["id"], "score": type(self).grades.get(str(u["id"]))} for u in self.users]
            return self.pages(rows, parts.path, query)
        return self.answer(404, {"errors": [{"message": "The specified resource does not exist."}]})

    def pages(self, rows: list[dict[str, Any]], path: str, query: dict[str, str]) -> None:
        page = int(query.get("page", "1"))
        more = {"page": str(page + 1)} if rows[2 * page :] else None
        others = "&".join(f"{k}={v}" for k, v in query.items() if k != "page")
        link = f'<http://{self.headers["Host"]}{path}?{others}&page={page}>; rel="current"'
        if more:
            link += f',<http://{self.headers["Host"]}{path}?{others}&page={page + 1}>; rel="next"'
        self.answer(200, rows[2 * page - 2 : 2 * page], {"Link": link})

    def do_PUT(self) -> None:
        if self.troubled():
            self.rfile.read(int(self.headers["Content-Length"]))
            return
        found = re.fullmatch(r"/api/v1/courses/5/assignments/7/submissions/(\d+)", self.path)
        form = self.form()
        assert found
        assert set(form) == {"submission[posted_grade]"}
        assert re.fullmatch(r"\d+(\.\d+)?", form["submission[posted_grade]"]), "no empty grade, no percentage"
        if found[1] in type(self).never:
            return self.answer(400, {"errors": "no"})
        type(self).grades[found[1]] = float(form["submission[posted_grade]"])
        self.answer(200, {"user_id": int(found[1]), "score": type(self).grades[found[1]]})


class _MoodleServer(_Handler):
    """Moodle: one address, status 200 for everything, types as `external_value` checks them."""

    wanted: ClassVar[dict[str, dict[str, str]]] = {
        "mod_assign_get_assignments": {"courseids[0]": r"\d+"},
        "mod_assign_get_grades": {"assignmentids[0]": r"\d+"},
        "core_enrol_get_enrolled_users": {"courseid": r"\d+"},
        "mod_assign_save_grade": {
            "assignmentid": r"\d+",
            "userid": r"\d+",
            "grade": r"-?\d+(\.\d+)?",
            "attemptnumber": r"-?\d+",
            "addattempt": "[01]",
            "workflowstate": "[A-Za-z]*",
            "applytoall": "[01]",
        },
    }

    def do_POST(self) -> None:
        form = self.form()
        if self.troubled():
            return
        assert self.path == "/webservice/rest/server.php"
        assert form.pop("moodlewsrestformat") == "json"
        if form.pop("wstoken") != TOKEN:
            return self.answer(200, {"exception": "moodle_exception", "errorcode": "invalidtoken", "message": "Bad"})
        function = form.pop("wsfunction")
        wanted = self.wanted[function]
        if set(form) != set(wanted) or not all(re.fullmatch(wanted[k], v) for k, v in form.items()):
            return self.answer(200, {"exception": "invalid_parameter_exception", "message": "Invalid parameter"})
        if function == "mod_assign_get_assignments":
            one = {"id": 7, "cmid": 70, "grade": type(self).worth}
            return self.answer(200, {"courses": [{"id": 5, "assignments": [one]}], "warnings": []})
        if function == "core_enrol_get_enrolled_users":
            rows = [
                {"id": 101, "username": "ada", "idnumber": "", "email": "a@x"},
                {"id": 102, "username": "b", "idnumber": "102", "email": "b@x"},
                {"id": 103, "username": "CY", "email": "c@x"},
            ]
            return self.answer(200, rows)
        if function == "mod_assign_get_grades":
            rows = [
                {"userid": int(u), "grade": f"{-1 if g is None else g:.5f}", "attemptnumber": 0}
                for u, g in type(self).grades.items()
            ]
            return self.answer(200, {"assignments": [{"assignmentid": 7, "grades": rows}], "warnings": []})
        if form["userid"] in type(self).never:
            return self.answer(200, {"exception": "moodle_exception", "message": "Could not save"})
        type(self).grades[form["userid"]] = float(form["grade"])
        return self.answer(200, "null")


@pytest.fixture(params=["canvas", "moodle"])
def lms(request: pytest.FixtureRequest) -> Iterator[tuple[str, type[_Handler], str]]:
    base = _CanvasServer if request.param == "canvas" else _MoodleServer
    handler = type("Now", (base,), {"seen": [], "grades": {}, "trouble": [], "never": set(), "worth": 25.0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield request.param, handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _command(school: Path, kind: str, url: str, *more: str) -> list[str]:
    where = ["--to", kind, "--url", url, "--lms-course", "5", "--assignment", "7"]
    return ["send", NAME, "--course", str(school), *where, *more]


def test_first_what_would_change_then_the_change_then_nothing(
    school: Path,
    lms: tuple[str, type[_Handler], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, server, url = lms
    monkeypatch.setenv("AUTOGRADER_LMS_TOKEN", TOKEN)
    server.grades.update({"101": 25.0, "104": 3.0, "105": 4.0})
    assert cli.main(_command(school, kind, url)) == 0
    said = capsys.readouterr().out
    assert "Nothing was sent." in said
    assert "ada: 25 -> " in said
    assert "lower than before" in said
    assert "bo: no grade -> " in said
    assert "absent: handed in nothing" in said
    assert "dee: somebody has to look at their work first" in said
    assert server.grades == {"101": 25.0, "104": 3.0, "105": 4.0}
    assert not any(line.startswith("PUT") for line in server.seen)
    assert cli.main(_command(school, kind, url, "--send")) == 0
    assert "3/3 cy: no grade -> " in capsys.readouterr().out
    assert {"101", "102", "103"} <= set(server.grades)
    assert (server.grades["104"], server.grades["105"]) == (3.0, 4.0), "nobody lost a grade"
    assert cli.main(_command(school, kind, url, "--send")) == 0
    assert "To change: 0. There already: 3. Not sent: 2." in capsys.readouterr().out


@pytest.mark.parametrize(("status", "tried"), [(404, 8), (422, 8), (403, 5), (0, 5)])
def test_who_has_left_the_lms_s_course_stops_nobody_else(status: int, tried: int) -> None:
    """Students who stand beside each other and are gone there; where nothing works at all, it ends soon."""
    asked: list[int] = []

    class _System:
        def begin(self, worth: float | None) -> None:
            pass

        def send(self, there: int, points: float) -> None:
            asked.append(there)
            if there < 6:
                raise LmsFailed("The server answered that.", status)

    changes: Any = [send.Change(f"s{number}", number, 1.0) for number in range(8)]  # type: ignore[arg-type]
    system: Any = _System()
    sending = send.send(send.Plan(changes, 0, [], 1.0), system)
    with nullcontext() if tried == 8 else pytest.raises(LmsFailed, match="in a row failed"):
        told = [why for _, why in sending]
        assert told == ["The server answered that."] * 6 + ["", ""]
    assert asked == list(range(tried))


def test_a_run_that_failed_in_part_is_taken_up(
    school: Path,
    lms: tuple[str, type[_Handler], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, server, url = lms
    monkeypatch.setenv("AUTOGRADER_LMS_TOKEN", TOKEN)
    server.never.add("102")
    assert cli.main(_command(school, kind, url, "--send")) == 1
    said = capsys.readouterr().out
    assert "1 failed. Run the same command again" in said
    assert "cy: no grade -> " in said
    server.never.clear()
    assert cli.main(_command(school, kind, url, "--send")) == 0
    assert "1/1 bo: " in capsys.readouterr().out


def _system(kind: str, url: str, waits: list[float] | None = None) -> Any:
    sleep = (waits if waits is not None else []).append
    return (Canvas if kind == "canvas" else Moodle)(url, TOKEN, 5, 7, sleep)


def test_a_busy_server_is_waited_for_as_long_as_it_says(school: Path, lms: tuple[str, type[_Handler], str]) -> None:
    kind, server, url = lms
    waits: list[float] = []
    server.trouble += [(429, "slow", {"Retry-After": "7"}), (503, "later", {}), (502, "gone", {})]
    if kind == "canvas":
        server.trouble.append((403, "403 Forbidden (Rate Limit Exceeded)", {}))
    assert send.plan(Course(school), NAME, _system(kind, url, waits)).changes
    assert waits[:3] == [7.0, 2.0, 4.0]
    server.trouble += [(503, "later", {})] * 5
    with pytest.raises(LmsFailed, match="It was tried 5 times"):
        send.plan(Course(school), NAME, _system(kind, url, waits))


def test_what_does_not_agree_is_not_sent(school: Path, lms: tuple[str, type[_Handler], str]) -> None:
    kind, server, url = lms
    server.worth = 100.0
    with pytest.raises(UsageError, match="25 points here and 100 there"):
        send.plan(Course(school), NAME, _system(kind, url))
    scaled = send.plan(Course(school), NAME, _system(kind, url), scale=True)
    server.worth = 25.0
    plain = send.plan(Course(school), NAME, _system(kind, url))
    assert [c.points for c in scaled.changes] == [pytest.approx(4 * c.points) for c in plain.changes]


def test_a_wrong_token_is_told_without_the_token(
    school: Path,
    lms: tuple[str, type[_Handler], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, _, url = lms
    (tmp_path / "token").write_text(TOKEN + "x\n")
    assert cli.main(_command(school, kind, url, "--token-file", str(tmp_path / "token"))) == 1
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err
    assert len(said.err.splitlines()) == 1


def test_a_token_goes_nowhere_else(
    school: Path, lms: tuple[str, type[_Handler], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, server, url = lms
    server.trouble.append((302, "", {"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(LmsFailed, match="302"):
        Server(url).ask("GET" if kind == "canvas" else "POST", "/x", None if kind == "canvas" else {"a": "b"})
    with pytest.raises(LmsFailed, match="another server"):
        Server(url).ask("GET", "http://elsewhere.example/x")
    for address in ("http://canvas.example", "ftp://x", "https://a:b@c", "canvas.example"):
        with pytest.raises(UsageError):
            Server(address)
    monkeypatch.delenv("AUTOGRADER_LMS_TOKEN", raising=False)
    with pytest.raises(UsageError, match="There is no token"):
        read_token("AUTOGRADER_LMS_TOKEN", None)


def test_two_who_are_one_person_there_get_nothing(school: Path, lms: tuple[str, type[_Handler], str]) -> None:
    kind, _, url = lms
    course = Course(school)
    with programs_of_this_python(), Gradebook(course.db_url, course.course_id) as book:
        book.update_or_create_student("cy", lms_user_id="102")
    plan = send.plan(course, NAME, _system(kind, url))
    assert any(line.startswith("cy: may be several") for line in plan.kept)
    assert [change.student for change in plan.changes] == ["ada", "bo"]
