"""IMDB from Keras' `imdb.npz` and its `imdb_word_index.json`.

The reviews lie in the file as pickled lists of word ranks, and a pickle can run code
when it is read. Here it is read by an unpickler that knows four names only and gives
a harmless stand-in for each: lists, numbers and nothing else can come out.
"""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from experiments.core.errors import UserError

INDEX = "imdb_word_index.json"


class _Array:
    """In place of a NumPy array of objects: keeps the list of its items."""

    items: Any = None

    def __setstate__(self, state: Any) -> None:
        self.items = state[-1]


class _Name:
    """In place of `numpy.ndarray` and `numpy.dtype`, of which only the name matters."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


def _reconstruct(*_: Any) -> _Array:
    return _Array()


_KNOWN = {
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.ndarray": _Name,
    "numpy.dtype": _Name,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _KNOWN[f"{module}.{name}"]


def read(path: Path) -> dict[str, list[tuple[str, int]]]:
    """Labelled texts of `train` and `test`, decoded by the word index."""
    words = _words(path.with_name(INDEX))
    try:
        with zipfile.ZipFile(path) as file:
            return {
                split: list(
                    zip(
                        _decode(_objects(file.read(f"x_{split}.npy")), words),
                        _labels(file.read(f"y_{split}.npy")),
                        strict=True,
                    )
                )
                for split in ("train", "test")
            }
    except Exception as error:  # noqa: BLE001 - a damaged pickle can raise anything
        raise UserError(
            f"{path} cannot be read as Keras' imdb.npz ({error}): download it again"
        ) from None


def _words(index: Path) -> dict[int, str]:
    try:
        ranks = json.loads(index.read_bytes())
        return {int(rank): str(word) for word, rank in ranks.items()}
    except FileNotFoundError:
        raise UserError(
            f"{index} is missing: imdb.npz holds numbers only, "
            "put Keras' imdb_word_index.json beside it"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{index} cannot be read as words and their ranks ({error}): "
            "download it again"
        ) from None


def _objects(content: bytes) -> list[list[int]]:
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("reviews in an unknown version of the format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if len(shape) != 1 or dtype != np.dtype(object):
        raise ValueError(f"reviews as {dtype} {shape}, not as a row of lists")
    array = _Unpickler(file).load()
    if len(array.items) != shape[0]:
        raise ValueError(f"{len(array.items)} reviews where it declares {shape[0]}")
    return array.items


def _decode(rows: list[list[int]], words: dict[int, str]) -> list[str]:
    try:
        return [" ".join([words[rank] for rank in row]) for row in rows]
    except KeyError as error:
        raise ValueError(f"{error} is not a rank in {INDEX}") from None


def _labels(content: bytes) -> list[int]:
    labels = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels as {labels.dtype} {labels.shape}")
    return labels.tolist()
