"""The papers' tables with the measured lines beside the printed numbers."""

import statistics
from collections.abc import Iterable, Sequence
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
    spread,
    table,
    train_command,
    value,
)

PAIR = ("train", "paper")  # printed together they tell which settings were lost

NEAREST = """\
Each printed pair stands beside the nearest run of the same layer and size, whatever
its other settings; `off by` is the larger of its two distances. The printed numbers
are the best of 100 epochs; of trainings that differ only in their length the
longest counts."""


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
    if printed.pivot:
        return _pivot(printed, lines)
    if run:
        rows = [
            row
            for row, cell in zip(printed.rows, printed.cells, strict=True)
            if belonging(printed, cell, lines)
        ]
        printed = replace(printed, rows=rows)
    if not _lost(printed):
        return full_table(printed, lines)
    axes = [axis for axis in printed.axes if axis not in printed.inferred]
    found = {}
    for place, cell in enumerate(printed.cells):
        wanted = printed.select | {axis: cell.settings[axis] for axis in axes}
        slip = SLIP in cell.settings.values()
        able = [x for x in lines if not slip and x.finished and x.matches(wanted)]
        nearest = min(longest(able), key=lambda x: _distance(cell, x), default=None)
        found[place] = [nearest] if nearest else []
    return f"{_table(printed, found, axes)}\n\n{NEAREST}"


def full_table(printed: Table, lines: Sequence[Line]) -> str:
    """A row for each line of runs with the settings of a cell."""
    found = {
        place: belonging(printed, cell, lines)
        for place, cell in enumerate(printed.cells)
    }
    return _table(printed, found, printed.axes)


def belonging(printed: Table, cell: Cell, lines: Sequence[Line]) -> list[Line]:
    """The lines that stand beside a cell of a table."""
    if cell.lost:
        return []
    return [line for line in lines if line.matches(printed.select | cell.settings)]


def _table(printed: Table, found: dict[int, list[Line]], known: Sequence[str]) -> str:
    """A row for each line of each cell.

    Args:
        printed: The table.
        found: The lines of each cell, by its number.
        known: The settings that the first columns tell of a line.
    """
    columns = [
        head(axis) + (" (inferred)" if axis in printed.inferred else "")
        for axis in printed.axes
    ]
    for measure in printed.printed:
        columns += [f"{head(measure)}: printed", "measured"]
    columns += map(head, printed.measured)
    columns += ["off by"] if _lost(printed) else []
    rows, without = [], []
    for place, cell in enumerate(printed.cells):
        own = found[place]
        start = [value(axis, setting) for axis, setting in cell.settings.items()]
        if not own and not cell.printed:
            without.append(", ".join(text for text in start if text != NOTHING))
            continue
        texts = describe(own, [*printed.select, *known])
        told = [f"{line.name}: {text}" for line, text in zip(own, texts, strict=True)]
        told = told or ["not compared" if cell.lost else "none yet"]
        shown: list[Line | None] = [*own] or [None]
        for line, text in zip(shown, told, strict=True):
            row = [*start]
            for measure in printed.printed:
                row += [_printed(cell, measure), _measured(line, measure)]
            row += [_measured(line, measure) for measure in printed.measured]
            if _lost(printed):
                far = [_distance(cell, line)] if line and line.finished else []
                row.append(spread(far))
            rows.append([*row, seeds(line) if line else "0", text])
    text = table([*columns, "seeds", "runs"], rows)
    return text + (f"\n\nNo runs yet: {'; '.join(without)}." if without else "")


def _lost(printed: Table) -> bool:
    return bool(printed.inferred) and tuple(printed.printed) == PAIR


def _distance(cell: Cell, line: Line) -> float:
    means = {measure: statistics.mean(line.values(measure)) for measure in PAIR}
    return max(abs(means[measure] - cell.printed[measure]) for measure in PAIR)


def _pivot(printed: Table, lines: Sequence[Line]) -> str:
    down = printed.axes[:-1]
    found: dict[tuple, dict[str, str]] = {}
    for cell in printed.cells:
        *start, last = (value(axis, x) for axis, x in cell.settings.items())
        line = usual(belonging(printed, cell, lines))
        found.setdefault(tuple(start), {})[last] = _measured(line, printed.pivot)
    columns = list(dict.fromkeys(name for row in found.values() for name in row))
    rows = [
        [*start, *(row.get(name, NOTHING) for name in columns)]
        for start, row in found.items()
    ]
    text = table([*map(head, down), *columns], rows)
    return f"The {head(printed.pivot)}: mean and standard deviation.\n\n{text}"


def _printed(cell: Cell, measure: str) -> str:
    return number(measure, [cell.printed[measure]] if measure in cell.printed else [])


def _measured(line: Line | None, measure: str) -> str:
    return number(measure, line.values(measure)) if line else NOTHING


def other_lines(
    tables: Sequence[Table], lines: Sequence[Line], measures: Iterable[str]
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
    shown = [m for m in measures if any(x.values(m) for x in rest)]
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
