"""Trained models step by step, from the rows of `experiments.stream`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib import pyplot as plt, ticker

from experiments.core.results import Row
from experiments.report.figures import save
from experiments.report.lines import Line
from experiments.report.names import COLOURS, layer_name, layer_place
from experiments.report.text import table

PRECISIONS = {"float32": "float32", "weights": "8 bits"}

NOTE = """\
`python -m experiments.stream` makes the rows: a trained model of one step, fed with the
whole test set, one step at a time, as a LiteRT file by `slim_keras.export.Stream` and
as the C file of `to_c`. `differ` are the decisions of LiteRT / of C that are not those
of the Keras model on whole sequences. No frame of delay is added: an answer is there as
soon as the step is done. LiteRT's microseconds are the median on one thread here. Flash
(code and weights), RAM (states and stack) and instructions of a step are those of the C
file on a Cortex-M4 with FPU, in an [emulator](microcontroller.md). With 8 bits the
weights have 8 bits, and all arithmetic is in float32. Fewer decisions are those of the
first sequences (`--examples`): accuracies compare between lines with as many."""


def newest(rows: Iterable[Row], experiment: str, lines: Iterable[Line]) -> list[Row]:
    """The last row of each file of an experiment, by layer; none of sample data.

    Args:
        lines: What it trained, where each row's forget constant is.
    """
    forget = {row["run"]: row.get("forget") for line in lines for row in line.rows}
    last = {
        (row["run"], row["precision"]): row | {"forget": forget.get(row["run"])}
        for row in rows
        if row["of"] == experiment and row["data"] != "sample"
    }
    return sorted(
        last.values(),
        key=lambda row: (layer_place(row["variant"]), row["forget"] or 0),
    )


def stream_table(rows: Sequence[Row]) -> str:
    """The files of an experiment's models, in Markdown."""
    columns = ["layer", "f", "n", "weights", "LiteRT, bytes", "us a step"]
    columns += ["flash, bytes", "RAM, bytes", "instructions", "decisions"]
    columns += ["differ", "accuracy", "on whole sequences"]
    body = [
        [
            layer_name(row["variant"]),
            row["forget"],
            str(row["units"]),
            PRECISIONS[row["precision"]],
            f"{row['bytes']:,}",
            f"{row['step_us']:.1f}",
            f"{row['flash']:,}",
            f"{row['ram']:,}",
            f"{row['instructions']:,}",
            f"{row['decisions']:,}",
            f"{row['other']} / {row['other_c']}",
            f"{row['accuracy']:.4f}",
            f"{row['accuracy_whole']:.4f}",
        ]
        for row in rows
    ]
    return f"{table(columns, body)}\n\n{NOTE}"


def draw(rows: Sequence[Row], path: Path) -> bool:
    """Accuracy over flash and over instructions: filled with float32, else 8 bits.

    Of the layers that were fed with the most sequences. Says whether these are several,
    so that there is something to draw.
    """
    most = max((row["decisions"] for row in rows), default=0)
    rows = [row for row in rows if row["decisions"] == most]
    if len({row["variant"] for row in rows}) < 2:
        return save(None, path)
    drawing, axes = plt.subplots(
        1, 2, figsize=(8.6, 4.2), sharey=True, layout="constrained"
    )
    panels = {"flash": "flash, bytes", "instructions": "instructions of a step"}
    for axis, (field, label) in zip(axes, panels.items(), strict=True):
        for row in rows:
            exact = row["precision"] == "float32"
            colour = COLOURS.get(row["variant"], "#555555")
            axis.plot(
                row[field],
                row["accuracy"],
                "o",
                color=colour,
                mfc=colour if exact else "none",
                label=layer_name(row["variant"]) if exact else None,
            )
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.set_xlabel(f"{label}; hollow: 8 bits")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("test accuracy, step by step")
    handles, labels = axes[0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))  # one of those that differ in f
    drawing.legend(named.values(), named.keys(), loc="outside right center")
    return save(drawing, path)
