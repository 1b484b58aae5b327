"""Small devices: what the rows say is what the files do."""

import json

import keras
import numpy as np
import pytest

import slim_keras
from experiments.core.command import main
from experiments.core.results import read_rows
from experiments.edge import command as edge, models
from experiments.grid import command as grid
from experiments.grid.runs import Outcome
from experiments.report.edge import edge_tables, newest
from tests.experiments.grid.support import train

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="it runs on TensorFlow"
)

GRID = """
experiment = "imdb"
data = "sample"
seeds = [3]
epochs = 1
eta = 0.02
words = 150
length = 12
embedding_dim = 4
units = 3
variant = ["{}"]
"""


def start(folder, variant, *options):
    path = folder / "grid.toml"
    path.write_text(GRID.format(variant))
    arguments = [f"--grid={path}", f"--output={folder}", "--rounds=2", *options]
    arguments += ["--part=files"]
    return main(edge.Settings, edge.run, arguments)


@pytest.fixture
def few(monkeypatch):
    """As few files as show all that there is."""
    for name, value in {
        "WHOLE": (None,),
        "WORDS": (None, "full"),
        "STEP": (None,),
        "POINTS": 5,
        "DEPTH": 1,
        "WIDTH": 2,
    }.items():
        monkeypatch.setattr(models, name, value)


@pytest.fixture
def in_this_process(monkeypatch):
    """The grid trains its runs here: another process would import TensorFlow first."""

    def loop(runs, jobs):
        for run in runs:
            train(run)
            yield run, Outcome(run.row(read_rows(run.results)), "")

    monkeypatch.setattr(grid, "loop", loop)


def test_every_file_has_its_row(few, in_this_process, tmp_path, capsys):
    assert start(tmp_path, "lstm", "--reviews=40") == 0
    assert "us/step" in capsys.readouterr().out
    rows = [json.loads(x) for x in (tmp_path / "edge.jsonl").read_text().splitlines()]
    assert {(row["model"], row["streamed"], row["layer"]) for row in rows} == {
        ("imdb", False, "lstm"),
        ("imdb", True, "lstm"),
        ("layer", True, "lstm"),
        ("handwriting", False, "lstm"),
        ("imdb", False, "keras.layers.LSTM"),
        ("layer", True, "keras.layers.LSTM"),
    }
    for row in rows:
        assert row["bytes"] == (tmp_path / "files" / row["file"]).stat().st_size
        assert row["sequence_ms"] > 0
        assert row["peak_mb"] > 0
        assert row["sequences"] == 40
        step = row["sequence_ms"] * 1e3 / 12 if row["streamed"] else None
        assert row["step_us"] == pytest.approx(step)
        assert (row["test_accuracy"] is not None) is (row["model"] == "imdb")
        if row["precision"] == "float32":
            assert row["difference"] < 1e-4
    # Whole or step by step, in both runtimes, by our LSTM and by Keras' own.
    exact = [r["test_accuracy"] for r in rows if r["precision"] == "float32"]
    (accuracy,) = set(exact) - {None}
    (trained,) = read_rows(tmp_path / "results.jsonl")
    # That is of all reviews: who calls all good is right about half.
    assert (learnt := trained["paper"]["test_accuracy"]) > 0.75
    assert accuracy == pytest.approx(learnt, abs=0.15)
    assert newest(rows) == []  # samples count nowhere
    text = edge_tables(newest([row | {"data": "imdb"} for row in rows]))
    assert f" {accuracy:.3f} |" in text
    assert "`keras.layers.LSTM`" in text

    # As when rows from elsewhere were copied.
    (weights,) = tmp_path.glob("*/best.weights.h5")
    weights.unlink()
    assert start(tmp_path, "lstm") == 2
    error = capsys.readouterr().err
    assert "has no weights" in error
    assert "--output" in error
    assert read_rows(tmp_path / "edge.jsonl") == rows


def test_states_start_anew_with_each_sequence(few, tmp_path):
    from experiments.edge import child
    from slim_keras import export

    rng = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((None, 2)), slim_keras.LSTM_C6(3)])
    path = tmp_path / "step.tflite"
    export.to_litert(export.streaming(model), path, batch_size=1)
    x = rng.normal(size=(3, 7, 1, 2)).astype("float32")
    np.savez(tmp_path / "x.npz", x=x)
    child.measure(str(tmp_path / "x.npz"), str(tmp_path / "y.npz"), "2", str(path))
    with np.load(tmp_path / "y.npz") as found:
        assert found["seconds"].shape == (1, 3)
        outputs = found["outputs"][0, :, 0]
    np.testing.assert_allclose(outputs, model.predict(x[:, :, 0], verbose=0), atol=1e-5)


def test_without_an_lstm_there_is_nothing_to_compare_with(few, tmp_path, capsys):
    assert start(tmp_path, "lstm_c6") == 2
    assert "a run of imdb with variant" in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(edge.PACKAGES, "files", ("export", ("nothing_of_this_name",)))
    assert start(tmp_path, "lstm") == 2
    assert "pip install -e '.[export]'" in capsys.readouterr().err
