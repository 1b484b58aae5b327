"""The page about microcontrollers, from the rows of `experiments.edge`."""

import itertools
import operator
from collections.abc import Iterable, Sequence

from experiments.core.results import Row
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING
from experiments.report.stream import PRECISIONS
from experiments.report.text import table

_TABLE = ("core", "m", "n")
_KEY = (*_TABLE, "layer", "precision")
_FIRST = "lstm"  # what the others are compared with

_INTRODUCTION = """\
# On microcontrollers

[All results](README.md). One step of a recurrent layer as `slim_keras.export.to_c`
writes it, compiled for two cores of ARM and run in an emulator, from zero states on
random input; the outputs there are those of Keras. m are the inputs, n the units.
`weights` and `code` lie in flash; the states and the greatest stack of a step, in RAM.
A Cortex-M0+ computes floats in software, which its code holds. With 8 bits the
matrices have 8 bits and a scale for each output; vectors, biases and kernels of one
input stay in float32. Beside them stand the file of `to_litert(..., runtime="micro")`
for the same step and the arena that LiteRT Micro needs for it in RAM; its interpreter
comes on top. `python -m experiments.edge --part microcontroller` makes the rows.

**The instructions of a step are counted, not timed**, those too that a condition
skips. An emulator knows neither cycles nor wait states. An estimate is

    milliseconds = instructions * cycles per instruction / (1000 * clock in MHz)

with 1 to 2 cycles per instruction on these cores where flash keeps up: at 64 MHz and
1.5 cycles, 100,000 instructions are some 2.3 ms."""


def page(rows: Iterable[Row]) -> str:
    """The page: a table for each core and shape."""
    own = newest(rows)
    if not own:
        return f"{_INTRODUCTION}\n\nNo rows yet.\n"
    tools = " and ".join(
        dict.fromkeys(
            ", ".join(f"{name} {version}" for name, version in row["tools"].items())
            for row in own
        )
    )
    parts = [_INTRODUCTION, f"Measured with {tools}."]
    flags = {row["core"]: row["flags"] for row in own}
    parts.append("\n".join(f"- {core}: `{text}`" for core, text in flags.items()))
    for (core, m, n), group in itertools.groupby(own, operator.itemgetter(*_TABLE)):
        parts += [f"## {core}, m = {m}, n = {n}", _table(list(group))]
    return "\n\n".join(parts) + "\n"


def newest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each layer, core, shape and precision; the first core first."""
    last = {tuple(row[field] for field in _KEY): row for row in rows}
    cores = list(dict.fromkeys(row["core"] for row in last.values()))
    layers = list(dict.fromkeys(row["layer"] for row in last.values()))

    def place(row: Row) -> tuple:
        precision = list(PRECISIONS).index(row["precision"])
        shape = (row["m"], row["n"])
        return (cores.index(row["core"]), shape, precision, layers.index(row["layer"]))

    return sorted(last.values(), key=place)


def _table(rows: Sequence[Row]) -> str:
    columns = ["layer", "matrices", "weights, bytes", "code, bytes", "states, bytes"]
    columns += ["stack, bytes", "instructions", "times fewer than LSTM"]
    columns += ["LiteRT Micro: file, bytes", "arena, bytes"]
    first = {
        row["precision"]: row["instructions"] for row in rows if row["layer"] == _FIRST
    }
    body = []
    for row in rows:
        lstm = first[row["precision"]]
        counts = ("weight_bytes", "code_bytes", "state_bytes", "stack_bytes")
        body.append(
            [
                _title(row["layer"]),
                PRECISIONS[row["precision"]],
                *(f"{row[name]:,}" for name in (*counts, "instructions")),
                f"{lstm / row['instructions']:.1f}",
                *(
                    NOTHING if row[name] is None else f"{row[name]:,}"
                    for name in ("micro_bytes", "micro_arena")
                ),
            ]
        )
    return table(columns, body)


def _title(layer: str) -> str:
    return f"`{layer}`" if layer.startswith("keras.") else layer_name(layer)
