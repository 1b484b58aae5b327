"""A step of a recurrent layer as recorded assignments, with the weights that they read.

The variants have theirs from `engine.passes`, as the kernels do. Keras' LSTM is the
variant `lstm`; its GRU is recorded here.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from slim_keras.cells import SlimCell
from slim_keras.engine import trees
from slim_keras.engine.derivatives import Function, activation
from slim_keras.engine.kernels.recorder import Program, record
from slim_keras.engine.passes import Plan, Row, Shared, ahead
from slim_keras.equations import Equations
from slim_keras.variants import VARIANTS

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Recurrence:
    """A step of one unit.

    Attributes:
        program: The step. Its `carry` starts with the new h and, of a layer with a
            memory, c.
        vectors: By leaf of `fixed`, a name and an array `(units,)`.
        products: By leaf of `row`, the block whose W x_t it is.
        kernels: The matrices W by block, `(features, units)`; none where the input is
            the products, side by side.
        matrices: The matrices U by block, `(units, units)`, in the order of the
            program's product.
    """

    program: Program
    vectors: dict[str, tuple[str, np.ndarray]]
    products: dict[str, str]
    kernels: Arrays
    matrices: Arrays


def activations_of(cell: keras.layers.Layer) -> list[Any]:
    """The activation functions of a cell."""
    return [cell.activation, cell.recurrent_activation]


def recurrence(cell: keras.layers.Layer) -> Recurrence:
    """The step of a cell: of ours, a `keras.layers.LSTMCell` or a `GRUCell`."""
    if isinstance(cell, keras.layers.GRUCell):
        return _gru(cell)
    return _variant(cell)


def _variant(cell: Any) -> Recurrence:
    if isinstance(cell, SlimCell):
        variant, equations = cell.variant, cell.equations(Function)
        vector = _array(cell.recurrent_vector)
    else:
        variant, vector = VARIANTS["lstm"], None
        body, gate = map(Function, activations_of(cell))
        made: dict[str, Any] = {"body": body, "output": body, "gate": gate}
        equations = Equations(variant, **made)
    plan = Plan(
        step=equations,
        masked=False,
        dropped=False,
        biased=cell.bias is not None,
        units=cell.units,
        sequence=False,
        dtype="float32",
        fused=True,
    )

    def by_block(term: str, stacked: np.ndarray | None) -> Arrays:
        blocks = () if stacked is None else variant.having(term)
        return {k: variant.part(stacked, term, k) for k in blocks}

    matrix = _array(cell.recurrent_kernel)
    state = np.zeros((1, cell.units))
    shared = Shared(
        h=state,
        c=state if variant.memory else None,
        drop=None,
        matrix=matrix,
        vectors=by_block("u", vector),
        biases=by_block("b", _array(cell.bias)),
    )
    names = shared._replace(
        vectors={k: f"recurrent_vector_{k}" for k in shared.vectors},
        biases={k: f"bias_{k}" for k in shared.biases},
    )
    rows = Row(products={k: k for k in plan.seen}, mask=None)
    return _recorded(
        functools.partial(ahead, plan, False),
        shared,
        names,
        rows,
        by_block("W", _array(cell.kernel)),
        by_block("U", matrix),
        static=plan.static,
    )


def _gru(cell: Any) -> Recurrence:
    def build(operations, shared):
        body, gate = (
            activation(Function(function), operations).value
            for function in activations_of(cell)
        )

        def step(carry, row, before):
            (h,) = carry
            product = h @ shared["matrix"]
            inner = {k: product[..., n : n + 1] for n, k in enumerate("zrh")}
            bias = shared["biases"]

            def total(k, x):
                return x + bias[k] if bias else x

            z = gate(total("z", row["z"] + inner["z"]))
            r = gate(total("r", row["r"] + inner["r"]))
            reset = inner["h"] + bias["reset_h"] if bias else inner["h"]
            h = z * h + (1.0 - z) * body(total("h", row["h"] + r * reset))
            return (h,), ()

        return step, (shared["h"],)

    def by_block(stacked):
        return dict(zip("zrh", np.split(stacked, 3, axis=-1), strict=True))

    matrix, bias, biases = _array(cell.recurrent_kernel), _array(cell.bias), {}
    if bias is not None:
        outer, inner = map(by_block, bias)
        biases = {"z": outer["z"] + inner["z"], "r": outer["r"] + inner["r"]}
        biases |= {"h": outer["h"], "reset_h": inner["h"]}
    state = np.zeros((1, cell.units))
    return _recorded(
        build,
        {"h": state, "matrix": matrix, "biases": biases},
        {"h": "h", "matrix": "matrix", "biases": {k: f"bias_{k}" for k in biases}},
        {k: k for k in "zrh"},
        by_block(_array(cell.kernel)),
        by_block(matrix),
    )


def _recorded(
    build: Any,
    shared: Any,
    names: Any,
    rows: Any,
    kernels: Arrays,
    matrices: Arrays,
    static: Sequence[str] = (),
) -> Recurrence:
    """The recorded step.

    Args:
        build: See `engine.sweep.sweep`.
        shared: What all steps share.
        names: The same nest with names in the place of vectors.
        rows: The blocks that see the input.
        kernels: The matrices W by block.
        matrices: The matrices U by block.
        static: The blocks that see their bias alone.
    """
    program = record(build, shared, rows, ())
    leaves = zip(trees.flatten(shared), trees.flatten(names), strict=True)
    found = {f"fixed{n}": (name, array) for n, (array, name) in enumerate(leaves)}
    vectors = {k: pair for k, pair in found.items() if pair[1].ndim == 1}
    vectors |= _computed(program, vectors, static)
    products = {f"row{n}": k for n, k in enumerate(trees.flatten(rows))}
    return Recurrence(program, vectors, products, kernels, matrices)


_NUMPY: dict[str, Callable] = {
    "+": np.add,
    "*": np.multiply,
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(0.5 * x),
    "relu": lambda x: np.maximum(x, 0),
    "unit_clip": lambda x: np.clip(x, 0, 1),
}


def _computed(program: Program, vectors: dict, static: Sequence[str]) -> dict:
    """What is the same at every step: the gates that see their bias alone."""
    values = {name: array.astype("float64") for name, (_, array) in vectors.items()}
    for line in program.prologue:
        operands = [values.get(x, x) for x in line.operands]
        values[line.name] = _NUMPY[line.operation](*operands)
    read = {x for line in program.prologue for x in line.operands}
    gates = [line.name for line in program.prologue if line.name not in read]
    return {
        name: (f"gate_{block}", values[name].astype("float32"))
        for name, block in zip(gates, static, strict=bool(gates))
    }


def _array(weight: Any) -> np.ndarray | None:
    return None if weight is None else ops.convert_to_numpy(weight)
