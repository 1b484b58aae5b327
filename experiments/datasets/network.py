"""Downloads by pooch, with a lock, and a quick end if there is no network."""

import sys
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path

import requests
from filelock import FileLock

from experiments.core.results import replacing
from experiments.datasets.disk import NotFoundError

PROBE_SECONDS = 5.0
STALLED_SECONDS = 30.0


def reachable(url: str) -> bool:
    """Whether a server, or a proxy, says anything within `PROBE_SECONDS`."""
    answers = []

    def ask() -> None:
        try:
            requests.head(url, timeout=PROBE_SECONDS).close()
            answers.append(True)
        except requests.RequestException:
            return

    # In a thread: the look-up of a name has no timeout.
    probe = threading.Thread(target=ask, daemon=True)
    probe.start()
    probe.join(PROBE_SECONDS)
    return bool(answers)


def download(urls: Mapping[str, str | None], folder: Path) -> None:
    """Downloads files into a folder, each whole or not at all; one process does it.

    Args:
        urls: Where the files come from, each with its SHA-256, if that is known; a
            file without one must be an archive.
        folder: The folder, made if missing. Files that it has stay.

    Raises:
        NotFoundError: The network or the server does not answer, what came is another
            file, or the folder cannot be written.
    """
    for url, sha256 in urls.items():
        path = folder / url.rpartition("/")[2]
        if path.exists():
            continue
        if not reachable(url):
            raise NotFoundError(f"none in {folder}, and no network ({url})")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f".{path.name}.lock"):
                if not path.exists():  # else another process has just downloaded it
                    _fetch(url, sha256, path)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise NotFoundError(f"the download of {url} failed ({reason})") from None


def _fetch(url: str, sha256: str | None, path: Path) -> None:
    import pooch  # whose progress bar warns in a notebook, also without a download

    print(f"downloading {url} to {path.parent}", file=sys.stderr, flush=True)
    pooch.get_logger().setLevel("ERROR")  # the line above says the same
    with replacing(path) as beside:
        pooch.retrieve(
            url,
            sha256 and f"sha256:{sha256}",
            fname=beside.name,
            path=beside.parent,
            downloader=pooch.HTTPDownloader(
                progressbar=True,
                chunk_size=1 << 20,
                timeout=STALLED_SECONDS,
                # Else the length that is announced may be that of other bytes.
                headers={"Accept-Encoding": "identity"},
            ),
        )
        # The login page of a hotel arrives whole, too.
        if not (sha256 or tarfile.is_tarfile(beside) or zipfile.is_zipfile(beside)):
            raise OSError("the server sent something other than an archive")
