"""Making a student's notebook safe to look at: no script and no markup of theirs reaches a browser.

What remains still shows: text, errors, PNG and JPEG pictures, and tables without attributes.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import nbformat
import nh3
from nbformat.v4 import new_output

from autograder.outcome import CheckResult
from autograder.report_view import CheckView

MAX_TEXT = 200_000  # characters of one text output
MAX_IMAGE_BYTES = 4_000_000
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
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [safe for output in cell.outputs[:MAX_OUTPUTS] if (safe := _safe(output)) is not None]
        elif not (cell.metadata.get("nbgrader") or {}).get("locked"):
            cell.source = _without_markup(cell.source)


def show_result(cell: nbformat.NotebookNode, result: CheckResult, number: int) -> None:
    """Make the outputs of a graded cell what its check said: the table, then the points as a plain float.

    nbgrader reads that float as the points; see ``nbgrader.utils.determine_grade``.
    """
    view = CheckView(result)
    table = new_output("display_data", {"text/plain": repr(view), "text/html": view._repr_html_()})
    points = new_output("execute_result", {"text/plain": repr(float(result.points))}, execution_count=number)
    cell.outputs, cell.execution_count = [table, points], number


def _safe(output: Any) -> nbformat.NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=_text(output.get("text")))
    if kind == "error":
        trace = [_text(line) for line in output.get("traceback") or [] if isinstance(line, str)]
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
        elif mime == "text/html":
            data[mime] = nh3.clean(_text(value), tags=_TAGS, attributes={}, clean_content_tags={"script", "style"})
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
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "\n(The rest was left out.)"


def _image(mime: str, value: Any) -> str | None:
    """The picture, encoded anew, if it is one of that kind and not too large."""
    if not isinstance(value, str) or len(value) > MAX_IMAGE_BYTES * 2:
        return None
    try:
        raw = base64.b64decode(value.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw.startswith(_IMAGES[mime]) or len(raw) > MAX_IMAGE_BYTES:
        return None
    return base64.b64encode(raw).decode()


def _without_markup(source: str) -> str:
    """Markdown whose HTML shows as text, and whose formulas cannot carry links."""
    return source.replace("<", "&lt;").replace("\\href", "\\text").replace("javascript:", "javascript ")
