"""The papers' tables with the measured lines beside the printed numbers."""

import functools
import statistics
from collections.abc import Iterable, Sequence

import pandas as pd

from experiments.report.lines import Line, longest, usual
from experiments.report.papers import NOTHING, Cell, Table
from experiments.report.text import (
    describe,
    head,
    measured,
    number,
    seeds,
    spread,
    table,
    train_command,
    value,
)

PAIR = ("train", "paper")  # printed together they tell which settings were lost

NEAREST = """\
Each printed pair stands beside the nearest run with the settings in the first columns,
whatever its other settings; `off by` is the larger of its two distances. The printed
numbers are the best of 100 epochs; of trainings that differ only in their length the
longest counts."""


def paper_table(printed: Table, lines: Sequence[Line], run: bool = False) -> str:
    """A table of a paper, with the lines of runs that have the settings of its cells.

    Args:
        run: Whether to leave out cells without a run.
    """
    if printed.pivot:
        return _pivot(printed, lines)
    lost = _lost(printed)
    known = [*printed.select, *printed.axes, *printed.told]
    rows, without = [], []
    for cell in printed.cells:
        found = _nearest(printed, cell, lines) if lost else _own(printed, cell, lines)
        start = [value(axis, setting) for axis, setting in cell.settings.items()]
        if not found and not cell.printed and not run:
            without.append(", ".join(text for text in start if text != NOTHING))
        shown: list[Line | None] = [*found]
        if not found and cell.printed and not run:
            shown = [None]
        for line in shown:
            row = [*start]
            for name in printed.printed:
                row += [_printed(cell, name), *measured(line, [name])]
            row += measured(line, printed.measured)
            row += [spread([_distance(cell, line)] if line else [])] if lost else []
            row += [
                value(name, line.settings.get(name)) if line else NOTHING
                for name in printed.told
            ]
            if line:
                told = describe(line, known)
                rows.append([*row, seeds(line), f"{line.name}: {told}"])
            else:
                rows.append([*row, "0", "not compared" if cell.lost else "none yet"])
    columns = [
        head(axis) + (" (inferred)" if axis in printed.inferred else "")
        for axis in printed.axes
    ]
    for name in printed.printed:
        columns += [f"{head(name)}: printed", "measured"]
    columns += [*map(head, printed.measured), *(["off by"] if lost else [])]
    columns += [f"{head(name)} of the runs" for name in printed.told]
    text = table([*columns, "seeds", "runs"], rows)
    text += f"\n\nNo runs yet: {'; '.join(without)}." if without else ""
    return f"{text}\n\n{NEAREST}" if lost else text


def _own(printed: Table, cell: Cell, lines: Sequence[Line]) -> list[Line]:
    """The lines with the settings of a cell."""
    return [line for line in lines if line.matches(printed.select | cell.settings)]


def _lost(printed: Table) -> bool:
    return bool(printed.inferred) and tuple(printed.printed) == PAIR


def _nearest(printed: Table, cell: Cell, lines: Sequence[Line]) -> list[Line]:
    """Of the lines with the settings of a cell the nearest to its printed pair."""
    own = _own(printed, cell, lines)
    able = longest([line for line in own if line.finished])
    return sorted(able, key=lambda line: _distance(cell, line))[:1]


def _distance(cell: Cell, line: Line) -> float:
    means = {name: statistics.mean(line.values(name)) for name in PAIR}
    return max(abs(means[name] - cell.printed[name]) for name in PAIR)


def _printed(cell: Cell, name: str) -> str:
    return number(name, [cell.printed[name]] if name in cell.printed else [])


def _pivot(printed: Table, lines: Sequence[Line]) -> str:
    *down, across = printed.axes
    rows = []
    for cell in printed.cells:
        line = usual(_own(printed, cell, lines))
        each = line.values(printed.pivot) if line else []
        row = {axis: value(axis, setting) for axis, setting in cell.settings.items()}
        rows.append(row | {"each": each, "mean": number(printed.pivot, each)})
    frame = pd.DataFrame(rows)
    wide = frame.pivot_table("mean", down, across, aggfunc="last", sort=False)
    if printed.together:
        of_row = frame.groupby(down, sort=False)["each"].sum()
        wide["all"] = of_row.map(functools.partial(number, printed.pivot))
    text = table([*map(head, down), *wide], wide.reset_index().to_numpy())
    return f"The {head(printed.pivot)}: mean and standard deviation.\n\n{text}"


def runs_table(lines: Sequence[Line], names: Iterable[str]) -> str:
    """All lines: what was measured, where, and the command that trains them."""
    names = [name for name in names if any(line.values(name) for line in lines)]
    rows = []
    for line in lines:
        seconds = line.values("seconds")
        diverged = len(line.rows) - len(line.finished)
        checksum = line.settings.get("data_checksum") or ""
        rows.append(
            [
                line.name,
                f"`{train_command(line)}`",
                f"{line.settings['data']} {checksum[:8]}".strip(),
                *measured(line, names),
                ", ".join(str(row["seed"]) for row in line.rows)
                + (f" ({diverged} diverged)" if diverged else ""),
                "; ".join(sorted({row["processor"] for row in line.rows})),
                f"{statistics.median(seconds):.1f}" if seconds else NOTHING,
            ]
        )
    columns = ["runs", "command, with `--seed`", "data", *map(head, names)]
    return table([*columns, "seeds", "processor", "s per epoch"], rows)
