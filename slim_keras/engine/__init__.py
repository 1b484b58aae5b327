"""How a whole sequence is run: one function decides, another runs."""

import enum

from slim_keras.engine.scan import run as run


class Engine(enum.StrEnum):
    """The ways to run a sequence."""

    SCAN = "scan"
    LOOP = "loop"


def resolve(requested: str, *, unroll: bool = False) -> Engine:
    """Chooses the engine.

    Args:
        requested: `"auto"`, `"scan"` or `"loop"`.
        unroll: Whether the layer was asked to unroll its loop, which Keras' own
            loop alone does.

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
    if requested == "auto":
        return Engine.LOOP if unroll else Engine.SCAN
    if requested == Engine.SCAN and unroll:
        raise ValueError(
            "`engine='scan'` does not unroll. Received: unroll=True. Leave out one "
            "of the two, or choose `engine='loop'`."
        )
    return Engine(requested)
