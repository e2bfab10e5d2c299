"""Grades a small submission while internals of other packages have other names.

Run as a program: ``python renamed_parts.py EXERCISE NOTEBOOK PLAN``, the last being JSON: lists of parts by what is
done with them. A part is ``module:qualified.name/attribute`` with a name or a module of `assumptions.TABLE`; without
the attribute it is that name itself. All packages are imported once; all else happens in forks, which rename in all
code that has been imported, but for this project's.

* ``graded``, a list of lists: each list's parts are renamed together in a fork that starts a fork server and grades,
  and enters the points in a gradebook if there are parts of nbgrader's. If the points are not those of a grading in
  which nothing is renamed, each part is graded alone, so that it is known whose fault it is.
* ``stops``: these are renamed together, and what a grading stops with is kept.
* ``asked``: nothing is graded.
* ``anew``: these have other source instead of another name, and nothing is graded.

For each part of all these, one more fork renames it alone and asks what `doctor` says. What is printed is one JSON line
with the points when nothing is renamed, then one for each part.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import gc
import importlib
import inspect
import json
import os
import sys
import tempfile
import types
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.exercise.outcome import SubmissionResult

ROOT = Path(__file__).resolve().parents[1]

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


def name_in(part: str) -> str:
    """What has another name when a part is renamed; '' for a module."""
    name, _, attribute = part.partition("/")
    return attribute or name.partition(":")[2].split(".")[-1]


def rename(part: str) -> None:
    """Give what `part` stands for another name."""
    module, _, path = part.partition("/")[0].partition(":")
    package = module.split(".")[0]
    if not path:
        _hide(module)
        return
    last = name_in(part)
    _rename_everywhere(last, _KERNEL if package in _KERNEL else (package,))
    if path == last:
        thing = vars(sys.modules[module])[last]
        for other, there in list(sys.modules.items()):
            if other.startswith(package) and vars(there).get(last) is thing:
                setattr(there, last + RENAMED, vars(there).pop(last))


_KERNEL = ("IPython", "ipykernel", "traitlets", "jupyter_core")  # one's methods are called, and written over, by others


def write_anew(part: str) -> None:
    """Give a function other source, and leave its name."""
    from autograder.compat.assumptions import found

    module, _, path = part.removesuffix("/").partition(":")
    *owners, last = path.split(".")
    _write_anew(found(f"{module}:{'.'.join(owners)}") if owners else sys.modules[module], last)


def _hide(module: str) -> None:
    """Have this project's code find no such module. All others know what it is called now."""
    for owner, name in ((builtins, "__import__"), (importlib, "import_module")):
        original = getattr(owner, name)

        def load(wanted: str, *args: Any, original: Any = original, **kwargs: Any) -> Any:
            if wanted == module and sys._getframe(1).f_globals.get("__name__", "").startswith("autograder"):
                raise ModuleNotFoundError(f"No module named {module!r}", name=module)
            return original(wanted, *args, **kwargs)

        setattr(owner, name, load)


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
    raw = inspect.getattr_static(owner, name)
    original = raw.fget if isinstance(raw, property) else raw

    def written_anew(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    setattr(owner, name, property(written_anew) if isinstance(raw, property) else written_anew)


def grade(notebook: bytes, exercise: str, enters: bool) -> list[Any]:
    from autograder.exercise.definition import find_exercise
    from autograder.grading import grade as station
    from autograder.sandbox import bubblewrap, client, fork_server
    from autograder.sandbox.limits import Limits

    class Forked(client.ForkServer):
        """A fork server that is a fork of this process, which has imported everything."""

        def _start(self) -> None:
            import socket

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
        result = station.grade(notebook, found, server, Limits(), held_out=None).result
    if enters:
        enter(result)
    return [[check.name, check.points, str(check.outcome)] for check in result.checks]


def enter(result: SubmissionResult) -> None:
    """Make a gradebook, and enter these points.

    Raises:
        AssertionError: the gradebook does not have them then.
    """
    from autograder.course.gradebook import Gradebook
    from autograder.course.nbgrader_config import address
    from autograder.course.release import release

    with tempfile.TemporaryDirectory() as folder:
        url = address(Path(folder) / "gradebook.db")
        release(ROOT / "solutions", Path(folder) / "release", result.exercise, url)
        for there in (False, True):
            with contextlib.closing(Gradebook(url, "", result.exercise)) as book:
                assert book.has_points_of("ada", result) is there
                book.enter("ada", "", result)
                book.commit()


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


def in_a_fork(find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `find` returns in a fork; `broken` is the error, where it ended in one."""
    ours, theirs = os.pipe()
    if (child := os.fork()) == 0:
        try:
            said = find()
        except BaseException:
            import traceback

            said = {"broken": traceback.format_exc()}
        os.write(theirs, json.dumps(said).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as read:
        seen: dict[str, Any] = json.loads(read.read() or '{"broken": "it ended"}')
    os.waitpid(child, 0)
    return seen


def prepare(parts: set[str]) -> None:
    """Import everything, and look up what will be renamed."""
    from autograder.compat import assumptions

    # A fork that asks `doctor` would else read the source of forty functions again.
    assumptions.digest = functools.cache(assumptions.digest)
    for use in assumptions.TABLE:
        assert not assumptions.fallen(use), "before anything is renamed, all holds"
    import ipykernel.kernelapp
    import ipykernel.zmqshell  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import nbclient  # noqa: F401
    import pytest  # noqa: F401

    import autograder.course.gradebook
    import autograder.course.release  # noqa: F401
    from autograder import data
    from autograder.grading import grade as _station  # noqa: F401

    data.keep_in_memory()  # each fork server would read them anew
    look_up({name_in(part) for part in parts})
    gc.freeze()  # no fork has to go through what was there before it


def main() -> None:
    exercise, path = sys.argv[1:3]
    plan: dict[str, list[Any]] = json.loads(sys.argv[3])
    prepare({*chain(*plan["graded"]), *plan["stops"], *plan["asked"]})
    notebook = Path(path).read_bytes()

    def graded(parts: list[str]) -> dict[str, Any]:
        def points() -> dict[str, Any]:
            for part in parts:
                rename(part)
            return {"points": grade(notebook, exercise, not parts or any(p.startswith("nbgrader") for p in parts))}

        return in_a_fork(points)

    def stopped(parts: list[str]) -> dict[str, Any]:
        try:
            for part in parts:
                rename(part)
            return {"points": grade(notebook, exercise, False)}
        except Exception as error:
            return {"stopped": str(error)}

    def said(part: str, change: Callable[[str], None] = rename) -> dict[str, Any]:
        def says() -> dict[str, Any]:
            from autograder.compat.assumptions import TABLE, fallen, line

            change(part)
            return {"doctor": [line(use, gone) for use in TABLE if (gone := fallen(use))]}

        return {"name": part, **in_a_fork(says)}

    plain = graded([])
    print(json.dumps(plain), flush=True)
    for group in plan["graded"]:
        together = graded(group)
        for part in group:
            found = together if together == plain or len(group) == 1 else graded([part])
            if found == plain != together:
                found = {**found, "together": [group, together]}
            print(json.dumps({**said(part), **found}), flush=True)
    end = in_a_fork(lambda: stopped(plan["stops"]))
    for part in plan["stops"]:
        print(json.dumps({**said(part), **end}), flush=True)
    for part in plan["asked"]:
        print(json.dumps(said(part)), flush=True)
    for part in plan["anew"]:  # does it stay away from what it does not know?
        print(json.dumps(said(part, write_anew)), flush=True)


if __name__ == "__main__":
    main()
