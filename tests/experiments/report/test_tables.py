"""The tables: which runs stand beside which numbers."""

from dataclasses import replace
from pathlib import Path

import keras
import pytest

from experiments.core.errors import UserError
from experiments.grid import definition
from experiments.report.grids import progress
from experiments.report.lines import measure
from experiments.report.papers import SLIP, UNKNOWN, papers
from experiments.report.search import best_table
from experiments.report.speed import engine_tables, page, ratio_table, steps, studied
from experiments.report.tables import paper_table, runs_table
from tests.experiments.report.support import cells, lines, row, speed

CONFIGS = Path(__file__).parents[3] / "configs"
PAPERS = papers()
TABLES = {table.name: table for paper in PAPERS for table in paper.tables}
ETA, NEWS_ETA = TABLES["table-4"], TABLES["table-7"]
FORGET = TABLES["section-4-1-3"]


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


def test_printed_accuracies_are_typed_nowhere_else():
    tables = (TABLES[name] for name in ("table-4", "table-5", "table-7"))
    cells = [cell for table in tables for cell in table.cells]
    printed = {f"{x:.4f}" for cell in cells for x in cell.printed.values()} - {"1.0000"}
    root = CONFIGS.parent
    sources = [*(root / "experiments").rglob("*.py"), *CONFIGS.glob("*.toml")]
    for path in [*sources, *(root / "notebooks").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert [number for number in printed if number in text] == [], path


def test_claims_are_complete():
    for claim in (claim for paper in PAPERS for claim in paper.claims):
        assert claim.sentence.endswith(".")
        assert claim.experiment
        if claim.runs and not claim.than:
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
            'source = ""\ntable = "t"\nruns = { eta = 1e-2 }\n',
            "t has no cell for 'it'",
        ),
    ],
    ids=["torn", "key", "table", "cell"],
)
def test_a_file_that_is_wrong_is_named(text, message, tmp_path):
    (tmp_path / "1.toml").write_text(text)
    with pytest.raises(UserError, match=rf"1\.toml: .*{message}"):
        papers(tmp_path)


def test_measured_beside_printed(tmp_path):
    made = {"variant": "lstm", "initialisation": "authors", "eta": 1e-4}
    rows = [row(score=a, seed=s, **made) for s, a in ((3, 0.80), (4, 0.82))]
    frozen = row(score=0.7, train_embedding=False, **made)
    found = lines(tmp_path, *rows, frozen, row(eta=1e-4))
    text = paper_table(TABLES["authors-figure"], found)
    train, test = ["0.9900", "0.8600 ± 0.0141"], ["0.8870", "0.8100 ± 0.0141"]
    shown = {line[-1].rpartition(", ")[2]: line for line in cells(text, "LSTM")}
    assert shown["embedding trained"][:4] == [*train, *test]
    assert shown["embedding trained"][-3:-1] == ["0.8000 ± 0.0141", "2"]
    assert shown["embedding frozen"][3] == "0.7000"
    assert len(shown) == 2  # not the run with another initialisation
    assert cells(text, "LSTM5")[0][-2:] == ["0", "none yet"]
    assert "off by" not in text


def test_cells_without_a_number_and_a_run_are_told_together(tmp_path):
    made = [row(variant="lstm6", forget=0.4, eta=1e-4)]
    made.append(row(variant="lstm6", forget=0.4, eta=1e-4, seed=4))
    made[1]["status"] = "diverged"
    text = paper_table(FORGET, lines(tmp_path, *made))
    (line,) = cells(text, "LSTM6")
    assert line[-2] == "1 (1 diverged)"
    assert "No runs yet: LSTM, 100; LSTM6, 100, 0.56; " in text


def pair(experiment, train, test, **changes):
    return row(experiment, test, **changes) | {"train_accuracy": train}


def test_the_nearest_run_has_the_smallest_of_the_larger_distances(tmp_path):
    """Printed for LSTM: 0.9906 / 0.8856 and 1.0000 / 0.8868."""
    made = [
        pair("imdb", 0.9906, 0.80, dropout=0.1),  # exact in training alone
        pair("imdb", 1.0, 0.89, dropout=0.2),
        pair("imdb", 0.90, 0.8868, dropout=0.3),  # exact on the test set alone
        pair("imdb", 1.0, 0.8868, eta=1e-4),  # of another rate
        pair("imdb", 1.0, 0.8868, units=200),  # of another size
        pair("imdb", 0.9, 0.8, variant="lstm6", forget=0.56),
    ]
    found = lines(tmp_path, *made)
    text = paper_table(ETA, found)
    (middle,) = cells(text, "LSTM", "1e-3")
    printed_and_measured = ["1.0000", "1.0000", "0.8868", "0.8900", "0.8800"]
    assert middle[:8] == [*printed_and_measured, "0.0032", "-", "1"]
    assert "dropout = 0.2" in middle[8]
    assert cells(text, "LSTM", "1e-4")[0][5] == "0.0094"
    assert cells(text, "LSTM", SLIP)[0][5:] == ["-", "-", "0", "not compared"]
    assert cells(text, "LSTM6", "1e-3")[0][6:8] == ["0.56", "1"]
    assert cells(text, "LSTM6", "1e-4")[0][5:] == ["-", "-", "0", "none yet"]
    first_page = paper_table(ETA, found, run=True)
    assert [len(cells(first_page, name)) for name in ("LSTM", "LSTM6")] == [2, 1]


def test_the_longest_of_a_training_counts_whatever_its_seeds(tmp_path):
    """Though a shorter one had the printed numbers, and one that diverged as well."""
    made = [pair("newsgroups", 0.9581, 0.775, seed=seed) for seed in (3, 4, 5)]
    made.append(pair("newsgroups", 0.99, 0.79, epochs=9))
    lost = {"status": "diverged"}
    made.append(pair("newsgroups", 0.9581, 0.775, epochs=20) | lost)
    text = paper_table(NEWS_ETA, lines(tmp_path, *made))
    (middle,) = cells(text, "LSTM", "1e-3")
    assert [middle[5], middle[7]] == ["0.0319", "1"]
    assert "9 epochs" in middle[8]
    assert [line[5] for line in cells(text, "LSTM", UNKNOWN)] == ["-", "-"]


def test_a_table_with_the_layers_across(tmp_path):
    rows = [row("handwriting", rate, seed=n) for n, rate in enumerate((0.2, 0.3))]
    rows.append(row("handwriting", 0.9, epochs=9))  # longer, of fewer seeds
    text = paper_table(TABLES["words"], lines(tmp_path, *rows))
    assert cells(text, "layers") == [["LSTM", "LSTM11", "LSTM_C6", "IndyLSTM"]]
    assert cells(text, "2") == [["-", "-", "-", "0.2500 ± 0.0707"]]
    rows.append(row("handwriting", 0.6, variant="lstm", layers=2))
    together = replace(TABLES["words"], together=True)
    text = paper_table(together, lines(tmp_path / "more", *rows))
    assert cells(text, "layers") == [["LSTM", "LSTM11", "LSTM_C6", "IndyLSTM", "all"]]
    *_, of_all = cells(text, "2")[0]
    assert of_all == "0.3667 ± 0.2082"  # of 0.2, 0.3 and 0.6


def test_all_runs_with_their_measures_data_and_seconds(tmp_path):
    seconds = (10.0, 12.0, 400.0)  # one slow run does not make the others slow
    rows = [
        row(seed=n, data_checksum="9" * 64) | {"seconds_per_epoch": x}
        for n, x in enumerate(seconds)
    ]
    rows[2]["status"] = "diverged"
    found = lines(tmp_path, *rows, row())
    text = runs_table(found, ["clean.test_accuracy", "cer"])
    assert "test accuracy, `clean`" in text
    assert "CER" not in text  # no run has it
    (shown,) = (x for x in cells(text) if x[2] == "imdb 99999999")
    assert shown[3:5] == ["0.7900 ± 0.0000", "0, 1, 2 (1 diverged)"]
    assert shown[5:] == ["a processor", "11.0"]
    assert measure("best.test_cer", "handwriting").lower
    assert not measure("clean.test_accuracy", "imdb").lower


def test_the_adding_problem(tmp_path):
    rows = [row("adding", 0.005), row("adding", 0.168, variant="rnn_tanh")]
    text = paper_table(TABLES["figure-4"], lines(tmp_path, *rows))
    # 0.005^(3/4) is still above 0.01.
    solved = cells(text, "1000", "IndRNN")[0][:5]
    assert solved == ["5000", "400", "0.0050", "0.0050", "1"]
    assert cells(text, "1000", "RNN-tanh")[0][:3] == ["-", "-", "0.1680"]


def test_the_error_is_that_of_the_chosen_epoch(tmp_path):
    made = row("pixel_mnist", 0.985)  # its chosen epoch has 0.975
    text = paper_table(TABLES["table-3"], lines(tmp_path, made))
    shown = cells(text, "in order", "plain", "6")[0][:4]
    assert shown == ["1.00", "2.50", "0.9904", "0.9750"]


GRID = """
experiment = "imdb"
data = "imdb"
epochs = 4
activation = "sigmoid"
seeds = [3]
[[runs]]
variant = "lstm"
eta = [1e-3, 1e-4]
seeds = [3, 4]
[[runs]]
variant = "lstm6"
forget = [0.8, 0.9]
"""
LSTM6 = {"variant": "lstm6", "forget": 0.9}
LOST = {"status": "diverged"}


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "best.toml"
    path.write_text(GRID)
    return path


@pytest.mark.parametrize(
    ("made", "done"),
    [
        ([row(units=7), row(epochs=5), row(seed=5), row(data="imdb2")], 0),
        ([row(), row(seed=4, backend="jax"), row(**LSTM6, backend="torch")], 3),
    ],
)
def test_runs_of_a_grid_are_done_on_any_backend(made, done, grid, tmp_path):
    found = lines(tmp_path, *made)
    told = f"`python -m experiments.grid {tmp_path.name}/best.toml`: {done} of 6 runs"
    assert progress(grid, found).startswith(told)


def searched(grid, *validated):
    """The row of each layer, from rows and their validation accuracies."""
    rows = [one | {"validated": accuracy} for one, accuracy in validated]
    text = best_table(grid, lines(grid.parent, *rows))
    names, _, *others = cells(text) or [[], []]
    made = (dict(zip(names, x, strict=True)) for x in others)
    return {row["layer"]: row for row in made}


def test_the_first_seed_chooses_by_its_validation_accuracy(grid):
    made = searched(
        grid,
        (row(score=0.80), 0.7),
        (row(score=0.90, seed=4), 0.99),  # another seed does not choose
        (row(score=0.70, eta=1e-4), 0.8),
        (row(score=0.72, eta=1e-4, seed=4), 0.6),
        (row(score=0.74, eta=1e-4, seed=5), 0.7),  # one more than the grid has
        (row(score=0.95, eta=1e-2), 0.99),  # not in the search
    )
    assert made["LSTM"] == {
        "layer": "LSTM",
        "eta": "1e-4",
        "f": "-",
        "backend": "tensorflow",
        "tried": "2",
        "weights": "200,000",
        "of the layer": "53,200",
        "validation, seed 3": "0.8000",
        "test, `clean`": "0.7200 ± 0.0141",
        "epoch": "4.0 ± 0.0",
        "s per epoch": "10.0 ± 0.0",
        "seeds": "2",
        "runs": "imdb 1",
        "less LSTM": "-",
    }


def test_a_layer_against_the_first_one_by_the_seeds_that_did_not_choose(grid):
    scores = {3: 0.1, 4: 0.80, 5: 0.81}
    slim = LSTM6 | {"backend": "jax"}
    made = searched(
        grid,
        *((row(score=x, seed=s), 0.7) for s, x in scores.items()),
        *((row(score=0.05 + x, seed=s, **slim), 0.7) for s, x in scores.items()),
        (row(score=0.99, variant="lstm6", forget=0.8), 0.6),
    )
    # Student's t of 2 degrees of freedom, 4.3027, times the standard error 0.00707.
    assert made["LSTM6"]["less LSTM"] == "+0.0500 ± 0.0304"
    assert (made["LSTM6"]["f"], made["LSTM6"]["tried"]) == ("0.9", "2")
    assert made["LSTM6"]["backend"] == "jax"
    assert list(made) == ["LSTM", "LSTM6"]


def test_of_equals_the_smaller_and_of_two_backends_the_one_with_more_seeds(grid):
    small, wide = {"model_parameters": 100_000}, {"variant": "lstm6", "forget": 0.8}
    made = searched(
        grid,
        (row(score=0.80), 0.7),
        (row(score=0.80, **LSTM6), 0.7),
        (row(score=0.85, **wide) | small, 0.7),
        (row(score=0.90, **wide, backend="torch") | small, 0.7),
        (row(score=0.92, **wide, backend="torch", seed=4) | small, 0.7),
    )
    names = ("f", "backend", "tried", "weights", "seeds", "less LSTM")
    shown = [made["LSTM6"][name] for name in names]
    assert shown == ["0.8", "torch", "2", "100,000", "1", "+0.1200"]  # of one seed


def test_what_diverged_was_tried_and_is_not_chosen(grid):
    made = searched(
        grid,
        (row(score=0.80), 0.5),
        (row(score=0.70, eta=1e-4) | LOST, 0.9),
        (row(score=0.70, seed=4) | LOST, 0.9),
        (row(score=0.70, **LSTM6) | LOST, 0.9),
    )
    names = ("eta", "tried", "validation, seed 3", "test, `clean`", "seeds")
    shown = [made["LSTM"][name] for name in names]
    assert shown == ["1e-3", "2", "0.5000", "0.7900", "1 (1 diverged)"]
    names = ("validation, seed 3", "test, `clean`", "seeds", "less LSTM")
    shown = [made["LSTM6"][name] for name in names]
    assert shown == ["-", "-", "0 (1 diverged)", "-"]


def test_nothing_of_a_search_that_was_not_run(grid):
    assert searched(grid, (row(units=7), 0.7)) == {}


def test_speed_is_the_newest_of_each_shape():
    times = steps(
        [
            speed("lstm6", 99.0),  # an older one
            speed("keras.layers.LSTM", 120.0),
            speed("torch.nn.LSTM", 60.0),
            speed("lstm6", 30.0),
            speed("indrnn x2", 40.0),
            speed("keras.layers.LSTM", 180.0, masked=True),
            speed("lstm6", 45.0, masked=True),
            speed("keras.layers.LSTM", 10.0, T=100),
            speed("lstm6", 5.0, T=100),
        ]
    )
    names = ["keras.layers.LSTM", "torch.nn.LSTM", "lstm6", "indrnn x2"]
    assert list(times) == names
    ratios = ratio_table(times.droplevel("processor"))
    assert cells(ratios, "jax", "LSTM6") == [["3.00 (2.00-4.00)", "4.00"]]
    assert cells(ratios, "jax", "IndRNN, 2 layers") == [["3.00", "-"]]


def test_engines_stand_apart():
    alone = {"model": "layer", "B": 1}
    compared = alone | {"engines": "auto,parallel"}
    parallel = compared | {"engine": "parallel"}
    gpu = {"device": "gpu", "processor": "g", "step_gb_s": 9, "copy_gb_s": 99}
    gpu |= parallel
    one = {"model": "layer", "device": "gpu", "engines": "scan:1,scan"}
    rows = [
        speed("lstm6", 7.0, **alone),
        speed("indrnn", 8.0, **compared),
        speed("indrnn", 8.5, **compared, xla_flags="--fast"),
        speed("indrnn", 9.0, **parallel, newton_steps=3),
        speed("keras.layers.LSTM", 70.0, **compared | {"engine": None}),
        speed("keras.layers.LSTM", 1.0, **gpu | {"engine": "cudnn", "processor": "h"}),
        speed("indrnn", 5.0, **parallel, T=100, newton_steps=None),
        speed("indrnn", 4.0, **gpu, newton_steps=5),
        # Those that were compared stand together and say their steps at once.
        speed("lstm", 8.0, **one | {"engine": "scan:1"}, at_once=1),
        speed("lstm", 4.0, **one | {"engine": "scan"}, at_once=8),
    ]
    assert list(steps(rows)) == ["lstm6"]
    text = engine_tables(rows)
    assert cells(text, "IndRNN", "1", "500", "32", "100") == [
        ["8.00 / 2.00", "9.00 / 2.00, 3 Newton steps"],
        ["8.50 / 2.00"],
        ["4.00 / 2.00, 5 Newton steps, 9 of 99 GB/s"],
    ]
    assert cells(text, "IndRNN", "1", "100", "32", "100") == [
        ["-", "5.00 / 2.00, fell to the loop"]
    ]
    assert ["scan:1", "scan, 8 at once"] in [x[4:] for x in cells(text, "layer")]
    assert "p, jax, layer: scan:1, scan<" in text
    assert "LSTM6" not in text
    assert text.count("keras.layers.LSTM") == 1


def test_the_newest_machine_stands_on_top_and_studies_nowhere():
    rows = [
        speed(name, 10.0, processor=processor)
        for processor in ("old", "new")
        for name in ("keras.layers.LSTM", "lstm6")
    ]
    study = speed("lstm_c6", 1.0, engines="auto,parallel", engine="parallel")
    assert studied(study)
    text = page([*rows, study], PAPERS)
    assert text.index("## new") < text.index("An older machine") < text.index("## old")
    assert "LSTM_C6" not in text
