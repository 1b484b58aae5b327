"""Microcontrollers: what the rows count, and what the page says of them."""

import keras
import pytest

from experiments.edge import microcontroller as mc
from experiments.edge.models import cell_model
from experiments.report.microcontroller import page
from experiments.speed.contenders import BASELINE
from slim_keras import export

CORES = [core.name for core in mc.CORES]


@pytest.fixture(scope="module")
def rows():
    """A layer of ours and one of Keras, small."""
    return [row for layer in ("lstm_c6", BASELINE) for row in mc.measured(layer, 2, 3)]


def test_the_rows(rows):
    """`measured` itself compares the outputs of both cores with those of Keras."""
    kinds = {(row["layer"], row["core"], row["precision"]) for row in rows}
    assert len(kinds) == len(rows) == 2 * 2 * 2
    by_kind = {(r["layer"], r["core"], r["precision"]): r for r in rows}
    for (layer, core, precision), row in by_kind.items():
        assert row["weights"] == {"lstm_c6": 6 + 3 + 3, BASELINE: 24 + 36 + 12}[layer]
        assert row["weight_bytes"] <= 4 * row["weights"]
        assert row["state_bytes"] == 4 * 2 * 3
        assert row["stack_bytes"] > 0
        assert row["difference"] < (1e-6 if precision == "float32" else 0.1)
        slower = by_kind[layer, CORES[1], precision]
        if core == CORES[0]:  # which has an FPU
            assert 20 * row["instructions"] < slower["instructions"]
            assert row["code_bytes"] < slower["code_bytes"]
    small, large = (by_kind[x, CORES[0], "float32"] for x in ("lstm_c6", BASELINE))
    assert small["instructions"] < large["instructions"]


@pytest.mark.parametrize("core", mc.CORES, ids=CORES)
def test_instructions_one_by_one(core, tmp_path):
    """Blocks of instructions count as many as unicorn sees one after the other.

    It does not see those that a condition skips, which an M0+ has not.
    """
    import unicorn

    model = cell_model([keras.layers.LSTMCell(3)], 2)
    made = export.to_c(model, tmp_path / "one.c", quantize="weights", check=False)
    machine = mc.Machine(core, mc.compiled(made.path, core), made.state_bytes)
    seen = []
    machine.machine.hook_add(unicorn.UC_HOOK_CODE, lambda *_: seen.append(1))
    counted = machine.call("init", machine.state)
    counted += machine.call("step", machine.state, machine.x, machine.x + 8)
    skipped = counted - len(seen)
    assert skipped == 0 if core.name == "Cortex-M0+" else 0 < skipped < counted / 10


def test_the_page(rows):
    assert "No rows yet" in page([])
    # Our LSTM, with which the others are compared, is that of Keras in C.
    named = [row | {"layer": row["layer"].replace(BASELINE, "lstm")} for row in rows]
    older = [row | {"instructions": 1} for row in named]
    text = page([*older, *named])
    assert "counted, not timed" in text
    assert text.count("## Cortex-M") == 2
    for row in named:
        assert f" {row['instructions']:,} |" in text
        assert f"`{row['flags']}`" in text
    assert " 1.0 |" in text
