"""Exercise 2, one-hot encoding: answers that learners really give."""

from __future__ import annotations

from catalogue import Right, Wrong


def _predicted(row: str = "[0, 0, 0, 0, 0, 1, 0, 0, 0, 0]", shape: str = "(200, 10)") -> dict[str, str]:
    return {"predicted-answer": f"row_of_five = {row}\ntable_shape = {shape}"}


def _function(task: str, head: str, body: tuple[str, ...]) -> dict[str, str]:
    return {f"{task}-answer": f"def {head}:\n" + "".join(f"    {line}\n" for line in body)}


def _one_hot(*body: str, asks: bool = True) -> dict[str, str]:
    ask = "if min(labels) < 0 or max(labels) >= classes: raise ValueError('label out of range')"
    return _function("encoded", "one_hot(labels, classes)", ((ask, *body) if asks else body))


def _by_keras(rows: str = "keras.utils.to_categorical(batch, 10)", careless: str = "(4, 7)") -> dict[str, str]:
    return {"by_keras-answer": f"batch = np.array([3, 0, 6, 3])\nbatch_rows = {rows}\ncareless_shape = {careless}"}


def _decode(*body: str) -> dict[str, str]:
    return _function("decoded", "decode(rows)", body)


def _names(*body: str) -> dict[str, str]:
    return _function("named", "encode_names(names, order)", body)


def _reorder(*body: str) -> dict[str, str]:
    return _function("reordered", "reorder(rows, old_order, new_order)", body)


def _distances(
    near: str = "1",
    far: str = "9",
    rows: str = "2**0.5",
    rows_far: str = "2**0.5",
    says: str = "'shoe'",
    row: str = "0",
) -> dict[str, str]:
    return {
        "distances-answer": f"numbers_0_1 = {near}\nnumbers_0_9 = {far}\n"
        f"rows_0_1 = {rows}\nrows_0_9 = {rows_far}\nmean_says = {says}\nrow_says = {row}"
    }


_CATEGORICAL, _SPARSE, _BINARY = (
    "'categorical_crossentropy'",
    "'sparse_categorical_crossentropy'",
    "'binary_crossentropy'",
)


def _losses(
    rows: str = _CATEGORICAL, numbers: str = _SPARSE, yes_no: str = _BINARY, tags: str = _BINARY
) -> dict[str, str]:
    return {
        "losses-answer": f"loss_for_rows = {rows}\nloss_for_numbers = {numbers}\n"
        f"loss_for_yes_no = {yes_no}\nloss_for_tags = {tags}"
    }


def _agreement(*body: str) -> dict[str, str]:
    return _function("agreement", "agreement(true_rows, given_rows)", body)


_EYE = "return np.eye(classes, dtype='float32')[labels]"

WRONG = [
    Wrong(
        "the fifth place",
        _predicted("[0, 0, 0, 0, 1, 0, 0, 0, 0, 0]"),
        "predicted",
        "fifth-place",
    ),
    Wrong("a five in its place", _predicted("[0, 0, 0, 0, 0, 5, 0, 0, 0, 0]"), "predicted", "The row says *where*"),
    Wrong(
        "the row ends at the label",
        _predicted("[0, 0, 0, 0, 0, 1]"),
        "predicted",
        "The classes above 5 have a place",
    ),
    Wrong(
        "a table with one row",
        _predicted("[[0, 0, 0, 0, 0, 1, 0, 0, 0, 0]]"),
        "predicted",
        "The task asks for the row alone",
    ),
    Wrong("ones up to the label", _predicted("[1, 1, 1, 1, 1, 1, 0, 0, 0, 0]"), "predicted", "ones-up-to-the-label"),
    Wrong("the row as text", _predicted("'0000010000'"), "predicted", "should be an array"),
    Wrong(
        "counted from the right",
        _predicted("[0, 0, 0, 0, 1, 0, 0, 0, 0, 0][::-1]", "(10, 200)"),
        "predicted",
        "the labels are the rows",
    ),
    Wrong("a column for each label", _predicted(shape="(200, 200)"), "predicted", "a column for each *class*"),
    Wrong("nine classes", _predicted(shape="(200, 9)"), "predicted", "0 to 9 are ten classes"),
    Wrong(
        "classes counted as max + 1",
        _one_hot("return np.eye(labels.max() + 1, dtype='float32')[labels]"),
        "encoded",
        "`max + 1` of these labels",
    ),
    Wrong(
        "only classes that occur",
        _one_hot(
            "kinds, index = np.unique(labels, return_inverse=True)", "return np.eye(len(kinds), dtype='float32')[index]"
        ),
        "encoded",
        "Only classes that occur have a column",
    ),
    Wrong(
        "off by one", _one_hot("return np.eye(classes, dtype='float32')[labels - 1]"), "encoded", "The 1 is off by one"
    ),
    Wrong(
        "a column too many",
        _one_hot("return np.eye(classes + 1, dtype='float32')[labels]"),
        "encoded",
        "One column too many",
    ),
    Wrong(
        "rows and columns exchanged",
        _one_hot("return np.eye(classes, dtype='float32')[:, labels]"),
        "encoded",
        "Rows and columns are swapped",
    ),
    Wrong("left in float64", _one_hot("return np.eye(classes)[labels]"), "encoded", "NumPy takes float64"),
    Wrong(
        "true and false",
        _one_hot("return labels[:, None] == np.arange(classes)"),
        "encoded",
        "True and False are not numbers",
    ),
    Wrong(
        "all labels in one row",
        _one_hot("row = np.zeros(classes, 'float32')", "row[labels] = 1", "return row"),
        "encoded",
        "All labels share one row",
    ),
    Wrong(
        "a whole block of ones",
        _one_hot("t = np.zeros((len(labels), classes), 'float32')", "t[:, labels] = 1", "return t"),
        "encoded",
        "a-1-for-every-label",
    ),
    Wrong(
        "a label that is too large passes",
        _one_hot(
            "t = np.zeros((len(labels), classes), 'float32')",
            "for i, n in enumerate(labels):",
            "    if n < 0: raise ValueError(n)",
            "    if n < classes: t[i, n] = 1",
            "return t",
            asks=False,
        ),
        "encoded",
        "too-large-passes",
    ),
    Wrong("minus one is the last class", _one_hot(_EYE, asks=False), "encoded", "not-a-value-error"),
    Wrong(
        "clipped rather than refused",
        _one_hot("return np.eye(classes, dtype='float32')[np.clip(labels, 0, classes - 1)]", asks=False),
        "encoded",
        "too-large-passes",
    ),
    Wrong(
        "comparison with all classes, an assert for the range",
        _one_hot(
            "assert ((labels >= 0) & (labels < classes)).all()",
            "return (labels[:, None] == np.arange(classes)).astype('float32')",
            asks=False,
        ),
        "encoded",
        "not-a-value-error",
    ),
    Wrong(
        "the range asked of a set",
        _one_hot(
            "if not set(labels.tolist()) <= set(range(classes)): raise Exception('out of range')", _EYE, asks=False
        ),
        "encoded",
        "not-a-value-error",
    ),
    Wrong(
        "only the negative asked for, as NumPy stops at the rest",
        _one_hot("if (labels < 0).any(): raise ValueError('negative')", _EYE, asks=False),
        "encoded",
        "not-a-value-error",
    ),
    Wrong(
        "a threshold for the largest",
        _agreement("return ((given_rows > 0.5) == (true_rows == 1)).all(axis=1).mean()"),
        "agreement",
        "threshold-for-argmax",
    ),
    Wrong(
        "an if over a whole array",
        _one_hot("if labels < 0: raise ValueError()", _EYE, asks=False),
        "encoded",
        "if-over-whole-array",
    ),
    Wrong(
        "a shape without its brackets",
        _one_hot("t = np.zeros(len(labels), classes)", "t[range(len(labels)), labels] = 1", "return t"),
        "encoded",
        "one-hot-stops",
    ),
    Wrong(
        "two comparisons joined by or, for a whole array",
        _one_hot("if (labels < 0) or (labels >= classes): raise ValueError()", _EYE, asks=False),
        "encoded",
        "if-over-whole-array",
    ),
    Wrong(
        "an if over whole rows",
        _agreement("hits = 0", "if true_rows == given_rows: hits = 1", "return hits"),
        "agreement",
        "if-over-whole-array",
    ),
    Wrong(
        "the number of classes left to Keras",
        _by_keras("keras.utils.to_categorical(batch)"),
        "by_keras",
        "of this batch",
    ),
    Wrong(
        "as many classes as different labels", _by_keras(careless="(4, 3)"), "by_keras", "counts up to the largest one"
    ),
    Wrong("careless shape with six columns", _by_keras(careless="(4, 6)"), "by_keras", "the classes begin at 0"),
    Wrong(
        "nine classes for ten digits",
        _by_keras("keras.utils.to_categorical(batch, 9)"),
        "by_keras",
        "0 to 9 are ten classes",
    ),
    Wrong(
        "the images encoded",
        _by_keras("keras.utils.to_categorical(train_data[..., 0], 256)[:, 0]"),
        "by_keras",
        "Encode `batch`",
    ),
    Wrong(
        "one_hot of Keras 1",
        _by_keras("keras.utils.np_utils.to_categorical(batch, 10)"),
        "by_keras",
        "your cell stopped with AttributeError",
    ),
    Wrong("argmax along the columns", _decode("return rows.argmax(axis=0)"), "decoded", "argmax-along-columns"),
    Wrong("argmax of the whole table", _decode("return rows.argmax()"), "decoded", "counts through the whole table"),
    Wrong("max for argmax", _decode("return rows.max(axis=1)"), "decoded", "max-for-argmax"),
    Wrong("looks for exactly one", _decode("return np.where(rows == 1)[1]"), "decoded", "a value that is exactly 1"),
    Wrong("classes from one", _decode("return rows.argmax(axis=1) + 1"), "decoded", "the first column is class 0"),
    Wrong("rounded", _decode("return np.rint(rows)"), "decoded", "Which column is the largest"),
    Wrong(
        "columns in alphabetical order",
        _names("kinds = sorted(order)", "return np.eye(len(kinds))[[kinds.index(n) for n in names]]"),
        "named",
        "in alphabetical order",
    ),
    Wrong(
        "columns from np.unique of the names",
        _names("kinds, index = np.unique(names, return_inverse=True)", "return np.eye(len(kinds))[index]"),
        "named",
        "in alphabetical order",
    ),
    Wrong(
        "columns as the names appear",
        _names("kinds = list(dict.fromkeys(names))", "return np.eye(len(kinds))[[kinds.index(n) for n in names]]"),
        "named",
        "in which the names appear",
    ),
    Wrong(
        "numbers, not rows", _names("return np.array([order.index(n) for n in names])"), "named", "Turn them into rows"
    ),
    Wrong(
        "an unknown name becomes a row of zeros",
        _names("return np.array([[float(n == o) for o in order] for n in names])"),
        "named",
        "belongs to no class",
    ),
    Wrong(
        "the wrong way",
        _reorder("return rows[:, [list(new_order).index(n) for n in old_order]]"),
        "reordered",
        "That goes the wrong way",
    ),
    Wrong(
        "rows moved",
        _reorder("return rows[[list(old_order).index(n) for n in new_order]]"),
        "reordered",
        "You moved rows",
    ),
    Wrong("nothing moved", _reorder("return rows"), "reordered", "Nothing has moved"),
    Wrong("columns reversed", _reorder("return rows[:, ::-1]"), "reordered", "only reverses the columns"),
    Wrong(
        "names for indices", _reorder("return rows[:, new_order]"), "reordered", "by their numbers, not by their names"
    ),
    Wrong("columns sorted", _reorder("return rows[:, np.argsort(old_order)]"), "reordered", "The columns are sorted"),
    Wrong("squared distance", _distances(rows="2", rows_far="2"), "distances", "The root is still missing"),
    Wrong("rows differ in one place", _distances(rows="1", rows_far="1"), "distances", "The rows differ in two places"),
    Wrong("rows as far as numbers", _distances(rows_far="9"), "distances", "the distance of the numbers"),
    Wrong("ten steps", _distances(far="10"), "distances", "classes-for-steps-to-nine"),
    Wrong("a distance with a sign", _distances(near="-1"), "distances", "A distance has no sign"),
    Wrong("between two classes, but which", _distances(says="'dress'"), "distances", "mean-label-unnamed"),
    Wrong("the number in quotes", _distances(says="'1'"), "distances", "number-for-class-name"),
    Wrong("no class at all", _distances(says="'coat'"), "distances", "not the name of one"),
    Wrong("the mean of rows as that of numbers", _distances(row="1"), "distances", "mean-row-as-number"),
    Wrong("what one of the two gets", _distances(row="0.5"), "distances", "share-of-the-undecided"),
    Wrong("the same for all three", _distances(row="1 / 3"), "distances", "mean-row-spread-evenly"),
    Wrong("both means wrong", _distances(says="'t-shirt'", row="2"), "distances", "0 of the 2 are right"),
    Wrong("the class's number", _distances(says="1"), "distances", "Write text in quotes"),
    Wrong("sparse for rows", _losses(rows=_SPARSE), "losses", "form-of-the-label"),
    Wrong("categorical for numbers", _losses(numbers=_CATEGORICAL), "losses", "form-of-the-label"),
    Wrong("categorical for yes or no", _losses(yes_no=_CATEGORICAL), "losses", "categorical-for-one-output"),
    Wrong("categorical for tags", _losses(tags=_CATEGORICAL), "losses", "one-of-several-for-many"),
    Wrong("squared error", _losses(rows="'mse'"), "losses", "not one of the three losses"),
    Wrong(
        "losses without quotes",
        _losses(rows="keras.losses.CategoricalCrossentropy()"),
        "losses",
        "Write text in quotes",
    ),
    Wrong("place by place", _agreement("return (true_rows == given_rows).mean()"), "agreement", "place by place"),
    Wrong(
        "rounded, place by place",
        _agreement("return (true_rows == np.rint(given_rows)).mean()"),
        "agreement",
        "place by place",
    ),
    Wrong(
        "equal rows",
        _agreement("return (true_rows == given_rows).all(axis=1).mean()"),
        "agreement",
        "never equal to a one-hot row",
    ),
    Wrong(
        "argmax of the columns",
        _agreement("return (true_rows.argmax(0) == given_rows.argmax(0)).mean()"),
        "agreement",
        "along the wrong axis",
    ),
    Wrong(
        "a number of images",
        _agreement("return (true_rows.argmax(1) == given_rows.argmax(1)).sum()"),
        "agreement",
        "The task asks for the share",
    ),
    Wrong(
        "not averaged",
        _agreement("return true_rows.argmax(1) == given_rows.argmax(1)"),
        "agreement",
        "not-averaged",
    ),
    Wrong(
        "the disagreement",
        _agreement("return (true_rows.argmax(1) != given_rows.argmax(1)).mean()"),
        "agreement",
        "share that disagrees",
    ),
    Wrong("two ones in a row", _predicted(row="[1, 0, 0, 0, 0, 1, 0, 0, 0, 0]"), "predicted", "more-than-one-1"),
    Wrong("one label too many", _predicted(shape="(201, 10)"), "predicted", "rows-miscounted"),
    Wrong("a table with one axis", _predicted(shape="(10,)"), "predicted", "axis-missing"),
    Wrong("a table with three axes", _predicted(shape="(200, 10, 1)"), "predicted", "axis-too-many"),
    Wrong("careless with five labels", _by_keras(careless="(5, 7)"), "by_keras", "rows-miscounted"),
    Wrong("careless with eight columns", _by_keras(careless="(4, 8)"), "by_keras", "columns-miscounted"),
    Wrong("rows of the notebook's labels", _one_hot("return train_labels"), "encoded", "ignores-its-arguments"),
    Wrong("rows never filled", _one_hot("return np.zeros((len(labels), classes))"), "encoded", "all-zeros"),
    Wrong("rows from the last label on", _one_hot(_EYE + "[::-1]"), "encoded", "reverse-order"),
    Wrong("encoded and printed", _one_hot(_EYE.replace("return ", "print(") + ")"), "encoded", "returns-nothing"),
    Wrong("rows as text", _one_hot(_EYE.replace("return ", "return str(") + ")"), "encoded", "text-for-array"),
    Wrong("one class for all rows", _decode("return len(rows) - 1"), "decoded", "one-number-for-many"),
    Wrong(
        "classes from the last row on", _decode("return rows.argmax(axis=1)[::-1]"), "decoded", "class-numbers-reversed"
    ),
    Wrong("names as they came", _names("return names"), "named", "returned-unchanged"),
    Wrong(
        "rows of names from the last on",
        _names("return np.eye(len(order))[[list(order).index(n) for n in names]][::-1]"),
        "named",
        "names-in-reverse-order",
    ),
    Wrong(
        "columns in place, rows reversed",
        _reorder("return rows[:, [list(old_order).index(n) for n in new_order]][::-1]"),
        "reordered",
        "rows-reversed",
    ),
    Wrong(
        "a table in a list of its own",
        _reorder("return [rows[:, [list(old_order).index(n) for n in new_order]].tolist()]"),
        "reordered",
        "brackets-too-many",
    ),
    Wrong(
        "a value compared with a class",
        _agreement("return (true_rows.max(axis=1) == given_rows.argmax(axis=1)).mean()"),
        "agreement",
        "value-for-class",
    ),
    Wrong(
        "one class for the whole table",
        _agreement("return (true_rows.argmax() == given_rows.argmax(axis=1)).mean()"),
        "agreement",
        "one-class-for-all",
    ),
    Wrong(
        "the smallest in one of the tables",
        _agreement("return (true_rows.argmin(axis=1) == given_rows.argmax(axis=1)).mean()"),
        "agreement",
        "smallest-value",
    ),
    Wrong(
        "classes of one table shifted",
        _agreement("return (true_rows.argmax(axis=1) + 1 == given_rows.argmax(axis=1)).mean()"),
        "agreement",
        "classes-shifted",
    ),
    Wrong(
        "the share cut off",
        _agreement("return int((true_rows.argmax(axis=1) == given_rows.argmax(axis=1)).mean())"),
        "agreement",
        "never-equal",
    ),
    Wrong(
        "decoded by a threshold",
        {"decoded-answer": "def decode(rows):\n    return np.argmax(rows > 0.5, axis=1)"},
        "decoded",
        "threshold-for-largest",
    ),
    Wrong(
        "decoded by a product with the class numbers",
        {"decoded-answer": "def decode(rows):\n    return rows @ np.arange(rows.shape[1])"},
        "decoded",
        "mean-of-the-classes",
    ),
    Wrong(
        "decoded by looking for 1 in a list",
        {"decoded-answer": "def decode(rows):\n    return [list(row).index(1) for row in rows]"},
        "decoded",
        "looks-for-one-exactly",
    ),
    Wrong(
        "the new names sorted",
        {"reordered-answer": "def reorder(rows, old_order, new_order):\n    return rows[:, np.argsort(new_order)]"},
        "reordered",
        "new-names-sorted",
    ),
    Wrong(
        "columns written into the table that they are read from",
        {
            "reordered-answer": "def reorder(rows, old_order, new_order):\n"
            "    for new, name in enumerate(new_order):\n"
            "        rows[:, new] = rows[:, list(old_order).index(name)]\n"
            "    return rows"
        },
        "reordered",
        "column-overwritten",
    ),
    Wrong(
        "one answer for the whole table",
        {
            "agreement-answer": "def agreement(true_rows, given_rows):\n"
            "    return np.all(true_rows.argmax(axis=1) == given_rows.argmax(axis=1))"
        },
        "agreement",
        "one-answer-for-the-table",
    ),
    Wrong(
        "divided by the number of classes",
        {
            "agreement-answer": "def agreement(true_rows, given_rows):\n"
            "    same = true_rows.argmax(axis=1) == given_rows.argmax(axis=1)\n"
            "    return np.sum(same) / true_rows.shape[1]"
        },
        "agreement",
        "divided-by-classes",
    ),
    Wrong(
        "the mean of what the right classes got",
        {
            "agreement-answer": "def agreement(true_rows, given_rows):\n"
            "    return np.mean(np.sum(true_rows * given_rows, axis=1))"
        },
        "agreement",
        "mean-probability-for-agreement",
    ),
    Wrong(
        "three columns filled",
        _one_hot(
            "t = np.zeros((len(labels), classes), 'float32')",
            "for i in range(len(labels)):",
            "    for k in range(3):",
            "        if labels[i] == k: t[i, k] = 1",
            "return t",
        ),
        "encoded",
        "three-classes-always",
    ),
    Wrong(
        "as many rows as in the notebook",
        _one_hot(
            "t = np.zeros((len(labels), classes), 'float32')",
            "for i in range(600): t[i, labels[i]] = 1",
            "return t",
        ),
        "encoded",
        "fixed-length",
    ),
    Wrong(
        "a list for a condition, in front of an error",
        _one_hot("if [labels < 0] or [labels >= classes]: raise ValueError('no')", _EYE, asks=False),
        "encoded",
        "refuses-all",
    ),
    Wrong(
        "three rows decoded",
        _decode("return np.array([rows[i].argmax() for i in range(3)])"),
        "decoded",
        "first-rows-alone",
    ),
    Wrong(
        "three columns looked at",
        _decode("return np.array([max(range(3), key=lambda k: row[k]) for row in rows])"),
        "decoded",
        "three-classes-always",
    ),
    Wrong(
        "as many rows as in the notebook, decoded",
        _decode("return np.array([np.argmax(rows[i]) for i in range(len(train_labels))])"),
        "decoded",
        "fixed-length",
    ),
    Wrong(
        "three columns for names",
        _names(
            "for n in names:",
            "    if n not in order: raise ValueError(n)",
            "return np.array([[float(n == order[k]) for k in range(3)] for n in names])",
        ),
        "named",
        "three-classes-always",
    ),
    Wrong(
        "a list for a condition, of names",
        _names(
            "if [n not in order for n in names]: raise ValueError(names)",
            "return np.eye(len(order))[[list(order).index(n) for n in names]]",
        ),
        "named",
        "refuses-all",
    ),
    Wrong(
        "rows for three names",
        _names(
            "t = np.zeros((3, len(order)))",
            "for i, n in enumerate(names): t[i, list(order).index(n)] = 1",
            "return t",
        ),
        "named",
        "fixed-length",
    ),
    Wrong(
        "three columns reordered",
        _reorder("return np.stack([rows[:, list(old_order).index(new_order[k])] for k in range(3)], axis=1)"),
        "reordered",
        "three-classes-always",
    ),
    Wrong(
        "three rows compared",
        _agreement("return np.mean([true_rows[i].argmax() == given_rows[i].argmax() for i in range(3)])"),
        "agreement",
        "first-rows-alone",
    ),
    Wrong(
        "a list for a condition, of rows",
        _agreement(
            "hits = 0",
            "for t, g in zip(true_rows, given_rows):",
            "    if [t.argmax() == g.argmax()]: hits += 1",
            "return hits / len(true_rows)",
        ),
        "agreement",
        "condition-always-true",
    ),
]

RIGHT = [
    Right("predicted by NumPy", _predicted("np.eye(10)[5]", "np.eye(10)[np.zeros(200, int)].shape")),
    Right("predicted with True and False", _predicted("[i == 5 for i in range(10)]", "[200, 10]")),
    Right(
        "zeros, then ones by fancy index",
        _one_hot(
            "t = np.zeros((len(labels), classes), dtype=np.float32)",
            "t[np.arange(len(labels)), labels] = 1.0",
            "return t",
        ),
    ),
    Right(
        "a loop over labels that stops by itself",
        _one_hot(
            "rows = []",
            "for n in labels:",
            "    if n not in range(classes): raise ValueError(f'no class {n}')",
            "    rows.append([1.0 if k == n else 0.0 for k in range(classes)])",
            "return np.array(rows, dtype='float32')",
            asks=False,
        ),
    ),
    Right(
        "put_along_axis",
        _one_hot(
            "t = np.zeros((len(labels), classes), 'f4')", "np.put_along_axis(t, labels[:, None], 1, axis=1)", "return t"
        ),
    ),
    Right(
        "Keras's rows by keyword, as a list",
        _by_keras(
            "keras.utils.to_categorical(x=batch, num_classes=10).tolist()", "keras.utils.to_categorical(batch).shape"
        ),
    ),
    Right(
        "Keras's one_hot operation",
        _by_keras("keras.ops.one_hot(batch, 10)", "list(keras.utils.to_categorical(batch).shape)"),
    ),
    Right("rows from the own function", _by_keras("one_hot(batch, 10)")),
    Right("decoded with axis -1", _decode("return np.argmax(rows, axis=-1)")),
    Right("decoded in a loop, a list returned", _decode("return [list(row).index(max(row)) for row in rows]")),
    Right("decoded by sorting", _decode("return np.argsort(rows, axis=1)[:, -1].astype('uint8')")),
    Right("decoded by Keras", _decode("return keras.ops.argmax(rows, axis=1)")),
    Right(
        "names by a dictionary",
        _names(
            "column = {name: i for i, name in enumerate(order)}",
            "return keras.utils.to_categorical([column[n] for n in names], len(order))",
        ),
    ),
    Right(
        "names compared with the order, and asked for",
        _names(
            "for n in names:",
            "    if n not in order: raise KeyError(n)",
            "return np.array(names)[:, None] == np.array(order)",
        ),
    ),
    Right(
        "an unknown name stops with any error",
        _names(
            "for n in names:",
            "    if n not in order: raise NameError(n)",
            "return np.eye(len(order))[[list(order).index(n) for n in names]]",
        ),
    ),
    Right(
        "one-hot rows by Keras, after the range was asked for",
        _one_hot(
            "if np.any((labels < 0) | (labels >= classes)): raise ValueError()",
            "return keras.utils.to_categorical(labels, classes).astype('float32')",
            asks=False,
        ),
    ),
    Right(
        "names by lists of lists",
        _names(
            "rows = []",
            "for n in names:",
            "    row = [0] * len(order)",
            "    row[order.index(n)] = 1",
            "    rows.append(row)",
            "return rows",
        ),
    ),
    Right(
        "reordered by decoding and encoding",
        _reorder("names = [old_order[k] for k in rows.argmax(axis=1)]", "return encode_names(names, new_order)"),
    ),
    Right(
        "reordered by a matrix",
        _reorder("p = np.array([[float(o == n) for n in new_order] for o in old_order])", "return rows @ p"),
    ),
    Right(
        "reordered column by column",
        _reorder(
            "result = np.zeros_like(rows)",
            "for i, name in enumerate(new_order):",
            "    result[:, i] = rows[:, old_order.index(name)]",
            "return result",
        ),
    ),
    Right(
        "distances computed",
        _distances(
            "abs(0 - 1)",
            "np.abs(0 - 9)",
            "np.linalg.norm(np.eye(10)[0] - np.eye(10)[1])",
            "1.414",
            "FASHION_CLASSES[1]",
        ),
    ),
    Right(
        "losses named like Keras's classes",
        _losses(
            "'CategoricalCrossentropy'",
            "'keras.losses.SparseCategoricalCrossentropy'",
            "'BinaryCrossentropy'",
            "'binary crossentropy'",
        ),
    ),
    Right("agreement with decode", _agreement("return np.mean(decode(true_rows) == decode(given_rows))")),
    Right(
        "agreement counted in a loop",
        _agreement(
            "hits = 0",
            "for t, g in zip(true_rows, given_rows):",
            "    hits += int(np.argmax(t) == np.argmax(g))",
            "return hits / len(true_rows)",
        ),
    ),
    Right(
        "agreement picked from the true rows",
        _agreement("return float(true_rows[np.arange(len(true_rows)), given_rows.argmax(axis=1)].mean())"),
    ),
    Right(
        "an error of one's own that is a ValueError",
        {
            "encoded-answer": "class BadLabel(ValueError):\n    pass\n\n\n"
            "def one_hot(labels, classes):\n"
            "    if ((labels < 0) | (labels >= classes)).any():\n        raise BadLabel(labels)\n"
            "    return np.eye(classes, dtype='float32')[labels]"
        },
    ),
    Right(
        "a list of the wrong labels for a condition",
        _one_hot(
            "if [n for n in labels if n < 0 or n >= classes]: raise ValueError('no')",
            "return np.eye(classes, dtype='float32')[labels]",
            asks=False,
        ),
    ),
]
