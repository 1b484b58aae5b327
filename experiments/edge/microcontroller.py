"""What a step costs on a microcontroller: flash, RAM and instructions.

`slim_keras.export.to_c` writes each layer as C; PyPI's `ziglang` compiles it for a core
of ARM, PyPI's `unicorn` runs it here and counts the instructions, those too that a
condition skips, as they take a cycle. It times nothing: an emulator knows no cycles,
caches or wait states.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from experiments.core.results import Row
from experiments.edge.models import cell_model
from experiments.speed.contenders import BASELINE

GRU = "keras.layers.GRU"
PACKAGES = ("elftools", "unicorn", "ziglang")
LAYERS = (
    *("lstm", "indylstm", "lstm6", "lstm_c6", "lstm11", "indrnn"),
    BASELINE,
    GRU,
)
SHAPES = ((1, 32), (20, 64), (32, 100))  # inputs m, units n
STEPS = 3  # of random input, from zero states; the counts are their means
FLAGS = ("-std=c99", "-O2", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")

_RAM, _SIZE = 0x2000_0000, 1 << 18
_STACK = _RAM + _SIZE // 2  # grows down; above it the states, x and y
_RETURN = 0x0F00_0000
_FLASH = 1 << 20


@dataclass(frozen=True)
class Core:
    """A core."""

    name: str  # what it is called
    flags: tuple[str, ...]  # those of the compiler
    model: str  # what `unicorn` calls it
    fpu: bool  # whether it computes with floats itself


CORES = (
    Core(
        "Cortex-M4 with FPU",
        ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp"),
        "UC_CPU_ARM_CORTEX_M4",
        True,
    ),
    # unicorn has no M0+; the M0 has the same instructions.
    Core(
        "Cortex-M0+",
        ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0plus"),
        "UC_CPU_ARM_CORTEX_M0",
        False,
    ),
)


def measures() -> Iterator[Callable[[], list[Row]]]:
    """For each layer and shape a function that measures it."""
    for inputs, units in SHAPES:
        for layer in LAYERS:
            yield partial(measured, layer, inputs, units)


def measured(layer: str, inputs: int, units: int) -> list[Row]:
    """The rows of a layer: for each core in float32 and with 8 bits.

    Args:
        layer: A variant as `slim_keras.get` calls it, `BASELINE` or `GRU`.
        inputs: m.
        units: n.
    """
    import keras

    from slim_keras import export

    keras.utils.set_random_seed(0)
    model = cell_model([_cell(layer, units)], inputs)
    rng = np.random.default_rng(0)
    # A compiler leaves out arrays of equal numbers, such as fresh biases.
    model.set_weights([w + rng.normal(0, 0.05, w.shape) for w in model.get_weights()])
    x = rng.normal(size=(1, STEPS, inputs)).astype("float32")
    wanted = export.Stream(model).feed(x)[0]
    found = []
    with TemporaryDirectory() as at:
        micro = export.to_litert(model, Path(at) / "layer.tflite", runtime="micro")
        for quantize in (None, "weights"):
            # What the cores put out is compared below.
            path = Path(at) / "layer.c"
            made = export.to_c(model, path, quantize=quantize, check=False)
            for core in CORES:
                within = 1e-4 if quantize is None else 0.1
                program, ran, apart = run_on(core, layer, made, x[0], wanted, within)
                found.append(
                    {
                        "experiment": "microcontroller",
                        "core": core.name,
                        "layer": layer,
                        "m": inputs,
                        "n": units,
                        "precision": quantize or "float32",
                        "weights": made.weights,
                        "weight_bytes": made.weight_bytes,
                        "code_bytes": program.flash - made.weight_bytes,
                        "state_bytes": made.state_bytes,
                        "stack_bytes": ran.stack,
                        "instructions": round(float(np.mean(ran.instructions))),
                        "steps": STEPS,
                        "difference": apart,
                        # Of the float32 file: LiteRT Micro refuses 8-bit weights alone.
                        "micro_bytes": None if quantize else micro.size,
                        "micro_arena": None if quantize else micro.arena,
                        "flags": " ".join([*core.flags, *FLAGS]),
                        "tools": tools("ziglang", "unicorn", "tflite-micro"),
                    }
                )
    return found


def tools(*names: str) -> dict[str, str]:
    """The versions of packages."""
    return {name: version(name) for name in names}


def _cell(layer: str, units: int) -> Any:
    import keras

    import slim_keras

    if layer == BASELINE:
        return keras.layers.LSTMCell(units)
    if layer == GRU:
        return keras.layers.GRUCell(units)
    return slim_keras.get(layer)(units).cell


@dataclass(frozen=True)
class Program:
    """A program for a core."""

    segments: dict[int, bytes]  # what is loaded, by address
    entry: dict[str, int]  # the addresses of the functions by name
    flash: int  # the bytes of code and constants


def compiled(path: Path, core: Core) -> Program:
    """A C file of `to_c`, compiled and linked.

    Raises:
        RuntimeError: It does not compile.
    """
    from elftools.elf.elffile import ELFFile

    program, name = path.with_suffix(".elf"), path.stem
    command = [sys.executable, "-m", "ziglang", "cc", *core.flags, *FLAGS]
    command += [f"-Wl,--entry={name}_step", str(path), "-o", str(program)]
    done = run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    with program.open("rb") as file:
        elf: Any = ELFFile(file)
        symbols = elf.get_section_by_name(".symtab").iter_symbols()
        sections = {s.name: s["sh_size"] for s in elf.iter_sections()}
        written = {".data", ".bss"} & {name for name, n in sections.items() if n}
        if written:
            raise RuntimeError(f"{path.name} has variables: {written}")
        return Program(
            {
                segment["p_vaddr"]: segment.data()
                for segment in elf.iter_segments("PT_LOAD")
            },
            {s.name: s["st_value"] for s in symbols if s.name.startswith(f"{name}_")},
            sections[".text"] + sections.get(".rodata", 0),
        )


@dataclass(frozen=True)
class Ran:
    """Some steps of a program."""

    outputs: np.ndarray  # what they put out, `(steps, outputs)`
    instructions: list[int]  # how many each took
    stack: int  # the greatest stack, in bytes


def _instructions(code: list[int]) -> int:
    """How many instructions of Thumb some half words are: one or two each."""
    count = place = 0
    while place < len(code):
        place += 2 if code[place] >> 11 in (0b11101, 0b11110, 0b11111) else 1
        count += 1
    return count


class Machine:
    """A core with flash and RAM.

    Args:
        program: What its flash holds.
        states: The bytes of the states.
    """

    def __init__(self, core: Core, program: Program, states: int):
        import unicorn
        from unicorn import arm_const

        self._arm = arm_const
        mode = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
        self.machine = unicorn.Uc(unicorn.UC_ARCH_ARM, mode)
        self.machine.ctl_set_cpu_model(getattr(arm_const, core.model))
        self.machine.mem_map(0, _FLASH)
        self.machine.mem_map(_RAM, _SIZE)
        self.machine.mem_map(_RETURN, 0x1000)
        for address, data in program.segments.items():
            self.machine.mem_write(address, data)
        if core.fpu:
            self._open_fpu()
        self.entry = {k.rsplit("_", 1)[1]: at for k, at in program.entry.items()}
        self.state, self.x = _STACK, _STACK + states
        self.count = 0
        self._sizes: dict[tuple[int, int], int] = {}
        self.machine.hook_add(unicorn.UC_HOOK_BLOCK, self._block)

    def _open_fpu(self):
        """Full access to the coprocessors 10 and 11, as a start-up file gives it."""
        self.machine.mem_map(0xE000_E000, 0x1000)
        self.machine.mem_write(0xE000_ED88, (0xF << 20).to_bytes(4, "little"))

    def _block(self, machine: Any, address: int, size: int, _: Any):
        """Counts the instructions of a block without a jump, before it runs."""
        if (address, size) not in self._sizes:
            code = np.frombuffer(machine.mem_read(address, size), "<u2").tolist()
            self._sizes[address, size] = _instructions(code)
        self.count += self._sizes[address, size]

    def call(self, name: str, *arguments: int) -> int:
        """Calls a function; gives the number of instructions."""
        registers = [getattr(self._arm, f"UC_ARM_REG_R{k}") for k in range(3)]
        for register, argument in zip(registers, arguments, strict=False):
            self.machine.reg_write(register, argument)
        self.machine.reg_write(self._arm.UC_ARM_REG_SP, _STACK)
        self.machine.reg_write(self._arm.UC_ARM_REG_LR, _RETURN | 1)
        self.count = 0
        self.machine.emu_start(self.entry[name] | 1, _RETURN)
        return self.count

    def steps(self, xs: np.ndarray, outputs: int) -> Ran:
        """Runs steps from zero states.

        Args:
            xs: `(steps, inputs)`.
            outputs: The size of an output.
        """
        y = self.x + xs[0].nbytes
        blank = b"\xa5" * (_STACK - _RAM)
        self.machine.mem_write(_RAM, blank)
        self.call("init", self.state)
        counts, found = [], []
        for x in xs:
            self.machine.mem_write(self.x, x.tobytes())
            counts.append(self.call("step", self.state, self.x, y))
            found.append(np.frombuffer(self.machine.mem_read(y, 4 * outputs), "<f4"))
        left = bytes(self.machine.mem_read(_RAM, len(blank)))
        untouched = len(left) - len(left.lstrip(b"\xa5"))
        return Ran(np.stack(found), counts, len(blank) - untouched)


def run_on(
    core: Core, what: str, made: Any, xs: np.ndarray, wanted: np.ndarray, within: float
) -> tuple[Program, Ran, float]:
    """Compiles a C file and runs its steps.

    Args:
        what: What the file holds, for the error.
        made: What `to_c` returned.
        xs: `(steps, inputs)`.
        wanted: The outputs that it must put out, `(steps, outputs)`.
        within: How far each of them may be away.

    Returns:
        The program, what ran, and the largest difference.

    Raises:
        RuntimeError: It does not compile, or its outputs are further away.
    """
    program = compiled(made.path, core)
    ran = Machine(core, program, made.state_bytes).steps(xs, wanted.shape[-1])
    apart = float(np.abs(ran.outputs - wanted).max())
    if not apart < within:
        raise RuntimeError(f"{what} on {core.name} differs by {apart:.2g}")
    return program, ran, apart
