"""The page about speed, from the rows of `experiments.speed`."""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from experiments.core.results import Row
from experiments.report.names import layer_name, layer_place
from experiments.report.papers import NOTHING, Paper
from experiments.report.text import folded, table
from experiments.speed.contenders import BASELINE, NATIVE, parts as contender_parts

WHERE = ("backend", "processor")
_OTHERS = (BASELINE, NATIVE)
_SHAPE = ["model", "masked", "B", "T", "m", "n"]
_TYPICAL = {"T": 500, "n": 100}  # the shape whose milliseconds stand on top

INTRODUCTION = """\
# Time of a training step

[All results](README.md). `python -m experiments.speed --backend jax --steps
100,500,2000 --units 100,200,400` and so on time a whole training step of Keras, all
layers in turns within a process; a number is the newest median of a layer and a
shape. B is the batch size, T the number of steps, m the inputs, n the units. `imdb`
is the model of IMDB, `layer` the recurrent layer alone, `adding` the model of the
adding problem."""

ENGINES = """\
Engines compared, and layers on a GPU: milliseconds of a training step / of a
forward pass; on a GPU also the bytes per second that the step moves, of those that
a copy moves. `scan:8` takes eight steps at once."""


def newest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each layer and shape, in order of backend, model and shape.

    Of our layers with the engine that they choose themselves, from host arrays.
    """
    usual = [row for row in rows if not _compared(row)]
    last = {(*(row[n] for n in (*WHERE, *_SHAPE)), row["layer"]): row for row in usual}
    return [last[key] for key in sorted(last)]


def _compared(row: Row) -> bool:
    """Whether it was measured beside others of its layer, or on a GPU."""
    return row.get("engines", "auto") != "auto" or row.get("device", "cpu") != "cpu"


def grouped(rows: Iterable[Row], names: Sequence[str]) -> dict[tuple, list[Row]]:
    """The rows that agree in some fields, by what these hold."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def unmasked(rows: Iterable[Row], model: str) -> list[Row]:
    """The rows of a model without a mask."""
    return [row for row in rows if row["model"] == model and not row["masked"]]


def steps(rows: Iterable[Row]) -> pd.DataFrame:
    """Milliseconds of a training step: a row for each shape, a column a layer."""
    frame = pd.DataFrame(rows).pivot(index=_SHAPE, columns="layer", values="step_ms")
    others = [name for name in _OTHERS if name not in frame]
    frame = frame.assign(**dict.fromkeys(others, float("nan")))
    return frame[sorted(frame.columns, key=place)]


def page(rows: Sequence[Row], papers: Sequence[Paper]) -> str:
    """The page: the newest machine on top, what else was measured folded below."""
    own = newest(rows)
    if not own:
        return f"{INTRODUCTION}\n\nNo rows yet.\n"
    usual = [row for row in reversed(rows) if not _compared(row)]
    processors = dict.fromkeys(row["processor"] for row in usual)
    texts = [
        _machine(name, [row for row in own if row["processor"] == name], papers)
        for name in processors
    ]
    parts = [INTRODUCTION, *texts[:1]]
    parts += [folded("An older machine", text) for text in texts[1:]]
    if engines := engine_tables(row for row in rows if not studied(row)):
        parts += ["## Engines, and a GPU", ENGINES, engines]
    return "\n\n".join(parts) + "\n"


def _machine(processor: str, rows: Sequence[Row], papers: Sequence[Paper]) -> str:
    """Ratios and milliseconds on one machine, and all its shapes folded."""
    parts = [
        f"## {processor}",
        f"How many times faster than `{BASELINE}`: the median over the shapes and the "
        "range.",
        range_table(rows),
    ]
    typical = [
        row
        for row in unmasked(rows, "imdb")
        if all(row[name] == value for name, value in _TYPICAL.items())
    ]
    if typical:
        parts += [
            "Milliseconds of a step of `imdb` without a mask, T = 500, n = 100:",
            _by_backend(typical, lambda own: f"{own[0]['step_ms']:.1f}"),
            "![Milliseconds of a training step by layer, one panel for each backend]"
            "(speed.png)",
        ]
    for model in ("imdb", "adding"):
        shapes = unmasked(rows, model)
        if shapes:
            says = (
                "Milliseconds of a step without a mask, and in brackets how many times "
                f"faster than `{BASELINE}` and `{NATIVE}`."
            )
            says += _ratios_printed(papers) if model == "adding" else ""
            text = f"{says}\n\n{step_tables(shapes)}"
            parts.append(folded(f"All shapes of the model `{model}`", text))
    if any(row["masked"] for row in rows):
        says = "The step with a mask over the step without: the median and the range."
        parts.append(folded("What a mask costs", f"{says}\n\n{mask_table(rows)}"))
    return "\n\n".join(parts)


def _ratios_printed(papers: Sequence[Paper]) -> str:
    """What a paper prints of the same: ratios to cuDNN's LSTM by length and layers."""
    for paper in papers:
        for printed in paper.tables:
            if "ratio" in printed.printed:
                told = ", ".join(
                    f"{cell.printed['ratio']:g} (T = {cell.settings['length']}, "
                    f"layers: {cell.settings['layers']})"
                    for cell in printed.cells
                )
                return f" {printed.title}, arXiv {paper.key}: {told}."
    return ""


def _by_backend(rows: Sequence[Row], text: Callable[[list[Row]], str]) -> str:
    """A table with a row for each layer and a column for each backend."""
    backends = sorted({row["backend"] for row in rows})
    cells = grouped(rows, ("layer", "backend"))
    layers = sorted({row["layer"] for row in rows}, key=place)
    body = [
        [
            layer_title(x),
            *(text(cells[x, b]) if (x, b) in cells else NOTHING for b in backends),
        ]
        for x in layers
    ]
    return table(["layer", *backends], body)


def step_tables(rows: Iterable[Row]) -> str:
    """For each backend the step at every shape of a model."""
    parts = []
    for (backend, batch, inputs), own in grouped(rows, ("backend", "B", "m")).items():
        frame = steps(own)
        layers = [layer for layer in frame if frame[layer].notna().any()]
        body = [
            [str(shape[3]), str(shape[5]), *(_step(times, layer) for layer in layers)]
            for shape, times in frame.iterrows()
        ]
        columns = ["T", "n", *map(layer_title, layers)]
        parts += [
            f"{backend}, B = {batch}, m = {inputs}:",
            table(columns, body),
        ]
    return "\n\n".join(parts)


def _step(times: pd.Series, layer: str) -> str:
    """Milliseconds, and how many times faster than Keras' LSTM and PyTorch's."""
    if pd.isna(times[layer]):
        return NOTHING
    ratios = (times[other] / times[layer] for other in _OTHERS)
    told = (NOTHING if pd.isna(ratio) else f"{ratio:.1f}x" for ratio in ratios)
    return f"{times[layer]:.1f} ({', '.join(told)})"


def range_table(rows: Sequence[Row]) -> str:
    """How many times faster than Keras' LSTM, over all shapes, by model and mask."""
    kinds = sorted({(row["model"], row["masked"]) for row in rows})
    body = []
    for (backend,), own in grouped(rows, ["backend"]).items():
        frame = steps(own)
        ratios = frame.rdiv(frame[BASELINE], axis=0)
        body += [
            [
                backend,
                layer_title(layer),
                *(_range(ratios[layer], kind) for kind in kinds),
            ]
            for layer in frame
            if layer != BASELINE and frame[layer].notna().any()
        ]
    columns = [
        f"{model}, {'masked' if masked else 'no mask'}" for model, masked in kinds
    ]
    return table(["backend", "layer", *columns], body)


def _range(ratios: pd.Series, kind: tuple[str, bool] | None = None) -> str:
    """The median, and from where to where; of one kind of shapes, or of all."""
    if kind is not None:
        ratios = ratios[[shape[:2] == kind for shape in ratios.index]]
    ratios = ratios.dropna()
    if len(ratios) < 2:
        return f"{ratios.iloc[0]:.2f}" if len(ratios) else NOTHING
    return f"{ratios.median():.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def mask_table(rows: Sequence[Row]) -> str:
    """What a mask costs: the masked step over the unmasked one at the same shape."""

    def cost(own: list[Row]) -> str:
        frame = steps(own)[own[0]["layer"]].unstack("masked")
        if True not in frame or False not in frame:
            return NOTHING
        return _range(frame[True] / frame[False])

    # PyTorch's LSTM has no masks.
    return _by_backend([row for row in rows if row["layer"] != NATIVE], cost)


def studied(row: Row) -> bool:
    """Whether it belongs to the study of layers with all steps at once."""
    return "parallel" in row.get("engines", "")


def engine_tables(rows: Iterable[Row]) -> str:
    """Where engines were compared: the step and the forward pass of each.

    Those that were compared with one another stand in one table.
    """
    own = [
        {"xla_flags": None} | row for row in rows if _compared(row) and row["engine"]
    ]
    parts = []
    what = (*WHERE, "model", "masked", "engines", "xla_flags")
    for of, alike in grouped(own, what).items():
        backend, processor, model, masked, compared, flags = of
        engines = list(dict.fromkeys(map(_engine, alike)))
        body = []
        for shape, by_engine in grouped(alike, ("layer", "B", "T", "m", "n")).items():
            cells = {_engine(row): _both(row) for row in by_engine}  # the newest
            shown = [cells.get(engine, NOTHING) for engine in engines]
            body.append([layer_title(shape[0]), *map(str, shape[1:]), *shown])
        title = f"{processor}, {backend}, {model}: {compared.replace(',', ', ')}"
        title += (", masked" if masked else "") + (f", {flags}" if flags else "")
        text = table(["layer", "B", "T", "m", "n", *engines], body)
        parts.append(folded(title, text))
    return "\n\n".join(parts)


def _engine(row: Row) -> str:
    """The engine that was asked for, and how many steps it chose to take at once."""
    chosen = row.get("at_once") or 1  # older rows took one
    if chosen == 1 or ":" in row["engine"]:
        return row["engine"]
    return f"{row['engine']}, {chosen} at once"


def _both(row: Row) -> str:
    """Milliseconds of step and forward pass, Newton steps, GB/s on a GPU."""
    said = [f"{row['step_ms']:.2f} / {row['forward_ms']:.2f}"]
    if "newton_steps" in row:
        taken = row["newton_steps"]
        said.append("fell to the loop" if taken is None else f"{taken} Newton steps")
    if "step_gb_s" in row:
        said.append(f"{row['step_gb_s']:.0f} of {row['copy_gb_s']:.0f} GB/s")
    return ", ".join(said)


def place(layer: str) -> tuple[int, int]:
    """Where a layer stands: Keras' and PyTorch's LSTM, then ours as the library has."""
    if layer in _OTHERS:
        return -1, _OTHERS.index(layer)
    key, depth = contender_parts(layer)
    return layer_place(key), depth


def layer_title(layer: str) -> str:
    """What the report calls a layer in a row of a benchmark."""
    if layer in _OTHERS:
        return f"`{layer}`"
    key, depth = contender_parts(layer)
    return layer_name(key) + (f", {depth} layers" if depth > 1 else "")
