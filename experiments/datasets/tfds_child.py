"""Reads data with tensorflow-datasets: a script, run as a child.

tensorflow-datasets decodes with TensorFlow, which imports Keras and takes all memory
of a GPU. In the process that trains, the one would fix the backend and the other
would starve it.

    python tfds_child.py FOLDER FILE SPLIT ...

writes an .npz with two arrays for every feature of every split, `split:feature:values`,
the numbers or bytes of all examples one after the other, and `split:feature:lengths`,
how many each example has.
"""

import sys
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds


def read(folder: str, path: str, *splits: str) -> None:
    builder = tfds.builder_from_directory(folder)
    arrays: dict[str, Any] = {}
    for split in splits:
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        for feature in examples[0] if examples else ():
            flat = [_flat(example[feature]) for example in examples]
            arrays[f"{split}:{feature}:values"] = np.concatenate(flat)
            arrays[f"{split}:{feature}:lengths"] = np.array([len(one) for one in flat])
    np.savez(path, **arrays)


def _flat(value: Any) -> np.ndarray:
    if isinstance(value, bytes):
        return np.frombuffer(value, np.uint8)
    return np.ravel(value)


def _plain(error: Exception) -> str:
    """One line about an error, without TensorFlow's internals."""
    if isinstance(error, tf.errors.OpError):
        return "a file of records is missing, cut off or changed"
    return " ".join(str(error).split())[:300]


if __name__ == "__main__":
    try:
        read(*sys.argv[1:])
    except Exception as error:  # noqa: BLE001 - the parent reports whatever it was
        sys.exit(_plain(error))
