"""Exercise 4, softmax: answers that learners really give."""

from __future__ import annotations

from catalogue import Right, Wrong

# Checks of functions need no trained network; without one their entries take no time.
UNTRAINED = {"model-answer": "", "trained-answer": "", "predicted-answer": ""}


def _softmax(body: str) -> dict[str, str]:
    return {"softmax-answer": f"def softmax(z):\n    {body}"}


def _rows(body: str) -> dict[str, str]:
    return {"softmax_rows-answer": f"def softmax_rows(z):\n    {body}"}


def _temperature(temperature: str, limit: str = "0.25") -> dict[str, str]:
    return {"temperature-answer": f"temperature = {temperature}\nhot_limit = {limit}"}


def _cross_entropy(body: str, uniform: str = "2.303") -> dict[str, str]:
    return {"cross_entropy-answer": f"uniform_loss = {uniform}\n\ndef cross_entropy(p, y):\n    {body}"}


GOOD_BODY = "return -np.mean(np.sum(y * np.log(np.clip(p, 1e-7, 1)), axis=1))"


def _losses(
    a: str = "categorical_crossentropy",
    b: str = "sparse_categorical_crossentropy",
    c: str = "binary_crossentropy",
    d: str = "mean_squared_error",
    e: str = "True",
) -> dict[str, str]:
    pairs = zip("abcd", (a, b, c, d), strict=True)
    return {"losses-answer": "\n".join(f"loss_{n} = {v!r}" for n, v in pairs) + f"\nfrom_logits_e = {e}"}


def _model(
    layers: str = 'keras.Input((784,)), layers.Dense(10, activation="softmax")',
    loss: str = '"sparse_categorical_crossentropy"',
    optimizer: str = '"adam"',
    metrics: str = '["accuracy"]',
) -> dict[str, str]:
    return {
        "model-answer": f"model = keras.Sequential([{layers}])\n"
        f"model.compile(loss={loss}, optimizer={optimizer}, metrics={metrics})"
    }


ROWS = (
    'x_train = train_images.reshape(-1, 784).astype("float32") / 255\n'
    'x_test = test_images.reshape(-1, 784).astype("float32") / 255\n'
)


def _train(code: str) -> dict[str, str]:
    return {"trained-answer": ROWS + code}


ONE_EPOCH = _train("history = model.fit(x_train, train_digits, epochs=2, batch_size=128, verbose=0)")


def _predicted(
    probabilities: str = "model.predict(x_test, verbose=0)",
    predicted: str = "np.argmax(probabilities, axis=1)",
    accuracy: str = "np.mean(predicted == test_digits)",
) -> dict[str, str]:
    return ONE_EPOCH | {
        "predicted-answer": f"probabilities = {probabilities}\npredicted = {predicted}\ntest_accuracy = {accuracy}"
    }


def _confusion(body: str) -> dict[str, str]:
    return UNTRAINED | {"confusion-answer": f"def confusion_matrix(true, predicted, classes):\n    {body}"}


def _loop(line: str, size: str = "(classes, classes)") -> dict[str, str]:
    return _confusion(
        f"matrix = np.zeros({size}, dtype=int)\n    for t, p in zip(true, predicted):\n        {line}\n  "
        f"  return matrix"
    )


def _sensitivity(
    body: str = "return matrix[k, k] / matrix[k].sum()",
    tp: str = "36",
    fn: str = "14",
    fp: str = "11",
    tn: str = "89",
    hardest: str = "",
) -> dict[str, str]:
    return {
        "sensitivity-answer": f"true_positives = {tp}\nfalse_negatives = {fn}\nfalse_positives = {fp}\n"
        f"true_negatives = {tn}\n\ndef sensitivity(matrix, k):\n    {body}\n\n{hardest}"
    }


MATRIX = "m = confusion_matrix(test_digits, predicted, 10)\n"
HARDEST = MATRIX + "hardest_digit = np.argmin([sensitivity(m, k) for k in range(10)])"

WRONG = [
    # Softmax of one row
    Wrong("normalised without exp", _softmax("return z / np.sum(z)"), "softmax", "the exponential is missing"),
    Wrong(
        "exponentials not divided",
        _softmax("return np.exp(z - np.max(z)) * np.exp(np.max(z))"),
        "softmax",
        "Divide them by their sum",
    ),
    Wrong("the maximum instead", _softmax("return (z == np.max(z)).astype(float)"), "softmax", "Softmax is soft"),
    Wrong(
        "divided by the largest",
        _softmax("return np.exp(z) / np.max(np.exp(z))"),
        "softmax",
        "divided by the largest exponential",
    ),
    Wrong("sigmoid of each score", _softmax("return 1 / (1 + np.exp(-z))"), "softmax", "That is the sigmoid"),
    Wrong(
        "exponential of the negative",
        _softmax("return np.exp(-z) / np.sum(np.exp(-z))"),
        "softmax",
        "The sign is turned round",
    ),
    Wrong("powers of 2", _softmax("return 2 ** z / np.sum(2 ** z)"), "softmax", "Softmax takes powers of e"),
    Wrong(
        "no stabilisation", _softmax("return np.exp(z) / np.sum(np.exp(z))"), "softmax", "Subtract the largest score"
    ),
    Wrong(
        "large scores cut off",
        _softmax("e = np.exp(np.clip(z, -500, 500))\n    return e / e.sum()"),
        "softmax",
        "Cutting large scores off",
    ),
    Wrong(
        "nan replaced by 0",
        _softmax("return np.nan_to_num(np.exp(z) / np.sum(np.exp(z)))"),
        "softmax",
        "Replacing `nan` by 0",
    ),
    Wrong(
        "a fixed number subtracted",
        _softmax("e = np.exp(z - 1000)\n    return e / e.sum()"),
        "softmax",
        "The result is not a number",
    ),
    Wrong(
        "largest absolute value subtracted",
        _softmax("e = np.exp(z - np.max(np.abs(z)))\n    return e / e.sum()"),
        "softmax",
        "All powers became 0",
    ),
    Wrong("printed, not returned", _softmax("print(np.exp(z) / np.sum(np.exp(z)))"), "softmax", "returned nothing"),
    # Softmax of a batch
    Wrong(
        "along the wrong axis",
        _rows("e = np.exp(z - z.max(axis=0))\n    return e / e.sum(axis=0)"),
        "softmax_rows",
        "Each column adds up to 1",
    ),
    Wrong(
        "over the whole batch",
        _rows("e = np.exp(z - np.max(z))\n    return e / np.sum(e)"),
        "softmax_rows",
        "The whole batch adds up to 1",
    ),
    Wrong(
        "keepdims forgotten",
        _rows("e = np.exp(z - np.max(z, axis=1))\n    return e / np.sum(e, axis=1)"),
        "softmax_rows",
        "keepdims=True",
    ),
    Wrong(
        "largest of the whole batch subtracted",
        _rows("e = np.exp(z - np.max(z))\n    return e / np.sum(e, axis=1, keepdims=True)"),
        "softmax_rows",
        "Subtract each row's own",
    ),
    Wrong(
        "batch not stabilised",
        _rows("e = np.exp(z)\n    return e / np.sum(e, axis=1, keepdims=True)"),
        "softmax_rows",
        "exp(1000) became `inf`",
    ),
    Wrong("only the first row", _rows("return softmax(z[0])"), "softmax_rows", "the first row only"),
    Wrong("the function for one row", _rows("return softmax(z)"), "softmax_rows", "The whole batch adds up to 1"),
    Wrong(
        "one-hot rows",
        _rows("return np.eye(z.shape[1])[np.argmax(z, axis=1)]"),
        "softmax_rows",
        "only marks the largest score",
    ),
    Wrong(
        "math.exp on a batch",
        _rows("import math\n    return math.exp(z) / np.sum(math.exp(z))"),
        "softmax_rows",
        "`math.exp` takes one number",
    ),
    # Temperature
    Wrong("multiplied instead of divided", _temperature("1.63"), "temperature", "You multiplied the scores by it"),
    Wrong("temperature 1", _temperature("1.0"), "temperature", "a lower temperature"),
    Wrong("too cold", _temperature("0.2"), "temperature", "makes the row more even"),
    Wrong("negative temperature", _temperature("-0.6"), "temperature", "turns the order of the scores round"),
    Wrong("the limit taken for 0", _temperature("0.613", "0"), "temperature", "four probabilities add up to 1"),
    Wrong("hot and cold confused", _temperature("0.613", "1.0"), "temperature", "very *low* temperature"),
    Wrong("the limit for ten classes", _temperature("0.613", "0.1"), "temperature", "belongs to ten classes"),
    # Cross-entropy
    Wrong("logarithm to base 10", _cross_entropy(GOOD_BODY, "1.0"), "cross_entropy", "logarithm to base 10"),
    Wrong("logarithm to base 2", _cross_entropy(GOOD_BODY, "3.322"), "cross_entropy", "logarithm to base 2"),
    Wrong("the probability itself", _cross_entropy(GOOD_BODY, "0.1"), "cross_entropy", "the probability itself"),
    Wrong(
        "sign of the logarithm kept", _cross_entropy(GOOD_BODY, "np.log(0.1)"), "cross_entropy", "The sign is missing"
    ),
    Wrong("mean over classes, predicted", _cross_entropy(GOOD_BODY, "0.2303"), "cross_entropy", "it counts whole"),
    Wrong(
        "no sign in the function",
        _cross_entropy("return np.mean(np.sum(y * np.log(np.maximum(p, 1e-7)), axis=1))"),
        "cross_entropy",
        "logarithms of probabilities are negative",
    ),
    Wrong(
        "sum over the images",
        _cross_entropy("return -np.sum(y * np.log(np.maximum(p, 1e-7)))"),
        "cross_entropy",
        "the sum over the images",
    ),
    Wrong(
        "mean over the classes as well",
        _cross_entropy("return -np.mean(y * np.log(np.maximum(p, 1e-7)))"),
        "cross_entropy",
        "The mean runs over classes, too",
    ),
    Wrong(
        "one number for each image",
        _cross_entropy("return -np.sum(y * np.log(np.maximum(p, 1e-7)), axis=1)"),
        "cross_entropy",
        "one number for each image",
    ),
    Wrong(
        "labels ignored",
        _cross_entropy("return -np.mean(np.sum(np.log(np.maximum(p, 1e-7)), axis=1))"),
        "cross_entropy",
        "All classes count here",
    ),
    Wrong(
        "largest probability taken",
        _cross_entropy("return -np.mean(np.log(np.max(p, axis=1)))"),
        "cross_entropy",
        "You took the largest probability",
    ),
    Wrong(
        "binary cross-entropy",
        _cross_entropy(
            "q = np.clip(p, 1e-7, 1 - 1e-7)\n"
            "    return -np.mean(np.sum(y * np.log(q) + (1 - y) * np.log(1 - q), axis=1))"
        ),
        "cross_entropy",
        "binary cross-entropy",
    ),
    Wrong(
        "labels and probabilities swapped",
        _cross_entropy("return -np.mean(np.sum(p * np.log(np.maximum(y, 1e-7)), axis=1))"),
        "cross_entropy",
        "Labels and probabilities are swapped",
    ),
    Wrong(
        "log of zero times zero",
        _cross_entropy("return -np.mean(np.sum(y * np.log(p), axis=1))"),
        "cross_entropy",
        "*before* the logarithm",
    ),
    Wrong(
        "infinite loss",
        _cross_entropy("return -np.mean(np.log(np.sum(y * p, axis=1)))"),
        "cross_entropy",
        "minus infinity",
    ),
    Wrong(
        "zero left out",
        _cross_entropy("q = np.where(p > 0, p, 1)\n    return -np.mean(np.sum(y * np.log(q), axis=1))"),
        "cross_entropy",
        "costs nothing here",
    ),
    # Which loss
    Wrong("sparse for one-hot labels", _losses(a="sparse_categorical_crossentropy"), "losses", "*Sparse* is for class"),
    Wrong("not sparse for class numbers", _losses(b="categorical_crossentropy"), "losses", "Without *sparse*"),
    Wrong("cross-entropy for a price", _losses(d="categorical_crossentropy"), "losses", "A price is an amount"),
    Wrong("squared error for classes", _losses(a="mean_squared_error"), "losses", "Squared error is for amounts"),
    Wrong("one-hot loss for one sigmoid", _losses(c="categorical_crossentropy"), "losses", "nothing is one-hot here"),
    Wrong("no loss of that name", _losses(a="crossentropy"), "losses", "Copy one of the four names"),
    Wrong("logits denied", _losses(e="False"), "losses", "Logits are scores before the softmax"),
    Wrong("True in quotes", _losses(e="'True'"), "losses", "stand without quotes"),
    # The model
    Wrong(
        "a hidden layer",
        _model('keras.Input((784,)), layers.Dense(10, activation="relu"), layers.Dense(10, activation="softmax")'),
        "model",
        "There is a hidden layer",
    ),
    Wrong(
        "three outputs",
        _model('keras.Input((784,)), layers.Dense(3, activation="softmax")'),
        "model",
        "those of the clothes",
    ),
    Wrong(
        "never flattened",
        _model('keras.Input((28, 28)), layers.Dense(10, activation="softmax")'),
        "model",
        "works on the last axis alone",
    ),
    Wrong(
        "scores without from_logits",
        _model("keras.Input((784,)), layers.Dense(10)"),
        "model",
        "no error appears".capitalize(),
    ),
    Wrong(
        "softmax twice",
        _model(loss="keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        "model",
        "Softmax would be applied twice",
    ),
    Wrong(
        "sigmoid for ten classes",
        _model('keras.Input((784,)), layers.Dense(10, activation="sigmoid")'),
        "model",
        "ten separate yes-or-no questions",
    ),
    Wrong("squared error as the loss", _model(loss='"mse"'), "model", "Squared error is for amounts"),
    Wrong("no metrics", _model(metrics="None"), "model", "accuracy should be among them"),
    Wrong("absurd learning rate", _model(optimizer="keras.optimizers.Adam(10.0)"), "model", "the weights jump about"),
    Wrong(
        "not compiled",
        {"model-answer": 'model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation="softmax")])'},
        "model",
        "has not been compiled",
    ),
    # Training
    Wrong(
        "class numbers for the one-hot loss",
        _model(loss='"categorical_crossentropy"')
        | _train("history = model.fit(x_train, train_digits, epochs=2, verbose=0)"),
        "trained",
        "Labels and loss do not belong together",
    ),
    Wrong(
        "one-hot labels for the sparse loss",
        _train("history = model.fit(x_train, keras.utils.to_categorical(train_digits), epochs=2, verbose=0)"),
        "trained",
        "Labels and loss do not belong together",
    ),
    Wrong(
        "images not reshaped",
        {"trained-answer": "history = model.fit(train_images / 255, train_digits, verbose=0)"},
        "trained",
        "Reshape them to rows of 784",
    ),
    Wrong(
        "one epoch",
        _train("history = model.fit(x_train, train_digits, batch_size=128, verbose=0)"),
        "trained",
        "each epoch is one pass",
    ),
    Wrong(
        "pixels not scaled",
        {
            "trained-answer": 'x_train = train_images.reshape(-1, 784).astype("float32")\n'
            "history = model.fit(x_train, train_digits, epochs=2, batch_size=64, verbose=0)"
        },
        "trained",
        "trained on pixels from 0 to 255",
    ),
    Wrong(
        "built again after fit",
        ONE_EPOCH | {"trained-answer": ONE_EPOCH["trained-answer"] + "\n" + _model()["model-answer"]},
        "trained",
        "It has never been trained",
    ),
    Wrong(
        "labels of other images",
        _train("history = model.fit(x_train, train_digits[::-1], epochs=2, batch_size=128, verbose=0)"),
        "trained",
        "in the same order",
    ),
    Wrong(
        "history thrown away",
        _train("model.fit(x_train, train_digits, epochs=2, batch_size=128, verbose=0)\nhistory = model"),
        "trained",
        "Keep it: `history = model.fit(...)`",
    ),
    # Predicting
    Wrong(
        "training images predicted", _predicted("model.predict(x_train, verbose=0)"), "predicted", "the training images"
    ),
    Wrong(
        "one-hot rows for probabilities",
        _predicted("np.eye(10)[model.predict(x_test, verbose=0).argmax(axis=1)]"),
        "predicted",
        "the decision is made already",
    ),
    Wrong(
        "test images not scaled",
        _predicted("model.predict(x_test * 255, verbose=0)"),
        "predicted",
        "Scale the test images like the training images",
    ),
    Wrong(
        "logits for probabilities",
        _model("keras.Input((784,)), layers.Dense(10)", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)")
        | _predicted(),
        "predicted",
        "These are raw scores (logits)",
    ),
    Wrong(
        "argmax over the images",
        _predicted(predicted="np.argmax(probabilities, axis=0)", accuracy="0.9"),
        "predicted",
        "along axis 0, over the images",
    ),
    Wrong("argmax without an axis", _predicted(predicted="np.argmax(probabilities)"), "predicted", "Give it `axis=1`"),
    Wrong(
        "max for argmax",
        _predicted(predicted="np.max(probabilities, axis=1)"),
        "predicted",
        "the largest probabilities themselves",
    ),
    Wrong(
        "digits counted from 1",
        _predicted(predicted="np.argmax(probabilities, axis=1) + 1"),
        "predicted",
        "All are off by one",
    ),
    Wrong(
        "true digits for predicted ones", _predicted(predicted="test_digits"), "predicted", "These are the true digits"
    ),
    Wrong(
        "accuracy in per cent",
        _predicted(accuracy="100 * np.mean(predicted == test_digits)"),
        "predicted",
        "That is in per cent",
    ),
    Wrong(
        "number right for the share",
        _predicted(accuracy="np.sum(predicted == test_digits)"),
        "predicted",
        "Divide by the number of images",
    ),
    Wrong(
        "the loss for the accuracy",
        _predicted(accuracy="model.evaluate(x_test, test_digits, verbose=0)[0]"),
        "predicted",
        "the mean of True and False is a share",
    ),
    # Confusion matrix
    Wrong("transposed", _loop("matrix[p, t] += 1"), "confusion", "It is transposed"),
    Wrong(
        "each pair counted once",
        _confusion("m = np.zeros((classes, classes), int)\n    m[true, predicted] += 1\n    return m"),
        "confusion",
        "adds only once",
    ),
    Wrong(
        "shares of the rows",
        _confusion(
            "m = np.zeros((classes, classes))\n    np.add.at(m, (true, predicted), 1)\n"
            "    return m / np.maximum(m.sum(axis=1, keepdims=True), 1)"
        ),
        "confusion",
        "These are shares of a row",
    ),
    Wrong("only right answers", _loop("matrix[t, t] += t == p"), "confusion", "Only right answers are counted"),
    Wrong("only mistakes", _loop("matrix[t, p] += t != p"), "confusion", "Only mistakes are counted"),
    Wrong(
        "classes counted as largest label + 1",
        _loop("matrix[t, p] += 1", "(max(true) + 1, max(true) + 1)"),
        "confusion",
        "largest label + 1",
    ),
    Wrong(
        "classes that occur",
        _confusion(
            "found = sorted(set(true) | set(predicted))\n    return np.array([[np.sum((true == t) & (predicted == p))"
            " for p in found] for t in found])"
        ),
        "confusion",
        "A class may be absent",
    ),
    Wrong("rows from 1", _loop("matrix[t + 1, p + 1] += 1"), "confusion", "Rows and columns count from 0"),
    Wrong("an accuracy", _confusion("return np.mean(true == predicted)"), "confusion", "One number cannot say"),
    # Sensitivity
    Wrong(
        "positives and negatives swapped",
        UNTRAINED | _sensitivity(fn="11", fp="14"),
        "sensitivity",
        "a false *negative* is a dress",
    ),
    Wrong(
        "false positives of one class",
        UNTRAINED | _sensitivity(fp="9"),
        "sensitivity",
        "Shoes were called dresses, too",
    ),
    Wrong("true negatives on the diagonal", UNTRAINED | _sensitivity(tn="87"), "sensitivity", "it counts, too"),
    Wrong("the whole diagonal", UNTRAINED | _sensitivity(tp="40 + 47 + 36"), "sensitivity", "the whole diagonal"),
    Wrong(
        "precision",
        UNTRAINED | _sensitivity("return matrix[k, k] / matrix[:, k].sum()"),
        "sensitivity",
        "That is the precision",
    ),
    Wrong(
        "accuracy of all classes",
        UNTRAINED | _sensitivity("return np.trace(matrix) / matrix.sum()"),
        "sensitivity",
        "the accuracy over all classes",
    ),
    Wrong(
        "share of all images",
        UNTRAINED | _sensitivity("return matrix[k, k] / matrix.sum()"),
        "sensitivity",
        "You divided by all images",
    ),
    Wrong(
        "specificity",
        UNTRAINED
        | _sensitivity(
            "rest = np.delete(np.delete(matrix, k, 0), k, 1).sum()\n    return rest / (matrix.sum() - matrix[k].sum())"
        ),
        "sensitivity",
        "That is the specificity",
    ),
    Wrong(
        "whole-number division",
        UNTRAINED | _sensitivity("return matrix[k, k] // matrix[k].sum()"),
        "sensitivity",
        "cut the fraction off",
    ),
    Wrong(
        "the easiest digit",
        ONE_EPOCH | _sensitivity(hardest=HARDEST.replace("argmin", "argmax")),
        "sensitivity",
        "is recognised best",
    ),
    Wrong(
        "the sensitivity for its digit",
        ONE_EPOCH | _sensitivity(hardest=MATRIX + "hardest_digit = min(sensitivity(m, k) for k in range(10))"),
        "sensitivity",
        "Which digit does it belong to?",
    ),
]

FUNCTIONAL = """
image = keras.Input((784,))
model = keras.Model(image, layers.Dense(10, activation="softmax")(image))
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
"""
LOGITS = _model(
    "keras.Input((784,)), layers.Dense(10)",
    "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
    "keras.optimizers.RMSprop()",
    "[keras.metrics.SparseCategoricalAccuracy()]",
)
RAW = {
    "trained-answer": "history = model.fit(train_images, train_digits, epochs=4, batch_size=64, verbose=0)",
    "predicted-answer": "probabilities = model.predict(test_images, verbose=0)\n"
    "predicted = probabilities.argmax(axis=-1)\ntest_accuracy = (predicted == test_digits).sum() / len(predicted)",
}

RIGHT = [
    Right("functional model", {"model-answer": FUNCTIONAL}),
    Right(
        "logits with from_logits=True",
        LOGITS
        | {
            "predicted-answer": "probabilities = softmax_rows(model.predict(x_test, verbose=0))\n"
            "predicted = np.argmax(probabilities, axis=1)\ntest_accuracy = float(np.mean(predicted == test_digits))"
        },
    ),
    Right(
        "Rescaling and Flatten inside the model",
        _model("keras.Input((28, 28)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10), layers.Softmax()")
        | RAW,
    ),
    Right(
        "layer by layer, in a helper function, with an Activation layer",
        {
            "model-answer": "def build():\n    net = keras.Sequential()\n    net.add(keras.Input(shape=(784,)))\n"
            '    net.add(layers.Dense(10))\n    net.add(layers.Activation("softmax"))\n    return net\n\n'
            "model = build()\n"
            'model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])'
        },
    ),
    Right(
        "one-hot labels",
        _model(loss='"categorical_crossentropy"')
        | _train(
            "history = model.fit(x_train, keras.utils.to_categorical(train_digits, 10), epochs=4,"
            " batch_size=64, verbose=0)"
        ),
    ),
    Right(
        "SGD, zeros to begin with, a validation split",
        _model(
            'keras.Input((784,)), layers.Dense(10, activation="softmax", kernel_initializer="zeros")',
            optimizer="keras.optimizers.SGD(0.1)",
        )
        | _train("history = model.fit(x_train, train_digits, epochs=4, validation_split=0.1, verbose=0)"),
    ),
    Right(
        "softmax in other words",
        _softmax("e = np.e ** (z - max(z))\n    return list(e / sum(e))")
        | _rows("return np.array([softmax(row) for row in z])"),
    ),
    Right("transposed for the division", _rows("e = np.exp(z.T - z.max(axis=1))\n    return (e / e.sum(axis=0)).T")),
    Right("logarithm of the sum", _softmax("m = z.max()\n    return np.exp(z - (m + np.log(np.exp(z - m).sum())))")),
    Right("Keras's softmax", _rows("return keras.ops.convert_to_numpy(keras.ops.softmax(np.float64(z), axis=-1))")),
    Right(
        "temperature by bisection",
        {
            "temperature-answer": "low, high = 0.05, 10.0\nwhile high - low > 1e-6:\n    middle = (low + high) / 2\n"
            "    if softmax(scores / middle).max() > 0.9:\n        low = middle\n    else:\n        high = middle\n"
            "temperature, hot_limit = middle, softmax(scores / 1e6)[0]"
        },
    ),
    Right(
        "cross-entropy by position",
        _cross_entropy(
            "right = p[np.arange(len(p)), y.argmax(axis=1)]\n    return float(np.mean(-np.log(right + 1e-9)))",
            "-np.log(1 / 10)",
        ),
    ),
    Right(
        "cross-entropy with a loop",
        _cross_entropy(
            "import math\n    total = 0\n    for row, label in zip(p, y):\n"
            "        total -= math.log(max(row[list(label).index(1)], 1e-7))\n    return total / len(p)"
        ),
    ),
    Right(
        "names of the classes in Keras",
        _losses("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "BinaryCrossentropy", "mse"),
    ),
    Right(
        "confusion matrix by bincount",
        {
            "confusion-answer": "def confusion_matrix(true, predicted, classes):\n    return"
            " np.bincount(classes * true + "
            "predicted, minlength=classes ** 2).reshape(classes, classes)"
        },
    ),
    Right(
        "confusion matrix as lists, sensitivity by hand",
        {
            "confusion-answer": "def confusion_matrix(t, p, n):\n    m = [[0] * n for _ in range(n)]\n"
            "    for a, b in zip(t, p):\n        m[a][b] += 1\n    return m"
        }
        | _sensitivity("row = matrix[k]\n    return float(row[k]) / sum(row)", hardest=HARDEST),
    ),
]
