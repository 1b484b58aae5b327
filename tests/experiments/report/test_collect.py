"""Collecting: every finished run once, whole, and never a sample."""

import json

import pytest

from experiments.core.errors import UserError
from experiments.report import collect as report_collect
from experiments.report.collect import collect
from experiments.report.rows import read
from tests.experiments.report.support import CONV, IMDB, append, epochs, row, runs


def files(folder):
    """The contents of all files but locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_rows_go_to_their_experiment_with_their_epochs(tmp_path):
    made = [row(IMDB), row(IMDB, seed=4), row(CONV)]
    found = collect(runs(tmp_path / "runs", *made), tmp_path / "results")
    assert found.new == [r["run"] for r in made]
    results = tmp_path / "results"
    lines = (results / "imdb.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == made[:2]
    for r in made:
        history = results / "histories" / f"{r['run']}.json"
        assert json.loads(history.read_text()) == epochs(r)
    assert {name: len(own) for name, own in read(results).lines.items()} == {
        "imdb": 1,
        "imdb_conv": 1,
    }


def test_collecting_again_changes_nothing(tmp_path):
    folder, results = runs(tmp_path / "runs", row(IMDB)), tmp_path / "results"
    collect(folder, results)
    before = files(results)
    found = collect(folder, results)
    assert (found.new, len(found.known)) == ([], 1)
    assert files(results) == before
    runs(folder, row(IMDB, seed=4))
    assert len(collect(folder, results).new) == 1


def test_what_is_no_row_is_named(tmp_path):
    folder = runs(tmp_path / "runs", row(IMDB))
    append(folder / "results.jsonl", {"experiment": "imdb"})
    with pytest.raises(UserError, match=r"results\.jsonl, line 2 is no result row"):
        collect(folder, tmp_path / "results")
    assert files(tmp_path / "results") == {}


def test_samples_are_refused(tmp_path):
    folder = runs(tmp_path / "runs", row(IMDB, data="sample"))
    found = collect(folder, tmp_path / "results")
    assert (found.new, len(found.samples)) == ([], 1)
    assert files(tmp_path / "results") == {}


def test_a_row_that_is_there_already_stays(tmp_path):
    results = tmp_path / "results"
    collect(runs(tmp_path / "first", row(IMDB, 0.8)), results)
    before = files(results)
    found = collect(runs(tmp_path / "second", row(IMDB, 0.7)), results)
    assert (found.new, len(found.other)) == ([], 1)
    assert files(results) == before


def test_a_run_that_was_deleted_and_trained_again_is_its_last_row(tmp_path):
    folder, results = tmp_path / "runs", tmp_path / "results"
    first, second = row(IMDB, 0.7), row(IMDB, 0.8)
    assert first["run"] == second["run"]
    found = collect(runs(folder, first, second), results)
    assert (found.new, found.other) == ([second["run"]], [])
    (line,) = read(results).lines["imdb"]
    assert line.rows == [second]
    assert line.histories == [epochs(second)]


def test_runs_of_a_busy_machine_have_no_seconds(tmp_path):
    folder, results = runs(tmp_path / "runs", row(IMDB)), tmp_path / "results"
    assert len(collect(folder, results, busy=True).new) == 1
    (line,) = read(results).lines["imdb"]
    assert line.rows == [row(IMDB) | {"seconds_per_epoch": None}]
    assert len(collect(folder, results, busy=True).known) == 1
    assert len(collect(folder, results).known) == 1


def test_cut_short_it_is_made_whole_by_collecting_again(tmp_path, monkeypatch):
    folder, results = runs(tmp_path / "runs", row(IMDB)), tmp_path / "results"

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(report_collect, "append_row", killed)
        with pytest.raises(KeyboardInterrupt):
            collect(folder, results)
    assert not (results / "imdb.jsonl").exists()
    assert len(collect(folder, results).new) == 1
    (history,) = (results / "histories").iterdir()
    history.unlink()
    collect(folder, results)
    assert history.exists()
    assert len(read(results).lines["imdb"]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        ("[", "no JSON list"),
        ("[]", "0 epochs, the row of its run 4"),
    ],
    ids=["missing", "torn", "short"],
)
def test_no_row_without_its_epochs(content, message, tmp_path):
    folder = runs(tmp_path / "runs", row(IMDB))
    (history,) = folder.glob("*/history.json")
    history.unlink()
    if content is not None:
        history.write_text(content)
    with pytest.raises(UserError, match=message):
        collect(folder, tmp_path / "results")
    assert files(tmp_path / "results") == {}


def test_a_run_that_diverged_at_once_has_no_epochs(tmp_path):
    nothing = {"epochs_finished": 0, "paper": None, "clean": None}
    diverged = row(IMDB) | nothing | {"status": "diverged", "train_accuracy": None}
    append(tmp_path / "results.jsonl", diverged)
    for new in (1, 0):
        assert len(collect(tmp_path, tmp_path / "results").new) == new
    (line,) = read(tmp_path / "results").lines["imdb"]
    assert (len(line.rows), line.finished) == (1, [])


def test_a_row_that_is_being_written_waits(tmp_path):
    folder = runs(tmp_path / "runs", row(IMDB))
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"run": "imdb-')
    assert len(collect(folder, tmp_path / "results").new) == 1


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(UserError, match=r"no .*results\.jsonl"):
        collect(tmp_path, tmp_path / "results")
