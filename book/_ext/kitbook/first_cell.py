"""The cell with which a lesson's notebook begins, so that it runs where the lessons' package is not installed."""

from __future__ import annotations

#: Where a publisher has said what pip installs (`kitbook_launch` in _config.yml).
INSTALL = """\
# Where the lessons' package is missing, as on Colab, install it.
try:
    import autograder.learner
except ImportError:
    %pip install --quiet "{package}"
"""

#: Otherwise. The same images come from `keras.datasets`: MNIST as it is, and the 700 clothes drawn as `data/build.py`
#: draws them (a test compares the two).
FROM_KERAS = """\
# Where the lessons' package is missing, as on Colab, the same images come from keras.datasets.
try:
    import autograder.learner
except ImportError:
    import hashlib
    import importlib.util
    import subprocess
    import sys
    import types

    # What to import, and what pip calls it.
    packages = {
        "keras": "keras",
        "tensorflow": "tensorflow",
        "matplotlib": "matplotlib",
        "sklearn": "scikit-learn",
    }
    missing = [
        name
        for module, name in packages.items()
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *missing])

    import keras
    import numpy as np

    def load_fashion():
        \"\"\"600 t-shirts, shoes and dresses to train on and 100 to test with, from Fashion-MNIST.\"\"\"
        seed = hashlib.sha256(b"published/fashion.npz").digest()
        numbers = np.random.RandomState(np.frombuffer(seed, ">u4").astype("uint32"))
        pairs, taken = [], set()
        sizes = [(200, 200, 200), (34, 33, 33)]
        for (images, labels), wanted in zip(keras.datasets.fashion_mnist.load_data(), sizes):
            chosen = []
            for original, count in zip((0, 7, 3), wanted):
                end = len(chosen) + count
                for index in numbers.permutation(np.flatnonzero(labels == original)):
                    content = images[index].tobytes()
                    if len(chosen) < end and content not in taken:
                        taken.add(content)
                        chosen.append(index)
            order = numbers.permutation(np.array(chosen))
            rows = (labels[order][:, None] == np.array([0, 7, 3])).astype("uint8")
            pairs.append((images[order][..., None], rows))
        return tuple(pairs)

    kit = types.ModuleType("autograder")
    kit.data = types.ModuleType("autograder.data")
    kit.data.FASHION_CLASSES = ("t-shirt", "shoe", "dress")
    kit.data.load_fashion = load_fashion
    kit.data.load_mnist = keras.datasets.mnist.load_data
    kit.learner = types.ModuleType("autograder.learner")
    kit.learner.device = types.ModuleType("autograder.learner.device")
    kit.learner.device.show_device = lambda: print(*keras.distribution.list_devices())
    sys.modules["autograder"] = kit
    for part in (kit.data, kit.learner, kit.learner.device):
        sys.modules[part.__name__] = part
"""
