"""What is fixed about a pass before any number is known."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slim_keras.engine.backends import primitives
from slim_keras.equations import Array, Equations
from slim_keras.variants import Variant


@dataclass(frozen=True)
class Plan:
    """Hashable, so that a compiled pass is found again.

    Attributes:
        equations: The step.
        given: Names of the arrays that are passed, in order; the input product of a
            block k is called "W k".
        units: Hidden units. TensorFlow widens a compiled function to unknown sizes
            where they vary from call to call; this one must stay known.
        sequence: Whether the outputs of all steps are wanted.
        dtype: The compute dtype; outputs have it.
        fused: Whether the loop is one kernel, which sums what it has in registers.
    """

    equations: Equations
    given: tuple[str, ...]
    units: int
    sequence: bool
    dtype: str
    fused: bool = False

    @property
    def variant(self) -> Variant:
        return self.equations.variant

    @property
    def carry_dtype(self) -> str:
        """The dtype of what is carried over the steps."""
        return "float32" if self.dtype in ("float16", "bfloat16") else self.dtype

    @functools.cached_property
    def static(self) -> tuple[str, ...]:
        """Blocks that see their bias alone: the same at every step."""
        return tuple(k for k in self.variant.blocks if getattr(self.variant, k) == "b")

    @functools.cached_property
    def moving(self) -> tuple[str, ...]:
        """The other computed blocks."""
        return tuple(k for k in self.variant.blocks if k not in self.static)

    @functools.cached_property
    def emitted(self) -> tuple[str, ...]:
        """Blocks whose gradient is needed step by step: inputs and matrices."""
        return tuple(
            k for k in self.moving if set("WU") & set(getattr(self.variant, k))
        )

    @functools.cached_property
    def summed(self) -> tuple[str, ...]:
        """Blocks whose bias has its gradient summed by the reverse loop.

        A scan leaves the sums of what it emits anyway to one reduction after it.
        """
        if "bias" not in self.given:
            return ()
        return tuple(
            k for k in self.variant.having("b") if self.fused or k not in self.emitted
        )

    @property
    def from_memory(self) -> bool:
        """Whether the backward pass has the body's value from c."""
        return self.variant.blocks == ("c",) and self.equations.body.from_value

    @functools.cached_property
    def kept_pre(self) -> tuple[str, ...]:
        """Blocks whose pre-activation is kept in the place of their input product.

        Without a matrix it is cheaper to add the product and the rest again.
        """
        if self.from_memory:
            return ()
        return tuple(k for k in self.variant.matrix_blocks if k in self.seen)

    @property
    def seen(self) -> tuple[str, ...]:
        """Blocks that see the input."""
        return self.variant.having("W")

    @functools.cached_property
    def needed(self) -> tuple[bool, ...]:
        """Which of the given arrays the backward pass needs."""
        replaced = self.seen if self.from_memory else self.kept_pre
        return tuple(name not in {f"W {k}" for k in replaced} for name in self.given)

    @property
    def keeps_h(self) -> bool:
        """Whether the backward pass needs h, or has it from c as g(c).

        With a mask, h stays h_0 up to the first step that counts.
        """
        return self.equations.constant("o") is None or "mask" in self.given

    def named(self, arrays: Sequence[Array | None]) -> dict[str, Array]:
        """The arrays by name, the vectors and biases by block.

        All in the carry's dtype but for what the loops read step by step and for the
        matrices; the vector of a block k is called "u k", its bias "b k".
        """
        as_given = ("mask", "recurrent_kernel", *(f"W {k}" for k in self.seen))
        a = {
            name: array
            if name in as_given
            else primitives.cast(array, self.carry_dtype)
            for name, array in zip(self.given, arrays, strict=True)
            if array is not None
        }
        for term, weight in (("u", "recurrent_vector"), ("b", "bias")):
            stacked = a.pop(weight, None)
            if stacked is not None:
                for k in self.variant.having(term):
                    a[f"{term} {k}"] = self.variant.part(stacked, term, k)
        return a

    def times_matrix(self, x: Array, matrix: Array) -> Array:
        """A matrix product in the compute dtype, out of and into the carry's."""
        product = primitives.cast(x, self.dtype) @ matrix
        return primitives.cast(product, self.carry_dtype)

    def preactivations(
        self,
        blocks: Sequence[str],
        a: Mapping[str, Array],
        row: Mapping[str, Array],
        h: Array,
    ) -> dict[str, Array]:
        """Pre-activations of some blocks at one step.

        Args:
            blocks: The blocks.
            a: The arrays by name.
            row: What belongs to this step, by name.
            h: h_{t-1} after dropout.
        """
        matrix = None
        if any(k in self.variant.matrix_blocks for k in blocks):
            matrix = self.times_matrix(h, a["recurrent_kernel"])
        pre = {}
        for k in blocks:
            product = row.get(f"W {k}")
            if product is not None:
                product = primitives.cast(product, self.carry_dtype)
            pre[k] = self.equations.preactivation(
                product,
                self.variant.part(matrix, "U", k),
                a.get(f"u {k}"),
                h,
                a.get(f"b {k}"),
            )
        return pre

    def static_values(self, a: Mapping[str, Array]) -> dict[str, Array]:
        """The values of the blocks that are the same at every step."""
        return {k: self.equations.of(k).value(a[f"b {k}"]) for k in self.static}
