"""Trains one configuration and leaves one result row."""

import hashlib
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout

from experiments.core import environment
from experiments.core.checkpoint import History
from experiments.core.command import Number, setting
from experiments.core.devices import check_clipping
from experiments.core.errors import UserError
from experiments.core.progress import Display
from experiments.core.results import Row, append_row, write_json
from experiments.core.training import best, fit
from experiments.datasets import Dataset

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


def refuse_given(config: Common, owner: str, *names: str) -> None:
    """Refuses settings that do nothing, which would only give a run another name.

    Args:
        config: The configuration.
        owner: What they are for.
        names: The settings.

    Raises:
        UserError: One has another value than its default.
    """
    for name in names:
        if (value := getattr(config, name)) != getattr(type(config), name):
            shown = f"{value:g}" if isinstance(value, float) else value
            raise UserError(
                f"{name.replace('_', '-')} {shown}: it is for {owner}; leave it out"
            )


@dataclass(frozen=True, kw_only=True)
class Training:
    """A run on a data set, ready to start.

    Attributes:
        experiment: The name of the experiment.
        title: What the folder of the run is called, before seed and checksum.
        settings: The settings of the experiment.
        model: A compiled model with the metric `accuracy` and a layer `recurrent`.
        data: What to train and test on.
        more: What else the numbers depend on, for the row.
    """

    experiment: str
    title: str
    settings: Settings
    model: Any
    data: Dataset
    more: Mapping[str, Any] = field(default_factory=dict)

    def hold(self) -> AbstractContextManager["Place"]:
        """The folder of the run; see `hold`."""
        data = {"data": self.data.name, "data_checksum": self.data.checksum}
        more, origin = {**data, **self.more}, self.data.origin
        return hold(
            self.experiment, self.title, self.settings, self.model, more, origin
        )


def train(training: Training) -> int:
    """Trains a model, or goes on where an earlier start of the same run stopped.

    Args:
        training: The run.

    Returns:
        The exit status: 0 for a finished run, 1 for one that diverged.

    Raises:
        UserError: The run's folder is in use, or what it holds cannot be used.
        OSError: The output folder cannot be written.
    """
    settings, data = training.settings, training.data

    def learn(folder: Path, display: Display) -> Learnt:
        display.say(f"data: {data.name} ({data.origin})")
        history, reason = fit(
            training.model,
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
        return history, reason, scores(history)

    with training.hold() as place:
        return place.record(learn)


class Place:
    """The folder of a run, and what has been found out of the run.

    Args:
        folder: The folder; no other process has it.
        config: The configuration in it.
        settings: The settings of the experiment.
        model: The model, with a layer `recurrent`.
    """

    def __init__(
        self, folder: Path, config: dict[str, Any], settings: Common, model: Any
    ):
        self.folder = folder
        self.display = Display(quiet=settings.quiet)
        self._config = config
        self._results = Path(settings.output) / "results.jsonl"
        self._parameters = {
            "recurrent_parameters": model.get_layer("recurrent").count_params(),
            "model_parameters": model.count_params(),
        }
        self._facts = environment.facts()  # of the code that trains, not of later edits

    @property
    def done(self) -> bool:
        """Whether the run has its row."""
        return self._row_file.exists()

    @property
    def _row_file(self) -> Path:
        return self.folder / "row.json"

    def record(self, learn: Callable[[Path, Display], Learnt]) -> int:
        """Gives the run its row, unless it has it already, and shows it.

        Args:
            learn: Trains, in the folder of the run.

        Returns:
            The exit status: 0 for a finished run, 1 for one that diverged.
        """
        if self.done:
            self.display.say(f"{self.folder} is done already; delete it to train again")
        else:
            counts = self._parameters
            self.display.say(
                f"{self.folder}\nparameters: {counts['recurrent_parameters']:,} in "
                f"the recurrent layer, {counts['model_parameters']:,} in all"
            )
            self.begin()
            self.finish(*learn(self.folder, self.display))
        row = self.publish()
        self.display.summary(row)
        self.display.say(f"row in {self._results}, files in {self.folder}")
        if row["status"] == "diverged":
            print(f"diverged: {row['reason']}; try a smaller --eta", file=sys.stderr)
            return 1
        return 0

    def begin(self) -> None:
        """Notes what trains: a folder may move to another processor or commit."""
        starts = self._config.setdefault("starts", [])
        if self._facts not in starts:
            starts.append(self._facts)
            write_json(self.folder / "config.json", self._config)

    def finish(
        self, history: History, reason: str | None, own_scores: Mapping[str, Any]
    ) -> None:
        """Writes the row into the folder, of a run that has begun.

        Args:
            history: The finished epochs.
            reason: Where the training diverged, if it did.
            own_scores: What the epochs say of the model.
        """
        config = dict(self._config)
        starts = config.pop("starts")
        seconds = [entry["seconds"] for entry in history]
        one = len({start["processor"] for start in starts}) == 1
        comparable = one and seconds and None not in seconds
        row = {
            "run": self.folder.name,
            "status": "diverged" if reason else "finished",
            "reason": reason,
            **config,
            **self._parameters,
            **own_scores,
            "epochs_finished": len(history),
            "seconds_per_epoch": statistics.median(seconds) if comparable else None,
            **environment.joined(starts),
            "finished": _now(),
        }
        write_json(self._row_file, row)

    def publish(self) -> Row:
        """Puts the row among the results, and returns it."""
        row = json.loads(self._row_file.read_text())
        append_row(self._results, row)
        return row


@contextmanager
def hold(
    experiment: str,
    title: str,
    settings: Common,
    model: Any,
    more: Mapping[str, Any],
    origin: str,
) -> Iterator[Place]:
    """Holds the folder of a run against other processes while the block runs.

    Args:
        experiment: The name of the experiment.
        title: What the folder of the run is called, before seed and checksum.
        settings: The settings of the experiment.
        model: The model, with a layer `recurrent`.
        more: What else the numbers depend on, for the row.
        origin: One line that says where the data comes from.

    Raises:
        UserError: The run's folder is in use, what it holds cannot be used, or
            devices cannot share this training.
        OSError: The output folder cannot be written.
    """
    check_clipping(settings.backend, settings.devices, model)
    own = {"experiment": experiment, **identity(settings), **more}
    checksum = hashlib.sha256(json.dumps(own, sort_keys=True).encode())
    name = f"{title}-seed{settings.seed}-{checksum.hexdigest()[:8]}"
    folder = Path(settings.output) / name
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(folder / ".lock", blocking=False))
        except Timeout:
            raise UserError(f"{folder} is being trained by another process") from None
        yield Place(folder, _claim(folder, own, origin), settings, model)


def identity(settings: Common) -> dict[str, Any]:
    """The settings that the numbers of a run depend on."""
    return {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if each.metadata["identity"]
    }


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


def scores(history: History) -> dict[str, Any]:
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
