"""Workers on other machines: the same jobs, through dask.distributed's executor.

A worker needs the package and the sandbox, nothing else: exercise, checks and held-out images travel to each
worker once, through a worker plugin, to those that join later too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from concurrent.futures import wait as futures_ended
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import distributed

from autograder.errors import SchedulerLost, SchedulerRefused, WorkerDied
from autograder.grading import basis, worker
from autograder.grading.worker import Setup
from autograder.language import _, said, say
from autograder.sandbox.bubblewrap import Verdict

CONNECT_SECONDS = 30
LEASE_SECONDS = 45  # dask takes a lease from a run that was killed after 30
ENCRYPTED = ("tls", "wss")
KEPT = _("What was graded is kept; run the same command again.")
LOST = _("the connection to the scheduler is lost")


class BeginWorker(distributed.WorkerPlugin):  # type: ignore[misc]
    """Prepares a worker as soon as it joins."""

    name = "autograder"

    def __init__(self, setups: Sequence[Setup]) -> None:
        self._setups = setups
        self._like = {"package": basis.package_digest()} | basis.versions()  # the coordinator's

    async def setup(self, worker: Any) -> None:
        """Begin; or, where this worker would grade otherwise than the coordinator, say so here and leave."""
        from autograder.grading.worker import begin, here

        try:
            _check_same(worker.address, here()[0], self._like)
        except SchedulerRefused as error:  # the run asked those that were there before it; this one joins later
            logging.getLogger("distributed.worker").error("%s", error)
            asyncio.get_running_loop().create_task(worker.close(reason="autograder"))
            return
        begin(self._setups)

    def teardown(self, worker: Any) -> None:
        from autograder.grading.worker import end

        end()


@dataclass(frozen=True)
class Cluster:
    """A scheduler with workers that can grade."""

    address: str
    workers: int
    sandboxed: Verdict  # whether bubblewrap works on every one of them

    @contextmanager
    def pools(self, _workers: int, setups: Sequence[Setup]) -> Iterator[Executor]:
        """All workers, prepared for these exercises until the context ends.

        Raises:
            SchedulerLost: there is no scheduler or no worker any more.
            SchedulerRefused: somebody else's run has the workers.
        """
        with self._held() as workers:
            workers.wait()
            workers.prepare(setups)
            yield workers

    @contextmanager
    def _held(self) -> Iterator[Workers]:
        """All workers, for nobody else until the context ends."""
        with contextlib.ExitStack() as stack:
            try:
                client = stack.enter_context(_connected(self.address))
            except SchedulerRefused as error:
                raise SchedulerLost(f"{str(error).rstrip('.')}. {said(KEPT)}") from error
            stack.enter_context(_alone(client, self.address))
            workers = stack.enter_context(Workers(client, self.address))
            try:
                yield workers
            finally:
                if client.status == "running":
                    client.unregister_worker_plugin(BeginWorker.name)


class StandingCluster:
    """A cluster's workers, which stay with one run from one batch to the next. Used as `Pools`; to be closed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._held = contextlib.ExitStack()
        self._workers: Workers | None = None
        self._known: dict[str, tuple[str, Setup]] = {}  # what the workers have been given, and what that rests on

    @contextmanager
    def __call__(self, _workers: int, setups: Sequence[Setup]) -> Iterator[Executor]:
        """See `Cluster.pools`."""
        if self._workers is None or not self._workers.connected:
            self.close()
            self._workers = self._held.enter_context(self._cluster._held())
        given = {setup.exercise: (basis.Basis.of(setup).key, setup) for setup in setups}
        if any(self._known.get(name, ("",))[0] != key for name, (key, _) in given.items()):
            self._known |= given
            self._workers.prepare([setup for _, setup in self._known.values()])
        self._workers.wait()
        yield self._workers

    def close(self) -> None:
        """Let the workers go."""
        self._workers, self._known = None, {}
        self._held.close()


class Workers(Executor):
    """The workers of a dask cluster as an executor whose futures always come to an end, with errors `batch` knows.

    Not dask's own executor: a result that is lost with its worker while it is fetched leaves that one's future pending
    for ever, or with an error of its own; and when the connection to the scheduler is lost, what is submitted before it
    is found again stays pending, too. Here all of it is broken then, as with a process pool.
    """

    def __init__(self, client: Any, address: str = "") -> None:
        self._client, self._address = client, address
        self._pending: dict[Future[Any], Any] = {}  # ours -> dask's
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.size = 0  # how many there are now: they join and leave while a run goes on
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def connected(self) -> bool:
        """Whether the scheduler can be reached."""
        return bool(self._client.status == "running")

    def prepare(self, setups: Sequence[Setup]) -> None:
        """Have all workers, and those that join later, begin with these exercises."""
        self._client.register_plugin(BeginWorker(setups))

    def wait(self) -> None:
        """Until there is one.

        Raises:
            SchedulerLost: none has come for a while.
        """
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise SchedulerLost(
                say("The scheduler at {address} has lost all its workers. {kept}", address=self._address, kept=KEPT)
            ) from error
        self._count()

    def _count(self) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError):  # whoever waits for a result is told
            self.size = len(self._client.nthreads())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._client.status != "running":
            raise BrokenExecutor(said(LOST))
        if self._closed.is_set():
            raise RuntimeError("no submissions after shutdown")
        try:
            theirs = self._client.submit(fn, *args, pure=False, **kwargs)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise BrokenExecutor(said(LOST)) from error
        ours: Future[Any] = Future()
        with self._lock:
            self._pending[ours] = theirs
        self._client.loop.add_callback(self._follow, ours, theirs)
        return ours

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._closed.set()
        with self._lock:
            pending = dict(self._pending)
        if self._client.status == "running" and pending:
            if wait:
                futures_ended(pending)
            else:
                self._client.cancel(list(pending.values()))

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False)

    async def _follow(self, ours: Future[Any], theirs: Any) -> None:
        """Wait for a result in the client's event loop, and pass it on."""
        try:
            result = await self._client.gather(theirs, asynchronous=True)
        except BaseException as error:  # an event loop that closes cancels, which is no Exception
            self._settle(ours, error=self._known(error))
        else:
            self._settle(ours, result)

    def _known(self, error: BaseException) -> BaseException:
        """What `batch` is told of an error of dask's; a task's own is left as it is."""
        if self._client.status != "running":
            return BrokenExecutor(said(LOST))
        if isinstance(error, distributed.KilledWorker):
            return WorkerDied("the grading process died")
        if isinstance(error, (asyncio.CancelledError, CancelledError, distributed.comm.CommClosedError)):
            return WorkerDied(say("its result was lost with the worker"))
        if type(error).__module__.partition(".")[0] == "distributed":  # there is no worker, or whatever else it met
            return BrokenExecutor(str(error))
        return error

    def _watch(self) -> None:
        while not self._closed.wait(1):
            if self._client.status == "running":
                self._count()
            else:
                with self._lock:
                    pending = list(self._pending)
                for ours in pending:
                    self._settle(ours, error=BrokenExecutor(said(LOST)))

    def _settle(self, ours: Future[Any], result: Any = None, error: BaseException | None = None) -> None:
        with self._lock:
            if self._pending.pop(ours, None) is None:
                return
        if error is None:
            ours.set_result(result)
        else:
            ours.set_exception(error)


def look_at(address: str) -> Cluster:
    """Ask a scheduler for its workers, and each worker for what grading needs.

    Raises:
        SchedulerRefused: see `check_address`; or the certificates cannot be used; or the scheduler cannot be reached;
            or it has no workers, or such with several threads, with other code of the package than this, or with
            another Keras, backend, NumPy or Python.
    """
    with _connected(address) as client:
        threads = client.nthreads()
        if not threads:
            raise SchedulerRefused(
                say(
                    "The scheduler at {address} has no workers. Start some: dask worker {address} --nthreads 1",
                    address=address,
                )
            )
        if any(n != 1 for n in threads.values()):
            raise SchedulerRefused(
                say("A worker grades one submission at a time: start the workers with --nthreads 1.")
            )
        try:
            answers: dict[str, tuple[dict[str, str], Verdict]] = client.run(worker.here)
        except (ImportError, AttributeError) as error:
            raise SchedulerRefused(
                say("The workers do not have this version of the package autograder: {error}.", error=error)
            ) from error
    sandboxed, here = Verdict(True), {"package": basis.package_digest()} | basis.versions()
    for name, (there, verdict) in answers.items():
        _check_same(name, there, here)
        if not verdict.works:
            sandboxed = replace(verdict, reason=say("on the worker {name} {reason}", name=name, reason=verdict.reason))
    return Cluster(address, len(threads), sandboxed)


def _check_same(name: str, there: dict[str, str], here: dict[str, str]) -> None:
    """A worker grades as the coordinator's machine would, or not at all."""
    if not isinstance(there, dict) or there.get("package") != here["package"]:
        raise SchedulerRefused(
            say(
                "The worker {name} has another version of the package autograder than this machine: its code"
                " differs. Install the same one on both.",
                name=name,
            )
        )
    for what, version in here.items():
        if version not in (basis.NOT_THERE, there.get(what)):  # who only coordinates needs no Keras
            raise SchedulerRefused(
                say(
                    "The worker {name} has {what} {there}, and this machine {version}. All results must come"
                    " from one version: install the same one on both.",
                    name=name,
                    what=what,
                    there=there.get(what, basis.NOT_THERE),
                    version=version,
                )
            )


def check_address(address: str) -> None:
    """Refuse to send students' work and held-out labels in the clear over a network.

    Raises:
        SchedulerRefused: neither TLS nor this machine.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ENCRYPTED or is_this_machine(parts.hostname or ""):
        return
    raise SchedulerRefused(
        say(
            "{address} is another machine and the connection is not encrypted. Start scheduler and"
            " workers with TLS certificates (--tls-ca-file, --tls-cert, --tls-key) and use tls://...",
            address=address,
        )
    )


def is_this_machine(host: str) -> bool:
    """Whether a host name or address is the loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_certificates(address: str) -> None:
    """Look for what dask would stumble over, with a traceback and no file's name."""
    where = say(
        "dask's configuration (distributed.comm.tls: ca-file, client.cert, client.key; DASK_CONFIG names the file)"
    )
    security = distributed.Security()
    if not address.startswith(tuple(f"{scheme}://" for scheme in ENCRYPTED)):
        if security.require_encryption:
            raise SchedulerRefused(
                say("Dask's configuration requires encryption, and {address} has none: use tls://...", address=address)
            )
        return
    tls = security.get_tls_config_for_role("client")
    if not (tls["ca_file"] and tls["cert"]):
        raise SchedulerRefused(
            say("{address} needs TLS certificates. Name them in {where}.", address=address, where=where)
        )
    for path in (tls["ca_file"], tls["cert"], tls["key"]):
        if path and not os.access(path, os.R_OK):
            raise SchedulerRefused(
                say("The TLS certificate or key {path} cannot be read. It is named in {where}.", path=path, where=where)
            )
    try:
        security.get_connection_args("client")
    except OSError as error:
        raise SchedulerRefused(
            say("The TLS certificate {cert} and its key cannot be used: {error}.", cert=tls["cert"], error=error)
        ) from error


@contextmanager
def _alone(client: Any, address: str) -> Iterator[None]:
    """No other run has the workers meanwhile: it would grade by its own exercise, checks and labels."""
    lease = distributed.Semaphore(1, name="autograder", scheduler_rpc=client.scheduler, loop=client.loop)
    if not lease.acquire(timeout=LEASE_SECONDS):
        raise SchedulerRefused(
            say("Somebody else is grading on {address}. Wait until that run has ended.", address=address)
        )
    try:
        yield
    finally:
        if client.status == "running":
            lease.release()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    check_address(address)
    _check_certificates(address)
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it would say comes as an exception
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, RuntimeError, ValueError) as error:
        raise SchedulerRefused(
            say("The scheduler at {address} cannot be reached: {error}", address=address, error=error)
        ) from error
    try:
        yield client
    finally:
        client.close()
