"""One step of every variant: a cell driven by its row of `variants.py`, named below.

m is the size of the input, n = `units`; `*` is the Hadamard product, g the
`activation`, s the `recurrent_activation`. `_signature.document` adds weights,
arguments, errors and an example to the docstrings.
"""

import inspect
from typing import Any, ClassVar

import keras
from keras import constraints, initializers, ops, regularizers

from slim_keras import _signature, bounds  # noqa: F401  (registered names)
from slim_keras.equations import Activation, Equations, Terms
from slim_keras.variants import VARIANTS, Variant

_TAIL = """
Call arguments:
    inputs: x_t, `(batch, features)`.
    states: The list of h_{t-1} and, where the cell has a memory, c_{t-1}, each
        `(batch, units)` or `(1, units)`. A cell without memory takes h_{t-1} without a
        list, too.
    training: Whether to apply dropout.

Returns:
    h_t and the new states in the form of `states`.

Raises:
    ValueError: `units` is not a positive integer, a dropout rate is not in [0, 1),
        |forget| is not below 1, an initializer of biases or vectors is `None`, an
        argument means nothing for this variant, or `states` has another length or
        shape.

Example:
    >>> import keras, numpy, slim_keras
    >>> layer = keras.layers.RNN(slim_keras.{name}(16), return_sequences=True)
    >>> outputs = layer(numpy.ones((2, 10, 8), "float32"))
    >>> tuple(outputs.shape)
    (2, 10, 16)
"""

_OF_VECTORS = {
    name: {
        "initializer": initializers,
        "regularizer": regularizers,
        "constraint": constraints,
    }[name.rsplit("_", 1)[-1]]
    for name in _signature.RECURRENT_VECTOR
}


# A subclass of Keras' cell because `keras.layers.RNN` draws the dropout masks of no
# other cell before its loop, and random numbers may not be drawn inside one.
class SlimCell(keras.layers.LSTMCell):
    """The step that all variants share; subclasses name their row."""

    variant: ClassVar[Variant]
    definition: ClassVar[str]
    defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, key: str | None = None, **kwargs):
        super().__init_subclass__(**kwargs)
        if key is None:
            return
        cls.variant = VARIANTS[key]
        cls.__signature__ = _signature.ClassSignature(
            _signature.cell_defaults(cls.variant, cls.defaults)
        )
        cls.definition = inspect.cleandoc(cls.__doc__ or "")
        cls.definition += f"\n\nPaper: {cls.variant.paper}."
        cls.__doc__ = _signature.document(cls, cls.variant, cls.definition, _TAIL)
        keras.saving.register_keras_serializable(package="slim_keras")(cls)

    def __init__(self, *args, **kwargs):
        variant = self.variant
        given = _signature.bind(type(self), variant, args, kwargs)
        given["units"] = _signature.positive("units", given["units"])
        for name in ("dropout", "recurrent_dropout"):
            given[name] = _signature.rate(name, given[name])
        given.setdefault("use_bias", False)
        _check_use_bias(variant, given["use_bias"])
        needed = ["recurrent_vector_initializer"] if variant.vector_blocks else []
        needed += ["bias_initializer"] if given["use_bias"] else []
        for name in needed:
            if given[name] is None:
                raise ValueError(
                    f"`{name}` must be an initializer. Received: {name}=None"
                )
        forget = given.pop("forget", None)
        of_vectors = {k: given.pop(k) for k in _OF_VECTORS if k in given}
        super().__init__(**given)
        # Keras would draw a mask per block; one for all serves one input product.
        self.implementation = 2
        self.dropout_mask_count = None
        self.state_size = [self.units] * (2 if variant.memory else 1)
        self.forget = _checked_forget(forget) if variant.constant_forget else None
        for name, value in of_vectors.items():
            setattr(self, name, _OF_VECTORS[name].get(value))

    def build(self, input_shape):
        variant, units = self.variant, self.units

        def add(name, shape, initializer, kind):
            return self.add_weight(
                shape=shape,
                name=name,
                initializer=initializer,
                regularizer=getattr(self, f"{kind}_regularizer"),
                constraint=getattr(self, f"{kind}_constraint"),
            )

        self.kernel = None
        self.recurrent_kernel = self.recurrent_vector = self.bias = None
        width = len(variant.having("W")) * units
        if self.kernel_initializer is not None:
            self.kernel = add(
                "kernel", (input_shape[-1], width), self.kernel_initializer, "kernel"
            )
        elif input_shape[-1] != width:
            raise ValueError(
                f"`input_shape` must end in {width}, because with "
                f"`kernel_initializer=None` the input of {units} units of "
                f"`{variant.name}` is W x_t. Received: "
                f"input_shape={tuple(input_shape)}"
            )
        if variant.matrix_blocks:
            self.recurrent_kernel = add(
                "recurrent_kernel",
                (units, len(variant.matrix_blocks) * units),
                self.recurrent_initializer,
                "recurrent",
            )
        if variant.vector_blocks:
            self.recurrent_vector = add(
                "recurrent_vector",
                (len(variant.vector_blocks) * units,),
                self._start_vectors,
                "recurrent_vector",
            )
        if self.use_bias:
            self.bias = add(
                "bias", (len(variant.having("b")) * units,), self._start_bias, "bias"
            )
        # Not in the first call: files hold their weights from the start.
        for function in self.activation, self.recurrent_activation:
            if isinstance(function, keras.layers.Layer) and not function.built:
                function.build((None, units))
        self.built = True

    def _start_vectors(self, shape, dtype=None):
        columns = (self.units, len(self.variant.vector_blocks))
        vectors = self.recurrent_vector_initializer(columns, dtype=dtype)
        return ops.reshape(ops.transpose(vectors), shape)

    def _start_bias(self, shape, dtype=None):
        blocks = self.variant.having("b")
        if not self.unit_forget_bias or "f" not in blocks:
            return self.bias_initializer(shape, dtype=dtype)
        before = blocks.index("f") * self.units
        after = shape[0] - before - self.units
        return ops.concatenate(
            [
                self.bias_initializer((before,), dtype=dtype),
                ops.ones((self.units,), dtype=dtype),
                self.bias_initializer((after,), dtype=dtype),
            ]
        )

    def equations(self, activation_of, **arithmetic) -> Equations:
        """The step's equations.

        Args:
            activation_of: Makes an `Activation` of a Keras activation function.
            arithmetic: `add_product`, where there is a better one.
        """
        body = keras.activations.linear if self.variant.linear_body else self.activation
        return Equations(
            variant=self.variant,
            body=activation_of(body),
            output=activation_of(self.activation),
            gate=activation_of(self.recurrent_activation),
            forget=self.forget,
            **arithmetic,
        )

    def get_recurrent_dropout_mask(self, step_input):
        mask = super().get_recurrent_dropout_mask(step_input)
        if mask is None or self.variant.memory:
            return mask
        return ops.cast(mask > 0, mask.dtype)  # u / (1 - rate) would pass its bound

    def call(self, inputs, states, training=False):
        listed = keras.tree.is_nested(states)
        states = checked_states(self, "states", states, inputs.shape[0])
        h = states[0]
        c = states[1] if self.variant.memory else None
        if training and self.dropout > 0:
            inputs = inputs * self.get_dropout_mask(inputs)
        seen = h
        if training and self.recurrent_dropout > 0:
            seen = h * self.get_recurrent_dropout_mask(h)
        product = inputs if self.kernel is None else ops.matmul(inputs, self.kernel)
        matrix = None
        if self.variant.matrix_blocks:
            matrix = ops.matmul(seen, self.recurrent_kernel)
        # Some backends do not slice variables; all slice tensors.
        vector, bias = (
            None if weight is None else ops.convert_to_tensor(weight)
            for weight in (self.recurrent_vector, self.bias)
        )
        equations = self.equations(_value_only)
        pre = {
            k: _rows(
                equations.preactivation(
                    Terms(
                        product=self.variant.part(product, "W", k),
                        matrix=self.variant.part(matrix, "U", k),
                        vector=self.variant.part(vector, "u", k),
                        bias=self.variant.part(bias, "b", k),
                    ),
                    seen,
                ),
                h,
            )
            for k in self.variant.blocks
        }
        h, c = equations.step(equations.values(pre), c)
        states = [h, c] if self.variant.memory else [h]
        return h, states if listed else h

    def get_initial_state(self, batch_size=None):
        shape = (batch_size, self.units)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in self.state_size]

    def get_config(self):
        taken = inspect.signature(type(self)).parameters
        config = {
            name: value
            for name, value in super().get_config().items()
            if name in taken or name not in _signature.ARGUMENTS
        }
        if self.variant.constant_forget:
            config["forget"] = self.forget
        if self.variant.vector_blocks:
            config |= {
                name: module.serialize(getattr(self, name))
                for name, module in _OF_VECTORS.items()
            }
        return config


def checked_states(cell: SlimCell, name: str, states: Any, batch: int | None) -> list:
    """The states of a cell as a list of `(batch, units)`.

    Args:
        cell: The cell.
        name: What the caller names the argument.
        states: A list of them; a single one may come without a list.
        batch: The batch size; `None` where it is unknown.

    Raises:
        ValueError: The list has another length, or a state another shape. A state of
            shape `(1, units)` serves the whole batch.
    """
    states = list(states) if keras.tree.is_nested(states) else [states]
    shapes = [tuple(getattr(state, "shape", ())) for state in states]
    fits = [
        len(shape) == 2 and agree(shape[1], cell.units) and agree(shape[0], batch, 1)
        for shape in shapes
    ]
    if len(states) != len(cell.state_size) or not all(fits):
        count = "one state" if len(cell.state_size) == 1 else "h and c, two states"
        raise ValueError(
            f"`{name}` of `{cell.variant.name}` must be {count} of shape (batch, "
            f"units) = ({batch}, {cell.units}) or (1, {cell.units}). Received: "
            f"shapes {', '.join(map(str, shapes))}"
        )
    return states


def agree(size: Any, *wanted: Any) -> bool:
    """Whether a size is one of those wanted, as far as all are known."""
    known = all(isinstance(n, int) for n in (size, *wanted))
    return not known or size in wanted


def _checked_forget(forget):
    value = _signature.number(forget)
    if not abs(value) < 1:
        raise ValueError(
            "`forget` must be a number with |forget| < 1. Only then does the memory "
            "c_t = f c_{t-1} + (a bounded input) stay bounded (BIBO stability), "
            f"whatever the activation. Received: forget={forget!r}"
        )
    return value


def _check_use_bias(variant, use_bias):
    alone = [k for k in variant.blocks if getattr(variant, k) == "b"]
    if alone and not use_bias:
        raise ValueError(
            f"`use_bias` must be True, because gates of `{variant.name}` see their "
            "bias alone; `LSTM6` has constant gates. Received: "
            f"use_bias={use_bias!r}"
        )


def _value_only(function):
    return Activation(value=function, pull=_no_pull)


def _rows(pre, h):
    """A row for each example, also where a gate sees its bias alone.

    An activation may be a layer, which was built for rows.
    """
    return pre if len(pre.shape) == 2 else pre + ops.zeros_like(h)


def _no_pull(x, y, dy):
    raise NotImplementedError("Keras' loop differentiates by itself.")


def _config(class_name: str, **config) -> dict[str, Any]:
    """A default that Keras makes anew for every cell."""
    return {"class_name": class_name, "config": config}


class LSTMCell(SlimCell, key="lstm"):
    """The standard LSTM, with the weight layout of `keras.layers.LSTM`.

    ```
    i_t = s(W_i x_t + U_i h_{t-1} + b_i)
    f_t = s(W_f x_t + U_f h_{t-1} + b_f)
    o_t = s(W_o x_t + U_o h_{t-1} + b_o)
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: 4 (n m + n^2 + n).
    """


class LSTM1Cell(SlimCell, key="lstm1"):
    """SLIM LSTM 1: the gates do not see the input.

    ```
    k_t = s(U_k h_{t-1} + b_k)                        for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 4 n^2 + 4 n.

    Also defined in arXiv 1701.03441.
    """


class LSTM2Cell(SlimCell, key="lstm2"):
    """SLIM LSTM 2: the gates see the last output alone.

    ```
    k_t = s(U_k h_{t-1})                              for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 4 n^2 + n.

    Also defined in arXiv 1701.03441.
    """


class LSTM3Cell(SlimCell, key="lstm3"):
    """SLIM LSTM 3: the gates are trained constants.

    ```
    k   = s(b_k)                                      for the gates k = i, f, o
    c_t = f * c_{t-1} + i * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o * g(c_t)
    ```

    Trainable parameters: n m + n^2 + 4 n.

    Also defined in arXiv 1701.03441.
    """


class LSTM4Cell(SlimCell, key="lstm4"):
    """SLIM LSTM 4: the gates see the last output through a Hadamard product.

    ```
    k_t = s(u_k * h_{t-1})                            for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + n^2 + 4 n.
    """


class LSTM4aCell(SlimCell, key="lstm4a"):
    """SLIM LSTM 4a: LSTM4 with constant forget and output gates.

    ```
    i_t = s(u_i * h_{t-1})
    c_t = forget * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + n^2 + 2 n.
    """


class LSTM5Cell(SlimCell, key="lstm5"):
    """SLIM LSTM 5: LSTM4 with gate biases.

    ```
    k_t = s(u_k * h_{t-1} + b_k)                      for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + n^2 + 7 n.
    """


class LSTM5aCell(SlimCell, key="lstm5a"):
    """SLIM LSTM 5a: LSTM5 with constant forget and output gates.

    ```
    i_t = s(u_i * h_{t-1} + b_i)
    c_t = forget * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + n^2 + 3 n.
    """


class LSTM6Cell(SlimCell, key="lstm6"):
    """SLIM LSTM 6: all gates are constants, i = o = 1 and f = `forget`.

    ```
    c_t = forget * c_{t-1} + g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + n^2 + n.

    No gate holds the recurrence back: a step multiplies a small change of c_{t-1} by
    forget I + g'(z_t) U_c g'(c_{t-1}), with z_t = W_c x_t + U_c h_{t-1} + b_c and
    g' as diagonal matrices. With tanh and an orthogonal U_c that is up to 1 + forget
    where both are near zero, and over hundreds of steps a small change grows. With
    sigmoid, as in the paper, c settles near g(z) / (1 - forget). For a large forget g
    is flat there, so that a step multiplies a small change by little more than forget.
    """


class LSTM10Cell(SlimCell, key="lstm10"):
    """SLIM LSTM 10: LSTM4 with a Hadamard product in the body too.

    ```
    k_t = s(u_k * h_{t-1})                            for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 5 n.
    """


class LSTM11Cell(SlimCell, key="lstm11"):
    """SLIM LSTM 11: LSTM5 with a Hadamard product in the body too.

    ```
    k_t = s(u_k * h_{t-1} + b_k)                      for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 8 n.
    """


class LSTM_C6Cell(SlimCell, key="lstm_c6"):
    """SLIM LSTM C6: constant gates as in LSTM6 and a Hadamard product in the body.

    ```
    c_t = forget * c_{t-1} + g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + 2 n.
    """


class IndyLSTMCell(SlimCell, key="indylstm"):
    """The LSTM with diagonal recurrent matrices: every unit sees itself alone.

    ```
    i_t = s(W_i x_t + u_i * h_{t-1} + b_i)
    f_t = s(W_f x_t + u_f * h_{t-1} + b_f)
    o_t = s(W_o x_t + u_o * h_{t-1} + b_o)
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: 4 n m + 8 n.

    The paper adds 1 to the forget gate at run time; here `unit_forget_bias` starts
    b_f at 1, and the vectors start in U(-1, 1) as in the paper.
    """

    defaults: ClassVar[dict[str, Any]] = {
        "recurrent_vector_initializer": _config(
            "RandomUniform", minval=-1.0, maxval=1.0
        )
    }


class IndRNNCell(SlimCell, key="indrnn"):
    """The independently recurrent network: one vector of recurrent weights.

    ```
    h_t = g(W x_t + u * h_{t-1} + b)
    ```

    With ReLU and u near 1 a unit adds up the inputs of all steps. Over hundreds of
    steps, in layers on top of each other, the sums may grow until training ends in NaN.
    Stack them with batch normalisation, as the authors do, by `PlainStack(IndRNN(n),
    depth)`, or start with a smaller u, such as
    `recurrent_vector_initializer=keras.initializers.RandomUniform(0, 0.9)`.

    u starts in U(0, 1), and a constraint holds |u| <= 1. For sequences of a known
    length T pass `BoundedUniform(gamma, T)` and `BoundedRecurrence(gamma, T)`, whose
    bound is gamma^(1/T).

    Trainable parameters: n m + 2 n.

    `recurrent_dropout` p takes the memory from a share p of the units for a whole call
    and leaves the other units as they are. Keras divides the kept units by 1 - p, to
    keep the sum over units; here a unit sees itself alone, so that the division would
    lift |u| above its bound and grow as (1 - p)^-T over T steps.
    """

    defaults: ClassVar[dict[str, Any]] = {
        "activation": "relu",
        "recurrent_vector_initializer": _config("slim_keras>BoundedUniform"),
        "recurrent_vector_constraint": _config("slim_keras>BoundedRecurrence"),
    }
