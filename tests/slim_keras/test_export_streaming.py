"""A model step by step, against the same model on whole sequences."""

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import export
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES, KEYS, sequential

STEPS = 12
# Where nothing compiles. Every layer, masks, and a pause run on every backend.
ONLY_PYTORCH = pytest.mark.skipif(
    BACKEND != "torch", reason="a model is made for steps alike on every backend"
)
# A step and a whole sequence sum in another order.
ROUNDING = 2e-6


def streamed_close(model, x, stream=None):
    """Asserts that a stream in chunks of 1, 4 and the rest gives what a call gives."""
    stream = stream or export.Stream(export.streaming(model), batch_size=len(x))
    parts = [
        stream.step(x[:, 0])[:, None],
        stream.feed(x[:, 1:5]),
        stream.feed(x[:, 5:]),
    ]
    found = np.concatenate(parts, axis=1)
    whole = model.predict_on_batch(x)
    found = found if whole.ndim == 3 else found[:, -1]
    np.testing.assert_allclose(found, whole, rtol=0, atol=ROUNDING)


def test_every_layer(rng):
    """Side by side in one model: every variant, its outputs at every step."""
    x = keras.Input((None, FEATURES))
    outputs = [
        # Keras' own loop, so that the check is against another forward pass.
        slim_keras.get(key)(3, return_sequences=True, engine="loop", name=key)(x)
        for key in KEYS
    ]
    model = support.uncompiled(keras.Model(x, keras.layers.Concatenate()(outputs)))
    support.randomise(model, rng)
    live = export.streaming(model)
    states = {f"{key}_h" for key in KEYS} | {f"{key}_c" for key in KEYS}
    assert set(live.input) == {"input"} | states - {"indrnn_c"}
    streamed_close(model, support.floats(rng, 2, STEPS, FEATURES))


@ONLY_PYTORCH
def test_stacked_with_what_stands_between(rng):
    model = sequential(
        keras.layers.Dense(4),
        slim_keras.LSTM5a(4, return_sequences=True, dropout=0.3),
        keras.layers.BatchNormalization(),
        slim_keras.PlainStack(slim_keras.IndRNN(3, return_sequences=True), 2),
        keras.layers.Dense(5, "tanh"),
        keras.layers.LayerNormalization(),
        slim_keras.LSTM11(4, return_sequences=True),
        keras.layers.Dropout(0.5),
    )
    support.randomise(model, rng)
    for w in model.weights:  # a variance is not negative
        w.assign(keras.ops.abs(w)) if "variance" in w.path else None
    streamed_close(model, support.floats(rng, 2, STEPS, FEATURES))


@pytest.mark.parametrize("zeros", [False, True])
def test_running_output_of_words_with_a_mask(zeros, rng):
    """A fixed length becomes free; a skipped step repeats the output before it.

    Or all skipped steps have that of zeros.
    """
    model = sequential(
        keras.layers.Embedding(9, 3, mask_zero=True),
        slim_keras.IndyLSTM(4, zero_output_for_mask=zeros),
        keras.layers.Dense(2),
        shape=(6,),
    )
    support.randomise(model, rng)
    stream = export.Stream(export.streaming(model))
    words = np.array([[1, 5, 0, 2, 0, 0]])
    found = stream.feed(words)
    np.testing.assert_allclose(
        found[:, -1], model.predict_on_batch(words.astype("float32")), atol=ROUNDING
    )
    for a, b in [(2, 4), (2, 5)] if zeros else [(3, 5), (1, 2)]:
        np.testing.assert_array_equal(found[:, a], found[:, b])
    assert np.abs(found[:, 0] - found[:, 1]).max() > 1e-3


@ONLY_PYTORCH
def test_a_layer_that_is_used_twice_has_two_states(rng):
    layer = slim_keras.LSTM6(FEATURES, return_sequences=True, name="mine")
    x = keras.Input((None, FEATURES))
    model = support.randomise(keras.Model(x, layer(layer(x))), rng)
    states = {f"mine_{letter}{time}" for letter in "hc" for time in ("", "_2")}
    assert set(export.streaming(model).input) == {"input"} | states
    streamed_close(model, support.floats(rng, 2, STEPS, FEATURES))


def test_paused_and_resumed(tmp_path, rng):
    model = support.randomise(sequential(slim_keras.LSTM10(4)), rng)
    live = export.streaming(model)
    x = support.floats(rng, 2, STEPS, FEATURES)
    stream = export.Stream(live, batch_size=2)
    stream.feed(x[:, :5])
    stream.save(tmp_path / "paused.npz")
    wanted = stream.feed(x[:, 5:])
    stream.reset()
    assert np.abs(stream.feed(x[:, 5:]) - wanted).max() > 1e-3
    again = export.Stream(live, batch_size=2)
    again.restore(tmp_path / "paused.npz")
    np.testing.assert_array_equal(again.feed(x[:, 5:]), wanted)
    assert [f.name for f in tmp_path.iterdir()] == ["paused.npz"]
    with pytest.raises(ValueError, match="this stream's are"):
        export.Stream(live).restore(tmp_path / "paused.npz")


@ONLY_PYTORCH
def test_saved_as_keras_file(tmp_path, rng):
    model = support.randomise(sequential(slim_keras.LSTM4(4)), rng)
    live = export.streaming(model)
    live.save(tmp_path / "live.keras")
    loaded = keras.saving.load_model(tmp_path / "live.keras")
    x = support.floats(rng, 2, STEPS, FEATURES)
    streamed_close(model, x, export.Stream(loaded, batch_size=2))


@ONLY_PYTORCH
def test_weights_are_shared(rng):
    model = support.randomise(sequential(slim_keras.LSTM6(4)), rng)
    live = export.streaming(model)
    support.randomise(model, rng)
    x = support.floats(rng, 1, STEPS, FEATURES)
    streamed_close(model, x, export.Stream(live))


WRITERS = {
    ".tflite": export.to_litert,
    ".onnx": export.to_onnx,
    "": export.to_saved_model,
}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="files are the same on all")
@pytest.mark.parametrize("suffix", WRITERS)
def test_files_stream(suffix, tmp_path, rng):
    model = sequential(slim_keras.LSTM1(5, return_sequences=True), slim_keras.IndRNN(4))
    support.randomise(model, rng)
    written = WRITERS[suffix](export.streaming(model), tmp_path / f"live{suffix}")
    x = support.floats(rng, 2, STEPS, FEATURES)
    streamed_close(model, x, export.Stream(written.path, batch_size=2))


@pytest.mark.skipif(BACKEND == "jax", reason="what converts is as for PyTorch")
def test_quantised_activations(tmp_path, rng):
    model = support.randomise(sequential(slim_keras.LSTM5(8)), rng)
    live = export.streaming(model)
    x = support.floats(rng, 20, STEPS, FEATURES)
    wanted, apart = model.predict_on_batch(x[:1]), {"full16": 1e-6}
    # Who converts is another process there: one file shows that.
    for kind in ("full16", "full") if BACKEND == "tensorflow" else ("full",):
        path = tmp_path / "live.tflite"
        export.to_litert(live, path, batch_size=1, quantize=kind, representative_data=x)
        found = export.Stream(path).feed(x[:1])[:, -1]
        apart[kind] = np.abs(found - wanted).max()
    assert 0 < apart["full16"] < apart["full"] < 0.2
    with pytest.raises(ValueError, match="has batch size 1"):
        export.Stream(path, batch_size=2)


@ONLY_PYTORCH
def test_what_cannot_be_streamed_says_why(rng):
    layer = slim_keras.LSTM6
    for layers, message in (
        ([keras.layers.Bidirectional(layer(3))], "reads the sequence from its end"),
        ([keras.layers.Conv1D(3, 2, padding="same"), layer(3)], "joins steps"),
        ([layer(3, return_sequences=True), keras.layers.GRU(3)], "joins steps"),
        ([keras.layers.Dense(3)], "no recurrent layer"),
    ):
        with pytest.raises(ValueError, match=message):
            export.streaming(support.randomise(sequential(*layers), rng))
    x = keras.Input((None, FEATURES))
    with pytest.raises(ValueError, match="one output"):
        export.streaming(keras.Model(x, layer(3, return_state=True)(x)))


def test_wrong_chunks(rng):
    stream = export.Stream(export.streaming(sequential(slim_keras.LSTM6(3))))
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        stream.step(np.zeros(3))
    with pytest.raises(ValueError, match="at least one step"):
        stream.feed(np.zeros((1, 0, 3)))
    with pytest.raises(ValueError, match=r"export\.streaming"):
        export.Stream(sequential(slim_keras.LSTM6(3)))
    with pytest.raises(ValueError, match="no file"):
        export.Stream("nowhere.tflite")
