#!/bin/sh
# Make the virtual environment and install the pinned packages into it. Called by make.
set -eu
umask 022 # what root installs, submissions run with, as nobody
if ! "$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    echo "This kit needs Python 3.11, 3.12 or 3.13; '$PYTHON' is not one. Say which: make demo PYTHON=..." >&2
    exit 2
fi
echo "Installing into $VENV (about 2.4 GB, once) ..."
"$PYTHON" -m venv "$VENV"
# uv installs the same packages ten times faster; where it cannot be had or cannot reach the index, pip does.
if "$VENV/bin/python" -m pip install --quiet uv 2>/dev/null &&
    "$VENV/bin/uv" pip install --quiet --compile-bytecode --python "$VENV/bin/python" -r requirements.lock; then
    "$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --no-deps --editable .
else
    "$VENV/bin/python" -m pip install --quiet -r requirements.lock
    "$VENV/bin/python" -m pip install --quiet --no-deps --editable .
fi
