"""The page about small devices, from the rows of `experiments.edge`."""

from collections.abc import Iterable, Sequence

import pandas as pd

from experiments.core.results import Row
from experiments.report.speed import layer_title, place
from experiments.report.text import table

_KEY = ("processor", "model", "streamed", "layer", "runtime", "precision")
_PRECISIONS = {
    "float32": "float32",
    "float16": "float16",
    "weights": "8 bits",
    "full": "8 bits, activations too",
    "full16": "8 bits, activations of 16",
}
_RUNTIMES = {"litert": "LiteRT", "onnxruntime": "onnxruntime"}

_INTRODUCTION = """\
# On small devices

[All results](README.md). Exported files in their runtimes on one thread, a sequence
at a time: the medians of the runtime's time, the newest row of each. `imdb` are the
trained models of `configs/edge.toml` with embedding and output, on 500 words;
`layer` is the recurrent layer alone, m = 32, n = 100; `handwriting` has three
bidirectional layers, n = 64, on 150 points. `peak MB` is what a file adds to the
memory of its process. `python -m experiments.edge` makes the rows."""


def page(rows: Iterable[Row]) -> str:
    """The page: a table for each model, the newest row of each file."""
    own = newest(rows)
    if not own:
        return f"{_INTRODUCTION}\n\nNo rows yet.\n"
    reviews = f"The accuracy is that on {own[0]['sequences']} test reviews."
    return "\n\n".join([_INTRODUCTION, reviews, edge_tables(own)]) + "\n"


def newest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each file, by model and layer; none of sample data."""
    real = [row for row in rows if row["data"] != "sample"]
    return list({tuple(row[name] for name in _KEY): row for row in real}.values())


def edge_tables(rows: Sequence[Row]) -> str:
    """A table for each model; one step at a time, then whole sequences."""
    last = pd.DataFrame(rows)
    last["place"] = last["layer"].map(place)
    last["bits"] = last["precision"].map([*_PRECISIONS].index)
    last = last.sort_values(["processor", "model", "runtime", "place", "bits"])
    parts = []
    for streamed in (True, False):
        shown = last[last["streamed"] == streamed]
        for (processor, model), own in shown.groupby(["processor", "model"]):
            time, unit = own["sequence_ms"].map("{:.2f}".format), "ms per sequence"
            if streamed:
                time, unit = own["step_us"].map("{:.1f}".format), "us per step"
            columns = {
                "runtime": own["runtime"].map(_RUNTIMES),
                "layer": own["layer"].map(layer_title),
                "weights": own["precision"].map(_PRECISIONS),
                "kB": (own["bytes"] / 1000).map("{:.1f}".format),
                "peak MB": own["peak_mb"].map("{:.1f}".format),
                unit: time,
            }
            if own["test_accuracy"].notna().any():
                accuracy = own["test_accuracy"].map("{:.3f}".format)
                columns["test accuracy"] = accuracy.replace("nan", None)
            what = "one step at a time" if streamed else "whole sequences"
            parts.append(f"## {model}, {what}: {processor}")
            parts.append(table(columns, pd.DataFrame(columns).to_numpy()))
    return "\n\n".join(parts)
