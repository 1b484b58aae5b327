"""Which lines a claim that one side is better compares, and by which values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean, variance

from scipy import stats

from experiments.report.claims import Better
from experiments.report.lines import LOWER, Line

RUNS = 3  # on each side, or shapes that were timed, to be judged


@dataclass(frozen=True)
class Pair:
    """Two lines that differ in nothing but what a claim is about.

    Attributes:
        left: What the claim speaks of.
        right: What it is compared with.
        note: How they were chosen, if not for their settings alone.
    """

    left: Line
    right: Line
    note: str = ""

    @property
    def sooner(self) -> bool:
        """Whether the left one trained for fewer epochs."""
        return self.left.settings["epochs"] < self.right.settings["epochs"]

    def values(self, measure: str) -> tuple[list[float], list[float]]:
        """Those of each line; where seeds draw the data, of the same data in order."""
        if not self._drawn:
            return self.left.values(measure), self.right.values(measure)
        ours, theirs = self.left.drawn(measure), self.right.drawn(measure)
        shared = [draw for draw in ours if draw in theirs]
        return [ours[draw] for draw in shared], [theirs[draw] for draw in shared]

    def difference(self, measure: str) -> tuple[float, float | None]:
        """The difference of the means, and half its confidence interval.

        By Welch's t-test, or where seeds draw the data by that of pairs.
        """
        ours, theirs = self.values(measure)
        distance = mean(ours) - mean(theirs)
        if self._drawn:
            paired = [x - y for x, y in zip(ours, theirs, strict=True)]
            return distance, half_interval(paired)
        return distance, half_interval(ours, theirs)

    @property
    def _drawn(self) -> bool:
        rows = (*self.left.rows, *self.right.rows)
        return all("drawn_checksum" in row for row in rows)


def half_interval(*samples: Sequence[float]) -> float | None:
    """Half the 95 % confidence interval of a mean, or of a difference of two means.

    With Student's t of Welch and Satterthwaite's degrees of freedom, which for one
    sample are its values less one. Of a single value there is none.

    Args:
        samples: One or two.
    """
    if min(map(len, samples)) < 2:
        return None
    squares = [variance(values) / len(values) for values in samples]
    if not any(squares):
        return 0.0
    freedom = sum(squares) ** 2 / sum(
        square**2 / (len(values) - 1)
        for square, values in zip(squares, samples, strict=True)
    )
    return float(stats.t.ppf(0.975, freedom) * sum(squares) ** 0.5)


def difference(distance: float, error: float | None) -> str:
    """A difference as text, with half its confidence interval where there is one."""
    return f"{distance:+.4f}" + ("" if error is None else f" ± {error:.4f}")


def sign(measure: str) -> int:
    """-1 for a measure that is better where it is lower, else 1."""
    return -1 if measure in LOWER else 1


def pairs(claim: Better, lines: Sequence[Line], measure: str) -> list[Pair]:
    """The pairs by which a claim is judged, with at least one value on each side.

    Args:
        claim: The claim.
        lines: The lines of its experiment.
        measure: One of its measures.
    """
    left, right = (
        [line for line in lines if line.matches(claim.same | side)]
        for side in (claim.left, claim.right)
    )
    both = [Pair(a, b) for a in left for b in right]
    able = [p for p in both if all(p.values(measure)) and _comparable(p, claim)]
    return list(_best(able, measure)) if claim.best else able


def _comparable(pair: Pair, claim: Better) -> bool:
    """Whether the lines differ only in what a claim is about.

    A setting that one of the variants lacks, such as the forget constant of LSTM, makes
    no difference; nor do epochs that the better one did not need.
    """
    from slim_keras.variants import VARIANTS

    a, b = pair.left, pair.right
    if abs(a.weights - b.weights) > claim.weights_within * b.weights:
        return False
    ignored = {*claim.left, *claim.right, *claim.free}
    if None in (a.settings.get("forget"), b.settings.get("forget")):
        ignored.add("forget")
    if not all(VARIANTS[line.settings["variant"]].gated for line in (a, b)):
        ignored.add("gate_activation")
    if pair.sooner:
        ignored.add("epochs")
    names = {*a.settings, *b.settings} - ignored
    return all(a.settings.get(name) == b.settings.get(name) for name in names)


def _best(able: Sequence[Pair], measure: str) -> Iterator[Pair]:
    """Those of the best line and the best, where there are enough to choose from."""

    def best(of: list[Pair], side: int) -> Pair:
        return max(of, key=lambda p: sign(measure) * mean(p.values(measure)[side]))

    full = [pair for pair in able if min(map(len, pair.values(measure))) >= RUNS]
    for pair in full:
        lefts = [other for other in full if other.right is pair.right]
        rights = [other for other in full if other.left is pair.left]
        enough = min(len(lefts), len(rights)) >= RUNS
        if enough and best(lefts, 0) is pair is best(rights, 1):
            yield replace(pair, note=f"best of {len(lefts)} and of {len(rights)} lines")
