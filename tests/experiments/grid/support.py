"""A grid that trains in seconds, and what two outputs of it have in common."""

import json
from pathlib import Path
from typing import Any

import keras

from experiments.core import command, runner
from experiments.core.results import read_rows
from experiments.grid import command as grid, definition
from experiments.grid.runs import Run

BACKEND = f"backend={keras.config.backend()}"
SMALL = """
experiment = "imdb"
config = "small.toml"
data = "sample"
seeds = [3]
"""
BASE = """
length = 12
units = 4
embedding_dim = 4
batch_size = 100
epochs = 2
eta = 0.01
seed = 7
engine = "scan"
"""
# What a row says of the time and the machine.
UNLIKE = {"started", "finished", "seconds_per_epoch"}


def write_grid(folder: Path, text: str) -> Path:
    """Writes a grid, and beside it the settings that it starts from."""
    (folder / "small.toml").write_text(BASE)
    path = folder / "grid.toml"
    path.write_text(SMALL + text)
    return path


def start(path: Path, output: Path, *args: str) -> int:
    """The exit status of the grid in this process."""
    options = [f"--set={BACKEND}", f"--output={output}"]
    return command.main(grid.Settings, grid.run, [str(path), *options, *args])


def train(run: Run) -> int:
    """Trains a run of a grid in this process; its exit status."""
    return runner.main(run.declared, command.arguments(run.config))


def alone(path: Path, output: Path, *changes: str) -> list[int]:
    """Trains the runs of a grid one by one in this process; their exit statuses."""
    return [train(r) for r in definition.read(path, [BACKEND, *changes], str(output))]


def rows(output: Path) -> dict[str, Any]:
    """The rows without what differs from one time to the next, by run."""
    found = read_rows(output / "results.jsonl")
    by_run = {row["run"]: without(row, UNLIKE) for row in found}
    assert len(by_run) == len(found)
    return by_run


def histories(output: Path) -> dict[str, Any]:
    """The epochs of every run, without their seconds."""
    return {
        path.parent.name: [
            without(entry, {"seconds"}) for entry in json.loads(path.read_text())
        ]
        for path in output.glob("*/history.json")
    }


def without(mapping: dict, names: set) -> dict:
    return {name: value for name, value in mapping.items() if name not in names}
