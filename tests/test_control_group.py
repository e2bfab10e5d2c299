"""Control groups of version 2: who holds processes hands nothing down, so a keeper moves into a leaf."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import ROOT

from autograder.sandbox import control_group

# With a controller that the machine has under version 2, whichever it is: the way is the same for all of them.
TRY = """
import os, subprocess, sys
from pathlib import Path
from autograder.sandbox import control_group
group, controller = Path(sys.argv[1]), sys.argv[2]
child = subprocess.Popen(["sleep", "30"])
def own(): return group / Path([l for l in open("/proc/self/cgroup") if l.startswith("0::")][0].strip()[3:]).name
first = control_group.keep(group, controller)
second = control_group.keep(group / "keeper", controller)  # as another worker finds it
print(first == group, second == group, own().name, (group / "cgroup.procs").read_text().split())
fork_server = group / "autograder-1"
fork_server.mkdir()
control_group._move([child.pid], fork_server)
print(str(child.pid) in (fork_server / "cgroup.procs").read_text().split())
print(any(f.name.startswith(controller) for f in fork_server.iterdir()))
print(control_group.ControlGroup(fork_server, 2).killed())
child.kill(); child.wait()
fork_server.rmdir()
"""


def _unified() -> tuple[Path, str] | None:
    """Where version 2 is mounted, and a controller that it has here."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            controllers = (Path(place) / "cgroup.controllers").read_text().split()
            return (Path(place), controllers[0]) if controllers else None
    return None


@pytest.fixture
def handed_over() -> Iterator[tuple[Path, str]]:
    """A group as systemd hands one over."""
    found = _unified()
    if found is None or os.getuid() != 0 or not os.access(found[0], os.W_OK):
        pytest.skip("no control group can be made here")
    root, controller = found
    group = root / f"try-{os.getpid()}"
    before = (root / "cgroup.subtree_control").read_text().split()
    try:
        (root / "cgroup.subtree_control").write_text(f"+{controller}")
        group.mkdir()
        os.setxattr(group, "trusted.delegate", b"1")
    except OSError:
        pytest.skip("no control group can be made here")
    yield group, controller
    for folder in (group / "keeper", group):
        if folder.is_dir():
            folder.rmdir()
    if controller not in before:
        (root / "cgroup.subtree_control").write_text(f"-{controller}")


def _in_group(group: Path, controller: str) -> subprocess.CompletedProcess[str]:
    enter = f'echo $$ > {group}/cgroup.procs; exec "$@"'
    command = ["sh", "-c", enter, "sh", sys.executable, "-c", TRY, str(group), controller]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_a_group_that_was_handed_over_is_kept_from_a_leaf(handed_over: tuple[Path, str]) -> None:
    done = _in_group(*handed_over)
    assert done.stdout.splitlines() == ["True True keeper []", "True", "True", "0"], done.stderr


def test_a_group_that_nobody_handed_over_is_left_alone(handed_over: tuple[Path, str]) -> None:
    group, controller = handed_over
    os.removexattr(group, "trusted.delegate")
    assert _in_group(group, controller).stdout.startswith("False False")
    assert not (group / "keeper").exists()


def test_others_processes_are_not_moved(handed_over: tuple[Path, str]) -> None:
    group, controller = handed_over
    with subprocess.Popen(["sleep", "30"]) as other:
        (group / "cgroup.procs").write_text(str(other.pid))
        done = _in_group(group, controller)
        assert done.stdout.startswith("False False"), done.stderr
        assert str(other.pid) in (group / "cgroup.procs").read_text().split()
        other.kill()


def test_the_machines_own_groups_are_nobodys_to_divide(tmp_path: Path) -> None:
    assert control_group.keep(tmp_path, "memory") is None
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    assert control_group.keep(tmp_path, "memory") == tmp_path
    assert control_group.keep(tmp_path / "keeper", "memory") == tmp_path
