"""IMDB from Keras' `imdb.npz` and its `imdb_word_index.json`.

The reviews lie in the file as pickled lists of word ranks. A pickle can run code when
it is read, so only the published file is.
"""

import io
import json
import warnings
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
FILE, INDEX = "imdb.npz", "imdb_word_index.json"
SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"


def read(path: Path) -> dict[str, list[tuple[str, int]]]:
    """Labelled texts of `train` and `test`, decoded by the word index."""
    content = disk.published(path, SHA256, URL + FILE)
    index = path.with_name(INDEX)
    if not index.exists():
        raise UserError(
            f"{index} is missing: {FILE} holds numbers only, put {URL}{INDEX} beside it"
        )
    with (
        warnings.catch_warnings(action="ignore"),  # NumPy's, of so old a pickle
        np.load(io.BytesIO(content), allow_pickle=True) as file,
    ):
        arrays = dict(file)
    try:
        words = {rank: word for word, rank in json.loads(index.read_bytes()).items()}
        texts = {
            split: [" ".join([words[n] for n in row]) for row in arrays[f"x_{split}"]]
            for split in ("train", "test")
        }
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(
            f"{index} does not hold the words of {FILE} and their ranks ({error}): get "
            f"{URL}{INDEX}"
        ) from None
    return {
        split: list(zip(own, arrays[f"y_{split}"].tolist(), strict=True))
        for split, own in texts.items()
    }
