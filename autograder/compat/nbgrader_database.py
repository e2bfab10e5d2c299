"""The version of nbgrader's database, read without running the program `alembic`.

nbgrader runs it, and it is where pip puts programs: in another folder than this Python after `pip install --user`, or
where an environment builds on another one. And it writes its own path into a file in which a percent sign is special.
The library behind the program says the same without either.
"""

from __future__ import annotations

from typing import Any

from autograder.compat.assumptions import DATABASE_VERSION, fallen


def ask_the_library() -> None:
    """Have nbgrader ask Alembic's library, from now on in this process. If that fails it runs the program as before."""
    if fallen(DATABASE_VERSION):
        return
    import nbgrader.api as api

    original: Any = api.get_alembic_version
    if getattr(original, "asks_the_library", False):
        return

    def get_alembic_version() -> str:
        try:
            return newest()
        except Exception:  # another nbgrader, another Alembic: see above
            return str(original())

    get_alembic_version.asks_the_library = True  # type: ignore[attr-defined]
    api.get_alembic_version = get_alembic_version


def newest() -> str:
    """The version of a database that nbgrader makes now."""
    from alembic.script import ScriptDirectory
    from nbgrader.dbutil import ALEMBIC_DIR

    head = ScriptDirectory(ALEMBIC_DIR).get_current_head()
    if not head:
        raise LookupError("nbgrader has no version of its database")
    return head
