"""Trains one configuration of an experiment and leaves one row of results."""

import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from experiments.core import command, environment
from experiments.core.checkpoint import History
from experiments.core.devices import check_clipping, check_shares
from experiments.core.errors import UserError
from experiments.core.experiment import Experiment, Training, prepare
from experiments.core.progress import Display
from experiments.core.results import Row, append_row, replacing, write_json
from experiments.core.settings import identity
from experiments.core.training import BEST, HISTORY, LAST, fit

CONFIG = "config.json"


def main(experiment: Experiment, args: Sequence[str] | None = None) -> int:
    """The command line of an experiment; returns the exit status."""

    def run(config: Any) -> int:
        note, config = config.note, experiment.complete(config)
        display = Display(experiment, quiet=config.quiet)
        if note:
            display.say(f"note: {note}")
        display.say(f"{experiment.name}: starting Keras on {config.backend}")
        environment.start(config.backend, config.seed, config.devices)
        display.say(f"{experiment.name}: loading data")
        return train(prepare(experiment, config, experiment.data(config)))

    help = f"""{experiment.summary}

    The result is a row in results.jsonl. The same command goes on after the last
    finished epoch, and a longer run goes on where a shorter one ended."""
    return command.main(experiment.settings, run, args, help=help)


def train(training: Training) -> int:
    """Trains a model, or goes on where an earlier start of the same run stopped.

    Returns:
        The exit status: 0 after a finished run, 1 after one that diverged.

    Raises:
        UserError, OSError: As `hold` raises them.
    """
    display = Display(training.experiment, quiet=training.config.quiet)
    with hold(training) as place:
        if place.done:
            display.say(f"{place.folder} is finished; delete it to train again")
        else:
            place.begin()
            place.announce(display)
            place.finish(*fit(training, place.folder, display), display)
        row = place.publish()
    display.summary(row)
    display.say(f"row in {place.results}, files in {place.folder}")
    if row["status"] == "diverged":
        print(f"diverged: {row['reason']}; try a smaller --eta", file=sys.stderr)
        return 1
    return 0


class Place:
    """The folder of a run, and the files in it.

    Args:
        training: The run.
        folder: The folder; no other process has it.
        config: The content of its config.json.
    """

    def __init__(self, training: Training, folder: Path, config: dict[str, Any]):
        self.folder = folder
        self.results = Path(training.config.output) / "results.jsonl"
        self._training = training
        self._config = config
        model = training.model
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

    def announce(self, display: Display) -> None:
        """Prints folder, size and data of the run before it trains."""
        data, counts = self._training.data, self._parameters
        display.say(
            f"{self.folder}\nparameters: {counts['recurrent_parameters']:,} in the "
            f"recurrent layer, {counts['model_parameters']:,} in all\n"
            f"data: {data.facts['data']} ({data.origin})"
        )
        more = [
            f"{name.replace('_', ' ')}: {value}"
            for name, value in data.facts.items()
            if name != "data" and not name.endswith("checksum")
        ]
        if more:
            display.say(", ".join(more))
        if before := self._config.get("continues"):
            display.say(f"continues {before}")

    def begin(self) -> None:
        """Records code and machine: a later start may have others."""
        starts = self._config.setdefault("starts", [])
        if self._facts not in starts:
            starts.append(self._facts)
            write_json(self.folder / CONFIG, self._config)

    def finish(self, history: History, reason: str | None, display: Display) -> None:
        """Writes the row into the folder.

        Args:
            history: The finished epochs.
            reason: Where the training diverged, if it did.
        """
        run, experiment = self._training, self._training.experiment
        more: Mapping[str, Any] = {}
        if experiment.finish:
            more = experiment.finish(run, history, self.folder, display)
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
            **scores(experiment, history),
            **more,
            "epochs_finished": len(history),
            "seconds_per_epoch": statistics.median(seconds) if comparable else None,
            **environment.joined(starts),
            "finished": _now(),
        }
        write_json(self._row_file, row)

    def publish(self) -> Row:
        """Puts the row among the results, and returns it."""
        row = json.loads(self._row_file.read_text())
        append_row(self.results, row)
        return row


def scores(experiment: Experiment, history: History) -> dict[str, Any]:
    """The scores of a row; `None` stands for a score that the run does not have."""
    classifies = bool(history) and "accuracy" in history[0]
    return {
        "paper": None,  # every row has both protocols
        "clean": None,
        "train_accuracy": max(e["accuracy"] for e in history) if classifies else None,
        **{score.name: score.of(history) for score in experiment.scores},
    }


@contextmanager
def hold(training: Training) -> Iterator[Place]:
    """Holds the folder of a run against other processes while the block runs.

    Raises:
        UserError: Another process uses the run's folder, its files are damaged or of
            another run, or the devices cannot share this training.
        OSError: The output folder cannot be written.
    """
    experiment, config, data = training.experiment, training.config, training.data
    check_clipping(config.backend, config.devices, training.model)
    check_shares(config.devices, config.batch_size, data.counts)
    own = {"experiment": experiment.name, **identity(config), **data.facts}
    checksum = hashlib.sha256(json.dumps(own, sort_keys=True).encode())
    title = f"{experiment.name}-{experiment.title(config)}-seed{config.seed}"
    folder = Path(config.output) / f"{title}-{checksum.hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(folder / ".lock", blocking=False))
        except Timeout:
            raise UserError(f"{folder} is being trained by another process") from None
        if not (folder / CONFIG).exists():
            _adopt(folder, own, config)
        yield Place(training, folder, _claim(folder, own, data.origin))


def _adopt(folder: Path, own: Mapping[str, Any], config: Any) -> None:
    """Starts a run from a shorter one that differs in nothing else, if there is one.

    Args:
        folder: The empty folder of the run.
        own: Everything that the numbers of the run depend on.
    """
    found: list[tuple[int, Path, dict[str, Any]]] = []
    for path in folder.parent.glob(f"{own['experiment']}-*/{CONFIG}"):
        try:
            other = json.loads(path.read_text())
            history = json.loads(path.with_name(HISTORY).read_text())
        except (OSError, ValueError):
            continue  # it has no finished epoch
        same = all(other.get(n) == own[n] for n in own if n != config.duration)
        if same and 0 < len(history) <= config.epochs:
            found.append((len(history), path.parent, other))
    for _, other_folder, other in sorted(found, key=lambda each: -each[0]):
        try:
            with FileLock(other_folder / ".lock", blocking=False):
                # LAST comes last: this file makes the run go on.
                for name in (BEST, HISTORY, LAST):
                    with replacing(folder / name) as beside:
                        shutil.copyfile(other_folder / name, beside)
        except (Timeout, FileNotFoundError):
            continue  # it is being trained, or its weights were deleted
        kept = {"data_origin": other["data_origin"], "starts": other["starts"]}
        write_json(
            folder / CONFIG,
            {**own, "continues": other_folder.name, **kept, "started": _now()},
        )
        return


def _claim(folder: Path, own: dict[str, Any], origin: str) -> dict[str, Any]:
    """The configuration in the folder of a run, written there by the first start."""
    path = folder / CONFIG
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
