"""What is special about one kernel: how it cuts its work, and what it becomes."""

import dataclasses

import keras
import numpy as np
import pytest

from slim_keras.variants import VARIANTS
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

if BACKEND != "jax":
    pytest.skip("Pallas is JAX's", allow_module_level=True)

import jax

from slim_keras.engine.kernels import pallas


def layer(key, rng, units, **arguments):
    settings = {"return_sequences": True, "return_state": True, "engine": "kernel"}
    return support.make(key, rng, units=units, **settings | arguments)


def check(chosen, rng, batch, steps):
    """Values and gradients against the scan engine, which other tests check."""
    x = support.floats(rng, batch, steps, FEATURES)
    dy = support.slopes(chosen, rng, batch, steps)
    call = {
        "initial_state": support.states(chosen, rng, batch),
        "mask": support.tensor(support.mask(rng, batch + 1, steps)[1:]),
    }
    support.are_alike(chosen, support.twin(chosen, engine="scan"), x, dy, **call)


# A block is 1 x 32 for 40 units, 4 x 8 for 5; with a matrix it is 16 x 16 or 16 x 32.
@pytest.mark.parametrize(
    ("key", "batch", "units"),
    [
        *[("lstm_c6", 2, 40), ("indrnn", 5, 5)],
        *[("lstm6", 17, 20), ("lstm5a", 3, 4), ("lstm", 3, 16), ("lstm1", 2, 5)],
    ],
)
def test_sizes_that_blocks_do_not_divide(key, batch, units, rng):
    check(layer(key, rng, units), rng, batch, steps=5)


# As on a TPU: the states of one block of steps start the next.
def test_blocks_of_steps(monkeypatch, rng):
    cut = dataclasses.replace(
        pallas.TARGETS["tpu"], batch=2, units=3, steps=4, arguments={"interpret": True}
    )
    monkeypatch.setitem(pallas.TARGETS, "cpu", cut)

    def fresh(x):  # a new function, so that no test before has compiled this pass
        return keras.ops.tanh(x)

    with keras.saving.CustomObjectScope({"fresh": fresh}):  # Keras 3.16 asks for it
        check(layer("lstm11", rng, 4, activation=fresh), rng, batch=3, steps=10)


TRITON = "__gpu$xla.gpu.triton"
KERNELS = {"cuda": TRITON, "tpu": "tpu_custom_call"}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize(
    ("key", "dtype"),
    [
        # These have every operation that the others have.
        *[
            ("indylstm", "float32"),
            ("lstm_c6", "float32"),
            ("indrnn", "mixed_bfloat16"),
        ],
        *[("lstm6", "float32"), ("lstm5a", "mixed_bfloat16"), ("lstm", "float32")],
    ],
)
def test_lowering(key, platform, dtype, rng, gpu_to_lower_for):
    """To what the compiler of a platform is given; here is none to compile it."""
    batch, steps, units = 40, 70, 200  # divided by no block
    if matrices := len(VARIANTS[key].matrix_blocks):
        units = 100 if matrices == 1 else 50  # of which a chip holds the matrix
        if platform == "tpu":
            pytest.skip("no kernel of a TPU has a matrix")
    chosen = layer(key, rng, units, dtype=dtype)
    values = [w.value for w in chosen.trainable_variables]
    fixed = [v.value for v in chosen.non_trainable_variables]

    def train(values, x, mask):
        def loss(values, x):
            y, _ = chosen.stateless_call(values, fixed, x, mask=mask)
            return sum(a.astype("float32").sum() for a in y)

        return jax.value_and_grad(loss, (0, 1))(values, x)

    text = jax.export.export(
        jax.jit(train),
        platforms=[platform],
        # JAX does not promise that a file with it can be read in later years.
        disabled_checks=[jax.export.DisabledSafetyCheck.custom_call(TRITON)],
    )(
        values, np.ones((batch, steps, FEATURES), "f4"), np.ones((batch, steps), bool)
    ).mlir_module()
    assert text.count(f"@{KERNELS[platform]}") == 2
    assert "stablehlo.while" not in text


def test_products_of_float16_are_summed_in_float32(rng):
    """On a GPU; the interpreter sums so anyway."""
    chosen = layer("lstm6", rng, 16, dtype="mixed_float16")
    forms = str(jax.make_jaxpr(chosen)(np.ones((2, 3, FEATURES), "float16")))
    assert forms.count("precision=F16_F16_F32") == 6  # CUDA and ROCm, 3 steps
