"""Runs that differ only in their seed, and what is measured of them."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from operator import attrgetter

from experiments.core.checkpoint import History
from experiments.core.experiment import find
from experiments.core.results import Row

SOLVED = 0.01  # mean squared error of an adding problem that is solved
LENGTHS = {"epochs", "steps"}  # what experiments call the length of a training
# What some rows lack: experiments without scores by class, runs from the start.
OPTIONAL = {"best", "last", "lowest", "weights_bytes", "drawn_checksum", "continues"}

# What a row holds besides the settings that its numbers depend on.
RECORD = OPTIONAL | {
    *("run", "status", "reason", "seed", "data_origin", "started", "finished"),
    *("recurrent_parameters", "model_parameters", "paper", "clean", "train_accuracy"),
    *("epochs_finished", "seconds_per_epoch", "versions", "processor", "commit"),
    "dirty",
}


@dataclass(frozen=True)
class Measure:
    """A number of a run; `of` gives `None` where the run does not say it."""

    head: str
    of: Callable[[Row, History], float | None]
    digits: int = 4
    lower: bool = False  # whether a lower value is better


def _score(name: str, figure: str) -> Callable[[Row, History], float | None]:
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


def _mean_test(first: int, last: int) -> Callable[[Row, History], float | None]:
    def mean(row: Row, history: History) -> float | None:
        if len(history) < last:
            return None
        return statistics.mean(x["test_accuracy"] for x in history[first - 1 : last])

    return mean


MEASURES = {
    "train": Measure("train", lambda row, _: row["train_accuracy"]),
    "paper": Measure("test, `paper`", _score("paper", "test_accuracy")),
    "clean": Measure("test, `clean`", _score("clean", "test_accuracy")),
    "epoch": Measure("epoch of it", _score("paper", "epoch"), 1),
    "validation": Measure("validation", _validation),
    "chosen": Measure("epoch", _score("clean", "epoch"), 1),
    "late": Measure("test, epochs 95-100", _mean_test(95, 100), 3),
    "after_150": Measure("test, epochs 151-200", _mean_test(151, 200)),
    "error": Measure("error %", _error, 2, lower=True),
    "mse": Measure("lowest MSE", _score("best", "test_loss"), lower=True),
    "mse_last": Measure("last MSE", _score("last", "test_loss"), lower=True),
    "solved": Measure(f"steps to MSE < {SOLVED}", _solved, 0, lower=True),
    "cer": Measure("test CER", _score("best", "test_cer"), lower=True),
    "cer_beam": Measure("by beam search", _score("best", "test_cer_beam"), lower=True),
    "gap": Measure("test CER less train CER", _gap, lower=True),
    "cer_train": Measure("train CER at the end", _score("last", "train_cer"), 4, True),
    "cer_last": Measure("test CER at the end", _score("last", "test_cer"), 4, True),
    "parameters": Measure("weights", lambda row, _: row["model_parameters"]),
    "recurrent": Measure(
        "weights of the layer", lambda row, _: row["recurrent_parameters"]
    ),
    "seconds": Measure("seconds per epoch", lambda row, _: row["seconds_per_epoch"], 1),
}


def scores(experiment: str) -> dict[str, Measure]:
    """The measures that an experiment declares, as in `"best.test_cer"`."""
    return {
        f"{score.name}.{score.figure}": Measure(
            f"{score.figure.replace('_', ' ')}, `{score.name}`",
            _score(score.name, score.figure),
            lower=score.lower,
        )
        for score in find(experiment).scores
    }


def measure(name: str, experiment: str) -> Measure:
    """One of `MEASURES`, one that the experiment declares, or its part of a class.

    `"clean.sensitivity.S"` is the sensitivity for the class S that the score names.
    """
    if name in MEASURES:
        return MEASURES[name]
    declared = scores(experiment)
    return declared[name] if name in declared else Measure(name, _of_class(name))


def _of_class(name: str) -> Callable[[Row, History], float | None]:
    score, figure, label = name.split(".")
    return lambda row, _: ((row.get(score) or {}).get(figure) or {}).get(label)


@dataclass(frozen=True)
class Line:
    """Runs that differ only in their seed: one measured line of a table."""

    number: int  # its place among the lines of its experiment, from 1
    settings: Row  # what the numbers of all its runs depend on, besides the seed
    rows: list[Row]  # by seed
    histories: list[History]  # the epochs of the runs, in the same order

    @property
    def experiment(self) -> str:
        """The experiment that trained it."""
        return self.settings["experiment"]

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.experiment} {self.number}"

    @property
    def variant(self) -> str:
        """The key of its layer."""
        return self.settings["variant"]

    @property
    def runs(self) -> list[tuple[Row, History]]:
        """Row and epochs of each run."""
        return list(zip(self.rows, self.histories, strict=True))

    @property
    def finished(self) -> list[tuple[Row, History]]:
        """The runs that did not diverge."""
        return [run for run in self.runs if run[0]["status"] == "finished"]

    def only(self, seeds: Set[int]) -> "Line":
        """The line with the runs of some seeds."""
        kept = [run for run in self.runs if run[0]["seed"] in seeds]
        rows, histories = [row for row, _ in kept], [history for _, history in kept]
        return replace(self, rows=rows, histories=histories)

    def values(self, name: str) -> list[float]:
        """A measure of each finished run that has it."""
        of = measure(name, self.experiment).of
        return [value for run in self.finished if (value := of(*run)) is not None]

    def drawn(self, name: str) -> dict[str, float]:
        """The same, by the data that the seed of the run drew."""
        of = measure(name, self.experiment).of
        return {
            run[0]["drawn_checksum"]: value
            for run in self.finished
            if "drawn_checksum" in run[0] and (value := of(*run)) is not None
        }

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


def longest(lines: Sequence[Line]) -> list[Line]:
    """The longest of the lines that differ only in their length."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        common = [item for item in line.settings.items() if item[0] not in LENGTHS]
        groups[str(sorted(common))].append(line)
    return [max(group, key=attrgetter("length")) for group in groups.values()]


def usual(lines: Sequence[Line]) -> Line | None:
    """The line with the most finished seeds; of several the longest."""
    able = [line for line in lines if line.finished]
    return max(able, key=lambda line: (len(line.finished), line.length), default=None)
