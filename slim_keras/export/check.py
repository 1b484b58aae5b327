"""Compares an exported file with its model."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from slim_keras.export.runtime import Runtime
from slim_keras.export.signature import (
    call,
    inputs_of,
    outputs_of,
    random_inputs,
    states_of,
)
from slim_keras.export.stream import Stream

# Two batch sizes and two lengths, where they are free; long enough for a few
# convolutions and poolings.
_SIZES = ((1, 40), (3, 57))
_STREAMED = 40  # steps


@dataclass(frozen=True)
class Exported:
    """A written file.

    Attributes:
        path: Where it lies.
        size: Its size in bytes; of a SavedModel, that of all its files; of a C header,
            that of its array.
        difference: The largest difference from the Keras model that the check found,
            absolute or, for outputs greater than one, relative to the greatest. Of a
            model of `streaming`, at every step of a stream that keeps its states.
        saved: How many bytes less than in float32, where the file is quantised.
        arena: With runtime="micro", the bytes of RAM that LiteRT Micro's interpreter
            takes. They are counted here, with pointers of 64 bits; a controller of 32
            bits takes less.
    """

    path: Path
    size: int
    difference: float
    saved: int | None = None
    arena: int | None = None

    def __str__(self):
        arena = "" if self.arena is None else f"arena of {self.arena:,} bytes, "
        text = (
            f"{self.path}: {self.size:,} bytes, {arena}within {self.difference:.1e} of "
            "the Keras model"
        )
        if self.saved is None:
            return text
        if self.saved > 0:
            return f"{text}, {self.saved:,} bytes less than in float32"
        return (
            f"{text}; quantisation saved nothing: in float32 the file has "
            f"{self.size + self.saved:,} bytes"
        )


def compare(
    model: keras.Model, file: Runtime, samples: Iterable[dict[str, np.ndarray]]
) -> float:
    """The largest difference between a file and its model, see `Exported`.

    Raises:
        ValueError: An output has another shape, or is not finite, or the file does not
            run.
    """
    largest = 0.0
    for arrays in samples:
        wanted = call(model, arrays)
        for name, y in wanted.items():
            if not np.isfinite(y).all():
                raise ValueError(
                    "The outputs of `model` must be finite. Received: NaN or infinity "
                    f"in the output {name!r}"
                )
        try:
            found = file.run(arrays)
        except Exception as error:  # each runtime has its own
            raise ValueError(f"The file does not run: {_line(error)}") from error
        if {k: y.shape for k, y in wanted.items()} != {
            k: y.shape for k, y in found.items()
        }:
            raise ValueError(
                f"The outputs of the file have shapes {_shapes(found)}, those of "
                f"`model` {_shapes(wanted)}. Keras' `TimeDistributed` is wrong where "
                "the length is free: fix it in `keras.Input`."
            )
        largest = max(largest, *(difference(found[k], wanted[k]) for k in wanted))
    return largest


def compare_streams(model: keras.Model, file: Runtime, sequences: np.ndarray) -> float:
    """The largest difference at any step of streams of a file and of its model."""
    wanted, found = (
        Stream(either, batch_size=len(sequences)).feed(sequences)
        for either in (model, file)
    )
    return difference(found, wanted)


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """max |found - wanted| / max(1, max |wanted|); infinite where either is not."""
    found, wanted = (np.asarray(y, "float64") for y in (found, wanted))
    apart = np.abs(found - wanted).max(initial=0)
    apart = apart / np.abs(wanted).max(initial=1)
    return float(apart) if np.isfinite(apart) else float("inf")


def check_difference(found: float, tolerance: float):
    """Refuses a file that differs too much, or by NaN."""
    if not found <= tolerance:
        raise ValueError(
            f"The file differs from `model` by {found:.2g}, more than "
            f"tolerance={tolerance:.2g}, and was not written. A recurrence can "
            "magnify rounding, most of all that of quantised weights; give "
            "`tolerance` if the difference is acceptable."
        )


def check_samples(model: keras.Model, batch_size: int | None) -> list[dict]:
    """Random inputs of two batch sizes and two lengths, where they are free."""
    rng = np.random.default_rng(0)
    return [
        random_inputs(model, batch_size or batch, steps, rng) for batch, steps in _SIZES
    ]


def check_sequences(model: keras.Model, batch_size: int | None) -> np.ndarray | None:
    """Random sequences for a streaming model; `None` for others."""
    names = [x.name for x in inputs_of(model)]
    if not states_of(names, outputs_of(model)):
        return None
    rng, batch = np.random.default_rng(1), batch_size or 3
    steps = [random_inputs(model, batch, 1, rng)["input"] for _ in range(_STREAMED)]
    return np.stack(steps, axis=1)


def _line(error):
    return " ".join(str(error).split())


def _shapes(arrays):
    return {name: y.shape for name, y in arrays.items()}
