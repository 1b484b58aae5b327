"""A grid of runs: trains missing runs one by one, several at once, or on Ray."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from experiments.core.command import Integer, Name, Number, setting
from experiments.core.errors import UserError
from experiments.core.results import append_row, read_rows
from experiments.grid import definition, programs
from experiments.grid.cluster import on_cluster
from experiments.grid.display import Display
from experiments.grid.runs import News, Run, loop

SAME = 3  # the first runs that stop a grid if all fail for the same reason


@dataclass(frozen=True, kw_only=True)
class Settings(definition.Settings):
    """How to run a grid."""

    jobs: int = setting(
        1, Integer(min=1), "Runs at a time, or in a program; not with Ray."
    )
    engine: str = setting(
        "loop",
        click.Choice(["loop", "vmap", "ray"]),
        "loop: a process for each run, here; vmap: one program for runs that "
        "differ in seed and eta, on JAX, to fill a GPU; ray: on a Ray cluster (pip "
        "install ray).",
    )
    address: str | None = setting(
        None, click.STRING, "A running Ray cluster; the default starts one here."
    )
    cpus_per_run: float = setting(
        1.0, Number(min=0, min_open=True), "CPU cores of a run on Ray."
    )
    gpus_per_run: float = setting(
        0.0, Number(min=0), "GPUs of a run on Ray; 0.5 lets two runs share one."
    )
    output: str = setting(
        "runs", Name(), "Folder for the folders of the runs and results.jsonl."
    )


def run(settings: Settings) -> int:
    """Trains the missing runs of a grid.

    Finished runs are known by the settings in their rows. The same command goes on
    where an interrupted grid stopped. A run that fails does not stop the others, unless
    the first three fail for the same reason; the exit status is 1 then.
    """
    _check(settings)
    output = Path(settings.output).absolute()  # it is not relative to a worker of Ray
    runs = definition.read(Path(settings.grid), settings.set, str(output))
    if settings.engine == "vmap":
        programs.check(runs)
    results = runs[0].results
    output.mkdir(parents=True, exist_ok=True)
    rows = read_rows(results)
    found = {run: run.row(rows) for run in runs}
    finished = {run: row for run, row in found.items() if row}
    missing = [run for run in runs if run not in finished]
    failures: list[str] = []  # their reasons
    succeeded = stopped = False
    display = Display(runs, finished, settings.jobs)
    with closing(_start(missing, settings)) as all_news, display:
        for member, news in all_news:
            if isinstance(news, str):
                display.running(member, news)
                continue
            if news.row is None:
                failures.append(news.reason)
            else:
                succeeded = True
                append_row(results, news.row)  # new only from another node of Ray
            display.ended(member, news)
            alike = len(failures) == SAME and len(set(failures)) == 1
            if alike and not succeeded and len(missing) > SAME:
                stopped = True
                break
    display.report()
    if stopped:
        raise UserError(
            f"the grid stopped after {SAME} runs that failed for the same reason: "
            f"{failures[0]}"
        )
    return 1 if failures else 0


def _check(settings: Settings) -> None:
    unused = {
        "loop": ("address", "cpus_per_run", "gpus_per_run"),
        "vmap": ("address", "cpus_per_run", "gpus_per_run"),
        "ray": ("jobs",),
    }[settings.engine]
    defaults = Settings(grid=settings.grid)
    for name in unused:
        if getattr(settings, name) != getattr(defaults, name):
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} has no effect with --engine {settings.engine}")
    if settings.engine == "vmap" and settings.jobs == 1:
        raise UserError("--engine vmap: give --jobs, the runs that share a program")


def _start(missing: list[Run], settings: Settings) -> Generator[News]:
    if settings.engine == "loop" or not missing:
        return loop(missing, settings.jobs)
    if settings.engine == "vmap":
        return programs.in_programs(missing, settings.jobs)
    return on_cluster(
        missing, settings.address, settings.cpus_per_run, settings.gpus_per_run
    )
