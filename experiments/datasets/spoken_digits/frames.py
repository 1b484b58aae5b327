"""Log-mel energies of short frames, by a front end small enough for a device.

A frame is a Hann window of the newest samples, so a stream has it as soon as its last
sample is there. The power of its spectrum is added up in triangular bands whose corners
stand in equal distances on the mel scale, 2595 log10(1 + f / 700); then comes the
logarithm. With the defaults a device keeps 256 samples, makes a real FFT of 256 points
62.5 times a second, and hands 20 numbers to the model.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft

from experiments.core.errors import UserError


@dataclass(frozen=True)
class FrontEnd:
    """The settings of the frames."""

    rate: int = 8_000  # samples a second
    frame: int = 256  # samples in a frame
    hop: int = 128  # samples from one frame to the next
    bands: int = 20  # mel bands
    # Where the first band begins, in Hz; the last one ends at half the rate.
    low: float = 60.0
    floor: float = 1e-5  # added to the energy of a band; full scale is 1

    def __post_init__(self) -> None:
        empty = ~filters(self).any(axis=0)
        if self.low >= self.rate / 2 or empty.any():
            raise UserError(
                f"bands is {self.bands}: a frame of {self.frame} samples has no "
                f"frequency in {empty.sum()} of them; choose fewer or longer frames"
            )


@cache
def filters(front_end: FrontEnd) -> np.ndarray:
    """What each frequency of the spectrum adds to each band, `(frequencies, bands)`."""
    low, high = 2595 * np.log10(1 + np.array([front_end.low, front_end.rate / 2]) / 700)
    corners = 700 * (10 ** (np.linspace(low, high, front_end.bands + 2) / 2595) - 1)
    frequencies = scipy.fft.rfftfreq(front_end.frame, 1 / front_end.rate)[:, None]
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    return np.maximum(np.minimum(rising, falling), 0).astype(np.float32)


def log_mel(audio: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """The frames of a recording, `(frames, bands)`, in float32.

    Args:
        audio: Samples in 16-bit integers. What is shorter than one frame has zeros
            behind it, and a last frame that is not full is left out.
    """
    samples = audio.astype(np.float32) / 32768
    samples = np.pad(samples, (0, max(front_end.frame - len(samples), 0)))
    windows = np.lib.stride_tricks.sliding_window_view(samples, front_end.frame)
    turn = 2 * np.pi * np.arange(front_end.frame) / front_end.frame
    hann = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
    spectrum = scipy.fft.rfft(windows[:: front_end.hop] * hann)
    power = np.abs(spectrum) ** 2 / front_end.frame
    return np.log(power @ filters(front_end) + np.float32(front_end.floor))
