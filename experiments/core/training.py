"""One `model.fit`, recorded epoch by epoch so that it can go on after any end."""

import importlib.util
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.core import checkpoint
from experiments.core.checkpoint import History
from experiments.core.devices import check_shares
from experiments.core.errors import UserError
from experiments.core.progress import Display
from experiments.core.results import write_json
from experiments.datasets import Dataset, kept_of

EVALUATION_BATCH = 250  # divides IMDB's splits, so XLA compiles one shape only
LAST = "last.weights.h5"  # weights and checkpoint in one
TRAINED = ("loss", "accuracy")  # figures of the training itself, as far as there are
SPLIT_SEED = 0  # runs with different seeds keep the same validation split

Split = tuple[np.ndarray, np.ndarray]
Evaluated = Callable[[int], dict[str, Split]]  # from an epoch, counted from 0


class DivergedError(Exception):
    """A figure of the training is no longer a finite number."""


def fit(
    model: Any,
    data: Dataset,
    folder: Path,
    display: Display,
    *,
    epochs: int,
    batch_size: int,
    validation_split: float,
    seed: int,
    devices: int = 1,
    tensorboard: bool = False,
) -> tuple[History, str | None]:
    """Trains to the last epoch, from the checkpoint in the folder if there is one.

    Args:
        model: A compiled model with the metric `accuracy`.
        data: What to train and test on.
        folder: Where checkpoint, best weights and history are kept.
        display: What shows the progress.
        epochs: Epochs in all, those in the checkpoint counted.
        batch_size: Examples in a step; the last step of an epoch takes what is left.
        validation_split: Part of the training examples to keep for validation.
        seed: Seed of the order of the examples and of dropout.
        devices: Devices that share every batch.
        tensorboard: Whether to write TensorBoard logs into the folder.

    Returns:
        An entry for each finished epoch, and, if the training diverged, where.

    Raises:
        UserError: The batches cannot be shared equally, TensorBoard is missing, or a
            checkpoint is damaged.
    """
    examples, evaluated = parts(data, validation_split)
    counts = {name: len(x) for name, (x, _) in evaluated.items()}
    check_shares(devices, batch_size, {"train": len(examples[0]), **counts})
    return learn(
        model,
        batches(examples, batch_size, seed),
        lambda epoch: evaluated,
        f"{next(iter(evaluated))}_accuracy",
        folder,
        display,
        epochs=epochs,
        seed=seed,
        evaluation_batch=EVALUATION_BATCH // devices * devices,
        tensorboard=tensorboard,
    )


def learn(
    model: Any,
    feed: Any,
    evaluated: Evaluated,
    chosen_by: str,
    folder: Path,
    display: Display,
    *,
    epochs: int,
    seed: int,
    evaluation_batch: int,
    tensorboard: bool = False,
) -> tuple[History, str | None]:
    """Trains to the last epoch, from the checkpoint in the folder if there is one.

    Args:
        model: A compiled model.
        feed: The batches, a `keras.utils.PyDataset` with a method `begin(epoch)`.
        evaluated: From the number of an epoch to what is evaluated at its end.
        chosen_by: The figure that chooses the best weights; see `best`.
        folder: Where checkpoint, best weights and history are kept.
        display: What shows the progress.
        epochs: Epochs in all, those in the checkpoint counted.
        seed: Seed of dropout.
        evaluation_batch: Examples in a step of an evaluation.
        tensorboard: Whether to write TensorBoard logs into the folder.

    Returns:
        An entry for each finished epoch, and, if the training diverged, where.

    Raises:
        UserError: TensorBoard is missing, or a checkpoint is damaged.
    """
    last = folder / LAST
    history = checkpoint.load(model, last) if last.exists() else []
    if len(history) == epochs:  # killed before the row was written
        return history, None
    if history:
        display.say(f"going on after epoch {len(history)}")
    import keras

    feed.begin(len(history))
    recorder = _Recorder(
        model, evaluated, chosen_by, evaluation_batch, folder, history, display
    )

    def begin_epoch(epoch: int, logs: dict[str, float]) -> None:
        # Torch draws dropout from its global state, which no checkpoint holds.
        (state,) = np.random.SeedSequence([seed, epoch]).generate_state(1)
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
    if tensorboard:
        callbacks.append(_tensorboard(folder))
    try:
        with display.bar(epochs=epochs, steps=len(feed), done=len(history)):
            model.fit(
                feed,
                initial_epoch=len(history),
                epochs=epochs,
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


def parts(data: Dataset, validation_split: float) -> tuple[Split, dict[str, Split]]:
    """The training examples, and what is evaluated at the end of every epoch.

    The first of the latter is the one that chooses the best weights.
    """
    examples, validation = split(data.x_train, data.y_train, validation_split)
    evaluated = {"test": (data.x_test, data.y_test)}
    if len(validation[0]):
        evaluated = {"val": validation, **evaluated}
    return examples, evaluated


def split(x: np.ndarray, y: np.ndarray, part: float) -> tuple[Split, Split]:
    """Training and validation examples, drawn at random but always the same.

    Raises:
        UserError: There is nothing left to train on.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    kept, drawn = np.split(order, [kept_of(len(x), part, "examples")])
    return (x[kept], y[kept]), (x[drawn], y[drawn])


def batches(examples: Split, size: int, seed: int) -> Any:
    """The training examples as a `keras.utils.PyDataset`.

    `begin(epoch)` sets the order of an epoch before it starts. (Keras calls the data
    set's own hook, `on_epoch_end`, more often than once an epoch.)

    Args:
        examples: Inputs and labels.
        size: Examples in a batch; the last batch takes what is left.
        seed: Seed of the orders.
    """
    import keras

    x, y = examples

    class Batches(keras.utils.PyDataset):
        def begin(self, epoch: int) -> None:
            self._order = order(len(x), seed, epoch)

        def __len__(self) -> int:
            return math.ceil(len(x) / size)

        def __getitem__(self, index: int) -> Split:
            chosen = self._order[index * size : (index + 1) * size]
            return x[chosen], y[chosen]

    return Batches()


def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the examples in an epoch, which depends on nothing else."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def keep(
    model: Any, history: History, entry: dict[str, Any], chosen_by: str, folder: Path
) -> None:
    """Adds a finished epoch to the history, and writes down what it left.

    Args:
        model: The model after the epoch.
        history: The epochs before it.
        entry: What is known of it.
        chosen_by: The figure that chooses the best weights; see `best`.
        folder: The folder of the run.
    """
    history.append(entry)
    # The last file is the commit: killed before it, the epoch is repeated and writes
    # the same again.
    if best(history, chosen_by) is entry:
        checkpoint.save(model, history, folder / "best.weights.h5")
    write_json(folder / "history.json", history)
    checkpoint.save(model, history, folder / LAST)


def check_finite(figures: Mapping[str, float], where: str) -> None:
    """Raises DivergedError where one of the figures is not finite."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value} {where}")


def after(step: int, epoch: int) -> str:
    """Where a training is; steps and epochs count from 1."""
    return f"after step {step} of epoch {epoch}"


def best(history: History, figure: str) -> dict[str, Any]:
    """The entry of the epoch in which a figure was best, the earliest of equals.

    A loss or an error rate is best where it is lowest, everything else where it is
    highest.
    """
    pick = min if figure.endswith(("loss", "cer")) else max
    return pick(history, key=lambda entry: entry[figure])


class _Recorder:
    """Evaluates and writes down every epoch of a training."""

    def __init__(
        self,
        model: Any,
        evaluated: Evaluated,
        chosen_by: str,
        batch: int,
        folder: Path,
        history: History,
        display: Display,
    ):
        self._model = model
        self._evaluated = evaluated
        self._chosen_by = chosen_by
        self._batch = batch
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
        shown: dict[str, float] = {k: logs[k] for k in TRAINED if k in logs}
        for name, (x, y) in self._evaluated(epoch).items():
            figures = self._model.evaluate(
                x, y, batch_size=self._batch, verbose=0, return_dict=True
            )
            shown |= {f"{name}_{figure}": value for figure, value in figures.items()}
        check_finite(shown, self.where())
        logs.update(shown)  # for the callbacks that follow
        entry = {"epoch": self._epoch, **shown, "seconds": seconds}
        keep(self._model, self._history, entry, self._chosen_by, self._folder)
        self._display.epoch(entry)
