"""The confusion matrix of a classifier, and the scores computed from it.

C[i, j] counts the examples of class i that the model takes for class j. Class k has

    sensitivity             C[k, k] / sum_j C[k, j]     the part of its examples found
    positive predictivity   C[k, k] / sum_i C[i, k]     the part of the finds in class k
    F1                      the harmonic mean of both, 0 where nothing is right

and macro F1 is the mean over the classes. Negative labels are ignored.
"""

import keras
from keras import ops


class MacroF1(keras.metrics.Metric):
    """The macro F1 of all examples so far; `counts` is the matrix C."""

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.counts = self.add_variable((classes, classes), "zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.counts.assign_add(matrix(y_true, y_pred))

    def result(self):
        right = ops.diagonal(self.counts)
        both = ops.sum(self.counts, 0) + ops.sum(self.counts, 1)
        return ops.mean(2 * right / ops.maximum(both, 1))


def matrix(y_true, y_pred):
    """The matrix C.

    Args:
        y_true: Labels `(...,)`.
        y_pred: Logits or probabilities `(..., classes)`.
    """
    classes = y_pred.shape[-1]
    taken = ops.argmax(y_pred, -1)
    # The row of a negative label is all zeros.
    due, taken = (
        ops.reshape(ops.one_hot(ops.cast(each, "int32"), classes), (-1, classes))
        for each in (y_true, taken)
    )
    return ops.matmul(ops.transpose(due), taken)


def scores(counts, labels):
    """The scores of each class, for a row.

    Returns:
        The entries `sensitivity` and `positive_predictivity` by class, and the matrix
        as `confusion`. A score is `None` where no example has or gets the class.
    """

    counts = ops.convert_to_numpy(counts).astype(int)

    def parts(totals):
        pairs = zip(labels, counts.diagonal(), totals, strict=True)
        return {name: float(r / n) if n else None for name, r, n in pairs}

    return {
        "sensitivity": parts(counts.sum(axis=1)),
        "positive_predictivity": parts(counts.sum(axis=0)),
        "confusion": counts.tolist(),
    }
