"""The canary: a small submission of our own that a fork server proves itself with before it gets a student's.

It goes through all stations as a submission does, and what must come of it is known. If something else comes, the
place where grading runs is broken, and nobody is graded there. What it found on its way is kept: if a submission
later cannot find one of these modules or files, it is looked for again in a clean fork, so that neither a file that
went missing costs a student a point nor a student's own meddling counts as our fault.
"""

from __future__ import annotations

import re
import socket

import nbformat
import numpy as np

from autograder.errors import BrokenPlace, ForkServerFailed
from autograder.exercise.outcome import Mismatch, Status, SubmissionResult
from autograder.exercise.submission import Missing, NoModel
from autograder.grading.answers import KernelAnswers
from autograder.grading.kernel import KernelDidNotStart
from autograder.grading.run import NotebookRun
from autograder.language import _, say
from autograder.sandbox.client import ForkServer, as_here, whose
from autograder.sandbox.limits import Limits

# What is done at each station, and the code that does it.
STATIONS = {
    _("importing what an exercise imports"): """
from autograder import start
check, hint = start("canary")
import os, sys
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
""",
    _("loading the kit's images"): """
from autograder.data import load_fashion, load_mnist
(images, labels), _ = load_fashion()
assert images.shape == (600, 28, 28, 1) and labels.sum() == 600
assert load_mnist()[1][0].shape == (10_000, 28, 28)
""",
    "training": """
model = keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.1))
history = model.fit(np.array([[1.0, 2.0]]), np.array([[1.0]]), verbose=0)
""",
    _("saving and reading files"): """
import tempfile
np.save("canary.npy", images[:2])
assert (np.load("canary.npy") == images[:2]).all()
model.save("canary.keras")
again = keras.models.load_model("canary.keras")
assert all((one == two).all() for one, two in zip(model.get_weights(), again.get_weights()))
with tempfile.TemporaryFile() as file:
    assert file.write(b"canary") == 6
os.remove("canary.npy"), os.remove("canary.keras")
""",
    _("drawing a figure"): """
plt.imshow(images[0, :, :, 0], cmap="gray")
plt.title("canary")
plt.show()
""",
    _("looking for Python's and the kit's own modules"): """
import importlib.util, pkgutil
from matplotlib import font_manager

def _find():
    from autograder.backend.backends import BACKENDS
    ours = {"autograder", "keras", "numpy", "matplotlib", "IPython", "ipykernel"} | sys.stdlib_module_names
    ours |= {name for backend in BACKENDS.values() for name in backend.modules}
    for name, module in list(sys.modules.items()):
        if module is not None and name.split(".")[0] in ours and name != "__main__":
            yield name
            if isinstance(getattr(module, "__file__", None), str): yield module.__file__
    for name in sys.stdlib_module_names:
        try: spec = importlib.util.find_spec(name)
        except (ImportError, ValueError): continue
        if spec is None: continue
        yield name
        for at in spec.submodule_search_locations or []:
            for one in pkgutil.iter_modules([at]): yield f"{name}.{one.name}"
    for font in font_manager.fontManager.ttflist: yield font.fname

found = sorted({one for one in _find() if len(one) < 1000})
""",
}
KNOWN_LOSS, KNOWN_PREDICTION = 1.0, 1.2  # of the training above, by hand: one step along the gradient of (1 - 0)²
_LIMITS = Limits()
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")
_HALTED = re.compile(r"import of ([\w.]+) halted")
_PATH = re.compile(r"'(/[^'\n]+)'")
_CANNOT_FIND = ("ModuleNotFoundError", "ImportError", "FileNotFoundError", "PermissionError", "OSError")
_LOOK = """
import importlib.util, sys
for one in {wanted!r}:
    if one.startswith("/"):
        open(one, "rb").read(1)
    elif one not in sys.modules and importlib.util.find_spec(one) is None:
        raise ModuleNotFoundError(one)
"""


def prove(server: ForkServer) -> None:
    """Run the canary, once for each fork server.

    Raises:
        BrokenPlace: it did not come through; the message says at which station, why, and whose it is.
        ForkServerFailed: it was stopped, which says nothing about the place: worth another try.
    """
    if server.proven:
        return
    server.wait_until_ready()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip()) for code in STATIONS.values()])
    try:
        with NotebookRun(notebook, server, _LIMITS) as run, KernelAnswers(run) as answers:
            run.run_rest()
            for station, cell in zip(STATIONS, notebook.cells):
                for output in cell.outputs:
                    if output.output_type == "error":
                        raise _broken(station, _what_it_said(output))
            if run.status is not Status.GRADED:
                raise ForkServerFailed(say("Our own trial submission was stopped here: {message}", message=run.message))
            _look_at(answers)
            if not any("image/png" in output.get("data", {}) for output in notebook.cells[4].outputs):
                raise _broken(say("drawing a figure"), say("no picture appeared"))
            found = answers.value("found")
    except KernelDidNotStart as error:
        raise (
            _broken(say("starting its kernel"), str(error)) if error.known else ForkServerFailed(str(error))
        ) from error
    except (Missing, Mismatch) as error:
        raise _broken(say("answering what a check asks"), str(error)) from error
    server.proven = frozenset(map(str, found))


def _look_at(answers: KernelAnswers) -> None:
    losses = answers.value("history").history["loss"]
    if not np.allclose(losses, KNOWN_LOSS):
        raise _broken(
            say("training"),
            say("a loss of {known_loss} was expected, but it was {losses}", known_loss=KNOWN_LOSS, losses=losses),
        )
    try:
        (answer,) = answers.model("model").predict(np.array([[1.0, 2.0]], np.float32), 1.0).ravel().tolist()
    except NoModel as error:
        raise _broken(say("rebuilding a model in a second fork"), str(error)) from error
    if not np.isclose(answer, KNOWN_PREDICTION, atol=1e-5):
        raise _broken(
            say("predicting"),
            say(
                "{known_prediction} was expected, but it was {answer:.6g}",
                known_prediction=KNOWN_PREDICTION,
                answer=answer,
            ),
        )


def _what_it_said(output: nbformat.NotebookNode) -> str:
    """An error output as one line: type, message, and the file it came from."""
    says = f"{output.ename}: {' '.join(str(output.evalue).split())}"
    files = re.findall(r"File (/\S.*?):(\d+)", "\n".join(output.traceback))
    return f"{says[:600]} (in {files[-1][0]}, line {files[-1][1]})" if files else says[:600]


def _broken(station: str, why: str) -> BrokenPlace:
    return BrokenPlace(
        say(
            "Nothing can be graded on {machine}, and no student is at fault: our own trial"
            " submission failed at {station}: {why}. {whose}",
            machine=socket.gethostname(),
            station=station,
            why=as_here(why).rstrip("."),
            whose=whose(why),
        )
    )


def lost(notebook: nbformat.NotebookNode, result: SubmissionResult, server: ForkServer) -> list[str]:
    """Modules and files that the canary found and that this submission says are not there."""
    texts = [test.message for check in result.checks for test in check.tests] + [*result.surroundings]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error" and output.get("ename") in _CANNOT_FIND:
                texts.append(str(output.get("evalue")))
            elif output.get("name") == "stderr":  # where IPython writes an error that it cannot format
                texts.append(str(output.get("text")))
    named = [
        name for text in texts for pattern in (_NO_MODULE, _HALTED, _PATH) for name in pattern.findall(text[-4000:])
    ]
    return sorted({name for name in named if name in server.proven})


def found_again(wanted: list[str], server: ForkServer) -> bool:
    """Whether a clean fork finds them all: then it is the submission that does not, by its own doing or by chance.

    They are found as the canary found them, not imported: some print, open a browser or exit when they are.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_LOOK.format(wanted=wanted))])
    with NotebookRun(notebook, server, _LIMITS) as run:
        run.run_rest()
        outputs = notebook.cells[0].outputs
        return run.status is Status.GRADED and not any(output.output_type == "error" for output in outputs)
