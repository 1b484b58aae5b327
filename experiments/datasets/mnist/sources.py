"""Where MNIST can lie in a folder, and how each kind is read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import checksum, disk, tfds
from experiments.datasets.disk import Source

Arrays = dict[str, np.ndarray]  # x_train, y_train, x_test, y_test; all uint8

SIDE = 28
CLASSES = 10
NPZ = "mnist.npz"
# Of the published arrays, see `checksum`.
SHA256 = "52cd6c10ae77107af32269dd9d10ca19c1b749e83235a0c75e2f0729ebeaf141"

_IDX = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def find(folder: Path) -> Source[Arrays] | None:
    """The first source in a folder or its sub-folders `mnist` and `tfds`.

    In this order: the four idx files, plain or `.gz`; Keras' `mnist.npz`; prepared by
    tensorflow-datasets.
    """
    prepared = partial(
        tfds.source, name="mnist/3.0.1", splits=("train", "test"), convert=_converted
    )
    places = (folder, folder / "mnist", folder / "tfds")
    return disk.first((_idx, _npz, prepared), places)


def _converted(splits: dict[str, tfds.Split]) -> Arrays:
    arrays = {}
    for name, split in splits.items():
        arrays[f"x_{name}"] = np.stack([one["image"][..., 0] for one in split])
        arrays[f"y_{name}"] = np.array([one["label"] for one in split])
    return arrays


def _idx(place: Path) -> Source[Arrays] | None:
    found = {
        name: disk.existing([place], [file, f"{file}.gz"])
        for name, file in _IDX.items()
    }
    files = {name: path for name, path in found.items() if path}
    if not files:
        return None
    for name in _IDX.keys() - files.keys():
        raise UserError(
            f"{place} has no {_IDX[name]}, plain or .gz: download the data again"
        )

    def read() -> Arrays:
        return {name: _read_idx(path) for name, path in files.items()}

    return Source(
        place, "idx files", list(files.values()), partial(_whole, place, read)
    )


def _npz(place: Path) -> Source[Arrays] | None:
    path = place / NPZ
    if not path.is_file():
        return None

    def read() -> Arrays:
        # Opened here: np.load leaves open what it cannot read.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in _IDX}

    return Source(path, f"Keras {NPZ}", [path], partial(_whole, path, read))


def _read_idx(path: Path) -> np.ndarray:
    """One array: behind a magic number and the shape its bytes."""
    images = "images" in path.name
    try:
        with disk.opened(path) as file:
            array = np.frombuffer(file.read(), np.uint8, offset=16 if images else 8)
        return array.reshape(-1, SIDE, SIDE) if images else array
    except (*disk.DAMAGE, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def _whole(place: Path, read: Callable[[], Arrays]) -> Arrays:
    """The arrays; raises UserError if they are not the published ones."""
    try:
        arrays = read()
    except (*disk.DAMAGE, ValueError, KeyError) as error:
        raise UserError(
            f"{place} cannot be read as MNIST ({error}): download it again"
        ) from None
    if checksum(*(arrays[name] for name in _IDX)) != SHA256:
        raise UserError(f"{place} holds other digits than MNIST: download it again")
    return arrays
