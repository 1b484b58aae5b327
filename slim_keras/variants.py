"""Every variant as a row of data: what each of its four blocks sees.

A cell computes up to four blocks, always in the order `i, f, c, o`: input gate,
forget gate, cell body, output gate. With `s` the gate activation and `g` the
activation of body and output,

    i, f, o = s(pre-activation)  or a constant
    c_t = f * c_{t-1} + i * g(pre-activation of c)
    h_t = o * g(c_t)

and a block's pre-activation is a sum of at most three terms, named by letters:

    "W"  a matrix times the input            W x_t         kernel
    "U"  a matrix times the last output      U h_{t-1}     recurrent_kernel
    "u"  a vector times the last output      u * h_{t-1}   recurrent_vector
    "b"  a bias                              b             bias

Adding a variant is adding a row to `VARIANTS` and a docstring in `cells.py`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

BLOCKS = ("i", "f", "c", "o")


@dataclass(frozen=True)
class Variant:
    """One row: what the blocks of a cell see.

    Attributes:
        key: Name on command lines and in `slim_keras.get`.
        name: Name of the layer class.
        i: Terms of the input gate, as letters, or its constant value.
        f: Terms of the forget gate, or its constant value (a default, changed by
            the layers' argument `forget`).
        c: Terms of the cell body.
        o: Terms of the output gate, or its constant value.
        paper: Where the variant is defined.
        linear_body: The body's activation is the identity, so that `g` acts on
            the output alone.
    """

    key: str
    name: str
    i: str | float
    f: str | float
    c: str
    o: str | float
    paper: str
    linear_body: bool = False

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
        """Whether a gate is computed, so that a gate activation has a meaning."""
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
