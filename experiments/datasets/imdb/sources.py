"""Where the IMDB reviews can lie in a folder, and how each kind is read."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from experiments.core.errors import UserError
from experiments.datasets import disk, text, tfds
from experiments.datasets.disk import Source
from experiments.datasets.imdb import npz

PER_CLASS = 12_500
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
    places = (folder, folder / "imdb", folder / "tfds")
    return disk.first((_prepared, _folder, _archive, _npz), places)


def _source(
    path: Path, origin: str, files: Sequence[Path], read: Callable[[], Reviews]
) -> Source[Reviews]:
    return Source(path, origin, files, lambda: _checked(path, read()))


def _prepared(place: Path) -> Source[Reviews] | None:
    found = tfds.source(
        place, "imdb_reviews/plain_text/1.0.0", ("train", "test"), _converted
    )
    return found and _source(found.path, found.origin, found.files, found.read)


def _converted(*splits: tfds.Split) -> Reviews:
    return {
        name: [
            (tfds.text(review), int(label[0]))
            for review, label in zip(split["text"], split["label"], strict=True)
        ]
        for name, split in zip(("train", "test"), splits, strict=True)
    }


def _folder(place: Path) -> Source[Reviews] | None:
    for path in (place, place / "aclImdb"):
        if path.name == "aclImdb" and path.is_dir():
            files = disk.below(path, _FILE)
            return _source(path, "folder aclImdb", files, partial(_collect, path))
    return None


def _archive(place: Path) -> Source[Reviews] | None:
    for path in sorted(place.glob("aclImdb*.tar.gz")):
        return _source(path, f"archive {path.name}", [path], partial(_collect, path))
    return None


def _npz(place: Path) -> Source[Reviews] | None:
    path = place / "imdb.npz"
    if not path.is_file():
        return None
    files = [file for file in (path, path.with_name(npz.INDEX)) if file.exists()]
    return _source(path, "Keras imdb.npz", files, partial(npz.read, path))


def _collect(path: Path) -> Reviews:
    """The reviews in a folder or an archive `aclImdb`."""
    reviews: Reviews = {"train": [], "test": []}
    for match, where, content in disk.files(path, _FILE):
        split, sentiment, name = match.groups()
        named = _NAME.fullmatch(name)
        if not named:
            raise UserError(f"{where} is no review (<id>_<rating>.txt): move it away")
        if int(named[1]) not in _RATINGS[sentiment]:
            raise UserError(
                f"{where} has the rating {named[1]} among the reviews {sentiment!r}: "
                "get the data again"
            )
        try:
            reviews[split].append((content.decode("utf-8"), _LABELS[sentiment]))
        except UnicodeDecodeError as error:
            raise UserError(
                f"{where} is not UTF-8 text ({error}): get the data again"
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
                    f"reviews where IMDB has {PER_CLASS:,}: get the data again"
                )
        if not all(text.normalise(review) for review, _ in examples):
            raise UserError(f"{path} has a review without words in {split}")
    return reviews
