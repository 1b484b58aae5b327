"""The papers' tables with the measured lines beside the printed numbers."""

import statistics
from collections.abc import Sequence

from experiments.report.lines import SOLVED, Line
from experiments.report.names import layer_name
from experiments.report.papers import COUNTS, SLIP, TABLES, UNKNOWN, Cell, Table
from experiments.report.text import (
    NOTHING,
    describe,
    spread,
    table,
    train_command,
    value,
)

HEADS = {
    "variant": "layer",
    "units": "n",
    "forget": "f",
    "train": "train",
    "paper": "test, `paper`",
    "epoch": "epoch of it",
    "clean": "test, `clean`",
    "late": "test, epochs 95-100",
    "after_150": "test, epochs 151-200",
    "length": "T",
    "permuted": "pixels",
    "error": "error %",
    "mse": "lowest MSE",
    "mse_last": "last MSE",
    "solved": f"steps to MSE < {SOLVED}",
    "parameters": "weights",
    "cer": "test CER",
    "cer_beam": "by beam search",
    "gap": "test CER less train CER",
    "cer_train": "train CER at the end",
    "cer_last": "test CER at the end",
}


def paper_table(paper: Table, lines: Sequence[Line]) -> str:
    """A table of a paper, in Markdown, with the notes that it needs.

    Args:
        paper: The table.
        lines: The measured lines of its experiment.
    """
    columns = [
        _head(axis) + (" (inferred)" if axis in paper.inferred else "")
        for axis in paper.axes
    ]
    for measure in paper.printed:
        columns += [f"{_head(measure)}: printed", "measured"]
    columns += [_head(measure) for measure in paper.measured]
    columns += ["seeds", "runs"]
    rows = [
        [*(value(axis, cell.settings[axis]) for axis in paper.axes), *numbers]
        for cell in paper.cells
        for numbers in _cell(paper, cell, belonging(paper, cell, lines))
    ]
    grid = f"`python -m experiments.grid configs/{paper.grid}` trains all of it."
    parts = [
        f"### {paper.title}",
        f"{paper.source}. {grid}",
        table(columns, rows, left=len(paper.axes)),
        *paper.notes,
    ]
    return "\n\n".join(parts)


def belonging(paper: Table, cell: Cell, lines: Sequence[Line]) -> list[Line]:
    """The lines that stand beside a cell of a table."""
    wanted = paper.settings | cell.settings
    return [line for line in lines if line.matches(wanted)]


def _cell(paper: Table, cell: Cell, lines: Sequence[Line]) -> list[list[str]]:
    """What stands right of the axes: one row for each line, at least one."""
    printed = {m: number(m, [x]) for m, x in cell.printed.items()}
    known = [*paper.settings, *paper.axes]
    measured: list[tuple[Line | None, str]] = [
        (line, f"{line.name}: {text}")
        for line, text in zip(lines, describe(lines, known), strict=True)
    ]
    lost = not {UNKNOWN, SLIP}.isdisjoint(cell.settings.values())
    rows = []
    for line, text in measured or [(None, "not compared" if lost else "none yet")]:
        row = []
        for measure in paper.printed:
            row += [printed.get(measure, NOTHING), _measured(line, measure)]
        row += [_measured(line, measure) for measure in paper.measured]
        rows.append([*row, seeds(line) if line else "0", text])
    return rows


def _head(name: str) -> str:
    return HEADS.get(name, name)


def number(measure: str, values: Sequence[float]) -> str:
    """Values of a measure: whole epochs, else four decimals."""
    if measure == "parameters" and values:
        return f"{statistics.mean(values):,.0f}"
    whole = len(values) == 1 and float(values[0]).is_integer()
    digits = {
        **dict.fromkeys(("epoch", "chosen"), 0 if whole else 1),
        "seconds": 1,
        "late": 3,
        "error": 2,
        "solved": 0,
    }
    return spread(values, digits.get(measure, 4))


def _measured(line: Line | None, measure: str) -> str:
    return number(measure, line.values(measure)) if line else NOTHING


def seeds(line: Line) -> str:
    """How many runs the numbers of a line are of."""
    diverged = len(line.rows) - len(line.finished)
    return f"{len(line.finished)}" + (f" ({diverged} diverged)" if diverged else "")


def other_lines(lines: Sequence[Line]) -> str:
    """The lines that belong to no cell of any table; nothing if there are none."""
    placed = {
        id(line)
        for paper in TABLES
        for cell in paper.cells
        for line in belonging(paper, cell, lines)
    }
    rest = [line for line in lines if id(line) not in placed]
    if not rest:
        return ""
    axes = ["variant", "units", "eta"]
    known = [
        *("train", "paper", "clean", "solved", "mse", "mse_last"),
        *("cer", "cer_beam", "cer_train", "cer_last"),
    ]
    measures = [m for m in known if any(line.values(m) for line in rest)]
    rows = [
        [
            *(value(axis, line.settings[axis]) for axis in axes),
            *(_measured(line, measure) for measure in measures),
            seeds(line),
            f"{line.name}: {text}",
        ]
        for line, text in zip(rest, describe(rest, axes), strict=True)
    ]
    columns = [_head(name) for name in (*axes, *measures)]
    return "\n\n".join(
        [
            "### Runs with settings that no table prints",
            table([*columns, "seeds", "runs"], rows, left=len(axes)),
        ]
    )


def counts_table() -> str:
    """Tables I and II: the weights of the recurrent layer."""
    rows = [
        [
            count.task,
            layer_name(count.variant),
            str(count.inputs),
            f"{count.units}" + (" in 2 directions" if count.directions == 2 else ""),
            f"{count.printed:,}",
            f"{count.measured():,}",
        ]
        for count in COUNTS
    ]
    columns = ["task", "layer", "m", "n", "printed", "this library"]
    return table(columns, rows, left=2)


def commands_table(lines: Sequence[Line]) -> str:
    """The command of each line, and how long its epochs took."""
    rows = [
        [
            line.name,
            f"`{train_command(line)}`",
            ", ".join(str(row["seed"]) for row in line.rows),
            "; ".join(sorted({row["processor"] for row in line.rows})),
            _seconds(line.values("seconds")),
        ]
        for line in lines
    ]
    columns = ["runs", "command, with `--seed`", "seeds", "processor", "s per epoch"]
    return table(columns, rows, left=4)


def _seconds(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f}" if values else NOTHING
