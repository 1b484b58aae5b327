"""A chain of layers as the text of a C file and of its header."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

import slim_keras
from slim_keras.export.c import maths
from slim_keras.export.c.chain import Link
from slim_keras.export.c.layers import Part, part_of
from slim_keras.export.c.numbers import literal
from slim_keras.export.c.printer import indented
from slim_keras.export.signature import inputs_of


@dataclass(frozen=True)
class Source:
    """A model in C.

    Attributes:
        name: What its functions are called after.
        parts: Its layers.
        states: The sizes of its states, a macro by name.
        calls: The lines of its step.
        inputs: The size of the input.
        facts: Lines about the model, for the comment on top.
    """

    name: str
    parts: list[Part]
    states: dict[str, str]
    calls: list[str]
    inputs: int
    facts: list[str]

    @property
    def outputs(self) -> int:
        return self.parts[-1].outputs

    @property
    def macro(self) -> str:
        return self.name.upper()

    @property
    def unique(self) -> list[Part]:
        """The layers, each once."""
        return list({part.name: part for part in self.parts}.values())

    @property
    def weights(self) -> int:
        """How many weights the layers have."""
        return sum(part.numbers for part in self.unique)

    @property
    def weight_bytes(self) -> int:
        """The bytes of all arrays."""
        return sum(a.values.nbytes for part in self.unique for a in part.arrays)

    @property
    def state_bytes(self) -> int:
        """The bytes of the states."""
        sizes = {name: n for part in self.parts for name, n in part.sizes.items()}
        return 4 * sum(sizes[size] for size in self.states.values())

    def header(self, difference: float | None = None) -> str:
        """The header.

        Args:
            difference: The largest difference from Keras that a check found.
        """
        name, macro = self.name, self.macro
        sizes = {f"{macro}_INPUTS": self.inputs, f"{macro}_OUTPUTS": self.outputs}
        for part in self.unique:
            if part.states:
                sizes[part.size] = part.outputs
        states = "\n".join(f"    float {k}[{n}];" for k, n in self.states.items())
        return f"""\
{self.comment(difference)}
#ifndef {macro}_H
#define {macro}_H

{_defined(sizes)}

#ifdef __cplusplus
extern "C" {{
#endif

/* What goes from step to step. The caller owns it. */
typedef struct {{
{states}
}} {name}_state;

/* Starts a sequence: sets the states to zero. */
void {name}_init({name}_state *state);

/* A step: reads x[{macro}_INPUTS] and the states, writes y[{macro}_OUTPUTS] and the
   states. */
void {name}_step({name}_state *state, const float *x, float *y);

#ifdef __cplusplus
}}
#endif

#endif
"""

    def code(self, difference: float | None = None) -> str:
        """The C file."""
        arrays = [array.text() for part in self.unique for array in part.arrays]
        functions = [_function(part) for part in self.unique if part.body]
        code = "\n".join([*functions, self._init(), self._step()])
        helpers = maths.used(code)
        text = "\n".join([*arrays, *helpers])
        includes = [f'#include "{self.name}.h"']
        if "int8_t" in text or "uint32_t" in text:
            includes.insert(0, "#include <stdint.h>\n")
        sizes = {
            name: n
            for part in self.unique
            for name, n in part.sizes.items()
            if not (part.states and name == part.size)
            and re.search(rf"\b{name}\b", code + text)
        }
        blocks = [
            self.comment(difference),
            "\n".join(includes),
            _defined(sizes),
            "\n\n".join(arrays),
            "\n".join(helpers),
            code,
        ]
        return "\n\n".join(block.rstrip("\n") for block in blocks if block) + "\n"

    def comment(self, difference: float | None) -> str:
        """What the file is."""
        checked = "not compared with Keras"
        if difference is not None:
            checked = f"within {difference:.1e} of Keras on random input"
        lines = [
            *self.facts,
            f"weights    {self.weights:,}, {self.weight_bytes:,} bytes",
            f"states     {self.state_bytes:,} bytes",
            f"outputs    {checked}",
        ]
        return "/* " + "\n   ".join(lines) + " */"

    def _init(self) -> str:
        loops = [
            line
            for state, size in self.states.items()
            for line in [
                f"    for (int j = 0; j < {size}; j++)",
                f"        state->{state}[j] = 0.0f;",
            ]
        ]
        head = f"void {self.name}_init({self.name}_state *state)"
        return "\n".join([head, "{", *loops, "}", ""])

    def _step(self) -> str:
        head = (
            f"void {self.name}_step({self.name}_state *state, const float *x, float *y)"
        )
        return "\n".join([head, "{", *self.calls, "}", ""])


def _defined(sizes: dict[str, int]) -> str:
    return "\n".join(f"#define {name} {n}" for name, n in sizes.items())


def _function(part: Part) -> str:
    states = "".join(f", float *{letter}" for letter in part.states)
    y = "" if part.states else ", float *y"
    head = f"static void step_{part.name}(const float *x{states}{y})"
    comment = f"/* {part.kind}. */"
    return "\n".join([comment, *indented([head], 0), "{", *part.body, "}", ""])


def source(
    model: keras.Model, links: Sequence[Link], name: str, quantize: str | None
) -> Source:
    """A model in C.

    Args:
        model: The model, of which name and input are used.
        links: Its layers.
        name: What the functions are called after.
        quantize: See `to_c`.
    """
    [shape] = [x.shape for x in inputs_of(model) if x.name == "input"]
    if len(shape) > 2 or None in shape[1:]:
        raise ValueError(
            "`model` must have an input of shape (batch, features), or (batch,) of "
            f"words. Received: shape {shape}"
        )
    words = len(shape) == 1
    inputs = size = 1 if words else int(shape[1] or 0)
    parts: list[Part] = []
    states: dict[str, str] = {}
    made: dict[int, Part] = {}
    names = _Names()
    chain = _Chain()
    useful: list[Any] = []
    for link in links:
        layer = link.layer
        _check_embedding(layer, words, first=not useful)
        if id(layer) not in made:
            own = names.new(layer.name)
            prefix = f"{name}_{own}".upper()
            made[id(layer)] = part_of(layer, own, prefix, size, quantize is not None)
        part = made[id(layer)]
        size = part.outputs
        parts.append(part)
        fields = [names.new(state) for state in link.states]
        states |= dict.fromkeys(fields, part.size)
        if part.body or isinstance(layer, keras.layers.Masking):
            useful.append((layer, part, fields))
    for place, (layer, part, fields) in enumerate(useful, start=1):
        chain.add(layer, part, fields, last=place == len(useful))
    kinds = [f"{part.kind} {part.outputs}" for part in parts]
    facts = [
        f"{name}: a step of the Keras model {_plain(model.name)!r},",
        f"written by slim-keras {slim_keras.__version__}.",
        *_listed("layers     ", ["word" if words else f"input {inputs}", *kinds]),
        f"matrices   {'float32' if quantize is None else '8 bits'}",
    ]
    return Source(name, parts, states, chain.finished(parts), inputs, facts)


def _listed(head: str, items: Sequence[str]) -> Iterator[str]:
    """Items with arrows between, on lines that are not too long."""
    text = head + " -> ".join(items)
    lines = indented([text], 0)
    return (
        line if k == 0 else " " * len(head) + line.strip()
        for k, line in enumerate(lines)
    )


def _check_embedding(layer: keras.layers.Layer, words: bool, first: bool):
    embeds = isinstance(layer, keras.layers.Embedding)
    if embeds and not (words and first):
        raise ValueError(
            f"The layer {layer.name!r}, an Embedding, must be the first one and see "
            "words, (batch,). Received: another place or shape"
        )
    if words and first and not embeds and layer.weights:
        raise ValueError(
            "`model` must have an input of shape (batch, features), or (batch,) in "
            f"front of an Embedding. Received: (batch,) in front of {layer.name!r}"
        )


class _Chain:
    """The calls of the layers, and where each finds its input."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.current = "x"
        self.counts = ""  # the variable that says whether a step counts; "": it does

    def add(self, layer, part: Part, fields: list[str], last: bool):
        if isinstance(layer, keras.layers.Masking):
            self._masking(layer, part)
        elif part.states:
            self._recurrent(layer, part, fields)
        else:
            target = "y" if last else f"{part.name}_y{len(self.lines)}"
            kept = self.current == "x" or self.current.startswith("state->")
            if part.in_place and not kept and not last:
                target = self.current
            if target not in ("y", self.current):
                self.lines.append(f"    float {target}[{part.size}];")
            self.lines.append(f"    step_{part.name}({self.current}, {target});")
            self.current = target
        if getattr(layer, "mask_zero", False):
            self.counts = "counts"
            self.lines.append("    const int counts = x[0] != 0.0f;")
        if not layer.supports_masking:
            self.counts = ""

    def _masking(self, layer, part: Part):
        self.counts = f"{part.name}_counts{len(self.lines)}"
        value = literal(layer.mask_value)
        self.lines += [
            f"    int {self.counts} = 0;",
            f"    for (int j = 0; j < {part.size}; j++)",
            f"        {self.counts} |= {self.current}[j] != {value};",
        ]
        if layer.mask_value:
            self._zero(part)

    def _zero(self, part: Part):
        """Zeros take the place of what a step puts out that does not count."""
        target = f"{part.name}_y{len(self.lines)}"
        self.lines += [
            f"    float {target}[{part.size}];",
            f"    for (int j = 0; j < {part.size}; j++)",
            f"        {target}[j] = {self.counts} ? {self.current}[j] : 0.0f;",
        ]
        self.current = target

    def _recurrent(self, layer, part: Part, fields: list[str]):
        given = ", ".join([self.current, *(f"state->{field}" for field in fields)])
        if self.counts:
            self.lines.append(f"    if ({self.counts})")
        indent = "    " * (1 + bool(self.counts))
        self.lines += [indent + f"step_{part.name}({given});"]
        self.current = f"state->{fields[0]}"
        if self.counts and getattr(layer, "zero_output_for_mask", False):
            self._zero(part)
        if not getattr(layer, "return_sequences", False):
            self.counts = ""

    def finished(self, parts: list[Part]) -> list[str]:
        """The lines, with the last output in y."""
        if self.current == "y":
            return self.lines
        size = next(part.size for part in reversed(parts) if part.body)
        return [
            *self.lines,
            f"    for (int j = 0; j < {size}; j++)",
            f"        y[j] = {self.current}[j];",
        ]


class _Names:
    """Identifiers, none twice, whatever their case."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def new(self, name: str) -> str:
        base = found = re.sub("[^A-Za-z0-9]+", "_", name).strip("_") or "layer"
        count = 1
        while found.lower() in self.taken:
            count += 1
            found = f"{base}_{count}"
        self.taken.add(found.lower())
        return found


def _plain(text: str) -> str:
    """Without what would end a comment."""
    return re.sub(r"[^\w .,:+-]", "_", text)
