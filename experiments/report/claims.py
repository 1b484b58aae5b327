"""What the runs say of the claims of the papers, by one rule."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from scipy import stats

from experiments.report import speed
from experiments.report.lines import Line, measure
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING, Claim, Paper, Table
from experiments.report.rows import Results
from experiments.report.text import describe, spread

HOLDS, FAILS = "holds", "does not hold"
OPEN, FEW = "undecided", "not enough runs"
SEEDS = 3  # on each side, or shapes that were timed
WITHIN = 0.01  # of a printed number that is reached
WEIGHTS = 0.03  # of each other, of models with equal weights

RULE = f"""\
The rule compares lines of {SEEDS} or more seeds that differ only in what a claim names.
*Better* holds if the 95 % interval of the difference of means (Welch's t-test, paired
if the seed draws the data) lies above 0, or -{WITHIN} for `match`; *reaches* if that of
the mean lies within {WITHIN} of the printed number; *less time* if so at every shape.
Beyond, a claim does not hold; it is undecided if comparisons or protocols differ."""


@dataclass(frozen=True)
class Comparison:
    """One comparison, each side as text with its mean and its line."""

    measure: str
    left: str
    right: str
    difference: str  # left less right, with half its 95 % confidence interval
    verdict: str
    epochs: int = 0  # how long the shorter side trained


def compare(paper: Paper, claim: Claim, results: Results) -> list[Comparison]:
    """All comparisons that the results allow for a claim of a paper."""
    lines = results.lines.get(claim.experiment, [])
    if claim.experiment == "speed":
        return list(_faster(claim, results))
    if claim.than:
        return list(_better(claim, lines))
    if claim.printed is None:
        return list(_counted(paper.table(claim.table)))
    return list(_reaches(claim, claim.printed, lines))


def verdict(claim: Claim, comparisons: Sequence[Comparison]) -> str:
    """What the comparisons of a claim say together."""
    said = {comparison.verdict for comparison in comparisons}
    if not said:
        return FEW
    text = said.pop() if len(said) == 1 else OPEN
    shortest = min(comparison.epochs for comparison in comparisons)
    if shortest < claim.epochs:
        text += f", after {shortest} of the paper's {claim.epochs} epochs"
    return text


def sentence(claim: Claim, comparisons: Sequence[Comparison]) -> str:
    """The sentence of a claim, else its differences by the first measure.

    A sentence that names a comparison without runs is left out.
    """
    by_measure = {
        name: [each for each in comparisons if each.measure == name]
        for name in claim.measures
    }
    if not comparisons:
        return ""
    try:
        said = claim.says.format(**by_measure)
    except IndexError:
        said = ""
    first = comparisons[0].measure
    differences = [x.difference for x in comparisons if x.measure == first]
    return said or "; ".join(dict.fromkeys(differences))


def interval(
    ours: Sequence[float], theirs: Sequence[float] | None = None, paired: bool = False
) -> tuple[float, float]:
    """The 95 % confidence interval of a mean, or of a difference of two means.

    Args:
        ours: Two or more values.
        theirs: The values on the other side.
        paired: Whether the values of both sides belong together one by one.
    """
    with warnings.catch_warnings():  # SciPy warns of values that are all the same
        warnings.simplefilter("ignore", RuntimeWarning)
        if theirs is None:
            test = stats.ttest_1samp(ours, 0)
        elif paired:
            test = stats.ttest_rel(ours, theirs)
        else:
            test = stats.ttest_ind(ours, theirs, equal_var=False)
        low, high = test.confidence_interval(0.95)
    return float(low), float(high)


def difference(low: float, high: float) -> str:
    """A difference as text, with half its confidence interval."""
    return f"{(low + high) / 2:+.4f} ± {(high - low) / 2:.4f}"


def decide(low: float, high: float) -> str:
    """The verdict on a difference that should be positive, from its interval."""
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def _better(claim: Claim, lines: Sequence[Line]) -> Iterator[Comparison]:
    left, right = (
        [line for line in lines if line.matches(claim.same | side)]
        for side in (claim.runs, claim.than)
    )
    for name, a, b in product(claim.measures, left, right):
        paired = all("drawn_checksum" in row for row in (*a.rows, *b.rows))
        ours, theirs = a.values(name), b.values(name)
        if paired:  # runs on the same data
            drawn = a.drawn(name), b.drawn(name)
            shared = [draw for draw in drawn[0] if draw in drawn[1]]
            ours, theirs = ([side[draw] for draw in shared] for side in drawn)
        if min(len(ours), len(theirs)) < SEEDS or not _alike(claim, a, b):
            continue
        low, high = interval(ours, theirs, paired)
        lower = measure(name, claim.experiment).lower
        ends = (-high, -low) if lower else (low, high)
        yield Comparison(
            name,
            _side(claim, a, ours),
            _side(claim, b, theirs),
            difference(low, high),
            decide(*(end + claim.margin for end in ends)),
            min(a.length, b.length),
        )


def _alike(claim: Claim, a: Line, b: Line) -> bool:
    """Whether lines differ in nothing but what the claim names.

    A setting that one of the layers lacks, such as the forget constant of the LSTM,
    makes no difference.
    """
    from slim_keras.variants import VARIANTS

    ignored = {*claim.runs, *claim.than}
    if claim.equal_weights:
        if abs(a.weights - b.weights) > WEIGHTS * b.weights:
            return False
        ignored.add("units")
    if None in (a.settings.get("forget"), b.settings.get("forget")):
        ignored.add("forget")
    if not all(VARIANTS[line.variant].gated for line in (a, b)):
        ignored.add("gate_activation")
    names = {*a.settings, *b.settings} - ignored
    return all(a.settings.get(name) == b.settings.get(name) for name in names)


def _side(claim: Claim, line: Line, values: Sequence[float]) -> str:
    """A line in words: its layer, the settings that the claim leaves open, its mean."""
    fixed = [name for name, x in claim.same.items() if not isinstance(x, list)]
    told = describe(line, ["variant", *fixed])
    parts = [layer_name(line.variant), *([told] if told else [])]
    parts += [f"{line.weights:,} weights"] if claim.equal_weights else []
    return f"{', '.join(parts)}: {spread(values)} ({line.name}, {len(values)} seeds)"


def _reaches(
    claim: Claim, printed: float, lines: Sequence[Line]
) -> Iterator[Comparison]:
    able = [line for line in lines if line.matches(claim.same | claim.runs)]
    for name, line in product(claim.measures, able):
        values = line.values(name)
        if len(values) < SEEDS:
            continue
        low, high = (end - printed for end in interval(values))
        inside = [WITHIN - high, WITHIN + low]  # how far each end is from its limit
        outside = [WITHIN - low, WITHIN + high]
        decision = HOLDS if min(inside) > 0 else FAILS if min(outside) < 0 else OPEN
        yield Comparison(
            name,
            _side(claim, line, values),
            f"{printed:.4f} (printed)",
            difference(low, high),
            decision,
            line.length,
        )


def _faster(claim: Claim, results: Results) -> Iterator[Comparison]:
    ours, theirs = claim.runs["layer"], claim.than["layer"]
    times = speed.steps(results.speed).query("model == 'imdb' and not masked")
    if not {ours, theirs} <= {*times}:
        return
    ratios = (times[theirs] / times[ours]).dropna()
    for (backend, processor), own in ratios.groupby(level=speed.WHERE):
        if len(own) < SEEDS:
            continue
        faster = int((own > 1).sum())
        yield Comparison(
            "step",
            f"{backend}, {processor}: faster at {faster} of {len(own)} shapes",
            NOTHING,
            f"{own.min():.1f} to {own.max():.1f} times faster",
            HOLDS if faster == len(own) else FAILS,
        )


def _counted(table: Table) -> Iterator[Comparison]:
    """The weights of recurrent layers in this library, beside the printed ones."""
    from slim_keras.variants import VARIANTS

    for cell in table.cells:
        task, key, inputs, units, directions = cell.settings.values()
        layer = VARIANTS[key]
        ours = directions * layer.parameters(inputs, units)
        printed = int(cell.printed["weights"])
        both = f", {directions} directions" if directions > 1 else ""
        yield Comparison(
            "weights",
            f"{task}, {layer.name}, m = {inputs}, n = {units}{both}: {ours:,}",
            f"{printed:,} (printed)",
            f"{ours - printed:+,}",
            HOLDS if ours == printed else FAILS,
        )
