"""Any variant, shape, mask and setting: our engines are the oracle."""

import numpy as np
from hypothesis import Phase, given, settings, strategies as st

from tests.slim_keras import support
from tests.slim_keras.support import BACKEND

FLAGS = ("return_sequences", "go_backwards", "zero_output_for_mask")


@st.composite
def masks(draw):
    """Batch, steps, and a mask of that shape or none."""
    batch, steps = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    rows = st.lists(st.booleans(), min_size=steps, max_size=steps)
    mask = draw(st.none() | st.lists(rows, min_size=batch, max_size=batch))
    return batch, steps, None if mask is None else np.array(mask)


# Every example compiles a pass of its own, hence so few, and none to shrink one.
@settings(max_examples=30 if BACKEND == "torch" else 8, phases=[Phase.generate])
@given(
    run=st.sampled_from(support.runs(*support.KEYS, engines=("scan", "kernel"))),
    shape=masks(),
    features=st.integers(1, 3),
    units=st.integers(1, 4),
    flags=st.fixed_dictionaries(dict.fromkeys(FLAGS, st.booleans())),
    with_states=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_engines_are_the_oracle(
    run, shape, features, units, flags, with_states, training, seed
):
    engine, key = run
    batch, steps, mask = shape
    rng = np.random.default_rng(seed)
    layer = support.make(
        key,
        rng,
        units=units,
        features=features,
        return_state=True,
        engine=engine,
        **flags,
    )
    x = support.floats(rng, batch, steps, features)
    states = support.states(layer, rng, batch) if with_states else None
    dy = support.slopes(layer, rng, batch, steps)
    support.is_the_oracle(layer, x, dy, states, mask, training=training)
