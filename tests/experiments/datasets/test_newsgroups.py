"""What the loader makes of articles, and that every layout gives the same."""

import os
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import glove, newsgroups, text
from experiments.datasets.newsgroups import arrays, sources, strip as parts
from experiments.datasets.newsgroups.sources import GROUPS, LAYOUTS, Document

from . import support
from .support import DATA, real_data

ALL = ("headers", "footers", "quotes")
# As many articles as folders of these names hold of every group.
SIZES = {
    "random": {"20_newsgroup": 5},
    "bydate": {"20news-bydate-train": 3, "20news-bydate-test": 2},
}


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    if request.node.get_closest_marker("real_data"):
        return
    for split, layout in LAYOUTS.items():
        sizes = {
            part: dict.fromkeys(GROUPS, size)
            for part, size in zip(layout.sizes, SIZES[split].values(), strict=True)
        }
        monkeypatch.setitem(LAYOUTS, split, replace(layout, sizes=sizes))


def members(split):
    """Content of every file, by its path; groups differ in words and in lengths."""
    return {
        f"{top}/{group}/{number}": (
            f"From: me@{top}\nNewsgroups: {group}\n\n"
            f"In article <{number}> you wrote:\n> An old \xe9\n"
            f"{'The word, ' * (1 + place % 4)}\tof {group} is N{number}!\n\n--\nme\n"
        ).encode("latin-1")
        for top, size in SIZES[split].items()
        for place, group in enumerate(GROUPS)
        for number in range(98, 98 + size)  # 100 sorts before 98, as text
    }


def contents(split, changes, top=""):
    """All files, some of them changed or, by None, removed."""
    hidden = {f"{next(iter(SIZES[split]))}/{GROUPS[0]}/.DS_Store": b"\0"}
    every = members(split) | hidden | (changes or {})
    return {
        f"{top}/{name.partition('/')[2]}" if top else name: content
        for name, content in every.items()
        if content is not None
    }


def write_folder(place, split="random", changes=None):
    support.write_folder(place, contents(split, changes))
    return place


def write_archive(place, split="random", changes=None, name="", top=""):
    """With `top` the folder in the archive of the random split is called so."""
    path = place / (
        name or f"{'20_newsgroup' if split == 'random' else '20news-bydate'}.tar.gz"
    )
    support.write_archive(path, contents(split, changes, top))
    return path


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


@pytest.mark.parametrize(("have", "want"), [("random", "bydate"), ("bydate", "random")])
@pytest.mark.parametrize("data", ["auto", "newsgroups"])
def test_only_the_other_split_is_there(tmp_path, have, want, data):
    write_archive(tmp_path, have)
    with pytest.raises(UserError, match=f"split is {want}, but .* split {have}") as it:
        load(tmp_path, data, split=want)
    assert LAYOUTS[want].archives[0] in str(it.value)
    assert load(tmp_path, data, split=have).name == "newsgroups"


@pytest.mark.parametrize(
    ("split", "changes", "match"),
    [
        ("random", {"sci.med/98": b""}, "sci.med/98 is empty: download"),
        ("random", {"sci.med/notes.doc": b"my"}, "sci.med/notes.doc is not a document"),
        (
            "random",
            {"sci.med/99": None},
            "4 documents of sci.med in all where .* has 5",
        ),
        (
            "bydate",
            {"sci.med/7": b"A: b\n\nc"},
            "holds 4 documents of sci.med in train",
        ),
    ],
    ids=["empty", "strange", "missing", "more"],
)
@pytest.mark.parametrize("write", [write_folder, write_archive])
def test_what_is_wrong_with_the_articles_is_said(
    tmp_path, write, split, changes, match
):
    top = next(iter(SIZES[split]))
    write(tmp_path, split, {f"{top}/{name}": old for name, old in changes.items()})

    def of_split(data, place, **options):
        return newsgroups.load(data, place, split=split, **options)

    support.refused(of_split, "newsgroups", tmp_path, match)


def test_an_archive_of_the_other_edition_and_a_folder_without_a_part(tmp_path):
    write_archive(tmp_path / "one", "bydate", name="news20.tar.gz")
    match = "news20.tar.gz holds 0 documents of alt.atheism in all where"
    support.refused(newsgroups.load, "newsgroups", tmp_path / "one", match)
    write_folder(tmp_path / "two", "bydate")
    (tmp_path / "two/20news-bydate-test").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="two has no folder 20news-bydate-test"):
        load(tmp_path / "two", split="bydate")


def test_no_other_group_is_read(tmp_path):
    """A folder that somebody has put beside the twenty is nobody's topic."""
    plain = load(write_folder(tmp_path / "one"))
    write_folder(tmp_path / "two", changes={"20_newsgroup/alt.mine/1": b"A: b\n\nmine"})
    assert load(tmp_path / "two").checksum == plain.checksum


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


class TestReal:
    pytestmark = real_data(
        "20news/20_newsgroup*", "20news/20news-bydate*", "glove/glove.6B.50d.txt*"
    )

    @pytest.fixture(autouse=True)
    def keep(self, kept, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(kept))

    def test_the_random_split(self):
        data = newsgroups.load("newsgroups", DATA)
        assert (data.x_train.shape, data.x_test.shape) == (
            (15_998, 1000),
            (3_999, 1000),
        )
        sizes = np.bincount(np.concatenate([data.y_train, data.y_test]))
        assert dict(zip(GROUPS, sizes.tolist(), strict=True)) == (
            dict.fromkeys(GROUPS, 1000) | {"soc.religion.christian": 997}
        )
        assert len(data.vocabulary) == data.x_train.max() + 1 == 20_000
        # The last of them comes from programs that were posted as text.
        frequent = ["the", "to", "of", "a", "and", "in", "i", "is", "that", "'ax"]
        assert list(data.vocabulary[1:11]) == frequent
        assert "214 of 3,999 test documents repeat a training document" in data.origin
        assert data.checksum == (
            "79a3a0aa313c21ee079ef2aa4d4e39cfae3f7614e624af25000eacb75b4cbabf"
        )

    def test_the_split_by_date(self):
        data = newsgroups.load(
            "newsgroups", DATA, split="bydate", strip=newsgroups.PARTS
        )
        assert (data.x_train.shape, data.x_test.shape) == (
            (11_314, 1000),
            (7_532, 1000),
        )
        assert np.bincount(data.y_train)[[0, 10, 19]].tolist() == [480, 600, 377]
        assert np.bincount(data.y_test)[[0, 10, 19]].tolist() == [319, 399, 251]
        assert "11 of 7,532 test documents repeat a training document" in data.origin
        assert data.checksum == (
            "5635998c66e2553893c32571c2b8cf4145f9bae83dceb7836cae8fbf75f0c8c0"
        )

    def test_the_whole_set_holds_copies_and_the_edition_by_date(self):
        whole, by_date = (
            sources.find(DATA, split).read() for split in ("random", "bydate")
        )
        documents = whole["all"]
        names = {document[:2] for document in documents}
        assert len(names) == len(documents) == 19_997
        assert {one[:2] for part in by_date.values() for one in part} < names
        bodies = Counter(parts.without_headers(one.text).strip() for one in documents)
        del bodies[""]
        assert sum(count for count in bodies.values() if count > 1) == 1_255
        # Independent of our rules: articles that are there under the same identity.
        identities = Counter(
            found[1]
            for one in documents
            if (found := re.search(r"(?im)^message-id: *(\S+)", one.text))
        )
        assert sum(count for count in identities.values() if count > 1) >= 1_056

    def test_vectors_of_the_words(self):
        data = newsgroups.load("newsgroups", DATA)
        vectors = glove.load(data.vocabulary, 50, DATA)
        assert vectors.matrix.shape == (20_000, 50)
        assert (~vectors.matrix.any(axis=1)).sum() == vectors.missing + 1
        # Frequent words have vectors, programs and drawings have none.
        counts = np.bincount(data.x_train.ravel(), minlength=20_000)
        counts[0] = 0
        assert counts[vectors.matrix.any(axis=1)].sum() / counts.sum() > 0.97
        the = [0.418, 0.24968, -0.41242, 0.1217, 0.34527]
        np.testing.assert_array_equal(vectors.matrix[1, :5], np.float32(the))
        if not vectors.origin.startswith("glove.6B.50d.top"):
            assert vectors.missing == 2_115
            assert vectors.checksum == (
                "7a515c2db8d58f9f151ba9923cefd59c669857c36590dafa53bf74c85aab1f7d"
            )
