"""The IMDB experiment through its own command line."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import experiments
from experiments import imdb
from experiments.core import runner
from experiments.core.errors import UserError
from experiments.core.runner import main
from experiments.imdb import Config, build, complete
from slim_keras.activations import hard_sigmoid_keras2
from slim_keras.variants import VARIANTS
from tests.experiments.support import check_refusal, parsed, row

ROOT = Path(__file__).parents[2]
CONFIGS = [ROOT / "configs" / name for name in ("imdb.toml", "imdb_authors.toml")]
SMALL = ["--data=sample", "--length=12", "--units=4", "--embedding-dim=4"]


def start(*args):
    return main(imdb.EXPERIMENT, [*SMALL, *args])  # on the default backend


def read(path, *args):
    """The complete config of a file and some options."""
    return complete(parsed(Config, *args, f"--config={path}"))


def test_row_and_output_say_that_the_data_is_a_sample(tmp_path, capsys):
    args = ["--variant=lstm_c6", "--epochs=1", "--batch-size=500"]
    assert start(*args, f"--output={tmp_path}") == 0
    out = capsys.readouterr().out
    assert out.count("data: sample") == 2  # at the start and at the end
    result = row(tmp_path)
    assert result["data"] == "sample"
    assert result["variant"] == "lstm_c6"
    assert result["forget"] == 0.4  # the variant's own
    assert result["recurrent_parameters"] == 4 * 4 + 2 * 4
    assert start(*args, "--quiet", f"--output={tmp_path}") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "data: sample" in out


def test_a_trained_run_can_be_loaded(tmp_path):
    args = ["--epochs=2", "--batch-size=500", "--eta=0.01", f"--output={tmp_path}"]
    assert start(*args) == 0
    (folder,) = tmp_path.glob("imdb-*/")
    model, config = experiments.load(folder)
    assert (config.variant, config.units, config.forget) == ("lstm6", 4, 0.4)
    data = imdb.load(config)
    figures = model.evaluate(*data.parts["test"], verbose=0, return_dict=True)
    expected = row(tmp_path)["clean"]["test_accuracy"]
    assert figures["accuracy"] == pytest.approx(expected)
    with pytest.raises(UserError, match=r"not the folder of a trained run: no .*json"):
        experiments.load(tmp_path)
    # Another backend has other dtypes for its seeds, and so another digest.
    with h5py.File(folder / "best.weights.h5", "a") as file:
        del file["digest"]
        file["digest"] = "of another backend"
    with pytest.raises(UserError, match="is damaged"):
        experiments.load(folder)
    saved = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(saved | {"backend": "another"}))
    again, _ = experiments.load(folder)
    for found, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("options", "told"),
    [([], True), (["--forget=0.5"], False), (["--variant=lstm"], False)],
)
def test_the_default_f_is_not_the_figures(options, told, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runner, "train", lambda training: 0)
    assert start(*options, f"--output={tmp_path}") == 0
    lines = capsys.readouterr().out.splitlines()
    notes = [line for line in lines if line.startswith("note: ")]
    assert ["f = 0.4" in line and "--forget 0.96" in line for line in notes] == (
        [True] if told else []
    )


@pytest.mark.parametrize(
    ("variant", "matrices", "biases"),  # of W and U, by the equations; Keras' GRU has 2
    [("keras_lstm", 4, 4), ("gru", 3, 6), ("simple_rnn", 1, 1)],
)
def test_keras_layers_are_baselines(variant, matrices, biases):
    authors = Config(variant=variant, units=5, initialisation="authors")
    layer = build(complete(authors)).get_layer("recurrent")
    assert layer.count_params() == matrices * (32 * 5 + 5 * 5) + biases * 5
    assert layer.activation is keras.activations.sigmoid
    recurrent, bias = layer.get_weights()[1:]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(5), atol=1e-5)
    assert not bias.any()


@pytest.mark.parametrize(
    ("args", "hints"),
    [
        (["--variant=lstm7"], ["variant", "'lstm7'", *VARIANTS]),
        (["--variant=lstm", "--forget=0.5"], ["forget 0.5", "lstm"]),
        (["--variant=indrnn", "--forget=0.5"], ["forget 0.5", "indrnn"]),
        (["--gate-activation=hard_sigmoid_keras2"], ["gate-activation", "lstm6"]),
        (["--variant=gru", "--forget=0.5"], ["forget 0.5", "gru"]),
        (["--variant=gru", "--engine=scan"], ["engine scan", "gru"]),
        (["--engine=warp"], ["engine", "warp"]),
        # On TensorFlow no kernel serves; on PyTorch these tests hide numba.
        (["--engine=kernel", "--variant=lstm_c6"], ["kernel", "Choose engine='auto'"]),
        (["--data=imdb", "--data-dir=/nowhere"], ["/nowhere"]),
        (["--forget=1"], ["--forget"]),
        (["--units=0"], ["--units"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(args, hints, tmp_path, capsys):
    output = tmp_path / "runs"
    check_refusal(capsys, start(*args, f"--output={output}"), *hints)
    assert not output.exists()


def test_unwritable_output_is_found_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runner, "fit", None)
    file = tmp_path / "file"
    file.touch()
    check_refusal(capsys, start(f"--output={file}/runs"), str(file))


def test_another_backend_than_the_one_in_use_is_refused(capsys, tmp_path, monkeypatch):
    # The command sets it; tests after this one start as those before.
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())
    other = "jax" if keras.config.backend() == "tensorflow" else "tensorflow"
    assert start(f"--backend={other}", f"--output={tmp_path / 'runs'}") == 2
    assert "fresh process" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["max_epochs", "max_steps_per_epoch"])
def test_a_keras_that_cuts_trainings_short_is_refused(
    name, tmp_path, capsys, monkeypatch
):
    """It would leave rows that say more epochs than were trained."""
    monkeypatch.setattr(keras.config, name, lambda: 1)
    assert start(f"--output={tmp_path / 'runs'}") == 2
    assert f"KERAS_{name.upper()} is 1" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("variant", VARIANTS)
def test_configs_serve_every_variant(path, variant):
    options = [f"--variant={variant}"]
    if not VARIANTS[variant].gated:
        options.append("--gate-activation=sigmoid")
    config = read(path, *options)
    assert config.epochs == 100
    model = build(config)
    layer = model.get_layer("recurrent")
    assert layer.count_params() == VARIANTS[variant].parameters(32, 100)
    assert layer.activation is keras.activations.sigmoid


def test_authors_config_is_what_the_authors_did():
    config = read(ROOT / "configs" / "imdb_authors.toml", "--variant=lstm5")
    model = build(config)
    layer = model.get_layer("recurrent")
    assert layer.recurrent_activation is hard_sigmoid_keras2
    assert not model.layers[0].trainable
    kernel, matrix, vectors, bias = (
        keras.ops.convert_to_numpy(weight)
        for weight in (
            layer.cell.kernel,
            layer.cell.recurrent_kernel,
            layer.cell.recurrent_vector,
            layer.cell.bias,
        )
    )
    assert np.abs(kernel).max() <= np.sqrt(6 / (32 + 100))  # glorot uniform
    joint = np.concatenate([matrix, vectors.reshape(3, 100).T], axis=1)
    np.testing.assert_allclose(joint @ joint.T, np.eye(100), atol=1e-5)
    assert not bias.any()
    assert config.validation_split == 0


def test_model_is_the_papers():
    model = build(complete(Config(eta=1e-4)))
    embedding, layer, output = model.layers
    table = keras.ops.convert_to_numpy(embedding.embeddings)
    assert table.shape == (5000, 32)
    assert 0.049 < np.abs(table).max() <= 0.05
    assert embedding.trainable
    assert not embedding.mask_zero
    assert layer.count_params() == 13_300
    assert layer.cell.forget == 0.4
    assert output.activation is keras.activations.sigmoid
    adam = model.optimizer
    assert float(adam.learning_rate) == pytest.approx(1e-4)
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-8)
    assert model.loss == "binary_crossentropy"


def test_forget_constant_and_dropout_are_those_of_the_layer():
    model = build(complete(Config(forget=0.56, dropout=0.3)))
    settings = model.get_layer("recurrent").get_config()
    assert (settings["forget"], settings["dropout"]) == (0.56, 0.3)
