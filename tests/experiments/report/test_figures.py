"""Which lines stand in a figure, and what their names tell."""

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from experiments.adding import SIMPLE
from experiments.report.figures import _figure, _styles
from experiments.report.names import COLOURS
from experiments.report.papers import Figure, Panel, Paper, Table, papers
from experiments.report.rows import read
from slim_keras.variants import VARIANTS
from tests.experiments.report.support import IMDB, results, row

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


def figure(*lines, **changes):
    panel = Panel(title="", select={"units": 100}, lines=lines)
    return Figure(name="f", title="", experiment="imdb", panels=[panel], **changes)


def drawn(shown, folder, *rows):
    """The names and the last values of the curves, the heights of the dashed lines."""
    lines = read(results(folder, *rows)).lines["imdb"]
    drawing = _figure(shown, PAPER, lines)
    if drawing is None:
        return None
    found = drawing.axes[0].lines
    curves = {x.get_label(): x.get_ydata()[-1] for x in found if x.get_ls() == "-"}
    dashed = [x.get_ydata() for x in found if x.get_ls() == "--"]
    return curves, [heights[0] for heights in dashed if len(heights)]


LSTM6 = [row(IMDB, 0.6 + f / 4, variant="lstm6", forget=f) for f in (0.4, 0.96)]


def test_lines_of_a_layer_are_told_apart_by_what_differs(tmp_path):
    shown = figure(*({"variant": "lstm6", "forget": f} for f in (0.4, 0.96, 0.9)))
    curves, dashed = drawn(shown, tmp_path, *LSTM6)
    assert curves == {
        "LSTM6, f = 0.4": pytest.approx(0.7),
        "LSTM6, f = 0.96": pytest.approx(0.84),
    }
    assert dashed == []
    lines = read(tmp_path).lines["imdb"]
    colours = [colour for _, colour, _, _ in _styles(shown, lines)]
    assert len(set(colours)) == 2


def test_a_name_tells_nothing_that_all_share(tmp_path):
    curves, _ = drawn(figure({"forget": 0.4}), tmp_path, *LSTM6)
    assert list(curves) == ["LSTM6"]


def test_the_printed_number_of_the_same_settings_is_dashed(tmp_path):
    shown = figure({"forget": 0.4}, printed="printed")
    assert drawn(shown, tmp_path / "same", *LSTM6)[1] == [0.8]
    other = row(IMDB, variant="lstm6", activation="tanh")
    assert drawn(shown, tmp_path / "other", other)[1] == []


def test_the_line_with_most_seeds_is_drawn_then_the_longest(tmp_path):
    rows = [
        row(IMDB, 0.5 + epochs / 100, epochs=epochs, seed=seed)
        for epochs, seeds in ((4, 1), (10, 2), (12, 2), (20, 1))
        for seed in range(seeds)
    ]
    lost = row(IMDB, epochs=30) | {"status": "diverged"}
    curves, _ = drawn(figure({"variant": "lstm"}), tmp_path, *rows, lost)
    assert curves == {"LSTM": pytest.approx(0.62)}


def test_without_runs_there_is_no_figure(tmp_path):
    assert drawn(figure({"variant": "lstm5"}), tmp_path, *LSTM6) is None


def test_figures_have_few_panels_and_lines():
    for paper in papers():
        for shown in paper.figures:
            assert len(shown.panels) <= 4
            assert max(len(panel.lines) for panel in shown.panels) <= 7


def test_every_layer_has_a_colour_of_its_own():
    assert list(COLOURS) == [*VARIANTS, *SIMPLE]
    assert len(set(COLOURS.values())) == len(COLOURS)
