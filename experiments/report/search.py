"""The best configuration that a search found for each layer, and how good it is."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.report.claims import difference, interval
from experiments.report.grids import anywhere, wanted
from experiments.report.lines import Line
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING
from experiments.report.text import head, measured, seeds, spread, table, value

NOTE = """\
`python -m experiments.grid configs/{grid}` is the search. The best configuration of
a layer is the one with which seed {seed} has the highest validation accuracy in its
best epoch; the test set chooses nothing. Among several backends the one with the
most seeds counts. The columns after that accuracy are means over the other seeds,
which chose nothing, or over seed {seed} where no other seed has run; `epoch` is the
one that the validation split chose. The last column is the difference on the test
set, with half its 95 % confidence interval."""


class Best(NamedTuple):
    """The best configuration of a layer."""

    line: Line  # its runs, with all seeds
    judged: Line  # without the seed that searched, if others have finished
    validation: list[float]  # the accuracy that chose; empty if the run diverged
    tried: int  # how many configurations of the layer have run


def best(grid: Path, lines: Sequence[Line]) -> list[Best]:
    """The best configuration of each layer in a search.

    Args:
        grid: The file of the search; its first seed searches.
    """
    found: dict[str, list[Best]] = defaultdict(list)
    runs = wanted(grid)
    seed = runs[0].config.seed
    for run in runs:
        able = [x for x in lines if any(run.row([anywhere(row)]) for row in x.rows)]
        if run.config.seed == seed and able:
            line = max(able, key=lambda line: len(line.finished))
            validation = line.only({seed}).values("validation")
            others = line.only({row["seed"] for row in line.rows} - {seed})
            judged = others if others.finished else line
            found[line.variant].append(Best(line, judged, validation, 0))
    return [
        max(reversed(own), key=_rank)._replace(tried=len(own)) for own in found.values()
    ]


def _rank(one: Best) -> tuple[float, int]:
    """The accuracy that chooses; of equals the smaller model is the better one."""
    return max(one.validation, default=0.0), -one.line.weights


def best_table(grid: Path, lines: Sequence[Line]) -> str:
    """The best configuration of each layer, in Markdown; nothing if none was trained.

    Args:
        grid: The file; its first seed searches, the first layer is the reference.
    """
    chosen = best(grid, lines)
    if not chosen:
        return ""
    reference = chosen[0]
    runs = wanted(grid)
    seed = runs[0].config.seed
    searched = [run.settings for run in runs if run.config.seed == seed]
    varying = [n for n in searched[0] if len({run[n] for run in searched}) > 1]
    axes = list(dict.fromkeys(["variant", *varying, "backend"]))
    rows = [
        [
            *(value(axis, one.line.settings[axis]) for axis in axes),
            one.tried,
            f"{one.line.weights:,}",
            f"{one.line.rows[0]['recurrent_parameters']:,}",
            spread(one.validation),
            *measured(one.judged, ["clean", "chosen", "seconds"]),
            seeds(one.judged),
            one.line.name,
            NOTHING if one is reference else _difference(one.judged, reference.judged),
        ]
        for one in chosen
    ]
    columns = [
        *map(head, axes),
        *("tried", "weights", "of the layer", f"validation, seed {seed}"),
        *(head("clean"), "epoch", "s per epoch", "seeds", "runs"),
        f"less {layer_name(reference.line.variant)}",
    ]
    note = NOTE.format(grid=grid.name, seed=seed)
    return "\n\n".join([table(columns, rows), note])


def _difference(line: Line, reference: Line) -> str:
    ours, theirs = line.values("clean"), reference.values("clean")
    if not (ours and theirs):
        return NOTHING
    if min(len(ours), len(theirs)) < 2:
        return f"{sum(ours) / len(ours) - sum(theirs) / len(theirs):+.4f}"
    return difference(*interval(ours, theirs))
