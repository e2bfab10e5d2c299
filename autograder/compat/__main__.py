"""``python -m autograder.compat``: the table of assumptions, and which of them hold with what is installed here."""

from __future__ import annotations

import json
import os
import sys

from autograder.compat import address_grammar as _  # noqa: F401 - whether it can be left out is one of them
from autograder.compat import ipython_kernel
from autograder.compat.assumptions import TABLE, fallen, line, version


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    ipython_kernel.leave_out_debugger()  # as in the fork server
    # A part that is not installed here is in nobody's way.
    uses = [(use, fallen(use)) for use in TABLE if version(use)]
    if "--json" in sys.argv[1:]:
        print(json.dumps([[line(use, gone), use.needed] for use, gone in uses if gone]))
        return
    for use, gone in uses:
        print(f"{use.package} {version(use)} (seen with {use.seen}): {use.name}, in {use.where}")
        print(f"    {'OFF: ' + gone if gone else 'holds'}; without it: {use.otherwise}")
        if use.unasked:
            print(f"    not asked: {use.unasked}")
        for assumption in use.assumptions:
            says = ": ".join(filter(None, (assumption.name, assumption.what, assumption.attributes)))
            print(f"    {assumption.digest or '-':16}  {says}")


if __name__ == "__main__":
    main()
