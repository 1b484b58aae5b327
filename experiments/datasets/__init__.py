"""Data sets as plain arrays with their origin."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.core.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """Arrays ready for a model.

    Attributes:
        name: What the data is, `"imdb"` say, or `"sample"` for synthetic data.
        x_train: Inputs, `(examples, ...)`.
        y_train: Labels, `(examples,)`.
        x_test: As `x_train`.
        y_test: As `y_train`.
        origin: One line that says where the data was read from.
        vocabulary: Of texts, the words by their number; 0 is padding and `""`.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    origin: str
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
    """Examples whose parts are fixed beforehand, ready for a model.

    Attributes:
        name: What the data is, `"spoken_digits"` say, or `"sample"`.
        parts: Inputs and labels by `train`, `val` and `test`.
        labels: What each label stands for.
        origin: One line that says where the data was read from.
        checksum: SHA-256 of all that the arrays were computed from. It is not that of
            the inputs, whose last bits depend on the processor.
    """

    name: str
    parts: dict[str, tuple[np.ndarray, np.ndarray]]
    labels: tuple[str, ...]
    origin: str
    checksum: str
