"""The equations of one step, forward and back, for every row of `variants.py`.

They know nothing of time, masks or backends: arrays come in, arrays go out, joined
by operators that every backend has. Shapes are `(batch, units)` unless stated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from slim_keras.variants import BLOCKS, Variant

Array = Any


@dataclass(frozen=True)
class Activation:
    """An activation and its pull-back.

    Attributes:
        value: `x -> y`.
        pull: `(x, y, dy) -> dx`, where dx = dy * y'(x) for elementwise functions.
        from_value: Whether `pull` needs y alone, and may be given `x=None`.
        smooth: Whether it is smooth in y, so that a y known up to rounding will do.
    """

    value: Callable[[Array], Array]
    pull: Callable[[Array, Array, Array], Array]
    from_value: bool = False
    smooth: bool = False


class Terms(NamedTuple):
    """The terms of a block's pre-activation; `None` where the block lacks a term.

    Attributes:
        product: `W x_t`, `(batch, units)`.
        matrix: `U h_{t-1}`, `(batch, units)`.
        vector: u, `(units,)`.
        bias: b, `(units,)`.
    """

    product: Array | None = None
    matrix: Array | None = None
    vector: Array | None = None
    bias: Array | None = None


def add_product(total: Array, a: Array | float, b: Array) -> Array:
    """total + a * b, one operation on some backends."""
    return total + a * b


@dataclass(frozen=True)
class Equations:
    """One step of a variant with its activations chosen.

    Attributes:
        variant: The row of data.
        body: Activation of the block c (the identity where the row says so).
        output: Activation of c_t on its way to h_t.
        gate: Activation of the computed gates.
        forget: The forget gate's constant, used where the row has one.
        add_product: How `total + a * b` is computed.
    """

    variant: Variant
    body: Activation
    output: Activation
    gate: Activation
    forget: float | None = None
    add_product: Callable[[Array, Array | float, Array], Array] = add_product

    def of(self, block: str) -> Activation:
        """The activation of a block."""
        return self.body if block == "c" else self.gate

    def constant(self, block: str) -> Any:
        """The value of a constant gate; `None` where the gate is computed."""
        value = getattr(self.variant, block)
        if isinstance(value, str):
            return None
        return self.forget if block == "f" and self.variant.memory else value

    @cached_property
    def constants(self) -> dict[str, float]:
        """The values of the constant gates."""
        return {k: self.constant(k) for k in BLOCKS if k not in self.variant.blocks}

    def values(self, pre: Mapping[str, Array]) -> dict[str, Any]:
        """Pre-activations of computed blocks -> their values and the constants."""
        return self.constants | {k: self.of(k).value(x) for k, x in pre.items()}

    def step(self, value: Mapping[str, Any], c: Array) -> tuple[Array, Array]:
        """c_t = f * c_{t-1} + i * body; h_t = o * g(c_t).

        Args:
            value: The values of the four blocks.
            c: c_{t-1}.

        Returns:
            h_t and c_t.
        """
        body = times(value["i"], value["c"])
        c = self.add_product(body, value["f"], c) if self.variant.memory else body
        return times(value["o"], self.output.value(c)), c

    def body_value(self, c: Array, c_previous: Array) -> Array:
        """The body's value from two memories; i is constant."""
        if self.variant.memory:
            c = self.add_product(c, -self.constant("f"), c_previous)
        return times(1.0 / self.constant("i"), c)

    def pull_step(
        self,
        value: Mapping[str, Any],
        c: Array,
        c_previous: Array,
        squashed: Array,
        dh: Array,
        dc: Array,
    ) -> tuple[dict[str, Array], Array | None]:
        """The reverse of `step`.

        Args:
            value: The values of the four blocks at t.
            c: c_t.
            c_previous: c_{t-1}.
            squashed: g(c_t).
            dh: Gradient at h_t.
            dc: Gradient at c_t from the later steps.

        Returns:
            The gradients at the values of the computed blocks, and at c_{t-1}
            (`None` without a memory).
        """
        through_h = self.output.pull(c, squashed, times(value["o"], dh))
        dc = dc + through_h if self.variant.memory else through_h
        factors = {"i": value["c"], "f": c_previous, "c": value["i"], "o": squashed}
        found = {
            k: times(factors[k], dh if k == "o" else dc) for k in self.variant.blocks
        }
        return found, times(value["f"], dc) if self.variant.memory else None

    def preactivation(self, terms: Terms, h: Array) -> Array:
        """The sum of a block's terms.

        Args:
            terms: What the block sees.
            h: h_{t-1}.

        Returns:
            The pre-activation; of a block that sees its bias alone, `(units,)`.
        """
        total = plus(terms.product, terms.matrix)
        if (u := terms.vector) is not None:
            total = u * h if total is None else self.add_product(total, u, h)
        return plus(total, terms.bias)


def times(factor: Array | float, x: Array) -> Array:
    """Product that leaves out a constant factor of 1."""
    return x if isinstance(factor, float) and factor == 1.0 else factor * x


def plus(a: Array | None, b: Array | None) -> Array | None:
    """Sum in which `None` stands for nothing."""
    if a is None:
        return b
    return a if b is None else a + b
