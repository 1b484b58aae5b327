"""Claims: each verdict by the rule that the report states."""

from statistics import mean, stdev

import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from experiments.report.claims import (
    FAILS,
    FEW,
    HOLDS,
    OPEN,
    RULE,
    compare,
    interval,
    sentence,
    verdict,
)
from experiments.report.papers import Claim, Paper, Table
from experiments.report.rows import Results, read
from tests.experiments.report.support import NEWS, handwriting_row, results, row, speed

PAPER = Paper(key="1", title="A paper", authors="them", link="", about="")
BETTER = Claim(
    text="LSTM_C6 is better than the LSTM.",
    source="Table 1",
    kind="better",
    experiment="newsgroups",
    epochs=100,
    same={"units": 128},
    runs={"variant": "lstm_c6"},
    than={"variant": "lstm"},
)
REACHES = Claim(
    text="The LSTM reaches {printed}.",
    source="Table 1",
    kind="reaches",
    experiment="newsgroups",
    epochs=100,
    runs={"variant": "lstm"},
    printed=0.77,
)
ERRORS = Claim(
    text="IndyLSTM makes fewer errors.",
    source="abstract",
    kind="better",
    experiment="handwriting",
    runs={"variant": "indylstm"},
    than={"variant": "lstm"},
    measures=["cer"],
)
NOISE = (-0.001, 0.0, 0.001)  # half the interval of a difference: 0.0023


def changed(claim, **changes):
    return Claim(**{**vars(claim), **changes})


def seeds(mean, noise=NOISE, base=NEWS, **changes):
    return [
        row(base, mean + error, seed=seed, **{"epochs": 100, **changes})
        for seed, error in enumerate(noise)
    ]


def found(claim, folder, *rows):
    return compare(PAPER, claim, read(results(folder, *rows)))


def say(claim, folder, *rows):
    return verdict(claim, found(claim, folder, *rows))


@pytest.mark.parametrize(
    ("slim", "expected"),
    [(0.79, HOLDS), (0.773, HOLDS), (0.771, OPEN), (0.769, OPEN), (0.75, FAILS)],
)
def test_a_difference_flips_with_the_numbers(slim, expected, tmp_path):
    rows = [*seeds(0.77), *seeds(slim, variant="lstm_c6")]
    assert say(BETTER, tmp_path, *rows) == expected


@pytest.mark.parametrize(
    ("slim", "expected"), [(0.763, HOLDS), (0.761, OPEN), (0.75, FAILS)]
)
def test_what_matches_may_be_a_little_worse(slim, expected, tmp_path):
    rows = [*seeds(0.77), *seeds(slim, variant="lstm_c6")]
    assert say(changed(BETTER, margin=0.01), tmp_path, *rows) == expected


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(0.77, HOLDS), (0.777, HOLDS), (0.763, HOLDS), (0.78, OPEN), (0.785, FAILS)],
)
def test_a_printed_number_is_reached(mean, expected, tmp_path):
    claim = changed(REACHES, measures=["paper"])
    assert say(claim, tmp_path, *seeds(mean)) == expected


@pytest.mark.parametrize("few", [0, 1])
def test_two_seeds_on_a_side_are_not_enough(few, tmp_path):
    noise = [NOISE, NOISE]
    noise[few] = NOISE[:2]
    rows = [*seeds(0.7, noise[0]), *seeds(0.8, noise[1], variant="lstm_c6")]
    assert say(BETTER, tmp_path, *rows) == FEW
    assert say(REACHES, tmp_path / "two", *seeds(0.77, NOISE[:2])) == FEW


def test_noise_is_weighed_and_samples_decide_nothing(tmp_path):
    noisy = seeds(0.7, (-0.1, 0.0, 0.1))
    slim = seeds(0.8, variant="lstm_c6")
    assert say(BETTER, tmp_path / "noise", *noisy, *slim) == OPEN
    sample = seeds(0.7, data="sample")
    assert say(BETTER, tmp_path / "sample", *sample, *slim) == FEW


@pytest.mark.parametrize(
    "change",
    [{"eta": 2e-3}, {"strip": ""}, {"epochs": 50}, {"backend": "jax"}],
    ids=lambda change: next(iter(change)),
)
def test_lines_that_differ_otherwise_are_not_compared(change, tmp_path):
    rows = [*seeds(0.7, **change), *seeds(0.8, variant="lstm_c6")]
    assert found(BETTER, tmp_path, *rows) == []
    named = changed(BETTER, than=BETTER.than | change)
    assert say(named, tmp_path / "named", *rows).split(",")[0] == HOLDS


def test_what_only_one_side_has_makes_no_difference(tmp_path):
    rows = seeds(0.7, gate_activation="hard_sigmoid_keras2")
    slim = seeds(0.8, variant="lstm_c6", forget=0.96)
    assert say(BETTER, tmp_path / "one", *rows, *slim) == HOLDS
    both = changed(BETTER, runs={"variant": "lstm5"})
    gated = seeds(0.8, variant="lstm5")
    assert say(both, tmp_path / "both", *rows, *gated) == FEW


def test_all_comparisons_must_agree(tmp_path):
    slim = {"variant": "lstm_c6"}
    rows = [*seeds(0.77), *seeds(0.77, classes=6), *seeds(0.79, **slim)]
    agreeing = [*rows, *seeds(0.79, **slim, classes=6)]
    assert say(BETTER, tmp_path / "agree", *agreeing) == HOLDS
    differing = [*rows, *seeds(0.75, **slim, classes=6)]
    comparisons = found(BETTER, tmp_path / "differ", *differing)
    assert {x.verdict for x in comparisons} == {HOLDS, FAILS}
    assert verdict(BETTER, comparisons) == OPEN


def test_protocols_must_agree(tmp_path):
    rows = seeds(0.7735)  # `clean` is 0.01 lower
    comparisons = found(REACHES, tmp_path, *rows)
    assert [x.verdict for x in comparisons] == [HOLDS, HOLDS]
    comparisons = found(REACHES, tmp_path / "differ", *seeds(0.77))
    assert [x.verdict for x in comparisons] == [HOLDS, OPEN]
    assert verdict(REACHES, comparisons) == OPEN


def test_shorter_runs_say_so(tmp_path):
    rows = [*seeds(0.77, epochs=20), *seeds(0.79, variant="lstm_c6", epochs=20)]
    assert say(BETTER, tmp_path, *rows) == "holds, after 20 of the paper's 100 epochs"
    named = changed(BETTER, runs=BETTER.runs | {"epochs": 20})
    rows = [*seeds(0.77, epochs=200), *seeds(0.79, variant="lstm_c6", epochs=20)]
    named = changed(named, than=BETTER.than | {"epochs": [100, 200]})
    said = say(named, tmp_path / "apart", *rows)
    assert said == "holds, after 20 of the paper's 100 epochs"


def test_a_sentence_holds_the_numbers_of_its_runs(tmp_path):
    claim = changed(BETTER, says="{paper[0].difference}, in short.")
    rows = [*seeds(0.77), *seeds(0.79, variant="lstm_c6")]
    comparisons = found(claim, tmp_path, *rows)
    assert sentence(claim, comparisons) == "+0.0200 ± 0.0023, in short."
    more = changed(claim, says="{paper[1].difference}")
    assert sentence(more, comparisons) == sentence(claim, []) == ""


WRITERS = (-0.05, 0.0, 0.05)  # some are harder to read, whatever the layer


def errors(mean, noise=WRITERS, weights=10_000, draws=(0, 1, 2), **changes):
    made = [
        handwriting_row(mean + error, seed=seed, **changes)
        for seed, error in zip(draws, noise, strict=True)
    ]
    return [one | {"model_parameters": weights} for one in made]


LSTM = {"variant": "lstm"}


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(0.18, HOLDS), (0.197, HOLDS), (0.198, OPEN), (0.202, OPEN), (0.203, FAILS)],
)
def test_fewer_errors_are_better_seed_by_seed(mean, expected, tmp_path):
    """The writers differ by more than the layers: only their own runs can tell."""
    noise = [w + n for w, n in zip(WRITERS, NOISE, strict=True)]
    rows = [*errors(0.2, **LSTM), *errors(mean, noise)]
    assert say(ERRORS, tmp_path, *rows) == expected


def test_only_runs_on_the_same_words_are_compared(tmp_path):
    rows = errors(0.2, **LSTM)
    apart = errors(0.1, draws=(2, 3, 4))
    assert found(ERRORS, tmp_path / "apart", *rows, *apart) == []
    crossed = errors(0.1, draws=(2, 1, 0))
    (comparison,) = found(ERRORS, tmp_path / "crossed", *rows, *crossed)
    assert comparison.verdict == OPEN


@pytest.mark.parametrize(
    ("weights", "compared"), [(9_700, 1), (10_300, 1), (9_690, 0), (10_310, 0)]
)
def test_as_many_weights(weights, compared, tmp_path):
    rows = [*errors(0.2, **LSTM), *errors(0.1, weights=weights, units=90)]
    claim = changed(ERRORS, equal_weights=True)
    assert len(found(claim, tmp_path, *rows)) == compared
    assert found(ERRORS, tmp_path / "units", *rows) == []


def test_overfitting_is_test_less_train(tmp_path):
    rows = [*errors(0.4, **LSTM), *errors(0.2)]
    for made, train in zip(rows, (0.3, 0.3, 0.3, 0.0, 0.0, 0.0), strict=True):
        made["best"]["train_cer"] = made["best"]["test_cer"] - 0.4 + train
    claim = changed(ERRORS, measures=["gap"])
    assert say(claim, tmp_path, *rows) == FAILS
    assert say(ERRORS, tmp_path / "cer", *rows) == HOLDS


VARYING = st.lists(st.integers(0, 1000), min_size=2, max_size=8)


@given(VARYING, VARYING)
@settings(deadline=None, max_examples=50)
def test_an_interval_is_around_the_mean_and_as_wide_as_students(ours, theirs):
    low, high = interval(ours)
    assert (low + high) / 2 == pytest.approx(mean(ours))
    half = stats.t.ppf(0.975, len(ours) - 1) * stdev(ours) / len(ours) ** 0.5
    assert (high - low) / 2 == pytest.approx(half)
    low, high = interval(ours, theirs)
    assert (low + high) / 2 == pytest.approx(mean(ours) - mean(theirs), abs=1e-9)


@pytest.mark.parametrize(
    ("times", "expected"),
    [((9.0, 9.0, 9.0), HOLDS), ((9.0, 11.0, 9.0), FAILS), ((9.0, 9.0), FEW)],
)
def test_faster_at_every_shape(times, expected):
    claim = Claim(
        text="",
        source="",
        kind="better",
        experiment="speed",
        runs={"layer": "lstm6"},
        than={"layer": "keras.layers.LSTM"},
    )
    rows = [
        speed(layer, ms, T=100 * place)
        for place, time in enumerate(times, start=1)
        for layer, ms in (("lstm6", time), ("keras.layers.LSTM", 10.0))
    ]
    everything = Results(lines={}, speed=rows, edge=[], samples=0)
    assert verdict(claim, compare(PAPER, claim, everything)) == expected


@pytest.mark.parametrize(("printed", "expected"), [(53_200, HOLDS), (53_201, FAILS)])
def test_weights_are_counted(printed, expected):
    table = Table(
        name="counts",
        title="",
        experiment="imdb",
        axes=["task", "variant", "inputs", "units", "directions"],
        printed=["weights"],
        rows=[["IMDB", "lstm", 32, 100, 1, printed]],
    )
    claim = Claim(text="", source="", kind="reaches", experiment="imdb", table="counts")
    paper = Paper(**{**vars(PAPER), "tables": [table]})
    nothing = Results(lines={}, speed=[], edge=[], samples=0)
    assert verdict(claim, compare(paper, claim, nothing)) == expected


def test_the_rule_fits_in_five_lines():
    assert len(RULE.splitlines()) == 5
