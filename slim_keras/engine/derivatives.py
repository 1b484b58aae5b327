"""Activations with their derivatives: a few by hand, the others differentiated."""

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import keras

from slim_keras.activations import hard_sigmoid_keras2
from slim_keras.engine.backends import Arithmetic
from slim_keras.equations import Activation


@dataclass(frozen=True, eq=False)
class Function:
    """A function of one array that is found again by what it is.

    A function need not be hashable: a dataclass is not.
    """

    call: Callable

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Function) and self.call is other.call

    def __hash__(self) -> int:
        return id(self.call)

    @property
    def known(self) -> bool:
        """Whether its derivative stands here."""
        return isinstance(self.call, Hashable) and self.call in _KNOWN


@functools.lru_cache(maxsize=256)
def activation(function: Function, ops: Any) -> Activation:
    """The activation made of some operations.

    Args:
        function: A Keras activation function, or any function of one array made of
            `keras.ops`.
        ops: The `Arithmetic`, a backend's, or for a `known` function any other.
    """
    if function.known:
        return _KNOWN[function.call](ops)

    def value(x):
        # A layer may have a policy of its own, and compute in half of the precision.
        dtype = keras.backend.standardize_dtype(x.dtype)
        return ops.cast(function.call(x), dtype)

    return Activation(value, ops.pull_of(value))


def _linear(ops: Arithmetic) -> Activation:
    return Activation(lambda x: x, lambda x, y, dy: dy, from_value=True, smooth=True)


def _tanh(ops: Arithmetic) -> Activation:
    return Activation(ops.tanh, ops.tanh_pull, from_value=True, smooth=True)


def _sigmoid(ops: Arithmetic) -> Activation:
    return Activation(ops.sigmoid, ops.sigmoid_pull, from_value=True, smooth=True)


def _relu(ops: Arithmetic) -> Activation:
    def pull(x, y, dy):
        return ops.where(y > 0, dy, 0.0 * dy)

    return Activation(ops.relu, pull, from_value=True)


def _hard_sigmoid(slope: float, ops: Arithmetic) -> Activation:
    def value(x):
        return ops.unit_clip(slope * x + 0.5)

    def pull(x, y, dy):
        return ops.where((y > 0) & (y < 1), slope * dy, 0.0 * dy)

    return Activation(value, pull, from_value=True)


_KNOWN: dict[Callable, Callable[[Arithmetic], Activation]] = {
    keras.activations.linear: _linear,
    keras.activations.tanh: _tanh,
    keras.activations.sigmoid: _sigmoid,
    keras.activations.relu: _relu,
    keras.activations.hard_sigmoid: functools.partial(_hard_sigmoid, 1 / 6),
    hard_sigmoid_keras2: functools.partial(_hard_sigmoid, 0.2),
}
