"""How many learners at once does this machine hold? `python deploy/hub/load.py --learners 4`, as root.

A Hub is started, so many learners log in at the same moment, open an exercise, run a network's training and a check.
Measured: seconds until a learner's server answers, seconds from opening the exercise to the check's answer, and memory
per learner (proportional set size: shared pages are divided among those who share them). Only this machine is used;
the number of learners and the time are bounded, and nothing is left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pwd
import re
import statistics
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

import websocket  # noqa: E402
from classroom import Class, set_up, take_down  # noqa: E402
from installation import install, proxy  # noqa: E402
from local import FAILURES, PREFIX, alone, fail, free_ports, running  # noqa: E402
from visitor import Visitor  # noqa: E402

EXERCISE = "03-dense-networks"
MOST_LEARNERS = 24
MOST_SECONDS = 900.0
# What a learner's kernel does in the exercise, up to the first check of a trained network.
WORK = f"""
from autograder import start
check, hint = start("{EXERCISE}")
import keras
from keras import layers
from autograder.data import load_fashion
(train_data, train_labels), (test_data, test_labels) = load_fashion()
x_train = train_data.reshape(600, 784).astype("float32") / 255
x_test = test_data.reshape(100, 784).astype("float32") / 255
hidden, output = layers.Dense(10, activation="relu"), layers.Dense(3, activation="softmax")
model = keras.Sequential([keras.Input((784,)), hidden, output])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, train_labels, epochs=12, batch_size=32, validation_split=0.2, verbose=0)
check("trained")
"""


@dataclass(frozen=True)
class Measured:
    """One learner's figures."""

    server_seconds: float
    work_seconds: float
    check_seconds: float  # a check once more, when all is loaded
    memory_mb: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=4, help=f"at once, 1 to {MOST_LEARNERS} (default: 4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if not 1 <= options.learners <= MOST_LEARNERS:
        parser.error(f"--learners is 1 to {MOST_LEARNERS}")
    if os.getuid() != 0:
        parser.error("separate Unix users need root")
    names = tuple(f"load-{number:02}" for number in range(options.learners))
    try:
        with alone(PREFIX):
            measured, taken = _measure(names)
    except FAILURES as error:
        return fail("load.py", error)
    report = _report(measured, taken)
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _measure(names: tuple[str, ...]) -> tuple[list[Measured], float]:
    """Each learner's figures, and the megabytes that all of them took of the machine."""
    group = Class(PREFIX / "load", install(PREFIX, "6"), "load", names, ("load-tutor",), (EXERCISE,))
    take_down(group)
    try:
        described = set_up(group, free_ports(), proxy())
        with running(group, described) as url:
            passwords = json.loads((group.state / "passwords.json").read_text("utf-8"))
            before = _available_mb()
            with ThreadPoolExecutor(len(names)) as pool:
                measured = list(pool.map(lambda name: learn(url, name, passwords[name]), names))
            taken = before - _available_mb()
    finally:
        take_down(group)
    return measured, taken


def learn(url: str, name: str, password: str) -> Measured:
    """Be one learner.

    Raises:
        TimeoutError: server or kernel did not answer within the bound.
    """
    began = time.monotonic()
    visitor = Visitor(url, name, password)
    visitor.start_server(MOST_SECONDS)
    server = time.monotonic() - began
    began = time.monotonic()
    kernel = visitor.call("POST", f"/user/{name}/api/kernels", {"name": "python3"}).json()["id"]
    connection = _connect(visitor, kernel)
    with contextlib.closing(connection):
        _run(connection, WORK)
        work = time.monotonic() - began
        began = time.monotonic()
        _run(connection, 'check("trained")')
        check = time.monotonic() - began
        memory = _memory_mb(name)
    return Measured(server, work, check, memory)


def _connect(visitor: Visitor, kernel: str) -> Any:
    address = visitor.url.replace("http", "ws", 1) + f"/user/{visitor.user}/api/kernels/{kernel}/channels"
    cookies = "; ".join(
        f"{c.name}={c.value}" for c in visitor.session.cookies if f"/user/{visitor.user}/".startswith(c.path)
    )
    return websocket.create_connection(address, cookie=cookies, origin=visitor.url, timeout=MOST_SECONDS)


def _run(connection: Any, code: str) -> None:
    """Run code in the kernel and wait until it has answered; an error in it is ours."""
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": number, "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    connection.send(json.dumps(message))
    while True:
        answer = json.loads(connection.recv())
        if answer["parent_header"].get("msg_id") != number:
            continue
        if answer["msg_type"] == "error":
            raise RuntimeError(answer["content"]["evalue"])
        if answer["msg_type"] == "execute_reply":
            return


def _memory_mb(user: str) -> float:
    """Proportional set size of all processes of a user."""
    uid, kilobytes = pwd.getpwnam(user).pw_uid, 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == uid:
                found = re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.M)
                kilobytes += int(found[1]) if found else 0
    return kilobytes / 1024


def _available_mb() -> float:
    found = re.search(r"^MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    assert found is not None
    return int(found[1]) / 1024


def _report(measured: list[Measured], taken: float) -> dict[str, Any]:
    def row(values: list[float]) -> dict[str, float]:
        return {"median": round(statistics.median(values), 1), "most": round(max(values), 1)}

    return {
        "learners": len(measured),
        "cores": len(os.sched_getaffinity(0)),
        "load_of_the_machine": round(os.getloadavg()[0], 1),
        "seconds_until_server_answers": row([m.server_seconds for m in measured]),
        "seconds_from_opening_to_checked": row([m.work_seconds for m in measured]),
        "seconds_of_another_check": row([m.check_seconds for m in measured]),
        "memory_mb_per_learner": row([m.memory_mb for m in measured]),
        "memory_mb_taken_in_all": round(taken),
    }


if __name__ == "__main__":
    sys.exit(main())
