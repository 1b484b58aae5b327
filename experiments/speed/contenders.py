"""The contenders of the benchmark: the layers, and how ours run."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.core.errors import UserError

BASELINE = "keras.layers.LSTM"
NATIVE = "torch.nn.LSTM"
_TIMES = " x"  # before the number of layers in the name of a stack


@dataclass(frozen=True)
class Contender:
    """A layer that is timed against others."""

    # Its name in rows: `"keras.layers.LSTM"`, a variant as `slim_keras.get` calls it,
    # or several of these, as in `"indrnn x2"`.
    layer: str
    # Of ours, the argument `engine`, or `"scan:4"`, which takes 4 steps at once; of
    # Keras' LSTM on a GPU `"cudnn"`.
    engine: str | None = None


def ours(
    variants: Sequence[str], depths: Sequence[int], engines: Sequence[str]
) -> list[Contender]:
    """Every variant, at every depth, with every engine.

    Raises:
        UserError: A variant is unknown.
    """
    from slim_keras.variants import VARIANTS

    if unknown := [key for key in variants if key not in VARIANTS]:
        raise UserError(
            f"variants: {unknown[0]!r} is unknown; known: {', '.join(VARIANTS)}"
        )
    return [
        Contender(key if depth == 1 else f"{key}{_TIMES}{depth}", engine)
        for key, depth, engine in itertools.product(variants, depths, engines)
    ]


def parts(name: str) -> tuple[str, int]:
    """The variant and the number of layers, from the name of our layer in a row."""
    key, _, depth = name.partition(_TIMES)
    return key, int(depth or 1)


def build(
    contender: Contender,
    units: int,
    *,
    return_sequences: bool = False,
) -> Any:
    """The layer of a contender.

    Raises:
        UserError: The engine is unknown or cannot serve.
    """
    import keras

    import slim_keras

    every: dict[str, Any] = {"return_sequences": return_sequences}
    if contender.layer == BASELINE:
        # Never another kernel than cuDNN's if that is asked for.
        cudnn = contender.engine == "cudnn" or "auto"
        return keras.layers.LSTM(units, use_cudnn=cudnn, **every)
    key, depth = parts(contender.layer)
    engine, several, factor = (contender.engine or "").partition(":")
    try:
        if several:
            every["unroll"] = int(factor)
        layer = slim_keras.get(key)(units, engine=engine, **every)
        _ = layer.resolved_engine  # refused here, not by a trace of the first step
    except ValueError as error:
        message = f"engines: {contender.engine!r} cannot run {key}: {error}"
        raise UserError(message) from None
    if depth > 1:
        return slim_keras.PlainStack(layer, depth, normalization=None)
    return layer
