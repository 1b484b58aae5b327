"""Rows: only seeds are put together, and nothing damaged is passed over."""

import json
import statistics

import keras
import pytest

from experiments import imdb
from experiments.core import runner
from experiments.core.errors import UserError
from experiments.report.collect import collect
from experiments.report.lines import RECORD
from experiments.report.rows import read
from experiments.report.text import describe, train_command
from tests.experiments import support
from tests.experiments.report.support import CONV, IMDB, append, results, row


def lines(folder, *rows):
    return read(results(folder, *rows)).lines["imdb"]


def test_only_seeds_are_put_together(tmp_path):
    accuracies = {3: 0.80, 5: 0.84, 4: 0.81}
    (line,) = lines(tmp_path, *(row(IMDB, a, seed=s) for s, a in accuracies.items()))
    assert line.values("paper") == [0.80, 0.81, 0.84]  # by seed
    assert line.values("clean") == pytest.approx([0.79, 0.80, 0.83])
    assert statistics.mean(line.values("train")) == pytest.approx(2.45 / 3 + 0.05)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "train_embedding": False,
        "epochs": 7,
        "units": 200,
        "eta": 1e-4,
        "backend": "jax",
        "validation_split": 0.0,
        "data_checksum": "9" * 64,
        "a_setting_of_tomorrow": 1,
    }.items(),
)
def test_other_settings_stay_apart(name, value, tmp_path):
    found = lines(tmp_path, row(IMDB, 0.7), row(IMDB, 0.9, seed=4, **{name: value}))
    assert sorted(line.values("paper") for line in found) == [[0.7], [0.9]]
    first, second = describe(found)
    assert first != second


def test_samples_count_nowhere(tmp_path):
    sample = row(IMDB, 0.99, seed=4, data="sample")
    found = read(results(tmp_path, row(IMDB, 0.7), sample))
    (line,) = found.lines["imdb"]
    assert (line.values("paper"), found.samples) == ([0.7], 1)


def test_what_diverged_is_in_no_mean(tmp_path):
    diverged = row(IMDB, 0.5, seed=4) | {"status": "diverged"}
    (line,) = lines(tmp_path, row(IMDB, 0.7), diverged)
    assert line.values("paper") == [0.7]
    assert len(line.rows) == 2


def test_means_over_late_epochs(tmp_path):
    (line,) = lines(tmp_path, row(IMDB, 0.9, epochs=200))
    # The support's accuracy rises evenly, from 0.5 by 0.4 in 200 epochs.
    assert line.values("late") == [pytest.approx(0.5 + 0.4 * 97.5 / 200)]
    assert line.values("after_150") == [pytest.approx(0.5 + 0.4 * 175.5 / 200)]
    (line,) = lines(tmp_path / "short", row(IMDB, epochs=99))
    assert (line.values("late"), line.values("after_150")) == ([], [])


def test_epochs_that_are_missing(tmp_path):
    made = row(IMDB)
    folder = results(tmp_path, made)
    path = folder / "histories" / f"{made['run']}.json"
    path.write_text("[{}]")
    with pytest.raises(UserError, match="1 epochs, the row of its run 4"):
        read(folder)
    path.write_text("5")
    with pytest.raises(UserError, match="no JSON list"):
        read(folder)
    path.unlink()
    with pytest.raises(UserError, match=r"\.json is missing; it holds the epochs"):
        read(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"run": "x", "sta', "is no JSON object"),
        ("[1]", "is no JSON object"),
        ("{}", "no result row: it has no experiment"),
        ('{"experiment": "imdb", "variant": "lstm"}', "no clean"),
        (json.dumps(row(IMDB, experiment="../imdb")), r"experiment is '\.\./imdb'"),
    ],
    ids=["torn", "list", "empty", "poor", "elsewhere"],
)
def test_damaged_lines_are_named(line, message, tmp_path):
    folder = results(tmp_path, row(IMDB))
    with (folder / "imdb.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=rf"imdb\.jsonl, line 2.*{message}"):
        read(folder)


def test_a_run_twice_would_count_twice(tmp_path):
    folder = results(tmp_path, row(IMDB))
    append(folder / "imdb.jsonl", row(IMDB))
    with pytest.raises(UserError, match=r"line 2: run .* twice"):
        read(folder)


def test_no_rows(tmp_path):
    with pytest.raises(UserError, match="no result rows"):
        read(tmp_path)


def test_the_command_of_a_line_is_that_of_its_runs(tmp_path, monkeypatch):
    """What a real run says of itself comes back as the settings of its line."""
    options = [
        *("--data=sample", "--length=6", "--units=2", "--embedding-dim=3"),
        *("--epochs=1", "--batch-size=200", "--variant=lstm_c6", "--eta=0.01"),
        f"--backend={keras.config.backend()}",
    ]
    output = tmp_path / "runs"
    run = [*options, f"--output={output}", "--quiet"]
    assert runner.main(imdb.EXPERIMENT, run) == 0
    made = support.row(output)
    settings = made.keys() - RECORD
    identity = {
        name
        for name, field in imdb.Config.__dataclass_fields__.items()
        if field.metadata.get("identity")
    }
    more = {"experiment", "data", "data_checksum"}
    assert settings == (identity | more) - {"seed"}

    real = made | {"data": "imdb"}
    (output / "results.jsonl").unlink()
    append(output / "results.jsonl", real)
    collect(output, tmp_path / "results")
    (line,) = read(tmp_path / "results").lines["imdb"]
    told = train_command(line).split()
    assert told[:3] == ["python", "-m", "experiments.imdb"]
    assert set(told[3:]) == {*options, "--forget=0.4", "--data=imdb"} - {
        "--data=sample"
    }


def test_open_settings_are_always_told(tmp_path):
    folder = results(tmp_path, row(IMDB, variant="lstm6"), row(CONV))
    found = read(folder).lines
    assert describe(found["imdb"], ["units", "eta", "variant"]) == [
        "4 epochs, f = 0.4, embedding trained"
    ]
    assert describe(found["imdb_conv"]) == ["2 epochs, LSTM, eta = 1e-3, n = 70"]
