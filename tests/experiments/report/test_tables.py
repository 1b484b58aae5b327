"""The papers' tables: which runs stand beside which numbers."""

from experiments.report.lines import lower, scores
from experiments.report.papers import SLIP, UNKNOWN, papers
from experiments.report.rows import read
from experiments.report.tables import (
    commands_table,
    counts_table,
    full_table,
    other_lines,
    paper_table,
    short_table,
)
from tests.experiments.report.support import (
    IMDB,
    NEWS,
    PIXELS,
    adding_row,
    cells,
    handwriting_row,
    results,
    row,
)

TABLES = {table.name: table for paper in papers() for table in paper.tables}
ETA, NEWS_ETA = TABLES["table-4"], TABLES["table-7"]


def measured(folder, *rows):
    (lines,) = read(results(folder, *rows)).lines.values()
    return lines


def test_measured_beside_printed(tmp_path):
    rows = [row(IMDB, a, seed=s, variant="lstm6") for s, a in ((3, 0.80), (4, 0.82))]
    text = full_table(ETA, measured(tmp_path, *rows))
    train = ["0.9387", "0.8600 ± 0.0141"]
    test = ["0.8026", "0.8100 ± 0.0141", "0.8000 ± 0.0141"]
    told = "imdb 1: 4 epochs, f = 0.4, embedding trained"
    assert cells(text, "LSTM6", "1e-3") == [[*train, *test, "0.0787", "2", told]]
    nothing = ["0.9489", "-", "0.8208", "-", "-", "-", "0", "none yet"]
    assert cells(text, "LSTM6", "1e-4") == [nothing]


def test_lines_apart_stand_in_rows_of_their_own(tmp_path):
    frozen = row(IMDB, 0.7, variant="lstm6", train_embedding=False)
    lines = measured(tmp_path, row(IMDB, 0.8, variant="lstm6"), frozen)
    found = cells(full_table(ETA, lines), "LSTM6", "1e-3")
    assert sorted((line[3], line[-1].split(", ")[-1]) for line in found) == [
        ("0.7000", "embedding frozen"),
        ("0.8000", "embedding trained"),
    ]


def test_nothing_is_compared_with_a_rate_that_is_unknown_or_a_slip(tmp_path):
    lines = measured(tmp_path, row(IMDB, 0.7775, eta=2e-3))
    text = full_table(ETA, lines)
    lost = ["0.9600", "-", "0.7775", "-", "-", "-", "0", "not compared"]
    assert cells(text, "LSTM", SLIP) == [lost]
    assert cells(full_table(NEWS_ETA, []), "LSTM", UNKNOWN)[1] == lost
    assert "imdb 1" not in text
    others = other_lines([ETA], lines, ["train", "paper"])
    assert cells(others, "LSTM", "100", "2e-3")[0][1] == "0.7775"


def test_a_score_of_an_experiment_is_a_measure(tmp_path):
    lines = measured(tmp_path, row(IMDB, 0.77, eta=2e-3))
    text = other_lines([ETA], lines, scores("imdb"))
    heads, _, (*_, clean, paper, _, _) = cells(text)
    assert heads[3:5] == ["test accuracy, `clean`", "test accuracy, `paper`"]
    assert (clean, paper) == ("0.7600", "0.7700")
    assert lower("best.test_cer", "handwriting")
    assert not lower("clean.test_accuracy", "imdb")


def test_lines_with_a_place_are_no_others(tmp_path):
    assert other_lines([ETA], measured(tmp_path, row(IMDB)), ["paper"]) == ""


def test_diverged_runs_are_told(tmp_path):
    diverged = row(IMDB, seed=4) | {"status": "diverged"}
    text = full_table(ETA, measured(tmp_path, row(IMDB), diverged))
    assert cells(text, "LSTM", "1e-3")[0][-2] == "1 (1 diverged)"


def test_cells_without_a_number_and_a_run_are_told_together(tmp_path):
    table = TABLES["section-4-1-3"]
    made = row(IMDB, variant="lstm6", forget=0.4, eta=1e-4)
    text = full_table(table, measured(tmp_path, made))
    assert len(cells(text, "LSTM6")) == 1
    assert "No runs yet: LSTM, 100; LSTM6, 100, 0.56; " in text


def pair(base, variant, train, test, **changes):
    made = row(base, test, variant=variant, **changes)
    return made | {"train_accuracy": train}


def test_the_nearest_run_has_the_smallest_of_the_larger_distances(tmp_path):
    """Printed for LSTM: 0.9906 / 0.8856 and 1.0000 / 0.8868."""
    made = [
        pair(IMDB, "lstm", 0.9906, 0.80, eta=1e-2),  # exact in training alone
        pair(IMDB, "lstm", 0.96, 0.86, eta=2e-3),
        pair(IMDB, "lstm", 0.90, 0.8856, eta=1e-4),  # exact on the test set alone
        pair(IMDB, "lstm", 1.0, 0.89, eta=1e-3),
        pair(IMDB, "lstm", 0.9906, 0.8856, eta=1e-3, units=200),  # of another size
    ]
    text = short_table(ETA, measured(tmp_path, *made))
    (first,) = cells(text, "LSTM", "1e-4")
    printed_and_measured = ["0.9906", "1.0000", "0.8856", "0.8900", "0.8800"]
    assert first[:7] == [*printed_and_measured, "0.0094", "1"]
    assert "eta = 1e-3" in first[7]
    assert cells(text, "LSTM", "1e-3")[0][5] == "0.0032"
    assert cells(text, "LSTM", SLIP)[0][5:] == ["-", "0", "not compared"]
    assert cells(text, "LSTM6", "1e-3")[0][5:] == ["-", "0", "none yet"]


def test_the_longest_of_a_training_counts_whatever_its_seeds(tmp_path):
    """Though a shorter one had the printed numbers, and one that diverged as well."""
    made = [pair(NEWS, "lstm", 0.9581, 0.775, epochs=4, seed=s) for s in (3, 4, 5)]
    made.append(pair(NEWS, "lstm", 0.99, 0.79, epochs=9))
    made.append(pair(NEWS, "lstm", 0.9581, 0.775, epochs=20) | {"status": "diverged"})
    text = short_table(NEWS_ETA, measured(tmp_path, *made))
    (middle,) = cells(text, "LSTM", "1e-3")
    assert middle[5:7] == ["0.0319", "1"]
    assert "9 epochs" in middle[7]
    assert [line[5] for line in cells(text, "LSTM", UNKNOWN)] == ["0.0381", "0.0300"]


def test_on_the_first_page_cells_without_a_run_are_left_out(tmp_path):
    text = short_table(ETA, measured(tmp_path, row(IMDB)), run=True)
    assert [len(cells(text, name)) for name in ("LSTM", "LSTM6")] == [1, 0]


def test_a_table_whose_heads_are_known_has_no_nearest_run(tmp_path):
    (paper,) = (paper for paper in papers() if ETA in paper.tables)
    lines = measured(tmp_path, row(IMDB, initialisation="authors", eta=1e-4))
    text = paper_table(paper, TABLES["authors-figure"], lines)
    assert "off by" not in text
    assert "<details>" not in text
    assert "off by" in paper_table(paper, ETA, lines)


def test_a_table_with_the_layers_across(tmp_path):
    rows = [handwriting_row(rate, seed=seed) for seed, rate in enumerate((0.2, 0.3))]
    rows.append(handwriting_row(0.9, epochs=9))  # longer, of fewer seeds
    lines = measured(tmp_path, *rows)
    text = short_table(TABLES["words"], lines)
    assert cells(text, "layers") == [["LSTM", "LSTM11", "LSTM_C6", "IndyLSTM"]]
    assert cells(text, "2") == [["-", "-", "-", "0.2500 ± 0.0707"]]
    full = cells(full_table(TABLES["words"], lines), "2", "IndyLSTM")
    assert full[0][:3] == ["200,000", "0.2500 ± 0.0707", "0.2400 ± 0.0707"]


def test_one_slow_run_does_not_make_the_others_slow(tmp_path):
    rows = [
        row(IMDB, seed=seed) | {"seconds_per_epoch": seconds}
        for seed, seconds in enumerate((10.0, 12.0, 400.0))
    ]
    text = commands_table(measured(tmp_path, *rows))
    assert cells(text, "imdb 1")[0][-1] == "12.0"


def test_the_adding_problem(tmp_path):
    rows = [adding_row(0.005), adding_row(0.168, variant="rnn_tanh")]
    text = full_table(TABLES["figure-4"], measured(tmp_path, *rows))
    # 0.005^(3/4) is still above 0.01.
    solved = cells(text, "1000", "IndRNN")[0][:5]
    assert solved == ["5000", "400", "0.0050", "0.0050", "1"]
    assert cells(text, "1000", "RNN-tanh")[0][:3] == ["-", "-", "0.1680"]


def test_the_error_is_that_of_the_chosen_epoch(tmp_path):
    made = row(PIXELS, 0.985)  # its chosen epoch has 0.975
    text = full_table(TABLES["table-3"], measured(tmp_path, made))
    shown = cells(text, "in order", "plain", "6")[0][:4]
    assert shown == ["1.00", "2.50", "0.9904", "0.9750"]


def test_the_counts_of_the_library_are_the_printed_ones():
    table = TABLES["tables-1-2"]
    text = counts_table(table)
    for cell in table.cells:
        printed = f"{cell.printed['weights']:,}"
        assert text.count(f"{printed} |") == 2
