"""Drawing with less around it, and the same picture to the last bit.

To lay a figure out, Matplotlib measures every text again and again (measured: 1,342 times for a figure of 130 texts),
and each time looks its font up and reads the font's tables. In a grading kernel a text that has not changed is
measured once for each renderer, which takes a sixth less time for the exercises' figures.
"""

from __future__ import annotations

import weakref
from typing import Any

from autograder.compat.assumptions import FASTER_FIGURES, fallen

MOST = 4096  # texts remembered for a renderer, as many as Matplotlib keeps widths of


def install() -> None:
    """Remember what texts measure. Called once, in the fork server."""
    if fallen(FASTER_FIGURES):
        return
    from matplotlib import text

    kind: Any = text.Text
    original = kind._get_layout
    layouts: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()

    def _get_layout(self: Any, renderer: Any) -> Any:
        if self.get_wrap() or self.get_usetex():  # depends on where it stands, or on a program
            return original(self, renderer)
        known = layouts.setdefault(renderer, {})
        measured = _measured(self)
        if measured not in known:
            if len(known) >= MOST:
                known.clear()
            known[measured] = original(self, renderer)
        return known[measured]

    kind._get_layout = _get_layout


def _measured(text: Any) -> tuple[Any, ...]:
    """All that the layout of a text depends on, the renderer apart."""
    return (
        text.get_text(),
        text.get_figure(root=True).dpi,
        hash(text.get_fontproperties()),
        text.get_linespacing(),
        text._get_multialignment(),
        text.get_horizontalalignment(),
        text.get_verticalalignment(),
        text.get_rotation(),
        text.get_rotation_mode(),
        text.get_parse_math(),
    )
