"""A grid in a TOML file: settings, some of them with a list of values.

    experiment = "NAME"     # the module experiments.NAME
    config = "NAME.toml"    # settings that the grid starts from, optional
    seeds = [3, 4]
    variant = ["lstm", "lstm6"]
    eta = [1e-4, 1e-3]

These are 2 x 2 x 2 runs. If not all settings go together, each table `[[runs]]` is a
product of the settings above the tables and the settings in it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from experiments.core import command, environment
from experiments.core.command import REQUIRED, setting
from experiments.core.errors import UserError
from experiments.core.experiment import Experiment, find
from experiments.grid.runs import Run


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a command on a grid."""

    grid: str = setting(
        REQUIRED,
        click.Path(exists=True, dir_okay=False),
        "TOML file: settings of the runs, some with a list of values; see configs/.",
    )
    set: tuple[str, ...] = setting(
        (),
        click.STRING,
        "NAME=VALUE, a setting of all runs that overrides the file's; repeat it for "
        "more settings.",
    )


def read(path: Path, changes: Sequence[str], output: str) -> list[Run]:
    """The runs of a grid, each of them once.

    Args:
        changes: Settings as `name=value`, which override those in the file.

    Raises:
        UserError: The file is no grid, or a setting cannot take its value.
    """
    grid = command.read_table(path)
    if "experiment" not in grid:
        raise UserError(f'{path}: experiment is missing, as in experiment = "NAME"')
    try:
        experiment = find(grid.pop("experiment"))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    settings = experiment.settings
    base = grid.pop("config", None)
    if not isinstance(base, str | None):
        raise UserError(f"{path}: config must name a file. Received: {base!r}")
    shared = command.read_toml(settings, path.parent / base) if base else {}
    tables = grid.pop("runs", [{}])
    products = isinstance(tables, list) and all(isinstance(t, dict) for t in tables)
    if not (products and tables):
        raise UserError(f"{path}: runs must be tables, each under [[runs]]")
    changed = {n: [v] for n, v in (_change(settings, text) for text in changes)}
    configs = [
        settings(**shared | values | {"output": output})
        for table in tables
        for values in _product(_axes(settings, grid | table, path) | changed)
    ]
    # The whole grid with the first seed comes first: it is a table already.
    seeds = list(dict.fromkeys(config.seed for config in configs))
    configs.sort(key=lambda config: seeds.index(config.seed))
    environment.check_installed(configs[0].backend)
    runs = [Run(experiment.name, _complete(experiment, c, path)) for c in configs]
    runs = list(dict.fromkeys(runs))
    _check_distinct(runs, path)
    return runs


def _check_distinct(runs: list[Run], path: Path) -> None:
    """Refuses runs that differ only in settings without effect on their numbers."""
    seen: dict[tuple, Run] = {}
    for run in runs:
        other = seen.setdefault(tuple(run.known_by.items()), run)
        if other is not run:
            values = vars(run.config).items()
            apart = [n for n, v in values if v != getattr(other.config, n)]
            raise UserError(
                f"{path}: {', '.join(apart)} takes one value in a grid, as it does not "
                "change the numbers of a run"
            )


def _axes(
    settings_class: type, table: dict[str, Any], path: Path
) -> dict[str, list[Any]]:
    """The checked values of each setting in a table."""
    axes = {}
    for name, given in table.items():
        if name == "seed":
            raise UserError(f"{path}: seed: a grid has seeds = [...] instead")
        if given == []:
            raise UserError(f"{path}: {name}: the list is empty")
        field = _setting("seed" if name == "seeds" else name, path)
        values = given if isinstance(given, list) else [given]
        axes[field] = [command.convert(settings_class, field, v, path) for v in values]
    return axes


def _change(settings_class: type, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text}: it must be NAME=VALUE")
    name = _setting(name.strip().replace("-", "_"), "--set")
    return name, command.convert(settings_class, name, value.strip(), "--set")


def _setting(name: str, source: object) -> str:
    if name == "output":
        raise UserError(f"{source}: output: give --output to the grid instead")
    return name


def _product(axes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    points = itertools.product(*axes.values())
    return [dict(zip(axes, point, strict=True)) for point in points]


def _complete(experiment: Experiment, config: Any, path: Path) -> Any:
    if getattr(config, "data", None) == "auto":
        raise UserError(
            f"{path}: data must name the data set, or sample; auto could be a "
            "different one the next time"
        )
    try:
        return experiment.complete(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
