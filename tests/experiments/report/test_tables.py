"""The papers' tables: their numbers, and which runs stand beside them."""

import re
from pathlib import Path

import keras
import pytest

from experiments.grid import definition
from experiments.report.papers import COUNTS, SLIP, TABLES, UNKNOWN
from experiments.report.rows import read
from experiments.report.speed import (
    engine_tables,
    mask_table,
    newest,
    range_table,
    step_tables,
    unmasked,
)
from experiments.report.tables import (
    commands_table,
    counts_table,
    other_lines,
    paper_table,
)
from tests.experiments.report.support import (
    IMDB,
    PIXELS,
    adding_row,
    handwriting_row,
    results,
    row,
)

CONFIGS = Path(__file__).parents[3] / "configs"
BY_GRID = {paper.grid: paper for paper in TABLES}
ETA = BY_GRID["imdb_eta.toml"]


def cells(text, *start):
    """The cells of the rows of a Markdown table that start with some cells."""
    rows = [[c.strip() for c in x.split("|")[1:-1]] for x in text.splitlines()]
    return [row[len(start) :] for row in rows if tuple(row[: len(start)]) == start]


def measured(folder, *rows):
    return read(results(folder, *rows)).lines["imdb"]


@pytest.mark.parametrize("grid", sorted(BY_GRID))
def test_the_grid_of_a_table_trains_all_of_it(grid):
    paper = BY_GRID[grid]
    change = [f"backend={keras.config.backend()}"]
    runs = definition.read(CONFIGS / grid, change, "runs")
    assert {run.experiment for run in runs} == {paper.experiment}
    for cell in paper.cells:
        wanted = paper.settings | cell.settings
        if not {UNKNOWN, SLIP} & {str(x) for x in wanted.values()}:
            assert any(wanted.items() <= run.settings.items() for run in runs), wanted


@pytest.mark.parametrize(
    "grid", ["imdb_eta.toml", "imdb_units.toml", "newsgroups_eta.toml"]
)
def test_printed_pairs_are_those_in_the_comments_of_the_grid(grid):
    text = (CONFIGS / grid).read_text()
    written = re.findall(r"(\d\.\d{4}) / (\d\.\d{4})", text)
    pairs = [
        (f"{cell.printed['train']:.4f}", f"{cell.printed['paper']:.4f}")
        for cell in BY_GRID[grid].cells
        if BY_GRID[grid] is not ETA or cell.settings["eta"] != SLIP
    ]
    assert written == pairs


def test_the_figure_of_the_authors_is_that_in_the_comments_of_its_grid():
    text = (CONFIGS / "imdb_authors_grid.toml").read_text()
    row = r"#   (LSTM\d?) +[>= ]*([\d.]+) +([\d.]+) +\((\d+)\) +([\d.]+)"
    written = [
        (name.lower(), *map(float, numbers)) for name, *numbers in re.findall(row, text)
    ]
    paper = BY_GRID["imdb_authors_grid.toml"]
    assert written == [
        (cell.settings["variant"], *cell.printed.values()) for cell in paper.cells
    ]


def test_the_slip_is_the_column_of_the_other_table():
    columns = [
        [cell.printed for cell in BY_GRID[grid].cells][2::3]
        for grid in ("imdb_eta.toml", "newsgroups_eta.toml")
    ]
    assert columns[0] == columns[1]


def test_measured_beside_printed(tmp_path):
    rows = [row(IMDB, a, seed=s, variant="lstm6") for s, a in ((3, 0.80), (4, 0.82))]
    text = paper_table(ETA, measured(tmp_path, *rows))
    train = ["0.9387", "0.8600 ± 0.0141"]
    test = ["0.8026", "0.8100 ± 0.0141", "0.8000 ± 0.0141"]
    told = "imdb 1: 4 epochs, f = 0.4, embedding trained"
    assert cells(text, "LSTM6", "1e-3") == [[*train, *test, "2", told]]
    nothing = ["0.9489", "-", "0.8208", "-", "-", "0", "none yet"]
    assert cells(text, "LSTM6", "1e-4") == [nothing]


def test_lines_apart_stand_in_rows_of_their_own(tmp_path):
    frozen = row(IMDB, 0.7, variant="lstm6", train_embedding=False)
    lines = measured(tmp_path, row(IMDB, 0.8, variant="lstm6"), frozen)
    found = cells(paper_table(ETA, lines), "LSTM6", "1e-3")
    assert sorted((line[3], line[-1].split(", ")[-1]) for line in found) == [
        ("0.7000", "embedding frozen"),
        ("0.8000", "embedding trained"),
    ]


def test_nothing_is_compared_with_a_rate_that_is_unknown_or_a_slip(tmp_path):
    lines = measured(tmp_path, row(IMDB, 0.7775, eta=2e-3))
    text = paper_table(ETA, lines)
    lost = ["0.9600", "-", "0.7775", "-", "-", "0", "not compared"]
    assert cells(text, "LSTM", SLIP) == [lost]
    news = paper_table(BY_GRID["newsgroups_eta.toml"], [])
    assert cells(news, "LSTM", UNKNOWN)[1] == lost
    assert "imdb 1" not in text
    assert cells(other_lines(lines), "LSTM", "100", "2e-3")[0][1] == "0.7775"


def test_lines_with_a_place_are_no_others(tmp_path):
    assert other_lines(measured(tmp_path, row(IMDB))) == ""


def test_diverged_runs_are_told(tmp_path):
    diverged = row(IMDB, seed=4) | {"status": "diverged"}
    text = paper_table(ETA, measured(tmp_path, row(IMDB), diverged))
    assert cells(text, "LSTM", "1e-3")[0][-2] == "1 (1 diverged)"


def test_one_slow_run_does_not_make_the_others_slow(tmp_path):
    rows = [
        row(IMDB, seed=seed) | {"seconds_per_epoch": seconds}
        for seed, seconds in enumerate((10.0, 12.0, 400.0))
    ]
    text = commands_table(measured(tmp_path, *rows))
    assert cells(text, "imdb 1")[0][-1] == "12.0"


def test_the_adding_problem(tmp_path):
    rows = [adding_row(0.005), adding_row(0.168, variant="rnn_tanh")]
    lines = read(results(tmp_path, *rows)).lines["adding"]
    text = paper_table(BY_GRID["adding.toml"], lines)
    # 0.005^(3/4) is still above 0.01.
    assert cells(text, "1000", "IndRNN")[0][:5] == [
        *("5000", "400", "0.0050", "0.0050", "1")
    ]
    assert cells(text, "1000", "RNN-tanh")[0][:5] == ["-", "-", "0.1680", "0.1680", "1"]


def test_the_error_is_that_of_the_chosen_epoch(tmp_path):
    made = row(PIXELS, 0.985)  # its chosen epoch has 0.975
    lines = read(results(tmp_path, made)).lines["pixel_mnist"]
    text = paper_table(BY_GRID["pixel_mnist.toml"], lines)
    assert cells(text, "in order", "plain", "6")[0][:4] == [
        *("1.00", "2.50", "0.9904", "0.9750")
    ]


def test_seeds_draw_other_handwriting(tmp_path):
    rows = [handwriting_row(rate, seed=seed) for seed, rate in enumerate((0.2, 0.3))]
    (line,) = read(results(tmp_path, *rows)).lines["handwriting"]
    text = paper_table(BY_GRID["handwriting.toml"], [line])
    assert cells(text, "2", "IndyLSTM")[0][:5] == [
        *(
            "200,000",
            "0.2500 ± 0.0707",
            "0.2400 ± 0.0707",
            "0.1250 ± 0.0354",
            "0.2500 ± 0.0707",
        )
    ]


def test_the_counts_of_the_library_are_the_printed_ones():
    text = counts_table()
    for count in COUNTS:
        assert text.count(f"| {count.printed:,} | {count.printed:,} |") == 1


def speed(layer, step_ms, **changes):
    base = {"experiment": "speed", "backend": "jax", "processor": "p", "model": "imdb"}
    base |= {"masked": False, "B": 32, "m": 32, "T": 500, "n": 100, "engine": "auto"}
    return base | {"layer": layer, "step_ms": step_ms} | changes


def test_speed():
    rows = newest(
        [
            speed("lstm6", 99.0),  # an older one
            speed("keras.layers.LSTM", 120.0),
            speed("torch.nn.LSTM", 60.0),
            speed("lstm6", 30.0),
            speed("keras.layers.LSTM", 180.0, masked=True),
            speed("lstm6", 45.0, masked=True),
            speed("keras.layers.LSTM", 10.0, T=100),
            speed("lstm6", 5.0, T=100),
        ]
    )
    steps = step_tables(unmasked(rows, "imdb"))
    assert cells(steps, "500", "100") == [
        ["120.0 (1.0x, 0.5x)", "60.0 (2.0x, 1.0x)", "30.0 (4.0x, 2.0x)"]
    ]
    assert cells(steps, "100", "100") == [["10.0 (1.0x, -)", "-", "5.0 (2.0x, -)"]]
    ranges = cells(range_table(rows), "jax", "p", "LSTM6")
    assert ranges == [["3.00 (2.00-4.00)", "4.00"]]
    assert cells(mask_table(rows), "LSTM6") == [["1.50"]]


def test_engines_stand_apart():
    alone = {"model": "layer", "B": 1, "forward_ms": 2.0}
    compared = alone | {"engines": "auto,parallel"}
    parallel = compared | {"engine": "parallel"}
    gpu = parallel | {
        "device": "gpu",
        "processor": "g",
        "step_gb_s": 9,
        "copy_gb_s": 99,
    }
    rows = [
        speed("lstm6", 7.0, **alone),
        speed("indrnn", 6.0, **alone),
        speed("indrnn", 8.0, **compared),
        speed("indrnn", 8.5, **compared, xla_flags="--fast"),
        speed("indrnn", 9.0, **parallel, newton_steps=3),
        speed("keras.layers.LSTM", 70.0, **compared | {"engine": None}),
        speed("keras.layers.LSTM", 1.0, **gpu | {"engine": "cudnn", "processor": "h"}),
        speed("indrnn", 5.0, **parallel, T=100, newton_steps=None),
        speed("indrnn", 4.0, **gpu, newton_steps=5),
    ]
    assert newest(rows) == [rows[1], rows[0]]
    text = engine_tables(rows)
    assert cells(text, "IndRNN", "1", "500", "32", "100") == [
        ["8.00 / 2.00", "9.00 / 2.00, 3 Newton steps"],
        ["8.50 / 2.00"],
        ["4.00 / 2.00, 5 Newton steps, 9 of 99 GB/s"],
    ]
    assert cells(text, "IndRNN", "1", "100", "32", "100") == [
        ["-", "5.00 / 2.00, fell to the loop"]
    ]
    assert "LSTM6" not in text
    lstm = [line for line in text.splitlines() if "keras.layers.LSTM" in line]
    assert len(lstm) == 1
    assert "1.00 / 2.00, 9 of 99 GB/s" in lstm[0]


def test_engines_that_were_compared_stand_together_and_say_their_steps_at_once():
    of = {"model": "layer", "device": "gpu", "forward_ms": 2.0}
    one = of | {"engines": "scan:1,scan"}
    rows = [
        speed("lstm6", 9.0, **of, engines="auto"),  # before steps at once were kept
        speed("lstm6", 8.0, **one | {"engine": "scan:1"}, at_once=1),
        speed("lstm6", 4.0, **one | {"engine": "scan"}, at_once=8),
        speed("lstm6", 5.0, **one | {"engine": "scan:2"}, at_once=2),
    ]
    text = engine_tables(rows)
    heads = [line for line in text.splitlines() if line.startswith("| layer")]
    assert [head.split(" | ")[5:] for head in heads] == [
        ["auto |"],
        ["scan:1", "scan, 8 at once", "scan:2 |"],
    ]
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "### jax, p: layer, auto",
        "### jax, p: layer, scan:1, scan",
    ]


def test_stacks_stand_behind_their_layer():
    names = ("indrnn x2", "indrnn", "keras.layers.LSTM")
    rows = [speed(name, 10.0, model="adding") for name in names]
    text = step_tables(unmasked(rows, "adding"))
    head = next(line for line in text.splitlines() if line.startswith("| T"))
    assert head.split(" | ")[2:] == [
        "`keras.layers.LSTM`",
        "IndRNN",
        "IndRNN, 2 layers |",
    ]
