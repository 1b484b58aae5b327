"""Confusion matrix and macro F1 against counting by hand."""

import keras
import numpy as np

from experiments.core import confusion

CLASSES = 3
RNG = np.random.default_rng(0)
Y = RNG.integers(-1, CLASSES, (8, 20)).astype("int8")
LOGITS = RNG.normal(size=(8, 20, CLASSES)).astype("float32")


def counted(y, logits):
    found = np.zeros((CLASSES, CLASSES), int)
    for true, said in zip(y.ravel(), logits.reshape(-1, CLASSES), strict=True):
        if true >= 0:
            found[true, said.argmax()] += 1
    return found


def test_macro_f1_over_batches_counts_what_is_labelled_only():
    metric = confusion.MacroF1(CLASSES)
    for part in (slice(0, 3), slice(3, 8)):
        metric.update_state(Y[part], LOGITS[part])
    found = counted(Y, LOGITS)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(metric.counts), found)
    each = []
    for k in range(CLASSES):
        sensitivity = found[k, k] / found[k].sum()
        predictivity = found[k, k] / found[:, k].sum()
        each.append(2 / (1 / sensitivity + 1 / predictivity))
    np.testing.assert_allclose(float(metric.result()), np.mean(each), rtol=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0  # and no division by zero


def test_scores_of_a_row():
    y = np.array([0, 0, 0, 1, 1, -1])
    logits = np.eye(CLASSES)[[0, 0, 1, 1, 0, 2]]
    assert confusion.scores(confusion.matrix(y, logits), "NSV") == {
        "sensitivity": {"N": 2 / 3, "S": 1 / 2, "V": None},
        "positive_predictivity": {"N": 2 / 3, "S": 1 / 2, "V": None},
        "confusion": [[2, 1, 0], [1, 1, 0], [0, 0, 0]],
    }
