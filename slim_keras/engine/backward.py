"""The backward pass: one reverse loop, then one product per matrix."""

import functools
from collections.abc import Callable, Mapping, Sequence

from keras import ops

from slim_keras.engine.backends import primitives
from slim_keras.engine.loop import loop
from slim_keras.engine.plan import Plan
from slim_keras.equations import Array, plus, times


def backward(
    plan: Plan,
    arrays: Sequence[Array | None],
    kept: Mapping[str, Array],
    gradients: Sequence[Array],
    loop: Callable = loop,
) -> tuple[Array | None, ...]:
    """All gradients, from those at the outputs of `forward`.

    The reverse loop carries the gradients at h and c, emits those at the
    pre-activations that inputs or matrices lead to, and sums those that go to vectors
    and to gates without either.

    Args:
        plan: What is fixed.
        arrays: The arrays of `plan.given`; `None` for one that is not needed.
        kept: What `forward` kept.
        gradients: Gradients at the last states and, where wanted, at all outputs.
        loop: The loop, with the signature of `engine.loop.loop`.

    Returns:
        Gradients in the order of `plan.given`; `None` for mask and dropout.
    """
    variant, equations = plan.variant, plan.equations
    a = {**plan.named(arrays), **kept}
    states = ["dh", "dc"] if variant.memory else ["dh"]
    for name, gradient in zip(states, gradients, strict=False):
        a[name] = primitives.cast(gradient, plan.carry_dtype)
    rows = [f"pre {k}" for k in plan.kept_pre]
    if not plan.from_memory:
        rows += [f"W {k}" for k in plan.seen if k not in plan.kept_pre]
    if plan.sequence:
        a["dhs"] = gradients[-1]
        rows += ["dhs"]
    rows += ["mask"] if "mask" in a else []
    (dh, dc, _, _, du, dsum), emitted = loop(
        functools.partial(_build, plan),
        a,
        rows,
        before=["cs"] + ["hs"] * plan.keeps_h,
        reverse=True,
    )
    dpre = dict(zip(plan.emitted, emitted, strict=True))

    found: dict[str, Array] = {"h": dh, "c": dc}
    found |= {f"W {k}": dpre[k] for k in plan.seen}
    if "bias" in plan.given:
        sums = {k: primitives.column_sums(total) for k, total in dsum.items()}
        for k, value in plan.static_values(a).items():
            sums[k] = equations.of(k).pull(a[f"b {k}"], value, sums[k])
        found["bias"] = primitives.join(
            [
                sums[k] if k in sums else primitives.column_sums(dpre[k])
                for k in variant.having("b")
            ]
        )
    if variant.vector_blocks:
        found["recurrent_vector"] = primitives.join(
            [primitives.column_sums(du[k]) for k in variant.vector_blocks]
        )
    if variant.matrix_blocks:
        found["recurrent_kernel"] = _matrix_gradient(plan, a, dpre)
    return tuple(
        primitives.cast(found[name], plan.dtype) if name in found else None
        for name in plan.given
    )


def _build(plan: Plan, a: Mapping[str, Array]):
    """The reverse step, and its carry after the last step."""
    variant, equations = plan.variant, plan.equations
    static = plan.static_values(a)
    again = tuple(k for k in plan.moving if k not in plan.kept_pre)
    zero = primitives.zeros_like(a["h_T"])
    transposed = None
    if variant.matrix_blocks:
        transposed = primitives.transpose(a["recurrent_kernel"])
    c_first = a.get("c", a["h"])

    def step(carry, row, before):
        dh, dc, h, c, du, dsum = carry
        c_prev = before["cs"](c_first)
        if plan.keeps_h:
            h_prev = before["hs"](a["h"])
            squashed = equations.output.value(c)
        else:
            h_prev = before["cs"](a["h"], equations.output.value)
            squashed = h
        dropped = h_prev * a["drop"] if "drop" in a else h_prev
        pre = {k: row[f"pre {k}"] for k in plan.kept_pre}
        if plan.from_memory:
            pre["c"] = None
            value = equations.constants | {"c": equations.body_value(c, c_prev)}
        else:
            pre |= plan.preactivations(again, a, row, dropped)
            value = equations.values(pre) | static

        if plan.sequence:
            dh = dh + primitives.cast(row["dhs"], plan.carry_dtype)
        passed_h = passed_c = None
        if "mask" in row:
            passed_h, dh = _split(row["mask"], dh, zero)
            passed_c, dc = _split(row["mask"], dc, zero)
        dvalue, dc = equations.pull_step(value, c, c_prev, squashed, dh, dc)
        dpre = {
            k: equations.of(k).pull(pre[k], value[k], dvalue[k]) for k in plan.moving
        }
        dc = plus(dc, passed_c) if variant.memory else None

        dh = None
        if variant.matrix_blocks:
            through = primitives.join([dpre[k] for k in variant.matrix_blocks])
            dh = plan.times_matrix(through, transposed)
        for k in variant.vector_blocks:
            u = a[f"u {k}"]
            dh = u * dpre[k] if dh is None else equations.add_product(dh, u, dpre[k])
        if "drop" in a:
            dh = times(a["drop"], dh)
        dh = plus(dh, passed_h)

        du = {
            k: equations.add_product(total, dpre[k], dropped) for k, total in du.items()
        }
        # A gate that does not move is pulled back once, after the loop.
        at = dvalue | dpre
        dsum = {k: total + at[k] for k, total in dsum.items()}
        dc = zero if dc is None else dc
        emitted = [dpre[k] for k in plan.emitted]
        if plan.fused:
            emitted = [primitives.cast(x, plan.dtype) for x in emitted]
        return (dh, dc, h_prev, c_prev, du, dsum), emitted

    start = (
        a["dh"],
        a.get("dc", zero),
        a["h_T"],
        a["c_T"],
        dict.fromkeys(variant.vector_blocks, zero),
        dict.fromkeys(plan.summed, zero),
    )
    return step, start


def _matrix_gradient(plan: Plan, a: Mapping[str, Array], dpre) -> Array:
    """The gradient at `recurrent_kernel`: sums over all steps of h_{t-1}^T dpre."""
    hs = a["hs"] if plan.keeps_h else plan.equations.output.value(a["cs"])
    # Shifted once, instead of a slice of every dpre, which would be a copy of it.
    previous = ops.concatenate([a["h"][None], hs[:-1]], axis=0)
    if "drop" in a:
        previous = previous * a["drop"]
    return primitives.join(
        [primitives.outer(previous, dpre[k]) for k in plan.variant.matrix_blocks]
    )


def _split(counts, gradient, zero):
    """What passes a masked step by, and what enters a step that counts."""
    return (
        primitives.where(counts, zero, gradient),
        primitives.where(counts, gradient, zero),
    )
