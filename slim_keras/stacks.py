"""Deep stacks of recurrent layers: plain, residual and dense.

As in the IndRNN authors' code, every recurrent layer is cut in two: a `Dense` layer
computes W x_t for all steps at once, and the recurrence adds the rest. Batch
normalisation, residual sums and concatenations stand between the two.
"""

import copy
import functools
import inspect
import math
from collections.abc import Iterable

import keras
from keras import initializers, layers, ops

from slim_keras._signature import number, positive, rate
from slim_keras.layers import SlimLayer, checked_mask

_TAIL = """
Each W multiplies every step by another matrix. Each R is a recurrence with a bias,
followed by dropout; batch normalisation stands before or after it.

Args:
    layer: The recurrent layer to stack, such as `slim_keras.IndRNN(128)`. Every W takes
        the arguments of its kernel, every R all others, and both take `trainable`. The
        stack takes `return_sequences` from it, and `dtype` if none is given. Each pair
        adds 1 to the seeds of the previous pair, so that all pairs start differently.
{args}
    dropout: Fraction of the outputs of R to drop, in [0, 1). One mask serves all steps
        of a call. Default: 0.
    normalization: `"after"` the recurrence, `"before"` it, or `None`. It takes
        its statistics over batch and time. Default: `"after"`, which converges faster.
    momentum: Momentum of the moving averages of the normalisation. Default: 0.99.
    epsilon: Number that the normalisation adds to variances. Default: 1e-3.
    last_initializer: Initializer of `recurrent_vector` in the last R, such as
        `BoundedUniform(gamma, steps, long_memory=True)` in the paper. Default: `None`,
        the initializer of `layer`.

Call arguments:
    sequences: The input, `(batch, steps, features)`.
    mask: `(batch, steps)`, true where a step counts; also `(batch, steps, 1)`, or
        `(1, steps)` for the whole batch. At a masked step the states stay the
        same, and batch normalisation leaves the step out.
    training: Whether to normalise by the batch and to apply dropout.

Returns:
    The last output, `(batch, {units})`; with `return_sequences` all of them, `(batch,
    steps, {units})`.

Raises:
    ValueError: `layer` is not a layer of `slim_keras`, or has `return_state`,
        `go_backwards`, `stateful` or no kernel; or another argument is out of range. A
        call raises it if `mask` has another shape.

Example:
    >>> import numpy, slim_keras
    >>> stack = slim_keras.{example}
    >>> outputs = stack(numpy.ones((2, 10, 8), "float32"))
    >>> tuple(outputs.shape)
    {shape}

Paper: arXiv 1910.06251, section IV.
"""


def public(args, example, shape, units="units"):
    """Completes the docstring of a stack and registers it under its name."""

    def complete(cls):
        tail = _TAIL.format(args=args, units=units, example=example, shape=shape)
        cls.__doc__ = inspect.cleandoc(cls.__doc__) + "\n" + tail
        return keras.saving.register_keras_serializable(package="slim_keras")(cls)

    return complete


class _Recurrence(layers.Layer):
    """R: the recurrence between batch normalisations, if any, and dropout."""

    def __init__(self, recurrence, before, after, dropout, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.recurrence = recurrence
        self.before = before
        self.after = after
        self.dropout = dropout

    def build(self, input_shape):
        output_shape = (*input_shape[:-1], self.recurrence.units)
        self.recurrence.build(input_shape)
        if self.before is not None:
            self.before.build(input_shape)
        if self.after is not None:
            self.after.build(output_shape)
        self.dropout.build(output_shape)

    def call(self, x, mask=None, training=None):
        if self.before is not None:
            x = self.before(x, training=training, mask=mask)
        x = self.recurrence(x, mask=mask, training=training)
        if self.after is not None:
            x = self.after(x, training=training, mask=mask)
        return self.dropout(x, training=training)


class Stack(layers.Layer):
    """Pairs of W and R; a subclass gives their sizes and joins them."""

    def __init__(
        self,
        layer,
        *,
        dropout=0.0,
        normalization="after",
        momentum=0.99,
        epsilon=1e-3,
        last_initializer=None,
        **kwargs,
    ):
        _check_layer(layer)
        super().__init__(**{"dtype": layer.dtype_policy} | kwargs)
        if normalization not in ("after", "before", None):
            raise ValueError(
                "`normalization` must be 'after', 'before' or None. Received: "
                f"normalization={normalization!r}"
            )
        if last_initializer is not None and not layer.variant.vector_blocks:
            raise ValueError(
                f"`last_initializer` needs `recurrent_vector`, which "
                f"`{type(layer).__name__}` does not have. Received: "
                f"last_initializer={last_initializer!r}"
            )
        for name, value, low, high in (
            ("momentum", momentum, 0, 1),
            ("epsilon", epsilon, 0, math.inf),
        ):
            if not low <= number(value) <= high:
                raise ValueError(
                    f"`{name}` must be a number from {low} to {high}. Received: "
                    f"{name}={value!r}"
                )
        self.supports_masking = True
        self.input_spec = layers.InputSpec(ndim=3)
        # A new copy each time. Keras would take the layer for a part of this one, and
        # would track a dictionary, too.
        config = keras.saving.serialize_keras_object(layer)
        self._layer = functools.partial(copy.deepcopy, config)
        self._layer_class = type(layer)
        self.units = layer.units
        self.return_sequences = layer.return_sequences
        self.dropout = rate("dropout", dropout)
        self.normalization = normalization
        self.momentum = momentum
        self.epsilon = epsilon
        self.last_initializer = initializers.get(last_initializer)

    def _sizes(self):
        """For each pair: inputs of W (`None` in the first), units, dropout of R."""
        raise NotImplementedError

    def _join(self, x, products, recurrences):
        """The output of all steps."""
        raise NotImplementedError

    def build(self, input_shape):
        sizes = self._sizes()
        self.products, self.recurrences = [], []
        for place, (inputs, units, dropout) in enumerate(sizes):
            last = place == len(sizes) - 1
            product, recurrence = self._pair(place, units, dropout, last)
            product.build((*input_shape[:-1], inputs or input_shape[-1]))
            recurrence.build((*input_shape[:-1], product.units))
            self.products.append(product)
            self.recurrences.append(recurrence)

    def _pair(self, place, units, dropout, last):
        """One W and one R, not yet built."""
        config = _seeds_moved(self._layer()["config"], place)
        of_kernel = {
            name: config.pop(f"kernel_{name}")
            for name in ("initializer", "regularizer", "constraint")
        }
        del config["name"]
        config |= {"units": units, "return_sequences": True, "dtype": self.dtype_policy}
        if last and self.last_initializer is not None:
            config["recurrent_vector_initializer"] = self.last_initializer
        recurrence = self._layer_class(kernel_initializer=None, **config)
        product = layers.Dense(
            len(recurrence.variant.having("W")) * units,
            use_bias=False,  # R has one
            trainable=config["trainable"],
            dtype=self.dtype_policy,
            **{f"kernel_{name}": value for name, value in of_kernel.items()},
        )
        around = dict.fromkeys(("before", "after"))
        if self.normalization is not None:
            around[self.normalization] = layers.BatchNormalization(
                momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy
            )
        shared = layers.Dropout(
            dropout, noise_shape=(None, 1, None), dtype=self.dtype_policy
        )
        return product, _Recurrence(
            recurrence, **around, dropout=shared, dtype=self.dtype_policy
        )

    def call(self, sequences, mask=None, training=None):
        if mask is not None:
            mask = checked_mask(mask, sequences)
        recurrences = [
            functools.partial(recurrence, mask=mask, training=training)
            for recurrence in self.recurrences
        ]
        outputs = self._join(sequences, self.products, recurrences)
        return outputs if self.return_sequences else outputs[:, -1]

    def compute_mask(self, sequences, mask=None):
        return mask if self.return_sequences else None

    def compute_output_shape(self, input_shape):
        steps = input_shape[1:2] if self.return_sequences else ()
        return (input_shape[0], *steps, self._sizes()[-1][1])

    def get_config(self):
        return super().get_config() | {
            "layer": self._layer(),
            "dropout": self.dropout,
            "normalization": self.normalization,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "last_initializer": initializers.serialize(self.last_initializer),
        }

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config | {"layer": layer})


def _seeds_moved(config, place):
    """A configuration with `place` added to every seed in it.

    Otherwise all W would start alike, and all R would drop the same units.
    """
    moved = {}
    for name, value in config.items():
        if isinstance(value, dict):
            value = _seeds_moved(value, place)
        elif name == "seed" and value is not None:
            value += place
        moved[name] = value
    return moved


def _check_layer(layer):
    if not isinstance(layer, SlimLayer):
        raise ValueError(
            "`layer` must be a recurrent layer of slim_keras, such as "
            f"slim_keras.IndRNN(128). Received: layer={layer!r}"
        )
    for name in ("return_state", "go_backwards", "stateful"):
        if getattr(layer, name):
            raise ValueError(
                f"`layer` must have {name}=False. Received: "
                f"{name}={getattr(layer, name)!r}"
            )
    if layer.kernel_initializer is None:
        raise ValueError(
            "`layer` must have a `kernel_initializer`, by which the matrices W start. "
            "Received: kernel_initializer=None"
        )


@public(
    "    depth: Positive integer L, the number of recurrences.",
    example="PlainStack(slim_keras.IndRNN(16, return_sequences=True), depth=6)",
    shape=(2, 10, 16),
)
class PlainStack(Stack):
    """Recurrent layers on top of each other, x_0 the input and x_L the output.

    ```
    x_l = R(W x_{l-1})        l = 1 ... L
    ```
    """

    def __init__(self, layer, depth, **kwargs):
        super().__init__(layer, **kwargs)
        self.depth = positive("depth", depth)

    def _sizes(self):
        size = (self.units, self.units, self.dropout)
        return [(None, *size[1:]), *[size] * (self.depth - 1)]

    def _join(self, x, products, recurrences):
        for product, recurrence in zip(products, recurrences, strict=True):
            x = recurrence(product(x))
        return x

    def get_config(self):
        return super().get_config() | {"depth": self.depth}


@public(
    "    blocks: Positive integer N, the number of residual blocks.",
    example="ResidualStack(slim_keras.IndRNN(16), blocks=2)",
    shape=(2, 16),
)
class ResidualStack(Stack):
    """Residual blocks of two recurrent layers, with identity paths around them.

    ```
    x_0 = W x
    x_l = x_{l-1} + W R(W R(x_{l-1}))        l = 1 ... N
    output: R(x_N)
    ```

    The stack has 2 N + 1 recurrences: the authors call N = 5 twelve layers. The sums
    add products W, so that x_l has `units` channels for each block of `layer` that sees
    the input.
    """

    def __init__(self, layer, blocks, **kwargs):
        super().__init__(layer, **kwargs)
        self.blocks = positive("blocks", blocks)

    def _sizes(self):
        size = (self.units, self.units, self.dropout)
        return [(None, *size[1:]), *[size] * (2 * self.blocks)]

    def _join(self, x, products, recurrences):
        x = block = products[0](x)
        for place in range(2 * self.blocks):
            block = products[place + 1](recurrences[place](block))
            if place % 2:
                x = block = x + block
        return recurrences[-1](x)

    def get_config(self):
        return super().get_config() | {"blocks": self.blocks}


@public(
    """    blocks: Positive integers, the dense layers of each block. Default: 8, 6, 4.
    bottleneck_dropout: `dropout` of the first R of a dense layer. Default: 0.
    transition_dropout: `dropout` of the R after a block. Default: 0.""",
    example="DenseStack(slim_keras.IndRNN(4), blocks=(2, 1))",
    shape=(2, 10),
    units="channels",
)
class DenseStack(Stack):
    """Blocks of dense layers: a layer sees the outputs of all layers before it.

    ```
    x = R(W x)                           the first layer, of 6 k units
    x = concatenate(x, R(W R(W x)))      a dense layer: 4 k units, then k
    x = R(W x)                           after each block, half the channels of x
    ```

    k is the number of units of `layer`.
    """

    def __init__(
        self,
        layer,
        blocks=(8, 6, 4),
        *,
        bottleneck_dropout=0.0,
        transition_dropout=0.0,
        **kwargs,
    ):
        super().__init__(layer, **kwargs)
        if not isinstance(blocks, Iterable) or not (blocks := tuple(blocks)):
            raise ValueError(
                "`blocks` must hold positive integers, one for each block. Received: "
                f"blocks={blocks!r}"
            )
        self.blocks = tuple(positive("blocks", size) for size in blocks)
        self.bottleneck_dropout = rate("bottleneck_dropout", bottleneck_dropout)
        self.transition_dropout = rate("transition_dropout", transition_dropout)

    def _sizes(self):
        k, channels = self.units, 6 * self.units
        sizes = [(None, channels, self.dropout)]
        for block in self.blocks:
            for _ in range(block):
                sizes.append((channels, 4 * k, self.bottleneck_dropout))
                sizes.append((4 * k, k, self.dropout))
                channels += k
            sizes.append((channels, channels // 2, self.transition_dropout))
            channels //= 2
        return sizes

    def _join(self, x, products, recurrences):
        pairs = zip(products, recurrences, strict=True)

        def following(x):
            product, recurrence = next(pairs)
            return recurrence(product(x))

        x = following(x)
        for block in self.blocks:
            for _ in range(block):
                x = ops.concatenate([x, following(following(x))], axis=-1)
            x = following(x)
        return x

    def get_config(self):
        return super().get_config() | {
            "blocks": self.blocks,
            "bottleneck_dropout": self.bottleneck_dropout,
            "transition_dropout": self.transition_dropout,
        }
