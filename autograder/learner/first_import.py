"""What happens around the first import of a module: done after it, held back, or put off until it is used."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_STDERR = 2


class AroundImport(importlib.abc.MetaPathFinder):
    """Runs a module's first import inside a context: a kernel that never imports it pays nothing.

    It stays until an import has worked. One that is interrupted is tried again, and some only ask for the spec.
    """

    def __init__(self, name: str, around: Callable[[], AbstractContextManager[None]]) -> None:
        self._name, self._around = name, around
        self._looking = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_inside(module: ModuleType) -> None:
                with self._around():
                    execute(module)
                with suppress(ValueError):  # it is no longer there
                    sys.meta_path.remove(self)

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


def leave_scikit_learn_until_used() -> None:
    """Let Keras import scikit-learn when somebody asks for its wrappers, and not when Keras itself is imported.

    Those wrappers are the only part of Keras that needs scikit-learn, which brings SciPy along: where it is installed,
    a quarter of the processor time of an exercise's first cell. What this assumes of Keras is `LATE_WRAPPERS` in
    `compat/assumptions.py`.
    """
    if not any(isinstance(finder, WhenUsed) for finder in sys.meta_path):
        sys.meta_path.insert(0, WhenUsed("keras.wrappers", "keras._tf_keras.keras.wrappers"))


class WhenUsed(importlib.abc.MetaPathFinder):
    """Finds modules whose code waits until one of their names is asked for.

    Not `importlib.util.LazyLoader`: IPython looks at the `__name__` of every module when a kernel starts, and that
    would be enough for it.
    """

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's own spec with a loader that waits; None for all other modules."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Waiting(spec.loader)
        return spec


class _Waiting(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        def __getattr__(name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name, name=name, obj=module)
            del module.__getattr__  # type: ignore[attr-defined]
            self._loader.exec_module(module)
            return getattr(module, name)

        module.__getattr__ = __getattr__  # type: ignore[method-assign]
