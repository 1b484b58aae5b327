"""CTC against all its alignments, padding that changes nothing, and the error rate."""

import itertools

import keras
import numpy as np
import pytest

from experiments import handwriting
from experiments.core import ctc
from experiments.handwriting import Config, build, complete

CLASSES, STEPS = 4, 6


def collapsed(alignment):
    return [label for label, _ in itertools.groupby(alignment) if label != ctc.BLANK]


def alignments(logits):
    """The probability of each text, by its definition: a sum over all alignments."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    found = {}
    for alignment in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        text = tuple(collapsed(alignment))
        found[text] = found.get(text, 0) + np.prod(p[range(len(p)), alignment])
    return found


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    built = build(complete(Config(variant="lstm_c6", units=4, layers=2)), CLASSES)
    for weight in built.layers[-2].weights:  # more than the small first logits
        weight.assign(3 * np.random.default_rng(1).normal(size=weight.shape))
    return built


@pytest.fixture
def words():
    """Three words of different lengths, and what they say."""
    x = np.random.default_rng(2).normal(size=(3, STEPS, 4)).astype("float32")
    x[1, 4:] = x[2, 3:] = 0
    return x, np.array([[1, 1, 3], [2, 3, 0], [3, 0, 0]], "int32")


def wider(x):
    return np.pad(x, [(0, 0), (0, 3), (0, 0)])


def test_the_loss_is_that_of_the_steps_without_padding(model, words):
    x, y = words
    expected = []
    for row, text, steps in zip(x, y, (6, 4, 3), strict=True):
        logits = model.predict(row[None, :steps], verbose=0)[0]
        expected.append(-np.log(alignments(logits)[tuple(text[text > 0])]))
    for padded in (x, wider(x)):
        losses = keras.losses.ctc(y, model.predict(padded, verbose=0))
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(losses), expected, rtol=1e-4
        )
        figures = model.evaluate(padded, y, batch_size=2, verbose=0)
        assert figures["loss"] == pytest.approx(np.mean(expected), rel=1e-4)


def test_padding_changes_no_step_of_training(model, words):
    x, y = words
    start = model.get_weights()
    model.train_on_batch(x, y)
    trained = model.get_weights()
    assert not np.allclose(trained[0], start[0])
    model.set_weights(start)
    adam = keras.optimizers.Adam(Config().eta, clipnorm=handwriting.CLIP)
    model.compile(adam, model.loss)
    model.train_on_batch(wider(x), np.pad(y, [(0, 0), (0, 2)]))
    for found, expected in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("strategy", ["greedy", "beam_search"])
def test_reading(strategy, model, words, monkeypatch):
    monkeypatch.setattr(ctc, "BEAM_WIDTH", 200)  # so that it searches everything
    x, _ = words
    expected = []
    for row, steps in zip(x, (6, 4, 3), strict=True):
        logits = model.predict(row[None, :steps], verbose=0)[0]
        if strategy == "greedy":
            expected.append(collapsed(logits.argmax(axis=1)))
        else:
            texts = alignments(logits)
            expected.append(list(max(texts, key=texts.get)))
    assert any(expected)
    for padded in (x, wider(x)):
        assert model.read(padded, strategy, 2) == expected


def test_the_error_rate():
    y = np.array([[1, 2, 3, 0], [1, 1, 0, 0], [2, 0, 0, 0]])
    assert ctc.error_rate(y, [[1, 2, 3], [1, 1], [2]]) == 0
    assert ctc.error_rate(y, [[], [], []]) == 1
    # One replaced, one left out, two put in: 4 edits for 6 labels.
    assert ctc.error_rate(y, [[1, 5, 3], [1], [2, 2, 2]]) == pytest.approx(4 / 6)
    assert ctc.error_rate(y[:1], [[3, 1, 2, 3, 3]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("variant", ["lstm", "indylstm", "lstm_c6", "lstm11"])
def test_padding_changes_no_logit(variant, words):
    model = build(complete(Config(variant=variant, units=3)), CLASSES)
    x, _ = words
    logits = model.predict(x, verbose=0)
    found = model.predict(wider(x), verbose=0)
    np.testing.assert_allclose(found[:, :STEPS], logits, atol=1e-5)
    blank = [ctc._CERTAIN, 0, 0, 0]
    np.testing.assert_array_equal(found[:, STEPS:], np.tile(blank, (3, 3, 1)))
    np.testing.assert_array_equal(logits[2, 3:], [blank] * 3)
