"""An invented class: what each student wrote into exercise 3, and the verdict each must get.

Every student starts from the reference answers and changes the cells named here. The names of cells are the
``grade_id`` of the answer cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field

EXERCISE = "03-dense-networks"


@dataclass(frozen=True)
class Student:
    """One student's answers and what must come of them."""

    name: str
    about: str
    answers: dict[str, str] = field(default_factory=dict)
    status: str = "graded"
    score: tuple[float, float] = (0, 0)  # lowest and highest that is right
    nothing_for: tuple[str, ...] = ()  # tasks that must earn no point
    says: str = ""  # words that must stand in the first hint or message
    raw: bytes | None = None  # the file itself, instead of a notebook
    untouched: bool = False


FUNCTIONAL = """
def make_model():
    image = keras.Input((28, 28, 1))
    x = layers.Flatten()(image)
    x = layers.Dense(24)(x)
    x = layers.Activation("tanh")(x)
    return keras.Model(image, layers.Dense(3)(x))

model = make_model()
"""
LOGITS = """
loss = keras.losses.CategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss=loss, metrics=["accuracy"])
"""
IMAGES = "train_data.astype('float32') / 255"

CLASS = (
    Student("ada", "the reference, Sequential and softmax", score=(25, 25)),
    Student(
        "grace",
        "right in another form: Functional, Flatten inside, logits, SGD",
        {
            "architecture-answer": FUNCTIONAL,
            "compiled-answer": LOGITS,
            "trained-answer": f"history = model.fit({IMAGES}, train_labels, epochs=15, batch_size=32, verbose=0)",
            "accuracy-answer": "test_accuracy = model.evaluate(test_data / 255, test_labels, verbose=0)[1]",
        },
        score=(25, 25),
    ),
    Student(
        "bo",
        "takes shape[-1] for the number of pixels",
        {
            "flattened-answer": "x_train = train_data / 255\nx_test = test_data / 255",
            "architecture-answer": "model = keras.Sequential([keras.Input((train_data.shape[-1],)), "
            "layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax')])",
        },
        score=(8, 20),
        says="still images",
    ),
    Student(
        "chi",
        "forgets to scale",
        {
            "flattened-answer": "x_train = train_data.reshape(600, 784).astype('float32')\n"
            "x_test = test_data.reshape(100, 784).astype('float32')"
        },
        score=(10, 24.5),
        says="Divide by 255",
    ),
    Student(
        "dara",
        "loses the biases and leaves the hidden layer linear",
        {
            "counted-answer": "hidden_parameters = 784 * 10\noutput_parameters = 10 * 3\nall_parameters = 7870",
            "architecture-answer": "model = keras.Sequential([keras.Input((784,)), layers.Dense(10), "
            "layers.Dense(3, activation='softmax')])",
        },
        score=(19, 22),
        says="What else does each unit have",
    ),
    Student(
        "eli",
        "raw scores, and a loss that expects probabilities",
        {
            "architecture-answer": "model = keras.Sequential([keras.Input((784,)), "
            "layers.Dense(10, activation='relu'), layers.Dense(3)])"
        },
        score=(15, 24.5),
        says="logarithm",
    ),
    Student(
        "fay",
        "builds the model again after training it",
        {
            "accuracy-answer": "model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation='relu'), "
            "layers.Dense(3, activation='softmax')])\nmodel.compile(loss='categorical_crossentropy', "
            "optimizer='adam', metrics=['accuracy'])\n_, test_accuracy = model.evaluate(x_test, test_labels, verbose=0)"
        },
        score=(20, 24),
        says="accuracy",
    ),
    Student("gil", "handed in the exercise untouched", untouched=True, says="There is no variable `x_train` yet"),
    Student(
        "hana",
        "a loop that never ends",
        {"trained-answer": "epoch = 0\nwhile epoch < 10:\n    loss = 1.0"},
        status="timed out",
        score=(14, 21),
        says="longer than",
    ),
    Student(
        "ivo",
        "a crash of Python itself",
        {"compiled-answer": "import ctypes\nctypes.string_at(0)"},
        status="crashed",
        score=(15, 15),  # the last task stands on its own, and is asked for in a new kernel
        says="crashed",
    ),
    Student(
        "jun",
        "forges evaluate and predict on a network that was never trained",
        {
            "trained-answer": "keras.Model.evaluate = lambda *a, **k: [0.0, 1.0]\n"
            "keras.Model.predict = lambda self, x, **k: np.eye(3)[np.zeros(len(x), int)]\n"
            "keras.Model.__call__ = lambda self, x, **k: np.eye(3)[np.zeros(len(x), int)]\n"
            "class History(dict):\n    history = {'accuracy': [1.0] * 10}\nhistory = History()",
            "deeper-answer": "deeper_model = model",
        },
        score=(14, 18),
        nothing_for=("trained", "accuracy"),
        says="fit",
    ),
    Student("kim", "a file that is no notebook", status="unreadable", raw=b'{"cells": [', says="damaged"),
)
