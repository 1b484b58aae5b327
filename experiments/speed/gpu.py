"""All that a GPU is measured for, in under eight minutes: on JAX and on PyTorch.

    python -m experiments.speed.gpu [options of experiments.speed]

It needs JAX and PyTorch with CUDA, and no TensorFlow. Each line below is a run of
`experiments.speed` with `configs/speed_gpu.toml` in a process by itself; what comes
first matters most. When the time is over it ends the run that goes on, whose finished
shapes stay in the file of rows.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 460
COMMAND = [sys.executable, "-m", "experiments.speed", "--rounds", "9"]
CONFIG = Path(__file__).parents[2] / "configs" / "speed_gpu.toml"
NARROW = "--units 128 --steps 1024"
WIDE = "--units 512 --steps 1024 --batch-size 256 --variants indrnn,lstm_c6,indylstm"
MATRIX = f"{NARROW} --variants lstm6,lstm"
BUFFERS = "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,WHILE"
RUNS = (
    # Backend, XLA's flags, options.
    ("torch", "", NARROW),
    ("jax", "", NARROW),
    ("torch", "", WIDE),
    ("jax", "", WIDE),
    ("torch", "", "--units 64 --steps 1024 --variants lstm6,lstm4a,lstm5a,lstm3,lstm"),
    ("jax", "", f"{MATRIX} --engines scan:1,scan:4,scan:8,scan:16"),
    ("jax", BUFFERS, f"{MATRIX} --engines scan:1,scan:8"),
    ("torch", "", "--units 128 --steps 4096"),
    ("jax", "", "--units 128 --steps 4096"),
)


def commands(arguments: list[str]) -> list[tuple[dict[str, str], list[str]]]:
    """Variables of the environment, and the command, of each run."""
    return [
        (
            {"XLA_FLAGS": flags} if flags else {},
            [
                *(*COMMAND, "--config", str(CONFIG), "--backend", backend),
                *(*options.split(), *arguments),
            ],
        )
        for backend, flags, options in RUNS
    ]


def main() -> int:
    if "--help" in sys.argv:
        print(__doc__)
        return 0
    end, failed = time.monotonic() + SECONDS, False
    for variables, command in commands(sys.argv[1:]):
        shown = [*(f"{k}={v}" for k, v in variables.items()), "python", *command[1:]]
        print(f"\n$ {shlex.join(shown)}", flush=True)
        try:
            left = max(1.0, end - time.monotonic())
            run = subprocess.run(command, env=os.environ | variables, timeout=left)
        except subprocess.TimeoutExpired:
            print(f"speed: the {SECONDS} s are over", file=sys.stderr)
            return 1
        failed |= run.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
