"""The page about small devices, from the rows of `experiments.edge`."""

from collections.abc import Iterable, Sequence

from experiments.core.results import Row
from experiments.report.papers import NOTHING
from experiments.report.speed import grouped, layer_title, place
from experiments.report.text import table

_TABLE = ("processor", "model", "streamed")
_KEY = (*_TABLE, "layer", "runtime", "precision")
_PRECISIONS = {
    "float32": "float32",
    "float16": "float16",
    "weights": "8 bits",
    "full": "8 bits, activations too",
    "full16": "8 bits, activations of 16",
}

_INTRODUCTION = """\
# On small devices

[All results](README.md). Exported files in their runtimes on one thread, a sequence
at a time: the medians of the runtime's time, the newest row of each. `imdb` are the
trained models of `configs/edge.toml` with embedding and output, on 500 words;
`layer` is the recurrent layer alone, m = 32, n = 100; `handwriting` has three
bidirectional layers, n = 64, on 150 points. `peak MB` is what a file adds to the
memory of its process. `python -m experiments.edge` makes the rows."""


def page(rows: Iterable[Row]) -> str:
    """The page: a table for each model, the smallest models first."""
    own = newest(rows)
    if not own:
        return f"{_INTRODUCTION}\n\nNo rows yet.\n"
    reviews = f"The accuracy is that on {own[0]['sequences']} test reviews."
    return "\n\n".join([_INTRODUCTION, reviews, edge_tables(own)]) + "\n"


def newest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each file, by model and layer; none of sample data."""
    real = [row for row in rows if row["data"] != "sample"]
    last = {tuple(row[field] for field in _KEY): row for row in real}
    return sorted(last.values(), key=_place)


def _place(row: Row) -> tuple:
    precision = list(_PRECISIONS).index(row["precision"])
    kind = tuple(row[field] for field in _TABLE)
    return (*kind, row["runtime"], place(row["layer"]), precision)


def edge_tables(rows: Sequence[Row]) -> str:
    """A table for each model; one step at a time, then whole sequences."""
    parts = []
    rows = sorted(rows, key=lambda row: not row["streamed"])
    for (processor, model, streamed), own in grouped(rows, _TABLE).items():
        what = "one step at a time" if streamed else "whole sequences"
        title = f"## {model}, {what}: {processor}"
        time = "us per step" if streamed else "ms per sequence"
        columns = ["runtime", "layer", "weights", "kB", "peak MB", time]
        scored = any(row["test_accuracy"] is not None for row in own)
        columns += ["test accuracy"] if scored else []
        body = [_cells(row, scored) for row in own]
        parts += [title, table(columns, body)]
    return "\n\n".join(parts)


def _cells(row: Row, scored: bool) -> list[str]:
    cells = [
        {"litert": "LiteRT", "onnxruntime": "onnxruntime"}[row["runtime"]],
        layer_title(row["layer"]),
        _PRECISIONS[row["precision"]],
        f"{row['bytes'] / 1000:.1f}",
        f"{row['peak_mb']:.1f}",
        f"{row['step_us']:.1f}" if row["streamed"] else f"{row['sequence_ms']:.2f}",
    ]
    if scored:
        right = row["test_accuracy"]
        cells.append(NOTHING if right is None else f"{right:.3f}")
    return cells
