"""Trains several runs of a grid in one JAX program, and writes their rows."""

import json
import traceback
from collections.abc import Generator, Sequence
from contextlib import ExitStack

from experiments.core import environment, progress, runner
from experiments.core.errors import UserError
from experiments.core.experiment import prepare
from experiments.grid.runs import News, Outcome, Run

VARIES = ("seed", "eta")  # the settings in which the runs of a program may differ


def check(runs: Sequence[Run]) -> None:
    """Refuses runs that cannot share a program.

    Raises:
        UserError: A setting is in the way.
    """
    experiment = runs[0].declared
    if not experiment.together:
        raise UserError(
            f"engine vmap: {experiment.name} trains one run at a time; choose --engine "
            "loop"
        )
    for name, needed in {"backend": "jax", "devices": 1, "tensorboard": False}.items():
        if any(getattr(run.config, name) != needed for run in runs):
            value = str(needed).lower()
            raise UserError(
                f"engine vmap needs {name} {value}; give --set {name}={value} or "
                "choose --engine loop"
            )


def in_programs(runs: Sequence[Run], jobs: int) -> Generator[News]:
    """Trains runs in this process, those that differ in seed and eta in one program.

    Args:
        runs: The runs; `check` has passed them.
        jobs: Runs in a program, at most.
    """
    alike: dict[str, list[Run]] = {}
    for run in runs:
        shared = {k: v for k, v in vars(run.config).items() if k not in VARIES}
        alike.setdefault(json.dumps(shared), []).append(run)
    for members in alike.values():
        for first in range(0, len(members), jobs):
            yield from _train(members[first : first + jobs])


def _train(runs: Sequence[Run]) -> Generator[News]:
    """Trains the runs of one program; its failure does not stop other programs."""
    left = list(runs)
    try:
        for run, news in _news(runs):
            if isinstance(news, Outcome):
                left.remove(run)
            yield run, news
    except UserError as error:
        output = f"error: {error}"
    except Exception:  # noqa: BLE001  any failure, like that of a process
        output = "".join(traceback.format_exc().splitlines(keepends=True)[-20:])
    for run in left:
        yield run, Outcome(None, output)


def _news(runs: Sequence[Run]) -> Generator[News]:
    from experiments.core import together

    experiment = runs[0].declared
    data = experiment.data(runs[0].config)
    places: dict[together.Member, tuple[Run, runner.Place]] = {}
    with ExitStack() as stack:
        for run in runs:
            environment.start(run.config.backend, run.config.seed)
            training = prepare(experiment, run.config, data)
            try:
                place = stack.enter_context(runner.hold(training))
                if place.done:
                    yield run, Outcome(place.publish(), "")
                    continue
                place.begin()
                member = together.Member(training, place.folder)
            except UserError as error:  # of this run alone
                yield run, Outcome(None, f"error: {error}")
                continue
            places[member] = run, place
            yield run, "starting"
        for member in together.fit(list(places)):
            run, place = places[member]
            history, epochs = member.history, member.run.config.epochs
            if member.reason or len(history) == epochs:
                display = progress.Display(experiment, quiet=True)
                place.finish(history, member.reason, display)
                yield run, Outcome(place.publish(), "")
            else:
                line = progress.epoch(history[-1], epochs, experiment.scores[0])
                yield run, line
