"""The forward pass: all steps in one loop."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slim_keras.engine.backends import primitives
from slim_keras.engine.loop import loop
from slim_keras.engine.plan import Plan
from slim_keras.equations import Array


def forward(
    plan: Plan,
    arrays: Sequence[Array],
    keep: bool,
    loop: Callable = loop,
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
        loop: The loop, with the signature of `engine.loop.loop`.

    Returns:
        The last states, followed by h of all steps `(steps, batch, units)` where
        wanted; and what `backward` needs beside the arrays, by name.
    """
    a = plan.named(arrays)
    kept_pre = plan.kept_pre if keep else ()
    rows = [f"W {k}" for k in plan.seen] + (["mask"] if "mask" in a else [])
    (h, c), stacks = loop(functools.partial(_build, plan, keep, kept_pre), a, rows)
    outputs = [h, c] if plan.variant.memory else [h]
    outputs += [stacks[-1]] if plan.sequence else []
    outputs = [primitives.cast(x, plan.dtype) for x in outputs]
    if not keep:
        return tuple(outputs), {}
    stacked = [f"pre {k}" for k in kept_pre] + ["cs"] + ["hs"] * plan.keeps_h
    kept = dict(zip(stacked, stacks, strict=False)) | {"h_T": h, "c_T": c}
    return tuple(outputs), kept


def _build(plan: Plan, keep: bool, kept_pre: Sequence[str], a: Mapping[str, Array]):
    """The step, and the states before the first."""
    static = plan.static_values(a)

    def step(carry, row, before):
        h, c = carry
        dropped = h * a["drop"] if "drop" in a else h
        pre = plan.preactivations(plan.moving, a, row, dropped)
        new_h, new_c = plan.equations.step(plan.equations.values(pre) | static, c)
        if "mask" in row:
            new_h = primitives.where(row["mask"], new_h, h)
            new_c = primitives.where(row["mask"], new_c, c)
        stacked = [pre[k] for k in kept_pre]
        stacked += [new_c] if keep else []
        if keep and plan.keeps_h:
            stacked += [new_h]
        elif plan.sequence:
            stacked += [primitives.cast(new_h, plan.dtype)]
        return (new_h, new_c), stacked

    return step, (a["h"], a.get("c", a["h"]))
