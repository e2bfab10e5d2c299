"""Runs the kit's commands in forks of one process that has imported what they need, a second less for each.

Run as a program it reads one line of JSON after another: a command's arguments, and the files for its output and its
errors. It answers each with a line: the exit status. What this program may do, each command may do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit import ROOT


class ForkedCommands:
    """The process that has imported the kit."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._files = [folder / "stdout", folder / "stderr"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one command, and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([arguments, *map(str, self._files)]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that imports the kit has ended"
        return subprocess.CompletedProcess(arguments, int(answer), *(file.read_bytes() for file in self._files))


@contextmanager
def forked_commands(folder: Path, before: list[str]) -> Iterator[ForkedCommands]:
    """Start the process, and end it afterwards. `before` is put before its command line."""
    command = [*before, sys.executable, __file__]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as process:
        try:
            yield ForkedCommands(process, folder)
        finally:
            process.kill()


def _serve() -> None:
    import autograder.cli
    import autograder.course.gradebook
    import autograder.grading.batch
    import autograder.report

    for line in sys.stdin:
        arguments, *files = json.loads(line)
        if (child := os.fork()) == 0:
            status = 70
            try:
                for number, file in enumerate(files, 1):
                    os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
                status = autograder.cli.main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
