"""Exercise 6, how a network learns: answers that learners really give."""

from __future__ import annotations

from dataclasses import replace

from catalogue import Right, Wrong


def _function(task: str, head: str, body: tuple[str, ...]) -> dict[str, str]:
    return {f"{task}-answer": f"def {head}:\n" + "".join(f"    {line}\n" for line in body)}


_SLOPE = "\n\ndef slope_at(values, losses, i):\n    return float(np.gradient(losses, values)[i])\n"


def _curve(
    change: str,
    returns: str = "np.array(losses)",
    start: str = "W.copy()",
    loss: str = "loss_of(t, b, x, y)",
    slope: str = _SLOPE,
) -> dict[str, str]:
    body = (
        "losses = []",
        "for value in values:",
        f"    t = {start}",
        f"    {change}",
        f"    losses.append({loss})",
        f"return {returns}",
    )
    losses = _function("curve", "losses_of_weight(values, W, b, x, y, pixel, digit)", body)
    return {"curve-answer": losses["curve-answer"] + slope}


def _slope(*body: str) -> dict[str, str]:
    slope = _function("curve", "slope_at(values, losses, i)", body)["curve-answer"]
    return {"curve-answer": _curve("t[pixel, digit] = value", slope="")["curve-answer"] + "\n\n" + slope}


def _gradient(
    weights: str, biases: str = "error.mean(axis=0)", error: str = "softmax(x @ W + b) - y"
) -> dict[str, str]:
    return _function("gradient", "gradient(W, b, x, y)", (f"error = {error}", f"return {weights}, {biases}"))


def _step(*body: str) -> dict[str, str]:
    return _function("step", "step(W, b, dW, db, rate)", body)


def _rates(crawling: str = "0.002", good: str = "0.9", jumping: str = "20") -> dict[str, str]:
    return {"rates-answer": f"crawling_rate = {crawling}\ngood_rate = {good}\njumping_rate = {jumping}"}


def _counted(
    steps: str = "141", last: str = "40", whole: str = "564", both: str = "34", this: str = "26"
) -> dict[str, str]:
    return {
        "counted-answer": f"steps_in_an_epoch = {steps}\nrows_in_last_batch = {last}\nsteps_in_all = {whole}\n"
        f"epochs_after_both = {both}\nepochs_of_this_call = {this}"
    }


def _epoch(*body: str) -> dict[str, str]:
    return _function("epoch", "epoch(W, b, x, y, rate, batch_size, order)", body)


_LOOP = "for i in range(0, len(order), batch_size):"
_ROWS = "    rows = order[i : i + batch_size]"
_TAKE = "    W, b = step(W, b, *gradient(W, b, x[rows], y[rows]), rate)"


def _train(*body: str, start: str = "np.zeros((784, 10)), np.zeros(10)", epochs: int = 5) -> dict[str, str]:
    lines = (
        "random = np.random.default_rng(1)",
        f"W_trained, b_trained = {start}",
        "epoch_losses = []",
        f"for _ in range({epochs}):",
        *(f"    {line}" for line in body),
    )
    return {"trained-answer": "\n".join(lines)}


_EPOCH = "W_trained, b_trained = epoch(W_trained, b_trained, x, y, 0.2, 25, random.permutation(1000))"
_KEEP = "epoch_losses.append(loss_of(W_trained, b_trained, x, y))"


def _momentum(*body: str) -> dict[str, str]:
    return _function("momentum", "momentum_step(w, v, g, rate, keep)", body)


def _two_layers(
    back: str = "(error @ W2.T) * (h > 0)",
    first: str = "x.T @ back, back.sum(axis=0)",
    second: str = "h.T @ error, error.sum(axis=0)",
    error: str = "(softmax(h @ W2 + b2) - y) / len(x)",
    hidden: str = "np.maximum(x @ W1 + b1, 0)",
) -> dict[str, str]:
    return _function(
        "backpropagation",
        "two_layer_gradient(W1, b1, W2, b2, x, y)",
        (f"h = {hidden}", f"error = {error}", f"back = {back}", f"return {first}, {second}"),
    )


def _keras(
    own: str = "step(zero_W, zero_b, *gradient(zero_W, zero_b, x, y), 0.5)",
    layers: str = 'keras.Input((784,)), layers.Dense(10, "softmax", kernel_initializer="zeros")',
    loss: str = '"categorical_crossentropy"',
    optimizer: str = "keras.optimizers.SGD(0.5)",
    fit: str = "model.fit(x, y, batch_size=1000, verbose=0)",
) -> dict[str, str]:
    return {
        "keras_step-answer": f"zero_W, zero_b = np.zeros((784, 10)), np.zeros(10)\nmy_W, my_b = {own}\n"
        f"model = keras.Sequential([{layers}])\nmodel.compile(loss={loss}, optimizer={optimizer})\n{fit}\n"
    }


_WRONG = [
    Wrong(
        "each value added to the one before",
        _curve("t[pixel, digit] += value", start="W.copy() if value == values[0] else t"),
        "curve",
        "values-added-up",
    ),
    Wrong("all weights multiplied", _curve("t = W * value"), "curve", "weights-multiplied"),
    Wrong("np.diff of the losses", _slope("return np.diff(losses)[i]"), "curve", "one-side-undivided"),
    Wrong(
        "no brackets around two differences",
        _slope("return losses[i + 1] - losses[i - 1] / values[i + 1] - values[i - 1]"),
        "curve",
        "brackets-missing",
    ),
    Wrong("divided by the inputs", _gradient("x.T @ error / x.shape[1]"), "gradient", "divided-by-inputs"),
    Wrong(
        "the mean divided by the length of the slopes",
        _gradient("x.T @ error / len(x) / x.shape[1]"),
        "gradient",
        "divided-by-length-of-slopes",
    ),
    Wrong(
        "biases divided by the classes",
        _gradient("x.T @ error / len(x)", "error.sum(axis=0) / y.shape[1]"),
        "gradient",
        "classes-for-images",
    ),
    Wrong(
        "slopes divided by their length",
        _step("return W - rate * dW / len(dW), b - rate * db"),
        "step",
        "slopes-divided",
    ),
    Wrong(
        "biases' slopes divided by their length",
        _step("return W - rate * dW, b - rate * db / len(db)"),
        "step",
        "slopes-divided",
    ),
    Wrong(
        "a shuffle of one's own",
        _epoch("order = np.random.permutation(len(x))", _LOOP, _ROWS, _TAKE, "return W, b"),
        "epoch",
        "order-of-ones-own",
    ),
    Wrong(
        "a shuffle of one's own, always the same",
        _epoch("order = np.random.default_rng(6).permutation(order)", _LOOP, _ROWS, _TAKE, "return W, b"),
        "epoch",
        "order-of-ones-own",
    ),
    Wrong(
        "order sorted",
        _epoch("order = order[np.argsort(x[order, 0])]", _LOOP, _ROWS, _TAKE, "return W, b"),
        "epoch",
        "order-of-ones-own",
    ),
    Wrong(
        "the gradient of three images drawn anew",
        _function(
            "gradient",
            "gradient(W, b, x, y)",
            (
                "rows = np.random.choice(len(x), 3)",
                "error = softmax(x[rows] @ W + b) - y[rows]",
                "return x[rows].T @ error / 3, error.mean(axis=0)",
            ),
        ),
        "gradient",
        "left-to-chance",
    ),
    Wrong(
        "the first layer's slopes divided by their length",
        _two_layers(first="x.T @ back / len(W1), back.sum(axis=0)"),
        "backpropagation",
        "divided-by-length-of-slopes",
    ),
    Wrong("the squared error", _gradient("x.T @ error**2 / len(x)"), "gradient", "errors-squared"),
    Wrong(
        "an axis kept", _gradient("x.T @ error / len(x)", "error.mean(axis=0, keepdims=True)"), "gradient", "axis-kept"
    ),
    Wrong("dW for db", _step("return W - rate * dW, b - rate * dW"), "step", "slope-of-another"),
    Wrong(
        "batches by array_split",
        _epoch("for rows in np.array_split(order, -(-len(order) // batch_size)):", _TAKE, "return W, b"),
        "epoch",
        "batches-evened-out",
    ),
    Wrong(
        "a batch from each row on",
        _epoch("for i in range(len(order)):", _ROWS, _TAKE, "return W, b"),
        "epoch",
        "batches-overlap",
    ),
    Wrong(
        "v with a plus, w with a minus",
        _momentum("v = keep * v + rate * g", "return w - v, keep * v - rate * g"),
        "momentum",
        "velocity-turned",
    ),
    Wrong(
        "a mask without the bias",
        _two_layers(back="(error @ W2.T) * (x @ W1 > 0)"),
        "backpropagation",
        "mask-without-bias",
    ),
    Wrong(
        "the losses added",
        _slope("return (losses[i + 1] + losses[i - 1]) / (values[i + 1] - values[i - 1])"),
        "curve",
        "losses-added",
    ),
    Wrong(
        "one entry too far",
        _slope("return (losses[i + 1] - losses[i - 1]) / (values[i + 2] - values[i - 1])"),
        "curve",
        "another-neighbour",
    ),
    Wrong(
        "whole slopes",
        _slope("return (losses[i + 1] - losses[i - 1]) // (values[i + 1] - values[i - 1])"),
        "curve",
        "fractions-cut-off",
    ),
    Wrong(
        "labels added", _gradient("x.T @ error / len(x)", error="softmax(x @ W + b) + y"), "gradient", "labels-added"
    ),
    Wrong(
        "the bias subtracted",
        _gradient("x.T @ error / len(x)", error="softmax(x @ W - b) - y"),
        "gradient",
        "bias-subtracted",
    ),
    Wrong("a row for each image", _gradient("error / len(x)"), "gradient", "images-not-added-up"),
    Wrong("divided by the slope", _step("return W - rate / dW, b - rate / db"), "step", "divided-by-slope"),
    Wrong("off by one step", _counted(steps="142"), "counted", "one-off"),
    Wrong("keep by itself", _momentum("v = keep - rate * g", "return w + v, v"), "momentum", "last-step-missing"),
    Wrong(
        "the wrong half of relu",
        _two_layers(hidden="np.minimum(x @ W1 + b1, 0)"),
        "backpropagation",
        "wrong-half-of-relu",
    ),
    Wrong(
        "a bias left out on the way", _two_layers(hidden="np.maximum(x @ W1, 0)"), "backpropagation", "biases-forgotten"
    ),
    Wrong("the value added", _curve("t[pixel, digit] += value"), "curve", "value-added"),
    Wrong("row and column swapped", _curve("t[digit, pixel] = value"), "curve", "row-and-column-swapped"),
    Wrong("all weights of the input", _curve("t[pixel] = value"), "curve", "whole-row"),
    Wrong("all weights of the class", _curve("t[:, digit] = value"), "curve", "whole-column"),
    Wrong("a table of zeros", _curve("t[pixel, digit] = value", start="np.zeros(W.shape)"), "curve", "others-zero"),
    Wrong("no copy", _curve("t[pixel, digit] = value", start="W"), "curve", "arguments-changed"),
    Wrong(
        "the loss of the unchanged weights",
        _curve("t[pixel, digit] = value", loss="loss_of(W, b, x, y)"),
        "curve",
        "weight-unchanged",
    ),
    Wrong(
        "return in the loop",
        _curve("t[pixel, digit] = value; return loss_of(t, b, x, y)"),
        "curve",
        "returned-too-soon",
    ),
    Wrong("the last one alone", _curve("t[pixel, digit] = value", "losses[-1]"), "curve", "last-only"),
    Wrong("the best value", _curve("t[pixel, digit] = value", "values[np.argmin(losses)]"), "curve", "value-for-loss"),
    Wrong("the smallest of them", _curve("t[pixel, digit] = value", "min(losses)"), "curve", "smallest-loss"),
    Wrong(
        "added up over the images",
        _curve("t[pixel, digit] = value", "np.array(losses) * len(x)"),
        "curve",
        "sum-for-mean",
    ),
    Wrong(
        "a mean over the whole table",
        _curve("t[pixel, digit] = value", loss="-np.mean(y * np.log(softmax(x @ t + b)))"),
        "curve",
        "mean-over-classes",
    ),
    Wrong(
        "to the right only",
        _slope("return (losses[i + 1] - losses[i]) / (values[i + 1] - values[i])"),
        "curve",
        "one-side",
    ),
    Wrong(
        "one distance",
        _slope("return (losses[i + 1] - losses[i - 1]) / (values[1] - values[0])"),
        "curve",
        "half-the-distance",
    ),
    Wrong("rise alone", _slope("return losses[i + 1] - losses[i - 1]"), "curve", "rise-alone"),
    Wrong("divided by two", _slope("return (losses[i + 1] - losses[i - 1]) / 2"), "curve", "divided-by-two"),
    Wrong(
        "run over rise",
        _slope("return (values[i + 1] - values[i - 1]) / (losses[i + 1] - losses[i - 1])"),
        "curve",
        "upside-down",
    ),
    Wrong(
        "left less right",
        _slope("return (losses[i - 1] - losses[i + 1]) / (values[i + 1] - values[i - 1])"),
        "curve",
        "sign-turned",
    ),
    Wrong("the slope everywhere", _slope("return np.gradient(losses, values)"), "curve", "all-slopes"),
    Wrong("loss over value", _slope("return losses[i] / values[i]"), "curve", "no-differences"),
    Wrong(
        "right less answered",
        _gradient("x.T @ error / len(x)", error="y - softmax(x @ W + b)"),
        "gradient",
        "gradient-turned",
    ),
    Wrong("summed over images", _gradient("x.T @ error", "error.sum(axis=0)"), "gradient", "gradient-summed"),
    Wrong(
        "the mean twice",
        _gradient("x.T @ error / len(x)", error="(softmax(x @ W + b) - y) / len(x)"),
        "gradient",
        "divided-twice",
    ),
    Wrong("a mean over all entries", _gradient("x.T @ error / y.size"), "gradient", "divided-by-classes"),
    Wrong("no labels", _gradient("x.T @ error / len(x)", error="softmax(x @ W + b)"), "gradient", "labels-missing"),
    Wrong(
        "scores less labels",
        _gradient("x.T @ error / len(x)", error="x @ W + b - y"),
        "gradient",
        "labels-from-scores",
    ),
    Wrong(
        "the slope of the squared error",
        _gradient("x.T @ (error * p * (1 - p)) / len(x)", error="(p := softmax(x @ W + b)) - y"),
        "gradient",
        "factor-too-many",
    ),
    Wrong(
        "no bias in the scores",
        _gradient("x.T @ error / len(x)", error="softmax(x @ W) - y"),
        "gradient",
        "biases-forgotten",
    ),
    Wrong("the product not turned", _gradient("x @ error / len(x)"), "gradient", "tables-do-not-fit"),
    Wrong("the product the other way", _gradient("error.T @ x / len(x)"), "gradient", "slopes-turned"),
    Wrong(
        "bias first",
        _function(
            "gradient",
            "gradient(W, b, x, y)",
            ("error = softmax(x @ W + b) - y", "return error.mean(axis=0), x.T @ error / len(x)"),
        ),
        "gradient",
        "other-order",
    ),
    Wrong(
        "weights alone",
        _function("gradient", "gradient(W, b, x, y)", ("return x.T @ (softmax(x @ W + b) - y) / len(x)",)),
        "gradient",
        "not-all-returned",
    ),
    Wrong("one bias for all", _gradient("x.T @ error / len(x)", "error.mean()"), "gradient", "no-axis"),
    Wrong(
        "biases along the classes", _gradient("x.T @ error / len(x)", "error.mean(axis=1)"), "gradient", "wrong-axis"
    ),
    Wrong("biases not added up", _gradient("x.T @ error / len(x)", "error"), "gradient", "not-added-up"),
    Wrong(
        "inputs for the biases",
        _gradient("x.T @ error / len(x)", "(x.T @ error / len(x)).mean(axis=0)"),
        "gradient",
        "inputs-in-bias",
    ),
    Wrong("uphill", _step("return W + rate * dW, b + rate * db"), "step", "steps-uphill"),
    Wrong("no rate", _step("return W - dW, b - db"), "step", "rate-forgotten"),
    Wrong("divided by the rate", _step("return W - dW / rate, b - db / rate"), "step", "divided-by-rate"),
    Wrong("the change alone", _step("return -rate * dW, -rate * db"), "step", "change-alone"),
    Wrong("in place", _step("W -= rate * dW", "b -= rate * db", "return W, b"), "step", "arguments-changed"),
    Wrong("biases left alone", _step("return W - rate * dW, b"), "step", "not-moved"),
    Wrong("brackets in the wrong place", _step("return rate * (W - dW), rate * (b - db)"), "step", "rate-for-both"),
    Wrong("only the sign", _step("return W - rate * np.sign(dW), b - rate * np.sign(db)"), "step", "sign-only"),
    Wrong("nothing returned", _step("W = W - rate * dW", "b = b - rate * db"), "step", "returned nothing"),
    Wrong("a good rate for a crawling one", _rates(crawling="0.1"), "rates", "does-not-crawl"),
    Wrong("a rate that stands still", _rates(crawling="1e-6"), "rates", "stands-still"),
    Wrong("a safe rate", _rates(good="0.1"), "rates", "good-rate-slow"),
    Wrong("a rate that rises", _rates(good="1.5"), "rates", "good-rate-rises"),
    Wrong("a rate that hardly jumps", _rates(jumping="1.5"), "rates", "does-not-jump"),
    Wrong("a rate without end", _rates(jumping="1e6"), "rates", "rate-huge"),
    Wrong("a rate below zero", _rates(crawling="-0.003"), "rates", "rate-not-positive"),
    Wrong("the rest left out", _counted(steps="140"), "counted", "last-batch-left-out"),
    Wrong("part of a step", _counted(steps="9000 / 64"), "counted", "part-of-a-step"),
    Wrong("validation images as well", _counted(steps="188"), "counted", "validation-not-taken-off"),
    Wrong("a full last batch", _counted(last="64"), "counted", "last-batch-full"),
    Wrong("a single epoch", _counted(whole="141"), "counted", "one-epoch"),
    Wrong("rounded only once", _counted(whole="563"), "counted", "rounded-at-the-end"),
    Wrong("fit begins anew", _counted(both="17"), "counted", "fit-starts-anew"),
    Wrong("initial_epoch added", _counted(this="54"), "counted", "epochs-added"),
    Wrong("initial_epoch ignored", _counted(this="40"), "counted", "counts-from-start"),
    Wrong(
        "the order ignored",
        _epoch("for i in range(0, len(x), batch_size):", "    rows = slice(i, i + batch_size)", _TAKE, "return W, b"),
        "epoch",
        "order-ignored",
    ),
    Wrong(
        "labels in the old order",
        _epoch(
            _LOOP, _ROWS, "    W, b = step(W, b, *gradient(W, b, x[rows], y[i : i + batch_size]), rate)", "return W, b"
        ),
        "epoch",
        "labels-stay",
    ),
    Wrong(
        "the last batch dropped",
        _epoch("for i in range(0, len(order) - batch_size + 1, batch_size):", _ROWS, _TAKE, "return W, b"),
        "epoch",
        "last-batch-dropped",
    ),
    Wrong("return in the loop of batches", _epoch(_LOOP, _ROWS, _TAKE, "    return W, b"), "epoch", "first-batch-only"),
    Wrong(
        "all rows at once",
        _epoch("return step(W, b, *gradient(W, b, x[order], y[order]), rate)"),
        "epoch",
        "one-step-for-all",
    ),
    Wrong(
        "all batches from the same start",
        _epoch(
            "V, c = W, b", _LOOP, _ROWS, "    V, c = step(V, c, *gradient(W, b, x[rows], y[rows]), rate)", "return V, c"
        ),
        "epoch",
        "same-start",
    ),
    Wrong(
        "the result of the last step alone",
        _epoch(_LOOP, _ROWS, "    V, c = step(W, b, *gradient(W, b, x[rows], y[rows]), rate)", "return V, c"),
        "epoch",
        "same-start",
    ),
    Wrong(
        "what step returns is thrown away",
        _epoch(_LOOP, _ROWS, "    step(W, b, *gradient(W, b, x[rows], y[rows]), rate)", "return W, b"),
        "epoch",
        "not-moved",
    ),
    Wrong(
        "from zero",
        _epoch("W, b = np.zeros(W.shape), np.zeros(b.shape)", _LOOP, _ROWS, _TAKE, "return W, b"),
        "epoch",
        "begins-at-zero",
    ),
    Wrong(
        "one image at a time",
        _epoch("for i in order:", "    rows = [i]", _TAKE, "return W, b"),
        "epoch",
        "batches-of-one",
    ),
    Wrong(
        "divided by the batch size",
        _epoch(
            _LOOP,
            _ROWS,
            "    error = softmax(x[rows] @ W + b) - y[rows]",
            "    W, b = step(W, b, x[rows].T @ error / batch_size, error.sum(axis=0) / batch_size, rate)",
            "return W, b",
        ),
        "epoch",
        "wrong-divisor",
    ),
    Wrong("never trained", _train(_KEEP), "trained", "never-trained"),
    Wrong(
        "a crawling rate",
        _train(_EPOCH.replace("0.2, 25", "0.0001, 1000"), _KEEP, epochs=1),
        "trained",
        "trained-too-little",
    ),
    Wrong("labels shuffled", _train(_EPOCH.replace(", y,", ", y[::-1],"), _KEEP), "trained", "as-good-as-guessing"),
    Wrong("the loss before the epoch", _train(_KEEP, _EPOCH), "trained", "not-the-last-loss"),
    Wrong("newest loss first", _train(_EPOCH, _KEEP.replace("append(", "insert(0, ")), "trained", "losses-turned"),
    Wrong(
        "accuracies kept",
        _train(_EPOCH, "epoch_losses.append(np.mean((x @ W_trained + b_trained).argmax(1) == y.argmax(1)))"),
        "trained",
        "accuracy-for-loss",
    ),
    Wrong(
        "one loss for all", _train(_EPOCH, "epoch_losses = loss_of(W_trained, b_trained, x, y)"), "trained", "no-list"
    ),
    Wrong("a rate that runs away", _train(_EPOCH.replace("0.2, 25", "1e308, 25"), _KEEP), "trained", "ran-away"),
    Wrong(
        "weights turned round",
        _train(_EPOCH, _KEEP)
        | {"trained-answer": _train(_EPOCH, _KEEP)["trained-answer"] + "\nW_trained = W_trained.T"},
        "trained",
        "weights-turned",
    ),
    Wrong("pushed uphill", _momentum("v = keep * v + rate * g", "return w + v, v"), "momentum", "steps-uphill"),
    Wrong("no learning rate", _momentum("v = keep * v - g", "return w + v, v"), "momentum", "rate-forgotten"),
    Wrong(
        "velocity without the rate",
        _momentum("v = keep * v + g", "return w - rate * v, v"),
        "momentum",
        "other-convention",
    ),
    Wrong("all of v kept", _momentum("v = v - rate * g", "return w + v, v"), "momentum", "all-kept"),
    Wrong("keep around both", _momentum("v = keep * (v - rate * g)", "return w + v, v"), "momentum", "keep-for-both"),
    Wrong(
        "a running mean",
        _momentum("v = keep * v - (1 - keep) * rate * g", "return w + v, v"),
        "momentum",
        "mean-of-both",
    ),
    Wrong("the old v", _momentum("return w + v, keep * v - rate * g"), "momentum", "old-velocity"),
    Wrong("the sign once more", _momentum("v = keep * v - rate * g", "return w - v, v"), "momentum", "sign-twice"),
    Wrong("a plain step", _momentum("v = keep * v - rate * g", "return w - rate * g, v"), "momentum", "plain-step"),
    Wrong("v forgotten", _momentum("return w + keep * v - rate * g, v"), "momentum", "velocity-not-changed"),
    Wrong(
        "v returned first",
        _momentum("v = keep * v - rate * g", "return v, w + v"),
        "momentum",
        "returned-in-other-order",
    ),
    Wrong(
        "a look ahead",
        _momentum("v = keep * v - rate * g", "return w + keep * v - rate * g, v"),
        "momentum",
        "nesterov-look-ahead",
    ),
    Wrong("no mask", _two_layers(back="error @ W2.T"), "backpropagation", "mask-forgotten"),
    Wrong("mask turned", _two_layers(back="(error @ W2.T) * (h <= 0)"), "backpropagation", "mask-turned"),
    Wrong(
        "relu of what comes back", _two_layers(back="np.maximum(error @ W2.T, 0)"), "backpropagation", "relu-of-error"
    ),
    Wrong("hidden values for the mask", _two_layers(back="(error @ W2.T) * h"), "backpropagation", "hidden-for-mask"),
    Wrong("W2 not turned", _two_layers(back="(error @ W2) * (h > 0)"), "backpropagation", "tables-do-not-fit"),
    Wrong(
        "the error turned",
        _two_layers(error="(y - softmax(h @ W2 + b2)) / len(x)"),
        "backpropagation",
        "gradient-turned",
    ),
    Wrong("sums", _two_layers(error="softmax(h @ W2 + b2) - y"), "backpropagation", "gradient-summed"),
    Wrong(
        "means twice",
        _two_layers(first="x.T @ back / len(x), back.mean(axis=0)", second="h.T @ error / len(x), error.mean(axis=0)"),
        "backpropagation",
        "divided-twice",
    ),
    Wrong(
        "values before relu",
        _two_layers(second="(x @ W1 + b1).T @ error, error.sum(axis=0)"),
        "backpropagation",
        "before-relu",
    ),
    Wrong("no relu", _two_layers(hidden="x @ W1 + b1"), "backpropagation", "relu-forgotten"),
    Wrong(
        "second layer first",
        _function(
            "backpropagation",
            "two_layer_gradient(W1, b1, W2, b2, x, y)",
            (
                "h = np.maximum(x @ W1 + b1, 0)",
                "error = (softmax(h @ W2 + b2) - y) / len(x)",
                "back = (error @ W2.T) * (h > 0)",
                "return error.sum(axis=0), h.T @ error, back.sum(axis=0), x.T @ back",
            ),
        ),
        "backpropagation",
        "other-order",
    ),
    Wrong(
        "the first layer alone",
        _function(
            "backpropagation",
            "two_layer_gradient(W1, b1, W2, b2, x, y)",
            (
                "h = np.maximum(x @ W1 + b1, 0)",
                "back = (softmax(h @ W2 + b2) - y) @ W2.T * (h > 0) / len(x)",
                "return x.T @ back, back.sum(axis=0)",
            ),
        ),
        "backpropagation",
        "not-all-returned",
    ),
    Wrong("Keras with Adam", _keras(optimizer="keras.optimizers.Adam(0.5)"), "keras_step", "plain-optimizer"),
    Wrong("the default rate", _keras(optimizer='"sgd"'), "keras_step", "another-rate"),
    Wrong("the default batches", _keras(fit="model.fit(x, y, verbose=0)"), "keras_step", "several-steps"),
    Wrong("never fitted", _keras(fit=""), "keras_step", "never-trained"),
    Wrong(
        "random weights to begin with",
        _keras(layers='keras.Input((784,)), layers.Dense(10, activation="softmax")', fit=""),
        "keras_step",
        "fit-missing",
    ),
    Wrong(
        "no softmax",
        _keras(layers='keras.Input((784,)), layers.Dense(10, kernel_initializer="zeros")', fit=""),
        "keras_step",
        "scores-for-probabilities",
    ),
    Wrong(
        "a hidden layer",
        _keras(layers='keras.Input((784,)), layers.Dense(8, "relu"), layers.Dense(10, "softmax")', fit=""),
        "keras_step",
        "one-layer-only",
    ),
    Wrong(
        "images as squares",
        _keras(layers='keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")', fit=""),
        "keras_step",
        "input-of-a-row",
    ),
    Wrong(
        "an own step with rate 1",
        _keras(own="step(zero_W, zero_b, *gradient(zero_W, zero_b, x, y), 1)", fit=""),
        "keras_step",
        "another-rate",
    ),
    Wrong(
        "an own step ten times too long",
        _keras(own="step(zero_W, zero_b, *gradient(zero_W, zero_b, x, y), 5.0)", fit=""),
        "keras_step",
        "another-rate",
    ),
    Wrong(
        "weights and biases handed over in the wrong order",
        _keras(own="step(zero_b, zero_W, *gradient(zero_W, zero_b, x, y), 0.5)", fit=""),
        "keras_step",
        "weights-and-biases-swapped",
    ),
    Wrong(
        "no input given, but trained",
        _keras(
            layers='layers.Dense(10, activation="softmax", kernel_initializer="zeros")',
            fit="model.fit(x, y, batch_size=len(x), epochs=1, verbose=0)",
        ),
        "keras_step",
        "no-input",
    ),
    Wrong("no step of one's own", _keras(own="zero_W, zero_b", fit=""), "keras_step", "not-moved"),
]

# What comes after the training needs none.
_LATER = ("momentum", "backpropagation", "keras_step")
WRONG = [
    replace(entry, answers={"trained-answer": "", **entry.answers}) if entry.check in _LATER else entry
    for entry in _WRONG
]

RIGHT = [
    Right(
        "a loop in one line, restored afterwards",
        {
            "curve-answer": "def losses_of_weight(values, W, b, x, y, pixel, digit):\n    def one(value):\n"
            "        here = (np.arange(len(W))[:, None] == pixel) & (np.arange(W.shape[1]) == digit)\n"
            "        return loss_of(np.where(here, value, W), b, x, y)\n"
            "    return [one(value) for value in values]\n" + _SLOPE
        },
    ),
    Right(
        "a gradient image by image",
        _function(
            "gradient",
            "gradient(W, b, x, y)",
            (
                "dW, db = np.zeros(W.shape), np.zeros(b.shape)",
                "for row, label in zip(x, y):",
                "    error = softmax((row @ W + b)[None])[0] - label",
                "    dW += np.outer(row, error)",
                "    db += error",
                "return dW / len(x), db / len(x)",
            ),
        )
        | _rates("0.001", "0.8", "50")
        | _train(_EPOCH.replace("25", "100"), _KEEP, epochs=2),
    ),
    Right(
        "einsum, lists, a step by np.subtract",
        _gradient('np.einsum("nd,nk->dk", x, error) / len(x)', "np.mean(error, 0)")
        | _step("return [np.subtract(W, np.multiply(rate, dW)), np.subtract(b, np.multiply(rate, db))]"),
    ),
    Right("the mean taken early", _gradient("x.T @ error", "error.sum(0)", "(softmax(x @ W + b) - y) / x.shape[0]")),
    Right(
        "copies changed in place",
        _step("W, b = W.copy(), b.copy()", "W -= rate * dW", "b -= rate * db", "return W, b")
        | _epoch(
            "W, b = W.copy(), b.copy()",
            "while len(order):",
            "    rows, order = order[:batch_size], order[batch_size:]",
            "    dW, db = gradient(W, b, x[rows], y[rows])",
            "    W -= rate * dW",
            "    b -= rate * db",
            "return W, b",
        ),
    ),
    Right(
        "batches by array_split, counted by a formula",
        _epoch("for rows in np.split(order, range(batch_size, len(order), batch_size)):", _TAKE, "return W, b")
        | {
            "counted-answer": "import math\nsteps_in_an_epoch = math.ceil(12000 * 0.75 / 64)\n"
            "rows_in_last_batch = 9000 % 64\nsteps_in_all = np.int64(4 * steps_in_an_epoch)\n"
            "epochs_after_both = 17 + 17\nepochs_of_this_call = 40.0 - 14"
        },
    ),
    Right(
        "one fast epoch, a tuple of losses",
        _train(_EPOCH, _KEEP, epochs=8)
        | {
            "trained-answer": _train(_EPOCH, _KEEP, epochs=8)["trained-answer"] + "\nepoch_losses = tuple(epoch_losses)"
        },
    ),
    Right(
        "the slope by np.gradient, a gradient by differences, rows put in order first",
        _slope("return np.gradient(losses, values)[i]")
        | _function(
            "gradient",
            "gradient(W, b, x, y)",
            (
                "p = softmax(x @ W + b)",
                "p[np.arange(len(y)), y.argmax(axis=1)] -= 1",
                "p /= len(y)",
                "return np.dot(x.T, p), np.sum(p, axis=0)",
            ),
        )
        | _step("return [np.subtract(p, np.multiply(rate, d)) for p, d in ((W, dW), (b, db))]")
        | _epoch(
            "x, y, i = x[order], y[order], 0",
            "while i < len(x):",
            "    W, b = step(W, b, *gradient(W, b, x[i : i + batch_size], y[i : i + batch_size]), rate)",
            "    i += batch_size",
            "return W, b",
        ),
    ),
    Right(
        "momentum in one expression, relu by where",
        _momentum("return w + keep * v - rate * g, -rate * g + keep * v")
        | _two_layers(
            hidden="np.where(x @ W1 + b1 > 0, x @ W1 + b1, 0)",
            back="np.where(h > 0, error.dot(np.transpose(W2)), 0)",
            error="softmax(h @ W2 + b2) - y",
            first="x.T @ back / len(x), back.mean(0)",
            second="h.T @ error / len(x), error.mean(0)",
        ),
    ),
    Right(
        "Keras with logits and class numbers",
        _keras(
            layers='keras.Input((784,)), layers.Dense(10, kernel_initializer="zeros")',
            loss="keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
            fit="model.fit(x, train_digits[:1000], batch_size=5000, epochs=1, verbose=0)",
        ),
    ),
    Right(
        "Keras, functional, weights set to zero, with accuracy",
        {
            "keras_step-answer": "zeros = np.zeros((784, 10)), np.zeros(10)\n"
            "my_W, my_b = epoch(*zeros, x, y, 0.5, 1000, np.arange(1000))\n"
            'image = keras.Input((784,))\nlayer = layers.Dense(10, activation="softmax")\n'
            "model = keras.Model(image, layer(image))\n"
            "layer.set_weights([np.zeros((784, 10)), np.zeros(10)])\n"
            "optimizer = keras.optimizers.SGD(learning_rate=0.5, momentum=0.9)\n"
            'model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])\n'
            "history = model.fit(x, y, batch_size=1000, epochs=1, verbose=0)"
        },
    ),
]
