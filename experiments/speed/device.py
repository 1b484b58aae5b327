"""Calls that start and end on the device, as inside a network (JAX).

A layer that returns all steps, without an optimiser: `forward`, and `step`, which adds
the gradients at all weights and at the inputs. Both must at least read the inputs once
and write the outputs once, and `step` must do so again with their gradients. `copy`
reads and writes as many numbers as a `step` must, and is its floor.

cuDNN's LSTM is that of `jax.experimental.rnn`. It runs in training mode even if no
gradient follows, and takes more memory than it needs.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.speed.contenders import Contender

COPY = "copy"


def random(shape: tuple[int, ...], seed: int) -> Any:
    """Normal numbers, made on the device: the host would take minutes."""
    import jax

    return jax.random.normal(jax.random.key(seed), shape)


def calls(
    layers: dict[Contender, Any], x: Any, units: int
) -> dict[tuple[Contender, str], Callable[[], Any]]:
    """The timed calls; each waits for its result.

    Args:
        layers: Unbuilt layers that return all steps.
        x: Their inputs on the device, `(batch, steps, features)`.
        units: Of every layer.
    """
    import jax
    import jax.numpy as jnp

    gradient = random((*x.shape[:2], units), seed=1)
    found: dict[tuple[Contender, str], Callable[[], Any]] = {}
    for contender, layer in layers.items():
        forward, step = functions(layer, x.shape)
        weights = [weight.value for weight in layer.trainable_variables]
        found[contender, "step"] = partial(_wait, step, weights, x, gradient)
        found[contender, "forward"] = partial(_wait, forward, weights, x)
    double = jax.jit(lambda a: 2 * a)
    numbers = jnp.ones(x.size + gradient.size, "float32")
    found[Contender(COPY), COPY] = partial(_wait, double, numbers)
    return found


def functions(layer: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Builds a layer and returns its two compiled functions.

    Args:
        layer: The layer.
        shape: Of its inputs.

    Returns:
        `(weights, x) -> outputs` and `(weights, x, gradient at the outputs) ->
        (outputs, gradients at weights and x)`.
    """
    import jax

    layer.build(shape)
    fixed = [variable.value for variable in layer.non_trainable_variables]

    def forward(weights, x):
        return layer.stateless_call(weights, fixed, x)[0]

    def step(weights, x, gradient):
        outputs, pull = jax.vjp(forward, weights, x)
        return outputs, pull(gradient)

    return jax.jit(forward), jax.jit(step)


def _wait(function: Callable, *arguments: Any) -> Any:
    import jax

    return jax.block_until_ready(function(*arguments))


def rates(
    milliseconds: dict[str, float], copied_ms: float, numbers: int
) -> dict[str, float]:
    """Gigabytes per second, and the milliseconds of the floor of a step.

    Args:
        milliseconds: Of `forward` and `step`.
        copied_ms: Of `copy`.
        numbers: Numbers in inputs and outputs together, of 4 bytes.
    """
    moved = {"forward": 4 * numbers, "step": 8 * numbers}
    rate = {f"{what}_gb_s": moved[what] / ms / 1e6 for what, ms in milliseconds.items()}
    copy = 8 * numbers / copied_ms / 1e6
    return rate | {"copy_gb_s": copy, "floor_ms": copied_ms}
