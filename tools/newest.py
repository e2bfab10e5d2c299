"""``make newest``: the newest releases of everything, and what that changes.

Makes an environment of its own (`.venv-newest`) from pyproject.toml without its upper bounds, prints which versions
changed and which assumptions about other packages' internals no longer hold (`autograder/compat`), and runs the fast
tests. Ends with the tests' own exit status; a fallen assumption is no failure by itself: most only make grading slower.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEWEST = ROOT / ".venv-newest"
# Bounds that stay: with the next release nothing works at all, and another way has to be found.
KEPT = {"jupyter-book"}
EXTRAS = ("cpu", "grade", "book", "cluster", "hub", "dev")


def main() -> int:
    uv = Path(sys.executable).with_name("uv")
    python = NEWEST / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, NEWEST], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = loosened([*project["dependencies"], *(r for e in EXTRAS for r in project["optional-dependencies"][e])])
    install = [uv, "pip", "install", "--quiet", "--upgrade", "--python", python]
    subprocess.run([*install, *wanted], check=True)
    subprocess.run([*install, "--no-deps", "--editable", ROOT], check=True)
    before, after = versions(Path(sys.executable)), versions(python)
    print("Versions that changed:")
    for name in sorted(before | after):
        if before.get(name) != after.get(name):
            print(f"  {name:32} {before.get(name, '-'):16} -> {after.get(name, '-')}")
    found = subprocess.run([python, "-m", "autograder.compat", "--json"], cwd=ROOT, capture_output=True, text=True)
    fell = json.loads(found.stdout.splitlines()[-1]) if found.returncode == 0 else [(found.stderr[-2000:], True)]
    print("Assumptions that fell:" if fell else "All assumptions about other packages' internals hold.")
    for line, _ in fell:
        print(f"  {line}")
    sys.stdout.flush()
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "-m", "not slow and not browser"]
    return subprocess.run([*tests, *sys.argv[1:]], cwd=ROOT).returncode


def loosened(requirements: list[str]) -> list[str]:
    """Requirements without their upper bounds, and without the project itself."""
    found = []
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        if name is None or name[0] == "autograder":
            continue
        wanted, semicolon, marker = requirement.partition(";")
        if name[0] not in KEPT:
            wanted = re.sub(r",?\s*(<=?|==|~=)\s*[\w.*]+", "", wanted)
        found.append(f"{wanted.strip()}{semicolon}{marker}")
    return found


def versions(python: Path) -> dict[str, str]:
    """Of all packages in an environment."""
    code = "import importlib.metadata as m, json; "
    code += "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in m.distributions()}))"
    found: dict[str, str] = json.loads(
        subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
