"""Where the IMDB reviews can lie in a folder, and how each kind is read."""

import re
from functools import partial
from pathlib import Path

from experiments.core.errors import UserError
from experiments.datasets import disk, text, tfds
from experiments.datasets.disk import Source
from experiments.datasets.imdb import npz

PER_CLASS = 12_500
PREPARED = "imdb_reviews/plain_text/1.0.0"
Reviews = dict[str, list[tuple[str, int]]]  # train, test -> (text, 0 or 1)

_LABELS = {"neg": 0, "pos": 1}
_RATINGS = {"neg": range(1, 5), "pos": range(7, 11)}
_FILE = re.compile(r"aclImdb/(train|test)/(neg|pos)/([^/.][^/]*)")
_NAME = re.compile(r"\d+_(\d+)\.txt")


def find(folder: Path) -> Source[Reviews] | None:
    """The first source in a folder or its sub-folders `imdb` and `tfds`.

    In this order: prepared by tensorflow-datasets, the folder `aclImdb`, an archive
    `aclImdb*.tar.gz` (the first by name), Keras' `imdb.npz`.
    """
    looks = (
        partial(
            tfds.source, name=PREPARED, splits=("train", "test"), convert=_converted
        ),
        partial(disk.folder, name="aclImdb", pattern=_FILE, read=_collect),
        partial(disk.archive, names="aclImdb*.tar.gz", read=_collect),
        _npz,
    )
    found = disk.first(looks, (folder, folder / "imdb", folder / "tfds"))
    return found and found.checked(_checked)


def _converted(splits: dict[str, tfds.Split]) -> Reviews:
    return {
        name: [(one["text"].decode("utf-8"), int(one["label"])) for one in split]
        for name, split in splits.items()
    }


def _npz(place: Path) -> Source[Reviews] | None:
    path = place / npz.FILE
    if not path.is_file():
        return None
    files = [file for file in (path, path.with_name(npz.INDEX)) if file.exists()]
    return Source(path, "Keras imdb.npz", files, partial(npz.read, path))


def _collect(path: Path) -> Reviews:
    """The reviews in a folder or an archive `aclImdb`."""
    reviews: Reviews = {"train": [], "test": []}
    for match, where, content in disk.files(path, _FILE):
        split, sentiment, name = match.groups()
        named = _NAME.fullmatch(name)
        if not named:
            raise UserError(
                f"{where} is not a review (<id>_<rating>.txt): move it away"
            )
        if int(named[1]) not in _RATINGS[sentiment]:
            raise UserError(
                f"{where} has the rating {named[1]} among the reviews {sentiment!r}: "
                "download the data again"
            )
        try:
            reviews[split].append((content.decode("utf-8"), _LABELS[sentiment]))
        except UnicodeDecodeError as error:
            raise UserError(
                f"{where} is not UTF-8 text ({error}): download the data again"
            ) from None
    return reviews


def _checked(path: Path, reviews: Reviews) -> Reviews:
    for split, examples in reviews.items():
        labels = [label for _, label in examples]
        if not set(labels) <= {0, 1}:
            raise UserError(f"{path} has labels other than 0 and 1 in {split}")
        for label, sentiment in enumerate(("negative", "positive")):
            if labels.count(label) != PER_CLASS:
                raise UserError(
                    f"{path} holds {labels.count(label):,} {sentiment} {split} "
                    f"reviews where IMDB has {PER_CLASS:,}: download the data again"
                )
        if not all(text.normalise(review) for review, _ in examples):
            raise UserError(f"{path} has a review without words in {split}")
    return reviews
