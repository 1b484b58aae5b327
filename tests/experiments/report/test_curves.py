"""Which runs stand in which panel of a figure of learning curves."""

from experiments.report.curves import CURVES, labels, rows
from experiments.report.rows import read
from tests.experiments.report.support import IMDB, adding_row, results, row

ETA = next(curves for curves in CURVES if curves.name == "imdb-eta")


def drawn(folder, *made):
    """Of each panel in each row of panels, the variants and epochs of its lines."""
    lines = read(results(folder, *made)).lines["imdb"]
    return [
        {
            value: {(x.settings["variant"], x.settings["epochs"]) for x in own}
            for value, own in panels.items()
        }
        for _, panels in rows(ETA, lines)
    ]


def test_one_length_of_training_is_drawn_with_most_seeds_then_the_longest(tmp_path):
    made = [
        row(IMDB, variant=variant, epochs=epochs, seed=seed)
        for variant, epochs, seeds in (
            ("lstm", 5, 2),
            ("lstm6", 4, 1),
            ("lstm6", 10, 2),
            ("lstm6", 12, 2),
            ("lstm6", 20, 1),
        )
        for seed in range(seeds)
    ]
    assert drawn(tmp_path, *made) == [{1e-3: {("lstm", 5), ("lstm6", 12)}}]


def test_what_diverged_has_no_curve(tmp_path):
    made = [row(IMDB, variant=variant) for variant in ("lstm", "lstm6", "lstm_c6")]
    made[2]["status"] = "diverged"
    assert drawn(tmp_path, *made) == [{1e-3: {("lstm", 4), ("lstm6", 4)}}]


def test_other_settings_have_rows_of_their_own(tmp_path):
    made = [
        row(IMDB, variant=variant, epochs=epochs, train_embedding=trained)
        for trained in (True, False)
        for variant, epochs in (("lstm", 5), ("lstm_c6", 9))
    ]
    panel = {1e-3: {("lstm", 5), ("lstm_c6", 9)}}
    assert drawn(tmp_path, *made) == [panel, panel]


def test_backends_share_a_panel_and_a_line_of_each_settings_is_drawn(tmp_path):
    made = [
        row(IMDB, variant=variant, epochs=epochs, backend=backend, seed=seed)
        for variant, epochs, backend, seeds in (
            ("lstm", 5, "tensorflow", 1),
            ("lstm6", 10, "tensorflow", 1),
            ("lstm6", 9, "jax", 2),
        )
        for seed in range(seeds)
    ]
    assert drawn(tmp_path, *made) == [{1e-3: {("lstm", 5), ("lstm6", 9)}}]


def test_rates_and_bounds_of_the_adding_problem_share_a_figure(tmp_path):
    made = [
        adding_row(0.1, variant="lstm", length=1000),
        adding_row(0.1, length=1000, decay_steps=5_000),
        adding_row(0.1, length=5000, eta=4e-5, gamma=1.0, backend="jax"),
        adding_row(0.1, length=5000, eta=4e-5, gamma=2.0, backend="jax"),
    ]
    curves = next(curves for curves in CURVES if curves.name == "adding-length")
    lines = read(results(tmp_path, *made)).lines["adding"]
    ((_, panels),) = rows(curves, lines)
    assert {length: len(own) for length, own in panels.items()} == {1000: 2, 5000: 2}
    shown = labels(curves, [line for own in panels.values() for line in own])
    assert sorted(shown.values()) == [
        "IndRNN, eta = 2e-4, gamma = 2, decay steps = 5000",
        "IndRNN, eta = 4e-5, gamma = 1, decay steps = 20000",
        "IndRNN, eta = 4e-5, gamma = 2, decay steps = 20000",
        "LSTM, eta = 2e-4",
    ]
