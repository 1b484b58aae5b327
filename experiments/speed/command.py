"""Times a step of our layers, keras.layers.LSTM and torch.nn.LSTM, in turns.

As in figure 2 of arXiv 1910.06251, one and two layers of IndRNN on the adding problem:

    python -m experiments.speed --model adding --variants indrnn --layers 1,2 \\
        --features 2 --units 128 --steps 256,512,1024,5000

On a GPU, against cuDNN's LSTM and a copy in memory:

    python -m experiments.speed --config configs/speed_gpu.toml
    python -m experiments.speed.gpu

One process runs one backend. On a CPU every round times each contender once, so that
other work of the machine slows all contenders alike; the medians over the rounds are
compared. A call starts from host arrays and ends with its result on the host. On a GPU
all arrays stay there (`experiments.speed.device`), and each of our layers takes its
turns with the references alone: it has its row before the next one may fail.
"""

import importlib.util
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
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

from experiments.core import environment
from experiments.core.command import Integer, Name, Numbers, out_of_memory, setting
from experiments.core.errors import UserError
from experiments.core.results import Row, append_row
from experiments.speed import device as speed_device, floor as speed_floor
from experiments.speed.contenders import (
    BASELINE,
    NATIVE,
    Contender,
    build,
    ours,
    parts,
)
from experiments.speed.models import MODELS, WORDS

FLUSHED = "step, denormals flushed"
Calls = dict[tuple[Contender, str], Callable[[], Any]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a measurement."""

    variants: str = setting(
        "lstm_c6,indrnn,lstm6,indylstm,lstm",
        click.STRING,
        "Our layers, with commas between them.",
    )
    model: str = setting(
        "imdb",
        click.Choice(list(MODELS)),
        "imdb: embedding, layer, one sigmoid unit, on word numbers; layer: the same "
        "without embedding; adding: layer, one linear unit, with --features 2.",
    )
    layers: str = setting("1", Numbers(), "How many of our layers are stacked.")
    masked: bool = setting(
        False, click.BOOL, "Mask a random part at the end of each sequence."
    )
    batch_size: int = setting(32, Integer(min=1), "Sequences in a batch B.")
    steps: str = setting("500", Numbers(), "Lengths T of a sequence.")
    features: int = setting(32, Integer(min=1), "Features of an input m.")
    units: str = setting("100", Numbers(), "Hidden units n.")
    rounds: int = setting(20, Integer(min=1), "Timed calls of each contender.")
    engines: str = setting(
        "auto",
        click.STRING,
        "How our layers are run, with commas between: values of their argument "
        "`engine`, or scan:4, which takes 4 steps at once (JAX and TensorFlow).",
    )
    device: str = setting(
        "cpu",
        click.Choice(["cpu", "gpu"]),
        "gpu: time --model layer with all arrays on the GPU, as in a network (JAX and "
        "PyTorch, whose products are then made in TF32).",
    )
    keras: bool = setting(
        True, click.BOOL, f"Time {BASELINE} too, which PyTorch runs slowly."
    )
    native: bool = setting(
        True,
        click.BOOL,
        f"Time {NATIVE} too, without a mask, on a CPU or on PyTorch's GPU.",
    )
    backend: str = setting(
        environment.default_backend,
        click.Choice(environment.BACKENDS),
        "Keras' backend; KERAS_BACKEND sets the default.",
        env="KERAS_BACKEND",
    )
    output: str = setting(
        "runs/speed.jsonl", Name(), "File to which the rows are appended."
    )


def run(settings: Settings) -> int:
    """Times whole training steps and forward passes against keras.layers.LSTM.

    Leave the machine alone while it runs. Columns: milliseconds of a training step and
    of a forward pass; "x keras" and "x torch", how many times faster than
    keras.layers.LSTM and torch.nn.LSTM; "floor", milliseconds of the matrix products
    and activations of a step alone, without any recurrence (on a GPU: of a copy of its
    inputs and outputs); "/floor", how many floors the step takes, at best 1. In
    PyTorch "flushed" is a step after torch.set_flush_denormal(True), and "x torch"
    compares two such steps: numbers that fade become denormal, which is slow on many
    processors, and XLA flushes them by itself.
    """
    output = Path(settings.output)
    if output.is_dir():
        raise UserError(f"output {output}: it is a folder; name a file")
    print(f"speed: starting Keras on {settings.backend}", flush=True)
    environment.start(settings.backend, seed=0)
    if settings.backend == "tensorflow":
        import tensorflow as tf

        # Many models in one process look like one that is traced again and again.
        tf.get_logger().setLevel("ERROR")
    environment.check_device(settings.backend, settings.device)
    _check(settings)
    contenders = ours(
        settings.variants.split(","),
        numbers(settings.layers),
        settings.engines.split(","),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    # Among other things XLA's flags choose the command buffers of a GPU.
    facts = environment.facts() | {"xla_flags": os.environ.get("XLA_FLAGS")}
    grid = itertools.product(numbers(settings.steps), numbers(settings.units))
    failed: list[Contender] = []
    for steps, units in grid:
        rows = []
        for row in _rows(settings, contenders, steps, units, failed):
            rows.append(row | facts)
            append_row(output, rows[-1])
        if not rows:
            raise UserError(
                f"T={steps} n={units}: every layer is out of memory or failed; choose "
                "smaller sizes"
            )
        _show(rows)
    return int(bool(failed))


def _check(settings: Settings) -> None:
    """Refuses settings that no contender can serve."""
    only = MODELS[settings.model].features
    if only not in (None, settings.features):
        raise UserError(
            f"features {settings.features}: --model {settings.model} has {only}"
        )
    plain = settings.model == "layer" and not settings.masked
    if settings.device == "gpu" and not plain:
        raise UserError("device gpu: it times --model layer without a mask")
    if _times_native(settings) and importlib.util.find_spec("torch") is None:
        raise UserError("torch.nn.LSTM: pip install torch, or choose --no-native")


def _times_native(settings: Settings) -> bool:
    """Whether PyTorch's LSTM takes its turn; it has no masks."""
    there = settings.device == "cpu" or settings.backend == "torch"
    return settings.native and not settings.masked and there


def numbers(text: str) -> list[int]:
    """The integers of an option with commas between them."""
    return [int(part) for part in text.split(",")]


def _rows(
    settings: Settings,
    contenders: list[Contender],
    steps: int,
    units: int,
    failed: list[Contender],
) -> Iterator[Row]:
    """One row for each contender at one shape, as soon as it is measured.

    Those that fail on a GPU, whose compiler may know better than ours, are put into
    `failed`.
    """
    gpu = settings.device == "gpu"
    baseline, native = _references(settings)
    timed = [baseline, *contenders] if settings.keras else contenders
    layers = {one: build(one, units, return_sequences=gpu) for one in timed}
    if gpu:
        on = speed_device.start(settings.backend)
        if _times_native(settings):
            layers[native] = on.Native(settings.features, units)
        x = on.random((settings.batch_size, steps, settings.features), seed=0)
        calls = speed_device.calls(on, layers, x, units)
        references = {one for one, _ in calls} - set(contenders)
        groups = [references, *({one} for one in contenders)]
    else:
        shape = settings.batch_size, steps, settings.features
        x, y = MODELS[settings.model].batch(shape, settings.masked)
        calls = _host_calls(settings, layers, x, y, units)
        references, groups = set(), [{one for one, _ in calls}]
    label = f"{settings.backend} T={steps} n={units}"
    for group in groups:
        turns = {
            key: call for key, call in calls.items() if key[0] in group | references
        }
        median = medians(turns, settings.rounds, label, failed if gpu else None)
        references &= {one for one, _ in median}  # one that failed is left out once
        for one in dict.fromkeys(one for one, what in median if what == "step"):
            if one in group:
                yield _row(settings, one, layers.get(one), median, steps, units)


def _references(settings: Settings) -> tuple[Contender, Contender]:
    """Keras' and PyTorch's LSTM, which cuDNN runs on a GPU."""
    cudnn = "cudnn" if settings.device == "gpu" else None
    return Contender(BASELINE, cudnn), Contender(NATIVE, cudnn)


def _row(
    settings: Settings,
    one: Contender,
    layer: Any,
    median: dict[tuple[Contender, str], float],
    steps: int,
    units: int,
) -> Row:
    """The row of a contender, from what was measured in turns with it."""
    baseline, native = _references(settings)
    native_ms = median.get((native, "step"))
    native_flushed = median.get((native, FLUSHED))
    ms = {what: median[one, what] for what in ("step", "forward")}
    floor = [
        median[of, what]
        for of, what in median
        if what.startswith("floor") and of.layer == one.layer
    ]
    row = {
        "experiment": "speed",
        "layer": one.layer,
        "backend": settings.backend,
        "device": settings.device,
        "model": settings.model,
        "masked": settings.masked,
        "engines": settings.engines,
        "engine": one.engine,
        **_ran(layer),
        "B": settings.batch_size,
        "T": steps,
        "m": settings.features,
        "n": units,
        "rounds": settings.rounds,
        "step_ms": ms["step"],
        "forward_ms": ms["forward"],
        **{
            f"{what}_over_baseline": _ratio(median.get((baseline, what)), ms[what])
            for what in ms
        },
        "step_over_native": _ratio(native_ms, ms["step"]),
        "flushed_ms": median.get((one, FLUSHED)),
        "flushed_over_native": _ratio(native_flushed, median.get((one, FLUSHED))),
        "floor_ms": sum(floor) if floor else None,
    }
    copied = median.get((Contender(speed_device.COPY), speed_device.COPY))
    if copied:
        numbers = settings.batch_size * steps * (settings.features + units)
        row |= speed_device.rates(ms, copied, numbers)
    return row


def _ran(layer: Any) -> Row:
    """The engine that runs our layer, and how many steps a scan takes at once."""
    ran = getattr(layer, "resolved_engine", None)
    return {"ran": ran, "at_once": layer.resolved_unroll if ran == "scan" else None}


def _ratio(other: float | None, own: float | None) -> float | None:
    return other / own if other and own else None


def _host_calls(
    settings: Settings,
    layers: dict[Contender, Any],
    x: np.ndarray,
    y: np.ndarray,
    units: int,
) -> Calls:
    """The timed calls on host arrays, by contender and kind."""
    calls: Calls = {}
    features, around = settings.features, MODELS[settings.model]
    for one, layer in layers.items():
        model = around.model(layer, x.shape[1], features, settings.masked)
        calls[one, "step"] = partial(model.train_on_batch, x, y)
        calls[one, "forward"] = partial(model.predict_on_batch, x)
    if _times_native(settings):
        from experiments.speed import torch_lstm

        words = WORDS if around.words else None
        native = torch_lstm.Model(words, features, units, regression=around.regression)
        calls[Contender(NATIVE), "step"] = partial(native.step, x, y)
        calls[Contender(NATIVE), "forward"] = partial(native.forward, x)
    calls |= {
        (one, FLUSHED): partial(_flushed, call)
        for (one, what), call in calls.items()
        if what == "step" and (settings.backend == "torch" or one.layer == NATIVE)
    }
    rng = np.random.default_rng(2)
    for name in dict.fromkeys(one.layer for one in layers if one.engine):
        if parts(name)[1] == 1:
            floor = speed_floor.calls(
                name, settings.batch_size, x.shape[1], features, units, rng
            )
            calls |= {(Contender(name), what): call for what, call in floor.items()}
    return calls


def _flushed(call: Callable[[], Any]) -> None:
    """A call of PyTorch in which denormal numbers are zero."""
    import torch

    torch.set_flush_denormal(True)
    try:
        call()
    finally:
        torch.set_flush_denormal(False)


def medians(
    calls: Calls, rounds: int, label: str, failed: list[Contender] | None = None
) -> dict[tuple[Contender, str], float]:
    """Milliseconds of each call, the median over rounds of one call each.

    A contender that is out of memory is left out, with a line on stderr. So is one that
    fails, which is put into `failed` where that is given.
    """
    for one in dict.fromkeys(one for one, _ in calls):
        own = {key: call for key, call in calls.items() if key[0] == one}
        try:
            for call in own.values():  # compiles, and warms caches
                call()
                call()
        except Exception as error:
            reason = "is out of memory"
            if not out_of_memory(error):
                if failed is None:
                    raise
                failed.append(one)
                message = " ".join(str(error).split())[:500]
                reason = f"failed ({type(error).__name__}: {message})"
            calls = {key: call for key, call in calls.items() if key not in own}
            print(
                f"{label}: {_title(one.layer, one.engine)} {reason}, left out",
                file=sys.stderr,
            )
    seconds: dict[tuple[Contender, str], list[float]] = {name: [] for name in calls}
    for _ in track(range(rounds), label, console=Console(stderr=True)):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: 1e3 * statistics.median(times) for name, times in seconds.items()}


def _show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    mask = "masked" if first["masked"] else "unmasked"
    copy = first.get("copy_gb_s")
    table = Table(
        title=f"{first['backend']}, {first['model']} model, {mask}: B={first['B']} "
        f"T={first['T']} m={first['m']} n={first['n']}, {first['rounds']} rounds, "
        f"{first['processor']}",
        caption="floor: products and activations of a step without any recurrence"
        if copy is None
        else f"floor: a copy of inputs and outputs, at {copy:.3g} GB/s",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    flushed = first["backend"] == "torch" and first["device"] == "cpu"

    def cells(row: Row) -> list[tuple[str, float | None]]:
        floor = row["floor_ms"]
        step = row["flushed_ms"] if flushed else row["step_ms"]
        return [
            ("step ms", row["step_ms"]),
            ("x keras", row["step_over_baseline"]),
            *([("flushed", step)] if flushed else []),
            ("x torch", row["flushed_over_native" if flushed else "step_over_native"]),
            ("fwd ms", row["forward_ms"]),
            ("x keras", row["forward_over_baseline"]),
            ("floor", floor),
            ("/floor", step / floor if floor else None),
        ]

    table.add_column("layer")
    for title, _ in cells(first):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            _title(row["layer"], row["engine"]),
            *(_short(number) for _, number in cells(row)),
        )
    Console().print(table)


def _short(number: float | None) -> str:
    """A number with three digits, as a benchmark is no more precise."""
    if number is None:
        return "-"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _title(layer: str, engine: str | None) -> str:
    """The layer, and the engine if it was chosen."""
    return layer if engine in (None, "auto") else f"{layer} ({engine})"
