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
    """One figure of the test examples, at one chosen epoch.

    Attributes:
        name: The score's key in a row.
        figure: The figure's key in the history, `"test_accuracy"` say.
        title: The figure in words, `"accuracy"`.
        by: The figure that chooses the epoch, the earliest of equals; `None` takes
            the last epoch. A run without this figure has no such score.
        lower: Whether a lower figure is better.
        beside: Other figures of the epoch that the row holds.
    """

    name: str
    figure: str
    title: str
    by: str | None = None
    lower: bool = False
    beside: tuple[str, ...] = ()

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
    """An experiment.

    Attributes:
        name: Its module in `experiments`, and its name in rows.
        summary: The first lines of `--help`.
        settings: The dataclass of its settings.
        complete: From a configuration to the same with all defaults filled in; raises
            UserError if settings do not go together.
        title: From a complete configuration to the name of the run's folder, after the
            experiment and before seed and checksum.
        data: From a complete configuration to its data.
        model: From a complete configuration, and a function that returns its data, to a
            compiled model with a layer named `recurrent`.
        scores: The scores of its rows. The first one that a run has chooses its best
            weights.
        finish: From a training that has ended, its history, its folder and a display
            to more of the row.
        together: Whether one program can train several runs: the data are `Arrays`, and
            all figures are metrics of the compiled model.
    """

    name: str
    summary: str
    settings: type
    complete: Callable[[Any], Any]
    title: Callable[[Any], str]
    data: Callable[[Any], Data]
    model: Callable[[Any, Callable[[], Any]], Any]
    scores: Sequence[Score]
    finish: Callable[..., Mapping[str, Any]] | None = None
    together: bool = True

    def chooser(self, entry: Mapping[str, Any]) -> Score:
        """The score that chooses the best weights, by the figures of one epoch."""
        return next(score for score in self.scores if score.by in entry)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A run that is ready to start.

    Attributes:
        experiment: The experiment.
        config: Its complete configuration.
        data: The data to train and test on.
        model: The compiled model, with a layer named `recurrent`.
    """

    experiment: Experiment
    config: Any
    data: Any
    model: Any


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
