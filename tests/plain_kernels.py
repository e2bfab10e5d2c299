"""Plain kernels that begin as forks of one process, which has imported Keras: four seconds less for each.

For tests in which nbgrader, or anybody but us, runs notebooks in a kernel of their own. `JUPYTER_PATH` leads Jupyter to
a kernel called ``python3`` whose program is this one: it has the process fork, stands in for the fork towards Jupyter
(an interrupt is handed on, and when one of them ends so does the other), and that is all. What runs is ipykernel as it
is, with the environment, the folder and the outputs that Jupyter gave it. TensorFlow starts its threads with the first
computation, so a fork made before that is as good as a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ALL = 1 << 20  # bytes of a request that are taken at once
# In Jupyter's environment: the name of a folder. Notebooks in it, or below it, get no fork but a process of their own,
# in which what an import of Keras writes is seen as everywhere.
NO_FORK_IN = "AUTOGRADER_NO_FORK_IN"


@contextmanager
def plain_kernels(folder: Path) -> Iterator[dict[str, str]]:
    """Start the process, and end it afterwards. Returns what the environment of Jupyter has to hold."""
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    address = folder / "socket"
    argv = [sys.executable, "-I", "-S", __file__, str(address), "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}), "utf-8")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        command = [sys.executable, __file__, str(listening.fileno())]
        settings = {"OPENBLAS_NUM_THREADS": "1"} | os.environ  # read when NumPy is imported; see tools/run_tests.py
        with subprocess.Popen(command, pass_fds=[listening.fileno()], env=settings, stdout=-1, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n", "the process that imports Keras has ended"
                yield {"JUPYTER_PATH": str(folder)}
            finally:
                process.kill()


def stand_in(address: str, arguments: list[str]) -> int:
    """What Jupyter takes for the kernel. Ends when the fork does; the fork ends when this does."""
    if os.environ.get(NO_FORK_IN) in Path.cwd().parts:
        os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        request = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(request)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: connection.sendall(bytes([number])))
        try:
            return int(connection.recv(1) != b"0")  # nothing where it was killed
        except ConnectionResetError:  # killed before it took what was handed on
            return 1


def _become_a_kernel(connection: socket.socket) -> None:
    size, files, _, _ = socket.recv_fds(connection, 4, 3)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(ALL)
    arguments, folder, environment = json.loads(request)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.pop("JPY_PARENT_PID", None)  # that is the stand-in's parent, and ends with it
    os.chdir(folder)
    sys.argv = ["ipykernel_launcher", *arguments]

    def listen() -> None:
        while said := connection.recv(1):
            os.kill(os.getpid(), said[0])
        os._exit(1)  # the stand-in is gone

    threading.Thread(target=listen, daemon=True).start()
    from ipykernel.kernelapp import IPKernelApp

    if "MATPLOTLIBRC" in os.environ:  # a style that Matplotlib would have read when it was imported
        import matplotlib

        matplotlib.rc_file(matplotlib.matplotlib_fname())
    app = IPKernelApp.instance()
    app.initialize()
    if "inline" in os.environ["MPLBACKEND"]:
        # Matplotlib's backend does this itself when it is imported in a kernel. Keras imported it without one.
        app.shell.enable_matplotlib("inline")
    app.start()


def serve(listening: socket.socket) -> None:
    """Fork for each that connects."""
    del sys.path[0]  # as ipykernel's own launcher does; no notebook may import what lies beside the tests
    import ipykernel.kernelapp  # noqa: F401
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    print("ready", flush=True)
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            status = 1
            try:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become_a_kernel(connection)
                connection.sendall(b"0")
                status = 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        connection.close()


if __name__ == "__main__":
    if sys.argv[1].isdigit():
        serve(socket.socket(fileno=int(sys.argv[1])))
    else:
        sys.exit(stand_in(sys.argv[1], sys.argv[2:]))
