"""IMDB from tensorflow-datasets: where it lies, reading it, downloading it."""

import json
import sys
from pathlib import Path

from experiments.datasets import network
from experiments.datasets.tfds import default_folder as default_folder, reason, run
from experiments.errors import UserError

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


def download(folder: Path) -> bool:
    """Prepares `imdb_reviews` under `folder`; whether it is there afterwards."""
    print(f"downloading imdb_reviews (80 MB) to {folder}", file=sys.stderr)
    return run("download", folder, capture=False).returncode == 0


def reachable() -> bool:
    """Whether the source answers within `PROBE_SECONDS`."""
    return network.reachable(SOURCE, PROBE_SECONDS)
