"""Folders and archives as users have them: found, listed and read, never changed."""

import gzip
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from experiments.core.errors import UserError

Content = TypeVar("Content")


@dataclass(frozen=True)
class Source(Generic[Content]):
    """One place that holds a data set.

    Attributes:
        path: The folder or file, for messages.
        origin: The same without the way to it, for results.
        files: All files that decide the content.
        read: Reads them; raises UserError where they are damaged or not complete.
    """

    path: Path
    origin: str
    files: Sequence[Path]
    read: Callable[[], Content]


def first(
    looks: Iterable[Callable[[Path], Source[Content] | None]], places: Sequence[Path]
) -> Source[Content] | None:
    """What the first look finds in the first place where it finds something."""
    found = (look(place) for look in looks for place in places)
    return next(filter(None, found), None)


class NotFoundError(Exception):
    """Real data is nowhere, and there is nothing wrong with what was looked at."""


def named_folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    """The folder in the argument `data_dir`, else the one in SLIM_KERAS_DATA."""
    named = data_dir or os.environ.get("SLIM_KERAS_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise UserError(f"data_dir is {folder}: there is no such folder")
    return folder


def visible(folder: Path) -> list[Path]:
    """Sorted content of a folder without what file managers leave there (.DS_Store)."""
    try:
        return sorted(file for file in folder.iterdir() if file.name[0] != ".")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be listed ({error.strerror}): get the data again"
        ) from None


def members(path: Path, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match, bytes]]:
    """The files in a `.tar.gz` archive whose names match, in its own order.

    Args:
        path: The archive. It is read to its very end, and nothing is unpacked to disk.
        pattern: What a whole name has to match.

    Raises:
        UserError: The archive is damaged.
    """
    try:
        with gzip.open(path) as unzipped:
            with tarfile.open(fileobj=unzipped, mode="r:") as archive:
                for member in archive:
                    match = pattern.fullmatch(member.name)
                    if match and member.isfile():
                        content = archive.extractfile(member)
                        assert content  # noqa: S101 - for mypy; a file has some
                        yield match, content.read()
            # tarfile stops before the checksum at the end of the gzip file.
            while unzipped.read(1 << 20):
                pass
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is damaged or no .tar.gz archive ({error}): get it again"
        ) from None
