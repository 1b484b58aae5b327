"""What several figures of the report have in common: logarithmic axes, the legend."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from experiments.report.names import layer_name
from experiments.report.palette import COLOURS


def logarithmic(axis: Axes, label: str) -> None:
    """Makes the horizontal axis logarithmic, with 1, 2, 5, ... 20k on it."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(f"{label}, logarithmic")


def legend(figure: Figure, variants: set[str], marks: Sequence[Line2D] = ()) -> None:
    """A square for each of the variants, and more marks below, beside the figure."""
    squares = [
        Line2D([], [], ls="", marker="s", color=colour, label=layer_name(variant))
        for variant, colour in COLOURS.items()
        if variant in variants
    ]
    figure.legend(
        handles=[*squares, *marks],
        loc="outside right upper",
        frameon=False,
        fontsize=8,
    )
