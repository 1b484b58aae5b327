"""Data from the network: whether there is one, and files that arrive whole."""

import http.client
import os
import shutil
import tarfile
import threading
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import rich.console
import rich.progress
from filelock import FileLock

from experiments.core.results import replacing
from experiments.datasets import cache, disk

PROBE_SECONDS = 5.0
STALLED_SECONDS = 30.0

Found = TypeVar("Found")


def reachable(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Whether an address answers in time, also through a proxy."""
    answers = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - ours
        try:
            # Not urlopen(), which keeps the proxy of its first call.
            with urllib.request.build_opener().open(request, timeout=seconds):
                answers.append(True)
        except (OSError, http.client.HTTPException):
            return

    # In a thread: a name server that never answers knows no timeout.
    probe = threading.Thread(target=ask, daemon=True)
    probe.start()
    probe.join(seconds)
    return bool(answers)


def find(
    look: Callable[[Path], Found | None],
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
    url: str,
) -> Found:
    """What is in the named folder; without one, in the cache, downloaded if need be.

    Args:
        look: Searches a folder.
        data_dir: The named folder; default is SLIM_KERAS_DATA.
        cache_dir: The cache folder; default is the user's.
        url: Where an archive comes from that `look` would find.

    Raises:
        NotFoundError: There is nothing, or no network.
        UserError: There is no such folder, or what `look` says.
    """
    named = disk.named_folder(data_dir)
    if named:
        found = look(named)
        if found is None:
            raise disk.NotFoundError(f"none in {named}")
        return found
    folder = cache.default_folder(cache_dir) / "downloads"
    found = look(folder)
    if found is None:
        if not reachable(url):
            raise disk.NotFoundError(f"none in {folder}, and no network ({url})")
        _fetch(url, folder)
        found = look(folder)
    if found is None:
        raise disk.NotFoundError(f"none in what came from {url}")
    return found


def _fetch(url: str, folder: Path) -> None:
    """Downloads an archive into a folder, whole or not at all."""
    path = folder / url.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{path.name}.lock"):
            if path.exists():  # another process has just done it
                return
            with replacing(path) as beside:
                _copy(url, beside)
    except (OSError, http.client.HTTPException) as error:
        raise disk.NotFoundError(f"the download of {url} failed ({error})") from None


def _copy(url: str, path: Path) -> None:
    opener = urllib.request.build_opener()
    with opener.open(url, timeout=STALLED_SECONDS) as answer, path.open("wb") as file:
        size = int(answer.headers["Content-Length"] or 0)
        shown = rich.progress.wrap_file(
            answer, size, description=url, console=rich.console.Console(stderr=True)
        )
        with shown as source:
            shutil.copyfileobj(source, file)
        if size and file.tell() != size:
            raise OSError(f"only {file.tell():,} of {size:,} bytes came")
    # A hotel's login page arrives whole too.
    if not (tarfile.is_tarfile(path) or zipfile.is_zipfile(path)):
        raise OSError("what came is no archive")
