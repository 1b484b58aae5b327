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
once.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import Parts, checksum, padded
from experiments.datasets.choose import Declared, Folder, cached, choose
from experiments.datasets.ecg import sample, sources
from experiments.datasets.ecg.signal import Stream, condition
from experiments.datasets.ecg.sources import CLASSES, DS1, DS2, Recordings

ENCODING = 1  # raise it when the same source begins to give other recordings
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


@dataclass(frozen=True)
class Ecg(Parts):
    """The parts, as windows, and whole records for a stream.

    Inputs are `(windows, steps, 1)`, labels `(windows, steps)` of int8: a place in
    `labels` at the step where the class of a beat is due, else `NOTHING`.

    Attributes:
        stream: The settings of the signal.
        records: By name, each record's steps `(steps, 1)` and labels `(steps,)`.
    """

    stream: Stream
    records: dict[str, tuple[np.ndarray, np.ndarray]]


def load(
    data: str = "auto",
    data_dir: Folder = None,
    *,
    stream: Stream | None = None,
    seconds: float = 10.0,
    before: float = 3.0,
    validation: Sequence[str] = VALIDATION,
    cache_dir: Folder = None,
) -> Ecg:
    """Heart beats, or the synthetic sample, as windows of a stream.

    Args:
        data: `"ecg"` for the real ones, `"sample"` for synthetic ones, `"auto"` for
            the real ones where they can be had, else the sample and a notice.
        data_dir: Folder with the records; default is the environment variable
            SLIM_KERAS_DATA. What it may hold: see `sources.find`.
        stream: The settings of the signal; default is `Stream()`.
        seconds: Of a window, in which beats count.
        before: Seconds of a window before them.
        validation: Records of DS1 that validate.
        cache_dir: Where the records are kept, as reading them takes most of a minute;
            default is the user's cache folder.

    Raises:
        UserError: As `choose` raises it; wfdb is missing; an argument is wrong.
    """
    stream = stream or Stream()
    if not seconds * stream.rate >= 1:
        raise UserError(f"seconds is {seconds}: a window must have at least one step")
    if not before >= 0:
        raise UserError(f"before is {before}: it must be at least 0")
    strange = sorted(set(validation) - set(DS1))
    if strange or set(validation) == set(DS1):
        raise UserError(
            f"validation is {','.join(validation)}: it must be some of {','.join(DS1)}"
        )
    name, source = choose(data, [HEARTS], data_dir, cache_dir)
    read = cached(source, cache_dir, ["ecg", ENCODING], [], source.read, Recordings)
    records = {
        record: _steps(read, number, stream) for number, record in enumerate(read.names)
    }
    chosen = {
        "train": [record for record in DS1 if record not in validation],
        "val": [record for record in DS1 if record in validation],
        "test": list(DS2),
    }
    lengths = round(before * stream.rate), round(seconds * stream.rate)
    parts = {
        part: _windows([records[record] for record in names], *lengths)
        for part, names in chosen.items()
        if names
    }
    return Ecg(
        name=name,
        parts=parts,
        labels=CLASSES,
        origin=source.origin,
        checksum=checksum(
            np.array([*astuple(stream), seconds, before], float),
            *(np.array([int(record) for record in names]) for names in chosen.values()),
            read.signals,
            read.records,
            read.places,
            read.classes,
        ),
        stream=stream,
        records=records,
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
