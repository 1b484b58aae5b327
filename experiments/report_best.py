"""The best configuration that a search found for each layer, and how good it is."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from experiments.grid_run import Run
from experiments.report_grids import anywhere, wanted
from experiments.report_lines import MEASURES, Line
from experiments.report_names import layer_name
from experiments.report_pairs import half_interval
from experiments.report_tables import HEADS, number
from experiments.report_text import NOTHING, table, value
from experiments.results import Row

NOTE = """### Beyond the papers: the best model of each layer

`python -m experiments.grid configs/{grid}` trains all of it. The best configuration
of a layer is the one with which the first seed, {seed}, has the highest validation
accuracy, at the epoch that it chooses; the test set chooses nothing. The numbers are
the means over all seeds of that configuration, `epoch` the chosen one. The last column
is the difference on the test set, with half its 95 % confidence interval."""

SHOWN = ("validation", "clean", "chosen", "seconds")
COLUMNS = (
    *("tried", "weights", "of the layer", "validation", HEADS["clean"], "epoch"),
    *("s per epoch", "seeds", "runs"),
)


def best_table(grid: Path, lines: Sequence[Line]) -> str:
    """The best configuration of each layer in a grid, in Markdown.

    Args:
        grid: The file; its first seed searches, the first layer is the reference.
        lines: The measured lines of its experiment.

    Returns:
        Nothing if no configuration was trained.
    """
    runs = wanted(grid)
    search = [run for run in runs if run.config.seed == runs[0].config.seed]
    found = {run: line for run in search if (line := _line(run, lines))}
    tried = Counter(run.settings["variant"] for run in found)
    if not found:
        return ""
    rising = sorted(found, key=lambda run: _rank(run, found[run]))
    highest = {run.settings["variant"]: found[run] for run in rising}
    best = {key: highest[key] for key in tried}
    reference, *_ = best.values()
    others = (name for name in search[0].settings if _varies(name, search))
    axes = list(dict.fromkeys(["variant", *others]))
    rows = [
        [
            *(value(axis, line.settings[axis]) for axis in axes),
            str(tried[key]),
            number("parameters", line.values("parameters")),
            f"{line.rows[0]['recurrent_parameters']:,}",
            *(number(measure, line.values(measure)) for measure in SHOWN),
            str(len(line.finished)),
            line.name,
            _difference(line, reference),
        ]
        for key, line in best.items()
    ]
    columns = [*(HEADS.get(axis, axis) for axis in axes), *COLUMNS]
    columns.append(f"less {layer_name(reference.settings['variant'])}")
    note = NOTE.format(grid=grid.name, seed=runs[0].config.seed)
    return "\n\n".join([note, table(columns, rows, left=len(axes))])


def _varies(name: str, search: Sequence[Run]) -> bool:
    return len({run.settings[name] for run in search}) > 1


def _line(run: Run, lines: Sequence[Line]) -> Line | None:
    """The line of a run; if several backends have one, that with the most seeds."""
    able = [line for line in lines if any(_is(run, row) for row, _ in line.finished)]
    return max(able, key=lambda line: len(line.finished), default=None)


def _is(run: Run, row: Row) -> bool:
    return run.row([anywhere(row)]) is not None


def _rank(run: Run, line: Line) -> tuple[float, int]:
    """By validation accuracy; of equals the smaller model is the better one."""
    (own,) = ((row, history) for row, history in line.finished if _is(run, row))
    accuracy = MEASURES["validation"](*own)
    return accuracy or 0.0, -line.weights  # 0 without a validation split


def _difference(line: Line, reference: Line) -> str:
    ours, theirs = line.values("clean"), reference.values("clean")
    if line is reference:
        return NOTHING
    shown = f"{mean(ours) - mean(theirs):+.4f}"
    if min(len(ours), len(theirs)) < 2:
        return shown
    return f"{shown} ± {half_interval(ours, theirs):.4f}"
