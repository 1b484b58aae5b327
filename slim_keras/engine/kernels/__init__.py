"""The time loop as one kernel: by Pallas on JAX, by numba and Triton on PyTorch."""

import importlib
from collections.abc import Callable

import keras

_OF_TORCH = {"cpu": "numba", "gpu": "triton"}


def sweep(platform: str) -> Callable:
    """The kernel of the backend in use, in the place of `engine.sweep.sweep`.

    Args:
        platform: What it runs on, as `engine.platform_of` says.
    """
    name = "pallas" if keras.backend.backend() == "jax" else _OF_TORCH[platform]
    return importlib.import_module(f"{__name__}.{name}").sweep
