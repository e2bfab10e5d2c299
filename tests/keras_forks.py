"""Runs programs in forks of one process that has imported Keras and TensorFlow, which takes longer than most of them.

Run as a program it reads one line of JSON after another: a list of programs, which run side by side. It answers each
line with a line: what each program wrote, and how it ended. TensorFlow starts its threads with the first computation,
so a fork made before that is as good as a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

# Set before TensorFlow is imported. One thread: the order of a sum is always the same.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "AUTOGRADER_PLAIN_STEPS": ""}
ENVIRONMENT |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


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


class KerasForks:
    """The process that has imported Keras."""

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
        assert line, "the process that imports Keras has ended"
        return [Done(*one) for one in json.loads(line)]


@contextmanager
def keras_forks() -> Iterator[KerasForks]:
    """Start the process, and end it afterwards."""
    with subprocess.Popen(
        [sys.executable, __file__], env=os.environ | ENVIRONMENT, stdin=-1, stdout=-1, text=True
    ) as process:
        try:
            yield KerasForks(process)
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
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

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
