"""Files that appear whole or not at all, and rows of results in a JSONL file."""

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
    """A path to write to; at the end of the block the file stands under its own name.

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
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Writes JSON for people and programs to read; NaN is an error."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_rows(path: Path, *, torn: bool = True) -> list[Row]:
    """The rows of a JSONL file; none if there is no file.

    Args:
        path: The file.
        torn: Whether a line at the end that is not JSON is left out, as one that is
            being written, instead of an error.

    Raises:
        UserError: Another line is no JSON object.
    """
    lines = path.read_bytes().splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_row(line))
        except ValueError:
            if not torn or number < len(lines):
                raise UserError(
                    f"{path}, line {number} is no JSON object; mend or move the file"
                ) from None
    return rows


def append_row(path: Path, row: Row) -> None:
    """Appends a row to a JSONL file, unless it stands there already.

    Safe against other writers, and against one that was killed while it wrote: its
    torn line goes, as its run still has the row and will append it again.

    Args:
        path: The JSONL file; it is created where it is missing.
        row: The row.

    Raises:
        UserError: A line before the last one is no JSON object.
    """
    with FileLock(path.with_name(f"{path.name}.lock")), path.open("a+b") as file:
        file.seek(0)
        content = file.read()
        *lines, last = content.split(b"\n")
        if last and _is_row(last):
            lines.append(last)
            file.write(b"\n")
        elif last:
            file.truncate(len(content) - len(last))
        for number, line in enumerate(lines, start=1):
            if not _is_row(line):
                raise UserError(
                    f"{path}, line {number} is no JSON object; mend or move the file, "
                    "then start the same command again: its result is kept"
                )
        if row not in map(json.loads, lines):
            file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _row(line: bytes) -> Row:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError
    return row


def _is_row(line: bytes) -> bool:
    try:
        _row(line)
    except ValueError:
        return False
    return True
