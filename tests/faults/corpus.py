# ruff: noqa: E501 - cells stand here as students write them
"""The faults: what goes wrong in a notebook or its file, and what its student must be told.

What was earned before the fault is kept. Faults of folders and names are in `test_faults`, which grades a class.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hostile import EARNED, HONEST, LIMITS, SHORT, Entry, Notebook, code_cell

from autograder.sandbox.limits import Limits

GRADED, TIMED_OUT, CRASHED, MEMORY, UNREADABLE = "graded", "timed out", "crashed", "out of memory", "unreadable"
BEFORE = {"flattened": 2.0}  # what was earned before the second task went wrong
SOON = replace(LIMITS, cell_cpu_seconds=3)  # for what computes until it is stopped; enough for every other cell


@dataclass(frozen=True)
class Fault(Entry):
    """One submission that goes wrong."""

    status: tuple[str, ...] = (GRADED,)
    says: str = ""  # words that must stand in what the student is told
    earns: Mapping[str, float] = field(default_factory=lambda: EARNED)


def _stopped(name: str, code: str, status: tuple[str, ...], says: str = "", limits: Limits = LIMITS) -> Fault:
    """A fault that ends the run, or may end it, in the second task."""
    return Fault(name, answers={"by_hand-answer": code}, status=status, says=says, limits=limits)


def _passing(name: str, code: str, says: str = "", limits: Limits = LIMITS) -> Fault:
    """A fault after which everything goes on."""
    return Fault(name, answers={"by_hand-answer": code}, says=says, limits=limits)


def _deeper(name: str, model: str, says: str, points: float = 0.0) -> Fault:
    """A model for the last task, and the points that it earns without any training."""
    earns = EARNED | ({"deeper": points} if points else {})
    return Fault(name, answers={"deeper-answer": f"deeper_model = {model}"}, says=says, earns=earns)


def _file(name: str, change: Callable[[Notebook], Any], says: str = "") -> Fault:
    """Something odd about the file that costs nothing."""
    return Fault(name, change=change, says=says)


def _unreadable(name: str, change: Callable[[Notebook], bytes], says: str) -> Fault:
    return Fault(name, change=change, status=(UNREADABLE,), says=says, earns={})


def _version_3(notebook: Notebook) -> bytes:
    cells = notebook.pop("cells")
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["prompt_number"] = cell.pop("execution_count", None)
            cell["language"] = "python"
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}
    ).encode()


def _version_2(notebook: Notebook) -> bytes:
    return _version_3(notebook).replace(b'"nbformat": 3', b'"nbformat": 2')


def _text(notebook: Notebook) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False)


def _no_kernel(notebook: Notebook) -> None:
    notebook["metadata"].pop("kernelspec", None)
    notebook["metadata"].pop("language_info", None)


def _other_kernel(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}


def _strange_cells(notebook: Notebook) -> None:
    notebook["cells"] += [
        None,
        5,
        "text",
        [],
        {},
        {"cell_type": "code"},
        {"cell_type": 7, "source": {}},
        {"source": ["a", 1, ["b"]], "cell_type": "code", "metadata": []},
    ]


def _windows(notebook: Notebook) -> bytes:
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    return _text(notebook).replace("\n", "\r\n").encode()


def _unmarked(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def _strange_version(notebook: Notebook) -> bytes:
    notebook["nbformat"] = "VERSION"
    return json.dumps(notebook).replace('"VERSION"', "[" * 400 + "]" * 400).encode()


def _out_of_order(notebook: Notebook) -> None:
    marked = [i for i, c in enumerate(notebook["cells"]) if c["cell_type"] == "code"]
    notebook["cells"][marked[0]], notebook["cells"][marked[-1]] = (
        notebook["cells"][marked[-1]],
        notebook["cells"][marked[0]],
    )


def _surrogates(notebook: Notebook) -> bytes:
    notebook["cells"].append(code_cell("print('SURROGATE')"))
    return json.dumps(notebook).replace("SURROGATE", "\\ud800").encode()


def _many_cells(notebook: Notebook) -> bytes:
    return (
        json.dumps(notebook)
        .replace('"cells": [', '"cells": [' + '{"cell_type":"code","source":"1","metadata":{}},' * 100_000)
        .encode()
    )


FAULTS = (
    # -- time ----------------------------------------------------------------------------------------------------
    # With `SOON` the limit of processor time comes first; else, on an idle machine, that of wall time.
    _stopped("a loop that never ends", "while True: pass", (TIMED_OUT,), "Is there a loop that never ends?", SOON),
    _stopped("a long sleep", "import time\ntime.sleep(3600)", (TIMED_OUT,), "longer than", SHORT),
    _stopped(
        "a loop that catches the interrupt",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        (TIMED_OUT,),
        "Is there a loop that never ends?",
        SHORT,
    ),
    _stopped(
        "training for an hour",
        """
network = keras.Sequential([keras.Input((784,)), layers.Dense(10), layers.Dense(3)])
network.compile(loss="categorical_crossentropy")
network.fit(x_train, train_labels, epochs=10**6, verbose=0)""",
        (TIMED_OUT,),
        "Is there a loop that never ends?",
        SOON,
    ),
    _stopped(
        "awaits what never comes", "import asyncio\nawait asyncio.sleep(3600)", (TIMED_OUT,), "longer than", SHORT
    ),
    _stopped(
        "stops its own process",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        (TIMED_OUT,),
        "longer than",
        SHORT,
    ),
    Fault(
        "a slow drip over many cells",
        change=lambda n: [n["cells"].insert(5, code_cell("import time; time.sleep(4)")) for _ in range(12)] and None,
        status=(TIMED_OUT,),
        says="in all",
        earns=BEFORE,
        limits=SHORT,
    ),
    _passing("closes what it prints to", "import sys\nsys.stdout = open('log.txt', 'w')\nsys.stdout.close()"),
    _passing(
        "a function that never returns",
        "def dense_relu(x, W, b):\n    while True: pass",
        "did not answer within",
        SHORT,
    ),
    _stopped(
        "a function that never returns and cannot be interrupted",
        """
import signal
def dense_relu(x, W, b):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True: pass""",
        (TIMED_OUT,),
        "did not answer",
        SHORT,
    ),
    # -- habits of notebooks that were written elsewhere ---------------------------------------------------------------
    _passing("asks a debugger", "breakpoint()\nx = 1"),
    _passing("downloads data", "keras.datasets.mnist.load_data()"),
    _passing("makes errors of warnings", "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')"),
    _passing("calls things by Python's and IPython's names", "list = len = print = In = Out = get_ipython = None"),
    _passing("an empty environment, another folder", "import os\nos.environ.clear()\nos.chdir('/')\nos.umask(0o777)"),
    # -- what is not there where exercises are graded: no line is lost but those that need it -----------------------
    Fault(
        "packages that are not installed",
        first="import pandas as pd; import seaborn; from tensorflow.keras.models import Sequential\nimport tensorflow_datasets as tfds\n"
        "from google.colab import drive\nseaborn.set_theme()\ndrive.mount('/content/drive')\ndf = pd.DataFrame([1])\ndf.head()",
        answers={
            "flattened-answer": f"import helper\nsns = seaborn\n{HONEST['flattened-answer']}\ndf = helper.show(x_train)\ndf.plot()",
            "architecture-answer": HONEST["architecture-answer"] + "assert Sequential\nseaborn.heatmap(df)",
        },
    ),
    Fault(
        "a package that an answer needs",
        answers={
            "flattened-answer": "import pandas as pd\nx_train = pd.DataFrame(train_data).values / 255\nx_test = x_train"
        },
        says="This is not a mistake of yours",
        earns={"architecture": 4.0, "compiled": 3.0},
    ),
    Fault(
        "a package that is asked for politely",
        answers={
            "flattened-answer": "try:\n    import seaborn\nexcept ImportError:\n    seaborn = None\n"
            + HONEST["flattened-answer"]
            + "assert seaborn is None"
        },
    ),
    Fault(
        "a GPU",
        answers={
            "flattened-answer": "import tensorflow as tf\ngpus = tf.config.list_physical_devices('GPU')\n"
            "tf.config.experimental.set_memory_growth(gpus[0], True)\nprint(tf.config.list_physical_devices('GPU')[0])\n"
            "name = tf.test.gpu_device_name()\nif name != '/device:GPU:0':\n    raise SystemError('GPU device not found')\n"
            + HONEST["flattened-answer"]
        },
    ),
    Fault(
        "files, a style and magics of somewhere else",
        answers={
            "flattened-answer": "numbers = np.loadtxt('numbers.csv', delimiter=',')\nprint(numbers.shape)\n"
            "with open('helper.txt') as f:\n    text = f.read()\nold = keras.models.load_model('x.keras')\n"
            "%load_ext tensorboard\n%tensorflow_version 2.x\nimport matplotlib.pyplot as plt\n"
            "plt.style.use('seaborn-whitegrid')\nkeras.datasets.mnist.load_data()\n" + HONEST["flattened-answer"]
        },
    ),
    Fault(
        "TensorBoard",
        answers={
            "compiled-answer": HONEST["compiled-answer"]
            + "\ncopy = keras.models.clone_model(model)\ncopy.compile(loss='mse')\ncopy.fit(x_train, train_labels, verbose=0,"
            " callbacks=[keras.callbacks.TensorBoard(log_dir='logs', histogram_freq=1)])\n"
            "model.compile(loss='categorical_crossentropy', optimizer='sgd', metrics=['accuracy'])"
        },
    ),
    Fault(
        "a misspelt module",
        answers={"flattened-answer": "import nump as np\n" + HONEST["flattened-answer"]},
        says="No module named 'nump'",
        earns={"architecture": 4.0, "compiled": 3.0},
    ),
    # -- memory, processes, disk -----------------------------------------------------------------------------------
    _stopped(
        "a list that grows and grows",
        "hoard = []\nwhile True: hoard.append(bytearray(50_000_000))",
        (GRADED, CRASHED, MEMORY, TIMED_OUT),
    ),
    _stopped(
        "memory shared between processes",
        """
import mmap
hoard = mmap.mmap(-1, 6 * 10**9)
for i in range(0, 6 * 10**9, 4096): hoard[i] = 1""",
        (MEMORY,),
        "MB of memory",
    ),
    _stopped(
        "many processes with some memory each",
        """
import os, time
for _ in range(20):
    if os.fork() == 0:
        hoard = bytearray(300_000_000)
        for i in range(0, len(hoard), 4096): hoard[i] = 1
        time.sleep(30)
time.sleep(30)""",
        (MEMORY,),
        "MB of memory",
    ),
    _stopped(
        "a fork bomb",
        """
import os
while True:
    try: os.fork()
    except OSError: pass""",
        (TIMED_OUT, MEMORY, CRASHED),
        limits=SOON,
    ),
    _stopped(
        "threads without end",
        """
import threading, time
while True: threading.Thread(target=time.sleep, args=(30,), daemon=True).start()""",
        (GRADED, CRASHED, MEMORY, TIMED_OUT),
    ),
    _passing(
        "a full disk",
        """
try:
    for n in range(100): open(f"file{n}", "wb").write(bytes(40_000_000))
except OSError as error: print(error)""",
    ),
    _passing(
        "a million files",
        """
try:
    for n in range(10**6): open(f"file{n}", "w")
except OSError as error: print(error)""",
    ),
    _stopped(
        "more files open than may be",
        "files = [open('/dev/null') for _ in range(10_000)]",
        (GRADED, CRASHED, MEMORY, TIMED_OUT),
    ),
    Fault(
        "a model of a billion parameters",
        answers={
            "deeper-answer": "deeper_model = keras.Sequential([keras.Input((784,)), layers.Dense(10**6, activation='relu'), layers.Dense(10**3), layers.Dense(3)])"
        },
        status=(GRADED, MEMORY, CRASHED, TIMED_OUT),
    ),
    # -- the end of the process --------------------------------------------------------------------------------------
    _stopped("os._exit", "import os\nos._exit(0)", (CRASHED,), "stopped in code cell"),
    _passing("exit()", "exit()"),
    _passing("quit(), and more in the same cell", "quit()\nx = 1"),
    Fault(
        "ends between two cells, whenever it runs",
        answers={"by_hand-answer": "import os, threading\nthreading.Timer(0.01, os._exit, (0,)).start()"},
        status=(CRASHED,),
        earns=BEFORE,
    ),
    _passing("sys.exit()", "import sys\nsys.exit(1)"),
    _stopped("a crash of Python itself", "import ctypes\nctypes.string_at(0)", (CRASHED,), "crashed"),
    _stopped("an abort", "import os\nos.abort()", (CRASHED,), "crashed"),
    _stopped(
        "recursion without end or limit",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return max([x], key=f)\nf(0)",
        (CRASHED, GRADED, MEMORY),
    ),
    _stopped("kills itself", "import os\nos.kill(os.getpid(), 9)", (MEMORY, CRASHED), "killed"),
    _stopped(
        "kills everything it can see",
        """
import os
for pid in [-1, os.getppid(), *range(1, 500)]:
    if pid not in (os.getpid(), -os.getpid()):
        try: os.kill(pid, 9) if pid != -1 else None
        except OSError: pass""",
        (GRADED, CRASHED, MEMORY, TIMED_OUT),
    ),
    _stopped("closes every file", "import os\nos.closerange(0, 256)", (CRASHED, TIMED_OUT)),
    # -- output ------------------------------------------------------------------------------------------------------
    _passing("a hundred megabytes of text", "for _ in range(100): print('x' * 1_000_000)"),
    _passing(
        "a message of sixty megabytes",
        "from IPython.display import display\ndisplay({'text/plain': 'x' * 60_000_000}, raw=True)",
    ),
    _passing("ten thousand small outputs", "from IPython.display import display\nfor n in range(3_000): display(n)"),
    _passing(
        "a child that floods its output", "import subprocess\nsubprocess.run('yes | head -c 20000000', shell=True)"
    ),
    _passing(
        "a plot per line", "import matplotlib.pyplot as plt\nfor n in range(12):\n    plt.plot([0, n])\n    plt.show()"
    ),
    # -- code that is not finished, or odd -----------------------------------------------------------------------------
    _passing("input()", "dense_relu = int(input('units? '))", "nobody to answer"),
    _passing("a syntax error", "def dense_relu(x, W, b)\n    return x", "SyntaxError"),
    _passing("a NameError", "dense_relu = relu_of(dense)", "NameError"),
    _passing("recursion without end", "def f(): return f()\nf()", "RecursionError"),
    _passing("a function that raises", "def dense_relu(x, W, b): raise ValueError('\\x1b[2J <script>')", "ValueError"),
    _passing("magics", "%matplotlib inline\n!rm -rf /\n%time 1\n%nosuchmagic", ""),
    Fault("%reset", answers={"by_hand-answer": "%reset -f"}, earns={"flattened": 2.0}, says=""),
    _passing("a shell that waits", "%%bash\nread line", ""),
    _passing(
        "no place to stand", "import os\nos.makedirs('gone/here')\nos.chdir('gone/here')\nos.rmdir('/tmp/gone/here')"
    ),
    _passing("no standard output", "import sys\nsys.stdout.close()\nsys.stdout = sys.stderr = None"),
    # -- one function's trouble is one answer ------------------------------------------------------------------------
    _passing("a function that calls sys.exit", "import sys\ndef dense_relu(x, W, b): sys.exit(3)", "SystemExit"),
    _passing(
        "a function that is cancelled",
        "import asyncio\ndef dense_relu(x, W, b): raise asyncio.CancelledError",
        "CancelledError",
    ),
    _passing(
        "a function that raises something of its own",
        "class Odd(BaseException):\n    def __str__(self): raise KeyboardInterrupt\ndef dense_relu(x, W, b): raise Odd",
        "Odd",
    ),
    _passing(
        "a function that raises KeyboardInterrupt",
        "def dense_relu(x, W, b): raise KeyboardInterrupt",
        "stopped with KeyboardInterrupt",
    ),
    _stopped(
        "a function that fills the memory",
        "def dense_relu(x, W, b):\n    hoard = []\n    while True:\n        try: hoard.append(bytearray(10_000_000))\n"
        "        except MemoryError: hoard.append(__import__('mmap').mmap(-1, 10**8).write(bytes(10**8)))",
        (MEMORY, CRASHED, GRADED),
    ),
    _stopped(
        "a function that ends everything", "import os\ndef dense_relu(x, W, b): os._exit(0)", (CRASHED,), "`dense_relu`"
    ),
    _stopped(
        "a function that crashes", "import ctypes\ndef dense_relu(x, W, b): ctypes.string_at(0)", (CRASHED,), "crashed"
    ),
    _passing(
        "a function that prints without end",
        "def dense_relu(x, W, b):\n    while True: print('x' * 1000)",
        limits=SHORT,
    ),
    # -- values that are too large, or of another form ---------------------------------------------------------------
    _passing("a result of a gigabyte", "def dense_relu(x, W, b): return np.zeros((200, 10**6), 'float32')"),
    _passing(
        "a result of a million lists",
        "def dense_relu(x, W, b): return [[{}] for _ in range(10**6)]",
        "a list of 1,000,000 items",
    ),
    Fault(
        "images as lists of lists",
        answers={
            "flattened-answer": HONEST["flattened-answer"]
            + "x_train = x_train.tolist()\nx_test = list(map(list, x_test))\n"
        },
        says="float64",  # as numbers of Python's are
        earns=EARNED | {"flattened": 1.5},
    ),
    Fault(
        "images as lists of arrays",
        answers={"flattened-answer": HONEST["flattened-answer"] + "x_train = list(x_train)\nx_test = tuple(x_test)\n"},
    ),
    # -- models that cannot be looked at, each with its true reason, and the others are ----------------------------
    _deeper(
        "a model of 150 layers",
        "keras.Sequential([keras.Input((784,))] + [layers.Dense(8, activation='relu') for _ in range(149)] + [layers.Dense(3)])",
        "has not been compiled",
        points=2.0,
    ),
    _deeper(
        "a model of 250 layers",
        "keras.Sequential([keras.Input((784,))] + [layers.Dense(2) for _ in range(250)])",
        "it has 251 layers; the limit is 200",
    ),
    _deeper(
        "a model of thirty million parameters",
        "keras.Sequential([keras.Input((784,)), layers.Dense(40_000, activation='relu'), layers.Dense(3)])",
        "it has 31,520,003 parameters; the limit is 30,000,000",
    ),
    _deeper(
        "weights given as numbers",
        "keras.Sequential([keras.Input((784,)), layers.Dense(20, activation='relu', kernel_initializer=keras.initializers.Constant(np.random.rand(784, 20))), layers.Dense(3)])",
        "hidden dense layer",
        points=1.0,
    ),
    _deeper(
        "weights given as a million numbers",
        "keras.Sequential([keras.Input((784,)), layers.Dense(800, kernel_initializer=keras.initializers.Constant(np.random.rand(784, 800))), layers.Dense(3)])",
        "its configuration is too large to look at",
    ),
    _deeper(
        "two inputs",
        "(lambda a, b: keras.Model([a, b], layers.Dense(3)(layers.Add()([a, b]))))(keras.Input((784,)), keras.Input((784,)))",
        "it has 2 inputs",
    ),
    _deeper(
        "two outputs",
        "(lambda a: keras.Model(a, [layers.Dense(3)(a), layers.Dense(3)(a)]))(keras.Input((784,)))",
        "it has 2 outputs",
    ),
    Fault(
        "one output with a name",
        answers={
            "architecture-answer": """
inputs = keras.Input((784,))
hidden = layers.Dense(10, activation="relu")(inputs)
model = keras.Model(inputs, {"kind": layers.Dense(3, activation="softmax")(hidden)})""",
            "compiled-answer": 'model.compile(loss={"kind": "categorical_crossentropy"}, optimizer="adam", metrics={"kind": ["accuracy"]})',
        },
        says="of the images right",
    ),
    # -- what notebooks do to the kernel -------------------------------------------------------------------------------
    Fault(
        "a display that another cell changes",
        first="import sys\nfrom IPython.display import display, clear_output\nprint(1)\nprint(2, file=sys.stderr)\n"
        "print(3)\nshown = display('one', display_id='it')\nprint(4)",
        answers={"by_hand-answer": "shown.update('two')\nclear_output()\nshown.update('three')"},
    ),
    _stopped(  # IPython itself does not survive this, but the tasks after it are graded
        "forgets all modules",
        "import sys\nfor name in list(sys.modules): del sys.modules[name]",
        (GRADED, TIMED_OUT, CRASHED),
        limits=SHORT,
    ),
    _passing("forgets our modules", "import sys\nfor n in list(sys.modules):\n    if 'autog' in n: del sys.modules[n]"),
    _passing("two hundred images as numbers", "print(train_data[:200].tolist())\nprint('\\r'.join('x' * 10**5))"),
    _passing("NaN as the loss", "dense_relu = lambda x, W, b: x @ W * np.nan", "none of its values is right"),
    # -- the file --------------------------------------------------------------------------------------------------------
    _unreadable("an empty file", lambda n: b"", "empty"),
    _unreadable("white space", lambda n: b" \n\t\r\n", "empty"),
    _unreadable("cut short", lambda n: _text(n).encode()[:2000], "damaged"),
    _unreadable("something else's bytes", lambda n: b"PK\x03\x04" + bytes(range(256)) * 50, "damaged"),
    _unreadable("a Python script", lambda n: b"import keras\nmodel = keras.Sequential()\n", "damaged"),
    _unreadable("a list", lambda n: b"[1, 2, 3]", "not a notebook"),
    _unreadable("JSON without cells", lambda n: b'{"a": 1, "nbformat": 4}', "no cells"),
    _unreadable(
        "ten thousand levels of JSON", lambda n: b'{"cells": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "damaged"
    ),
    _unreadable("a number without end", lambda n: b'{"cells": [], "nbformat": ' + b"9" * 10_000 + b"}", "damaged"),
    _unreadable("a hundred thousand cells", _many_cells, "cells; 2000"),
    _unreadable("fifty megabytes", lambda n: _text(n).encode() + b" " * 50_000_000, "MB is the limit"),
    _unreadable(
        "no code at all",
        lambda n: b'{"cells": [{"cell_type": "markdown", "source": "Hello", "metadata": {}}], "nbformat": 4}',
        "no code",
    ),
    _file("notebook format 3", _version_3, "format"),
    _file("notebook format 2", _version_2, "format"),
    _file("a format that is no number", _strange_version, "format unknown"),
    _file("no kernel named", _no_kernel),
    _file("another language's kernel", _other_kernel),
    _file("Windows line ends", _windows),
    _file("a byte order mark", lambda n: b"\xef\xbb\xbf" + _text(n).encode(), "utf-8-sig"),
    _file("UTF-16", lambda n: _text(n).encode("utf-16"), "utf-16"),
    _file(
        "bytes that are no UTF-8",
        lambda n: _text(n).replace("training images", "tr\u00e4ining").encode("latin-1", "replace"),
        "not UTF-8",
    ),
    _file("half a surrogate pair", _surrogates),
    _file("cells that are no cells", _strange_cells, "damaged cells"),
    _file("cells out of order", _out_of_order, "out of order"),
    _file("no cell marked as the exercise's", _unmarked, "lost their nbgrader labels"),
)
