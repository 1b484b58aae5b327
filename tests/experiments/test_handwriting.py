"""The handwriting experiment: its models, and runs through the command line."""

import hashlib
import zipfile

import h5py
import keras
import numpy as np
import pytest

from experiments import handwriting
from experiments.core import ctc
from experiments.datasets import handwriting as data
from experiments.datasets.handwriting import omniglot
from experiments.handwriting import Config, build, complete
from tests.experiments import support
from tests.experiments.support import check_refusal, history, row

FIGURES = ("loss", "cer")
SMALL = ["--data=sample", "--units=4", "--layers=1", "--words=24", "--batch-size=8"]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(data, "EVALUATED", 8)


def start(*args):
    return support.start(handwriting.EXPERIMENT, *SMALL, *args)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(
    ("variant", "count"),  # of a layer, from inputs m and units n; REFERENCE's formulas
    [
        ("lstm", lambda m, n: 4 * n * (m + n + 1)),
        ("indylstm", lambda m, n: 4 * n * (m + 2)),
        ("lstm_c6", lambda m, n: n * (m + 2)),
    ],
    ids=["lstm", "indylstm", "lstm_c6"],
)
def test_parameters(variant, count, layers):
    n, classes = 6, 5
    model = build(complete(Config(variant=variant, units=n, layers=layers)), classes)
    recurrent = 2 * (count(4, n) + (layers - 1) * count(2 * n, n))
    assert model.get_layer("recurrent").count_params() == recurrent
    assert model.count_params() == recurrent + classes * (2 * n + 1)
    assert model.output_shape == (None, None, classes)


def test_a_run(tmp_path, capsys):
    assert start("--epochs=2", "--eta=1e-2", f"--output={tmp_path}") == 0
    assert "data: sample" in capsys.readouterr().out
    entries = history(tmp_path)
    figures = {f"{part}_{f}" for part in ("val", "test", "train") for f in FIGURES}
    assert [set(entry) for entry in entries] == [{"epoch", "loss", *figures}] * 2
    result = row(tmp_path)
    names = ("epoch", "test_cer", "test_loss", "train_cer", "train_loss")

    def told(entry):
        return {name: entry[name] for name in names}

    chosen = min(entries, key=lambda entry: entry["val_cer"])
    expected = {
        "experiment": "handwriting",
        "data": "sample",
        "drawn_checksum": data.load("sample", count=24, seed=3).checksum,
        "variant": "indylstm",
        "layers": 1,
        "status": "finished",
        "recurrent_parameters": 2 * 4 * 4 * (4 + 2),
        "model_parameters": 2 * 4 * 4 * (4 + 2) + 11 * 9,
        "lowest": told(min(entries, key=lambda entry: entry["test_cer"])),
        "last": told(entries[-1]),
        "epochs_finished": 2,
    }
    assert {key: result[key] for key in expected} == expected
    beam = result["best"].pop("test_cer_beam")
    assert result["best"] == told(chosen)
    # The file of weights is the model of the best epoch, and nothing else.
    (path,) = tmp_path.glob("handwriting-*/model.weights.h5")
    model = build(complete(Config(units=4, layers=1)), 11)
    keras.Model(model.inputs, model.outputs).load_weights(path)
    x, y = data.load("sample", count=24, seed=3).parts["test"]
    for strategy, rate in (("greedy", chosen["test_cer"]), ("beam_search", beam)):
        assert ctc.error_rate(y, model.read(x, strategy, 8)) == rate
    assert path.stat().st_size == result["weights_bytes"]
    with h5py.File(path) as file:
        sizes = []
        file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0)) or None)
    assert sum(sizes) == result["model_parameters"]


def test_without_validation_there_is_no_best_epoch(tmp_path):
    options = ["--validation-split=0", "--epochs=1", "--variant=lstm11", "--quiet"]
    assert start(*options, f"--output={tmp_path}") == 0
    result = row(tmp_path)
    assert result["best"] is None
    assert result["last"] == result["lowest"]
    assert result["weights_bytes"] > 4 * result["model_parameters"]


def test_it_learns():
    keras.utils.set_random_seed(3)
    x, y = data.load("sample", count=16).parts["train"]
    model = build(complete(Config(variant="lstm", units=8, layers=1, eta=5e-2)), 11)
    losses = model.fit(x, y, batch_size=16, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_best_weights_are_those_of_the_lowest_error(tmp_path, monkeypatch):
    """Whatever the loss says."""
    rates = iter(np.repeat([0.25, 0.75], 3))
    monkeypatch.setattr(ctc, "error_rate", lambda y, texts: next(rates, 0.1))
    assert start("--epochs=2", f"--output={tmp_path}") == 0
    result = row(tmp_path)
    assert result["best"]["epoch"] == result["lowest"]["epoch"] == 1
    assert result["best"]["test_cer_beam"] == 0.1


def test_words_are_of_the_alphabet_that_was_asked_for(tmp_path, monkeypatch, capsys):
    archives = {}
    for name in omniglot.ARCHIVES:  # which have none
        with zipfile.ZipFile(tmp_path / name, "w"):
            pass
        archives[name] = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    monkeypatch.setattr(omniglot, "ARCHIVES", archives)
    args = ["--data=omniglot", "--alphabet=Korean", f"--output={tmp_path}"]
    assert start(*args, f"--data-dir={tmp_path}") == 2
    assert "alphabet Korean is not in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--variant=lstm99", "unknown; known: lstm"),
        ("--layers=0", "--layers"),
        ("--alphabet=Klingon", "--alphabet"),
        ("--data=omniglott", "--data"),
        ("--forget=0.4", "the forget gate of indylstm is not a constant"),
        ("--validation-split=0.99", "of 16 writers none is left to train on"),
        ("--data=pendigits --alphabet=Greek", "Greek: only omniglot takes it"),
        ("--data=iam_ondb", "words 24: only data put together"),
    ],
)
def test_bad_settings(options, message, tmp_path, capsys):
    check_refusal(capsys, start(*options.split(), f"--output={tmp_path}"), message)
