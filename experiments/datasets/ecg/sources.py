"""Where the MIT-BIH Arrhythmia Database can lie in a folder, and how it is read."""

import re
import tempfile
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.disk import Source

URL = "https://physionet.org/content/mitdb/1.0.0/"
RATE = 360  # Hz
SAMPLES = 650_000  # of a record: 30 minutes
LEAD = "MLII"

# De Chazal's parts; the paced records 102, 104, 107 and 217 are in neither.
DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
DS2 = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
CLASSES = ("N", "S", "V", "F")
# The beats of each class, as the database writes them; AAMI's class Q is left out.
_SYMBOLS = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F"}
_CLASS_OF = {
    symbol: CLASSES.index(name) for name, of in _SYMBOLS.items() for symbol in of
}
_FILE = re.compile(r"mitdb/(\d+)\.(dat|hea|atr)")


@dataclass(frozen=True)
class Recordings:
    """One lead of every patient, and the beats in it."""

    names: tuple[str, ...]  # of the records
    # The lead in thousandths of a millivolt, `(records, samples)`, int16.
    signals: np.ndarray
    records: np.ndarray  # the place in `names` of each beat's record
    places: np.ndarray  # the sample of each beat, as annotated
    classes: np.ndarray  # the class of each beat, a place in `CLASSES`


class _Record(NamedTuple):
    signal: np.ndarray
    places: np.ndarray
    classes: np.ndarray


def find(folder: Path) -> Source[Recordings] | None:
    """The first source in a folder or its sub-folder `ecg`.

    In this order: the folder `mitdb` with the files of each record, an archive
    `mitdb*` (`.tar.gz`, `.tar.xz` or `.zip`, the first by name) of that folder.
    """
    looks = (
        partial(disk.folder, name="mitdb", pattern=_FILE, read=_collect),
        partial(disk.archive, names="mitdb*", read=_collect),
    )
    return disk.first(looks, (folder, folder / "ecg"))


def _collect(path: Path) -> Recordings:
    wanted = {*DS1, *DS2}
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas 3, about how wfdb uses it
        for match, _, content in disk.files(path, _FILE):
            if match[1] in wanted:
                Path(place, f"{match[1]}.{match[2]}").write_bytes(content)
        names = (*DS1, *DS2)
        found = [_read(Path(place, name), path) for name in names]
    return Recordings(
        names,
        np.stack([one.signal for one in found]),
        np.repeat(np.arange(len(found)), [len(one.places) for one in found]),
        np.concatenate([one.places for one in found]),
        np.concatenate([one.classes for one in found]),
    )


def _read(record: Path, path: Path) -> _Record:
    """The record of these files; `path` is their source, for messages."""
    wfdb = _wfdb()
    try:
        read = wfdb.rdrecord(str(record), physical=False)
        beats = wfdb.rdann(str(record), "atr")
        lead = read.sig_name.index(LEAD)
        digital = read.d_signal[:, lead].astype(int)
        if read.calc_checksum()[lead] != read.checksum[lead] % 65536:
            raise ValueError("the samples have another checksum than the header")
        if (read.fs, len(digital)) != (RATE, SAMPLES):
            raise ValueError(f"{len(digital):,} samples at {read.fs} Hz")
        if not len(beats.sample) or not 0 <= beats.sample[-1] < SAMPLES:
            raise ValueError("no beats, or some behind the end")
    except Exception as error:  # noqa: BLE001 - wfdb raises anything
        reason = " ".join(str(error).split()).replace(str(record.parent), "mitdb")
        raise UserError(
            f"{path}: record {record.name} is damaged or missing ({reason}): get it "
            "again"
        ) from None
    millivolts = (digital - read.baseline[lead]) / read.adc_gain[lead]
    classes = [_CLASS_OF.get(symbol, -1) for symbol in beats.symbol]
    known = np.array(classes) >= 0
    return _Record(
        np.round(1000 * millivolts).astype(np.int16),
        beats.sample[known].astype(np.int32),
        np.array(classes, np.int8)[known],
    )


def _wfdb() -> Any:
    try:
        import wfdb
    except ImportError:
        raise UserError('ecg needs the package wfdb: pip install -e ".[ecg]"') from None
    return wfdb
