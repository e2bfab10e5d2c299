"""Runs programs in forks of one process that has imported what they need, which takes longer than most of them.

Run as a program, with the names of modules that it imports, it reads one line of JSON after another: a list of
programs, which run side by side. It answers each line with a line: what each program wrote, and how it ended.
TensorFlow starts its threads with the first computation, so a fork made before that is as good as a process of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any


@dataclass(frozen=True)
class Program:
    """Python source, its arguments, and what its environment holds besides."""

    code: str
    arguments: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What a program wrote, and its exit status; negative where a signal ended it."""

    stdout: str
    stderr: str
    returncode: int


class Forks:
    """The process that has imported something."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *programs: Program) -> list[Done]:
        """Run them side by side, and wait for all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        jobs = [[program.code, program.arguments, dict(program.settings)] for program in programs]
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process that imports it all has ended"
        return [Done(*one) for one in json.loads(line)]


@contextmanager
def start_forks(modules: Sequence[str], settings: Mapping[str, str], before: Sequence[str] = ()) -> Iterator[Forks]:
    """Start the process, and end it afterwards.

    Args:
        modules: what it imports.
        settings: what its environment holds besides.
        before: put before its command line. What this program may do, all its forks may do.
    """
    command = [*before, sys.executable, __file__, *modules]
    with subprocess.Popen(command, env=os.environ | settings, stdin=-1, stdout=-1, text=True) as process:
        try:
            yield Forks(process)
        finally:
            process.kill()


def _start(code: str, arguments: list[str], settings: dict[str, str], files: tuple[IO[bytes], IO[bytes]]) -> int:
    sys.stdout.flush()
    if child := os.fork():
        return child
    status = 1
    try:
        for number, file in enumerate(files, start=1):
            os.dup2(file.fileno(), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(settings)
        sys.argv = ["-c", *arguments]
        exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for line in sys.stdin:
        running: list[tuple[int, tuple[Any, Any]]] = []
        for code, arguments, settings in json.loads(line):
            files = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
            running.append((_start(code, arguments, settings, files), files))
        ended = []
        for child, files in running:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            written = []
            for file in files:
                with file:
                    file.seek(0)
                    written.append(file.read().decode("utf-8", "replace"))
            ended.append([*written, status])
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
