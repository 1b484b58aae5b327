"""Which runs come nearest to printed pairs whose settings are lost."""

from experiments.report.nearest import nearest_table
from experiments.report.papers import SLIP, TABLES, UNKNOWN
from experiments.report.rows import read
from tests.experiments.report.support import IMDB, NEWS, results, row

PAPERS = {paper.grid: paper for paper in TABLES}
ETA, NEWS_ETA = PAPERS["imdb_eta.toml"], PAPERS["newsgroups_eta.toml"]


def pair(base, variant, train, test, **changes):
    made = row(base, test, variant=variant, **changes)
    return made | {"train_accuracy": train}


def found(paper, folder, *made):
    """Of each printed pair: layer, settings, both pairs, distance, seeds."""
    text = nearest_table(paper, read(results(folder, *made)).lines[paper.experiment])
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_the_larger_of_both_distances_is_the_smallest(tmp_path):
    """Printed for LSTM: 0.9906 / 0.8856 and 1.0000 / 0.8868."""
    made = [
        pair(IMDB, "lstm", 0.9906, 0.80, eta=1e-2),  # exact in training alone
        pair(IMDB, "lstm", 0.96, 0.86, eta=2e-3),
        pair(IMDB, "lstm", 0.90, 0.8856, eta=1e-4),  # exact on the test set alone
        pair(IMDB, "lstm", 1.0, 0.89, eta=1e-3),
        pair(IMDB, "lstm", 0.9906, 0.8856, eta=1e-3, units=200),  # of another size
    ]
    first, second = found(ETA, tmp_path, *made)
    assert (first[0], first[2:]) == (
        "LSTM",
        ["0.9906", "1.0000", "0.8856", "0.8900", "0.0094", "1"],
    )
    assert "eta = 1e-3" in first[1]
    assert second[2:] == ["1.0000", "1.0000", "0.8868", "0.8900", "0.0032", "1"]


def test_numbers_that_are_a_slip_are_not_sought_and_lost_ones_are(tmp_path):
    columns = {
        grid: {cell.settings["eta"] for cell in PAPERS[grid].cells}
        for grid in ("imdb_eta.toml", "newsgroups_eta.toml")
    }
    assert SLIP in columns["imdb_eta.toml"]
    assert UNKNOWN in columns["newsgroups_eta.toml"]
    made = [pair(IMDB, "lstm6", 0.785, 0.71), pair(NEWS, "lstm6", 0.785, 0.71)]
    assert len(found(ETA, tmp_path / "imdb", made[0])) == 2
    news = found(NEWS_ETA, tmp_path / "news", made[1])
    assert [line[-2] for line in news] == ["0.0319", "0.0598", "0.0000"]


def test_a_run_that_goes_on_stands_for_its_shorter_ones(tmp_path):
    """Though one of those had the printed numbers, and one that diverged as well."""
    made = [
        pair(NEWS, "lstm", 0.9581, 0.775, epochs=4),
        pair(NEWS, "lstm", 0.99, 0.79, epochs=9),
        pair(NEWS, "lstm", 0.9581, 0.775, epochs=20) | {"status": "diverged"},
    ]
    _, middle, _ = found(NEWS_ETA, tmp_path, *made)
    assert "9 epochs" in middle[1]
    assert middle[-2:] == ["0.0319", "1"]


def test_more_seeds_of_a_shorter_run_count_for_nothing(tmp_path):
    made = [pair(NEWS, "lstm", 0.9581, 0.775, epochs=4, seed=s) for s in (3, 4, 5)]
    made.append(pair(NEWS, "lstm", 0.99, 0.79, epochs=9))
    _, middle, _ = found(NEWS_ETA, tmp_path, *made)
    assert "9 epochs" in middle[1]
    assert middle[-2:] == ["0.0319", "1"]


def test_tables_with_known_heads_or_without_pairs_have_none(tmp_path):
    authors = {"eta": 1e-4, "train_embedding": False, "initialisation": "authors"}
    lines = read(results(tmp_path, row(IMDB, variant="lstm6", **authors))).lines["imdb"]
    assert nearest_table(ETA, lines) != ""
    for grid in ("imdb_forget.toml", "imdb_authors_grid.toml"):
        assert nearest_table(PAPERS[grid], lines) == ""
    assert nearest_table(ETA, []) == ""
