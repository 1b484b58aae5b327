"""Reads data with tensorflow-datasets: a script, run as a child.

tensorflow-datasets decodes with TensorFlow, which imports Keras and takes all memory
of a GPU. In the process that trains, the one would fix the backend and the other
would starve it.

    python tfds_child.py FOLDER FILE SPLIT ...

writes a pickle with the examples of every split, as `tfds.as_numpy` gives them.
"""

import pickle
import sys

import tensorflow as tf
import tensorflow_datasets as tfds


def read(folder: str, path: str, *splits: str) -> None:
    builder = tfds.builder_from_directory(folder)
    examples = {
        split: list(tfds.as_numpy(builder.as_dataset(split=split))) for split in splits
    }
    with open(path, "wb") as file:
        pickle.dump(examples, file)


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
