"""The figure of handwriting: fewer errors by fewer weights, and overfitting."""

import statistics
from collections.abc import Sequence

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from experiments.report.axes import legend, logarithmic
from experiments.report.lines import Line
from experiments.report.palette import COLOURS
from experiments.report.rows import Results

RATES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def errors(results: Results) -> Figure | None:
    """Character error rate over weights, and over that on training words.

    Over weights once by units and once by layers, the other one at its most usual
    number. Of the lines of the most usual number of epochs: others would tell of that.
    """
    lines = [x for x in results.lines.get("handwriting", []) if x.values("cer")]
    if not lines:
        return None
    epochs = statistics.mode(line.settings["epochs"] for line in lines)
    lines = [line for line in lines if line.matches({"epochs": epochs})]
    figure, axes = plt.subplots(
        1, 3, figsize=(11.5, 3.8), sharey=True, layout="constrained"
    )
    for axis, name, other in (
        (axes[0], "layers", "units"),
        (axes[1], "units", "layers"),
    ):
        usual = statistics.mode(line.settings[name] for line in lines)
        own = [line for line in lines if line.matches({name: usual})]
        _draw(axis, own, "parameters", "cer", ls="-")
        logarithmic(axis, "weights of the model")
        numbers = [line.settings[other] for line in own]
        span = " to ".join(map(str, sorted({min(numbers), max(numbers)})))
        axis.set_title(f"{usual} {name}, {span} {other}: the chosen epoch", fontsize=9)
    axes[0].set_ylabel("character error rate, test")
    _draw(axes[2], lines, "cer_train", "cer_last", ls="")
    axes[2].set_xscale("symlog", linthresh=1e-3)  # a rate may be zero
    axes[2].set_xlabel("character error rate, training words")
    axes[2].set_title("all of them, the last epoch", fontsize=9)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_locator(FixedLocator(RATES))
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    legend(figure, {line.settings["variant"] for line in lines})
    return figure


def _draw(axis: Axes, lines: Sequence[Line], over: str, measure: str, ls: str) -> None:
    """Means of one measure over those of another, with the range, by variant."""
    for variant in dict.fromkeys(line.settings["variant"] for line in lines):
        own = [x for x in lines if x.settings["variant"] == variant]
        own.sort(key=lambda line: statistics.mean(line.values(over)))
        values = [line.values(measure) for line in own]
        means = [statistics.mean(each) for each in values]
        axis.errorbar(
            [statistics.mean(line.values(over)) for line in own],
            means,
            yerr=[
                [m - min(each) for m, each in zip(means, values, strict=True)],
                [max(each) - m for m, each in zip(means, values, strict=True)],
            ],
            marker="o",
            ms=4,
            ls=ls,
            color=COLOURS[variant],
            capsize=2,
        )
    axis.grid(alpha=0.3)
