"""The report: the papers' tables, figures and claims beside what was measured."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from experiments.core import environment
from experiments.core.command import setting
from experiments.core.errors import UserError
from experiments.core.results import replacing
from experiments.report import papers
from experiments.report.collect import collect
from experiments.report.pages import HOME, pages
from experiments.report.rows import read


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to report."""

    rows: str = setting(
        "results",
        click.Path(exists=True, file_okay=False),
        "Folder of the rows, one JSONL file an experiment, and of the histories.",
    )
    output: str = setting(
        "results/README.md",
        click.STRING,
        "The first page of the report; the other pages and the folder `figures` go "
        "beside it.",
    )
    collect: str | None = setting(
        None,
        click.STRING,
        "First copy the finished runs of this folder, the --output of the experiments, "
        "that --rows lacks.",
    )
    busy: bool = setting(
        False,
        click.BOOL,
        "The machine did other work while it trained the runs that --collect copies: "
        "leave their seconds per epoch out.",
    )


def run(settings: Settings) -> int:
    """Lays what was measured beside what the papers print, and judges their claims.

    The same rows give the same report, byte for byte.
    """
    environment.start(environment.default_backend(), seed=0)  # quietly, if not yet
    folder = Path(settings.rows)
    if (folder / "results.jsonl").exists():  # the --output of experiments
        raise UserError(
            f"--rows {folder}: it holds runs; copy them into the results with "
            f"--collect {folder}"
        )
    if settings.collect is not None:
        _collect(Path(settings.collect), folder, settings.busy)
    elif settings.busy:
        raise UserError("--busy needs --collect, whose runs it is about")
    results = read(folder)
    output = Path(settings.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    made = pages(results, papers.papers(), papers.pages(), output.parent)
    for name, text in made.items():
        path = output if name == f"{HOME}.md" else output.parent / name
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
    if results.samples:
        print(f"left out {results.samples} rows of sample data", file=sys.stderr)
    print(output)
    return 0


def _collect(runs: Path, results: Path, busy: bool) -> None:
    collected = collect(runs, results, busy)
    for run in collected.new:
        print(f"collected {run}")
    for run in collected.other:
        print(f"kept the row of {run} in {results}; {runs} has another one")
    print(
        f"{len(collected.new)} collected, {len(collected.known)} known already, "
        f"{len(collected.samples)} of sample data refused"
    )
