"""What a check may ask of a submission. It does not need to know where the answers come from.

`Answers` is the small interface behind it: this notebook's own namespace (`autograder.learner.notebook`), a kernel
in the sandbox (`autograder.grading`), or the record of an earlier run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal, Protocol

import numpy as np

from autograder import data
from autograder.exercise.habits import advice
from autograder.exercise.models import ModelReport
from autograder.exercise.outcome import Curves, Hint, Mismatch, NotAttempted, accuracy_of
from autograder.exercise.slips import RETURNS_NOTHING, TEXT_FOR_NUMBER, of_a_number, of_a_stop, of_no_array
from autograder.exercise.wire import History, Opaque, type_name
from autograder.language import _, as_sentence, plural

Kind = Literal["fashion", "mnist"]

STOPPED = "your cell stopped with"  # in every message about a name that an error kept from being there, in English

MAX_CURVES = 8  # histories of one submission that are kept
MAX_EPOCHS = 200  # epochs of one history that are kept
_METRICS = {  # as a history may call them: as they are kept
    prefix + name: prefix + kept
    for prefix in ("", "val_")
    for name, kept in (
        ("loss", "loss"),
        ("accuracy", "accuracy"),
        ("acc", "accuracy"),
        ("categorical_accuracy", "accuracy"),
        ("sparse_categorical_accuracy", "accuracy"),
    )
}


class Missing(LookupError):
    """There is no such name in the submission."""


class Raised(Exception):
    """The student's function stopped with an error."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}" if message else error_type)
        self.error_type = error_type


class NoModel(Exception):
    """The value is not a model that can be looked at; the message says why, as a clause ("it is a list")."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Answers(Protocol):
    """Where a submission's answers come from. Everything returned is plain data."""

    def value(self, name: str) -> Any:
        """The value of a variable. Raises `Missing`."""

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the student's function returns. Raises `Missing` or `Raised`."""

    def model(self, name: str) -> ModelReport:
        """A model as it really is. Raises `Missing` or `NoModel`."""

    def file_size(self, name: str) -> int | None:
        """Bytes of a file in the folder that the notebook runs in; None if there is no such file."""

    def stopped_with(self) -> str:
        """The error that the cell before this check stopped with ("NameError: ..."), or ''."""

    def cause_of(self, name: str) -> str:
        """The first error that keeps `name` from being what the notebook was to make of it, or ''."""

    def held_out(self) -> data.HeldOut | None:
        """Images that the learner does not have, if they are here."""

    def seed(self) -> int:
        """A number from 0 on that stays the same for the same submission, however often it is graded."""


@dataclass(frozen=True)
class Images:
    """Images to measure accuracy on: `pixels` (N, 28, 28) uint8, `labels` (N,) class numbers."""

    pixels: np.ndarray
    labels: np.ndarray
    where: str  # "held-out images" or "images of the test set"


@dataclass(frozen=True)
class Accuracy:
    """Share of `images` that a model gets right. `unscaled` is the same for pixels left at 0 to 255."""

    value: float
    images: int
    where: str
    unscaled: float

    def __str__(self) -> str:
        return f"{self.value:.3f} on {self.images} {self.where}"


class Submission:
    """One learner's work, as a check sees it.

    Every method raises `NotAttempted` when there is nothing there yet, and `Mismatch` with a sentence for
    the learner when there is something else than could be used.

    What was measured on the way is kept for the teacher's report: `measures`, by what was measured, and
    `curves`, the learner's own training histories.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._asked: dict[str, None] = {}  # names, in the order in which the present test has asked for them
        self.measures: dict[str, float] = {}
        self.curves: Curves = {}

    def value(self, name: str) -> Any:
        """The value of variable `name`, as plain Python or NumPy; `Opaque` if it has no plain form."""
        self._asked[name] = None
        try:
            value = self._answers.value(name)
        except Missing:
            raise self._missing(name, _("variable")) from None
        if value is None or (isinstance(value, Opaque) and value.type_name == "ellipsis"):
            raise NotAttempted(_("`{name}` still has no value.", name=name))
        return value

    def array(self, name: str) -> np.ndarray:
        """Variable `name` as an array of numbers; a list of numbers counts as one."""
        array = as_array(self.value(name), f"`{name}`")
        if array.dtype.kind == "U":
            raise Mismatch(_("`{name}` should hold numbers, but it holds text.", name=name), (TEXT_FOR_NUMBER,))
        return array

    def number(self, name: str) -> float:
        """Variable `name` as one number."""
        value = self.value(name)
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Mismatch(
                _("`{name}` should be one number, but it is {kind}.", name=name, kind=a(type_name(value))),
                (of_a_number(value),),
            )
        if isinstance(value, int) and abs(value) > 1e300:  # more than a float can hold
            raise Mismatch(_("`{name}` is a huge number.", name=name), ("Print it: is it what you meant?",))
        return value

    def text(self, name: str) -> str:
        """Variable `name` as a string."""
        value = self.value(name)
        if not isinstance(value, str):
            raise Mismatch(
                _("`{name}` should be text in quotes, but it is {kind}.", name=name, kind=a(type_name(value))),
                (Hint(_('Write text in quotes: `{name} = "..."`.', name=name), id="text-without-quotes"),),
            )
        return value

    def history(self, name: str) -> History:
        """Variable `name` as what ``fit`` returned; its ``.history`` dictionary is accepted too."""
        value = self.value(name)
        if isinstance(value, dict) and value and all(isinstance(v, list) for v in value.values()):
            value = History({str(k): v for k, v in value.items()})
        if not isinstance(value, History):
            raise Mismatch(
                _("`{name}` should be what `fit` returns, but it is {kind}.", name=name, kind=a(type_name(value))),
                (
                    Hint(
                        _("`fit` returns a History object. Keep it: `{name} = model.fit(...)`.", name=name),
                        id="no-history",
                    ),
                ),
            )
        if name in self.curves or len(self.curves) < MAX_CURVES:
            self.curves[name] = _curve(value)
        return value

    def function(self, name: str, hint: str = "") -> Callable[..., Any]:
        """The learner's function `name`. Calling it runs it on their side and brings the result back.

        `hint` is what to say when it stops with an error.
        """
        hints = (hint,) if hint else (_("Call it yourself with small arrays, and see where it stops."),)

        def ask(*args: Any, **kwargs: Any) -> Any:
            try:
                result = self._answers.call(name, args, kwargs)
            except Missing:
                raise self._missing(name, _("function")) from None
            except Raised as error:
                if error.error_type == "NotImplementedError":
                    raise NotAttempted(_("`{name}` is not written yet.", name=name)) from None
                raise Mismatch(
                    _("`{name}` stopped with {error}.", name=name, error=str(error)),
                    (*advice(str(error)), *of_a_stop(str(error), (*args, *kwargs.values())), *hints),
                ) from None
            if result is None:
                raise Mismatch(_("`{name}` returned nothing (None).", name=name), (RETURNS_NOTHING,))
            return result

        ask.__name__ = name
        return ask

    def error_of(self, name: str, *args: Any) -> str:
        """The type of error that the learner's function `name` stops with ("ValueError"); '' if it returns."""
        try:
            self._answers.call(name, args, {})
        except Missing:
            raise self._missing(name, _("function")) from None
        except Raised as error:
            if error.error_type == "NotImplementedError":
                raise NotAttempted(_("`{name}` is not written yet.", name=name)) from None
            return error.error_type
        return ""

    def model(self, name: str) -> ModelReport:
        """The model in variable `name`, looked at from outside."""
        self._asked[name] = None
        try:
            return self._answers.model(name)
        except Missing:
            raise self._missing(name, _("model")) from None
        except NoModel as reason:
            text = str(reason)
            if "NoneType" in text or "ellipsis" in text:
                raise NotAttempted(_("`{name}` still has no value.", name=name)) from None
            raise Mismatch(
                _("`{name}` cannot be checked: {reason}.", name=name, reason=as_sentence(reason.why)),
                _why_no_model(text),
            ) from None

    def file_size(self, name: str) -> int | None:
        """Bytes of a file that the notebook wrote into its folder; None if there is no such file."""
        return self._answers.file_size(name)

    def stopped_with(self) -> str:
        """The error that the cell before this check stopped with ("NameError: ..."), or ''."""
        return self._answers.stopped_with()

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers for what functions are tried with, so that nobody can write a table of answers.

        They are the same whenever the same submission is graded, and others for another submission. `purpose` names
        what they are for; each gets numbers of its own.
        """
        digest = hashlib.sha256(f"{self._answers.seed()} {purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))

    def images(self, kind: Kind) -> Images:
        """Images to measure on: held out from the learner where they are here, else the test set's."""
        held_out = self._answers.held_out()
        if held_out is not None and held_out.kind == kind:
            pixels, labels, where = held_out.images, held_out.labels, _("held-out images")
        else:
            (pixels, labels), where = _test_set(kind), _("images of the test set")
        return Images(pixels.reshape(len(pixels), 28, 28), labels, where)

    def accuracy(self, name: str, kind: Kind = "fashion") -> Accuracy:
        """Accuracy of model `name`, computed here from its predictions.

        The images are given in the shape the model takes, with values 0 to 1. A model that begins with a layer that
        scales, such as Rescaling or Normalization, is measured with values 0 to 255 as well, and the better counts.
        """
        report, images = self.model(name), self.images(kind)
        _, scaled = _best_scale(report, images)
        # Only a poor model is worth a second look: was it trained on pixels that nobody had scaled?
        unscaled = scaled if len(_scales(report)) > 1 or scaled > 0.8 else _share_right(report, images, 1.0)
        self.measures[accuracy_of(name)] = scaled
        return Accuracy(scaled, len(images.labels), images.where, unscaled)

    def predictions(self, name: str, pixels: np.ndarray, kind: Kind = "fashion") -> np.ndarray:
        """What model `name` answers to images (N, 28, 28) with pixels 0 to 255: (N, classes), finite.

        The images are given as `accuracy` gives them.
        """
        report = self.model(name)
        scales = _scales(report)
        return _predictions(
            report, pixels, scales[0] if len(scales) == 1 else _best_scale(report, self.images(kind))[0]
        )

    def begin_test(self) -> None:
        """Forget what the test before asked for."""
        self._asked.clear()

    def first_cause(self) -> Mismatch | None:
        """What to say instead of what the present test found: an earlier cell failed, so this result means nothing.

        None if nothing that the test asked for was to be made or trained by a cell that stopped with an error.
        """
        for name in self._asked:
            cause = self._answers.cause_of(name)
            if cause and not cause.startswith("NotImplementedError"):
                return Mismatch(
                    _(
                        "`{name}` does not have the value that your notebook should give it: your cell stopped with"
                        " {error}.",
                        name=name,
                        error=cause,
                    ),
                    (*advice(cause), MEND_FIRST),
                )
        return None

    def _missing(self, name: str, what: str) -> Exception:
        stopped = self._answers.cause_of(name) or self._answers.stopped_with()
        if stopped and not stopped.startswith("NotImplementedError"):
            return Mismatch(
                _("There is no {what} `{name}`: your cell stopped with {error}.", what=what, name=name, error=stopped),
                (*advice(stopped), MEND_FIRST),
            )
        return NotAttempted(_("There is no {what} `{name}` yet.", what=what, name=name))


def _curve(history: History) -> dict[str, list[float]]:
    """The metrics that a report draws, each up to the first value that is no finite number."""
    kept: dict[str, list[float]] = {}
    for metric, values in history.history.items():
        if metric not in _METRICS:
            continue
        numbers: list[float] = []
        for value in values[:MAX_EPOCHS]:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_drawable(value):
                break
            numbers.append(float(f"{value:.4g}"))
        if numbers:
            kept.setdefault(_METRICS[metric], numbers)
    return kept


def _is_drawable(value: float) -> bool:
    return abs(value) < 1e9 and math.isfinite(value)


def as_array(value: Any, name: str) -> np.ndarray:
    """`value` as an array, where that is fair: an array, a number, or (nested) lists of equal length.

    Raises:
        Mismatch: it is something else; the message says what.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (bool, int, float, list, tuple)):
        try:
            array = np.asarray(value)
        except ValueError:
            raise Mismatch(_("{name} is a list whose rows have different lengths.", name=name)) from None
        if array.dtype.kind in "biufU":
            return array
    raise Mismatch(
        _("{name} should be an array, but it is {kind}.", name=name, kind=a(type_name(value))), (of_no_array(value),)
    )


def a(noun: str) -> str:
    """The noun with its article: "a list", "an ndarray"."""
    return _("an {noun}", noun=noun) if noun[:1].lower() in "aeiou" else _("a {noun}", noun=noun)


MEND_FIRST = Hint(
    "Fix the error first: its last line says what went wrong, and the arrow above it says where.", id="cell-stopped"
)


def rests_on_an_error(found: Mismatch) -> bool:
    """Whether it says already that an error of an earlier cell is the reason."""
    return MEND_FIRST in found.hints


_NO_KERAS_MODEL = _("Keep the network itself: what `keras.Sequential([...])` or `keras.Model(...)` gives you.")
_NO_ACTIVATION = _("Use one of Keras's own, such as `relu` or `tanh`: look at `keras.activations`.")
_NOT_BUILT_IN = _("Build it from the layers in `keras.layers`, as a Sequential or a Functional model.")


def _why_no_model(reason: str) -> tuple[str, ...]:
    if "not a Keras model" in reason:
        return (_NO_KERAS_MODEL,)
    if "activation" in reason:
        return (_NO_ACTIVATION,)
    return (_NOT_BUILT_IN,) if "built-in" in reason or "class of your own" in reason else ()


_SCALING = ("Rescaling", "Normalization", "TrueDivide", "Divide", "FloorDivide", "Multiply", "Subtract")


def _scales(report: ModelReport) -> tuple[float, ...]:
    """What pixels 0 to 255 may be multiplied by for this model: a model that scales by itself may want either."""
    first = takewhile(lambda layer: not layer.config.get("units") and not layer.config.get("filters"), report.layers)
    return (1.0, 1 / 255) if any(layer.class_name in _SCALING for layer in first) else (1 / 255,)


def _best_scale(report: ModelReport, images: Images) -> tuple[float, float]:
    """What pixels are multiplied by for this model, and the share of images that it then gets right."""
    shares: list[tuple[float, float]] = []
    trouble: Mismatch | None = None
    for scale in _scales(report):
        try:
            shares.append((_share_right(report, images, scale), scale))
        except Mismatch as error:
            trouble = error
    if not shares:
        assert trouble is not None
        raise trouble
    share, scale = max(shares)
    return scale, share


def _share_right(report: ModelReport, images: Images, scale: float) -> float:
    output = _predictions(report, images.pixels, scale)
    classes = int(images.labels.max()) + 1
    if output.shape[1] < classes:
        raise Mismatch(
            plural(
                "`{name}` outputs {n} number for each image, but there are {classes} classes.",
                "`{name}` outputs {n} numbers for each image, but there are {classes} classes.",
                output.shape[1],
                name=report.name,
                classes=classes,
            ),
            ("The last layer needs one unit for each class.",),
        )
    return float(np.mean(output.argmax(axis=1) == images.labels))


def _predictions(report: ModelReport, pixels: np.ndarray, scale: float) -> np.ndarray:
    shape = report.input_shape
    if shape is None:
        raise Mismatch(
            _("`{name}` has no input shape yet.", name=report.name), ("Give it an `Input` layer, or fit it once.",)
        )
    if any(n is None for n in shape[1:]) or int(np.prod(shape[1:], dtype=np.int64)) != 28 * 28:  # type: ignore[arg-type]
        raise Mismatch(
            _(
                "`{name}` takes inputs of shape {shape}, but an image has 28 x 28 = 784 pixels.",
                name=report.name,
                shape=shape,
            ),
            ("The input shape is that of one image, without the number of images.",),
        )
    output = report.predict(pixels.reshape(len(pixels), *shape[1:]), scale)  # type: ignore[arg-type]
    if output.ndim != 2 or len(output) != len(pixels):
        raise Mismatch(
            _(
                "`{name}` outputs shape {shape}; it should be ('N', classes).",
                name=report.name,
                shape=("N", *output.shape[1:]),
            ),
            ("A dense layer works only on the last axis. Flatten the image first.",),
        )
    if not np.isfinite(output).all():
        raise Mismatch(
            _("`{name}` predicts NaN (not a number).", name=report.name),
            ("The training diverged. A smaller learning rate or scaled images keep the numbers in range.",),
        )
    return output


def _test_set(kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    if kind == "mnist":
        _, (pixels, labels) = data.load_mnist()
        return pixels, labels
    _, (pixels, one_hot) = data.load_fashion()
    return pixels, one_hot.argmax(axis=1)
