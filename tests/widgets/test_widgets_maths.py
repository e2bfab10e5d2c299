"""The widgets' sums, in Node: what needs no browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("maths.test.mjs")


def test_the_widgets_sums_are_right() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    answer = subprocess.run([node, "--test", str(TESTS)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-4000:]
