"""Where the spoken digits can lie in a folder, and how each kind is read."""

import io
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io.wavfile

from experiments.core.errors import UserError
from experiments.datasets import disk, tfds
from experiments.datasets.disk import Source

URL = (
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
    "26eb9aaf76e81b692f806f9140c2d2777410d7a1/free-spoken-digit-dataset.tar.gz"
)
RATE = 8_000
PER_SPEAKER = 500  # 50 of each digit

_FILE = re.compile(r"(?:[^/]+/)?recordings/(\d_[a-z]+_\d+)\.wav")


@dataclass(frozen=True)
class Recording:
    """One digit as somebody said it."""

    digit: int  # 0 to 9
    speaker: str  # the first name of who said it
    index: int  # 0 to 49, counted for this speaker and digit
    audio: np.ndarray  # 16-bit samples at `RATE`


def find(folder: Path) -> Source[list[Recording]] | None:
    """The first source in a folder or its sub-folders `digits` and `tfds`.

    In this order: the folder `recordings`, an archive `free-spoken-digit-dataset*`
    (`.tar.gz`, `.tar.xz` or `.zip`, the first by name), prepared by
    tensorflow-datasets.
    """
    prepared = partial(
        tfds.source, name="spoken_digit/1.0.9", splits=("train",), convert=_converted
    )
    looks = (
        partial(disk.folder, name="recordings", pattern=_FILE, read=_collect),
        partial(disk.archive, names="free-spoken-digit-dataset*", read=_collect),
        prepared,
    )
    found = disk.first(looks, (folder, folder / "digits", folder / "tfds"))
    return found and found.checked(_checked)


def _collect(path: Path) -> list[Recording]:
    return [
        _recording(match[1], _samples(content, where))
        for match, where, content in disk.files(path, _FILE)
    ]


def _converted(splits: dict[str, tfds.Split]) -> list[Recording]:
    return [
        _recording(
            one["audio/filename"].decode("utf-8").removesuffix(".wav"),
            one["audio"].astype(np.int16),
        )
        for one in splits["train"]
    ]


def _recording(name: str, audio: np.ndarray) -> Recording:
    digit, speaker, index = name.split("_")
    return Recording(int(digit), speaker, int(index), audio)


def _samples(content: bytes, where: str) -> np.ndarray:
    try:
        rate, audio = scipy.io.wavfile.read(io.BytesIO(content))
    except Exception as error:  # noqa: BLE001 - damaged WAV files raise anything
        raise UserError(f"{where} is damaged ({error}): download it again") from None
    if (rate, audio.ndim, audio.dtype) != (RATE, 1, np.int16) or not len(audio):
        raise UserError(
            f"{where} has {audio.shape} samples of {audio.dtype} at {rate:,} Hz: it "
            f"must have one channel of int16 at {RATE:,} Hz; download it again"
        )
    return audio


def _checked(path: Path, recordings: list[Recording]) -> list[Recording]:
    held = Counter(one.speaker for one in recordings)
    if not held:
        raise UserError(f"{path} holds no recordings: download the data again")
    for speaker, count in held.items():
        if count != PER_SPEAKER:
            raise UserError(
                f"{path} holds {count:,} recordings of {speaker} where the data set "
                f"has {PER_SPEAKER:,}: download the data again"
            )
    return recordings
