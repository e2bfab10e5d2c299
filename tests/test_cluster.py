"""Workers on other machines: real dask processes, on the loopback and on nodes with addresses of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import dask
import distributed
import nbformat
import pytest
import yaml
from deadly_worker import DEADLY
from distributed.batched import BatchedSend
from kit import ROOT, missing
from nodes import PREFIX, nodes

sys.path.insert(0, str(ROOT))
from autograder.course.directory import Course
from autograder.errors import SchedulerLost, SchedulerRefused, WorkerDied
from autograder.grading import basis, batch, worker
from autograder.grading.answered import answered
from autograder.grading.cluster import BeginWorker, Cluster, StandingCluster, Workers, check_address, look_at
from autograder.sandbox.bubblewrap import Sandbox, Verdict
from autograder.sandbox.limits import Limits
from benchmarks.cluster import dask_cluster, dask_scheduler, dask_worker

NAME = "02-one-hot-encoding"


@pytest.mark.parametrize("address", ["tcp://10.1.2.3:8786", "node7:8786", "tcp://[2001:db8::1]:8786", "ws://example:1"])
def test_another_machine_in_the_clear_is_refused(address: str) -> None:
    with pytest.raises(SchedulerRefused, match="not encrypted"):
        check_address(address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "localhost:8786", "tcp://[::1]:1", "tls://node7:8786"])
def test_this_machine_or_tls_is_accepted(address: str) -> None:
    check_address(address)


def test_nobody_there_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.grading.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(SchedulerRefused, match="cannot be reached"):
        look_at("tcp://127.0.0.1:9")


def _tls(ca_file: str | None = None, cert: str | None = None, key: str | None = None) -> Any:
    client = {"distributed.comm.tls.client.cert": cert, "distributed.comm.tls.client.key": key}
    return dask.config.set({"distributed.comm.tls.ca-file": ca_file, **client})


def test_certificates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing of the kind")
    junk = str(tmp_path / "cert.pem")
    with _tls(), pytest.raises(SchedulerRefused, match=r"needs TLS certificates.*ca-file.*DASK_CONFIG"):
        look_at("tls://127.0.0.1:9")
    with (
        _tls(junk, junk, "/no/such/key.pem"),
        pytest.raises(SchedulerRefused, match=r"/no/such/key.pem cannot be read"),
    ):
        look_at("tls://127.0.0.1:9")
    with _tls(junk, junk, junk), pytest.raises(SchedulerRefused, match=r"cert.pem and its key cannot be used"):
        look_at("tls://127.0.0.1:9")
    with (
        dask.config.set({"distributed.comm.require-encryption": True}),
        pytest.raises(SchedulerRefused, match=r"use tls://"),
    ):
        look_at("tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_result_that_is_lost_while_it_is_fetched_is_graded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a node's plug is pulled between a submission's end and its fetching: dask's executor never answers."""
    local = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**local) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        fetch = client._gather
        lost = iter([distributed.client.FutureCancelledError("a key", "unknown"), OSError("the submission's own")])

        async def gather(*args: Any, **kwargs: Any) -> Any:
            if (error := next(lost, None)) is not None:
                raise error
            return await fetch(*args, **kwargs)

        monkeypatch.setattr(client, "_gather", gather)
        with Workers(client) as workers:
            with pytest.raises(WorkerDied, match="lost with the worker"):
                workers.submit(len, "abc").result(60)
            with pytest.raises(OSError, match="the submission's own"):
                workers.submit(len, "abc").result(60)
            assert workers.submit(len, "abcd").result(20) == 4
            with pytest.raises(TypeError):  # a task's own error is told as it is
                workers.submit(len, 3).result(60)


def test_whatever_dask_calls_it_a_lost_scheduler_breaks_the_pool() -> None:
    """What it raises has no name that it promises to keep; a task's own error is not taken for it."""

    class Client:
        status = "running"

        def submit(self, *_: object, **__: object) -> None:
            self.status = self.later
            raise ArithmeticError("Client is closed. Can't send update-graph message.")

    client = Client()
    with Workers(client) as workers:
        for client.later, error in (("running", ArithmeticError), ("closed", BrokenExecutor)):
            with pytest.raises(error):
                workers.submit(len, "abc")
        client.status = "running"
        gone = type("Unheard", (Exception,), {"__module__": "distributed.scheduler"})("no workers")
        assert isinstance(workers._known(gone), BrokenExecutor)
        own = OSError("the submission's own")
        assert workers._known(own) is own


@pytest.mark.slow
def test_when_the_scheduler_is_lost_nothing_waits_for_ever() -> None:
    """Dask leaves pending what is submitted before it has found the scheduler again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    scheduler = subprocess.Popen(dask_scheduler(address), stderr=subprocess.DEVNULL)
    try:
        with distributed.Client(address, timeout=60, set_as_default=False) as client, Workers(client) as workers:
            running = workers.submit(len, "abc")  # there is no worker, so it stays
            scheduler.kill()
            with pytest.raises(BrokenExecutor, match="connection to the scheduler is lost"):
                running.result(20)
            with pytest.raises(BrokenExecutor):
                workers.submit(len, "abc")
    finally:
        scheduler.kill()
        scheduler.wait()


@pytest.mark.slow
def test_a_second_run_is_refused(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would change exercise, checks and labels under the first one's submissions."""
    monkeypatch.setattr("autograder.grading.cluster.LEASE_SECONDS", 1)
    setups = [batch.prepare(Course(course).make_ready(NAME), Limits(), Sandbox.LIMITS_ONLY)]
    with dask_cluster(1) as (address, _):
        pools = look_at(address).pools
        with pools(1, setups), pytest.raises(SchedulerRefused, match="Somebody else is grading"), pools(1, setups):
            pass
        with pools(1, setups) as workers:  # it is free again
            assert workers.submit(len, "abc").result(30) == 3


@pytest.mark.slow
def test_workers_stay_from_one_batch_to_the_next_and_join_while_one_runs(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin anew for another exercise alone. Whoever would grade otherwise than the coordinator leaves at once."""
    setup = batch.prepare(Course(course).make_ready(NAME), Limits(), Sandbox.LIMITS_ONLY)
    begun: list[list[str]] = []
    like = basis.of_this_machine()
    monkeypatch.setattr(worker, "begin", lambda setups: begun.append([one.exercise for one in setups]))
    monkeypatch.setattr(worker, "here", lambda: (like, Verdict(True)))
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(protocol="tcp://", host="127.0.0.1", **options) as local:
        pools = StandingCluster(Cluster(local.scheduler_address, 1, Verdict(True)))
        for setups in ([setup], [setup], [setup, dataclasses.replace(setup, exercise="another")], [setup]):
            with pools(1, setups) as workers:
                assert workers.submit(len, "abc").result(60) == 3
        assert begun == [[NAME], [NAME, "another"]]
        with pools(1, [setup]) as workers:
            assert workers.size == 1
            local.scale(2)
            _wait_until(lambda: workers.size == 2)
            assert begun[2:] == [[NAME, "another"]]
            like["package"] = "another's"
            local.scale(3)
            _wait_until(lambda: len(local.workers) == 3)
            _wait_until(lambda: workers.size == 2 and len(local.scheduler.workers) == 2)
            assert len(begun) == 3
        like["package"] = basis.package_digest()
        with pytest.raises(SchedulerRefused, match="Somebody else"):
            _refused(local.scheduler_address, setup, monkeypatch)
        _an_other_run_takes_the_workers(local.scheduler_address, setup)
        with pools(1, [setup]) as workers, pytest.raises(BrokenExecutor):
            workers.submit(len, "abc").result(60)
        with pools(1, [setup]) as workers:  # prepared anew
            assert workers.submit(len, "abc").result(60) == 3
        pools.close()
        with Cluster(local.scheduler_address, 1, Verdict(True)).pools(1, [setup]) as workers:
            assert workers.submit(len, "abc").result(60) == 3
        local.scale(0)
        _wait_until(lambda: not local.scheduler.workers)
        monkeypatch.setattr("autograder.grading.cluster.CONNECT_SECONDS", 1)
        with pytest.raises(SchedulerLost, match=r"lost all its workers\. What was graded is kept"), pools(1, [setup]):
            pass
        pools.close()


def _refused(address: str, setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.grading.cluster.LEASE_SECONDS", 1)
    with Cluster(address, 1, Verdict(True)).pools(1, [setup]):
        pass


def _an_other_run_takes_the_workers(address: str, setup: Any) -> None:
    """As after our lease was lost for a moment. It grades by other checks and other labels."""
    with distributed.Client(address, set_as_default=False) as client:
        client.register_plugin(BeginWorker([setup], "another's"))


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_killed_worker_loses_nothing(course: Path) -> None:
    for number in range(6):
        _hand_in(course, f"student-{number}", right=number % 2 == 1)
    root = Course(course)
    exercise = root.make_ready(NAME)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    with dask_cluster(2) as (address, workers):
        cluster = look_at(address)
        assert cluster.workers == 2
        recorded = course / ".autograder" / NAME / "done"

        def kill_one() -> None:
            while len(list(recorded.glob("*.json"))) < 2:
                time.sleep(0.05)
            workers[0].kill()

        killer = threading.Thread(target=kill_one)
        killer.start()
        done = batch.grade_class(root, exercise, setup, root.submissions(NAME), 4, pools=cluster.pools)
        killer.join()
        workers[0].wait()
    assert workers[0].returncode != 0
    assert [s["status"] for s in done.submissions] == ["graded"] * 6
    assert [s["score"] for s in done.submissions] == [0.0, exercise.max_score] * 3


def test_what_a_killed_test_left_of_its_nodes_is_removed() -> None:
    with nodes(1) as (made,):
        pass
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = dataclasses.replace(made, namespace=f"{PREFIX}{ended.pid}-1")
    subprocess.run(["ip", "netns", "add", left.namespace], check=True)
    sleeping = left.start(["sleep", "600"], os.environ, Path(os.devnull))
    time.sleep(0.2)
    with nodes(2) as (first, second):
        assert sleeping.wait(5) == -signal.SIGKILL
        call = f"import socket; socket.create_connection(('{first.address}', 9), 2)"
        asked = ["ip", "netns", "exec", second.namespace, sys.executable, "-c", call]
        assert "ConnectionRefusedError" in subprocess.run(asked, capture_output=True, text=True, check=False).stderr
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
    assert not {node.namespace for node in (made, left, first, second)} & set(listed.split())


@pytest.mark.slow
@pytest.mark.sandbox
def test_nodes_with_addresses_of_their_own_over_tls(course: Path, tmp_path: Path) -> None:
    """One node is unplugged on the way, and one submission kills its worker every time: only that one is given up."""
    if not shutil.which("openssl"):
        missing("openssl is not installed")
    students = ["ada", "bo", "chi", "dara", "eli", "fay", DEADLY]
    for number, student in enumerate(students):
        _hand_in(course, student, right=number % 2 == 0)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DASK_CONFIG": str(_certificates(tmp_path / "tls"))}
    log, results = tmp_path / "log", tmp_path / "results.json"
    log.touch()
    with nodes(4) as (first, one, two, teacher):
        scheduler = f"tls://{first.address}:8786"
        first.start(dask_scheduler(scheduler), environment, tmp_path / "scheduler.log")
        for node in (one, two):
            mine = environment | {"DEADLY_WORKER_LOG": str(log), "DEADLY_WORKER_NODE": node.address}
            preload = ["--preload", str(ROOT / "tests" / "deadly_worker.py")]
            node.start([*dask_worker(scheduler, node.address), *preload], mine, tmp_path / f"{node.address}.log")
        for node in (one, two):
            _wait_for("Registered to", tmp_path / f"{node.address}.log")
        grade = [sys.executable, "-m", "autograder", "grade", NAME, "--course", str(course), "--scheduler", scheduler]
        stranger = environment | {"DASK_CONFIG": str(_certificates(tmp_path / "stranger"))}
        assert teacher.start(grade, stranger, tmp_path / "refused").wait(60) == 2
        assert re.fullmatch(r"autograder: .* cannot be reached: .*certificate.*\n", (tmp_path / "refused").read_text())
        graded = teacher.start([*grade, "--sandbox", "require", "--json", str(results)], environment, tmp_path / "out")
        _wait_for(f"ends .* {one.address}\nbegins|ends .* {one.address}\n(.*\n)*begins .* {one.address}", log)
        with log.open("a") as file:
            one.unplug()
            file.write(f"unplugged - {one.address}\n")
        assert graded.wait(180) == 0, (tmp_path / "out").read_text()
    found = {one["student"]: one for one in json.loads(results.read_text())["submissions"]}
    full = found["ada"]["max_score"]
    assert {student: one["score"] for student, one in found.items()} == {
        **dict(zip(students, [full, 0.0] * 3)),
        DEADLY: 0.0,
    }
    assert {student for student, one in found.items() if one["status"] != "graded"} == {DEADLY}
    assert found[DEADLY]["status"] == "error"
    assert "the grading process died" in found[DEADLY]["checks"][0]["message"]
    assert _company(log.read_text()) == {2: set(), 3: set()}


@pytest.mark.slow
@pytest.mark.sandbox
def test_jobs_of_slurm_grade_what_arrives(course: Path, tmp_path: Path) -> None:
    """deploy/cluster/slurm.py, with stand-ins for sbatch and scancel that run a job's script on the spot."""
    if not shutil.which("openssl"):
        missing("openssl is not installed")
    _hand_in(course, "ada", right=True)
    stand_ins = tmp_path / "bin"
    stand_ins.mkdir()
    log = tmp_path / "job.log"
    run = f'cp "$1" {tmp_path}/job.sh; setsid bash {tmp_path}/job.sh > {log} 2>&1 < /dev/null &'
    _executable(stand_ins / "sbatch", f'{run}\necho "Submitted batch job $!"')
    _executable(stand_ins / "scancel", 'kill -- "-$1"')
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{stand_ins}:{os.environ['PATH']}"}
    environment["DASK_CONFIG"] = str(_certificates(tmp_path / "tls"))
    start = [
        sys.executable,
        str(ROOT / "deploy" / "cluster" / "slurm.py"),
        "--workers",
        "1",
        "--interface",
        "lo",
        "--",
        "--partition=a",
    ]
    with (tmp_path / "out").open("wb") as out:
        slurm = subprocess.Popen(start, env=environment, stdout=out, stderr=out)
    try:
        _wait_for("Registered to", log)
        address = re.search(r"--scheduler (tls://\S+)\n", (tmp_path / "out").read_text())
        assert address is not None
        watch = [sys.executable, "-m", "autograder", "watch", "--course", str(course), "--scheduler", address[1]]
        with (tmp_path / "watched").open("wb") as watched:
            watching = subprocess.Popen(watch, env=environment, stdout=watched, stderr=watched)
        try:
            _wait_for(f"ada  {NAME}: 24 of 24 points", tmp_path / "watched", 120)
            _hand_in(course, "bo", right=True)
            _wait_for(f"bo  {NAME}: 24 of 24 points", tmp_path / "watched", 120)
        finally:
            watching.terminate()
            watching.wait(60)
        assert watching.returncode == 0
        assert "2 graded" in (tmp_path / "watched").read_text()
    finally:
        slurm.send_signal(signal.SIGINT)
        assert slurm.wait(60) == 0, (tmp_path / "out").read_text()
    script = (tmp_path / "job.sh").read_text()
    assert "\n#SBATCH --cpus-per-task=1\n" in script
    assert "\n#SBATCH --partition=a\n" in script
    _wait_for("Closing Nanny", log)


def _executable(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def _hand_in(course: Path, student: str, right: bool) -> None:
    folder = course / "submitted" / student / NAME
    folder.mkdir(parents=True)
    nbformat.write(answered(NAME, {} if right else None), folder / f"{NAME}.ipynb")


def _certificates(folder: Path) -> Path:
    """Dask's settings as they are in cluster/, with a certificate made by the command on the book's page."""
    page = (ROOT / "book" / "operators" / "cluster.md").read_text("utf-8")
    command = re.search(r"^openssl req .*$(\n    .*$)*", page, re.M)
    assert command is not None
    folder.mkdir()
    subprocess.run(command[0].replace("\n", ""), shell=True, check=True, capture_output=True, cwd=folder)
    settings = (ROOT / "deploy" / "cluster" / "dask.yaml").read_text("utf-8")
    (folder / "dask.yaml").write_text(settings.replace("/etc/autograder-cluster", str(folder)))
    return folder / "dask.yaml"


def test_a_scheduler_does_not_keep_the_notebooks_that_it_passed_on() -> None:
    """By itself it keeps the last thousand messages for each worker, and a message to a worker holds a notebook."""
    settings = yaml.safe_load((ROOT / "deploy" / "cluster" / "dask.yaml").read_text("utf-8"))
    with dask.config.set(settings):
        kept = BatchedSend(interval=1).recent_message_log
    assert kept.maxlen is not None
    assert kept.maxlen <= 10


def _wait_for(pattern: str, file: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not (file.is_file() and re.search(pattern, file.read_text())):
        assert time.monotonic() < deadline, f"{pattern} is not in {file.name}:\n{file.read_text()[-3000:]}"
        time.sleep(0.05)


def _company(log: str) -> dict[int, set[str]]:
    """Who was being graded when the deadly submission was tried the second, the third ... time."""
    running: dict[str, str] = {}  # student -> node
    company: dict[int, set[str]] = {}
    tries = 0
    for line in log.splitlines():
        what, student, node = line.split()
        if what == "unplugged":
            running = {student: where for student, where in running.items() if where != node}
        elif what == "ends":
            del running[student]
        elif student != DEADLY:
            running[student] = node
        else:
            tries += 1
            if tries > 1:
                company[tries] = set(running)
    return company
