"""Which arguments a variant takes, and their documentation, each written once."""

import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import keras

from slim_keras.variants import Variant

RECURRENT_VECTOR = (
    "recurrent_vector_initializer",
    "recurrent_vector_regularizer",
    "recurrent_vector_constraint",
)
_RECURRENT_KERNEL = (
    "recurrent_initializer",
    "recurrent_regularizer",
    "recurrent_constraint",
)
_BIAS = ("use_bias", "bias_initializer", "bias_regularizer", "bias_constraint")

# The arguments that mean nothing for some variants: for which, and why.
_MEANINGLESS: tuple[tuple[tuple[str, ...], Callable[[Variant], bool], str], ...] = (
    (("recurrent_activation",), lambda row: not row.gated, "it computes no gate"),
    (
        ("forget",),
        lambda row: not row.constant_forget,
        "it has no constant forget gate",
    ),
    (
        ("unit_forget_bias",),
        lambda row: "f" not in row.having("b"),
        "its forget gate has no bias",
    ),
    (_BIAS, lambda row: not row.having("b"), "it has no bias"),
    (_RECURRENT_KERNEL, lambda row: not row.matrix_blocks, "it has no matrix U"),
    (RECURRENT_VECTOR, lambda row: not row.vector_blocks, "it has no vector u"),
)


def _all_arguments() -> dict[str, Any]:
    """The arguments of all cells with their defaults, in Keras' order."""
    after = {"use_bias": {"forget": None}} | {
        matrix: {vector: default}
        for matrix, vector, default in zip(
            _RECURRENT_KERNEL, RECURRENT_VECTOR, ("orthogonal", None, None), strict=True
        )
    }
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(keras.layers.LSTMCell).parameters.items():
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            found[name] = parameter.default
            found |= after.get(name, {})
    return found


ARGUMENTS = _all_arguments()

_WEIGHTS = {
    "W": ("kernel", "(features, {width})"),
    "U": ("recurrent_kernel", "(units, {width})"),
    "u": ("recurrent_vector", "({width},)"),
    "b": ("bias", "({width},)"),
}

_DOCS = {
    "units": "Positive integer n, the size of output and memory.",
    "activation": "Activation g of the cell body and of the output. `None` is the "
    "identity. A layer with weights, such as `PReLU`, runs in Keras' loop; a function "
    "that reads variables needs `engine='loop'`.",
    "recurrent_activation": "Activation s of the gates. `None` is the identity. "
    "Layers and functions serve as for `activation`.",
    "use_bias": "Whether the blocks have the biases of the equations.",
    "forget": "The constant f, with |f| < 1: the share of the memory that stays at "
    "each step. A memory fades as f^t, to a tenth in 3 steps at 0.4 and in 56 at 0.96.",
    "kernel_initializer": "Initializer of `kernel`, the input weights W. With `None` "
    "there is no kernel: the input is then W x_t, which another layer has computed, "
    "with the blocks side by side.",
    "recurrent_initializer": "Initializer of `recurrent_kernel`, the matrices U.",
    "recurrent_vector_initializer": "Initializer of `recurrent_vector`, the vectors "
    "u. It receives the shape `(units, vectors)`, so that `'orthogonal'` makes the "
    "vectors orthonormal.",
    "bias_initializer": "Initializer of `bias`.",
    "unit_forget_bias": "Whether the bias of the forget gate starts at one.",
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
    "go_backwards": "Whether to read the sequence from its end. The outputs come in "
    "reading order, as from Keras' layers.",
    "stateful": "Whether a batch starts from the last states of the batch before. "
    "Needs a fixed batch size; `reset_state()` sets the states to zero. On JAX, as "
    "with Keras' layers, this holds for direct calls of layer or model: `fit` and "
    "`predict` carry no states.",
    "unroll": "`True` unrolls Keras' loop (`engine='loop'`), which needs a fixed "
    "number of steps. An integer chooses `engine='scan'` and says how many steps it "
    "takes at once: 1, or more on JAX and TensorFlow, which take 8 by default on GPUs "
    "for variants with a recurrent matrix.",
    "zero_output_for_mask": "Whether the output at a masked step is zero instead of "
    "the output of the step before.",
    "engine": "How the sequence is run: `'scan'` (one compiled pass), `'kernel'` (one "
    "kernel: by numba on PyTorch's CPU and by Triton on its GPUs, by Pallas on JAX; on "
    "a GPU for variants without a recurrent matrix or with a small one), `'loop'` "
    "(Keras' own loop, the reference) or `'auto'`: the loop where an activation has "
    "weights, else a kernel where one serves on PyTorch or on one GPU or TPU of JAX, "
    "else the scan.",
    "activity_regularizer": "Regularizer of the layer's output.",
}


def cell_defaults(variant: Variant, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that mean something for the cell of a variant, with defaults.

    Args:
        variant: The row of data.
        changes: Defaults that differ from Keras'.

    Returns:
        Defaults by name, in Keras' order, with `forget` after `use_bias` and the
        arguments of `recurrent_vector` after those of `recurrent_kernel`.
    """
    refused = _refused(variant)
    return {
        name: variant.f if name == "forget" else changes.get(name, default)
        for name, default in ARGUMENTS.items()
        if name not in refused
    }


@functools.cache
def _refused(variant: Variant) -> dict[str, str]:
    """The arguments that mean nothing for a variant, with the reason."""
    return {
        name: reason
        for names, meaningless, reason in _MEANINGLESS
        if meaningless(variant)
        for name in names
    }


class ClassSignature:
    """The `__signature__` of a class, which its instances do not have.

    An instance is called with inputs; `tf.function(layer)` asks for its signature.

    Args:
        defaults: The parameters with their defaults. Keras takes the others, such as
            `name` and `dtype`.
    """

    def __init__(self, defaults: Mapping[str, Any]):
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        named = [
            inspect.Parameter(name, kind, default=default)
            for name, default in defaults.items()
        ]
        self._signature = inspect.Signature([*named, rest])

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return self._signature


def bind(cls: type, variant: Variant, args: tuple, kwargs: dict) -> dict[str, Any]:
    """The arguments of a call of `cls`, by name, with defaults.

    `use_cudnn` and `implementation`, which code for `keras.layers.LSTM` may pass, are
    left out, as they change no number.

    Raises:
        TypeError: `units` is missing or an argument is given twice.
        ValueError: An argument means nothing for this variant, or `use_cudnn` is True.
    """
    signature = inspect.signature(cls)
    kwargs = dict(kwargs)
    kwargs.pop("implementation", None)
    use_cudnn = kwargs.pop("use_cudnn", "auto")
    if use_cudnn not in ("auto", False):
        raise ValueError(
            "`use_cudnn` must be 'auto' or False, because slim_keras does not call "
            f"cuDNN; `engine` chooses how to run. Received: use_cudnn={use_cudnn!r}"
        )
    for name, reason in _refused(variant).items():
        if name in kwargs:
            raise ValueError(
                f"`{cls.__name__}` takes no argument `{name}`, because {reason}. It "
                f"takes {', '.join(list(signature.parameters)[:-1])}, and the "
                "arguments of `keras.layers.Layer`."
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
    """The docstring of a layer or cell.

    Args:
        cls: The class.
        variant: Its row of data.
        text: What it computes.
        tail: What all classes of its kind share. `{name}` stands for the name of the
            class, `{parameters}` for the number of parameters of 16 units that see 8
            features.
    """
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
    tail = tail.replace("{name}", cls.__name__)
    tail = tail.replace("{parameters}", str(variant.parameters(8, 16)))
    return "\n".join([*lines, "", inspect.cleandoc(tail)])


def _item(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name}: {text}", 80, initial_indent=" " * 4, subsequent_indent=" " * 8
    )
