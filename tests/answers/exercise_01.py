"""Exercise 1, image classification: answers that learners really give."""

from __future__ import annotations

from catalogue import Right, Wrong


def _shapes(
    rank: str = "3", shape: str = "(32, 48, 3)", numbers: str = "4608", many: str = "(20, 32, 48, 3)"
) -> dict[str, str]:
    return {
        "shapes-answer": f"photo_rank = {rank}\nphoto_shape = {shape}\nphoto_numbers = {numbers}\nset_shape = {many}"
    }


def _picked(
    first: str = "train_data[0]",
    one: str = "train_data[:1]",
    five: str = "train_data[10:15]",
    picture: str = "train_data[0, :, :, 0]",
) -> dict[str, str]:
    return {"picked-answer": f"first_image = {first}\nset_of_one = {one}\nfive_images = {five}\npicture = {picture}"}


def _arithmetic(
    total: str = "4", quotient: str = "0", dtype: str = "'float64'", of_sum: str = "'uint8'", of_floor: str = "'uint8'"
) -> dict[str, str]:
    return {
        "arithmetic-answer": f"pixel_sum = {total}\npixel_quotient = {quotient}\n"
        f"sum_dtype = {of_sum}\nfloor_dtype = {of_floor}\nquotient_dtype = {dtype}"
    }


def _scale(expression: str) -> dict[str, str]:
    return {
        "scaled-answer": f"def scale(images):\n    return {expression}\n\n"
        "x_train, x_test = scale(train_data), scale(test_data)"
    }


def _function(task: str, head: str, *body: str) -> dict[str, str]:
    return {f"{task}-answer": f"def {head}:\n" + "".join(f"    {line}\n" for line in body)}


def _count(*body: str) -> dict[str, str]:
    return _function("counted", "count_classes(numbers, classes)", *body)


def _split(*body: str) -> dict[str, str]:
    return _function("split", "split(images, numbers, validation_size, seed)", *body)


def _majority(*body: str) -> dict[str, str]:
    return _function("majority", "majority_accuracy(training_numbers, new_numbers)", *body)


def _means(*body: str) -> dict[str, str]:
    (answer,) = _function("means", "class_means(images, numbers, classes)", *body).values()
    return {"means-answer": answer + "\nmeans = class_means(x_train, train_numbers, 3)"}


def _nearest(*body: str) -> dict[str, str]:
    return _function("nearest", "nearest_mean(images, means)", *body)


_SHARES = "[(answers == k)[test_numbers == k].mean() for k in range(3)]"


def _measured(
    accuracy: str = "(answers == test_numbers).mean()", missed: str = "'dress'", shares: str = _SHARES
) -> dict[str, str]:
    return {
        "measured-answer": f"answers = nearest_mean(x_test, means)\ntest_accuracy = {accuracy}\n"
        f"recognised = {shares}\nmost_missed = {missed}"
    }


_DIFFERENCES = "d = images[:, np.newaxis] - means"
_ORDER = "order = np.random.default_rng(seed).permutation(len(images))"
_CUT = "v, t = order[:validation_size], order[validation_size:]"
_PARTS = "return images[t], numbers[t], images[v], numbers[v]"

WRONG = [
    Wrong("width before height", _shapes(shape="(48, 32, 3)"), "shapes", "Rows come first"),
    Wrong("colour forgotten", _shapes(shape="(32, 48)"), "shapes", "an axis for its channels"),
    Wrong("rank of a grey picture", _shapes(rank="2"), "shapes", "rank-of-a-grey-picture"),
    Wrong("rank mistaken for size", _shapes(rank="32 * 48 * 3"), "shapes", "The rank is how many axes"),
    Wrong("pixels counted, not numbers", _shapes(numbers="32 * 48"), "shapes", "Each pixel of a colour photograph"),
    Wrong("lengths added", _shapes(numbers="32 + 48 + 3"), "shapes", "all-lengths-added"),
    Wrong("batch axis last", _shapes(many="(32, 48, 3, 20)"), "shapes", "counts the images comes first"),
    Wrong("images stuck together", _shapes(many="(20 * 32, 48, 3)"), "shapes", "not joined together"),
    Wrong("a shape as text", _shapes(shape="'(32, 48, 3)'"), "shapes", "numbers in round brackets"),
    Wrong("batch axis lost by an index", _picked(one="train_data[0]"), "picked", "batch-axis-lost-by-index"),
    Wrong("batch axis where one image is asked for", _picked(first="train_data[:1]"), "picked", "takes that axis away"),
    Wrong("new axis at the end", _picked(one="train_data[0][..., np.newaxis]"), "picked", "The new axis comes last"),
    Wrong("a slice that ends too early", _picked(five="train_data[10:14]"), "picked", "*before* its second number"),
    Wrong("counting from one", _picked(five="train_data[11:16]"), "picked", "The images are off by one"),
    Wrong("first image is number one", _picked(first="train_data[1]"), "picked", "the second one"),
    Wrong("first axis taken for the rows", _picked(five="train_data[:, 10:15, :, 0]"), "picked", "Print the shape"),
    Wrong("channel axis kept", _picked(picture="train_data[0]"), "picked", "index 0 of the *last* axis"),
    Wrong("channel index on the wrong axis", _picked(picture="train_data[0, 0]"), "picked", "one row of pixels"),
    Wrong("no overflow", _arithmetic(total="260"), "arithmetic", "A uint8 ends at 255"),
    Wrong("stops at white", _arithmetic(total="255"), "arithmetic", "stops-at-white"),
    Wrong(
        "floor division taken for division",
        _arithmetic(quotient="250 / 255"),
        "arithmetic",
        "floor-division-taken-for-division",
    ),
    Wrong("floor division taken for rounding", _arithmetic(quotient="1"), "arithmetic", "cuts the fraction off"),
    Wrong("dtype stays", _arithmetic(dtype="'uint8'"), "arithmetic", "dtype-stays"),
    Wrong("float32 by itself", _arithmetic(dtype="'float32'"), "arithmetic", "float32-by-itself"),
    Wrong("a dtype that makes room by itself", _arithmetic(of_sum="'uint16'"), "arithmetic", "whole-numbers-grow"),
    Wrong("a float for whole numbers", _arithmetic(of_floor="'float64'"), "arithmetic", "float-everywhere"),
    Wrong("a float of no size", _arithmetic(dtype="'float'"), "arithmetic", "float-of-no-size"),
    Wrong("a word that is no dtype", _arithmetic(dtype="'fraction'"), "arithmetic", "not the name of a dtype"),
    Wrong("one dtype of three wrong", _arithmetic(of_floor="'int64'"), "arithmetic", "2 of the 3 are right"),
    Wrong("dtype without quotes", _arithmetic(dtype="np.float64"), "arithmetic", "should be text in quotes"),
    Wrong("not scaled, only converted", _scale("images.astype('float32')"), "scaled", "Nothing is scaled yet"),
    Wrong("scaled twice", _scale("images.astype('float32') / 255 / 255"), "scaled", "Divided twice"),
    Wrong("integer division", _scale("images // 255"), "scaled", "cuts the fraction off"),
    Wrong(
        "by the largest pixel of the set",
        _scale("(images / images.max()).astype('float32')"),
        "scaled",
        "would get a different number",
    ),
    Wrong(
        "standardised", _scale("((images - images.mean()) / images.std()).astype('float32')"), "scaled", "Divide by 255"
    ),
    Wrong("left in float64", _scale("images / 255"), "scaled", "twice the memory"),
    Wrong("converted too late", _scale("(images / 255).astype('uint8')"), "scaled", "cuts the fraction off"),
    Wrong("divided in place", _scale("images.__itruediv__(255)"), "scaled", "cannot be divided in place"),
    Wrong(
        "test set scaled with other numbers",
        {
            "scaled-answer": "def scale(images):\n    return images.astype('float32') / 255\n\n"
            "x_train = scale(train_data)\nx_test = (test_data / test_data.mean()).astype('float32')"
        },
        "scaled",
        "Give the images as loaded to `scale`",
    ),
    Wrong(
        "the cell was run twice",
        {
            "scaled-answer": "def scale(images):\n    return images.astype('float32') / 255\n\n"
            "x_train = scale(scale(train_data))\nx_test = scale(scale(test_data))"
        },
        "scaled",
        "Start again from the images as loaded",
    ),
    Wrong(
        "absent class not counted",
        _count("return np.unique(numbers, return_counts=True)[1]"),
        "counted",
        "Class 0 is absent",
    ),
    Wrong("last class forgotten", _count("return np.bincount(numbers)"), "counted", "so it was forgotten"),
    Wrong(
        "counted from one",
        _count("return [np.sum(numbers == k) for k in range(1, classes + 1)]"),
        "counted",
        "Everything is off by one",
    ),
    Wrong(
        "shares, not counts",
        _count("return np.bincount(numbers, minlength=classes) / len(numbers)"),
        "counted",
        "Those are shares",
    ),
    Wrong(
        "a dictionary",
        _count("return {int(k): int(np.sum(numbers == k)) for k in numbers}"),
        "counted",
        "Return an array: one count",
    ),
    Wrong(
        "which classes there are", _count("return np.unique(numbers)"), "counted", "Those are the classes that occur"
    ),
    Wrong(
        "not shuffled",
        _split("n = len(images) - validation_size", "return images[:n], numbers[:n], images[n:], numbers[n:]"),
        "split",
        "only one class",
    ),
    Wrong(
        "validation images left in the training set",
        _split(_ORDER, "v = order[:validation_size]", "return images, numbers, images[v], numbers[v]"),
        "split",
        "still in the training set",
    ),
    Wrong(
        "drawn with repetition",
        _split(
            "rng = np.random.default_rng(seed)",
            "v = rng.choice(len(images), validation_size)",
            "t = rng.choice(len(images), len(images) - validation_size)",
            _PARTS,
        ),
        "split",
        "choose each image once",
    ),
    Wrong(
        "the size taken for a share",
        _split(_ORDER, "n = int(len(images) * validation_size)", "v, t = order[:n], order[n:]", _PARTS),
        "split",
        "empty-set",
    ),
    Wrong(
        "nothing for validation",
        _split(_ORDER, "v, t = order[:0], order", _PARTS),
        "split",
        "empty-set",
    ),
    Wrong(
        "shuffle taken for a function that returns",
        _split(
            "o = np.arange(len(images))", "o = np.random.default_rng(seed).shuffle(o)", "v, t = o[:9], o[9:]", _PARTS
        ),
        "split",
        "shuffle-returns-nothing",
    ),
    Wrong(
        "split class by class, of three classes",
        _split(
            "rng = np.random.default_rng(seed)",
            "v = np.concatenate([rng.permutation(np.flatnonzero(numbers == k))[:10] for k in range(3)])",
            "t = np.concatenate([np.setdiff1d(np.flatnonzero(numbers == k), v) for k in range(3)])",
            _PARTS,
        ),
        "split",
        "left to train with",
    ),
    Wrong(
        "images and labels shuffled apart",
        _split(
            "rng = np.random.default_rng(seed)",
            "images, numbers = rng.permutation(images), rng.permutation(numbers)",
            "n = validation_size",
            "return images[n:], numbers[n:], images[:n], numbers[:n]",
        ),
        "split",
        "no longer match",
    ),
    Wrong(
        "sizes exchanged",
        _split(_ORDER, "t, v = order[:validation_size], order[validation_size:]", _PARTS),
        "split",
        "The parts are swapped",
    ),
    Wrong(
        "another order of the parts",
        _split(_ORDER, _CUT, "return images[t], images[v], numbers[t], numbers[v]"),
        "split",
        "The order is different",
    ),
    Wrong(
        "seed not used",
        _split("order = np.random.default_rng(0).permutation(len(images))", _CUT, _PARTS),
        "split",
        "Is `seed` used?",
    ),
    Wrong(
        "never the same again",
        _split("order = np.random.permutation(len(images))", _CUT, _PARTS),
        "split",
        "made inside the function",
    ),
    Wrong(
        "majority of the new images",
        _majority("m = np.bincount(new_numbers).argmax()", "return (new_numbers == m).mean()"),
        "majority",
        "must not look at those beforehand",
    ),
    Wrong(
        "share in the training set",
        _majority("return np.bincount(training_numbers).max() / len(training_numbers)"),
        "majority",
        "That is the share in the training set",
    ),
    Wrong(
        "number right, not share",
        _majority("return (new_numbers == np.bincount(training_numbers).argmax()).sum()"),
        "majority",
        "The task asks for a share",
    ),
    Wrong(
        "the class itself",
        _majority("return np.bincount(training_numbers).argmax()"),
        "majority",
        "That is the class itself",
    ),
    Wrong(
        "a list of hits",
        _majority("return new_numbers == np.bincount(training_numbers).argmax()"),
        "majority",
        "True or False for each image",
    ),
    Wrong("mean of everything", _means("return images.mean(axis=0)"), "means", "Choose those of one class first"),
    Wrong(
        "one brightness for each class",
        _means("return np.array([images[numbers == k].mean() for k in range(classes)])"),
        "means",
        "one number per class",
    ),
    Wrong(
        "sums, not means",
        _means("return np.array([images[numbers == k].sum(axis=0) for k in range(classes)])"),
        "means",
        "Those are sums",
    ),
    Wrong(
        "three classes always",
        _means("return np.array([images[numbers == k].mean(axis=0) for k in range(3)])"),
        "means",
        "three-classes-always",
    ),
    Wrong(
        "first image of each class",
        _means("return np.array([images[numbers == k][0] for k in range(classes)])"),
        "means",
        "not their mean",
    ),
    Wrong(
        "means of the unscaled images",
        {
            "means-answer": "def class_means(images, numbers, classes):\n"
            "    return np.array([images[numbers == k].mean(axis=0) for k in range(classes)])\n\n"
            "means = class_means(train_data, train_numbers, 3)"
        },
        "means",
        "Take the means of `x_train`",
    ),
    Wrong(
        "means of the test images",
        {
            "means-answer": "def class_means(images, numbers, classes):\n"
            "    return np.array([images[numbers == k].mean(axis=0) for k in range(classes)])\n\n"
            "means = class_means(x_test, test_numbers, 3)"
        },
        "means",
        "trained-on-test-images",
    ),
    Wrong(
        "means of the training and the test images",
        {
            "means-answer": "def class_means(images, numbers, classes):\n"
            "    return np.array([images[numbers == k].mean(axis=0) for k in range(classes)])\n\n"
            "means = class_means(np.concatenate([x_train, x_test]),"
            " np.concatenate([train_numbers, test_numbers]), 3)"
        },
        "means",
        "trained-on-test-images",
    ),
    Wrong(
        "one-hot labels for class numbers",
        _means(
            "numbers = train_labels", "return np.array([images[numbers == k].mean(axis=0) for k in range(classes)])"
        ),
        "means",
        "Look at `images[numbers == k]`",
    ),
    Wrong(
        "not subtracted from every image",
        _nearest("return ((images - means) ** 2).sum(axis=(1, 2, 3)).argmin()"),
        "nearest",
        "not-subtracted-from-every-image",
    ),
    Wrong(
        "the farthest",
        _nearest(_DIFFERENCES, "return (d**2).sum(axis=(2, 3, 4)).argmax(axis=1)"),
        "nearest",
        "farthest mean",
    ),
    Wrong(
        "the distances themselves",
        _nearest(_DIFFERENCES, "return (d**2).sum(axis=(2, 3, 4))"),
        "nearest",
        "Those are the distances",
    ),
    Wrong(
        "the smallest distance",
        _nearest(_DIFFERENCES, "return (d**2).sum(axis=(2, 3, 4)).min(axis=1)"),
        "nearest",
        "distance-for-class",
    ),
    Wrong(
        "argmin along the images",
        _nearest(_DIFFERENCES, "return (d**2).sum(axis=(2, 3, 4)).argmin(axis=0)"),
        "nearest",
        "Turn it round",
    ),
    Wrong(
        "not squared",
        _nearest(_DIFFERENCES, "return d.sum(axis=(2, 3, 4)).argmin(axis=1)"),
        "nearest",
        "differences above and below cancel",
    ),
    Wrong(
        "absolute differences",
        _nearest(_DIFFERENCES, "return np.abs(d).sum(axis=(2, 3, 4)).argmin(axis=1)"),
        "nearest",
        "The task asks for squared ones",
    ),
    Wrong("in per cent", _measured("100 * (answers == test_numbers).mean()"), "measured", "That is per cent"),
    Wrong("the share of errors", _measured("(answers != test_numbers).mean()"), "measured", "share of wrong answers"),
    Wrong(
        "measured on the training images",
        _measured("(nearest_mean(x_train, means) == train_numbers).mean()"),
        "measured",
        "accuracy on the training images",
    ),
    Wrong(
        "test images not scaled",
        _measured("(nearest_mean(test_data, means) == test_numbers).mean()"),
        "measured",
        "scaled like the means",
    ),
    Wrong("the best class", _measured(missed="'shoe'"), "measured", "recognised best"),
    Wrong(
        "numbers of images for shares",
        _measured(shares="[(answers == k)[test_numbers == k].sum() for k in range(3)]"),
        "measured",
        "numbers-for-shares",
    ),
    Wrong(
        "shares of the classes in per cent",
        _measured(shares="[100 * (answers == k)[test_numbers == k].mean() for k in range(3)]"),
        "measured",
        "shares-in-per-cent",
    ),
    Wrong(
        "the shares that are missed",
        _measured(shares="[(answers != k)[test_numbers == k].mean() for k in range(3)]"),
        "measured",
        "shares-missed",
    ),
    Wrong(
        "shares of all test images",
        _measured(shares="[((answers == k) & (test_numbers == k)).mean() for k in range(3)]"),
        "measured",
        "shares-of-all-images",
    ),
    Wrong(
        "shares of the images that got the answer",
        _measured(shares="[(test_numbers == k)[answers == k].mean() for k in range(3)]"),
        "measured",
        "shares-of-answers",
    ),
    Wrong(
        "shares of the classes in the other order",
        _measured(shares=_SHARES + "[::-1]"),
        "measured",
        "shares-turned-round",
    ),
    Wrong("the class's number", _measured(missed="2"), "measured", "should be text in quotes"),
    Wrong("a rank in quotes", _shapes(rank="'3'"), "shapes", "text-for-number"),
    Wrong("two ranks", _shapes(rank="[3, 3]"), "shapes", "several-for-one-number"),
    Wrong("the rank of a single number", _shapes(rank="0"), "shapes", "rank-of-a-single-number"),
    Wrong("a length left out of the product", _shapes(numbers="48 * 3"), "shapes", "length-left-out"),
    Wrong("one length divided by another", _shapes(numbers="32 * 48 / 3"), "shapes", "lengths-divided"),
    Wrong("red, green, blue and transparent", _shapes(numbers="32 * 48 * 4"), "shapes", "four-channels"),
    Wrong("an axis missing", _shapes(shape="(48, 3)"), "shapes", "axis-missing"),
    Wrong("an axis too many", _shapes(shape="(32, 48, 3, 1)"), "shapes", "axis-too-many"),
    Wrong("a length of no axis", _shapes(many="(21, 32, 48, 3)"), "shapes", "length-of-no-axis"),
    Wrong("the shape of one for that of a set", _shapes(many="(32, 48, 3)"), "shapes", "one-photograph-for-a-set"),
    Wrong("lengths in another order", _shapes(many="(32, 20, 48, 3)"), "shapes", "lengths-in-another-order"),
    Wrong("two images for a set of one", _picked(one="train_data[:2]"), "picked", "slice-of-another-length"),
    Wrong("a slice that ends where it begins", _picked(one="train_data[:0]"), "picked", "empty-slice"),
    Wrong("picked from the test images", _picked(first="test_data[0]"), "picked", "test-images-picked"),
    Wrong("counted on wrongly after 255", _arithmetic(total="3"), "arithmetic", "steps-miscounted"),
    Wrong("divided by 254", _scale("images.astype('float32') / 254"), "scaled", "divided-by-another-number"),
    Wrong("scaled and not returned", _function("scaled", "scale(images)", "images / 255"), "scaled", "returns-nothing"),
    Wrong("scaled text", _scale("str(images / 255)"), "scaled", "text-for-array"),
    Wrong("one number for all pixels", _scale("0"), "scaled", "one-number-for-many"),
    Wrong("scaled in a list of its own", _scale("[(images / 255).tolist()]"), "scaled", "brackets-too-many"),
    Wrong("scaled in reverse order", _scale("(images.astype('float32') / 255)[::-1]"), "scaled", "reverse-order"),
    Wrong("class numbers for counts", _count("return numbers"), "counted", "returned-unchanged"),
    Wrong("counts never filled", _count("return np.zeros(classes)"), "counted", "all-zeros"),
    Wrong(
        "counts of the notebook's numbers",
        _count("return np.bincount(train_numbers, minlength=classes)"),
        "counted",
        "ignores-its-arguments",
    ),
    Wrong("the same part twice", _split(_ORDER, "t = v = order[:validation_size]", _PARTS), "split", "same-part-twice"),
    Wrong(
        "always thirty for validation",
        _split(_ORDER, "v, t = order[:30], order[30:]", _PARTS),
        "split",
        "ignores-its-arguments",
    ),
    Wrong(
        "the largest count for a class",
        _majority("return (new_numbers == np.bincount(training_numbers).max()).mean()"),
        "majority",
        "nothing-ever-right",
    ),
    Wrong(
        "the rarest class",
        _majority("return (new_numbers == np.bincount(training_numbers).argmin()).mean()"),
        "majority",
        "another-class-than-the-majority",
    ),
    Wrong(
        "means of all other classes",
        _means("return np.array([images[numbers != k].mean(axis=0) for k in range(classes)])"),
        "means",
        "all-but-the-class",
    ),
    Wrong(
        "the first class left out",
        _means("return np.array([images[numbers == k].mean(axis=0) for k in range(1, classes)])"),
        "means",
        "first-left-out",
    ),
    Wrong(
        "means cut off to whole numbers",
        _means("return np.array([images[numbers == k].mean(axis=0) for k in range(classes)]).astype(int)"),
        "means",
        "all-zeros",
    ),
    Wrong(
        "means in whole tenths, upside down",
        _means("return -np.array([images[numbers == k].mean(axis=0) for k in range(classes)])"),
        "means",
        "opposite-sign",
    ),
    Wrong(
        "added rows of pixels alone",
        _nearest(_DIFFERENCES, "return (d**2).sum(axis=(3, 4)).argmin(axis=1)"),
        "nearest",
        "some-pixel-axes",
    ),
    Wrong(
        "image and mean added",
        _nearest("d = images[:, np.newaxis] + means", "return (d**2).sum(axis=(2, 3, 4)).argmin(axis=1)"),
        "nearest",
        "added-not-subtracted",
    ),
    Wrong(
        "answers in reverse order",
        _nearest(_DIFFERENCES, "return (d**2).sum(axis=(2, 3, 4)).argmin(axis=1)[::-1]"),
        "nearest",
        "answers-reversed",
    ),
    Wrong(
        "shares of the images of other classes",
        _measured(shares="[(answers == k)[test_numbers != k].mean() for k in range(3)]"),
        "measured",
        "shares-of-the-others",
    ),
    Wrong(
        "shares of two classes",
        _measured(shares="[(answers == k)[test_numbers == k].mean() for k in range(2)]"),
        "measured",
        "not-a-share-for-each-class",
    ),
    Wrong("neither the best nor the least", _measured(missed="'t-shirt'"), "measured", "neither-best-nor-least"),
    Wrong(
        "scaled to black and white",
        _scale("np.round(images / 255).astype('float32')"),
        "scaled",
        "rounded-to-black-and-white",
    ),
    Wrong("scaled per cent", _scale("images.astype('float32') / 100"), "scaled", "another-divisor"),
    Wrong(
        "shares of one digit",
        _measured(shares="[round((answers == k)[test_numbers == k].mean(), 1) for k in range(3)]"),
        "measured",
        "shares-rounded",
    ),
    Wrong(
        "the means sorted by their distance",
        _nearest("return ((images[:, None] - means) ** 2).sum(axis=(2, 3, 4)).argsort(axis=1)"),
        "nearest",
        "all-means-kept",
    ),
    Wrong(
        "the notebook's images for the argument, which stops",
        _nearest("return ((x_test[:, None] - means) ** 2).sum(axis=(2, 3, 4)).argmin(axis=1)"),
        "nearest",
        "array-of-the-notebook",
    ),
    Wrong(
        "counted in a list of three",
        _count("counts = np.zeros(3)", "for n in numbers: counts[n] += 1", "return counts"),
        "counted",
        "fixed-length",
    ),
    Wrong(
        "counted in three rounds",
        _count("return np.array([np.sum(numbers == k) for k in range(3)])"),
        "counted",
        "last-left-out",
    ),
    Wrong(
        "as many images as in the notebook, counted",
        _count("counts = [0] * classes", "for i in range(600): counts[numbers[i]] += 1", "return counts"),
        "counted",
        "fixed-length",
    ),
    Wrong(
        "a list for a condition, counted",
        _count("return [sum(1 for n in numbers if [n == k]) for k in range(classes)]"),
        "counted",
        "all-the-same",
    ),
    Wrong(
        "a list for a condition, of all images",
        _means("return [np.mean([i for i, n in zip(images, numbers) if [n == k]], axis=0) for k in range(classes)]"),
        "means",
        "condition-always-true",
    ),
    Wrong(
        "0 and 1 for a condition",
        _means("return np.array([images[[int(n == k) for n in numbers]].mean(axis=0) for k in range(classes)])"),
        "means",
        "mask-as-numbers",
    ),
    Wrong(
        "three means always",
        _nearest(
            "d = [((images - means[k]) ** 2).sum(axis=(1, 2, 3)) for k in range(3)]",
            "return np.array(d).argmin(axis=0)",
        ),
        "nearest",
        "three-classes-always",
    ),
    Wrong(
        "three images always",
        _nearest("return np.array([np.argmin([((images[i] - m) ** 2).sum() for m in means]) for i in range(3)])"),
        "nearest",
        "fixed-length",
    ),
    Wrong(
        "a list for a condition, of all new images",
        _majority(
            "best = np.bincount(training_numbers).argmax()",
            "return sum(1 for n in new_numbers if [n == best]) / len(new_numbers)",
        ),
        "majority",
        "condition-always-true",
    ),
    Wrong(
        "the most frequent of three classes",
        _majority(
            "best = max(range(3), key=lambda k: (training_numbers == k).sum())", "return (new_numbers == best).mean()"
        ),
        "majority",
        "another-class-than-the-majority",
    ),
]

RIGHT = [
    Right("lists for shapes", _shapes(shape="[32, 48, 3]", many="[20, 32, 48, 3]")),
    Right(
        "shapes asked of NumPy",
        _shapes(
            "np.zeros((32, 48, 3)).ndim",
            "np.zeros((32, 48, 3)).shape",
            "np.zeros((32, 48, 3)).size",
            "(20,) + photo_shape",
        ),
    ),
    Right(
        "picked in other ways",
        _picked(
            "train_data[0, ...]",
            "train_data[0][np.newaxis]",
            "train_data[[10, 11, 12, 13, 14]]",
            "np.squeeze(train_data[0])",
        ),
    ),
    Right(
        "picked by reshape and take",
        _picked(
            "np.take(train_data, 0, axis=0)",
            "train_data[0].reshape(1, 28, 28, 1)",
            "np.array([train_data[i] for i in range(10, 15)])",
            "train_data[0].reshape(28, 28)",
        ),
    ),
    Right(
        "tried, not predicted",
        {
            "arithmetic-answer": "a = np.array([250], dtype='uint8')\nb = np.array([10], dtype='uint8')\n"
            "pixel_sum = a + b\npixel_quotient = (a // 255)[0]\nquotient_dtype = str((a / 255).dtype)\n"
            "sum_dtype, floor_dtype = (a + b).dtype.name, (a // 255).dtype.name"
        },
    ),
    Right("scaled by a float32 factor", _scale("images * np.float32(1 / 255)")),
    Right("scaled by np.divide", _scale("np.divide(images, 255, dtype=np.float32)")),
    Right("scaled in float64, then converted", _scale("(images / 255.0).astype(np.float32)")),
    Right(
        "counted in a loop, as a list",
        _count("counts = [0] * classes", "for n in numbers:", "    counts[n] += 1", "return counts"),
    ),
    Right("counted by comparison", _count("return (numbers[:, None] == np.arange(classes)).sum(axis=0)")),
    Right(
        "split by a shuffled copy of the indices",
        _split(
            "index = np.arange(len(images))",
            "np.random.default_rng(seed).shuffle(index)",
            "v, t = np.split(index, [validation_size])",
            _PARTS,
        ),
    ),
    Right(
        "split by choice without repetition",
        _split(
            "v = np.random.default_rng(seed).choice(len(images), validation_size, replace=False)",
            "t = np.setdiff1d(np.arange(len(images)), v)",
            _PARTS,
        ),
    ),
    Right(
        "split class by class",
        _split(
            "rng = np.random.default_rng(seed)",
            "v = []",
            "for k in np.unique(numbers):",
            "    v.extend(rng.permutation(np.flatnonzero(numbers == k))[: validation_size // 5])",
            "t = [i for i in range(len(images)) if i not in v]",
            "return [images[t], numbers[t], images[v], numbers[v]]",
        ),
    ),
    Right(
        "split with a mask and an old-style generator",
        _split(
            "mask = np.zeros(len(images), bool)",
            "mask[np.random.RandomState(seed).permutation(len(images))[:validation_size]] = True",
            "return images[~mask], numbers[~mask], images[mask], numbers[mask]",
        ),
    ),
    Right(
        "majority by unique",
        _majority(
            "classes, counts = np.unique(training_numbers, return_counts=True)",
            "return float(np.mean(new_numbers == classes[np.argmax(counts)]))",
        ),
    ),
    Right(
        "majority by Counter",
        _majority(
            "from collections import Counter",
            "most = Counter(training_numbers.tolist()).most_common(1)[0][0]",
            "return list(new_numbers).count(most) / len(new_numbers)",
        ),
    ),
    Right(
        "means stacked", _means("return np.stack([np.average(images[numbers == k], axis=0) for k in range(classes)])")
    ),
    Right(
        "means by a matrix product",
        _means(
            "one_hot = np.eye(classes)[numbers]",
            "sums = np.einsum('nk,n...->k...', one_hot, images)",
            "return sums / one_hot.sum(axis=0).reshape(-1, *[1] * (images.ndim - 1))",
        ),
    ),
    Right(
        "means as rows",
        {
            **_means("return np.array([images[numbers == k].mean(0) for k in range(classes)])"),
            **_nearest(
                "x, m = images.reshape(len(images), -1), means.reshape(len(means), -1)",
                "return np.argmin(((x[:, None] - m[None]) ** 2).sum(-1), axis=-1)",
            ),
        },
    ),
    Right(
        "nearest in a loop",
        _nearest("return np.array([np.argmin([np.sum((i - m) ** 2) for m in means]) for i in images])"),
    ),
    Right(
        "nearest by the norm",
        _nearest(
            "return np.array([np.linalg.norm((i - means).reshape(len(means), -1), axis=1).argmin() for i in images])"
        ),
    ),
    Right(
        "accuracy counted by hand",
        _measured("sum(int(a == t) for a, t in zip(answers, test_numbers)) / 100", "str(FASHION_CLASSES[2])"),
    ),
    Right(
        "means of the training part of a split",
        {
            "means-answer": "def class_means(images, numbers, classes):\n"
            "    return np.array([images[numbers == k].mean(axis=0) for k in range(classes)])\n\n"
            "x_fit, n_fit, x_val, n_val = split(x_train, train_numbers, 120, 1)\n"
            "means = class_means(x_fit, n_fit, 3)",
            "measured-answer": "answers = nearest_mean(x_test, means)\n"
            "test_accuracy = np.mean(answers == test_numbers)\n"
            "recognised = [np.mean(answers[test_numbers == k] == k) for k in range(3)]\n"
            "most_missed = FASHION_CLASSES[int(np.argmin(recognised))]",
        },
    ),
    Right(
        "a list of True and False to choose with",
        _means("return np.array([images[[n == k for n in numbers]].mean(axis=0) for k in range(classes)])"),
    ),
]
