"""The whole catalogue of answers with the page's engine: `python try_catalogue.py OUT.json [EXERCISE]`.

Prints what is not as it is in the grader. With `--untrained` only entries that train no network are tried. Each entry
is tried as `catalogue.try_answers` does in a learner's own notebook, with Keras on the NumPy backend.
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
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "browser")]


def main() -> None:
    out, *only = (argument for argument in sys.argv[1:] if argument != "--untrained")
    untrained = "--untrained" in sys.argv
    os.environ["MPLBACKEND"] = "Agg"
    import keras_in_page

    keras_in_page.install()
    from catalogue import Right, catalogues, trains, try_answers
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
            if untrained and trains(catalogue.exercise, entry.answers, check):
                continue
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
            for difference in differences(found[-1:]):  # at once: all entries of an exercise may take an hour
                print(" | ".join(difference), flush=True)
        Path(out).write_text(json.dumps(found, indent=1), "utf-8")


def differences(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """What differs from what the grader says: exercise, entry, and "points", "passed" or "hint"."""
    differ = []
    for entry in found:
        for check in entry["checks"]:
            first, wanted = (check["hints"] or [""])[0], check["wanted"]
            if entry["right"]:
                what = "" if check["points"] == check["of"] else "points"
            elif check["outcome"] not in ("failed", "not attempted") or check["points"] == check["of"]:
                what = "passed"
            else:
                named = wanted in check["message"] or wanted in first or wanted == (check["ids"] or [""])[0]
                what = "" if named and first else "hint"
            if what:
                differ.append((entry["exercise"], entry["name"], what))
    return differ


if __name__ == "__main__":
    main()
