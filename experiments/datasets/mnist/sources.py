"""Where MNIST can lie in a folder, and how each kind is read."""

import itertools
from functools import partial
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk, tfds
from experiments.datasets.disk import Source

Arrays = dict[str, np.ndarray]  # x_train, y_train, x_test, y_test; all uint8

SIZES = {"train": 60_000, "test": 10_000}
SIDE = 28
CLASSES = 10
NPZ = "mnist.npz"

_IDX = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_MAGIC = b"\0\0\x08"  # bytes; their rank follows


def find(folder: Path) -> Source[Arrays] | None:
    """The first source in a folder or its sub-folders `mnist` and `tfds`.

    In this order: the four idx files, plain or `.gz`; Keras' `mnist.npz`; prepared by
    tensorflow-datasets.
    """
    prepared = partial(
        tfds.source, name="mnist/3.0.1", splits=tuple(SIZES), convert=_converted
    )
    places = (folder, folder / "mnist", folder / "tfds")
    found = disk.first((_idx, _npz, prepared), places)
    return found and found.checked(_checked)


def _converted(splits: dict[str, tfds.Split]) -> Arrays:
    arrays = {}
    for name, split in splits.items():
        arrays[f"x_{name}"] = np.reshape(split["image"], (-1, SIDE, SIDE))
        arrays[f"y_{name}"] = np.concatenate(split["label"])
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

    return Source(place, "idx files", list(files.values()), read)


def _npz(place: Path) -> Source[Arrays] | None:
    path = place / NPZ
    if not path.is_file():
        return None
    return Source(path, f"Keras {NPZ}", [path], lambda: _read_npz(path))


def _read_idx(path: Path) -> np.ndarray:
    """One array: a magic number, which says type and rank, the shape, the bytes."""
    try:
        with disk.opened(path) as file:
            content = file.read()
    except disk.DAMAGE as error:
        raise UserError(f"{path} cannot be read ({error}): download it again") from None
    rank = content[3] if content[:3] == _MAGIC and len(content) > 3 else None
    start = 4 * (1 + (rank or 0))
    if rank is None or len(content) < start:
        raise UserError(f"{path} is not an idx file of bytes: download it again")
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if len(content) - start != np.prod(shape, dtype=object):
        raise UserError(
            f"{path} declares {shape} bytes and holds {len(content) - start:,}: get "
            "it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_npz(path: Path) -> Arrays:
    try:
        # Opened here: np.load leaves open what it cannot read.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in _IDX}
    except (*disk.DAMAGE, ValueError, KeyError) as error:
        raise UserError(
            f"{path} cannot be read as {NPZ} ({error}): download it again"
        ) from None


def _checked(path: Path, arrays: Arrays) -> Arrays:
    for part, (split, size) in itertools.product("xy", SIZES.items()):
        name, shape = f"{part}_{split}", (size, SIDE, SIDE) if part == "x" else (size,)
        array, limit = arrays[name], 256 if part == "x" else CLASSES
        if array.shape != shape or array.dtype.kind not in "iu":
            raise UserError(
                f"{path} holds {name} as {array.dtype} {array.shape} where MNIST has "
                f"bytes {shape}: download the data again"
            )
        if array.min() < 0 or array.max() >= limit:
            raise UserError(
                f"{path} holds {name} with values from {array.min()} to {array.max()} "
                f"where MNIST has 0 to {limit - 1}: download the data again"
            )
    return {name: array.astype(np.uint8) for name, array in arrays.items()}
