"""Files for LiteRT Micro, in its interpreter, against the Keras model."""

import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import export
from slim_keras.export import micro
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES, sequential

CLOSE = 1e-4
STEPS = 12
ONLY_TENSORFLOW = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="the conversion is the same on every backend"
)


def to_micro(model, path, **arguments):
    return export.to_litert(model, path, runtime="micro", **arguments)


def streamed(path, x):
    """What a file puts out at each step, in LiteRT Micro's interpreter."""
    with micro.open_micro(path) as file:
        return export.Stream(file).feed(x)


@pytest.fixture(scope="module")
def every_kind():
    """Side by side in a model of a step: with and without matrices, gates, memory."""
    x = keras.Input((None, FEATURES))
    keys = "lstm", "lstm4a", "lstm_c6", "indrnn"
    outputs = [slim_keras.get(k)(3, return_sequences=True, name=k)(x) for k in keys]
    model = keras.Model(x, keras.layers.Concatenate()(outputs))
    support.randomise(model, np.random.default_rng(0))
    return export.streaming(model)


@ONLY_TENSORFLOW
@pytest.mark.parametrize(("quantize", "close"), [(None, CLOSE), ("full16", 2e-2)])
def test_every_kind_of_layer(quantize, close, every_kind, tmp_path, rng):
    """Other tests hold the model of a step to whole sequences."""
    x = support.floats(rng, 8, STEPS, FEATURES)
    data = None if quantize is None else x
    given = {"quantize": quantize, "representative_data": data}
    written = to_micro(every_kind, tmp_path / "live.tflite", **given)
    assert written.difference < close
    found, wanted = (
        streamed(written.path, x[:1]),
        export.Stream(every_kind).feed(x[:1]),
    )
    np.testing.assert_allclose(found, wanted, atol=close)


@pytest.fixture(scope="module")
def small():
    # The output is a state, too: one tensor of the file has two names.
    model = sequential(slim_keras.LSTM_C6(4, return_sequences=True))
    support.randomise(model, np.random.default_rng(1))
    return model, export.streaming(model)


@ONLY_TENSORFLOW
def test_header(small, tmp_path, rng):
    """A C compiler reads it; what it holds runs in the arena that it names."""
    from tflite_micro.python.tflite_micro import runtime

    model, live = small
    x = support.floats(rng, 8, STEPS, FEATURES)
    given = {"quantize": "full", "representative_data": x}
    written = to_micro(live, tmp_path / "live.h", **given)
    assert [f.name for f in tmp_path.iterdir()] == ["live.h"]
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "live.h"\n'
        "int main(void) {\n"
        "    static unsigned char arena[live_arena_size];\n"
        '    fprintf(stderr, "%zu", sizeof arena);\n'
        "    return fwrite(live_data, 1, live_length, stdout) != sizeof live_data;\n"
        "}\n"
    )
    cc = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    command = [*cc, "-std=c11", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    run = subprocess.run([tmp_path / "main"], capture_output=True, check=True)
    assert int(run.stderr) == written.arena
    assert len(run.stdout) == written.size
    path = tmp_path / "live.tflite"
    path.write_bytes(run.stdout)
    found, wanted = streamed(path, x[:1]), model.predict_on_batch(x[:1])
    np.testing.assert_allclose(found, wanted, atol=0.1)
    runtime.Interpreter.from_bytes(run.stdout, arena_size=written.arena).invoke()
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_bytes(run.stdout, arena_size=written.arena - 16)


@ONLY_TENSORFLOW
def test_a_whole_sequence(tmp_path, rng):
    model = sequential(
        keras.layers.Bidirectional(slim_keras.IndyLSTM(4, return_sequences=True)),
        keras.layers.Dense(2),
        shape=(STEPS, FEATURES),
    )
    support.randomise(model, rng)
    written = to_micro(model, tmp_path / "whole.tflite")
    assert f"arena of {written.arena:,} bytes" in str(written)
    x = support.floats(rng, 1, STEPS, FEATURES)
    with micro.open_micro(written.path) as file:
        found = file.run({"input": x})["output"]
    np.testing.assert_allclose(found, model.predict_on_batch(x), atol=CLOSE)


def refused(message, tmp_path, model, path="live.tflite", **given):
    """Asserts one line that says `message`, and that nothing was written."""
    with pytest.raises(ValueError, match=message) as raised:
        to_micro(model, tmp_path / path, **given)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_what_cannot_run_there_says_why(small, tmp_path):
    model, live = small
    for kind in ("weights", "float16"):
        message = f"`quantize` must be None, 'full' or 'full16'.*'{kind}'"
        refused(message, tmp_path, live, quantize=kind)
    refused("fixed length.*streaming.*'input'", tmp_path, model)
    words = sequential(keras.layers.Embedding(9, 3), shape=(STEPS,))
    refused("no `Embedding`.*to_c", tmp_path, words)
    refused("as C names things", tmp_path, live, "my-live.h")
    refused("end with '.tflite'", tmp_path, live, "live.onnx")
    with pytest.raises(ValueError, match="'litert' or 'micro'"):
        export.to_litert(live, tmp_path / "live.tflite", runtime="tpu")
    with pytest.raises(ValueError, match=r"end with '\.tflite'"):
        export.to_litert(live, tmp_path / "live.h")


@ONLY_TENSORFLOW
def test_unknown_operators(tmp_path):
    model = sequential(keras.layers.Dense(2, "gelu"), shape=(3,))
    refused("LiteRT Micro does not run `model`: .*GELU", tmp_path, model)


def test_an_interpreter_that_crashes(tmp_path, monkeypatch):
    """Python lives on and says what the interpreter said."""
    child = tmp_path / "child.py"
    monkeypatch.setattr(micro, "_CHILD", child)
    about = {"inputs": [{"name": "x", "shape": [1], "dtype": "float32"}], "arena": 1}
    about |= {"outputs": about["inputs"], "operators": []}
    child.write_text(
        "import json, os, sys\n"
        f"print({__import__('json').dumps(about)!r}, flush=True)\n"
        "sys.stdin.buffer.read(4)\n"
        "print('no such thing', file=sys.stderr, flush=True)\n"
        "os.abort()\n"
    )
    with (
        pytest.raises(ValueError, match="no such thing"),
        micro.open_micro(tmp_path) as file,
    ):
        file.run({"x": np.zeros(1, "float32")})


def test_missing_package(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(ImportError, match=r"pip install tflite-micro, or.*\[micro\]"):
        to_micro(small[1], tmp_path / "live.tflite")
