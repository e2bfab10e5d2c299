"""The browser that tests run in, and that measures and takes pictures: Chromium, or else Chrome."""

from __future__ import annotations

import shutil

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")  # as in chromium.sh and tools/system-packages.sh


def browser_in(path: str | None = None) -> str | None:
    """The first of them that is on the path, the present one by default; None if there is none."""
    return next(filter(None, (shutil.which(name, path=path) for name in CHROMIUMS)), None)
