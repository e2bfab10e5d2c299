"""Build the kit's data from the original MNIST and Fashion-MNIST files.

Everything that comes with the kit, the same bytes each time:

    python data/build.py kit --idx-mnist DIR --idx-fashion DIR

Held-out sets of an instructor's own, from a secret seed:

    head -c 32 /dev/urandom > seed
    python data/build.py held-out --seed-file seed --out PRIVATE --idx-fashion DIR

An original that is not given as a folder of IDX files comes through `keras.datasets`, which downloads it; the
exception is `held-out`, which then makes do with the images in this repository. data/README.md says more.
"""

import argparse
import gzip
import hashlib
import io
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autograder.data import (
    CLASS_COUNT,
    FASHION_CLASSES,
    IMAGE_SHAPE,
    PUBLISHED_HELD_OUT,
    SHIPPED,
    Bytes,
    Kind,
    load_mnist,
    read_held_out,
)
from autograder.errors import DataError

HERE = Path(__file__).resolve().parent

# SHA-256 of the original files, uncompressed (compressed copies differ from packager to packager).
ORIGINALS = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}

FASHION_ORIGINAL_CLASSES = (0, 7, 3)  # t-shirt/top, sneaker, dress: the order of FASHION_CLASSES
TRAIN_PER_CLASS = (200, 200, 200)
TEST_PER_CLASS = (34, 33, 33)

# Which exercises measure accuracy, on what, and with how many images of each class.
HELD_OUT_PLAN: dict[str, tuple[Kind, int]] = {
    "01-image-classification": ("fashion", 200),
    "03-dense-networks": ("fashion", 300),
    "04-softmax": ("mnist", 200),
    "05-overfitting": ("fashion", 300),
}

PUBLISHED_SEED = b"published"
SHORTEST_SEED = 16  # bytes; a shorter seed could be guessed

Array = NDArray[np.uint8] | NDArray[np.str_]


class BuildError(Exception):
    """The data cannot be built; the message is one line that says why."""


@dataclass(frozen=True)
class Labelled:
    """N images, N x 28 x 28, with their class numbers."""

    images: Bytes
    labels: Bytes


@dataclass(frozen=True)
class Original:
    """A data set as its authors published it: 60,000 images to train on and 10,000 to test with."""

    train: Labelled
    test: Labelled


# The originals ---------------------------------------------------------------------------------------------


def load_original(name: str, folder: Path | None) -> Original:
    """Read `mnist` or `fashion_mnist` from a folder of IDX files, or through `keras.datasets` without one.

    Raises:
        BuildError: a file is missing, or is not the original one.
    """
    arrays = list(_from_folder(name, folder) if folder else _from_keras(name))
    return Original(Labelled(arrays[0], arrays[1]), Labelled(arrays[2], arrays[3]))


def _from_folder(name: str, folder: Path) -> Iterator[Bytes]:
    for file, digest in ORIGINALS[name].items():
        plain, packed = folder / file, folder / f"{file}.gz"
        try:
            content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise BuildError(f"cannot read {plain} or {packed.name} beside it: {error}") from error
        if sha256(content) != digest:
            raise BuildError(f"{folder / file} is not the original {name} file: its SHA-256 is not {digest}")
        yield from_idx(content)


def _from_keras(name: str) -> Iterator[Bytes]:
    try:
        (x_train, y_train), (x_test, y_test) = import_module(f"keras.datasets.{name}").load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise BuildError(f"keras.datasets.{name} did not load ({error}): name a folder of IDX files instead") from error
    for array, (file, digest) in zip((x_train, y_train, x_test, y_test), ORIGINALS[name].items(), strict=True):
        if sha256(to_idx(array)) != digest:
            raise BuildError(f"keras.datasets.{name} gives other data than the original {file}")
        yield array


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def from_idx(content: bytes) -> Bytes:
    """Decode an IDX file: two zero bytes, 8 for uint8, the rank, a big-endian int32 per axis, the data."""
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def to_idx(array: Bytes) -> bytes:
    """Encode a uint8 array as an IDX file, so that data from elsewhere can be compared with the originals."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


# Drawing ---------------------------------------------------------------------------------------------------


def random_numbers(seed: bytes, purpose: str) -> np.random.RandomState:
    """A generator for one purpose. RandomState, because NumPy promises that its numbers never change."""
    digest = hashlib.sha256(seed + b"/" + purpose.encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, ">u4").astype(np.uint32))


def draw(pool: Labelled, per_class: tuple[int, ...], taken: set[bytes], rng: np.random.RandomState) -> Labelled:
    """Draw so many images of each class, shuffled, none that equals one in `taken`; add them to it."""
    chosen: list[int] = []
    for label, count in enumerate(per_class):
        before = len(chosen)
        for index in rng.permutation(np.flatnonzero(pool.labels == label)):
            if len(chosen) == before + count:
                break
            content = pool.images[index].tobytes()
            if content not in taken:
                taken.add(content)
                chosen.append(int(index))
        if len(chosen) < before + count:
            raise BuildError(f"only {len(chosen) - before} images of class {label} are left, {count} are needed")
    order = rng.permutation(np.array(chosen))
    return Labelled(pool.images[order], pool.labels[order])


def nudge(images: Bytes, rng: np.random.RandomState) -> Bytes:
    """Move each image by 0.1 to 0.3 of a pixel along both axes, left or right and up or down at random.

    The eye sees no difference and a model's accuracy hardly changes (data/README.md has the figures), but no
    pixel pattern stays the same, so a table of known images and their labels recognises none of them. Linear
    interpolation, in thousandths of a pixel and whole numbers, so that every machine gets the same bytes.
    """
    moved = images.astype(np.int32)
    for axis in (1, 2):
        share = rng.randint(100, 301, size=(len(images), 1, 1))
        forward = rng.randint(0, 2, size=(len(images), 1, 1)) == 1
        padded = np.pad(moved, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        before, after = (np.take(padded, np.arange(28) + offset, axis) for offset in (0, 2))
        moved = ((1000 - share) * moved + share * np.where(forward, before, after) + 500) // 1000
    return moved.astype(np.uint8)


def fashion_classes(split: Labelled) -> Labelled:
    """The t-shirts, shoes and dresses of Fashion-MNIST, numbered 0, 1, 2."""
    number = np.full(10, 255, np.uint8)
    number[list(FASHION_ORIGINAL_CLASSES)] = range(len(FASHION_CLASSES))
    labels = number[split.labels]
    return Labelled(split.images[labels != 255], labels[labels != 255])


# The kit ---------------------------------------------------------------------------------------------------


def draw_fashion(fashion: Original, taken: set[bytes]) -> tuple[Labelled, Labelled]:
    """The training and test images of `fashion.npz`, from the original's training and test images."""
    rng = random_numbers(PUBLISHED_SEED, "fashion.npz")
    train = draw(fashion_classes(fashion.train), TRAIN_PER_CLASS, taken, rng)
    test = draw(fashion_classes(fashion.test), TEST_PER_CLASS, taken, rng)
    return train, test


def draw_held_out(pools: Mapping[str, Labelled], taken: set[bytes], seed: bytes) -> dict[str, dict[str, Array]]:
    """The arrays of a held-out set for each exercise, from its pool; no image of `taken`, none twice."""
    sets: dict[str, dict[str, Array]] = {}
    for exercise, (kind, per_class) in HELD_OUT_PLAN.items():
        rng = random_numbers(seed, exercise)
        drawn = draw(pools[exercise], (per_class,) * CLASS_COUNT[kind], taken, rng)
        images = nudge(drawn.images, rng).reshape(-1, *IMAGE_SHAPE[kind])
        sets[exercise] = {"images": images, "labels": drawn.labels, "kind": np.array(kind)}
    return sets


def pools_of(mnist_test: Labelled, fashion: Original) -> dict[str, Labelled]:
    """What each exercise's held-out set is drawn from: learners have every digit, but few of the clothes."""
    parts = [fashion_classes(fashion.train), fashion_classes(fashion.test)]
    clothes = Labelled(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
    return {exercise: mnist_test if kind == "mnist" else clothes for exercise, (kind, _) in HELD_OUT_PLAN.items()}


def published_clothes(exercise: str) -> Labelled:
    published = read_held_out(HERE / "held_out" / f"{exercise}.npz")
    return Labelled(published.images[..., 0], published.labels)


def build_kit(mnist: Original, fashion: Original, out: Path) -> None:
    """Write `mnist.npz`, `fashion.npz` and the published `held_out/*.npz` to a folder.

    Raises:
        BuildError: they are written, but are not the files that the package knows and loads.
    """
    digits = {
        "x_train": mnist.train.images,
        "y_train": mnist.train.labels,
        "x_test": mnist.test.images,
        "y_test": mnist.test.labels,
    }
    write_npz(out / "mnist.npz", digits)
    taken: set[bytes] = set()
    train, test = draw_fashion(fashion, taken)
    one_hot = np.eye(len(FASHION_CLASSES), dtype=np.uint8)
    clothes = {
        "train_data": train.images[..., np.newaxis],
        "train_labels": one_hot[train.labels],
        "test_data": test.images[..., np.newaxis],
        "test_labels": one_hot[test.labels],
    }
    write_npz(out / "fashion.npz", clothes)
    for exercise, arrays in draw_held_out(pools_of(mnist.test, fashion), taken, PUBLISHED_SEED).items():
        write_npz(out / "held_out" / f"{exercise}.npz", arrays)
    known = {out / name: shipped.sha256 for name, shipped in SHIPPED.items()}
    known |= {out / "held_out" / f"{exercise}.npz": digest for exercise, digest in PUBLISHED_HELD_OUT.items()}
    changed = [path.name for path, digest in known.items() if sha256(path.read_bytes()) != digest]
    if changed:
        raise BuildError(
            f"{', '.join(changed)} differ from the published files: the package will not take them for its "
            "own until the digests in autograder/data.py and data/README.md are these"
        )


def build_private(seed: bytes, fashion: Original | None, out: Path) -> None:
    """Write held-out sets that only someone with the seed can make.

    With the full Fashion-MNIST, the clothes are new ones: neither in `fashion.npz` nor in a published
    held-out set. Without it, the published sets are shuffled and nudged once more.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)  # for nobody else, unless whoever made it said otherwise
    mnist_test = Labelled(*load_mnist()[1])
    taken: set[bytes] = set()
    if fashion is not None:
        pools = pools_of(mnist_test, fashion)
        draw_fashion(fashion, taken)
        draw_held_out(pools, taken, PUBLISHED_SEED)
    else:
        pools = {
            exercise: mnist_test if kind == "mnist" else published_clothes(exercise)
            for exercise, (kind, _) in HELD_OUT_PLAN.items()
        }
    for exercise, arrays in draw_held_out(pools, taken, seed).items():
        write_npz(out / f"{exercise}.npz", arrays)


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a compressed npz file that is the same, byte for byte, whenever and wherever it is written.

    (With zlib, that is. Its relatives, such as zlib-ng, compress the same arrays to other bytes.)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            member = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix; else the system that writes
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    print(f"{sha256(path.read_bytes())}  {path.stat().st_size:>10,}  {path}")


# The command -----------------------------------------------------------------------------------------------


def read_seed(path: Path) -> bytes:
    """Raises BuildError for a seed that could be guessed."""
    try:
        seed = path.read_bytes()
    except OSError as error:
        raise BuildError(f"cannot read the seed file: {error}") from error
    if len(seed.strip()) < SHORTEST_SEED:
        raise BuildError(
            f"{path} holds fewer than {SHORTEST_SEED} bytes, which could be guessed: "
            f"make one with 'head -c 32 /dev/urandom > {path}'"
        )
    return seed


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build.py", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    kit = commands.add_parser("kit", help="everything that comes with the kit")
    kit.add_argument("--idx-mnist", type=Path, metavar="DIR", help="MNIST's IDX files (else keras.datasets)")
    kit.add_argument("--out", type=Path, default=HERE, metavar="DIR", help="where to write (default: data/)")

    held_out = commands.add_parser("held-out", help="private held-out sets, from a secret seed")
    held_out.add_argument(
        "--seed-file", type=Path, required=True, metavar="FILE", help="16 secret bytes or more; keep it"
    )
    held_out.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder no learner can read; made for you alone"
    )

    for command, otherwise in ((kit, "keras.datasets"), (held_out, "the published sets, changed")):
        command.add_argument(
            "--idx-fashion", type=Path, metavar="DIR", help=f"Fashion-MNIST's IDX files (else {otherwise})"
        )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """0: built; 1: not built, and one line says why. Bad usage ends with 2, as argparse does it."""
    options = parse_arguments(arguments)
    try:
        if options.command == "kit":
            mnist = load_original("mnist", options.idx_mnist)
            build_kit(mnist, load_original("fashion_mnist", options.idx_fashion), options.out)
        else:
            seed = read_seed(options.seed_file)
            folder = options.idx_fashion
            build_private(seed, load_original("fashion_mnist", folder) if folder else None, options.out)
    except (BuildError, DataError, OSError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
