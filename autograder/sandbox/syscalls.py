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
from dataclasses import dataclass

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # x86-64's second table of system calls begins here
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW* of clone(2), in one mask
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into a terminal
_INTERNET = (socket.AF_INET, socket.AF_INET6, 16)  # 16: netlink, by which glibc asks which addresses there are
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
}
_CLONE, _SOCKET, _SOCKETPAIR, _IOCTL, _SETSOCKOPT = (56, 220), (41, 198), (53, 199), (16, 29), (54, 208)
_SO_SNDBUF, _SO_SNDBUFFORCE = 7, 32


def supported() -> bool:
    """Whether there is a filter for this machine's processor."""
    return platform.machine() in _MACHINES


def restrict(internet: bool) -> None:
    """Put the filter over this thread and all that come from it, for good.

    Args:
        internet: whether sockets of the Internet kinds may be made. In the sandbox they lead nowhere.

    Raises:
        NoFilter: the kernel would not have it.
    """
    if not supported():
        return
    program = filter_for(platform.machine(), internet)
    buffer = ctypes.create_string_buffer(program, len(program))
    libc = ctypes.CDLL(None, use_errno=True)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    described = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(described), 0, 0) != 0:
        raise NoFilter(ctypes.get_errno(), "seccomp")


def filter_for(machine: str, internet: bool) -> bytes:
    """The program for a processor: a list of ``struct sock_filter``."""
    here = _MACHINES[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, here.architecture, 1, 0),
        _step(_RETURN, _KILL),  # another processor's calling convention: its numbers mean other things
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
        (_SOCKET, 0, _only([socket.AF_UNIX, *(_INTERNET if internet else ())])),
        (_SOCKETPAIR, 0, _only([socket.AF_UNIX])),
        (
            _IOCTL,
            1,
            [
                _step(_EQUAL, _TIOCSTI, 1, 0),
                _step(_EQUAL, _TIOCLINUX, 0, 1),
                _refuse(errno.EPERM),
            ],
        ),
        # What lies in a socket unread belongs to no process, so it keeps the size that `processes` reckons with. That
        # is not refused but passed over: the call answers 0.
        (_SETSOCKOPT, 2, [_step(_EQUAL, _SO_SNDBUF, 1, 0), _step(_EQUAL, _SO_SNDBUFFORCE, 0, 1), _refuse(0)]),
    ):
        body = [_step(_LOAD, _ARGUMENTS + 8 * argument), *tests, _step(_RETURN, _ALLOW)]
        code += [_step(_EQUAL, numbers[here.column], 0, len(body)), *body]
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _only(families: list[int]) -> list[bytes]:
    """Go on only if what was loaded is one of these socket families."""
    tests = [_step(_EQUAL, family, len(families) - i, 0) for i, family in enumerate(families)]
    return [*tests, _refuse(errno.EAFNOSUPPORT)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)
