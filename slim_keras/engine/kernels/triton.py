"""The time loop as one kernel of Triton, for PyTorch on a GPU.

The steps of `engine.passes` are written down by `recorder` and printed here as the
source of a kernel. A program takes a tile of examples and units through all steps, with
what is carried in registers. With a matrix, which is read once and stays on the chip, a
tile has all units. The variable TRITON_INTERPRET=1 has Triton interpret the kernel, on
a CPU too, which is slow and serves the tests.
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
from slim_keras.engine.kernels import chip
from slim_keras.engine.kernels.recorder import Assignment, Product, Program, record
from slim_keras.engine.kernels.text import PRINTED, indented

# As many units as a warp has threads: the more programs, the more of a GPU takes part.
LANES = 32
AHEAD = 8  # steps whose rows are read together, so that memory is waited for once

_PRINTED = PRINTED | {
    "where": "tl.where({0}, {1}, {2})",
    "before": "tl.where(later, {0}, {1})",
    "relu": "tl.where({0} < 0, 0.0, {0})",  # NaN goes through
    "unit_clip": "tl.where({0} < 0, 0.0, tl.where({0} > 1, 1.0, {0}))",
}


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
    carry = [first.new_empty((batch, units)) for _ in program.carry]
    stacks = [
        first.new_empty(
            (steps, batch, units), dtype=getattr(torch, dtype) if dtype else None
        )
        for dtype in program.dtypes
    ]
    given = [_readable(x) for array in inputs for x in array]
    if matrix := program.matrix:
        k = int(matrix.matrix.removeprefix("fixed"))
        given[k] = _pack(inputs[0][k], matrix.transposed)
    tile = tile_of(units, matrix is not None)
    grid = (triton.cdiv(batch, tile[0]), triton.cdiv(units, tile[1]))
    # Three products in TF32 are as exact as one in float32, which has no such units.
    tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
    # Triton launches on the current device, which need not be that of the arrays.
    with torch.cuda.device_of(first):
        printed.kernel[grid](
            *given,
            *carry,
            *stacks,
            *(steps, batch, units, *tile, "tf32" if tf32 else "tf32x3"),
            num_warps=chip.WARPS if matrix else 1,
            num_stages=1,  # others would take room from the matrix
        )
    carry_form, stacked_form = program.forms
    return trees.rebuild(carry_form, carry), trees.rebuild(stacked_form, stacks)


def tile_of(units: int, matrix: bool) -> tuple[int, int]:
    """Examples and units of a tile, powers of 2."""
    if matrix:
        return chip.ROWS, chip.width(units)
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
        ahead = chip.AHEAD if program.matrix else AHEAD
        text = source(program, fixed, rows, earlier, reverse=reverse, ahead=ahead)
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
        yield f"{', '.join(computed)}, = step(t{n} > 0, PRECISION, {', '.join(given)})"
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
        f"def step(later, PRECISION: tl.constexpr, {', '.join(free)}):",
        *indented(_lines(program.body), 4),
        f"    return {', '.join(computed.values())},",
        "",
        "",
        # No address or size is worth a kernel to itself: nothing is read in vectors.
        f"@triton.jit(do_not_specialize={[*pointers, 'steps', 'batch', 'units']})",
        f"def kernel({', '.join(pointers)}, steps, batch, units,",
        "    ROWS: tl.constexpr, UNITS: tl.constexpr, PRECISION: tl.constexpr):",
        "    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]",
        "    unit = tl.program_id(1) * UNITS + tl.arange(0, UNITS)[None, :]",
        "    inside = (row < batch) & (unit < units)",
        "    lane = row * units + unit",
    ]
    for name, array in zip(names["fixed"], shared, strict=True):
        if program.matrix and name == program.matrix.matrix:
            lines += indented(_blocks(program.matrix), 4)
            continue
        where = "lane, inside" if len(array.shape) == 2 else "unit, unit < units"
        lines.append(f"    {name} = tl.load({name}_at + {where}, other=0)")
    lines += indented(_lines(program.prologue), 4)
    lines += indented(map(tile, names["carry"], program.start), 4)
    for first, last, number in (
        ("0", f"steps // {ahead} * {ahead}", ahead),
        (f"steps // {ahead} * {ahead}", "steps", 1),
    ):
        lines.append(f"    for k in range({first}, {last}, {number}):")
        for part in read, take:
            for n in range(number):
                lines += indented(part(n), 8)
    for name in names["carry"]:
        lines.append(f"    tl.store({name}_at + lane, {name}, inside)")
    return "\n".join(lines) + "\n"


def _pack(matrix: torch.Tensor, transposed: bool) -> torch.Tensor:
    """The blocks of a matrix `(units, blocks * units)`, one after the other."""
    units = matrix.shape[0]
    order = (1, 2, 0) if transposed else (1, 0, 2)
    return matrix.detach().reshape(units, -1, units).permute(order).contiguous()


def _blocks(product: Product) -> Iterator[str]:
    """Reads what `_pack` has packed."""
    yield "inner = tl.arange(0, UNITS)[:, None]"
    yield "square = (inner < units) & (unit < units)"
    for k, name in enumerate(_named(product)):
        where = f"({k} * units + inner) * units + unit"
        yield f"{name} = tl.load({product.matrix}_at + {where}, square, other=0)"


def _named(product: Product) -> list[str]:
    """The names of the blocks of a matrix."""
    count = max(len(product.names), len(product.operands))
    return [f"{product.matrix}_{k}" for k in range(count)]


def _free(program: Program) -> list[str]:
    """The names that a step reads and does not assign."""
    made: set[str | float] = set()
    read: list[str | float] = []
    for line in program.body:
        read += line.operands
        if isinstance(line, Product):
            made |= set(line.names)
            read += _named(line)
        else:
            made.add(line.name)
    read += [*program.carry, *program.stacked]
    return [x for x in dict.fromkeys(read) if isinstance(x, str) and x not in made]


def _lines(lines: Iterable[Assignment | Product]) -> Iterator[str]:
    for line in lines:
        if isinstance(line, Assignment):
            text = _PRINTED[line.operation].format(*line.operands)
            yield f"{line.name} = {text}"
            continue
        for k, block in enumerate(_named(line)):
            name = line.names[0 if line.transposed else k]
            x = line.operands[k if line.transposed else 0]
            total = f"{name}, " if line.transposed and k else ""
            yield (
                f"{name} = tl.dot({x}.to({block}.dtype), {block}, {total}"
                "input_precision=PRECISION)"
            )
