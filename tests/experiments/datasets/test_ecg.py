"""Heart beats: the signal as a stream makes it, windows, damage, and the sample."""

import dataclasses
import sys

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import ecg
from experiments.datasets.ecg import sources
from experiments.datasets.ecg.signal import AMPLITUDE, TAPS, Stream, condition

from . import support
from .support import DATA, real_data

# Of pandas 3, about how wfdb uses it.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
RNG = np.random.default_rng(0)


@pytest.fixture
def records(tmp_path, monkeypatch):
    """Two short records as PhysioNet has them, written by wfdb."""
    import wfdb

    monkeypatch.setattr(sources, "SAMPLES", 3600)
    monkeypatch.setattr(sources, "DS1", ("101",))
    monkeypatch.setattr(sources, "DS2", ("114",))
    folder = tmp_path / "mitdb"
    folder.mkdir()
    signals = {name: RNG.integers(-900, 900, (3600, 2)) for name in ("101", "114")}
    for name, leads in (("101", ["MLII", "V1"]), ("114", ["V5", "MLII"])):
        wfdb.wrsamp(
            name, 360, ["mV", "mV"], leads, d_signal=signals[name] + 1024,
            fmt=["212", "212"], adc_gain=[200.0] * 2, baseline=[1024] * 2,
            write_dir=str(folder),
        )  # fmt: skip
        wfdb.wrann(
            name, "atr", np.array([10, 400, 800, 1200, 1600, 2000, 3590]),
            ["+", "N", "A", "E", "F", "/", "j"], write_dir=str(folder),
        )  # fmt: skip
    return signals


def read(place):
    return sources.find(place).read()


def test_the_lead_and_the_beats_of_each_record(records, tmp_path):
    recordings = read(tmp_path)
    assert recordings.names == ("101", "114")
    expected = [5 * records["101"][:, 0], 5 * records["114"][:, 1]]  # MLII of each
    np.testing.assert_array_equal(recordings.signals, expected)
    for number in (0, 1):
        own = recordings.records == number
        places, classes = recordings.places[own], recordings.classes[own]
        # What is no beat, and a paced one, are left out.
        assert places.tolist() == [400, 800, 1200, 1600, 3590]
        assert [sources.CLASSES[one] for one in classes] == ["N", "S", "V", "F", "N"]


def test_an_archive_holds_the_same(records, tmp_path):
    files = {f"mitdb/{one.name}": one.read_bytes() for one in tmp_path.glob("mitdb/*")}
    support.write_archive(tmp_path / "other/ecg/mitdb.tar.xz", files)
    one, two = read(tmp_path), read(tmp_path / "other")
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(
            getattr(one, field.name), getattr(two, field.name)
        )


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "no beats"])
def test_a_damaged_record_is_named(records, tmp_path, damage):
    path = tmp_path / "mitdb" / ("114.atr" if damage == "no beats" else "114.dat")
    content = bytearray(path.read_bytes())
    if damage == "changed":
        content[1001] ^= 1  # of the second lead
    elif damage == "cut":
        del content[-90:]
    path.write_bytes(content if damage in ("changed", "cut") else b"")
    if damage == "missing":
        path.unlink()
    with pytest.raises(UserError, match="record 114 is damaged or missing") as caught:
        read(tmp_path)
    assert str(tmp_path / "mitdb") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_wfdb_the_extra_is_named(records, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(UserError, match=r"needs the package wfdb: pip install -e"):
        read(tmp_path)


@pytest.mark.parametrize("rate", [120, 360])
def test_a_stream_makes_the_same_steps(rate):
    """One number after the other, by the equations."""
    stream = Stream(rate=rate, baseline=0.7, memory=2.0)
    signal = RNG.normal(300, 200, 2000)
    low, high = (condition(signal[:n], stream) for n in (999, 2000))
    np.testing.assert_array_equal(low, high[: len(low)])  # nothing from ahead
    # What the low-pass lets through, from what it does to a single pulse.
    kept, slowest = signal, 360 // rate
    if slowest > 1:
        from scipy.signal import firwin

        taps = firwin(TAPS, 0.8 / slowest)
        assert taps.sum() == pytest.approx(1)
        kept = [
            sum(taps[k] * signal[max(t - k, 0)] for k in range(TAPS))
            for t in range(0, len(signal), slowest)
        ]
    base, power, expected = kept[0], AMPLITUDE**2, []
    for value in kept:
        base += (1 - np.exp(-2 * np.pi * 0.7 / rate)) * (value - base)
        power += (1 - np.exp(-1 / (2.0 * rate))) * ((value - base) ** 2 - power)
        expected.append((value - base) / np.sqrt(power))
    np.testing.assert_allclose(high, expected, rtol=1e-4, atol=1e-5)


def test_size_and_baseline_are_forgotten():
    signal = RNG.normal(0, 100, 360 * 60)
    stream = Stream(memory=2.0)
    one, two = condition(signal, stream), condition(4 * signal + 5000, stream)
    np.testing.assert_allclose(one[-1200:], two[-1200:], atol=1e-3)
    assert one[-1200:].std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("seconds", "before"), [(10.0, 3.0), (7.3, 0.0), (100.0, 1.0)])
def test_every_beat_counts_once_a_delay_after_it(seconds, before, monkeypatch):
    monkeypatch.setattr(ecg, "SECONDS", seconds)
    monkeypatch.setattr(ecg, "BEFORE", before)
    stream = Stream(delay=0.5)
    data = ecg.load("sample", stream=stream)
    recordings = ecg.sample.generate()
    named = [recordings.names.index(name) for name in sources.DS2]
    x, y = data.parts["test"]
    assert (x.dtype, y.dtype) == (np.float32, np.int8)
    assert x.shape == (*y.shape, 1)
    assert x.shape[1] == round(60 * (seconds + before))
    beats = recordings.classes[np.isin(recordings.records, named)]
    assert np.bincount(y[y >= 0]).tolist() == np.bincount(beats).tolist()
    for number in range(len(recordings.names)):
        steps, due = ecg._steps(recordings, number, stream)
        assert len(steps) == len(due) == len(recordings.signals[number]) // 6
        own = recordings.records == number
        expected = np.ceil(recordings.places[own] / 6) + 30
        np.testing.assert_array_equal(np.flatnonzero(due >= 0), expected)
        np.testing.assert_array_equal(due[due >= 0], recordings.classes[own])
    # Windows are pieces of the records.
    first, _ = ecg._steps(recordings, named[0], stream)
    start, stop = round(60 * seconds), round(60 * (2 * seconds + before))
    piece = first[start:stop]
    if len(piece):
        np.testing.assert_array_equal(x[1][: len(piece)], piece)


def test_no_record_is_in_two_parts():
    recordings = ecg.sample.generate()
    steps = {
        name: ecg._steps(recordings, number, Stream())[0]
        for number, name in enumerate(recordings.names)
    }
    inside = {
        part: {name for name, own in steps.items() if _contains(x, own)}
        for part, (x, _) in ecg.load("sample").parts.items()
    }
    assert inside["val"] == {*ecg.VALIDATION}
    assert inside["test"] == {*sources.DS2}
    assert inside["train"] == {*sources.DS1} - {*ecg.VALIDATION}


def _contains(windows, steps):
    return (windows[:, :500] == steps[:500]).all(axis=(1, 2)).any()


def test_the_sample_is_the_same_everywhere():
    data = ecg.load("sample")
    assert data.checksum == (
        "78c46014df306ae66131705910f9f4c02da84120628763fb2a7a860b68302b80"
    )
    for _, y in data.parts.values():
        assert (np.bincount(y[y >= 0], minlength=4) > 10).all()


class TestReal:
    pytestmark = real_data("ecg/mitdb*")

    def test_the_counts_are_those_of_de_chazal(self):
        # Without a delay no record ends before its last beat's step.
        data = ecg.load("ecg", DATA, stream=Stream(delay=0))
        counts = {
            part: np.bincount(y[y >= 0]).tolist() for part, (_, y) in data.parts.items()
        }
        assert counts == {
            "train": [38_922, 721, 3_015, 392],
            "val": [6_944, 223, 773, 23],
            "test": [44_259, 1_837, 3_221, 388],
        }
        in_ds1 = np.add(counts["train"], counts["val"])
        assert in_ds1.tolist() == [45_866, 944, 3_788, 415]
        assert data.parts["train"][0].shape == (3_258, 780, 1)
        assert data.checksum == (
            "87629437763c418e66548a4f404dfe7536cf616943372a70876543c84363ff19"
        )
