"""The synthetic articles: a topic's words tell the group, and are learnt quickly."""

import re
from collections import Counter

import numpy as np
import pytest

from experiments.datasets import glove, newsgroups
from experiments.datasets.newsgroups import sample, strip
from experiments.datasets.newsgroups.sources import GROUPS

ALL = ("headers", "footers", "quotes")


def test_size_and_parts():
    together = sample.generate("random")["all"]
    apart = sample.generate("bydate")
    assert Counter(d.group for d in together) == dict.fromkeys(GROUPS, 50)
    assert Counter(d.group for d in apart["train"]) == dict.fromkeys(GROUPS, 40)
    assert sorted(apart["train"] + apart["test"]) == sorted(together)
    assert len({d.text for d in together}) == 1000


def test_every_topic_has_words_of_its_own():
    words = [w for own in sample.TOPIC_WORDS.values() for w in own]
    assert len(words) == len(set(words)) == 120
    for document in sample.generate("random")["all"]:
        own = sample.TOPIC_WORDS[document.group]
        written = strip.strip(document.text, ALL).split()
        assert {*written} & {*own}
        assert not {*written} & ({*words} - {*own})


def test_there_is_something_to_strip():
    texts = [d.text for d in sample.generate("random")["all"]]
    assert all(re.search(r"^Newsgroups: \S+$", text, re.M) for text in texts)
    assert all(re.search(r"^--\n\w+\n.+\n\Z", text, re.M) for text in texts)
    assert 400 < sum("\n> " in text for text in texts) < 600
    written = [strip.strip(text, ALL) for text in texts]
    assert not any(re.search(r"^>|writes:|Newsgroups:|^--", w, re.M) for w in written)


@pytest.mark.parametrize(
    ("split", "checksum"),
    [
        ("random", "22ca7e0778b31e413cb27ae159823294d349891a7366db5c52a19b5b5ffb62d7"),
        ("bydate", "c044c5eaaba3121cc703c41c6afc2bb47177b56d11e51dd8ac48ea0ffd5c445a"),
    ],
)
def test_it_is_the_same_everywhere(split, checksum):
    data = newsgroups.load("sample", split=split)
    assert data.checksum == checksum
    assert data.x_train.shape == (800, 1000)
    assert data.x_test.shape == (200, 1000)


def test_synthetic_vectors_are_near_where_topics_are_the_same():
    words = ["", "pitcher", "inning", "voltage", "thanks"]
    vectors = glove.sample(words, 50)
    assert vectors.matrix.shape == (5, 50)
    assert vectors.matrix.dtype == np.float32
    assert vectors.missing == 0
    assert not vectors.matrix[0].any()
    cosines = np.corrcoef(vectors.matrix[1:])
    assert cosines[0, 1] > 0.7
    assert np.abs(cosines[0, 2:]).max() < 0.5
    again = glove.sample(words[::-1], 50).matrix[::-1]
    np.testing.assert_array_equal(again, vectors.matrix)
