"""What each use of another package's internals brings to a submission, where it is made for speed.

    python -m benchmarks tricks
    python -m benchmarks.tricks --rounds 5        more rounds, less noise

There is a fork server for each trick, which leaves out that one, and two that leave out nothing: how much they differ
is the noise. In each round all of them grade the reference solution of each exercise, in turn, so that what disturbs
the machine disturbs all alike. What counts is the processor time of a submission's own processes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from autograder.exercise.definition import exercise_names
from autograder.grading import canary
from autograder.sandbox import bubblewrap
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from benchmarks.costs import ROOT, graded_in_full
from benchmarks.left_out import NOTHING, TRICKS

ROUNDS = 3
NOISE = "nothing, once more"


class _Without(ForkServer):
    """A fork server without a trick. It has no sandbox, for bubblewrap's shows it the kit and not the bench."""

    def __init__(self, trick: str) -> None:
        self._trick = trick
        super().__init__(Sandbox.LIMITS_ONLY)

    def _start(self) -> None:
        first = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        first += f"from benchmarks.left_out import TRICKS\nTRICKS[{self._trick!r}]()\n"
        with mock.patch.object(bubblewrap, "_START", first + bubblewrap._START):
            super()._start()


def measured(scratch: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """By trick: how much longer submissions take without it, as a share of what they take with all of them."""
    seconds: dict[str, list[dict[str, float]]] = {}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_Without(NOTHING if name == NOISE else name)) for name in (*TRICKS, NOISE)}
        for server in servers.values():
            server.wait_until_ready()
            canary.prove(server)
        for turn in range(rounds):
            order = [*servers][turn % len(servers) :] + [*servers][: turn % len(servers)]
            found = {name: {} for name in servers}
            for exercise in exercise_names():
                for name in order:
                    found[name][exercise] = graded_in_full(servers[name], exercise)
            for name, times in found.items():
                seconds.setdefault(name, []).append(times)
            print(f"   round {turn + 1} of {rounds}: {sum(found[NOTHING].values()):.1f} s with all of them", flush=True)
    return _shares(seconds)


def _shares(seconds: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """What `measured` returns, from the seconds by trick, round and exercise."""
    with_all = [sum(times.values()) for times in seconds[NOTHING]]
    shares = {}
    for name, turns in seconds.items():
        if name == NOTHING:
            continue
        each = [sum(times.values()) / whole - 1 for times, whole in zip(turns, with_all, strict=True)]
        shares[name] = {"share": statistics.mean(each), "least": min(each), "most": max(each)}
        print(
            f"   without {name:46} {100 * shares[name]['share']:6.1f} % more"
            f" ({100 * min(each):.1f} to {100 * max(each):.1f})",
            flush=True,
        )
    by_exercise = {
        name: {exercise: statistics.mean(times[exercise] for times in turns) for exercise in turns[0]}
        for name, turns in seconds.items()
    }
    return {"trick_shares": shares, "trick_seconds_by_exercise": by_exercise}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tricks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="default: %(default)d")
    measured(ROOT, parser.parse_args().rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
