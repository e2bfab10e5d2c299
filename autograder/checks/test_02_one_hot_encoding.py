"""Checks of exercise 2, one-hot encoding. One class per graded cell, in the field's words."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.exercise.expect import Hint, expect, expect_group, fail
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Submission, as_array
from autograder.language import _


class TestPredicted:
    def test_row(self, submission: Submission) -> None:
        """The one-hot row of a 5"""
        right = np.eye(10)[5]
        found = submission.array("row_of_five")
        expect(found, "`row_of_five`").to_have_shape(
            (10,),
            because="there is one number for each of the ten classes",
            mistakes={
                (1, 10): Hint(
                    "That is a table with one row. The task asks for the row alone: take away one pair of brackets.",
                    id="table-with-one-row",
                ),
                (10, 1): Hint(
                    "That is a column. The task asks for a flat list of ten numbers. Use one pair of brackets.",
                    id="column-asked-for-flat",
                ),
                (): Hint(
                    "One number is the label itself. Its one-hot row has a number for each class. Write all of them.",
                    id="one-number-label-itself",
                ),
                (1,): Hint(
                    "One number is the label itself. Its one-hot row has a number for each class. Write all of them.",
                    id="one-number-label-itself",
                ),
                (6,): Hint(
                    "The row ends at the label. The classes above 5 have a place, too. Fill them in.",
                    id="row-ends-at-label",
                ),
                (5,): Hint(
                    "The row has a place for every class, not just for those below the label. Fill in the rest.",
                    id="row-has-place-for",
                ),
                (9,): Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
                (11,): Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
            },
            hint=Hint("Write one number for each of the ten classes.", id="ten-classes-ten-numbers"),
        )
        expect(found, "`row_of_five`").to_be_close_to(
            right,
            mistakes=[
                (
                    np.eye(10)[4],
                    Hint(
                        "The 1 is in the fifth place. The first place, on the left, belongs to class 0. Count again.",
                        id="fifth-place",
                    ),
                ),
                (
                    np.eye(10)[6],
                    Hint(
                        "Counted one too far: the first place belongs to class 0. Count again.",
                        id="counted-one-too-far",
                    ),
                ),
                (
                    5 * right,
                    Hint(
                        "The row says *where*, not *what*: a 1 in the right place. Write it there.", id="five-its-place"
                    ),
                ),
                (
                    1 - right,
                    Hint(
                        "0 and 1 are swapped: a single 1 marks the class. Turn them round.", id="0-1-exchanged-single"
                    ),
                ),
                (
                    (np.arange(10) <= 5) * 1,
                    Hint("A one-hot row has a single 1. Which place belongs to the class?", id="ones-up-label"),
                ),
                (
                    (np.arange(10) < 5) * 1,
                    Hint("A one-hot row has a single 1. Which place belongs to the class?", id="ones-up-label"),
                ),
                (
                    np.arange(10),
                    Hint(
                        "Those are the classes. In the row, a 1 marks the right one. Where does the 1 go?",
                        id="classes-row-1-marks",
                    ),
                ),
            ],
            hint=Hint(
                "Which place belongs to class 5, if the first belongs to class 0?", id="which-place-belongs-class"
            ),
        )

    def test_table(self, submission: Submission) -> None:
        """The shape of the table for 200 labels"""
        expect(_shape(submission, "table_shape"), "`table_shape`").to_be(
            (200, 10),
            because="each of the 200 labels has a row, and each of the ten classes a column",
            mistakes={
                (10, 200): Hint(
                    "Rows and columns are swapped: the labels are the rows. Swap them back.", id="counted-from-right"
                ),
                (200,): Hint(
                    "Those are the labels. Each becomes a row of ten numbers. Add that axis.",
                    id="labels-each-becomes-row",
                ),
                (200, 1): Hint(
                    "Each row has a place for each of the ten classes. Add that axis.", id="each-row-has-place"
                ),
                (200, 9): Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
                (200, 200): Hint(
                    "There is a column for each *class*, not for each label. Count the classes.",
                    id="column-for-each-label",
                ),
                (2000,): Hint("A table has two axes: labels and classes. Write both lengths.", id="table-has-two-axes"),
                (200, 28, 28, 10): Hint(
                    "The labels are encoded, not the images. Leave out the pixels.", id="labels-encoded-not-images"
                ),
            },
            hint=Hint("How many rows, how many columns?", id="how-many-rows-how"),
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
                (
                    right.T,
                    Hint(
                        "Rows and columns are swapped: one row for each label. Turn them round.",
                        id="rows-columns-exchanged-one-row",
                    ),
                ),
                (np.roll(right, 1, axis=1), _OFF_BY_ONE),
                (np.roll(right, -1, axis=1), _OFF_BY_ONE),
                (np.eye(4)[(labels - 1).clip(0)], _OFF_BY_ONE),
                (
                    np.eye(5)[labels],
                    Hint(
                        "One column too many: the classes run from 0 to `classes - 1`. Count them.",
                        id="column-too-many",
                    ),
                ),
                (
                    right[:, ::-1],
                    Hint(
                        "The columns are in reverse order: column 0 belongs to class 0. Turn them round.",
                        id="columns-reverse-order-column",
                    ),
                ),
                (
                    right * labels[:, None],
                    Hint(
                        "The row says *where*, not *what*: a 1 in the right place. Write it there.", id="five-its-place"
                    ),
                ),
                (1 - right, Hint("0 and 1 are swapped. Turn them round.", id="0-1-exchanged")),
                (
                    labels.astype(float),
                    Hint("Those are the labels, unchanged. Turn each into a row.", id="labels-as-they-were"),
                ),
                (
                    labels[:, None],
                    Hint(
                        "Those are the labels, unchanged, in a column. Turn each into a row.",
                        id="labels-as-they-were-column",
                    ),
                ),
                (
                    right.ravel(),
                    Hint(
                        "The rows are joined. The result is a table with two axes. Keep one row for each label.",
                        id="rows-stick-together-result",
                    ),
                ),
                (
                    np.broadcast_to(right.any(axis=0), right.shape) * 1.0,
                    Hint(
                        "Each row has a 1 for *every* label. Give each row its own place: pair the row numbers with"
                        " the labels.",
                        id="a-1-for-every-label",
                    ),
                ),
                (
                    right[0],
                    Hint(
                        "Only one label is encoded. Every label has a row. Encode all of them.",
                        id="only-one-label-encoded",
                    ),
                ),
                (
                    right.sum(axis=0),
                    Hint(
                        "All labels share one row. Each has a row of its own. Make one for each label.",
                        id="all-labels-one-row",
                    ),
                ),
                (
                    np.minimum(right.sum(axis=0), 1),
                    Hint(
                        "All labels share one row. Each has a row of its own. Make one for each label.",
                        id="all-labels-one-row",
                    ),
                ),
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
                    Hint(
                        "You count the classes as `max + 1` of these labels. Their number is `classes`. Use that.",
                        id="classes-counted-as-max-1",
                    ),
                ),
                (
                    np.eye(2)[[0, 1, 0]],
                    Hint(
                        "Only classes that occur have a column here. Every class has one: there are `classes`."
                        " Use that number.",
                        id="only-classes-occur",
                    ),
                ),
                (
                    np.eye(3)[[0, 2, 0]],
                    Hint(
                        "The columns begin at the smallest label. Column 0 belongs to class 0. Begin there.",
                        id="columns-begin-at-smallest",
                    ),
                ),
            ],
        )

    def test_dtype(self, submission: Submission) -> None:
        """The rows are float32"""
        found = _function(submission, "one_hot", _IF_ENCODING_STOPS)(np.array([0, 2, 1]), 3)
        expect(as_array(found, "`one_hot(...)`"), "`one_hot(labels, classes)`").to_have_dtype(
            "float32",
            mistakes={
                "float64": Hint(
                    "NumPy takes float64 unless you say something else. Look at `dtype` or `astype`.", id="left-float64"
                ),
                "bool": Hint("True and False are not numbers yet. Convert them.", id="true-false"),
                "uint8": Hint(
                    "Rows are compared with probabilities; those are float32. Convert the rows.",
                    id="rows-compared-with-probabilities",
                ),
                "int64": Hint(
                    "Rows are compared with probabilities; those are float32. Convert the rows.",
                    id="rows-compared-with-probabilities",
                ),
            },
            hint=Hint(
                "Look at `dtype` in `np.zeros` and `np.eye`, or at `astype`.",
                id="dtype-float32-np-zeros",
            ),
            stated=True,
        )

    def test_refuses_label_too_large(self, submission: Submission) -> None:
        """It refuses a label above the last class"""
        _refuses(submission, (np.array([0, 3, 1]), 3), _("the label 3, with three classes 0, 1, 2"), _RANGE)

    def test_refuses_negative_label(self, submission: Submission) -> None:
        """It refuses a label below 0"""
        _refuses(submission, (np.array([0, -1, 1]), 3), _("the label -1"), _NEGATIVE)


_OFF_BY_ONE = Hint("The 1 is off by one: column 0 belongs to class 0. Count from there.", id="off-by-one")
_IF_ENCODING_STOPS = Hint(
    "Begin with a table of zeros, shape `(len(labels), classes)`. Which places become 1?", id="one-hot-stops"
)
_RANGE = (
    "Ask first: `if np.any(labels >= classes): raise ValueError(...)`.",
    Hint(
        "A wrong label that nobody notices is found months later. Check for it before you encode.",
        id="wrong-label-passes-silently",
    ),
)
_NEGATIVE = (
    "In NumPy, -1 is the *last* place, so no error appears by itself. Ask: is any label below 0?",
    Hint(
        "Look for a label that is too small, and raise the error that the task names.", id="raise-valueerror-when-one"
    ),
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
                    Hint(
                        "Without the number of classes Keras counts up to the largest label *of this batch*."
                        " Look at `num_classes`.",
                        id="without-number-classes-keras-counts",
                    ),
                ),
                (
                    np.eye(6)[[3, 0, 5, 3]],
                    Hint(
                        "There are ten classes: all the digits, not just those in this batch. Count the digits.",
                        id="number-classes-left-keras",
                    ),
                ),
                (labels, Hint("Those are the labels, unchanged. Turn each into a row.", id="labels-as-they-were")),
                (right.T, Hint("Rows and columns are swapped. Turn them round.", id="rows-columns-exchanged")),
                (
                    labels[:, None],
                    Hint(
                        "Those are the labels, unchanged, in a column. Turn each into a row.", id="labels-as-they-were"
                    ),
                ),
                (np.eye(10)[labels - 1], _OFF_BY_ONE),
                (
                    lambda v: isinstance(v, np.ndarray) and v.shape == (4, 9),
                    Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
                ),
                (
                    lambda v: isinstance(v, np.ndarray) and v.shape == (4, 11),
                    Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
                ),
                (
                    lambda v: isinstance(v, np.ndarray) and v.shape[:1] == (600,),
                    Hint("Encode `batch`, the labels that the task gives.", id="images-encoded"),
                ),
            ],
            hint=Hint("Look at the second argument of `to_categorical`.", id="categorical-has-second-argument"),
        )

    def test_careless_shape(self, submission: Submission) -> None:
        """The shape without the number of classes"""
        expect(_shape(submission, "careless_shape"), "`careless_shape`").to_be(
            (4, 7),
            because="the largest label of the batch is 6",
            mistakes={
                (4, 6): Hint(
                    "The largest label is 6, and the classes begin at 0: how many is that?",
                    id="careless-shape-with-six-columns",
                ),
                (4, 3): Hint(
                    "Three different labels occur, but Keras counts up to the largest one. What is that label?",
                    id="as-many-classes-as-different-labels",
                ),
                (4, 10): Hint(
                    "That is the shape with the number of classes. What does Keras do without it?",
                    id="right-shape-without-num",
                ),
                (4, 4): Hint(
                    "Four labels are four rows. The columns are counted up to the largest label. What is that label?",
                    id="four-labels-four-rows",
                ),
                (7, 4): Hint(
                    "Rows and columns are swapped: the labels are the rows. Swap them back.", id="counted-from-right"
                ),
            },
            hint=Hint("Try it in a cell of your own, without the number of classes.", id="try-keras-utils-categorical"),
        )


class TestDecoded:
    def test_one_hot_rows(self, submission: Submission) -> None:
        """One-hot rows become class numbers"""
        labels = np.array([3, 0, 2, 2, 1, 4])
        rows = np.eye(5)[labels]
        _decodes(submission, rows, labels, _("`decode` of one-hot rows"))

    def test_probabilities(self, submission: Submission) -> None:
        """Given probabilities, it takes the largest"""
        rows = np.random.default_rng(6).dirichlet(np.ones(4), 7)
        rows[0] = [0.3, 0.2, 0.25, 0.25]  # the largest is below one half
        _decodes(submission, rows, rows.argmax(axis=1), _("`decode` of probabilities"))


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
                (
                    _rows(names, alphabet),
                    Hint(
                        "Your columns are in alphabetical order. Use the order in `order`.",
                        id="columns-order-alphabet",
                    ),
                ),
                (
                    _rows(names, seen),
                    Hint(
                        "Your columns are in the order in which the names appear. Use the order in `order`.",
                        id="columns-as-names-appear",
                    ),
                ),
                (
                    _rows(names, order)[:, ::-1],
                    Hint("The columns are in reverse order. Look each name up in `order`.", id="columns-reverse-order"),
                ),
                (
                    _rows(names, order).T,
                    Hint(
                        "Rows and columns are swapped: one row for each name. Turn them round.",
                        id="rows-columns-exchanged-one-row",
                    ),
                ),
                (
                    np.array([order.index(name) for name in names]),
                    Hint("Those are the numbers of the columns. Turn them into rows.", id="numbers-not-rows"),
                ),
                (
                    np.roll(_rows(names, order), 1, axis=1),
                    Hint(
                        "The columns are off by one: `order[0]` is column 0. Count from there.", id="columns-off-by-one"
                    ),
                ),
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
                (
                    _rows(names, ["pea", "fig"]),
                    Hint(
                        "Only names that occur have a column. Every name in `order` has one. Use `order` for the"
                        " columns.",
                        id="only-names-occur-have",
                    ),
                ),
                (
                    _rows(names, ["fig", "pea"]),
                    Hint(
                        "Only names that occur have a column. Every name in `order` has one. Use `order` for the"
                        " columns.",
                        id="only-names-occur-have",
                    ),
                ),
                (
                    _rows(names, sorted(order)),
                    Hint(
                        "Your columns are in alphabetical order. Use the order in `order`.",
                        id="columns-order-alphabet",
                    ),
                ),
            ],
        )

    def test_refuses_unknown_name(self, submission: Submission) -> None:
        """It refuses a name that is not in the order"""
        hints = (
            Hint(
                "What happens to a name without a column? A row of zeros belongs to no class: raise an error instead.",
                id="unknown-name-passes",
            ),
            "For each name, ask whether it is in `order`, and raise an error if it is not.",
        )
        if not submission.error_of("encode_names", ["fig", "oak"], ["fig", "yam"]):
            raise fail('`encode_names` accepts the name "oak", which is not in the order.', hint=hints)
        if submission.error_of("encode_names", ["fig", "yam"], ["fig", "yam"]):
            raise fail(
                "`encode_names` refuses right names as well.",
                hint=Hint("Which names should pass? Try it with names that are all in `order`.", id="refuses-all"),
            )


class TestReordered:
    def test_four_columns(self, submission: Submission) -> None:
        """Each row keeps its class"""
        old, new = ["bat", "cow", "ant", "doe"], ["ant", "bat", "doe", "cow"]
        rows = np.eye(4)[[0, 1, 2, 3, 3, 0, 2]]
        columns = [old.index(name) for name in new]
        back = [new.index(name) for name in old]
        expect(
            _reordered(submission, rows, old, new), _("`reorder` from {old} to {new}", old=old, new=new)
        ).to_be_close_to(
            rows[:, columns],
            mistakes=[
                (rows, Hint("Nothing has moved. Which old column belongs in the first new one?", id="nothing-moved")),
                (
                    rows[:, back],
                    Hint(
                        "That goes the wrong way. For each *new* column: where was it in the old order?", id="way-back"
                    ),
                ),
                (
                    rows[columns],
                    Hint("You moved rows, but the images stay where they are. Move the columns.", id="rows-moved"),
                ),
                (
                    rows[back],
                    Hint("You moved rows, but the images stay where they are. Move the columns.", id="rows-moved"),
                ),
                (rows[:, ::-1], Hint("That only reverses the columns. Look each name up.", id="columns-reversed")),
                (
                    rows[:, columns].T,
                    Hint("Rows and columns are swapped. Turn them round.", id="rows-columns-exchanged"),
                ),
                (
                    rows[:, np.argsort(old)],
                    Hint("The columns are sorted. Use the order in `new_order`.", id="columns-sorted"),
                ),
                (
                    rows[:, columns].argmax(axis=1),
                    Hint(
                        "Those are class numbers. The result is a table again. Keep all the columns.",
                        id="class-numbers-result-table",
                    ),
                ),
            ],
            hint=[
                "For each name in `new_order`: which column was it in `old_order`?",
                "Look at an index after a comma: `table[:, [2, 0]]` takes columns 2 and 0, in this order.",
            ],
        )

    def test_there_and_back(self, submission: Submission) -> None:
        """There and back again, nothing has changed"""
        rng = np.random.default_rng(12)
        old, new = ["dress", "t-shirt", "shoe"], ["t-shirt", "shoe", "dress"]
        rows = np.eye(3)[rng.integers(0, 3, 8)]
        there = _reordered(submission, rows, old, new)
        expect(there, _("`reorder` from {old} to {new}", old=old, new=new)).to_have_shape(
            rows.shape,
            hint=Hint("The columns change places; none is lost. Count them.", id="columns-change-places-none"),
        )
        if np.array_equal(there, rows):
            raise fail(
                "Nothing has moved.",
                hint=Hint("Which old column belongs in the first new one?", id="which-old-column-belongs"),
            )
        expect(_reordered(submission, there, new, old), "there and back").to_be_close_to(
            rows, hint=Hint("For each name in `new_order`: which column was it in `old_order`?", id="for-each-name-new")
        )


class TestDistances:
    def test_between_numbers(self, submission: Submission) -> None:
        """Between class numbers"""
        expect(submission.number("numbers_0_1"), "`numbers_0_1`").to_be(
            1,
            mistakes={-1: Hint("A distance has no sign. Leave it out.", id="distance-with-sign")},
            hint=Hint("How far is it from 0 to 1 on a ruler?", id="how-far-from-0-1"),
        )
        expect(submission.number("numbers_0_9"), "`numbers_0_9`").to_be(
            9,
            mistakes={
                -9: Hint("A distance has no sign. Leave it out.", id="distance-with-sign"),
                81: Hint("That is the square. The distance is its root. Take the root.", id="square-root-distance"),
                10: Hint(
                    "There are ten classes, but count the steps from 0 to 9. How many are there?", id="ten-steps-from-0"
                ),
                1: Hint(
                    "As numbers, 9 is farther from 0 than 1 is. How far?",
                    id="for-numbers-9-lies",
                ),
            },
            hint=Hint("How far is it from 0 to 9 on a ruler?", id="how-far-from-0"),
        )

    def test_between_rows(self, submission: Submission) -> None:
        """Between one-hot rows"""
        for name in ("rows_0_1", "rows_0_9"):
            expect(submission.number(name), f"`{name}`").to_be_about(
                2**0.5,
                0.01,
                because="two rows differ in two places, by 1 each",
                mistakes=[
                    (
                        lambda v: abs(v - 2) < 1e-6,
                        Hint(
                            "That is the sum of the squares. The root is still missing. Take it.", id="squared-distance"
                        ),
                    ),
                    (
                        lambda v: abs(v - 1) < 1e-6,
                        Hint(
                            "The rows differ in two places: one has its 1 here, the other there. Count both.",
                            id="rows-differ-one-place",
                        ),
                    ),
                    (
                        lambda v: abs(v - 9) < 1e-6,
                        Hint("That is the distance of the numbers. Subtract the *rows*.", id="rows-as-far-as-numbers"),
                    ),
                    (
                        lambda v: v == 0,
                        Hint(
                            "The rows are not the same. Subtract them, place by place.",
                            id="rows-not-same-subtract-them",
                        ),
                    ),
                    (
                        lambda v: abs(v - 9 * 2**0.5) < 0.1,
                        Hint(
                            "How far apart the places are does not matter. How many places differ?",
                            id="how-far-apart-places",
                        ),
                    ),
                ],
                hint=Hint(
                    "Subtract the rows: where is it not 0? Square, add up, take the root.",
                    id="subtract-rows-where-something",
                ),
            )

    def test_mean_says(self, submission: Submission) -> None:
        """What the mean of t-shirt and dress stands for"""
        found = submission.text("mean_says").strip().lower()
        expect(found, "`mean_says`").to_be_one_of(
            ["shoe", "shoes", "a shoe"],
            because="the mean of 0 and 2 is 1",
            mistakes={
                "t-shirt": Hint(
                    "The mean of 0 and 2 lies between them. Which class has the number between?",
                    id="between-two-classes-but-which",
                ),
                "dress": Hint(
                    "The mean of 0 and 2 lies between them. Which class has the number between?",
                    id="between-two-classes-but-which",
                ),
                "1": Hint("Yes, and which class has the number 1?", id="yes-which-class-has"),
            },
            hint=Hint("What is the mean of 0 and 2, and which class has that number?", id="0-2-2"),
        )


class TestLosses:
    def test_each_case(self, submission: Submission) -> None:
        """Each case has the loss that fits it"""
        given = {name: _loss(submission, name) for name in _LOSSES}
        hints: list[str] = []
        if given["loss_for_tags"].endswith("categorical_crossentropy"):
            hints.append(
                Hint(
                    "There is a case in which several answers may be right at once, or none. Look for it, and read its"
                    " labels again.",
                    id="one-of-several-for-many",
                )
            )
        if given["loss_for_yes_no"].endswith("categorical_crossentropy"):
            hints.append(
                Hint(
                    "One of the networks has a single output. Which loss asks for one probability only?",
                    id="categorical-for-one-output",
                )
            )
        if "sparse" in given["loss_for_rows"] or given["loss_for_numbers"] == "categorical_crossentropy":
            hints.append(
                Hint(
                    "Two losses differ only in the form of the label, a row or a number. Look at the form in each"
                    " case.",
                    id="form-of-the-label",
                )
            )
        which = _("Is one class right, or could several be? Is the label a row or a number? Ask both for each case.")
        expect_group(given, _LOSSES, hint=[*hints, which])


_LOSSES = {
    "loss_for_rows": "categorical_crossentropy",
    "loss_for_numbers": "sparse_categorical_crossentropy",
    "loss_for_yes_no": "binary_crossentropy",
    "loss_for_tags": "binary_crossentropy",
}


class TestAgreement:
    def test_counts_images(self, submission: Submission) -> None:
        """It counts images, not places"""
        truth = np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3, 0, 0]]
        given = np.eye(4)[[0, 1, 2, 0, 1, 1, 3, 3, 0, 2]]
        _agrees(submission, truth, given, 0.6)

    def test_takes_probabilities(self, submission: Submission) -> None:
        """It also takes probabilities"""
        rng = submission.rng("agreement")
        while True:  # rows that are right although no probability in them reaches one half, and no two mistakes alike
            truth, given = np.eye(4)[rng.integers(0, 4, 11)], rng.dirichlet(np.full(4, 1.5), 11)
            for row in (0, 1, 2):
                given[row] = 0.2 + 0.2 * truth[row] + rng.uniform(-0.05, 0.05, 4)
            right = float((truth.argmax(axis=1) == given.argmax(axis=1)).mean())
            above_half = float(((given > 0.5) == (truth == 1)).all(axis=1).mean())
            if 0.3 < right < 0.8 and len({round(v, 6) for v in (right, 1 - right, above_half, 0)}) == 4:
                break
        _agrees(submission, truth, given, right)


def _shape(submission: Submission, name: str) -> tuple[Any, ...]:
    """A shape that the learner wrote down: a tuple or a list of whole numbers."""
    value = submission.value(name)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        raise fail(
            _("`{name}` should be a shape, such as `(5, 2)`.", name=name),
            hint=Hint("Write numbers in round brackets, with commas between them.", id="numbers-round-brackets-with"),
        )
    if not all(isinstance(n, int) for n in value):
        raise fail(
            _("`{name}` should hold only whole numbers.", name=name),
            hint=Hint("Write the lengths of the axes, such as `(5, 2)`.", id="lengths-axes-such-as"),
        )
    return tuple(value)


def _rows(names: list[str], order: list[str]) -> np.ndarray:
    return np.eye(len(order))[[order.index(name) for name in names]]


def _encodes(submission: Submission, labels: np.ndarray, classes: int, right: np.ndarray, mistakes: Any) -> None:
    found = _function(submission, "one_hot", _IF_ENCODING_STOPS)(labels, classes)
    name = f"`one_hot({labels.tolist()}, {classes})`"
    expect(as_array(found, name), name).to_be_close_to(
        right,
        mistakes=mistakes,
        hint=Hint(
            "Make one row for each label, one column for each class, and a single 1 in each row.", id="whole-block-ones"
        ),
    )


def _function(submission: Submission, name: str, hint: str) -> Callable[..., Any]:
    """The learner's function, which says of an array or a list as a condition what is wrong with it."""
    function = submission.function(name, hint)

    def ask(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Mismatch as stopped:
            if "truth value" not in stopped.message:
                raise
            raise fail(stopped.message, hint=[_MANY_ANSWERS, *stopped.hints]) from None

    return ask


_MANY_ANSWERS = Hint(
    "`if` needs one yes or no, and a whole array gives one for each value. Is the mistake in all of them, or in any?"
    " Look at `np.all` and `np.any`.",
    id="if-over-whole-array",
)


def _refuses(submission: Submission, arguments: tuple[Any, ...], what: str, hint: tuple[str, ...]) -> None:
    """`one_hot` stops with a ValueError for wrong data, and not for right data, too."""
    error = submission.error_of("one_hot", *arguments)
    if not error:
        raise fail(_("`one_hot` takes {what}, and returns something as if nothing were wrong.", what=what), hint=hint)
    if submission.error_of("one_hot", np.array([0, 1]), 3):
        raise fail(
            "`one_hot` refuses right labels as well.",
            hint=Hint("Which labels should pass? Try it with `np.array([0, 1])` and three classes.", id="refuses-all"),
        )
    if error != "ValueError":
        raise fail(
            _("`one_hot` stops with {error} for {what}; the task asks for a ValueError.", error=error, what=what),
            hint=(
                Hint(
                    "Any other error may have another cause. Check for impossible labels, and raise a ValueError"
                    " yourself.",
                    id="not-a-value-error",
                ),
                *hint,
            ),
        )


def _decodes(submission: Submission, rows: np.ndarray, right: np.ndarray, name: str) -> None:
    found = _function(submission, "decode", _("`np.argmax` has an argument `axis`."))(rows)
    expect(as_array(found, "`decode(rows)`"), name).to_be_close_to(
        right,
        mistakes=[
            (
                rows.argmax(axis=0),
                Hint(
                    "For each *column* you look for its largest row. Turn it round: look along the other axis.",
                    id="argmax-along-columns",
                ),
            ),
            (
                np.array(rows.argmax()),
                Hint(
                    "Without `axis`, argmax counts through the whole table. Each row has its own class. Look at"
                    " the argument `axis`.",
                    id="argmax-whole-table",
                ),
            ),
            (
                rows.max(axis=1),
                Hint("Those are the largest values. *Where* are they? Look at `argmax`.", id="max-for-argmax"),
            ),
            (right + 1, Hint("Off by one: the first column is class 0. Leave out the 1.", id="classes-from-one")),
            (
                rows.argmin(axis=1),
                Hint("That is where the smallest value is. Look for the largest.", id="where-smallest-value-stands"),
            ),
            (
                rows.argsort(axis=1),
                Hint("Those are all the columns, sorted. Which one is the largest?", id="all-columns-sorted-which"),
            ),
            (
                right[:, None],
                Hint("The shape should be `(N,)`, a flat array. Take away the second axis.", id="shape-should-be-n"),
            ),
            (np.rint(rows), Hint("Those are still rows. Which column is the largest?", id="rounded")),
            (rows, Hint("Those are still rows. Which column is the largest?", id="rounded")),
            (lambda v: isinstance(v, np.ndarray) and v.ndim == 1 and len(v) != len(right), _NO_EXACT_ONE),
            (lambda v: isinstance(v, np.ndarray) and v.shape == right.shape and not v.any(), _NO_EXACT_ONE),
        ],
        hint=Hint("For each row: in which column is the largest value?", id="for-each-row-which"),
    )


_NO_EXACT_ONE = Hint(
    "Do you look for a value that is exactly 1? A network's probabilities hardly ever are. Take the largest.",
    id="looks-for-exactly-one",
)


def _names(submission: Submission, names: list[str], order: list[str], mistakes: Any) -> None:
    found = _function(submission, "encode_names", _("`list(order).index(name)` is the column of a name."))(names, order)
    says = f"`encode_names({names}, {order})`"
    expect(as_array(found, "`encode_names(...)`"), says).to_be_close_to(
        _rows(names, order),
        mistakes=mistakes,
        hint=Hint("Which column does the first name have? Look it up in `order`.", id="which-column-has-first"),
    )


def _reordered(submission: Submission, rows: np.ndarray, old: list[str], new: list[str]) -> np.ndarray:
    function = _function(
        submission,
        "reorder",
        _("An index takes columns by their numbers, not by their names. Look up each name's number."),
    )
    return as_array(function(rows, old, new), "`reorder(...)`")


def _loss(submission: Submission, name: str) -> str:
    """A loss as the learner wrote it, in Keras's spelling: `CategoricalCrossentropy` is accepted too."""
    text = submission.text(name).strip().removeprefix("keras.losses.").replace("-", "_").replace(" ", "_")
    flat = text.lower().replace("_", "").replace("crossentropy", "")
    known = {"categorical", "sparsecategorical", "binary"}
    if flat not in known:
        raise fail(
            _("`{name}` is {found!r}, which is not one of the three losses.", name=name, found=text[:40]),
            hint=Hint("Copy one of the three names from the task's text.", id="copy-one-three-names"),
        )
    return flat.replace("sparsecategorical", "sparse_categorical") + "_crossentropy"


def _agrees(submission: Submission, truth: np.ndarray, given: np.ndarray, right: float) -> None:
    function = _function(submission, "agreement", _("Decode both tables first: `argmax` along the right axis."))
    found = as_array(function(truth, given), "`agreement(...)`")
    if found.ndim:
        raise fail(
            _("`agreement` returns an array of shape {shape}, but it should return one number.", shape=found.shape),
            hint=Hint(
                "You know for each image whether the two agree. What is the mean of True and False?",
                id="not-averaged",
            ),
        )
    along_columns = float((truth.argmax(axis=0) == given.argmax(axis=0)).mean())
    wrong = [
        (
            float((truth == given).all(axis=1).mean()),
            Hint(
                "Probabilities are never equal to a one-hot row. Decode both first. Compare the classes.",
                id="equal-rows",
            ),
        ),
        (
            float((truth == given).mean()),
            Hint(
                "You compare place by place. Two different rows agree in most places: in all the zeros. Compare"
                " the classes instead.",
                id="you-compare-place-by-place",
            ),
        ),
        (
            float(((given > 0.5) == (truth == 1)).all(axis=1).mean()),
            Hint(
                "Does it look for probabilities above one half? The largest may be smaller. Decode both tables first.",
                id="threshold-for-argmax",
            ),
        ),
        (
            right * len(truth),
            Hint(
                "That is how many agree. The task asks for the share, 0 to 1. Divide by the number of images.",
                id="number-images",
            ),
        ),
        (
            right * 100,
            Hint("That is per cent. The task asks for a share, 0 to 1. Divide it by 100.", id="per-cent-asked-for"),
        ),
        (1 - right, Hint("That is the share that disagrees. What share agrees?", id="disagreement")),
        (
            float((truth == np.rint(given)).mean()),
            Hint(
                "You compare place by place, zeros and all. Decode both first, then compare classes.",
                id="place-by-place",
            ),
        ),
        (
            along_columns,
            Hint("argmax runs along the wrong axis: each *row* has a class. Turn it round.", id="argmax-columns"),
        ),
    ]
    expect(found, "`agreement(true_rows, given_rows)`").to_be_about(
        right,
        1e-6,
        mistakes=[(lambda v, w=w: abs(v - w) < 1e-6, says) for w, says in wrong if abs(w - right) > 1e-3],
        hint=Hint(
            "Which class does each row name? For what share of the images is it the same?", id="which-class-does-each"
        ),
    )
