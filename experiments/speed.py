"""How long a step takes: our layers, keras.layers.LSTM and torch.nn.LSTM, in turns.

As in figure 2 of arXiv 1910.06251, one and two layers of IndRNN on the adding problem:

    python -m experiments.speed --model adding --variants indrnn --layers 1,2 \\
        --features 2 --units 128 --steps 256,512,1024,5000

One process runs one backend. Every round times each contender once, so that what the
machine does besides falls on all alike; the medians over the rounds are compared.
Every timed call starts from host arrays and ends with its result on the host.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments import adding, environment, speed_floor
from experiments.command import Numbers, main, setting
from experiments.errors import UserError
from experiments.results import Row, append_row

BASELINE = "keras.layers.LSTM"
NATIVE = "torch.nn.LSTM"
WORDS = 5000
_TIMES = " x"  # before the number of layers in the name of a stack

Calls = dict[tuple[str, str], Callable[[], Any]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to time."""

    variants: str = setting(
        "lstm_c6,indrnn,lstm6,indylstm,lstm",
        click.STRING,
        "Our layers, with commas between them.",
    )
    model: str = setting(
        "imdb",
        click.Choice(["imdb", "layer", "adding"]),
        "imdb: embedding, layer, one unit, on word numbers; layer: without embedding; "
        "adding: the regression of experiments.adding, with --features 2.",
    )
    layers: str = setting("1", Numbers(), "How many of our layers are stacked.")
    masked: bool = setting(
        False, click.BOOL, "Mask a random part at the end of each sequence."
    )
    batch_size: int = setting(32, click.IntRange(min=1), "Sequences in a batch B.")
    steps: str = setting("500", Numbers(), "Lengths T of a sequence.")
    features: int = setting(32, click.IntRange(min=1), "Features of an input m.")
    units: str = setting("100", Numbers(), "Hidden units n.")
    rounds: int = setting(20, click.IntRange(min=1), "Timed calls of each contender.")
    engine: str = setting("auto", click.STRING, "The argument `engine` of our layers.")
    native: bool = setting(True, click.BOOL, f"Time {NATIVE} too.")
    backend: str = setting(
        environment.default_backend,
        click.Choice(environment.BACKENDS),
        "What Keras runs on; KERAS_BACKEND sets the default.",
    )
    output: str = setting(
        "runs/speed.jsonl", click.STRING, "File to which the rows are appended."
    )


def run(settings: Settings) -> int:
    """Times whole training steps and forward passes against keras.layers.LSTM.

    Leave the machine alone while it runs.
    """
    environment.start(settings.backend, seed=0)
    if settings.backend == "tensorflow":
        import tensorflow as tf

        # Many models in one process look like one that is traced again and again.
        tf.get_logger().setLevel("ERROR")
    from slim_keras.variants import VARIANTS

    keys = settings.variants.split(",")
    unknown = [key for key in keys if key not in VARIANTS]
    if unknown:
        raise UserError(f"variants: {unknown[0]!r} is unknown; known: {list(VARIANTS)}")
    if settings.model == "adding" and settings.features != 2:
        raise UserError(f"features {settings.features}: the adding problem has 2")
    depths = _numbers(settings.layers)
    names = [_name(key, depth) for key in keys for depth in depths]
    output = Path(settings.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    facts = environment.facts()
    grid = itertools.product(_numbers(settings.steps), _numbers(settings.units))
    for steps, units in grid:
        rows = [row | facts for row in _rows(settings, names, steps, units)]
        for row in rows:
            append_row(output, row)
        _show(rows)
    return 0


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _name(key: str, depth: int) -> str:
    return key if depth == 1 else f"{key}{_TIMES}{depth}"


def parts(name: str) -> tuple[str, int]:
    """The variant and the number of layers of what a row calls a layer of ours."""
    key, _, depth = name.partition(_TIMES)
    return key, int(depth or 1)


def _rows(settings: Settings, names: list[str], steps: int, units: int) -> list[Row]:
    """One row for each layer at one shape."""
    calls = _calls(settings, names, steps, units)
    label = f"{settings.backend} T={steps} n={units}"
    median = _medians(calls, settings.rounds, label)
    rows = []
    for layer in dict.fromkeys(layer for layer, _ in calls):
        step, forward = median[layer, "step"], median[layer, "forward"]
        native = median.get((NATIVE, "step"))
        floor = [
            ms for (of, what), ms in median.items() if of == layer and "of" in what
        ]
        rows.append(
            {
                "experiment": "speed",
                "layer": layer,
                "backend": settings.backend,
                "model": settings.model,
                "masked": settings.masked,
                "engine": settings.engine if layer in names else None,
                "B": settings.batch_size,
                "T": steps,
                "m": settings.features,
                "n": units,
                "rounds": settings.rounds,
                "step_ms": step,
                "forward_ms": forward,
                "step_over_baseline": median[BASELINE, "step"] / step,
                "forward_over_baseline": median[BASELINE, "forward"] / forward,
                "step_over_native": native / step if native else None,
                "floor_ms": sum(floor) if floor else None,
            }
        )
    return rows


def _calls(settings: Settings, names: list[str], steps: int, units: int) -> Calls:
    """What is timed, by layer and by what it does."""
    rng = np.random.default_rng(0)
    batch, features = settings.batch_size, settings.features
    if settings.model == "imdb":
        x = rng.integers(1, WORDS, (batch, steps)).astype("int32")
    else:
        x = rng.normal(size=(batch, steps, features)).astype("float32")
    y = rng.integers(0, 2, (batch, 1)).astype("float32")
    if settings.model == "adding":
        x, y = adding.sequences(batch, steps, 0)
    if settings.masked:
        lengths = rng.integers(1, steps + 1, (batch, 1))
        x[np.arange(steps)[None, :] >= lengths] = 0

    calls: Calls = {}
    for layer in (BASELINE, *names):
        model = _model(settings, layer, steps, units)
        calls[layer, "step"] = partial(model.train_on_batch, x, y)
        calls[layer, "forward"] = partial(model.predict_on_batch, x)
    if settings.native and not settings.masked:  # it has no masks
        from experiments import speed_torch

        words = WORDS if settings.model == "imdb" else None
        adds = settings.model == "adding"
        native = speed_torch.Model(words, features, units, regression=adds)
        calls[NATIVE, "step"] = partial(native.step, x, y)
        calls[NATIVE, "forward"] = partial(native.forward, x)
    for key in (name for name in names if parts(name)[1] == 1):
        floor = speed_floor.calls(key, batch, steps, features, units, rng)
        calls |= {(key, what): call for what, call in floor.items()}
    return calls


def _medians(calls: Calls, rounds: int, label: str) -> dict[tuple[str, str], float]:
    """Milliseconds of each call, the median over rounds of one call each."""
    for call in calls.values():  # compiles, and warms caches
        call()
        call()
    seconds: dict[tuple[str, str], list[float]] = {name: [] for name in calls}
    for _ in track(range(rounds), label, console=Console(stderr=True)):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: 1e3 * statistics.median(times) for name, times in seconds.items()}


def _model(settings: Settings, name: str, steps: int, units: int) -> Any:
    import keras

    import slim_keras

    if name == BASELINE:
        layer = keras.layers.LSTM(units)
    else:
        key, depth = parts(name)
        layer = slim_keras.get(key)(units, engine=settings.engine)
        if depth > 1:
            layer = slim_keras.PlainStack(layer, depth, normalization=None)
    if settings.model == "imdb":
        inputs = [
            keras.Input((steps,), dtype="int32"),
            keras.layers.Embedding(WORDS, settings.features, mask_zero=settings.masked),
        ]
    else:
        inputs = [keras.Input((steps, settings.features))]
        inputs += [keras.layers.Masking()] if settings.masked else []
    if settings.model == "adding":
        model = keras.Sequential([*inputs, layer, keras.layers.Dense(1)])
        model.compile("adam", "mean_squared_error")
        return model
    model = keras.Sequential(
        [*inputs, layer, keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def _show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    mask = "masked" if first["masked"] else "unmasked"
    table = Table(
        title=f"{first['backend']}, {first['model']} model, {mask}: B={first['B']} "
        f"T={first['T']} m={first['m']} n={first['n']}, {first['rounds']} rounds, "
        f"{first['processor']}",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    table.add_column("layer", no_wrap=True)
    for column in (
        "step ms",
        "x keras",
        "x torch",
        "fwd ms",
        "x keras",
        "floor",
        "/floor",
    ):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        native, floor = row["step_over_native"], row["floor_ms"]
        table.add_row(
            row["layer"],
            f"{row['step_ms']:.1f}",
            f"{row['step_over_baseline']:.2f}",
            f"{native:.2f}" if native else "-",
            f"{row['forward_ms']:.1f}",
            f"{row['forward_over_baseline']:.2f}",
            f"{floor:.1f}" if floor else "-",
            f"{row['step_ms'] / floor:.2f}" if floor else "-",
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
