"""The bounded recurrence of IndRNN and the joint orthogonal start."""

import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support

# gamma^(1/T) as printed, for gamma = 2, 5, 10, and gamma^(-1/T) for 2, 5.
TABLE = {
    20: (1.035265, 1.083798, 1.122018, 0.965936, 0.922681),
    50: (1.013959, 1.032712, 1.047129, 0.986233, 0.968324),
    100: (1.006956, 1.016225, 1.023293, 0.993092, 0.984034),
    500: (1.001387, 1.003224, 1.004616, 0.998615, 0.996786),
    784: (1.000885, 1.002055, 1.002941, 0.999116, 0.997949),
    1000: (1.000693, 1.001611, 1.002305, 0.999307, 0.998392),
    5000: (1.000139, 1.000322, 1.000461, 0.999861, 0.999678),
}


@pytest.mark.parametrize("steps", TABLE)
def test_bounds_of_the_table(steps):
    *upper, low_2, low_5 = TABLE[steps]
    assert slim_keras.BoundedRecurrence(1, steps).bound == 1
    for gamma, bound in zip((2, 5, 10), upper, strict=True):
        constraint = slim_keras.BoundedRecurrence(gamma, steps)
        clipped = support.arrays(constraint(support.tensor(np.float32([-9, 9, 0.5]))))[
            0
        ]
        np.testing.assert_allclose(clipped, [-bound, bound, 0.5], atol=6e-7)
    for gamma, low in ((2, low_2), (5, low_5)):
        start = slim_keras.BoundedUniform(gamma, steps, long_memory=True, seed=1)
        u = support.arrays(start((1000,)))[0]
        assert low - 6e-7 <= u.min()
        assert u.max() <= TABLE[steps][0 if gamma == 2 else 1] + 6e-7
        # A thousand draws fill the range to a hundredth.
        assert np.ptp(u) > 0.98 * (TABLE[steps][0 if gamma == 2 else 1] - low)


def test_bounded_uniform():
    u = support.arrays(slim_keras.BoundedUniform(5.0, 20, seed=1)((1000,)))[0]
    assert 0 <= u.min() < 0.02
    assert 1.06 < u.max() <= 1.083799


def test_defaults_of_indrnn():
    layer = slim_keras.IndRNN(500)
    layer.build((None, None, 1))
    u = layer.get_weights()[1]
    assert 0 <= u.min() < 0.02
    assert 0.98 < u.max() <= 1
    assert isinstance(layer.recurrent_vector_constraint, slim_keras.BoundedRecurrence)
    # Two layers do not start alike.
    other = slim_keras.IndRNN(500)
    other.build((None, None, 1))
    assert not np.array_equal(u, other.get_weights()[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: slim_keras.BoundedRecurrence(0.5), "`gamma` must be 1 or more"),
        (lambda: slim_keras.BoundedRecurrence(float("nan")), "`gamma` must be"),
        (lambda: slim_keras.BoundedRecurrence(2, 0), "`steps` must be a positive"),
        (lambda: slim_keras.BoundedRecurrence("2"), "`gamma` must be"),
        (lambda: slim_keras.BoundedRecurrence(2, 0.5), "`steps` must be a positive"),
        (lambda: slim_keras.BoundedUniform(2, True), "`steps` must be a positive"),
        (lambda: slim_keras.BoundedUniform(0.9, 10), "`gamma` must be 1 or more"),
        (lambda: slim_keras.BoundedUniform(2, -1), "`steps` must be a positive"),
        (lambda: slim_keras.BoundedUniform(long_memory=True), "needs the sequence len"),
        (lambda: slim_keras.JointOrthogonal(1, 3, "both", 1), "`part` must be"),
        (lambda: slim_keras.JointOrthogonal(1, 3, "vectors", None), "`seed` must be"),
    ],
)
def test_bad_bounds(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("key", "matrices", "vectors"), [("lstm4", 1, 3), ("lstm5a", 1, 1)]
)
def test_joint_orthogonal(key, matrices, vectors):
    """Both parts together are the rows of one orthogonal matrix, as drawn jointly."""
    n = 6
    parts = {
        name: slim_keras.JointOrthogonal(matrices, vectors, part, seed=4)
        for name, part in (
            ("recurrent_initializer", "matrices"),
            ("recurrent_vector_initializer", "vectors"),
        )
    }
    layer = slim_keras.get(key)(n, **parts)
    layer.build((None, None, 2))
    _, matrix, vector, _ = layer.get_weights()
    joint = np.concatenate([matrix, vector.reshape(vectors, n).T], axis=1)
    assert joint.shape == (n, matrices * n + vectors)
    np.testing.assert_allclose(joint @ joint.T, np.eye(n), atol=1e-5)
    again = type(layer).from_config(layer.get_config())
    again.build((None, None, 2))
    np.testing.assert_array_equal(again.get_weights()[1], matrix)
    np.testing.assert_array_equal(again.get_weights()[2], vector)
    other = slim_keras.JointOrthogonal(matrices, vectors, "matrices", seed=5)
    assert np.abs(support.arrays(other((n, matrices * n)))[0] - matrix).max() > 0.1


def test_joint_orthogonal_refuses_another_shape():
    start = slim_keras.JointOrthogonal(1, 3, "vectors", seed=4)
    with pytest.raises(ValueError, match=r"serves the shape \(6, 3\)"):
        slim_keras.LSTM10(6, recurrent_vector_initializer=start).build((None, None, 2))
