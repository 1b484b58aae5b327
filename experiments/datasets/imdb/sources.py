"""Where the IMDB reviews can lie in a folder, and how each kind is read."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.disk import Source
from experiments.datasets.imdb import npz, tfds_reader

Reviews = dict[str, list[tuple[str, int]]]  # train, test -> (text, 0 or 1)

_SPLITS = ("train", "test")
_LABELS = {"neg": 0, "pos": 1}
_RATINGS = {"neg": range(1, 5), "pos": range(7, 11)}
_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(neg|pos)/([^/.][^/]*)")
_NAME = re.compile(r"\d+_(\d+)\.txt")


def find(folder: Path) -> Source[Reviews] | None:
    """The first source in a folder or its sub-folders `imdb` and `tfds`.

    In this order: prepared by tensorflow-datasets, the folder `aclImdb`, an archive
    `aclImdb*.tar.gz` (the first by name), Keras' `imdb.npz`.
    """
    places = (folder, folder / "imdb", folder / "tfds")
    return disk.first((prepared, _folder, _archive, _npz), places)


def prepared(place: Path) -> Source[Reviews] | None:
    """`imdb_reviews` as tensorflow-datasets has prepared it under `place`."""
    path = place / tfds_reader.PREPARED
    if not path.is_dir():
        return None
    origin = f"tensorflow-datasets {tfds_reader.PREPARED.as_posix()}"
    return Source(path, origin, disk.visible(path), partial(tfds_reader.read, path))


def _folder(place: Path) -> Source[Reviews] | None:
    for path in (place, place / "aclImdb"):
        if path.name == "aclImdb" and path.is_dir():
            files = [
                file
                for split in _SPLITS
                for sentiment in _LABELS
                for file in disk.visible(path / split / sentiment)
            ]
            return Source(path, "folder aclImdb", files, partial(_read_folder, path))
    return None


def _archive(place: Path) -> Source[Reviews] | None:
    for path in sorted(place.glob("aclImdb*.tar.gz")):
        return Source(
            path, f"archive {path.name}", [path], partial(_read_archive, path)
        )
    return None


def _npz(place: Path) -> Source[Reviews] | None:
    path = place / "imdb.npz"
    if not path.is_file():
        return None
    files = [file for file in (path, path.with_name(npz.INDEX)) if file.exists()]
    return Source(path, "Keras imdb.npz", files, partial(npz.read, path))


def _read_folder(folder: Path) -> Reviews:
    return _collect(
        (split, sentiment, file.name, file.read_bytes(), file)
        for split in _SPLITS
        for sentiment in _LABELS
        for file in disk.visible(folder / split / sentiment)
    )


def _read_archive(path: Path) -> Reviews:
    return _collect(
        (match[1], match[2], match[3], content, f"{path}: {match[0]}")
        for match, content in disk.members(path, _MEMBER)
    )


def _collect(files: Iterator[tuple[str, str, str, bytes, object]]) -> Reviews:
    """Reviews from (split, sentiment, file name, content, where it lies)."""
    reviews: Reviews = {split: [] for split in _SPLITS}
    for split, sentiment, name, content, where in files:
        match = _NAME.fullmatch(name)
        if not match:
            raise UserError(f"{where} is no review (<id>_<rating>.txt): move it away")
        if int(match[1]) not in _RATINGS[sentiment]:
            raise UserError(
                f"{where} has the rating {match[1]} among the reviews {sentiment!r}: "
                "get the data again"
            )
        try:
            reviews[split].append((content.decode("utf-8"), _LABELS[sentiment]))
        except UnicodeDecodeError as error:
            raise UserError(
                f"{where} is not UTF-8 text ({error}): get the data again"
            ) from None
    return reviews
