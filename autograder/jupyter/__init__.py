"""A class on a JupyterHub: collecting safely, and grading at the press of a button.

``autograder.jupyter`` is an extension of Jupyter's server, for the instructors' course server alone. It serves the page
``autograder/`` and puts the same view into JupyterLab; both run `autograder grade`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

LABEXTENSIONS = Path(__file__).parent / "labextensions"
"""Folder for JupyterLab's `extra_labextensions_path`."""


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from autograder.jupyter.server import GradingApp

    return [{"module": "autograder.jupyter", "app": GradingApp}]
