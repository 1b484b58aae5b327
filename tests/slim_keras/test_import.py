"""What importing the library brings in, and that warnings are errors."""

import json
import os
import subprocess
import sys
import warnings

import pytest

from tests.slim_keras import support

PROGRAM = """
import json, sys
import keras
before = set(sys.modules)
import slim_keras
from slim_keras import export
slim_keras.LSTM_C6(4).resolved_engine
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""
# What only an export, or the first step of a layer, needs.
LATER = {"ai_edge_litert", "onnx", "onnxruntime", "tf2onnx", "numba"}


# Each layer in both directions, against the papers' equations.
BY_LOOP = """
import warnings
import keras, numpy, slim_keras
from tests.slim_keras import oracle
warnings.filterwarnings("ignore", "__array__ implementation")  # Keras' own
rng = numpy.random.default_rng(0)
x = rng.normal(size=(3, 6, 4)).astype("float32")
for key in slim_keras.VARIANTS:
    layer = slim_keras.get(key)(5, return_sequences=True)
    model = keras.Sequential([keras.Input((6, 4)), keras.layers.Bidirectional(layer)])
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    wrapped = model.layers[0]
    assert wrapped.forward_layer.resolved_engine == "loop"
    found = model.predict(x, verbose=0)
    names = {"activation": layer.activation.__name__}
    names["forget"] = getattr(layer, "forget", None)
    forward, backward = (
        oracle.run(key, part.get_weights(), x, go_backwards=part.go_backwards,
                   return_sequences=True, **names)[0]
        for part in (wrapped.forward_layer, wrapped.backward_layer)
    )
    wanted = numpy.concatenate([forward, backward[:, ::-1]], axis=-1)
    numpy.testing.assert_allclose(found, wanted, atol=1e-5)
for engine in "scan", "kernel":
    try:
        slim_keras.LSTM6(5, engine=engine)(x)
    except ValueError as error:
        assert "engine='loop'" in str(error)
    else:
        raise AssertionError(engine)
"""


def started(program, backend):
    """A program in a process of its own, in which warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(support.BACKEND != "torch", reason="once is enough")
@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_layers_run_elsewhere_by_keras_loop(backend):
    pytest.importorskip(backend)  # OpenVINO is no part of `.[test]`
    finished = started(BY_LOOP, backend)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.skipif(support.BACKEND != "jax", reason="JAX' own")
def test_a_version_of_jaxlib_that_is_known_to_be_slow():
    slow = "import jax, jaxlib; jaxlib.__version__ = '0.11.1'; import slim_keras"
    finished = started(slow, "jax")
    assert "UserWarning: jaxlib 0.11.1 on a CPU runs long" in finished.stderr


def test_import_brings_in_the_chosen_backend_alone():
    finished = started(PROGRAM, support.BACKEND)
    assert finished.returncode == 0, finished.stderr
    before, added = json.loads(finished.stdout.splitlines()[-1])
    frameworks = {"tensorflow", "jax", "torch"}
    roots = {name.split(".")[0] for name in added}
    assert roots & frameworks <= {support.BACKEND}
    assert not roots & {"experiments", "tests", *LATER}
    if support.BACKEND != "tensorflow":
        assert "tensorflow" not in before + added


def test_warnings_are_errors():
    with pytest.raises(UserWarning, match="this one"):
        warnings.warn("this one", UserWarning, stacklevel=1)
