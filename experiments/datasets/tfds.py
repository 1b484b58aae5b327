"""tensorflow-datasets: where it keeps its data, and a child process that has it."""

import os
import subprocess
import sys
from pathlib import Path

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


def run(*task: object, capture: bool) -> subprocess.CompletedProcess[str]:
    """Runs `tfds_child.py`, which says what the tasks are.

    Args:
        task: Its arguments.
        capture: Whether its output is wanted; else its errors go to the terminal.
    """
    # -P: the script's own folder must not shadow installed modules.
    script = str(Path(__file__).with_name("tfds_child.py"))
    return subprocess.run(
        [sys.executable, "-P", script, *map(str, task)],
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.PIPE if capture else subprocess.DEVNULL,
        stderr=subprocess.PIPE if capture else None,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def reason(child: subprocess.CompletedProcess[str]) -> str:
    """What a child that failed said last."""
    return (child.stderr.strip().splitlines() or ["no reason given"])[-1]
