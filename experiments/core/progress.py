"""The screen of a run: a live bar in a terminal, a line for each epoch everywhere."""

from collections.abc import Iterator, Mapping, Sequence
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

from experiments.core.experiment import Experiment, Score
from experiments.core.results import Row


def scored(row: Row, scores: Sequence[Score]) -> list[str]:
    """The scores of a row, one text for each that it has."""
    return [
        f"{score.name} {found[score.figure]:.4f} (epoch {found['epoch']})"
        for score in scores
        if (found := row.get(score.name))
    ]


def epoch(entry: Mapping[str, float], epochs: int, score: Score) -> str:
    """The progress of a training, and the figures of its last epoch.

    Args:
        entry: The epoch in the history.
        epochs: Epochs of the whole run.
        score: A score of the experiment: its figure is shown.
    """
    figure = score.figure.removeprefix("test_")
    # Beside the same figure of the training, "test" says enough.
    title = "" if figure in entry else f" {score.title}"
    columns = {
        "loss": "loss",
        figure: score.title,
        f"val_{figure}": f"validation{title}",
        score.figure: f"test{title}",
    }
    number = f"{entry['epoch']:>{len(str(epochs))}}"
    return f"epoch {number}/{epochs}  {_figures(entry, columns)}"


def _figures(values: Mapping[str, float], columns: Mapping[str, str]) -> str:
    """The values of the columns that have one, with their titles."""
    return "  ".join(
        f"{title} {values[key]:.4f}" for key, title in columns.items() if key in values
    )


class Display:
    """The screen of one run. A log file gets finished lines only.

    Args:
        quiet: Whether only the last line is shown.
    """

    def __init__(self, experiment: Experiment, *, quiet: bool):
        self._scores = experiment.scores
        self._console = Console(highlight=False, soft_wrap=True)
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Prints a line, unless the display is quiet."""
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
            # The evaluations between epochs are part of the time that is left.
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
        """Moves the bar to a finished step; epochs and steps count from 1."""
        self._bar.update(
            self._task,
            completed=(epoch - 1) * self._steps + step,
            epoch=epoch,
            figures=_figures(logs, {"loss": "loss", "accuracy": "accuracy"}),
        )

    def epoch(self, entry: Mapping[str, float]) -> None:
        """Prints the line of a finished epoch."""
        line = epoch(entry, self._epochs, self._scores[0])
        self.say(f"{line}  {entry['seconds']:.1f} s")

    def summary(self, row: Row) -> None:
        """Prints the end of a run, one line if the display is quiet."""
        title = f"{row['run']}: {row['status']}, data: {row['data']}"
        if self._quiet:
            line = ", ".join([title, *scored(row, self._scores)])
            self._console.print(line, markup=False)
            return
        measured = f"test {self._scores[0].title}"
        table = Table(box=None, pad_edge=False)
        for column in ("score", measured, "epoch", "of"):
            table.add_column(column)
        for score in self._scores:
            if found := row[score.name]:
                value = f"{found[score.figure]:.4f}"
                table.add_row(score.name, value, str(found["epoch"]), score.rule)
        self.say(title)
        self._console.print(table)
