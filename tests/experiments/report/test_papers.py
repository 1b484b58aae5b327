"""The files of the papers: what they print, typed once."""

from pathlib import Path

import keras
import pytest

from experiments.core.errors import UserError
from experiments.grid import definition
from experiments.report.papers import papers

CONFIGS = Path(__file__).parents[3] / "configs"
PAPERS = papers()
TABLES = {table.name: table for paper in PAPERS for table in paper.tables}
CLAIMS = [(paper, claim) for paper in PAPERS for claim in paper.claims]


@pytest.mark.parametrize("name", [name for name, x in TABLES.items() if x.config])
def test_the_grid_of_a_table_trains_all_of_it(name):
    table = TABLES[name]
    change = [f"backend={keras.config.backend()}"]
    runs = definition.read(CONFIGS / table.config, change, "runs")
    assert {run.experiment for run in runs} == {table.experiment}
    for cell in table.cells:
        wanted = table.select | cell.settings
        if not cell.lost:
            assert any(wanted.items() <= run.settings.items() for run in runs), wanted


def test_the_slip_is_the_column_of_the_other_table():
    columns = [
        [cell.printed for cell in TABLES[name].cells][2::3]
        for name in ("table-4", "table-7")
    ]
    assert columns[0] == columns[1]


def test_printed_accuracies_are_typed_nowhere_else():
    root = CONFIGS.parent
    printed = {
        f"{number:.4f}"
        for name in ("table-4", "table-5", "table-7")
        for cell in TABLES[name].cells
        for number in cell.printed.values()
    } - {"1.0000"}
    sources = [*(root / "experiments").rglob("*.py"), *CONFIGS.glob("*.toml")]
    sources += (root / "notebooks").glob("*.py")
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert [number for number in printed if number in text] == [], path


@pytest.mark.parametrize(("paper", "claim"), CLAIMS, ids=lambda x: "")
def test_claims_are_complete(paper, claim):
    assert claim.kind in ("better", "reaches")
    assert claim.sentence.endswith(".")
    assert claim.experiment
    if claim.kind == "reaches" and claim.runs:
        assert f"{claim.printed:.4f}" in claim.sentence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "Invalid value"),
        ("colour = 1", "colour"),
        ('[[claims]]\ntable = "none"\n', "none"),
        (
            '[[tables]]\nname = "t"\ntitle = ""\nexperiment = "imdb"\naxes = ["eta"]\n'
            'printed = ["paper"]\nrows = [[1e-3, 0.5]]\n[[claims]]\ntext = "it"\n'
            'source = ""\nkind = "reaches"\ntable = "t"\nruns = { eta = 1e-2 }\n',
            "t has no cell for 'it'",
        ),
    ],
    ids=["torn", "key", "table", "cell"],
)
def test_a_file_that_is_wrong_is_named(text, message, tmp_path):
    (tmp_path / "1.toml").write_text(text)
    with pytest.raises(UserError, match=rf"1\.toml: .*{message}"):
        papers(tmp_path)
