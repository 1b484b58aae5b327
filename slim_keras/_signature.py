"""Which arguments a variant takes, and their documentation, each written once."""

import inspect
import math
import textwrap
from collections.abc import Mapping
from numbers import Real
from typing import Any

import keras

from slim_keras.variants import VARIANTS, Variant

_RECURRENT_VECTOR = (
    "recurrent_vector_initializer",
    "recurrent_vector_regularizer",
    "recurrent_vector_constraint",
)
_RECURRENT_KERNEL = (
    "recurrent_initializer",
    "recurrent_regularizer",
    "recurrent_constraint",
)

_WEIGHTS = {
    "W": ("kernel", "(features, {width})"),
    "U": ("recurrent_kernel", "(units, {width})"),
    "u": ("recurrent_vector", "({width},)"),
    "b": ("bias", "({width},)"),
}

_DOCS = {
    "units": "Positive integer n, the size of output and memory.",
    "activation": "Activation g of the cell body and of the output. `None` is the "
    "identity. A layer that has weights, such as `PReLU`, runs in Keras' own loop; a "
    "function that reads variables needs `engine='loop'`.",
    "recurrent_activation": "Activation s of the gates. `None` is the identity. "
    "Layers and functions as for `activation`.",
    "use_bias": "Whether the blocks have the biases of the equations.",
    "forget": "The constant f, with |f| < 1: the share of the memory that stays at "
    "each step. A memory fades as f^t, so 0.4 sees 3 steps back and 0.96 sees 56 "
    "(to a tenth).",
    "kernel_initializer": "Initializer of `kernel`, the input weights W. `None` leaves "
    "the kernel out: the input is then W x_t, as another layer has computed it, the "
    "blocks side by side.",
    "recurrent_initializer": "Initializer of `recurrent_kernel`, the matrices U.",
    "recurrent_vector_initializer": "Initializer of `recurrent_vector`, the vectors "
    "u. It is asked for the shape `(units, vectors)`, so that `'orthogonal'` makes "
    "the vectors orthonormal.",
    "bias_initializer": "Initializer of `bias`.",
    "unit_forget_bias": "Whether the forget gate's bias starts at one.",
    "kernel_regularizer": "Regularizer of `kernel`.",
    "recurrent_regularizer": "Regularizer of `recurrent_kernel`.",
    "recurrent_vector_regularizer": "Regularizer of `recurrent_vector`.",
    "bias_regularizer": "Regularizer of `bias`.",
    "kernel_constraint": "Constraint of `kernel`.",
    "recurrent_constraint": "Constraint of `recurrent_kernel`.",
    "recurrent_vector_constraint": "Constraint of `recurrent_vector`.",
    "bias_constraint": "Constraint of `bias`.",
    "dropout": "Fraction of the inputs to drop, in [0, 1). One mask serves all blocks "
    "and all steps of a call.",
    "recurrent_dropout": "Fraction of h_{t-1} to drop, in [0, 1). One mask serves all "
    "blocks and all steps of a call.",
    "seed": "Random seed of the dropout masks.",
    "return_sequences": "Whether to return h_t of all steps instead of the last.",
    "return_state": "Whether to return the last states after the output.",
    "go_backwards": "Whether to read the sequence from its end. The outputs then "
    "come in reading order, as from Keras' layers.",
    "stateful": "Whether a batch starts from the states in which the one before "
    "ended. Needs a fixed batch size; `reset_state()` sets them to zero. On JAX, as "
    "with Keras' layers, only where layer or model are called directly: `fit` and "
    "`predict` carry no states.",
    "unroll": "Whether to unroll Keras' loop (`engine='loop'`), which needs a fixed "
    "number of steps; or how many steps `engine='scan'` takes at once, an integer, "
    "which chooses that engine: more than 1 on JAX alone, by default 8 on its GPUs for "
    "variants with a recurrent matrix.",
    "zero_output_for_mask": "Whether masked steps put out zeros instead of the "
    "output before them.",
    "engine": "How the sequence is run: `'scan'` (one compiled pass), `'pallas'` (one "
    "kernel; JAX, variants without a recurrent matrix), `'loop'` (Keras' own loop, "
    "the reference) or `'auto'`: loop where an activation has weights, else pallas on "
    "one GPU or TPU where it serves, else scan.",
    "activity_regularizer": "Regularizer of the layer's output.",
}


def cell_signature(
    variant: Variant, defaults: Mapping[str, Any]
) -> dict[str, inspect.Parameter]:
    """The arguments of `keras.layers.LSTMCell` that mean something for a variant.

    Args:
        variant: The row of data.
        defaults: Defaults that differ from Keras'.

    Returns:
        Parameters by name, in Keras' order, with `forget` after `use_bias` and the
        arguments of `recurrent_vector` after those of `recurrent_kernel`.
    """
    keras_cell = inspect.signature(keras.layers.LSTMCell).parameters
    dropped = set()
    if not variant.gated:
        dropped.add("recurrent_activation")
    if not variant.matrix_blocks:
        dropped.update(_RECURRENT_KERNEL)
    if "f" not in variant.having("b"):
        dropped.add("unit_forget_bias")
    extra: dict[str, dict[str, Any]] = {}
    if variant.constant_forget:
        extra["use_bias"] = {"forget": variant.f}
    if variant.vector_blocks:
        for before, name, default in zip(
            _RECURRENT_KERNEL,
            _RECURRENT_VECTOR,
            ("orthogonal", None, None),
            strict=True,
        ):
            extra[before] = {name: default}

    parameters: dict[str, Any] = {}
    for name, parameter in keras_cell.items():
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            continue
        if name not in dropped:
            parameters[name] = parameter.default
        parameters.update(extra.get(name, {}))
    parameters.update({k: v for k, v in defaults.items() if k in parameters})
    return optional(parameters)


def optional(defaults: Mapping[str, Any]) -> dict[str, inspect.Parameter]:
    """Parameters with these defaults, by name and by position."""
    return {
        name: inspect.Parameter(
            name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default
        )
        for name, default in defaults.items()
    }


class ClassSignature:
    """The `__signature__` of a class, which its instances do not have.

    An instance is called with inputs; `tf.function(layer)` asks for its signature.

    Args:
        parameters: The parameters by name; arguments such as `name` and `dtype` are
            passed on to Keras.
    """

    def __init__(self, parameters: Mapping[str, inspect.Parameter]):
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        self._signature = inspect.Signature([*parameters.values(), rest])

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return self._signature


def bind(cls: type, args: tuple, kwargs: dict) -> dict[str, Any]:
    """The arguments of a call of `cls`, by name, with defaults.

    Raises:
        TypeError: `units` is missing or an argument is given twice.
        ValueError: An argument means nothing for this variant.
    """
    signature = inspect.signature(cls)
    every = {n for row in VARIANTS.values() for n in cell_signature(row, {})}
    foreign = sorted((every | {"use_cudnn", "implementation"}) & set(kwargs))
    foreign = [name for name in foreign if name not in signature.parameters]
    if foreign:
        raise ValueError(
            f"`{cls.__name__}` takes no argument `{foreign[0]}`: its equations have "
            f"nothing for it. It takes: {', '.join(list(signature.parameters)[:-1])}, "
            "and those of `keras.layers.Layer`."
        )
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"`{cls.__name__}`: {error}") from None
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    arguments.update(arguments.pop("kwargs"))
    return arguments


def positive(name: str, value: Any) -> int:
    """The value as an integer, if it is a positive one."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value <= 0:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return value.__index__()


def number(value: Any) -> float:
    """The value as a float; NaN, which is in no range, if it is none."""
    return float(value) if isinstance(value, Real) else math.nan


def rate(name: str, value: Any) -> float:
    """The value as a float, if it is a rate of dropout."""
    if not 0 <= number(value) < 1:
        raise ValueError(f"`{name}` must be in [0, 1). Received: {name}={value!r}")
    return number(value)


def document(cls: type, variant: Variant, text: str, tail: str) -> str:
    """A docstring: a class's own text, its weights and arguments, what all share."""
    lines = [text, "", "Weights, with the blocks that they stack:"]
    for term, (name, shape) in _WEIGHTS.items():
        blocks = variant.having(term)
        if blocks:
            width = "units" if len(blocks) == 1 else f"{len(blocks)} * units"
            shape = shape.format(width=width)
            lines.append(_item(name, f"`{shape}`, {', '.join(blocks)}."))
    lines += ["", "Args:"]
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        doc = _DOCS[name]
        if parameter.default is not inspect.Parameter.empty:
            doc += f" Default: `{parameter.default!r}`."
        lines.append(_item(name, doc))
    return "\n".join([*lines, "", inspect.cleandoc(tail)])


def _item(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name}: {text}", 80, initial_indent=" " * 4, subsequent_indent=" " * 8
    )
