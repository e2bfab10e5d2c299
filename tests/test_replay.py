"""A changed check is put to what was observed: same grades as by running the code again, and no code is run."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from no_answers import NoAnswers

from autograder.course.directory import Course
from autograder.exercise.definition import find_exercise
from autograder.exercise.models import CompileReport, LayerReport, ModelReport
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Missing, NoModel, Raised
from autograder.exercise.wire import History, Opaque
from autograder.grading import batch, worker
from autograder.grading.answered import answered
from autograder.grading.record import Observations
from autograder.grading.replay import NotRecorded, Observed, Recording, Replay
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

NAME = "03-dense-networks"
VALUES: dict[str, Any] = {
    "number": 3,
    "nothing": None,
    "huge": 10**200,
    "nan": float("nan"),
    "text": "größer",
    "nested": {"a": [1.5, (2, "b")], 3: True},
    "array": np.arange(12, dtype=np.float32).reshape(3, 4),
    "scalar": np.array(2, dtype=np.uint8),
    "words": np.array(["coat", "bag"]),
    "history": History({"loss": [0.5, float("inf")]}),
    "open file": Opaque("TextIOWrapper"),
}


class Asked(NoAnswers):
    """Answers of every kind."""

    def __init__(self) -> None:
        self.calls = 0

    def value(self, name: str) -> Any:
        if name not in VALUES:
            raise Missing(name)
        return VALUES[name]

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.calls += 1
        if name == "stops":
            raise Raised("ValueError", "too: many")
        if name == "odd":
            raise Mismatch("It was stopped.", ("Why?", "How?"), 0.25)
        return args[0] + self.calls

    def model(self, name: str) -> ModelReport:
        if name == "list":
            raise NoModel("it is a list")
        layer = LayerReport("dense", "Dense", {"units": 3, "activation": None}, (None, 3), 9)
        compiled = CompileReport("mse", False, "adam", 1e-3, ("accuracy",), 7)

        def predict(inputs: np.ndarray, scale: float) -> np.ndarray:
            return inputs[:, :1] * np.float32(scale)

        return ModelReport(name, "Sequential", (None, 2), None, (layer,), 9, 8, True, compiled, predict)

    def file_size(self, name: str) -> int | None:
        return 40 if name == "here" else None

    def stopped_with(self) -> str:
        return "NameError: x"


def asked_of(answers: Any) -> list[Any]:
    """What comes of every kind of question, errors included."""

    def outcome(ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except (Missing, Raised, NoModel, Mismatch) as error:
            return type(error), str(error), vars(error)

    inputs = np.ones((4, 2), np.float32)
    found = [outcome(lambda name=name: answers.value(name)) for name in (*VALUES, "absent")]  # type: ignore[misc]
    for function in ("plus", "plus", "stops", "odd"):
        found.append(outcome(lambda function=function: answers.call(function, (inputs,), {"k": 1})))  # type: ignore[misc]
    report = answers.model("model")
    found += [report.predict(inputs), report.predict(inputs, 0.5)]
    found += [report.layers, report.compiled, report.input_shape, report]
    found += [outcome(lambda: answers.model("list")), answers.stopped_with()]
    found += [answers.file_size("here"), answers.file_size("gone")]
    return found


def test_every_kind_of_answer_comes_back_as_it_was() -> None:
    recording = Recording(Asked())
    recording.begin("task")
    first = asked_of(recording)
    record = recording.to_bytes()
    assert record is not None
    replay = Replay(record, None)
    replay.begin("task")
    again = asked_of(replay)
    assert len(first) == len(again) > 15
    for before, after in zip(first, again, strict=True):
        np.testing.assert_equal(after, before)
        assert type(after) is type(before)
        assert getattr(after, "dtype", None) == getattr(before, "dtype", None)


def test_what_was_never_asked_has_no_answer() -> None:
    recording = Recording(Asked())
    recording.begin("task")
    asked_of(recording)
    replay = Replay(recording.to_bytes() or b"", None)
    replay.begin("task")
    report = replay.model("model")
    for ask in (
        lambda: replay.value("other"),
        lambda: replay.call("plus", (np.zeros((4, 2), np.float32),), {"k": 1}),
        lambda: replay.call("plus", (np.ones((4, 2), np.float64),), {"k": 1}),
        lambda: report.predict(np.zeros((4, 2), np.float32)),
        lambda: report.predict(np.ones((4, 2), np.float32), 0.25),
    ):
        with pytest.raises(NotRecorded):
            ask()
    for _ in range(2):
        replay.call("plus", (np.ones((4, 2), np.float32),), {"k": 1})
    with pytest.raises(NotRecorded):  # a third call might have answered something else
        replay.call("plus", (np.ones((4, 2), np.float32),), {"k": 1})
    replay.begin("another task")  # cells between the two may have changed the value
    with pytest.raises(NotRecorded):
        replay.value("number")


def test_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.grading.replay.MAX_BYTES", 100)
    recording = Recording(Asked())
    assert np.array_equal(recording.value("array"), VALUES["array"])
    assert recording.to_bytes() is None


def test_long_words_are_too_much_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.grading.replay.MAX_BYTES", 1_000)
    monkeypatch.setitem(VALUES, "words", "long " * 300)
    recording = Recording(Asked())
    recording.value("words")
    assert recording.to_bytes() is None


def test_a_class_keeps_no_more_records_than_there_is_room_for(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.grading.record.MAX_OBSERVED_BYTES", 250)
    folder = course / ".autograder" / NAME / "observed"
    folder.mkdir(parents=True)
    (folder / "ada.record").write_bytes(b"x" * 100)
    observations = Observations(Course(course))
    observations.keep(folder / "bo.record", b"x" * 100)
    observations.keep(folder / "cy.record", b"x" * 100)  # there is no room
    observations.keep(folder / "bo.record", b"x" * 140)  # in its own place there is
    assert {p.stem: p.stat().st_size for p in folder.iterdir()} == {"ada": 100, "bo": 140}
    observations.keep(folder / "bo.record", b"x" * 160)  # nor may the old one stay: it is of another run
    observations.keep(folder / "ada.record", None)
    observations.keep(folder / "cy.record", b"x" * 250)
    assert {p.stem: p.stat().st_size for p in folder.iterdir()} == {"cy": 250}


class Here(Executor):
    """Runs jobs in this process, and remembers whose code ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.ran.append(args[0].student)
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_changed_check_gives_the_grade_that_running_again_gives(
    course: Path, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = find_exercise(NAME).checks
    own = course / "checks" / checks.name
    own.parent.mkdir()
    own.write_text(checks.read_text("utf-8"), "utf-8")
    for student, answers in (("ada", {}), ("zoe", None)):
        folder = course / "submitted" / student / NAME
        folder.mkdir(parents=True)
        notebook = answered(NAME, answers)
        first_answer = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution"))
        first_answer.source = "import keras; keras.utils.set_random_seed(1)\n" + first_answer.source  # runs agree
        if answers is None:
            counted = next(
                c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "counted-answer"
            )
            counted.source = "hidden_parameters = 7840\noutput_parameters = 33\nall_parameters = 7883"
        nbformat.write(notebook, folder / f"{NAME}.ipynb")
    here = Here()

    def grade(book: str = "", **options: Any) -> batch.Batch:
        root = Course(course)
        exercise = root.make_ready(NAME)
        setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP, book=book)
        at_work = worker._Worker(fork_server.sandbox, lambda: [setup])
        at_work._server = fork_server
        monkeypatch.setattr(worker, "_worker", at_work)

        @contextmanager
        def pool(_workers: int, _setups: Any) -> Iterator[Executor]:
            yield here

        here.ran.clear()
        for module in [m for m in sys.modules if m.endswith(own.stem)]:  # a worker is a process of its own
            del sys.modules[module]
        return batch.grade_class(course=root, exercise=exercise, setup=setup, workers=1, pools=pool,
                                 submissions=root.submissions(NAME), **options)  # fmt: skip

    def without_times(done: batch.Batch) -> list[Any]:
        return [r | {"seconds": None} for r in done.submissions]

    first = grade()
    assert sorted(here.ran) == ["ada", "zoe"]
    assert first.submissions[0]["score"] == first.submissions[0]["max_score"]

    stricter = own.read_text("utf-8").replace("NEEDED = 0.82", "NEEDED = 1.010")
    assert stricter != own.read_text("utf-8")
    own.write_text(stricter, "utf-8")
    replayed = grade()
    assert here.ran == []
    assert replayed.replayed == 2
    assert replayed.submissions[0]["score"] < first.submissions[0]["score"]
    entered = _scores(course)
    assert grade().skipped == 2
    run = grade(force=True)
    assert sorted(here.ran) == ["ada", "zoe"]
    for by_record, by_running in zip(without_times(replayed), without_times(run), strict=True):
        assert {k: (v, by_running[k]) for k, v in by_record.items() if v != by_running[k]} == {}
    assert entered == _scores(course)

    # Another address of the book changes what pages link to; nothing runs for that.
    page = course / "feedback" / "zoe" / NAME / f"{NAME}.html"
    assert "<a href=" not in page.read_text("utf-8")
    with_links = grade(book="https://book.example.org/")
    assert here.ran == []
    assert with_links.replayed == 2
    assert list(with_links.again) == ["the book's address changed since"]
    assert 'href="https://book.example.org/lessons/03-dense-networks.html#' in page.read_text("utf-8")
    assert entered == _scores(course)


def _scores(course: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(course / "gradebook.db") as connection:
        return connection.execute("select notebook_id, cell_id, auto_score from grade order by 1, 2").fetchall()


def test_a_record_in_the_course_says_what_it_was_made_from() -> None:
    kept = Observed("digest", "other", {"score": 1.5}, b"\n\x00record\n")
    assert Observed.from_bytes(kept.to_bytes()) == kept
    assert json.loads(kept.to_bytes().split(b"\n")[0])["ran"] == "digest"
