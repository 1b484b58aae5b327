"""Figures of the report: weights and seconds against accuracy, seconds per epoch."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.report.axes import legend, logarithmic
from experiments.report.best import best, search
from experiments.report.grids import CONFIGS
from experiments.report.lines import Line
from experiments.report.names import layer_name
from experiments.report.pairs import half_interval
from experiments.report.palette import COLOURS
from experiments.report.papers import SEARCHES, TABLES, TITLES
from experiments.report.rows import Results
from experiments.report.text import words


def searched(experiment: str, results: Results) -> Figure | None:
    """The best model of each layer: accuracy over weights and over time.

    A dot is a seed, a bar the mean with its 95 % confidence interval.
    """
    lines = results.lines.get(experiment, [])
    found = best(search(CONFIGS / SEARCHES[experiment]), lines)
    chosen = [one.judged for one, _ in found if one.judged.values("clean")]
    if not chosen:
        return None
    figure, axes = plt.subplots(
        1, 2, figsize=(9.2, 3.4), sharey=True, layout="constrained"
    )
    heads = ("weights of the recurrent layer", "seconds per epoch")
    for axis, head in zip(axes, heads, strict=True):
        logarithmic(axis, head)
        axis.grid(alpha=0.3)
        axis.margins(0.15)
        axis.spines[["top", "right"]].set_visible(False)
    for line in chosen:
        places = [line.rows[0]["recurrent_parameters"], _median(line)]
        for axis, place in zip(axes, places, strict=True):
            if place is not None:
                _seeds(axis, place, line)
    axes[0].set_ylabel("test accuracy")
    legend(figure, {line.settings["variant"] for line in chosen})
    return figure


def _median(line: Line) -> float | None:
    seconds = line.values("seconds")
    return statistics.median(seconds) if seconds else None


def _seeds(axis: Axes, place: float, line: Line) -> None:
    colour, values = COLOURS[line.settings["variant"]], line.values("clean")
    axis.plot([place] * len(values), values, "o", color=colour, alpha=0.35, ms=5)
    axis.errorbar(
        place,
        statistics.mean(values),
        yerr=half_interval(values),
        fmt="_",
        ms=14,
        color=colour,
        capsize=4,
    )


def weights(results: Results) -> Figure | None:
    """Test accuracy by both protocols over weights, and the printed best."""
    experiments = [
        name
        for name in TITLES
        if any(line.values("paper") for line in results.lines.get(name, []))
    ]
    if not experiments:
        return None
    figure, axes = plt.subplots(
        1,
        len(experiments),
        figsize=(3.6 * len(experiments) + 2, 3.8),
        squeeze=False,
        layout="constrained",
    )
    present: set[str] = set()
    for axis, experiment in zip(axes[0], experiments, strict=True):
        for line in results.lines[experiment]:
            present.add(line.settings["variant"])
            _point(axis, line)
        for variant, weights, accuracy in _printed(experiment, results):
            present.add(variant)
            axis.plot(weights, accuracy, "x", color=COLOURS[variant])
        logarithmic(axis, "weights of the recurrent layer")
        axis.set_title(TITLES[experiment], fontsize=9)
        axis.grid(alpha=0.3)
        axis.margins(0.12)
    axes[0, 0].set_ylabel("test accuracy")
    marks = [
        Line2D([], [], ls="", marker="o", color="gray", label="paper protocol"),
        Line2D([], [], ls="", marker="o", mfc="none", color="gray", label="clean"),
        Line2D([], [], ls="", marker="x", color="gray", label="printed"),
    ]
    legend(figure, present, marks)
    return figure


def _point(axis: Axes, line: Line) -> None:
    colour = COLOURS[line.settings["variant"]]
    for measure, face in (("paper", colour), ("clean", "none")):
        values = line.values(measure)
        if values:
            axis.errorbar(
                line.rows[0]["recurrent_parameters"],
                statistics.mean(values),
                yerr=statistics.stdev(values) if len(values) > 1 else None,
                fmt="o",
                ms=5 if measure == "paper" else 8,
                color=colour,
                mfc=face,
                capsize=2,
            )


def _printed(experiment: str, results: Results) -> list[tuple[str, int, float]]:
    """The best printed test accuracy of each layer that was measured.

    The slip in Table IV is never the best.
    """
    weights = {
        (line.settings["variant"], line.settings["units"]): line.rows[0][
            "recurrent_parameters"
        ]
        for line in results.lines[experiment]
    }
    best: dict[tuple[str, int | None], float] = defaultdict(float)
    for paper in TABLES:
        for cell in paper.cells if paper.experiment == experiment else ():
            settings = paper.settings | cell.settings
            key = settings["variant"], settings.get("units")
            best[key] = max(best[key], cell.printed.get("paper", 0.0))
    return [
        (key[0], weights[key], accuracy)
        for key, accuracy in best.items()
        if key in weights and accuracy
    ]


# What the time of an epoch depends on, beside the machine; learning rate, forget
# constant and the number of epochs do not change it.
_WORK = (
    "units",
    "batch_size",
    "length",
    "train_embedding",
    "stack",
    "layers",
    "validation_split",
)


def seconds(results: Results) -> Figure | None:
    """The median over all runs that do the same work on the same machine."""
    groups: dict[str, dict[tuple, list[float]]] = defaultdict(dict)
    for experiment, lines in results.lines.items():
        for line in lines:
            for row, _ in line.finished:
                machine = f"{row['backend']}, {row['processor']}"
                work = (row["variant"], *(row.get(name) for name in _WORK))
                title = f"{TITLES.get(experiment, experiment)}: {machine}"
                if row["seconds_per_epoch"] is not None:
                    own = groups[title].setdefault(work, [])
                    own.append(row["seconds_per_epoch"])
    if not groups:
        return None
    heights = [len(bars) + 1.5 for bars in groups.values()]
    figure, axes = plt.subplots(
        len(groups),
        1,
        figsize=(7.5, 0.27 * sum(heights) + 0.3 * len(groups)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axis, (title, bars) in zip(axes[:, 0], groups.items(), strict=True):
        medians = [statistics.median(times) for times in bars.values()]
        colours = [COLOURS[variant] for variant, *_ in bars]
        drawn = axis.barh(range(len(bars)), medians, color=colours)
        axis.bar_label(drawn, [f"{median:.3g}" for median in medians], padding=3)
        axis.set_yticks(range(len(bars)), _bar_labels(list(bars)), fontsize=8)
        axis.invert_yaxis()
        axis.margins(x=0.12, y=0.02)
        axis.set_title(title, fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("seconds per epoch of training")
    return figure


def _bar_labels(works: Sequence[tuple]) -> list[str]:
    """Variant and units, and what else tells one bar from another."""
    differing = [
        index
        for index, name in enumerate(_WORK, start=1)
        if name == "units" or len({work[index] for work in works}) > 1
    ]
    return [
        ", ".join(
            [
                layer_name(work[0]),
                *(words(_WORK[i - 1], work[i]) for i in differing if work[i]),
            ]
        )
        for work in works
    ]
