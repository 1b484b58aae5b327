"""That the scan engine really runs, compiled, wherever a layer is used."""

import dataclasses
import importlib.util
import re
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import engine
from slim_keras.engine import resolve
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, BATCH, FEATURES, STEPS, UNITS

needs_jit = pytest.mark.skipif(
    BACKEND == "torch",
    reason="PyTorch runs eagerly; torch.compile needs a C++ compiler",
)
needs_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="only TensorFlow has functions that XLA leaves out"
)


@pytest.fixture
def counts(monkeypatch):
    """How often each engine was entered."""
    counts = {"scan": 0, "loop": 0}

    def spied(name, function):
        def spy(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return spy

    monkeypatch.setattr(engine, "run", spied("scan", engine.run))
    loop = spied("loop", keras.layers.RNN.inner_loop)
    monkeypatch.setattr(keras.layers.RNN, "inner_loop", loop)
    return counts


@pytest.fixture
def data(rng):
    return support.floats(rng, BATCH, STEPS, FEATURES), support.floats(
        rng, BATCH, UNITS
    )


def test_the_choice():
    for requested, unroll, chosen in (
        ("auto", False, support.AUTO),
        ("auto", True, "loop"),
        ("auto", 1, "scan"),
        ("scan", False, "scan"),
        ("loop", False, "loop"),
        ("loop", True, "loop"),
    ):
        layer = slim_keras.LSTM6(3, engine=requested, unroll=unroll)
        assert layer.resolved_engine is engine.Engine(chosen)
        assert layer.engine == requested


def chosen(key, backend, platform, requested="auto", **arguments):
    cell = slim_keras.get(key)(**{"units": 3} | arguments).cell
    request = engine.parse(requested)
    return engine.resolved(request, cell, backend=backend, platform=platform)


@pytest.fixture
def compilers(monkeypatch):
    """The compilers of kernels, here or not: the choice only asks for them."""
    monkeypatch.setattr(resolve, "installed", lambda module: True)
    monkeypatch.setitem(sys.modules, "triton", sys.modules.get("triton"))


def by_twos(x):
    """Cannot be tried on two units."""
    pairs = keras.ops.reshape(x, (-1, 2, 2))
    return keras.ops.reshape(keras.ops.softmax(pairs), (-1, 4))


def test_the_choice_by_backend_and_platform(compilers, gpu_to_lower_for):
    assert chosen("indrnn", "tensorflow", "gpu") == "scan"
    assert chosen("indrnn", "jax", "cpu") == "scan"
    assert chosen("indrnn", "torch", "gpu") == "kernel"
    assert chosen("indrnn", "torch", "mps") == "scan"
    assert chosen("lstm", "torch", "cpu") == "kernel"
    assert chosen("lstm", "torch", "cpu", activation="gelu") == "scan"
    assert chosen("indrnn", "numpy", "cpu") == "loop"
    assert chosen("lstm", "torch", "gpu") == "kernel"
    for platform in "gpu", "tpu":
        assert chosen("lstm", "jax", platform) == "scan"
        expected = {"gpu": "kernel", "tpu": "scan"}[platform]
        if BACKEND == "jax":  # which looks at the activations
            assert chosen("lstm6", "jax", platform) == "scan"
            assert chosen("indrnn", "jax", platform) == "kernel"
            for unfit in "softmax", "gelu", by_twos:
                assert chosen("indrnn", "jax", platform, activation=unfit) == "scan"
            soft = chosen("indylstm", "jax", platform, recurrent_activation="softmax")
            assert soft == "scan"
            assert chosen("indrnn", "jax", platform, activation="selu") == expected


@pytest.mark.skipif(BACKEND != "jax", reason="JAX' setting")
def test_a_kernel_follows_the_precision_of_products(compilers, gpu_to_lower_for):
    import jax

    assert chosen("lstm6", "jax", "gpu", "kernel") == "kernel"
    with jax.default_matmul_precision("tensorfloat32"):
        assert chosen("lstm6", "jax", "gpu", "kernel") == "kernel"
    # Pallas would take the last for one product in bfloat16.
    for exact in "highest", "F32_F32_F32", "BF16_BF16_F32_X9":
        with jax.default_matmul_precision(exact):
            with pytest.raises(ValueError, match="multiplies matrices in TF32"):
                chosen("lstm6", "jax", "gpu", "kernel")
            assert chosen("indrnn", "jax", "gpu") == "kernel"


@pytest.mark.skipif(BACKEND != "jax", reason="JAX compiles Triton for newer ones alone")
@pytest.mark.parametrize(
    ("capability", "expected"), [("7.5", "scan"), ("12.0", "kernel")]
)
def test_an_old_gpu_has_no_kernel(capability, expected, monkeypatch, gpu_to_lower_for):
    import jax

    device = SimpleNamespace(device_kind="Tesla", compute_capability=capability)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda *_: [device])
    assert chosen("indrnn", "jax", None) == expected
    if expected == "scan":
        with pytest.raises(
            ValueError, match=r"8\.0 or higher on JAX\. Received: Tesla, 7\.5"
        ):
            chosen("indrnn", "jax", None, "kernel")


@pytest.mark.skipif(BACKEND != "jax", reason="JAX alone has several devices here")
@pytest.mark.parametrize(("devices", "expected"), [(1, "kernel"), (2, "scan")])
def test_several_devices_share_no_kernel(
    devices, expected, monkeypatch, gpu_to_lower_for
):
    import jax

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    assert chosen("indrnn", "jax", None) == expected


@pytest.mark.parametrize(
    ("backend", "platform", "needed"),
    [
        ("jax", "gpu", r"needs jax\.experimental\.pallas\.triton"),
        ("torch", "cpu", r"needs numba on PyTorch: .* the extra \[kernel\]"),
        ("torch", "gpu", r"needs triton on a GPU: .* the extra \[triton\]"),
    ],
)
def test_without_the_compiler_of_kernels(backend, platform, needed, monkeypatch):
    monkeypatch.setattr(resolve, "installed", lambda module: False)
    assert chosen("indrnn", backend, platform) == "scan"
    with pytest.raises(ValueError, match=needed):
        chosen("indrnn", backend, platform, "kernel")


@pytest.mark.parametrize("before", ["triton", "tensorflow"])
def test_triton_is_not_loaded_after_tensorflow(before, monkeypatch):
    monkeypatch.setattr(resolve, "installed", lambda module: True)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    if before == "triton":
        monkeypatch.setitem(sys.modules, "triton", None)
        assert chosen("indrnn", "torch", "gpu") == "kernel"
        return
    assert chosen("indrnn", "torch", "gpu") == "scan"
    with pytest.raises(ValueError, match="before tensorflow: import slim_keras first"):
        chosen("indrnn", "torch", "gpu", "kernel")


@pytest.mark.skipif(BACKEND != "torch", reason="asks PyTorch for its GPU")
def test_a_gpu_is_asked_for_its_room(compilers, monkeypatch):
    import torch

    monkeypatch.setattr(resolve, "platform_of", lambda cell, backend: "gpu")
    monkeypatch.setattr(resolve, "_start_error", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    layer = slim_keras.LSTM6(3, kernel_initializer=None)
    layer.build((None, STEPS, 3))
    assert layer.resolved_engine == "kernel"
    monkeypatch.setattr(torch.version, "hip", "7.0")  # where 9.0 is no H100
    assert layer.resolved_engine == "scan"
    assert slim_keras.IndRNN(3).resolved_engine == "kernel"


@pytest.mark.skipif(BACKEND != "torch", reason="Triton is PyTorch's")
def test_triton_that_does_not_start(compilers, monkeypatch):
    """As on a system without a C compiler."""
    driver = pytest.importorskip("triton.runtime").driver

    class Driver:
        def get_current_target(self):
            raise RuntimeError("Failed to find C compiler.\nAnd more.")

    monkeypatch.setattr(driver, "_active", Driver())
    monkeypatch.setattr(resolve, "platform_of", lambda cell, backend: "gpu")
    # Without the memory of it.
    monkeypatch.setattr(resolve, "_start_error", resolve._start_error.__wrapped__)
    assert slim_keras.IndRNN(3).resolved_engine == "scan"
    layer = slim_keras.IndRNN(3, engine="kernel")
    with pytest.raises(ValueError, match=r"Failed to find C compiler\. Choose"):
        layer.resolved_engine  # noqa: B018


def test_a_compiler_is_looked_for_once(monkeypatch):
    asked = []
    monkeypatch.setattr(importlib.util, "find_spec", asked.append)
    assert not any(resolve.installed("a_module_that_is_nowhere") for _ in range(3))
    assert len(asked) == 1


@pytest.mark.parametrize("key", ["lstm", "lstm6", "lstm10"])  # four matrices, one, none
def test_what_one_kernel_refuses(key, compilers, gpu_to_lower_for):
    for backend, platform, message in (
        ("tensorflow", "gpu", "serves the backends jax and torch.*'tensorflow'"),
        ("numpy", "cpu", "backend='numpy'"),
        ("torch", "mps", "serves PyTorch on CPUs and GPUs. Received: device='mps'"),
    ):
        with pytest.raises(ValueError, match=message):
            chosen(key, backend, platform, "kernel")
    with pytest.raises(ValueError, match=r"hard_sigmoid_keras2.*activation='softmax'"):
        chosen(key, "torch", "cpu", "kernel", activation="softmax")
    matrices = len(slim_keras.get(key).cell_class.variant.matrix_blocks)
    if matrices:
        with pytest.raises(ValueError, match=r"without a recurrent matrix: LSTM10,"):
            chosen(key, "jax", "tpu", "kernel")
        with pytest.raises(ValueError, match=r"serves on this GPU .* units=300"):
            chosen(key, "torch", "gpu", "kernel", units=300)
    if BACKEND == "jax":
        assert chosen(key, "jax", "gpu", "kernel") == "kernel"
        with pytest.raises(ValueError, match=r"elementwise.*activation='softmax'"):
            chosen(key, "jax", "gpu", "kernel", activation="softmax")
        with pytest.raises(ValueError, match=r"in a kernel\..*activation='gelu'"):
            chosen(key, "jax", "gpu", "kernel", activation="gelu")
        assert chosen(key, "jax", "cpu", "kernel", activation="gelu") == "kernel"


def test_the_name_in_files_of_earlier_versions():
    assert slim_keras.IndRNN(3, engine="pallas").engine == "kernel"


@pytest.mark.skipif(BACKEND != "jax", reason="one kernel is of JAX")
def test_a_kernel_holds_no_arrays(gpu_to_lower_for):
    half, four = keras.ops.convert_to_tensor([0.5, 0.2, 0.1]), keras.ops.ones((4,))
    for activation in (
        lambda x: keras.ops.minimum(x, half[0]),
        lambda x: x * four,
        lambda x: x * half,
    ):
        assert chosen("indrnn", "jax", "gpu", activation=activation) == "scan"
    plain = keras.layers.LeakyReLU(0.1)
    assert chosen("indrnn", "jax", "gpu", activation=plain) == "kernel"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("lstm11", "activation"),
        ("lstm3", "recurrent_activation"),  # of a bias, the same for all examples
    ],
)
def test_an_activation_with_weights_learns(key, name, data, rng, tmp_path):
    """In Keras' loop: a pass with a gradient of its own would not know its weights."""
    x, y = data
    make = slim_keras.get(key)
    layer = make(UNITS, **{name: keras.layers.PReLU("ones")})
    assert layer.resolved_engine == "loop"
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), layer])
    model.compile("sgd", "mse")
    start = support.randomise(layer, rng).get_weights()
    assert len(start) == 4
    model.fit(x, y, verbose=0)
    for before, after in zip(start, layer.get_weights(), strict=True):
        assert np.any(before != after)
    wanted = model.predict(x, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    again = make(UNITS, **{name: keras.layers.PReLU("zeros")})
    fresh = keras.Sequential([keras.Input((STEPS, FEATURES)), again])
    fresh.load_weights(tmp_path / "model.weights.h5")
    support.close(fresh.predict(x, verbose=0), wanted, atol=0)
    shared = keras.layers.PReLU("zeros")
    for _ in range(2):  # built once, however many layers have it
        make(UNITS, **{name: shared}).build((None, STEPS, FEATURES))
    assert len(shared.weights) == 1
    for arguments in {"engine": "scan"}, {"unroll": 4}:
        layer = make(UNITS, **{name: keras.layers.PReLU()}, **arguments)
        with pytest.raises(ValueError, match=f"`{name}` must be a function.*'loop'"):
            layer(support.tensor(x))


def test_an_activation_without_weights_is_a_function(data, rng):
    leaky = keras.layers.LeakyReLU(0.3)
    layer = support.make("indrnn", rng, activation=leaky)
    assert layer.resolved_engine == "scan"
    wanted = support.twin(layer, activation=lambda x: keras.ops.leaky_relu(x, 0.3))
    support.close(support.outputs(layer, data[0]), support.outputs(wanted, data[0]))


@dataclasses.dataclass
class Swish:
    """Has no hash, as it can be compared and changed."""

    beta: float

    def __call__(self, x):
        return x * keras.ops.sigmoid(self.beta * x)


def test_an_activation_without_a_hash(data, rng):
    for beta in 0.5, 2.0:
        activation = Swish(beta)
        layer = support.make("lstm6", rng, activation=activation)
        assert layer.resolved_engine == "scan"
        function = support.make("lstm6", rng, activation=lambda x, f=activation: f(x))
        function.set_weights(layer.get_weights())
        wanted = support.outputs(function, data[0])
        support.close(support.outputs(layer, data[0]), wanted)


@pytest.mark.parametrize(
    ("key", "shape"), [("lstm_c6", abs), ("lstm5a", keras.ops.sin)]
)
def test_second_order(key, shape, data, rng):
    """Right or refused, whether or not the upstream gradient has one of its own."""
    layer = support.make(key, rng, activation="sigmoid", return_sequences=True)
    loop = support.twin(layer, engine="loop")
    x = data[0]
    wanted = squared_slope(loop, shape, x)
    if BACKEND == "jax":
        support.close(squared_slope(layer, shape, x), wanted)
        return
    refusal = LookupError if BACKEND == "tensorflow" else NotImplementedError
    with pytest.raises(refusal, match=r"second derivative.*engine='loop'"):
        squared_slope(layer, shape, x)


def squared_slope(layer, shape, x):
    """The gradient by the kernel of the squared gradient by the input."""
    kernel = layer.cell.kernel
    if BACKEND == "jax":
        import jax

        fixed = [w.value for w in layer.trainable_variables[1:]]
        state = [w.value for w in layer.non_trainable_variables]

        def energy(kernel):
            def total(x):
                y = layer.stateless_call([kernel, *fixed], state, x, training=True)[0]
                return shape(y).sum()

            return (jax.grad(total)(x) ** 2).sum()

        return support.arrays(jax.jit(jax.grad(energy))(kernel.value))
    if BACKEND == "torch":
        import torch

        given = torch.tensor(x, requires_grad=True)
        total = shape(layer(given, training=True)).sum()
        (slope,) = torch.autograd.grad(total, given, create_graph=True)
        return support.arrays(torch.autograd.grad((slope**2).sum(), kernel.value))
    import tensorflow as tf

    given = tf.constant(x)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(given)
            total = tf.reduce_sum(shape(layer(given, training=True)))
        energy = tf.reduce_sum(inner.gradient(total, given) ** 2)
    return support.arrays(outer.gradient(energy, kernel.value))


def test_the_scan_engine_runs(counts, data):
    x, y = data
    masked = np.where(np.arange(STEPS)[None, :, None] < 2, 0, x)
    layer = slim_keras.LSTM6(UNITS)
    model = keras.Sequential(
        [keras.Input((None, FEATURES)), keras.layers.Masking(), layer]
    )
    model.compile("sgd", "mse")
    for use in (
        lambda: layer(support.tensor(x)),
        lambda: layer(support.tensor(x), training=True),
        lambda: model.predict(masked, verbose=0),
        lambda: model.fit(masked, y, verbose=0),
        lambda: model.evaluate(masked, y, verbose=0),
        lambda: keras.layers.Bidirectional(slim_keras.LSTM6(UNITS))(support.tensor(x)),
    ):
        before = counts["scan"]
        use()
        assert counts["scan"] > before
    assert counts["loop"] == 0


@pytest.mark.parametrize("arguments", [{"engine": "loop"}, {"unroll": True}])
def test_the_loop_runs(arguments, counts, data, rng):
    layer = support.make("lstm5", rng, return_sequences=True, **arguments)
    support.close(support.outputs(layer, data[0]), support.expected(layer, data[0]))
    assert counts == {"scan": 0, "loop": 1}


def test_the_choice_of_steps_at_once():
    def chosen(unroll, backend, platform, key="lstm3"):
        cell = slim_keras.get(key)(UNITS).cell
        request = engine.parse("auto", unroll)
        return engine.steps_at_once(request, cell, backend=backend, platform=platform)

    assert chosen(False, "jax", "gpu") == 8
    assert chosen(4, "jax", "gpu") == chosen(4, "jax", "cpu") == 4
    assert chosen(1, "jax", "gpu") == 1
    assert chosen(False, "jax", "gpu", "indylstm") == 1
    assert chosen(False, "tensorflow", "gpu") == 8
    for backend, platform in ("jax", "cpu"), ("jax", "tpu"), ("torch", "gpu"):
        assert chosen(False, backend, platform) == 1


def steps_at_once(layer, x):
    """How many steps the loops of a layer take at once, there and back."""
    import jax

    jaxpr = jax.make_jaxpr(jax.grad(lambda x: layer(x).sum()))(x)
    return [int(n) for n in re.findall(r"unroll=(\d+)", str(jaxpr))]


def spied_loops(monkeypatch):
    """How many turns the loops of TensorFlow take at most, from now on."""
    import tensorflow as tf

    turns, loop = [], tf.while_loop

    def spy(*args, maximum_iterations):
        turns.append(maximum_iterations)
        return loop(*args, maximum_iterations=maximum_iterations)

    monkeypatch.setattr(tf, "while_loop", spy)
    return turns


def test_a_scan_takes_as_many_steps_at_once_as_the_platform_likes(
    data, rng, monkeypatch
):
    monkeypatch.setattr(resolve, "_AT_ONCE", {"cpu": 3})
    layer, x = support.make("lstm2", rng, return_sequences=True), data[0]
    support.close(support.outputs(layer, x), support.expected(layer, x))
    assert layer.resolved_unroll == (1 if BACKEND == "torch" else 3)
    if BACKEND == "jax":
        assert steps_at_once(layer, support.tensor(x)) == [3, 3]


def test_one_step_at_once_serves_every_backend(counts, data, rng):
    layer, x = support.make("lstm6", rng, return_sequences=True, unroll=1), data[0]
    assert layer.resolved_engine == "scan"
    support.close(support.outputs(layer, x), support.expected(layer, x))
    assert counts == {"scan": 1, "loop": 0}
    with pytest.raises(ValueError, match="`engine='scan'` serves the backends"):
        engine.resolved(engine.parse("auto", 1), layer.cell, backend="numpy")


def test_several_steps_at_once(data, rng, monkeypatch):
    if BACKEND == "torch":
        layer = slim_keras.LSTM_C6(UNITS, unroll=2)  # as a file may have it
        with pytest.raises(ValueError, match="serves the backends jax, tensorflow"):
            layer(support.tensor(data[0]))
        return
    x, dy = data[0], [support.floats(rng, BATCH, STEPS, UNITS)]
    layer = support.make("lstm_c6", rng, return_sequences=True, unroll=4)
    assert STEPS % 4  # some are left over
    assert layer.resolved_engine == "scan"
    if BACKEND == "jax":
        assert steps_at_once(layer, support.tensor(x)) == [4, 4]
        assert steps_at_once(support.twin(layer, unroll=1), support.tensor(x)) == [1, 1]
    else:
        turns = spied_loops(monkeypatch)
    support.close(support.outputs(layer, x), support.expected(layer, x))
    mask = support.tensor(support.mask(rng, BATCH, STEPS))
    found = support.gradients(layer, x, dy, mask=mask, training=True)
    if BACKEND == "tensorflow":  # by fours, and the rest one by one: there and back
        assert turns == 3 * [STEPS // 4, STEPS]
    once = support.twin(layer, unroll=False)
    wanted = support.gradients(once, x, dy, mask=mask, training=True)
    for a, b in zip(found, wanted, strict=True):
        support.close(a, b)


@needs_jit
def test_jit_and_eager_agree(data, rng):
    layer = support.make("lstm4a", rng, return_sequences=True)
    x = support.tensor(data[0])
    if BACKEND == "jax":
        import jax

        functions = [jax.jit(layer)]
    else:
        import tensorflow as tf

        functions = [tf.function(layer), tf.function(layer, jit_compile=True)]
    wanted = support.expected(layer, data[0])
    for function in (layer, *functions):
        support.close(support.arrays(function(x)), wanted)


# "auto" is true but on PyTorch, where it is eager.
@pytest.mark.parametrize(
    ("jit_compile", "eagerly"), [("auto", False), (False, False), (False, True)]
)
def test_training_is_the_same_in_every_mode(jit_compile, eagerly, data, rng):
    if BACKEND != "tensorflow" and jit_compile is eagerly:
        pytest.skip("TensorFlow alone has graphs without XLA")
    x, y = data
    layer = support.make("lstm10", rng)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), layer])
    start = layer.get_weights()
    dy = 2 * (support.expected(layer, x)[0] - y) / y.size
    gradients = support.expected_gradients(layer, x, [dy])
    model.compile(
        keras.optimizers.SGD(0.5), "mse", jit_compile=jit_compile, run_eagerly=eagerly
    )
    model.fit(x, y, verbose=0)
    wanted = [w - 0.5 * g for w, g in zip(start, gradients, strict=False)]
    support.close(layer.get_weights(), wanted)


def test_the_layers_never_turn_compilation_off():
    """Keras would warn, which is an error here, and set False."""
    layer = slim_keras.LSTM6(UNITS)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), layer])
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile is True
    assert layer.supports_jit
    assert layer.cell.supports_jit


@needs_tensorflow
def test_layers_side_by_side_are_no_retraced_function(data, monkeypatch):
    import tensorflow as tf

    said = []
    monkeypatch.setattr(tf.get_logger(), "warning", lambda text, *_: said.append(text))
    x = support.tensor(data[0])
    for units in range(1, 7):
        slim_keras.LSTM_C6(units)(x)
    assert not said


@needs_tensorflow
@pytest.mark.parametrize("order", [("eager", "graph"), ("graph", "eager")])
def test_eager_and_graph_in_one_process(order, data, rng):
    import tensorflow as tf

    def tanh(x):  # a new function, so that no test before has compiled this pass
        return keras.ops.tanh(x)

    layer = support.make("lstm11", rng, activation=tanh)
    weights = [w.value for w in layer.trainable_weights]

    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x))
        return tape.gradient(loss, weights)

    wanted = support.expected_gradients(layer, data[0], [np.ones((BATCH, UNITS))])
    for mode in order:
        function = gradients if mode == "eager" else tf.function(gradients)
        support.close(support.arrays(function(support.tensor(data[0]))), wanted[:-1])


@needs_tensorflow
def test_both_passes_are_compiled_in_a_model_that_is_not(data, rng):
    import tensorflow as tf

    layer = support.make("lstm11", rng)

    @tf.function
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    graph = train.get_concrete_function(support.tensor(data[0])).graph
    calls = [op for op in graph.get_operations() if "PartitionedCall" in op.type]
    assert len(calls) >= 2
    assert all(op.get_attr("_XlaMustCompile") for op in calls)
    # No loop is left outside them.
    assert not [op for op in graph.get_operations() if "While" in op.type]


@needs_tensorflow
@pytest.mark.parametrize(("key", "training"), [("lstm", True), ("lstm_c6", False)])
def test_a_branch_of_a_condition(key, training, data, rng):
    """Which has its gradient in another function than its value."""
    import tensorflow as tf

    layer = support.make(key, rng)
    weights = [w.value for w in layer.trainable_weights]

    @tf.function
    def gradients(x):
        with tf.GradientTape() as tape:
            y = tf.cond(
                tf.size(x) > 0,
                lambda: layer(x, training=training),
                lambda: tf.zeros((BATCH, UNITS)),
            )
            loss = tf.reduce_sum(y)
        return tape.gradient(loss, weights)

    wanted = support.expected_gradients(layer, data[0], [np.ones((BATCH, UNITS))])
    support.close(support.arrays(gradients(support.tensor(data[0]))), wanted[:-1])


@needs_tensorflow
def test_nothing_is_known_of_the_input(data, rng):
    import tensorflow as tf

    layer = support.make("lstm6", rng, return_sequences=True)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None))])
    found = support.arrays(run(support.tensor(data[0])))
    support.close(found, support.expected(layer, data[0]))


@pytest.mark.skipif(BACKEND != "torch", reason="others fail in it with any layer")
@pytest.mark.parametrize("key", ["lstm", "lstm_c6"])
def test_a_forward_pass_that_is_made_again(key, data, rng):
    """Keras' way to save memory, which keeps a layer's inputs alone."""
    x, y = data
    plain = support.make(key, rng)
    with keras.RematScope(mode="full"):
        layer = support.twin(plain)
        remade = keras.Sequential([keras.Input((STEPS, FEATURES)), layer])
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), plain])
    for either in remade, model:
        either.compile("sgd", "mse")
        either.fit(x, y, verbose=0)
    support.close(remade.get_weights(), model.get_weights())


def test_without_gradients(data, rng, monkeypatch):
    """Inference keeps nothing for a backward pass, and gives the same."""
    kept, forward = [], engine.scan.forward

    def spy(*args, keep, **kwargs):
        kept.append(keep)
        return forward(*args, keep=keep, **kwargs)

    monkeypatch.setattr(engine.scan, "forward", spy)

    def tanh(x):  # a new function, so that no test before has compiled this pass
        return keras.ops.tanh(x)

    layer = support.make("lstm1", rng, return_state=True, activation=tanh)
    wanted = support.expected(layer, data[0])
    layer.trainable = False
    support.close(support.outputs(layer, data[0]), wanted)
    if BACKEND == "torch":
        import torch

        for mode in torch.no_grad, torch.inference_mode:
            with mode():
                y = layer(torch.tensor(data[0]))
            assert not any(a.requires_grad for a in y)
            support.close(support.arrays(y), wanted)
    assert kept
    assert not any(kept)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX' own")
def test_forward_mode(rng):
    """v (J w) = (v J) w, by Keras' loop; the other engines name it."""
    import jax

    layer = support.make("lstm", rng, engine="loop")
    x, w = (support.floats(rng, BATCH, STEPS, FEATURES) for _ in "xw")
    v = support.floats(rng, BATCH, UNITS)
    y, moved = jax.jvp(layer, (x,), (w,))
    *_, back = support.gradients(layer, x, [v])[1]
    support.close([np.array(y)], support.expected(layer, x))
    np.testing.assert_allclose(np.sum(v * moved), np.sum(back * w), rtol=1e-4)
    for engine_name in "scan", "auto":
        other = support.twin(layer, engine=engine_name)
        with pytest.raises(TypeError, match=r"forward mode.*engine='loop'"):
            jax.jvp(other, (x,), (w,))
