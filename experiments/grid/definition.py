"""A grid in a TOML file: settings, some of them with a list of values.

    experiment = "imdb"     # the module experiments.imdb
    config = "imdb.toml"    # settings that the grid starts from, optional
    data = "imdb"
    seeds = [3, 4]
    variant = ["lstm", "lstm6"]
    eta = [1e-4, 1e-3]

These are 2 x 2 x 2 runs. Where not all settings go together, each table `[[runs]]` is
a product of its own, of what stands above the tables and what stands in it.
"""

import importlib
import importlib.util
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.core import command, environment
from experiments.core.errors import UserError
from experiments.grid.runs import Run


def read(path: Path, changes: Sequence[str], output: str) -> list[Run]:
    """The runs of a grid, each of them once.

    Args:
        path: The file.
        changes: Settings as `name=value`, that go before those in the file.
        output: The folder of the runs.

    Raises:
        UserError: The file is no grid, or a setting cannot be as it stands there.
    """
    grid = command.read_table(path)
    name = grid.pop("experiment", None)
    module = _experiment(name, path)
    base = grid.pop("config", None)
    if not isinstance(base, str | None):
        raise UserError(f"{path}: config: {base!r} is no name of a file in quotes")
    shared = command.read_toml(module.Config, path.parent / base) if base else {}
    tables = grid.pop("runs", [{}])
    products = isinstance(tables, list) and all(isinstance(t, dict) for t in tables)
    if not (products and tables):
        raise UserError(f"{path}: runs: write each product under its own [[runs]]")
    changed = {n: [v] for n, v in (_change(module.Config, text) for text in changes)}
    configs = [
        module.Config(**shared | values | {"output": output})
        for table in tables
        for values in _product(_axes(module.Config, grid | table, path) | changed)
    ]
    # The whole grid with the first seed comes first: it is a table already.
    seeds = list(dict.fromkeys(config.seed for config in configs))
    configs.sort(key=lambda config: seeds.index(config.seed))
    environment.start(configs[0].backend, configs[0].seed)  # complete() needs Keras
    runs = [Run(name, _complete(module, config, path)) for config in configs]
    runs = list(dict.fromkeys(runs))
    _check_distinct(runs, path)
    return runs


def _check_distinct(runs: list[Run], path: Path) -> None:
    """Refuses runs that would share a folder, as nothing that tells them apart counts.

    Args:
        runs: The runs.
        path: The file that they stand in.
    """
    seen: dict[tuple, Run] = {}
    for run in runs:
        other = seen.setdefault(tuple(run.known_by.items()), run)
        if other is not run:
            values = vars(run.config).items()
            apart = [n for n, v in values if v != getattr(other.config, n)]
            raise UserError(
                f"{path}: {', '.join(apart)}: give one value; another one makes no "
                "other run"
            )


def _experiment(name: object, path: Path) -> Any:
    if isinstance(name, str) and name.isidentifier():
        module = f"experiments.{name}"
        if importlib.util.find_spec(module) is not None:
            experiment = importlib.import_module(module)
            if hasattr(experiment, "Config"):
                return experiment
    raise UserError(
        f"{path}: experiment: {name!r} is none; it must be a name such as imdb, of a "
        "module in experiments/ with a Config"
    )


def _axes(
    settings_class: type, table: dict[str, Any], path: Path
) -> dict[str, list[Any]]:
    """The checked values of each setting in a table."""
    axes = {}
    for name, given in table.items():
        if name == "seed":
            raise UserError(f"{path}: seed: in a grid it is seeds = [...]")
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
        raise UserError(f"{source}: output: the option --output of the grid says it")
    return name


def _product(axes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    points = itertools.product(*axes.values())
    return [dict(zip(axes, point, strict=True)) for point in points]


def _complete(module: Any, config: Any, path: Path) -> Any:
    if getattr(config, "data", None) == "auto":
        raise UserError(
            f"{path}: data: a grid must say which data it is of, as its finished runs "
            "are known by that; give the name, or sample, not auto"
        )
    try:
        return module.complete(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
