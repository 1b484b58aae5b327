"""What the loader makes of articles, and that every layout gives the same."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import network, newsgroups, text
from experiments.datasets.newsgroups import arrays
from experiments.datasets.newsgroups.sources import GROUPS, LAYOUTS, Document

from .newsgroups_files import members, write_archive, write_folder

ROOT = Path(__file__).parents[3]
ALL = ("headers", "footers", "quotes")


def load(place, data="newsgroups", **options):
    return newsgroups.load(data, place, **{"length": 12} | options)


def decoded(data, rows):
    """The words of every row; padding goes."""
    return [" ".join(data.vocabulary[n] for n in row if n) for row in rows.tolist()]


@pytest.mark.parametrize("split", ["random", "bydate"])
@pytest.mark.parametrize("below", ["", "20news"])
@pytest.mark.parametrize("write", [write_folder, write_archive])
def test_every_layout_gives_the_same_arrays(tmp_path, split, below, write):
    write_folder(tmp_path / "one", split)
    write(tmp_path / "two" / below, split)
    one = load(tmp_path / "one", split=split)
    two = load(tmp_path / "two", split=split)
    assert one.name == two.name == "newsgroups"
    assert one.checksum == two.checksum
    assert one.vocabulary == two.vocabulary


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("news20.tar.gz", "20_newsgroup"),
        ("20_newsgroups.tar.gz", "20_newsgroups"),
        ("20news-19997.tar.gz", "20_newsgroups"),
        ("20news-19997.tar.gz", "./20news-19997"),
    ],
)
def test_names_that_the_archive_has_had(tmp_path, name, top):
    write_folder(tmp_path / "one")
    write_archive(tmp_path / "two", name=name, top=top)
    os.rename(write_folder(tmp_path / "x") / "20_newsgroup", tmp_path / "20_newsgroups")
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    three = load(tmp_path / "20_newsgroups")  # the folder itself may be named
    assert one.checksum == two.checksum == three.checksum
    assert two.origin.startswith(f"archive {name}; ")
    assert three.origin.startswith("folder 20_newsgroups; ")


def test_arrays_are_those_of_the_keras_example(tmp_path):
    """Its steps, one by one; only the numbers of equally frequent words may differ."""
    folder = write_folder(tmp_path) / "20_newsgroup"
    texts, labels = [], []
    for place, group in enumerate(sorted(os.listdir(folder))):
        for name in sorted(os.listdir(folder / group)):
            if name.startswith("."):
                continue
            raw = (folder / group / name).read_text("latin-1")
            texts.append(text.normalise(raw[raw.find("\n\n") :]))
            labels.append(place)
    np.random.seed(5)
    order = np.arange(len(texts))
    np.random.shuffle(order)
    texts, labels = [texts[n] for n in order], np.array(labels)[order]

    data = load(folder, num_words=99, length=30, seed=5)
    assert decoded(data, data.x_train) == texts[:80]
    assert decoded(data, data.x_test) == texts[80:]
    np.testing.assert_array_equal(data.y_train, labels[:80])
    np.testing.assert_array_equal(data.y_test, labels[80:])
    assert {a.dtype.name for a in (data.x_train, data.y_train)} == {"int32"}
    counts = Counter(" ".join(texts).split())
    assert sorted(data.vocabulary[1:]) == sorted(counts)
    met = [counts[word] for word in data.vocabulary[1:]]
    assert met == sorted(met, reverse=True)


def test_rare_words_are_left_out_and_long_texts_cut_in_front(tmp_path):
    write_folder(tmp_path)
    whole = load(tmp_path, num_words=99, length=30)
    few = load(tmp_path, num_words=6, length=9)
    assert few.x_train.max() == 5
    assert few.vocabulary == whole.vocabulary[:6]
    for kept, row in zip(few.x_train, whole.x_train, strict=True):
        known = row[(row > 0) & (row < 6)][-9:]
        assert kept.tolist() == [0] * (9 - len(known)) + known.tolist()


def test_bydate_keeps_its_parts_and_the_words_of_the_first(tmp_path):
    changes = {f"20news-bydate-test/{GROUPS[3]}/98": b"A: b\n\nthe unseen word"}
    write_folder(tmp_path, "bydate", changes)
    data = load(tmp_path, split="bydate")
    assert (data.x_train.shape, data.x_test.shape) == ((60, 12), (40, 12))
    assert np.bincount(data.y_train).tolist() == [3] * 20
    assert np.bincount(data.y_test).tolist() == [2] * 20
    assert "unseen" not in data.vocabulary
    assert "the word" in decoded(data, data.x_test)
    assert (np.diff(data.y_train) < 0).any()  # mixed
    other = load(tmp_path, split="bydate", seed=2)
    assert sorted(other.x_train.tolist()) == sorted(data.x_train.tolist())
    assert other.checksum != data.checksum


def test_the_random_split_takes_words_from_all_texts(tmp_path):
    changes = dict.fromkeys(members("random"), b"A: b\n\nnothing new")
    changes[f"20_newsgroup/{GROUPS[7]}/100"] = b"A: b\n\nunique"
    write_archive(tmp_path, changes=changes)
    loaded = [load(tmp_path, seed=seed) for seed in range(20)]
    assert {data.vocabulary for data in loaded} == {("", "new", "nothing", "unique")}
    # Each time it is a test document with probability 1/5.
    tested = ["unique" in decoded(data, data.x_test) for data in loaded]
    assert {*tested} == {False, True}


def test_another_seed_is_another_split(tmp_path):
    write_folder(tmp_path)
    one, two = load(tmp_path, seed=1), load(tmp_path, seed=2)
    assert one.checksum == load(tmp_path, seed=1, cache_dir=tmp_path / "c").checksum
    assert sorted(decoded(one, one.x_test)) != sorted(decoded(two, two.x_test))


def test_topics():
    topics = {
        "comp": "comp.graphics comp.os.ms-windows.misc comp.sys.ibm.pc.hardware "
        "comp.sys.mac.hardware comp.windows.x",
        "rec": "rec.autos rec.motorcycles rec.sport.baseball rec.sport.hockey",
        "sci": "sci.crypt sci.electronics sci.med sci.space",
        "misc.forsale": "misc.forsale",
        "talk.politics": "talk.politics.guns talk.politics.mideast talk.politics.misc",
        "religion": "alt.atheism soc.religion.christian talk.religion.misc",
    }
    assert tuple(topics) == arrays.TOPICS
    for number, groups in enumerate(topics.values()):
        for group in groups.split():
            assert arrays.label(group, 6) == number
    assert sum(len(groups.split()) for groups in topics.values()) == 20
    assert [arrays.label(group, 20) for group in GROUPS] == list(range(20))


def test_six_classes_are_the_same_rows(tmp_path):
    write_archive(tmp_path)
    twenty, six = load(tmp_path), load(tmp_path, classes=6)
    np.testing.assert_array_equal(twenty.x_train, six.x_train)
    assert set(six.y_train) == set(range(6))


@pytest.mark.parametrize(
    ("strip", "first"),
    [
        ((), "from me 20_newsgroup newsgroups rec autos in article 98 you wrote"),
        (["headers"], "in article 98 you wrote an old \xe9 the word the"),
        (("footers", "headers", "quotes"), "the word the word the word the word of"),
    ],
)
def test_what_is_stripped_is_gone(tmp_path, strip, first):
    write_folder(tmp_path)
    data = load(tmp_path, strip=strip, num_words=99, length=40)
    rows = [row for row in decoded(data, data.x_train) if "rec autos is n98" in row]
    assert len(rows) == 1
    assert rows[0].replace("20 newsgroup", "20_newsgroup").startswith(first)
    assert rows[0].endswith("me") == (len(strip) < 3)


def test_documents_left_empty_stay_and_are_counted(tmp_path):
    empty = {
        f"20_newsgroup/{GROUPS[0]}/98": b"From: nobody\n\n> only a quote\n",
        f"20_newsgroup/{GROUPS[1]}/98": b"From: nobody\n\n ... !\n",
    }
    write_folder(tmp_path, changes=empty)
    data = load(tmp_path, strip=ALL)
    rows = np.concatenate([data.x_train, data.x_test])
    assert len(rows) == 100
    assert (rows == 0).all(axis=1).sum() == 2
    assert "2 of all have no word left" in data.origin
    assert "1 of all have no word left" in load(tmp_path).origin


def test_repeated_documents_are_counted():
    def part(*texts):
        return [Document("sci.med", str(n), text) for n, text in enumerate(texts)]

    train = part("A: 1\n\nsame\n", "A: 2\n\nother", "A: 3\n\n", "A: 4\n\nsame")
    test = part("B: 1\n\nsame", "B: 2\n\nsame\n", "A: 2\n\nnew", "A: 3\n\n", "same")
    assert arrays.repeated(train, test) == 2


def test_the_origin_says_how_many_are_repeated(tmp_path):
    changes = dict.fromkeys(members("bydate"), b"A: b\n\nall the same")
    changes[f"20news-bydate-test/{GROUPS[5]}/99"] = b"A: b\n\nall this"
    write_archive(tmp_path, "bydate", changes)
    assert load(tmp_path, split="bydate").origin == (
        "archive 20news-bydate.tar.gz; 39 of 40 test documents repeat a training "
        "document, 0 of all have no word left"
    )


def test_ends_of_lines_are_read_as_python_reads_them(tmp_path):
    name = f"20_newsgroup/{GROUPS[0]}/98"
    ends = {name: b"A: b\r\n\r\none\rtwo\r\nthree"}
    write_folder(tmp_path / "one", changes=ends)
    write_archive(tmp_path / "two", changes={name: b"A: b\n\none\ntwo\nthree"})
    assert load(tmp_path / "one").checksum == load(tmp_path / "two").checksum


def test_a_hit_reads_no_source(tmp_path):
    archive = write_archive(tmp_path)
    first = load(tmp_path)
    stat = archive.stat()
    archive.write_bytes(b"x" * stat.st_size)
    os.utime(archive, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = load(tmp_path)
    assert (second.checksum, second.origin) == (first.checksum, first.origin)
    assert second.vocabulary == first.vocabulary
    for other in ({"classes": 6}, {"strip": ALL}, {"seed": 1}, {"length": 5}):
        with pytest.raises(UserError, match="damaged"):
            load(tmp_path, **other)


def test_a_changed_document_is_read_again(tmp_path):
    before = load(write_folder(tmp_path)).checksum
    (tmp_path / "20_newsgroup/sci.med/98").write_text("A: b\n\nquite another text")
    assert load(tmp_path).checksum != before


@pytest.mark.parametrize(("have", "want"), [("random", "bydate"), ("bydate", "random")])
@pytest.mark.parametrize("data", ["auto", "newsgroups"])
def test_only_the_other_split_is_there(tmp_path, have, want, data):
    write_archive(tmp_path, have)
    with pytest.raises(UserError, match=f"split is {want}, but .* split {have}") as it:
        load(tmp_path, data, split=want)
    assert LAYOUTS[want].archives[0] in str(it.value)
    assert load(tmp_path, data, split=have).name == "newsgroups"


def test_without_data_the_sample_is_announced_once(capsys):
    loaded = load(None, "auto")
    assert loaded.name == "sample"
    assert loaded.checksum == load(None, "sample").checksum
    notice = capsys.readouterr().err
    for part in ("SAMPLE", "no network", "--data-dir", "20_newsgroup", "news20.tar.gz"):
        assert part in notice
    load(None, "auto")
    assert capsys.readouterr().err == ""


def test_without_data_newsgroups_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no network") as caught:
        load(None, split="bydate")
    for part in ("--data-dir", "20news-bydate-train", "20news-bydate.tar.gz", "qwone"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(network, "reachable", lambda url: pytest.fail("asked"))
    with pytest.raises(UserError, match=f"none in {tmp_path}"):
        load(tmp_path)


@pytest.mark.parametrize("split", ["random", "bydate"])
def test_a_download_is_used_and_found_again(tmp_path, monkeypatch, split):
    def fetch(url, folder):
        write_archive(folder, split, name=url.rpartition("/")[2])

    monkeypatch.setattr(network, "reachable", lambda url: True)
    monkeypatch.setattr(network, "_fetch", fetch)
    first = load(None, split=split, cache_dir=tmp_path)
    assert first.name == "newsgroups"
    monkeypatch.setattr(network, "_fetch", lambda *_: pytest.fail("downloaded again"))
    again = load(None, "auto", split=split, cache_dir=tmp_path)
    assert again.checksum == first.checksum


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "news"}, "data is 'news': it must be auto, newsgroups or sample"),
        ({"classes": 7}, r"classes is 7: it must be 20 \(groups\) or 6 \(topics\)"),
        ({"strip": ("header",)}, "strip has 'header': it can have headers, footers"),
        ({"split": "half"}, "split is 'half': it must be random or bydate"),
        ({"num_words": 1}, "num_words is 1: it must be at least 2"),
        ({"length": 0}, "length is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(UserError, match=message):
        newsgroups.load(**{"data": "sample"} | options)


def test_neither_keras_nor_tensorflow_is_imported():
    """They would fix the backend, and take the GPU, before the command chose."""
    code = (
        "import sys\n"
        "from experiments.datasets import glove, newsgroups\n"
        "glove.sample(newsgroups.load('sample').vocabulary, 4)\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))\n"
    )
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.stdout, child.stderr) == ("[]\n", "")
