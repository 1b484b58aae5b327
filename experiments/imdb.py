"""IMDB reviews, as in arXiv 1901.06401: embedding, one recurrent layer, one unit."""

import sys
from dataclasses import dataclass, replace
from typing import Any

import click

from experiments import environment, runner
from experiments.command import Number, main, setting
from experiments.datasets import imdb
from experiments.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Config(runner.Settings):
    """One configuration; `configs/` holds the papers' and the authors'."""

    variant: str = setting(
        "lstm6",
        click.STRING,
        "Recurrent layer, as slim_keras.get calls it: lstm, lstm6, lstm_c6, indrnn ...",
    )
    eta: float = setting(1e-3, Number(min=0, min_open=True), "Learning rate of Adam.")
    units: int = setting(100, click.IntRange(min=1), "Hidden units n.")
    forget: float | None = setting(
        None,
        Number(-1, 1, min_open=True, max_open=True),
        "Constant forget gate; the default is the variant's own.",
    )
    activation: str = setting(
        "sigmoid",
        click.Choice(["sigmoid", "tanh", "relu"]),
        "Of the cell body and of the output.",
    )
    gate_activation: str = setting(
        "sigmoid",
        click.Choice(["sigmoid", "hard_sigmoid_keras2"]),
        "Of the computed gates; hard_sigmoid_keras2 is clip(0.2 x + 0.5, 0, 1).",
    )
    initialisation: str = setting(
        "keras",
        click.Choice(["keras", "authors"]),
        "authors: one orthogonal matrix for all recurrent weights, zero biases.",
    )
    dropout: float = setting(
        0.0, Number(0, 1, max_open=True), "Part of the layer's inputs to drop."
    )
    engine: str = setting(
        "auto", click.STRING, "How the layer runs a sequence, its argument `engine`."
    )
    words: int = setting(
        5000, click.IntRange(min=5), "Words in the vocabulary, the most frequent ones."
    )
    length: int = setting(
        500, click.IntRange(min=1), "Words of a review, padded and cut in front."
    )
    embedding_dim: int = setting(32, click.IntRange(min=1), "Size of the embedding m.")
    train_embedding: bool = setting(True, click.BOOL, "Whether the embedding learns.")
    data: str = setting(
        "auto",
        click.Choice(["auto", "imdb", "sample"]),
        "auto: real reviews where they can be had, else the synthetic sample.",
        identity=False,  # what the data is, not how it was asked for, is recorded
    )
    data_dir: str | None = setting(
        None,
        click.STRING,
        "Folder with the reviews; SLIM_KERAS_DATA is the default.",
        identity=False,
    )


def complete(config: Config) -> Config:
    """The configuration with the variant's own forget constant where none is given.

    Args:
        config: The configuration.

    Raises:
        UserError: The variant is unknown or has no place for a given setting.
    """
    from slim_keras.variants import VARIANTS

    row = VARIANTS.get(config.variant)
    if row is None:
        raise UserError(
            f"variant {config.variant!r} is unknown; known: {', '.join(VARIANTS)}"
        )
    if config.gate_activation != "sigmoid" and not row.gated:
        raise UserError(
            f"gate-activation {config.gate_activation}: {row.key} computes no gate; "
            "leave it at sigmoid"
        )
    if row.constant_forget:
        forget = float(row.f) if config.forget is None else config.forget
        return replace(config, forget=forget)
    if config.forget is not None:
        raise UserError(
            f"forget {config.forget:g}: the forget gate of {row.key} is no constant; "
            "leave it out"
        )
    return config


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
            _recurrent(config),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(config.eta, epsilon=1e-8),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _recurrent(config: Config) -> Any:
    import slim_keras
    from slim_keras.activations import hard_sigmoid_keras2

    layer = slim_keras.get(config.variant)
    options: dict[str, Any] = {}
    if config.forget is not None:
        options["forget"] = config.forget
    if config.gate_activation == "hard_sigmoid_keras2":
        options["recurrent_activation"] = hard_sigmoid_keras2
    if config.initialisation == "authors":
        options |= _authors_initialisation(config)
    try:
        return layer(
            config.units,
            activation=config.activation,
            dropout=config.dropout,
            engine=config.engine,
            name="recurrent",
            **options,
        )
    except ValueError as error:
        raise UserError(str(error)) from None


def _authors_initialisation(config: Config) -> dict[str, Any]:
    from slim_keras.initializers import JointOrthogonal
    from slim_keras.variants import VARIANTS

    row = VARIANTS[config.variant]
    counts = {"matrices": len(row.matrix_blocks), "vectors": len(row.vector_blocks)}
    names = {
        "matrices": "recurrent_initializer",
        "vectors": "recurrent_vector_initializer",
    }
    options: dict[str, Any] = {
        names[part]: JointOrthogonal(**counts, part=part, seed=config.seed)
        for part, count in counts.items()
        if count
    }
    if "f" in row.having("b"):
        options["unit_forget_bias"] = False
    return options


def run(config: Config) -> int:
    """Trains the IMDB model of arXiv 1901.06401 and appends a row to the results.

    Started again with the same settings it goes on after the last finished epoch.
    """
    environment.start(config.backend, config.seed)
    config = complete(config)
    model = build(config)
    data = imdb.load(
        config.data, config.data_dir, num_words=config.words, length=config.length
    )
    title = f"imdb-{config.variant}-n{config.units}-eta{config.eta:g}"
    return runner.train("imdb", title, config, model, data)


if __name__ == "__main__":
    sys.exit(main(Config, run))
