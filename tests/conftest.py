"""Fixtures that more than one file of tests needs, and the order in which `make test` takes the files."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

import pytest
from chromium import browser_in
from kit import HEAVY, PATIENCE, missing
from xdist.scheduler import LoadScopeScheduling

from autograder.compat import address_grammar as _  # noqa: F401 - before any file of tests imports nbformat
from autograder.sandbox.bubblewrap import Sandbox, try_bubblewrap
from autograder.sandbox.client import ForkServer

if TYPE_CHECKING:
    from hub_class import TrialHub
    from playwright.sync_api import Browser

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# With several workers a file's tests stay together on one, so that a book or a Hub is made once. The longest come
# first: what is left at the end should be short. Files that are not named here follow in their order.
LONGEST_FIRST = (
    "test_book",
    "test_agreement",
    "test_keras_training",
    "test_compat",
    "test_hub_permissions",
    "test_hub_round_trip",
    "test_page",
    "test_faults",
    "test_doctor",
    "test_attacks",
    "test_places",
    "test_cluster",
    "test_sandbox",
    "test_learner_anywhere",
    "test_batch",
    "test_bad_usage",
    "test_cli",
    "test_own_exercise",
    "test_report",
)
# These share one Hub, and so one worker.
ON_A_HUB = ("test_hub_permissions", "test_hub_round_trip")
# These share one build of the book, and so one worker.
ON_THE_BOOK = ("test_book", "test_book_widgets")
# These share one build of the site, and so one worker.
ON_THE_SITE = ("test_page", "test_page_troubles")
# Their tests are independent of each other, so each goes wherever a worker is free. What is not among the longest fills
# in at the end, the slow ones first.
SPREAD = ("test_checks_survive", "test_release", "test_take_away", "test_catalogue")
# Only these may be skipped where everything should be there: no clone has the original images, and what needs root the
# gate runs as root.
MAY_BE_SKIPPED = (
    "MNIST originals",
    "no control group can be made here",
    "need root",
    "needs root",
    "an ordinary user's",
)


# What is tried as an ordinary user, slow or not: whatever the sandbox keeps such a user's submissions from.
OF_THE_SANDBOX = ("test_attacks", "test_faults", "test_sandbox", "test_places")
CORPORA = ("test_attacks", "test_faults")  # hundreds of a kind
# What another Python may do otherwise, besides all that touches the sandbox or a kernel: its messages and how it shows
# an error, its command lines, how it is installed and finds packages, the files that cross from one process to another.
# The gate runs these with the lowest and the highest Python; every other fast test with the highest.
# (.github/workflows/gate.yml runs all fast tests with every Python.)
OF_THE_PYTHON = (
    "test_canary",
    "test_causes",
    "test_checking",
    "test_cli",
    "test_compat",
    "test_device",
    "test_first_import",
    "test_install",
    "test_learner_anywhere",
    "test_machine",
    "test_matplotlib_figures",
    "test_model_answers",
    "test_notebook",
    "test_outputs",
    "test_parts",
    "test_pool",
    "test_release",
    "test_surroundings",
    "test_wire",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the gate runs, and as whom."""
    parser.addoption("--ordinary-user", action="store_true", help="the fast tests, and all that touch the sandbox")
    parser.addoption("--one-in", type=int, default=1, help="of the attacks and faults take one in so many")
    parser.addoption("--note-passed", metavar="FILE", help="write which passed at the first try, and which did not")
    parser.addoption(
        "--passed-already",
        metavar="FILE",
        help="leave out what is named there, where it is the same whoever runs it, with whatever Python",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_turn)  # stable: within a file the order stays
    left_out = [item for number, item in enumerate(items) if not _chosen(config, item, number)]
    if (noted := config.getoption("--passed-already")) is not None:
        passed = {name for name, good in json.loads(Path(noted).read_text("utf-8")).items() if good}
        left_out += [item for item in items if item.nodeid in passed and not _asks_who_or_what_runs_it(item)]
    items[:] = [item for item in items if item not in set(left_out)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[HEAVY] = {"keras", "rfc3987_syntax.syntax_helpers", "tensorflow"} & {*sys.modules}


def _chosen(config: pytest.Config, item: pytest.Item, number: int) -> bool:
    if item.path.stem in CORPORA and hasattr(item, "callspec") and number % config.getoption("--one-in"):
        return False
    if not config.getoption("--ordinary-user"):
        return True
    if item.get_closest_marker("browser"):
        return False
    return not item.get_closest_marker("slow") or item.path.stem in OF_THE_SANDBOX


def _touches_the_sandbox(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("sandbox")) or "fork_server" in getattr(item, "fixturenames", ())


def _asks_who_or_what_runs_it(item: pytest.Item) -> bool:
    """Whether another user or another Python may see another result."""
    if _touches_the_sandbox(item) or item.path.stem in (*OF_THE_SANDBOX, *OF_THE_PYTHON):
        return True
    names = _look_at_the_user(item.path)
    return ALL_OF_IT in names or item.nodeid.split("::")[1].partition("[")[0] in names


OF_THE_USER = ("getuid", "geteuid", "chown", "chmod")
ALL_OF_IT = ""
NO_BROWSER = "neither Chromium nor Chrome is installed"


@cache
def _look_at_the_user(path: Path) -> frozenset[str]:
    """What in a file of tests asks who runs it, or uses what does: the names of functions, fixtures, classes, values.

    ALL_OF_IT is among them where that holds for every test: of code outside of functions, a mark of the whole file, or
    a fixture that each test gets.
    """
    text = path.read_text("utf-8")
    lines = text.splitlines()
    names: set[str] = set()
    parts: list[tuple[list[str], str]] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        decorators = getattr(node, "decorator_list", [])
        part = "\n".join(lines[min(n.lineno for n in (node, *decorators)) - 1 : node.end_lineno])
        named = [ALL_OF_IT]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not any("autouse" in ast.unparse(decorator) for decorator in decorators):
                named = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            stored = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            named = stored if stored and "pytestmark" not in stored else named
        parts.append((named, part))
    found = True
    while found:
        found = {
            name
            for named, part in parts
            if any(word in part for word in OF_THE_USER) or names & {*re.findall(r"\w+", part)}
            for name in named
        } - names
        names |= found
    return frozenset(names)


class NotePassed:
    """Keeps the names of the tests that passed, and of those that did not, for a later run by another user."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        xfailed = hasattr(report, "wasxfail")
        self._outcomes.setdefault(report.nodeid, set()).add("expected to fail" if xfailed else report.outcome)

    def pytest_sessionfinish(self) -> None:
        noted = {name: outcomes == {"passed"} for name, outcomes in sorted(self._outcomes.items())}
        self._file.write_text(json.dumps(noted), "utf-8")


class TogetherByFile(LoadScopeScheduling):
    """Gives all tests of a file, or of files that share something, to one worker.

    (``--dist loadgroup`` would do it by marks, but xdist 3.8 writes them where pytest 9.2 does not look.)
    """

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.partition("::")[0]).stem
        if name in SPREAD:
            return nodeid
        if name in CORPORA:  # each half has a fork server and an honest notebook before and after it
            return f"{name} {crc32(nodeid.encode()) % 2}"
        shared = {"a Hub": ON_A_HUB, "the book": ON_THE_BOOK, "the site": ON_THE_SITE}
        return next((what for what, names in shared.items() if name in names), name)

    def _reschedule(self, node: Any) -> None:
        """Give a worker more when one test is left for it, which it runs as soon as it knows the next.

        (xdist does so at two, so that behind a test of three minutes two others would wait for it to end.)
        """
        if node.shutting_down or not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return TogetherByFile(config, log)


def _turn(item: pytest.Item) -> tuple[int, bool]:
    name = item.path.stem
    place = next((i for i, start in enumerate(LONGEST_FIRST) if name.startswith(start)), len(LONGEST_FIRST))
    if name in SPREAD and place == len(LONGEST_FIRST):
        return len(LONGEST_FIRST) + 1 + SPREAD.index(name), item.get_closest_marker("slow") is None
    return place, False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = _no_skip((yield))
    if report.when == "teardown":
        report.user_properties.append(("processor seconds", _processor_seconds_since_last_time()))
    if report.failed and (hub := getattr(item, "funcargs", {}).get("hub")):
        report.sections.append(("the end of the Hub's log", hub.log[-6000:]))
    return report


_spent = 0.0


def _processor_seconds_since_last_time() -> float:
    """What this process and all below it have computed since the last call: other load on the machine is not in it."""
    global _spent
    before, _spent = _spent, sum(map(_ticks, _processes(os.getpid()))) / os.sysconf("SC_CLK_TCK")
    return max(0.0, _spent - before)  # what is lost is what a process that was killed had not waited for


def _processes(pid: int) -> Iterator[int]:
    """This and all below it; any may end while they are looked for."""
    yield pid
    try:
        below = [
            int(child)
            for listed in Path(f"/proc/{pid}/task").glob("*/children")
            for child in listed.read_text("ascii").split()
        ]
    except OSError:
        return
    for child in below:
        yield from _processes(child)


def _ticks(pid: int) -> int:
    """Of a process, and of those below it that it has waited for."""
    try:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    except OSError:
        return 0


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _no_skip((yield))


def _no_skip(report: Report) -> Report:
    """Where nothing may be skipped (the gate), a skip is a failure: a tool is missing that should be there."""
    if not report.skipped or hasattr(report, "wasxfail") or not os.environ.get("AUTOGRADER_NOTHING_SKIPPED"):
        return report
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not any(words in reason for words in MAY_BE_SKIPPED):
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped here, but: {reason}"
    return report


class NameFailuresAtOnce:
    """Half an hour is long to wait for the name of what failed in its third minute. The reasons are kept, too."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal
        self._reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            why = str(report.longrepr).strip().splitlines()
            errors = [line for line in why if line.startswith("E  ")] or why
            reason = errors[0][:300] if errors else ""
            self._reasons.setdefault(report.nodeid, reason)
            self._terminal.write_line(f"\n{report.nodeid} failed ({report.when}): {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (cache := getattr(session.config, "cache", None)) is not None:
            cache.set("failures/reasons", self._reasons)


@pytest.hookimpl(trylast=True)  # the terminal's plugin has to be there
def pytest_configure(config: pytest.Config) -> None:
    if (terminal := config.pluginmanager.get_plugin("terminalreporter")) is not None:
        config.pluginmanager.register(NameFailuresAtOnce(terminal))
    if (noted := config.getoption("--note-passed")) is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NotePassed(Path(noted)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where the time goes, by file: what to make cheaper, and the order above."""
    waited: Counter[str] = Counter()
    computed: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.split("::")[0]
                waited[file] += report.duration
                computed[file] += dict(report.user_properties).get("processor seconds", 0.0)
    if sum(waited.values()) > 60:
        terminalreporter.section("seconds by file: by the clock, of the processors")
        for file, spent in computed.most_common(40):
            terminalreporter.write_line(f"{waited[file]:7.0f} {spent:7.0f}  {file}")
        terminalreporter.write_line(f"{waited.total():7.0f} {computed.total():7.0f}  all")


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    """What a test's marks say it needs."""
    if request.node.get_closest_marker("sandbox") and not (verdict := try_bubblewrap()).works:
        missing(verdict.reason)
    if request.node.get_closest_marker("browser") and not browser_in():
        missing(NO_BROWSER)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """A fork server in the real sandbox, shared by the tests of a session."""
    if not (verdict := try_bubblewrap()).works:
        missing(verdict.reason)
    with ForkServer(Sandbox.BUBBLEWRAP) as process:
        yield process


@pytest.fixture(scope="session")
def kernel_forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the environment of Jupyter has to hold for its plain kernels to be forks of one that has imported Keras."""
    from plain_kernels import plain_kernels

    with plain_kernels(tmp_path_factory.mktemp("jupyter")) as settings:
        yield settings


@pytest.fixture(scope="session")
def hub() -> Iterator[TrialHub]:
    """A real Hub with a small class, shared by the tests of a session."""
    if not shutil.which("npm"):
        missing("npm is not installed")
    from hub_class import trial_hub

    with trial_hub() as started:
        yield started


@pytest.fixture(scope="session")
def book(kernel_forks: dict[str, str]) -> Path:
    """The folder of the book, built from the checkout as it is.

    Pages in its own folder get kernels that import Keras themselves, as everywhere; the lessons' are forks.
    """
    from plain_kernels import NO_FORK_IN

    root = Path(__file__).resolve().parents[1]
    settings = os.environ | kernel_forks | {NO_FORK_IN: "book"}
    command = [sys.executable, str(root / "book" / "build.py")]
    answer = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert answer.returncode == 0, (answer.stdout + answer.stderr)[-4000:]
    return root / "book" / "_build" / "html"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program that is the browser."""
    if (program := browser_in()) is None:
        missing(NO_BROWSER)
    return str(program)


# Not for the whole session: a second Playwright, of another file on this worker, could not start beside it.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, driven by Playwright."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        browser.on("context", lambda context: context.set_default_timeout(PATIENCE))  # opening a page had 30 s
        yield browser
        browser.close()


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """An empty course directory."""
    (tmp_path / "course" / "submitted").mkdir(parents=True)
    return tmp_path / "course"
