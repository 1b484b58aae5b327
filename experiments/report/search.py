"""The best configuration that a search found for each layer, and how good it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.core.checkpoint import History
from experiments.core.results import Row
from experiments.grid.runs import Run
from experiments.report.claims import difference, interval
from experiments.report.grids import anywhere, wanted
from experiments.report.lines import MEASURES, Line
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING
from experiments.report.text import head, number, seeds, spread, table, value

NOTE = """\
`python -m experiments.grid configs/{grid}` is the search. The best configuration of
a layer is the one with which seed {seed} has the highest validation accuracy in its
best epoch; the test set chooses nothing. Among several backends the one with the
most seeds counts. The columns after that accuracy are means over the other seeds,
which chose nothing, or over seed {seed} where no other seed has run; `epoch` is the
one that the validation split chose. The last column is the difference on the test
set, with half its 95 % confidence interval."""

SHOWN = ("clean", "chosen", "seconds")


@dataclass(frozen=True)
class Best:
    """What a configuration of a search came to; `best` picks one for each layer."""

    line: Line  # its runs, with all seeds
    row: Row  # that of the seed that searches
    history: History

    @property
    def validation(self) -> float | None:
        """The validation accuracy that chooses; none without, or if it diverged."""
        if self.row["status"] != "finished":
            return None
        return MEASURES["validation"](self.row, self.history)

    @property
    def rank(self) -> tuple[float, int]:
        """By this accuracy; of equals the smaller model is the better one."""
        return self.validation or 0.0, -self.line.weights

    @property
    def judged(self) -> Line:
        """The line without that seed, if others have finished."""
        others = [run for run in self.line.runs if run[0] is not self.row]
        rows = [row for row, _ in others]
        histories = [history for _, history in others]
        line = replace(self.line, rows=rows, histories=histories)
        return line if line.finished else self.line


def best(grid: Path, lines: Sequence[Line]) -> list[tuple[Best, int]]:
    """The best configuration of each layer in a search, and of how many.

    Args:
        grid: The file of the search; its first seed searches.
        lines: The measured lines of its experiment.
    """
    found = [one for run in _searched(grid) if (one := _found(run, lines))]
    tried = Counter(one.line.settings["variant"] for one in found)
    rising = sorted(found, key=lambda one: one.rank)
    highest = {one.line.settings["variant"]: one for one in rising}
    return [(highest[key], count) for key, count in tried.items()]


def best_table(grid: Path, lines: Sequence[Line]) -> str:
    """The best configuration of each layer in a grid, in Markdown.

    Args:
        grid: The file; its first seed searches, the first layer is the reference.
        lines: The measured lines of its experiment.

    Returns:
        Nothing if no configuration was trained.
    """
    chosen = best(grid, lines)
    if not chosen:
        return ""
    reference = chosen[0][0]
    seed = reference.row["seed"]
    runs = [run.settings for run in _searched(grid)]
    varying = [name for name in runs[0] if len({run[name] for run in runs}) > 1]
    axes = list(dict.fromkeys(["variant", *varying, "backend"]))
    rows = [
        [
            *(value(axis, one.line.settings[axis]) for axis in axes),
            str(tried),
            f"{one.line.weights:,}",
            f"{one.row['recurrent_parameters']:,}",
            spread([] if one.validation is None else [one.validation]),
            *(number(measure, one.judged.values(measure)) for measure in SHOWN),
            seeds(one.judged),
            one.line.name,
            NOTHING if one is reference else _difference(one.judged, reference.judged),
        ]
        for one, tried in chosen
    ]
    columns = [
        *map(head, axes),
        *("tried", "weights", "of the layer", f"validation, seed {seed}"),
        *(head("clean"), "epoch", "s per epoch", "seeds", "runs"),
        f"less {layer_name(reference.line.settings['variant'])}",
    ]
    note = NOTE.format(grid=grid.name, seed=seed)
    return "\n\n".join([table(columns, rows), note])


def _searched(grid: Path) -> list[Run]:
    """The runs of a grid with its first seed."""
    runs = wanted(grid)
    return [run for run in runs if run.config.seed == runs[0].config.seed]


def _found(run: Run, lines: Sequence[Line]) -> Best | None:
    """What a run came to; if several backends trained it, on that with most seeds."""
    able = [
        Best(line, row, history)
        for line in lines
        for row, history in line.runs
        if run.row([anywhere(row)])
    ]
    return max(able, key=lambda one: len(one.line.finished), default=None)


def _difference(line: Line, reference: Line) -> str:
    ours, theirs = line.values("clean"), reference.values("clean")
    if not (ours and theirs):
        return NOTHING
    if min(len(ours), len(theirs)) < 2:
        return f"{sum(ours) / len(ours) - sum(theirs) / len(theirs):+.4f}"
    return difference(*interval(ours, theirs))
