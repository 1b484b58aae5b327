"""A convolution before the recurrent layer, on IMDB: the model of arXiv 1901.00525.

We know the paper's task (a convolutional and recurrent network, with the standard LSTM
and with three slim layers, LSTM1, LSTM2 and LSTM3 by inference) but not its data, sizes
or results. Every constant here comes from Keras' example `imdb_cnn_lstm.py` of the same
years, as a stand-in: 20,000 words, reviews of 100, embedding 128, dropout 0.25, 64
filters over 5 words, pooling by 4, 70 units, Adam, batches of 30, 2 epochs. The example
states a test accuracy of 0.8498 with LSTM.
"""

import sys
from dataclasses import dataclass
from typing import Any

import click

from experiments import imdb
from experiments.core import recurrent
from experiments.core.command import Integer, setting
from experiments.core.experiment import ACCURACY, Experiment
from experiments.core.recurrent import complete
from experiments.core.runner import main

FILTERS, KERNEL, POOL = 64, 5, 4


@dataclass(frozen=True, kw_only=True)
class Config(imdb.Reviews):
    """One configuration; the defaults are the example's."""

    variant: str = setting(
        "lstm1", click.STRING, "Recurrent layer: lstm, lstm1, lstm2, lstm3 or another."
    )
    units: int = setting(70, Integer(min=1), "Hidden units n.")
    words: int = setting(
        20_000, Integer(min=5), "Words in the vocabulary, the most frequent."
    )
    length: int = setting(
        100,
        Integer(min=KERNEL + POOL - 1),
        "Words of a review, padded and cut in front.",
    )
    embedding_dim: int = setting(128, Integer(min=1), "Size of the embedding.")
    epochs: int = setting(2, Integer(min=1), "Times through the training examples.")
    batch_size: int = setting(30, Integer(min=1), "Examples in a step.")


def build(config: Config) -> Any:
    """The compiled model, from word numbers to the probability of a good review.

    Raises:
        UserError: The layer cannot be built so.
    """
    from keras import layers

    return imdb.compiled(
        config,
        [
            imdb.embedding(config),
            layers.Dropout(0.25),
            layers.Conv1D(FILTERS, KERNEL, activation="relu"),
            layers.MaxPooling1D(POOL),
            recurrent.layer(config, name="recurrent"),
            layers.Dense(1, activation="sigmoid"),
        ],
    )


EXPERIMENT = Experiment(
    name="imdb_conv",
    summary="""Trains a convolution and a recurrent layer on IMDB, as arXiv 1901.00525.

    The paper's sizes are unknown; the defaults come from Keras' example
    imdb_cnn_lstm.py.""",
    settings=Config,
    complete=complete,
    title=recurrent.title,
    data=imdb.load,
    model=lambda config, data: build(config),
    scores=ACCURACY,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
