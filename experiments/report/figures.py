"""The figures of the report, from the descriptions in `experiments/papers/`."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
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
from experiments.report.grids import CONFIGS
from experiments.report.lines import Line, usual
from experiments.report.names import COLOURS, layer_name
from experiments.report.papers import Figure, Panel, Paper
from experiments.report.rows import Results
from experiments.report.search import best
from experiments.report.text import head, words

_MARKERS = "osD^vP*"  # as many as lines
_FAR = 5  # the upper end of an axis over the lower one: it is logarithmic

# A line of a panel: the runs, its colour, marker and name.
Styled = tuple[Line, tuple[float, ...], str, str]


def draw(results: Results, papers: Sequence[Paper], folder: Path) -> dict[str, str]:
    """Draws every figure that has runs, and removes the others.

    Args:
        folder: Where the PNG files go.

    Returns:
        The title of each figure, by its name.
    """
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for paper in papers:
        for figure in paper.figures:
            lines = results.lines.get(figure.experiment, [])
            if figure.search:
                lines = [x.judged for x in best(CONFIGS / figure.search, lines)]
            drawing = plot(figure, paper, lines)
            if save(drawing, folder / f"{figure.name}.png"):
                drawn[figure.name] = figure.title
    return drawn


def save(drawing: Drawing | None, path: Path) -> bool:
    """Writes a drawing, or removes an old one; says whether there is one."""
    if drawing is None:
        path.unlink(missing_ok=True)
        return False
    with replacing(path) as beside:
        drawing.savefig(beside, dpi=110)
    plt.close(drawing)
    return True


def plot(figure: Figure, paper: Paper, lines: Sequence[Line]) -> Drawing | None:
    """Draws each panel that has runs."""
    found = [(panel, _lines(figure, panel, lines)) for panel in figure.panels]
    found = [(panel, own) for panel, own in found if own]
    if not found:
        return None
    number = len(found)
    drawing, axes = plt.subplots(
        1,
        number,
        figsize=(4.2 * number + 0.6, 4.3),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, (panel, own) in zip(axes[0], found, strict=True):
        styled = list(_styles(figure, own))
        if panel.x:
            _points(axis, figure, panel.x, styled)
        else:
            _curves(axis, figure, styled)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(panel.title, fontsize=10)
        if panel.x or figure.log:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_minor_locator(NullLocator())
        else:
            axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        _dashed(axis, figure, paper, styled)
        labels = axis.get_legend_handles_labels()[1]
        axis.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=2 if max(map(len, labels)) < 24 else 1,
            frameon=False,
            fontsize=8,
        )
    first = axes[0, 0]
    first.set_ylabel(figure.label or "test accuracy")
    if figure.range:
        first.set_ylim(*figure.range)
    if figure.range and figure.range[1] > _FAR * figure.range[0]:
        first.set_yscale("log")
        first.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        first.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        first.yaxis.set_minor_locator(NullLocator())
    return drawing


def _lines(figure: Figure, panel: Panel, lines: Sequence[Line]) -> list[Line]:
    """The line of each description; of points all of them."""
    able = [line for line in lines if line.matches(panel.select)]
    own = [[x for x in able if x.matches(wanted)] for wanted in panel.lines]
    if panel.x:
        return [line for each in own for line in each if line.values(figure.y)]
    return [line for each in own if (line := usual(each))]


def _styles(figure: Figure, lines: Sequence[Line]) -> Iterator[Styled]:
    """Each line with its colour, marker and name.

    The lines of one layer have shades and markers, and their names tell in what the
    lines of the panel differ. Points have the colour and the name of their layer.
    """
    keys = [line.variant for line in lines]
    points = any(panel.x for panel in figure.panels)
    names = [] if points else ["forget", *figure.told]
    told = [n for n in names if len({line.settings.get(n) for line in lines}) > 1]
    for number, (line, key) in enumerate(zip(lines, keys, strict=True)):
        place, of = (0, 1) if points else (keys[:number].count(key), keys.count(key))
        parts = [words(n, x) for n in told if (x := line.settings.get(n)) is not None]
        label = ", ".join([layer_name(key), *parts])
        yield line, _shade(key, place, of), _MARKERS[place], label


def _shade(key: str, place: int = 0, of: int = 1) -> tuple[float, ...]:
    """The colour of a layer; of several lines from light to dark."""
    colour = to_rgb(COLOURS.get(key, "#555555"))
    mixed = 1.0 - 1.5 * place / (of - 1) if of > 1 else 0.0  # 1: white, -0.5: black
    if mixed > 0:
        return tuple(part + 0.65 * mixed * (1 - part) for part in colour)
    return tuple(part * (1 + mixed) for part in colour)


def _curves(axis: Axes, figure: Figure, styled: Sequence[Styled]) -> None:
    """The mean over the seeds at each epoch, and a band from lowest to highest."""
    axis.set_xlabel(figure.unit[0])
    for line, colour, marker, label in styled:
        histories = [history for _, history in line.finished]
        runs = np.array([[entry[figure.y] for entry in run] for run in histories])
        places = [figure.unit[1] * entry["epoch"] for entry in histories[0]]
        every = max(1, len(places) // 8)
        style: dict[str, Any] = {"marker": marker, "ms": 4, "markevery": every}
        axis.plot(places, runs.mean(0), color=colour, lw=1.2, label=label, **style)
        if len(runs) > 1:
            low, high = runs.min(0), runs.max(0)
            axis.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)


def _points(axis: Axes, figure: Figure, x: str, styled: Sequence[Styled]) -> None:
    """A dot for each seed, and for each line a bar at the mean with its interval."""
    axis.set_xlabel(head(x))
    axis.margins(0.15)
    for key in dict.fromkeys(line.variant for line, *_ in styled):
        bars = []
        for line, colour, _, label in styled:
            values = line.values(figure.y)
            if line.variant != key or not line.values(x):
                continue
            place, mean = statistics.median(line.values(x)), statistics.mean(values)
            error = interval(values)[1] - mean if len(values) > 1 else 0.0
            bars.append((place, mean, error))
            axis.plot(
                [place] * len(values), values, "o", color=colour, alpha=0.35, ms=5
            )
            name = label
        if bars:
            places, means, errors = zip(*sorted(bars), strict=True)
            style: dict[str, Any] = {"ms": 12, "capsize": 3, "elinewidth": 1.3}
            style |= {"fmt": "_-" if figure.connect else "_", "lw": 1, "label": name}
            axis.errorbar(places, means, yerr=errors, color=_shade(key), **style)


def _dashed(axis: Axes, figure: Figure, paper: Paper, styled: Sequence[Styled]) -> None:
    """The level of the figure and the printed numbers as dashed lines."""
    style: dict[str, Any] = {"ls": "--", "lw": 1, "zorder": 1}
    if figure.level is not None:
        axis.axhline(figure.level, color="gray", **style)
    if not figure.printed:
        return
    printed = paper.table(figure.printed)
    keys = {line.variant for line, *_ in styled}
    drawn = {}
    for line, colour, *_ in styled:
        cell = printed.cell(line.settings) if line.matches(printed.select) else None
        if cell and figure.printed_measure in cell.printed:
            own = colour if len(keys) == 1 else _shade(line.variant)
            drawn[cell.printed[figure.printed_measure]] = own
    for number, colour in drawn.items():
        axis.axhline(number, color=colour, **style)
    if drawn:
        axis.plot([], [], "--", lw=1, color="gray", label="printed")
