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
import secrets
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
from autograder.sandbox.bubblewrap import Sandbox, Verdict
from autograder.sandbox.client import wait_for

CONNECT_SECONDS = 30
JOIN_SECONDS, BEGIN_SECONDS = 5.0, 60.0  # that a worker which joins has until it knows what to do, and has begun
HAND_OUTS = 5  # to how many workers that are not prepared a job may come before the run has lost them
LEASE_SECONDS = 45  # dask takes a lease from a run that was killed after 30
ENCRYPTED = ("tls", "wss")
KEPT = _("What was graded is kept; run the same command again.")
LOST = _("the connection to the scheduler is lost")
ONE_THREAD = _("A worker grades one submission at a time: start the workers with --nthreads 1.")


class NotPrepared(Exception):
    """A worker has not begun with what its job is to be graded by. The run is told, and no result comes of it."""


class BeginWorker(distributed.WorkerPlugin):  # type: ignore[misc]
    """Prepares a worker as soon as it joins."""

    name = "autograder"

    def __init__(self, setups: Sequence[Setup], token: str) -> None:
        self._setups = setups
        self._like = basis.of_this_machine()  # the coordinator's
        self.token = token  # which of all preparations this is
        self.begun = self.leaving = False

    async def setup(self, worker: Any) -> None:
        """Begin; or, where this worker would grade otherwise than the coordinator, say so here and leave."""
        from autograder.grading.worker import begin, here

        there, verdict = await asyncio.to_thread(here)  # which asks bubblewrap, and the worker has to answer meanwhile
        try:
            _check_same(worker.address, there, self._like)
            if worker.state.nthreads != 1:
                raise SchedulerRefused(said(ONE_THREAD))
            if self._setups[0].sandbox is Sandbox.BUBBLEWRAP and not verdict.works:
                raise SchedulerRefused(_on_the_worker(worker.address, verdict).reason)
        except SchedulerRefused as error:  # the run asked those that were there before it; this one joins later
            logging.getLogger("distributed.worker").error("%s", error)
            self.leaving = True
            # Whatever it was given meanwhile goes to another, and is not suspected of having killed it.
            self._closing = asyncio.get_running_loop().create_task(worker.close_gracefully(reason="autograder"))
            return
        begin(self._setups)  # in this thread, which stays: a fork server ends with the thread that started it
        self.begun = True

    def teardown(self, worker: Any) -> None:
        from autograder.grading.worker import end

        end()


def work_as_prepared(token: str, fn: Callable[..., Any], *args: Any) -> Any:
    """Call `fn` in a worker that has begun with this preparation.

    A worker that joins is given work while it begins. The scheduler may have started anew and prepare nobody any more;
    or somebody else's run has the workers, because our lease was lost. Theirs are other checks and other labels.

    Raises:
        NotPrepared: it has not, and will not.
    """
    plugins = distributed.get_worker().plugins
    if wait_for(lambda: BeginWorker.name in plugins, JOIN_SECONDS):
        found = plugins[BeginWorker.name]
        if found.token == token and wait_for(lambda: found.begun or found.leaving, BEGIN_SECONDS) and found.begun:
            return fn(*args)
    raise NotPrepared


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
        with self.hold() as workers:
            workers.wait()
            workers.prepare(setups)
            yield workers

    @contextmanager
    def hold(self) -> Iterator[Workers]:
        """All workers, for nobody else until the context ends.

        Raises:
            SchedulerLost, SchedulerRefused: see `pools`.
        """
        with contextlib.ExitStack() as stack:
            try:
                client = stack.enter_context(_connected(self.address))
            except SchedulerRefused as error:
                raise SchedulerLost(f"{str(error).rstrip('.')}.", said(KEPT)) from error
            stack.enter_context(_alone(client, self.address))
            yield stack.enter_context(Workers(client, self.address))


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
        if self._workers is None or not self._workers.usable:
            self.close()
            self._workers = self._held.enter_context(self._cluster.hold())
        self._workers.wait()
        given = {setup.exercise: (basis.Basis.of(setup).key, setup) for setup in setups}
        if any(self._known.get(name, ("",))[0] != key for name, (key, _) in given.items()):
            all_of_them = self._known | given
            self._workers.prepare([setup for _, setup in all_of_them.values()])
            self._known = all_of_them
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
        self._token = ""  # of the last preparation
        self._lost = False  # the workers are not prepared any more
        # In two threads: asking how many there are may hang, and what is pending has to be told of a lost connection.
        for what in (self._watch, self._count_now_and_then):
            threading.Thread(target=what, daemon=True).start()

    @property
    def usable(self) -> bool:
        """Whether the scheduler can be reached, and the workers are ours as far as is known."""
        return bool(self._client.status == "running") and not self._lost

    def prepare(self, setups: Sequence[Setup]) -> None:
        """Have all workers, and those that join later, begin with these exercises.

        Raises:
            SchedulerLost: the scheduler cannot be reached.
        """
        token = secrets.token_hex(8)
        try:
            self._client.register_plugin(BeginWorker(setups, token))
        except OSError as error:
            raise self._unreachable(error) from error
        self._token = token

    def wait(self) -> None:
        """Until there is one.

        Raises:
            SchedulerLost: none has come for a while, or the scheduler cannot be reached.
        """
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            what = say("The scheduler at {address} has lost all its workers.", address=self._address)
            raise SchedulerLost(what, said(KEPT)) from error
        except OSError as error:
            raise self._unreachable(error) from error
        self._count()

    def _unreachable(self, error: OSError) -> SchedulerLost:
        what = say("The scheduler at {address} cannot be reached: {error}", address=self._address, error=error)
        return SchedulerLost(f"{what.rstrip('.')}.", said(KEPT))

    def _count(self) -> None:
        # While the connection is lost, and as it closes, this ends in whatever dask meets. The last number stays.
        with contextlib.suppress(Exception):
            self.size = len(self._client.nthreads())

    def _count_now_and_then(self) -> None:
        while not self._closed.wait(1):
            self._count()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._client.status != "running":
            raise BrokenExecutor(said(LOST))
        if self._closed.is_set():
            raise RuntimeError("no submissions after shutdown")
        call = (work_as_prepared, self._token, fn, *args) if self._token else (fn, *args)
        try:
            theirs = self._client.submit(*call, pure=False, **kwargs)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise BrokenExecutor(said(LOST)) from error
        ours: Future[Any] = Future()
        with self._lock:
            self._pending[ours] = theirs
        self._client.loop.add_callback(self._follow, ours, call, kwargs)
        return ours

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._closed.set()
        with self._lock:
            pending = dict(self._pending)
        if self._client.status != "running":
            return
        if pending and wait:
            futures_ended(pending)
        elif pending:
            self._client.cancel(list(pending.values()))
        if self._token:
            with contextlib.suppress(Exception):  # a scheduler that started anew knows of none
                self._client.unregister_worker_plugin(BeginWorker.name)

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False)

    async def _follow(self, ours: Future[Any], call: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Wait for a result in the client's event loop, and pass it on."""
        for number in range(HAND_OUTS):
            with self._lock:
                theirs = self._pending.get(ours)
            if theirs is None:  # it has been given up
                return
            try:
                result = await self._client.gather(theirs, asynchronous=True)
            except BaseException as error:  # an event loop that closes cancels, which is no Exception
                if not _not_prepared(error) or self._client.status != "running" or number == HAND_OUTS - 1:
                    self._settle(ours, error=self._known(error))
                    return
                with self._lock:  # that worker is leaving, so another gets it
                    if ours in self._pending:
                        self._pending[ours] = self._client.submit(*call, pure=False, **kwargs)
            else:
                self._settle(ours, result)
                return

    def _known(self, error: BaseException) -> BaseException:
        """What `batch` is told of an error of dask's; a task's own is left as it is."""
        if self._client.status != "running":
            return BrokenExecutor(said(LOST))
        if _not_prepared(error):
            self._lost = True
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
            if self._client.status != "running":
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


def _not_prepared(error: BaseException) -> bool:
    """Whether a worker says that it has not begun for us. One with an older kit does not even know the question."""
    if isinstance(error, (AttributeError, ImportError)):
        return work_as_prepared.__name__ in str(error)
    return isinstance(error, NotPrepared)


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
            raise SchedulerRefused(said(ONE_THREAD))
        try:
            answers: dict[str, tuple[dict[str, str], Verdict]] = client.run(worker.here)
        except (ImportError, AttributeError) as error:
            raise SchedulerRefused(
                say("The workers do not have this version of the package autograder: {error}.", error=error)
            ) from error
    sandboxed, here = Verdict(True), basis.of_this_machine()
    for name, (there, verdict) in answers.items():
        _check_same(name, there, here)
        if not verdict.works:
            sandboxed = _on_the_worker(name, verdict)
    return Cluster(address, len(threads), sandboxed)


def _on_the_worker(name: str, verdict: Verdict) -> Verdict:
    return replace(verdict, reason=say("on the worker {name} {reason}", name=name, reason=verdict.reason))


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
