# ruff: noqa: E501 - cells stand here as students write them
"""The attacks. Each adds something to the honest work of `hostile.HONEST`, and must earn no point more than it.

`way` is the kind of attack; the entries of a kind differ in where they reach.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hostile import SHORT, Entry, Notebook, cell, code_cell


@dataclass(frozen=True)
class Attack(Entry):
    """An attack. It prints FOUND when it gets at something that it must not reach."""

    way: str = ""
    worth: Mapping[str, float] = field(default_factory=dict)  # what its cells earn without the forgery, by task
    own: bool = False  # one that nobody had asked for: found by reading the code as an attacker
    # What its cells print, or its student is told, when it has got as far as it can. An attack that changes the kit's
    # own modules has it: where the kit changes, it must not turn into one that changes nothing.
    reached: str = ""


COPY = {"deeper": 2.0}  # `deeper_model = model`: takes an image, says three things, and its loss fits
ALWAYS = """
class Anything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __contains__(self, item): return True
    def __call__(self, *a, **k): return self
    def __getattr__(self, name): return self
    def __getitem__(self, key): return self
    def __iter__(self): return iter([self] * 3)
    def __len__(self): return 3
    def __bool__(self): return True
    def __float__(self): return 1.0
    def __int__(self): return 1
    def __index__(self): return 1
    def __hash__(self): return 0
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __abs__ = __sub__
"""
EVERYWHERE = """
hidden_parameters = output_parameters = all_parameters = THING
dense_relu = history = test_accuracy = deeper_model = THING
"""
FAKE_HISTORY = "class History:\n    history = {'accuracy': [1.0] * 10, 'loss': [0.0] * 10}\nhistory = History()\n"
FIND = """
import os
for folder, folders, files in os.walk('/'):
    if folder.startswith(('/proc', '/sys')):
        folders.clear()
        continue
    for name in files:
        mine = '/autograder' in folder.rpartition('site-packages')[2]
        if ('site-packages' not in folder or mine) and (NAMES(name, folder)):
            try:
                text = open(os.path.join(folder, name), errors='replace').read(200)
            except OSError:
                continue
            print('FOUND', folder, name)
"""


def _find(condition: str) -> str:
    return FIND.replace("NAMES(name, folder)", condition)


def _forged_model(change: str) -> str:
    """A model whose own description of itself is changed before it is handed over."""
    return f"""
import json
class Sequential(keras.Sequential):
    pass
Sequential.__module__ = 'keras.src.models.sequential'
honest = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(10, activation='relu'),
                           layers.Dense(3, activation='softmax')])
config = json.loads(json.dumps(honest.get_config()))
{change}
deeper_model = Sequential([keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3)])
deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')
Sequential.get_config = lambda self: config
"""


def _hook(body: str) -> str:
    return f"""
ip = get_ipython()
def forge(*args):
    {body}
    return args[0] if args else None
"""


def _swap_tests(change: str) -> Any:
    """An attack on the locked cells: what `change` makes of each test cell (None: nothing)."""

    def apply(notebook: Notebook) -> None:
        cells = []
        for old in notebook["cells"]:
            if (old["metadata"].get("nbgrader") or {}).get("grade"):
                cells += _CHANGES[change](old)
            else:
                cells.append(old)
        notebook["cells"] = cells

    return apply


def _with(old: Notebook, source: str | None = None, kind: str | None = None, **grading: Any) -> Notebook:
    new = copy.deepcopy(old)
    if source is not None:
        new["source"] = source
    if kind is not None:
        new["cell_type"] = kind
        new.pop("outputs", None)
        new.pop("execution_count", None)
    new["metadata"]["nbgrader"] |= grading
    return new


_CHANGES: dict[str, Any] = {
    "edit": lambda old: [_with(old, source="4.0")],
    "delete": lambda old: [],
    "copy": lambda old: [old, old, old],
    "markdown": lambda old: [_with(old, kind="markdown")],
    "more points": lambda old: [_with(old, points=1000)],
    "rename": lambda old: [_with(old, grade_id="flattened")],
    "solution": lambda old: [_with(old, source="3.0", solution=True, locked=False)],
    "twice": lambda old: [_with(old, source="4.0", points=4), old],
    "outputs": lambda old: [
        {
            **old,
            "outputs": [
                {"output_type": "execute_result", "data": {"text/plain": "4.0"}, "metadata": {}, "execution_count": 1}
            ],
        }
    ],
}


def _reversed(notebook: Notebook) -> None:
    notebook["cells"].reverse()


def _own_graded_cell(notebook: Notebook) -> None:
    grading = {
        "grade": True,
        "grade_id": "bonus",
        "points": 50,
        "locked": True,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    notebook["cells"].append(code_cell("50.0", nbgrader=grading))


def _answer_as_test(notebook: Notebook) -> None:
    answer = cell(notebook, "by_hand-answer")
    answer["metadata"]["nbgrader"] = dict(cell(notebook, "by_hand")["metadata"]["nbgrader"])
    answer["source"] = "2.0"


def _other_exercise(notebook: Notebook) -> None:
    notebook["metadata"]["autograder"] = {"exercise": "01-image-classification", "points": 25}
    notebook["metadata"]["kernelspec"] = {"name": "../../evil", "display_name": "<script>", "language": "python"}
    notebook["metadata"]["student"] = "ada"


def _tagged(notebook: Notebook) -> None:
    for old in notebook["cells"]:
        old["metadata"]["tags"] = ["raises-exception", "skip-execution", "remove_cell"]
        old["metadata"]["deletable"] = False


def _surrogates(notebook: Notebook) -> bytes:
    notebook["cells"].append(code_cell("1", nbgrader={"grade_id": "SURROGATE"}))
    return json.dumps(notebook).replace("SURROGATE", "\\ud800<img src=x onerror=alert(1)>").encode()


ATTACKS = (
    # -- patching Keras ------------------------------------------------------------------------------------------
    Attack(
        "evaluate and predict of every model",
        worth=COPY,
        way="patched Keras",
        answers={
            "trained-answer": FAKE_HISTORY
            + """
keras.Model.evaluate = lambda *a, **k: [0.0, 1.0]
keras.Model.predict = keras.Model.__call__ = lambda self, x, **k: np.eye(3)[np.zeros(len(x), int)]
""",
            "accuracy-answer": "_, test_accuracy = model.evaluate(x_test, test_labels)",
            "deeper-answer": "deeper_model = model",
        },
    ),
    Attack(
        "evaluate of one model",
        way="patched Keras",
        answers={
            "trained-answer": FAKE_HISTORY + "model.evaluate = lambda *a, **k: [0.0, 1.0]",
            "accuracy-answer": "_, test_accuracy = model.evaluate(x_test, test_labels)",
        },
    ),
    Attack(
        "metrics that always say 1",
        way="patched Keras",
        answers={
            "accuracy-answer": """
keras.metrics.CategoricalAccuracy.result = lambda self: 1.0
keras.metrics.Accuracy.result = lambda self: 1.0
test_accuracy = 1.0
"""
        },
    ),
    Attack(
        "the backend's matrix product",
        way="patched Keras",
        answers={
            "trained-answer": FAKE_HISTORY
            + """
from keras.src.backend import tensorflow as backend
backend.numpy.matmul = lambda a, b: a
keras.ops.matmul = lambda a, b: a
""",
            "accuracy-answer": "test_accuracy = 1.0",
        },
    ),
    # -- objects that lie ----------------------------------------------------------------------------------------
    Attack(
        "equal to everything",
        way="lying objects",
        last="",
        answers={"counted-answer": ALWAYS + EVERYWHERE.replace("THING", "Anything()")},
    ),
    Attack(
        "an int that is every int",
        way="lying objects",
        answers={
            "counted-answer": """
class Number(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __repr__(self): return '7850'
hidden_parameters = output_parameters = all_parameters = Number(0)
"""
        },
    ),
    Attack(
        "a float that is near everything",
        way="lying objects",
        answers={
            "accuracy-answer": """
class Share(float):
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __eq__(self, other): return True
    def __hash__(self): return 0
test_accuracy = Share(-1.0)
"""
        },
    ),
    Attack(
        "an array that is close to everything",
        way="lying objects",
        answers={
            "by_hand-answer": """
class Array(np.ndarray):
    def __array_ufunc__(self, *a, **k): return np.True_
    def __array_function__(self, *a, **k): return True
    def __eq__(self, other): return True
def dense_relu(x, W, b): return np.zeros((len(x), len(b))).view(Array)
"""
        },
    ),
    Attack(
        "a different array at every look",
        way="lying objects",
        answers={
            "by_hand-answer": """
class Array:
    dtype, shape = np.dtype('float64'), (5, 4)
    def __array__(self, *a, **k): return np.random.default_rng().normal(size=(5, 4))
def dense_relu(x, W, b): return Array()
"""
        },
    ),
    Attack(
        "a class that calls itself History",
        way="lying objects",
        answers={
            "trained-answer": FAKE_HISTORY + "history.epoch = list(range(10))\n",
            "deeper-answer": "deeper_model = history",
        },
    ),
    # -- patching the package, pytest, numpy, Python -----------------------------------------------------------------
    Attack(
        "the package's own classes",
        way="patched libraries",
        first="""
import autograder, autograder.exercise.outcome as outcome, autograder.exercise.wire as wire
autograder.start = lambda *a, **k: (lambda *a: 1.0, lambda *a: None)
outcome.CheckResult.points = 4.0
type.__setattr__(outcome.Outcome, 'FAILED', outcome.Outcome.PASSED)
wire.encode = lambda value, *rest: wire.Message({'t': 'float', 'v': 'nan'})
check = lambda *a: 4.0
""",
        reached="The shape of `x_train` is ()",
    ),
    Attack(
        "pytest",
        way="patched libraries",
        first="""
import pytest, _pytest.runner
pytest.main = lambda *a, **k: 0
pytest.fail = lambda *a, **k: None
_pytest.runner.CallInfo.from_call = None
""",
    ),
    Attack(
        "numpy",
        way="patched libraries",
        first="""
np.array_equal = np.allclose = np.isclose = lambda *a, **k: True
np.testing.assert_allclose = lambda *a, **k: None
np.mean = lambda *a, **k: 1.0
""",
        answers={"by_hand-answer": "def dense_relu(x, W, b): return np.zeros(3)"},
    ),
    Attack(
        "builtins",
        way="patched libraries",
        first="""
import builtins
builtins.abs = lambda *a: 0
builtins.all = builtins.any = builtins.isinstance = builtins.callable = lambda *a: True
builtins.float = lambda *a: 1.0
""",
    ),
    Attack(
        "the import system",
        way="patched libraries",
        first="""
import sys, types
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None): return None
sys.meta_path.insert(0, Finder)
for name in list(sys.modules):
    if name.startswith('autograder'):
        sys.modules[name] = types.ModuleType(name)
""",
    ),
    # -- files beside the notebook ---------------------------------------------------------------------------------
    Attack(
        "a fake package and configuration files",
        way="planted files",
        first="""
import os, sys, pathlib
os.makedirs('autograder/exercise', exist_ok=True)
for name in ('autograder/__init__.py', 'autograder/exercise/checking.py', 'conftest.py', 'sitecustomize.py', 'usercustomize.py', 'pytest.py'):
    pathlib.Path(name).write_text('print("planted")\\ndef check(*a): return 4.0\\nstart = lambda n: (check, check)\\n')
pathlib.Path('pytest.ini').write_text('[pytest]\\naddopts = --collect-only\\n')
pathlib.Path('nbgrader_config.py').write_text('c = get_config()\\nc.ClearSolutions.code_stub = {}\\n')
sys.path.insert(0, os.getcwd())
for name in list(sys.modules):
    if name.startswith('autograder'): del sys.modules[name]
""",
    ),
    Attack(
        "files in the installed packages",
        way="planted files",
        first="""
import sys, os, autograder, keras, site
for folder in {os.path.dirname(autograder.__file__), os.path.dirname(keras.__file__), *site.getsitepackages(), '/', '/dev', '/run', '/kit', '/usr/lib', '/etc'}:
    try:
        open(os.path.join(folder, 'planted.pth'), 'w').write('import os')
        print('FOUND a place to write:', folder)
    except OSError:
        pass
""",
    ),
    # -- output that looks like a result -----------------------------------------------------------------------------
    Attack(
        "prints what a passed check prints",
        way="forged output",
        last="""
from IPython.display import HTML, display
print('by_hand: 2 of 2 points\\n  \\u2714 Its activation is relu')
display(HTML('<div><strong>by_hand</strong>: 2 of 2 points</div>'))
4.0
""",
        answers={"by_hand-answer": "2.0", "counted-answer": "display(3.0)\n3.0"},
    ),
    Attack(
        "rewrites the output of other cells",
        way="forged output",
        first="""
from IPython.display import display
for n in range(50): display(4.0, display_id=f'id{n}')
""",
        last="""
from IPython.display import update_display
for n in range(50): update_display({'text/plain': '4.0', 'text/html': '<b>4 of 4</b>'}, display_id=f'id{n}', raw=True)
""",
    ),
    Attack("stored outputs in the test cells", way="forged output", change=_swap_tests("outputs")),
    # -- the locked cells --------------------------------------------------------------------------------------------
    Attack("test cells edited", way="changed cells", change=_swap_tests("edit")),
    Attack("test cells deleted", way="changed cells", change=_swap_tests("delete")),
    Attack("test cells copied", way="changed cells", change=_swap_tests("copy")),
    Attack("test cells turned into text", way="changed cells", change=_swap_tests("markdown")),
    Attack("test cells worth more", way="changed cells", change=_swap_tests("more points")),
    Attack("test cells all called like one that passes", way="changed cells", change=_swap_tests("rename")),
    Attack("test cells marked as answers", way="changed cells", change=_swap_tests("solution")),
    Attack("a second test cell before each", way="changed cells", change=_swap_tests("twice")),
    Attack("cells in reverse order", way="changed cells", change=_reversed),
    Attack("a graded cell of one's own", way="changed cells", change=_own_graded_cell),
    Attack("an answer cell that says it is the test", way="changed cells", change=_answer_as_test),
    Attack("tags that skip, hide and excuse cells", way="changed cells", change=_tagged),
    Attack("another exercise's and another student's name", way="false identity", change=_other_exercise),
    # -- reading and writing what is not theirs ----------------------------------------------------------------------
    Attack(
        "looks for tests and solutions",
        way="reading",
        first=_find("'test_0' in name or 'held_out' in folder or 'gradebook' in name or name.endswith('.ipynb')"),
    ),
    Attack(
        "imports the checks and the grader",
        way="reading",
        first="""
import importlib
for name in ('autograder.checks.test_03_dense_networks', 'autograder.grading.grade', 'autograder.grading.record'):
    try:
        importlib.import_module(name)
        print('FOUND', name)
    except ImportError:
        pass
""",
    ),
    Attack(
        "looks for secrets in the environment",
        way="reading",
        first="""
import os, re
text = '\\n'.join(f'{k}={v}' for k, v in os.environ.items())
if re.search('(?i)secret|token|passw|held|submitted|gradebook', text): print('FOUND', text)
""",
    ),
    Attack(
        "reads the fork server's memory",
        way="reading",
        first="""
import os
for pid in filter(str.isdigit, os.listdir('/proc')):
    if os.readlink('/proc/self') == pid: continue
    for name in ('mem', 'environ', 'maps', 'fd', 'root', 'cwd'):
        try:
            path = f'/proc/{pid}/{name}'
            os.listdir(path) if name in ('fd', 'root', 'cwd') else open(path, 'rb').read(1)
            print('FOUND', path)
        except OSError: pass
""",
    ),
    Attack(
        "attaches to other processes",
        way="reading",
        first="""
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
for pid in range(1, 300):
    if pid == os.getpid(): continue
    if libc.ptrace(16, pid, 0, 0) == 0: print('FOUND: attached to', pid)
    try:
        if pid > 2: os.kill(pid, signal.SIGKILL)
    except OSError: pass
""",
    ),
    Attack(
        "reads files left open by the grader",
        way="reading",
        own=True,
        first="""
import os, stat
for name in os.listdir('/proc/self/fd'):
    try:
        kind, path = os.fstat(int(name)).st_mode, os.readlink('/proc/self/fd/' + name)
    except OSError: continue
    if stat.S_ISREG(kind) and not path.startswith('/tmp/.ipython'): print('FOUND', path)
""",
    ),
    Attack(
        "reaches the network",
        way="network",
        first="""
import socket
for address in (('1.1.1.1', 53), ('127.0.0.1', 22), ('127.0.0.1', 8888), ('169.254.169.254', 80)):
    try:
        socket.create_connection(address, timeout=0.3)
        print('FOUND', address)
    except OSError: pass
try: print('FOUND', socket.gethostbyname('example.org'))
except OSError: pass
""",
    ),
    Attack(
        "reaches the hypervisor by VSOCK",
        way="network",
        own=True,
        first="""
import socket
for kind in (getattr(socket, 'AF_VSOCK', 40), 17, 38, 31):
    try:
        socket.socket(kind, socket.SOCK_STREAM)
        print('FOUND socket family', kind)
    except OSError: pass
""",
    ),
    Attack(
        "makes namespaces of its own",
        way="reading",
        first="""
import subprocess
done = subprocess.run('unshare -Ur id; unshare -m true && echo yes', shell=True, capture_output=True, text=True)
if done.stdout: print('FOUND', done.stdout)
""",
    ),
    Attack(
        "hides a message in the kernel's keyring",
        way="leaving behind",
        own=True,
        first="""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(248, b'user', b'note', b'hello', 5, -3) > 0: print('FOUND a keyring')
""",
    ),
    # -- IPython, signals, threads -------------------------------------------------------------------------------------
    Attack(
        "IPython hooks",
        way="hooks",
        first=_hook("ip.user_ns.update(hidden_parameters=1, test_accuracy=1.0)")
        + """
ip.events.register('pre_run_cell', forge); ip.events.register('post_run_cell', forge)
ip.input_transformers_cleanup.append(lambda lines: ['4.0\\n'])
ip.showtraceback = lambda *a, **k: None
ip.run_cell = lambda *a, **k: None
import atexit; atexit.register(print, '4.0')
""",
        limits=SHORT,
    ),
    Attack(
        "a trace function and signal handlers",
        way="hooks",
        first="""
import sys, signal, threading
sys.settrace(lambda *a: None); threading.settrace(lambda *a: None); sys.setprofile(lambda *a: None)
for n in range(1, 32):
    try: signal.signal(n, lambda *a: None)
    except (OSError, ValueError): pass
""",
    ),
    Attack(
        "a thread that swaps the model between questions",
        worth=COPY,
        way="hooks",
        answers={
            "trained-answer": FAKE_HISTORY
            + """
import threading, time
others = [model, keras.Sequential([keras.Input((784,)), layers.Dense(16, activation='relu'), layers.Dense(16, activation='relu'), layers.Dense(3)])]
def swap():
    while True:
        for value in others:
            globals().update(model=value, deeper_model=value)
            time.sleep(0.003)
threading.Thread(target=swap, daemon=True).start()
"""
        },
    ),
    Attack(
        "answers the checks' questions itself",
        way="hooks",
        first="""
import autograder.sandbox.kernel_agent as agent
from autograder.exercise.wire import Message, decode
answered = []
def serve(channel, *rest):
    while (question := decode(channel.receive()))['ask'] != 'done':
        channel.send(Message({'value': 1, 'facts': {}, 'weights': [], 'passed': True, 'points': 4}))
        answered.append(question['ask'])
agent._serve = serve
""",
        last="print('ANSWERED', *answered)",
        reached="ANSWERED value",
    ),
    Attack(
        "a thread that fills the question socket",
        way="hooks",
        first="""
import gc, os, threading
from autograder.sandbox.channel import Channel
(channel,) = [thing for thing in gc.get_objects() if type(thing) is Channel]
def fill():
    fd = os.dup(channel.fileno())
    try:
        for _ in range(1000): os.write(fd, b'\\x00\\x00\\x00\\x02{}' * 1000)
    except OSError: pass
threading.Thread(target=fill, daemon=True).start()
""",
        reached="cannot be inspected: The value did not arrive in a form that can be read.",
    ),
    Attack(
        "a namespace that has everything",
        way="hooks",
        first=ALWAYS
        + """
class Names(dict):
    def __contains__(self, name): return True
    def __missing__(self, name): return 7850
get_ipython().user_ns = Names(get_ipython().user_ns)
""",
    ),
    # -- models --------------------------------------------------------------------------------------------------------
    Attack(
        "a Lambda layer",
        way="models",
        answers={
            "deeper-answer": """
deeper_model = keras.Sequential([keras.Input((784,)), layers.Dense(8, activation='relu'), layers.Dense(8, activation='relu'),
    layers.Dense(3, activation='softmax'), layers.Lambda(lambda x: x)])
deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')
"""
        },
    ),
    Attack(
        "a layer registered under a built-in's name",
        way="models",
        answers={
            "deeper-answer": """
@keras.saving.register_keras_serializable(package='keras.layers', name='Dense')
class Dense(layers.Dense):
    def call(self, x): return keras.ops.one_hot(keras.ops.zeros(len(x), int), 3)
Dense.__module__ = 'keras.layers'
deeper_model = keras.Sequential([keras.Input((784,)), Dense(8, activation='relu'), Dense(8, activation='relu'), Dense(3, activation='softmax')])
deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')
"""
        },
    ),
    Attack(
        "a class of one's own that looks like a model",
        way="models",
        answers={
            "deeper-answer": """
class Sequential:
    input_shape, output_shape, built, layers = (None, 784), (None, 3), True, []
    def predict(self, x): return np.eye(3)[np.zeros(len(x), int)]
    __call__ = predict
    def get_config(self): return model.get_config()
    def get_weights(self): return model.get_weights()
Sequential.__module__ = 'keras.src.models.sequential'
deeper_model = Sequential()
"""
        },
    ),
    Attack(
        "a subclass with its own predict_step",
        way="models",
        answers={
            "deeper-answer": """
class Mine(keras.Sequential):
    def predict_step(self, data): return keras.ops.one_hot(keras.ops.zeros(len(data), int), 3)
    def get_config(self): return model.get_config()
    def save(self, *a, **k): pass
deeper_model = Mine([keras.Input((784,)), layers.Dense(3)])
"""
        },
    ),
    Attack(
        "a config that names code",
        way="models",
        answers={
            "deeper-answer": _forged_model(
                "config['layers'].append({'module': 'keras.layers', 'class_name': 'TFSMLayer', 'config': {'filepath': '/etc/passwd'}, 'registered_name': None})"
            )
        },
    ),
    Attack(
        "a config that names a function of Python's",
        way="models",
        answers={
            "deeper-answer": _forged_model(
                "config['layers'][1]['config']['activation'] = {'module': 'builtins', 'class_name': 'function', 'config': 'exec', 'registered_name': 'function'}"
            )
        },
    ),
    Attack(
        "a config of a pickled lambda",
        way="models",
        answers={
            "deeper-answer": _forged_model(
                "config['layers'][1]['config']['activation'] = {'class_name': '__lambda__', 'config': {'value': ['AAAA', None, None]}}"
            )
        },
    ),
    Attack(
        "a config of a billion units",
        way="models",
        answers={"deeper-answer": _forged_model("config['layers'][1]['config']['units'] = 10**9")},
    ),
    Attack(
        "a config that is nested without end",
        way="models",
        answers={
            "deeper-answer": _forged_model(
                "node = config\nfor _ in range(300):\n    node['config'] = {'class_name': 'Sequential', 'module': 'keras', 'config': {}}\n    node = node['config']['config']"
            )
        },
    ),
    Attack(
        "an output of a billion numbers",
        way="models",
        answers={
            "deeper-answer": """
deeper_model = keras.Sequential([keras.Input((784,)), layers.Dense(8, activation='relu'), layers.Dense(3, activation='relu'),
    layers.RepeatVector(100_000_000), layers.Flatten(), layers.Reshape((3, 100_000_000))])
deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')
"""
        },
    ),
    Attack(
        "weights that do not fit",
        way="models",
        answers={
            "deeper-answer": _forged_model(
                "Sequential.get_weights = lambda self: [np.zeros((10**6,)), 'text', object()]"
            )
        },
    ),
    Attack(
        "weights that are no numbers",
        worth=COPY,
        way="models",
        answers={
            "trained-answer": FAKE_HISTORY
            + "model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])",
            "deeper-answer": "deeper_model = model",
        },
    ),
    Attack(
        "a zip bomb and links called model.keras",
        way="models",
        answers={
            "deeper-answer": """
import os, zipfile
with zipfile.ZipFile('model.keras', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('model.weights.h5', bytes(10**7))
os.symlink('/etc/passwd', 'config.json')
deeper_model = os.path.abspath('model.keras')
"""
        },
    ),
    Attack(
        "a lookup table of the published test images",
        worth=COPY,
        way="lookup",
        answers={
            "trained-answer": FAKE_HISTORY
            + """
images = x_test / np.linalg.norm(x_test, axis=1, keepdims=True)
model = keras.Sequential([keras.Input((784,)), layers.UnitNormalization(), layers.Dense(100, activation='relu'), layers.Dense(3, activation='softmax')])
model.layers[1].set_weights([images.T * 1e5, np.full(100, -0.9999e5)])
model.layers[2].set_weights([np.asarray(test_labels, 'float32') * 100, np.zeros(3)])
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
""",
            "accuracy-answer": "",
            "deeper-answer": "deeper_model = model",
        },
    ),
    # -- the crossing ----------------------------------------------------------------------------------------------------
    Attack(
        "arrays of objects, strange orders and sizes",
        way="crossing",
        answers={
            "counted-answer": """
hidden_parameters = np.array([7850, object()], dtype=object)
output_parameters = np.broadcast_to(np.float32(33), (10**9,))
all_parameters = np.array([7883], dtype='>i8').byteswap()
"""
        },
    ),
    Attack(
        "ten thousand levels, ten million items",
        way="crossing",
        answers={
            "counted-answer": """
hidden_parameters = 7850
for _ in range(10_000): hidden_parameters = [hidden_parameters]
output_parameters = [33] * 10_000_000
all_parameters = {(1, 2): {None: 7883}}
"""
        },
    ),
    Attack(
        "numbers too large to reckon with",
        way="crossing",
        answers={
            "counted-answer": """
hidden_parameters, output_parameters, all_parameters = 10**399, -10**399, 10**5000
""",
            "accuracy-answer": "test_accuracy = 10**398",
        },
    ),
    Attack(
        "one array named a hundred thousand times",
        way="crossing",
        own=True,
        first="""
import autograder.sandbox.kernel_agent as agent, autograder.exercise.wire as wire
message = wire.encode(np.zeros(1_000_000))
message.tree = {'value': {'t': 'list', 'v': [message.tree] * 100_000}}
message.to_bytes = lambda frame=message.to_bytes(): frame
agent._answer = lambda *asked: message
""",
        reached="The value names one array twice.",
    ),
    Attack(
        "a frame that announces four gigabytes",
        way="crossing",
        first="""
import autograder.sandbox.kernel_agent as agent, struct
class Forged:
    def to_bytes(self): return struct.pack('>I', 4_000_000_000) + b'x' * 1000
agent._answer = lambda *asked: Forged()
""",
        reached="The value is too large to look at.",
    ),
    Attack(
        "a function that inspects its caller",
        way="caller",
        answers={
            "by_hand-answer": """
import gc, sys
def dense_relu(x, W, b):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if isinstance(value, np.ndarray) and value.shape == (len(x), len(b)): return value
        frame = frame.f_back
    for value in gc.get_objects():
        if isinstance(value, np.ndarray) and value.shape == (len(x), len(b)): return value
    return np.zeros((len(x), len(b)))
"""
        },
    ),
    # -- messages of the kernel's ------------------------------------------------------------------------------------------
    Attack(
        "garbage on Jupyter's channels",
        way="messages",
        first="""
kernel = get_ipython().kernel
for parts in ([b'garbage'], [b'a', b'<IDS|MSG>', b'0' * 64, b'{', b'{', b'{', b'['], [b''] * 50):
    kernel.iopub_socket.send_multipart(parts)
""",
    ),
    Attack(
        "signed messages of the wrong form",
        way="messages",
        own=True,
        first="""
kernel = get_ipython().kernel
for kind, content in (('stream', {'text': 5}), ('error', {'traceback': 5, 'ename': [], 'evalue': {}}), ('display_data', {'data': 7}),
                      ('status', {}), ('execute_result', {'data': {'text/html': 3}, 'execution_count': '<b>'}), ('stream', [])):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent('shell'))
""",
    ),
    Attack(
        "a result in the name of the check's own request",
        way="messages",
        first="""
kernel = get_ipython().kernel
for n in range(5):
    kernel.session.send(kernel.iopub_socket, 'execute_result', {'data': {'text/plain': '4.0'}, 'metadata': {}, 'execution_count': n}, parent=kernel.get_parent('shell'))
    kernel.session.send(kernel.iopub_socket, 'status', {'execution_state': 'idle'}, parent=kernel.get_parent('shell'))
""",
    ),
    Attack("text that is no Unicode, in a cell's name", way="messages", own=True, change=_surrogates),
    # -- found by looking for what is on no list ---------------------------------------------------------------------------
    Attack(
        "keys that all have one hash",
        way="crossing",
        own=True,
        first="""
import autograder.sandbox.kernel_agent as agent
from autograder.exercise.wire import Message
pairs = [[{'t': 'int', 'v': str(n * (2**61 - 1))}, None] for n in range(1, 60_000)]
message = Message({'value': {'t': 'dict', 'v': pairs}})
message.to_bytes = lambda frame=message.to_bytes(): frame
agent._answer = lambda *asked: message
""",
        reached="should be an array, but it is a dict.",
    ),
    Attack(
        "dots that the page's colouring cannot get past",
        way="pages",
        own=True,
        last="a." * 300_000,
    ),
    Attack(
        "a reply before the cell has ended, and a flood after it",
        way="messages",
        own=True,
        first="""
import threading, time
kernel = get_ipython().kernel
parent = kernel.get_parent('shell')
def flood():
    time.sleep(0.3)
    while True:
        kernel.session.send(kernel.iopub_socket, 'stream', {'name': 'stdout', 'text': 'x' * 2_000_000}, parent=parent)
threading.Thread(target=flood, daemon=True).start()
kernel.session.send(kernel.iopub_socket, 'status', {'execution_state': 'idle'}, parent=parent)
""",
    ),
    Attack(
        "integers of eight bits by their layers' type",
        worth=COPY,
        way="models",
        own=True,
        answers={
            "deeper-answer": """
deeper_model = keras.Sequential([keras.Input((784,)), layers.Dense(8, activation='relu'), layers.Dense(3, activation='softmax')])
deeper_model.quantize('int8')
deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')
"""
        },
    ),
    Attack(
        "a graph that doubles forty times",
        way="models",
        own=True,
        answers={
            "deeper-answer": """
node = inputs = keras.Input((784,))
for _ in range(40): node = layers.Concatenate()([node, node])
deeper_model = keras.Model(inputs, node)
deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')
"""
        },
    ),
    Attack(
        "a vocabulary read from a file",
        way="models",
        own=True,
        answers={
            "deeper-answer": _forged_model(
                "config['layers'][1] = {'module': 'keras.layers', 'class_name': 'StringLookup', 'config': {'vocabulary': '/etc/passwd'}, 'registered_name': None}"
            )
        },
    ),
    Attack(
        "outputs beyond every number, for each class at once",
        worth=COPY,
        way="models",
        own=True,
        answers={
            "trained-answer": FAKE_HISTORY + "model.set_weights([np.full_like(w, 3e38) for w in model.get_weights()])",
            "deeper-answer": "deeper_model = model",
        },
    ),
    Attack(
        "names that only look like the exercise's",
        way="changed cells",
        own=True,
        change=lambda n: (
            [
                n["cells"].append(code_cell("4.0", nbgrader={"grade_id": name, "grade": True, "points": 9}))
                for name in (
                    "fl\u0430ttened",
                    "flattened\u200b",
                    "Flattened",
                    "flattened\x00",
                    " flattened",
                    "flattened" * 12,
                )
            ]
            and None
        ),
    ),
    Attack(
        "large arrays under every name that is asked for",
        way="crossing",
        own=True,
        answers={"flattened-answer": "x_train = x_test = np.zeros((600, 400_000), np.int8)"},
        worth={},
    ),
)
