"""MNIST as sequences of 784 pixels: 60,000 digits to train on and 10,000 to test.

The pixels stay bytes, row by row from the top left. With `permuted` all images have
them in one other order, which a fixed seed draws. The authors' code drew a new order
for every run, so permuted results compare with theirs up to that. The images come in
the order of their source, which tensorflow-datasets has mixed.
"""

import numpy as np

from experiments.datasets import Dataset
from experiments.datasets.choose import Declared, Folder, choose
from experiments.datasets.mnist import sample, sources

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
STEPS = sources.SIDE**2
CLASSES = sources.CLASSES
PERMUTATION_SEED = 0

DIGITS = Declared(
    name="mnist",
    title="MNIST",
    find=sources.find,
    holds=f"the four idx files, with mnist.npz ({URL}), or with mnist as "
    "tensorflow-datasets prepares it",
    downloads={URL: "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"},
    examples="digits",
    sample=sample.generate,
)


def load(
    data: str = "auto",
    data_dir: Folder = None,
    permuted: bool = False,
) -> Dataset:
    """MNIST, or the synthetic sample, as rows of 784 bytes.

    Args:
        data: `"mnist"`, `"sample"` or `"auto"`; see `choose`.
        data_dir: Folder with the digits; see `choose` and `sources.find`.
        permuted: Whether the pixels come in the fixed random order.
    """
    name, source = choose(data, [DIGITS], data_dir)
    arrays = source.read()
    order = permutation() if permuted else slice(None)
    x_train, x_test = (
        arrays[part].reshape(-1, STEPS)[:, order] for part in ("x_train", "x_test")
    )
    y_train, y_test = (arrays[part].astype(np.int32) for part in ("y_train", "y_test"))
    return Dataset(name, x_train, y_train, x_test, y_test, origin=source.origin)


def permutation() -> np.ndarray:
    """Where each step of a permuted sequence looks."""
    # The old generator, whose numbers never change.
    return np.random.RandomState(PERMUTATION_SEED).permutation(STEPS)
