"""The backend of a run, and the facts of its row: versions, processor, commit."""

import ctypes
import functools
import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from experiments.core.devices import share
from experiments.core.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch")

Facts = dict[str, Any]


def default_backend() -> str:
    """The backend that `KERAS_BACKEND` names, or TensorFlow."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def start(backend: str, seed: int, devices: int = 1) -> None:
    """Starts Keras; call it before anything imports Keras.

    Args:
        backend: One of `BACKENDS`.
        seed: Sets Python's, NumPy's and the backend's random numbers.
        devices: How many devices share every batch.

    Raises:
        UserError: The backend is not installed or has too few devices; Keras runs on
            another backend already; an environment variable cuts trainings short.
    """
    check_installed(backend)
    os.environ["KERAS_BACKEND"] = backend
    keep_memory()
    with _silence():
        import keras

        # Loads TensorFlow if it is installed, whatever the backend.
        keras.utils.set_random_seed(seed)
    if keras.config.backend() != backend:
        raise UserError(
            f"backend {backend}: keras was imported with {keras.config.backend()} "
            "already; choose the backend in a fresh process"
        )
    for name in ("max_epochs", "max_steps_per_epoch"):
        if (most := getattr(keras.config, name)()) is not None:
            raise UserError(
                f"KERAS_{name.upper()} is {most}: it would cut every training short; "
                "unset it and choose --epochs"
            )
    share(backend, devices)


def check_installed(backend: str) -> None:
    """Raises UserError if a backend is not installed."""
    if importlib.util.find_spec(backend) is None:
        raise UserError(f"backend {backend} is not installed: pip install {backend}")


def keep_memory() -> None:
    """Lets this process keep big buffers instead of returning them to the system.

    XLA allocates its memory anew in every training step. glibc maps blocks above 32 MiB
    anew each time, and the system clears them page by page, which takes more than half
    of an IndyLSTM's step on JAX. On other C libraries the call does nothing.

    Call it before the process has a second thread: glibc gives each thread an arena and
    keeps it for later threads, and an arena returns its memory.
    """
    mmap_max, trim_threshold, arena_max = -4, -1, -8  # as <malloc.h> numbers them
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(arena_max, 1)  # other arenas map everything beyond 64 MiB
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, -1)  # never


def check_device(backend: str, device: str) -> None:
    """Makes sure that a measurement runs on the device that its row names.

    Args:
        backend: The backend; it has started.
        device: `"cpu"`, or `"gpu"` on JAX and PyTorch.

    Raises:
        UserError: The backend runs elsewhere.
    """
    found = _accelerator(backend)
    if device == "cpu":
        if found:
            raise UserError(
                f"device cpu: {backend} runs on {found}; hide it with "
                "CUDA_VISIBLE_DEVICES='' or JAX_PLATFORMS=cpu, or choose --device gpu"
            )
        return
    if backend == "tensorflow":
        raise UserError("device gpu: needs --backend jax or torch, not tensorflow")
    if backend == "torch":
        if not found:
            raise UserError(
                "device gpu: PyTorch finds none here; install its build for CUDA, see "
                "https://pytorch.org/get-started/locally"
            )
        return
    import jax

    if jax.default_backend() != "gpu":
        raise UserError(
            f"device gpu: JAX finds none here, only {jax.default_backend()}; "
            "pip install 'jax[cuda13]' for NVIDIA GPUs"
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Hides TensorFlow's greetings, unless the user chose its level of messages."""
    if "keras" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # Its libraries write to the file descriptor while they load, at any level.
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def facts() -> Facts:
    """Versions, processor and commit for a row."""
    import keras
    import numpy as np

    import slim_keras

    backend = keras.config.backend()
    return {
        "versions": {
            "python": platform.python_version(),
            "keras": keras.version(),
            backend: sys.modules[backend].__version__,
            "numpy": np.__version__,
            "slim_keras": slim_keras.__version__,
        },
        "processor": processor(backend),
        **commit(),
    }


def joined(starts: Sequence[Facts]) -> Facts:
    """The facts of a run that was started several times, changes joined by "and".

    Args:
        starts: The facts of each start, in order.
    """

    def every(values: Iterable[str | None]) -> str | None:
        return " and ".join(filter(None, dict.fromkeys(values))) or None

    dirty = [start["dirty"] for start in starts if start["dirty"] is not None]
    names = dict.fromkeys(name for start in starts for name in start["versions"])
    return {
        "versions": {
            name: every(start["versions"].get(name) for start in starts)
            for name in names
        },
        "processor": every(start["processor"] for start in starts),
        "commit": every(start["commit"] for start in starts),
        "dirty": any(dirty) if dirty else None,
    }


def processor(backend: str) -> str:
    """The name of the backend's accelerator, or else of the CPU."""
    return _accelerator(backend) or _cpu()


def _accelerator(backend: str) -> str | None:
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("device_name", "a GPU") if gpus else None


def _cpu() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():  # Linux; elsewhere the name above is a good one
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        name = found[1] if found else name
    return f"{name}, {os.cpu_count()} cores"


@functools.cache  # this process runs the code that it started with
def commit() -> dict[str, Any]:
    """The git commit of this checkout and whether files differ from it, else `None`."""
    root = Path(__file__).parents[2]

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": git("status", "--porcelain", "--untracked-files=no") != "",
        }
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}  # no git, or no checkout
