"""A model that reads: CTC on sequences of different lengths, and its error rate.

Keras' CTC loss counts all steps of a batch. So in padded steps the model says "blank"
with certainty, which adds nothing to the loss, to its gradient or to a text.

TensorFlow decodes on every backend: Keras' beam search on JAX and PyTorch takes minutes
where TensorFlow's takes seconds.
"""

import keras
import numpy as np
from keras import layers, ops
from rapidfuzz.distance import Levenshtein

BLANK = 0  # as in Keras' loss; it also pads the texts
BEAM_WIDTH = 10
_CERTAIN = 100.0  # exp(-100) is nothing beside 1 in float32


class BlankPadding(layers.Layer):
    """Makes every masked step of the logits a blank, and ends the mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return inputs
        blank = ops.one_hot(BLANK, inputs.shape[-1], dtype=inputs.dtype) * _CERTAIN
        return ops.where(mask[..., None], inputs, blank)

    def compute_mask(self, inputs, previous_mask):
        return None


class Recogniser(keras.Sequential):
    """Logits of CTC for every step; `evaluate` gives its loss and error rate."""

    def evaluate(self, x, y, batch_size=None, **kwargs):
        """The loss, and the character error rate (CER) of greedy decoding.

        Args:
            x: Steps, padded with zeros.
            y: Labels, padded with `BLANK`.
            batch_size: Words in a step.
            kwargs: Arguments of Keras; the result is always a dictionary.
        """
        kwargs["return_dict"] = True
        figures = super().evaluate(x, y, batch_size=batch_size, **kwargs)
        return figures | {"cer": error_rate(y, self.read(x, "greedy", batch_size))}

    def read(self, x, strategy, batch_size):
        """The most likely texts, a list of labels for every word.

        Args:
            x: Steps, padded with zeros.
            strategy: `"greedy"` or `"beam_search"`.
            batch_size: Words in a step.
        """
        logits = self.predict(x, batch_size=batch_size, verbose=0)
        steps = x.any(axis=-1).sum(axis=-1).astype("int32")
        return decode(logits, steps, strategy)


def decode(logits, steps, strategy):
    """The most likely texts.

    Args:
        logits: Of every step, `(words, steps, labels)`.
        steps: The steps of each word.
        strategy: `"greedy"`, the most likely label of each step, or `"beam_search"`.

    Returns:
        A list of labels for every word.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        # TensorFlow's blank is the last label.
        by_step = np.roll(logits, -1, axis=-1).swapaxes(0, 1)
        if strategy == "greedy":
            (found,), _ = tf.nn.ctc_greedy_decoder(by_step, steps)
        else:
            (found,), _ = tf.nn.ctc_beam_search_decoder(by_step, steps, BEAM_WIDTH)
        rows = tf.sparse.to_dense(found, default_value=-1).numpy()
    return [(row[row >= 0] + 1).tolist() for row in rows]


def error_rate(y, texts):
    """The character error rate: edits from the texts to the labels, per label.

    Args:
        y: Labels, padded with `BLANK`.
        texts: A list of labels for each.
    """
    edits = sum(
        Levenshtein.distance(row[row != BLANK].tolist(), text)
        for row, text in zip(y, texts, strict=True)
    )
    return edits / int((y != BLANK).sum())
