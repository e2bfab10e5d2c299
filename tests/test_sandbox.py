"""The sandbox and the limits, tried from inside; and that nothing of one submission is there for the next."""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hoards
import nbformat
import pytest
from hostile import LIMITS
from kit import ROOT

from autograder.errors import BadLimit, NoSandbox
from autograder.exercise.outcome import Status
from autograder.grading.run import NotebookRun
from autograder.sandbox import bubblewrap, control_group, machine, memory, namespaces, processes, syscalls, watch
from autograder.sandbox.bubblewrap import Sandbox, Verdict
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

ROOMY = Limits(cell_seconds=20, notebook_seconds=60, memory_mb=600, processes=64, disk_mb=60, file_mb=30)


@pytest.fixture(scope="module")
def open_air() -> Iterator[ForkServer]:
    """A fork server with limits only."""
    with ForkServer(Sandbox.LIMITS_ONLY) as process:
        yield process


@pytest.fixture(scope="module", params=["control group", "by process"])
def watched(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    """A fork server whose use of memory and processor is measured in one of the two ways."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "by process":
            patch.setattr(control_group.ControlGroup, "make", staticmethod(lambda *_: None))
        with ForkServer(Sandbox.BUBBLEWRAP) as process:
            if process.measures_memory != request.param:
                pytest.skip("no control group can be made here")
            yield process


def run(fork_server: ForkServer, *cells: str, limits: Limits = ROOMY) -> tuple[str, NotebookRun]:
    """What the cells printed, and the finished run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    with NotebookRun(notebook, fork_server, limits) as ran:
        ran.run_rest()
    said = [str(o.get("text") or o.get("evalue") or "") for c in notebook.cells for o in c.outputs]
    return "".join(said), ran


LEAVE = """
import ctypes, multiprocessing.shared_memory as shm, os, subprocess
open('/tmp/left', 'w').write('left'); open('/dev/shm/left', 'w').write('left')
kept = shm.SharedMemory('left2', create=True, size=100)
for fd in range(3): os.write(2, b'left on stderr')
subprocess.Popen(['setsid', 'nohup', 'sleep', '987'])
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    import time; time.sleep(987)
import keras, autograder.exercise.wire, builtins
keras.left = autograder.exercise.wire.left = builtins.left = True
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(248, b'user', b'left', b'left', 4, -3)
for name in os.listdir('/proc/self/fd'):
    try:
        if int(name) > 2 and os.readlink('/proc/self/fd/' + name).startswith('/'): os.write(int(name), b'left')
    except OSError: pass
print('done')
"""
LOOK = """
import builtins, os, keras, autograder.exercise.wire
print('FILES', [f for f in os.listdir('/tmp') + os.listdir('/dev/shm') if 'left' in f])
print('NAMES', [m for m in (keras, autograder.exercise.wire, builtins) if hasattr(m, 'left')])
seen = []
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: seen.append(open(f'/proc/{pid}/cmdline').read())
    except OSError: pass
print('PROCESSES', [s for s in seen if '987' in s])
print('KEYS', [line for line in open('/proc/keys') if 'left' in line] if os.path.exists('/proc/keys') else [])
for name in os.listdir('/proc/self/fd'):
    try:
        path = os.readlink('/proc/self/fd/' + name)
        if path.startswith('/tmp/#'): print('LOG', os.pread(int(name), 1000, 0))
    except OSError: pass
"""


@pytest.mark.sandbox
def test_nothing_is_left_for_the_next(fork_server: ForkServer) -> None:
    assert "done" in run(fork_server, LEAVE)[0]
    said, _ = run(fork_server, LOOK)
    assert said.split() == ["FILES", "[]", "NAMES", "[]", "PROCESSES", "[]", "KEYS", "[]"]
    assert not _processes("sleep\x00987")


@pytest.mark.sandbox
def test_training_after_a_large_output_is_as_fast_as_before(fork_server: ForkServer) -> None:
    """Jupyter sends what is larger than 64 KB without a copy, for which pyzmq starts a thread: no training is ours."""
    asks = "from autograder.compat import keras_training\nprint(keras_training._own._nobody_looks_on())"
    output = "from IPython.display import display\ndisplay({'image/png': 'A' * 100_000}, raw=True)"
    said, _ = run(fork_server, asks, output, asks)
    assert said == "True\nTrue\n"


@pytest.mark.sandbox
@pytest.mark.parametrize("end", ["", "\nplt.show()"])
def test_a_figure_arrives_as_a_picture(fork_server: ForkServer, end: str) -> None:
    """As in JupyterLab: with or without `show`, one picture, and the next cell begins with no figure."""
    draw = f"import matplotlib.pyplot as plt\n_ = plt.plot([1, 2]){end}"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(c) for c in (draw, "print(plt.get_fignums())")]
    )
    with NotebookRun(notebook, fork_server, ROOMY) as ran:
        ran.run_rest()
    drawn, figures = (cell.outputs for cell in notebook.cells)
    assert [sorted(output.data) for output in drawn] == [["image/png", "text/plain"]]
    assert figures[0].text == "[]\n"


@pytest.mark.sandbox
def test_what_keras_has_for_scikit_learn_is_imported_when_it_is_used(fork_server: ForkServer) -> None:
    look = "import sys, keras; print('sklearn' in sys.modules)"
    use = "from keras.wrappers import SKLearnClassifier as one; print(one.__name__, keras.wrappers.SKLearnRegressor)"
    said, _ = run(fork_server, look, f"hasattr(keras.wrappers, '__wrapped__')\n{look}", f"{use}\n{look}")
    assert said.startswith("False\nFalse\nSKLearnClassifier <class 'keras."), said
    assert said.endswith("True\n"), said


@pytest.mark.sandbox
def test_tensorflow_takes_no_thread_for_each_core(fork_server: ForkServer) -> None:
    """However many cores a node has, another worker runs on each of them."""
    compute = "import tensorflow as tf\ntf.ones((300, 300)) @ tf.ones((300, 300))\n"
    count = "len(os.listdir('/proc/self/task'))"
    said, _ = run(fork_server, f"import os\nbefore = {count}\n{compute}print({count} - before)")
    assert int(said.split()[-1]) <= 3  # two kinds, and one that waits; two cores would make it five


def test_without_a_sandbox_no_process_is_left(open_air: ForkServer) -> None:
    said, _ = run(open_air, "import os\nos.system('(setsid sleep 988 &) ; sleep 989 &')\nprint('done')")
    assert "done" in said
    time.sleep(0.3)
    assert not _processes("sleep\x00988")
    assert not _processes("sleep\x00989")


def test_without_a_sandbox_the_network_is_still_closed(open_air: ForkServer) -> None:
    said, _ = run(open_air, "import socket\ntry: socket.socket()\nexcept OSError as e: print('closed', e.errno)")
    assert "closed 97" in said


TRIES = {
    "network": "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
    "vsock": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "write to /": "open('/planted', 'w')",
    "write to /dev": "open('/dev/planted', 'w')",
    "write to the package": "import autograder; open(autograder.__path__[0] + '/planted', 'w')",
    "read the checks": "open(__import__('autograder').__path__[0] + '/checks/test_03_dense_networks.py')",
    "read the solutions": f"__import__('os').listdir({str(Path(__file__).resolve().parent.parent / 'solutions')!r})",
    # A Python or a clone that lies in one is there, and nothing else.
    "read somebody's home": f"assert [f for d, _, fs in __import__('os').walk('/home') for f in fs"
    f" if not d.startswith({(sys.prefix, sys.base_prefix)})]",
    "read passwords": "open('/etc/passwd')",
    "read the exchange": "__import__('os').listdir('/usr/local/share')",
    "keyring": "assert __import__('ctypes').CDLL(None).syscall(248, b'user', b'a', b'b', 1, -3) > 0",
    "mount": "assert __import__('ctypes').CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, b'') == 0",
    "trace": "assert __import__('ctypes').CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "nested user namespace": "import subprocess; subprocess.run(['unshare', '-Ur', 'true'], check=True)",
    "anonymous file in memory": "import os; os.memfd_create('x')",
}


@pytest.mark.sandbox
def test_the_sandbox_holds(fork_server: ForkServer) -> None:
    code = "import traceback\n"
    for name, attempt in TRIES.items():
        code += f"try:\n    exec({attempt!r})\n    print('GOT THROUGH', {name!r})\nexcept BaseException: print('no')\n"
    said, _ = run(fork_server, code)
    assert "GOT THROUGH" not in said
    assert said.count("no") >= len(TRIES)


def test_what_the_sandbox_hides_is_there_without_it() -> None:
    """Else a file that was renamed would be as safe as one that cannot be read."""
    for name in ("read the checks", "read the solutions", "read passwords", "anonymous file in memory"):
        exec(TRIES[name])


@pytest.mark.sandbox
def test_honest_tools_still_work(fork_server: ForkServer) -> None:
    """The filter must not cost what an exercise may use."""
    said, _ = run(
        fork_server,
        "import subprocess, threading, multiprocessing as mp, tempfile, asyncio\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout)\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "with mp.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, -2]))\n"
        "print(tempfile.TemporaryFile().write(b'file'))",
        "import keras, numpy as np\nm = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\n"
        "m.compile(loss='mse', jit_compile=True)\nm.fit(np.zeros((8, 4)), np.zeros((8, 3)), verbose=0)\n"
        "print('trained')",
    )
    for word in ("child", "thread", "[1, 2]", "4", "trained"):
        assert word in said


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "code",
    [
        "import mmap\nm = mmap.mmap(-1, 3 * 10**9)\nfor i in range(0, len(m), 4096): m[i] = 1",
        "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        b = bytearray(200_000_000)\n"
        "        for i in range(0, len(b), 4096): b[i] = 1\n        time.sleep(20)\ntime.sleep(20)",
        hoards.MEASURED["unread in sockets"],
    ],
    ids=["shared", "forked", "unread"],
)
def test_memory_is_measured_as_a_whole(code: str, watched: ForkServer) -> None:
    _, ran = run(watched, code)
    assert ran.status is Status.OUT_OF_MEMORY
    assert "600 MB of memory" in ran.message
    assert watched.alive
    assert "fine" in run(watched, "print('fine')")[0]


@pytest.fixture(scope="module")
def by_process() -> Iterator[ForkServer]:
    """A fork server whose memory is measured by process, as it is for most who are not root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_group.ControlGroup, "make", staticmethod(lambda *_: None))
        with ForkServer(Sandbox.BUBBLEWRAP) as process:
            yield process


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.parametrize("name", hoards.MEASURED)
def test_memory_in_nobodys_resident_set_is_measured(name: str, by_process: ForkServer) -> None:
    before, lowest = machine.free_bytes(), []
    watching = threading.Event()
    looking = threading.Thread(target=lambda: [lowest.append(machine.free_bytes()) for _ in _ticks(watching)])
    looking.start()
    try:
        said, ran = run(by_process, hoards.MEASURED[name])
    finally:
        watching.set()
        looking.join()
    assert ran.status is Status.OUT_OF_MEMORY, said
    assert "600 MB of memory" in ran.message
    # Other tests run beside this one; each of these hoards takes 3.2 gigabytes or more if nobody stops it.
    assert before - min(lowest) < 600e6 + 2.5e9
    assert "fine" in run(by_process, "print('fine')")[0]


def test_pages_of_files_on_disk_are_not_counted(tmp_path: Path) -> None:
    """Two processes with Keras share its libraries' pages; when one ends, the other's part of them doubles."""
    for name, part, of_files in (("beside", 338, 84), ("alone", 582, 328)):
        (tmp_path / name).mkdir()
        fields = f"Pss: {part} kB\nPss_Anon: 254 kB\nPss_File: {of_files} kB\nPss_Shmem: 0 kB\nSwapPss: 2 kB\n"
        (tmp_path / name / "smaps_rollup").write_text(f"55 [rollup]\nRss: 593 kB\n{fields}")
        assert memory.proportional(tmp_path / name) == 256 * 1024


def _ticks(end: threading.Event) -> Iterator[None]:
    yield
    while not end.wait(0.05):
        yield


@pytest.mark.sandbox
@pytest.mark.parametrize("name", hoards.REFUSED)
def test_memory_that_nobody_could_measure_is_refused(name: str, fork_server: ForkServer) -> None:
    said, ran = run(fork_server, hoards.REFUSED[name])
    assert ran.status is Status.GRADED
    assert said.startswith("-1 "), said


@pytest.mark.sandbox
def test_copies_and_shared_memory_of_honest_work(fork_server: ForkServer) -> None:
    """What is refused has other ways, which libraries take by themselves."""
    said, _ = run(
        fork_server,
        "import mmap, multiprocessing as mp, shutil, socket\nfrom multiprocessing import shared_memory\n"
        "open('/tmp/a', 'wb').write(bytes(5_000_000)); shutil.copy('/tmp/a', '/tmp/b')\n"
        "print('copied', len(open('/tmp/b', 'rb').read()))\n"
        "kept = shared_memory.SharedMemory(create=True, size=20_000_000); print('shared', len(kept.buf) // 10**6)\n"
        "print('array', len(mp.Array('d', 1_000_000)), 'piece', len(mmap.mmap(-1, 1_000_000)))\n"
        "print('zeros', open('/dev/zero', 'rb').read(3))\n"
        "one, other = socket.socketpair(); one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100)\n"
        "print('sent', one.send(bytes(50_000)))\n"
        "try: socket.getaddrinfo('example.org', 80)\nexcept socket.gaierror: print('no such name')\n"
        "with mp.Manager() as manager: print('managed', manager.list([1, 2])[1])",
    )
    for words in ("copied 5000000", "shared 20", "array 1000000 piece 1000000", "zeros b'", "sent 50000"):
        assert words in said
    assert "no such name" in said
    assert "managed 2" in said


def test_who_may_have_inherited_from_whom() -> None:
    """The order of forks shows in the tree, but not above one whose parent has ended."""
    tree = {
        pid: processes._Process(parent, began, 0, 0)
        for pid, parent, began in ((3, 2, 1), (4, 3, 2), (5, 4, 3), (6, 3, 4), (7, 2, 5), (8, 7, 6))
    }
    children = processes._children(tree)
    found = processes._ancestors(processes._below(2, children), tree, children)
    assert found == {3: 1, 4: 2, 6: 2, 5: 3, 7: 6, 8: 6}


def test_who_hides_is_taken_to_hold_the_most(tmp_path: Path) -> None:
    assert memory.mappings(tmp_path / "gone") == memory.Mappings(0, frozenset())
    (tmp_path / "maps").mkdir()  # cannot be read
    assert memory.mappings(tmp_path).count >= 65_530
    (tmp_path / "status").write_text("VmRSS:\t  500 kB\nVmSwap:\t 20 kB\nVmPTE:\t 8 kB\nThreads:\t2\nFDSize:\t64\n")
    assert processes._held(tmp_path) == 520 * 1024
    assert memory.status(tmp_path) == memory.Status(500 * 1024, 20 * 1024, 8 * 1024, 2, 64)


@pytest.mark.sandbox
def test_memory_that_fills_faster_than_anybody_looks_is_named_too(
    watched: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel ends it then, and says so in the control group."""
    if watched.measures_memory != "control group":
        pytest.skip("no control group can be made here")
    monkeypatch.setattr(watch.Watch, "_excess", lambda _: None)
    code = "import mmap\nm = mmap.mmap(-1, 3 * 10**9)\nfor i in range(0, len(m), 4096): m[i] = 1"
    _, ran = run(watched, code)
    assert ran.status is Status.OUT_OF_MEMORY
    assert "600 MB of memory" in ran.message
    _, ran = run(watched, "import os; os.kill(os.getpid(), 9)")
    assert "600 MB of memory" not in ran.message, "of the submission before"


BUSY = "def busy():\n    while True: pass\n"
SHARE = f"{BUSY}import os\nfor _ in range(5):\n    if os.fork() == 0: busy()\n"
SHIFTS = (  # one after another, each done before it could be stopped; nobody waits for them
    "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n    if os.fork() == 0:\n"
    "        while time.process_time() < 1: pass\n        os._exit(0)\n    time.sleep(0.2)\n"
)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "code", [SHARE + "os.wait()", SHARE, SHIFTS], ids=["all at once", "left to run on", "one after another"]
)
def test_processor_time_is_measured_as_a_whole(code: str, watched: ForkServer) -> None:
    limits = replace(ROOMY, cell_seconds=120, notebook_seconds=180, cell_cpu_seconds=60, cpu_seconds=4)
    _, ran = run(watched, code, "import time; time.sleep(100)", limits=limits)  # long enough on a busy machine
    assert ran.status is Status.TIMED_OUT
    assert "4 s of processor time in all" in ran.message
    assert "fine" in run(watched, "print('fine')")[0]


@pytest.mark.sandbox
def test_on_a_busy_machine_processor_time_stops_a_loop_and_wall_time_nobody(
    fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.grading.run.busyness", lambda: 6.0)
    limits = replace(ROOMY, cell_seconds=4, cell_cpu_seconds=2)  # so 24 s of wall time
    began = time.monotonic()
    said, ran = run(fork_server, f"{BUSY}busy()", "print('and on')", limits=limits)
    assert time.monotonic() - began < 20
    assert ran.status is Status.TIMED_OUT
    assert ran.message == (
        "A cell of yours was stopped: it used more than 2 s of processor time in one cell."
        " Is there a loop that never ends?"
    )
    assert "and on" in said  # as after a limit of wall time
    stubborn = "import signal\n" + BUSY + "signal.signal(signal.SIGINT, signal.SIG_IGN)\nbusy()"
    said, ran = run(fork_server, stubborn, "print('and on')", limits=limits)
    assert (ran.status, "2 s of processor time" in ran.message) == (Status.TIMED_OUT, True)
    assert "and on" not in said
    said, ran = run(fork_server, "import time; time.sleep(5); print('slow but honest')", limits=limits)
    assert ran.status is Status.GRADED
    assert "slow but honest" in said


def test_processor_time_counts_the_waited_for_once_and_the_abandoned_as_seen() -> None:
    spent = processes._Spent()
    spent.look({(1, 0): processes._Process(0, 0, 10, 0), (2, 5): processes._Process(1, 5, 50, 0)})
    assert spent.ticks == 60
    spent.look({(1, 0): processes._Process(0, 0, 20, 70)})  # the parent knows of 20 more than were seen
    assert spent.ticks == 90
    spent.look({(1, 0): processes._Process(0, 0, 20, 70), (2, 9): processes._Process(1, 9, 15, 0)})
    spent.look({(1, 0): processes._Process(0, 0, 21, 70)})  # nobody waited for the second number 2
    assert spent.ticks == 105


@pytest.mark.sandbox
def test_processes_are_counted(fork_server: ForkServer) -> None:
    said, _ = run(
        fork_server,
        "import os, time\nn = 0\ntry:\n    while n < 200:\n        if os.fork() == 0: time.sleep(60)\n        n += 1\n"
        "except OSError: pass\nprint('children:', n)",
        limits=LIMITS,
    )
    assert 10 < int(said.split("children:")[1].split()[0]) < LIMITS.processes


def test_a_filter_for_each_processor() -> None:
    for processor, internet in itertools.product(("x86_64", "aarch64"), (False, True)):
        program = syscalls.filter_for(processor, internet, memory_bytes=2 * 10**9)
        steps = [struct.unpack("=HBBI", program[i : i + 8]) for i in range(0, len(program), 8)]
        assert len(steps) < 4096
        for i, (code, yes, no, _) in enumerate(steps):
            if code & 0x07 == 0x05:  # a jump never leads out of the program
                assert i + 1 + max(yes, no) < len(steps)
        assert steps[-1][0] == 0x06


def test_sandbox_require_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "try_bubblewrap", lambda: Verdict(False, "bubblewrap is not installed"))
    assert bubblewrap.choose("auto") is Sandbox.LIMITS_ONLY
    with pytest.raises(NoSandbox, match="not installed"):
        bubblewrap.choose("require")


def test_limits_say_what_is_wrong_with_them() -> None:
    assert Limits().with_settings({"memory_mb": 500}, "here").memory_mb == 500
    for settings in ({"memory": 5}, {"memory_mb": "5"}, {"memory_mb": 0}, {"memory_mb": True}):
        with pytest.raises(BadLimit, match="here"):
            Limits().with_settings(settings, "here")


@pytest.mark.sandbox
@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's submissions read what the user may read")
def test_what_only_root_may_read_can_be_graded_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `umask 077; git clone`: neither the clone nor what is made while grading is for everybody."""
    package, images = tmp_path / "autograder", tmp_path / "data"
    for source, copy in ((ROOT / "autograder", package), (ROOT / "data", images)):
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "held_out"))
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
    monkeypatch.setattr(bubblewrap, "_PACKAGE", package)
    monkeypatch.setenv("AUTOGRADER_DATA", str(images))
    before = os.umask(0o077)
    try:
        with ForkServer(Sandbox.BUBBLEWRAP) as server:
            look = "import autograder.data as d; print('fine', len(d.load_fashion()[0][0])); open('x', 'w').write('x')"
            said, _ = run(server, look)
    finally:
        os.umask(before)
    assert said.startswith("fine 600"), said


@pytest.mark.sandbox
def test_a_killed_owner_takes_everything_along() -> None:
    code = (
        "import os, sys, time\nfrom autograder.sandbox.client import ForkServer\n"
        "from autograder.sandbox.bubblewrap import Sandbox\nw = ForkServer(Sandbox.BUBBLEWRAP); w.wait_until_ready()\n"
        "print(w.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")


def _processes(words: str) -> list[str]:
    found = []
    for name in os.listdir("/proc"):
        try:
            line = Path(f"/proc/{name}/cmdline").read_text(errors="replace") if name.isdigit() else ""
        except OSError:
            continue
        if line.startswith(words):
            found.append(line)
    return found


def test_a_process_that_ends_while_it_is_covered_stops_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the outer /proc stays, other processes' entries are covered; one of them may end in between."""

    def mount(source: str, target: str, *_: object) -> None:
        if source == "proc":
            raise PermissionError(1, "not here")
        covered.append(target)
        if target == "/proc/4399":
            raise FileNotFoundError(2, "it has ended")

    covered: list[str] = []
    monkeypatch.setattr(namespaces, "_mount", mount)
    monkeypatch.setattr(os, "listdir", lambda _: ["4399", "4400", "self"])
    namespaces._own_proc()
    assert covered == ["/proc/4399", "/proc/4400"]
