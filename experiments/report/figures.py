"""The figures of the report, from the descriptions in `experiments/papers/`."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import (
    EngFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
    StrMethodFormatter,
)

from experiments.core.results import replacing
from experiments.report.claims import interval
from experiments.report.lines import Line, usual
from experiments.report.names import layer_name, shade
from experiments.report.papers import Figure, Panel, Paper, Table
from experiments.report.rows import Results
from experiments.report.search import Best, best
from experiments.report.text import head, words

_MARKERS = "osD^vP*"  # as many as lines
_FAR = 5  # the upper end of an axis over the lower one: it is logarithmic


def draw(
    results: Results,
    papers: Sequence[Paper],
    searches: dict[str, Path],
    folder: Path,
) -> dict[str, str]:
    """Draws every figure that there are runs for, and removes those without.

    Args:
        results: All rows.
        papers: The papers, which describe the figures.
        searches: The grid that seeks the best models of an experiment.
        folder: Where the PNG files go.

    Returns:
        What each figure shows, by its name.
    """
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for paper in papers:
        for figure in paper.figures:
            lines = results.lines.get(figure.experiment, [])
            drawing = _figure(figure, paper, lines)
            if _save(drawing, folder / f"{figure.name}.png"):
                drawn[figure.name] = figure.title
    for experiment, grid in searches.items():
        name = f"{experiment}-best"
        drawing = _search(best(grid, results.lines.get(experiment, [])))
        if _save(drawing, folder / f"{name}.png"):
            drawn[name] = (
                "The best model of each layer: test accuracy over weights and time; "
                "dots are seeds, bars the means with 95 % intervals"
            )
    return drawn


def _save(drawing: Drawing | None, path: Path) -> bool:
    if drawing is None:
        path.unlink(missing_ok=True)
        return False
    with replacing(path) as beside:
        drawing.savefig(beside, dpi=110)
    plt.close(drawing)
    return True


def _figure(figure: Figure, paper: Paper, lines: Sequence[Line]) -> Drawing | None:
    """A panel for each of those that have runs."""
    found = [(panel, _lines(figure, panel, lines)) for panel in figure.panels]
    found = [(panel, own) for panel, own in found if own]
    if not found:
        return None
    drawing, axes = _axes(len(found))
    printed = paper.table(figure.printed) if figure.printed else None
    for axis, (panel, own) in zip(axes, found, strict=True):
        x = panel.x or figure.x
        for line, colour, marker, label in _styles(figure, own):
            if x:
                _points(axis, line, (x, figure.y), colour, label)
            else:
                _curve(axis, line, figure, (colour, marker, label))
        if figure.connect:
            _connect(axis, own, x, figure.y)
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(head(x) if x else figure.unit[0])
        if x or figure.log:
            _logarithmic(axis)
        else:
            axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        _dashed(axis, figure, printed, own)
        _legend(axis)
    axes[0].set_ylabel(figure.label or "test accuracy")
    if figure.range:
        axes[0].set_ylim(*figure.range)
    if figure.range and figure.range[1] > _FAR * figure.range[0]:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes[0].yaxis.set_minor_locator(NullLocator())
    return drawing


def _axes(number: int) -> tuple[Drawing, np.ndarray]:
    drawing, axes = plt.subplots(
        1,
        number,
        figsize=(4.2 * number + 0.6, 4.3),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes[0]:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    return drawing, axes[0]


def _legend(axis: Axes) -> None:
    """The names of the lines below a panel, each once."""
    handles, labels = axis.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axis.legend(
        once.values(),
        once.keys(),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2 if max(map(len, labels)) < 24 else 1,
        frameon=False,
        fontsize=8,
    )


def _lines(figure: Figure, panel: Panel, lines: Sequence[Line]) -> list[Line]:
    """The line of each description; of points all of them."""
    able = [line for line in lines if line.matches(panel.select)]
    own = [[x for x in able if x.matches(wanted)] for wanted in panel.lines]
    if panel.x or figure.x:
        return [line for each in own for line in each if line.values(figure.y)]
    return [line for each in own if (line := usual(each))]


def _styles(
    figure: Figure, lines: Sequence[Line]
) -> Iterator[tuple[Line, tuple[float, ...], str, str]]:
    """Each line with its colour, marker and name.

    The lines of one layer have shades and markers, and their names tell in what the
    lines of the panel differ. Points have the colour and the name of their layer.
    """
    keys = [line.settings["variant"] for line in lines]
    points = any(panel.x or figure.x for panel in figure.panels)
    names = [] if points else ["forget", *figure.told]
    told = [n for n in names if len({line.settings.get(n) for line in lines}) > 1]
    for number, (line, key) in enumerate(zip(lines, keys, strict=True)):
        place, of = (0, 1) if points else (keys[:number].count(key), keys.count(key))
        parts = [words(n, x) for n in told if (x := line.settings.get(n)) is not None]
        label = ", ".join([layer_name(key), *parts])
        yield line, shade(key, place, of), _MARKERS[place], label


def _curve(
    axis: Axes, line: Line, figure: Figure, style: tuple[tuple[float, ...], str, str]
) -> None:
    """The mean over the seeds at each epoch, and a band from lowest to highest."""
    colour, marker, label = style
    histories = [history for _, history in line.finished]
    runs = np.array([[entry[figure.y] for entry in run] for run in histories])
    places = [figure.unit[1] * entry["epoch"] for entry in histories[0]]
    axis.plot(
        places,
        runs.mean(axis=0),
        color=colour,
        marker=marker,
        ms=4,
        markevery=max(1, len(places) // 8),
        lw=1.2,
        label=label,
    )
    if len(runs) > 1:
        low, high = runs.min(axis=0), runs.max(axis=0)
        axis.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)


def _points(
    axis: Axes,
    line: Line,
    measures: tuple[str, str],
    colour: tuple[float, ...],
    label: str,
) -> None:
    """A dot for each seed, and a bar for the mean with its 95 % interval."""
    places, values = map(line.values, measures)
    if not places:
        return
    place, mean = statistics.median(places), statistics.mean(values)
    axis.plot([place] * len(values), values, "o", color=colour, alpha=0.35, ms=5)
    error = interval(values)[1] - mean if len(values) > 1 else 0.0
    bar: dict[str, Any] = {"fmt": "_", "ms": 12, "capsize": 3, "lw": 1.3}
    axis.errorbar(place, mean, yerr=error, color=colour, label=label, **bar)


def _connect(axis: Axes, lines: Sequence[Line], x: str, y: str) -> None:
    """Joins the means of each layer."""
    for key in dict.fromkeys(line.settings["variant"] for line in lines):
        own = [line for line in lines if line.settings["variant"] == key]
        points = sorted(
            (statistics.mean(line.values(x)), statistics.mean(line.values(y)))
            for line in own
        )
        axis.plot(*zip(*points, strict=True), color=shade(key, 0, 1), lw=1)


def _dashed(
    axis: Axes, figure: Figure, printed: Table | None, lines: Sequence[Line]
) -> None:
    """The level of the figure and the printed numbers as dashed lines."""
    style: dict[str, Any] = {"ls": "--", "lw": 1, "zorder": 1}
    if figure.level is not None:
        axis.axhline(figure.level, color="gray", **style)
    alone = len({line.settings["variant"] for line in lines}) == 1
    drawn = {}
    for line, colour, _, _ in _styles(figure, lines):
        if printed is None or not line.matches(printed.select):
            continue
        cell = printed.cell(line.settings)
        if cell and figure.printed_measure in cell.printed:
            own = colour if alone else shade(line.settings["variant"], 0, 1)
            drawn[cell.printed[figure.printed_measure]] = own
    for number, colour in drawn.items():
        axis.axhline(number, color=colour, **style)
    if drawn:
        axis.plot([], [], "--", lw=1, color="gray", label="printed")


def _search(found: Sequence[tuple[Best, int]]) -> Drawing | None:
    """The best model of each layer: accuracy over weights and over time."""
    chosen = [one.judged for one, _ in found if one.judged.values("clean")]
    if not chosen:
        return None
    drawing, axes = _axes(2)
    for axis, x in zip(axes, ("recurrent", "seconds"), strict=True):
        for line in chosen:
            key = line.settings["variant"]
            _points(axis, line, (x, "clean"), shade(key, 0, 1), layer_name(key))
        axis.margins(0.15)
        axis.set_xlabel(head(x))
        _logarithmic(axis)
    axes[0].set_ylabel("test accuracy")
    _legend(axes[0])
    return drawing


def _logarithmic(axis: Axes) -> None:
    """Makes the horizontal axis logarithmic, with 1, 2, 5, ... 20k on it."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_minor_locator(NullLocator())
