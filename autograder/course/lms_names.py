"""What Moodle and Canvas call the files that they give out, which is also how they find out whose a file is again."""

from __future__ import annotations

import re

# ``Ada Lovelace_12345_assignsubmission_file_/NAME.ipynb``, or all of it in one name: `rest` is the file's own.
MOODLE = re.compile(
    r"(?P<name>.+)_(?P<number>\d+)_(?P<plugin>assignsubmission_(?P<kind>file|onlinetext))_?(?P<rest>.*)", re.DOTALL
)
# ``lovelaceada_12345_67890_NAME-1.ipynb``; ``_LATE`` after the name, or after the number, if it was late.
CANVAS = re.compile(
    r"(?P<begin>(?P<name>[^_]+)_(?:(?P<late>LATE)_)?(?P<number>\d+)_(?:(?P<late2>LATE)_)?\d+_)(?P<rest>.+)", re.DOTALL
)
