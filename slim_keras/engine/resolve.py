"""Which engine runs a sequence: the one place that decides and refuses."""

import enum
import importlib.util

import keras

from slim_keras.engine.backends import BACKENDS, primitives
from slim_keras.engine.derivatives import pulled
from slim_keras.variants import VARIANTS

_ACTIVATIONS = ("activation", "recurrent_activation")
_COMPILER = "jax.experimental.pallas.triton"  # JAX says since 0.11 that it will go
# Steps that JAX' scan takes at once of a variant with a recurrent matrix. On a GPU
# launching a step takes longer than computing it, and XLA can launch several as one:
# at B=32 m=128 n=128 8 save LSTM6 half of its time and LSTM two fifths.
_AT_ONCE = {"gpu": 8}


class Engine(enum.StrEnum):
    """The ways to run a sequence."""

    SCAN = "scan"
    PALLAS = "pallas"
    LOOP = "loop"
    EXPORT = "export"  # nobody asks for it: a layer runs so while it is exported


def check(requested: str, cell, *, unroll: bool | int = False) -> None:
    """Refuses what no backend could do.

    Args:
        requested: `"auto"`, `"scan"`, `"pallas"` or `"loop"`.
        cell: The `SlimCell` to run.
        unroll: Whether the layer was asked to unroll its loop, which Keras' own
            loop alone does; or by how many steps, which is for the scan.

    Raises:
        ValueError: `requested` is unknown or cannot serve, or `unroll` is no factor.
    """
    known = ("auto", Engine.SCAN, Engine.PALLAS, Engine.LOOP)
    if requested not in known:
        raise ValueError(
            f"`engine` must be one of {', '.join(known)}. Received: "
            f"engine={requested!r}"
        )
    by_steps = not isinstance(unroll, bool)
    if by_steps and (not hasattr(unroll, "__index__") or unroll < 1):
        raise ValueError(
            "`unroll` must be True, False or an integer of at least 1. Received: "
            f"unroll={unroll!r}"
        )
    if by_steps and requested not in ("auto", Engine.SCAN):
        raise ValueError(
            "An integer `unroll` serves `engine='scan'`. Received: "
            f"unroll={unroll}, engine={requested!r}"
        )
    compiled = requested in (Engine.SCAN, Engine.PALLAS)
    if compiled and unroll is True:
        raise ValueError(
            f"`engine='{requested}'` does not unroll. Received: unroll=True. Leave out "
            "one of the two, or choose `engine='loop'`."
        )
    if requested == Engine.PALLAS and (reason := _variant_refuses(cell)):
        raise ValueError(f"`engine='pallas'` {reason}. Choose `engine='auto'`.")


def resolve(
    requested: str,
    cell,
    *,
    unroll: bool | int = False,
    backend: str | None = None,
    platform: str | None = None,
    exporting: bool = False,
) -> Engine:
    """Chooses the engine.

    Args:
        requested: As in `check`, which has seen it.
        cell: The `SlimCell` to run.
        unroll: As in `check`.
        backend: The backend, by default the one in use. The scan engine serves
            TensorFlow, JAX and PyTorch.
        platform: What JAX runs on, by default the one in use, if it is one device.
        exporting: Whether the layer is being exported, which has a way of its own.

    Returns:
        The engine that will run.

    Raises:
        ValueError: `requested` or a factor `unroll` cannot serve on this backend, or
            with an activation that has weights.
    """
    if exporting:
        return Engine.EXPORT
    backend = backend or keras.backend.backend()
    learning = _learning_activation(cell)
    by_steps = not isinstance(unroll, bool)
    if learning and (by_steps or requested in (Engine.SCAN, Engine.PALLAS)):
        raise ValueError(
            f"`{learning}` is a layer with weights, {getattr(cell, learning)!r}, and a "
            "compiled pass differentiates by its own arrays alone. Choose "
            "`engine='loop'`, and no integer `unroll`."
        )
    if by_steps:
        if unroll > 1 and backend != "jax":
            raise ValueError(
                "An integer `unroll` above 1 serves the backend jax. Received: "
                f"unroll={unroll}, backend={backend!r}"
            )
        requested = Engine.SCAN
    if requested == "auto":
        if unroll or backend not in BACKENDS or learning:
            return Engine.LOOP
        if backend == "jax" and (platform or _platform()) in ("gpu", "tpu"):
            refused = _kernel_refuses(cell, backend, platform)
            return Engine.SCAN if refused else Engine.PALLAS
        return Engine.SCAN
    if requested == Engine.SCAN and backend not in BACKENDS:
        raise ValueError(
            f"`engine='scan'` serves the backends {', '.join(BACKENDS)}. Received: "
            f"backend={backend!r}. Choose `engine='loop'`."
        )
    if requested == Engine.PALLAS and (
        reason := _kernel_refuses(cell, backend, platform)
    ):
        raise ValueError(f"`engine='pallas'` {reason}. Choose `engine='auto'`.")
    return Engine(requested)


def steps_at_once(
    cell,
    unroll: bool | int,
    *,
    backend: str | None = None,
    platform: str | None = None,
) -> int:
    """How many steps the scan takes at once.

    Args:
        cell: The `SlimCell` to run.
        unroll: As in `check`; an integer is the answer.
        backend: The backend, by default the one in use.
        platform: What JAX runs on, by default its default backend.
    """
    if not isinstance(unroll, bool):
        return unroll
    jax_runs = (backend or keras.backend.backend()) == "jax"
    if not jax_runs or cell.variant.pointwise:
        return 1
    return _AT_ONCE.get(platform or _jax().default_backend(), 1)


def _learning_activation(cell) -> str | None:
    """The activation that is a layer with variables, or not built and may make some."""
    for name in _ACTIVATIONS:
        function = getattr(cell, name)
        if isinstance(function, keras.layers.Layer) and (
            not function.built or function.variables
        ):
            return name
    return None


def _jax():
    import jax  # no other backend needs it

    return jax


def _platform() -> str:
    """What JAX runs on; of several devices, one would have to run a kernel for all."""
    jax = _jax()
    return jax.default_backend() if jax.device_count() == 1 else "several"


def _variant_refuses(cell) -> str | None:
    """Why no kernel runs its variant, if so."""
    if cell.variant.pointwise:
        return None
    served = ", ".join(row.name for row in VARIANTS.values() if row.pointwise)
    return (
        f"serves the variants without a recurrent matrix: {served}. Received: "
        f"{cell.variant.name}"
    )


def _kernel_refuses(cell, backend: str, platform: str | None) -> str | None:
    """Why one kernel cannot run a cell, if so."""
    if backend != "jax":
        return f"serves the backend jax. Received: backend={backend!r}"
    if reason := _variant_refuses(cell):
        return reason
    if importlib.util.find_spec(_COMPILER) is None:
        return f"needs {_COMPILER}, which this JAX does not have"
    from slim_keras.engine.kernels.pallas import holds  # needs that compiler

    platform = platform or _jax().default_backend()
    for name in _ACTIVATIONS:
        function = getattr(cell, name)
        received = f"Received: {name}={getattr(function, '__name__', function)!r}"
        activation = pulled(function)
        if not primitives.elementwise(activation.value):
            return (
                "serves elementwise activations without arrays of their own. "
                f"{received}"
            )
        if not holds(activation, platform):
            return f"serves activations that JAX compiles in kernels there. {received}"
    return None
