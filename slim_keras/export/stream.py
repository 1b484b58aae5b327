"""Live input, step by step."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from slim_keras.export.runtime import Runtime, open_runtime
from slim_keras.export.signature import NEXT, states_of


class Stream:
    """Feeds a streaming model with live input and keeps its states.

    Args:
        model: What `streaming` made, or the path of its LiteRT file, its ONNX file or
            its SavedModel.
        batch_size: How many sequences are fed side by side. Default: 1.

    Attributes:
        states: The states by name, arrays `(batch_size, units)`.

    Raises:
        ValueError: `model` has no states, or another batch size.

    Example:

    ```python
    stream = Stream("model.tflite")
    for x in microphone:  # arrays (1, features)
        y = stream.step(x)
    stream.save("paused.npz")
    ```
    """

    def __init__(self, model: keras.Model | str | Path | Runtime, batch_size: int = 1):
        runtime = open_runtime(model)
        inputs = {x.name: x for x in runtime.inputs}
        names = states_of(inputs, runtime.outputs)
        rest = [name for name in inputs if name not in names]
        if not names or rest != ["input"]:
            raise ValueError(
                "`model` must be a model of `slim_keras.export.streaming` or its file. "
                f"Received inputs {list(inputs)} and outputs {runtime.outputs}"
            )
        for x in inputs.values():
            if x.shape[0] not in (None, batch_size):
                raise ValueError(
                    f"The model has batch size {x.shape[0]}. Received: "
                    f"batch_size={batch_size}"
                )
        self._run = runtime.run
        self._input = inputs["input"]
        shapes: dict[str, Any] = {
            name: (batch_size, *x.shape[1:]) for name, x in inputs.items()
        }
        self._shape = shapes["input"]
        self._zeros: dict[str, Any] = {
            name: np.zeros(shapes[name], inputs[name].dtype) for name in names
        }
        self.reset()

    def reset(self):
        """Starts new sequences: sets the states to zero."""
        self.states: dict[str, Any] = dict(self._zeros)

    def step(self, x) -> np.ndarray:
        """Feeds one step.

        Args:
            x: `(batch_size, features)`; of words `(batch_size,)`.

        Returns:
            The output at this step.

        Raises:
            ValueError: `x` has another shape.
        """
        outputs = self._run(self.fed(x))
        self.states = {name: outputs[NEXT + name] for name in self.states}
        return outputs["output"]

    def feed(self, xs) -> np.ndarray:
        """Feeds a chunk of steps.

        Args:
            xs: `(batch_size, steps, features)`; of words `(batch_size, steps)`.

        Returns:
            The outputs of all steps, `(batch_size, steps, ...)`.

        Raises:
            ValueError: `xs` has another shape or no step.
        """
        xs = np.asarray(xs)
        if xs.ndim != len(self._shape) + 1 or not xs.shape[1]:
            wanted = (self._shape[0], "steps", *self._shape[1:])
            raise ValueError(
                f"A chunk must have shape {wanted} with at least one step. Received: "
                f"{xs.shape}"
            )
        return np.stack([self.step(x) for x in np.moveaxis(xs, 1, 0)], axis=1)

    def fed(self, x) -> dict[str, np.ndarray]:
        """What the model is given at a step: `x` and the states, by name."""
        x = np.asarray(x, self._input.dtype)
        if x.shape != self._shape:
            raise ValueError(
                f"A step must have shape {self._shape}. Received: {x.shape}"
            )
        return {"input": x} | self.states

    def save(self, path: str | Path):
        """Writes the states to a file, `NAME.npz`, whole or not at all."""
        path = Path(path)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                np.savez(file, **self.states)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def restore(self, path: str | Path):
        """Goes on from the states of a file.

        Raises:
            ValueError: They are the states of another model or batch size.
        """
        with np.load(path) as file:
            states = {name: file[name] for name in file}
        wanted, found = (
            {name: (x.shape, x.dtype) for name, x in either.items()}
            for either in (self._zeros, states)
        )
        if wanted != found:
            raise ValueError(
                f"The states in {str(path)!r} are {found}; this stream's are {wanted}."
            )
        self.states = states
