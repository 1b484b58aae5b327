"""A product with a matrix inside a kernel of numba, blocked by hand.

Four rows of x and 16 columns of the matrix make a tile, whose sums stay in registers.
LLVM would keep them in memory, hence the vectors that are named here.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROWS, WIDTH = 4, 16
_COMPILED = not numba.config.DISABLE_JIT


def pack(matrix: np.ndarray, transposed: bool) -> np.ndarray:
    """A matrix in the order in which the tiles read it.

    Args:
        matrix: `(units, blocks * units)`.
        transposed: Whether the transpose is meant, `(blocks * units, units)`.

    Returns:
        `(blocks in, blocks out, tiles, units, width)`; the last tile ends with the last
        column and shares columns with the one before.
    """
    units = matrix.shape[0]
    blocks = matrix.reshape(units, -1, units).transpose(1, 0, 2)
    blocks = blocks.transpose(0, 2, 1)[:, None] if transposed else blocks[None]
    width = min(WIDTH, units)
    starts = [min(k, units - width) for k in range(0, units, width)]
    tiles = [blocks[..., start : start + width] for start in starts]
    return np.ascontiguousarray(np.stack(tiles, axis=2))


def _tile(rows):
    """The sums of a tile, added to what stands in y unless they are the first."""

    @intrinsic
    def tile(typing, x, stride, matrix, y, units, first):
        signature = types.void(x, stride, matrix, y, units, first)

        def generate(context, builder, signature, arguments):
            x, stride, matrix, y, units, first = arguments
            number = context.get_value_type(signature.args[0].dtype)
            vector = ir.VectorType(number, WIDTH)
            size = number.get_abi_size(context.target_data)
            contract = {"flags": ("contract",)}

            def row(pointer, k):
                return builder.gep(
                    pointer, [builder.mul(stride, ir.Constant(stride.type, k))]
                )

            def as_vector(pointer):
                return builder.bitcast(pointer, vector.as_pointer())

            def load(pointer):
                value = builder.load(as_vector(pointer))
                value.align = size
                return value

            zero = ir.Constant(vector, None)
            sums = [cgutils.alloca_once_value(builder, zero) for _ in range(rows)]
            with builder.if_then(builder.not_(first)):
                for k, total in enumerate(sums):
                    builder.store(load(row(y, k)), total)
            spread = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
            nothing = ir.Constant(vector, ir.Undefined)
            with cgutils.for_range(builder, units) as loop:
                wide = ir.Constant(stride.type, WIDTH)
                columns = load(builder.gep(matrix, [builder.mul(loop.index, wide)]))
                for k, total in enumerate(sums):
                    one = builder.load(builder.gep(row(x, k), [loop.index]))
                    one = builder.insert_element(
                        nothing, one, ir.Constant(ir.IntType(32), 0)
                    )
                    one = builder.shuffle_vector(one, nothing, spread)
                    more = builder.fmul(one, columns, **contract)
                    builder.store(
                        builder.fadd(more, builder.load(total), **contract), total
                    )
            for k, total in enumerate(sums):
                builder.store(builder.load(total), as_vector(row(y, k))).align = size
            return context.get_dummy_value()

        return signature, generate

    return tile


@intrinsic
def _address(typing, array, offset):
    """A pointer to an element of a contiguous array."""
    signature = types.CPointer(array.dtype)(array, types.intp)

    def generate(context, builder, signature, arguments):
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.gep(made.data, [arguments[1]])

    return signature, generate


_tile_of_four, _tile_of_one = _tile(ROWS), _tile(1)


@numba.njit(nogil=True)
def _tiled(x, packed, y, rows):
    """y = x @ matrix; x and y are `(blocks, rows * units)`, contiguous."""
    inward, outward, tiles, units, width = packed.shape
    for block in range(outward):
        for k in range(tiles):
            column = min(k * width, units - width)
            for source in range(inward):
                first = source == 0
                at = ((source * outward + block) * tiles + k) * units * width
                matrix = _address(packed, at)
                row = 0
                while row + ROWS <= rows:
                    here = _address(x, (source * rows + row) * units)
                    there = _address(y, (block * rows + row) * units + column)
                    _tile_of_four(here, units, matrix, there, units, first)
                    row += ROWS
                while row < rows:
                    here = _address(x, (source * rows + row) * units)
                    there = _address(y, (block * rows + row) * units + column)
                    _tile_of_one(here, units, matrix, there, units, first)
                    row += 1


@numba.njit(nogil=True)
def _plain(x, packed, y, rows):
    """The same for fewer units than a tile is wide."""
    inward, outward, tiles, units, width = packed.shape
    for block in range(outward):
        for tile in range(tiles):
            column = min(tile * width, units - width)
            for row in range(rows):
                for j in range(width):
                    total = x[0, 0] * 0
                    for source in range(inward):
                        for k in range(units):
                            one = packed[source, block, tile, k, j]
                            total += x[source, row * units + k] * one
                    y[block, row * units + column + j] = total


@numba.njit(nogil=True)
def product(x, packed, y, rows):
    """y = x @ matrix for `rows` examples, within a thread.

    Args:
        x: `(blocks in, rows * units)`, contiguous.
        packed: The matrix, from `pack`.
        y: `(blocks out, rows * units)`, contiguous; overwritten.
        rows: Examples.
    """
    if packed.shape[4] == WIDTH and _COMPILED:
        _tiled(x, packed, y, rows)
    else:
        _plain(x, packed, y, rows)
