"""Fixtures that more than one file of tests needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import missing

from autograder.sandbox.client import WarmProcess
from autograder.sandbox.wall import Sandbox, try_bubblewrap

# Files whose tests are independent of each other; those of any other file stay together on one worker of xdist.
SPREAD = {"test_catalogue.py", "test_agreement.py", "test_release.py", "test_checks_survive.py"}


# What takes longer than the gate has: `make test-all` runs it, `make test` the rest.
EXHAUSTIVE = (
    "test_book",
    "test_faults",
    "test_hub",
    "test_checks_survive",
    "test_cluster",
    "test_report",
    "test_widgets",
)


def _needs_a_hub(item: pytest.Item) -> bool:
    return item.path.name.startswith("test_hub_") and item.path.name != "test_hub_bundle.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        trains = item.path.name == "test_catalogue.py" and item.get_closest_marker("slow")
        other = item.path.name == "test_agreement.py" and not ("03-" in item.name or "02-" in item.name)
        if (
            item.path.name == "test_faults.py"
            or trains
            or other
            or (item.path.name.startswith(EXHAUSTIVE) and item.get_closest_marker("slow"))
        ):
            item.add_marker(pytest.mark.exhaustive)
        if item.path.name.startswith(EXHAUSTIVE) and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.exhaustive)
        if item.path.name not in SPREAD:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    """What a test's marks say it needs."""
    if request.node.get_closest_marker("sandbox") and not (verdict := try_bubblewrap()).works:
        missing(verdict.reason)
    if request.node.get_closest_marker("browser") and not shutil.which("chromium"):
        missing("Chromium is not installed")


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmProcess]:
    """A warm process behind the real wall, shared by the tests of a session."""
    if not (verdict := try_bubblewrap()).works:
        missing(verdict.reason)
    with WarmProcess(Sandbox.BUBBLEWRAP) as process:
        yield process


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """An empty course directory."""
    (tmp_path / "course" / "submitted").mkdir(parents=True)
    return tmp_path / "course"
