"""Mixed precision, float64, and the float32 carry of our engines."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS

OURS, KERNEL = ("scan", "kernel"), ("kernel",)


@pytest.fixture
def problem(rng):
    """Input, states, and gradients at outputs and states, of a gated variant."""
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    dy = [support.floats(rng, BATCH, STEPS, UNITS)]
    dy += [support.floats(rng, BATCH, UNITS) for _ in range(2)]
    return x, [support.floats(rng, BATCH, UNITS) for _ in range(2)], dy


def near(found, wanted, share):
    """Asserts that arrays differ by a share of the largest number at most."""
    for a, b in zip(found, wanted, strict=True):
        a, b = a.astype("float64"), b.astype("float64")
        np.testing.assert_allclose(a, b, rtol=0, atol=share * np.abs(b).max())


# Products and outputs have 11 and 8 bits; gradients add some tens of them.
@pytest.mark.parametrize(
    ("dtype", "bits", "engine", "key"),
    [("mixed_float16", 11, *run) for run in support.runs("lstm_c6", engines=OURS)]
    + [("mixed_bfloat16", 8, *run) for run in support.runs("lstm5")]
    + [("mixed_bfloat16", 8, *run) for run in support.runs("lstm_c6", engines=KERNEL)],
)
def test_mixed_precision(dtype, bits, engine, key, problem, rng):
    layer = support.make(
        key, rng, return_sequences=True, return_state=True, dtype=dtype, engine=engine
    )
    x, states, dy = problem
    mask = support.mask(rng)
    half = dtype.removeprefix("mixed_")
    for y in layer(
        support.tensor(x), initial_state=[support.tensor(s) for s in states]
    ):
        assert keras.backend.standardize_dtype(y.dtype) == half
    assert {w.dtype for w in layer.weights} == {"float32"}

    y, found = support.gradients(layer, x, dy, states, mask=support.tensor(mask))

    wanted = support.expected(layer, x, states, mask=mask)
    support.close(y, wanted, atol=8 * 2.0**-bits)
    wanted = support.expected_gradients(layer, x, dy, states, mask)
    near(found, wanted, 16 * 2.0**-bits)


@pytest.mark.parametrize(
    ("engine", "key"),
    support.runs("lstm5a", engines=OURS) + support.runs("indylstm", engines=KERNEL),
)
def test_recurrent_dropout_in_mixed_precision(key, engine, problem, rng):
    """Under the same masks as in Keras' loop."""
    drop = {"recurrent_dropout": 0.4, "seed": 5}
    layer = support.make(
        key, rng, return_sequences=True, engine=engine, dtype="mixed_bfloat16", **drop
    )
    loop = support.twin(layer, engine="loop")
    x, _, (dy, *_) = problem
    for found, wanted in zip(
        support.gradients(layer, x, [dy], training=True),
        support.gradients(loop, x, [dy], training=True),
        strict=True,
    ):
        near(found, wanted, 0.1)


def test_an_activation_of_a_mixed_policy(problem, rng):
    """A layer as the activation gives half precision for what is carried in float32."""
    leaky = keras.layers.LeakyReLU(0.3, dtype="mixed_bfloat16")
    layer = support.make(
        "lstm6", rng, return_sequences=True, activation=leaky, dtype="mixed_bfloat16"
    )
    plain = support.twin(layer, activation=lambda x: keras.ops.leaky_relu(x, 0.3))
    x, _, (dy, *_) = problem
    assert layer.resolved_engine == "scan"
    for found, wanted in zip(
        support.gradients(layer, x, [dy]),
        support.gradients(plain, x, [dy]),
        strict=True,
    ):
        near(found, wanted, 0.1)


@pytest.mark.parametrize(
    ("engine", "key", "outside", "inside"),
    [
        (*run, *dtypes)
        for dtypes in (("mixed_float16", "float32"), ("float32", "mixed_float16"))
        for run in support.runs("lstm", engines=("scan", "loop"))
    ]
    + [
        (*r, "float32", "mixed_float16")
        for r in support.runs("lstm_c6", engines=KERNEL)
    ],
)
def test_another_policy_around(key, engine, outside, inside, rng):
    """Keras casts the weights inside to the dtype of the policy around."""
    layer = support.make(key, rng, engine=engine, dtype=inside)
    wrapped = keras.layers.TimeDistributed(layer, dtype=outside)
    x = support.floats(rng, BATCH, 2, STEPS, FEATURES)
    dy = support.floats(rng, BATCH, 2, UNITS)
    wrapped(support.tensor(x))  # builds it
    [y], found = support.gradients(wrapped, x, [dy])
    half = inside == "mixed_float16"
    assert y.dtype == ("float16" if half else "float32")

    flat = x.reshape(-1, STEPS, FEATURES)
    [wanted] = support.expected(layer, flat)
    bits = 2.0**-11  # of float16
    support.close([y.reshape(-1, UNITS)], [wanted], atol=8 * bits)
    wanted = support.expected_gradients(layer, flat, [dy.reshape(-1, UNITS)])
    near(
        found,
        [b.reshape(a.shape) for a, b in zip(found, wanted, strict=True)],
        16 * bits,
    )


def test_float64(problem, rng):
    if support.BACKEND == "jax":
        pytest.skip("JAX has no float64 unless jax_enable_x64 is set at the start")
    layer = support.make(
        "lstm5", rng, return_sequences=True, return_state=True, dtype="float64"
    )
    x, states, dy = (keras.tree.map_structure(np.float64, part) for part in problem)
    y, found = support.gradients(layer, x, dy, states)
    assert {a.dtype for a in (*y, *found)} == {np.dtype("float64")}
    support.close(y, support.expected(layer, x, states), atol=1e-12)
    wanted = support.expected_gradients(layer, x, dy, states)
    support.close(found, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "bits"), [("mixed_float16", 11), ("mixed_bfloat16", 8)]
)
def test_the_carry_is_float32(dtype, bits, rng):
    """Over 300 steps a memory of half precision loses what float32 keeps."""
    errors = {}
    x = 0.1 * support.floats(rng, BATCH, 300, FEATURES) + 0.05
    for engine, _ in support.runs("lstm_c6"):
        layer = slim_keras.LSTM_C6(
            UNITS,
            forget=0.99,
            return_state=True,
            engine=engine,
            dtype=dtype,
            recurrent_vector_initializer="zeros",
            kernel_initializer=keras.initializers.Constant(0.05),
        )
        c = support.outputs(layer, x)[2].astype("float64")
        wanted = support.expected(layer, x)[2]
        errors[engine] = np.abs(c / wanted - 1).max()
    # What so many bits of input and weights leave; the loop is several times off.
    loop = errors.pop("loop")
    assert max(errors.values()) < 2.5 * 2.0**-bits
    assert loop > 4 * max(errors.values())


def test_float16_training_goes_down(rng):
    """With the loss scaling that float16 needs."""
    model = keras.Sequential(
        [
            keras.Input((STEPS, FEATURES)),
            slim_keras.IndyLSTM(UNITS, dtype="mixed_float16"),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02))
    model.compile(optimizer, "mse")
    x = support.floats(rng, 32, STEPS, FEATURES)
    y = x[:, -1, :1]
    losses = model.fit(x, y, epochs=15, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
