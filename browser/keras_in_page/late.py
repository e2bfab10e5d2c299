"""Modules whose code runs when something of theirs is first asked for, and not when a cell says ``import``.

The first cell of every exercise imports Matplotlib, and the first figure is drawn much later. Python's own
`importlib.util.LazyLoader` is no help: with it, a package runs as soon as one of its modules is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class LateModule(ModuleType):
    """A module that has not run yet. It is the same object when it has, and then an ordinary module."""

    def __getattr__(self, name: str) -> Any:
        inner = f"{self.__name__}.{name}"  # `from package import module` needs no more than the module
        spec = self.__spec__
        assert spec is not None
        assert isinstance(spec.loader, _Late)
        if inner in spec.loader.names:
            return importlib.import_module(inner)
        run(self)
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        run(self)
        return dir(self)


def run(module: ModuleType) -> None:
    """Run the module's code, if that was put off, and before it that of the package it is in."""
    if not isinstance(module, LateModule):
        return
    spec = module.__spec__
    assert spec is not None
    if isinstance(package := sys.modules.get(spec.parent or ""), LateModule) and package is not module:
        run(package)
        if not isinstance(module, LateModule):
            return  # the package has asked for it
    # Such as a module inside it, or what a cell has put there.
    own = {name: value for name, value in vars(module).items() if value is not None}
    module.__class__ = ModuleType
    try:
        assert isinstance(spec.loader, _Late)
        spec.loader.now(module)
    except BaseException:
        module.__class__ = LateModule  # the next one who asks tries again
        raise
    vars(module).update(own)


class _Late(Loader):
    """Stands before a module's own loader."""

    def __init__(self, loader: Any, names: tuple[str, ...]) -> None:
        self._loader, self.names = loader, names

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None  # an ordinary one

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = LateModule

    def now(self, module: ModuleType) -> None:
        self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:  # what else a loader is asked, such as for a module's source
        return getattr(self._loader, name)


class _There(Loader):
    """For a module that running its package has brought in, while it was being looked for."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class LateFinder(MetaPathFinder):
    """Finds these modules, and lets them run late."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._looking: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in self._looking:
            return None
        if name in self._names:
            self._looking.add(name)
            try:
                spec = importlib.util.find_spec(name)
            finally:
                self._looking.discard(name)
            if spec is not None and spec.loader is not None:
                spec.loader = _Late(spec.loader, self._names)
            return spec
        package = sys.modules.get(name.rpartition(".")[0])
        if not isinstance(package, LateModule):
            return None
        run(package)
        found = sys.modules.get(name)
        if found is None:
            return None
        spec = ModuleSpec(name, _There(found))
        found.__spec__ = spec  # or Python takes the module's own, and runs it a second time
        return spec


def install(names: tuple[str, ...]) -> None:
    """Let these modules run late. A package that is not among them runs as ever, and so do the modules in it."""
    if not any(isinstance(finder, LateFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, LateFinder(names))
