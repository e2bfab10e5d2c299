"""A folder as a web server shows it: a browser loads modules from a server alone."""

from __future__ import annotations

import base64
import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    protocol_version = "HTTP/1.1"  # one connection for many files: a page of modules asks for dozens at once

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """A browser asks for an icon by itself; that none is there is no trouble of a page."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()


class Server(http.server.ThreadingHTTPServer):
    """Keeps more callers waiting than five: a page whose call was turned away might never be ready."""

    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that is loaded again, or left, breaks off what it was fetching."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine. Yields the address, without a slash at its end."""
    handler = functools.partial(Quiet, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def answers_of(page: Page, scripts: str, images: np.ndarray, number: int = 0) -> np.ndarray:
    """What network `number` of a page's widget for digits answers: (N, 2, 10), scores and probabilities.

    Args:
        scripts: address of the widgets' scripts, relative to the page.
        images: (N, 28, 28) uint8.
    """
    answers = page.evaluate(
        """async ([scripts, text, images, number]) => {
            const script = new URL(`${scripts}/dense-network.js`, document.baseURI);
            const { answer, bytesOf, readNetwork } = await import(script);
            const data = JSON.parse(document.querySelector('[data-widget-data=digits]').textContent);
            const layers = readNetwork(data.networks[number]), bytes = bytesOf(text), answers = [];
            for (let n = 0; n < images; n += 1) {
                const image = Float32Array.from(bytes.slice(784 * n, 784 * (n + 1)), (value) => value / 255);
                const { scores, probabilities } = answer(layers, image);
                answers.push([[...scores], [...probabilities]]);
            }
            return answers;
        }""",
        [scripts, base64.b64encode(images.tobytes()).decode(), len(images), number],
    )
    return np.array(answers)
