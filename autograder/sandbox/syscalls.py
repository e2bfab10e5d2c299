"""A seccomp filter: system calls that no exercise needs and that reach past the sandbox are refused.

Namespaces do not cover everything: kernel keyrings would carry a message to the next submission, VSOCK reaches
the machine's hypervisor from any network namespace, System V memory belongs to no process that could be
measured. The filter is classic BPF, put together here from a table, so that no library is needed.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.sandbox.memory import SHARED_PIECE

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # x86-64's second table of system calls begins here
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW* of clone(2), in one mask
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into a terminal
_NETLINK = 16  # by which glibc asks which addresses there are
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2


class NoFilter(OSError):
    """The filter could not be put in place."""


@dataclass(frozen=True)
class _Machine:
    architecture: int  # AUDIT_ARCH_*
    column: int  # of the table below


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}

# Refused with EPERM: (x86-64, arm64); None where the machine has no such call.
_FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    # other namespaces and other roots
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # doors of the kernel that have had holes, or that go round this filter
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "vhangup": (153, 58),
    "syslog": (103, 116),
    # keyrings outlive the process, and every fork of the fork server has the same session keyring
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # the machine itself
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
}
# Refused with ENOSYS, so that a library falls back to what there was before: memory that belongs to no
# process, and clone3, whose flags a filter cannot see.
_ABSENT: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # pages handed to a pipe or a socket, which then belong to no process; whoever copies a file has another way
    "sendfile": (40, 71),
    "splice": (275, 76),
    "tee": (276, 77),
    "vmsplice": (278, 75),
}
_CLONE, _SOCKET, _SOCKETPAIR, _IOCTL, _SETSOCKOPT = (56, 220), (41, 198), (53, 199), (16, 29), (54, 208)
_FCNTL, _MMAP, _PRCTL = (72, 25), (9, 222), (157, 167)
_INTERNET_PROTOCOLS = (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP)
# Sizes of buffers (SO_SNDBUF, SO_RCVBUF, and either FORCE), and SO_ZEROCOPY.
_PASSED_OVER = (7, 8, 32, 33, 60)
_F_SETPIPE_SZ = 1031
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20  # the first is a bit of MAP_SHARED_VALIDATE, too
_PR_SET_DUMPABLE = 4


def supported() -> bool:
    """Whether there is a filter for this machine's processor."""
    return platform.machine() in _MACHINES


def restrict(internet: bool, memory_bytes: int) -> None:
    """Put the filter over this thread and all that come from it, for good.

    Args:
        internet: whether sockets of the Internet kinds may be made. In the sandbox they lead nowhere.
        memory_bytes: whoever asks for so much memory at once, to be shared with others, ends by SIGSYS.

    Raises:
        NoFilter: the kernel would not have it.
    """
    if not supported():
        return
    program = filter_for(platform.machine(), internet, memory_bytes)
    buffer = ctypes.create_string_buffer(program, len(program))
    libc = ctypes.CDLL(None, use_errno=True)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    described = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(described), 0, 0) != 0:
        raise NoFilter(ctypes.get_errno(), "seccomp")


def filter_for(machine: str, internet: bool, memory_bytes: int) -> bytes:
    """The program for a processor: a list of ``struct sock_filter``."""
    here = _MACHINES[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, here.architecture, 1, 0),
        _refuse(errno.ENOSYS),  # another processor's calling convention: its numbers mean other things
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        code += [_step(_AT_LEAST, _X32, 0, 1), _refuse(errno.ENOSYS)]
    for table, code_of in ((_FORBIDDEN, errno.EPERM), (_ABSENT, errno.ENOSYS)):
        for numbers in table.values():
            if (number := numbers[here.column]) is not None:
                code += [_step(_EQUAL, number, 0, 1), _refuse(code_of)]
    for numbers, argument, tests in (
        (_CLONE, 0, [_step(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _refuse(errno.EPERM)]),
        (_SOCKET, 0, _sockets(internet)),
        (_SOCKETPAIR, 0, _only([socket.AF_UNIX], errno.EAFNOSUPPORT)),
        (
            _IOCTL,
            1,
            [
                _step(_EQUAL, _TIOCSTI, 1, 0),
                _step(_EQUAL, _TIOCLINUX, 0, 1),
                _refuse(errno.EPERM),
            ],
        ),
        # What lies in a socket or a pipe unread belongs to no process, so they keep the size that `memory` reckons
        # with. For a socket that is not refused but passed over: the call answers 0.
        (_SETSOCKOPT, 2, _but(_PASSED_OVER, 0)),
        (_FCNTL, 1, _but([_F_SETPIPE_SZ], errno.EPERM)),
        # Who is not dumpable cannot be measured where there is no sandbox. Passed over, too.
        (_PRCTL, 0, _but([_PR_SET_DUMPABLE], 0)),
        (_MMAP, 3, _shared_memory(memory_bytes)),
    ):
        body = [_step(_LOAD, _ARGUMENTS + 8 * argument), *tests, _step(_RETURN, _ALLOW)]
        code += [_step(_EQUAL, numbers[here.column], 0, len(body)), *body]
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _sockets(internet: bool) -> list[bytes]:
    """Unix sockets, and those Internet sockets that `memory` can count: TCP and UDP, and netlink's plain one.

    Others, SCTP for one, may make the kernel load what it has no need of.
    """
    if not internet:
        return _only([socket.AF_UNIX], errno.EAFNOSUPPORT)
    protocol = _step(_LOAD, _ARGUMENTS + 16)
    plain = [
        _step(_LOAD, _ARGUMENTS + 8),
        _step(_AND, 0xF),  # the rest are SOCK_NONBLOCK and SOCK_CLOEXEC
        _step(_AT_LEAST, socket.SOCK_DGRAM + 1, 0, 1),
        _refuse(errno.EPROTONOSUPPORT),
        protocol,
        *_only(_INTERNET_PROTOCOLS, errno.EPROTONOSUPPORT),
    ]
    netlink = [protocol, *_only([0], errno.EPROTONOSUPPORT), _step(_RETURN, _ALLOW)]
    return [
        _step(_EQUAL, socket.AF_UNIX, 0, 1),
        _step(_RETURN, _ALLOW),
        _step(_EQUAL, _NETLINK, 0, len(netlink)),
        *netlink,
        *_only([socket.AF_INET, socket.AF_INET6], errno.EAFNOSUPPORT),
        *plain,
    ]


def _shared_memory(bytes_: int) -> list[bytes]:
    """Anonymous memory that processes share stays when all have let go of it, as long as one could map it again.

    `memory` counts the pieces. Larger ones are refused as if memory were short. Who asks for more than the limit is
    ended: there is no doubt about it then, and it is what happens to whoever takes that much of any other kind.
    """
    length = _ARGUMENTS + 8
    allow = _step(_RETURN, _ALLOW)
    return [
        _step(_ANY_BIT, _MAP_ANONYMOUS, 1, 0),
        allow,
        _step(_ANY_BIT, _MAP_SHARED, 1, 0),
        allow,
        _step(_LOAD, length + 4),  # the upper half; both processors have the lower one first
        _step(_EQUAL, 0, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, length),
        _step(_AT_LEAST, min(bytes_, 0xFFFFFFFF), 0, 1),
        _step(_RETURN, _KILL),
        _step(_AT_LEAST, SHARED_PIECE + 1, 0, 1),
        _refuse(errno.ENOMEM),
    ]


def _only(values: Sequence[int], code: int) -> list[bytes]:
    """Go on only if what was loaded is one of these."""
    tests = [_step(_EQUAL, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [*tests, _refuse(code)]


def _but(values: Sequence[int], code: int) -> list[bytes]:
    """Go on only if what was loaded is none of these."""
    tests = [_step(_EQUAL, value, len(values) - 1 - i, 0) for i, value in enumerate(values[:-1])]
    return [*tests, _step(_EQUAL, values[-1], 0, 1), _refuse(code)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)
