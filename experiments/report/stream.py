"""Trained models step by step, from the rows of `experiments.stream`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from experiments.core.results import Row, replacing
from experiments.report.names import COLOURS, layer_name, layer_place
from experiments.report.text import table

PRECISIONS = {"float32": "float32", "weights": "8 bits"}

NOTE = """\
`python -m experiments.stream` makes the rows: the one-step file of a trained model,
fed one step at a time by `slim_keras.export.Stream`, over the whole test set. `differ`
are the decisions that are not those of the Keras model on whole sequences; the answer
is there as soon as the last step is. Bytes are those of the file; microseconds those of
the runtime, the median, on one thread."""


def newest(rows: Iterable[Row], experiment: str) -> list[Row]:
    """The last row of each file of an experiment, by layer; none of sample data."""
    own = [r for r in rows if r["of"] == experiment and r["data"] != "sample"]
    last = {(row["run"], row["runtime"], row["precision"]): row for row in own}
    return sorted(last.values(), key=lambda row: layer_place(row["variant"]))


def stream_table(rows: Sequence[Row]) -> str:
    """The files of an experiment's models, in Markdown."""
    columns = ["layer", "n", "weights", "bytes", "us a step", "decisions", "differ"]
    columns += ["accuracy", "on whole sequences"]
    body = [
        [
            layer_name(row["variant"]),
            str(row["units"]),
            PRECISIONS[row["precision"]],
            f"{row['bytes']:,}",
            f"{row['step_us']:.1f}",
            f"{row['decisions']:,}",
            str(row["other"]),
            f"{row['accuracy']:.4f}",
            f"{row['accuracy_whole']:.4f}",
        ]
        for row in rows
    ]
    return f"{table(columns, body)}\n\n{NOTE}"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Accuracy over the bytes of the files: filled with float32, else with 8 bits."""
    drawing, axis = plt.subplots(figsize=(5.4, 4.3), layout="constrained")
    for row in rows:
        exact = row["precision"] == "float32"
        colour = COLOURS.get(row["variant"], "#555555")
        axis.plot(
            row["bytes"],
            row["accuracy"],
            "o",
            color=colour,
            mfc=colour if exact else "none",
            label=layer_name(row["variant"]) if exact else None,
        )
    axis.set_xscale("log")
    axis.set_xlabel("bytes of the one-step file; hollow: 8 bits")
    axis.set_ylabel("test accuracy, step by step")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)
    with replacing(path) as beside:
        drawing.savefig(beside, dpi=110)
    plt.close(drawing)
