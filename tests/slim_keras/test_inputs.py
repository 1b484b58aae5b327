"""The kernel of numba that makes the products of the inputs itself."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, BATCH, FEATURES, STEPS, UNITS

if BACKEND != "torch":
    pytest.skip("the kernel of numba is PyTorch's", allow_module_level=True)

import torch

from slim_keras.engine.kernels import numba as kernel
from slim_keras.engine.sweep import Unmade


@pytest.fixture
def made(monkeypatch):
    """Lets layers of any size do so; shapes of the products that kernels made."""
    shapes = []
    sweep = kernel.sweep

    def spy(build, fixed, rows, *args, **settings):
        products = rows.products.values()
        shapes.extend(x.shape for x in products if isinstance(x, Unmade))
        return sweep(build, fixed, rows, *args, **settings)

    monkeypatch.setattr(kernel, "sweep", spy)
    monkeypatch.setattr(kernel, "takes_inputs", lambda cell, inputs: True)
    return shapes


@pytest.mark.parametrize("key", support.KEYS)
def test_every_variant(key, made, rng):
    layer = support.make(key, rng, engine="kernel", return_sequences=True)
    scan = support.twin(layer, engine="scan")
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    call = {"mask": support.tensor(mask), "training": True}
    support.are_alike(layer, scan, x, support.slopes(layer, rng), **call)
    # Ahead alone, as it keeps for the way back what they lead to.
    assert made == [(STEPS, BATCH, UNITS)] * len(layer.variant.having("W"))


def test_gradients_that_nobody_wants(made, rng):
    layer = support.make("indylstm", rng, engine="kernel")
    x = torch.tensor(support.floats(rng, BATCH, STEPS, FEATURES))
    weights = [v.value for v in layer.trainable_variables]
    wanted = torch.autograd.grad(layer(x.requires_grad_()).sum(), weights)
    layer(x.detach()).sum().backward()
    for a, b in zip(weights, wanted, strict=True):
        torch.testing.assert_close(a.grad, b, rtol=0, atol=0)
    layer.trainable = False
    (dx,) = torch.autograd.grad(layer(x).sum(), [x])
    assert dx.abs().min() > 0
    assert made


def test_which_layers_do_so():
    """Those whose products PyTorch makes more slowly."""

    def takes(layer, batch=8, features=FEATURES):
        layer.build((batch, STEPS, features))
        return kernel.takes_inputs(layer.cell, torch.zeros(STEPS, batch, features))

    assert takes(slim_keras.LSTM_C6(16))
    assert takes(slim_keras.IndyLSTM(256, dtype="float64"), features=256)
    assert not takes(slim_keras.LSTM_C6(15))
    assert not takes(slim_keras.LSTM_C6(257))
    assert not takes(slim_keras.LSTM_C6(16), features=257)
    assert not takes(slim_keras.LSTM_C6(16, dtype="mixed_bfloat16"))
    assert not takes(slim_keras.LSTM_C6(16), batch=torch.get_num_threads() - 1)
    # In a stack the input is the products.
    stack = slim_keras.PlainStack(slim_keras.IndRNN(16), 1)
    x = keras.ops.ones((8, STEPS, FEATURES))
    assert np.isfinite(support.arrays(stack(x))).all()
