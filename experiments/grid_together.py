"""Runs of a grid as JAX programs of several: `experiments.together`, with rows."""

import importlib
import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from experiments import environment, progress, runner
from experiments.errors import UserError
from experiments.grid_run import News, Outcome, Run


def check(runs: Sequence[Run]) -> None:
    """Refuses runs that cannot be trained so.

    Args:
        runs: The runs of a grid.

    Raises:
        UserError: Says which setting is in the way.
    """
    experiment = runs[0].experiment
    if not hasattr(_module(experiment), "prepare"):
        raise UserError(
            f"engine vmap: experiments.{experiment} trains one run at a time; choose "
            "--engine loop"
        )
    for name, needed in {"backend": "jax", "devices": 1, "tensorboard": False}.items():
        if any(getattr(run.config, name) != needed for run in runs):
            value = str(needed).lower()
            raise UserError(
                f"engine vmap: it needs {name} {value}; give --set {name}={value} or "
                "choose --engine loop"
            )


def together(runs: Sequence[Run], jobs: int) -> Generator[News]:
    """Trains runs in this process, those in one program that differ in seed and eta.

    Args:
        runs: The runs, which `check` has passed.
        jobs: Runs in a program, at most.
    """
    alike: dict[str, list[Run]] = {}
    for run in runs:
        alike.setdefault(_program(run), []).append(run)
    for members in alike.values():
        for first in range(0, len(members), jobs):
            yield from _train(members[first : first + jobs])


def _module(experiment: str) -> Any:
    return importlib.import_module(f"experiments.{experiment}")


def _program(run: Run) -> str:
    """The settings that the runs of a program have in common."""
    shared = {k: v for k, v in run.settings.items() if k not in ("seed", "eta")}
    return json.dumps(shared)


def _train(runs: Sequence[Run]) -> Generator[News]:
    """Trains the runs of one program."""
    left = list(runs)
    try:
        with ExitStack() as stack:
            for run, news in _news(runs, stack):
                if isinstance(news, Outcome):
                    left.remove(run)
                yield run, news
    except UserError as error:
        for run in left:
            yield run, Outcome(None, f"error: {error}")


def _news(runs: Sequence[Run], stack: ExitStack) -> Generator[News]:
    from experiments import together  # imports JAX

    module = _module(runs[0].experiment)
    loaded = module.load(runs[0].config)
    places: dict[together.Member, tuple[Run, runner.Place]] = {}
    for run in runs:
        environment.start(run.config.backend, run.config.seed)
        training = module.prepare(replace(run.config, quiet=True), loaded)
        try:
            place = stack.enter_context(training.hold())
        except UserError as error:  # another process has its folder
            yield run, Outcome(None, f"error: {error}")
            continue
        if place.done:
            yield run, Outcome(place.publish(), "")
            continue
        place.take_part()
        member = together.Member(training.model, run.config.seed, place.folder)
        places[member] = run, place
        yield run, "starting"
    if not places:
        return
    config = training.settings
    for member in together.fit(
        list(places),
        training.data,
        epochs=config.epochs,
        batch_size=config.batch_size,
        validation_split=config.validation_split,
    ):
        run, place = places[member]
        if member.reason or len(member.history) == config.epochs:
            scores = runner.scores(member.history)
            place.finish(member.history, member.reason, scores)
            yield run, Outcome(place.publish(), "")
        else:
            yield run, progress.epoch(member.history[-1], config.epochs)
