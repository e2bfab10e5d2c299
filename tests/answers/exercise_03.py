"""Exercise 3, dense networks: answers that learners really give."""

from __future__ import annotations

from catalogue import Right, Wrong


def _network(name: str, layers: str, loss: str = '"categorical_crossentropy"', optimizer: str = '"adam"') -> str:
    """Build, compile and train a network with these layers, as a learner would in one cell."""
    return f"""
{name} = keras.Sequential([{layers}])
{name}.compile(loss={loss}, optimizer={optimizer}, metrics=["accuracy"])
{name}.fit(x_train, train_labels, epochs=12, batch_size=32, validation_split=0.2, verbose=0)
"""


def _model(layers: str) -> dict[str, str]:
    return {"architecture-answer": f"model = keras.Sequential([{layers}])"}


def _rows(expression: str) -> dict[str, str]:
    """The same expression for both sets of images; `{data}` and `{n}` stand for the set and its size."""
    return {
        "flattened-answer": f"x_train = {expression.format(data='train_data', n=600)}\n"
        f"x_test = {expression.format(data='test_data', n=100)}"
    }


def _dense_relu(body: str) -> dict[str, str]:
    return {"by_hand-answer": f"def dense_relu(x, W, b):\n    {body}"}


def _counted(hidden: str, output: str = "33", everything: str = "7883") -> dict[str, str]:
    return {
        "counted-answer": f"hidden_parameters = {hidden}\noutput_parameters = {output}\nall_parameters = {everything}"
    }


def _compile(arguments: str) -> dict[str, str]:
    return {"compiled-answer": f"model.compile({arguments})"}


def _fit(arguments: str) -> dict[str, str]:
    return {"trained-answer": f"history = model.fit({arguments}, verbose=0)"}


WRONG = [
    # Images to rows
    Wrong(
        "rows and columns swapped",
        _rows("{data}.reshape({n}, 784).T.astype('float32') / 255"),
        "flattened",
        "Rows and columns are swapped",
    ),
    Wrong(
        "shape[-1] taken for the number of pixels",
        _rows("{data}[:, 0, 0, :].reshape({n}, {data}.shape[-1]).astype('float32') / 255"),
        "flattened",
        "is the number of channels",
    ),
    Wrong("not flattened", _rows("{data}.astype('float32') / 255"), "flattened", "These are still images"),
    Wrong(
        "only the channel axis dropped",
        _rows("{data}[..., 0].astype('float32') / 255"),
        "flattened",
        "still a square of 28 x 28",
    ),
    Wrong(
        "everything in one row",
        _rows("{data}.flatten().astype('float32') / 255"),
        "flattened",
        "All images are in one long row",
    ),
    Wrong(
        "one image only", _rows("{data}[0].reshape(784).astype('float32') / 255"), "flattened", "This is a single image"
    ),
    Wrong(
        "the training images twice",
        {"flattened-answer": "x_train = train_data.reshape(-1, 784).astype('float32') / 255\nx_test = x_train"},
        "flattened",
        "Training and test images are mixed up",
    ),
    Wrong(
        "pixels of different images share a row",
        _rows("{data}.reshape(784, {n}).T.astype('float32') / 255"),
        "flattened",
        "pixels of different images share a row",
    ),
    Wrong("not scaled", _rows("{data}.reshape({n}, 784).astype('float32')"), "flattened", "Divide by 255"),
    Wrong("scaled twice", _rows("{data}.reshape({n}, 784).astype('float32') / 255 / 255"), "flattened", "divide twice"),
    Wrong("integer division", _rows("{data}.reshape({n}, 784) // 255"), "flattened", "cut off the fraction"),
    Wrong(
        "back to uint8", _rows("({data}.reshape({n}, 784) / 255).astype('uint8')"), "flattened", "cut off the fraction"
    ),
    Wrong("left in float64", _rows("{data}.reshape({n}, 784) / 255"), "flattened", "Keras computes in float32"),
    Wrong("divided by 256", _rows("{data}.reshape({n}, 784).astype('float32') / 256"), "flattened", "divided-by-256"),
    Wrong(
        "keras.utils.normalize",
        _rows("keras.utils.normalize({data}.reshape({n}, 784)).astype('float32')"),
        "flattened",
        "normalized-rows",
    ),
    Wrong(
        "standardised",
        _rows("(({data} - {data}.mean()) / {data}.std()).reshape({n}, 784).astype('float32')"),
        "flattened",
        "standardised",
    ),
    Wrong(
        "only the training images scaled",
        {
            "flattened-answer": "x_train = train_data.reshape(600, 784).astype('float32') / 255\n"
            "x_test = test_data.reshape(100, 784).astype('float32')"
        },
        "flattened",
        "The largest value in `x_test` is 255",
    ),
    # A dense layer by hand
    Wrong("no bias", _dense_relu("return np.maximum(x @ W, 0)"), "by_hand", "The bias is missing"),
    Wrong("no activation", _dense_relu("return x @ W + b"), "by_hand", "no-activation"),
    Wrong("relu before the bias", _dense_relu("return np.maximum(x @ W, 0) + b"), "by_hand", "Add the bias first"),
    Wrong("relu on the input", _dense_relu("return np.maximum(x, 0) @ W + b"), "by_hand", "relu comes last"),
    Wrong(
        "product value by value",
        _dense_relu("return np.maximum(x * W + b, 0)"),
        "by_hand",
        "`x @ W` multiplies matrices",
    ),
    Wrong("python's max", _dense_relu("return max(x @ W + b, 0)"), "by_hand", "Python's `max`"),
    *(
        Wrong(f"{name} for relu", _dense_relu(f"z = x @ W + b\n    return {body}"), "by_hand", hint)
        for name, body, hint in (
            ("elu", "np.where(z > 0, z, np.exp(z) - 1)", "relative-of-relu"),
            ("gelu", "np.asarray(keras.activations.gelu(z))", "relative-of-relu"),
            ("gelu in its other form", "np.asarray(keras.ops.gelu(z, approximate=True))", "relative-of-relu"),
            ("silu", "z / (1 + np.exp(-z))", "relative-of-relu"),
            ("selu", "np.asarray(keras.activations.selu(z))", "relative-of-relu"),
            ("relu up to 6", "np.clip(z, 0, 6)", "cut-above"),
        )
    ),
    Wrong("sigmoid for relu", _dense_relu("return 1 / (1 + np.exp(-(x @ W + b)))"), "by_hand", "That is the sigmoid"),
    Wrong("tanh for relu", _dense_relu("return np.tanh(x @ W + b)"), "by_hand", "That is tanh"),
    Wrong(
        "softmax for relu",
        _dense_relu("return np.exp(x @ W + b) / np.exp(x @ W + b).sum(axis=1, keepdims=True)"),
        "by_hand",
        "That is softmax",
    ),
    Wrong(
        "the notebook's images for the argument",
        _dense_relu("return np.maximum(x_train[:4, :6] @ np.ones((6, 3)), 0)"),
        "by_hand",
        "ignores-its-arguments",
    ),
    Wrong("the slope of relu", _dense_relu("return ((x @ W + b) > 0) * 1.0"), "by_hand", "Return the value itself"),
    Wrong("absolute value", _dense_relu("return np.abs(x @ W + b)"), "by_hand", "That is the absolute value"),
    Wrong("printed, not returned", _dense_relu("print(np.maximum(x @ W + b, 0))"), "by_hand", "returned nothing"),
    Wrong(
        "layer transposed", _dense_relu("return np.maximum(x @ W + b, 0).T"), "by_hand", "Rows and columns are swapped"
    ),
    # Counting
    Wrong("biases forgotten", _counted("784 * 10", "30", "7870"), "counted", "bias-forgotten"),
    Wrong("inputs and units added", _counted("784 + 10", "10 + 3", "807"), "counted", "inputs-and-units-added"),
    Wrong(
        "a bias for each input",
        _counted("784 * 10 + 784", "10 * 3 + 10", "8664"),
        "counted",
        "A bias belongs to a unit",
    ),
    Wrong("28 values in an image", _counted("28 * 10 + 10", "33", "323"), "counted", "28-values"),
    Wrong(
        "the output layer sees the pixels",
        _counted("7850", "784 * 3 + 3", "10205"),
        "counted",
        "output-sees-pixels",
    ),
    Wrong("layers multiplied", _counted("7850", "33", "7850 * 33"), "counted", "layers-multiplied"),
    Wrong("a comma in the number", _counted("7,850", "33", "7,883"), "counted", "A comma makes it two values"),
    Wrong("quotes around the number", _counted('"7850"', '"33"', '"7883"'), "counted", "without quotes"),
    Wrong(
        "brackets forgotten",
        _counted("keras.Sequential([keras.Input((784,)), layers.Dense(10)]).count_params"),
        "counted",
        "put brackets after its name",
    ),
    # The network
    Wrong(
        "input is the number of channels",
        _model(
            "keras.Input((train_data.shape[-1],)), layers.Dense(10, activation='relu'),"
            " layers.Dense(3, activation='softmax')"
        ),
        "architecture",
        "that is the number of channels",
    ),
    Wrong(
        "dense on the square image",
        _model("keras.Input((28, 28, 1)), layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax')"),
        "architecture",
        "works only on the last axis",
    ),
    Wrong(
        "number of images in the input shape",
        _model("keras.Input((600, 784)), layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax')"),
        "architecture",
        "images-in-input-shape",
    ),
    Wrong(
        "no input layer",
        _model("layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax')"),
        "architecture",
        "does not know its input yet",
    ),
    Wrong(
        "flattened after the hidden layer",
        _model(
            "keras.Input((28, 28, 1)), layers.Dense(10, activation='relu'), layers.Flatten(),"
            " layers.Dense(3, activation='softmax')"
        ),
        "architecture",
        "flattens after a dense layer",
    ),
    Wrong(
        "ten outputs, as for digits",
        _model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(10, activation='softmax')"),
        "architecture",
        "10 fits the ten digits",
    ),
    Wrong(
        "one output",
        _model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(1, activation='sigmoid')"),
        "architecture",
        "One number cannot say which of three",
    ),
    Wrong(
        "no hidden layer",
        _model("keras.Input((784,)), layers.Dense(3, activation='softmax')"),
        "architecture",
        "A hidden layer is between",
    ),
    Wrong(
        "linear hidden layer",
        _model("keras.Input((784,)), layers.Dense(10), layers.Dense(3, activation='softmax')"),
        "architecture",
        "linear-hidden-layer",
    ),
    Wrong(
        "softmax in the hidden layer",
        _model("keras.Input((784,)), layers.Dense(10, activation='softmax'), layers.Dense(3, activation='softmax')"),
        "architecture",
        "too tight for a hidden",
    ),
    Wrong(
        "sigmoid at the end",
        _model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3, activation='sigmoid')"),
        "architecture",
        "three separate yes-or-no questions",
    ),
    Wrong(
        "relu at the end",
        _model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3, activation='relu')"),
        "architecture",
        "relu gives any positive number",
    ),
    Wrong(
        "softmax in the layer and as a layer",
        _model(
            "keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax'),"
            " layers.Softmax()"
        ),
        "architecture",
        "softmax-twice",
    ),
    Wrong(
        "softmax along the images",
        _model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3), layers.Softmax(axis=0)"),
        "architecture",
        "softmax-along-images",
    ),
    Wrong(
        "an activation that Keras has not got",
        _model(
            "keras.Input((784,)), layers.Dense(10, activation=lambda z: z * z), layers.Dense(3, activation='softmax')"
        ),
        "architecture",
        "computes something that none of Keras's activations computes",
    ),
    Wrong(
        "a list of layers, no model",
        {"architecture-answer": "model = [layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax')]"},
        "architecture",
        "it is a list, not a Keras model",
    ),
    Wrong(
        "misspelt layer",
        _model("keras.Input((784,)), layers.dense(10), layers.Dense(3)"),
        "architecture",
        "your cell stopped with AttributeError",
    ),
    # Compiling
    Wrong(
        "sparse loss with one-hot labels",
        _compile('loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "The sparse loss needs class numbers",
    ),
    Wrong(
        "binary loss",
        _compile('loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "one yes-or-no answer",
    ),
    Wrong(
        "squared error",
        _compile('loss="mse", optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "error-for-classes",
    ),
    Wrong("no loss", _compile('optimizer="adam", metrics=["accuracy"]'), "compiled", "without a loss"),
    Wrong(
        "no accuracy",
        _compile('loss="categorical_crossentropy", optimizer="adam"'),
        "compiled",
        "no-accuracy",
    ),
    Wrong(
        "Binary accuracy",
        _compile('loss="categorical_crossentropy", optimizer="adam", metrics=["binary_accuracy"]'),
        "compiled",
        "binary-accuracy",
    ),
    Wrong(
        "learning rate of 10",
        _compile('loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(10.0), metrics=["accuracy"]'),
        "compiled",
        "the weights jump about",
    ),
    Wrong(
        "learning rate that Keras does not take",
        _compile('loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(10), metrics=["accuracy"]'),
        "compiled",
        "your cell stopped with ValueError",
    ),
    Wrong(
        "raw scores taken for probabilities",
        {
            **_model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3)"),
            **_compile('loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]'),
        },
        "compiled",
        "logarithm of numbers that are not probabilities",
    ),
    Wrong(
        "softmax twice",
        _compile('loss=keras.losses.CategoricalCrossentropy(from_logits=True), optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "Softmax would be applied twice",
    ),
    Wrong(
        "not compiled", {"compiled-answer": "loss = 'categorical_crossentropy'"}, "compiled", "has not been compiled"
    ),
    Wrong(
        "metrics without brackets",
        _compile('loss="categorical_crossentropy", optimizer="adam", metrics="accuracy"'),
        "compiled",
        "metrics-list",
    ),
    Wrong(
        "a metric that counts exact equality",
        _compile('loss="categorical_crossentropy", optimizer="adam", metrics=[keras.metrics.Accuracy()]'),
        "compiled",
        "exact-equality",
    ),
    Wrong(
        "the learning rate as old versions called it",
        _compile('loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(lr=0.01), metrics=["accuracy"]'),
        "compiled",
        "keras-lr",
    ),
    # Training
    Wrong(
        "history is the model",
        {"trained-answer": "model.fit(x_train, train_labels, verbose=0)\nhistory = model"},
        "trained",
        "`fit` returns a History object",
    ),
    Wrong(
        "fit not kept",
        {"trained-answer": "model.fit(x_train, train_labels, verbose=0)"},
        "trained",
        "`history = model.fit(",
    ),
    Wrong("a single epoch", _fit("x_train, train_labels, epochs=1, batch_size=32"), "trained", "An epoch is one pass"),
    Wrong(
        "fit on the images before flattening",
        _fit("train_data, train_labels, epochs=12"),
        "trained",
        "your cell stopped with",
    ),
    Wrong(
        "fit, then built again",
        {
            "trained-answer": "history = model.fit(x_train, train_labels, epochs=12, batch_size=32, verbose=0)\n"
            "keras.utils.set_random_seed(3)\n"
            "model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation='relu'),"
            " layers.Dense(3, activation='softmax')])\n"
            "model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])"
        },
        "trained",
        "It has never been trained",
    ),
    Wrong(
        "labels in another order",
        _fit("x_train, train_labels[::-1], epochs=12, batch_size=32"),
        "trained",
        "Do images and labels belong together",
    ),
    Wrong(
        "trained on the test set",
        _fit("x_test, test_labels, epochs=80, batch_size=10"),
        "trained",
        "Was it trained on the test images",
    ),
    Wrong(
        "validated on the test set",
        _fit("x_train, train_labels, epochs=12, batch_size=32, validation_data=(x_test, test_labels)"),
        "trained",
        "`validation_data` are the test images",
    ),
    Wrong(
        "trained on the test images from the start",
        _fit("x_test, test_labels, epochs=40, batch_size=10"),
        "trained",
        "trained-on-test-images",
    ),
    Wrong(
        "training and test images joined",
        _fit(
            "np.concatenate([x_train, x_test]), np.concatenate([train_labels, test_labels]), epochs=60, batch_size=10"
        ),
        "trained",
        "trained-on-test-images",
    ),
    Wrong(
        "a second fit on the test images",
        {
            "trained-answer": "history = model.fit(x_train, train_labels, epochs=12, batch_size=32, verbose=0)\n"
            "model.fit(x_test, test_labels, epochs=30, batch_size=10, verbose=0)"
        },
        "trained",
        "trained-on-test-images",
    ),
    Wrong(
        "class numbers given to a one-hot loss",
        _fit("x_train, train_labels.argmax(axis=1), epochs=12"),
        "trained",
        "class-numbers",
    ),
    Wrong("epochs as Keras 1 called them", _fit("x_train, train_labels, nb_epoch=12"), "trained", "keras-nb-epoch"),
    # Measuring
    Wrong(
        "measured though the training had stopped",
        {
            **_fit("x_train, train_labels.argmax(axis=1), epochs=12"),
            "accuracy-answer": "given = model.predict(x_test, verbose=0).argmax(axis=1)\n"
            "test_accuracy = (given == test_labels.argmax(axis=1)).mean()",
        },
        "accuracy",
        "class-numbers",
    ),
    Wrong(
        "accuracy taken from the history",
        {"accuracy-answer": "test_accuracy = history.history['val_accuracy'][-1]"},
        "accuracy",
        "accuracy-from-history",
    ),
    Wrong(
        "the loss for the accuracy",
        {"accuracy-answer": "test_accuracy, _ = model.evaluate(x_test, test_labels, verbose=0)"},
        "accuracy",
        "That is the loss",
    ),
    Wrong(
        "both numbers of evaluate",
        {"accuracy-answer": "test_accuracy = model.evaluate(x_test, test_labels, verbose=0)"},
        "accuracy",
        "returns the loss first",
    ),
    Wrong(
        "measured on the training images",
        {"accuracy-answer": "_, test_accuracy = model.evaluate(x_train, train_labels, verbose=0)"},
        "accuracy",
        "on the training images",
    ),
    Wrong(
        "in per cent",
        {"accuracy-answer": "test_accuracy = 100 * model.evaluate(x_test, test_labels, verbose=0)[1]"},
        "accuracy",
        "That looks like per cent",
    ),
    Wrong(
        "written down, not measured",
        {"accuracy-answer": "test_accuracy = 0.9"},
        "accuracy",
        "Evaluate it again",
    ),
    Wrong(
        "trained on half a class",
        {
            "trained-answer": "one = train_labels[:, 0] == 1\n"
            "history = model.fit(x_train[one], train_labels[one], epochs=12, verbose=0)"
        },
        "accuracy",
        "too-little-training",
    ),
    # Deeper
    Wrong(
        "no deeper than the first",
        {
            "deeper-answer": _network(
                "deeper_model",
                "keras.Input((784,)), layers.Dense(64, activation='relu'), layers.Dense(3, activation='softmax')",
            )
        },
        "deeper",
        "The output layer does not count",
    ),
    Wrong(
        "second hidden layer linear",
        {
            "deeper-answer": _network(
                "deeper_model",
                "keras.Input((784,)), layers.Dense(32, activation='relu'),"
                " layers.Dense(16), layers.Dense(3, activation='softmax')",
            )
        },
        "deeper",
        "linear-hidden-layer",
    ),
    Wrong(
        "deeper model not trained",
        {
            "deeper-answer": "deeper_model = keras.Sequential([keras.Input((784,)),"
            " layers.Dense(32, activation='relu'),"
            " layers.Dense(16, activation='relu'), layers.Dense(3, activation='softmax')])\n"
            "deeper_model.compile(loss='categorical_crossentropy', metrics=['accuracy'])"
        },
        "deeper",
        "rests-on-training",
    ),
    Wrong(
        "deeper model trained on raw pixels, runs away",
        {
            "deeper-answer": "deeper_model = keras.Sequential([keras.Input((784,)),"
            " layers.Dense(32, activation='relu'),"
            " layers.Dense(16, activation='relu'), layers.Dense(3, activation='softmax')])\n"
            "deeper_model.compile(loss='categorical_crossentropy',"
            " optimizer=keras.optimizers.SGD(1e12), metrics=['accuracy'])\n"
            "deeper_model.fit(255 * x_train, train_labels, epochs=3, verbose=0)"
        },
        "deeper",
        "The training diverged",
    ),
    Wrong(
        "rows divided by 254",
        _rows("{data}.reshape({n}, 784).astype('float32') / 254"),
        "flattened",
        "divided-by-another-number",
    ),
    Wrong("bias without images", _dense_relu("return np.maximum(b, 0)"), "by_hand", "images-forgotten"),
    Wrong("cut at 1", _dense_relu("return np.maximum(x @ W + b, 1)"), "by_hand", "cut-at-1"),
    Wrong(
        "a layer cut off to whole numbers",
        _dense_relu("return np.maximum(x @ W + b, 0).astype(int)"),
        "by_hand",
        "fractions-cut-off",
    ),
    Wrong(
        "a layer from the last image on",
        _dense_relu("return np.maximum(x @ W + b, 0)[::-1]"),
        "by_hand",
        "rows-reversed",
    ),
    Wrong("one bias too many", _counted("7851"), "counted", "biases-miscounted"),
    Wrong("biases taken away", _counted("7830"), "counted", "biases-taken-away"),
    Wrong("inputs left out", _counted("20"), "counted", "inputs-left-out"),
    Wrong("inputs divided by units", _counted("784 / 10 + 10"), "counted", "inputs-divided-by-units"),
    Wrong("one layer for all", _counted("7850", "33", "7850"), "counted", "one-layer-alone"),
    Wrong("one layer taken from the other", _counted("7850", "33", "7817"), "counted", "layers-subtracted"),
    Wrong(
        "785 inputs",
        _model("keras.Input((785,)), layers.Dense(10, activation='relu'), layers.Dense(3, activation='softmax')"),
        "architecture",
        "other-number-of-inputs",
    ),
    Wrong(
        "four outputs",
        _model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(4, activation='softmax')"),
        "architecture",
        "other-number-of-outputs",
    ),
    Wrong(
        "dropout behind the output of the deeper network",
        {
            "deeper-answer": _network(
                "deeper_model",
                "keras.Input((784,)), layers.Dense(32, activation='relu'), layers.Dense(16, activation='relu'),"
                " layers.Dense(3, activation='softmax'), layers.Dropout(0.5)",
            )
        },
        "deeper",
        "dropout-on-output",
    ),
    Wrong(
        "a leaky relu", _dense_relu("z = x @ W + b\n    return np.where(z > 0, z, 0.01 * z)"), "by_hand", "leaky-relu"
    ),
    Wrong("softplus for relu", _dense_relu("return np.log1p(np.exp(x @ W + b))"), "by_hand", "softplus-for-relu"),
    Wrong(
        "one for negative values",
        _dense_relu("z = x @ W + b\n    return np.where(z > 0, z, 1)"),
        "by_hand",
        "one-for-negative",
    ),
    Wrong(
        "rows read column by column",
        _rows("{data}.reshape({n}, 784, order='F').astype('float32') / 255"),
        "flattened",
        "pixels-in-another-order",
    ),
    Wrong(
        "accuracy as the loss",
        _compile('loss="accuracy", optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "accuracy-for-loss",
    ),
    Wrong(
        "a loss that is misspelt",
        _compile('loss="categorical_cross_entropy", optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "loss-misspelt",
    ),
    Wrong(
        "a loss for counts",
        _compile('loss="poisson", optimizer="adam", metrics=["accuracy"]'),
        "compiled",
        "is poisson, which does not fit",
    ),
    Wrong(
        "relu after softmax",
        _model(
            'keras.Input((784,)), layers.Dense(10, activation="relu"), layers.Dense(3, activation="softmax"),'
            " layers.ReLU()"
        ),
        "architecture",
        "softmax-not-last",
    ),
    Wrong(
        "relu before softmax",
        _model(
            'keras.Input((784,)), layers.Dense(10, activation="relu"), layers.Dense(3, activation="relu"),'
            " layers.Softmax()"
        ),
        "architecture",
        "changed-before-softmax",
    ),
    Wrong(
        "trained on unscaled rows",
        _fit("train_data.reshape(600, 784), train_labels, epochs=12"),
        "trained",
        "not-scaled",
    ),
    Wrong(
        "a few epochs on training and test images joined",
        _fit(
            "np.concatenate([x_train, x_test]), np.concatenate([train_labels, test_labels]), epochs=12, batch_size=32"
        ),
        "trained",
        "but only 600 are for training",
    ),
]

_FIT = "x_train, train_labels, epochs=12, batch_size=32, validation_split=0.2"

RIGHT = [
    Right(
        "Functional",
        {
            "architecture-answer": "inputs = keras.Input((784,))\n"
            "hidden = layers.Dense(10, activation='relu')(inputs)\n"
            "model = keras.Model(inputs, layers.Dense(3, activation='softmax')(hidden))"
        },
    ),
    Right(
        "layer by layer with add",
        {
            "architecture-answer": "model = keras.Sequential()\nmodel.add(keras.Input(shape=(784,)))\n"
            "model.add(layers.Dense(16))\nmodel.add(layers.Activation('tanh'))\n"
            "model.add(layers.Dense(3))\nmodel.add(layers.Activation('softmax'))"
        },
    ),
    Right(
        "a helper function returns the model",
        {
            "architecture-answer": "def build(*widths):\n"
            "    stack = [layers.Dense(w, activation='relu') for w in widths]\n"
            "    return keras.Sequential([keras.Input((784,)), *stack,"
            " layers.Dense(3, activation='softmax')])\n\nmodel = build(20)",
            "deeper-answer": "deeper_model = build(20, 20, 20)\n"
            "deeper_model.compile(loss='categorical_crossentropy', optimizer='adam')\n"
            f"deeper_model.fit({_FIT}, verbose=0)",
        },
    ),
    Right(
        "Flatten inside the model",
        {
            **_model(
                "keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation='relu'),"
                " layers.Dense(3, activation='softmax')"
            ),
            **_fit("x_train.reshape(-1, 28, 28, 1), train_labels, epochs=12, batch_size=32, validation_split=0.2"),
            "accuracy-answer": "test_accuracy = model.evaluate(x_test.reshape(-1, 28, 28, 1),"
            " test_labels, verbose=0)[1]",
        },
    ),
    Right(
        "Rescaling and Flatten inside the model",
        {
            **_model(
                "keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten(),"
                " layers.Dense(12, activation='relu'), layers.Dense(3, activation='softmax')"
            ),
            **_fit("train_data, train_labels, epochs=12, batch_size=32, validation_split=0.2"),
            "accuracy-answer": "test_accuracy = model.evaluate(test_data, test_labels, verbose=0)[1]",
        },
    ),
    Right(
        "logits with from_logits=True",
        {
            **_model("keras.Input((784,)), layers.Dense(10, activation='relu'), layers.Dense(3)"),
            **_compile(
                "loss=keras.losses.CategoricalCrossentropy(from_logits=True), optimizer='adam', metrics=['accuracy']"
            ),
        },
    ),
    Right(
        "SGD with momentum and He initialisation",
        {
            **_model(
                "keras.Input((784,)), layers.Dense(10, activation='relu', kernel_initializer='he_normal'),"
                " layers.Dense(3, activation='softmax')"
            ),
            **_compile("keras.optimizers.SGD(0.05, momentum=0.9), 'categorical_crossentropy', metrics=['accuracy']"),
        },
    ),
    Right(
        "RMSprop object, loss and metric objects",
        _compile(
            "loss=keras.losses.CategoricalCrossentropy(), optimizer=keras.optimizers.RMSprop(1e-3),"
            " metrics=[keras.metrics.CategoricalAccuracy()]"
        ),
    ),
    Right(
        "a learning rate schedule",
        _compile(
            "loss='categorical_crossentropy', metrics=['acc'], optimizer=keras.optimizers.Adam("
            "keras.optimizers.schedules.ExponentialDecay(0.005, 100, 0.9))"
        ),
    ),
    Right(
        "plain SGD, small batches, no validation",
        {
            **_compile("loss='categorical_crossentropy', optimizer='sgd', metrics=['accuracy']"),
            **_fit("x_train, train_labels, epochs=12, batch_size=10"),
        },
    ),
    Right(
        "ReLU and Softmax as layers, wide",
        _model("keras.Input((784,)), layers.Dense(128), layers.ReLU(), layers.Dense(3), layers.Softmax()"),
    ),
    Right(
        "LeakyReLU after batch normalisation",
        _model(
            "keras.Input((784,)), layers.Dense(24), layers.BatchNormalization(), layers.LeakyReLU(),"
            " layers.Dropout(0.1), layers.Dense(3, activation='softmax')"
        ),
    ),
    Right(
        "functions for activations",
        _model(
            "keras.Input((784,)), layers.Dense(10, activation=keras.activations.elu),"
            " layers.Dense(3, activation=keras.activations.softmax)"
        ),
    ),
    Right(
        "a model inside the model",
        {
            "architecture-answer": "body = keras.Sequential([keras.Input((784,)), layers.Dense(10,"
            " activation='relu')])\n"
            "model = keras.Sequential([keras.Input((784,)), body,"
            " layers.Dense(3, activation='softmax')])"
        },
    ),
    Right(
        "Functional with Flatten and named layers, more layers than asked",
        {
            "architecture-answer": "image = keras.Input((28, 28, 1), name='image')\n"
            "x = layers.Flatten(name='row')(image)\n"
            "for width in (32, 16):\n    x = layers.Dense(width, activation='gelu')(x)\n"
            "model = keras.Model(image, layers.Dense(3, activation='softmax')(x), name='clothes')",
            "trained-answer": f"model.fit(x_train.reshape(600, 28, 28, 1), {_FIT[9:]}, verbose=0)\n"
            "history = model.history",
            "accuracy-answer": "given = model.predict(x_test.reshape(100, 28, 28, 1), verbose=0)\n"
            "test_accuracy = (given.argmax(1) == test_labels.argmax(1)).mean()",
        },
    ),
    Right(
        "rows in other ways, in the other order",
        {
            "flattened-answer": "def to_rows(images):\n"
            "    return np.array([i.ravel() for i in images], dtype=np.float32) / 255.0\n\n"
            "x_test = to_rows(test_data)\nx_train = to_rows(train_data)"
        },
    ),
    Right(
        "rows from Keras, divided by the largest value",
        _rows("np.divide(np.squeeze({data}).reshape(len({data}), -1), {data}.max(), dtype='float32')"),
    ),
    Right(
        "dense by loops, lists returned",
        {
            "by_hand-answer": "def dense_relu(inputs, W, b):\n"
            "    return [[max(float(sum(x[i] * W[i, u] for i in range(len(x))) + b[u]), 0.0)\n"
            "             for u in range(W.shape[1])] for x in inputs]"
        },
    ),
    Right(
        "dense with einsum and where",
        {
            "by_hand-answer": "def dense_relu(x, W, b):\n    z = np.einsum('ni,iu->nu', x, W) + b\n"
            "    return np.where(z > 0, z, 0)"
        },
    ),
    Right(
        "dense with Keras's own operations",
        {"by_hand-answer": "def dense_relu(x, W, b):\n    return keras.ops.relu(keras.ops.matmul(x, W) + b)"},
    ),
    Right(
        "counted by the network itself",
        {
            "counted-answer": "probe = keras.Sequential([keras.Input((784,)), layers.Dense(10), layers.Dense(3)])\n"
            "hidden_parameters, output_parameters = [l.count_params() for l in probe.layers]\n"
            "all_parameters = np.int64(probe.count_params())"
        },
    ),
    Right(
        "history's dictionary, accuracy rounded",
        {
            "trained-answer": f"history = model.fit({_FIT}, verbose=0).history",
            "accuracy-answer": "test_accuracy = round(model.evaluate(x_test, test_labels, verbose=0)[1], 2)",
        },
    ),
    Right(
        "early stopping, own validation images",
        _fit(
            "x_train[:500], train_labels[:500], epochs=20, batch_size=32,"
            " validation_data=(x_train[500:], train_labels[500:]),"
            " callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)]"
        ),
    ),
    Right(
        "activations from TensorFlow",
        {
            "architecture-answer": "import tensorflow as tf\n"
            "model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation=tf.nn.silu),"
            " layers.Dense(3, activation=tf.nn.softmax)])"
        },
    ),
    Right(
        "an activation of one's own, and one from keras.ops",
        {
            "architecture-answer": "def mine(z):\n    return keras.ops.where(z > 0, z, 0.0)\n\n"
            "model = keras.Sequential([keras.Input((784,)), layers.Dense(16, activation=mine),"
            " layers.Dense(16, activation=keras.ops.relu), layers.Dense(3, activation=keras.ops.softmax)])"
        },
    ),
    Right(
        "operations between the layers, the scaling among them",
        {
            "architecture-answer": "image = keras.Input((28, 28, 1))\n"
            "hidden = keras.ops.relu(layers.Dense(16)(layers.Flatten()(image / 255.0)))\n"
            "model = keras.Model(image, keras.activations.softmax(layers.Dense(3)(hidden)))",
            **_fit("train_data, train_labels, epochs=12, batch_size=32, validation_split=0.2"),
            "accuracy-answer": "test_accuracy = model.evaluate(test_data, test_labels, verbose=0)[1]",
        },
    ),
    Right(
        "a Normalization layer that has adapted to the training rows",
        {
            "architecture-answer": "normal = layers.Normalization()\nnormal.adapt(x_train)\n"
            "model = keras.Sequential([keras.Input((784,)), normal, layers.Dense(10, activation='relu'),"
            " layers.Dense(3, activation='softmax')])"
        },
    ),
    Right(
        "scaled rows, scaled once more to -1..1 in the model",
        _model(
            "keras.Input((784,)), layers.Rescaling(2.0, offset=-1.0), layers.Dense(10, activation='relu'),"
            " layers.Dense(3, activation='softmax')"
        ),
    ),
    Right(
        "normalised between the layer and its activation",
        _model(
            "keras.Input((784,)), layers.Dense(32), layers.UnitNormalization(), layers.Activation('relu'),"
            " layers.Dense(3, activation='softmax')"
        ),
    ),
    Right(
        "a loss for each output, by name, and Adadelta at its paper's rate",
        {
            "architecture-answer": "pixels = keras.Input((784,))\n"  # Keras takes no names of outputs in a Sequential
            "hidden = layers.Dense(10, activation='relu')(pixels)\n"
            "model = keras.Model(pixels, layers.Dense(3, activation='softmax', name='cls')(hidden))",
            **_compile(
                "loss={'cls': 'categorical_crossentropy'}, optimizer=keras.optimizers.Adadelta(1.0),"
                " metrics={'cls': ['accuracy']}"
            ),
        },
    ),
    Right(
        "a loss of one's own around Keras's",
        _compile(
            "loss=lambda y, p: keras.losses.categorical_crossentropy(y, p), optimizer='adam', metrics=['accuracy']"
        ),
    ),
    Right(
        "deeper with class numbers and the loss for them",
        {
            "deeper-answer": "deeper_model = keras.Sequential([keras.Input((784,)),"
            " layers.Dense(32, activation='relu'), layers.Dense(16, activation='relu'),"
            " layers.Dense(3, activation='softmax')])\n"
            "deeper_model.compile(loss='sparse_categorical_crossentropy', optimizer='adam', metrics=['accuracy'])\n"
            "deeper_model.fit(x_train, train_labels.argmax(axis=1), epochs=12, batch_size=32, verbose=0)"
        },
    ),
    Right(
        "Kullback-Leibler divergence, which on one-hot labels is the cross-entropy",
        _compile("loss='kl_divergence', optimizer='nadam', metrics=['accuracy']"),
    ),
]
