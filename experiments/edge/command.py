"""Small layers on small devices: files, memory, time and accuracy after export.

Every model is exported to LiteRT, in float32, float16 and with 8 bits, and to ONNX, and
runs there on one thread, a sequence at a time:

    imdb          the trained IMDB model, n = 100, 500 words; whole, and one step
    layer         its recurrent layer alone, m = 32, n = 100, one step, fresh weights
    handwriting   three bidirectional layers, n = 64, 150 points, fresh weights

A second part writes layers as C and counts what their steps cost on microcontrollers:
flash, RAM and instructions, see `microcontroller.py`.

`keras.layers.LSTM` stands beside them, as far as it can be exported: its ONNX file has
a loop, its LiteRT file 500 steps one after the other, as LiteRT has no operators for
its loop; its one step is `keras.layers.LSTMCell`.
"""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments import imdb
from experiments.core import environment
from experiments.core.command import Integer, Name, setting
from experiments.core.errors import UserError
from experiments.core.results import Row, append_row, read_rows
from experiments.core.training import BEST
from experiments.datasets import imdb as reviews_data
from experiments.edge import microcontroller, models
from experiments.edge.models import Subject, Trained
from experiments.grid import command as grid, definition
from experiments.grid.runs import Run

GRID = Path(__file__).parents[2] / "configs" / "edge.toml"
PACKAGES = {  # of each part, by the extra that brings them
    "files": ("export", ("ai_edge_litert", "onnxruntime", "tf2onnx")),
    "microcontroller": ("micro", microcontroller.PACKAGES),
}
CALIBRATION = 20  # reviews, from the training ones
_CONSOLE = Console(stderr=True)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a measurement."""

    grid: str = setting(
        str(GRID),
        click.Path(exists=True, dir_okay=False),
        "Grid of the IMDB models, one run per layer; missing runs are trained.",
    )
    set: tuple[str, ...] = setting(
        (), click.STRING, "NAME=VALUE, a setting of all runs of the grid."
    )
    reviews: int = setting(500, Integer(min=1), "Test reviews that every file reads.")
    rounds: int = setting(10, Integer(min=1), "Rounds in which files take turns.")
    part: str | None = setting(
        None,
        click.Choice(list(PACKAGES)),
        "The files in their runtimes, or C on microcontrollers; both by default.",
    )
    output: str = setting(
        "runs",
        Name(),
        "Folder of the runs, of the files, of edge.jsonl and microcontroller.jsonl.",
    )


def run(settings: Settings) -> int:
    """Trains missing models, exports all, and appends a row for each file.

    Then it appends a row for each layer on each microcontroller.
    """
    parts = [settings.part] if settings.part else list(PACKAGES)
    for part in parts:
        extra, packages = PACKAGES[part]
        for package in packages:
            if importlib.util.find_spec(package) is None:
                raise UserError(
                    f"{package} is not installed: pip install -e '.[{extra}]' in this "
                    "folder"
                )
    print("edge: starting Keras on tensorflow", flush=True)
    environment.start("tensorflow", seed=0)
    folder = Path(settings.output).absolute()
    if "files" in parts and (status := _files(settings, folder)):
        return status
    if "microcontroller" in parts:
        _microcontrollers(folder)
    return 0


def _files(settings: Settings, folder: Path) -> int:
    runs = definition.read(Path(settings.grid), settings.set, str(folder))
    configs = [run.config for run in runs if isinstance(run.config, imdb.Config)]
    if "lstm" not in {config.variant for config in configs}:
        raise UserError(
            f'{settings.grid}: a run of imdb with variant "lstm" is missing; the other '
            "layers are compared with it"
        )
    status = grid.run(
        grid.Settings(grid=settings.grid, set=settings.set, output=settings.output)
    )
    if status:
        return status
    trained = _trained(runs, configs)
    config = configs[0]
    data = reviews_data.load(
        config.data, config.data_dir, num_words=config.words, length=config.length
    )
    chosen = np.random.default_rng(0).permutation(len(data.x_test))[: settings.reviews]
    files = folder / "files"
    files.mkdir(exist_ok=True)
    measured = []
    for subject in track(
        models.subjects(trained), "exporting and measuring", console=_CONSOLE
    ):
        made = _export(subject, data.x_train[:CALIBRATION], config, files)
        x = models.inputs(subject, data.x_test[chosen], config.embedding_dim)
        y = data.y_test[chosen] if subject.model == "imdb" else None
        measured += _measure(subject, made, x, y, settings.rounds, files)
    facts = environment.facts() | {"data": data.name}
    for row in measured:
        append_row(folder / "edge.jsonl", row | facts)
    _show(measured)
    return 0


def _microcontrollers(folder: Path) -> None:
    """Measures layer after layer, and appends the rows of each when it has them."""
    folder.mkdir(parents=True, exist_ok=True)
    measures = list(microcontroller.measures())
    for measure in track(measures, "counting instructions", console=_CONSOLE):
        for row in measure():
            append_row(folder / "microcontroller.jsonl", row | environment.facts())


def _trained(runs: list[Run], configs: list[imdb.Config]) -> list[Trained]:
    """The folders of the finished runs."""
    rows = read_rows(runs[0].results)
    found = []
    for run, config in zip(runs, configs, strict=True):
        if row := run.row(rows):
            folder = run.folder(row)
            if not (folder / BEST).exists():
                raise UserError(
                    f"{run.results} has the row of {row['run']}, but {folder} has no "
                    "weights; choose another --output to train the run again"
                )
            found.append(Trained(config, folder))
    return found


def _export(
    subject: Subject, reviews: np.ndarray, config: imdb.Config, folder: Path
) -> list[Row]:
    """Exports a subject and returns the rows of its files, without measurements."""
    from slim_keras import export

    model = subject.make()
    typical = models.inputs(subject, reviews, config.embedding_dim)
    rows = []
    for precision in subject.precisions:
        path = folder / f"{subject.name}-{precision or 'float32'}.tflite"
        exact = precision in ("full", "full16")
        made = export.to_litert(
            model,
            path,
            batch_size=1,
            quantize=precision,
            representative_data=typical[:, :, 0] if exact else None,
            tolerance=float("inf") if precision else 1e-4,
        )
        rows.append(_file(subject, "litert", precision, made))
    if subject.make_onnx:
        model = subject.make_onnx()
    made = export.to_onnx(model, folder / f"{subject.name}.onnx", batch_size=1)
    return [*rows, _file(subject, "onnxruntime", None, made)]


def _file(subject: Subject, runtime: str, precision: str | None, made: Any) -> Row:
    return {
        "experiment": "edge",
        "model": subject.model,
        "layer": subject.layer,
        "streamed": subject.streamed,
        "runtime": runtime,
        "precision": precision or "float32",
        "file": made.path.name,
        "bytes": made.size,
        "difference": made.difference,
    }


def _measure(
    subject: Subject,
    rows: list[Row],
    x: np.ndarray,
    y: np.ndarray | None,
    rounds: int,
    folder: Path,
) -> list[Row]:
    """The rows with memory, time and accuracy added."""
    arrays = folder / "inputs.npz"
    np.savez(arrays, x=x)
    paths = [str(folder / row["file"]) for row in rows]
    seconds, outputs = timed(arrays, rounds, *paths)
    measured = []
    for row, path, own, output in zip(rows, paths, seconds, outputs, strict=True):
        right = None
        if y is not None:
            right = float(((output.reshape(-1) > 0.5) == y).mean())
        measured.append(
            row
            | {
                "peak_mb": float(child("memory", arrays, path)),
                "sequence_ms": float(np.median(own)) * 1e3,
                "step_us": float(np.median(own)) / x.shape[1] * 1e6
                if subject.streamed
                else None,
                "test_accuracy": right,
                "sequences": len(x),
            }
        )
    return measured


def timed(
    arrays: Path, rounds: int, *paths: str | Path
) -> tuple[np.ndarray, np.ndarray]:
    """The seconds and last outputs of files for the inputs in `arrays`, see `child.py`.

    They come to lie beside that file on the way.
    """
    out = arrays.with_name("outputs.npz")
    child("time", arrays, out, rounds, *paths)
    with np.load(out) as results:
        return results["seconds"], results["outputs"]


def child(*task: object) -> str:
    """Runs `child.py`, without Keras and TensorFlow, and returns what it prints."""
    script = str(Path(__file__).with_name("child.py"))
    # -P: the script's own folder must not shadow installed modules.
    child = subprocess.run(
        [sys.executable, "-P", script, *map(str, task)],
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        raise RuntimeError(child.stderr[-2000:])
    return child.stdout


def _show(rows: list[Row]) -> None:
    table = Table(
        title="One thread, one sequence at a time",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in ("model", "layer", "", "weights"):
        table.add_column(column, no_wrap=True)
    for column in ("kB", "MB", "ms", "us/step", "test"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        step, right = row["step_us"], row["test_accuracy"]
        table.add_row(
            row["model"] + (" step" if row["streamed"] else ""),
            row["layer"].replace("keras.layers.", "keras "),
            {"litert": "LiteRT", "onnxruntime": "ONNX"}[row["runtime"]],
            row["precision"],
            f"{row['bytes'] / 1000:.4g}",
            f"{row['peak_mb']:.3g}",
            f"{row['sequence_ms']:.3g}",
            f"{step:.3g}" if step else "-",
            f"{right:.3f}" if right is not None else "-",
        )
    Console().print(table)
