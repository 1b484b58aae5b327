"""20 Newsgroups, as in arXiv 1901.06401: GloVe, convolutions, a recurrent layer.

Embedding (GloVe, frozen), three convolutions of 128 filters over 5 steps with pooling
by 5, 5 and 2, which leave 17 of 1000 steps, the recurrent layer in both directions, 128
units each, 128 units, softmax. It is Keras' example `pretrained_word_embeddings.py`
with its last pooling replaced by the recurrent layer. The paper prints a softmax of 6
classes beside "20 different newsgroups", and does not say whether headers were
stripped: `classes` and `strip` offer every reading.
"""

import sys
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
from experiments.datasets import glove, newsgroups

FILTERS, KERNEL, POOLS = 128, 5, (5, 5, 2)


class Parts(click.ParamType):
    """Parts of a document with commas between them, sorted; nothing for none."""

    name = "parts"

    def convert(self, value, param, ctx):
        parts = sorted(filter(None, str(value).split(",")))
        for part in parts:
            if part not in newsgroups.PARTS:
                self.fail(f"{part!r} is not one of {', '.join(newsgroups.PARTS)}.")
        return ",".join(parts)


def _shortest() -> int:
    """The length that the convolutions reduce to one step."""
    length = 1
    for pool in reversed(POOLS):
        length = length * pool + KERNEL - 1
    return length


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Settings):
    """One configuration; the defaults are the paper's or its example's."""

    units: int = setting(128, Integer(min=1), "Hidden units n per direction.")
    classes: int = setting(
        20, click.Choice([20, 6]), "20 groups, or the 6 topics they belong to."
    )
    strip: str = setting(
        "headers",
        Parts(),
        "Parts to take out of a document: headers,footers,quotes or some of them.",
    )
    split: str = setting(
        "random",
        click.Choice(["random", "bydate"]),
        "random: 80/20, as the example has it; copies of a document fall on both "
        "sides. bydate: the later ones are the test set.",
    )
    words: int = setting(
        20_000, Integer(min=5), "Words in the vocabulary, the most frequent."
    )
    length: int = setting(
        1000,
        Integer(min=_shortest()),
        "Words of a document, padded and cut in front.",
    )
    embedding_dim: int | None = setting(
        None,
        Integer(min=1),
        "Size of the GloVe vectors; the default is 100, or the one at hand.",
    )
    epochs: int = setting(20, Integer(min=1), "Times through the training examples.")
    batch_size: int = setting(128, Integer(min=1), "Examples in a step.")
    data: str = data_setting("newsgroups")


def build(config: Config, vectors: Any) -> Any:
    """The compiled model, from word numbers to the probabilities of the classes.

    Args:
        vectors: The embedding, `(words, size)`.

    Raises:
        UserError: The layer cannot be built so.
    """
    import keras
    from keras import layers

    embedding = layers.Embedding(*vectors.shape, trainable=False)
    convolutions = [
        layer
        for pool in POOLS
        for layer in (
            layers.Conv1D(FILTERS, KERNEL, activation="relu"),
            layers.MaxPooling1D(pool),
        )
    ]
    model = keras.Sequential(
        [
            keras.Input((config.length,), dtype="int32"),
            embedding,
            *convolutions,
            layers.Bidirectional(recurrent.layer(config), name="recurrent"),
            layers.Dense(128, activation="relu"),
            layers.Dense(config.classes, activation="softmax"),
        ]
    )
    embedding.set_weights([vectors])
    model.compile(
        optimizer=keras.optimizers.RMSprop(config.eta, epsilon=1e-8),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


@dataclass(frozen=True, kw_only=True)
class Documents(Arrays):
    """Documents, and the vectors of their words."""

    vectors: glove.Vectors


def load(config: Config) -> Documents:
    """The documents of a configuration, and the vectors of their words."""
    data = newsgroups.load(
        config.data,
        config.data_dir,
        classes=config.classes,
        strip=config.strip.split(",") if config.strip else (),
        split=config.split,
        num_words=config.words,
        length=config.length,
    )
    if data.name == "sample":
        vectors = glove.sample(data.vocabulary, config.embedding_dim or 50)
    else:
        vectors = glove.load(data.vocabulary, config.embedding_dim, config.data_dir)
    return Documents.of(
        data,
        config.validation_split,
        vectors=vectors,
        facts={
            "vectors": vectors.origin,
            "vectors_checksum": vectors.checksum,
            "words_without_vector": vectors.missing,
        },
    )


EXPERIMENT = Experiment(
    name="newsgroups",
    summary="""Trains the 20 Newsgroups model of arXiv 1901.06401.

    The seed sets weights, dropout and order; the split is always the same.""",
    settings=Config,
    complete=complete,
    title=recurrent.title,
    data=load,
    model=lambda config, data: build(config, data().vectors.matrix),
    scores=ACCURACY,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
