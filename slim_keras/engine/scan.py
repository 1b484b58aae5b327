"""The scan engine: one product for all inputs, the smallest loop, its own gradient.

Forward: the input product of all steps is one matrix product; the loop then adds the
recurrent terms. Kept for the backward pass are, per step, c, the pre-activations
(instead of the input product) and, where the output gate is computed, h. Where the
body alone is computed its value is `c_t - f c_{t-1}`, and c alone is kept. No gate is
kept.

Backward: a reverse loop over (dh, dc) yields the gradient at the pre-activations;
gradients of matrices and biases are one product each after it, those of vectors are
summed on the way. Carried values are float32 or wider whatever the compute dtype.
"""

import functools
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from slim_keras.engine.activations import pulled
from slim_keras.engine.primitives import primitives
from slim_keras.equations import Equations, part, plus, preactivation, times
from slim_keras.variants import BLOCKS


@dataclass(frozen=True)
class Plan:
    """What is fixed when a pass is built; hashable, so that passes are reused.

    Attributes:
        equations: The step.
        given: Names of the arrays that are passed, in order.
        sequence: Whether the outputs of all steps are wanted.
        dtype: The compute dtype; outputs have it.
    """

    equations: Equations
    given: tuple[str, ...]
    sequence: bool
    dtype: str

    @property
    def variant(self):
        return self.equations.variant

    @property
    def carry_dtype(self) -> str:
        return "float32" if self.dtype in ("float16", "bfloat16") else self.dtype

    @functools.cached_property
    def static(self) -> tuple[str, ...]:
        """Blocks that see their bias alone: the same at every step."""
        return tuple(k for k in self.variant.blocks if getattr(self.variant, k) == "b")

    @functools.cached_property
    def emitted(self) -> tuple[str, ...]:
        """Blocks whose gradient is needed step by step: inputs and matrices."""
        return tuple(
            k for k in self.variant.blocks if set("WU") & set(getattr(self.variant, k))
        )

    @functools.cached_property
    def summed(self) -> tuple[str, ...]:
        """The other blocks: the reverse loop sums what they need."""
        return tuple(
            k for k in self.variant.blocks if k not in self.emitted + self.static
        )

    @property
    def keeps_pre(self) -> bool:
        """Whether the backward pass needs the pre-activations."""
        return self.variant.blocks != ("c",) or not self.equations.body.from_value

    @property
    def keeps_h(self) -> bool:
        """Whether the backward pass needs h, or has it from c as g(c).

        With a mask, h stays h_0 up to the first step that counts.
        """
        return self.equations.constant("o") is None or "mask" in self.given


def run(
    cell,
    sequences,
    initial_state,
    mask,
    recurrent_drop,
    *,
    go_backwards,
    return_sequences,
    zero_output_for_mask,
):
    """Runs a cell over a whole sequence, as `keras.layers.RNN.inner_loop` does.

    Args:
        cell: A `SlimCell`.
        sequences: Inputs, `(batch, steps, features)`.
        initial_state: List of the first states, `(batch, units)` each.
        mask: `(batch, steps)`, true where a step counts, or `None`.
        recurrent_drop: Factors on h_{t-1}, `(batch, units)`, or `None`.
        go_backwards: Whether to start from the end.
        return_sequences: Whether the outputs of all steps are wanted.
        zero_output_for_mask: Whether masked steps put out zeros.

    Returns:
        The last output, the outputs `(batch, steps, units)` (the last alone, with one
        step, without `return_sequences`), and the list of last states.
    """
    batch, steps = ops.shape(sequences)[:2]
    inputs = ops.transpose(sequences, (1, 0, 2))
    masked = None
    if mask is not None:
        mask = keras.tree.flatten(mask)[0]
        masked = ops.transpose(ops.cast(ops.reshape(mask, (batch, steps)), "bool"))
        masked = ops.expand_dims(masked, axis=-1)
    if go_backwards:
        inputs = ops.flip(inputs, axis=0)
        masked = None if masked is None else ops.flip(masked, axis=0)

    kernel = ops.convert_to_tensor(cell.kernel)
    # Flat, because the gradient of a product of rank 3 sums over steps in a loop.
    flat = ops.reshape(inputs, (-1, inputs.shape[-1]))
    product = ops.matmul(ops.cast(flat, kernel.dtype), kernel)
    arrays = {
        "product": ops.reshape(product, (steps, batch, kernel.shape[-1])),
        "h": initial_state[0],
        "c": initial_state[1] if cell.variant.memory else None,
        "mask": masked,
        "drop": recurrent_drop,
        "recurrent_kernel": cell.recurrent_kernel,
        "recurrent_vector": cell.recurrent_vector,
        "bias": cell.bias,
    }
    arrays = {
        name: primitives.tensor(ops.convert_to_tensor(array))
        for name, array in arrays.items()
        if array is not None
    }
    plan = Plan(
        equations=cell.equations(pulled),
        given=tuple(arrays),
        sequence=return_sequences,
        dtype=keras.backend.standardize_dtype(cell.compute_dtype),
    )
    result = _pass(plan)(*arrays.values())
    h, states = result[0], list(result[: len(cell.state_size)])
    outputs = result[-1] if return_sequences else ops.expand_dims(h, axis=0)
    if masked is not None:
        outputs = _masked_outputs(
            outputs, masked, zero_output_for_mask, return_sequences
        )
    outputs = ops.transpose(outputs, (1, 0, 2))
    return outputs[:, -1], outputs, states


def _masked_outputs(outputs, mask, zero_output_for_mask, return_sequences):
    """What Keras' loop puts out at masked steps, given h carried over them."""
    if zero_output_for_mask:
        counts = mask if return_sequences else mask[-1:]
    elif keras.backend.backend() == "jax":
        return outputs
    elif return_sequences:
        # On these backends Keras' loop puts out zeros, not h_0, up to the first
        # step that counts.
        counts = ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
    else:
        counts = ops.any(mask, axis=0, keepdims=True)
    return ops.where(counts, outputs, ops.zeros_like(outputs))


@functools.lru_cache(maxsize=256)
def _pass(plan: Plan):
    """The compiled pass: the arrays of `plan.given` -> last states, outputs."""
    return primitives.differentiable(
        functools.partial(_forward, plan), functools.partial(_backward, plan)
    )


def _unpacked(plan: Plan, arrays) -> dict[str, Any]:
    """Arrays by name in the carry's dtype; matrices keep the compute dtype."""
    kept = ("product", "mask", "recurrent_kernel")
    return {
        name: array if name in kept else primitives.cast(array, plan.carry_dtype)
        for name, array in zip(plan.given, arrays, strict=True)
    }


def _matrix_product(plan: Plan, h, matrix):
    if matrix is None:
        return None
    product = primitives.cast(h, plan.dtype) @ matrix
    return primitives.cast(product, plan.carry_dtype)


def _preactivations(plan: Plan, blocks, a, product, h):
    """Pre-activations of `blocks` at one step, from h_{t-1} after dropout."""
    needs = any(k in plan.variant.matrix_blocks for k in blocks)
    matrix = _matrix_product(plan, h, a.get("recurrent_kernel")) if needs else None
    return {
        k: preactivation(
            plan.variant,
            k,
            product,
            h,
            matrix,
            a.get("recurrent_vector"),
            a.get("bias"),
        )
        for k in blocks
    }


def _static_values(plan: Plan, a):
    pre = _preactivations(plan, plan.static, a, None, a["h"])
    return {k: plan.equations.of(k).value(x) for k, x in pre.items()}


def _forward(plan: Plan, arrays, keep: bool):
    """All steps.

    Args:
        plan: What is fixed.
        arrays: The arrays of `plan.given`.
        keep: Whether a backward pass may follow.

    Returns:
        The outputs (last states, and h of all steps where wanted) and what the
        backward pass needs.
    """
    a = _unpacked(plan, arrays)
    equations = plan.equations
    seen = plan.variant.having("W")
    static = _static_values(plan, a)
    moving = tuple(k for k in plan.variant.blocks if k not in plan.static)
    stacks_h = plan.sequence or (keep and plan.keeps_h)

    def step(carry, t, row):
        h, c = carry
        product = primitives.cast(row[0], plan.carry_dtype)
        dropped = h * a["drop"] if "drop" in a else h
        pre = _preactivations(plan, moving, a, product, dropped)
        value = {k: equations.of(k).value(x) for k, x in pre.items()} | static
        value = {k: value.get(k, equations.constant(k)) for k in BLOCKS}
        new_h, new_c = equations.step(value, c)
        if "mask" in a:
            new_h = primitives.where(row[1], new_h, h)
            new_c = primitives.where(row[1], new_c, c)
        stacked = []
        if keep:
            stacked.append(
                primitives.join([pre[k] for k in seen]) if plan.keeps_pre else new_c
            )
            if plan.keeps_pre:
                stacked.append(new_c)
        if stacks_h:
            stacked.append(new_h)
        return (new_h, new_c), stacked

    first = (a["h"], a.get("c", a["h"]))
    rows = [a["product"]] + ([a["mask"]] if "mask" in a else [])
    (h, c), stacks = primitives.scan(step, first, rows)
    outputs = [h, c] if plan.variant.memory else [h]
    outputs += [stacks[-1]] if plan.sequence else []
    kept = {}
    if keep:
        kept = {n: x for n, x in zip(plan.given, arrays, strict=True) if n != "product"}
        names = (["pre"] if plan.keeps_pre else []) + ["cs"]
        names += ["hs"] if plan.keeps_h else []
        kept |= dict(zip(names, stacks, strict=False)) | {"h_T": h, "c_T": c}
    return tuple(primitives.cast(x, plan.dtype) for x in outputs), kept


def _backward(plan: Plan, kept, gradients):
    """All gradients, in the order of `plan.given`; `None` for mask and dropout."""
    equations, variant = plan.equations, plan.variant
    a = _unpacked(plan, [kept.get(name) for name in plan.given])
    gradients = [primitives.cast(g, plan.carry_dtype) for g in gradients]
    dhs = gradients[-1] if plan.sequence else None
    zero = primitives.zeros_like(kept["h_T"])
    static = _static_values(plan, a)
    moving = tuple(k for k in variant.blocks if k not in plan.static)
    seen = variant.having("W")
    unseen = tuple(k for k in moving if k not in seen)
    c_first = a.get("c", a["h"])
    transposed = None
    if "recurrent_kernel" in a:
        transposed = primitives.transpose(a["recurrent_kernel"])

    def step(carry, t, row):
        dh, dc, h, c, du, dsum = carry
        row = iter(row)
        c_prev = primitives.previous(kept["cs"], t, c_first)
        if plan.keeps_h:
            h_prev = primitives.previous(kept["hs"], t, a["h"])
            squashed = equations.output.value(c)
        else:
            h_prev = primitives.previous(kept["cs"], t, a["h"], equations.output.value)
            squashed = h
        dropped = h_prev * a["drop"] if "drop" in a else h_prev
        if plan.keeps_pre:
            stacked = next(row)
            pre = {k: part(stacked, seen, k) for k in seen}
            pre |= _preactivations(plan, unseen, a, None, dropped)
            value = {k: equations.of(k).value(x) for k, x in pre.items()} | static
        else:
            pre = {"c": None}
            value = {"c": equations.body_value(c, c_prev)}
        value = {k: value.get(k, equations.constant(k)) for k in BLOCKS}

        if dhs is not None:
            dh = dh + next(row)
        passed_h = passed_c = None
        if "mask" in a:
            counts = next(row)
            passed_h, dh = _split(counts, dh, zero)
            passed_c, dc = _split(counts, dc, zero)
        dvalue, dc = equations.pull_step(value, c, c_prev, squashed, dh, dc)
        dpre = {k: equations.of(k).pull(pre[k], value[k], dvalue[k]) for k in moving}
        dc = plus(dc, passed_c) if variant.memory else zero

        dh = None
        if transposed is not None:
            joined = primitives.join([dpre[k] for k in variant.matrix_blocks])
            dh = _matrix_product(plan, joined, transposed)
        for k in variant.vector_blocks:
            vector = part(a["recurrent_vector"], variant.vector_blocks, k)
            dh = plus(dh, dpre[k] * vector)
        if "drop" in a:
            dh = times(a["drop"], dh)
        dh = plus(dh, passed_h)

        du = tuple(
            total + dpre[k] * dropped
            for k, total in zip(variant.vector_blocks, du, strict=True)
        )
        dsum = tuple(
            total + (dvalue[k] if k in plan.static else dpre[k])
            for k, total in zip(plan.static + plan.summed, dsum, strict=True)
        )
        emitted = primitives.join([dpre[k] for k in plan.emitted])
        return (dh, zero if dc is None else dc, h_prev, c_prev, du, dsum), [emitted]

    rows = [kept["pre"]] if plan.keeps_pre else []
    rows += [dhs] if dhs is not None else []
    rows += [a["mask"]] if "mask" in a else []
    start = (
        gradients[0],
        gradients[1] if variant.memory else zero,
        kept["h_T"],
        kept["c_T"],
        (zero,) * len(variant.vector_blocks),
        (zero,) * len(plan.static + plan.summed),
    )
    (dh, dc, _, _, du, dsum), (dpre,) = primitives.scan(
        step,
        start,
        rows,
        steps=kept["cs"].shape[0] or primitives.steps(kept["cs"]),
        reverse=True,
    )

    totals = {
        k: primitives.column_sums(total)
        for k, total in zip(plan.static + plan.summed, dsum, strict=True)
    }
    for k in plan.static:
        bias = part(a["bias"], variant.having("b"), k)
        totals[k] = equations.of(k).pull(bias, static[k], totals[k])
    found = {"product": _columns(dpre, plan.emitted, seen), "h": dh, "c": dc}
    if "bias" in a:
        found["bias"] = primitives.join(
            [
                totals[k]
                if k in totals
                else primitives.column_sums(part(dpre, plan.emitted, k))
                for k in variant.having("b")
            ]
        )
    if variant.vector_blocks:
        found["recurrent_vector"] = primitives.join(
            [primitives.column_sums(total) for total in du]
        )
    if variant.matrix_blocks:
        hs = kept["hs"] if plan.keeps_h else equations.output.value(kept["cs"])
        first = a["h"]
        if "drop" in a:
            hs, first = hs * a["drop"], first * a["drop"]
        columns = _columns(dpre, plan.emitted, variant.matrix_blocks)
        found["recurrent_kernel"] = primitives.outer(
            hs[:-1], columns[1:]
        ) + primitives.outer(first[None], columns[:1])
    return tuple(found.get(name) for name in plan.given)


def _split(counts, gradient, zero):
    """What passes a masked step by, and what enters a step that counts."""
    return (
        primitives.where(counts, zero, gradient),
        primitives.where(counts, gradient, zero),
    )


def _columns(stacked, have, want):
    """The columns of the blocks `want` out of those stacked for `have`."""
    if have == want:
        return stacked
    return primitives.join([part(stacked, have, k) for k in want])
