"""How many workers fit: a pod of 2 GB on a node of 256 GB is a machine of 2 GB."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder import doctor
from autograder.sandbox import machine

GB = 10**9
MEMINFO = f"MemTotal:       {256 * GB // 1024} kB\nMemAvailable:   {200 * GB // 1024} kB\n"


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))


def node(root: Path, groups: str, **files: str) -> Path:
    """A folder that looks like a node's / with these control groups; in names, `__` is a slash and `_` a dot."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(MEMINFO)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        folder, _, last = name.rpartition("__")
        path = root / "sys/fs/cgroup" / folder.replace("__", "/") / last.replace("_", ".", 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    found = machine.examine(tmp_path)
    assert (found.cores, found.limit_bytes, found.workers) == (64, None, 64)
    assert found.free_bytes == pytest.approx(200 * GB, rel=1e-6)


def test_a_pod_has_what_its_group_has(tmp_path: Path) -> None:
    found = machine.examine(
        node(
            tmp_path,
            "0::/\n",
            memory_max=f"{2 * GB}\n",
            memory_current=f"{GB}\n",
            memory_stat=f"anon 5\ninactive_file {GB // 2}\nactive_file 7\n",
            cpu_max="350000 100000\n",
        )
    )
    assert found == machine.Machine(cores=3, free_bytes=2 * GB - GB // 2, limit_bytes=2 * GB)
    assert found.workers == 1


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    found = machine.examine(
        node(
            tmp_path,
            "0::/pods/mine\n",
            pods__memory_max=f"{8 * GB}",
            pods__memory_current=f"{GB}",
            pods__cpu_max="max 100000",
            pods__mine__memory_max="max\n",
            pods__mine__memory_current=f"{GB}",
            pods__mine__cpu_max="50000 100000",
        )
    )
    assert (found.free_bytes, found.limit_bytes) == (7 * GB, 8 * GB)
    assert found.cores == 1  # half of one is one worker all the same


def test_groups_of_version_1_and_a_path_of_the_nodes(tmp_path: Path) -> None:
    found = machine.examine(
        node(
            tmp_path,
            "4:memory:/kubepods/pod1\n2:cpu,cpuacct:/kubepods/pod1\n1:name=systemd:/x\n",
            memory__memory_limit_in_bytes=f"{4 * GB}",
            memory__memory_usage_in_bytes=f"{GB}",
            memory__memory_stat="total_inactive_file 0\n",
            **{"cpu,cpuacct__cpu_cfs_quota_us": "200000\n", "cpu,cpuacct__cpu_cfs_period_us": "100000\n"},
        )
    )
    assert found == machine.Machine(2, 3 * GB, 4 * GB)
    assert found.workers == 2


def test_groups_without_limits_change_nothing(tmp_path: Path) -> None:
    found = machine.examine(
        node(
            tmp_path,
            "4:memory:/\n2:cpu:/\n0::/\n",
            memory__memory_limit_in_bytes="9223372036854771712",
            memory__memory_usage_in_bytes="5",
            cpu__cpu_cfs_quota_us="-1",
            cpu__cpu_cfs_period_us="100000",
            memory_max="max",
            cpu_max="max 100000",
        )
    )
    assert (found.cores, found.limit_bytes) == (64, None)


def test_the_doctor_says_what_a_group_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "examine", lambda: machine.Machine(2, GB // 2, 2 * GB))
    (finding,) = doctor._memory()
    assert not finding.good
    assert finding.found == (
        "2 cores, 0.5 GB of memory free of the 2.0 GB that a control group allows; `autograder grade` takes 1 worker"
    )
    monkeypatch.setattr(machine, "examine", lambda: machine.Machine(4, 9 * GB))
    (finding,) = doctor._memory()
    assert finding.good
    assert finding.found == "4 cores, 9.0 GB of memory free; `autograder grade` takes 4 workers"
