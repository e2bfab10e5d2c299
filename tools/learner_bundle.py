"""Make dist/learner-bundle.zip: all that learners need, and nothing that they must not have.

    learner-bundle/README.md
    learner-bundle/keras_lesson_kit-VERSION-py3-none-any.whl
    learner-bundle/data/       the images that lessons and exercises use, without the held-out ones
    learner-bundle/exercises/  the notebooks to fill in

The finished archive, and the wheel inside it, are read again and refused if anything in them could be a solution or a
held-out image. The same sources give the same bytes.
"""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "learner-bundle"
DATA = ("README.md", "fashion.npz", "mnist.npz")
MARKERS = (b"BEGIN SOLUTION", b"END SOLUTION", b"BEGIN HIDDEN TESTS", b"END HIDDEN TESTS")
# Whatever has one of these in its path stays with the instructor.
_PRIVATE_NAMES = r"solutions?|source|held_out|tests|gradebook[^/]*\.db|submitted|autograded|feedback"
PRIVATE = re.compile(rf"(^|/)({_PRIVATE_NAMES})(/|\.npz|$)")
EPOCH = (2020, 1, 1, 0, 0, 0)  # of every file in the archive, so that it depends on contents alone
README = """\
# Exercises on image classification with Keras

You need Python 3.11, 3.12 or 3.13 on Linux, Windows, or a Mac with Apple's processor, and 1.7 GB of disk. For
Python 3.14 and Macs with Intel's processors there is no TensorFlow. In this folder, on Linux and macOS:

    python3 -m venv .venv
    .venv/bin/pip install "./{wheel}[cpu]" jupyterlab
    .venv/bin/jupyter lab exercises

On Windows:

    py -m venv .venv
    .venv\\Scripts\\pip install "./{wheel}[cpu]" jupyterlab
    .venv\\Scripts\\jupyter lab exercises

Open the first notebook and fill in the cells that say `YOUR CODE HERE`. Run the grey cell after a task: it tells you
what passed, what did not, and why. `hint("name-of-the-task")` gives you the next hint.

On a JupyterHub everything is installed: copy the folder `exercises` there, or fetch the exercises as your teacher says.

The images in `data/` come with the package, too; `data/README.md` says where they are from.
"""


class NotForLearners(RuntimeError):
    """The archive holds something that learners must not get; the message names it."""


def main() -> int:
    bundle = make(ROOT / "dist")
    with zipfile.ZipFile(bundle) as archive:
        for entry in archive.infolist():
            print(f"{entry.file_size:>11,}  {entry.filename}")
    print(f"{bundle.relative_to(ROOT)}: {bundle.stat().st_size:,} bytes")
    return 0


def make(target: Path) -> Path:
    """Build the wheel and the archive in `target`; return the archive.

    Raises:
        NotForLearners: something in the tree would give a solution or a held-out label away. No archive is left.
    """
    target.mkdir(parents=True, exist_ok=True)
    bundle = target / f"{NAME}.zip"
    bundle.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(Path(scratch))
        files = {"README.md": README.format(wheel=wheel.name).encode(), wheel.name: wheel.read_bytes()}
    for name in DATA:
        files[f"data/{name}"] = (ROOT / "data" / name).read_bytes()
    for folder in sorted((ROOT / "exercises").iterdir()):
        for path in sorted(folder.glob("*")):
            if path.is_file() and not path.name.startswith("."):
                files[f"exercises/{folder.name}/{path.name}"] = path.read_bytes()
    content = _archive(files)
    refuse_private(content, reference_answers())
    bundle.write_bytes(content)
    return bundle


def build_wheel(target: Path) -> Path:
    """Build the package's wheel in `target`."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = target.glob("keras_lesson_kit-*.whl")
    return wheel


def refuse_private(archive: bytes, answers: dict[str, str]) -> None:
    """Look at every file of an archive, and of the wheels in it.

    Short answers such as ``x = 3`` are not looked for: they stand in honest text as well.

    Args:
        answers: the sources' reference answers, by the name of exercise and cell.

    Raises:
        NotForLearners: a file is private by its name, or holds a marker of nbgrader's or a reference answer.
    """
    for name, content in _entries(archive):
        if PRIVATE.search(name):
            raise NotForLearners(f"{name} is not for learners.")
        for marker in MARKERS:
            if marker in content:
                raise NotForLearners(f"{name} holds '{marker.decode()}'.")
        text = _plain(_source_of(name, content))
        # A check works out for itself what is right, so one line of an answer may stand in it; a whole one may not.
        least = 80 if "/checks/" in name else 40
        for answer, source in answers.items():
            if len(source) >= least and source in text:
                raise NotForLearners(f"{name} holds the reference answer of {answer}.")


def reference_answers() -> dict[str, str]:
    """What stands between the markers of the sources, in a form that layout does not change."""
    answers = {}
    for path in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            source = "".join(cell["source"])
            for part in re.findall(r"# *## BEGIN SOLUTION\n(.*?)# *## END SOLUTION", source, re.S):
                plain = _plain(part)
                answers[f"{path.stem}, {cell['metadata']['nbgrader']['grade_id']}"] = plain
    return answers


def _entries(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for name in opened.namelist():
            content = opened.read(name)
            yield name, content
            if name.endswith(".whl"):
                for inner, inner_content in _entries(content):
                    yield f"{name}/{inner}", inner_content


def _source_of(name: str, content: bytes) -> str:
    """The text of a file; of a notebook that of its cells and their outputs, without JSON's escapes."""
    if name.endswith(".npz"):
        return ""
    text = content.decode("utf-8", errors="replace")
    if name.endswith(".ipynb"):
        return "\n".join(_strings(json.loads(text)))
    return text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        if all(isinstance(part, str) for part in value):
            yield "".join(value)
        else:
            for part in value:
                yield from _strings(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)


def _plain(source: str) -> str:
    """Code without comments, spaces and quotes' kind, so that a changed layout hides nothing."""
    try:
        source = ast.unparse(ast.parse(source))
    except (SyntaxError, ValueError):
        source = re.sub(r"(?m)^\s*#.*$", "", source)
    return re.sub(r"\s+", "", source).replace('"', "'")


def _archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return content.getvalue()


if __name__ == "__main__":
    sys.exit(main())
