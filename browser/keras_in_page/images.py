"""The handwritten digits, which a page fetches when they are asked for: they weigh as much as all of Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER = Path("/home/pyodide/data")
ON_DEMAND = "mnist.npz"


def install() -> None:
    """Let `autograder.data` find what can be fetched. Its own check of the file's digest stays."""
    from autograder import data

    load = data._load_shipped
    if getattr(load, "fetches", False):
        return

    def fetching(name: str) -> list[Any]:
        if name == ON_DEMAND and data.find_file(name) is None:
            _fetch(name)
        return load(name)

    fetching.fetches = True  # type: ignore[attr-defined]
    data._load_shipped = fetching


def _fetch(name: str) -> None:
    """Fetch a file from where the page came from. In a worker the wait harms nobody.

    Raises:
        DataError: no answer, or another one than the file.
    """
    from js import KIT, XMLHttpRequest

    from autograder.errors import DataError
    from autograder.language import say

    why = say("the host does not answer")
    request = XMLHttpRequest.new()
    try:
        request.open("GET", f"{KIT.base}data/{name}", False)
        request.responseType = "arraybuffer"
        request.send()
        why = say("the host's answer is {status}", status=request.status)
    except Exception:  # whatever the browser raises, the learner needs one sentence
        request = None
    if request is None or request.status != 200:
        raise DataError(
            say(
                "The images in {name} could not be fetched: {why}. Your work is not at fault: run this cell again when"
                " you are online, or tell your teacher.",
                name=name,
                why=why,
            )
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(request.response.to_bytes())
    os.environ["AUTOGRADER_DATA"] = str(FOLDER)
