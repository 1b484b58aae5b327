"""What the engine needs of a backend; `backend` is the module of the one in use."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras

Array = Any

BACKENDS = ("tensorflow", "jax", "torch")

FIRST_ORDER = (
    "`engine='scan'` and `engine='kernel'` have no second derivative. Build the layer "
    "with `engine='loop'`."
)
"""What the backends say if a second gradient is asked for."""


class Arithmetic(Protocol):
    """The operations that a step is made of, beside `+ - * @` and comparisons."""

    def tanh(self, x: Array) -> Array: ...
    def sigmoid(self, x: Array) -> Array: ...
    def relu(self, x: Array) -> Array: ...

    def unit_clip(self, x: Array) -> Array:
        """x, cut to [0, 1]."""

    def where(self, condition: Array, x: Array, y: Array) -> Array: ...
    def zeros_like(self, x: Array) -> Array: ...
    def cast(self, x: Array, dtype: str) -> Array: ...
    def transpose(self, x: Array) -> Array: ...

    def join(self, arrays: Sequence[Array]) -> Array:
        """The arrays side by side, along their last axis."""

    def add_product(self, total: Array, a: Array | float, b: Array) -> Array:
        """total + a * b."""

    def tanh_pull(self, x: Array, y: Array, dy: Array) -> Array: ...
    def sigmoid_pull(self, x: Array, y: Array, dy: Array) -> Array: ...

    def pull_of(self, function: Callable) -> Callable:
        """`(x, y, dy) -> dx` of any function, by automatic differentiation."""


class Backend(Arithmetic, Protocol):
    """What runs a step over all of a sequence, and makes a pass of the runs."""

    def tensor(self, x: Array) -> Array:
        """The array as a pass wants it: the value of a variable, in memory in order."""

    def column_sums(self, x: Array) -> Array:
        """The sums over all axes but the last."""

    def product(self, x: Array, matrix: Array) -> Array:
        """x_t times a matrix, of all steps at once."""

    def beside(self, arrays: Sequence[Array], units: int) -> Any:
        """What a step puts out to have blocks of units side by side in a stack; as
        one axis with the batch, too."""

    def instead(self, row: Array, value: Array) -> Any:
        """What a step puts out to have a value in the place of the row that it read,
        where the loop can."""

    def shifted(self, first: Array, stack: Array) -> Array:
        """The stack one step later, `first` in front."""

    def outer(self, x: Array, y: Array) -> Array:
        """The sum over steps and batch of x_t^T y_t."""

    def length(self, steps: Any) -> Any:
        """How many steps a pass has for sequences of `steps`, or more, which then
        are padded."""

    def recorded(self) -> bool:
        """Whether Keras' own export, or a tracer of the backend, writes down what runs:
        the pass is then made of plain operators."""

    def steps(self, x: Array) -> Any:
        """The length of the first axis."""

    def shaped(self, x: Array, shape: Sequence[Any]) -> Array:
        """x, with those of its sizes recorded that are integers in `shape`."""

    def previous(self, stack: Array, t: Any, first: Array, function: Callable) -> Array:
        """`function(stack[t - 1])`, or `first` at t = 0."""

    def iterate(
        self, step: Callable, carry: Any, rows: Any, count: Any, reverse: bool = False
    ) -> tuple[Any, Any]:
        """The time loop over the first axis of `rows`, `count` steps of
        `step(carry, t, row) -> carry, stacked`, all of them nests of arrays. Returns
        the last carry and the stacks.

        Those of JAX and TensorFlow take `unroll` as well, the steps of one turn.
        """

    def differentiable(
        self, forward: Callable, backward: Callable, needed: Any, training: bool
    ) -> Callable:
        """The compiled pass with a gradient made by hand.

        `forward(arrays, keep)` gives outputs and what `backward(arrays, kept,
        gradients)` needs beside those arrays that are `needed`; the others come as
        `None`. A backend that cannot tell whether a gradient will be asked for expects
        one in training; otherwise it keeps nothing, and runs forward again if one is.
        PyTorch's gives `backward` one argument more: for which arrays a gradient is
        wanted.
        """

    def opaque(self, function: Callable) -> Callable:
        """The function, into which the backend's tracing compiler does not look."""


backend: Any = None
if keras.backend.backend() in BACKENDS:
    backend = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
