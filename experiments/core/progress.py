"""What a run shows: a live bar in a terminal, a line for each epoch everywhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from experiments.core.results import Row

_COLUMNS = {  # history key: what an epoch's line calls it
    "loss": "loss",
    "accuracy": "accuracy",
    "val_accuracy": "validation",
    "test_accuracy": "test",
}
_LOSSES = {"loss": "loss", "test_loss": "test"}  # where there is no accuracy
_RATES = {"loss": "loss", "val_cer": "validation CER", "test_cer": "test CER"}
_SCORES = {  # row key: figures that it can have, and what these are called there
    "paper": {"test_accuracy": "paper"},
    "clean": {"test_accuracy": "clean"},
    "best": {"test_cer": "test CER", "test_loss": "test loss"},
}


def scores(row: Row) -> list[str]:
    """What a row says of the test examples, one text for each score."""
    found = []
    for name, figures in _SCORES.items():
        score = row.get(name) or {}
        figure = next((figure for figure in figures if figure in score), None)
        if figure:
            title = figures[figure]
            found.append(f"{title} {score[figure]:.4f} (epoch {score['epoch']})")
    return found


def _figures(values: Mapping[str, float], columns: Mapping[str, str]) -> str:
    """What is among the columns, with their titles."""
    return "  ".join(
        f"{title} {values[key]:.4f}" for key, title in columns.items() if key in values
    )


def epoch(entry: Mapping[str, float], epochs: int) -> str:
    """How far a training is, and the figures of its last epoch.

    Args:
        entry: What is known of the epoch.
        epochs: Epochs of the whole run.
    """
    kinds = {"accuracy": _COLUMNS, "test_cer": _RATES}
    columns = next((c for k, c in kinds.items() if k in entry), _LOSSES)
    number = f"{entry['epoch']:>{len(str(epochs))}}"
    return f"epoch {number}/{epochs}  {_figures(entry, columns)}"


class Display:
    """The screen of one run; in a log file only lines that stay.

    Args:
        quiet: Whether only the last line is shown.
    """

    def __init__(self, *, quiet: bool):
        self._console = Console(highlight=False, soft_wrap=True)
        self._quiet = quiet

    def say(self, text: str) -> None:
        """A line, left out by `--quiet`."""
        if not self._quiet:
            self._console.print(text, markup=False)

    @contextmanager
    def bar(self, *, epochs: int, steps: int, done: int) -> Iterator[None]:
        """Shows the bar of a training while the block runs.

        Args:
            epochs: Epochs of the whole run.
            steps: Steps of an epoch.
            done: Epochs that were finished before.
        """
        self._epochs = epochs
        self._steps = steps
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            transient=True,
            refresh_per_second=4,
            # The evaluations between epochs count in the time that is left.
            speed_estimate_period=3600,
            disable=self._quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task(
            "",
            total=epochs * steps,
            completed=done * steps,
            epoch=done + 1,
            figures="",
        )
        with self._bar:
            yield

    def step(self, epoch: int, step: int, logs: dict[str, float]) -> None:
        """Moves the bar to a step that is done; epochs and steps count from 1."""
        self._bar.update(
            self._task,
            completed=(epoch - 1) * self._steps + step,
            epoch=epoch,
            figures=_figures(logs, _COLUMNS),
        )

    def epoch(self, entry: Mapping[str, float]) -> None:
        """The line of a finished epoch."""
        self.say(f"{epoch(entry, self._epochs)}  {entry['seconds']:.1f} s")

    def summary(self, row: Row) -> None:
        """The end of a run; one line with `--quiet`."""
        title = f"{row['run']}: {row['status']}, data: {row['data']}"
        if self._quiet or "best" in row:
            self._console.print(", ".join([title, *scores(row)]), markup=False)
            return
        table = Table(box=None, pad_edge=False)
        for column in ("protocol", "test accuracy", "epoch", "chosen by"):
            table.add_column(column)
        rules = {
            "paper": "highest test accuracy of all epochs",
            "clean": "highest accuracy on the validation split",
        }
        for name, rule in rules.items():
            if row[name]:
                accuracy = f"{row[name]['test_accuracy']:.4f}"
                table.add_row(name, accuracy, str(row[name]["epoch"]), rule)
        self.say(title)
        self._console.print(table)
