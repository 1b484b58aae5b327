"""The papers' experiments, one readable file each: `python -m experiments.NAME`."""

import os
import sys
from importlib.util import find_spec
from typing import Any

# Python looks for `-m experiments.NAME`, which needs more packages than the layers do.
_NEEDED = ("click", "filelock", "h5py", "pandas", "platformdirs", "pooch", "rich")
if sys.argv[:1] == ["-m"] and (_missing := [n for n in _NEEDED if not find_spec(n)]):
    print(
        f"error: not installed: {', '.join(_missing)}; run in the checkout: "
        'pip install -c constraints.txt -e ".[experiments]"',
        file=sys.stderr,
    )
    sys.exit(2)


def load(folder: str | os.PathLike[str]) -> tuple[Any, Any]:
    """The trained model of a run, and its configuration.

        model, config = experiments.load("runs/imdb-lstm6-n100-eta0.001-seed3-9142d08c")
        probabilities = model.predict(reviews)

    It has the weights of the best epoch. If the size of a model depends on its data (20
    Newsgroups, handwriting), the same data are needed again.

    Args:
        folder: The folder of the run.

    Returns:
        The compiled Keras model, on the backend in use, and its complete configuration.

    Raises:
        UserError: The folder has no trained run, or a file in it is damaged.
    """
    from experiments.core import trained  # which needs Keras

    return trained.load(folder)
