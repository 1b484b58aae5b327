"""Which lines stand in a figure, and what their names tell."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from experiments.adding import SIMPLE
from experiments.core.recurrent import BASELINES
from experiments.report.figures import plot
from experiments.report.names import COLOURS
from experiments.report.papers import Figure, Panel, Paper, Table, papers
from slim_keras.variants import VARIANTS
from tests.experiments.report.support import lines, row

PRINTED = Table(
    name="printed",
    title="",
    experiment="imdb",
    axes=["variant", "eta"],
    select={"activation": "sigmoid"},
    printed=["paper"],
    rows=[["lstm6", 1e-3, 0.8], ["lstm6", 1e-4, 0.9]],
)
PAPER = Paper(key="1", title="", authors="", link="", about="", tables=[PRINTED])


@pytest.fixture(autouse=True)
def _no_window():
    mpl.use("Agg")
    yield
    plt.close("all")


def figure(*wanted, **changes):
    panel = Panel(select={"units": 100}, lines=wanted)
    return Figure(name="f", title="", experiment="imdb", panels=[panel], **changes)


def drawn(shown, found):
    """The names and the last values of the curves, the heights of the dashed lines."""
    found = plot(shown, PAPER, found).axes[0].lines
    curves = {x.get_label(): x.get_ydata()[-1] for x in found if x.get_ls() == "-"}
    dashed = [x.get_ydata() for x in found if x.get_ls() == "--"]
    return curves, [heights[0] for heights in dashed if len(heights)]


@pytest.fixture
def lstm6(tmp_path):
    rows = (row(score=0.6 + f / 4, variant="lstm6", forget=f) for f in (0.4, 0.96))
    return lines(tmp_path, *rows)


def test_lines_of_a_layer_are_told_apart_by_what_differs(lstm6):
    shown = figure(*({"variant": "lstm6", "forget": f} for f in (0.4, 0.96, 0.9)))
    curves, dashed = drawn(shown, lstm6)
    assert curves == pytest.approx({"LSTM6, f = 0.4": 0.7, "LSTM6, f = 0.96": 0.84})
    assert dashed == []
    axis = plot(shown, PAPER, lstm6).axes[0]
    assert len({line.get_color() for line in axis.lines}) == 2
    assert list(drawn(figure({"forget": 0.4}), lstm6)[0]) == ["LSTM6"]


def test_the_printed_number_of_the_same_settings_is_dashed(lstm6, tmp_path):
    shown = figure({"variant": "lstm6"}, printed="printed")
    assert drawn(shown, lstm6)[1] == [0.8]
    other = row(variant="lstm6", activation="tanh")
    assert drawn(shown, lines(tmp_path / "other", other))[1] == []


def test_the_line_with_most_seeds_is_drawn_then_the_longest(tmp_path):
    rows = [
        row(score=0.5 + epochs / 100, epochs=epochs, seed=seed)
        for epochs, seeds in ((4, 1), (10, 2), (12, 2), (20, 1))
        for seed in range(seeds)
    ]
    lost = row(epochs=30) | {"status": "diverged"}
    curves, _ = drawn(figure({"variant": "lstm"}), lines(tmp_path, *rows, lost))
    assert curves == {"LSTM": pytest.approx(0.62)}


def test_points_are_dots_of_seeds_with_a_bar(tmp_path):
    rows = [row(score=score, seed=int(100 * score)) for score in (0.84, 0.85)]
    found = lines(tmp_path, *rows, row(score=0.70, variant="lstm6"))
    panels = [Panel(x="recurrent"), Panel(x="seconds")]
    shown = replace(figure(), panels=panels, y="clean")
    places = ([53_200, 13_300], [10, 10])  # weights, seconds
    for axis, (lstm, slim) in zip(plot(shown, PAPER, found).axes, places, strict=True):
        dots = [line.get_xydata() for line in axis.lines if line.get_alpha()]
        expected = np.array([[lstm, 0.83], [lstm, 0.84], [slim, 0.69]])
        assert np.concatenate(dots) == pytest.approx(expected)


def test_without_runs_there_is_no_figure(lstm6):
    assert plot(figure({"variant": "lstm5"}), PAPER, lstm6) is None


def test_figures_have_few_panels_and_lines():
    for paper in papers():
        for shown in paper.figures:
            assert len(shown.panels) <= 4
            assert max(len(panel.lines) for panel in shown.panels) <= 7


def test_every_layer_has_its_colour():
    assert list(COLOURS) == [*VARIANTS, *SIMPLE, *BASELINES]
    assert len(set(COLOURS.values())) == len(COLOURS)
