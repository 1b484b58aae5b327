"""What the grids in `configs/` ask for, and how much of it was run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from experiments.core import command, environment
from experiments.core.results import Row
from experiments.grid import definition
from experiments.grid.runs import ROOT, Run
from experiments.report.lines import LENGTHS
from experiments.report.papers import NOTHING
from experiments.report.rows import Results
from experiments.report.text import table

CONFIGS = ROOT / "configs"

GRIDS = """\
A grid is a file in `configs/`. `done` counts its runs that have a row with the same
settings on any backend, `shorter` the other runs that have a row of fewer epochs or
steps. A grid skips a run if `runs/results.jsonl` has its row on the same backend;
`cat results/imdb.jsonl >> runs/results.jsonl` and so on copies the rows there."""


def grids_table(results: Results, configs: Path, experiment: str) -> str:
    """How many runs each grid wants, has and lacks, and the command for the rest.

    Args:
        results: All rows.
        configs: The folder of the grids. A file that names no experiment is no grid.
        experiment: The experiment of the grids.

    Returns:
        Nothing if the experiment has no grid.
    """
    rows = [
        anywhere(row) for line in results.lines.get(experiment, []) for row in line.rows
    ]
    paths = [
        path
        for path in sorted(configs.glob("*.toml"))
        if command.read_table(path).get("experiment") == experiment
    ]
    if not paths:
        return ""
    numbers = ["configurations", "seeds", "runs", "done", "shorter"]
    lines = [_line(path, rows) for path in paths]
    return table(["grid", "what runs the rest", *numbers], lines)


def wanted(path: Path) -> list[Run]:
    """The runs of a grid, on the default backend."""
    return definition.read(path, [f"backend={environment.default_backend()}"], "runs")


def anywhere(row: Row) -> Row:
    """A row as if it were of the default backend."""
    return row | {"backend": environment.default_backend()}


def _line(path: Path, rows: Sequence[Row]) -> list[str]:
    runs = wanted(path)
    left = [run for run in runs if run.row(rows) is None]
    name = f"{path.parent.name}/{path.name}"
    counts = (
        len({replace(run.config, seed=0) for run in runs}),
        len({run.config.seed for run in runs}),
        len(runs),
        len(runs) - len(left),
        sum(_has_shorter(run, rows) for run in left),
    )
    rest = f"`python -m experiments.grid {name} --jobs 2`" if left else NOTHING
    return [path.stem, rest, *map(str, counts)]


def _has_shorter(run: Run, rows: Sequence[Row]) -> bool:
    """Whether a row has its settings, but for a shorter training."""
    (name,) = LENGTHS & run.settings.keys()
    full = run.settings[name]
    shorter = [row | {name: full} for row in rows if row.get(name, full) < full]
    return run.row(shorter) is not None
