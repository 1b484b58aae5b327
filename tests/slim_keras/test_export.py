"""Files of every layer, against the Keras model, in runtimes that know no Keras."""

import sys

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import export
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES, sequential

CLOSE = 1e-4


def every_kind(rng):
    """Every kind of step side by side; one in both directions, at the last step.

    With and without matrices, vectors, a memory, constant gates. The models of one step
    hold every variant in their tests.
    """
    x = keras.Input((None, FEATURES))
    outputs = {}
    for key in "lstm", "lstm4a", "lstm_c6", "indrnn":
        # Keras' own loop, so that the check is against another engine's forward pass.
        layer = slim_keras.get(key)(3, return_sequences=True, engine="loop")
        outputs[key] = layer(x)
    layer = slim_keras.IndRNN(3, engine="loop")
    outputs["both"] = keras.layers.Bidirectional(layer)(x)
    return support.uncompiled(support.randomise(keras.Model(x, outputs), rng))


def litert(path):
    """A plain interpreter, which has LiteRT's built-in operators and no other."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    return lambda **arrays: run(**arrays)


def onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [y.name for y in session.get_outputs()]
    return lambda **arrays: dict(zip(names, session.run(names, arrays), strict=True))


def saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def run(**arrays):
        found = loaded.signatures["serving_default"](**arrays)
        return {name: y.numpy() for name, y in found.items()}

    return run


FORMATS = {
    "litert": (export.to_litert, ".tflite", litert),
    "onnx": (export.to_onnx, ".onnx", onnx),
    "saved_model": (export.to_saved_model, "", saved_model),
}
ONLY_TENSORFLOW = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="the conversion is the same on every backend"
)


@ONLY_TENSORFLOW
def test_every_kind_of_layer(tmp_path, rng):
    model = every_kind(rng)
    # Sizes that no check of `export` takes.
    x = support.floats(rng, 5, 11, FEATURES)
    wanted = model.predict_on_batch(x)
    for write, suffix, load in (FORMATS["litert"], FORMATS["onnx"]):
        path = tmp_path / f"model{suffix}"
        written = write(model, path)
        assert written.difference < CLOSE
        assert written.size == path.stat().st_size
        found = load(path)(input=x)
        assert set(found) == set(wanted)
        for name in wanted:
            np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=CLOSE)


def stack(rng, *, masked=False, fixed=None, **arguments):
    """Words or numbers through two layers, the first in both directions."""
    front = [keras.Input((fixed, FEATURES))]
    if masked:
        front = [keras.Input((fixed,)), keras.layers.Embedding(9, 3, mask_zero=True)]
    return support.randomise(
        keras.Sequential(
            [
                *front,
                support.with_masks(
                    keras.layers.Bidirectional(
                        slim_keras.LSTM_C6(4, return_sequences=True, **arguments)
                    )
                ),
                keras.layers.Dropout(0.5),
                slim_keras.IndRNN(3),
                keras.layers.Dense(2),
            ]
        ),
        rng,
    )


@pytest.mark.parametrize(
    "name", {"tensorflow": FORMATS, "jax": ["litert"], "torch": ["onnx"]}[BACKEND]
)
def test_words_with_a_mask(name, tmp_path, rng):
    """On every backend; the file's mask skips the zeros."""
    write, suffix, load = FORMATS[name]
    # Which JAX alone runs so, and exports all the same.
    speed = {"unroll": 4} if BACKEND == "jax" else {}
    model = stack(rng, masked=True, **speed)
    written = write(model, tmp_path / f"model{suffix}")
    x = rng.integers(1, 9, (2, 6)).astype("float32")
    padded = np.concatenate([x, np.zeros((2, 3), "float32")], axis=1)
    run = load(written.path)
    for words in (x, padded):
        np.testing.assert_allclose(
            run(input=words)["output"], model.predict_on_batch(words), atol=1e-6
        )
    np.testing.assert_allclose(
        run(input=padded)["output"], run(input=x)["output"], atol=1e-6
    )
    assert f"{written.size:,} bytes" in str(written)
    assert [f.name for f in tmp_path.iterdir()] == [written.path.name]


@pytest.mark.parametrize("speed", [{"unroll": 4}, {"engine": "kernel"}], ids=str)
def test_what_only_jax_runs_so_is_loaded_everywhere(speed, tmp_path, rng):
    quick = slim_keras.LSTM_C6(4, **speed)
    model = support.randomise(sequential(quick), rng)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert speed.items() <= loaded.layers[0].get_config().items()
    support.close(loaded.get_weights(), model.get_weights(), atol=0)


@ONLY_TENSORFLOW
def test_masked_steps_put_out_zeros_where_they_are_wanted(tmp_path):
    model = sequential(
        keras.layers.Embedding(9, 3, mask_zero=True),
        slim_keras.IndyLSTM(4, return_sequences=True, zero_output_for_mask=True),
        shape=(None,),
    )
    run = litert(export.to_litert(model, tmp_path / "model.tflite").path)
    words = np.float32([[1, 5, 0, 2, 0, 0]])
    (found,) = run(input=words).values()
    np.testing.assert_allclose(found, model.predict_on_batch(words), atol=1e-6)
    assert np.all((found == 0) == (words == 0)[..., None])


@ONLY_TENSORFLOW
def test_states_and_reversal(tmp_path, rng):
    """Several inputs and outputs, in the order of their structure."""
    x, h, c = keras.Input((5, FEATURES)), keras.Input((4,)), keras.Input((4,))
    layer = slim_keras.IndyLSTM(4, return_state=True, go_backwards=True)
    model = keras.Model([x, h, c], layer(x, initial_state=[h, c]))
    support.randomise(model, rng)
    arrays = [support.floats(rng, 2, *shape) for shape in ((5, FEATURES), (4,), (4,))]
    wanted = model.predict_on_batch(arrays)
    for write, suffix, load in FORMATS.values():
        run = load(write(model, tmp_path / f"model{suffix}").path)
        found = run(**{f"input_{k}": a for k, a in enumerate(arrays)})
        for k in range(3):
            np.testing.assert_allclose(found[f"output_{k}"], wanted[k], atol=1e-6)


@ONLY_TENSORFLOW
def test_quantised_weights(tmp_path, rng):
    """Files shrink as the weights do, and stay near the model."""
    model = sequential(slim_keras.IndyLSTM(64), shape=(None, 32))
    sizes, apart = {}, {}
    for kind in (None, "float16", "weights"):
        written = export.to_litert(model, tmp_path / "model.tflite", quantize=kind)
        sizes[kind], apart[kind] = written.size, written.difference
    weights = 4 * 4 * 32 * 64
    assert sizes[None] - sizes["float16"] > 0.4 * weights
    assert sizes[None] - sizes["weights"] > 0.6 * weights
    assert apart[None] < 1e-5 < apart["float16"] < 1e-2
    assert 1e-5 < apart["weights"] < 0.1


@ONLY_TENSORFLOW
def test_fixed_batch_size(tmp_path, rng):
    path = tmp_path / "model.tflite"
    free = export.to_litert(stack(rng), path)
    fixed = export.to_litert(stack(rng, fixed=7), path, batch_size=2)
    assert fixed.size < free.size
    x = support.floats(rng, 2, 7, FEATURES)
    assert litert(path)(input=x)["output"].shape == (2, 2)
    model = sequential(slim_keras.LSTM6(2))
    path = tmp_path / "live.onnx"
    export.to_onnx(export.streaming(model), path, batch_size=2)
    with pytest.raises(ValueError, match="has batch size 2"):
        export.Stream(path, batch_size=3)


def refused(model, message, tmp_path, write=export.to_litert, **arguments):
    path = tmp_path / "model.tflite"
    with pytest.raises(ValueError, match=message):
        write(model, path, **arguments)
    assert not list(tmp_path.iterdir())


@ONLY_TENSORFLOW
def test_what_cannot_be_exported_says_why(tmp_path, rng):
    refused(sequential(keras.layers.LSTM(3)), "TensorList", tmp_path)
    stateful = sequential(slim_keras.LSTM6(3, stateful=True), batch_size=2)
    refused(stateful, "stateful=True.*streaming", tmp_path)
    half = sequential(slim_keras.LSTM6(3, dtype="mixed_float16"))
    refused(half, "dtype='float32'", tmp_path)
    model = sequential(slim_keras.LSTM6(3))
    x = support.floats(rng, 2, 5, FEATURES)
    refused(model, "streaming", tmp_path, quantize="full", representative_data=x)
    refused(model, "representative_data", tmp_path, quantize="full")
    refused(model, "`quantize` must be one of", tmp_path, quantize="int4")
    refused(model, "differs from `model` by", tmp_path, tolerance=-1)
    words = sequential(keras.layers.Embedding(9, 3), shape=(None,), dtype="int32")
    full = {"quantize": "full16", "representative_data": np.ones((2, 5))}
    refused(words, "16 bits takes no integer inputs", tmp_path, **full)
    infinite = keras.initializers.Constant(np.inf)
    broken = sequential(keras.layers.Dense(2, bias_initializer=infinite))
    refused(broken, "The outputs of `model` must be finite", tmp_path)
    refused(model, "'.onnx'", tmp_path, write=export.to_onnx)
    refused(keras.layers.Dense(2), "Sequential or functional", tmp_path)


@ONLY_TENSORFLOW
def test_float32_is_held_to_a_ten_thousandth(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(export.files, "compare", lambda *_: 1.1e-4)
    refused(stack(rng), r"more than tolerance=0\.0001", tmp_path)


@pytest.mark.skipif(BACKEND != "torch", reason="on JAX as there")
def test_unknown_layers_of_the_user(tmp_path):
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    model = sequential(slim_keras.LSTM6(2), Mine())
    refused(model, "registered.*KERAS_BACKEND=tensorflow", tmp_path)


def test_missing_package(tmp_path, rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install onnxruntime, or.*\[export\]"):
        export.to_onnx(stack(rng), tmp_path / "model.onnx")


@ONLY_TENSORFLOW
def test_a_failed_export_keeps_the_file_before(tmp_path, rng):
    path = tmp_path / "model.onnx"
    path.write_text("before")
    with pytest.raises(ValueError, match="differs"):
        export.to_onnx(stack(rng), path, tolerance=-1)
    assert path.read_text() == "before"


@ONLY_TENSORFLOW
def test_a_folder_is_replaced_if_it_is_a_saved_model(tmp_path, rng):
    path = tmp_path / "model"
    path.mkdir()
    mine = path / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(ValueError, match="exists and is not a file"):
        export.to_saved_model(stack(rng), path)
    assert mine.read_text() == "mine"
    mine.unlink()
    path.rmdir()
    x = support.floats(rng, 2, 5, FEATURES)
    for _ in range(2):
        model = stack(rng)
        written = export.to_saved_model(model, path)
        (found,) = saved_model(path)(input=x).values()
        np.testing.assert_allclose(found, model.predict_on_batch(x), atol=1e-6)
    files = [f.stat().st_size for f in path.rglob("*") if f.is_file()]
    assert written.size == sum(files) > 10_000
    assert [f.name for f in tmp_path.iterdir()] == ["model"]


@ONLY_TENSORFLOW
def test_words_of_two_vocabularies(tmp_path, rng):
    """The check gives each `Embedding` words that it knows."""
    words = [keras.Input((None,)), keras.Input((None,))]
    x = keras.layers.Concatenate()(
        [keras.layers.Embedding(n, 2)(w) for n, w in zip((3, 500), words, strict=True)]
    )
    model = keras.Model(words, slim_keras.LSTM_C6(3)(x))
    assert export.to_litert(model, tmp_path / "model.tflite").difference < CLOSE
