"""What errors mean that come of habits from Keras 1 and 2, TensorFlow 1 and old NumPy, and what to write today.

Most tutorials, books and answers on the web are older than Keras 3. One line of the table is one habit: words of the
error that it ends in, and one sentence. `tests/test_causes.py` has Keras, TensorFlow and NumPy raise each of them.
"""

from __future__ import annotations

import re

from autograder.exercise.outcome import Hint

_HABITS: tuple[tuple[str, str, str], ...] = (
    (
        r"not recognized: \{'lr'|keyword argument '?lr'?\b",
        "keras-lr",
        "Since Keras 3 the learning rate has its full name: `Adam(learning_rate=0.001)`.",
    ),
    (
        r"'nb_epochs?'",
        "keras-nb-epoch",
        "Since Keras 2 it is `epochs=`, not `nb_epoch=`.",
    ),
    (
        r"'show_accuracy'",
        "keras-show-accuracy",
        'There is no `show_accuracy` any more. Give `metrics=["accuracy"]` to `compile`.',
    ),
    (r"'samples_per_epoch'", "keras-samples", "There is no `samples_per_epoch` any more. Leave it out."),
    (
        r"np_utils",
        "keras-np-utils",
        "There is no `np_utils` any more. Write `keras.utils.to_categorical(...)`.",
    ),
    (
        r"has no attribute 'predict_(classes|proba)'",
        "keras-predict-classes",
        "`predict_classes` and `predict_proba` are gone. `model.predict(x)` gives the probabilities, and"
        " `.argmax(axis=1)` of those gives the classes.",
    ),
    (
        r"has no attribute '(fit|evaluate|predict)_generator'",
        "keras-generator",
        "`fit`, `evaluate` and `predict` take generators themselves; those with `_generator` are gone.",
    ),
    (
        r"No module named '(?:tensorflow\.|tf_)?keras\.layers\.\w+|No module named 'keras\.layers\.",
        "keras-layers-module",
        "All layers are in `keras.layers` itself: `from keras.layers import Dense`.",
    ),
    (
        r"cannot import name '(adam|sgd|rmsprop|adagrad|adadelta|nadam|adamax)'",
        "keras-optimizer-name",
        'Optimizers begin with a capital letter: `from keras.optimizers import Adam`, or just `optimizer="adam"`.',
    ),
    (
        r"No module named '(?:tensorflow\.)?keras\.wrappers\.scikit_learn",
        "keras-wrappers",
        "`keras.wrappers.scikit_learn` is gone. This exercise needs no wrapper: use `model.fit` and `model.predict`.",
    ),
    (
        r"Unrecognized keyword arguments passed to \w+: \{.{0,200}'(init|W_regularizer|b_regularizer|W_constraint)'"
        r"|missing 1 required positional argument: '(units|rate)'|'(output_dim|border_mode|nb_filter|subsample)'",
        "keras-1-argument",
        "That is how Keras 1 named a layer's arguments. Today: `Dense(units, activation=..., kernel_initializer=...)`,"
        " `Dropout(rate)`.",
    ),
    (
        r"`target` and `output` must have the same (?:rank|shape).{0,80}target\.shape=\(\w+,(?: 1)?\)"
        r"|Shapes \(None, 1\) and \(None, \d+\) are incompatible",
        "class-numbers",
        "Your labels are class numbers, but this loss compares one-hot rows: one number for each class. Either make the"
        " labels one-hot, or take the loss that is made for class numbers.",
    ),
    (
        r"`output` must have rank \(ndim\) `target\.ndim - 1`",
        "one-hot-for-sparse",
        "Your labels are one-hot rows, but a loss that begins with `sparse_` compares class numbers. Take the loss"
        " without `sparse_`, or turn the labels into class numbers.",
    ),
    (r"KeyError: '(val_)?acc'", "keras-acc", "The history calls it `accuracy` and `val_accuracy`, not `acc`."),
    (
        r"argument to be a list, tuple, or dict. Received instead: metrics=",
        "metrics-list",
        'Metrics are a list, even if there is only one: `metrics=["accuracy"]`.',
    ),
    (
        r"module 'tensorflow' has no attribute '(Session|placeholder|contrib|global_variables_initializer|"
        r"reset_default_graph|InteractiveSession|set_random_seed|app|layers)'"
        r"|No module named 'tensorflow\.(contrib|examples)",
        "tensorflow-1",
        "That is TensorFlow 1, which worked with sessions and placeholders. With Keras you need none of it.",
    ),
    (
        r"module 'keras\.backend' has no attribute|cannot import name '(set_session|get_session)'",
        "keras-backend",
        "Keras 3 has done away with most of `keras.backend`. `keras.ops` has the mathematics, and sessions are gone.",
    ),
    (
        r"No module named '(?:tensorflow\.)?keras\.preprocessing|cannot import name 'ImageDataGenerator'",
        "keras-preprocessing",
        "Most of `keras.preprocessing` is gone. Layers such as `keras.layers.Rescaling` do it now.",
    ),
    (
        r"module 'numpy' has no attribute '(float|int|bool|object|str|long|complex)'",
        "numpy-alias",
        "NumPy has no `np.float`, `np.int` or `np.bool` any more. Write `float`, `int`, `bool`, or `np.float32`.",
    ),
    (
        r"StdinNotImplementedError",
        "asks-for-input",
        "When a notebook is graded, there is nobody to answer `input()`. Write the value into the cell instead.",
    ),
    (
        r"Invalid filepath extension for saving",
        "keras-extension",
        "Keras 3 wants a file name that ends in `.keras`.",
    ),
)
_COMPILED = tuple((re.compile(pattern), Hint(advice, id=name)) for pattern, name, advice in _HABITS)


def advice(error: str) -> tuple[str, ...]:
    """What to write today, for the error of an old habit; nothing for any other.

    Args:
        error: its type and its text: "ValueError: Argument(s) not recognized: {'lr': 0.1}".
    """
    return tuple(hint for pattern, hint in _COMPILED if pattern.search(error[:2_000]))[:1]
