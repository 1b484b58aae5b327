"""Online handwriting: the features of pen strokes, and their texts.

    omniglot    words of 3 to 6 random characters that 20 people drew
    pendigits   numbers of 3 to 6 random digits; a number mixes the hands of its part,
                as the data does not say whose they are
    iam_ondb    lines of English text
    sample      as omniglot, in ten synthetic characters

Everything is drawn from the seed: of 20 writers four for the test and the last
`validation_split` of the others to choose the epoch, then the words of each part. With
so few writers a seed says little and several say more, as each has other test writers.
PenDigits has its own test file, and its last training rows validate (they may share
writers with the rest); IAM-OnDB has its own parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.datasets import Parts, checksum, kept_of, padded
from experiments.datasets.choose import Declared, Folder, choose
from experiments.datasets.handwriting import iam_ondb, omniglot, pendigits
from experiments.datasets.handwriting.ink import features
from experiments.datasets.handwriting.words import Hand, Word, words

DATA = ("omniglot", "pendigits", "iam_ondb", "sample")
TEST_WRITERS = 4
EVALUATED = 512  # words for validation, as many to test
BLANK = 0  # of CTC, and what pads the labels

Part = tuple[np.ndarray, np.ndarray]


def load(
    data: str = "auto",
    data_dir: Folder = None,
    *,
    alphabet: str = "Latin",
    count: int = 4_096,
    validation_split: float = 0.25,
    seed: int = 0,
) -> Parts:
    """Handwriting as arrays.

    Args:
        data: One of `DATA`, or `"auto"`; see `choose`.
        data_dir: Folder with the data; see `choose`.
        alphabet: Of Omniglot: one of `omniglot.ALPHABETS`, or `"all"`; a word has
            characters of one.
        count: Words to train on.
        validation_split: Part of what is not for the test that validates.
        seed: What writers and words depend on.

    Returns:
        Steps `(words, steps, 4)`, with zeros behind, and labels `(words, letters)`,
        with `BLANK` behind. The part `val` can be missing.

    Raises:
        UserError: As `choose` raises it; none is left to train on.
    """
    declared: list[Declared[Any]] = [
        omniglot.declared(alphabet),
        pendigits.DECLARED,
        iam_ondb.DECLARED,
    ]
    name, source = choose(data, declared, data_dir)
    content = source.read()
    if name == "iam_ondb":
        lines, unpaired = content
        remark = f"{unpaired:,} lines without strokes or text left out"
        return _build(name, lines, f"{source.origin}, {remark}")
    if name == "pendigits":
        train, test = content
        kept = kept_of(len(train), validation_split, "drawings")
        hands = {"train": [train[:kept]], "val": [train[kept:]], "test": [test]}
    else:
        hands = _parts(content, validation_split, seed)
    return _words(name, hands, count, seed, source.origin)


def _parts(
    writers: Mapping[int, Sequence[Hand]], validation_split: float, seed: int
) -> dict[str, list[Hand]]:
    """The hands of each part, split by the numbers of the writers."""
    numbers = np.random.default_rng(seed).permutation(sorted(writers)).tolist()
    learnt = len(numbers) - TEST_WRITERS
    kept = kept_of(learnt, validation_split, "writers")
    places = {
        "train": numbers[:kept],
        "val": numbers[kept:learnt],
        "test": numbers[learnt:],
    }
    return {
        part: [hand for number in chosen for hand in writers[number]]
        for part, chosen in places.items()
    }


def _words(
    name: str,
    hands: Mapping[str, Sequence[Hand]],
    count: int,
    seed: int,
    origin: str,
) -> Parts:
    found = {
        part: words(of, count if part == "train" else EVALUATED, [place, seed])
        for place, (part, of) in enumerate(hands.items())
        if any(of)
    }
    drawings = sum(map(len, hands["train"]))
    origin += f"; {count:,} words of {drawings:,} drawings to train on"
    return _build(name, found, origin)


def _build(name: str, parts: Mapping[str, Sequence[Word]], origin: str) -> Parts:
    """The arrays, all of one width."""
    known = {label for part in parts.values() for _, text in part for label in text}
    labels = ("", *sorted(known))
    numbers = {label: number for number, label in enumerate(labels)}
    steps, texts, left_out = {}, {}, 0
    for part, found in parts.items():
        rows = [
            (features(ink, f"{part} {place}"), [numbers[label] for label in text])
            for place, (ink, text) in enumerate(found)
        ]
        readable = [row for row in rows if _fits(*row)]
        left_out += len(rows) - len(readable)
        steps[part], texts[part] = zip(*readable, strict=True)
    if left_out:
        origin += f"; {left_out:,} with fewer steps than letters left out"
    x, y = (_padded(rows) for rows in (steps, texts))
    arrays = {
        part: (x[part].astype(np.float32), y[part].astype(np.int32)) for part in parts
    }
    return Parts(name, arrays, labels, origin, _checksum(arrays))


def _checksum(parts: Mapping[str, Part]) -> str:
    """SHA-256 of what was drawn: all labels, and the steps' mean and deviation.

    These two with three digits, as the last bits of the steps depend on the processor.
    """
    rough = [
        np.round([x.mean(dtype="f8"), x.std(dtype="f8")], 3) + 0.0  # no -0.0
        for x, _ in parts.values()
    ]
    return checksum(*(y for _, y in parts.values()), *rough)


def _fits(steps: np.ndarray, text: list[int]) -> bool:
    """Whether CTC can align them: equal neighbours have a blank between them."""
    return len(steps) >= len(text) + int((np.diff(text) == 0).sum())


def _padded(parts: Mapping[str, Iterable]) -> dict[str, np.ndarray]:
    """The rows of each part, padded with zeros to the longest of all."""
    width = max(len(row) for rows in parts.values() for row in rows)
    return {
        part: np.stack([padded(np.asarray(row), width) for row in rows])
        for part, rows in parts.items()
    }
