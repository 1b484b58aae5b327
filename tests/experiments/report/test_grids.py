"""What was not run: the grids, and what the rows have of them."""

import keras
import pytest

from experiments.core import command
from experiments.grid import command as grid
from experiments.report.grids import grids_table
from experiments.report.rows import read
from tests.experiments.report.support import IMDB, adding_row, append, results, row

ROOTS = """
experiment = "imdb"
config = "base.toml"
data = "imdb"
seeds = [3, 4]
[[runs]]
variant = "lstm"
eta = [1e-3, 1e-4]
[[runs]]
variant = "lstm6"
forget = 0.9
"""
BASE = """
epochs = 4
activation = "sigmoid"
"""
STEPS = """
experiment = "adding"
seeds = [3]
steps = 800
length = [1000, 50]
variant = "indrnn"
"""
LSTM6 = IMDB | {"variant": "lstm6", "forget": 0.9}


@pytest.fixture(autouse=True)
def _backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())


@pytest.fixture
def configs(tmp_path):
    folder = tmp_path / "grids"
    folder.mkdir()
    for name, text in (("base", BASE), ("roots", ROOTS), ("steps", STEPS)):
        (folder / f"{name}.toml").write_text(text)
    return folder


def cells(configs, *rows):
    """The cells of each grid, by its name."""
    found = read(results(configs.parent / "rows", *rows))
    tables = (grids_table(found, configs, name) for name in ("imdb", "adding"))
    lines = [line for text in tables for line in text.splitlines()[2:]]
    return {
        name: others
        for name, *others in ([c.strip() for c in x.split("|")[1:-1]] for x in lines)
    }


def test_an_experiment_without_a_grid_has_no_table(configs):
    found = read(results(configs.parent / "rows", row(IMDB)))
    assert grids_table(found, configs, "newsgroups") == ""


def test_what_is_wanted_and_what_runs_it(configs):
    found = cells(configs, row(IMDB, units=7))  # no grid wants it
    start = "python -m experiments.grid grids/"
    assert found == {
        "roots": [f"`{start}roots.toml --jobs 2`", "3", "2", "6", "0", "0"],
        "steps": [f"`{start}steps.toml --jobs 2`", "2", "1", "2", "0", "0"],
    }


def test_done_on_any_backend(configs):
    made = [row(IMDB), row(IMDB, seed=4, backend="jax"), row(LSTM6, backend="torch")]
    assert cells(configs, *made)["roots"][4:] == ["3", "0"]


@pytest.mark.parametrize(
    "change",
    [{"seed": 5}, {"eta": 1e-2}, {"epochs": 5}, {"words": 9}, {"data": "sample"}],
    ids=lambda change: next(iter(change)),
)
def test_other_settings_are_other_runs(change, configs):
    made = row(IMDB, **change)
    assert cells(configs, row(LSTM6), made)["roots"][4:] == ["1", "0"]


def test_shorter_ones_are_counted_once(configs):
    made = [
        *(row(IMDB, epochs=2), row(IMDB, epochs=3)),  # one run, twice shorter
        *(row(LSTM6), row(LSTM6, epochs=1)),  # done
        row(IMDB, epochs=2, seed=4, eta=1e-4, backend="jax"),
        row(IMDB, epochs=2, units=7),
        adding_row(0.1, length=50),  # of 400 steps
        adding_row(0.1, length=60),
    ]
    found = cells(configs, *made)
    assert (found["roots"][4:], found["steps"][4:]) == (["1", "2"], ["0", "1"])


def test_nothing_is_left_where_a_grid_finds_nothing_to_do(configs, tmp_path, capsys):
    """The rows copied to its output, as the report says."""
    backend = keras.config.backend()
    made = [
        row(base, seed=seed, eta=eta, backend=backend)
        for base, etas in ((IMDB, (1e-3, 1e-4)), (LSTM6, (1e-3,)))
        for eta in etas
        for seed in (3, 4)
    ]
    assert cells(configs, *made)["roots"] == ["-", "3", "2", "6", "6", "0"]
    (tmp_path / "runs").mkdir()
    for each in made:
        append(tmp_path / "runs" / "results.jsonl", each)
    options = [str(configs / "roots.toml"), f"--output={tmp_path / 'runs'}"]
    assert command.main(grid.Settings, grid.run, options) == 0
    assert "6 of 6 done" in capsys.readouterr().out
