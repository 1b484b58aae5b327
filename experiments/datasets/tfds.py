"""Data that tensorflow-datasets has prepared: finds and reads them."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.core.errors import UserError
from experiments.datasets.disk import Content, Source

Split = list[dict[str, Any]]  # examples as `tfds.as_numpy` gives them

# No search for a Google machine, no logs, and no GPU: the trainer needs it.
_ENVIRONMENT = {
    "NO_GCE_CHECK": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
}


def default_folder() -> Path:
    """Where tensorflow-datasets keeps its data unless told otherwise."""
    named = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(named).expanduser()


def source(
    place: Path,
    name: str,
    splits: tuple[str, ...],
    convert: Callable[[dict[str, Split]], Content],
) -> Source[Content] | None:
    """A data set prepared under a folder, if it is there.

    Args:
        name: The data set, its configuration if it has one, and its version, as
            `"mnist/3.0.1"`.
        convert: Makes the content of the splits by their names.
    """
    path = place / name
    if not path.is_dir():
        return None
    return Source(
        path,
        f"tensorflow-datasets {name}",
        sorted(path.glob("[!.]*")),
        lambda: convert(_read(path, splits)),
    )


def _read(folder: Path, splits: tuple[str, ...]) -> dict[str, Split]:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "examples.pickle")
        # -P: the script's own folder must not shadow installed modules.
        script = Path(__file__).with_name("tfds_child.py")
        child = subprocess.run(
            [sys.executable, "-P", script, folder, path, *splits],
            env=os.environ | _ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if child.returncode:
            said = child.stderr.strip().splitlines() or ["no error message"]
            raise UserError(
                f"{folder} is damaged ({said[-1]}): prepare it again with "
                "tensorflow-datasets"
            )
        return pickle.loads(path.read_bytes())  # noqa: S301 - our child wrote it
