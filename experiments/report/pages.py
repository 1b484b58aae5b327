"""The pages of the report: the first one with the verdicts, and one an experiment."""

from collections.abc import Sequence
from pathlib import Path

from experiments.core.experiment import find
from experiments.core.results import Row
from experiments.report import edge, microcontroller, speed, stream
from experiments.report.claims import RULE, Comparison, compare, sentence, verdict
from experiments.report.figures import draw
from experiments.report.grids import CONFIGS, progress
from experiments.report.lines import scores
from experiments.report.papers import Claim, Page, Paper
from experiments.report.rows import Results
from experiments.report.search import best_table
from experiments.report.tables import paper_table, runs_table
from experiments.report.text import head, table

HOME = "README"

INTRODUCTION = """\
# Results

The papers' numbers and claims stand here beside what this project measured. `python -m
experiments.report` makes these pages and figures from the rows in this folder."""

NUMBERS = """\
## How to read the numbers

A number is the mean over seeds, with the sample standard deviation from two seeds
on. `train` is the highest accuracy in training. On the test set `paper` is the
highest accuracy of all epochs, as in the papers' tables, `clean` that of the epoch
chosen on a validation split. Runs that differ in anything but their seed are never
averaged: each page numbers and lists them at its end. Sample data count nowhere.
`python -m experiments.report --collect runs` first copies finished runs here."""

STARTS = """\
A run that was interrupted and resumed names all its processors, commits and
versions in its row; before 27 November 2026 it named only the last commit and the
last versions."""

# A claim with its comparisons.
Judged = tuple[Paper, Claim, Sequence[Comparison]]


def pages(
    results: Results,
    papers: Sequence[Paper],
    declared: dict[str, Page],
    folder: Path,
) -> dict[str, str]:
    """All pages by the names of their files, with the figures drawn beside them.

    Args:
        declared: The pages of the experiments; an experiment without one has a plain
            page.
        folder: Where the pages go.
    """
    for name in sorted(results.lines.keys() - declared.keys()):
        summary = find(name).summary.splitlines()[0]
        declared = declared | {name: Page(title=name, about=summary)}
    drawn = draw(results, papers, folder / "figures")
    speed.draw(results.speed, folder / "figures" / "speed.png")
    streamed = {
        name: stream.newest(results.stream, name, results.lines.get(name, []))
        for name in declared
    }
    for name, files in streamed.items():
        if stream.draw(files, folder / "figures" / f"{name}-stream.png"):
            drawn[f"{name}-stream"] = (
                "Accuracy over flash and instructions of the C file"
            )
    judged = [
        (paper, claim, compare(paper, claim, results))
        for paper in papers
        for claim in paper.claims
    ]
    made = {HOME: _home(results, papers, declared, judged, drawn)}
    for name, page in declared.items():
        made[name] = _experiment(
            name, page, results, papers, judged, streamed[name], drawn
        )
    made["speed"] = speed.page(results.speed, papers)
    made["edge"] = edge.page(results.edge)
    made["microcontroller"] = microcontroller.page(results.microcontroller)
    return {f"{name}.md": text for name, text in made.items()}


def _home(
    results: Results,
    papers: Sequence[Paper],
    declared: dict[str, Page],
    judged: Sequence[Judged],
    drawn: dict[str, str],
) -> str:
    tried = [
        [
            f"[{page.title}]({name}.md)",
            page.about,
            sum(len(line.rows) for line in results.lines.get(name, [])),
        ]
        for name, page in declared.items()
    ]
    timed = "A training step against Keras' and PyTorch's LSTM."
    tried.append(["[Speed](speed.md)", timed, None])
    files = "Exported files in LiteRT and onnxruntime."
    tried.append(["[Small devices](edge.md)", files, None])
    counted = "Layers as C on a Cortex-M4 and a Cortex-M0+."
    tried.append(["[Microcontrollers](microcontroller.md)", counted, None])
    verdicts = [
        [
            number,
            claim.sentence,
            claim.source
            if claim.source.startswith("Keras")
            else f"{claim.source}, {paper.key}",
            f"**{verdict(claim, comparisons)}**",
            sentence(claim, comparisons),
        ]
        for number, (paper, claim, comparisons) in enumerate(judged, start=1)
    ]
    parts = [
        INTRODUCTION,
        table(["page", "what was tried", "runs"], tried),
        "## What holds of the claims",
        table(["", "claim", "where", "verdict", "difference, 95 %"], verdicts),
        RULE,
    ]
    for paper in papers:
        if paper.summary:
            parts += _paper(paper, results, declared, drawn)
    return "\n\n".join([*parts, NUMBERS]) + "\n"


def _paper(
    paper: Paper, results: Results, declared: dict[str, Page], drawn: dict[str, str]
) -> list[str]:
    """A paper on the first page: what it does, a table and a figure."""
    measured = {printed.experiment for printed in paper.tables}
    measured |= {claim.experiment for claim in paper.claims}
    names = [name for name in declared if name in measured]
    links = ", ".join(f"[{declared[name].title}]({name}.md)" for name in names)
    parts = [
        f"## [{paper.title}]({paper.link})",
        f"{paper.authors}. {' '.join(paper.about.split())} More: {links}.",
    ]
    for printed in map(paper.table, paper.summary):
        lines = results.lines.get(printed.experiment, [])
        parts += [f"**{printed.title}**", paper_table(printed, lines, run=True)]
    return [*parts, *_images([paper.figure], drawn)]


def _images(names: Sequence[str], drawn: dict[str, str]) -> list[str]:
    return [
        f"![{name}](figures/{name}.png)\n*{drawn[name]}.*"
        for name in names
        if name in drawn
    ]


def _experiment(
    name: str,
    page: Page,
    results: Results,
    papers: Sequence[Paper],
    judged: Sequence[Judged],
    files: Sequence[Row],
    drawn: dict[str, str],
) -> str:
    lines = results.lines.get(name, [])
    parts = [f"# {page.title}", f"{page.about} [All results](README.md)."]
    for paper in papers:
        for printed in paper.tables:
            if printed.experiment == name and "weights" not in printed.printed:
                parts.append(f"## {printed.title}")
                source = ", ".join(
                    filter(None, [f"[{paper.key}]({paper.link})", printed.source])
                )
                if printed.config:
                    source += f". {progress(CONFIGS / printed.config, lines)}"
                parts += [source, paper_table(printed, lines), *printed.notes]
    if page.search and (found := best_table(CONFIGS / page.search, lines)):
        parts += ["## The best model of each layer", found]
    if files:
        parts += ["## Step by step", stream.stream_table(files)]
        parts += _images([f"{name}-stream"], drawn)
    figures = [
        x.name for paper in papers for x in paper.figures if x.experiment == name
    ]
    if shown := _images(figures, drawn):
        parts += ["## Figures", *shown]
    evidence = [
        [number, head(x.measure), x.left, x.right, x.difference, x.verdict]
        for number, (_, claim, comparisons) in enumerate(judged, start=1)
        if claim.experiment == name
        for x in comparisons
    ]
    if evidence:
        columns = ["claim", "measure", "this", "against", "difference", "verdict"]
        numbers = (
            "The numbers are those of the [claims](README.md#what-holds-of-the-claims)."
        )
        parts += ["## Comparisons behind the claims", numbers, table(columns, evidence)]
    missing: dict[tuple[str, float], list[str]] = {}
    for number, (_, claim, _) in enumerate(judged, start=1):
        if claim.experiment == name and claim.command:
            missing.setdefault((claim.command, claim.hours), []).append(str(number))
    if missing:
        columns = ["claims", "runs that would decide them, `#` names more seeds"]
        columns.append("hours on two cores, estimated")
        body = [
            [", ".join(numbers), f"`{command}`", f"{hours:g}"]
            for (command, hours), numbers in missing.items()
        ]
        parts += ["## What is undecided, and what it takes", table(columns, body)]
    if lines:
        measures = page.measures or [*scores(name)]
        parts += ["## All runs", STARTS, runs_table(lines, measures)]
    return "\n\n".join(parts) + "\n"
