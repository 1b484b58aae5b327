"""The pages of the report: the first one with the verdicts, and one an experiment."""

from collections.abc import Sequence
from pathlib import Path

from experiments.core.experiment import find
from experiments.report import edge, speed
from experiments.report.claims import (
    RULE,
    Comparison,
    compare,
    sentence,
    verdict,
)
from experiments.report.figures import draw
from experiments.report.grids import CONFIGS, GRIDS, grids_table
from experiments.report.lines import scores
from experiments.report.papers import Claim, Page, Paper
from experiments.report.rows import Results
from experiments.report.search import best_table
from experiments.report.tables import (
    commands_table,
    other_lines,
    paper_table,
    short_table,
)
from experiments.report.text import folded, head, table

HOME = "README"

INTRODUCTION = """\
# Results

The papers print numbers and make claims; here they stand beside what this project
measured. `python -m experiments.report` makes this page, the pages below and their
figures from the rows in this folder."""

NUMBERS = """\
## How to read the numbers

A number is the mean over seeds, with the sample standard deviation from two seeds
on. `train` is the highest accuracy in training of all epochs. The accuracy on the
test set follows one of two protocols: `paper` is the highest of all epochs, as in
the papers' tables, `clean` that of the epoch chosen on a validation split of the
training data. Runs that differ in anything but their seed are never averaged: they
are lines, which each page numbers and lists with their commands at its end. Rows of
synthetic sample data count nowhere. `python -m experiments.report --collect runs`
first copies finished runs here."""

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
        results: All rows.
        papers: The papers.
        declared: The pages of the experiments; an experiment without one has a plain
            page.
        folder: Where the pages go.
    """
    for name in results.lines.keys() - declared.keys():
        summary = find(name).summary.splitlines()[0]
        declared = declared | {name: Page(title=name, about=summary)}
    searches = {n: CONFIGS / page.search for n, page in declared.items() if page.search}
    drawn = draw(results, papers, searches, folder / "figures")
    judged = [
        (paper, claim, compare(paper, claim, results))
        for paper in papers
        for claim in paper.claims
    ]
    made = {
        name: _experiment(name, page, results, papers, judged, drawn)
        for name, page in declared.items()
    }
    made["speed"] = speed.page(results.speed, papers)
    made["edge"] = edge.page(results.edge)
    home = _home(results, papers, declared, judged, drawn)
    return {f"{name}.md": text for name, text in ({HOME: home} | made).items()}


def _home(
    results: Results,
    papers: Sequence[Paper],
    declared: dict[str, Page],
    judged: Sequence[Judged],
    drawn: dict[str, str],
) -> str:
    tried = [
        [f"[{page.title}]({name}.md)", page.about, str(_runs(results, name))]
        for name, page in declared.items()
    ]
    tried += [
        [
            "[Speed](speed.md)",
            "A training step against Keras' and PyTorch's LSTM.",
            "-",
        ],
        ["[Small devices](edge.md)", "Exported files in LiteRT and onnxruntime.", "-"],
    ]
    parts = [
        INTRODUCTION,
        table(["page", "what was tried", "runs"], tried),
        "## What holds of the claims",
        _verdicts(judged),
        RULE,
    ]
    for paper in papers:
        parts += _paper(paper, results, declared, drawn)
    return "\n\n".join([*parts, NUMBERS]) + "\n"


def _runs(results: Results, name: str) -> int:
    return sum(len(line.rows) for line in results.lines.get(name, []))


def _verdicts(judged: Sequence[Judged]) -> str:
    rows = []
    for number, (paper, claim, comparisons) in enumerate(judged, start=1):
        where = claim.source
        where += "" if where.startswith("Keras") else f", {paper.key}"
        says = verdict(claim, comparisons)
        rows.append(
            [
                str(number),
                claim.sentence,
                where,
                f"**{says}**",
                _told(claim, comparisons),
            ]
        )
    return table(["", "claim", "where", "verdict", "difference, 95 %"], rows)


def _told(claim: Claim, comparisons: Sequence[Comparison]) -> str:
    """The sentence of a claim, or its differences by the first measure."""
    said = sentence(claim, comparisons)
    if said or not comparisons:
        return said
    first = comparisons[0].measure
    differences = [x.difference for x in comparisons if x.measure == first]
    return "; ".join(dict.fromkeys(differences))


def _paper(
    paper: Paper, results: Results, declared: dict[str, Page], drawn: dict[str, str]
) -> list[str]:
    """A paper on the first page: what it does, a table and a figure."""
    tables = [paper.table(name) for name in paper.summary]
    measured = {x.experiment for x in paper.tables}
    measured |= {claim.experiment for claim in paper.claims}
    names = [name for name in declared if name in measured]
    links = ", ".join(f"[{declared[name].title}]({name}.md)" for name in names)
    parts = [
        f"## [{paper.title}]({paper.link})",
        f"{paper.authors}. {' '.join(paper.about.split())} More: {links}.",
    ]
    for printed in tables:
        lines = results.lines.get(printed.experiment, [])
        parts += [f"**{printed.title}**", short_table(printed, lines, run=True)]
    if paper.figure in drawn:
        parts.append(_image(paper.figure, drawn))
    return parts


def _image(name: str, drawn: dict[str, str]) -> str:
    return f"![{name}](figures/{name}.png)\n*{drawn[name]}.*"


def _experiment(
    name: str,
    page: Page,
    results: Results,
    papers: Sequence[Paper],
    judged: Sequence[Judged],
    drawn: dict[str, str],
) -> str:
    lines = results.lines.get(name, [])
    tables = [
        (paper, x) for paper in papers for x in paper.tables if x.experiment == name
    ]
    parts = [f"# {page.title}", f"{page.about} [All results](README.md)."]
    parts += [paper_table(paper, printed, lines) for paper, printed in tables]
    found = best_table(CONFIGS / page.search, lines) if page.search else ""
    if found:
        parts += ["## The best model of each layer", found]
    figures = [
        x.name for paper in papers for x in paper.figures if x.experiment == name
    ]
    shown = [_image(x, drawn) for x in [*figures, f"{name}-best"] if x in drawn]
    if shown:
        parts += ["## Figures", *shown]
    evidence = [
        _evidence(number, claim, comparisons)
        for number, (_, claim, comparisons) in enumerate(judged, start=1)
        if claim.experiment == name and comparisons
    ]
    if evidence:
        parts += ["## Comparisons behind the claims", *evidence]
    grids = grids_table(results, CONFIGS, name)
    if grids:
        parts += ["## What is left to run", grids, GRIDS]
    measures = page.measures or [*scores(name)]
    others = other_lines([printed for _, printed in tables], lines, measures)
    if others:
        parts += ["## Runs with settings that no table prints", others]
    if lines:
        parts += ["## All runs", STARTS, commands_table(lines)]
    return "\n\n".join(parts) + "\n"


def _evidence(number: int, claim: Claim, comparisons: Sequence[Comparison]) -> str:
    rows = [
        [head(x.measure), x.left, x.right, x.difference, x.verdict] for x in comparisons
    ]
    columns = ["measure", "this", "against", "difference", "verdict"]
    return folded(f"Claim {number}: {claim.sentence}", table(columns, rows))
