"""One `model.fit`, recorded epoch by epoch so that an interrupted run can go on."""

import importlib.util
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.core import checkpoint
from experiments.core.checkpoint import History
from experiments.core.errors import UserError
from experiments.core.experiment import Experiment, Training
from experiments.core.progress import Display
from experiments.core.results import write_json

LAST = "last.weights.h5"  # weights and checkpoint in one
BEST = "best.weights.h5"
HISTORY = "history.json"
TRAINED = ("loss", "accuracy")  # figures of the training itself, if it has them


class DivergedError(Exception):
    """A figure of the training is no longer a finite number."""


def fit(
    training: Training, folder: Path, display: Display
) -> tuple[History, str | None]:
    """Trains to the last epoch, from the checkpoint in the folder if there is one.

    Args:
        folder: Where checkpoint, best weights and history are kept.

    Returns:
        An entry for each finished epoch, and, if the training diverged, where.

    Raises:
        UserError: TensorBoard is missing, or a checkpoint is damaged.
    """
    model, config = training.model, training.config
    last = folder / LAST
    history = checkpoint.load(model, last) if last.exists() else []
    if len(history) == config.epochs:  # killed before the row was written
        return history, None
    if history:
        display.say(f"going on after epoch {len(history)}")
    import keras

    feed = training.data.feed(config.batch_size, config.seed)
    feed.begin(len(history))
    recorder = _Recorder(training, folder, history, display)

    def begin_epoch(epoch: int, logs: dict[str, float]) -> None:
        # Torch draws dropout from its global state, which checkpoints leave out.
        (state,) = np.random.SeedSequence([config.seed, epoch]).generate_state(1)
        keras.utils.set_random_seed(int(state))
        feed.begin(epoch)
        recorder.begin_epoch(epoch)

    callbacks = [
        keras.callbacks.LambdaCallback(
            on_epoch_begin=begin_epoch,
            on_train_batch_end=recorder.end_step,
            on_epoch_end=recorder.end_epoch,
        )
    ]
    if config.tensorboard:
        callbacks.append(_tensorboard(folder))
    try:
        with display.bar(epochs=config.epochs, steps=len(feed), done=len(history)):
            model.fit(
                feed,
                initial_epoch=len(history),
                epochs=config.epochs,
                shuffle=False,  # the batches come in their order
                verbose=0,
                callbacks=callbacks,
            )
    except DivergedError as error:
        return history, str(error)
    except RuntimeError:
        # Torch's cross-entropy raises on NaN, before a log could show it.
        x, _ = feed[min(recorder.steps, len(feed) - 1)]
        if np.isfinite(model.predict_on_batch(x)).all():
            raise
        return history, f"the output is not finite {recorder.where()}"
    return history, None


def _tensorboard(folder: Path) -> Any:
    import keras

    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard: it is not installed: pip install tensorboard")
    return keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)


def keep(
    experiment: Experiment,
    model: Any,
    history: History,
    entry: dict[str, Any],
    folder: Path,
) -> None:
    """Adds a finished epoch to the history, and writes the files of the run.

    Args:
        model: The model after the epoch.
        history: The epochs before it.
    """
    history.append(entry)
    # The last file is the commit: a run that was killed before it repeats the epoch and
    # writes the same files again.
    if experiment.chooser(entry).best(history) is entry:
        checkpoint.save(model, history, folder / BEST)
    write_json(folder / HISTORY, history)
    checkpoint.save(model, history, folder / LAST)


def check_finite(figures: Mapping[str, float], where: str) -> None:
    """Raises DivergedError if one of the figures is not finite."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value} {where}")


def after(step: int, epoch: int) -> str:
    """The place in a training, in words; steps and epochs count from 1."""
    return f"after step {step} of epoch {epoch}"


class _Recorder:
    """Evaluates every epoch of a training and writes it to the folder of the run."""

    def __init__(
        self, training: Training, folder: Path, history: History, display: Display
    ):
        self._training = training
        # A batch is shared equally among the devices.
        devices = training.config.devices
        self._batch = training.data.evaluation_batch // devices * devices
        self._folder = folder
        self._history = history
        self._display = display
        self._epoch = len(history) + 1
        self.steps = 0

    def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch + 1
        self.steps = 0
        self._began = time.perf_counter()

    def where(self) -> str:
        return after(self.steps, self._epoch)

    def end_step(self, step: int, logs: dict[str, float]) -> None:
        self.steps = step + 1
        check_finite(logs, self.where())
        self._display.step(self._epoch, self.steps, logs)

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        seconds = time.perf_counter() - self._began
        run = self._training
        shown: dict[str, float] = {k: logs[k] for k in TRAINED if k in logs}
        for name, (x, y) in run.data.evaluated(epoch).items():
            figures = run.model.evaluate(
                x, y, batch_size=self._batch, verbose=0, return_dict=True
            )
            shown |= {f"{name}_{figure}": value for figure, value in figures.items()}
        check_finite(shown, self.where())
        logs.update(shown)  # for the callbacks that follow
        entry = {"epoch": self._epoch, **shown, "seconds": seconds}
        keep(run.experiment, run.model, self._history, entry, self._folder)
        self._display.epoch(entry)
