"""The figures of learning curves as data, and which runs stand in which panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments import adding
from experiments.report.lines import LENGTHS, Line, alike, longest
from experiments.report.names import layer_name, layer_place
from experiments.report.text import describe, words

# Of lines that differ in these alone one is drawn: backends draw other numbers from a
# seed, and are otherwise alike.
TRAINED = LENGTHS | {"backend"}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the curves of a figure are of.

    Attributes:
        label: Of the vertical axis.
        figures: What of each epoch is drawn, and in which style.
        legend: What the styles mean.
        unit: Of the horizontal axis.
        units: How many of them an epoch is.
        log: Whether the vertical axis is logarithmic.
        level: Where a dashed line stands.
    """

    label: str
    figures: dict[str, str]
    legend: str
    unit: str = "epoch"
    units: int = 1
    log: bool = False
    level: float | None = None


ACCURACY = Scale(
    label="accuracy",
    figures={"accuracy": ":", "test_accuracy": "-"},
    legend="solid: test, dotted: training",
)
SQUARED_ERROR = Scale(
    label="mean squared error",
    figures={"test_loss": "-"},
    legend="solid: test, dashed: who always says 1",
    unit="training steps",
    units=adding.EPOCH,
    log=True,
    level=1 / 6,
)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """A figure of learning curves, after one of a paper.

    Attributes:
        name: Of its file.
        title: What it shows.
        experiment: Whose runs.
        select: The settings of the runs in it.
        panel: The setting that has a panel for each value.
        compare: The setting whose values are compared within a panel.
        free: More settings in which the curves of a panel may differ.
        everywhere: A variant that stands in every panel, to compare with.
        scale: What the curves are of.
    """

    name: str
    title: str
    experiment: str
    select: dict[str, Any]
    panel: str = "eta"
    compare: str = "variant"
    free: Sequence[str] = ()
    everywhere: str | None = None
    scale: Scale = ACCURACY

    @property
    def varying(self) -> set[str]:
        """All settings in which the curves of a row of panels may differ."""
        own = {self.panel, self.compare, *self.free}
        return {"variant", "forget", "gate_activation", *TRAINED, *own}


PLAIN = {"activation": "sigmoid", "dropout": 0.0}  # as in arXiv 1901.06401

CURVES = (
    Curves(
        name="imdb-eta",
        title="IMDB, n = 100, sigmoid: learning rates (figures 2 to 6)",
        experiment="imdb",
        select={"units": 100, "initialisation": "keras", **PLAIN},
    ),
    Curves(
        name="imdb-units",
        title="IMDB, LSTM6, sigmoid: hidden units n",
        experiment="imdb",
        select={"variant": "lstm6", **PLAIN},
        compare="units",
    ),
    Curves(
        name="imdb-forget",
        title="IMDB, sigmoid: the forget constant f (figures 7 and 8)",
        experiment="imdb",
        select={"variant": ("lstm", "lstm6", "lstm_c6"), **PLAIN},
        panel="variant",
        compare="forget",
        free=("units",),
        everywhere="lstm",
    ),
    Curves(
        name="imdb-tanh",
        title="IMDB, n = 100, tanh, eta = 1e-3: of the search for the best models",
        experiment="imdb",
        select={
            "units": 100,
            "activation": "tanh",
            "eta": 1e-3,
            "initialisation": "keras",
        },
        panel="dropout",
    ),
    Curves(
        name="imdb-authors",
        title="IMDB, n = 100, the settings of the authors' code",
        experiment="imdb",
        select={"units": 100, "initialisation": "authors"},
    ),
    Curves(
        name="imdb_conv-eta",
        title="IMDB after a convolution, n = 70",
        experiment="imdb_conv",
        select={"units": 70},
    ),
    Curves(
        name="newsgroups-eta",
        title="20 Newsgroups, n = 128 in each direction: learning rates",
        experiment="newsgroups",
        select={"units": 128},
    ),
    Curves(
        name="adding-length",
        title="The adding problem, T steps (figure 4)",
        experiment="adding",
        select={},
        panel="length",
        free=("eta", "gamma", "decay_steps"),
        scale=SQUARED_ERROR,
    ),
    Curves(
        name="pixel_mnist-stacks",
        title="MNIST pixel by pixel: stacks of IndRNN",
        experiment="pixel_mnist",
        select={"variant": "indrnn"},
        panel="permuted",
        compare="stack",
        free=("layers",),
    ),
)

# The lines of each panel, by the panel's value, below what they have in common.
Rows = list[tuple[str, dict[Any, list[Line]]]]


def rows(curves: Curves, lines: Sequence[Line]) -> Rows:
    """The rows of panels of a figure: the lines of a row have all else in common.

    Args:
        curves: The figure.
        lines: The lines of its experiment.

    Returns:
        The rows that have a panel with something to compare.
    """
    able = [line for line in lines if line.finished and line.matches(curves.select)]
    found = []
    for group in alike(longest(able, TRAINED), curves.varying):
        panels = _panels(curves, group)
        if any(_values(curves.compare, own) > 1 for own in panels.values()):
            known = [*curves.select, *curves.varying]
            found.append((describe(group[:1], known)[0], panels))
    return found


def _panels(curves: Curves, group: Sequence[Line]) -> dict[Any, list[Line]]:
    always = [line for line in group if _variant(line) == curves.everywhere]
    others = [line for line in group if _variant(line) != curves.everywhere]
    values = sorted({line.settings[curves.panel] for line in others})
    return {
        value: always + [x for x in others if x.settings[curves.panel] == value]
        for value in values
    }


def _values(name: str, lines: Sequence[Line]) -> int:
    values = {line.settings.get(name) for line in lines}
    return len(values - {None})


def shades(lines: Sequence[Line]) -> dict[int, float]:
    """How strong the colour of each line is, by its number: the larger the stronger.

    Of the lines of one variant the last one has the full colour.
    """
    strengths = {}
    for line in lines:
        alike = sorted({rank(x) for x in lines if _variant(x) == _variant(line)})
        place = alike.index(rank(line)) + 1
        strengths[line.number] = 0.3 + 0.7 * place / len(alike)
    return strengths


def labels(curves: Curves, lines: Sequence[Line]) -> dict[int, str]:
    """What each line is called in a legend, by its number.

    Args:
        curves: The figure.
        lines: The lines that share a legend.
    """
    able = curves.varying - {curves.panel}
    always = [n for n in ("units", "forget", "stack", "layers", "eta") if n in able]
    named = {}
    for line in lines:
        own = [x for x in lines if _variant(x) == _variant(line)]
        # Every run of the adding problem has these, whether its layer heeds them.
        heeded = [
            n for n in ("gamma", "decay_steps") if n in able and _values(n, own) > 1
        ]
        told = [n for n in (*always, *heeded) if line.settings.get(n) is not None]
        parts = [words(name, line.settings[name]) for name in told]
        named[line.number] = ", ".join([layer_name(_variant(line)), *parts])
    return named


def rank(line: Line) -> tuple[float, ...]:
    """The place of a line among others: by variant and the numbers of its settings."""
    names = ("units", "forget", "layers", "decay_steps", "gamma")
    numbers = (line.settings.get(name) for name in names)
    return (layer_place(_variant(line)), *(number or 0.0 for number in numbers))


def _variant(line: Line) -> str:
    return line.settings["variant"]
