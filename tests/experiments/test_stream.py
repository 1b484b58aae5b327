"""Streaming of trained models: the decisions, and the rows."""

import itertools

import keras
import pytest

from experiments import spoken_digits
from experiments.core.command import main
from experiments.core.results import read_rows
from experiments.stream import command as stream
from tests.experiments import support

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="it runs on TensorFlow"
)

GRID = """
experiment = "spoken_digits"
data = "sample"
seeds = [3]
variant = ["lstm_c6", "gru"]
units = 8
layers = 2
batch_size = 50
epochs = 1
"""


def test_a_stream_decides_as_the_whole_sequence(tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text(GRID)
    for variant in ("lstm_c6", "gru"):
        arguments = [f"--variant={variant}", "--units=8", "--layers=2"]
        arguments += ["--batch-size=50", "--data=sample", "--epochs=1"]
        arguments.append(f"--output={tmp_path}")
        assert support.start(spoken_digits.EXPERIMENT, *arguments) == 0
    options = [str(grid), "--examples=5", f"--output={tmp_path}"]
    assert main(stream.Settings, stream.run, options) == 0
    rows = read_rows(tmp_path / "stream.jsonl")
    found = [(row["variant"], row["precision"]) for row in rows]
    assert found == list(itertools.product(("lstm_c6", "gru"), ("float32", "weights")))
    for exact, eight in (rows[:2], rows[2:]):
        assert exact["decisions"] == 5
        assert exact["other"] == exact["other_c"] == 0
        assert exact["accuracy"] == exact["accuracy_whole"]
        file = tmp_path / "files" / f"{exact['run']}-float32.tflite"
        assert exact["bytes"] == file.stat().st_size
        assert 0 < exact["difference_c"] < 1e-5 < eight["difference_c"]
        assert eight["flash"] < exact["flash"]
        assert exact["instructions"] > 1000


def test_a_grid_without_rows_is_refused(tmp_path, capsys):
    grid = tmp_path / "grid.toml"
    grid.write_text(GRID)
    assert main(stream.Settings, stream.run, [str(grid), f"--output={tmp_path}"]) == 2
    assert "has no row of its runs" in capsys.readouterr().err
