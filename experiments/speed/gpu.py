"""All that a GPU is measured for, in under eight minutes: on JAX and on PyTorch.

    python -m experiments.speed.gpu [options of experiments.speed]

It needs JAX and PyTorch with CUDA, and no TensorFlow. Each line below is a run of
`experiments.speed` in a process by itself and the seconds that it has at most; what
matters most comes first. A run that fails or takes too long does not end the others,
and what it has measured stays in the file of rows, by default runs/speed.jsonl. A
backend that finds no GPU has one line and no other run.
"""

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SECONDS = 460
COMMAND = [sys.executable, "-m", "experiments.speed", "--rounds", "9"]
CONFIG = Path(__file__).parents[2] / "configs" / "speed_gpu.toml"
NARROW = "--units 128 --steps 1024"
POINTWISE = "--variants indrnn,lstm_c6,indylstm"
WIDE = f"--units 512 --steps 1024 --batch-size 256 {POINTWISE}"
LONG = "--units 128 --steps 4096"
SCANS = f"{NARROW} --variants lstm6,lstm --engines"
BUFFERS = "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,WHILE"
RUNS = (
    # Seconds at most, backend, XLA's flags, options.
    (90, "torch", "", f"{NARROW} {POINTWISE}"),
    (60, "torch", "", f"{NARROW} --variants lstm6,lstm4a,lstm5a,lstm"),
    (60, "jax", "", f"{NARROW} --variants lstm6 --engines kernel,scan:8"),
    (75, "jax", "", f"{NARROW} {POINTWISE}"),
    (45, "torch", "", WIDE),
    (75, "jax", "", WIDE),
    (60, "torch", "", "--units 64 --steps 1024 --variants lstm6,lstm3,lstm"),
    (60, "jax", "", "--units 64 --steps 1024 --variants lstm --engines kernel,scan:8"),
    (45, "torch", "", f"{LONG} {POINTWISE},lstm6"),
    (60, "jax", BUFFERS, f"{SCANS} scan:1,scan:8"),
    (60, "jax", "", f"{LONG} {POINTWISE}"),
    (100, "jax", "", f"{SCANS} scan:1,scan:8,scan:4,scan:16"),
)
REFUSED = 2  # the status of `experiments.speed` without a GPU or with a wrong option


@dataclass(frozen=True)
class Run:
    """A run: for how many seconds at most, and what is started."""

    seconds: int
    backend: str
    variables: dict[str, str]
    command: list[str]

    @property
    def line(self) -> str:
        """What a shell would be told."""
        variables = (f"{name}={value}" for name, value in self.variables.items())
        return shlex.join([*variables, "python", *self.command[1:]])


def runs(arguments: list[str]) -> list[Run]:
    """The runs, with more options for each."""
    return [
        Run(
            seconds,
            backend,
            {"XLA_FLAGS": flags} if flags else {},
            [
                *(*COMMAND, "--config", str(CONFIG), "--backend", backend),
                *(*options.split(), *arguments),
            ],
        )
        for seconds, backend, flags, options in RUNS
    ]


def main() -> int:
    if "--help" in sys.argv:
        print(__doc__)
        for run in runs([]):
            print(f"{run.seconds:5} s  {run.line}")
        return 0
    end, failed = time.monotonic() + SECONDS, False
    refused: set[str] = set()
    for run in runs(sys.argv[1:]):
        if run.backend in refused:
            continue
        seconds = min(run.seconds, end - time.monotonic())
        if seconds < 1:
            print(f"speed: the {SECONDS} s are over", file=sys.stderr)
            return 1
        print(f"\n$ {run.line}", flush=True)
        variables = os.environ | run.variables
        try:
            status = subprocess.run(
                run.command, env=variables, timeout=seconds
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"speed: this run is ended after {seconds:.0f} s", file=sys.stderr)
            status = 1
        if status == REFUSED:
            refused.add(run.backend)
        failed |= status != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
