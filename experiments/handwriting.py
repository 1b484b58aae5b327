"""Online handwriting with CTC: does an IndyLSTM read better per parameter?

arXiv 1903.08023 says so of stacked bidirectional IndyLSTMs, and that they overfit less
than LSTMs. Its model sizes and tables are not known to us: the task, the sizes and all
settings here are our own. The steps of the pen (`ink.py`) go through bidirectional
layers, both directions side by side, and a dense layer to the logits of CTC. The figure
is the character error rate (CER): edits to get from what was read to what was written,
per character that was written.

    lowest  the lowest CER of greedy decoding on the test words of all epochs
    best    the epoch with the lowest CER on words of other writers than those of
            training and test, and what it reads on the test words, greedily and by
            beam search
    last    the last epoch

In each the CER on training words stands beside it, the first of them, as many as there
are test words.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from experiments.core import environment, recurrent, runner
from experiments.core.checkpoint import History
from experiments.core.command import Number, main, setting
from experiments.core.devices import check_shares
from experiments.core.progress import Display
from experiments.core.results import replacing
from experiments.core.training import batches, best, learn
from experiments.datasets import handwriting
from experiments.datasets.handwriting import omniglot

CLIP = 1.0  # of the norm of the gradient; CTC's first ones are large


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Settings):
    """One configuration."""

    variant: str = setting(
        "indylstm", click.STRING, "Recurrent layer: lstm, indylstm, lstm_c6, lstm11 ..."
    )
    layers: int = setting(2, click.IntRange(min=1), "Bidirectional layers.")
    units: int = setting(
        64, click.IntRange(min=1), "Hidden units n of a layer in each direction."
    )
    eta: float = setting(3e-3, Number(min=0, min_open=True), "Learning rate of Adam.")
    epochs: int = setting(
        30, click.IntRange(min=1), "Times through the training words."
    )
    words: int = setting(
        4_096,
        click.IntRange(min=1),
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
    data: str = setting(
        "auto",
        click.Choice(["auto", *handwriting.DATA]),
        "auto: Omniglot where it can be had, else the synthetic sample.",
        identity=False,  # what the data is, not how it was asked for, is recorded
    )


def complete(config: Config) -> Config:
    """The configuration with the variant's own forget constant where none is given.

    Args:
        config: The configuration.

    Raises:
        UserError: The variant is unknown, or has no place for a given setting, or the
            data has none.
    """
    if config.data in ("pendigits", "iam_ondb"):
        runner.refuse_given(config, "omniglot", "alphabet")
    return recurrent.complete(config)


def build(config: Config, classes: int) -> Any:
    """The compiled model, from the steps of the pen to the logits of CTC.

    Args:
        config: A complete configuration.
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


def evaluated(data: handwriting.Handwriting) -> dict[str, handwriting.Part]:
    """What is read after every epoch: beside validation and test, training words."""
    x, y = data.parts["train"]
    counted = len(data.parts["test"][0])
    parts = {part: data.parts[part] for part in data.parts if part != "train"}
    return parts | {"train": (x[:counted], y[:counted])}


def scores(
    model: Any, history: History, folder: Path, test: handwriting.Part, batch_size: int
) -> dict[str, Any]:
    """What the row says of the epochs; `None` where none can say it."""
    if not history:
        return runner.NO_CLASSES | dict.fromkeys(
            ("lowest", "best", "last", "weights_bytes")
        )
    chosen = best(history, "val_cer") if "val_cer" in history[0] else None
    entries = {"lowest": best(history, "test_cer"), "last": history[-1]}
    return {
        **runner.NO_CLASSES,
        **{name: _figures(entry) for name, entry in entries.items()},
        "best": chosen and _figures(chosen) | _beam(model, folder, test, batch_size),
        "weights_bytes": _weights_bytes(model, folder),
    }


def _figures(entry: dict[str, Any]) -> dict[str, Any]:
    names = ("epoch", "test_cer", "test_loss", "train_cer", "train_loss")
    return {name: entry[name] for name in names}


def _beam(
    model: Any, folder: Path, test: handwriting.Part, batch_size: int
) -> dict[str, float]:
    """The CER of beam search, with the weights of the chosen epoch."""
    from experiments.core import ctc

    model.load_weights(folder / "best.weights.h5")
    x, y = test
    texts = model.read(x, "beam_search", batch_size)
    return {"test_cer_beam": ctc.error_rate(y, texts)}


def _weights_bytes(model: Any, folder: Path) -> int:
    """The size of the file of weights, without the optimiser's."""
    import keras

    path = folder / "model.weights.h5"
    with replacing(path) as beside:
        keras.Model(model.inputs, model.outputs).save_weights(beside)
    return path.stat().st_size


def run(config: Config) -> int:
    """Trains a recogniser of handwriting and appends a result row.

    Started again with the same settings it goes on after the last finished epoch.
    """
    environment.start(config.backend, config.seed, config.devices)
    config = complete(config)
    data = handwriting.load(
        config.data,
        config.data_dir,
        alphabet=config.alphabet,
        count=config.words,
        validation_split=config.validation_split,
        seed=config.seed,
    )
    model = build(config, len(data.labels))
    parts = evaluated(data)
    counts = {part: len(x) for part, (x, _) in parts.items()}
    trained = data.parts["train"]
    check_shares(config.devices, config.batch_size, counts | {"train": len(trained[0])})

    def train(folder: Path, display: Display) -> runner.Learnt:
        display.say(f"data: {data.name} ({data.origin})")
        history, reason = learn(
            model,
            batches(trained, config.batch_size, config.seed),
            lambda epoch: parts,
            f"{next(iter(parts))}_cer",
            folder,
            display,
            epochs=config.epochs,
            seed=config.seed,
            # TensorFlow's CTC makes one graph for all steps of one shape.
            evaluation_batch=config.batch_size,
            tensorboard=config.tensorboard,
        )
        test = data.parts["test"]
        return history, reason, scores(model, history, folder, test, config.batch_size)

    title = f"handwriting-{config.variant}-L{config.layers}-n{config.units}"
    own = {"data": data.name, "drawn_checksum": data.checksum}  # by the seed
    with runner.hold("handwriting", title, config, model, own, data.origin) as place:
        return place.record(train)


if __name__ == "__main__":
    sys.exit(main(Config, run))
