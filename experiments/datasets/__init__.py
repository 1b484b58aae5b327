"""Data sets as plain arrays with their origin."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.core.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """Arrays ready for a model."""

    name: str  # what the data is, `"imdb"` say, or `"sample"` for synthetic data
    x_train: np.ndarray  # inputs, `(examples, ...)`
    y_train: np.ndarray  # labels, `(examples,)`
    x_test: np.ndarray  # as `x_train`
    y_test: np.ndarray  # as `y_train`
    origin: str  # one line that says where the data was read from
    # Of texts, the words by their number; 0 is padding and `""`.
    vocabulary: tuple[str, ...] = ()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over dtype, shape and bytes of the four arrays."""
        return checksum(self.x_train, self.y_train, self.x_test, self.y_test)


def checksum(*arrays: np.ndarray) -> str:
    """SHA-256 over dtype, shape and bytes of all arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def padded(row: np.ndarray, length: int, value: float = 0) -> np.ndarray:
    """The row with the value behind it, up to a length."""
    missing = [(0, length - len(row)), *[(0, 0)] * (row.ndim - 1)]
    return np.pad(row, missing, constant_values=value)


def kept_of(count: int, validation_split: float, what: str) -> int:
    """How many examples the validation part, rounded up, leaves to train on.

    Args:
        what: Their name, in the plural.

    Raises:
        UserError: None is left.
    """
    kept = count - math.ceil(count * validation_split)
    if kept < 1:
        raise UserError(
            f"validation_split is {validation_split}: of {count:,} {what} none is left "
            "to train on; choose a smaller one"
        )
    return kept


@dataclass(frozen=True)
class Parts:
    """Examples whose parts are fixed beforehand, ready for a model."""

    name: str  # what the data is, `"spoken_digits"` say, or `"sample"`
    # Inputs and labels by `train`, `val` and `test`.
    parts: dict[str, tuple[np.ndarray, np.ndarray]]
    labels: tuple[str, ...]  # what each label stands for
    origin: str  # one line that says where the data was read from
    # SHA-256 of all that the arrays were computed from. It is not that of the inputs,
    # whose last bits depend on the processor.
    checksum: str
