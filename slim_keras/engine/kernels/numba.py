"""The time loop as one kernel of numba, for PyTorch on the CPU.

The steps of `engine.passes` are written down by `recorder` and printed here as the
source of a compiled function. A unit of an example is a lane. A thread takes a part of
the lanes through all steps, `CHUNK` of them at a time: it copies what they read into a
small array, computes, and copies what they write out of it. Between the copies there
is one array alone, which is why LLVM makes vector instructions.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from slim_keras.engine import trees
from slim_keras.engine.kernels import compiler, threads
from slim_keras.engine.kernels.product import pack
from slim_keras.engine.kernels.recorder import Assignment, Product, Program, record
from slim_keras.engine.kernels.text import PRINTED, indented

CHUNK = 256  # lanes, a multiple of 16
SMALL = 1 << 15  # lanes times steps that one thread takes alone

_PRINTED = PRINTED | {
    "where": "{1} if {0} else {2}",
    "before": "{0} if later else {1}",
    "relu": "{0} if {0} > zero else ({0} if {0} != {0} else zero)",
    "unit_clip": "zero if {0} < zero else (one if {0} > one else {0})",
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
    program, kernel = _kernel(build, fixed, rows, earlier, reverse, first.dtype)
    lanes, steps = batch * units, (inputs[1] or inputs[2])[0].shape[0]

    dtype = _numpy(first).dtype
    matrix = program.matrix
    shared = [
        pack(_numpy(x.to(first.dtype)), matrix.transposed)
        if matrix and f"fixed{k}" == matrix.matrix
        else np.broadcast_to(_numpy(x), (batch, units)).reshape(lanes)
        for k, x in enumerate(inputs[0])
    ]
    seen = [
        _numpy(x).reshape(steps, batch)
        if x.dtype is torch.bool
        else _numpy(x.to(first.dtype)).reshape(steps, lanes)
        for x in (*inputs[1], *inputs[2])
    ]
    carry = [_start(x, shared, lanes, dtype) for x in program.start]
    stacks = [np.empty((steps, lanes), dtype) for _ in program.stacked]
    arrays = [*shared, *seen, *carry, *stacks]
    if kernel.run is None:
        kernel.kernel(steps, units, *arrays, 0, lanes)
    else:
        # A row of the batch is whole where a unit sees others.
        grain = units if matrix else 1
        many = 1 if lanes * steps < SMALL else torch.get_num_threads()
        many = max(1, min(many, lanes // grain))
        packed = [size for x in shared if x.ndim > 1 for size in x.shape]
        numbers = [0, many, grain, steps, batch, units, *packed]
        data = np.array([*numbers, *(x.ctypes.data for x in arrays)], np.intp)
        threads.share(kernel.run.address, data.ctypes.data, many)
    shape = (batch, units)
    last = (torch.from_numpy(x).reshape(shape) for x in carry)
    stacked = (torch.from_numpy(x).reshape(steps, *shape) for x in stacks)
    carry_form, stacked_form = program.forms
    return trees.rebuild(carry_form, last), trees.rebuild(stacked_form, stacked)


def _numpy(x: torch.Tensor) -> np.ndarray:
    return x.detach().contiguous().numpy()


def _start(operand: str | float, shared: list, lanes: int, dtype: Any) -> np.ndarray:
    if isinstance(operand, str):
        return shared[int(operand.removeprefix("fixed"))].copy()
    return np.full(lanes, operand, dtype)


_KERNELS: dict[Any, tuple[Program, compiler.Compiled]] = {}


def _kernel(
    build, fixed, rows, earlier, reverse, dtype
) -> tuple[Program, compiler.Compiled]:
    """The program of a pass and its kernel, compiled once."""
    key = (build.func, *build.args, dtype)  # which tell the forms and the direction
    if key not in _KERNELS:
        program = record(build, fixed, rows, earlier)
        flags = {
            f"row{k}"
            for k, x in enumerate(trees.flatten(rows))
            if x.dtype is torch.bool
        }
        counts = [len(trees.flatten(tree)) for tree in (fixed, rows, earlier)]
        bits = 64 if dtype is torch.float64 else 32
        text = source(program, counts, flags, reverse=reverse, bits=bits)
        _KERNELS[key] = (program, compiler.compiled(text))
    return _KERNELS[key]


def source(
    program: Program,
    counts: Sequence[int],
    flags: set[str],
    *,
    reverse: bool,
    bits: int,
) -> str:
    """The source of a kernel.

    Args:
        program: The steps.
        counts: How many arrays are shared, seen, and seen from the step before.
        flags: Which of the seen are booleans of an example, not numbers of a lane.
        reverse: Whether to start from the last step.
        bits: Of a float.
    """
    names = [
        *(f"fixed{k}" for k in range(counts[0])),
        *(f"row{k}" for k in range(counts[1])),
        *(f"earlier{k}" for k in range(counts[2])),
        *(f"carry{k}" for k in range(len(program.carry))),
        *(f"stacked{k}" for k in range(len(program.stacked))),
    ]
    numbers = sorted({x for x in _operands(program) if not isinstance(x, str)})
    constant = {x: f"k{n}" for n, x in enumerate(numbers)}
    parts = _parts(program)
    own = _own(program, parts, flags)
    place = {name: k for k, name in enumerate(own)}
    chunks = [_Chunk(part, place, flags, constant) for part in parts]
    slots = max(chunk.slots for chunk in chunks)
    tiny = {32: 1e-30, 64: 1e-300}[bits]  # smaller numbers are slow, and nothing
    lines = [
        "import numpy as np",
        "from numba import carray",
        f"from slim_keras.engine.kernels.maths import sigmoid{bits} as sigmoid",
        f"from slim_keras.engine.kernels.maths import tanh{bits} as tanh",
        f"from slim_keras.engine.kernels.memory import flags, float{bits}s, take",
        "from slim_keras.engine.kernels.product import product",
        "",
        f"F = np.float{bits}",
        f"zero, one, tiny = F(0), F(1), F({tiny})",
        *(f"{name} = F({x!r})" for x, name in constant.items()),
        "",
        "",
        f"def kernel(steps, units, {', '.join(names)}, low, high):",
        "    size = high - low",
        f"    s = np.zeros(({slots}, {CHUNK}), F)",
        f"    own = np.zeros(({len(own)}, size), F)",
        *indented(chunks[0].lines(), 4),
        "    for k in range(steps):",
        f"        t = {'steps - 1 - k' if reverse else 'k'}",
        "        later = t > 0",
        "        previous = t - 1 if later else 0",
    ]
    for flag in sorted(flags & set(own)):
        lines += indented(_spread(flag, place[flag]), 8)
    lines += indented(chunks[1].lines(), 8)
    if product := program.matrix:
        x, y = place[f"x {product.operands[0]}"], place[product.names[0]]
        lines += indented(
            [
                f"product(own[{x}:{x + len(product.operands)}], {product.matrix}, "
                f"own[{y}:{y + len(product.names)}], size // units)"
            ],
            8,
        )
        lines += indented(chunks[2].lines(), 8)
    lines += ["", "", *_entry(names, program.matrix, flags, f"float{bits}s")]
    return "\n".join(lines) + "\n"


_NUMBERS = ("many", "grain", "steps", "batch", "units")  # behind the counter


def _entry(
    names: Sequence[str], matrix: Product | None, flags: set[str], floats: str
) -> list[str]:
    """The function that takes part by part, in any number of threads."""
    sizes = [*_NUMBERS, *(f"size{k}" for k in range(5 if matrix else 0))]
    first = len(sizes) + 1
    lines = [
        f"d = carray(data, ({first + len(names)},), np.intp)",
        *(f"{name} = d[{k}]" for k, name in enumerate(sizes, 1)),
        "lanes = batch * units",
    ]
    for k, name in enumerate(names, first):
        shape = "(steps, lanes)"
        if name.startswith(("fixed", "carry")):
            shape = "(lanes,)"
        if name in flags:
            shape = "(steps, batch)"
        if matrix and name == matrix.matrix:
            shape = "(size0, size1, size2, size3, size4)"
        kind = "flags" if name in flags else floats
        lines.append(f"{name} = carray({kind}(d[{k}]), {shape})")
    lines += [
        "while True:",
        "    k = take(data)",
        "    if k >= many:",
        "        return",
        "    low = lanes // grain * k // many * grain",
        "    high = lanes // grain * (k + 1) // many * grain",
        f"    kernel(steps, units, {', '.join(names)}, low, high)",
    ]
    return ["def run(data):", *indented(lines, 4)]


def _spread(flag: str, place: int) -> list[str]:
    """A flag of each example for all of its lanes."""
    return [
        "for row in range(low // units, (high + units - 1) // units):",
        "    start = max(low, row * units) - low",
        "    end = min(high, (row + 1) * units) - low",
        f"    own[{place}, start:end] = one if {flag}[t, row] else zero",
    ]


def _operands(program: Program) -> Iterator[str | float]:
    for line in (*program.prologue, *program.body):
        yield from line.operands
    yield from program.stacked
    yield from program.carry


@dataclass
class _Part:
    """Some lines of a program, what they read and what of theirs is written.

    Attributes:
        lines: The lines.
        writes: Operands by the name of what takes them: of an array, or of a lane
            that a thread keeps for itself.
    """

    lines: list[Assignment]
    writes: dict[str, str | float]

    @property
    def reads(self) -> list[str]:
        made = {line.name for line in self.lines}
        used = [x for line in self.lines for x in line.operands]
        used += self.writes.values()
        return [x for x in dict.fromkeys(used) if isinstance(x, str) and x not in made]


def _parts(program: Program) -> list[_Part]:
    """The lines before all steps, and those of a step before and after its product."""
    product = program.matrix
    late = set(product.names) if product else set()
    lines: list[list[Assignment]] = [[], []]
    for line in program.body:
        if isinstance(line, Assignment):
            if late & set(line.operands):
                late.add(line.name)
            lines[line.name in late].append(line)
    before, after = lines
    read_after = {x for line in after for x in line.operands}
    results = {f"stacked{k}": x for k, x in enumerate(program.stacked)}
    results |= {f"carry{k}": x for k, x in enumerate(program.carry)}
    # The old carry stays where the part after the product still reads it.
    waiting = {k: x for k, x in results.items() if x in late or k in read_after}
    results = {k: x for k, x in results.items() if k not in waiting}
    first = _Part(program.prologue, {x.name: x.name for x in program.prologue})
    if not product:
        return [first, _Part(before, results)]
    kept = {x.name for x in before} & (read_after | set(waiting.values()))
    results |= {f"x {x}": x for x in product.operands} | {x: x for x in sorted(kept)}
    return [first, _Part(before, results), _Part(after, waiting)]


def _own(program: Program, parts: list[_Part], flags: set[str]) -> list[str]:
    """What a thread keeps for itself, by name: a lane of each for every unit."""
    arrays = ("stacked", "carry")
    names = [k for part in parts for k in part.writes if not k.startswith(arrays)]
    names += list(program.matrix.names) if program.matrix else []
    return names + sorted(flags & {x for part in parts for x in part.reads})


class _Chunk:
    """One part of a step as text, for `CHUNK` lanes at a time.

    Args:
        part: The part.
        place: Where what a thread keeps for itself stands, by name.
        flags: Names of arrays of booleans.
        constant: The names of numbers.
    """

    def __init__(self, part, place, flags, constant):
        self.part, self.place, self.flags, self.constant = part, place, flags, constant
        self.slots = len(part.reads) + len(part.writes)

    def _array(self, name: str) -> str:
        """The lanes of an array that a step reads or writes, from `at` on."""
        if name in self.place:
            return f"own[{self.place[name]}, at:at + w]"
        here = "low + at:low + at + w]"
        if name.startswith(("row", "stacked")):
            return f"{name}[t, {here}"
        if name.startswith("earlier"):
            return f"{name}[previous, {here}"
        return f"{name}[{here}"

    def lines(self) -> list[str]:
        part = self.part
        if not part.writes:
            return []
        slot = {name: k for k, name in enumerate((*part.reads, *part.writes))}
        local = {name: f"x{k}" for k, name in enumerate(part.reads)}
        local |= {line.name: line.name for line in part.lines}
        lines = [
            f"for at in range(0, size, {CHUNK}):",
            f"    w = min({CHUNK}, size - at)",
        ]
        for name in part.reads:
            lines += [
                f"    a = {self._array(name)}",
                "    for j in range(w):",
                f"        s[{slot[name]}, j] = a[j]",
            ]
        lines.append("    for j in range((w + 15) // 16 * 16):  # whole vectors")
        for name in part.reads:
            flag = " != zero" if name in self.flags else ""
            lines.append(f"        {local[name]} = s[{slot[name]}, j]{flag}")
        for line in part.lines:
            operands = [self._operand(x, local) for x in line.operands]
            text = _PRINTED[line.operation].format(*operands)
            lines.append(f"        {line.name} = {text}")
        for k, (name, operand) in enumerate(part.writes.items()):
            text = self._operand(operand, local)
            if name.startswith(("carry", "stacked")):
                lines.append(f"        y{k} = {text}")
                text = f"zero if abs(y{k}) < tiny else y{k}"
            lines.append(f"        s[{slot[name]}, j] = {text}")
        for name in part.writes:
            lines += [
                f"    a = {self._array(name)}",
                "    for j in range(w):",
                f"        a[j] = s[{slot[name]}, j]",
            ]
        return lines

    def _operand(self, operand: str | float, local: dict[str, str]) -> str:
        return local[operand] if isinstance(operand, str) else self.constant[operand]
