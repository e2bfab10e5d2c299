"""What happens around the first import of a module: something is done after it, or its chatter is held back."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

_STDERR = 2


class AroundImport(importlib.abc.MetaPathFinder):
    """Runs a module's first import inside a context: a kernel that never imports it pays nothing."""

    def __init__(self, name: str, around: Callable[[], AbstractContextManager[None]]) -> None:
        self._name, self._around = name, around

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_inside(module: ModuleType) -> None:
                with self._around():
                    execute(module)

            spec.loader.exec_module = execute_inside  # type: ignore[method-assign]
        return spec


def keep_tensorflow_quiet() -> None:
    """Show nothing of what TensorFlow writes about processors and libraries when all is well.

    Its first lines come from C++, before it reads any setting, straight to descriptor 2, which a notebook shows in
    red. Its later ones heed ``TF_CPP_MIN_LOG_LEVEL``; whoever set that keeps it. What fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _Quiet) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Quiet("tensorflow", held_back))


class _Quiet(AroundImport):
    """So that a second `start` finds the first one's."""


@contextmanager
def held_back() -> Iterator[None]:
    """Keep back what is written to descriptor 2, and show it after all if the block ends in an exception."""
    try:
        kept = tempfile.TemporaryFile()  # noqa: SIM115
        before = os.dup(_STDERR)
    except OSError:  # no room for it, or no standard error: then nothing is held back
        yield
        return
    with kept:
        os.dup2(kept.fileno(), _STDERR)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
            if failed and sys.stderr is not None:
                kept.seek(0)
                sys.stderr.write(kept.read().decode("utf-8", errors="replace"))
