"""The images that the lessons, the exercises and the grading use.

Two data sets come with the kit, `fashion.npz` and `mnist.npz`. They are found from any working directory,
and their SHA-256 is checked each time, so a lesson never runs on damaged images. Held-out sets are for
grading: they stay with the instructor's clone and are not part of an installed package.
"""

import contextlib
import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograder.errors import DataError
from autograder.language import _, say

Bytes: TypeAlias = NDArray[np.uint8]
"""An array of uint8: pixels 0 to 255, or labels."""
Split: TypeAlias = tuple[Bytes, Bytes]
"""Images and their labels."""
Kind: TypeAlias = Literal["fashion", "mnist"]

FASHION_CLASSES = ("t-shirt", "shoe", "dress")
"""What the columns of the fashion labels mean, in order."""

IMAGE_SHAPE: dict[str, tuple[int, ...]] = {"fashion": (28, 28, 1), "mnist": (28, 28)}
CLASS_COUNT: dict[str, int] = {"fashion": len(FASHION_CLASSES), "mnist": 10}


@dataclass(frozen=True)
class Shipped:
    """What we know of a file that comes with the kit."""

    size: int
    """In bytes."""
    sha256: str
    keys: tuple[str, ...]


SHIPPED = {
    "fashion.npz": Shipped(
        276_325,
        "94e40003ef4c344cea65f7519ac5ed076aa8bd05438ec5ab70916775dd97f7ab",
        ("train_data", "train_labels", "test_data", "test_labels"),
    ),
    "mnist.npz": Shipped(
        11_266_754,
        "ee068f36682cba7f38bafdedc77b0f873ebbcf877036f7ebde566966146ac146",
        ("x_train", "y_train", "x_test", "y_test"),
    ),
}

PUBLISHED_HELD_OUT = {
    "01-image-classification": "0f7efd1b617ed2c661702faf6e1062b73531e6e79fae32b3dccf423d1b9f2da4",
    "03-dense-networks": "382a1c1979d639e67abf151fbd16fbfb54082e06d532faeb800922dae1ed270b",
    "04-softmax": "80d888f4924711434b34aa59f2e4e6ab481a42f61879808ea070fd1d8eeb2b98",
    "05-overfitting": "2ee25c2581a512959d7490d0dc88a9a6628de978ed2ef0edb58b9469f4c31fd7",
}
"""SHA-256 of the held-out sets in the repository. Any other file is an instructor's private set."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Images that learners do not train on, to measure accuracy with.

    `images` is N x 28 x 28 x 1 (fashion) or N x 28 x 28 (mnist), `labels` is N class numbers: 0 to 2 in the
    order of `FASHION_CLASSES`, or the digit. `origin` says whether this is the set that the repository shows
    to everyone, or one that an instructor made.
    """

    images: Bytes
    labels: Bytes
    kind: Kind
    origin: Literal["published", "private"]


Origin: TypeAlias = Literal["published", "private", "none"]
"""Where the images come from that accuracy is measured on; none: there are no held-out images."""


def load_fashion() -> tuple[Split, Split]:
    """The fashion images: `(train_data, train_labels), (test_data, test_labels)`, all uint8.

    Shapes: 600 x 28 x 28 x 1, one-hot 600 x 3, 100 x 28 x 28 x 1, one-hot 100 x 3. Pixels are 0 to 255.

    Raises:
        DataError: the file is missing or damaged.
    """
    train_data, train_labels, test_data, test_labels = _load_shipped("fashion.npz")
    return (train_data, train_labels), (test_data, test_labels)


def load_mnist() -> tuple[Split, Split]:
    """The handwritten digits: `(x_train, y_train), (x_test, y_test)`, all uint8.

    Shapes: 60000 x 28 x 28, 60000, 10000 x 28 x 28, 10000. Pixels are 0 to 255, labels are digits.

    Raises:
        DataError: the file is missing or damaged.
    """
    x_train, y_train, x_test, y_test = _load_shipped("mnist.npz")
    return (x_train, y_train), (x_test, y_test)


def load_held_out(exercise: str) -> HeldOut | None:
    """The held-out set of an exercise such as `"03-dense-networks"`; None where there is none.

    It is looked for in the folder `$AUTOGRADER_HELD_OUT`, or, when that is not set, in the clone's
    `data/held_out`. A file there that we may not read counts as none: on a shared machine that is how an
    instructor keeps it from learners.

    Raises:
        DataError: `$AUTOGRADER_HELD_OUT` is not a folder, or has no file for an exercise that comes with held-out
            images, or the file cannot be used. A slip must not quietly
            turn into grading on images that everybody has.
    """
    chosen = os.environ.get("AUTOGRADER_HELD_OUT")
    folder = Path(chosen).expanduser() if chosen else _clone() / "held_out"
    if chosen and not folder.is_dir():
        raise DataError(
            say(
                "AUTOGRADER_HELD_OUT names {folder}, which is not a folder. This is the instructor's"
                " setting: correct it, or unset it to grade with the published images.",
                folder=folder,
            )
        )
    path = folder / f"{exercise}.npz"
    if chosen and not path.exists() and exercise in PUBLISHED_HELD_OUT:
        raise DataError(
            say(
                "AUTOGRADER_HELD_OUT names {folder}, which holds no {name}. This is the instructor's"
                " setting: put the file there, or unset it to grade with the published images.",
                folder=folder,
                name=path.name,
            )
        )
    return read_held_out(path) if os.access(path, os.F_OK if chosen else os.R_OK) else None


def origin_of(held_out: HeldOut | None) -> Origin:
    """What accuracy is measured on where these are the held-out images."""
    return "none" if held_out is None else held_out.origin


MEASURED_ON: dict[str, str] = {
    "private": _("held-out images of your own"),
    "published": _("the held-out images that the repository shows to everyone"),
    "none": _("the published test set, which students have"),
}
"""What accuracy is measured on, in words."""


def read_held_out(path: Path) -> HeldOut:
    """Read one held-out file and check that it can be graded with. A private one has no known digest.

    Raises:
        DataError: it cannot be read, or its content is not what grading needs.
    """
    raw = _read(path)
    arrays = _arrays(raw)
    flaw = _why_no_archive(raw) if arrays is None else _held_out_flaw(arrays)
    if arrays is None or flaw:
        raise DataError(
            say(
                "The held-out set {path} {flaw}. No student is at fault: the instructor should fetch it"
                " again, or make a new one with 'python data/build.py held-out'.",
                path=path,
                flaw=flaw,
            )
        )
    kind: Kind = "mnist" if arrays["kind"] == "mnist" else "fashion"
    published = hashlib.sha256(raw).hexdigest() == PUBLISHED_HELD_OUT.get(path.stem)
    return HeldOut(arrays["images"], arrays["labels"], kind, "published" if published else "private")


def _held_out_flaw(arrays: dict[str, Bytes]) -> str | None:
    """What is wrong with the arrays of a held-out file, as the rest of a sentence about the file."""
    missing = [key for key in ("images", "labels", "kind") if key not in arrays]
    if missing:
        return f"lacks {', '.join(missing)}"
    images, labels, kind = arrays["images"], arrays["labels"], str(arrays["kind"])
    if kind not in IMAGE_SHAPE:
        return say("says its kind is {kind!r}, not 'fashion' or 'mnist'", kind=kind)
    if images.dtype != np.uint8 or labels.dtype != np.uint8:
        return say(
            "holds {dtype} images and {label_dtype} labels, not uint8", dtype=images.dtype, label_dtype=labels.dtype
        )
    if images.shape[1:] != IMAGE_SHAPE[kind] or labels.shape != images.shape[:1] or not len(images):
        return say(
            "holds images of shape {shape} and labels of shape {label_shape}",
            shape=images.shape,
            label_shape=labels.shape,
        )
    if labels.max() >= CLASS_COUNT[kind]:
        return say(
            "holds label {max}, but {kind} has {classes} classes",
            max=labels.max(),
            kind=kind,
            classes=CLASS_COUNT[kind],
        )
    return None


def _clone() -> Path:
    """The `data` folder of a clone. It does not exist beside an installed package."""
    return Path(__file__).resolve().parent.parent / "data"


def _folders() -> list[Path]:
    """Where the kit's files may lie, the first choice first."""
    chosen = os.environ.get("AUTOGRADER_DATA")
    inside_wheel = Path(__file__).resolve().parent / "_data"
    return [*([Path(chosen).expanduser()] if chosen else []), _clone(), inside_wheel]


def find_file(name: str) -> Path | None:
    """Where a file that comes with the kit lies here, or None."""
    return next((path for folder in _folders() if (path := folder / name).exists()), None)


def keep_in_memory() -> None:
    """Read the kit's files once for this process and its forks, to which every later load is a copy in memory.

    Unpacking and checking MNIST takes 0.2 s, more than everything else in many a submission (measured). A file that
    cannot be read is left to whoever asks for it.
    """
    for name in SHIPPED.keys() - _kept.keys():
        with contextlib.suppress(DataError):
            _kept[name] = _load_shipped(name)


_kept: dict[str, list[Bytes]] = {}


def _load_shipped(name: str) -> list[Bytes]:
    """The arrays of a file that comes with the kit, in the order of its keys. They may be changed."""
    if name in _kept:
        return [array.copy() for array in _kept[name]]
    places = _folders()
    path = next((place / name for place in places if os.access(place / name, os.F_OK)), None)
    if path is None:
        raise DataError(
            say(
                "{name} was not found in {places}. Your work is not at fault: the installation is"
                " incomplete. Install it again, or set AUTOGRADER_DATA to the file's folder.",
                name=name,
                places=", ".join(map(str, places)),
            )
        )
    shipped = SHIPPED[name]
    raw = _read(path)
    arrays = _arrays(raw) if hashlib.sha256(raw).hexdigest() == shipped.sha256 else None
    if arrays is None:
        raise DataError(
            say(
                "{path} {flaw}. Your work is not at fault: fetch the file again, with 'git"
                " checkout -- data' in a clone, or by installing the package again.",
                path=path,
                flaw=_why_not_shipped(raw, shipped),
            )
        )
    return [arrays[key] for key in shipped.keys]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(
            say(
                "{path} cannot be read: {reason}. No student is at fault: check the file and its permissions.",
                path=path,
                reason=reason,
            )
        ) from error


def _arrays(raw: bytes) -> dict[str, Bytes] | None:
    """Every array of an npz file, or None when the bytes are no sound npz file."""
    if not raw.startswith(b"PK"):  # np.load would also accept other formats
        return None
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except Exception:  # damaged bytes lead NumPy to any error: of zip, zlib, its header's syntax, memory
        return None


def _why_no_archive(raw: bytes) -> str:
    """What is the matter with bytes that are no sound npz file, as the rest of a sentence about the file."""
    if not raw:
        return "is empty"
    if raw.startswith(b"version https://git-lfs"):
        return say("is a Git LFS pointer, not the data ('git lfs pull' brings it)")
    if raw.lstrip().startswith(b"<"):
        return say("is a web page, not the data (perhaps a login page, saved in its place)")
    if not raw.startswith(b"PK"):
        return say("is not an npz file")
    return say("is damaged or cut short")


def _why_not_shipped(raw: bytes, shipped: Shipped) -> str:
    """Why bytes are not the file that came with the kit, as the rest of a sentence about the file."""
    arrays = _arrays(raw)
    if arrays is not None and set(arrays) != set(shipped.keys):
        return say(
            "is another file: it holds {arrays}, not {keys}",
            arrays=", ".join(arrays) or "nothing",
            keys=", ".join(shipped.keys),
        )
    if arrays is not None:
        return say("holds data other than the file that came with the kit (its SHA-256 differs)")
    if raw.startswith(b"PK") and len(raw) < shipped.size:
        return say("is cut short: {count:,} of {size:,} bytes arrived", count=len(raw), size=shipped.size)
    return _why_no_archive(raw)
