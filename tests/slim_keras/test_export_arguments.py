"""What an export refuses in one line, before or while it makes a file."""

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import export
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES, sequential

pytestmark = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="the same on every backend"
)
STEPS = 40


def refused(message, tmp_path, model, error=ValueError, path="model.tflite", **given):
    """Asserts one line that says `message`, and that nothing was written."""
    with pytest.raises(error, match=message) as raised:
        export.to_litert(model, tmp_path / path, **given)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_representative_data(tmp_path, rng):
    x = support.floats(rng, 5, STEPS, FEATURES)
    nan = x.copy()
    nan[1, 2, 0] = np.nan
    live = export.streaming(sequential(slim_keras.LSTM6(3)))
    for data, message in (
        (0 * x, "zeros alone"),
        (x[:0], "must hold samples"),
        (x[:, :0], "must hold samples"),
        (nan, "NaN or infinity"),
        (x[..., :2], r"\(sequences, steps, 3\).*\(5, 40, 2\)"),
        (x[0], r"\(sequences, steps, 3\).*\(40, 3\)"),
        ((s for s in x), "data of type generator"),
        ([["a"]], "data of type list"),
    ):
        for kind in ("full", "full16"):
            given = {"quantize": kind, "representative_data": data}
            refused(f"`representative_data` .*{message}", tmp_path, live, **given)


def test_representative_data_of_several_inputs(tmp_path, rng):
    a, b = keras.Input((2,)), keras.Input((3,))
    model = keras.Model([a, b], keras.layers.Concatenate()([a, b]))
    for data, message in (
        (np.ones((4, 2)), "list of 2 arrays.*type ndarray"),
        ([np.ones((4, 2))], "list of 2 arrays"),
        ([np.ones((4, 2)), np.ones((5, 3))], "as many samples"),
        ([np.ones((4, 2)), np.ones((4, 2))], "'input_1'.*samples, 3"),
    ):
        given = {"quantize": "full", "representative_data": data}
        refused(message, tmp_path, model, **given)


def test_batch_size(tmp_path):
    model = sequential(slim_keras.LSTM6(3))
    for size in (0, -1, "a", 1.5, True):
        refused(f"positive integer.*{size!r}", tmp_path, model, batch_size=size)
    three = sequential(slim_keras.LSTM6(3), batch_size=3)
    refused("`batch_size` must be 3", tmp_path, three, batch_size=1)


def test_names_words_weights_and_folders(tmp_path):
    for name in ("my in", "in:0"):
        x = keras.Input((3,), name=name)
        y = keras.layers.Dense(2)(x)
        for model in (keras.Model({name: x}, y), keras.Model(x, {name: y})):
            refused(f"Names.*'{name}'", tmp_path, model)
    nan = keras.initializers.Constant(np.nan)
    broken = sequential(slim_keras.LSTM5(3, bias_initializer=nan))
    refused("NaN in the weight '.*bias'", tmp_path, broken)
    model = sequential(slim_keras.LSTM6(3))
    refused("folder", tmp_path, model, FileNotFoundError, "nowhere/model.tflite")


def test_strings(tmp_path):
    words = sequential(
        keras.layers.TextVectorization(vocabulary=["a", "b"]),
        keras.layers.Embedding(9, 3),
        slim_keras.LSTM6(3),
        shape=(1,),
        dtype="string",
    )
    refused("TextVectorization", tmp_path, words)


def test_ranges_with_which_the_interpreter_would_abort(tmp_path):
    """Python lives on; the constant forget gate makes a scale that none can hold."""
    live = export.streaming(sequential(slim_keras.LSTM6(3)))
    tiny = np.full((5, 4, FEATURES), 1e-30)
    given = {"quantize": "full", "representative_data": tiny}
    refused("must span", tmp_path, live, **given)


def test_the_difference_of_a_stream_is_reported(tmp_path, rng, monkeypatch):
    """Also where single steps are exact."""
    monkeypatch.setattr(export.files, "compare", lambda *_: 0.0)
    model = sequential(
        keras.layers.Embedding(9, 3),
        slim_keras.IndyLSTM(8, return_sequences=True),
        shape=(None,),
    )
    support.randomise(model, rng)
    words = rng.integers(1, 9, (4, STEPS))
    written = export.to_litert(
        export.streaming(model),
        tmp_path / "live.tflite",
        batch_size=4,
        quantize="full",
        representative_data=words,
        tolerance=10,
    )
    found = export.Stream(written.path, batch_size=4).feed(words)
    wanted = model.predict_on_batch(words)
    apart = np.abs(found - wanted).max() / max(1, np.abs(wanted).max())
    np.testing.assert_allclose(written.difference, apart, rtol=1e-4)
    assert apart > 1e-3


def test_saved_bytes(tmp_path, rng):
    """LiteRT keeps small weights as they are, and `Exported` says so."""
    path = tmp_path / "model.tflite"
    for units, sign in ((4, -1), (64, 1)):
        model = sequential(slim_keras.IndyLSTM(units), shape=(None, units))
        written = export.to_litert(model, path, quantize="weights")
        assert sign * written.saved >= 0
        assert ("saved nothing" in str(written)) == (units == 4)
    plain = export.to_litert(model, path)
    assert plain.saved is None
    assert written.size + written.saved == plain.size


def test_time_distributed(tmp_path, rng):
    """Its reference is right also after other batch sizes, and where it is streamed."""
    model = sequential(
        slim_keras.LSTM_C6(4),
        keras.layers.RepeatVector(12),
        slim_keras.LSTM_C6(4, return_sequences=True),
        keras.layers.TimeDistributed(keras.Sequential([keras.layers.Dense(3)])),
        shape=(12, FEATURES),
    )
    for batch in (1, 3, 5):
        model.predict_on_batch(support.floats(rng, batch, 12, FEATURES))
    assert export.to_litert(model, tmp_path / "model.tflite").difference < 1e-4
    free = sequential(
        slim_keras.LSTM_C6(4, return_sequences=True),
        keras.layers.TimeDistributed(keras.layers.Dense(3)),
    )
    with pytest.raises(ValueError, match="TimeDistributed"):
        export.to_onnx(free, tmp_path / "free.onnx")
    export.streaming(free)  # checks itself
