"""Which masks a layer accepts, and what it says to others."""

import numpy as np
import pytest

from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, BATCH, FEATURES, STEPS

FORMS = {
    "integers": lambda mask: mask.astype("int32"),
    "column": lambda mask: mask[:, :, None],
    "list": lambda mask: mask.tolist(),
    "row": lambda mask: mask[-1:],
}


# The layer makes one form of all, whatever engine takes it.
def test_forms_of_masks(rng):
    layer = support.make("indylstm", rng, return_sequences=True)
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    for name, form in FORMS.items():
        found = support.outputs(layer, x, mask=form(mask))
        wanted = np.repeat(mask[-1:], BATCH, axis=0) if name == "row" else mask
        support.close(found, support.expected(layer, x, mask=wanted))


WRONG = [(6, 3), (3, 8), (18,), (3, 1), (1, 1), (2, 6), (3, 6, 2), (6, 3, 1), (1, 3, 6)]


def test_other_shapes_are_refused(rng):
    layer = support.make("lstm_c6", rng)
    x = support.tensor(support.floats(rng, BATCH, STEPS, FEATURES))
    message = r"`mask` must .* = \(3, 6\), \(1, 6\) or \(3, 6, 1\)\. Received"
    for shape in WRONG:
        with pytest.raises(ValueError, match=message):
            layer(x, mask=support.tensor(np.ones(shape, bool)))


@pytest.mark.parametrize("engine", ["scan", "loop"])
@pytest.mark.skipif(BACKEND != "tensorflow", reason="the others know all sizes")
def test_also_where_only_a_run_knows_the_sizes(engine, rng):
    import tensorflow as tf

    layer = support.make("lstm_c6", rng, engine=engine)
    sizes = tf.TensorSpec((None, None, FEATURES)), tf.TensorSpec((None, None), "bool")
    run = tf.function(lambda x, mask: layer(x, mask=mask), input_signature=sizes)
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    for given in mask, mask[-1:]:
        wanted = support.expected(layer, x, mask=given.repeat(BATCH // len(given), 0))
        support.close(support.arrays(run(x, given)), wanted)
    for wrong in mask[:, 1:], mask[:, :1], np.repeat(mask, 2, axis=1), mask.T:
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(x, wrong)
