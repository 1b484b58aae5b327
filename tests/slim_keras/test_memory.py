"""What the forward pass keeps for the backward pass, counted from outside."""

import pytest

from tests.slim_keras import oracle, support
from tests.slim_keras.support import BACKEND, BATCH


def kept(layer, steps, features, rng):
    """Numbers kept between the passes."""
    x = support.floats(rng, BATCH, steps, features)
    count = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]
    return count(layer, x)


def _tensorflow(layer, x):
    """What goes into the compiled backward pass."""
    import tensorflow as tf

    @tf.function
    def handed(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True))
        tape.gradient(loss, [w.value for w in layer.trainable_weights])
        operations = loss.graph.get_operations()
        _, *later = (op for op in operations if "PartitionedCall" in op.type)
        arrays = {y.name: y for op in later for y in op.inputs}
        return sum(tf.size(y) for y in arrays.values())

    return int(handed(tf.constant(x)))


def _jax(layer, x):
    """The arrays that JAX holds in the function that pulls gradients back."""
    import jax

    weights = [w.value for w in layer.trainable_weights]
    fixed = [w.value for w in layer.non_trainable_variables]
    _, pull = jax.vjp(
        lambda w, x: layer.stateless_call(w, fixed, x)[0], weights, support.tensor(x)
    )
    return sum({id(a): a.size for a in jax.tree.leaves(pull)}.values())


def _torch(layer, x):
    """The storages that PyTorch saves."""
    import torch

    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = (storage.nbytes() // 4, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(torch.tensor(x, requires_grad=True))
    return sum(size for size, _ in saved.values())


# With and without matrices, vectors, gates.
@pytest.mark.parametrize("key", ["lstm", "lstm3", "lstm5a", "lstm_c6"])
def test_at_most_c_and_h_beyond_the_input_product(key, rng):
    """So no gate: with u units a step keeps 2 u more than x and W x."""
    units, features = 8, 3
    layer = support.make(key, rng, units=units, features=features)
    short, long = (kept(layer, steps, features, rng) for steps in (10, 30))
    seen = len(oracle.VARIANTS[key][1])
    per_step = (long - short) / (20 * BATCH)
    assert per_step <= features + seen * units + 2 * units
    assert per_step >= units  # c or h at least, else this counts nothing


@pytest.mark.skipif(BACKEND != "tensorflow", reason="others know if a tape watches")
@pytest.mark.parametrize("training", [False, True])
def test_inference_stacks_nothing_for_a_gradient(training, rng):
    import tensorflow as tf

    layer = support.make("lstm1", rng, features=3)
    function = tf.function(lambda x: layer(x, training=training))
    graph = function.get_concrete_function(tf.zeros((BATCH, 9, 3))).graph
    (call,) = [op for op in graph.get_operations() if "PartitionedCall" in op.type]
    stacks = [y for y in call.outputs if y.shape.rank == 3]
    assert bool(stacks) is training


@pytest.mark.skipif(BACKEND != "jax", reason="JAX tells what its programs take")
def test_gates_take_the_place_of_their_products(rng):
    """A training pass has four gates, c and four gradients of each unit and step."""
    import jax

    units, features = 64, 3
    layer = support.make("indylstm", rng, units=units, features=features, engine="scan")
    weights = [w.value for w in layer.trainable_weights]
    fixed = [w.value for w in layer.non_trainable_variables]

    @jax.jit
    @jax.grad
    def gradients(weights, x):
        return layer.stateless_call(weights, fixed, x)[0].sum()

    def numbers(steps):
        x = jax.ShapeDtypeStruct((BATCH, steps, features), "float32")
        program = gradients.lower(weights, x).compile()
        return program.memory_analysis().temp_size_in_bytes / 4

    per_step = (numbers(600) - numbers(300)) / (300 * BATCH * units)
    assert 5 < per_step < 9.5
