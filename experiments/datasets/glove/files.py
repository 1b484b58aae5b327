"""Finds GloVe files in a folder and reads their vectors.

A file has a word in every line and its numbers behind it, separated by single blanks.
Its name tells the dimension: `glove.6B.50d.txt`, with `.gz` or `.xz`, or in a `.zip`.
"""

import contextlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.disk import Source

EXAMPLE_DIM = 100  # of Keras' pretrained_word_embeddings.py
Found = tuple[np.ndarray, int]  # the matrix, and how many words have a vector

# `.top60k`, say, marks the most frequent lines of the whole file.
_NAME = re.compile(r"(?:.*/)?(glove\.(?:.*\.)?(\d+)d)(\.top\w+)?\.txt(\.gz|\.xz)?")
# Lines of known files: a file that was cut between two lines has fewer.
_LINES = {"glove.6B": 400_000}


@dataclass(frozen=True)
class VectorFile:
    """One file of vectors."""

    path: Path  # the file, or the `.zip` that it is in
    member: str  # its name in the `.zip`, or nothing
    vectors: str  # what the vectors are called, `"glove.6B.50d"` say
    dim: int  # their dimension
    whole: bool  # whether it has all of them

    @property
    def origin(self) -> str:
        """The file without the way to it, for results."""
        return f"{self.path.name}: {self.member}" if self.member else self.path.name

    @property
    def where(self) -> str:
        """The file, for messages."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)


def find(folder: Path, words: Sequence[str], dim: int | None) -> Source[Found] | None:
    """The vectors of some words, in the best file of a folder.

    The folder and its sub-folders `glove` and `glove.6B` are searched. Whole files come
    before their first lines, plain ones before those in a `.zip`.

    Args:
        words: The words, `""` for none.
        dim: Dimension of the vectors; None is `EXAMPLE_DIM`, or the one at hand.

    Raises:
        UserError: The files have other dimensions only, or vectors of several kinds.
    """
    every = _files(folder)
    if not every:
        return None
    if dim is None and any(file.dim == EXAMPLE_DIM for file in every):
        dim = EXAMPLE_DIM
    fitting = [file for file in every if dim in (None, file.dim)]
    kinds = sorted({file.vectors for file in fitting or every})
    place = every[0].path.parent
    if not fitting:
        raise UserError(
            f"dim is {dim}, but {place} has other vectors only: {', '.join(kinds)}"
        )
    if len(kinds) > 1:
        raise UserError(
            f"{place} has several kinds of vectors: {', '.join(kinds)}; "
            "name the dimension, or a folder with one kind"
        )
    best = fitting[0]
    return Source(best.path, best.origin, [best.path], partial(_read, best, words))


def _files(folder: Path) -> list[VectorFile]:
    """All files of vectors, the best first."""
    found = []
    for place in (folder, folder / "glove", folder / "glove.6B"):
        for path in sorted(place.glob("glove*")):
            if path.suffix == ".zip":
                found += [_file(path, name) for name in _zipped(path)]
            else:
                found.append(_file(path))
    return sorted(filter(None, found), key=lambda f: (not f.whole, bool(f.member)))


def _file(path: Path, member: str = "") -> VectorFile | None:
    match = _NAME.fullmatch(member or path.name)
    if not match:
        return None
    vectors, dim, cut, _ = match.groups()
    return VectorFile(path, member, vectors, int(dim), whole=not cut)


def _zipped(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as file:
            return file.namelist()
    except disk.DAMAGE as error:
        raise UserError(
            f"{path} is damaged or not a .zip file ({error}): download it again"
        ) from None


def _read(source: VectorFile, words: Sequence[str]) -> Found:
    """Reads a file to its end, where a compressed file has its checksum."""
    rows = {word.encode(): row for row, word in enumerate(words) if word}
    matrix = np.zeros((len(words), source.dim), np.float32)
    found: dict[int, int] = {}  # the row and the line in which its word was
    line = 0
    try:
        with _opened(source) as file:
            for line, content in enumerate(file, start=1):
                word, blank, values = content.partition(b" ")
                if values.count(b" ") + bool(blank) != source.dim:
                    _check_blanks(content, line, source.dim)
                    continue  # its word has blanks inside and is in no vocabulary
                if content[-1:] != b"\n":
                    raise _DamageError("the file is cut off here")
                row = rows.get(word)
                if row is None:
                    continue
                if row in found:
                    raise _DamageError(f"{word.decode()!r} was in line {found[row]:,}")
                found[row] = line
                matrix[row] = _parse(values)
    except _DamageError as error:
        raise UserError(
            f"{source.where}, line {line:,}: {error}; get the file again"
        ) from None
    except disk.DAMAGE as error:
        raise UserError(
            f"{source.where} is damaged after line {line:,} ({error}): "
            "download it again"
        ) from None
    expected = _LINES.get(source.vectors.rpartition(".")[0], 1) if source.whole else 1
    if line < expected:
        raise UserError(
            f"{source.where} has {line:,} lines where it should have {expected:,}: "
            "get the file again"
        )
    return matrix, len(found)


class _DamageError(Exception):
    """The defect of the current line."""


@contextlib.contextmanager
def _opened(source: VectorFile) -> Iterator[IO[bytes]]:
    if source.member:
        with zipfile.ZipFile(source.path) as whole, whole.open(source.member) as file:
            yield file
    else:
        with disk.opened(source.path) as file:
            yield file


def _check_blanks(content: bytes, line: int, dim: int) -> None:
    """Accepts a line with more blanks than numbers: its word contains some.

    The vectors of the whole web, 840B, have a few of them.
    """
    fields = content.split(b" ")
    if line == 1 and len(fields) == 2 and all(map(_is_number, fields)):
        raise _DamageError("this is word2vec's header, delete it")
    if len(fields) <= dim or _is_number(fields[1]):
        raise _DamageError(f"{len(fields) - 1} numbers where there should be {dim}")


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parse(values: bytes) -> np.ndarray:
    try:
        vector = np.array([float(value) for value in values.rstrip().split(b" ")])
    except ValueError as error:
        raise _DamageError(str(error)) from None
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)
    if not np.isfinite(vector).all():
        raise _DamageError("a number is not finite")
    return vector
