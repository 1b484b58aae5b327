"""Data sets that took long to make, kept on disk under the name of what made them."""

import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from experiments.datasets import Dataset

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_DIGEST_BYTES = hashlib.sha256().digest_size


def identity(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file: cheap, and enough to notice a
    changed source without reading it."""
    stats = ((file, file.stat()) for file in files)
    return [(file.name, stat.st_size, stat.st_mtime_ns) for file, stat in stats]


def fetch(folder: Path, key: object, build: Callable[[], Dataset]) -> Dataset:
    """The data set kept under `key`, or a newly built one, which is then kept.

    Args:
        folder: The cache folder; made if missing. If it cannot be written, the data
            set is still returned and standard error says so.
        key: All that decides the content; anything `json` can write.
        build: Makes the data set.
    """
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = folder / f"{name}.npz"
    dataset = _read(path)
    if dataset is None:
        dataset = build()
        try:
            _write(path, dataset)
        except OSError as error:
            _say(f"nothing was cached, {path.parent} cannot be written ({error})")
    return dataset


def _read(path: Path) -> Dataset | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _say(f"the cached {path} cannot be read ({error}), so it is built anew")
        return None
    digest, body = content[:_DIGEST_BYTES], memoryview(content)[_DIGEST_BYTES:]
    # Checked before anything is parsed, so no kind of damage gets further.
    if hashlib.sha256(body).digest() != digest:
        _say(f"the cached {path} is damaged, so it is built anew")
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as kept:
        arrays = {field: kept[field] for field in _ARRAYS}
        return Dataset(name=str(kept["name"]), origin=str(kept["origin"]), **arrays)


def _write(path: Path, dataset: Dataset) -> None:
    body = io.BytesIO()
    fields = {field: getattr(dataset, field) for field in _ARRAYS}
    np.savez_compressed(body, name=dataset.name, origin=dataset.origin, **fields)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body.getbuffer()).digest())
            file.write(body.getbuffer())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _say(message: str) -> None:
    print(f"note: {message}", file=sys.stderr)
