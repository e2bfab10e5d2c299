"""Leaving the fork server behind: what a fork does before it runs anything of a student's.

Each fork gets namespaces of its own (user, mounts, processes, IPC, host name), an empty scratch folder of limited
size, resource limits, a filter of system calls, and no capability. It keeps one socket. The process tree is

    fork server ── guard ── init (pid 1 of the fork's own pid space) ── worker (kernel or observer)

The guard stays outside the new pid space so that killing it ends everything in there; init reaps.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from typing import Any

from autograder.sandbox import failure, proc_stat, syscalls

_libc = ctypes.CDLL(None, use_errno=True)

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_MOVE, _MS_REC, _MS_PRIVATE = (
    1, 2, 4, 8, 32, 4096, 8192, 16384, 1 << 18,
)  # fmt: skip
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = (
    1, 4, 24, 36, 38,
)  # fmt: skip

HOME = "/tmp"
# The sandbox's own folders have a name that nobody's Python, environment or clone lies under.
_OWN = "/.autograder"
KIT = f"{_OWN}/kit"  # the package and the data
SOCKETS = f"{_OWN}/io"  # one folder per fork, shared with the host
OWN_SOCKETS = f"{_OWN}/own"  # where a fork finds its own
STAGE = f"{_OWN}/stage"  # where a scratch folder is prepared
SHOWN = "AUTOGRADER_SHOWN"  # environment variable: what of the scratch folders must be seen, see `places.Plan`
STUDENT_ID = 1000


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def set_dumpable(yes: bool) -> None:
    """Whether other processes of the same user may read this one's memory."""
    _libc.prctl(_PR_SET_DUMPABLE, int(yes), 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability for good, through execve too."""
    for capability in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = _CapHeader(0x20080522, 0)
    data = (_CapData * 2)()
    if _libc.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def guarded(
    work: Callable[[Callable[[], None]], None], keep: list[socket.socket], folder: str, limits: dict[str, Any]
) -> tuple[int, int]:
    """Fork `work` away into namespaces of its own.

    Args:
        work: runs in the worker; its return ends the worker with status 0. It is handed a function to call
            once its sockets are bound and before it runs anything of a student's: from then on nobody in
            there can create, replace or link anything in the folder of sockets.
        keep: the only file descriptors above 2 that survive.
        folder: name of this fork's folder below `SOCKETS`, or ''.
        limits: `Limits.to_json()`.

    Returns:
        The guard's pid, and a pipe over which it says what went wrong before a student's first line.
    """
    failures, report = os.pipe()
    guard = os.fork()
    if guard:
        os.close(report)
        os.set_blocking(failures, False)
        return guard, failures
    try:
        failure.use(report)
        end_with_parent()
        signal.set_wakeup_fd(-1)  # its descriptor is about to be closed, and its number used again
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _close_all_but({report, *(sock.fileno() for sock in keep)})
        sandboxed = os.environ.get("AUTOGRADER_SANDBOX") == "bubblewrap"
        _out_of_memory_first(sandboxed)
        if sandboxed:
            _own_namespaces()
        init = os.fork()
        if init == 0:
            end_with_parent()
            _be_init(work, folder, limits, sandboxed)
        failure.close()
        for sock in keep:
            sock.close()
        signal.signal(signal.SIGUSR1, lambda *_: os.kill(init, signal.SIGUSR1))
        # What init ended with is passed on as it is: it has put a signal into the number already.
        code = os.waitstatus_to_exitcode(os.waitpid(init, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    except BaseException as error:
        failure.say(error)
        os._exit(125)


def _own_namespaces() -> None:
    user, group = os.getuid(), os.getgid()
    set_dumpable(True)  # else /proc/self belongs to root and the maps cannot be written
    if _libc.unshare(_NEWUSER | _NEWNS | _NEWPID | _NEWIPC | _NEWUTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{STUDENT_ID} {user} 1"),
        ("gid_map", f"{STUDENT_ID} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    set_dumpable(False)


def _be_init(work: Callable[[Callable[[], None]], None], folder: str, limits: dict[str, Any], sandboxed: bool) -> None:
    """Pid 1 of the fork's own pid space: mounts, then the worker, then nothing but reaping."""
    try:
        if sandboxed:
            _own_mounts(folder, int(limits["disk_mb"]) * 10**6)
        else:
            gather_orphans()  # as pid 1 of a pid space would
        bound, go = os.pipe(), os.pipe()
        worker = os.fork()
        if worker == 0:
            end_with_parent()
            if sandboxed:
                drop_capabilities()
            _limit(limits)
            syscalls.restrict(internet=sandboxed, memory_bytes=int(limits["memory_mb"]) * 10**6)
            os.chdir(os.environ.get("HOME", HOME))
            _be_deaf_and_mute()
            work(lambda: _wait_for_seal(bound, go))
            os._exit(0)
        os.close(bound[1])
        os.close(go[0])
        if os.read(bound[0], 1) and sandboxed and folder:
            _mount("none", OWN_SOCKETS, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
        if sandboxed:
            drop_capabilities()
        failure.close()
        os.close(go[1])
        for number in (signal.SIGUSR1, signal.SIGINT):
            signal.signal(number, lambda *_: os.kill(worker, signal.SIGINT))
        while True:
            pid, status = os.wait()
            if pid == worker:
                os._exit(_status(status))
    except BaseException as error:
        failure.say(error)
        os._exit(125)


def _own_mounts(folder: str, disk_bytes: int) -> None:
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    size = f"size={disk_bytes},mode=0700,nr_inodes=20000"
    if folder:  # keep this fork's sockets, hide everybody else's
        _mount(f"{SOCKETS}/{folder}", OWN_SOCKETS, None, _MS_BIND)
        _mount("none", SOCKETS, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=4096,mode=0555")
    else:
        _mount("none", SOCKETS, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=4096,mode=0555")
    _own_scratch(HOME, _MS_NOSUID | _MS_NODEV, size)
    _own_scratch("/dev/shm", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, size)
    # Mapped, /dev/zero is memory that processes share, of which nobody could say how much it is; /dev/full reads alike.
    _mount("/dev/full", "/dev/zero", None, _MS_BIND)
    # Nothing but the scratch folders may be written, or one submission could leave a file for the next: where an
    # ordinary user runs this, bubblewrap's own root and /dev belong to that user.
    for path in ("/", "/dev"):
        _mount("none", path, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    _own_proc()


def _own_scratch(folder: str, flags: int, size: str) -> None:
    """An empty folder to write in. What Python needs and lies below it here is put back on top, as it is: read-only."""
    shown = [one for one in json.loads(os.environ.get(SHOWN) or "[]") if one[1].startswith(folder + "/")]
    if not shown:
        _mount("none", folder, "tmpfs", flags, size)
        return
    _mount("none", STAGE, "tmpfs", flags, size)
    for says, path in shown:
        place = STAGE + path.removeprefix(folder)
        os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        if says is not None:
            os.symlink(says, place)
            continue
        if os.path.isdir(path):
            os.mkdir(place, 0o755)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o444))
        _mount(path, place, None, _MS_BIND | _MS_REC)
    _mount(STAGE, folder, None, _MS_MOVE)


def _own_proc() -> None:
    try:
        _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    except PermissionError:
        # The outer one stays, since the kernel lets nobody uncover what bubblewrap covered. It shows process
        # numbers, and nothing in it can be changed; those that were there before us are covered in turn.
        # `os.getppid` is 0 for pid 1 of a new pid space
        ours = {os.readlink("/proc/self"), str(proc_stat.parent("/proc/self"))}
        for name in os.listdir("/proc"):
            if name.isdigit() and name not in ours:
                with contextlib.suppress(FileNotFoundError):  # it ended meanwhile: nothing is left to cover
                    _mount("none", f"/proc/{name}", "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_RDONLY, "size=4096,mode=0555")


def _be_deaf_and_mute() -> None:
    """Let go of the fork server's log: it is a file of the host's that all forks would share."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    if nothing > 2:
        os.close(nothing)


def gather_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _out_of_memory_first(sandboxed: bool) -> None:
    """If the machine runs out of memory, let the kernel end a submission before anybody else."""
    set_dumpable(True)  # else /proc/self belongs to root
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    if sandboxed:  # else an ordinary user could not measure it any more
        set_dumpable(False)


def _wait_for_seal(bound: tuple[int, int], go: tuple[int, int]) -> None:
    os.close(bound[0])
    os.close(go[1])
    os.write(bound[1], b"1")
    os.close(bound[1])
    os.read(go[0], 1)  # end of file once init has sealed the folder
    os.close(go[0])


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode(),
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mount {target}: {os.strerror(code)}")


def _limit(limits: dict[str, Any]) -> None:
    def cap(what: int, value: int, last: int = 0) -> None:
        _, hard = resource.getrlimit(what)
        last = max(value, last)
        if hard != resource.RLIM_INFINITY:
            value, last = min(value, hard), min(last, hard)
        resource.setrlimit(what, (value, last))

    cap(resource.RLIMIT_CORE, 0)
    # The whole tree's processor time is watched from outside. Should that come late, one process still ends here: by
    # a signal that says so, which it may ignore, and a little later by one that it may not.
    cpu = int(limits["cpu_seconds"])
    cap(resource.RLIMIT_CPU, cpu + 5, cpu + 10)
    cap(resource.RLIMIT_FSIZE, int(limits["file_mb"]) * 10**6)
    cap(resource.RLIMIT_NOFILE, int(limits["open_files"]))
    if os.environ.get("AUTOGRADER_SANDBOX") == "bubblewrap":  # elsewhere the user's own processes would count
        cap(resource.RLIMIT_NPROC, int(limits["processes"]))
    cap(resource.RLIMIT_DATA, _data_bytes() + int(limits["memory_mb"]) * 10**6)


def _data_bytes() -> int:
    """Private writable memory this process holds already; the limit comes on top of it."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0


def _close_all_but(kept: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(number)


def _status(wait_status: int) -> int:
    """0 to 127 for a process that ended by itself, 128 + n for one that signal n ended."""
    code = os.waitstatus_to_exitcode(wait_status)
    return min(code, 127) if code >= 0 else 128 - code
