"""Files, configs and clones."""

import inspect
import json

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS

# A value for every argument that differs from its default.
OTHER = {
    "units": 5,
    "activation": "sigmoid",
    "recurrent_activation": slim_keras.activations.hard_sigmoid_keras2,
    "use_bias": False,
    "forget": -0.25,
    "kernel_initializer": keras.initializers.RandomNormal(stddev=0.1, seed=2),
    "recurrent_initializer": "identity",
    "recurrent_vector_initializer": slim_keras.BoundedUniform(5.0, 20, True, seed=3),
    "bias_initializer": "ones",
    "unit_forget_bias": False,
    "kernel_regularizer": keras.regularizers.L1(0.1),
    "recurrent_regularizer": "l2",
    "recurrent_vector_regularizer": keras.regularizers.L1L2(0.1, 0.2),
    "bias_regularizer": keras.regularizers.L2(0.3),
    "activity_regularizer": keras.regularizers.L2(0.4),
    "kernel_constraint": keras.constraints.MaxNorm(3),
    "recurrent_constraint": "unit_norm",
    "recurrent_vector_constraint": slim_keras.BoundedRecurrence(5.0, 20),
    "bias_constraint": "non_neg",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "seed": 9,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
    "engine": "loop",
}


def non_default(cls):
    """Every argument of a class with its other value, as far as it goes together."""
    names = [n for n in inspect.signature(cls).parameters if n != "kwargs"]
    chosen = {name: OTHER[name] for name in names}
    if cls.__name__.startswith("LSTM3"):  # its gates see nothing but their bias
        chosen["use_bias"] = True
    return chosen


LAYERS = [slim_keras.get(key) for key in support.KEYS]
CELLS = [layer.cell_class for layer in LAYERS]


@pytest.mark.parametrize("cls", LAYERS + CELLS, ids=lambda cls: cls.__name__)
def test_config_round_trip(cls):
    for arguments in ({"units": UNITS}, non_default(cls)):
        layer = cls(**arguments, name="mine", dtype="mixed_bfloat16")
        config = layer.get_config()
        # Readable by JSON, complete, and nothing is foreign.
        taken = set(inspect.signature(cls).parameters) - {"kwargs"}
        assert set(config) == taken | {"name", "trainable", "dtype"}
        again = cls.from_config(json.loads(json.dumps(config)))
        assert again.get_config() == config
        assert again.name == "mine"
        assert again.compute_dtype == "bfloat16"
        for name in arguments:
            value, copy = getattr(layer, name), getattr(again, name)
            if isinstance(value, (int, float, str, type(None))):
                assert value == copy
            elif inspect.isfunction(value):
                assert value is copy
            else:  # a key missing in both configurations is seen here alone
                assert type(value) is type(copy)
                assert vars(value) == vars(copy)
        # And as Keras serialises it, by its registered name.
        saved = keras.saving.serialize_keras_object(layer)
        assert saved["registered_name"] == f"slim_keras>{cls.__name__}"
        loaded = keras.saving.deserialize_keras_object(json.loads(json.dumps(saved)))
        assert loaded.get_config() == config


def test_files_of_every_layer(tmp_path, rng):
    """Side by side in one model, in wrappers: whole, its weights, and a clone."""
    x = keras.Input((2, FEATURES))
    outputs = []
    for key in support.KEYS:
        # Keras' own loop, unrolled, compiles nothing.
        layer = slim_keras.get(key)(UNITS, return_sequences=True, unroll=True)
        y = keras.layers.Bidirectional(layer)(x)
        cell = slim_keras.get(key).cell_class(UNITS)
        outputs.append(keras.layers.RNN(cell, unroll=True)(y))
    model = support.randomise(keras.Model(x, outputs), rng)
    x = support.floats(rng, BATCH, 2, FEATURES)
    wanted = support.outputs(model, x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    support.close(support.outputs(loaded, x), wanted, atol=0)
    clone = keras.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert np.abs(clone.get_weights()[0] - model.get_weights()[0]).max() > 1e-3
    model.save_weights(tmp_path / "model.weights.h5")
    clone.load_weights(tmp_path / "model.weights.h5")
    support.close(support.outputs(clone, x), wanted, atol=0)


def test_training_goes_on_after_loading(tmp_path, rng):
    """With the optimizer's state: two epochs are one and one."""
    x, y = (
        support.floats(rng, BATCH, STEPS, FEATURES),
        support.floats(rng, BATCH, UNITS),
    )
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), slim_keras.LSTM5a(UNITS)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for either in model, loaded:
        either.fit(x, y, verbose=0)
    support.close(loaded.get_weights(), model.get_weights(), atol=1e-6)
