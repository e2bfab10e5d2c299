"""Modules that run when something of theirs is first asked for (`keras_in_page.late`)."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT / "browser"))
from keras_in_page import late

FILES = {
    "tardy/__init__.py": "RAN = ['package']\nfrom tardy.colors import RED\n",
    "tardy/colors.py": "import tardy\ntardy.RAN.append('colors')\nRED = object()\n",
    "tardy/plot.py": "from tardy import RAN, RED\nRAN.append('plot')\nTITLE = 'a title'\n",
    "tardy/other.py": "from tardy import RAN\nRAN.append('other')\n",
    "broken.py": "import tardy\nif 'mended' not in tardy.RAN:\n    raise OSError('no room')\nFINE = True\n",
}


@pytest.fixture
def tardy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of three modules, which itself and one of them run late, and a module that fails."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [late.LateFinder(("tardy", "tardy.plot", "broken")), *sys.meta_path])
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tardy", "broken")]:
        del sys.modules[name]


@pytest.mark.usefixtures("tardy")
class TestLate:
    def test_runs_when_something_is_asked_for_and_stays_the_same_object(self) -> None:
        plot = importlib.import_module("tardy.plot")
        package = sys.modules["tardy"]
        assert not {"RAN", "TITLE"} & (set(vars(plot)) | set(vars(package)))
        assert plot.TITLE == "a title"
        assert package.RAN == ["package", "colors", "plot"]
        assert package.plot is plot is sys.modules["tardy.plot"]
        assert not isinstance(plot, late.LateModule)

    def test_a_module_that_its_package_brings_in_runs_once(self) -> None:
        importlib.import_module("tardy")
        colors = importlib.import_module("tardy.colors")
        package = sys.modules["tardy"]
        assert package.RAN == ["package", "colors"]
        assert package.RED is colors.RED
        assert colors is sys.modules["tardy.colors"]
        assert colors.__spec__ is not None
        assert colors.__spec__.origin == colors.__file__

    def test_another_module_of_the_package_runs_after_it(self) -> None:
        importlib.import_module("tardy")
        importlib.import_module("tardy.other")
        assert sys.modules["tardy"].RAN == ["package", "colors", "other"]

    def test_what_was_put_into_it_before_stays(self) -> None:
        plot = importlib.import_module("tardy.plot")
        plot.TITLE = "a learner's own"
        assert plot.RED is sys.modules["tardy"].RED
        assert plot.TITLE == "a learner's own"

    def test_completion_sees_its_names(self) -> None:
        assert "TITLE" in dir(importlib.import_module("tardy.plot"))

    def test_one_that_fails_says_so_and_is_tried_again(self) -> None:
        broken = importlib.import_module("broken")
        with pytest.raises(OSError, match="no room"):
            _ = broken.FINE
        importlib.import_module("tardy").RAN.append("mended")
        assert broken.FINE is True

    def test_a_module_taken_from_its_package_is_as_late(self) -> None:
        space: dict[str, object] = {}
        exec("from tardy import plot", space)
        assert isinstance(space["plot"], late.LateModule)
        assert isinstance(sys.modules["tardy"], late.LateModule)

    def test_only_looking_for_it_runs_nothing(self) -> None:
        assert importlib.util.find_spec("tardy.plot")
        assert isinstance(sys.modules["tardy"], late.LateModule)


DRAWN = """
import sys
import keras_in_page
keras_in_page.at_start()
import keras
import matplotlib.pyplot as plt
from autograder import start
assert "matplotlib.colors" not in sys.modules
assert "rich.segment" not in sys.modules
from matplotlib.ticker import MaxNLocator
plt.plot([1, 2])
plt.gca().xaxis.set_major_locator(MaxNLocator(integer=True))
keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).summary()
import matplotlib
print(matplotlib.pyplot is plt, matplotlib.colors.to_rgb("r"), len(plt.get_fignums()))
"""


def test_what_the_page_puts_off_works_when_it_is_used() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "browser"), str(ROOT))), "MPLBACKEND": "agg"}
    environment |= {"KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", DRAWN], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "True (1.0, 0.0, 0.0) 1"
    assert "9 (36.00 B)" in done.stdout
