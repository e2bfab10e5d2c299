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
    return {"predicted-answer": f"probabilities = {probabilities}\npredicted = {predicted}\ntest_accuracy = {accuracy}"}


def _confusion(body: str) -> dict[str, str]:
    return UNTRAINED | {"confusion-answer": f"def confusion_matrix(true, predicted, classes):\n    {body}"}


def _loop(line: str, size: str = "(classes, classes)") -> dict[str, str]:
    return _confusion(
        f"matrix = np.zeros({size}, dtype=int)\n    for t, p in zip(true, predicted):\n        {line}\n  "
        f"  return matrix"
    )


def _sensitivity(
    body: str = "return matrix[k, k] / matrix[k].sum()",
    tp: str = "33",
    fn: str = "17",
    fp: str = "15",
    tn: str = "85",
    hardest: str = "",
) -> dict[str, str]:
    return {
        "sensitivity-answer": f"true_positives = {tp}\nfalse_negatives = {fn}\nfalse_positives = {fp}\n"
        f"true_negatives = {tn}\n\ndef sensitivity(matrix, k):\n    {body}\n\n{hardest}"
    }


MATRIX = "m = confusion_matrix(test_digits, predicted, 10)\n"
ITS_SENSITIVITY = "\nhardest_sensitivity = sensitivity(m, hardest_digit)"
HARDEST = MATRIX + "hardest_digit = np.argmin([sensitivity(m, k) for k in range(10)])" + ITS_SENSITIVITY
OF_DIGITS = MATRIX + "shares = np.array([sensitivity(m, k) for k in range(10)])\n"

WRONG = [
    Wrong(
        "multiplied by the sum",
        _softmax("q = np.exp(z - z.max())\n    return q * q.sum()"),
        "softmax",
        "multiplied-by-sum",
    ),
    Wrong(
        "divided by the sum twice",
        _softmax("q = np.exp(z)\n    return q / q.sum() / q.sum()"),
        "softmax",
        "divided-twice",
    ),
    Wrong(
        "the scores shifted in place",
        _softmax("z -= z.max()\n    return np.exp(z) / np.exp(z).sum()"),
        "softmax",
        "arguments-changed",
    ),
    Wrong(
        "the largest of the column",
        _rows("q = np.exp(z - z.max(axis=0))\n    return q / q.sum(axis=1, keepdims=True)"),
        "softmax_rows",
        "largest-of-the-column",
    ),
    Wrong(
        "axes turned round",
        _cross_entropy("return -np.mean(np.sum(y * np.log(np.maximum(p, 1e-7)), axis=0))"),
        "cross_entropy",
        "axes-turned-round",
    ),
    Wrong("nine classes", _cross_entropy(GOOD_BODY, "np.log(9)"), "cross_entropy", "loss-of-other-classes"),
    # Softmax of one row
    Wrong("normalised without exp", _softmax("return z / np.sum(z)"), "softmax", "exponential-missing"),
    Wrong(
        "exponentials not divided",
        _softmax("return np.exp(z - np.max(z)) * np.exp(np.max(z))"),
        "softmax",
        "not-divided",
    ),
    Wrong("the maximum instead", _softmax("return (z == np.max(z)).astype(float)"), "softmax", "only-largest"),
    Wrong("divided by the largest", _softmax("return np.exp(z) / np.max(np.exp(z))"), "softmax", "divided-by-largest"),
    Wrong("divided by the mean", _softmax("return np.exp(z) / np.mean(np.exp(z))"), "softmax", "divided-by-mean"),
    Wrong("divided by how many", _softmax("return np.exp(z) / len(z)"), "softmax", "divided-by-count"),
    Wrong("divided by the scores", _softmax("return np.exp(z) / np.sum(z)"), "softmax", "divided-by-scores"),
    Wrong("absolute values", _softmax("return abs(z) / sum(abs(z))"), "softmax", "absolute-for-exponential"),
    Wrong("sigmoid of each score", _softmax("return 1 / (1 + np.exp(-z))"), "softmax", "sigmoid-for-softmax"),
    Wrong(
        "exponential of the negative", _softmax("return np.exp(-z) / np.sum(np.exp(-z))"), "softmax", "sign-of-power"
    ),
    Wrong("powers of 2", _softmax("return 2 ** z / np.sum(2 ** z)"), "softmax", "powers-of-another-base"),
    Wrong("powers of 10", _softmax("return 10.0 ** z / np.sum(10.0 ** z)"), "softmax", "powers-of-another-base"),
    Wrong("squares", _softmax("return z ** 2 / np.sum(z ** 2)"), "softmax", "Those are squares of the scores"),
    Wrong(
        "stretched to 0..1",
        _softmax("return (z - z.min()) / (z.max() - z.min())"),
        "softmax",
        "That stretches the scores",
    ),
    Wrong("moved and divided", _softmax("return (z - z.min()) / (z - z.min()).sum()"), "softmax", "moved-only"),
    Wrong("the scores returned", _softmax("return z"), "softmax", "scores-unchanged"),
    Wrong(
        "logarithm of softmax",
        _softmax("m = z.max()\n    return z - (m + np.log(np.exp(z - m).sum()))"),
        "softmax",
        "log-softmax",
    ),
    Wrong(
        "softmax of one image twice",
        _softmax("p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()\n    return np.exp(p) / np.exp(p).sum()"),
        "softmax",
        "softmax-of-softmax",
    ),
    Wrong("logarithm of the scores", _softmax("return np.log(-abs(z)) / 2"), "softmax", "not-a-number"),
    Wrong("no stabilisation", _softmax("return np.exp(z) / np.sum(np.exp(z))"), "softmax", "became `inf`"),
    Wrong(
        "the first score subtracted",
        _softmax("e = np.exp(z - z[0])\n    return e / e.sum()"),
        "softmax",
        "became `inf`",
    ),
    Wrong(
        "the last score subtracted",
        _softmax("e = np.exp(z - z[-1])\n    return e / e.sum()"),
        "softmax",
        "became `inf`",
    ),
    Wrong(
        "the mean subtracted", _softmax("e = np.exp(z - z.mean())\n    return e / e.sum()"), "softmax", "became `inf`"
    ),
    Wrong(
        "the smallest subtracted",
        _softmax("e = np.exp(z - z.min())\n    return e / e.sum()"),
        "softmax",
        "became `inf`",
    ),
    Wrong(
        "large scores cut off",
        _softmax("e = np.exp(np.clip(z, -500, 500))\n    return e / e.sum()"),
        "softmax",
        "scores-cut-off",
    ),
    Wrong(
        "nan replaced by 0", _softmax("return np.nan_to_num(np.exp(z) / np.sum(np.exp(z)))"), "softmax", "nan-hidden"
    ),
    Wrong(
        "the largest alone where scores are large",
        _softmax("e = np.exp(z)\n    return e / e.sum() if z.max() < 700 else (z == z.max()) * 1.0"),
        "softmax",
        "second-largest-lost",
    ),
    Wrong(
        "a fixed number subtracted",
        _softmax("e = np.exp(z - 1000)\n    return e / e.sum()"),
        "softmax",
        "not-a-number",
    ),
    Wrong(
        "largest absolute value subtracted",
        _softmax("e = np.exp(z - np.max(np.abs(z)))\n    return e / e.sum()"),
        "softmax",
        "All powers became 0",
    ),
    Wrong(
        "the same for any scores",
        _softmax("return np.array([0.1, 0.2, 0.3, 0.2, 0.2])"),
        "softmax",
        "ignores-its-arguments",
    ),
    Wrong("printed, not returned", _softmax("print(np.exp(z) / np.sum(np.exp(z)))"), "softmax", "returned nothing"),
    # Softmax of a batch
    Wrong(
        "along the wrong axis",
        _rows("e = np.exp(z - z.max(axis=0))\n    return e / e.sum(axis=0)"),
        "softmax_rows",
        "along-the-images",
    ),
    Wrong(
        "over the whole batch",
        _rows("e = np.exp(z - np.max(z))\n    return e / np.sum(e)"),
        "softmax_rows",
        "whole-batch",
    ),
    Wrong(
        "keepdims forgotten",
        _rows("e = np.exp(z - np.max(z, axis=1))\n    return e / np.sum(e, axis=1)"),
        "softmax_rows",
        "keepdims-forgotten",
    ),
    Wrong(
        "largest of the whole batch subtracted",
        _rows("e = np.exp(z - np.max(z))\n    return e / np.sum(e, axis=1, keepdims=True)"),
        "softmax_rows",
        "largest-of-the-batch",
    ),
    Wrong(
        "batch not stabilised",
        _rows("e = np.exp(z)\n    return e / np.sum(e, axis=1, keepdims=True)"),
        "softmax_rows",
        "rows-not-shifted",
    ),
    Wrong(
        "the first score of each row subtracted",
        _rows("e = np.exp(z - z[:, :1])\n    return e / np.sum(e, axis=1, keepdims=True)"),
        "softmax_rows",
        "rows-not-shifted",
    ),
    Wrong(
        "the largest of each column subtracted",
        _rows("e = np.exp(z - z.max(axis=0))\n    return e / np.sum(e, axis=1, keepdims=True)"),
        "softmax_rows",
        "has the right shape",
    ),
    Wrong("batch not divided", _rows("return np.exp(z)"), "softmax_rows", "not-divided"),
    Wrong(
        "rows divided by their largest",
        _rows("return np.exp(z) / np.exp(z).max(axis=1, keepdims=True)"),
        "softmax_rows",
        "divided-by-largest",
    ),
    Wrong(
        "rows without exponential",
        _rows("return z / z.sum(axis=1, keepdims=True)"),
        "softmax_rows",
        "exponential-missing",
    ),
    Wrong(
        "rows transposed",
        _rows("return np.array([softmax(row) for row in z]).T"),
        "softmax_rows",
        "Rows and columns are swapped",
    ),
    Wrong(
        "sums of rows",
        _rows("return np.array([softmax(row) for row in z]).sum(axis=1)"),
        "softmax_rows",
        "sums-of-rows",
    ),
    Wrong("one long row", _rows("return np.concatenate([softmax(row) for row in z])"), "softmax_rows", "one-long-row"),
    Wrong("mean of rows", _rows("return np.mean([softmax(row) for row in z], axis=0)"), "softmax_rows", "mean-of-rows"),
    Wrong("sigmoid of the batch", _rows("return 1 / (1 + np.exp(-z))"), "softmax_rows", "sigmoid-for-softmax"),
    Wrong("logarithms of rows", _rows("return np.log([softmax(row) for row in z])"), "softmax_rows", "log-softmax"),
    Wrong("the batch returned", _rows("return z"), "softmax_rows", "scores-unchanged"),
    Wrong("only the first row", _rows("return softmax(z[0])"), "softmax_rows", "first-row"),
    Wrong("the function for one row", _rows("return softmax(z)"), "softmax_rows", "whole-batch"),
    Wrong(
        "one-hot rows",
        _rows("return np.eye(z.shape[1])[np.argmax(z, axis=1)]"),
        "softmax_rows",
        "only-largest",
    ),
    Wrong(
        "math.exp on a batch",
        _rows("import math\n    return math.exp(z) / np.sum(math.exp(z))"),
        "softmax_rows",
        "math-exp",
    ),
    Wrong("Python's max on a batch", _rows("return np.exp(z - max(z))"), "softmax_rows", "python-max"),
    # Temperature
    Wrong("multiplied instead of divided", _temperature("1.63"), "temperature", "multiplied-by-temperature"),
    Wrong("temperature 1", _temperature("1.0"), "temperature", "temperature-one"),
    Wrong("too cold", _temperature("0.2"), "temperature", "another-temperature"),
    Wrong("too hot", _temperature("7"), "temperature", "another-temperature"),
    Wrong("the probability for the temperature", _temperature("0.9"), "temperature", "probability-for-temperature"),
    Wrong("negative temperature", _temperature("-0.6"), "temperature", "temperature-not-positive"),
    Wrong("the limit taken for 0", _temperature("0.613", "0"), "temperature", "limit-zero"),
    Wrong("hot and cold confused", _temperature("0.613", "1.0"), "temperature", "hot-and-cold-confused"),
    Wrong("the limit for ten classes", _temperature("0.613", "0.1"), "temperature", "limit-of-other-classes"),
    Wrong("the limit for two classes", _temperature("0.613", "0.5"), "temperature", "limit-of-other-classes"),
    Wrong("the limit for three classes", _temperature("0.613", "1 / 3"), "temperature", "limit-of-other-classes"),
    Wrong("the limit in per cent", _temperature("0.613", "25"), "temperature", "per-cent"),
    # Cross-entropy
    Wrong("logarithm to base 10", _cross_entropy(GOOD_BODY, "1.0"), "cross_entropy", "logarithm-to-another-base"),
    Wrong("logarithm to base 2", _cross_entropy(GOOD_BODY, "3.322"), "cross_entropy", "logarithm-to-another-base"),
    Wrong("the probability itself", _cross_entropy(GOOD_BODY, "0.1"), "cross_entropy", "probability-itself"),
    Wrong("sign of the logarithm kept", _cross_entropy(GOOD_BODY, "np.log(0.1)"), "cross_entropy", "sign-missing"),
    Wrong(
        "mean over classes, predicted", _cross_entropy(GOOD_BODY, "0.2303"), "cross_entropy", "mean-over-classes-too"
    ),
    Wrong("all ten added up, predicted", _cross_entropy(GOOD_BODY, "23.03"), "cross_entropy", "all-classes-count"),
    Wrong("nothing to pay", _cross_entropy(GOOD_BODY, "0"), "cross_entropy", "loss-of-a-perfect-one"),
    Wrong("ten classes for the loss", _cross_entropy(GOOD_BODY, "10"), "cross_entropy", "classes-for-loss"),
    Wrong(
        "no sign in the function",
        _cross_entropy("return np.mean(np.sum(y * np.log(np.maximum(p, 1e-7)), axis=1))"),
        "cross_entropy",
        "sign-missing",
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
        "mean-over-classes-too",
    ),
    Wrong(
        "one number for each image",
        _cross_entropy("return -np.sum(y * np.log(np.maximum(p, 1e-7)), axis=1)"),
        "cross_entropy",
        "one-for-each-image",
    ),
    Wrong(
        "labels ignored",
        _cross_entropy("return -np.mean(np.sum(np.log(np.maximum(p, 1e-7)), axis=1))"),
        "cross_entropy",
        "all-classes-count",
    ),
    Wrong(
        "entropy, without the labels",
        _cross_entropy("q = p * len(y) / len(y) + 0 * y.sum()\n    return -np.mean(np.sum(q * np.log(q), axis=1))"),
        "cross_entropy",
        "labels-ignored",
    ),
    Wrong(
        "largest probability taken",
        _cross_entropy("return -np.mean(np.log(np.max(p, axis=1))) + 1e-9 * y[0, 0]"),
        "cross_entropy",
        "largest-for-right-class",
    ),
    Wrong(
        "binary cross-entropy",
        _cross_entropy(
            "q = np.clip(p, 1e-7, 1 - 1e-7)\n"
            "    return -np.mean(np.sum(y * np.log(q) + (1 - y) * np.log(1 - q), axis=1))"
        ),
        "cross_entropy",
        "binary-cross-entropy",
    ),
    Wrong(
        "the wrong classes",
        _cross_entropy("return -np.mean(np.sum((1 - y) * np.log(1 - p), axis=1))"),
        "cross_entropy",
        "wrong-classes",
    ),
    Wrong(
        "logarithm of the mean",
        _cross_entropy("return -np.log(np.mean(np.sum(p * y, axis=1)))"),
        "cross_entropy",
        "logarithm-of-the-mean",
    ),
    Wrong(
        "no logarithm",
        _cross_entropy("return np.mean(1 - np.sum(p * y, axis=1))"),
        "cross_entropy",
        "logarithm-missing",
    ),
    Wrong(
        "squared error for entropy", _cross_entropy("return np.mean((p - y) ** 2)"), "cross_entropy", "squared-error"
    ),
    Wrong(
        "base 2",
        _cross_entropy("return -np.mean(np.sum(y * np.log2(p), axis=1))"),
        "cross_entropy",
        "logarithm-to-another-base",
    ),
    Wrong(
        "base 10",
        _cross_entropy("return -np.mean(np.sum(y * np.log10(p), axis=1))"),
        "cross_entropy",
        "logarithm to base 10",
    ),
    Wrong(
        "median",
        _cross_entropy("return -np.median(np.sum(y * np.log(p), axis=1))"),
        "cross_entropy",
        "That is the median",
    ),
    Wrong(
        "labels and probabilities swapped",
        _cross_entropy("return -np.mean(np.sum(p * np.log(np.maximum(y, 1e-7)), axis=1))"),
        "cross_entropy",
        "labels-swapped",
    ),
    Wrong(
        "logarithm of the labels",
        _cross_entropy("return -np.mean(np.sum(p * np.log(y), axis=1))"),
        "cross_entropy",
        "log-of-labels",
    ),
    Wrong(
        "log of zero times zero",
        _cross_entropy("return -np.mean(np.sum(y * np.log(p), axis=1))"),
        "cross_entropy",
        "zero-is-nan",
    ),
    Wrong(
        "infinite loss",
        _cross_entropy("return -np.mean(np.log(np.sum(y * p, axis=1)))"),
        "cross_entropy",
        "zero-is-infinite",
    ),
    Wrong(
        "zero left out",
        _cross_entropy("q = np.where(p > 0, p, 1)\n    return -np.mean(np.sum(y * np.log(q), axis=1))"),
        "cross_entropy",
        "zero-left-out",
    ),
    Wrong(
        "raised to a hundredth",
        _cross_entropy("return -np.mean(np.log(np.maximum(np.sum(y * p, axis=1), 0.01)))"),
        "cross_entropy",
        "smallest-too-large",
    ),
    Wrong(
        "raised to another small number",
        _cross_entropy("return -np.mean(np.log(np.sum(y * p, axis=1) + 1e-12))"),
        "cross_entropy",
        "another-smallest",
    ),
    # Which loss
    Wrong("sparse for one-hot labels", _losses(a="sparse_categorical_crossentropy"), "losses", "form-of-the-label"),
    Wrong("not sparse for class numbers", _losses(b="categorical_crossentropy"), "losses", "form-of-the-label"),
    Wrong("binary for one of ten", _losses(b="binary_crossentropy"), "losses", "binary-for-ten-classes"),
    Wrong("cross-entropy for a price", _losses(d="categorical_crossentropy"), "losses", "entropy-for-a-price"),
    Wrong("squared error for classes", _losses(a="mean_squared_error"), "losses", "squared-error"),
    Wrong(
        "one-hot loss for one sigmoid", _losses(c="categorical_crossentropy"), "losses", "categorical-for-one-output"
    ),
    Wrong("no loss of that name", _losses(a="crossentropy"), "losses", "no-such-loss"),
    Wrong("logits denied", _losses(e="False"), "losses", "logits-denied"),
    Wrong("True in quotes", _losses(e="'True'"), "losses", "true-in-quotes"),
    # The model
    Wrong(
        "a hidden layer",
        _model('keras.Input((784,)), layers.Dense(10, activation="relu"), layers.Dense(10, activation="softmax")'),
        "model",
        "a-hidden-layer",
    ),
    Wrong(
        "a hidden convolution",
        _model(
            'keras.Input((28, 28, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(),'
            ' layers.Dense(10, activation="softmax")'
        ),
        "model",
        "before the last one with weights: Conv2D",
    ),
    Wrong(
        "pooled before the dense layer",
        _model(
            'keras.Input((28, 28, 1)), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, activation="softmax")'
        ),
        "model",
        "not-all-pixels",
    ),
    Wrong(
        "three outputs",
        _model('keras.Input((784,)), layers.Dense(3, activation="softmax")'),
        "model",
        "three-outputs",
    ),
    Wrong("one output", _model('keras.Input((784,)), layers.Dense(1, activation="sigmoid")'), "model", "one-output"),
    Wrong(
        "nine outputs", _model('keras.Input((784,)), layers.Dense(9, activation="softmax")'), "model", "nine-outputs"
    ),
    Wrong(
        "never flattened",
        _model('keras.Input((28, 28)), layers.Dense(10, activation="softmax")'),
        "model",
        "not-flat",
    ),
    Wrong("no input layer", _model('layers.Dense(10, activation="softmax")'), "model", "no-input"),
    Wrong(
        "images in the input shape",
        _model('keras.Input((12000, 784)), layers.Dense(10, activation="softmax")'),
        "model",
        "images-in-input-shape",
    ),
    Wrong(
        "scores without from_logits",
        _model("keras.Input((784,)), layers.Dense(10)"),
        "model",
        "scores-for-probabilities",
    ),
    Wrong(
        "softmax twice",
        _model(loss="keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        "model",
        "softmax-twice",
    ),
    Wrong(
        "softmax in the layer and as a layer",
        _model('keras.Input((784,)), layers.Dense(10, activation="softmax"), layers.Softmax()'),
        "model",
        "ends in softmax, softmax",
    ),
    Wrong(
        "softmax along the images",
        _model("keras.Input((784,)), layers.Dense(10), layers.Softmax(axis=0)"),
        "model",
        "softmax-along-images",
    ),
    Wrong(
        "dropout behind the output",
        _model('keras.Input((784,)), layers.Dense(10, activation="softmax"), layers.Dropout(0.3)'),
        "model",
        "dropout-on-output",
    ),
    Wrong(
        "sigmoid for ten classes",
        _model('keras.Input((784,)), layers.Dense(10, activation="sigmoid")'),
        "model",
        "sigmoid-at-the-end",
    ),
    Wrong("squared error as the loss", _model(loss='"mse"'), "model", "error-for-classes"),
    Wrong("binary loss", _model(loss='"binary_crossentropy"'), "model", "binary-for-classes"),
    Wrong("no loss", _model(loss="None"), "model", "no-loss"),
    Wrong("no metrics", _model(metrics="None"), "model", "no-accuracy"),
    Wrong(
        "a metric that counts exact equality", _model(metrics="[keras.metrics.Accuracy()]"), "model", "exact-equality"
    ),
    Wrong("the accuracy of one-hot rows", _model(metrics='["categorical_accuracy"]'), "model", "one-hot-accuracy"),
    Wrong("absurd learning rate", _model(optimizer="keras.optimizers.Adam(10.0)"), "model", "learning-rate"),
    Wrong(
        "not compiled",
        {"model-answer": 'model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation="softmax")])'},
        "model",
        "not-compiled",
    ),
    # Training
    Wrong(
        "class numbers for the one-hot loss",
        _model(loss='"categorical_crossentropy"')
        | _train("history = model.fit(x_train, train_digits, epochs=2, verbose=0)"),
        "trained",
        "labels-and-loss",
    ),
    Wrong(
        "one-hot labels for the sparse loss",
        _train("history = model.fit(x_train, keras.utils.to_categorical(train_digits), epochs=2, verbose=0)"),
        "trained",
        "labels-and-loss",
    ),
    Wrong(
        "images not reshaped",
        {"trained-answer": "history = model.fit(train_images / 255, train_digits, verbose=0)"},
        "trained",
        "images-not-rows",
    ),
    Wrong(
        "one epoch",
        _train("history = model.fit(x_train, train_digits, batch_size=128, verbose=0)"),
        "trained",
        "one-epoch",
    ),
    Wrong(
        "pixels not scaled",
        {
            "trained-answer": 'x_train = train_images.reshape(-1, 784).astype("float32")\n'
            "history = model.fit(x_train, train_digits, epochs=2, batch_size=64, verbose=0)"
        },
        "trained",
        "not-scaled",
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
        "hardly-learned",
    ),
    Wrong(
        "history thrown away",
        _train("model.fit(x_train, train_digits, epochs=2, batch_size=128, verbose=0)\nhistory = model"),
        "trained",
        "Keep it: `history = model.fit(...)`",
    ),
    Wrong(
        "trained on the test images",
        _train("history = model.fit(x_test, test_digits, epochs=12, batch_size=64, verbose=0)"),
        "trained",
        "trained-on-test-images",
    ),
    Wrong(
        "pixels cut off",
        {
            "trained-answer": 'x_train = (train_images // 255).reshape(-1, 784).astype("float32")\n'
            "history = model.fit(x_train, train_digits, epochs=3, batch_size=64, verbose=0)"
        },
        "trained",
        "cut-off",
    ),
    Wrong(
        "standardised",
        {
            "trained-answer": "rows = train_images.reshape(-1, 784)\n"
            'x_train = ((rows - rows.mean()) / rows.std()).astype("float32")\n'
            "history = model.fit(x_train, train_digits, epochs=3, batch_size=64, verbose=0)"
        },
        "trained",
        "standardised",
    ),
    Wrong(
        "a step that is far too large",
        _model(optimizer="keras.optimizers.Adam(100.0)") | ONE_EPOCH,
        "trained",
        "learning-rate",
    ),
    Wrong(
        "fit not kept",
        _train("model.fit(x_train, train_digits, epochs=2, batch_size=128, verbose=0)"),
        "trained",
        "history-not-kept",
    ),
    # Predicting
    Wrong("training images predicted", _predicted("model.predict(x_train, verbose=0)"), "predicted", "training-images"),
    Wrong(
        "one-hot rows for probabilities",
        _predicted("np.eye(10)[model.predict(x_test, verbose=0).argmax(axis=1)]"),
        "predicted",
        "one-hot-rows",
    ),
    Wrong(
        "test images not scaled",
        _predicted("model.predict(x_test * 255, verbose=0)"),
        "predicted",
        "test-unscaled",
    ),
    Wrong(
        "softmax of softmax",
        _predicted("softmax_rows(model.predict(x_test, verbose=0))"),
        "predicted",
        "softmax-twice",
    ),
    Wrong(
        "above one half for the largest",
        _predicted(predicted="np.argmax(probabilities > 0.5, axis=1)"),
        "predicted",
        "threshold-for-argmax",
    ),
    Wrong(
        "logits for probabilities",
        _model("keras.Input((784,)), layers.Dense(10)", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)")
        | _predicted(),
        "predicted",
        "raw-scores",
    ),
    Wrong(
        "argmax over the images",
        _predicted(predicted="np.argmax(probabilities, axis=0)", accuracy="0.9"),
        "predicted",
        "along-the-images",
    ),
    Wrong("argmax without an axis", _predicted(predicted="np.argmax(probabilities)"), "predicted", "no-axis"),
    Wrong(
        "max for argmax",
        _predicted(predicted="np.max(probabilities, axis=1)"),
        "predicted",
        "max-for-argmax",
    ),
    Wrong(
        "digits counted from 1",
        _predicted(predicted="np.argmax(probabilities, axis=1) + 1"),
        "predicted",
        "off-by-one",
    ),
    Wrong("true digits for predicted ones", _predicted(predicted="test_digits"), "predicted", "true-digits"),
    Wrong(
        "accuracy in per cent",
        _predicted(accuracy="100 * np.mean(predicted == test_digits)"),
        "predicted",
        "per-cent",
    ),
    Wrong(
        "number right for the share",
        _predicted(accuracy="np.sum(predicted == test_digits)"),
        "predicted",
        "number-right",
    ),
    Wrong(
        "the loss for the accuracy",
        _predicted(accuracy="model.evaluate(x_test, test_digits, verbose=0)[0]"),
        "predicted",
        "What is the mean of True and False",
    ),
    # Confusion matrix
    Wrong("is transposed", _loop("matrix[p, t] += 1"), "confusion", "is transposed"),
    Wrong(
        "each pair counted once",
        _confusion("m = np.zeros((classes, classes), int)\n    m[true, predicted] += 1\n    return m"),
        "confusion",
        "pairs-counted-once",
    ),
    Wrong(
        "shares of the rows",
        _confusion(
            "m = np.zeros((classes, classes))\n    np.add.at(m, (true, predicted), 1)\n"
            "    return m / np.maximum(m.sum(axis=1, keepdims=True), 1)"
        ),
        "confusion",
        "shares-of-rows",
    ),
    Wrong("only right answers", _loop("matrix[t, t] += t == p"), "confusion", "only-right-answers"),
    Wrong("only mistakes", _loop("matrix[t, p] += t != p"), "confusion", "only-mistakes"),
    Wrong(
        "classes counted as largest label + 1",
        _loop("matrix[t, p] += 1", "(max(true) + 1, max(true) + 1)"),
        "confusion",
        "classes-as-largest",
    ),
    Wrong(
        "classes that occur",
        _confusion(
            "found = sorted(set(true) | set(predicted))\n    return np.array([[np.sum((true == t) & (predicted == p))"
            " for p in found] for t in found])"
        ),
        "confusion",
        "classes-that-occur",
    ),
    Wrong("rows from 1", _loop("matrix[t + 1, p + 1] += 1"), "confusion", "counted-from-one"),
    Wrong(
        "shares of the columns",
        _confusion(
            "m = np.zeros((classes, classes))\n    np.add.at(m, (true, predicted), 1)\n"
            "    return m / np.maximum(m.sum(axis=0), 1)"
        ),
        "confusion",
        "shares-of-columns",
    ),
    Wrong("nothing counted", _confusion("return np.zeros((classes, classes))"), "confusion", "Nothing was counted"),
    Wrong(
        "a number too few",
        {"confusion-answer": "def confusion_matrix(true, predicted):\n    return 0"} | UNTRAINED,
        "confusion",
        "three-arguments",
    ),
    Wrong("an accuracy", _confusion("return np.mean(true == predicted)"), "confusion", "one-number"),
    # Sensitivity
    Wrong(
        "positives and negatives swapped",
        UNTRAINED | _sensitivity(fn="15", fp="17"),
        "sensitivity",
        "positives-and-negatives-swapped",
    ),
    Wrong(
        "false positives of one class",
        UNTRAINED | _sensitivity(fp="10"),
        "sensitivity",
        "Two other classes were taken",
    ),
    Wrong("true negatives on the diagonal", UNTRAINED | _sensitivity(tn="82"), "sensitivity", "only-the-diagonal"),
    Wrong("the whole diagonal", UNTRAINED | _sensitivity(tp="38 + 44 + 33"), "sensitivity", "whole-diagonal"),
    Wrong(
        "That is the precision",
        UNTRAINED | _sensitivity("return matrix[k, k] / matrix[:, k].sum()"),
        "sensitivity",
        "That is the precision",
    ),
    Wrong(
        "accuracy of all classes",
        UNTRAINED | _sensitivity("return np.trace(matrix) / matrix.sum()"),
        "sensitivity",
        "accuracy over all classes",
    ),
    Wrong(
        "share of all images",
        UNTRAINED | _sensitivity("return matrix[k, k] / matrix.sum()"),
        "sensitivity",
        "share-of-all",
    ),
    Wrong(
        "That is the specificity",
        UNTRAINED
        | _sensitivity(
            "rest = np.delete(np.delete(matrix, k, 0), k, 1).sum()\n    return rest / (matrix.sum() - matrix[k].sum())"
        ),
        "sensitivity",
        "That is the specificity",
    ),
    Wrong(
        "F1 score",
        UNTRAINED | _sensitivity("return 2 * matrix[k, k] / (matrix[k].sum() + matrix[:, k].sum())"),
        "sensitivity",
        "(the F1 score)",
    ),
    Wrong(
        "share that was missed",
        UNTRAINED | _sensitivity("return 1 - matrix[k, k] / matrix[k].sum()"),
        "sensitivity",
        "share-missed",
    ),
    Wrong(
        "class 0 always",
        UNTRAINED | _sensitivity("return matrix[0, 0] / matrix[0].sum() + 0 * matrix[k, k]"),
        "sensitivity",
        "class-zero",
    ),
    Wrong(
        "the class before",
        UNTRAINED | _sensitivity("return matrix[k - 1, k - 1] / matrix[k - 1].sum()"),
        "sensitivity",
        "class-before",
    ),
    Wrong(
        "all classes",
        UNTRAINED | _sensitivity("return np.diag(matrix) / matrix.sum(axis=1)"),
        "sensitivity",
        "all-classes",
    ),
    Wrong("the count", UNTRAINED | _sensitivity("return matrix[k, k]"), "sensitivity", "That is the count"),
    Wrong(
        "divided by the missed",
        UNTRAINED | _sensitivity("return matrix[k, k] / (matrix[k].sum() - matrix[k, k])"),
        "sensitivity",
        "You divided by the missed",
    ),
    Wrong(
        "whole-number division",
        UNTRAINED | _sensitivity("return matrix[k, k] // matrix[k].sum()"),
        "sensitivity",
        "fraction-cut-off",
    ),
    Wrong(
        "the easiest digit",
        _sensitivity(hardest=HARDEST.replace("argmin", "argmax")),
        "sensitivity",
        "easiest-digit",
    ),
    Wrong(
        "the sensitivity for its digit",
        _sensitivity(hardest=OF_DIGITS + "hardest_digit = shares.min()\nhardest_sensitivity = hardest_digit"),
        "sensitivity",
        "share-for-digit",
    ),
    *(
        Wrong(
            f"the hardest digit with {name}",
            _sensitivity(hardest=OF_DIGITS + f"hardest_digit = int(shares.argmin())\nhardest_sensitivity = {value}"),
            "sensitivity",
            hint,
        )
        for name, value, hint in (
            ("a number that was made up", "0.5123", "from your own confusion matrix"),
            ("itself once more", "hardest_digit or 1", "digit-for-share"),
            ("its sensitivity in per cent", "100 * shares.min()", "share-in-per-cent"),
            ("the share that was missed", "1 - shares.min()", "missed-for-recognised"),
            ("a count", "m[hardest_digit, hardest_digit]", "count-for-sensitivity"),
            ("the mean of all digits", "shares.mean()", "mean-of-digits"),
            ("the sensitivity of another digit", "np.sort(shares)[4]", "other-digit"),
        )
    ),
    Wrong(
        "another digit with the right sensitivity",
        _sensitivity(
            hardest=OF_DIGITS + "hardest_digit = int(shares.argsort()[4])\nhardest_sensitivity = shares.min()"
        ),
        "sensitivity",
        "Which is the smallest",
    ),
    Wrong(
        "softmax of the pixels",
        _model('keras.Input((784,)), layers.Softmax(), layers.Dense(10, activation="softmax")'),
        "model",
        "softmax-of-pixels",
    ),
    Wrong(
        "divided by the length of a vector",
        {"softmax-answer": "def softmax(z):\n    e = np.exp(z - z.max())\n    return e / np.linalg.norm(e)"},
        "softmax",
        "divided-by-length",
    ),
    Wrong(
        "probabilities of two digits",
        {"softmax-answer": "def softmax(z):\n    e = np.exp(z - z.max())\n    return np.round(e / e.sum(), 2)"},
        "softmax",
        "Rounded values do not",
    ),
    Wrong(
        "the first row for every row",
        {"softmax_rows-answer": "def softmax_rows(z):\n    return np.array([softmax(z[0]) for row in z])"},
        "softmax_rows",
        "first-row-for-all",
    ),
    Wrong(
        "a small number added to every probability",
        {
            "cross_entropy-answer": "uniform_loss = np.log(10)\n\ndef cross_entropy(p, y):\n"
            "    return -np.mean(np.sum(y * np.log(p + 1e-3), axis=1))"
        },
        "cross_entropy",
        "small-number-added",
    ),
    Wrong(
        "a matrix of ten classes, always",
        {
            "model-answer": "",
            "trained-answer": "",
            "predicted-answer": "",
            "confusion-answer": "def confusion_matrix(true, predicted, classes):\n"
            "    matrix = np.zeros((10, 10), dtype=int)\n    np.add.at(matrix, (true, predicted), 1)\n"
            "    return matrix",
        },
        "confusion",
        "ten-classes-always",
    ),
    Wrong(
        "normalised behind softmax",
        {
            "model-answer": "model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation='softmax'),"
            " layers.BatchNormalization()])\n"
            "model.compile(loss='sparse_categorical_crossentropy', metrics=['accuracy'])"
        },
        "model",
        "softmax-not-last",
    ),
    Wrong(
        "training and test images joined",
        {
            "trained-answer": "x_train = train_images.reshape(-1, 784).astype('float32') / 255\n"
            "x_test = test_images.reshape(-1, 784).astype('float32') / 255\n"
            "history = model.fit(np.concatenate([x_train, x_test]), np.concatenate([train_digits, test_digits]),"
            " epochs=4, batch_size=64, verbose=0)"
        },
        "trained",
        "but only 12,000 are for training",
    ),
    Wrong(
        "three rows always",
        _rows("p = np.zeros(z.shape)\n    for i in range(3): p[i] = softmax(z[i])\n    return p"),
        "softmax_rows",
        "first-rows-alone",
    ),
    Wrong(
        "three scores added up",
        _rows("e = np.exp(z)\n    return e / sum(e[:, k] for k in range(3))[:, None]"),
        "softmax_rows",
        "three-classes-always",
    ),
    Wrong(
        "as many rows as test images",
        _rows("return np.array([softmax(z[i]) for i in range(2000)])"),
        "softmax_rows",
        "fixed-length",
    ),
    Wrong(
        "a matrix of three classes always",
        _confusion("return np.array([[np.sum((true == t) & (predicted == p)) for p in range(3)] for t in range(3)])"),
        "confusion",
        "three-classes-always",
    ),
    Wrong(
        "and between two arrays",
        _confusion(
            "return np.array([[np.sum(true == t and predicted == p) for p in range(classes)] for t in range(classes)])"
        ),
        "confusion",
        "and-between-arrays",
    ),
    Wrong(
        "a list of two conditions",
        _confusion(
            "pairs = list(zip(true, predicted))\n    return np.array("
            "[[sum(1 for a, b in pairs if [a == t, b == p]) for p in range(classes)] for t in range(classes)])"
        ),
        "confusion",
        "all-the-same",
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
            "right = p[np.arange(len(p)), y.argmax(axis=1)]\n    return float(np.mean(-np.log(right + 1e-7)))",
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
        "cross-entropy clipped as Keras does",
        _cross_entropy("q = np.clip(p, 1e-7, 1 - 1e-7)\n    return -(y * np.log(q)).sum() / y.sum()"),
    ),
    Right(
        "Keras's own softmax, functional",
        {
            "model-answer": "i = keras.Input((784,))\nmodel = keras.Model(i, keras.ops.softmax(layers.Dense(10)(i)))\n"
            'model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])'
        },
    ),
    Right(
        "softmax of keras.activations, scaled in the model",
        {
            "model-answer": "i = keras.Input((28, 28))\n"
            "model = keras.Model(i, keras.activations.softmax(layers.Dense(10)(layers.Flatten()(i / 255.0))))\n"
            'model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])'
        }
        | RAW,
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
