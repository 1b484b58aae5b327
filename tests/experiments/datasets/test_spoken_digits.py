"""Spoken digits: the frames, the splits, what can lie on disk, and the sample."""

import io
import re

import numpy as np
import pytest
import scipy.io.wavfile
import scipy.signal

from experiments.core.errors import UserError
from experiments.datasets import spoken_digits
from experiments.datasets.spoken_digits import sources
from experiments.datasets.spoken_digits.frames import FrontEnd, log_mel

from . import support
from .support import DATA, real_data

SPEAKERS = ("anna", "boris", "chen")


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    if not request.node.get_closest_marker("real_data"):
        monkeypatch.setattr(sources, "PER_SPEAKER", 120)


def audio(digit, speaker, index):
    """Noise that is always the same for a recording."""
    rng = np.random.default_rng([SPEAKERS.index(speaker), digit, index])
    return rng.integers(-9999, 9999, 300 + 20 * index).astype(np.int16)


def prepared():
    """What tensorflow-datasets prepares for these tests."""
    examples = [
        {
            "audio": audio(digit, speaker, index).astype(np.int64),
            "audio/filename": f"{digit}_{speaker}_{index}.wav",
            "label": digit,
        }
        for speaker in SPEAKERS
        for digit in range(10)
        for index in range(12)
    ]
    return ["spoken_digit", None, "1.0.9", {"train": examples}]


def wav(samples, rate=8_000):
    file = io.BytesIO()
    scipy.io.wavfile.write(file, rate, samples)
    return file.getvalue()


def contents(changes=None, top=""):
    *_, splits = prepared()
    every = {
        f"{top}recordings/{one['audio/filename']}": wav(np.int16(one["audio"]))
        for one in splits["train"]
    }
    every |= {f"{top}README.md": b"read me", f"{top}recordings/.DS_Store": b"\0"}
    every |= {f"recordings/{name}": new for name, new in (changes or {}).items()}
    return {name: content for name, content in every.items() if content is not None}


def load(place, **options):
    return spoken_digits.load("spoken_digits", place, **options)


def test_every_source_gives_the_same_arrays(tmp_path, prepare, without_child):
    support.write_folder(tmp_path / "1", contents())
    # GitHub puts all below a folder with the name of the commit.
    archive = tmp_path / "2/digits/free-spoken-digit-dataset.tar.gz"
    support.write_archive(archive, contents(top="dataset-26eb9aa/"))
    archive = tmp_path / "3/free-spoken-digit-dataset-1.zip"
    support.write_archive(archive, contents())
    prepare("spoken_digit/1.0.9", tmp_path / "4/tfds")
    loaded = [load(tmp_path / name) for name in "1234"]
    assert len({data.checksum for data in loaded}) == 1
    for data in loaded[1:]:
        for part, (x, y) in loaded[0].parts.items():
            np.testing.assert_array_equal(data.parts[part][0], x)
            np.testing.assert_array_equal(data.parts[part][1], y)
    assert [data.origin for data in loaded] == [
        "folder recordings",
        "archive free-spoken-digit-dataset.tar.gz",
        "archive free-spoken-digit-dataset-1.zip",
        "tensorflow-datasets spoken_digit/1.0.9",
    ]


@pytest.fixture
def frames_of(tmp_path):
    """The frames that a part must have, of some recordings, in any order."""
    support.write_folder(tmp_path, contents())

    def expected(data, speakers, indices):
        wanted = []
        for speaker in speakers:
            for digit in range(10):
                for index in indices:
                    frames = log_mel(audio(digit, speaker, index), FrontEnd())
                    scaled = (frames - data.mean) / data.deviation
                    wanted.append((scaled.astype(np.float32), digit))
        return sorted((x.round(3).tolist(), y) for x, y in wanted)

    return expected


def found(data, part):
    pairs = zip(*data.parts[part], strict=True)
    return sorted((x[x.any(axis=1)].round(3).tolist(), int(y)) for x, y in pairs)


def test_the_official_split_is_by_index(tmp_path, frames_of):
    data = load(tmp_path)
    for part, indices in (
        ("train", range(10, 12)),
        ("val", range(5, 10)),
        ("test", range(5)),
    ):
        assert found(data, part) == frames_of(data, SPEAKERS, indices)


@pytest.mark.parametrize(
    ("held_out", "validates"), [("anna", "boris"), ("chen", "anna")]
)
def test_the_split_by_speaker_keeps_voices_apart(
    tmp_path, frames_of, held_out, validates
):
    data = load(tmp_path, split="speaker", held_out=held_out)
    assert found(data, "test") == frames_of(data, [held_out], range(12))
    assert found(data, "val") == frames_of(data, [validates], range(12))
    (rest,) = {*SPEAKERS} - {held_out, validates}
    assert found(data, "train") == frames_of(data, [rest], range(12))
    trained = data.parts["train"][0]
    heard = trained[trained.any(axis=2)]
    np.testing.assert_allclose(heard.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(heard.std(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"3_chen_7.wav": None}, "holds 119 recordings of chen where .* has 120"),
        ({"3_chen_99.wav": wav(np.zeros(400, np.int16))}, "holds 121 recordings"),
        ({"3_chen_7.wav": b"<html>404</html>"}, r"3_chen_7\.wav is damaged"),
        ({"3_chen_7.wav": wav(audio(3, "chen", 7))[:90]}, r"3_chen_7\.wav is damaged"),
        ({"3_chen_7.wav": wav(np.int16([5]), 16_000)}, "at 16,000 Hz: it must have"),
        ({"3_chen_7.wav": wav(np.zeros((9, 2), np.int16))}, r"has \(9, 2\) samples of"),
    ],
    ids=["missing", "more", "page", "cut", "rate", "stereo"],
)
def test_what_is_wrong_with_the_recordings_is_said(tmp_path, changes, match):
    support.write_folder(tmp_path, contents(changes))
    support.refused(spoken_digits.load, "spoken_digits", tmp_path, match)


def test_frames_are_those_of_the_equations():
    """The Fourier sum and the triangles, one by one."""
    settings = FrontEnd(frame=64, hop=40, bands=7, low=100, floor=1e-4)
    samples = np.random.default_rng(0).integers(-3000, 3000, 190).astype(np.int16)
    n = np.arange(64)
    hann = np.sin(np.pi * n / 64) ** 2
    top = 2595 * np.log10(1 + 4000 / 700)
    bottom = 2595 * np.log10(1 + 100 / 700)
    mels = [bottom + (top - bottom) * k / 8 for k in range(9)]
    hertz = [700 * (10 ** (mel / 2595) - 1) for mel in mels]
    expected = np.zeros((4, 7))
    for frame, band in np.ndindex(4, 7):
        window = samples[40 * frame : 40 * frame + 64] / 32768 * hann
        energy = 0.0
        for k in range(33):
            power = abs(np.sum(window * np.exp(-2j * np.pi * k * n / 64))) ** 2 / 64
            energy += power * np.interp(
                8000 * k / 64, hertz[band : band + 3], [0, 1, 0]
            )
        expected[frame, band] = np.log(energy + 1e-4)
    found = log_mel(samples, settings)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_stream_makes_the_same_frames():
    """A frame needs no sample after its last one."""
    settings = FrontEnd()
    samples = np.random.default_rng(1).integers(-9, 9, 1000).astype(np.int16)
    whole = log_mel(samples, settings)
    assert len(whole) == 1 + (1000 - 256) // 128
    for number, frame in enumerate(whole):
        one = samples[128 * number : 128 * number + 256]
        np.testing.assert_allclose(log_mel(one, settings), [frame], rtol=1e-5)
    assert log_mel(samples[:9], settings).shape == (1, 20)


def test_the_sample_is_the_same_everywhere_and_can_be_learnt():
    data = spoken_digits.load("sample")
    assert data.checksum == (
        "10111c5220c3de3bd685f05f0706f36c1c0cca07558ffc8f67892decafd8a4fb"
    )
    assert [len(y) for _, y in data.parts.values()] == [300, 150, 150]

    def thirds(x):
        """The mean of each band over three parts of a recording."""
        heard = [one[one.any(axis=1)] for one in x]
        return np.stack(
            [np.ravel([p.mean(axis=0) for p in np.array_split(h, 3)]) for h in heard]
        )

    (x, y), (x_test, y_test) = data.parts["train"], data.parts["test"]
    weights = np.linalg.lstsq(thirds(x), np.eye(10)[y], rcond=None)[0]
    assert np.mean((thirds(x_test) @ weights).argmax(axis=1) == y_test) > 0.9
    # Where the order of the parts is unknown, it cannot.
    order = np.random.default_rng(0).permuted(np.tile([0, 1, 2], (150, 1)), axis=1)
    mixed = thirds(x_test).reshape(-1, 3, 20)
    mixed = np.take_along_axis(mixed, order[..., None], axis=1).reshape(-1, 60)
    assert np.mean((mixed @ weights).argmax(axis=1) == y_test) < 0.8


class TestReal:
    pytestmark = real_data("digits/free-spoken-digit-dataset*")

    def test_the_real_recordings(self):
        data = load(DATA)
        for part, each in (("train", 240), ("val", 30), ("test", 30)):
            x, y = data.parts[part]
            assert np.bincount(y).tolist() == [each] * 10
            assert x.shape[1:] == (141, 20)
        assert data.checksum == (
            "be775806350fae5490dd15807d920d7f38445cb9266955c43cafb2aa6fbac04a"
        )
        people = "george, jackson, lucas, nicolas, theo, yweweler"
        with pytest.raises(UserError, match=re.escape(people)):
            load(DATA, split="speaker")
