"""The experiment of heart beats: its model and loss, and a run of the sample."""

from pathlib import Path

import keras
import numpy as np
import pytest

from experiments import ecg
from experiments.datasets.ecg import sample
from experiments.ecg import CLASSES, Config, build, complete, load, newest
from tests.experiments import support
from tests.experiments.support import check_refusal, history, parsed, row

CONFIG = Path(__file__).parents[2] / "configs" / "ecg.toml"
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(sample, "SECONDS", 14)


def start(*args):
    small = ["--data=sample", "--variant=lstm_c6", "--layers=1", "--units=8"]
    return support.start(ecg.EXPERIMENT, *small, "--rate=40", "--batch-size=18", *args)


def test_parameters():
    n = 6
    model = build(complete(Config(variant="gru", units=n, taps=5)))
    recurrent = 3 * n * (5 + n + 2) + 3 * n * (n + n + 2)  # Keras' GRU has 2 biases
    assert model.get_layer("recurrent").count_params() == recurrent
    assert model.count_params() == recurrent + 4 * (n + 1)
    assert model.output_shape == (None, None, 4)


def test_the_newest_samples_of_each_step():
    x = np.arange(1, 9, dtype="float32").reshape(2, 4, 1)
    expected = [
        [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]],
        [[0, 0, 5], [0, 5, 6], [5, 6, 7], [6, 7, 8]],
    ]
    np.testing.assert_array_equal(newest(x, 3), expected)


def test_what_comes_later_changes_nothing():
    model = build(complete(Config(variant="lstm_c6", units=4)))
    x = RNG.normal(size=(2, 12, 8)).astype("float32")
    other = x.copy()
    other[:, 7:] = 9
    a, b = (model.predict(each, verbose=0) for each in (x, other))
    np.testing.assert_array_equal(a[:, :7], b[:, :7])
    assert (a[:, 7:] != b[:, 7:]).any()


def test_the_loss_is_the_weighted_mean_where_a_class_is_due():
    weights = [1.0, 2.0, 3.0, 5.0]
    model = build(complete(Config(variant="lstm_c6", units=4, weights="1,2,3,5")))
    y = RNG.integers(-1, 4, (3, 6)).astype("int8")
    logits = RNG.normal(size=(3, 6, 4)).astype("float32")
    above = entropy = 0.0
    for true, z in zip(y.ravel(), logits.reshape(-1, 4).astype(float), strict=True):
        if true >= 0:
            entropy += weights[true] * -np.log(np.exp(z[true]) / np.exp(z).sum())
            above += weights[true]
    loss = model.compute_loss(y=y, y_pred=keras.ops.convert_to_tensor(logits))
    assert float(loss) == pytest.approx(entropy / above, rel=1e-5)
    nothing = np.full_like(y, -1)
    loss = model.compute_loss(y=nothing, y_pred=keras.ops.convert_to_tensor(logits))
    assert float(loss) == 0


def test_a_run_learns_and_leaves_its_row(tmp_path, capsys):
    assert start("--epochs=6", "--eta=3e-2", f"--output={tmp_path}") == 0
    out = capsys.readouterr().out
    assert "data: sample" in out
    assert "clean  0." in out
    entries = history(tmp_path)
    result = row(tmp_path)
    expected = {
        "experiment": "ecg",
        "data": "sample",
        "delay": 0.3,
        "weights": "1,7,4,10",
        "recurrent_parameters": 8 * (8 + 2),
        "epochs_finished": 6,
    }
    assert {key: result[key] for key in expected} == expected
    best = max(entries, key=lambda entry: entry["val_f1"])
    clean = result["clean"]
    assert (clean["epoch"], clean["test_f1"]) == (best["epoch"], best["test_f1"])
    assert result["paper"]["test_f1"] == max(entry["test_f1"] for entry in entries)
    # The matrix is that of the same epoch, of all test beats.
    counts = np.array(clean["confusion"])
    _, y = load(Config(data="sample", rate=40)).parts["test"]
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(y[y >= 0]))
    right, both = counts.diagonal(), counts.sum(axis=0) + counts.sum(axis=1)
    assert (2 * right / both).mean() == pytest.approx(clean["test_f1"], rel=1e-5)
    assert clean["sensitivity"] == {
        name: right[k] / counts[k].sum() for k, name in enumerate(CLASSES)
    }
    # Whoever says N always has 0.21 or so.
    assert clean["test_f1"] > 0.3


def test_the_config_holds_the_defaults():
    assert parsed(Config, f"--config={CONFIG}") == Config()


@pytest.mark.parametrize(
    ("options", "hints"),
    [
        ("--variant=lstm99", ["unknown; known: lstm"]),
        ("--weights=1,2,3", ["weights 1,2,3: give one for each of N, S, V, F"]),
        ("--rate=50", ["rate is 50: it must divide 360"]),
        ("--delay=-1", ["--delay"]),
        ("--taps=0", ["--taps"]),
        ("--variant=gru --forget=0.4", ["the forget gate of gru is not a constant"]),
    ],
)
def test_bad_settings(options, hints, tmp_path, capsys):
    check_refusal(capsys, start(*options.split(), f"--output={tmp_path}"), *hints)
