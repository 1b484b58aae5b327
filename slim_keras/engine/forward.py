"""The forward pass: all steps in one loop."""

from collections.abc import Sequence
from typing import Any

from slim_keras.engine.plan import Plan
from slim_keras.engine.primitives import primitives
from slim_keras.equations import Array


def forward(
    plan: Plan, arrays: Sequence[Array], keep: bool
) -> tuple[tuple[Array, ...], dict[str, Any]]:
    """Runs all steps.

    What is kept for the backward pass is, per step, c, the pre-activations of blocks
    with a matrix instead of their input product, and h where the output gate is
    computed. Where the body alone is computed its value is `c_t - f c_{t-1}`, and c
    alone is kept. No gate is kept.

    Args:
        plan: What is fixed.
        arrays: The arrays of `plan.given`.
        keep: Whether a backward pass may follow.

    Returns:
        The last states, followed by h of all steps `(steps, batch, units)` where
        wanted; and what `backward` needs beside the arrays, by name.
    """
    a = plan.named(arrays)
    static = plan.static_values(a)
    kept_pre = plan.kept_pre if keep else ()

    def step(carry, t, row):
        h, c = carry
        row = dict(zip(names, row, strict=True))
        dropped = h * a["drop"] if "drop" in a else h
        pre = plan.preactivations(plan.moving, a, row, dropped)
        new_h, new_c = plan.equations.step(plan.equations.values(pre) | static, c)
        if "mask" in a:
            new_h = primitives.where(row["mask"], new_h, h)
            new_c = primitives.where(row["mask"], new_c, c)
        stacked = [pre[k] for k in kept_pre]
        stacked += [new_c] if keep else []
        stacked += [new_h] if plan.sequence or (keep and plan.keeps_h) else []
        return (new_h, new_c), stacked

    names = [f"W {k}" for k in plan.seen] + (["mask"] if "mask" in a else [])
    first = (a["h"], a.get("c", a["h"]))
    (h, c), stacks = primitives.scan(step, first, [a[name] for name in names])
    outputs = [h, c] if plan.variant.memory else [h]
    outputs += [stacks[-1]] if plan.sequence else []
    outputs = [primitives.cast(x, plan.dtype) for x in outputs]
    if not keep:
        return tuple(outputs), {}
    stacked = [f"pre {k}" for k in kept_pre] + ["cs"] + ["hs"] * plan.keeps_h
    kept = dict(zip(stacked, stacks, strict=False)) | {"h_T": h, "c_T": c}
    return tuple(outputs), kept
