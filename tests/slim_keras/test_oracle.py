"""Every variant against the papers' equations: values, states, all gradients."""

import pytest

from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS

CASES = {
    "plain": {"return_sequences": True},
    "last": {"zero_output_for_mask": True},
    "everything": {"return_sequences": True, "go_backwards": True},
}


# The variants differ in their step, which is the same in every case and in Keras' own
# loop, where `test_import` runs all of them.
OURS = ("scan", "kernel")
FEW = support.runs("lstm", "lstm5a", "lstm_c6", engines=OURS)
RUNS = [
    *((*run, "everything") for run in support.runs(*support.KEYS, engines=OURS)),
    *((*run, "plain") for run in FEW),
    *((*run, "last") for run in support.runs("lstm_c6", engines=OURS)),
    *(("loop", key, "everything") for key in ("lstm", "lstm5a", "indrnn")),
]


@pytest.mark.parametrize(("engine", "key", "case"), RUNS)
def test_values_states_and_gradients(key, case, engine, rng):
    layer = support.make(key, rng, return_state=True, engine=engine, **CASES[case])
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    states = mask = None
    if case != "plain":
        states, mask = support.states(layer, rng), support.mask(rng)
    # Gradients may be asked for in inference too.
    training = case != "last"
    dy = support.slopes(layer, rng)
    support.is_the_oracle(layer, x, dy, states, mask, training=training)
