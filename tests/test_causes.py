"""The first failure is the one that is named; habits of older versions get their names."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hostile import HONEST, LIMITS, Entry, code_cell, exercise_in
from hypothesis import given
from hypothesis import strategies as st

from autograder.exercise.causes import Failures
from autograder.exercise.habits import advice
from autograder.exercise.outcome import SubmissionResult, hint_id
from autograder.exercise.sentences import clause, tidy
from autograder.exercise.submission import STOPPED
from autograder.grading.grade import grade
from autograder.sandbox.client import ForkServer


def test_a_failing_cell_keeps_names_from_being_what_they_should() -> None:
    failures = Failures()
    failures.ran("x = 1\nmodel = build()\nmodel.compile()\nhistory = model.fit(nb_epoch=3)\ny = 2", "TypeError: nb", 4)
    assert failures.cause_of("history") == failures.cause_of("model") == failures.cause_of("y") == "TypeError: nb"
    assert failures.cause_of("x") == ""
    failures.ran("score = y + 1", "NameError: name 'y' is not defined", 1)
    assert failures.cause_of("score") == "TypeError: nb"  # the first cause, not the second
    failures.ran("history = model.fit(epochs=3)")
    assert failures.cause_of("history") == failures.cause_of("model") == ""
    assert failures.cause_of("y") == "TypeError: nb"
    failures.ran("y = 2\nz = 1 / 0", "ZeroDivisionError", 2)
    assert failures.cause_of("y") == ""


def test_looking_at_a_model_changes_nothing() -> None:
    failures = Failures()
    failures.ran("model.summary()\nmodel.predict(3)\nmodel.plot()", "ValueError", 2)
    assert failures.cause_of("model") == ""


def test_a_cell_that_cannot_be_parsed_names_what_it_seems_to_make() -> None:
    failures = Failures()
    failures.ran("def dense_relu(x, W, b)\n    return x\nmodel = 3", "SyntaxError: expected ':'")
    assert failures.cause_of("dense_relu") == failures.cause_of("model") == "SyntaxError: expected ':'"
    failures.ran("%matplotlib inline\n!ls\nmodel = 3")
    assert failures.cause_of("model") == ""


@given(st.text(), st.text(), st.integers(-3, 20))
def test_any_source_can_be_looked_at(source: str, error: str, line: int) -> None:
    failures = Failures()
    failures.ran(source, error, line)
    assert failures.cause_of("model") in ("", error)


# What a notebook of the time did, and the misunderstanding's name.
HABITS = {
    "keras.optimizers.Adam(lr=.1)": "keras-lr",
    "model.fit(x, Y, nb_epoch=1)": "keras-nb-epoch",
    "model.fit(x, Y, show_accuracy=True)": "keras-show-accuracy",
    "from keras.utils import np_utils": "keras-np-utils",
    "from keras.utils.np_utils import to_categorical": "keras-np-utils",
    "from tensorflow.keras.utils import np_utils": "keras-np-utils",
    "model.predict_classes(x)": "keras-predict-classes",
    "model.predict_proba(x)": "keras-predict-classes",
    "model.fit_generator(x)": "keras-generator",
    "from keras.layers.core import Dense": "keras-layers-module",
    "from keras.layers.normalization import BatchNormalization": "keras-layers-module",
    "from keras.layers.advanced_activations import LeakyReLU": "keras-layers-module",
    "from tensorflow.keras.layers.experimental import preprocessing": "keras-layers-module",
    "from keras.optimizers import adam": "keras-optimizer-name",
    "from keras.wrappers.scikit_learn import KerasClassifier": "keras-wrappers",
    "keras.layers.Dense(3, init='uniform')": "keras-1-argument",
    "keras.layers.Dense(output_dim=3)": "keras-1-argument",
    "keras.layers.Dropout(p=.5)": "keras-1-argument",
    "model.fit(x, y)": "class-numbers",
    "model.fit(x, y[:, None])": "class-numbers",
    "model.compile(loss='sparse_categorical_crossentropy'); model.fit(x, Y)": "one-hot-for-sparse",
    "model.fit(x, Y, verbose=0).history['acc']": "keras-acc",
    "model.compile(loss='categorical_crossentropy', metrics='accuracy')": "metrics-list",
    "tf.Session()": "tensorflow-1",
    "import tensorflow.contrib": "tensorflow-1",
    "from tensorflow.examples.tutorials.mnist import input_data": "tensorflow-1",
    "keras.backend.set_session(None)": "keras-backend",
    "from keras.preprocessing.text import Tokenizer": "keras-preprocessing",
    "from keras.preprocessing.image import ImageDataGenerator": "keras-preprocessing",
    "np.int(3)": "numpy-alias",
    "model.save('model')": "keras-extension",
}
_RAISE_THEM = """
import sys, keras, numpy as np, tensorflow as tf
x, y = np.random.rand(8, 4).astype('float32'), np.array([0, 1, 2, 0, 1, 2, 0, 1])
Y = np.eye(3)[y]
for code in {codes!r}:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation='softmax')])
    model.compile(loss='categorical_crossentropy', metrics=['accuracy'])
    try:
        exec(code)
        print('RAN', code)
    except Exception as error:
        print('ERROR', repr(type(error).__name__ + ': ' + str(error)))
"""


@pytest.mark.slow
def test_old_habits_get_their_names() -> None:
    """As Keras, TensorFlow and NumPy raise them today."""
    answer = subprocess.run(
        [sys.executable, "-c", _RAISE_THEM.format(codes=list(HABITS))], capture_output=True, text=True, check=True
    )
    errors = [line for line in answer.stdout.splitlines() if line.startswith(("ERROR", "RAN"))]
    assert len(errors) == len(HABITS)
    found = {}
    for code, line in zip(HABITS, errors, strict=True):
        assert line.startswith("ERROR"), line
        error = eval(line.removeprefix("ERROR "))
        found[code] = [hint_id(hint) for hint in advice(error)]
        assert [hint_id(hint) for hint in advice(clause(error))] == found[code], "as it comes out of the sandbox"
    assert found == {code: [name] for code, name in HABITS.items()}


def test_other_errors_are_no_habits() -> None:
    for error in ("NameError: name 'x' is not defined", "ValueError: wrong", "KeyError: 'loss'", ""):
        assert advice(error) == ()


MESSAGES = {
    "\x1b[1mInvalid input\x1b[0m": "Invalid input",
    "cannot import name 'a' from 'keras.utils' (/work/x/lib/python3.11/site-packages/keras/utils/__init__.py)": (
        "cannot import name 'a' from 'keras.utils'"
    ),
    "No such file: '/usr/lib/python3/dist-packages/x/y.py'": "No such file: 'x/y.py'",
    "[Errno 2] No such file or directory: '/content/drive/numbers.csv'": (
        "[Errno 2] No such file or directory: '/content/drive/numbers.csv'"
    ),
    "It stopped with this..": "It stopped with this.",
    "Is there a loop?.": "Is there a loop?",
    "and so on ...": "and so on ...",
    "{{function_node __wrapped__AddV2_device_}} OOM by [Op:AddV2] name: .": "OOM by .",
    "two\nlines\tand \u202e more": "two lines and more",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_messages_read_as_people_write(text: str) -> None:
    assert tidy(text) == MESSAGES[text]


@given(st.text(max_size=3_000), st.integers(20, 400))
def test_a_message_has_its_cap_and_is_cut_between_words(text: str, limit: int) -> None:
    short = tidy(text, limit)
    assert len(short) <= limit
    assert short.isprintable()
    assert not clause(text, limit).endswith((" ", ":")), clause(text, limit)


def test_words_are_whole() -> None:
    assert tidy("Argument by argument " * 30, 50) == "Argument by argument Argument by argument ..."


@pytest.fixture(scope="module")
def results(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SubmissionResult]:
    exercise = exercise_in(tmp_path_factory.mktemp("exercise"))
    return {e.name: grade(e.raw(), exercise, fork_server, LIMITS, "ada").result for e in ENTRIES}


FIT = (
    "history = model.fit(x_train, train_labels, {}, verbose=0)\ntest_accuracy = model.evaluate(x_test, test_labels)[1]"
)
ENTRIES = [
    Entry("old habit", answers={"trained-answer": FIT.format("nb_epoch=12")}),
    Entry(
        "class numbers",
        answers={"trained-answer": FIT.replace("train_labels", "train_labels.argmax(1)").format("epochs=2")},
    ),
    Entry(
        "made good",
        answers={"trained-answer": FIT.format("nb_epoch=12")},
        change=lambda n: _insert_after(n, "trained-answer", FIT.format("epochs=2")),
    ),
    Entry("layers missing", answers={"architecture-answer": HONEST["architecture-answer"].replace("layers.", "lay.")}),
]


def _insert_after(notebook: dict, name: str, code: str) -> None:
    places = [
        i for i, c in enumerate(notebook["cells"]) if (c["metadata"].get("nbgrader") or {}).get("grade_id") == name
    ]
    notebook["cells"].insert(places[0] + 1, code_cell(code))


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("old habit", "unexpected keyword argument 'nb_epoch'", "keras-nb-epoch"),
        ("class numbers", "must have the same", "class-numbers"),
    ],
)
def test_what_rests_on_a_training_that_stopped_says_so(
    results: dict[str, SubmissionResult], name: str, says: str, hint: str
) -> None:
    checks = {check.name: check for check in results[name].checks}
    for task in ("trained", "accuracy"):
        assert STOPPED in checks[task].message
        assert says in checks[task].message
        assert hint_id(checks[task].hints[0]) == hint
    assert not [c for c in checks.values() if "More epochs" in "".join(c.hints)]
    assert checks["compiled"].points == 3.0
    assert STOPPED not in "".join(c.message for c in (checks["flattened"], checks["architecture"], checks["compiled"]))


@pytest.mark.sandbox
def test_what_was_made_good_is_no_cause(results: dict[str, SubmissionResult]) -> None:
    assert not [c for c in results["made good"].checks if STOPPED in c.message]


@pytest.mark.sandbox
def test_what_follows_names_the_first_cause(results: dict[str, SubmissionResult]) -> None:
    """The cell that compiles stops with a NameError of its own, because there is no model."""
    checks = {check.name: check for check in results["layers missing"].checks}
    assert {name for name in checks if "name 'lay' is not defined" in checks[name].message} == {
        "architecture",
        "compiled",
        "accuracy",
        "trained",
    }
