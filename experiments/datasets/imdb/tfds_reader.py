"""IMDB from tensorflow-datasets: where it lies, reading it, downloading it."""

import json
import sys
from pathlib import Path

from filelock import FileLock

from experiments.core.errors import UserError
from experiments.datasets import disk, network
from experiments.datasets.tfds import default_folder as default_folder, reason, run

SOURCE = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
PREPARED = Path("imdb_reviews", "plain_text", "1.0.0")
PROBE_SECONDS = 5.0


def read(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Labelled texts of `train` and `test` from a prepared version folder."""
    child = run("read", folder, capture=True)
    if child.returncode:
        raise UserError(
            f"{folder} cannot be read as a prepared imdb_reviews ({reason(child)}): "
            "prepare it again with tensorflow-datasets"
        )
    return json.loads(child.stdout)


def download(folder: Path) -> None:
    """Prepares `imdb_reviews` under `folder`, or tries; one process at a time does.

    Raises:
        NotFoundError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".imdb_reviews.lock"):
            if (folder / PREPARED).exists():  # another process has just done it
                return
            print(f"downloading imdb_reviews (80 MB) to {folder}", file=sys.stderr)
            run("download", folder, capture=False)
    except OSError as error:
        raise disk.NotFoundError(f"{folder} cannot be written ({error})") from None


def reachable() -> bool:
    """Whether the source answers within `PROBE_SECONDS`."""
    return network.reachable(SOURCE, PROBE_SECONDS)
