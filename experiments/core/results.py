"""Files that appear whole or not at all, and rows of results in a JSONL file."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from experiments.core.errors import UserError

Row = dict[str, Any]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; the file gets its name at the end of the block.

    Args:
        path: The file to create or replace. Its last suffixes are kept, as some
            writers choose the format by them.
    """
    beside = path.with_name(f".new-{path.name}")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Writes JSON for people and programs to read; NaN is an error."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_rows(path: Path, *, torn: bool = True) -> list[Row]:
    """The rows of a JSONL file; none if there is no file.

    Args:
        torn: Whether to leave out a last line that is not JSON, as another process may
            be writing it.

    Raises:
        UserError: Another line is not a JSON object.
    """
    lines = path.read_bytes().splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        if (row := _row(line)) is not None:
            rows.append(row)
        elif not torn or number < len(lines):
            raise UserError(
                f"{path}, line {number} is not a JSON object; repair or move the file"
            )
    return rows


def append_row(path: Path, row: Row) -> None:
    """Appends a row to a JSONL file that does not have it yet.

    Other processes may write at the same time. The torn line of a writer that was
    killed is removed: its run still has the row and will append it again.

    Raises:
        UserError: A line before the last one is not a JSON object.
    """
    with FileLock(path.with_name(f"{path.name}.lock")), path.open("a+b", 0) as file:
        file.seek(0)
        content = file.read()
        *lines, last = content.split(b"\n")
        start = b""
        if _row(last) is not None:
            lines.append(last)
            start = b"\n"
        elif last:
            file.truncate(len(content) - len(last))
        rows = [_row(line) for line in lines]
        if None in rows:
            raise UserError(
                f"{path}, line {rows.index(None) + 1} is not a JSON object; repair or "
                "move the file, then start the same command again: its result is kept"
            )
        if row not in rows:
            whole = start + json.dumps(row, allow_nan=False).encode() + b"\n"
            size = file.seek(0, os.SEEK_END)
            if file.write(whole) < len(whole):
                file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())


def _row(line: bytes) -> Row | None:
    """The row in a line, if that is a JSON object."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
