"""A product with a matrix inside a kernel of numba, blocked by hand.

Six rows of x, or what is left of them, and 16 columns of the matrix make a tile, whose
sums stay in registers. LLVM would keep them in memory, hence the vectors that are named
here.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROWS, WIDTH = 6, 16
_COMPILED = not numba.config.DISABLE_JIT


def pack(matrix: np.ndarray, units: int, transposed: bool = False) -> np.ndarray:
    """A matrix in the order in which the tiles read it.

    Args:
        matrix: `(features, blocks * units)`.
        units: Of a block.
        transposed: Whether the transpose is meant, `(blocks * units, features)`, of
            which `features` are the units.

    Returns:
        `(blocks in, blocks out, tiles, features, width)`; the last tile ends with the
        last column and shares columns with the one before.
    """
    blocks = matrix.reshape(len(matrix), -1, units).transpose(1, 0, 2)
    blocks = blocks.transpose(0, 2, 1)[:, None] if transposed else blocks[None]
    units = blocks.shape[-1]
    width = min(WIDTH, units)
    starts = [min(k, units - width) for k in range(0, units, width)]
    tiles = [blocks[..., start : start + width] for start in starts]
    return np.ascontiguousarray(np.stack(tiles, axis=2))


@intrinsic
def _tile(typing, x, rows, features, matrix, y, units, first):
    """The sums of a tile, added to what stands in y unless they are the first."""
    signature = types.void(x, rows, features, matrix, y, units, first)

    def generate(context, builder, signature, arguments):
        x, rows, features, matrix, y, units, first = arguments
        number = context.get_value_type(signature.args[0].dtype)
        vector = ir.VectorType(number, WIDTH)
        size = number.get_abi_size(context.target_data)
        contract = {"flags": ("contract",)}

        def integer(value):
            return ir.Constant(rows.type, value)

        def row(pointer, stride, k):
            return builder.gep(pointer, [builder.mul(stride, integer(k))])

        def as_vector(pointer):
            return builder.bitcast(pointer, vector.as_pointer())

        def load(pointer):
            value = builder.load(as_vector(pointer))
            value.align = size
            return value

        zero = ir.Constant(vector, None)
        spread = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
        nothing = ir.Constant(vector, ir.Undefined)

        def tile(count):
            sums = [cgutils.alloca_once(builder, vector) for _ in range(count)]
            for total in sums:
                builder.store(zero, total)
            with builder.if_then(builder.not_(first)):
                for k, total in enumerate(sums):
                    builder.store(load(row(y, units, k)), total)
            with cgutils.for_range(builder, features) as loop:
                place = builder.mul(loop.index, integer(WIDTH))
                columns = load(builder.gep(matrix, [place]))
                for k, total in enumerate(sums):
                    one = builder.load(builder.gep(row(x, features, k), [loop.index]))
                    one = builder.insert_element(
                        nothing, one, ir.Constant(ir.IntType(32), 0)
                    )
                    one = builder.shuffle_vector(one, nothing, spread)
                    more = builder.fmul(one, columns, **contract)
                    builder.store(
                        builder.fadd(more, builder.load(total), **contract), total
                    )
            for k, total in enumerate(sums):
                there = as_vector(row(y, units, k))
                builder.store(builder.load(total), there).align = size

        for count in range(1, ROWS + 1):
            is_so = builder.icmp_signed("==", rows, integer(count))
            with builder.if_then(is_so):
                tile(count)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _address(typing, array, offset):
    """A pointer to an element of a contiguous array."""
    signature = types.CPointer(array.dtype)(array, types.intp)

    def generate(context, builder, signature, arguments):
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.gep(made.data, [arguments[1]])

    return signature, generate


@numba.njit(nogil=True)
def _tiled(x, packed, y, rows, units):
    """y = x @ matrix; x and y are `(blocks, rows * units)`, contiguous."""
    inward, outward, tiles, features, width = packed.shape
    for block in range(outward):
        for k in range(tiles):
            column = min(k * width, units - width)
            for source in range(inward):
                first = source == 0
                at = ((source * outward + block) * tiles + k) * features * width
                matrix = _address(packed, at)
                for row in range(0, rows, ROWS):
                    here = _address(x, (source * rows + row) * features)
                    there = _address(y, (block * rows + row) * units + column)
                    left = min(ROWS, rows - row)
                    _tile(here, left, features, matrix, there, units, first)


@numba.njit(nogil=True)
def _plain(x, packed, y, rows, units):
    """The same for fewer units than a tile is wide."""
    inward, outward, tiles, features, width = packed.shape
    for block in range(outward):
        for tile in range(tiles):
            column = min(tile * width, units - width)
            for row in range(rows):
                for j in range(width):
                    total = x[0, 0] * 0
                    for source in range(inward):
                        for k in range(features):
                            one = packed[source, block, tile, k, j]
                            total += x[source, row * features + k] * one
                    y[block, row * units + column + j] = total


@numba.njit(nogil=True)
def product(x, packed, y, rows, units):
    """y = x @ matrix for `rows` examples, within a thread.

    Args:
        x: `(blocks in, rows * features)`, contiguous.
        packed: The matrix, from `pack`.
        y: `(blocks out, rows * units)`, contiguous; overwritten.
        rows: Examples.
        units: Columns of a block out.
    """
    if packed.shape[4] == WIDTH and _COMPILED:
        _tiled(x, packed, y, rows, units)
    else:
        _plain(x, packed, y, rows, units)
