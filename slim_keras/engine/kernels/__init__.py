"""The time loop as one kernel: by Pallas on JAX, by numba on PyTorch."""

import importlib
from collections.abc import Callable

import keras

_MODULES = {"jax": "pallas", "torch": "numba"}


def sweep() -> Callable:
    """The kernel of the backend in use, in the place of `engine.sweep.sweep`."""
    name = _MODULES[keras.backend.backend()]
    return importlib.import_module(f"{__name__}.{name}").sweep
