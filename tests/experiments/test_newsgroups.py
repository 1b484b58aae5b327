"""The 20 Newsgroups experiment through its own command line."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from experiments import newsgroups
from experiments.datasets import glove, newsgroups as documents
from experiments.newsgroups import Config, build, complete
from tests.experiments import support
from tests.experiments.support import check_refusal, row

SMALL = ["--data=sample", "--length=174", "--units=4", "--embedding-dim=6"]
SMALL += ["--epochs=1", "--batch-size=100"]
VECTORS = np.arange(30, dtype="float32").reshape(10, 3)


def start(*args):
    return support.start(newsgroups.EXPERIMENT, *SMALL, *args)


@pytest.mark.parametrize(
    ("variant", "printed"),  # in Table II of 1901.06401
    [("lstm", 263_168), ("lstm6", 65_792), ("lstm_c6", 33_280)],
)
def test_model_is_the_papers(variant, printed):
    model = build(complete(Config(variant=variant, eta=1e-4)), VECTORS)
    layer = model.get_layer("recurrent")
    assert layer.count_params() == printed
    assert layer.input.shape == (None, 17, 128)
    assert layer.output.shape == (None, 256)
    assert layer.forward_layer.activation is keras.activations.tanh
    assert model.output_shape == (None, 20)
    assert isinstance(model.optimizer, keras.optimizers.RMSprop)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-4)
    embedding = model.layers[0]
    np.testing.assert_array_equal(embedding.get_weights()[0], VECTORS)
    assert not embedding.trainable_weights
    # Both directions learn, each with weights of its own.
    kernels = [w for w in layer.trainable_weights if w.name == "kernel"]
    assert len(kernels) == 2


def test_six_classes_and_the_shortest_document():
    config = complete(Config(classes=6, length=174, units=4))
    model = build(config, VECTORS)
    assert model.output_shape == (None, 6)
    assert model.get_layer("recurrent").input.shape == (None, 1, 128)


def test_row_labels_every_reading(tmp_path, capsys):
    readings = ["--classes=6", "--strip=quotes,headers", "--split=bydate"]
    assert start(*readings, f"--output={tmp_path}") == 0
    out = capsys.readouterr().out
    assert "data: sample" in out
    assert "vectors: synthetic" in out
    assert "words without vector: " in out
    result = row(tmp_path)
    assert result["experiment"] == "newsgroups"
    assert result["data"] == "sample"
    assert result["classes"] == 6
    assert result["strip"] == "headers,quotes"
    assert result["split"] == "bydate"
    assert result["vectors"]
    assert result["words_without_vector"] >= 0
    assert result["recurrent_parameters"] == 2 * (128 * 4 + 4 * 4 + 4)


@pytest.mark.parametrize("split", ["random", "bydate"])
@pytest.mark.parametrize("strip", ["", "headers,quotes"])
def test_documents_are_those_of_the_reading(strip, split):
    config = Config(data="sample", length=174, strip=strip, split=split)
    found = newsgroups.load(config)
    parts = {"headers", "quotes"} if strip else ()
    expected = documents.load("sample", strip=parts, split=split, length=174)
    assert found.facts["data_checksum"] == expected.checksum


def test_other_vectors_are_another_run(tmp_path, monkeypatch):
    assert start(f"--output={tmp_path}", "--quiet") == 0
    sample = glove.sample

    def other(vocabulary, dim):
        found = sample(vocabulary, dim)
        return replace(found, matrix=-found.matrix)

    monkeypatch.setattr(glove, "sample", other)
    assert start(f"--output={tmp_path}", "--quiet") == 0
    assert len(list(tmp_path.glob("newsgroups-*"))) == 2


@pytest.mark.parametrize(
    ("args", "hints"),
    [
        (["--classes=7"], ["--classes", "20", "6"]),
        (["--strip=header"], ["--strip", "'header'", "headers"]),
        (["--split=time"], ["--split", "bydate"]),
        (["--length=173"], ["--length", "174"]),
        (["--variant=lstm7"], ["variant", "lstm7"]),
        (["--data=newsgroups", "--data-dir=/nowhere"], ["/nowhere"]),
    ],
)
def test_bad_input_is_one_line(args, hints, tmp_path, capsys):
    output = tmp_path / "runs"
    check_refusal(capsys, start(*args, f"--output={output}"), *hints)
    assert not output.exists()
