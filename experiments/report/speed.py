"""The page about speed and its figure, from the rows of `experiments.speed`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt

from experiments.core.results import Row, replacing
from experiments.report.names import layer_name, layer_place
from experiments.report.papers import NOTHING, Paper
from experiments.report.text import folded, head, table
from experiments.speed.contenders import BASELINE, NATIVE, parts as contender_parts

WHERE = ["backend", "processor"]
_OTHERS = (BASELINE, NATIVE)
_SHAPE = ["model", "masked", "B", "T", "m", "n"]
# The shape whose milliseconds stand on top.
_TYPICAL = (
    "model == 'imdb' and not masked and B == 32 and T == 500 and m == 32 and n == 100"
)

INTRODUCTION = """\
# Time of a training step

[All results](README.md). `python -m experiments.speed --backend jax --steps
100,500,2000 --units 100,200,400` and so on time a whole training step of Keras, all
layers in turns within a process; a number is the newest median of a layer and a
shape. B is the batch size, T the number of steps, m the inputs, n the units. `imdb`
is the model of IMDB, `layer` the recurrent layer alone, `adding` the model of the
adding problem."""

FIGURE = """\
![speed](figures/speed.png)
*Milliseconds of a training step of `imdb` without a mask, T = 500, n = 100.*"""

ENGINES = """\
Engines compared, and layers on a GPU: milliseconds of a training step / of a
forward pass; on a GPU also the bytes per second that the step moves, of those that
a copy moves. `scan:8` takes eight steps at once."""


def steps(rows: Iterable[Row]) -> pd.DataFrame:
    """Milliseconds of a training step: the newest of each shape, a column a layer.

    Of our layers with the engine that they choose themselves, from host arrays. The
    times of a shape are those of one commit, as the speed of a machine changes.
    """
    usual = [row for row in rows if not _compared(row)]
    index = [*WHERE, *_SHAPE]
    if not usual:
        return pd.DataFrame(
            index=pd.MultiIndex.from_arrays([[]] * len(index), names=index)
        )
    every = pd.DataFrame(usual)
    newest = every[every["commit"] == every.groupby(index)["commit"].transform("last")]
    newest = newest.drop_duplicates([*index, "layer"], keep="last")
    times = newest.pivot(index=index, columns="layer", values="step_ms")
    return times[sorted(times, key=place)]


def _compared(row: Row) -> bool:
    """Whether engines were compared in it, or a GPU ran it."""
    return row.get("engines", "auto") != "auto" or row.get("device", "cpu") != "cpu"


def studied(row: Row) -> bool:
    """Whether it belongs to the study of layers with all steps at once."""
    return "parallel" in row.get("engines", "")


def page(rows: Sequence[Row], papers: Sequence[Paper]) -> str:
    """The page: the newest machine on top, all other times folded below."""
    machines = _machines(rows)
    if not machines:
        return f"{INTRODUCTION}\n\nNo rows yet.\n"
    newest, *others = [_machine(name, times) for name, times in machines.items()]
    drawn = not _typical(next(iter(machines.values()))).empty
    parts = [INTRODUCTION, newest, *([FIGURE] if drawn else []), *_printed(papers)]
    parts += [folded("An older machine", text) for text in others]
    if engines := engine_tables(row for row in rows if not studied(row)):
        parts += ["## Engines, and a GPU", ENGINES, engines]
    return "\n\n".join(parts) + "\n"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draws the typical shape on the newest machine: a panel for each backend."""
    machines = list(_machines(rows).values())
    typical = _typical(machines[0]) if machines else pd.DataFrame()
    if typical.empty:
        path.unlink(missing_ok=True)
        return
    size = (4.2 * len(typical.columns), 3.4)
    drawing, axes = plt.subplots(
        1,
        len(typical.columns),
        figsize=size,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, backend in zip(axes[0], typical, strict=True):
        times = typical[backend].dropna().sort_values(ascending=False)
        colours = ["gray" if name in _OTHERS else "tab:blue" for name in times.index]
        bars = axis.barh(
            [layer_title(x).strip("`") for x in times.index], times, color=colours
        )
        labels = [f"{ms:,.{0 if ms >= 100 else 1}f}" for ms in times]
        axis.bar_label(bars, labels, padding=3)
        axis.set_xscale("log")
        axis.margins(x=0.25)
        axis.set_title(backend)
        axis.set_xlabel("ms per training step")
        axis.spines[["top", "right"]].set_visible(False)
    with replacing(path) as beside:
        drawing.savefig(beside, dpi=110)
    plt.close(drawing)


def _machines(rows: Sequence[Row]) -> dict[str, pd.DataFrame]:
    """The steps on each machine, the newest machine first."""
    usual = [row["processor"] for row in reversed(rows) if not _compared(row)]
    times = steps(rows)
    return {name: times.xs(name, level="processor") for name in dict.fromkeys(usual)}


def _typical(times: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds at the typical shape: a row for each layer, a column a backend."""
    return times.query(_TYPICAL).droplevel(_SHAPE).T.dropna(how="all")


def _machine(processor: str, times: pd.DataFrame) -> str:
    """Ratios and milliseconds on one machine, and all its shapes folded."""
    titles = [layer_title(layer) for layer in times]
    parts = [
        f"## {processor}",
        f"How many times faster than `{BASELINE}`: the median over the shapes and the "
        "range.",
        ratio_table(times),
    ]
    typical = _typical(times)
    if not typical.empty:
        ms = typical.map("{:.1f}".format).replace("nan", NOTHING)
        rows = zip(map(layer_title, ms.index), *(ms[name] for name in ms), strict=True)
        parts += [
            "Milliseconds of a step of `imdb` without a mask, T = 500, n = 100:",
            table(["layer", *ms], rows),
        ]
    every = times.map("{:.1f}".format).replace("nan", NOTHING).reset_index()
    every["masked"] = every["masked"].map({True: "yes", False: "no"})
    text = table(["backend", *_SHAPE, *titles], every.to_numpy())
    parts.append(folded("Milliseconds of a step at every shape", text))
    return "\n\n".join(parts)


def _printed(papers: Sequence[Paper]) -> list[str]:
    """The tables of the papers about speed."""
    return [
        f"{printed.title}, arXiv {paper.key}:\n\n"
        f"{table(map(head, [*printed.axes, *printed.printed]), printed.rows)}"
        for paper in papers
        for printed in paper.tables
        if printed.experiment == "speed"
    ]


def ratio_table(times: pd.DataFrame) -> str:
    """How many times faster than Keras' LSTM, over all shapes, by model and mask."""
    kind = ["backend", "model", "masked"]
    ratios = times.rdiv(times.get(BASELINE, float("nan")), axis=0)
    ratios = ratios.drop(columns=BASELINE, errors="ignore")
    ranges = ratios.groupby(level=kind).agg(_range).unstack(kind[1:])
    cells = ranges.stack("layer", future_stack=True).fillna(NOTHING)
    cells = cells.sort_index(axis="columns")
    cells = cells[(cells != NOTHING).any(axis="columns")]
    columns = [
        f"{model}, {'masked' if masked else 'no mask'}" for model, masked in cells
    ]
    rows = [
        [backend, layer_title(layer), *own]
        for (backend, layer), own in zip(cells.index, cells.to_numpy(), strict=True)
    ]
    return table(["backend", "layer", *columns], rows)


def _range(ratios: pd.Series) -> str:
    """The median, and from where to where."""
    ratios = ratios.dropna()
    if len(ratios) < 2:
        return f"{ratios.iloc[0]:.2f}" if len(ratios) else NOTHING
    return f"{ratios.median():.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def engine_tables(rows: Iterable[Row]) -> str:
    """Where engines were compared: the step and the forward pass of each.

    Engines that were compared with one another stand in one table.
    """
    own = [
        {"xla_flags": ""} | row | {"engine": _engine(row), "both": _both(row)}
        for row in rows
        if _compared(row) and row["engine"]
    ]
    if not own:
        return ""
    parts = []
    shape = ["layer", "B", "T", "m", "n"]
    what = ["processor", "backend", "model", "engines", "masked", "xla_flags"]
    frame = pd.DataFrame(own).fillna({"xla_flags": ""})
    for of, alike in frame.groupby(what, sort=False):
        processor, backend, model, compared, masked, flags = of
        cells = alike.pivot_table(
            "both", shape, "engine", aggfunc="last", sort=False
        ).reindex(columns=alike["engine"].unique())
        title = f"{processor}, {backend}, {model}: {compared.replace(',', ', ')}"
        title += (", masked" if masked else "") + (f", {flags}" if flags else "")
        body = [[layer_title(x[0]), *x[1:]] for x in cells.reset_index().to_numpy()]
        parts.append(folded(title, table([*shape, *cells], body)))
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
    """The place of a layer: Keras' and PyTorch's LSTM, then the library's order."""
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
