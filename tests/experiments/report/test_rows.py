"""Rows: only seeds are put together, nothing damaged is passed over or copied."""

import json
import statistics

import keras
import pytest

from experiments import imdb
from experiments.core import runner
from experiments.core.errors import UserError
from experiments.report import collect as report_collect
from experiments.report.collect import collect
from experiments.report.lines import RECORD
from experiments.report.rows import read
from experiments.report.text import describe, train_command
from tests.experiments import support
from tests.experiments.report.support import append, epochs, lines, results, row, runs


def test_only_finished_seeds_are_put_together(tmp_path):
    accuracies = {3: 0.80, 5: 0.84, 4: 0.81}
    rows = [row(score=a, seed=s) for s, a in accuracies.items()]
    diverged = row(score=0.5, seed=6) | {"status": "diverged"}
    (line,) = lines(tmp_path, *rows, diverged)
    assert line.values("paper") == [0.80, 0.81, 0.84]  # by seed
    assert line.values("clean") == pytest.approx([0.79, 0.80, 0.83])
    assert statistics.mean(line.values("train")) == pytest.approx(2.45 / 3 + 0.05)
    assert len(line.rows) == 4


@pytest.mark.parametrize(
    "change",
    [
        *({"train_embedding": False}, {"epochs": 7}, {"units": 200}, {"eta": 1e-4}),
        *({"validation_split": 0.0}, {"data_checksum": "9" * 64}, {"of_tomorrow": 1}),
    ],
    ids=str,
)
def test_other_settings_stay_apart(change, tmp_path):
    found = lines(tmp_path, row(score=0.7), row(score=0.9, seed=4, **change))
    assert sorted(line.values("paper") for line in found) == [[0.7], [0.9]]


def test_means_over_late_epochs(tmp_path):
    (line,) = lines(tmp_path, row(score=0.9, epochs=200))
    assert line.values("late") == [pytest.approx(0.5 + 0.4 * 97.5 / 200)]
    assert line.values("after_150") == [pytest.approx(0.5 + 0.4 * 175.5 / 200)]
    (line,) = lines(tmp_path / "short", row(epochs=99))
    assert (line.values("late"), line.values("after_150")) == ([], [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"run": "x", "sta', "line 2 is not a JSON object"),
        ("[1]", "line 2 is not a JSON object"),
        ("{}", "line 2 is not a result row: it has no experiment"),
        ('{"experiment": "imdb", "variant": "lstm"}', "no clean"),
        (json.dumps(row(experiment="imdb") | {"experiment": "../imdb"}), "'../imdb'"),
        (json.dumps(row()), "line 2: run .* twice"),
    ],
    ids=["torn", "list", "empty", "poor", "elsewhere", "twice"],
)
def test_damaged_lines_are_named(line, message, tmp_path):
    folder = results(tmp_path, row())
    with (folder / "imdb.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=rf"imdb\.jsonl, .*{message}"):
        read(folder)


def test_no_rows(tmp_path):
    with pytest.raises(UserError, match="no result rows"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"no .*results\.jsonl"):
        collect(tmp_path, tmp_path / "results")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        ("[", "is not a JSON list"),
        ("5", "is not a JSON list"),
        ("[]", "0 epochs, the row of its run 4"),
    ],
)
@pytest.mark.parametrize("collecting", [False, True])
def test_no_row_without_its_epochs(collecting, content, message, tmp_path):
    folder = (runs if collecting else results)(tmp_path / "rows", row())
    (history,) = folder.glob("*/*.json")
    history.unlink()
    if content is not None:
        history.write_text(content)
    with pytest.raises(UserError, match=message):
        collect(folder, tmp_path / "to") if collecting else read(folder)
    assert files(tmp_path / "to") == {}


def test_the_command_of_a_line_is_that_of_its_runs(tmp_path):
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
    identity = {
        name
        for name, field in imdb.Config.__dataclass_fields__.items()
        if field.metadata.get("identity")
    }
    more = {"experiment", "data", "data_checksum"}
    assert made.keys() - RECORD == (identity | more) - {"seed"}

    (output / "results.jsonl").unlink()
    append(output / "results.jsonl", made | {"data": "imdb"})
    collect(output, tmp_path / "results")
    (line,) = read(tmp_path / "results").lines["imdb"]
    told = train_command(line).split()
    assert told[:3] == ["python", "-m", "experiments.imdb"]
    assert {*told[3:]} == {*options[1:], "--forget=0.4", "--data=imdb"}


def test_open_settings_are_always_told(tmp_path):
    (line,) = lines(tmp_path / "one", row(variant="lstm6"))
    told = describe(line, ["units", "eta", "variant"])
    assert told == "4 epochs, f = 0.4, embedding trained"
    (line,) = lines(tmp_path / "two", row("imdb_conv"))
    assert describe(line) == "2 epochs, LSTM, eta = 1e-3, n = 70"


def files(folder):
    """The contents of all files but locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_rows_are_collected_once_with_their_epochs(tmp_path):
    made = [row(), row(seed=4), row("imdb_conv")]
    folder, to = runs(tmp_path / "runs", *made), tmp_path / "results"
    assert collect(folder, to).new == [one["run"] for one in made]
    found = read(to).lines
    assert found["imdb"][0].rows == made[:2]
    assert found["imdb_conv"][0].rows == made[2:]
    assert found["imdb"][0].histories == [epochs(one) for one in made[:2]]
    before = files(to)
    found = collect(folder, to)
    assert (found.new, len(found.known), files(to)) == ([], 3, before)
    # Another row of a run that is there stays out, and a row that is being written.
    runs(folder, row(seed=5))
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"run": "imdb-')
    assert len(collect(folder, to).new) == 1
    before = files(to)
    found = collect(runs(tmp_path / "second", row(score=0.7)), to)
    assert (found.new, len(found.other), files(to)) == ([], 1, before)


def test_samples_and_damaged_rows_are_not_collected(tmp_path):
    folder, to = runs(tmp_path / "runs", row(data="sample")), tmp_path / "results"
    found = collect(folder, to)
    assert (found.new, len(found.samples)) == ([], 1)
    append(folder / "results.jsonl", {"experiment": "imdb"})
    with pytest.raises(UserError, match=r"results\.jsonl, line 2 is not a result row"):
        collect(folder, to)
    assert files(to) == {}


def test_a_run_that_was_deleted_and_trained_again_is_its_last_row(tmp_path):
    first, second = row(score=0.7), row(score=0.8)
    folder, to = runs(tmp_path / "runs", first, second), tmp_path / "results"
    found = collect(folder, to)
    assert (found.new, found.other) == ([second["run"]], [])
    (line,) = read(to).lines["imdb"]
    assert (line.rows, line.histories) == ([second], [epochs(second)])


def test_runs_of_a_busy_machine_have_no_seconds(tmp_path):
    folder, to = runs(tmp_path / "runs", row()), tmp_path / "results"
    assert len(collect(folder, to, busy=True).new) == 1
    (line,) = read(to).lines["imdb"]
    assert line.rows == [row() | {"seconds_per_epoch": None}]
    assert len(collect(folder, to, busy=True).known) == 1
    assert len(collect(folder, to).known) == 1


def test_cut_short_it_is_made_whole_by_collecting_again(tmp_path, monkeypatch):
    folder, to = runs(tmp_path / "runs", row()), tmp_path / "results"

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(report_collect, "append_row", killed)
        with pytest.raises(KeyboardInterrupt):
            collect(folder, to)
    assert not (to / "imdb.jsonl").exists()
    assert len(collect(folder, to).new) == 1
    (history,) = (to / "histories").iterdir()
    history.unlink()
    collect(folder, to)
    assert len(read(to).lines["imdb"]) == 1


def test_a_run_that_diverged_at_once_has_no_epochs(tmp_path):
    nothing = dict.fromkeys(("paper", "clean", "train_accuracy"))
    nothing |= {"status": "diverged", "epochs_finished": 0}
    append(tmp_path / "results.jsonl", row() | nothing)
    for new in (1, 0):
        assert len(collect(tmp_path, tmp_path / "results").new) == new
    (line,) = read(tmp_path / "results").lines["imdb"]
    assert (len(line.rows), line.finished) == (1, [])
