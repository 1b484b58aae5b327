"""Folders and archives as users have them: found and read, never changed."""

import gzip
import hashlib
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Generic, NamedTuple, TypeVar

from experiments.core.errors import UserError

Content = TypeVar("Content")

# The exceptions that a damaged file can raise.
DAMAGE = (
    OSError,
    EOFError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)
_OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Source(Generic[Content]):
    """One place that holds a data set."""

    path: Path  # the folder or file, for messages
    origin: str  # the same without the folders above it, for result rows
    files: Sequence[Path]  # all files that decide the content
    # Reads them; raises UserError if they are damaged or incomplete.
    read: Callable[[], Content]

    def checked(self, check: Callable[[Path, Content], Content]) -> "Source[Content]":
        """The same source with a check of its content."""
        return replace(self, read=lambda: check(self.path, self.read()))


class File(NamedTuple):
    """One file below a folder or in an archive."""

    match: re.Match[str]  # of its name
    where: str  # for messages
    content: bytes


class NotFoundError(Exception):
    """None of the folders holds the data, and none holds damaged data."""


def first(
    looks: Iterable[Callable[[Path], Source[Content] | None]], places: Sequence[Path]
) -> Source[Content] | None:
    """The source in the first place where one of the looks succeeds."""
    found = (look(place) for look in looks for place in places)
    return next(filter(None, found), None)


def folder(
    place: Path,
    name: str,
    pattern: re.Pattern[str],
    read: Callable[[Path], Content],
) -> Source[Content] | None:
    """The place itself or the folder in it, whichever has the name."""
    for path in (place, place / name):
        if path.name == name and path.is_dir():
            return Source(
                path, f"folder {name}", below(path, pattern), partial(read, path)
            )
    return None


def archive(
    place: Path, names: str, read: Callable[[Path], Content]
) -> Source[Content] | None:
    """The first archive of a place, by name, that matches the pattern `names`."""
    for path in sorted(place.glob(names)):
        if path.suffix in (".gz", ".xz", ".zip"):
            return Source(path, f"archive {path.name}", [path], partial(read, path))
    return None


def existing(places: Iterable[Path], names: Iterable[str]) -> Path | None:
    """The first file in any of the places that has one of the names."""
    paths = (place / name for place in places for name in names)
    return next(filter(Path.is_file, paths), None)


def named_folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    """The folder in the argument `data_dir`, else the one in SLIM_KERAS_DATA."""
    named = data_dir or os.environ.get("SLIM_KERAS_DATA")
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_dir():
        raise UserError(f"data_dir is {path}: this folder does not exist")
    return path


def opened(path: Path) -> IO[bytes]:
    """A file to read, unpacked if its name ends in `.gz` or `.xz`."""
    return _OPENERS.get(path.suffix, lambda plain: plain.open("rb"))(path)


def published(path: Path, sha256: str, url: str) -> bytes:
    """The content of a file; raises UserError if it is not the one at the address."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"{path} is not the published file: delete it and get {url}")
    return content


def below(top: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Sorted files below a folder; the pattern matches names from the folder's on."""
    paths = (Path(place, name) for place, _, names in os.walk(top) for name in names)
    return sorted(path for path in paths if pattern.fullmatch(_name(path, top)))


def _name(path: Path, top: Path) -> str:
    return path.relative_to(top.parent).as_posix()


def files(path: Path, pattern: re.Pattern[str]) -> Iterator[File]:
    """The files below a folder, or in an archive, whose names match.

    Args:
        path: A folder, or an archive `.zip`, `.tar.gz` or `.tar.xz`. An archive is read
            to its very end, and nothing is unpacked to disk.
        pattern: Matches whole names, from that of the folder on.

    Raises:
        UserError: The archive is damaged, or a file cannot be read.
    """
    try:
        if path.is_dir():
            for file in below(path, pattern):
                yield _matched(pattern, _name(file, path), str(file), file.read_bytes())
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as zipped:
                for name in filter(pattern.fullmatch, zipped.namelist()):
                    yield _matched(pattern, name, f"{path}: {name}", zipped.read(name))
        else:
            yield from _tarred(path, pattern)
    except DAMAGE as error:
        raise UserError(f"{path} is damaged ({error}): download it again") from None


def _tarred(path: Path, pattern: re.Pattern[str]) -> Iterator[File]:
    with opened(path) as unzipped:
        with tarfile.open(fileobj=unzipped, mode="r:") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                name = member.name.removeprefix("./")
                if content and pattern.fullmatch(name):
                    where = f"{path}: {name}"
                    yield _matched(pattern, name, where, content.read())
        # tarfile stops before the checksum at the end of the compressed file.
        while unzipped.read(1 << 20):
            pass


def _matched(pattern: re.Pattern[str], name: str, where: str, content: bytes) -> File:
    match = pattern.fullmatch(name)
    assert match  # noqa: S101 - for mypy; the callers have asked
    return File(match, where, content)
