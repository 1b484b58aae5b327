"""The figure of handwriting: fewer errors by fewer weights, and overfitting."""

import statistics

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.report_palette import COLOURS, legend_entries
from experiments.report_rows import Results


def errors(results: Results) -> Figure | None:
    """Character error rate over weights, and over that on training words.

    Of the lines of the most usual number of epochs: others would tell of that.
    """
    lines = [x for x in results.lines.get("handwriting", []) if x.values("cer")]
    if not lines:
        return None
    epochs = statistics.mode(line.settings["epochs"] for line in lines)
    lines = [line for line in lines if line.settings["epochs"] == epochs]
    figure, axes = plt.subplots(
        1, 2, figsize=(9.5, 3.8), sharey=True, layout="constrained"
    )
    variants = list(dict.fromkeys(line.settings["variant"] for line in lines))
    pairs = (("parameters", "cer"), ("cer_train", "cer_last"))
    for axis, (over, measure) in zip(axes, pairs, strict=True):
        for variant in variants:
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
                ls="-" if over == "parameters" else "",
                color=COLOURS[variant],
                capsize=2,
            )
        axis.grid(alpha=0.3)
    axes[0].set_xscale("log")
    axes[1].set_xscale("symlog", linthresh=1e-3)  # a rate may be zero
    axes[0].set_xlabel("weights of the model")
    axes[0].set_ylabel("character error rate, test")
    axes[0].set_title(f"of {epochs} epochs that chosen on other writers", fontsize=9)
    axes[1].set_xlabel("character error rate, training words")
    axes[1].set_title("the last epoch", fontsize=9)
    figure.legend(
        handles=legend_entries(set(variants)),
        loc="outside right upper",
        frameon=False,
        fontsize=8,
    )
    return figure
