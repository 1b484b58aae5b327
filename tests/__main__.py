"""Runs every check: style, types, and the tests, those of the library per backend.

python -m tests [arguments for pytest]

Two run side by side. What one says is shown when it ends.
"""

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LIBRARY = "tests/slim_keras"
EXPERIMENTS = "tests/experiments"
README = "tests/test_readme.py"
SPEED = f"{EXPERIMENTS}/speed/test_speed.py"
# What of the library is the same on all backends runs on PyTorch, which compiles
# nothing and so is the quickest. The experiments run there for the same reason, but for
# what is of another backend.
ONCE = tuple(f"{LIBRARY}/test_{name}.py" for name in ("export_c", "pool", "variants"))
OF_TENSORFLOW = (
    "tests/test_notebooks.py",
    "tests/test_docs.py",
    f"{EXPERIMENTS}/datasets",
    f"{EXPERIMENTS}/edge",
    f"{EXPERIMENTS}/core/test_devices.py",
    f"{EXPERIMENTS}/test_stream.py",
)
SPEED_OF_TENSORFLOW = (
    f"{SPEED}::test_rows",
    f"{SPEED}::test_a_kernel_on_tensorflow_is_refused",
)
OF_JAX = (
    f"{EXPERIMENTS}/core/test_together.py",
    f"{SPEED}::test_engines",
    f"{SPEED}::test_functions_of_a_device_lower_for_it",
    "tests/studies",
)
COMPILED = (
    f"{LIBRARY}/test_numba.py",
    f"{LIBRARY}/test_triton_compiled.py",
    f"{SPEED}::test_engines",
    README,
)


def but(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"--ignore={path}" for path in paths)


# The programs of a test run for less time than LLVM takes to optimise them, and MLIR to
# write their fusions down. In the notebooks XLA does what it always does. Kernels of
# numba and Triton run uncompiled but in the tests of their compilers.
XLA = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
TENSORFLOW = {"KERAS_BACKEND": "tensorflow", "XLA_FLAGS": XLA}
JAX = {"KERAS_BACKEND": "jax", "XLA_FLAGS": XLA}
TORCH = {"KERAS_BACKEND": "torch"}
UNCOMPILED = TORCH | {"NUMBA_DISABLE_JIT": "1", "TRITON_INTERPRET": "1"}
# What takes longest stands first.
TESTS = (
    (TENSORFLOW, (LIBRARY, README, *but(ONCE))),
    (JAX, (*OF_JAX, LIBRARY, README, *but(ONCE))),
    (TENSORFLOW, (*OF_TENSORFLOW, *SPEED_OF_TENSORFLOW)),
    (UNCOMPILED, (EXPERIMENTS, *but(OF_TENSORFLOW))),
    (UNCOMPILED, (LIBRARY,)),
    (TORCH, COMPILED),
)


def commands(arguments: list[str]) -> list[tuple[dict[str, str], list[str]]]:
    """Variables of the environment, and a module with its arguments."""
    return [
        *[(variables, ["pytest", *arguments, *paths]) for variables, paths in TESTS],
        ({}, ["mypy"]),
        ({}, ["ruff", "check"]),
        ({}, ["ruff", "format", "--check"]),
    ]


def run(command: tuple[dict[str, str], list[str]]) -> tuple[str, bool]:
    """The command as a shell has it, and whether it failed."""
    variables, module = command
    words = [f"{k}={v}" for k, v in variables.items()] + ["python", "-m", *module]
    shown = shlex.join(words)
    print(f"started: {shown}", flush=True)
    finished = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=Path(__file__).parent.parent,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    print(f"\n$ {shown}\n{finished.stdout}", flush=True)
    return shown, bool(finished.returncode)


def main() -> int:
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(run, commands(sys.argv[1:])))
    failed = [shown for shown, has_failed in ended if has_failed]
    print("\nEverything passed." if not failed else "\nFailed:")
    for shown in failed:
        print(f"  {shown}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
