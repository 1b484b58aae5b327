"""Runs of a grid as JAX programs of several: `experiments.core.together`, with rows."""

import importlib
import json
import traceback
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import Any

from experiments.core import environment, progress, runner
from experiments.core.errors import UserError
from experiments.grid.runs import News, Outcome, Run

VARIES = ("seed", "eta")  # what the runs of a program may differ in


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


def in_programs(runs: Sequence[Run], jobs: int) -> Generator[News]:
    """Trains runs in this process, those in one program that differ in seed and eta.

    Args:
        runs: The runs, which `check` has passed.
        jobs: Runs in a program, at most.
    """
    alike: dict[str, list[Run]] = {}
    for run in runs:
        shared = {k: v for k, v in vars(run.config).items() if k not in VARIES}
        alike.setdefault(json.dumps(shared), []).append(run)
    for members in alike.values():
        for first in range(0, len(members), jobs):
            yield from _train(members[first : first + jobs])


def _module(experiment: str) -> Any:
    return importlib.import_module(f"experiments.{experiment}")


def _train(runs: Sequence[Run]) -> Generator[News]:
    """Trains the runs of one program; if it fails, others still run."""
    left = list(runs)
    try:
        for run, news in _news(runs):
            if isinstance(news, Outcome):
                left.remove(run)
            yield run, news
    except UserError as error:
        output = f"error: {error}"
    except Exception:  # noqa: BLE001  as of a process that ends so
        output = "".join(traceback.format_exc().splitlines(keepends=True)[-20:])
    for run in left:
        yield run, Outcome(None, output)


def _news(runs: Sequence[Run]) -> Generator[News]:
    from experiments.core import together

    module = _module(runs[0].experiment)
    config: Any = runs[0].config
    loaded = module.load(config)
    places: dict[together.Member, tuple[Run, runner.Place]] = {}
    with ExitStack() as stack:
        for run in runs:
            environment.start(run.config.backend, run.config.seed)
            training = module.prepare(run.config, loaded)
            try:
                place = stack.enter_context(training.hold())
                if place.done:
                    yield run, Outcome(place.publish(), "")
                    continue
                place.begin()
                model, seed = training.model, run.config.seed
                member = together.Member(model, seed, place.folder)
            except UserError as error:  # of this run alone
                yield run, Outcome(None, f"error: {error}")
                continue
            places[member] = run, place
            yield run, "starting"
        for member in together.fit(
            list(places),
            training.data,
            epochs=config.epochs,
            batch_size=config.batch_size,
            validation_split=config.validation_split,
        ):
            run, place = places[member]
            history = member.history
            if member.reason or len(history) == config.epochs:
                place.finish(history, member.reason, runner.scores(history))
                yield run, Outcome(place.publish(), "")
            else:
                yield run, progress.epoch(history[-1], config.epochs)
