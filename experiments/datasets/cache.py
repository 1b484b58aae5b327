"""A cache on disk for objects that take long to build."""

import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import platformdirs

Kept = TypeVar("Kept")

_FORMAT = 2  # raise it when older files can no longer be read
_PLAIN = "plain"  # the fields that are not arrays, as JSON
_DIGEST_BYTES = hashlib.sha256().digest_size


def identity(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file: cheap, and enough to notice a
    changed source without reading it."""
    stats = ((file, file.stat()) for file in files)
    return [(file.name, stat.st_size, stat.st_mtime_ns) for file, stat in stats]


def default_folder() -> Path:
    """The user's cache folder."""
    return Path(platformdirs.user_cache_dir("slim-keras"))


def fetch(
    folder: Path,
    key: object,
    build: Callable[[], Kept],
    kind: type[Kept],
) -> Kept:
    """The object cached under `key`, or a new one, which it then caches.

    Args:
        folder: The cache folder; made if missing. If it cannot be written, the object
            is still returned and standard error says so.
        key: All that decides the content; anything `json` can write.
        build: Makes the object.
        kind: Its class, a dataclass whose fields are arrays, texts, numbers or tuples
            of these last two.
    """
    whole = json.dumps([_FORMAT, kind.__name__, key], sort_keys=True)
    path = folder / f"{hashlib.sha256(whole.encode()).hexdigest()}.npz"
    kept = _read(path, kind)
    if kept is None:
        kept = build()
        try:
            _write(path, kept)
        except OSError as error:
            _say(f"nothing was cached: {path.parent} cannot be written ({error})")
    return kept


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _say(f"the cached {path} cannot be read ({error}) and is built again")
        return None
    digest, body = content[:_DIGEST_BYTES], memoryview(content)[_DIGEST_BYTES:]
    # Checked before anything is parsed, so no kind of damage gets further.
    if hashlib.sha256(body).digest() != digest:
        _say(f"the cached {path} is damaged and is built again")
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as file:
        arrays = dict(file)
    plain = json.loads(str(arrays.pop(_PLAIN)))
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
    return kind(**values, **arrays)


def _write(path: Path, kept: Any) -> None:
    values = {field.name: getattr(kept, field.name) for field in fields(kept)}
    plain = {k: v for k, v in values.items() if not isinstance(v, np.ndarray)}
    arrays = {k: v for k, v in values.items() if k not in plain}
    arrays[_PLAIN] = json.dumps(plain)
    body = io.BytesIO()
    np.savez_compressed(body, **arrays)
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
