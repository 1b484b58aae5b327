"""Newsgroup articles as rows of word numbers, split into training and test."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.datasets import Dataset, text
from experiments.datasets.newsgroups import strip as newsgroups_strip
from experiments.datasets.newsgroups.sources import GROUPS, Document, Documents

TEST_PART = 0.2
TOPICS = ("comp", "rec", "sci", "misc.forsale", "talk.politics", "religion")
_RELIGION = ("alt.atheism", "soc.religion.christian", "talk.religion.misc")


@dataclass(frozen=True)
class Options:
    """What decides the arrays; the arguments of `newsgroups.load`."""

    classes: int
    strip: tuple[str, ...]
    num_words: int
    length: int
    seed: int


def build(name: str, documents: Documents, origin: str, options: Options) -> Dataset:
    """The data set, with what is odd about it at the end of its origin."""
    train, test = _split(documents, options.seed)
    texts = [[_words(one, options.strip) for one in part] for part in (train, test)]
    known = texts[0] + texts[1] if "all" in documents else texts[0]
    words = text.vocabulary(known, options.num_words)
    numbers = {word: number for number, word in enumerate(words) if word}
    x_train, x_test = (
        text.pad(
            [[numbers[w] for w in one.split(" ") if w in numbers] for one in part],
            options.length,
        )
        for part in texts
    )
    y_train, y_test = (
        np.array([label(one.group, options.classes) for one in part], np.int32)
        for part in (train, test)
    )
    empty = sum(int((~x.any(axis=1)).sum()) for x in (x_train, x_test))
    remarks = (
        f"{repeated(train, test):,} of {len(test):,} test documents repeat a training "
        f"document, {empty:,} of all have no word left"
    )
    arrays = (x_train, y_train, x_test, y_test)
    return Dataset(name, *arrays, origin=f"{origin}; {remarks}", vocabulary=words)


def _words(document: Document, strip: Collection[str]) -> str:
    return text.normalise(newsgroups_strip.strip(document.text, strip))


def label(group: str, classes: int) -> int:
    """The class of a newsgroup: its place in `GROUPS`, or that of its topic."""
    if classes == len(GROUPS):
        return GROUPS.index(group)
    if group in _RELIGION:
        return TOPICS.index("religion")
    (place,) = (n for n, topic in enumerate(TOPICS) if group.startswith(topic))
    return place


def repeated(train: Sequence[Document], test: Sequence[Document]) -> int:
    """How many test documents have the text, below the headers, of a training one."""
    bodies, tested = (
        [newsgroups_strip.without_headers(one.text).strip() for one in part]
        for part in (train, test)
    )
    seen = set(bodies) - {""}
    return sum(body in seen for body in tested)


def _split(documents: Documents, seed: int) -> tuple[list[Document], list[Document]]:
    """Training and test documents, shuffled."""
    if "all" in documents:
        mixed = _shuffled(documents["all"], seed)
        tested = int(TEST_PART * len(mixed))
        return mixed[:-tested], mixed[-tested:]
    return _shuffled(documents["train"], seed), _shuffled(documents["test"], seed)


def _shuffled(documents: Sequence[Document], seed: int) -> list[Document]:
    # The old generator never changes, and with its seed the example splits likewise.
    order = np.random.RandomState(seed).permutation(len(documents))
    return [documents[place] for place in order]
