"""Weights as static arrays of C, in float32 or 8 bits."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

WIDTH = 88


def literal(x: float) -> str:
    """A number as a float of C."""
    text = str(np.float32(x))
    return f"{text}f" if set(text) & set(".e") else f"{text}.0f"


@dataclass(frozen=True)
class Array:
    """A static array.

    Attributes:
        name: Its name.
        sizes: Its sizes, as C writes them.
        values: Its numbers, float32 or int8.
    """

    name: str
    sizes: tuple[str, ...]
    values: np.ndarray

    def text(self) -> str:
        """The definition."""
        kind = "float" if self.values.dtype == np.float32 else "int8_t"
        sizes = "".join(f"[{size}]" for size in self.sizes)
        head = f"static const {kind} {self.name}{sizes} = {{"
        return "\n".join([head, *_rows(self.values), "};"])


def _rows(values: np.ndarray) -> Iterator[str]:
    if values.ndim > 1:
        for row in values:
            lines = list(_rows(row))
            lines[0] = "    {" + lines[0].lstrip()
            lines[-1] += "},"
            yield from lines
        return
    written = str if values.dtype == np.int8 else literal
    text = ", ".join(written(x) for x in values)
    yield from textwrap.wrap(
        text, WIDTH, initial_indent="    ", subsequent_indent="    "
    )


def quantized(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """8 bits and a scale for each row: rows = scale * bits, up to rounding."""
    scale = np.abs(rows).max(axis=1) / np.float32(127)
    bits = np.rint(rows / np.where(scale > 0, scale, 1)[:, None]).clip(-127, 127)
    return bits.astype("int8"), scale.astype("float32")
