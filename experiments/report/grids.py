"""The grids in `configs/`: what they ask for, and how much of it was run."""

from collections.abc import Sequence
from pathlib import Path

from experiments.core import environment
from experiments.core.results import Row
from experiments.grid import definition
from experiments.grid.runs import ROOT, Run
from experiments.report.lines import Line

CONFIGS = ROOT / "configs"


def wanted(path: Path) -> list[Run]:
    """The runs of a grid, on the default backend."""
    return definition.read(path, [f"backend={environment.default_backend()}"], "runs")


def anywhere(row: Row) -> Row:
    """A row as if it were of the default backend."""
    return row | {"backend": environment.default_backend()}


def progress(path: Path, lines: Sequence[Line]) -> str:
    """The command of a grid, and how many of its runs have a row on any backend."""
    rows = [anywhere(row) for line in lines for row in line.rows]
    runs = wanted(path)
    done = sum(run.row(rows) is not None for run in runs)
    name = f"{path.parent.name}/{path.name}"
    return f"`python -m experiments.grid {name}`: {done} of {len(runs)} runs done."
