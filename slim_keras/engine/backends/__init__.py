"""What the engine needs of a backend, in the words of the backend in use.

`differentiable(forward, backward, needed, training)` makes the compiled pass with its
own gradient: `forward(arrays, keep)` gives outputs and what `backward(arrays, kept,
gradients)` needs beside those arrays that are `needed`; the others come as `None`.
Where a backend cannot tell whether a gradient will be asked for, it expects one in
training and otherwise keeps nothing, and runs forward again if one is.
`scan(step, carry, rows, count=None, reverse=False)` is the loop: `step(carry, t, row)
-> carry, stacked` over the leading axis of the list `rows` (`count` steps where it
is empty); it returns the last carry and the list of stacks. JAX' takes `unroll`, the
steps of one turn, as well.
`length(steps)` is how many steps a pass has for sequences of so many, or more, which
then are padded.
`previous(stack, t, first, function)` is `function(stack[t - 1])`, or `first` at 0.
"""

import importlib
from typing import Any

import keras

BACKENDS = ("tensorflow", "jax", "torch")

primitives: Any = None
if keras.backend.backend() in BACKENDS:
    primitives = importlib.import_module(
        f"slim_keras.engine.backends.{keras.backend.backend()}"
    )
