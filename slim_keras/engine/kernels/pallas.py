"""The loop as one kernel, in JAX Pallas: nothing is launched step by step.

Where the recurrence is pointwise every unit of every example runs by itself, so a
kernel takes a block of examples and units through all steps, with the states and the
sums for vectors and biases in registers. With a matrix, which is read once and stays on
the chip, a block has all units. The steps are those of `engine.passes`. The platform
decides what the kernel becomes: Triton on GPUs, Mosaic on TPUs. On a CPU Pallas
interprets the kernel, which is slow and serves the tests.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu, triton

from slim_keras.engine.backends import backend as operations
from slim_keras.engine.kernels import chip
from slim_keras.engine.kernels.side import Side
from slim_keras.equations import Activation

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Target:
    """How a platform wants the work to be cut.

    Attributes:
        batch: Examples per block, at most.
        units: Units per block, at most.
        steps: Steps per block, at most; `None` for all. Such blocks run in order.
        ahead: Steps whose rows are read together, so that memory is waited for once.
        lanes: Whether a block has exactly `batch * units` lanes and sizes that are
            powers of 2. Where it reaches over an end no memory may be touched.
        arguments: Arguments of `pallas_call`.
        halves: How float16 is multiplied, by `jax_default_matmul_precision`.
    """

    batch: int
    units: int
    steps: int | None
    ahead: int
    lanes: bool
    arguments: Mapping[str, Any]
    halves: str | None = None

    def block(
        self, steps: int, batch: int, units: int, matrix: bool = False
    ) -> tuple[int, int, int]:
        """The size of a block of an array `(steps, batch, units)`."""
        if matrix:
            return steps, chip.ROWS, chip.width(units)
        steps = min(self.steps or steps, steps)
        if not self.lanes:
            return steps, min(self.batch, batch), min(self.units, units)
        width = min(self.units, pl.next_power_of_2(units))
        return steps, self.batch * self.units // width, width


# A warp per block: the more blocks, the more of a GPU takes part.
_GPU = Target(
    batch=1,
    units=32,
    steps=None,
    ahead=8,
    lanes=True,
    arguments={"compiler_params": triton.CompilerParams(num_warps=1, num_stages=1)},
)
# Blocks lie in the fast memory of a core, which does not hold all steps: 12 arrays of
# them, twice each, are 6 MB.
_TPU = Target(
    batch=32,
    units=128,
    steps=16,
    ahead=1,
    lanes=False,
    arguments={
        "compiler_params": tpu.CompilerParams(
            dimension_semantics=("parallel", "parallel", "arbitrary")
        )
    },
)
_CPU = dataclasses.replace(_GPU, ahead=2, arguments={"interpret": True})
TARGETS = {"cpu": _CPU, "cuda": _GPU, "rocm": _GPU, "tpu": _TPU}
# A block has all units where there is a matrix, and more warps share its product.
_MATRIX = dataclasses.replace(
    _GPU,
    ahead=chip.AHEAD,
    arguments={
        "compiler_params": triton.CompilerParams(num_warps=chip.WARPS, num_stages=1)
    },
    halves="F16_F16_F32",  # Triton would sum in float16
)
MATRIX_TARGETS = {"cpu": _CPU, "cuda": _MATRIX, "rocm": _MATRIX}


@functools.lru_cache(maxsize=256)
def holds(activation: Activation, platform: str) -> bool:
    """Whether the compiler of a platform knows an activation and its derivative.

    Args:
        activation: Elementwise.
        platform: What JAX runs on, in its own word, which is "gpu" for CUDA and ROCm.
    """
    platform = {"gpu": "cuda"}.get(platform, platform)
    if platform not in TARGETS:
        return False

    def kernel(x, y, dx):
        y[...] = activation.value(x[...])
        dx[...] = activation.pull(x[...], y[...], x[...])

    array = jax.ShapeDtypeStruct((8, 128), "float32")
    call = pl.pallas_call(
        kernel,
        out_shape=(array, array),
        grid=(1, 1, 1),
        **TARGETS[platform].arguments,
    )
    try:
        jax.jit(call).trace(array).lower(lowering_platforms=(platform,))
    except (NotImplementedError, RuntimeError):
        # From 0.12 on JAX lowers for a GPU alone where there is one.
        return False
    return True


def sweep(
    build: Callable, fixed: Any, rows: Any, earlier: Any = (), reverse: bool = False
) -> tuple[Any, Any]:
    """Runs all steps, with the signature of `engine.sweep.sweep`."""
    seen = (rows, earlier)
    size = max(array.shape for array in jax.tree.leaves(seen))
    fixed = jax.tree.map(jnp.atleast_2d, fixed)
    matrix = any(_is_matrix(path) for path, _ in jax.tree.leaves_with_path(fixed))
    if matrix:
        fixed = jax.tree.map_with_path(
            lambda path, x: _cut(x) if _is_matrix(path) else x, fixed
        )
    calls = {
        platform: _Kernel(target, build, reverse, size, matrix).call
        for platform, target in (MATRIX_TARGETS if matrix else TARGETS).items()
    }
    return lax.platform_dependent(fixed, seen, **calls)


def _is_matrix(path: tuple) -> bool:
    """Whether a leaf is of the matrix, by its name in `engine.passes.Shared`."""
    return any(getattr(key, "name", None) == "matrix" for key in path)


class _Blocks(Side):
    """The matrices of several blocks, or what is multiplied by them: a nest to JAX."""

    def __rmatmul__(self, x):
        return _Blocks([x @ matrix for matrix in self.values])

    def __matmul__(self, below):
        """The product with as many matrices, one below the other."""
        products = map(operator.matmul, self.values, below.values)
        return functools.reduce(operator.add, products)


jax.tree_util.register_pytree_node(
    _Blocks, lambda side: (side.values, None), lambda _, values: _Blocks(values)
)


def _cut(matrix: Array) -> _Blocks:
    """The matrix of each block, with zeros up to the size that it has on the chip."""
    units, columns = matrix.shape
    more = chip.width(units) - units
    blocks = jnp.split(matrix, columns // units, axis=1)
    return _Blocks([jnp.pad(block, ((0, more), (0, more))) for block in blocks])


class _Operations:
    """JAX' operations, for which the matrix of several blocks is a `_Blocks`."""

    join = _Blocks

    def __getattr__(self, name):
        return getattr(operations, name)

    def cast(self, x, dtype):
        return jax.tree.map(functools.partial(operations.cast, dtype=dtype), x)

    def transpose(self, x):
        return jax.tree.map(operations.transpose, x)


_OPERATIONS = _Operations()  # one, as what is made of them is kept by it


@dataclasses.dataclass(frozen=True)
class _Kernel:
    """The steps on one platform; `size` is `(steps, batch, units)`.

    `matrix` says whether there is one.
    """

    target: Target
    build: Callable
    reverse: bool
    size: tuple[int, int, int]
    matrix: bool

    @property
    def block(self):
        return self.target.block(*self.size, self.matrix)

    @property
    def parts(self):
        """How many blocks of steps there are."""
        return pl.cdiv(self.size[0], self.block[0])

    def place(self, number):
        """Where the block of steps lies that runs as this one."""
        return self.parts - 1 - number if self.reverse else number

    def call(self, fixed, seen):
        """The last carry, and the stacks.

        Args:
            fixed: Arrays that all steps share, of rank 2.
            seen: The arrays of which a step sees its row, and those of which it sees
                the row before, of rank 3.
        """
        # What is no matrix has the dtype of the carry, which is never float16.
        halves = any(x.dtype == "float16" for x in jax.tree.leaves(fixed))
        if self.target.halves and halves:
            with jax.default_matmul_precision(self.target.halves):
                return self._call(fixed, seen)
        return self._call(fixed, seen)

    def _call(self, fixed, seen):
        # TPUs have no memory of booleans.
        seen = jax.tree.map(lambda x: x.astype("int32") if x.dtype == bool else x, seen)
        # The row before a block of steps lies in another block.
        borders = seen[1] if self.parts > 1 else ()
        carry, stacked = jax.eval_shape(self._one_step, fixed, seen)
        steps, batch, units = self.size
        stacks = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((steps, *x.shape), x.dtype), stacked
        )
        specs = jax.tree.map_with_path(self._spec_at, (fixed, seen))
        return pl.pallas_call(
            self.run,
            out_shape=(carry, stacks),
            grid=(
                pl.cdiv(batch, self.block[1]),
                pl.cdiv(units, self.block[2]),
                self.parts,
            ),
            in_specs=(*specs, jax.tree.map(self._spec_of_border, borders)),
            out_specs=jax.tree.map(self._spec, (carry, stacks)),
            **self.target.arguments,
        )(fixed, seen, borders)

    def _spec_at(self, path, array):
        return pl.BlockSpec() if _is_matrix(path) else self._spec(array)

    def _spec(self, array):
        """The blocks of an array; an axis of size 1 is shared by all blocks."""
        blocks = self.block[-array.ndim :]
        shared = [n == 1 for n in array.shape]

        def index(i, j, part):
            at = (self.place(part), i, j)[-array.ndim :]
            return tuple(0 if s else k for k, s in zip(at, shared, strict=True))

        shape = (1 if s else n for n, s in zip(blocks, shared, strict=True))
        return pl.BlockSpec(tuple(shape), index)

    def _spec_of_border(self, array):
        """Of an array of rank 3, the one row before each block of steps."""
        whole = self._spec(array)

        def index(i, j, part):
            row = jnp.maximum(self.place(part) * self.block[0] - 1, 0)
            return (row, *whole.index_map(i, j, part)[1:])

        return pl.BlockSpec((1, *whole.block_shape[1:]), index)

    def _one_step(self, fixed, seen):
        """What is carried and stacked, for the shapes."""
        units = self.size[2]  # the matrix has those of a block
        fixed = jax.tree.map_with_path(
            lambda path, x: x[:units, :units] if _is_matrix(path) else x, fixed
        )
        step, start = self.build(_OPERATIONS, fixed)
        rows, earlier = jax.tree.map(lambda x: x[0], seen)
        before = jax.tree.map(functools.partial(_previous, 0), earlier)
        return start, step(start, jax.tree.map(_flag(start), rows), before)[1]

    def run(self, fixed, seen, borders, carries, stacks):
        """The kernel: from references to a block of everything."""
        rows, earlier = seen
        *corner, part = (pl.program_id(axis) for axis in range(3))
        corner = [k * n for k, n in zip(corner, self.block[1:], strict=True)]
        low = self.place(part) * self.block[0]
        count = self.block[0]
        if self.size[0] % count:  # the last block has fewer steps
            count = jnp.minimum(count, self.size[0] - low)

        def inside(shape):
            """Which of a block lies inside its array; `None` for all."""
            found = None
            for axis in range(2 if self.target.lanes else 0):
                size, block = self.size[1 + axis], self.block[1 + axis]
                if size % block and shape[axis] > 1:
                    at = lax.broadcasted_iota("int32", shape, axis)
                    ok = at < size - corner[axis]
                    found = ok if found is None else found & ok
            return found

        def read(ref, at=...):
            mask = inside(ref.shape[-2:])
            if mask is None:
                return ref[at]
            return triton.load(ref.at[at], mask=mask, other=0)

        def write(ref, value, at=...):
            mask = inside(value.shape)
            if mask is None:
                ref[at] = value
            else:
                triton.store(ref.at[at], value, mask=mask)

        def read_step(t):
            row = jax.tree.map(lambda ref: read(ref, t), rows)
            row = jax.tree.map(_flag(carry), row)
            before = jax.tree.map(lambda ref: read(ref, jnp.maximum(t - 1, 0)), earlier)
            if self.parts > 1:
                before = jax.tree.map(
                    lambda value, ref: jnp.where(t > 0, value, read(ref, 0)),
                    before,
                    borders,
                )
            return row, jax.tree.map(functools.partial(_previous, low + t), before)

        def several(number):
            def body(k, carry):
                ts = [k * number + n for n in range(number)]
                if self.reverse:
                    ts = [count - 1 - t for t in ts]
                for t, now in zip(ts, [read_step(t) for t in ts], strict=True):
                    carry, stacked = step(carry, *now)
                    jax.tree.map(lambda ref, x, t=t: write(ref, x, t), stacks, stacked)
                return carry

            return body

        step, carry = self.build(
            _OPERATIONS,
            jax.tree.map_with_path(
                lambda path, ref: ref[...] if _is_matrix(path) else read(ref), fixed
            ),
        )
        if self.parts > 1:  # the block of steps before has left its carry
            carry = jax.tree.map(
                lambda first, ref: jnp.where(part == 0, first, read(ref)),
                carry,
                carries,
            )
        for first, last, number in _groups(count, self.target.ahead):
            carry = lax.fori_loop(first, last, several(number), carry)
        jax.tree.map(write, carries, carry)


def _flag(carry):
    """Makes booleans of integers, which a mask has become: one for each unit."""
    shape = jax.tree.leaves(carry)[0].shape

    def flag(x):
        return jnp.broadcast_to(x, shape) != 0 if x.dtype == jnp.int32 else x

    return flag


def _previous(t, row):
    def previous(first, function=lambda x: x):
        return jnp.where(t > 0, function(row), first)

    return previous


def _groups(count, ahead):
    """Loops over `count` steps, by several and then one by one: from, to, steps."""
    if isinstance(count, int):
        groups, rest = divmod(count, ahead)
    else:
        groups, rest = lax.div(count, ahead), ahead > 1
    yield 0, groups, ahead
    if rest:
        yield groups * ahead, count, 1
