"""What the checks of several exercises ask of a network that sorts images into classes.

Each function raises `Mismatch` with a sentence for the learner, and returns nothing where all is well.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from autograder.exercise.expect import Hint, fail
from autograder.exercise.habits import advice
from autograder.exercise.models import CompileReport, ModelReport
from autograder.exercise.submission import MEND_FIRST, Submission
from autograder.language import _

# These take larger steps than Adam does with the same rate.
_LARGEST_RATES = {"adadelta": 10.0, "sgd": 1.0, "adagrad": 1.0, "ftrl": 1.0}
_WORDS = {3: _("three"), 10: _("ten")}
_NOISE = ("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D")
_TWICE = Hint("Softmax would be applied twice. Remove it in one of the two places.", id="softmax-twice")
_SOFTMAX_NOT_LAST = Hint(
    "After softmax something still changes the probabilities. Take that out, or put it before softmax.",
    id="softmax-not-last",
)
_CHANGES_VALUES = (
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "UnitNormalization",
    "Normalization",
    "Rescaling",
)
# On one-hot labels the divergence is the cross-entropy, and the focal loss a cross-entropy with weights.
ONE_HOT_LOSSES = ("categorical_crossentropy", "kl_divergence", "categorical_focal_crossentropy")
SPARSE_LOSS = "sparse_categorical_crossentropy"
_LOSSES_OF_NUMBERS = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
    "cosine_similarity",
)


def compiled_model(submission: Submission, name: str) -> ModelReport:
    """The model in that variable, which was compiled."""
    model = submission.model(name)
    if model.compiled is None and (error := submission.stopped_with()):
        raise fail(
            _("`{name}` has not been compiled: your cell stopped with {error}.", name=name, error=error),
            hint=[*advice(error), MEND_FIRST],
        )
    compiled(model)
    return model


def compiled(model: ModelReport) -> CompileReport:
    """The compile settings, which are there."""
    if model.compiled is None:
        raise fail(
            _("`{name}` has not been compiled.", name=model.name),
            hint=Hint(
                _(
                    "Call `{name}.compile(...)`. Building it again undoes that, so compile after building.",
                    name=model.name,
                ),
                id="not-compiled",
            ),
        )
    return model.compiled


def ends_in_probabilities(model: ModelReport, classes: int) -> None:
    """Its last layer gives probabilities of `classes` classes, or scores that its loss takes for scores."""
    names = [layer.class_name for layer in model.layers]
    after_last_units = names[max((i for i, layer in enumerate(model.layers) if layer.units), default=0) :]
    if noisy := [name for name in after_last_units if name in _NOISE]:
        raise fail(
            _("`{name}` has a {layer} layer after its output layer.", name=model.name, layer=noisy[0]),
            hint=Hint(
                "There it throws away some of the outputs, so the loss cannot be trusted. Put it after a hidden layer"
                " instead.",
                id="dropout-on-output",
            ),
        )
    activation = model.output_activation
    shares = [i for i, layer in enumerate(model.layers) if str(layer.activation).startswith("softmax")]
    if shares and (changing := [name for name in names[shares[-1] + 1 :] if name in _CHANGES_VALUES]):
        raise fail(
            _("`{name}` has a {layer} layer after its softmax.", name=model.name, layer=changing[0]),
            hint=_SOFTMAX_NOT_LAST,
        )
    if activation == "softmax":
        return
    if str(activation).endswith(", softmax") and "softmax" not in str(activation).removesuffix(", softmax"):
        raise fail(
            _("`{name}` changes its scores before softmax: {activation}.", name=model.name, activation=activation),
            hint=Hint(
                "Softmax takes scores of any size and sign. Leave the last dense layer without an activation of its"
                " own.",
                id="changed-before-softmax",
            ),
        )
    if activation == "linear":
        if model.compiled is not None and not model.compiled.from_logits:
            loss_fits_output(model, classes)
        return
    kinds = {
        "softmax, softmax": _TWICE,
        "sigmoid": Hint(
            _(
                "Sigmoid answers {count} separate yes-or-no questions, but each image is exactly one of"
                " {count}. Which function makes the outputs add up to 1?",
                count=_WORDS[classes],
            ),
            id="sigmoid-at-the-end",
        ),
        "relu": Hint(
            "relu gives any positive number. Which function makes the outputs add up to 1?", id="relu-at-the-end"
        ),
        "tanh": Hint(
            "tanh gives values from -1 to 1, but no probability is negative. Which function makes them add up to 1?",
            id="tanh-at-the-end",
        ),
        "log_softmax": Hint(
            "That is the logarithm of the probabilities. The loss takes it by itself: give it the probabilities.",
            id="log-softmax-at-the-end",
        ),
        "softmax along axis 0": Hint(
            "This softmax runs along the images, so the values of one image do not add up to 1. Look at its `axis`.",
            id="softmax-along-images",
        ),
    }
    along_images = "softmax along axis 0"
    known = along_images if along_images in str(activation) else str(activation)
    if known.startswith("softmax, ") and known not in kinds:
        kinds[known] = _SOFTMAX_NOT_LAST
    raise fail(
        _(
            "`{name}` ends in {activation}, so its outputs are not probabilities that add up to 1.",
            name=model.name,
            activation=activation,
        ),
        hint=[
            *([kinds[known]] if known in kinds else []),
            "Add up the outputs for one image. Which function of the lesson makes the sum 1?",
        ],
    )


def loss_fits_labels(model: ModelReport, classes: int, sparse_too: bool = False) -> None:
    """Its loss fits one-hot labels, or class numbers as well where `sparse_too`."""
    loss = compiled(model).loss
    if loss in ONE_HOT_LOSSES or (sparse_too and loss == SPARSE_LOSS):
        return
    squared = Hint("That is for numbers such as prices. Use a cross-entropy for classes.", id="error-for-classes")
    kinds = {
        SPARSE_LOSS: Hint(
            "The sparse loss needs class numbers (0, 1, 2). Print a label: what form does it have?",
            id="sparse-for-one-hot",
        ),
        "binary_crossentropy": Hint(
            _(
                "The binary loss is for one yes-or-no answer. Here one of {count} classes is right: choose again.",
                count=_WORDS[classes],
            ),
            id="binary-for-classes",
        ),
        **dict.fromkeys(_LOSSES_OF_NUMBERS, squared),
        "binary_focal_crossentropy": Hint(
            _(
                "The binary loss is for one yes-or-no answer. Here one of {count} classes is right: choose again.",
                count=_WORDS[classes],
            ),
            id="binary-for-classes",
        ),
        **dict.fromkeys(
            ("categorical_hinge", "hinge", "squared_hinge"),
            Hint("The hinge loss needs scores, not probabilities. Use a cross-entropy.", id="hinge"),
        ),
        **dict.fromkeys(
            ("accuracy", "acc", "categorical_accuracy"),
            Hint(
                "Accuracy is what people look at: it has no slope to follow, so it cannot be the loss. Make it a"
                " metric, and choose a cross-entropy.",
                id="accuracy-for-loss",
            ),
        ),
    }
    if loss is not None and "entropy" in loss and loss not in kinds:
        kinds[loss] = Hint(
            "Keras knows no loss of that name, and says so only when training begins. Compare it with the spelling in"
            " lesson 2.",
            id="loss-misspelt",
        )
    if loss is None:
        raise fail(
            _("`{name}` was compiled without a loss.", name=model.name),
            hint=Hint("Without a loss there is nothing to make smaller. Give `compile` one.", id="no-loss"),
        )
    labels = _("labels of several classes") if sparse_too else _("one-hot labels")
    look_up = (
        _("Are your labels one-hot rows or class numbers? Look up in lesson 2 which loss needs which.")
        if sparse_too
        else _("Each label is a one-hot row. Look up in lesson 2 which loss needs such rows.")
    )
    raise fail(
        _("The loss of `{name}` is {loss}, which does not fit {labels}.", name=model.name, loss=loss, labels=labels),
        hint=[*([kinds[loss]] if loss in kinds else []), look_up],
    )


def loss_fits_output(model: ModelReport, classes: int) -> None:
    """Its loss takes probabilities where it gives probabilities, and scores where it gives scores."""
    settings, activation = compiled(model), model.output_activation
    if activation == "softmax" and settings.from_logits:
        raise fail(_("`{name}` ends in softmax, but its loss says `from_logits=True`.", name=model.name), hint=_TWICE)
    if activation == "linear" and not settings.from_logits:
        raise fail(
            _("`{name}` gives raw scores, but its loss expects probabilities.", name=model.name),
            hint=[
                Hint(
                    "No error appears, but the loss takes the logarithm of numbers that are not probabilities. Look at"
                    " the end of your model.",
                    id="scores-for-probabilities",
                ),
                "Choose one: softmax in the output layer, or `from_logits=True` in the loss.",
            ],
        )
    if activation not in ("linear", "softmax"):
        ends_in_probabilities(model, classes)


def reports_accuracy(model: ModelReport) -> None:
    """Accuracy is among its metrics, and of the kind that fits the loss."""
    settings = compiled(model)
    sparse = settings.loss == SPARSE_LOSS
    fitting = "sparse_categorical_accuracy" if sparse else "categorical_accuracy"
    if {"accuracy", fitting} & set(settings.metrics):
        return
    kinds = {
        "binary_accuracy": Hint(
            "Binary accuracy asks a question of each output by itself. Use the plain one.",
            id="binary-accuracy",
        ),
        "sparse_categorical_accuracy": Hint(
            "Sparse accuracy needs class numbers. Yours are one-hot rows: ask for plain accuracy.",
            id="sparse-accuracy",
        ),
        "categorical_accuracy": Hint(
            "This accuracy needs one-hot rows. Your loss takes class numbers: ask for plain accuracy.",
            id="one-hot-accuracy",
        ),
        "exact_equality": Hint(
            "`keras.metrics.Accuracy()` looks for outputs that equal the label exactly. No probability does."
            ' Give the name "accuracy" instead.',
            id="exact-equality",
        ),
    }
    raise fail(
        _(
            "The metrics of `{name}` are {metrics}, but accuracy should be among them.",
            name=model.name,
            metrics=list(settings.metrics) or _("empty"),
        ),
        hint=[
            *(hint for kind, hint in kinds.items() if kind in settings.metrics),
            Hint("Give `compile` a list of metrics, and put `accuracy` into it, in quotes.", id="no-accuracy"),
        ],
    )


def rate_is_sensible(model: ModelReport) -> None:
    """Its optimizer takes steps of a size that other people use."""
    settings = compiled(model)
    rate, largest = settings.learning_rate, _LARGEST_RATES.get(settings.optimizer or "", 0.5)
    if rate is not None and not 1e-5 <= rate <= largest:
        raise fail(
            _(
                "The learning rate of `{name}` is {rate:g}, which is too large for {optimizer}."
                if rate > largest
                else "The learning rate of `{name}` is {rate:g}, which is too small for {optimizer}.",
                name=model.name,
                rate=rate,
                optimizer=settings.optimizer,
            ),
            hint=Hint(
                "With large steps the weights jump about; with tiny ones they never arrive. Leave it out and use"
                " the default.",
                id="learning-rate",
            ),
        )


def probabilities(model: ModelReport, outputs: np.ndarray) -> np.ndarray:
    """A model's outputs (N, K), or their softmax where it gives scores, as float64."""
    given = outputs.astype(np.float64)
    if model.output_activation == "softmax":
        return given
    powers = np.exp(given - given.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def cross_entropies(model: ModelReport, outputs: np.ndarray, right: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    """The cross-entropy of each image (N,) for class numbers (N,), with smoothed labels where Keras smooths them."""
    given = probabilities(model, outputs)
    logarithms = -np.log(np.clip(given, 1e-7, 1.0))
    if given.shape[1] <= right.max():
        return np.full(len(right), np.inf)
    chosen = logarithms[np.arange(len(right)), right]
    return np.asarray((1 - smoothing) * chosen + smoothing * logarithms.mean(axis=1))


def flattens_in_time(model: ModelReport) -> None:
    """It makes a row of the image before its first dense layer."""
    classes = [layer.class_name for layer in model.layers]
    if "Dense" in classes and "Flatten" in classes[classes.index("Dense") :]:
        raise fail(
            _("`{name}` flattens after a dense layer.", name=model.name),
            hint=Hint(
                "Until then, a dense layer works only on the last axis. Put Flatten before the dense layers.",
                id="flattened-too-late",
            ),
        )


def hidden_layers_bend(model: ModelReport) -> None:
    """Each of its hidden dense layers has an activation that is neither linear nor softmax."""
    dense = [index for index, layer in enumerate(model.layers) if layer.class_name == "Dense"]
    for index, following in pairwise(dense):
        layer = model.layers[index]
        functions = {part.activation for part in model.layers[index:following]} - {None, "linear"}
        if any(str(function).startswith("softmax") for function in functions):
            raise fail(
                _("The hidden layer `{layer}` of `{model}` ends in softmax.", layer=layer.name, model=model.name),
                hint=Hint(
                    "Softmax makes the values of a layer add up to 1: right for probabilities, too tight for a hidden"
                    " layer. Use relu there.",
                    id="softmax-in-hidden-layer",
                ),
            )
        if not functions:
            raise fail(
                _("The hidden layer `{layer}` of `{model}` is linear.", layer=layer.name, model=model.name),
                hint=[
                    Hint(
                        "Two dense layers without an activation do no more than one. Which function bends the values"
                        " in between?",
                        id="linear-hidden-layer",
                    ),
                    "Look at the argument `activation` of the hidden layer.",
                ],
            )
