"""Trained models step by step: do they decide as they do on whole sequences?

    python -m experiments.stream configs/spoken_digits_best.toml

The models of a grid, those of its first seed, become LiteRT files of one step
(`slim_keras.export.streaming`). `slim_keras.export.Stream` feeds such a file with the
test set, one step at a time; what it decides is compared, example by example, with the
Keras model that reads whole sequences. Then the runtime alone is timed, on one thread.
Keras' own layers have no such model: `lstm` stands for `keras_lstm`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import experiments
from experiments.core import environment
from experiments.core.command import Integer, Name, setting
from experiments.core.errors import UserError
from experiments.core.recurrent import BASELINES
from experiments.core.results import Row, append_row, read_rows
from experiments.edge.command import child
from experiments.grid import definition
from experiments.grid.runs import Run

BACKEND = "tensorflow"  # LiteRT converts its programs; any one has trained the models
# As `to_litert` calls them; a model with a mask has no activations of 8 bits.
PRECISIONS = (None, "weights")
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

    The models must have been trained. Appends a row for each file.
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
        if row and known and row["variant"] not in BASELINES:
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
    """The rows of the files of a model."""
    from slim_keras import export

    model, config = experiments.load(run.folder(row))
    data = run.declared.data(config)
    x, y = (part[:examples] for part in data.evaluated(0)["test"])
    whole = model.predict(x, batch_size=data.evaluation_batch, verbose=0)
    live = export.streaming(model)
    arrays, out = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(arrays, x=x[:TIMED, :, None])
    for precision in PRECISIONS:
        path = folder / f"{row['run']}-{precision or 'float32'}.tflite"
        made = export.to_litert(
            live,
            path,
            batch_size=1,
            quantize=precision,
            tolerance=float("inf") if precision else 1e-4,
        )
        stream = export.Stream(path)
        outputs = np.stack([_fed(stream, one) for one in x])
        if whole.ndim == 2:  # one decision a sequence
            outputs = outputs[:, -1]
        child("time", arrays, out, ROUNDS, path)
        with np.load(out) as results:
            seconds = np.median(results["seconds"]) / x.shape[1]
        due = y >= 0  # not every step has a label
        said, expected = (each.argmax(-1)[due] for each in (outputs, whole))
        yield {
            "experiment": "stream",
            "of": row["experiment"],
            "run": row["run"],
            "variant": row["variant"],
            "units": row["units"],
            "runtime": "litert",
            "precision": precision or "float32",
            "bytes": made.size,
            "decisions": int(due.sum()),
            "other": int((said != expected).sum()),
            "accuracy": float((said == y[due]).mean()),
            "accuracy_whole": float((expected == y[due]).mean()),
            "difference": float(np.abs(outputs - whole)[due].max()),
            "step_us": float(seconds * 1e6),
            "data": row["data"],
            **environment.facts(),
        }


def _fed(stream: Any, steps: np.ndarray) -> np.ndarray:
    """The outputs of one sequence, fed step by step."""
    stream.reset()
    return stream.feed(steps[None])[0]


def _line(row: Row) -> str:
    return (
        f"{row['variant']} {row['precision']}: {row['bytes']:,} bytes, "
        f"{row['step_us']:.1f} us a step, {row['other']} of {row['decisions']} "
        f"decisions differ from whole sequences, accuracy {row['accuracy']:.4f}"
    )
