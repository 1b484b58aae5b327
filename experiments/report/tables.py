"""The papers' tables with the measured lines beside the printed numbers."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from experiments.report.claims import counted
from experiments.report.lines import Line, longest, usual
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING, SLIP, Cell, Paper, Table
from experiments.report.text import (
    describe,
    folded,
    head,
    number,
    seeds,
    table,
    train_command,
    value,
)

PAIR = ("train", "paper")  # printed together they tell which settings were lost

NEAREST = """\
Beside each printed pair stands the run that comes nearest, of the same layer and
size and whatever its other settings. `off by` is the larger of its two distances.
The printed numbers are the best of 100 epochs; of several lengths of a training the
longest counts."""

# What a table of runs shows that no paper prints, where the page names no measures.
_MEASURES = ("train", "paper", "clean", "solved", "mse", "cer")


def paper_table(paper: Paper, printed: Table, lines: Sequence[Line]) -> str:
    """A table of a paper with its notes: in short where it is long, then with all runs.

    Args:
        paper: The paper.
        printed: The table.
        lines: The measured lines of its experiment.
    """
    if "weights" in printed.printed:
        return f"## {printed.title}\n\n{counts_table(printed)}"
    source = f"[{paper.key}]({paper.link})"
    source += f", {printed.source}" if printed.source else ""
    grid = f"`python -m experiments.grid configs/{printed.config}` trains all of it."
    short, full = short_table(printed, lines), full_table(printed, lines)
    shown = [full]
    if short != full:
        shown = [short, folded("All runs with these settings", full)]
    return "\n\n".join(
        [f"## {printed.title}", f"{source}. {grid}", *shown, *printed.notes]
    )


def short_table(printed: Table, lines: Sequence[Line], run: bool = False) -> str:
    """A row or a cell for each printed number; of a short table all of it.

    Args:
        printed: The table.
        lines: The measured lines of its experiment.
        run: Whether to leave out the rows of cells without a run.
    """
    if run and not printed.pivot:
        rows = [
            row
            for row, cell in zip(printed.rows, printed.cells, strict=True)
            if belonging(printed, cell, lines)
        ]
        printed = replace(printed, rows=rows)
    if printed.pivot:
        return _pivot(printed, lines)
    if _lost(printed):
        return f"{_nearest_table(printed, lines)}\n\n{NEAREST}"
    return full_table(printed, lines)


def full_table(printed: Table, lines: Sequence[Line]) -> str:
    """A row for each line of runs with the settings of a cell."""
    columns = _axes(printed)
    for measure in printed.printed:
        columns += [f"{head(measure)}: printed", "measured"]
    columns += [*map(head, printed.measured), "seeds", "runs"]
    rows, without = [], []
    for cell in printed.cells:
        own = [] if cell.lost else belonging(printed, cell, lines)
        start = _values(cell)
        if not own and not cell.printed:
            without.append(", ".join(text for text in start if text != NOTHING))
            continue
        texts = describe(own, [*printed.select, *printed.axes])
        told = [f"{line.name}: {text}" for line, text in zip(own, texts, strict=True)]
        for line, text in zip(own or [None], told or [_why(cell)], strict=True):
            row = [*start]
            for measure in printed.printed:
                row += [_printed(cell, measure), _measured(line, measure)]
            row += [_measured(line, measure) for measure in printed.measured]
            rows.append([*row, seeds(line) if line else "0", text])
    text = table(columns, rows)
    return text + (f"\n\nNo runs yet: {'; '.join(without)}." if without else "")


def belonging(printed: Table, cell: Cell, lines: Sequence[Line]) -> list[Line]:
    """The lines that stand beside a cell of a table."""
    return [line for line in lines if line.matches(printed.select | cell.settings)]


def _lost(printed: Table) -> bool:
    return bool(printed.inferred) and tuple(printed.printed) == PAIR


def _nearest_table(printed: Table, lines: Sequence[Line]) -> str:
    columns = _axes(printed)
    for measure in PAIR:
        columns += [f"{head(measure)}: printed", "measured"]
    columns += ["off by", "seeds", "nearest run"]
    axes = [axis for axis in printed.axes if axis not in printed.inferred]
    rows = []
    for cell in printed.cells:
        wanted = printed.select | {axis: cell.settings[axis] for axis in axes}
        able = [line for line in lines if line.finished and line.matches(wanted)]
        slip = SLIP in cell.settings.values()
        line = None if slip else _nearest(cell, longest(able))
        row = _values(cell)
        for measure in PAIR:
            row += [_printed(cell, measure), _measured(line, measure)]
        if line is None:
            rows.append([*row, NOTHING, "0", _why(cell) if slip else "none yet"])
            continue
        (text,) = describe([line], wanted)
        told = [f"{_distance(cell, line):.4f}", seeds(line), f"{line.name}: {text}"]
        rows.append([*row, *told])
    return table(columns, rows)


def _nearest(cell: Cell, lines: Sequence[Line]) -> Line | None:
    return min(lines, key=lambda line: _distance(cell, line), default=None)


def _distance(cell: Cell, line: Line) -> float:
    means = {measure: statistics.mean(line.values(measure)) for measure in PAIR}
    return max(abs(means[measure] - cell.printed[measure]) for measure in PAIR)


def _pivot(printed: Table, lines: Sequence[Line]) -> str:
    down = printed.axes[:-1]
    found: dict[tuple, dict[str, str]] = {}
    for cell in printed.cells:
        *start, last = _values(cell)
        line = usual(belonging(printed, cell, lines))
        found.setdefault(tuple(start), {})[last] = _measured(line, printed.pivot)
    columns = list(dict.fromkeys(name for row in found.values() for name in row))
    rows = [
        [*start, *(row.get(name, NOTHING) for name in columns)]
        for start, row in found.items()
    ]
    text = table([*map(head, down), *columns], rows)
    return f"{head(printed.pivot)}, the mean and the standard deviation:\n\n{text}"


def _axes(printed: Table) -> list[str]:
    return [
        head(axis) + (" (inferred)" if axis in printed.inferred else "")
        for axis in printed.axes
    ]


def _values(cell: Cell) -> list[str]:
    return [value(axis, setting) for axis, setting in cell.settings.items()]


def _why(cell: Cell) -> str:
    return "not compared" if cell.lost else "none yet"


def _printed(cell: Cell, measure: str) -> str:
    return number(measure, [cell.printed[measure]] if measure in cell.printed else [])


def _measured(line: Line | None, measure: str) -> str:
    return number(measure, line.values(measure)) if line else NOTHING


def other_lines(
    tables: Sequence[Table], lines: Sequence[Line], measures: Sequence[str] = ()
) -> str:
    """The lines that belong to no cell of any table; nothing if there are none."""
    placed = {
        line.number
        for printed in tables
        for cell in printed.cells
        for line in belonging(printed, cell, lines)
    }
    rest = [line for line in lines if line.number not in placed]
    if not rest:
        return ""
    axes = ["variant", "units", "eta"]
    shown = [m for m in measures or _MEASURES if any(x.values(m) for x in rest)]
    rows = [
        [
            *(value(axis, line.settings.get(axis)) for axis in axes),
            *(_measured(line, measure) for measure in shown),
            seeds(line),
            f"{line.name}: {text}",
        ]
        for line, text in zip(rest, describe(rest, axes), strict=True)
    ]
    columns = [*map(head, [*axes, *shown]), "seeds", "runs"]
    return table(columns, rows)


def counts_table(printed: Table) -> str:
    """A table of printed weights of the recurrent layer, beside this library's."""
    rows = [
        [
            cell.settings["task"],
            layer_name(cell.settings["variant"]),
            str(cell.settings["inputs"]),
            f"{cell.settings['units']}"
            + (" in 2 directions" if cell.settings["directions"] == 2 else ""),
            f"{cell.printed['weights']:,}",
            f"{counted(cell.settings):,}",
        ]
        for cell in printed.cells
    ]
    columns = ["task", "layer", "m", "n", "printed", "this library"]
    return table(columns, rows)


def commands_table(lines: Sequence[Line]) -> str:
    """The command of each line, and how long its epochs took."""
    rows = []
    for line in lines:
        seconds = line.values("seconds")
        row = [line.name, f"`{train_command(line)}`"]
        row.append(", ".join(str(row["seed"]) for row in line.rows))
        row.append("; ".join(sorted({row["processor"] for row in line.rows})))
        row.append(f"{statistics.median(seconds):.1f}" if seconds else NOTHING)
        rows.append(row)
    columns = ["runs", "command, with `--seed`", "seeds", "processor", "s per epoch"]
    return table(columns, rows)
