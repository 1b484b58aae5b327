"""Large arrays whose memory is used again.

A pass needs as much memory as the one before. The system would zero it anew each time,
which can take as long as the steps.
"""

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

LARGE = 1 << 20  # bytes, from which on memory comes from the system
KEPT = 1 << 28  # bytes of memory that nobody uses, at most

_free: dict[int, np.ndarray] = {}  # the oldest first


def empty(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array without values, whose memory is used again when the array is gone.

    NumPy's views of it do not keep it; a tensor of PyTorch does, and so do its views.

    Args:
        shape: As of `numpy.empty`.
        dtype: As of `numpy.empty`.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    memory = _take(size)
    if memory is None:
        memory = np.empty(size, np.uint8)
    array = memory.view(dtype).reshape(shape)
    weakref.finalize(array, _give, memory).atexit = False
    return array


def _take(size: int) -> np.ndarray | None:
    # Another thread may take or give at the same time.
    for key, memory in list(_free.items()):
        if memory.nbytes == size and _free.pop(key, None) is not None:
            return memory
    return None


def _give(memory: np.ndarray) -> None:
    _free[id(memory)] = memory
    over = sum(one.nbytes for one in list(_free.values())) - KEPT
    for key, one in list(_free.items()):
        if over <= 0:
            return
        over -= one.nbytes
        _free.pop(key, None)
