"""The two passes over a sequence: the steps ahead, and the gradients back.

Neither knows a variant or a backend: a `Plan` says which arrays the equations need, and
`ops` is the `Arithmetic` that they are made of. `Blocks` is a dictionary from the
blocks i, f, c and o to arrays.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from slim_keras.engine import trees
from slim_keras.engine.backends import Array, backend
from slim_keras.engine.derivatives import activation
from slim_keras.engine.sweep import Unmade, sweep as backend_sweep
from slim_keras.equations import Equations, Terms, plus, times
from slim_keras.variants import Variant

Blocks = dict[str, Array]


class Given(NamedTuple):
    """The arrays that a pass is given; `None` where the layer has none.

    Attributes:
        inputs: x_t, `(steps, batch, features)`, or without a kernel the products W x_t
            of the blocks that see the input, side by side.
        h: The first output, `(batch, units)`.
        c: The first memory, `(batch, units)`.
        mask: `(steps, batch, 1)`, true where a step counts.
        drop: Factors on h_{t-1}, `(batch, units)`.
        recurrent_kernel: The matrices, `(units, blocks * units)`.
        recurrent_vector: The vectors, `(blocks * units,)`.
        bias: The biases, `(blocks * units,)`.
        kernel: W, `(features, blocks * units)`.
    """

    inputs: Array
    h: Array
    c: Array | None = None
    mask: Array | None = None
    drop: Array | None = None
    recurrent_kernel: Array | None = None
    recurrent_vector: Array | None = None
    bias: Array | None = None
    kernel: Array | None = None


class Shared(NamedTuple):
    """What all steps share: the first states, and the weights by block."""

    h: Array
    c: Array | None
    drop: Array | None
    matrix: Array | None
    vectors: Blocks
    biases: Blocks


class Row(NamedTuple):
    """What one step ahead sees."""

    products: Blocks
    mask: Array | None


class Kept(NamedTuple):
    """What the pass ahead keeps for the pass back, `(steps, batch, units)` each.

    Attributes:
        blocks: Values of some blocks, or pre-activations where the activation's
            derivative needs them, in the place of their products.
        c: The memories.
        h: The outputs, where they are no function of the memories.
        products: The products of blocks that the pass back computes again.
    """

    blocks: Blocks
    c: Array | None
    h: Array | None
    products: Blocks


class Last(NamedTuple):
    """The states after the last step."""

    h: Array
    c: Array


class Ends(NamedTuple):
    """What the pass back shares: `Shared`, and the last states and gradients."""

    shared: Shared
    last: Last
    dh: Array
    dc: Array | None


class RowBack(NamedTuple):
    """What one step back sees; `dh` is the gradient at the step's output."""

    blocks: Blocks
    products: Blocks
    dh: Array | None
    mask: Array | None


class Before(NamedTuple):
    """The memory of the step before, and its output or what that is made of."""

    c: Any
    h: Any
    o: Any


class Carry(NamedTuple):
    """What is carried back: gradients at h and c, c and g(c), sums for the weights."""

    dh: Array
    dc: Array
    c: Array
    squashed: Array | None
    vectors: Blocks
    biases: Blocks


@dataclass(frozen=True)
class Plan:
    """What is fixed about a pass before any number is known.

    Hashable, so that a compiled pass is found again.

    Attributes:
        step: The equations, with `Function`s in the place of activations.
        masked: Whether steps may not count.
        dropped: Whether a part of h_{t-1} is dropped.
        biased: Whether there is a bias.
        units: Hidden units. TensorFlow widens a compiled function to unknown sizes
            where they vary from call to call; this one must stay known.
        sequence: Whether the outputs of all steps are wanted.
        dtype: The compute dtype; outputs have it.
        fused: Whether a sweep is one kernel, which sums what it has in registers.
        from_inputs: Whether that kernel makes the products W x_t, too.
        kernel: Whether there is W; otherwise the inputs are the products.
    """

    step: Any
    masked: bool
    dropped: bool
    biased: bool
    units: int
    sequence: bool
    dtype: str
    fused: bool = False
    from_inputs: bool = False
    kernel: bool = True

    @property
    def variant(self) -> Variant:
        return self.step.variant

    def equations(self, ops: Any) -> Equations:
        """The equations made of some operations."""
        return replace(
            self.step,
            body=activation(self.step.body, ops),
            output=activation(self.step.output, ops),
            gate=activation(self.step.gate, ops),
            add_product=ops.add_product,
        )

    @property
    def carry_dtype(self) -> str:
        """The dtype of what is carried over the steps."""
        return "float32" if self.dtype in ("float16", "bfloat16") else self.dtype

    @property
    def seen(self) -> tuple[str, ...]:
        """Blocks that see the input."""
        return self.variant.having("W")

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
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The emitted blocks by the array that has their gradients.

        Side by side they have one product with the inputs, and one with the matrices.
        A kernel writes an array for each.
        """
        if self.fused:
            return tuple((k,) for k in self.emitted)
        others = tuple(k for k in self.emitted if k not in self.seen)
        return tuple(group for group in (self.seen, others) if group)

    @functools.cached_property
    def flat(self) -> bool:
        """Whether a time loop sees examples and units as one axis.

        A mask is a number of an example, and would have to be spread over units.
        """
        functions = self.step.body, self.step.output, self.step.gate
        alone = self.variant.pointwise and not self.masked
        return alone and all(f.known for f in functions)

    @functools.cached_property
    def summed(self) -> tuple[str, ...]:
        """Blocks whose bias has its gradient summed by the pass back.

        A time loop leaves the sums of what it emits anyway to one reduction after it.
        """
        if not self.biased:
            return ()
        return tuple(
            k for k in self.variant.having("b") if self.fused or k not in self.emitted
        )

    @functools.cached_property
    def from_memory(self) -> bool:
        """Whether the pass back has the body's value from c."""
        body = activation(self.step.body, backend)
        return self.variant.blocks == ("c",) and body.from_value and body.smooth

    @functools.cached_property
    def kept(self) -> tuple[str, ...]:
        """Blocks of which `Kept` has an array.

        A time loop writes it over the products. A kernel that is given the products
        is quicker to compute blocks again than to write them, without a matrix.
        """
        if self.from_memory:
            return ()
        if self.from_inputs or not self.fused:
            return self.seen
        return tuple(k for k in self.variant.matrix_blocks if k in self.seen)

    @functools.cached_property
    def again(self) -> tuple[str, ...]:
        """Blocks that the pass back computes again."""
        if self.from_memory:
            return ()
        return tuple(k for k in self.moving if k not in self.kept)

    @functools.cached_property
    def gates_h(self) -> bool:
        """Whether the pass back has h as o * g(c), step by step."""
        gate = activation(self.step.gate, backend)
        loop = not (self.fused or self.masked or self.again)
        return loop and self.variant.pointwise and gate.from_value and "o" in self.kept

    @property
    def keeps_h(self) -> bool:
        """Whether the pass back needs h, or has it from c as g(c) or o * g(c).

        With a mask, h stays h_0 up to the first step that counts.
        """
        return self.masked or not (self.step.constant("o") == 1.0 or self.gates_h)

    @functools.cached_property
    def form(self) -> Given:
        """A `Given` with True in the place of each array."""
        variant = self.variant
        return Given(
            inputs=True,
            h=True,
            c=variant.memory or None,
            mask=self.masked or None,
            drop=self.dropped or None,
            recurrent_kernel=bool(variant.matrix_blocks) or None,
            recurrent_vector=bool(variant.vector_blocks) or None,
            bias=self.biased or None,
            kernel=self.kernel or None,
        )

    @functools.cached_property
    def needed(self) -> tuple[bool, ...]:
        """Which of the given arrays the pass back needs, in their order."""
        return tuple(trees.flatten(self.form._replace(inputs=self.kernel)))

    def aligned(self, found: Given) -> tuple[Array | None, ...]:
        """The gradients in the order of the given arrays."""
        form = self.form._asdict()
        return tuple(getattr(found, name) for name, there in form.items() if there)

    def products(self, given: Given) -> dict[str, Any]:
        """W x_t of the blocks that see the input.

        A product for each, so that the steps read and write whole rows.
        """
        part = self.variant.part
        if not self.kernel:
            return {k: part(given.inputs, "W", k) for k in self.seen}
        kernels = {k: part(given.kernel, "W", k) for k in self.seen}
        product = Unmade if self.from_inputs else backend.product
        return {k: product(given.inputs, kernel) for k, kernel in kernels.items()}

    def columns(self, group: Sequence[str], stacked: Array) -> Blocks:
        """The columns of each block of a group in an array of all of them."""
        units = self.units
        return {
            k: stacked[..., j * units : (j + 1) * units] for j, k in enumerate(group)
        }

    def shared(self, given: Given) -> Shared:
        """What all steps share, in the carry's dtype; the matrix stays as it is."""
        cast = functools.partial(backend.cast, dtype=self.carry_dtype)

        def by_block(term: str, stacked: Array | None) -> Blocks:
            if stacked is None:
                return {}
            blocks = self.variant.having(term)
            return {k: self.variant.part(cast(stacked), term, k) for k in blocks}

        return Shared(
            h=cast(given.h),
            c=None if given.c is None else cast(given.c),
            drop=None if given.drop is None else cast(given.drop),
            matrix=given.recurrent_kernel,
            vectors=by_block("u", given.recurrent_vector),
            biases=by_block("b", given.bias),
        )

    def times_matrix(self, ops: Any, x: Array, matrix: Array) -> Array:
        """A matrix product in the compute dtype, out of and into the carry's."""
        return ops.cast(ops.cast(x, self.dtype) @ matrix, self.carry_dtype)

    def preactivations(
        self,
        ops: Any,
        equations: Equations,
        blocks: Sequence[str],
        shared: Shared,
        products: Blocks,
        h: Array,
    ) -> Blocks:
        """Pre-activations of some blocks at one step; h is h_{t-1} after dropout.

        `equations` are those made of `ops`, once for all steps.
        """
        matrix = None
        if shared.matrix is not None and set(blocks) & set(self.variant.matrix_blocks):
            matrix = self.times_matrix(ops, h, shared.matrix)
        pre = {}
        for k in blocks:
            product = products.get(k)
            if product is not None:
                product = ops.cast(product, self.carry_dtype)
            terms = Terms(
                product=product,
                matrix=self.variant.part(matrix, "U", k),
                vector=shared.vectors.get(k),
                bias=shared.biases.get(k),
            )
            pre[k] = equations.preactivation(terms, h)
        return pre

    def static_values(self, ops: Any, shared: Shared) -> Blocks:
        """The values of the blocks that are the same at every step."""
        equations = self.equations(ops)
        return {k: equations.of(k).value(shared.biases[k]) for k in self.static}


def forward(
    plan: Plan, given: Given, keep: bool, sweep: Callable = backend_sweep
) -> tuple[tuple[Array, ...], tuple[Kept, Last] | None]:
    """Runs all steps.

    What is kept is, per step, c, `Plan.kept` blocks in the place of their input
    products, and h where c does not tell it. Where the body alone is computed its value
    is `c_t - f c_{t-1}`, and c alone is kept.

    Args:
        plan: What is fixed.
        given: The arrays.
        keep: Whether the pass back may follow.
        sweep: What runs the steps.

    Returns:
        The last states, followed by h of all steps `(steps, batch, units)` where
        wanted; and what `backward` needs beside the arrays.
    """
    shared = plan.shared(given)
    products = plan.products(given)
    last, (kept, outputs) = sweep(
        functools.partial(ahead, plan, keep), shared, Row(products, given.mask)
    )
    kept = kept._replace(products={k: products[k] for k in plan.again if k in products})
    results = list(last) if plan.variant.memory else [last.h]
    if plan.sequence:
        results.append(kept.h if outputs is None else outputs)
    results = [backend.cast(x, plan.dtype) for x in results]
    return tuple(results), (kept, last) if keep else None


def ahead(plan: Plan, keep: bool, ops: Any, shared: Shared):
    """The step, and the states before the first."""
    static = plan.static_values(ops, shared)
    equations = plan.equations(ops)
    keeps_h = keep and plan.keeps_h

    def step(states: Last, row: Row, before: tuple):
        h, c = states
        seen = h if shared.drop is None else h * shared.drop
        pre = plan.preactivations(
            ops, equations, plan.moving, shared, row.products, seen
        )
        value = equations.values(pre) | static
        new_h, new_c = equations.step(value, c)
        if row.mask is not None:
            new_h = ops.where(row.mask, new_h, h)
            new_c = ops.where(row.mask, new_c, c)
        blocks = _residuals(equations, plan.kept if keep else (), pre, value)
        if not plan.fused:
            blocks = {k: backend.instead(row.products[k], x) for k, x in blocks.items()}
        kept = Kept(
            blocks=blocks,
            c=new_c if keep else None,
            h=new_h if keeps_h else None,
            products={},
        )
        stacked = plan.sequence and not keeps_h
        outputs = ops.cast(new_h, plan.dtype) if stacked else None
        return Last(new_h, new_c), (kept, outputs)

    return step, Last(shared.h, shared.h if shared.c is None else shared.c)


def backward(
    plan: Plan,
    given: Given,
    kept: tuple[Kept, Last],
    gradients: Sequence[Array],
    sweep: Callable = backend_sweep,
    to_inputs: bool = True,
) -> Given:
    """All gradients, from those at the outputs of `forward`.

    The steps back carry the gradients at h and c, put out those at the pre-activations
    that inputs or matrices lead to, and sum those that go to vectors and to gates
    without either.

    Args:
        plan: What is fixed.
        given: The arrays; products that are not needed may be missing.
        kept: What `forward` kept.
        gradients: Gradients at the last states and, where wanted, at all outputs.
        sweep: What runs the steps.
        to_inputs: Whether that at the inputs is wanted, where they are given.

    Returns:
        The gradients at the arrays; `None` for mask and dropout.
    """
    variant = plan.variant
    steps, last = kept
    shared = plan.shared(given)
    dh, *rest = (backend.cast(g, plan.carry_dtype) for g in gradients[: _states(plan)])
    blocks, products = steps.blocks, steps.products
    hoists = bool(plan.again) and not plan.fused
    seen = _seen(plan, shared, steps) if variant.matrix_blocks or hoists else None
    if hoists:
        # All steps at once: a time loop is slower, and leaves other cores idle.
        equations = plan.equations(backend)
        pre = plan.preactivations(
            backend, equations, plan.again, shared, products, seen
        )
        again = _residuals(equations, plan.again, pre, equations.values(pre))
        blocks, products = blocks | again, {}
    elif needed := set(plan.again) & set(variant.matrix_blocks):
        # All at once, as a kernel has one product a step, which leads back.
        hoisted = plan.times_matrix(backend, seen, shared.matrix)
        products |= {k: variant.part(hoisted, "U", k) for k in needed}
    carry, emitted = sweep(
        functools.partial(_back, plan),
        Ends(shared, last, dh, rest[0] if rest else None),
        RowBack(blocks, products, gradients[-1] if plan.sequence else None, given.mask),
        earlier=Before(steps.c, steps.h, blocks["o"] if plan.gates_h else None),
        reverse=True,
    )
    dpre = dict(zip(plan.groups, emitted, strict=True))
    to_products = {
        group: backend.cast(x, plan.dtype)
        for group, x in dpre.items()
        if set(group) <= set(plan.seen)
    }
    found = Given(inputs=None, h=carry.dh)
    if plan.kernel:
        kernels = [backend.outer(given.inputs, x) for x in to_products.values()]
        found = found._replace(kernel=backend.join(kernels))
    if to_inputs:
        found = found._replace(inputs=_to_inputs(plan, given, to_products))
    if variant.memory:
        found = found._replace(c=carry.dc)
    if plan.biased:
        sums = {k: backend.column_sums(x) for k, x in carry.biases.items()}
        equations = plan.equations(backend)
        for k, value in plan.static_values(backend, shared).items():
            sums[k] = equations.of(k).pull(shared.biases[k], value, sums[k])
        missing = set(variant.having("b")) - set(sums)
        for group, x in dpre.items():
            if missing & set(group):
                sums |= plan.columns(group, backend.column_sums(x))
        found = found._replace(
            bias=backend.join([sums[k] for k in variant.having("b")])
        )
    if variant.vector_blocks:
        vectors = [backend.column_sums(carry.vectors[k]) for k in variant.vector_blocks]
        found = found._replace(recurrent_vector=backend.join(vectors))
    if variant.matrix_blocks:
        matrices: Blocks = {}
        for group, x in dpre.items():
            if set(group) & set(variant.matrix_blocks):
                product = backend.outer(seen, backend.cast(x, plan.carry_dtype))
                matrices |= plan.columns(group, product)
        found = found._replace(
            recurrent_kernel=backend.join([matrices[k] for k in variant.matrix_blocks])
        )
    return trees.transform(lambda x: backend.cast(x, plan.dtype), found)


def _to_inputs(
    plan: Plan, given: Given, to_products: dict[tuple[str, ...], Array]
) -> Array:
    """The gradient at the inputs, from those at the products of each group."""
    if not plan.kernel:
        return backend.join(list(to_products.values()))
    parts = []
    for group, x in to_products.items():
        kernel = [plan.variant.part(given.kernel, "W", k) for k in group]
        parts.append(backend.product(x, backend.transpose(backend.join(kernel))))
    return functools.reduce(operator.iadd, parts)


def _residuals(
    equations: Equations, blocks: Sequence[str], pre: Blocks, value: Blocks
) -> Blocks:
    """What the pass back needs of blocks: values, or else pre-activations."""
    return {k: (value if equations.of(k).from_value else pre)[k] for k in blocks}


def _states(plan: Plan) -> int:
    return 2 if plan.variant.memory else 1


def _back(plan: Plan, ops: Any, ends: Ends):
    """The step back, and its carry after the last step."""
    shared, variant, equations = ends.shared, plan.variant, plan.equations(ops)
    static = plan.static_values(ops, shared)
    without_matrix = shared._replace(matrix=None)
    zero = ops.zeros_like(ends.last.h)
    transposed = None if shared.matrix is None else ops.transpose(shared.matrix)
    c_first = shared.h if shared.c is None else shared.c
    squashed = None if plan.keeps_h else ends.last.h
    if plan.gates_h:
        squashed = equations.output.value(ends.last.c)

    def step(carry: Carry, row: RowBack, before: Before):
        dh, dc, c, squashed, vectors, biases = carry
        c_previous = before.c(c_first)
        squashed_previous = None
        if plan.keeps_h:
            h_previous = before.h(shared.h)
            squashed = equations.output.value(c)
        elif plan.gates_h:
            squashed_previous = equations.output.value(c_previous)
            h_previous = before.o(shared.h, lambda o: o * squashed_previous)
        else:
            h_previous = before.c(shared.h, equations.output.value)
            squashed_previous = h_previous
        seen = h_previous if shared.drop is None else h_previous * shared.drop
        pre: Blocks = {}
        value: dict[str, Any] = {}
        for k, x in row.blocks.items():
            (value if equations.of(k).from_value else pre)[k] = x
        if plan.from_memory:
            value["c"] = equations.body_value(c, c_previous)
        elif plan.fused:
            pre |= plan.preactivations(
                ops, equations, plan.again, without_matrix, row.products, seen
            )
        value = equations.values(pre) | static | value

        if row.dh is not None:
            dh = dh + ops.cast(row.dh, plan.carry_dtype)
        passed_h = passed_c = None
        if row.mask is not None:  # what passes a masked step by
            passed_h, dh = (
                ops.where(row.mask, zero, dh),
                ops.where(row.mask, dh, zero),
            )
            passed_c, dc = (
                ops.where(row.mask, zero, dc),
                ops.where(row.mask, dc, zero),
            )
        dvalue, dc_previous = equations.pull_step(
            value, c, c_previous, squashed, dh, dc
        )
        dpre = {
            k: equations.of(k).pull(pre.get(k), value[k], dvalue[k])
            for k in plan.moving
        }
        dh = None
        if variant.matrix_blocks:
            through = ops.join([dpre[k] for k in variant.matrix_blocks])
            dh = plan.times_matrix(ops, through, transposed)
        for k in variant.vector_blocks:
            u = shared.vectors[k]
            dh = u * dpre[k] if dh is None else equations.add_product(dh, u, dpre[k])
        if shared.drop is not None:
            dh = times(shared.drop, dh)
        # A gate that does not move is pulled back once, after all steps.
        at = dvalue | dpre
        dh = plus(dh, passed_h)
        carry = Carry(
            dh=zero if dh is None else dh,
            dc=plus(dc_previous, passed_c) if variant.memory else zero,
            c=c_previous,
            squashed=squashed_previous,
            vectors={
                k: equations.add_product(total, dpre[k], seen)
                for k, total in vectors.items()
            },
            biases={k: total + at[k] for k, total in biases.items()},
        )
        if plan.fused:
            dpre = {k: ops.cast(x, plan.dtype) for k, x in dpre.items()}
        return carry, tuple(
            backend.beside([dpre[k] for k in group], plan.units)
            for group in plan.groups
        )

    return step, Carry(
        dh=ends.dh,
        dc=zero if ends.dc is None else ends.dc,
        c=ends.last.c,
        squashed=squashed,
        vectors=dict.fromkeys(variant.vector_blocks, zero),
        biases=dict.fromkeys(plan.summed, zero),
    )


def _seen(plan: Plan, shared: Shared, steps: Kept) -> Array:
    """h_{t-1} after dropout, of all steps."""
    hs = steps.h if plan.keeps_h else plan.equations(backend).output.value(steps.c)
    # Shifted once, instead of a slice of every gradient, which would be a copy of it.
    previous = backend.shifted(shared.h, hs)
    return previous if shared.drop is None else previous * shared.drop
