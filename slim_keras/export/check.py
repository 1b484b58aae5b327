"""Whether a file says what the model says."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from slim_keras.export.runtime import open_runtime
from slim_keras.export.signature import predict, random_inputs

# Two batch sizes and two lengths, where they are free; long enough for a few
# convolutions and poolings.
_SIZES = ((1, 40), (3, 57))


@dataclass(frozen=True)
class Exported:
    """A written file.

    Attributes:
        path: Where it lies.
        size: Its size in bytes; of a SavedModel, that of all its files.
        difference: The largest difference from the Keras model that the check found,
            absolute or, for outputs greater than one, relative to the greatest.
    """

    path: Path
    size: int
    difference: float

    def __str__(self):
        return (
            f"{self.path}: {self.size:,} bytes, within {self.difference:.1e} of the "
            "Keras model"
        )


def compare(
    model: keras.Model, path: Path, samples: Iterable[dict[str, np.ndarray]]
) -> float:
    """The largest difference between a file and its model, see `Exported`.

    Raises:
        ValueError: An output has another shape, or is not finite where it should be.
    """
    run = open_runtime(path).run
    largest = 0.0
    for arrays in samples:
        wanted, found = predict(model, arrays), run(arrays)
        if {k: y.shape for k, y in wanted.items()} != {
            k: y.shape for k, y in found.items()
        }:
            raise ValueError(
                f"The outputs of the file have shapes {_shapes(found)}, those of "
                f"`model` {_shapes(wanted)}."
            )
        largest = max(largest, *(difference(found[k], wanted[k]) for k in wanted))
    return largest


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """max |found - wanted| / max(1, max |wanted|); infinite where either is not."""
    found, wanted = (np.asarray(y, "float64") for y in (found, wanted))
    apart = np.abs(found - wanted).max(initial=0)
    apart = apart / np.abs(wanted).max(initial=1)
    return float(apart) if np.isfinite(apart) else float("inf")


def check_samples(model: keras.Model, batch_size: int | None) -> list[dict]:
    """Random inputs of two batch sizes and two lengths, where they are free."""
    rng = np.random.default_rng(0)
    return [
        random_inputs(model, batch_size or batch, steps, rng) for batch, steps in _SIZES
    ]


def _shapes(arrays):
    return {name: y.shape for name, y in arrays.items()}
