"""Make autograder/exercise/passages.json: the lesson's section for every hint, from the notes of the page
*Misconceptions*. `python tools/passages.py`, after an id or a section changed."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "_ext")]

from kitbook.misconceptions import passages_json  # noqa: E402

from autograder.exercise.definition import exercise_names  # noqa: E402

FILE = ROOT / "autograder" / "exercise" / "passages.json"

if __name__ == "__main__":
    FILE.write_text(passages_json(ROOT, exercise_names()), "utf-8")
    print(f"{FILE} is written.")
