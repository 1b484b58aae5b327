"""Runs every check: style, types, and the tests, those of the library per backend.

python -m tests [arguments for pytest]
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

LIBRARY = "tests/slim_keras"
README = "tests/test_readme.py"
# What of the library is the same on all backends runs on PyTorch, which compiles
# nothing and so is the quickest. The experiments run there for the same reason, but for
# what is of another backend.
ONCE = tuple(f"tests/slim_keras/test_{name}.py" for name in ("export_c", "variants"))
OF_TENSORFLOW = (
    "tests/test_notebooks.py",
    "tests/test_docs.py",
    "tests/experiments/edge/test_edge.py",
    "tests/experiments/core/test_devices.py",
    "tests/experiments/speed/test_speed.py",
    "tests/experiments/test_stream.py",
    "tests/experiments/test_imdb.py",
)
OF_JAX = (
    "tests/experiments/core/test_together.py",
    "tests/experiments/speed/test_speed.py::test_engines",
    "tests/experiments/speed/test_speed.py::test_functions_of_a_device_lower_for_it",
    "tests/studies",
)


def but(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"--ignore={path}" for path in paths)


BACKENDS = {
    "tensorflow": (*OF_TENSORFLOW, LIBRARY, README, *but(ONCE)),
    "jax": (*OF_JAX, LIBRARY, README, *but(ONCE)),
    "torch": ("tests/experiments", LIBRARY, *but(OF_TENSORFLOW)),
}
# The programs of a test run for less time than LLVM takes to optimise them. It does so
# in the notebooks. Kernels of numba and Triton run uncompiled but in the tests of their
# compilers.
UNOPTIMISED = "backend_optimization_level=0", "llvm_disable_expensive_passes=true"
QUICK = {
    "tensorflow": {"XLA_FLAGS": " ".join(f"--xla_{flag}" for flag in UNOPTIMISED)},
    "jax": {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    "torch": {"NUMBA_DISABLE_JIT": "1", "TRITON_INTERPRET": "1"},
}


def commands(arguments: list[str]) -> list[tuple[str, list[str]]]:
    """Backend (or nothing) and module with arguments, in the order of running."""
    # What takes longest stands first, and a worker without work takes the other's.
    pytest = ["pytest", "-n", "2", "--dist", "worksteal", *arguments]
    return [
        ("", ["ruff", "check"]),
        ("", ["ruff", "format", "--check"]),
        ("", ["mypy"]),
        *[(backend, [*pytest, *paths]) for backend, paths in BACKENDS.items()],
        (
            "compiled torch",
            [
                *pytest,
                "tests/slim_keras/test_numba.py",
                "tests/slim_keras/test_triton_compiled.py",
                "tests/experiments/speed/test_speed.py::test_engines",
                README,
            ],
        ),
    ]


def main() -> int:
    failed = []
    for backend, command in commands(sys.argv[1:]):
        environment = {"KERAS_BACKEND": backend.split()[-1]} if backend else {}
        environment |= QUICK.get(backend, {})
        shown = shlex.join(
            [f"{k}={v}" for k, v in environment.items()] + ["python", "-m", *command]
        )
        print(f"\n$ {shown}", flush=True)
        finished = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=Path(__file__).parent.parent,
            env=os.environ | environment,
        )
        if finished.returncode:
            failed.append(shown)
    print("\nEverything passed." if not failed else "\nFailed:")
    for shown in failed:
        print(f"  {shown}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
