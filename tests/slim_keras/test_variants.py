"""Parameter counts against the papers' tables."""

import pytest
from hypothesis import given, strategies as st

import slim_keras
from slim_keras.variants import VARIANTS

SIZES = ((32, 100), (28, 100), (28, 50), (1, 100), (128, 128))
# The table of typical sizes, one column per size.
COUNTS = {
    "lstm": (53_200, 51_600, 15_800, 40_800, 131_584),
    "lstm1": (43_600, 43_200, 11_600, 40_500, 82_432),
    "lstm2": (43_300, 42_900, 11_450, 40_200, 82_048),
    "lstm3": (13_600, 13_200, 4_100, 10_500, 33_280),
    "lstm4": (13_600, 13_200, 4_100, 10_500, 33_280),
    "lstm4a": (13_400, 13_000, 4_000, 10_300, 33_024),
    "lstm5": (13_900, 13_500, 4_250, 10_800, 33_664),
    "lstm5a": (13_500, 13_100, 4_050, 10_400, 33_152),
    "lstm6": (13_300, 12_900, 3_950, 10_200, 32_896),
    "lstm10": (3_700, 3_300, 1_650, 600, 17_024),
    "lstm11": (4_000, 3_600, 1_800, 900, 17_408),
    "lstm_c6": (3_400, 3_000, 1_500, 300, 16_640),
    "indylstm": (13_600, 12_000, 6_000, 1_200, 66_560),
    "indrnn": (3_400, 3_000, 1_500, 300, 16_640),
}
# The column "trainable params" of the defining equations, and the biases in it.
FORMULAS = {
    "lstm": (lambda m, n: 4 * (n * m + n**2 + n), 4),
    "lstm1": (lambda m, n: n * m + 4 * n**2 + 4 * n, 4),
    "lstm2": (lambda m, n: n * m + 4 * n**2 + n, 1),
    "lstm3": (lambda m, n: n * m + n**2 + 4 * n, 4),
    "lstm4": (lambda m, n: n * m + n**2 + 4 * n, 1),
    "lstm4a": (lambda m, n: n * m + n**2 + 2 * n, 1),
    "lstm5": (lambda m, n: n * m + n**2 + 7 * n, 4),
    "lstm5a": (lambda m, n: n * m + n**2 + 3 * n, 2),
    "lstm6": (lambda m, n: n * m + n**2 + n, 1),
    "lstm10": (lambda m, n: n * m + 5 * n, 1),
    "lstm11": (lambda m, n: n * m + 8 * n, 4),
    "lstm_c6": (lambda m, n: n * m + 2 * n, 1),
    "indylstm": (lambda m, n: 4 * n * (m + 2), 4),
    "indrnn": (lambda m, n: n * (m + 2), 1),
}


def test_every_variant_is_counted():
    assert set(VARIANTS) == set(COUNTS) == set(FORMULAS)


def test_counts_of_the_papers():
    """`test_weights` holds a built layer to its count."""
    for key, counts in COUNTS.items():
        assert tuple(VARIANTS[key].parameters(*size) for size in SIZES) == counts


@given(key=st.sampled_from(sorted(FORMULAS)), m=st.integers(1, 999), data=st.data())
def test_closed_formulas(key, m, data):
    n = data.draw(st.integers(1, 999))
    formula, biases = FORMULAS[key]
    assert VARIANTS[key].parameters(m, n) == formula(m, n)
    assert VARIANTS[key].parameters(m, n, use_bias=False) == formula(m, n) - biases * n


def test_get():
    for key, row in VARIANTS.items():
        layer = slim_keras.get(key)
        assert layer is getattr(slim_keras, row.name)
        assert layer.__name__ == row.name
        assert layer.cell_class is getattr(slim_keras, f"{row.name}Cell")
        assert layer(3).variant is row
    with pytest.raises(
        ValueError, match=r"`key` must be one of lstm, lstm1, .*lstm_c6"
    ):
        slim_keras.get("LSTM6")
