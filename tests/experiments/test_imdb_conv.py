"""The convolutional model on IMDB through its own command line."""

import keras
import pytest

from experiments import imdb_conv
from experiments.core.runner import main
from experiments.imdb_conv import Config, build, complete
from slim_keras.variants import VARIANTS
from tests.experiments.support import row


@pytest.mark.parametrize("variant", ["lstm", "lstm1", "lstm2", "lstm3", "lstm_c6"])
def test_model_is_that_of_the_example(variant):
    config = complete(Config(variant=variant))
    model = build(config)
    # The sizes that Keras' summary of imdb_cnn_lstm shows.
    assert model.layers[0].count_params() == 2_560_000
    assert model.layers[1].rate == 0.25
    assert model.layers[2].count_params() == 41_024
    layer = model.get_layer("recurrent")
    assert layer.input.shape == (None, 24, 64)
    assert layer.count_params() == VARIANTS[variant].parameters(64, 70)
    if variant == "lstm":
        assert layer.count_params() == 37_800
    assert layer.activation is keras.activations.tanh
    assert (config.batch_size, config.epochs, config.length) == (30, 2, 100)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)


def test_a_run_on_the_sample(tmp_path, capsys):
    args = ["--data=sample", "--words=200", "--length=8", "--units=4", "--epochs=1"]
    args += ["--embedding-dim=4", "--batch-size=200", f"--output={tmp_path}"]
    args += [f"--backend={keras.config.backend()}"]
    assert main(imdb_conv.EXPERIMENT, args) == 0
    assert "data: sample" in capsys.readouterr().out
    result = row(tmp_path)
    assert result["experiment"] == "imdb_conv"
    assert result["data"] == "sample"
    assert result["variant"] == "lstm1"
    assert result["recurrent_parameters"] == 64 * 4 + 4 * 16 + 4 * 4


def test_a_review_too_short_for_the_pooling_is_refused(capsys):
    assert main(imdb_conv.EXPERIMENT, ["--length=7"]) == 2
    assert "--length" in capsys.readouterr().err
