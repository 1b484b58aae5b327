"""Known activations with their derivatives; others are differentiated for us."""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import keras

from slim_keras.activations import hard_sigmoid_keras2
from slim_keras.engine.backends import primitives
from slim_keras.equations import Activation


def _between_0_and_1(slope):
    def pull(x, y, dy):
        return primitives.where((y > 0) & (y < 1), slope * dy, 0 * dy)

    return pull


_KNOWN = {
    keras.activations.linear: Activation(
        lambda x: x, lambda x, y, dy: dy, from_value=True
    ),
    keras.activations.tanh: Activation(
        primitives.tanh, primitives.tanh_pull, from_value=True
    ),
    keras.activations.sigmoid: Activation(
        primitives.sigmoid, primitives.sigmoid_pull, from_value=True
    ),
    keras.activations.relu: Activation(
        primitives.relu, lambda x, y, dy: primitives.where(y > 0, dy, 0 * dy)
    ),
    keras.activations.hard_sigmoid: Activation(
        keras.activations.hard_sigmoid, _between_0_and_1(1 / 6)
    ),
    hard_sigmoid_keras2: Activation(hard_sigmoid_keras2, _between_0_and_1(0.2)),
}


class _Identity:
    """A function that is found again, hashable or not: a dataclass may not be."""

    def __init__(self, function: Callable):
        self.function = function

    def __eq__(self, other: Any) -> bool:
        return self.function is other.function

    def __hash__(self) -> int:
        return id(self.function)


def pulled(function: Callable) -> Activation:
    """The activation with its pull-back, by hand or by automatic differentiation.

    Args:
        function: A Keras activation function, or any function of one array made of
            `keras.ops`.
    """
    known = _KNOWN.get(function) if isinstance(function, Hashable) else None
    return known or _differentiated(_Identity(function))


@functools.lru_cache(maxsize=256)
def _differentiated(identity: _Identity) -> Activation:
    def value(x):
        # A layer may have a policy of its own, and compute in half of the precision.
        dtype = keras.backend.standardize_dtype(x.dtype)
        return primitives.cast(identity.function(x), dtype)

    return Activation(value, primitives.pull_of(value))
