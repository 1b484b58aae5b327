"""Keras' own `Model.export`, and the tracers that it builds on, with our layers.

Each file holds layers side by side, with random weights, against the model.
"""

import warnings

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

# With and without a matrix, a memory, a constant gate.
KEYS = ("lstm", "lstm_c6", "indrnn")
STEPS = 5
CLOSE = 1e-5


def side_by_side(rng, steps, sequences=False):
    x = keras.Input((steps, FEATURES))
    outputs = [slim_keras.get(k)(3, return_sequences=sequences)(x) for k in KEYS]
    model = keras.Model(x, keras.layers.Concatenate()(outputs))
    model(np.zeros((1, steps or 1, FEATURES)))  # Keras exports what was called
    return support.randomise(model, rng)


def onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0]


def saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    return lambda x: loaded.serve(x).numpy()


def litert(path):
    """A plain interpreter: it has LiteRT's built-in operators and no other."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()

    def run(x):
        interpreter.resize_tensor_input(taken["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return run


LOADERS = {
    "onnx": ("model.onnx", onnx),
    "tf_saved_model": ("model", saved_model),
    "litert": ("model.tflite", litert),
}
FORMATS = {
    "tensorflow": ("onnx", "tf_saved_model", "litert"),
    "jax": ("tf_saved_model",),
    "torch": ("onnx",),
}[BACKEND]


def exported(model, kind, tmp_path, **given):
    name, load = LOADERS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras' tools say of themselves
        model.export(str(tmp_path / name), format=kind, verbose=False, **given)
        return load(tmp_path / name)


# One format shows what a known length changes.
@pytest.mark.parametrize("kind", FORMATS[:1])
def test_fixed_length(kind, tmp_path, rng):
    model = side_by_side(rng, STEPS)
    run = exported(model, kind, tmp_path)
    for batch in (1, 3):
        x = support.floats(rng, batch, STEPS, FEATURES)
        np.testing.assert_allclose(run(x), model.predict_on_batch(x), atol=CLOSE)


@pytest.mark.skipif(BACKEND == "torch", reason="refused there")
@pytest.mark.parametrize("kind", FORMATS)
def test_free_length(kind, tmp_path, rng):
    # Outputs of all steps need Flex there, as with Keras' LSTM: LiteRT has no lists of
    # free batch size. The files of `slim_keras.export` need none.
    model = side_by_side(rng, None, sequences=kind != "litert")
    run = exported(model, kind, tmp_path)
    for batch, steps in ((1, 4), (3, STEPS)):
        x = support.floats(rng, batch, steps, FEATURES)
        np.testing.assert_allclose(run(x), model.predict_on_batch(x), atol=CLOSE)


@pytest.mark.skipif(BACKEND != "torch", reason="the others' files take any length")
def test_free_length_on_pytorch_is_refused(tmp_path, rng):
    """Keras 3.15 would write a file of one step; 3.16 refuses it itself."""
    model = side_by_side(rng, None)
    newer = tuple(map(int, keras.version().split(".")[:2])) >= (3, 16)
    said = "dynamic time dimension" if newer else r"input_signature.*slim_keras\.export"
    with pytest.raises(ValueError, match=said):
        exported(model, "onnx", tmp_path)
    assert not list(tmp_path.iterdir())
    signature = [keras.InputSpec(shape=(2, STEPS, FEATURES), dtype="float32")]
    if newer:  # it asks what the layers were built for, whatever the signature
        with pytest.raises(ValueError, match=said):
            exported(model, "onnx", tmp_path, input_signature=signature)
        return
    run = exported(model, "onnx", tmp_path, input_signature=signature)
    x = support.floats(rng, 2, STEPS, FEATURES)
    np.testing.assert_allclose(run(x), model.predict_on_batch(x), atol=CLOSE)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own")
@pytest.mark.filterwarnings("ignore")
def test_tracers_of_pytorch(rng):
    import torch

    model = side_by_side(rng, STEPS).eval()
    x, other = (torch.tensor(support.floats(rng, 2, STEPS, FEATURES)) for _ in "12")
    wanted = model(other).detach()
    for traced in (
        torch.jit.trace(model, x),
        torch.export.export(model, (x,)).module(),
    ):
        np.testing.assert_allclose(traced(other).detach(), wanted, atol=CLOSE)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["auto", "scan", "loop"])
def test_strict_tracing_on_pytorch_is_refused(engine):
    """As it cannot follow Keras' loop, which Keras' LSTM does without."""
    import torch

    model = keras.Sequential([keras.Input((STEPS, FEATURES))])
    model.add(slim_keras.LSTM6(3, engine=engine))
    with pytest.raises(Exception, match=r"slim_keras need .*strict=False"):
        torch.export.export(model, (torch.ones(1, STEPS, FEATURES),), strict=True)


def openvino(path):
    from openvino import compile_model

    compiled = compile_model(path, "CPU")
    return lambda x: compiled(x)[0]


@pytest.mark.skipif(BACKEND == "jax", reason="Keras' export has no OpenVINO there")
def test_openvino(tmp_path, rng, monkeypatch):
    pytest.importorskip("openvino")  # 59 MB, and no part of `.[test]`
    # The free length of PyTorch's exports is refused, as above.
    monkeypatch.setitem(LOADERS, "openvino", ("model.xml", openvino))
    model = side_by_side(rng, STEPS if BACKEND == "torch" else None, sequences=True)
    run = exported(model, "openvino", tmp_path)
    for batch, steps in ((1, STEPS), (3, STEPS if BACKEND == "torch" else 4)):
        x = support.floats(rng, batch, steps, FEATURES)
        np.testing.assert_allclose(run(x), model.predict_on_batch(x), atol=CLOSE)
