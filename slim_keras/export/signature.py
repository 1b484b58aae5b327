"""The inputs and outputs of a model by name, and a call with arrays by name.

Names are the keys of a model made with dictionaries; else what is alone is `input` or
`output`, and several are `input_0`, `input_1` ... A state is an input `name` with an
output `next_name`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

NEXT = "next_"


@dataclass(frozen=True)
class Port:
    """An input: its name, its shape, `None` where free, and its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def inputs_of(model: keras.Model) -> list[Port]:
    """The inputs of a model, in the order in which `pack` takes them.

    Raises:
        ValueError: The model has no symbolic inputs.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            "`model` must be a built Sequential or functional model; others can be "
            "called on a `keras.Input`: `keras.Model(x, model(x))`. Received: "
            f"model={model!r}"
        )
    named = _named(_structure(model), "input")
    return [
        Port(name, tuple(x.shape), keras.backend.standardize_dtype(x.dtype))
        for name, x in named.items()
    ]


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of the models inside it, always in the same order."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def _structure(model):
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def pack(model: keras.Model, values: list):
    """Flat values as the structure that the model is called with."""
    return keras.tree.pack_sequence_as(_structure(model), values)


def outputs_of(model: keras.Model) -> dict:
    """The symbolic outputs of a model by name."""
    sequential = isinstance(model, keras.Sequential)
    return name_outputs(model.outputs if sequential else model.output)


def name_outputs(outputs) -> dict:
    """The outputs of a call by name."""
    return _named(outputs, "output")


def _named(structure, alone: str) -> dict:
    """Flat, by key, or under the name of what is alone, or numbered."""
    flat = keras.tree.flatten(structure)
    if isinstance(structure, dict) and len(structure) == len(flat):
        return dict(zip(sorted(structure), flat, strict=True))
    if len(flat) == 1:
        return {alone: flat[0]}
    return {f"{alone}_{k}": x for k, x in enumerate(flat)}


def predict(model: keras.Model, arrays: dict[str, np.ndarray]) -> dict:
    """Calls a model on arrays by name; gives arrays by name."""
    flat = [arrays[port.name] for port in inputs_of(model)]
    outputs = name_outputs(model.predict_on_batch(pack(model, flat)))
    return {name: np.asarray(y) for name, y in outputs.items()}


def call(model: keras.Model, arrays: dict[str, np.ndarray]) -> dict:
    """As `predict`, but step by step, so that Keras knows every size.

    Its `TimeDistributed` puts out too few steps where a graph leaves the length free.
    """
    flat = [keras.ops.convert_to_tensor(arrays[x.name]) for x in inputs_of(model)]
    outputs = name_outputs(model(pack(model, flat), training=False))
    return {name: keras.ops.convert_to_numpy(y) for name, y in outputs.items()}


def states_of(inputs: Iterable[str], outputs: Iterable[str]) -> list[str]:
    """The names of the inputs that are states."""
    outputs = set(outputs)
    return [name for name in inputs if NEXT + name in outputs]


def random_inputs(
    model: keras.Model, batch: int, steps: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Random inputs that a model understands.

    Numbers are standard normal, and zero at the last step of the first sequence, which
    `Masking` then skips; integers are words of the smallest `Embedding`.

    Args:
        model: The model.
        batch: The first axis where it is free.
        steps: Other axes where they are free.
        rng: Where the numbers come from.
    """
    words = min(vocabularies(model), default=None)
    states = states_of((p.name for p in inputs_of(model)), outputs_of(model))
    arrays = {}
    for port in inputs_of(model):
        free = [batch] + [steps] * len(port.shape[1:])
        shape = [n or free[axis] for axis, n in enumerate(port.shape)]
        # Keras' inputs are of float32 if nothing is said, also those of words.
        of_words = words and len(shape) <= 2 and port.name not in states
        x: np.ndarray
        if of_words or "float" not in port.dtype:
            x = rng.integers(0, words or 2, shape)
        else:
            x = rng.normal(size=shape)
            if x.ndim == 3:
                x[0, -1] = 0
        arrays[port.name] = x.astype(port.dtype)
    return arrays


def vocabularies(layer) -> set[int]:
    """The numbers of words that the layers `Embedding` know."""
    if isinstance(layer, keras.layers.Embedding):
        return {layer.input_dim}
    inner = [*getattr(layer, "layers", ()), getattr(layer, "layer", None)]
    return set().union(*(vocabularies(x) for x in inner if x is not None))
