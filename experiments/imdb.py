"""IMDB reviews, as in arXiv 1901.06401: embedding, one recurrent layer, one unit."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from experiments.core import environment, recurrent, runner
from experiments.core.command import main, setting
from experiments.core.recurrent import complete
from experiments.datasets import Dataset, imdb


@dataclass(frozen=True, kw_only=True)
class Reviews(recurrent.Settings):
    """The settings of any model of the reviews."""

    words: int = setting(
        5000, click.IntRange(min=5), "Words in the vocabulary, the most frequent ones."
    )
    length: int = setting(
        500, click.IntRange(min=1), "Words of a review, padded and cut in front."
    )
    embedding_dim: int = setting(32, click.IntRange(min=1), "Size of the embedding m.")
    data: str = runner.data_setting("imdb")


@dataclass(frozen=True, kw_only=True)
class Config(Reviews):
    """One configuration; `configs/` holds the papers' and the authors'."""

    activation: str = setting(
        "sigmoid",
        click.Choice(["sigmoid", "tanh", "relu"]),
        "Of the cell body and of the output.",
    )
    train_embedding: bool = setting(True, click.BOOL, "Whether the embedding learns.")


def build(config: Config) -> Any:
    """The compiled model, from word numbers to the probability of a good review.

    Args:
        config: A complete configuration.

    Raises:
        UserError: The layer cannot be built so.
    """
    from keras import layers

    # They are made in this order, and so are their seeds.
    return compiled(
        config,
        [
            embedding(config, trainable=config.train_embedding),
            recurrent.layer(config, name="recurrent"),
            layers.Dense(1, activation="sigmoid"),
        ],
    )


def embedding(config: Reviews, trainable: bool = True) -> Any:
    """The embedding of the words; padding is a word, as the papers do not mask."""
    import keras

    return keras.layers.Embedding(
        config.words,
        config.embedding_dim,
        embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05),
        trainable=trainable,
    )


def compiled(config: Reviews, layers: Sequence[Any]) -> Any:
    """The compiled model of some layers, from the embedding to one sigmoid unit."""
    import keras

    model = keras.Sequential([keras.Input((config.length,), dtype="int32"), *layers])
    model.compile(
        optimizer=keras.optimizers.Adam(config.eta, epsilon=1e-8),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


def load(config: Reviews) -> Dataset:
    """The data of a configuration."""
    return imdb.load(
        config.data, config.data_dir, num_words=config.words, length=config.length
    )


def prepare(config: Config, data: Dataset) -> runner.Training:
    """The training of a complete configuration on its data."""
    return prepared("imdb", config, build(config), data)


def prepared(
    experiment: str, config: Reviews, model: Any, data: Dataset
) -> runner.Training:
    """The training of any model of the reviews."""
    return runner.Training(
        experiment=experiment,
        title=f"{experiment}-{config.variant}-n{config.units}-eta{config.eta:g}",
        settings=config,
        model=model,
        data=data,
    )


def run(config: Config) -> int:
    """Trains the IMDB model of arXiv 1901.06401 and appends a row to the results.

    Started again with the same settings it goes on after the last finished epoch.
    """
    environment.start(config.backend, config.seed, config.devices)
    config = complete(config)
    return runner.train(prepare(config, load(config)))


if __name__ == "__main__":
    sys.exit(main(Config, run))
