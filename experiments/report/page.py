"""The report as one Markdown page."""

from collections.abc import Sequence
from pathlib import Path

from experiments.report import edge, figures as report_figures, judge, speed
from experiments.report.best import best_table
from experiments.report.claims import CLAIMS, Claim, Trained
from experiments.report.grids import CONFIGS, GRIDS, grids_table
from experiments.report.judge import Case
from experiments.report.nearest import nearest_table
from experiments.report.papers import SEARCHES, TABLES, TITLES
from experiments.report.rows import Results
from experiments.report.tables import (
    HEADS,
    commands_table,
    counts_table,
    other_lines,
    paper_table,
)
from experiments.report.text import table

INTRODUCTION = """# Measured beside printed

`python -m experiments.report` makes this page and its figures from the result rows in
this folder; `--collect runs` first copies finished runs into it. The numbers are means
over seeds, with the sample standard deviation where there are two seeds or more.
`train` is the highest accuracy in training of all epochs. For the accuracy on the test
set there are two protocols: `paper` is the highest of all epochs, as the papers' tables
have it, and `clean` is that of the epoch chosen on a validation split of the training
data. Runs that differ in anything but their seed are never averaged: they are lines of
their own, called by experiment and number, and the last section has their commands.
Rows of synthetic sample data count nowhere."""

STARTS = """A run that stopped and went on, maybe elsewhere or by later code, names in
its row all processors, commits and versions that it was started with; until 27 November
2026 of commits and versions the last alone."""

ENGINES = """Engines compared: milliseconds of a training step and of a forward pass.
`parallel` solves for all states at once, by Newton steps and associative scans,
`parallel-back` for their gradients alone, and `linear-back` takes the same
linear system for the gradients step by step (`studies/parallel.py`).
`scan:8` takes eight steps at once."""


def page(results: Results, figures: Path) -> str:
    """The whole report, with its figures drawn into a folder.

    Args:
        results: All rows.
        figures: The folder of the figures.
    """
    drawn = report_figures.draw(results, figures)
    judged = [(claim, judge.judge(claim, results)) for claim in CLAIMS]
    parts = [
        INTRODUCTION,
        "## Claims of the papers",
        _claims(judged),
        judge.RULE,
        "## Weights of the recurrent layer, Tables I and II",
        counts_table(),
    ]
    for experiment, title in TITLES.items():
        parts += _experiment(experiment, title, results, drawn)
    parts += [
        "## Weights against accuracy",
        "Every line of runs, with its standard deviation, and the best number that a "
        "table prints for the same layer and units.",
        *_figures("weights", drawn),
        "## Seconds per epoch",
        "The median over the runs that do the same work on the same machine, whatever "
        "their seed, learning rate, forget constant and number of epochs. A row with "
        "`null` was trained while the machine did other work (`--busy`) or on several "
        "machines, and is left out.",
        *_figures("seconds", drawn),
    ]
    parts += ["## Time of a training step", *_speed(results)]
    parts += ["## On small devices", *_edge(results)]
    parts += ["## Comparisons behind the claims", *_evidence(judged)]
    parts += ["## What was not run", GRIDS, grids_table(results, CONFIGS)]
    lines = [line for own in results.lines.values() for line in own]
    parts += ["## Runs", STARTS, commands_table(lines)]
    return "\n\n".join(parts) + "\n"


def _claims(judged: Sequence[tuple[Claim, list[Case]]]) -> str:
    rows = [
        [str(number), claim.text, claim.source, _verdict(claim, cases)]
        for number, (claim, cases) in enumerate(judged, start=1)
    ]
    return table(["", "claim", "where", "verdict"], rows, left=4)


def _verdict(claim: Claim, cases: Sequence[Case]) -> str:
    """One verdict; where its measures disagree, one for each."""
    if not isinstance(claim, Trained):
        return judge.verdict(claim, cases)
    verdicts = {m: judge.verdict(claim, cases, m) for m in claim.measures}
    if len(set(verdicts.values())) == 1:
        return verdicts[claim.measures[0]]
    return "; ".join(f"`{m}`: {verdict}" for m, verdict in verdicts.items())


def _experiment(
    experiment: str, title: str, results: Results, drawn: dict[str, str]
) -> list[str]:
    lines = results.lines.get(experiment, [])
    tables = [
        text
        for paper in TABLES
        if paper.experiment == experiment
        for text in (paper_table(paper, lines), nearest_table(paper, lines))
    ]
    if experiment in SEARCHES:
        tables.append(best_table(CONFIGS / SEARCHES[experiment], lines))
    return [
        f"## {title}",
        *filter(None, [*tables, other_lines(lines)]),
        *_figures(f"{experiment}-", drawn),
    ]


def _figures(prefix: str, drawn: dict[str, str]) -> list[str]:
    found = [
        f"![{title}](figures/{name}.png)"
        for name, title in drawn.items()
        if name.startswith(prefix)
    ]
    return found or ["No figure: there are no runs for it yet."]


def _speed(results: Results) -> list[str]:
    rows = speed.newest(results.speed)
    if not rows:
        return ["No rows yet; `python -m experiments.speed` makes them."]
    parts = [
        "Milliseconds of a whole training step of the IMDB model without a mask, and "
        "in brackets how many times faster it is than `keras.layers.LSTM` and "
        "`torch.nn.LSTM` at the same shape; the newest row of each. "
        "`python -m experiments.speed --backend jax --steps 100,500,2000 --units "
        "100,200,400` and so on made them.",
        speed.step_tables(speed.unmasked(rows, "imdb")),
        "How many times faster than `keras.layers.LSTM`, the median over the shapes "
        "and the range; `imdb` is the model above, `layer` the same without an "
        "embedding, `adding` that of the adding problem:",
        speed.range_table(rows),
    ]
    adding = speed.unmasked(rows, "adding")
    if adding:
        parts += [
            "The same for the adding problem, as in figure 2 of arXiv 1910.06251. "
            "There one layer of IndRNN is 4.3, 7.6 and 12.9 times faster than cuDNN's "
            "LSTM at T = 256, 512 and 1024, two are 2.9, 4.8 and 8.0 times, on a GPU:",
            speed.step_tables(adding),
        ]
    if any(row["masked"] for row in rows):
        parts += [
            "What a mask costs: the step with a mask over that without, the median "
            "over models and shapes and the range:",
            speed.mask_table(rows),
        ]
    if engines := speed.engine_tables(results.speed):
        parts += [ENGINES, engines]
    return parts


def _edge(results: Results) -> list[str]:
    rows = edge.newest(results.edge)
    if not rows:
        return ["No rows yet; `python -m experiments.edge` makes them."]
    return [
        "Exported files in their runtimes on one thread, a sequence at a time, medians "
        "of the runtime's own time; the newest row of each. `imdb` are the trained "
        "models of `configs/edge.toml`, with embedding and output, 500 words; `layer` "
        "is the recurrent layer alone, m = 32, n = 100; `handwriting` three "
        "bidirectional layers, n = 64, on 150 points. Peak is what a file adds to the "
        f"memory of its process. The accuracy is that on {rows[0]['sequences']} test "
        "reviews, the same for all. `python -m experiments.edge` made them.",
        edge.edge_tables(rows),
    ]


def _evidence(judged: Sequence[tuple[Claim, list[Case]]]) -> list[str]:
    parts = []
    for number, (claim, cases) in enumerate(judged, start=1):
        if cases:
            rows = [
                [
                    case.what,
                    HEADS.get(case.measure, case.measure),
                    case.left,
                    case.right,
                    case.difference,
                    case.verdict,
                ]
                for case in cases
            ]
            columns = ["runs", "measure", "this", "against", "difference", "verdict"]
            parts += [f"**Claim {number}.** {claim.text}", table(columns, rows, left=6)]
    return [
        "The difference stands with half its 95 % confidence interval, from two seeds "
        "on.",
        *parts,
    ]
