"""Trains one configuration and leaves one result row."""

import hashlib
import json
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout

from experiments import environment
from experiments.checkpoint import History
from experiments.command import Number, setting
from experiments.datasets import Dataset
from experiments.devices import check_clipping
from experiments.errors import UserError
from experiments.progress import Display
from experiments.results import Row, append_row, write_json
from experiments.training import best, fit

# The epochs, where the training diverged, and its scores for the row.
Learnt = tuple[History, str | None, dict[str, Any]]

NO_CLASSES = dict.fromkeys(("paper", "clean", "train_accuracy"))  # of such a row


@dataclass(frozen=True, kw_only=True)
class Common:
    """The settings that every experiment has."""

    batch_size: int = setting(32, click.IntRange(min=1), "Examples in a step.")
    seed: int = setting(
        3,
        click.IntRange(0, 2**32 - 1),
        "Seed of initial weights, dropout and the order of the examples.",
    )
    backend: str = setting(
        environment.default_backend,
        click.Choice(environment.BACKENDS),
        "What Keras runs on; KERAS_BACKEND sets the default.",
    )
    devices: int = setting(
        1,
        click.IntRange(min=1),
        "Devices that share every batch, on JAX, and on TensorFlow where the optimizer "
        "clips no gradients.",
        identity=False,  # the numbers are the same, up to rounding
    )
    output: str = setting(
        "runs",
        click.STRING,
        "Folder for the run's own folder and for results.jsonl.",
        identity=False,
    )
    tensorboard: bool = setting(
        False,
        click.BOOL,
        "Write TensorBoard logs into the run's folder.",
        identity=False,
    )
    quiet: bool = setting(
        False, click.BOOL, "Print the last line and errors only.", identity=False
    )


@dataclass(frozen=True, kw_only=True)
class Settings(Common):
    """The settings of every experiment on a data set."""

    epochs: int = setting(
        10, click.IntRange(min=1), "Times through the training examples."
    )
    validation_split: float = setting(
        0.1,
        Number(min=0, max=1, max_open=True),
        "Part of the training examples kept to choose the epoch in the clean protocol; "
        "with 0 there is no such protocol.",
    )
    data_dir: str | None = setting(
        None,
        click.STRING,
        "Folder with the data; SLIM_KERAS_DATA is the default.",
        identity=False,  # what the data is, not where it lay, is recorded
    )


def data_setting(name: str) -> Any:
    """The setting `data` of an experiment whose real data set is called `name`."""
    return setting(
        "auto",
        click.Choice(["auto", name, "sample"]),
        "auto: the real data where they can be had, else the synthetic sample.",
        identity=False,  # what the data is, not how it was asked for, is recorded
    )


def train(
    experiment: str,
    title: str,
    settings: Settings,
    model: Any,
    data: Dataset,
    more: Mapping[str, Any] | None = None,
) -> int:
    """Trains a model, or goes on where an earlier start of the same run stopped.

    Args:
        experiment: The name of the experiment.
        title: What the folder of the run is called, before seed and checksum.
        settings: The settings of the experiment.
        model: A compiled model with the metric `accuracy` and a layer `recurrent`.
        data: What to train and test on.
        more: What else the numbers depend on, for the row.

    Returns:
        The exit status: 0 for a finished run, 1 for one that diverged.

    Raises:
        UserError: The run's folder is in use, or what it holds cannot be used.
        OSError: The output folder cannot be written.
    """
    own = {"data": data.name, "data_checksum": data.checksum, **(more or {})}

    def learn(folder: Path, display: Display) -> Learnt:
        display.say(f"data: {data.name} ({data.origin})")
        history, reason = fit(
            model,
            data,
            folder,
            display,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_split=settings.validation_split,
            seed=settings.seed,
            devices=settings.devices,
            tensorboard=settings.tensorboard,
        )
        return history, reason, _scores(history)

    return record(experiment, title, settings, model, own, data.origin, learn)


def record(
    experiment: str,
    title: str,
    settings: Common,
    model: Any,
    more: Mapping[str, Any],
    origin: str,
    learn: Callable[[Path, Display], Learnt],
) -> int:
    """Gives a run its folder and its row, unless it has them already.

    Args:
        experiment: The name of the experiment.
        title: What the folder of the run is called, before seed and checksum.
        settings: The settings of the experiment.
        model: The model, with a layer `recurrent`.
        more: What else the numbers depend on, for the row.
        origin: One line that says where the data comes from.
        learn: Trains, in the folder of the run.

    Returns:
        The exit status: 0 for a finished run, 1 for one that diverged.

    Raises:
        UserError: The run's folder is in use, what it holds cannot be used, or
            devices cannot share this training.
        OSError: The output folder cannot be written.
    """
    check_clipping(settings.backend, settings.devices, model)
    own = {"experiment": experiment, **identity(settings), **more}
    checksum = hashlib.sha256(json.dumps(own, sort_keys=True).encode())
    output = Path(settings.output)
    folder = output / f"{title}-seed{settings.seed}-{checksum.hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    display = Display(quiet=settings.quiet)
    try:
        with FileLock(folder / ".lock", blocking=False):
            row = _row(folder, own, origin, model, display, learn)
    except Timeout:
        raise UserError(f"{folder} is being trained by another process") from None
    results = output / "results.jsonl"
    append_row(results, row)
    display.summary(row)
    display.say(f"row in {results}, files in {folder}")
    if row["status"] == "diverged":
        print(f"diverged: {row['reason']}; try a smaller --eta", file=sys.stderr)
        return 1
    return 0


def identity(settings: Common) -> dict[str, Any]:
    """The settings that the numbers of a run depend on."""
    return {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if field.metadata["identity"]
    }


def _row(
    folder: Path,
    own: dict[str, Any],
    origin: str,
    model: Any,
    display: Display,
    learn: Callable[[Path, Display], Learnt],
) -> Row:
    config = _claim(folder, own, origin)
    facts = environment.facts()  # of the code that trains, not of later edits
    path = folder / "row.json"
    if path.exists():
        display.say(f"{folder} is done already; delete it to train again")
    else:
        parameters = {
            "recurrent_parameters": model.get_layer("recurrent").count_params(),
            "model_parameters": model.count_params(),
        }
        display.say(
            f"{folder}\nparameters: {parameters['recurrent_parameters']:,} in the "
            f"recurrent layer, {parameters['model_parameters']:,} in all"
        )
        processors = _take_part(folder, config, facts["processor"])
        history, reason, scores = learn(folder, display)
        row = {
            "run": folder.name,
            "status": "diverged" if reason else "finished",
            "reason": reason,
            **config,
            **parameters,
            **scores,
            "epochs_finished": len(history),
            "seconds_per_epoch": statistics.median(e["seconds"] for e in history)
            if history and len(processors) == 1
            else None,
            **facts,
            "processor": " and ".join(processors),
            "finished": _now(),
        }
        write_json(path, row)
    return json.loads(path.read_text())


def _claim(folder: Path, own: dict[str, Any], origin: str) -> dict[str, Any]:
    """The configuration in the folder of a run, written there on the first start."""
    path = folder / "config.json"
    if not path.exists():
        write_json(path, {**own, "data_origin": origin, "started": _now()})
    remedy = "delete the folder or choose another --output"
    try:
        config = json.loads(path.read_text())
    except ValueError:
        raise UserError(f"{path} is damaged; {remedy}") from None
    other = [name for name in own if config.get(name) != own[name]]
    if other:
        raise UserError(f"{path} is of another run ({', '.join(other)}); {remedy}")
    return config


def _take_part(folder: Path, config: dict[str, Any], processor: str) -> list[str]:
    """All processors that the run was started on, as its folder may move between them.

    They are kept in its configuration, which is left without them.
    """
    processors = config.pop("processors", [])
    if processor not in processors:
        processors = [*processors, processor]
        write_json(folder / "config.json", {**config, "processors": processors})
    return processors


def _scores(history: History) -> dict[str, Any]:
    """What a row says of the epochs; `None` where no epoch or split can say it."""

    def tested(figure: str) -> dict[str, Any] | None:
        if not history or figure not in history[0]:
            return None
        entry = best(history, figure)
        return {"test_accuracy": entry["test_accuracy"], "epoch": entry["epoch"]}

    return {
        "paper": tested("test_accuracy"),
        "clean": tested("val_accuracy"),
        "train_accuracy": best(history, "accuracy")["accuracy"] if history else None,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
