"""The adding problem: its sequences, its models, and runs through the command line."""

import keras
import numpy as np
import pytest

from experiments import adding
from experiments.adding import Config, Sequences, build, complete, sequences
from tests.experiments import support
from tests.experiments.support import check_refusal, history, row

SMALL = ["--length=4", "--units=3", "--batch-size=4"]


def start(*args):
    return support.start(adding.EXPERIMENT, *SMALL, *args)


@pytest.mark.parametrize("length", [2, 5, 100])
def test_targets_are_the_sums_of_the_marked_numbers(length):
    x, y = sequences(4000, length, 1)
    assert x.shape == (4000, length, 2)
    assert (x.dtype, y.dtype, y.shape) == ("float32", "float32", (4000, 1))
    for numbers, markers, (target,) in zip(x[..., 0], x[..., 1], y, strict=True):
        first, second = np.flatnonzero(markers)
        assert first < length // 2 <= second
        assert markers[first] == markers[second] == 1
        assert target == pytest.approx(numbers[first] + numbers[second])
    assert 0 <= x[..., 0].min() < 0.01 < 0.99 < x[..., 0].max() < 1
    # Every place is marked, and saying 1 has the error that the papers print.
    assert (x[..., 1].sum(axis=0) > 0).all()
    assert np.mean((y - 1) ** 2) == pytest.approx(0.167, abs=0.015)


def test_no_batch_comes_twice_and_all_come_again():
    def first_numbers(seed):
        feed = Sequences(length=2, seed=seed).feed(1, seed)
        found = []
        for epoch in range(3):
            feed.begin(epoch)
            found += [float(feed[k][0][0, 0, 0]) for k in range(len(feed))]
        return found

    numbers = first_numbers(3)
    assert len(numbers) == len({*numbers}) == 300
    assert first_numbers(3) == numbers
    assert not {*first_numbers(4)} & {*numbers}


@pytest.mark.parametrize(
    ("variant", "parameters"),  # with the one output; printed as 16K, 67K and 17K
    [("rnn_tanh", 16_897), ("irnn", 16_897), ("lstm", 67_201), ("indrnn", 17_281)],
)
def test_models_are_the_papers(variant, parameters):
    model = build(complete(Config(variant=variant)))
    assert model.count_params() == parameters
    layer = model.get_layer("recurrent")
    optimizer = model.optimizer
    assert optimizer.clipvalue == 10
    if variant == "irnn":
        kernel, recurrent, _ = layer.get_weights()
        np.testing.assert_array_equal(recurrent, np.eye(128))
        assert 0 < np.abs(kernel).max() < 0.01
        assert layer.activation is keras.activations.relu
    if variant == "rnn_tanh":
        assert layer.activation is keras.activations.tanh
    if variant == "indrnn":
        assert all(np.abs(w.get_weights()[0]).max() < 0.01 for w in layer.products)
    if variant == "lstm":
        assert layer.get_weights()[2][128:256].tolist() == [1] * 128


@pytest.mark.parametrize(("length", "bound"), [(100, 1.006956), (5000, 1.000139)])
def test_recurrent_weights_are_bounded_at_first_and_in_training(length, bound):
    stack = build(complete(Config(length=length))).get_layer("recurrent")
    layers = [r.recurrence for r in stack.recurrences]
    first, last = (layer.get_weights()[0] for layer in layers)
    assert first.min() < 0.1
    assert first.max() <= bound + 1e-6
    assert 1 / bound - 1e-6 <= last.min() <= last.max() <= bound + 1e-6
    for layer in layers:
        constraint = layer.recurrent_vector_constraint
        assert constraint.bound == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize(
    ("variant", "length", "eta"),
    [
        ("indrnn", 1000, 2e-4),
        ("lstm", 100, 2e-3),
        ("rnn_tanh", 100, 2e-3),
        ("indylstm", 100, 2e-3),
        ("irnn", 100, 2e-4),
        ("irnn", 1000, 1e-5),
    ],
)
def test_learning_rates(variant, length, eta):
    config = complete(Config(variant=variant, length=length))
    assert config.eta == eta
    assert complete(Config(variant=variant, length=length, eta=0.5)).eta == 0.5


@pytest.mark.parametrize(
    ("steps", "told"), [(20_000, {}), (30, {"decay_steps": 30})], ids=["own", "told"]
)
def test_the_rate_falls(steps, told):
    model = build(complete(Config(units=2, eta=0.5, **told)))
    schedule = model.optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, steps - 1, steps, 2 * steps)]
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.005])


def test_a_run_and_one_that_was_interrupted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(adding, "EPOCH", 50)
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    options = ["--steps=100", "--eta=1e-2"]
    assert start(*options, f"--output={whole}") == 0
    entries = history(whole)
    assert [set(entry) for entry in entries] == [{"epoch", "loss", "test_loss"}] * 2
    assert len({entry["test_loss"] for entry in entries}) == 2
    result = row(whole)
    lowest = min(entries, key=lambda entry: entry["test_loss"])
    expected = {
        "experiment": "adding",
        "data": "generated",
        "variant": "indrnn",
        "length": 4,
        "eta": 1e-2,
        "steps": 100,
        "status": "finished",
        "recurrent_parameters": 2 * 3 + 3 * 3 + 4 * 3,
        "model_parameters": 2 * 3 + 3 * 3 + 4 * 3 + 4,
        "best": {key: lowest[key] for key in ("test_loss", "epoch")},
        "last": {"test_loss": entries[-1]["test_loss"], "epoch": 2},
        "epochs_finished": 2,
        "paper": None,
        "clean": None,
    }
    assert {key: result[key] for key in expected} == expected

    tested = []

    def interrupt(count, length, seed, generate=sequences):
        if count == adding.TESTED:
            tested.append(seed)
            if len(tested) == 2:
                raise KeyboardInterrupt
        return generate(count, length, seed)

    monkeypatch.setattr(adding, "sequences", interrupt)
    assert start(*options, f"--output={parted}") == 130
    assert len(history(parted)) == 1
    assert "going on" not in capsys.readouterr().out
    assert start(*options, f"--output={parted}") == 0
    assert "going on after epoch 1" in capsys.readouterr().out
    assert history(parted) == entries


@pytest.mark.parametrize("variant", ["irnn", "indylstm"])
def test_other_layers(variant, tmp_path, capsys):
    options = [f"--variant={variant}", "--steps=100", "--quiet"]
    assert start(*options, f"--output={tmp_path}") == 0
    result = row(tmp_path)
    assert result["variant"] == variant
    (line,) = capsys.readouterr().out.strip().splitlines()
    assert f"best {result['best']['test_loss']:.4f} (epoch 1)" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--variant=lstm99", "unknown; known: lstm, "),
        ("--steps=150", "multiple of 100"),
        ("--length=1", "--length"),
        ("--gamma=0.5", "--gamma"),
        ("--gamma=3 --variant=lstm", "gamma 3: only indrnn takes it"),
    ],
)
def test_bad_settings(options, message, tmp_path, capsys):
    check_refusal(capsys, start(*options.split(), f"--output={tmp_path}"), message)
