"""Runs that differ in their seed only, and what is measured of them."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter

from experiments.core.checkpoint import History
from experiments.core.experiment import find
from experiments.core.results import Row

# What is measured of one run; `None` where the run does not say it.
Measure = Callable[[Row, History], float | None]

SOLVED = 0.01  # mean squared error of an adding problem that is solved
LENGTHS = {"epochs", "steps"}  # what experiments call the length of a training
# These stand only in rows of experiments without classes, and of experiments whose seed
# draws the data.
OPTIONAL = {"best", "last", "lowest", "weights_bytes", "drawn_checksum"}

# What a row holds besides the settings that its numbers depend on.
RECORD = OPTIONAL | {
    *("run", "status", "reason", "seed", "data_origin", "started", "finished"),
    *("recurrent_parameters", "model_parameters", "paper", "clean", "train_accuracy"),
    *("epochs_finished", "seconds_per_epoch", "versions", "processor", "commit"),
    "dirty",
}


def _score(name: str, figure: str) -> Measure:
    return lambda row, history: (row.get(name) or {}).get(figure)


def _gap(row: Row, history: History) -> float | None:
    best = row.get("best") or {}
    return best["test_cer"] - best["train_cer"] if "test_cer" in best else None


def _error(row: Row, history: History) -> float | None:
    return row["clean"] and 100 * (1 - row["clean"]["test_accuracy"])


def _solved(row: Row, history: History) -> float | None:
    """The training steps until the first test with a loss below `SOLVED`."""
    if "steps" not in row:
        return None
    each = row["steps"] / len(history)
    losses = enumerate((entry["test_loss"] for entry in history), start=1)
    return next((each * place for place, loss in losses if loss < SOLVED), None)


def _validation(row: Row, history: History) -> float | None:
    return row["clean"] and history[row["clean"]["epoch"] - 1]["val_accuracy"]


def _mean_test(first: int, last: int) -> Measure:
    def mean(row: Row, history: History) -> float | None:
        if len(history) < last:
            return None
        epochs = history[first - 1 : last]
        return statistics.mean(entry["test_accuracy"] for entry in epochs)

    return mean


MEASURES: dict[str, Measure] = {
    "train": lambda row, history: row["train_accuracy"],
    "paper": _score("paper", "test_accuracy"),
    "clean": _score("clean", "test_accuracy"),
    "epoch": _score("paper", "epoch"),
    "validation": _validation,
    "chosen": _score("clean", "epoch"),
    "late": _mean_test(95, 100),
    "after_150": _mean_test(151, 200),
    "error": _error,
    "mse": _score("best", "test_loss"),
    "mse_last": _score("last", "test_loss"),
    "solved": _solved,
    "cer": _score("best", "test_cer"),
    "cer_beam": _score("best", "test_cer_beam"),
    "gap": _gap,
    "cer_train": _score("last", "train_cer"),
    "cer_last": _score("last", "test_cer"),
    "parameters": lambda row, history: row["model_parameters"],
    "recurrent": lambda row, history: row["recurrent_parameters"],
    "seconds": lambda row, history: row["seconds_per_epoch"],
}
_LOWER = {"error", "mse", "mse_last", "cer", "cer_beam", "gap", "cer_train", "cer_last"}


def measure(name: str) -> Measure:
    """One of `MEASURES`, or a score as an experiment declares it: `best.test_cer`."""
    return MEASURES[name] if name in MEASURES else _score(*name.split("."))


def scores(experiment: str) -> dict[str, bool]:
    """The scores of an experiment as measures, and whether a lower one is better."""
    found = find(experiment).scores
    return {f"{score.name}.{score.figure}": score.lower for score in found}


def lower(name: str, experiment: str) -> bool:
    """Whether a lower value of a measure is better."""
    return name in _LOWER or scores(experiment).get(name, False)


@dataclass(frozen=True)
class Line:
    """Runs that differ in nothing but their seed: one measured line of a table."""

    number: int  # its place among the lines of its experiment, from 1
    settings: Row  # what the numbers of all its runs depend on, besides the seed
    rows: list[Row]  # by seed
    histories: list[History]  # the epochs of the runs, in the same order

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.settings['experiment']} {self.number}"

    @property
    def runs(self) -> list[tuple[Row, History]]:
        """Row and epochs of each run."""
        return list(zip(self.rows, self.histories, strict=True))

    @property
    def finished(self) -> list[tuple[Row, History]]:
        """The runs that did not diverge."""
        return [run for run in self.runs if run[0]["status"] == "finished"]

    def values(self, name: str) -> list[float]:
        """A measure of each finished run that says it."""
        found = (measure(name)(*run) for run in self.finished)
        return [value for value in found if value is not None]

    def drawn(self, name: str) -> dict[str, float]:
        """The same, by the data that the seed of the run drew."""
        found = {
            row["drawn_checksum"]: measure(name)(row, history)
            for row, history in self.finished
            if "drawn_checksum" in row
        }
        return {draw: value for draw, value in found.items() if value is not None}

    @property
    def weights(self) -> int:
        """The weights of the model."""
        return self.rows[0]["model_parameters"]

    @property
    def length(self) -> int:
        """How long it was trained, in epochs or steps."""
        (length,) = (self.settings[name] for name in LENGTHS & self.settings.keys())
        return length

    def matches(self, settings: Row) -> bool:
        """Whether it has these settings; a list stands for any of its values."""
        return all(
            self.settings.get(name) in (value if isinstance(value, list) else [value])
            for name, value in settings.items()
        )


def longest(lines: Sequence[Line], apart: Set[str] = LENGTHS) -> list[Line]:
    """Of the lines that differ only in the settings `apart` the longest one.

    Args:
        lines: Lines of one experiment.
        apart: The names of the settings.
    """
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        common = [item for item in line.settings.items() if item[0] not in apart]
        groups[str(sorted(common))].append(line)
    return [max(group, key=attrgetter("length")) for group in groups.values()]


def usual(lines: Sequence[Line]) -> Line | None:
    """The line with the most finished seeds, of as many the longest."""
    able = [line for line in lines if line.finished]
    return max(able, key=lambda line: (len(line.finished), line.length), default=None)
