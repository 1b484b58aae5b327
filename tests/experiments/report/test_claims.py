"""Claims: each verdict by the rule that the report states."""

import dataclasses
from functools import partial

import pytest

from experiments.report import judge as report_judge
from experiments.report.claims import CLAIMS, Better, Counted, Faster, Reaches
from experiments.report.judge import (
    FAILS,
    FEW,
    HOLDS,
    OPEN,
    Case,
    exceeds,
    judge,
    verdict,
)
from experiments.report.rows import read
from tests.experiments.report.support import (
    CONV,
    HAND,
    IMDB,
    NEWS,
    handwriting_row,
    results,
    row,
)

NEWS_CLAIM, CONV_CLAIM, PRINTED = (
    next(claim for claim in CLAIMS if text in claim.text)
    for text in (
        "On 20 Newsgroups LSTM_C6 is more accurate than LSTM.",
        "some of LSTM1, LSTM2, LSTM3 match",
        "LSTM reaches 0.8498",
    )
)
NOISE = (-0.001, 0.0, 0.001)  # half the interval of a difference: 0.0023


def seeds(base, mean, noise=NOISE, **changes):
    return [
        row(base, mean + error, seed=seed, **changes)
        for seed, error in enumerate(noise)
    ]


def say(claim, folder, *rows, measure="paper"):
    found = read(results(folder, *rows)) if rows else read(folder)
    return verdict(claim, judge(claim, found), measure)


@pytest.mark.parametrize(
    ("slim", "expected"),
    [(0.79, HOLDS), (0.775, HOLDS), (0.771, OPEN), (0.769, OPEN), (0.75, FAILS)],
)
def test_a_difference_flips_with_the_numbers(slim, expected, tmp_path):
    rows = seeds(NEWS, 0.77, epochs=100)
    rows += seeds(NEWS, slim, variant="lstm_c6", epochs=100)
    for measure in ("paper", "clean"):
        assert say(NEWS_CLAIM, tmp_path, *rows, measure=measure) == expected
        rows = []


@pytest.mark.parametrize("few", [0, 1])
def test_two_seeds_on_a_side_are_not_enough(few, tmp_path):
    noise = [NOISE, NOISE]
    noise[few] = NOISE[:2]
    rows = seeds(NEWS, 0.7, noise[0], epochs=100)
    rows += seeds(NEWS, 0.8, noise[1], variant="lstm_c6", epochs=100)
    assert say(NEWS_CLAIM, tmp_path, *rows) == FEW


def test_noise_is_weighed(tmp_path):
    rows = seeds(NEWS, 0.7, (-0.1, 0.0, 0.1), epochs=100)
    rows += seeds(NEWS, 0.8, variant="lstm_c6", epochs=100)
    assert say(NEWS_CLAIM, tmp_path, *rows) == OPEN


def test_samples_decide_nothing(tmp_path):
    rows = seeds(NEWS, 0.7, epochs=100, data="sample")
    rows += seeds(NEWS, 0.8, variant="lstm_c6", epochs=100, data="sample")
    assert say(NEWS_CLAIM, tmp_path, *rows) == FEW


@pytest.mark.parametrize(
    "change",
    [{"eta": 2e-3}, {"strip": ""}, {"epochs": 50}, {"backend": "jax"}],
    ids=lambda change: next(iter(change)),
)
def test_lines_that_differ_otherwise_are_not_compared(change, tmp_path):
    rows = seeds(NEWS, 0.7, **{"epochs": 100, **change})
    rows += seeds(NEWS, 0.8, variant="lstm_c6", epochs=100)
    assert judge(NEWS_CLAIM, read(results(tmp_path, *rows))) == []
    assert say(NEWS_CLAIM, tmp_path) == FEW


@pytest.mark.parametrize(("slim", "cases"), [(0.8, 2), (0.7, 0), (0.6, 0)])
def test_who_is_better_sooner_is_better(slim, cases, tmp_path):
    rows = seeds(NEWS, 0.7, epochs=200)
    rows += seeds(NEWS, slim, variant="lstm_c6", epochs=100)
    judged = judge(NEWS_CLAIM, read(results(tmp_path, *rows)))
    assert [case.verdict for case in judged] == [HOLDS] * cases
    for case in judged:
        assert "LSTM_C6, 100 epochs: 0." in case.left
        assert "LSTM, 200 epochs: 0." in case.right
        assert "epochs" not in case.what


def test_what_only_one_side_has_makes_no_difference(tmp_path):
    gates = {"gate_activation": "hard_sigmoid_keras2"}
    rows = seeds(NEWS, 0.7, epochs=100, **gates)
    rows += seeds(NEWS, 0.8, variant="lstm_c6", epochs=100, forget=0.96)
    assert say(NEWS_CLAIM, tmp_path, *rows) == HOLDS
    both = dataclasses.replace(NEWS_CLAIM, left={"variant": "lstm5"})
    rows = seeds(NEWS, 0.8, variant="lstm5", epochs=100)
    assert say(both, tmp_path, *rows) == FEW  # both have gates


def test_comparisons_that_disagree_are_counted(tmp_path):
    rows = [
        *seeds(NEWS, 0.77, epochs=100),
        *seeds(NEWS, 0.79, variant="lstm_c6", epochs=100),
        *seeds(NEWS, 0.77, epochs=100, classes=6),
        *seeds(NEWS, 0.75, variant="lstm_c6", epochs=100, classes=6),
    ]
    said = say(NEWS_CLAIM, tmp_path, *rows)
    assert said == "holds in 1, does not hold in 1 of 2 comparisons"


@pytest.mark.parametrize(
    ("cases", "all_of_them", "some_of_them"),
    [
        ([HOLDS, HOLDS, FEW], HOLDS, HOLDS),
        ([FAILS, FAILS], FAILS, FEW),  # LSTM3 may
        ([FAILS, FAILS, FAILS], FAILS, FAILS),
        ([FAILS, FEW], FAILS, FEW),
        ([FEW], FEW, FEW),
        ([OPEN, FEW], OPEN, OPEN),
        ([FAILS, OPEN], "does not hold in 1, undecided in 1 of 2 comparisons", OPEN),
        ([HOLDS, OPEN, OPEN], "holds in 1, undecided in 2 of 3 comparisons", HOLDS),
    ],
    ids=str,
)
def test_what_comparisons_say_together(cases, all_of_them, some_of_them):
    cases = [
        Case("", "paper", "", "", "", said, choice=choice)
        for said, choice in zip(cases, CONV_CLAIM.choices, strict=False)
    ]
    assert verdict(NEWS_CLAIM, cases) == all_of_them
    assert verdict(CONV_CLAIM, cases) == some_of_them


def test_short_runs_count_where_there_are_no_others(tmp_path):
    rows = seeds(NEWS, 0.77, epochs=20)
    rows += seeds(NEWS, 0.79, variant="lstm_c6", epochs=20)
    said = say(NEWS_CLAIM, tmp_path, *rows)
    assert said == "holds, in fewer than the paper's 100 epochs"
    rows = seeds(NEWS, 0.7705, variant="lstm_c6", epochs=20, strip="")
    rows += seeds(NEWS, 0.77, epochs=20, strip="")
    said = say(NEWS_CLAIM, tmp_path / "alike", *rows)
    assert said == "undecided, in fewer than the paper's 100 epochs"
    rows = seeds(NEWS, 0.77, epochs=100)
    rows += seeds(NEWS, 0.75, variant="lstm_c6", epochs=100)
    assert say(NEWS_CLAIM, tmp_path, *rows) == FAILS


@pytest.mark.parametrize(
    ("slim", "expected"),
    [
        ((0.80, 0.845, 0.80), HOLDS),
        ((0.80, 0.82, 0.80), FAILS),
        ((0.80, 0.8395, 0.80), OPEN),
    ],
)
def test_some_match(slim, expected, tmp_path):
    """0.01 less still matches, and one that matches is enough."""
    rows = seeds(CONV, 0.85)
    for variant, mean in zip(("lstm1", "lstm2", "lstm3"), slim, strict=True):
        rows += seeds(CONV, mean, variant=variant)
    assert say(CONV_CLAIM, tmp_path, *rows) == expected


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(0.8498, HOLDS), (0.857, HOLDS), (0.86, OPEN), (0.865, FAILS), (0.83, FAILS)],
)
def test_an_accuracy_is_reached(mean, expected, tmp_path):
    assert say(PRINTED, tmp_path, *seeds(CONV, mean)) == expected


@pytest.mark.parametrize(
    ("mean", "expected"), [(0.83, FEW), (0.8498, HOLDS), (0.87, FAILS)]
)
def test_a_shorter_run_may_rise_yet_but_not_fall(mean, expected, tmp_path):
    said = say(PRINTED, tmp_path, *seeds(CONV, mean, epochs=1))
    assert said.split(",")[0] == expected
    assert ("in fewer than" in said) == (expected != FEW)


@pytest.mark.parametrize(
    ("variant", "epochs", "worse", "better"),
    [
        ("lstm6", 10, FEW, "holds, in fewer than the paper's 100 epochs"),
        ("lstm6", 100, FAILS, HOLDS),
        ("lstm_c6", 10, FEW, "does not hold, in fewer than the paper's 100 epochs"),
        ("lstm_c6", 100, HOLDS, FAILS),
    ],
)
def test_short_runs_decide_nothing_against_a_smaller_eta(
    variant, epochs, worse, better, tmp_path
):
    """It lifts LSTM6, says one claim, and not LSTM_C6, says another."""
    (claim,) = (
        claim
        for claim in CLAIMS
        if "smaller eta" in claim.text and claim.same["variant"] == variant
    )
    like = partial(seeds, IMDB, variant=variant, forget=0.56, epochs=epochs)
    for folder, small, expected in (("a", 0.7, worse), ("b", 0.9, better)):
        rows = [*like(small, eta=1e-4), *like(0.8, eta=1e-3)]
        assert say(claim, tmp_path / folder, *rows) == expected


@pytest.mark.parametrize("forget", [0.95, 0.96])
@pytest.mark.parametrize("variant", ["lstm6", "lstm_c6"])
def test_both_large_f_are_compared_with_the_small_one(variant, forget, tmp_path):
    (claim,) = (
        claim
        for claim in CLAIMS
        if "a larger f" in claim.text and claim.same["variant"] == variant
    )
    like = partial(seeds, IMDB, variant=variant, epochs=100)
    rows = [*like(0.8, forget=0.4), *like(0.9, forget=forget)]
    assert say(claim, tmp_path, *rows) == HOLDS


def test_reached_with_some_f(tmp_path):
    claim = next(claim for claim in CLAIMS if "0.96 reaches 0.8192" in claim.text)
    like = partial(seeds, IMDB, variant="lstm_c6", units=100, activation="sigmoid")
    away = [like(0.67, forget=f, epochs=100) for f in (0.4, 0.56)]
    # What a shorter run passes by is not what it reaches.
    passing = like(0.8192, forget=0.4, epochs=10)
    rows = [*away[0], *passing, *away[1]]
    assert say(claim, tmp_path / "two", *rows) == FEW
    rows += like(0.67, forget=0.96, epochs=10)
    assert say(claim, tmp_path / "low", *rows) == FEW  # it may rise yet
    near = [*rows[:-3], *like(0.8192, forget=0.96, epochs=10)]
    said = say(claim, tmp_path / "near", *near)
    assert said == "holds, in fewer than the paper's 100 epochs"
    near += like(0.87, noise=[0], forget=0.96, epochs=100)  # one seed decides nothing
    assert say(claim, tmp_path / "lone", *near) == said
    near.pop()
    for mean, expected in ((0.8192, HOLDS), (0.87, FAILS), (0.8292, OPEN)):
        full = [*near, *like(mean, forget=0.96, epochs=100)]
        assert say(claim, tmp_path / expected, *full) == expected


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [(0.87, FEW), (0.8497, FEW), (0.8398, OPEN), (0.83, FAILS)],
)
def test_longer_runs_have_more_epochs_to_be_the_best_of(tmp_path, accuracy, expected):
    assert say(PRINTED, tmp_path, *seeds(CONV, accuracy, epochs=3)) == expected


@pytest.mark.parametrize(
    ("distance", "expected"),
    [(0.2, HOLDS), (-0.2, FAILS), (0.1, OPEN), (-0.1, OPEN), (0.0, OPEN)],
)
def test_the_limit_is_outside_the_interval(distance, expected):
    assert exceeds(distance, 0.1) == expected
    assert exceeds(distance, 0.0) == (
        HOLDS if distance > 0 else FAILS if distance < 0 else OPEN
    )


def speed(layer, steps, step_ms, **changes):
    base = {"experiment": "speed", "backend": "jax", "processor": "p", "model": "imdb"}
    base |= {"masked": False, "B": 32, "m": 32, "n": 100, "engine": "auto"}
    return base | {"layer": layer, "T": steps, "step_ms": step_ms} | changes


@pytest.mark.parametrize(
    ("times", "expected"),
    [((1, 2, 3), HOLDS), ((1, 2, 9), FAILS), ((1, 2), FEW)],
    ids=["all", "but-one", "two"],
)
def test_a_step_is_faster_at_every_shape(times, expected, tmp_path):
    rows = []
    for steps, ms in enumerate(times, start=1):
        rows += [
            speed("lstm_c6", steps, 100),
            speed("lstm_c6", steps, ms),
        ]  # the newest
        rows += [speed("lstm6", steps, 5), speed("lstm6", steps, 0, masked=True)]
    claim = Faster(text="", source="", layer="lstm_c6", than="lstm6")
    assert say(claim, tmp_path, *rows, measure=None) == expected


def test_the_printed_weights(tmp_path, monkeypatch):
    (claim,) = (claim for claim in CLAIMS if isinstance(claim, Counted))
    folder = results(tmp_path, row(IMDB))
    assert say(claim, folder, measure=None) == HOLDS
    first, *others = report_judge.COUNTS
    wrong = dataclasses.replace(first, printed=first.printed + 1)
    monkeypatch.setattr(report_judge, "COUNTS", (wrong, *others))
    assert say(claim, folder, measure=None) == (
        "holds in 5, does not hold in 1 of 6 comparisons"
    )


def test_every_claim_is_about_runs_that_can_be(tmp_path):
    """A misspelt setting in a claim would never match a run."""
    bases = {"imdb": IMDB, "imdb_conv": CONV, "newsgroups": NEWS, "handwriting": HAND}
    for number, claim in enumerate(CLAIMS):
        if isinstance(claim, Better | Reaches):
            base = bases[claim.experiment]
            make = partial(handwriting_row, 0.2) if base is HAND else partial(row, base)
            sides = [claim.same]
            if isinstance(claim, Better):
                claim = dataclasses.replace(claim, best=False)
                sides = [claim.same | claim.left, claim.same | claim.right]
            rows = []
            for side in sides:
                one = {n: v[0] if isinstance(v, tuple) else v for n, v in side.items()}
                assert one.keys() <= base.keys()
                rows.append(make(**{"epochs": claim.epochs, **one}))
            folder = results(tmp_path / str(number), *rows)
            assert len(judge(claim, read(folder))) == len(claim.measures)
