"""MNIST pixel by pixel, 784 steps, as in arXiv 1803.04831 and 1910.06251.

A plain, residual or dense stack of IndRNN reads a digit as a sequence of pixels and the
last output is classified. The defaults are the paper's; `configs/pixel_mnist.toml` has
the different choices of its authors' code. The papers divide the learning rate by ten
every 600,000 steps (1803.04831) or when the validation accuracy stops rising
(1910.06251); here the first rule holds. Weight decay is a penalty, as in the code, and
only on the matrices W, as in the paper; the code also decays gamma of the batch
normalisation.
"""

import sys
from dataclasses import dataclass, replace
from typing import Any

import click

from experiments.core import recurrent
from experiments.core.command import Integer, Number, Numbers, setting
from experiments.core.data import Arrays
from experiments.core.errors import UserError
from experiments.core.experiment import ACCURACY, Experiment
from experiments.core.runner import main
from experiments.core.settings import data_setting, refuse_given
from experiments.datasets import mnist

LAYERS = {"plain": 6, "residual": 12}
DECAY_STEPS = 600_000
CLIP = 10.0  # of the values in a gradient
# As PyTorch, which the authors' code runs on, has them.
MOMENTUM, EPSILON = 0.9, 1e-5


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Settings):
    """One configuration."""

    stack: str = setting(
        "residual",
        click.Choice(["plain", "residual", "dense"]),
        "How the recurrent layers are joined.",
    )
    layers: int | None = setting(
        None,
        Integer(min=1),
        "Layers of a plain stack, 6 by default, or of a residual one, 12: its blocks "
        "of two, and the first and the last.",
    )
    blocks: str = setting("8,6,4", Numbers(), "Dense layers in each block, if dense.")
    growth: int = setting(16, Integer(min=1), "Units k of a dense layer.")
    permuted: bool = setting(
        False, click.BOOL, "Whether the pixels come in a fixed random order."
    )
    variant: str = setting(
        "indrnn", click.STRING, "Recurrent layer: indrnn, lstm_c6, indylstm ..."
    )
    eta: float = setting(2e-4, Number(min=0, min_open=True), "Learning rate of Adam.")
    units: int = setting(
        128, Integer(min=1), "Hidden units n of a layer, if not dense."
    )
    activation: str | None = setting(
        None,
        click.Choice(["sigmoid", "tanh", "relu"]),
        "Of cell body and output: relu by default for indrnn, tanh for the others.",
    )
    gamma: float | None = setting(
        None,
        Number(min=1),
        "The largest growth of a gradient over all steps, which bounds the recurrent "
        "weights of IndRNN: 2 by default, as in the paper; 5 in its code.",
    )
    long_memory: bool = setting(
        True,
        click.BOOL,
        "Whether the recurrent weights of the last IndRNN start near 1.",
    )
    normalization: str = setting(
        "after",
        click.Choice(["after", "before", "none"]),
        "Batch normalisation after or before a recurrence.",
    )
    dropout: float = setting(
        0.1,
        Number(0, 1, max_open=True),
        "Part of a layer's outputs to drop; in a dense stack after bottlenecks and "
        "transitions.",
    )
    dense_dropout: float = setting(
        0.2, Number(0, 1, max_open=True), "The same after dense layers and the first."
    )
    weight_decay: float = setting(
        1e-4, Number(min=0), "Added to the gradient of W, times W."
    )
    validation_split: float = setting(
        0.05,
        Number(min=0, max=1, max_open=True),
        "Part of the training examples kept to choose the epoch.",
    )
    data: str = data_setting("mnist")


def complete(config: Config) -> Config:
    """The configuration with the defaults of its stack and variant.

    Raises:
        UserError: Settings do not go together.
    """
    config = recurrent.complete(config)
    if config.variant == "indrnn":
        own = config.activation or "relu"
        config = replace(config, activation=own, gamma=config.gamma or 2.0)
    else:
        refuse_given(config, "indrnn", "gamma")
        own = config.activation or "tanh"
        config = replace(config, activation=own, long_memory=False)
    if config.variant in recurrent.BASELINES and (
        config.stack != "plain" or config.normalization == "before"
    ):
        raise UserError(
            f"variant {config.variant}: Keras' own layers need --stack plain and "
            "--normalization after or none"
        )
    if config.stack == "dense":
        if config.layers is not None:
            raise UserError(f"layers {config.layers}: a dense stack has --blocks")
        return config
    refuse_given(config, "a dense stack", "blocks", "growth", "dense_dropout")
    layers = _layers(config)
    if config.stack == "residual" and (layers % 2 or layers < 4):
        raise UserError(
            f"layers {layers}: a residual stack has 2 for each block and 2 more; give "
            "4, 6, 8 ..."
        )
    return replace(config, layers=layers)


def _layers(config: Config) -> int:
    return config.layers or LAYERS[config.stack]


def build(config: Config) -> Any:
    """The compiled model, from the bytes of the pixels to the probabilities.

    Raises:
        UserError: The layers cannot be built so.
    """
    import keras
    from keras import layers

    decay = keras.regularizers.L2(config.weight_decay / 2)
    model = keras.Sequential(
        [
            keras.Input((mnist.STEPS,), dtype="uint8"),
            layers.Rescaling(1 / 128, -1),
            layers.Reshape((mnist.STEPS, 1)),
            _stack(config, decay),
            layers.Dense(
                mnist.CLASSES,
                activation="softmax",
                kernel_initializer=keras.initializers.HeNormal(),
                kernel_regularizer=decay,
            ),
        ]
    )
    eta = keras.optimizers.schedules.ExponentialDecay(
        config.eta, DECAY_STEPS, 0.1, staircase=True
    )
    model.compile(
        optimizer=keras.optimizers.Adam(eta, epsilon=1e-8, clipvalue=CLIP),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _stack(config: Config, decay: Any) -> Any:
    import keras

    import slim_keras

    bounds = {"gamma": config.gamma, "steps": mnist.STEPS}
    options: dict[str, Any] = {}
    if config.variant == "indrnn":
        options = {
            "recurrent_vector_initializer": slim_keras.BoundedUniform(**bounds),
            "recurrent_vector_constraint": slim_keras.BoundedRecurrence(**bounds),
        }
    # Kaiming's with a = 8: U(-b, b), b^2 = 6 / (65 fan_in).
    options["kernel_initializer"] = keras.initializers.VarianceScaling(
        2 / 65, "fan_in", "uniform"
    )
    options["kernel_regularizer"] = decay
    if config.variant in recurrent.BASELINES:
        return _baselines(config, options)
    dense = config.stack == "dense"
    units = config.growth if dense else config.units
    layer = recurrent.layer(replace(config, dropout=0.0, units=units), **options)
    shared: dict[str, Any] = {
        "normalization": None
        if config.normalization == "none"
        else config.normalization,
        "momentum": MOMENTUM,
        "epsilon": EPSILON,
        "name": "recurrent",
    }
    if config.long_memory:
        shared["last_initializer"] = slim_keras.BoundedUniform(
            **bounds, long_memory=True
        )
    if dense:
        return slim_keras.DenseStack(
            layer,
            [int(size) for size in config.blocks.split(",")],
            dropout=config.dense_dropout,
            bottleneck_dropout=config.dropout,
            transition_dropout=config.dropout,
            **shared,
        )
    shared["dropout"] = config.dropout
    if config.stack == "residual":
        return slim_keras.ResidualStack(layer, _layers(config) // 2 - 1, **shared)
    return slim_keras.PlainStack(layer, _layers(config), **shared)


def _baselines(config: Config, options: dict[str, Any]) -> Any:
    """Keras' own layers on top of each other, joined as `PlainStack` joins ours."""
    import keras
    from keras import layers

    stack = []
    for _ in range(_layers(config)):
        stack.append(
            recurrent.layer(
                replace(config, dropout=0.0), return_sequences=True, **options
            )
        )
        if config.normalization == "after":
            stack.append(layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON))
        # One mask serves all steps.
        stack.append(layers.Dropout(config.dropout, noise_shape=(None, 1, None)))
    last = [layers.Cropping1D((mnist.STEPS - 1, 0)), layers.Flatten()]
    return keras.Sequential([*stack, *last], name="recurrent")


def load(config: Config) -> Arrays:
    """The digits of a configuration."""
    digits = mnist.load(config.data, config.data_dir, config.permuted)
    return Arrays.of(digits, config.validation_split)


def title(config: Config) -> str:
    """The name of a run's folder."""
    dense = config.stack == "dense"
    depth = config.blocks.replace(",", "-") if dense else config.layers
    order = "-permuted" if config.permuted else ""
    return f"{config.stack}{depth}-{config.variant}{order}"


EXPERIMENT = Experiment(
    name="pixel_mnist",
    summary="Trains a deep IndRNN on MNIST pixel by pixel.",
    settings=Config,
    complete=complete,
    title=title,
    data=load,
    model=lambda config, data: build(config),
    scores=ACCURACY,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
