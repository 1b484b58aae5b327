"""A streaming model as a C99 file."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from slim_keras.export.arguments import check_model, check_name, check_path
from slim_keras.export.c.chain import links_of
from slim_keras.export.c.compiler import command, run
from slim_keras.export.c.source import Source, source
from slim_keras.export.check import check_difference, check_sequences, difference
from slim_keras.export.signature import inputs_of
from slim_keras.export.stream import Stream

# The largest differences that pass, see `Exported.difference`.
_TOLERANCES = {None: 1e-4, "weights": 0.1}


@dataclass(frozen=True)
class ExportedC:
    """A written C file.

    Attributes:
        path: Where it lies.
        header: Where its header lies.
        weights: How many weights the model has.
        weight_bytes: The bytes of the arrays that hold them.
        state_bytes: The bytes of the states, which the caller owns.
        difference: The largest difference from the Keras model that the check found at
            any step of random streams, absolute or, for outputs greater than one,
            relative to the greatest; `None` without a check.
    """

    path: Path
    header: Path
    weights: int
    weight_bytes: int
    state_bytes: int
    difference: float | None

    def __str__(self):
        checked = "not compared with the Keras model"
        if self.difference is not None:
            checked = f"within {self.difference:.1e} of the Keras model"
        return (
            f"{self.path}: {self.weights:,} weights in {self.weight_bytes:,} bytes, "
            f"{self.state_bytes:,} bytes of states, {checked}"
        )


def to_c(
    model: keras.Model,
    path: str | Path,
    *,
    quantize: str | None = None,
    check: bool = True,
    tolerance: float | None = None,
) -> ExportedC:
    """Writes a streaming model as one C99 file and its header, for microcontrollers.

    The code allocates nothing and needs no library. With NAME the file's stem it has

    - `NAME_state`, a struct with the states, which the caller owns,
    - `void NAME_init(NAME_state *state)`, which sets the states to zero,
    - `void NAME_step(NAME_state *state, const float *x, float *y)`, a step from
      `x[NAME_INPUTS]` to `y[NAME_OUTPUTS]`. A word is a float, too: `x[0]`.

    Weights are `static const` arrays, which stay in flash. All arithmetic is in
    float32. tanh and sigmoid are rational functions, within 4e-7. NaN and infinity go
    through to the states and outputs, and a word that the `Embedding` does not know
    gives NaN: `NAME_init` starts anew.

    The file is compiled and run here on random input and compared with `model` before
    it is put in place: by `cc`, `gcc` or `clang` on the path, or by PyPI's `ziglang`,
    which the extra `[micro]` brings.

    Args:
        model: A model of `streaming`, in float32, of layers one after the other: those
            of `slim_keras`, also in a `PlainStack`, and `Dense`, `Activation`,
            `BatchNormalization`, `LayerNormalization`, `Masking`, `Normalization`,
            `Embedding`, `Rescaling` and `Dropout`, which is off. Or a functional model
            of one step that has their cells, or Keras' `LSTMCell` and `GRUCell`, with
            the inputs and outputs of a model of `streaming`. Activations are linear,
            tanh, sigmoid, relu, hard_sigmoid, `hard_sigmoid_keras2` and, in `Dense`
            and `Activation`, softmax.
        path: The file, `NAME.c`; the header is `NAME.h` beside it. NAME has letters,
            digits and underscores.
        quantize: `None` for weights in float32; `"weights"` for matrices (`kernel`,
            `recurrent_kernel`, embeddings) in 8 bits, with a scale for each output.
            Vectors, biases, and kernels of a single input stay in float32.
        check: Whether to compare. `False` needs no compiler.
        tolerance: The largest difference that passes, as in `to_litert`. Default:
            1e-4; with `quantize` 0.1.

    Returns:
        An `ExportedC`: paths, weights, bytes, and the largest difference.

    Raises:
        ValueError: A layer or activation has no C, the file differs too much, or an
            argument does not fit the model.
        FileNotFoundError: The folder of `path` does not exist.
        ImportError: `check` finds no compiler.

    Example:

    ```python
    model = keras.Sequential([keras.Input((None, 8)), LSTM_C6(32)])
    print(export.to_c(export.streaming(model), "model.c"))
    ```

    ```c
    #include "model.h"

    static model_state state;
    float x[MODEL_INPUTS], y[MODEL_OUTPUTS];

    model_init(&state);
    for (;;) {
        read_sensor(x);
        model_step(&state, x, y);
    }
    ```
    """
    if quantize not in _TOLERANCES:
        known = ", ".join(map(repr, _TOLERANCES))
        raise ValueError(f"`quantize` must be one of {known}. Received: {quantize!r}")
    path = Path(path)
    check_path(path, ".c")
    check_path(path.with_suffix(".h"), ".h")
    check_name(path)
    check_model(model)
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ValueError(
                "`model` must have finite weights. Received: infinity in the weight "
                f"{weight.path!r}"
            )
    made = source(model, links_of(model), path.stem, quantize)
    tolerance = _TOLERANCES[quantize] if tolerance is None else tolerance
    return _write(model, made, path, check, tolerance)


def _write(
    model: keras.Model, made: Source, path: Path, check: bool, tolerance: float
) -> ExportedC:
    """Compares beside the path, so that a bad file never appears there."""
    header, found = path.with_suffix(".h"), None
    if check:
        command()
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as at:
        folder = Path(at)

        def write():
            (folder / path.name).write_text(made.code(found))
            (folder / header.name).write_text(made.header(found))

        write()
        if check:
            found = _difference(model, folder, made.name)
            check_difference(found, tolerance)
            write()
        os.replace(folder / header.name, header)
        os.replace(folder / path.name, path)
    return ExportedC(
        path, header, made.weights, made.weight_bytes, made.state_bytes, found
    )


def _difference(model: keras.Model, folder: Path, name: str) -> float:
    [port] = [x for x in inputs_of(model) if x.name == "input"]
    sequences: Any = check_sequences(model, port.shape[0])  # as it is a stream
    wanted = Stream(model, batch_size=len(sequences)).feed(sequences)
    return difference(run(folder, name, sequences), wanted)
