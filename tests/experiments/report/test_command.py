"""The whole report: the committed one is what its rows make."""

import re
from pathlib import Path

import keras
import pytest
from matplotlib import image
from PIL import Image

from experiments.adding import SIMPLE
from experiments.core.command import main
from experiments.core.results import read_rows
from experiments.report import command as report
from experiments.report.palette import COLOURS
from slim_keras.variants import VARIANTS
from tests.experiments.report.support import (
    CONV,
    IMDB,
    NEWS,
    PIXELS,
    adding_row,
    append,
    handwriting_row,
    results,
    row,
    runs,
)

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"!\[.+?\]\((.+?)\)")


@pytest.fixture(autouse=True)
def _backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())


def read(path):
    return path.read_text(encoding="utf-8")


def make(rows, output, *options):
    arguments = [f"--rows={rows}", f"--output={output}", *options]
    return main(report.Settings, report.run, arguments)


def test_the_committed_report_is_what_the_committed_rows_make(tmp_path):
    committed = ROOT / "results" / "README.md"
    output = tmp_path / "README.md"
    assert make(ROOT / "results", output) == 0
    text = read(output)
    assert text == read(committed), "run python -m experiments.report"
    links = LINK.findall(text)
    figures = {path.name for path in (committed.parent / "figures").iterdir()}
    assert figures == {Path(link).name for link in links}
    for link in links:
        ours, theirs = tmp_path / link, committed.parent / link
        with Image.open(ours) as new, Image.open(theirs) as old:
            same_matplotlib = new.info["Software"] == old.info["Software"]
        if same_matplotlib:  # another one may draw letters otherwise
            difference = abs(image.imread(ours) - image.imread(theirs))
            assert difference.max() < 0.05, "run python -m experiments.report"


LSTM6 = IMDB | {"variant": "lstm6"}
ROWS = [
    *(row(base, eta=eta) for base in (IMDB, LSTM6) for eta in (1e-4, 1e-3)),
    *(row(LSTM6, forget=f, seed=seed) for f in (0.5, 0.9) for seed in (3, 4)),
    *(row(LSTM6, units=units, eta=5e-5) for units in (100, 400)),
    *(row(IMDB, variant=v, initialisation="authors") for v in ("lstm", "lstm5")),
    *(row(CONV, variant=variant) for variant in ("lstm", "lstm1")),
    *(row(NEWS, 0.7, variant=variant) for variant in ("lstm", "lstm_c6")),
    *(adding_row(0.005, variant=variant) for variant in ("indrnn", "irnn")),
    *(handwriting_row(0.2, variant=variant) for variant in ("lstm", "lstm11")),
    row(PIXELS, 0.98),
    row(PIXELS, 0.99, stack="dense", layers=None),
]


def test_the_same_rows_in_any_order_make_the_same_bytes(tmp_path, capsys):
    written = []
    for name, rows in (("one", ROWS), ("two", ROWS[::-1])):
        folder = results(tmp_path / name, *rows)
        assert make(folder, folder / "README.md") == 0
        files = [folder / "README.md", *sorted((folder / "figures").iterdir())]
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1]
    text = written[0].pop("README.md").decode()
    linked = [link.removeprefix("figures/") for link in LINK.findall(text)]
    assert sorted(linked) == sorted(written[0])
    assert len(linked) == 11
    assert not re.search(r"\d{4}-\d\d-\d\d", text)
    assert str(tmp_path) not in text
    assert capsys.readouterr().err == ""


def test_figures_without_runs_go(tmp_path):
    folder = results(tmp_path, *ROWS)
    make(folder, folder / "README.md")
    (folder / "newsgroups.jsonl").unlink()
    assert (folder / "figures" / "newsgroups-eta.png").exists()
    make(folder, folder / "README.md")
    assert not (folder / "figures" / "newsgroups-eta.png").exists()
    assert "newsgroups-eta.png" not in read(folder / "README.md")


def test_samples_are_left_out_and_told(tmp_path, capsys):
    real = results(tmp_path / "real", row(IMDB, 0.8))
    mixed = results(
        tmp_path / "mixed", row(IMDB, 0.8), row(IMDB, 0.9, seed=4, data="sample")
    )
    for folder in (real, mixed):
        assert make(folder, folder / "README.md") == 0
    assert read(real / "README.md") == read(mixed / "README.md")
    assert "left out: 1 rows of sample data" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "seconds"), [([], 10.0), (["--busy"], None)])
def test_collecting_before_reporting(options, seconds, tmp_path, capsys):
    folder = results(tmp_path / "results", row(IMDB, 0.81))
    new = runs(tmp_path / "runs", row(IMDB, 0.83, seed=4), row(IMDB, data="sample"))
    assert make(folder, folder / "README.md", f"--collect={new}", *options) == 0
    assert "0.8200 ± 0.0141" in read(folder / "README.md")
    told = capsys.readouterr().out
    assert "1 collected, 0 there already, 1 of sample data refused" in told
    _, collected = read_rows(folder / "imdb.jsonl")
    assert collected["seconds_per_epoch"] == seconds


def test_errors_name_the_file_and_leave_the_old_report(tmp_path, capsys):
    folder = results(tmp_path, row(IMDB))
    make(folder, folder / "README.md")
    before = (folder / "README.md").read_bytes()
    append(folder / "imdb.jsonl", {"run": "x"})
    assert make(folder, folder / "README.md") == 2
    assert "imdb.jsonl, line 2" in capsys.readouterr().err
    assert (folder / "README.md").read_bytes() == before


def test_every_variant_has_a_colour_of_its_own():
    assert list(COLOURS) == [*VARIANTS, *SIMPLE]
    assert len(set(COLOURS.values())) == len(COLOURS)
