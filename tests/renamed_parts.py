"""Grades a small submission while one private part of another package has another name.

Run as a program: ``python renamed_parts.py EXERCISE NOTEBOOK NAME...``. A name is ``module:qualified.name/attributes``
as in `assumptions.TABLE`, or ``''`` for nothing renamed. All packages are imported once; then, for each name, there is
a fork that renames it in all code that has been imported, but for this project's, starts a fork server, grades, and
prints one JSON line: the points, and what `doctor` says.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

RENAMED = "_quite_another_name"
# By name: the functions whose code names it, and the classes that hold it. Looked up once, before the first fork: to go
# through all objects in each takes seconds, and every page of memory that is only looked at becomes the fork's own.
mentions: dict[str, list[Any]] = {}


def look_up(names: set[str]) -> None:
    """Fill `mentions` with what has been imported."""
    mentions.update({name: [] for name in names})
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType):
            for name in _named_in(thing.__code__) & names:
                mentions[name].append(thing)
        elif isinstance(thing, type):
            for name in vars(thing).keys() & names:
                mentions[name].append(thing)


def _named_in(code: types.CodeType) -> set[str]:
    named = {*code.co_names, *(one for one in code.co_consts if isinstance(one, str))}
    return named.union(*(_named_in(one) for one in code.co_consts if isinstance(one, types.CodeType)))


def names_of(part: str) -> list[str]:
    """The names that are renamed for one part of the table, if what has another name then is private."""
    name, _, attributes = part.partition("/")
    return attributes.split() or [name.partition(":")[2].split(".")[-1]]


def rename(name: str, attributes: str) -> None:
    """Give what `name` stands for, or the attributes that it sets, another name; or, where that is public, new code."""
    from autograder.compat.assumptions import found

    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    package = module.split(".")[0]
    packages = (package, "ipykernel") if package == "IPython" else (package,)
    private = last.startswith("_") and not last.startswith("__")
    if attributes:
        for attribute in attributes.split():
            _rename_everywhere(attribute, packages)
    elif last == "__name__":
        sys.modules[module] = None  # type: ignore[assignment]
    elif private or module.startswith("tensorflow.python."):
        _rename_everywhere(last, packages)
        if not owners:
            setattr(sys.modules[module], last + RENAMED, vars(sys.modules[module]).pop(last))
    else:
        owner = found(f"{module}:{'.'.join(owners)}") if owners else sys.modules[module]
        _write_anew(owner, last)


def _rename_everywhere(name: str, packages: tuple[str, ...]) -> None:
    new = name + RENAMED
    for thing in mentions[name]:
        if not str(thing.__module__).startswith(packages):
            continue
        if isinstance(thing, types.FunctionType):
            thing.__code__ = _with(thing.__code__, name, new)
        else:
            setattr(thing, new, vars(thing)[name])
            delattr(thing, name)


def _with(code: types.CodeType, name: str, new: str) -> types.CodeType:
    """`code` with one name replaced, in the functions within it, too."""
    names = tuple(new if one == name else one for one in code.co_names)
    inner = tuple(
        _with(one, name, new) if isinstance(one, types.CodeType) else new if one == name else one
        for one in code.co_consts
    )
    if names == code.co_names and all(a is b for a, b in zip(inner, code.co_consts, strict=True)):
        return code
    return code.replace(co_names=names, co_consts=inner)


def _write_anew(owner: Any, name: str) -> None:
    """The same function, of other source."""
    raw = vars(owner)[name]
    original = raw.fget if isinstance(raw, property) else raw

    def written_anew(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    setattr(owner, name, property(written_anew) if isinstance(raw, property) else written_anew)


def grade(notebook: bytes, exercise: str) -> list[Any]:
    from autograder.exercise.definition import find_exercise
    from autograder.grading import grade as station
    from autograder.sandbox import bubblewrap, client, fork_server
    from autograder.sandbox.limits import Limits

    class Forked(client.ForkServer):
        """A fork server that is a fork of this process, which has imported everything."""

        def _start(self) -> None:
            import socket
            import tempfile

            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._log = tempfile.TemporaryFile()  # noqa: SIM115
            environment = bubblewrap.command(self.sandbox, self._folder / "sockets", theirs.fileno())[1]
            if (pid := os.fork()) == 0:
                os.setsid()
                os.dup2(self._log.fileno(), 2)
                self._control.close()
                os.environ.update(environment)
                sys.argv = ["fork_server", str(theirs.fileno())]
                try:
                    fork_server.main()
                finally:
                    os._exit(1)
            theirs.close()
            self._process = _Process(pid)  # type: ignore[assignment]

    found = find_exercise(exercise)
    with Forked(bubblewrap.Sandbox.LIMITS_ONLY) as server:
        result = station.grade(notebook, found, server, Limits(), held_out=None)
    return [[check.name, check.points, str(check.outcome)] for check in result.result.checks]


class _Process:
    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> None:
        self._wait(0)

    def kill(self) -> None:
        os.kill(self.pid, 9)

    def _wait(self, how: int) -> int | None:
        try:
            return None if os.waitpid(self.pid, how) == (0, 0) else 1
        except ChildProcessError:
            return 1


def main() -> None:
    from autograder.compat.assumptions import TABLE, fallen, line

    exercise, path, *names = sys.argv[1:]
    for use in TABLE:
        assert not fallen(use), "before anything is renamed, all holds"
    import ipykernel.kernelapp
    import ipykernel.zmqshell  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import nbclient  # noqa: F401

    from autograder.grading import grade as _station  # noqa: F401

    look_up({one for part in names for one in names_of(part)})
    gc.freeze()  # no fork has to go through what was there before it
    for name in names:
        ours, theirs = os.pipe()
        if (child := os.fork()) == 0:
            try:
                if name:
                    rename(*name.split("/"))
                says = [line(use, gone) for use in TABLE if (gone := fallen(use))]
                seen = {"name": name, "doctor": says}
                if path:  # else only this is asked: does it stay away from what it does not know?
                    seen["points"] = grade(Path(path).read_bytes(), exercise)
            except BaseException:
                import traceback

                seen = {"name": name, "broken": traceback.format_exc()}
            os.write(theirs, json.dumps(seen).encode())
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as read:
            print(read.read(), flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
