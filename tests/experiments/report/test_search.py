"""The best configuration of each layer in a search."""

import keras
import numpy as np
import pytest
from matplotlib import pyplot as plt

from experiments.report.figures import _search
from experiments.report.rows import read
from experiments.report.search import best, best_table
from tests.experiments.report.support import IMDB, cells, epochs, results, row

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
def measured(tmp_path, monkeypatch):
    """A grid and the results of rows with a validation accuracy."""
    grid = tmp_path / "imdb_best.toml"
    grid.write_text(GRID)

    def made(*validated):
        scores = {one["run"]: score for one, score in validated}

        def history(one):
            # The chosen epoch is the last one; what no epoch chose is higher.
            own = [entry | {"val_accuracy": 1.0} for entry in epochs(one)]
            own[-1]["val_accuracy"] = scores[one["run"]]
            return own

        monkeypatch.setattr("tests.experiments.report.support.epochs", history)
        return grid, read(results(tmp_path / "rows", *(one for one, _ in validated)))

    return made


@pytest.fixture
def found(measured):
    """The row of each layer, of runs with a validation accuracy."""

    def layers(*validated):
        grid, everything = measured(*validated)
        text = best_table(grid, everything.lines["imdb"])
        names, _, *others = cells(text)
        return {
            row["layer"]: row
            for row in (dict(zip(names, x, strict=True)) for x in others)
        }

    return layers


def test_the_first_seed_chooses_by_its_validation_accuracy(found):
    made = found(
        (row(IMDB, 0.80), 0.7),
        (row(IMDB, 0.90, seed=4), 0.99),  # another seed does not choose
        (row(IMDB, 0.70, eta=1e-4), 0.8),
        (row(IMDB, 0.72, eta=1e-4, seed=4), 0.6),
        (row(IMDB, 0.74, eta=1e-4, seed=5), 0.7),  # one more than the grid has
        (row(IMDB, 0.95, eta=1e-2), 0.99),  # not in the search
    )
    assert made["LSTM"] == {
        "layer": "LSTM",
        "eta": "1e-4",
        "f": "-",
        "backend": "tensorflow",
        "tried": "2",
        "weights": "200,000",
        "of the layer": "53,200",
        "validation, seed 3": "0.8000",
        "test, `clean`": "0.7200 ± 0.0141",
        "epoch": "4.0 ± 0.0",
        "s per epoch": "10.0 ± 0.0",
        "seeds": "2",
        "runs": "imdb 1",
        "less LSTM": "-",
    }


def test_a_layer_against_the_first_one_by_the_seeds_that_did_not_choose(found):
    scores = {3: 0.1, 4: 0.80, 5: 0.81}
    made = found(
        *((row(IMDB, score, seed=s), 0.7) for s, score in scores.items()),
        *(
            (row(LSTM6, 0.05 + score, seed=s, backend="jax"), 0.7)
            for s, score in scores.items()
        ),
        (row(LSTM6, 0.99, forget=0.8), 0.6),
    )
    # Student's t of 2 degrees of freedom, 4.3027, times the standard error 0.00707.
    assert made["LSTM6"]["less LSTM"] == "+0.0500 ± 0.0304"
    assert (made["LSTM6"]["f"], made["LSTM6"]["tried"]) == ("0.9", "2")
    assert made["LSTM6"]["backend"] == "jax"
    assert list(made) == ["LSTM", "LSTM6"]


def test_of_equals_the_smaller_and_of_two_backends_the_one_with_more_seeds(found):
    small = {"model_parameters": 100_000}
    made = found(
        (row(LSTM6, 0.80), 0.7),
        (row(LSTM6, 0.85, forget=0.8) | small, 0.7),
        (row(LSTM6, 0.90, forget=0.8, backend="torch") | small, 0.7),
        (row(LSTM6, 0.92, forget=0.8, backend="torch", seed=4) | small, 0.7),
    )
    names = ("f", "backend", "tried", "weights", "seeds")
    shown = [made["LSTM6"][name] for name in names]
    assert shown == ["0.8", "torch", "2", "100,000", "1"]


def test_of_one_seed_there_is_no_interval(found):
    made = found((row(IMDB, 0.80), 0.7), (row(LSTM6, 0.85), 0.7))
    assert made["LSTM6"]["less LSTM"] == "+0.0500"


def test_what_diverged_was_tried_and_is_not_chosen(found):
    lost = {"status": "diverged", "reason": "loss is nan"}
    made = found(
        (row(IMDB, 0.80), 0.5),
        (row(IMDB, 0.70, eta=1e-4) | lost, 0.9),
        (row(IMDB, 0.70, seed=4) | lost, 0.9),
        (row(LSTM6, 0.70) | lost, 0.9),
    )
    names = ("eta", "tried", "validation, seed 3", "test, `clean`", "seeds")
    shown = [made["LSTM"][name] for name in names]
    assert shown == ["1e-3", "2", "0.5000", "0.7900", "1 (1 diverged)"]
    names = ("validation, seed 3", "test, `clean`", "seeds", "less LSTM")
    shown = [made["LSTM6"][name] for name in names]
    assert shown == ["-", "-", "0 (1 diverged)", "-"]


def test_without_a_validation_split_there_is_nothing_to_compare(found):
    whole = {"clean": None}
    made = found((row(IMDB, 0.80) | whole, 0.7), (row(LSTM6, 0.85), 0.7))
    assert made["LSTM"]["test, `clean`"] == "-"
    assert made["LSTM6"]["less LSTM"] == "-"


def test_the_figure_has_a_dot_for_each_seed_that_did_not_choose(measured):
    grid, found = measured(
        *((row(IMDB, 0.80 + 0.01 * s, seed=s), 0.7) for s in (3, 4, 5)),
        (row(LSTM6, 0.70), 0.7),
    )
    figure = _search(best(grid, found.lines["imdb"]))
    places = ([53_200, 13_300], [10, 10])  # weights, seconds
    for axis, (reference, other) in zip(figure.axes, places, strict=True):
        dots = [line.get_xydata() for line in axis.lines if line.get_alpha()]
        assert np.concatenate(dots) == pytest.approx(
            np.array([[reference, 0.83], [reference, 0.84], [other, 0.69]])
        )
    plt.close(figure)


def test_nothing_of_a_search_that_was_not_run(measured):
    grid, found = measured((row(IMDB, units=7), 0.7))
    assert best_table(grid, found.lines["imdb"]) == ""
    assert _search(best(grid, found.lines["imdb"])) is None
