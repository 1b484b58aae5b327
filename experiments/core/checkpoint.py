"""A training run in one file: weights, optimizer, seeds and history together.

The file is a Keras weights file, so `model.load_weights` reads it too.
"""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from experiments.core.errors import UserError
from experiments.core.results import replacing

History = list[dict[str, Any]]


def save(model: Any, history: History, path: Path) -> None:
    """Writes the checkpoint, whole or not at all.

    Args:
        model: A compiled and built Keras model.
        history: One entry for each finished epoch.
        path: A file whose name ends in `.weights.h5`.
    """
    import keras

    with replacing(path) as beside:
        _reserve(beside, model)
        model.save_weights(beside)
        with h5py.File(beside, "a") as file:
            file["history"] = json.dumps(history)
            file["seeds"] = [keras.ops.convert_to_numpy(seed) for seed in _seeds(model)]
            file["digest"] = _digest(model)


def _reserve(path: Path, model: Any) -> None:
    """Raises OSError if the disk has no room: HDF5 crashes when it finds out itself."""
    variables = [*model.variables, *model.optimizer.variables]
    room = 2**16 + sum(4096 + 4 * math.prod(each.shape) for each in variables)
    if hasattr(os, "posix_fallocate"):
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room)


def load(model: Any, path: Path, exact: bool = True) -> History:
    """Puts a model into the state that `save` saved, and returns the history.

    Args:
        model: The same model, compiled and built.
        path: The file that `save` wrote.
        exact: Whether to compare all bytes: another backend has other dtypes for seeds.

    Raises:
        UserError: The file is damaged or of another model.
    """
    model.optimizer.build(model.trainable_variables)
    try:
        with h5py.File(path) as file:
            history = json.loads(file["history"][()])
            seeds = file["seeds"][()]
            digest = file["digest"][()].decode()
        model.load_weights(path)
        for variable, value in zip(_seeds(model), seeds, strict=True):
            variable.assign(value)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise _damaged(path) from error
    if exact and digest != _digest(model):
        raise _damaged(path)
    return history


def _damaged(path: Path) -> UserError:
    return UserError(
        f"checkpoint {path} is damaged; delete it to train this run from the start"
    )


def _seeds(model: Any) -> list[Any]:
    """The states of the random generators, which Keras' weights files leave out."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _digest(model: Any) -> str:
    """A checksum of everything that an epoch hands to the next one."""
    import keras

    digest = hashlib.sha256()
    for variable in (*model.variables, *model.optimizer.variables):
        value = keras.ops.convert_to_numpy(variable)
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
