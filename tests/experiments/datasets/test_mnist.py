"""MNIST in every form that the loader reads, its damage, and the synthetic digits."""

import gzip
import struct

import numpy as np
import pytest

from experiments.datasets import checksum, mnist
from experiments.datasets.mnist import sources

from . import support
from .support import DATA, real_data

FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
SIZES = {"train": 12, "test": 7}


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    if not request.node.get_closest_marker("real_data"):
        monkeypatch.setattr(sources, "SHA256", checksum(*digits().values()))


def digits():
    rng = np.random.default_rng(0)
    arrays = {}
    for split, size in SIZES.items():
        arrays[f"x_{split}"] = rng.integers(0, 256, (size, 28, 28), dtype="uint8")
        arrays[f"y_{split}"] = rng.integers(0, 10, size, dtype="uint8")
    return arrays


def idx(array):
    """As <http://yann.lecun.com/exdb/mnist/> describes it."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_plain(place, suffix="", pack=bytes):
    place.mkdir(parents=True, exist_ok=True)
    for name, array in digits().items():
        (place / f"{FILES[name]}{suffix}").write_bytes(pack(idx(array)))


def write_gz(place):
    write_plain(place, ".gz", gzip.compress)


def write_npz(place, changes=None):
    place.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(place / "mnist.npz", **digits() | (changes or {}))


def prepared():
    """What tensorflow-datasets prepares for these tests."""
    arrays = digits()
    splits = {
        split: [
            {"image": image[..., None], "label": int(label)}
            for image, label in zip(
                arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True
            )
        ]
        for split in SIZES
    }
    return ["mnist", None, "3.0.1", splits]


def load(place):
    return mnist.load("mnist", place)


def refused(place, match):
    support.refused(mnist.load, "mnist", place, match)


def assert_is_ours(data):
    assert data.name == "mnist"
    for name, array in digits().items():
        found = getattr(data, name)
        assert found.dtype == (np.uint8 if name[0] == "x" else np.int32)
        np.testing.assert_array_equal(found, array.reshape(len(array), -1).squeeze())


@pytest.mark.parametrize("below", ["", "mnist"])
@pytest.mark.parametrize("write", [write_plain, write_gz, write_npz])
def test_every_form_gives_the_same_arrays(write, below, tmp_path):
    write(tmp_path / below)
    assert_is_ours(load(tmp_path))


def test_prepared_by_tensorflow_datasets(tmp_path, prepare, without_child):
    prepare("mnist/3.0.1", tmp_path / "tfds")
    found, own = load(tmp_path), digits()
    for split in SIZES:  # it mixes what it writes
        pairs, expected = (
            sorted(
                (image.tobytes(), int(label)) for image, label in zip(x, y, strict=True)
            )
            for x, y in (
                (getattr(found, f"x_{split}"), getattr(found, f"y_{split}")),
                (own[f"x_{split}"], own[f"y_{split}"]),
            )
        )
        assert pairs == expected


def test_permuted_pixels_are_the_same_pixels_elsewhere(tmp_path):
    write_gz(tmp_path)
    plain = load(tmp_path)
    permuted = mnist.load("mnist", tmp_path, permuted=True)
    order = mnist.permutation()
    assert sorted(order) == list(range(784))
    for part in ("x_train", "x_test"):
        images = getattr(plain, part)
        assert not np.array_equal(getattr(permuted, part), images)
        np.testing.assert_array_equal(getattr(permuted, part), images[:, order])
    np.testing.assert_array_equal(permuted.y_train, plain.y_train)
    assert permuted.checksum != plain.checksum
    # The same in every run and everywhere.
    assert order[:6].tolist() == [693, 85, 647, 392, 765, 14]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, tmp_path):
    write_gz(tmp_path)
    (tmp_path / f"{FILES[name]}.gz").unlink()
    refused(tmp_path, f"has no {FILES[name]}, plain or .gz")


DIGITS = digits()["x_train"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (gzip.compress(idx(DIGITS))[:-3], r"read as MNIST \(train-images.*gz: Compr"),
        (gzip.compress(idx(DIGITS)[:-1]), r"read as MNIST \(train-images.*gz: cannot"),
        (gzip.compress(b"\0\0\x08"), "cannot be read as MNIST"),
        (gzip.compress(idx(DIGITS[:-1])), "holds other digits than MNIST"),
        (gzip.compress(idx(DIGITS ^ 1)), "holds other digits than MNIST"),
    ],
    ids=["cut", "byte", "header", "fewer", "other"],
)
def test_a_damaged_idx_file(content, match, tmp_path):
    write_gz(tmp_path)
    (tmp_path / f"{FILES['x_train']}.gz").write_bytes(content)
    refused(tmp_path, match)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x_test": digits()["x_test"] / 255}, "holds other digits than MNIST"),
        ({"y_test": digits()["y_test"] + 1}, "holds other digits than MNIST"),
        ({"y_test": np.array([{}])}, "cannot be read as MNIST"),  # would be a pickle
    ],
    ids=["floats", "labels", "pickle"],
)
def test_an_npz_of_other_arrays(changes, match, tmp_path):
    write_npz(tmp_path, changes)
    refused(tmp_path, match)


def test_a_damaged_npz(tmp_path):
    write_npz(tmp_path)
    path = tmp_path / "mnist.npz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = (b"", b"page", whole[:-100], whole[:middle] + b"\0\1" + whole[middle:])
    for content in damaged:
        path.write_bytes(content)
        refused(tmp_path, "cannot be read as MNIST")
    np.savez(path, x_train=np.zeros(3))
    refused(tmp_path, "cannot be read as MNIST .*y_train")


def test_the_sample_is_the_same_everywhere_and_can_be_told_apart():
    sample = mnist.load("sample")
    assert sample.checksum == (
        "a6b4d3189d58153a1cd6943c4a421e94fae4ee9e73f68ef336536d65ffbdd24b"
    )
    assert (sample.x_train.shape, sample.x_test.shape) == ((2000, 784), (500, 784))
    assert np.bincount(sample.y_train).tolist() == [200] * 10
    assert np.bincount(sample.y_test).tolist() == [50] * 10
    assert not {row.tobytes() for row in sample.x_train} & {
        row.tobytes() for row in sample.x_test
    }
    # Least squares on the pixels; with the labels mixed it learns nothing.
    x, x_test = sample.x_train / 255 - 0.5, sample.x_test / 255 - 0.5
    gram = x.T @ x + 10 * np.eye(784)

    def accuracy(labels):
        weights = np.linalg.solve(gram, x.T @ np.eye(10)[labels])
        return np.mean((x_test @ weights).argmax(1) == sample.y_test)

    assert accuracy(sample.y_train) > 0.95
    assert accuracy(np.roll(sample.y_train, 7)) < 0.3


class TestReal:
    pytestmark = real_data("mnist/t10k-images*")

    def test_the_real_digits(self):
        data = load(DATA)
        assert (data.x_train.shape, data.x_test.shape) == ((60_000, 784), (10_000, 784))
        # The mean and the deviation that everybody knows.
        assert data.x_train.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
        assert data.x_train.std() / 255 == pytest.approx(0.3081, abs=1e-4)
        assert np.bincount(data.y_test).tolist() == [
            980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
        ]  # fmt: skip
        assert data.checksum == (
            "b255555ece0209e6128ab189e039cf3d753c906914d819162b792bf0694f5f86"
        )
