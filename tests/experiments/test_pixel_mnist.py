"""The pixel MNIST experiment: its models, and runs through the command line."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from experiments import pixel_mnist
from experiments.datasets import mnist
from experiments.datasets.mnist import sample
from experiments.pixel_mnist import Config, build, complete
from tests.experiments import support
from tests.experiments.support import check_refusal, row


def start(*args):
    return support.start(pixel_mnist.EXPERIMENT, *args)


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.parametrize(
    ("settings", "logged"),
    [
        ({"stack": "plain"}, 86_410),
        ({"stack": "plain", "layers": 12}, 187_786),
        ({}, 170_890),
        ({"stack": "dense"}, 256_514),
    ],
    ids=["plain6", "plain12", "residual", "dense"],
)
def test_models_are_those_that_the_authors_logged(settings, logged):
    model = build(complete(Config(**settings)))
    assert trainable(model) == logged
    assert model.input_shape == (None, 784)
    # Decay and clipping: on the matrices, on no vector.
    decayed = [w for w in model.trainable_weights if w.regularizer is not None]
    assert {id(w) for w in decayed} == {
        id(w) for w in model.trainable_weights if w.path.endswith("/kernel")
    }
    assert all(len(w.shape) == 2 for w in decayed)
    assert model.optimizer.clipvalue == 10
    stack = model.get_layer("recurrent")
    rates = [r.dropout.rate for r in stack.recurrences]
    if settings.get("stack") == "dense":
        assert rates[:4] == [0.2, 0.1, 0.2, 0.1]
        assert rates[-1] == 0.1
    else:
        assert set(rates) == {0.1}


def test_weight_decay_is_that_of_torch():
    """Its gradient is the rate times the weight."""
    decay = 0.5
    model = build(complete(Config(stack="plain", units=2, weight_decay=decay)))
    kernel = model.layers[-1].kernel
    penalty = keras.ops.convert_to_numpy(kernel.regularizer(kernel.value))
    squares = float(np.sum(model.layers[-1].get_weights()[0] ** 2))
    assert float(penalty) == pytest.approx(decay / 2 * squares)


@pytest.mark.parametrize(("gamma", "bound"), [(None, 1.000885), (5.0, 1.002055)])
def test_bounds_and_the_last_layer(gamma, bound):
    config = complete(Config(stack="plain", layers=2, gamma=gamma))
    first, last = build(config).get_layer("recurrent").recurrences
    u, v = (r.recurrence.get_weights()[0] for r in (first, last))
    assert u.min() < 0.1
    assert u.max() <= bound
    assert 1 / bound - 1e-6 <= v.min() <= v.max() <= bound
    constraint = first.recurrence.recurrent_vector_constraint
    assert constraint.bound == pytest.approx(bound, abs=1e-6)
    kernel = first.recurrence.cell.kernel
    assert kernel is None
    other = build(replace(config, long_memory=False)).get_layer("recurrent")
    assert other.recurrences[1].recurrence.get_weights()[0].min() < 0.1


def test_the_rate_falls_to_a_tenth_every_600_000_steps():
    model = build(complete(Config(stack="plain", layers=1, units=1)))
    optimizer = model.optimizer
    for step, eta in ((0, 2e-4), (599_999, 2e-4), (600_000, 2e-5), (1_200_000, 2e-6)):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(eta)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "after"),  # as in the authors' code
        ({"normalization": "before"}, "before"),
        ({"normalization": "none"}, None),
    ],
)
def test_normalisation_stands_where_it_should(options, place):
    model = build(complete(Config(stack="plain", layers=1, units=1, **options)))
    assert model.get_layer("recurrent").normalization == place


def test_pixels_are_scaled_as_the_authors_scale_them():
    model = build(complete(Config(stack="plain", layers=1, units=1)))
    x = np.arange(784).reshape(1, 784).astype("uint8")
    y = x
    for layer in model.layers[:2]:
        y = layer(y)
    expected = (x / 256 - 0.5) * 2
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(y), expected[..., None], atol=1e-6
    )


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(sample, "TRAIN", 40)
    monkeypatch.setattr(sample, "TEST", 20)


@pytest.mark.parametrize(
    "options",
    [
        ["--stack=residual", "--layers=4", "--permuted"],
        ["--stack=plain", "--layers=1", "--variant=lstm_c6"],
        ["--stack=plain", "--layers=1", "--variant=gru"],
    ],
    ids=["residual", "plain", "baseline"],
)
def test_a_run_on_the_sample(options, few, tmp_path, capsys):
    args = ["--data=sample", "--units=3", "--epochs=1", "--batch-size=20"]
    assert start(*args, *options, f"--output={tmp_path}") == 0
    assert "data: sample" in capsys.readouterr().out
    result = row(tmp_path)
    assert result["experiment"] == "pixel_mnist"
    assert result["status"] == "finished"
    permuted = "--permuted" in options
    assert result["permuted"] is permuted
    assert ("permuted" in result["run"]) is permuted
    assert result["data_checksum"] == mnist.load("sample", permuted=permuted).checksum
    if permuted:
        assert result["gamma"] == 2
        assert result["layers"] == 4
        # W, biases and u, and four of each channel's normalisation.
        assert result["recurrent_parameters"] == 3 + 2 * 9 + 3 * (2 * 3 + 4 * 3)
    else:
        if result["variant"] == "gru":  # with four of each channel's normalisation
            assert result["recurrent_parameters"] == 3 * (3 + 9 + 6) + 4 * 3
        assert (result["gamma"], result["long_memory"]) == (None, False)
        assert result["activation"] == "tanh"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layers=5"], "give 4, 6, 8"),
        (["--layers=2"], "give 4, 6, 8"),
        (["--stack=dense", "--layers=6"], "--blocks"),
        (["--blocks=2"], "blocks 2: only a dense stack takes it"),
        (["--dense-dropout=0.1"], "dense-dropout 0.1: only a dense stack takes it"),
        (["--variant=lstm_c6", "--gamma=2"], "only indrnn takes it"),
        (["--variant=lstm99"], "unknown"),
        (["--variant=gru"], "need --stack plain"),
        (["--blocks=8,0"], "8,0"),
        (["--stack=deep"], "--stack"),
    ],
)
def test_bad_settings(options, message, tmp_path, capsys):
    status = start(*options, "--data=sample", f"--output={tmp_path}")
    check_refusal(capsys, status, message)
