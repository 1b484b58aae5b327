"""The table's promise: any legal row is a layer, with the oracle's numbers."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import Phase, example, given, settings, strategies as st

from slim_keras.cells import SlimCell
from slim_keras.layers import SlimLayer
from slim_keras.variants import VARIANTS, Variant
from tests.slim_keras import oracle, support
from tests.slim_keras.support import BACKEND, BATCH, FEATURES, STEPS, UNITS

SUBSETS = [
    "".join(terms) for n in range(1, 5) for terms in itertools.combinations("WUub", n)
]
GATES = st.sampled_from([*SUBSETS, 1.0, 0.5, -1.5])
ROWS = st.tuples(
    GATES,
    st.sampled_from([*SUBSETS, 0.0, 0.4, -0.7]),
    st.sampled_from([terms for terms in SUBSETS if "W" in terms]),
    GATES,
    st.booleans(),
)
NUMBERS = itertools.count()


def layer_class(i, f, c, o, linear_body):
    """A variant made as the shipped ones are: a row, a cell, a layer."""
    number = next(NUMBERS)
    row = Variant(f"row{number}", f"Row{number}", i, f, c, o, "none", linear_body)
    VARIANTS[row.key] = row
    oracle.VARIANTS[row.key] = oracle.row(i, f, c, o, linear_body)
    cell = type(f"{row.name}Cell", (SlimCell,), {}, key=row.key)
    return type(row.name, (SlimLayer,), {}, cell=cell)


@pytest.fixture(autouse=True, scope="module")
def tables_stay_as_they_are():
    tables = [VARIANTS, oracle.VARIANTS]
    shipped = [dict(table) for table in tables]
    yield
    for table, rows in zip(tables, shipped, strict=True):
        table.clear()
        table.update(rows)


# Every example compiles passes of its own, hence so few, and none to shrink one.
@settings(
    max_examples=30 if BACKEND == "torch" else 2,
    phases=[Phase.explicit, Phase.generate],
)
@given(row=ROWS, engine=st.sampled_from(["scan", "loop"]), masked=st.booleans())
@example(row=(1.0, 0.4, "Wub", 0.5, False), engine="scan", masked=False)
@example(row=("Wu", "u", "WU", -1.5, False), engine="scan", masked=True)
@example(row=("W", 0.4, "WU", "u", False), engine="scan", masked=False)
@example(row=(0.5, 0.0, "Wu", 1.0, True), engine="scan", masked=True)
def test_any_legal_row(row, engine, masked):
    rng = np.random.default_rng(0)
    layer = layer_class(*row)(
        UNITS, return_sequences=True, return_state=True, engine=engine
    )
    layer.build((None, None, FEATURES))
    support.randomise(layer, rng)
    sizes = {"W": FEATURES * UNITS, "U": UNITS**2, "u": UNITS, "b": UNITS}
    terms = [term for block in row[:4] if isinstance(block, str) for term in block]
    assert layer.count_params() == sum(sizes[term] for term in terms)

    x, states = support.floats(rng, BATCH, STEPS, FEATURES), support.states(layer, rng)
    mask = support.mask(rng) if masked else None
    support.is_the_oracle(layer, x, support.slopes(layer, rng), states, mask)


def test_a_row_without_any_bias_trains_and_is_saved(tmp_path, rng):
    layer = layer_class("W", "u", "WU", 1.0, False)(UNITS)
    assert not layer.cell.use_bias
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), layer])
    model.compile("sgd", "mse")
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    model.fit(x, support.floats(rng, BATCH, UNITS), verbose=0)
    support.close([model.predict(x, verbose=0)], support.expected(layer, x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    support.close(support.outputs(loaded, x), support.outputs(model, x), atol=0)
    with pytest.raises(ValueError, match="`use_bias`, because it has no bias"):
        type(layer)(UNITS, use_bias=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"i": ""}, "`i` .* must be letters .* Received: i=''"),
        ({"i": "bW"}, "`i` .* in this order.* Received: i='bW'"),
        ({"i": 0.0}, "`i` .* float other than 0"),
        ({"i": 1}, "`i` .* Received: i=1"),
        ({"o": "x"}, "`o` .* Received: o='x'"),
        ({"o": float("inf")}, "`o` .* Received: o=inf"),
        ({"f": 1.0}, "`f` .* float between -1 and 1"),
        ({"f": float("nan")}, "`f` .* Received: f=nan"),
        ({"c": "Ub"}, '`c` .* with "W" among them.* Received'),
        ({"c": 1.0}, "`c` .* Received: c=1.0"),
    ],
    ids=str,
)
def test_rows_that_are_none(changes, message):
    blocks = {"i": "Wu", "f": "Wu", "c": "Wu", "o": "Wu"} | changes
    with pytest.raises(ValueError, match=message):
        Variant("mine", "Mine", **blocks, paper="none")
