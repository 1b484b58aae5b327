"""Printed source, compiled by numba and kept on disk."""

import functools
import hashlib
import os
import sys
import types
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numba

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


@functools.cache
def compiled(source: str, name: str) -> Callable:
    """A function of some source, compiled at its first call.

    The source goes into a file, beside which numba keeps the machine code for the next
    process; where no file can be written each process compiles anew.

    Args:
        source: A module's.
        name: The function in it.
    """
    try:
        path = _file(source)
    except OSError:
        space: dict = {}
        exec(compile(source, f"<{name}>", "exec"), space)  # noqa: S102  (printed here)
        return numba.njit(**_OPTIONS)(space[name])
    loader = SourceFileLoader(path.stem, str(path))
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module  # where numba looks for it
    loader.exec_module(module)
    return numba.njit(cache=True, **_OPTIONS)(getattr(module, name))


def _file(source: str) -> Path:
    """The file of a source; another one where what it calls is another."""
    called = [Path(__file__).with_name(f"{k}.py") for k in ("maths", "product")]
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
