"""Run a service of a Hub as the course's account, on a port that only root may open.

    python -I -m autograder.jupyter.reserved_port ACCOUNT MODULE [ARGUMENT...]

The Hub starts this as root. It opens the port of $JUPYTERHUB_SERVICE_URL, becomes ACCOUNT for good, and runs the
module. When the module opens that port, it is given the one that is open already.

Only root may open ports below `net.ipv4.ip_unprivileged_port_start`, which is 1024 almost everywhere. On any other
port, a learner of the same machine could listen while the service is down, and the proxy would send them what
everybody's browser sends, cookies included.
"""

from __future__ import annotations

import os
import pwd
import runpy
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

_OPEN = "AUTOGRADER_OPEN_PORT"  # from root's part to the account's: the number of the open socket


def main() -> None:
    account, module, *arguments = sys.argv[1:]
    place = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    address = place.hostname or "", place.port or 0
    opened = os.environ.pop(_OPEN, None)
    if opened is None:
        _open_and_become(account, address)
    else:
        _give(int(opened), address)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _open_and_become(account: str, address: tuple[str, int]) -> None:
    """Start again as the account, with the port open, so that nothing of root's is left in the process."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a restart waits for old connections to time out
    opened.bind(address)
    opened.set_inheritable(True)
    entry = pwd.getpwnam(account)
    os.initgroups(account, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    environment = os.environ | {_OPEN: str(opened.fileno())}
    environment |= {"HOME": entry.pw_dir, "USER": account, "SHELL": entry.pw_shell}
    again = [sys.executable, "-P", "-m", "autograder.jupyter.reserved_port", *sys.argv[1:]]
    os.execve(sys.executable, again, environment)


def _give(opened: int, address: tuple[str, int]) -> None:
    """Give the open socket to whatever binds one to this address, because Jupyter cannot be handed a socket."""
    plain = socket.socket.bind
    os.set_inheritable(opened, False)  # a terminal or a kernel must not keep the port when the service ends

    def bind(self: socket.socket, wanted: Any) -> None:
        if wanted != address:
            plain(self, wanted)
            return
        os.dup2(opened, self.fileno(), inheritable=False)
        self.settimeout(self.gettimeout())  # the open one does not know yet whether it may block

    socket.socket.bind = bind  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    main()
