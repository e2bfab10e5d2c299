"""Checks of exercise 2, one-hot encoding. One class per graded cell, in the field's words."""

from typing import Any

import numpy as np

from autograder.exercise.expect import expect, fail
from autograder.exercise.submission import Submission, as_array


class TestPredicted:
    def test_row(self, submission: Submission) -> None:
        """The one-hot row of a 5"""
        right = np.eye(10)[5]
        found = submission.array("row_of_five")
        expect(found, "`row_of_five`").to_have_shape(
            (10,),
            because="there is one number for each of the ten classes",
            mistakes={
                (1, 10): "That is a table with one row. Asked for is the row alone: one pair of brackets.",
                (10, 1): "That is a column. Asked for is a flat list of ten numbers.",
                (): "One number is the label itself. Its one-hot row has a number for each class.",
                (1,): "One number is the label itself. Its one-hot row has a number for each class.",
                (6,): "The row ends at the label. The classes above 5 have their place, too.",
                (5,): "The row has a place for every class, not only for those below the label.",
                (9,): "0 to 9 are ten classes.",
                (11,): "0 to 9 are ten classes.",
            },
            hint="Ten classes, ten numbers.",
        )
        expect(found, "`row_of_five`").to_be_close_to(
            right,
            mistakes=[
                (np.eye(10)[4], "The 1 stands in the fifth place. The first place belongs to class 0."),
                (np.eye(10)[6], "Counted one too far: the first place belongs to class 0."),
                (5 * right, "The row says *where*, not *what*: a 1 in the right place."),
                (1 - right, "0 and 1 are exchanged: a single 1 marks the class."),
                (right[::-1], "The places are counted from the left: the first belongs to class 0."),
                ((np.arange(10) <= 5) * 1, "One-hot: a single 1, in the place of the class."),
                ((np.arange(10) < 5) * 1, "One-hot: a single 1, in the place of the class."),
                (np.arange(10), "Those are the classes. In the row a 1 marks the one that is meant."),
            ],
            hint="Which place belongs to class 5, if the first belongs to class 0?",
        )

    def test_table(self, submission: Submission) -> None:
        """The shape of the table for 200 labels"""
        expect(_shape(submission, "table_shape"), "`table_shape`").to_be(
            (200, 10),
            because="each of the 200 labels has a row, and each of the ten classes a column",
            mistakes={
                (10, 200): "Rows and columns are exchanged: the labels are the rows.",
                (200,): "Those are the labels. Each becomes a row of ten numbers.",
                (200, 1): "Each row has a place for each of the ten classes.",
                (200, 9): "0 to 9 are ten classes.",
                (200, 200): "There is a column for each *class*, not for each label.",
                (2000,): "A table has two axes: labels and classes.",
                (200, 28, 28, 10): "The labels are encoded, not the images.",
            },
            hint="How many rows, how many columns?",
        )


class TestEncoded:
    def test_rows(self, submission: Submission) -> None:
        """Each label becomes its row"""
        labels = np.array([2, 0, 3, 1, 2, 2])
        right = np.eye(4)[labels]
        _encodes(
            submission,
            labels,
            4,
            right,
            [
                (right.T, "Rows and columns are exchanged: one row for each label."),
                (np.roll(right, 1, axis=1), _OFF_BY_ONE),
                (np.roll(right, -1, axis=1), _OFF_BY_ONE),
                (np.eye(4)[(labels - 1).clip(0)], _OFF_BY_ONE),
                (np.eye(5)[labels], "One column too many: the classes run from 0 to `classes - 1`."),
                (right[:, ::-1], "The columns are in reverse order: column 0 belongs to class 0."),
                (right * labels[:, None], "The row says *where*, not *what*: a 1 in the right place."),
                (1 - right, "0 and 1 are exchanged."),
                (labels.astype(float), "Those are the labels as they were."),
                (labels[:, None], "Those are the labels as they were, in a column."),
                (right.ravel(), "The rows stick together. The result is a table with two axes."),
                (right[0], "Only one label is encoded. Every label has a row."),
                (right.sum(axis=0), "All labels share one row. Each has a row of its own."),
                (np.minimum(right.sum(axis=0), 1), "All labels share one row. Each has a row of its own."),
            ],
        )

    def test_absent_class(self, submission: Submission) -> None:
        """A class that no label belongs to keeps its column"""
        labels = np.array([1, 3, 1])
        right = np.eye(6)[labels]
        _encodes(
            submission,
            labels,
            6,
            right,
            [
                (
                    np.eye(4)[labels],
                    "You count the classes as `max + 1` of these labels. How many there are is `classes`.",
                ),
                (
                    np.eye(2)[[0, 1, 0]],
                    "Only classes that occur have a column here. Every class has one: there are `classes`.",
                ),
                (np.eye(3)[[0, 2, 0]], "The columns begin at the smallest label. Column 0 belongs to class 0."),
            ],
        )

    def test_dtype(self, submission: Submission) -> None:
        """The rows are float32"""
        found = submission.function("one_hot", _IF_ENCODING_STOPS)(np.array([0, 2, 1]), 3)
        expect(as_array(found, "`one_hot(...)`"), "`one_hot(labels, classes)`").to_have_dtype(
            "float32",
            mistakes={
                "float64": "NumPy takes float64 unless you say something else.",
                "bool": "True and False are no numbers yet. Convert.",
                "uint8": "Rows are compared with probabilities; those are float32.",
                "int64": "Rows are compared with probabilities; those are float32.",
            },
            hint='`dtype="float32"` in `np.zeros` or `np.eye`, or `.astype("float32")` at the end.',
            stated=True,
        )

    def test_refuses_label_too_large(self, submission: Submission) -> None:
        """It refuses a label above the last class"""
        _refuses(submission, "one_hot", (np.array([0, 3, 1]), 3), "the label 3, with three classes 0, 1, 2", _RANGE)

    def test_refuses_negative_label(self, submission: Submission) -> None:
        """It refuses a label below 0"""
        _refuses(submission, "one_hot", (np.array([0, -1, 1]), 3), "the label -1", _NEGATIVE)


_OFF_BY_ONE = "The 1 is off by one: column 0 belongs to class 0."
_IF_ENCODING_STOPS = "Begin with a table of zeros, shape `(len(labels), classes)`. Which places become 1?"
_RANGE = (
    "Ask first: `if np.any(labels >= classes): raise ValueError(...)`.",
    "A wrong label that passes silently is found months later.",
)
_NEGATIVE = (
    "In NumPy -1 is the *last* place, so nothing goes wrong by itself. Ask: is any label below 0?",
    "`raise ValueError(...)` when one is.",
)


class TestByKeras:
    def test_rows(self, submission: Submission) -> None:
        """`batch_rows` has a column for each of the ten digits"""
        labels = np.array([3, 0, 6, 3])
        right = np.eye(10)[labels]
        expect(submission.array("batch_rows"), "`batch_rows`").to_be_close_to(
            right,
            because="there are ten classes, whichever occur in this batch",
            mistakes=[
                (
                    np.eye(7)[labels],
                    "Without the number of classes Keras counts up to the largest label *of this batch*.",
                ),
                (np.eye(6)[[3, 0, 5, 3]], "The number of classes is ten: all digits, not those of this batch."),
                (labels, "Those are the labels as they were."),
                (right.T, "Rows and columns are exchanged."),
                (labels[:, None], "Those are the labels as they were, in a column."),
                (np.eye(10)[labels - 1], _OFF_BY_ONE),
                (lambda v: isinstance(v, np.ndarray) and v.shape == (4, 9), "0 to 9 are ten classes."),
                (lambda v: isinstance(v, np.ndarray) and v.shape == (4, 11), "0 to 9 are ten classes."),
                (
                    lambda v: isinstance(v, np.ndarray) and v.shape[:1] == (600,),
                    "Encode `batch`, the labels of the task.",
                ),
            ],
            hint="`to_categorical` has a second argument, `num_classes`.",
        )

    def test_careless_shape(self, submission: Submission) -> None:
        """The shape without the number of classes"""
        expect(_shape(submission, "careless_shape"), "`careless_shape`").to_be(
            (4, 7),
            because="the largest label of the batch is 6",
            mistakes={
                (4, 6): "The largest label is 6, and the classes begin at 0: how many are that?",
                (4, 3): "Three different labels occur, but Keras counts up to the largest one.",
                (4, 10): "That is the right shape. Without `num_classes` Keras cannot know of ten classes.",
                (4, 4): "Four labels are four rows. The columns are counted up to the largest label.",
                (7, 4): "Rows and columns are exchanged: the labels are the rows.",
            },
            hint="Try it: `keras.utils.to_categorical(batch).shape`.",
        )


class TestDecoded:
    def test_one_hot_rows(self, submission: Submission) -> None:
        """One-hot rows become class numbers"""
        labels = np.array([3, 0, 2, 2, 1, 4])
        rows = np.eye(5)[labels]
        _decodes(submission, rows, labels, "`decode` of one-hot rows")

    def test_probabilities(self, submission: Submission) -> None:
        """Of probabilities it takes the largest"""
        rows = np.random.default_rng(6).dirichlet(np.ones(4), 7)
        rows[0] = [0.3, 0.2, 0.25, 0.25]  # the largest is below one half
        _decodes(submission, rows, rows.argmax(axis=1), "`decode` of probabilities")


class TestNamed:
    def test_given_order(self, submission: Submission) -> None:
        """The columns are in the given order"""
        names, order = ["owl", "cat", "elk", "cat", "bee"], ["elk", "owl", "cat", "bee"]
        alphabet, seen = sorted(order), ["owl", "cat", "elk", "bee"]
        _names(
            submission,
            names,
            order,
            [
                (_rows(names, alphabet), "Your columns are in the order of the alphabet. Take the order in `order`."),
                (
                    _rows(names, seen),
                    "Your columns are in the order in which the names appear. Take the order in `order`.",
                ),
                (_rows(names, order)[:, ::-1], "The columns are in reverse order."),
                (_rows(names, order).T, "Rows and columns are exchanged: one row for each name."),
                (
                    np.array([order.index(name) for name in names]),
                    "Those are the numbers of the columns. Make rows of them.",
                ),
                (np.roll(_rows(names, order), 1, axis=1), "The columns are off by one: `order[0]` is column 0."),
            ],
        )

    def test_absent_name(self, submission: Submission) -> None:
        """A name that does not occur keeps its column"""
        names, order = ["fig", "pea", "fig"], ["yam", "pea", "nut", "fig"]
        _names(
            submission,
            names,
            order,
            [
                (_rows(names, ["pea", "fig"]), "Only names that occur have a column. Every name in `order` has one."),
                (_rows(names, ["fig", "pea"]), "Only names that occur have a column. Every name in `order` has one."),
                (
                    _rows(names, sorted(order)),
                    "Your columns are in the order of the alphabet. Take the order in `order`.",
                ),
            ],
        )

    def test_refuses_unknown_name(self, submission: Submission) -> None:
        """It refuses a name that is not in the order"""
        _refuses(
            submission,
            "encode_names",
            (["fig", "oak"], ["fig", "yam"]),
            'the name "oak", which is not in the order',
            (
                "What becomes of a name without a column? A row of zeros belongs to no class.",
                "`list.index` stops by itself; otherwise: `if name not in order: raise ValueError(...)`.",
            ),
        )


class TestReordered:
    def test_four_columns(self, submission: Submission) -> None:
        """Each row keeps its class"""
        old, new = ["bat", "cow", "ant", "doe"], ["ant", "bat", "doe", "cow"]
        rows = np.eye(4)[[0, 1, 2, 3, 3, 0, 2]]
        columns = [old.index(name) for name in new]
        back = [new.index(name) for name in old]
        expect(_reordered(submission, rows, old, new), f"`reorder` from {old} to {new}").to_be_close_to(
            rows[:, columns],
            mistakes=[
                (rows, "Nothing has moved. Which old column belongs in the first new one?"),
                (rows[:, back], "That is the way back. For each *new* column: where was it in the old order?"),
                (rows[columns], "You moved rows. The images stay where they are; the columns move."),
                (rows[back], "You moved rows. The images stay where they are; the columns move."),
                (rows[:, ::-1], "That only reverses the columns. Look each name up."),
                (rows[:, columns].T, "Rows and columns are exchanged."),
                (rows[:, np.argsort(old)], "The columns are sorted. Take the order in `new_order`."),
                (rows[:, columns].argmax(axis=1), "Those are class numbers. The result is a table again."),
            ],
            hint=[
                "For each name in `new_order`: which column was it in `old_order`?",
                "`rows[:, columns]` takes the columns with these numbers, in this order.",
            ],
        )

    def test_there_and_back(self, submission: Submission) -> None:
        """There and back again nothing has changed"""
        rng = np.random.default_rng(12)
        old, new = ["dress", "t-shirt", "shoe"], ["t-shirt", "shoe", "dress"]
        rows = np.eye(3)[rng.integers(0, 3, 8)]
        there = _reordered(submission, rows, old, new)
        expect(there, f"`reorder` from {old} to {new}").to_have_shape(
            rows.shape, hint="The columns change places; none is lost."
        )
        if np.array_equal(there, rows):
            raise fail("Nothing has moved.", hint="Which old column belongs in the first new one?")
        expect(_reordered(submission, there, new, old), "there and back").to_be_close_to(
            rows, hint="For each name in `new_order`: which column was it in `old_order`?"
        )


class TestDistances:
    def test_between_numbers(self, submission: Submission) -> None:
        """Between class numbers"""
        expect(submission.number("numbers_0_1"), "`numbers_0_1`").to_be(
            1, mistakes={-1: "A distance has no sign."}, hint="How far is it from 0 to 1 on a ruler?"
        )
        expect(submission.number("numbers_0_9"), "`numbers_0_9`").to_be(
            9,
            mistakes={
                -9: "A distance has no sign.",
                81: "That is the square. The root of it is the distance.",
                10: "There are ten classes, but from 0 to 9 it is nine steps.",
                1: "For numbers 9 lies farther away from 0 than 1 does. That is the trouble with them.",
            },
            hint="How far is it from 0 to 9 on a ruler?",
        )

    def test_between_rows(self, submission: Submission) -> None:
        """Between one-hot rows"""
        for name in ("rows_0_1", "rows_0_9"):
            expect(submission.number(name), f"`{name}`").to_be_about(
                2**0.5,
                0.01,
                because="two rows differ in two places, by 1 each",
                mistakes=[
                    (lambda v: abs(v - 2) < 1e-6, "That is the sum of the squares. The root is still missing."),
                    (
                        lambda v: abs(v - 1) < 1e-6,
                        "The rows differ in two places: one has its 1 here, the other there.",
                    ),
                    (lambda v: abs(v - 9) < 1e-6, "That is the distance of the numbers. Subtract the *rows*."),
                    (lambda v: v == 0, "The rows are not the same. Subtract them, place by place."),
                    (lambda v: abs(v - 9 * 2**0.5) < 0.1, "How far apart the places are does not matter."),
                ],
                hint="Subtract the rows: where is something else than 0? Square, add up, take the root.",
            )

    def test_mean_says(self, submission: Submission) -> None:
        """What the mean of t-shirt and dress names"""
        found = submission.text("mean_says").strip().lower()
        expect(found, "`mean_says`").to_be_one_of(
            ["shoe", "shoes", "a shoe"],
            because="the mean of 0 and 2 is 1",
            mistakes={
                "t-shirt": "The mean of 0 and 2 lies between them.",
                "dress": "The mean of 0 and 2 lies between them.",
                "1": "Yes; and which class has the number 1?",
            },
            hint="(0 + 2) / 2",
        )


class TestLosses:
    def test_one_hot_rows(self, submission: Submission) -> None:
        """For one-hot rows"""
        expect(_loss(submission, "loss_for_rows"), "`loss_for_rows`").to_be(
            "categorical_crossentropy",
            mistakes={
                "sparse_categorical_crossentropy": "Sparse means: the class number alone. Here the whole row is given.",
                "binary_crossentropy": "Binary answers each place for itself. Here exactly one class of ten is right.",
            },
            hint="One class of several is right, and the label is a row.",
        )

    def test_class_numbers(self, submission: Submission) -> None:
        """For class numbers"""
        expect(_loss(submission, "loss_for_numbers"), "`loss_for_numbers`").to_be(
            "sparse_categorical_crossentropy",
            mistakes={
                "categorical_crossentropy": "That one expects a row of ten numbers for each image, not a single one.",
                "binary_crossentropy": "Binary is for yes or no. There are ten classes.",
            },
            hint="One class of several is right, and the label is a single number.",
        )

    def test_yes_or_no(self, submission: Submission) -> None:
        """For yes or no"""
        expect(_loss(submission, "loss_for_yes_no"), "`loss_for_yes_no`").to_be(
            "binary_crossentropy",
            mistakes={
                "categorical_crossentropy": "With a single output a softmax would always say 1. Yes or no is binary.",
                "sparse_categorical_crossentropy": "That needs an output for each class. Here is one output.",
            },
            hint="One sigmoid unit, one probability.",
        )

    def test_tags(self, submission: Submission) -> None:
        """For tags of which several may apply"""
        expect(_loss(submission, "loss_for_tags"), "`loss_for_tags`").to_be(
            "binary_crossentropy",
            mistakes={
                "categorical_crossentropy": "These rows are not one-hot: several tags may apply, or none."
                " Each is a question of its own.",
                "sparse_categorical_crossentropy": "A single number cannot say which of several tags apply.",
            },
            hint="Each tag is a question of its own: yes or no?",
        )


class TestAgreement:
    def test_counts_images(self, submission: Submission) -> None:
        """It counts images, not places"""
        truth = np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3, 0, 0]]
        given = np.eye(4)[[0, 1, 2, 0, 1, 1, 3, 3, 0, 2]]
        _agrees(submission, truth, given, 0.6)

    def test_takes_probabilities(self, submission: Submission) -> None:
        """It takes probabilities, too"""
        rng = np.random.default_rng(8)
        truth, given = np.eye(3)[rng.integers(0, 3, 8)], rng.dirichlet(np.ones(3), 8)
        _agrees(submission, truth, given, float((truth.argmax(axis=1) == given.argmax(axis=1)).mean()))


def _shape(submission: Submission, name: str) -> tuple[Any, ...]:
    """A shape that the learner wrote down: a tuple or a list of whole numbers."""
    value = submission.value(name)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        raise fail(
            f"`{name}` should be a shape, such as `(5, 2)`.", hint="Numbers in round brackets, with commas between."
        )
    if not all(isinstance(n, int) for n in value):
        raise fail(f"`{name}` should hold whole numbers only.", hint="The lengths of the axes, such as `(5, 2)`.")
    return tuple(value)


def _rows(names: list[str], order: list[str]) -> np.ndarray:
    return np.eye(len(order))[[order.index(name) for name in names]]


def _encodes(submission: Submission, labels: np.ndarray, classes: int, right: np.ndarray, mistakes: Any) -> None:
    found = submission.function("one_hot", _IF_ENCODING_STOPS)(labels, classes)
    name = f"`one_hot({labels.tolist()}, {classes})`"
    expect(as_array(found, name), name).to_be_close_to(
        right, mistakes=mistakes, hint="One row for each label, one column for each class, a single 1 in each row."
    )


def _refuses(submission: Submission, name: str, arguments: tuple[Any, ...], what: str, hint: tuple[str, ...]) -> None:
    """The function stops with an error for wrong data, and not for right data, too."""
    error = submission.error_of(name, *arguments)
    if not error:
        raise fail(f"`{name}` takes {what}, and returns something as if all were well.", hint=hint)
    if error in ("NameError", "AttributeError", "UnboundLocalError", "SyntaxError", "TypeError"):
        raise fail(
            f"`{name}` stops with {error}, but not because it noticed {what}.",
            hint=("Mend that error first; then ask for labels that cannot be, and `raise ValueError(...)`.", *hint),
        )
    right = (np.array([0, 1]), 3) if name == "one_hot" else (["fig", "yam"], ["fig", "yam"])
    if submission.error_of(name, *right):
        raise fail(f"`{name}` refuses right labels as well.", hint=hint)


def _decodes(submission: Submission, rows: np.ndarray, right: np.ndarray, name: str) -> None:
    found = submission.function("decode", "`np.argmax` has an argument `axis`.")(rows)
    expect(as_array(found, "`decode(rows)`"), name).to_be_close_to(
        right,
        mistakes=[
            (rows.argmax(axis=0), "For each *column* you look for its largest row. Turn it round: `axis=1`."),
            (
                np.array(rows.argmax()),
                "Without `axis`, argmax counts through the whole table. Each row has its own class.",
            ),
            (rows.max(axis=1), "Those are the largest values. Asked for is *where* they stand: argmax."),
            (right + 1, "Off by one: the first column is class 0."),
            (rows.argmin(axis=1), "That is where the smallest value stands."),
            (rows.argsort(axis=1), "Those are all columns, sorted. Which one is the largest?"),
            (right[:, None], "The shape should be `(N,)`, a flat array."),
            (np.rint(rows), "Those are rows still. Which column is the largest?"),
            (rows, "Those are the rows as they were."),
            (lambda v: isinstance(v, np.ndarray) and v.ndim == 1 and len(v) != len(right), _NO_EXACT_ONE),
            (lambda v: isinstance(v, np.ndarray) and v.shape == right.shape and not v.any(), _NO_EXACT_ONE),
        ],
        hint="For each row: in which column stands the largest value?",
    )


_NO_EXACT_ONE = (
    "Do you look for a value that is exactly 1? A network's probabilities hardly ever are. Take the largest."
)


def _names(submission: Submission, names: list[str], order: list[str], mistakes: Any) -> None:
    found = submission.function("encode_names", "`list(order).index(name)` is the column of a name.")(names, order)
    says = f"`encode_names({names}, {order})`"
    expect(as_array(found, "`encode_names(...)`"), says).to_be_close_to(
        _rows(names, order), mistakes=mistakes, hint="Which column has the first name? Look it up in `order`."
    )


def _reordered(submission: Submission, rows: np.ndarray, old: list[str], new: list[str]) -> np.ndarray:
    function = submission.function(
        "reorder", "`rows[:, columns]` takes columns; `columns` is a list of numbers, not of names."
    )
    return as_array(function(rows, old, new), "`reorder(...)`")


def _loss(submission: Submission, name: str) -> str:
    """A loss as the learner wrote it, in Keras's spelling: `CategoricalCrossentropy` is accepted too."""
    text = submission.text(name).strip().removeprefix("keras.losses.").replace("-", "_").replace(" ", "_")
    flat = text.lower().replace("_", "").replace("crossentropy", "")
    known = {"categorical", "sparsecategorical", "binary"}
    if flat not in known:
        raise fail(
            f"`{name}` is {text[:40]!r}, which is none of the three losses.",
            hint="Copy one of the three names from the task's text.",
        )
    return flat.replace("sparsecategorical", "sparse_categorical") + "_crossentropy"


def _agrees(submission: Submission, truth: np.ndarray, given: np.ndarray, right: float) -> None:
    function = submission.function("agreement", "Decode both tables first: `argmax` along the right axis.")
    found = as_array(function(truth, given), "`agreement(...)`")
    if found.ndim:
        raise fail(
            f"`agreement` returns an array of shape {found.shape}, but it should return one number.",
            hint="You know for each image whether the two agree. Which share is that? The mean of True and False.",
        )
    along_columns = float((truth.argmax(axis=0) == given.argmax(axis=0)).mean())
    wrong = [
        (
            float((truth == given).all(axis=1).mean()),
            "Probabilities are never equal to a one-hot row. Decode both first.",
        ),
        (
            float((truth == given).mean()),
            "You compare place by place. Two different rows agree in most places: in all the zeros.",
        ),
        (right * len(truth), "That is how many agree. Asked for is the share, 0 to 1."),
        (right * 100, "That is per cent. Asked for is a share, 0 to 1."),
        (1 - right, "That is the share that disagrees."),
        (
            float((truth == np.rint(given)).mean()),
            "You compare place by place, zeros and all. Compare classes: decode both first.",
        ),
        (along_columns, "argmax runs along the wrong axis: each *row* has a class."),
    ]
    expect(found, "`agreement(true_rows, given_rows)`").to_be_about(
        right,
        1e-6,
        mistakes=[(lambda v, w=w: abs(v - w) < 1e-6, says) for w, says in wrong if abs(w - right) > 1e-3],
        hint="Which class does each row name? For which share of the images is it the same?",
    )
