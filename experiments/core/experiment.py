"""The declaration of an experiment: its settings, data, model and scores."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.core.checkpoint import History
from experiments.core.data import Data
from experiments.core.errors import UserError


@dataclass(frozen=True)
class Score:
    """One figure of the test examples, at one chosen epoch."""

    name: str  # the score's key in a row
    figure: str  # the figure's key in the history, `"test_accuracy"` say
    title: str  # the figure in words, `"accuracy"`
    # The figure that chooses the epoch, the earliest of equals; `None` takes the last
    # epoch. A run without this figure has no such score.
    by: str | None = None
    lower: bool = False  # whether a lower figure is better
    beside: tuple[str, ...] = ()  # other figures of the epoch that the row holds

    def best(self, history: History) -> dict[str, Any]:
        """The entry of the chosen epoch."""
        by = self.by
        if by is None:
            return history[-1]
        pick = min if self.lower else max
        return pick(history, key=lambda entry: entry[by])

    def of(self, history: History) -> dict[str, Any] | None:
        """The score as a row holds it, if the run has it."""
        if not history or self.by not in (None, *history[0]):
            return None
        entry = self.best(history)
        return {name: entry[name] for name in ("epoch", self.figure, *self.beside)}

    @property
    def rule(self) -> str:
        """How the epoch is chosen, in words."""
        if self.by is None:
            return "last epoch"
        best = "lowest" if self.lower else "highest"
        if self.by.startswith("val_"):
            return f"{best} {self.title} on the validation part"
        return f"{best} test {self.title} of all epochs"


# Both protocols of a classifier.
ACCURACY = (
    Score("clean", "test_accuracy", "accuracy", by="val_accuracy"),
    Score("paper", "test_accuracy", "accuracy", by="test_accuracy"),
)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment."""

    name: str  # its module in `experiments`, and its name in rows
    summary: str  # the first lines of `--help`
    settings: type  # the dataclass of its settings
    # From a configuration to the same with all defaults filled in; raises UserError if
    # settings do not go together.
    complete: Callable[[Any], Any]
    # From a complete configuration to the name of the run's folder, after the
    # experiment and before seed and checksum.
    title: Callable[[Any], str]
    data: Callable[[Any], Data]  # from a complete configuration to its data
    # From a complete configuration, and a function that returns its data, to a compiled
    # model with a layer named `recurrent`.
    model: Callable[[Any, Callable[[], Any]], Any]
    # The scores of its rows. The first one that a run has chooses its best weights.
    scores: Sequence[Score]
    # From a training that has ended, its history, its folder and a display to more of
    # the row.
    finish: Callable[..., Mapping[str, Any]] | None = None
    # Whether one program can train several runs: the data are `Arrays`, and all figures
    # are metrics of the compiled model.
    together: bool = True

    def chooser(self, entry: Mapping[str, Any]) -> Score:
        """The score that chooses the best weights, by the figures of one epoch."""
        return next(score for score in self.scores if score.by in entry)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A run that is ready to start."""

    experiment: Experiment
    config: Any  # its complete configuration
    data: Any  # to train and test on
    model: Any  # the compiled model, with a layer named `recurrent`


def prepare(experiment: Experiment, config: Any, data: Data) -> Training:
    """The training of a complete configuration on its data."""
    model = experiment.model(config, lambda: data)
    return Training(experiment=experiment, config=config, data=data, model=model)


def find(name: object) -> Experiment:
    """The experiment of a name.

    Raises:
        UserError: No experiment has this name.
    """
    if isinstance(name, str) and name.isidentifier():
        module = f"experiments.{name}"
        if importlib.util.find_spec(module) is not None:
            found = getattr(importlib.import_module(module), "EXPERIMENT", None)
            if isinstance(found, Experiment):
                return found
    raise UserError(
        f"experiment must be a file in experiments/ with an EXPERIMENT. Received: "
        f"{name!r}"
    )
