"""Grades a small submission while internals of other packages have other names.

Run as a program: ``python renamed_parts.py EXERCISE NOTEBOOK GROUPS ASKED``, the last two being JSON. A name is
``module:qualified.name/attributes`` as in `assumptions.TABLE`, or a module's, followed by a slash; GROUPS is a list of
lists of names, ASKED a list of names. All packages are imported once; all else happens in forks, which rename in all
code that has been imported, but for this project's. For each group there is one that renames all its names, starts a
fork server and grades, and enters the points in a gradebook if the names are nbgrader's; for each name one that renames
this alone and asks what `doctor` says. If a group's points are not those of a grading in which
nothing is renamed, each of its names is graded alone, so that it is known whose fault it is. What is printed is one
JSON line with those points, then one for each name: what `doctor` says and, if it was in a group, the points.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
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


def names_of(part: str) -> list[str]:
    """The names that are renamed for one part of the table, if what has another name then is private."""
    name, _, attributes = part.partition("/")
    return attributes.split() or name.partition(":")[2].split(".")[-1:]


def rename(name: str, attributes: str) -> None:
    """Give what `name` stands for, or the attributes that it sets, another name; or, where that is public, new code."""
    from autograder.compat.assumptions import found

    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    package = module.split(".")[0]
    packages = (package, "ipykernel") if package == "IPython" else (package,)
    private = last.startswith("_") and not last.startswith("__")
    if not path:
        _hide(module)
    elif attributes:
        for attribute in attributes.split():
            _rename_everywhere(attribute, packages)
    elif private or module.startswith(("tensorflow.python.", "nbgrader.")):
        _rename_everywhere(last, packages)
        if not owners:
            setattr(sys.modules[module], last + RENAMED, vars(sys.modules[module]).pop(last))
    else:
        owner = found(f"{module}:{'.'.join(owners)}") if owners else sys.modules[module]
        _write_anew(owner, last)


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
    raw = vars(owner)[name]
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


def renamed(*names: str) -> None:
    for name in names:
        rename(*name.split("/"))


def main() -> None:
    from autograder.compat.assumptions import TABLE, fallen, line

    exercise, path = sys.argv[1:3]
    groups, asked = map(json.loads, sys.argv[3:])
    for use in TABLE:
        assert not fallen(use), "before anything is renamed, all holds"
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

    look_up({one for part in (*chain(*groups), *asked) for one in names_of(part)})
    gc.freeze()  # no fork has to go through what was there before it
    notebook = Path(path).read_bytes()

    def graded(names: list[str]) -> dict[str, Any]:
        def points() -> dict[str, Any]:
            renamed(*names)
            return {"points": grade(notebook, exercise, not names or names[0].startswith("nbgrader"))}

        return in_a_fork(points)

    def doctor(name: str) -> dict[str, Any]:
        def says() -> dict[str, Any]:
            renamed(name)
            return {"doctor": [line(use, gone) for use in TABLE if (gone := fallen(use))]}

        return in_a_fork(says)

    plain = graded([])
    print(json.dumps(plain), flush=True)
    for group in groups:
        together = graded(group)
        for name in group:
            found = together if together == plain or len(group) == 1 else graded([name])
            if found == plain != together:
                found = {**found, "together": [group, together]}
            print(json.dumps({"name": name, **doctor(name), **found}), flush=True)
    for name in asked:  # does it stay away from what it does not know?
        print(json.dumps({"name": name, **doctor(name)}), flush=True)


if __name__ == "__main__":
    main()
