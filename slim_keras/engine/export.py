"""How sequences are run while a model is exported: in plain operators."""

import contextvars
from collections.abc import Callable
from typing import Any

import keras

from slim_keras.engine.backends import backend

_CURRENT: contextvars.ContextVar = contextvars.ContextVar("export", default=None)


def current_export() -> Any:
    """The `Export` under way; `None` without one."""
    return _CURRENT.get()


def check_recorded(layer, sequences):
    """Refuses to be traced by Keras' own export for a length that it made up.

    On PyTorch it traces one step where the length is free, and loops are unrolled.
    """
    if keras.backend.backend() != "torch" or not backend.recorded():
        return
    built = layer.get_build_config() or {}
    shape = built.get("shapes_dict", {}).get(
        "sequences_shape", built.get("input_shape")
    )
    if sequences.shape[1] == 1 and shape is not None and shape[1] is None:
        raise ValueError(
            f"The layer {layer.name!r} takes any number of steps, and this export "
            "would write a file of one step: give `input_signature` with a number of "
            "steps, or use `slim_keras.export`, whose files take any number."
        )


class Export:
    """A context in which layers run uncompiled, without a gradient of their own.

    Args:
        scan: The time loop, with the signature of `Backend.iterate`.
    """

    def __init__(self, scan: Callable):
        self.scan = scan

    def __enter__(self):
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, *_):
        _CURRENT.reset(self._token)

    def run(self, layer, sequences, initial_state, mask):
        """What `keras.layers.RNN.inner_loop` returns, for a `SlimLayer`."""
        if layer.stateful:
            raise ValueError(
                f"The layer {layer.name!r} has stateful=True, and a file keeps no "
                "states from call to call. Build the model with stateful=False and "
                "the same weights; `slim_keras.export.streaming` then makes a model "
                "whose states are inputs and outputs."
            )
        if layer.compute_dtype != "float32":
            raise ValueError(
                f"The layer {layer.name!r} computes in {layer.compute_dtype}, and "
                "exports are of float32. Build the model with dtype='float32' and the "
                "same weights; `to_litert(..., quantize='float16')` makes a file of "
                "half the size."
            )
        from slim_keras.engine.scan import run  # which not every backend has

        return run(
            layer.cell,
            sequences,
            initial_state,
            mask,
            None,
            go_backwards=layer.go_backwards,
            return_sequences=layer.return_sequences,
            zero_output_for_mask=layer.zero_output_for_mask,
            training=False,
            export=self.scan,
        )
