"""Exercise 7, networks that see: answers that learners really give. A network is trained where its task is tried."""

from __future__ import annotations

from dataclasses import replace

from catalogue import Right, Wrong


def _convolve(body: str) -> dict[str, str]:
    return {"convolved-answer": f"def convolve(image, kernel, stride):\n    {body}"}


def _sums(
    piece: str = "image[i : i + k, j : j + k] * kernel", over: str = "sum", before: str = "", fits: str = "- k + 1"
) -> dict[str, str]:
    """Two loops, as most learners write them."""
    return _convolve(
        f"{before}\n    k = len(kernel)\n    rows, columns = image.shape\n    out = []\n"
        f"    for i in range(0, rows {fits}, stride):\n"
        f"        out.append([np.{over}({piece}) for j in range(0, columns {fits}, stride)])\n"
        "    return np.array(out)"
    )


def _pool(body: str) -> dict[str, str]:
    return {"pooled-answer": f"def max_pool(picture, size):\n    {body}"}


def _fields(
    keep: str, step: str = "size", rows: str = "rows // size * size", columns: str = "columns // size * size"
) -> dict[str, str]:
    return _pool(
        "rows, columns = picture.shape\n"
        f"    return np.array([[{keep} for f in [picture[i : i + size, j : j + size]]\n"
        f"        for j in range(0, {columns}, {step})] for i in range(0, {rows}, {step})])".replace(
            f"[[{keep} for f in [picture[i : i + size, j : j + size]]\n        for j",
            f"[[(lambda f: {keep})(picture[i : i + size, j : j + size])\n        for j",
        )
    )


def _counted(first: str = "456", second: str = "660", dense: str = "12292") -> dict[str, str]:
    return {"counted-answer": f"first_parameters = {first}\nsecond_parameters = {second}\ndense_parameters = {dense}"}


def _sizes(first: str = "36", pooled: str = "18", second: str = "16", flat: str = "3072") -> dict[str, str]:
    return {
        "sizes-answer": f"first_side = {first}\npooled_side = {pooled}\nsecond_side = {second}\nflat_values = {flat}"
    }


def _prepare(body: str) -> dict[str, str]:
    return {"prepared-answer": f"def prepare(photo):\n    {body}"}


def _chosen(**other: str) -> dict[str, str]:
    answers = {
        "moved": "allowed",
        "mirrored": "forbidden",
        "turned": "forbidden",
        "brighter": "allowed",
        "dense_shuffled": "equal",
        "convolution_shuffled": "lower",
    } | other
    return {"chosen-answer": "\n".join(f"{name} = {value!r}" for name, value in answers.items())}


CONV = 'layers.Conv2D(8, 3, activation="relu")'
POOL = "layers.MaxPooling2D(2)"
END = 'layers.Flatten(), layers.Dense(10, activation="softmax")'


def _seeing(
    body: str = f"{CONV}, {POOL}, {CONV}, {POOL}, {END}",
    shape: str = "(28, 28, 1)",
    loss: str = '"sparse_categorical_crossentropy"',
    metrics: str = '["accuracy"]',
    build: str = "",
    optimizer: str = '"adam"',
) -> dict[str, str]:
    built = build or f"seeing = keras.Sequential([keras.Input({shape}), {body}])"
    return {"seeing-answer": f"{built}\nseeing.compile(loss={loss}, optimizer={optimizer}, metrics={metrics})"}


def _learned(labels: str = "few_numbers", epochs: int = 8, **other: str) -> dict[str, str]:
    options = "".join(f", {name}={value}" for name, value in other.items())
    return {"learned-answer": f"seeing.fit(few_digits, {labels}, epochs={epochs}{options}, verbose=0)"}


_PLACES = "for i in range(0, rows - k + 1, stride) for j in range(0, columns - k + 1, stride)"
_MEAN = "grey = photo.mean(axis=2)\n    return"
_BATCH = "[None, ..., None]"
_WRONG = [
    Wrong(
        "a fixed kernel of 3",
        _convolve(
            "return np.array([[np.sum(image[i : i + 3, j : j + 3] * kernel)"
            " for j in range(0, image.shape[1] - 2, stride)] for i in range(0, image.shape[0] - 2, stride)])"
        ),
        "convolved",
        "fixed-size",
    ),
    Wrong(
        "one long row of sums",
        _convolve(
            "k, (rows, columns) = len(kernel), image.shape\n"
            f"    return np.array([np.sum(image[i : i + k, j : j + k] * kernel) {_PLACES}])"
        ),
        "convolved",
        "one-long-row",
    ),
    Wrong(
        "sums in a table as large as the image",
        _convolve(
            "k, out = len(kernel), np.zeros(image.shape)\n    for i in range(0, len(image) - k + 1, stride):\n"
            "        for j in range(0, image.shape[1] - k + 1, stride):\n"
            "            out[i, j] = np.sum(image[i : i + k, j : j + k] * kernel)\n    return out"
        ),
        "convolved",
        "as-large-as-the-image",
    ),
    Wrong("a matrix product", _sums(piece="image[i : i + k, j : j + k] @ kernel"), "convolved", "matrix-product"),
    Wrong(
        "the table counted with the stride, the pieces without",
        _convolve(
            "k = len(kernel)\n    out = np.zeros([(n - k) // stride + 1 for n in image.shape])\n"
            "    for i, j in np.ndindex(out.shape):\n"
            "        out[i, j] = np.sum(image[i : i + k, j : j + k] * kernel)\n    return out"
        ),
        "convolved",
        "kernel-not-moved-on",
    ),
    Wrong("the largest without its sign", _fields("np.abs(f).max()"), "pooled", "largest-without-sign"),
    Wrong("a search for the largest that begins at 0", _fields("max(0, f.max())"), "pooled", "begins-at-zero"),
    Wrong(
        "the last field left out",
        _fields("f.max()", rows="rows - size", columns="columns - size"),
        "pooled",
        "last-field-missing",
    ),
    Wrong(
        "fields in one long row",
        _pool(
            "r, c = (n // size * size for n in picture.shape)\n    return np.array([picture[i : i + size, j : j + size]"
            ".max() for i in range(0, r, size) for j in range(0, c, size)])"
        ),
        "pooled",
        "one-long-row",
    ),
    Wrong(
        "colours added as uint8",
        _prepare(f"return (1 - (photo[..., 0] + photo[..., 1] + photo[..., 2]) / 3 / 255){_BATCH}"),
        "prepared",
        "colours-overflow",
    ),
    Wrong(
        "scaled by its own largest",
        _prepare(f"{_MEAN} (1 - grey / grey.max()){_BATCH}"),
        "prepared",
        "scaled-by-its-own",
    ),
    Wrong("black or white", _prepare(f"{_MEAN} np.where(grey < 128, 1.0, 0.0){_BATCH}"), "prepared", "greys-lost"),
    Wrong("the maps after pooling", _counted(dense="7780"), "counted", "convolution-passed-over"),
    # Slide a kernel
    Wrong("the kernel turned round", _sums(before="kernel = kernel[::-1, ::-1]"), "convolved", "kernel-turned-round"),
    Wrong(
        "rows and columns of the kernel swapped", _sums(before="kernel = kernel.T"), "convolved", "kernel-on-its-side"
    ),
    Wrong("the mean of the products", _sums(over="mean"), "convolved", "mean-of-products"),
    Wrong("a border of zeros", _sums(before="image = np.pad(image, 1)"), "convolved", "border-added"),
    Wrong("the last place forgotten", _sums(fits="- k"), "convolved", "last-place-missing"),
    Wrong(
        "relu at the end",
        _sums(piece="np.maximum((image[i : i + k, j : j + k] * kernel).sum(), 0)"),
        "convolved",
        "activation-added",
    ),
    Wrong("always one pixel on", _sums(before="stride = 1"), "convolved", "stride-ignored"),
    Wrong(
        "pixels of the image left out",
        _sums(before="image = image[::stride, ::stride]; stride = 1"),
        "convolved",
        "image-thinned-out",
    ),
    Wrong(
        "variables of the notebook",
        _convolve("return np.array([[1.0, 2.0], [3.0, 4.0]])"),
        "convolved",
        "ignores-its-arguments",
    ),
    # Pool
    Wrong("the mean of each field", _fields("f.mean()"), "pooled", "mean-of-field"),
    Wrong("the smallest of each field", _fields("f.min()"), "pooled", "smallest-of-field"),
    Wrong("each field added up", _fields("f.sum()"), "pooled", "field-added-up"),
    Wrong("the corner of each field", _fields("f[0, 0]"), "pooled", "corner-of-field"),
    Wrong(
        "fields that overlap",
        _fields("f.max()", step="1", rows="rows - size + 1", columns="columns - size + 1"),
        "pooled",
        "fields-overlap",
    ),
    Wrong(
        "what is left over is kept",
        _fields("f.max()", rows="rows", columns="columns"),
        "pooled",
        "part-of-a-field-kept",
    ),
    # Count
    Wrong("channels of the image forgotten", _counted(first="156"), "counted", "channels-forgotten"),
    Wrong("biases forgotten", _counted("450", "648", "12288"), "counted", "no-bias"),
    Wrong("two biases for each kernel", _counted("6 * (5 * 5 * 3 + 2)"), "counted", "bias-twice"),
    Wrong("a bias twice in the second", _counted(second="660 + 12"), "counted", "bias-twice"),
    Wrong("a bias twice in the dense layer", _counted(dense="12288 + 8"), "counted", "bias-twice"),
    Wrong("kernels times maps", _counted(second="12 * 6"), "counted", "places-of-the-kernel-forgotten"),
    Wrong(
        "kernels times channels, and biases", _counted(first="6 * 3 + 6"), "counted", "places-of-the-kernel-forgotten"
    ),
    Wrong("one kernel counted", _counted(first="76"), "counted", "one-kernel-alone"),
    Wrong("a bias for each channel", _counted(first="468"), "counted", "bias-for-each-channel"),
    Wrong("5 weights in a kernel of 5", _counted(first="(5 * 3 + 1) * 6"), "counted", "one-side-of-the-kernel"),
    Wrong("weights for each pixel", _counted(first="40 * 40 * 6"), "counted", "weights-for-each-place"),
    Wrong("the second layer sees one channel", _counted(second="120"), "counted", "maps-forgotten"),
    Wrong("the second layer sees the image", _counted(second="336"), "counted", "channels-of-the-image"),
    Wrong("kernels of 5 in the second layer", _counted(second="1812"), "counted", "other-size"),
    Wrong("one value for each map", _counted(dense="52"), "counted", "one-value-for-each-map"),
    Wrong("a single map made flat", _counted(dense="1028"), "counted", "a-single-map"),
    Wrong("inputs and units added", _counted(dense="3076"), "counted", "inputs-and-units-added"),
    # Sizes
    Wrong("the size stays", _sizes(first="40", pooled="20", second="20", flat="4800"), "sizes", "same-size"),
    Wrong("a place too few", _sizes(first="35"), "sizes", "one-place-short"),
    Wrong("a kernel of 3 in the first layer", _sizes(first="38"), "sizes", "kernel-of-three"),
    Wrong("a kernel of 5 in the second layer", _sizes(second="14"), "sizes", "kernel-of-five"),
    Wrong("pooling skipped", _sizes(second="34"), "sizes", "pooling-skipped"),
    Wrong("pooling slides by one", _sizes(pooled="35"), "sizes", "pooling-slides"),
    Wrong("the image pooled", _sizes(pooled="20"), "sizes", "image-pooled"),
    Wrong("one map made flat", _sizes(flat="16 * 16"), "sizes", "maps-left-out"),
    Wrong("one side counted", _sizes(flat="16 * 12"), "sizes", "one-side-alone"),
    Wrong("maps of the first layer", _sizes(flat="16 * 16 * 6"), "sizes", "maps-of-the-first"),
    Wrong("twelve maps of each of the six", _sizes(flat="16 * 16 * 6 * 12"), "sizes", "maps-multiplied"),
    # Prepare
    Wrong(
        "no axis for the images",
        _prepare("return 1 - photo.mean(axis=2, keepdims=True) / 255"),
        "prepared",
        "batch-axis-missing",
    ),
    Wrong(
        "no axis for the channel",
        _prepare("return 1 - photo.mean(axis=2)[np.newaxis] / 255"),
        "prepared",
        "channel-axis-missing",
    ),
    Wrong("rows and columns alone", _prepare("return 1 - photo.mean(axis=2) / 255"), "prepared", "two-axes-missing"),
    Wrong("all three colours", _prepare("return 1 - photo[np.newaxis] / 255"), "prepared", "colour-kept"),
    Wrong(
        "the channel in front", _prepare("return 1 - photo.mean(axis=2)[None, None] / 255"), "prepared", "channel-first"
    ),
    Wrong(
        "not turned round", _prepare("return photo.mean(axis=2)[None, ..., None] / 255"), "prepared", "not-turned-round"
    ),
    Wrong(
        "turned round, not scaled",
        _prepare("return 255 - photo.mean(axis=2)[None, ..., None]"),
        "prepared",
        "turned-not-scaled",
    ),
    Wrong(
        "turned round before scaling",
        _prepare("return 1 - photo.mean(axis=2)[None, ..., None]"),
        "prepared",
        "turned-before-scaling",
    ),
    Wrong("the red channel", _prepare("return 1 - photo[None, :, :, :1] / 255"), "prepared", "red-alone"),
    Wrong(
        "colours added up",
        _prepare("return 1 - photo.sum(axis=2)[None, ..., None] / 255"),
        "prepared",
        "colours-added-up",
    ),
    Wrong(
        "grey as the eye sees it",
        _prepare("return 1 - (photo @ np.array([0.299, 0.587, 0.114]))[None, ..., None] / 255"),
        "prepared",
        "weighted-grey",
    ),
    Wrong(
        "whole numbers",
        _prepare("return (1 - photo.mean(axis=2)[None, ..., None] / 255).astype(int)"),
        "prepared",
        "no-fractions",
    ),
    # Choose
    Wrong("mirrored digits", _chosen(mirrored="allowed"), "chosen", "mirror-allowed"),
    Wrong("digits on their heads", _chosen(turned="allowed"), "chosen", "upside-down-allowed"),
    Wrong("moved digits refused", _chosen(moved="forbidden"), "chosen", "moving-refused"),
    Wrong("brighter digits refused", _chosen(brighter="forbidden"), "chosen", "brightness-refused"),
    Wrong("a dense network minds", _chosen(dense_shuffled="lower"), "chosen", "order-matters-to-a-sum"),
    Wrong(
        "a convolutional network does not mind", _chosen(convolution_shuffled="equal"), "chosen", "neighbours-forgotten"
    ),
    Wrong("neither of the two words", _chosen(moved="perhaps"), "chosen", "neither-of-two-words"),
    # Build
    Wrong(
        "a dense network",
        _seeing('layers.Flatten(), layers.Dense(7, "relu"), layers.Dense(10, "softmax")'),
        "seeing",
        "no-convolution",
    ),
    Wrong("no pooling", _seeing(f"layers.Conv2D(2, 3, strides=3, activation='relu'), {END}"), "seeing", "no-pooling"),
    Wrong(
        "linear convolutions",
        _seeing(f"layers.Conv2D(8, 3), {POOL}, {CONV}, {POOL}, {END}"),
        "seeing",
        "linear-convolution",
    ),
    Wrong(
        "a flat row goes in",
        _seeing('layers.Dense(7, "relu"), layers.Dense(10, "softmax")', "(784,)"),
        "seeing",
        "flat-row",
    ),
    Wrong(
        "the channel in front of the pixels",
        _seeing(f'layers.Conv2D(4, (1, 3), activation="relu"), layers.MaxPooling2D((1, 4)), {END}', "(1, 28, 28)"),
        "seeing",
        "channels-in-front",
    ),
    Wrong("colour images", _seeing(shape="(28, 28, 3)"), "seeing", "three-channels"),
    Wrong(
        "one pooling layer, a large dense layer",
        _seeing(f"{CONV}, {POOL}, {END}"),
        "seeing",
        "most-in-the-dense-layers",
    ),
    Wrong(
        "too many kernels",
        _seeing(
            f'{CONV}, {POOL}, layers.Conv2D(80, 3, activation="relu"), layers.GlobalMaxPooling2D(),'
            ' layers.Dense(10, activation="softmax")'
        ),
        "seeing",
        "too-many-kernels",
    ),
    Wrong(
        "three classes",
        _seeing(f"{CONV}, {POOL}, {CONV}, {POOL}, layers.Flatten(), layers.Dense(3, 'softmax')"),
        "seeing",
        "three-outputs",
    ),
    Wrong(
        "flattened behind the dense layer",
        _seeing(f"{CONV}, {POOL}, layers.Dense(10, 'softmax'), layers.Flatten()"),
        "seeing",
        "flattened-too-late",
    ),
    Wrong(
        "scores for probabilities",
        _seeing(f"{CONV}, {POOL}, {CONV}, {POOL}, layers.Flatten(), layers.Dense(10)"),
        "seeing",
        "scores-for-probabilities",
    ),
    Wrong("no accuracy", _seeing(metrics="[]"), "seeing", "no-accuracy"),
    Wrong("an error for numbers", _seeing(loss='"mse"'), "seeing", "error-for-classes"),
    Wrong(
        "not compiled",
        {
            "seeing-answer": "seeing = keras.Sequential("
            f"[keras.Input((28, 28, 1)), {CONV}, {POOL}, {CONV}, {POOL}, {END}])"
        },
        "seeing",
        "not-compiled",
    ),
    # Train
    Wrong("never trained", {"learned-answer": "print(seeing.count_params())"}, "learned", "never-trained"),
    Wrong(
        "built again after fit",
        {"learned-answer": _learned(epochs=1)["learned-answer"] + "\n" + _seeing()["seeing-answer"]},
        "learned",
        "never-trained",
    ),
    Wrong("labels of other images", _learned("few_numbers[::-1]", 1), "learned", "hardly-learned"),
    Wrong("one epoch", _learned(epochs=1), "learned", "too-few-epochs"),
    Wrong(
        "absurd learning rate",
        _seeing(optimizer="keras.optimizers.Adam(10.0)") | _learned(epochs=1),
        "learned",
        "learning-rate",
    ),
    Wrong(
        "a rate that runs away",
        _seeing(optimizer="keras.optimizers.SGD(1e30)") | _learned(epochs=1),
        "learned",
        "ran-away",
    ),
    Wrong("the largest product", _sums(over="max"), "convolved", "largest-product"),
    Wrong("sums without the kernel", _sums(piece="image[i : i + k, j : j + k]"), "convolved", "plain-sums"),
    Wrong(
        "whole numbers for sums",
        _convolve(
            "return np.array([[(image[i : i + 3, j : j + 3] * kernel).sum() for j in range(0, image.shape[1] - 2,"
            " stride)] for i in range(0, image.shape[0] - 2, stride)]).astype(int)"
        ),
        "convolved",
        "fractions-cut-off",
    ),
    Wrong(
        "the image cleared in place", _convolve("image[...] = 0\n    return image"), "convolved", "arguments-changed"
    ),
    Wrong(
        "the photo divided in place",
        _prepare("photo[...] = 255 - photo\n    return photo"),
        "prepared",
        "arguments-changed",
    ),
    Wrong(
        "divided twice",
        _prepare("return (1 - photo.mean(axis=2) / 255 / 255)[None, ..., None]"),
        "prepared",
        "scaled-twice",
    ),
    Wrong("ink below zero", _prepare("return (-photo.mean(axis=2) / 255)[None, ..., None]"), "prepared", "below-zero"),
    Wrong(
        "divided by 256", _prepare("return (1 - photo.mean(axis=2) / 256)[None, ..., None]"), "prepared", "not-by-255"
    ),
    Wrong(
        "one grey for all",
        _prepare("return (1 - photo.mean() / 255)[None, ..., None]"),
        "prepared",
        "mean-of-the-photo",
    ),
    Wrong("the largest across, the smallest down", _fields("f.min(axis=0).max()"), "pooled", "largest-one-way"),
    Wrong("one kernel place too many", _sizes(first="37"), "sizes", "one-off"),
    Wrong("parameters counted twice", _counted(second="1320"), "counted", "counted-twice"),
    Wrong(
        "softmax in between",
        _seeing(f'layers.Conv2D(8, 3, activation="softmax"), {POOL}, {CONV}, {POOL}, {END}'),
        "seeing",
        "softmax-in-hidden-layer",
    ),
    Wrong("another size of image", _seeing(shape="(28, 29, 1)"), "seeing", "other-image-size"),
    Wrong(
        "nothing after flatten",
        _seeing(f"{CONV}, {POOL}, {CONV}, {POOL}, layers.Flatten()"),
        "seeing",
        "no-output-layer",
    ),
]

# The other tasks need no trained network, and so none is trained for them.
WRONG = [
    entry if entry.check == "learned" else replace(entry, answers={"learned-answer": "", **entry.answers})
    for entry in _WRONG
]

#: Each trains a network, so each answers several tasks in its own way.
RIGHT = [
    Right(
        "two loops, formulas, a Functional network for one-hot labels",
        _sums()
        | _fields("f.max()")
        | _counted("(5 * 5 * 3 + 1) * 6", "(3 * 3 * 6 + 1) * 12", "3072 * 4 + 4")
        | _prepare("x = photo / 255\n    return (1 - x.mean(axis=-1)).reshape(1, *photo.shape[:2], 1)")
        | _chosen(moved="Allowed", mirrored="FORBIDDEN")
        | _seeing(
            build="i = keras.Input((28, 28, 1))\n"
            'h = layers.MaxPooling2D()(layers.Conv2D(4, 5, padding="same", activation="tanh")(i))\n'
            "h = layers.AveragePooling2D(2)(h)\n"
            'seeing = keras.Model(i, layers.Dense(10, activation="softmax")(layers.Flatten()(h)))',
            loss='"categorical_crossentropy"',
        )
        | _learned("keras.utils.to_categorical(few_numbers)", 12, batch_size="20"),
    ),
    Right(
        "windows, and scores with a loss that knows",
        _convolve(
            "w = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)[::stride, ::stride]\n"
            '    return np.einsum("ijkl,kl->ij", w, kernel)'
        )
        | _prepare("return np.mean(255 - photo, axis=2, keepdims=True)[np.newaxis] / 255.0")
        | _seeing(
            "layers.Conv2D(12, 3), layers.ReLU(), layers.MaxPooling2D(3), layers.Conv2D(16, 3),"
            " layers.BatchNormalization(momentum=0.9), layers.ReLU(), layers.MaxPooling2D(2), layers.Flatten(),"
            " layers.Dense(10)",
            loss="keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
            optimizer="keras.optimizers.Adam(0.01)",
        )
        | _learned(epochs=12),
    ),
    Right(
        "Keras slides and pools; scaled in the network, moved about, with dropout",
        _convolve(
            "x = image[None, :, :, None].astype('float32')\n"
            "    k = kernel[:, :, None, None].astype('float32')\n"
            "    return keras.ops.convert_to_numpy(keras.ops.conv(x, k, strides=stride))[0, :, :, 0]"
        )
        | _pool(
            "x = picture[None, :, :, None].astype('float32')\n"
            "    return keras.ops.convert_to_numpy(keras.ops.max_pool(x, size))[0, :, :, 0]"
        )
        | _seeing(
            f"layers.Rescaling(1.0), layers.RandomTranslation(0.1, 0.1), {CONV}, {POOL}, {CONV}, {POOL},"
            f" layers.Dropout(0.2), {END}"
        )
        | _learned(epochs=12, batch_size="25"),
    ),
    Right(
        "built layer by layer, trained in two calls",
        _fields("np.max(f)")
        | _seeing(
            build="seeing = keras.Sequential()\nseeing.add(keras.Input(shape=(28, 28, 1)))\n"
            'seeing.add(layers.Conv2D(filters=8, kernel_size=(3, 3), activation="relu"))\n'
            "seeing.add(layers.MaxPool2D((2, 2)))\n"
            'seeing.add(layers.Conv2D(8, (3, 3), activation="relu"))\nseeing.add(layers.MaxPool2D())\n'
            'seeing.add(layers.Flatten())\nseeing.add(layers.Dense(10))\nseeing.add(layers.Activation("softmax"))'
        )
        | {"learned-answer": "for half in range(2):\n    seeing.fit(few_digits, few_numbers, epochs=4, verbose=0)"},
    ),
    Right(
        "averages in place of the largest, and SGD with momentum",
        _prepare("ink = 1 - np.asarray(photo, dtype='float64').sum(axis=2) / 765\n    return ink[None, ..., None]")
        | _seeing(
            'layers.Conv2D(6, 5, activation="elu", padding="valid"), layers.AveragePooling2D(2),'
            f' layers.Conv2D(12, 3, activation="elu"), layers.AveragePooling2D(2), {END}',
            optimizer="keras.optimizers.SGD(0.02, momentum=0.9)",
        )
        | _learned(epochs=10),
    ),
    Right(
        "steps of two before it pools, and smoothed one-hot rows",
        _seeing(
            f'layers.Conv2D(8, 5, strides=2, activation="relu"), {POOL}, {END}',
            loss="keras.losses.CategoricalCrossentropy(label_smoothing=0.05)",
            metrics="[keras.metrics.CategoricalAccuracy()]",
        )
        | _learned("keras.utils.to_categorical(few_numbers, 10)", 12),
    ),
    Right(
        "Functional, with names and a slope below zero",
        _seeing(
            build='x = inputs = keras.Input((28, 28, 1), name="digits")\n'
            'for number in (1, 2):\n    x = layers.Conv2D(8, 3, name=f"kernels_{number}")(x)\n'
            "    x = layers.LeakyReLU()(x)\n    x = layers.MaxPooling2D(2)(x)\n"
            'seeing = keras.Model(inputs, layers.Softmax()(layers.Dense(10)(layers.Flatten()(x))), name="seeing")',
            metrics='["sparse_categorical_accuracy"]',
            optimizer='"nadam"',
        )
        | _learned(epochs=8, shuffle="True", batch_size="32"),
    ),
    Right(
        "stopped early, by images held back",
        _chosen(moved="ALLOWED", turned="Forbidden")
        | _seeing(f"{CONV}, {POOL}, layers.SpatialDropout2D(0.1), {CONV}, {POOL}, {END}", optimizer='"rmsprop"')
        | _learned(
            epochs=30,
            validation_split="0.1",
            callbacks="[keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)]",
        ),
    ),
    Right(
        "L2 and the largest of each map",
        _counted("6 * (5 * 5 * 3) + 6", "12 * 3 * 3 * 6 + 12", "4 * (32 * 32 * 3) + 4")
        | _seeing(
            'layers.Conv2D(8, 5, activation="relu", kernel_regularizer="l2"), layers.MaxPooling2D(2),'
            ' layers.Conv2D(16, 5, activation="relu"), layers.GlobalMaxPooling2D(),'
            ' layers.Dense(10, activation="softmax")',
        )
        | _learned(epochs=10),
    ),
]
