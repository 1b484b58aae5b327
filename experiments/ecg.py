"""Heart beats: the class of each, a fixed delay after it, from one lead of an ECG.

The MIT-BIH Arrhythmia Database, its records parted by patient as de Chazal et al. do
(DS1 to train and validate, DS2 to test). A causal model reads the lead as a device
hears it: at each step the newest samples, of which one is new, so the first layer's
kernel is a small causal convolution; then one or two recurrent layers and a dense layer
to the logits of the classes N, S, V and F. The annotations say at which steps a class
is due, `delay` seconds after each beat; all other steps count for nothing.

The anchor is arXiv 1812.04818, LSTMs for wearable devices. It adapts its model to each
patient. We do not: our test patients are strangers to the model, so its figures and
ours answer different questions.

    clean   the epoch with the highest macro F1 on the validation patients; its macro F1
            on the test patients, and beside it sensitivity and positive predictivity of
            each class and the confusion matrix (rows: annotated, columns: said)
    paper   the highest macro F1 on the test patients of all epochs
"""

import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.core import recurrent
from experiments.core.checkpoint import History
from experiments.core.command import Integer, Number, Numbers, setting
from experiments.core.data import Arrays
from experiments.core.errors import UserError
from experiments.core.experiment import Experiment, Score, Training
from experiments.core.progress import Display
from experiments.core.runner import main
from experiments.core.settings import data_setting
from experiments.core.training import BEST
from experiments.datasets import ecg as datasets
from experiments.datasets.ecg.signal import Stream
from experiments.datasets.ecg.sources import CLASSES

SCORES = (
    Score("clean", "test_f1", "macro F1", by="val_f1"),
    Score("paper", "test_f1", "macro F1", by="test_f1"),
)
CLIP = 1.0  # of the norm of each gradient


@dataclass(frozen=True, kw_only=True)
class Config(recurrent.Stacked):
    """One configuration."""

    units: int = setting(32, Integer(min=1), "Hidden units n of a layer.")
    taps: int = setting(
        8, Integer(min=1), "The newest samples that the model reads at each step."
    )
    epochs: int = setting(20, Integer(min=1), "Times through the training records.")
    weights: str = setting(
        "1,7,4,10",
        Numbers(),
        "What a beat of N, S, V and F weighs in the loss, as N is 50 times as frequent "
        "as S.",
    )
    rate: int = setting(
        Stream.rate, Integer(min=1), "Samples a second, which divide 360; each a step."
    )
    baseline: float = setting(
        Stream.baseline,
        Number(min=0, min_open=True),
        "Lower frequencies, in Hz, are taken away.",
    )
    memory: float = setting(
        Stream.memory,
        Number(min=0, min_open=True),
        "Seconds over which the power is averaged that scales the signal.",
    )
    delay: float = setting(
        Stream.delay, Number(min=0), "Seconds from a beat to the step of its class."
    )
    data: str = data_setting("ecg")


def complete(config: Config) -> Config:
    """The configuration with the variant's own forget constant where none is given.

    Raises:
        UserError: The variant is unknown or does not take a given setting, or a class
            has no weight.
    """
    if len(_weights(config)) != len(CLASSES):
        raise UserError(
            f"weights {config.weights}: give one for each of {', '.join(CLASSES)}"
        )
    return recurrent.complete(config)


def _weights(config: Config) -> list[float]:
    return [float(weight) for weight in config.weights.split(",")]


def build(config: Config) -> Any:
    """The compiled model, from the newest samples to the logits of the classes.

    Raises:
        UserError: The layers cannot be built so.
    """
    import keras
    from keras import layers, ops

    from experiments.core.confusion import MacroF1

    def loss(y_true: Any, y_pred: Any) -> Any:
        """The cross-entropy of the steps at which a class is due, a weighted mean."""
        due = ops.one_hot(ops.cast(y_true, "int32"), len(CLASSES))  # NOTHING: all 0
        weights = due * ops.convert_to_tensor(_weights(config), due.dtype)
        entropy = -ops.sum(weights * ops.log_softmax(y_pred))
        return entropy / ops.maximum(ops.sum(weights), 1)

    stack = keras.Sequential(
        [recurrent.layer(config, return_sequences=True) for _ in range(config.layers)],
        name="recurrent",
    )
    model = keras.Sequential(
        [keras.Input((None, config.taps)), stack, layers.Dense(len(CLASSES))]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(config.eta, clipnorm=CLIP),
        loss=loss,
        metrics=[MacroF1(len(CLASSES), name="f1")],
    )
    return model


def load(config: Config) -> Arrays:
    """The records of a configuration, in windows."""
    names = [field.name for field in fields(Stream)]
    stream = Stream(**{name: getattr(config, name) for name in names})
    data = datasets.load(config.data, config.data_dir, stream=stream)
    parts = {part: (newest(x, config.taps), y) for part, (x, y) in data.parts.items()}
    return Arrays.of_parts(replace(data, parts=parts))


def newest(x: np.ndarray, taps: int) -> np.ndarray:
    """The newest samples at each step, the last one the newest; 0 before the first.

    Args:
        x: Samples, `(windows, steps, 1)`.

    Returns:
        A view of shape `(windows, steps, taps)`.
    """
    before = np.pad(x[..., 0], [(0, 0), (taps - 1, 0)])
    return np.lib.stride_tricks.sliding_window_view(before, taps, axis=1)


def finish(
    run: Training, history: History, folder: Path, display: Display
) -> dict[str, Any]:
    """What the best weights find in the test patients, class by class."""
    clean, *_ = SCORES
    found = clean.of(history)
    if not found:
        return {}
    from experiments.core import confusion

    run.model.load_weights(folder / BEST)
    x, y = run.data.parts["test"]
    display.say(f"confusion matrix of {np.count_nonzero(y >= 0):,} test beats")
    logits = run.model.predict(x, batch_size=run.data.evaluation_batch, verbose=0)
    counts = confusion.matrix(y, logits)
    return {"clean": found | confusion.scores(counts, CLASSES)}


EXPERIMENT = Experiment(
    name="ecg",
    summary="Trains a classifier of heart beats that reads an ECG sample by sample.",
    settings=Config,
    complete=complete,
    title=lambda config: f"L{config.layers}-{recurrent.title(config)}",
    data=load,
    model=lambda config, data: build(config),
    scores=SCORES,
    finish=finish,
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
