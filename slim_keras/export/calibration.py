"""Representative data: what is refused, and the inputs that it gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from slim_keras.export.signature import inputs_of, outputs_of, states_of
from slim_keras.export.stream import Stream


@dataclass(frozen=True)
class Calibration:
    """Inputs from which the ranges of activations are found.

    Attributes:
        samples: Inputs of one call each, by name.
        sequences: Of a streaming model, the sequences that gave them; else `None`.
    """

    samples: list[dict[str, np.ndarray]]
    sequences: np.ndarray | None = None


def calibration(
    model: keras.Model, data: Any, batch_size: int | None = None
) -> Calibration:
    """What representative data gives; of a streaming model, at all its steps.

    Raises:
        ValueError: The data does not fit the inputs, or no range can be found from it.
    """
    inputs = inputs_of(model)
    batch = batch_size or inputs[0].shape[0] or 1
    if not states_of([x.name for x in inputs], outputs_of(model)):
        arrays = _arrays(inputs, data)
        return Calibration(list(_batches(arrays, batch)))
    [port] = [x for x in inputs if x.name == "input"]
    xs = _checked(port, data, ("sequences", "steps", *port.shape[1:]))
    stream = Stream(model, batch_size=len(xs))
    samples: list[dict[str, np.ndarray]] = []
    for x in np.moveaxis(xs, 1, 0):
        samples += _batches(stream.fed(x), batch)
        stream.step(x)
    return Calibration(samples, xs)


def _arrays(inputs, data):
    if len(inputs) == 1 and not isinstance(data, dict):
        data = [data]
    elif isinstance(data, dict):
        data = [data.get(port.name) for port in inputs]
    elif not isinstance(data, list | tuple) or len(data) != len(inputs):
        raise ValueError(
            "`representative_data` must be a list of "
            f"{len(inputs)} arrays, one per input, or a dict of them. Received: "
            f"representative_data of type {type(data).__name__}"
        )
    arrays = {
        port.name: _checked(port, x, ("samples", *port.shape[1:]))
        for port, x in zip(inputs, data, strict=True)
    }
    if len({len(x) for x in arrays.values()}) > 1:
        found = {name: len(x) for name, x in arrays.items()}
        raise ValueError(
            "`representative_data` must hold as many samples for each input. "
            f"Received: {found}"
        )
    return arrays


def _checked(port, data, wanted):
    """The data of an input as an array."""
    try:
        x = np.asarray(data).astype(port.dtype)
    except (TypeError, ValueError):
        x = None
    free = [None if isinstance(n, str) else n for n in wanted]
    if (
        x is None
        or x.ndim != len(free)
        or any(n not in (None, m) for n, m in zip(free, x.shape, strict=True))
    ):
        shape = "of type " + type(data).__name__ if x is None else f"of shape {x.shape}"
        shown = ", ".join("free" if n is None else str(n) for n in wanted)
        raise ValueError(
            f"`representative_data` must hold for {port.name!r} an array of numbers "
            f"({shown}). Received: data {shape}"
        )
    if not x.size:
        raise ValueError(
            "`representative_data` must hold samples, 100 or more. Received: data of "
            f"shape {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError(
            "`representative_data` must hold finite numbers. Received: NaN or infinity "
            f"for the input {port.name!r}"
        )
    if "float" in port.dtype and not x.any():
        raise ValueError(
            "`representative_data` must hold typical numbers. Received: zeros alone "
            f"for the input {port.name!r}"
        )
    return x


def _batches(arrays: dict, batch: int) -> Iterator[dict]:
    """Every example once, each with those that follow it, up to a batch."""
    count = len(next(iter(arrays.values())))
    for i in range(0, count, batch):
        rows = np.arange(i, i + batch) % count
        yield {name: x[rows] for name, x in arrays.items()}
