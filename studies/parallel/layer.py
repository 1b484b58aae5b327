"""The layer of the study: Newton steps and associative scans instead of a loop."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax import lax

from slim_keras.engine.backends import backend
from slim_keras.engine.derivatives import Function, activation
from slim_keras.equations import Terms

Array = jax.Array
States = tuple[Array, ...]  # (batch, units) each; for all steps (steps, batch, units)
Step = Callable[[States, Any], States]
Ways = tuple[Step, bool, Callable]  # F, whether by Newton steps, the backward solver

TOLERANCE = 1e-5  # of the largest |r_t|, relative to 1 + the largest |s_t|
LIMIT = 60  # Newton steps, after which the loop takes over
HALF = 0.5  # what is left of a step that does not lower the residual
# The ways of the study: forward and backward pass, as `Parallel` takes them.
WAYS = {
    "parallel": {"forward": "newton", "backward": "parallel"},
    "parallel-back": {"forward": "loop", "backward": "parallel"},
    "linear-back": {"forward": "loop", "backward": "loop"},
}


class Parallel(keras.layers.Layer):
    """A layer of ours that takes all steps at once instead of its loop.

    Args:
        layer: The layer, with a pointwise cell; masks, dropout and first states are
            not served.
        forward: `"newton"`, or `"loop"`.
        backward: `"parallel"`, or `"loop"`: the linear system step by step, with all
            else made for all steps at once, before and after.
    """

    def __init__(self, layer: Any, forward: str, backward: str):
        super().__init__()
        if not layer.variant.pointwise:
            raise ValueError(
                "`layer` must have a pointwise recurrence. Received: "
                f"layer={layer.variant.name}"
            )
        if layer.variant.memory and layer.activation(jnp.zeros(())) != 0:
            raise ValueError(
                "`layer` must have an activation g with g(0) = 0, as c alone is "
                f"followed, from 0. Received: activation={layer.activation!r}"
            )
        self.layer = layer
        self.units = layer.units
        self.solves = forward == "newton"
        self._backward = _solve if backward == "parallel" else _solve_by_loop

    def build(self, input_shape):
        self.layer.build(input_shape)

    def call(self, sequences):
        step, first, weights, output = _system(self.layer.cell, sequences)
        ways = (step, self.solves, self._backward)
        outputs = output(_states(ways, first, weights))
        if self.layer.return_sequences:
            return jnp.swapaxes(outputs, 0, 1)
        return outputs[-1]

    def newton_steps(self, sequences) -> int | None:
        """The Newton steps of a batch, halved ones too; `None` for the loop."""
        step, first, weights, _ = _system(self.layer.cell, jnp.asarray(sequences))
        _, taken, converged = jax.jit(partial(_newton, step))(first, weights)
        return int(taken) if converged else None


def _system(cell: Any, sequences: Array):
    """F, s_0, the weights that F sees with the products of all inputs, and s -> h."""
    variant = cell.variant
    equations = cell.equations(lambda call: activation(Function(call), backend))
    vector, bias = (
        None if weight is None else keras.ops.convert_to_tensor(weight)
        for weight in (cell.recurrent_vector, cell.bias)
    )
    products = keras.ops.matmul(jnp.swapaxes(sequences, 0, 1), cell.kernel)
    weights = {
        term: {k: variant.part(array, term, k) for k in variant.having(term)}
        for term, array in (("W", products), ("u", vector), ("b", bias))
        if array is not None
    }
    both = equations.constant("o") is None  # h is then no function of c
    zero = jnp.zeros((sequences.shape[0], cell.units), products.dtype)

    def follows(c):
        return equations.constant("o") * equations.output.value(c)

    def step(states, weights):
        h = states[0] if both or not variant.memory else follows(states[0])
        terms = {
            k: [weights.get(term, {}).get(k) for term in "Wub"] for k in variant.blocks
        }
        pre = {
            k: equations.preactivation(Terms(product, None, u, b), h)
            for k, (product, u, b) in terms.items()
        }
        h, c = equations.step(equations.values(pre), states[-1])
        if both:
            return h, c
        return (c,) if variant.memory else (h,)

    def output(states):
        return follows(states[0]) if variant.memory and not both else states[0]

    return step, (zero,) * (2 if both else 1), weights, output


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _states(ways: Ways, first: States, weights: Any) -> States:
    """s_1 ... s_T, by Newton steps or, where these fail, by the loop."""
    step, newton, _ = ways
    if not newton:
        return _loop(step, first, weights)
    found, _, converged = _newton(step, first, weights)
    return lax.cond(converged, lambda: found, lambda: _loop(step, first, weights))


def _ahead(ways, first, weights):
    found = _states(ways, first, weights)
    return found, (first, weights, found)


def _back(ways, kept, gradients):
    """The gradients at all s_t from the end, then those at the weights at once."""
    step, _, solve = ways
    first, weights, found = kept
    before = _before(first, found)
    _, pull = jax.vjp(step, before, weights)
    blocks = _blocks(step, before, weights)
    # lambda_t = gradient_t + J_{t+1}^T lambda_{t+1}
    later = [
        [jnp.concatenate([b[1:], jnp.zeros_like(b[:1])]) for b in column]
        for column in zip(*blocks, strict=True)
    ]
    at_first, at_weights = pull(solve(later, gradients, reverse=True))
    return tuple(x[0] for x in at_first), at_weights


_states.defvjp(_ahead, _back)


def _loop(step: Step, first: States, weights: Any) -> States:
    rows = {"W": weights["W"]}

    def body(states, row):
        states = step(states, weights | row)
        return states, states

    return lax.scan(body, first, rows)[1]


def _newton(step: Step, first: States, weights: Any):
    """The states, the Newton steps that were tried, and whether they are a solution."""

    def distance(states):
        before = _before(first, states)
        now = step(before, weights)
        residual = tuple(a - b for a, b in zip(now, states, strict=True))
        return before, residual, _largest(residual) / (1 + _largest(states))

    def going(carry):
        _, _, _, worst, taken = carry
        return ~(worst <= TOLERANCE) & (taken < LIMIT)

    def body(carry):
        states, delta, part, worst, taken = carry
        tried = jax.tree.map(lambda s, d: s + part * d, states, delta)
        before, residual, now = distance(tried)
        better = now < worst

        def solve():
            return _solve(_blocks(step, before, weights), residual)

        delta = lax.cond(better & ~(now <= TOLERANCE), solve, lambda: delta)
        states, part, worst = jax.tree.map(
            partial(jnp.where, better),
            (tried, jnp.minimum(1.0, 2 * part), now),
            (states, HALF * part, worst),
        )
        return states, delta, part, worst, taken + 1

    shape = (weights["W"]["c"].shape[0], *first[0].shape)
    start = tuple(jnp.broadcast_to(s, shape) for s in first)
    none = jax.tree.map(jnp.zeros_like, start)
    # The first turn goes nowhere: it evaluates the start.
    carry = (start, none, jnp.ones(()), jnp.array(jnp.inf), -1)
    states, _, _, worst, taken = lax.while_loop(going, body, carry)
    return states, taken, worst <= TOLERANCE


def _largest(arrays: States) -> Array:
    """The largest absolute value; infinity where one is no number, which a maximum
    may pass over on a CPU."""
    sizes = [jnp.where(jnp.isnan(x), jnp.inf, jnp.abs(x)) for x in arrays]
    return jnp.max(jnp.array([jnp.max(size) for size in sizes]))


def _before(first: States, states: States) -> States:
    """s_0 ... s_{T-1}."""
    return tuple(
        jnp.concatenate([s[None], all_[:-1]])
        for s, all_ in zip(first, states, strict=True)
    )


def _blocks(step: Step, before: States, weights: Any) -> list[list[Array]]:
    """J_t by rows: the derivative of the state j by the state k before."""
    columns = []
    for k in range(len(before)):
        ones = tuple(jnp.full_like(s, float(k == j)) for j, s in enumerate(before))
        columns.append(jax.jvp(lambda s: step(s, weights), (before,), (ones,))[1])
    return [list(row) for row in zip(*columns, strict=True)]


def _solve(blocks: list[list[Array]], right: States, reverse: bool = False) -> States:
    """x_t = J_t x_{t-1} + b_t for all t, from 0; or from the end, with x_{t+1}."""

    def after(early, late):
        (a, x), (b, y) = early, late
        columns = list(zip(*a, strict=True))
        combined = [[_product(row, column) for column in columns] for row in b]
        return combined, _affine(b, x, y)

    return lax.associative_scan(after, (blocks, right), reverse=reverse)[1]


def _affine(blocks: list[list[Array]], x: States, right: States) -> States:
    """J x + b."""
    return tuple(_product(row, x) + own for row, own in zip(blocks, right, strict=True))


def _product(row: Sequence[Array], column: Sequence[Array]) -> Any:
    return sum(a * b for a, b in zip(row, column, strict=True))


def _solve_by_loop(blocks: list[list[Array]], right: States, reverse: bool) -> States:
    """As `_solve`, one step after the other."""

    def body(x, row):
        x = _affine(row[0], x, row[1])
        return x, x

    start = tuple(jnp.zeros_like(b[0]) for b in right)
    return lax.scan(body, start, (blocks, right), reverse=reverse)[1]
