"""Which engine runs a sequence: the one place that decides and refuses."""

import enum
import functools
import importlib.util
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from slim_keras.engine.backends import BACKENDS, backend as operations
from slim_keras.engine.derivatives import Function, activation
from slim_keras.engine.kernels import chip
from slim_keras.variants import VARIANTS

_ACTIVATIONS = ("activation", "recurrent_activation")
_COMPILER = "jax.experimental.pallas.triton"  # JAX says since 0.11 that it will go
_OLDEST = 8.0  # NVIDIA's compute capability that XLA asks for, to compile Triton
# The values of `jax_default_matmul_precision` that Pallas multiplies as XLA does. It
# would make one product in bfloat16 of those that stand for three.
_TF32 = (None, "default", "high", "bfloat16", "tensorfloat32", "TF32_TF32_F32")
# Backends whose scan may take several steps at once, and how many it takes of a variant
# with a recurrent matrix. On a GPU launching a step takes longer than computing it, and
# XLA can launch several as one: at B=32 m=128 n=128 8 save LSTM6 half of its time and
# LSTM two fifths on JAX.
_UNROLLS = ("jax", "tensorflow")
_AT_ONCE = {"gpu": 8}


class Engine(enum.StrEnum):
    """The ways to run a sequence."""

    KERNEL = "kernel"
    SCAN = "scan"
    LOOP = "loop"
    EXPORT = "export"  # nobody asks for it: a layer runs so while it is exported


@dataclass(frozen=True)
class Request:
    """What a layer was asked for.

    Attributes:
        engine: An `Engine`, or `None` for the best one that serves.
        unrolled: Whether Keras' loop shall be unrolled.
        at_once: How many steps the scan takes at once, or `None` for its choice.
    """

    engine: Engine | None
    unrolled: bool = False
    at_once: int | None = None


def parse(engine: str, unroll: bool | int = False) -> Request:
    """Reads the arguments `engine` and `unroll` of a layer.

    Args:
        engine: `"auto"`, `"kernel"`, `"scan"` or `"loop"`; `"pallas"`, which files of
            earlier versions hold, is `"kernel"`.
        unroll: Whether Keras' loop shall be unrolled, or how many steps the scan takes
            at once.

    Raises:
        ValueError: One of the arguments is unknown, or no engine could serve both.
    """
    known = ("auto", Engine.KERNEL, Engine.SCAN, Engine.LOOP)
    name = "kernel" if engine == "pallas" else engine
    if name not in known:
        raise ValueError(
            f"`engine` must be one of {', '.join(known)}. Received: engine={engine!r}"
        )
    chosen = None if name == "auto" else Engine(name)
    if isinstance(unroll, bool):
        request = Request(chosen, unrolled=unroll)
    elif hasattr(unroll, "__index__") and unroll >= 1:
        request = Request(chosen, at_once=unroll.__index__())
    else:
        raise ValueError(
            "`unroll` must be True, False or an integer of at least 1. Received: "
            f"unroll={unroll!r}"
        )
    if chosen and (reason := next(_against_unroll(chosen, request), None)):
        raise ValueError(f"{reason} Received: unroll={unroll}, engine={engine!r}")
    return request


def resolved(
    request: Request,
    cell,
    *,
    backend: str | None = None,
    platform: str | None = None,
    exporting: bool = False,
) -> Engine:
    """Chooses the engine.

    Args:
        request: What the layer was asked for.
        cell: The `SlimCell` to run.
        backend: The backend, by default the one in use.
        platform: What the backend runs on, `"cpu"`, `"gpu"`, `"tpu"` or `"several"`
            devices, by default what it does.
        exporting: Whether the layer is being exported, which has a way of its own.

    Returns:
        The engine that will run.

    Raises:
        ValueError: The engine asked for cannot serve, or none can.
    """
    if exporting:
        return Engine.EXPORT
    here = _Case(request, cell, backend or keras.backend.backend(), platform)
    reasons = {}
    candidates = [request.engine] if request.engine else list(Engine)
    if operations and operations.recorded():  # in plain operators, never in a kernel
        candidates = [Engine.SCAN if k is Engine.KERNEL else k for k in candidates]
    for engine in candidates:
        against: Iterator[str] = _against(engine, here)
        if request.engine is None and engine is Engine.KERNEL:
            against = itertools.chain(_slower(here), against)
        reasons[engine] = next(against, None)
        if reasons[engine] is None:
            return engine
    raise ValueError(reasons.get(request.engine or Engine.SCAN))


def steps_at_once(
    request: Request,
    cell,
    *,
    backend: str | None = None,
    platform: str | None = None,
) -> int:
    """How many steps the scan takes at once.

    Args:
        request: What the layer was asked for.
        cell: The `SlimCell` to run.
        backend: The backend, by default the one in use.
        platform: What the backend runs on, by default what it does.
    """
    if request.at_once is not None:
        return request.at_once
    backend = backend or keras.backend.backend()
    if backend not in _UNROLLS or cell.variant.pointwise:
        return 1
    if backend == "jax":  # each of several devices runs a scan
        platform = platform or _jax().default_backend()
    return _AT_ONCE.get(platform or platform_of(cell, backend), 1)


def platform_of(cell, backend: str | None = None) -> str:
    """What a cell runs on: `"cpu"`, `"gpu"`, `"tpu"`, or `"several"` devices of JAX.

    Args:
        cell: The `SlimCell` to run.
        backend: The backend, by default the one in use.
    """
    backend = backend or keras.backend.backend()
    if backend == "jax":
        # Of several devices, one would have to run a kernel for all.
        jax = _jax()
        return jax.default_backend() if jax.device_count() == 1 else "several"
    if backend == "torch":
        kind = _device(cell).type
        return {"cuda": "gpu"}.get(kind, kind)
    if backend == "tensorflow":
        import tensorflow as tf  # no other backend needs it

        return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    return "cpu"


@dataclass(frozen=True)
class _Case:
    """A layer, where it runs, and what it was asked for."""

    request: Request
    cell: Any
    backend: str
    given_platform: str | None

    @property
    def platform(self) -> str:
        return self.given_platform or platform_of(self.cell, self.backend)

    @property
    def learning(self) -> str | None:
        """The activation that is a layer with variables, or may yet make some."""
        for name in _ACTIVATIONS:
            function = getattr(self.cell, name)
            if isinstance(function, keras.layers.Layer) and (
                not function.built or function.variables
            ):
                return name
        return None


def _against(engine: Engine, here: _Case) -> Iterator[str]:
    """Why an engine cannot serve, the first reason first."""
    yield from _against_unroll(engine, here.request)
    if engine is Engine.LOOP:
        return
    if engine is Engine.EXPORT:
        yield "No engine serves this layer."
    name = f"`engine='{engine}'`"
    if here.backend not in BACKENDS:
        yield (
            f"{name} serves the backends {', '.join(BACKENDS)}. Received: "
            f"backend={here.backend!r}. Choose engine='loop'."
        )
    if learning := here.learning:
        yield (
            f"`{learning}` must be a function or a layer without weights for {name}. "
            f"Received: {learning}={getattr(here.cell, learning)!r}. Choose "
            "engine='loop' and no integer `unroll`."
        )
    at_once = here.request.at_once or 1
    if engine is Engine.SCAN and at_once > 1 and here.backend not in _UNROLLS:
        yield (
            f"An integer `unroll` above 1 serves the backends {', '.join(_UNROLLS)}. "
            f"Received: unroll={at_once}, backend={here.backend!r}"
        )
    if engine is Engine.KERNEL:
        for reason in _KERNELS.get(here.backend, _no_kernel)(here):
            yield f"{name} {reason} Choose engine='auto'."


def _against_unroll(engine: Engine, request: Request) -> Iterator[str]:
    if request.unrolled and engine is not Engine.LOOP:
        yield "`unroll=True` serves engine='loop'."
    if request.at_once is not None and engine is not Engine.SCAN:
        yield "An integer `unroll` serves engine='scan'."


def _slower(here: _Case) -> Iterator[str]:
    """Why `"auto"` takes no kernel where one could serve."""
    if here.backend == "jax" and here.platform not in ("gpu", "tpu"):
        yield "Pallas is interpreted here, or several devices would share a kernel."
    if here.backend == "jax" and not here.cell.variant.pointwise:
        yield "A matrix on the chip is unmeasured on JAX, whose scan is fast."


def _no_kernel(here: _Case) -> Iterator[str]:
    yield f"serves the backends jax and torch. Received: backend={here.backend!r}."


def _pallas(here: _Case) -> Iterator[str]:
    """Why Pallas cannot run a cell."""
    variant = here.cell.variant
    if here.platform == "tpu" and not variant.pointwise:
        served = ", ".join(row.name for row in VARIANTS.values() if row.pointwise)
        yield (
            f"serves on TPUs the variants without a recurrent matrix: {served}. "
            f"Received: {variant.name}."
        )
    yield from _too_large(here)
    if not installed(_COMPILER):
        yield f"needs {_COMPILER}, which this JAX does not have."
        return
    if not here.given_platform and here.platform == "gpu":
        capability = _capability_of_jax()
        if capability.replace(".", "").isdigit() and float(capability) < _OLDEST:
            yield (
                f"needs an NVIDIA GPU of compute capability {_OLDEST} or higher on JAX."
                f" Received: {_jax().devices()[0].device_kind}, {capability}."
            )
    precision = _jax().config.jax_default_matmul_precision
    if not variant.pointwise and precision not in _TF32:
        yield (
            "multiplies matrices in TF32 on JAX. Received: "
            f"jax_default_matmul_precision={precision!r}."
        )
    from slim_keras.engine.kernels.pallas import holds  # needs that compiler

    platform = here.given_platform or _jax().default_backend()
    for name in _ACTIVATIONS:
        function = getattr(here.cell, name)
        received = f"Received: {name}={getattr(function, '__name__', function)!r}."
        made = activation(Function(function), operations)
        if not operations.elementwise(made.value):
            yield f"serves elementwise activations that hold no arrays. {received}"
        elif not holds(made, platform):
            yield f"serves activations that JAX can compile in a kernel. {received}"


def _printed(here: _Case) -> Iterator[str]:
    """Why neither numba nor Triton can run a cell."""
    if here.platform == "gpu":
        yield from _too_large(here)
        if not installed("triton"):
            yield "needs triton on a GPU: pip install triton, or the extra [triton]."
        elif "tensorflow" in sys.modules and "triton" not in sys.modules:
            yield "needs triton before tensorflow: import slim_keras first."
        elif not here.given_platform and (error := _start_error()):
            yield f"needs Triton to start on this GPU. Received: {error}."
    elif here.platform != "cpu":
        yield f"serves PyTorch on CPUs and GPUs. Received: device={here.platform!r}."
    elif not installed("numba"):
        yield "needs numba on PyTorch: pip install numba, or the extra [kernel]."
    for name in _ACTIVATIONS:
        function = getattr(here.cell, name)
        if not Function(function).known:
            yield (
                "serves on PyTorch the activations linear, tanh, sigmoid, relu, "
                "hard_sigmoid and hard_sigmoid_keras2. Received: "
                f"{name}={getattr(function, '__name__', function)!r}."
            )


def _too_large(here: _Case) -> Iterator[str]:
    """Why the recurrent matrix of a cell cannot stay on the chip of a GPU."""
    cell = here.cell
    if cell.variant.pointwise:
        return
    room = _room(here)
    size = chip.size(cell.variant, cell.units, cell.compute_dtype)
    if size is None or size > room:
        yield (
            f"serves on this GPU recurrent matrices of {room >> 10} KiB at most, in "
            f"float32 or half of it. Received: {cell.variant.name} with "
            f"units={cell.units} and compute dtype {cell.compute_dtype}."
        )


def _room(here: _Case) -> int:
    """Bytes for a matrix on the chip of the GPU; of an H100 where none is asked for."""
    if here.given_platform or here.platform != "gpu":
        return chip.room("9.0")
    if here.backend == "jax":
        return chip.room(_capability_of_jax())
    room, tf32 = _chip_of_torch(here.cell)
    # An exact product needs the rest of each number, too.
    return room // 2 if here.cell.compute_dtype == "float32" and not tf32 else room


def _capability_of_jax() -> str:
    """The compute capability of JAX' GPU, as "9.0"; other makers' have other words."""
    return str(getattr(_jax().devices()[0], "compute_capability", ""))


# What follows asks the driver, which a compiler that traces cannot follow.
_untraced = operations.opaque if operations else lambda function: function


@_untraced
def _chip_of_torch(cell) -> tuple[int, bool]:
    """The room on PyTorch's GPU, and whether it multiplies in TF32."""
    import torch  # no other backend needs it

    if torch.version.hip:  # whose capabilities are other GPUs', without TF32
        return 0, False
    capability = torch.cuda.get_device_capability(_device(cell))
    tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
    return chip.room("{}.{}".format(*capability)), tf32


@functools.cache
@_untraced
def _start_error() -> str | None:
    """Why Triton does not start here: it needs one driver and a C compiler."""
    from triton.runtime import driver  # which PyTorch's users may be without

    try:
        driver.active.get_current_target()
    except Exception as error:  # noqa: BLE001  (a file, a process, an assertion)
        text, *_ = str(error).splitlines() or [""]
        return f"{type(error).__name__}: {text}".rstrip(".")
    return None


def _device(cell) -> Any:
    """The device of PyTorch that holds a cell's weights, or will."""
    weight = next(iter(cell.weights), None)  # a cell may be without a kernel
    return (keras.ops.zeros(()) if weight is None else weight.value).device


_KERNELS = {"jax": _pallas, "torch": _printed}


@functools.cache  # a search that fails looks into every folder, at each call
def installed(module: str) -> bool:
    """Whether a module can be imported."""
    return importlib.util.find_spec(module) is not None


def _jax():
    import jax  # no other backend needs it

    return jax
