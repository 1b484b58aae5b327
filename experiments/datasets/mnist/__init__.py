"""MNIST as sequences of 784 pixels: 60,000 digits to train on and 10,000 to test.

The pixels stay bytes, row by row from the top left; with `permuted` all images have
them in one and the same other order, drawn with a fixed seed. The authors' code drew a
new order for every run, so permuted results compare with theirs up to that. The images
come in the order of their source, which tensorflow-datasets has mixed.
"""

import os

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import Dataset, disk, network, notice, tfds
from experiments.datasets.mnist import sample, sources

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
STEPS = sources.SIDE**2
CLASSES = sources.CLASSES
PERMUTATION_SEED = 0

_WAYS = (
    "let it be downloaded (a network, no --data-dir), or name by --data-dir or "
    f"SLIM_KERAS_DATA a folder with the four idx files or with mnist.npz ({URL})"
)


def load(
    data: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    permuted: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """MNIST, or the synthetic sample, as rows of 784 bytes.

    A named folder is searched and nothing else; without one, the folder of
    tensorflow-datasets and the cache are, and `mnist.npz` is downloaded if there is
    nothing.

    Args:
        data: `"mnist"` for the real digits, `"sample"` for synthetic ones, `"auto"` for
            the real ones where they can be had, else the sample and a notice.
        data_dir: Folder with the digits; default is the environment variable
            SLIM_KERAS_DATA. What it may hold: see `sources.find`.
        permuted: Whether the pixels come in the fixed random order.
        cache_dir: Where a download is kept; default is the user's cache folder.

    Returns:
        The data set; its name says which of the two it is.

    Raises:
        UserError: No real data for `"mnist"`; damaged data or a missing folder for
            `"mnist"` and `"auto"`; an unknown `data`.
    """
    if data not in ("auto", "mnist", "sample"):
        raise UserError(f"data is {data!r}: it must be auto, mnist or sample")
    if data == "sample":
        return _sample(permuted)
    try:
        source = _find(data_dir, cache_dir)
    except disk.NotFoundError as error:
        if data == "mnist":
            raise UserError(f"no MNIST: {error}; {_WAYS}") from None
        notice.no_real_data("digits", str(error), _WAYS)
        return _sample(permuted)
    return _dataset("mnist", source.read(), source.origin, permuted)


def permutation() -> np.ndarray:
    """Where each step of a permuted sequence looks."""
    # The old generator, whose numbers never change.
    return np.random.RandomState(PERMUTATION_SEED).permutation(STEPS)


def _find(
    data_dir: str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> disk.Source[sources.Arrays]:
    if disk.named_folder(data_dir) is None:
        source = sources.prepared(tfds.default_folder())
        if source:
            return source
    return network.find(sources.find, data_dir, cache_dir, URL)


def _sample(permuted: bool) -> Dataset:
    origin = "synthetic digits, sample.py"
    return _dataset("sample", sample.generate(), origin, permuted)


def _dataset(name: str, arrays: sources.Arrays, origin: str, permuted: bool) -> Dataset:
    order = permutation() if permuted else slice(None)

    def rows(key: str) -> np.ndarray:
        return arrays[key].reshape(-1, STEPS)[:, order]

    def labels(key: str) -> np.ndarray:
        return arrays[key].astype(np.int32)

    return Dataset(
        name,
        rows("x_train"),
        labels("y_train"),
        rows("x_test"),
        labels("y_test"),
        origin=origin,
    )
