"""A stand-in for h5py where Pyodide's distribution has none: what Keras asks of it to save and load models.

What it writes is a zip archive of NumPy arrays under HDF5's name. Keras in the page reads it back to the bit; other
programs say that it is no HDF5 file. Nothing else in Keras changes, so its messages stay the same.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, MutableMapping
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

INDEX = "keras-in-page.json"


class ExternalLink:
    """What this format has not; Keras asks whether something is one."""


class SoftLink:
    """What this format has not; Keras asks whether something is one."""


def _parts(path: str | bytes) -> list[str]:
    """The names in a path, which h5py takes as bytes, too."""
    text = path.decode() if isinstance(path, bytes) else str(path)
    return [part for part in text.split("/") if part]


class Dataset:
    """An array in a file."""

    external = None
    is_virtual = False

    def __init__(self, values: Any) -> None:
        self._values = np.array(values)

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)
    size = property(lambda self: self._values.size)
    ndim = property(lambda self: self._values.ndim)
    nbytes = property(lambda self: self._values.nbytes)

    @property
    def attrs(self) -> dict[str, Any]:
        """What is noted beside the array."""
        return self.__dict__.setdefault("_attrs", {})  # type: ignore[no-any-return]

    @property
    def id(self) -> Any:
        """Of it Keras asks how much is stored: all of it."""
        return SimpleNamespace(get_storage_size=lambda: self._values.nbytes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._values, dtype=dtype)

    def __getitem__(self, where: Any) -> Any:
        return self._values[where]

    def __setitem__(self, where: Any, values: Any) -> None:
        self._values[where] = values

    def __len__(self) -> int:
        return len(self._values)


class Group(MutableMapping[str, Any]):
    """Groups and arrays by name; a name may be a path."""

    def __init__(self, name: str = "/") -> None:
        self.name = name
        self.attrs: dict[str, Any] = {}
        self._children: dict[str, Any] = {}

    def create_group(self, name: str) -> Group:
        """A new group, with those on the way to it.

        Raises:
            ValueError: there is something of that name.
        """
        group, _, last = self._on_the_way(name)
        if last in group._children:
            raise ValueError(f"Unable to create group (name already exists): {name}")
        made = Group(f"{group.name.rstrip('/')}/{last}")
        group._children[last] = made
        return made

    def require_group(self, name: str) -> Group:
        """The group of that name, made if need be."""
        return self[name] if name in self else self.create_group(name)

    def create_dataset(self, name: str, shape: Any = None, dtype: Any = None, data: Any = None, **_: Any) -> Dataset:
        """A new array.

        Raises:
            ValueError: there is something of that name.
        """
        group, _, last = self._on_the_way(name)
        if last in group._children:
            raise ValueError(f"Unable to create dataset (name already exists): {name}")
        made = Dataset(np.zeros(shape, dtype) if data is None else np.asarray(data, dtype))
        group._children[last] = made
        return made

    def get(self, name: str, default: Any = None, getclass: bool = False, getlink: bool = False) -> Any:
        """What has that name, or its class."""
        if name not in self:
            return default
        found = self[name]
        return type(found) if getclass and not getlink else None if getclass else found

    def _on_the_way(self, path: str) -> tuple[Group, list[str], str]:
        *way, last = _parts(path)
        group = self
        for part in way:
            if part not in group._children:
                group.create_group(part)
            group = group._children[part]
        return group, way, last

    def __getitem__(self, path: str) -> Any:
        found: Any = self
        for part in _parts(path):
            if not isinstance(found, Group) or part not in found._children:
                raise KeyError(f"Unable to open object (object '{part}' doesn't exist)")
            found = found._children[part]
        return found

    def __setitem__(self, path: str, values: Any) -> None:
        self.create_dataset(path, data=values)

    def __delitem__(self, path: str) -> None:
        group, _, last = self._on_the_way(path)
        del group._children[last]

    def __contains__(self, path: object) -> bool:
        try:
            self[path]  # type: ignore[index]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._children))  # as h5py does

    def __len__(self) -> int:
        return len(self._children)

    def __bool__(self) -> bool:
        return True


class File(Group):
    """A file, or a buffer, that holds groups."""

    def __init__(self, name: Any, mode: str = "r", **_: Any) -> None:
        super().__init__()
        self._target, self.mode, self._open = name, mode, True
        self.filename = str(name) if isinstance(name, str | os.PathLike) else ""
        if mode == "a" and self.filename and not os.path.exists(self.filename):
            mode = "w"
        if mode in ("r", "r+", "a"):
            self._read()
        elif self.filename:  # as h5py does, so that a folder that is not there is told at once
            with open(self.filename, "wb"):
                pass

    def _read(self) -> None:
        try:
            with zipfile.ZipFile(self.filename or self._target) as archive:
                self._fill(self, json.loads(archive.read(INDEX)), archive)
        except (zipfile.BadZipFile, KeyError) as error:
            from autograder.language import say

            raise OSError(
                say(
                    "{file} was not written in this page. Such a file can be read where Keras and h5py are installed.",
                    file=self.filename or say("This file"),
                )
            ) from error

    def _fill(self, group: Group, about: Any, archive: zipfile.ZipFile) -> None:
        def array(member: str) -> np.ndarray:
            return np.load(io.BytesIO(archive.read(member)), allow_pickle=False)  # type: ignore[no-any-return]

        def value(kept: Any) -> Any:
            if "bytes" in kept:
                return kept["bytes"].encode("latin-1")
            return array(kept["array"]) if "array" in kept else kept["plain"]

        group.attrs.update({name: value(kept) for name, kept in about["attrs"].items()})
        for name, member in about["arrays"].items():
            group.create_dataset(name, data=array(member))
        for name, below in about["groups"].items():
            self._fill(group.create_group(name), below, archive)

    def flush(self) -> None:
        """Write what there is."""
        if self.mode == "r":
            return
        members: list[np.ndarray] = []

        def put(values: Any) -> str:
            members.append(np.asarray(values))
            return f"{len(members) - 1}.npy"

        def attribute(given: Any) -> Any:
            if isinstance(given, bytes):
                return {"bytes": given.decode("latin-1")}
            return {"plain": given} if isinstance(given, str | int | float | bool) else {"array": put(given)}

        def describe(group: Group) -> Any:
            return {
                "attrs": {name: attribute(given) for name, given in group.attrs.items()},
                "arrays": {n: put(c._values) for n, c in group._children.items() if isinstance(c, Dataset)},
                "groups": {n: describe(c) for n, c in group._children.items() if isinstance(c, Group)},
            }

        index = json.dumps(describe(self))
        if not self.filename:
            self._target.seek(0)
            self._target.truncate()
        with zipfile.ZipFile(self.filename or self._target, "w") as archive:
            archive.writestr(INDEX, index)
            for number, values in enumerate(members):
                content = io.BytesIO()
                np.save(content, values, allow_pickle=False)
                archive.writestr(f"{number}.npy", content.getvalue())

    def close(self) -> None:
        """Write, and be done."""
        if self._open:
            self.flush()
            self._open = False

    def __bool__(self) -> bool:
        return self._open

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def modules() -> list[ModuleType]:
    """The module that stands in."""
    h5py = ModuleType("h5py")
    h5py.__dict__.update(
        File=File, Group=Group, Dataset=Dataset, ExternalLink=ExternalLink, SoftLink=SoftLink,
        is_hdf5=zipfile.is_zipfile, string_dtype=lambda *_, **__: np.dtype("S"),
    )  # fmt: skip
    return [h5py]
