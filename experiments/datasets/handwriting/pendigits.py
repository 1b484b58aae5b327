"""UCI's pen-based digits: 10,992 digits by 44 people, 8 points each.

A row is x and y of 8 points in equal distances, both from 0 to 100 and y upward, and
the digit. The pen never leaves the paper, and the data has no times: a digit is one
stroke with a step of 10 ms. `pendigits.tra` is by 30 people and `pendigits.tes` by 14
others; who wrote a row is not said.
"""

from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.choose import Declared
from experiments.datasets.disk import Source
from experiments.datasets.handwriting.words import Drawing, Hand

SIZES = {"pendigits.tra": 7_494, "pendigits.tes": 3_498}
PAGE = "https://archive.ics.uci.edu/dataset/81"

_POINTS, _TICK = 8, 10


def find(folder: Path) -> Source[tuple[Hand, Hand]] | None:
    """The training and the test digits, in a folder or its sub-folder `handwriting`.

    The files can be plain or `.gz`.
    """
    places = (folder, folder / "handwriting")
    paths = [disk.existing(places, [name, f"{name}.gz"]) for name in SIZES]
    train, test = paths
    if train is None or test is None:
        return None

    def read() -> tuple[Hand, Hand]:
        return _read(train, SIZES["pendigits.tra"]), _read(test, SIZES["pendigits.tes"])

    return Source(train.parent, f"PenDigits ({PAGE})", [train, test], read)


def _read(path: Path, size: int) -> Hand:
    try:
        with disk.opened(path) as file:
            rows = np.loadtxt(file, int, delimiter=",", ndmin=2)
    except (*disk.DAMAGE, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): download it again") from None
    if rows.shape != (size, 2 * _POINTS + 1) or rows.min() < 0 or rows.max() > 100:
        raise UserError(
            f"{path} holds {rows.shape[0]:,} rows of {rows.shape[1]} numbers where the "
            f"data set has {size:,} of {2 * _POINTS + 1} from 0 to 100: "
            "download it again"
        )
    return [Drawing(str(row[-1]), [_stroke(row[:-1])]) for row in rows]


def _stroke(row: np.ndarray) -> np.ndarray:
    x, y = row.reshape(_POINTS, 2).T
    return np.column_stack([x, 100 - y, _TICK * np.arange(_POINTS)]).astype(float)


DECLARED = Declared(
    name="pendigits",
    title="PenDigits",
    find=find,
    holds=f"{' and '.join(SIZES)}, plain or .gz ({PAGE})",
)
