"""What starts, penalises and bounds the weights."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import oracle, support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS


def by_name(layer):
    return {w.path.split("/")[-1]: support.arrays(w.value)[0] for w in layer.weights}


@pytest.mark.parametrize("key", support.KEYS)
def test_layout(key):
    layer = slim_keras.get(key)(UNITS)
    layer.build((None, None, FEATURES))
    _, inputs, matrices, vectors, biases, _, _ = oracle.VARIANTS[key]
    wanted = {"kernel": (FEATURES, len(inputs) * UNITS)}
    if matrices:
        wanted["recurrent_kernel"] = (UNITS, len(matrices) * UNITS)
    if vectors:
        wanted["recurrent_vector"] = (len(vectors) * UNITS,)
    wanted["bias"] = (len(biases) * UNITS,)
    assert {k: w.shape for k, w in by_name(layer).items()} == wanted
    count = layer.variant.parameters(FEATURES, UNITS)
    assert layer.count_params() == layer.cell.count_params() == count


@pytest.mark.parametrize("key", support.KEYS)
def test_forget_bias_starts_at_one(key):
    biases = oracle.VARIANTS[key][4]
    half = {"bias_initializer": keras.initializers.Constant(0.5)}
    cases = [({}, 1, 0), (half, 1, 0.5)]
    cases += [(half | {"unit_forget_bias": False}, 0.5, 0.5)] if "f" in biases else []
    for arguments, forget, others in cases:
        layer = slim_keras.get(key)(UNITS, **arguments)
        layer.build((None, None, FEATURES))
        start = [np.full(UNITS, forget if k == "f" else others) for k in biases]
        np.testing.assert_array_equal(by_name(layer)["bias"], np.concatenate(start))


@pytest.mark.parametrize("key", ["lstm2", "lstm11"])
def test_without_bias(key, rng):
    """As with a bias of zeros: the oracle puts zeros where weights are missing."""
    layer = support.make(key, rng, use_bias=False, return_sequences=True)
    assert "bias" not in by_name(layer)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    support.is_the_oracle(layer, x, support.slopes(layer, rng))


@pytest.mark.parametrize(
    ("key", "engine"),
    [("lstm", "scan"), ("lstm5a", "scan"), ("indrnn", "loop")],
)
def test_without_kernel(key, engine, rng):
    """The input is what the kernel would have made."""
    layer = support.make(key, rng, return_sequences=True)
    kernel, *others = layer.get_weights()
    config = layer.get_config() | {"kernel_initializer": None, "engine": engine}
    copy = type(layer).from_config(config)
    copy.build((None, None, kernel.shape[1]))
    copy.set_weights(others)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    dy = [support.floats(rng, BATCH, STEPS, UNITS)]
    y, found = support.gradients(copy, x @ kernel, dy)
    support.close(y, support.expected(layer, x))
    *wanted, dx = support.expected_gradients(layer, x, dy)
    support.close(found[:-1], wanted[1:])
    support.close([found[-1] @ kernel.T], [dx])


@pytest.mark.parametrize("key", support.KEYS)
def test_paths_are_the_same_in_every_process(key):
    """However many layers were made before."""
    layer = slim_keras.get(key)
    for _ in range(2):
        made = layer(UNITS, name="mine")
        made.build((None, None, FEATURES))
        start = f"mine/{key}_cell/"
        assert {w.path.removeprefix(start) for w in made.weights} == set(by_name(made))


def test_without_kernel_the_size_of_the_input_is_known():
    layer = slim_keras.IndyLSTM(UNITS, kernel_initializer=None)
    with pytest.raises(
        ValueError, match=r"must end in 16, .* 4 units of `IndyLSTM` is W x_t"
    ):
        layer.build((None, None, FEATURES))


def test_default_vectors_are_orthonormal():
    layer = slim_keras.LSTM10(8)
    layer.build((None, None, FEATURES))
    vectors = by_name(layer)["recurrent_vector"].reshape(4, 8)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(4), atol=1e-6)


def test_indylstm_starts_in_minus_one_to_one():
    layer = slim_keras.IndyLSTM(200)
    layer.build((None, None, 1))
    u = by_name(layer)["recurrent_vector"]
    assert -1 <= u.min() < -0.95
    assert 0.95 < u.max() <= 1
    # 800 draws: mean 0 and variance 1/3, within four standard deviations.
    assert abs(u.mean()) < 0.09
    assert abs((u**2).mean() - 1 / 3) < 0.05


def test_regularizers_are_counted(rng):
    l1, l2 = keras.regularizers.L1, keras.regularizers.L2
    layer = support.make(
        "lstm4",
        rng,
        return_sequences=True,
        kernel_regularizer=l1(0.1),
        recurrent_regularizer=l2(0.2),
        recurrent_vector_regularizer=l1(0.3),
        bias_regularizer=l2(0.4),
        activity_regularizer=l2(0.5),
    )
    w = by_name(layer)
    wanted = [
        0.1 * np.abs(w["kernel"]).sum(),
        0.2 * (w["recurrent_kernel"] ** 2).sum(),
        0.3 * np.abs(w["recurrent_vector"]).sum(),
        0.4 * (w["bias"] ** 2).sum(),
    ]
    np.testing.assert_allclose(
        sorted(support.arrays(layer.losses)), sorted(wanted), 1e-5
    )
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    (y,) = support.outputs(layer, x)
    wanted.append(0.5 * (y**2).sum() / BATCH)  # Keras divides by the batch
    np.testing.assert_allclose(
        sorted(support.arrays(layer.losses)), sorted(wanted), 1e-5
    )


def test_constraints_hold_after_a_step(rng):
    """And IndRNN's own default |u| <= 1, which a large step would break."""
    bounded = slim_keras.IndyLSTM(
        UNITS,
        recurrent_vector_constraint=slim_keras.BoundedRecurrence(2.0, steps=STEPS),
        kernel_constraint=keras.constraints.MaxNorm(0.7),
        bias_constraint="non_neg",
        return_sequences=True,
    )
    default = slim_keras.IndRNN(UNITS, activation="tanh")
    matrix = slim_keras.LSTM6(
        UNITS, recurrent_constraint=keras.constraints.MaxNorm(0.5)
    )
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), bounded, default])
    other = keras.Sequential([keras.Input((STEPS, FEATURES)), matrix])
    x, y = (
        support.floats(rng, BATCH, STEPS, FEATURES),
        support.floats(rng, BATCH, UNITS),
    )
    for either in model, other:
        support.randomise(either, rng)
        either.compile(keras.optimizers.SGD(100.0), "mse")
        either.fit(x, y, verbose=0)
    w = by_name(bounded)
    np.testing.assert_allclose(np.abs(w["recurrent_vector"]).max(), 2 ** (1 / STEPS))
    assert np.linalg.norm(w["kernel"], axis=0).max() <= 0.7 + 1e-6
    assert w["bias"].min() >= 0
    assert np.abs(by_name(default)["recurrent_vector"]).max() <= 1
    assert (
        np.linalg.norm(by_name(matrix)["recurrent_kernel"], axis=0).max() < 0.5 + 1e-6
    )


def test_freezing(rng):
    layer = support.make("lstm11", rng, trainable=False)
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 3
    layer.trainable = True
    assert len(layer.trainable_weights) == 3
