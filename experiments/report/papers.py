"""What the papers print and claim, read from `experiments/papers/`: a file a paper."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.core.errors import UserError

FOLDER = Path(__file__).parents[1] / "papers"
PAGES = "pages.toml"  # the one file there that is of no paper
NOTHING = "-"  # not printed, or a setting that does not exist
UNKNOWN, SLIP = "unknown", "a slip"  # no run stands beside such a cell

Settings = dict[str, Any]  # a list stands for any of its values


@dataclass(frozen=True)
class Cell:
    """What a table prints at one place.

    Attributes:
        settings: The settings of the runs that belong to it.
        printed: The printed numbers, by measure (`lines.MEASURES`).
    """

    settings: Settings
    printed: dict[str, float]

    @property
    def lost(self) -> bool:
        """Whether the paper's setting is unknown, so that no run belongs to it."""
        return not {UNKNOWN, SLIP}.isdisjoint(map(str, self.settings.values()))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a paper, or a figure that was read off.

    A cell names the settings of its runs. The paper leaves the other ones open: runs
    that differ in them stand in rows of their own.

    Attributes:
        name: What claims and figures call it.
        title: Its heading in the report.
        experiment: The experiment that measures it.
        axes: The settings that the first columns of its rows hold.
        printed: The measures that the other columns of its rows hold.
        rows: Its rows.
        source: Where it stands, if the title does not say it.
        config: The file in `configs/` that trains all of it.
        select: The settings that all its runs share.
        measured: The measures that the report adds.
        inferred: The axes whose values were not read but inferred.
        notes: What a reader must know.
        pivot: A measure: the page starts with its means, the last axis across.
    """

    name: str
    title: str
    experiment: str
    axes: Sequence[str]
    rows: Sequence[Sequence[Any]]
    printed: Sequence[str] = ()
    source: str = ""
    config: str = ""
    select: Settings = field(default_factory=dict)
    measured: Sequence[str] = ()
    inferred: Sequence[str] = ()
    notes: Sequence[str] = ()
    pivot: str = ""

    @cached_property
    def cells(self) -> list[Cell]:
        """Its rows as cells."""
        cells = []
        for row in self.rows:
            values = [None if value == NOTHING else value for value in row]
            named = dict(zip([*self.axes, *self.printed], values, strict=True))
            settings = {axis: named.pop(axis) for axis in self.axes}
            printed = {name: x for name, x in named.items() if x is not None}
            cells.append(Cell(settings, printed))
        return cells

    def cell(self, settings: Settings) -> Cell | None:
        """The cell to which runs with these settings belong."""
        found = (c for c in self.cells if c.settings.items() <= settings.items())
        return next(found, None)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a paper says, and which runs test it.

    Attributes:
        text: The claim in a sentence; `{printed}` is the number of its cell.
        source: Where it stands.
        kind: `"better"`: `runs` are better than `than`; or `"reaches"`: `runs` reach
            the number that `table` prints for them.
        experiment: The experiment that tests it.
        table: The name of the table with the number.
        epochs: How long the paper trains.
        same: The settings of the runs on both sides.
        runs: The settings of the runs that the claim is about.
        than: Those of the runs on the other side.
        measures: By what it is judged.
        margin: How much worse still counts, where the claim says `matches`.
        equal_weights: Whether the models on both sides have as many weights, within
            3 %, instead of equal units.
        printed: The number to reach, which `table` prints.
        says: A sentence for what no verdict says; `{paper[0].difference}` stands for
            the difference of the first comparison by the measure `paper`.
    """

    text: str
    source: str
    kind: str
    experiment: str = ""
    table: str = ""
    epochs: int = 0
    same: Settings = field(default_factory=dict)
    runs: Settings = field(default_factory=dict)
    than: Settings = field(default_factory=dict)
    measures: Sequence[str] = ("paper", "clean")
    margin: float = 0.0
    equal_weights: bool = False
    printed: float | None = None
    says: str = ""

    @property
    def sentence(self) -> str:
        """Its text with the printed number."""
        printed = "" if self.printed is None else f"{self.printed:.4f}"
        return self.text.format(printed=printed)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel of a figure: each of `lines` is a line of runs with `select`, too."""

    title: str
    select: Settings
    lines: Sequence[Settings]
    x: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: curves over the epochs, or points over a measure.

    Attributes:
        name: The name of its file.
        title: What it shows.
        experiment: Whose runs.
        panels: Its panels, four at most.
        x: Of points, the measure across; empty for curves over the epochs.
        y: The figure of an epoch, or of points the measure, upwards.
        label: The label of the vertical axis.
        printed: The table whose numbers stand as dashed lines.
        printed_measure: Which of its numbers.
        level: Where one more dashed line stands.
        range: From where to where the vertical axis goes.
        log: Whether the axis of the epochs is logarithmic.
        unit: The unit of the horizontal axis and how many an epoch has.
        told: The settings that the legend names beside the layer and f.
        connect: Whether points of a layer are joined.
    """

    name: str
    title: str
    experiment: str
    panels: Sequence[Panel]
    x: str = ""
    y: str = "test_accuracy"
    label: str = ""
    printed: str = ""
    printed_measure: str = "paper"
    level: float | None = None
    range: Sequence[float] = ()
    log: bool = False
    unit: tuple[str, int] = ("epoch", 1)
    told: Sequence[str] = ()
    connect: bool = False


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper, or another source.

    Attributes:
        key: The name of its file: its number at arXiv.
        title: Its title.
        authors: Who wrote it, and when.
        link: Where it stands.
        about: What it does.
        place: Where it stands among the papers.
        summary: The names of the tables that stand on the report's first page.
        figure: The name of the figure there.
    """

    key: str
    title: str
    authors: str
    link: str
    about: str
    place: int = 9
    summary: Sequence[str] = ()
    figure: str = ""
    tables: Sequence[Table] = ()
    claims: Sequence[Claim] = ()
    figures: Sequence[Figure] = ()

    def table(self, name: str) -> Table:
        """The table of this name."""
        return next(table for table in self.tables if table.name == name)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page of an experiment.

    Attributes:
        title: What it is called.
        about: What was tried.
        measures: What a table of runs shows that no paper prints; by default all.
        search: The file in `configs/` that seeks the best model of each layer.
    """

    title: str
    about: str = ""
    measures: Sequence[str] = ()
    search: str = ""


def papers(folder: Path = FOLDER) -> list[Paper]:
    """All papers, by their places and the names of their files.

    Raises:
        UserError: A file has a key that has no meaning, or lacks one.
    """
    paths = sorted(path for path in folder.glob("*.toml") if path.name != PAGES)
    found = [_read(path, _paper) for path in paths]
    return sorted(found, key=lambda paper: paper.place)


def pages(folder: Path = FOLDER) -> dict[str, Page]:
    """The pages of the experiments, in their order."""
    path = folder / PAGES
    return _read(path, lambda _, text: {key: Page(**own) for key, own in text.items()})


def _read(path: Path, make: Any) -> Any:
    try:
        return make(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, TypeError, ValueError, KeyError) as error:
        raise UserError(f"{path}: {error}") from None


def _paper(key: str, text: dict[str, Any]) -> Paper:
    tables = [Table(**table) for table in text.pop("tables", [])]
    named = {table.name: table for table in tables}
    claims = [_claim(claim, named) for claim in text.pop("claims", [])]
    figures = [
        Figure(panels=[Panel(**panel) for panel in figure.pop("panels")], **figure)
        for figure in text.pop("figures", [])
    ]
    return Paper(key=key, tables=tables, claims=claims, figures=figures, **text)


def _claim(text: dict[str, Any], tables: dict[str, Table]) -> Claim:
    """A claim; one that names a table has its experiment, settings and number."""
    if "table" not in text:
        return Claim(**text)
    table = tables[text["table"]]
    claim = Claim(experiment=table.experiment, same=table.select, **text)
    if not claim.runs:  # it is about the whole table
        return claim
    cell = table.cell(claim.same | claim.runs)
    if cell is None:
        raise ValueError(f"{table.name} has no cell for {claim.text!r}")
    return replace(claim, printed=cell.printed["paper"])
