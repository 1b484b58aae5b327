"""The figures of the report; here the learning curves are drawn."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.core.results import replacing
from experiments.report import charts, curves as report_curves, errors
from experiments.report.axes import logarithmic
from experiments.report.curves import CURVES, Curves, Scale
from experiments.report.lines import Line
from experiments.report.palette import shaded
from experiments.report.papers import SEARCHES, TITLES
from experiments.report.rows import Results
from experiments.report.text import words

_FAR = 5  # times as long as the shortest curve the longest is before the axis bends


def draw(results: Results, folder: Path) -> dict[str, str]:
    """Draws every figure that there are runs for, and removes those without.

    Args:
        results: All rows.
        folder: Where the PNG files go.

    Returns:
        What each figure shows, by its name.
    """
    mpl.use("Agg")
    figures: dict[str, tuple[str, Callable[[Results], Figure | None]]] = {
        curves.name: (curves.title, partial(_curves, curves)) for curves in CURVES
    }
    for experiment in SEARCHES:
        figures[f"{experiment}-best"] = (
            f"{TITLES[experiment]}: the best model of each layer that a search found; "
            "dots are seeds, bars the means with their 95 % confidence intervals",
            partial(charts.searched, experiment),
        )
    figures["weights"] = (
        "Weights of the recurrent layer against test accuracy",
        charts.weights,
    )
    figures["handwriting-errors"] = (
        "Character error rate over weights, by units and by layers, and over that in "
        "training",
        errors.errors,
    )
    figures["seconds"] = ("Seconds per epoch", charts.seconds)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, (title, make) in figures.items():
        path = folder / f"{name}.png"
        figure = make(results)
        if figure is None:
            path.unlink(missing_ok=True)
            continue
        with replacing(path) as beside:
            figure.savefig(beside, dpi=110)
        plt.close(figure)
        drawn[name] = title
    return drawn


def _curves(curves: Curves, results: Results) -> Figure | None:
    rows = report_curves.rows(curves, results.lines.get(curves.experiment, []))
    if not rows:
        return None
    columns = max(len(panels) for _, panels in rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(4.0 * columns + 2, 3.2 * len(rows) + 0.5),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for (common, panels), of_row in zip(rows, axes, strict=True):
        all_lines = [line for own in panels.values() for line in own]
        shades = report_curves.shades(all_lines)
        labels = report_curves.labels(curves, all_lines)
        lengths = [len(run) for line in all_lines for _, run in line.finished]
        far = max(lengths) > _FAR * min(lengths)
        entries: dict[str, tuple[Any, Line2D]] = {}
        for axis, (panel, lines) in zip(of_row, panels.items(), strict=False):
            for line in lines:
                label = labels[line.number]
                colour = shaded(line.settings["variant"], shades[line.number])
                drawn = _curve(axis, line, curves.scale, colour, label)
                entries.setdefault(label, (report_curves.rank(line), drawn))
            _dress(axis, f"{words(curves.panel, panel)}\n{common}", curves.scale)
            if far:
                # Short curves have room so beside long ones.
                logarithmic(axis, curves.scale.unit)
        for axis in of_row[len(panels) :]:
            axis.set_axis_off()
        of_row[0].set_ylabel(curves.scale.label)
        handles = [drawn for _, drawn in sorted(entries.values(), key=lambda x: x[0])]
        of_row[-1].legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            fontsize=8,
        )
    legend = f"{curves.scale.legend}; shaded: lowest to highest seed"
    figure.suptitle(f"{curves.title}\n{legend}", fontsize=10)
    return figure


def _dress(axis: Axes, title: str, scale: Scale) -> None:
    axis.set_title(title, fontsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_xlabel(scale.unit)
    if scale.log:
        axis.set_yscale("log")
    if scale.level is not None:
        axis.axhline(scale.level, ls="--", color="gray", lw=1)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def _curve(axis: Axes, line: Line, scale: Scale, colour: Any, label: str) -> Line2D:
    """The curves of a line, the mean over its seeds and from lowest to highest."""
    histories = [history for _, history in line.finished]
    places = [scale.units * entry["epoch"] for entry in histories[0]]
    marker = "o" if len(places) <= 10 else None
    for figure, style in scale.figures.items():
        runs = np.array([[entry[figure] for entry in run] for run in histories])
        (drawn,) = axis.plot(
            places, runs.mean(axis=0), style, color=colour, marker=marker, ms=3
        )
        if len(runs) > 1:
            axis.fill_between(
                places, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.15
            )
    drawn.set_label(label)
    return drawn
