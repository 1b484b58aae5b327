"""Where a time loop keeps what its steps put out, if not in an array of its own.

XLA writes a step's row into a stack in place. A stack that starts as an array that is
read no more costs no memory and need not be filled with zeros; blocks side by side in
one stack have one matrix product, where stacks of their own would have one each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Output:
    """What a step puts out.

    Attributes:
        parts: The values of blocks side by side; mostly one.
        units: The width of a part; 0 for one part, as wide as it is.
        row: What the step read from where the one part is to be kept; `None` for a
            stack of its own.
    """

    parts: tuple[Any, ...]
    units: int = 0
    row: Any = None

    def place(self, rows: Sequence[Any]) -> int | None:
        """Which of the rows it takes the place of."""
        return next((k for k, x in enumerate(rows) if x is self.row), None)


def beside(arrays: Iterable[Any], units: int) -> Any:
    """The arrays, `(batch, units)` or flat, side by side in a stack."""
    parts = tuple(arrays)
    return Output(parts, units) if len(parts) > 1 else parts[0]


def instead(row: Any, value: Any) -> Any:
    """A value in the place of the row that the step read, if it fits there."""
    return Output((value,), row=row) if row.dtype == value.dtype else value


def output(x: Any) -> Output:
    """The `Output` that a leaf of what a step puts out is."""
    return x if isinstance(x, Output) else Output((x,))
