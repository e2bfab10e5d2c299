"""Checks of exercise 2, one-hot encoding. One class per graded cell, in the field's words."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.data import FASHION_CLASSES
from autograder.exercise.drawing import Answers, told_apart
from autograder.exercise.expect import Hint, expect, expect_group, fail, near, unless_it_ignores
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
                    id="table-for-one-row",
                ),
                (10, 1): Hint(
                    "That is a column. The task asks for a flat list of ten numbers. Use one pair of brackets.",
                    id="column-for-row",
                ),
                (): Hint(
                    "One number is the label itself. Its one-hot row has a number for each class. Write all of them.",
                    id="label-for-its-row",
                ),
                (1,): Hint(
                    "One number is the label itself. Its one-hot row has a number for each class. Write all of them.",
                    id="label-for-its-row",
                ),
                (6,): Hint(
                    "The row ends at the label. The classes above 5 have a place, too. Fill them in.",
                    id="row-ends-at-label",
                ),
                (5,): Hint(
                    "The row has a place for every class, not just for those below the label. Fill in the rest.",
                    id="row-without-later-classes",
                ),
                (9,): Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
                (11,): Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
            },
            hint=Hint("Write one number for each of the ten classes.", id="not-ten-places"),
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
                        id="place-after-the-label",
                    ),
                ),
                (
                    5 * right,
                    Hint(
                        "The row says *where*, not *what*: a 1 in the right place. Write it there.",
                        id="label-in-its-place",
                    ),
                ),
                (
                    1 - right,
                    Hint(
                        "0 and 1 are swapped: a single 1 marks the class. Turn them round.",
                        id="zero-and-one-swapped-in-row",
                    ),
                ),
                (
                    (np.arange(10) <= 5) * 1,
                    Hint("A one-hot row has a single 1. Which place belongs to the class?", id="ones-up-to-the-label"),
                ),
                (
                    (np.arange(10) < 5) * 1,
                    Hint("A one-hot row has a single 1. Which place belongs to the class?", id="ones-up-to-the-label"),
                ),
                (
                    lambda v: np.count_nonzero(v) > 1 and set(np.unique(v)) <= {0, 1},
                    Hint(
                        "There is more than a single 1 in it, but the label is of one class. Which 1 belongs to it?",
                        id="more-than-one-1",
                    ),
                ),
                (
                    np.arange(10),
                    Hint(
                        "Those are the classes. In the row, a 1 marks the right one. Where does the 1 go?",
                        id="classes-for-row",
                    ),
                ),
            ],
            counted=False,
            hint=Hint(
                "Which place belongs to class 5, if the first belongs to class 0?", id="place-of-the-class-not-found"
            ),
        )

    def test_table(self, submission: Submission) -> None:
        """The shape of the table for 200 labels"""
        expect(_shape(submission, "table_shape"), "`table_shape`").to_be(
            (200, 10),
            because="each of the 200 labels has a row, and each of the ten classes a column",
            mistakes={
                (10, 200): Hint(
                    "Rows and columns are swapped: the labels are the rows. Swap them back.",
                    id="counted-from-the-right",
                ),
                (200,): Hint(
                    "Those are the labels. Each becomes a row of ten numbers. Add that axis.",
                    id="class-axis-missing",
                ),
                (200, 1): Hint(
                    "Each row has a place for each of the ten classes. Add that axis.", id="label-axis-alone"
                ),
                (200, 9): Hint("0 to 9 are ten classes. Count the 0, too.", id="nine-classes"),
                (200, 200): Hint(
                    "There is a column for each *class*, not for each label. Count the classes.",
                    id="labels-counted-as-columns",
                ),
                (2000,): Hint(
                    "A table has two axes: labels and classes. Write both lengths.", id="table-shape-not-two-lengths"
                ),
                (200, 28, 28, 10): Hint(
                    "The labels are encoded, not the images. Leave out the pixels.", id="labels-encoded-not-images"
                ),
                **_slips_in_a_table((200, 10)),
            },
            hint=Hint("How many rows, how many columns?", id="table-shape-not-understood"),
        )


class TestEncoded:
    def test_rows(self, submission: Submission) -> None:
        """Each label becomes its row"""
        _encodes(submission, "rows", 4, _some_labels, _encoded)

    def test_absent_class(self, submission: Submission) -> None:
        """A class that no label belongs to keeps its column"""
        _encodes(submission, "absent", 6, _labels_with_gaps, _encoded_with_gaps)

    def test_dtype(self, submission: Submission) -> None:
        """The rows are float32"""
        found = _function(submission, "one_hot", _IF_ENCODING_STOPS)(np.array([0, 2, 1]), 3)
        expect(as_array(found, "`one_hot(...)`"), "`one_hot(labels, classes)`").to_have_dtype(
            "float32",
            mistakes={
                "float64": Hint(
                    "NumPy takes float64 unless you say something else. Look at `dtype` or `astype`.", id="float64-kept"
                ),
                "bool": Hint("True and False are not numbers yet. Convert them.", id="booleans-for-numbers"),
                "uint8": Hint(
                    "Rows are compared with probabilities; those are float32. Convert the rows.",
                    id="whole-numbers-for-float32",
                ),
                "int64": Hint(
                    "Rows are compared with probabilities; those are float32. Convert the rows.",
                    id="whole-numbers-for-float32",
                ),
            },
            hint=Hint(
                "Look at `dtype` in `np.zeros` and `np.eye`, or at `astype`.",
                id="rows-of-another-dtype",
            ),
            stated=True,
        )

    def test_refuses_label_too_large(self, submission: Submission) -> None:
        """It refuses a label above the last class"""
        _refuses(submission, (np.array([0, 3, 1]), 3), _("the label 3, with three classes 0, 1, 2"), _RANGE)

    def test_refuses_negative_label(self, submission: Submission) -> None:
        """It refuses a label below 0"""
        _refuses(submission, (np.array([0, -1, 1]), 3), _("the label -1"), _NEGATIVE)


def _some_labels(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Seven labels (7,) of four classes, of which none is absent."""
    return (rng.permutation(np.concatenate([np.arange(4), rng.integers(0, 4, 3)])),)


def _labels_with_gaps(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Four labels (4,) of two of six classes: not the first, nor the last, and one between them is absent, too."""
    one, other = [(1, 3), (2, 4), (1, 4)][rng.integers(3)]
    return (rng.permutation([one, other, *rng.choice([one, other], 2)]),)


def _encoded(labels: np.ndarray) -> Answers:
    right = np.eye(4)[labels]
    return right, [
        (
            right.T,
            Hint(
                "Rows and columns are swapped: one row for each label. Turn them round.",
                id="rows-and-columns-swapped",
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
        *((three, _THREE_CLASSES) for three in (right[:, :3], right * (np.arange(4) < 3))),
        (
            right[:, ::-1],
            Hint(
                "The columns are in reverse order: column 0 belongs to class 0. Turn them round.",
                id="table-columns-reversed",
            ),
        ),
        (
            right * labels[:, None],
            Hint("The row says *where*, not *what*: a 1 in the right place. Write it there.", id="label-in-its-place"),
        ),
        (1 - right, Hint("0 and 1 are swapped. Turn them round.", id="zero-and-one-swapped")),
        (
            labels.astype(float),
            Hint("Those are the labels, unchanged. Turn each into a row.", id="labels-not-encoded"),
        ),
        (
            labels[:, None],
            Hint(
                "Those are the labels, unchanged, in a column. Turn each into a row.",
                id="labels-as-a-column",
            ),
        ),
        (
            right.ravel(),
            Hint(
                "The rows are joined. The result is a table with two axes. Keep one row for each label.",
                id="rows-joined",
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
                id="one-label-encoded",
            ),
        ),
        (
            right.sum(axis=0),
            Hint(
                "All labels share one row. Each has a row of its own. Make one for each label.",
                id="all-labels-in-one-row",
            ),
        ),
        (
            np.minimum(right.sum(axis=0), 1),
            Hint(
                "All labels share one row. Each has a row of its own. Make one for each label.",
                id="all-labels-in-one-row",
            ),
        ),
    ]


def _encoded_with_gaps(labels: np.ndarray) -> Answers:
    return np.eye(6)[labels], [
        (
            np.eye(labels.max() + 1)[labels],
            Hint(
                "You count the classes as `max + 1` of these labels. Their number is `classes`. Use that.",
                id="classes-from-the-largest-label",
            ),
        ),
        (
            np.eye(2)[(labels == labels.max()) * 1],
            Hint(
                "Only classes that occur have a column here. Every class has one: there are `classes`."
                " Use that number.",
                id="columns-for-labels-that-occur",
            ),
        ),
        (
            np.eye(np.ptp(labels) + 1)[labels - labels.min()],
            Hint(
                "The columns begin at the smallest label. Column 0 belongs to class 0. Begin there.",
                id="columns-from-the-smallest-label",
            ),
        ),
    ]


_THREE_CLASSES = Hint(
    "The last class has no column, or nothing in it. Does a loop end at a fixed number? Look for where the number of"
    " classes comes from.",
    id="three-classes-always",
)
_OFF_BY_ONE = Hint("The 1 is off by one: column 0 belongs to class 0. Count from there.", id="off-by-one")
_IF_ENCODING_STOPS = Hint(
    "Begin with a table of zeros, shape `(len(labels), classes)`. Which places become 1?", id="one-hot-stops"
)
_RANGE = (
    Hint("Is any label too large for the columns that there are? Ask before you encode.", id="too-large-passes"),
    Hint(
        "A wrong label that nobody notices is found months later. Check for it before you encode.",
        id="wrong-label-passes-silently",
    ),
)
_NEGATIVE = (
    Hint(
        "In NumPy, -1 is the *last* place, so no error appears by itself. Ask: is any label below 0?",
        id="minus-one-is-the-last",
    ),
    Hint("Look for a label that is too small, and raise the error that the task names.", id="too-small-passes"),
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
                        id="classes-left-to-keras",
                    ),
                ),
                (
                    np.eye(6)[[3, 0, 5, 3]],
                    Hint(
                        "There are ten classes: all the digits, not just those in this batch. Count the digits.",
                        id="another-number-of-classes",
                    ),
                ),
                (labels, Hint("Those are the labels, unchanged. Turn each into a row.", id="labels-not-encoded")),
                (right.T, Hint("Rows and columns are swapped. Turn them round.", id="rows-and-columns-swapped")),
                (
                    labels[:, None],
                    Hint(
                        "Those are the labels, unchanged, in a column. Turn each into a row.", id="labels-not-encoded"
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
            hint=Hint("Look at the second argument of `to_categorical`.", id="number-of-classes-not-given"),
        )

    def test_careless_shape(self, submission: Submission) -> None:
        """The shape without the number of classes"""
        expect(_shape(submission, "careless_shape"), "`careless_shape`").to_be(
            (4, 7),
            because="the largest label of the batch is 6",
            mistakes={
                (4, 6): Hint(
                    "The largest label is 6, and the classes begin at 0: how many is that?",
                    id="largest-label-for-columns",
                ),
                (4, 3): Hint(
                    "Three different labels occur, but Keras counts up to the largest one. What is that label?",
                    id="different-labels-for-columns",
                ),
                (4, 10): Hint(
                    "That is the shape with the number of classes. What does Keras do without it?",
                    id="careful-shape-for-careless",
                ),
                (4, 4): Hint(
                    "Four labels are four rows. The columns are counted up to the largest label. What is that label?",
                    id="careless-rows-miscounted",
                ),
                (7, 4): Hint(
                    "Rows and columns are swapped: the labels are the rows. Swap them back.",
                    id="counted-from-the-right",
                ),
                **_slips_in_a_table((4, 7)),
            },
            hint=Hint(
                "Try it in a cell of your own, without the number of classes.", id="careless-shape-not-understood"
            ),
        )


class TestDecoded:
    def test_one_hot_rows(self, submission: Submission) -> None:
        """One-hot rows become class numbers"""
        _decodes(submission, "decode rows", _one_hot_rows, _("`decode` of one-hot rows"))

    def test_probabilities(self, submission: Submission) -> None:
        """Given probabilities, it takes the largest"""
        _decodes(submission, "decode probabilities", _probabilities, _("`decode` of probabilities"))


def _one_hot_rows(rng: np.random.Generator) -> tuple[np.ndarray]:
    """One-hot rows (7, 5) in which no class is absent."""
    return (np.eye(5)[rng.permutation(np.concatenate([np.arange(5), rng.integers(0, 5, 2)]))],)


def _probabilities(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Rows of probabilities (8, 4); the largest of the first row is below one half."""
    rows = rng.dirichlet(np.ones(4), 8)
    rows[0] = rng.permutation([0.3, 0.2, 0.26, 0.24])
    return (rows,)


class TestNamed:
    def test_given_order(self, submission: Submission) -> None:
        """The columns are in the given order"""
        _names(submission, "given order", _names_in_order, _named)

    def test_absent_name(self, submission: Submission) -> None:
        """A name that does not occur keeps its column"""
        _names(submission, "absent name", _names_with_gaps, _named_with_gaps)

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


_ANIMALS = ["ant", "bat", "bee", "cat", "cow", "doe", "elk", "fox", "owl", "pig"]


def _names_in_order(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Five names of four, of which none is absent, and the four in some order."""
    order = rng.choice(_ANIMALS, 4, replace=False).tolist()
    return rng.permutation([*order, order[int(rng.integers(4))]]).tolist(), order


def _names_with_gaps(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Three names of two, and an order of four."""
    order = rng.choice(_ANIMALS, 4, replace=False).tolist()
    one, other = rng.choice(order, 2, replace=False).tolist()
    return [one, other, one], order


def _named(names: list[str], order: list[str]) -> Answers:
    alphabet, seen = sorted(order), list(dict.fromkeys(names))
    return _rows(names, order), [
        (_rows(names, order)[:, :3], _THREE_CLASSES),
        (
            _rows(names, alphabet),
            Hint(
                "Your columns are in alphabetical order. Use the order in `order`.",
                id="columns-in-alphabetical-order",
            ),
        ),
        (
            _rows(names, seen),
            Hint(
                "Your columns are in the order in which the names appear. Use the order in `order`.",
                id="columns-in-order-of-appearance",
            ),
        ),
        (
            _rows(names, order)[:, ::-1],
            Hint("The columns are in reverse order. Look each name up in `order`.", id="name-columns-reversed"),
        ),
        (
            _rows(names, order).T,
            Hint(
                "Rows and columns are swapped: one row for each name. Turn them round.",
                id="rows-and-columns-swapped",
            ),
        ),
        (
            np.array([order.index(name) for name in names]),
            Hint("Those are the numbers of the columns. Turn them into rows.", id="column-numbers-for-rows"),
        ),
        (
            np.roll(_rows(names, order), 1, axis=1),
            Hint("The columns are off by one: `order[0]` is column 0. Count from there.", id="columns-off-by-one"),
        ),
        (
            _rows(names, order)[::-1],
            Hint("The rows are in reverse order. Keep the order of the names.", id="names-in-reverse-order"),
        ),
    ]


def _named_with_gaps(names: list[str], order: list[str]) -> Answers:
    seen = list(dict.fromkeys(names))
    return _rows(names, order), [
        (
            _rows(names, seen),
            Hint(
                "Only names that occur have a column. Every name in `order` has one. Use `order` for the columns.",
                id="columns-for-names-that-occur",
            ),
        ),
        (
            _rows(names, seen[::-1]),
            Hint(
                "Only names that occur have a column. Every name in `order` has one. Use `order` for the columns.",
                id="columns-for-names-that-occur",
            ),
        ),
        (
            _rows(names, sorted(order)),
            Hint(
                "Your columns are in alphabetical order. Use the order in `order`.",
                id="columns-in-alphabetical-order",
            ),
        ),
    ]


class TestReordered:
    def test_four_columns(self, submission: Submission) -> None:
        """Each row keeps its class"""
        (rows, old, new), right, mistakes = told_apart(submission.rng("reorder"), _tables, _reorderings)
        function = _reordering(submission)
        others = (rows[:3], old, new), (rows, new, old), (rows, old, old)
        with unless_it_ignores(function, "reorder", (rows, old, new), *others):
            expect(function(rows, old, new), _("`reorder` from {old} to {new}", old=old, new=new)).to_be_close_to(
                right,
                mistakes=mistakes,
                given=(rows,),
                hint=[
                    "For each name in `new_order`: which column was it in `old_order`?",
                    "Look at an index after a comma: `table[:, [2, 0]]` takes columns 2 and 0, in this order.",
                ],
            )

    def test_there_and_back(self, submission: Submission) -> None:
        """There and back again, nothing has changed"""
        rng = submission.rng("there and back")
        old, new = ["dress", "t-shirt", "shoe"], ["t-shirt", "shoe", "dress"]
        rows = np.eye(3)[rng.permutation([0, 0, 1, 1, 2, 2, 2, 0])]
        there = _reordering(submission)(rows, old, new)
        expect(there, _("`reorder` from {old} to {new}", old=old, new=new)).to_have_shape(
            rows.shape,
            hint=Hint("The columns change places; none is lost. Count them.", id="columns-lost"),
        )
        if np.array_equal(there, rows):
            raise fail(
                "Nothing has moved.",
                hint=Hint("Which old column belongs in the first new one?", id="first-column-misplaced"),
            )
        expect(_reordering(submission)(there, new, old), "there and back").to_be_close_to(
            rows,
            hint=Hint("For each name in `new_order`: which column was it in `old_order`?", id="columns-not-looked-up"),
        )


def _tables(rng: np.random.Generator) -> tuple[np.ndarray, list[str], list[str]]:
    """One-hot rows (7, 4) in which no class is absent, and two orders of the classes' names."""
    names = rng.choice(_ANIMALS, 4, replace=False).tolist()
    rows = np.eye(4)[rng.permutation([0, 1, 2, 3, *rng.integers(0, 4, 3)])]
    return rows, names, rng.permutation(names).tolist()


def _reorderings(rows: np.ndarray, old: list[str], new: list[str]) -> Answers:
    columns = [old.index(name) for name in new]
    back = [new.index(name) for name in old]
    return rows[:, columns], [
        (rows, Hint("Nothing has moved. Which old column belongs in the first new one?", id="nothing-moved")),
        (
            rows[:, back],
            Hint("That goes the wrong way. For each *new* column: where was it in the old order?", id="way-back"),
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
        (rows[:, columns[:3]], _THREE_CLASSES),
        (
            rows[:, columns].T,
            Hint("Rows and columns are swapped. Turn them round.", id="rows-and-columns-swapped"),
        ),
        (
            rows[:, np.argsort(old)],
            Hint("The columns are sorted. Use the order in `new_order`.", id="columns-sorted"),
        ),
        (
            rows[:, np.argsort(new)],
            Hint("You sort the new names. Which column was each new name in the *old* order?", id="new-names-sorted"),
        ),
        (
            _one_after_another(rows, columns),
            Hint(
                "You write into the table that you still read from, so one column is lost. Write into a new table.",
                id="column-overwritten",
            ),
        ),
        (
            rows[:, columns].argmax(axis=1),
            Hint(
                "Those are class numbers. The result is a table again. Keep all the columns.",
                id="class-numbers-for-table",
            ),
        ),
        (
            rows[::-1][:, columns],
            Hint("The rows are in reverse order. Only the columns change places: leave the rows.", id="rows-reversed"),
        ),
    ]


def _one_after_another(rows: np.ndarray, columns: list[int]) -> np.ndarray:
    """What becomes of the rows when each column is written into the table that the next one is read from."""
    changed = rows.copy()
    for new, old in enumerate(columns):
        changed[:, new] = changed[:, old]
    return changed


class TestDistances:
    def test_between_numbers(self, submission: Submission) -> None:
        """Between class numbers"""
        expect(submission.number("numbers_0_1"), "`numbers_0_1`").to_be(
            1,
            mistakes={
                -1: Hint("A distance has no sign. Leave it out.", id="distance-with-sign"),
                0: Hint("They would be the same class then. Subtract one from the other.", id="distance-zero"),
                2: Hint("Those are the two classes. Count the steps from one to the other.", id="classes-for-steps"),
            },
            hint=Hint("How far is it from 0 to 1 on a ruler?", id="near-distance-of-numbers-wrong"),
        )
        expect(submission.number("numbers_0_9"), "`numbers_0_9`").to_be(
            9,
            mistakes={
                -9: Hint("A distance has no sign. Leave it out.", id="distance-with-sign"),
                0: Hint("They would be the same class then. Subtract one from the other.", id="distance-zero"),
                8: Hint(
                    "Those are the classes between the two. Count the steps from one to the other.",
                    id="classes-between-counted",
                ),
                18: Hint("That is the way there and back. How long is one way?", id="distance-counted-twice"),
                81: Hint("That is the square. The distance is its root. Take the root.", id="square-for-distance"),
                10: Hint(
                    "There are ten classes, but count the steps from 0 to 9. How many are there?",
                    id="classes-for-steps-to-nine",
                ),
                1: Hint(
                    "As numbers, 9 is farther from 0 than 1 is. How far?",
                    id="far-as-near",
                ),
            },
            hint=Hint("How far is it from 0 to 9 on a ruler?", id="far-distance-of-numbers-wrong"),
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
                        near(2, 1e-6),
                        Hint(
                            "That is the sum of the squares. The root is still missing. Take it.", id="squared-distance"
                        ),
                    ),
                    (
                        near(1, 1e-6),
                        Hint(
                            "The rows differ in two places: one has its 1 here, the other there. Count both.",
                            id="one-differing-place",
                        ),
                    ),
                    (
                        near(9, 1e-6),
                        Hint("That is the distance of the numbers. Subtract the *rows*.", id="rows-as-far-as-numbers"),
                    ),
                    (
                        lambda v: v == 0,
                        Hint(
                            "The rows are not the same. Subtract them, place by place.",
                            id="rows-at-no-distance",
                        ),
                    ),
                    (
                        near(4, 1e-6),
                        Hint(
                            "You square after adding up. Square each difference, add up, and take the root last.",
                            id="squared-for-rooted",
                        ),
                    ),
                    (
                        lambda v: v > 0 and abs(v**2 - 2) > 0.05 and abs(v**2 - round(v**2)) < 0.02 and v**2 < 11,
                        Hint(
                            "That is the root of another number of places. In how many do the two rows differ?",
                            id="places-miscounted",
                        ),
                    ),
                    (
                        near(9 * 2**0.5, 0.1),
                        Hint(
                            "How far apart the places are does not matter. How many places differ?",
                            id="distance-of-places",
                        ),
                    ),
                ],
                hint=Hint(
                    "Subtract the rows: where is it not 0? Square, add up, take the root.",
                    id="distance-of-rows-not-understood",
                ),
            )

    def test_what_means_say(self, submission: Submission) -> None:
        """What the means of t-shirt and dress say, as numbers and as rows"""
        found, shoe = submission.text("mean_says").strip().lower(), submission.number("row_says")
        found = found.removeprefix("a ").removesuffix("s" if found.startswith("shoe") else "")
        if found == "1":
            raise fail(
                "`mean_says` is a number in quotes. The task asks for a class.",
                hint=Hint("Which class has that number? Write its name.", id="number-for-class-name"),
            )
        if found not in FASHION_CLASSES:
            raise fail(
                "`mean_says` is not the name of one of the three classes.",
                hint=Hint("Copy one of the three names from the task's text.", id="mean-label-not-understood"),
            )
        rows = [
            (
                found != "shoe",
                Hint(
                    "Both means lie between two answers. Work out both on paper: one number, and one row of three.",
                    id="mean-label-unnamed",
                ),
            ),
            (
                shoe == 1,
                Hint(
                    "Is the shoe in either of the two rows? Write the two rows below each other.",
                    id="mean-row-as-number",
                ),
            ),
            (
                shoe == 0.5,
                Hint(
                    "That is what a class gets that is in one of the two rows. Write the two rows below each other.",
                    id="share-of-the-undecided",
                ),
            ),
            (
                abs(shoe - 1 / 3) < 0.01,
                Hint(
                    "The mean is taken place by place. Write the two rows below each other.",
                    id="mean-row-spread-evenly",
                ),
            ),
        ]
        expect_group(
            {"mean_says": found, "row_says": shoe},
            {"mean_says": "shoe", "row_says": lambda v: abs(v) < 1e-6},
            hint=[
                *(hint for holds, hint in rows if holds),
                "Take the mean of the two numbers, and then of the two rows, place by place. What does each say?",
            ],
        )


class TestLosses:
    def test_each_case(self, submission: Submission) -> None:
        """Each case has the loss that fits it"""
        given = {name: _loss(submission, name) for name in _LOSSES}
        mistakes = [
            (
                given["loss_for_tags"].endswith("categorical_crossentropy"),
                Hint(
                    "There is a case in which several answers may be right at once, or none. Look for it, and read its"
                    " labels again.",
                    id="one-of-several-for-many",
                ),
            ),
            (
                given["loss_for_yes_no"].endswith("categorical_crossentropy"),
                Hint(
                    "One of the networks has a single output. Which loss asks for one probability only?",
                    id="categorical-for-one-output",
                ),
            ),
            (
                "sparse" in given["loss_for_rows"] or given["loss_for_numbers"] == "categorical_crossentropy",
                Hint(
                    "Two losses differ only in the form of the label, a row or a number. Look at the form in each"
                    " case.",
                    id="form-of-the-label",
                ),
            ),
            (
                "binary_crossentropy" in (given["loss_for_rows"], given["loss_for_numbers"]),
                Hint(
                    "The binary loss asks yes or no. Does it belong to a case in which one of ten digits is right?",
                    id="binary-for-one-of-many",
                ),
            ),
        ]
        which = _("Is one class right, or could several be? Is the label a row or a number? Ask both for each case.")
        expect_group(given, _LOSSES, hint=which, mistakes=mistakes)


_LOSSES = {
    "loss_for_rows": "categorical_crossentropy",
    "loss_for_numbers": "sparse_categorical_crossentropy",
    "loss_for_yes_no": "binary_crossentropy",
    "loss_for_tags": "binary_crossentropy",
}


class TestAgreement:
    def test_counts_images(self, submission: Submission) -> None:
        """It counts images, not places"""
        _agrees(submission, "agreement-rows", _two_tables)

    def test_takes_probabilities(self, submission: Submission) -> None:
        """It also takes probabilities"""
        _agrees(submission, "agreement", _table_and_probabilities)


def _true_classes(rng: np.random.Generator) -> np.ndarray:
    """Forty classes 0 to 3, some more frequent than others."""
    return rng.permutation(np.repeat(np.arange(4), rng.permutation([5, 8, 12, 15])))


def _two_tables(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two tables of one-hot rows (40, 4) that agree in about two of three rows."""
    truth = _true_classes(rng)
    return np.eye(4)[truth], np.eye(4)[np.where(rng.random(40) < 0.6, truth, rng.integers(0, 4, 40))]


def _table_and_probabilities(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One-hot rows and rows of probabilities, both (40, 4); no probability of the first five reaches one half."""
    truth, given = np.eye(4)[_true_classes(rng)], rng.dirichlet(np.full(4, 1.5), 40)
    given = np.where(rng.random((40, 1)) < 0.4, (given + truth) / 2, given)
    given[:5] = 0.2 + 0.2 * truth[:5] + rng.uniform(-0.05, 0.05, (5, 4))
    given[5] = 0.01 + 0.96 * truth[5]
    return truth, given


def _agreements(truth: np.ndarray, given: np.ndarray) -> Answers:
    """The share of rows that name the same class, and what misunderstandings make of that."""
    classes, named = truth.argmax(axis=1), given.argmax(axis=1)
    right = float((classes == named).mean())
    one_for_all = Hint(
        "One of the two tables is decoded to a single class for all images. Each row has its own: look at `axis`.",
        id="one-class-for-all",
    )
    values = Hint(
        "One of the two is a value and no class. *Where* in the row is the largest? Look at `argmax`.",
        id="value-for-class",
    )
    smallest = Hint("In one of the two you look for the smallest value. Look for the largest.", id="smallest-value")
    shifted = Hint(
        "The classes of one table are shifted by one. Both begin at 0: leave out what is added.", id="classes-shifted"
    )
    places = Hint(
        "You compare place by place. Two different rows agree in most places: in all the zeros. Compare the classes"
        " instead.",
        id="place-by-place-comparison",
    )
    if np.isin(given, (0, 1)).all():
        compared = float((truth == given).mean()), places
        nothing = Hint(
            "None at all would agree then. Is the share cut off to a whole number, or is a class compared with"
            " something that is none?",
            id="never-equal",
        )
    else:
        compared = float((truth == np.rint(given)).mean()), places
        nothing = Hint(
            "Probabilities are never equal to a one-hot row. Decode both first. Compare the classes.",
            id="whole-rows-compared",
        )
    wrong: list[tuple[float, str]] = [
        compared,
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
                id="agreeing-count-for-share",
            ),
        ),
        (
            right * 100,
            Hint("That is per cent. The task asks for a share, 0 to 1. Divide it by 100.", id="per-cent-for-agreement"),
        ),
        (1 - right, Hint("That is the share that disagrees. What share agrees?", id="disagreement")),
        (
            1.0,
            Hint(
                "All would agree then. A list in an `if` is true unless it is empty. Is your condition ever false?",
                id="condition-always-true",
            ),
        ),
        *((float(hits.mean()), _FIRST_ROWS) for hits in [(classes == named)[:3]] if not hits.all()),
        (
            float((classes == (given > 0.5).argmax(axis=1)).mean()),
            Hint(
                "Does it look for probabilities above one half? The largest may be smaller. Decode both tables first.",
                id="threshold-for-argmax",
            ),
        ),
        (
            float((truth * given).sum(axis=1).mean()),
            Hint(
                "That is the mean of what the right classes got. Does the largest of each row name the right class?",
                id="mean-probability-for-agreement",
            ),
        ),
        (
            right * len(truth) / truth.shape[1],
            Hint("You divide by the number of classes. How many images are there?", id="divided-by-classes"),
        ),
        (
            float((truth.argmax(axis=0) == given.argmax(axis=0)).mean()),
            Hint("argmax runs along the wrong axis: each *row* has a class. Turn it round.", id="argmax-over-images"),
        ),
        (float((truth.argmax() == named).mean()), one_for_all),
        (float((classes == given.argmax()).mean()), one_for_all),
        (float((classes == 0).mean()), one_for_all),
        (float((named == 0).mean()), one_for_all),
        (float((truth.max(axis=1) == named).mean()), values),
        (float((classes == given.max(axis=1)).mean()), values),
        (float((truth.argmin(axis=1) == named).mean()), smallest),
        (float((classes == given.argmin(axis=1)).mean()), smallest),
        (float((classes + 1 == named).mean()), shifted),
        (float((classes == named + 1).mean()), shifted),
    ]
    # Who is told that none agree may have made any of those that come to 0 for these tables.
    return right, [
        (0.0, nothing),
        *((value, says) for value, says in wrong if value > 1e-9 and abs(value - right) > 1e-9),
    ]


def _shape(submission: Submission, name: str) -> tuple[Any, ...]:
    """A shape that the learner wrote down: a tuple or a list of whole numbers."""
    value = submission.value(name)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        raise fail(
            _("`{name}` should be a shape, such as `(5, 2)`.", name=name),
            hint=Hint("Write numbers in round brackets, with commas between them.", id="shape-not-as-numbers"),
        )
    if not all(isinstance(n, int) for n in value):
        raise fail(
            _("`{name}` should hold only whole numbers.", name=name),
            hint=Hint("Write the lengths of the axes, such as `(5, 2)`.", id="shape-not-as-lengths"),
        )
    return tuple(value)


def _slips_in_a_table(right: tuple[int, int]) -> dict[Any, str]:
    """What may be wrong with the shape of a table of labels that a learner wrote down."""
    return {
        lambda v: len(v) < 2: Hint("A table has two axes: labels and classes. Write both lengths.", id="axis-missing"),
        lambda v: len(v) > 2: Hint(
            "A table has two axes: labels and classes. What would another one count? Leave it out.", id="axis-too-many"
        ),
        lambda v: v[0] != right[0]: Hint(
            "Each label has one row. Count the labels that are to be encoded.", id="rows-miscounted"
        ),
        lambda v: v != right: Hint("Each class has one column. Count the classes again.", id="columns-miscounted"),
    }


def _rows(names: list[str], order: list[str]) -> np.ndarray:
    return np.eye(len(order))[[order.index(name) for name in names]]


def _encodes(
    submission: Submission,
    purpose: str,
    classes: int,
    draw: Callable[[np.random.Generator], tuple[np.ndarray]],
    answers: Callable[[np.ndarray], Answers],
) -> None:
    (labels,), right, mistakes = told_apart(submission.rng(purpose), draw, answers)
    function = _function(submission, "one_hot", _IF_ENCODING_STOPS)
    name = f"`one_hot({labels.tolist()}, {classes})`"
    with unless_it_ignores(function, "one_hot", (labels, classes), (labels[:2], classes), (labels, classes + 2)):
        expect(as_array(function(labels, classes), name), name).to_be_close_to(
            right,
            mistakes=mistakes,
            given=(labels,),
            hint=Hint(
                "Make one row for each label, one column for each class, and a single 1 in each row.",
                id="block-of-ones",
            ),
        )


def _function(submission: Submission, name: str, hint: str) -> Callable[..., Any]:
    """The learner's function, which says of an array or a list as a condition what is wrong with it."""
    function = submission.function(name, hint)

    def ask(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Mismatch as stopped:
            if "ValueError" in stopped.message and not _OF_NUMPY.search(stopped.message):
                raise fail(stopped.message, hint=[_REFUSES_ALL, *stopped.hints]) from None
            if "truth value" not in stopped.message:
                raise
            raise fail(stopped.message, hint=[_MANY_ANSWERS, *stopped.hints]) from None

    return ask


_OF_NUMPY = re.compile(r"truth value|broadcast|shape|array|axis|axes|dimension|convert|literal|is not in list|unpack")
_REFUSES_ALL = Hint(
    "Nothing is wrong with what it was given here. Do you raise this error yourself? A list in an `if` is true unless"
    " it is empty. Look at your condition.",
    id="refuses-all",
)
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


def _decoded(rows: np.ndarray) -> Answers:
    right = rows.argmax(axis=1)
    of_probabilities = [
        (
            (rows > 0.5).argmax(axis=1),
            Hint(
                "Does it look for a value above one half? In some rows there is none. Take the largest of each row.",
                id="threshold-for-largest",
            ),
        ),
        (
            rows @ np.arange(rows.shape[1]),
            Hint(
                "That is the mean of the class numbers, weighted with the row. Which one place is the largest?",
                id="mean-of-the-classes",
            ),
        ),
    ]
    return (
        right,
        [
            *(() if np.isin(rows, (0, 1)).all() else of_probabilities),  # of one-hot rows these are right
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
                    id="argmax-without-axis",
                ),
            ),
            (
                rows.max(axis=1),
                Hint("Those are the largest values. *Where* are they? Look at `argmax`.", id="max-for-argmax"),
            ),
            (right + 1, Hint("Off by one: the first column is class 0. Leave out the 1.", id="classes-from-one")),
            (
                rows[:, :3].argmax(axis=1),
                Hint(
                    "The last class is never the answer. Does a loop end at a fixed number? Ask a row how many places"
                    " it has.",
                    id="three-classes-always",
                ),
            ),
            (
                rows.argmin(axis=1),
                Hint("That is where the smallest value is. Look for the largest.", id="argmin-for-argmax"),
            ),
            (
                rows.argsort(axis=1),
                Hint("Those are all the columns, sorted. Which one is the largest?", id="argsort-for-argmax"),
            ),
            (
                right[:, None],
                Hint(
                    "The shape should be `(N,)`, a flat array. Take away the second axis.",
                    id="classes-with-a-second-axis",
                ),
            ),
            (np.rint(rows), Hint("Those are still rows. Which column is the largest?", id="rounded")),
            (rows, Hint("Those are still rows. Which column is the largest?", id="rounded")),
            (
                right[::-1],
                Hint(
                    "The class numbers are in reverse order. Keep the order of the rows.", id="class-numbers-reversed"
                ),
            ),
        ],
    )


def _decodes(
    submission: Submission, purpose: str, draw: Callable[[np.random.Generator], tuple[np.ndarray]], name: str
) -> None:
    (rows,), right, mistakes = told_apart(submission.rng(purpose), draw, _decoded)
    function = _decoding(submission)
    with unless_it_ignores(function, "decode", (rows,), (rows[:3],)):
        expect(as_array(function(rows), "`decode(rows)`"), name).to_be_close_to(
            right,
            mistakes=[
                *mistakes,
                (
                    lambda v: 0 < np.size(v) < len(right) and np.array_equal(v, right[: np.size(v)]),
                    _FIRST_ROWS,
                ),
                (
                    lambda v: isinstance(v, np.ndarray) and v.ndim == 1 and len(right) != len(v) <= rows.size,
                    _NO_EXACT_ONE,
                ),
                (lambda v: isinstance(v, np.ndarray) and v.shape == right.shape and not v.any(), _NO_EXACT_ONE),
            ],
            given=(rows,),
            hint=Hint("For each row: in which column is the largest value?", id="largest-not-found"),
        )


def _decoding(submission: Submission) -> Callable[[np.ndarray], Any]:
    """The learner's `decode`, which says of a search for a 1 that there need not be one."""
    function = _function(submission, "decode", _("`np.argmax` has an argument `axis`."))

    def ask(rows: np.ndarray) -> Any:
        try:
            return function(rows)
        except Mismatch as stopped:
            if not any(words in stopped.message for words in _NO_ONE_FOUND):
                raise
            raise fail(stopped.message, hint=[_NO_EXACT_ONE, *stopped.hints]) from None

    return ask


_NO_ONE_FOUND = {"1 is not in list": "list.index", "1.0 is not in list": "list.index", "index 0 is out of": "np.where"}
_FIRST_ROWS = Hint(
    "Only the first rows are looked at. Does a loop end at a fixed number? Ask the table how many rows it has.",
    id="first-rows-alone",
)
_NO_EXACT_ONE = Hint(
    "Do you look for a value that is exactly 1? A network's probabilities hardly ever are. Take the largest.",
    id="looks-for-one-exactly",
)


def _names(
    submission: Submission,
    purpose: str,
    draw: Callable[[np.random.Generator], tuple[list[str], list[str]]],
    answers: Callable[[list[str], list[str]], Answers],
) -> None:
    (names, order), right, mistakes = told_apart(submission.rng(purpose), draw, answers)
    function = _function(submission, "encode_names", _("`list(order).index(name)` is the column of a name."))
    others = (names[:2], order), (names, order[::-1])
    with unless_it_ignores(function, "encode_names", (names, order), *others):
        expect(
            as_array(function(names, order), "`encode_names(...)`"), f"`encode_names({names}, {order})`"
        ).to_be_close_to(
            right,
            mistakes=mistakes,
            given=(names, order),
            hint=Hint("Which column does the first name have? Look it up in `order`.", id="first-name-misplaced"),
        )


def _reordering(submission: Submission) -> Callable[..., np.ndarray]:
    function = _function(
        submission,
        "reorder",
        _("An index takes columns by their numbers, not by their names. Look up each name's number."),
    )
    return lambda *arguments: as_array(function(*arguments), "`reorder(...)`")


def _loss(submission: Submission, name: str) -> str:
    """A loss as the learner wrote it, in Keras's spelling: `CategoricalCrossentropy` is accepted too."""
    text = submission.text(name).strip().removeprefix("keras.losses.").replace("-", "_").replace(" ", "_")
    flat = text.lower().replace("_", "").replace("crossentropy", "")
    known = {"categorical", "sparsecategorical", "binary"}
    if flat not in known:
        raise fail(
            _("`{name}` is {found!r}, which is not one of the three losses.", name=name, found=text[:40]),
            hint=Hint("Copy one of the three names from the task's text.", id="class-name-misspelled"),
        )
    return flat.replace("sparsecategorical", "sparse_categorical") + "_crossentropy"


def _agrees(
    submission: Submission, purpose: str, draw: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
) -> None:
    (truth, given), right, mistakes = told_apart(submission.rng(purpose), draw, _agreements)
    function = _function(submission, "agreement", _("Decode both tables first: `argmax` along the right axis."))
    found = as_array(function(truth, given), "`agreement(...)`")
    if found.dtype.kind == "b" and not found.ndim:
        raise fail(
            "`agreement` returns True or False, but it should return one number.",
            hint=Hint(
                "That is one answer for the whole table. For each image, do the two name the same class? Of which share"
                " is it so?",
                id="one-answer-for-the-table",
            ),
        )
    if found.ndim:
        raise fail(
            _("`agreement` returns an array of shape {shape}, but it should return one number.", shape=found.shape),
            hint=Hint(
                "You know for each image whether the two agree. What is the mean of True and False?",
                id="not-averaged",
            ),
        )
    with unless_it_ignores(function, "agreement", (truth, given), (truth, truth), (given, given)):
        expect(found, "`agreement(true_rows, given_rows)`").to_be_about(
            right,
            1e-6,
            mistakes=[(near(wrong, 1e-6), says) for wrong, says in mistakes],
            hint=Hint(
                "Which class does each row name? For what share of the images is it the same?",
                id="agreement-not-understood",
            ),
        )
