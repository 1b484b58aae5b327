"""Draws the rows of `experiments.speed`: milliseconds a training step, by layer."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from experiments.core.command import Integer, Name, main, setting
from experiments.core.errors import UserError
from experiments.core.results import Row, read_rows, replacing
from experiments.report.speed import grouped, newest, unmasked
from experiments.speed.models import MODELS


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the figure."""

    rows: str = setting(
        "results/speed.jsonl", Name(), "Rows that experiments.speed appended."
    )
    output: str = setting("results/speed.png", Name(), "The figure, a PNG.")
    model: str = setting(
        "imdb",
        click.Choice(list(MODELS)),
        "Rows of which model to draw.",
    )
    steps: int = setting(500, Integer(min=1), "Rows of which length T to draw.")
    units: int = setting(100, Integer(min=1), "Rows of how many units n to draw.")


def run(settings: Settings) -> int:
    """Draws a panel for each backend with a bar for each layer, on one log axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    chosen = _chosen(settings)
    backends = sorted({row["backend"] for row in chosen})
    figure, axes = plt.subplots(
        1, len(backends), figsize=(4.2 * len(backends), 3.4), sharex=True, squeeze=False
    )
    for axis, backend in zip(axes[0], backends, strict=True):
        rows = [row for row in chosen if row["backend"] == backend]
        rows.sort(key=lambda row: -row["step_ms"])
        own = [row["engine"] is not None for row in rows]
        bars = axis.barh(
            [row["layer"] for row in rows],
            [row["step_ms"] for row in rows],
            color=["tab:blue" if mine else "tab:gray" for mine in own],
        )
        axis.bar_label(bars, [f"{row['step_ms']:.3g}" for row in rows], padding=3)
        axis.set_xscale("log")
        axis.margins(x=0.25)
        axis.set_title(backend)
        axis.set_xlabel("ms per training step")
        axis.spines[["top", "right"]].set_visible(False)
    first = chosen[0]
    figure.suptitle(
        f"{first['model']} model, B={first['B']} T={first['T']} m={first['m']} "
        f"n={first['n']}, {first['processor']}",
        fontsize=10,
    )
    figure.tight_layout()
    with replacing(Path(settings.output)) as beside:
        figure.savefig(beside, dpi=120)
    print(settings.output)
    return 0


def _chosen(settings: Settings) -> list[Row]:
    """The newest unmasked row of each layer and backend at one shape."""
    rows = newest(read_rows(Path(settings.rows), torn=False))
    chosen = [
        row
        for row in unmasked(rows, settings.model)
        if (row["T"], row["n"]) == (settings.steps, settings.units)
    ]
    what = f"of the {settings.model} model with T={settings.steps} n={settings.units}"
    if not chosen:
        raise UserError(f"{settings.rows} has no unmasked row {what}")
    kinds = grouped(chosen, ("B", "m", "processor"))
    if len(kinds) > 1:
        found = "; ".join(f"B={B} m={m}, {where}" for B, m, where in kinds)
        raise UserError(
            f"{settings.rows}: the rows {what} are of {found}; a figure shows one of "
            "them, so give a file with its rows alone"
        )
    return chosen


if __name__ == "__main__":
    sys.exit(main(Settings, run, resumes=False))
