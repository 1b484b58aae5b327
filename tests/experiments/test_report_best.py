"""The best configuration of each layer in a search."""

import keras
import pytest

from experiments.report_best import best_table
from experiments.report_rows import read
from tests.experiments.report_support import IMDB, epochs, results, row

GRID = """
experiment = "imdb"
data = "imdb"
epochs = 4
activation = "sigmoid"
seeds = [3]
[[runs]]
variant = "lstm"
eta = [1e-3, 1e-4]
seeds = [3, 4]
[[runs]]
variant = "lstm6"
forget = [0.8, 0.9]
"""
LSTM6 = IMDB | {"variant": "lstm6", "forget": 0.9}


@pytest.fixture(autouse=True)
def _backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The cells of each layer, of rows with a validation accuracy."""
    grid = tmp_path / "some_best.toml"
    grid.write_text(GRID)

    def cells(*validated):
        scores = {made["run"]: score for made, score in validated}

        def history(made):
            # The chosen epoch is the last one; what no epoch chose is higher.
            own = [entry | {"val_accuracy": 1.0} for entry in epochs(made)]
            own[-1]["val_accuracy"] = scores[made["run"]]
            return own

        monkeypatch.setattr("tests.experiments.report_support.epochs", history)
        folder = results(tmp_path / "rows", *(made for made, _ in validated))
        text = best_table(grid, read(folder).lines["imdb"])
        rows = [[c.strip() for c in x.split("|")[1:-1]] for x in text.splitlines()]
        names, _, *others = filter(None, rows)
        return {
            row["layer"]: row
            for row in (dict(zip(names, x, strict=True)) for x in others)
        }

    return cells


def test_the_first_seed_chooses_by_its_validation_accuracy(found):
    made = found(
        (row(IMDB, 0.80), 0.7),
        (row(IMDB, 0.90, seed=4), 0.99),  # another seed does not choose
        (row(IMDB, 0.85, seed=5), 0.7),  # one more than the grid has
        (row(IMDB, 0.70, eta=1e-4), 0.8),
        (row(IMDB, 0.72, eta=1e-4, seed=4), 0.6),
        (row(IMDB, 0.95, eta=1e-2), 0.99),  # not in the search
    )
    assert made["LSTM"] == {
        "layer": "LSTM",
        "eta": "1e-4",
        "f": "-",
        "tried": "2",
        "weights": "200,000",
        "of the layer": "53,200",
        "validation": "0.7000 ± 0.1414",
        "test, `clean`": "0.7000 ± 0.0141",
        "epoch": "4.0 ± 0.0",
        "s per epoch": "10.0 ± 0.0",
        "seeds": "2",
        "runs": "imdb 1",
        "less LSTM": "-",
    }


def test_a_layer_against_the_first_one(found):
    made = found(
        *((row(IMDB, 0.80 + 0.01 * s, seed=s), 0.7) for s in (3, 4)),
        *((row(LSTM6, 0.85 + 0.01 * s, seed=s, backend="jax"), 0.7) for s in (3, 4)),
        (row(LSTM6, 0.99, forget=0.8), 0.6),
    )
    # Student's t of 2 degrees of freedom, 4.3027, times 0.01.
    assert made["LSTM6"]["less LSTM"] == "+0.0500 ± 0.0304"
    assert (made["LSTM6"]["f"], made["LSTM6"]["tried"]) == ("0.9", "2")
    assert list(made) == ["LSTM", "LSTM6"]


def test_of_equals_the_smaller_and_of_two_backends_the_one_with_more_seeds(found):
    small = {"model_parameters": 100_000}
    made = found(
        (row(LSTM6, 0.80), 0.7),
        (row(LSTM6, 0.85, forget=0.8) | small, 0.7),
        (row(LSTM6, 0.90, forget=0.8, backend="torch") | small, 0.7),
        (row(LSTM6, 0.92, forget=0.8, backend="torch", seed=4) | small, 0.7),
    )
    names = ("f", "tried", "weights", "seeds")
    assert [made["LSTM6"][name] for name in names] == ["0.8", "2", "100,000", "2"]


def test_of_one_seed_there_is_no_interval(found):
    made = found((row(IMDB, 0.80), 0.7), (row(LSTM6, 0.85), 0.7))
    assert made["LSTM6"]["less LSTM"] == "+0.0500"


def test_nothing_of_a_search_that_was_not_run(tmp_path):
    grid = tmp_path / "some_best.toml"
    grid.write_text(GRID)
    lines = read(results(tmp_path / "rows", row(IMDB, units=7))).lines["imdb"]
    assert best_table(grid, lines) == ""
