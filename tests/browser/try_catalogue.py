"""The whole catalogue of answers with the page's engine: `python try_catalogue.py OUT.json [EXERCISE]`.

Each entry is tried as `catalogue.try_answers` does in a learner's own notebook, with Keras on the NumPy backend.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "browser")]


def main() -> None:
    out, *only = sys.argv[1:]
    os.environ["MPLBACKEND"] = "Agg"
    import keras_in_page

    keras_in_page.install()
    from catalogue import Right, catalogues, try_answers
    from matplotlib import pyplot

    from autograder.exercise.outcome import hint_id

    warnings.filterwarnings("ignore")
    found = []
    for catalogue in catalogues():
        if only and catalogue.exercise not in only:
            continue
        entries = [Right("the reference solution", {}), *catalogue.right, *catalogue.wrong]
        for entry in entries:
            began = time.perf_counter()
            check = getattr(entry, "check", None)
            with contextlib.redirect_stdout(io.StringIO()):
                results = try_answers(catalogue.exercise, entry.answers, only=check)
            pyplot.close("all")
            found.append(
                {
                    "exercise": catalogue.exercise,
                    "name": entry.name,
                    "right": check is None,
                    "seconds": round(time.perf_counter() - began, 2),
                    "checks": [
                        {
                            "task": r.name,
                            "outcome": str(r.outcome),
                            "points": r.points,
                            "of": r.max_points,
                            "message": r.message,
                            "hints": list(r.hints),
                            "ids": [hint_id(hint) for hint in r.hints],
                            "wanted": getattr(entry, "hint", ""),
                        }
                        for r in results
                    ],
                }
            )
    Path(out).write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
