"""20 Newsgroups as arrays: Usenet articles of 1993, 20 groups or 6 topics.

The defaults are those of Keras' example `pretrained_word_embeddings.py`: the headers
are cut off, words are cut as Keras' Tokenizer cuts them, the most frequent word is 1,
rare words are left out, 0 pads in front. Only equally frequent words can have other
numbers: they follow the alphabet here.

Two splits:

- `random`, as in the example: the last fifth of the 19,997 documents in a random order.
  Over 1,000 of them share their text with another one, as articles were posted to
  several groups. So some test documents were trained on, often under another label;
  the origin says how many.
- `bydate`, the usual one for comparisons: 11,314 older articles to train on and 7,532
  newer ones to test, without these copies and without the headers that name the group.

The example makes its vocabulary of all texts before it splits them; so does `random`.
In `bydate` the vocabulary is that of the training texts.
"""

import functools
import os
from collections.abc import Collection
from dataclasses import asdict

from experiments.core.errors import UserError
from experiments.datasets import Dataset, cache, disk, network, notice
from experiments.datasets.newsgroups import (
    arrays,
    sample,
    sources,
    strip as newsgroups_strip,
)
from experiments.datasets.newsgroups.sources import LAYOUTS

PARTS = tuple(newsgroups_strip.PARTS)
ENCODING = 1  # raise it when the same source begins to give other arrays


def load(
    data: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    classes: int = 20,
    strip: Collection[str] = ("headers",),
    split: str = "random",
    num_words: int = 20_000,
    length: int = 1000,
    seed: int = 1337,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """20 Newsgroups, or the synthetic sample, as rows of word numbers.

    A named folder is searched and nothing else; without one, the cache is, and the data
    set is downloaded if it is not there.

    Args:
        data: `"newsgroups"` for the real articles, `"sample"` for synthetic ones,
            `"auto"` for the real ones where they can be had, else the sample and a
            notice.
        data_dir: Folder with the articles; default is the environment variable
            SLIM_KERAS_DATA. What it may hold: see `sources.LAYOUTS`.
        classes: 20 for the groups, 6 for the topics: see `arrays.label`.
        strip: What to remove, any of `PARTS`: headers, footers, quotes. Documents of
            which nothing is left stay in, as rows of padding.
        split: `"random"` or `"bydate"`, see above.
        num_words: Word numbers stay below this one; rarer words are left out.
        length: Words in a row; longer texts are cut and shorter ones padded in front.
        seed: Of the order of the documents, and so of the random split.
        cache_dir: Where encoded arrays and downloads are kept; default is the user's
            cache folder.

    Returns:
        The data set; its name says which of the two it is, its origin how many test
        documents repeat a training document and how many documents have no word left.

    Raises:
        UserError: No real data for `"newsgroups"`; damaged data, a missing folder or
            one with the other split's data only; an argument out of range.
    """
    if data not in ("auto", "newsgroups", "sample"):
        raise UserError(f"data is {data!r}: it must be auto, newsgroups or sample")
    if split not in LAYOUTS:
        raise UserError(f"split is {split!r}: it must be {' or '.join(LAYOUTS)}")
    options = arrays.Options(classes, tuple(sorted(strip)), num_words, length, seed)
    if data == "sample":
        return _sample(split, options)
    try:
        source = _find(data_dir, cache_dir, split)
    except disk.NotFoundError as error:
        ways = _ways(split)
        if data == "newsgroups":
            raise UserError(f"no 20 Newsgroups: {error}; {ways}") from None
        notice.no_real_data("newsgroup articles", str(error), ways)
        return _sample(split, options)

    def build() -> Dataset:
        documents = source.read()
        return arrays.build("newsgroups", documents, source.origin, options)

    try:
        stats = cache.identity(source.files)
        key = ["newsgroups", ENCODING, source.origin, stats, asdict(options)]
        return cache.fetch(cache.default_folder(cache_dir), key, build)
    except OSError as error:
        raise UserError(f"{source.path} cannot be read ({error})") from None


def _sample(split: str, options: arrays.Options) -> Dataset:
    documents = sample.generate(split)
    origin = "synthetic articles, sample.py"
    return arrays.build("sample", documents, origin, options)


def _find(
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
    split: str,
) -> disk.Source[sources.Documents]:
    look = functools.partial(sources.find, split=split)
    try:
        return network.find(look, data_dir, cache_dir, LAYOUTS[split].url)
    except disk.NotFoundError:
        folder = disk.named_folder(data_dir)
        for other in LAYOUTS:
            if folder and sources.find(folder, other):
                raise UserError(
                    f"split is {split}, but {folder} holds only the documents of "
                    f"split {other}: choose that, or put {_names(split)} there"
                ) from None
        raise


def _ways(split: str) -> str:
    layout = LAYOUTS[split]
    return (
        "let it be downloaded (a network, no --data-dir), or name by --data-dir or "
        f"SLIM_KERAS_DATA a folder with {_names(split)} ({layout.url})"
    )


def _names(split: str) -> str:
    folders = [names[0] + "/" for names in LAYOUTS[split].parts.values()]
    return f"{' and '.join(folders)} or {' or '.join(LAYOUTS[split].archives)}"
