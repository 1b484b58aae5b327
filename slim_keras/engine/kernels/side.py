"""Values of several blocks, where a compiler can neither join arrays nor cut them."""

from collections.abc import Iterable
from typing import Any


class Side:
    """Values side by side, of which `Variant.part` takes one."""

    def __init__(self, values: Iterable[Any]):
        self.values = tuple(values)

    @property
    def shape(self):
        return (1, len(self.values))

    def __getitem__(self, index):
        _, blocks = index
        (value,) = self.values[blocks]
        return value
