"""The rows of `experiments.speed`: how long a training step takes, in tables."""

import statistics
from collections.abc import Iterable, Sequence

from experiments.core.results import Row
from experiments.report.names import layer_name, layer_place
from experiments.report.text import NOTHING, table
from experiments.speed.contenders import BASELINE, NATIVE, parts

# What makes two rows measurements of the same thing.
WHERE = ("backend", "processor")
_OTHERS = (BASELINE, NATIVE)
_WHAT = ("model", "masked", "B", "T", "m", "n")


def newest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each layer and shape, in order of backend, model and shape.

    Of our layers with the engine that they choose themselves, from host arrays.
    """
    usual = [row for row in rows if not compares_engines(row)]
    last = {(*(row[n] for n in (*WHERE, *_WHAT)), row["layer"]): row for row in usual}
    return [last[key] for key in sorted(last)]


def compares_engines(row: Row) -> bool:
    """Whether it was measured beside others of its layer, or on a GPU."""
    return row.get("engines", "auto") != "auto" or row.get("device", "cpu") != "cpu"


def engine_tables(rows: Iterable[Row]) -> str:
    """Where engines were compared: the step and the forward pass of each.

    Those that were compared with one another stand in one table.
    """
    own = [
        {"xla_flags": None} | row
        for row in rows
        if compares_engines(row) and row["engine"]
    ]
    sections = []
    what = (*WHERE, "model", "masked", "engines", "xla_flags")
    for of, alike in grouped(own, what).items():
        backend, processor, model, masked, compared, flags = of
        engines = list(dict.fromkeys(map(_engine, alike)))
        body = []
        for shape, by_engine in grouped(alike, ("layer", "B", "T", "m", "n")).items():
            cells = {_engine(row): _both(row) for row in by_engine}  # the newest
            shown = [cells.get(engine, NOTHING) for engine in engines]
            body.append([layer_title(shape[0]), *map(str, shape[1:]), *shown])
        title = f"### {backend}, {processor}: {model}, {compared.replace(',', ', ')}"
        title += (", masked" if masked else "") + (f", {flags}" if flags else "")
        sections += [title, table(["layer", "B", "T", "m", "n", *engines], body)]
    return "\n\n".join(sections)


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


def grouped(rows: Iterable[Row], names: Sequence[str]) -> dict[tuple, list[Row]]:
    """The rows that agree in some fields, by what these hold."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def shapes(rows: Iterable[Row], key: Sequence[str] = _WHAT) -> dict[tuple, dict]:
    """Milliseconds of a training step by shape, and by layer within it."""
    steps: dict[tuple, dict[str, float]] = {}
    for row in rows:
        of_shape = steps.setdefault(tuple(row[name] for name in key), {})
        of_shape[row["layer"]] = row["step_ms"]
    return steps


def unmasked(rows: Iterable[Row], model: str) -> list[Row]:
    """The rows of a model without a mask."""
    return [row for row in rows if row["model"] == model and not row["masked"]]


def step_tables(rows: Iterable[Row]) -> str:
    """For each backend and model the step at every shape."""
    sections = []
    tables = grouped(rows, [*WHERE, "model", "B", "m"])
    for (backend, processor, model, batch, features), own in tables.items():
        steps = shapes(own, ("T", "n"))
        layers = _layers(own)
        body = [
            [str(T), str(n), *(_step(times, layer) for layer in layers)]
            for (T, n), times in sorted(steps.items())
        ]
        title = f"### {backend}, {processor}: {model}, B={batch}, m={features}"
        columns = ["T", "n", *map(layer_title, layers)]
        sections += [title, table(columns, body, left=0)]
    return "\n\n".join(sections)


def _step(times: dict[str, float], layer: str) -> str:
    """Milliseconds, and how many times faster than Keras' LSTM and PyTorch's."""
    if layer not in times:
        return NOTHING
    own = times[layer]
    ratios = [
        f"{times[other] / own:.1f}x" if other in times else NOTHING
        for other in (BASELINE, NATIVE)
    ]
    return f"{own:.1f} ({', '.join(ratios)})"


def range_table(rows: Sequence[Row]) -> str:
    """How many times faster than Keras' LSTM, over all shapes, by model and mask."""
    kinds = sorted({(row["model"], row["masked"]) for row in rows})
    body = []
    for (backend, processor), own in grouped(rows, WHERE).items():
        steps = shapes(own)
        for layer in _layers(own):
            if layer == BASELINE:
                continue
            cells = []
            for kind in kinds:
                ratios = [
                    times[BASELINE] / times[layer]
                    for shape, times in steps.items()
                    if shape[:2] == kind and {BASELINE, layer} <= times.keys()
                ]
                cells.append(_range(ratios))
            body.append([backend, processor, layer_title(layer), *cells])
    columns = [
        f"{model}, {'masked' if masked else 'no mask'}" for model, masked in kinds
    ]
    return table(["backend", "processor", "layer", *columns], body, left=3)


def mask_table(rows: Sequence[Row]) -> str:
    """What a mask costs: the masked step over the unmasked one at the same shape."""
    machines = grouped(rows, WHERE)
    layers = [layer for layer in _layers(rows) if layer != NATIVE]  # it has no masks
    body = []
    for layer in layers:
        cells = []
        for own in machines.values():
            steps = shapes(own)
            ratios = [
                times[layer] / plain[layer]
                for (model, masked, *shape), times in steps.items()
                if masked and layer in times
                if layer in (plain := steps.get((model, False, *shape), {}))
            ]
            cells.append(_range(ratios))
        body.append([layer_title(layer), *cells])
    columns = [f"{backend}, {processor}" for backend, processor in machines]
    return table(["layer", *columns], body)


def _range(ratios: Sequence[float]) -> str:
    """The median, and from where to where."""
    if not ratios:
        return NOTHING
    median = f"{statistics.median(ratios):.2f}"
    if len(ratios) == 1:
        return median
    return f"{median} ({min(ratios):.2f}-{max(ratios):.2f})"


def _layers(rows: Iterable[Row]) -> list[str]:
    return sorted({row["layer"] for row in rows}, key=place)


def place(layer: str) -> tuple[int, int]:
    """Where a layer stands: Keras' and PyTorch's LSTM, then ours as the library has."""
    if layer in _OTHERS:
        return -1, _OTHERS.index(layer)
    key, depth = parts(layer)
    return layer_place(key), depth


def layer_title(layer: str) -> str:
    """What the report calls a layer in a row of a benchmark."""
    if layer in _OTHERS:
        return f"`{layer}`"
    key, depth = parts(layer)
    return layer_name(key) + (f", {depth} layers" if depth > 1 else "")
