"""The page about speed: the newest row of each shape, ratios, engines apart."""

from experiments.report.papers import papers
from experiments.report.speed import (
    engine_tables,
    mask_table,
    newest,
    page,
    range_table,
    step_tables,
    studied,
    unmasked,
)
from tests.experiments.report.support import cells, speed


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
    ranges = cells(range_table(rows), "jax", "LSTM6")
    assert ranges == [["3.00 (2.00-4.00)", "4.00"]]
    assert cells(mask_table(rows), "LSTM6") == [["1.50"]]


def test_engines_stand_apart():
    alone = {
        "model": "layer",
        "B": 1,
    }
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
    of = {
        "model": "layer",
        "device": "gpu",
    }
    one = of | {"engines": "scan:1,scan"}
    rows = [
        speed("lstm6", 9.0, **of, engines="auto"),  # before steps at once were kept
        speed("lstm6", 8.0, **one | {"engine": "scan:1"}, at_once=1),
        speed("lstm6", 4.0, **one | {"engine": "scan"}, at_once=8),
        speed("lstm6", 5.0, **one | {"engine": "scan:2"}, at_once=2),
    ]
    text = engine_tables(rows)
    assert [head[4:] for head in cells(text, "layer")] == [
        ["auto"],
        ["scan:1", "scan, 8 at once", "scan:2"],
    ]
    assert "p, jax, layer: auto<" in text
    assert "p, jax, layer: scan:1, scan<" in text


def test_stacks_stand_behind_their_layer():
    names = ("indrnn x2", "indrnn", "keras.layers.LSTM")
    rows = [speed(name, 10.0, model="adding") for name in names]
    text = step_tables(unmasked(rows, "adding"))
    assert cells(text, "T") == [
        ["n", "`keras.layers.LSTM`", "IndRNN", "IndRNN, 2 layers"]
    ]


def test_the_newest_machine_stands_on_top_and_studies_nowhere():
    old = speed("keras.layers.LSTM", 10.0, processor="old")
    new = [
        speed(name, 10.0, processor="new") for name in ("keras.layers.LSTM", "lstm6")
    ]
    study = speed("lstm_c6", 1.0, engines="auto,parallel", engine="parallel")
    assert studied(study)
    text = page([old, *new, study], papers())
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## new",
        "## old",
    ]
    assert text.index("## new") < text.index("An older machine") < text.index("## old")
    assert "LSTM_C6" not in text
