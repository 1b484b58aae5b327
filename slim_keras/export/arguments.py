"""What an export refuses before it converts anything."""

import re
from pathlib import Path

import keras
import numpy as np

from slim_keras.export.signature import inputs_of, outputs_of

# What a signature of TensorFlow keeps as it is.
_NAME = re.compile("[A-Za-z0-9_]+")


def check_path(path: Path, suffix: str):
    """Refuses a path without `suffix`, or one that holds no file of that kind."""
    if suffix and path.suffix != suffix:
        raise ValueError(
            f"`path` must end with {suffix!r}. Received: path={str(path)!r}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of `path` must exist. Received: path={str(path)!r}"
        )
    replaceable = path.is_file() if suffix else (path / "saved_model.pb").exists()
    if path.exists() and not replaceable:
        raise ValueError(
            f"`path` exists and is not a file that may be replaced: {str(path)!r}"
        )


def check_name(path: Path):
    """Refuses a file whose stem cannot begin names in C."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", path.stem):
        raise ValueError(
            "`path` must be named as C names things: a letter, then letters, digits "
            f"and underscores. Received: path={str(path)!r}"
        )


def check_model(model: keras.Model, batch_size: int | None = None):
    """Refuses a model of which no file can be made, and a batch size not its own."""
    inputs = inputs_of(model)
    if batch_size is not None and (
        isinstance(batch_size, bool)
        or not isinstance(batch_size, int | np.integer)
        or batch_size < 1
    ):
        raise ValueError(
            "`batch_size` must be a positive integer or None. Received: "
            f"batch_size={batch_size!r}"
        )
    for port in inputs:
        if port.dtype == "string":
            raise ValueError(
                "`model` must take numbers. Received: the input "
                f"{port.name!r} of strings. Export the layers behind "
                "`TextVectorization` or `StringLookup`, and apply it before them."
            )
        if batch_size is not None and port.shape[0] not in (None, batch_size):
            raise ValueError(
                f"`batch_size` must be {port.shape[0]}, as in the input "
                f"{port.name!r} of `model`, or None. Received: batch_size={batch_size}"
            )
    for name in [*(port.name for port in inputs), *outputs_of(model)]:
        if not _NAME.fullmatch(name):
            raise ValueError(
                "Names of inputs and outputs must consist of the letters A to Z, "
                f"digits and underscores. Received: {name!r}"
            )
    for variable in model.variables:
        if "float" in variable.dtype and np.isnan(np.asarray(variable)).any():
            raise ValueError(
                "`model` must have weights that are numbers. Received: NaN in the "
                f"weight {variable.path!r}"
            )
