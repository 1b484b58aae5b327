"""Where MNIST can lie in a folder, and how each kind is read."""

import gzip
import tempfile
import zipfile
import zlib
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
_PREPARED = Path("mnist", "3.0.1")
_MAGIC = b"\0\0\x08"  # bytes; their rank follows


def find(folder: Path) -> Source[Arrays] | None:
    """The first source in a folder or its sub-folders `mnist` and `tfds`.

    In this order: the four idx files, plain or `.gz`; Keras' `mnist.npz`; prepared by
    tensorflow-datasets.
    """
    places = (folder, folder / "mnist", folder / "tfds")
    return disk.first((_idx, _npz, prepared), places)


def prepared(place: Path) -> Source[Arrays] | None:
    """`mnist` as tensorflow-datasets has prepared it under `place`."""
    path = place / _PREPARED
    if not path.is_dir():
        return None
    origin = f"tensorflow-datasets {_PREPARED.as_posix()}"
    return Source(
        path, origin, disk.visible(path), lambda: _checked(path, _read_prepared(path))
    )


def _idx(place: Path) -> Source[Arrays] | None:
    found, missing = {}, []
    for name, file in _IDX.items():
        path = next(filter(Path.is_file, (place / file, place / f"{file}.gz")), None)
        if path is None:
            missing.append(file)
        else:
            found[name] = path
    if not found:
        return None
    if missing:
        raise UserError(
            f"{place} has no {missing[0]}, plain or .gz: get the data again"
        )

    def read() -> Arrays:
        return _checked(place, {name: _read_idx(path) for name, path in found.items()})

    return Source(place, "idx files", list(found.values()), read)


def _npz(place: Path) -> Source[Arrays] | None:
    path = place / NPZ
    if not path.is_file():
        return None
    return Source(path, f"Keras {NPZ}", [path], lambda: _checked(path, _read_npz(path)))


def _read_idx(path: Path) -> np.ndarray:
    """One array: a magic number, which says type and rank, the shape, the bytes."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): get it again") from None
    rank = content[3] if content[:3] == _MAGIC and len(content) > 3 else None
    start = 4 * (1 + (rank or 0))
    if rank is None or len(content) < start:
        raise UserError(f"{path} is no idx file of bytes: get it again")
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if len(content) - start != np.prod(shape, dtype=object):
        raise UserError(
            f"{path} announces {shape} bytes and holds {len(content) - start:,}: get "
            "it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_npz(path: Path) -> Arrays:
    try:
        # Opened here: np.load leaves open what it cannot read.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in _IDX}
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        zipfile.error,
        zlib.error,
    ) as error:
        raise UserError(
            f"{path} cannot be read as {NPZ} ({error}): get it again"
        ) from None


def _read_prepared(folder: Path) -> Arrays:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, NPZ)
        child = tfds.run("images", folder, path, capture=True)
        if child.returncode:
            raise UserError(
                f"{folder} cannot be read as a prepared mnist ({tfds.reason(child)}): "
                "prepare it again with tensorflow-datasets"
            )
        return _read_npz(path)


def _checked(path: Path, arrays: Arrays) -> Arrays:
    for split, size in SIZES.items():
        for name, shape in (
            (f"x_{split}", (size, SIDE, SIDE)),
            (f"y_{split}", (size,)),
        ):
            array = arrays[name]
            if array.shape != shape or array.dtype.kind not in "iu":
                raise UserError(
                    f"{path} holds {name} as {array.dtype} {array.shape} where MNIST "
                    f"has bytes {shape}: get the data again"
                )
            limit = CLASSES if name[0] == "y" else 256
            if array.min() < 0 or array.max() >= limit:
                raise UserError(
                    f"{path} holds {name} with values from {array.min()} to "
                    f"{array.max()} where MNIST has 0 to {limit - 1}: get the data "
                    "again"
                )
    return {name: array.astype(np.uint8) for name, array in arrays.items()}
