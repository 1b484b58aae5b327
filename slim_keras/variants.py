"""Every variant as a row of data: what each of its four blocks sees.

A cell computes up to four blocks, always in the order `i, f, c, o`: input gate,
forget gate, cell body, output gate. With `s` the gate activation and `g` the
activation of body and output,

    i, f, o = s(pre-activation)  or a constant
    c_t = f * c_{t-1} + i * g(pre-activation of c)
    h_t = o * g(c_t)

and a block's pre-activation is the sum of the terms that its letters name:

    "W"  a matrix times the input            W x_t         kernel
    "U"  a matrix times the last output      U h_{t-1}     recurrent_kernel
    "u"  a vector times the last output      u * h_{t-1}   recurrent_vector
    "b"  a bias                              b             bias

A new variant is a row in `VARIANTS`; CONTRIBUTING.md names the places of its cell, its
layer and its tests.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

BLOCKS = ("i", "f", "c", "o")
TERMS = "WUub"
_GATE = 'letters of "WUub" in this order, or a float other than 0'
_LEGAL = {
    "i": _GATE,
    "f": 'letters of "WUub" in this order, or a float between -1 and 1',
    "c": 'letters of "WUub" in this order, with "W" among them',
    "o": _GATE,
}


@dataclass(frozen=True)
class Variant:
    """One row: what the blocks of a cell see.

    Attributes:
        key: Name on command lines and in `slim_keras.get`.
        name: Name of the layer class.
        i: Terms of the input gate, as letters in the order "WUub", or its constant
            value, which is not 0.
        f: Terms of the forget gate, or its constant value, with |f| < 1: the default of
            the argument `forget`. With 0 there is no memory.
        c: Terms of the cell body, which sees the input: "W" is among them.
        o: Terms of the output gate, or its constant value, which is not 0.
        paper: Where the variant is defined.
        linear_body: The body's activation is the identity, so that `g` acts on
            the output alone.

    Raises:
        ValueError: A block has other terms or another constant.
    """

    key: str
    name: str
    i: str | float
    f: str | float
    c: str
    o: str | float
    paper: str
    linear_body: bool = False

    def __post_init__(self):
        for block in BLOCKS:
            value = getattr(self, block)
            if not _legal(block, value):
                raise ValueError(
                    f"`{block}` of the variant {self.name!r} must be {_LEGAL[block]}. "
                    f"Received: {block}={value!r}"
                )

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that are computed, not constant."""
        return tuple(k for k in BLOCKS if isinstance(getattr(self, k), str))

    def having(self, term: str) -> tuple[str, ...]:
        """The blocks with the term "W", "U", "u" or "b"."""
        return tuple(k for k in self.blocks if term in getattr(self, k))

    @cached_property
    def matrix_blocks(self) -> tuple[str, ...]:
        """The blocks that see the last output through a full matrix."""
        return self.having("U")

    @cached_property
    def vector_blocks(self) -> tuple[str, ...]:
        """The blocks that see the last output through a Hadamard product."""
        return self.having("u")

    def part(self, stacked: Any, term: str, block: str) -> Any:
        """The columns of one block in a weight or product of all blocks with a term.

        Args:
            stacked: An array whose last axis stacks the blocks `having(term)`.
            term: "W", "U", "u" or "b".
            block: The block.

        Returns:
            The part; `None` where the block lacks the term or there is no array.
        """
        blocks = self.having(term)
        if stacked is None or block not in blocks:
            return None
        units = stacked.shape[-1] // len(blocks)
        start = blocks.index(block) * units
        return stacked[..., start : start + units]

    @property
    def gated(self) -> bool:
        """Whether the cell computes a gate and so uses a gate activation."""
        return self.blocks != ("c",)

    @property
    def memory(self) -> bool:
        """Whether the cell carries a memory c beside its output h."""
        return self.f != 0.0

    @property
    def pointwise(self) -> bool:
        """Whether a unit sees no other unit's last output."""
        return not self.matrix_blocks

    @property
    def constant_forget(self) -> bool:
        """Whether the forget gate is a constant that the user may choose."""
        return self.memory and not isinstance(self.f, str)

    def parameters(self, input_dim: int, units: int, use_bias: bool = True) -> int:
        """Number of trainable parameters of one layer in one direction.

        Args:
            input_dim: Features of the input, m in the papers.
            units: Hidden units, n in the papers.
            use_bias: Whether the blocks have the biases of the row.

        Returns:
            The sum of the sizes of the four weights.
        """
        per_term = {"W": input_dim * units, "U": units * units, "u": units}
        per_term["b"] = units if use_bias else 0
        return sum(size * len(self.having(term)) for term, size in per_term.items())


def _legal(block: str, value: Any) -> bool:
    """Whether a block of a row may have these terms or this constant value."""
    if isinstance(value, str):
        ordered = [term for term in TERMS if term in value]
        sees_enough = "W" in value if block == "c" else bool(value)
        return sees_enough and list(value) == ordered
    if block == "c" or not isinstance(value, float):
        return False
    return abs(value) < 1 if block == "f" else 0 < abs(value) < math.inf


_LSTM = "Hochreiter and Schmidhuber 1997, as in arXiv 1901.06401 (eq. 2)"
_PART_1 = "arXiv 1707.04619, 1812.11391"
_PART_2 = "arXiv 1707.04623, 1812.11391"
_PART_3 = "arXiv 1707.04626, 1812.11391"

VARIANTS: dict[str, Variant] = {
    row.key: row
    for row in (
        Variant("lstm", "LSTM", "WUb", "WUb", "WUb", "WUb", _LSTM),
        Variant("lstm1", "LSTM1", "Ub", "Ub", "WUb", "Ub", _PART_1),
        Variant("lstm2", "LSTM2", "U", "U", "WUb", "U", _PART_1),
        Variant("lstm3", "LSTM3", "b", "b", "WUb", "b", _PART_1),
        Variant("lstm4", "LSTM4", "u", "u", "WUb", "u", _PART_1),
        Variant("lstm4a", "LSTM4a", "u", 0.96, "WUb", 1.0, _PART_2),
        Variant("lstm5", "LSTM5", "ub", "ub", "WUb", "ub", _PART_1),
        Variant("lstm5a", "LSTM5a", "ub", 0.96, "WUb", 1.0, _PART_2),
        Variant("lstm6", "LSTM6", 1.0, 0.4, "WUb", 1.0, "arXiv 1901.06401 (eq. 5)"),
        Variant("lstm10", "LSTM10", "u", "u", "Wub", "u", _PART_3),
        Variant("lstm11", "LSTM11", "ub", "ub", "Wub", "ub", _PART_3),
        Variant("lstm_c6", "LSTM_C6", 1.0, 0.4, "Wub", 1.0, "arXiv 1901.06401 (eq. 7)"),
        Variant("indylstm", "IndyLSTM", "Wub", "Wub", "Wub", "Wub", "arXiv 1903.08023"),
        Variant(
            "indrnn",
            "IndRNN",
            1.0,
            0.0,
            "Wub",
            1.0,
            "arXiv 1803.04831, 1910.06251",
            linear_body=True,
        ),
    )
}
