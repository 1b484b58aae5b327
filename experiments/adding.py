"""The adding problem of arXiv 1803.04831 and 1910.06251: remember two numbers.

A sequence has two features: a number from U(0, 1), and a marker, which is 1 at one
place in each half and 0 elsewhere. The target is the sum of the two marked numbers. Who
always says 1 has a mean squared error of 1/6, 0.167. Every batch and every test set is
new. An epoch is 100 steps, after which 1,000 sequences are tested.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import click
import numpy as np

from experiments.core import recurrent
from experiments.core.command import Integer, Number, setting
from experiments.core.data import Split
from experiments.core.errors import UserError
from experiments.core.experiment import Experiment, Score
from experiments.core.runner import main
from experiments.core.settings import Common, refuse_given

SCORES = (
    Score("best", "test_loss", "loss", by="test_loss", lower=True),
    Score("last", "test_loss", "loss", lower=True),
)
EPOCH, TESTED = 100, 1_000  # training steps, test sequences
EVALUATION_BATCH = 100  # sequences of 5,000 steps are large
CLIP = 10.0  # of the values in a gradient
LONG = 500  # from this length on IRNN learns at its lower rate, as we read the paper
SIMPLE = {"rnn_tanh": "RNN-tanh", "irnn": "IRNN"}  # both keras.layers.SimpleRNN


@dataclass(frozen=True, kw_only=True)
class Config(Common):
    """One configuration; the defaults are the paper's."""

    duration = "steps"

    variant: str = setting(
        "indrnn",
        click.STRING,
        "Recurrent layer: two of indrnn, or one of lstm, lstm_c6, indylstm ..., as "
        "slim_keras.get calls it, of Keras' own keras_lstm, gru, simple_rnn, or of the "
        "paper's rnn_tanh, irnn.",
    )
    length: int = setting(
        100, Integer(min=2), "Steps T: 100, 500, 1000, 5000 in the paper."
    )
    units: int = setting(128, Integer(min=1), "Hidden units n.")
    gamma: float = setting(
        2.0,
        Number(min=1),
        "The largest growth of a gradient over all steps, which bounds the recurrent "
        "weights of indrnn.",
    )
    eta: float | None = setting(
        None,
        Number(min=0, min_open=True),
        "Learning rate of Adam, which falls; by default 2e-4 for "
        f"indrnn and irnn (1e-5 for irnn from T = {LONG} on) and 2e-3 for the others.",
    )
    decay_steps: int = setting(
        20_000,
        Integer(min=1),
        "Training steps after which the rate falls to a tenth, again and again.",
    )
    steps: int = setting(
        60_000, Integer(min=EPOCH), "Training steps, in whole hundreds."
    )

    @property
    def epochs(self) -> int:
        """Epochs of a hundred steps."""
        return self.steps // EPOCH


def complete(config: Config) -> Config:
    """The configuration with the variant's own learning rate if none is given.

    Raises:
        UserError: The variant is unknown or has no gamma, or a step is left over.
    """
    if config.variant not in (known := (*recurrent.known(), *SIMPLE)):
        raise UserError(
            f"variant {config.variant!r} is unknown; known: {', '.join(known)}"
        )
    if config.variant != "indrnn":
        refuse_given(config, "indrnn", "gamma")
    if config.steps % EPOCH:
        raise UserError(f"steps {config.steps}: it must be a multiple of {EPOCH}")
    if config.eta is not None:
        return config
    if config.variant == "irnn" and config.length >= LONG:
        return replace(config, eta=1e-5)
    relu = config.variant in ("indrnn", "irnn")
    return replace(config, eta=2e-4 if relu else 2e-3)


def build(config: Config) -> Any:
    """The compiled model, from sequences to their sums."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((config.length, 2)),
            _recurrent(config),
            keras.layers.Dense(1),
        ]
    )
    eta = keras.optimizers.schedules.ExponentialDecay(
        config.eta, config.decay_steps, 0.1, staircase=True
    )
    model.compile(
        keras.optimizers.Adam(eta, epsilon=1e-8, clipvalue=CLIP), "mean_squared_error"
    )
    return model


def _recurrent(config: Config) -> Any:
    import keras

    import slim_keras

    small = keras.initializers.RandomNormal(stddev=1e-3)
    if config.variant in SIMPLE:
        options: dict[str, Any] = {"name": "recurrent"}
        if config.variant == "irnn":
            options |= {
                "activation": "relu",
                "kernel_initializer": small,
                "recurrent_initializer": "identity",
            }
        return keras.layers.SimpleRNN(config.units, **options)
    if config.variant in recurrent.BASELINES:
        return recurrent.baseline(config.variant)(config.units, name="recurrent")
    if config.variant != "indrnn":
        return slim_keras.get(config.variant)(config.units, name="recurrent")
    bounds = {"gamma": config.gamma, "steps": config.length}
    return slim_keras.PlainStack(
        slim_keras.IndRNN(
            config.units,
            kernel_initializer=small,
            recurrent_vector_initializer=slim_keras.BoundedUniform(**bounds),
            recurrent_vector_constraint=slim_keras.BoundedRecurrence(**bounds),
        ),
        depth=2,
        normalization=None,
        last_initializer=slim_keras.BoundedUniform(**bounds, long_memory=True),
        name="recurrent",
    )


def sequences(count: int, length: int, seed: int | list[int]) -> Split:
    """Sequences and their sums.

    Args:
        count: How many.
        length: Their steps T.
        seed: The same seed gives the same sequences.

    Returns:
        Inputs `(count, length, 2)` and targets `(count, 1)`.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.random((count, length), dtype=np.float32)
    markers = np.zeros_like(numbers)
    rows, half = np.arange(count), length // 2
    markers[rows, rng.integers(0, half, count)] = 1
    markers[rows, rng.integers(half, length, count)] = 1
    sums = (numbers * markers).sum(axis=1, keepdims=True)
    return np.stack([numbers, markers], axis=-1), sums


@dataclass(frozen=True)
class Sequences:
    """Sequences that no epoch sees twice."""

    length: int
    seed: int

    facts: ClassVar[Mapping[str, Any]] = {"data": "generated", "data_checksum": None}
    origin: ClassVar[str] = "sequences of experiments.adding"
    counts: ClassVar[Mapping[str, int]] = {"test": TESTED}
    evaluation_batch: ClassVar[int] = EVALUATION_BATCH

    def feed(self, batch_size: int, seed: int) -> Any:
        """The training sequences, new ones for every epoch."""
        import keras

        length = self.length

        class Batches(keras.utils.PyDataset):
            def begin(self, epoch: int) -> None:
                self._epoch = epoch

            def __len__(self) -> int:
                return EPOCH

            def __getitem__(self, index: int) -> Split:
                return sequences(batch_size, length, [seed, self._epoch, index])

        return Batches()

    def evaluated(self, epoch: int) -> Mapping[str, Split]:
        """The test sequences, new ones for every epoch and in no batch."""
        seed = [self.seed, epoch, EPOCH]
        return {"test": sequences(TESTED, self.length, seed)}


EXPERIMENT = Experiment(
    name="adding",
    summary="""Trains on the adding problem of arXiv 1803.04831.

    An epoch is 100 training steps.""",
    settings=Config,
    complete=complete,
    title=lambda config: f"{config.variant}-T{config.length}-n{config.units}",
    data=lambda config: Sequences(config.length, config.seed),
    model=lambda config, data: build(config),
    scores=SCORES,
    together=False,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
