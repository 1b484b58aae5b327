"""Printed source, compiled by numba and kept on disk."""

import functools
import hashlib
import os
import sys
import types
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple

import numba

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


class Compiled(NamedTuple):
    """The functions of a source.

    Attributes:
        kernel: The function of arrays.
        run: The C function that calls it with arrays at addresses, in however many
            threads; `None` if numba does not compile.
    """

    kernel: Callable
    run: Any


@functools.cache
def compiled(source: str) -> Compiled:
    """The functions `kernel` and `run` of some source.

    The source goes into a file, beside which numba keeps the machine code for the next
    process; where no file can be written each process compiles anew.

    Args:
        source: A module's.
    """
    try:
        path = _file(source)
    except OSError:
        module = types.ModuleType("slim_keras_kernel")
        exec(compile(source, "<kernel>", "exec"), vars(module))  # noqa: S102  (printed)
        return _functions(module, kept=False)
    loader = SourceFileLoader(path.stem, str(path))
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module  # where numba looks for it
    loader.exec_module(module)
    return _functions(module, kept=True)


def _functions(module: Any, kept: bool) -> Compiled:
    module.kernel = numba.njit(**_OPTIONS)(module.kernel)
    if numba.config.DISABLE_JIT:
        return Compiled(module.kernel, None)
    run = numba.cfunc("void(voidptr)", cache=kept, **_OPTIONS)(module.run)
    return Compiled(module.kernel, run)


def _file(source: str) -> Path:
    """The file of a source; another one where what it calls is another."""
    called = [
        Path(__file__).with_name(f"{k}.py")
        for k in ("maths", "memory", "product", "rational")
    ]
    texts = [source, numba.__version__, *(path.read_text("utf-8") for path in called)]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    path = folder() / f"slim_keras_kernel_{digest}.py"
    if not path.exists() or path.read_text("utf-8") != source:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, and once: numba takes a newer file for another.
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(source, "utf-8")
        partial.replace(path)
    return path


def folder() -> Path:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR, or the user's cache."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "slim_keras"
