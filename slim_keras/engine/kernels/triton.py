"""The time loop as one kernel of Triton, for PyTorch on a GPU.

The steps of `engine.passes` are written down by `recorder` and printed here as the
source of a kernel. A program takes a tile of examples and units through all steps, with
what is carried in registers. The variable TRITON_INTERPRET=1 has Triton interpret the
kernel, on a CPU too, which is slow and serves the tests.
"""

import functools
import hashlib
import linecache
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import triton

from slim_keras.engine import trees
from slim_keras.engine.kernels.recorder import Program, record

# As many units as a warp has threads: the more programs, the more of a GPU takes part.
LANES = 32
AHEAD = 8  # steps whose rows are read together, so that memory is waited for once

_PRINTED = {
    "where": "tl.where({0}, {1}, {2})",
    "before": "tl.where(later, {0}, {1})",
    "relu": "tl.where({0} < 0, 0.0, {0})",  # NaN goes through
    "unit_clip": "tl.where({0} < 0, 0.0, tl.where({0} > 1, 1.0, {0}))",
    "tanh": "tanh({0})",
    "sigmoid": "sigmoid({0})",
} | {sign: f"{{0}} {sign} {{1}}" for sign in "+-*/><&"}


def sweep(
    build: functools.partial,
    fixed: Any,
    rows: Any,
    earlier: Any = (),
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Runs all steps, with the signature of `engine.sweep.sweep`."""
    inputs = [trees.flatten(tree) for tree in (fixed, rows, earlier)]
    first = inputs[0][0]
    batch, units = first.shape
    steps = (inputs[1] or inputs[2])[0].shape[0]
    printed = _printed(build, fixed, rows, earlier, reverse, first.dtype)
    program = printed.program
    carry = [torch.empty_like(first) for _ in program.carry]
    stacks = [
        first.new_empty(
            (steps, batch, units), dtype=getattr(torch, dtype) if dtype else None
        )
        for dtype in program.dtypes
    ]
    given = [_readable(x) for array in inputs for x in array]
    tile = tile_of(units)
    grid = (triton.cdiv(batch, tile[0]), triton.cdiv(units, tile[1]))
    # Triton launches on the current device, which need not be that of the arrays.
    with torch.cuda.device_of(first):
        printed.kernel[grid](
            *given, *carry, *stacks, steps, batch, units, *tile, num_warps=1
        )
    carry_form, stacked_form = program.forms
    return trees.rebuild(carry_form, carry), trees.rebuild(stacked_form, stacks)


def tile_of(units: int) -> tuple[int, int]:
    """Examples and units of a tile, powers of 2."""
    width = min(LANES, triton.next_power_of_2(units))
    return LANES // width, width


def _readable(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().contiguous()
    return x.view(torch.uint8) if x.dtype is torch.bool else x


@dataclass(frozen=True)
class Printed:
    """The steps of a pass, and the kernel that was printed of them."""

    program: Program
    kernel: Any


_KERNELS: dict[Any, Printed] = {}


def _printed(build, fixed, rows, earlier, reverse, dtype) -> Printed:
    """The kernel of a pass, printed once; Triton compiles it for each tile."""
    key = (build.func, *build.args, dtype)  # which tell the forms and the direction
    if key not in _KERNELS:
        program = record(build, fixed, rows, earlier)
        text = source(program, fixed, rows, earlier, reverse=reverse, ahead=AHEAD)
        _KERNELS[key] = Printed(program, _loaded(text)["kernel"])
    return _KERNELS[key]


def _loaded(text: str) -> dict[str, Any]:
    """What a source defines; Triton reads functions where Python's tracebacks do."""
    name = f"<slim_keras kernel {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    defined = {"__name__": __name__}
    exec(compile(text, name, "exec"), defined)  # noqa: S102  (printed below)
    return defined


def source(
    program: Program, fixed: Any, rows: Any, earlier: Any, *, reverse: bool, ahead: int
) -> str:
    """The source of a kernel.

    Args:
        program: The steps.
        fixed: The arrays that all steps share.
        rows: The arrays of which a step sees its row.
        earlier: The arrays of which a step sees the row before.
        reverse: Whether to start from the last step.
        ahead: Steps whose rows are read together.
    """
    shared, seen, before = (trees.flatten(tree) for tree in (fixed, rows, earlier))
    bits = 64 if shared[0].dtype is torch.float64 else 32
    names = {
        "fixed": [f"fixed{k}" for k in range(len(shared))],
        "row": [f"row{k}" for k in range(len(seen))],
        "earlier": [f"earlier{k}" for k in range(len(before))],
        "carry": [f"carry{k}" for k in range(len(program.carry))],
        "stacked": [f"stacked{k}" for k in range(len(program.stacked))],
    }
    pointers = [f"{name}_at" for group in names.values() for name in group]
    results = dict(zip(names["carry"], program.carry, strict=True))
    results |= zip(names["stacked"], program.stacked, strict=True)
    # A number is no tile, which what is carried must stay.
    computed = {name: x for name, x in results.items() if isinstance(x, str)}
    free = _free(program)
    place = "steps - 1 - k -" if reverse else "k +"
    # What a step reads of its row has a name for each of the steps read together.
    moving = {*names["row"], *names["earlier"]}

    def tile(name: str, operand: str | float) -> str:
        return f"{name} = tl.zeros((ROWS, UNITS), F) + {operand}"

    def read(n: int) -> Iterator[str]:
        """Reads what the n-th of the steps sees."""
        yield f"t{n} = {place} {n}"
        yield f"at{n} = tl.cast(t{n}, tl.int64) * (batch * units) + lane"
        for name, array in zip(names["row"], seen, strict=True):
            if array.dtype is torch.bool:
                where = f"{name}_at + tl.cast(t{n}, tl.int64) * batch + row"
                yield f"{name}_{n} = tl.load({where}, row < batch, other=0) != 0"
            else:
                yield f"{name}_{n} = tl.load({name}_at + at{n}, inside, other=0).to(F)"
        for name in names["earlier"]:
            where = f"{name}_at + at{n} - tl.where(t{n} > 0, batch * units, 0)"
            yield f"{name}_{n} = tl.load({where}, inside, other=0).to(F)"

    def take(n: int) -> Iterator[str]:
        """Takes the n-th of the steps."""
        given = [f"{name}_{n}" if name in moving else name for name in free]
        yield f"{', '.join(computed)}, = step(t{n} > 0, {', '.join(given)})"
        yield from (
            tile(name, x) for name, x in results.items() if name not in computed
        )
        for name in names["stacked"]:
            yield f"tl.store({name}_at + at{n}, {name}, inside)"

    lines = [
        "import triton",
        "import triton.language as tl",
        "from slim_keras.engine.kernels.triton_maths import "
        f"sigmoid{bits} as sigmoid, tanh{bits} as tanh",
        "",
        f"F = tl.constexpr(tl.float{bits})",
        "",
        "",
        "@triton.jit",
        f"def step(later, {', '.join(free)}):",
        *_indented(_assignments(program.body)),
        f"    return {', '.join(computed.values())},",
        "",
        "",
        "@triton.jit(do_not_specialize=['steps', 'batch', 'units'])",
        f"def kernel({', '.join(pointers)}, steps, batch, units,",
        "           ROWS: tl.constexpr, UNITS: tl.constexpr):",
        "    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]",
        "    unit = tl.program_id(1) * UNITS + tl.arange(0, UNITS)[None, :]",
        "    inside = (row < batch) & (unit < units)",
        "    lane = row * units + unit",
    ]
    for name, array in zip(names["fixed"], shared, strict=True):
        where = "lane, inside" if len(array.shape) == 2 else "unit, unit < units"
        lines.append(f"    {name} = tl.load({name}_at + {where}, other=0)")
    lines += _indented(_assignments(program.prologue))
    lines += _indented(map(tile, names["carry"], program.start))
    for first, last, number in (
        ("0", f"steps // {ahead} * {ahead}", ahead),
        (f"steps // {ahead} * {ahead}", "steps", 1),
    ):
        lines.append(f"    for k in range({first}, {last}, {number}):")
        for part in read, take:
            for n in range(number):
                lines += _indented(part(n), 8)
    for name in names["carry"]:
        lines.append(f"    tl.store({name}_at + lane, {name}, inside)")
    return "\n".join(lines) + "\n"


def _free(program: Program) -> list[str]:
    """The names that a step reads and does not assign."""
    made = {line.name for line in program.body}
    read = [x for line in program.body for x in line.operands]
    read += [*program.carry, *program.stacked]
    return [x for x in dict.fromkeys(read) if isinstance(x, str) and x not in made]


def _assignments(lines: Iterable) -> Iterator[str]:
    for line in lines:
        yield f"{line.name} = {_PRINTED[line.operation].format(*line.operands)}"


def _indented(lines: Iterable[str], spaces: int = 4) -> Iterator[str]:
    return (" " * spaces + line for line in lines)
