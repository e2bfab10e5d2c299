"""Exercise 5, overfitting: answers that learners really give."""

from __future__ import annotations

from catalogue import Right, Wrong

# Most checks need only the network of their own task; leaving the others out saves time.
NO_FEW, NO_STOP, NO_CURE = {"overfitted-answer": ""}, {"stopped-answer": ""}, {"cured-answer": ""}
UNTRAINED = NO_FEW | NO_STOP | NO_CURE


def _split(images: str = "450", dresses: str = "150", shoes: str = "0", left: str = "50") -> dict[str, str]:
    return {
        "split-answer": f"training_images = {images}\nvalidation_dresses = {dresses}\n"
        f"validation_shoes = {shoes}\ntraining_dresses = {left}"
    }


def _shuffle(body: str) -> dict[str, str]:
    return {"shuffled-answer": f"def shuffle_together(images, labels):\n    {body}"}


def _best(body: str) -> dict[str, str]:
    return {"best_epoch-answer": f"def best_epoch(history):\n    {body}"}


def _gap(body: str) -> dict[str, str]:
    return {"gap-answer": f"def gap(history):\n    {body}"}


def _curves(a: str, b: str, c: str, d: str) -> dict[str, str]:
    return {"curves-answer": "\n".join(f"curve_{n} = {v!r}" for n, v in zip("abcd", (a, b, c, d), strict=True))}


UNDER, OVER, LARGE, GOOD = "underfitting", "overfitting", "learning rate too large", "good fit"
SOFTMAX = 'layers.Dense(3, activation="softmax")'


def _network(
    name: str,
    layers: str,
    fit: str,
    optimizer: str = '"adam"',
    loss: str = '"categorical_crossentropy"',
    before: str = "",
    after: str = "",
) -> str:
    """Build, compile and train a network with these layers, as a learner would in one cell."""
    return (
        f"{before}\n{name} = keras.Sequential([keras.Input((784,)), {layers}])\n"
        f'{name}.compile(loss={loss}, optimizer={optimizer}, metrics=["accuracy"])\n'
        f"{name}_history = {name}.fit({fit}, verbose=0)\n{after}"
    )


WIDE = f'layers.Dense(128, activation="relu"), {SOFTMAX}'
FEW = "few_images, few_labels"
VALIDATED = "validation_data=(x_val, y_val)"
FAST = "keras.optimizers.Adam(0.003)"


def _overfitted(
    layers: str = WIDE, fit: str = f"{FEW}, epochs=30, batch_size=20", optimizer: str = FAST, **more: str
) -> dict[str, str]:
    return {"overfitted-answer": _network("overfitted", layers, fit, optimizer, **more)}


def _stopped(
    callback: str, layers: str = WIDE, fit: str = f"{FEW}, epochs=60, batch_size=25, {VALIDATED}", **more: str
) -> dict[str, str]:
    early = f"early = keras.callbacks.EarlyStopping({callback})"
    return NO_FEW | {"stopped-answer": _network("stopped", layers, f"{fit}, callbacks=[early]", before=early, **more)}


def _cured(layers: str, fit: str = "x_train, y_train, epochs=12, batch_size=40", **more: str) -> dict[str, str]:
    return NO_FEW | NO_STOP | {"cured-answer": _network("cured", layers, fit, **more)}


DROPOUT = f'layers.Dense(32, activation="relu"), layers.Dropout(0.5), {SOFTMAX}'


def _saved(code: str) -> dict[str, str]:
    return NO_FEW | NO_STOP | {"saved-answer": f"import os\n{code}"}


SIZE = 'file_bytes = os.path.getsize("cured.keras")'


def _reported(chosen: str = "C", reported: str = "0.91", shuffled: str = "1 / 3") -> dict[str, str]:
    return UNTRAINED | {
        "saved-answer": "",
        "reported-answer": f"chosen = {chosen!r}\nreported = {reported}\nshuffled_accuracy = {shuffled}",
    }


WRONG = [
    # The last rows
    Wrong(
        "validation drawn at random",
        _split(dresses="50", shoes="50", left="150"),
        "split",
        "drawn-at-random",
    ),
    Wrong("images held back for those trained on", _split("150"), "split", "held-back-for-trained-on"),
    Wrong("nothing held back", _split("600"), "split", "nothing-held-back"),
    Wrong("a fifth held back", _split("480"), "split", "another-share-held-back"),
    Wrong("0.25 taken for 25 images", _split("575"), "split", "share-taken-for-a-number"),
    Wrong("all dresses held back", _split(dresses="200", left="0"), "split", "all-dresses-held-back"),
    Wrong("the first rows held back", _split(dresses="0", shoes="0", left="200"), "split", "first-rows"),
    Wrong("dresses not taken off", _split(left="200"), "split", "dresses-not-taken-off"),
    Wrong("rows counted from one", _split("451"), "split", "count-off-by-one"),
    # Shuffling
    Wrong(
        "the notebook's own images",
        _shuffle("r = np.random.permutation(len(images))\n    return x_train[r], labels[r]"),
        "shuffled",
        "ignores-its-arguments",
    ),
    Wrong(
        "shuffled separately",
        _shuffle("n = len(images)\n    r = np.random.permutation\n    return images[r(n)], labels[r(n)]"),
        "shuffled",
        "shuffled-twice",
    ),
    Wrong(
        "only the images shuffled",
        _shuffle("return np.random.permutation(images), labels"),
        "shuffled",
        "labels-left-alone",
    ),
    Wrong(
        "drawn with replacement",
        _shuffle("i = np.random.choice(len(images), len(images))\n    return images[i], labels[i]"),
        "shuffled",
        "drawn-with-replacement",
    ),
    Wrong(
        "the arrays themselves shuffled",
        _shuffle(
            "s = np.random.randint(1000)\n    for a in (images, labels):\n"
            "        np.random.default_rng(s).shuffle(a)\n    return images, labels"
        ),
        "shuffled",
        "arguments-changed",
    ),
    Wrong(
        "written back into the arrays",
        _shuffle(
            "i = np.random.permutation(len(images))\n    images[:], labels[:] = images[i], labels[i]\n"
            "    return images, labels"
        ),
        "shuffled",
        "changes the arrays that it was given",
    ),
    Wrong(
        "images flattened",
        _shuffle("i = np.random.permutation(len(images))\n    return images.reshape(len(images), -1)[i], labels[i]"),
        "shuffled",
        "Each image has become a row",
    ),
    Wrong("nothing shuffled", _shuffle("return images, labels"), "shuffled", "nothing-shuffled"),
    Wrong("turned round", _shuffle("return images[::-1], labels[::-1]"), "shuffled", "turned-round"),
    Wrong(
        "rolled along",
        _shuffle("return np.roll(images, 7, axis=0), np.roll(labels, 7, axis=0)"),
        "shuffled",
        "come back sorted, only the other",
    ),
    Wrong(
        "shuffled in place, nothing returned",
        _shuffle("np.random.shuffle(images.copy())"),
        "shuffled",
        "shuffle-returns-nothing",
    ),
    Wrong(
        "one array returned",
        _shuffle("return images[np.random.permutation(len(images))]"),
        "shuffled",
        "should return two arrays",
    ),
    Wrong(
        "images and labels in the wrong order",
        _shuffle("i = np.random.permutation(len(images))\n    return labels[i], images[i]"),
        "shuffled",
        "wrong-order",
    ),
    Wrong(
        "pixels shuffled as well",
        _shuffle(
            "i = np.random.permutation(len(images))\n"
            "    return np.random.permutation(images.ravel()).reshape(images.shape), labels[i]"
        ),
        "shuffled",
        "pixels-shuffled",
    ),
    # The best epoch
    Wrong("counted from 0", _best('return np.argmin(history["val_loss"])'), "best_epoch", "counted-from-zero"),
    Wrong("the last epoch", _best('return len(history["val_loss"])'), "best_epoch", "last-epoch"),
    Wrong(
        "smallest training loss",
        _best('return np.argmin(history["loss"]) + 1'),
        "best_epoch",
        "training-loss",
    ),
    Wrong(
        "largest validation loss",
        _best('return np.argmax(history["val_loss"]) + 1'),
        "best_epoch",
        "largest-loss",
    ),
    Wrong(
        "largest validation accuracy",
        _best('return np.argmax(history["val_accuracy"]) + 1'),
        "best_epoch",
        "validation-accuracy",
    ),
    Wrong(
        "the loss for its epoch",
        _best('return min(history["val_loss"])'),
        "best_epoch",
        "loss-for-epoch",
    ),
    Wrong(
        "stops at the first rise",
        _best(
            'v = history["val_loss"]\n    for i in range(1, len(v)):\n        if v[i] > v[i - 1]:\n'
            "            return i\n    return len(v)"
        ),
        "best_epoch",
        "first-rise",
    ),
    Wrong(
        "largest training accuracy",
        _best('return np.argmax(history["accuracy"]) + 1'),
        "best_epoch",
        "training-accuracy",
    ),
    Wrong("always the same epoch", _best("return 99"), "best_epoch", "ignores-its-arguments"),
    Wrong("one added twice", _best('return np.argmin(history["val_loss"]) + 2'), "best_epoch", "one-too-many"),
    Wrong(
        "History object expected",
        _best('return np.argmin(history.history["val_loss"]) + 1'),
        "best_epoch",
        "already-the-dictionary",
    ),
    Wrong("another key", _best('return np.argmin(history["validation_loss"]) + 1'), "best_epoch", "no-such-key"),
    # The gap
    Wrong(
        "the wrong way round",
        _gap('return history["val_accuracy"][-1] - history["accuracy"][-1]'),
        "gap",
        "wrong-way-round",
    ),
    Wrong(
        "the sign thrown away",
        _gap('return abs(history["accuracy"][-1] - history["val_accuracy"][-1])'),
        "gap",
        "sign-thrown-away",
    ),
    Wrong(
        "difference of the losses",
        _gap('return history["loss"][-1] - history["val_loss"][-1]'),
        "gap",
        "Those are the losses",
    ),
    Wrong(
        "first epoch",
        _gap('return history["accuracy"][0] - history["val_accuracy"][0]'),
        "gap",
        "first-epoch",
    ),
    Wrong(
        "gap of the best epoch",
        _gap('i = np.argmin(history["val_loss"])\n    return history["accuracy"][i] - history["val_accuracy"][i]'),
        "gap",
        "the gap of the best epoch",
    ),
    Wrong(
        "each at its best",
        _gap('return max(history["accuracy"]) - max(history["val_accuracy"])'),
        "gap",
        "not-one-epoch",
    ),
    Wrong(
        "largest gap",
        _gap('return max(np.subtract(history["accuracy"], history["val_accuracy"]))'),
        "gap",
        "largest-gap",
    ),
    Wrong(
        "a gap in per cent",
        _gap('return 100 * (history["accuracy"][-1] - history["val_accuracy"][-1])'),
        "gap",
        "Leave the accuracies between",
    ),
    Wrong("training accuracy alone", _gap('return history["accuracy"][-1]'), "gap", "training-alone"),
    Wrong(
        "mean over the epochs",
        _gap('return np.mean(history["accuracy"]) - np.mean(history["val_accuracy"])'),
        "gap",
        "That is the mean over the epochs",
    ),
    Wrong(
        "gap of every epoch",
        _gap('return np.array(history["accuracy"]) - history["val_accuracy"]'),
        "gap",
        "every-epoch",
    ),
    Wrong("the whole history returned", _gap("return history"), "gap", "history-returned"),
    Wrong("a ratio", _gap('return history["accuracy"][-1] / history["val_accuracy"][-1]'), "gap", "That is a ratio"),
    Wrong(
        "lists subtracted",
        _gap('return history["accuracy"] - history["val_accuracy"]'),
        "gap",
        "Take one entry of each",
    ),
    # Learning curves
    Wrong("over and under confused", _curves(OVER, UNDER, LARGE, GOOD), "curves", "signs-of-overfitting"),
    Wrong("jumping curves taken for overfitting", _curves(UNDER, GOOD, OVER, GOOD), "curves", "signs-of-overfitting"),
    Wrong("flat curves taken for a good fit", _curves(GOOD, OVER, LARGE, UNDER), "curves", "signs-of-underfitting"),
    Wrong(
        "low curves taken for underfitting",
        _curves(UNDER, OVER, LARGE, UNDER),
        "curves",
        "signs-of-underfitting",
    ),
    Wrong("a slow rate taken for a fast one", _curves(LARGE, OVER, LARGE, GOOD), "curves", "signs-of-large-steps"),
    Wrong("words of one's own", _curves("too weak", OVER, LARGE, GOOD), "curves", "words-of-ones-own"),
    # Overfitting on purpose
    Wrong(
        "not trained long enough",
        _overfitted(fit=f"{FEW}, epochs=5, batch_size=20"),
        "overfitted",
        "not-fooled-yet",
    ),
    Wrong(
        "dropout against memory",
        _overfitted(f'layers.Dense(8, activation="relu"), layers.Dropout(0.8), {SOFTMAX}', fit=f"{FEW}, epochs=2"),
        "overfitted",
        "cure-too-early",
    ),
    Wrong(
        "never trained",
        {
            "overfitted-answer": f"overfitted = keras.Sequential([keras.Input((784,)), {WIDE}])\n"
            'overfitted.compile(loss="categorical_crossentropy", metrics=["accuracy"])'
        },
        "overfitted",
        "never been trained",
    ),
    Wrong(
        "trained on the validation images",
        _overfitted(fit="x_val, y_val, epochs=4"),
        "overfitted",
        "trained-on-right-labels",
    ),
    Wrong(
        "ten outputs",
        {
            "overfitted-answer": "overfitted = keras.Sequential([keras.Input((784,)), "
            'layers.Dense(10, activation="softmax")])'
        },
        "overfitted",
        "ten-outputs",
    ),
    Wrong(
        "sparse loss for one-hot labels",
        _overfitted(fit=f"{FEW}, epochs=2", loss='"sparse_categorical_crossentropy"'),
        "overfitted",
        "one-hot-for-sparse",
    ),
    Wrong(
        "squared error",
        _overfitted(fit=f"{FEW}, epochs=2", loss='"mse"'),
        "overfitted",
        "error-for-classes",
    ),
    Wrong(
        "softmax twice",
        _overfitted(f'layers.Dense(64, activation="relu"), {SOFTMAX}, layers.Softmax()', fit=f"{FEW}, epochs=2"),
        "overfitted",
        "ends in softmax, softmax",
    ),
    Wrong(
        "softmax along the images",
        _overfitted(
            'layers.Dense(64, activation="relu"), layers.Dense(3), layers.Softmax(axis=0)', fit=f"{FEW}, epochs=2"
        ),
        "overfitted",
        "softmax-along-images",
    ),
    Wrong(
        "dropout on the last layer",
        _overfitted(f'layers.Dense(64, activation="relu"), {SOFTMAX}, layers.Dropout(0.1)', fit=f"{FEW}, epochs=2"),
        "overfitted",
        "dropout-on-output",
    ),
    Wrong(
        "no accuracy as a metric",
        {
            "overfitted-answer": f"overfitted = keras.Sequential([keras.Input((784,)), {WIDE}])\n"
            'overfitted.compile(loss="categorical_crossentropy", optimizer="adam")\n'
            f"overfitted_history = overfitted.fit({FEW}, epochs=2, verbose=0)"
        },
        "overfitted",
        "no-accuracy",
    ),
    Wrong(
        "trained on the right labels",
        _overfitted(fit="x_train[:100], train_labels[:100], epochs=30, batch_size=20"),
        "overfitted",
        "trained-on-right-labels",
    ),
    Wrong(
        "a step that is far too large",
        _overfitted(optimizer="keras.optimizers.Adam(5.0)"),
        "overfitted",
        "learning-rate",
    ),
    Wrong(
        "overfitted, its history thrown away",
        _overfitted(after="del overfitted_history"),
        "overfitted",
        "there is no `overfitted_history`",
    ),
    Wrong(
        "scores without from_logits",
        _overfitted('layers.Dense(64, activation="relu"), layers.Dense(3)', fit=f"{FEW}, epochs=2"),
        "overfitted",
        "scores-for-probabilities",
    ),
    # Early stopping
    Wrong("best weights not restored", _stopped("patience=5"), "stopped", "last-weights"),
    Wrong(
        "no early stopping",
        NO_FEW | {"stopped-answer": _network("stopped", WIDE, f"{FEW}, epochs=60, batch_size=50, {VALIDATED}", FAST)},
        "stopped",
        "not-stopped",
    ),
    Wrong(
        "stopped by the number of epochs",
        _stopped(
            "patience=5, restore_best_weights=True",
            fit=f"{FEW}, epochs=2, batch_size=25, {VALIDATED}",
            optimizer="keras.optimizers.SGD(0.001)",
        ),
        "stopped",
        "still-falling",
    ),
    Wrong(
        "the training loss watched",
        _stopped(
            'monitor="loss", patience=5, restore_best_weights=True',
            fit=f"{FEW}, epochs=20, batch_size=25, {VALIDATED}",
            optimizer=FAST,
        ),
        "stopped",
        "last-weights",
    ),
    Wrong(
        "stopped is the overfitted one",
        {
            "overfitted-answer": _network(
                "overfitted", WIDE, f"{FEW}, epochs=40, batch_size=20, {VALIDATED}", "keras.optimizers.Adam(0.003)"
            ),
            "stopped-answer": "stopped, stopped_history = overfitted, overfitted_history",
        },
        "stopped",
        "the-same-network",
    ),
    Wrong(
        "a patience of a hundred",
        _stopped("patience=100, restore_best_weights=True", optimizer=FAST),
        "stopped",
        "training went on to number 60",
    ),
    Wrong(
        "five epochs",
        _stopped("patience=5, restore_best_weights=True", fit=f"{FEW}, epochs=5, batch_size=25, {VALIDATED}"),
        "stopped",
        "ended-by-epochs",
    ),
    Wrong(
        "the training accuracy watched",
        _stopped(
            'monitor="accuracy", mode="max", patience=3, restore_best_weights=True',
            optimizer="keras.optimizers.Adam(0.01)",
        ),
        "stopped",
        "best by the training accuracy",
    ),
    Wrong(
        "stopped_history thrown away",
        _stopped("patience=5, restore_best_weights=True", after="del stopped_history"),
        "stopped",
        "history-not-kept",
    ),
    Wrong(
        "no validation",
        _stopped('monitor="loss", patience=1', fit=f"{FEW}, epochs=3"),
        "stopped",
        "no-validation",
    ),
    Wrong(
        "validated on the training images, loss still falling",
        _stopped(
            "patience=5, restore_best_weights=True", fit=f"{FEW}, epochs=8, batch_size=25, validation_data=({FEW})"
        ),
        "stopped",
        "validated-on-training-images",
    ),
    Wrong(
        "validated on the training images",
        _stopped(
            "patience=2, restore_best_weights=True",
            optimizer="keras.optimizers.Adam(0.02)",
            fit=f"{FEW}, epochs=60, batch_size=25, validation_data=({FEW})",
        ),
        "stopped",
        "validated-on-training-images",
    ),
    Wrong(
        "built again afterwards",
        _stopped(
            "patience=5, restore_best_weights=True",
            after=f"stopped = keras.Sequential([keras.Input((784,)), {WIDE}])\n"
            'stopped.compile(loss="categorical_crossentropy")',
        ),
        "stopped",
        "built or compiled again after `fit`",
    ),
    Wrong(
        "L2 against the task's words",
        _stopped(
            "patience=5, restore_best_weights=True",
            f'layers.Dense(64, activation="relu", kernel_regularizer="l2"), {SOFTMAX}',
            fit=f"{FEW}, epochs=60, batch_size=50, {VALIDATED}",
        ),
        "stopped",
        "Leave the regularizer out",
    ),
    # The cure
    Wrong(
        "no cure",
        _cured(WIDE, "x_train, y_train, epochs=60, batch_size=40", optimizer=FAST),
        "cured",
        "learned-by-heart",
    ),
    Wrong(
        "the overfitted one for the cured",
        NO_STOP | _overfitted() | {"cured-answer": "cured, cured_history = overfitted, overfitted_history"},
        "cured",
        "the-same-network",
    ),
    Wrong(
        "the stopped one trained on",
        _stopped("patience=5, restore_best_weights=True")
        | {
            "cured-answer": "cured = stopped\ncured_history = cured.fit("
            "x_train, y_train, epochs=8, batch_size=40, validation_data=(x_val, y_val), verbose=0)"
        },
        "cured",
        "`cured` is `stopped` itself",
    ),
    Wrong(
        "the first hundred by heart",
        _cured(WIDE, f"{FEW}, epochs=30, batch_size=20", optimizer=FAST),
        "cured",
        "of the wrong labels that it was trained on",
    ),
    Wrong(
        "trained on the test images",
        _cured(DROPOUT, "test_data.reshape(-1, 784) / 255, test_labels, epochs=30, batch_size=20"),
        "cured",
        "trained-on-others",
    ),
    Wrong(
        "cured by the right labels",
        _cured(DROPOUT, "x_train, train_labels[:400], epochs=12, batch_size=40, validation_data=(x_val, y_val)"),
        "cured",
        "trained-on-other-labels",
    ),
    Wrong(
        "cured on the validation images",
        _cured(DROPOUT, "x_val, y_val, epochs=12, batch_size=20"),
        "cured",
        "trained-on-other-labels",
    ),
    Wrong(
        "cured, its history thrown away",
        _cured(DROPOUT, "x_train, y_train, epochs=8, batch_size=40", after="del cured_history"),
        "cured",
        "history-not-kept",
    ),
    Wrong(
        "dropout on the output layer",
        _cured(f'layers.Dense(32, activation="relu"), {SOFTMAX}, layers.Dropout(0.5)'),
        "cured",
        "dropout-on-output",
    ),
    Wrong(
        "too much of the cure",
        _cured(f'layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(10.0)), {SOFTMAX}'),
        "cured",
        "too-much-of-the-cure",
    ),
    Wrong(
        "cured but never trained",
        NO_FEW
        | NO_STOP
        | {
            "cured-answer": f"cured = keras.Sequential([keras.Input((784,)), {DROPOUT}])\n"
            'cured.compile(loss="categorical_crossentropy", metrics=["accuracy"])'
        },
        "cured",
        "never been trained",
    ),
    # Saving
    Wrong(
        "only the architecture",
        _saved('cured.save("cured.keras")\nloaded = keras.models.model_from_json(cured.to_json())\n' + SIZE),
        "saved",
        "weights-left-behind",
    ),
    Wrong(
        "cloned, not loaded",
        _saved('cured.save("cured.keras")\nloaded = keras.models.clone_model(cured)\n' + SIZE),
        "saved",
        "weights-left-behind",
    ),
    Wrong(
        "trained after saving",
        _saved(
            'cured.save("cured.keras")\ncured.fit(x_train, y_train, epochs=3, verbose=0)\n'
            'loaded = keras.saving.load_model("cured.keras")\n' + SIZE
        ),
        "saved",
        "trained-after-saving",
    ),
    Wrong(
        "another network saved",
        _saved(
            f"other = keras.Sequential([keras.Input((784,)), {SOFTMAX}])\n"
            'other.save("cured.keras")\nloaded = keras.saving.load_model("cured.keras")\n' + SIZE
        ),
        "saved",
        "another-network",
    ),
    Wrong(
        "the model under a second name",
        _saved('cured.save("cured.keras")\nloaded = cured\n' + SIZE),
        "saved",
        "not-loaded",
    ),
    Wrong(
        "cloned with its weights",
        _saved(
            'cured.save("cured.keras")\nloaded = keras.models.clone_model(cured)\n'
            "loaded.set_weights(cured.get_weights())\n" + SIZE
        ),
        "saved",
        "a-copy",
    ),
    Wrong(
        "another name for the file",
        _saved(
            'cured.save("mine.keras")\nloaded = keras.saving.load_model("mine.keras")\n'
            'file_bytes = os.path.getsize("mine.keras")'
        ),
        "saved",
        "no-such-file",
    ),
    Wrong(
        "a size that is made up",
        _saved('cured.save("cured.keras")\nloaded = keras.saving.load_model("cured.keras")\nfile_bytes = 400_000'),
        "saved",
        "Ask the operating system",
    ),
    Wrong(
        "size by the parameters",
        _saved(
            'cured.save("cured.keras")\nloaded = keras.saving.load_model("cured.keras")\n'
            "file_bytes = cured.count_params()"
        ),
        "saved",
        "That is the number of parameters",
    ),
    Wrong(
        "length of the name",
        _saved(
            'cured.save("cured.keras")\nloaded = keras.saving.load_model("cured.keras")\n'
            'file_bytes = len("cured.keras")'
        ),
        "saved",
        "length-of-the-name",
    ),
    Wrong(
        "kilobytes",
        _saved('cured.save("cured.keras")\nloaded = keras.saving.load_model("cured.keras")\n' + SIZE + " / 1000"),
        "saved",
        "looks like kilobytes",
    ),
    Wrong(
        "loaded before saving",
        _saved('loaded = keras.saving.load_model("never.keras")\n' + SIZE),
        "saved",
        "surroundings",
    ),
    # The test set, once
    Wrong("chosen by the test accuracy", _reported("D", "0.95"), "reported", "chosen-by-test"),
    Wrong("chosen by the training accuracy", _reported("B"), "reported", "chosen-by-training"),
    Wrong("smallest gap chosen", _reported("A"), "reported", "chosen-by-gap"),
    Wrong("validation accuracy reported", _reported(reported="0.94"), "reported", "validation-reported"),
    Wrong("training accuracy reported", _reported(reported="0.96"), "reported", "training-reported"),
    Wrong("accuracy in per cent", _reported(reported="91"), "reported", "accuracy in per cent"),
    Wrong("shuffled labels known by heart", _reported(shuffled="1.0"), "reported", "known-by-heart"),
    Wrong("chance of two classes", _reported(shuffled="0.5"), "reported", "chance-of-other-classes"),
    Wrong("an accuracy of no table", _reported(reported="0.091"), "reported", "not-in-the-table"),
    Wrong("the number of classes for chance", _reported(shuffled="3"), "reported", "classes-for-chance"),
    Wrong("a third of a third", _reported(shuffled="1 / 3 / 3"), "reported", "chance-divided-twice"),
    Wrong("chance of never", _reported(shuffled="0"), "reported", "never-right"),
    Wrong(
        "each class shuffled by itself",
        _shuffle(
            "rows = np.arange(len(images)).reshape(4, -1)\n    order = np.concatenate("
            "[np.random.permutation(some) for some in rows])\n    return images[order], labels[order]"
        ),
        "shuffled",
        "classes-shuffled-apart",
    ),
    Wrong(
        "what shuffle returns for an order",
        _shuffle(
            "order = np.arange(len(images))\n    order = np.random.default_rng().shuffle(order)\n"
            "    return images[order], labels[order]"
        ),
        "shuffled",
        "shuffle-makes-no-order",
    ),
    Wrong(
        "a hundred images always",
        _shuffle("order = np.random.permutation(100)\n    return images[order], labels[order]"),
        "shuffled",
        "fixed-number-of-images",
    ),
    Wrong(
        "the last image lost",
        _shuffle("order = np.random.permutation(len(images) - 1)\n    return images[order], labels[order]"),
        "shuffled",
        "images-lost",
    ),
    Wrong(
        "epoch and loss returned",
        _best('best = np.argmin(history["val_loss"])\n    return best + 1, history["val_loss"][best]'),
        "best_epoch",
        "two-values",
    ),
    Wrong(
        "the smallest of another list looked up",
        _best('return history["val_loss"].index(min(history["loss"]) / 2) + 1'),
        "best_epoch",
        "number-of-another-list",
    ),
    Wrong(
        "epochs counted from the end",
        _best('return len(history["val_loss"]) - np.argmin(history["val_loss"])'),
        "best_epoch",
        "counted-from-the-end",
    ),
    Wrong("accuracies added", _gap('return history["accuracy"][-1] + history["val_accuracy"][-1]'), "gap", "added-up"),
    Wrong(
        "a gap of one digit",
        _gap('return round(history["accuracy"][-1] - history["val_accuracy"][-1], 1)'),
        "gap",
        "rounded-gap",
    ),
    Wrong(
        "an epoch for a position",
        _gap('e = best_epoch(history)\n    return history["accuracy"][e] - history["val_accuracy"][e]'),
        "gap",
        "epoch-for-position",
    ),
    Wrong(
        "an accuracy taken from a loss",
        _gap('return history["val_loss"][-1] - history["val_accuracy"][-1]'),
        "gap",
        "loss-and-accuracy-mixed",
    ),
    Wrong(
        "a share of the validation accuracy",
        _gap(
            'validation = history["val_accuracy"][-1]\n    return (history["accuracy"][-1] - validation) / validation'
        ),
        "gap",
        "relative-to-validation",
    ),
    Wrong(
        "behind the last entry",
        _gap('n = len(history["accuracy"])\n    return history["accuracy"][n] - history["val_accuracy"][n]'),
        "gap",
        "behind-the-last-entry",
    ),
    Wrong(
        "all images for the few",
        _overfitted(fit="x_train, y_train, epochs=30, batch_size=20"),
        "overfitted",
        "trained-on-more-images",
    ),
    Wrong(
        "cured on unscaled images, one epoch",
        _cured(f'layers.Dense(16, activation="relu"), {SOFTMAX}', "x_train * 255, y_train, epochs=1, batch_size=40"),
        "cured",
        "not-scaled",
    ),
    Wrong(
        "cured on unscaled images, a few epochs",
        _cured(SOFTMAX, "train_data[:400].reshape(400, 784), y_train, epochs=4, batch_size=40"),
        "cured",
        "not-scaled",
    ),
    Wrong(
        "overfitted on unscaled images, a few epochs",
        _overfitted(fit="few_images * 255, few_labels, epochs=3, batch_size=20"),
        "overfitted",
        "not-scaled",
    ),
    Wrong(
        "overfitted on unscaled images",
        _overfitted(fit="few_images * 255, few_labels, epochs=100, batch_size=20"),
        "overfitted",
        "not-scaled",
    ),
    Wrong(
        "stopped on the right labels",
        _stopped(
            "patience=5, restore_best_weights=True",
            fit=f"few_images, train_labels[:100], epochs=60, batch_size=25, {VALIDATED}",
        ),
        "stopped",
        "trained-on-other-labels",
    ),
    Wrong(
        "a second fit on the validation images",
        _cured(
            DROPOUT,
            f"x_train, y_train, epochs=8, batch_size=40, {VALIDATED}",
            after="cured.fit(x_val, y_val, epochs=8, batch_size=40, verbose=0)",
        ),
        "cured",
        "trained-again",
    ),
    Wrong(
        "training and validation images joined",
        _cured(DROPOUT, "np.vstack([x_train, x_val]), np.vstack([y_train, y_val]), epochs=12, batch_size=32"),
        "cured",
        "trained-on-more-images",
    ),
]

CONV = (
    "layers.Reshape((28, 28, 1)), layers.Conv2D(4, 5, strides=3, activation='relu'), layers.Flatten(), "
    f"layers.Dropout(0.3), {SOFTMAX}"
)
FUNCTIONAL = """
image = keras.Input((784,))
inner = layers.Dense(64, kernel_initializer="he_normal")(image)
inner = layers.Activation("relu")(inner)
inner = layers.Dropout(0.5)(inner)
cured = keras.Model(image, layers.Dense(3)(inner))
cured.compile(
    loss=keras.losses.CategoricalCrossentropy(from_logits=True), optimizer="nadam", metrics=["categorical_accuracy"]
)
cured_history = cured.fit(x_train, y_train, epochs=8, batch_size=32, verbose=0)
"""
HELPER = """
def build(units):
    net = keras.Sequential()
    net.add(keras.Input(shape=(784,)))
    net.add(layers.Dense(units, activation="relu"))
    net.add(layers.Dense(3))
    net.add(layers.Softmax())
    net.compile("adam", "categorical_crossentropy", metrics=["acc"])
    return net

early = keras.callbacks.EarlyStopping("val_loss", patience=8, restore_best_weights=True)
stopped = build(64)
stopped_history = stopped.fit(
    few_images, few_labels, epochs=80, batch_size=20, verbose=0, validation_data=(x_val, y_val), callbacks=[early]
).history
"""
L2 = f'layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.03)), {SOFTMAX}'
LOGITS = "keras.losses.CategoricalCrossentropy(from_logits=True)"

RIGHT = [
    Right(
        "overfitted with two layers, logits and tanh",
        NO_STOP
        | _overfitted(
            'layers.Dense(128, activation="tanh"), layers.Dense(32, activation="relu"), layers.Dense(3)',
            f"{FEW}, epochs=40, batch_size=20",
            loss=LOGITS,
        )
        | {"stopped-answer": HELPER},
    ),
    Right("functional, dropout, logits, other metric", {"cured-answer": FUNCTIONAL}),
    Right(
        "cured by L2, NumPy's minimum by hand",
        {
            "cured-answer": _network("cured", L2, "x_train, y_train, epochs=12, batch_size=32"),
            "best_epoch-answer": 'def best_epoch(h):\n    losses = h["val_loss"]\n'
            "    return losses.index(min(losses)) + 1",
        },
    ),
    Right(
        "cured by early stopping",
        {
            "cured-answer": _network(
                "cured",
                WIDE,
                f"x_train, y_train, epochs=60, {VALIDATED}, callbacks=[keras.callbacks.EarlyStopping(patience=4, "
                "restore_best_weights=True)]",
            )
        },
    ),
    Right(
        "cured by few units and few epochs",
        {
            "cured-answer": _network(
                "cured", f'layers.Dense(16, activation="relu"), {SOFTMAX}', "x_train, y_train, epochs=8"
            )
        },
    ),
    Right(
        "cured by a small step and few epochs, SGD",
        {
            "cured-answer": _network(
                "cured",
                f'layers.Dense(16, activation="tanh"), {SOFTMAX}',
                "x_train, y_train, epochs=15",
                optimizer="keras.optimizers.SGD(0.02)",
            )
        },
    ),
    Right("cured by a convolution", {"cured-answer": _network("cured", CONV, "x_train, y_train, epochs=10")}),
    Right(
        "shuffled with zip and lists",
        _shuffle(
            "import random\n    pairs = list(zip(images, labels))\n    random.shuffle(pairs)\n"
            "    a, b = zip(*pairs)\n    return np.array(a), np.array(b)"
        )
        | _gap('a, v = history["accuracy"], history["val_accuracy"]\n    return (np.array(a) - np.array(v))[-1]'),
    ),
    Right(
        "shuffled by sorting random numbers",
        _shuffle("order = np.argsort(np.random.rand(images.shape[0]))\n    return [images[order], labels[order]]"),
    ),
    Right(
        "shuffled in copies with the same seed",
        _shuffle(
            "a, b = images.copy(), labels.copy()\n    np.random.default_rng(7).shuffle(a)\n"
            "    np.random.default_rng(7).shuffle(b)\n    return a, b"
        ),
    ),
    Right(
        "best epoch with a loop, gap rounded",
        _best(
            'best, losses = 0, history["val_loss"]\n    for i, loss in enumerate(losses):\n'
            "        if loss < losses[best]:\n"
            "            best = i\n    return best + 1"
        )
        | _gap('return round(history["accuracy"][-1] - history["val_accuracy"][-1], 6)'),
    ),
    Right(
        "other spellings of the diagnoses",
        _curves("Underfitting", " over-fitting ", "Learning rate too large", "good_fit")
        | {"reported-answer": 'chosen = "c"\nreported = 0.91\nshuffled_accuracy = 0.333'},
    ),
    Right(
        "saved by way of a path",
        {
            "saved-answer": "from pathlib import Path\n"
            'file = Path("cured.keras")\ncured.save(file)\nloaded = keras.models.load_model(file)\n'
            "file_bytes = file.stat().st_size"
        },
    ),
    Right(
        "the older format",
        {
            "saved-answer": 'import os\ncured.save("cured.h5")\nloaded = keras.models.load_model("cured.h5")\n'
            'file_bytes = os.stat("cured.h5").st_size'
        },
    ),
    Right(
        "class numbers and the sparse loss",
        _overfitted(
            fit="few_images, few_labels.argmax(axis=1), epochs=30, batch_size=20",
            loss='"sparse_categorical_crossentropy"',
        )
        | {
            "stopped-answer": _network(
                "stopped",
                WIDE,
                "few_images, few_labels.argmax(axis=1), epochs=60, batch_size=25,"
                " validation_data=(x_val, y_val.argmax(axis=1)), callbacks=[early]",
                loss='"sparse_categorical_crossentropy"',
                before="early = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)",
            )
        },
    ),
    Right(
        "smoothed labels",
        NO_FEW
        | {
            "overfitted-answer": _overfitted()["overfitted-answer"],
            "stopped-answer": _network(
                "stopped",
                WIDE,
                f"{FEW}, epochs=60, batch_size=25, {VALIDATED}, callbacks=[early]",
                loss="keras.losses.CategoricalCrossentropy(label_smoothing=0.1)",
                before="early = keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True)",
            ),
        },
    ),
    Right(
        "a loss of one's own around Keras's",
        {
            "stopped-answer": "def my_loss(y, p):\n    return keras.losses.categorical_crossentropy(y, p)\n"
            + _network(
                "stopped",
                WIDE,
                f"{FEW}, epochs=60, batch_size=32, {VALIDATED}, callbacks=[early]",
                optimizer='"adam"',
                loss="my_loss",
                before="early = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)",
            )
        },
    ),
]
