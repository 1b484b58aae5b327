"""IMDB reviews, as in arXiv 1901.06401: embedding, one recurrent layer, one unit."""

import sys
from dataclasses import dataclass
from typing import Any

import click

from experiments import environment, recurrent, runner
from experiments.command import main, setting
from experiments.datasets import imdb
from experiments.recurrent import complete


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Settings):
    """One configuration; `configs/` holds the papers' and the authors'."""

    activation: str = setting(
        "sigmoid",
        click.Choice(["sigmoid", "tanh", "relu"]),
        "Of the cell body and of the output.",
    )
    words: int = setting(
        5000, click.IntRange(min=5), "Words in the vocabulary, the most frequent ones."
    )
    length: int = setting(
        500, click.IntRange(min=1), "Words of a review, padded and cut in front."
    )
    embedding_dim: int = setting(32, click.IntRange(min=1), "Size of the embedding m.")
    train_embedding: bool = setting(True, click.BOOL, "Whether the embedding learns.")
    data: str = runner.data_setting("imdb")


def build(config: Config) -> Any:
    """The compiled model, from word numbers to the probability of a good review.

    Args:
        config: A complete configuration.

    Raises:
        UserError: The layer cannot be built so.
    """
    import keras

    model = keras.Sequential(
        [
            keras.Input((config.length,), dtype="int32"),
            # The papers pad in front and do not mask.
            keras.layers.Embedding(
                config.words,
                config.embedding_dim,
                embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05),
                trainable=config.train_embedding,
            ),
            recurrent.layer(config, name="recurrent"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(config.eta, epsilon=1e-8),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


def run(config: Config) -> int:
    """Trains the IMDB model of arXiv 1901.06401 and appends a row to the results.

    Started again with the same settings it goes on after the last finished epoch.
    """
    environment.start(config.backend, config.seed, config.devices)
    config = complete(config)
    model = build(config)
    data = imdb.load(
        config.data, config.data_dir, num_words=config.words, length=config.length
    )
    title = f"imdb-{config.variant}-n{config.units}-eta{config.eta:g}"
    return runner.train("imdb", title, config, model, data)


if __name__ == "__main__":
    sys.exit(main(Config, run))
