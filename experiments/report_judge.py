"""What the runs say of the claims: holds, does not hold, or not enough runs."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.report_claims import (
    Better,
    Claim,
    Counted,
    Faster,
    Reaches,
    Trained,
)
from experiments.report_lines import Line
from experiments.report_names import layer_name
from experiments.report_papers import COUNTS
from experiments.report_rows import Results
from experiments.report_speed import WHERE, grouped, newest, shapes, unmasked
from experiments.report_text import NOTHING, describe, spread

HOLDS, FAILS, FEW = "holds", "does not hold", "not enough runs"
RUNS = 3  # on each side, or shapes that were timed

RULE = f"""A claim is judged by each comparison that the runs allow: of two lines that
differ in nothing but what the claim is about and have at least {RUNS} finished seeds
each.

- One side is more accurate: holds if the difference of the means is above zero by more
  than twice its standard error, does not hold if it is below zero by as much. Where a
  claim says that a side matches the other, or is not lifted, 0.01 less still counts.
  It counts, too, if that side trained for fewer epochs and is more accurate already.
- An accuracy is reached: holds if the mean lies within 0.01 of the printed number, with
  twice its standard error to spare, does not hold if it lies outside by as much.
- A step is faster: judged on each backend where at least {RUNS} shapes were timed;
  holds if it was so at all of them, else it does not.
- In every other case there are not enough runs.

If a claim holds in some comparisons and not in others, the verdict says in how many.
Runs that are shorter than the paper's are judged only where there are none as long, and
the verdict says so; for an accuracy that is reached, longer ones do not count. The
comparisons stand at the end of this page."""


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        what: Which runs are compared.
        measure: By what.
        left: What the claim speaks of, as text.
        right: What it is compared with.
        difference: Left less right, with twice its standard error.
        verdict: What this comparison says.
        short: Whether the runs are shorter than the paper's.
    """

    what: str
    measure: str
    left: str
    right: str
    difference: str
    verdict: str
    short: bool = False


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
    full = [case for case in own if not case.short]
    judged = [case for case in full or own if case.verdict != FEW]
    if not judged:
        return FEW
    held = [case for case in judged if case.verdict == HOLDS]
    some = isinstance(claim, Better) and claim.some
    if some and not held and len(judged) < len(full or own):
        return FEW  # one of the others may hold
    if len(held) == len(judged) or (some and held):
        text = HOLDS
    elif held:
        text = f"holds in {len(held)} of {len(judged)} comparisons"
    else:
        text = FAILS
    if not full and isinstance(claim, Trained):
        text += f", in fewer than the paper's {claim.epochs} epochs"
    return text


def exceeds(distance: float, error: float) -> str:
    """The verdict on a distance that a claim says is positive.

    Args:
        distance: How far it is.
        error: Its standard error.
    """
    if abs(distance) <= 2 * error or distance == 0:
        return FEW
    return HOLDS if distance > 0 else FAILS


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of at least two values."""
    return statistics.stdev(values) / math.sqrt(len(values))


def _better(claim: Better, lines: Sequence[Line]) -> list[Case]:
    left, right = (
        [line for line in lines if line.matches(claim.same | side)]
        for side in (claim.left, claim.right)
    )
    pairs = [(a, b) for a in left for b in right if comparable(a, b, claim)]
    cases = [
        (_compare(claim, a, b, measure), _sooner(a, b))
        for measure in claim.measures
        for a, b in pairs
        if a.values(measure) and b.values(measure)
    ]
    return [case for case, sooner in cases if case.verdict == HOLDS or not sooner]


def _sooner(a: Line, b: Line) -> bool:
    return a.settings["epochs"] < b.settings["epochs"]


def comparable(a: Line, b: Line, claim: Better) -> bool:
    """Whether two lines differ only in what a claim is about.

    A setting that one of the variants lacks, such as the forget constant of LSTM, makes
    no difference; nor do epochs that the better one did not need.
    """
    from slim_keras.variants import VARIANTS

    ignored = {*claim.left, *claim.right}
    if None in (a.settings.get("forget"), b.settings.get("forget")):
        ignored.add("forget")
    if not all(VARIANTS[line.settings["variant"]].gated for line in (a, b)):
        ignored.add("gate_activation")
    if _sooner(a, b):
        ignored.add("epochs")
    names = {*a.settings, *b.settings} - ignored
    return all(a.settings.get(name) == b.settings.get(name) for name in names)


def _compare(claim: Better, a: Line, b: Line, measure: str) -> Case:
    ours, theirs = a.values(measure), b.values(measure)
    fewest = min(len(ours), len(theirs))
    distance = statistics.mean(ours) - statistics.mean(theirs)
    decision, shown = FEW, f"{distance:+.4f}"
    if fewest >= 2:
        error = math.hypot(standard_error(ours), standard_error(theirs))
        shown += f" ± {2 * error:.4f}"
        if fewest >= RUNS:
            decision = exceeds(distance + claim.margin, error)
    # If one of them has no forget constant, the other one has more to tell.
    teller = b if a.settings.get("forget") is None else a
    (what,) = describe([teller], [*claim.same, *claim.left])
    left, right = (_side(line, measure) for line in (a, b))
    return Case(what, measure, left, right, shown, decision, _short(claim, a))


def _side(line: Line, measure: str) -> str:
    values = line.values(measure)
    seeds = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
    layer = layer_name(line.settings["variant"])
    return f"{layer} {spread(values)} ({line.name}, {seeds})"


def _reaches(claim: Reaches, lines: Sequence[Line]) -> list[Case]:
    # Longer runs have more epochs to be the best of.
    own = [
        line
        for line in lines
        if line.matches(claim.same) and line.settings["epochs"] <= claim.epochs
    ]
    return [
        _reach(claim, line, measure)
        for measure in claim.measures
        for line in own
        if line.values(measure)
    ]


def _reach(claim: Reaches, line: Line, measure: str) -> Case:
    values = line.values(measure)
    distance = statistics.mean(values) - claim.printed
    decision, shown = FEW, f"{distance:+.4f}"
    if len(values) >= 2:
        error = standard_error(values)
        shown += f" ± {2 * error:.4f}"
        if len(values) >= RUNS:
            decision = exceeds(claim.within - abs(distance), error)
    (what,) = describe([line], claim.same)
    printed = f"{claim.printed:.4f} (printed)"
    left, short = _side(line, measure), _short(claim, line)
    return Case(what, measure, left, printed, shown, decision, short)


def _short(claim: Trained, line: Line) -> bool:
    return line.settings["epochs"] < claim.epochs


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
