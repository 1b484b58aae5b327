"""The kernel of Triton, compiled for a GPU that need not be here to run it."""

import os

import pytest

from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

if BACKEND != "torch":
    pytest.skip("the kernel of Triton is PyTorch's", allow_module_level=True)
pytest.importorskip("triton", reason="needs triton: the extra [triton]")
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("Triton shall compile", allow_module_level=True)

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from slim_keras.engine import kernels
from slim_keras.engine.kernels import chip, triton


class Driver:
    """Of an H100 without the means to start anything."""

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """What is compiled in the place of what would be launched."""
    made = []

    class Compiler:
        def __init__(self, kernel):
            self.kernel = kernel

        def __getitem__(self, grid):
            def compile_only(*arguments, **options):
                made.append(self.kernel.warmup(*arguments, grid=grid, **options))

            return compile_only

    loaded = triton._loaded
    monkeypatch.setattr(
        triton, "_loaded", lambda text: {"kernel": Compiler(loaded(text)["kernel"])}
    )
    monkeypatch.setattr(triton, "_KERNELS", {})
    monkeypatch.setattr(triton, "AHEAD", 2)  # the compiler is slow enough
    monkeypatch.setitem(kernels._OF_TORCH, "cpu", "triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(driver, "_active", Driver())
    return made


@pytest.mark.parametrize(
    ("key", "dtype"),
    [
        *[("lstm_c6", "float32"), ("lstm11", "float32"), ("indrnn", "float64")],
        *[("indrnn", "mixed_bfloat16"), ("indrnn", "mixed_float16")],
        *[("lstm6", "mixed_bfloat16"), ("lstm", "float32")],
    ],
)
def test_compiles_for_a_gpu(key, dtype, compiled, rng):
    layer = support.make(key, rng, dtype=dtype, engine="kernel", return_sequences=True)
    mask = torch.tensor(support.mask(rng))
    x = torch.ones(*mask.shape, FEATURES, requires_grad=True)
    layer(x, mask=mask).sum().backward()
    assert ["cubin" in kernel.asm for kernel in compiled] == [True, True]


def test_one_kernel_serves_all_sizes_of_a_tile(compiled, rng):
    """Vectors of 5 and 6 units start at other addresses than those of 8."""
    for units, batch, steps in (8, 1, 1), (6, 16, 3), (5, 2, 16):
        layer = support.make("lstm10", rng, units=units, engine="kernel")
        layer(torch.ones(batch, steps, FEATURES, requires_grad=True)).sum().backward()
    assert len(compiled) == 6
    assert len({kernel.hash for kernel in compiled}) == 2


@pytest.fixture
def tf32():
    settings = torch.backends.cuda.matmul
    before, settings.fp32_precision = settings.fp32_precision, "tf32"
    yield
    settings.fp32_precision = before


def test_a_matrix_has_the_room_that_is_asked_for(compiled, tf32, rng):
    """As much as `resolve` takes a chip to have, forward and back."""
    layer = support.make("lstm4a", rng, units=128, engine="kernel")
    layer(torch.ones(2, 3, FEATURES, requires_grad=True)).sum().backward()
    assert chip.room("9.0") >= 4 * 128**2
    for kernel in compiled:
        assert 4 * 128**2 <= kernel.metadata.shared <= 4 * 128**2 + (16 << 10)
