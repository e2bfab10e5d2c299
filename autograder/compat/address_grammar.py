"""Leaves out a grammar that nothing here needs, when it is imported; before anything that imports nbformat.

What this assumes of jsonschema is `assumptions.ADDRESS_GRAMMAR`.
"""

import sys

# jsonschema, with which nbformat checks notebooks, looks for this package and compiles a grammar of international
# addresses when it finds it: 1.5 s of each process (measured). No schema of a notebook asks for such an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
