"""Times the study against the scan: `python -m studies.parallel`."""

import itertools
import sys
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from experiments.core import environment
from experiments.core.command import Integer, Numbers, main, setting
from experiments.core.errors import UserError
from experiments.speed import device
from experiments.speed.command import medians, numbers
from experiments.speed.contenders import Contender, build

SCAN = "scan"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a measurement."""

    variants: str = setting(
        "lstm_c6,indrnn,indylstm",
        click.STRING,
        "Layers with a pointwise recurrence, with commas between.",
    )
    batch_size: int = setting(1, Integer(min=1), "Sequences in a batch B.")
    steps: str = setting("256,1024,4096", Numbers(), "Lengths T of a sequence.")
    features: int = setting(4, Integer(min=1), "Features of an input m.")
    units: str = setting("8", Numbers(), "Hidden units n.")
    rounds: int = setting(20, Integer(min=1), "Timed calls of each way.")


def run(settings: Settings) -> int:
    """Times a layer that takes all steps at once against engine="scan", on JAX.

    A step is a forward pass and the gradients at all weights and inputs. Leave the
    machine alone while it runs.
    """
    environment.start("jax", seed=0)
    grid = itertools.product(numbers(settings.steps), numbers(settings.units))
    for steps, units in grid:
        table = Table(
            title=f"B={settings.batch_size} T={steps} m={settings.features} n={units}"
        )
        table.add_column("layer")
        for column in ("step ms", "x scan", "fwd ms", "x scan", "Newton steps"):
            table.add_column(column, justify="right")
        for row in _rows(settings, steps, units):
            table.add_row(*row)
        Console().print(table)
    return 0


def _rows(settings: Settings, steps: int, units: int) -> list[list[str]]:
    """One row of the table for each layer and way."""
    layers = {
        Contender(key, way): _layer(key, way, units)
        for key in settings.variants.split(",")
        for way in _ways()
    }
    on = device.start("jax")
    x = on.random((settings.batch_size, steps, settings.features), seed=0)
    calls = device.calls(on, layers, x, units)
    newton = {one: _newton(layer, x) for one, layer in layers.items()}
    median = medians(calls, settings.rounds, f"T={steps} n={units}")
    rows = []
    for one in layers:
        cells = [f"{one.layer} ({one.engine})"]
        for what in ("step", "forward"):
            ms, scan = median[one, what], median[Contender(one.layer, SCAN), what]
            cells += [f"{ms:.3g}", f"{scan / ms:.3g}"]
        rows.append([*cells, newton[one]])
    return rows


def _ways() -> tuple[str, ...]:
    from studies.parallel.layer import WAYS

    return (SCAN, *WAYS)


def _layer(key: str, way: str, units: int) -> Any:
    from studies.parallel.layer import WAYS, Parallel

    layer = build(Contender(key, SCAN), units, return_sequences=True)
    if way == SCAN:
        return layer
    try:
        return Parallel(layer, **WAYS[way])
    except ValueError as error:
        raise UserError(f"variants: {key}: {error}") from None


def _newton(layer: Any, x: Any) -> str:
    """The Newton steps of the forward pass, for the way that takes some."""
    if not getattr(layer, "solves", False):
        return "-"
    taken = layer.newton_steps(x)
    return "fell to the loop" if taken is None else str(taken)


if __name__ == "__main__":
    sys.exit(main(Settings, run, resumes=False))
