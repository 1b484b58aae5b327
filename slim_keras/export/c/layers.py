"""Layers as functions of C: what each of them reads, computes and writes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from slim_keras.engine.derivatives import Function, activation
from slim_keras.engine.kernels.recorder import Assignment, Recorder, Value
from slim_keras.export.c.numbers import Array, literal, quantized
from slim_keras.export.c.printer import indented, printed
from slim_keras.export.c.recurrence import Recurrence, activations_of, recurrence
from slim_keras.layers import SlimLayer

CELLS = (keras.layers.LSTMCell, keras.layers.GRUCell)  # ours are LSTMCells


@dataclass
class Part:
    """A layer in C.

    Attributes:
        name: The layer's name, as an identifier.
        prefix: That of its sizes.
        kind: What the layer is, for a comment.
        outputs: The size of its output.
        sizes: Sizes by macro.
        arrays: Its weights.
        body: The lines of its function, which reads `x` and writes `y`; of a recurrent
            layer its states. Nothing, where the layer does nothing.
        in_place: Whether `y` may be `x`.
        states: The letters of its states, h and c.
        numbers: How many weights Keras has there.
    """

    name: str
    prefix: str
    kind: str
    outputs: int
    sizes: dict[str, int] = field(default_factory=dict)
    arrays: list[Array] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    in_place: bool = False
    states: str = ""
    numbers: int = 0

    @property
    def size(self) -> str:
        """The macro of the size of the output."""
        return f"{self.prefix}_UNITS"

    def declare(self, name: str, values: Any, *sizes: str) -> str:
        """Adds an array, `values` by row; gives its name."""
        name = f"{self.name}_{name}"
        self.arrays.append(Array(name, sizes, np.ascontiguousarray(values, "float32")))
        return name

    def product(self, name: str, matrix: np.ndarray, x: str, eight: bool) -> str:
        """Adds a matrix `(inputs, units)`; gives output `j` of its product with x.

        It has 8 bits where that makes it smaller: a row has a scale of 4 bytes.
        """
        rows, inputs = matrix.T, self.inputs_of(x)
        if not eight or rows.shape[1] < 2:
            return (
                f"dot({self.declare(name, rows, self.size, inputs)}[j], {x}, {inputs})"
            )
        bits, scale = quantized(rows)
        scales = self.declare(f"{name}_scale", scale, self.size)
        array = f"{self.name}_{name}"
        self.arrays.append(Array(array, (self.size, inputs), bits))
        return f"{scales}[j] * dot8({array}[j], {x}, {inputs})"

    def inputs_of(self, x: str) -> str:
        """The macro of the size of `x` or `h`."""
        return f"{self.prefix}_INPUTS" if x == "x" else self.size

    def each(self, *statements: str) -> list[str]:
        """Lines that run for every output `j`."""
        head = f"    for (int j = 0; j < {self.size}; j++)"
        if len(statements) == 1:
            return [head, *indented(statements, 2)]
        return [head + " {", *indented(statements, 2), "    }"]


def part_of(layer: Any, name: str, prefix: str, inputs: int, eight: bool) -> Part:
    """A layer in C.

    Args:
        layer: A layer or a cell.
        name: Its name in C.
        prefix: Of its macros.
        inputs: The size of its input.
        eight: Whether matrices have 8 bits.

    Raises:
        ValueError: There is no C for this layer.
    """
    policy = (layer.compute_dtype, layer.quantization_mode)
    if policy != ("float32", None):
        raise ValueError(
            f"The layer {layer.name!r} must compute in float32; `quantize` of `to_c` "
            f"makes weights of 8 bits. Received: dtype {policy[0]}, quantization_mode "
            f"{policy[1]!r}"
        )
    part = Part(name, prefix, type(layer).__name__, inputs)
    part.numbers = sum(int(np.prod(w.shape)) for w in layer.weights)
    find = (
        _recurrent
        if isinstance(layer, (SlimLayer, *CELLS))
        else _WRITERS.get(type(layer))
    )
    if find is None:
        known = sorted(kind.__name__ for kind in _WRITERS)
        raise ValueError(
            "`model` must consist of the recurrent layers of `slim_keras` and of "
            f"{', '.join(known)}. Received: the layer {layer.name!r} of the class "
            f"{type(layer).__name__}"
        )
    find(part, layer, inputs, eight)
    part.sizes |= {f"{prefix}_INPUTS": inputs, part.size: part.outputs}
    return part


def _weight(weight: Any) -> np.ndarray:
    return ops.convert_to_numpy(weight)


def _recurrent(part: Part, layer: Any, inputs: int, eight: bool):
    cell = layer.cell if isinstance(layer, SlimLayer) else layer
    for function in activations_of(cell):
        _check_activation(layer, function)
    if isinstance(cell, keras.layers.GRUCell) and not cell.reset_after:
        raise ValueError(
            f"The layer {layer.name!r} must have reset_after=True. Received: "
            "reset_after=False"
        )
    step = recurrence(cell)
    part.outputs = cell.units
    part.states = "hc"[
        : 1 if isinstance(cell.state_size, int) else len(cell.state_size)
    ]
    leaves = _leaves(part, step, eight)
    product = step.program.matrix
    # A unit sees the last outputs of the others, which stay until all units are done.
    new = "next[j]" if product else "h[j]"

    def store(expressions):
        h, *c = expressions
        return [*(f"c[j] = {x};" for x in c), f"{new} = {h};"]

    lines = [line for line in step.program.body if isinstance(line, Assignment)]
    results = step.program.carry[: len(part.states)]
    part.body = part.each(*printed(lines, results, leaves, store))
    if product:
        part.body = [
            f"    float next[{part.size}];",
            *part.body,
            *part.each("h[j] = next[j];"),
        ]


def _leaves(part: Part, step: Recurrence, eight: bool) -> dict[str, str]:
    """What the names of a recorded step are in C; adds the weights."""
    leaves = {"carry0": "h[j]", "carry1": "c[j]"}
    for place, (leaf, block) in enumerate(step.products.items()):
        if step.kernels:
            kernel = step.kernels[block]
            leaves[leaf] = part.product(f"kernel_{block}", kernel, "x", eight)
        else:
            leaves[leaf] = f"x[{f'{place} * {part.size} + ' if place else ''}j]"
    names = step.program.matrix.names if step.program.matrix else ()
    for leaf, (block, matrix) in zip(names, step.matrices.items(), strict=True):
        leaves[leaf] = part.product(f"recurrent_kernel_{block}", matrix, "h", eight)
    read = {x for line in step.program.body for x in getattr(line, "operands", ())}
    for leaf, (name, vector) in step.vectors.items():
        if leaf in read:
            leaves[leaf] = part.declare(name, vector, part.size) + "[j]"
    return leaves


def _check_activation(layer: Any, function: Callable, also: tuple = ()):
    if not Function(function).known and function not in also:
        name = getattr(function, "__name__", str(function))
        raise ValueError(
            f"The layer {layer.name!r} must have the activation linear, tanh, sigmoid, "
            f"relu, hard_sigmoid or hard_sigmoid_keras2{' or softmax' * bool(also)}. "
            f"Received: {name}"
        )


def _activated(part: Part, layer: Any, x: str):
    """Writes the activation of an expression to y."""
    softmax = keras.activations.softmax
    _check_activation(layer, layer.activation, also=(softmax,))
    if layer.activation is softmax:
        part.body += part.each(f"y[j] = {x};")
        part.body.append(f"    softmax(y, {part.size});")
        return
    recorder = Recorder()
    function = activation(Function(layer.activation), recorder)
    y = function.value(Value(recorder, "x"))
    statements = printed(
        recorder.program.prologue,
        [y.operand],
        {"x": x},
        lambda expressions: [f"y[j] = {expressions[0]};"],
    )
    part.body += part.each(*statements)


def _dense(part: Part, layer: Any, inputs: int, eight: bool):
    part.outputs = layer.units
    x = part.product("kernel", _weight(layer.kernel), "x", eight)
    if layer.bias is not None:
        x += f" + {part.declare('bias', _weight(layer.bias), part.size)}[j]"
    _activated(part, layer, x)


def _activation(part: Part, layer: Any, inputs: int, eight: bool):
    part.in_place = True
    _activated(part, layer, "x[j]")


def _embedding(part: Part, layer: Any, inputs: int, eight: bool):
    rows, words = _weight(layer.embeddings), f"{part.prefix}_WORDS"
    part.outputs = layer.output_dim
    part.sizes[words] = layer.input_dim
    if eight:
        bits, scale = quantized(rows.T)
        part.arrays.append(Array(f"{part.name}_table", (words, part.size), bits.T))
        scales = part.declare("scale", scale, part.size)
        found = f"{scales}[j] * (float){part.name}_table[(int)x[0]][j]"
    else:
        found = f"{part.declare('table', rows, words, part.size)}[(int)x[0]][j]"
    part.body = [
        "    /* NaN where there is no such word. */",
        f"    const int known = x[0] > -1.0f && x[0] < (float){words};",
        "    const float zero = x[0] - x[0];",
        *part.each(f"y[j] = known ? {found} : zero / zero;"),
    ]


def _affine(part: Part, scale: np.ndarray, offset: np.ndarray):
    """y = scale * x + offset."""
    part.in_place = True
    x = f"{part.declare('scale', scale, part.size)}[j] * x[j]"
    if offset.any():
        x += f" + {part.declare('offset', offset, part.size)}[j]"
    part.body = part.each(f"y[j] = {x};")


def _batch_normalization(part: Part, layer: Any, inputs: int, eight: bool):
    mean, variance = (
        _weight(w).astype("float64") for w in (layer.moving_mean, layer.moving_variance)
    )
    _check_axis(layer, mean, inputs)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        scale = scale * _weight(layer.gamma)
    offset = -mean * scale
    if layer.beta is not None:
        offset = offset + _weight(layer.beta)
    _affine(part, scale, offset)


def _check_axis(layer: Any, weight: np.ndarray, inputs: int):
    axis = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if len(axis) != 1 or axis[0] not in (-1, 2) or weight.shape != (inputs,):
        raise ValueError(
            f"The layer {layer.name!r} must have axis=-1. Received: axis={layer.axis}"
        )


def _layer_normalization(part: Part, layer: Any, inputs: int, eight: bool):
    _check_axis(layer, np.zeros(inputs), inputs)
    part.in_place = True
    n, y = part.size, "(x[j] - mean) * root"
    if layer.gamma is not None:
        _check_axis(layer, _weight(layer.gamma), inputs)
        y += f" * {part.declare('scale', _weight(layer.gamma), n)}[j]"
    if layer.beta is not None:
        y += f" + {part.declare('offset', _weight(layer.beta), n)}[j]"
    part.body = [
        "    float mean = 0.0f, variance = 0.0f;",
        *part.each("mean += x[j];"),
        f"    mean /= (float){n};",
        *part.each("variance += (x[j] - mean) * (x[j] - mean);"),
        f"    variance /= (float){n};",
        f"    const float root = inverse_root(variance + {literal(layer.epsilon)});",
        *part.each(f"y[j] = {y};"),
    ]


def _normalization(part: Part, layer: Any, inputs: int, eight: bool):
    mean, variance = (np.ravel(_weight(w)) for w in (layer.mean, layer.variance))
    if layer.invert or mean.size not in (1, inputs):
        raise ValueError(
            f"The layer {layer.name!r} must have axis=-1 and invert=False. Received: "
            f"axis={layer.axis}, invert={layer.invert}"
        )
    mean, variance = (np.broadcast_to(w, (inputs,)) for w in (mean, variance))
    scale = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    _affine(part, scale, -mean * scale)


def _rescaling(part: Part, layer: Any, inputs: int, eight: bool):
    scale, offset = (
        np.broadcast_to(np.asarray(x, "float32"), (inputs,))
        for x in (layer.scale, layer.offset)
    )
    _affine(part, scale, offset)


def _nothing(part: Part, layer: Any, inputs: int, eight: bool):
    part.in_place = True


_WRITERS: dict[type, Callable[[Part, Any, int, bool], None]] = {
    keras.layers.Activation: _activation,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _nothing,
    keras.layers.Embedding: _embedding,
    keras.layers.LayerNormalization: _layer_normalization,
    keras.layers.Masking: _nothing,  # the chain leaves out its steps
    keras.layers.Normalization: _normalization,
    keras.layers.Rescaling: _rescaling,
}
