"""The time loop as one kernel of numba, for PyTorch on the CPU.

The steps of `engine.passes` are written down by `recorder` and printed here as the
source of a compiled function. A unit of an example is a lane. A thread takes a part of
the lanes through all steps, `CHUNK` of them at a time: it copies what they read into a
small array, computes, and copies what they write out of it. Between the copies there
is one array alone, which is why LLVM makes vector instructions. Where no unit sees
another, states and weights stay in that array from the first step to the last.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from slim_keras.engine import trees
from slim_keras.engine.kernels import compiler, pool, threads
from slim_keras.engine.kernels.product import ROWS, WIDTH, pack
from slim_keras.engine.kernels.recorder import Assignment, Program, record
from slim_keras.engine.kernels.text import PRINTED, indented
from slim_keras.engine.sweep import Unmade

CHUNK = 512  # lanes, a multiple of 16
SMALL = 1 << 15  # lanes times steps that one thread takes alone
MOST = 256  # units or features, up to which PyTorch's products are slower

_EACH = ("for at in range(0, size, chunk):", "    w = min(chunk, size - at)")
_GIVEN = ("stacked", "carry")  # arrays that the caller gives to be written

_PRINTED = PRINTED | {
    "where": "{1} if {0} else {2}",
    "before": "{0} if later else {1}",
    "relu": "{0} if {0} > zero else ({0} if {0} != {0} else zero)",
    "unit_clip": "zero if {0} < zero else (one if {0} > one else {0})",
}


def takes_inputs(cell: Any, inputs: Any) -> bool:
    """Whether the kernel makes the products of a cell with inputs itself."""
    _, batch, features = inputs.shape
    return (
        cell.kernel is not None
        and WIDTH <= cell.units <= MOST
        and features <= MOST
        and cell.compute_dtype in ("float32", "float64")
        and batch >= torch.get_num_threads()  # a thread takes whole examples
    )


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
        pack(_numpy(x.to(first.dtype)), units, matrix.transposed)
        if matrix and f"fixed{k}" == matrix.matrix
        # A row of one unit would be reshaped to a view, whose lanes are one number.
        else np.ascontiguousarray(np.broadcast_to(_numpy(x), (batch, units))).ravel()
        for k, x in enumerate(inputs[0])
    ]
    unmade = [x for x in inputs[1] if isinstance(x, Unmade)]
    weights = [pack(_numpy(x.weight), units) for x in unmade]
    read = [x.inputs if isinstance(x, Unmade) else x for x in inputs[1]] + inputs[2]
    seen = [
        _numpy(x if x.dtype is torch.bool else x.to(first.dtype)).reshape(steps, -1)
        for x in read
    ]
    carry = [_start(x, shared, lanes, dtype) for x in program.start]
    stacks = [pool.empty((steps, lanes), dtype) for _ in program.stacked]
    arrays = [*shared, *seen, *carry, *stacks, *weights]
    if kernel.run is None:
        kernel.kernel(steps, units, *arrays, 0, lanes)
    else:
        # An example is whole where a unit sees others.
        grain = units if matrix or unmade else 1
        many = 1 if lanes * steps < SMALL else torch.get_num_threads()
        many = max(1, min(many, lanes // grain))
        packed = [size for x in arrays if x.ndim == 5 for size in x.shape]
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
        unmade, flags = set(), set()
        for k, x in enumerate(trees.flatten(rows)):
            if isinstance(x, Unmade):
                unmade.add(f"row{k}")
            elif x.dtype is torch.bool:
                flags.add(f"row{k}")
        counts = [len(trees.flatten(tree)) for tree in (fixed, rows, earlier)]
        bits = 64 if dtype is torch.float64 else 32
        text = source(program, counts, flags, unmade, reverse=reverse, bits=bits)
        _KERNELS[key] = (program, compiler.compiled(text))
    return _KERNELS[key]


def source(
    program: Program,
    counts: Sequence[int],
    flags: set[str],
    unmade: set[str],
    *,
    reverse: bool,
    bits: int,
) -> str:
    """The source of a kernel.

    Args:
        program: The steps.
        counts: How many arrays are shared, seen, and seen from the step before.
        flags: Which of the seen are booleans of an example, not numbers of a lane.
        unmade: Which of them are inputs, of which lanes are made by a product.
        reverse: Whether to start from the last step.
        bits: Of a float.
    """
    names = [
        *(f"fixed{k}" for k in range(counts[0])),
        *(f"row{k}" for k in range(counts[1])),
        *(f"earlier{k}" for k in range(counts[2])),
        *(f"carry{k}" for k in range(len(program.carry))),
        *(f"stacked{k}" for k in range(len(program.stacked))),
        *(f"{row}_weight" for row in sorted(unmade)),
    ]
    numbers = sorted({x for x in _operands(program) if not isinstance(x, str)})
    constant = {x: f"k{n}" for n, x in enumerate(numbers)}
    parts = _parts(program)
    order = "steps - 1 - k" if reverse else "k"
    if program.matrix:
        loops = _by_step(program, parts, flags, unmade, constant, order)
    else:
        loops = _by_chunk(parts, flags, unmade, constant, order)
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
        f"    chunk = {CHUNK}",
        *indented(loops, 4),
    ]
    matrices = {f"{row}_weight" for row in unmade}
    if program.matrix:
        matrices.add(program.matrix.matrix)
    lines += ["", "", *_entry(names, matrices, flags, unmade, f"float{bits}s")]
    return "\n".join(lines) + "\n"


_NUMBERS = ("many", "grain", "steps", "batch", "units")  # behind the counter


def _entry(
    names: Sequence[str],
    matrices: set[str],
    flags: set[str],
    unmade: set[str],
    floats: str,
) -> list[str]:
    """The function that takes part by part, in any number of threads."""
    packed = [name for name in names if name in matrices]
    sizes = [*_NUMBERS, *(f"{name}_{k}" for name in packed for k in range(5))]
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
        if name in unmade:
            shape = f"(steps, batch * {name}_weight_3)"
        if name in matrices:
            shape = f"({', '.join(f'{name}_{k}' for k in range(5))})"
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


def _by_chunk(parts, flags, unmade, constant, order) -> Iterator[str]:
    """The loops where units are alone: a chunk of lanes goes through all steps."""
    slots: dict[str, int] = {}
    before, step = (_Chunk(part, {}, flags, constant, slots, unmade) for part in parts)
    staying = [x for x in slots if x.startswith(("fixed", "carry"))]
    moving = [x for x in step.part.reads if x.startswith(("row", "earlier"))]
    yield f"s = np.zeros(({len(slots)}, {CHUNK}), F)"
    if unmade:  # whole examples, as many as the tiles of a product like
        yield "rows = chunk // units"
        yield f"chunk = (rows - rows % {ROWS} if rows > {ROWS} else rows) * units"
    yield from _EACH
    yield from indented([*before.copied_in(staying), *before.computed()], 4)
    yield "    for k in range(steps):"
    yield from indented([*_moment(order), *step.copied_in(moving)], 8)
    yield from indented(step.computed(), 8)
    yield from indented(step.copied_out("stacked"), 8)
    yield from indented(step.copied_out("carry"), 4)


def _by_step(program, parts, flags, unmade, constant, order) -> Iterator[str]:
    """The loops where a unit sees others: all chunks take a step before the next."""
    product = program.matrix
    own = [x for part in parts for x in part.writes if not x.startswith(_GIVEN)]
    own += [*product.names, *sorted(unmade)]
    place = {name: k for k, name in enumerate(own)}
    chunks = [_Chunk(part, place, flags, constant, {}) for part in parts]
    yield f"s = np.zeros(({max(len(x.slots) for x in chunks)}, {CHUNK}), F)"
    yield f"own = np.zeros(({len(own)}, size), F)"
    before, first, second = ([*x.lines()] for x in chunks)
    yield from before
    yield "for k in range(steps):"
    yield from indented(_moment(order), 4)
    for name in sorted(unmade):
        yield from indented(_made(name, "low", f"own[{place[name]}:", "size"), 4)
    yield from indented(first, 4)
    x, y = place[f"x {product.operands[0]}"], place[product.names[0]]
    yield (
        f"    product(own[{x}:{x + len(product.operands)}], {product.matrix}, "
        f"own[{y}:{y + len(product.names)}], size // units, units)"
    )
    yield from indented(second, 4)


def _moment(order: str) -> list[str]:
    return [f"t = {order}", "later = t > 0", "previous = t - 1 if later else 0"]


def _made(name: str, start: str, there: str, lanes: str) -> list[str]:
    """The product of inputs, for some lanes from a start on."""
    weight = f"{name}_weight"
    return [
        f"a = ({start}) // units * {weight}.shape[3]",
        f"product({name}[t:t + 1, a:], {weight}, {there}], {lanes} // units, units)",
    ]


class _Chunk:
    """One part of a step as text, for `CHUNK` lanes at a time.

    Args:
        part: The part.
        place: Where what a thread keeps for itself stands, by name.
        flags: Names of arrays of booleans.
        constant: The names of numbers.
        slots: The rows of the small array by name; those of the part join them.
        unmade: Names of inputs, of which a product makes the lanes.
    """

    def __init__(self, part, place, flags, constant, slots, unmade=frozenset()):
        self.part, self.place, self.flags, self.constant = part, place, flags, constant
        self.slots, self.unmade = slots, unmade
        for name in (*part.reads, *part.writes):
            slots.setdefault(name, len(slots))

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

    def lines(self) -> Iterator[str]:
        """The part, from arrays to arrays."""
        if self.part.writes:
            yield from _EACH
            yield from indented(self.copied_in(self.part.reads), 4)
            yield from indented(self.computed(), 4)
            yield from indented(self.copied_out(), 4)

    def copied_in(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            if name in self.unmade:
                yield from _made(name, "low + at", f"s[{self.slots[name]}:", "w")
                continue
            if name in self.flags:  # of an example, for all of its lanes
                yield "start = low + at"
                yield "for row in range(start // units, (start + w - 1) // units + 1):"
                yield "    a = max(0, row * units - start)"
                yield "    z = min(w, (row + 1) * units - start)"
                yield f"    s[{self.slots[name]}, a:z] = {name}[t, row]"
                continue
            yield f"a = {self._array(name)}"
            yield "for j in range(w):"
            yield f"    s[{self.slots[name]}, j] = a[j]"

    def computed(self) -> Iterator[str]:
        part = self.part
        if not part.writes:
            return
        local = {name: f"x{k}" for k, name in enumerate(part.reads)}
        local |= {line.name: line.name for line in part.lines}
        yield "for j in range((w + 15) // 16 * 16):  # whole vectors"
        for name in part.reads:
            flag = " != zero" if name in self.flags else ""
            yield f"    {local[name]} = s[{self.slots[name]}, j]{flag}"
        for line in part.lines:
            operands = [self._operand(x, local) for x in line.operands]
            yield f"    {line.name} = {_PRINTED[line.operation].format(*operands)}"
        for k, (name, operand) in enumerate(part.writes.items()):
            text = self._operand(operand, local)
            if name.startswith(_GIVEN):
                yield f"    y{k} = {text}"
                text = f"zero if abs(y{k}) < tiny else y{k}"
            yield f"    s[{self.slots[name]}, j] = {text}"

    def copied_out(self, start: str = "") -> Iterator[str]:
        for name in self.part.writes:
            if name.startswith(start):
                yield f"a = {self._array(name)}"
                yield "for j in range(w):"
                yield f"    a[j] = s[{self.slots[name]}, j]"

    def _operand(self, operand: str | float, local: dict[str, str]) -> str:
        return local[operand] if isinstance(operand, str) else self.constant[operand]
