"""The page "Write your own exercise", followed to the letter in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kit import ROOT

PAGE = ROOT / "book" / "instructors" / "write-your-own-exercise.md"
_BLOCK = re.compile(
    r"^```(?:\{code-block\} python\n:caption: (?P<file>\S+)\n\n(?P<source>.*?)|bash\n(?P<commands>.*?))^```$",
    re.M | re.S,
)


def what_the_page_says() -> str:
    """The page's files and commands, in its order, as one shell script."""
    script = "set -eu\n"
    for block in _BLOCK.finditer(PAGE.read_text("utf-8")):
        if block["file"]:
            script += f"cat > '{block['file']}' <<'END OF FILE'\n{block['source']}END OF FILE\n"
        else:
            script += block["commands"]
    return script


@pytest.mark.slow
@pytest.mark.sandbox
def test_the_page_followed_literally_grades_a_class(tmp_path: Path) -> None:
    script = what_the_page_says()
    assert script.count("<<'END OF FILE'") == 2, "the page has two files: a notebook's script and a check module"
    assert "autograder grade" in script
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUTOGRADER_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    assert "3 of 3" in done.stdout  # the solution, checked as one file
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    graded = {s["student"]: s for s in results["submissions"]}
    outcomes = {student: [c["outcome"] for c in s["checks"]] for student, s in graded.items()}
    assert outcomes == {"ada": ["passed"] * 2, "bo": ["failed"] * 2, "cy": ["not attempted"] * 2}
    assert {student: s["score"] for student, s in graded.items()} == {"ada": 3.0, "bo": 0.0, "cy": 0.0}
    assert graded["bo"]["checks"][0]["hint"].startswith("You averaged over the images.")
    probed = json.loads((tmp_path / "probe.json").read_text("utf-8"))
    passing = {(a["task"], a["operator"]) for a in probed["answers"] if a["verdict"] == "passes"}
    assert passing == {("averaged", "other-function"), ("averaged", "argument-changed")}, "the page says which two"
    assert any("np.median" in a["line"] for a in probed["answers"] if a["verdict"] == "passes")
    assert probed["lost"] == []
    named = {a["line"] for a in probed["answers"] if a["verdict"] == "named"}
    assert "return np.mean(said, axis=1)" in named, "a sentence without an id names a mistake, too"
    assert {task["task"]: task["parrot"] for task in probed["tasks"]} == {"averaged": 0, "decided": 0}
    released = (tmp_path / "release" / "06-averaging" / "06-averaging.ipynb").read_text("utf-8")
    assert "np.mean" not in released
    assert "NotImplementedError" in released
