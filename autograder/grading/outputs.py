"""Making a student's notebook safe to look at: no script and no markup of theirs reaches a browser.

What remains still shows: text, errors, PNG and JPEG pictures, and tables without attributes.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

import nbformat
import nh3
from nbformat.v4 import new_output

from autograder.exercise.display import CheckView, plain_markdown
from autograder.exercise.outcome import CheckResult
from autograder.exercise.passages import Reading
from autograder.language import say
from autograder.sandbox.surroundings import in_reader_s_language

MAX_TEXT = 200_000  # characters of one text output
MAX_HTML = 50_000  # of one table; tags nested in tags take time by the square of their number to clean
MAX_HTML_IN_ALL = 500_000  # of a notebook's
MAX_COLOURS = 2_000  # changes of colour in one text; nbconvert copies the rest of the text at each
MAX_IMAGE_BYTES = 4_000_000
MAX_PIXELS = 40_000_000  # of one picture
MAX_OUTPUTS = 200  # of one cell
_TAGS = {
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "caption",
    "b",
    "i",
    "em",
    "strong",
    "code",
    "pre",
    "br",
}
_TAGS |= {"p", "ul", "ol", "li", "span", "div", "sub", "sup", "hr", "h3", "h4", "h5"}
_IMAGES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


def make_safe(notebook: nbformat.NotebookNode) -> None:
    """Clean every output and every Markdown cell that is not locked, in place."""
    html = _Budget(MAX_HTML_IN_ALL)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [safe for output in cell.outputs[:MAX_OUTPUTS] if (safe := _safe(output, html)) is not None]
        elif not (cell.metadata.get("nbgrader") or {}).get("locked"):
            cell.source = plain_markdown(cell.source)


def show_result(cell: nbformat.NotebookNode, result: CheckResult, number: int, reading: Reading | None = None) -> None:
    """Make the outputs of a graded cell what its check said: in words, then the points as a float.

    nbgrader reads that float as the points; see ``nbgrader.utils.determine_grade``.
    """
    view = CheckView(result, reading)
    # A message may quote the student, and MathJax would make links of their formulas.
    words = new_output("display_data", {"text/plain": repr(view), "text/html": _no_formulas(view.html())})
    points = new_output(
        "execute_result", {"text/plain": repr(float(result.points)), "text/html": ""}, execution_count=number
    )
    cell.outputs, cell.execution_count = [words, points], number


class _Budget:
    """What may still be spent."""

    def __init__(self, left: int) -> None:
        self._left = left

    def allows(self, amount: int) -> bool:
        """Whether so much is left; if so, it is spent."""
        if amount > self._left:
            return False
        self._left -= amount
        return True


def _safe(output: Any, html_left: _Budget) -> nbformat.NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=in_reader_s_language(_text(output.get("text"))))
    if kind == "error":
        lines = output.get("traceback")
        trace = [_text(line) for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
        return new_output(
            "error",
            ename=_text(output.get("ename"))[:200],
            evalue=_text(output.get("evalue"))[:2000],
            traceback=trace[:200],
        )
    if kind not in ("display_data", "execute_result") or not isinstance(output.get("data"), dict):
        return None
    data = {}
    for mime, value in output["data"].items():
        if mime == "text/plain":
            data[mime] = _text(value)
        elif mime == "text/html" and len(_text(value)) <= MAX_HTML and html_left.allows(len(_text(value))):
            html = nh3.clean(_text(value), tags=_TAGS, attributes={}, clean_content_tags={"script", "style"})
            data[mime] = _no_formulas(html)
        elif mime in _IMAGES and (image := _image(mime, value)):
            data[mime] = image
    if kind == "execute_result":
        return new_output(kind, data, execution_count=None)
    return new_output(kind, data)


def _text(value: Any) -> str:
    text = "".join(v for v in value if isinstance(v, str)) if isinstance(value, list) else value
    if not isinstance(text, str):
        return ""
    text = text.encode("utf-8", "replace").decode("utf-8")
    if text.count("\x1b") > MAX_COLOURS:
        text = text.replace("\x1b", "")
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "\n" + say("(The rest was left out.)")


def _image(mime: str, value: Any) -> str | None:
    """The picture, encoded anew, if it is one of that kind and not too large."""
    if not isinstance(value, str) or len(value) > MAX_IMAGE_BYTES * 2:
        return None
    try:
        raw = base64.b64decode(value.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw.startswith(_IMAGES[mime]) or len(raw) > MAX_IMAGE_BYTES or not 0 < _pixels(mime, raw) <= MAX_PIXELS:
        return None
    return base64.b64encode(raw).decode()


def _pixels(mime: str, raw: bytes) -> int:
    """Pixels that the picture says it has; a few kilobytes may unpack to gigabytes. 0 if it does not say."""
    if mime == "image/png":
        width, height = struct.unpack(">II", raw[16:24]) if len(raw) >= 24 else (0, 0)
        return int(width * height)
    position = 2
    while position + 9 <= len(raw) and raw[position] == 0xFF:
        marker, length = raw[position + 1], int.from_bytes(raw[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header
            height, width = struct.unpack(">HH", raw[position + 5 : position + 9])
            return int(width * height)
        position += 2 + length
    return 0


def _no_formulas(html: str) -> str:
    return f'<div class="tex2jax_ignore mathjax_ignore">{html}</div>'
