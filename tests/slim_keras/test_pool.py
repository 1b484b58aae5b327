"""Memory that is used again, and never while somebody has it."""

import numpy as np
import pytest

from slim_keras.engine.kernels import pool

FLOATS = pool.LARGE // 4


@pytest.fixture(autouse=True)
def nothing_is_free(monkeypatch):
    monkeypatch.setattr(pool, "_free", {})


def place(array):
    return array.ctypes.data


def test_memory_of_an_array_that_is_gone():
    one, two = (pool.empty((2, FLOATS), "float32") for _ in range(2))
    there = place(one)
    assert place(two) != there
    del one
    assert place(pool.empty((2, FLOATS + 1), "float32")) != there
    again = pool.empty((FLOATS,), "float64")  # as many bytes
    assert place(again) == there
    assert (again.shape, again.dtype) == ((FLOATS,), np.float64)


def test_a_small_array_is_numpys():
    pool.empty((FLOATS - 1,), "float32")
    assert not pool._free


def test_a_tensor_has_its_memory():
    torch = pytest.importorskip("torch")
    view = torch.from_numpy(pool.empty((2, FLOATS), "float32")).reshape(FLOATS, 2)[1:]
    assert place(pool.empty((2, FLOATS), "float32")) != view.data_ptr() - 8
    del view
    assert len(pool._free) == 2


def test_the_oldest_go_where_too_much_is_free(monkeypatch):
    monkeypatch.setattr(pool, "KEPT", 2 * pool.LARGE)
    arrays = [pool.empty((FLOATS,), "float32") for _ in range(4)]
    places = [place(x) for x in arrays]
    while arrays:
        del arrays[0]
    free = [place(x) for x in pool._free.values()]
    assert free == places[2:]
