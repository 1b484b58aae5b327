"""One C function in several threads at once.

In those of PyTorch, where they are GNU OpenMP's: a thread of OpenMP that has nothing to
do keeps its core busy for some milliseconds, in case more comes, so that another thread
would have half a core. Elsewhere in a pool.

Not in numba's threads: the portable ones end the process when two threads start kernels
at once, and they do not survive a fork.
"""

import ctypes
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_PROCESS = os.getpid()


def share(function: int, data: int, threads: int) -> None:
    """Calls `function(data)` in each of some threads, and waits for all.

    Args:
        function: Address of a C function `void (void *)`.
        data: Address of what the function is given.
        threads: How many, this one among them.
    """
    call = _FUNCTION(function)
    # OpenMP's threads are not forked.
    if threads > 1 and os.getpid() == _PROCESS and (parallel := openmp()):
        parallel(call, data, threads, 0)
        return
    others = range(threads - 1)
    waiting = [_pool(os.getpid(), threads).submit(call, data) for _ in others]
    call(data)
    for one in waiting:
        one.result()


@functools.cache
def openmp() -> Callable | None:
    """What runs a function in the threads of PyTorch, if they are GNU OpenMP's."""
    for path in Path(torch.__file__).with_name("lib").glob("libgomp*"):
        parallel = ctypes.CDLL(str(path)).GOMP_parallel
        parallel.argtypes = [_FUNCTION, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return parallel
    return None


@functools.lru_cache(maxsize=8)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """A pool that this process has made: threads are not forked."""
    return ThreadPoolExecutor(threads, thread_name_prefix="slim_keras")
