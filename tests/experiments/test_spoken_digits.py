"""The experiment of spoken digits: its model, splits, and runs of the sample."""

from pathlib import Path

import numpy as np
import pytest

from experiments import spoken_digits
from experiments.datasets.spoken_digits.frames import FrontEnd
from experiments.spoken_digits import Config, build, complete, load
from tests.experiments import support
from tests.experiments.support import check_refusal, history, parsed, row

CONFIG = Path(__file__).parents[2] / "configs" / "spoken_digits.toml"


def start(*args):
    small = ["--data=sample", "--variant=lstm_c6", "--layers=1", "--units=8"]
    return support.start(spoken_digits.EXPERIMENT, *small, "--batch-size=50", *args)


@pytest.mark.parametrize(
    ("variant", "count"),  # of a layer, from inputs m and units n; Keras' GRU has 2 b
    [
        ("indylstm", lambda m, n: 4 * n * (m + 2)),
        ("gru", lambda m, n: 3 * n * (m + n + 2)),
    ],
    ids=["indylstm", "gru"],
)
def test_parameters(variant, count):
    n = 6
    model = build(complete(Config(variant=variant, units=n, layers=2)))
    recurrent = count(20, n) + count(n, n)
    assert model.get_layer("recurrent").count_params() == recurrent
    assert model.count_params() == recurrent + 10 * (n + 1)
    assert model.output_shape == (None, 10)


def test_steps_behind_a_recording_are_not_read():
    model = build(complete(Config(variant="lstm_c6", units=4)))
    x = np.random.default_rng(0).normal(size=(3, 7, 20)).astype("float32")
    behind = np.pad(x, [(0, 0), (0, 9), (0, 0)])
    alone, padded = (model.predict(each, verbose=0) for each in (x, behind))
    np.testing.assert_allclose(padded, alone, atol=1e-6)


def test_a_run_learns_and_leaves_its_row(tmp_path, capsys):
    assert start("--epochs=5", "--eta=3e-2", f"--output={tmp_path}") == 0
    assert "data: sample" in capsys.readouterr().out
    entries = history(tmp_path)
    assert len(list(tmp_path.glob("spoken_digits-official-L1-lstm_c6-n8-*/"))) == 1
    result = row(tmp_path)
    expected = {
        "experiment": "spoken_digits",
        "data": "sample",
        "split": "official",
        "held_out": None,
        "frame": 256,
        "bands": 20,
        "forget": 0.4,
        "recurrent_parameters": 8 * (20 + 2),
        "epochs_finished": 5,
    }
    assert {key: result[key] for key in expected} == expected
    assert "validation_split" not in result  # the parts are fixed
    for protocol, by in (("clean", "val_accuracy"), ("paper", "test_accuracy")):
        chosen = max(entries, key=lambda entry: entry[by])
        told = {name: chosen[name] for name in ("epoch", "test_accuracy")}
        assert result[protocol] == told
    assert result["clean"]["test_accuracy"] > 0.3  # of 10 digits


def test_the_first_frames_of_a_recording_are_read():
    whole, cut = (load(Config(data="sample", longest=longest)) for longest in (1000, 5))
    for part in ("val", "test"):
        np.testing.assert_array_equal(cut.parts[part][0], whole.parts[part][0][:, :5])
    assert cut.train[0].shape[1] == 5 < whole.train[0].shape[1]


def test_a_speaker_is_held_out():
    parts = load(Config(data="sample", split="speaker", held_out="bass"))
    assert parts.counts == {"train": 200, "val": 200, "test": 200}
    assert spoken_digits.title(Config(split="speaker", held_out="bass")).startswith(
        "bass-L2-"
    )


def test_the_front_end_is_the_configurations():
    config = Config(data="sample", frame=128, hop=64, bands=6, low=100, floor=1e-4)
    x, _ = load(config).train
    assert x.shape[-1] == 6
    expected = spoken_digits.datasets.load(
        "sample", front_end=FrontEnd(frame=128, hop=64, bands=6, low=100, floor=1e-4)
    )
    np.testing.assert_array_equal(x, expected.parts["train"][0][:, :64])


def test_the_config_holds_the_defaults():
    assert parsed(Config, f"--config={CONFIG}") == Config()


@pytest.mark.parametrize(
    ("options", "hints"),
    [
        ("--variant=lstm99", ["unknown; known: lstm"]),
        ("--layers=0", ["--layers"]),
        ("--split=digit", ["--split"]),
        ("--split=speaker", ["held_out is None", "alto, bass, tenor"]),
        ("--split=speaker --held-out=theo", ["held_out is 'theo'", "alto, bass"]),
        ("--held-out=bass", ["held_out is 'bass'", "split must be speaker"]),
        ("--bands=200", ["bands is 200"]),
        ("--variant=gru --forget=0.4", ["the forget gate of gru is not a constant"]),
        ("--validation-split=0.1", ["--validation-split"]),
    ],
)
def test_bad_settings(options, hints, tmp_path, capsys):
    check_refusal(capsys, start(*options.split(), f"--output={tmp_path}"), *hints)
