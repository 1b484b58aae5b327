"""Which runs come nearest to the printed pairs of a table whose heads are lost."""

from collections.abc import Sequence
from operator import attrgetter
from statistics import mean

from experiments.report.lines import LENGTHS, Line, alike
from experiments.report.papers import SLIP, Cell, Table
from experiments.report.tables import HEADS, number, seeds
from experiments.report.text import describe, table, value

PAIR = ("train", "paper")

NOTE = """The nearest run of the same layer and size, whatever its other settings: its
distance is the larger of two, in training and on the test set. The printed numbers are
the best of 100 epochs, and shorter runs might move on; of several lengths of the same
training the longest stands for all."""


def nearest_table(paper: Table, lines: Sequence[Line]) -> str:
    """For each printed pair the line that comes nearest, in Markdown.

    Args:
        paper: The table.
        lines: The measured lines of its experiment.

    Returns:
        Nothing if the heads of the table are known, or if there are no runs.
    """
    if not paper.inferred or tuple(paper.printed) != PAIR:
        return ""
    axes = [axis for axis in paper.axes if axis not in paper.inferred]
    rows = [
        _row(cell, axes, line, [*paper.settings, *axes])
        for cell in paper.cells
        if SLIP not in cell.settings.values()
        if (line := _nearest(cell, _candidates(paper, cell, axes, lines)))
    ]
    if not rows:
        return ""
    columns = [*(HEADS[axis] for axis in axes), "nearest run"]
    for measure in PAIR:
        columns += [f"{HEADS[measure]}: printed", "measured"]
    columns += ["distance", "seeds"]
    return "\n\n".join([NOTE, table(columns, rows, left=len(axes) + 1)])


def _candidates(
    paper: Table, cell: Cell, axes: Sequence[str], lines: Sequence[Line]
) -> list[Line]:
    wanted = paper.settings | {axis: cell.settings[axis] for axis in axes}
    able = [line for line in lines if line.finished and line.matches(wanted)]
    # What a shorter run passes by counts for nothing, however many seeds it has.
    return [max(group, key=attrgetter("length")) for group in alike(able, LENGTHS)]


def _nearest(cell: Cell, candidates: Sequence[Line]) -> Line | None:
    return min(candidates, key=lambda line: _distance(cell, line), default=None)


def _distance(cell: Cell, line: Line) -> float:
    return max(abs(mean(line.values(m)) - cell.printed[m]) for m in PAIR)


def _row(cell: Cell, axes: Sequence[str], line: Line, known: list[str]) -> list[str]:
    (settings,) = describe([line], known)
    row = [*(value(axis, cell.settings[axis]) for axis in axes)]
    row.append(f"{line.name}: {settings}")
    for measure in PAIR:
        row.append(number(measure, [cell.printed[measure]]))
        row.append(number(measure, line.values(measure)))
    return [*row, f"{_distance(cell, line):.4f}", seeds(line)]
