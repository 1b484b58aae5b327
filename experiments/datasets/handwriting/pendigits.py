"""UCI's pen-based digits: 10,992 digits by 44 people, 8 points each.

A row is x and y of 8 points in equal distances, both from 0 to 100 and y upward, and
the digit. The pen never leaves the paper there and there is no time: a digit is one
stroke with a step of 10 ms. `pendigits.tra` is by 30 people and `pendigits.tes` by 14
others; who wrote a row is not said.
"""

import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.handwriting.words import Drawing, Hand

SIZES = {"pendigits.tra": 7_494, "pendigits.tes": 3_498}
PAGE = "https://archive.ics.uci.edu/dataset/81"

_POINTS, _TICK = 8, 10


def read(data_dir: str | os.PathLike[str] | None) -> tuple[Hand, Hand]:
    """The digits of the training and of the test file.

    Args:
        data_dir: Folder with the files, plain or `.gz`, or with a sub-folder
            `handwriting` that has them; default is SLIM_KERAS_DATA.

    Raises:
        UserError: The files are not there, damaged or not complete.
    """
    folder = disk.named_folder(data_dir)
    if folder is None:
        raise UserError(f"no PenDigits: {_ways()}")
    train, test = (_read(folder, name, size) for name, size in SIZES.items())
    return train, test


def _ways() -> str:
    return (
        "name by --data-dir or SLIM_KERAS_DATA a folder with "
        f"{' and '.join(SIZES)}, plain or .gz ({PAGE})"
    )


def _read(folder: Path, name: str, size: int) -> Hand:
    places = [
        place / file
        for place in (folder, folder / "handwriting")
        for file in (name, f"{name}.gz")
    ]
    path = next(filter(Path.is_file, places), None)
    if path is None:
        raise UserError(f"{folder} has no {name}: {_ways()}")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            rows = np.loadtxt(file, int, delimiter=",", ndmin=2)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): get it again") from None
    if rows.shape != (size, 2 * _POINTS + 1) or rows.min() < 0 or rows.max() > 100:
        raise UserError(
            f"{path} holds {rows.shape[0]:,} rows of {rows.shape[1]} numbers where the "
            f"data set has {size:,} of {2 * _POINTS + 1} from 0 to 100: get it again"
        )
    return [Drawing(str(row[-1]), [_stroke(row[:-1])]) for row in rows]


def _stroke(row: np.ndarray) -> np.ndarray:
    x, y = row.reshape(_POINTS, 2).T
    return np.column_stack([x, 100 - y, _TICK * np.arange(_POINTS)]).astype(float)
