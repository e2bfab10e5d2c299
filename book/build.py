"""Build the book into book/_build/html: `python book/build.py`, or `make book`.

Needs Node and npm for the formulas, which are set while building. After the first build, nothing is fetched and an
unchanged book takes seconds: pages are built again when they, the data, the package, the extension or Keras changed.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
BUILD = BOOK / "_build"
HTML = BUILD / "html"
#: Holds the digest of what the last good build was made of; absent after a failed one.
STAMP = BUILD / "built-from"
WELCOME = "book/intro.html"


def ensure_packages() -> None:
    """Install what book/package-lock.json names, unless it is there already."""
    installed = BOOK / "node_modules" / ".package-lock.json"
    wanted = BOOK / "package-lock.json"
    if installed.is_file() and installed.stat().st_mtime >= wanted.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("The book needs Node.js with npm, for its formulas: install it (Debian: nodejs npm) and try again.")
    answer = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=BOOK)
    if answer.returncode:
        sys.exit("npm could not install the packages of book/package-lock.json; its message is above.")
    installed.touch()


def structure_digest() -> str:
    """Changes when pages may have come, gone or moved, or the look of all of them changed."""
    digest = hashlib.sha256()
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml", *sorted((BOOK / "_ext").rglob("*.py"))]
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run_jupyter_book(*options: str) -> int:
    """Run Jupyter Book. Returns its exit status."""
    jupyter_book = "from jupyter_book.cli.main import main; main()"
    extension = f"import sys; sys.path.insert(0, {str(BOOK / '_ext')!r}); "
    command = [sys.executable, "-c", extension + jupyter_book, "build", str(ROOT), "--path-output", str(BOOK), *options]
    return subprocess.run(command, cwd=ROOT).returncode


def gather_texts() -> int:
    """Write the texts of all pages into book/_build/gettext, for translators. Returns 0 when all are there.

    No lesson is run: what code prints is not translated, and running it takes most of a build's time.
    """
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    config["execute"]["execute_notebooks"] = "off"
    BUILD.mkdir(exist_ok=True)
    as_texts = BUILD / "config-for-texts.yml"
    as_texts.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    # Without outputs, figures warn that nothing has made their data: nothing that translators need to see.
    options = ("--builder", "custom", "--custom-builder", "gettext", "--config", str(as_texts), "-qq")
    if run_jupyter_book("--all", *options):
        return 1
    texts = {file.name: file.read_text("utf-8").count("\nmsgid ") for file in sorted((BUILD / "gettext").glob("*.pot"))}
    print("\n".join(f"{BUILD.relative_to(ROOT)}/gettext/{name}: {count} texts" for name, count in texts.items()))
    return 0 if texts else 1


def write_entrance() -> None:
    """Write the page that leads from the book's address to its first page."""
    (HTML / "index.html").write_text(
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={WELCOME}">
<title>Image classification with Keras</title>
</head>
<body><main><h1>Image classification with Keras</h1><p><a href="{WELCOME}">Open the book</a></p></main></body>
</html>
""",
        "utf-8",
    )
    (HTML / ".nojekyll").touch()


def main() -> int:
    """Build the book. Returns 0 when it is complete and nothing warned."""
    parser = argparse.ArgumentParser(description="Build the book into book/_build/html.")
    parser.add_argument("--all", action="store_true", help="build every page again (outputs still come from the cache)")
    parser.add_argument("--clean", action="store_true", help="throw the last build and its outputs away first")
    parser.add_argument(
        "--links", action="store_true", help="look up every link to the outside, which needs a network; builds no pages"
    )
    parser.add_argument("--texts", action="store_true", help="gather the texts of all pages for translators; no pages")
    arguments = parser.parse_args()
    if arguments.clean:
        shutil.rmtree(BUILD, ignore_errors=True)
    ensure_packages()
    if arguments.links:
        return 1 if run_jupyter_book("--builder", "linkcheck") else 0
    if arguments.texts:
        return gather_texts()
    started = time.monotonic()
    digest = structure_digest()
    unchanged = STAMP.is_file() and STAMP.read_text() == digest
    STAMP.unlink(missing_ok=True)
    if not unchanged:
        shutil.rmtree(HTML, ignore_errors=True)
    # A page that warned is not read again by itself, so that after a failed build a second would pass.
    everything = ["--all"] if arguments.all or not unchanged else []
    status = run_jupyter_book("-n", "-W", "--keep-going", *everything)
    if status == 0:
        write_entrance()
        STAMP.write_text(digest)
        print(f"The book is in {HTML.relative_to(ROOT)}/index.html ({time.monotonic() - started:.0f} s).")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
