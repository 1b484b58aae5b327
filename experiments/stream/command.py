"""Trained models step by step: do they decide as they do on whole sequences?

    python -m experiments.stream configs/spoken_digits_best.toml

The models of a grid, those of its first seed, become models of one step: a LiteRT file,
which `slim_keras.export.Stream` feeds with the test set step by step, and a C file,
which is compiled and run here. What they decide is compared, example by example, with
the Keras model that reads whole sequences. Then LiteRT's runtime is timed on one
thread, and the steps of the C file are counted in an emulated Cortex-M4. Keras' GRU
becomes a model of its cells; `lstm` stands for `keras_lstm`, and Keras' SimpleRNN is
left out, as `to_c` does not write it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import experiments
from experiments.core import environment
from experiments.core.command import Integer, Name, setting
from experiments.core.errors import UserError
from experiments.core.results import Row, append_row, read_rows
from experiments.edge.command import timed
from experiments.edge.microcontroller import CORES, run_on, tools
from experiments.edge.models import cell_model
from experiments.grid import definition
from experiments.grid.runs import Run

BACKEND = "tensorflow"  # LiteRT converts its programs; any one has trained the models
# As `to_litert` and `to_c` call them; a model with a mask has no activations of 8 bits.
PRECISIONS = (None, "weights")
LEFT_OUT = ("keras_lstm", "simple_rnn")
TIMED = 20  # sequences
ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Settings(definition.Settings):
    """Which models to stream."""

    examples: int | None = setting(
        None, Integer(min=1), "Test sequences to stream; the default is all."
    )
    output: str = setting(
        "runs", Name(), "Folder of the runs, of the files, and of stream.jsonl."
    )


def run(settings: Settings) -> int:
    """Streams the test set through the models of a grid, those of its first seed.

    The models must have been trained. Appends a row for each precision of each model.
    """
    environment.start(BACKEND, seed=0)
    folder = Path(settings.output).absolute()
    changes = [*settings.set, f"backend={BACKEND}"]
    runs = definition.read(Path(settings.grid), changes, str(folder))
    rows = [row | {"backend": BACKEND} for row in read_rows(runs[0].results)]
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    found = False
    for one in runs:
        row = one.row(rows)
        known = one.config.seed == runs[0].config.seed
        if row and known and row["variant"] not in LEFT_OUT:
            found = True
            for made in _streamed(one, row, settings.examples, files):
                append_row(folder / "stream.jsonl", made)
                print(_line(made), flush=True)
    if not found:
        raise UserError(
            f"{settings.grid}: {runs[0].results} has no row of its runs; train them "
            "with python -m experiments.grid"
        )
    return 0


def _streamed(run: Run, row: Row, examples: int | None, folder: Path) -> Iterator[Row]:
    """The rows of a model: what its files decide, and what a step of them costs."""
    model, config = experiments.load(run.folder(row))
    data = run.declared.data(config)
    x, y = (part[:examples] for part in data.evaluated(0)["test"])
    whole = model.predict(x, batch_size=data.evaluation_batch, verbose=0)
    last = _last(x) if whole.ndim == 2 else None  # the step of the decision, or: each

    def decided(outputs: np.ndarray) -> np.ndarray:
        return outputs if last is None else outputs[np.arange(len(outputs)), last]

    live = one_step(model)
    due = y >= 0  # not every step has a label
    expected = whole.argmax(-1)[due]
    for precision in PRECISIONS:
        name = f"{row['run']}-{precision or 'float32'}"
        litert, its_cost = _litert(live, folder / f"{name}.tflite", precision, x)
        c, costs = _c(live, precision, x)
        outputs, outputs_c = map(decided, (litert, c))
        said, said_c = (each.argmax(-1)[due] for each in (outputs, outputs_c))
        yield {
            "experiment": "stream",
            "of": row["experiment"],
            "run": row["run"],
            "variant": row["variant"],
            "units": row["units"],
            "precision": precision or "float32",
            **its_cost,
            **costs,
            "decisions": int(due.sum()),
            "other": int((said != expected).sum()),
            "other_c": int((said_c != expected).sum()),
            "accuracy": float((said_c == y[due]).mean()),
            "accuracy_whole": float((expected == y[due]).mean()),
            "difference": float(np.abs(outputs - whole)[due].max()),
            "difference_c": float(np.abs(outputs_c - whole)[due].max()),
            "data": row["data"],
            **environment.facts(),
        }


def _last(x: np.ndarray) -> np.ndarray:
    """The last step of each sequence that is not filled up with zeros."""
    heard = np.asarray(x.any(axis=-1))
    return x.shape[1] - 1 - heard[:, ::-1].argmax(axis=1)


def one_step(model: Any) -> Any:
    """A model of one step with the same weights; with Keras' GRU, without its mask."""
    from keras import layers

    from slim_keras import export
    from slim_keras.export.signature import layers_of

    flat = [layer for layer in layers_of(model) if not hasattr(layer, "layers")]
    if not any(isinstance(layer, layers.GRU) for layer in flat):
        return export.streaming(model)
    steps = []
    for layer in flat:
        if isinstance(layer, layers.GRU):
            layer.cell.name = layer.name  # all cells have the same
            steps.append(layer.cell)
        elif not isinstance(layer, layers.Masking):
            steps.append(layer)
    return cell_model(steps, model.input_shape[-1])


def _litert(
    live: Any, path: Path, precision: str | None, x: np.ndarray
) -> tuple[np.ndarray, Row]:
    """The outputs of a LiteRT file at every step, and its costs."""
    from slim_keras import export

    made = export.to_litert(
        live,
        path,
        batch_size=1,
        quantize=precision,
        tolerance=float("inf") if precision else 1e-4,
    )
    stream = export.Stream(path)
    outputs = np.stack([_fed(stream, one) for one in x])
    arrays = path.with_name("inputs.npz")
    np.savez(arrays, x=x[:TIMED, :, None])
    seconds, _ = timed(arrays, ROUNDS, path)
    step_us = float(np.median(seconds) / x.shape[1] * 1e6)
    return outputs, {"bytes": made.size, "step_us": step_us}


def _fed(stream: Any, steps: np.ndarray) -> np.ndarray:
    """The outputs of one sequence, fed step by step."""
    stream.reset()
    return stream.feed(steps[None])[0]


def _c(live: Any, precision: str | None, x: np.ndarray) -> tuple[np.ndarray, Row]:
    """The outputs of the C file at every step here, and its costs on a controller."""
    from slim_keras import export
    from slim_keras.export.c import compiler

    core, *_ = CORES
    with TemporaryDirectory() as at:
        path = Path(at) / "model.c"
        # What it puts out is compared with the whole sequence's.
        made = export.to_c(live, path, quantize=precision, check=False)
        outputs = compiler.run(path.parent, path.stem, x)
        here = outputs[0, : _last(x[:1])[0] + 1]
        within = 1e-4 * np.abs(here).max(initial=1)
        program, ran, _ = run_on(core, path.name, made, x[0, : len(here)], here, within)
    return outputs, {
        "core": core.name,
        "flash": program.flash,
        "ram": made.state_bytes + ran.stack,
        "instructions": round(float(np.mean(ran.instructions))),
        "tools": tools("ziglang", "unicorn"),
    }


def _line(row: Row) -> str:
    return (
        f"{row['variant']} {row['precision']}: {row['bytes']:,} bytes, "
        f"{row['step_us']:.1f} us a step; in C {row['flash']:,} bytes, "
        f"{row['instructions']:,} instructions a step; {row['other']} and "
        f"{row['other_c']} of {row['decisions']:,} decisions differ from whole "
        f"sequences, accuracy {row['accuracy']:.4f}"
    )
