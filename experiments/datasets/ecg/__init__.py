"""The MIT-BIH Arrhythmia Database as a stream: a class for each heart beat.

A model reads one lead step by step, and says the class of a beat a fixed delay after
it: normal (N), supraventricular (S), ventricular (V) or a fusion of both (F), as AAMI
groups the annotations. Which steps end a beat is taken from the annotations, as in the
papers. The parts are those of de Chazal et al. 2004 (IEEE Trans. Biomed. Eng. 51):

    beats           N        S       V     F
    DS1        45,866      944   3,788   415      training and validation
    DS2        44,259    1,837   3,221   388      test

No record is in two parts, and no patient but one: 201, in DS1, and 202, in DS2, are of
the same man. The usual parts have them so.

Every record is cut into windows. A window begins with some seconds that only let the
model hear what was before; the beats behind them count. So each beat of a record counts
once. Inputs are `(windows, steps, 1)`, labels `(windows, steps)` of int8: a place in
`CLASSES` at the step where the class of a beat is due, else `NOTHING`.
"""

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np

from experiments.datasets import Parts, checksum, padded
from experiments.datasets.choose import Declared, Folder, cached, choose
from experiments.datasets.ecg import sample, sources
from experiments.datasets.ecg.signal import Stream, condition
from experiments.datasets.ecg.sources import CLASSES, DS1, DS2, Recordings

ENCODING = 1  # raise it when the same source begins to give other recordings
BEFORE, SECONDS = 3.0, 10.0  # of a window, to hear and to count
NOTHING = -1  # the label of a step at which no class is due
# Of DS1's patients: they have beats of all classes, and leave most of each to learn.
VALIDATION = ("114", "124", "207", "223")

HEARTS = Declared(
    name="ecg",
    title="MIT-BIH Arrhythmia Database",
    find=sources.find,
    holds=f"mitdb/, with the files of {sources.URL}, or with an archive mitdb.tar.xz, "
    ".tar.gz or .zip of it",
    examples="heart beats",
    sample=sample.generate,
)


def load(
    data: str = "auto",
    data_dir: Folder = None,
    *,
    stream: Stream | None = None,
) -> Parts:
    """Heart beats, or the synthetic sample, as windows of a stream.

    Args:
        data: `"ecg"`, `"sample"` or `"auto"`; see `choose`.
        data_dir: Folder with the records; see `choose` and `sources.find`.
        stream: The settings of the signal; default is `Stream()`.

    Raises:
        UserError: As `choose` raises it; wfdb is missing.
    """
    stream = stream or Stream()
    name, source = choose(data, [HEARTS], data_dir)
    read = cached(source, ["ecg", ENCODING], [], source.read, Recordings)
    records = {
        record: _steps(read, number, stream) for number, record in enumerate(read.names)
    }
    chosen = {
        "train": [record for record in DS1 if record not in VALIDATION],
        "val": list(VALIDATION),
        "test": list(DS2),
    }
    lengths = round(BEFORE * stream.rate), round(SECONDS * stream.rate)
    parts = {
        part: _windows([records[record] for record in names], *lengths)
        for part, names in chosen.items()
    }
    return Parts(
        name=name,
        parts=parts,
        labels=CLASSES,
        origin=source.origin,
        checksum=checksum(
            np.array([*astuple(stream), SECONDS, BEFORE], float),
            *(np.array([int(record) for record in names]) for names in chosen.values()),
            read.signals,
            read.records,
            read.places,
            read.classes,
        ),
    )


def _steps(
    read: Recordings, number: int, stream: Stream
) -> tuple[np.ndarray, np.ndarray]:
    """The steps of a record, and the class due at each."""
    x = condition(read.signals[number], stream)[:, None]
    y = np.full(len(x), NOTHING, np.int8)
    own = read.records == number
    due = read.places[own] / sources.RATE * stream.rate + stream.delay * stream.rate
    due = np.ceil(np.round(due, 6))
    kept = due < len(x)  # else the record ends before
    y[due[kept].astype(int)] = read.classes[own][kept]
    return x, y


def _windows(
    records: Sequence[tuple[np.ndarray, np.ndarray]], before: int, counted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of `before + counted` steps; the first of a record counts as a whole."""
    inputs, labels = [], []
    for x, y in records:
        for start in range(0, max(len(x) - before, 1), counted):
            window = slice(start, start + before + counted)
            inputs.append(padded(x[window], before + counted))
            due = padded(y[window], before + counted, NOTHING)
            if start:
                due[:before] = NOTHING
            labels.append(due)
    return np.stack(inputs), np.stack(labels)
