"""States and gradients solved for all steps at once, against the loop."""

import keras
import numpy as np
import pytest

import slim_keras

if keras.config.backend() != "jax":
    pytest.skip("the study is JAX's", allow_module_level=True)

import jax
import jax.numpy as jnp

from experiments.core.command import main
from studies.parallel import __main__ as study, layer as parallel
from studies.parallel.layer import WAYS

B, T, M, N = 2, 37, 3, 4


def pair(key, study="parallel", scale=1.0, **arguments):
    """A layer, and its twin with all steps at once, with random weights."""
    arguments |= {"return_sequences": True}
    layer = slim_keras.get(key)(N, **arguments)
    layer.build((B, T, M))
    rng = np.random.default_rng(5)
    weights = [scale * rng.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    twin = parallel.Parallel(slim_keras.get(key)(N, **arguments), **WAYS[study])
    twin.build((B, T, M))
    twin.set_weights(weights)
    return layer, twin, rng.normal(size=(B, T, M)).astype("float32")


def check(layer, twin, x):
    dy = np.random.default_rng(6).normal(size=(B, T, N)).astype("float32")

    def run(layer):
        fixed = [v.value for v in layer.non_trainable_variables]

        def call(weights, x):
            return layer.stateless_call(weights, fixed, x)[0]

        weights = [w.value for w in layer.trainable_variables]
        y, pull = jax.vjp(jax.jit(call), weights, jnp.asarray(x))
        return [y, *jax.tree.leaves(pull(jnp.asarray(dy)))]

    for found, wanted in zip(run(twin), run(layer), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "study"),
    # One state and two; the others differ in what all of them solve.
    [(key, "parallel") for key in ("indrnn", "indylstm")]
    + [("indylstm", study) for study in list(WAYS)[1:]],
)
def test_values_and_gradients(key, study):
    layer, twin, x = pair(key, study, scale=0.5)
    check(layer, twin, x)
    if study == "parallel":  # and not by the loop
        assert 1 < twin.newton_steps(x) < 15


def test_a_linear_recurrence_takes_one_newton_step():
    layer, twin, x = pair("indrnn", activation="linear", scale=0.5)
    assert twin.newton_steps(x) == 1
    check(layer, twin, x)


def test_where_newton_fails_the_loop_takes_over(monkeypatch):
    monkeypatch.setattr(parallel, "LIMIT", 2)
    layer, twin, x = pair("indylstm")
    assert twin.newton_steps(x) is None
    check(layer, twin, x)


def test_steps_that_overshoot_are_halved(monkeypatch):
    layer, twin, x = pair("lstm_c6", scale=2.0)
    assert twin.newton_steps(x) is not None
    check(layer, twin, x)
    monkeypatch.setattr(parallel, "HALF", 1.0)  # whole steps alone go round
    assert twin.newton_steps(x) is None


def test_no_number_is_the_largest():
    numbers = (jnp.array([1.0, -3.0]), jnp.array([jnp.nan, 2.0]))
    assert parallel._largest(numbers) == jnp.inf
    assert parallel._largest(numbers[:1]) == 3


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (slim_keras.LSTM6(3), r"pointwise.*LSTM6"),
        (slim_keras.LSTM_C6(3, activation="sigmoid"), r"g\(0\) = 0.*sigmoid"),
    ],
)
def test_what_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        parallel.Parallel(layer, **WAYS["parallel"])


def test_the_command_times_every_way_against_the_scan(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    tiny = ["--variants=lstm_c6", "--steps=7", "--units=2", "--rounds=1"]
    assert main(study.Settings, study.run, tiny) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "lstm_c6" in line]
    assert [line.split("(")[1].split(")")[0] for line in lines] == ["scan", *WAYS]
    assert main(study.Settings, study.run, [*tiny, "--variants=lstm"]) == 2
    assert "pointwise" in capsys.readouterr().err
