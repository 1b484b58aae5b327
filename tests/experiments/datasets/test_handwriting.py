"""Words from single characters, Omniglot and PenDigits as they lie on disk."""

import gzip
import hashlib
import itertools

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import handwriting
from experiments.datasets.handwriting import ink, omniglot, pendigits, sample
from experiments.datasets.handwriting.words import LETTERS, SIZE, Drawing, words

from .support import DATA, real_data, write_archive

DRAWING = b"START\n10,-20,0\r\n10,-60,40\nBREAK\n30.5,-20,140\n30.5,-40,160\nBREAK\n"


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """Two small archives: two alphabets, one of them in both, six writers."""
    sums = {}
    for name, alphabets in zip(
        omniglot.ARCHIVES, (["Latin", "Korean"], ["Latin"]), strict=True
    ):
        top = name.removesuffix(".zip")
        files = {f"{top}/.DS_Store": b"\0"}
        for alphabet, character, writer in itertools.product(
            alphabets, (1, 2), range(1, 7)
        ):
            place = f"{alphabet}/character{character:02d}"
            file = f"{top}/{place}/07{character}_{writer:02d}.txt"
            # Who wrote it can be seen from it.
            files[file] = DRAWING + b"START\n0,0,1\n0,-%d,2\n" % writer
            files[f"__MACOSX/{file}"] = b"\0"
        path = tmp_path / "handwriting" / name
        write_archive(path, files)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(omniglot, "ARCHIVES", sums)
    monkeypatch.setattr(handwriting, "EVALUATED", 30)
    return tmp_path


def test_a_file_of_strokes():
    found = omniglot.parse(DRAWING, "file")
    assert [stroke.tolist() for stroke in found] == [
        [[10, 20, 0], [10, 60, 40]],
        [[30.5, 20, 140], [30.5, 40, 160]],
    ]


@pytest.mark.parametrize("line", ["1,2", "1,2,nan", "inf,1,2", "1,2,x", "1;2;3", "END"])
def test_a_bad_line_is_named(line):
    content = b"START\n1,2,3\n" + line.encode() + b"\n"
    with pytest.raises(UserError, match=r"a\.txt, line 3 is '.*must be x,y,t, START"):
        omniglot.parse(content, "a.txt")


@pytest.mark.parametrize("content", [b"", b"START\nBREAK\n"], ids=["empty", "bare"])
def test_a_file_without_a_point(content):
    with pytest.raises(UserError, match=r"a\.txt has no point"):
        omniglot.parse(content, "a.txt")


def test_omniglot_from_a_folder(archives):
    hands = omniglot.find(archives, "all").read()
    assert sorted(hands) == [1, 2, 3, 4, 5, 6]
    for writer, (korean, latin) in hands.items():
        assert [one.label for one in latin] == ["Latin 01", "Latin 02"]
        assert [one.label for one in korean] == ["Korean 01", "Korean 02"]
        assert all(one.ink[-1][-1, 1] == writer for one in [*korean, *latin])
    found = handwriting.load("omniglot", archives, alphabet="all", count=40)
    assert found.name == "omniglot"
    assert "40 words of 4 drawings" in found.origin  # one writer is left to train on
    assert found.labels == ("", "Korean 01", "Korean 02", "Latin 01", "Latin 02")
    sizes = {part: len(x) for part, (x, _) in found.parts.items()}
    assert sizes == {"train": 40, "val": 30, "test": 30}
    for _, y in found.parts.values():
        for text in y:
            assert len({found.labels[n][:5] for n in text[text > 0]}) == 1
    latin = handwriting.load("auto", archives, alphabet="Latin", count=40)
    assert latin.labels == ("", "Latin 01", "Latin 02")
    with pytest.raises(UserError, match="alphabet Greek is not in"):
        handwriting.load("omniglot", archives, alphabet="Greek")


def test_a_changed_archive_is_refused(archives):
    name = next(iter(omniglot.ARCHIVES))
    with (archives / "handwriting" / name).open("ab") as file:
        file.write(b"\0")
    for data in ("auto", "omniglot"):
        with pytest.raises(UserError, match=r"1\.zip is not the published file: del"):
            handwriting.load(data, archives)


def test_a_word_is_its_drawings_side_by_side():
    box = np.array([[0, 0, 0], [50, 0, 100], [50, 80, 200]], float)
    hand = [Drawing("a", [box, box[:1] + np.array([10, 0, 500])]), Drawing("b", [box])]
    strokes_of = {"a": 2, "b": 1}
    found = words([hand], 50, [1])
    lengths = {len(text) for _, text in found}
    assert lengths == set(range(LETTERS[0], LETTERS[1] + 1))
    for strokes, text in found:
        assert len(strokes) == sum(strokes_of[label] for label in text)
        times = np.concatenate(strokes)[:, 2]
        assert (np.diff(times) >= 0).all()
        starts = np.cumsum([0, *(strokes_of[label] for label in text)])
        drawn = [
            np.concatenate(strokes[start:end])
            for start, end in itertools.pairwise(starts)
        ]
        for one in drawn:
            assert 80 * SIZE[0] <= np.ptp(one[:, 1]) <= 80 * SIZE[1]
        # Upright again, no two of them overlap.
        slant = (strokes[0][2, 0] - strokes[0][1, 0]) / np.ptp(strokes[0][:, 1])
        upright = [one[:, 0] - slant * one[:, 1] for one in drawn]
        for left, right in itertools.pairwise(upright):
            assert 10 <= right.min() - left.max() <= 30 + 1e-6
    again, other = words([hand], 50, [1]), words([hand], 50, [2])
    assert [text for _, text in again] == [text for _, text in found]
    assert [text for _, text in other] != [text for _, text in found]


def test_no_writer_is_in_two_parts():
    writers = sample.generate()
    for seed in range(3):
        parts = handwriting._parts(writers, 0.25, seed)
        assert [len(hands) for hands in parts.values()] == [12, 4, 4]
        drawn = [one for hands in parts.values() for hand in hands for one in hand]
        inks = [one.ink[0].tobytes() for one in drawn]
        assert len(set(inks)) == len(inks) == 20 * len(sample.LABELS)
    tested = [handwriting._parts(writers, 0.25, seed)["test"] for seed in (0, 1)]
    first, second = ([hand[0].ink[0][0, 0] for hand in hands] for hands in tested)
    assert first != second
    assert not handwriting._parts(writers, 0, 0)["val"]
    assert "val" not in handwriting.load("sample", count=2, validation_split=0).parts


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(handwriting, "EVALUATED", 8)


def test_arrays_of_the_sample(few):
    found = handwriting.load("sample", count=20)
    assert found.labels == ("", *sorted(sample.LABELS))
    widths = {(x.shape[1:], y.shape[1:]) for x, y in found.parts.values()}
    assert len(widths) == 1
    for x, y in found.parts.values():
        assert (x.dtype, y.dtype) == (np.float32, np.int32)
        steps, letters = x.any(axis=-1), y > 0
        for full in (steps, letters):  # all padding is behind
            assert (np.diff(full.astype(int), axis=1) <= 0).all()
        assert (steps.sum(axis=1) >= letters.sum(axis=1)).all()
    assert handwriting.load("sample", count=20).checksum == found.checksum
    assert handwriting.load("sample", count=20, seed=1).checksum != found.checksum


def test_checksum_is_of_what_was_drawn_not_of_the_processor(few):
    found = handwriting.load("sample", count=20)

    def changed(change):
        parts = {part: (change(x), y) for part, (x, y) in found.parts.items()}
        return handwriting._checksum(parts)

    assert changed(lambda x: x * np.float32(1 + 1e-6)) == found.checksum
    assert changed(lambda x: x * np.float32(1.1)) != found.checksum


def test_what_ctc_cannot_align_is_left_out():
    dot, line = np.zeros((1, 3)), np.array([[0, 0, 0], [0, 9, 9.0]])
    lines = [([line], ["a", "b"]), ([dot, dot + 1], ["a", "a"]), ([dot], ["a", "b"])]
    found = handwriting._build("x", {"train": lines}, "here")
    assert len(found.parts["train"][0]) == 1
    assert found.origin == "here; 2 with fewer steps than letters left out"


@pytest.fixture
def digits(tmp_path, monkeypatch):
    monkeypatch.setattr(pendigits, "SIZES", {"pendigits.tra": 40, "pendigits.tes": 10})
    monkeypatch.setattr(handwriting, "EVALUATED", 5)
    rng = np.random.default_rng(0)
    for name, size in pendigits.SIZES.items():
        rows = rng.integers(0, 101, (size, 17))
        rows[:, -1] = np.arange(size) * 10 // size
        text = "\n".join(",".join(f"{v:3d}" for v in row) for row in rows)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_pendigits(digits):
    train, test = pendigits.find(digits).read()
    assert [one.label for one in test] == list("0123456789")
    raw = gzip.decompress((digits / "pendigits.tra.gz").read_bytes()).split(b"\n")[0]
    x, y = np.array([int(v) for v in raw.split(b",")][:-1]).reshape(8, 2).T
    (stroke,) = train[0].ink
    np.testing.assert_array_equal(stroke[:, 0], x)
    np.testing.assert_array_equal(stroke[:, 1], 100 - y)
    found = handwriting.load("pendigits", digits, count=12)
    assert found.labels == ("", *"0123456789")
    assert "12 words of 30 drawings" in found.origin
    assert [len(x) for x, _ in found.parts.values()] == [12, 5, 5]
    # The digits stand in order: what validates are the last drawings, none of them
    # among those of the training, and the test has all.
    drawn = [{found.labels[n] for n in y.flat} - {""} for _, y in found.parts.values()]
    assert drawn == [{*"01234567"}, {*"789"}, {*"0123456789"}]
    with pytest.raises(
        UserError, match=r"split is 0\.99: of \d+ drawings none is left"
    ):
        handwriting.load("pendigits", digits, validation_split=0.99)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"page", r"tes cannot be read .*download it again"),
        (b"1,2,3\n", r"holds 1 rows of 3 numbers where the data set has 10 of 17"),
        (b",".join([b"101"] * 17) + b"\n", "from 0 to 100"),
    ],
)
def test_damaged_pendigits(content, match, digits):
    (digits / "pendigits.tes").write_bytes(content)
    with pytest.raises(UserError, match=match):
        handwriting.load("pendigits", digits)


class TestReal:
    pytestmark = real_data("handwriting/pendigits.tra.gz", "handwriting/strokes*.zip")

    def test_omniglot(self):
        hands = omniglot.find(DATA, "all").read()
        assert sorted(hands) == list(range(1, omniglot.WRITERS + 1))
        for of_one in hands.values():
            assert len(of_one) == len(omniglot.ALPHABETS)
            assert sum(map(len, of_one)) == 242
        found = handwriting.load("omniglot", DATA, count=64)
        assert len(found.labels) == 27
        x, y = found.parts["train"]
        assert len(x) == 64
        # A dozen steps a letter, more or less.
        assert 8 < x.any(axis=-1).sum() / (y > 0).sum() < 20

    def test_pendigits(self):
        train, test = pendigits.find(DATA).read()
        counts = np.bincount([int(one.label) for one in train])
        assert counts.tolist() == [780, 779, 780, 719, 780, 720, 720, 778, 719, 719]
        assert len(test) == 3498
        assert len(ink.features(train[0].ink)) > 8
