"""The time loop as one kernel: by Pallas on JAX, by numba and Triton on PyTorch."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import keras

_OF_TORCH = {"cpu": "numba", "gpu": "triton"}


@dataclass(frozen=True)
class Kernel:
    """What runs all steps at once.

    Attributes:
        sweep: In the place of `engine.sweep.sweep`.
        takes_inputs: `(cell, inputs) -> bool`: whether it makes the products of a
            cell with inputs `(steps, batch, features)` itself, given as `Unmade`.
    """

    sweep: Callable
    takes_inputs: Callable


def kernel(platform: str) -> Kernel:
    """The kernel of the backend in use.

    Args:
        platform: What it runs on, as `engine.platform_of` says.
    """
    name = "pallas" if keras.backend.backend() == "jax" else _OF_TORCH[platform]
    module = importlib.import_module(f"{__name__}.{name}")
    return Kernel(module.sweep, getattr(module, "takes_inputs", _never))


def _never(cell, inputs):
    return False
