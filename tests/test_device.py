"""Which device is in use, with what a GPU's driver and backend answer put in their place: none is needed here."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from kit import ROOT
from traitlets.config.loader import PyFileConfigLoader

from autograder import doctor
from autograder.learner import ahead, device

SMI = "#!/bin/sh\nprintf '%s\\n' 'NVIDIA A100-SXM4-80GB, 1234, 81920' 'NVIDIA H100, [N/A], [N/A]'\n"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs, one of them sliced."""
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_without_a_driver_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device.gpus() == []
    finding = doctor._gpu()
    assert finding.good
    assert "none" in finding.found


@pytest.mark.usefixtures("driver")
def test_doctor_names_the_gpu_its_memory_and_the_setting_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(device.GROWTH, raising=False)
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: "2.21")
    finding = doctor._gpu()
    assert "1,234 of 81,920 MiB" in finding.found
    assert "MIG" in finding.found
    assert f"{device.GROWTH}=true" in finding.remedy
    monkeypatch.setenv(device.GROWTH, "true")
    monkeypatch.setenv(device.LIMIT, "4096")
    finding = doctor._gpu()
    assert not finding.remedy
    assert "4096 MiB" in finding.found


TENSORFLOW = """
class config:
    class experimental:
        get_memory_info = staticmethod(lambda name: {"current": {"GPU:0": 300 * 2**20}[name]})
    class LogicalDeviceConfiguration:
        def __init__(self, memory_limit): self.memory_limit = memory_limit
    class Device: name = "/device:GPU:0"
    calls = []
    list_physical_devices = staticmethod(lambda kind: ["the gpu"] if kind == "GPU" else [])
    list_logical_devices = staticmethod(lambda kind: [config.Device] if kind == "GPU" else [])
    set_logical_device_configuration = staticmethod(
        lambda gpu, shares: config.calls.append((gpu, [share.memory_limit for share in shares])))
"""
KERAS = "class config:\n    backend = staticmethod(lambda: 'tensorflow')\n"


def _in_a_kernel(folder: Path, code: str, **environment: str) -> str:
    """Run code with a TensorFlow that says it has a GPU; in a process of its own, as a kernel is."""
    (folder / "tensorflow.py").write_text(TENSORFLOW)
    (folder / "keras.py").write_text(KERAS)
    path = {"PYTHONPATH": f"{folder}:{ROOT}", "PATH": f"{folder}:/usr/bin:/bin"}
    command = [sys.executable, "-c", "from autograder.learner import device\n" + code]
    done = subprocess.run(command, capture_output=True, text=True, env=path | environment, check=True)
    return done.stdout + done.stderr


@pytest.mark.usefixtures("driver")
def test_learner_sees_what_the_notebook_holds_and_what_all_hold(tmp_path: Path) -> None:
    said = _in_a_kernel(tmp_path, "device.show_device()")
    assert "using tensorflow on 1 GPU" in said
    assert "this notebook holds 300 MiB" in said
    assert "1,234 of 81,920 MiB in use by everybody" in said


LOAD = "device.load_ipython_extension(None)\nimport tensorflow as tf\nprint(tf.config.calls)"


def test_cap_is_set_as_soon_as_tensorflow_is_imported(tmp_path: Path) -> None:
    assert _in_a_kernel(tmp_path, LOAD, AUTOGRADER_GPU_MEMORY_MB="4096").strip() == "[('the gpu', [4096])]"
    before = "import tensorflow\n" + LOAD
    assert _in_a_kernel(tmp_path, before, AUTOGRADER_GPU_MEMORY_MB="4096").strip() == "[('the gpu', [4096])]"


INTERRUPTED = """
from pathlib import Path
file = Path({file!r})
whole = file.read_text()
file.write_text("raise KeyboardInterrupt")
try:
    import tensorflow
except KeyboardInterrupt:
    file.write_text(whole)
"""
ASKED_FOR = "import importlib.util\nassert importlib.util.find_spec('tensorflow')\n"


@pytest.mark.parametrize("before", [INTERRUPTED, ASKED_FOR])
@pytest.mark.parametrize("quiet", ["", "from autograder.learner import first_import as f; f.keep_tensorflow_quiet()\n"])
def test_cap_is_set_however_often_the_import_is_tried(before: str, quiet: str, tmp_path: Path) -> None:
    load, first = LOAD.split("\n", 1)
    code = f"{load}\n{quiet}{before.format(file=str(tmp_path / 'tensorflow.py'))}{first}\n"
    code += "import sys; print([finder for finder in sys.meta_path if 'autograder' in type(finder).__module__])"
    said = _in_a_kernel(tmp_path, code, AUTOGRADER_GPU_MEMORY_MB="4096")
    assert said.splitlines() == ["[('the gpu', [4096])]", "[]"]


@pytest.mark.parametrize("limit", ["", "0", "many"])
def test_no_cap_unless_a_number_is_given(tmp_path: Path, limit: str) -> None:
    said = _in_a_kernel(tmp_path, LOAD, AUTOGRADER_GPU_MEMORY_MB=limit)
    assert said.splitlines()[-1 if limit == "" else 0] == "[]"
    assert ("nothing is capped" in said) == bool(limit)


def test_kernels_of_a_hub_load_it() -> None:
    config = PyFileConfigLoader("ipython_kernel_config.py", path=str(ROOT / "deploy" / "hub" / "roles")).load_config()
    assert [importlib.import_module(name) for name in config.IPKernelApp.extensions] == [device, ahead]
    assert callable(ahead.load_ipython_extension)
    assert callable(device.load_ipython_extension)


@pytest.mark.slow
def test_real_tensorflow_takes_the_hook_and_computes(tmp_path: Path) -> None:
    code = "device.load_ipython_extension(None)\nimport keras\nprint(keras.ops.sum(keras.ops.ones(3)).shape)\n"
    code += "device.show_device()"
    environment = {"AUTOGRADER_GPU_MEMORY_MB": "512", "PYTHONPATH": str(ROOT), "PATH": str(tmp_path)}
    command = [sys.executable, "-c", "from autograder.learner import device\n" + code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "()" in done.stdout
    assert "Keras is using tensorflow on the" in done.stdout
