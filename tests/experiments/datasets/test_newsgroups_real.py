"""The real articles and the real GloVe vectors, where they are on disk."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from experiments.datasets import glove, newsgroups
from experiments.datasets.newsgroups import sources, strip
from experiments.datasets.newsgroups.sources import GROUPS

DATA = Path(
    os.environ.get("SLIM_KERAS_DATA") or Path(__file__).parents[4] / "shared" / "data"
)

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not (
            sources.find(DATA, "random")
            and sources.find(DATA, "bydate")
            and list(DATA.glob("glove/glove.6B.50d.txt*"))
        ),
        reason=f"{DATA} has not both editions of 20news and glove.6B.50d "
        "(SLIM_KERAS_DATA names the folder)",
    ),
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


def load(kept, **options):
    return newsgroups.load("newsgroups", DATA, cache_dir=kept, **options)


def test_the_random_split(kept):
    data = load(kept)
    assert (data.x_train.shape, data.x_test.shape) == ((15_998, 1000), (3_999, 1000))
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
    six = load(kept, classes=6)
    assert np.bincount(six.y_train)[3] == (data.y_train == 6).sum()  # misc.forsale
    np.testing.assert_array_equal(six.x_test, data.x_test)


def test_the_split_by_date(kept):
    data = load(kept, split="bydate", strip=newsgroups.PARTS)
    assert (data.x_train.shape, data.x_test.shape) == ((11_314, 1000), (7_532, 1000))
    assert np.bincount(data.y_train)[[0, 10, 19]].tolist() == [480, 600, 377]
    assert np.bincount(data.y_test)[[0, 10, 19]].tolist() == [319, 399, 251]
    assert "11 of 7,532 test documents repeat a training document" in data.origin
    assert data.checksum == (
        "5635998c66e2553893c32571c2b8cf4145f9bae83dceb7836cae8fbf75f0c8c0"
    )


def test_the_whole_set_holds_copies():
    documents = sources.find(DATA, "random").read()["all"]
    assert len(documents) == 19_997
    bodies = Counter(strip.without_headers(one.text).strip() for one in documents)
    del bodies[""]
    assert sum(count for count in bodies.values() if count > 1) == 1_255
    # Independent of our rules: articles that are there under the same identity.
    identities = Counter(
        found[1]
        for one in documents
        if (found := re.search(r"(?im)^message-id: *(\S+)", one.text))
    )
    assert sum(count for count in identities.values() if count > 1) >= 1_056


def test_the_edition_by_date_is_part_of_the_whole_set():
    whole, by_date = (
        sources.find(DATA, split).read() for split in ("random", "bydate")
    )
    names = {document[:2] for document in whole["all"]}
    assert len(names) == 19_997
    assert {document[:2] for part in by_date.values() for document in part} < names


def test_vectors_of_the_words(kept):
    data = load(kept)
    vectors = glove.load(data.vocabulary, 50, DATA, cache_dir=kept)
    assert vectors.matrix.shape == (20_000, 50)
    assert (~vectors.matrix.any(axis=1)).sum() == vectors.missing + 1
    # Frequent words have vectors, programs and drawings have none.
    counts = np.bincount(data.x_train.ravel(), minlength=20_000)
    counts[0] = 0
    covered = counts[vectors.matrix.any(axis=1)].sum() / counts.sum()
    assert covered > 0.97
    the = [0.418, 0.24968, -0.41242, 0.1217, 0.34527]
    np.testing.assert_array_equal(vectors.matrix[1, :5], np.array(the, np.float32))
    if not vectors.origin.startswith("glove.6B.50d.top"):
        assert vectors.missing == 2_115
        assert vectors.checksum == (
            "7a515c2db8d58f9f151ba9923cefd59c669857c36590dafa53bf74c85aab1f7d"
        )
