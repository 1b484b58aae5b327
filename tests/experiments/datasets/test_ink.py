"""The features of pen strokes: what they are, what changes nothing, and bad ink."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from experiments.core.errors import UserError
from experiments.datasets.handwriting import ink
from experiments.datasets.handwriting.ink import (
    LARGEST,
    LIMIT,
    SPACING,
    clean,
    features,
    resample,
)


def strokes(elements):
    stroke = arrays.arrays(
        float, st.tuples(st.integers(0, 12), st.just(3)), elements=elements
    )
    return st.lists(stroke, min_size=1, max_size=5).filter(
        lambda ink: any(len(stroke) for stroke in ink)
    )


ANY = strokes(st.floats(-LARGEST, LARGEST))
ON_A_GRID = strokes(st.integers(-1000, 1000).map(float))


def path(*points):
    return np.array(points, float)


def test_the_features_of_a_small_ink():
    """Two strokes of one size: a line of 6 steps down, then a dot to its right."""
    line = path([10, 0, 0], [10, 30, 300], [10, 60, 300])
    dot = path([70, 60, 450])
    found = features([line, dot])
    assert (found.shape, found.dtype) == ((8, 4), np.float32)
    tick = math.log(1 + 100 / 10)
    expected = [
        [0, 0, -1, 0],
        *[[0, 1, 1, tick]] * 3,
        *[[0, 1, 1, 0]] * 3,
        [6, 0, -1, math.log(1 + 150 / 10)],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert SPACING == 1 / 6


def test_points_come_in_equal_distances_along_the_stroke():
    corner = path([0, 0, 0], [3, 0, 30], [3, 4, 70])  # 7 long
    found = resample(corner, 0.5)
    assert len(found) == 15
    np.testing.assert_allclose(found[[0, -1]], corner[[0, -1]])
    np.testing.assert_allclose(found[6], [3, 0, 30])
    steps = np.hypot(*np.diff(found[:, :2], axis=0).T)
    np.testing.assert_allclose(steps, 0.5)
    np.testing.assert_allclose(np.diff(found[:, 2]), 5)


@given(ANY)
def test_any_ink_has_finite_features(drawn):
    found = features(drawn)
    assert found.shape[1] == ink.FEATURES
    assert 1 <= len(found) <= LIMIT
    assert np.isfinite(found).all()
    assert set(found[:, 2]) <= {-1, 1}  # so no step looks like padding
    assert (found[:, 2] == -1).sum() == sum(len(stroke) > 0 for stroke in drawn)
    assert found[0, 2] == -1
    assert (found[:, 3] >= 0).all()


@given(
    ON_A_GRID,
    st.tuples(*[st.integers(-1000, 1000)] * 3),
    st.sampled_from([0.25, 1.0, 64.0]),
)
def test_place_size_and_start_change_nothing(drawn, shift, size):
    moved = [(stroke + shift) * [size, size, 1] for stroke in drawn]
    np.testing.assert_array_equal(features(moved), features(drawn))


@given(ON_A_GRID, st.data())
def test_empty_strokes_and_repeated_points_change_nothing(drawn, data):
    expected = features(drawn)
    stroke = data.draw(st.sampled_from([s for s in drawn if len(s)]))
    where = data.draw(st.integers(0, len(stroke) - 1))
    again = np.insert(stroke, where, stroke[where], axis=0)
    changed = [again if s is stroke else s for s in drawn]
    changed.insert(data.draw(st.integers(0, len(drawn))), np.empty((0, 3)))
    np.testing.assert_array_equal(features(changed), expected)


def test_a_dot_and_a_dash():
    np.testing.assert_array_equal(features([path([5, 5, 5])]), [[0, 0, -1, 0]])
    repeated = path([5, 5, 0], [5, 5, 10], [5, 5, 20])
    np.testing.assert_array_equal(features([repeated]), [[0, 0, -1, 0]])
    dash = features([path([0, 0, 0], [90, 0, 10])])
    assert len(dash) == 1 + ink.FLAT / SPACING
    np.testing.assert_allclose(dash[1:, :2], [[1, 0]] * (len(dash) - 1), rtol=1e-5)


def test_thousands_of_points():
    turns = np.linspace(0, 2 * np.pi * 1000, 20_000)
    spiral = np.column_stack([np.cos(turns), np.sin(turns), 10 * turns])
    found = features([spiral])
    assert LIMIT - 5 <= len(found) <= LIMIT
    # Longer steps, and still of length 1: the chords of a circle, not longer than arcs.
    assert np.hypot(*found[1:, :2].T).max() <= 1 + 1e-5
    still = np.repeat(path([0, 0, 0], [0, 60, 9]), 5000, axis=0)
    assert len(features([still])) == 7
    dots = [path([k, k % 7, k]) for k in range(LIMIT // 2 - 1)]
    assert len(features(dots)) == len(dots)
    with pytest.raises(UserError, match="1,000 strokes: it must have fewer than 1,000"):
        features([*dots, path([0, 0, 0])])


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e10])
def test_what_is_no_point_is_named(column, value):
    bad = path([0, 0, 0], [1, 1, 1], [2, 2, 2])
    bad[2, column] = value
    with pytest.raises(UserError, match=r"word 7: point 3 of stroke 2 is .*up to 1e9"):
        features([path([0, 0, 0]), bad], "word 7")


@pytest.mark.parametrize("drawn", [[], [np.empty((0, 3))] * 2], ids=["none", "empty"])
def test_no_ink_at_all(drawn):
    with pytest.raises(UserError, match="line 3 is empty: it has no stroke"):
        clean(drawn, "line 3")
