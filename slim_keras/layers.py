"""The layers: `NAME` runs `NAMECell` over a sequence, on `keras.layers.RNN`.

These layers pass their mask on to the next layer. `keras.layers.Bidirectional`,
`TimeDistributed` and `RNN` around a cell do so up to Keras 3.15; from 3.16 on they drop
the mask with a warning, unless `wrapper.supports_masking = True` is set before the
first call, and again after loading.
"""

import inspect
from typing import Any, ClassVar

import keras
from keras import ops

from slim_keras import _signature, cells, engine
from slim_keras.cells import SlimCell, agree, checked_states

_TAIL = """
Call arguments:
    sequences: The input, `(batch, steps, features)`.
    initial_state: List of h_0 and, where the cell has a memory, c_0, each
        `(batch, units)`, or `(1, units)` for the whole batch. Default: zeros.
    mask: `(batch, steps)`, true where a step counts; also `(batch, steps, 1)`, or
        `(1, steps)` for the whole batch. At a masked step the states stay the same and
        the output repeats.
    training: Whether to apply dropout.

Returns:
    h_T, `(batch, units)`; with `return_sequences` h_1 ... h_T, `(batch, steps,
    units)`; with `return_state` followed by the last states.

Raises:
    ValueError: `units` is not a positive integer, a dropout rate is not in [0, 1),
        |forget| is not below 1, an initializer of biases or vectors is `None`, `engine`
        is unknown or cannot serve, the engine does not take `unroll`, or the variant
        does not take an argument. A call raises it if `initial_state` or `mask` has
        another shape, or if `engine` cannot serve the backend or the activations.

Example:
    >>> import numpy, slim_keras
    >>> layer = slim_keras.{name}(16, return_sequences=True)
    >>> sequences = numpy.ones((2, 10, 8), "float32")  # batch, steps, features
    >>> outputs = layer(sequences)
    >>> tuple(outputs.shape)
    (2, 10, 16)
    >>> layer.count_params()
    {parameters}
"""

_SEQUENCE_ARGUMENTS = {
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "zero_output_for_mask": False,
    "engine": "auto",
}


class SlimLayer(keras.layers.RNN):
    """Runs a cell over a sequence; subclasses name their cell."""

    cell_class: ClassVar[type[SlimCell]]

    def __init_subclass__(cls, cell: type[SlimCell] | None = None, **kwargs):
        super().__init_subclass__(**kwargs)
        if cell is None:
            return
        cls.cell_class = cell
        of_cell = _signature.cell_defaults(cell.variant, cell.defaults)
        defaults: dict[str, Any] = {}
        for name, default in of_cell.items():
            if name == "kernel_constraint":  # as in keras.layers.LSTM
                defaults["activity_regularizer"] = None
            defaults[name] = default
        cls.__signature__ = _signature.ClassSignature(defaults | _SEQUENCE_ARGUMENTS)
        cls.__doc__ = _signature.document(cls, cell.variant, cell.definition, _TAIL)
        for name in of_cell:
            setattr(cls, name, _of_cell(name))
        keras.saving.register_keras_serializable(package="slim_keras")(cls)

    def __init__(self, *args, **kwargs):
        variant = self.cell_class.variant
        given = _signature.bind(type(self), variant, args, kwargs)
        taken = inspect.signature(self.cell_class).parameters
        cell_arguments = {k: given.pop(k) for k in tuple(given) if k in taken}
        shared = {k: given[k] for k in ("dtype", "trainable") if k in given}
        # A fixed name, as in layers of Keras: files find weights by their paths.
        name = f"{variant.key}_cell"
        cell = self.cell_class(**cell_arguments, **shared, name=name)
        request = engine.parse(given.pop("engine"), given.pop("unroll"))
        unroll: bool | _StepsAtOnce = request.unrolled
        if request.at_once is not None:
            unroll = _StepsAtOnce(request.at_once)
        super().__init__(cell, unroll=unroll, **given)
        self._request = request
        self.engine = str(request.engine or "auto")
        self.input_spec = keras.layers.InputSpec(ndim=3)
        # Keras 3.16 switches it off in RNN, and the layers behind would see no mask.
        self.supports_masking = True

    @property
    def resolved_engine(self) -> engine.Engine:
        """The engine that runs this layer."""
        exporting = engine.current_export() is not None
        return engine.resolved(self._request, self.cell, exporting=exporting)

    @property
    def resolved_unroll(self) -> int:
        """How many steps the scan takes at once."""
        return engine.steps_at_once(self._request, self.cell)

    @property
    def variant(self):
        """The row of `slim_keras.variants` that this layer computes."""
        return self.cell.variant

    def build(self, sequences_shape, initial_state_shape=None):
        created = self.stateful and self.states is None
        super().build(sequences_shape, initial_state_shape)
        if created:
            # On PyTorch, autocast loses what is assigned to the variables of Keras.
            # States are not weights, so Keras must not track them.
            states = [
                keras.Variable(s.value, trainable=False, autocast=False, name=s.name)
                for s in self.states
            ]
            object.__setattr__(self, "states", states)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if initial_state is not None:
            initial_state = self._one_row_each(initial_state, sequences)
        if mask is not None:
            mask = checked_mask(mask, sequences)
        return super().call(sequences, initial_state, mask, training)

    def _one_row_each(self, initial_state, sequences):
        """The initial states, checked, with a row for each example."""
        if keras.tree.is_nested(initial_state):
            initial_state = [ops.convert_to_tensor(state) for state in initial_state]
        batch = sequences.shape[0]
        states = checked_states(self.cell, "initial_state", initial_state, batch)
        if batch is not None and all(state.shape[0] == batch for state in states):
            return states
        shape = (ops.shape(sequences)[0], self.cell.units)
        return [ops.broadcast_to(state, shape) for state in states]

    def inner_loop(self, sequences, initial_state, mask, training=False):
        engine.check_recorded(self, sequences)
        chosen = self.resolved_engine
        if chosen is engine.Engine.EXPORT:
            export = engine.current_export()
            return export.run(self, sequences, initial_state, mask)
        if self.stateful:
            # PyTorch assigns in place, which would change what the gradient needs.
            initial_state = [ops.copy(state) for state in initial_state]
        if chosen is engine.Engine.LOOP:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        cell = self.cell
        if training and cell.dropout > 0:
            drop = cell.get_dropout_mask(sequences[:, 0, :])
            sequences = sequences * ops.expand_dims(drop, axis=1)
        recurrent_drop = None
        if training and cell.recurrent_dropout > 0:
            recurrent_drop = cell.get_recurrent_dropout_mask(initial_state[0])
        kernel = None
        if chosen is engine.Engine.KERNEL:
            kernel = engine.kernel_of(engine.platform_of(cell))
        return engine.run(
            cell,
            sequences,
            initial_state,
            mask,
            recurrent_drop,
            go_backwards=self.go_backwards,
            return_sequences=self.return_sequences,
            zero_output_for_mask=self.zero_output_for_mask,
            training=training,
            kernel=kernel,
            unroll=self.resolved_unroll,
        )

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        taken = inspect.signature(type(self)).parameters
        config |= {k: v for k, v in cell_config.items() if k in taken}
        config["engine"] = self.engine
        if not isinstance(self.unroll, bool):
            config["unroll"] = int(self.unroll)
        config["activity_regularizer"] = keras.regularizers.serialize(
            self.activity_regularizer
        )
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class _StepsAtOnce(int):
    """An integer `unroll` that Keras takes for false, so it unrolls no loop."""

    def __bool__(self):
        return False


def checked_mask(mask, sequences):
    """A mask as `(batch, steps)`.

    Args:
        mask: `(batch, steps)`, `(1, steps)` or `(batch, steps, 1)`.
        sequences: The input, `(batch, steps, features)`.

    Raises:
        ValueError: The mask has another shape.
    """
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    batch, steps = sequences.shape[:2]
    shape = tuple(mask.shape)
    if not (
        (len(shape) == 2 and agree(shape[0], batch, 1) and agree(shape[1], steps))
        or (len(shape) == 3 and all(map(agree, shape, (batch, steps, 1))))
    ):
        raise ValueError(
            f"`mask` must have the shape (batch, steps) = ({batch}, {steps}), (1, "
            f"{steps}) or ({batch}, {steps}, 1). Received: mask.shape={shape}"
        )
    if None not in shape and shape == (batch, steps):
        return mask
    # For sizes known only at run time: the first operation checks rows, the second
    # steps.
    batch, steps = ops.shape(sequences)[:2]
    rows = ops.reshape(mask, ops.shape(mask)[:2])
    rows = ops.broadcast_to(rows, (batch, ops.shape(mask)[1]))
    return ops.reshape(rows, (batch, steps))


def _of_cell(name):
    def value(self):
        return getattr(self.cell, name)

    value.__doc__ = f"The cell's `{name}`."
    return property(value)


class LSTM(SlimLayer, cell=cells.LSTMCell):
    pass


class LSTM1(SlimLayer, cell=cells.LSTM1Cell):
    pass


class LSTM2(SlimLayer, cell=cells.LSTM2Cell):
    pass


class LSTM3(SlimLayer, cell=cells.LSTM3Cell):
    pass


class LSTM4(SlimLayer, cell=cells.LSTM4Cell):
    pass


class LSTM4a(SlimLayer, cell=cells.LSTM4aCell):
    pass


class LSTM5(SlimLayer, cell=cells.LSTM5Cell):
    pass


class LSTM5a(SlimLayer, cell=cells.LSTM5aCell):
    pass


class LSTM6(SlimLayer, cell=cells.LSTM6Cell):
    pass


class LSTM10(SlimLayer, cell=cells.LSTM10Cell):
    pass


class LSTM11(SlimLayer, cell=cells.LSTM11Cell):
    pass


class LSTM_C6(SlimLayer, cell=cells.LSTM_C6Cell):
    pass


class IndyLSTM(SlimLayer, cell=cells.IndyLSTMCell):
    pass


class IndRNN(SlimLayer, cell=cells.IndRNNCell):
    pass
