"""IMDB reviews as arrays: 25,000 to train on and 25,000 to test, two classes.

The numbers are those of `keras.datasets.imdb`, start 1, unknown 2, rank + 3, with one
difference: equally frequent words are ranked by the alphabet, where Keras' file keeps
the order in which its author's run met them. So the frequent words have Keras' numbers
and the words of a tie may have swapped theirs. Keras' own file is decoded into words
and numbered here like every other source; all sources give the same arrays.
"""

import os

from experiments.core.errors import UserError
from experiments.datasets import Dataset, cache, disk, notice, text
from experiments.datasets.imdb import sample, sources, tfds_reader

PER_CLASS = 12_500
ENCODING = 1  # raise it when the same source begins to give other arrays

_WAYS = (
    "let tensorflow-datasets download it (a network, no --data-dir), or name by "
    "--data-dir or SLIM_KERAS_DATA a folder with aclImdb/ or aclImdb_v1.tar.gz "
    f"({tfds_reader.SOURCE}), or one with Keras' imdb.npz and imdb_word_index.json"
)


def load(
    data: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    num_words: int = 5000,
    length: int = 500,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """IMDB reviews, or the synthetic sample, as rows of word numbers.

    A named folder is searched and nothing else; without one, the folder of
    tensorflow-datasets is, and the data set is downloaded if it is not there.

    Args:
        data: `"imdb"` for the real reviews, `"sample"` for synthetic ones, `"auto"`
            for the real ones where they can be had, else the sample and a notice.
        data_dir: Folder with the reviews; default is the environment variable
            SLIM_KERAS_DATA. What it may hold: see `sources.find`.
        num_words: Word numbers stay below this one; rarer words become 2.
        length: Words in a row; longer reviews are cut and shorter ones padded in front.
        cache_dir: Where encoded arrays are kept; default is the user's cache folder.

    Returns:
        The data set; its name says which of the two it is.

    Raises:
        UserError: No real data for `"imdb"`; damaged data or a missing folder for
            `"imdb"` and `"auto"`; an argument out of range.
    """
    if data not in ("auto", "imdb", "sample"):
        raise UserError(f"data is {data!r}: it must be auto, imdb or sample")
    if num_words <= text.OFFSET + 1:
        raise UserError(f"num_words is {num_words}: it must be at least 5")
    if length < 1:
        raise UserError(f"length is {length}: it must be at least 1")
    if data == "sample":
        return _sample(num_words, length)
    try:
        source = _find(data_dir)
    except disk.NotFoundError as error:
        if data == "imdb":
            raise UserError(f"no IMDB reviews: {error}; {_WAYS}") from None
        notice.no_real_data("reviews", str(error), _WAYS)
        return _sample(num_words, length)
    folder = cache.default_folder(cache_dir)
    try:
        stats = cache.identity(source.files)
        key = [ENCODING, source.origin, stats, num_words, length]
        return cache.fetch(folder, key, lambda: _build(source, num_words, length))
    except OSError as error:
        raise UserError(f"{source.path} cannot be read ({error})") from None


def _find(data_dir: str | os.PathLike[str] | None) -> disk.Source[sources.Reviews]:
    folder = disk.named_folder(data_dir)
    if folder:
        source = sources.find(folder)
        if source is None:
            raise disk.NotFoundError(f"none in {folder}")
        return source
    folder = tfds_reader.default_folder()
    source = sources.prepared(folder)
    if source is None:
        if not tfds_reader.reachable():
            raise disk.NotFoundError(
                f"none in {folder}, and no network to download them"
            )
        tfds_reader.download(folder)
        source = sources.prepared(folder)
    if source is None:
        raise disk.NotFoundError(f"the download to {folder} failed")
    return source


def _build(
    source: disk.Source[sources.Reviews], num_words: int, length: int
) -> Dataset:
    reviews = source.read()
    for split, examples in reviews.items():
        labels = [label for _, label in examples]
        if not set(labels) <= {0, 1}:
            raise UserError(f"{source.path} has labels other than 0 and 1 in {split}")
        for label, sentiment in enumerate(("negative", "positive")):
            if labels.count(label) != PER_CLASS:
                raise UserError(
                    f"{source.path} holds {labels.count(label):,} {sentiment} {split} "
                    f"reviews where IMDB has {PER_CLASS:,}: get the data again"
                )
        if not all(text.normalise(review) for review, _ in examples):
            raise UserError(f"{source.path} has a review without words in {split}")
    arrays = text.to_arrays(reviews["train"], reviews["test"], num_words, length)
    return Dataset("imdb", *arrays, origin=source.origin)


def _sample(num_words: int, length: int) -> Dataset:
    train, test = sample.generate()
    arrays = text.to_arrays(train, test, num_words, length)
    return Dataset("sample", *arrays, origin="synthetic reviews, sample.py")
