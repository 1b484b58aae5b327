"""Finds each data set: on disk, else by a download, else its sample stands in.

A data set is its reader, its sample and one `Declared`; `choose` does the rest:

    REVIEWS = Declared(name="imdb", find=sources.find, sample=sample.generate, ...)

    name, source = choose("auto", [REVIEWS])
    reviews = source.read()
"""

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic

from experiments.core.errors import UserError
from experiments.datasets import cache, disk, network, tfds
from experiments.datasets.cache import Kept
from experiments.datasets.disk import Content, NotFoundError, Source

Folder = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Declared(Generic[Content]):
    """The declaration of a data set: how to find it, and how messages name it."""

    name: str  # what `--data` and the result rows call it
    title: str  # what people call it
    # Looks for it in a folder; raises UserError if it lies there in part.
    find: Callable[[Path], Source[Content] | None]
    holds: str  # what a folder must hold for `find`
    # The address of each file that `find` needs, with its SHA-256 if that is known.
    # None are for data that a user must fetch.
    downloads: Mapping[str, str | None] = field(default_factory=dict)
    examples: str = ""  # what it consists of, `"reviews"` say
    # Makes the synthetic content that can take its place.
    sample: Callable[[], Content] | None = None

    @property
    def ways(self) -> str:
        """How to get it."""
        named = f"name by --data-dir or SLIM_KERAS_DATA a folder with {self.holds}"
        if not self.downloads:
            return named
        return f"let it be downloaded (a network, no --data-dir), or {named}"


def choose(
    data: str,
    declared: Sequence[Declared[Content]],
    data_dir: Folder = None,
) -> tuple[str, Source[Content]]:
    """The data set that `--data` asks for: its name, and what to read.

    A named folder is searched and nothing else. Without one, the folder of
    tensorflow-datasets and the cache are searched, and what neither has is downloaded
    into the cache.

    Args:
        data: A name; `"sample"`; or `"auto"`, which is the first data set where it can
            be had, else its sample and a notice on standard error.
        declared: The data sets. The first one has a sample.
        data_dir: The folder with the data; default is SLIM_KERAS_DATA.

    Raises:
        UserError: Nothing has that name, the data set cannot be had, the named folder
            does not exist, or what lies there is damaged.
    """
    names = ["auto", *(one.name for one in declared), "sample"]
    if data not in names:
        known = f"{', '.join(names[:-1])} or sample"
        raise UserError(f"data is {data!r}: it must be {known}")
    default = declared[0]
    if data not in ("auto", "sample"):
        wanted = declared[names.index(data) - 1]
        return data, required(wanted, data_dir)
    if data == "auto":
        try:
            return default.name, _find(default, data_dir)
        except NotFoundError as error:
            _notice(default.examples, str(error), default.ways)
    assert default.sample  # noqa: S101 - for mypy; the first one has a sample
    origin = f"synthetic {default.examples}, sample.py"
    return "sample", Source(Path("sample.py"), origin, (), default.sample)


def required(wanted: Declared[Content], data_dir: Folder = None) -> Source[Content]:
    """The source of a data set that no sample can replace; see `choose`."""
    try:
        return _find(wanted, data_dir)
    except NotFoundError as error:
        raise UserError(f"no {wanted.title}: {error}; {wanted.ways}") from None


def cached(
    source: Source[Content],
    edition: Sequence[object],
    options: Sequence[object],
    build: Callable[[], Kept],
    kind: type[Kept],
) -> Kept:
    """The result of `build` for a source, from the cache if it is there.

    Args:
        source: The source. What comes from no file is not cached.
        edition: Changes whenever the same source begins to give something else.
        options: All else that decides what is built.
    """
    if not source.files:
        return build()
    try:
        stats = cache.identity(source.files)
        key = [*edition, source.origin, stats, *options]
        return cache.fetch(cache.default_folder(), key, build, kind)
    except OSError as error:
        raise UserError(f"{source.path} cannot be read ({error})") from None


def _find(wanted: Declared[Content], data_dir: Folder) -> Source[Content]:
    named = disk.named_folder(data_dir)
    kept = cache.default_folder() / "downloads"
    homes = [named] if named else [tfds.default_folder(), kept]
    source = disk.first([wanted.find], homes)
    if source is None and wanted.downloads and not named:
        network.download(wanted.downloads, kept)
        source = wanted.find(kept)
    if source is None:
        raise NotFoundError(f"none in {' or '.join(map(str, homes))}")
    return replace(source, read=functools.partial(_read, source))


def _read(source: Source[Content]) -> Content:
    """The content of a source. Some take a minute, so standard error names it first."""
    _reading(source.path)
    return source.read()


@functools.cache  # once, though a grid reads the data many times
def _reading(path: Path) -> None:
    print(f"reading {path}", file=sys.stderr, flush=True)


@functools.cache  # once, though a grid loads the data many times
def _notice(examples: str, reason: str, ways: str) -> None:
    """Announces the sample on standard error, where nobody can miss it."""
    line = "!" * 78
    print(
        f"{line}\nNO REAL DATA: this run uses the built-in SAMPLE of synthetic "
        f"{examples}.\nNo real {examples}: {reason}.\nTo get them: {ways}.\n{line}",
        file=sys.stderr,
        flush=True,
    )
