"""The kernel of Triton, which interprets it here: against the scan, on CPU tensors."""

import os

import numpy as np
import pytest

from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

if BACKEND != "torch":
    pytest.skip("the kernel of Triton is PyTorch's", allow_module_level=True)
pytest.importorskip("triton", reason="needs triton: the extra [triton]")
if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs TRITON_INTERPRET=1", allow_module_level=True)

import torch

from slim_keras.engine import kernels
from slim_keras.engine.kernels import triton


@pytest.fixture(autouse=True)
def launched(monkeypatch):
    """How often a kernel of Triton ran, here where numba's would."""
    counted = []

    def spy(*args, **kwargs):
        counted.append(kwargs.get("reverse", False))
        return sweep(*args, **kwargs)

    sweep = triton.sweep
    monkeypatch.setattr(triton, "sweep", spy)
    monkeypatch.setattr(triton, "AHEAD", 2)
    monkeypatch.setattr(triton, "_KERNELS", {})
    monkeypatch.setitem(kernels._OF_TORCH, "cpu", "triton")
    return counted


def compared(key, rng, *, batch=3, steps=5, units=5, training=False, **arguments):
    """Values and gradients against the scan, which other tests check."""
    settings = {"return_sequences": True, "return_state": True} | arguments
    layer = support.make(key, rng, units=units, engine="kernel", **settings)
    x = support.floats(rng, batch, steps, FEATURES)
    dy = support.slopes(layer, rng, batch, steps)
    call = {
        "initial_state": support.states(layer, rng, batch),
        "mask": support.tensor(support.mask(rng, batch, steps)),
        "training": training,
    }
    support.are_alike(layer, support.twin(layer, engine="scan"), x, dy, **call)


# Every other variant is printed for numba, by the same code, in `test_oracle`.
@pytest.mark.parametrize("key", ["lstm", "lstm3", "lstm5a", "lstm_c6", "indrnn"])
def test_is_the_scan(key, rng, launched):
    compared(key, rng)
    assert launched == [False, True]


@pytest.mark.parametrize(
    "arguments",
    [
        {"go_backwards": True},
        {"return_sequences": False, "zero_output_for_mask": True},
        {"activation": "hard_sigmoid", "recurrent_activation": "relu"},
        {"use_bias": False},
    ],
    ids=str,
)
def test_arguments(arguments, rng):
    compared("indylstm", rng, **arguments)


# A tile is 1 x 32 for 40 units, 8 x 4 for 3, 32 x 1 for one; with a matrix 16 x 32.
@pytest.mark.parametrize(
    ("key", "batch", "units"),
    [("lstm11", 2, 40), ("lstm11", 9, 3), ("lstm11", 33, 1), ("lstm4a", 17, 20)],
)
def test_sizes_that_tiles_do_not_divide(key, batch, units, rng):
    compared(key, rng, batch=batch, units=units, steps=3)


def test_states_in_another_order_in_memory(rng):
    layer = support.make("lstm_c6", rng, engine="kernel", return_state=True)
    x = torch.tensor(support.floats(rng, 3, 2, FEATURES))
    states = [torch.tensor(support.floats(rng, layer.units, 3)).T for _ in "hc"]
    wanted = layer(x, initial_state=[state.contiguous() for state in states])
    support.close(
        support.arrays(layer(x, initial_state=states)), support.arrays(wanted)
    )


@pytest.mark.parametrize("steps", [1, 2])
def test_few_steps(steps, rng):
    layer = support.make("lstm_c6", rng, engine="kernel", return_sequences=True)
    x = support.floats(rng, 2, steps, FEATURES)
    support.close(support.outputs(layer, x), support.expected(layer, x))


def test_dropout(rng):
    """The same units are dropped at every step, forward and back."""
    compared("indrnn", rng, training=True, recurrent_dropout=0.5, seed=1)


@pytest.mark.parametrize(
    ("key", "dtype"),
    [
        ("lstm11", "float64"),
        ("lstm11", "mixed_bfloat16"),
        ("lstm11", "mixed_float16"),
        ("lstm5a", "mixed_float16"),  # of bfloat16 the interpreter multiplies the bits
    ],
)
def test_precision(key, dtype, rng):
    layer = support.make(key, rng, engine="kernel", dtype=dtype, return_sequences=True)
    x = support.floats(rng, 3, 6, FEATURES).astype("float64")
    dy = support.floats(rng, 3, 6, layer.units).astype(layer.compute_dtype[-7:])
    found, slopes = support.gradients(layer, x, [dy])
    wanted = support.expected(layer, x), support.expected_gradients(layer, x, [dy])
    tolerance = {"float64": 1e-11, "mixed_bfloat16": 0.1, "mixed_float16": 0.02}
    assert str(found[0].dtype) == layer.compute_dtype
    for a, b in zip([*found, *slopes], [*wanted[0], *wanted[1]], strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance[dtype])


def test_the_carry_of_halves_is_float32(rng):
    """In bfloat16, 2^-9 added to 1 is 1."""
    layer = support.make("indrnn", rng, dtype="mixed_bfloat16", engine="kernel")
    kernel, vector, bias = (np.zeros_like(w) for w in layer.get_weights())
    layer.set_weights([kernel + 2**-9, vector + 1, bias])
    y = layer(torch.ones(1, 50, FEATURES), initial_state=[torch.ones(1, layer.units)])
    np.testing.assert_allclose(y.float().detach(), 1 + 150 * 2**-9, rtol=1e-2)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "hard_sigmoid"])
def test_what_is_no_number_goes_through(activation, rng):
    layer = support.make("indrnn", rng, activation=activation, engine="kernel")
    x = torch.ones(2, 3, FEATURES)
    x[0, 1, 2] = torch.nan
    assert layer(x).isnan().all(dim=1).tolist() == [True, False]
