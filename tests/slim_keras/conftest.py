"""What all tests of the library share.

It imports no Keras: the process that starts the workers reads this file, too.
"""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def gpu_to_lower_for():
    """From 0.12 on JAX lowers for a GPU alone that is here or described."""
    import keras

    if keras.config.backend() != "jax":
        yield
        return
    import jax

    if jax.__version_info__ < (0, 12):
        yield
        return
    from slim_keras.engine.kernels import pallas

    gpu = jax.sharding.AbstractDevice("NVIDIA H100", 132, "gpu")
    pallas.holds.cache_clear()
    mesh = jax.sharding.AbstractMesh((), (), abstract_device=gpu)
    with jax.sharding.use_abstract_mesh(mesh):
        yield
    pallas.holds.cache_clear()
