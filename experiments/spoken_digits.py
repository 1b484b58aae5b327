"""Spoken digits: which of ten words did somebody say?

The Free Spoken Digit Dataset has six speakers. Log-mel frames, 62.5 a second
(`datasets/spoken_digits/frames.py`), go through one or two recurrent layers on top of
each other, and a dense layer reads the digit from the last output. Behind a shorter
recording are steps that the layers do not read.

    --split official                the data set's: recordings of all speakers are in
                                    every part
    --split speaker --held-out NAME a speaker who is not in the training data; each of
                                    the six in turn

The validation part is split off as the test part is: by recordings, or as one more
speaker.
"""

import sys
from dataclasses import dataclass, replace
from typing import Any

import click

from experiments.core import recurrent
from experiments.core.command import Integer, Name, Number, setting
from experiments.core.data import Arrays
from experiments.core.experiment import ACCURACY, Experiment
from experiments.core.recurrent import complete
from experiments.core.runner import main
from experiments.core.settings import data_setting
from experiments.datasets import spoken_digits as datasets
from experiments.datasets.spoken_digits.frames import FrontEnd

DIGITS = 10
CLIP = 1.0  # of the norm of each gradient


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Stacked):
    """One configuration."""

    units: int = setting(64, Integer(min=1), "Hidden units n of a layer.")
    epochs: int = setting(30, Integer(min=1), "Times through the training recordings.")
    split: str = setting(
        "official",
        click.Choice(datasets.SPLITS),
        "official: the same speakers in all parts. speaker: one is for the test only.",
    )
    held_out: str | None = setting(
        None, Name(), "The speaker for the test, with --split speaker."
    )
    longest: int = setting(
        64, Integer(min=1), "The model reads so many frames of a recording, the first."
    )
    frame: int = setting(
        FrontEnd.frame, Integer(min=1), "Samples in a frame, of 8,000 a second."
    )
    hop: int = setting(
        FrontEnd.hop, Integer(min=1), "Samples from one frame to the next."
    )
    bands: int = setting(FrontEnd.bands, Integer(min=1), "Mel bands of a frame.")
    low: float = setting(
        FrontEnd.low,
        Number(min=0, min_open=True),
        "Where the first band begins, in Hz; the last one ends at 4,000.",
    )
    floor: float = setting(
        FrontEnd.floor,
        Number(min=0, min_open=True),
        "Added to the energy of a band before the logarithm; full scale is 1.",
    )
    data: str = data_setting("spoken_digits")


def build(config: Config) -> Any:
    """The compiled model, from frames to the probabilities of the digits.

    Raises:
        UserError: The layers cannot be built so.
    """
    import keras
    from keras import layers

    last = config.layers - 1
    stack = keras.Sequential(
        [
            layers.Masking(),
            *(
                recurrent.layer(config, return_sequences=number < last)
                for number in range(config.layers)
            ),
        ],
        name="recurrent",
    )
    model = keras.Sequential(
        [
            keras.Input((None, config.bands)),
            stack,
            layers.Dense(DIGITS, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(config.eta, clipnorm=CLIP),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def load(config: Config) -> Arrays:
    """The recordings of a configuration, as frames."""
    digits = datasets.load(
        config.data,
        config.data_dir,
        split=config.split,
        held_out=config.held_out,
        front_end=FrontEnd(
            frame=config.frame,
            hop=config.hop,
            bands=config.bands,
            low=config.low,
            floor=config.floor,
        ),
    )
    parts = {part: (x[:, : config.longest], y) for part, (x, y) in digits.parts.items()}
    return Arrays.of_parts(replace(digits, parts=parts))


def title(config: Config) -> str:
    """The name of a run's folder."""
    return (
        f"{config.held_out or config.split}-L{config.layers}-{recurrent.title(config)}"
    )


EXPERIMENT = Experiment(
    name="spoken_digits",
    summary="Trains a recogniser of spoken digits.",
    settings=Config,
    complete=complete,
    title=title,
    data=load,
    model=lambda config, data: build(config),
    scores=ACCURACY,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
