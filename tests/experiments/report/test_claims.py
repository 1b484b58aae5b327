"""Claims: each verdict by the rule that the report states."""

from dataclasses import replace
from pathlib import Path
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
from experiments.report.papers import Claim, Paper, Table, papers
from experiments.report.rows import Results, read
from tests.experiments.report.support import results, row, speed

PAPER = Paper(key="1", title="A paper", authors="them", link="", about="")
BETTER = Claim(
    text="LSTM_C6 is better than the LSTM.",
    source="Table 1",
    experiment="newsgroups",
    epochs=100,
    same={"units": 128},
    runs={"variant": "lstm_c6"},
    than={"variant": "lstm"},
)
MATCHES = replace(BETTER, margin=0.01)
REACHES = replace(BETTER, same={}, runs={"variant": "lstm"}, than={}, printed=0.77)
ERRORS = replace(
    BETTER,
    experiment="handwriting",
    epochs=0,
    same={},
    runs={"variant": "indylstm"},
    measures=["cer"],
)
NOISE = (-0.001, 0.0, 0.001)  # half the interval of a difference: 0.0023
SLIM = {"variant": "lstm_c6"}


def seeds(mean, noise=NOISE, **changes):
    return [
        row("newsgroups", mean + error, seed=seed, **{"epochs": 100, **changes})
        for seed, error in enumerate(noise)
    ]


def found(claim, folder, *rows):
    return compare(PAPER, claim, read(results(folder, *rows)))


def say(claim, folder, *rows):
    return verdict(claim, found(claim, folder, *rows))


@pytest.mark.parametrize(
    ("claim", "slim", "expected"),
    [
        *((BETTER, 0.79, HOLDS), (BETTER, 0.773, HOLDS), (BETTER, 0.771, OPEN)),
        *((BETTER, 0.769, OPEN), (BETTER, 0.75, FAILS)),
        *((MATCHES, 0.763, HOLDS), (MATCHES, 0.761, OPEN), (MATCHES, 0.75, FAILS)),
    ],
)
def test_a_difference_flips_with_the_numbers(claim, slim, expected, tmp_path):
    assert say(claim, tmp_path, *seeds(0.77), *seeds(slim, **SLIM)) == expected


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(0.77, HOLDS), (0.777, HOLDS), (0.763, HOLDS), (0.78, OPEN), (0.785, FAILS)],
)
def test_a_printed_number_is_reached(mean, expected, tmp_path):
    claim = replace(REACHES, measures=["paper"])
    assert say(claim, tmp_path, *seeds(mean)) == expected


@pytest.mark.parametrize(
    ("claim", "rows", "expected"),
    [
        (BETTER, [*seeds(0.7, NOISE[:2]), *seeds(0.8, **SLIM)], FEW),
        (BETTER, [*seeds(0.7), *seeds(0.8, NOISE[:2], **SLIM)], FEW),
        (REACHES, seeds(0.77, NOISE[:2]), FEW),
        (BETTER, [*seeds(0.7, data="sample"), *seeds(0.8, **SLIM)], FEW),
        (BETTER, [*seeds(0.7, (-0.1, 0.0, 0.1)), *seeds(0.8, **SLIM)], OPEN),
        # What one side lacks makes no difference: f of the LSTM, gates of LSTM_C6.
        (
            BETTER,
            [
                *seeds(0.7, gate_activation="hard_sigmoid_keras2"),
                *seeds(0.8, **SLIM, forget=0.96),
            ],
            HOLDS,
        ),
        (
            replace(BETTER, runs={"variant": "lstm5"}),
            [
                *seeds(0.7, gate_activation="hard_sigmoid_keras2"),
                *seeds(0.8, variant="lstm5"),
            ],
            FEW,
        ),
        # All comparisons must agree, and both protocols; `clean` is 0.01 lower.
        (
            BETTER,
            [
                *seeds(0.77),
                *seeds(0.77, classes=6),
                *seeds(0.79, **SLIM),
                *seeds(0.79, **SLIM, classes=6),
            ],
            HOLDS,
        ),
        (
            BETTER,
            [
                *seeds(0.77),
                *seeds(0.77, classes=6),
                *seeds(0.79, **SLIM),
                *seeds(0.75, **SLIM, classes=6),
            ],
            OPEN,
        ),
        (REACHES, seeds(0.7735), HOLDS),
        (REACHES, seeds(0.77), OPEN),
        # Shorter runs say so.
        (
            BETTER,
            [*seeds(0.77, epochs=20), *seeds(0.79, **SLIM, epochs=20)],
            "holds, after 20 of the paper's 100 epochs",
        ),
        (
            replace(BETTER, runs=SLIM | {"epochs": 20}),
            [*seeds(0.77, epochs=200), *seeds(0.79, **SLIM, epochs=20)],
            "holds, after 20 of the paper's 100 epochs",
        ),
    ],
)
def test_the_rule(claim, rows, expected, tmp_path):
    assert say(claim, tmp_path, *rows) == expected


@pytest.mark.parametrize(
    "change",
    [{"eta": 2e-3}, {"strip": ""}, {"epochs": 50}, {"backend": "jax"}],
    ids=str,
)
def test_lines_that_differ_otherwise_are_not_compared(change, tmp_path):
    rows = [*seeds(0.7, **change), *seeds(0.8, **SLIM)]
    assert found(BETTER, tmp_path, *rows) == []
    named = replace(BETTER, than=BETTER.than | change)
    assert say(named, tmp_path / "named", *rows).split(",")[0] == HOLDS


def test_a_sentence_holds_the_numbers_of_its_runs(tmp_path):
    claim = replace(BETTER, says="{paper[0].difference}, in short.")
    comparisons = found(claim, tmp_path, *seeds(0.77), *seeds(0.79, **SLIM))
    assert sentence(claim, comparisons) == "+0.0200 ± 0.0023, in short."
    for plain in (BETTER, replace(claim, says="{paper[1].difference}")):
        assert sentence(plain, comparisons) == "+0.0200 ± 0.0023"
    assert sentence(claim, []) == ""


WRITERS = (-0.05, 0.0, 0.05)  # some are harder to read, whatever the layer


def errors(mean, noise=WRITERS, weights=10_000, draws=(0, 1, 2), **changes):
    made = [
        row("handwriting", mean + error, seed=seed, **changes)
        for seed, error in zip(draws, noise, strict=True)
    ]
    return [one | {"model_parameters": weights} for one in made]


LSTM = errors(0.2, variant="lstm")


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(0.18, HOLDS), (0.197, HOLDS), (0.198, OPEN), (0.202, OPEN), (0.203, FAILS)],
)
def test_fewer_errors_are_better_seed_by_seed(mean, expected, tmp_path):
    """The writers differ by more than the layers: only their own runs can tell."""
    noise = [w + n for w, n in zip(WRITERS, NOISE, strict=True)]
    assert say(ERRORS, tmp_path, *LSTM, *errors(mean, noise)) == expected


def test_only_runs_on_the_same_words_are_compared(tmp_path):
    apart = errors(0.1, draws=(2, 3, 4))
    assert say(ERRORS, tmp_path / "apart", *LSTM, *apart) == FEW
    crossed = errors(0.1, draws=(2, 1, 0))
    assert say(ERRORS, tmp_path / "crossed", *LSTM, *crossed) == OPEN


@pytest.mark.parametrize(
    ("weights", "compared"), [(9_700, 1), (10_300, 1), (9_690, 0), (10_310, 0)]
)
def test_as_many_weights(weights, compared, tmp_path):
    rows = [*LSTM, *errors(0.1, weights=weights, units=90)]
    claim = replace(ERRORS, equal_weights=True)
    assert len(found(claim, tmp_path, *rows)) == compared
    assert found(ERRORS, tmp_path / "units", *rows) == []


def test_overfitting_is_test_less_train(tmp_path):
    slim = errors(0.1)
    for made in slim:
        made["best"]["train_cer"] = made["best"]["test_cer"] - 0.3
    claim = replace(ERRORS, measures=["gap"])
    assert say(claim, tmp_path, *LSTM, *slim) == FAILS
    assert say(ERRORS, tmp_path / "cer", *LSTM, *slim) == HOLDS


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
    sides = {"runs": {"layer": "lstm6"}, "than": {"layer": "keras.layers.LSTM"}}
    claim = replace(BETTER, experiment="speed", epochs=0, **sides)
    rows = [
        speed(layer, ms, T=100 * place)
        for place, time in enumerate(times, start=1)
        for layer, ms in (("lstm6", time), ("keras.layers.LSTM", 10.0))
    ]
    everything = Results(lines={}, speed=rows, edge=[], stream=[], samples=0)
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
    claim = Claim(text="", source="", experiment="imdb", table="counts")
    paper = replace(PAPER, tables=[table])
    nothing = Results(lines={}, speed=[], edge=[], stream=[], samples=0)
    assert verdict(claim, compare(paper, claim, nothing)) == expected


def test_the_rule_fits_in_five_lines():
    assert len(RULE.splitlines()) == 5


def test_what_is_undecided_says_what_it_takes():
    found = read(Path(__file__).parents[3] / "results")
    for paper in papers():
        for claim in paper.claims:
            said = verdict(claim, compare(paper, claim, found))
            assert bool(claim.command) == (said not in (HOLDS, FAILS)), claim.text
            assert bool(claim.command) == (claim.hours > 0)
