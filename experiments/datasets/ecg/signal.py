"""An electrocardiogram as a device hears it: step by step, nothing ahead of time.

Everything is a causal filter that a stream can run. The samples x are low-passed by
`TAPS` weights, every `360 / rate`-th of them is kept as y, and then

    b[t] = b[t-1] + a (y[t] - b[t-1])              the slow baseline
    p[t] = p[t-1] + c ((y[t] - b[t])^2 - p[t-1])   the power of the last seconds
    z[t] = (y[t] - b[t]) / sqrt(p[t])              what the model reads

with a = 1 - exp(-2 pi baseline / rate) and c = 1 - exp(-1 / (memory rate)). Before the
first step b is the first y, and p the square of `AMPLITUDE`.
"""

from dataclasses import dataclass

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets.ecg.sources import RATE

TAPS = 31  # of the low-pass, which delays by half as many samples
AMPLITUDE = 250.0  # thousandths of a millivolt, the root mean square at the beginning


@dataclass(frozen=True)
class Stream:
    """The settings of the signal."""

    rate: int = 60  # steps a second; it divides 360
    baseline: float = 0.5  # frequencies below it, in Hz, are taken away
    memory: float = 10.0  # seconds over which the power is averaged
    delay: float = 0.3  # seconds from a beat, as annotated, to the step of its class

    def __post_init__(self) -> None:
        if RATE % self.rate:
            raise UserError(f"rate is {self.rate}: it must divide {RATE}")


def condition(signal: np.ndarray, stream: Stream) -> np.ndarray:
    """The steps of a lead, in float32; see above.

    Args:
        signal: Samples at 360 Hz, in thousandths of a millivolt.
    """
    import scipy.signal  # here, as it takes a second before the first line of a run

    factor = RATE // stream.rate
    taps = scipy.signal.firwin(TAPS, 0.8 / factor) if factor > 1 else np.ones(1)
    # The first value stands for all values before it.
    before = np.full(len(taps) - 1, float(signal[0]))
    whole = np.concatenate([before, signal])
    y = scipy.signal.lfilter(taps, 1, whole)[len(before) :: factor]
    above = y - _average(y, 2 * np.pi * stream.baseline / stream.rate, y[0])
    power = _average(above**2, 1 / (stream.memory * stream.rate), AMPLITUDE**2)
    return (above / np.sqrt(power)).astype(np.float32)


def _average(values: np.ndarray, speed: float, start: float) -> np.ndarray:
    """An average that forgets, from a start value on."""
    import scipy.signal

    part = -np.expm1(-speed)
    averaged, _ = scipy.signal.lfilter(
        [part], [1, part - 1], values, zi=[(1 - part) * start]
    )
    return averaged
