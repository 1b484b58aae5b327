"""How a recurrent matrix is held on the chip of a GPU, by Pallas and by Triton."""

from slim_keras.variants import Variant

ROWS = 16  # examples that are multiplied by the matrix together
WARPS = 8  # that share the product
AHEAD = 2  # steps whose rows are read together
# KiB of shared memory that a kernel may have, by NVIDIA's compute capability; earlier
# GPUs do not multiply in TF32.
_SHARED = {
    **dict.fromkeys(("8.0", "8.7"), 163),
    **dict.fromkeys(("8.6", "8.9", "12.0", "12.1"), 99),
    **dict.fromkeys(("9.0", "10.0", "10.3"), 227),
}
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}  # of what is multiplied there


def width(units: int) -> int:
    """The rows and columns of a block of the matrix: of these sizes are products."""
    return max(16, 1 << (units - 1).bit_length())


def room(capability: str) -> int:
    """Bytes for a matrix.

    Args:
        capability: The compute capability of the GPU, as in `"9.0"`.
    """
    return (_SHARED.get(capability, 16) - 16) << 10  # 16 for what is multiplied by it


def size(variant: Variant, units: int, dtype: str) -> int | None:
    """Bytes of the matrix of all blocks; `None` if the dtype is not multiplied there.

    Args:
        variant: The row, which says how many blocks see h_{t-1}.
        units: Hidden units.
        dtype: Of the numbers.
    """
    if dtype not in _BYTES:
        return None
    return len(variant.matrix_blocks) * width(units) ** 2 * _BYTES[dtype]
