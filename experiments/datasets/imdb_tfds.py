"""IMDB from tensorflow-datasets: where it lies, reading it, downloading it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from experiments.datasets import network
from experiments.errors import UserError

SOURCE = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
PREPARED = Path("imdb_reviews", "plain_text", "1.0.0")
PROBE_SECONDS = 5.0

# No look for a Google machine, no logs, and no GPU, which the trainer needs.
_ENVIRONMENT = {
    "NO_GCE_CHECK": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
}


def default_folder() -> Path:
    """Where tensorflow-datasets keeps its data unless told otherwise."""
    named = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(named).expanduser()


def read(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Labelled texts of `train` and `test` from a prepared version folder."""
    child = _run("read", folder, capture=True)
    if child.returncode:
        reason = (child.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(
            f"{folder} cannot be read as a prepared imdb_reviews ({reason}): "
            "prepare it again with tensorflow-datasets"
        )
    return json.loads(child.stdout)


def download(folder: Path) -> bool:
    """Prepares `imdb_reviews` under `folder`; whether it is there afterwards."""
    print(f"downloading imdb_reviews (80 MB) to {folder}", file=sys.stderr)
    return _run("download", folder, capture=False).returncode == 0


def reachable() -> bool:
    """Whether the source answers within `PROBE_SECONDS`."""
    return network.reachable(SOURCE, PROBE_SECONDS)


def _run(task: str, folder: Path, capture: bool) -> subprocess.CompletedProcess[str]:
    # -P: the script's own folder must not shadow installed modules.
    script = str(Path(__file__).with_name("tfds_child.py"))
    return subprocess.run(
        [sys.executable, "-P", script, task, str(folder)],
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.PIPE if capture else subprocess.DEVNULL,
        stderr=subprocess.PIPE if capture else None,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
