"""What a release and the project's page on GitHub consist of: versions that agree, workflows that are sound."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from kit import ROOT

import autograder

GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LARGEST_PICTURE = 150_000  # bytes


def _tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release_notes = _tool("release_notes")


# -- one version -----------------------------------------------------------------------------------------------------


def test_the_version_has_one_source_and_the_papers_agree() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert release_notes.version() == autograder.__version__
    assert len(release_notes.notes(f"v{autograder.__version__}")) > 100


def test_a_tag_of_another_version_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert release_notes.main(["v9.9.9"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "tag it v" + autograder.__version__ in said.err
    assert not said.out


def test_the_changelog_is_in_released_sections_the_newest_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings[0] == "Unreleased"
    for heading in headings[1:]:
        assert re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading), heading
    released = release_notes.released(ROOT / "CHANGELOG.md")
    versions = [tuple(map(int, version.split("."))) for version in released]
    dates = [date for date, _ in released.values()]
    assert versions == sorted(versions, reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert versions


def test_the_papers_name_the_same_licences_and_authors() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert set(citation["license"]) == set(PROJECT["license"].split(" AND "))
    data = (ROOT / "data" / "README.md").read_text("utf-8")
    assert "CC BY-SA 3.0" in data
    assert "CC-BY-SA-3.0" in citation["license"]
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in PROJECT["authors"]]
    for path in PROJECT["license-files"]:
        assert (ROOT / path).is_file()
    pythons = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert pythons == ["3.11", "3.12", "3.13"]


@pytest.mark.slow
def test_what_is_published_is_whole(tmp_path: Path) -> None:
    """As `make dist` builds it: the wheel is built from the sdist, so that holds all that it needs."""
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    (source,) = tmp_path.glob("*.tar.gz")
    name = f"keras_lesson_kit-{autograder.__version__}"
    assert wheel.name == f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"{name}.dist-info/METADATA").decode()
    for needed in ("autograder/_data/mnist.npz", "autograder/exercise/no-settings.ini", "autograder/py.typed"):
        assert needed in names
    # Pages are made of templates and style sheets that no import asks for: all that the package has comes along.
    listed = subprocess.run(["git", "ls-files", "-z", "autograder"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    files = {file for file in listed.stdout.decode().split("\0") if file and (ROOT / file).exists()}
    assert {"autograder/page.css", "autograder/grading/feedback_page/page.css"} < files
    assert not files - names
    assert f"{name}.dist-info/licenses/data/README.md" in names
    assert "License-Expression: MIT AND CC-BY-4.0 AND CC-BY-SA-3.0" in metadata
    assert f"Version: {autograder.__version__}" in metadata
    with tarfile.open(source) as archive_of_source:
        sources = archive_of_source.getnames()
    assert not [n for n in sources if "held_out" in n or "/solutions/" in n or "/tests/" in n]


# -- .github ---------------------------------------------------------------------------------------------------------

SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.github-issue-forms": sorted(
        set(GITHUB.glob("ISSUE_TEMPLATE/*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
    ),
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_what_their_schemas_want(schema: str) -> None:
    files = [str(path) for path in SCHEMAS[schema]]
    assert files
    kind = [] if ROOT / "CITATION.cff" not in SCHEMAS[schema] else ["--default-filetype", "yaml"]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *kind, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _steps() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            found += [(f"{path.name}: {name}", step) for step in job["steps"]]
    return found


def test_there_is_a_workflow_for_each_purpose() -> None:
    assert {path.stem for path in WORKFLOWS} == {"gate", "learner", "book", "release", "newest", "lock"}


def test_one_command_makes_every_lock() -> None:
    recipe = re.search(r"^lock:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    listed = subprocess.run(["git", "ls-files", "*.lock"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert recipe is not None
    assert sorted(re.findall(r"-o (\S+)", recipe[1])) == sorted(listed.split())


def test_actions_are_pinned_to_a_version() -> None:
    used = [(where, step["uses"]) for where, step in _steps() if "uses" in step]
    assert len(used) > 5
    for where, action in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+\.\d+\.\d+", action), f"{where}: {action}"


def test_every_step_is_a_command_that_one_can_run_at_home() -> None:
    """A target of the Makefile, or a script that such a target calls: nothing lives in YAML alone."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([\w%-]+):", makefile, re.M))
    runs = [(where, step["run"]) for where, step in _steps() if "run" in step]
    assert runs
    for where, run in runs:
        words = run.replace("${{ matrix.tests }}", "test").replace("${{ github.ref_name }}", "v1").split()
        words = words[1:] if words[0] == "sudo" else words
        if words[0] == "make":
            wanted = [word for word in words[1:] if "=" not in word]
            assert wanted
            for target in wanted:
                assert target in targets or ("system-%" in targets and target.startswith("system-")), (
                    f"{where}: {target}"
                )
        else:
            assert words[0] == "python", f"{where}: {run}"
            assert words[1] in makefile, f"{where}: no target calls {words[1]}"


def test_the_gate_runs_what_the_gate_here_runs() -> None:
    """All of it with the lowest Python, as root, who makes the ordinary user; all that is quick with each Python."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "\ngate:\n\t@.ci/run\n" in makefile
    jobs = yaml.safe_load((GITHUB / "workflows" / "gate.yml").read_text("utf-8"))["jobs"]
    assert any(step.get("run", "").startswith("sudo make gate ") for step in jobs["gate"]["steps"])
    (first,) = [step["with"]["python-version"] for step in jobs["gate"]["steps"] if "with" in step]
    supported = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert jobs["fast"]["strategy"]["matrix"]["python"] == supported
    assert first == supported[0]
    runs = " ".join(step.get("run", "") for step in jobs["fast"]["steps"])
    here = set(re.findall(r"^make ([\w-]+)", (ROOT / ".ci" / "run").read_text("utf-8"), re.M)) - {"test"}
    assert here | {"test-fast"} <= set(re.findall(r"make ([\w-]+)", runs))
    gate = (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(r"^\S+python \.ci/ordinary_user\.py", gate, re.M)


def test_only_the_job_that_publishes_may() -> None:
    """No token is kept; who may write is said where it is needed, and nowhere by default."""
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}, path.name
        assert "secrets." not in text
        for name, job in workflow["jobs"].items():
            if "id-token" in job.get("permissions", {}):
                assert name == "publish"
                assert "environment" in job


def test_nothing_is_published_that_fails_its_tests() -> None:
    """A tag may stand on any commit, also on one that the gate never ran for."""
    jobs = yaml.safe_load((GITHUB / "workflows" / "release.yml").read_text("utf-8"))["jobs"]
    assert set(jobs["publish"]["needs"]) == {"test", "build"}
    runs = " ".join(step.get("run", "") for step in jobs["test"]["steps"])
    assert {"lint", "test-fast"} <= set(re.findall(r"make ([\w-]+)", runs))


def test_the_other_files_can_be_read() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"], "nothing is fetched, so versions are the lock's"
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).is_file()
    packages = (ROOT / "tools" / "system-packages.sh").read_text("utf-8")
    (wanted,) = re.findall(r'^test\) wanted="([^"]+)"', packages, re.M)
    dockerfile = (ROOT / ".devcontainer" / "Dockerfile").read_text("utf-8")
    assert set(wanted.split()) <= set(dockerfile.split())


def test_the_containers_dockerfile_is_sound_to_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "it is in the lock"
    done = subprocess.run([hadolint, str(ROOT / ".devcontainer" / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_readme_begins_with_two_pictures_and_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    pictures = re.findall(r"!\[([^]]{40,})\]\((\S+\.png)\)", text)
    assert len(pictures) == 2, "each with a text for who cannot see it"
    for _, path in pictures:
        content = (ROOT / path).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < LARGEST_PICTURE
    assert text.index("book/pictures/report.png") < text.index("make demo\nmake test")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / link).exists(), link


def test_the_hint_in_the_readmes_picture_is_one_that_a_learner_gets() -> None:
    """`tools/take_pictures.py` takes the picture anew when this fails; then the text beside it has to be changed."""
    (alternative,) = re.findall(r"!\[(An exercise in a notebook[^]]*)\]", (ROOT / "README.md").read_text("utf-8"))
    (hint,) = re.findall(r"hint: '([^']+)'", alternative)
    checks = (ROOT / "autograder" / "checks" / "test_03_dense_networks.py").read_text("utf-8")
    assert f'"{hint}"' in checks
