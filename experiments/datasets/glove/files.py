"""Where GloVe files can lie in a folder, and how their vectors are read.

A file has a word in every line and its numbers behind it, separated by single blanks.
Its name tells the dimension: `glove.6B.50d.txt`, with `.gz` or `.xz`, or in a `.zip`.
"""

import contextlib
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from experiments.core.errors import UserError

# `.top60k`, say, marks the most frequent lines of the whole file.
_NAME = re.compile(r"(?:.*/)?(glove\.(?:.*\.)?(\d+)d)(\.top\w+)?\.txt(\.gz|\.xz)?")
# Lines of files that are known: one that lost its end between two lines has fewer.
_LINES = {"glove.6B": 400_000}
_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".txt": lambda path: path.open("rb"),
    ".gz": gzip.open,
    ".xz": lzma.open,
}


@dataclass(frozen=True)
class Source:
    """One file of vectors.

    Attributes:
        path: The file, or the `.zip` that it is in.
        member: Its name in the `.zip`, or nothing.
        vectors: What the vectors are called, `"glove.6B.50d"` say.
        dim: Their dimension.
        whole: Whether it has all of them.
    """

    path: Path
    member: str
    vectors: str
    dim: int
    whole: bool

    @property
    def origin(self) -> str:
        """The file without the way to it, for results."""
        return f"{self.path.name}: {self.member}" if self.member else self.path.name

    @property
    def where(self) -> str:
        """The file, for messages."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)


def find(folder: Path) -> list[Source]:
    """All files of vectors in a folder, its `glove` and its `glove.6B`, the best first.

    Whole files come before their first lines, plain ones before those in a `.zip`.
    """
    sources = []
    for place in (folder, folder / "glove", folder / "glove.6B"):
        for path in sorted(place.glob("glove*")):
            if path.suffix == ".zip":
                sources += [_source(path, name) for name in _zipped(path)]
            else:
                sources.append(_source(path))
    return sorted(filter(None, sources), key=lambda s: (not s.whole, bool(s.member)))


def _source(path: Path, member: str = "") -> Source | None:
    match = _NAME.fullmatch(member or path.name)
    if not match:
        return None
    vectors, dim, cut, _ = match.groups()
    return Source(path, member, vectors, int(dim), whole=not cut)


def _zipped(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as file:
            return file.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(
            f"{path} is damaged or no .zip file ({error}): get it again"
        ) from None


def read(source: Source, words: Sequence[str]) -> tuple[np.ndarray, int]:
    """The vectors of some words: a matrix, and how many of the words were found.

    The file is read to its end, which checks what a compressed file knows of itself.

    Args:
        source: Where to read.
        words: The words, `""` for none. Rows of words without a vector stay zero.

    Raises:
        UserError: The file is damaged or no GloVe file.
    """
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
                    continue  # a word with blanks inside, which nobody asks for
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
    except (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(
            f"{source.where} is damaged after line {line:,} ({error}): get it again"
        ) from None
    expected = _LINES.get(source.vectors.rpartition(".")[0], 1) if source.whole else 1
    if line < expected:
        raise UserError(
            f"{source.where} has {line:,} lines where it should have {expected:,}: "
            "get the file again"
        )
    return matrix, len(found)


class _DamageError(Exception):
    """What is wrong in the line at hand."""


@contextlib.contextmanager
def _opened(source: Source) -> Iterator[IO[bytes]]:
    with contextlib.ExitStack() as stack:
        if source.member:
            whole = stack.enter_context(zipfile.ZipFile(source.path))
            file = stack.enter_context(whole.open(source.member))
        else:
            file = stack.enter_context(_OPENERS[source.path.suffix](source.path))
        yield file


def _check_blanks(content: bytes, line: int, dim: int) -> None:
    """Lets a line pass that has more blanks than it should, as its word has some.

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
