"""Deep recurrent networks: plain, residual and dense stacks of any of our layers."""

from collections.abc import Iterable

from keras import ops

from slim_keras.arguments import positive, rate
from slim_keras.stack import Stack, public


@public("    depth: Positive integer L, the number of recurrences.")
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


@public("    blocks: Positive integer N, the number of residual blocks.")
class ResidualStack(Stack):
    """Residual blocks of two recurrent layers, with identity paths around them.

    ```
    x_0 = W x
    x_l = x_{l-1} + W R(W R(x_{l-1}))        l = 1 ... N
    output: R(x_N)
    ```

    These are 2 N + 1 recurrences: the authors call N = 5 twelve layers. The sums are
    over products W, so that they have the width of one: `units` for each block of the
    layer that sees the input.
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
    units="channels",
)
class DenseStack(Stack):
    """Blocks of dense layers, each of which sees the outputs of all before it.

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
