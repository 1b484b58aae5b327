"""What the papers print and claim, read from `experiments/papers/`: a file a paper."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.core.errors import UserError

FOLDER = Path(__file__).parents[1] / "papers"
PAGES = "pages.toml"  # the file there with no table
NOTHING = "-"  # not printed, or a setting that does not exist
UNKNOWN, SLIP = "unknown", "a slip"  # no run stands beside such a cell

Settings = dict[str, Any]  # a list stands for any of its values


@dataclass(frozen=True)
class Cell:
    """What a table prints at one place."""

    settings: Settings  # of the runs that belong to it
    printed: dict[str, float]  # by measure (`lines.MEASURES`)

    @property
    def lost(self) -> bool:
        """Whether the paper's setting is unknown, so that no run belongs to it."""
        return not {UNKNOWN, SLIP}.isdisjoint(map(str, self.settings.values()))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a paper, or a figure that was read off.

    A cell names the settings of its runs. The paper leaves the other ones open: runs
    that differ in them stand in rows of their own.
    """

    name: str  # what claims and figures call it
    title: str
    experiment: str  # which measures it
    axes: Sequence[str]  # the settings in the first columns of its rows
    rows: Sequence[Sequence[Any]]
    printed: Sequence[str] = ()  # the measures in the other columns of its rows
    source: str = ""  # where it stands, if the title does not say it
    config: str = ""  # the file in `configs/` that trains all of it
    select: Settings = field(default_factory=dict)  # what all its runs share
    measured: Sequence[str] = ()  # the measures that the report adds
    inferred: Sequence[str] = ()  # the axes whose values were not read but inferred
    told: Sequence[str] = ()  # more settings of the runs that have a column
    notes: Sequence[str] = ()
    pivot: str = ""  # a measure: its page starts with its means, the last axis across
    together: bool = False  # and a last column has the mean of a row

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

    With `than`: `runs` are better than those; a step of `experiments.speed` takes less
    time. Without it: `runs` reach the number that `table` prints for them.
    """

    text: str  # `{printed}` is the number of its cell
    source: str
    experiment: str = ""
    table: str = ""
    epochs: int = 0  # how long the paper trains
    same: Settings = field(default_factory=dict)  # of the runs on both sides
    runs: Settings = field(default_factory=dict)
    than: Settings = field(default_factory=dict)
    measures: Sequence[str] = ("paper", "clean")
    margin: float = 0.0  # how much worse still counts, where it says `match`
    equal_weights: bool = False  # the models have as many weights, whatever their units
    printed: float | None = None  # the number to reach
    says: str = ""  # beside the verdict; `{paper[0].difference}`: of that comparison
    command: str = ""  # makes the runs that are missing for a verdict
    hours: float = 0.0  # which they take, an estimate, on two cores

    @property
    def sentence(self) -> str:
        """Its text with the printed number."""
        printed = "" if self.printed is None else f"{self.printed:.4f}"
        return self.text.format(printed=printed)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel of a figure: each of `lines` is a line of runs that have `select`."""

    title: str = ""
    select: Settings = field(default_factory=dict)
    lines: Sequence[Settings] = ({},)
    x: str = ""  # the measure across; without one it shows curves over the epochs


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: curves over the epochs, or points over a measure."""

    name: str  # of its file
    title: str
    experiment: str
    panels: Sequence[Panel]  # four at most
    search: str = ""  # the file in `configs/` whose best models alone it shows
    y: str = "test_accuracy"  # of curves a key of the history, of points a measure
    label: str = ""  # of the vertical axis
    printed: str = ""  # the table whose numbers stand as dashed lines
    printed_measure: str = "paper"
    level: float | None = None  # of one more dashed line
    range: Sequence[float] = ()  # of the vertical axis
    log: bool = False  # whether the axis of the epochs is logarithmic
    unit: Sequence[Any] = ("epoch", 1)  # of the horizontal axis, how many an epoch has
    told: Sequence[str] = ()  # settings in the legend, beside the layer and f
    connect: bool = False  # whether the points of a layer are joined


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper."""

    key: str  # the name of its file: its number at arXiv
    title: str
    authors: str
    link: str
    about: str
    place: int = 9  # among the papers
    summary: Sequence[str] = ()  # the tables of it on the report's first page
    figure: str = ""  # the figure there
    tables: Sequence[Table] = ()
    claims: Sequence[Claim] = ()
    figures: Sequence[Figure] = ()

    def table(self, name: str) -> Table:
        """The table of this name."""
        return next(table for table in self.tables if table.name == name)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page of an experiment."""

    title: str
    about: str = ""
    measures: Sequence[str] = ()  # of runs with settings that no table prints
    search: str = ""  # the file in `configs/` that seeks the best model of each layer


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
    return _read(folder / PAGES, _pages)


def _read(path: Path, make: Callable[[str, dict[str, Any]], Any]) -> Any:
    try:
        return make(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, TypeError, ValueError, KeyError) as error:
        raise UserError(f"{path}: {error}") from None


def _pages(key: str, text: dict[str, Any]) -> dict[str, Page]:
    return {name: Page(**page) for name, page in text.items()}


def _paper(key: str, text: dict[str, Any]) -> Paper:
    tables = {table["name"]: Table(**table) for table in text.pop("tables", [])}
    claims = [_claim(claim, tables) for claim in text.pop("claims", [])]
    figures = [
        Figure(panels=[Panel(**panel) for panel in figure.pop("panels")], **figure)
        for figure in text.pop("figures", [])
    ]
    return Paper(
        key=key,
        tables=[*tables.values()],
        claims=claims,
        figures=figures,
        **text,
    )


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
