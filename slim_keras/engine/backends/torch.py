"""The engine's operations in PyTorch; `Backend` documents them."""

import functools
import sys
from contextlib import suppress

import torch

from slim_keras.engine import trees
from slim_keras.engine.backends import FIRST_ORDER
from slim_keras.engine.backends.common import (
    length as length,
    product as product,
    shaped as shaped,
    steps as steps,
)

# Triton crashes where TensorFlow was loaded first, and Keras loads TensorFlow to save a
# model or to read one.
if "tensorflow" not in sys.modules:
    with suppress(ImportError):
        import triton as triton

tanh = torch.tanh
sigmoid = torch.sigmoid
relu = torch.relu
where = torch.where
zeros_like = torch.zeros_like
opaque = torch.compiler.disable


def tensor(x):
    return x.contiguous()  # once, not wherever it is read


def cast(x, dtype):
    dtype = getattr(torch, dtype)
    return x if x.dtype is dtype else x.to(dtype)


def transpose(x):
    return x.T


def unit_clip(x):
    return torch.clamp(x, 0, 1)


# One kernel each, where operators would take three and two.
def tanh_pull(x, y, dy):
    return torch.ops.aten.tanh_backward(dy, y)


def sigmoid_pull(x, y, dy):
    return torch.ops.aten.sigmoid_backward(dy, y)


def add_product(total, a, b):
    if isinstance(a, (int, float)):
        return torch.add(total, b, alpha=a)
    return torch.addcmul(total, a, b)


def join(arrays):
    return arrays[0] if len(arrays) == 1 else torch.cat(arrays, dim=-1)


def beside(arrays, units):
    return arrays[0] if len(arrays) == 1 else join([x.view(-1, units) for x in arrays])


def instead(row, value):
    return value


def column_sums(x):
    return x.reshape(-1, x.shape[-1]).sum(dim=0)


def outer(x, y):
    rows = x.shape[:-1].numel()
    # A narrow product that sums over many rows is quicker in parts.
    parts = next(k for k in (4, 2, 1) if rows % k == 0) if x.shape[-1] <= 64 else 1
    x, y = (a.reshape(parts, -1, a.shape[-1]) for a in (x, y))
    return torch.bmm(x.mT, y).sum(dim=0)


def shifted(first, stack):
    return torch.cat([first[None], stack[:-1]])


def previous(stack, t, first, function=lambda x: x):
    return function(stack[t - 1]) if t > 0 else first


def pull_of(function):
    def pull(x, y, dy):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = function(x)
            if not y.requires_grad:  # a step function
                return zeros_like(x)
            return torch.autograd.grad(y, x, dy)[0]

    return pull


def recorded():
    if torch.compiler.is_exporting() and torch.compiler.is_dynamo_compiling():
        _refuse_strict()
    return torch.jit.is_tracing() or torch.compiler.is_exporting()


@functools.partial(
    torch.compiler.disable,
    reason="the layers of slim_keras need torch.export.export(..., strict=False)",
)
def _refuse_strict():
    """Ends Dynamo's tracing, which does not follow Keras' own loop either."""


def iterate(step, carry, rows, count, reverse=False):
    stacks: list = [None] * count
    unbound = [r.unbind() for r in trees.flatten(rows)]
    form = None
    for k in range(count):
        t = count - 1 - k if reverse else k
        carry, form = step(carry, t, trees.rebuild(rows, [r[t] for r in unbound]))
        stacks[t] = trees.flatten(form)
    columns = (torch.stack(column) for column in zip(*stacks, strict=True))
    return carry, trees.rebuild(form, columns)


def differentiable(forward, backward, needed, training):
    class Pass(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *arrays):
            outputs, kept = forward(arrays, keep=True)
            ctx.form = trees.transform(lambda _: True, kept)
            saved = [a if n else None for a, n in zip(arrays, needed, strict=True)]
            ctx.save_for_backward(*saved, *trees.flatten(kept))
            return outputs

        @staticmethod
        def backward(ctx, *gradients):
            # PyTorch's own `once_differentiable` sees only a second gradient that
            # goes through the first one's incoming gradients.
            if torch.is_grad_enabled():
                raise NotImplementedError(f"{FIRST_ORDER} Received: create_graph=True")
            tensors = ctx.saved_tensors  # a checkpoint unpacks them once
            saved, kept = tensors[: len(needed)], tensors[len(needed) :]
            kept = trees.rebuild(ctx.form, kept)
            return backward(saved, kept, gradients, ctx.needs_input_grad)

    def run(*arrays):
        learning = torch.is_grad_enabled() and any(a.requires_grad for a in arrays)
        # A tracer would write down what `Pass` keeps in the place of its outputs.
        if learning and not recorded():
            return Pass.apply(*arrays)
        return forward(arrays, keep=False)[0]

    return run
