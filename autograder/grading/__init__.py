"""The trusted side: repairs, runs, checks and records submissions. It never runs a line of a student's."""

import sys

# jsonschema, with which nbformat checks notebooks, looks for this package and compiles a grammar of international
# addresses when it finds it: 1.1 s of each process (measured). No schema of a notebook asks for such an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
