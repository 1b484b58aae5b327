"""IMDB reviews, as in arXiv 1901.06401: embedding, one recurrent layer, one unit."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from experiments.core import recurrent
from experiments.core.command import Integer, setting
from experiments.core.data import Arrays
from experiments.core.experiment import ACCURACY, Experiment
from experiments.core.recurrent import complete
from experiments.core.runner import main
from experiments.core.settings import data_setting
from experiments.datasets import imdb as datasets


@dataclass(frozen=True, kw_only=True)
class Reviews(recurrent.Settings):
    """The settings of any model of the reviews."""

    words: int = setting(
        5000, Integer(min=5), "Words in the vocabulary, the most frequent ones."
    )
    length: int = setting(
        500, Integer(min=1), "Words of a review, padded and cut in front."
    )
    embedding_dim: int = setting(32, Integer(min=1), "Size of the embedding m.")
    data: str = data_setting("imdb")


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


def load(config: Reviews) -> Arrays:
    """The reviews of a configuration."""
    reviews = datasets.load(
        config.data, config.data_dir, num_words=config.words, length=config.length
    )
    return Arrays.of(reviews, config.validation_split)


EXPERIMENT = Experiment(
    name="imdb",
    summary="Trains the IMDB model of arXiv 1901.06401.",
    settings=Config,
    complete=complete,
    title=recurrent.title,
    data=load,
    model=lambda config, data: build(config),
    scores=ACCURACY,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
