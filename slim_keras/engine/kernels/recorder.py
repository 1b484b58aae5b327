"""The steps of a pass written down as a straight line of assignments.

A step is a pure function of a handful of operations. `Recorder` implements them on
names: run on it, the step leaves a `Program`, from which the source of a kernel in
another language is printed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from slim_keras.engine import trees
from slim_keras.engine.backends import common
from slim_keras.engine.kernels.side import Side
from slim_keras.equations import add_product


@dataclass(frozen=True)
class Assignment:
    """`name = operation(operands)`, of one unit of one example.

    Attributes:
        name: The name that is assigned.
        operation: `"+"`, `"-"`, `"*"`, `"/"`, `">"`, `"<"`, `"&"`, `"where"`,
            `"before"` (the first operand, or the second at t = 0), `"tanh"`,
            `"sigmoid"`, `"relu"` or `"unit_clip"`.
        operands: Names and numbers.
    """

    name: str
    operation: str
    operands: tuple[str | float, ...]


@dataclass(frozen=True)
class Product:
    """`names = x @ matrix`: blocks of units side by side, times blocks of a matrix.

    Attributes:
        names: A name for each block of the result.
        operands: The blocks of x.
        matrix: The leaf of `fixed` that is the matrix.
        transposed: Whether its transpose is meant.
    """

    names: tuple[str, ...]
    operands: tuple[str | float, ...]
    matrix: str
    transposed: bool


@dataclass
class Program:
    """What `sweep` runs, as text: the leaves of nests are called by their place.

    Attributes:
        prologue: What depends on no step.
        body: One step.
        start: Operands that the carry starts with; leaves are `fixed0`, `fixed1` ...
        carry: Operands of the carry after the step; before it they are `carry0` ...
        stacked: Operands of what the step puts out.
        dtypes: The dtype that each of these was cast to, or `None`.
        forms: The nests of carry and of what is put out.
    """

    prologue: list[Assignment] = field(default_factory=list)
    body: list[Assignment | Product] = field(default_factory=list)
    start: tuple[str | float, ...] = ()
    carry: tuple[str | float, ...] = ()
    stacked: tuple[str | float, ...] = ()
    dtypes: tuple[str | None, ...] = ()
    forms: tuple[Any, Any] = (None, None)

    @property
    def matrix(self) -> Product | None:
        """The product of the step; no pass has two."""
        products = [one for one in self.body if isinstance(one, Product)]
        if len(products) > 1:
            raise NotImplementedError("a step with two matrix products")
        return products[0] if products else None


class Value:
    """A name of the program, or a number, in the place of an array."""

    shape = (1, 1)  # examples, blocks of units

    def __init__(
        self, recorder: "Recorder", operand: str | float, dtype: str | None = None
    ):
        self.recorder = recorder
        self.operand = operand
        self.dtype = dtype  # where it was cast
        self.blocks = 1  # of units, side by side in a matrix

    def __add__(self, other):
        return self.recorder.emit("+", self, other)

    def __radd__(self, other):
        return self.recorder.emit("+", other, self)

    def __sub__(self, other):
        return self.recorder.emit("-", self, other)

    def __rsub__(self, other):
        return self.recorder.emit("-", other, self)

    def __mul__(self, other):
        return self.recorder.emit("*", self, other)

    def __rmul__(self, other):
        return self.recorder.emit("*", other, self)

    def __gt__(self, other):
        return self.recorder.emit(">", self, other)

    def __lt__(self, other):
        return self.recorder.emit("<", self, other)

    def __and__(self, other):
        return self.recorder.emit("&", self, other)

    def __matmul__(self, matrix):
        return Values([self]) @ matrix


class Values(Side):
    """Values side by side, as of several blocks."""

    def __matmul__(self, matrix):
        return self.values[0].recorder.product(self.values, matrix)


@dataclass(frozen=True)
class Transposed:
    """The transpose of a matrix."""

    matrix: Value


class Recorder:
    """The operations of `engine.backends.Arithmetic`, written down."""

    def __init__(self) -> None:
        self.program = Program()
        self.lines: list[Any] = self.program.prologue
        self._count = 0

    def emit(self, operation: str, *operands: Any) -> Value:
        names = tuple(x.operand if isinstance(x, Value) else x for x in operands)
        name = self._name()
        self.lines.append(Assignment(name, operation, names))
        return Value(self, name)

    def product(self, values: Sequence[Value], matrix: Any) -> Value | Values:
        transposed = isinstance(matrix, Transposed)
        leaf = matrix.matrix if transposed else matrix
        names = tuple(self._name() for _ in range(1 if transposed else leaf.blocks))
        operands = tuple(x.operand for x in values)
        self.lines.append(Product(names, operands, leaf.operand, transposed))
        result = [Value(self, name) for name in names]
        return result[0] if transposed else Values(result)

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    add_product = staticmethod(add_product)
    tanh_pull = staticmethod(common.tanh_pull)
    sigmoid_pull = staticmethod(common.sigmoid_pull)

    def tanh(self, x):
        return self.emit("tanh", x)

    def sigmoid(self, x):
        return self.emit("sigmoid", x)

    def relu(self, x):
        return self.emit("relu", x)

    def unit_clip(self, x):
        return self.emit("unit_clip", x)

    def where(self, condition, x, y):
        return self.emit("where", condition, x, y)

    def zeros_like(self, x):
        return Value(self, 0.0)

    def cast(self, x, dtype):
        # A kernel computes in the dtype of its carry, whatever it reads and writes.
        return Value(self, x.operand, dtype) if isinstance(x, Value) else x

    def transpose(self, x):
        return Transposed(x)

    def join(self, arrays):
        return Values(arrays)


def record(build: Callable, fixed: Any, rows: Any, earlier: Any) -> Program:
    """Writes down the steps that `engine.sweep.sweep` would run with these arguments.

    Of the arrays, the shapes of those in `fixed` alone are looked at.
    """
    recorder = Recorder()
    program = recorder.program

    def leaves(name: str, tree: Any) -> Any:
        count = len(trees.flatten(tree))
        return trees.rebuild(
            tree, [Value(recorder, f"{name}{k}") for k in range(count)]
        )

    shared = leaves("fixed", fixed)
    for value, array in zip(trees.flatten(shared), trees.flatten(fixed), strict=True):
        if len(array.shape) == 2:
            value.blocks = max(1, array.shape[1] // max(1, array.shape[0]))

    def before(value: Value) -> Callable:
        def previous(first, function=lambda x: x):
            return recorder.emit("before", function(value), first)

        return previous

    def operands(tree: Any) -> tuple:
        return tuple(x.operand for x in trees.flatten(tree))

    step, start = build(recorder, shared)
    recorder.lines = program.body
    carry, stacked = step(
        leaves("carry", start),
        leaves("row", rows),
        trees.transform(before, leaves("earlier", earlier)),
    )
    program.start, program.carry = operands(start), operands(carry)
    program.stacked = operands(stacked)
    program.dtypes = tuple(x.dtype for x in trees.flatten(stacked))
    program.forms = (start, stacked)
    return program
