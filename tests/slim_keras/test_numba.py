"""What is special about the kernel of numba: its source, its threads, its compiler.

Other tests run the same source in the interpreter, where the variable NUMBA_DISABLE_JIT
is set; these compile it.
"""

import concurrent.futures
import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

if BACKEND != "torch":
    pytest.skip("the kernel of numba is PyTorch's", allow_module_level=True)

import numba
import torch

if numba.config.DISABLE_JIT:
    pytest.skip("numba shall compile", allow_module_level=True)

from slim_keras.engine.kernels import compiler, maths, threads
from slim_keras.engine.kernels.product import pack, product

WIDE = 20  # units: a tile, and one that overlaps it


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_CACHE_DIR", str(tmp_path_factory.mktemp("kernels")))
        yield


@given(
    rows=st.integers(1, 9),
    units=st.integers(1, 40),
    blocks=st.integers(1, 4),
    transposed=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_product(rows, units, blocks, transposed, dtype):
    rng = np.random.default_rng(units)
    matrix = rng.normal(size=(units, blocks * units)).astype(dtype)
    x = rng.normal(size=(rows, blocks * units if transposed else units)).astype(dtype)

    def by_block(array):  # (rows, blocks * units) -> (blocks, rows * units)
        parts = array.reshape(rows, -1, units).transpose(1, 0, 2)
        return np.ascontiguousarray(parts.reshape(len(parts), -1))

    wanted = by_block(x @ (matrix.T if transposed else matrix))
    y = np.full_like(wanted, np.nan)
    product(by_block(x), pack(matrix, units, transposed), y, rows, units)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(y, wanted, rtol=0, atol=tolerance)


def test_rational_functions():
    x = np.linspace(-30, 30, 100_001, dtype="float32")
    exact = np.tanh(x.astype("float64"))
    found = np.array([maths.tanh32(v) for v in x])
    np.testing.assert_allclose(found, exact, rtol=0, atol=4e-7)
    gate = np.array([maths.sigmoid32(v) for v in x])
    np.testing.assert_allclose(gate, 0.5 + 0.5 * np.tanh(x / 2.0), rtol=0, atol=4e-7)
    assert np.isnan(maths.tanh32(np.float32("nan")))
    assert maths.tanh32(np.float32("inf")) == pytest.approx(1, abs=2e-7)


def compared(key, rng, *, batch=5, steps=7, masked=True, **arguments):
    layer = support.make(
        key, rng, units=WIDE, return_sequences=True, engine="kernel", **arguments
    )
    x = support.floats(rng, batch, steps, FEATURES)
    mask = support.tensor(support.mask(rng, batch, steps)) if masked else None
    scan, dy = (
        support.twin(layer, engine="scan"),
        support.slopes(layer, rng, batch, steps),
    )
    support.are_alike(layer, scan, x, dy, atol=2e-5, mask=mask, training=True)


# Other tests here have a vector or a matrix alone.
@pytest.mark.parametrize("key", ["lstm", "lstm5a"])
def test_compiled_is_the_scan(key, rng):
    compared(key, rng)


def test_one_unit(rng):
    """Every weight is one number for all examples."""
    layer = support.make("lstm4", rng, units=1, engine="kernel")
    x = support.floats(rng, 5, 3, FEATURES)
    support.close(support.outputs(layer, x), support.expected(layer, x), atol=2e-5)


@pytest.fixture(params=["openmp", "pool"])
def calls(request, monkeypatch):
    """How many threads were asked for, in PyTorch's OpenMP and in a pool."""
    monkeypatch.setattr("slim_keras.engine.kernels.numba.SMALL", 0)
    seen = []
    parallel = threads.openmp()

    def spy(function, data, count, flags):
        seen.append(count)
        parallel(function, data, count, flags)

    if request.param == "openmp":
        if sys.platform != "linux":
            pytest.skip("PyTorch's threads are another library's")
        monkeypatch.setattr(threads, "openmp", lambda: spy)
    else:
        pool = threads._pool
        monkeypatch.setattr(threads, "openmp", lambda: None)
        monkeypatch.setattr(
            threads, "_pool", lambda process, k: seen.append(k) or pool(process, k)
        )
    before = torch.get_num_threads()
    yield seen
    torch.set_num_threads(before)


@pytest.mark.parametrize("key", ["lstm_c6", "lstm6"])
def test_several_threads_are_one(key, rng, calls):
    torch.set_num_threads(3)
    compared(key, rng, masked=False)
    assert set(calls) == {3}


@pytest.mark.parametrize("key", ["lstm_c6", "lstm6"])
def test_parts_are_the_whole(key, rng, calls):
    layer = support.make(key, rng, units=WIDE, engine="kernel")
    scan = support.twin(layer, engine="scan")
    for batch, count in itertools.product((1, 2, 5, 9), (1, 2, 6)):
        torch.set_num_threads(count)
        x = support.tensor(support.floats(rng, batch, 3, FEATURES))
        support.close(support.arrays(layer(x)), support.arrays(scan(x)), atol=2e-5)


def test_models_in_threads_of_their_own(rng):
    layer = support.make("lstm_c6", rng, units=WIDE, engine="kernel")
    x = support.tensor(support.floats(rng, 4, 50, FEATURES))
    wanted = support.arrays(layer(x))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: support.arrays(layer(x)), range(16)):
            support.close(found, wanted, atol=0)


FORKED = """
import os, sys
import torch, slim_keras
import slim_keras.engine.kernels.numba as kernel
kernel.SMALL = 0
layer = slim_keras.LSTM_C6(20, engine="kernel")
x = torch.ones(4, 9, 3)
wanted = layer(x).detach()
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(layer(x), wanted) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process():
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=300)


TRAINED = """
import torch, slim_keras
layer = slim_keras.IndRNN(20, engine="kernel")
layer(torch.ones(5, 7, 3), training=True).sum().backward()
"""


def test_machine_code_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    subprocess.run([sys.executable, "-c", TRAINED], check=True)
    sources = sorted(tmp_path.glob("slim_keras_kernel_*.py"))
    assert len(sources) == 2  # ahead and back
    assert all("def kernel(steps, units," in source.read_text() for source in sources)
    kept = sorted(tmp_path.rglob("*.nbc"))
    assert [k.name.split(".")[0] for k in kept] == [s.stem for s in sources]
    times = [k.stat().st_mtime_ns for k in kept]
    subprocess.run([sys.executable, "-c", TRAINED], check=True)
    assert [k.stat().st_mtime_ns for k in sorted(tmp_path.rglob("*.nbc"))] == times


def test_where_nothing_can_be_written(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file))
    source = "def kernel(x):\n    return 2 * x\n\n\ndef run(data):\n    pass\n"
    assert compiler.compiled(source).kernel(4) == 8


def test_no_examples(rng):
    """The steps are written down for any batch, whichever comes first."""
    layer = support.make("lstm_c6", rng, units=WIDE + 1, engine="kernel")
    y = layer(torch.ones(0, 2, FEATURES))
    y.sum().backward()
    assert y.shape == (0, WIDE + 1)
    assert all((w.value.grad == 0).all() for w in layer.weights)


def test_small_numbers_are_flushed(rng):
    """Gradients that fade would become denormal, and slow."""
    layer = support.make("lstm_c6", rng, units=WIDE, engine="kernel", forget=0.1)
    layer.set_weights([0.01 * w for w in layer.get_weights()])
    x = torch.tensor(support.floats(rng, 2, 60, FEATURES), requires_grad=True)
    layer(x).sum().backward()
    smallest = x.grad.abs()[x.grad != 0].min()
    assert smallest > 1e-33
    assert (x.grad == 0).any()


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_precision(dtype, rng):
    layer = support.make("lstm11", rng, units=WIDE, engine="kernel", dtype=dtype)
    x = support.floats(rng, 3, 6, FEATURES).astype("float64")
    wanted = support.expected(layer, x)
    y = layer(torch.tensor(x)).detach()
    assert str(y.dtype) == f"torch.{layer.compute_dtype}"
    tolerance = {"float64": 1e-12, "mixed_bfloat16": 0.02, "mixed_float16": 2e-3}
    np.testing.assert_allclose(y.double().numpy(), wanted[0], atol=tolerance[dtype])


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of Keras' functions
def test_torch_compile_leaves_the_kernel_out_of_its_graph(rng):
    layer = support.make("lstm_c6", rng, units=WIDE, engine="kernel")
    model = keras.Sequential([keras.Input((9, FEATURES)), layer])
    x = torch.tensor(support.floats(rng, 2, 9, FEATURES))
    run = torch.compile(model, backend="eager")
    torch.testing.assert_close(run(x), layer(x))
