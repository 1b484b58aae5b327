"""What the runs say of the claims, if they are enough to say something."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from experiments.report.claims import (
    Better,
    Claim,
    Counted,
    Faster,
    Reaches,
    Trained,
)
from experiments.report.lines import Line
from experiments.report.names import layer_name
from experiments.report.pairs import (
    RUNS,
    Pair,
    difference,
    half_interval,
    pairs,
    sign,
)
from experiments.report.papers import COUNTS
from experiments.report.rows import Results
from experiments.report.speed import WHERE, grouped, newest, shapes, unmasked
from experiments.report.text import NOTHING, describe, spread, words

HOLDS, FAILS = "holds", "does not hold"
OPEN, FEW = "undecided", "not enough runs"

RULE = f"""A claim is judged by each comparison that the runs allow: of two lines that
differ in nothing but what the claim is about and have at least {RUNS} finished seeds
each.

- One side is more accurate: holds if the 95 % confidence interval of the difference of
  the means (Welch's t-test) is above zero, does not hold if it is below. Where a
  claim says that a side matches the other, or is not lifted, 0.01 less still counts.
  It counts, too, if that side trained for fewer epochs and is more accurate already.
  Runs that are shorter than the paper's decide nothing against a smaller eta or more
  units, which may only take longer to learn.
- One side makes fewer errors: the same of the character error rate (CER), but below
  zero. It overfits less: the same of the CER on test words less that on training words.
  Both are of the chosen one of 15 epochs. The seed draws the words, too, so runs of the
  same seed are compared: the interval is that of the mean of their differences.
  As many weights are those of the whole model, within 3 %. The best is the line with
  the lowest mean on test words, of at least {RUNS} lines on each side.
- An accuracy is reached: holds if the 95 % confidence interval of the mean lies within
  0.01 of the printed number, does not hold if all of it lies outside; but shorter runs
  that lie outside and below may rise yet, and decide nothing.
- A step is faster: judged on each backend where at least {RUNS} shapes were timed;
  holds if it was so at all of them, else it does not.
- Undecided: there are seeds enough, but the interval has its limit in it, which is zero
  or the 0.01 that still counts.
- In every other case there are not enough runs; [below](#what-was-not-run) says which
  are left.

If comparisons disagree, the verdict says what in how many of them. Where a claim names
several layers or several f and one is enough, the verdict is the best that one of them
has, and "does not hold" only if that is the verdict on all of them.
Runs that are shorter than the paper's are judged only where none as long are enough to
say something (of the same layer and f, where one is enough), and the verdict says so;
for an accuracy that is reached, longer ones count only against it, if they stay below.
The comparisons stand at the end of this page."""


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        what: Which runs are compared.
        measure: By what.
        left: What the claim speaks of, as text.
        right: What it is compared with.
        difference: Left less right, with half its confidence interval.
        verdict: What this comparison says.
        short: Whether the runs are shorter than the paper's.
        choice: Of the settings that the claim leaves open, what the runs have.
    """

    what: str
    measure: str
    left: str
    right: str
    difference: str
    verdict: str
    short: bool = False
    choice: tuple = ()


def judge(claim: Claim, results: Results) -> list[Case]:
    """All comparisons that the results allow for a claim."""
    match claim:
        case Better():
            return _better(claim, results.lines.get(claim.experiment, []))
        case Reaches():
            return _reaches(claim, results.lines.get(claim.experiment, []))
        case Faster():
            return _faster(claim, results)
        case Counted():
            return _counted()
    raise TypeError(type(claim))


def verdict(claim: Claim, cases: Sequence[Case], measure: str | None = None) -> str:
    """What all comparisons say together, by one measure or by whatever it has."""
    own = [case for case in cases if measure in (None, case.measure)]
    if isinstance(claim, Trained) and claim.some:
        text, counted = _of_some(claim, own)
    else:
        text, counted = _of_all(own)
    decided = [case for case in counted if case.verdict != FEW]
    if decided and isinstance(claim, Trained) and all(x.short for x in decided):
        text += f", in fewer than the paper's {claim.epochs} epochs"
    return text


def _longest(cases: Sequence[Case]) -> Sequence[Case]:
    """Those as long as the paper's runs that say something, or all if none does."""
    return [x for x in cases if not x.short and x.verdict != FEW] or cases


def _of_all(cases: Sequence[Case]) -> tuple[str, Sequence[Case]]:
    """What comparisons say that all count, and which did."""
    counted = _longest(cases)
    said = Counter(case.verdict for case in counted if case.verdict != FEW)
    if not said:
        return FEW, counted
    if len(said) == 1:
        return next(iter(said)), counted
    present = (word for word in (HOLDS, FAILS, OPEN) if word in said)
    counts = ", ".join(f"{word} in {said[word]}" for word in present)
    return f"{counts} of {said.total()} comparisons", counted


def _of_some(claim: Trained, cases: Sequence[Case]) -> tuple[str, Sequence[Case]]:
    """What they say of a claim about one choice or another, and which decided it."""
    by_choice = [
        _longest([case for case in cases if case.choice == choice])
        for choice in claim.choices
    ]
    counted = [case for own in by_choice for case in own]
    for word in (HOLDS, OPEN, FEW):
        if found := [case for case in counted if case.verdict == word]:
            return word, found
    return (FAILS, counted) if all(by_choice) else (FEW, counted)


def exceeds(distance: float, error: float) -> str:
    """The verdict on a distance that a claim says is positive.

    Args:
        distance: How far it is.
        error: Half its confidence interval.
    """
    if abs(distance) <= error or distance == 0:
        return OPEN
    return HOLDS if distance > 0 else FAILS


def _better(claim: Better, lines: Sequence[Line]) -> list[Case]:
    cases = [
        (_compare(claim, pair, measure), pair.sooner)
        for measure in claim.measures
        for pair in pairs(claim, lines, measure)
    ]
    return [case for case, sooner in cases if case.verdict == HOLDS or not sooner]


def _compare(claim: Better, pair: Pair, measure: str) -> Case:
    ours, theirs = pair.values(measure)
    distance, error = pair.difference(measure)
    decision = FEW
    if error is not None and min(len(ours), len(theirs)) >= RUNS:
        decision = exceeds(sign(measure) * distance + claim.margin, error)
    a, b = pair.left, pair.right
    short, choice = _short(claim, a), _choice(claim, a)
    if short and decision == {"left": FAILS, "right": HOLDS}.get(claim.slow or ""):
        decision = FEW  # that side may come yet
    # If one of them has no forget constant, the other one has more to tell.
    teller = b if a.settings.get("forget") is None else a
    apart = [*claim.free, *(["epochs"] if pair.sooner else [])]
    known = [*claim.fixed, *claim.left, *apart]
    what = ", ".join(filter(None, [pair.note, *describe([teller], known)]))
    left, right = _side(a, ours, apart), _side(b, theirs, apart)
    shown = difference(distance, error)
    return Case(what, measure, left, right, shown, decision, short, choice)


def _side(line: Line, values: list[float], apart: Sequence[str] = ()) -> str:
    seeds = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
    parts = [layer_name(line.settings["variant"])]
    parts += [words(name, line.settings[name]) for name in apart]
    if "units" in apart:
        parts.append(f"{line.weights:,} weights")
    head = ", ".join(parts) + (":" if apart else "")
    return f"{head} {spread(values)} ({line.name}, {seeds})"


def _reaches(claim: Reaches, lines: Sequence[Line]) -> list[Case]:
    cases = [
        (line, measure, _reach(claim, line, measure))
        for measure in claim.measures
        for line in lines
        if line.matches(claim.same) and line.values(measure)
    ]
    return [
        case
        for line, measure, case in cases
        # Longer runs have more epochs to be the best of.
        if line.settings["epochs"] <= claim.epochs
        or (case.verdict != HOLDS and mean(line.values(measure)) < claim.printed)
    ]


def _reach(claim: Reaches, line: Line, measure: str) -> Case:
    values = line.values(measure)
    distance, error = mean(values) - claim.printed, half_interval(values)
    decision = FEW
    if error is not None and len(values) >= RUNS:
        decision = exceeds(claim.within - abs(distance), error)
    short = _short(claim, line)
    if short and distance < 0 and decision == FAILS:
        decision = FEW  # it may rise yet
    (what,) = describe([line], claim.fixed)
    printed = f"{claim.printed:.4f} (printed)"
    side, choice = _side(line, values), _choice(claim, line)
    shown = difference(distance, error)
    return Case(what, measure, side, printed, shown, decision, short, choice)


def _short(claim: Trained, line: Line) -> bool:
    return line.settings["epochs"] < claim.epochs


def _choice(claim: Trained, line: Line) -> tuple:
    return tuple(line.settings.get(name) for name in claim.open)


def _faster(claim: Faster, results: Results) -> list[Case]:
    rows = unmasked(newest(results.speed), "imdb")
    cases = []
    for (backend, processor), own in grouped(rows, WHERE).items():
        ratios = [
            times[claim.than] / times[claim.layer]
            for times in shapes(own).values()
            if {claim.layer, claim.than} <= times.keys()
        ]
        if not ratios:
            continue
        faster = sum(ratio > 1 for ratio in ratios)
        decision = HOLDS if faster == len(ratios) else FAILS
        if len(ratios) < RUNS:
            decision = FEW
        cases.append(
            Case(
                f"{backend}, {processor}",
                "step",
                f"faster at {faster} of {len(ratios)} shapes",
                NOTHING,
                f"{min(ratios):.2f} to {max(ratios):.2f} times",
                decision,
            )
        )
    return cases


def _counted() -> list[Case]:
    return [
        Case(
            f"{count.task}, {layer_name(count.variant)}",
            "weights",
            f"{count.measured():,}",
            f"{count.printed:,}",
            f"{count.measured() - count.printed:+,}",
            HOLDS if count.measured() == count.printed else FAILS,
        )
        for count in COUNTS
    ]
