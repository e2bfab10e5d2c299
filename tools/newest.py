"""``make newest``: the newest releases of everything, and what that changes.

Makes an environment of its own (`.venv-newest`) from pyproject.toml without its upper bounds, prints which versions
changed and which assumptions about other packages' internals no longer hold (`autograder/compat`), and runs the fast
tests. Ends with the tests' own exit status; a fallen assumption is no failure by itself: most only make grading slower.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NEWEST = ROOT / ".venv-newest"
# Bounds that stay: with the next release nothing works at all, and another way has to be found. The reason for each
# stands beside it in pyproject.toml.
KEPT = {"jupyter-book", "textstat"}
EXTRAS = ("cpu", "grade", "book", "cluster", "hub", "site", "dev")  # as in `make lock`: its versions are compared


def main() -> int:
    uv = Path(sys.executable).with_name("uv")
    python = NEWEST / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, NEWEST], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = requirements(project, EXTRAS)
    install = [uv, "pip", "install", "--quiet", "--upgrade", "--python", python]
    subprocess.run([*install, *wanted], check=True, cwd=ROOT)
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


def requirements(project: dict[str, Any], extras: Iterable[str]) -> list[str]:
    """What a project needs with these extras, without upper bounds.

    An extra may name the project itself with other extras. What stands in these is taken in its place: by its name, a
    published version of the project would be found, and bring all upper bounds back.
    """
    wanted = list(project["dependencies"])
    todo = list(extras)
    for extra in todo:  # grows while it is gone through
        for line in project["optional-dependencies"][extra]:
            requirement = Requirement(line)
            if canonicalize_name(requirement.name) == canonicalize_name(project["name"]):
                todo += sorted(requirement.extras - {*todo})
            else:
                wanted.append(line)
    return [loosened(line) for line in wanted]


def loosened(line: str) -> str:
    """A requirement without its upper bounds."""
    requirement = Requirement(line)
    if requirement.name not in KEPT:
        kept = [str(one) for one in requirement.specifier if one.operator in (">=", ">", "!=")]
        requirement.specifier = SpecifierSet(",".join(kept))
    return str(requirement)


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
