"""The papers' experiments, one readable file each: `python -m experiments.NAME`."""

import os
from typing import Any


def load(folder: str | os.PathLike[str]) -> tuple[Any, Any]:
    """The trained model of a run, and its configuration.

        model, config = experiments.load("runs/imdb-lstm6-n100-eta0.001-seed3-9142d08c")
        probabilities = model.predict(reviews)

    The weights are those of the best epoch. A model whose size depends on its data (20
    Newsgroups, handwriting) needs the same data again.

    Args:
        folder: The folder of the run.

    Returns:
        The compiled Keras model, on the backend in use, and its complete configuration.

    Raises:
        UserError: The folder is not one of a run, or a file in it is damaged.
    """
    from experiments.core import trained  # which needs Keras

    return trained.load(folder)
