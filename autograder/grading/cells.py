"""nbclient's client, with caps on what cells may show, and with what they print joined in linear time."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

import nbformat
from nbclient import NotebookClient

from autograder.language import say
from autograder.sandbox.limits import Limits

_SHOWN = ("stream", "error", "display_data", "execute_result", "update_display_data")
_TAKEN = ("status", "execute_input", "clear_output", *_SHOWN)
_MAX_DISPLAYS = 1_000  # displays with a name that are kept for later updates


class CellClient(NotebookClient):  # type: ignore[misc]
    """Executes cells. What they show beyond the caps is left out; call `join_streams` when a cell has run."""

    def begin_notebook(self, limits: Limits) -> None:
        """Allow the whole notebook, and each cell, as much output as `limits` say."""
        self._limits = limits
        self._left_in_all = limits.notebook_output_kb * 1000
        self._displays: dict[str, list[Any]] = {}  # outputs by display_id

    def begin_cell(self) -> None:
        """Allow the next cell what one cell may show."""
        self._left = self._limits.cell_output_kb * 1000
        self._cut = False

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        # Widgets' messages are left out: nbclient would keep all their state, and nothing here shows it.
        if msg["msg_type"] not in _TAKEN:
            return None
        if msg["msg_type"] not in _SHOWN:
            return super().process_message(msg, cell, cell_index)
        size = len(str(msg["content"]))
        self._left -= size
        self._left_in_all -= size
        if min(self._left, self._left_in_all) < 0:
            self._leave_out(cell)
            return None
        # nbclient finds the outputs of a display by their places in their cells; places change when streams are
        # joined and outputs cleared. So it hears nothing of names, and the outputs themselves are kept here.
        transient = msg["content"].pop("transient", None)
        name = transient.get("display_id") if isinstance(transient, dict) else None
        if msg["msg_type"] == "update_display_data":
            self._update(str(name), msg["content"])
            return None
        output = super().process_message(msg, cell, cell_index)
        if name is not None and output is not None and len(self._displays) < _MAX_DISPLAYS:
            self._displays.setdefault(str(name), []).append(output)
        return output

    def _update(self, name: str, content: dict[str, Any]) -> None:
        for output in self._displays.get(name, []):
            output["data"] = nbformat.from_dict(content["data"])
            output["metadata"] = nbformat.from_dict(content["metadata"])

    def _leave_out(self, cell: Any) -> None:
        if not self._cut:
            self._cut = True
            text = say(
                "(The rest of this cell's output was left out: it is too long.)"
                if self._left < 0
                else "(The rest of this notebook's output was left out: altogether, it is too long.)"
            )
            text += "\n"
            cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text))

    async def stopped_after_interrupt(self, seconds: float) -> bool:
        """Interrupt the kernel; whether it is idle again within `seconds`."""
        await self.km.interrupt_kernel()
        deadline = time.monotonic() + seconds
        request = self.kc.kernel_info()
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = await self.kc.shell_channel.get_msg(timeout=left)
            except Empty:
                return False
            if message["parent_header"].get("msg_id") == request:
                return True
        return False


def join_streams(cell: nbformat.NotebookNode) -> None:
    """Make one output of all that a cell printed, and one of its errors' stream, each as a terminal leaves it.

    nbclient does this with a pattern that takes time by the square of a line's length, and within the cell's limit of
    time: 400 s for 200 pictures printed as numbers.
    """
    parts: dict[str, list[str]] = {}
    joined = []
    for output in cell.outputs:
        if output.get("output_type") != "stream":
            joined.append(output)
            continue
        name = str(output.get("name"))
        if name not in parts:
            parts[name] = []
            joined.append(output)
        parts[name].append(str(output.get("text")))
    for output in joined:
        if output.get("output_type") == "stream":
            output["text"] = as_a_terminal_leaves_it("".join(parts[str(output.get("name"))]))
    # Both come over one socket, but are sent by two threads of the kernel's: their order is chance.
    for i in range(len(joined) - 1):
        if joined[i].get("name") == "stderr" and joined[i + 1].get("name") == "stdout":
            joined[i], joined[i + 1] = joined[i + 1], joined[i]
    cell.outputs = joined


def as_a_terminal_leaves_it(text: str) -> str:
    """Text after its carriage returns and backspaces, which progress bars are drawn with."""
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(map(_written_over, text.replace("\r\n", "\n").split("\n")))


def _written_over(line: str) -> str:
    line = line.rstrip("\r").rpartition("\r")[2]
    if "\b" not in line:
        return line
    kept: list[str] = []
    for letter in line:
        if letter != "\b":
            kept.append(letter)
        elif kept:
            kept.pop()
    return "".join(kept)
