"""Deep stacks: sizes, values, normalisation, dropout over time, masks, files."""

import json
from functools import partial

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import DenseStack, PlainStack, ResidualStack
from tests.slim_keras import support

BATCH, STEPS, FEATURES, UNITS = 3, 5, 2, 3
STACKS = {
    "plain": partial(PlainStack, depth=3),
    "residual": partial(ResidualStack, blocks=2),
    "dense": partial(DenseStack, blocks=(2,)),
}


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def make(kind, rng, layer=None, **arguments):
    """A built stack with random weights and positive moving variances."""
    layer = layer or slim_keras.IndRNN(UNITS, return_sequences=True)
    stack = STACKS[kind](layer, **arguments)
    stack.build((None, None, FEATURES))
    support.randomise(stack, rng)
    for weight in stack.weights:
        if weight.path.endswith("moving_variance"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    return stack


def recurrence(r, x, inference_epsilon):
    """R in NumPy: ReLU, one vector of recurrent weights, moving averages."""

    def normalised(layer, x):
        if layer is None:
            return x
        gamma, beta, mean, variance = layer.get_weights()
        return gamma * (x - mean) / np.sqrt(variance + inference_epsilon) + beta

    u, b = r.recurrence.get_weights()
    x = normalised(r.before, x)
    h, hs = 0, []
    for t in range(x.shape[1]):
        h = np.maximum(x[:, t] + u * h + b, 0)
        hs.append(h)
    return normalised(r.after, np.stack(hs, axis=1))


def expected(kind, stack, x, epsilon):
    w = [product.get_weights()[0] for product in stack.products]
    r = [partial(recurrence, r, inference_epsilon=epsilon) for r in stack.recurrences]
    if kind == "plain":
        return r[2](r[1](r[0](x @ w[0]) @ w[1]) @ w[2])
    if kind == "residual":
        x = x @ w[0]
        x = x + r[1](r[0](x) @ w[1]) @ w[2]
        x = x + r[3](r[2](x) @ w[3]) @ w[4]
        return r[4](x)
    x = r[0](x @ w[0])
    x = np.concatenate([x, r[2](r[1](x @ w[1]) @ w[2])], axis=-1)
    x = np.concatenate([x, r[4](r[3](x @ w[3]) @ w[4])], axis=-1)
    return r[5](x @ w[5])


@pytest.mark.parametrize(
    ("kind", "normalization"),
    [
        *(("plain", place) for place in ("after", "before", None)),
        ("residual", "before"),
        ("dense", "after"),
    ],
)
def test_values(kind, normalization, rng):
    stack = make(kind, rng, normalization=normalization, epsilon=0.1, dropout=0.5)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    wanted = expected(kind, stack, x.astype("float64"), 0.1)
    assert np.abs(wanted).max() > 0.05
    support.close(support.outputs(stack, x), [wanted])
    assert stack.compute_output_shape(x.shape) == wanted.shape
    config = stack.get_config()
    config["layer"]["config"]["return_sequences"] = False
    last = type(stack).from_config(config)
    assert stack.get_config() != config
    last.build((None, None, FEATURES))
    last.set_weights(stack.get_weights())
    support.close(support.outputs(last, x), [wanted[:, -1]])
    assert last.compute_output_shape(x.shape) == wanted[:, -1].shape


def test_sizes_of_the_dense_stack():
    stack = DenseStack(
        slim_keras.IndRNN(2),
        (2, 1),
        dropout=0.1,
        bottleneck_dropout=0.2,
        transition_dropout=0.3,
    )
    stack.build((None, None, 3))
    shapes = [product.kernel.shape for product in stack.products]
    dense = [[(c, 8), (8, 2)] for c in (12, 14, 8)]
    assert shapes == [(3, 12), *dense[0], *dense[1], (16, 8), *dense[2], (10, 5)]
    rates = [r.dropout.rate for r in stack.recurrences]
    assert rates == [0.1, 0.2, 0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.3]


def test_residual_blocks_have_identity_paths(rng):
    """With zeros as the last W of every block nothing is added."""
    stack = make("residual", rng, dropout=0.3)
    for product in stack.products[2::2]:
        product.set_weights([np.zeros(product.kernel.shape)])
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    (first,) = stack.products[0].get_weights()
    wanted = recurrence(stack.recurrences[-1], x @ first, stack.epsilon)
    support.close(support.outputs(stack, x), [wanted])


@pytest.mark.parametrize("key", ["lstm_c6", "indylstm", "lstm3"])
def test_plain_stack_is_layers_on_layers(key, rng):
    """W and R together are the layer with its kernel."""
    layer = slim_keras.get(key)(UNITS, return_sequences=True)
    stack = make("plain", rng, layer, normalization=None)
    y = x = support.floats(rng, BATCH, STEPS, FEATURES)
    mask = support.mask(rng, BATCH, STEPS)
    for product, r in zip(stack.products, stack.recurrences, strict=True):
        single = type(layer).from_config(layer.get_config())
        single.build(y.shape)
        single.set_weights(product.get_weights() + r.get_weights())
        (y,) = support.outputs(single, y, mask=support.tensor(mask))
    support.close(support.outputs(stack, x, mask=support.tensor(mask)), [y])


def test_other_layers_train_in_a_stack(rng):
    stack = make("residual", rng, slim_keras.IndyLSTM(2), dropout=0.1)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), stack])
    before = stack.get_weights()
    model.compile("sgd", "mse")
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    y = support.floats(rng, BATCH, model.output_shape[-1])
    model.fit(x, y, verbose=0)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, stack.get_weights(), strict=True)
    ]
    assert all(moved)


def test_padding_in_front_changes_nothing(rng):
    stack = make("residual", rng)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    padding = support.floats(rng, BATCH, 2, FEATURES)
    mask = np.arange(STEPS + 2) >= np.full((BATCH, 1), 2)
    padded = np.concatenate([padding, x], axis=1)
    (found,) = support.outputs(stack, padded, mask=support.tensor(mask))
    support.close([found[:, 2:]], support.outputs(stack, x))


def test_shapes_of_masks(rng):
    stack = make("plain", rng)
    x = support.tensor(support.floats(rng, BATCH, STEPS, FEATURES))
    mask = np.arange(STEPS)[None] < 3
    (wanted,) = support.outputs(stack, x, mask=mask.repeat(BATCH, 0), training=True)
    (found,) = support.outputs(stack, x, mask=mask, training=True)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    with pytest.raises(ValueError, match=r"`mask` must have the shape .*\(5, 3\)"):
        stack(x, mask=support.tensor(np.ones((STEPS, BATCH), bool)))


def test_padding_behind_keeps_the_last_output(rng):
    stack = make("residual", rng, slim_keras.IndRNN(UNITS))
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    mask = support.tensor(np.arange(STEPS) < np.full((BATCH, 1), 3))
    found = support.outputs(stack, x, mask=mask)
    support.close(found, support.outputs(stack, x[:, :3]))


def test_a_mask_passes_through_to_whoever_needs_it(rng):
    for sequences in (True, False):
        layer = slim_keras.LSTM_C6(UNITS, return_sequences=sequences)
        model = keras.Sequential(
            [
                keras.Input((STEPS, FEATURES)),
                keras.layers.Masking(),
                PlainStack(layer, 2),
            ]
        )
        x = support.floats(rng, BATCH, STEPS, FEATURES)
        x[0, 3:] = 0
        (found,) = support.outputs(model, x)
        (plain,) = support.outputs(model.layers[-1], x)
        assert not np.allclose(found[0], plain[0])
        np.testing.assert_allclose(found[1:], plain[1:], atol=1e-6)
        mask = model.layers[-1].compute_mask(None, "mask")
        assert mask == ("mask" if sequences else None)


@pytest.mark.parametrize(
    ("masked", "normalization"),
    [(True, "after"), (True, "before"), (False, "after")],
)
def test_statistics_are_those_over_batch_and_counted_steps(masked, normalization, rng):
    # Without recurrence what is normalised before it comes out as it is.
    u = "zeros" if normalization == "before" else "ones"
    layer = slim_keras.IndRNN(
        UNITS,
        activation="linear",
        recurrent_vector_initializer=u,
        return_sequences=True,
    )
    stack = PlainStack(
        layer, 1, normalization=normalization, epsilon=1e-6, momentum=0.0
    )
    x = support.floats(rng, 20, STEPS, FEATURES)
    mask = rng.random((20, STEPS)) > 0.3 if masked else np.full((20, STEPS), True)
    options = {"mask": support.tensor(mask)} if masked else {}
    (y,) = support.outputs(stack, x, training=True, **options)
    np.testing.assert_allclose(y[mask].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(y[mask].var(axis=0), 1, atol=1e-3)
    (again,) = support.outputs(stack, x, training=False, **options)
    # With momentum 0 the moving averages are those of this batch; PyTorch's variance
    # is the unbiased one.
    np.testing.assert_allclose(again[mask], y[mask], rtol=0.02, atol=1e-3)


def test_dropout_has_one_mask_for_all_steps(rng):
    layer = slim_keras.IndRNN(40, return_sequences=True)
    stack = PlainStack(layer, 1, normalization=None, dropout=0.25)
    x = np.abs(support.floats(rng, BATCH, STEPS, FEATURES))
    (whole,) = support.outputs(stack, x)
    (dropped,) = support.outputs(stack, x, training=True)
    active = whole.min(axis=1) > 1e-3  # at every step
    factors = (dropped / np.where(whole == 0, 1, whole)).transpose(0, 2, 1)[active]
    assert len(factors) > 30
    np.testing.assert_allclose(factors, np.repeat(factors[:, :1], STEPS, 1), rtol=1e-5)
    kept = factors[:, 0] > 0
    np.testing.assert_allclose(factors[kept], 1 / 0.75, rtol=1e-5)
    assert 0.5 < kept.mean() < 0.95


def test_the_last_recurrence_may_start_otherwise():
    bounds = {"gamma": 2.0, "steps": 20}
    layer = slim_keras.IndRNN(
        40,
        recurrent_vector_initializer=slim_keras.BoundedUniform(**bounds),
        recurrent_vector_constraint=slim_keras.BoundedRecurrence(**bounds),
        kernel_regularizer=keras.regularizers.L2(0.1),
        kernel_constraint="non_neg",
    )
    last = slim_keras.BoundedUniform(**bounds, long_memory=True)
    stack = PlainStack(layer, 3, last_initializer=last)
    stack.build((None, None, FEATURES))
    *others, u = (r.recurrence.get_weights()[0] for r in stack.recurrences)
    assert 2 ** (-1 / 20) <= u.min() <= u.max() <= 2 ** (1 / 20)
    for one in others:
        assert one.min() < 0.5
        assert one.max() <= 2 ** (1 / 20)
    assert len({float(one[0]) for one in others}) == len(others)
    # The layer's arguments are there, where they belong.
    for r in stack.recurrences:
        assert isinstance(
            r.recurrence.recurrent_vector_constraint, slim_keras.BoundedRecurrence
        )
        assert all(w.regularizer is None for w in r.weights)
    assert all(p.kernel_regularizer is not None for p in stack.products)
    assert all(p.kernel_constraint is not None for p in stack.products)


@pytest.mark.parametrize("kind", STACKS)
def test_a_configuration_holds_every_argument(kind):
    arguments = {
        "dropout": 0.1,
        "normalization": "before",
        "momentum": 0.9,
        "epsilon": 0.1,
        "last_initializer": keras.initializers.Constant(0.5),
    }
    if kind == "dense":
        arguments |= {"bottleneck_dropout": 0.2, "transition_dropout": 0.3}
    stack = STACKS[kind](slim_keras.IndRNN(2), **arguments)
    config = json.loads(json.dumps(stack.get_config()))
    again = type(stack).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    constant = vars(arguments.pop("last_initializer"))
    assert vars(again.last_initializer) == constant
    assert {name: getattr(again, name) for name in arguments} == arguments


def test_normalisation_is_keras_own_by_default():
    own = keras.layers.BatchNormalization()
    stack = PlainStack(slim_keras.IndRNN(2), 1)
    stack.build((None, None, FEATURES))
    found = stack.recurrences[0].after
    assert (found.momentum, found.epsilon) == (own.momentum, own.epsilon)


def test_files(tmp_path, rng):
    layer = slim_keras.LSTM_C6(2, forget=0.5, kernel_initializer="he_normal")
    stack = make("dense", rng, layer, normalization="before", last_initializer="ones")
    model = keras.Sequential([keras.Input((None, FEATURES)), stack])
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    wanted = support.outputs(model, x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    support.close(support.outputs(loaded, x), wanted, atol=0)
    model.save_weights(tmp_path / "model.weights.h5")
    clone = keras.models.clone_model(model)
    clone.load_weights(tmp_path / "model.weights.h5")
    support.close(support.outputs(clone, x), wanted, atol=0)


def test_the_dtype_is_that_of_the_layer(rng):
    half = slim_keras.IndRNN(UNITS, dtype="mixed_bfloat16")
    x = support.tensor(support.floats(rng, BATCH, STEPS, FEATURES))
    for arguments, dtype in ({}, "bfloat16"), ({"dtype": "float32"}, "float32"):
        stack = PlainStack(half, 2, **arguments)
        assert keras.backend.standardize_dtype(stack(x).dtype) == dtype
        assert {w.dtype for w in stack.weights} == {"float32"}
        recurrences = [r.recurrence for r in stack.recurrences]
        inside = [*stack.products, *recurrences]
        assert {x.compute_dtype for x in (stack, *inside)} == {dtype}


def test_seeded_layers_start_and_drop_apart():
    """And the same each time."""
    layer = slim_keras.IndRNN(
        UNITS,
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
        recurrent_vector_initializer=slim_keras.BoundedUniform(seed=1),
        recurrent_dropout=0.5,
        seed=1,
    )
    stack, again = (ResidualStack(layer, 1) for _ in range(2))
    for each in stack, again:
        each.build((None, None, FEATURES))
    support.close(again.get_weights(), stack.get_weights(), atol=0)
    firsts = [float(w[0].flat[0]) for w in (p.get_weights() for p in stack.products)]
    assert len(set(firsts)) == len(firsts)
    us = [float(r.recurrence.get_weights()[0][0]) for r in stack.recurrences]
    assert len(set(us)) == len(us)
    states = [
        tuple(support.arrays(r.recurrence.cell.seed_generator.state)[0])
        for r in stack.recurrences
    ]
    assert len(set(states)) == len(states)
    config = stack.get_config()
    assert config["layer"]["config"]["seed"] == 1


def test_a_frozen_layer_makes_a_frozen_stack():
    stack = PlainStack(slim_keras.IndRNN(2, trainable=False), 2, normalization=None)
    stack.build((None, None, FEATURES))
    assert (len(stack.trainable_weights), len(stack.non_trainable_weights)) == (0, 6)


INDRNN = slim_keras.IndRNN(2)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda: PlainStack(keras.layers.LSTM(2), 2), "layer of slim_keras"),
        (lambda: PlainStack(INDRNN, 0), "`depth` must be a positive integer"),
        (lambda: ResidualStack(INDRNN, 1.5), "`blocks` must be a positive integer"),
        (lambda: DenseStack(INDRNN, ()), "`blocks` must hold"),
        (lambda: DenseStack(INDRNN, (2, 0)), "`blocks` must be a positive integer"),
        (lambda: DenseStack(INDRNN, 5), "`blocks` must hold.*blocks=5"),
        (lambda: PlainStack(INDRNN, 2, dropout=1.5), "`dropout` must be in"),
        (lambda: PlainStack(INDRNN, 2, dropout="a"), "`dropout` must be in.*'a'"),
        (
            lambda: DenseStack(INDRNN, bottleneck_dropout=-1),
            "`bottleneck_dropout` must be in",
        ),
        (
            lambda: DenseStack(INDRNN, transition_dropout=None),
            "`transition_dropout` must be in",
        ),
        (lambda: PlainStack(INDRNN, 2, momentum=7), "`momentum` must be a number"),
        (lambda: PlainStack(INDRNN, 2, epsilon=-1.0), "`epsilon` must be a number"),
        (lambda: PlainStack(INDRNN, 2, normalization="batch"), "'after', 'before' or"),
        (
            lambda: PlainStack(slim_keras.LSTM6(2), 2, last_initializer="ones"),
            "`recurrent_vector`, which `LSTM6` does not have",
        ),
        *(
            (
                lambda wrong=wrong: PlainStack(slim_keras.IndRNN(2, **wrong), 2),
                f"`layer` must have .*Received: {next(iter(wrong))}=",
            )
            for wrong in (
                {"return_state": True},
                {"return_state": 1},
                {"go_backwards": True},
                {"stateful": True},
                {"kernel_initializer": None},
            )
        ),
    ],
    ids=range(19),
)
def test_bad_arguments(start, message):
    with pytest.raises(ValueError, match=message):
        start()
