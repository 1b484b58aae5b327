"""Claims about error rates: which lines are compared, and what counts as better."""

import pytest
from hypothesis import given, strategies as st
from scipy import stats

from experiments.report.claims import CLAIMS, Better
from experiments.report.judge import FAILS, FEW, HOLDS, OPEN, judge, verdict
from experiments.report.pairs import half_interval
from experiments.report.rows import read
from tests.experiments.report.support import handwriting_row, results

(CER, BEST, GAP, GAP_UNITS) = (
    claim
    for claim in CLAIMS
    if isinstance(claim, Better) and claim.experiment == "handwriting"
)
NOISE = (-0.001, 0.0, 0.001)
WRITERS = (-0.05, 0.0, 0.05)  # some are harder to read, whatever the layer


def lstm(mean, *, weights=10_000, train=0.0, seeds=(0, 1, 2), noise=WRITERS, **changes):
    """The rows of a line whose error rate on test words has this mean."""
    rows = []
    for seed, error in zip(seeds, noise, strict=False):
        settings = {"variant": "lstm", "epochs": 15, "seed": seed} | changes
        made = handwriting_row(mean + error, **settings)
        made["best"]["train_cer"] = train + error
        rows.append(made | {"model_parameters": weights})
    return rows


def indylstm(mean, **changes):
    """Its noise is that of the writers and a little of its own."""
    noise = [w + n for w, n in zip(WRITERS, NOISE, strict=True)]
    return lstm(mean, **{"noise": noise, "variant": "indylstm", **changes})


def cases(claim, folder, *rows):
    return judge(claim, read(results(folder, *rows)))


def say(claim, folder, *rows):
    return verdict(claim, cases(claim, folder, *rows))


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(0.18, HOLDS), (0.197, HOLDS), (0.198, OPEN), (0.202, OPEN), (0.203, FAILS)],
)
def test_fewer_errors_are_better_seed_by_seed(mean, expected, tmp_path):
    """The writers differ by more than the layers: only their own runs can tell."""
    assert say(CER, tmp_path, *lstm(0.2), *indylstm(mean, units=90)) == expected


VARYING = st.lists(st.integers(0, 1000), min_size=2, max_size=8).filter(
    lambda values: len(set(values)) > 1
)


@given(VARYING, VARYING)
def test_the_interval_is_that_of_the_t_test(ours, theirs):
    low, high = stats.ttest_1samp(ours, 0).confidence_interval(0.95)
    assert half_interval(ours) == pytest.approx((high - low) / 2)
    welch = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert half_interval(ours, theirs) == pytest.approx((high - low) / 2)


def test_equal_values_have_no_interval():
    assert half_interval([0.5] * 3) == half_interval([0.5] * 3, [0.7] * 2) == 0


def test_only_runs_on_the_same_words_are_compared(tmp_path):
    rows = lstm(0.2)
    apart = indylstm(0.1, seeds=(3, 4, 5))
    assert cases(CER, tmp_path / "apart", *rows, *apart) == []
    crossed = indylstm(0.1, seeds=(4, 2, 5))  # as seed 2, the second one has noise 0
    (case,) = cases(CER, tmp_path / "crossed", *rows, *crossed)
    assert (case.difference, case.verdict) == ("-0.1500", FEW)
    assert case.right == "LSTM, n = 64, 10,000 weights: 0.2500 (handwriting 1, 1 seed)"
    (case,) = cases(CER, tmp_path / "two", *rows, *indylstm(0.1, seeds=(0, 1)))
    assert case.verdict == FEW


@pytest.mark.parametrize(
    ("weights", "compared"), [(9_700, 1), (10_300, 1), (9_690, 0), (10_310, 0)]
)
def test_as_many_weights(weights, compared, tmp_path):
    rows = [*lstm(0.2, train=0.1), *indylstm(0.1, train=0.1, weights=weights, units=90)]
    found = read(results(tmp_path, *rows))
    for claim in (CER, GAP):
        assert len(judge(claim, found)) == compared
    assert judge(GAP_UNITS, found) == []


@pytest.mark.parametrize(
    "change",
    [{"layers": 3}, {"eta": 1e-3}, {"alphabet": "all"}, {"epochs": 20}],
    ids=lambda change: next(iter(change)),
)
def test_lines_that_differ_otherwise_are_not_compared(change, tmp_path):
    found = read(results(tmp_path, *lstm(0.2), *indylstm(0.1, **change)))
    for claim in (CER, GAP, GAP_UNITS):
        assert judge(claim, found) == []


@pytest.mark.parametrize(
    ("train", "expected"), [(0.12, HOLDS), (0.1, OPEN), (0.0, FAILS)]
)
@pytest.mark.parametrize("claim", [GAP, GAP_UNITS], ids=["weights", "units"])
def test_overfitting_is_test_less_train(claim, train, expected, tmp_path):
    """Whatever the errors on test words alone say."""
    rows = [*lstm(0.4, train=0.3), *indylstm(0.2, train=train, noise=NOISE)]
    for made, error in zip(rows, (*NOISE, *NOISE[::-1]), strict=True):
        made["best"]["train_cer"] += error
    folder = results(tmp_path, *rows)
    assert verdict(claim, judge(claim, read(folder))) == expected
    assert verdict(CER, judge(CER, read(folder))) == HOLDS


def test_as_many_units(tmp_path):
    rows = [*lstm(0.2, train=0.1), *indylstm(0.15, train=0.1, weights=2_000)]
    found = read(results(tmp_path, *rows))
    assert verdict(GAP_UNITS, judge(GAP_UNITS, found)) == HOLDS
    assert judge(GAP, found) == judge(CER, found) == []


def sizes(make, *means):
    return [
        r for layers, mean in enumerate(means, 1) for r in make(mean, layers=layers)
    ]


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ((0.3, 0.3, 0.18), HOLDS),
        ((0.18, 0.3, 0.3), HOLDS),
        ((0.22, 0.22, 0.22), FAILS),
        ((0.1, 0.1), FEW),
    ],
    ids=["last", "first", "none", "two-sizes"],
)
def test_the_best_of_all_sizes(means, expected, tmp_path):
    """The worst ones would say the opposite."""
    rows = [*sizes(lstm, 0.25, 0.2, 0.25), *sizes(indylstm, *means)]
    found = cases(BEST, tmp_path, *rows)
    assert verdict(BEST, found) == expected
    assert len(found) == (expected != FEW)
    assert all(case.what.startswith("best of 3 and of 3 lines") for case in found)
    assert all("LSTM, 2 layers, n = 64, 10,000" in case.right for case in found)


def test_one_lucky_seed_is_no_best_line(tmp_path):
    rows = [*sizes(lstm, 0.25, 0.2, 0.25), *sizes(indylstm, 0.22, 0.22, 0.22)]
    rows += indylstm(0.1, layers=4, seeds=(0,))
    assert say(BEST, tmp_path, *rows) == FAILS


def test_the_best_is_sought_among_lines_alike(tmp_path):
    rows = [*sizes(lstm, 0.25, 0.2, 0.25), *sizes(indylstm, 0.22, 0.22, 0.22)]
    other = {"alphabet": "all"}
    rows += [r | other | {"run": f"{r['run']} all"} for r in sizes(indylstm, 0.1, 0.1)]
    assert say(BEST, tmp_path, *rows) == FAILS
