"""The whole report: the committed one is what its rows make."""

import re
from pathlib import Path

import pytest
from matplotlib import image
from PIL import Image

from experiments import imdb_conv
from experiments.core.command import main
from experiments.core.results import read_rows
from experiments.report import command as report, papers, rows as report_rows
from experiments.report.pages import pages as report_pages
from studies import __main__ as studies
from tests.experiments.report.support import append, results, row, runs

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"!\[.+?\]\((.+?)\)")


def read(path):
    return path.read_text(encoding="utf-8")


def make(rows, output, *options):
    arguments = [f"--rows={rows}", f"--output={output}", *options]
    return main(report.Settings, report.run, arguments)


def test_the_committed_report_is_what_the_committed_rows_make(tmp_path):
    committed = ROOT / "results"
    assert make(committed, tmp_path / "README.md") == 0
    pages = {path.name for path in tmp_path.glob("*.md")}
    assert pages == {path.name for path in committed.glob("*.md")}
    links = set()
    for name in pages:
        text = read(tmp_path / name)
        assert text == read(committed / name), "run python -m experiments.report"
        links |= set(LINK.findall(text))
    figures = {f"figures/{path.name}" for path in (committed / "figures").iterdir()}
    assert links == figures
    assert len(read(committed / "README.md").splitlines()) <= 150
    for link in figures:
        ours, theirs = tmp_path / link, committed / link
        with Image.open(ours) as new, Image.open(theirs) as old:
            same_matplotlib = new.info["Software"] == old.info["Software"]
        if same_matplotlib:  # another one may draw letters otherwise
            difference = abs(image.imread(ours) - image.imread(theirs))
            assert difference.max() < 0.05, "run python -m experiments.report"


def test_the_page_of_the_studies_is_what_the_committed_rows_make():
    text = studies.page(ROOT / "results" / "speed.jsonl")
    assert text == read(ROOT / "studies" / "README.md"), "run python -m studies"


def test_links_between_pages_lead_somewhere():
    for path in (ROOT / "results").glob("*.md"):
        for name in re.findall(r"\]\((\w+\.md)\)", read(path)):
            assert (path.parent / name).exists(), (path.name, name)


ROWS = [
    *(row(variant=key, eta=eta) for key in ("lstm", "lstm6") for eta in (1e-4, 1e-3)),
    *(row(variant="lstm6", forget=0.96, seed=seed) for seed in (3, 4)),
    *(row("adding", 0.005, variant=variant) for variant in ("indrnn", "irnn")),
    *(row("handwriting", 0.2, epochs=15, variant=key) for key in ("lstm", "lstm11")),
    row("pixel_mnist", 0.99, stack="dense", layers=None),
]


def test_the_same_rows_in_any_order_make_the_same_bytes(tmp_path, capsys):
    written = []
    for name, rows in (("one", ROWS), ("two", ROWS[::-1])):
        folder = results(tmp_path / name, *rows)
        assert make(folder, folder / "README.md") == 0
        files = [*sorted(folder.glob("*.md")), *sorted((folder / "figures").iterdir())]
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1]
    text = b"".join(written[0][n] for n in written[0] if n.endswith(".md")).decode()
    linked = {link.removeprefix("figures/") for link in LINK.findall(text)}
    assert linked == {name for name in written[0] if name.endswith(".png")}
    assert len(linked) == 4
    assert str(tmp_path) not in text
    assert capsys.readouterr().err == ""


def test_figures_without_runs_go(tmp_path):
    folder = results(tmp_path, row())
    (folder / "figures").mkdir()
    (folder / "figures" / "newsgroups-eta.png").write_bytes(b"old")
    make(folder, folder / "README.md")
    assert not (folder / "figures" / "newsgroups-eta.png").exists()
    assert "newsgroups-eta.png" not in read(folder / "newsgroups.md")


def test_samples_are_left_out_and_told(tmp_path, capsys):
    real = results(tmp_path / "real", row("imdb", 0.8))
    mixed = results(
        tmp_path / "mixed", row("imdb", 0.8), row("imdb", 0.9, seed=4, data="sample")
    )
    for folder in (real, mixed):
        assert make(folder, folder / "README.md") == 0
    for name in ("README.md", "imdb.md"):
        assert read(real / name) == read(mixed / name)
    assert "left out 1 rows of sample data" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "seconds"), [([], 10.0), (["--busy"], None)])
def test_collecting_before_reporting(options, seconds, tmp_path, capsys):
    folder = results(tmp_path / "results", row("imdb", 0.81))
    new = runs(tmp_path / "runs", row("imdb", 0.83, seed=4), row(data="sample"))
    assert make(folder, folder / "README.md", f"--collect={new}", *options) == 0
    assert "0.8200 ± 0.0141" in read(folder / "imdb.md")
    told = capsys.readouterr().out
    assert "1 collected, 0 known already, 1 of sample data refused" in told
    _, collected = read_rows(folder / "imdb.jsonl")
    assert collected["seconds_per_epoch"] == seconds


def test_runs_are_no_results(tmp_path, capsys):
    folder = runs(tmp_path / "runs", row("imdb", 0.8))
    assert make(folder, folder / "README.md") == 2
    assert f"with --collect {folder}" in capsys.readouterr().err
    assert not (folder / "README.md").exists()


def test_errors_name_the_file_and_leave_the_old_report(tmp_path, capsys):
    folder = results(tmp_path, row())
    make(folder, folder / "README.md")
    before = (folder / "README.md").read_bytes()
    append(folder / "imdb.jsonl", {"run": "x"})
    assert make(folder, folder / "README.md") == 2
    assert "imdb.jsonl, line 2" in capsys.readouterr().err
    assert (folder / "README.md").read_bytes() == before


def test_an_experiment_without_a_page_has_a_plain_one(tmp_path):
    folder = results(tmp_path, row("imdb_conv", 0.81))
    pages = papers.pages()
    del pages["imdb_conv"]
    made = report_pages(report_rows.read(folder), papers.papers(), pages, folder)
    assert made["imdb_conv.md"].startswith("# imdb_conv\n\n")
    assert imdb_conv.EXPERIMENT.summary.splitlines()[0] in made["imdb_conv.md"]
    assert "(imdb_conv.md)" in made["README.md"]
    assert "0.8100" in made["imdb_conv.md"]
