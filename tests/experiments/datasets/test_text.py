"""Tokenising, ranking, encoding and padding, against slow independent versions."""

import keras
import numpy as np
from hypothesis import given, strategies as st

from experiments.datasets import text

WORDS = st.sampled_from(["the", "a", "film", "don't", "é", "1999", "br"])
TEXTS = st.lists(WORDS, min_size=1).map(" ".join)


def slow_words(raw):
    """One character at a time, from the description of Keras' tokenizer."""
    found, word = [], ""
    for character in raw.lower() + " ":
        if character in ' !"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n':
            if word:
                found.append(word)
            word = ""
        else:
            word += character
    return found


@given(st.text())
def test_words_are_cut_as_keras_cuts_them(raw):
    assert text.normalise(raw) == " ".join(slow_words(raw))


def test_what_keras_keeps_inside_a_word():
    raw = "Don't STOP,\tI've-seen it<br />it's 10/10 a\u00a0b"
    expected = "don't stop i've seen it br it's 10 10 a\u00a0b"
    assert text.normalise(raw) == expected


@given(st.lists(TEXTS, min_size=1))
def test_ranks_follow_frequency_and_then_the_alphabet(texts):
    ranks = text.rank_words(texts)
    every = " ".join(texts).split()
    assert sorted(ranks.values()) == list(range(1, len(set(every)) + 1))
    for one in ranks:
        for other in ranks:
            if every.count(one) > every.count(other):
                assert ranks[one] < ranks[other]
            elif every.count(one) == every.count(other):
                assert (ranks[one] < ranks[other]) == (one < other)
    assert text.rank_words(reversed(texts)) == ranks


def test_a_text_without_words_has_no_rank():
    assert text.rank_words(["", "b a", "", "b"]) == {"b": 1, "a": 2}


def test_a_vocabulary_begins_with_padding_and_is_cut():
    texts = ["c b a", "", "c b", "c"]
    assert text.vocabulary(texts, 9) == ("", "c", "b", "a")
    assert text.vocabulary(texts, 3) == ("", "c", "b")


@given(TEXTS, st.lists(WORDS, unique=True), st.integers(5, 12))
def test_numbers_are_those_of_keras_datasets(review, known, num_words):
    ranks = {word: rank for rank, word in enumerate(known, start=1)}
    # keras.datasets.imdb.load_data: start_char=1, oov_char=2, index_from=3.
    expected = [1]
    for word in review.split():
        number = ranks[word] + 3 if word in ranks else num_words
        expected.append(number if number < num_words else 2)
    assert text.encode(review, ranks, num_words) == expected


@given(st.lists(st.lists(st.integers(1, 99)), min_size=1), st.integers(1, 9))
def test_rows_are_padded_and_cut_in_front(rows, length):
    padded = text.pad(rows, length)
    expected = keras.utils.pad_sequences(rows, length, padding="pre", truncating="pre")
    assert padded.dtype == np.int32
    np.testing.assert_array_equal(padded, expected)


EXAMPLES = st.lists(st.tuples(TEXTS, st.integers(0, 1)), min_size=1)


@given(EXAMPLES, EXAMPLES, st.randoms())
def test_arrays_do_not_depend_on_the_order_of_the_source(train, test, rng):
    arrays = text.to_arrays(train, test, num_words=8, length=6)
    rng.shuffle(train)
    rng.shuffle(test)
    again = text.to_arrays(train, test, num_words=8, length=6)
    for one, other in zip(arrays, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_row_keeps_its_label():
    train = [(f"w{n % 7} w{n % 5} w{n % 3}", n % 2) for n in range(60)]
    x_train, y_train, x_test, y_test = text.to_arrays(train, train[:9], 99, 4)
    ranks = text.rank_words(t for t, _ in train)
    names = {rank + 3: word for word, rank in ranks.items()}
    for x, y, source in ((x_train, y_train, train), (x_test, y_test, train[:9])):
        decoded = [" ".join(names[n] for n in row[1:]) for row in x.tolist()]
        assert sorted(zip(decoded, y.tolist(), strict=True)) == sorted(source)
        assert (x[:, 0] == 1).all()
        assert y.dtype == np.int32


def test_the_vocabulary_is_that_of_the_training_texts():
    _, _, x_test, _ = text.to_arrays([("seen", 0)], [("seen unseen", 0)], 99, 3)
    assert x_test.tolist() == [[1, 4, 2]]


def test_labels_come_mixed():
    train = [(f"word{n}", int(n >= 500)) for n in range(1000)]
    _, y_train, _, _ = text.to_arrays(train, train, 99, 4)
    # 100 draws from two equal halves: five standard deviations are 25.
    assert abs(y_train[:100].sum() - 50) < 25
