"""Models as C: compiled, run, and compared with Keras step by step."""

import re
import subprocess

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import export
from slim_keras.engine.kernels import rational
from slim_keras.export.c import compiler, maths
from slim_keras.export.signature import NEXT
from tests.slim_keras import support
from tests.slim_keras.support import FEATURES, KEYS, UNITS, floats

STEPS = 200
STRICT = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
STRICT += ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
HOSTILE = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40, -0.0], "float32")


def built(command):
    """Runs a command that may not say anything."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def program(folder, names, inputs, outputs):
    """Compiles many files into one program, under the sanitizers."""
    lines = ["#include <stdio.h>", *(f'#include "{name}.h"' for name in names)]
    lines += ["int main(void) {", f"float x[{inputs}], y[{outputs}];"]
    lines += [f"{name}_state s_{name}; {name}_init(&s_{name});" for name in names]
    lines += ["while (fread(x, sizeof x, 1, stdin) == 1) {"]
    for name in names:
        lines += [f"{name}_step(&s_{name}, x, y);", "fwrite(y, sizeof y, 1, stdout);"]
    (folder / "main.c").write_text("\n".join([*lines, "}", "return 0; }\n"]))
    sources = [str(folder / f"{name}.c") for name in ("main", *names)]
    built([*compiler.command(), *STRICT, *sources, "-o", str(folder / "program")])

    def run(xs):
        done = subprocess.run(
            [folder / "program"], input=xs.tobytes(), capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return np.frombuffer(done.stdout, "float32").reshape(
            len(xs), len(names), outputs
        )

    return run


def one_step(cell, features=FEATURES):
    """A model of one step of a cell, its states fed by hand."""
    sizes = keras.tree.flatten(cell.state_size)
    x = keras.Input((features,), name="input")
    states = {k: keras.Input((n,), name=k) for k, n in zip("hc", sizes, strict=False)}
    y, new = cell(x, list(states.values()))
    after = {NEXT + k: state for k, state in zip(states, new, strict=True)}
    return keras.Model({"input": x} | states, {"output": y} | after)


def live(*layers, shape=(None, FEATURES)):
    return export.streaming(support.sequential(*layers, shape=shape))


@pytest.fixture
def branches(rng):
    """Every variant side by side, and the model of all."""
    x = keras.Input((None, FEATURES))
    layers = [slim_keras.get(key)(UNITS, return_sequences=True) for key in KEYS]
    model = keras.Model(x, keras.layers.Concatenate()([layer(x) for layer in layers]))
    support.randomise(model, rng)
    return layers, export.streaming(model)


def test_every_variant_in_float32_and_8_bits(branches, rng, tmp_path):
    layers, together = branches
    names = []
    for quantize in (None, "weights"):
        for key, layer in zip(KEYS, layers, strict=True):
            names.append(f"{key}_{quantize or 'float32'}")
            export.to_c(
                one_step(layer.cell),
                tmp_path / f"{names[-1]}.c",
                quantize=quantize,
                check=False,
            )
    run = program(tmp_path, names, FEATURES, UNITS)
    xs = floats(rng, STEPS, FEATURES)
    wanted = export.Stream(together).feed(xs[None])[0].reshape(STEPS, -1, UNITS)
    exact, eight = np.split(run(xs), 2, axis=1)
    np.testing.assert_allclose(exact, wanted, rtol=0, atol=1e-4)
    apart = np.abs(eight - wanted).max(axis=(0, 2)) / np.abs(wanted).max(axis=(0, 2))
    assert (apart < 5e-2).all(), dict(zip(KEYS, apart, strict=True))
    assert (apart > 1e-5).all(), "8 bits that round nothing"
    # Each number at each place in turn, then sane ones again.
    poisoned = np.repeat(xs[:1], len(HOSTILE) * FEATURES, axis=0)
    for place, x in enumerate(np.repeat(HOSTILE, FEATURES)):
        poisoned[place, place % FEATURES] = x
    found = run(np.concatenate([xs[:3], poisoned, xs[:3]]))
    np.testing.assert_array_equal(found[:3, : len(KEYS)], exact[:3])
    assert np.isnan(found[3]).all(axis=-1).all(), "NaN in the input is lost"


def test_words_and_what_stands_around(rng, tmp_path):
    """Masked words, normalisations, a stack, and words that nobody knows."""
    model = live(
        keras.layers.Embedding(9, 5, mask_zero=True),
        keras.layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0], offset=0.1),
        keras.layers.Dense(4, "tanh"),
        slim_keras.LSTM3(3, return_sequences=True, zero_output_for_mask=True),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        slim_keras.PlainStack(slim_keras.IndRNN(4, return_sequences=True), 2),
        keras.layers.LayerNormalization(),
        slim_keras.LSTM(4, recurrent_activation="hard_sigmoid", activation="relu"),
        keras.layers.Dense(3, use_bias=False),
        keras.layers.Activation("hard_sigmoid"),
        keras.layers.Activation("softmax"),
        shape=(None,),
    )
    randomised(model, rng)
    made = export.to_c(model, tmp_path / "words.c")
    assert made.difference < 1e-5
    run = program(tmp_path, ["words"], 1, 3)
    words = rng.integers(0, 9, (40, 1)).astype("float32")
    words[10:14] = 0
    wanted = export.Stream(model).feed(words[None, :, 0])[0]
    np.testing.assert_allclose(run(words)[:, 0], wanted, rtol=0, atol=1e-5)
    strangers = [-1, -2, 9, 1e10, -1e10, np.nan, np.inf, -np.inf]
    for word in strangers:
        found = run(np.array([[1], [word]], "float32"))
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).all(), word


def test_masking(rng, tmp_path):
    """A step counts if one of its inputs differs from the value."""
    model = live(
        keras.layers.Masking(-1.5),
        keras.layers.Dense(3, "tanh"),
        slim_keras.LSTM_C6(4, return_sequences=True),
        slim_keras.LSTM6(3),
        keras.layers.Dense(2),
    )
    randomised(model, rng)
    export.to_c(model, tmp_path / "masked.c", tolerance=1e-5)
    run = program(tmp_path, ["masked"], FEATURES, 2)
    xs = floats(rng, 40, FEATURES)
    xs[10:14] = xs[30, 1:] = -1.5
    wanted = export.Stream(model).feed(xs[None])[0]
    np.testing.assert_array_equal(wanted[10:14], wanted[[9] * 4])
    np.testing.assert_allclose(run(xs)[:, 0], wanted, rtol=0, atol=1e-5)


def randomised(model, rng):
    """Weights of order 0.5; variances stay positive."""
    for weight in model.weights:
        x = 0.5 * floats(rng, *weight.shape)
        weight.assign(np.abs(x) + 0.1 if "variance" in weight.path else x)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", [keras.layers.LSTMCell, keras.layers.GRUCell])
def test_the_cells_of_keras(cell, bias, rng, tmp_path):
    model = one_step(cell(4, use_bias=bias))
    randomised(model, rng)
    for quantize, close in ((None, 1e-6), ("weights", 5e-2)):
        made = export.to_c(model, tmp_path / "cell.c", quantize=quantize)
        assert made.difference < close


def test_a_functional_model_with_the_products_as_input(rng, tmp_path):
    """One layer after the other; an input that is W x_t already."""
    x = keras.Input((None, 6))
    y = slim_keras.IndyLSTM(3, return_sequences=True, use_bias=False)(x)
    y = keras.layers.Dense(4)(keras.Sequential([keras.layers.LayerNormalization()])(y))
    y = slim_keras.LSTM_C6(4, kernel_initializer=None, forget=0.9)(y)
    model = keras.Model(x, y)
    support.randomise(model, rng)
    assert export.to_c(export.streaming(model), tmp_path / "f.c").difference < 1e-5


def test_normalization(rng, tmp_path):
    """Which begins with an operation that is no layer."""
    normalise = keras.layers.Normalization()
    normalise.adapt(20 + 3 * support.floats(rng, 4, 9, FEATURES))
    model = live(normalise, slim_keras.LSTM6(3), shape=(9, FEATURES))
    assert export.to_c(model, tmp_path / "n.c").difference < 1e-5
    x = keras.Input((9, FEATURES))
    twice = export.streaming(keras.Model(x, slim_keras.LSTM6(3)(2.0 * x)))
    with pytest.raises(ValueError, match="the operation 'multiply"):
        export.to_c(twice, tmp_path / "twice.c")


def test_what_it_says(rng, tmp_path):
    model = live(slim_keras.LSTM_C6(4, name="slim"), keras.layers.Dense(2))
    made = export.to_c(model, tmp_path / "model.c")
    weights = sum(int(np.prod(w.shape)) for w in model.weights)
    assert (made.weights, made.weight_bytes) == (weights, 4 * weights)
    assert made.state_bytes == 4 * 2 * 4
    assert str(made).startswith(f"{tmp_path / 'model.c'}: {weights} weights in ")
    for path in (made.path, made.header):
        comment = path.read_text().split("*/")[0]
        assert f"{weights}, {4 * weights} bytes" in comment
        assert "LSTM_C6 4 -> Dense 2" in comment
        assert f"within {made.difference:.1e} of Keras" in comment
    before = made.path.read_bytes(), made.header.read_bytes()
    assert export.to_c(model, tmp_path / "model.c") == made
    assert before == (made.path.read_bytes(), made.header.read_bytes())
    with pytest.raises(ValueError, match="was not written"):
        export.to_c(model, made.path, quantize="weights", tolerance=0)
    assert before == (made.path.read_bytes(), made.header.read_bytes())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.c", "model.h"]
    eight = export.to_c(model, tmp_path / "eight.c", quantize="weights")
    # 4 x 3 and 2 x 4 bytes, 6 scales; vector and biases as they are.
    assert eight.weight_bytes == 20 + 4 * 6 + 4 * (4 + 4 + 2)
    names = re.findall(r"static const (\w+ \w+)", eight.path.read_text())
    assert "int8_t slim_kernel_c" in names
    assert "float slim_recurrent_vector_c" in names


def test_without_a_compiler(monkeypatch, tmp_path):
    model = live(slim_keras.IndRNN(2))
    monkeypatch.setattr(compiler.shutil, "which", lambda name: None)
    assert compiler.command()[1:] == ["-m", "ziglang", "cc"]
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install ziglang"):
        export.to_c(model, tmp_path / "model.c")
    assert not list(tmp_path.iterdir())
    made = export.to_c(model, tmp_path / "model.c", check=False)
    assert made.difference is None
    assert "not compared with Keras" in made.path.read_text()


class Odd(keras.layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Odd(name="strange"), "the layer 'strange' of the class Odd"),
        (keras.layers.UnitNormalization(name="unit"), "the layer 'unit'"),
        (keras.layers.Dense(2, "softsign", name="d"), "'d' must have .* softsign"),
        (slim_keras.LSTM(2, activation="selu", name="l"), "'l' must have .* selu"),
    ],
)
def test_refused_layers(layer, said, tmp_path):
    model = live(slim_keras.LSTM6(2, return_sequences=True), layer)
    with pytest.raises(ValueError, match=said):
        export.to_c(model, tmp_path / "model.c")
    assert not list(tmp_path.iterdir())


def test_refused_models(tmp_path):
    path = tmp_path / "model.c"
    whole = keras.Sequential([keras.Input((None, 2)), slim_keras.LSTM6(2)])
    with pytest.raises(ValueError, match=r"model of one step, which `slim_keras.exp"):
        export.to_c(whole, path)
    x, h = keras.Input((2,), name="input"), keras.Input((2,), name="h")
    y = slim_keras.IndRNNCell(2)(x, h)[0]
    for output, after, said in (
        (keras.layers.Add()([y, x]), y, "must be a chain"),
        (y, x, "must put out as 'next_h' the state"),
        (keras.layers.Dense(2)(x), h, "each state to one cell"),
    ):
        model = keras.Model({"input": x, "h": h}, {"output": output, "next_h": after})
        with pytest.raises(ValueError, match=said):
            export.to_c(model, path)
    old = one_step(keras.layers.GRUCell(2, reset_after=False))
    with pytest.raises(ValueError, match="must have reset_after=True"):
        export.to_c(old, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("model.cc", {}, "must end with '.c'"),
        ("1-model.c", {}, "must be named as C names things"),
        ("model.c", {"quantize": "full"}, "`quantize` must be one of None, 'weights'"),
    ],
)
def test_refused_arguments(name, options, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        export.to_c(None, tmp_path / name, **options)


def test_the_functions_keep_what_they_say(tmp_path):
    """On a fine grid, against NumPy in float64."""
    xs = np.linspace(-100, 100, 200_001, dtype="float32")
    checks = {
        "rational_tanh": (xs, np.tanh, rational.ERROR, 0),
        "rational_sigmoid": (
            xs,
            lambda x: 0.5 + 0.5 * np.tanh(x / 2),
            rational.ERROR,
            0,
        ),
        "exponential": (xs[xs <= 0], np.exp, 2e-38, 3e-7),
        "inverse_root": (np.exp(xs / 2), lambda x: x**-0.5, 0, 3e-7),
    }
    for name, (x, function, absolute, relative) in checks.items():
        text = ["#include <stdint.h>", "#include <stdio.h>", *maths.used(f"{name}(")]
        text += ["int main(void) { float x; while (fread(&x, 4, 1, stdin) == 1) {"]
        text += [f"x = {name}(x); fwrite(&x, 4, 1, stdout); }} return 0; }}"]
        source, run = tmp_path / "f.c", tmp_path / "f"
        source.write_text("\n".join(text) + "\n")
        built([*compiler.command(), *STRICT, str(source), "-o", str(run)])
        given = np.concatenate([x, [np.nan]]).astype("float32")
        done = subprocess.run([run], input=given.tobytes(), capture_output=True)
        found = np.frombuffer(done.stdout, "float32")
        assert np.isnan(found[-1])
        wanted = function(x.astype("float64"))
        np.testing.assert_allclose(found[:-1], wanted, rtol=relative, atol=absolute)
