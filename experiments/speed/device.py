"""Calls that start and end on the device, as inside a network (JAX and PyTorch).

A layer that returns all steps, without an optimiser: `forward`, and `step`, which adds
the gradients at all weights and at the inputs. Both must at least read the inputs once
and write the outputs once, and `step` must do so again with their gradients. `copy`
reads and writes as many numbers as a `step` must, and is its floor.

cuDNN's LSTM is that of `jax.experimental.rnn` on JAX. It runs in training mode even if
no gradient follows, and takes more memory than it needs.
"""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.speed.contenders import Contender

COPY = "copy"


def start(backend: str) -> Any:
    """The module that makes and times arrays on the device of a backend.

    It has `random(shape, seed)`, numbers made on the device, as the host would take
    minutes; `functions(layer, shape)`, which builds a layer and returns `(weights, x)
    -> outputs` and `(weights, x, gradient at the outputs) -> (outputs, gradients at
    weights and x)`; `weights(layer)`; `double(x)`; and `wait(result)`.
    """
    return importlib.import_module(f"experiments.speed.device_{backend}")


def calls(
    on: Any, layers: dict[Contender, Any], x: Any, units: int
) -> dict[tuple[Contender, str], Callable[[], Any]]:
    """The timed calls; each waits for its result.

    Args:
        on: What `start` returned.
        layers: Unbuilt layers that return all steps.
        x: Their inputs on the device, `(batch, steps, features)`.
        units: Of every layer.
    """

    def wait(function: Callable, *arguments: Any) -> Any:
        return on.wait(function(*arguments))

    gradient = on.random((*x.shape[:2], units), seed=1)
    found: dict[tuple[Contender, str], Callable[[], Any]] = {}
    for contender, layer in layers.items():
        forward, step = on.functions(layer, tuple(x.shape))
        weights = on.weights(layer)
        found[contender, "step"] = partial(wait, step, weights, x, gradient)
        found[contender, "forward"] = partial(wait, forward, weights, x)
    count = (x.shape[0] * x.shape[1], x.shape[2] + units)
    found[Contender(COPY), COPY] = partial(wait, on.double, on.random(count, seed=2))
    return found


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
