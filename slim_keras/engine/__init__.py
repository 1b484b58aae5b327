"""How a whole sequence is run: one function decides, another runs."""

import enum

import keras

from slim_keras.engine.primitives import BACKENDS

if keras.backend.backend() in BACKENDS:
    from slim_keras.engine.scan import run as run


class Engine(enum.StrEnum):
    """The ways to run a sequence."""

    SCAN = "scan"
    LOOP = "loop"


def resolve(
    requested: str, *, unroll: bool = False, backend: str | None = None
) -> Engine:
    """Chooses the engine.

    Args:
        requested: `"auto"`, `"scan"` or `"loop"`.
        unroll: Whether the layer was asked to unroll its loop, which Keras' own
            loop alone does.
        backend: The backend, by default the one in use. The scan engine serves
            TensorFlow, JAX and PyTorch.

    Returns:
        The engine that will run.

    Raises:
        ValueError: `requested` is unknown or cannot serve.
    """
    known = ("auto", *Engine)
    if requested not in known:
        raise ValueError(
            f"`engine` must be one of {', '.join(known)}. Received: "
            f"engine={requested!r}"
        )
    backend = backend or keras.backend.backend()
    served = backend in BACKENDS
    if requested == "auto":
        return Engine.SCAN if served and not unroll else Engine.LOOP
    if requested == Engine.SCAN and unroll:
        raise ValueError(
            "`engine='scan'` does not unroll. Received: unroll=True. Leave out one "
            "of the two, or choose `engine='loop'`."
        )
    if requested == Engine.SCAN and not served:
        raise ValueError(
            f"`engine='scan'` serves the backends {', '.join(BACKENDS)}. Received: "
            f"backend={backend!r}. Choose `engine='loop'`."
        )
    return Engine(requested)
