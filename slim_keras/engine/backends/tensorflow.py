"""The engine's operations in TensorFlow; `Backend` documents them."""

import functools
import sys
import types

import keras
import tensorflow as tf

from slim_keras.engine import trees
from slim_keras.engine.backends import FIRST_ORDER
from slim_keras.engine.backends.common import (
    opaque as opaque,
    sigmoid_pull as sigmoid_pull,
    tanh_pull as tanh_pull,
)
from slim_keras.engine.places import instead as instead, output
from slim_keras.equations import add_product as add_product

tanh = tf.tanh
sigmoid = tf.sigmoid
relu = tf.nn.relu
where = tf.where
zeros_like = tf.zeros_like
transpose = tf.transpose
tensor = tf.convert_to_tensor  # a variable's value, not the variable
cast = tf.cast


def unit_clip(x):
    return tf.clip_by_value(x, 0, 1)


def join(arrays):
    return arrays[0] if len(arrays) == 1 else tf.concat(arrays, axis=-1)


def beside(arrays, units):
    # XLA's own operator that writes columns in place is not public.
    return (
        arrays[0]
        if len(arrays) == 1
        else join([tf.reshape(x, (-1, units)) for x in arrays])
    )


def column_sums(x):
    return tf.reduce_sum(x, axis=tuple(range(x.shape.rank - 1)))


def shifted(first, stack):
    return tf.concat([first[None], stack[:-1]], axis=0)


def outer(x, y):
    x, y = (tf.reshape(a, (-1, a.shape[-1])) for a in (x, y))
    return tf.matmul(x, y, transpose_a=True)


def product(x, matrix):
    return tf.tensordot(x, matrix, 1)  # `@` would multiply step by step


def steps(x):
    return x.shape[0] or tf.shape(x)[0]


def length(steps):
    """The steps that a pass has, for sequences of some steps.

    XLA compiles for each number of steps. Where it may be another one each time, as no
    graph knows it or no graph is there, it is made one of few: of four from each power
    of 2 to the next.
    """
    if isinstance(steps, int):
        unit = 1 << max(steps.bit_length() - 3, 0)
        known = steps % unit == 0 or not tf.executing_eagerly()
        return steps if known else steps - steps % unit + unit
    if recorded():
        return steps
    power = tf.floor(tf.math.log(tf.cast(steps, "float32")) / tf.math.log(2.0))
    unit = tf.maximum(tf.cast(2.0 ** (power - 2), steps.dtype), 1)
    return (steps + unit - 1) // unit * unit


def shaped(x, shape):
    # A compiled function that several shapes share knows none of them.
    x.set_shape([n if isinstance(n, int) else None for n in shape])
    return x


def previous(stack, t, first, function=lambda x: x):
    return tf.where(t > 0, function(stack[tf.maximum(t - 1, 0)]), first)


def pull_of(function):
    def pull(x, y, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        # Zero for a step function.
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(y, x, output_gradients=dy, unconnected_gradients=zero)

    return pull


@trees.on_lists
def iterate(step, carry, rows, count, reverse, unroll=1):
    reads = [
        tf.TensorArray(
            r.dtype, count, element_shape=r.shape[1:], clear_after_read=False
        ).unstack(r)
        for r in rows
    ]
    # Only its shapes, dtypes and places are used; XLA drops the rest.
    first = [r[0] for r in rows]
    _, like = step(carry, tf.constant(0), first)
    places = [output(x).place(first) for x in like]
    like = [output(x).parts[0] for x in like]
    stacks = [
        tf.TensorArray(x.dtype, count, element_shape=x.shape) if j is None else reads[j]
        for x, j in zip(like, places, strict=True)
    ]

    def several(number, k, carry, stacks):
        for _ in range(number):
            t = count - 1 - k if reverse else k
            now = [
                stacks[places.index(j)] if j in places else r
                for j, r in enumerate(reads)
            ]
            carry, new = step(carry, t, [r.read(t) for r in now])
            new = [output(x).parts[0] for x in new]
            stacks = [s.write(t, x) for s, x in zip(stacks, new, strict=True)]
            k += 1
        return k, carry, stacks

    def left(number, k, *_):
        return k + number <= count

    now = tf.constant(0), carry, stacks
    for number in dict.fromkeys((unroll, 1)):  # the last steps one by one
        now = tf.while_loop(
            functools.partial(left, number),
            functools.partial(several, number),
            now,
            maximum_iterations=count // number,
        )
    _, carry, stacks = now
    return carry, [s.stack() for s in stacks]


def differentiable(forward, backward, needed, training):
    # Compiled also inside a model that is not. TensorFlow counts traces by a function's
    # code and would warn of layers side by side; a `partial` has no code.
    def compiled(function):
        return tf.function(
            functools.partial(function),
            jit_compile=True,
            autograph=False,
            reduce_retracing=True,
        )

    keeping = compiled(lambda *arrays: forward(arrays, keep=True))
    light = compiled(lambda *arrays: forward(arrays, keep=False))
    back = compiled(backward)

    @tf.custom_gradient
    def compiled_run(*arrays):
        # A tape that saw the loop would ask XLA for the lists inside it.
        hidden = [tf.stop_gradient(a) for a in arrays]
        outputs, kept = (keeping if training else light)(*hidden)

        def pull(*gradients):
            # In a branch of `tf.cond` what comes from its forward pass is found by
            # operators, but not by a compiled function.
            here = [tf.identity(a) for a in hidden]
            held = trees.transform(tf.identity, kept)
            saved = [a if n else None for a, n in zip(here, needed, strict=True)]
            cut = [tf.stop_gradient(g) for g in gradients]
            found = back(saved, held or keeping(*here)[1], cut)
            found = [
                None if g is None else shaped(tf.identity(g), a.shape)
                for g, a in zip(found, arrays, strict=True)
            ]
            return _first_order(found, (*arrays, *gradients))

        return outputs, pull

    def run(*arrays):
        if recorded():
            return forward(arrays, keep=False)[0]
        return compiled_run(*arrays)

    return run


def recorded():
    """Whether `Model.export` is tracing; ONNX has no function that XLA compiles."""
    if tf.executing_eagerly():
        return False
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), _archive()):
            return True
        frame = frame.f_back
    return False


@functools.cache
def _archive():
    return type(keras.export.ExportArchive())  # which makes objects of another class


def _first_order(gradients, sources):
    """The gradients, of which none can be had again by what they were made of.

    They were made of cut arrays, so that a second gradient would be found to be zero.
    It is led back to the sources as well, at no cost, and there it is refused.
    """
    guarded = [
        tf.raw_ops.PreventGradient(input=source, message=FIRST_ORDER)
        for source in sources
        if source.dtype.is_floating
    ]
    there = [g for g in gradients if g is not None]
    found = iter(tf.identity_n([*there, *guarded]))
    return [None if g is None else next(found) for g in gradients]
