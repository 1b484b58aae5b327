"""A model that reads: CTC on sequences of different lengths, and its error rate.

Keras' CTC loss reckons with all steps of a batch. So in the padded ones the model says
"blank" with certainty, which adds nothing to the loss, to its gradient or to a text.
"""

import keras
from keras import layers, ops
from rapidfuzz.distance import Levenshtein

BLANK = 0  # as Keras' loss has it; it pads the texts too
BEAM_WIDTH = 10
_CERTAIN = 100.0  # exp(-100) is nothing beside 1 in float32


class BlankPadding(layers.Layer):
    """Logits in which every masked step is a blank; the mask ends here."""

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
        """The loss, and the character error rate of greedy decoding.

        Args:
            x: Steps, padded with zeros.
            y: Labels, padded with `BLANK`.
            batch_size: Words in a step.
            kwargs: As Keras has them; the result is always a dictionary.
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
        texts = []
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            found, _ = ops.ctc_decode(
                logits[part],
                steps[part],
                strategy,
                beam_width=BEAM_WIDTH,
                mask_index=BLANK,
            )
            texts += [row[row >= 0].tolist() for row in ops.convert_to_numpy(found[0])]
        return texts


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
