"""The rows of `experiments.edge`: files, memory, time and accuracy, in a table."""

from collections.abc import Iterable, Sequence

from experiments.core.results import Row
from experiments.report.speed import grouped, layer_title, place
from experiments.report.text import NOTHING, table

_TABLE = ("processor", "model", "streamed")
_KEY = (*_TABLE, "layer", "runtime", "precision")
_PRECISIONS = {
    "float32": "float32",
    "float16": "float16",
    "weights": "8 bits",
    "full": "8 bits, activations too",
    "full16": "8 bits, activations of 16",
}


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
    """A table for each model."""
    parts = []
    for (processor, model, streamed), own in grouped(rows, _TABLE).items():
        title = f"### {model}, {'one step' if streamed else 'whole'}: {processor}"
        time = "us per step" if streamed else "ms per sequence"
        columns = ["runtime", "layer", "weights", "kB", "peak MB", time]
        scored = any(row["test_accuracy"] is not None for row in own)
        columns += ["test accuracy"] if scored else []
        body = [_cells(row, scored) for row in own]
        parts += [title, table(columns, body, left=3)]
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
