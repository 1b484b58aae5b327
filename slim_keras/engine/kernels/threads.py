"""Threads for kernels that release the interpreter.

Not those of numba: its portable ones end the process when two threads start kernels at
once, and they do not survive a fork.
"""

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def share(function: Callable, count: int, grain: int, threads: int) -> None:
    """Calls `function(low, high)` for parts of `range(count * grain)`, at once.

    Args:
        function: What to call.
        count: How many grains there are.
        grain: The size of what is never cut.
        threads: How many parts, at most.
    """
    parts = max(1, min(threads, count))
    ends = [count * k // parts * grain for k in range(parts + 1)]
    *others, own = itertools.pairwise(ends)
    waiting = [_pool(os.getpid(), threads).submit(function, *part) for part in others]
    function(*own)
    for one in waiting:
        one.result()


@functools.lru_cache(maxsize=8)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """A pool that this process has made: threads are not forked."""
    return ThreadPoolExecutor(threads, thread_name_prefix="slim_keras")
