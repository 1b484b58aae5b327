"""Online handwriting with CTC: does an IndyLSTM read better per parameter?

arXiv 1903.08023 says so of stacked bidirectional IndyLSTMs, and that they overfit less
than LSTMs. Its model sizes and tables are not known to us: the task, the sizes and all
settings here are ours. The steps of the pen (`ink.py`) go through bidirectional layers,
both directions side by side, and a dense layer to the logits of CTC. The figure is the
character error rate (CER): edits that turn the text read into the text written, per
character written.

    best    the epoch with the lowest CER on the validation words, whose writers wrote
            no training and no test word; its CER on the test words, greedily and by
            beam search
    lowest  the lowest CER of greedy decoding on the test words of all epochs
    last    the last epoch

Each score has the CER on training words beside it: the first ones, as many as there are
test words.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from experiments.core import recurrent
from experiments.core.checkpoint import History
from experiments.core.command import Integer, Number, setting
from experiments.core.data import Arrays
from experiments.core.experiment import Experiment, Score, Training
from experiments.core.progress import Display
from experiments.core.results import replacing
from experiments.core.runner import main
from experiments.core.settings import data_setting, refuse_given
from experiments.core.training import BEST
from experiments.datasets import handwriting
from experiments.datasets.handwriting import omniglot

BESIDE = ("test_loss", "train_cer", "train_loss")
SCORES = tuple(
    Score(name, "test_cer", "CER", by=by, lower=True, beside=BESIDE)
    for name, by in (("best", "val_cer"), ("lowest", "test_cer"), ("last", None))
)
CLIP = 1.0  # of the norm of the gradient; CTC's first ones are large


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Settings):
    """One configuration."""

    variant: str = setting(
        "indylstm", click.STRING, "Recurrent layer: lstm, indylstm, lstm_c6, lstm11 ..."
    )
    layers: int = setting(2, Integer(min=1), "Bidirectional layers.")
    units: int = setting(
        64, Integer(min=1), "Hidden units n of a layer in each direction."
    )
    eta: float = setting(3e-3, Number(min=0, min_open=True), "Learning rate of Adam.")
    epochs: int = setting(30, Integer(min=1), "Times through the training words.")
    words: int = setting(
        4_096,
        Integer(min=1),
        "Words put together to train on; IAM-OnDB has its own lines.",
    )
    alphabet: str = setting(
        "Latin",
        click.Choice(["all", *omniglot.ALPHABETS]),
        "Alphabet of Omniglot; in all a word has characters of one.",
    )
    validation_split: float = setting(
        0.25,
        Number(min=0, max=1, max_open=True),
        "Part of the training writers kept to choose the epoch; of PenDigits, of its "
        "digits; IAM-OnDB has its own.",
    )
    data: str = data_setting(
        *(name for name in handwriting.DATA if name != "sample"),
        help="auto: Omniglot if found or downloaded, else a synthetic sample.",
    )


def complete(config: Config) -> Config:
    """The configuration with the variant's own forget constant where none is given.

    Raises:
        UserError: The variant is unknown, or has no place for a given setting, or the
            data has none.
    """
    if config.data in ("pendigits", "iam_ondb"):
        refuse_given(config, "omniglot", "alphabet")
    if config.data == "iam_ondb":
        refuse_given(config, "data put together from characters", "words")
    return recurrent.complete(config)


def build(config: Config, classes: int) -> Any:
    """The compiled model, from the steps of the pen to the logits of CTC.

    Args:
        classes: How many labels there are, the blank counted.

    Raises:
        UserError: The layers cannot be built so.
    """
    import keras
    from keras import layers

    from experiments.core import ctc
    from experiments.datasets.handwriting import ink

    stack = keras.Sequential(
        [
            layers.Bidirectional(recurrent.layer(config, return_sequences=True))
            for _ in range(config.layers)
        ],
        name="recurrent",
    )
    stack.supports_masking = True  # as its layers do
    model = ctc.Recogniser(
        [
            keras.Input((None, ink.FEATURES)),
            layers.Masking(),
            stack,
            layers.Dense(classes),
            ctc.BlankPadding(),
        ]
    )
    model.compile(
        keras.optimizers.Adam(config.eta, clipnorm=CLIP), loss=keras.losses.CTC()
    )
    return model


@dataclass(frozen=True, kw_only=True)
class Words(Arrays):
    """Words, and how many labels they are written with, the blank counted."""

    classes: int


def load(config: Config) -> Words:
    """The words of a configuration.

    Validation and test words are read after every epoch, and beside them as many
    training words as there are test words.
    """
    data = handwriting.load(
        config.data,
        config.data_dir,
        alphabet=config.alphabet,
        count=config.words,
        validation_split=config.validation_split,
        seed=config.seed,
    )
    parts = dict(data.parts)
    x, y = parts.pop("train")
    tested = len(parts["test"][0])
    return Words(
        facts={"data": data.name, "drawn_checksum": data.checksum},  # by the seed
        origin=data.origin,
        train=(x, y),
        parts=parts | {"train": (x[:tested], y[:tested])},
        # TensorFlow's CTC makes one graph for all steps of one shape.
        evaluation_batch=config.batch_size,
        classes=len(data.labels),
    )


def finish(
    run: Training, history: History, folder: Path, display: Display
) -> dict[str, Any]:
    """The beam search with the best weights, and the size of a file of weights."""
    if not history:
        return {"weights_bytes": None}
    from experiments.core import ctc

    best, *_ = SCORES
    found = best.of(history)
    if found:
        run.model.load_weights(folder / BEST)
        x, y = run.data.parts["test"]
        display.say(f"beam search on {len(x):,} test words")
        texts = run.model.read(x, "beam_search", run.config.batch_size)
        found["test_cer_beam"] = ctc.error_rate(y, texts)
    return {"best": found, "weights_bytes": _weights_bytes(run.model, folder)}


def _weights_bytes(model: Any, folder: Path) -> int:
    """The size of a file with the weights and without the optimiser."""
    import keras

    path = folder / "model.weights.h5"
    with replacing(path) as beside:
        keras.Model(model.inputs, model.outputs).save_weights(beside)
    return path.stat().st_size


EXPERIMENT = Experiment(
    name="handwriting",
    summary="Trains a recogniser of handwriting, as in arXiv 1903.08023.",
    settings=Config,
    complete=complete,
    title=lambda config: f"{config.variant}-L{config.layers}-n{config.units}",
    data=load,
    model=lambda config, data: build(config, data().classes),
    scores=SCORES,
    finish=finish,
    together=False,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
