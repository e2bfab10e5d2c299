"""Internals of other packages: the table of all uses of them, and the code of those made where students' code runs.

The table (`assumptions`) says of each use in which file it is made, what it assumes, and what happens when that no
longer holds. What must be patched where a class is administered, released or shown stays with what it is needed for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from autograder.language import language, say

SECONDS = 300.0  # for importing Keras and all the others, on a busy machine


def findings() -> list[tuple[str, bool]]:
    """One line for each use of internals that is off here, and whether something does not work without it.

    Found out in a process of its own, which imports all.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "autograder.compat", "--json"],
            env=os.environ | {"AUTOGRADER_LANGUAGE": language()},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return [(str(line), bool(needed)) for line, needed in json.loads(done.stdout.splitlines()[-1])]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        text = say("could not find out whether what the kit assumes about other packages' internals still holds")
        return [(text, False)]
