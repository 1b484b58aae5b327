"""A model of one step, with the weights of a model of whole sequences."""

import keras
import numpy as np
from keras import ops

from slim_keras import engine
from slim_keras.engine import trees
from slim_keras.export.check import difference
from slim_keras.export.signature import (
    NEXT,
    call,
    inputs_of,
    outputs_of,
    random_inputs,
)
from slim_keras.export.stream import Stream

_STEPS = 8


def streaming(model: keras.Model, *, tolerance: float = 1e-5) -> keras.Model:
    """The same weights as a model of one step, for live input.

    Its recurrent layers are those of `slim_keras`, alone, stacked or inside other
    layers; each other layer must treat every step alone (Dense, Embedding,
    normalisation, activations, dropout ...). Where `model` puts out the last step
    alone, the one-step model puts out what it would at every step. It can be saved,
    exported by `to_litert`, `to_onnx` and `to_saved_model`, and fed by `Stream`;
    without it, feed each `next_NAME` back as `NAME`, zeros at first.

    Args:
        model: A Sequential or functional model with one input, `(batch, steps,
            features)` or words `(batch, steps)`, and one output.
        tolerance: The largest difference from the whole sequence that passes, see
            `to_litert`: it is checked before the call returns. Default: 1e-5.

    Returns:
        A model from `input`, `(batch, features)` or `(batch,)`, and the states, named
        after their layers as in `indylstm_h` and `indylstm_c`, to `output` and the
        new states, `next_indylstm_h` ...; inputs and outputs are dictionaries. It
        shares its weights with `model`.

    Raises:
        ValueError: A layer reads the sequence from its end (one half of
            `Bidirectional` does) or joins steps otherwise, or the model has no
            recurrent layer of ours, several inputs or several outputs.

    Example:

    ```python
    model = keras.Sequential([keras.Input((None, 8)), IndyLSTM(100)])
    live = export.streaming(model)
    export.to_litert(live, "live.tflite", batch_size=1)
    y = export.Stream("live.tflite").step(x)
    ```
    """
    ports = inputs_of(model)
    outputs = list(outputs_of(model).values())
    if len(ports) != 1 or len(outputs) != 1 or len(ports[0].shape) < 2:
        raise ValueError(
            "`model` must have one input, a sequence, and one output; the states come "
            f"by themselves. Received: inputs {[x.shape for x in ports]}, outputs "
            f"{[y.shape for y in outputs]}"
        )
    try:
        one = OneStep(_of_any_length(model, ports[0]))
    except ValueError:
        raise
    except Exception as error:  # each backend has its own
        raise ValueError(f"`model` does not run on one step: {error}") from error
    _, *features = ports[0].shape[1:]
    inputs = {"input": keras.Input(features, dtype=ports[0].dtype, name="input")}
    inputs |= {name: keras.Input((n,), name=name) for name, n in one.states.items()}
    streamed = keras.Model(inputs, one(inputs), name=f"{model.name}_streaming")
    _check(one.model, streamed, tolerance)
    return streamed


def _of_any_length(model, port):
    if port.shape[1] is None:
        return model
    free = keras.Input((None, *port.shape[2:]), dtype=port.dtype, name=port.name)
    return keras.Model(free, model.call(free))


class _Step(engine.Export):
    """Runs layers for one step, from states that are given and kept.

    Args:
        before: The states in the order in which layers run; zeros if `None`.
    """

    def __init__(self, before=None):
        super().__init__(scan=_one_step)
        self.before = None if before is None else list(before)
        self.after = {}

    def run(self, layer, sequences, initial_state, mask):
        if layer.go_backwards:
            raise ValueError(
                f"The layer {layer.name!r} reads the sequence from its end, as one "
                "half of `Bidirectional` does: it cannot answer before the end has "
                "come."
            )
        if self.before is not None:
            initial_state = [self.before.pop(0) for _ in initial_state]
        _, outputs, states = super().run(layer, sequences, initial_state, mask)
        for letter, state in zip("hc", states, strict=False):
            name = base = f"{layer.name}_{letter}"
            count = 1
            while name in self.after:
                count += 1
                name = f"{base}_{count}"
            self.after[name] = state
        if not layer.zero_output_for_mask:
            # h, also where this step is masked: the output of the step before.
            outputs = ops.expand_dims(states[0], axis=1)
        return outputs[:, -1], outputs, states


def _one_step(step, carry, rows, count, reverse=False):
    carry, stacked = step(carry, 0, trees.transform(lambda r: r[0], rows))
    return carry, trees.transform(lambda s: s[None], stacked)


@keras.saving.register_keras_serializable(package="slim_keras")
class OneStep(keras.layers.Layer):
    """Calls a model for one step, with the states of its layers given and returned."""

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        port = inputs_of(model)[0]
        with _Step() as step:
            first = model(ops.zeros((1, 1, *port.shape[2:]), dtype=port.dtype))
        self.states = {name: int(h.shape[-1]) for name, h in step.after.items()}
        if not self.states:
            raise ValueError("`model` has no recurrent layer of `slim_keras`.")
        [whole] = (y.shape for y in outputs_of(model).values())
        self.sequence = len(whole) > 2 and whole[1] is None and first.shape[1] == 1
        self.built = True

    @property
    def layers(self):
        return self.model.layers

    def call(self, inputs):
        x = ops.expand_dims(inputs["input"], axis=1)
        with _Step(inputs[name] for name in self.states) as step:
            y = self.model(x, training=False)
        if self.sequence:
            y = ops.squeeze(y, axis=1)
        return {"output": y} | {NEXT + name: h for name, h in step.after.items()}

    def get_config(self):
        model = keras.saving.serialize_keras_object(self.model)
        return super().get_config() | {"model": model}

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config.pop("model"))
        return cls(model, **config)


def _check(model, streamed, tolerance):
    """Compares outputs of a few lengths with what is streamed."""
    arrays = random_inputs(model, 3, _STEPS, np.random.default_rng(0))
    [(name, xs)] = arrays.items()
    found = Stream(streamed, batch_size=3).feed(xs)
    one = next(x for x in streamed.layers if isinstance(x, OneStep))
    lengths = [_STEPS] if one.sequence else [1, _STEPS // 2, _STEPS]
    for length in lengths:
        [wanted] = call(model, {name: xs[:, :length]}).values()
        got = found[:, :length] if one.sequence else found[:, length - 1]
        apart = difference(got, wanted)
        if not apart <= tolerance:
            raise ValueError(
                f"Streamed, `model` differs by {apart:.2g} from the whole sequence: "
                "one of its layers joins steps (a convolution, pooling or attention "
                "over time, a recurrent layer that is not of `slim_keras` or follows "
                "one with return_sequences=False), which one step at a time cannot do."
            )
