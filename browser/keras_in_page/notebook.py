"""What JupyterLite's Python imports before the first cell, and a page does without: it has no terminal to ask in, keeps
no history, and installs nothing. Each stand-in says so where it is used. Together they were a quarter of the start.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NoReturn

from keras_in_page import late

# What the first cells of most notebooks import, and JupyterLite's own Python before them. It is imported while the
# browser is still busy with the notebook's page.
AHEAD = ("IPython.core.interactiveshell", "numpy", "keras", "autograder", "pytest")
# What those and the first cells import without using it yet: a third of their time. It runs when the first figure is
# drawn or the first summary printed, or before that, as soon as Python has nothing to do.
LATE = ("matplotlib", "matplotlib.patches", "matplotlib.pyplot", "rich", "rich.console", "rich.markup", "rich.table")
LATER = ("matplotlib.pyplot", "rich.table")  # (Not what shows figures: that sets itself up for a running notebook.)


def _nothing_to_install() -> str:
    from autograder.language import say

    return say("Nothing can be installed in this page. It has Keras, NumPy and Matplotlib; use Jupyter for others.")


def install() -> None:
    """Put the stand-ins where ``import`` looks first."""
    for module in (*_terminal(), *_sqlite3(), *_piplite()):
        sys.modules.setdefault(module.__name__, module)


def import_ahead() -> None:
    """Import what most notebooks need. What fails here fails again in the cell that asks for it, and is told there."""
    with _without_garbage():
        for name in AHEAD:
            importlib.import_module(name)


def import_later() -> None:
    """Run what `import_ahead` has put off."""
    with _without_garbage():
        for name in LATER:
            late.run(importlib.import_module(name))


@contextlib.contextmanager
def _without_garbage() -> Iterator[None]:
    """Look for no garbage meanwhile: nothing of a module is any, and each look is at a hundred thousand objects."""
    gc.disable()
    try:
        yield
    except MemoryError:
        raise  # no cell could do more
    except Exception:  # told by the cell
        return
    finally:
        gc.freeze()
        gc.enable()


def without_lists_of_properties(artist: Any) -> None:
    """Keep Matplotlib from writing, at each import, what can be set into the docstring of every class's `set`.

    That was half of its import. `matplotlib.artist.getp` and `setp` still list the properties of an object.
    """
    if hasattr(artist, "kwdoc") and hasattr(artist.Artist, "_update_set_signature_and_docstring"):
        artist.kwdoc = lambda _: ""
        artist.Artist._update_set_signature_and_docstring = classmethod(lambda cls: None)


def _terminal() -> list[ModuleType]:
    terminal, embed, hooks = (ModuleType(f"IPython.terminal{name}") for name in ("", ".embed", ".pt_inputhooks"))

    def no_terminal(*_: Any, **__: Any) -> NoReturn:
        from autograder.language import say

        raise NotImplementedError(say("This page has no terminal that IPython could ask you in."))

    embed.__dict__.update(embed=no_terminal)
    hooks.__dict__.update(backends=[], aliases={})
    terminal.__dict__.update(embed=embed, pt_inputhooks=hooks, __path__=[])
    return [terminal, embed, hooks]


def _sqlite3() -> list[ModuleType]:
    """IPython names its errors when it is imported. It keeps no history here."""
    module = ModuleType("sqlite3")

    def connect(*_: Any, **__: Any) -> NoReturn:
        from autograder.language import say

        raise NotImplementedError(say("SQLite does not work in this page. It works in Jupyter."))

    errors = ("Error", "DatabaseError", "OperationalError", "IntegrityError")
    module.__dict__.update({name: type(name, (Exception,), {}) for name in errors})
    module.__dict__.update(connect=connect, Connection=object, PARSE_DECLTYPES=1, PARSE_COLNAMES=2)
    return [module]


def _piplite() -> list[ModuleType]:
    """JupyterLite's installer, which it sets up at its start, and asks when a cell begins with ``%pip``."""
    piplite, inner, cli = (ModuleType(name) for name in ("piplite", "piplite.piplite", "piplite.cli"))

    async def nothing(*_: Any, **__: Any) -> NoReturn:
        raise ModuleNotFoundError(_nothing_to_install())

    async def get_transformed_code(_: list[str]) -> str:
        return f"raise ModuleNotFoundError({_nothing_to_install()!r})"

    inner.__dict__.update(install=nothing)
    cli.__dict__.update(get_transformed_code=get_transformed_code)
    piplite.__dict__.update(install=nothing, piplite=inner, cli=cli, __path__=[])
    return [piplite, inner, cli]
