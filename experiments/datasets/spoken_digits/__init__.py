"""The Free Spoken Digit Dataset as frames: ten English digits, six speakers.

Each speaker has said each digit 50 times, with the recording indices 0 to 49. Splits:

- `official`, that of the data set's README: the indices 0 to 4 are for the test, and
  here 5 to 9 for validation. The same people are in all parts.
- `speaker`: one speaker is for the test, the next by name for validation.

A recording becomes the frames of `frames.FrontEnd`. Every band is then shifted and
scaled by the mean and the deviation of the training frames, constants that a device can
hold. Shorter recordings have zeros behind them.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import Parts, checksum, padded
from experiments.datasets.choose import Declared, Folder, choose
from experiments.datasets.spoken_digits import sample, sources
from experiments.datasets.spoken_digits.frames import FrontEnd, log_mel
from experiments.datasets.spoken_digits.sources import Recording

SPLITS = ("official", "speaker")
TESTED, VALIDATED = range(5), range(5, 10)  # indices of the official split

DIGITS = Declared(
    name="spoken_digits",
    title="Free Spoken Digit Dataset",
    find=sources.find,
    holds="recordings/, with an archive free-spoken-digit-dataset*, or with "
    f"spoken_digit as tensorflow-datasets prepares it ({sources.URL})",
    downloads={sources.URL: None},  # GitHub packs it when asked
    examples="spoken digits",
    sample=sample.generate,
)


@dataclass(frozen=True)
class SpokenDigits(Parts):
    """The parts, inputs `(recordings, frames, bands)`, and what a device needs."""

    mean: np.ndarray  # of each band, over the training frames
    deviation: np.ndarray  # the same


def load(
    data: str = "auto",
    data_dir: Folder = None,
    *,
    split: str = "official",
    held_out: str | None = None,
    front_end: FrontEnd | None = None,
) -> SpokenDigits:
    """Spoken digits, or the synthetic sample, as frames of log-mel energies.

    Args:
        data: `"spoken_digits"`, `"sample"` or `"auto"`; see `choose`.
        data_dir: Folder with the recordings; see `choose` and `sources.find`.
        split: `"official"` or `"speaker"`, see above.
        held_out: The speaker for the test, with `"speaker"` alone.
        front_end: The settings of the frames; default is `FrontEnd()`.

    Raises:
        UserError: As `choose` raises it; `held_out` is not right.
    """
    if split == "official" and held_out is not None:
        raise UserError(
            f"held_out is {held_out!r}: split must be speaker, not official"
        )
    front_end = front_end or FrontEnd()
    name, source = choose(data, [DIGITS], data_dir)
    recordings = sorted(
        source.read(), key=lambda one: (one.digit, one.speaker, one.index)
    )
    parts = (
        _official(recordings)
        if split == "official"
        else (_by_speaker(recordings, held_out))
    )
    frames = {
        part: [log_mel(one.audio, front_end) for one in chosen]
        for part, chosen in parts.items()
    }
    trained = np.concatenate(frames["train"]).astype(np.float64)
    mean, deviation = trained.mean(axis=0), np.maximum(trained.std(axis=0), 1e-3)
    steps = max(len(one) for of_part in frames.values() for one in of_part)
    return SpokenDigits(
        name=name,
        parts={
            part: (
                np.stack(
                    [padded((one - mean) / deviation, steps) for one in frames[part]]
                ).astype(np.float32),
                np.array([one.digit for one in chosen], np.int32),
            )
            for part, chosen in parts.items()
        },
        labels=tuple("0123456789"),
        origin=source.origin,
        checksum=_checksum(parts, front_end),
        mean=mean,
        deviation=deviation,
    )


def _official(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    return {
        "train": [one for one in recordings if one.index not in (*TESTED, *VALIDATED)],
        "val": [one for one in recordings if one.index in VALIDATED],
        "test": [one for one in recordings if one.index in TESTED],
    }


def _by_speaker(
    recordings: Sequence[Recording], held_out: str | None
) -> dict[str, list[Recording]]:
    speakers = sorted({one.speaker for one in recordings})
    if held_out not in speakers:
        raise UserError(f"held_out is {held_out!r}: it must be {', '.join(speakers)}")
    following = speakers[(speakers.index(held_out) + 1) % len(speakers)]
    part_of = {held_out: "test", following: "val"}
    parts: dict[str, list[Recording]] = {"train": [], "val": [], "test": []}
    for one in recordings:
        parts[part_of.get(one.speaker, "train")].append(one)
    return parts


def _checksum(parts: dict[str, list[Recording]], front_end: FrontEnd) -> str:
    arrays = [
        array
        for chosen in parts.values()
        for array in (
            np.array([one.digit for one in chosen]),
            *(one.audio for one in chosen),
        )
    ]
    return checksum(np.array(astuple(front_end), float), *arrays)
