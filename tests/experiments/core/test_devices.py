"""A training on two virtual devices ends in the losses of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from experiments.core import devices
from experiments.core.errors import UserError

ROOT = Path(__file__).parents[3]

# Trains on one device, then on two with an interruption.
TRAINING = """
import json, os, sys
from pathlib import Path

backend, folder = sys.argv[1:]
flags = "--xla_force_host_platform_device_count=2"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " " + flags
if backend == "tensorflow":
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)

from experiments.core import environment

environment.start(backend, 3)

import keras
import numpy as np
import slim_keras
from experiments import imdb
from experiments.core.data import Arrays
from experiments.core.experiment import Training
from experiments.core.progress import Display
from experiments.core.training import fit
from experiments.datasets import Dataset

rng = np.random.default_rng(0)
x = rng.integers(0, 50, (400, 6), dtype="int32")
y = (x[:, -1] > 24).astype("int32")
data = Dataset("made up", x[:80], y[:80], x[80:], y[80:], origin="made up")

def train(count, epochs):
    environment.start(backend, 3, count)
    layers = [
        keras.Input((6,), dtype="int32"),
        keras.layers.Embedding(50, 4),
        slim_keras.LSTM6(5, forget=0.9),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    adam = keras.optimizers.Adam(0.01)
    model.compile(adam, "binary_crossentropy", metrics=["accuracy"])
    config = imdb.Config(epochs=epochs, batch_size=16, devices=count)
    arrays = Arrays.of(data, 0)
    run = Training(experiment=imdb.EXPERIMENT, config=config, data=arrays, model=model)
    place = Path(folder) / str(count)
    place.mkdir(exist_ok=True)
    history, _ = fit(run, place, Display(imdb.EXPERIMENT, quiet=True))
    variable = model.trainable_variables[0].value
    if backend == "jax":
        used = len(variable.devices())
    else:
        used = len(variable.values) if hasattr(variable, "values") else 1
    return used, [{k: v for k, v in e.items() if k != "seconds"} for e in history]

print(json.dumps([train(1, 2), train(2, 1), train(2, 2)]))
"""


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_losses_on_two_devices_are_those_on_one(backend, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", TRAINING, backend, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    (one, expected), (_, begun), (two, history) = json.loads(
        ended.stdout.splitlines()[-1]
    )
    assert (one, two) == (1, 2)
    assert len(history) == len(expected) == 2
    assert history[:1] == begun  # it went on from there
    for epoch, other in zip(history, expected, strict=True):
        assert epoch == pytest.approx(other, rel=1e-5)


def test_torch_and_missing_devices_are_refused():
    with pytest.raises(UserError, match="--devices 2: torch"):
        devices.share("torch", 2)
    with pytest.raises(UserError, match="--devices 1000: tensorflow sees"):
        devices.share("tensorflow", 1000)


@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipping_by_device_is_refused(clip):
    plain, clips = keras.Sequential(), keras.Sequential()
    plain.compile("adam")
    clips.compile(keras.optimizers.Adam(**{clip: 1.0}))
    devices.check_clipping("tensorflow", 2, plain)
    devices.check_clipping("tensorflow", 1, clips)
    devices.check_clipping("jax", 2, clips)
    with pytest.raises(UserError, match="--devices 2: tensorflow would clip"):
        devices.check_clipping("tensorflow", 2, clips)


@pytest.mark.parametrize(
    ("batch_size", "test", "hint"),
    [(31, 40, "batch-size 31"), (32, 41, "test 41")],
)
def test_what_cannot_be_shared_equally_is_refused(batch_size, test, hint):
    devices.check_shares(2, 32, {"train": 50, "test": 40})
    with pytest.raises(UserError, match=f"--devices 2: {hint}"):
        devices.check_shares(2, batch_size, {"train": 50, "test": test})
